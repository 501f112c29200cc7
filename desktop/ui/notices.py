"""Errors and undo, said at the place they belong to: what happened, and one way out."""

from __future__ import annotations

import platform
import traceback
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal

from PySide6.QtCore import QCoreApplication, QSize, Qt, QTimer, Signal
from PySide6.QtGui import QFocusEvent, QGuiApplication, QKeyEvent
from PySide6.QtWidgets import (
    QApplication,
    QFrame,
    QHBoxLayout,
    QLabel,
    QPushButton,
    QSizePolicy,
    QToolButton,
    QVBoxLayout,
    QWidget,
)

from desktop.ui.theme import Theme
from models.errors import RolltopError

UNDO_MS = 12_000

Action = tuple[str, Callable[[], object]]


@dataclass(frozen=True)
class Notice:
    """Something to tell the user. `actions` are buttons: (label, what to call)."""

    sentence: str
    hint: str = ""
    actions: tuple[Action, ...] = ()
    kind: Literal["error", "info"] = "error"


def error_text(error: BaseException) -> tuple[str, str]:
    """What to tell the user about an error: a sentence and a way out (maybe ""), translated."""
    if isinstance(error, RolltopError):
        return _filled(error.template, error), _filled(error.hint, error)
    sentence = QCoreApplication.translate("Errors", "Something unexpected went wrong ({kind}).")
    hint = QCoreApplication.translate("Errors", "Your work is kept. Copy the report if you want to tell us.")
    return sentence.format(kind=type(error).__name__), hint


def _filled(template: str, error: RolltopError) -> str:
    if not template:
        return ""
    try:
        return QCoreApplication.translate("Errors", template).format(**error.params)
    except (KeyError, IndexError, ValueError):
        # A translation with a wrong field must not hide the error itself.
        return template.format(**error.params)


def report_text(error: BaseException) -> str:
    """A report of an unexpected error for copying: versions and the traceback, nothing of the user's work."""
    import PySide6

    head = (
        f"Rolltop on {platform.platform()}, Python {platform.python_version()}, PySide6 {PySide6.__version__}"
    )
    return head + "\n\n" + "".join(traceback.format_exception(error))


def error_notice(error: BaseException, actions: Sequence[Action] = ()) -> Notice:
    """A notice for an error; one that nobody expected offers a report to copy."""
    sentence, hint = error_text(error)
    if isinstance(error, RolltopError):
        return Notice(sentence, hint, tuple(actions))
    report = report_text(error)
    copy = QCoreApplication.translate("NoticeBar", "Copy report")
    return Notice(sentence, hint, (*actions, (copy, lambda: QGuiApplication.clipboard().setText(report))))


class NoticeBar(QWidget):
    """An inline bar that is not there until it has something to say.

    Signals:
        closed: it was dismissed, by the user, by an action or because its time was over.
    """

    closed = Signal()

    def __init__(self, theme: Theme, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._theme = theme
        self._timer = QTimer(self)
        self._timer.setSingleShot(True)
        self._timer.timeout.connect(self._expire)
        self._frame = QFrame(self)
        outer = QHBoxLayout(self)
        outer.setContentsMargins(0, 0, 0, 0)
        outer.addWidget(self._frame)
        row = QHBoxLayout(self._frame)
        row.setContentsMargins(12, 8, 8, 8)
        row.setSpacing(8)
        self._icon = QLabel()
        self._sentence = _text_label()
        self._hint = _text_label()
        self._hint.setProperty("role", "muted")
        # One button stands beside the words; several would squeeze them and stand below.
        self._beside, self._foot = QHBoxLayout(), QWidget()
        self._beside.setSpacing(8)
        self._below = QHBoxLayout(self._foot)
        self._below.setSpacing(8)
        self._below.setContentsMargins(0, 6, 0, 2)
        words = QVBoxLayout()
        words.setSpacing(2)
        words.addWidget(self._sentence)
        words.addWidget(self._hint)
        words.addWidget(self._foot)
        self._close = QToolButton()
        self._close.setProperty("role", "quiet")
        self._close.setIcon(theme.icon("close", "muted"))
        self._close.setIconSize(QSize(14, 14))
        self._close.setAccessibleName(QCoreApplication.translate("NoticeBar", "Dismiss"))
        self._close.setToolTip(QCoreApplication.translate("NoticeBar", "Dismiss"))
        self._close.clicked.connect(self.dismiss)
        row.addWidget(self._icon, 0, Qt.AlignmentFlag.AlignVCenter)
        row.addLayout(words, 1)
        row.addLayout(self._beside)
        row.addWidget(self._close, 0, Qt.AlignmentFlag.AlignVCenter)
        self.setSizePolicy(QSizePolicy.Policy.Preferred, QSizePolicy.Policy.Maximum)
        theme.changed.connect(self._paint_icon)
        self._icon_name = ("alert", "bad")
        self._notice: Notice | None = None
        self.hide()

    def show_error(self, sentence: str, hint: str = "", actions: Sequence[Action] = ()) -> None:
        """Say what went wrong and offer ways out; stays until dismissed or an action is chosen."""
        self._show("notice-bad", ("alert", "bad"), sentence, hint, actions)

    def show_info(self, sentence: str, hint: str = "", actions: Sequence[Action] = ()) -> None:
        """Say something that is no trouble; stays until dismissed."""
        self._show("notice-info", ("info", "muted"), sentence, hint, actions)

    def show_undo(self, text: str, undo: Callable[[], object]) -> None:
        """Say what was done and offer to take it back for a while."""
        label = QCoreApplication.translate("NoticeBar", "Undo")
        self._show("notice-info", ("trash", "muted"), text, "", [(label, undo)])
        self._timer.start(UNDO_MS)

    def show_notice(self, notice: Notice) -> None:
        """Show a `Notice`; the one that is shown already stays as it is, with the keyboard in it."""
        if notice is not self._notice or self.isHidden():
            show = self.show_error if notice.kind == "error" else self.show_info
            show(notice.sentence, notice.hint, notice.actions)
            self._notice = notice

    def dismiss(self) -> None:
        """Take the bar away."""
        self._timer.stop()
        if not self.isHidden():
            self.hide()
            self.closed.emit()

    @property
    def text(self) -> str:
        """The sentence shown, "" when the bar is not there."""
        return "" if self.isHidden() else self._sentence.text()

    def keyPressEvent(self, event: QKeyEvent) -> None:
        if event.key() == Qt.Key.Key_Escape:
            self.dismiss()
        else:
            super().keyPressEvent(event)

    def _expire(self) -> None:
        # Nothing runs away from under the pointer or from under the keyboard.
        focus = QApplication.focusWidget()
        if self.underMouse() or (focus is not None and self.isAncestorOf(focus)):
            self._timer.start(UNDO_MS)
        else:
            self.dismiss()

    def focusInEvent(self, event: QFocusEvent) -> None:
        self._close.setFocus(event.reason())

    def _show(
        self, role: str, icon: tuple[str, str], sentence: str, hint: str, actions: Sequence[Action]
    ) -> None:
        self._timer.stop()
        self._frame.setProperty("role", role)
        self._frame.style().unpolish(self._frame)
        self._frame.style().polish(self._frame)
        self._icon_name = icon
        self._paint_icon()
        self._sentence.setText(sentence)
        self._hint.setText(hint)
        self._hint.setVisible(bool(hint))
        for row in (self._beside, self._below):
            while (item := row.takeAt(0)) is not None:
                if (button := item.widget()) is not None:
                    button.hide()
                    button.deleteLater()
        row = self._below if len(actions) > 1 else self._beside
        for label, act in actions:
            row.addWidget(self._button(label, act))
        self._below.addStretch(1)
        self._foot.setVisible(row is self._below)
        self._notice = None
        self.setAccessibleName(f"{sentence} {hint}".strip())
        self.show()

    def _button(self, label: str, act: Callable[[], object]) -> QPushButton:
        button = QPushButton(label)
        button.setAccessibleName(label)

        def clicked() -> None:
            self.dismiss()
            act()

        button.clicked.connect(clicked)
        return button

    def _paint_icon(self) -> None:
        name, color = self._icon_name
        self._icon.setPixmap(self._theme.pixmap(name, 18, color, ratio=self.devicePixelRatioF()))


def _text_label() -> QLabel:
    label = QLabel()
    label.setTextFormat(Qt.TextFormat.PlainText)
    label.setWordWrap(True)
    label.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
    return label
