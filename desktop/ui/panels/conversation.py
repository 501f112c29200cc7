"""One conversation as it is read and written: its messages, the answer in the making, the composer."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import partial
from typing import Any

from PySide6.QtCore import QCoreApplication, Signal, SignalInstance
from PySide6.QtGui import QGuiApplication
from PySide6.QtWidgets import QStackedWidget, QVBoxLayout, QWidget

from desktop.ui.jobs import Jobs
from desktop.ui.notices import Notice, NoticeBar, error_notice
from desktop.ui.panels import offers
from desktop.ui.panels.chat_model import ChatModel
from desktop.ui.panels.exchange import Exchange, Exchanges, ModelNames
from desktop.ui.theme import Theme
from desktop.ui.widgets.chat_parts import EmptyState, column
from desktop.ui.widgets.composer import Composer
from desktop.ui.widgets.links import ask_to_open
from desktop.ui.widgets.prompt_view import PromptView
from desktop.ui.widgets.transcript import Transcript
from desktop.workbench.chat import Chats
from desktop.workbench.store import MessageRow
from models.engine.protocol import Prompt


class ConversationView(QWidget):
    """Shows one conversation, does what its messages can do, and says what went wrong there.

    Attributes:
        conversation: the id of what is shown, "" before anything is. rows: its messages.
    Signals:
        changed(str id): the store has other messages of it now.
        restored(str id): a deletion was taken back.
        fresh_wanted(str): send this text in a new chat.
        summarize_requested, rewrite_requested(str text): send a message on.
    """

    changed = Signal(str)
    restored = Signal(str)
    fresh_wanted = Signal(str)
    summarize_requested = Signal(str)
    rewrite_requested = Signal(str)

    def __init__(
        self, chats: Chats, jobs: Jobs, exchanges: Exchanges, model: ChatModel, names: ModelNames,
        composer: Composer, theme: Theme, parent: QWidget,
    ) -> None:  # fmt: skip
        super().__init__(parent)
        self._chats, self._jobs, self._exchanges, self._model = chats, jobs, exchanges, model
        self._theme, self.composer = theme, composer
        self.conversation = ""
        self.rows: list[MessageRow] = []
        self._notices: dict[str, Notice] = {}
        self._undos: list[Callable[[], object]] = []
        self.transcript = Transcript(theme, self, jobs=jobs)
        self.transcript.model_name = names
        self.empty = EmptyState(self)
        self.pages = QStackedWidget(self)
        self.notice, self.undo_bar = NoticeBar(theme, self), NoticeBar(theme, self)
        self._lay_out()
        self._connect()

    def _lay_out(self) -> None:
        self.pages.addWidget(self.empty)
        self.pages.addWidget(self.transcript)
        self._invite("")
        foot = QWidget()
        parts = QVBoxLayout(foot)
        parts.setContentsMargins(0, 0, 0, 0)
        parts.setSpacing(8)
        for part in (self.undo_bar, self.notice, self._model.line, self._model.note, self.composer):
            parts.addWidget(part)
        rows = QVBoxLayout(self)
        rows.setContentsMargins(0, 0, 0, 0)
        rows.setSpacing(8)
        rows.addWidget(self.pages, 1)
        rows.addWidget(column(foot))

    def _connect(self) -> None:
        view = self.transcript
        view.copy_requested.connect(self.copy)
        view.edit_submitted.connect(self._edit)
        view.regenerate_requested.connect(self.regenerate)
        view.continue_requested.connect(self.continue_)
        view.restart_requested.connect(self.restart)
        view.branch_requested.connect(self._branch)
        view.delete_requested.connect(self._delete)
        view.saw_requested.connect(self.show_prompt)
        view.summarize_requested.connect(lambda id: self._send_on(id, self.summarize_requested))
        view.rewrite_requested.connect(lambda id: self._send_on(id, self.rewrite_requested))
        view.link_activated.connect(lambda url: ask_to_open(url, self))
        self.composer.edit_last_requested.connect(self.edit_last)
        self.empty.acted.connect(self.choose_model)
        self.notice.closed.connect(lambda: self._notices.pop(self.conversation, None))
        self._model.failed.connect(self._not_loaded)
        self._exchanges.began.connect(self._began)
        self._exchanges.added.connect(self._added)
        self._exchanges.grown.connect(self._grown)
        self._exchanges.told.connect(self._told)
        self._exchanges.saved.connect(self._saved)
        self._exchanges.ended.connect(self._ended)

    # ------------------------------------------------------------ what is shown

    @property
    def busy(self) -> bool:
        """Whether an answer is being made here."""
        return self._exchanges.get(self.conversation) is not None

    def show_conversation(
        self, conversation: str, rows: list[MessageRow], draft: str | None, *, about: str = ""
    ) -> None:
        """Show a conversation as it was read; None leaves what is in the composer.

        `about`: the title of the text that a conversation without messages was opened to talk about.
        """
        self.conversation = conversation
        self._invite(about)
        exchange = self._exchanges.get(conversation)
        heard = exchange.row() if exchange is not None else None
        # What has been heard of a running answer is newer than what was read of it.
        self.rows = [heard if heard is not None and row.id == heard.id else row for row in rows]
        # The page first: it gets its size by that, and thousands of messages are measured only once.
        self._show_page()
        self.transcript.set_messages(self.rows)
        if draft is not None:
            self.composer.set_draft(draft)
        self._show_exchange(exchange)
        self._show_notice()

    def last(self, role: str = "") -> MessageRow | None:
        """The last message, or the last one of a role."""
        return next((row for row in reversed(self.rows) if role in ("", row.role)), None)

    def say(self, notice: Notice) -> None:
        """Show something above the composer that is about no conversation."""
        self.undo_bar.show_notice(notice)

    def fail(self, error: Exception) -> None:
        """Something asked for here could not be done."""
        self.say(error_notice(error))

    def _invite(self, about: str) -> None:
        """What an empty conversation says."""
        words = QCoreApplication.translate("Chat", "Ask anything: what you write stays on this computer.")
        if about:
            words = QCoreApplication.translate(
                "Chat", "Ask about “{title}”: the system prompt of this chat has it."
            ).format(title=about)
        self.empty.say(words, QCoreApplication.translate("Chat", "Choose a model"))

    def _show_page(self) -> None:
        self.pages.setCurrentWidget(self.transcript if self.rows else self.empty)

    def _show_exchange(self, exchange: Exchange | None) -> None:
        """Show whether an answer is being made here, and how far it is."""
        self.composer.set_busy(exchange is not None)
        answer = exchange.answer if exchange is not None else None
        self.transcript.set_busy(answer.id if answer is not None else None)
        if exchange is not None and answer is not None:
            self.transcript.set_progress(answer.id, exchange.progress)

    def _show_notice(self) -> None:
        notice = self._notices.get(self.conversation)
        if notice is not None:
            self.notice.show_notice(notice)
        else:
            self.notice.hide()  # not dismissed: nothing is forgotten by going elsewhere

    def _tell(self, conversation: str, notice: Notice | None) -> None:
        """Say something about a conversation, now or when it is shown; None takes it back."""
        self._notices.pop(conversation, None)
        if notice is not None:
            self._notices[conversation] = notice
        if conversation == self.conversation:
            self._show_notice()

    # ------------------------------------------------------------ an answer in the making

    def begin(self, start: Callable[[], Iterable[Any] | None]) -> None:
        """Run a turn here and show what it says."""
        self._exchanges.begin(self.conversation, start)

    def _began(self, exchange: Exchange) -> None:
        self._tell(exchange.conversation, None)
        self._told(exchange)

    def _told(self, exchange: Exchange) -> None:
        if exchange.conversation == self.conversation:
            self._show_exchange(exchange)

    def _added(self, exchange: Exchange, row: MessageRow) -> None:
        if exchange.conversation == self.conversation:
            self._show_added(row)
            self._show_exchange(exchange)

    def _show_added(self, row: MessageRow) -> None:
        """Show a message at its place: after its parent, or instead of itself."""
        ids = [old.id for old in self.rows]
        if row.id in ids:
            self.rows[ids.index(row.id)] = row
            self.transcript.update_message(row)
        elif not ids or ids[-1] == row.parent:
            self.rows.append(row)
            self.transcript.add_message(row)
        else:  # a branch: what followed the parent belongs to another one
            kept = self.rows[: ids.index(row.parent) + 1] if row.parent in ids else []
            self.rows = [*kept, row]
            self.transcript.set_messages(self.rows)
        self._show_page()

    def _grown(self, exchange: Exchange, text: str, thinking: str) -> None:
        if exchange.conversation == self.conversation and exchange.answer is not None:
            self.transcript.append_thinking(exchange.answer.id, thinking)
            self.transcript.append_text(exchange.answer.id, text)

    def _saved(self, exchange: Exchange, row: MessageRow) -> None:
        if exchange.conversation == self.conversation:
            self.rows = [row if old.id == row.id else old for old in self.rows]
            self.transcript.set_progress(row.id, "")
            self.transcript.update_message(row)

    def _ended(self, exchange: Exchange, error: Exception | None) -> None:
        shown = exchange.conversation == self.conversation
        rows = self.rows if shown else []
        notice = None
        if error is not None:
            notice = offers.after_failure(exchange, error, rows, self._model.context_length, self)
        elif exchange.stopped and exchange.answer is None:
            notice = offers.after_stop(exchange, rows, self)
        self._tell(exchange.conversation, notice)
        if shown:
            self._show_exchange(None)
        # An edit of an answer ends well with nothing added by the stream.
        if exchange.changed if error is not None else not exchange.changed and not exchange.stopped:
            self.changed.emit(exchange.conversation)

    def _not_loaded(self, conversation: str, error: Exception) -> None:
        choose = (QCoreApplication.translate("Chat", "Choose a model"), self.choose_model)
        lighter = offers.lighter(
            error, lambda change, value: self._model.load(self._model.change(change, value))
        )
        self._tell(conversation, error_notice(error, [*lighter, choose]))

    # ------------------------------------------------------------ ways out of trouble

    def choose_model(self) -> None:
        """Open the model picker."""
        self._model.choose()

    def use(self, question: MessageRow, change: str, value: int | str) -> None:
        """Answer with another context size, number of layers or type of cache."""
        keep = self._model.change(change, value)

        def start() -> Iterable[Any]:
            keep()
            return self._chats.regenerate(question.id)

        self.begin(start)

    def start_over(self, text: str) -> None:
        """Send a message in a new chat; here it stays, too."""
        self.fresh_wanted.emit(text)

    def withdraw(self, question: MessageRow) -> None:
        """Take an unanswered message back into the composer."""

        def back(_leaf: object) -> None:
            self.composer.give_back(question.content)
            self.composer.flush()
            self.changed.emit(question.conversation)
            self.composer.edit.setFocus()

        self._jobs.run(lambda: self._chats.store.delete_message(question.id), back, self.fail)

    # ------------------------------------------------------------ what messages can do

    def copy(self, message: str) -> None:
        """Copy a message as Markdown, as far as it is there."""
        row = self._row(message)
        if row is not None:
            QGuiApplication.clipboard().setText(row.content)

    def _row(self, message: str) -> MessageRow | None:
        """A message as far as it is there."""
        exchange = self._exchanges.get(self.conversation)
        running = exchange.row() if exchange is not None else None
        return next((row for row in [running, *self.rows] if row is not None and row.id == message), None)

    def _send_on(self, message: str, signal: SignalInstance) -> None:
        row = self._row(message)
        if row is not None:
            signal.emit(row.content)

    def edit_last(self) -> None:
        """Edit the user's last message in its place."""
        row = self.last("user")
        if row is not None and not self.busy:
            self.transcript.start_edit(row.id)

    def _edit(self, message: str, text: str) -> None:
        self.begin(lambda: self._chats.edit(message, text))

    def regenerate(self, message: str) -> None:
        """Answer again, beside the answer there is."""
        self.begin(lambda: self._chats.regenerate(message))

    def continue_(self, message: str) -> None:
        """Go on with the last answer."""
        self.begin(lambda: self._chats.continue_(message))

    def restart(self, message: str) -> None:
        """Go on with an interrupted answer, or answer the message that has none."""
        last = self.last()
        if last is not None and last.id == message and last.role == "assistant":
            self.continue_(message)
        else:
            self.regenerate(message)

    def step_branch(self, step: int) -> None:
        """Step to another version of the lowest message that has one in that direction."""
        row = next((row for row in reversed(self.rows) if 0 <= row.sibling + step < row.siblings), None)
        if row is not None:
            self._branch(row.id, step)

    def _branch(self, message: str, step: int) -> None:
        if not self.busy:
            select = partial(self._chats.store.select_sibling, message, step)
            where = self.conversation
            self._jobs.run(select, lambda _leaf: self.changed.emit(where), self.fail)

    def _delete(self, message: str) -> None:
        if self.busy:
            return
        where, store = self.conversation, self._chats.store

        def deleted(_leaf: object) -> None:
            self._tell(where, None)
            self.changed.emit(where)
            words = QCoreApplication.translate("Chat", "The message and what followed it were deleted.")
            self.offer_undo(words, partial(store.restore_message, message), where)

        self._jobs.run(lambda: store.delete_message(message), deleted, self.fail)

    def offer_undo(self, words: str, restore: Callable[[], object], conversation: str) -> None:
        """Say what was deleted, and offer to take it back."""

        def undo() -> None:
            if undo in self._undos:
                self._undos.remove(undo)
                self._jobs.run(restore, lambda _: self.restored.emit(conversation), self.fail)

        self._undos.append(undo)
        self.undo_bar.show_undo(words, undo)

    def undo(self) -> None:
        """Take back the last deletion, also when it is not offered any more."""
        if self._undos:
            self.undo_bar.dismiss()
            self._undos[-1]()

    def show_prompt(self, some_id: str = "") -> None:
        """Show what the model saw for a message, by default the last one."""
        place = next((i for i, row in enumerate(self.rows) if row.id == some_id), len(self.rows) - 1)
        if place < 0:
            return
        last = self.rows[place]
        seen = self.rows[: place + (last.role == "user")]
        contents = [part for row in seen for part in (row.thinking, row.content)]

        def show(prompt: Prompt | None) -> None:
            if prompt is not None:
                PromptView(prompt, [last.system, *contents], self._theme, self).open()
                return
            load = (QCoreApplication.translate("Chat", "Load the model"), self._model.load)
            words = QCoreApplication.translate("Chat", "The prompt can be shown while the model is loaded.")
            self.say(Notice(words, actions=(load,), kind="info"))

        self._jobs.run(lambda: self._chats.saw(last.id), show, self.fail)
