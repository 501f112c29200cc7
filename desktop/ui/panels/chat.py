"""The chat panel: conversations, the messages of one of them, a composer and the inspector."""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

from PySide6.QtCore import QCoreApplication, QSize, QUrl, Signal
from PySide6.QtGui import QDesktopServices, QGuiApplication, QResizeEvent
from PySide6.QtWidgets import (
    QFileDialog,
    QHBoxLayout,
    QLabel,
    QMessageBox,
    QStackedWidget,
    QToolButton,
    QVBoxLayout,
    QWidget,
)

from desktop.ui.bridge import Bridge
from desktop.ui.jobs import Job, Jobs
from desktop.ui.notices import Action, Notice, NoticeBar, error_notice
from desktop.ui.panels.exchange import Exchange, Saver
from desktop.ui.theme import Theme
from desktop.ui.widgets.chat_parts import (
    ChatTranscript,
    EditableTitle,
    EmptyState,
    LoadingLine,
    RoomyNoticeBar,
    column,
)
from desktop.ui.widgets.composer import Composer
from desktop.ui.widgets.conversation_list import ConversationList
from desktop.ui.widgets.inspector import Inspector
from desktop.ui.widgets.model_picker import ModelPicker
from desktop.ui.widgets.prompt_view import PromptView
from desktop.workbench.chat import (
    ChatSettings,
    ContextUse,
    MessageAdded,
    MessageSaved,
    ModelLoading,
    PlainFormat,
    PromptReady,
)
from desktop.workbench.store import ConversationRow, MessageRow
from desktop.workbench.workbench import Workbench
from models.engine.protocol import Finished, Prompt, PromptProgress, Started, TextDelta, ThinkingDelta
from models.errors import EngineDied, EngineError, RolltopError, UserError

FRESH = "ui.new_chat"
"""Where the store keeps the id of the conversation that a new chat will become."""
NARROW = 950
"""Pixels of width below which the inspector is folded until it is asked for."""
CONTEXT_STEPS = tuple(1 << power for power in range(11, 21))


@dataclass(frozen=True)
class Opened:
    """A conversation as it was read for showing."""

    row: ConversationRow
    settings: ChatSettings
    messages: list[MessageRow]
    draft: str
    names: dict[str, str]


def file_name(title: str) -> str:
    """A file name made of a title, with nothing in it that means something to a file system."""
    words = re.sub(r'[\x00-\x1f\x7f<>:"/\\|?*]+', " ", title).strip(" .")
    return (" ".join(words.split())[:80] or "chat") + ".md"


def file_stem(model: str) -> str:
    """What to call a model of which only the id or the path is known."""
    return Path(model.replace("\\", "/")).name.removesuffix(".gguf")


def larger_contexts(needed: int, present: int, longest: int) -> list[int]:
    """Context sizes that hold `needed` tokens where `present` does not: the next one and the longest."""
    sizes = [size for size in (*CONTEXT_STEPS, longest) if max(present + 1, needed) <= size <= longest]
    return sorted({min(sizes), max(sizes)}) if sizes else []


# ---------------------------------------------------------------- the panel


class ChatPanel(QWidget):
    """Collects input, calls the workbench through jobs, and shows the results.

    Several conversations can be answered at once: each has an `Exchange`, and what it says is
    shown when its conversation is the one that is open.

    Signals:
        engine_state(str state, str model, float fraction): "none", "loading", "ready" or "dead".
        context_use(ContextUse or None): of the open conversation, with what is being written.
        speed(float): tokens per second of the open conversation's answer.
        opened(str id): another conversation is shown.
        busy_changed(bool): an answer is being made in the open conversation, or no more.
    """

    engine_state = Signal(str, str, float)
    context_use = Signal(object)
    speed = Signal(float)
    opened = Signal(str)
    busy_changed = Signal(bool)

    def __init__(
        self, workbench: Workbench, jobs: Jobs, bridge: Bridge, theme: Theme, parent: QWidget | None = None
    ) -> None:
        super().__init__(parent)
        self._workbench, self._jobs, self._bridge, self._theme = workbench, jobs, bridge, theme
        self._chats, self._store = workbench.chats, workbench.store
        self._saver = Saver(jobs, self._show_failure)
        self._exchanges: dict[str, Exchange] = {}
        self._row: ConversationRow | None = None
        self._settings = ChatSettings()
        self._rows: list[MessageRow] = []
        self._notices: dict[str, Notice] = {}
        self._shown_notice: Notice | None = None
        self._undos: list[Callable[[], object]] = []
        self._plain: set[str] = set()
        self._died: set[str] = set()
        self._names: dict[str, str] = {}
        self._use: ContextUse | None = None
        self._opening: Job | None = None
        self._moving = False
        self._narrow = False
        self._loading_job: Job | None = None
        self._measuring = False
        self._measure_again = False
        # Counts what was added or saved, so that a read made meanwhile is known to be old.
        self._revision = 0
        self._build()
        self._connect()
        self._apply_settings()
        self.list.refresh()
        self._tell_store_state()
        if self._store.read_only:
            self._read(self._newest)
        else:
            self.new_chat()

    # ------------------------------------------------------------ building

    def _build(self) -> None:
        self.list = ConversationList(self._store, self._jobs, self._theme, self)
        self.title = EditableTitle(self._theme, self)
        self.picker = ModelPicker(self._workbench, self._jobs, self._bridge, self._theme, self)
        self.transcript = ChatTranscript(self._theme, self, jobs=self._jobs)
        self.empty = EmptyState(self)
        self.pages = QStackedWidget(self)
        self.pages.addWidget(self.empty)
        self.pages.addWidget(self.transcript)
        self.notice = RoomyNoticeBar(self._theme, self)
        self.undo_bar = NoticeBar(self._theme, self)
        self.loading = LoadingLine(self)
        self.plain_note = QLabel(
            QCoreApplication.translate(
                "Chat", "This model has no chat template: it is given a plain transcript to complete."
            ),
            self,
        )
        self.plain_note.setProperty("role", "fact")
        self.plain_note.setWordWrap(True)
        self.plain_note.hide()
        self.composer = Composer(self._theme, self)
        middle = QWidget(self)
        center = QVBoxLayout(middle)
        center.setContentsMargins(0, 0, 0, 16)
        center.setSpacing(8)
        center.addLayout(self._build_header())
        center.addWidget(self.pages, 1)
        foot = QWidget()
        rows = QVBoxLayout(foot)
        rows.setContentsMargins(0, 0, 0, 0)
        rows.setSpacing(8)
        for part in (self.undo_bar, self.notice, self.loading, self.plain_note, self.composer):
            rows.addWidget(part)
        center.addWidget(column(foot))
        self.inspector = Inspector(self._theme, self)  # last, so that Tab comes to it last
        row = QHBoxLayout(self)
        row.setContentsMargins(0, 0, 0, 0)
        row.setSpacing(0)
        row.addWidget(self.list)
        row.addWidget(middle, 1)
        row.addWidget(self.inspector)

    def _build_header(self) -> QHBoxLayout:
        self.list_button = self._fold_button(
            "panel-left", QCoreApplication.translate("Chat", "Show or hide the conversations")
        )
        self.inspector_button = self._fold_button(
            "panel-right", QCoreApplication.translate("Chat", "Show or hide the inspector")
        )
        self.header_actions = QHBoxLayout()
        self.header_actions.setSpacing(8)
        header = QHBoxLayout()
        header.setContentsMargins(12, 11, 12, 6)
        header.setSpacing(8)
        header.addWidget(self.list_button)
        header.addWidget(self.title, 1)
        header.addWidget(self.picker)
        header.addLayout(self.header_actions)
        header.addWidget(self.inspector_button)
        return header

    def _fold_button(self, icon: str, words: str) -> QToolButton:
        button = QToolButton(self)
        button.setProperty("role", "quiet")
        button.setIcon(self._theme.icon(icon, "muted"))
        button.setIconSize(QSize(16, 16))
        button.setToolTip(words)
        button.setAccessibleName(words)
        return button

    def _connect(self) -> None:
        self._connect_sides()
        self._connect_transcript()
        self.composer.submitted.connect(self._send)
        self.composer.stop_requested.connect(self.stop)
        self.composer.measure_requested.connect(lambda _text: self._measure())
        self.composer.draft_changed.connect(self._keep_draft)
        self.composer.edit_last_requested.connect(self.edit_last)
        self.loading.cancelled.connect(self._cancel_loading)
        self.picker.chosen.connect(self._choose)
        self.picker.cancel_requested.connect(self._cancel_loading)
        self.empty.acted.connect(self._act_on_empty)
        self.notice.closed.connect(self._forget_notice)
        self._bridge.conversations_changed.connect(self.list.refresh)
        self._bridge.conversation_changed.connect(self._changed_elsewhere)
        self._bridge.engines_changed.connect(self._engines_changed)
        self._bridge.settings_changed.connect(lambda _key: self._apply_settings())

    def _connect_sides(self) -> None:
        self.list.new_requested.connect(self.new_chat)
        self.list.opened.connect(self.open_conversation)
        self.list.deleted.connect(self.delete_conversation)
        self.list.renamed.connect(self._rename)
        self.list.export_requested.connect(self._export)
        self.list_button.clicked.connect(self.toggle_list)
        self.inspector_button.clicked.connect(self.toggle_inspector)
        self.title.edited.connect(lambda title: self._rename(self.current, title))
        self.inspector.settings_changed.connect(self._keep_settings)
        self.inspector.system_changed.connect(self._keep_system)
        self.inspector.reload_requested.connect(self._reload)
        self.inspector.prompt_requested.connect(lambda: self._show_prompt(self.current))

    def _connect_transcript(self) -> None:
        view = self.transcript
        view.model_name = lambda key: self._names.get(key) or file_stem(key)
        view.copy_requested.connect(self._copy)
        view.edit_submitted.connect(self._edit)
        view.regenerate_requested.connect(self._regenerate)
        view.continue_requested.connect(self._continue)
        view.restart_requested.connect(self._restart)
        view.branch_requested.connect(self._branch)
        view.delete_requested.connect(self._delete_message)
        view.saw_requested.connect(self._show_prompt)
        view.link_activated.connect(self._open_link)

    def _apply_settings(self) -> None:
        settings = self._workbench.settings
        self.composer.set_send_on_enter(bool(settings.get("send_on_enter")))
        self.list.setVisible(bool(settings.get("show_list")))
        self.inspector.setVisible(bool(settings.get("show_inspector")) and not self._narrow)

    def resizeEvent(self, event: QResizeEvent) -> None:
        """The inspector folds away where the messages would have too little room beside it."""
        super().resizeEvent(event)
        narrow = self.width() < NARROW
        if narrow != self._narrow:
            self._narrow = narrow
            self.inspector.setVisible(not narrow and bool(self._workbench.settings.get("show_inspector")))

    def _tell_store_state(self) -> None:
        """Say once that the history is read only or was restored."""
        self.composer.set_sending_enabled(not self._store.read_only)
        if self._store.notice:
            words = QCoreApplication.translate("Errors", self._store.notice)
            show = self.undo_bar.show_error if self._store.read_only else self.undo_bar.show_info
            show(words)

    # ------------------------------------------------------------ opening

    @property
    def current(self) -> str:
        """The id of the conversation that is shown; "" before the first one is."""
        return self._row.id if self._row is not None else ""

    @property
    def is_new(self) -> bool:
        """Whether the shown conversation has no message yet."""
        return not self._rows and (self._row is None or self._row.leaf is None)

    @property
    def busy(self) -> bool:
        """Whether an answer is being made in the shown conversation."""
        return self.current in self._exchanges

    def new_chat(self) -> None:
        """Show an empty conversation; it is listed once something was sent."""
        self._leave()
        self._read(self._fresh, then=self.focus_composer)

    def open_conversation(self, conversation: str) -> None:
        """Show a conversation."""
        if conversation and conversation != self.current:
            self._leave()
            self._read(lambda: self._store.conversation(conversation))

    def reload(self) -> None:
        """Read the shown conversation again, keeping what is in the composer."""
        current = self.current
        # Not when another one is about to be shown: that would call it off.
        if current and not (self._opening is not None and self._moving):
            self._read(lambda: self._store.conversation(current), keep_draft=True)

    def _leave(self) -> None:
        self.composer.flush()
        self.inspector.flush()

    def _read(
        self,
        find: Callable[[], ConversationRow],
        *,
        keep_draft: bool = False,
        then: Callable[[], object] | None = None,
    ) -> None:
        if self._opening is not None:
            self._opening.cancel()
        self._moving = not keep_draft
        revision = self._revision

        def read() -> Opened:
            self._saver.flush()  # a draft that is still on its way belongs to what is read
            row = find()
            messages = self._store.path(row.id)
            draft = "" if keep_draft else self._store.draft("" if row.leaf is None else row.id)
            names = self._model_names(row, messages)
            return Opened(row, self._chats.settings_of(row.id), messages, draft, names)

        def show(opened: Opened) -> None:
            self._opening = None
            if revision != self._revision:  # something was added while this was read
                self._read(find, keep_draft=keep_draft, then=then)
                return
            self._show(opened, keep_draft=keep_draft)
            if then is not None:
                then()

        def failed(error: Exception) -> None:
            self._opening = None
            self._show_failure(error)

        self._opening = self._jobs.run(read, show, failed)

    def _fresh(self) -> ConversationRow:
        """The conversation that a new chat will become: the one kept for it, or another."""
        kept = self._store.get_setting(FRESH, "")
        try:
            if kept and kept not in self._exchanges:
                row = self._store.conversation(kept)
                if row.leaf is None and not row.messages:
                    return row
        except UserError:
            pass  # it was used or deleted meanwhile
        row = self._chats.new()
        # Without values of its own it follows the settings of the app until they are changed here.
        row = self._store.update_conversation(row.id, settings={})
        self._store.set_setting(FRESH, row.id)
        return row

    def _model_names(self, row: ConversationRow, messages: list[MessageRow]) -> dict[str, str]:
        """What to call the models that answered here; one that is gone keeps its id."""
        names: dict[str, str] = {}
        for key in {message.model for message in messages} - {""} - self._names.keys():
            with suppress(UserError):
                names[key] = self._workbench.library.get(key).name
        with suppress(UserError):
            model = self._chats.model_of(row.id)
            names[self._chats.reference(model)] = model.name
        return names

    def _newest(self) -> ConversationRow:
        rows = self._store.conversations(limit=1)
        if not rows:
            raise UserError("There is no conversation yet, and none can be begun: the history is read only.")
        return rows[0]

    def _show(self, opened: Opened, *, keep_draft: bool) -> None:
        row, changed = opened.row, opened.row.id != self.current
        # What was typed before the first conversation was there stays.
        keep_draft = keep_draft or (not self.current and not self.composer.is_empty())
        self._row, self._settings, self._rows = row, opened.settings, opened.messages
        self._names.update(opened.names)
        exchange = self._exchanges.get(row.id)
        self._merge(exchange)
        self.transcript.set_messages(self._rows)
        self._show_header()
        self.picker.set_model(row.model)
        if changed:
            self.inspector.set_conversation(row.system, opened.settings)
            self._show_use(None)
        if not keep_draft:
            self.composer.set_draft(opened.draft)
        self.list.set_current(row.id)
        self._show_page()
        self._show_exchange(exchange)
        self._show_notice()
        self._check_engine()
        self._measure()
        if changed:
            last = self._last("assistant")
            self.speed.emit(float(last.timings.get("tokens_per_second") or 0.0) if last is not None else 0.0)
            self.opened.emit(row.id)

    def _merge(self, exchange: Exchange | None) -> None:
        """Put what has been heard of a running answer over what was read of it."""
        row = exchange.row() if exchange is not None else None
        if row is not None:
            self._rows = [row if old.id == row.id else old for old in self._rows]

    def _show_header(self) -> None:
        row = self._row
        if row is not None:
            self.title.set_title(row.title, editable=not self.is_new)

    def _show_page(self) -> None:
        self.pages.setCurrentWidget(self.empty if self.is_new else self.transcript)
        self.inspector.set_prompt_enabled(not self.is_new)
        self.empty.say(
            QCoreApplication.translate("Chat", "Ask anything: what you write stays on this computer."),
            QCoreApplication.translate("Chat", "Choose a model"),
        )

    def _show_exchange(self, exchange: Exchange | None) -> None:
        """Show whether an answer is being made here, and how far it is."""
        self.composer.set_busy(exchange is not None)
        answer = exchange.answer if exchange is not None else None
        self.transcript.set_busy(answer.id if answer is not None else None)
        if exchange is not None and answer is not None:
            self.transcript.set_progress(answer.id, exchange.progress)
        self._show_loading(exchange.loading if exchange is not None else None)
        self.plain_note.setVisible(self.current in self._plain)
        self.list.set_busy(set(self._exchanges))
        self.busy_changed.emit(exchange is not None)

    def _show_loading(self, fraction: float | None) -> None:
        self.loading.show_progress(self._model_name(), fraction)
        self.picker.set_loading(fraction)

    def _model_name(self) -> str:
        return self.picker.model.name if self.picker.model is not None else ""

    def _changed_elsewhere(self, conversation: str) -> None:
        if conversation == self.current and not self.busy:
            self.reload()

    # ------------------------------------------------------------ an answer in the making

    def _send(self, text: str) -> None:
        current = self.current
        leaving = self._opening is not None and self._moving
        if current and not self.busy and not leaving:
            self.inspector.flush()
            self.composer.clear()
            self._keep_draft("")
            self._begin(partial(self._chats.send, current, text), sent=text)

    def _begin(
        self, start: Callable[[], Iterable[Any] | None], *, sent: str = "", conversation: str = ""
    ) -> None:
        """Run what `start` makes and show what it says."""
        conversation = conversation or self.current
        if conversation in self._exchanges:
            return
        self._notices.pop(conversation, None)

        def begin() -> Iterable[Any] | None:
            self._saver.flush()  # the settings it is answered with
            return start()

        exchange = Exchange(conversation, begin, sent)
        self._exchanges[conversation] = exchange
        if conversation == self.current:
            self.notice.dismiss()
            self._show_exchange(exchange)
        exchange.job = self._jobs.stream(
            lambda: exchange,
            partial(self._on_events, exchange),
            partial(self._on_done, exchange),
            partial(self._on_failed, exchange),
        )

    def _on_events(self, exchange: Exchange, events: list[Any]) -> None:
        text: list[str] = []
        thinking: list[str] = []
        for event in events:
            if isinstance(event, TextDelta):
                text.append(event.text)
            elif isinstance(event, ThinkingDelta):
                thinking.append(event.text)
            else:
                self._append(exchange, text, thinking)
                text, thinking = [], []
                self._on_event(exchange, event)
        self._append(exchange, text, thinking)

    def _append(self, exchange: Exchange, text: list[str], thinking: list[str]) -> None:
        if not text and not thinking:
            return
        exchange.text += text
        exchange.thinking += thinking
        exchange.first = exchange.first or time.monotonic()
        exchange.tokens += len(text) + len(thinking)
        had_progress, exchange.progress = bool(exchange.progress), ""
        answer = exchange.answer
        if exchange.conversation != self.current or answer is None:
            return
        if had_progress:
            self.transcript.set_progress(answer.id, "")
        if thinking:
            self.transcript.append_thinking(answer.id, "".join(thinking))
        if text:
            self.transcript.append_text(answer.id, "".join(text))
        self._show_pace(exchange)

    def _show_pace(self, exchange: Exchange) -> None:
        passed = time.monotonic() - exchange.first
        if passed > 0.2 and exchange.tokens > 1:
            self.speed.emit((exchange.tokens - 1) / passed)
        if self._use is not None and exchange.prompt_tokens:
            total = exchange.prompt_tokens + exchange.tokens
            self.context_use.emit(replace(self._use, draft=0, total=total, exact=True))

    def _on_event(self, exchange: Exchange, event: object) -> None:
        shown = exchange.conversation == self.current
        if isinstance(event, MessageAdded):
            self._on_added(exchange, event.message, shown)
        elif isinstance(event, MessageSaved):
            self._on_saved(exchange, event.message, shown)
        elif isinstance(event, ModelLoading):
            exchange.loading = event.fraction
            if shown:
                self._show_loading(event.fraction)
                self.engine_state.emit("loading", self._model_name(), event.fraction)
        elif isinstance(event, PromptReady):
            self._on_ready(exchange, event, shown)
        elif isinstance(event, PlainFormat):
            self._plain.add(exchange.conversation)
            self.plain_note.setVisible(self.current in self._plain)
        elif isinstance(event, Started):
            exchange.prompt_tokens = event.prompt_tokens
        elif isinstance(event, PromptProgress):
            self._on_prompt(exchange, event, shown)
        elif isinstance(event, Finished) and shown and event.timings.tokens_per_second:
            self.speed.emit(event.timings.tokens_per_second)

    def _on_added(self, exchange: Exchange, row: MessageRow, shown: bool) -> None:
        self._revision += 1
        if row.role == "user":
            exchange.question = row
            self._refresh_row(row.conversation)
        else:
            exchange.answer = row
            exchange.text, exchange.thinking = [], []
        if shown:
            self._show_added(row)
            self._show_exchange(exchange)
        self._bridge.conversations_changed.emit()

    def _show_added(self, row: MessageRow) -> None:
        """Show a message at its place: after its parent, or instead of itself."""
        ids = [old.id for old in self._rows]
        if row.id in ids:
            self._rows[ids.index(row.id)] = row
            self.transcript.update_message(row)
        elif not ids or ids[-1] == row.parent:
            self._rows.append(row)
            self.transcript.add_message(row)
        else:  # a branch: what followed the parent belongs to another one
            kept = self._rows[: ids.index(row.parent) + 1] if row.parent in ids else []
            self._rows = [*kept, row]
            self.transcript.set_messages(self._rows)
        self._show_page()

    def _on_saved(self, exchange: Exchange, row: MessageRow, shown: bool) -> None:
        self._revision += 1
        exchange.answer = row
        exchange.text, exchange.thinking = [], []
        if shown:
            self._rows = [row if old.id == row.id else old for old in self._rows]
            self.transcript.set_progress(row.id, "")
            self.transcript.update_message(row)

    def _on_ready(self, exchange: Exchange, event: PromptReady, shown: bool) -> None:
        was_loading, exchange.loading = exchange.loading is not None, None
        exchange.context_size = event.context_size
        if shown:
            self._show_loading(None)
            self.engine_state.emit("ready", self._model_name(), 1.0)
        if was_loading:
            self._bridge.engines_changed.emit()

    def _on_prompt(self, exchange: Exchange, event: PromptProgress, shown: bool) -> None:
        answer = exchange.answer
        if answer is None or event.done >= event.total:
            text = ""
        else:
            pattern = QCoreApplication.translate("Chat", "reading the prompt {percent} %")
            text = pattern.format(percent=100 * event.done // max(1, event.total))
        if text != exchange.progress:
            exchange.progress = text
            if shown and answer is not None:
                self.transcript.set_progress(answer.id, text)

    def _on_done(self, exchange: Exchange) -> None:
        was_loading = exchange.loading is not None
        self._end(exchange)
        if exchange.question is None and exchange.answer is None and not exchange.stopped:
            self._after_write(exchange.conversation)  # an edit that is not answered
        elif exchange.answer is None and exchange.stopped:
            self._tell_unanswered(exchange)
        if was_loading:
            self._bridge.engines_changed.emit()

    def _on_failed(self, exchange: Exchange, error: Exception) -> None:
        self._end(exchange)
        conversation = exchange.conversation
        if exchange.question is None and exchange.sent:
            self._give_back(exchange)
        self._notices[conversation] = self._notice_for(exchange, error)
        if isinstance(error, EngineDied):
            self._died.add(conversation)
        if conversation == self.current:
            self._show_notice()
            if isinstance(error, EngineDied):
                self.engine_state.emit("dead", self._model_name(), 0.0)
        if not (exchange.answer is None and exchange.question is None):
            self._after_write(conversation)

    def _end(self, exchange: Exchange) -> None:
        exchange.loading = None
        self._exchanges.pop(exchange.conversation, None)
        if exchange.conversation == self.current:
            self._show_exchange(None)
            self._check_engine()
            self._measure()
        else:
            self.list.set_busy(set(self._exchanges))
        self._refresh_row(exchange.conversation)
        self._bridge.conversations_changed.emit()

    def _give_back(self, exchange: Exchange) -> None:
        """The message could not be stored: put it back where it was written."""
        conversation, text = exchange.conversation, exchange.sent
        if conversation == self.current:
            rest = self.composer.text()
            self.composer.set_text(f"{text}\n\n{rest}" if rest else text)
        else:
            self._saver.put(f"draft {conversation}", lambda: self._store.set_draft(conversation, text))

    # ------------------------------------------------------------ notices

    def _notice_for(self, exchange: Exchange, error: Exception) -> Notice:
        """What to say about an error, with the ways out that fit it."""
        code = error.code if isinstance(error, RolltopError) else ""
        last = exchange.answer or exchange.question
        if code == "context_full" and isinstance(error, RolltopError):
            return error_notice(error, self._context_actions(exchange, error))
        if last is None:
            return error_notice(error)
        if isinstance(error, EngineDied):
            label = QCoreApplication.translate("Chat", "Restart")
            return error_notice(error, [(label, partial(self._restart, last.id))])
        again = (QCoreApplication.translate("Chat", "Try again"), partial(self._regenerate, last.id))
        if isinstance(error, EngineError) or not isinstance(error, UserError):
            return error_notice(error, [again])
        choose = (QCoreApplication.translate("Chat", "Choose a model"), self.choose_model)
        return error_notice(error, [choose, again])

    def _context_actions(self, exchange: Exchange, error: RolltopError) -> list[Action]:
        """Ways out of a full context: more of it, a new chat, or another message."""
        actions: list[Action] = []
        question = self._question_of(exchange)
        tokens, present = int(error.params["tokens"]), int(error.params["context_size"])  # type: ignore[call-overload]
        longest = self.picker.model.context_length if self.picker.model is not None else 0
        if question is None:
            return []
        # The answer's share grows with the context, up to 256 tokens.
        for size in larger_contexts(tokens + 256, present, longest):
            label = QCoreApplication.translate("Chat", "Use a context of {size}").format(size=size)
            actions.append((label, partial(self._use_context, question, size)))
        if exchange.question is None and self._rows[-1].id != question.id:
            return actions  # it has an answer already, which stays
        if question.parent is not None:
            label = QCoreApplication.translate("Chat", "Start a new chat with this message")
            actions.append((label, partial(self._start_over, question.content)))
        label = QCoreApplication.translate("Chat", "Edit message")
        actions.append((label, partial(self._withdraw, question)))
        return actions

    def _question_of(self, exchange: Exchange) -> MessageRow | None:
        if exchange.question is not None:
            return exchange.question
        if exchange.conversation != self.current:
            return None
        return next((row for row in reversed(self._rows) if row.role == "user"), None)

    def _tell_unanswered(self, exchange: Exchange) -> None:
        question = self._question_of(exchange)
        answered = exchange.question is None and self._rows[-1:] != [question]
        if question is None or answered:
            return
        label = QCoreApplication.translate("Chat", "Answer it now")
        self._notices[exchange.conversation] = Notice(
            QCoreApplication.translate("Chat", "Stopped. Your message is kept, without an answer."),
            actions=((label, partial(self._regenerate, question.id)),),
            kind="info",
        )
        if exchange.conversation == self.current:
            self._show_notice()

    def _show_notice(self) -> None:
        notice = self._notices.get(self.current)
        if notice is self._shown_notice and bool(self.notice.text) == (notice is not None):
            return
        self._shown_notice = notice
        if notice is None:
            self.notice.blockSignals(True)
            self.notice.dismiss()
            self.notice.blockSignals(False)
        else:
            self.notice.show_notice(notice)

    def _forget_notice(self) -> None:
        self._notices.pop(self.current, None)

    def _show_failure(self, error: Exception) -> None:
        """Something asked for here could not be done."""
        self.undo_bar.show_notice(error_notice(error))

    def _use_context(self, question: MessageRow, size: int) -> None:
        conversation = question.conversation

        def start() -> Iterable[Any]:
            settings = replace(self._chats.settings_of(conversation), context_size=size)
            self._chats.set_settings(conversation, settings)
            return self._chats.regenerate(question.id)

        if conversation == self.current:
            self._settings = replace(self._settings, context_size=size)
            self.inspector.set_conversation(self.inspector.system.toPlainText(), self._settings)
        self._begin(start, conversation=conversation)

    def _start_over(self, text: str) -> None:
        self._leave()
        self._read(self._fresh, then=lambda: self._send(text))

    def _withdraw(self, question: MessageRow) -> None:
        """Take an unanswered message back into the composer."""

        def back(_leaf: object) -> None:
            rest = self.composer.text()
            self.composer.set_text(f"{question.content}\n\n{rest}" if rest else question.content)
            self.composer.flush()
            self._after_write(question.conversation)
            self.focus_composer()

        self._jobs.run(lambda: self._store.delete_message(question.id), back, self._show_failure)

    # ------------------------------------------------------------ model and settings

    def _choose(self, key: str) -> None:
        current = self.current
        if self.picker.model is not None:
            self._names[key] = self.picker.model.name
        if not current or self._row is None:
            return
        self._row = replace(self._row, model=key)
        self._plain.discard(current)
        self._load(lambda: self._chats.set_model(current, key))

    def _reload(self, settings: ChatSettings) -> None:
        current = self.current
        if current:
            self._settings = settings
            self._load(lambda: self._chats.set_settings(current, settings))

    def _load(self, prepare: Callable[[], object]) -> None:
        """Load the shown conversation's model, after `prepare`; an answer in the making goes on first."""
        current = self.current
        if self._loading_job is not None:
            self._loading_job.cancel()
        if self.busy:  # it takes effect with the next message
            self._saver.put(f"model {current}", prepare)
            return

        def make() -> Iterable[ModelLoading]:
            prepare()
            return self._chats.load(current)

        def progress(events: list[ModelLoading]) -> None:
            if current == self.current:
                self._show_loading(events[-1].fraction)
                self.engine_state.emit("loading", self._model_name(), events[-1].fraction)

        def failed(error: Exception) -> None:
            self._loaded(current)
            if current == self.current:
                choose = (QCoreApplication.translate("Chat", "Choose a model"), self.choose_model)
                self._notices[current] = error_notice(error, [choose])
                self._show_notice()

        self._show_loading(0.0)
        self._loading_job = self._jobs.stream(make, progress, lambda: self._loaded(current), failed)

    def _loaded(self, conversation: str) -> None:
        self._loading_job = None
        if conversation == self.current:
            self._show_loading(None)
            self._measure()
        self._bridge.engines_changed.emit()

    def _cancel_loading(self) -> None:
        exchange = self._exchanges.get(self.current)
        if exchange is not None and exchange.answer is None:
            exchange.cancel()
        if self._loading_job is not None:
            self._loading_job.cancel()
            self._loaded(self.current)

    def _engines_changed(self) -> None:
        self._check_engine()
        self._measure()

    def _check_engine(self) -> None:
        """Say whether the shown conversation's model is loaded, and what it allows."""
        current = self.current
        if not current:
            return

        def look() -> tuple[str, int, Any]:
            model = self._chats.model_of(current)
            return model.name, model.context_length, self._workbench.engines.get(str(model.path))

        def show(found: tuple[str, int, Any]) -> None:
            name, longest, engine = found
            exchange = self._exchanges.get(current)
            if current != self.current or (exchange is not None and exchange.loading is not None):
                return
            self.inspector.set_limits(longest, engine.info.layers if engine is not None else 0)
            if engine is not None:
                self._died.discard(current)
            if self._loading_job is None:
                idle = "dead" if current in self._died else "none"
                self.engine_state.emit("ready" if engine is not None else idle, name, 1.0)

        # A model that cannot be found is told when it is needed; here it is merely not ready.
        self._jobs.run(look, show, lambda _error: self.engine_state.emit("none", "", 0.0))

    def _keep_settings(self, settings: ChatSettings) -> None:
        current, self._settings = self.current, settings
        if current:
            self._saver.put(f"settings {current}", lambda: self._chats.set_settings(current, settings))

    def _keep_system(self, text: str) -> None:
        current = self.current
        if current:
            self._saver.put(f"system {current}", lambda: self._chats.set_system(current, text))
            self._measure()

    def _keep_draft(self, draft: str) -> None:
        current = self.current
        if current and not self._store.read_only:
            key = "" if self.is_new else current
            self._saver.put(f"draft {key}", lambda: self._store.set_draft(key, draft))

    def _measure(self) -> None:
        """Count the tokens of what would be sent; one count at a time, the newest text last."""
        current = self.current
        if not current:
            return
        if self._measuring:
            self._measure_again = True
            return
        self._measuring, self._measure_again = True, False
        draft = self.composer.text()

        def measured(use: ContextUse | None) -> None:
            self._measuring = False
            if self._measure_again:
                self._measure()
            elif use is not None and current == self.current:
                self._show_use(use)

        def count() -> ContextUse:
            self._saver.flush()
            return self._chats.measure(current, draft)

        # A count that fails (a missing model, an engine that died) has nothing to show.
        self._jobs.run(count, measured, lambda _error: measured(None))

    def _show_use(self, use: ContextUse | None) -> None:
        self._use = use
        self.inspector.set_use(use)
        self.composer.set_tokens(use.draft if use is not None else None, use is None or use.exact)
        exchange = self._exchanges.get(self.current)
        if exchange is None or not exchange.tokens:
            self.context_use.emit(use)

    # ------------------------------------------------------------ what messages can do

    def _message(self, message: str) -> MessageRow | None:
        return next((row for row in self._rows if row.id == message), None)

    def _last(self, role: str) -> MessageRow | None:
        return next((row for row in reversed(self._rows) if row.role == role), None)

    def _copy(self, message: str) -> None:
        exchange = self._exchanges.get(self.current)
        running = exchange.row() if exchange is not None else None
        row = running if running is not None and running.id == message else self._message(message)
        if row is not None:
            QGuiApplication.clipboard().setText(row.content)

    def _edit(self, message: str, text: str) -> None:
        row = self._message(message)
        if row is not None and text.strip() and text != row.content:
            self._begin(lambda: self._chats.edit(message, text))

    def _regenerate(self, message: str) -> None:
        self._begin(lambda: self._chats.regenerate(message))

    def _continue(self, message: str) -> None:
        self._begin(lambda: self._chats.continue_(message))

    def _restart(self, message: str) -> None:
        """Go on with an interrupted answer, or answer the message that has none."""
        row = self._message(message)
        if row is not None and row.role == "assistant" and self._rows[-1].id == message:
            self._continue(message)
        else:
            self._regenerate(message)

    def _branch(self, message: str, step: int) -> None:
        if not self.busy:
            current = self.current
            self._jobs.run(
                lambda: self._store.select_sibling(message, step),
                lambda _leaf: self._after_write(current),
                self._show_failure,
            )

    def _delete_message(self, message: str) -> None:
        if self.busy:
            return
        current = self.current

        def deleted(_leaf: object) -> None:
            self._notices.pop(current, None)
            self._after_write(current)
            self._offer_undo(
                QCoreApplication.translate("Chat", "The message and what followed it were deleted."),
                lambda: self._store.restore_message(message),
                current,
            )

        self._jobs.run(lambda: self._store.delete_message(message), deleted, self._show_failure)

    def _after_write(self, conversation: str) -> None:
        self._revision += 1
        if conversation == self.current:
            self.reload()
        self._bridge.conversations_changed.emit()

    def _show_prompt(self, some_id: str) -> None:
        """Show what the model saw for a message, or for the last one of a conversation."""
        place = next((i for i, row in enumerate(self._rows) if row.id == some_id), len(self._rows) - 1)
        if place < 0:
            return
        last = self._rows[place]
        seen = self._rows[: place + (last.role == "user")]
        contents = [part for row in seen for part in (row.thinking, row.content)]
        target = last.id

        def show(prompt: Prompt | None) -> None:
            if prompt is None:
                load = (QCoreApplication.translate("Chat", "Load the model"), self._load_now)
                self.notice.show_info(
                    QCoreApplication.translate("Chat", "The prompt can be shown while the model is loaded."),
                    actions=[load],
                )
            else:
                PromptView(prompt, [last.system, *contents], self._theme, self).open()

        self._jobs.run(lambda: self._chats.saw(target), show, self._show_failure)

    def _load_now(self) -> None:
        self._load(lambda: None)

    def _open_link(self, url: str) -> None:
        """Show where a link leads before a browser opens it."""
        target = QUrl(url)
        if target.scheme() not in ("http", "https", "mailto"):
            return
        box = QMessageBox(self)
        box.setWindowTitle(QCoreApplication.translate("Chat", "Open link"))
        box.setText(QCoreApplication.translate("Chat", "Open this address in the browser?"))
        box.setInformativeText(url)
        box.setStandardButtons(QMessageBox.StandardButton.Open | QMessageBox.StandardButton.Cancel)
        for label in box.findChildren(QLabel):
            label.setTextFormat(label.textFormat().PlainText)
        box.accepted.connect(lambda: QDesktopServices.openUrl(target))
        box.open()

    # ------------------------------------------------------------ what conversations can do

    def _refresh_row(self, conversation: str) -> None:
        """Read a conversation's title and place again when it is the one shown."""

        def show(row: ConversationRow) -> None:
            if row.id == self.current:
                self._row = row
                self._show_header()
                self.picker.set_model(row.model)
                self.list.set_current(row.id)

        if conversation == self.current:
            self._jobs.run(lambda: self._store.conversation(conversation), show, lambda _error: None)

    def _rename(self, conversation: str, title: str) -> None:
        def renamed(_row: object) -> None:
            self._refresh_row(conversation)
            self._bridge.conversations_changed.emit()

        self._jobs.run(
            lambda: self._store.update_conversation(conversation, title=title), renamed, self._show_failure
        )

    def _export(self, conversation: str) -> None:
        name = file_name(self.list.title_of(conversation))
        target, _kind = QFileDialog.getSaveFileName(
            self,
            QCoreApplication.translate("Chat", "Export as Markdown"),
            name,
            QCoreApplication.translate("Chat", "Markdown (*.md)"),
        )
        if target:
            self._jobs.run(lambda: self._write(conversation, Path(target)), failed=self._show_failure)

    def _write(self, conversation: str, target: Path) -> None:
        text = self._chats.export_markdown(conversation)
        try:
            target.write_text(text, encoding="utf-8")
        except OSError as error:
            reason = error.strerror or str(error)
            raise UserError("The file could not be written: {reason}.", reason=reason) from error

    def _offer_undo(self, words: str, restore: Callable[[], object], conversation: str) -> None:
        def undo() -> None:
            if undo in self._undos:
                self._undos.remove(undo)
                self._jobs.run(restore, restored, self._show_failure)

        def restored(_result: object) -> None:
            self._bridge.conversations_changed.emit()
            if conversation == self.current:
                self._after_write(conversation)
            else:
                self.open_conversation(conversation)

        self._undos.append(undo)
        self.undo_bar.show_undo(words, undo)

    # ------------------------------------------------------------ actions of the window

    def focus_search(self) -> None:
        """Put the keyboard into the search field, unfolding the list."""
        if self.list.isHidden():
            self.toggle_list()
        self.list.focus_search()

    def focus_composer(self) -> None:
        """Put the keyboard into the composer."""
        self.composer.edit.setFocus()

    def stop(self) -> None:
        """Stop the answer of the shown conversation; what there is stays."""
        exchange = self._exchanges.get(self.current)
        if exchange is not None:
            exchange.cancel()
        if self._loading_job is not None:
            self._cancel_loading()

    def regenerate_last(self) -> None:
        """Answer the last message again, beside the answer it has."""
        if self._rows:
            self._regenerate(self._rows[-1].id)

    def continue_last(self) -> None:
        """Go on with the last answer."""
        if self._rows and self._rows[-1].role == "assistant":
            self._continue(self._rows[-1].id)

    def copy_last_answer(self) -> None:
        """Copy the last answer as Markdown."""
        row = self._last("assistant")
        if row is not None:
            self._copy(row.id)

    def edit_last(self) -> None:
        """Edit the user's last message in its place."""
        row = self._last("user")
        if row is not None and not self.busy:
            self.transcript.start_edit(row.id)

    def previous_branch(self) -> None:
        """Step to the version before, at the lowest message that has several."""
        self._step_branch(-1)

    def next_branch(self) -> None:
        """Step to the version after, at the lowest message that has several."""
        self._step_branch(1)

    def _step_branch(self, step: int) -> None:
        row = next((row for row in reversed(self._rows) if row.siblings > 1), None)
        if row is not None and 0 <= row.sibling + step < row.siblings:
            self._branch(row.id, step)

    def previous_conversation(self) -> None:
        """Open the conversation above."""
        self.open_conversation(self.list.neighbour(-1))

    def next_conversation(self) -> None:
        """Open the conversation below."""
        self.open_conversation(self.list.neighbour(1))

    def rename_conversation(self) -> None:
        """Edit the title."""
        self.title.start()

    def delete_conversation(self, conversation: str = "") -> None:
        """Move a conversation, by default the shown one, to the trash; it can be taken back."""
        conversation = conversation or self.current
        if not conversation or (conversation == self.current and self.is_new):
            return
        neighbour = self.list.neighbour(1) or self.list.neighbour(-1)
        title = self.list.title_of(conversation)
        exchange = self._exchanges.get(conversation)
        if exchange is not None:
            exchange.cancel()

        def deleted(_result: object) -> None:
            self._bridge.conversations_changed.emit()
            if conversation == self.current:
                if neighbour:
                    self.open_conversation(neighbour)
                else:
                    self.new_chat()
            words = QCoreApplication.translate("Chat", "“{title}” was deleted.").format(title=title)
            self._offer_undo(words, lambda: self._store.restore_conversation(conversation), conversation)

        self._jobs.run(lambda: self._store.delete_conversation(conversation), deleted, self._show_failure)

    def undo_delete(self) -> None:
        """Take back the last deletion."""
        if self._undos:
            self.undo_bar.dismiss()
            self._undos[-1]()

    def choose_model(self) -> None:
        """Open the model picker."""
        self.picker.open()

    def toggle_list(self) -> None:
        """Fold or unfold the conversations."""
        self._toggle(self.list, "show_list")

    def toggle_inspector(self) -> None:
        """Fold or unfold the inspector."""
        self._toggle(self.inspector, "show_inspector")

    def _toggle(self, side: QWidget, key: str) -> None:
        shown = side.isHidden()
        side.setVisible(shown)
        self._saver.put(key, lambda: self._workbench.settings.set(key, shown))

    def about_to_close(self) -> None:
        """Keep drafts and settings, and stop what runs so that it is saved as it is."""
        self._leave()
        for exchange in list(self._exchanges.values()):
            exchange.cancel()
        self._saver.flush()

    def _act_on_empty(self) -> None:
        self.choose_model()
