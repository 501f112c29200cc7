"""A history or a folder that cannot be used as it is: said in plain words, nothing overwritten."""

from __future__ import annotations

import os
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pytest
from flows.conftest import Open
from PySide6.QtCore import QTimer
from PySide6.QtWidgets import QApplication, QMessageBox
from pytestqt.qtbot import QtBot

from desktop.ui.app import main
from desktop.workbench.workbench import STORE_FILE
from models.engine.scripted import Answer, ScriptedEngine

ANSWERS = ScriptedEngine.starter(lambda _request: Answer("Noted."))
START = "import sys, pathlib; from desktop.ui.app import main; sys.exit(main(pathlib.Path(sys.argv[1])))"


def test_a_newer_history_is_shown_and_left_alone(open_app: Open, tmp_path: Path) -> None:
    """It can be read; the window says why nothing can be sent, and not a byte of it changes."""
    story = open_app(start_engine=ANSWERS)
    story.ask("Remember this")
    story.close()
    path = tmp_path / "data" / STORE_FILE
    with closing(sqlite3.connect(path)) as conn:
        conn.execute("INSERT INTO _sqlite_migrations VALUES (NULL, 'rolltop', '9999_tomorrow', '2099-01-01')")
        conn.commit()
    before = path.read_bytes()
    later = open_app(start_engine=ANSWERS)
    later.until(lambda: "newer version" in later.words(), "it is said")
    later.until(lambda: len(later.rows()) == 2, "the conversation is shown")
    assert later.shown(0) == "Remember this"
    later.send("One more thing")
    assert len(later.rows()) == 2
    assert later.panel.composer.text() == "One more thing", "what was written stays"
    later.do("theme_dark")
    later.close()
    assert path.read_bytes() == before


def test_a_damaged_history_is_set_aside_and_what_can_be_read_comes_back(
    open_app: Open, tmp_path: Path
) -> None:
    """The damaged file stays beside the new one, as it was."""
    story = open_app(start_engine=ANSWERS)
    story.ask("Remember this")
    story.workbench.store.backup()
    story.close()
    path = tmp_path / "data" / STORE_FILE
    damaged = bytearray(path.read_bytes())
    damaged[:4096] = b"\xff" * 4096
    path.write_bytes(damaged)
    later = open_app(start_engine=ANSWERS)
    later.until(lambda: "damaged" in later.words(), "it is said")
    later.until(lambda: later.conversations() == ["Remember this"], "the conversation is back")
    (aside,) = path.parent.glob(f"{path.stem}.damaged-*{path.suffix}")
    assert aside.read_bytes() == damaged
    assert later.ask("And this") == "Noted."


@pytest.mark.parametrize("place", ["file", "file/below"])
def test_a_folder_that_cannot_be_used_is_told_in_a_dialog(
    qtbot: QtBot, tmp_path: Path, capsys: pytest.CaptureFixture[str], place: str
) -> None:
    """The dialog and stderr say which folder and what to do; what lies there stays."""
    (tmp_path / "file").write_text("mine")
    told: list[str] = []

    def answer() -> None:
        box = QApplication.activeModalWidget()
        if not isinstance(box, QMessageBox):
            QTimer.singleShot(20, answer)
            return
        told.append(box.text() + "\n" + box.informativeText())
        next(button for button in box.buttons() if button.text() == "Quit").click()

    QTimer.singleShot(0, answer)
    assert main(tmp_path / place) == 1
    (words,) = told
    assert str(tmp_path / place) in words
    assert "--data-dir" in words
    assert str(tmp_path / place) in capsys.readouterr().err
    assert (tmp_path / "file").read_text() == "mine"


def test_a_second_start_raises_the_first_window(open_app: Open, tmp_path: Path) -> None:
    """The second process ends at once and well; the first window comes back from the task bar."""
    story = open_app(start_engine=ANSWERS)
    story.window.showMinimized()
    story.until(story.window.isMinimized, "the window is minimized")
    environment = {**os.environ, "QT_QPA_PLATFORM": "offscreen"}
    command = [sys.executable, "-c", START, str(tmp_path / "data")]
    second = subprocess.Popen(command, env=environment, stderr=subprocess.PIPE, text=True)
    story.until(lambda: second.poll() is not None, "the second start ends")
    _, errors = second.communicate()
    assert (second.returncode, errors) == (0, "")
    story.until(lambda: story.window.isVisible() and not story.window.isMinimized(), "the window is back")
    assert story.ask("Still there?") == "Noted."
