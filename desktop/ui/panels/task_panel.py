"""What the panels of tasks share: past runs, texts, choices, a run at work, and its end, good or bad."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any, ClassVar, Generic, Protocol, TypeVar

from PySide6.QtCore import QCoreApplication, Qt, Signal
from PySide6.QtGui import QKeySequence, QResizeEvent, QShortcut
from PySide6.QtWidgets import QFileDialog, QHBoxLayout, QVBoxLayout, QWidget

from desktop.ui.bridge import Bridge
from desktop.ui.jobs import Job, Jobs
from desktop.ui.notices import Action, Notice, NoticeBar, error_notice
from desktop.ui.panels.exchange import Saver
from desktop.ui.panels.offers import lighter
from desktop.ui.panels.task_choices import TaskChoices
from desktop.ui.task_runner import TaskRunner
from desktop.ui.theme import Theme
from desktop.ui.widgets.buttons import tool_button
from desktop.ui.widgets.chat_parts import EditableTitle
from desktop.ui.widgets.model_picker import ModelPicker
from desktop.ui.widgets.run_list import RunList, run_title
from desktop.ui.widgets.source_view import SourceView
from desktop.ui.widgets.task_bar import TaskBar
from desktop.workbench.reading.document import Document
from desktop.workbench.store.records import OwnPrompt, PartRow, RunRow
from desktop.workbench.workbench import Workbench
from models.errors import EngineDied, EngineError, UserError

NARROW = 1000
"""Pixels of width below which the list of runs is folded until it is asked for."""
NO_WAY = ("empty_text", "no_instruction", "no_language", "nothing_to_do", "gone", "busy")
"""Codes of errors that neither another model nor another attempt helps against."""


class HasRun(Protocol):
    """What a panel shows of a run, the run itself among it."""

    run: RunRow


S = TypeVar("S", bound=HasRun)


@dataclass(frozen=True)
class TaskWords:
    """What a panel says that another one says otherwise, translated.

    Attributes:
        fold: of the button that folds the list. title: of the field for the title. new: the title of none.
        progress, kept: with `{done}` and `{count}`, while it works and when it was stopped.
        other: instead of how far it is, while another run is shown.
    """

    fold: str
    title: str
    new: str
    progress: str
    kept: str
    other: str


class TaskPanel(QWidget, Generic[S]):
    """Frames the work on texts: which run is shown, what is done with it, actions.

    A panel of its own lays what it shows of a run (an `S`) into `column`, says in the methods at the end
    of this class how it is read and shown, and calls `_begin` when it is built.

    Attributes:
        list, title, picker: around it. choices, source: what is asked, and of what.
        bar, notice: how far it is, and what went wrong. runner: works on a run.
        column: of choices, notice and bar, for what comes below them.
    Signals:
        engine_state(str state, str model, float fraction): "loading", "ready" or "dead".
        busy_changed(bool): the shown run is being worked on.
        action_requested(str): the window is to do one of its actions.
        conversation_requested(str id): a conversation is to be shown.
    """

    TASK: ClassVar[str]
    OPTIONS: ClassVar[str]
    """Where the store keeps what was chosen last."""

    engine_state = Signal(str, str, float)
    busy_changed = Signal(bool)
    action_requested = Signal(str)
    conversation_requested = Signal(str)

    def __init__(
        self, workbench: Workbench, jobs: Jobs, bridge: Bridge, theme: Theme, choices: TaskChoices,
        words: TaskWords, describe: Callable[[RunRow], str], parent: QWidget | None, *, many: bool = True,
    ) -> None:  # fmt: skip
        """`describe`: what a run is told by in the list. `many`: whether there can be several texts."""
        super().__init__(parent)
        self._workbench, self._jobs, self._bridge, self._theme = workbench, jobs, bridge, theme
        self._tasks, self._store = workbench.tasks, workbench.store
        self._words, self._describe = words, describe
        self._saver = Saver(jobs, self._fail)
        self._shown: S | None = None
        self._opening: Job | None = None
        self._starting = self._stopping = self._narrow = False
        self._making: object = None  # the run that is being kept, while its text is still shown
        self._left_s: float | None = None
        self._folder = ""
        self.choices = choices
        self.runner = TaskRunner(workbench, jobs, bridge, self)
        self.source = SourceView(workbench, jobs, bridge, theme, self, many=many)
        self._build()
        self._lay_out()
        self._connect()
        self._connect_runner()

    # ------------------------------------------------------------ building

    def _build(self) -> None:
        jobs, theme, words = self._jobs, self._theme, self._words
        self.list = RunList(self._workbench, jobs, theme, self.TASK, self, describe=self._describe)
        self.list_button = tool_button(theme, "panel-left", words.fold, self)
        self.title = EditableTitle(theme, self)
        self.title.field.setAccessibleName(words.title)
        self.picker = ModelPicker(self._workbench, jobs, self._bridge, theme, self)
        self.notice, self.bar = NoticeBar(theme, self), TaskBar(theme, self)

    def _lay_out(self) -> None:
        header = QHBoxLayout()
        header.setContentsMargins(12, 11, 16, 6)
        header.setSpacing(8)
        header.addWidget(self.list_button)
        header.addWidget(self.title, 1)
        header.addWidget(self.picker)
        self.column = QVBoxLayout()
        self.column.setContentsMargins(16, 2, 16, 16)
        self.column.setSpacing(10)
        for part in (self.choices, self.notice, self.bar):
            self.column.addWidget(part)
        middle = QVBoxLayout()
        middle.setContentsMargins(0, 0, 0, 0)
        middle.setSpacing(0)
        middle.addLayout(header)
        middle.addLayout(self.column, 1)
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
        self.picker.find_requested.connect(partial(self.action_requested.emit, "find_models"))
        self.choices.start_requested.connect(self.start)
        self.choices.stop_requested.connect(self.stop)
        self.choices.save_requested.connect(self._save_own)
        self.choices.forget_requested.connect(self._forget_own)
        self.bar.stop_requested.connect(self.stop)
        self.bar.resume_requested.connect(self.resume)
        self.source.changed.connect(self._source_changed)
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

    def _begin(self) -> None:
        """Show the panel as it begins, with what was chosen last."""
        self._apply_settings()
        kept = self._store.get_setting(self.OPTIONS, {})
        self.choices.show_values(kept if isinstance(kept, dict) else {})
        self.picker.set_model("")
        self.list.refresh()
        self._read_own()
        self._show_nothing()
        self._show_run()

    # ------------------------------------------------------------ which run is shown

    @property
    def _run(self) -> RunRow | None:
        return self._shown.run if self._shown is not None else None

    @property
    def current(self) -> str:
        """The id of the run that is shown; "" while there is none."""
        return self._shown.run.id if self._shown is not None else ""

    @property
    def busy(self) -> bool:
        """Whether the shown run is being worked on."""
        return bool(self.current) and self.runner.run_id == self.current

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
        self._keep_edits()
        self._shown = self._making = None
        self._show_nothing()
        self.notice.dismiss()

    def open_run(self, id: str) -> None:
        """Show a run with everything that belongs to it."""
        if id != self.current or self._opening is not None:
            self._cancel_opening()
            self._keep_edits()
            self._opening = self._jobs.run(partial(self._reread, id), self._show_opened, self._fail)

    def _cancel_opening(self) -> None:
        if self._opening is not None:
            self._opening.cancel()
            self._opening = None

    def _reread(self, id: str) -> S:
        """A run as it is stored, what was changed just now included; on a worker."""
        self._saver.flush()
        run, documents = self._tasks.run(id), self._tasks.documents(id)
        if run.status == "running" and self.runner.run_id != id:  # whoever worked on it has gone
            run = replace(run, status="interrupted")
        return self._read(run, documents, self._tasks.parts(id))

    def _show_opened(self, shown: S) -> None:
        self._opening = self._making = None
        if shown.run.status == "running" and self.runner.run_id != shown.run.id:  # it ended meanwhile
            self.open_run(shown.run.id)
            return
        self._shown = shown
        self.notice.dismiss()
        self.source.set_documents(self._documents(shown))
        self.choices.show_values(shown.run.options)
        self.picker.set_model(shown.run.model)
        self._show(shown)
        if self.busy and self.runner.parts:  # more was heard since it was read
            self._show_planned(shown, [part for _, part in sorted(self.runner.parts.items())])
            for number, text in self.runner.texts.items():
                self._show_text(number, text)
        self._show_run()

    def _show_run(self) -> None:
        """Show what belongs to the run as a whole: title, buttons, how far it is."""
        run, busy = self._run, self.busy
        self.title.set_title(self._words.new if run is None else run_title(run), editable=run is not None)
        self.list.set_current(self.current)
        self.source.set_locked(busy or self._making is not None)
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
        self.bar.offer_stop(not self.busy)  # the primary button stops what is shown
        if self.runner.busy:
            if self.bar.isHidden() or not self.bar.resume.isHidden():
                self.bar.show_busy(QCoreApplication.translate("Task", "Working…"))
        elif self._shown is not None and self._can_go_on(self._shown):
            self.bar.show_stopped(self._stopped_words(self._shown.run))
        else:
            self.bar.hide()

    def _stopped_words(self, run: RunRow) -> str:
        """Why a run is not finished, and how much of it is."""
        if run.status == "stopped":
            words = QCoreApplication.translate("Task", "Stopped.")
        elif run.status == "failed":
            words = QCoreApplication.translate("Task", "Not finished.")
        else:
            words = QCoreApplication.translate("Task", "Interrupted.")
        done, count = self._count_parts()
        return f"{words} {self._words.kept.format(done=done, count=count)}" if count > 1 else words

    def _source_changed(self) -> None:
        """Another text than that of the run that was shown: it will be another run."""
        if self._shown is not None and not self.source.kept and not self.busy:
            self._leave()
            self._show_run()
        self._show_start()

    # ------------------------------------------------------------ starting and stopping

    def start(self) -> None:
        """Do what is chosen; a run that is there already stays, this is another one."""
        if self.runner.busy or self._starting or self._store.read_only:
            return
        if self.source.is_empty():
            self.focus()
        elif self.choices.is_ready():
            self._cancel_opening()
            self._keep_edits()
            self._starting = True
            self.notice.dismiss()
            self._show_start()
            if self.source.reading:
                self.bar.offer_stop(True)
                self.bar.show_busy(QCoreApplication.translate("Task", "The files are being read…"))
            self.source.take(self._create)

    def _create(self, documents: Sequence[Document]) -> None:
        if not documents:  # what was to be read could not be; the list of texts says why
            self._starting = False
            self._show_run()
            return
        made = self._making = object()
        self.source.set_locked(True)
        options, model = self.choices.options(), self.picker.key
        self._saver.put(self.OPTIONS, partial(self._store.set_setting, self.OPTIONS, options.to_dict()))
        self._jobs.run(
            lambda: self._read(self._make(documents, options, model), documents, ()),
            partial(self._created, made),
            self._not_created,
        )

    def _not_created(self, error: Exception) -> None:
        self._starting = self._stopping = False
        self._making = None
        self._show_run()
        self._fail(error)

    def _created(self, made: object, shown: S) -> None:
        stopping = self._stopping
        self._starting = self._stopping = False
        self.list.refresh()
        if self._making is made:
            self._making = None
            self._show_created(shown)
        else:  # something else is shown by now: it is worked on all the same
            self.runner.start(shown.run.id, self._keeper(shown))
            self._show_run()
        if stopping:
            self.stop()

    def _show_created(self, shown: S) -> None:
        """Show a run that was made of the texts that are shown, and work on it."""
        self._shown = shown
        self.source.set_kept()
        self._show(shown)
        self._work()

    def _work(self) -> None:
        """Work on the shown run."""
        shown = self._shown
        if shown is None or self.runner.busy:
            return
        self.notice.dismiss()
        self.bar.hide()
        self.runner.start(shown.run.id, self._keeper(shown))
        shown.run = replace(shown.run, status="running")
        self._show_work(shown)
        self._show_run()

    def resume(self) -> None:
        """Go on with the shown run where it ended; with another model when one was chosen."""
        run, key = self._run, self.picker.key
        if run is None or self.runner.busy or self._starting:
            return
        self._keep_edits()
        if key and key != run.model:
            update = partial(self._store.runs.update, run.id, model=key)
            self._jobs.run(update, self._took_model, self._fail)
        else:
            self._work()

    def _took_model(self, run: RunRow) -> None:
        if self._shown is not None and run.id == self.current:
            self._shown.run = replace(self._shown.run, model=run.model)
            self._work()

    def stop(self) -> None:
        """Stop; what is finished is kept."""
        if self.runner.busy:
            self.bar.set_stopping()
            self.runner.stop()
        elif self._making is not None:
            self._stopping = True
        elif self._starting:  # the files are still being read
            self._starting = False
            self.source.take(lambda _documents: None)
            self._show_run()

    # ------------------------------------------------------------ what the runner says

    def _loading(self, fraction: float) -> None:
        self.bar.show_loading(fraction, self._model_name())
        self.picker.set_loading(fraction)
        self.engine_state.emit("loading", self._model_name(), fraction)

    def _loaded(self, state: str) -> None:
        self.picker.set_loading(None)
        self.engine_state.emit(state, self._model_name(), 1.0)

    def _model_name(self) -> str:
        return self.picker.model.name if self.picker.model is not None else ""

    def _planned(self, parts: Sequence[PartRow]) -> None:
        self._loaded("ready")
        if self._shown is not None and self.busy:
            self._show_planned(self._shown, parts)

    def _part_text(self, number: int, text: str) -> None:
        if self.busy:
            self._show_text(number, text)

    def _part_saved(self, part: PartRow) -> None:
        if self.busy:
            self._show_part(part)
            self._progress(self.runner.fraction, self._left_s)  # one more part

    def _progress(self, fraction: float, left_s: float | None) -> None:
        self._left_s = left_s
        words = self._words.other
        if self.busy:
            done, count = self._count_parts()
            words = self._words.progress.format(done=done, count=count) if count > 1 else ""
        self.bar.show_progress(fraction, left_s, words)

    def _saved(self, run: RunRow) -> None:
        self.list.update_run(run)
        if run.id == self.current:
            self._show_saved(run)

    def _failed(self, error: Exception) -> None:
        self.picker.set_loading(None)
        if isinstance(error, EngineDied):
            self._loaded("dead")
        if self.busy:
            self.notice.show_notice(error_notice(error, self._ways(error)))
        else:  # another run is shown
            self._bridge.notice_error(error)

    def _ended(self) -> None:
        self.picker.set_loading(None)
        self.bar.hide()
        self.list.refresh()
        run = self._run
        if run is not None and run.status == "running":  # as it was while it was worked on
            self._jobs.run(partial(self._reread, run.id), self._take_ended, self._fail)
        self._show_run()

    def _take_ended(self, shown: S) -> None:
        """Show the run as it was stored in the end."""
        if shown.run.id == self.current and not self.busy:
            self._shown = shown
            self._show_ended(shown)
            self._show_run()

    def _ways(self, error: Exception) -> list[Action]:
        """Ways out of trouble that fit the error."""
        again = (QCoreApplication.translate("Task", "Try again"), self.resume)
        if isinstance(error, EngineDied):
            return [(QCoreApplication.translate("Task", "Restart"), self.resume)]
        if isinstance(error, EngineError) or not isinstance(error, UserError):
            return [again]
        choose = (QCoreApplication.translate("Task", "Choose a model"), self.choose_model)
        if found := lighter(error, self._use):
            return [*found, choose]
        return [] if error.code in NO_WAY else [choose, again]

    def _use(self, key: str, value: int | str) -> None:
        """Go on with a setting of the model that needs less memory."""
        model = self.picker.model
        if model is not None:
            setting = partial(self._workbench.collection.set_setting, model, key, value)
            self._jobs.run(setting, lambda _: self.resume(), self._fail)

    # ------------------------------------------------------------ the result

    def _save_as(self, words: str, name: str, kinds: str, make: Callable[[], str]) -> None:
        """Ask for a file and write what `make` gives on a worker."""
        path, _ = QFileDialog.getSaveFileName(self.window(), words, str(Path(self._folder) / name), kinds)
        if path:
            self._folder = str(Path(path).parent)
            self._jobs.run(lambda: _write(Path(path), make()), self._written, self._fail)

    def _written(self, name: str) -> None:
        words = QCoreApplication.translate("Task", "Saved as {file}.").format(file=name)
        self.notice.show_notice(Notice(words, kind="info"))

    def chat_about(self) -> None:
        """Open a conversation about the text."""
        if self.current:
            self._jobs.run(partial(self._new_chat, self.current), self._show_chat, self._fail)

    def _new_chat(self, id: str) -> str:
        self._saver.flush()
        return self._tasks.chat_about(id)

    def _show_chat(self, conversation: str) -> None:
        self._bridge.conversations_changed.emit()
        self.conversation_requested.emit(conversation)

    # ------------------------------------------------------------ runs and texts

    def _deleted(self, id: str) -> None:
        if id == self.current:
            self.new_run()

    def _rename(self, title: str) -> None:
        if self.current:
            self._jobs.run(partial(self._tasks.rename, self.current, title), self._renamed, self._fail)

    def _renamed(self, run: RunRow) -> None:
        self.list.refresh()
        if self._shown is not None and run.id == self.current:
            self._shown.run = replace(self._shown.run, title=run.title)

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
        if run := self.list.neighbour(step):
            self.open_run(run)

    def take_text(self, text: str, name: str) -> None:
        """A text was sent here from another panel; `name` is what it is called there."""
        self.new_run()
        self.source.add_text(text, name)

    def take_conversation(self, id: str) -> None:
        """A conversation was sent here."""
        self.new_run()
        self.source.add_conversation(id)

    def open_files(self) -> None:
        """Let the person choose files."""
        self.source.open_files()

    # ------------------------------------------------------------ own instructions, model

    def _read_own(self, chosen: str = "") -> None:
        def show(prompts: list[OwnPrompt]) -> None:
            self.choices.set_own(prompts, chosen)

        self._jobs.run(partial(self._tasks.own_prompts, self.TASK), show, self._fail)

    def _save_own(self, name: str, instruction: str, id: str) -> None:
        self._jobs.run(
            partial(self._tasks.save_own_prompt, self.TASK, name, instruction, id),
            lambda prompt: self._read_own(prompt.id),
            self._fail,
        )

    def _forget_own(self, id: str) -> None:
        self._jobs.run(partial(self._tasks.delete_own_prompt, id), lambda _: self._read_own(), self._fail)

    def _model_chosen(self, key: str) -> None:
        """What is chosen here does the work and answers new chats from now on."""
        if not self._store.read_only:
            self._saver.put("model", partial(self._workbench.settings.set, "default_model", key))

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
        """Fold or unfold the past runs."""
        shown = self.list.isHidden()
        self.list.setVisible(shown)
        if not self._narrow and not self._store.read_only:
            self._saver.put("show_list", partial(self._workbench.settings.set, "show_list", shown))

    def resizeEvent(self, event: QResizeEvent) -> None:
        """The list folds away where the texts would have too little room beside it."""
        super().resizeEvent(event)
        narrow = self.width() < NARROW
        if narrow != self._narrow:
            self._narrow = narrow
            self._apply_settings()

    # ------------------------------------------------------------ the window

    def focus_search(self) -> None:
        """Put the keyboard into the search for past runs."""
        if self.list.isHidden():
            self.toggle_list()
        self.list.focus_search()

    def _fail(self, error: Exception) -> None:
        self._opening = None
        self.notice.show_notice(error_notice(error))

    def about_to_close(self) -> None:
        """Keep what is being edited, and stop what runs so that it is saved as it is."""
        self._keep_edits()
        self.runner.stop_now()
        self._saver.flush()

    # ------------------------------------------------------------ what differs

    @abstractmethod
    def focus(self) -> None:
        """Put the keyboard where the work goes on."""

    @abstractmethod
    def _make(self, documents: Sequence[Document], options: Any, model: str) -> RunRow:
        """Keep what is to be done as a run; on a worker."""

    @abstractmethod
    def _read(self, run: RunRow, documents: Sequence[Document], parts: Sequence[PartRow]) -> S:
        """What is shown of a run; on a worker."""

    @abstractmethod
    def _documents(self, shown: S) -> Sequence[Document]:
        """The texts of a run."""

    @abstractmethod
    def _show_nothing(self) -> None:
        """There is no run."""

    @abstractmethod
    def _show(self, shown: S) -> None:
        """A run was opened or made; `busy` tells whether it is worked on."""

    @abstractmethod
    def _show_work(self, shown: S) -> None:
        """The shown run is worked on from now on."""

    @abstractmethod
    def _show_planned(self, shown: S, parts: Sequence[PartRow]) -> None:
        """It has these parts: first all of a run that goes on, later those that grow."""

    @abstractmethod
    def _show_text(self, number: int, text: str) -> None:
        """The answer for a part goes on."""

    @abstractmethod
    def _show_part(self, part: PartRow) -> None:
        """A part as it was stored."""

    @abstractmethod
    def _can_go_on(self, shown: S) -> bool:
        """Whether something of a run that ended is left to be done."""

    @abstractmethod
    def _count_parts(self) -> tuple[int, int]:
        """How many parts of the shown run are done, and how many there are."""

    def _show_saved(self, run: RunRow) -> None:
        """The shown run was stored at its end; what is "running" afterwards is read again."""

    def _show_ended(self, shown: S) -> None:
        """The shown run has ended and was read again."""
        self._show(shown)

    def _keep_edits(self) -> None:
        """Keep what is just being written in the result."""

    def _keeper(self, shown: S) -> Callable[[RunRow], RunRow] | None:
        """What makes of the run, as it is stored at its end, one that has what the person did to it."""
        return None


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
