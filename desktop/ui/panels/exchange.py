"""What runs beside the chat panel: answers in the making, and small writes to the store."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field, replace
from functools import partial
from itertools import groupby
from threading import Lock
from typing import Any

from PySide6.QtCore import QCoreApplication, QObject, Signal

from desktop.ui.jobs import Jobs
from desktop.ui.widgets.message import file_name
from desktop.workbench.loading import ModelLoading
from desktop.workbench.store import MessageRow
from desktop.workbench.turn import MessageAdded, MessageSaved, PlainFormat, PromptReady
from models.engine.protocol import Finished, PromptProgress, Started, TextDelta, ThinkingDelta
from models.errors import UserError
from models.library import Library


class Saver:
    """Small writes off the GUI thread: in order, the newest of a key only, and all of them at the end."""

    def __init__(self, jobs: Jobs, failed: Callable[[Exception], None]) -> None:
        self._jobs, self._failed = jobs, failed
        self._waiting: dict[str, Callable[[], object]] = {}
        self._errors: list[Exception] = []
        self._pending = Lock()
        self._writing = Lock()

    def put(self, key: str, write: Callable[[], object]) -> None:
        """Do `write` soon; one with the same key that has not begun yet is dropped."""
        with self._pending:
            self._waiting.pop(key, None)
            self._waiting[key] = write
        self._jobs.run(self._work, failed=self._failed)

    def flush(self) -> None:
        """Do everything that is waiting, on this thread; what fails is told by the jobs of `put`."""
        with self._writing:
            while (write := self._take()) is not None:
                try:
                    write()
                except Exception as error:
                    self._errors.append(error)

    def _work(self) -> None:
        self.flush()
        with self._writing:
            errors, self._errors = self._errors, []
        if errors:
            raise errors[-1]

    def _take(self) -> Callable[[], object] | None:
        with self._pending:
            return self._waiting.pop(next(iter(self._waiting))) if self._waiting else None


class ModelNames:
    """What to call the models that answered. One that is gone is called by its id."""

    def __init__(self, library: Library) -> None:
        self._library = library
        self._names: dict[str, str] = {}

    def learn(self, keys: Iterable[str]) -> None:
        """Look up ids or paths that were not met before; on a worker."""
        for key in set(keys) - {""} - self._names.keys():
            with suppress(UserError):
                self._names[key] = self._library.get(key).name

    def __call__(self, key: str) -> str:
        """The name of a model; never waits."""
        return self._names.get(key) or file_name(key)


@dataclass(eq=False)
class Exchange:
    """One answer in the making: the source of a stream, and what has been heard of it.

    Attributes:
        start: makes the turn; called on the worker. None from it means that nothing is generated.
        learn: is told the model of an answer on the worker, before anything else hears of it.
        sent: the text that was written, to be given back when it could not be stored.
        question, answer: the rows as they were added; `text` and `thinking` came since then.
        loading: the part of the model that is loaded, None when it is not being loaded.
        progress: what stands under an answer that has no text yet.
        plain: the model has no chat format. speed: tokens per second, 0 while it is not known.
    """

    conversation: str
    start: Callable[[], Iterable[Any] | None]
    learn: Callable[[list[str]], object]
    sent: str = ""
    question: MessageRow | None = None
    answer: MessageRow | None = None
    text: list[str] = field(default_factory=list)
    thinking: list[str] = field(default_factory=list)
    loading: float | None = None
    progress: str = ""
    plain: bool = False
    prompt_tokens: int = 0
    tokens: int = 0
    speed: float = 0.0
    stopped: bool = False
    _first: float = 0.0
    _turn: Any = None
    _lock: Lock = field(default_factory=Lock)

    def __iter__(self) -> Iterator[Any]:
        turn = self.start()
        with self._lock:
            self._turn = turn
            stopped = self.stopped
        if turn is None:
            return
        if stopped:
            turn.cancel()  # type: ignore[attr-defined]
        for event in turn:
            if isinstance(event, MessageAdded):
                self.learn([event.message.model])
            yield event

    def cancel(self) -> None:
        """Stop at whatever stage it is; what there is stays. Any thread."""
        with self._lock:
            self.stopped = True
            turn = self._turn
        if turn is not None:
            turn.cancel()

    def row(self) -> MessageRow | None:
        """The answer as far as it has been heard."""
        if self.answer is None:
            return None
        return replace(
            self.answer,
            content=self.answer.content + "".join(self.text),
            thinking=self.answer.thinking + "".join(self.thinking),
        )

    @property
    def changed(self) -> bool:
        """Whether a message was added so far."""
        return self.question is not None or self.answer is not None

    def take(self, event: object) -> None:
        """Take in any event but text."""
        match event:
            case MessageAdded(message=row) if row.role == "user":
                self.question = row
            case MessageAdded(message=row) | MessageSaved(message=row):
                self.answer, self.text, self.thinking = row, [], []
                self.progress = ""
            case ModelLoading(fraction=fraction):
                self.loading = fraction
            case PromptReady():
                self.loading = None
            case PlainFormat():
                self.plain = True
            case Started(prompt_tokens=tokens):
                self.prompt_tokens = tokens
            case PromptProgress(done=done, total=total):
                pattern = QCoreApplication.translate("Chat", "reading the prompt {percent} %")
                self.progress = pattern.format(percent=100 * done // total) if done < total else ""
            case Finished(timings=timings):
                self.speed = timings.tokens_per_second or self.speed

    def grow(self, text: list[str], thinking: list[str]) -> None:
        """Take in pieces of text; each is about a token."""
        self.text += text
        self.thinking += thinking
        self.tokens += len(text) + len(thinking)
        self.progress = ""
        now = time.monotonic()
        self._first = self._first or now
        if now - self._first > 0.2 and self.tokens > 1:
            self.speed = (self.tokens - 1) / (now - self._first)


class Exchanges(QObject):
    """The answers in the making, at most one a conversation; each goes on whatever is shown.

    Signals, each with the Exchange:
        began; ended(Exchange, Exception or None).
        added(Exchange, MessageRow), saved(Exchange, MessageRow): a message is in the store.
        grown(Exchange, str text, str thinking): the answer goes on.
        told(Exchange): anything else about it is different now.
        loaded: without one; a model was loaded, or is not being loaded any more.
    """

    began = Signal(object)
    added = Signal(object, object)
    grown = Signal(object, str, str)
    told = Signal(object)
    saved = Signal(object, object)
    ended = Signal(object, object)
    loaded = Signal()

    def __init__(self, jobs: Jobs, saver: Saver, names: ModelNames, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._jobs, self._saver, self._names = jobs, saver, names
        self._running: dict[str, Exchange] = {}

    def get(self, conversation: str) -> Exchange | None:
        """The answer that is being made in a conversation."""
        return self._running.get(conversation)

    def ids(self) -> set[str]:
        """The conversations that are being answered."""
        return set(self._running)

    def begin(self, conversation: str, start: Callable[[], Iterable[Any] | None], *, sent: str = "") -> None:
        """Run what `start` makes; nothing happens where an answer is being made already."""
        if conversation in self._running:
            return

        def make() -> Iterable[Any] | None:
            self._saver.flush()  # the settings it is answered with
            return start()

        exchange = Exchange(conversation, make, self._names.learn, sent)
        self._running[conversation] = exchange
        self.began.emit(exchange)
        end = partial(self._end, exchange)
        self._jobs.stream(lambda: exchange, partial(self._hear, exchange), end, end)

    def cancel(self) -> None:
        """Stop all of them; what there is stays."""
        for exchange in list(self._running.values()):
            exchange.cancel()

    def _hear(self, exchange: Exchange, events: list[Any]) -> None:
        for is_text, group in groupby(events, lambda event: isinstance(event, TextDelta | ThinkingDelta)):
            if is_text:
                pieces = list(group)
                text = [piece.text for piece in pieces if isinstance(piece, TextDelta)]
                thinking = [piece.text for piece in pieces if isinstance(piece, ThinkingDelta)]
                exchange.grow(text, thinking)
                self.grown.emit(exchange, "".join(text), "".join(thinking))
                continue
            for event in group:
                self._take(exchange, event)

    def _take(self, exchange: Exchange, event: object) -> None:
        was_loading = exchange.loading is not None
        exchange.take(event)
        match event:
            case MessageAdded(message=row):
                self.added.emit(exchange, row)
            case MessageSaved(message=row):
                self.saved.emit(exchange, row)
            case _:
                self.told.emit(exchange)
        if was_loading and exchange.loading is None:
            self.loaded.emit()

    def _end(self, exchange: Exchange, error: Exception | None = None) -> None:
        was_loading, exchange.loading = exchange.loading is not None, None
        del self._running[exchange.conversation]
        self.ended.emit(exchange, error)
        if was_loading:
            self.loaded.emit()
