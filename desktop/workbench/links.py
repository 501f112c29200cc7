"""Where a result comes from: each of its sentences, and the sentence of the source that is most like it."""

from __future__ import annotations

import math
import re
from bisect import bisect_right
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from desktop.workbench.passages import Span, sentences, units
from desktop.workbench.reading.document import Document
from desktop.workbench.store.records import PartRow

LEAST = 0.2
"""Likeness from which on a sentence counts as found in the source."""

_LONG = 400  # characters: what has no sentences is pointed at in stretches
_PATH = 0.3  # how much the parts on the way down count beside the sentence itself
_RECALL = 4.0  # how much more it matters that a sentence's words are in the source than the other way round
_STEM = 6  # letters that tell a word, whatever its ending
_LITTLE = 3  # letters up to which a word rarely says anything, in most languages
_NEW = 0.5  # of the highest weight: words that the source does not have

_CJK = "\u3040-\u30ff\u3400-\u9fff\uf900-\ufaff\uac00-\ud7af\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff"
_WORD = re.compile(rf"\d+(?:[.,:]\d+)*|[{_CJK}]+|[^\W\d_{_CJK}]+")
_UNSPACED = re.compile(rf"[{_CJK}]")
_MARK = re.compile(r"\s*(?:>\s*)*(?:(?:[-*+•]|\d{1,3}[.)])\s+)?(?:\[[ xX]\]\s+)?")
_RULER = re.compile(r"[\s|:*_=-]*$")

Terms = dict[str, float]
"""The words of a sentence and how much each weighs."""


@dataclass(frozen=True)
class Link:
    """A sentence of a result and where it comes from.

    Attributes:
        start, end: of the sentence in the result.
        part: number of the part it was found in. source: which document, -1 for all of them.
        from_, to: of the place in that document.
        score: 0 to 1; 0 when no sentence of the source is like it, and then the place is the part whose own
            text is most like it, or else all it was made from.
    """

    start: int
    end: int
    part: int
    source: int
    from_: int
    to: int
    score: float

    def to_dict(self) -> dict[str, Any]:
        """Plain values, for the store."""
        return {
            "start": self.start,
            "end": self.end,
            "part": self.part,
            "source": self.source,
            "from": self.from_,
            "to": self.to,
            "score": round(self.score, 3),
        }

    @classmethod
    def from_dict(cls, value: Mapping[str, Any]) -> Link:
        """A link as the store keeps it."""
        names = ("start", "end", "part", "source", "from", "to")
        start, end, part, source, from_, to = (int(value.get(name, 0)) for name in names)
        return cls(start, end, part, source, from_, to, float(value.get("score", 0.0)))

    @property
    def found(self) -> bool:
        """Whether a sentence of the source is like it."""
        return self.score > 0


def link(
    text: str,
    origin: PartRow,
    parts: Sequence[PartRow],
    documents: Sequence[Document],
    *,
    offset: int = 0,
    language: str = "en",
) -> list[Link]:
    """Link each sentence, list item and table row of a text to the source of the part it is of.

    It is looked for in all parts of the documents that `origin` was made of; that the parts on the way
    there say it, too, counts. `offset`: where the text begins in the whole result.
    """
    return Sources(origin, parts, documents, language).links(text, offset)


class Sources:
    """The sentences that a part was made of, ready to be looked for."""

    def __init__(
        self,
        origin: PartRow,
        parts: Sequence[PartRow],
        documents: Sequence[Document],
        language: str = "en",
    ) -> None:
        self._origin = origin
        self._places: list[tuple[PartRow, Span]] = []
        self._leaves: list[PartRow] = []
        self._paths: dict[int, tuple[Terms, ...]] = {}
        spans: dict[int, list[Span]] = {}
        for leaf, path in leaves(origin, parts):
            document = documents[leaf.source]
            if leaf.source not in spans:
                spans[leaf.source] = [
                    s for block in document.blocks for s in units(document, block, language)
                ]
            self._leaves.append(leaf)
            self._paths[leaf.number] = tuple(terms(node.text) for node in path)
            self._places += [(leaf, span) for span in _places(leaf, document, spans[leaf.source])]
        texts = [documents[leaf.source].text[start:end] for leaf, (start, end) in self._places]
        self._terms = [terms(text) for text in texts]
        counts = Counter(word for found in self._terms for word in found)
        total = len(texts)
        self._rare = {word: math.log1p(total / count) - 0.6 for word, count in counts.items()}
        self._new = _NEW * math.log1p(total)
        self._weights = [self._weight(found) for found in self._terms]
        self._holding: dict[str, list[int]] = {}
        for place, found in enumerate(self._terms):
            for word in found:
                self._holding.setdefault(word, []).append(place)
        self._language = language

    def links(self, text: str, offset: int = 0) -> list[Link]:
        """A link for each sentence of a text."""
        return [self._link(text, start, end, offset) for start, end in said(text, self._language)]

    def _link(self, text: str, start: int, end: int, offset: int) -> Link:
        wanted = terms(text[start:end])
        place, score = self._find(wanted)
        if place is None:
            part = self._nearest(wanted)
            span = part.start, part.end
        else:
            part, span = self._places[place]
        return Link(start + offset, end + offset, part.number, part.source, *span, score)

    def _find(self, wanted: Terms) -> tuple[int | None, float]:
        """The place most like it and how much so; the first of several."""
        whole = self._weight(wanted)
        if not whole:
            return None, 0.0
        shared: dict[int, float] = {}
        for word, weight in wanted.items():
            for place in self._holding.get(word, ()):
                shared[place] = shared.get(place, 0.0) + weight * self._rare[word]
        on_the_way: dict[int, float] = {}
        best, most, found = None, 0.0, 0.0
        for place in sorted(shared):
            number = self._places[place][0].number
            if number not in on_the_way:
                on_the_way[number] = self._on_the_way(wanted, whole, number)
            likeness = _likeness(shared[place], whole, self._weights[place])
            rank = likeness + _PATH * on_the_way[number]
            if likeness >= LEAST and rank > most + 1e-9:
                best, most, found = place, rank, likeness
        return best, min(1.0, found)

    def _nearest(self, wanted: Terms) -> PartRow:
        """The part of a document that says most of a sentence in its own words; the origin if none does."""
        whole = self._weight(wanted)
        if not whole or not self._leaves:
            return self._origin
        said = {leaf.number: self._on_the_way(wanted, whole, leaf.number) for leaf in self._leaves}
        best = max(self._leaves, key=lambda leaf: said[leaf.number])
        return best if said[best.number] >= LEAST else self._origin

    def _on_the_way(self, wanted: Terms, whole: float, number: int) -> float:
        """How much of a sentence the parts between the result and a part of the source have."""
        path = self._paths[number]
        if not path:
            return 0.0
        held = [sum(w * self._rarity(word) for word, w in wanted.items() if word in node) for node in path]
        return sum(held) / len(held) / whole

    def _weight(self, found: Terms) -> float:
        return sum(weight * self._rarity(word) for word, weight in found.items())

    def _rarity(self, word: str) -> float:
        return self._rare.get(word, self._new)


def _likeness(shared: float, wanted: float, place: float) -> float:
    recall, precision = shared / wanted, shared / place if place else 0.0
    if not shared:
        return 0.0
    return (1 + _RECALL) * precision * recall / (_RECALL * precision + recall)


def terms(text: str) -> Terms:
    """The words of a text; numbers and names weigh more, CJK counts by pairs of characters."""
    found: Terms = {}
    first = True
    for match in _WORD.finditer(text):
        word = match[0]
        if word[0].isdigit():
            found[word] = 2.0
        elif _UNSPACED.match(word):
            pairs = [word[at : at + 2] for at in range(len(word) - 1)] or [word]
            found.update(dict.fromkeys(pairs, 1.0))
        else:
            stem = word.casefold()[:_STEM]
            name = word[0].isupper() and not first
            weight = 1.5 if name else 1.0 if len(word) > _LITTLE else 0.3
            found[stem] = max(found.get(stem, 0.0), weight)
        first = False
    return found


# ---------------------------------------------------------------- what is linked to what


def said(text: str, language: str = "en") -> list[Span]:
    """What a result in Markdown says: its sentences, list items and table rows; no headings or rulers."""
    found: list[Span] = []
    start = 0
    lines = text.splitlines(keepends=True)
    for number, line in enumerate(lines):
        body = line.rstrip()
        begin = start + min(_mark(body), len(body))
        end = start + len(body)
        below = lines[number + 1] if number + 1 < len(lines) else ""
        head = body.startswith("|") and "-" in below and bool(_RULER.match(below))
        if body.lstrip().startswith("#") or _RULER.match(body) or head:
            pass
        elif begin > start or body.startswith("|"):
            found.append((begin, end))
        else:
            found += [(start + a, start + b) for a, b in sentences(body, language)]
        start += len(line)
    return found


def _mark(line: str) -> int:
    match = _MARK.match(line)
    return match.end() if match and match[0].strip() else 0


def leaves(origin: PartRow, parts: Sequence[PartRow]) -> Iterator[tuple[PartRow, tuple[PartRow, ...]]]:
    """The parts of documents that a part was made of, in order, each with what lies on the way to it.

    The way has the part of the document itself, and leaves out the origin.
    """
    stack: list[tuple[PartRow, tuple[PartRow, ...]]] = [(origin, ())]
    while stack:
        part, path = stack.pop()
        if not part.inputs:
            yield part, path
        stack += [(parts[number], (*path, parts[number])) for number in reversed(part.inputs)]


def _places(leaf: PartRow, document: Document, spans: Sequence[Span]) -> Iterator[Span]:
    """What in a part of a document can be pointed at; `spans`: the sentences of the document."""
    first = max(0, bisect_right(spans, leaf.start, key=lambda span: span[0]) - 1)
    for start, end in spans[first:]:
        if start >= leaf.end:
            break
        start, end = max(start, leaf.start), min(end, leaf.end)
        if start < end:
            yield from _stretches(document.text, start, end)


def _stretches(text: str, start: int, end: int) -> Iterator[Span]:
    """A sentence; one that is very long in stretches that begin and end with a word."""
    while end - start > _LONG:
        cut = text.rfind(" ", start + _LONG // 2, start + _LONG)
        cut = cut if cut > 0 else start + _LONG
        piece = text[start:cut]
        if piece.strip():
            yield start + len(piece) - len(piece.lstrip()), start + len(piece.rstrip())
        start = cut
    piece = text[start:end]
    if piece.strip():
        yield start + len(piece) - len(piece.lstrip()), start + len(piece.rstrip())
