"""The workbench as a whole, with no window."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from desktop.workbench.workbench import FolderLock, Workbench, default_data_dir
from models.engine.scripted import Answer, ScriptedEngine
from models.errors import UserError
from models.places import Place

HEAVY = ("PySide6", "shiboken6", "llama_cpp", "numpy", "sqlite_utils", "jinja2")


def test_importing_the_workbench_pulls_in_nothing_heavy() -> None:
    code = (
        "import sys, desktop.workbench.workbench, desktop.workbench.chat, desktop.cli\n"
        f"print([name for name in {HEAVY!r} if name in sys.modules])"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60
    )
    assert done.stdout.strip() == "[]"


def test_a_conversation_is_still_there_after_a_restart(tmp_path: Path) -> None:
    start = ScriptedEngine.starter(lambda _: Answer("Good day."))
    with Workbench.open(tmp_path / "data", start_engine=start) as workbench:
        conversation = workbench.chats.new()
        for _ in workbench.chats.send(conversation.id, "Hello"):
            pass
        workbench.settings.set("theme", "dark")
    with Workbench.open(tmp_path / "data", start_engine=start) as workbench:
        (row,) = workbench.store.conversations()
        assert row.title == "Hello"
        assert [message.content for message in workbench.store.path(row.id)] == ["Hello", "Good day."]
        assert workbench.settings.get("theme") == "dark"


def test_everything_lies_in_the_data_folder(tmp_path: Path) -> None:
    with Workbench.open(tmp_path / "data") as workbench:
        assert workbench.data_dir == tmp_path / "data"
        assert workbench.library.folders == (tmp_path / "data" / "models",)
        assert workbench.library.starter() in workbench.library.scan()
    if os.name == "posix":
        assert (tmp_path / "data").stat().st_mode & 0o777 == 0o700
        assert (tmp_path / "data" / "rolltop.db").stat().st_mode & 0o777 == 0o600


def test_the_variable_names_the_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ROLLTOP_DATA_DIR", str(tmp_path / "there"))
    assert default_data_dir() == tmp_path / "there"
    with Workbench.open() as workbench:
        assert workbench.data_dir == tmp_path / "there"
    monkeypatch.delenv("ROLLTOP_DATA_DIR")
    assert "Rolltop" in str(default_data_dir())


def test_what_was_streaming_at_a_crash_is_marked_at_the_next_start(tmp_path: Path) -> None:
    with Workbench.open(tmp_path) as workbench:
        conversation = workbench.chats.new()
        row = workbench.store.add_message(conversation.id, None, "assistant", "half", status="streaming")
    with Workbench.open(tmp_path) as workbench:
        assert workbench.store.message(row.id).status == "interrupted"
        assert workbench.store.message(row.id).content == "half"


def test_a_second_program_does_not_mark_the_answers_of_the_first(tmp_path: Path) -> None:
    with Workbench.open(tmp_path) as first:
        conversation = first.chats.new()
        row = first.store.add_message(conversation.id, None, "assistant", "half", status="streaming")
        with Workbench.open(tmp_path) as second:
            assert (first.owner, second.owner) == (True, False)
            assert second.store.message(row.id).status == "streaming"


def test_the_folder_lock_is_free_again_after_its_end(tmp_path: Path) -> None:
    first, second = FolderLock(tmp_path / "lock"), FolderLock(tmp_path / "lock")
    assert (first.held, second.held) == (True, False)
    first.close()
    second.close()
    third = FolderLock(tmp_path / "lock")
    assert third.held
    third.close()


def test_unsaved_chats_leave_nothing(tmp_path: Path) -> None:
    start = ScriptedEngine.starter([Answer("secret answer")])
    with Workbench.open(tmp_path, start_engine=start) as workbench:
        with workbench.unsaved_chats() as chats:
            conversation = chats.new()
            for _ in chats.send(conversation.id, "secret question"):
                pass
            assert chats.store.path(conversation.id)[-1].content == "secret answer"
            folder = Path(chats.store.file).parent
        assert workbench.store.conversations() == []
        assert not folder.exists()
    assert not any(b"secret" in file.read_bytes() for file in tmp_path.rglob("*") if file.is_file())


def test_a_folder_that_cannot_be_used_is_told_in_plain_words(tmp_path: Path) -> None:
    blocked = tmp_path / "file"
    blocked.write_text("not a folder")
    with pytest.raises(UserError, match="data folder"):
        Workbench.open(blocked)
    assert blocked.read_text() == "not a folder"


def test_a_workbench_that_cannot_open_leaves_nothing_open(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: object, **__: object) -> None:
        raise UserError("No engines today.")

    monkeypatch.setattr("desktop.workbench.workbench.EnginePool", broken)
    with pytest.raises(UserError, match="No engines"):
        Workbench.open(tmp_path)
    lock = FolderLock(tmp_path / "rolltop.lock")
    assert lock.held
    lock.close()


def test_info_tells_versions_devices_and_folders(tmp_path: Path) -> None:
    with Workbench.open(tmp_path) as workbench:
        facts = workbench.info()
    assert facts["versions"]["python"] == ".".join(map(str, sys.version_info[:3]))
    assert all(facts["versions"][name] for name in ("rolltop", "llama_cpp_python", "qt"))
    assert facts["folders"]["data"] == str(tmp_path)
    assert Path(facts["folders"]["store"]).is_file()
    cpu = next(device for device in facts["devices"] if device["kind"] == "CPU")
    assert cpu["memory_total"] > 1e8


def test_closing_ends_the_engines(tmp_path: Path) -> None:
    start = ScriptedEngine.starter([Answer("x")])
    workbench = Workbench.open(tmp_path, start_engine=start)
    conversation = workbench.chats.new()
    for _ in workbench.chats.load(conversation.id):
        pass
    engine = workbench.engines.get(str(workbench.library.starter().path))
    assert engine is not None
    workbench.close()
    assert not engine.alive()
    with pytest.raises(UserError):
        workbench.store.conversations()


def test_the_parts_follow_their_settings(tmp_path: Path) -> None:
    with Workbench.open(tmp_path / "data") as workbench:
        assert workbench.downloads.parallel == 2
        workbench.settings.set("parallel_downloads", 5)
        assert workbench.downloads.parallel == 5
        (tmp_path / "hub").mkdir()
        workbench.library._ask_places = lambda: [Place("lm_studio", tmp_path / "hub")]
        assert [place for place, _ in workbench.collection.all_folders()] == ["rolltop", "lm_studio"]
        workbench.settings.set("other_apps", False)
        assert [place for place, _ in workbench.collection.all_folders()] == ["rolltop"]
