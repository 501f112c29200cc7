"""Markdown as it arrives from a model, made into plain blocks that a view can draw. No Qt here.

The text is untrusted: HTML stays text, images are named and never fetched, nesting, line lengths and
tables are capped, and nothing that is capped is lost: it is shown as its source.

`Stream` keeps finished blocks and reads only the tail again. For that a border between two
top-level blocks has to be final: no later text may reach back over it. Therefore link reference
definitions are off, a display formula ends at a blank line, and a list's tightness is ignored.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cache, lru_cache, partial
from typing import Literal

from markdown_it import MarkdownIt
from markdown_it.ruler import RuleOptionsType
from markdown_it.rules_block import StateBlock
from markdown_it.rules_inline import StateInline
from markdown_it.token import Token
from mdit_py_plugins.dollarmath import dollarmath_plugin

MAX_PARAGRAPH = 4_000
"""Characters read for emphasis, links and formulas at once; longer paragraphs are read in pieces."""
MAX_CODE_LINES = 80
"""Lines of code in one block; longer code continues in joined blocks."""
MAX_CODE_CHARS = 5_000
MAX_NESTING = 16
MAX_TABLE_CELLS = 1_200
MAX_TABLE_COLUMNS = 24
MAX_TABLE_CHARS = 12_000
MAX_TABLE_LINES = 200
MAX_FORMULA = 2_000
MAX_FORMULA_LINES = 60
MAX_LANGUAGE = 24
MAX_LINK = 2_000

Kind = Literal["text", "heading", "code", "table", "formula", "rule"]


@dataclass(frozen=True, slots=True)
class Span:
    """A run of text in one style. `formula`: the text is LaTeX. `link`: a full http, https or mailto URL."""

    text: str
    bold: bool = False
    italic: bool = False
    strike: bool = False
    code: bool = False
    formula: bool = False
    image: bool = False
    link: str = ""


Spans = tuple[Span, ...]


@dataclass(frozen=True, slots=True)
class Block:
    """One thing drawn under the other.

    Attributes:
        spans: of a text or a heading; a newline in a span is a line break.
        text: source of code or of a formula.
        info: language of code, as it was written.
        level: of a heading, 1 to 6.
        rows: of a table, the first one is its head; `aligns` one word a column, "" for none.
        path: the containers around it, outermost first: "q" a quote, "l" a list item.
        marker: what stands before the first block of a list item: "•", "3.", "☐" or "☑".
        joined: continues the block before it, which was cut for its length.
    """

    kind: Kind
    spans: Spans = ()
    text: str = ""
    info: str = ""
    level: int = 0
    rows: tuple[tuple[Spans, ...], ...] = ()
    aligns: tuple[str, ...] = ()
    path: str = ""
    marker: str = ""
    joined: bool = False


def parse(source: str) -> list[Block]:
    """The blocks of a whole text."""
    stream = Stream()
    stream.append(source)
    stream.finish()
    return stream.blocks


def plain(source: str) -> list[Block]:
    """The blocks of a text that is shown as it was typed."""
    cut = list(_pieces(clean(source), MAX_PARAGRAPH))
    return [Block("text", (Span(piece),), joined=i > 0) for i, piece in enumerate(cut)]


_BAD = {
    0: "\ufffd",
    0x2028: "\n",
    0x2029: "\n",
    # QTextDocument keeps its frames and objects in these.
    0xFDD0: "\ufffd",
    0xFDD1: "\ufffd",
    0xFFFC: "\ufffd",
}
_BAD |= {code: " " for code in range(1, 32) if code not in (9, 10, 13)}
_BAD |= {code: "\ufffd" for code in range(0xD800, 0xE000)}


def clean(text: str) -> str:
    """The text without characters that a text layout takes for its own, line ends as newlines."""
    return text.replace("\r\n", "\n").replace("\r", "\n").translate(_BAD)


# ---------------------------------------------------------------- reading


class Stream:
    """Markdown that arrives in pieces.

    Attributes:
        blocks: everything read so far; those before `frozen` never change again.
    """

    def __init__(self) -> None:
        self.blocks: list[Block] = []
        self.frozen = 0
        self._tail = ""
        self._carry = ""
        self._number: int | None = None
        self._fence: _Fence | None = None

    def append(self, text: str) -> int:
        """Read more text; gives the index of the first block that may be different now."""
        text, self._carry = self._carry + text, ""
        if text.endswith("\r"):  # the other half of a line end may follow
            text, self._carry = text[:-1], "\r"
        return self._read(clean(text))

    def finish(self) -> int:
        """The text is complete; gives the index of the first block that may be different now."""
        text, self._carry = self._carry, ""
        return self._read(clean(text)) if text else len(self.blocks)

    def _read(self, text: str) -> int:
        first = self.frozen
        if not text:
            return len(self.blocks)
        self._tail += text
        if self._fence is not None:
            blocks = self._fence.read(self._tail, text)
            if blocks is not None:
                self._replace_tail(blocks)
                return first
            self._fence = None
        self._parse_tail()
        return first

    def _parse_tail(self) -> None:
        units = _units(self._tail, self._number)
        lines = self._tail.split("\n")
        blocks: list[Block] = []
        border = next(
            (i for i in range(len(units) - 1, 0, -1) if _final(units[i], lines)),
            0,
        )
        for unit in units[:border]:
            blocks += unit.blocks
        self.blocks[self.frozen :] = blocks
        self.frozen += len(blocks)
        if border:
            self._tail = "\n".join(lines[units[border].start :])
            self._number = units[border].number
        self._replace_tail([block for unit in units[border:] for block in unit.blocks])
        if len(units) == border + 1:
            self._fence = _Fence.begin(self._tail)

    def _replace_tail(self, blocks: list[Block]) -> None:
        self.blocks[self.frozen :] = blocks


class _Fence:
    """An open code fence at the start of the tail: its end is looked for in new lines only."""

    def __init__(self, mark: str, info: str, body: int) -> None:
        self._close = re.compile(r"[ ]{0,3}" + re.escape(mark[0]) + "{" + str(len(mark)) + r",}[ \t]*")
        self._info = info
        self._body = body

    @classmethod
    def begin(cls, tail: str) -> _Fence | None:
        """A fence that opens with the tail's first line and is not closed in it."""
        match = re.match(r"(`{3,}|~{3,})([^\n]*)\n", tail)
        if match is None or (match[1][0] == "`" and "`" in match[2]):
            return None
        fence = cls(match[1], match[2].strip(), match.end())
        return fence if fence._open(tail[match.end() :]) else None

    def read(self, tail: str, new: str) -> list[Block] | None:
        """The blocks of the open fence, or None when it may have been closed."""
        start = tail.rfind("\n", 0, len(tail) - len(new)) + 1
        if not self._open(tail[max(start, self._body) :]):
            return None
        return _code(tail[self._body :].removesuffix("\n"), self._info, "")

    def _open(self, text: str) -> bool:
        return not any(self._close.fullmatch(line) for line in text.split("\n"))


@dataclass(slots=True)
class _Unit:
    """A top-level block, or one item of a top-level list.

    Attributes:
        start: its first line. sure_at: how many complete lines make its beginning final.
        number: of the item in an ordered list, to go on counting from.
    """

    start: int
    sure_at: int
    number: int | None
    blocks: list[Block]


def _units(source: str, first_number: int | None) -> list[_Unit]:
    tokens = _parser().parse(source)
    lines = source.split("\n")
    units: list[_Unit] = []
    for group in _groups(tokens):
        head = group[0]
        if head.type in ("bullet_list_open", "ordered_list_open"):
            number = None
            if head.type == "ordered_list_open":
                given = first_number if not units and first_number is not None else head.attrGet("start")
                number = int(given) if given is not None else 1
            for item in _groups(group[1:-1]):
                marker = "•" if number is None else f"{number}."
                units.append(_unit(item, lines, number, partial(_Writer.item, tokens=item, marker=marker)))
                number = None if number is None else number + 1
        else:
            units.append(_unit(group, lines, None, partial(_Writer.group, tokens=group)))
    return units


def _final(unit: _Unit, lines: list[str]) -> bool:
    """Whether no later text can move the border before this unit."""
    if unit.sure_at > len(lines) - 1:
        return False
    # A formula that is open in the lines above may yet be closed, and take this unit into it.
    for line in reversed(lines[max(0, unit.start - MAX_FORMULA_LINES) : unit.start]):
        line = line.strip()
        if not line:
            return True
        if line.startswith(("$$", "\\[")):
            return False
    return True


def _unit(
    tokens: Sequence[Token], lines: list[str], number: int | None, write: Callable[[_Writer], None]
) -> _Unit:
    start, end = tokens[0].map or (0, 0)
    if max(token.level for token in tokens) >= MAX_NESTING - 1:
        # The parser drops what is nested deeper, so all of it is shown as it came.
        blocks = plain("\n".join(lines[start:end]).strip("\n"))
    else:
        writer = _Writer(lines)
        write(writer)
        blocks = writer.blocks
    sure_at = {"table_open": start + 2, "code_block": start + 2, "math_block": end}.get(
        tokens[0].type, start + 1
    )
    return _Unit(start, sure_at, number, blocks)


def _groups(tokens: Sequence[Token]) -> Iterator[Sequence[Token]]:
    """The tokens of one level, each with what it holds."""
    start = depth = 0
    for index, token in enumerate(tokens):
        depth += token.nesting
        if depth == 0:
            yield tokens[start : index + 1]
            start = index + 1


class _Writer:
    """Turns tokens into blocks. `path` and `marker` are those of the next block."""

    def __init__(self, lines: list[str]) -> None:
        self.blocks: list[Block] = []
        self._lines = lines
        self._path = ""
        self._marker = ""

    def group(self, tokens: Sequence[Token]) -> None:
        head = tokens[0]
        match head.type:
            case "paragraph_open":
                self._text("text", tokens[1].content)
            case "heading_open":
                self._text("heading", tokens[1].content, int(head.tag[1:]))
            case "fence" | "code_block":
                self._add(_code(head.content.removesuffix("\n"), head.info.strip(), self._path))
            case "math_block":
                self._add([Block("formula", text=head.content.strip(), path=self._path)])
            case "hr":
                self._add([Block("rule", path=self._path)])
            case "table_open":
                self._table(tokens)
            case "blockquote_open":
                self._inside("q", tokens[1:-1])
            case "bullet_list_open" | "ordered_list_open":
                start = head.attrGet("start")
                number = int(start) if start is not None else 1
                for item in _groups(tokens[1:-1]):
                    self.item(item, "•" if head.type == "bullet_list_open" else f"{number}.")
                    number += 1
            case _:
                self._text("text", head.content)

    def item(self, tokens: Sequence[Token], marker: str) -> None:
        before = len(self.blocks)
        # An item that opens with another list: the outer mark would have nothing to stand at.
        opens_list = len(tokens) > 2 and tokens[1].type.endswith("list_open")
        if opens_list:
            self.blocks.append(Block("text", path=self._path + "l", marker=marker))
        self._marker = "" if opens_list else marker
        self._inside("l", tokens[1:-1])
        self._marker = ""
        if len(self.blocks) == before:
            self.blocks.append(Block("text", path=self._path + "l", marker=marker))

    def _inside(self, container: str, tokens: Sequence[Token]) -> None:
        self._path += container
        for group in _groups(tokens):
            self.group(group)
        self._path = self._path[:-1]

    def _add(self, blocks: list[Block]) -> None:
        if blocks and self._marker:
            blocks[0] = replace(blocks[0], marker=self._marker)
            self._marker = ""
        self.blocks += blocks

    def _text(self, kind: Kind, content: str, level: int = 0) -> None:
        task = _TASK.match(content) if self._marker else None
        if task is not None:
            self._marker = "☐" if task[1] == " " else "☑"
            content = content[task.end() :]
        blocks = [
            Block(kind, _spans(piece), level=level, path=self._path, joined=index > 0)
            for index, piece in enumerate(_pieces(content, MAX_PARAGRAPH))
        ]
        self._add(blocks)

    def _table(self, tokens: Sequence[Token]) -> None:
        start, end = tokens[0].map or (0, 0)
        source = self._lines[start:end]
        cells = sum(token.type in ("th_open", "td_open") for token in tokens)
        columns = sum(token.type == "th_open" for token in tokens)
        if cells > MAX_TABLE_CELLS or columns > MAX_TABLE_COLUMNS or sum(map(len, source)) > MAX_TABLE_CHARS:
            self._add(_code("\n".join(line.strip() for line in source).strip("\n"), "", self._path))
            return
        rows: list[list[Spans]] = []
        aligns: list[str] = []
        for token in tokens:
            if token.type == "tr_open":
                rows.append([])
            elif token.type == "th_open":
                aligns.append(str(token.attrGet("style") or "").removeprefix("text-align:"))
            elif token.type == "inline":
                pieces = _pieces(token.content, MAX_PARAGRAPH)
                rows[-1].append(tuple(span for piece in pieces for span in _spans(piece)))
        frozen = tuple(tuple(row) for row in rows)
        self._add([Block("table", rows=frozen, aligns=tuple(aligns), path=self._path)])


_TASK = re.compile(r"\[([ xX])\][ \t]+")


def _code(text: str, info: str, path: str) -> list[Block]:
    language = info.split(maxsplit=1)[0][:MAX_LANGUAGE] if info else ""
    text = text.rstrip()
    pieces: list[str] = []
    for chunk in _by_lines(text, MAX_CODE_LINES):
        pieces += _pieces(chunk, MAX_CODE_CHARS, words=False)
    return [
        Block("code", text=piece, info=language, path=path, joined=index > 0)
        for index, piece in enumerate(pieces)
    ]


def _by_lines(text: str, count: int) -> Iterator[str]:
    lines = text.split("\n")
    for start in range(0, len(lines), count):
        yield "\n".join(lines[start : start + count])


def _pieces(text: str, size: int, words: bool = True) -> Iterator[str]:
    """Cut after a line, else after a word, else anywhere; at least one piece.

    Each cut depends only on the text before it and `size` characters after, so that it stays
    where it is when text is appended.
    """
    start = 0
    while len(text) - start > size:
        cut = text.rfind("\n", start + size // 2, start + size)
        if cut < 0 and words:
            cut = text.rfind(" ", start + size // 2, start + size)
        end = cut if cut >= 0 else start + size
        yield text[start:end]
        start = end + (cut >= 0)
    yield text[start:]


# ---------------------------------------------------------------- inline


@dataclass(slots=True)
class _Style:
    bold: int = 0
    italic: int = 0
    strike: int = 0
    link: str = ""
    refused: str = ""


@lru_cache(maxsize=256)
def _spans(content: str) -> Spans:
    """The runs of a paragraph; kept, because the last paragraphs of a growing text are read again."""
    tokens: list[Token] = []
    parser = _parser()
    parser.inline.parse(content, parser, {}, tokens)
    spans: list[Span] = []
    style = _Style()
    for token in tokens:
        _span(token, style, spans)
    return tuple(_merged(spans))


def _span(token: Token, style: _Style, spans: list[Span]) -> None:
    def add(text: str, **more: bool) -> None:
        if text:
            bold, italic, strike = style.bold > 0, style.italic > 0, style.strike > 0
            spans.append(Span(text, bold, italic, strike, link=style.link, **more))

    match token.type:
        case "strong_open" | "strong_close":
            style.bold += token.nesting
        case "em_open" | "em_close":
            style.italic += token.nesting
        case "s_open" | "s_close":
            style.strike += token.nesting
        case "link_open":
            href = str(token.attrGet("href") or "")
            style.link, style.refused = (href, "") if allowed(href) else ("", href)
        case "link_close":
            if style.refused:  # not opened, but its address is not hidden either
                spans.append(Span(f" ({style.refused})"))
            style.link = style.refused = ""
        case "code_inline":
            add(token.content, code=True)
        case "math_inline" | "math_inline_double":
            add(token.content.strip(), formula=len(token.content) <= MAX_FORMULA)
        case "image":
            add(token.content, image=True)
        case "softbreak" | "hardbreak":
            add("\n")
        case _:
            if style.link:
                add(token.content)
            else:
                _linkify(token.content, style, add)


_URL = re.compile(r"https?://[^\s<>\"'`|\\^{}]{3,2000}", re.IGNORECASE)


def _linkify(text: str, style: _Style, add: Callable[[str], None]) -> None:
    """Bare addresses in running text become links."""
    at = 0
    for match in _URL.finditer(text) if "://" in text else ():
        url = match[0].rstrip(".,:;!?*_~)]，。；：！？）】」")
        if match[0][len(url) :].startswith(")") and url.count("(") > url.count(")"):
            url += ")"
        add(text[at : match.start()])
        style.link = url
        add(url)
        style.link = ""
        at = match.start() + len(url)
    add(text[at:])


def _merged(spans: list[Span]) -> Iterator[Span]:
    """Neighbours of one style as one."""
    last: Span | None = None
    for span in spans:
        if not span.text:
            continue
        if last is not None and not span.formula and not span.image and replace(last, text=span.text) == span:
            last = replace(last, text=last.text + span.text)
            continue
        if last is not None:
            yield last
        last = span
    if last is not None:
        yield last


def allowed(url: str) -> bool:
    """Whether a link may be offered for opening at all."""
    return len(url) <= MAX_LINK and bool(re.match(r"(?:https?://[^/\s]|mailto:[^\s])", url, re.IGNORECASE))


# ---------------------------------------------------------------- the parser


@cache
def _parser() -> MarkdownIt:
    parser = MarkdownIt("commonmark", {"html": False, "maxNesting": MAX_NESTING})
    parser.enable(["table", "strikethrough"])
    parser.use(dollarmath_plugin, allow_space=False, allow_digits=False, double_inline=True)
    parser.disable(["reference", "html_block", "html_inline", "math_block"])
    # Inline text is read block by block in pieces, see `_spans`.
    parser.disable(["inline", "text_join"])
    chain: RuleOptionsType = {"alt": ["paragraph", "blockquote", "list"]}
    parser.block.ruler.before("fence", "display_math", _display_math, chain)
    parser.block.ruler.before("table", "long_table", _long_table, {"alt": ["paragraph", "reference"]})
    parser.inline.ruler.before("escape", "bracket_math", _bracket_math)
    # Which links are offered is decided in `_span`, where a refused one can be named.
    parser.validateLink = lambda url: True  # type: ignore[method-assign]
    return parser


def _long_table(state: StateBlock, start: int, end: int, silent: bool) -> bool:
    """A table too long to be drawn is taken whole, as code, without reading its cells."""
    if start + MAX_TABLE_LINES >= end or state.is_code_block(start):
        return False
    second = state.src[state.bMarks[start + 1] + state.tShift[start + 1] : state.eMarks[start + 1]]
    if "|" not in state.src[state.bMarks[start] : state.eMarks[start]] or not _DELIMITER.fullmatch(second):
        return False
    line = start + 2
    while line < end and state.sCount[line] >= state.blkIndent:
        text = state.src[state.bMarks[line] + state.tShift[line] : state.eMarks[line]]
        # Such a line begins no other block, so that no border can be where the table goes on.
        if "|" not in text or not (text[0] == "|" or text[0].isalpha()):
            break
        line += 1
    if line - start <= MAX_TABLE_LINES:
        return False
    if not silent:
        token = state.push("code_block", "code", 0)
        token.content = state.getLines(start, line, state.blkIndent, False)
        token.map = [start, line]
        state.line = line
    return True


_DELIMITER = re.compile(r"[-:|\s]*-[-:|\s]*")


def _display_math(state: StateBlock, start: int, end: int, silent: bool) -> bool:
    """`$$ ... $$` or `\\[ ... \\]` on lines of their own, without a blank line inside."""
    if state.is_code_block(start):
        return False
    begin = state.bMarks[start] + state.tShift[start]
    mark = state.src[begin : begin + 2]
    close = {"$$": "$$", "\\[": "\\]"}.get(mark)
    if close is None:
        return False
    line = start
    while line < min(end, start + MAX_FORMULA_LINES):
        left = begin + 2 if line == start else state.bMarks[line] + state.tShift[line]
        text = state.src[left : state.eMarks[line]].rstrip()
        if line > start and (not text or state.sCount[line] < state.blkIndent):
            return False
        at = text.find(close)
        if at >= 0:
            if text[at + 2 :].strip(" .,"):
                return False
            return silent or _add_math(state, start, line, begin + 2, left + at)
        line += 1
    return False


def _add_math(state: StateBlock, start: int, line: int, begin: int, end: int) -> bool:
    content = state.src[begin:end]
    if not content.strip() or len(content) > MAX_FORMULA:
        return False
    token = state.push("math_block", "math", 0)
    token.block = True
    token.content = content
    token.map = [start, line + 1]
    state.line = line + 1
    return True


def _bracket_math(state: StateInline, silent: bool) -> bool:
    """`\\( ... \\)` and, inside a line, `\\[ ... \\]`."""
    mark = state.src[state.pos : state.pos + 2]
    close = {"\\(": "\\)", "\\[": "\\]"}.get(mark)
    if close is None:
        return False
    end = state.src.find(close, state.pos + 2, state.pos + 2 + MAX_FORMULA)
    if end < 0 or not state.src[state.pos + 2 : end].strip():
        return False
    if not silent:
        state.push("math_inline", "math", 0).content = state.src[state.pos + 2 : end]
    state.pos = end + 2
    return True
