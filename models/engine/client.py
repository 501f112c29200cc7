"""Engine: the one interface to a running model, in a child process or in this one."""

from __future__ import annotations

import os
import threading
import time
from abc import ABC, abstractmethod
from collections import deque
from collections.abc import Generator, Iterator, Sequence
from contextlib import suppress
from itertools import count
from typing import TYPE_CHECKING, Any, Protocol, TypeVar, cast

import msgspec

from models.engine.child import END_S, Child
from models.engine.protocol import (
    VERSION,
    Adapter,
    Call,
    Cancel,
    Chat,
    Command,
    Detokenize,
    Embed,
    Event,
    Failed,
    Finished,
    GenerationEvent,
    Load,
    LoadFailed,
    LoadOptions,
    LoadProgress,
    Measure,
    ModelInfo,
    Prompt,
    PromptSize,
    Ready,
    Render,
    Reply,
    Request,
    Score,
    SentEvent,
    SetAdapters,
    Silence,
    Submit,
    Tokenize,
    decode_event,
    encode,
    error_from,
)
from models.errors import EngineDied, EngineError

if TYPE_CHECKING:
    from models.engine.process import Worker

LARGE = 1 << 15
CANCEL_S = 0.1
SILENCE_S = 0.3

T = TypeVar("T")
Loading = Generator[float, None, T]
"""A load in progress: yields the part that is done, 0 to 1, many times a second, and returns what was
loaded. Closing it stops the load and leaves nothing behind."""


class Stream(Protocol):
    """The events of one request, in order; iterating blocks, the last event ends it.

    While an engine is silent, a Silence comes now and then.

    Failures are raised: UserError, EngineError, or EngineDied when the process is gone. Leaving
    the loop early does not stop the request: call `cancel` for that, then read on to Finished.
    """

    def __iter__(self) -> Iterator[GenerationEvent]: ...

    def cancel(self) -> None:
        """Ask the engine to stop; a Finished event with reason "cancelled" follows. Any thread."""


class Batch(Protocol):
    """The events of many requests, each by its `id`, in the order in which they come; see Stream.

    A failure of one is an event, too, Failed, and disturbs no other; EngineDied is raised. It ends
    when every request has ended. A Silence comes when all are silent.
    """

    def __iter__(self) -> Iterator[GenerationEvent]: ...

    def add(self, requests: Sequence[Request]) -> None:
        """Submit more requests, whose events come here, too; also when all before have ended."""

    def cancel(self, id: str = "") -> None:
        """Ask the engine to stop one of them, or all that still run; each gets its Finished event. Any
        thread."""


def result_of(loading: Loading[T]) -> T:
    """Run a load to its end."""
    while True:
        try:
            next(loading)
        except StopIteration as end:
            return cast(T, end.value)


class Engine(Protocol):
    """One running model. Every method may be called from any thread; calls block until answered.

    All of them raise UserError for input that cannot be used, EngineError when this one request
    failed, and EngineDied when the process is gone.
    """

    info: ModelInfo

    def submit(self, request: Request) -> Stream:
        """Queue a generation and return its events at once."""

    def batch(self, requests: Sequence[Request]) -> Batch:
        """Queue many generations in this order and return the events of all at once."""

    def render(self, chat: Chat) -> Prompt:
        """Render messages with the model's chat template and tokenize the result."""

    def measure(self, chat: Chat) -> PromptSize:
        """How long the prompt of `render` is, without the prompt."""

    def tokenize(self, text: str, *, special: bool = False) -> list[int]:
        """Token ids of `text`, without a BOS; control strings stay text unless `special`."""

    def detokenize(self, tokens: Sequence[int]) -> str:
        """The text of `tokens`."""

    def count(self, text: str) -> int:
        """How many tokens `text` has."""

    def score(self, prompt: Sequence[int], continuation: Sequence[int]) -> list[float]:
        """Natural-log probability of each token of `continuation` after `prompt`."""

    def embed(self, texts: Sequence[str], *, normalize: bool = True) -> list[list[float]]:
        """One vector of `info.embedding_size` floats for each text."""

    def set_adapters(self, adapters: Sequence[Adapter]) -> None:
        """Put these LoRA adapters on the model instead of those it has, and tell of it in `info`.

        Requests that were submitted before are finished without them. Raises UserError when one does
        not belong to this model or cannot be read; then those it has stay.
        """

    @property
    def busy(self) -> bool:
        """Whether a request or a call is being worked on."""

    @property
    def pid(self) -> int:
        """The process that holds the model; the app's own when there is no child."""

    def alive(self) -> bool:
        """False once the process has ended."""

    def death(self) -> EngineDied | None:
        """Why it ended; None while it lives."""

    def close(self) -> None:
        """End the process; running requests fail with EngineDied. May be called twice."""


class _Answers:
    """The events that have arrived and are not read yet, of those requests that one reader waits for.

    Attributes:
        ids: of the requests whose end is not read yet, in the order of submission.
    """

    def __init__(self) -> None:
        self.ids: dict[str, None] = {}
        self.events: deque[SentEvent | Reply] = deque()


class _Batch:
    def __init__(self, engine: EngineClient, answers: _Answers) -> None:
        self._engine, self._answers = engine, answers

    def __iter__(self) -> Iterator[GenerationEvent]:
        while self._answers.ids:
            event = self._engine._wait(self._answers, SILENCE_S)
            assert not isinstance(event, Reply)
            yield event if event is not None else Silence(id=next(iter(self._answers.ids)))

    def add(self, requests: Sequence[Request]) -> None:
        self._engine._submit(requests, self._answers)

    def cancel(self, id: str = "") -> None:
        ids = [id] if id else list(self._answers.ids)
        if ids:
            self._engine._post(Cancel(id=ids[0], others=tuple(ids[1:])))


class _Stream(_Batch):
    """A batch of one, whose failure is raised."""

    def __iter__(self) -> Iterator[GenerationEvent]:
        for event in super().__iter__():
            if isinstance(event, Failed):
                raise error_from(event.failure)
            yield event


class EngineClient(ABC):
    """What the two engines share: calls, and the sharing-out of events to whoever waits.

    There is no reading thread. Of the threads that wait for events, one at a time is the reader:
    it takes whatever arrives, hands each event to the request it belongs to, and passes the role on
    when its own has come.
    """

    def __init__(self, info: ModelInfo) -> None:
        self.info = info
        self._answers: dict[str, _Answers] = {}
        self._changed = threading.Condition()
        self._reading = False
        self._dead: EngineDied | None = None
        self._ids = count(1)

    # ------------------------------------------------------------ the interface

    def submit(self, request: Request) -> Stream:
        """See Engine."""
        return _Stream(self, self._submit([request], _Answers()))

    def batch(self, requests: Sequence[Request]) -> Batch:
        """See Engine."""
        return _Batch(self, self._submit(requests, _Answers()))

    def render(self, chat: Chat) -> Prompt:
        """See Engine."""
        return msgspec.convert(self._call(Render(id=self._id(), chat=_clean(chat))), Prompt)

    def measure(self, chat: Chat) -> PromptSize:
        """See Engine."""
        return msgspec.convert(self._call(Measure(id=self._id(), chat=_clean(chat))), PromptSize)

    def tokenize(self, text: str, *, special: bool = False) -> list[int]:
        """See Engine."""
        return list(self._call(Tokenize(id=self._id(), text=clean(text), special=special)))

    def detokenize(self, tokens: Sequence[int]) -> str:
        """See Engine."""
        return str(self._call(Detokenize(id=self._id(), tokens=tuple(tokens))))

    def count(self, text: str) -> int:
        """See Engine."""
        return len(self.tokenize(text))

    def score(self, prompt: Sequence[int], continuation: Sequence[int]) -> list[float]:
        """See Engine."""
        return list(self._call(Score(id=self._id(), prompt=tuple(prompt), continuation=tuple(continuation))))

    def embed(self, texts: Sequence[str], *, normalize: bool = True) -> list[list[float]]:
        """See Engine."""
        command = Embed(id=self._id(), texts=tuple(map(clean, texts)), normalize=normalize)
        return list(self._call(command))

    def set_adapters(self, adapters: Sequence[Adapter]) -> None:
        """See Engine."""
        info = self._call(SetAdapters(id=self._id(), adapters=tuple(adapters)))
        self.info = msgspec.convert(info, ModelInfo)

    @property
    def busy(self) -> bool:
        """See Engine."""
        return bool(self._answers)

    @property
    def pid(self) -> int:
        """See Engine."""
        return os.getpid()

    def alive(self) -> bool:
        """See Engine."""
        return self._dead is None

    def death(self) -> EngineDied | None:
        """See Engine."""
        self.alive()
        return self._dead

    # ------------------------------------------------------------ what differs

    @abstractmethod
    def _send(self, command: Command) -> None:
        """Hand a command over; raises OSError when the other side is gone."""

    @abstractmethod
    def _receive(self, timeout: float | None) -> list[Event]:
        """Block until there are events, or for `timeout` seconds.

        Raises EOFError or OSError when the other side is gone.
        """

    @abstractmethod
    def _drain(self) -> None:
        """Hand out what has arrived while nobody is reading."""

    @abstractmethod
    def _explain(self) -> EngineDied:
        """Why the other side is gone."""

    # ------------------------------------------------------------ the machinery

    def _id(self) -> str:
        return f"call-{next(self._ids)}"

    def _register(self, ids: Sequence[str], answers: _Answers) -> _Answers:
        with self._changed:
            for number, id in enumerate(ids):
                if id in self._answers or id in ids[:number]:
                    raise EngineError("A request with the name {id} is running already.", id=id)
            self._answers.update(dict.fromkeys(ids, answers))
            answers.ids.update(dict.fromkeys(ids))
        return answers

    def _submit(self, requests: Sequence[Request], answers: _Answers) -> _Answers:
        """Send all of them; when one cannot be sent, those before it are stopped."""
        ids = [request.id for request in requests]
        self._register(ids, answers)
        for number, request in enumerate(requests):
            try:
                self._post(Submit(request=request))
            except BaseException:
                for id in ids:
                    self._answers.pop(id, None)
                    answers.ids.pop(id, None)
                if number:
                    self._post(Cancel(id=ids[0], others=tuple(ids[1:number])))
                raise
        return answers

    def _post(self, command: Call) -> None:
        try:
            self._send(command)
        except (OSError, EOFError):
            self._die()
        except BaseException:
            self._answers.pop(_id_of(command), None)
            raise
        if self._dead is not None and not isinstance(command, Cancel):
            self._answers.pop(_id_of(command), None)
            raise self._dead

    def _call(self, command: Call) -> Any:
        answers = self._register([_id_of(command)], _Answers())
        self._post(command)
        event = self._wait(answers)
        if isinstance(event, Failed):
            raise error_from(event.failure)
        assert isinstance(event, Reply)
        return event.value

    def _wait(self, answers: _Answers, patience: float | None = None) -> SentEvent | Reply | None:
        """The next event of these requests, None when none came for `patience` seconds.

        Reads for everyone while nobody else does.
        """
        end = None if patience is None else time.monotonic() + patience
        while True:
            with self._changed:
                left = None if end is None else max(0.0, end - time.monotonic())
                self._changed.wait_for(lambda: answers.events or not self._reading or self._dead, left)
                if answers.events:
                    return self._take(answers)
                if end is not None and time.monotonic() >= end and not self._dead:
                    return None
                if self._dead is not None:
                    while answers.ids:
                        self._answers.pop(answers.ids.popitem()[0], None)
                    raise self._dead
                self._reading = True
            events: list[Event] = []
            try:
                events = self._receive(left)
            except (EOFError, OSError, msgspec.DecodeError):
                self._die()
            finally:
                with self._changed:
                    self._reading = False
                    for event in events:
                        self._dispatch(event)
                    self._changed.notify_all()

    def _take(self, answers: _Answers) -> SentEvent | Reply:
        event = answers.events.popleft()
        if isinstance(event, Finished | Failed | Reply):
            self._answers.pop(event.id, None)
            answers.ids.pop(event.id, None)
        return event

    def _dispatch(self, event: Event) -> None:
        if isinstance(event, LoadProgress | Ready | LoadFailed):
            return
        answers = self._answers.get(event.id)
        if answers is not None:
            answers.events.append(event)

    def _die(self) -> None:
        """Remember why, once, and wake everyone."""
        reason = self._explain() if self._dead is None else self._dead
        with self._changed:
            if self._dead is None:
                self._drain()  # what was said before the end still counts
            self._dead = self._dead or reason
            self._changed.notify_all()


class ProcessEngine(EngineClient):
    """A model in a child process of its own, so that its crash takes nothing else with it."""

    def __init__(self, child: Child, info: ModelInfo) -> None:
        super().__init__(info)
        self._child, self._link = child, child.link
        self._sending = threading.Lock()
        self._sent = 0  # bytes, since what came back was looked at

    @classmethod
    def start(cls, options: LoadOptions) -> ProcessEngine:
        """Start a process and load the model; blocks until it is ready. See `loading`."""
        return result_of(cls.loading(options))

    @classmethod
    def loading(cls, options: LoadOptions) -> Loading[ProcessEngine]:
        """Start a process and load the model step by step.

        Raises UserError when the model cannot be used, EngineDied when the process ended without a
        word.
        """
        child = Child("worker")
        try:
            ready = yield from child.asking(Load(options=options))
            if not isinstance(ready, Ready) or ready.version != VERSION:
                raise EngineError("The engine and the app are of different versions.")
        except BaseException:
            child.close()
            raise
        return cls(child, ready.info)

    @property
    def pid(self) -> int:
        """See Engine."""
        return self._child.pid

    def alive(self) -> bool:
        """See Engine; notices a death even when no request is waiting."""
        if self._dead is None and not self._child.alive():
            self._die()
        return self._dead is None

    def close(self) -> None:
        """See Engine."""
        if self._dead is None:
            self._dead = EngineDied("The model was unloaded.", code="unloaded")
        self._child.end()
        with self._changed:
            self._changed.notify_all()
            # The end of the process has woken whoever was reading; only then may the pipe be closed.
            self._changed.wait_for(lambda: not self._reading, END_S)
        self._child.close()

    def _send(self, command: Command) -> None:
        data = encode(command)
        # A stop comes from the GUI thread, which must not wait behind a large text on its way.
        if not self._sending.acquire(timeout=CANCEL_S if isinstance(command, Cancel) else -1):
            return
        try:
            self._sent += len(data)
            if self._sent > LARGE:
                self._sent = 0
                self._drain()
            self._link.send(data)
        finally:
            self._sending.release()

    def _drain(self) -> None:
        """See above; before much is written it keeps the two ends from waiting for each other."""
        with self._changed:
            if self._reading:
                return
            for event in self._arrived():
                self._dispatch(event)
            self._changed.notify_all()

    def _receive(self, timeout: float | None) -> list[Event]:
        if not self._link.poll(timeout):
            return []
        first = decode_event(self._link.receive())
        return [first, *self._arrived()]

    def _arrived(self) -> list[Event]:
        """Whole messages that lie in the pipe; an end of it is noticed by the next read."""
        events: list[Event] = []
        with suppress(EOFError, OSError):
            while self._link.poll():
                events.append(decode_event(self._link.receive()))
        return events

    def _explain(self) -> EngineDied:
        return self._child.explain()


class InProcessEngine(EngineClient):
    """The same engine without a process: whoever waits runs the scheduler. For tests."""

    def __init__(self, worker: Worker, events: list[Event]) -> None:
        super().__init__(worker.info)
        self._worker, self._events = worker, events
        self._commands: deque[Command] = deque()

    @classmethod
    def start(cls, options: LoadOptions) -> InProcessEngine:
        """Load the model here."""
        from models.engine.process import Worker

        events: list[Event] = []
        return cls(Worker(options, events.append), events)

    def close(self) -> None:
        """See Engine."""
        if self._dead is None:
            self._dead = EngineDied("The model was unloaded.", code="unloaded")
            self._worker.close()

    def _send(self, command: Command) -> None:
        self._commands.append(command)

    def _receive(self, timeout: float | None) -> list[Event]:
        while self._commands:
            self._worker.handle(self._commands.popleft())
        if self._worker.busy:
            self._worker.step()
        events = list(self._events)
        self._events.clear()
        return events

    def _drain(self) -> None:
        events, self._events[:] = list(self._events), []
        for event in events:
            self._dispatch(event)

    def _explain(self) -> EngineDied:
        return EngineDied("The model was unloaded.", code="unloaded")


def _id_of(command: Call) -> str:
    return command.request.id if isinstance(command, Submit) else command.id


def clean(text: str) -> str:
    """Text that can be encoded: lone surrogates become U+FFFD."""
    return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")


def _clean(chat: Chat) -> Chat:
    messages = tuple(
        msgspec.structs.replace(m, content=clean(m.content), thinking=clean(m.thinking))
        for m in chat.messages
    )
    return msgspec.structs.replace(chat, messages=messages)
