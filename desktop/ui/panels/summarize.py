"""The Summarize panel: past runs, the texts, what is wanted of the summary, and the summary beside them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from PySide6.QtCore import QCoreApplication, QSize, Qt, Signal
from PySide6.QtGui import QGuiApplication, QKeySequence, QResizeEvent, QShortcut
from PySide6.QtWidgets import (
    QButtonGroup,
    QFileDialog,
    QHBoxLayout,
    QPushButton,
    QSplitter,
    QToolButton,
    QVBoxLayout,
    QWidget,
)

from desktop.ui.bridge import Bridge
from desktop.ui.jobs import Job, Jobs
from desktop.ui.notices import Action, Notice, NoticeBar, error_notice
from desktop.ui.panels.exchange import Saver
from desktop.ui.panels.offers import lighter
from desktop.ui.panels.summarize_options import SummaryChoices, options_name
from desktop.ui.task_runner import TaskRunner
from desktop.ui.theme import Theme
from desktop.ui.widgets.chat_parts import EditableTitle
from desktop.ui.widgets.model_picker import ModelPicker
from desktop.ui.widgets.result_view import ResultView
from desktop.ui.widgets.run_list import RunList, run_title
from desktop.ui.widgets.source_view import SourceView
from desktop.ui.widgets.task_bar import TaskBar
from desktop.workbench.reading.document import Document
from desktop.workbench.store.records import OwnPrompt, PartRow, RunRow
from desktop.workbench.workbench import Workbench
from models.errors import EngineDied, EngineError, UserError

TASK = "summarize"
OPTIONS = "ui.summarize.options"
NARROW = 1000
"""Pixels of width below which the list of runs is folded until it is asked for."""
ROOMY = 420
"""Pixels of height from which on result and parts are shown at the same time."""
TABS = 800
"""Pixels of width below which text and summary take turns instead of standing side by side."""


@dataclass(frozen=True)
class Opened:
    """A run as it was read for showing."""

    run: RunRow
    documents: list[Document]
    parts: list[PartRow]


class SummarizePanel(QWidget):
    """Frames the work on summaries: which run is shown, what is done with it, actions.

    Attributes:
        list, title, picker: around it. choices, source, result: what is asked, of what, and the answer.
        bar, notice: how far it is, and what went wrong. runner: works on a run.
    Signals:
        engine_state(str state, str model, float fraction): "loading", "ready" or "dead".
        speed(float): tokens per second. busy_changed(bool): the shown run is being worked on.
        action_requested(str): the window is to do one of its actions.
        rewrite_requested(str text, str name): a result is to be rewritten.
        conversation_requested(str id): a conversation is to be shown.
    """

    engine_state = Signal(str, str, float)
    speed = Signal(float)
    busy_changed = Signal(bool)
    action_requested = Signal(str)
    rewrite_requested = Signal(str, str)
    conversation_requested = Signal(str)

    def __init__(
        self, workbench: Workbench, jobs: Jobs, bridge: Bridge, theme: Theme, parent: QWidget | None = None
    ) -> None:
        super().__init__(parent)
        self._workbench, self._jobs, self._bridge, self._theme = workbench, jobs, bridge, theme
        self._tasks = workbench.tasks
        self._saver = Saver(jobs, self._fail)
        self._run: RunRow | None = None
        self._opening: Job | None = None
        self._starting = False
        self._failed_run = False  # what the notice is about
        self._left_s: float | None = None
        self._narrow = self._tabbed = False
        self._folder = ""
        self.runner = TaskRunner(workbench, jobs, bridge, self)
        self._build()
        self._connect()
        self._connect_runner()
        self._apply_settings()
        self.picker.set_model("")
        self.list.refresh()
        self._read_own()
        self._show_run()

    # ------------------------------------------------------------ building

    def _build(self) -> None:
        jobs, theme = self._jobs, self._theme
        self.list = RunList(
            self._workbench, jobs, theme, TASK, self, describe=lambda run: options_name(run.options)
        )
        words = QCoreApplication.translate("Summary", "Show or hide the summaries")
        self.list_button = QToolButton(self)
        self.list_button.setProperty("role", "quiet")
        self.list_button.setIcon(theme.icon("panel-left", "muted"))
        self.list_button.setIconSize(QSize(16, 16))
        self.list_button.setToolTip(words)
        self.list_button.setAccessibleName(words)
        self.title = EditableTitle(theme, self)
        self.title.field.setAccessibleName(QCoreApplication.translate("Summary", "Title of the summary"))
        self.picker = ModelPicker(self._workbench, jobs, self._bridge, theme, self)
        self.choices = SummaryChoices(theme, self)
        self.notice, self.bar = NoticeBar(theme, self), TaskBar(theme, self)
        self.source = SourceView(self._workbench, jobs, self._bridge, theme, self)
        self.result = ResultView(jobs, theme, self)
        self._lay_out()
        self._choose_kept()

    def _lay_out(self) -> None:
        header = QHBoxLayout()
        header.setContentsMargins(12, 11, 16, 6)
        header.setSpacing(8)
        header.addWidget(self.list_button)
        header.addWidget(self.title, 1)
        header.addWidget(self.picker)
        self.splitter = QSplitter(Qt.Orientation.Horizontal)
        self.splitter.setChildrenCollapsible(False)
        self.splitter.setHandleWidth(16)
        self.splitter.setStyleSheet("QSplitter::handle, QSplitter::handle:hover { background: transparent; }")
        for pane in (self.source, self.result):
            pane.setMinimumWidth(240)
            self.splitter.addWidget(pane)
        self.splitter.setSizes([500, 500])
        work = QVBoxLayout()
        work.setContentsMargins(16, 2, 16, 16)
        work.setSpacing(10)
        work.addWidget(self.choices)
        work.addWidget(self.notice)
        work.addWidget(self.bar)
        work.addWidget(self._tabs())
        work.addWidget(self.splitter, 1)
        middle = QVBoxLayout()
        middle.setContentsMargins(0, 0, 0, 0)
        middle.setSpacing(0)
        middle.addLayout(header)
        middle.addLayout(work, 1)
        row = QHBoxLayout(self)
        row.setContentsMargins(0, 0, 0, 0)
        row.setSpacing(0)
        row.addWidget(self.list)
        row.addLayout(middle, 1)

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

    def _connect(self) -> None:
        self.list.new_requested.connect(self.new_run)
        self.list.opened.connect(self.open_run)
        self.list.deleted.connect(self._deleted)
        self.list.restored.connect(self.open_run)
        self.list_button.clicked.connect(self.toggle_list)
        self.title.edited.connect(self._rename)
        self.picker.chosen.connect(self._model_chosen)
        self.picker.cancel_requested.connect(self.stop)
        self.picker.find_requested.connect(lambda: self.action_requested.emit("find_models"))
        self.choices.start_requested.connect(self.start)
        self.choices.stop_requested.connect(self.stop)
        self.choices.save_requested.connect(self._save_own)
        self.choices.forget_requested.connect(self._forget_own)
        self.notice.closed.connect(self._notice_closed)
        self.bar.stop_requested.connect(self.stop)
        self.bar.resume_requested.connect(self.resume)
        self.source.changed.connect(self._source_changed)
        self.result.place_chosen.connect(self._show_place)
        self.result.copy_requested.connect(self.copy_result)
        self.result.save_requested.connect(self.save_result)
        self.result.rewrite_requested.connect(self.rewrite_result)
        self.result.chat_requested.connect(self.chat_about)
        self.result.again_requested.connect(self.start)
        self._bridge.settings_changed.connect(self._setting_changed)
        for key in (Qt.Key.Key_Return, Qt.Key.Key_Enter):
            keys = QShortcut(QKeySequence(Qt.Modifier.CTRL | key), self)
            keys.setContext(Qt.ShortcutContext.WidgetWithChildrenShortcut)
            keys.activated.connect(self.start)

    def _connect_runner(self) -> None:
        runner = self.runner
        runner.loading.connect(self._loading)
        runner.planned.connect(self._planned)
        runner.part_text.connect(self._part_text)
        runner.part_saved.connect(self._part_saved)
        runner.progress.connect(self._progress)
        runner.saved.connect(self._saved)
        runner.failed.connect(self._failed)
        runner.ended.connect(self._ended)

    # ------------------------------------------------------------ what is shown

    @property
    def current(self) -> str:
        """The id of the run that is shown; "" while there is none."""
        return self._run.id if self._run is not None else ""

    @property
    def busy(self) -> bool:
        """Whether the shown run is being worked on."""
        return self._run is not None and self.runner.run_id == self._run.id

    def new_run(self) -> None:
        """Show an empty place for another text."""
        self._cancel_opening()
        self._run = None
        self.source.set_locked(False)
        self.source.clear()
        self.notice.dismiss()
        self._show_run()
        self.focus()

    def open_run(self, id: str) -> None:
        """Show a run."""
        if id == self.current and self._opening is None:
            return
        self._cancel_opening()
        tasks = self._tasks
        self._opening = self._jobs.run(
            lambda: Opened(tasks.run(id), tasks.documents(id), tasks.parts(id)), self._show_opened, self._fail
        )

    def _cancel_opening(self) -> None:
        if self._opening is not None:
            self._opening.cancel()
            self._opening = None

    def _show_opened(self, opened: Opened) -> None:
        from desktop.workbench.summarize import SummaryOptions

        self._opening = None
        self._run = opened.run
        self.notice.dismiss()
        self.source.set_documents(opened.documents)
        self.choices.set_several(len(opened.documents) > 1)
        self.choices.show_options(SummaryOptions.from_dict(opened.run.options))
        self.picker.set_model(opened.run.model)
        self.result.clear()
        self.result.set_documents(opened.documents)
        if self.busy:
            self.result.set_running(self._waiting_words())
            self.result.add_parts(opened.parts)
        else:
            self.result.set_run(opened.run, opened.parts)
        self._show_run()
        self._turn_to(self.result)

    def _show_run(self) -> None:
        """Show what belongs to the run as a whole: title, buttons, how far it is."""
        run, busy = self._run, self.busy
        if run is None:
            self.result.clear(QCoreApplication.translate("Summary", "The summary will be here."))
            self.title.set_title(QCoreApplication.translate("Summary", "New summary"), editable=False)
        else:
            self.title.set_title(run_title(run))
        self.list.set_current(self.current)
        self.source.set_locked(busy)
        self.choices.set_running(busy)
        self._show_start()
        self._show_bar()
        self.busy_changed.emit(busy)

    def _show_start(self) -> None:
        several = len(self.source.documents()) > 1
        self.choices.set_several(several)
        other = self.runner.busy and not self.busy
        read_only = self._workbench.store.read_only
        enabled = self.busy or not (other or read_only or self._starting or self.source.is_empty())
        self.choices.start.setEnabled(enabled)
        self.result.buttons["again"].setEnabled(enabled)

    def _show_bar(self) -> None:
        """How far the run is that is worked on, or how the shown one can be taken up again."""
        run = self._run
        self.bar.offer_stop(not self.busy)
        if self.runner.busy:
            if self.bar.isHidden() or not self.bar.resume.isHidden():
                self.bar.show_busy(QCoreApplication.translate("Summary", "Working…"))
        elif not self.notice.isHidden() and self._failed_run:
            self.bar.hide()  # the notice has the ways on
        elif run is not None and self._can_go_on(run):
            self.bar.show_stopped(self._stopped_words(run))
        else:
            self.bar.hide()

    def _notice_closed(self) -> None:
        self._failed_run = False
        self._show_bar()

    def _can_go_on(self, run: RunRow) -> bool:
        """Whether something is left to be done."""
        if run.status in ("running", "stopped", "interrupted"):
            return True
        parts = self.result.tree.parts()
        return run.status == "failed" and (not parts or any(part.status == "waiting" for part in parts))

    def _stopped_words(self, run: RunRow) -> str:
        done, count = self.result.tree.progress()
        if run.status == "stopped":
            words = QCoreApplication.translate("Summary", "Stopped.")
        elif run.status == "failed":
            words = QCoreApplication.translate("Summary", "Not finished.")
        else:
            words = QCoreApplication.translate("Summary", "Interrupted.")
        if count > 1:
            text = QCoreApplication.translate("Summary", "{done} of {count} parts are done and kept.")
            words = f"{words} {text.format(done=done, count=count)}"
        return words

    def _source_changed(self) -> None:
        """Other texts than those of the run that was shown: they will be another run."""
        if self._run is not None and not self.source.kept and not self.busy:
            self._run = None
            self._show_run()
        self._show_start()

    # ------------------------------------------------------------ starting and stopping

    def start(self) -> None:
        """Summarize the texts."""
        if self.runner.busy or self._starting or self._workbench.store.read_only:
            return
        if self.source.is_empty():
            self.focus()
            return
        if not self.choices.is_ready():
            return
        self._cancel_opening()
        self._starting = True
        self.notice.dismiss()
        self._show_start()
        if self.source.reading:
            self.bar.offer_stop(True)
            self.bar.show_busy(QCoreApplication.translate("Summary", "The files are being read…"))
        self.source.take(self._create)

    def _create(self, documents: list[Document]) -> None:
        self.bar.hide()
        options, model = self.choices.options(), self.picker.key
        self._keep_choices()

        def failed(error: Exception) -> None:
            self._starting = False
            self._show_start()
            self._fail(error)

        self._jobs.run(
            lambda: self._tasks.summarize(documents, options, model),
            partial(self._created, documents),
            failed,
        )

    def _created(self, documents: Sequence[Document], run: RunRow) -> None:
        self._starting = False
        self._run = run
        self.source.set_kept()
        self.result.clear()
        self.result.set_documents(documents)
        self.list.refresh()
        self._work()

    def _work(self) -> None:
        """Work on the shown run."""
        if self._run is None or self.runner.busy:
            return
        self.notice.dismiss()
        self.bar.hide()
        self.source.edit.mark(0, 0)
        self.runner.start(self._run.id)
        self.result.set_running(self._waiting_words())
        self._show_run()
        self._turn_to(self.result)

    def _waiting_words(self) -> str:
        return QCoreApplication.translate("Summary", "The text is being read…")

    def resume(self) -> None:
        """Go on with the shown run where it ended; with another model when one was chosen."""
        run, key = self._run, self.picker.key
        if run is None or self.runner.busy:
            return
        if key and key != run.model:
            runs = self._workbench.store.runs
            self._jobs.run(lambda: runs.update(run.id, model=key), self._took_model, self._fail)
        else:
            self._work()

    def _took_model(self, run: RunRow) -> None:
        if run.id == self.current:
            self._run = run
            self._work()

    def stop(self) -> None:
        """Stop; what is finished is kept."""
        if self.runner.busy:
            self.bar.set_stopping()
            self.runner.stop()
        elif self._starting:  # the files are still being read
            self._starting = False
            self.source.take(lambda _documents: None)
            self._show_run()

    # ------------------------------------------------------------ what the runner says

    def _loading(self, fraction: float) -> None:
        name = self.picker.model.name if self.picker.model is not None else ""
        self.bar.show_loading(fraction, name)
        self.picker.set_loading(fraction)
        self.engine_state.emit("loading", name, fraction)

    def _planned(self, parts: tuple[PartRow, ...]) -> None:
        self._loaded("ready")
        if self.busy:
            self.result.add_parts(parts)

    def _loaded(self, state: str) -> None:
        self.picker.set_loading(None)
        name = self.picker.model.name if self.picker.model is not None else ""
        self.engine_state.emit(state, name, 1.0)

    def _part_text(self, number: int, text: str) -> None:
        if self.busy:
            self.result.part_text(number, text)

    def _part_saved(self, part: PartRow) -> None:
        if self.busy:
            self.result.part_saved(part)
            self._progress(self.runner.fraction, self._left_s)  # one more part

    def _progress(self, fraction: float, left_s: float | None) -> None:
        self._left_s = left_s
        if not self.busy:
            words = QCoreApplication.translate("Summary", "Another summary")
            self.bar.show_progress(fraction, left_s, words)
            return
        done, count = self.result.tree.progress()
        text = QCoreApplication.translate("Summary", "{done} of {count} parts")
        self.bar.show_progress(fraction, left_s, text.format(done=done, count=count) if count > 1 else "")

    def _saved(self, run: RunRow) -> None:
        self.list.update_run(run)
        work, tokens = float(run.timings.get("work_s") or 0.0), int(run.usage.get("completion_tokens") or 0)
        if run.id == self.current:
            self._run = run
            self.speed.emit(tokens / work if work else 0.0)
            unfolded = self.result.unfolded()
            self.result.set_run(run)
            # While it worked the parts were what there was to see; now they take room from the result.
            roomy = self.result.height() >= ROOMY
            self.result.set_unfolded(unfolded and roomy and len(self.result.tree.parts()) > 1)

    def _failed(self, error: Exception) -> None:
        self.picker.set_loading(None)
        if isinstance(error, EngineDied):
            self._loaded("dead")
        if self.busy:
            self._failed_run = True
            self.notice.show_notice(error_notice(error, self._ways(error)))
        else:  # another run is shown
            self._bridge.notice_error(error)

    def _ended(self) -> None:
        self.picker.set_loading(None)
        self.bar.hide()
        self.list.refresh()
        run = self._run
        if run is not None and run.status == "running":  # it ended with an error, after it was saved
            self._jobs.run(
                lambda: Opened(self._tasks.run(run.id), [], self._tasks.parts(run.id)), self._ended_badly
            )
        self._show_run()

    def _ended_badly(self, opened: Opened) -> None:
        if opened.run.id == self.current and not self.busy:
            self._run = opened.run
            self.result.set_run(opened.run, opened.parts)
            self._show_run()

    def _ways(self, error: Exception) -> list[Action]:
        """Ways out of trouble that fit the error."""
        again = (QCoreApplication.translate("Summary", "Try again"), self.resume)
        if isinstance(error, EngineDied):
            return [(QCoreApplication.translate("Summary", "Restart"), self.resume)]
        if isinstance(error, EngineError) or not isinstance(error, UserError):
            return [again]
        choose = (QCoreApplication.translate("Summary", "Choose a model"), self.choose_model)
        if found := lighter(error, self._use):
            return [*found, choose]
        if error.code in ("empty_text", "no_instruction", "gone", "busy"):
            return []
        return [choose, again]

    def _use(self, key: str, value: int | str) -> None:
        """Go on with a setting of the model that needs less memory."""
        model = self.picker.model
        if model is not None:
            collection = self._workbench.collection
            self._jobs.run(
                lambda: collection.set_setting(model, key, value), lambda _: self.resume(), self._fail
            )

    # ------------------------------------------------------------ the result

    def _show_place(self, source: int, start: int, end: int) -> None:
        self._turn_to(self.source)
        self.source.mark(source, start, end)

    def copy_result(self) -> None:
        """Copy the result as Markdown."""
        if self._run is not None and self._run.result:
            QGuiApplication.clipboard().setText(self._run.result)
            self.notice.show_notice(
                Notice(QCoreApplication.translate("Summary", "The summary was copied."), kind="info")
            )

    def save_result(self) -> None:
        """Save the result as a Markdown file."""
        from desktop.ui.panels.chat import file_name

        run = self._run
        if run is None or not run.result:
            return
        path, _ = QFileDialog.getSaveFileName(
            self.window(),
            QCoreApplication.translate("Summary", "Save the summary"),
            str(Path(self._folder) / file_name(run_title(run))),
            QCoreApplication.translate("Summary", "Markdown (*.md);;All files (*)"),
        )
        if path:
            self._folder = str(Path(path).parent)
            self._jobs.run(partial(self._write, run.id, Path(path)), self._written, self._fail)

    def _write(self, id: str, path: Path) -> str:
        text = self._tasks.export_markdown(id)
        try:
            path.write_text(text, "utf-8")
        except OSError as error:
            raise UserError(
                "{file} could not be written: {reason}.",
                hint="Choose another folder.",
                code="not_written",
                file=path.name,
                reason=error.strerror or str(error),
            ) from error
        return path.name

    def _written(self, name: str) -> None:
        words = QCoreApplication.translate("Summary", "Saved as {file}.").format(file=name)
        self.notice.show_notice(Notice(words, kind="info"))

    def rewrite_result(self) -> None:
        """Hand the result on to be rewritten."""
        if self._run is not None and self._run.result:
            self.rewrite_requested.emit(self._run.result, run_title(self._run))

    def chat_about(self) -> None:
        """Open a conversation about the text."""
        run = self.current
        if run:
            self._jobs.run(lambda: self._tasks.chat_about(run), self._show_chat, self._fail)

    def _show_chat(self, conversation: str) -> None:
        self._bridge.conversations_changed.emit()
        self.conversation_requested.emit(conversation)

    # ------------------------------------------------------------ runs

    def _deleted(self, id: str) -> None:
        if id == self.current:
            self.new_run()

    def _rename(self, title: str) -> None:
        run = self.current
        if run:
            self._jobs.run(lambda: self._tasks.rename(run, title), self._renamed, self._fail)

    def _renamed(self, run: RunRow) -> None:
        self.list.refresh()
        if run.id == self.current and not self.busy:
            self._run = run

    def delete_shown(self) -> None:
        """Move the shown run to the trash."""
        if self.current:
            self.list.delete(self.current)

    def undo_delete(self) -> None:
        """Take back the last deletion."""
        self.list.undo()

    def show_previous(self) -> None:
        """Open the run above."""
        self._open_neighbour(-1)

    def show_next(self) -> None:
        """Open the run below."""
        self._open_neighbour(1)

    def _open_neighbour(self, step: int) -> None:
        run = self.list.neighbour(step)
        if run:
            self.open_run(run)

    def take_text(self, text: str, name: str) -> None:
        """A text was sent here from another panel."""
        self.new_run()
        self.source.add_text(text)

    def take_conversation(self, id: str) -> None:
        """A conversation was sent here."""
        self.new_run()
        self.source.add_conversation(id)

    # ------------------------------------------------------------ own instructions, choices, model

    def _read_own(self, chosen: str = "") -> None:
        self._jobs.run(lambda: self._tasks.own_prompts(TASK), partial(self._show_own, chosen), self._fail)

    def _show_own(self, chosen: str, prompts: list[OwnPrompt]) -> None:
        self.choices.set_own(prompts, chosen)

    def _save_own(self, name: str, instruction: str, id: str) -> None:
        self._jobs.run(
            lambda: self._tasks.save_own_prompt(TASK, name, instruction, id),
            lambda prompt: self._read_own(prompt.id),
            self._fail,
        )

    def _forget_own(self, id: str) -> None:
        self._jobs.run(lambda: self._tasks.delete_own_prompt(id), lambda _: self._read_own(), self._fail)

    def _keep_choices(self) -> None:
        values = self.choices.options().to_dict()
        self._saver.put(OPTIONS, lambda: self._workbench.store.set_setting(OPTIONS, values))

    def _choose_kept(self) -> None:
        """Begin with what was chosen last."""
        from desktop.workbench.summarize import SummaryOptions

        kept: Any = self._workbench.store.get_setting(OPTIONS, {})
        self.choices.show_options(SummaryOptions.from_dict(kept if isinstance(kept, dict) else {}))

    def _model_chosen(self, key: str) -> None:
        """What is chosen here makes summaries and answers new chats from now on."""
        if not self._workbench.store.read_only:
            self._saver.put("model", lambda: self._workbench.settings.set("default_model", key))

    def choose_model(self) -> None:
        """Open the model picker."""
        self.picker.open()

    # ------------------------------------------------------------ room

    def _apply_settings(self) -> None:
        self.list.setVisible(bool(self._workbench.settings.get("show_list")) and not self._narrow)

    def _setting_changed(self, key: str) -> None:
        if key == "show_list":
            self._apply_settings()

    def toggle_list(self) -> None:
        """Fold or unfold the summaries."""
        shown = self.list.isHidden()
        self.list.setVisible(shown)
        if not self._narrow and not self._workbench.store.read_only:
            self._saver.put("show_list", lambda: self._workbench.settings.set("show_list", shown))

    def resizeEvent(self, event: QResizeEvent) -> None:
        """Where there is little room the list folds away, and text and summary take turns."""
        super().resizeEvent(event)
        narrow = self.width() < NARROW
        if narrow != self._narrow:
            self._narrow = narrow
            self._apply_settings()
        self._fit()

    def _fit(self) -> None:
        room = self.width() - (0 if self.list.isHidden() else self.list.width())
        tabbed = room < TABS
        if tabbed == self._tabbed:
            return
        self._tabbed = tabbed
        self.tabs.setVisible(tabbed)
        self.result.set_alone(tabbed)
        shown = self.result if self._run is not None else self.source
        for pane in (self.source, self.result):
            pane.setVisible(not tabbed or pane is shown)
        self._tab_buttons[int(shown is self.result)].setChecked(True)

    def _turn_to(self, pane: QWidget) -> None:
        """Show the text or the summary, where there is room for one only."""
        self._tab_buttons[int(pane is self.result)].setChecked(True)
        if self._tabbed:
            for other in (self.source, self.result):
                other.setVisible(other is pane)

    # ------------------------------------------------------------ the window

    def focus(self) -> None:
        """Put the keyboard where the work goes on."""
        if self._run is None:
            self._turn_to(self.source)
            self.source.edit.setFocus()
        elif self.result.isVisible():
            self.result.prose.setFocus()

    def focus_search(self) -> None:
        """Put the keyboard into the search for past runs."""
        if self.list.isHidden():
            self.toggle_list()
        self.list.focus_search()

    def open_files(self) -> None:
        """Let the person choose files."""
        self.source.open_files()

    def _fail(self, error: Exception) -> None:
        self._opening = None
        self.notice.show_notice(error_notice(error))

    def about_to_close(self) -> None:
        """Stop what runs, so that it is saved as it is, and write what is waiting."""
        self.runner.stop_now()
        self._saver.flush()
