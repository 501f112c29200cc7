"""The exact prompt a model saw, with the template's own marks told apart from what people wrote."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from PySide6.QtCore import QCoreApplication, Qt
from PySide6.QtGui import QColor, QGuiApplication, QTextCharFormat, QTextCursor
from PySide6.QtWidgets import (
    QDialog,
    QHBoxLayout,
    QLabel,
    QPlainTextEdit,
    QPushButton,
    QVBoxLayout,
    QWidget,
)

from desktop.ui.theme import Theme
from models.engine.protocol import Prompt

LONGEST_LINE = 4_000


def segments(text: str, contents: Sequence[str]) -> Iterator[tuple[str, bool]]:
    """Cut a rendered prompt into pieces (text, is_mark) that together are `text`.

    `contents` are the messages in order; everything between them is the template's. A message is
    found with or without the spaces at its ends, since templates may strip them; one that is not
    found at all (a template may leave it out) is passed over.
    """
    place = 0
    for content in contents:
        for wanted in (content, content.strip()):
            found = text.find(wanted, place) if wanted else -1
            if found >= 0:
                if found > place:
                    yield text[place:found], True
                yield wanted, False
                place = found + len(wanted)
                break
    if place < len(text):
        yield text[place:], True


def broken_lines(text: str, width: int = LONGEST_LINE) -> str:
    """`text` with enormous lines broken, so that it can be laid out without a pause."""
    lines = text.split("\n")
    if all(len(line) <= width for line in lines):
        return text
    pieces = (line[i : i + width] for line in lines for i in range(0, max(1, len(line)), width))
    return "\n".join(pieces)


class PromptView(QDialog):
    """Shows a prompt in a fixed-width font, control marks tinted, with its token count and Copy."""

    def __init__(
        self, prompt: Prompt, contents: Sequence[str], theme: Theme, parent: QWidget | None = None
    ) -> None:
        super().__init__(parent)
        self._prompt, self._contents, self._theme = prompt, list(contents), theme
        self.setWindowTitle(QCoreApplication.translate("PromptView", "Exact prompt"))
        self.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        self.resize(760, 560)
        self._build()
        self._fill()
        theme.changed.connect(self._fill)

    def _build(self) -> None:
        self.facts = QLabel(self._facts(), self)
        self.facts.setTextFormat(Qt.TextFormat.PlainText)
        self.facts.setWordWrap(True)
        self.facts.setProperty("role", "fact")
        self.view = QPlainTextEdit(self)
        self.view.setReadOnly(True)
        self.view.setFont(self._theme.font("mono"))
        self.view.setAccessibleName(self.windowTitle())
        self.view.setTextInteractionFlags(
            Qt.TextInteractionFlag.TextSelectableByMouse | Qt.TextInteractionFlag.TextSelectableByKeyboard
        )
        self.copy_button = QPushButton(QCoreApplication.translate("PromptView", "Copy"), self)
        self.copy_button.setAccessibleName(QCoreApplication.translate("PromptView", "Copy the exact prompt"))
        self.copy_button.setIcon(self._theme.icon("copy"))
        self.copy_button.clicked.connect(lambda: QGuiApplication.clipboard().setText(self._prompt.text))
        close = QPushButton(QCoreApplication.translate("PromptView", "Close"), self)
        close.setAccessibleName(close.text())
        close.setDefault(True)
        close.clicked.connect(self.close)
        buttons = QHBoxLayout()
        buttons.addWidget(self.facts, 1)
        buttons.addWidget(self.copy_button)
        buttons.addWidget(close)
        column = QVBoxLayout(self)
        column.setContentsMargins(16, 16, 16, 16)
        column.setSpacing(12)
        column.addWidget(self.view, 1)
        column.addLayout(buttons)

    def _facts(self) -> str:
        count, written = len(self._prompt.tokens), sum(self._prompt.parts)
        if not self._prompt.parts:
            pattern = QCoreApplication.translate("PromptView", "{count} tokens")
        elif self._prompt.format == "plain":
            pattern = QCoreApplication.translate(
                "PromptView",
                "{count} tokens, {marks} of them marks. The model has no chat template: plain format.",
            )
        else:
            pattern = QCoreApplication.translate(
                "PromptView", "{count} tokens, {marks} of them the template's marks (tinted)"
            )
        return pattern.format(count=count, marks=count - written)

    def _fill(self) -> None:
        t = self._theme.tokens
        mark, plain = QTextCharFormat(), QTextCharFormat()
        mark.setForeground(QColor(t.accent))
        mark.setBackground(QColor(t.tint))
        plain.setForeground(QColor(t.text))
        self.view.clear()
        cursor = QTextCursor(self.view.document())
        cursor.beginEditBlock()
        for text, is_mark in segments(self._prompt.text, self._contents):
            cursor.insertText(broken_lines(text), mark if is_mark else plain)
        cursor.endEditBlock()
        self.view.moveCursor(QTextCursor.MoveOperation.Start)
