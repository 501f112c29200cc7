"""Actions as data: complete, without two for one key, and bound to what panels can do."""

from __future__ import annotations

from collections import Counter

import pytest
from PySide6.QtCore import Qt
from PySide6.QtGui import QKeySequence
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QLineEdit, QMainWindow, QPlainTextEdit
from pytestqt.qtbot import QtBot

from desktop.ui.actions import ACTIONS, GROUPS, ActionRow, Actions, tooltip
from desktop.ui.theme import RESOURCES, Theme


@pytest.fixture
def window(qtbot: QtBot) -> QMainWindow:
    window = QMainWindow()
    qtbot.addWidget(window)
    return window


@pytest.fixture
def actions(window: QMainWindow) -> Actions:
    return Actions(Theme(window), window)


def test_every_row_is_complete() -> None:
    groups = {group for group, _ in GROUPS}
    for row in ACTIONS:
        assert row.text.strip()
        assert row.shortcut, f"{row.id} has no shortcut"
        assert not QKeySequence(row.shortcut).isEmpty(), f"{row.id}: {row.shortcut} is no key"
        assert row.group in groups
        assert not row.icon or (RESOURCES / "icons" / f"{row.icon}.svg").is_file()
    assert len({row.id for row in ACTIONS}) == len(ACTIONS)


def test_no_two_actions_share_a_shortcut() -> None:
    keys = Counter(QKeySequence(row.shortcut).toString() for row in ACTIONS)
    assert [key for key, count in keys.items() if count > 1] == []


def test_no_two_actions_read_the_same_in_one_menu() -> None:
    assert max(Counter((row.group, row.text) for row in ACTIONS).values()) == 1


def test_an_action_is_off_until_it_can_do_something(actions: Actions) -> None:
    done: list[str] = []
    assert actions.enabled() == []
    actions.set_enabled("stop", True)
    assert not actions["stop"].isEnabled()
    actions.bind({"stop": lambda: done.append("stop")})
    actions.run("stop")
    actions.set_enabled("stop", False)
    actions.run("stop")
    actions.set_enabled("stop", True)
    actions.unbind(["stop"])
    actions.run("stop")
    assert done == ["stop"]


def test_an_unknown_action_is_a_mistake(actions: Actions) -> None:
    with pytest.raises(KeyError):
        actions.bind({"no such action": lambda: None})


def test_menus_hold_every_action_once(actions: Actions, window: QMainWindow) -> None:
    shown = [a for menu in actions.menus(window) for a in menu.actions() if not a.isSeparator()]
    assert sorted(a.objectName() for a in shown) == sorted(row.id for row in ACTIONS if row.id != "menu")


def test_one_theme_is_chosen_at_a_time(actions: Actions) -> None:
    actions["theme_light"].setChecked(True)
    actions["theme_dark"].setChecked(True)
    assert not actions["theme_light"].isChecked()


def test_the_tooltip_tells_the_keys(actions: Actions) -> None:
    assert tooltip(actions["new_chat"]) == "New chat (Ctrl+N)"


@pytest.mark.parametrize("kind", [QPlainTextEdit, QLineEdit])
@pytest.mark.parametrize("row", ACTIONS, ids=lambda row: row.id)
def test_every_shortcut_works_while_typing(
    qtbot: QtBot,
    window: QMainWindow,
    actions: Actions,
    kind: type[QPlainTextEdit | QLineEdit],
    row: ActionRow,
) -> None:
    done: list[str] = []
    actions.bind({row.id: lambda: done.append("done")})
    field = kind()
    window.setCentralWidget(field)
    with qtbot.waitActive(window):
        window.show()
        window.activateWindow()
    field.setFocus()
    if row.id == "undo_delete":  # the text's own undo comes first while there is something to undo
        QTest.keyClicks(field, "typed")
    key = QKeySequence(row.shortcut)[0]
    QTest.keyClick(
        window.windowHandle(), key.key(), key.keyboardModifiers() & ~Qt.KeyboardModifier.KeypadModifier
    )
    assert done == ([] if row.id == "undo_delete" else ["done"])
