"""The command palette: one field that finds actions, conversations and models."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from PySide6.QtCore import (
    QAbstractListModel,
    QCoreApplication,
    QEvent,
    QModelIndex,
    QObject,
    QPersistentModelIndex,
    QPoint,
    QRect,
    QSize,
    Qt,
)
from PySide6.QtGui import QColor, QFontMetrics, QKeyEvent, QPainter
from PySide6.QtWidgets import (
    QFrame,
    QLabel,
    QLineEdit,
    QListView,
    QStyle,
    QStyledItemDelegate,
    QStyleOptionViewItem,
    QVBoxLayout,
    QWidget,
)

from desktop.ui.theme import Theme

Index = QModelIndex | QPersistentModelIndex

WIDTH = 560
ROW = 36
MOST_ROWS = 10
MOST_FOUND = 200
ENTRY = Qt.ItemDataRole.UserRole


@dataclass(frozen=True)
class Entry:
    """Something the palette can find. `fact` is faint at the right: keys, or what kind it is."""

    text: str
    fact: str
    icon: str
    act: Callable[[], object]


def score(query: str, text: str) -> int | None:
    """How well `text` answers `query`: less is better, None is no match.

    Every word of the query must be found: at the start of a word, inside one, or as letters in
    their order.
    """
    text = text.casefold()
    total = 0
    for word in query.casefold().split():
        one = _word_score(word, text)
        if one is None:
            return None
        total += one
    return total


def _word_score(word: str, text: str) -> int | None:
    place = text.find(word)
    while place > 0 and text[place - 1].isalnum():
        later = text.find(word, place + 1)
        if later < 0:
            return 100 + place
        place = later
    if place >= 0:
        return min(place, 50)
    gaps, at = 0, -1
    for letter in word:
        found = text.find(letter, at + 1)
        if found < 0:
            return None
        gaps += found - at - 1
        at = found
    return 1000 + gaps


def best(query: str, entries: Iterable[Entry], limit: int = MOST_FOUND) -> list[Entry]:
    """The entries that answer a query, best first; all of them, as given, for an empty one."""
    scored = [
        (found, place, entry)
        for place, entry in enumerate(entries)
        if (found := score(query, entry.text)) is not None
    ]
    scored.sort(key=lambda item: item[:2])
    return [entry for _, _, entry in scored[:limit]]


class EntryItems(QAbstractListModel):
    """The entries found, as rows."""

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self.entries: list[Entry] = []

    def fill(self, entries: Sequence[Entry]) -> None:
        """Show these entries."""
        self.beginResetModel()
        self.entries = list(entries)
        self.endResetModel()

    def rowCount(self, parent: Index = QModelIndex()) -> int:  # noqa: B008  (Qt's own default)
        return 0 if parent.isValid() else len(self.entries)

    def data(self, index: Index, role: int = Qt.ItemDataRole.DisplayRole) -> Any:
        if not index.isValid():
            return None
        entry = self.entries[index.row()]
        if role == Qt.ItemDataRole.DisplayRole:
            return entry.text
        if role == Qt.ItemDataRole.AccessibleTextRole:
            return f"{entry.text}, {entry.fact}"
        return entry if role == ENTRY else None


class EntryDelegate(QStyledItemDelegate):
    """Draws an entry: icon, text, and its fact at the right."""

    def __init__(self, theme: Theme, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._theme = theme

    def sizeHint(self, option: QStyleOptionViewItem, index: Index) -> QSize:
        return QSize(WIDTH - 40, ROW)

    def paint(self, painter: QPainter, option: QStyleOptionViewItem, index: Index) -> None:
        entry: Entry = index.data(ENTRY)
        tokens = self._theme.tokens
        box: QRect = option.rect
        state: QStyle.StateFlag = option.state
        chosen = bool(state & QStyle.StateFlag.State_Selected)
        painter.save()
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        if chosen:
            painter.setPen(Qt.PenStyle.NoPen)
            painter.setBrush(QColor(tokens.tint))
            painter.drawRoundedRect(box, 8, 8)
        icon = QRect(box.left() + 10, box.center().y() - 7, 16, 16)
        self._theme.icon(entry.icon, "accent" if chosen else "muted").paint(painter, icon)
        painter.setFont(self._theme.font("fact"))
        painter.setPen(QColor(tokens.faint))
        fact_width = QFontMetrics(painter.font()).horizontalAdvance(entry.fact)
        middle = int(Qt.AlignmentFlag.AlignVCenter)
        painter.drawText(box.adjusted(0, 0, -12, 0), middle | int(Qt.AlignmentFlag.AlignRight), entry.fact)
        painter.setFont(self._theme.font("control"))
        painter.setPen(QColor(tokens.text))
        words = box.adjusted(38, 0, -fact_width - 28, 0)
        text = QFontMetrics(painter.font()).elidedText(entry.text, Qt.TextElideMode.ElideRight, words.width())
        painter.drawText(words, middle | int(Qt.AlignmentFlag.AlignLeft), text)
        painter.restore()


class CommandPalette(QFrame):
    """A field over a list; Up and Down choose, Enter does it, Esc goes away."""

    def __init__(self, theme: Theme, parent: QWidget) -> None:
        super().__init__(parent, Qt.WindowType.Popup | Qt.WindowType.FramelessWindowHint)
        self.setProperty("role", "popup-window")
        self.setAccessibleName(QCoreApplication.translate("CommandPalette", "Command palette"))
        self._entries: list[Entry] = []
        self._window = parent.window()
        self.field = QLineEdit()
        self.field.setPlaceholderText(
            QCoreApplication.translate("CommandPalette", "Find an action, a conversation or a model…")
        )
        self.field.setAccessibleName(self.field.placeholderText())
        self.field.textChanged.connect(self._filter)
        self.field.installEventFilter(self)
        self.items = EntryItems(self)
        self.list = QListView()
        self.list.setProperty("role", "plain")
        self.list.setModel(self.items)
        self.list.setItemDelegate(EntryDelegate(theme, self.list))
        self.list.setUniformItemSizes(True)
        self.list.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        self.list.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.list.setAccessibleName(QCoreApplication.translate("CommandPalette", "Found"))
        self.list.clicked.connect(lambda _: self._do())
        self.none = QLabel(QCoreApplication.translate("CommandPalette", "Nothing found."))
        self.none.setProperty("role", "muted")
        column = QVBoxLayout(self)
        column.setContentsMargins(12, 12, 12, 12)
        column.setSpacing(8)
        for widget in (self.field, self.list, self.none):
            column.addWidget(widget)
        self.setFixedWidth(WIDTH)

    def open(self, entries: Sequence[Entry]) -> None:
        """Show the palette over its window with these entries."""
        self._entries = list(entries)
        self.field.clear()
        self._filter("")
        window = self._window
        self.move(window.mapToGlobal(QPoint((window.width() - WIDTH) // 2, max(24, window.height() // 8))))
        self.show()
        self.field.setFocus(Qt.FocusReason.PopupFocusReason)

    def add(self, entries: Sequence[Entry]) -> None:
        """More entries have come meanwhile."""
        self._entries.extend(entries)
        self._filter(self.field.text())

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        if isinstance(event, QKeyEvent) and event.type() == QEvent.Type.KeyPress:
            page = MOST_ROWS - 1
            steps = {
                Qt.Key.Key_Down: 1,
                Qt.Key.Key_Up: -1,
                Qt.Key.Key_PageDown: page,
                Qt.Key.Key_PageUp: -page,
            }
            key = Qt.Key(event.key())
            if key in steps:
                self._step(steps[key])
                return True
            if key in (Qt.Key.Key_Return, Qt.Key.Key_Enter):
                self._do()
                return True
        return super().eventFilter(watched, event)

    def _filter(self, query: str) -> None:
        found = best(query, self._entries)
        self.items.fill(found)
        self.list.setVisible(bool(found))
        self.none.setVisible(not found)
        self.list.setFixedHeight(min(MOST_ROWS, max(1, len(found))) * ROW + 6)
        self.adjustSize()
        self._choose(0)

    def _step(self, step: int) -> None:
        rows = len(self.items.entries)
        if rows:
            row = self.list.currentIndex().row() + step
            # One step over an end goes round; a page stops there.
            self._choose(row % rows if abs(step) == 1 else max(0, min(rows - 1, row)))

    def _choose(self, row: int) -> None:
        if self.items.entries:
            self.list.setCurrentIndex(self.items.index(row))

    def _do(self) -> None:
        index = self.list.currentIndex()
        if index.isValid():
            entry: Entry = index.data(ENTRY)
            self.hide()
            entry.act()
