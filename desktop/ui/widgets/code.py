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


def highlight(document: QTextDocument, language: str, dark: bool) -> None:
    """Colour a document that holds nothing but code; its text is not touched."""
    found = lexer(language) if language else None
    text = document.toPlainText()
    if found is None or len(text) > MAX_HIGHLIGHT:
        return
    block = document.begin()
    at = 0  # in UTF-16 units, as Qt counts
    ranges: list[QTextLayout.FormatRange] = []
    wide = not text.isascii()
    for token, value in found.get_tokens(text):
        form = _format(token, dark)
        lines = value.split("\n")
        for index, line in enumerate(lines):
            if index:
                _apply(block, ranges)
                block, ranges, at = block.next(), [], 0
                if not block.isValid():
                    return
            length = len(line.encode("utf-16-le")) // 2 if wide else len(line)
            if form is not None and length:
                piece = QTextLayout.FormatRange()
                piece.start, piece.length, piece.format = at, length, form
                ranges.append(piece)
            at += length
    _apply(block, ranges)
    document.markContentsDirty(0, document.characterCount())


def _apply(block: Any, ranges: list[QTextLayout.FormatRange]) -> None:
    if block.isValid():
        block.layout().setFormats(ranges)
