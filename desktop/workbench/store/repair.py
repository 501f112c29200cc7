"""A damaged store: told from a good one, set aside, replaced from a backup and what can still be read.

Nothing is overwritten. The new file is complete under another name before the damaged one is
moved, so being killed at any point leaves either of them to go on from.
"""

from __future__ import annotations

import re
import shutil
import sqlite3
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any, Literal

from desktop.workbench.store import files, migrations, search, tree
from desktop.workbench.store.failures import is_damage
from desktop.workbench.store.records import PART_STATUSES, ROLES, RUN_STATUSES, STATUSES, TASKS
from desktop.workbench.store.titles import title_from
from models.errors import UserError, sentence

State = Literal["new", "good", "newer", "foreign", "damaged"]

_TABLES = {
    "conversations": "id",
    "messages": "id",
    "deletions": "message",
    "drafts": "conversation",
    "settings": "key",
    "models": "id",
    "runs": "id",
    "run_documents": "run, place",
    "run_parts": "run, place",
    "own_prompts": "id",
}
"""The columns that tell the rows of each table apart."""
_MADE_BY = {"models": "m003_models"} | dict.fromkeys(
    ("runs", "run_documents", "run_parts", "own_prompts"), "m004_runs"
)
"""Tables that are not of the first step."""
_NEVER_CHANGE = frozenset({"run_documents"})
"""Tables whose rows are written once: a difference from the backup is the damage's."""
# A text only ever grows. One that changed otherwise since the backup was changed by the damage.
_GROWN = """CASE WHEN messages.status = 'streaming' OR CAST(messages.content AS BLOB) =
    substr(CAST(excluded.content AS BLOB), 1, length(CAST(messages.content AS BLOB)))
    THEN excluded.content ELSE messages.content END"""
_HAVE_IDS = ("conversations", "messages", "runs", "run_documents", "run_parts", "own_prompts")
_SMALLEST = 512  # bytes of the smallest database there can be
_ID = re.compile(r"[0-9a-f]{32}")
_LEFT = sentence("The history file was damaged: this is what was left of a run.")
_GAP = 5_000  # most row numbers tried in vain, one after the other, past the last readable one


def state(path: Path) -> State:
    """What lies at `path`, found without changing it."""
    if not path.exists():
        return "new"
    with path.open("rb"):
        pass  # a folder, or a file that may not be read, is said to be that
    size = path.stat().st_size
    if size == 0:
        # SQLite would throw away the write-ahead log of an empty file.
        wal = path.with_name(path.name + "-wal")
        lost = files.backups(path) or (wal.exists() and wal.stat().st_size)
        return "damaged" if lost else "new"
    if size < _SMALLEST:
        return "damaged"  # SQLite takes it for an empty file and would write over it
    try:
        with files.read_only(path) as conn:
            return _state(conn)
    except sqlite3.DatabaseError as error:
        if is_damage(error):
            return "damaged"
        raise


def _state(conn: sqlite3.Connection) -> State:
    ours = conn.execute("PRAGMA application_id").fetchone()[0] == migrations.APPLICATION_ID
    tables = {name for (name,) in conn.execute("SELECT name FROM sqlite_master WHERE type = 'table'")}
    if not ours and not tables - {"_sqlite_migrations"}:
        return "new"  # stopped before its first table
    if not ours and not migrations.applied(conn):
        return "foreign"
    if migrations.is_newer(conn):
        return "newer"
    if conn.execute("PRAGMA quick_check(1)").fetchone()[0] != "ok":
        return "damaged"
    # Each step is one transaction: a file of ours without its tables has lost them.
    steps = migrations.applied(conn)
    expected = {table for table in _TABLES if _MADE_BY.get(table, steps[0]) in steps} if steps else _TABLES
    return "good" if tables.issuperset(expected) else "damaged"


def finish(path: Path) -> None:
    """Complete a repair that was interrupted after the damaged file was moved."""
    repaired = _repaired(path)
    log = path.with_name(path.name + "-wal")
    if not path.exists() and log.exists():
        files.set_aside(path)  # a log without its file must not be taken for the new file's
    if repaired.exists() and not path.exists():
        repaired.rename(path)


def repair(path: Path) -> UserError:
    """Put a good file in the place of the damaged one; returns what to tell the user."""
    work = path.with_name(path.name + ".repairing")
    repaired = _repaired(path)
    files.remove(work)
    files.remove(repaired)
    try:
        source = _start_from_backup(path, work)
        files.make_private(work)
        with closing(sqlite3.connect(work, isolation_level=None)) as conn:
            # One sync at the end is enough: until then the file has another name.
            conn.execute("PRAGMA synchronous = OFF")
            migrations.apply(conn)
            conn.execute("BEGIN")
            saved = _salvage(path, conn)
            _adopt_orphans(conn)
            _adopt_orphans_of_runs(conn)
            tree.mend(conn)
            search.rebuild(conn)
            conn.execute("COMMIT")
        files.sync(work)
        work.rename(repaired)
    finally:
        files.remove(work)
    aside = files.set_aside(path)
    repaired.rename(path)
    files.sync(path.parent)
    return _notice(source, saved, aside)


def _repaired(path: Path) -> Path:
    return path.with_name(path.name + ".repaired")


def _notice(source: Path | None, saved: int, aside: Path) -> UserError:
    hint = sentence("The damaged file is kept as {aside}. Delete it when you miss nothing.")
    if source is None:
        return UserError(
            "The history file was damaged. Messages saved from it: {saved}.",
            hint=hint,
            code="repaired",
            saved=saved,
            aside=aside,
        )
    return UserError(
        "The history file was damaged. It was restored from the backup of {date}; "
        "newer messages saved from the damaged file: {saved}.",
        hint=hint,
        code="restored",
        date=time.strftime("%Y-%m-%d %H:%M", time.localtime(source.stat().st_mtime)),
        saved=saved,
        aside=aside,
    )


def _start_from_backup(path: Path, work: Path) -> Path | None:
    for candidate in files.backups(path):
        try:
            with files.read_only(candidate) as conn:
                good = _state(conn) == "good"
        except sqlite3.DatabaseError as error:
            if not is_damage(error):
                raise
            good = False
        if good:
            shutil.copyfile(candidate, work)
            return candidate
    return None


def _salvage(path: Path, conn: sqlite3.Connection) -> int:
    """Copy every row that can be read from the damaged file; returns how many messages were new."""
    before = conn.execute("SELECT count(*) FROM messages").fetchone()[0]
    if not path.stat().st_size:
        return 0
    try:
        with files.read_only(path) as damaged:
            damaged.text_factory = lambda raw: raw.decode("utf-8", "replace")
            for table, key in _TABLES.items():
                known = {row[1] for row in conn.execute(f"PRAGMA table_info({table})")}
                if not known:
                    continue  # the backup is from before this table
                for row in _readable(damaged, table):
                    _take(conn, table, key, {name: row[name] for name in row if name in known})
    except sqlite3.DatabaseError as error:
        if not is_damage(error):
            raise
    return int(conn.execute("SELECT count(*) FROM messages").fetchone()[0] - before)


def _readable(conn: sqlite3.Connection, table: str) -> Iterator[dict[str, Any]]:
    """Rows of a damaged table: from the start, from the end, then one by one in between."""
    low, high = -1, 2**62
    last = high
    for order, compare in (("ASC", ">"), ("DESC", "<")):
        edge = low if order == "ASC" else high
        try:
            for row in _rows(conn, table, f"rowid {compare} {edge} ORDER BY rowid {order}"):
                number = row.pop("_number")
                if order == "DESC" and number <= low:
                    return
                if order == "ASC":
                    low = number
                else:
                    last = number
                yield row
            if order == "ASC":
                return
        except sqlite3.DatabaseError as error:
            if not is_damage(error):
                return  # such as a table that is not there
    if low < 0 and last == high:
        return  # the root of the table is damaged: no row can be found
    misses = 0
    for number in range(low + 1, last):
        try:
            found = list(_rows(conn, table, f"rowid = {number}"))
        except sqlite3.DatabaseError:
            found = []
        for row in found:
            row.pop("_number")
            yield row
        misses = 0 if found else misses + 1
        if misses > _GAP:
            return


def _rows(conn: sqlite3.Connection, table: str, where: str) -> Iterator[dict[str, Any]]:
    cursor = conn.execute(f"SELECT rowid AS _number, * FROM {table} NOT INDEXED WHERE {where}")
    # An INTEGER PRIMARY KEY gives the rowid column its own name.
    names = ["_number", *(column[0] for column in cursor.description[1:])]
    for row in cursor:
        yield dict(zip(names, row, strict=True))


def _take(conn: sqlite3.Connection, table: str, key: str, row: dict[str, Any]) -> None:
    if not _plausible(table, row):
        return
    keys = {"number", *key.split(", ")}
    for attempt in (row, {name: row[name] for name in row if name != "number"}):
        columns = ", ".join(attempt)
        changes = ", ".join(
            f"{name} = {_GROWN if name == 'content' else f'excluded.{name}'}"
            for name in attempt
            if name not in keys
        )
        action = "NOTHING" if table in _NEVER_CHANGE else f"UPDATE SET {changes}"
        try:
            conn.execute(
                f"INSERT INTO {table}({columns}) VALUES ({', '.join('?' * len(attempt))}) "
                f"ON CONFLICT({key}) DO {action}",
                tuple(attempt.values()),
            )
            return
        except sqlite3.IntegrityError:  # another row has its number, or a value has the wrong type
            continue


def _plausible(table: str, row: dict[str, Any]) -> bool:
    """Whether a row read from a damaged page is one that we wrote."""
    id = row.get("run" if table in ("run_documents", "run_parts") else "id")
    if table in _HAVE_IDS and not _ID.fullmatch(str(id)):
        return False
    if table == "runs":
        return row.get("task") in TASKS and row.get("status") in RUN_STATUSES
    if table == "run_parts":
        return row.get("status") in PART_STATUSES
    if table == "messages":
        ids = (row.get("conversation"), row.get("parent") or row.get("conversation"))
        return (
            row.get("role") in ROLES
            and row.get("status") in STATUSES
            and all(_ID.fullmatch(str(id)) for id in ids)
        )
    return True


def _adopt_orphans(conn: sqlite3.Connection) -> None:
    """Give messages whose conversation is lost a new one under its old id."""
    lost = conn.execute(
        "SELECT conversation, min(created), max(created) FROM messages "
        "WHERE conversation NOT IN (SELECT id FROM conversations) GROUP BY conversation"
    ).fetchall()
    for id, created, updated in lost:
        first = conn.execute(
            "SELECT content FROM messages WHERE conversation = ? ORDER BY role != 'user', number LIMIT 1",
            (id,),
        ).fetchone()
        conn.execute(
            "INSERT INTO conversations(id, title, created, updated, system, model, settings) "
            "VALUES (?, ?, ?, ?, '', '', '{}')",
            (id, title_from(first[0]), created, updated),
        )


def _adopt_orphans_of_runs(conn: sqlite3.Connection) -> None:
    """Give documents and parts whose run is lost a new one under its old id, with what the parts say."""
    lost = conn.execute(
        "SELECT run FROM run_documents UNION SELECT run FROM run_parts EXCEPT SELECT id FROM runs"
    ).fetchall()
    for (id,) in lost:
        # Ids begin with the nanosecond in which they were made.
        made = int(id[:16], 16) / 1e9
        title = conn.execute(
            "SELECT name FROM run_documents WHERE run = ? ORDER BY place LIMIT 1", (id,)
        ).fetchone()
        texts = conn.execute(
            "SELECT text FROM run_parts WHERE run = ?1 AND status = 'done' AND level = "
            "(SELECT max(level) FROM run_parts WHERE run = ?1 AND status = 'done') ORDER BY place",
            (id,),
        )
        conn.execute(
            """INSERT INTO runs(id, task, title, created, updated, status, model, error, options, usage,
                timings, problems, result, data)
            VALUES (?, 'summarize', ?, ?, ?, 'failed', '', ?, '{}', '{}', '{}', '[]', ?, '{}')""",
            (id, title[0] if title else "", made, made, _LEFT, "\n\n".join(text for (text,) in texts)),
        )
