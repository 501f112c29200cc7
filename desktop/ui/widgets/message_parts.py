"""Small parts of a message: rows of buttons, the line about its state, the field for editing it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from PySide6.QtCore import QCoreApplication, QEvent, QRect, QSize, Qt, Signal
from PySide6.QtGui import QFontMetrics, QKeyEvent, QTextCursor
from PySide6.QtWidgets import QHBoxLayout, QLabel, QPushButton, QWidget

from desktop.ui.widgets.box import LINE
from desktop.ui.widgets.plain_edit import PlainEdit

if TYPE_CHECKING:
    from desktop.ui.theme import Theme

EDITOR_LEAST, EDITOR_MOST = 76, 360


def small_button(text: str, name: str) -> QPushButton:
    """A button that looks like faint text; Tab reaches it through its message."""
    button = QPushButton(text)
    button.setProperty("role", "link")
    button.setAccessibleName(name)
    button.setFocusPolicy(Qt.FocusPolicy.ClickFocus)
    button.setCursor(Qt.CursorShape.PointingHandCursor)
    return button


class Row(QWidget):
    """Small things beside one another."""

    def __init__(self, parts: list[QWidget], parent: QWidget) -> None:
        super().__init__(parent)
        layout = QHBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(4)
        for part in parts:
            layout.addWidget(part)


@dataclass(frozen=True)
class Words:
    """A line about the state: its text, its look, and a button with its action."""

    text: str = ""
    role: str = "fact"
    button: str = ""
    action: str = ""


class StatusLine(QWidget):
    """The line under a text that says how it ended or what is happening."""

    def __init__(self, words: Words, call: Callable[[], None], parent: QWidget) -> None:
        super().__init__(parent)
        self.words = words
        self._label = QLabel(words.text, self)
        self._label.setTextFormat(Qt.TextFormat.PlainText)
        self._label.setProperty("role", words.role)
        self._label.setWordWrap(True)
        self._label.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
        self._button: QPushButton | None = None
        if words.button:
            self._button = QPushButton(words.button, self)
            self._button.setAccessibleName(words.button)
            self._button.setFocusPolicy(Qt.FocusPolicy.ClickFocus)
            self._button.clicked.connect(lambda: call())

    def lay_out(self, width: int) -> int:
        """Lay out for a width; gives the height."""
        button = self._button.sizeHint() if self._button is not None else QSize(0, 0)
        room = width - button.width() - (12 if self._button is not None else 0)
        self._label.ensurePolished()
        words = QFontMetrics(self._label.font()).horizontalAdvance(self.words.text) + 2
        label_width = min(room, words)
        height = max(LINE, self._label.heightForWidth(label_width), button.height())
        self._label.setGeometry(0, 0, label_width, height)
        if self._button is not None:
            top = (height - button.height()) // 2
            self._button.setGeometry(label_width + 12, top, button.width(), button.height())
        return height


class MessageEditor(QWidget):
    """A message's text in a field, with Save and Cancel.

    Signals:
        changed: the text or the height. saved, cancelled: how it ended.
    """

    changed = Signal()
    saved = Signal()
    cancelled = Signal()

    def __init__(self, text: str, theme: Theme, parent: QWidget) -> None:
        super().__init__(parent)
        self.edit = PlainEdit(self)
        self.edit.setFont(theme.font("reading"))
        self.edit.setTabChangesFocus(True)
        self.edit.setFocusPolicy(Qt.FocusPolicy.ClickFocus)
        self.edit.setAccessibleName(QCoreApplication.translate("Message", "Edit the message"))
        self.edit.setPlainText(text)
        self.edit.moveCursor(QTextCursor.MoveOperation.End)
        self.edit.textChanged.connect(self.changed)
        self.edit.installEventFilter(self)
        self._save = QPushButton(QCoreApplication.translate("Message", "Save"), self)
        self._save.setProperty("role", "primary")
        self._save.setToolTip(QCoreApplication.translate("Message", "Ctrl+Enter"))
        self._save.clicked.connect(lambda: self.saved.emit())
        self._cancel = QPushButton(QCoreApplication.translate("Message", "Cancel"), self)
        self._cancel.setToolTip(QCoreApplication.translate("Message", "Esc"))
        self._cancel.clicked.connect(lambda: self.cancelled.emit())
        for button in (self._save, self._cancel):
            button.setAccessibleName(button.text())
            button.setFocusPolicy(Qt.FocusPolicy.ClickFocus)

    def stops(self) -> list[QWidget]:
        """Where Tab goes."""
        return [self.edit, self._save, self._cancel]

    def wanted_height(self, width: int) -> int:
        """As high as its text, within limits."""
        # Enough text to reach the greatest height, so that a huge one is not laid out for this.
        text = self.edit.toPlainText()[:4000] if self.edit.blockCount() < 40 else "\n" * 40
        room = QRect(0, 0, width - 28, 10 * EDITOR_MOST)
        wrap = Qt.TextFlag.TextWordWrap | Qt.TextFlag.TextWrapAnywhere
        needed = self.edit.fontMetrics().boundingRect(room, wrap, text + "|").height() + 28
        return max(EDITOR_LEAST, min(EDITOR_MOST, needed)) + 8 + self._save.sizeHint().height()

    def resizeEvent(self, event: QEvent) -> None:
        save, cancel = self._save.sizeHint(), self._cancel.sizeHint()
        bottom = self.height() - save.height()
        self.edit.setGeometry(0, 0, self.width(), bottom - 8)
        self._save.setGeometry(self.width() - save.width(), bottom, save.width(), save.height())
        self._cancel.setGeometry(
            self.width() - save.width() - 8 - cancel.width(), bottom, cancel.width(), cancel.height()
        )

    def eventFilter(self, watched: object, event: QEvent) -> bool:
        if event.type() == QEvent.Type.KeyPress and isinstance(event, QKeyEvent):
            control = bool(event.modifiers() & Qt.KeyboardModifier.ControlModifier)
            if control and event.key() in (Qt.Key.Key_Return, Qt.Key.Key_Enter):
                self.saved.emit()
                return True
            if event.key() == Qt.Key.Key_Escape:
                self.cancelled.emit()
                return True
        return False

    def keyPressEvent(self, event: QKeyEvent) -> None:
        if event.key() == Qt.Key.Key_Escape:
            self.cancelled.emit()
        else:
            super().keyPressEvent(event)
