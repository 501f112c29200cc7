"""Differences between two texts as people read them: words changed, left out and put in.

Words are compared, Chinese and Japanese by character; white space is compared between words that stand
side by side in both. Changes that belong together are joined, so that what is offered to be accepted or
rejected can be read.
"""

from __future__ import annotations

import re
from bisect import bisect_left
from collections import Counter
from collections.abc import Iterator, Sequence
from itertools import accumulate
from typing import Literal, NamedTuple

State = Literal["pending", "accepted", "rejected"]


class Change(NamedTuple):
    """Characters `start` to `end` of the text before become `text`; start == end puts something in."""

    start: int
    end: int
    text: str


def diff(before: str, after: str) -> list[Change]:
    """What has to be changed in `before` to get `after`: in order, apart from each other."""
    if before == after:
        return []
    if pairs := _paired(before, after):
        return [
            Change(start + one.start, start + one.end, one.text)
            for start, paragraph, other in pairs
            for one in diff(paragraph, other)
        ]
    old, new = _words(before), _words(after)
    changes: list[_Draft] = []
    done_old = done_new = 0  # characters
    for i, j, count in [*_blocks(old, new), (len(old), len(new), 0)]:
        for step in range(max(1, count)):
            to_old, to_new = _start(old, i + step, before), _start(new, j + step, after)
            _add(changes, before, after, (done_old, to_old), (done_new, to_new))
            if count:
                done_old, done_new = old[i + step].end, new[j + step].end
    joined = _joined(changes, before, after)
    return [Change(one.start, one.end, after[one.from_ : one.to]) for one in joined]


def apply(before: str, changes: Sequence[Change]) -> str:
    """The text with these changes made, which are in order and apart from each other."""
    pieces: list[str] = []
    done = 0
    for change in changes:
        pieces += before[done : change.start], change.text
        done = change.end
    return "".join([*pieces, before[done:]])


def rebase(changes: Sequence[Change], done: Change) -> list[Change]:
    """The other changes, as they are on the text in which `done` was made."""
    moved = len(done.text) - (done.end - done.start)
    return [
        one if one.start < done.start else Change(one.start + moved, one.end + moved, one.text)
        for one in changes
        if one != done
    ]


def keep_breaks(before: str, after: str) -> str:
    """`after`, with the line breaks that `before` has between words that stand side by side in both."""
    if "\n" not in before.strip():
        return after
    old, new = _words(before), _words(after)
    pieces: list[str] = []
    done = 0
    for i, j, count in _blocks(old, new):
        for step in range(1, count):
            left, right = new[j + step - 1].end, new[j + step].start
            gap = before[old[i + step - 1].end : old[i + step].start]
            if "\n" in gap and "\n" not in after[left:right]:
                pieces += after[done:left], gap
                done = right
    return "".join([*pieces, after[done:]])


class Review:
    """A proposed text, whose changes are accepted or rejected one by one.

    A pending change counts as made: the text is the proposed one until something is rejected.

    Attributes:
        before: the text as it was. changes: what was proposed. states: one for each change.
    """

    def __init__(self, before: str, after: str) -> None:
        self.before = before
        self.changes = diff(before, after)
        self.states: list[State] = ["pending"] * len(self.changes)

    def accept(self, number: int) -> None:
        """Make this change."""
        self.states[number] = "accepted"

    def reject(self, number: int) -> None:
        """Leave the text there as it was."""
        self.states[number] = "rejected"

    def reset(self, number: int) -> None:
        """Leave this change open again."""
        self.states[number] = "pending"

    def accept_all(self) -> None:
        """Make every change that is still pending; what was rejected stays so."""
        self.states = ["accepted" if state == "pending" else state for state in self.states]

    def reject_all(self) -> None:
        """Reject every change that is still pending; what was accepted stays so."""
        self.states = ["rejected" if state == "pending" else state for state in self.states]

    @property
    def pending(self) -> int:
        """How many changes wait for a decision."""
        return self.states.count("pending")

    def text(self) -> str:
        """The text as it is now: pending and accepted changes made, rejected ones not."""
        return apply(self.before, self._made())

    def spans(self) -> list[tuple[int, int]]:
        """Where each change is in `text()`; a rejected one where the old words are."""
        spans: list[tuple[int, int]] = []
        moved = 0
        for change, state in zip(self.changes, self.states, strict=True):
            start, old = change.start + moved, change.end - change.start
            length = old if state == "rejected" else len(change.text)
            spans.append((start, start + length))
            moved += length - old
        return spans

    def _made(self) -> list[Change]:
        states = zip(self.changes, self.states, strict=True)
        return [change for change, state in states if state != "rejected"]


# ---------------------------------------------------------------- paragraphs

_EMPTY_LINES = re.compile(r"(\n[ \t]*\n\s*)")


def _paired(before: str, after: str) -> list[tuple[int, str, str]]:
    """The paragraphs of both texts, where they correspond by their number, with where each begins.

    They do in a text that was rewritten paragraph by paragraph: there are as many, with the same between
    them, and no other way to lay them side by side has more of them alike.
    """
    from rapidfuzz.distance import LCSseq

    old, new = _EMPTY_LINES.split(before), _EMPTY_LINES.split(after)
    if len(old) != len(new) or len(old) == 1 or old[1::2] != new[1::2]:
        return []
    alike = sum(one == other for one, other in zip(old[::2], new[::2], strict=True))
    if len(old) < _MOST_PARAGRAPHS and LCSseq.similarity(old[::2], new[::2]) > alike:
        return []
    starts = accumulate(map(len, old), initial=0)
    return [*zip(starts, old, new, strict=False)][::2]


_MOST_PARAGRAPHS = 10_000

# ---------------------------------------------------------------- words

_HAN = r"\u3040-\u30ff\u3400-\u9fff\uf900-\ufaff\U00020000-\U0003ffff"
_WORD = re.compile(rf"[{_HAN}]|\d+(?:[.,]\d+)*(?![^\W\d_])|[^\W{_HAN}]+(?:['’][^\W\d_{_HAN}]+)*|[^\w\s]")
_SENTENCE_END = re.compile(r"[.!?。！？…\n]")
_LETTER = re.compile(r"\w")


class _Word(NamedTuple):
    text: str
    start: int
    end: int


def _words(text: str) -> list[_Word]:
    """Words, numbers, Chinese characters and marks; the white space between them is left out."""
    return [_Word(match[0], *match.span()) for match in _WORD.finditer(text)]


def _start(words: Sequence[_Word], number: int, text: str) -> int:
    return words[number].start if number < len(words) else len(text)


# ---------------------------------------------------------------- what both have

Block = tuple[int, int, int]
"""First word in the old text and in the new, and how many are the same from there on."""

_SQUARE = 60_000_000
"""Words of one text times words of the other that are compared in full: some 0.1 s and 8 MB."""

_GRAM = 4  # words in a row that both texts have once: there they belong together


def _blocks(old: Sequence[_Word], new: Sequence[_Word]) -> list[Block]:
    """What both texts have, in order; runs that touch in both are one."""
    ids: dict[str, int] = {}
    a = [ids.setdefault(word.text, len(ids)) for word in old]
    b = [ids.setdefault(word.text, len(ids)) for word in new]
    found: list[Block] = []
    for i, j, count in _common(a, b, 0, len(a), 0, len(b)):
        if found and (i, j) == (found[-1][0] + found[-1][2], found[-1][1] + found[-1][2]):
            found[-1] = (found[-1][0], found[-1][1], found[-1][2] + count)
        elif count:
            found.append((i, j, count))
    return found


def _common(a: list[int], b: list[int], a0: int, a1: int, b0: int, b1: int) -> Iterator[Block]:
    """Runs of the same words within these ranges."""
    head = 0
    while a0 + head < a1 and b0 + head < b1 and a[a0 + head] == b[b0 + head]:
        head += 1
    yield a0, b0, head
    a0, b0 = a0 + head, b0 + head
    tail = 0
    while a0 < a1 - tail and b0 < b1 - tail and a[a1 - 1 - tail] == b[b1 - 1 - tail]:
        tail += 1
    a1, b1 = a1 - tail, b1 - tail
    if a0 < a1 and b0 < b1:
        if (a1 - a0) * (b1 - b0) <= _SQUARE:
            yield from _compared(a, b, a0, a1, b0, b1)
        else:
            yield from _anchored(a, b, a0, a1, b0, b1)
    yield a1, b1, tail


def _compared(a: list[int], b: list[int], a0: int, a1: int, b0: int, b1: int) -> Iterator[Block]:
    from rapidfuzz.distance import Indel

    for op in Indel.opcodes(a[a0:a1], b[b0:b1]):
        if op.tag == "equal":
            yield a0 + op.src_start, b0 + op.dest_start, op.src_end - op.src_start


def _anchored(a: list[int], b: list[int], a0: int, a1: int, b0: int, b1: int) -> Iterator[Block]:
    """Of long texts: what is between rows of words that both have once; nothing where there are none."""
    anchors = _anchors(a, b, a0, a1, b0, b1)
    for i, j in [*anchors, (a1, b1)]:
        if i < a0 or j < b0:
            continue  # within what was found already
        if anchors:
            yield from _common(a, b, a0, i, b0, j)
        a0, b0 = i, j


def _anchors(a: list[int], b: list[int], a0: int, a1: int, b0: int, b1: int) -> list[tuple[int, int]]:
    """Positions of rows of words that are unique in both: as many as can be in the same order in both."""

    def unique(words: list[int], start: int, end: int) -> dict[tuple[int, ...], int]:
        grams = [tuple(words[at : at + _GRAM]) for at in range(start, end - _GRAM + 1)]
        counts = Counter(grams)
        return {gram: start + at for at, gram in enumerate(grams) if counts[gram] == 1}

    there = unique(b, b0, b1)
    pairs = [(at, there[gram]) for gram, at in unique(a, a0, a1).items() if gram in there]
    return _rising(sorted(pairs))


def _rising(pairs: list[tuple[int, int]]) -> list[tuple[int, int]]:
    """The longest choice of the pairs, sorted by their first, whose second rises, too."""
    ends: list[int] = []  # the least second with which a choice of that length ends
    last: list[int] = []  # and which pair that is
    before: list[int] = []
    for number, (_, second) in enumerate(pairs):
        place = bisect_left(ends, second)
        before.append(last[place - 1] if place else -1)
        ends[place : place + 1] = [second]
        last[place : place + 1] = [number]
    chosen: list[tuple[int, int]] = []
    number = last[-1] if last else -1
    while number >= 0:
        chosen.append(pairs[number])
        number = before[number]
    return chosen[::-1]


# ---------------------------------------------------------------- what belongs together


class _Draft(NamedTuple):
    """`start` to `end` of the old text become `from_` to `to` of the new one."""

    start: int
    end: int
    from_: int
    to: int


def _add(changes: list[_Draft], before: str, after: str, old: tuple[int, int], new: tuple[int, int]) -> None:
    """Note that one range becomes the other, without the white space that both have around."""
    one, other = before[old[0] : old[1]], after[new[0] : new[1]]
    if one == other:
        return
    head = _shared_space(one, other)
    one, other = one[head:], other[head:]
    tail = _shared_space(one[::-1], other[::-1])
    changes.append(_Draft(old[0] + head, old[1] - tail, new[0] + head, new[1] - tail))


def _shared_space(one: str, other: str) -> int:
    count = 0
    for a, b in zip(one, other, strict=False):
        if a != b or not a.isspace():
            break
        count += 1
    return count


def _joined(changes: Sequence[_Draft], before: str, after: str) -> list[_Draft]:
    """The changes with those joined that are one to a reader."""
    done: list[_Draft] = []
    for change in changes:
        while done and _belongs(done[-1], change, before, after):
            last = done.pop()
            change = _Draft(last.start, change.end, last.from_, change.to)
        done.append(change)
    return done


def _belongs(one: _Draft, other: _Draft, before: str, after: str) -> bool:
    """Whether what stands unchanged between two changes is too little to tell them apart."""
    between = before[one.end : other.start]
    if _SENTENCE_END.search(between):
        return False
    words = _weight(between)
    if not words:
        return bool(_weight_of(one, before, after)) and bool(_weight_of(other, before, after))
    least = min(_weight_of(one, before, after), _weight_of(other, before, after))
    return words * 3 <= least


def _weight_of(change: _Draft, before: str, after: str) -> float:
    old = _weight(before[change.start : change.end])
    return max(old, _weight(after[change.from_ : change.to]))


def _weight(text: str) -> float:
    """Words in a text; a Chinese character is half a word."""
    weight = 0.0
    for match in _WORD.finditer(text):
        if _LETTER.match(match[0]):
            weight += 0.5 if match[0] >= "\u3040" and len(match[0]) == 1 else 1.0
    return weight
