"""Continuous batching: admit, batch, decode, sample, emit.

Many requests share one context. Each running task owns a *sequence*, a row of the context's memory.
What is evaluated stays cached, so that a prompt which begins the same way evaluates only the rest
(see `cache`). Single-threaded: whoever owns the scheduler calls `step()` again and again while `busy`.
"""

from __future__ import annotations

import secrets
import time
from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from itertools import count
from typing import Any

import msgspec

from models.engine import prefix
from models.engine.cache import Cache, Sequence
from models.engine.llama import Batch, Model, Sampler, log_softmax
from models.engine.lookup import SIZES, Guesser, Rates, Speculation
from models.engine.protocol import (
    Adapter,
    Event,
    Failed,
    Finished,
    FinishReason,
    PromptProgress,
    Reply,
    Request,
    Score,
    SetAdapters,
    Started,
    TextDelta,
    ThinkingDelta,
    Timings,
    TokenLogprob,
    Usage,
    failure,
)
from models.engine.text import TokenText
from models.errors import EngineError, RolltopError, UserError

WORTH_WAITING = 16
"""Tokens of a prefix being evaluated for another request that are worth waiting for."""

LEAST_ROWS = 16
"""Of a batch with a part of a prompt; smaller ones waste most of each pass over the weights."""

SCORED_AT_ONCE = 64
"""Most rows of logits asked for in one batch by a scoring; a row has the size of the vocabulary."""


@dataclass(eq=False, kw_only=True)
class Task:
    """Something to be evaluated: a prompt, then perhaps an answer token by token.

    Attributes:
        id: the request's id. prompt: tokens to evaluate before the first sample.
        cached: prompt tokens that were found in the cache.
        next: tokens to evaluate next, while an answer runs: the one sampled last, and guesses after it.
        awaited: another task, and how long a prefix it is about to evaluate that this one shares.
    """

    id: str
    prompt: list[int]
    submitted: float
    sequence: Sequence | None = None
    cached: int = 0
    admitted: float | None = None
    next: list[int] = field(default_factory=list)
    order: int = 0
    awaited: tuple[Task, int] | None = None

    @property
    def exact(self) -> bool:
        """Whether it must run alone."""
        return False

    @property
    def patient(self) -> bool:
        """Whether it lets others go first."""
        return False

    @property
    def first_output(self) -> int:
        """Position of the first token whose logits are wanted."""
        return len(self.prompt) - 1

    @property
    def position(self) -> int:
        """Tokens in memory."""
        return len(self.sequence.tokens) if self.sequence else 0

    @property
    def prefilling(self) -> bool:
        """Whether the prompt is still being evaluated."""
        return self.position < len(self.prompt)


@dataclass(eq=False, kw_only=True)
class Scoring(Task):
    """The log-probabilities of a continuation; `prompt` is both, less the last token."""

    start: int = 0
    targets: list[int] = field(default_factory=list)
    scores: list[float] = field(default_factory=list)

    @property
    def first_output(self) -> int:
        """The last token before the continuation."""
        return self.start


@dataclass(eq=False, kw_only=True)
class Generation(Task):
    """One answer being made."""

    request: Request
    text: TokenText
    sampler: Sampler | None = None
    answer: list[int] = field(default_factory=list)
    started: bool = False
    evaluated_at: float | None = None
    first_at: float | None = None
    last_at: float | None = None
    guesser: Guesser | None = None
    guessed: int = 0
    accepted: int = 0
    # Prints of the logits after the last tokens, each evaluated in a batch of its own.
    alone: deque[bytes] = field(default_factory=lambda: deque(maxlen=SIZES[-1]))

    @property
    def lookup(self) -> bool:
        """Whether guessing can be of use, and changes nothing.

        With a grammar or log-probabilities the sampler does more than to choose the best token.
        """
        r = self.request
        plain = r.grammar is None and r.json_schema is None and r.logprobs is None
        return r.lookup and plain and r.mode == "fast" and r.sampling.temperature <= 0

    @property
    def exact(self) -> bool:
        """Whether it must run alone."""
        return self.request.mode == "exact"

    @property
    def patient(self) -> bool:
        """Whether it lets others go first."""
        return self.request.patient


@dataclass(eq=False, kw_only=True)
class Change(Task):
    """Other adapters, once all that came before is done; there is no prompt."""

    adapters: tuple[Adapter, ...]

    @property
    def exact(self) -> bool:
        """It is done while nothing runs."""
        return True


Row = tuple[Task, int, list[int]]
"""What a batch has of one task: its first row there, and its tokens."""


class Pace:
    """How large a batch may be that holds a part of a prompt beside a running answer.

    As large as fits into `pause_s` at the speed at which the last prompts were evaluated: a whole
    batch on a graphics card, a few tokens of a large model on a slow processor.

    Attributes:
        rows: of such a batch, a multiple of LEAST_ROWS.
    """

    def __init__(self, pause_s: float) -> None:
        self.rows = LEAST_ROWS
        self._pause_s = pause_s
        self._per_s = 0.0

    def learn(self, rows: int, seconds: float) -> None:
        """A batch took so long; a smaller one than is ever chosen tells nothing."""
        if rows < LEAST_ROWS or seconds <= 0:
            return
        per_s = rows / seconds
        self._per_s = (self._per_s + per_s) / 2 if self._per_s else per_s
        self.rows = max(LEAST_ROWS, int(self._per_s * self._pause_s) // LEAST_ROWS * LEAST_ROWS)


class Scheduler:
    """Runs requests on one model.

    `emit` receives every event. `interrupted`, asked while a prompt is evaluated, may return True
    to break off the current decode, so that a cancelled long prompt stops at once. The work of that
    batch is lost by it, and what a recurrent or hybrid model had in its context.
    """

    def __init__(
        self,
        model: Model,
        emit: Callable[[Event], None],
        *,
        parallel: int = 8,
        pause_s: float = 0.1,
        interrupted: Callable[[], bool] | None = None,
        clock: Callable[[], float] = time.perf_counter,
    ) -> None:
        self._model = model
        self._emit = emit
        self._parallel = parallel
        self._pace = Pace(pause_s)
        self._interrupted = interrupted
        self._clock = clock
        self._batch = Batch(model.batch_size)
        self._cache = Cache(model)
        self._waiting: deque[Task] = deque()
        self._running: list[Task] = []
        self._speculation = self._new_speculation()
        self._guessed: list[tuple[Generation, int]] = []  # answers of the batch, and how long they were
        self._crowded = False  # the last batch had no room, perhaps because of guesses
        self._chores: deque[tuple[str, Iterator[Any], list[Any]]] = deque()
        self._ticks = count(1)
        # Tasks that were put back for want of room; none has ended since.
        self._put_back: list[Task] = []

    # ------------------------------------------------------------ the step

    def step(self) -> None:
        """One turn: admit what fits, evaluate one batch, and let each task use its outputs."""
        self._do_chore()
        self._admit()
        self._check_rows()
        self._guess()
        rows = self._fill_batch()
        if not rows or not self._evaluate(rows):
            return
        self._report(rows)
        for task, row, position in self._outputs(rows):
            try:
                self._use_output(task, row, position)
            except RolltopError as error:
                self._fail(task, error)
        if self._guessed:
            made = [len(task.answer) - before for task, before in self._guessed]
            self._speculation.won(made, self._batch.size)

    @property
    def busy(self) -> bool:
        """Whether there is anything to do."""
        return bool(self._waiting or self._running or self._chores)

    @property
    def reading(self) -> bool:
        """Whether a prompt waits or is being evaluated."""
        return bool(self._waiting) or any(task.prefilling for task in self._running)

    # ------------------------------------------------------------ what is asked

    def submit(self, request: Request) -> None:
        """Queue a generation; a request that cannot be run is answered with Failed at once."""
        seed = request.sampling.seed
        if seed is None:
            seed = secrets.randbits(32)
        seeded = msgspec.structs.replace(request.sampling, seed=seed)
        request = msgspec.structs.replace(request, sampling=seeded)
        task = Generation(
            id=request.id,
            prompt=list(request.tokens),
            submitted=self._clock(),
            request=request,
            text=TokenText(request.stop, request.thinking),
        )
        try:
            self._check(task.prompt)
            task.sampler = self._model.sampler(request, task.prompt)
        except RolltopError as error:
            self._emit(Failed(id=request.id, failure=failure(error)))
            return
        self._queue(task)

    def score(self, command: Score) -> None:
        """Queue the scoring of a continuation, answered by Reply with one float for each token."""
        prompt, continuation = list(command.prompt), list(command.continuation)
        if not continuation:
            self._emit(Reply(id=command.id, value=[]))
            return
        try:
            self._check(prompt)
            self._check(prompt + continuation)
        except RolltopError as error:
            self._emit(Failed(id=command.id, failure=failure(error)))
            return
        self._queue(
            Scoring(
                id=command.id,
                prompt=prompt + continuation[:-1],
                submitted=self._clock(),
                start=len(prompt) - 1,
                targets=continuation,
            )
        )

    def set_adapters(self, command: SetAdapters) -> None:
        """Queue a change of adapters, answered by Reply with the ModelInfo after it."""
        self._waiting.append(
            Change(id=command.id, prompt=[], submitted=self._clock(), adapters=command.adapters)
        )

    def chore(self, id: str, parts: Iterator[list[Any]]) -> None:
        """Queue work done a part a step beside the batches, answered by Reply with all the parts."""
        self._chores.append((id, parts, []))

    def cancel(self, id: str) -> None:
        """Stop a task; its Finished event tells what was made. Unknown ids are finished ones."""
        for task in [*self._waiting, *self._running]:
            if task.id == id:
                self._finish(task, "cancelled")

    def spell(self, tokens: list[int]) -> list[int]:
        """The prompt as the cache spells it, where the text is the same; see `prefix.respell`."""
        return self._cache.spell(tokens)

    def _queue(self, task: Task) -> None:
        """Put a new task behind those that wait, or before the patient ones when it is none itself."""
        at = len(self._waiting)
        while at and not task.patient and self._waiting[at - 1].patient:
            at -= 1
        self._waiting.insert(at, task)

    def _check(self, prompt: list[int]) -> None:
        if not self._model.can_generate:
            raise UserError(
                "This model makes embeddings, it cannot answer.",
                hint="Choose a chat model.",
                code="not_generative",
            )
        if not prompt:
            raise UserError("The prompt is empty.", code="empty")
        if len(prompt) >= self._model.context_size:
            raise UserError(
                "The text has {tokens} tokens, the context holds {context_size}.",
                hint="Choose a larger context or a shorter text.",
                code="context_full",
                tokens=len(prompt),
                context_size=self._model.context_size,
            )
        size = self._model.vocab.size
        if not all(0 <= token < size for token in prompt):
            raise UserError("The prompt has tokens that this model does not know.", code="bad_token")

    # ------------------------------------------------------------ admission

    def _admit(self) -> None:
        for task in list(self._waiting):
            if not self._has_place(task):
                return
            if any(other.exact for other in self._running) or (task.exact and self._running):
                return
            if isinstance(task, Change):
                self._change(task)
            elif not self._worth_waiting(task):
                self._start(task)
            if task.exact:
                return

    def _has_place(self, task: Task) -> bool:
        """Whether one more may run. Patient ones leave a place to others, and do not keep them from room."""
        if not self._running:
            return True
        if self._put_back and (task.patient or not all(other.patient for other in self._put_back)):
            return False
        patient = sum(other.patient for other in self._running)
        return len(self._running) < self._parallel and not (task.patient and patient >= self._parallel - 1)

    def _change(self, change: Change) -> None:
        """Change the adapters while nothing runs; what was evaluated with others is of no use with these."""
        self._waiting.remove(change)
        try:
            self._cache.set_adapters(change.adapters)
        except RolltopError as error:
            self._emit(Failed(id=change.id, failure=failure(error)))
        else:
            self._speculation = self._new_speculation()  # rows may not come out alike with these
            self._emit(Reply(id=change.id, value=self._model.info))

    def _worth_waiting(self, task: Task) -> bool:
        """Whether a running task is about to evaluate a longer part of this prompt than is cached.

        A task goes on waiting for the one that was found, without a look at the cache in each step.
        """
        if task.awaited is not None and self._reads_on(*task.awaited):
            return True
        reading = [other for other in self._running if other.prefilling]
        have = self._cache.match(task.prompt) if reading else 0
        shared = ((other, prefix.common(other.prompt, task.prompt)) for other in reading)
        worth = (pair for pair in shared if pair[1] >= have + WORTH_WAITING and self._reads_on(*pair))
        task.awaited = next(worth, None)
        return task.awaited is not None

    def _reads_on(self, task: Task, length: int) -> bool:
        """Whether a task is running and well before `length` tokens of its prompt."""
        return task.sequence is not None and task.position + WORTH_WAITING <= length

    def _start(self, task: Task) -> None:
        if task.exact:
            task.sequence, cached = self._cache.claim_first(), 0
        else:
            alone = not self._running
            task.sequence, cached = self._cache.claim(task.prompt, task.first_output, alone=alone)
        if task.admitted is None:  # not when it was put back: what it evaluated itself does not count
            task.admitted, task.cached = self._clock(), cached
        task.order, task.awaited = next(self._ticks), None  # or each would keep the one before it
        self._waiting.remove(task)
        self._running.append(task)
        if isinstance(task, Generation) and not task.started:
            task.started = True
            self._emit(
                Started(
                    id=task.id,
                    prompt_tokens=len(task.prompt),
                    cached_tokens=task.cached,
                    queue_s=task.admitted - task.submitted,
                )
            )

    def _make_room(self) -> None:
        """Free cells after a decode found none: cached sequences first, then the youngest task.

        That task and all that wait are held back until one ends: cells may be shared, so what a
        task frees cannot be told beforehand, and to start it again at once could go on for ever.
        Patient tasks give way first, and hold back no others.
        """
        if self._cache.make_room():
            return
        if len(self._running) > 1:
            youngest = max(self._running, key=lambda t: (t.patient, t.order))
            self._put_back.append(youngest)
            self._preempt(youngest, intact=True)
        else:
            self._finish(self._running[0], "context")

    def _preempt(self, task: Task, *, intact: bool = False) -> None:
        """Put a task back before its like in the queue; its answer so far becomes part of its prompt.

        What was evaluated is kept where the memory is `intact`.
        """
        assert task.sequence is not None
        if isinstance(task, Generation):
            task.prompt = [*task.request.tokens, *task.answer]
            task.next = []
            task.alone.clear()
        elif isinstance(task, Scoring):
            task.scores.clear()
        sequence, task.sequence = task.sequence, None
        (self._cache.set_aside if intact else self._cache.discard)(sequence)
        self._running.remove(task)
        at = 0
        while task.patient and at < len(self._waiting) and self._goes_before_patient(self._waiting[at]):
            at += 1
        self._waiting.insert(at, task)

    def _goes_before_patient(self, task: Task) -> bool:
        return not task.patient and not isinstance(task, Change)

    # ------------------------------------------------------------ one batch

    def _fill_batch(self) -> list[Row]:
        """Choose what to evaluate. Answers first, then prompts."""
        self._batch.clear()
        answering = [task for task in self._running if not task.prefilling]
        rows = [self._add(task, task.next) for task in answering]
        budget = self._batch.capacity - self._batch.size
        if not all(task.patient for task in answering):  # however many they are, the prompts go on
            budget = min(budget, max(LEAST_ROWS // 2, self._pace.rows - self._batch.size))
        for task in sorted(self._running, key=lambda task: task.patient):
            if budget <= 0 or not task.prefilling:
                continue
            tokens = task.prompt[task.position : task.position + self._chunk(task, budget)]
            rows.append(self._add(task, tokens))
            budget -= len(tokens)
        return rows

    def _chunk(self, task: Task, budget: int) -> int:
        """How many prompt tokens to take; stops before the last one where a checkpoint is needed."""
        left = len(task.prompt) - task.position
        if isinstance(task, Scoring):
            left = min(left, max(task.first_output - task.position, 0) + SCORED_AT_ONCE)
        if self._cache.needs_checkpoints and left > 1:
            left -= 1
        return min(left, budget)

    def _add(self, task: Task, tokens: list[int]) -> Row:
        assert task.sequence is not None
        position = task.position
        row = self._batch.add(tokens, position, task.sequence.id)
        first = max(task.first_output - position, 0)
        self._batch.outputs[row + first : row + len(tokens)] = 1
        return task, row, tokens

    def _evaluate(self, rows: list[Row]) -> bool:
        """Decode the batch; False when nothing was evaluated and the next step tries again."""
        reads = any(task.prefilling for task, _, _ in rows)
        spoils = not self._model.can_cut and len(self._running) > 1  # others start over, see `_undo`
        watch = self._interrupted is not None and reads and not spoils
        if watch:
            self._model.on_abort(self._interrupted)
        began = self._clock()
        try:
            status = self._model.decode(self._batch)
        except EngineError as error:
            for task, _, _ in rows:
                self._fail(task, error)
            self._start_over()
            return False
        finally:
            if watch:
                self._model.on_abort(None)
        self._crowded = status == 1
        if status == 0:
            learn = self._pace.learn if reads else self._speculation.learn
            learn(self._batch.size, self._clock() - began)
            for task, _, tokens in rows:
                assert task.sequence is not None
                self._cache.grow(task.sequence, tokens)
            return True
        if status == 1 and not any(len(task.next) > 1 for task, _, _ in rows):
            self._make_room()
        elif status == 1:
            pass  # once more, without guesses
        else:
            self._undo(rows)
        return False

    def _undo(self, rows: list[Row]) -> None:
        """Bring the memory back to what it was, after a decode was broken off."""
        if not self._model.can_cut:  # it moves the states of others about while it evaluates
            self._start_over()
            return
        for task, _, _ in rows:
            assert task.sequence is not None
            if not self._cache.undo(task.sequence):
                self._preempt(task)

    def _start_over(self) -> None:
        """Nothing is known of the memory any more: empty it and put back all that run."""
        for task in [*reversed(self._running)]:
            self._preempt(task)
        self._cache.clear()

    # ------------------------------------------------------------ outputs

    def _outputs(self, rows: list[Row]) -> Iterator[tuple[Task, int, int]]:
        """Batch rows whose logits are wanted: (task, row, position of that token)."""
        for task, row, tokens in rows:
            n = len(tokens)
            start = task.position - n
            for index in range(max(task.first_output - start, 0), n):
                yield task, row + index, start + index

    def _use_output(self, task: Task, row: int, position: int) -> None:
        if isinstance(task, Scoring):
            target = task.targets[position - task.start]
            task.scores.append(float(log_softmax(self._model.logits(row))[target]))
            if len(task.scores) == len(task.targets):
                self._release(task)
                self._emit(Reply(id=task.id, value=task.scores))
        elif isinstance(task, Generation) and position < task.position:  # else a guess before it was wrong
            self._sample(task, row, position)

    def _sample(self, task: Generation, row: int, position: int) -> None:
        assert task.sampler is not None
        if task.evaluated_at is None:
            task.evaluated_at = self._clock()
        token, logprob = task.sampler.sample(row, self._model.logits)
        task.last_at = self._clock()
        task.first_at = task.first_at or task.last_at
        self._compare(task, row, position, token)
        task.answer.append(token)
        if self._model.vocab.ends_generation(token):
            self._end(task, position, "stop", logprob)
            return
        self._say(task, task.text.push(self._visible(task, token)), logprob)
        request = task.request
        if task.text.stopped:
            self._end(task, position, "stop")
        elif request.max_tokens and len(task.answer) >= request.max_tokens:
            self._end(task, position, "length")
        elif position + 1 >= self._model.context_size:
            self._end(task, position, "context")

    def _end(
        self, task: Generation, position: int, reason: FinishReason, logprob: TokenLogprob | None = None
    ) -> None:
        """Finish an answer that ends with what was chosen at `position`; guesses after it are taken back."""
        if task.sequence is not None and task.position > position + 1:
            self._cache.cut(task.sequence, position + 1)
        self._finish(task, reason, logprob)

    def _visible(self, task: Generation, token: int) -> bytes:
        """The bytes of a token; control tokens are silent unless they mark thinking or a stop."""
        vocab, tags = self._model.vocab, task.request.thinking
        wanted = "".join(task.request.stop) + (tags.start + tags.end if tags else "")
        if token in vocab.control and vocab.control[token] not in wanted:
            return b""
        return vocab.piece(token)

    def _say(self, task: Generation, pieces: list[Any], logprob: TokenLogprob | None = None) -> None:
        tokens = (logprob,) if logprob is not None else ()
        if tokens and not pieces:
            pieces = [("text", "")]
        for channel, text in pieces:
            delta = ThinkingDelta if channel == "thinking" else TextDelta
            self._emit(delta(id=task.id, text=text, tokens=tokens))
            tokens = ()

    def _report(self, rows: list[Row]) -> None:
        """Tell how far prompts are, and keep a checkpoint where the past cannot be cut."""
        for task, _, _ in rows:
            if task.sequence is None or task.position > len(task.prompt):
                continue
            if self._cache.needs_checkpoints and task.position == len(task.prompt) - 1:
                self._cache.checkpoint(task.sequence)
            if isinstance(task, Generation) and not task.answer:
                self._emit(PromptProgress(id=task.id, done=task.position, total=len(task.prompt)))

    # ------------------------------------------------------------ guesses

    def _new_speculation(self) -> Speculation:
        return Speculation(self._model.batch_size if self._model.rows_may_agree else 0)

    def _guess(self) -> None:
        """Put guesses behind the next tokens of answers, where that promises to be faster."""
        self._guessed = []
        running = [task for task in self._running if isinstance(task, Generation)]
        for task in running:
            task.guessed -= max(0, len(task.next) - 1)  # those of a batch for which there was no room
            task.next = task.next[:1]
        if self._crowded or not self._speculation.possible or not any(task.lookup for task in running):
            return
        if len(running) < len(self._running) or any(task.prefilling for task in running):
            return
        guesses = [self._guesses(task) for task in running]
        chances, patient = [chances for _, chances in guesses], [task.patient for task in running]
        lengths = self._speculation.lengths(chances, patient)
        for task, (tokens, _), length in zip(running, guesses, lengths, strict=True):
            task.next = [*task.next, *tokens[:length]]
            task.guessed += length
        if any(lengths):
            self._guessed = [(task, len(task.answer)) for task in running]

    def _guesses(self, task: Generation) -> tuple[list[int], list[float]]:
        if not task.lookup:
            return [], []
        if task.guesser is None:
            so_far = [*task.request.tokens, *task.answer]
            task.guesser = Guesser(so_far, Rates(self._speculation.rates))
            self._speculation.begin()
        room = self._model.context_size - task.position
        if task.request.max_tokens:
            room = min(room, task.request.max_tokens - len(task.answer))
        return task.guesser.guess(min(self._speculation.longest, room - 1))

    def _compare(self, task: Generation, row: int, position: int, token: int) -> None:
        """Go on with the token that was chosen after `position`; it may have been guessed and evaluated."""
        if not task.lookup:
            task.next = [token]
            return
        assert task.sequence is not None
        if task.guesser is not None:
            task.guesser.push(token)
        if self._speculation.due and len(self._running) == 1 and position >= len(task.prompt):
            task.alone.append(self._model.print_of(row))
        else:
            task.alone.clear()
        if task.sequence.tokens[position + 1 : position + 2] == [token]:
            task.accepted += 1
        elif task.position == position + 1 or self._cache.cut(task.sequence, position + 1):
            task.next = [token]
        else:
            self._preempt(task)
            task.prompt.append(token)

    def _check_rows(self) -> None:
        """Find out, now and then, whether one more number of rows comes out as each does alone."""
        task = self._running[0] if len(self._running) == 1 else None
        if not isinstance(task, Generation) or task.sequence is None or not task.lookup or task.prefilling:
            return
        size = self._speculation.due
        if not size or len(task.alone) < size:
            return
        tokens, prints = task.sequence.tokens[-size:], list(task.alone)[-size:]
        began = self._clock()
        try:
            alike = self._again(task, tokens, len(tokens)) == prints
            seconds = self._clock() - began
            if not alike:  # what is in memory is not what it would be
                self._again(task, tokens, 1)
        except EngineError as error:
            self._fail(task, error)
            return
        self._speculation.checked(size, alike, seconds, self._clock() - began)

    def _again(self, task: Generation, tokens: list[int], rows: int) -> list[bytes]:
        """Evaluate the last tokens again, `rows` in a batch; prints of the logits after each."""
        sequence, prints = task.sequence, list[bytes]()
        assert sequence is not None
        kept = self._cache.cut(sequence, task.position - len(tokens))
        for at in range(0, len(tokens), rows):
            self._batch.clear()
            self._add(task, tokens[at : at + rows])
            if not kept or self._model.decode(self._batch) != 0:
                raise EngineError("The model could not evaluate its own answer again.")
            self._cache.grow(sequence, tokens[at : at + rows])
            prints += map(self._model.print_of, range(self._batch.size))
        return prints

    # ------------------------------------------------------------ endings

    def _finish(self, task: Task, reason: FinishReason, logprob: TokenLogprob | None = None) -> None:
        self._release(task)
        if not isinstance(task, Generation):
            self._emit(
                Failed(id=task.id, failure=failure(EngineError("This was cancelled.", code="cancelled")))
            )
            return
        self._say(task, task.text.finish(), logprob)
        self._emit(
            Finished(
                id=task.id,
                finish_reason=reason,
                usage=Usage(
                    prompt_tokens=len(task.request.tokens),
                    cached_tokens=min(task.cached, len(task.request.tokens)),
                    completion_tokens=len(task.answer),
                    guessed=task.guessed,
                    accepted=task.accepted,
                ),
                timings=self._timings(task),
                mode=task.request.mode,
                seed=task.request.sampling.seed,
            )
        )

    def _timings(self, task: Generation) -> Timings:
        admitted = task.admitted or self._clock()
        first = task.first_at or self._clock()
        decode = (task.last_at or first) - first
        return Timings(
            queue_s=admitted - task.submitted,
            prompt_s=(task.evaluated_at or first) - admitted,
            first_token_s=first - task.submitted,
            decode_s=decode,
            tokens_per_second=(len(task.answer) - 1) / decode if decode > 0 else 0.0,
        )

    def _fail(self, task: Task, error: RolltopError) -> None:
        if task in self._running or task in self._waiting:
            self._release(task)
            self._emit(Failed(id=task.id, failure=failure(error)))

    def _release(self, task: Task) -> None:
        """Take a task off; its sequence stays as a cached prefix, unless it had to run on its own."""
        if task in self._running:
            self._running.remove(task)
            self._put_back.clear()
        else:
            self._waiting.remove(task)
        if isinstance(task, Generation) and task.sampler is not None:
            task.sampler.close()
        if task.sequence is not None:
            (self._cache.discard if task.exact else self._cache.release)(task.sequence)
            task.sequence = None

    def _do_chore(self) -> None:
        if not self._chores:
            return
        id, parts, done = self._chores.popleft()
        try:
            part = next(parts, None)
        except RolltopError as error:
            self._emit(Failed(id=id, failure=failure(error)))
            return
        if part is None:
            self._emit(Reply(id=id, value=done))
        else:
            self._chores.append((id, parts, [*done, *part]))
