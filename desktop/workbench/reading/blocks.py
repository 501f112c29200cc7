"""Where in a text its headings, paragraphs, list items, quotes, tables and code blocks are."""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Iterator
from itertools import accumulate, pairwise
from typing import Any

from desktop.workbench.reading.document import Block, BlockKind

MARKDOWN_LIMIT = 1_000_000
"""Characters; in a longer text only headings are told from paragraphs, in a tenth of the time."""

LONG_LINE = 110
"""Columns; where lines are longer, each of them is a paragraph, since nobody breaks lines so late."""

WIDE = r"\u1100-\u115f\u2e80-\ua4cf\uac00-\ud7a3\uf900-\ufaff\ufe30-\ufe4f\uff00-\uff60\uffe0-\uffe6"
"""Characters as wide as two, inside a class of a regular expression."""

ITEM = re.compile(r"(?P<indent>[ \t]*)(?:[-*+•‣◦▪–—·●○■□]|\(?\d{1,3}[.)]|\(?[a-zA-Z]\))[ \t\u3000]+(?=\S)")
"""How a list item begins in a plain text."""

_EMPTY_LINES = re.compile(r"\n(?:[ \t\u3000]*\n)+")
_TEXT = re.compile(r"\S+(?:\s+\S+)*")
_WIDE = re.compile(f"[{WIDE}]")
_INDENT = re.compile(r"\u3000+|[ ]{2,}|\t")
_CHAPTER = re.compile(
    r"(?:(?:chapter|part|book|section|act|scene|appendix|kapitel|teil|chapitre|capítulo|parte)\s+[\dIVXLC]+\b"
    r"|第[\d〇零一二三四五六七八九十百千两]{1,7}[章节回部卷篇])[^\n]{0,70}",
    re.IGNORECASE,
)
_FRONT_MATTER = re.compile(r"\A---[ \t]*\n(?:[^\n]*\n)*?(?:---|\.\.\.)[ \t]*(?:\n|\Z)")
_MATTER_LINE = re.compile(r"\A---[ \t]*\n(?:\s*#[^\n]*\n|\s*\n)*[\w-]+[ \t]*:")
_TITLE = re.compile(r"^title[ \t]*:[ \t]*(.+?)[ \t]*$", re.MULTILINE | re.IGNORECASE)

_HEADING = re.compile(r"(#{1,6})[ \t]+[^\n]+\Z")
_HEADING_ALONE = re.compile(r"(?:\A|\n[ \t]*\n)#{1,6}[ \t]+\S[^\n]*\n(?:[ \t]*\n|\Z)")
_FENCED = re.compile(r"^(```|~~~)[^\n`]*\n(?:[^\n]*\n)*?\1[ \t]*$", re.MULTILINE)
_TABLE_LINE = re.compile(r"^\|?[ \t]*:?-{2,}:?[ \t]*(?:\|[ \t]*:?-{2,}:?[ \t]*)+\|?[ \t]*$", re.MULTILINE)
_INLINE = re.compile(r"\*\*[^\s*][^*\n]*\*\*|\[[^\]\n]+\]\([^)\s]+\)")
_LIST = re.compile(r"^[ \t]*(?:[-*+]|\d+\.)[ \t]+\S", re.MULTILINE)


def looks_like_markdown(text: str) -> bool:
    """Whether the marks of Markdown are clearly meant as such; in doubt they are not."""
    sample = text[:200_000]
    headings = len(_HEADING_ALONE.findall(sample))
    if headings >= 2 or _FENCED.search(sample) or _TABLE_LINE.search(sample):
        return True
    return bool(headings or _LIST.search(sample)) and bool(_INLINE.search(sample))


def markdown_title(text: str) -> str:
    """What the front matter, or else the first heading of the first level, calls the text."""
    matter = _front_matter(text)
    if matter and (named := _TITLE.search(text, 0, matter)):
        return named[1].strip("\"'")
    first = re.compile(r"^#[ \t]+(.+?)[ \t#]*$", re.MULTILINE).search(text, matter, matter + 20_000)
    return first[1] if first else ""


def plain_blocks(text: str) -> tuple[Block, ...]:
    """The paragraphs and list items of a plain text."""
    blocks: list[Block] = []
    start = 0
    for gap in _EMPTY_LINES.finditer(text):
        blocks += _group(text, start, gap.start())
        start = gap.end()
    blocks += _group(text, start, len(text))
    return tuple(blocks)


def markdown_blocks(text: str) -> tuple[Block, ...]:
    """The structure of Markdown; a block has whole lines, without the white space around them."""
    if len(text) > MARKDOWN_LIMIT:
        return tuple(_with_heading(text, block) for block in plain_blocks(text))
    matter = _front_matter(text)
    lines = [0, *accumulate(len(line) + 1 for line in text.split("\n"))]
    first = bisect_right(lines, matter) - 1 if matter else 0
    found: list[Piece] = [(0, first, "code", 0)] if matter else []
    found += [(begin + first, end + first, kind, level) for begin, end, kind, level in _pieces(text[matter:])]
    blocks: list[Block] = []
    done = 0
    for begin, end, kind, level in found:
        if begin < done:
            continue  # a second piece on the same line belongs to the first
        blocks += _rest(text, lines[done], lines[begin])
        block = _trimmed(text, lines[begin], min(lines[end], len(text)), kind, level)
        blocks += [block] if block else []
        done = max(done, end)
    blocks += _rest(text, min(lines[done], len(text)), len(text))
    return tuple(blocks)


# ---------------------------------------------------------------- plain text


def _group(text: str, start: int, end: int) -> Iterator[Block]:
    """The blocks of lines between two empty ones."""
    lines = [match for match in re.compile(r"[^\n]+").finditer(text, start, end) if match[0].strip()]
    if not lines:
        return
    if len(lines) == 1 and _CHAPTER.fullmatch(lines[0][0].strip()):
        yield _sure(text, lines[0].start(), lines[0].end(), "heading", 2)
        return
    singly = any(_columns(line[0]) > LONG_LINE for line in lines)
    starts = [
        place
        for place, line in enumerate(lines)
        if place == 0 or singly or ITEM.match(line[0]) or _indented(line[0], lines[place - 1][0])
    ]
    for begin, after in pairwise([*starts, len(lines)]):
        item = ITEM.match(lines[begin][0])
        level = min(_columns(item["indent"].expandtabs(4)) // 2, 9) if item else 0
        kind: BlockKind = "item" if item else "paragraph"
        yield _sure(text, lines[begin].start(), lines[after - 1].end(), kind, level)


def _indented(line: str, before: str) -> bool:
    """Whether the line begins a paragraph by its indent, and is no continuation of a list item."""
    if line.startswith("\u3000"):
        return True
    return bool(_INDENT.match(line)) and not (_INDENT.match(before) or ITEM.match(before))


def _columns(text: str) -> int:
    if len(text) > 4 * LONG_LINE or text.isascii():
        return len(text)
    return len(text) + len(_WIDE.findall(text))


# ---------------------------------------------------------------- Markdown

Piece = tuple[int, int, BlockKind, int]
"""First line, line after the last, kind, level."""

_LEAVES: dict[str, BlockKind] = {
    "paragraph_open": "paragraph",
    "heading_open": "heading",
    "fence": "code",
    "code_block": "code",
    "html_block": "paragraph",
    "hr": "paragraph",
    "table_open": "table",
    "blockquote_open": "quote",
}


def _pieces(text: str) -> list[Piece]:
    """The leaves of the tree that the parser makes, with their lines."""
    found: list[Piece] = []
    depth = inside = 0
    item = -1  # the line of an item whose own text has not come yet
    for token in _parser().parse(text):
        if token.type == "list_item_open" and not inside:
            item = token.map[0]
        elif token.type in ("bullet_list_open", "ordered_list_open"):
            depth += 1
        elif token.type in ("bullet_list_close", "ordered_list_close"):
            depth -= 1
        elif token.type in ("table_open", "blockquote_open") and inside:
            inside += 1
        elif token.type in ("table_close", "blockquote_close"):
            inside -= 1
        kind = _LEAVES.get(token.type)
        if token.map is None or kind is None or inside > (kind in ("table", "quote")):
            continue
        begin, end = token.map
        level = int(token.tag[1]) if kind == "heading" else 0
        if kind == "paragraph" and item >= 0:
            kind, level = "item", depth - 1
        begin, item = (item, -1) if item >= 0 else (begin, -1)
        found.append((begin, end, kind, level))
        inside += token.type in ("table_open", "blockquote_open")
    return found


def _parser() -> Any:
    from markdown_it import MarkdownIt

    return MarkdownIt("commonmark").enable("table").disable(["inline", "text_join"])


def _front_matter(text: str) -> int:
    """Where the front matter ends; 0 when there is none."""
    if not _MATTER_LINE.match(text):
        return 0
    matter = _FRONT_MATTER.match(text)
    return matter.end() if matter else 0


def _with_heading(text: str, block: Block) -> Block:
    marks = _HEADING.match(text, block.start, block.end)
    return Block("heading", block.start, block.end, len(marks[1])) if marks else block


def _rest(text: str, start: int, end: int) -> Iterator[Block]:
    """Blocks of what the parser gives no token for, such as the target of a link."""
    for piece in _EMPTY_LINES.split(text[start:end]) if text[start:end].strip() else ():
        at = text.index(piece, start)
        start = at + len(piece)
        if block := _trimmed(text, at, start, "paragraph", 0):
            yield block


# ---------------------------------------------------------------- both


def _trimmed(text: str, start: int, end: int, kind: BlockKind, level: int) -> Block | None:
    """A block without the white space around it; None when there is nothing else."""
    piece = text[start:end]
    if not (bare := piece.strip()):
        return None
    begin = start + len(piece) - len(piece.lstrip())
    finish = begin + len(bare)
    if kind == "code":  # its indent is part of it
        begin = text.rfind("\n", start, begin) + 1 or start
    return Block(kind, begin, finish, level)


def _sure(text: str, start: int, end: int, kind: BlockKind, level: int) -> Block:
    block = _trimmed(text, start, end, kind, level)
    assert block is not None
    return block
