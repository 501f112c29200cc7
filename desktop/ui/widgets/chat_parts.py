"""Small parts of the chat panel: the title that can be edited, the empty state, the loading line."""

from __future__ import annotations

from PySide6.QtCore import QCoreApplication, QEvent, QObject, Qt, Signal
from PySide6.QtGui import QColor, QKeyEvent, QMouseEvent, QPainter, QPaintEvent, QPen
from PySide6.QtWidgets import (
    QFrame,
    QHBoxLayout,
    QLabel,
    QLineEdit,
    QProgressBar,
    QPushButton,
    QSizePolicy,
    QStackedWidget,
    QVBoxLayout,
    QWidget,
)

from desktop.ui.theme import Theme
from desktop.ui.widgets.transcript import COLUMN


def column(inner: QWidget) -> QWidget:
    """`inner`, at most 660 px wide, in the middle of whatever room there is."""
    inner.setMaximumWidth(COLUMN)
    holder = QWidget()
    row = QHBoxLayout(holder)
    row.setContentsMargins(24, 0, 24, 0)
    row.setSpacing(0)
    row.addStretch(1)
    row.addWidget(inner, 1000)
    row.addStretch(1)
    return holder


class TitleLabel(QLabel):
    """One line of text, cut with an ellipsis where the room ends.

    Signals:
        edit_requested: a double click, or F2 or Enter while it has the keyboard.
    """

    edit_requested = Signal()

    def __init__(self, theme: Theme, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._theme = theme
        self.setFont(theme.font("title"))
        self.setTextFormat(Qt.TextFormat.PlainText)
        self.setFocusPolicy(Qt.FocusPolicy.TabFocus)
        self.setMinimumWidth(60)
        self.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Fixed)
        theme.changed.connect(self.update)

    def paintEvent(self, event: QPaintEvent) -> None:
        """Draw the fitted text and, with the keyboard here, the focus ring."""
        with QPainter(self) as painter:
            t = self._theme.tokens
            fitted = self.fontMetrics().elidedText(self.text(), Qt.TextElideMode.ElideRight, self.width() - 8)
            painter.setPen(QColor(t.text))
            painter.drawText(self.rect().adjusted(4, 0, -4, 0), Qt.AlignmentFlag.AlignVCenter, fitted)
            if self.hasFocus():
                painter.setRenderHint(QPainter.RenderHint.Antialiasing)
                painter.setPen(QPen(QColor(t.accent), 2))
                width = min(self.width() - 2, self.fontMetrics().horizontalAdvance(fitted) + 10)
                painter.drawRoundedRect(1, 1, width, self.height() - 2, 6, 6)

    def mouseDoubleClickEvent(self, event: QMouseEvent) -> None:
        """Edit the title."""
        self.edit_requested.emit()

    def keyPressEvent(self, event: QKeyEvent) -> None:
        """Edit the title with F2 or Enter."""
        if event.key() in (Qt.Key.Key_F2, Qt.Key.Key_Return, Qt.Key.Key_Enter):
            self.edit_requested.emit()
        else:
            super().keyPressEvent(event)


class EditableTitle(QStackedWidget):
    """A title that becomes a field while it is edited: Enter keeps, Esc gives up.

    Signals:
        edited(str): the new title.
    """

    edited = Signal(str)

    def __init__(self, theme: Theme, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._title = ""
        self._editable = True
        self.label = TitleLabel(theme, self)
        self.field = QLineEdit(self)
        self.field.setMaxLength(300)
        self.field.setAccessibleName(QCoreApplication.translate("Chat", "Title of the conversation"))
        self.addWidget(self.label)
        self.addWidget(self.field)
        self.setFixedHeight(30)
        self.label.edit_requested.connect(self.start)
        self.field.editingFinished.connect(self._finish)
        self.field.installEventFilter(self)

    def set_title(self, title: str, *, editable: bool = True) -> None:
        """Show a title; "" shows the words for a new chat."""
        self._title, self._editable = " ".join(title.split()), editable
        shown = self._title or QCoreApplication.translate("Chat", "New chat")
        self.label.setText(shown)
        self.label.setAccessibleName(QCoreApplication.translate("Chat", "Title: {title}").format(title=shown))
        if editable:
            self.label.setToolTip(QCoreApplication.translate("Chat", "Double-click or press F2 to rename"))
        else:
            self.label.setToolTip("")

    def title(self) -> str:
        """The title shown."""
        return self.label.text()

    def start(self) -> None:
        """Open the field."""
        if self._editable:
            self.field.setText(self._title)
            self.setCurrentWidget(self.field)
            self.field.selectAll()
            self.field.setFocus()

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        """Esc gives up; it is claimed from the window's own Esc while the field is open."""
        if isinstance(event, QKeyEvent) and event.key() == Qt.Key.Key_Escape:
            if event.type() == QEvent.Type.ShortcutOverride:
                event.accept()
                return True
            if event.type() == QEvent.Type.KeyPress:
                self.field.setText(self._title)
                self._finish()
                return True
        return super().eventFilter(watched, event)

    def _finish(self) -> None:
        if self.currentWidget() is not self.field:
            return
        title = " ".join(self.field.text().split())
        had_keyboard = self.field.hasFocus()
        self.setCurrentWidget(self.label)
        if had_keyboard:
            self.label.setFocus()
        if title and title != self._title:
            self.set_title(title)
            self.edited.emit(title)


class EmptyState(QWidget):
    """What an empty place says: one sentence and one button.

    Signals:
        acted: the button was pressed.
    """

    acted = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.sentence = QLabel(self)
        self.sentence.setTextFormat(Qt.TextFormat.PlainText)
        self.sentence.setWordWrap(True)
        self.sentence.setAlignment(Qt.AlignmentFlag.AlignCenter)
        self.sentence.setProperty("role", "muted")
        self.button = QPushButton(self)
        self.button.clicked.connect(self.acted)
        rows = QVBoxLayout(self)
        rows.setContentsMargins(48, 0, 48, 0)
        rows.setSpacing(16)
        rows.addStretch(1)
        rows.addWidget(self.sentence)
        rows.addWidget(self.button, 0, Qt.AlignmentFlag.AlignHCenter)
        rows.addStretch(1)

    def say(self, sentence: str, action: str) -> None:
        """Show these words."""
        self.sentence.setText(sentence)
        self.button.setText(action)
        self.button.setAccessibleName(action)


class LoadingLine(QFrame):
    """A model being loaded: its name, how far, and a way to stop it.

    Signals:
        cancelled: the user does not want to wait.
    """

    cancelled = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setProperty("role", "notice-info")
        self.label = QLabel(self)
        self.label.setTextFormat(Qt.TextFormat.PlainText)
        self.bar = QProgressBar(self)
        self.bar.setRange(0, 1000)
        self.bar.setTextVisible(False)
        self.bar.setMinimumWidth(80)
        self.button = QPushButton(QCoreApplication.translate("Chat", "Cancel"), self)
        self.button.setAccessibleName(QCoreApplication.translate("Chat", "Cancel loading the model"))
        self.button.clicked.connect(self.cancelled)
        row = QHBoxLayout(self)
        row.setContentsMargins(12, 6, 6, 6)
        row.setSpacing(12)
        row.addWidget(self.label)
        row.addWidget(self.bar, 1)
        row.addWidget(self.button)
        self.hide()

    def show_progress(self, model: str, fraction: float | None) -> None:
        """Show how far loading is; None hides the line."""
        if fraction is not None:
            pattern = (
                QCoreApplication.translate("Chat", "Loading {model} · {percent} %")
                if model
                else QCoreApplication.translate("Chat", "Loading the model · {percent} %")
            )
            self.label.setText(pattern.format(model=model, percent=round(100 * fraction)))
            self.bar.setValue(round(1000 * fraction))
            self.bar.setAccessibleName(self.label.text())
        self.setVisible(fraction is not None)
