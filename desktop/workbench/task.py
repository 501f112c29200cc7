"""One run in the making: a long text goes through the model part by part, and each part is kept.

What differs between tasks is a `Recipe`: which parts there are, what the model is asked for each of
them, whether an answer is good enough, and what becomes of all of them together. What they share is
here: the model is loaded, the parts that can be made now go to the engine in one batch, each is stored
as soon as it is finished, and a run that was stopped or that a crash ended goes on with what is left.
"""

from __future__ import annotations

import time
import uuid
from collections.abc import Generator, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import islice
from typing import TYPE_CHECKING, Any, Protocol

import msgspec

from desktop.workbench.chat import estimate_tokens
from desktop.workbench.loading import ModelLoading
from desktop.workbench.problems import Problem
from desktop.workbench.reading.document import Document
from desktop.workbench.store.records import PartRow, RunRow
from models.engine.client import Batch, Engine
from models.engine.protocol import (
    Chat,
    Failed,
    Finished,
    GenerationEvent,
    PromptProgress,
    Request,
    Sampling,
    TextDelta,
    error_from,
)
from models.errors import EngineDied, UserError, sentence

if TYPE_CHECKING:
    from desktop.workbench.tasks import Tasks

LEAST_ANSWER = 32
"""Tokens of context that an answer needs at the very least."""
PROMPT_SHARE = 0.6
"""Share of a part's work that is reading its prompt, about."""
AT_ONCE = 32
"""Requests that the engine has at any time; it answers as many of them at once as it can."""
LOOKED_AT = 64
"""Tokens of an answer, about, after which it is looked at whether it can still become good."""
TOLD_S = 0.1
"""Seconds between two reports of how far a run is."""
KNOWN_AFTER = 0.02
"""Share of a run that must be done before the rest is estimated from it."""

# ---------------------------------------------------------------- what a recipe says


class Desk(Protocol):
    """What a recipe may use of the model while it plans.

    Attributes:
        documents: of the run. context_size: tokens that prompt and answer may have together.
        parameters: of the model; 0 when they are not known.
    """

    documents: Sequence[Document]
    context_size: int
    parameters: int

    def count(self, text: str) -> int:
        """Tokens of a text in the model's own spelling."""

    def measure(self, chat: Chat) -> int:
        """Tokens of a rendered chat."""


@dataclass(frozen=True)
class Ask:
    """What the model is asked for one part.

    Attributes:
        max_tokens: of the answer; the prompt and these must fit into the context.
        grammar: GBNF that the answer has to follow.
        lookup: see `Request.lookup`.
    """

    chat: Chat
    max_tokens: int
    sampling: Sampling = field(default_factory=lambda: Sampling(temperature=0.0))
    grammar: str | None = None
    lookup: bool = False


@dataclass(frozen=True)
class Verdict:
    """What is thought of an answer.

    Attributes:
        text: the answer as it is kept, cleaned. problems: told to the person if it is kept.
        again: it should be asked once more, in a stricter form (never after the second attempt).
        failed: there is nothing that could be kept as a result.
        data: what the recipe wants kept with the part.
    """

    text: str
    problems: tuple[Problem, ...] = ()
    again: bool = False
    failed: bool = False
    data: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Outcome:
    """The result of a run.

    Attributes:
        text: as it is shown and copied. data: plain values kept beside it (links, coverage, ...).
    """

    text: str
    data: dict[str, Any] = field(default_factory=dict)
    problems: tuple[Problem, ...] = ()


class Recipe(Protocol):
    """One kind of task. It keeps no state of its own between calls but what it was made with."""

    def plan(self, desk: Desk) -> Sequence[PartRow]:
        """The parts of the documents, numbered from 0; raises UserError when there is nothing to do.

        A part that needs no model (a code block that is left as it is) is already "done".
        """

    def grow(self, desk: Desk, parts: Sequence[PartRow]) -> Sequence[PartRow]:
        """Further parts once all that there are are done or failed, such as the next level of a tree;
        empty when the run is complete."""

    def ask(self, desk: Desk, part: PartRow, parts: Sequence[PartRow]) -> Ask:
        """What the model is asked; `part.attempts` tells whether it is the stricter second time."""

    def judge(self, desk: Desk, part: PartRow, text: str, *, cut: bool) -> Verdict:
        """What is thought of an answer; `cut`: it ended because it got too long."""

    def hopeless(self, desk: Desk, part: PartRow, text: str) -> bool:
        """Whether an answer that is still growing can only go wrong, so that it is ended and judged."""

    def finish(self, desk: Desk, parts: Sequence[PartRow]) -> Outcome:
        """What comes of all parts; also called for a run that was stopped, with what there is."""


# ---------------------------------------------------------------- events


@dataclass(frozen=True)
class PartsPlanned:
    """These parts are in the store: first all of a run that goes on, later those that grow."""

    parts: tuple[PartRow, ...]


@dataclass(frozen=True)
class PartText:
    """More of the answer for a part."""

    number: int
    text: str


@dataclass(frozen=True)
class PartSaved:
    """A part as it was stored: finished, failed, or waiting for a second attempt."""

    part: PartRow


@dataclass(frozen=True)
class Progress:
    """How far the run is: `fraction` 0 to 1; `left_s` seconds that it still takes, None when unknown."""

    fraction: float
    left_s: float | None


@dataclass(frozen=True)
class RunSaved:
    """The run as it was stored: at its end, however it ended."""

    run: RunRow


RunEvent = ModelLoading | PartsPlanned | PartText | PartSaved | Progress | RunSaved


# ---------------------------------------------------------------- the run


class EngineDesk:
    """What a recipe may use of a running model; see `Desk`."""

    def __init__(self, engine: Engine, documents: Sequence[Document]) -> None:
        self.documents = documents
        self.context_size = engine.info.context_size
        self.parameters = engine.info.parameters
        self._engine = engine

    def count(self, text: str) -> int:
        """See Desk."""
        return self._engine.count(text)

    def measure(self, chat: Chat) -> int:
        """See Desk."""
        return self._engine.measure(chat).total


class Pace:
    """How far a run is, and how long the rest will take at the speed so far.

    `merging`: the work of joining parts, as a share of the work on the parts of the documents, while it
    is not known yet how many there will be.
    """

    def __init__(self, merging: float) -> None:
        self._merging = merging
        self._began = time.monotonic()
        self._first: float | None = None
        self._told = 0.0
        self._told_at = 0.0
        self._running: dict[int, tuple[float, float]] = {}

    def prompt(self, number: int, fraction: float) -> None:
        """So much of a part's prompt is evaluated."""
        self._running[number] = (fraction, 0.0)

    def answer(self, number: int, fraction: float) -> None:
        """So much of a part's answer is there, as a share of the longest it may have."""
        self._running[number] = (1.0, min(1.0, fraction))

    def progress(self, parts: Sequence[PartRow], *, now: bool = False) -> Iterator[Progress]:
        """How far these parts are, never less than was told before; nothing when that was just told."""
        if now or time.monotonic() - self._told_at >= TOLD_S:
            yield self._progress(parts)
            self._told_at = time.monotonic()

    def _progress(self, parts: Sequence[PartRow]) -> Progress:
        weights = {part.number: float(max(1, part.end - part.start)) for part in parts if part.level == 0}
        leaves = sum(weights.values())
        for part in parts:
            if part.level:
                weights[part.number] = float(max(1, sum(len(parts[n].text) for n in part.inputs)))
        grown = sum(weights.values()) - leaves
        total = leaves + max(grown, leaves * self._merging if len(weights) > 1 else 0.0)
        done = sum(weights[part.number] * self._share(part) for part in parts)
        fraction = max(self._told, min(1.0, done / total if total else 1.0))
        if self._first is None:
            self._first = fraction
        self._told = fraction
        made = fraction - self._first
        left = (time.monotonic() - self._began) / made * (1 - fraction) if made > KNOWN_AFTER else None
        return Progress(fraction, left)

    def _share(self, part: PartRow) -> float:
        if part.status != "waiting":
            return 1.0
        prompt, answer = self._running.get(part.number, (0.0, 0.0))
        return PROMPT_SHARE * prompt + (1 - PROMPT_SHARE) * answer


class TaskRun:
    """A run on its way: iterate over its events, once.

    Errors are raised from the iteration, after what there is was stored. Leaving the iteration early
    stops the run; what is finished is kept, and the same run can be taken up again.

    Attributes:
        id: the run. cancelled: whether a stop was asked for.
    """

    def __init__(self, tasks: Tasks, id: str) -> None:
        self.id = id
        self.cancelled = False
        self._tasks, self._runs = tasks, tasks.store.runs
        self._parts: list[PartRow] = []
        self._batch: Batch | None = None
        self._load_s = 0.0
        self._began = time.monotonic()

    def cancel(self) -> None:
        """Stop at whatever stage it is and keep what is finished. Any thread."""
        self.cancelled = True
        if self._batch is not None:
            self._batch.cancel()

    def cancel_soon(self) -> None:
        """Ask for a stop at the next event; takes no lock, so a signal handler may call it."""
        self.cancelled = True

    def __iter__(self) -> Generator[RunEvent]:
        """Work, and store how it ended."""
        run = self._tasks.begin(self)
        try:
            yield from self._work(run)
        except EngineDied as error:
            if not self.cancelled:
                self._runs.update(self.id, status="interrupted", error=error.text)
                raise
            yield RunSaved(self._runs.update(self.id, status="stopped"))
        except Exception as error:
            self._runs.update(self.id, status="failed", error=str(error) or type(error).__name__)
            raise
        except BaseException:  # the reader has gone
            self.cancel()
            self._runs.update(self.id, status="stopped")
            raise
        finally:
            self._tasks.end(self)

    def _work(self, run: RunRow) -> Generator[RunEvent]:
        engine = yield from self._load(run)
        if engine is None:
            yield RunSaved(self._runs.update(self.id, status="stopped"))
            return
        desk = EngineDesk(engine, self._runs.documents(self.id))
        recipe = self._tasks.recipe(run)
        self._parts = self._runs.parts(self.id)
        if not self._parts:
            self._grow(recipe.plan(desk))
        yield PartsPlanned(tuple(self._parts))
        pace = Pace(self._tasks.merging(run))
        yield from pace.progress(self._parts, now=True)
        while not self.cancelled:
            if any(part.status == "waiting" for part in self._parts):
                yield from self._ask(engine, desk, recipe, pace)
            elif more := self._grow(recipe.grow(desk, self._parts)):
                yield PartsPlanned(more)
            else:
                break
        yield RunSaved(self._finish(run, recipe.finish(desk, self._parts)))

    def _load(self, run: RunRow) -> Generator[RunEvent, None, Engine | None]:
        """The engine of the run's model; None when the run was stopped meanwhile."""
        tasks = self._tasks
        self._model = tasks.library.get(run.model)
        tasks.collection.mark_used(self._model)
        self._options = tasks.collection.load_options(self._model, {})
        started = time.monotonic()
        engine = yield from tasks.loader.load(self._model, self._options, lambda: self.cancelled)
        self._load_s = time.monotonic() - started
        if engine is not None and not engine.info.can_generate:
            raise UserError(
                "{model} makes embeddings only; it cannot answer.",
                hint="Choose a model that generates text.",
                code="not_generative",
                model=self._model.name,
            )
        return None if self.cancelled else engine

    def _grow(self, parts: Sequence[PartRow]) -> tuple[PartRow, ...]:
        """Take up new parts, stored before anything is done about them."""
        new = tuple(parts)
        if new:
            self._runs.add_parts(self.id, new)
            self._parts.extend(new)
        return new

    # ------------------------------------------------------------ one batch

    def _ask(self, engine: Engine, desk: Desk, recipe: Recipe, pace: Pace) -> Generator[RunEvent]:
        """Ask the model for every part that waits, and store each as soon as it is there."""
        round_ = _Round(self, engine, desk, recipe)
        requests = round_.requests()
        stopping = False
        try:
            self._batch = batch = engine.batch(list(islice(requests, AT_ONCE)))
            for event in batch:
                if self.cancelled and not stopping:  # a signal handler only says so
                    stopping = True
                    batch.cancel()
                yield from round_.heard(event, pace)
                if isinstance(event, Finished | Failed):
                    batch.add(list(islice(requests, 1)))  # none once it was cancelled
                elif round_.is_hopeless(event):
                    batch.cancel(event.id)
            yield from map(PartSaved, round_.unsaid())
        except EngineDied as error:
            if error.code != "no_memory":
                raise
            raise self._tasks.loader.out_of_memory(error, self._model, self._options) from error
        finally:
            self._batch = None

    def keep(self, part: PartRow, **fields: Any) -> PartRow:
        """Store what became of a part."""
        row = self._runs.update_part(self.id, part.number, **fields)
        self._parts[part.number] = row
        return row

    @property
    def parts(self) -> Sequence[PartRow]:
        """The parts that there are, by number."""
        return self._parts

    # ------------------------------------------------------------ the end

    def _finish(self, run: RunRow, outcome: Outcome) -> RunRow:
        asked = [part for part in self._parts if part.attempts]
        status = "stopped" if self.cancelled else "done"
        if status == "done" and asked and all(part.status == "failed" for part in asked):
            status = "failed"
        else:
            self._tasks.engines.forgive(str(self._model.path))
        usage: dict[str, int] = {}
        for part in asked:
            for key, value in part.usage.items():
                usage[key] = usage.get(key, 0) + int(value)
        before = float(run.timings.get("work_s") or 0.0)
        worked = time.monotonic() - self._began - self._load_s
        return self._runs.update(
            self.id,
            status=status,
            error=NOTHING_USABLE if status == "failed" else "",
            result=outcome.text,
            data=outcome.data,
            problems=[msgspec.to_builtins(problem) for problem in outcome.problems],
            usage=usage,
            timings={"load_s": self._load_s, "work_s": before + worked},
        )


NOTHING_USABLE = sentence("The model gave nothing that could be used.")


class _Round:
    """The parts that wait, asked once each."""

    def __init__(self, run: TaskRun, engine: Engine, desk: Desk, recipe: Recipe) -> None:
        self._run, self._engine, self._desk, self._recipe = run, engine, desk, recipe
        self._waiting = [part for part in run.parts if part.status == "waiting"]
        self._asked: dict[str, tuple[PartRow, int]] = {}
        self._texts: dict[str, str] = {}
        self._look_at: dict[str, int] = {}  # tokens from which on an answer is looked at again
        self._given_up: set[str] = set()
        self._unsaid: list[PartRow] = []

    def requests(self) -> Iterator[Request]:
        """One request a part, made when the engine has room for it."""
        for part in self._waiting:
            if self._run.cancelled:
                return
            ask = self._recipe.ask(self._desk, part, self._run.parts)
            prompt = self._engine.render(ask.chat)
            room = self._desk.context_size - len(prompt.tokens)
            if room < min(LEAST_ANSWER, ask.max_tokens):
                self._unsaid.append(self._fail(part, TOO_LONG))
                continue
            request = Request(
                id=uuid.uuid4().hex,
                tokens=prompt.tokens,
                sampling=ask.sampling,
                max_tokens=min(ask.max_tokens, room),
                stop=prompt.stop,
                thinking=prompt.thinking,
                grammar=ask.grammar,
                patient=True,
                lookup=ask.lookup,
            )
            self._asked[request.id] = part, request.max_tokens
            self._texts[request.id] = ""
            self._look_at[request.id] = LOOKED_AT
            yield request

    def heard(self, event: GenerationEvent | Failed, pace: Pace) -> Iterator[RunEvent]:
        """What an event of the engine means for the run."""
        yield from map(PartSaved, self.unsaid())
        if event.id not in self._asked:
            return
        part, most = self._asked[event.id]
        match event:
            case PromptProgress(done=done, total=total):
                pace.prompt(part.number, done / total)
                yield from pace.progress(self._run.parts)
            case TextDelta(text=text):
                self._texts[event.id] += text
                pace.answer(part.number, estimate_tokens(self._texts[event.id]) / most)
                yield PartText(part.number, text)
            case Finished() if event.finish_reason != "cancelled" or event.id in self._given_up:
                yield PartSaved(self._judged(part, event))
            case Failed(failure=failure):
                error = error_from(failure)
                if not self._run.cancelled:
                    problem = Problem("engine", error.template, dict(error.params))
                    yield PartSaved(self._fail(part, problem))

    def is_hopeless(self, event: GenerationEvent | Failed) -> bool:
        """Whether the answer that an event belongs to is given up, from now on."""
        if not isinstance(event, TextDelta) or event.id in self._given_up or event.id not in self._asked:
            return False
        part, text = self._asked[event.id][0], self._texts[event.id]
        tokens = estimate_tokens(text)
        if tokens < self._look_at[event.id]:
            return False
        self._look_at[event.id] = tokens + LOOKED_AT
        if not self._recipe.hopeless(self._desk, part, text):
            return False
        self._given_up.add(event.id)
        return True

    def unsaid(self) -> list[PartRow]:
        """Parts that could not be asked for, and were not told of yet."""
        said, self._unsaid = self._unsaid, []
        return said

    def _judged(self, part: PartRow, end: Finished) -> PartRow:
        text = self._texts.pop(end.id)
        cut = end.finish_reason in ("length", "context", "cancelled")
        verdict = self._recipe.judge(self._desk, part, text, cut=cut)
        again = verdict.again and part.attempts == 0
        return self._run.keep(
            part,
            status="waiting" if again else "failed" if verdict.failed else "done",
            text="" if again else verdict.text,
            attempts=part.attempts + 1,
            problems=() if again else tuple(msgspec.to_builtins(one) for one in verdict.problems),
            data=verdict.data,
            usage=_sum(part.usage, msgspec.structs.asdict(end.usage)),
        )

    def _fail(self, part: PartRow, problem: Problem) -> PartRow:
        problems = (msgspec.to_builtins(problem),)
        return self._run.keep(part, status="failed", attempts=part.attempts + 1, problems=problems)


TOO_LONG = Problem(
    "too_long", sentence("This part does not fit into the model's context with room for an answer.")
)


def _sum(one: dict[str, Any], other: dict[str, Any]) -> dict[str, Any]:
    """Token counts of two requests together."""
    return {key: int(one.get(key, 0)) + int(value) for key, value in other.items()}
