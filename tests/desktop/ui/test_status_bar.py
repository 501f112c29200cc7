"""The status bar says in words what it is told."""

from __future__ import annotations

import pytest
from PySide6.QtWidgets import QLabel, QProgressBar, QPushButton
from pytestqt.qtbot import QtBot

from desktop.ui.theme import DARK, LIGHT, Theme
from desktop.ui.widgets.status_bar import GIB, StatusBar


@pytest.fixture
def bar(qtbot: QtBot) -> StatusBar:
    bar = StatusBar(Theme())
    qtbot.addWidget(bar)
    bar.resize(1366, 30)
    bar.show()
    return bar


def said(bar: StatusBar) -> list[str]:
    """The texts to be read, from left to right."""
    parts = [w for kind in (QLabel, QPushButton) for w in bar.findChildren(kind) if w.isVisible()]
    texts = [w.text().strip() for w in sorted(parts, key=lambda w: w.x())]
    return [text for text in texts if text not in ("", "·")]


def test_an_empty_bar_says_only_what_is_true(bar: StatusBar) -> None:
    assert said(bar) == ["No model chosen", "offline"]


def test_everything_stands_in_its_order(bar: StatusBar) -> None:
    bar.set_model("SmolLM2 135M", "ready")
    bar.set_device("CPU")
    bar.set_context(812, 4096)
    bar.set_speed(74.2)
    bar.set_memory(int(1.2 * GIB), 16 * GIB)
    bar.grab()
    assert said(bar) == [
        *("SmolLM2 135M ready", "CPU", "812 / 4096 tokens"),
        *("74 tok/s", "RAM 1.2 / 16 GB", "offline"),
    ]
    meter = bar.findChild(QProgressBar)
    assert (meter.value(), meter.maximum()) == (812, 4096)


@pytest.mark.parametrize(
    ("state", "words"),
    [
        ("none", "M not loaded"),
        ("loading", "M loading 43%"),
        ("ready", "M ready"),
        ("dead", "M stopped working"),
    ],
)
def test_a_state_is_told_in_words(bar: StatusBar, state: str, words: str) -> None:
    bar.set_model("M", state, 0.43)  # type: ignore[arg-type]
    assert said(bar)[0] == words
    assert ("Restart" in said(bar)) == (state == "dead")


def test_restart_is_asked_for(qtbot: QtBot, bar: StatusBar) -> None:
    bar.set_model("M", "dead")
    button = next(b for b in bar.findChildren(QPushButton) if b.text().strip() == "Restart")
    with qtbot.waitSignal(bar.restart_requested):
        button.click()


def test_a_context_that_is_too_long_is_said(bar: StatusBar) -> None:
    bar.set_context(5000, 4096)
    assert "5000 / 4096 tokens, too long" in said(bar)
    bar.set_context(100, 4096, exact=False)
    assert "about 100 / 4096 tokens" in said(bar)
    bar.set_context(None, 0)
    assert not any("tokens" in text for text in said(bar))


def test_speed_below_ten_has_a_digit_more_and_zero_is_not_shown(bar: StatusBar) -> None:
    bar.set_speed(3.26)
    assert "3.3 tok/s" in said(bar)
    bar.set_speed(0.0)
    assert not any("tok/s" in text for text in said(bar))


def test_the_shield_says_that_nothing_was_sent(qtbot: QtBot, bar: StatusBar) -> None:
    assert "no network connection" in bar.shield_text
    bar.set_connections(2, "Searching for models")
    assert "connections: 2" in said(bar)
    assert bar.shield_text == "Searching for models"


def test_the_dot_follows_state_and_theme(qtbot: QtBot) -> None:
    theme = Theme()
    theme.set_scheme("light")
    bar = StatusBar(theme)
    qtbot.addWidget(bar)
    bar.set_model("M", "ready")
    assert bar._dot.grab().toImage().pixelColor(5, 5).name().upper() == LIGHT.good
    bar.set_model("M", "dead")
    assert bar._dot.grab().toImage().pixelColor(5, 5).name().upper() == LIGHT.bad
    theme.set_scheme("dark")
    assert bar._dot.grab().toImage().pixelColor(5, 5).name().upper() == DARK.bad


def test_everything_that_can_be_pressed_has_a_name_and_the_keyboard(bar: StatusBar) -> None:
    bar.set_model("M", "dead")
    for button in bar.findChildren(QPushButton):
        assert button.accessibleName()
        assert button.focusPolicy().value & 1, "reached with Tab"
