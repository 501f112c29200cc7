"""The list of conversations: search, groups by day, and what can be done to each."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Literal, NamedTuple

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
    QLabel,
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
from desktop.ui.theme import FontRole, Theme
from desktop.workbench.store import ConversationRow, Store

WIDTH = 250
SEARCH_MS = 200
ROW_HEIGHT = 49
HEAD_HEIGHT = 26

Span = Literal["today", "yesterday", "week", "month", "calendar"]
Index = QModelIndex | QPersistentModelIndex


class Group(NamedTuple):
    """A heading of the list; `year` and `month` are set for "calendar" groups only."""

    span: Span
    year: int = 0
    month: int = 0


@dataclass(frozen=True)
class Section:
    """A heading with the conversations below it, newest first."""

    group: Group
    rows: tuple[ConversationRow, ...]


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


def grouped(rows: Sequence[ConversationRow], now: datetime) -> list[Section]:
    """Conversations by heading, newest first; days are those of `now`'s zone (local when it has none)."""
    found: dict[Group, list[ConversationRow]] = {}
    for row in sorted(rows, key=lambda row: row.updated, reverse=True):
        found.setdefault(group_of(datetime.fromtimestamp(row.updated, now.tzinfo), now), []).append(row)
    return [Section(group, tuple(members)) for group, members in found.items()]


def group_title(group: Group, now: datetime) -> str:
    """The heading in the user's language."""
    if group.span == "today":
        return QCoreApplication.translate("ConversationList", "Today")
    if group.span == "yesterday":
        return QCoreApplication.translate("ConversationList", "Yesterday")
    if group.span == "week":
        return QCoreApplication.translate("ConversationList", "Last 7 days")
    if group.span == "month":
        return QCoreApplication.translate("ConversationList", "Last 30 days")
    name = QLocale().standaloneMonthName(group.month)
    if group.year == now.year:
        return name
    pattern = QCoreApplication.translate("ConversationList", "{month} {year}")
    return pattern.format(month=name, year=group.year)


def shown_title(row: ConversationRow) -> str:
    """The title of a conversation on one line, with words for one that has none yet."""
    return " ".join(row.title.split()) or QCoreApplication.translate("ConversationList", "New chat")


def facts(row: ConversationRow) -> str:
    """What stands below the title."""
    if row.messages == 0:
        return QCoreApplication.translate("ConversationList", "Draft")
    if row.messages == 1:
        return QCoreApplication.translate("ConversationList", "1 message")
    return QCoreApplication.translate("ConversationList", "{count} messages").format(count=row.messages)


class ConversationItems(QAbstractListModel):
    """Headings and conversations as one flat list for the view.

    A heading is an item that can be neither selected nor reached with the arrow keys.

    Signals:
        renamed(str id, str title): the user typed a new title.
    """

    ROW = Qt.ItemDataRole.UserRole
    FACTS = Qt.ItemDataRole.UserRole + 1
    OPEN = Qt.ItemDataRole.UserRole + 2

    renamed = Signal(str, str)

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._entries: list[str | ConversationRow] = []
        self._places: dict[str, int] = {}
        self._busy: set[str] = set()
        self._open = ""

    def set_rows(self, rows: Sequence[ConversationRow], now: datetime) -> None:
        """Show these conversations."""
        self.beginResetModel()
        self._entries = []
        for section in grouped(rows, now):
            self._entries += [group_title(section.group, now), *section.rows]
        self._places = {
            entry.id: place for place, entry in enumerate(self._entries) if not isinstance(entry, str)
        }
        self.endResetModel()

    def set_busy(self, ids: set[str]) -> None:
        """Mark the conversations in which an answer is being written."""
        changed = self._busy ^ ids
        self._busy = set(ids)
        for conversation in changed & self._places.keys():
            index = self.index(self._places[conversation], 0)
            self.dataChanged.emit(index, index, [self.FACTS])

    def set_open(self, conversation: str) -> None:
        """Mark the conversation that is open; "" for none."""
        changed, self._open = {self._open, conversation}, conversation
        for index in map(self.place, changed):
            if index.isValid():
                self.dataChanged.emit(index, index, [self.OPEN])

    def place(self, conversation: str) -> QModelIndex:
        """Where a conversation is; an invalid index when it is not shown."""
        place = self._places.get(conversation)
        return QModelIndex() if place is None else self.index(place, 0)

    def conversation(self, index: Index) -> ConversationRow | None:
        """The conversation at an index, None for a heading."""
        entry = self._entries[index.row()] if index.isValid() else None
        return None if isinstance(entry, str) else entry

    def ids(self) -> list[str]:
        """The ids of all conversations shown, in order."""
        return list(self._places)

    def rowCount(self, parent: Index | None = None) -> int:
        """Headings and conversations together."""
        return 0 if parent is not None and parent.isValid() else len(self._entries)

    def data(self, index: Index, role: int = Qt.ItemDataRole.DisplayRole) -> Any:
        """Title, facts and the row itself."""
        entry = self._entries[index.row()]
        if isinstance(entry, str):
            is_text = role in (Qt.ItemDataRole.DisplayRole, Qt.ItemDataRole.AccessibleTextRole)
            return entry if is_text else None
        if role == Qt.ItemDataRole.DisplayRole:
            return shown_title(entry)
        if role == Qt.ItemDataRole.EditRole:
            return entry.title
        if role == self.ROW:
            return entry
        if role == self.FACTS:
            return self._facts(entry)
        if role == self.OPEN:
            return entry.id == self._open
        if role == Qt.ItemDataRole.AccessibleTextRole:
            return f"{shown_title(entry)}, {self._facts(entry)}"
        return None

    def setData(self, index: Index, value: Any, role: int = Qt.ItemDataRole.EditRole) -> bool:
        """Report a new title; the list shows it once it is stored."""
        row = self.conversation(index)
        title = str(value).strip()
        if row is None or role != Qt.ItemDataRole.EditRole or not title or title == row.title:
            return False
        self.renamed.emit(row.id, title)
        return True

    def flags(self, index: Index) -> Qt.ItemFlag:
        """Headings are neither enabled nor selectable, so that the arrow keys pass over them."""
        if self.conversation(index) is None:
            return Qt.ItemFlag.NoItemFlags
        return Qt.ItemFlag.ItemIsEnabled | Qt.ItemFlag.ItemIsSelectable | Qt.ItemFlag.ItemIsEditable

    def _facts(self, row: ConversationRow) -> str:
        if row.id in self._busy:
            return QCoreApplication.translate("ConversationList", "writing…")
        return facts(row)


class ConversationDelegate(QStyledItemDelegate):
    """Draws a heading, or a conversation as a title with its facts below."""

    def __init__(self, theme: Theme, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._theme = theme

    def sizeHint(self, option: QStyleOptionViewItem, index: Index) -> QSize:
        """One height for headings, one for conversations."""
        is_row = index.data(ConversationItems.ROW) is not None
        return QSize(WIDTH - 40, ROW_HEIGHT if is_row else HEAD_HEIGHT)

    def paint(self, painter: QPainter, option: QStyleOptionViewItem, index: Index) -> None:
        """Draw one item."""
        painter.save()
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        rect: QRect = option.rect
        if index.data(ConversationItems.ROW) is None:
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
        if index.data(ConversationItems.OPEN):
            self._card(painter, card, t.tint)
        elif state & QStyle.StateFlag.State_MouseOver:
            self._card(painter, card, t.raised)
        if state & QStyle.StateFlag.State_HasFocus:
            painter.setBrush(Qt.BrushStyle.NoBrush)
            painter.setPen(QPen(QColor(t.accent), 2))
            painter.drawRoundedRect(card.adjusted(1, 1, -1, -1), 7, 7)
        inner = card.toRect().adjusted(10, 6, -10, -5)
        self._line(painter, inner, "control", t.text, index.data(), Qt.AlignmentFlag.AlignTop)
        below = index.data(ConversationItems.FACTS)
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
        editor.setAccessibleName(QCoreApplication.translate("ConversationList", "Title of the conversation"))
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


class ConversationView(QListView):
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

    def _row(self, index: QModelIndex) -> ConversationRow | None:
        return index.data(ConversationItems.ROW) if index.isValid() else None


class ConversationList(QFrame):
    """New chat, search and the conversations.

    Signals:
        new_requested, opened(str id), deleted(str id), renamed(str id, str title),
        export_requested(str id)
    """

    new_requested = Signal()
    opened = Signal(str)
    deleted = Signal(str)
    renamed = Signal(str, str)
    export_requested = Signal(str)

    def __init__(self, store: Store, jobs: Jobs, theme: Theme, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setProperty("role", "side")
        self.setFixedWidth(WIDTH)
        self._store, self._jobs, self._theme = store, jobs, theme
        self._job: Job | None = None
        self._current = ""
        self._build()
        self._search_timer = QTimer(self, singleShot=True, interval=SEARCH_MS)
        self._search_timer.timeout.connect(self.refresh)
        self._midnight = QTimer(self, singleShot=True)
        self._midnight.timeout.connect(self.refresh)
        self._connect()

    def _build(self) -> None:
        words = QCoreApplication.translate("ConversationList", "New chat")
        self.new_button = QPushButton(f"  {words}", self)  # Qt sets icon and word too close together
        self.new_button.setAccessibleName(words)
        self.new_button.setIcon(self._theme.icon("plus"))
        self.search = QLineEdit(self)
        self.search.setPlaceholderText(QCoreApplication.translate("ConversationList", "Search conversations"))
        self.search.setAccessibleName(self.search.placeholderText())
        self.search.setClearButtonEnabled(True)
        self.search.setStyleSheet(
            "QToolButton, QToolButton:focus, QToolButton:hover"
            " { border: none; padding: 0px; min-height: 0px; background: transparent; }"
        )
        self.search.addAction(self._theme.icon("search", "muted"), QLineEdit.ActionPosition.LeadingPosition)
        self.items = ConversationItems(self)
        self.view = ConversationView(self)
        self.view.setModel(self.items)
        self.view.setItemDelegate(ConversationDelegate(self._theme, self.view))
        self.view.setAccessibleName(QCoreApplication.translate("ConversationList", "Conversations"))
        self.view.setContextMenuPolicy(Qt.ContextMenuPolicy.CustomContextMenu)
        self.empty = QLabel(self)
        self.empty.setTextFormat(Qt.TextFormat.PlainText)
        self.empty.setProperty("role", "muted")
        self.empty.setContentsMargins(8, 12, 20, 12)
        self.empty.setWordWrap(True)
        self.empty.hide()
        column = QVBoxLayout(self)
        column.setContentsMargins(12, 12, 0, 8)
        column.setSpacing(4)
        for widget in (self.new_button, self.search):
            column.addWidget(widget)
            widget.setFixedWidth(WIDTH - 25)
        column.addWidget(self.empty)
        column.addWidget(self.view, 1)

    def _connect(self) -> None:
        self.new_button.clicked.connect(self.new_requested)
        self.search.textChanged.connect(lambda _text: self._search_timer.start())
        self.search.installEventFilter(self)
        self.view.opened.connect(self.opened)
        self.view.deleted.connect(self.deleted)
        self.view.customContextMenuRequested.connect(self._show_menu)
        self.items.renamed.connect(self.renamed)
        self._theme.changed.connect(self.view.viewport().update)

    # -------------------------------------------------------- for the panel

    def refresh(self) -> None:
        """Read the conversations again; a read that is still running is dropped."""
        if self._job is not None:
            self._job.cancel()
        text = self.search.text().strip()
        self._job = self._jobs.run(
            lambda: self._store.conversations(search=text), lambda rows: self._show(rows, text)
        )

    def set_current(self, conversation: str) -> None:
        """Tint the conversation that is open; "" for none."""
        self._current = conversation
        self.items.set_open(conversation)
        index = self.items.place(conversation)
        if index.isValid():
            self.view.setCurrentIndex(index)
            self.view.scrollTo(index)
        else:
            self.view.setCurrentIndex(QModelIndex())
            self.view.clearSelection()

    def set_busy(self, ids: set[str]) -> None:
        """Mark the conversations in which an answer is being written."""
        self.items.set_busy(ids)

    def neighbour(self, step: int) -> str:
        """The conversation `step` places from the open one; "" when there is none."""
        ids = self.items.ids()
        if not ids:
            return ""
        if self._current not in ids:
            return ids[0]
        place = ids.index(self._current) + step
        return ids[place] if 0 <= place < len(ids) else ""

    def focus_search(self) -> None:
        """Put the keyboard into the search field."""
        self.search.setFocus(Qt.FocusReason.ShortcutFocusReason)
        self.search.selectAll()

    def title_of(self, conversation: str) -> str:
        """The title as the list shows it; "" when the conversation is not listed."""
        row = self.items.conversation(self.items.place(conversation))
        return shown_title(row) if row is not None else ""

    def rename(self, conversation: str) -> None:
        """Open the field for the title of a conversation in the list."""
        index = self.items.place(conversation)
        if index.isValid():
            self.view.setCurrentIndex(index)
            self.view.edit(index)

    # -------------------------------------------------------- inside

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

    def _show(self, rows: list[ConversationRow], searched: str) -> None:
        now = datetime.now().astimezone()
        place = self.view.verticalScrollBar().value()
        standing = self.items.conversation(self.view.currentIndex())
        self.items.set_rows(rows, now)
        current = self.items.place(self._current)
        if not current.isValid() and standing is not None and self.view.hasFocus():
            current = self.items.place(standing.id)
        if current.isValid():
            self.view.setCurrentIndex(current)
        self.view.verticalScrollBar().setValue(place)
        self.empty.setVisible(not rows)
        if searched:
            self.empty.setText(
                QCoreApplication.translate("ConversationList", "No conversation contains “{text}”.").format(
                    text=searched
                )
            )
        else:
            self.empty.setText(
                QCoreApplication.translate("ConversationList", "Your conversations will be kept here.")
            )
        tomorrow = (now + timedelta(days=1)).replace(hour=0, minute=0, second=1, microsecond=0)
        self._midnight.start(int((tomorrow - now).total_seconds() * 1000))

    def _show_menu(self, place: QPoint) -> None:
        index = self.view.indexAt(place)
        row = self.items.conversation(index)
        if row is None:
            return
        self.menu_for(row.id).popup(self.view.viewport().mapToGlobal(place))

    def menu_for(self, conversation: str) -> QMenu:
        """The context menu of a conversation."""
        menu = QMenu(self)
        menu.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        rename = menu.addAction(QCoreApplication.translate("ConversationList", "Rename"))
        rename.triggered.connect(lambda: self.rename(conversation))
        export = menu.addAction(QCoreApplication.translate("ConversationList", "Export as Markdown…"))
        export.triggered.connect(lambda: self.export_requested.emit(conversation))
        menu.addSeparator()
        delete = menu.addAction(QCoreApplication.translate("ConversationList", "Delete"))
        delete.triggered.connect(lambda: self.deleted.emit(conversation))
        return menu
