"""A text and its rewritten form beside one another, paragraph by paragraph."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal

from PySide6.QtCore import QCoreApplication, QEvent, QObject, QPointF, QRect, Qt, Signal
from PySide6.QtGui import QKeyEvent, QTextCursor
from PySide6.QtWidgets import QHBoxLayout, QLabel, QMenu, QVBoxLayout, QWidget

from desktop.ui.theme import Theme
from desktop.ui.widgets.columns_view import ColumnsView, Look, Mark, Piece, Row, split_row
from desktop.ui.widgets.labels import plain_label
from desktop.ui.widgets.plain_edit import PlainEdit

PairState = Literal["waiting", "done", "kept", "failed"]
SOURCE, RESULT = 0, 1
MOST_EDITED = 20_000
"""Characters of a paragraph that can be edited in its place."""


@dataclass(frozen=True, slots=True)
class Pair:
    """A paragraph of the source and what became of it.

    Attributes:
        state: "waiting" for the model, "done", "kept" as it is on purpose, "failed": left as it was.
        note: what is to be known about it, in words; "" for nothing.
        gap: empty lines before it are shown by this many pixels.
        look: "bold" for headings, "code" for code.
    """

    source: str
    result: str = ""
    state: PairState = "done"
    note: str = ""
    gap: int = 12
    look: Look = "plain"


def pair_rows(pair: Pair, of: int) -> list[Row]:
    """The pair as rows of the view; `of` is its place among the pairs."""
    result = Piece(pair.result, pair.look)
    if pair.state == "waiting" and not pair.result:
        result = Piece("…", "empty")
    elif pair.state in ("kept", "waiting") and pair.look == "plain" and pair.result == pair.source:
        result = Piece(pair.result, "faint")
    mark: Mark = ""
    if pair.note or pair.state == "failed":
        mark = "bad" if pair.state in ("done", "failed") else "info"
    cells = ((Piece(pair.source, pair.look),), (result,))
    # What is waited for may be everything: a line below each would be the loudest thing to see.
    told, tip = ("", pair.note) if pair.state == "waiting" else (pair.note, "")
    row = Row(cells, pair.gap, mark, told, tip, of)
    return split_row(row)


class SideBySide(QWidget):
    """The source at the left, the result at the right; a paragraph of the result can be edited in place.

    Attributes:
        view: the columns. pairs: what is shown.
    Signals:
        edited(int pair, str text): the person wrote another text for a paragraph.
        current_changed(int pair): the keyboard or the mouse is at another paragraph.
    """

    edited = Signal(int, str)
    current_changed = Signal(int)

    def __init__(self, theme: Theme, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.pairs: list[Pair] = []
        self._first: list[int] = []  # the row that each pair begins with
        self._editable = True
        self._editing = -1
        self._given_up = False
        self.view = _PairsView(theme, 2, self)
        self.view.setAccessibleName(QCoreApplication.translate("SideBySide", "Source and result"))
        self._counts = (plain_label("fact"), plain_label("fact"))
        words = (
            QCoreApplication.translate("SideBySide", "Source"),
            QCoreApplication.translate("SideBySide", "Result"),
        )
        self.view.set_heads([_head(word, count) for word, count in zip(words, self._counts, strict=True)])
        self._editor = PlainEdit(self.view.viewport())
        self._editor.setFont(theme.font("reading"))
        self._editor.setTabChangesFocus(True)
        self._editor.setAccessibleName(QCoreApplication.translate("SideBySide", "Edit this paragraph"))
        self._editor.installEventFilter(self)
        self._editor.hide()
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.addWidget(self.view)
        self.setFocusProxy(self.view)
        self.view.activated.connect(lambda row, column: self.edit(self.pair_of(row)) if column else None)
        self.view.current_changed.connect(lambda row: self.current_changed.emit(self.pair_of(row)))
        self.view.moved.connect(self._place_editor)
        self.view.edit_wanted.connect(lambda: self.edit(self.current))

    # ------------------------------------------------------------ what is shown

    def show_pairs(self, pairs: Sequence[Pair], *, keep_place: bool = False) -> None:
        """Show these paragraphs."""
        self.close_editor()
        self.pairs = list(pairs)
        rows: list[Row] = []
        self._first = []
        for place, pair in enumerate(self.pairs):
            self._first.append(len(rows))
            rows += pair_rows(pair, place)
        self.view.set_rows(rows, keep_place=keep_place)

    def set_pairs(self, changed: dict[int, Pair]) -> None:
        """Show other states of some paragraphs."""
        again = False
        for place, pair in changed.items():
            old, self.pairs[place] = self.pairs[place], pair
            if old == pair:
                continue
            rows = pair_rows(pair, place)
            before = self._rows_of(place)
            if len(rows) == len(before):
                for index, row in zip(before, rows, strict=True):
                    self.view.set_row(index, row)
            else:
                again = True
        if again:
            place, fraction = self.view.top_row()
            self.show_pairs(self.pairs, keep_place=True)
            self.view.scroll_to_row(place, fraction)
        elif changed:
            self.view.settle()

    def set_counts(self, source: str, result: str) -> None:
        """Say how long the texts are."""
        for label, text in zip(self._counts, (source, result), strict=True):
            label.setText(text)

    def set_editable(self, editable: bool) -> None:
        """Whether paragraphs can be edited."""
        self._editable = editable
        if not editable:
            self.close_editor()

    @property
    def current(self) -> int:
        """The paragraph that is marked; -1 for none."""
        return self.pair_of(self.view.current)

    def set_current(self, pair: int) -> None:
        """Mark a paragraph on both sides and bring it into view."""
        if 0 <= pair < len(self.pairs):
            self.view.set_current(self._first[pair])

    def pair_of(self, row: int) -> int:
        """The paragraph that a row belongs to; -1 for none."""
        return self.view.rows[row].of if 0 <= row < len(self.view.rows) else -1

    def _rows_of(self, pair: int) -> range:
        end = self._first[pair + 1] if pair + 1 < len(self._first) else len(self.view.rows)
        return range(self._first[pair], end)

    # ------------------------------------------------------------ editing

    @property
    def editing(self) -> bool:
        """Whether a paragraph is being edited."""
        return not self._editor.isHidden()

    def edit(self, pair: int) -> None:
        """Open the result of a paragraph for editing."""
        if not self._editable or not 0 <= pair < len(self.pairs) or len(self._rows_of(pair)) > 1:
            return
        if self.pairs[pair].state == "waiting" or len(self.pairs[pair].result) > MOST_EDITED:
            return
        self.close_editor()
        self._editing, self._given_up = pair, False
        self.set_current(pair)
        self._editor.setPlainText(self.pairs[pair].result)
        self._editor.moveCursor(QTextCursor.MoveOperation.End)
        self._editor.show()
        self._place_editor()
        self._editor.setFocus()

    def _place_editor(self) -> None:
        if self._editor.isHidden() or self._editing >= len(self._first):
            return
        cell = self.view.cell_rect(self._first[self._editing], RESULT)
        card = self.view.column_rect(RESULT)
        height = max(90, min(int(cell.height()) + 24, self.view.viewport().height() - 16))
        top = min(max(cell.top() - 6, 8.0), max(8.0, self.view.viewport().height() - height - 8.0))
        corner = QPointF(cell.left() - 9, top if height < cell.height() + 40 else cell.top() - 6)
        width = int(min(card.right() - 6, cell.right() + 16) - corner.x())
        self._editor.setGeometry(QRect(corner.toPoint(), self._editor.size()))
        self._editor.resize(width, height)

    def close_editor(self) -> None:
        """Take the field away and keep what was written in it."""
        if self._editor.isHidden():
            return
        pair, text = self._editing, self._editor.toPlainText()
        had_keyboard = self._editor.hasFocus()
        self._editing = -1
        self._editor.hide()
        if had_keyboard:
            self.view.setFocus()
        if not self._given_up and pair < len(self.pairs) and text != self.pairs[pair].result:
            changed = replace(self.pairs[pair], result=text, state="done", note="")
            self.set_pairs({pair: changed})
            self.edited.emit(pair, text)

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        """Ctrl+Enter and leaving the field keep what was written, Esc gives it up."""
        if watched is not self._editor:
            return super().eventFilter(watched, event)
        if event.type() == QEvent.Type.FocusOut and not self._editor.isHidden():
            if isinstance(event.reason(), Qt.FocusReason) and event.reason() not in (  # type: ignore[attr-defined]
                Qt.FocusReason.PopupFocusReason,
                Qt.FocusReason.ActiveWindowFocusReason,
            ):
                self.close_editor()
            return False
        if not isinstance(event, QKeyEvent):
            return False
        escape = event.key() == Qt.Key.Key_Escape
        enter = event.key() in (Qt.Key.Key_Return, Qt.Key.Key_Enter) and bool(
            event.modifiers() & Qt.KeyboardModifier.ControlModifier
        )
        if event.type() == QEvent.Type.ShortcutOverride and (escape or enter):
            event.accept()  # claimed from the window's own Esc and the panel's Ctrl+Enter
            return True
        if event.type() == QEvent.Type.KeyPress and (escape or enter):
            self._given_up = escape
            self.close_editor()
            return True
        return False


class _PairsView(ColumnsView):
    """The columns, with editing in their menu.

    Signals:
        edit_wanted: the marked paragraph is to be edited.
    """

    edit_wanted = Signal()

    def fill_menu(self, menu: QMenu) -> None:
        edit = menu.addAction(QCoreApplication.translate("SideBySide", "Edit this paragraph"))
        edit.triggered.connect(self.edit_wanted)
        menu.addSeparator()
        super().fill_menu(menu)


def _head(word: str, count: QLabel) -> QWidget:
    head = QWidget()
    row = QHBoxLayout(head)
    row.setContentsMargins(4, 0, 4, 0)
    row.setSpacing(8)
    row.addWidget(plain_label("section", word.upper()))
    row.addStretch(1)
    row.addWidget(count)
    return head
