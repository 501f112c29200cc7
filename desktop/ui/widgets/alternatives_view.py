"""Several results of one rewrite beside one another, to choose one of them."""

from __future__ import annotations

from collections.abc import Sequence

from PySide6.QtCore import QCoreApplication, Qt, Signal
from PySide6.QtGui import QIcon, QKeyEvent
from PySide6.QtWidgets import QHBoxLayout, QPushButton, QVBoxLayout, QWidget

from desktop.ui.theme import Theme
from desktop.ui.widgets.columns_view import ColumnsView, Look, Piece, Row, split_row
from desktop.ui.widgets.labels import plain_label, set_role


class AlternativesView(QWidget):
    """One column an alternative, paragraph by paragraph, with a button above each.

    Attributes:
        view: the columns. buttons: one an alternative. chosen: which one is the result; -1 for none.
    Signals:
        chosen_changed(int): the person chose an alternative.
    """

    chosen_changed = Signal(int)

    def __init__(self, theme: Theme, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._theme = theme
        self.chosen = -1
        self.buttons: list[QPushButton] = []
        self.view = _Columns(theme, 3, self)
        self.view.setAccessibleName(QCoreApplication.translate("Alternatives", "Alternatives"))
        self.view.number_pressed.connect(self._number)
        self._shown: list[tuple[int, Look]] = []
        self._first: list[int] = []  # the row that each paragraph begins with
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.addWidget(self.view)
        self.setFocusProxy(self.view)

    def show_texts(
        self,
        paragraphs: Sequence[Sequence[str]],
        gaps: Sequence[int],
        looks: Sequence[Look],
        chosen: int,
        *,
        keep_place: bool = False,
    ) -> None:
        """Show alternatives, each a list of paragraphs; `gaps` and `looks` are those of the paragraphs."""
        if len(paragraphs) != len(self.buttons):
            self.view.set_columns(max(1, len(paragraphs)))
            self._make_heads(len(paragraphs))
        self._shown = list(zip(gaps, looks, strict=True))
        rows: list[Row] = []
        self._first = []
        for place in range(len(self._shown)):
            self._first.append(len(rows))
            rows += self._rows([texts[place] for texts in paragraphs], place)
        self.view.set_rows(rows, keep_place=keep_place)
        self.set_chosen(chosen)

    def set_paragraph(self, place: int, texts: Sequence[str]) -> None:
        """Show another state of a paragraph; `view.settle()` after the last of several."""
        if place < len(self._first):
            rows = self._rows(texts, place)
            end = self._first[place + 1] if place + 1 < len(self._first) else len(self.view.rows)
            if len(rows) == end - self._first[place]:  # else it is shown at the end
                for index, row in enumerate(rows, self._first[place]):
                    self.view.set_row(index, row)

    def _rows(self, texts: Sequence[str], place: int) -> list[Row]:
        gap, look = self._shown[place]
        cells = tuple((Piece(text or "…", look if text else "empty"),) for text in texts)
        return split_row(Row(cells, gap, of=place))

    def set_chosen(self, chosen: int) -> None:
        """Say which one is the result."""
        self.chosen = chosen
        for number, button in enumerate(self.buttons):
            mine = number == chosen
            words = (
                QCoreApplication.translate("Alternatives", "The result")
                if mine
                else QCoreApplication.translate("Alternatives", "Use this")
            )
            button.setText(words)
            button.setIcon(self._theme.icon("check", "accent") if mine else QIcon())
            button.setChecked(mine)
            name = QCoreApplication.translate("Alternatives", "Alternative {number}: {action}")
            button.setAccessibleName(name.format(number=number + 1, action=words))
        if 0 <= chosen < self.view.columns:
            self.view.copy_column = chosen
        self.view.viewport().update()

    def set_enabled(self, enabled: bool) -> None:
        """Whether one can be chosen now."""
        for button in self.buttons:
            button.setEnabled(enabled)

    def _make_heads(self, count: int) -> None:
        self.buttons = []
        heads = []
        for number in range(count):
            title = QCoreApplication.translate("Alternatives", "Alternative {number}")
            label = plain_label("section", title.format(number=number + 1).upper())
            label.setMinimumWidth(0)
            button = QPushButton()
            set_role(button, "chip")
            button.setCheckable(True)
            button.setToolTip(
                QCoreApplication.translate("Alternatives", "Make this the result ({key})").format(
                    key=number + 1
                )
            )
            button.clicked.connect(lambda _=False, number=number: self._choose(number))
            self.buttons.append(button)
            head = QWidget()
            row = QHBoxLayout(head)
            row.setContentsMargins(4, 0, 0, 0)
            row.setSpacing(6)
            row.addWidget(label, 1)
            row.addWidget(button)
            heads.append(head)
        self.view.set_heads(heads)

    def _number(self, number: int) -> None:
        if number < len(self.buttons) and self.buttons[number].isEnabled():
            self._choose(number)

    def _choose(self, number: int) -> None:
        changed = number != self.chosen
        self.set_chosen(number)
        if changed:
            self.chosen_changed.emit(number)


class _Columns(ColumnsView):
    """The columns; a digit chooses one.

    Signals:
        number_pressed(int): the digit, from 0.
    """

    number_pressed = Signal(int)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        number = event.key() - Qt.Key.Key_1
        plain = not event.modifiers() & ~Qt.KeyboardModifier.KeypadModifier
        if plain and 0 <= number < self.columns:
            self.number_pressed.emit(int(number))
        else:
            super().keyPressEvent(event)
