"""Puts a document together, block by block, as light Markdown or plain paragraphs."""

from __future__ import annotations

import math
import re
import time
from collections.abc import Iterable, Sequence

from desktop.workbench.problems import Problem
from desktop.workbench.reading import limits, text
from desktop.workbench.reading.document import Block, BlockKind, Document, Unit

_SPACES = re.compile(r"[^\S\n]+")
_LINES = re.compile(r"\s*\n\s*")
_ANY_SPACE = re.compile(r"\s+")
_CONTROL = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]")


class Full(Exception):
    """The document has as much as one may have, or has taken as long."""


class Writer:
    """A document in the making.

    Attributes:
        page: where the next block is, from 1; 0 where there are no pages.
        pages: how many there are in all. title: of the document. problems: so far.
    """

    def __init__(self, name: str, format: str, unit: Unit = "") -> None:
        self.name, self.format, self.unit = name, format, unit
        self.page = self.pages = 0
        self.title = ""
        self.problems: list[Problem] = []
        self._pieces: list[str] = []
        self._blocks: list[Block] = []
        self._length = 0
        self._end = limits.enough()

    @property
    def written(self) -> int:
        """How many blocks have been written."""
        return len(self._blocks)

    @property
    def empty(self) -> bool:
        """Whether nothing has been written."""
        return not self._blocks

    def check(self) -> None:
        """Raise Full when it is time to come to an end; called where much is read and little written."""
        if time.monotonic() > self._end:
            raise Full

    def finish(self) -> None:
        """Let what has been read be written, however late it is."""
        self._end = math.inf

    def heading(self, level: int, words: str, *, mark: bool = True) -> None:
        """A heading; `mark`: with the "#" of Markdown."""
        words = one_line(words)
        level = min(max(level, 1), 6)
        if words:
            self._add("heading", f"{'#' * level} {words}" if mark else words, level)

    def paragraph(self, words: str) -> None:
        """A paragraph; line breaks in it are kept."""
        self._add("paragraph", lines(words))

    def item(self, words: str, level: int = 0, mark: str = "- ") -> None:
        """A list item, nested to `level`; `mark` may be empty when the text has its own."""
        indent = "    " * level
        words = lines(words).replace("\n", f"\n{indent}{' ' * len(mark)}")
        self._add("item", f"{mark}{words}" if words else "", level, indent=indent)

    def quote(self, words: str) -> None:
        """A quotation or a note."""
        words = lines(words)
        self._add("quote", "> " + words.replace("\n", "\n> ") if words else "")

    def code(self, words: str) -> None:
        """Text whose spaces and lines mean something."""
        words = _CONTROL.sub("\ufffd", words).strip("\n")
        if words.strip():
            fence = "```" if "```" not in words else "`" * (longest_run(words, "`") + 1)
            self._add("code", f"{fence}\n{words}\n{fence}")

    def table(self, rows: Iterable[Sequence[str]]) -> None:
        """A table; its first row is its head. Empty columns on the right and empty rows are left out.

        When the document is full, the rows so far stay, and Full is raised.
        """
        kept: list[str] = []
        widths: list[int] = []
        length = 0
        full: Full | None = None
        try:
            for row in rows:
                cells = [one_line(cell).replace("|", "\\|") for cell in row]
                while cells and not cells[-1]:
                    cells.pop()
                if cells:
                    kept.append(" | ".join(cells))  # a third of the memory that the cells take
                    widths.append(len(cells))
                    length += len(kept[-1]) + 5
                if self._length + length > limits.CHARACTERS:
                    raise Full
                self.check()
        except Full as error:
            full = error
            self.finish()
        if kept:
            self._add("table", "\n".join(_table_lines(kept, widths)))
        if full is not None:
            raise full

    def cut(self) -> None:
        """Say that only the beginning was read."""
        self.problems.append(text.cut(self._length))

    def document(self) -> Document:
        """What was written."""
        return Document(
            self.name,
            self.format,
            "".join(self._pieces),
            tuple(self._blocks),
            title=one_line(self.title)[:500],
            unit=self.unit,
            pages=self.pages,
            problems=tuple(self.problems),
        )

    def _add(self, kind: BlockKind, words: str, level: int = 0, indent: str = "") -> None:
        if not words.strip():
            return
        self.check()
        gap = self._gap(kind) + indent
        room = limits.CHARACTERS - self._length - len(gap)
        if room <= 0:
            raise Full
        cut = words[:room].rstrip()
        start = self._length + len(gap)
        self._pieces += [gap, cut]
        self._length = start + len(cut)
        self._blocks.append(Block(kind, start, self._length, level, self.page))
        if len(words) > room:
            raise Full

    def _gap(self, kind: BlockKind) -> str:
        if not self._blocks:
            return ""
        return "\n" if kind == "item" and self._blocks[-1].kind == "item" else "\n\n"


def one_line(words: str) -> str:
    """Without line breaks, doubled spaces and control characters."""
    return _CONTROL.sub("\ufffd", _ANY_SPACE.sub(" ", words)).strip()


def lines(words: str) -> str:
    """With single line breaks and spaces only, and without control characters."""
    return _CONTROL.sub("\ufffd", _LINES.sub("\n", _SPACES.sub(" ", words))).strip()


def longest_run(words: str, character: str) -> int:
    """How often a character is repeated at most."""
    return max(map(len, re.findall(f"{re.escape(character)}+", words)), default=0)


def _table_lines(rows: Sequence[str], widths: Sequence[int]) -> Iterable[str]:
    width = max(widths)
    for number, (row, cells) in enumerate(zip(rows, widths, strict=True)):
        yield f"| {row} {'|  ' * (width - cells)}|"
        if number == 0:
            yield f"|{' --- |' * width}"
