"""The Rewrite panel: past runs, the text, what is to be done with it, and the views of the result."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

from PySide6.QtCore import QCoreApplication, QSize, Qt, QTimer, Signal
from PySide6.QtGui import QKeySequence, QResizeEvent, QShortcut
from PySide6.QtWidgets import QFileDialog, QHBoxLayout, QToolButton, QVBoxLayout, QWidget

from desktop.ui.bridge import Bridge
from desktop.ui.jobs import Job, Jobs
from desktop.ui.notices import Action, Notice, NoticeBar, error_notice
from desktop.ui.panels.exchange import Saver
from desktop.ui.panels.offers import lighter
from desktop.ui.panels.rewrite_options import RewriteChoices, task_name
from desktop.ui.panels.rewrite_text import RewrittenText
from desktop.ui.panels.rewrite_views import RewriteViews, paragraphs_text
from desktop.ui.task_runner import TaskRunner
from desktop.ui.theme import Theme
from desktop.ui.widgets.chat_parts import EditableTitle
from desktop.ui.widgets.model_picker import ModelPicker
from desktop.ui.widgets.run_list import RunList, run_title
from desktop.ui.widgets.source_view import SourceView
from desktop.ui.widgets.task_bar import TaskBar
from desktop.workbench.reading.document import Document
from desktop.workbench.store.records import OwnPrompt, PartRow, RunRow
from desktop.workbench.workbench import Workbench
from models.errors import EngineDied, EngineError, UserError

TASK = "rewrite"
OPTIONS = "ui.rewrite.options"
"""Where the store keeps what was chosen last."""
NARROW = 1000
"""Pixels of width below which the list of runs is folded until it is asked for."""
DETECT_MS = 400


class RewritePanel(QWidget):
    """Frames the rewriting: which run is shown, what is done with it, actions.

    Attributes:
        list, title, picker: around it. choices, source, views: what is asked, of what, and the result.
        bar, notice: how far it is, and what went wrong. runner: works on a run.
    Signals:
        engine_state(str state, str model, float fraction): "loading", "ready" or "dead".
        speed(float): tokens per second. busy_changed(bool): the shown run is being worked on.
        action_requested(str): the window is to do one of its actions.
        summarize_requested(str text, str name): a result is to be summarized.
        conversation_requested(str id): a conversation is to be shown.
    """

    engine_state = Signal(str, str, float)
    speed = Signal(float)
    busy_changed = Signal(bool)
    action_requested = Signal(str)
    summarize_requested = Signal(str, str)
    conversation_requested = Signal(str)

    def __init__(
        self, workbench: Workbench, jobs: Jobs, bridge: Bridge, theme: Theme, parent: QWidget | None = None
    ) -> None:
        super().__init__(parent)
        self._workbench, self._jobs, self._bridge, self._theme = workbench, jobs, bridge, theme
        self._tasks, self._store = workbench.tasks, workbench.store
        self._saver = Saver(jobs, self._fail)
        self._opening: Job | None = None
        self._detecting: Job | None = None
        self._starting = self._narrow = False
        self._folder = ""
        self.runner = TaskRunner(workbench, jobs, bridge, self)
        self._build()
        self._lay_out()
        self._connect()
        self._connect_runner()
        self._apply_settings()
        self._choose_kept()
        self.picker.set_model("")
        self.list.refresh()
        self._read_own()
        self._show_run()

    # ------------------------------------------------------------ building

    def _build(self) -> None:
        jobs, theme = self._jobs, self._theme
        self.list = RunList(self._workbench, jobs, theme, TASK, self, describe=_describe)
        words = QCoreApplication.translate("Rewrite", "Show or hide the rewrites")
        self.list_button = QToolButton(self)
        self.list_button.setProperty("role", "quiet")
        self.list_button.setIcon(theme.icon("panel-left", "muted"))
        self.list_button.setIconSize(QSize(16, 16))
        self.list_button.setToolTip(words)
        self.list_button.setAccessibleName(words)
        self.title = EditableTitle(theme, self)
        self.title.field.setAccessibleName(QCoreApplication.translate("Rewrite", "Title of the rewrite"))
        self.picker = ModelPicker(self._workbench, jobs, self._bridge, theme, self)
        self.choices = RewriteChoices(theme, self)
        self.notice, self.bar = NoticeBar(theme, self), TaskBar(theme, self)
        self.source = SourceView(self._workbench, jobs, self._bridge, theme, self, many=False)
        self.views = RewriteViews(self.source, jobs, theme, self)
        self._detect_timer = QTimer(self, singleShot=True, interval=DETECT_MS)
        self._detect_timer.timeout.connect(self._detect)

    def _lay_out(self) -> None:
        header = QHBoxLayout()
        header.setContentsMargins(12, 11, 16, 6)
        header.setSpacing(8)
        header.addWidget(self.list_button)
        header.addWidget(self.title, 1)
        header.addWidget(self.picker)
        work = QVBoxLayout()
        work.setContentsMargins(16, 2, 16, 16)
        work.setSpacing(10)
        work.addWidget(self.choices)
        work.addWidget(self.notice)
        work.addWidget(self.bar)
        work.addWidget(self.views, 1)
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
        self.choices.swap_requested.connect(self.swap)
        self.choices.save_requested.connect(self._save_own)
        self.choices.forget_requested.connect(self._forget_own)
        self.choices.task_changed.connect(self._detect_timer.start)
        self.bar.stop_requested.connect(self.stop)
        self.bar.resume_requested.connect(self.resume)
        self.source.changed.connect(self._source_changed)
        self.views.kept.connect(self._keep)
        self.views.replace_requested.connect(self.replace_source)
        self.views.save_requested.connect(self.save_result)
        self.views.summarize_requested.connect(self._send_to_summarize)
        self.views.chat_requested.connect(self.chat_about)
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
    def _run(self) -> RunRow | None:
        return self.views.text.run if self.views.text is not None else None

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
        self._leave()
        self.source.set_locked(False)
        self.source.clear()
        self._show_run()
        self.focus()

    def _leave(self) -> None:
        """Show no run any more; the text stays."""
        self._cancel_opening()
        self.views.close_editor()
        self.views.clear()
        self.notice.dismiss()

    def open_run(self, id: str) -> None:
        """Show a run with everything that belongs to it."""
        if id != self.current or self._opening is not None:
            self._cancel_opening()
            self.views.close_editor()
            self._opening = self._jobs.run(partial(self._read, id), self._show_opened, self._fail)

    def _read(self, id: str) -> RewrittenText:
        """A run as it is stored, what was changed just now included; on a worker."""
        self._saver.flush()
        run, documents = self._tasks.run(id), self._tasks.documents(id)
        if run.status == "running" and self.runner.run_id != id:  # whoever worked on it has gone
            run = replace(run, status="interrupted")
        return RewrittenText(run, documents[0], self._tasks.parts(id))

    def _cancel_opening(self) -> None:
        if self._opening is not None:
            self._opening.cancel()
            self._opening = None

    def _show_opened(self, text: RewrittenText) -> None:
        from desktop.workbench.rewrite import RewriteOptions

        self._opening = None
        self.notice.dismiss()
        self.source.set_documents([text.document])
        self.choices.show_options(RewriteOptions.from_dict(text.run.options))
        self.choices.show_language(str(text.run.data.get("language") or ""))
        self.picker.set_model(text.run.model)
        self._show_text(text)
        self.views.show_view("side")

    def _show_text(self, text: RewrittenText) -> None:
        self.views.show_text(text, running=self.runner.run_id == text.run.id)
        self._show_run()

    def _show_run(self) -> None:
        """Show what belongs to the run as a whole: title, buttons, how far it is."""
        run, busy = self._run, self.busy
        if run is None:
            self.title.set_title(QCoreApplication.translate("Rewrite", "New rewrite"), editable=False)
        else:
            self.title.set_title(run_title(run))
        self.list.set_current(self.current)
        self.source.set_locked(busy)
        self.choices.set_running(busy)
        self._show_start()
        self._show_bar()
        self.busy_changed.emit(busy)

    def _show_start(self) -> None:
        other = self.runner.busy and not self.busy
        blocked = other or self._store.read_only or self._starting or self.source.is_empty()
        self.choices.start.setEnabled(self.busy or not blocked)

    def _show_bar(self) -> None:
        """How far the run is that is worked on, or how the shown one can be taken up again."""
        text = self.views.text
        if self.runner.busy:
            if self.bar.isHidden() or not self.bar.stop.isVisibleTo(self.bar):
                self.bar.show_busy(QCoreApplication.translate("Rewrite", "Working…"))
        elif text is not None and text.run.status != "done" and text.unfinished:
            self.bar.show_stopped(_stopped_words(text))
        else:
            self.bar.hide()

    def _source_changed(self) -> None:
        """Another text than that of the run that was shown: it will be another run."""
        if self._run is not None and not self.source.kept and not self.busy:
            self._leave()
            self._show_run()
        self._show_start()
        self._detect_timer.start()

    # ------------------------------------------------------------ starting and stopping

    def start(self) -> None:
        """Rewrite the text; a run that is there already stays, this is another one."""
        if self.runner.busy or self._starting or self._store.read_only:
            return
        if self.source.is_empty():
            self.views.show_view("source")
            self.focus()
        elif self.choices.is_ready():
            self._cancel_opening()
            self.views.close_editor()
            self._starting = True
            self.notice.dismiss()
            self._show_start()
            self.source.take(self._create)

    def _create(self, documents: list[Document]) -> None:
        if not documents:  # what was to be read could not be; the view says why
            self._starting = False
            self._show_start()
            return
        document, options, model = documents[0], self.choices.options(), self.picker.key
        values = options.to_dict()
        self._saver.put(OPTIONS, lambda: self._store.set_setting(OPTIONS, values))

        def failed(error: Exception) -> None:
            self._starting = False
            self._show_start()
            self._fail(error)

        self._jobs.run(
            lambda: RewrittenText(self._tasks.rewrite(document, options, model), document, ()),
            self._created,
            failed,
        )

    def _created(self, text: RewrittenText) -> None:
        self._starting = False
        self.source.set_kept()
        self.views.show_text(text, running=True)
        self.views.show_view("side")
        self.list.refresh()
        self._work()

    def _work(self) -> None:
        """Work on the shown run."""
        text = self.views.text
        if text is None or self.runner.busy:
            return
        self.notice.dismiss()
        self.bar.hide()
        self.runner.start(text.run.id)
        self._show_text(text)

    def resume(self) -> None:
        """Go on with the shown run where it ended; with another model when one was chosen."""
        run, key = self._run, self.picker.key
        if run is None or self.runner.busy:
            return
        self.views.close_editor()
        if key and key != run.model:
            update = partial(self._store.runs.update, run.id, model=key)
            self._jobs.run(update, self._took_model, self._fail)
        else:
            self._work()

    def _took_model(self, run: RunRow) -> None:
        if run.id == self.current:
            self._work()

    def stop(self) -> None:
        """Stop; what is finished is kept."""
        if self.runner.busy:
            self.bar.set_stopping()
            self.runner.stop()

    # ------------------------------------------------------------ what the runner says

    def _loading(self, fraction: float) -> None:
        name = self.picker.model.name if self.picker.model is not None else ""
        self.bar.show_loading(fraction, name)
        self.picker.set_loading(fraction)
        self.engine_state.emit("loading", name, fraction)

    def _loaded(self, state: str) -> None:
        self.picker.set_loading(None)
        name = self.picker.model.name if self.picker.model is not None else ""
        self.engine_state.emit(state, name, 1.0)

    def _planned(self, parts: Sequence[PartRow]) -> None:
        self._loaded("ready")
        text = self.views.text
        if text is not None and self.busy:
            run = replace(text.run, status="running")
            self.views.show_text(RewrittenText(run, text.document, parts), running=True)

    def _part_text(self, number: int, more: str) -> None:
        if self.busy:
            self.views.hear_text(number, more)

    def _part_saved(self, part: PartRow) -> None:
        if self.busy:
            self.views.hear_part(part)

    def _progress(self, fraction: float, left_s: float | None) -> None:
        words = QCoreApplication.translate("Rewrite", "Another rewrite")
        if self.busy and self.views.text is not None:
            done, total = self.views.text.progress()
            words = paragraphs_text(done, total) if total > 1 else ""
        self.bar.show_progress(fraction, left_s, words)

    def _saved(self, run: RunRow) -> None:
        self.list.update_run(run)
        work, tokens = float(run.timings.get("work_s") or 0.0), int(run.usage.get("completion_tokens") or 0)
        if run.id == self.current:
            self.speed.emit(tokens / work if work else 0.0)

    def _failed(self, error: Exception) -> None:
        self.picker.set_loading(None)
        if isinstance(error, EngineDied):
            self._loaded("dead")
        if self._run is not None and self._run.status != "running":  # it is another one that is shown
            self._bridge.notice_error(error)
        else:
            self.notice.show_notice(error_notice(error, self._ways(error)))

    def _ended(self) -> None:
        self.picker.set_loading(None)
        self.bar.hide()
        self.list.refresh()
        run = self._run
        if run is not None and run.status == "running":  # as it was while it was worked on
            self._jobs.run(partial(self._read, run.id), self._show_ended, self._fail)
        self._show_run()

    def _show_ended(self, text: RewrittenText) -> None:
        """Show the run as it was stored in the end."""
        if text.run.id != self.current or self.busy:
            return
        self._show_text(text)
        self.choices.show_language(str(text.run.data.get("language") or self.choices.detected))
        if text.alternatives > 1 and text.run.status == "done" and self.views.view == "side":
            self.views.show_view("alternatives")
        if text.run.status == "failed" and not self.notice.text:
            self.notice.show_error(QCoreApplication.translate("Errors", text.run.error))

    def _ways(self, error: Exception) -> list[Action]:
        """Ways out of trouble that fit the error."""
        again = (QCoreApplication.translate("Rewrite", "Try again"), self.resume)
        if isinstance(error, EngineDied):
            return [(QCoreApplication.translate("Rewrite", "Restart"), self.resume)]
        if isinstance(error, EngineError) or not isinstance(error, UserError):
            return [again]
        choose = (QCoreApplication.translate("Rewrite", "Choose a model"), self.choose_model)
        if found := lighter(error, self._use):
            return [*found, choose]
        if error.code in ("empty_text", "no_instruction", "no_language", "nothing_to_do", "gone", "busy"):
            return []
        return [choose, again]

    def _use(self, key: str, value: int | str) -> None:
        """Go on with a setting of the model that needs less memory."""
        model = self.picker.model
        if model is not None:
            setting = partial(self._workbench.collection.set_setting, model, key, value)
            self._jobs.run(setting, lambda _: self.resume(), self._fail)

    # ------------------------------------------------------------ the result

    def _keep(self, fields: Mapping[str, Any]) -> None:
        """Keep what the person changed."""
        if self._store.read_only:
            return
        id = self.current
        self._saver.put(f"run {id}", partial(self._store.runs.update, id, **fields))

    def copy_result(self) -> None:
        """Copy the result."""
        self.views.copy_result()

    def replace_source(self) -> None:
        """The result becomes the text, for another round."""
        text = self.views.text
        if text is not None and not self.busy:
            self.views.close_editor()
            result = text.result()
            self._leave()
            self.source.clear()
            self.source.add_text(result)
            self._show_run()
            self.focus()

    def save_result(self) -> None:
        """Save the result as a file."""
        from desktop.ui.panels.chat import file_name

        text = self.views.text
        if text is None or self.busy:
            return
        self.views.close_editor()
        suffix = ".md" if text.document.markdown else ".txt"
        name = file_name(run_title(text.run)).removesuffix(".md") + suffix
        path, _ = QFileDialog.getSaveFileName(
            self.window(),
            QCoreApplication.translate("Rewrite", "Save the result"),
            str(Path(self._folder) / name),
            QCoreApplication.translate("Rewrite", "Texts (*.txt *.md);;All files (*)"),
        )
        if path:
            self._folder = str(Path(path).parent)
            self._jobs.run(partial(_write, Path(path), text.result()), self._written, self._fail)

    def _written(self, name: str) -> None:
        words = QCoreApplication.translate("Rewrite", "Saved as {file}.").format(file=name)
        self.notice.show_notice(Notice(words, kind="info"))

    def _send_to_summarize(self) -> None:
        text = self.views.text
        if text is not None:
            self.views.close_editor()
            self.summarize_requested.emit(text.result(), run_title(text.run))

    def chat_about(self) -> None:
        """Open a conversation about the text."""
        id = self.current

        def make() -> str:
            self._saver.flush()
            return self._tasks.chat_about(id)

        if id:
            self._jobs.run(make, self._show_chat, self._fail)

    def _show_chat(self, conversation: str) -> None:
        self._bridge.conversations_changed.emit()
        self.conversation_requested.emit(conversation)

    # ------------------------------------------------------------ languages

    def _detect(self) -> None:
        """Find the language of the text, when that matters."""
        from desktop.workbench.language import detect

        documents = self.source.documents()
        if self._detecting is not None:
            self._detecting.cancel()
        if not documents or not self.choices.translating:
            self.choices.show_language("")
            return
        text = documents[0].text
        self._detecting = self._jobs.run(lambda: detect(text), self._detected, self._fail)

    def _detected(self, code: str) -> None:
        self._detecting = None
        self.choices.show_language(code)
        if code and code == self.choices.target.currentData() and self._run is None:
            self.choices.set_target("zh" if code == "en" else "en")

    def swap(self) -> None:
        """Translate the other way round: the result, if there is one, becomes the text."""
        options = self.choices.options().swapped(self.choices.detected)
        run = self._run
        if run is not None and run.status == "done" and not self.busy:
            self.replace_source()
        self.choices.show_options(options)

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
        if self.views.text is not None and run.id == self.current:
            self.views.text.run = replace(self.views.text.run, title=run.title)

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

    def _choose_kept(self) -> None:
        """Begin with what was chosen last."""
        from desktop.workbench.rewrite import RewriteOptions

        kept: Any = self._store.get_setting(OPTIONS, {})
        self.choices.show_options(RewriteOptions.from_dict(kept if isinstance(kept, dict) else {}))

    def _model_chosen(self, key: str) -> None:
        """What is chosen here rewrites and answers new chats from now on."""
        if not self._store.read_only:
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
        """Fold or unfold the rewrites."""
        shown = self.list.isHidden()
        self.list.setVisible(shown)
        if not self._narrow and not self._store.read_only:
            self._saver.put("show_list", lambda: self._workbench.settings.set("show_list", shown))

    def resizeEvent(self, event: QResizeEvent) -> None:
        """The list folds away where the texts would have too little room beside it."""
        super().resizeEvent(event)
        narrow = self.width() < NARROW
        if narrow != self._narrow:
            self._narrow = narrow
            self._apply_settings()

    # ------------------------------------------------------------ the window

    def focus(self) -> None:
        """Put the keyboard where the work goes on."""
        self.views.focus()

    def focus_search(self) -> None:
        """Put the keyboard into the search for past runs."""
        if self.list.isHidden():
            self.toggle_list()
        self.list.focus_search()

    def open_files(self) -> None:
        """Let the person choose a file."""
        self.source.open_files()

    def _fail(self, error: Exception) -> None:
        self._opening = None
        self.notice.show_notice(error_notice(error))

    def about_to_close(self) -> None:
        """Keep what is being edited, and stop what runs so that it is saved as it is."""
        self.views.close_editor()
        self.runner.stop_now()
        self._saver.flush()


def _describe(run: RunRow) -> str:
    """What a run is told by in the list."""
    return task_name(str(run.options.get("task") or "")).rstrip("…")


def _stopped_words(text: RewrittenText) -> str:
    """Why a run is not finished, and how much of it is."""
    if text.run.status == "stopped":
        words = QCoreApplication.translate("Rewrite", "Stopped.")
    elif text.run.status == "failed":
        words = QCoreApplication.translate("Rewrite", "Not finished.")
    else:
        words = QCoreApplication.translate("Rewrite", "Interrupted.")
    done, total = text.progress()
    if total > 1:
        more = QCoreApplication.translate("Rewrite", "{done} of {total} paragraphs are done and kept.")
        words = f"{words} {more.format(done=done, total=total)}"
    return words


def _write(path: Path, text: str) -> str:
    """Write a file; gives its name."""
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
