"""PowerPoint files -> light Markdown: a page for each slide, its notes as a quotation."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import suppress
from typing import Any, BinaryIO

from desktop.workbench.problems import Problem
from desktop.workbench.reading import archive
from desktop.workbench.reading.document import Document
from desktop.workbench.reading.pdf import ranges
from desktop.workbench.reading.writer import Full, Writer
from models.errors import sentence

_A = "{http://schemas.openxmlformats.org/drawingml/2006/main}"
_TITLES = ("TITLE", "CENTER_TITLE", "VERTICAL_TITLE")
_LEFT_OUT = ("DATE", "FOOTER", "SLIDE_NUMBER", "HEADER")
_PROSE = ("SUBTITLE", "")


def read(file: BinaryIO, name: str, format: str = "pptx") -> Document:
    """A presentation; raises UserError (codes "damaged", "bomb", "encrypted")."""
    import pptx

    deck = pptx.Presentation(archive.without_media(file))
    writer = Writer(name, "pptx", "slide")
    writer.title = deck.core_properties.title or ""
    writer.pages = len(deck.slides)
    pictures = []
    try:
        for writer.page, slide in enumerate(deck.slides, 1):
            if not _slide(slide, writer):
                pictures.append(writer.page)
    except Full:
        writer.cut()
    if pictures:
        remark = sentence("Slides that are pictures without text were left out: {pages}.")
        params = {"pages": ranges(pictures), "count": len(pictures)}
        writer.problems.append(Problem("picture_slides", remark, params))
    return writer.document()


def _slide(slide: Any, writer: Writer) -> bool:
    """Write a slide; False when it has something and no text."""
    shapes = list(_shapes(slide.shapes))
    before = writer.written
    for shape in sorted(shapes, key=lambda shape: _kind(shape) not in _TITLES):
        _shape(slide, shape, writer)
    if slide.has_notes_slide and (frame := slide.notes_slide.notes_text_frame) is not None:
        writer.quote(_clean(frame.text))
    return writer.written > before or not any(
        hasattr(shape, "image") or _is_graphic(shape) for shape in shapes
    )


def _shapes(shapes: Iterable[Any]) -> Iterator[Any]:
    """All shapes, those in groups too."""
    for shape in shapes:
        if hasattr(shape, "shapes"):
            yield from _shapes(shape.shapes)
        else:
            yield shape


def _kind(shape: Any) -> str:
    """Which placeholder a shape is; empty for one that is none."""
    if not shape.is_placeholder:
        return ""
    kind = shape.placeholder_format.type
    return kind.name if kind is not None else "OBJECT"


def _is_graphic(shape: Any) -> bool:
    return str(shape.element.tag).endswith(("}pic", "}graphicFrame"))


def _shape(slide: Any, shape: Any, writer: Writer) -> None:
    kind = _kind(shape)
    if kind in _LEFT_OUT:
        return
    if getattr(shape, "has_table", False):
        writer.table([[cell.text for cell in row.cells] for row in shape.table.rows])
    elif getattr(shape, "has_chart", False):
        _chart(shape.chart, writer)
    elif shape.has_text_frame:
        _text(shape.text_frame, kind, writer)
    elif _is_graphic(shape):
        _diagram(slide, shape, writer)


def _text(frame: Any, kind: str, writer: Writer) -> None:
    if kind in _TITLES:
        writer.heading(2, _clean(frame.text).replace("\n", " "))
        return
    for paragraph in frame.paragraphs:
        words = _clean(paragraph.text)
        if kind in _PROSE:
            writer.paragraph(words)
        else:
            writer.item(words, paragraph.level)


def _chart(chart: Any, writer: Writer) -> None:
    """The numbers that a chart shows, as a table."""
    with suppress(AttributeError, KeyError, ValueError, TypeError, NotImplementedError):
        if chart.has_title and chart.chart_title.has_text_frame:
            writer.paragraph(chart.chart_title.text_frame.text)
        series = list(chart.plots[0].series)
        names = [str(name) for name in chart.plots[0].categories]
        rows = [["", *(str(one.name) for one in series)]]
        for place, name in enumerate(names):
            values = [one.values[place] if place < len(one.values) else None for one in series]
            rows.append([name, *("" if value is None else f"{value:g}" for value in values)])
        writer.table(rows)


def _diagram(slide: Any, shape: Any, writer: Writer) -> None:
    """The words of a diagram, which are kept in a part of their own."""
    from pptx.oxml import parse_xml

    for element in shape.element.iter():
        if not str(element.tag).endswith("/diagram}relIds"):
            continue
        id = next((value for name, value in element.attrib.items() if name.endswith("}dm")), "")
        if id in slide.part.rels:
            root = parse_xml(slide.part.related_part(id).blob)
            for paragraph in root.iter(f"{_A}p"):
                writer.item("".join(piece.text or "" for piece in paragraph.iter(f"{_A}t")))


def _clean(words: str) -> str:
    return words.replace("\v", "\n")
