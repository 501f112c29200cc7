"""A text field of several lines that no text can freeze."""

from __future__ import annotations

import re

from PySide6.QtCore import QMimeData
from PySide6.QtGui import QTextOption
from PySide6.QtWidgets import QPlainTextEdit

ENDLESS = re.compile(r"\S{2000}")
"""Breaking a line between words takes Qt time by the square of the longest word."""


class PlainEdit(QPlainTextEdit):
    """Takes plain text only, and breaks lines anywhere while there is an endless word in it."""

    def setPlainText(self, text: str) -> None:
        """Show another text."""
        self._break_lines(text)
        super().setPlainText(text)

    def insertPlainText(self, text: str) -> None:
        """Put text at the cursor."""
        if ENDLESS.search(text):
            self._break_lines(text)
        super().insertPlainText(text)

    def insertFromMimeData(self, source: QMimeData) -> None:
        """Take what is pasted or dropped as plain text."""
        self.insertPlainText(source.text())
        self.ensureCursorVisible()

    def _break_lines(self, text: str) -> None:
        modes = QTextOption.WrapMode
        endless = ENDLESS.search(text) is not None
        self.setWordWrapMode(modes.WrapAnywhere if endless else modes.WrapAtWordBoundaryOrAnywhere)
