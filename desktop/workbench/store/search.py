"""Full-text search: what is indexed, and how any input becomes a safe query.

FTS5's unicode61 takes a run of Chinese or Japanese for one word. So the indexed text has a space
around every such character, and a query of several becomes a phrase: right from one character on.
"""

from __future__ import annotations

import re
import sqlite3
import unicodedata

from desktop.workbench.store.failures import CORRUPT

_CJK = re.compile(
    "([\u1100-\u11ff\u3005-\u3007\u3040-\u30ff\u3100-\u318f\u31a0-\u31ff\u3400-\u4dbf\u4e00-\u9fff"
    "\ua960-\ua97f\uac00-\ud7ff\uf900-\ufaff\uff66-\uffdc\U0001b000-\U0001b16f\U00020000-\U0003ffff])"
)
TITLES = "conversation_search"
MESSAGES = "message_search"
_ROWS = {
    TITLES: "SELECT number, title FROM conversations WHERE number > ?",
    # An answer that still grows is indexed at its end.
    MESSAGES: "SELECT number, content FROM messages WHERE number > ? AND status != 'streaming'",
}


def spaced(text: str) -> str:
    """`text` with a space around every CJK character."""
    return _CJK.sub(r" \1 ", text)


def query(text: str) -> str:
    """The FTS5 query for what a person typed: all words, the last one as a prefix; "" when there is none."""
    phrases = [
        '"' + " ".join(spaced(word).split()).replace('"', '""') + '"'
        for word in text.replace("\0", " ").split()
        if any(_in_a_word(char) for char in word)
    ]
    return " ".join(phrases) + "*" if phrases else ""


def _in_a_word(char: str) -> bool:
    category = unicodedata.category(char)
    return category[0] in "LN" or category == "Co"


def put(conn: sqlite3.Connection, table: str, number: int, text: str) -> None:
    """Index `text` as the row `number`, in place of what was there."""
    try:
        conn.execute(f"DELETE FROM {table} WHERE rowid = ?", (number,))
        if text:
            conn.execute(f"INSERT INTO {table}(rowid, text) VALUES (?, ?)", (number, spaced(text)))
    except sqlite3.DatabaseError as error:
        # The index can always be made again; it must not keep a message from being saved.
        if error.sqlite_errorcode & 0xFF != CORRUPT:
            raise
        rebuild(conn)


def rebuild(conn: sqlite3.Connection) -> None:
    """Make the index anew from the rows."""
    for table, rows in _ROWS.items():
        conn.execute(f"DROP TABLE IF EXISTS {table}")
        conn.execute(f"CREATE VIRTUAL TABLE {table} USING fts5(text, tokenize = 'unicode61')")
        last = -1
        while part := conn.execute(f"{rows} ORDER BY number LIMIT 500", (last,)).fetchall():
            conn.executemany(
                f"INSERT INTO {table}(rowid, text) VALUES (?, ?)",
                [(number, spaced(text)) for number, text in part if text],
            )
            last = part[-1][0]


def optimize(conn: sqlite3.Connection) -> None:
    """Merge the index into one piece, so that nothing of deleted rows stays in it."""
    for table in _ROWS:
        conn.execute(f"INSERT INTO {table}({table}) VALUES ('optimize')")
