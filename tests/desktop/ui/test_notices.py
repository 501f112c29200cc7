"""The inline bar: errors with ways out, and undo that does not run away."""

from __future__ import annotations

import pytest
from PySide6.QtCore import QPoint, Qt
from PySide6.QtWidgets import QApplication, QLabel, QPushButton, QVBoxLayout, QWidget
from pytestqt.qtbot import QtBot

from desktop.ui import notices
from desktop.ui.notices import Notice, NoticeBar
from desktop.ui.theme import Theme

WAIT = 10_000


@pytest.fixture
def window(qtbot: QtBot) -> QWidget:
    """The window around the bar."""
    window = QWidget()
    qtbot.addWidget(window)
    return window


@pytest.fixture
def bar(qtbot: QtBot, qapp: QApplication, window: QWidget) -> NoticeBar:
    """A bar with a button beside it that can take the keyboard away."""
    theme = Theme()
    theme.apply(qapp)
    rows = QVBoxLayout(window)
    bar = NoticeBar(theme, window)
    rows.addWidget(bar)
    rows.addWidget(QPushButton("elsewhere"))
    window.resize(500, 200)
    window.show()
    window.activateWindow()
    qtbot.waitUntil(window.isActiveWindow, timeout=WAIT)
    return bar


def buttons(bar: NoticeBar) -> list[QPushButton]:
    """The buttons that are shown."""
    return [button for button in bar.findChildren(QPushButton) if button.isVisible()]


def sentence(bar: NoticeBar) -> QLabel:
    """The label with the sentence."""
    return next(label for label in bar.findChildren(QLabel) if label.text() == bar.text)


def top(bar: NoticeBar, part: QWidget) -> int:
    """Where a part begins, in the bar."""
    return part.mapTo(bar, QPoint(0, 0)).y()


def test_one_button_stands_beside_the_words_and_several_below(bar: NoticeBar, qtbot: QtBot) -> None:
    bar.show_error("Something went wrong.", actions=[("Again", lambda: None)])
    qtbot.waitUntil(lambda: len(buttons(bar)) == 1 and buttons(bar)[0].x() > sentence(bar).x(), timeout=WAIT)
    qtbot.waitUntil(lambda: sentence(bar).width() > bar.width() / 2, timeout=WAIT)
    bar.show_error("Something went wrong.", actions=[("One", lambda: None), ("Two", lambda: None)])
    qtbot.waitUntil(lambda: [b.text() for b in buttons(bar)] == ["One", "Two"], timeout=WAIT)
    qtbot.waitUntil(lambda: top(bar, buttons(bar)[0]) > top(bar, sentence(bar)) + 10, timeout=WAIT)
    bar.show_error("Something went wrong.")
    assert buttons(bar) == []


def test_an_action_closes_the_bar_and_is_done_once(bar: NoticeBar, qtbot: QtBot) -> None:
    done: list[str] = []
    bar.show_error("No.", actions=[("Again", lambda: done.append("again"))])
    with qtbot.waitSignal(bar.closed):
        qtbot.mouseClick(buttons(bar)[0], Qt.MouseButton.LeftButton)
    assert (done, bar.text) == (["again"], "")


def test_undo_goes_after_a_while(bar: NoticeBar, qtbot: QtBot, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(notices, "UNDO_MS", 10)
    bar.show_undo("Deleted.", lambda: None)
    qtbot.waitUntil(lambda: bar.text == "", timeout=WAIT)


def test_undo_stays_while_the_keyboard_is_on_it(
    bar: NoticeBar, qtbot: QtBot, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(notices, "UNDO_MS", 10)
    bar.show_undo("Deleted.", lambda: None)
    bar.setFocus()  # which goes on to what is in it
    qtbot.wait(200)
    assert bar.text == "Deleted."
    bar.window().findChildren(QPushButton)[-1].setFocus()
    qtbot.waitUntil(lambda: bar.text == "", timeout=WAIT)


def test_the_same_notice_again_leaves_the_keyboard_where_it_is(bar: NoticeBar, qtbot: QtBot) -> None:
    notice = Notice("No.", actions=(("Again", lambda: None),))
    bar.show_notice(notice)
    qtbot.waitUntil(lambda: len(buttons(bar)) == 1, timeout=WAIT)
    button = buttons(bar)[0]
    button.setFocus()
    bar.show_notice(notice)
    assert buttons(bar) == [button]
    assert button.hasFocus()
    bar.show_notice(Notice("No.", actions=(("Other", lambda: None),)))
    qtbot.waitUntil(lambda: [b.text() for b in buttons(bar)] == ["Other"], timeout=WAIT)
