"""The chat panel: conversations, the one that is shown, its model and its settings side by side."""

from __future__ import annotations

import re
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Literal

from PySide6.QtCore import QCoreApplication, Signal
from PySide6.QtGui import QResizeEvent
from PySide6.QtWidgets import QFileDialog, QHBoxLayout, QVBoxLayout, QWidget

from desktop.ui.bridge import Bridge
from desktop.ui.jobs import Job, Jobs
from desktop.ui.notices import Notice, error_text
from desktop.ui.panels.chat_model import ChatModel
from desktop.ui.panels.conversation import ConversationView
from desktop.ui.panels.exchange import Exchange, Exchanges, ModelNames, Saver
from desktop.ui.theme import Theme
from desktop.ui.widgets.buttons import tool_button
from desktop.ui.widgets.chat_parts import EditableTitle
from desktop.ui.widgets.composer import Composer
from desktop.ui.widgets.conversation_list import ConversationList, shown_title
from desktop.ui.widgets.inspector import Inspector
from desktop.ui.widgets.model_picker import ModelPicker
from desktop.workbench.chat_settings import ChatSettings
from desktop.workbench.store import ConversationRow, MessageRow
from desktop.workbench.workbench import Workbench
from models.errors import UserError

FRESH = "ui.new_chat"
"""Where the store keeps the id of the conversation that a new chat will become."""
NARROW = 950
"""Pixels of width below which the inspector is folded until it is asked for."""


@dataclass(frozen=True)
class Opened:
    """A conversation as it was read for showing."""

    row: ConversationRow
    settings: ChatSettings
    messages: list[MessageRow]
    draft: str


def file_name(title: str) -> str:
    """A file name made of a title, with nothing in it that means something to a file system."""
    words = re.sub(r'[\x00-\x1f\x7f<>:"/\\|?*]+', " ", title).strip(" .")
    return (" ".join(words.split())[:80] or "chat") + ".md"


class ChatPanel(QWidget):
    """Frames the chat: which conversation is shown, what is done with whole conversations, actions.

    Attributes:
        list, title, picker, inspector: the sides; view: the conversation; model: what answers it.
        exchanges: the answers in the making, several conversations at once.
    Signals:
        engine_state(str state, str model, float fraction): "none", "loading", "ready" or "dead".
        context_use(ContextUse or None): of the open conversation, with what is being written.
        speed(float): tokens per second of the open conversation's answer.
        opened(str id): another conversation is shown.
        busy_changed(bool): an answer is being made in the open conversation, or no more.
        action_requested(str): the window is to do one of its actions.
        summarize_requested, rewrite_requested(str text, str name): a message is sent on.
    """

    engine_state = Signal(str, str, float)
    context_use = Signal(object)
    speed = Signal(float)
    opened = Signal(str)
    busy_changed = Signal(bool)
    action_requested = Signal(str)
    summarize_requested = Signal(str, str)
    rewrite_requested = Signal(str, str)

    def __init__(
        self, workbench: Workbench, jobs: Jobs, bridge: Bridge, theme: Theme, parent: QWidget | None = None
    ) -> None:
        super().__init__(parent)
        self._workbench, self._jobs, self._bridge, self._theme = workbench, jobs, bridge, theme
        self._chats, self._store = workbench.chats, workbench.store
        self._saver = Saver(jobs, lambda error: self.view.fail(error))
        self._names = ModelNames(workbench.library)
        self.exchanges = Exchanges(jobs, self._saver, self._names, self)
        self._row: ConversationRow | None = None
        self._opening: Job | None = None
        self._moving = False
        self._narrow = False
        # Counts what was added or saved, so that a read made meanwhile is known to be old.
        self._revision = 0
        self._build()
        self._connect_sides()
        self._connect_conversation()
        self._apply_settings()
        self.list.refresh()
        self._tell_store_state()
        if self._store.read_only:
            self._read(self._newest)
        else:
            self.new_chat()

    # ------------------------------------------------------------ building

    def _build(self) -> None:
        jobs, theme = self._jobs, self._theme
        self.list = ConversationList(self._store, jobs, theme, self)
        self.list_button = tool_button(
            theme, "panel-left", QCoreApplication.translate("Chat", "Show or hide the conversations"), self
        )
        self.title = EditableTitle(theme, self)
        self.picker = ModelPicker(self._workbench, jobs, self._bridge, theme, self)
        self.picker.find_requested.connect(lambda: self.action_requested.emit("find_models"))
        self.inspector_button = tool_button(
            theme, "panel-right", QCoreApplication.translate("Chat", "Show or hide the inspector"), self
        )
        # Without a parent yet: Tab goes to things in the order in which they come here.
        self.composer, self.inspector = Composer(theme), Inspector(theme)
        self.model = ChatModel(
            self._workbench, jobs, self._bridge, self.exchanges, self._saver,
            self.picker, self.inspector, self.composer,
        )  # fmt: skip
        self.view = ConversationView(
            self._chats, jobs, self.exchanges, self.model, self._names, self.composer, theme, self
        )
        self.transcript, self.notice, self.undo_bar = (
            self.view.transcript, self.view.notice, self.view.undo_bar,
        )  # fmt: skip
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
        middle = QVBoxLayout()
        middle.setContentsMargins(0, 0, 0, 16)
        middle.setSpacing(8)
        middle.addLayout(header)
        middle.addWidget(self.view, 1)
        row = QHBoxLayout(self)
        row.setContentsMargins(0, 0, 0, 0)
        row.setSpacing(0)
        row.addWidget(self.list)
        row.addLayout(middle, 1)
        row.addWidget(self.inspector)

    def _connect_sides(self) -> None:
        self.list.new_requested.connect(self.new_chat)
        self.list.opened.connect(self.open_conversation)
        self.list.delete_requested.connect(self.delete_conversation)
        self.list.renamed.connect(self._rename)
        self.list.export_requested.connect(self._export)
        self.list_button.clicked.connect(self.toggle_list)
        self.inspector_button.clicked.connect(self.toggle_inspector)
        self.title.edited.connect(lambda title: self._rename(self.current, title))
        self.inspector.prompt_requested.connect(lambda: self.view.show_prompt())
        self._bridge.conversations_changed.connect(self.list.refresh)
        self._bridge.conversation_changed.connect(self._changed_elsewhere)
        self._bridge.settings_changed.connect(lambda _key: self._apply_settings())

    def _connect_conversation(self) -> None:
        self.composer.submitted.connect(self._send)
        self.composer.stop_requested.connect(self.stop)
        self.composer.draft_changed.connect(self._keep_draft)
        self.view.changed.connect(self._changed)
        self.view.restored.connect(self._restored)
        self.view.fresh_wanted.connect(self._start_over)
        self.view.summarize_requested.connect(lambda text: self.summarize_requested.emit(text, self._name()))
        self.view.rewrite_requested.connect(lambda text: self.rewrite_requested.emit(text, self._name()))
        self.model.state.connect(self.engine_state)
        self.model.use.connect(self.context_use)
        self.model.speed.connect(self.speed)
        self.exchanges.began.connect(self._show_busy)
        self.exchanges.added.connect(self._added)
        self.exchanges.saved.connect(self._saved)
        self.exchanges.ended.connect(self._ended)

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
        if self._store.warning is not None:
            kind: Literal["error", "info"] = "error" if self._store.read_only else "info"
            self.view.say(Notice(*error_text(self._store.warning), kind=kind))

    # ------------------------------------------------------------ opening

    @property
    def current(self) -> str:
        """The id of the conversation that is shown; "" before the first one is."""
        return self.view.conversation

    @property
    def is_new(self) -> bool:
        """Whether the shown conversation has no message yet."""
        return not self.view.rows

    @property
    def busy(self) -> bool:
        """Whether an answer is being made in the shown conversation."""
        return self.view.busy

    def new_chat(self) -> None:
        """Show an empty conversation; it is listed once something was sent."""
        self._leave()
        self._read(self._fresh, then=self.focus_composer)

    def open_conversation(self, conversation: str) -> None:
        """Show a conversation."""
        if conversation and conversation != self.current:
            self._leave()
            self._read(partial(self._store.conversation, conversation))

    def reload(self) -> None:
        """Read the shown conversation again, keeping what is in the composer."""
        # Not when another one is about to be shown: that would call it off.
        if self.current and not self._leaving:
            self._read(partial(self._store.conversation, self.current), keep_draft=True)

    @property
    def _leaving(self) -> bool:
        return self._opening is not None and self._moving

    def _leave(self) -> None:
        self.composer.flush()
        self.inspector.flush()

    def _read(
        self,
        find: Callable[[], ConversationRow],
        *,
        keep_draft: bool = False,
        then: Callable[[], object] = lambda: None,
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
            self._names.learn(message.model for message in messages)
            return Opened(row, self._chats.settings_of(row.id), messages, draft)

        def show(opened: Opened) -> None:
            self._opening = None
            if revision != self._revision:  # something was added while this was read
                self._read(find, keep_draft=keep_draft, then=then)
                return
            self._show(opened, keep_draft=keep_draft)
            then()

        def failed(error: Exception) -> None:
            self._opening = None
            if not self.current:  # nothing is shown that would say what the model is
                self.picker.set_model("")
            self.view.fail(error)

        self._opening = self._jobs.run(read, show, failed)

    def _fresh(self) -> ConversationRow:
        """The conversation that a new chat will become: the one kept for it, or another."""
        kept = self._store.get_setting(FRESH, "")
        with suppress(UserError):  # it was used or deleted meanwhile
            if kept and self.exchanges.get(kept) is None:
                row = self._store.conversation(kept)
                if row.leaf is None and not row.messages:
                    return row
        row = self._chats.new()
        # Without values of its own it follows the settings of the app until they are changed here.
        row = self._store.update_conversation(row.id, settings={})
        self._store.set_setting(FRESH, row.id)
        return row

    def _newest(self) -> ConversationRow:
        rows = self._store.conversations(limit=1)
        if not rows:
            raise UserError("There is no conversation yet, and none can be begun: the history is read only.")
        return rows[0]

    def _show(self, opened: Opened, *, keep_draft: bool) -> None:
        row, changed = opened.row, opened.row.id != self.current
        # What was typed before the first conversation was there stays.
        keep_draft = keep_draft or (not self.current and not self.composer.is_empty())
        about = shown_title(row) if row.title and row.system and row.leaf is None else ""
        draft = None if keep_draft else opened.draft
        self.view.show_conversation(row.id, opened.messages, draft, about=about)
        self._show_row(row)
        self.inspector.set_prompt_enabled(not self.is_new)
        self._show_busy()
        self.model.show(row.id, row.model, row.system, opened.settings)
        if changed:
            last = self.view.last("assistant")
            self.speed.emit(float(last.timings.get("tokens_per_second") or 0.0) if last is not None else 0.0)
            self.opened.emit(row.id)

    def _show_row(self, row: ConversationRow) -> None:
        self._row = row
        self.title.set_title(row.title, editable=not self.is_new)
        self.list.set_current(row.id)

    def _show_busy(self) -> None:
        self.list.set_busy(self.exchanges.ids())
        self.busy_changed.emit(self.busy)

    def _name(self) -> str:
        """What the shown conversation is known by."""
        return self._row.title if self._row is not None else ""

    # ------------------------------------------------------------ what changed

    def _changed(self, conversation: str) -> None:
        """Something about its messages was written: show it."""
        self._revision += 1
        if conversation == self.current:
            self.reload()
        self._bridge.conversations_changed.emit()

    def _changed_elsewhere(self, conversation: str) -> None:
        if conversation == self.current and not self.busy:
            self.reload()

    def _restored(self, conversation: str) -> None:
        self._changed(conversation)
        self.open_conversation(conversation)

    def _added(self, exchange: Exchange, row: MessageRow) -> None:
        self._revision += 1
        self.inspector.set_prompt_enabled(not self.is_new)
        if row.role == "user":
            self._refresh_row(exchange.conversation)
        self._bridge.conversations_changed.emit()

    def _saved(self) -> None:
        self._revision += 1

    def _ended(self, exchange: Exchange, error: Exception | None) -> None:
        self._show_busy()
        if error is not None and exchange.question is None and exchange.sent:
            self._give_back(exchange)
        self._refresh_row(exchange.conversation)
        self._bridge.conversations_changed.emit()

    def _give_back(self, exchange: Exchange) -> None:
        """The message could not be stored: put it back where it was written."""
        if exchange.conversation == self.current:
            self.composer.give_back(exchange.sent)
        else:
            self._put_draft(exchange.conversation, exchange.sent)

    def _refresh_row(self, conversation: str) -> None:
        """Read a conversation's title and place again when it is the one shown."""

        def show(row: ConversationRow) -> None:
            if row.id == self.current:
                self._show_row(row)
                self.picker.set_model(row.model)

        if conversation == self.current:
            self._jobs.run(lambda: self._store.conversation(conversation), show, lambda _error: None)

    def _title_of(self, conversation: str) -> str:
        """The title as it is shown; the list may not have read that of the shown one yet."""
        if self._row is not None and self._row.id == conversation:
            return shown_title(self._row)
        return self.list.title_of(conversation)

    # ------------------------------------------------------------ writing

    def _send(self, text: str) -> None:
        current = self.current
        if current and not self.busy and not self._leaving:
            self.inspector.flush()
            self.composer.clear()
            self._keep_draft("")
            self.exchanges.begin(current, partial(self._chats.send, current, text), sent=text)

    def _start_over(self, text: str) -> None:
        self._leave()
        self._read(self._fresh, then=lambda: self._send(text))

    def _keep_draft(self, draft: str) -> None:
        if self.current and not self._store.read_only:
            self._put_draft("" if self.is_new else self.current, draft)

    def _put_draft(self, key: str, draft: str) -> None:
        self._saver.put(f"draft {key}", lambda: self._store.set_draft(key, draft))

    # ------------------------------------------------------------ what conversations can do

    def _rename(self, conversation: str, title: str) -> None:
        def renamed(_row: object) -> None:
            self._refresh_row(conversation)
            self._bridge.conversations_changed.emit()

        rename = partial(self._store.update_conversation, conversation, title=title)
        self._jobs.run(rename, renamed, self.view.fail)

    def _export(self, conversation: str) -> None:
        target, _kind = QFileDialog.getSaveFileName(
            self,
            QCoreApplication.translate("Chat", "Export as Markdown"),
            file_name(self._title_of(conversation)),
            QCoreApplication.translate("Chat", "Markdown (*.md)"),
        )
        if target:
            self._jobs.run(lambda: self._write(conversation, Path(target)), failed=self.view.fail)

    def _write(self, conversation: str, target: Path) -> None:
        text = self._chats.export_markdown(conversation)
        try:
            target.write_text(text, encoding="utf-8")
        except OSError as error:
            reason = error.strerror or str(error)
            raise UserError("The file could not be written: {reason}.", reason=reason) from error

    def delete_shown(self) -> None:
        """Move the shown conversation to the trash."""
        self.delete_conversation()

    def delete_conversation(self, conversation: str = "") -> None:
        """Move a conversation, by default the shown one, to the trash; it can be taken back."""
        conversation = conversation or self.current
        if not conversation or (conversation == self.current and self.is_new):
            return
        neighbour = self.list.neighbour(1) or self.list.neighbour(-1)
        title = self._title_of(conversation)
        exchange = self.exchanges.get(conversation)
        if exchange is not None:
            exchange.cancel()

        def deleted(_result: object) -> None:
            self._bridge.conversations_changed.emit()
            if conversation == self.current and neighbour:
                self.open_conversation(neighbour)
            elif conversation == self.current:
                self.new_chat()
            words = QCoreApplication.translate("Chat", "“{title}” was deleted.").format(title=title)
            restore = partial(self._store.restore_conversation, conversation)
            self.view.offer_undo(words, restore, conversation)

        self._jobs.run(lambda: self._store.delete_conversation(conversation), deleted, self.view.fail)

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
        exchange = self.exchanges.get(self.current)
        if exchange is not None:
            exchange.cancel()
        self.model.cancel()

    def regenerate_last(self) -> None:
        """Answer the last message again, beside the answer it has."""
        self._with_last(self.view.regenerate)

    def continue_last(self) -> None:
        """Go on with the last answer."""
        row = self.view.last()
        if row is not None and row.role == "assistant":
            self.view.continue_(row.id)

    def copy_last_answer(self) -> None:
        """Copy the last answer as Markdown."""
        self._with_last(self.view.copy, "assistant")

    def _with_last(self, act: Callable[[str], object], role: str = "") -> None:
        row = self.view.last(role)
        if row is not None:
            act(row.id)

    def edit_last(self) -> None:
        """Edit the user's last message in its place."""
        self.view.edit_last()

    def previous_branch(self) -> None:
        """Step to the version before, at the lowest message that has one."""
        self.view.step_branch(-1)

    def next_branch(self) -> None:
        """Step to the version after, at the lowest message that has one."""
        self.view.step_branch(1)

    def show_previous(self) -> None:
        """Open the conversation above."""
        self.open_conversation(self.list.neighbour(-1))

    def show_next(self) -> None:
        """Open the conversation below."""
        self.open_conversation(self.list.neighbour(1))

    def rename_conversation(self) -> None:
        """Edit the title."""
        self.title.start()

    def undo_delete(self) -> None:
        """Take back the last deletion."""
        self.view.undo()

    def choose_model(self) -> None:
        """Open the model picker."""
        self.model.choose()

    def toggle_list(self) -> None:
        """Fold or unfold the conversations."""
        self._toggle(self.list, "show_list")

    def toggle_inspector(self) -> None:
        """Fold or unfold the inspector."""
        self._toggle(self.inspector, "show_inspector")

    def _toggle(self, side: QWidget, key: str) -> None:
        shown = side.isHidden()
        side.setVisible(shown)
        if not self._store.read_only:
            self._saver.put(key, lambda: self._workbench.settings.set(key, shown))

    def about_to_close(self) -> None:
        """Keep drafts and settings, and stop what runs so that it is saved as it is."""
        self._leave()
        self.exchanges.cancel()
        self._saver.flush()
