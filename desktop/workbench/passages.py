"""A document cut to size: its sentences, and passages that a model can take one at a time."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise

from desktop.workbench.reading.document import Block, Document

Span = tuple[int, int]

ENDLESS = 500
"""Characters from which on a sentence that never ends is taken line by line."""

# Beside these, sentencex cuts characters in two and panics.
_SPACES = dict.fromkeys(map(ord, "\x85\xa0\u1680\u2028\u2029\u202f\u205f\u3000"), " ")
_SPACES |= dict.fromkeys(range(0x2000, 0x200B), " ")
_WINDOW = 4000  # characters: the time that sentencex takes grows with the square of the sentences
_RUN = 1000  # characters whose tokens are counted together
_MOST_COUNTED = 8000  # characters: tokenizers can choke on a megabyte without a space
_GRAIN = 20  # pieces of a passage, at least, when there is a choice of where to cut
_TIGHT = 0.95  # tokens of pieces do not quite add up

_MARKS = {
    "heading": re.compile(r"\s{0,3}#{1,6}[ \t]+"),
    "item": re.compile(r"\s*(?:[-*+•–]|\(?\w{1,3}[.)])[ \t]+(?:\[[ xX]\][ \t]+)?"),
    "quote": re.compile(r"\s{0,3}(?:>[ \t]?)+"),
}
_CLOSING = re.compile(r"[*_~`\"”’»)\]]+(?=\s|$)")
_RULER = re.compile(r"[\s|:+=-]+$")  # the line under the head of a table, or a heading
_EMPHASIS = str.maketrans("", "", "*`")
_TITLE_LENGTH = 100


@dataclass(frozen=True)
class Passage:
    """A stretch of a document. `title`: the heading it stands under; empty where there is none."""

    start: int
    end: int
    title: str = ""


# ---------------------------------------------------------------- sentences


def sentences(text: str, language: str = "en") -> list[Span]:
    """Where each sentence begins and ends, in order and without the white space around it."""
    found: list[Span] = []
    for start, end in _raw_sentences(text, language or "en"):
        span = text[start:end]
        lines = span.splitlines(keepends=True) if end - start > ENDLESS else [span]
        for line in lines:
            closing = _CLOSING.match(line)
            if closing and found and found[-1][1] == start:  # of emphasis or a quotation
                found[-1] = found[-1][0], start + closing.end()
                start, line = start + closing.end(), line[closing.end() :]
            if line.strip():
                begin = start + len(line) - len(line.lstrip())
                found.append((begin, begin + len(line.strip())))
            start += len(line)
    return found


def _raw_sentences(text: str, language: str) -> Iterator[Span]:
    plain = text.translate(_SPACES)
    start, size = 0, _WINDOW
    while start < len(text):
        ends = _ends(plain[start : start + size], language)
        last = start + size >= len(text)
        if not last and len(ends) < 2:
            size *= 2
            continue
        begin = start
        for end in ends if last else ends[:-1]:  # the last one may go on
            yield begin, start + end
            begin = start + end
        start, size = begin, _WINDOW


def _ends(text: str, language: str) -> list[int]:
    """Where sentences end, each with the white space behind it; the last one at the end of the text."""
    from sentencex import get_sentence_boundaries

    try:
        return [int(bound["end_index"]) for bound in get_sentence_boundaries(language, text)]
    except BaseException as error:  # a panic in Rust is no Exception
        if type(error).__name__ != "PanicException":
            raise
        return [len(text)]


def units(document: Document, block: Block, language: str = "en") -> list[Span]:
    """What of a block can be pointed at: sentences, rows of a table, lines of code, a heading."""
    text = document.text
    start = block.start
    if mark := _MARKS.get(block.kind):
        found = mark.match(text, block.start, block.end)
        start = found.end() if found else start
    body = text[start : block.end]
    if block.kind in ("table", "code"):
        spans = [span for span in _lines(body) if not _RULER.match(body[slice(*span)])]
    elif block.kind == "heading":
        spans = _lines(body)[:1]
    else:
        spans = sentences(body, language)
    return [(start + a, start + b) for a, b in spans]


def _lines(text: str) -> list[Span]:
    found, start = [], 0
    for line in text.splitlines(keepends=True):
        if line.strip():
            begin = start + len(line) - len(line.lstrip())
            found.append((begin, begin + len(line.strip())))
        start += len(line)
    return found


# ---------------------------------------------------------------- passages


@dataclass(frozen=True)
class _Piece:
    """What is not cut. `tokens`: about; `price`: of a cut before it, in squares of a passage's length."""

    start: int
    end: int
    tokens: float
    price: float
    heading: bool = False


def split(document: Document, count: Callable[[str], int], capacity: int) -> list[Passage]:
    """Cut a document into passages of at most `capacity` tokens, about equally long.

    It is cut before headings if that does, else between paragraphs, sentences or words. Every character
    of every block is in exactly one passage, and a heading stays with what follows it. `count` tells
    tokens; it is called for some thousand characters at a time.
    """
    capacity = max(1, capacity)
    pieces = _pieces(document, count, capacity)
    spans = [
        span
        for start, end in _packed(pieces, capacity * _TIGHT)
        for span in _checked(document.text, start, end, count, capacity)
    ]
    return [Passage(start, end, title_at(document, start)) for start, end in spans]


def title_at(document: Document, position: int) -> str:
    """The heading that a place in a document stands under; empty where there is none."""
    title = ""
    for block in document.blocks:
        if block.start > position:
            break
        if block.kind == "heading":
            title = heading(document, block) or title
    return title


def heading(document: Document, block: Block) -> str:
    """The words of a heading, without marks."""
    for start, end in units(document, block):
        return document.text[start:end].rstrip("# ").translate(_EMPHASIS).strip()[:_TITLE_LENGTH]
    return ""


def _pieces(document: Document, count: Callable[[str], int], capacity: int) -> list[_Piece]:
    blocks = [block for block in document.blocks if document.text[block.start : block.end].strip()]
    sizes = _counted(document.text, [(block.start, block.end) for block in blocks], count)
    pieces: list[_Piece] = []
    before: Block | None = None
    for block, tokens in zip(blocks, sizes, strict=True):
        price = _price(before, block)
        if tokens <= capacity / 2:
            pieces.append(_Piece(block.start, block.end, tokens, price, block.kind == "heading"))
        else:
            pieces += _crumbs(document, block, tokens, price, capacity)
        before = block
    return _joined(pieces, capacity / _GRAIN)


def _price(before: Block | None, block: Block) -> float:
    if before is not None and before.kind == "heading":
        return 10.0
    if block.kind == "heading":
        return 0.02 * max(1, block.level)
    if before is not None and block.kind == before.kind == "item":
        return 0.3
    return 0.15 if before is None or before.page == block.page else 0.12


def _counted(text: str, spans: Sequence[Span], count: Callable[[str], int]) -> list[float]:
    """Tokens of each span: many short ones are counted together and share the sum by their length."""
    sizes: list[float] = []
    run: list[Span] = []
    for place, span in enumerate(spans):
        run.append(span)
        if sum(b - a for a, b in run) < _RUN and place + 1 < len(spans):
            continue
        start, end = run[0][0], run[-1][1]
        steps = range(start, end, _MOST_COUNTED)
        tokens = sum(count(text[at : min(at + _MOST_COUNTED, end)]) for at in steps)
        length = sum(b - a for a, b in run)
        sizes += [tokens * (b - a) / length for a, b in run]
        run = []
    return sizes


def _crumbs(document: Document, block: Block, tokens: float, price: float, capacity: int) -> list[_Piece]:
    """A long block in pieces: its sentences or lines; what is still too long, its words."""
    density = tokens / (block.end - block.start)
    longest, step = max(1, int(capacity * _TIGHT / density)), max(1, int(capacity * 0.12 / density))
    starts = [start for start, _ in units(document, block)] or [block.start]
    cuts = [block.start, *starts[1:], block.end]  # white space belongs to what stands before it
    pieces: list[_Piece] = []
    for start, end in pairwise(cuts):
        at = start
        while at < end:
            stop = end if end - at <= longest else _word_end(document.text, at, at + step)
            cost = price if at == block.start else 0.5 if at == start else 0.9
            pieces.append(_Piece(at, stop, (stop - at) * density, cost, block.kind == "heading"))
            at = stop
    return pieces


def _word_end(text: str, start: int, limit: int) -> int:
    """Where to cut in the second half of a stretch: behind white space if there is any."""
    middle = (start + limit) // 2
    for at in range(limit, max(middle, start), -1):
        if text[at - 1].isspace():
            return at
    return limit


def _joined(pieces: Sequence[_Piece], least: float) -> list[_Piece]:
    """Small pieces joined where a cut between them would gain nothing."""
    joined: list[_Piece] = []
    for piece in pieces:
        last = joined[-1] if joined else None
        small = last is not None and last.tokens + piece.tokens < least
        if last is not None and small and not piece.heading and not last.heading:
            joined[-1] = _Piece(last.start, piece.end, last.tokens + piece.tokens, last.price)
        else:
            joined.append(piece)
    return joined


def _packed(pieces: Sequence[_Piece], capacity: float) -> list[Span]:
    """The best way to cut: lengths near to each other, cuts where they are cheap.

    `best[n]` is what cutting the first n pieces costs at least, and `back[n]` where its last passage begins.
    """
    if not pieces:
        return []
    total = sum(piece.tokens for piece in pieces)
    target = total / max(1, -(-total // capacity))
    best, back = [0.0], [0]
    for n in range(1, len(pieces) + 1):
        size, least, begin = 0.0, float("inf"), n - 1
        for first in range(n - 1, -1, -1):
            size += pieces[first].tokens
            if size > capacity and first < n - 1:
                break
            cost = best[first] + ((size - target) / target) ** 2 + (pieces[first].price if first else 0.0)
            if cost < least:
                least, begin = cost, first
        best.append(least)
        back.append(begin)
    spans: list[Span] = []
    n = len(pieces)
    while n:
        spans.append((pieces[back[n]].start, pieces[n - 1].end))
        n = back[n]
    return spans[::-1]


def _checked(text: str, start: int, end: int, count: Callable[[str], int], capacity: int) -> Iterator[Span]:
    """The passage, or its halves if it has more tokens than was thought."""
    if end - start < 2 or count(text[start:end]) <= capacity:
        yield start, end
        return
    middle = start + (end - start) * 2 // 3
    cut = _word_end(text, start + (end - start) // 3, middle)
    yield from _checked(text, start, cut, count, capacity)
    yield from _checked(text, cut, end, count, capacity)
