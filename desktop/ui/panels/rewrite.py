"""The Rewrite panel: past runs, the text, what is to be done with it, and the views of the result."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from functools import partial
from typing import Any

from PySide6.QtCore import QCoreApplication, QTimer, Signal
from PySide6.QtWidgets import QWidget

from desktop.ui.bridge import Bridge
from desktop.ui.jobs import Job, Jobs
from desktop.ui.panels.rewrite_options import RewriteChoices, task_name
from desktop.ui.panels.rewrite_text import RewrittenText
from desktop.ui.panels.rewrite_views import RewriteViews
from desktop.ui.panels.task_panel import TaskPanel, TaskWords
from desktop.ui.theme import Theme
from desktop.ui.widgets.run_list import run_title
from desktop.workbench.reading.document import Document
from desktop.workbench.store.records import PartRow, RunRow
from desktop.workbench.workbench import Workbench

DETECT_MS = 400


class RewritePanel(TaskPanel[RewrittenText]):
    """One text and the views of what comes of it.

    Attributes:
        views: the text and the result, one view at a time.
    Signals:
        summarize_requested(str text, str name): a result is to be summarized.
    """

    TASK, OPTIONS = "rewrite", "ui.rewrite.options"

    summarize_requested = Signal(str, str)
    choices: RewriteChoices

    def __init__(
        self, workbench: Workbench, jobs: Jobs, bridge: Bridge, theme: Theme, parent: QWidget | None = None
    ) -> None:
        choices = RewriteChoices(theme)
        super().__init__(workbench, jobs, bridge, theme, choices, _words(), _describe, parent, many=False)
        self._detecting: Job | None = None
        self._detect_timer = QTimer(self, singleShot=True, interval=DETECT_MS)
        self._detect_timer.timeout.connect(self._detect)
        self.views = RewriteViews(self.source, jobs, theme, self)
        self.column.addWidget(self.views, 1)
        self.choices.swap_requested.connect(self.swap)
        self.choices.task_changed.connect(self._detect_soon)
        self.source.changed.connect(self._detect_soon)
        self.views.kept.connect(self._keep)
        self.views.replace_requested.connect(self.replace_source)
        self.views.save_requested.connect(self.save_result)
        self.views.summarize_requested.connect(self._send_to_summarize)
        self.views.chat_requested.connect(self.chat_about)
        self._begin()

    # ------------------------------------------------------------ a run

    def _make(self, documents: Sequence[Document], options: Any, model: str) -> RunRow:
        return self._tasks.rewrite(documents[0], options, model)

    def _read(self, run: RunRow, documents: Sequence[Document], parts: Sequence[PartRow]) -> RewrittenText:
        return RewrittenText(run, documents[0], parts)

    def _documents(self, shown: RewrittenText) -> Sequence[Document]:
        return [shown.document]

    def _show_nothing(self) -> None:
        self.views.clear()

    def _show(self, shown: RewrittenText) -> None:
        self.views.show_text(shown, running=self.busy)

    def _show_opened(self, shown: RewrittenText) -> None:
        super()._show_opened(shown)
        self.choices.show_language(str(shown.run.data.get("language") or ""))
        self.views.show_view("side")

    def _show_created(self, shown: RewrittenText) -> None:
        super()._show_created(shown)
        self.views.show_view("side")

    def _show_work(self, shown: RewrittenText) -> None:
        self.views.show_text(shown, running=True)

    def _show_planned(self, shown: RewrittenText, parts: Sequence[PartRow]) -> None:
        self._shown = RewrittenText(replace(shown.run, status="running"), shown.document, parts)
        self.views.show_text(self._shown, running=True)

    def _show_text(self, number: int, text: str) -> None:
        self.views.hear_text(number, text)

    def _show_part(self, part: PartRow) -> None:
        self.views.hear_part(part)

    def _show_ended(self, shown: RewrittenText) -> None:
        self._show(shown)
        self.choices.show_language(str(shown.run.data.get("language") or self.choices.detected))
        if shown.alternatives > 1 and shown.run.status == "done" and self.views.view == "side":
            self.views.show_view("alternatives")
        if shown.run.status == "failed" and not self.notice.text:
            self.notice.show_error(QCoreApplication.translate("Errors", shown.run.error))

    def _can_go_on(self, shown: RewrittenText) -> bool:
        return shown.run.status != "done" and shown.unfinished

    def _count_parts(self) -> tuple[int, int]:
        return self._shown.progress() if self._shown is not None else (0, 0)

    # ------------------------------------------------------------ what the person changes

    def _keep(self, fields: Mapping[str, Any]) -> None:
        """Keep what the person changed."""
        if not self._store.read_only:
            id = self.current
            self._saver.put(f"run {id}", partial(self._store.runs.update, id, **fields))

    def _keep_edits(self) -> None:
        self.views.close_editor()

    def _keeper(self, shown: RewrittenText) -> Callable[[RunRow], RunRow]:
        def keep(run: RunRow) -> RunRow:
            fields = shown.carried_over(run, self._tasks.parts(run.id))
            return self._store.runs.update(run.id, **fields) if fields else run

        return keep

    # ------------------------------------------------------------ the result

    def copy_result(self) -> None:
        """Copy the result."""
        self.views.copy_result()

    def replace_source(self) -> None:
        """The result becomes the text, for another round."""
        if self._shown is not None and not self.busy:
            self._keep_edits()
            result = self._shown.result()
            self._leave()
            self.source.clear()
            self.source.add_text(result)
            self._show_run()
            self.focus()

    def save_result(self) -> None:
        """Save the result as a file."""
        from desktop.ui.panels.chat import file_name

        text = self._shown
        if text is not None and not self.busy:
            self._keep_edits()
            result, suffix = text.result(), ".md" if text.document.markdown else ".txt"
            self._save_as(
                QCoreApplication.translate("Rewrite", "Save the result"),
                file_name(run_title(text.run)).removesuffix(".md") + suffix,
                QCoreApplication.translate("Rewrite", "Texts (*.txt *.md);;All files (*)"),
                lambda: result,
            )

    def _send_to_summarize(self) -> None:
        if self._shown is not None:
            self._keep_edits()
            self.summarize_requested.emit(self._shown.result(), run_title(self._shown.run))

    # ------------------------------------------------------------ languages

    def _detect_soon(self) -> None:
        """The text may be another one: what is being found out is about the old one."""
        if self._detecting is not None:
            self._detecting.cancel()
            self._detecting = None
        self._detect_timer.start()

    def _detect(self) -> None:
        """Find the language of the text, when that matters."""
        from desktop.workbench.language import detect

        documents = self.source.documents()
        if not documents or not self.choices.translating:
            self.choices.show_language("")
            return
        text = documents[0].text
        self._detecting = self._jobs.run(lambda: detect(text), self._detected, self._fail)

    def _detected(self, code: str) -> None:
        self._detecting = None
        self.choices.show_language(code)
        translated = self._run is not None and self._run.options.get("task") == "translate"
        if code and code == self.choices.target.currentData() and not translated:
            self.choices.set_target("zh" if code == "en" else "en")

    def swap(self) -> None:
        """Translate the other way round: the result, if there is one, becomes the text."""
        options = self.choices.options().swapped(self.choices.detected)
        run = self._run
        if run is not None and run.status == "done" and not self.busy:
            self.replace_source()
        self.choices.show_options(options)

    # ------------------------------------------------------------ the window

    def focus(self) -> None:
        """Put the keyboard where the work goes on."""
        self.views.focus()


def _describe(run: RunRow) -> str:
    """What a run is told by in the list."""
    return task_name(str(run.options.get("task") or "")).rstrip("…")


def _words() -> TaskWords:
    return TaskWords(
        fold=QCoreApplication.translate("Rewrite", "Show or hide the rewrites"),
        title=QCoreApplication.translate("Rewrite", "Title of the rewrite"),
        new=QCoreApplication.translate("Rewrite", "New rewrite"),
        progress=QCoreApplication.translate("Rewrite", "{done} of {count} paragraphs"),
        kept=QCoreApplication.translate("Rewrite", "{done} of {count} paragraphs are done and kept."),
        other=QCoreApplication.translate("Rewrite", "Another rewrite"),
    )
