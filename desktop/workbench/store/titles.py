"""A conversation's title, made from its first message."""

from __future__ import annotations

import re
import unicodedata

WIDTH = 60
"""Widest title, in columns: a CJK character takes two."""

_FENCE = re.compile(r"^\s*(```|~~~)")
_RULE = re.compile(r"^[\s\-=_*#>|~`+.]*$")
_BLOCK_MARK = re.compile(r"^(?:\s*(?:#{1,6}\s+|>\s?|[-*+]\s+|\d{1,3}[.)]\s+|\[[ xX]\]\s+))+")
_LINK = re.compile(r"!?\[([^\[\]]*)\]\([^()\s]*(?:\s+\"[^\"]*\")?\)")
_STRONG = re.compile(r"(\*\*|__|~~)(?=\S)(.+?)(?<=\S)\1")
_EMPHASIS = re.compile(r"(?<![\w*])([*_])(?=[^\s*_])([^*_]+?)(?<=\S)\1(?![\w*])")
_SENTENCE = re.compile(r"[.!?](?=\s)|[。！？]")
_SCAN = 4_000  # characters looked at: a pasted book has its title at the top


def title_from(text: str) -> str:
    """The first line or sentence of `text` without Markdown marks; empty when there is no word in it."""
    for line in text[:_SCAN].splitlines():
        if _FENCE.match(line) or _RULE.match(line):
            continue
        title = _plain(line)
        if any(char.isalnum() for char in title) or title:
            return _shorten(title)
    return ""


def _plain(line: str) -> str:
    line = _BLOCK_MARK.sub("", line)
    line = _LINK.sub(r"\1", line)
    line = _STRONG.sub(r"\2", line)
    line = _EMPHASIS.sub(r"\2", line)
    line = line.replace("`", "")
    # Control characters and the invisible direction marks could make a title lie or break a list row.
    kept = (" " if char.isspace() else char for char in line if not _unwanted(char))
    return " ".join("".join(kept).split())


def _unwanted(char: str) -> bool:
    if char.isspace() or char == "\u200d":  # the joiner holds emoji together
        return False
    return unicodedata.category(char) in ("Cc", "Cf", "Cs")


def _shorten(title: str) -> str:
    end = _fitting(title, WIDTH)
    if end == len(title):
        return title
    for mark in _SENTENCE.finditer(title, 0, end):
        if mark.end() >= 8:
            return title[: mark.end()].rstrip(".。")
    cut = title.rfind(" ", 0, end + 1)
    if cut < end // 2:  # no space: CJK, or one endless word
        cut = end
        while cut > 1 and (unicodedata.combining(title[cut]) or title[cut] in "\u200d\ufe0f"):
            cut -= 1
    return title[:cut].rstrip(" ,;:-，、；：\u200d") + "…"


def _fitting(title: str, width: int) -> int:
    """How many characters fit into `width` columns."""
    for index, char in enumerate(title):
        width -= 2 if unicodedata.east_asian_width(char) in "WF" else 1
        if width < 0:
            return index
    return len(title)
