"""HTML -> light Markdown."""

from __future__ import annotations

import codecs
import re
from collections.abc import Iterator
from typing import Any, BinaryIO

from desktop.workbench.problems import Problem
from desktop.workbench.reading.document import Document
from desktop.workbench.reading.encoding import decode
from desktop.workbench.reading.text import read_bytes
from desktop.workbench.reading.writer import Full, Writer, one_line

DEPTH = 400
"""Levels of nested elements; deeper tags are taken out, since parsing takes the square of the depth."""

SPAN = 50
"""Columns that one cell may take."""

_CHARSET = re.compile(rb"""(?:charset|encoding)\s*=\s*["']?\s*([\w.:-]+)""", re.IGNORECASE)
_TAG = re.compile(r"<(/?)([a-zA-Z][a-zA-Z0-9:-]*)(?:[^>\"']|\"[^\"]*\"|'[^']*')*>")
_SELF_CLOSED = re.compile(r"<([a-zA-Z][\w:-]*)((?:\s[^<>]*?)?)/>")
_HIDDEN = re.compile(r"display\s*:\s*none|visibility\s*:\s*hidden", re.IGNORECASE)
_WHITE = re.compile(r"\s+")


def _names(*lines: str) -> frozenset[str]:
    return frozenset(name for line in lines for name in line.split())


_VOID = _names("area base br col embed hr img input link meta param source track wbr")
_OPTIONAL_END = _names("p li dt dd tr td th thead tbody tfoot colgroup option optgroup rb rt rp")
_SKIPPED = _names(
    "head script style template noscript nav svg iframe object select button textarea datalist",
    "audio video canvas rt rp annotation -comment",
)
_BLOCKS = _names(
    "address article aside body caption center dd details dialog div dl dt fieldset figcaption figure footer",
    "form header hgroup hr html legend main p section summary table tbody td tfoot th thead tr",
)
_HEADINGS = {f"h{level}": level for level in range(1, 7)}
_STRUCTURE = ("table", *_HEADINGS, "ul", "ol", "blockquote", "pre")


def read(file: BinaryIO, name: str, format: str = "html") -> Document:
    """A web page."""
    data = read_bytes(file)
    writer = Writer(name, "html")
    words, problems = decode_html(data)
    writer.problems += problems
    try:
        writer.title = write(writer, words)
    except Full:
        writer.cut()
    return writer.document()


def decode_html(data: bytes) -> tuple[str, tuple[Problem, ...]]:
    """The text of a page in the encoding it names, or else the one it seems to have."""
    named = _CHARSET.search(data[:2048])
    if named and not data.startswith((codecs.BOM_UTF8, codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        try:
            name = codecs.lookup(named[1].decode("ascii")).name
            name = {"gb2312": "gb18030", "gbk": "gb18030", "iso8859-1": "cp1252"}.get(name, name)
            return data.decode(name).replace("\r\n", "\n"), ()
        except (LookupError, UnicodeError, ValueError, AssertionError):
            pass
    return decode(data)


def write(writer: Writer, words: str) -> str:
    """Write what a page says; returns its title. Raises Full."""
    from selectolax.lexbor import LexborHTMLParser

    if words.lstrip()[:5].lower() == "<?xml":
        words = _SELF_CLOSED.sub(_closed, words)
    tree = LexborHTMLParser(_flattened(words))
    _Page(writer, _layout_tables(tree)).walk(tree.body if tree.body is not None else tree.root)
    title = tree.css_first("title")
    return one_line("".join(_texts(title))) if title is not None else ""


def _closed(match: re.Match[str]) -> str:
    return match[0] if match[1].lower() in _VOID else f"<{match[1]}{match[2]}></{match[1]}>"


def _flattened(words: str) -> str:
    """Without the tags that are nested too deeply."""
    depth = 0
    pieces: list[str] = []
    start = 0
    for tag in _TAG.finditer(words):
        name = tag[2].lower()
        if name in _VOID or name in _OPTIONAL_END:
            continue
        if tag[1]:
            depth = max(0, depth - 1)
            dropped = depth >= DEPTH
        else:
            dropped = depth >= DEPTH
            depth += 1
        if dropped:
            pieces.append(words[start : tag.start()])
            start = tag.end()
    return " ".join([*pieces, words[start:]]) if pieces else words


def _layout_tables(tree: Any) -> set[int]:
    """Tables that only place things on the page, told by what they contain."""
    found: set[int] = set()
    for node in tree.css(", ".join(f"table {name}" for name in _STRUCTURE)):
        above = node.parent
        while above is not None and above.mem_id not in found:
            if above.tag == "table":
                found.add(above.mem_id)
            above = above.parent
    return found


class _Page:
    """One walk over a page; `layout`: the tables that are none."""

    def __init__(self, writer: Writer, layout: set[int]) -> None:
        self._writer = writer
        self._layout = layout
        self._words: list[str] = []
        self._heading = self._quotes = self._pres = 0
        self._lists: list[int] = []  # the next number; 0 in a list with bullets
        self._mark: str | None = None  # of an item whose text has not come yet

    def walk(self, root: Any) -> None:
        """Write all below a node; without recursion, since pages may be deep."""
        node, entering = root, True
        while node is not None:
            if entering and self._enter(node) and node.first_child is not None:
                node = node.first_child
                continue
            self._leave(node)
            if node.mem_id == root.mem_id:
                break
            if node.next is not None:
                node, entering = node.next, True
            else:
                node, entering = node.parent, False
        self._flush()

    def _enter(self, node: Any) -> bool:
        """Whether to go into a node."""
        tag = node.tag
        if tag == "-text":
            words = node.text_content or ""
            self._words.append(words if self._pres else _WHITE.sub(" ", words))
            return False
        if tag in _SKIPPED or _is_hidden(node):
            return False
        if tag == "br":
            self._words.append("\n")
        elif tag == "table" and self._table(node):
            return False
        elif tag in _BLOCKS:
            self._flush()
        else:
            self._open(tag)
        return True

    def _open(self, tag: str) -> None:
        if tag in _HEADINGS:
            self._flush()
            self._heading = _HEADINGS[tag]
        elif tag in ("ul", "ol", "menu"):
            self._flush()
            self._lists.append(1 if tag == "ol" else 0)
        elif tag == "li":
            self._flush()
            self._mark = "- "
            if self._lists and self._lists[-1]:
                self._mark = f"{self._lists[-1]}. "
                self._lists[-1] += 1
        elif tag == "blockquote":
            self._flush()
            self._quotes += 1
        elif tag in ("pre", "listing", "xmp"):
            self._flush()
            self._pres += 1

    def _leave(self, node: Any) -> None:
        tag = node.tag
        if tag in _SKIPPED or tag == "-text" or _is_hidden(node):
            return
        if tag in _BLOCKS:
            self._flush()
        elif tag in _HEADINGS:
            self._flush()
            self._heading = 0
        elif tag in ("ul", "ol", "menu"):
            self._flush()
            if self._lists:
                self._lists.pop()
        elif tag == "li":
            self._flush()
            self._mark = None
        elif tag == "blockquote":
            self._flush()
            self._quotes -= 1
        elif tag in ("pre", "listing", "xmp"):
            self._flush()
            self._pres -= 1

    def _flush(self) -> None:
        """Write the block whose words have been collected."""
        words, self._words = "".join(self._words), []
        if not words.strip():
            return
        if self._pres:
            self._writer.code(words)
        elif self._heading:
            self._writer.heading(self._heading, words)
        elif self._quotes:
            self._writer.quote(words)
        elif self._mark is not None:
            self._writer.item(words, max(0, len(self._lists) - 1), self._mark)
            self._mark = None
        else:
            self._writer.paragraph(words)

    def _table(self, node: Any) -> bool:
        """Write a table that is one; False for one that only places things on the page."""
        if node.mem_id in self._layout:
            return False
        rows = [list(_cells(row)) for row in node.css("tr")]
        if max(map(len, rows), default=0) < 2:
            return False
        self._flush()
        for caption in node.css("caption"):
            self._writer.paragraph("".join(_texts(caption)))
        self._writer.table(rows)
        return True


def _cells(row: Any) -> Iterator[str]:
    cell = row.first_child
    while cell is not None:
        if cell.tag in ("td", "th"):
            yield "".join(_texts(cell))
            span = cell.attributes.get("colspan") or ""
            yield from [""] * (min(int(span), SPAN) - 1 if span.isascii() and span.isdigit() else 0)
        cell = cell.next


def _texts(root: Any) -> Iterator[str]:
    """The visible words below a node."""
    nodes = [root]
    while nodes:
        node = nodes.pop()
        if node.tag == "-text":
            yield node.text_content or ""
        elif node.tag not in _SKIPPED and not _is_hidden(node):
            if node.tag == "br" or node.tag in _BLOCKS:
                yield " "
            child = node.last_child
            while child is not None:
                nodes.append(child)
                child = child.prev


def _is_hidden(node: Any) -> bool:
    attributes = node.attributes
    if not attributes:
        return False
    return "hidden" in attributes or bool(_HIDDEN.search(attributes.get("style") or ""))
