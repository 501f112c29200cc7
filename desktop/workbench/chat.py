"""Chat: a message goes out, an answer comes back as events, and both are kept."""

from __future__ import annotations

import math
import secrets
import threading
import time
import uuid
from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field, fields, replace
from typing import Any, cast
from weakref import WeakValueDictionary

import msgspec

from desktop.workbench.settings import BY_KEY, Settings
from desktop.workbench.store import ConversationRow, MessageRow, Store, title_from
from desktop.workbench.store.records import clean
from models.engine.client import Engine, Stream
from models.engine.pool import EnginePool
from models.engine.protocol import (
    Chat,
    Failed,
    Finished,
    GenerationEvent,
    LoadOptions,
    Message,
    Mode,
    Prompt,
    PromptProgress,
    Request,
    Role,
    Sampling,
    Silence,
    Started,
    TextDelta,
    ThinkingDelta,
)
from models.errors import EngineDied, EngineError, RolltopError, UserError
from models.library import Library, Model

SAVE_S = 0.5
"""Seconds between two saves of a growing answer. With the engine's Silence, which comes sooner than
another half a second after the last text, at most the last second of an answer can be lost."""
RESERVE = 256
"""Tokens of context kept for the answer, or an eighth of the context when that is less."""
MARKS_ESTIMATE = 5
"""Tokens that a chat format adds to each message, about."""


# ---------------------------------------------------------------- settings of one conversation


@dataclass(frozen=True)
class ChatSettings:
    """How one conversation is answered.

    Attributes:
        max_tokens: 0 means until the context is full.
        thinking: ask for or against thinking; None leaves the model's default.
        mode: "exact" runs alone, so that the same seed gives the same text.
    """

    sampling: Sampling = field(default_factory=Sampling)
    max_tokens: int = 0
    context_size: int = 4096
    gpu_layers: int = -1
    thinking: bool | None = None
    mode: Mode = "fast"

    def to_dict(self) -> dict[str, Any]:
        """One flat dictionary of plain values; the sampling's fields stand beside the others."""
        own = [item.name for item in fields(self) if item.name != "sampling"]
        return {**msgspec.structs.asdict(self.sampling), **{name: getattr(self, name) for name in own}}

    @classmethod
    def from_dict(cls, values: dict[str, Any], defaults: ChatSettings | None = None) -> ChatSettings:
        """Read what `to_dict` wrote; unknown keys are ignored, bad values become the defaults."""
        defaults = defaults or cls()
        good = {key: value for key, value in values.items() if key in _FIELDS and _FIELDS[key](value)}
        merged = {**defaults.to_dict(), **good}
        sampling = {key: merged.pop(key) for key in Sampling.__struct_fields__}
        return cls(sampling=Sampling(**sampling), **merged)


def _number(low: float, high: float) -> Callable[[object], bool]:
    def check(value: object) -> bool:
        number = isinstance(value, int | float) and not isinstance(value, bool)
        return number and math.isfinite(value) and low <= value <= high  # type: ignore[arg-type, operator]

    return check


def _whole(low: int, high: int) -> Callable[[object], bool]:
    return lambda value: isinstance(value, int) and not isinstance(value, bool) and low <= value <= high


# What each field of ChatSettings may be; the ones that are settings of the app have its limits.
_FIELDS: dict[str, Callable[[object], bool]] = {
    **{
        key: BY_KEY[key].allows
        for key in (
            *("temperature", "top_k", "top_p", "min_p", "repeat_penalty"),
            *("max_tokens", "context_size", "gpu_layers"),
        )
    },
    "presence_penalty": _number(-10, 10),
    "frequency_penalty": _number(-10, 10),
    "repeat_last_n": _whole(-1, 1 << 20),
    "seed": lambda value: value is None or _whole(0, 2**32 - 1)(value),
    "thinking": lambda value: value is None or isinstance(value, bool),
    "mode": lambda value: value in ("fast", "exact"),
}


# ---------------------------------------------------------------- events and errors


@dataclass(frozen=True)
class MessageAdded:
    """A message is in the store: first the user's, then the empty answer that will grow.

    For `Chats.continue_` it is the answer that goes on, with the text it has.
    """

    message: MessageRow


@dataclass(frozen=True)
class ModelLoading:
    """Part of the model that is loaded, 0 to 1."""

    fraction: float


@dataclass(frozen=True)
class PromptReady:
    """What the model is going to see."""

    prompt: Prompt
    context_size: int


@dataclass(frozen=True)
class PlainFormat:
    """The model has no chat template: it completes a plain transcript."""


@dataclass(frozen=True)
class MessageSaved:
    """The answer as it was saved at its end, however it ended."""

    message: MessageRow


TurnEvent = (
    MessageAdded
    | ModelLoading
    | PromptReady
    | PlainFormat
    | Started
    | PromptProgress
    | TextDelta
    | ThinkingDelta
    | Finished
    | MessageSaved
)


class ContextFull(UserError):
    """The conversation with its last message does not fit into the context."""

    code = "context_full"

    def __init__(self, tokens: int, context_size: int, reserve: int) -> None:
        super().__init__(
            "This does not fit: the prompt has {tokens} tokens, and the context holds {context_size},"
            " of which {reserve} are kept for the answer.",
            hint="Choose a larger context, shorten the message, or start a new chat with it.",
            tokens=tokens,
            context_size=context_size,
            reserve=reserve,
        )


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


# ---------------------------------------------------------------- loading


class Work:
    """Work on a conversation that needs its model.

    Attributes:
        conversation_id: whose model. cancelled: whether a stop was asked for.
    """

    def __init__(self, chats: Chats, conversation_id: str) -> None:
        self._chats = chats
        self.conversation_id = conversation_id
        self.cancelled = False

    def cancel(self) -> None:
        """Stop at whatever stage it is; the iteration ends. Any thread."""
        self.cancelled = True

    def _load(self, options: LoadOptions) -> Generator[ModelLoading, None, Engine | None]:
        """Load the model and tell the progress; None when it was cancelled."""
        loading = self._chats.engines.loading(options)
        told = -1.0
        try:
            while not self.cancelled:
                fraction = next(loading)
                if fraction > told:
                    told = fraction
                    yield ModelLoading(fraction)
        except StopIteration as end:
            return cast(Engine, end.value)
        finally:
            loading.close()
        return None


class Loading(Work):
    """Loads the model of a conversation: iterate over the progress; it ends when the model is ready."""

    def __iter__(self) -> Iterator[ModelLoading]:
        model = self._chats.model_of(self.conversation_id)
        yield from self._load(self._chats.load_options(self.conversation_id, model))


# ---------------------------------------------------------------- one turn


class Keeper:
    """Keeps an answer in the store while it grows.

    Attributes:
        row: the answer as it was last saved.
    """

    def __init__(self, store: Store, row: MessageRow) -> None:
        self.row = row
        self._store = store
        self._content = [row.content] if row.content else []
        self._thinking = [row.thinking] if row.thinking else []
        self._finished: Finished | None = None
        self._saved = -math.inf  # the first piece is saved at once
        self._unsaved = False

    def add(self, event: object) -> None:
        """Take in an event, and save when it is time, or when nothing more may come for long."""
        match event:
            case TextDelta(text=text):
                self._content.append(text)
            case ThinkingDelta(text=text):
                self._thinking.append(text)
            case Finished():
                self._finished = event
                return
            case Silence() if self._unsaved:
                self._save_now()
                return
            case _:
                return
        self._unsaved = True
        if time.monotonic() - self._saved >= SAVE_S:
            self._save_now()

    def _save_now(self) -> None:
        self._save()
        self._saved, self._unsaved = time.monotonic(), False

    def close(self, status: str = "", *, error: str = "", **facts: object) -> MessageRow:
        """Save the answer at its end; the status of a finished one follows from its reason."""
        fields: dict[str, Any] = {"error": error}
        if self._finished is not None:
            end = self._finished
            status = status or ("stopped" if end.finish_reason == "cancelled" else "done")
            fields |= {
                "finish_reason": end.finish_reason,
                "usage": msgspec.structs.asdict(end.usage),
                "timings": {
                    **msgspec.structs.asdict(end.timings),
                    **facts,
                    "mode": end.mode,
                    "seed": end.seed,
                },
            }
        elif status == "stopped":
            fields["finish_reason"] = "cancelled"
        return self._save(status=status or "interrupted", **fields)

    @property
    def finished(self) -> bool:
        """Whether the engine said that the answer is complete."""
        return self._finished is not None

    def _save(self, **fields: Any) -> MessageRow:
        self.row = self._store.update_message(
            self.row.id, content="".join(self._content), thinking="".join(self._thinking), **fields
        )
        return self.row


@dataclass(frozen=True)
class Plan:
    """What a turn answers.

    Attributes:
        parent: the message that is answered. question: the user's message, when it is new.
        resume: the answer to go on with, instead of a new one.
    """

    conversation: ConversationRow
    settings: ChatSettings
    parent: str | None
    question: MessageRow | None = None
    resume: MessageRow | None = None


class Reading:
    """Reads one request's events, and knows whether more can come."""

    def __init__(self, stream: Stream) -> None:
        self._stream = stream
        self._events = iter(stream)
        self._over = False

    def __iter__(self) -> Iterator[GenerationEvent]:
        return self

    def __next__(self) -> GenerationEvent:
        try:
            return next(self._events)
        except Exception:
            self._over = True
            raise

    def cancel(self) -> None:
        """Ask the engine to stop; its last event still comes."""
        self._stream.cancel()

    def finish(self, keeper: Keeper) -> None:
        """Stop the request and read what still comes, so that the engine is free again."""
        if self._over:
            return
        with suppress(RolltopError):
            self.cancel()
            for event in self:
                with suppress(RolltopError):
                    keeper.add(event)


class Turn(Work):
    """One answer in the making: iterate over its events, once.

    Errors are raised from the iteration, after what there is was saved. Leaving the iteration
    early stops the answer and keeps what there is.

    Attributes:
        plan: what it answers. answer: the answer as last saved; None before generation starts.
    """

    plan: Plan

    def __init__(self, chats: Chats, conversation_id: str) -> None:
        super().__init__(chats, conversation_id)
        self.answer: MessageRow | None = None
        self._reading: Reading | None = None
        self._load_s = 0.0

    def cancel(self) -> None:
        """Stop at whatever stage it is and keep what there is. Any thread."""
        self.cancelled = True
        if self._reading is not None:
            self._reading.cancel()

    def cancel_soon(self) -> None:
        """Ask for a stop at the next event; takes no lock, so a signal handler may call it."""
        self.cancelled = True

    def __iter__(self) -> Generator[TurnEvent]:
        try:
            if self.plan.question is not None:
                yield MessageAdded(self.plan.question)
            model = self._chats.model_of(self.conversation_id, remember=True)
            started = time.monotonic()
            engine = yield from self._load(self._chats.load_options(self.conversation_id, model))
            self._load_s = time.monotonic() - started
            if engine is None or self.cancelled:
                return
            if not engine.info.can_generate:
                raise UserError(
                    "{model} makes embeddings only; it cannot answer.",
                    hint="Choose a model that generates text.",
                    code="not_generative",
                    model=model.name,
                )
            prompt = engine.render(self._chat())
            context_size = engine.info.context_size
            yield PromptReady(prompt, context_size)
            if prompt.format == "plain":
                yield PlainFormat()
            self._check_fit(len(prompt.tokens), context_size)
            if not self.cancelled:
                settings = with_seed(self.plan.settings)
                row = self._begin(model, settings)
                yield from self._generate(engine, _request(prompt, settings), row)
                if self.answer is not None and self.answer.status == "done":
                    self._chats.engines.forgive(str(model.path))
        finally:
            self._chats.end(self)

    def _chat(self) -> Chat:
        plan = self.plan
        rows = self._chats.store.path(self.conversation_id, plan.parent) if plan.parent else []
        resume = plan.resume if plan.resume is not None and _said(plan.resume) else None
        if resume is not None:
            rows = [*rows, resume]
        return Chat(
            messages=chat_messages(plan.conversation.system, rows),
            continue_last=resume is not None,
            thinking=plan.settings.thinking,
            exact=plan.settings.mode == "exact",
        )

    def _check_fit(self, tokens: int, context_size: int) -> None:
        reserve = min(RESERVE, context_size // 8)
        if self.plan.settings.max_tokens:
            reserve = min(reserve, self.plan.settings.max_tokens)
        if tokens + reserve > context_size:
            raise ContextFull(tokens, context_size, reserve)

    def _begin(self, model: Model, settings: ChatSettings) -> MessageRow:
        """The answer's row, marked as growing."""
        plan, store = self.plan, self._chats.store
        if plan.resume is not None:
            return store.update_message(plan.resume.id, status="streaming", error="", finish_reason="")
        return store.add_message(
            self.conversation_id,
            plan.parent,
            "assistant",
            "",
            status="streaming",
            model=self._chats.reference(model),
            system=plan.conversation.system,
            settings=settings.to_dict(),
        )

    def _generate(self, engine: Engine, request: Request, row: MessageRow) -> Iterator[TurnEvent]:
        keeper = Keeper(self._chats.store, row)
        self.answer = row
        failure: Exception | None = None
        try:
            yield MessageAdded(row)
            yield from self._answer(engine, request, keeper)
            keeper.close(load_s=self._load_s)
        except EngineDied as error:
            if self.cancelled:  # it stopped, if not in good order
                self._rescue(keeper, "stopped")
            else:
                failure = error
                self._rescue(keeper, "interrupted", error.text)
        except Exception as error:
            failure = error
            self._stop(keeper)
            self._rescue(keeper, "failed", str(error) or type(error).__name__)
        except BaseException:
            # The reader has gone. Save first: what the engine still says is a courtesy.
            self.cancelled = True
            self._rescue(keeper, "stopped")
            self._stop(keeper)
            self._rescue(keeper, "stopped")
            raise
        finally:
            self.answer = keeper.row
        if keeper.row.status != "streaming":
            yield MessageSaved(keeper.row)
        if failure is not None:
            raise failure

    def _answer(self, engine: Engine, request: Request, keeper: Keeper) -> Iterator[TurnEvent]:
        """Keep each event, then hand it on; a stop asked for by flag alone reaches the engine here."""
        self._reading = Reading(engine.submit(request))
        told = False
        if self.cancelled:
            self._reading.cancel()
        for event in self._reading:
            if self.cancelled and not told:
                told = True
                self._reading.cancel()
            keeper.add(event)
            if not isinstance(event, Failed | Silence):  # failures are raised, never handed on
                yield event

    def _stop(self, keeper: Keeper) -> None:
        if self._reading is not None:
            self._reading.finish(keeper)

    def _rescue(self, keeper: Keeper, status: str, error: str = "") -> None:
        """Save what there is although something failed; the first failure is the one to tell."""
        done = keeper.finished and status == "stopped"
        with suppress(RolltopError):
            keeper.close("" if done else status, error=error, load_s=self._load_s)


# ---------------------------------------------------------------- all chats


class Chats:
    """What can be done with conversations. Every method may be called from any thread.

    Attributes:
        store, library, engines, settings: what it works with.
    """

    def __init__(self, store: Store, library: Library, engines: EnginePool, settings: Settings) -> None:
        self.store = store
        self.library = library
        self.engines = engines
        self.settings = settings
        self._lock = threading.Lock()
        # Weak, so that a turn that is dropped before it is iterated does not block its conversation.
        self._turns: WeakValueDictionary[str, Turn] = WeakValueDictionary()

    # ------------------------------------------------------------ conversations

    def new(
        self, *, system: str = "", model: str = "", settings: ChatSettings | None = None
    ) -> ConversationRow:
        """Create a conversation; without settings it starts with those of the app."""
        return self.store.create_conversation(
            system=clean(system),
            model=self.reference(self.library.get(model)) if model else "",
            settings=_checked(settings or self.defaults()),
        )

    def settings_of(self, conversation_id: str) -> ChatSettings:
        """How a conversation is answered."""
        return self._settings(self.store.conversation(conversation_id))

    def set_settings(self, conversation_id: str, settings: ChatSettings) -> None:
        """Change how a conversation is answered from now on; raises UserError for a bad value."""
        self.store.update_conversation(conversation_id, settings=_checked(settings))

    def set_system(self, conversation_id: str, text: str) -> None:
        """Change the system prompt."""
        self.store.update_conversation(conversation_id, system=clean(text))

    def set_model(self, conversation_id: str, model: str) -> None:
        """Change the model: an id of the library, a path, or empty for the default one."""
        reference = self.reference(self.library.get(model)) if model else ""
        self.store.update_conversation(conversation_id, model=reference)

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

    def load_options(self, conversation_id: str, model: Model) -> LoadOptions:
        """How to load a model for a conversation; never a longer context than the model was made for."""
        settings = self.settings_of(conversation_id)
        longest = model.context_length or settings.context_size
        return msgspec.structs.replace(
            self.settings.load_options(str(model.path)),
            context_size=min(settings.context_size, longest),
            gpu_layers=settings.gpu_layers,
        )

    def defaults(self) -> ChatSettings:
        """How a new conversation is answered: as the settings of the app say."""
        return ChatSettings(
            sampling=self.settings.sampling(),
            max_tokens=int(self.settings.get("max_tokens")),
            context_size=int(self.settings.get("context_size")),
            gpu_layers=int(self.settings.get("gpu_layers")),
        )

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
        options = self.load_options(conversation_id, model)
        rows = self.store.path(conversation_id)
        messages = (*chat_messages(row.system, rows), Message(role="user", content=clean(draft)))
        engine = self.engines.get(options.path)
        if engine is not None:
            with suppress(EngineDied, EngineError):
                prompt = engine.render(Chat(messages=messages))
                return _use(messages, prompt.parts, len(prompt.tokens), engine.info.context_size, True)
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


def chat_messages(system: str, rows: Iterable[MessageRow]) -> tuple[Message, ...]:
    """What is told to the model: the system prompt and every message that says something."""
    said = [
        Message(role=cast(Role, row.role), content=row.content, thinking=row.thinking)
        for row in rows
        if row.role != "assistant" or _said(row)
    ]
    return (Message(role="system", content=system), *said) if system.strip() else tuple(said)


def with_seed(settings: ChatSettings) -> ChatSettings:
    """The settings with a fresh seed when they have none: drawn here, so that the message remembers it."""
    if settings.sampling.seed is not None:
        return settings
    seed = secrets.randbits(32)
    return replace(settings, sampling=msgspec.structs.replace(settings.sampling, seed=seed))


def sendable(text: str) -> str:
    """The text as it is sent: only characters that can be encoded. UserError when it is empty."""
    text = clean(text)
    if not text.strip():
        raise UserError("There is nothing to send.", hint="Write a message first.", code="empty_message")
    return text


def estimate_tokens(text: str) -> int:
    """About how many tokens a text has: four Latin letters, or one character of other scripts, each."""
    latin = sum(char.isascii() for char in text)
    return math.ceil(latin / 4) + len(text) - latin


def _request(prompt: Prompt, settings: ChatSettings) -> Request:
    return Request(
        id=uuid.uuid4().hex,
        tokens=prompt.tokens,
        sampling=settings.sampling,
        max_tokens=settings.max_tokens,
        stop=prompt.stop,
        thinking=prompt.thinking,
        mode=settings.mode,
    )


def _checked(settings: ChatSettings) -> dict[str, Any]:
    """The settings as they are stored; raises UserError for a value that cannot be."""
    values = settings.to_dict()
    for key, value in values.items():
        if not _FIELDS[key](value):
            raise UserError("This setting cannot have that value: {key}.", key=key, code="bad_setting")
    return values


def _said(row: MessageRow) -> bool:
    return bool(row.content or row.thinking)


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
