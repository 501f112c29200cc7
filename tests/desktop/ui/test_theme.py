"""The look: contrast, icons, live switching."""

from __future__ import annotations

import re
from dataclasses import asdict

import pytest
from PySide6.QtCore import QSize
from PySide6.QtGui import QAction, QColor, QIcon
from PySide6.QtWidgets import QApplication, QLineEdit, QPushButton
from pytestqt.qtbot import QtBot

from desktop.ui.theme import DARK, ICON_SIZES, LIGHT, RESOURCES, Theme, Tokens, contrast

ICONS = sorted(path.stem for path in (RESOURCES / "icons").glob("*.svg"))


@pytest.fixture
def theme(qapp: QApplication) -> Theme:
    return Theme()


def test_contrast_knows_the_two_ends() -> None:
    assert contrast("#000000", "#FFFFFF") == pytest.approx(21)
    assert contrast("#777777", "#777777") == 1


@pytest.mark.parametrize("tokens", [LIGHT, DARK], ids=["light", "dark"])
def test_every_text_token_is_readable(tokens: Tokens) -> None:
    colors = asdict(tokens)
    pairs = [
        (text, ground)
        for text in ("text", "muted", "faint", "accent", "good", "bad")
        for ground in ("bg", "rail", "surface", "raised")
    ]
    pairs += [("text", "tint"), ("muted", "tint"), ("faint", "tint"), ("accent", "tint")]
    pairs += [("on_accent", "accent"), ("good", "good_bg"), ("bad", "bad_bg")]
    pairs += [("text", "bad_bg"), ("muted", "bad_bg")]
    weak = {pair: contrast(colors[pair[0]], colors[pair[1]]) for pair in pairs}
    assert {pair: ratio for pair, ratio in weak.items() if ratio < 4.5} == {}


def test_the_stylesheet_has_no_token_left_and_names_the_colours(theme: Theme) -> None:
    sheet = theme.stylesheet()
    assert "$" not in re.sub(r"/\*.*?\*/", "", sheet, flags=re.S)
    assert LIGHT.accent in sheet
    assert re.findall(r'url\("([^"]+)"\)', sheet)
    for path in re.findall(r'url\("([^"]+)"\)', sheet):
        assert QIcon(path).availableSizes() or not QIcon(path).isNull()


@pytest.mark.parametrize("name", ICONS)
def test_icons_are_line_drawings_of_one_weight(name: str) -> None:
    source = (RESOURCES / "icons" / f"{name}.svg").read_text("utf-8")
    assert 'viewBox="0 0 24 24"' in source
    assert 'stroke="currentColor"' in source
    assert set(re.findall(r'stroke-width="([^"]+)"', source)) == {"1.7"}


@pytest.mark.parametrize("name", ICONS)
def test_icons_are_drawn_in_the_colour_asked_for(theme: Theme, name: str) -> None:
    image = theme.pixmap(name, 24, "#FF0000", ratio=2.0).toImage()
    assert image.size() == QSize(48, 48)
    strong = [c for x in range(48) for y in range(48) if (c := image.pixelColor(x, y)).alpha() > 200]
    assert strong
    assert all(c.red() > 240 and c.green() < 15 for c in strong)


def darkest(icon: QIcon, state: QIcon.State = QIcon.State.Off) -> QColor:
    image = icon.pixmap(QSize(20, 20), QIcon.Mode.Normal, state).toImage()
    return max((image.pixelColor(x, y) for x in range(20) for y in range(20)), key=QColor.alpha)


def test_icons_on_buttons_and_actions_follow_the_theme(qtbot: QtBot, theme: Theme) -> None:
    theme.set_scheme("light")
    button, field = QPushButton(), QLineEdit()
    qtbot.addWidget(button)
    qtbot.addWidget(field)
    button.setIcon(theme.icon("plus", "accent", on="bad"))
    action = field.addAction(theme.icon("search", "muted"), QLineEdit.ActionPosition.LeadingPosition)
    own = QAction(theme.icon("plus"), "Plus", button)
    button.addAction(own)
    assert darkest(button.icon()).name().upper() == LIGHT.accent
    assert darkest(button.icon(), QIcon.State.On).name().upper() == LIGHT.bad
    for _ in range(2):
        theme.set_scheme("dark")
        assert darkest(button.icon()).name().upper() == DARK.accent
        assert darkest(button.icon(), QIcon.State.On).name().upper() == DARK.bad
        assert darkest(action.icon()).name().upper() == DARK.muted
        assert darkest(own.icon()).name().upper() == DARK.text
        theme.set_scheme("light")
        assert darkest(button.icon()).name().upper() == LIGHT.accent


def test_an_icon_has_every_size_in_use_unscaled(theme: Theme) -> None:
    sizes = {size.width() for size in theme.icon("chat").availableSizes()}
    assert sizes >= set(ICON_SIZES)


def test_switching_dresses_the_app_at_once(qtbot: QtBot, qapp: QApplication, theme: Theme) -> None:
    theme.set_scheme("light")
    theme.apply(qapp)
    button = QPushButton("Send")
    button.setProperty("role", "primary")
    qtbot.addWidget(button)
    button.resize(120, 32)
    button.show()
    assert button.grab().toImage().pixelColor(10, 6).name().upper() == LIGHT.accent
    with qtbot.waitSignal(theme.changed):
        theme.set_scheme("dark")
    assert theme.dark
    assert button.grab().toImage().pixelColor(10, 6).name().upper() == DARK.accent
    assert qapp.palette().window().color().name().upper() == DARK.bg


def test_the_system_scheme_is_followed_until_one_is_chosen(
    theme: Theme, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(theme, "_wanted", lambda: DARK)
    theme._system_changed()
    assert theme.tokens is DARK
    monkeypatch.undo()
    theme.set_scheme("light")
    monkeypatch.setattr(theme, "_wanted", lambda: DARK)
    theme._system_changed()
    assert theme.tokens is LIGHT
