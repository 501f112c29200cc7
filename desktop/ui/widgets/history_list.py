"""A list of what was made before: a button for something new, search, groups by day, and a menu for each.

The lists of conversations and of runs are two of these; what differs is what a row says of itself, where
the rows are read, and what can be done to one.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Generic, Literal, NamedTuple, Protocol, TypeVar

from PySide6.QtCore import (
    QAbstractItemModel,
    QAbstractListModel,
    QCoreApplication,
    QEvent,
    QLocale,
    QModelIndex,
    QObject,
    QPersistentModelIndex,
    QPoint,
    QRect,
    QRectF,
    QSize,
    Qt,
    QTimer,
    Signal,
)
from PySide6.QtGui import QColor, QFontMetrics, QKeyEvent, QPainter, QPen
from PySide6.QtWidgets import (
    QAbstractItemView,
    QFrame,
    QLineEdit,
    QListView,
    QMenu,
    QPushButton,
    QStyle,
    QStyledItemDelegate,
    QStyleOptionViewItem,
    QVBoxLayout,
    QWidget,
)

from desktop.ui.jobs import Job, Jobs
from desktop.ui.notices import NoticeBar, error_notice
from desktop.ui.theme import FontRole, Theme
from desktop.ui.widgets.labels import plain_label

WIDTH = 250
SEARCH_MS = 200
ROW_HEIGHT = 49
HEAD_HEIGHT = 26

Span = Literal["today", "yesterday", "week", "month", "calendar"]
Index = QModelIndex | QPersistentModelIndex


class Row(Protocol):
    """Something that is kept."""

    @property
    def id(self) -> str: ...


R = TypeVar("R", bound=Row)


class Group(NamedTuple):
    """A heading of the list; `year` and `month` are set for "calendar" groups only."""

    span: Span
    year: int = 0
    month: int = 0


def group_of(moment: datetime, now: datetime) -> Group:
    """The heading for `moment` by calendar day; both times in the reader's own zone.

    A moment in the future (a clock that was set back) counts as today.
    """
    days = (now.date() - moment.date()).days
    if days <= 0:
        return Group("today")
    if days == 1:
        return Group("yesterday")
    if days <= 7:
        return Group("week")
    if days <= 30:
        return Group("month")
    return Group("calendar", moment.year, moment.month)


def grouped(rows: Sequence[R], now: datetime, moment: Callable[[R], float]) -> dict[Group, list[R]]:
    """Rows by heading, newest first; days are those of `now`'s zone (local when it has none).

    `moment`: when a row belongs, in unix seconds.
    """
    found: dict[Group, list[R]] = {}
    for row in sorted(rows, key=moment, reverse=True):
        found.setdefault(group_of(datetime.fromtimestamp(moment(row), now.tzinfo), now), []).append(row)
    return found


def group_title(group: Group, now: datetime) -> str:
    """The heading in the user's language."""
    if group.span == "today":
        return QCoreApplication.translate("History", "Today")
    if group.span == "yesterday":
        return QCoreApplication.translate("History", "Yesterday")
    if group.span == "week":
        return QCoreApplication.translate("History", "Last 7 days")
    if group.span == "month":
        return QCoreApplication.translate("History", "Last 30 days")
    name = QLocale().standaloneMonthName(group.month)
    if group.year == now.year:
        return name
    pattern = QCoreApplication.translate("History", "{month} {year}")
    return pattern.format(month=name, year=group.year)


class HistoryItems(QAbstractListModel, Generic[R]):
    """Headings and rows as one flat list for the view.

    A heading is an item that can be neither selected nor reached with the arrow keys. A list of its own
    says in the methods at the end of this class what a row says of itself.

    Signals:
        renamed(str id, str title): the user typed a new title.
    """

    ROW = Qt.ItemDataRole.UserRole
    FACTS = Qt.ItemDataRole.UserRole + 1
    OPEN = Qt.ItemDataRole.UserRole + 2

    renamed = Signal(str, str)

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._entries: list[str | R] = []
        self._places: dict[str, int] = {}
        self._open = ""

    def set_rows(self, rows: Sequence[R], now: datetime) -> None:
        """Show these rows."""
        self.beginResetModel()
        self._entries = []
        for group, members in grouped(rows, now, self.moment).items():
            self._entries += [group_title(group, now), *members]
        self._places = {
            entry.id: place for place, entry in enumerate(self._entries) if not isinstance(entry, str)
        }
        self.endResetModel()

    def update_row(self, row: R) -> None:
        """What is kept is as this row says now; where it stands stays."""
        place = self._places.get(row.id)
        if place is not None:
            self._entries[place] = row
            self.dataChanged.emit(self.index(place, 0), self.index(place, 0))

    def set_open(self, id: str) -> None:
        """Mark the row that is open; "" for none."""
        changed, self._open = {self._open, id}, id
        for index in map(self.place, changed):
            if index.isValid():
                self.dataChanged.emit(index, index, [self.OPEN])

    def place(self, id: str) -> QModelIndex:
        """Where a row is; an invalid index when it is not shown."""
        place = self._places.get(id)
        return QModelIndex() if place is None else self.index(place, 0)

    def row(self, index: Index) -> R | None:
        """The row at an index, None for a heading."""
        entry = self._entries[index.row()] if index.isValid() else None
        return None if isinstance(entry, str) else entry

    def ids(self) -> list[str]:
        """The ids of all rows shown, in order."""
        return list(self._places)

    def rowCount(self, parent: Index | None = None) -> int:
        """Headings and rows together."""
        return 0 if parent is not None and parent.isValid() else len(self._entries)

    def data(self, index: Index, role: int = Qt.ItemDataRole.DisplayRole) -> Any:
        """Title, facts and the row itself."""
        entry = self._entries[index.row()]
        if isinstance(entry, str):
            is_text = role in (Qt.ItemDataRole.DisplayRole, Qt.ItemDataRole.AccessibleTextRole)
            return entry if is_text else None
        match role:
            case Qt.ItemDataRole.DisplayRole:
                return self.title(entry)
            case Qt.ItemDataRole.EditRole:
                return self.typed(entry)
            case self.ROW:
                return entry
            case self.FACTS:
                return self.facts(entry)
            case self.OPEN:
                return entry.id == self._open
            case Qt.ItemDataRole.AccessibleTextRole:
                return f"{self.title(entry)}, {self.facts(entry)}"
        return None

    def setData(self, index: Index, value: Any, role: int = Qt.ItemDataRole.EditRole) -> bool:
        """Report a new title; the list shows it once it is stored."""
        row, title = self.row(index), str(value).strip()
        if row is None or role != Qt.ItemDataRole.EditRole or title in ("", self.typed(row)):
            return False
        self.renamed.emit(row.id, title)
        return True

    def flags(self, index: Index) -> Qt.ItemFlag:
        """Headings are neither enabled nor selectable, so that the arrow keys pass over them."""
        row = self.row(index)
        if row is None:
            return Qt.ItemFlag.NoItemFlags
        flags = Qt.ItemFlag.ItemIsEnabled | Qt.ItemFlag.ItemIsSelectable
        return flags if self.typed(row) is None else flags | Qt.ItemFlag.ItemIsEditable

    # ------------------------------------------------------------ what differs

    @abstractmethod
    def moment(self, row: R) -> float:
        """What a row is grouped and sorted by, in unix seconds."""

    @abstractmethod
    def title(self, row: R) -> str:
        """What a row is called, on one line."""

    @abstractmethod
    def facts(self, row: R) -> str:
        """What stands below its title."""

    def typed(self, row: R) -> str | None:
        """The title as it was typed; None where it cannot be typed in the list."""
        return None


class HistoryDelegate(QStyledItemDelegate):
    """Draws a heading, or an entry as a title with its facts below."""

    def __init__(self, theme: Theme, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._theme = theme

    def sizeHint(self, option: QStyleOptionViewItem, index: Index) -> QSize:
        """One height for headings, one for entries."""
        is_row = index.data(HistoryItems.ROW) is not None
        return QSize(WIDTH - 40, ROW_HEIGHT if is_row else HEAD_HEIGHT)

    def paint(self, painter: QPainter, option: QStyleOptionViewItem, index: Index) -> None:
        """Draw one item."""
        painter.save()
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        rect: QRect = option.rect
        if index.data(HistoryItems.ROW) is None:
            self._paint_heading(painter, rect, index.data())
        else:
            self._paint_row(painter, rect, option, index)
        painter.restore()

    def _paint_heading(self, painter: QPainter, rect: QRect, title: str) -> None:
        painter.setFont(self._theme.font("section"))
        painter.setPen(QColor(self._theme.tokens.faint))
        painter.drawText(rect.adjusted(0, 0, 0, -5), Qt.AlignmentFlag.AlignBottom, title.upper())

    def _paint_row(self, painter: QPainter, rect: QRect, option: QStyleOptionViewItem, index: Index) -> None:
        t = self._theme.tokens
        state: QStyle.StateFlag = option.state
        # As wide with a scroll bar beside it as without one.
        card = QRectF(rect.left(), rect.top() + 1, WIDTH - 25, rect.height() - 4)
        if index.data(HistoryItems.OPEN):
            self._card(painter, card, t.tint)
        elif state & QStyle.StateFlag.State_MouseOver:
            self._card(painter, card, t.raised)
        if state & QStyle.StateFlag.State_HasFocus:
            painter.setBrush(Qt.BrushStyle.NoBrush)
            painter.setPen(QPen(QColor(t.accent), 2))
            painter.drawRoundedRect(card.adjusted(1, 1, -1, -1), 7, 7)
        inner = card.toRect().adjusted(10, 6, -10, -5)
        self._line(painter, inner, "control", t.text, index.data(), Qt.AlignmentFlag.AlignTop)
        below = index.data(HistoryItems.FACTS)
        self._line(painter, inner, "fact", t.faint, below, Qt.AlignmentFlag.AlignBottom)

    def _card(self, painter: QPainter, card: QRectF, color: str) -> None:
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(QColor(color))
        painter.drawRoundedRect(card, 8, 8)

    def _line(
        self, painter: QPainter, rect: QRect, font: FontRole, color: str, text: str, edge: Qt.AlignmentFlag
    ) -> None:
        painter.setFont(self._theme.font(font))
        painter.setPen(QColor(color))
        fitted = QFontMetrics(painter.font()).elidedText(text, Qt.TextElideMode.ElideRight, rect.width())
        painter.drawText(rect, edge | Qt.AlignmentFlag.AlignLeft | Qt.TextFlag.TextSingleLine, fitted)

    def createEditor(self, parent: QWidget, option: QStyleOptionViewItem, index: Index) -> QWidget:
        """A field for the title."""
        editor = QLineEdit(parent)
        editor.setMaxLength(300)
        editor.setAccessibleName(QCoreApplication.translate("History", "Title"))
        return editor

    def setEditorData(self, editor: QWidget, index: Index) -> None:
        """Begin with the present title, selected."""
        assert isinstance(editor, QLineEdit)
        editor.setText(index.data(Qt.ItemDataRole.EditRole))
        editor.selectAll()

    def setModelData(self, editor: QWidget, model: QAbstractItemModel, index: Index) -> None:
        """Hand the typed title over."""
        assert isinstance(editor, QLineEdit)
        model.setData(index, editor.text(), Qt.ItemDataRole.EditRole)

    def updateEditorGeometry(self, editor: QWidget, option: QStyleOptionViewItem, index: Index) -> None:
        """The field covers the card."""
        rect: QRect = option.rect
        editor.setGeometry(rect.adjusted(2, 5, -2, -7))


class HistoryView(QListView):
    """The list itself: the arrow keys move, Enter opens, Delete deletes, F2 renames.

    Signals:
        opened(str id), deleted(str id)
    """

    opened = Signal(str)
    deleted = Signal(str)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setFrameShape(QFrame.Shape.NoFrame)
        self.setProperty("role", "plain")
        # The row shows the keyboard's place, so the frame around the list need not.
        self.setStyleSheet("QListView, QListView:focus { border: none; padding: 0; }")
        self.setMouseTracking(True)
        self.setVerticalScrollMode(QAbstractItemView.ScrollMode.ScrollPerPixel)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.setEditTriggers(QAbstractItemView.EditTrigger.EditKeyPressed)
        self.setSelectionMode(QAbstractItemView.SelectionMode.SingleSelection)
        self.clicked.connect(self._open)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        """Enter opens and Delete deletes what the keyboard stands on."""
        row = self._row(self.currentIndex())
        if row is not None and event.key() in (Qt.Key.Key_Return, Qt.Key.Key_Enter):
            self.opened.emit(row.id)
        elif row is not None and event.key() == Qt.Key.Key_Delete:
            self.deleted.emit(row.id)
        else:
            super().keyPressEvent(event)

    def _open(self, index: QModelIndex) -> None:
        row = self._row(index)
        if row is not None:
            self.opened.emit(row.id)

    def _row(self, index: QModelIndex) -> Any:
        return index.data(HistoryItems.ROW) if index.isValid() else None


@dataclass(frozen=True)
class HistoryWords:
    """What a list says, translated.

    Attributes:
        new, search: of the button and the search field. rows: of the list itself.
        none: when nothing is kept. no_match: when nothing has the searched `{text}`.
    """

    new: str
    search: str
    rows: str
    none: str
    no_match: str


class HistoryList(QFrame, Generic[R]):
    """A button for something new, search, and what is there.

    A list of its own reads its rows and makes the menu of one, in the methods at the end of this class.

    Attributes:
        new_button, search, items, view, empty: its parts. notice: what went wrong, or can be taken back.
    Signals:
        new_requested. opened(str id): a row was chosen. delete_requested(str id): it is to be deleted.
    """

    new_requested = Signal()
    opened = Signal(str)
    delete_requested = Signal(str)

    def __init__(
        self, jobs: Jobs, theme: Theme, items: HistoryItems[R], words: HistoryWords, parent: QWidget | None
    ) -> None:
        super().__init__(parent)
        self.setProperty("role", "side")
        self.setFixedWidth(WIDTH)
        self._jobs, self._theme, self._words = jobs, theme, words
        self._job: Job | None = None
        self._current = ""
        self.items = items
        items.setParent(self)
        self._search_timer = QTimer(self, singleShot=True, interval=SEARCH_MS)
        self._midnight = QTimer(self, singleShot=True)
        self._build()
        self._lay_out()
        self._connect()

    def _build(self) -> None:
        words = self._words
        self.new_button = QPushButton(f"  {words.new}", self)  # Qt sets icon and word too close together
        self.new_button.setAccessibleName(words.new)
        self.new_button.setIcon(self._theme.icon("plus"))
        self.search = QLineEdit(self)
        self.search.setPlaceholderText(words.search)
        self.search.setAccessibleName(words.search)
        self.search.setClearButtonEnabled(True)
        self.search.setStyleSheet(
            "QToolButton, QToolButton:focus, QToolButton:hover"
            " { border: none; padding: 0px; min-height: 0px; background: transparent; }"
        )
        self.search.addAction(self._theme.icon("search", "muted"), QLineEdit.ActionPosition.LeadingPosition)
        self.view = HistoryView(self)
        self.view.setModel(self.items)
        self.view.setItemDelegate(HistoryDelegate(self._theme, self.view))
        self.view.setAccessibleName(words.rows)
        self.view.setContextMenuPolicy(Qt.ContextMenuPolicy.CustomContextMenu)
        self.empty = plain_label("muted")
        self.empty.setContentsMargins(8, 12, 20, 12)
        self.empty.setWordWrap(True)
        self.empty.hide()
        self.notice = NoticeBar(self._theme, self)

    def _lay_out(self) -> None:
        column = QVBoxLayout(self)
        column.setContentsMargins(12, 12, 0, 8)
        column.setSpacing(4)
        for widget in (self.new_button, self.search, self.empty, self.view, self.notice):
            column.addWidget(widget)
        for widget in (self.new_button, self.search, self.notice):
            widget.setFixedWidth(WIDTH - 25)
        column.setStretchFactor(self.view, 1)

    def _connect(self) -> None:
        self._search_timer.timeout.connect(self.refresh)
        self._midnight.timeout.connect(self.refresh)
        self.new_button.clicked.connect(self.new_requested)
        self.search.textChanged.connect(lambda _text: self._search_timer.start())
        self.search.installEventFilter(self)
        self.view.opened.connect(self.opened)
        self.view.deleted.connect(self.delete_requested)
        self.view.customContextMenuRequested.connect(self._show_menu)
        self._theme.changed.connect(self.view.viewport().update)

    # ------------------------------------------------------------ for the panel

    def refresh(self) -> None:
        """Read the rows again; a read that is still running is dropped."""
        if self._job is not None:
            self._job.cancel()
        text = self.search.text().strip()
        self._job = self._jobs.run(lambda: self.read(text), lambda rows: self._show(rows, text), self._fail)

    def set_current(self, id: str) -> None:
        """Tint the row that is open; "" for none."""
        self._current = id
        self.items.set_open(id)
        index = self.items.place(id)
        self.view.setCurrentIndex(index)
        if index.isValid():
            self.view.scrollTo(index)
        else:
            self.view.clearSelection()

    def neighbour(self, step: int) -> str:
        """The row `step` places from the open one, the first when none is; "" when there is none."""
        ids = self.items.ids()
        if self._current not in ids:
            return ids[0] if ids else ""
        place = ids.index(self._current) + step
        return ids[place] if 0 <= place < len(ids) else ""

    def focus_search(self) -> None:
        """Put the keyboard into the search field."""
        self.search.setFocus(Qt.FocusReason.ShortcutFocusReason)
        self.search.selectAll()

    # ------------------------------------------------------------ inside

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        """Down and Enter go from the search field into the list; Esc clears it."""
        if not isinstance(event, QKeyEvent) or watched is not self.search:
            return super().eventFilter(watched, event)
        escape = event.key() == Qt.Key.Key_Escape and bool(self.search.text())
        if event.type() == QEvent.Type.ShortcutOverride and escape:
            event.accept()  # claimed from the window's own Esc while there is something to clear
            return True
        if event.type() == QEvent.Type.KeyPress:
            if event.key() in (Qt.Key.Key_Down, Qt.Key.Key_Return, Qt.Key.Key_Enter):
                self._enter_list()
                return True
            if escape:
                self.search.clear()
                return True
        return super().eventFilter(watched, event)

    def _enter_list(self) -> None:
        ids = self.items.ids()
        if ids:
            if not self.view.currentIndex().isValid():
                self.view.setCurrentIndex(self.items.place(ids[0]))
            self.view.setFocus(Qt.FocusReason.TabFocusReason)

    def _show(self, rows: Sequence[R], searched: str) -> None:
        now = datetime.now().astimezone()
        place = self.view.verticalScrollBar().value()
        standing = self.items.row(self.view.currentIndex())
        self.items.set_rows(rows, now)
        current = self.items.place(self._current)
        if not current.isValid() and standing is not None and self.view.hasFocus():
            current = self.items.place(standing.id)
        if current.isValid():
            self.view.setCurrentIndex(current)
        self.view.verticalScrollBar().setValue(place)
        self.empty.setVisible(not rows)
        self.empty.setText(self._words.no_match.format(text=searched) if searched else self._words.none)
        tomorrow = (now + timedelta(days=1)).replace(hour=0, minute=0, second=1, microsecond=0)
        self._midnight.start(int((tomorrow - now).total_seconds() * 1000))

    def _fail(self, error: Exception) -> None:
        self.notice.show_notice(error_notice(error))

    def _show_menu(self, place: QPoint) -> None:
        row = self.items.row(self.view.indexAt(place))
        if row is not None:
            self.menu_for(row.id).popup(self.view.viewport().mapToGlobal(place))

    # ------------------------------------------------------------ what differs

    @abstractmethod
    def read(self, text: str) -> Sequence[R]:
        """The rows that have a text, all for ""; on a worker."""

    @abstractmethod
    def menu_for(self, id: str) -> QMenu:
        """The context menu of a row."""
