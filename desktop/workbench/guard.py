"""What goes wrong with the answers of small models, found by looking at the answer and its source.

Chatter around the result is taken away. A refusal, a repetition loop, an echo of the prompt, another
language, and an answer that is far too short or too long are reported, so that the model can be asked again
and the person be told. What the source itself says is never taken for the model's: a letter that begins
with "Sure, here is the list:" keeps its first line.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING

import msgspec

from desktop.workbench import language, prompts
from desktop.workbench.problems import Problem
from models.errors import sentence

if TYPE_CHECKING:
    from collections.abc import Iterator


@dataclass(frozen=True)
class Checked:
    """An answer that was looked at.

    Attributes:
        text: without chatter. problems: what was taken away, or is worth a look.
        faults: why the text should not be kept as a result; empty when it may.
    """

    text: str
    problems: tuple[Problem, ...] = ()
    faults: tuple[Problem, ...] = ()


def check(
    answer: str,
    source: str = "",
    *,
    wanted: str = "",
    bounds: tuple[float, float] | None = None,
    prompt: Sequence[str] = (),
    cut: bool = False,
) -> Checked:
    """Take chatter from an answer and say what is wrong with the rest.

    Args:
        source: the text that was worked on.
        wanted: code of the language that the answer should be in; empty for any.
        bounds: least and most of the source's size (see `size`) that the answer may have.
        prompt: texts of the prompt other than the source, whose lines are no part of a result.
        cut: whether the answer ended because it got too long.
    """
    text, problems = clean(answer, source, prompt=prompt)
    if not text:
        return Checked("", tuple(problems), (Problem("empty", sentence("The model gave no text.")),))
    faults: list[Problem] = []
    if refused(text, source):
        words = " ".join(text.split())[:80]
        faults.append(Problem("refusal", sentence("The model refused: “{words}”"), {"words": words}))
    elif loops(text, source) is not None:
        faults.append(Problem("loop", sentence("The model repeated itself without end.")))
    elif cut:
        faults.append(Problem("cut", sentence("The answer got too long and was cut off.")))
    if not faults:
        faults += _language_faults(text, wanted)
        faults += _size_faults(text, source, bounds)
        if echo := _echoed(text, source, prompt):
            faults.append(Problem("echo", sentence("The model repeated its instruction: “{words}”"), echo))
    return Checked(text, tuple(problems), tuple(faults))


def _language_faults(text: str, wanted: str) -> Iterator[Problem]:
    found = language.detect(text) if wanted else ""
    if found and not language.alike(found, wanted):
        names = {"found": language.name(found), "wanted": language.name(wanted)}
        yield Problem("language", sentence("The answer is in {found} instead of {wanted}."), names)


def _size_faults(text: str, source: str, bounds: tuple[float, float] | None) -> Iterator[Problem]:
    if bounds is None:
        return
    have, least, most = size(text), bounds[0] * size(source), bounds[1] * size(source)
    if have < least - _SLACK:
        yield Problem("too_short", sentence("The answer is much shorter than it should be."))
    elif have > most + _SLACK:
        yield Problem("too_long", sentence("The answer is much longer than it should be."))


_SLACK = 6  # words by which any answer may be shorter or longer

_WORD = re.compile(r"[^\W\d_]+|\d+")
_CJK = re.compile(r"[\u3040-\u30ff\u3400-\u9fff\uf900-\ufaff\U00020000-\U0003ffff]")
_UNSPACED = re.compile(r"[\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff]")
_PER_WORD = 1.6  # Chinese characters that say what one English word says
_LETTERS_PER_WORD = 5.0  # of scripts that write no spaces


def size(text: str) -> float:
    """How much a text says, in about the words that it would have in English."""
    cjk = len(_CJK.findall(text))
    unspaced = len(_UNSPACED.findall(text))
    words = len(_WORD.findall(_UNSPACED.sub(" ", _CJK.sub(" ", text))))
    return words + cjk / _PER_WORD + unspaced / _LETTERS_PER_WORD


# ---------------------------------------------------------------- chatter


class _Patterns(msgspec.Struct, frozen=True):
    lead: tuple[str, ...] = ()
    label: tuple[str, ...] = ()
    tail: tuple[str, ...] = ()
    rest: tuple[str, ...] = ()
    refusal: tuple[str, ...] = ()
    ask: tuple[str, ...] = ()


@dataclass(frozen=True)
class _Compiled:
    lead: re.Pattern[str]
    label: re.Pattern[str]
    tail: re.Pattern[str]
    rest: re.Pattern[str]
    refusal: re.Pattern[str]
    ask: re.Pattern[str]


_QUOTES = {'"': '"', "'": "'", "“": "”", "‘": "’", "„": "“”", "«": "»", "»": "«", "「": "」", "『": "』"}
_FENCE = re.compile(r"(`{3,}|~{3,})[\w+-]*[ \t]*\n(.*?)\n?\1[ \t]*", re.DOTALL)
_TAGS = re.compile(r"<(/?)([a-z_]{3,12})>", re.IGNORECASE)
_PARAGRAPHS = re.compile(r"\n[ \t]*\n\s*")
_SEPARATOR = re.compile(r"(?:[-*_=~]\s*){3,}")
_ROUNDS = 4  # layers of wrapping that are taken off
_SENTENCE_END = re.compile(r"[.!?。！？\n]\s*")
_REFUSAL_WITHIN = 200  # characters from the beginning


def clean(text: str, source: str = "", *, prompt: Sequence[str] = ()) -> tuple[str, list[Problem]]:
    """The text without what a model says around it, and a problem of code "chatter" if there was any.

    Quotation marks, code fences and tags around all of it go as well. Whatever the source has, too, stays.
    """
    result = _unecho(text.strip(), source, prompt)
    chatter: list[str] = [text.strip()[: -len(result)]] if result and len(result) < len(text.strip()) else []
    chatter = [piece for piece in chatter if piece.strip()]
    for _ in range(_ROUNDS):
        before = result
        for step in (_without_lead, _without_tail):
            shorter = step(result, source)
            if shorter != result:
                chatter.append(result.replace(shorter, "", 1))
                result = shorter
        result = _unquoted(_untagged(_unfenced(result, source), source), source)
        if result == before:
            break
    if not chatter:
        return result, []
    words = {"words": " ".join(" ".join(chatter).split())[:80]}
    return result, [Problem("chatter", sentence("The model added words of its own: “{words}”"), words)]


def _without_lead(text: str, source: str) -> str:
    """The text after "Sure, here is the corrected text:" and the like."""
    patterns = _compiled()
    for pattern in (patterns.lead, patterns.label):
        match = pattern.match(text)
        if not match or not text[match.end() :].strip() or _is_own(match[0], pattern, source):
            continue
        return text[match.end() :].lstrip("\n*: \t" if match[0].startswith("*") else "\n \t")
    return text


def _without_tail(text: str, source: str) -> str:
    """The text before "Let me know if..." and explanations of what was changed."""
    patterns = _compiled()
    starts = [0, *(match.end() for match in _PARAGRAPHS.finditer(text))]
    for start in starts[1:]:
        match = patterns.rest.match(text, start)
        if match and not _has_paragraph(source, patterns.rest):
            return _without_separator(text[:start])
    last = text[starts[-1] :]
    if len(starts) > 1 and patterns.tail.match(last) and not _has_paragraph(source, patterns.tail):
        return _without_separator(text[: starts[-1]])
    line = text.rfind("\n") + 1
    if line > starts[-1] and patterns.tail.match(text, line) and not _has_paragraph(source, patterns.tail):
        return _without_separator(text[:line])
    return text


def _without_separator(text: str) -> str:
    """Without the line of dashes that stood between a result and the words about it."""
    head, _, last = text.rstrip().rpartition("\n")
    return head.rstrip() if head and _SEPARATOR.fullmatch(last.strip()) else text.rstrip()


def _is_own(found: str, pattern: re.Pattern[str], source: str) -> bool:
    """Whether the source begins in such a way itself, or has these very words."""
    if pattern.match(source.lstrip()):
        return True
    words = _plain(found)
    return bool(words) and words in _plain(source)


def _has_paragraph(source: str, pattern: re.Pattern[str]) -> bool:
    """Whether a line of the source begins with such a pattern."""
    return any(pattern.match(line.lstrip()) for line in source.splitlines())


def _unfenced(text: str, source: str) -> str:
    match = _FENCE.fullmatch(text)
    if not match or match[1] in match[2] or source.lstrip().startswith(("```", "~~~")):
        return text
    return match[2].strip("\n")


def _untagged(text: str, source: str) -> str:
    """Without tags around the text, such as the prompt has; also when one of the two is missing."""
    first = _TAGS.match(text)
    if first and not first[1] and first[0] not in source:
        text = text[first.end() :].lstrip("\n")
    start = max(0, text.rfind("<"))
    last = _TAGS.fullmatch(text, start)
    if last and last[1] and last[0] not in source:
        text = text[:start].rstrip()
    return text


def _unquoted(text: str, source: str) -> str:
    """Without quotation marks around all of it, if the source has none around it."""
    if len(text) < 3 or text[0] not in _QUOTES or text[-1] not in _QUOTES[text[0]]:
        return text
    inner = text[1:-1]
    bare = source.strip()
    quoted = bare and bare[0] in _QUOTES and bare[-1] in _QUOTES[bare[0]]
    if quoted or text[0] in inner or (text[-1] in inner and text[-1] != "’"):  # two quotes, or more
        return text
    return inner.strip()


# ---------------------------------------------------------------- the prompt's own words

_ECHO_LEAST = 16  # plain letters of a line of the prompt that an answer would not have by chance


def _prompt_lines(prompt: Sequence[str], source: str) -> set[str]:
    """The lines and the sentences of a prompt that the source does not have."""
    plain = _plain(source)
    lines = {_plain(line) for text in prompt for line in text.splitlines()}
    lines |= {_plain(part) for text in prompt for part in _SENTENCE_END.split(text)}
    return {line for line in lines if len(line) >= _ECHO_LEAST and line not in plain}


def _unecho(text: str, source: str, prompt: Sequence[str]) -> str:
    """Without first lines that are the prompt's."""
    if not prompt:
        return text
    lines = _prompt_lines(prompt, source)
    while text:
        line, _, rest = text.partition("\n")
        if not rest.strip() or _plain(line) not in lines:
            return text
        text = rest.lstrip()
    return text


def _echoed(text: str, source: str, prompt: Sequence[str]) -> dict[str, str]:
    """Words of the prompt that are in the text; empty when there are none."""
    if not prompt:
        return {}
    plain = _plain(text)
    lines = _prompt_lines(prompt, source)
    part = len(plain) >= _ECHO_LEAST and plain not in _plain(source)
    if any(line in plain if len(line) >= 2 * _ECHO_LEAST else line == plain for line in lines) or (
        part and any(plain in line for line in lines)
    ):
        return {"words": " ".join(text.split())[:80]}
    return {}


# ---------------------------------------------------------------- refusals


def refused(text: str, source: str = "") -> bool:
    """Whether the model declines, or asks for the text, instead of working on it."""
    kinds = (_compiled().refusal, _compiled().ask)
    return any(
        (said := _said(text, kind)) and not _said(source, kind) and not _mostly_in(said, source)
        for kind in kinds
    )


def _said(text: str, pattern: re.Pattern[str]) -> str:
    """That of the first sentences which begins in such a way; empty when none does."""
    head = text.strip().lstrip("\"“„«'*")[:_REFUSAL_WITHIN]
    starts = [0, *(match.end() for match in _SENTENCE_END.finditer(head))]
    for start in starts[:3]:
        if pattern.match(head, start):
            return _SENTENCE_END.split(head[start:], maxsplit=1)[0]
    return ""


def _mostly_in(said: str, source: str) -> bool:
    """Whether most of the words of a sentence are the source's."""
    words, there = _WORD.findall(said.casefold()), set(_WORD.findall(source.casefold()))
    return sum(word in there for word in words) * 3 >= len(words) * 2


# ---------------------------------------------------------------- loops

_TOKEN = re.compile(
    r"[\u3040-\u30ff\u3400-\u9fff\uf900-\ufaff]|[^\W\u3040-\u30ff\u3400-\u9fff\uf900-\ufaff]+|[^\w\s]"
)
_ENDLESS = 40  # words (see `size`) of repetitions in a growing text
_LONG_WORD = 40  # characters from which on a word is looked into
_LIST_MARK = re.compile(r"(?m)^([ \t]*)(?:\d+[.)]|[-*+•])(?=\s)")


def loops(text: str, source: str = "") -> int | None:
    """Where the repetitions begin that a text ends with; None when it does not end in a loop.

    What stands before that position has what is repeated once. Takes time in proportion to the length.
    A list whose items differ, a table, a refrain and what the source repeats, too, are no loops.
    """
    tokens = _tokens(text)
    for left_out in (0, 1):  # the last word may be a half one
        found = _loop(text, tokens[: len(tokens) - left_out])
        if found is not None:
            return None if source and loops(source) is not None else found
    return None


def endless(text: str, source: str = "") -> bool:
    """Whether a text that is still growing repeats itself, and more than its source accounts for."""
    found = loops(text)
    if found is None or (repeated := size(text[found:])) < _ENDLESS:
        return False
    ends = (match.end() for match in _SENTENCE_END.finditer(source))
    return repeated > 2 * size(source) or all(loops(source[:end]) is None for end in ends)


def _tokens(text: str) -> list[tuple[str, int]]:
    """Words, CJK characters and punctuation with their positions; numbers of a list are all alike."""
    marks = {match.end(1): match.end() for match in _LIST_MARK.finditer(text)}
    tokens: list[tuple[str, int]] = []
    position = 0
    while match := _TOKEN.search(text, position):
        start, position = match.span()
        if start in marks:
            tokens.append(("-", start))
            position = marks[start]
        elif position - start > _LONG_WORD:
            tokens += [(text[at], at) for at in range(start, position)]
        else:
            tokens.append((match[0].casefold(), start))
    return tokens


def _loop(text: str, tokens: list[tuple[str, int]]) -> int | None:
    backward = [word for word, _ in reversed(tokens)]
    best: int | None = None
    tried = len(tokens)
    for period, same in enumerate(_matches(backward)):
        start = len(tokens) - period - same
        if not period or same < period or start >= tried:  # multiples of a period begin where it does
            continue
        tried = start
        if _is_loop(text, tokens, start, period):
            second = tokens[start + period][1]
            best = second if best is None else min(best, second)
    return best


def _is_loop(text: str, tokens: list[tuple[str, int]], start: int, period: int) -> bool:
    """Whether what repeats from `start` on does so more often than people do."""
    unit = [word for word, _ in tokens[start : start + period]]
    times = (len(tokens) - start) / period
    letters = sum(len(word) for word in unit if word[0].isalpha())
    if not letters:  # lines of dashes, empty cells, zeros
        return times >= 40
    if text.rfind("|", 0, tokens[start + period][1] + 1) >= 0 and "|" in unit:  # rows of a table
        return times >= 12
    if letters >= 60:
        return times >= 3
    return times >= (4 if letters >= 16 else 8)


def _matches(items: Sequence[str]) -> list[int]:
    """For each position how many items from there on are as those from the beginning on (the Z function)."""
    size_ = len(items)
    found = [0] * size_
    left = right = 0
    for place in range(1, size_):
        if place < right:
            found[place] = min(right - place, found[place - left])
        while place + found[place] < size_ and items[found[place]] == items[place + found[place]]:
            found[place] += 1
        if place + found[place] > right:
            left, right = place, place + found[place]
    return found


# ---------------------------------------------------------------- patterns


def _plain(text: str) -> str:
    """Letters and digits alone, in small letters, for comparing."""
    return "".join(letter for letter in text.casefold() if letter.isalnum())


@cache
def _compiled() -> _Compiled:
    data = prompts.load("guard", dict[str, _Patterns])

    def any_of(field: str, form: str) -> re.Pattern[str]:
        sources = [source for patterns in data.values() for source in getattr(patterns, field)]
        joined = "|".join(f"(?:{source})" for source in sources).replace("’", "['’]?")  # people forget it
        return re.compile(form.replace("...", joined), re.IGNORECASE)

    return _Compiled(
        lead=any_of("lead", r"(?:...)\s*"),
        label=any_of("label", r"(?:\*\*|#+ )?(?:...)(?:\*\*)?[ \t]*[:：](?:\*\*)?\s*"),
        tail=any_of("tail", "..."),
        rest=any_of("rest", "..."),
        refusal=any_of("refusal", "..."),
        ask=any_of("ask", "..."),
    )
