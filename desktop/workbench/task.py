"""One run in the making: a long text goes through the model part by part, and each part is kept.

What differs between tasks is a `Recipe`: which parts there are, what the model is asked for each of
them, whether an answer is good enough, and what becomes of all of them together. What they share is
here: the model is loaded, the parts that can be made now go to the engine in one batch, each is stored
as soon as it is finished, and a run that was stopped or that a crash ended goes on with what is left.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

from desktop.workbench.loading import ModelLoading
from desktop.workbench.problems import Problem
from desktop.workbench.reading.document import Document
from desktop.workbench.store.records import PartRow, RunRow
from models.engine.protocol import Chat, Sampling

# ---------------------------------------------------------------- what a recipe says


class Desk(Protocol):
    """What a recipe may use of the model while it plans.

    Attributes:
        documents: of the run. context_size: tokens that prompt and answer may have together.
    """

    documents: Sequence[Document]
    context_size: int

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
