"""A full disk, a folder that cannot be written, and errors of SQLite: plain words, nothing lost."""

from __future__ import annotations

import os
import sqlite3
import subprocess
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from desktop.workbench.store import Store
from desktop.workbench.store.failures import explain
from models.errors import UserError


def fill_until_full(store: Store, conversation: str, size: int = 20_000) -> tuple[list[str], UserError]:
    """Add messages until one fails; returns what was acknowledged, and the error."""
    done: list[str] = []
    parent: str | None = None
    for number in range(5_000):
        text = f"{number} " + os.urandom(size // 2).hex()
        try:
            parent = store.add_message(conversation, parent, "user", text).id
        except UserError as error:
            return done, error
        done.append(text)
    raise AssertionError("the disk did not fill up")


def contents(store: Store, conversation: str) -> list[str]:
    return [row.content for row in store.path(conversation)]


def test_a_full_file(file: Path) -> None:
    store = Store.open(file)
    conversation = store.create_conversation().id
    store._conn.execute("PRAGMA max_page_count = 200").fetchall()
    done, error = fill_until_full(store, conversation)
    assert error.code == "disk_full"
    assert str(file.parent) in error.text
    assert done
    assert contents(store, conversation) == done
    store._conn.execute("PRAGMA max_page_count = 100000").fetchall()
    leaf = store.conversation(conversation).leaf
    store.add_message(conversation, leaf, "user", "there is room again")
    store.close()
    store = Store.open(file)
    assert contents(store, conversation) == [*done, "there is room again"]
    store.close()
    with closing(sqlite3.connect(file)) as conn:
        assert conn.execute("PRAGMA integrity_check").fetchall() == [("ok",)]


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 3 MB."""
    folder = tmp_path / "disk"
    folder.mkdir()
    mounted = (
        os.name == "posix"
        and not subprocess.run(
            ["mount", "-t", "tmpfs", "-o", "size=3m", "tmpfs", str(folder)], capture_output=True, check=False
        ).returncode
    )
    if not mounted:
        pytest.skip("mounting a small disk takes root")
    yield folder
    subprocess.run(["umount", str(folder)], check=True)


def test_a_really_full_disk(small_disk: Path) -> None:
    file = small_disk / "data" / "rolltop.db"
    store = Store.open(file)
    ballast = small_disk / "ballast"
    ballast.write_bytes(bytes(1_000_000))
    conversation = store.create_conversation().id
    done, error = fill_until_full(store, conversation)
    assert error.code == "disk_full"
    assert len(done) > 10
    assert contents(store, conversation) == done
    for call in (store.backup, lambda: store.set_draft("", "x" * 500_000)):
        with pytest.raises(UserError) as caught:
            call()
        assert caught.value.code == "disk_full"
    ballast.unlink()
    store.add_message(conversation, store.conversation(conversation).leaf, "user", "room again")
    store.close()
    store = Store.open(file)
    assert store.notice is None
    assert contents(store, conversation) == [*done, "room again"]
    store.close()


def test_starting_on_a_full_disk(small_disk: Path) -> None:
    with pytest.raises(OSError, match="No space"):
        (small_disk / "ballast").write_bytes(bytes(4 * 2**20))
    with pytest.raises(UserError) as caught:
        Store.open(small_disk / "data" / "rolltop.db")
    assert caught.value.code == "disk_full"


def test_a_full_disk_does_not_touch_a_damaged_file(small_disk: Path) -> None:
    file = small_disk / "rolltop.db"
    raw = b"no database " * 100_000
    file.write_bytes(raw)
    (small_disk / "ballast").write_bytes(bytes(3 * 2**20 - len(raw) - 3 * 4096))
    with pytest.raises(UserError) as caught:
        Store.open(file)
    assert caught.value.code == "disk_full"
    assert file.read_bytes() == raw
    assert sorted(path.name for path in small_disk.iterdir()) == ["ballast", "rolltop.db"]


def test_a_folder_that_cannot_be(tmp_path: Path) -> None:
    tmp_path.joinpath("occupied").write_text("a file")
    for folder in (tmp_path / "occupied", tmp_path / "occupied" / "below"):
        with pytest.raises(UserError) as caught:
            Store.open(folder / "rolltop.db")
        assert caught.value.code == "data_folder"
        assert "ROLLTOP_DATA_DIR" in caught.value.hint
    tmp_path.joinpath("there", "rolltop.db").mkdir(parents=True)
    with pytest.raises(UserError) as caught:
        Store.open(tmp_path / "there" / "rolltop.db")
    assert caught.value.code == "data_folder"


@pytest.fixture
def ordinary_user(tmp_path: Path) -> Iterator[None]:
    """Without root's right to write everywhere."""
    if os.name != "posix":
        pytest.skip("modes of folders mean little here")
    if os.geteuid() != 0:
        yield
        return
    modes = {folder: folder.stat().st_mode for folder in (tmp_path.parent, tmp_path.parent.parent)}
    for folder in modes:
        folder.chmod(0o755)
    os.chown(tmp_path, 65534, 65534)
    os.seteuid(65534)
    yield
    os.seteuid(0)
    for folder, mode in modes.items():
        folder.chmod(mode)


@pytest.mark.usefixtures("ordinary_user")
def test_a_folder_or_file_that_may_not_be_written(tmp_path: Path) -> None:
    folder = tmp_path / "data"
    file = folder / "rolltop.db"
    Store.open(file).close()
    raw = file.read_bytes()
    folder.chmod(0o500)
    with pytest.raises(UserError) as caught:
        Store.open(file)
    assert caught.value.code == "data_folder"
    with pytest.raises(UserError) as caught:
        Store.open(folder / "below" / "rolltop.db")
    assert caught.value.code == "data_folder"
    folder.chmod(0o700)
    file.chmod(0o000)
    with pytest.raises(UserError) as caught:
        Store.open(file)
    assert caught.value.code == "data_folder"
    file.chmod(0o600)
    assert file.read_bytes() == raw


def test_the_modes_of_folder_and_files(tmp_path: Path) -> None:
    before = os.umask(0)
    try:
        store = Store.open(tmp_path / "new" / "rolltop.db")
    finally:
        os.umask(before)
    store.set_setting("a", 1)
    store.backup()
    for path in [tmp_path / "new", *(tmp_path / "new").rglob("*")]:
        assert path.stat().st_mode & 0o077 == 0, path
    store.close()
    file = tmp_path / "new" / "rolltop.db"
    file.chmod(0o644)
    Store.open(file).close()
    assert file.stat().st_mode & 0o777 == 0o600


def test_a_folder_with_other_things_keeps_its_modes(tmp_path: Path) -> None:
    folder = tmp_path / "mine"
    folder.mkdir()
    folder.chmod(0o755)
    folder.joinpath("letter.txt").write_text("hello")
    Store.open(folder / "rolltop.db").close()
    assert folder.stat().st_mode & 0o777 == 0o755


def test_no_error_of_sqlite_leaks(store: Store, file: Path) -> None:
    conversation = store.create_conversation().id
    with closing(sqlite3.connect(file, isolation_level=None, timeout=0)) as other:
        other.execute("BEGIN IMMEDIATE")
        store._conn.execute("PRAGMA busy_timeout = 10").fetchall()
        with pytest.raises(UserError, match="in use by another program") as caught:
            store.add_message(conversation, None, "user", "x")
        assert caught.value.code == "store"
    store.add_message(conversation, None, "user", "x")
    store.close()
    with pytest.raises(UserError) as caught:
        store.conversations()
    assert caught.value.code == "store"


@pytest.mark.parametrize(
    ("code", "expected"),
    [(13, "disk_full"), (778, "disk_full"), (4874, "disk_full"), (8, "data_folder"), (14, "data_folder"),
     (5, "store"), (11, "store"), (26, "store"), (266, "store"), (1, "store"), (0, "store")],
)  # fmt: skip
def test_every_error_has_words(tmp_path: Path, code: int, expected: str) -> None:
    error = sqlite3.OperationalError("{curly} words")
    error.sqlite_errorcode = code
    told = explain(error, tmp_path / "rolltop.db")
    assert told.code == expected
    assert told.text
    assert told.hint_text
