"""The list of a task's past runs: search, groups by day, open, delete with undo."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime
from functools import partial

from PySide6.QtCore import QCoreApplication, QLocale, QObject, Qt, QTime, Signal
from PySide6.QtWidgets import QMenu, QWidget

from desktop.ui.actions import QT_TRANSLATE_NOOP
from desktop.ui.jobs import Jobs
from desktop.ui.theme import Theme
from desktop.ui.widgets.history_list import HistoryItems, HistoryList, HistoryWords
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


class RunItems(HistoryItems[RunRow]):
    """The runs, by when they were made. `describe`: what stands before the time of a run."""

    def __init__(self, describe: Callable[[RunRow], str], parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._describe = describe

    def moment(self, row: RunRow) -> float:
        """See HistoryItems."""
        return row.created

    def title(self, row: RunRow) -> str:
        """See HistoryItems."""
        return run_title(row)

    def facts(self, row: RunRow) -> str:
        """See HistoryItems."""
        if row.status in STATUSES:
            status = STATUSES[row.status]
            word = QCoreApplication.translate("RunList", status)
        else:
            moment = datetime.fromtimestamp(row.created)
            word = QLocale().toString(QTime(moment.hour, moment.minute), QLocale.FormatType.ShortFormat)
        return " · ".join(part for part in (self._describe(row), word) if part)


class RunList(HistoryList[RunRow]):
    """A button for a new run, search, and the runs there are; deletes them itself, and takes it back.

    Signals:
        deleted(str id): a run was moved to the trash. restored(str id): it was taken back.
    """

    deleted = Signal(str)
    restored = Signal(str)

    def __init__(
        self, workbench: Workbench, jobs: Jobs, theme: Theme, task: str,
        parent: QWidget | None = None, *, describe: Callable[[RunRow], str] = lambda _row: "",
    ) -> None:  # fmt: skip
        self._tasks, self._task = workbench.tasks, task
        new, search, runs, none, self._deleted_words = (
            QCoreApplication.translate("RunList", text) for text in WORDS[task]
        )
        no_match = QCoreApplication.translate("RunList", "Nothing contains “{text}”.")
        words = HistoryWords(new=new, search=search, rows=runs, none=none, no_match=no_match)
        super().__init__(jobs, theme, RunItems(describe), words, parent)
        self._undos: list[str] = []
        self.delete_requested.connect(self.delete)

    def update_run(self, run: RunRow) -> None:
        """A run is as this row says now."""
        self.items.update_row(run)

    def delete(self, id: str) -> None:
        """Move a run to the trash, and offer to take it back."""
        self._jobs.run(partial(self._tasks.delete, id), lambda _: self._deleted(id), self._fail)

    def undo(self) -> None:
        """Take back the last deletion, also when it is not offered any more."""
        if self._undos:
            run = self._undos.pop()
            self.notice.dismiss()
            self._jobs.run(partial(self._tasks.restore, run), lambda _: self._restored(run), self._fail)

    def _deleted(self, run: str) -> None:
        self._undos.append(run)
        self.notice.show_undo(self._deleted_words, self.undo)
        self.refresh()
        self.deleted.emit(run)

    def _restored(self, run: str) -> None:
        self.refresh()
        self.restored.emit(run)

    def read(self, text: str) -> Sequence[RunRow]:
        """See HistoryList."""
        return self._tasks.runs(self._task, text)

    def menu_for(self, id: str) -> QMenu:
        """See HistoryList."""
        menu = QMenu(self)
        menu.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        open_ = menu.addAction(QCoreApplication.translate("RunList", "Open"))
        open_.triggered.connect(partial(self.opened.emit, id))
        menu.addSeparator()
        delete = menu.addAction(QCoreApplication.translate("RunList", "Delete"))
        delete.triggered.connect(partial(self.delete, id))
        return menu
