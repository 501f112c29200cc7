"""A combo box in the look of the app, also where it opens."""

from __future__ import annotations

from PySide6.QtCore import QModelIndex, QPersistentModelIndex, QRect, QSize, Qt
from PySide6.QtGui import QGuiApplication, QPainter
from PySide6.QtWidgets import QComboBox, QStyledItemDelegate, QStyleOptionViewItem, QWidget

Index = QModelIndex | QPersistentModelIndex

STYLE = """
QComboBox { padding-right: 2px; combobox-popup: 0; }
QComboBox:focus { padding-right: 1px; }
QComboBox QListView, QComboBox QListView:focus {
    border: 1px solid palette(mid); border-radius: 0px; padding: 4px;
}
"""
ARROW = 44
"""Pixels of it that are not its words."""
ROW_PADDING = 10
"""Pixels above and below the words of a row."""


class _Rows(QStyledItemDelegate):
    """Draws the choices; separators as lines.

    All rows are of the same height, whatever they say: to measure names of languages, whenever one of
    them changes, Qt would look for fonts of every script.
    """

    def sizeHint(self, option: QStyleOptionViewItem, index: Index) -> QSize:
        if _separates(index):
            return QSize(0, 9)
        return QSize(0, max(18, option.fontMetrics.height()) + ROW_PADDING)

    def paint(self, painter: QPainter, option: QStyleOptionViewItem, index: Index) -> None:
        if not _separates(index):
            super().paint(painter, option, index)
            return
        rect: QRect = option.rect
        line = QRect(rect.left() + 8, rect.center().y(), rect.width() - 16, 1)
        painter.fillRect(line, QGuiApplication.palette().mid())


def _separates(index: Index) -> bool:
    return bool(index.data(Qt.ItemDataRole.AccessibleDescriptionRole) == "separator")


class Chooser(QComboBox):
    """Offers choices. Its name is told by a tooltip and to screen readers."""

    def __init__(self, name: str, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setAccessibleName(name)
        self.setToolTip(name)
        self.setMaxVisibleItems(16)
        self.setSizeAdjustPolicy(QComboBox.SizeAdjustPolicy.AdjustToMinimumContentsLengthWithIcon)
        # The arrow's room is no padding: it would count twice. A popup of its own kind would show all
        # choices at once, from the top of the screen to its end. The rows take their look from the
        # stylesheet only with this delegate.
        self.setStyleSheet(STYLE)
        self.setItemDelegate(_Rows(self))

    def fit(self, *more: str, count: int = 20, most: int = 240) -> None:
        """As wide as the longest of its first `count` choices, and of what else it may show."""
        words = [self.itemText(row) for row in range(min(count, self.count()))]
        widest = max(self.fontMetrics().horizontalAdvance(word) for word in (*words, *more))
        self.setFixedWidth(min(most, widest + ARROW))

    def wheelEvent(self, event: object) -> None:
        """Left to the page, so that scrolling never changes a choice."""
        event.ignore()  # type: ignore[attr-defined]
