"""What of a document is rewritten, one piece at a time, and how a piece is taken apart and put together.

A piece is a stretch of the document without the marks around it: the "#" of a heading, the "-" of an item,
the ">" of a quotation and the empty lines between paragraphs lie outside of all pieces, and whatever is
outside is never touched. So a rewritten text has the structure of its source whatever the model says.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Literal

from desktop.workbench import changes
from desktop.workbench.reading.document import Block, Document

Passed = Literal["", "code", "table", "words", "kind"]
"""Why a piece is left as it is: code, a table, nothing in it to rewrite, not for this task."""


@dataclass(frozen=True)
class Piece:
    """Characters `start` to `end` of a document.

    Attributes:
        kind: of the block it is in, or "cell". passed: why it is left as it is; empty when it is not.
        title: the heading it stands under.
    """

    kind: str
    start: int
    end: int
    passed: Passed = ""
    title: str = ""


def pieces(document: Document, kinds: Sequence[str]) -> Iterator[Piece]:
    """All of a document in order; blocks of other kinds than these are left as they are."""
    text, title = document.text, ""
    for block in document.blocks:
        if block.kind == "heading":
            title = " ".join(text[slice(*_inside(document, block))].split())[:100]
        for piece in _of_block(document, block, kinds):
            if not piece.passed and not has_words(text[piece.start : piece.end]):
                piece = Piece(piece.kind, piece.start, piece.end, "words")
            yield Piece(piece.kind, piece.start, piece.end, piece.passed, title)


def has_words(text: str) -> bool:
    """Whether there is something to rewrite, other than code, links, pictures and numbers."""
    return bool(_WORDS.search(_NO_WORDS.sub(" ", text)))


_NO_WORDS = re.compile(
    r"`[^`]*`|!\[[^\]]{0,500}\]\([^)]{0,2000}\)|\]\([^)]{0,2000}\)|\b\w{2,12}://\S+|\bwww\.\S+"
    r"|\b[\w.+-]{1,64}@[\w-]+\.\S+|</?\w[^<>]*>|&\w{1,20};"
)
_WORDS = re.compile(r"[^\W\d_]{2}|[\u3040-\u30ff\u3400-\u9fff]")
_CODE_LIKE = re.compile(r"<[a-zA-Z/!?]|\$\$|\\\[|\\begin\{|\[[^\]^]+\]:\s*\S+\s*(?:\n|$)")
_HEADING = re.compile(r"#{1,6}[ \t]+")
_PLAIN_MARK = re.compile(r"(?:#{1,6}[ \t]+|(?:>[ \t]?)+)(?=\S)")  # also where Markdown was not meant
_HEADING_END = re.compile(r"[ \t]+#+[ \t]*$|\n[ \t]*(?:=+|-+)[ \t]*$")
_ITEM = re.compile(
    r"(?:[-*+][ \t]+)*"
    r"(?:(?:[-*+•‣◦▪–—·●○■□]|\(?\d{1,9}[.)、]|\(?[a-zA-Z][.)])[ \t\u3000]+)?(?:\[[ xX]\][ \t]+)?"
)
_FOOTNOTE = re.compile(r"\[\^[^\]]+\]:[ \t]*")
_QUOTE = re.compile(r"[ \t]*(?:>[ \t]?)+|[ \t]+")
_QUOTED_MARK = re.compile(r"[-*+][ \t]|\d{1,9}[.)][ \t]|#{1,6}[ \t]")
_CODE_IN_QUOTE = re.compile(r"(?m)^[ \t]*(?:>[ \t]?)+[ \t]*(?:```|~~~|\|| {4}|<[a-zA-Z/!])")


def _of_block(document: Document, block: Block, kinds: Sequence[str]) -> Iterator[Piece]:
    text = document.text[block.start : block.end]
    start, end = _inside(document, block)
    if block.kind == "code" or (document.markdown and _CODE_LIKE.match(text)):
        yield Piece(block.kind, block.start, block.end, "code")
    elif block.kind == "table":
        yield from _cells(document, block, kinds)
    elif block.kind not in kinds or (document.format == "chat" and block.kind == "heading"):
        yield Piece(block.kind, start, end, "kind")
    elif block.kind != "quote":
        yield Piece(block.kind, start, end)
    elif _CODE_IN_QUOTE.search(text):
        yield Piece("quote", block.start, block.end, "code")
    else:
        yield from (Piece("quote", *span) for span in _quoted(document.text, block))


def _inside(document: Document, block: Block) -> tuple[int, int]:
    """Where the words of a block are, without its marks; nothing of it is left out when it is all marks."""
    text = document.text[block.start : block.end]
    start, end = 0, len(text)
    mark: re.Match[str] | None
    if block.kind == "heading" and document.markdown:
        mark, last = _HEADING.match(text), _HEADING_END.search(text)
        start = mark.end() if mark else 0
        end = last.start() if last and last.start() > start else end
    elif block.kind == "item":
        mark = _ITEM.match(text)
        start = mark.end() if mark else 0
    elif mark := _FOOTNOTE.match(text) or _PLAIN_MARK.match(text):
        start = mark.end()
    return (block.start + start, block.start + end) if start < end else (block.start, block.end)


def _quoted(text: str, block: Block) -> Iterator[tuple[int, int]]:
    """The paragraphs of a quotation: without its marks, parted by empty lines and at marks of lists."""
    start = end = -1
    depth = 0
    at = block.start
    for line in text[block.start : block.end].splitlines(keepends=True):
        mark = _QUOTE.match(line)
        prefix, inner = (mark[0], line[mark.end() :]) if mark else ("", line)
        inner_start = at + len(prefix)
        own = _QUOTED_MARK.match(inner)
        deep = prefix.count(">")
        if start >= 0 and (not inner.strip() or own or (deep and deep != depth)):
            yield start, end
            start = -1
        if inner.strip():
            if start < 0:
                item = own.end() if own else 0
                start, depth = inner_start + item, deep
            end = inner_start + len(inner.rstrip())
        at += len(line)
    if start >= 0:
        yield start, end


# ---------------------------------------------------------------- tables

MOST_CELLS = 60
_CELL = re.compile(r"(?<![\\|])\|?[ \t]*((?:[^|\\\n]|\\.)*?)[ \t]*(?=\||\n|$)")


def _cells(document: Document, block: Block, kinds: Sequence[str]) -> Iterator[Piece]:
    """The cells of a small table, if the task is for them; else the table as it is."""
    text = document.text[block.start : block.end]
    spans = [
        (block.start + match.start(1), block.start + match.end(1))
        for match in _CELL.finditer(text)
        if has_words(match[1])
    ]
    if "table" not in kinds or not text.lstrip().startswith("|") or not 0 < len(spans) <= MOST_CELLS:
        yield Piece("table", block.start, block.end, "table" if "table" in kinds else "kind")
    else:
        yield from (Piece("cell", *span) for span in spans)


# ---------------------------------------------------------------- lines

_NARROW = 40  # columns: lines that are all shorter were not broken to fit onto a page
_ROOM = 3  # columns by which a line may be shorter than it could be
_MOST_SHORT = 0.3  # share of lines that could be longer, above which the breaks are meant
_BREAK = re.compile(r"(?: {2,}|\\)$")
_PREFIX = re.compile(r"[ \t\u3000]*(?:>[ \t]?)*[ \t\u3000]*")
_WIDE = re.compile(r"[\u1100-\u115f\u2e80-\ua4cf\uac00-\ud7a3\uf900-\ufaff\uff00-\uff60]")
_CJK = r"[\u3000-\u30ff\u3400-\u9fff\uff00-\uff60]"
_CJK_BREAK = re.compile(rf"(?<={_CJK})\n(?={_CJK})")
_MARK = re.compile(r"(?:#{1,6}[ \t]+|>[ \t]?|[-*+•][ \t]+|\d{1,2}[.)][ \t]+)(?=\S)")


@dataclass(frozen=True)
class _Line:
    """A line with an end that is meant. It may have been broken into several to fit onto a page: then
    `text` has line breaks, and `inner` what stands before each of the further ones."""

    prefix: str
    text: str
    suffix: str
    inner: tuple[str, ...]


@dataclass(frozen=True)
class Layout:
    """How the words of a piece are laid out in lines. `lines`: those whose end is meant."""

    lines: tuple[_Line, ...]

    @classmethod
    def of(cls, raw: str) -> Layout:
        """Take a piece apart."""
        rows = []
        for number, row in enumerate(raw.split("\n")):
            prefix = _PREFIX.match(row) if number else None
            start = prefix.end() if prefix else 0
            last = _BREAK.search(row, start)
            body = row[start : last.start() if last else len(row)]
            rows.append((row[:start], body.rstrip(), last[0] if last else ""))
        if any(suffix for _, _, suffix in rows[:-1]):
            ends = [number for number, row in enumerate(rows) if row[2]]
        elif _breaks_are_meant([body for _, body, _ in rows]):
            ends = list(range(len(rows)))
        else:
            ends = []
        bounds = [0, *(number + 1 for number in ends if number + 1 < len(rows)), len(rows)]
        return cls(tuple(_line(rows[start:end]) for start, end in pairwise(bounds)))

    @property
    def text(self) -> str:
        """What the model is shown: a line for each line whose end is meant."""
        return "\n".join(joined(line.text) for line in self.lines)

    def put(self, answer: str) -> str | None:
        """The piece with the words of the answer; None when the answer has another number of lines."""
        rows = [row.strip() for row in answer.split("\n") if row.strip()]
        wanted = [line for line in self.lines if line.text]
        if len(wanted) == 1:
            rows = [joined("\n".join(rows))]
        if len(rows) != len(wanted):
            return None
        left = iter(rows)
        return "\n".join(self._row(line, next(left) if line.text else "") for line in self.lines)

    def put_freely(self, answer: str) -> str:
        """The piece with the lines of the answer, however many: a list, say; empty ones are left out."""
        inner = [*self.lines[0].inner, *(line.prefix for line in self.lines[1:]), ""][0]
        rows = [row.rstrip() for row in answer.split("\n") if row.strip()]
        return f"\n{inner}".join(rows)

    @staticmethod
    def _row(line: _Line, row: str) -> str:
        if not _MARK.match(line.text) and (mark := _MARK.match(row)):
            row = row[mark.end() :]
        first, *further = changes.keep_breaks(line.text, row).split("\n")
        inner = line.inner if len(further) == len(line.inner) else line.inner[:1] * len(further)
        body = [f"\n{prefix}{part}" for prefix, part in zip(inner, further, strict=True)]
        return "".join([line.prefix, first, *body, line.suffix])


def joined(text: str) -> str:
    """Lines made one, with a space between them where the script has spaces."""
    return re.sub(r"\s*\n\s*", " ", _CJK_BREAK.sub("", re.sub(r"[ \t]*\n[ \t]*", "\n", text)))


def _line(rows: Sequence[tuple[str, str, str]]) -> _Line:
    prefixes = tuple(prefix for prefix, _, _ in rows)
    return _Line(prefixes[0], "\n".join(body for _, body, _ in rows), rows[-1][2], prefixes[1:])


def _breaks_are_meant(rows: Sequence[str]) -> bool:
    """Whether lines end where they do for a reason: the next word would have fitted in, too."""
    if len(rows) < 2:
        return False
    widths = [len(row) + len(_WIDE.findall(row)) for row in rows]
    widest = max(widths)
    if widest < _NARROW:
        return True
    short = 0
    for width, following in zip(widths, rows[1:], strict=False):
        word = following.split(maxsplit=1)[0] if following.split() else ""
        next_ = 2 if _WIDE.match(word) else len(word) + 1
        short += width + next_ + _ROOM <= widest
    return short / (len(rows) - 1) > _MOST_SHORT
