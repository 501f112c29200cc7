"""Word files -> light Markdown: headings, lists, tables, footnotes and text boxes."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from typing import Any, BinaryIO

from desktop.workbench.reading import archive
from desktop.workbench.reading.document import Document
from desktop.workbench.reading.writer import Full, Writer

_W = "{http://schemas.openxmlformats.org/wordprocessingml/2006/main}"
_MATH = "{http://schemas.openxmlformats.org/officeDocument/2006/math}t"
_COMPATIBLE = "{http://schemas.openxmlformats.org/markup-compatibility/2006}"
_BOX = f"{_W}txbxContent"
_SKIPPED = frozenset(
    f"{_W}{name}" for name in ("del", "moveFrom", "pPr", "rPr", "instrText", "delText", "rt")
) | {f"{_COMPATIBLE}Fallback", _BOX}
_AROUND = frozenset(
    f"{_W}{name}" for name in ("sdt", "sdtContent", "customXml", "smartTag", "ins", "moveTo")
) | {f"{_COMPATIBLE}AlternateContent", f"{_COMPATIBLE}Choice"}
_SIGNS = {"tab": "\t", "br": "\n", "cr": "\n", "noBreakHyphen": "-", "ptab": "\t"}


def read(file: BinaryIO, name: str, format: str = "docx") -> Document:
    """A Word file; raises UserError (codes "damaged", "bomb", "encrypted")."""
    import docx

    document = docx.Document(archive.without_media(file))
    writer = Writer(name, "docx")
    writer.title = document.core_properties.title or ""
    reader = _Reader(document, writer)
    try:
        reader.walk(document.element.body)
        reader.notes()
    except Full:
        writer.cut()
    return writer.document()


class _Reader:
    """One Word file on its way into a writer."""

    def __init__(self, document: Any, writer: Writer) -> None:
        self._writer = writer
        self._part = document.part
        self._styles = {style.get(f"{_W}styleId"): style for style in document.styles.element}
        self._levels = _numbering(document.part)
        self._counts: defaultdict[tuple[str, int], int] = defaultdict(int)
        self._notes: list[tuple[str, str]] = []  # kind and id, in the order of the marks in the text

    def walk(self, parent: Any) -> None:
        """Write all paragraphs and tables of an element, in order."""
        for child in parent:
            if child.tag == f"{_W}p":
                self._paragraph(child)
            elif child.tag == f"{_W}tbl":
                self._table(child)
            elif child.tag in _AROUND:
                self.walk(child)

    def notes(self) -> None:
        """Write the footnotes and endnotes that the text refers to."""
        for number, (kind, id) in enumerate(self._notes, 1):
            for note in self._related(f"{kind}s"):
                if note.get(f"{_W}id") == id:
                    self._writer.paragraph(f"[^{number}]: {self._words(note).strip()}")

    def _related(self, kind: str) -> Iterator[Any]:
        from docx.oxml.parser import parse_xml

        for relation in self._part.rels.values():
            if relation.reltype.endswith(f"/{kind}") and not relation.is_external:
                yield from parse_xml(relation.target_part.blob)

    def _paragraph(self, paragraph: Any) -> None:
        words = self._words(paragraph)
        style = self._style(paragraph)
        kind = str(style["name"])
        if level := self._heading(paragraph, style):
            self._writer.heading(level, words)
        elif number := self._number(paragraph, style):
            self._item(words, *number)
        elif "quote" in kind:
            self._writer.quote(words)
        else:
            self._writer.paragraph(words)
        for box in paragraph.iter(_BOX):
            if not any(above.tag in (f"{_COMPATIBLE}Fallback", _BOX) for above in _between(box, paragraph)):
                self.walk(box)

    def _words(self, element: Any) -> str:
        return "".join(self._pieces(element))

    def _pieces(self, element: Any) -> Iterator[str]:
        for child in element:
            tag = child.tag
            if tag in _SKIPPED or not isinstance(tag, str):
                continue
            if tag in (f"{_W}t", _MATH):
                yield child.text or ""
            elif tag.startswith(_W) and (sign := _SIGNS.get(tag[len(_W) :])):
                yield sign
            elif tag in (f"{_W}footnoteReference", f"{_W}endnoteReference"):
                self._notes.append((tag[len(_W) :].removesuffix("Reference"), child.get(f"{_W}id")))
                yield f"[^{len(self._notes)}]"
            else:
                yield from self._pieces(child)
                if tag == f"{_W}p":
                    yield "\n"

    # -- styles

    def _style(self, paragraph: Any) -> dict[str, Any]:
        """Name, outline level and numbering of a paragraph's style, with what it is based on."""
        found: dict[str, Any] = {"name": "", "outline": None, "numbering": None}
        id = _value(paragraph, "pPr/pStyle")
        for _ in range(10):
            style = self._styles.get(id)
            if style is None:
                break
            found["name"] = found["name"] or (_value(style, "name") or "").lower()
            if found["outline"] is None:
                found["outline"] = _value(style, "pPr/outlineLvl")
            if found["numbering"] is None:
                found["numbering"] = style.find(_path("pPr/numPr"))
            id = _value(style, "basedOn")
        return found

    def _heading(self, paragraph: Any, style: dict[str, Any]) -> int:
        """The level of a heading; 0 for other paragraphs."""
        name = str(style["name"])
        if name.startswith("heading ") and name[8:].isdigit():
            return int(name[8:])
        if name in ("title", "subtitle"):
            return 1 + (name == "subtitle")
        outline = _value(paragraph, "pPr/outlineLvl") or style["outline"] or ""
        return int(outline) + 1 if outline.isdigit() and int(outline) < 9 else 0

    def _number(self, paragraph: Any, style: dict[str, Any]) -> tuple[str, int] | None:
        """Which list an item belongs to and how deep it is; None for other paragraphs."""
        own = paragraph.find(_path("pPr/numPr"))
        for numbering in (own, style["numbering"]):
            if numbering is not None and (id := _value(numbering, "numId")) is not None:
                level = _value(numbering, "ilvl") or _depth(style["name"])
                return (id, int(level)) if id != "0" and level.isdigit() else None
        if style["name"].startswith("list ") and style["name"] != "list paragraph":
            return ("number" if "number" in style["name"] else "bullet", int(_depth(style["name"])))
        return None

    def _item(self, words: str, list: str, level: int) -> None:
        if not words.strip():
            return
        level = min(level, 8)
        kind = self._levels.get((list, level), "decimal" if list == "number" else "bullet")
        if kind == "none":
            self._writer.paragraph(words)
            return
        self._counts[list, level] += 1
        for deeper in range(level + 1, 9):
            self._counts.pop((list, deeper), None)
        mark = "- " if kind == "bullet" else f"{self._counts[list, level]}. "
        self._writer.item(words, level, mark)

    # -- tables

    def _table(self, table: Any) -> None:
        rows = [list(_cells(row)) for row in table.iter(f"{_W}tr") if _owner(row) is table]
        nested = any(True for inner in table.iter(f"{_W}tbl") if inner is not table)
        if nested or max(map(len, rows), default=0) < 2:
            for row in rows:
                for cell in row:
                    if cell is not None:
                        self.walk(cell)
            return
        self._writer.table([["" if cell is None else self._words(cell) for cell in row] for row in rows])


def _cells(row: Any) -> Iterator[Any]:
    """The cells of a row; None where another one reaches over."""
    for cell in row.iter(f"{_W}tc"):
        if next(cell.iterancestors(f"{_W}tr")) is not row:
            continue
        merged = cell.find(_path("tcPr/vMerge"))
        above = merged is not None and merged.get(f"{_W}val", "continue") == "continue"
        yield None if above else cell
        span = _value(cell, "tcPr/gridSpan") or ""
        yield from [None] * (min(int(span), 60) - 1 if span.isascii() and span.isdigit() else 0)


def _depth(name: str) -> str:
    """How deep the items of a style such as "list bullet 3" are, from 0."""
    number = name.rpartition(" ")[2]
    return str(int(number) - 1) if name.startswith("list ") and number in "2345" else "0"


def _owner(row: Any) -> Any:
    return next(row.iterancestors(f"{_W}tbl"))


def _between(element: Any, top: Any) -> Iterator[Any]:
    for above in element.iterancestors():
        if above is top:
            return
        yield above


def _numbering(part: Any) -> dict[tuple[str, int], str]:
    """The format of each level of each list, such as "bullet" or "decimal"."""
    try:
        root = next(
            relation.target_part.element
            for relation in part.rels.values()
            if relation.reltype.endswith("/numbering") and not relation.is_external
        )
    except (StopIteration, AttributeError):
        return {}
    abstract = {
        entry.get(f"{_W}abstractNumId"): {
            level.get(f"{_W}ilvl", ""): _value(level, "numFmt") or "bullet"
            for level in entry.findall(_path("lvl"))
        }
        for entry in root.findall(_path("abstractNum"))
    }
    return {
        (entry.get(f"{_W}numId", ""), int(level)): kind
        for entry in root.findall(_path("num"))
        for level, kind in abstract.get(_value(entry, "abstractNumId"), {}).items()
        if level.isdigit()
    }


def _path(names: str) -> str:
    return "/".join(f"{_W}{name}" for name in names.split("/"))


def _value(element: Any, names: str) -> str | None:
    found = element.find(_path(names))
    value = found.get(f"{_W}val") if found is not None else None
    return None if value is None else str(value)
