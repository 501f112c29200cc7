"""The schema, as steps that are only ever appended: a released step never changes."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from sqlite_utils import Database

SET = "rolltop"
APPLICATION_ID = 0x526F6C6C  # "Roll": tells our file from another program's

Step = Callable[["Database"], None]


def m001_history(db: Database) -> None:
    """Conversations as trees of messages, drafts, settings.

    `number` is the rowid, spelled out because VACUUM may renumber hidden ones and the search index
    refers to it. It also orders siblings. `last_child` remembers which branch was last current
    below a message. `deletion` is the id of the message whose deletion hid this one.
    """
    for statement in (
        """CREATE TABLE conversations (
            number INTEGER PRIMARY KEY, id TEXT NOT NULL UNIQUE, title TEXT NOT NULL,
            created REAL NOT NULL, updated REAL NOT NULL, system TEXT NOT NULL, model TEXT NOT NULL,
            settings TEXT NOT NULL, leaf TEXT, deleted REAL) STRICT""",
        # Children are never deleted by cascade: SQLite stops a cascade at depth 1000.
        """CREATE TABLE messages (
            number INTEGER PRIMARY KEY, id TEXT NOT NULL UNIQUE,
            conversation TEXT NOT NULL REFERENCES conversations(id),
            parent TEXT REFERENCES messages(id), role TEXT NOT NULL, content TEXT NOT NULL,
            thinking TEXT NOT NULL, status TEXT NOT NULL, created REAL NOT NULL, model TEXT NOT NULL,
            system TEXT NOT NULL, settings TEXT NOT NULL, finish_reason TEXT NOT NULL,
            usage TEXT NOT NULL, timings TEXT NOT NULL, error TEXT NOT NULL,
            last_child TEXT, deletion TEXT) STRICT""",
        "CREATE INDEX messages_family ON messages(parent, conversation, deletion)",
        "CREATE INDEX messages_conversation ON messages(conversation, deletion)",
        "CREATE INDEX messages_deletion ON messages(deletion) WHERE deletion IS NOT NULL",
        "CREATE INDEX messages_streaming ON messages(status) WHERE status = 'streaming'",
        """CREATE TABLE deletions (
            message TEXT PRIMARY KEY, conversation TEXT NOT NULL, leaf TEXT, deleted REAL NOT NULL) STRICT""",
        "CREATE TABLE drafts (conversation TEXT PRIMARY KEY, text TEXT NOT NULL) STRICT",
        "CREATE TABLE settings (key TEXT PRIMARY KEY, value TEXT NOT NULL) STRICT",
        f"PRAGMA application_id = {APPLICATION_ID}",
    ):
        db.conn.execute(statement)


def m002_search(db: Database) -> None:
    """The full-text index of titles and messages; rowids are the `number` of what is indexed."""
    from desktop.workbench.store import search

    search.rebuild(db.conn)


def m003_models(db: Database) -> None:
    """What the user keeps about models: a note, settings of its own, and when it was last used."""
    db.conn.execute(
        "CREATE TABLE models (id TEXT PRIMARY KEY, note TEXT NOT NULL, settings TEXT NOT NULL, "
        "used REAL NOT NULL) STRICT"
    )


def m004_runs(db: Database) -> None:
    """Runs of tasks with their documents and parts, and the person's own prompts.

    What may be long stands last in its row: a list of runs reads none of it, only the stored
    beginning of the result. `place` is the place of a document or part in its run, from 0.
    """
    for statement in (
        """CREATE TABLE runs (
            number INTEGER PRIMARY KEY, id TEXT NOT NULL UNIQUE, task TEXT NOT NULL, title TEXT NOT NULL,
            created REAL NOT NULL, updated REAL NOT NULL, status TEXT NOT NULL, model TEXT NOT NULL,
            deleted REAL, error TEXT NOT NULL, options TEXT NOT NULL, usage TEXT NOT NULL,
            timings TEXT NOT NULL, beginning TEXT GENERATED ALWAYS AS (substr(result, 1, 200)) STORED,
            problems TEXT NOT NULL, result TEXT NOT NULL, data TEXT NOT NULL) STRICT""",
        "CREATE INDEX runs_running ON runs(status) WHERE status = 'running'",
        """CREATE TABLE run_documents (
            number INTEGER PRIMARY KEY, run TEXT NOT NULL REFERENCES runs(id), place INTEGER NOT NULL,
            name TEXT NOT NULL, format TEXT NOT NULL, title TEXT NOT NULL, unit TEXT NOT NULL,
            pages INTEGER NOT NULL, problems TEXT NOT NULL, text TEXT NOT NULL, blocks BLOB NOT NULL,
            UNIQUE (run, place)) STRICT""",
        """CREATE TABLE run_parts (
            number INTEGER PRIMARY KEY, run TEXT NOT NULL REFERENCES runs(id), place INTEGER NOT NULL,
            level INTEGER NOT NULL, source INTEGER NOT NULL, start INTEGER NOT NULL, past INTEGER NOT NULL,
            inputs TEXT NOT NULL, variant INTEGER NOT NULL, title TEXT NOT NULL, status TEXT NOT NULL,
            text TEXT NOT NULL, attempts INTEGER NOT NULL, problems TEXT NOT NULL, data TEXT NOT NULL,
            usage TEXT NOT NULL, UNIQUE (run, place)) STRICT""",
        """CREATE TABLE own_prompts (
            number INTEGER PRIMARY KEY, id TEXT NOT NULL UNIQUE, task TEXT NOT NULL, name TEXT NOT NULL,
            instruction TEXT NOT NULL) STRICT""",
    ):
        db.conn.execute(statement)


STEPS: tuple[Step, ...] = (m001_history, m002_search, m003_models, m004_runs)


def applied(conn: sqlite3.Connection) -> list[str]:
    """Names of the steps this file has been through; empty for a file that is new or not ours."""
    if not conn.execute("SELECT 1 FROM sqlite_master WHERE name = '_sqlite_migrations'").fetchone():
        return []
    rows = conn.execute("SELECT name FROM _sqlite_migrations WHERE migration_set = ?", (SET,))
    return [str(name) for (name,) in rows]


def is_newer(conn: sqlite3.Connection, steps: Sequence[Step] = STEPS) -> bool:
    """Whether a later version of the app made this file."""
    known = {step.__name__ for step in steps}
    version: int = conn.execute("PRAGMA user_version").fetchone()[0]
    return version > len(steps) or not known.issuperset(applied(conn))


def pending(conn: sqlite3.Connection, steps: Sequence[Step] = STEPS) -> bool:
    """Whether `apply` has anything to do."""
    return len(applied(conn)) < len(steps)


def apply(conn: sqlite3.Connection, steps: Sequence[Step] = STEPS) -> None:
    """Bring the file to the newest schema, each step in its own transaction."""
    if not pending(conn, steps):
        return
    # Imported here because it takes as long as the rest of the start together (it imports numpy).
    from sqlite_utils import Database
    from sqlite_utils.migrations import Migrations

    migrations = Migrations(SET)
    for step in steps:
        migrations()(step)
    migrations.apply(Database(conn, recursive_triggers=False, execute_plugins=False))
    conn.execute(f"PRAGMA user_version = {len(steps)}")
