"""Prompt lookup: where an answer mostly repeats what it was given, its next tokens can be guessed there.

Guesses are evaluated together with the token before them, in one batch, and hold as far as the
sampler chooses the same; so several tokens can come of one pass over the weights. This file guesses,
and decides from what it has measured how much to guess. It knows nothing of models.

What holds: the text is, bit for bit, the text without guesses. Rows that are evaluated together often do
not come out as each does alone: kernels for several rows add up in another order, and as activations are
rounded to eight bits, the smallest difference grows to some tenths in the logits (0.3 to 0.5 with the
models that were tried, and as much in every later token through what stays in memory). No margin between
the two best tokens makes up for that, short of evaluating everything again. So a number of rows is used
only after that many were found to come out alike, and never where they cannot; see `Speculation.due`
and `Model.rows_may_agree`.

What does not: requests that run beside others are evaluated in batches that depend on when each came,
with guesses or without; their texts are only as repeatable as rows come out alike.
"""

from __future__ import annotations

import statistics
from bisect import bisect_left, bisect_right
from collections import deque
from collections.abc import Sequence

SIZES = (3, 4, 8, 16)
"""Rows of a batch with guesses, all sequences together."""

LONGEST_KEY, SHORTEST_KEY = 3, 2
"""Tokens by which a place to go on from is found."""

NEAR = 4
"""How many tokens may be left out of a copy for its place still to be known."""

LENGTHS = (1, 2, 3, 5, 9, 17)
"""Where the chances of guesses are told apart: by how many tokens before them agree."""

FIRST_CHANCES = (0.2, 0.4, 0.5, 0.6, 0.7, 0.85, 0.95)
PRIOR = 4.0
"""Guesses that what was known before is worth."""

REMEMBERED = 64.0
"""Guesses after which older ones count half."""

LEAST_CHANCE = 0.1
"""Less likely guesses are not looked at."""

GAIN = 1.2
"""How much faster guessing must promise to be."""

STAKE = 0.015
"""Part of the time of answers that guesses may lose: a batch with guesses waits until all that it can lose
was saved up so, or won by guesses before."""

CREDIT = 2.0
"""Steps whose time an answer may lose of what those before it have won."""

PLAIN_EVERY = 32
"""Steps after which one is made without guesses, to know what they are measured against."""

PROBE_EVERY, PROBE_GAIN = 64, 0.9
"""Steps after which a size that was not used for long is tried again, unless it promises to lose more."""

CHECK_SHARE = 0.015
"""Part of the time of answers that finding out whether rows come out alike may take."""


class Rates:
    """How often guesses come true, by the number of tokens before them that agree.

    `known` is what is assumed at first, and learns along.
    """

    def __init__(self, known: Rates | None = None) -> None:
        self._known = known
        self._hits = [0.0] * (len(LENGTHS) + 1)
        self._tries = [0.0] * (len(LENGTHS) + 1)

    def learn(self, length: int, hit: bool) -> None:
        """A guess after `length` tokens that agree came true, or did not."""
        at = bisect_right(LENGTHS, length)
        if self._tries[at] >= REMEMBERED:
            self._hits[at], self._tries[at] = self._hits[at] / 2, self._tries[at] / 2
        self._hits[at] += hit
        self._tries[at] += 1
        if self._known is not None:
            self._known.learn(length, hit)

    def chance(self, length: int) -> float:
        """How likely a guess is to come true."""
        at = bisect_right(LENGTHS, length)
        known = FIRST_CHANCES[at] if self._known is None else self._known.chance(length)
        return (self._hits[at] + PRIOR * known) / (self._tries[at] + PRIOR)


class Guesser:
    """Guesses the next tokens of a text from the place where its last ones stood before.

    While guesses come true it goes on reading there. Else it looks for the last three tokens, then for
    the last two, and takes the first place after the one where it was, since copies keep the order. If
    they stand nowhere, a token may have been left out of a copy, or another put in its place.
    """

    def __init__(self, tokens: Sequence[int], rates: Rates) -> None:
        self._tokens: list[int] = []
        self._places: dict[tuple[int, ...], list[int]] = {}
        self._rates = rates
        self._at: int | None = None
        self._was = self._agreeing = 0
        for token in tokens:
            self._append(token)
        self._find()

    def push(self, token: int) -> bool:
        """The token that came; whether it was guessed."""
        hit = self._at is not None and self._tokens[self._at] == token
        copying = self._agreeing
        if self._at is not None:
            self._rates.learn(self._agreeing, hit)
            self._was = self._at
            self._at = self._at + 1 if hit else None
            self._agreeing += hit
        self._append(token)
        if not hit and not self._find() and copying >= LONGEST_KEY:
            self._go_on_near(token)
        return hit

    def guess(self, most: int) -> tuple[list[int], list[float]]:
        """At most so many next tokens, and how likely each is to come true with all before it."""
        if self._at is None or most <= 0:
            return [], []
        tokens = self._tokens[self._at : self._at + most]
        chances: list[float] = []
        chance = 1.0
        for ahead in range(len(tokens)):
            chance *= self._rates.chance(self._agreeing + ahead)
            if chance < LEAST_CHANCE:
                break
            chances.append(chance)
        return tokens[: len(chances)], chances

    def _append(self, token: int) -> None:
        tokens = self._tokens
        tokens.append(token)
        for n in range(SHORTEST_KEY, LONGEST_KEY + 1):
            if len(tokens) >= n:
                self._places.setdefault(tuple(tokens[-n:]), []).append(len(tokens))

    def _go_on_near(self, token: int) -> None:
        """Where a copy goes on after a token that is not the one there."""
        after = self._was + 1
        skipped = self._tokens[after : min(after + NEAR, len(self._tokens) - 1)]
        found = token in skipped
        self._at = after + skipped.index(token) + 1 if found else after
        self._agreeing = int(found)

    def _find(self) -> bool:
        self._at, self._agreeing = None, 0
        tokens = self._tokens
        for n in range(LONGEST_KEY, SHORTEST_KEY - 1, -1):
            places = self._places.get(tuple(tokens[-n:]), [])
            before = len(places) - 1  # the last one is the end of the text itself
            if before > 0:
                next_one = bisect_left(places, self._was, 0, before)
                self._at = places[next_one if next_one < before else before - 1]
                self._agreeing = self._agreement(self._at, n)
                return True
        return False

    def _agreement(self, at: int, least: int) -> int:
        """How many tokens before a place are those at the end of the text, as far as it matters."""
        tokens, n = self._tokens, least
        while n < LENGTHS[-1] and n < at and tokens[at - 1 - n] == tokens[-1 - n]:
            n += 1
        return n


class Costs:
    """Seconds that batches of so many rows took of late."""

    def __init__(self) -> None:
        self._times: dict[int, deque[float]] = {}
        self._medians: dict[int, float] = {}  # asked for more often than anything is learned

    def learn(self, rows: int, seconds: float) -> None:
        """A batch of `rows` took so long."""
        times = self._times.setdefault(rows, deque(maxlen=5))
        times.append(seconds)
        self._medians[rows] = statistics.median(times)

    def seconds(self, rows: int) -> float | None:
        """What a batch of `rows` takes; None when there was none yet."""
        return self._medians.get(rows)


class Speculation:
    """Decides how much to guess, so that it never takes longer than not guessing.

    Attributes:
        rates: of all answers of this model.
    """

    def __init__(self, most_rows: int) -> None:
        self.rates = Rates()
        self._costs = Costs()
        self._unchecked = [size for size in SIZES if size <= most_rows]
        self._used: dict[int, int] = {}  # sizes whose rows come out alike, and when they were used last
        self._steps = 0
        self._answering_s = self._checking_s = 0.0
        self._won_s = 0.0

    @property
    def possible(self) -> bool:
        """Whether guesses can be used, as far as is known."""
        return bool(self._unchecked or self._used)

    @property
    def longest(self) -> int:
        """The most tokens that can be guessed at once now."""
        return max(self._used, default=1) - 1

    # ------------------------------------------------------------ do rows come out alike?

    @property
    def due(self) -> int:
        """How many rows to check next, once as many tokens were evaluated each alone; 0 for none yet.

        From few to many, as long as it takes no more than a small part of the time.
        """
        alone = self._costs.seconds(1)
        if not self._unchecked or alone is None:
            return 0
        size = self._unchecked[0]
        return size if self._checking_s + size * alone <= CHECK_SHARE * self._answering_s else 0

    def checked(self, rows: int, alike: bool, seconds: float, spent: float) -> None:
        """So many rows came out as each does alone, or not; the batch took `seconds`, the check `spent`."""
        self._checking_s += spent
        self._unchecked = [size for size in self._unchecked if size > rows] if alike else []
        if alike:
            self._used[rows] = self._steps
            self._costs.learn(rows, seconds)

    # ------------------------------------------------------------ does it pay?

    def learn(self, rows: int, seconds: float) -> None:
        """A batch of answers took so long."""
        self._costs.learn(rows, seconds)
        self._answering_s += seconds
        self._won_s += STAKE * seconds
        if rows in self._used:
            self._used[rows] = self._steps

    def won(self, made: Sequence[int], rows: int) -> None:
        """A batch of `rows` with guesses gave so many tokens to each answer: was it worth its time?"""
        alone, together = self._costs.seconds(len(made)), self._costs.seconds(rows)
        if alone is not None and together is not None:
            self._won_s += sum(made) / len(made) * alone - together

    def begin(self) -> None:
        """Another answer begins: it shall not lose what those before it have won, but for a little."""
        self._won_s = min(self._won_s, CREDIT * (self._costs.seconds(1) or 0.0))

    def lengths(self, chances: Sequence[Sequence[float]], patient: Sequence[bool]) -> list[int]:
        """How many tokens to guess for each answer of the next batch.

        `chances` has for each how likely its guesses are to come true, as `Guesser.guess` tells them;
        one that is not `patient` must not be slowed down by the guesses of others.
        """
        self._steps += 1
        none = [0] * len(chances)
        if self._steps % PLAIN_EVERY == 0:
            return none
        probing = self._steps % PROBE_EVERY == PROBE_EVERY // 2 + 1
        best, chosen = GAIN, none
        for size in sorted(self._used, key=self._used.__getitem__):  # the longest unused first
            lengths, gain = self._promise(size, chances, patient)
            if probing and gain >= PROBE_GAIN:
                return lengths
            if gain > best:
                best, chosen = gain, lengths
        return chosen

    def _promise(
        self, size: int, chances: Sequence[Sequence[float]], patient: Sequence[bool]
    ) -> tuple[list[int], float]:
        """The best guesses for a batch of this size, and how much faster it is than one without any."""
        lengths = [0] * len(chances)
        alone, together = self._costs.seconds(len(chances)), self._costs.seconds(size)
        ranked = sorted(((p, n) for n, row in enumerate(chances) for p in row), reverse=True)
        left = size - len(chances)
        if alone is None or together is None or not 0 < left <= len(ranked):
            return lengths, 0.0
        if together - alone > self._won_s:  # more than may be lost
            return lengths, 0.0
        expected = [1.0] * len(chances)
        for chance, n in ranked[:left]:
            lengths[n] += 1
            expected[n] += chance
        slowest = min((e for e, waits in zip(expected, patient, strict=True) if not waits), default=together)
        if slowest * alone < together and not all(patient):
            return lengths, 0.0
        return lengths, sum(expected) * alone / (len(chances) * together)
