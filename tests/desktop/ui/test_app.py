"""Starting: one window a folder, errors told, nothing left behind. Real processes where two are needed."""

from __future__ import annotations

import gc
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from PySide6.QtCore import QTimer
from PySide6.QtNetwork import QLocalServer
from PySide6.QtWidgets import QApplication, QMessageBox
from pytestqt.qtbot import QtBot

from desktop.ui import app as app_module
from desktop.ui.app import Desk, Instance, collect, main
from desktop.workbench.workbench import Workbench
from models.engine.scripted import Answer, ScriptedEngine
from models.errors import EngineDied

ROOT = Path(app_module.__file__).parents[2]
START = (
    "import sys; from pathlib import Path; from desktop.ui.app import main; sys.exit(main(Path(sys.argv[1])))"
)


def start(folder: Path) -> subprocess.Popen[str]:
    """Rolltop on a folder, in its own process."""
    return subprocess.Popen(
        [sys.executable, "-c", START, str(folder)],
        cwd=ROOT,
        text=True,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )


@pytest.fixture
def workbench(tmp_path: Path) -> Workbench:
    return Workbench.open(tmp_path / "data", start_engine=ScriptedEngine.starter(lambda _r: Answer("Yes.")))


@pytest.fixture
def desk(qtbot: QtBot, qapp: QApplication, workbench: Workbench) -> Iterator[Desk]:
    desk = Desk(qapp, workbench)
    with qtbot.waitSignal(desk.ready):
        desk.start()
    yield desk
    desk.close()
    assert desk.jobs.threads == 0
    assert gc.isenabled()


def test_the_model_is_loaded_after_the_window_was_painted(
    qtbot: QtBot, qapp: QApplication, workbench: Workbench
) -> None:
    desk = Desk(qapp, workbench)
    qtbot.wait(100)
    assert workbench.engines.loaded() == []
    desk.start()
    qtbot.waitUntil(lambda: len(workbench.engines.loaded()) == 1, timeout=20_000)
    qtbot.waitUntil(lambda: desk.window.status._model.text().endswith("ready"), timeout=20_000)
    desk.close()


def test_a_dead_engine_is_shown(qtbot: QtBot, desk: Desk, workbench: Workbench) -> None:
    qtbot.waitUntil(lambda: desk.window.status._model.text().endswith("ready"), timeout=20_000)
    (loaded,) = workbench.engines.loaded()
    engine = workbench.engines.get(loaded.path)
    assert isinstance(engine, ScriptedEngine)
    engine.die(EngineDied("The model stopped working."))
    qtbot.waitUntil(lambda: desk.window.status._model.text().endswith("stopped working"), timeout=20_000)
    assert desk.window.status._restart.isVisible()
    desk.window.status._restart.click()
    qtbot.waitUntil(lambda: desk.window.status._model.text().endswith("ready"), timeout=20_000)


def test_an_unexpected_error_becomes_a_notice(
    qtbot: QtBot, desk: Desk, capsys: pytest.CaptureFixture[str]
) -> None:
    def broken() -> None:
        raise RuntimeError("a slot broke")

    # As Qt calls it; pytest-qt has put its own hook over ours.
    try:
        broken()
    except RuntimeError as error:
        desk._excepthook(RuntimeError, error, error.__traceback__)
    qtbot.waitUntil(lambda: "RuntimeError" in desk.window.notices.text)
    assert "a slot broke" in capsys.readouterr().err


def test_a_second_start_raises_the_first_window(qtbot: QtBot, desk: Desk, tmp_path: Path) -> None:
    instance = Instance(tmp_path / "data")
    assert not instance.other
    raised: list[bool] = []
    instance.listen(lambda: raised.append(True))
    second = start(tmp_path / "data")
    qtbot.waitUntil(lambda: second.poll() is not None, timeout=60_000)
    _, errors = second.communicate()
    assert (second.returncode, errors) == (0, "")
    assert raised == [True]
    instance.close()


def test_a_socket_left_by_a_killed_process_is_no_trouble(qtbot: QtBot, tmp_path: Path) -> None:
    killed = Instance(tmp_path)
    killed.listen(lambda: None)
    name = killed._name
    killed._lock.close()  # the system frees the lock; the socket's file stays
    fresh = Instance(tmp_path)
    assert not fresh.other
    fresh.listen(lambda: None)
    assert isinstance(fresh._server, QLocalServer)
    assert fresh._server.isListening()
    assert fresh._name == name
    fresh.close()
    killed.close()


def test_an_instance_that_does_not_answer_is_said_so(qtbot: QtBot, tmp_path: Path) -> None:
    first = Instance(tmp_path)  # has the lock but never listens
    second = Instance(tmp_path)
    assert second.other
    assert not second.raise_other(wait_ms=200)
    second.close()
    first.close()


def test_two_folders_are_two_instances(tmp_path: Path) -> None:
    one, other = Instance(tmp_path / "one"), Instance(tmp_path / "other")
    assert not one.other
    assert not other.other
    assert one._name != other._name
    one.close()
    other.close()


def test_a_folder_that_cannot_be_used_is_told_and_exits_with_1(
    qtbot: QtBot, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "a file"
    path.write_text("not a folder")
    shown: list[str] = []

    def quit_box() -> None:
        box = QApplication.activeModalWidget()
        if isinstance(box, QMessageBox):
            shown.append(box.text())
            box.buttons()[-1].click()
        else:
            QTimer.singleShot(50, quit_box)

    QTimer.singleShot(50, quit_box)
    assert main(path) == 1
    assert len(shown) == 1
    errors = capsys.readouterr().err
    assert errors.startswith("rolltop: ")
    assert "Traceback" not in errors


def test_the_app_ends_cleanly_when_it_is_asked_to(tmp_path: Path) -> None:
    process = start(tmp_path / "data")
    deadline = time.monotonic() + 60
    while not (tmp_path / "data" / "rolltop.db").exists() and time.monotonic() < deadline:
        time.sleep(0.1)
    time.sleep(1.5)
    process.send_signal(signal.SIGTERM)
    _, errors = process.communicate(timeout=60)
    assert process.returncode == 0, errors
    assert "Traceback" not in errors


@pytest.mark.skipif(os.name == "nt", reason="kill -9")
def test_after_a_kill_it_starts_again(tmp_path: Path) -> None:
    folder = tmp_path / "data"
    process = start(folder)
    deadline = time.monotonic() + 60
    while not (folder / "rolltop.db").exists() and time.monotonic() < deadline:
        time.sleep(0.1)
    process.kill()
    process.communicate()
    instance = Instance(folder)
    assert not instance.other
    instance.close()


def test_garbage_is_collected_on_this_thread() -> None:
    class Ring:
        def __init__(self) -> None:
            self.me = self

    alive: list[bool] = []

    class Watched(Ring):
        def __del__(self) -> None:
            alive.append(False)

    gc.collect()
    gc.disable()
    try:
        Watched()
        keep = [Ring() for _ in range(5000)]
        collect()
        assert alive == [False]
        del keep
    finally:
        gc.enable()
