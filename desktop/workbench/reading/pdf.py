"""PDF: the lines of each page, put together to paragraphs by where they stand."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from statistics import median
from typing import Any, BinaryIO

from desktop.workbench.problems import Problem
from desktop.workbench.reading.blocks import ITEM, WIDE
from desktop.workbench.reading.document import Document
from desktop.workbench.reading.writer import Full, Writer
from models.errors import UserError, sentence

PASSWORD = 4
"""pdfium's number for an encrypted file."""

HEADING = 1.15
"""A heading's letters are at least so much larger than those of most lines."""

REPEATED = 0.1
"""What stands in the same place of at least so many of the pages, and of four, is a running title."""

NUMBER = "#"
"""Stands for any number."""

FEW = 25
"""Characters; a page that is one picture and has no more than these was scanned."""

SHORT = 0.75
"""A line that fills less of its column ends a paragraph; a longer one does where a sentence ends with it."""

_PIECE = re.compile("([^\r\n\x02\ufffe\u00ad]+)([\x02\ufffe\u00ad])?")
"""A line, or what stands before a hyphen that ends one; pdfium has marks of its own for these."""

_WRITTEN: dict[int, str | None] = dict.fromkeys(set(range(32)) - {9})
_WRITTEN |= dict(enumerate(("ff", "fi", "fl", "ffi", "ffl", "st", "st"), 0xFB00))
_WIDE = re.compile(f"[{WIDE}]")
_LAST = re.compile(r"[.!?:;…。！？：；]['\"”’»)\]）」』]*$")
_DIGITS = re.compile(r"\d+")
_LISTED = re.compile(r" \.\.\. *\w{1,6}$")
"""How an entry of a table of contents ends."""

_COMPOUND = re.compile(r"[^\W\d_]+-[^\W\d_]+")
_LEADER = re.compile(r"\s*(?:[.·…]\s?){5,}")
_SPACE = re.compile(r"\s+")
_NUMBER = re.compile(r"\W*(?:page|p\.|第)?\s*(?:\d+|[ivxlc]+)\s*页?\W*(?:(?:of|/)\s*\d+)?\W*", re.I)


@dataclass(slots=True)
class Line:
    """A line of a page: left, right and base in points, y upward; size of its letters."""

    text: str
    page: int
    left: float
    right: float
    base: float
    size: float
    bold: bool
    hyphen: bool


@dataclass(slots=True)
class Paragraph:
    """Lines that belong together."""

    lines: list[Line] = field(default_factory=list)
    text: str = ""


def read(file: BinaryIO, name: str, format: str = "pdf") -> Document:
    """A PDF file; raises UserError (codes "encrypted", "damaged", "scanned", "empty")."""
    writer = Writer(name, "pdf", "page")
    document = _opened(file)
    writer.pages = len(document)
    writer.title = document.get_metadata_value("Title") or ""
    pages, full = _pages(document, writer)
    writer.finish()
    _without_running_titles(pages)
    lines = [line for page in pages for line in page]
    _write(_paragraphs(pages), lines, writer, full)
    if writer.empty:
        _raise_for_none(writer)
    return writer.document()


def _opened(file: BinaryIO) -> Any:
    import pypdfium2

    try:
        return pypdfium2.PdfDocument(file)
    except pypdfium2.PdfiumError as error:
        if error.err_code == PASSWORD:
            raise UserError(
                "This PDF is protected by a password.",
                hint="Open it in a PDF viewer, save a copy without a password, and open that.",
                code="encrypted",
            ) from error
        raise UserError(
            "This PDF is damaged and cannot be opened.",
            hint="Get it once more from where it came from, or open and save it in a PDF viewer.",
            code="damaged",
        ) from error


def _pages(document: Any, writer: Writer) -> tuple[list[list[Line]], bool]:
    """The lines of each page; whether reading ended early."""
    import pypdfium2

    pages: list[list[Line]] = []
    pictures, broken = [], []
    full = False
    try:
        for number in range(1, len(document) + 1):
            writer.check()
            try:
                page = document[number - 1]
                lines = _lines(page, number)
            except pypdfium2.PdfiumError:
                broken.append(number)
                pages.append([])
                continue
            if _is_picture(page, sum(len(line.text) for line in lines)):
                pictures.append(number)
            page.close()
            pages.append(lines)
    except Full:
        full = True
    if pictures:
        writer.problems.append(
            Problem(
                "scanned_pages",
                sentence("Pages that are pictures without text were left out: {pages}."),
                {"pages": ranges(pictures), "count": len(pictures)},
            )
        )
    if broken:
        writer.problems.append(
            Problem(
                "unreadable_pages",
                sentence("Damaged pages were left out: {pages}."),
                {"pages": ranges(broken), "count": len(broken)},
            )
        )
    return pages, full


def _raise_for_none(writer: Writer) -> None:
    codes = {problem.code for problem in writer.problems}
    if "scanned_pages" in codes:
        raise UserError(
            "This PDF has pictures of pages and no text.",
            hint="Let a program for text recognition (OCR) make a PDF with text of it.",
            code="scanned",
        )
    if "unreadable_pages" in codes:
        raise UserError(
            "None of the pages of this PDF can be read.",
            hint="Get it once more from where it came from, or open and save it in a PDF viewer.",
            code="damaged",
        )
    raise UserError("There is no text in this file.", hint="Choose another file.", code="empty")


def ranges(numbers: Sequence[int]) -> str:
    """Numbers in order as "1, 4-7"; long ones are cut."""
    runs: list[list[int]] = []
    for number in numbers:
        if runs and runs[-1][1] == number - 1:
            runs[-1][1] = number
        else:
            runs.append([number, number])
    shown = [f"{first}" if first == last else f"{first}-{last}" for first, last in runs[:20]]
    return ", ".join(shown + ["..."] * (len(runs) > 20))


# ---------------------------------------------------------------- lines


def _lines(page: Any, number: int) -> list[Line]:
    textpage = page.get_textpage()
    try:
        pieces = _PIECE.finditer(_text(textpage))
        return [line for piece in pieces if (line := _line(textpage, piece, number))]
    finally:
        textpage.close()


def _text(textpage: Any) -> str:
    """The characters of a page, each at the index that pdfium knows it by."""
    import ctypes

    import pypdfium2.raw as pdfium

    count = textpage.count_chars()
    buffer = (ctypes.c_ushort * (2 * count + 1))()
    units = max(0, pdfium.FPDFText_GetText(textpage, 0, count, buffer) - 1)
    text = bytes(buffer)[: 2 * units].decode("utf-16-le", "replace")
    if len(text) == units == count:
        return text
    # Some characters were left out, or take two places: ask for each, which takes ten times as long.
    codes = (pdfium.FPDFText_GetUnicode(textpage, place) for place in range(count))
    return "".join(chr(code) if code < 0x110000 else "\ufffd" for code in codes)


def _line(textpage: Any, piece: re.Match[str], number: int) -> Line | None:
    bare = piece[1].strip(" \u00a0")
    words = bare.translate(_WRITTEN).encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")
    words = _LEADER.sub(" ... ", _SPACE.sub(" ", words)).strip()
    if not words:
        return None
    start = piece.start() + piece[1].index(bare)
    left, base, size, bold = _place(textpage, start)
    right, _, last_size, last_bold = _place(textpage, start + len(bare) - 1, right=True)
    size = max(size, last_size)  # the other one may be raised and small
    return Line(words, number, left, right, base, size, bold and last_bold, bool(piece[2]))


def _place(textpage: Any, index: int, *, right: bool = False) -> tuple[float, float, float, bool]:
    """Left (or right), base line and size of a character, and whether it is bold."""
    import ctypes

    import pypdfium2.raw as pdfium

    x, y = ctypes.c_double(), ctypes.c_double()
    pdfium.FPDFText_GetCharOrigin(textpage, index, x, y)
    size = pdfium.FPDFText_GetFontSize(textpage, index)
    matrix = pdfium.FS_MATRIX()
    if pdfium.FPDFText_GetMatrix(textpage, index, matrix):
        size *= (matrix.c**2 + matrix.d**2) ** 0.5 or 1.0
    at = x.value
    if right:
        box = [ctypes.c_double() for _ in range(4)]
        if pdfium.FPDFText_GetCharBox(textpage, index, *box):
            at = max(at, box[1].value)
    return at, y.value, size or 1.0, pdfium.FPDFText_GetFontWeight(textpage, index) >= 600


def _is_picture(page: Any, characters: int) -> bool:
    """Whether there is something on the page, and it is not text."""
    import pypdfium2.raw as pdfium

    count = pdfium.FPDFPage_CountObjects(page)
    if characters == 0:
        return bool(count > 0)
    if characters > FEW:
        return False
    width, height = page.get_size()
    for place in range(min(count, 20)):
        entry = pdfium.FPDFPage_GetObject(page, place)
        is_image = pdfium.FPDFPageObj_GetType(entry) == pdfium.FPDF_PAGEOBJ_IMAGE
        if is_image and _area(entry) > width * height / 2:
            return True
    return False


def _area(entry: Any) -> float:
    import ctypes

    import pypdfium2.raw as pdfium

    box = [ctypes.c_float() for _ in range(4)]
    if not pdfium.FPDFPageObj_GetBounds(entry, *box):
        return 0.0
    left, bottom, right, top = (edge.value for edge in box)
    return (right - left) * (top - bottom)


# ---------------------------------------------------------------- running titles


def _without_running_titles(pages: list[list[Line]]) -> None:
    """Take away page numbers, and what is repeated above or below the text from the second time on."""
    edges = [_edges(page) for page in pages]
    seen = Counter(likeness for page in edges for likeness in {_likeness(line) for line in page})
    enough = max(4, REPEATED * len(pages))
    shown: set[tuple[str, int]] = set()
    for lines, page in zip(pages, edges, strict=True):
        gone = []
        for line in page:
            likeness = _likeness(line)
            if seen[likeness] >= enough and (likeness in shown or likeness[0] == NUMBER):
                gone.append(line)
            shown.add(likeness)
        if len(gone) < len(lines):
            lines[:] = [line for line in lines if not any(line is other for other in gone)]


def _edges(page: Sequence[Line]) -> list[Line]:
    """The lines at the top and at the bottom that stand clearly apart from all others."""
    ordered = sorted(page, key=lambda line: -line.base)
    found = []
    for lines in (ordered, ordered[::-1]):
        for count in (1, 2):
            if len(lines) <= count:
                break
            if abs(lines[count - 1].base - lines[count].base) > 1.7 * lines[count].size:
                found += lines[:count]
                break
    return found


def _likeness(line: Line) -> tuple[str, int]:
    """What is the same for a running title on all pages: its words without numbers, and its height."""
    words = NUMBER if _NUMBER.fullmatch(line.text) else _DIGITS.sub("#", line.text)
    return words, round(line.base / 4)


# ---------------------------------------------------------------- paragraphs


def _paragraphs(pages: Iterable[Sequence[Line]]) -> list[Paragraph]:
    found: list[Paragraph] = []
    steps = [
        (before.base - line.base) / line.size
        for page in pages
        for before, line in pairwise(page)
        if 0.5 < (before.base - line.base) / line.size < 3
    ]
    step = median(steps) if steps else 1.2
    for page in pages:
        before: Line | None = found[-1].lines[-1] if found else None
        edges = _right_edges(page)
        for line in page:
            if before is None or not _goes_on(found[-1], before, line, edges, step):
                found.append(Paragraph())
            found[-1].lines.append(line)
            before = line
    return found


def _right_edges(page: Sequence[Line]) -> dict[int, float]:
    """How far to the right lines reach that begin at about the same place, by tens of points."""
    edges: dict[int, float] = {}
    for line in page:
        for near in range(-3, 4):
            key = round(line.left / 10) + near
            edges[key] = max(edges.get(key, 0.0), line.right)
    return edges


def _goes_on(paragraph: Paragraph, before: Line, line: Line, edges: dict[int, float], step: float) -> bool:
    """Whether a line belongs to the paragraph of the line before it."""
    if abs(before.size - line.size) > 0.12 * line.size or before.bold != line.bold:
        return False
    if _is_item(before, line) or _LISTED.search(before.text):
        return False
    if before.hyphen:
        return True
    if before.page != line.page or before.base < line.base - line.size:  # another page or column
        return not _LAST.search(before.text) and (
            line.text[0].islower() or (_both_wide(before.text, line.text) and len(before.text) > 15)
        )
    down = (before.base - line.base) / line.size
    if not 0.5 < down < 1.3 * step:
        return False
    first = paragraph.lines[0]
    hanging = ITEM.match(first.text) is not None
    indent = line.left - (before.left if not hanging or len(paragraph.lines) > 1 else line.left)
    if indent > 0.8 * line.size and not hanging:
        return False
    word = 1 if _WIDE.match(line.text) else len(line.text.split(" ", 1)[0]) + 1
    width = word * (line.right - line.left) / max(1, len(line.text))
    edge = edges.get(round(before.left / 10), 0.0)
    if before.right + width >= edge - 1:
        return True  # the next word would not have fitted into the line before
    return before.right - before.left > SHORT * (edge - before.left) and not _LAST.search(before.text)


def _is_item(before: Line, line: Line) -> bool:
    """Whether a list item begins; a dash or a number within a sentence is none."""
    if not ITEM.match(line.text):
        return False
    return bool(_LAST.search(before.text)) or not (line.text[0] in "-–—" or line.text[0].isdigit())


def _both_wide(before: str, after: str) -> bool:
    return bool(_WIDE.match(before[-1]) and _WIDE.match(after[0]))


def _joined(lines: Sequence[Line], compounds: frozenset[str]) -> str:
    words = lines[0].text
    for before, line in pairwise(lines):
        if before.hyphen:
            first = re.search(r"[^\W\d_]+$", words)
            second = re.match(r"[^\W\d_]+", line.text)
            kept = not (first and second) or not second[0][0].islower()
            kept = kept or f"{first[0]}-{second[0]}".lower() in compounds  # type: ignore[index]
            words += f"{'-' if kept else ''}{line.text}"
        elif _both_wide(words, line.text):
            words += line.text
        else:
            words += f" {line.text}"
    return words + "-" * lines[-1].hyphen


def _write(paragraphs: Sequence[Paragraph], lines: Sequence[Line], writer: Writer, full: bool) -> None:
    compounds = frozenset(word.lower() for line in lines for word in _COMPOUND.findall(line.text))
    for paragraph in paragraphs:
        paragraph.text = _joined(paragraph.lines, compounds)
    levels, body, bold = _sizes(paragraphs)
    try:
        for paragraph in paragraphs:
            first = paragraph.lines[0]
            writer.page = first.page
            level = levels.get(_rounded(first.size), 0)
            if not level and first.bold and not bold and len(paragraph.lines) == 1:
                level = min(len(levels) + 1, 6) if first.size >= 0.95 * body else 0
            if level and _may_be_heading(paragraph):
                writer.heading(level, paragraph.text, mark=False)
            elif ITEM.match(first.text):
                writer.item(paragraph.text, mark="")
            else:
                writer.paragraph(paragraph.text)
    except Full:
        full = True
    if full:
        writer.cut()


def _sizes(paragraphs: Sequence[Paragraph]) -> tuple[dict[float, int], float, bool]:
    """Heading levels by size of letters, the size most of the text has, and whether most of it is bold."""
    weights: Counter[float] = Counter()
    bold = 0
    for paragraph in paragraphs:
        for line in paragraph.lines:
            weights[_rounded(line.size)] += len(line.text)
            bold += len(line.text) * line.bold
    if not weights:
        return {}, 1.0, False
    body = max(weights, key=lambda size: weights[size])
    large = {
        _rounded(paragraph.lines[0].size)
        for paragraph in paragraphs
        if paragraph.lines[0].size >= HEADING * body and _may_be_heading(paragraph)
    }
    ranked = sorted(large, reverse=True)
    return {size: min(place, 6) for place, size in enumerate(ranked, 1)}, body, 2 * bold > weights.total()


def _may_be_heading(paragraph: Paragraph) -> bool:
    words = paragraph.text
    if len(words) > 200 or _LISTED.search(words) or words.endswith((".", "。", ",", "，", ";")):
        return False
    return any(map(str.isalpha, words))


def _rounded(size: float) -> float:
    return round(2 * size) / 2
