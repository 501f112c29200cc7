"""Plain text and Markdown: kept as they were written."""

from __future__ import annotations

import os
from collections.abc import Iterable
from typing import BinaryIO

from desktop.workbench.problems import Problem
from desktop.workbench.reading import blocks, limits
from desktop.workbench.reading.document import Document
from desktop.workbench.reading.encoding import decode
from models.errors import UserError, sentence


def read_bytes(file: BinaryIO) -> bytes:
    """All of a file that has to be in memory; raises UserError (code "too_large")."""
    size = file.seek(0, os.SEEK_END)
    file.seek(0)
    if size > limits.PLAIN_FILE:
        raise UserError(
            "The file is larger than {size} MB.",
            hint="Divide it into smaller files.",
            code="too_large",
            size=limits.PLAIN_FILE >> 20,
        )
    return file.read(limits.PLAIN_FILE)


def read(file: BinaryIO, name: str, format: str) -> Document:
    """A text file; `format` is "txt" or "md"."""
    text, problems = decode(read_bytes(file))
    return document(text, name, format, problems)


def document(text: str, name: str, format: str, problems: Iterable[Problem] = ()) -> Document:
    """A document of a text as it is; one that is too long is cut, which is said."""
    problems = tuple(problems)
    if len(text) > limits.CHARACTERS:
        text = text[: limits.CHARACTERS]
        problems = (*problems, cut(len(text)))
    if format == "md":
        return Document(
            name,
            format,
            text,
            blocks.markdown_blocks(text),
            title=blocks.markdown_title(text),
            problems=problems,
        )
    return Document(name, format, text, blocks.plain_blocks(text), problems=problems)


def cut(characters: int) -> Problem:
    """Says that only the beginning was read."""
    return Problem(
        "cut",
        sentence("Only the beginning was read, {characters:,} characters; the rest is too long."),
        {"characters": characters},
    )
