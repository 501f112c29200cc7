"""Migrations: from the first schema to the newest, and files of newer versions."""

from __future__ import annotations

import hashlib
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from desktop.workbench.store import PartRow, Store, files, migrations
from models.errors import UserError

A, B, C = (digit.rjust(32, "0") for digit in "abc")
FIRST = f"""
INSERT INTO conversations VALUES (1, '{A}', 'Old lighthouse', 1.0, 2.0, 'sys', 'm', '{{"k": 1}}',
    '{C}', NULL);
INSERT INTO messages VALUES (1, '{B}', '{A}', NULL, 'user', 'an old question', '', 'done', 1.0, '', '',
    '{{}}', '', '{{}}', '{{}}', '', '{C}', NULL);
INSERT INTO messages VALUES (2, '{C}', '{A}', '{B}', 'assistant', 'an old answer', 'hm', 'done', 2.0, '', '',
    '{{}}', 'stop', '{{}}', '{{}}', '', NULL, NULL);
INSERT INTO settings VALUES ('theme', '"dark"');
"""


def first_schema(file: Path) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    with closing(sqlite3.connect(file, isolation_level=None)) as conn:
        migrations.apply(conn, migrations.STEPS[:1])
        conn.executescript(FIRST)


def test_from_the_first_schema(file: Path) -> None:
    first_schema(file)
    store = Store.open(file)
    assert store.notice is None
    (row,) = store.conversations(search="old answer")
    assert (row.title, row.settings, row.messages) == ("Old lighthouse", {"k": 1}, 2)
    assert [m.content for m in store.path(row.id)] == ["an old question", "an old answer"]
    assert store.conversations(search="light") == [row]
    assert store.get_setting("theme") == "dark"
    run = store.runs.create("summarize", title="New", model="", options={}, documents=[])
    assert store.runs.list("summarize") == [run]
    assert len(files.backups(file)) == 1  # from before the migration
    store.close()
    with closing(sqlite3.connect(file)) as conn:
        assert migrations.applied(conn) == [step.__name__ for step in migrations.STEPS]
        assert conn.execute("PRAGMA user_version").fetchone()[0] == len(migrations.STEPS)
        assert conn.execute("PRAGMA journal_mode").fetchone()[0] == "wal"


def test_released_steps_never_change() -> None:
    """The schema each step leaves; a change here breaks files people have. Append a step instead."""
    with closing(sqlite3.connect(":memory:", isolation_level=None)) as conn:
        marks = []
        for count in range(1, len(migrations.STEPS) + 1):
            migrations.apply(conn, migrations.STEPS[:count])
            rows = conn.execute(
                "SELECT sql FROM sqlite_master WHERE name NOT LIKE '_sqlite_%' "
                "AND name NOT LIKE '%\\_search\\_%' ESCAPE '\\' ORDER BY name"
            )
            text = "\n".join(" ".join(sql.split()) for (sql,) in rows if sql)
            marks.append(hashlib.sha256(text.encode()).hexdigest()[:12])
    assert marks == SCHEMAS


SCHEMAS = ["ee2808b99bf8", "56ccda9e92b1", "a9dfcf4beef6", "5063e8f7c485"]


@pytest.mark.parametrize("how", ["step", "version"])
def test_a_newer_file_is_only_read(file: Path, how: str) -> None:
    store = Store.open(file)
    id = store.create_conversation(title="From the future").id
    store.add_message(id, None, "user", "hello")
    run = store.runs.create("summarize", title="Later", model="", options={}, documents=[])
    store.runs.add_parts(run.id, [PartRow(0, 0, 0, 0, 0)])
    store.close()
    with closing(sqlite3.connect(file)) as conn:
        if how == "step":
            conn.execute("INSERT INTO _sqlite_migrations VALUES (99, 'rolltop', 'm099_new', 'now')")
        else:
            conn.execute("PRAGMA user_version = 99")
        conn.commit()
    before = file.read_bytes()
    store = Store.open(file)
    assert store.read_only
    assert "newer version" in (store.notice or "")
    assert [m.content for m in store.path(id)] == ["hello"]
    assert len(store.conversations(search="hel")) == 1
    assert store.runs.list("summarize", search="LATER") == [run]
    assert store.runs.get(run.id).status == "running"
    for write in (
        lambda: store.add_message(id, None, "user", "x"),
        lambda: store.set_setting("a", 1),
        lambda: store.delete_conversation(id),
        lambda: store.set_draft("", "x"),
        store.empty_trash,
        lambda: store.runs.create("rewrite", title="", model="", options={}, documents=[]),
        lambda: store.runs.update(run.id, result="x"),
        lambda: store.runs.update_part(run.id, 0, text="x"),
        lambda: store.runs.clear_parts(run.id),
        lambda: store.runs.delete(run.id),
        lambda: store.runs.save_own_prompt("rewrite", "a", "b"),
    ):
        with pytest.raises(UserError) as caught:
            write()
        assert caught.value.code == "read_only"
    assert store.mark_interrupted() == 0
    assert store.backup() is None
    store.checkpoint()
    store.close()
    assert file.read_bytes() == before


def test_another_programs_file_is_left_alone(file: Path) -> None:
    file.parent.mkdir()
    with closing(sqlite3.connect(file)) as conn:
        conn.execute("CREATE TABLE messages (id)")
        conn.commit()
    before = file.read_bytes()
    with pytest.raises(UserError, match="another program"):
        Store.open(file)
    assert file.read_bytes() == before
    assert not files.backups(file)


def test_a_step_that_fails_leaves_the_file_as_it_was(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    first_schema(file)

    def m002_broken(db: object) -> None:
        raise sqlite3.OperationalError("broken")

    monkeypatch.setattr(migrations.apply, "__defaults__", ((migrations.STEPS[0], m002_broken),))
    monkeypatch.setattr(migrations.pending, "__defaults__", ((migrations.STEPS[0], m002_broken),))
    with pytest.raises(UserError) as caught:
        Store.open(file)
    assert caught.value.code == "store"
    monkeypatch.undo()
    store = Store.open(file)
    assert store.conversations()[0].title == "Old lighthouse"
    store.close()
