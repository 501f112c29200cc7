"""Chat: a message goes out, an answer comes back as events, and both are kept."""

from __future__ import annotations

import math
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from weakref import WeakValueDictionary

import msgspec

from desktop.workbench.chat_settings import ChatSettings, checked
from desktop.workbench.collection import SYSTEM, Collection
from desktop.workbench.loading import Loader
from desktop.workbench.settings import BY_KEY, Settings
from desktop.workbench.store import ConversationRow, MessageRow, Store, title_from
from desktop.workbench.store.records import clean
from desktop.workbench.turn import Loading, Plan, Turn, chat_messages
from models.engine.pool import EnginePool
from models.engine.protocol import Chat, LoadOptions, Message, Prompt
from models.errors import EngineDied, EngineError, UserError
from models.library import Library, Model

MARKS_ESTIMATE = 5
"""Tokens that a chat format adds to each message, about."""


@dataclass(frozen=True)
class ContextUse:
    """Tokens of the next prompt by part.

    Attributes:
        marks: tokens of the chat format itself. total: all parts together.
        exact: counted by the model; False for an estimate, made while no model is loaded.
    """

    system: int
    conversation: int
    draft: int
    marks: int
    total: int
    context_size: int
    exact: bool


class Chats:
    """What can be done with conversations. Every method may be called from any thread.

    Attributes:
        store, library, engines, settings, collection, loader: what it works with.
    """

    def __init__(
        self,
        store: Store,
        library: Library,
        engines: EnginePool,
        settings: Settings,
        collection: Collection,
    ) -> None:
        self.store = store
        self.library = library
        self.engines = engines
        self.settings = settings
        self.collection = collection
        self.loader = Loader(collection, engines)
        self._lock = threading.Lock()
        # Weak, so that a turn that is dropped before it is iterated does not block its conversation.
        self._turns: WeakValueDictionary[str, Turn] = WeakValueDictionary()

    # ------------------------------------------------------------ conversations

    def new(
        self, *, system: str = "", model: str = "", settings: ChatSettings | None = None
    ) -> ConversationRow:
        """Create a conversation; what is not given starts as its model and the app's settings say."""
        chosen = self.library.get(model) if model else self.default_model()
        return self.store.create_conversation(
            system=clean(system) or self._system_of(chosen),
            model=self.reference(chosen) if model and chosen else "",
            settings=checked(settings or self.defaults(chosen)),
        )

    def settings_of(self, conversation_id: str) -> ChatSettings:
        """How a conversation is answered."""
        return self._settings(self.store.conversation(conversation_id))

    def set_settings(self, conversation_id: str, settings: ChatSettings) -> None:
        """Change how a conversation is answered from now on; raises UserError for a bad value."""
        self.store.update_conversation(conversation_id, settings=checked(settings))

    def set_system(self, conversation_id: str, text: str) -> None:
        """Change the system prompt."""
        self.store.update_conversation(conversation_id, system=clean(text))

    def set_model(self, conversation_id: str, model: str) -> None:
        """Change the model: an id of the library, a path, or empty for the default one.

        What is as the old model has it follows: it becomes what the new one has.
        """
        chosen = self.library.get(model) if model else self.default_model()
        row = self.store.conversation(conversation_id)
        before = self._chosen(row)
        have, old, new = self._settings(row).to_dict(), self.defaults(before), self.defaults(chosen)
        followed = {
            key: new.to_dict()[key] if value == old.to_dict()[key] else value for key, value in have.items()
        }
        if before is None or chosen is None or before.path != chosen.path:
            followed["adapters"] = []  # they belong to the old one
        self.store.update_conversation(
            conversation_id,
            model=self.reference(chosen) if model and chosen else "",
            settings=checked(ChatSettings.from_dict(followed)),
            system=self._system_of(chosen) if row.system == self._system_of(before) else row.system,
        )

    def model_of(self, conversation_id: str, *, remember: bool = False) -> Model:
        """The model that answers a conversation; `remember` keeps the choice when it was the default."""
        row = self.store.conversation(conversation_id)
        chosen = row.model or str(self.settings.get("default_model"))
        model = self.library.get(chosen) if chosen else self.library.starter()
        if remember and not row.model:
            self.store.update_conversation(conversation_id, model=self.reference(model))
        return model

    def reference(self, model: Model) -> str:
        """What finds this model again: its id, or its path when it is not in the library."""
        try:
            known = self.library.get(model.id).path == model.path
        except UserError:
            known = False
        return model.id if known else str(model.path)

    def load_options(self, conversation_id: str, model: Model, *, fresh: bool = True) -> LoadOptions:
        """How to load a model for a conversation; never a longer context than the model was made for."""
        settings = self.settings_of(conversation_id)
        return self.collection.load_options(
            model,
            {"context_size": settings.context_size, "gpu_layers": settings.gpu_layers},
            adapters=settings.adapters,
            fresh=fresh,
        )

    def defaults(self, model: Model | None = None) -> ChatSettings:
        """How a new conversation is answered: as its model says, else as the settings of the app do."""
        own = self.collection.settings_of(model) if model is not None else {}
        keys = ("max_tokens", "context_size", "gpu_layers", *msgspec.structs.asdict(self.settings.sampling()))
        return ChatSettings.from_dict(
            {key: own.get(key, self.settings.get(key)) for key in keys if key in BY_KEY}
        )

    def default_model(self) -> Model | None:
        """The model of a new conversation; None when it is gone, which is told when it is needed."""
        try:
            chosen = str(self.settings.get("default_model"))
            return self.library.get(chosen) if chosen else self.library.starter()
        except UserError:
            return None

    def _chosen(self, row: ConversationRow) -> Model | None:
        """The model that a conversation has now; None when it is gone."""
        try:
            return self.library.get(row.model) if row.model else self.default_model()
        except UserError:
            return None

    def _system_of(self, model: Model | None) -> str:
        """The system prompt that a model has for itself."""
        own = self.collection.settings_of(model) if model is not None else {}
        return str(own.get(SYSTEM, ""))

    def _settings(self, row: ConversationRow) -> ChatSettings:
        return ChatSettings.from_dict(row.settings, self.defaults())

    # ------------------------------------------------------------ turns

    def send(self, conversation_id: str, text: str) -> Turn:
        """Commit the user's message, then return the turn that answers it."""
        text = sendable(text)
        with self._turn(conversation_id) as turn:
            row = self.store.conversation(conversation_id)
            question = self._ask(row, row.leaf, text)
            if not row.title:
                self.store.update_conversation(row.id, title=title_from(text))
            self._clear_draft(row, text)
            turn.plan = Plan(row, self._settings(row), question.id, question=question)
            return turn

    def regenerate(self, message_id: str) -> Turn:
        """Answer again: a sibling of this answer, or an answer to a user's message that has none."""
        message = self.store.message(message_id)
        with self._turn(message.conversation) as turn:
            row = self.store.conversation(message.conversation)
            parent = message.id if message.role == "user" else message.parent
            turn.plan = Plan(row, self._settings(row), parent)
            return turn

    def edit(self, message_id: str, text: str) -> Turn | None:
        """Put an edited sibling beside a message; a user's message is then answered, an answer is not."""
        message = self.store.message(message_id)
        text = sendable(text)
        with self._turn(message.conversation) as turn:
            row = self.store.conversation(message.conversation)
            if message.role == "user":
                question = self._ask(row, message.parent, text)
                turn.plan = Plan(row, self._settings(row), question.id, question=question)
                return turn
            self.store.add_message(
                row.id,
                message.parent,
                message.role,
                text,
                model=message.model,
                system=message.system,
                settings=message.settings,
            )
        self.end(turn)
        return None

    def continue_(self, message_id: str) -> Turn:
        """Go on with the last answer of its conversation: the same message grows."""
        message = self.store.message(message_id)
        with self._turn(message.conversation) as turn:
            row = self.store.conversation(message.conversation)
            if message.role != "assistant" or row.leaf != message.id:
                raise UserError("Only the last answer of a conversation can be continued.")
            turn.plan = Plan(row, self._settings(row), message.parent, resume=message)
            return turn

    def load(self, conversation_id: str) -> Loading:
        """Load the conversation's model ahead of the first message."""
        return Loading(self, conversation_id)

    def busy(self, conversation_id: str) -> bool:
        """Whether an answer is being made in this conversation."""
        with self._lock:
            return conversation_id in self._turns

    def end(self, turn: Turn) -> None:
        """Called by a turn at its end: its conversation is free again."""
        with self._lock:
            if self._turns.get(turn.conversation_id) is turn:
                del self._turns[turn.conversation_id]

    def _ask(self, row: ConversationRow, parent: str | None, text: str) -> MessageRow:
        return self.store.add_message(
            row.id, parent, "user", text, model=row.model, system=row.system, settings=row.settings
        )

    def _clear_draft(self, row: ConversationRow, text: str) -> None:
        self.store.set_draft(row.id, "")
        # The first message of a conversation was typed where a new chat is begun.
        if row.leaf is None and clean(self.store.draft("")).strip() == text.strip():
            self.store.set_draft("", "")

    # ------------------------------------------------------------ looking

    def measure(self, conversation_id: str, draft: str = "") -> ContextUse:
        """Tokens of the next prompt, with the draft as its last message."""
        row = self.store.conversation(conversation_id)
        model = self.model_of(conversation_id)
        options = self.load_options(conversation_id, model, fresh=False)
        rows = self.store.path(conversation_id)
        messages = (*chat_messages(row.system, rows), Message(role="user", content=clean(draft)))
        engine = self.engines.get(options.path)
        if engine is not None:
            with suppress(EngineDied, EngineError):
                size = engine.measure(Chat(messages=messages))
                return _use(messages, size.parts, size.total, engine.info.context_size, True)
        parts = [estimate_tokens(message.content) for message in messages]
        total = sum(parts) + MARKS_ESTIMATE * len(messages)
        return _use(messages, parts, total, options.context_size, False)

    def saw(self, some_id: str) -> Prompt | None:
        """What the model saw before an answer, or will see after a user's message.

        Takes the id of a message, or of a conversation for its last message. None while the
        model is not loaded or when there is no message.
        """
        message = self._message_or_last(some_id)
        if message is None:
            return None
        row = self.store.conversation(message.conversation)
        last = message.id if message.role == "user" else message.parent
        rows = self.store.path(row.id, last) if last else []
        chosen = message.model or row.model
        model = self.library.get(chosen) if chosen else self.model_of(row.id)
        engine = self.engines.get(str(model.path))
        if engine is None:
            return None
        settings = ChatSettings.from_dict(message.settings, self._settings(row))
        exact = settings.mode == "exact"
        messages = chat_messages(message.system, rows)
        return engine.render(Chat(messages=messages, thinking=settings.thinking, exact=exact))

    def export_markdown(self, conversation_id: str) -> str:
        """The conversation as it is shown, as Markdown."""
        row = self.store.conversation(conversation_id)
        blocks = [f"# {_one_line(row.title)}"] if row.title else []
        if row.system.strip():
            blocks.append("**System prompt**\n\n" + _quote(row.system))
        for message in self.store.path(conversation_id):
            name = "You" if message.role == "user" else _one_line(message.model) or "Model"
            blocks.append(f"## {name}")
            if message.thinking.strip():
                blocks.append(_quote(message.thinking))
            if message.content.strip():
                blocks.append(message.content.strip())
        return "\n\n".join(blocks) + "\n"

    def _message_or_last(self, some_id: str) -> MessageRow | None:
        try:
            return self.store.message(some_id)
        except UserError:
            leaf = self.store.conversation(some_id).leaf
            return self.store.message(leaf) if leaf else None

    @contextmanager
    def _turn(self, conversation_id: str) -> Iterator[Turn]:
        """A turn that has its conversation for itself, to be given a plan."""
        turn = Turn(self, conversation_id)
        with self._lock:
            if conversation_id in self._turns:
                raise UserError(
                    "An answer is still being written in this conversation.",
                    hint="Wait for it, or stop it first.",
                    code="busy",
                )
            self._turns[conversation_id] = turn
        try:
            yield turn
        except BaseException:
            self.end(turn)
            raise


# ---------------------------------------------------------------- small parts


def sendable(text: str) -> str:
    """The text as it is sent: only characters that can be encoded. UserError when it is empty."""
    text = clean(text)
    if not text.strip():
        raise UserError("There is nothing to send.", hint="Write a message first.", code="empty_message")
    return text


def estimate_tokens(text: str) -> int:
    """About how many tokens a text has: four Latin letters, or one character of other scripts, each."""
    latin = len(text.encode("ascii", "ignore"))
    return math.ceil(latin / 4) + len(text) - latin


def _use(
    messages: Sequence[Message], parts: Sequence[int], total: int, context_size: int, exact: bool
) -> ContextUse:
    """Sort token counts into the parts a person knows; the last message is the draft."""
    counts = [*parts, *[0] * (len(messages) - len(parts))]
    system = counts[0] if messages[0].role == "system" else 0
    draft = counts[-1]
    conversation = sum(counts) - system - draft
    return ContextUse(
        system=system,
        conversation=conversation,
        draft=draft,
        marks=max(0, total - sum(counts)),
        total=total,
        context_size=context_size,
        exact=exact,
    )


def _one_line(text: str) -> str:
    return " ".join(text.split())


def _quote(text: str) -> str:
    return "\n".join(f"> {line}".rstrip() for line in text.strip().splitlines())
