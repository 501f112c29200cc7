"""A person at the real window: types, presses keys, reads what is shown. For the flows and the benchmarks."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from PySide6.QtCore import Qt
from PySide6.QtGui import QKeySequence
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication, QLabel, QPushButton, QWidget

from desktop.ui.actions import ACTIONS
from desktop.ui.app import Desk, Instance, application
from desktop.ui.panels.chat import ChatPanel
from desktop.ui.widgets.message import MessageView
from desktop.ui.window import Window
from desktop.workbench.store import MessageRow
from desktop.workbench.workbench import Workbench

WAIT_S = 30.0
LOOK_MS = 5
KEYS = {row.id: row.shortcut for row in ACTIONS}


class Story:
    """The app on a data folder, built as it builds itself, and what a person does with it.

    Attributes:
        workbench, desk, window, panel: its parts.
        broken: errors that nobody expected; `close` fails when there were any.
        closed: `close` was called.
    """

    def __init__(self, folder: Path, *, start_engine: Any = None) -> None:
        self.folder, self.closed = folder, False
        self.app = application()
        self.instance = Instance(folder)
        assert not self.instance.other
        self.workbench = Workbench.open(folder, start_engine=start_engine)
        self.desk = Desk(self.app, self.workbench)
        self.instance.listen(self.desk.raise_window)
        self.broken: list[BaseException] = []
        self.desk._broke.connect(self.broken.append)
        self.window: Window = self.desk.window
        painted: list[bool] = []
        self.window.painted.connect(lambda: painted.append(True))
        self.desk.start()
        self.window.activateWindow()
        self.until(lambda: bool(painted) and self.window.isActiveWindow(), "the window is painted")
        panel = self.window.panels["chat"]
        assert isinstance(panel, ChatPanel)
        self.panel = panel
        self.until(lambda: panel.current != "", "a conversation is open")

    def close(self) -> None:
        """Close the window as a person does, and let everything end."""
        self.closed = True
        self.window.close()
        QTest.qWait(1)  # as the event loop does before it ends
        self.desk.close()
        self.instance.close()
        QTest.qWait(1)  # what is to be deleted later is deleted now
        assert self.broken == []

    # ------------------------------------------------------------ waiting

    def until(self, condition: Callable[[], object], what: str = "", seconds: float = WAIT_S) -> None:
        """Let the window run until something is true."""
        deadline = time.monotonic() + seconds
        while not condition():
            if time.monotonic() > deadline:
                raise AssertionError(f"waited {seconds} s in vain for: {what}; {self.state()}")
            QTest.qWait(LOOK_MS)

    def state(self) -> str:
        """What there is to see, for the message of a test that waited in vain."""
        rows = [(row.role, row.status, row.content[-40:]) for row in self.rows()]
        return f"rows {rows}, notice {self.notice()!r}, busy {self.panel.busy}, broken {self.broken}"

    def settle(self) -> None:
        """Wait until the open conversation is at rest: no answer in the making, nothing read or loaded."""
        self.until(lambda: not (self.panel.busy or self.panel._opening or self.window._loading), "rest")

    # ------------------------------------------------------------ hands

    def keys(self, text: str) -> None:
        """Type into whatever has the keyboard."""
        QTest.keyClicks(self._focus(), text)

    def key(self, shortcut: str) -> None:
        """Press one combination, such as "Ctrl+Return", wherever the keyboard is."""
        combination = QKeySequence(shortcut, QKeySequence.SequenceFormat.PortableText)[0]
        QTest.keyClick(self._focus(), combination.key(), combination.keyboardModifiers())

    def do(self, action: str) -> None:
        """Press the keys of one of the window's actions."""
        self.key(KEYS[action])

    def write(self, text: str) -> None:
        """Write a message into the composer, from wherever the keyboard is."""
        self.do("focus_composer")
        assert self._focus() is self.panel.composer.edit
        self.keys(text)

    def send(self, text: str) -> None:
        """Write a message and send it with Enter."""
        self.write(text)
        self.key("Return")

    def ask(self, text: str) -> str:
        """Send a message and wait for the end of its answer; gives the answer."""
        before = len(self.rows())
        self.send(text)
        self.until(lambda: len(self.rows()) == before + 2, "a question and its answer")
        self.settle()
        return self.rows()[-1].content

    def press(self, label: str, inside: QWidget | None = None) -> None:
        """Click the visible button with this label."""
        QTest.mouseClick(self.button(label, inside), Qt.MouseButton.LeftButton)

    def button(self, label: str, inside: QWidget | None = None) -> QPushButton:
        """The visible button with this label; waits for it."""

        def found() -> list[QPushButton]:
            buttons = (inside or self.window).findChildren(QPushButton)
            return [b for b in buttons if b.text() == label and b.isVisible() and b.isEnabled()]

        self.until(found, f"a button {label!r}")
        return found()[0]

    def _focus(self) -> QWidget:
        return QApplication.focusWidget() or self.window

    # ------------------------------------------------------------ eyes

    def rows(self) -> list[MessageRow]:
        """The messages that the transcript shows, first to last, as they are known there."""
        return [entry.row for entry in self.panel.transcript._entries]

    def view(self, place: int = -1) -> MessageView:
        """The widget of a message, by default the last; it has to be in view."""
        view = self.panel.transcript.view(self.rows()[place].id)
        assert view is not None
        return view

    def shown(self, place: int = -1) -> str:
        """The Markdown of a message as far as it is drawn; "" when it is not there."""
        if len(self.rows()) < max(1, -place):
            return ""
        view = self.panel.transcript.view(self.rows()[place].id)
        return view.entry.content if view is not None else ""

    def words(self, inside: QWidget | None = None) -> str:
        """All labels that can be seen."""
        labels = (inside or self.window).findChildren(QLabel)
        return "\n".join(label.text() for label in labels if label.isVisible() and label.text())

    def notice(self) -> str:
        """The sentence above the composer, "" when there is none."""
        return self.panel.notice.text

    def conversations(self) -> list[str]:
        """The titles in the list, as they stand there."""
        items = self.panel.list.items
        return [self.panel.list.title_of(id) for id in items.ids()]

    def engine_pids(self) -> list[int]:
        """The processes of the engines that run now."""
        engines = self.workbench.engines
        found = [engines.get(model.path) for model in engines.loaded()]
        return [engine.pid for engine in found if engine is not None]
