"""An engine with no model: it answers from a script, so that tests of what stands on it are exact."""

from __future__ import annotations

import hashlib
import math
import os
import re
import threading
import time
from collections.abc import Callable, Generator, Iterator, Sequence
from dataclasses import dataclass

import msgspec

from models.engine.client import SILENCE_S, Loading
from models.engine.protocol import (
    Adapter,
    Chat,
    Failed,
    Finished,
    FinishReason,
    GenerationEvent,
    LoadOptions,
    ModelInfo,
    Prompt,
    PromptProgress,
    PromptSize,
    Request,
    Silence,
    Started,
    TextDelta,
    ThinkingDelta,
    ThinkingTags,
    Timings,
    Usage,
    failure,
)
from models.errors import EngineDied, EngineError, RolltopError, UserError

# A token is at most eight characters of a word, with the blanks before it.
_TOKENS = re.compile(r"\s*\S{1,8}|\s+")
_WORDS = re.compile(r"\s*\S+|\s+")
_CONTROLS = ("<|im_start|>", "<|im_end|>")
_CONTROL = re.compile("(" + "|".join(map(re.escape, _CONTROLS)) + ")")
_PROMPT_CHUNK = 128
_POLL_S = 0.01


@dataclass(frozen=True)
class Answer:
    """What the engine says to one request.

    Attributes:
        pieces: the text, one event each; a plain string is cut into its words.
        thinking: the thinking before it, in the same form.
        delay_s: pause before each piece.
        hold: waited for before piece number `hold_at` (thinking counted first); a cancel ends the wait.
        error: raised after the last piece.
        die: the engine dies after the last piece.
        finish_reason: said at the end, unless max_tokens, the context or a cancel came first.
    """

    pieces: str | Sequence[str] = ()
    thinking: str | Sequence[str] = ()
    delay_s: float = 0.0
    hold: threading.Event | None = None
    hold_at: int = 0
    error: RolltopError | None = None
    die: bool = False
    finish_reason: FinishReason = "stop"


Script = Sequence[Answer] | Callable[[Request], Answer]
Start = Callable[[LoadOptions], "Loading[ScriptedEngine]"]


class ScriptedEngine:
    """An `Engine` that answers from a script, in order of submission.

    Attributes:
        info: of an invented model. requests: every request submitted, in order.
    """

    def __init__(
        self,
        answers: Script,
        *,
        options: LoadOptions | None = None,
        chat_template: bool = True,
        name: str = "Scripted",
    ) -> None:
        options = options or LoadOptions(path="/scripted.gguf")
        self.options = options
        self.info = ModelInfo(
            name=name,
            architecture="scripted",
            parameters=1_000_000,
            quantization="F16",
            size_bytes=2_000_000,
            vocab_size=1 << 20,
            embedding_size=16,
            layers=2,
            gpu_layers=0,
            context_length=max(8192, options.context_size),
            context_size=options.context_size,
            chat_template=chat_template,
            load_s=0.01,
            memory_bytes=2_000_000,
            adapters=options.adapters,
        )
        self.requests: list[Request] = []
        self._answers = answers if callable(answers) else _in_order(answers)
        self._lock = threading.Lock()
        self._ids: dict[str, int] = {}  # of texts; a control string met as text gets its own, too
        self._words: list[str] = list(_CONTROLS)
        self._seen: list[tuple[int, ...]] = []
        self._running: set[str] = set()
        self._dead: EngineDied | None = None

    @classmethod
    def starter(
        cls, answers: Script, *, steps: int = 4, step_s: float = 0.0, chat_template: bool = True
    ) -> Start:
        """A function that starts scripted engines, for `EnginePool(start=...)`.

        Loading reports `steps` times. The engines share one script.
        """
        script = answers if callable(answers) else _in_order(answers)

        def start(options: LoadOptions) -> Loading[ScriptedEngine]:
            for step in range(1, steps + 1):
                time.sleep(step_s)
                yield step / steps
            return cls(script, options=options, chat_template=chat_template)

        return start

    # ------------------------------------------------------------ generation

    def submit(self, request: Request) -> ScriptedStream:
        """Queue a generation and return its events at once."""
        self._check_alive()
        if not request.tokens:
            raise UserError("The prompt is empty.")
        self.requests.append(request)
        return ScriptedStream(self, request, self._answers(request))

    def batch(self, requests: Sequence[Request]) -> ScriptedBatch:
        """Queue many generations; `options.parallel` of them take turns, an event each."""
        return ScriptedBatch(self, requests)

    def render(self, chat: Chat) -> Prompt:
        """Render messages in a ChatML-like form (or a plain one) and tokenize the result."""
        self._check_alive()
        return self._render_template(chat) if self.info.chat_template else self._render_plain(chat)

    def measure(self, chat: Chat) -> PromptSize:
        """How long the prompt of `render` is, without the prompt."""
        return self.render(chat).size

    def _render_template(self, chat: Chat) -> Prompt:
        tokens: list[int] = []
        parts: list[int] = []
        last = len(chat.messages) - 1
        for number, message in enumerate(chat.messages):
            tokens += self.tokenize(f"<|im_start|>{message.role}\n", special=True)
            content = self.tokenize(message.content)
            tokens += content
            parts.append(len(content))
            if not (chat.continue_last and number == last):
                tokens += self.tokenize("<|im_end|>\n", special=True)
        if not chat.continue_last:
            tokens += self.tokenize("<|im_start|>assistant\n", special=True)
        return Prompt(
            text=self.detokenize(tokens),
            tokens=tuple(tokens),
            parts=tuple(parts),
            stop=("<|im_end|>",),
            thinking=ThinkingTags(start="<think>", end="</think>"),
        )

    def _render_plain(self, chat: Chat) -> Prompt:
        tokens: list[int] = []
        parts: list[int] = []
        last = len(chat.messages) - 1
        for number, message in enumerate(chat.messages):
            tokens += self.tokenize(f"{message.role.capitalize()}: ")
            content = self.tokenize(message.content)
            tokens += content
            parts.append(len(content))
            if not (chat.continue_last and number == last):
                tokens += self.tokenize("\n")
        if not chat.continue_last:
            tokens += self.tokenize("Assistant:")
        return Prompt(
            text=self.detokenize(tokens),
            tokens=tuple(tokens),
            parts=tuple(parts),
            stop=("\nUser:",),
            format="plain",
        )

    # ------------------------------------------------------------ tokens

    def tokenize(self, text: str, *, special: bool = False) -> list[int]:
        """Token ids of `text`; control strings stay text unless `special`."""
        self._check_alive()
        pieces = _CONTROL.split(text) if special else [text]
        tokens: list[int] = []
        for piece in pieces:
            if special and piece in _CONTROLS:
                tokens.append(_CONTROLS.index(piece))
            else:
                tokens += [self._id(word) for word in _TOKENS.findall(piece)]
        return tokens

    def detokenize(self, tokens: Sequence[int]) -> str:
        """The text of `tokens`."""
        self._check_alive()
        try:
            return "".join(self._words[token] for token in tokens)
        except IndexError:
            raise UserError("There is no such token in this model.") from None

    def count(self, text: str) -> int:
        """How many tokens `text` has."""
        return len(self.tokenize(text))

    def score(self, prompt: Sequence[int], continuation: Sequence[int]) -> list[float]:
        """A made-up log-probability for each token: the longer the word, the less likely."""
        self._check_alive()
        return [-float(len(self._words[token])) for token in continuation]

    def embed(self, texts: Sequence[str], *, normalize: bool = True) -> list[list[float]]:
        """One made-up vector for each text; the same text has the same vector."""
        self._check_alive()
        vectors = [
            [byte / 255.0 for byte in hashlib.blake2b(t.encode(), digest_size=16).digest()] for t in texts
        ]
        if not normalize:
            return vectors
        lengths = [math.sqrt(sum(x * x for x in vector)) or 1.0 for vector in vectors]
        return [[x / length for x in vector] for vector, length in zip(vectors, lengths, strict=True)]

    # ------------------------------------------------------------ life

    def set_adapters(self, adapters: Sequence[Adapter]) -> None:
        """Note these adapters in `info`, and forget what was cached with others."""
        self._check_alive()
        with self._lock:
            self.info = msgspec.structs.replace(self.info, adapters=tuple(adapters))
            self._seen.clear()

    @property
    def busy(self) -> bool:
        """Whether a request is being answered."""
        return bool(self._running)

    @property
    def pid(self) -> int:
        """The process that holds the model: this one."""
        return os.getpid()

    def alive(self) -> bool:
        """False once the engine died or was closed."""
        return self._dead is None

    def death(self) -> EngineDied | None:
        """Why it ended; None while it lives."""
        return self._dead

    def close(self) -> None:
        """End the engine; running requests fail with EngineDied."""
        self.die(EngineDied("The model was unloaded.", code="unloaded"))

    def die(self, reason: EngineDied | None = None) -> None:
        """Die as a killed process would; running requests fail."""
        with self._lock:
            if self._dead is None:
                self._dead = reason or EngineDied(
                    "The model stopped working ({reason}).", hint="Restart it.", reason="the script said so"
                )

    def _check_alive(self) -> None:
        if self._dead is not None:
            raise self._dead

    def _id(self, word: str) -> int:
        with self._lock:
            token = self._ids.get(word)
            if token is None:
                token = self._ids[word] = len(self._words)
                self._words.append(word)
            return token

    def _cached(self, tokens: tuple[int, ...]) -> int:
        """Tokens of a prompt that an earlier request left behind; the last is always evaluated."""
        with self._lock:
            return min(max((_common(tokens, seen) for seen in self._seen), default=0), len(tokens) - 1)

    def _remember(self, tokens: tuple[int, ...]) -> None:
        with self._lock:
            self._seen.append(tokens)


class ScriptedStream:
    """The events of one scripted request; they happen as the stream is read."""

    def __init__(self, engine: ScriptedEngine, request: Request, answer: Answer) -> None:
        self._engine = engine
        self._request = request
        self._answer = answer
        self._cancelled = threading.Event()
        self._events = self._run()

    def __iter__(self) -> Iterator[GenerationEvent]:
        for event in self._events:
            if event is not None:
                yield event
            else:
                time.sleep(_POLL_S)

    def cancel(self) -> None:
        """Ask for a stop; a Finished event with reason "cancelled" follows."""
        self._cancelled.set()

    def _run(self) -> Generator[GenerationEvent | None, None, None]:
        engine, id = self._engine, self._request.id
        engine._running.add(id)
        try:
            yield from self._generate()
        finally:
            engine._running.discard(id)

    def _generate(self) -> Iterator[GenerationEvent | None]:
        """The events; None while it is held."""
        request, engine = self._request, self._engine
        total = len(request.tokens)
        if total > engine.info.context_size:
            raise UserError("The prompt is longer than the context.", code="context_full")
        submitted = time.monotonic()
        cached = engine._cached(request.tokens)
        yield Started(id=request.id, prompt_tokens=total, cached_tokens=cached, queue_s=0.0)
        for done in (*range(cached + _PROMPT_CHUNK, total, _PROMPT_CHUNK), total):
            engine._check_alive()
            if self._cancelled.is_set():
                break
            yield PromptProgress(id=request.id, done=done, total=total)
        prompt_s = time.monotonic() - submitted
        limit = engine.info.context_size - total
        limit = min(limit, request.max_tokens) if request.max_tokens else limit
        made: list[int] = []
        reason: FinishReason = self._answer.finish_reason
        first = last = submitted + prompt_s
        for held_or_piece in self._pieces():
            if held_or_piece is None:
                yield None
                continue
            thinking, piece = held_or_piece
            if self._cancelled.is_set() or len(made) >= limit:
                break
            tokens = engine.tokenize(piece)[: limit - len(made)]
            last = time.monotonic()
            first = first if made else last
            made += tokens
            delta = ThinkingDelta if thinking else TextDelta
            yield delta(id=request.id, text=engine.detokenize(tokens))
        if self._cancelled.is_set():
            reason = "cancelled"
        elif len(made) < limit:
            self._end()
        else:
            reason = "length" if request.max_tokens and limit == request.max_tokens else "context"
        engine._remember((*request.tokens, *made))
        decode_s = last - first
        yield Finished(
            id=request.id,
            finish_reason=reason,
            usage=Usage(prompt_tokens=total, cached_tokens=cached, completion_tokens=len(made)),
            timings=Timings(
                prompt_s=prompt_s,
                first_token_s=first - submitted,
                decode_s=decode_s,
                tokens_per_second=(len(made) - 1) / decode_s if decode_s and len(made) > 1 else 0.0,
            ),
            mode=request.mode,
            seed=request.sampling.seed if request.sampling.seed is not None else len(engine.requests),
        )

    def _pieces(self) -> Iterator[tuple[bool, str] | None]:
        """The pieces with their delays, until cancelled, and whether each is thinking; None while held."""
        answer = self._answer
        pieces = [(True, piece) for piece in _pieces(answer.thinking)]
        pieces += [(False, piece) for piece in _pieces(answer.pieces)]
        for number, piece in enumerate([*pieces, None]):
            if answer.delay_s:
                self._cancelled.wait(answer.delay_s)
            while number == answer.hold_at and self._held():
                yield None
            self._engine._check_alive()
            if piece is not None:
                yield piece

    def _held(self) -> bool:
        hold = self._answer.hold
        released = hold is None or hold.is_set() or self._cancelled.is_set()
        return not released and self._engine.alive()

    def _end(self) -> None:
        if self._answer.die:
            self._engine.die()
        self._engine._check_alive()
        if self._answer.error is not None:
            raise self._answer.error


class ScriptedBatch:
    """The events of many scripted requests; they happen as the batch is read."""

    def __init__(self, engine: ScriptedEngine, requests: Sequence[Request]) -> None:
        self._engine = engine
        self._failed: list[Failed] = []
        self._streams: dict[str, ScriptedStream] = {}
        self.add(requests)

    def __iter__(self) -> Iterator[GenerationEvent]:
        spoke = time.monotonic()
        while self._failed or self._streams:
            while self._failed:
                yield self._failed.pop(0)
            running = list(self._streams)[: self._engine.options.parallel]
            for id in running:
                if (event := self._next(id)) is not None:
                    yield event
                    spoke = time.monotonic()
            silent = time.monotonic() - spoke
            if running and silent >= SILENCE_S:
                yield Silence(id=running[0])
                spoke = time.monotonic()
            elif silent >= _POLL_S:
                time.sleep(_POLL_S)

    def add(self, requests: Sequence[Request]) -> None:
        """See Batch."""
        for request in requests:
            try:
                self._streams[request.id] = self._engine.submit(request)
            except EngineDied:
                raise
            except RolltopError as error:
                self._failed.append(Failed(id=request.id, failure=failure(error)))

    def cancel(self, id: str = "") -> None:
        """Ask one, or all that still run, to stop; a Finished event with reason "cancelled" follows."""
        for name, stream in list(self._streams.items()):
            if id in ("", name):
                stream.cancel()

    def _next(self, id: str) -> GenerationEvent | None:
        """The next event of a request; None while it is held."""
        try:
            event = next(self._streams[id]._events)
        except EngineDied:
            while self._streams:
                self._streams.popitem()[1]._events.close()
            raise
        except RolltopError as error:
            event = Failed(id=id, failure=failure(error))
        if isinstance(event, Finished | Failed):
            self._streams.pop(id)._events.close()
        return event


def _pieces(text: str | Sequence[str]) -> list[str]:
    pieces = _WORDS.findall(text) if isinstance(text, str) else text
    return [piece for piece in pieces if piece]


def _common(a: Sequence[int], b: Sequence[int]) -> int:
    pairs = enumerate(zip(a, b, strict=False))
    return next((n for n, (x, y) in pairs if x != y), min(len(a), len(b)))


def _in_order(answers: Sequence[Answer]) -> Callable[[Request], Answer]:
    left = iter(answers)
    lock = threading.Lock()

    def answer(request: Request) -> Answer:
        with lock:
            found = next(left, None)
        if found is None:
            raise EngineError("The script has no answer left.")
        return found

    return answer
