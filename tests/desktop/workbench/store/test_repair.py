"""Damaged files: told from good ones, set aside, restored and salvaged, never overwritten."""

from __future__ import annotations

import random
import shutil
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from desktop.workbench.store import Store, files, repair
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
