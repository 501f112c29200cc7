"""The tree of messages in SQL: paths, tails, branches, and what a deletion hides.

Two rules hold after every function here: a conversation's leaf has no visible child, and every
message on the way to it has the next one as its `last_child`. So stepping to a sibling finds the
tail that was last current below it, and no visible message is out of reach.
"""

from __future__ import annotations

import sqlite3
from operator import itemgetter
from typing import Any

_SIBLINGS = (
    "FROM messages s WHERE s.parent IS m.parent AND s.conversation = m.conversation AND s.deletion IS NULL"
)
MESSAGE = f"""m.id, m.conversation, m.parent, m.role, m.content, m.thinking, m.status, m.created, m.model,
    m.system, m.settings, m.finish_reason, m.usage, m.timings, m.error,
    (SELECT count(*) {_SIBLINGS} AND s.number < m.number), (SELECT count(*) {_SIBLINGS})"""
"""The columns of a MessageRow, for `messages m`."""

_UP = """WITH RECURSIVE up(number, id, parent, depth) AS (
    SELECT number, id, parent, 0 FROM messages WHERE id = ?
    UNION ALL
    SELECT m.number, m.id, m.parent, up.depth + 1 FROM up JOIN messages m ON m.id = up.parent)"""

_TAIL = """WITH RECURSIVE down(id, depth) AS (
    SELECT ?, 0
    UNION ALL
    SELECT coalesce(
        (SELECT c.id FROM messages p JOIN messages c ON c.id = p.last_child
            WHERE p.id = down.id AND c.parent = p.id AND c.deletion IS NULL),
        (SELECT c.id FROM messages c WHERE c.parent = down.id AND c.deletion IS NULL
            ORDER BY c.number DESC LIMIT 1)), down.depth + 1
    FROM down WHERE down.id IS NOT NULL)
SELECT id FROM down WHERE id IS NOT NULL ORDER BY depth DESC LIMIT 1"""


def path(conn: sqlite3.Connection, leaf: str) -> list[Any]:
    """The columns of every message from the root to `leaf`."""
    rows = conn.execute(
        f"{_UP} SELECT {MESSAGE}, up.depth FROM up JOIN messages m ON m.number = up.number", (leaf,)
    ).fetchall()
    # Sorted here: SQLite's sorter would copy every text.
    rows.sort(key=itemgetter(-1), reverse=True)
    return [row[:-1] for row in rows]


def tail(conn: sqlite3.Connection, message: str) -> str:
    """The message that was last the end of the conversation below `message`; itself when it has no child."""
    return str(conn.execute(_TAIL, (message,)).fetchone()[0])


def newest_root(conn: sqlite3.Connection, conversation: str) -> str | None:
    """The visible first message made last."""
    row = conn.execute(
        "SELECT id FROM messages WHERE parent IS NULL AND conversation = ? AND deletion IS NULL "
        "ORDER BY number DESC LIMIT 1",
        (conversation,),
    ).fetchone()
    return row and str(row[0])


def siblings(conn: sqlite3.Connection, conversation: str, parent: str | None) -> list[str]:
    """Ids of the visible messages below `parent`, oldest first."""
    rows = conn.execute(
        "SELECT id FROM messages WHERE parent IS ? AND conversation = ? AND deletion IS NULL ORDER BY number",
        (parent, conversation),
    )
    return [str(id) for (id,) in rows]


def end_at(conn: sqlite3.Connection, conversation: str, message: str | None) -> str | None:
    """Make the conversation end at the tail below `message` (None: of the newest root); returns the leaf."""
    start = message if message is not None else newest_root(conn, conversation)
    leaf = tail(conn, start) if start is not None else None
    conn.execute("UPDATE conversations SET leaf = ? WHERE id = ?", (leaf, conversation))
    if leaf is not None:
        conn.execute(
            f"{_UP} UPDATE messages SET last_child = up.id FROM up "
            "WHERE messages.id = up.parent AND messages.last_child IS NOT up.id",
            (leaf,),
        )
    return leaf


def append(conn: sqlite3.Connection, conversation: str, parent: str | None, message: str) -> None:
    """Make the conversation end at a message that was just added below `parent`."""
    row = conn.execute("SELECT leaf FROM conversations WHERE id = ?", (conversation,)).fetchone()
    if parent is None or row[0] != parent:
        end_at(conn, conversation, message)
        return
    # The way to the parent is marked already: two rows to write, however long the conversation is.
    conn.execute("UPDATE conversations SET leaf = ? WHERE id = ?", (message, conversation))
    conn.execute("UPDATE messages SET last_child = ? WHERE id = ?", (message, parent))


def delete(conn: sqlite3.Connection, message: str, now: float) -> str | None:
    """Hide a message and all below it; returns the leaf, which moves to a sibling's tail or the parent."""
    conversation, parent, leaf = conn.execute(
        "SELECT m.conversation, m.parent, c.leaf FROM messages m JOIN conversations c "
        "ON c.id = m.conversation WHERE m.id = ?",
        (message,),
    ).fetchone()
    family = siblings(conn, conversation, parent)
    conn.execute(
        """WITH RECURSIVE below(id) AS (
            SELECT ?1 UNION ALL
            SELECT m.id FROM below JOIN messages m ON m.parent = below.id WHERE m.deletion IS NULL)
        UPDATE messages SET deletion = ?1 WHERE id IN below""",
        (message,),
    )
    moved = conn.execute("SELECT 1 FROM messages WHERE id = ? AND deletion = ?", (leaf, message)).fetchone()
    conn.execute(
        "INSERT OR REPLACE INTO deletions(message, conversation, leaf, deleted) VALUES (?, ?, ?, ?)",
        (message, conversation, leaf if moved else None, now),
    )
    if not moved:
        return leaf and str(leaf)
    place = family.index(message)
    others = family[:place][-1:] or family[place + 1 :][:1]
    return end_at(conn, conversation, others[0] if others else parent)


def restore(conn: sqlite3.Connection, message: str) -> str | None:
    """Undo the deletion that hid `message`, and those above it; returns the conversation's leaf."""
    conversation, deletion = conn.execute(
        "SELECT conversation, deletion FROM messages WHERE id = ?", (message,)
    ).fetchone()
    saved: str | None = None
    first = True
    while deletion is not None:
        row = conn.execute("SELECT leaf FROM deletions WHERE message = ?", (deletion,)).fetchone()
        if first and row:
            saved, first = row[0], False
        conn.execute("UPDATE messages SET deletion = NULL WHERE deletion = ?", (deletion,))
        conn.execute("DELETE FROM deletions WHERE message = ?", (deletion,))
        # What lies above may have been deleted since; without it this one could not be reached.
        above = conn.execute(
            "SELECT p.deletion FROM messages m JOIN messages p ON p.id = m.parent WHERE m.id = ?", (deletion,)
        ).fetchone()
        deletion = above[0] if above else None
    leaf = conn.execute("SELECT leaf FROM conversations WHERE id = ?", (conversation,)).fetchone()[0]
    return end_at(conn, conversation, saved or leaf)


def mend(conn: sqlite3.Connection) -> None:
    """Make whole trees of rows that were saved from a damaged file, losing none."""
    # A message whose parent is lost follows the one before it in its conversation.
    conn.execute(
        """UPDATE messages SET parent = (
            SELECT o.id FROM messages o WHERE o.conversation = messages.conversation
            AND o.number < messages.number ORDER BY o.number DESC LIMIT 1)
        WHERE parent IS NOT NULL AND NOT EXISTS (
            SELECT 1 FROM messages p WHERE p.id = messages.parent
            AND p.conversation = messages.conversation AND p.number < messages.number)"""
    )
    conn.execute(
        """INSERT OR IGNORE INTO deletions(message, conversation, leaf, deleted)
        SELECT id, conversation, NULL, created FROM messages WHERE deletion = id"""
    )
    conn.execute("UPDATE messages SET deletion = NULL WHERE deletion NOT IN (SELECT message FROM deletions)")
    # What lies above a visible message is visible; a deletion is undone as a whole.
    conn.execute(
        """WITH RECURSIVE up(id) AS (
            SELECT parent FROM messages WHERE deletion IS NULL
            UNION SELECT m.parent FROM up JOIN messages m ON m.id = up.id)
        UPDATE messages SET deletion = NULL
        WHERE deletion IN (SELECT deletion FROM messages WHERE id IN up AND deletion IS NOT NULL)"""
    )
    conn.execute(
        "DELETE FROM deletions "
        "WHERE message NOT IN (SELECT deletion FROM messages WHERE deletion IS NOT NULL)"
    )
    for id, leaf in conn.execute("SELECT id, leaf FROM conversations").fetchall():
        visible = conn.execute(
            "SELECT 1 FROM messages WHERE id = ? AND conversation = ? AND deletion IS NULL", (leaf, id)
        ).fetchone()
        end_at(conn, id, leaf if visible else None)
