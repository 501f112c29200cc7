"""Damaged files: told from good ones, set aside, restored and salvaged, never overwritten."""

from __future__ import annotations

import random
import shutil
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from desktop.workbench.reading.document import Block, Document
from desktop.workbench.store import PartRow, Store, files, repair
from models.errors import UserError

PAGE = 4096


def fill(store: Store, name: str, messages: int, size: int = 300) -> str:
    """A conversation whose messages take about `size` bytes each."""
    conversation = store.create_conversation(title=name).id
    parent: str | None = None
    for number in range(messages):
        text = f"{name} {number} " + "word " * (size // 5)
        parent = store.add_message(conversation, parent, "user", text).id
    return conversation


def beginnings(store: Store, conversation: str) -> list[str]:
    return [" ".join(row.content.split()[:2]) for row in store.path(conversation)]


def expected(name: str, messages: int) -> list[str]:
    return [f"{name} {number}" for number in range(messages)]


def aside(file: Path) -> list[Path]:
    return sorted(path for path in file.parent.iterdir() if ".damaged-" in path.name)


def check(file: Path) -> None:
    with closing(sqlite3.connect(file)) as conn:
        assert conn.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
        assert conn.execute("PRAGMA foreign_key_check").fetchall() == []


def overwrite(file: Path, offset: int, data: bytes) -> bytes:
    raw = bytearray(file.read_bytes())
    raw[offset : offset + len(data)] = data
    file.write_bytes(raw)
    return bytes(raw)


def pages_of(file: Path, table: str) -> list[int]:
    """Numbers of the leaf pages of a table, from 1."""
    with closing(sqlite3.connect(file)) as conn:
        rows = conn.execute(
            "SELECT pageno FROM dbstat WHERE name = ? AND pagetype = 'leaf' ORDER BY path", (table,)
        )
        return [number for (number,) in rows]


def fill_run(store: Store, name: str, parts: int, size: int = 300) -> str:
    """A run whose parts take about `size` bytes each, and that has a document as long as all of them."""
    text = f"{name} " * (parts * size // (len(name) + 1))
    document = Document(name, "txt", text, (Block("paragraph", 0, len(text) - 1),))
    run = store.runs.create("summarize", title=name, model="m", options={"k": name}, documents=[document])
    store.runs.add_parts(run.id, [PartRow(number, 0, 0, 0, 5) for number in range(parts)])
    for number in range(parts):
        words = f"{name} {number} " + "word " * (size // 5)
        store.runs.update_part(run.id, number, status="done", text=words)
    store.runs.update(run.id, status="done", result=f"{name} result")
    return run.id


def parts_of(store: Store, run: str) -> list[str]:
    return [" ".join(part.text.split()[:2]) for part in store.runs.parts(run)]


@pytest.mark.parametrize(
    "content", [b"this is no database, " * 500, b"x", b"SQLite format 3\0" + b"\xff" * 5000]
)
def test_something_that_is_no_database_is_set_aside(file: Path, content: bytes) -> None:
    file.parent.mkdir()
    file.write_bytes(content)
    store = Store.open(file)
    assert "damaged" in (store.notice or "")
    assert store.warning
    assert store.warning.code == "repaired"
    assert store.conversations() == []
    id = fill(store, "new", 2)
    store.close()
    (kept,) = aside(file)
    assert kept.read_bytes() == content
    assert kept.stat().st_mode & 0o077 == 0 or content  # its modes are the user's
    store = Store.open(file)
    assert store.notice is None
    assert beginnings(store, id) == expected("new", 2)
    store.close()


def test_two_damaged_files_at_the_same_moment_get_two_names(file: Path) -> None:
    for content in (b"first " * 99, b"second " * 99):
        file.parent.mkdir(exist_ok=True)
        files.remove(file)
        file.write_bytes(content)
        Store.open(file).close()
    assert sorted(path.read_bytes()[:5] for path in aside(file)) == [b"first", b"secon"]


def test_a_damaged_page_is_restored_from_the_backup_and_newer_rows_are_saved(file: Path) -> None:
    store = Store.open(file)
    old = fill(store, "old", 200)
    backup = store.backup()
    assert backup
    new = fill(store, "new", 30)
    store.update_conversation(old, title="renamed since")
    store.set_setting("theme", "dark")
    store.close()
    first = pages_of(file, "messages")[0]
    raw = overwrite(file, (first - 1) * PAGE, bytes(PAGE))
    store = Store.open(file)
    assert store.warning
    assert store.warning.code == "restored"
    assert store.warning.params["saved"] == 30
    assert beginnings(store, old) == expected("old", 200)
    assert beginnings(store, new) == expected("new", 30)
    assert store.conversation(old).title == "renamed since"
    assert store.get_setting("theme") == "dark"
    assert {row.id for row in store.conversations(search="word")} == {old, new}
    store.close()
    assert aside(file)[0].read_bytes() == raw
    assert backup.exists()
    check(file)


def test_text_changed_by_the_damage_does_not_replace_the_backups(file: Path) -> None:
    store = Store.open(file)
    id = fill(store, "old", 20)
    rows = store.path(id)
    store.backup()
    store.update_message(rows[7].id, content=rows[7].content + " and more")
    store.close()
    raw = file.read_bytes()
    overwrite(file, raw.index(b"old 3 word"), b"\x07garbage\x08!")
    (page,) = pages_of(file, "conversations")
    overwrite(file, (page - 1) * PAGE, bytes(PAGE))
    store = Store.open(file)
    assert store.warning
    assert [row.content for row in store.path(id)] == [
        row.content + (" and more" if row.id == rows[7].id else "") for row in rows
    ]
    store.close()
    check(file)


def test_without_a_backup_everything_outside_the_damaged_page_is_saved(file: Path) -> None:
    store = Store.open(file)
    one = fill(store, "one", 100)
    two = fill(store, "two", 100)
    store.delete_message(store.path(two)[50].id)
    store.close()
    leaves = pages_of(file, "messages")
    overwrite(file, (leaves[len(leaves) // 4] - 1) * PAGE, b"\xff" * PAGE)
    store = Store.open(file)
    assert store.warning
    assert store.warning.code == "repaired"
    assert 150 < store.warning.params["saved"] < 200  # type: ignore[operator]
    # The rest of the first conversation is still one path, around the hole.
    left = beginnings(store, one)
    assert 50 < len(left) < 100
    assert left == [text for text in expected("one", 100) if text in left]
    assert left[0] == "one 0"
    assert left[-1] == "one 99"
    assert beginnings(store, two) == expected("two", 50)
    assert len(store.trash()) == 1
    store.restore_message(store.trash()[0].id)
    assert beginnings(store, two) == expected("two", 100)
    store.close()
    check(file)


def test_messages_whose_conversation_is_lost_get_one(file: Path) -> None:
    store = Store.open(file)
    id = fill(store, "orphan", 5)
    store.close()
    (page,) = pages_of(file, "conversations")
    overwrite(file, (page - 1) * PAGE, bytes(PAGE))
    store = Store.open(file)
    assert beginnings(store, id) == expected("orphan", 5)
    assert store.conversation(id).title.startswith("orphan 0 word")
    store.close()
    check(file)


def test_a_truncated_file_and_an_emptied_one(file: Path) -> None:
    store = Store.open(file)
    id = fill(store, "kept", 100)
    store.backup()
    store.close()
    for size in (file.stat().st_size // 2 // PAGE * PAGE, 100, 0):
        with file.open("r+b") as raw:
            raw.truncate(size)
        store = Store.open(file)
        assert store.warning
        assert store.warning.code == "restored"
        assert beginnings(store, id) == expected("kept", 100)
        store.close()
        check(file)
    assert sorted(path.stat().st_size for path in aside(file))[0] == 0


def test_a_damaged_backup_is_passed_over(file: Path) -> None:
    store = Store.open(file)
    id = fill(store, "kept", 20)
    good = store.backup()
    fill(store, "later", 20)
    bad = store.backup()
    store.close()
    assert good
    assert bad
    overwrite(bad, 0, b"\xff" * PAGE)
    overwrite(file, 0, b"\xff" * PAGE)
    store = Store.open(file)
    assert beginnings(store, id) == expected("kept", 20)
    store.close()
    assert bad.exists()


def test_a_log_that_was_not_merged_is_salvaged_too(file: Path, tmp_path: Path) -> None:
    store = Store.open(file)
    fill(store, "early", 60)
    store.checkpoint()
    late = fill(store, "late", 5)
    copy = tmp_path / "copy" / file.name
    copy.parent.mkdir()
    for part in ("", "-wal"):  # as a kill leaves them
        shutil.copy(file.with_name(file.name + part), copy.with_name(copy.name + part))
    leaves = pages_of(file, "messages")
    store.close()
    overwrite(copy, (leaves[0] - 1) * PAGE, bytes(PAGE))
    log = copy.with_name(copy.name + "-wal").read_bytes()
    store = Store.open(copy)
    assert store.warning
    assert beginnings(store, late) == expected("late", 5)
    store.close()
    assert [path.read_bytes() for path in aside(copy) if path.name.endswith("-wal")] == [log]
    check(copy)


def test_a_repair_that_was_interrupted_is_finished(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    store = Store.open(file)
    id = fill(store, "kept", 20)
    store.backup()
    store.close()
    overwrite(file, 0, b"\xff" * PAGE)
    left = 0
    rename = Path.rename

    def killed(self: Path, target: Path) -> Path:
        nonlocal left
        left -= 1
        if left < 0:
            raise KeyboardInterrupt
        return rename(self, target)

    damaged = file.read_bytes()
    for moves in (0, 1, 2):
        files.remove(file)
        file.write_bytes(damaged)
        left = moves
        monkeypatch.setattr(Path, "rename", killed)
        with pytest.raises(KeyboardInterrupt):
            Store.open(file)
        monkeypatch.undo()
        store = Store.open(file)
        assert beginnings(store, id) == expected("kept", 20)
        store.close()
        check(file)
        assert any(path.read_bytes() == damaged for path in aside(file))


def test_random_damage_never_stops_the_app_and_keeps_the_backup_whole(file: Path, tmp_path: Path) -> None:
    store = Store.open(file)
    id = fill(store, "kept", 60)
    run = fill_run(store, "run", 20)
    store.backup()
    fill(store, "more", 60)
    store.close()
    chance = random.Random(7)
    opened = 0
    for round in range(25):
        folder = tmp_path / f"round{round}"
        shutil.copytree(file.parent, folder)
        copy = folder / file.name
        size = copy.stat().st_size
        for _ in range(chance.randint(1, 6)):
            overwrite(copy, chance.randrange(size), chance.randbytes(chance.choice([1, 16, 600])))
        raw = copy.read_bytes()
        try:
            store = Store.open(copy)
        except UserError:
            continue
        opened += 1
        if store.warning and store.warning.code == "restored":
            assert len(store.path(id)) == 60
            assert aside(copy)[0].read_bytes() == raw
            store.conversations(search="word")
            assert len(store.runs.parts(run)) == 20
            assert len(store.runs.documents(run)) == 1
            store.runs.list("summarize", search="run")
            fill(store, "after", 3)
        store.close()
    assert opened >= 20


def test_backups_rotate_and_are_complete(store: Store, file: Path) -> None:
    made = []
    for number in range(5):
        fill(store, f"number{number}", 2)
        made.append(store.backup())
    assert files.backups(file) == made[:1:-1]
    assert store.backup(if_older_than=3600) is None
    for path in files.backups(file):
        assert path.stat().st_mode & 0o077 == 0
        assert repair.state(path) == "good"
    assert file.parent.joinpath("backups").stat().st_mode & 0o077 == 0
    newest = files.backups(file)[0]
    with closing(sqlite3.connect(newest)) as conn:
        assert conn.execute("SELECT count(*) FROM messages").fetchone()[0] == 10


@pytest.mark.parametrize("table", ["runs", "run_documents", "run_parts", "own_prompts"])
def test_runs_are_restored_from_the_backup_and_newer_ones_are_saved(file: Path, table: str) -> None:
    store = Store.open(file)
    old = fill_run(store, "old", 40)
    prompt = store.runs.save_own_prompt("rewrite", "pirate", "Arr.")
    store.backup()
    store.runs.update(old, title="renamed since")
    new = fill_run(store, "new", 40)
    before = [store.runs.get(run) for run in (old, new)]
    sources = [store.runs.documents(run) for run in (old, new)]
    store.close()
    overwrite(file, (pages_of(file, table)[0] - 1) * PAGE, bytes(PAGE))
    store = Store.open(file)
    assert store.warning
    assert store.warning.code == "restored"
    assert parts_of(store, old) == expected("old", 40)
    assert store.runs.documents(old) == sources[0]
    assert store.runs.own_prompts("rewrite") == [prompt]
    if table in ("run_parts", "own_prompts"):
        assert [store.runs.get(run) for run in (old, new)] == before
        assert store.runs.documents(new) == sources[1]
        assert set(parts_of(store, new)) >= set(expected("new", 40)[20:])
    if table != "run_parts":
        assert parts_of(store, new) == expected("new", 40)
    store.close()
    check(file)


def test_a_document_changed_by_the_damage_does_not_replace_the_backups(file: Path) -> None:
    store = Store.open(file)
    run = fill_run(store, "old", 5)
    source = store.runs.documents(run)
    store.backup()
    store.close()
    raw = file.read_bytes()
    overwrite(file, raw.rindex(b"old old old"), b"\x07garbage\x08!")
    (page,) = pages_of(file, "settings")
    overwrite(file, (page - 1) * PAGE, b"\xff" * PAGE)
    store = Store.open(file)
    assert store.warning
    assert store.runs.documents(run) == source
    store.close()


def test_parts_whose_run_is_lost_get_one(file: Path) -> None:
    store = Store.open(file)
    run = fill_run(store, "orphan", 4)
    fill(store, "other", 3)
    created = store.runs.get(run).created
    source = store.runs.documents(run)
    store.runs.add_parts(run, [PartRow(4, 1, -1, 0, 5, inputs=(0, 1, 2, 3))])
    store.close()
    (page,) = pages_of(file, "runs")
    overwrite(file, (page - 1) * PAGE, bytes(PAGE))
    store = Store.open(file)
    (found,) = store.runs.list("summarize")
    assert (found.id, found.title, found.status) == (run, "orphan", "failed")
    assert "damaged" in found.error
    assert abs(found.created - created) < 1
    result = store.runs.get(run).result
    assert [" ".join(text.split()[:2]) for text in result.split("\n\n")] == expected("orphan", 4)
    assert len(store.runs.parts(run)) == 5
    assert store.runs.documents(run) == source
    store.close()
    check(file)


def test_a_document_that_damage_took_leaves_the_places_of_the_others(store: Store) -> None:
    names = "abc"
    documents = [Document(name, "txt", name, (Block("paragraph", 0, 1),)) for name in names]
    run = store.runs.create("summarize", title="", model="", options={}, documents=documents).id
    store._conn.execute("DELETE FROM run_documents WHERE place = 1")
    store._conn.execute("UPDATE run_documents SET blocks = x'93', problems = '[1]' WHERE place = 2")
    assert store.runs.documents(run) == [documents[0], Document("", "txt", "", ()), documents[2]]
    store._conn.execute("UPDATE run_documents SET text = 'long' WHERE place = 2")
    assert store.runs.documents(run)[2].blocks == (Block("paragraph", 0, 4),)
    store._conn.execute("UPDATE run_documents SET text = '' WHERE place = 0")
    assert store.runs.documents(run)[0].blocks == ()
