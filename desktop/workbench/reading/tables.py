"""Sheets of Excel and CSV files -> tables."""

from __future__ import annotations

import csv
import io
import re
import zipfile
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime, time
from typing import Any, BinaryIO

from desktop.workbench.problems import Problem
from desktop.workbench.reading import archive
from desktop.workbench.reading.document import Document
from desktop.workbench.reading.encoding import decode
from desktop.workbench.reading.text import read_bytes
from desktop.workbench.reading.writer import Full, Writer
from models.errors import sentence

DELIMITERS = ",;\t|"
SAMPLE_ROWS = 200
SAMPLE = 1 << 16
COLUMNS = 2000
"""Of a sheet; what is further to the right is left out, and that is said."""

_FORMULA = re.compile(rb"<(?:\w+:)?f[\s>/]")
_FORMULA_CELLS = 5_000_000
"""Bytes of a sheet that are looked through for formulas."""


def read(file: BinaryIO, name: str, format: str) -> Document:
    """A table; `format` is "xlsx" or "csv"."""
    return _sheets(file, name) if format == "xlsx" else _csv(file, name)


# ---------------------------------------------------------------- CSV


def _csv(file: BinaryIO, name: str) -> Document:
    words, problems = decode(read_bytes(file))
    writer = Writer(name, "csv")
    writer.problems += problems
    csv.field_size_limit(1 << 30)
    if words[:4].lower() == "sep=" and words[5:6] == "\n":  # Excel's own way to tell
        delimiter, words = words[4], words[6:]
    else:
        delimiter = _delimiter(words)
    try:
        writer.table(csv.reader(io.StringIO(words, newline=""), delimiter=delimiter))
    except Full:
        writer.cut()
    return writer.document()


def _delimiter(words: str) -> str:
    """The character that divides the most rows into the same number of fields."""
    sample = words[:SAMPLE]
    if len(words) > SAMPLE:
        sample = sample[: sample.rfind("\n") + 1] or sample

    def agreement(delimiter: str) -> tuple[float, int]:
        rows = csv.reader(io.StringIO(sample, newline=""), delimiter=delimiter)
        widths = Counter(len(row) for row, _ in zip(rows, range(SAMPLE_ROWS), strict=False) if row)
        wide = [(count, width) for width, count in widths.items() if width > 1]
        count, width = max(wide, default=(0, 0))
        return count / max(1, widths.total()), width

    return max(DELIMITERS, key=agreement)


# ---------------------------------------------------------------- Excel


def _sheets(file: BinaryIO, name: str) -> Document:
    import openpyxl

    formulas = _formulas(file)
    book = openpyxl.load_workbook(file, read_only=True, data_only=True, keep_links=False)
    written = openpyxl.load_workbook(file, read_only=True, keep_links=False) if formulas else None
    writer = Writer(name, "xlsx", "sheet")
    writer.title = book.properties.title or ""
    writer.pages = len(book.worksheets)
    notes = _Notes()
    try:
        for writer.page, sheet in enumerate(book.worksheets, 1):
            other = written[sheet.title] if written is not None else None
            rows = _filled(_rows(sheet, other, notes))
            if (first := next(rows, None)) is None:
                continue
            writer.heading(2, sheet.title)
            writer.table(_chained(first, rows, writer))
    except Full:
        writer.cut()
    writer.problems += notes.problems()
    return writer.document()


class _Notes:
    """What could not be shown as it is.

    Attributes:
        formulas: cells that have a formula and no value. wide: rows that were cut.
    """

    def __init__(self) -> None:
        self.formulas = self.wide = 0

    def problems(self) -> Iterator[Problem]:
        """The remarks."""
        if self.formulas:
            remark = sentence("Formulas without a calculated value are shown as formulas: {count}.")
            yield Problem("formulas", remark, {"count": self.formulas})
        if self.wide:
            remark = sentence("Columns beyond the first {columns} were left out.")
            yield Problem("wide", remark, {"columns": COLUMNS})


def _formulas(file: BinaryIO) -> bool:
    """Whether there are formulas; also looks the archive over."""
    found = False
    with archive.opened(file) as zipped:
        for entry in zipped.infolist():
            if entry.filename.startswith("xl/worksheets/") and archive.is_text(entry.filename):
                found = found or _has_formula(zipped, entry)
    file.seek(0)
    return found


def _has_formula(zipped: zipfile.ZipFile, entry: zipfile.ZipInfo) -> bool:
    with zipped.open(entry) as stream:
        return bool(_FORMULA.search(stream.read(_FORMULA_CELLS)))


def _rows(sheet: Any, written: Any, notes: _Notes) -> Iterator[list[str]]:
    """The rows as text; `written`: the same sheet with its formulas."""
    for one in filter(None, (sheet, written)):
        one.reset_dimensions()  # what it says about its size is often wrong
    rows = sheet.iter_rows(values_only=True)
    others: Iterable[Sequence[Any]] | None = written.iter_rows(values_only=True) if written else None
    if others is None:
        for row in rows:
            yield [_shown(value) for value in _cut(row, notes)]
        return
    for row, other in zip(rows, others, strict=False):
        cells = []
        for value, formula in zip(_cut(row, notes), other, strict=False):
            if value is None and formula is not None:
                notes.formulas += 1
                value = formula if isinstance(formula, str) else getattr(formula, "text", "") or ""
            cells.append(_shown(value))
        yield cells


def _cut(row: Sequence[Any], notes: _Notes) -> Sequence[Any]:
    if len(row) <= COLUMNS:
        return row
    if any(value is not None for value in row[COLUMNS:]):
        notes.wide += 1
    return row[:COLUMNS]


def _filled(rows: Iterable[list[str]]) -> Iterator[list[str]]:
    return (row for row in rows if any(row))


def _chained(first: list[str], rows: Iterable[list[str]], writer: Writer) -> Iterator[list[str]]:
    yield first
    for row in rows:
        writer.check()
        yield row


def _shown(value: Any) -> str:
    match value:
        case None:
            return ""
        case bool():
            return str(value).upper()
        case float():
            return str(int(value)) if value.is_integer() and abs(value) < 1e15 else repr(value)
        case datetime():
            return f"{value:%Y-%m-%d}" if value.time() == time() else value.isoformat(" ", "minutes")
        case _:
            return str(value)
