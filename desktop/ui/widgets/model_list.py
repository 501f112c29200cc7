"""The models on this computer as a table: sorted by any column, filtered by words and by what they can."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from PySide6.QtCore import (
    QAbstractTableModel,
    QCoreApplication,
    QItemSelectionModel,
    QLocale,
    QModelIndex,
    QObject,
    QPersistentModelIndex,
    QRect,
    QSize,
    QSortFilterProxyModel,
    Qt,
    Signal,
)
from PySide6.QtGui import QColor, QPainter
from PySide6.QtWidgets import (
    QAbstractItemView,
    QHeaderView,
    QStyle,
    QStyledItemDelegate,
    QStyleOptionViewItem,
    QTreeView,
    QWidget,
)

from desktop.ui.actions import QT_TRANSLATE_NOOP
from desktop.ui.theme import Theme
from desktop.ui.widgets.facts import capability_words, day_text, parameters_text, place_word, size_text

if TYPE_CHECKING:
    from desktop.workbench.collection import ModelEntry

Index = QModelIndex | QPersistentModelIndex

ENTRY = Qt.ItemDataRole.UserRole
SORT = Qt.ItemDataRole.UserRole + 1
ROW = 48

COLUMNS: tuple[tuple[str, int], ...] = (
    (QT_TRANSLATE_NOOP("Models", "Model"), 0),
    (QT_TRANSLATE_NOOP("Models", "Parameters"), 108),
    (QT_TRANSLATE_NOOP("Models", "Quantization"), 120),
    (QT_TRANSLATE_NOOP("Models", "Size"), 84),
    (QT_TRANSLATE_NOOP("Models", "Context"), 88),
    (QT_TRANSLATE_NOOP("Models", "Last used"), 100),
)
"""The columns and their widths in pixels; 0 takes what is left."""
NAME, PARAMETERS, QUANTIZATION, SIZE, CONTEXT, USED = range(len(COLUMNS))


class LibraryTable(QAbstractTableModel):
    """The entries of the library as rows."""

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self.entries: list[ModelEntry] = []

    def fill(self, entries: Sequence[ModelEntry]) -> None:
        """Show these entries."""
        self.beginResetModel()
        self.entries = list(entries)
        self.endResetModel()

    def rowCount(self, parent: Index = QModelIndex()) -> int:  # noqa: B008  (Qt's own default)
        return 0 if parent.isValid() else len(self.entries)

    def columnCount(self, parent: Index = QModelIndex()) -> int:  # noqa: B008
        return 0 if parent.isValid() else len(COLUMNS)

    def headerData(
        self, section: int, orientation: Qt.Orientation, role: int = Qt.ItemDataRole.DisplayRole
    ) -> Any:
        if orientation == Qt.Orientation.Horizontal and role == Qt.ItemDataRole.DisplayRole:
            word = COLUMNS[section][0]
            return QCoreApplication.translate("Models", word)
        return None

    def data(self, index: Index, role: int = Qt.ItemDataRole.DisplayRole) -> Any:
        if not index.isValid():
            return None
        entry, column = self.entries[index.row()], index.column()
        if role == ENTRY:
            return entry
        if role == SORT:
            return _sort_key(entry, column)
        if role == Qt.ItemDataRole.DisplayRole:
            return _cell(entry, column)
        if role == Qt.ItemDataRole.ToolTipRole and column == NAME:
            return str(entry.model.path)
        if role == Qt.ItemDataRole.AccessibleTextRole and column == NAME:
            return f"{entry.model.name}, {second_line(entry)}"
        return None


def _cell(entry: ModelEntry, column: int) -> str:
    model = entry.model
    if column == CONTEXT:
        return QLocale().toString(model.context_length) if model.context_length else ""
    return {
        NAME: model.name,
        PARAMETERS: parameters_text(model.parameters),
        QUANTIZATION: model.quantization,
        SIZE: size_text(model.size_bytes),
        USED: day_text(entry.used),
    }[column]


def _sort_key(entry: ModelEntry, column: int) -> str | float:
    model = entry.model
    keys: dict[int, str | float] = {
        NAME: model.name.casefold(),
        # Qt compares whole numbers beyond 32 bits as objects, which is not by size.
        PARAMETERS: float(model.parameters),
        QUANTIZATION: model.quantization,
        SIZE: float(model.size_bytes),
        CONTEXT: float(model.context_length),
        USED: entry.used,
    }
    return keys[column]


def second_line(entry: ModelEntry) -> str:
    """What stands below a model's name: its publisher, what it can, where it lies."""
    words = [entry.model.publisher, *capability_words(entry.model.capabilities)]
    if entry.loaded:
        words.append(QCoreApplication.translate("Models", "loaded"))
    if entry.model.place != "rolltop":
        words.append(place_word(entry.model.place))
    return " · ".join(word for word in words if word)


class LibraryFilter(QSortFilterProxyModel):
    """The rows that have all the words and the capability asked for."""

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._words: list[str] = []
        self._capability = ""
        self.setSortRole(SORT)

    def set_words(self, text: str) -> None:
        """Show rows that have each of these words in name, publisher, architecture, place or note."""
        self._words = text.casefold().split()
        self.invalidate()

    def set_capability(self, capability: str) -> None:
        """Show rows that can do this; "" for all."""
        self._capability = capability
        self.invalidate()

    def filterAcceptsRow(self, row: int, parent: Index) -> bool:
        entry: ModelEntry = self.sourceModel().index(row, 0, parent).data(ENTRY)
        if self._capability and self._capability not in entry.model.capabilities:
            return False
        model = entry.model
        text = " ".join(
            (model.name, model.id, model.publisher, model.architecture, model.quantization,
             place_word(model.place), entry.note)
        ).casefold()  # fmt: skip
        return all(word in text for word in self._words)


class RowDelegate(QStyledItemDelegate):
    """Draws a row: the model in two lines, the facts in one; the whole row is tinted when chosen."""

    def __init__(self, theme: Theme, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._theme = theme

    def sizeHint(self, option: QStyleOptionViewItem, index: Index) -> QSize:
        return QSize(0, ROW)

    def paint(self, painter: QPainter, option: QStyleOptionViewItem, index: Index) -> None:
        tokens = self._theme.tokens
        box: QRect = option.rect
        state: QStyle.StateFlag = option.state
        painter.save()
        if state & QStyle.StateFlag.State_Selected:
            painter.fillRect(box, QColor(tokens.tint))
        elif state & QStyle.StateFlag.State_MouseOver:
            painter.fillRect(box, QColor(tokens.raised))
        painter.setPen(QColor(tokens.border))
        painter.drawLine(box.bottomLeft(), box.bottomRight())
        inner = box.adjusted(12, 0, -8, 0)
        if index.column() == NAME:
            self._paint_name(painter, inner, index.data(ENTRY))
        else:
            painter.setFont(self._theme.font("control"))
            painter.setPen(QColor(tokens.muted))
            painter.drawText(inner, Qt.AlignmentFlag.AlignVCenter, str(index.data()))
        painter.restore()

    def _paint_name(self, painter: QPainter, box: QRect, entry: ModelEntry) -> None:
        tokens = self._theme.tokens
        for text, role, color, top in (
            (entry.model.name, "control", tokens.text, 6),
            (second_line(entry), "fact", tokens.faint, 24),
        ):
            painter.setFont(self._theme.font(role))  # type: ignore[arg-type]  # one of its roles
            painter.setPen(QColor(color))
            fitted = painter.fontMetrics().elidedText(text, Qt.TextElideMode.ElideRight, box.width())
            line = QRect(box.left(), box.top() + top, box.width(), 18)
            painter.drawText(line, Qt.AlignmentFlag.AlignVCenter, fitted)


class ModelList(QTreeView):
    """The table with its filter; keeps the chosen model when the rows change.

    Signals:
        entry_chosen(ModelEntry or None): another row, or new facts about the same.
        entry_opened(ModelEntry): a double click, or Enter.
    """

    entry_chosen = Signal(object)
    entry_opened = Signal(object)

    def __init__(self, theme: Theme, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.table, self.filter = LibraryTable(self), LibraryFilter(self)
        self.filter.setSourceModel(self.table)
        self.setModel(self.filter)
        self.setItemDelegate(RowDelegate(theme, self))
        self.setProperty("role", "table")
        self.setAccessibleName(QCoreApplication.translate("Models", "Models on this computer"))
        self.setRootIsDecorated(False)
        self.setUniformRowHeights(True)
        self.setSortingEnabled(True)
        self.sortByColumn(NAME, Qt.SortOrder.AscendingOrder)
        self.setSelectionMode(QAbstractItemView.SelectionMode.SingleSelection)
        self.setMouseTracking(True)
        self.setVerticalScrollMode(QAbstractItemView.ScrollMode.ScrollPerPixel)
        self._size_columns()
        self.selectionModel().currentRowChanged.connect(lambda *_: self._tell())
        self.activated.connect(lambda index: self.entry_opened.emit(index.data(ENTRY)))
        theme.changed.connect(self.viewport().update)

    def fill(self, entries: Sequence[ModelEntry]) -> None:
        """Show these entries, keeping the chosen model."""
        kept = self.chosen()
        selection = self.selectionModel()
        selection.blockSignals(True)
        self.table.fill(entries)
        selection.blockSignals(False)
        self.choose(kept.model.id if kept is not None else "")

    def choose(self, id: str) -> None:
        """Choose a model by its id, else the first row."""
        rows = [self.filter.index(row, 0) for row in range(self.filter.rowCount())]
        index = next((i for i in rows if i.data(ENTRY).model.id == id), rows[0] if rows else None)
        if index is None:
            self._tell()
            return
        flags = QItemSelectionModel.SelectionFlag
        self.selectionModel().setCurrentIndex(index, flags.ClearAndSelect | flags.Rows)
        self.scrollTo(index)
        self._tell()

    def chosen(self) -> ModelEntry | None:
        """The entry of the current row."""
        index = self.currentIndex()
        return index.data(ENTRY) if index.isValid() else None

    def set_words(self, text: str) -> None:
        """Filter by words."""
        self.filter.set_words(text)
        self._keep_one_chosen()

    def set_capability(self, capability: str) -> None:
        """Filter by what models can; "" for all."""
        self.filter.set_capability(capability)
        self._keep_one_chosen()

    def _keep_one_chosen(self) -> None:
        if not self.currentIndex().isValid():
            self.choose("")
        else:
            self._tell()

    def _tell(self) -> None:
        self.entry_chosen.emit(self.chosen())

    def _size_columns(self) -> None:
        header = self.header()
        header.setStretchLastSection(False)
        header.setDefaultAlignment(Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignVCenter)
        for column, (_, width) in enumerate(COLUMNS):
            if width:
                header.setSectionResizeMode(column, QHeaderView.ResizeMode.Interactive)
                header.resizeSection(column, width)
            else:
                header.setSectionResizeMode(column, QHeaderView.ResizeMode.Stretch)
