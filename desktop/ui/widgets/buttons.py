"""Buttons that look alike everywhere."""

from __future__ import annotations

from PySide6.QtCore import QSize
from PySide6.QtWidgets import QToolButton, QWidget

from desktop.ui.theme import Theme


def tool_button(
    theme: Theme, icon: str, words: str = "", parent: QWidget | None = None, *, size: int = 16
) -> QToolButton:
    """A small quiet button with an icon of `size` pixels; its words are its tooltip and accessible name."""
    button = QToolButton(parent)
    button.setProperty("role", "quiet")
    button.setIcon(theme.icon(icon, "muted"))
    button.setIconSize(QSize(size, size))
    button.setToolTip(words)
    button.setAccessibleName(words)
    return button
