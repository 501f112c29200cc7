"""Colours for source code: Pygments' tokens as formats of a text layout, in both themes."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, Any

from PySide6.QtGui import QColor, QFont, QTextCharFormat, QTextDocument, QTextLayout

if TYPE_CHECKING:
    from pygments.lexer import Lexer

MAX_HIGHLIGHT = 8_000
"""Longer pieces stay in one colour."""

# Pygments' token names, from the general to the special; the last that fits is taken.
_LIGHT = {
    "Comment": "#6E685F",
    "Keyword": "#8A3B74",
    "Name.Function": "#23568F",
    "Name.Class": "#23568F",
    "Name.Decorator": "#7A5A12",
    "Name.Builtin": "#1F6770",
    "Name.Tag": "#8A3B74",
    "Name.Attribute": "#23568F",
    "Literal.String": "#2F6B4A",
    "Literal.Number": "#96501B",
    "Operator.Word": "#8A3B74",
    "Generic.Deleted": "#A63A2E",
    "Generic.Inserted": "#2F6B4A",
    "Generic.Heading": "#23568F",
}
_DARK = {
    "Comment": "#9A938A",
    "Keyword": "#DDA0CC",
    "Name.Function": "#92BCEC",
    "Name.Class": "#92BCEC",
    "Name.Decorator": "#DFC07C",
    "Name.Builtin": "#86CBD3",
    "Name.Tag": "#DDA0CC",
    "Name.Attribute": "#92BCEC",
    "Literal.String": "#8CCBA5",
    "Literal.Number": "#E8AE7C",
    "Operator.Word": "#DDA0CC",
    "Generic.Deleted": "#EE9C90",
    "Generic.Inserted": "#8CCBA5",
    "Generic.Heading": "#92BCEC",
}


@cache
def lexer(language: str) -> Lexer | None:
    """The lexer of a fence's language word; None when there is none."""
    from pygments.lexers import get_lexer_by_name
    from pygments.util import ClassNotFound

    try:
        return get_lexer_by_name(language.lower(), ensurenl=False, stripnl=False)
    except ClassNotFound:
        return None


@cache
def _format(token: Any, dark: bool) -> QTextCharFormat | None:
    name = str(token).removeprefix("Token.")
    color = None
    for prefix, value in (_DARK if dark else _LIGHT).items():
        if name == prefix or name.startswith(prefix + "."):
            color = value
    if color is None:
        return None
    form = QTextCharFormat()
    form.setForeground(QColor(color))
    if name.startswith("Comment"):
        form.setFontItalic(True)
    if name.startswith("Generic.Heading"):
        form.setFontWeight(QFont.Weight.DemiBold)
    return form


Line = tuple[tuple[int, int, int], ...]
"""What is coloured in a line: start and length in UTF-16 units, and the number of the format."""


def highlight(document: QTextDocument, language: str, dark: bool, before: list[Line]) -> list[Line]:
    """Colour a document that holds nothing but code; its text is not touched.

    `before` is what the last call for this document gave: lines that kept their colours are left
    alone, so that code which grows is laid out again only where it grows.
    """
    found = lexer(language) if language else None
    text = document.toPlainText()
    if found is None or len(text) > MAX_HIGHLIGHT:
        return []
    lines, forms = _lines(found, text, dark)
    block = document.begin()
    for index, line in enumerate(lines):
        if not block.isValid():
            break
        if line != (before[index] if index < len(before) else ()):
            ranges = []
            for start, length, number in line:
                piece = QTextLayout.FormatRange()
                piece.start, piece.length, piece.format = start, length, forms[number]
                ranges.append(piece)
            block.layout().setFormats(ranges)
            document.markContentsDirty(block.position(), block.length())
        block = block.next()
    return lines


def _lines(lexer: Lexer, text: str, dark: bool) -> tuple[list[Line], dict[int, QTextCharFormat]]:
    lines: list[Line] = []
    forms: dict[int, QTextCharFormat] = {}
    line: list[tuple[int, int, int]] = []
    at = 0
    wide = not text.isascii()
    for token, value in lexer.get_tokens(text):
        form = _format(token, dark)
        for index, part in enumerate(value.split("\n")):
            if index:
                lines.append(tuple(line))
                line, at = [], 0
            length = len(part.encode("utf-16-le")) // 2 if wide else len(part)
            if form is not None and length:
                forms[id(form)] = form  # kept for good by the cache of `_format`
                line.append((at, length, id(form)))
            at += length
    lines.append(tuple(line))
    return lines, forms
