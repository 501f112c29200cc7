"""A document as it was read: its text, and where in it headings, paragraphs and pages are."""

from __future__ import annotations

from bisect import bisect_right
from typing import Literal

import msgspec

from desktop.workbench.problems import Problem

BlockKind = Literal["heading", "paragraph", "item", "quote", "code", "table"]
Unit = Literal["", "page", "slide", "sheet", "chapter"]


class Block(msgspec.Struct, frozen=True, omit_defaults=True):
    """One piece of a document's structure.

    Attributes:
        start, end: of its characters in `Document.text`, marks such as "# " or "- " included.
        level: of a heading, 1 to 6; of a list item its depth, from 0.
        page: which page, slide, sheet or chapter it begins on, from 1; 0 where there are none.
    """

    kind: BlockKind
    start: int
    end: int
    level: int = 0
    page: int = 0


class Document(msgspec.Struct, frozen=True, omit_defaults=True):
    """What was read of a file, a conversation or pasted text.

    Blocks are in order and do not overlap, and nothing but white space lies outside of them, so that
    the share of a text that was used can be told in characters.

    Attributes:
        name: of the file, or what the person knows the text by.
        format: how it was read: txt, md, html, pdf, docx, pptx, xlsx, csv, epub, chat or paste.
        text: all of it. Markdown and plain text are as they were written; what has structure of its own
            (docx, html, epub, pptx, xlsx, csv) is given as Markdown.
        title: as the document itself says; may be empty.
        unit: what its pages are called. pages: how many; 0 where there are none.
        problems: what could not be read, such as pages that are pictures.
    """

    name: str
    format: str
    text: str
    blocks: tuple[Block, ...]
    title: str = ""
    unit: Unit = ""
    pages: int = 0
    problems: tuple[Problem, ...] = ()

    @property
    def markdown(self) -> bool:
        """Whether the marks in the text mean structure."""
        return self.format not in ("txt", "pdf", "paste")

    def page_at(self, position: int) -> int:
        """The page that a character is on; 0 where there are none."""
        after = bisect_right(self.blocks, position, key=lambda block: block.start)
        return self.blocks[after - 1].page if after else 0
