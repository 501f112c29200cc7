"""The look: colour tokens, fonts, icons, and the one stylesheet built from them.

Widgets never write a colour down. They take the stylesheet's roles (listed at the top of
`resources/styles/app.qss`), ask for `theme.icon(...)`, or paint with `theme.tokens` and repaint
on `theme.changed`.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from functools import cache
from pathlib import Path
from string import Template
from typing import Literal

from PySide6.QtCore import QByteArray, QObject, Qt, Signal
from PySide6.QtGui import (
    QAction,
    QColor,
    QFont,
    QFontDatabase,
    QGuiApplication,
    QIcon,
    QPainter,
    QPalette,
    QPixmap,
)
from PySide6.QtSvg import QSvgRenderer
from PySide6.QtWidgets import QAbstractButton, QApplication

import resources

RESOURCES = Path(resources.__file__).parent

Scheme = Literal["system", "light", "dark"]
IconKey = tuple[str, str | None, str | None]
FontRole = Literal["control", "reading", "title", "section", "fact", "mono"]

ICON_SIZES = (14, 15, 16, 18, 20)
"""The sizes that icons are used in, in logical pixels."""
LARGEST_ICON = 64


@dataclass(frozen=True)
class Tokens:
    """The colours of one scheme, each named for its use, as "#RRGGBB"."""

    bg: str
    rail: str
    surface: str
    raised: str
    border: str
    text: str
    muted: str
    faint: str
    accent: str
    on_accent: str
    tint: str
    good: str
    good_bg: str
    bad: str
    bad_bg: str


LIGHT = Tokens(
    bg="#F6F4F0",
    rail="#EDEAE4",
    surface="#FFFFFF",
    raised="#FBFAF7",
    border="#E2DED6",
    text="#23211E",
    muted="#625E57",
    faint="#6B665E",
    accent="#8C4F26",
    on_accent="#FFFFFF",
    tint="#F3E8DF",
    good="#2F6B4A",
    good_bg="#E4F0E8",
    bad="#A63A2E",
    bad_bg="#F8E6E3",
)

DARK = Tokens(
    bg="#1B1A18",
    rail="#161513",
    surface="#232120",
    raised="#2A2826",
    border="#383532",
    text="#ECE9E4",
    muted="#A8A39A",
    faint="#A09A90",
    accent="#E3A673",
    on_accent="#201A14",
    tint="#3A2E24",
    good="#8CCBA5",
    good_bg="#22352A",
    bad="#EE9C90",
    bad_bg="#3F2724",
)


def contrast(one: str, other: str) -> float:
    """WCAG 2 contrast ratio of two colours, 1 to 21."""
    high, low = sorted((_luminance(one), _luminance(other)), reverse=True)
    return (high + 0.05) / (low + 0.05)


def _luminance(color: str) -> float:
    channels = (int(color[i : i + 2], 16) / 255 for i in (1, 3, 5))
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in channels]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


@cache
def _icon_source(name: str) -> str:
    return (RESOURCES / "icons" / f"{name}.svg").read_text("utf-8")


@cache
def _renderer(name: str, color: str) -> QSvgRenderer:
    source = _icon_source(name).replace("currentColor", color)
    return QSvgRenderer(QByteArray(source.encode()))


def _drawn(name: str, color: str, pixels: int) -> QPixmap:
    pixmap = QPixmap(pixels, pixels)
    pixmap.fill(Qt.GlobalColor.transparent)
    with QPainter(pixmap) as painter:
        _renderer(name, color).render(painter)
    return pixmap


def _mix(one: str, other: str) -> str:
    pairs = ((int(one[i : i + 2], 16), int(other[i : i + 2], 16)) for i in (1, 3, 5))
    return "#" + "".join(f"{(a + b) // 2:02X}" for a, b in pairs)


class Theme(QObject):
    """The current look of the whole app.

    Attributes:
        tokens: the colours in use.
        scheme: what was chosen: "system", "light" or "dark".
    Signals:
        changed: the colours are different now; paint again.
    """

    changed = Signal()

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self.scheme: Scheme = "system"
        self.tokens: Tokens = LIGHT
        self._app: QApplication | None = None
        self._icons: dict[IconKey, QIcon] = {}
        self._keys: dict[int, IconKey] = {}
        self._general = QFont(QFontDatabase.systemFont(QFontDatabase.SystemFont.GeneralFont))
        self._fixed = QFont(QFontDatabase.systemFont(QFontDatabase.SystemFont.FixedFont))
        hints = QGuiApplication.styleHints()
        hints.colorSchemeChanged.connect(self._system_changed)
        self.tokens = self._wanted()

    @property
    def dark(self) -> bool:
        """Whether the dark tokens are in use."""
        return self.tokens is DARK

    def apply(self, app: QApplication) -> None:
        """Dress the application: style, palette, font and stylesheet."""
        self._app = app
        app.setStyle("Fusion")
        app.setFont(self.font("control"))
        self._dress()

    def set_scheme(self, scheme: Scheme) -> None:
        """Choose light, dark, or whatever the system says; switches at once."""
        if scheme == self.scheme:
            return
        self.scheme = scheme
        # The window's frame is drawn by the system and follows this hint where it can.
        hints = QGuiApplication.styleHints()
        if scheme == "system":
            hints.unsetColorScheme()
        else:
            hints.setColorScheme(Qt.ColorScheme.Dark if scheme == "dark" else Qt.ColorScheme.Light)
        self._refresh()

    def color(self, color: str | None) -> str:
        """A token's name, a plain "#RRGGBB", or None for the text colour, as "#RRGGBB"."""
        if color is None:
            return self.tokens.text
        return color if color.startswith("#") else str(getattr(self.tokens, color))

    def icon(self, name: str, color: str | None = None, *, on: str | None = None) -> QIcon:
        """One of `resources/icons` in a colour: a token's name or "#RRGGBB"; None is the text colour.

        Set on a button or an action it follows the theme when its colour is a token.
        `on` is the colour of a checked button's icon.
        """
        key = (name, color, on)
        if key not in self._icons:
            icon = self._icons[key] = self._draw_icon(*key)
            self._keys[icon.cacheKey()] = key
        return self._icons[key]

    def pixmap(self, name: str, size: int, color: str | None = None, *, ratio: float = 1.0) -> QPixmap:
        """An icon as a pixmap of `size` logical pixels for a screen of that density."""
        pixmap = _drawn(name, self.color(color), round(size * ratio))
        pixmap.setDevicePixelRatio(ratio)
        return pixmap

    def font(self, role: FontRole) -> QFont:
        """A fresh font for a use, in the system's family."""
        font = QFont(self._fixed if role == "mono" else self._general)
        font.setPixelSize({"reading": 14, "title": 16, "section": 11, "fact": 12}.get(role, 13))
        if role in ("title", "section"):
            font.setWeight(QFont.Weight.DemiBold)
        if role == "section":
            font.setLetterSpacing(QFont.SpacingType.AbsoluteSpacing, 1.0)
        return font

    def stylesheet(self) -> str:
        """The application's stylesheet in the current colours."""
        template = Template((RESOURCES / "styles" / "app.qss").read_text("utf-8"))
        assets = RESOURCES / "styles" / ("dark" if self.dark else "light")
        extra = {
            "assets": assets.as_posix(),
            "hover": _mix(self.tokens.raised, self.tokens.border),
            "accent_hover": _mix(self.tokens.accent, _mix(self.tokens.accent, self.tokens.text)),
        }
        return template.substitute(asdict(self.tokens), **extra)

    def palette(self) -> QPalette:
        """Fusion's palette in the current colours, for what the stylesheet leaves alone."""
        tokens, role = self.tokens, QPalette.ColorRole
        palette = QPalette()
        for part, color in {
            role.Window: tokens.bg,
            role.WindowText: tokens.text,
            role.Base: tokens.surface,
            role.AlternateBase: tokens.raised,
            role.Text: tokens.text,
            role.PlaceholderText: tokens.faint,
            role.Button: tokens.surface,
            role.ButtonText: tokens.text,
            role.BrightText: tokens.bad,
            role.ToolTipBase: tokens.surface,
            role.ToolTipText: tokens.text,
            role.Highlight: tokens.accent,
            role.HighlightedText: tokens.on_accent,
            role.Accent: tokens.accent,
            role.Link: tokens.accent,
            role.LinkVisited: tokens.accent,
            role.Light: tokens.surface,
            role.Midlight: tokens.raised,
            role.Mid: tokens.border,
            role.Dark: tokens.border,
            role.Shadow: tokens.border,
        }.items():
            palette.setColor(part, QColor(color))
        off = QColor(_mix(tokens.faint, tokens.bg))
        for part in (role.WindowText, role.Text, role.ButtonText):
            palette.setColor(QPalette.ColorGroup.Disabled, part, off)
        return palette

    def _draw_icon(self, name: str, color: str | None, on: str | None) -> QIcon:
        """Every size in use at the density of each screen, so that nothing is scaled, and a large one."""
        ratios = {screen.devicePixelRatio() for screen in QGuiApplication.screens()} | {1.0}
        sizes = {round(size * ratio) for size in ICON_SIZES for ratio in ratios} | {LARGEST_ICON}
        icon = QIcon()
        for size in sorted(sizes):
            icon.addPixmap(_drawn(name, self.color(color), size))
            if color == "on_accent":
                # A button that is off has no accent behind its icon, and the style's grey would not show.
                icon.addPixmap(_drawn(name, self.color("faint"), size), QIcon.Mode.Disabled)
            if on is not None:
                lit = _drawn(name, self.color(on), size)
                icon.addPixmap(lit, QIcon.Mode.Normal, QIcon.State.On)
        return icon

    def _draw_icons_again(self) -> None:
        """Give every button and action that shows one of our icons the same one in the new colours."""
        keys, self._keys = self._keys, {}
        # The old icons stay alive until all are replaced: their cache keys must not be used again.
        old, self._icons = self._icons, {}
        for widget in QApplication.allWidgets():
            shown: list[QAbstractButton | QAction] = list(widget.actions())
            if isinstance(widget, QAbstractButton):
                shown.append(widget)
            for item in shown:
                key = keys.get(item.icon().cacheKey())
                if key is not None:
                    item.setIcon(self.icon(*key[:2], on=key[2]))
        del old

    def _system_changed(self) -> None:
        if self.scheme == "system":
            self._refresh()

    def _wanted(self) -> Tokens:
        if self.scheme == "system":
            return DARK if QGuiApplication.styleHints().colorScheme() == Qt.ColorScheme.Dark else LIGHT
        return DARK if self.scheme == "dark" else LIGHT

    def _refresh(self) -> None:
        wanted = self._wanted()
        if wanted is self.tokens:
            return
        self.tokens = wanted
        self._draw_icons_again()
        self._dress()
        self.changed.emit()

    def _dress(self) -> None:
        if self._app is not None:
            self._app.setPalette(self.palette())
            self._app.setStyleSheet(self.stylesheet())
