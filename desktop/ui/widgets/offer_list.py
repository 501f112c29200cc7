"""Models that could be had, as rows of two lines: found on the hub, or recommended by the catalogue."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from PySide6.QtCore import (
    QAbstractListModel,
    QModelIndex,
    QObject,
    QPersistentModelIndex,
    QRect,
    QSize,
    Qt,
    Signal,
)
from PySide6.QtGui import QColor, QPainter
from PySide6.QtWidgets import QListView, QStyle, QStyledItemDelegate, QStyleOptionViewItem, QWidget

from desktop.ui.theme import Theme

Index = QModelIndex | QPersistentModelIndex

ROW_ROLE = Qt.ItemDataRole.UserRole
HEIGHT = 52


@dataclass(frozen=True)
class OfferRow:
    """One row.

    Attributes:
        title, facts: its two lines. mark: a word at the right. good: the colour of that word.
        value: what the row stands for.
    """

    title: str
    facts: str
    value: object
    mark: str = ""
    good: bool | None = None


class OfferItems(QAbstractListModel):
    """The rows."""

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self.rows: list[OfferRow] = []

    def fill(self, rows: Sequence[OfferRow]) -> None:
        """Show these rows."""
        self.beginResetModel()
        self.rows = list(rows)
        self.endResetModel()

    def rowCount(self, parent: Index = QModelIndex()) -> int:  # noqa: B008  (Qt's own default)
        return 0 if parent.isValid() else len(self.rows)

    def data(self, index: Index, role: int = Qt.ItemDataRole.DisplayRole) -> Any:
        if not index.isValid():
            return None
        row = self.rows[index.row()]
        if role == Qt.ItemDataRole.DisplayRole:
            return row.title
        if role == Qt.ItemDataRole.AccessibleTextRole:
            return ", ".join(part for part in (row.title, row.facts, row.mark) if part)
        return row if role == ROW_ROLE else None


class OfferDelegate(QStyledItemDelegate):
    """Draws a row."""

    def __init__(self, theme: Theme, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._theme = theme

    def sizeHint(self, option: QStyleOptionViewItem, index: Index) -> QSize:
        return QSize(0, HEIGHT)

    def paint(self, painter: QPainter, option: QStyleOptionViewItem, index: Index) -> None:
        tokens, row = self._theme.tokens, index.data(ROW_ROLE)
        box: QRect = option.rect.adjusted(0, 1, -2, -1)
        state: QStyle.StateFlag = option.state
        painter.save()
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.setPen(Qt.PenStyle.NoPen)
        if state & QStyle.StateFlag.State_Selected:
            painter.setBrush(QColor(tokens.tint))
            painter.drawRoundedRect(box, 8, 8)
        elif state & QStyle.StateFlag.State_MouseOver:
            painter.setBrush(QColor(tokens.raised))
            painter.drawRoundedRect(box, 8, 8)
        inner = box.adjusted(12, 0, -12, 0)
        painter.setFont(self._theme.font("fact"))
        color = {True: tokens.good, False: tokens.bad, None: tokens.muted}[row.good]
        painter.setPen(QColor(color))
        flags = Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter
        painter.drawText(QRect(inner.left(), box.top() + 6, inner.width(), 20), flags, row.mark)
        room = inner.width() - painter.fontMetrics().horizontalAdvance(row.mark) - (12 if row.mark else 0)
        self._line(painter, QRect(inner.left(), box.top() + 6, room, 20), row.title, "control", tokens.text)
        line = QRect(inner.left(), box.top() + 26, inner.width(), 18)
        self._line(painter, line, row.facts, "fact", tokens.faint)
        painter.restore()

    def _line(self, painter: QPainter, box: QRect, text: str, role: str, color: str) -> None:
        painter.setFont(self._theme.font(role))  # type: ignore[arg-type]  # one of its roles
        painter.setPen(QColor(color))
        fitted = painter.fontMetrics().elidedText(text, Qt.TextElideMode.ElideRight, box.width())
        painter.drawText(box, Qt.AlignmentFlag.AlignVCenter, fitted)


class OfferList(QListView):
    """The list.

    Signals:
        row_chosen(object): the value of the current row.
    """

    row_chosen = Signal(object)

    def __init__(self, theme: Theme, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.items = OfferItems(self)
        self.setModel(self.items)
        self.setItemDelegate(OfferDelegate(theme, self))
        self.setProperty("role", "plain")
        self.setMouseTracking(True)
        self.setVerticalScrollMode(QListView.ScrollMode.ScrollPerPixel)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.selectionModel().currentRowChanged.connect(self._changed)
        theme.changed.connect(self.viewport().update)

    def fill(self, rows: Sequence[OfferRow]) -> None:
        """Show these rows, the first one chosen."""
        self.items.fill(rows)
        if rows:
            self.setCurrentIndex(self.items.index(0))

    def _changed(self, index: Index) -> None:
        if index.isValid():
            self.row_chosen.emit(index.data(ROW_ROLE).value)
