"""The Summarize panel: past runs, the texts, what is wanted of the summary, and the summary beside them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

from PySide6.QtCore import QCoreApplication, Qt, Signal
from PySide6.QtGui import QGuiApplication, QResizeEvent
from PySide6.QtWidgets import QButtonGroup, QHBoxLayout, QPushButton, QSplitter, QWidget

from desktop.ui.bridge import Bridge
from desktop.ui.jobs import Jobs
from desktop.ui.notices import Notice
from desktop.ui.panels.summarize_options import SummaryChoices, options_name
from desktop.ui.panels.task_panel import TaskPanel, TaskWords
from desktop.ui.theme import Theme
from desktop.ui.widgets.result_view import ResultView
from desktop.ui.widgets.run_list import run_title
from desktop.workbench.reading.document import Document
from desktop.workbench.store.records import PartRow, RunRow
from desktop.workbench.workbench import Workbench

OPTIONS = "ui.summarize.options"
ROOMY = 420
"""Pixels of height from which on result and parts are shown at the same time."""
TABS = 800
"""Pixels of width below which text and summary take turns instead of standing side by side."""


@dataclass
class Opened:
    """A run as it was read for showing."""

    run: RunRow
    documents: Sequence[Document]
    parts: Sequence[PartRow]


class SummarizePanel(TaskPanel[Opened]):
    """Text and summary side by side, or by turns.

    Attributes:
        result: the summary and how it was made. tabs: turn between both where there is little room.
    Signals:
        rewrite_requested(str text, str name): a result is to be rewritten.
    """

    TASK, OPTIONS = "summarize", OPTIONS

    rewrite_requested = Signal(str, str)
    choices: SummaryChoices

    def __init__(
        self, workbench: Workbench, jobs: Jobs, bridge: Bridge, theme: Theme, parent: QWidget | None = None
    ) -> None:
        choices = SummaryChoices(theme)
        super().__init__(
            workbench, jobs, bridge, theme, choices, _words(), lambda run: options_name(run.options), parent
        )
        self._failed_run = False  # what the notice is about
        self._tabbed = False
        self.result = ResultView(jobs, theme, self)
        self.splitter = QSplitter(Qt.Orientation.Horizontal)
        self.splitter.setChildrenCollapsible(False)
        self.splitter.setHandleWidth(16)
        self.splitter.setStyleSheet("QSplitter::handle, QSplitter::handle:hover { background: transparent; }")
        for pane in (self.source, self.result):
            pane.setMinimumWidth(240)
            self.splitter.addWidget(pane)
        self.splitter.setSizes([500, 500])
        self.column.addWidget(self._tabs())
        self.column.addWidget(self.splitter, 1)
        self._connect_result()
        self._begin()

    def _tabs(self) -> QWidget:
        """Where there is no room for both: one button for the text and one for the summary."""
        self.tabs = QWidget()
        row = QHBoxLayout(self.tabs)
        row.setContentsMargins(0, 0, 0, 0)
        row.setSpacing(4)
        self._tab_group = QButtonGroup(self)
        self._tab_buttons: list[QPushButton] = []
        for pane, word in (
            (self.source, QCoreApplication.translate("Summary", "Text")),
            (self.result, QCoreApplication.translate("Summary", "Summary")),
        ):
            button = QPushButton(word)
            button.setProperty("role", "tab")
            button.setCheckable(True)
            button.clicked.connect(partial(self._turn_to, pane))
            self._tab_group.addButton(button)
            self._tab_buttons.append(button)
            row.addWidget(button)
        row.addStretch(1)
        self._tab_buttons[0].setChecked(True)
        self.tabs.hide()
        return self.tabs

    def _connect_result(self) -> None:
        self.notice.closed.connect(self._notice_closed)
        self.result.place_chosen.connect(self._show_place)
        self.result.copy_requested.connect(self.copy_result)
        self.result.save_requested.connect(self.save_result)
        self.result.rewrite_requested.connect(self.rewrite_result)
        self.result.chat_requested.connect(self.chat_about)
        self.result.again_requested.connect(self.start)

    # ------------------------------------------------------------ a run

    def _make(self, documents: Sequence[Document], options: Any, model: str) -> RunRow:
        return self._tasks.summarize(documents, options, model)

    def _read(self, run: RunRow, documents: Sequence[Document], parts: Sequence[PartRow]) -> Opened:
        return Opened(run, documents, parts)

    def _documents(self, shown: Opened) -> Sequence[Document]:
        return shown.documents

    def _show_nothing(self) -> None:
        self.result.clear(QCoreApplication.translate("Summary", "The summary will be here."))

    def _show(self, shown: Opened) -> None:
        self.result.clear()
        self.result.set_documents(shown.documents)
        if self.busy:
            self._show_waiting()
            self.result.add_parts(shown.parts)
        else:
            self.result.set_run(shown.run, shown.parts)
        self._turn_to(self.result)

    def _show_work(self, shown: Opened) -> None:
        self.source.edit.mark(0, 0)
        self._show_waiting()
        self._turn_to(self.result)

    def _show_waiting(self) -> None:
        self.result.set_running(QCoreApplication.translate("Summary", "The text is being read…"))

    def _show_planned(self, shown: Opened, parts: Sequence[PartRow]) -> None:
        self.result.add_parts(parts)

    def _show_text(self, number: int, text: str) -> None:
        self.result.part_text(number, text)

    def _show_part(self, part: PartRow) -> None:
        self.result.part_saved(part)

    def _show_saved(self, run: RunRow) -> None:
        if self._shown is not None:
            self._shown.run = run
        unfolded = self.result.unfolded()
        self.result.set_run(run)
        # While it worked the parts were what there was to see; now they take room from the result.
        roomy = self.result.height() >= ROOMY
        self.result.set_unfolded(unfolded and roomy and len(self.result.tree.parts()) > 1)

    def _show_ended(self, shown: Opened) -> None:
        self.result.set_run(shown.run, shown.parts)

    def _can_go_on(self, shown: Opened) -> bool:
        if shown.run.status in ("running", "stopped", "interrupted"):
            return True
        parts = self.result.tree.parts()
        waiting = any(part.status == "waiting" for part in parts)
        return shown.run.status == "failed" and (not parts or waiting)

    def _count_parts(self) -> tuple[int, int]:
        return self.result.tree.progress()

    # ------------------------------------------------------------ buttons and bar

    def _show_start(self) -> None:
        super()._show_start()
        self.choices.set_several(len(self.source.documents()) > 1)
        self.result.buttons["again"].setEnabled(self.choices.start.isEnabled())

    def _show_bar(self) -> None:
        super()._show_bar()
        if self._failed_run and not self.notice.isHidden() and not self.runner.busy:
            self.bar.hide()  # the notice has the ways on

    def _failed(self, error: Exception) -> None:
        self._failed_run = self._failed_run or self.busy
        super()._failed(error)

    def _notice_closed(self) -> None:
        self._failed_run = False
        self._show_bar()

    # ------------------------------------------------------------ the result

    def _show_place(self, source: int, start: int, end: int) -> None:
        self._turn_to(self.source)
        self.source.mark(source, start, end)

    def copy_result(self) -> None:
        """Copy the result as Markdown."""
        if self._run is not None and self._run.result:
            QGuiApplication.clipboard().setText(self._run.result)
            words = QCoreApplication.translate("Summary", "The summary was copied.")
            self.notice.show_notice(Notice(words, kind="info"))

    def save_result(self) -> None:
        """Save the result as a Markdown file."""
        from desktop.ui.panels.chat import file_name

        run = self._run
        if run is not None and run.result:
            self._save_as(
                QCoreApplication.translate("Summary", "Save the summary"),
                file_name(run_title(run)),
                QCoreApplication.translate("Summary", "Markdown (*.md);;All files (*)"),
                partial(self._tasks.export_markdown, run.id),
            )

    def rewrite_result(self) -> None:
        """Hand the result on to be rewritten."""
        if self._run is not None and self._run.result:
            self.rewrite_requested.emit(self._run.result, run_title(self._run))

    # ------------------------------------------------------------ room

    def resizeEvent(self, event: QResizeEvent) -> None:
        """Where there is little room text and summary take turns, too."""
        super().resizeEvent(event)
        self._fit()

    def _fit(self) -> None:
        room = self.width() - (0 if self.list.isHidden() else self.list.width())
        tabbed = room < TABS
        if tabbed == self._tabbed:
            return
        self._tabbed = tabbed
        self.tabs.setVisible(tabbed)
        self.result.set_alone(tabbed)
        shown = self.result if self._shown is not None else self.source
        for pane in (self.source, self.result):
            pane.setVisible(not tabbed or pane is shown)
        self._tab_buttons[int(shown is self.result)].setChecked(True)

    def _turn_to(self, pane: QWidget) -> None:
        """Show the text or the summary, where there is room for one only."""
        self._tab_buttons[int(pane is self.result)].setChecked(True)
        if self._tabbed:
            for other in (self.source, self.result):
                other.setVisible(other is pane)

    def focus(self) -> None:
        """Put the keyboard where the work goes on."""
        if self._shown is None:
            self._turn_to(self.source)
            self.source.edit.setFocus()
        elif self.result.isVisible():
            self.result.prose.setFocus()


def _words() -> TaskWords:
    return TaskWords(
        fold=QCoreApplication.translate("Summary", "Show or hide the summaries"),
        title=QCoreApplication.translate("Summary", "Title of the summary"),
        new=QCoreApplication.translate("Summary", "New summary"),
        progress=QCoreApplication.translate("Summary", "{done} of {count} parts"),
        kept=QCoreApplication.translate("Summary", "{done} of {count} parts are done and kept."),
        other=QCoreApplication.translate("Summary", "Another summary"),
    )
