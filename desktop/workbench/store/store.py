"""The store: every read and write of the history, from any thread."""

from __future__ import annotations

import json
import sqlite3
import threading
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from desktop.workbench.store import files, migrations, repair, tree
from desktop.workbench.store import search as index
from desktop.workbench.store.access import (
    Access,
    assignments,
    check_choice,
    check_fields,
    gone,
    locked,
    newer,
    values,
)
from desktop.workbench.store.failures import is_damage, os_error, plain_errors
from desktop.workbench.store.records import (
    ROLES,
    STATUSES,
    ConversationRow,
    MessageRow,
    ModelRow,
    TrashRow,
    checked_json,
    clean,
    conversation_row,
    message_row,
    model_row,
    new_id,
    to_json,
)
from desktop.workbench.store.runs import Runs, purge_runs
from models.errors import UserError, sentence

KEPT_BACKUPS = 3
_CONVERSATION = """c.id, c.title, c.created, c.updated, c.system, c.model, c.settings, c.leaf,
    (SELECT count(*) FROM messages m WHERE m.conversation = c.id AND m.deletion IS NULL) AS messages"""
_CONVERSATION_FIELDS = frozenset({"title", "system", "model", "settings", "leaf"})
_MESSAGE_FIELDS = frozenset({"content", "thinking", "status", "finish_reason", "usage", "timings", "error"})
_MODEL_FIELDS = frozenset({"note", "settings", "used"})


class Store:
    """Conversations as trees of messages, runs, drafts, settings and notes on models in one SQLite file.

    One connection behind one lock: every method may be called from any thread, and raises
    UserError with one of the codes data_folder, disk_full, read_only, gone, store.

    Attributes:
        file: where it lies. runs: the runs of tasks in it.
        read_only: True for a file of a newer version; every write then raises UserError.
        warning: what the user has to be told about the file, such as a repair; None when all is well.
    """

    def __init__(self, conn: sqlite3.Connection, path: Path, warning: UserError | None) -> None:
        self.file = path
        self.read_only = warning is not None and warning.code == "read_only"
        self.warning = warning
        self._conn = conn
        self._db = Access(conn, path, read_only=self.read_only)
        self._backing_up = threading.Lock()
        self.runs = Runs(self._db)

    @property
    def notice(self) -> str | None:
        """The warning as an English sentence."""
        return None if self.warning is None else f"{self.warning.text} {self.warning.hint_text}".strip()

    # ------------------------------------------------------------ opening and closing

    @classmethod
    def open(cls, path: Path) -> Store:
        """Open or create the store; see `warning` for what was found.

        A damaged file is set aside, and replaced from the newest good backup and what can still be
        read. A newer version's file is opened read-only. Another program's file is refused.
        """
        files.prepare_folder(path.parent)
        try:
            with plain_errors(path):
                repair.finish(path)
                state = repair.state(path)
                if state == "foreign":
                    raise UserError(
                        "{path} belongs to another program.",
                        hint="Move it away, or choose another data folder.",
                        code="store",
                        path=path,
                    )
                if state == "newer":
                    return cls(files.connect_read_only(path), path, newer(path))
                warning = repair.repair(path) if state == "damaged" else None
                files.make_private(path)
                return cls(_connect(path), path, warning)
        except OSError as error:
            raise os_error(error, path.parent) from error

    @locked
    def close(self) -> None:
        """Close the file; SQLite merges the write-ahead log into it."""
        self._conn.close()

    @locked
    def checkpoint(self) -> None:
        """Merge the write-ahead log into the file."""
        if not self.read_only:
            self._conn.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()

    def backup(self, *, if_older_than: float = 0.0) -> Path | None:
        """Write a backup and keep the newest three; None when read-only or the newest is young enough (s).

        Does not hold up other calls: run it in the background after the start.
        """
        if self.read_only:
            return None
        with self._backing_up:
            old = files.backups(self.file)
            if old and time.time() - old[0].stat().st_mtime < if_older_than:
                return None
            return self._new_backup(KEPT_BACKUPS)

    def _new_backup(self, keep: int) -> Path:
        try:
            with plain_errors(self.file):
                made = files.backup(self.file)
            for surplus in files.backups(self.file)[keep:]:
                surplus.unlink(missing_ok=True)
        except OSError as error:
            raise os_error(error, self.file.parent) from error
        return made

    # ------------------------------------------------------------ conversations

    @locked
    def create_conversation(
        self, *, title: str = "", system: str = "", model: str = "", settings: Mapping[str, Any] | None = None
    ) -> ConversationRow:
        """A new conversation; it is listed once it has a message or a draft."""
        id, now = new_id(), time.time()
        with self._db.write() as conn:
            cursor = conn.execute(
                "INSERT INTO conversations(id, title, created, updated, system, model, settings) "
                "VALUES (?, ?, ?, ?, ?, ?, ?)",
                (id, clean(title), now, now, clean(system), clean(model), checked_json(settings)),
            )
            index.put(conn, index.TITLES, cursor.lastrowid or 0, clean(title))
        return self.conversation(id)

    @locked
    def conversations(self, *, limit: int | None = None, search: str = "") -> list[ConversationRow]:
        """Conversations with a message or a draft, newest first; `search` looks in titles and messages."""
        try:
            return self._listed(search, limit)
        except sqlite3.DatabaseError as error:
            if not search or not is_damage(error) or self.read_only:
                raise
        with self._db.write() as conn:  # only the index is damaged: the rows were checked at the start
            index.rebuild(conn)
        return self._listed(search, limit)

    def _listed(self, text: str, limit: int | None) -> list[ConversationRow]:
        found, wanted = _search_condition(text)
        rows = self._conn.execute(
            f"""SELECT {_CONVERSATION} FROM conversations c
            WHERE c.deleted IS NULL AND {found} AND (messages > 0
                OR EXISTS (SELECT 1 FROM drafts d WHERE d.conversation = c.id))
            ORDER BY c.updated DESC, c.number DESC LIMIT ?""",
            (*wanted, -1 if limit is None else limit),
        )
        return [conversation_row(row) for row in rows]

    @locked
    def conversation(self, id: str) -> ConversationRow:
        """One conversation; UserError "gone" when it does not exist or is in the trash."""
        row = self._conn.execute(
            f"SELECT {_CONVERSATION} FROM conversations c WHERE c.id = ? AND c.deleted IS NULL", (id,)
        ).fetchone()
        if row is None:
            raise gone(sentence("This conversation is no longer there."))
        return conversation_row(row)

    def _alive(self, id: str) -> str | None:
        """The leaf of a conversation; UserError "gone" as above, without counting its messages."""
        row = self._conn.execute(
            "SELECT leaf FROM conversations WHERE id = ? AND deleted IS NULL", (id,)
        ).fetchone()
        if row is None:
            raise gone(sentence("This conversation is no longer there."))
        return None if row[0] is None else str(row[0])

    @locked
    def update_conversation(self, id: str, **fields: Any) -> ConversationRow:
        """Change title, system, model, settings or leaf.

        With `leaf` the conversation shows the branch through that message, down to its last used
        tail: the row's `leaf` is that tail.
        """
        check_fields(fields, _CONVERSATION_FIELDS)
        self._alive(id)
        with self._db.write() as conn:
            columns = {name: value for name, value in fields.items() if name != "leaf"}
            if columns:
                conn.execute(
                    f"UPDATE conversations SET {assignments(columns)} WHERE id = ?", (*values(columns), id)
                )
            if "title" in fields:
                number = conn.execute("SELECT number FROM conversations WHERE id = ?", (id,)).fetchone()[0]
                index.put(conn, index.TITLES, number, clean(fields["title"]))
            if "leaf" in fields:
                if fields["leaf"] is not None:
                    self._visible(fields["leaf"], id)
                tree.end_at(conn, id, fields["leaf"])
        return self.conversation(id)

    @locked
    def delete_conversation(self, id: str) -> None:
        """Move a conversation to the trash."""
        self._alive(id)
        with self._db.write() as conn:
            conn.execute("UPDATE conversations SET deleted = ? WHERE id = ?", (time.time(), id))

    @locked
    def restore_conversation(self, id: str) -> None:
        """Take a conversation out of the trash."""
        with self._db.write() as conn:
            if not conn.execute("UPDATE conversations SET deleted = NULL WHERE id = ?", (id,)).rowcount:
                raise gone(sentence("This conversation is no longer there."))

    @locked
    def trash(self) -> list[TrashRow]:
        """Deleted conversations, messages and runs, the last deleted first."""
        rows = self._conn.execute(
            """SELECT 'conversation', c.id, c.id, c.title, c.deleted, (SELECT count(*) FROM messages m
                WHERE m.conversation = c.id AND m.deletion IS NULL)
            FROM conversations c WHERE c.deleted IS NOT NULL
            UNION ALL
            SELECT 'message', d.message, d.conversation, substr(m.content, 1, 200), d.deleted,
                (SELECT count(*) FROM messages n WHERE n.deletion = d.message)
            FROM deletions d JOIN messages m ON m.id = d.message JOIN conversations c ON c.id = d.conversation
            WHERE c.deleted IS NULL
            UNION ALL
            SELECT 'run', r.id, '', r.title, r.deleted, 0 FROM runs r WHERE r.deleted IS NOT NULL
            ORDER BY 5 DESC, 2 DESC"""
        )
        return [TrashRow(*row) for row in rows]

    def empty_trash(self) -> None:
        """Delete for good: rows, search index, write-ahead log and the backups that still had them.

        Rewrites the file, and no other call is answered meanwhile: run it off the window's thread.
        A damaged file that was set aside is the user's to delete.
        """
        with self._backing_up, self._db.lock, plain_errors(self.file):
            with self._db.write() as conn:
                _purge(conn)
                purge_runs(conn)
                index.optimize(conn)
            self._conn.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()
            self._conn.execute("VACUUM")
            busy, _, _ = self._conn.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
            self._renew_backups()
            if busy:
                raise UserError(
                    "The trash is empty, but another program is reading the history and traces may remain.",
                    hint="Close the other program, then empty the trash again.",
                    code="store",
                )

    def _renew_backups(self) -> None:
        """One backup without what was deleted in the place of the older ones."""
        old = files.backups(self.file)
        if not old:
            return
        try:
            self._new_backup(keep=1)
        except UserError:
            # No room for another copy: what was deleted still has to go.
            for backup in old:
                backup.unlink(missing_ok=True)
            self._new_backup(keep=1)

    # ------------------------------------------------------------ messages

    @locked
    def add_message(
        self,
        conversation: str,
        parent: str | None,
        role: str,
        content: str,
        *,
        status: str = "done",
        model: str = "",
        system: str = "",
        settings: Mapping[str, Any] | None = None,
    ) -> MessageRow:
        """Add a message below `parent` (None: as a first message) and make the conversation end with it."""
        check_choice("role", role, ROLES)
        check_choice("status", status, STATUSES)
        self._alive(conversation)
        if parent is not None:
            self._visible(parent, conversation)
        id, now, content = new_id(), time.time(), clean(content)
        about = (clean(model), clean(system), checked_json(settings))
        with self._db.write(durable=status != "streaming") as conn:
            cursor = conn.execute(
                """INSERT INTO messages(id, conversation, parent, role, content, thinking, status, created,
                    model, system, settings, finish_reason, usage, timings, error)
                VALUES (?, ?, ?, ?, ?, '', ?, ?, ?, ?, ?, '', '{}', '{}', '')""",
                (id, conversation, parent, role, content, status, now, *about),
            )
            conn.execute("UPDATE conversations SET updated = ? WHERE id = ?", (now, conversation))
            tree.append(conn, conversation, parent, id)
            if status != "streaming":
                index.put(conn, index.MESSAGES, cursor.lastrowid or 0, content)
        return self._message(id)

    @locked
    def update_message(self, id: str, **fields: Any) -> MessageRow:
        """Change content, thinking, status, finish_reason, usage, timings or error.

        Saves of a streaming answer do not wait for the disk; its end does. An answer may end
        after it was deleted: it is saved all the same, so that undo brings back all of it.
        """
        check_fields(fields, _MESSAGE_FIELDS)
        if "status" in fields:
            check_choice("status", fields["status"], STATUSES)
        row = self._conn.execute(
            "SELECT number, status, conversation FROM messages WHERE id = ?", (id,)
        ).fetchone()
        if row is None:
            raise gone(sentence("This message is no longer there."))
        number, status, conversation = row
        ended = fields.get("status", status) != "streaming"
        with self._db.write(durable=ended) as conn:
            if fields:
                conn.execute(f"UPDATE messages SET {assignments(fields)} WHERE id = ?", (*values(fields), id))
            if ended and not fields.keys().isdisjoint({"content", "status"}):
                content = conn.execute("SELECT content FROM messages WHERE id = ?", (id,)).fetchone()[0]
                index.put(conn, index.MESSAGES, number, content)
                conn.execute("UPDATE conversations SET updated = ? WHERE id = ?", (time.time(), conversation))
        return self._message(id)

    @locked
    def message(self, id: str) -> MessageRow:
        """One message; UserError "gone" when it does not exist or was deleted."""
        self._visible(id)
        return self._message(id)

    @locked
    def path(self, conversation: str, leaf: str | None = None) -> list[MessageRow]:
        """The messages from the first one to `leaf` (None: to where the conversation ends now)."""
        end = leaf if leaf is not None else self._alive(conversation)
        if end is None:
            return []
        self._visible(end, conversation)
        return [message_row(row) for row in tree.path(self._conn, end)]

    @locked
    def select_sibling(self, message_id: str, step: int) -> str:
        """Step to an earlier (-1) or later (+1) sibling and its last used tail; returns the new leaf.

        Stepping past the ends stays at the end.
        """
        row = self.message(message_id)
        family = tree.siblings(self._conn, row.conversation, row.parent)
        place = min(max(family.index(message_id) + step, 0), len(family) - 1)
        with self._db.write() as conn:
            return tree.end_at(conn, row.conversation, family[place]) or ""

    @locked
    def delete_message(self, id: str) -> str:
        """Hide a message and all below it; returns the conversation's leaf, "" when nothing is left."""
        self._visible(id)
        with self._db.write() as conn:
            return tree.delete(conn, id, time.time()) or ""

    @locked
    def restore_message(self, id: str) -> None:
        """Undo a deletion: what it hid comes back and the conversation ends where it did before."""
        with self._db.write() as conn:
            if not conn.execute("SELECT 1 FROM messages WHERE id = ?", (id,)).fetchone():
                raise gone(sentence("This message is no longer there."))
            tree.restore(conn, id)

    @locked
    def mark_interrupted(self) -> int:
        """Mark answers and runs that the end of the app cut short; returns how many. For the start."""
        if self.read_only:
            return 0
        with self._db.write() as conn:
            rows = conn.execute("SELECT number, content FROM messages WHERE status = 'streaming'").fetchall()
            conn.execute("UPDATE messages SET status = 'interrupted' WHERE status = 'streaming'")
            for number, content in rows:
                index.put(conn, index.MESSAGES, number, content)
            runs = conn.execute("UPDATE runs SET status = 'interrupted' WHERE status = 'running'").rowcount
        return len(rows) + runs

    def _message(self, id: str) -> MessageRow:
        row = self._conn.execute(f"SELECT {tree.MESSAGE} FROM messages m WHERE m.id = ?", (id,)).fetchone()
        return message_row(row)

    def _visible(self, id: str, conversation: str | None = None) -> None:
        """Raise UserError "gone" unless the message can be seen (in that conversation)."""
        row = self._conn.execute(
            "SELECT conversation FROM messages WHERE id = ? AND deletion IS NULL", (id,)
        ).fetchone()
        if row is None or (conversation is not None and row[0] != conversation):
            raise gone(sentence("This message is no longer there."))

    # ------------------------------------------------------------ drafts and settings

    @locked
    def draft(self, conversation: str) -> str:
        """The unsent text of a conversation; "" stands for the new chat."""
        row = self._conn.execute("SELECT text FROM drafts WHERE conversation = ?", (conversation,)).fetchone()
        return str(row[0]) if row else ""

    @locked
    def set_draft(self, conversation: str, text: str) -> None:
        """Keep unsent text; an empty one forgets it."""
        with self._db.write(durable=False) as conn:
            known = conn.execute("SELECT 1 FROM conversations WHERE id = ?", (conversation,)).fetchone()
            if conversation and not known:
                raise gone(sentence("This conversation is no longer there."))
            if text:
                conn.execute("INSERT OR REPLACE INTO drafts VALUES (?, ?)", (conversation, clean(text)))
            else:
                conn.execute("DELETE FROM drafts WHERE conversation = ?", (conversation,))

    @locked
    def get_setting(self, key: str, default: Any = None) -> Any:
        """A stored JSON value."""
        row = self._conn.execute("SELECT value FROM settings WHERE key = ?", (key,)).fetchone()
        try:
            return json.loads(row[0]) if row else default
        except ValueError:  # damaged: a setting has a default, so nobody has to be told
            return default

    @locked
    def set_setting(self, key: str, value: Any) -> None:
        """Store a JSON value."""
        with self._db.write() as conn:
            conn.execute("INSERT OR REPLACE INTO settings VALUES (?, ?)", (key, to_json(value)))

    # ------------------------------------------------------------ models

    @locked
    def models(self) -> dict[str, ModelRow]:
        """What is kept about models, by their ids."""
        rows = self._conn.execute("SELECT id, note, settings, used FROM models")
        return {row[0]: model_row(row) for row in rows}

    @locked
    def model(self, id: str) -> ModelRow:
        """What is kept about one model; nothing yet is an empty row."""
        row = self._conn.execute(
            "SELECT id, note, settings, used FROM models WHERE id = ?", (clean(id),)
        ).fetchone()
        return model_row(row) if row else ModelRow(clean(id))

    @locked
    def update_model(self, id: str, **fields: Any) -> ModelRow:
        """Change note, settings or used. When it was used may be lost to a power cut, the others not."""
        check_fields(fields, _MODEL_FIELDS)
        with self._db.write(durable=fields.keys() != {"used"}) as conn:
            conn.execute("INSERT OR IGNORE INTO models VALUES (?, '', '{}', 0)", (clean(id),))
            conn.execute(
                f"UPDATE models SET {assignments(fields)} WHERE id = ?", (*values(fields), clean(id))
            )
        return self.model(id)


def _connect(path: Path) -> sqlite3.Connection:
    conn = sqlite3.connect(path, isolation_level=None, check_same_thread=False, timeout=10)
    try:
        for pragma in (
            "journal_mode = WAL",
            "synchronous = FULL",
            "foreign_keys = ON",
            "secure_delete = ON",
            # On macOS only this makes FULL wait for the disk and not just for its cache.
            "fullfsync = ON",
            "checkpoint_fullfsync = ON",
        ):
            conn.execute(f"PRAGMA {pragma}").fetchall()
        if migrations.applied(conn) and migrations.pending(conn):
            files.backup(path)
        migrations.apply(conn)
    except BaseException:
        conn.close()
        raise
    return conn


def _search_condition(text: str) -> tuple[str, tuple[str, ...]]:
    if not text.strip():
        return "1", ()
    if match := index.query(clean(text)):
        return (
            f"""(c.number IN (SELECT rowid FROM {index.TITLES} WHERE text MATCH ?)
            OR c.id IN (SELECT m.conversation FROM {index.MESSAGES} s JOIN messages m ON m.number = s.rowid
                WHERE s.text MATCH ? AND m.deletion IS NULL))""",
            (match, match),
        )
    # Only signs, such as an emoji: the index has none of them.
    needle = clean(text.strip())
    return (
        """(instr(c.title, ?) OR EXISTS (SELECT 1 FROM messages m
            WHERE m.conversation = c.id AND m.deletion IS NULL AND instr(m.content, ?)))""",
        (needle, needle),
    )


def _purge(conn: sqlite3.Connection) -> None:
    """Delete the rows of the trash and what refers to them."""
    doomed = "SELECT id FROM conversations WHERE deleted IS NOT NULL"
    numbers = f"SELECT number FROM messages WHERE deletion IS NOT NULL OR conversation IN ({doomed})"
    touched = [id for (id,) in conn.execute("SELECT DISTINCT conversation FROM deletions")]
    conn.execute(f"DELETE FROM {index.MESSAGES} WHERE rowid IN ({numbers})")
    conn.execute(f"DELETE FROM messages WHERE number IN ({numbers})")
    conn.execute("DELETE FROM deletions")
    conn.execute(f"DELETE FROM drafts WHERE conversation IN ({doomed})")
    titles = "SELECT number FROM conversations WHERE deleted IS NOT NULL"
    conn.execute(f"DELETE FROM {index.TITLES} WHERE rowid IN ({titles})")
    conn.execute("DELETE FROM conversations WHERE deleted IS NOT NULL")
    for id in touched:
        # A conversation whose every message is gone keeps no title made from them.
        row = conn.execute(
            "SELECT number FROM conversations WHERE id = ? AND NOT EXISTS "
            "(SELECT 1 FROM messages WHERE conversation = conversations.id)",
            (id,),
        ).fetchone()
        if row:
            conn.execute("UPDATE conversations SET title = '' WHERE number = ?", row)
            index.put(conn, index.TITLES, row[0], "")
