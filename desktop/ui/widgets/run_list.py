"""The list of a task's past runs: search, groups by day, open, delete with undo."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from functools import partial
from typing import Any

from PySide6.QtCore import (
    QAbstractListModel,
    QCoreApplication,
    QEvent,
    QLocale,
    QModelIndex,
    QObject,
    QPoint,
    Qt,
    QTime,
    QTimer,
    Signal,
)
from PySide6.QtGui import QKeyEvent
from PySide6.QtWidgets import QFrame, QLineEdit, QMenu, QPushButton, QVBoxLayout, QWidget

from desktop.ui.actions import QT_TRANSLATE_NOOP
from desktop.ui.jobs import Job, Jobs
from desktop.ui.notices import Notice, NoticeBar, error_notice
from desktop.ui.theme import Theme
from desktop.ui.widgets.conversation_list import (
    SEARCH_MS,
    WIDTH,
    ConversationDelegate,
    ConversationItems,
    ConversationView,
    Index,
    group_of,
    group_title,
)
from desktop.ui.widgets.labels import plain_label
from desktop.workbench.store.records import RunRow
from desktop.workbench.workbench import Workbench

STATUSES = {
    "running": QT_TRANSLATE_NOOP("RunList", "working…"),
    "stopped": QT_TRANSLATE_NOOP("RunList", "stopped"),
    "interrupted": QT_TRANSLATE_NOOP("RunList", "interrupted"),
    "failed": QT_TRANSLATE_NOOP("RunList", "failed"),
}
WORDS = {
    "summarize": (
        QT_TRANSLATE_NOOP("RunList", "New summary"),
        QT_TRANSLATE_NOOP("RunList", "Search summaries"),
        QT_TRANSLATE_NOOP("RunList", "Summaries"),
        QT_TRANSLATE_NOOP("RunList", "Your summaries will be kept here."),
        QT_TRANSLATE_NOOP("RunList", "The summary was deleted."),
    ),
    "rewrite": (
        QT_TRANSLATE_NOOP("RunList", "New rewrite"),
        QT_TRANSLATE_NOOP("RunList", "Search rewrites"),
        QT_TRANSLATE_NOOP("RunList", "Rewrites"),
        QT_TRANSLATE_NOOP("RunList", "Your rewrites will be kept here."),
        QT_TRANSLATE_NOOP("RunList", "The rewrite was deleted."),
    ),
}


def run_title(run: RunRow) -> str:
    """The title of a run on one line."""
    return " ".join(run.title.split()) or QCoreApplication.translate("RunList", "Pasted text")


class RunItems(QAbstractListModel):
    """Headings and runs as one flat list, in the roles that `ConversationDelegate` draws.

    Attributes:
        describe: what stands before the time of a run.
    """

    ROW, FACTS, OPEN = ConversationItems.ROW, ConversationItems.FACTS, ConversationItems.OPEN

    def __init__(self, describe: Callable[[RunRow], str], parent: QObject | None = None) -> None:
        super().__init__(parent)
        self.describe = describe
        self._entries: list[str | RunRow] = []
        self._places: dict[str, int] = {}
        self._open = ""

    def set_rows(self, rows: Sequence[RunRow], now: datetime) -> None:
        """Show these runs, which are the newest first."""
        self.beginResetModel()
        self._entries, last = [], None
        for row in rows:
            group = group_of(datetime.fromtimestamp(row.created, now.tzinfo), now)
            if group != last:
                self._entries.append(group_title(group, now))
                last = group
            self._entries.append(row)
        self._places = {e.id: place for place, e in enumerate(self._entries) if not isinstance(e, str)}
        self.endResetModel()

    def update_row(self, row: RunRow) -> None:
        """A run is as this row says now."""
        place = self._places.get(row.id)
        if place is not None:
            self._entries[place] = row
            self.dataChanged.emit(self.index(place, 0), self.index(place, 0))

    def set_open(self, run: str) -> None:
        """Mark the run that is open; "" for none."""
        changed, self._open = {self._open, run}, run
        for index in map(self.place, changed):
            if index.isValid():
                self.dataChanged.emit(index, index, [self.OPEN])

    def place(self, run: str) -> QModelIndex:
        """Where a run is; an invalid index when it is not shown."""
        place = self._places.get(run)
        return QModelIndex() if place is None else self.index(place, 0)

    def run(self, index: Index) -> RunRow | None:
        """The run at an index, None for a heading."""
        entry = self._entries[index.row()] if index.isValid() else None
        return None if isinstance(entry, str) else entry

    def ids(self) -> list[str]:
        """The ids of all runs shown, in order."""
        return list(self._places)

    def rowCount(self, parent: Index | None = None) -> int:
        """Headings and runs together."""
        return 0 if parent is not None and parent.isValid() else len(self._entries)

    def data(self, index: Index, role: int = Qt.ItemDataRole.DisplayRole) -> Any:
        """Title, facts and the row itself."""
        entry = self._entries[index.row()]
        if isinstance(entry, str):
            is_text = role in (Qt.ItemDataRole.DisplayRole, Qt.ItemDataRole.AccessibleTextRole)
            return entry if is_text else None
        match role:
            case Qt.ItemDataRole.DisplayRole:
                return run_title(entry)
            case self.ROW:
                return entry
            case self.FACTS:
                return self._facts(entry)
            case self.OPEN:
                return entry.id == self._open
            case Qt.ItemDataRole.AccessibleTextRole:
                return f"{run_title(entry)}, {self._facts(entry)}"
        return None

    def flags(self, index: Index) -> Qt.ItemFlag:
        """Headings are neither enabled nor selectable, so that the arrow keys pass over them."""
        if self.run(index) is None:
            return Qt.ItemFlag.NoItemFlags
        return Qt.ItemFlag.ItemIsEnabled | Qt.ItemFlag.ItemIsSelectable

    def _facts(self, row: RunRow) -> str:
        if row.status in STATUSES:
            status = STATUSES[row.status]
            word = QCoreApplication.translate("RunList", status)
        else:
            moment = datetime.fromtimestamp(row.created)
            word = QLocale().toString(QTime(moment.hour, moment.minute), QLocale.FormatType.ShortFormat)
        return " · ".join(part for part in (self.describe(row), word) if part)


class RunList(QFrame):
    """A button for a new run, search, and the runs there are.

    Attributes:
        new_button, search, view, undo: its parts.
    Signals:
        opened(str id): a run was chosen. new_requested.
        deleted(str id): a run was moved to the trash. restored(str id): it was taken back.
    """

    opened = Signal(str)
    new_requested = Signal()
    deleted = Signal(str)
    restored = Signal(str)

    def __init__(
        self, workbench: Workbench, jobs: Jobs, theme: Theme, task: str,
        parent: QWidget | None = None, *, describe: Callable[[RunRow], str] = lambda _row: "",
    ) -> None:  # fmt: skip
        super().__init__(parent)
        self.setProperty("role", "side")
        self.setFixedWidth(WIDTH)
        self._workbench, self._jobs, self._theme, self._task = workbench, jobs, theme, task
        self._words = tuple(QCoreApplication.translate("RunList", text) for text in WORDS[task])
        self._job: Job | None = None
        self._current = ""
        self._undos: list[str] = []
        self._build(describe)
        self._connect()

    def _build(self, describe: Callable[[RunRow], str]) -> None:
        new, search, runs, _, _ = self._words
        self.new_button = QPushButton(f"  {new}", self)  # Qt sets icon and word too close together
        self.new_button.setAccessibleName(new)
        self.new_button.setIcon(self._theme.icon("plus"))
        self.search = QLineEdit(self)
        self.search.setPlaceholderText(search)
        self.search.setAccessibleName(search)
        self.search.setClearButtonEnabled(True)
        self.search.setStyleSheet(
            "QToolButton, QToolButton:focus, QToolButton:hover"
            " { border: none; padding: 0px; min-height: 0px; background: transparent; }"
        )
        self.search.addAction(self._theme.icon("search", "muted"), QLineEdit.ActionPosition.LeadingPosition)
        self.items = RunItems(describe, self)
        self.view = ConversationView(self)
        self.view.setModel(self.items)
        self.view.setItemDelegate(ConversationDelegate(self._theme, self.view))
        self.view.setAccessibleName(runs)
        self.view.setContextMenuPolicy(Qt.ContextMenuPolicy.CustomContextMenu)
        self.empty = plain_label("muted")
        self.empty.setContentsMargins(8, 12, 20, 12)
        self.empty.setWordWrap(True)
        self.empty.hide()
        self.undo_bar = NoticeBar(self._theme, self)
        column = QVBoxLayout(self)
        column.setContentsMargins(12, 12, 0, 8)
        column.setSpacing(4)
        for widget in (self.new_button, self.search):
            column.addWidget(widget)
            widget.setFixedWidth(WIDTH - 25)
        column.addWidget(self.empty)
        column.addWidget(self.view, 1)
        column.addWidget(self.undo_bar)
        self.undo_bar.setFixedWidth(WIDTH - 25)

    def _connect(self) -> None:
        self._search_timer = QTimer(self, singleShot=True, interval=SEARCH_MS)
        self._search_timer.timeout.connect(self.refresh)
        self._midnight = QTimer(self, singleShot=True)
        self._midnight.timeout.connect(self.refresh)
        self.new_button.clicked.connect(self.new_requested)
        self.search.textChanged.connect(lambda _text: self._search_timer.start())
        self.search.installEventFilter(self)
        self.view.opened.connect(self.opened)
        self.view.deleted.connect(self.delete)
        self.view.customContextMenuRequested.connect(self._show_menu)
        self._theme.changed.connect(self.view.viewport().update)

    # ------------------------------------------------------------ for the panel

    def refresh(self) -> None:
        """Read the runs again; a read that is still running is dropped."""
        if self._job is not None:
            self._job.cancel()
        text = self.search.text().strip()
        runs = self._workbench.tasks.runs
        self._job = self._jobs.run(
            lambda: runs(self._task, text), lambda rows: self._show(rows, text), self._fail
        )

    def set_current(self, run: str) -> None:
        """Tint the run that is open; "" for none."""
        self._current = run
        self.items.set_open(run)
        index = self.items.place(run)
        self.view.setCurrentIndex(index)
        if index.isValid():
            self.view.scrollTo(index)
        else:
            self.view.clearSelection()

    def update_run(self, run: RunRow) -> None:
        """A run is as this row says now."""
        self.items.update_row(run)

    def neighbour(self, step: int) -> str:
        """The run `step` places from the open one; "" when there is none."""
        ids = self.items.ids()
        if not ids or self._current not in ids:
            return ids[0] if ids else ""
        place = ids.index(self._current) + step
        return ids[place] if 0 <= place < len(ids) else ""

    def focus_search(self) -> None:
        """Put the keyboard into the search field."""
        self.search.setFocus(Qt.FocusReason.ShortcutFocusReason)
        self.search.selectAll()

    def delete(self, run: str) -> None:
        """Move a run to the trash, and offer to take it back."""
        tasks = self._workbench.tasks
        self._jobs.run(lambda: tasks.delete(run), lambda _: self._deleted(run), self._fail)

    def undo(self) -> None:
        """Take back the last deletion, also when it is not offered any more."""
        if self._undos:
            run = self._undos.pop()
            self.undo_bar.dismiss()
            self._jobs.run(
                lambda: self._workbench.tasks.restore(run), lambda _: self._restored(run), self._fail
            )

    # ------------------------------------------------------------ inside

    def _deleted(self, run: str) -> None:
        self._undos.append(run)
        self.undo_bar.show_undo(self._words[4], self.undo)
        self.refresh()
        self.deleted.emit(run)

    def _restored(self, run: str) -> None:
        self.refresh()
        self.restored.emit(run)

    def _fail(self, error: Exception) -> None:
        notice: Notice = error_notice(error)
        self.undo_bar.show_notice(notice)

    def _show(self, rows: list[RunRow], searched: str) -> None:
        now = datetime.now().astimezone()
        place = self.view.verticalScrollBar().value()
        standing = self.items.run(self.view.currentIndex())
        self.items.set_rows(rows, now)
        current = self.items.place(self._current)
        if not current.isValid() and standing is not None and self.view.hasFocus():
            current = self.items.place(standing.id)
        if current.isValid():
            self.view.setCurrentIndex(current)
        self.view.verticalScrollBar().setValue(place)
        self.empty.setVisible(not rows)
        nothing = QCoreApplication.translate("RunList", "Nothing contains “{text}”.").format(text=searched)
        self.empty.setText(nothing if searched else self._words[3])
        tomorrow = (now + timedelta(days=1)).replace(hour=0, minute=0, second=1, microsecond=0)
        self._midnight.start(int((tomorrow - now).total_seconds() * 1000))

    def _show_menu(self, place: QPoint) -> None:
        row = self.items.run(self.view.indexAt(place))
        if row is not None:
            self.menu_for(row.id).popup(self.view.viewport().mapToGlobal(place))

    def menu_for(self, run: str) -> QMenu:
        """The context menu of a run."""
        menu = QMenu(self)
        menu.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        open_ = menu.addAction(QCoreApplication.translate("RunList", "Open"))
        open_.triggered.connect(partial(self.opened.emit, run))
        menu.addSeparator()
        delete = menu.addAction(QCoreApplication.translate("RunList", "Delete"))
        delete.triggered.connect(partial(self.delete, run))
        return menu

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
