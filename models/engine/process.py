"""An engine's process: commands in, events out, the scheduler in between.

Single-threaded. Between two steps the connection is asked for commands; while a long prompt is
evaluated an abort callback looks for a cancellation or for the parent's end.
"""

from __future__ import annotations

import faulthandler
import os
import sys
import time
import traceback
from collections import deque
from collections.abc import Callable
from typing import Any, NoReturn

import msgspec

from models.engine.llama import LoadAborted, Model
from models.engine.protocol import (
    VERSION,
    Cancel,
    Chat,
    Command,
    Detokenize,
    Embed,
    Event,
    Failed,
    Load,
    LoadFailed,
    LoadOptions,
    LoadProgress,
    Measure,
    ModelInfo,
    Prompt,
    Quantize,
    Ready,
    Render,
    Reply,
    Score,
    SetAdapters,
    Submit,
    TextDelta,
    ThinkingDelta,
    Tokenize,
    decode_command,
    encode,
    failure,
)
from models.engine.scheduler import Scheduler
from models.engine.transport import Link, link_from_handle
from models.errors import EngineError, RolltopError, UserError
from models.sandbox import deadline
from models.templates import ChatTemplate

FLUSH_S = 0.03
"""How long text of an answer may wait for more of it, so that a fast model does not flood the pipe."""

PROGRESS_S = 0.05
ABORT_CHECK_S = 0.01
RENDER_LIMIT_S = 10.0
"""A template that is still running after this ends the process; its own limit is far lower."""


class Worker:
    """A model with its scheduler and its template: what one process, or one test, runs.

    `emit` receives every event.
    """

    def __init__(
        self,
        options: LoadOptions,
        emit: Callable[[Event], None],
        *,
        progress: Callable[[float], bool] | None = None,
        interrupted: Callable[[], bool] | None = None,
    ) -> None:
        started = time.perf_counter()
        self._model = Model(options, progress)
        self._emit = emit
        try:
            self._template = self._make_template()
            self._scheduler = Scheduler(
                self._model,
                emit,
                parallel=options.parallel,
                pause_s=options.pause_s,
                interrupted=interrupted,
            )
        except BaseException:
            self._model.close()
            raise
        self._model.info = msgspec.structs.replace(self._model.info, load_s=time.perf_counter() - started)

    @property
    def info(self) -> ModelInfo:
        """The model as it is now."""
        return self._model.info

    def _make_template(self) -> ChatTemplate:
        vocab, source = self._model.vocab, self._model.chat_template
        marks = (mark for mark in vocab.marks if source and mark in source)
        with deadline(RENDER_LIMIT_S):
            template = ChatTemplate(
                source,
                bos=vocab.text(vocab.bos),
                eos=vocab.text(vocab.eos),
                control={*vocab.control.values(), *marks},
            )
            template.check()
        return template

    @property
    def busy(self) -> bool:
        """Whether `step` has something to do."""
        return self._scheduler.busy

    @property
    def reading(self) -> bool:
        """Whether the next step evaluates a part of a prompt, which takes longer than a token."""
        return self._scheduler.reading

    def step(self) -> None:
        """Do a little of what was asked."""
        self._scheduler.step()

    def handle(self, command: Command) -> None:
        """Take one command; its answer is emitted now or by a later step."""
        match command:
            case Submit(request=request):
                self._scheduler.submit(request)
            case Cancel(id=id, others=others):
                for each in (id, *others):
                    self._scheduler.cancel(each)
            case Score():
                self._scheduler.score(command)
            case Embed(id=id, texts=texts, normalize=normalize):
                self._scheduler.chore(id, self._model.embed(texts, normalize))
            case SetAdapters():
                self._scheduler.set_adapters(command)
            case Load() | Quantize():
                pass  # what a process begins with, taken before there is a worker
            case _:
                self._answer(command)

    def _answer(self, command: Render | Measure | Tokenize | Detokenize) -> None:
        vocab = self._model.vocab
        try:
            match command:
                case Render(chat=chat):
                    value: Any = self._render(chat)
                case Measure(chat=chat):
                    value = self._render(chat).size
                case Tokenize(text=text, special=special):
                    value = vocab.tokenize(text, special=special)
                case Detokenize(tokens=tokens):
                    value = b"".join(map(vocab.piece, tokens)).decode("utf-8", "replace")
        except RolltopError as error:
            self._emit(Failed(id=command.id, failure=failure(error)))
        else:
            self._emit(Reply(id=command.id, value=value))

    def _render(self, chat: Chat) -> Prompt:
        vocab = self._model.vocab
        with deadline(RENDER_LIMIT_S):
            rendered = self._template.render(chat)
        tokens: list[int] = []
        templated = rendered.format == "template"
        first = rendered.pieces[0]
        has_bos = templated and first.special and first.text.startswith(vocab.text(vocab.bos))
        if vocab.adds_bos and not has_bos:
            tokens.append(vocab.bos)
        for piece in rendered.pieces:
            special = piece.special and templated
            tokens += vocab.tokenize(piece.text, special=True) if special else vocab.spell_out(piece.text)
        if not chat.exact:
            tokens = self._scheduler.spell(tokens)
        return Prompt(
            text=rendered.text,
            tokens=tuple(tokens),
            parts=tuple(len(vocab.tokenize(m.content, special=False)) for m in chat.messages),
            stop=rendered.stop,
            thinking=rendered.thinking,
            format=rendered.format,
        )

    def close(self) -> None:
        """Free the model."""
        self._model.close()


class Outbox:
    """Sends events, joining text that comes faster than FLUSH_S."""

    def __init__(self, send: Callable[[bytes], None]) -> None:
        self._send = send
        self._held: dict[tuple[str, type], Any] = {}
        self._last = 0.0

    def put(self, event: Event) -> None:
        """Send an event, or hold a piece of text for a moment; the order of a request's events is kept."""
        if isinstance(event, TextDelta | ThinkingDelta):
            self._hold(event)
            if time.perf_counter() - self._last >= FLUSH_S:
                self.flush()
            return
        self.flush()
        self._send(encode(event))

    def _hold(self, event: TextDelta | ThinkingDelta) -> None:
        other = ThinkingDelta if isinstance(event, TextDelta) else TextDelta
        if (event.id, other) in self._held:
            self.flush()
        before = self._held.get((event.id, type(event)))
        if before is not None:
            event = type(event)(
                id=event.id, text=before.text + event.text, tokens=before.tokens + event.tokens
            )
        self._held[event.id, type(event)] = event

    def flush(self) -> None:
        """Send what is held."""
        for event in self._held.values():
            self._send(encode(event))
        self._held.clear()
        self._last = time.perf_counter()


class Inbox:
    """Commands as they arrive; raises EOFError when the parent is gone."""

    def __init__(self, link: Link) -> None:
        self._link = link
        self._commands: deque[Command] = deque()
        self._checked = 0.0
        self.closed = False

    def fetch(self, wait: bool) -> None:
        """Read all that has arrived; with `wait`, block until there is something."""
        try:
            while self._link.poll(None if wait and not self._commands else 0):
                self._commands.append(decode_command(self._link.receive()))
                wait = False
        except (EOFError, OSError):
            self.closed = True

    def take(self) -> Command | None:
        """The next command, None when there is none."""
        return self._commands.popleft() if self._commands else None

    def interrupting(self) -> bool:
        """Whether a cancellation, or the parent's end, has arrived. Asked very often."""
        now = time.perf_counter()
        if now - self._checked >= ABORT_CHECK_S:
            self._checked = now
            self.fetch(wait=False)
        return self.closed or any(isinstance(command, Cancel) for command in self._commands)


def run(work: Callable[[Link], None], handle: int) -> NoReturn:
    """Do a child's work over the connection with this handle, then end the process."""
    _harden()
    code = 0
    try:
        work(link_from_handle(handle))
    except (BrokenPipeError, ConnectionError, EOFError):
        pass  # the parent is gone; nobody is left to tell
    except BaseException:
        traceback.print_exc()
        code = 70
    sys.stderr.flush()
    # Freeing gigabytes in good order only delays the end; the system takes it all back at once.
    os._exit(code)


def serve(link: Link) -> None:
    """Serve one model until the parent closes the connection."""
    outbox, inbox = Outbox(link.send), Inbox(link)
    worker = _load(link, outbox, inbox)
    slow = False
    while worker is not None and not inbox.closed:
        if slow or worker.reading or not worker.busy:
            outbox.flush()  # the next step may take long: say first what is known
        inbox.fetch(wait=not worker.busy)
        while (command := inbox.take()) is not None:
            worker.handle(command)
        started = time.perf_counter()
        worker.step()
        slow = time.perf_counter() - started > FLUSH_S


def _load(link: Link, outbox: Outbox, inbox: Inbox) -> Worker | None:
    command = decode_command(link.receive())
    told = 0.0

    def progress(fraction: float) -> bool:
        nonlocal told
        if time.perf_counter() - told >= PROGRESS_S or fraction >= 1:
            told = time.perf_counter()
            outbox.put(LoadProgress(fraction=fraction))
        return not inbox.interrupting()

    try:
        if not isinstance(command, Load) or command.version != VERSION:
            raise EngineError("The engine and the app are of different versions.")
        worker = Worker(command.options, outbox.put, progress=progress, interrupted=inbox.interrupting)
    except LoadAborted:
        return None
    except RolltopError as error:
        outbox.put(LoadFailed(failure=failure(error)))
        return None
    except MemoryError:
        full = UserError("There is not enough memory for this model.", code="no_memory", part="context")
        outbox.put(LoadFailed(failure=failure(full)))
        return None
    outbox.put(Ready(info=worker.info))
    return worker


def _harden() -> None:
    """No core dumps; C code that prints to stdout is sent to stderr."""
    faulthandler.enable()
    os.dup2(2, 1)
    try:
        import resource

        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    except (ImportError, ValueError, OSError):
        pass  # Windows writes none unless told to
