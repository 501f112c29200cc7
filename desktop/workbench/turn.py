"""One answer in the making: its model is loaded, its events are read, and what comes is kept."""

from __future__ import annotations

import math
import time
import uuid
from collections.abc import Generator, Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, cast

import msgspec

from desktop.workbench.chat_settings import ChatSettings, with_seed
from desktop.workbench.loading import ModelLoading
from desktop.workbench.store import ConversationRow, MessageRow, Store
from models.engine.client import Engine, Stream
from models.engine.protocol import (
    Chat,
    Failed,
    Finished,
    GenerationEvent,
    Message,
    Prompt,
    PromptProgress,
    Request,
    Role,
    Silence,
    Started,
    TextDelta,
    ThinkingDelta,
)
from models.errors import EngineDied, RolltopError, UserError
from models.library import Model

if TYPE_CHECKING:
    from desktop.workbench.chat import Chats

SAVE_S = 0.5
"""Seconds between two saves of a growing answer. With the engine's Silence, which comes sooner than
another half a second after the last text, at most the last second of an answer can be lost."""
RESERVE = 256
"""Tokens of context kept for the answer, or an eighth of the context when that is less."""


# ---------------------------------------------------------------- events and errors


@dataclass(frozen=True)
class MessageAdded:
    """A message is in the store: first the user's, then the empty answer that will grow.

    For `Chats.continue_` it is the answer that goes on, with the text it has.
    """

    message: MessageRow


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

    def _load(self, model: Model) -> Generator[ModelLoading, None, Engine | None]:
        """Load the model and tell the progress; None when it was cancelled."""
        self._options = self._chats.load_options(self.conversation_id, model)
        return (yield from self._chats.loader.load(model, self._options, lambda: self.cancelled))


class Loading(Work):
    """Loads the model of a conversation: iterate over the progress; it ends when the model is ready."""

    def __iter__(self) -> Iterator[ModelLoading]:
        model = self._chats.model_of(self.conversation_id)
        yield from self._load(model)


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
            self._chats.collection.mark_used(model)
            started = time.monotonic()
            engine = yield from self._load(model)
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
                try:
                    yield from self._generate(engine, _request(prompt, settings), row)
                except EngineDied as error:
                    if error.code != "no_memory":
                        raise
                    raise self._chats.loader.out_of_memory(error, model, self._options) from error
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


# ---------------------------------------------------------------- what the model is given


def chat_messages(system: str, rows: Iterable[MessageRow]) -> tuple[Message, ...]:
    """What is told to the model: the system prompt and every message that says something."""
    said = [
        Message(role=cast(Role, row.role), content=row.content, thinking=row.thinking)
        for row in rows
        if row.role != "assistant" or _said(row)
    ]
    return (Message(role="system", content=system), *said) if system.strip() else tuple(said)


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


def _said(row: MessageRow) -> bool:
    return bool(row.content or row.thinking)
