"""Words that a rewrite must keep, and words that it must write in a certain way."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from PySide6.QtCore import QCoreApplication, Qt, QTimer
from PySide6.QtWidgets import (
    QDialog,
    QDialogButtonBox,
    QGridLayout,
    QHBoxLayout,
    QLabel,
    QLineEdit,
    QPushButton,
    QScrollArea,
    QToolButton,
    QVBoxLayout,
    QWidget,
)

from desktop.ui.theme import Theme
from desktop.ui.widgets.buttons import tool_button
from desktop.ui.widgets.labels import plain_label

MOST_WORDS = 500
LONGEST_WORD = 200


@dataclass
class _Line:
    """One row of the list: the word, what it becomes, and a button that takes the row away."""

    word: QLineEdit
    wanted: QLineEdit
    remove: QToolButton

    @property
    def empty(self) -> bool:
        return not self.word.text().strip() and not self.wanted.text().strip()

    def widgets(self) -> tuple[QWidget, ...]:
        return self.word, self.wanted, self.remove


class WordList(QDialog):
    """A word a row: left alone it is kept as it is, with a form beside it it is written so.

    There is always an empty row at the end for the next word.
    """

    def __init__(
        self,
        theme: Theme,
        protected: Sequence[str] = (),
        glossary: Mapping[str, str] | None = None,
        parent: QWidget | None = None,
    ) -> None:
        super().__init__(parent)
        self._theme = theme
        self._lines: list[_Line] = []
        self.setWindowTitle(QCoreApplication.translate("WordList", "Words to keep"))
        self._lay_out()
        for word in list(protected)[:MOST_WORDS]:
            self._add(word, "")
        for word, wanted in list((glossary or {}).items())[:MOST_WORDS]:
            self._add(word, wanted)
        self._add("", "").word.setFocus()
        self.resize(520, 440)

    def words(self) -> tuple[tuple[str, ...], dict[str, str]]:
        """The words that are kept as they are, and the form in which others are written; each once."""
        protected: dict[str, None] = {}
        glossary: dict[str, str] = {}
        for line in self._lines:
            word, wanted = (" ".join(field.text().split()) for field in (line.word, line.wanted))
            if word and wanted and wanted != word:
                glossary[word] = wanted
            elif word:
                protected[word] = None
        return tuple(word for word in protected if word not in glossary), glossary

    # ------------------------------------------------------------ building

    def _lay_out(self) -> None:
        words = QLabel(
            QCoreApplication.translate(
                "WordList",
                "These words stay as they are. Write the wanted form beside a word to have it used instead, "
                "such as a term in another language. Numbers, names, code and links are kept in any case.",
            )
        )
        words.setTextFormat(Qt.TextFormat.PlainText)
        words.setWordWrap(True)
        words.setProperty("role", "muted")
        inner = QWidget()
        inner_column = QVBoxLayout(inner)
        inner_column.setContentsMargins(0, 0, 0, 0)
        self._grid = QGridLayout()
        inner_column.addLayout(self._grid)
        self._grid.setContentsMargins(2, 2, 8, 2)
        self._grid.setHorizontalSpacing(8)
        self._grid.setVerticalSpacing(6)
        self._grid.setColumnStretch(0, 1)
        self._grid.setColumnStretch(1, 1)
        heads = (
            QCoreApplication.translate("WordList", "Word"),
            QCoreApplication.translate("WordList", "Written as"),
        )
        for place, head in enumerate(heads):
            self._grid.addWidget(plain_label("section", head.upper()), 0, place)
        inner_column.addStretch(1)
        self._area = QScrollArea()
        self._area.setWidgetResizable(True)
        self._area.setWidget(inner)
        self._area.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        kinds = QDialogButtonBox.StandardButton
        self.buttons = QDialogButtonBox()
        self.save = QPushButton(QCoreApplication.translate("WordList", "Keep these words"))
        self.save.setProperty("role", "primary")
        self.save.setDefault(True)
        self.buttons.addButton(self.save, QDialogButtonBox.ButtonRole.AcceptRole)
        cancel = self.buttons.addButton(kinds.Cancel)
        cancel.setText(QCoreApplication.translate("WordList", "Cancel"))
        self.clear = QPushButton(QCoreApplication.translate("WordList", "Remove all"))
        self.clear.setAutoDefault(False)
        self.clear.clicked.connect(self._clear)
        self.buttons.accepted.connect(self.accept)
        self.buttons.rejected.connect(self.reject)
        for button in (self.save, cancel, self.clear):
            button.setAccessibleName(button.text())
        foot = QHBoxLayout()
        foot.addWidget(self.clear)
        foot.addWidget(self.buttons, 1)
        column = QVBoxLayout(self)
        column.setContentsMargins(20, 20, 20, 16)
        column.setSpacing(12)
        column.addWidget(words)
        column.addWidget(self._area, 1)
        column.addLayout(foot)

    def _add(self, word: str, wanted: str) -> _Line:
        remove = QCoreApplication.translate("WordList", "Remove this word")
        line = _Line(QLineEdit(word), QLineEdit(wanted), tool_button(self._theme, "close", remove, size=14))
        line.word.setAccessibleName(QCoreApplication.translate("WordList", "Word"))
        line.wanted.setAccessibleName(QCoreApplication.translate("WordList", "Written as"))
        line.wanted.setPlaceholderText(QCoreApplication.translate("WordList", "as it is"))
        line.remove.clicked.connect(lambda: self._remove(line))
        for field in (line.word, line.wanted):
            field.setMaxLength(LONGEST_WORD)
            field.textEdited.connect(lambda _text: self._grow())
        row = self._row_of(self._lines[-1]) + 1 if self._lines else 1
        for column, widget in enumerate(line.widgets()):
            self._grid.addWidget(widget, row, column)
        self._lines.append(line)
        self._show_buttons()
        return line

    def _row_of(self, line: _Line) -> int:
        position = self._grid.getItemPosition(self._grid.indexOf(line.word))
        return int(position[0])  # type: ignore[index]

    def _grow(self) -> None:
        """Keep an empty row at the end."""
        if not self._lines[-1].empty and len(self._lines) < MOST_WORDS:
            self._add("", "")
            bar = self._area.verticalScrollBar()
            QTimer.singleShot(0, bar, lambda: bar.setValue(bar.maximum()))
        self._show_buttons()

    def _show_buttons(self) -> None:
        for line in self._lines:
            line.remove.setEnabled(not line.empty)
        self.clear.setEnabled(not all(line.empty for line in self._lines))

    def _remove(self, line: _Line) -> None:
        place = self._lines.index(line)
        self._lines.remove(line)
        for widget in line.widgets():
            self._grid.removeWidget(widget)
            widget.hide()
            widget.deleteLater()
        if not self._lines or not self._lines[-1].empty:
            self._add("", "")
        self._lines[min(place, len(self._lines) - 1)].word.setFocus()
        self._show_buttons()

    def _clear(self) -> None:
        for line in list(self._lines):
            line.word.clear()
            line.wanted.clear()
        while len(self._lines) > 1:
            self._remove(self._lines[0])
        self._show_buttons()
