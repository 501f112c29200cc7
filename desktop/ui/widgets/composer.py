"""Where a message is written: grows with its text, keeps huge pastes as chips, counts tokens live."""

from __future__ import annotations

from PySide6.QtCore import QCoreApplication, QEvent, QMimeData, QSize, Qt, QTimer, Signal
from PySide6.QtGui import QFocusEvent, QKeyEvent, QKeySequence
from PySide6.QtWidgets import (
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
from desktop.ui.widgets.plain_edit import ENDLESS, PlainEdit

PASTE_LIMIT = 100_000
"""Characters from which a paste is kept as a chip."""
LINE_LIMIT = 20_000
"""Characters in one line that the editor lays out without a pause; longer lines are kept as a chip."""
MEASURE_MS = 150
DRAFT_MS = 500
MAX_LINES = 10
SEPARATOR = "\x1e"
"""Between the written text and each pasted text in a draft: never part of either."""


def clean(text: str) -> str:
    """`text` without what cannot be stored or sent: NUL, the draft separator, lone surrogates."""
    text = text.replace("\r\n", "\n").replace("\u2029", "\n").replace("\u2028", "\n")
    text = text.replace("\x00", "").replace(SEPARATOR, "")
    return text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")


def is_huge(text: str) -> bool:
    """Whether the editor would be slow to lay `text` out."""
    return len(text) > PASTE_LIMIT or any(len(line) > LINE_LIMIT for line in text.split("\n"))


def size_text(text: str) -> str:
    """The size of `text` in UTF-8 for people, such as "1.0 MB"."""
    size = len(text.encode("utf-8", "replace"))
    if size < 1_000_000:
        return QCoreApplication.translate("Composer", "{size} kB").format(size=max(1, round(size / 1000)))
    return QCoreApplication.translate("Composer", "{size} MB").format(size=f"{size / 1_000_000:.1f}")


class MessageEdit(PlainEdit):
    """The text field of the composer.

    Signals:
        submitted: Enter (or Ctrl+Enter) was pressed.
        escaped: Esc was pressed. up_in_empty: Up was pressed with nothing written.
        huge_pasted(str): text too large for the field was pasted or dropped.
        focus_changed(bool)
    """

    submitted = Signal()
    escaped = Signal()
    up_in_empty = Signal()
    huge_pasted = Signal(str)
    focus_changed = Signal(bool)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.send_on_enter = True
        self.setTabChangesFocus(True)
        self.setFrameShape(QFrame.Shape.NoFrame)
        self.setVerticalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAsNeeded)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.document().setDocumentMargin(0)
        self.document().documentLayout().documentSizeChanged.connect(self._fit)

    def raw_text(self) -> str:
        """What was written, with no-break spaces kept (which `toPlainText` would replace)."""
        return clean(self.document().toRawText())

    def event(self, event: QEvent) -> bool:
        """With nothing to take back here, the key for that belongs to the window."""
        if (
            isinstance(event, QKeyEvent)
            and event.type() == QEvent.Type.ShortcutOverride
            and event.matches(QKeySequence.StandardKey.Undo)
            and not self.document().isUndoAvailable()
        ):
            event.ignore()
            return True
        return super().event(event)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        """Send on Enter, a new line on Shift+Enter, and the keys that leave the field."""
        key, modifiers = event.key(), event.modifiers() & ~Qt.KeyboardModifier.KeypadModifier
        if key in (Qt.Key.Key_Return, Qt.Key.Key_Enter):
            control = bool(modifiers & Qt.KeyboardModifier.ControlModifier)
            plain = modifiers == Qt.KeyboardModifier.NoModifier
            if control or (plain and self.send_on_enter):
                self.submitted.emit()
            else:
                self.insertPlainText("\n")
                self.ensureCursorVisible()
        elif key == Qt.Key.Key_Escape:
            self.escaped.emit()
        elif key == Qt.Key.Key_Up and not modifiers and self.document().isEmpty():
            self.up_in_empty.emit()
        else:
            super().keyPressEvent(event)

    def insertFromMimeData(self, source: QMimeData) -> None:
        """Paste plain text; what is too large for the field is handed on."""
        text = clean(source.text())
        line = self.textCursor().block().length() + len(text)
        if is_huge(text) or (line > LINE_LIMIT and ENDLESS.search(text)):
            self.huge_pasted.emit(text)
        elif text:
            self.insertPlainText(text)
            self.ensureCursorVisible()

    def focusInEvent(self, event: QFocusEvent) -> None:
        """Tell the frame to draw the focus ring."""
        super().focusInEvent(event)
        self.focus_changed.emit(True)

    def focusOutEvent(self, event: QFocusEvent) -> None:
        """Tell the frame to drop the focus ring."""
        super().focusOutEvent(event)
        self.focus_changed.emit(False)

    def _fit(self) -> None:
        # QPlainTextDocumentLayout gives its height in lines, not in pixels.
        lines = min(MAX_LINES, max(1, round(self.document().size().height())))
        height = lines * self.fontMetrics().lineSpacing() + 2
        if height != self.height() or self.minimumHeight() != height:
            self.setFixedHeight(height)

    def refit(self) -> None:
        """Take the height of the text again, as after a change of font."""
        self._fit()


class PasteChip(QFrame):
    """A pasted text kept beside the field: its size, and buttons to insert or remove it.

    Signals:
        insert_requested, remove_requested
    """

    insert_requested = Signal()
    remove_requested = Signal()

    def __init__(self, text: str, theme: Theme, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.text = text
        self.setProperty("role", "notice-info")
        label = QLabel(
            QCoreApplication.translate("Composer", "Pasted text · {size}").format(size=size_text(text)), self
        )
        label.setTextFormat(Qt.TextFormat.PlainText)
        label.setProperty("role", "fact")
        label.setToolTip(" ".join(text[:200].split())[:120])
        self.setAccessibleName(label.text())
        insert = QPushButton(QCoreApplication.translate("Composer", "insert"), self)
        insert.setProperty("role", "link")
        insert.setAccessibleName(
            QCoreApplication.translate("Composer", "Insert the pasted text into the message")
        )
        # One enormous line would freeze the field: such a text stays a chip.
        insert.setVisible(all(len(line) <= LINE_LIMIT for line in text.split("\n")))
        insert.clicked.connect(self.insert_requested)
        remove = QToolButton(self)
        remove.setProperty("role", "link")
        remove.setIcon(theme.icon("close", "muted"))
        remove.setIconSize(QSize(12, 12))
        remove.setToolTip(QCoreApplication.translate("Composer", "Remove"))
        remove.setAccessibleName(QCoreApplication.translate("Composer", "Remove the pasted text"))
        remove.clicked.connect(self.remove_requested)
        self.insert_button, self.remove_button = insert, remove
        row = QHBoxLayout(self)
        row.setContentsMargins(10, 2, 4, 2)
        row.setSpacing(6)
        for widget in (label, insert, remove):
            row.addWidget(widget)


class Composer(QFrame):
    """A message being written.

    Signals:
        submitted(str): send this text. The field is left alone: the receiver clears it.
        stop_requested: stop the answer that is being generated.
        measure_requested(str): the text changed, 150 ms ago; count its tokens.
        draft_changed(str): the draft changed, 500 ms ago; keep it.
        edit_last_requested: Up was pressed in an empty field.
    """

    submitted = Signal(str)
    stop_requested = Signal()
    measure_requested = Signal(str)
    draft_changed = Signal(str)
    edit_last_requested = Signal()

    def __init__(self, theme: Theme, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setProperty("role", "card")
        self._theme = theme
        self._busy = False
        self._enabled = True
        self._was_empty = True
        self._chips: list[PasteChip] = []
        self._build()
        self._measure = self._timer(MEASURE_MS, lambda: self.measure_requested.emit(self.text()))
        self._draft = self._timer(DRAFT_MS, lambda: self.draft_changed.emit(self.draft()))
        self._connect()
        self._focus(False)
        self._refresh()

    # -------------------------------------------------------- building

    def _timer(self, milliseconds: int, fire: object) -> QTimer:
        timer = QTimer(self)
        timer.setSingleShot(True)
        timer.setInterval(milliseconds)
        timer.timeout.connect(fire)
        return timer

    def _build(self) -> None:
        self.edit = MessageEdit(self)
        self.edit.setPlaceholderText(QCoreApplication.translate("Composer", "Write a message…"))
        self.edit.setAccessibleName(QCoreApplication.translate("Composer", "Message"))
        self.edit.setProperty("role", "bare")
        self.edit.setFont(self._theme.font("reading"))
        self.edit.refit()
        self._chip_row = QVBoxLayout()
        self._chip_row.setSpacing(4)
        self.tokens = QLabel(self)
        self.tokens.setTextFormat(Qt.TextFormat.PlainText)
        self.tokens.setProperty("role", "fact")
        self.button = QPushButton(self)
        self.button.setProperty("role", "send")
        self.button.setFixedSize(34, 32)
        self.button.setIconSize(QSize(18, 18))
        bottom = QHBoxLayout()
        bottom.setSpacing(8)
        bottom.addStretch(1)
        bottom.addWidget(self.tokens)
        bottom.addWidget(self.button)
        self._column = column = QVBoxLayout(self)
        column.setSpacing(8)
        column.addLayout(self._chip_row)
        column.addWidget(self.edit)
        column.addLayout(bottom)
        self.setSizePolicy(QSizePolicy.Policy.Preferred, QSizePolicy.Policy.Fixed)
        self.setFocusProxy(self.edit)

    def _connect(self) -> None:
        self.edit.textChanged.connect(self._changed)
        self.edit.submitted.connect(self._submit)
        self.edit.escaped.connect(self._escape)
        self.edit.up_in_empty.connect(self._up)
        self.edit.huge_pasted.connect(self.attach)
        self.edit.focus_changed.connect(self._focus)
        self.button.clicked.connect(self._clicked)

    # -------------------------------------------------------- the text

    def text(self) -> str:
        """Everything that would be sent: what was written, then each pasted text."""
        parts = [self.edit.raw_text(), *(chip.text for chip in self._chips)]
        return "\n\n".join(part for part in parts if part.strip())

    def draft(self) -> str:
        """The text in a form that `set_draft` restores, chips and all."""
        return SEPARATOR.join([self.edit.raw_text(), *(chip.text for chip in self._chips)])

    def set_draft(self, draft: str) -> None:
        """Show a kept draft, without reporting it as a change to be kept again."""
        written, *pasted = draft.split(SEPARATOR)
        if is_huge(written):  # written text may have grown past what the field shows quickly
            written, pasted = "", [written, *pasted]
        self._drop_chips()
        self.edit.setPlainText(written)
        self.edit.moveCursor(self.edit.textCursor().MoveOperation.End)
        for text in pasted:
            self._add_chip(text)
        self._changed()
        self._draft.stop()

    def set_text(self, text: str) -> None:
        """Put `text` into the field as if it had been written; too large a text becomes a chip."""
        self.set_draft(clean(text))
        self._changed()

    def give_back(self, text: str) -> None:
        """Put a text that was sent before what has been written since."""
        rest = self.text()
        self.set_text(f"{text}\n\n{rest}" if rest else text)

    def clear(self) -> None:
        """Empty the field after its text was sent."""
        self.set_draft("")

    def attach(self, text: str) -> None:
        """Keep `text` as a chip beside the field."""
        self._add_chip(text)
        self._changed()

    def flush(self) -> None:
        """Report a change of the draft at once when one is waiting."""
        if self._draft.isActive():
            self._draft.stop()
            self.draft_changed.emit(self.draft())

    def is_empty(self) -> bool:
        """Whether there is nothing to send."""
        return not self._chips and not self.edit.raw_text().strip()

    # -------------------------------------------------------- what is shown

    def set_busy(self, busy: bool) -> None:
        """An answer is being generated: the button stops it instead of sending."""
        if busy != self._busy:
            self._busy = busy
            self._refresh()

    def set_sending_enabled(self, enabled: bool) -> None:
        """Allow or forbid sending, as when no message can be stored."""
        self._enabled = enabled
        self._refresh()

    def set_send_on_enter(self, on: bool) -> None:
        """Whether Enter alone sends; Ctrl+Enter always does."""
        self.edit.send_on_enter = on
        self._refresh()

    def set_tokens(self, count: int | None, exact: bool = True) -> None:
        """Show how many tokens the text has; None hides it, `exact` False marks an estimate."""
        if not count or self.is_empty():
            self.tokens.clear()
        elif not exact:
            self.tokens.setText(
                QCoreApplication.translate("Composer", "about {count} tokens").format(count=count)
            )
        elif count == 1:
            self.tokens.setText(QCoreApplication.translate("Composer", "1 token"))
        else:
            self.tokens.setText(QCoreApplication.translate("Composer", "{count} tokens").format(count=count))

    def _refresh(self) -> None:
        if self._busy:
            name = QCoreApplication.translate("Composer", "Stop")
            self.button.setToolTip(QCoreApplication.translate("Composer", "Stop (Esc)"))
        else:
            name = QCoreApplication.translate("Composer", "Send")
            self.button.setToolTip(
                QCoreApplication.translate("Composer", "Send (Enter; Shift+Enter for a new line)")
                if self.edit.send_on_enter
                else QCoreApplication.translate("Composer", "Send (Ctrl+Enter)")
            )
        self.button.setAccessibleName(name)
        usable = self._busy or (self._enabled and not self._was_empty)
        self.button.setEnabled(usable)
        self.button.setIcon(self._theme.icon("stop" if self._busy else "send", "on_accent"))

    def _focus(self, focused: bool) -> None:
        # The ring is a pixel wider than the line; the margins give it back so that nothing moves.
        self._column.setContentsMargins(*((13, 11, 9, 8) if focused else (14, 12, 10, 9)))
        self.setProperty("focused", focused)
        self.style().unpolish(self)
        self.style().polish(self)

    # -------------------------------------------------------- what happens

    def _changed(self) -> None:
        empty = self.is_empty()
        if empty != self._was_empty:
            self._was_empty = empty
            self._refresh()
        if empty:
            self.tokens.clear()
        self._measure.start()
        self._draft.start()

    def _submit(self) -> None:
        if not self._busy and self._enabled and not self.is_empty():
            self._measure.stop()
            self._draft.stop()
            self.submitted.emit(self.text())

    def _clicked(self) -> None:
        if self._busy:
            self.stop_requested.emit()
        else:
            self._submit()

    def _escape(self) -> None:
        if self._busy:
            self.stop_requested.emit()

    def _up(self) -> None:
        if not self._chips and not self._busy:
            self.edit_last_requested.emit()

    def _add_chip(self, text: str) -> None:
        chip = PasteChip(text, self._theme, self)
        chip.insert_requested.connect(lambda: self._insert_chip(chip))
        chip.remove_requested.connect(lambda: self._remove_chip(chip))
        self._chips.append(chip)
        self._chip_row.addWidget(chip, 0, Qt.AlignmentFlag.AlignLeft)

    def _insert_chip(self, chip: PasteChip) -> None:
        self._remove_chip(chip)
        self.edit.insertPlainText(chip.text)
        self.edit.setFocus()

    def _remove_chip(self, chip: PasteChip) -> None:
        self._chips.remove(chip)
        self._chip_row.removeWidget(chip)
        chip.hide()
        chip.deleteLater()
        self.edit.setFocus()
        self._changed()

    def _drop_chips(self) -> None:
        for chip in self._chips:
            self._chip_row.removeWidget(chip)
            chip.hide()
            chip.deleteLater()
        self._chips.clear()
