"""What a rewritten text has to keep: numbers, names, code, links, and the person's own terms."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Literal

from desktop.workbench import language
from desktop.workbench.problems import Problem
from models.errors import sentence

Kind = Literal["code", "link", "glossary", "term", "number", "name"]

NUMBERS_AND_THE_LIKE: tuple[Kind, ...] = ("code", "link", "glossary", "term", "number")
ALL: tuple[Kind, ...] = (*NUMBERS_AND_THE_LIKE, "name")


@dataclass(frozen=True)
class Span:
    """Characters that have to be kept.

    Attributes:
        start, end: in the text that was looked at. text: what is there.
        wanted: what has to be in the result for it: the translation of a glossary's term, else `text`.
    """

    kind: Kind
    start: int
    end: int
    text: str
    wanted: str


def find(
    text: str,
    terms: Sequence[str] = (),
    glossary: Mapping[str, str] | None = None,
    *,
    kinds: Sequence[Kind] = NUMBERS_AND_THE_LIKE,
) -> list[Span]:
    """What of a text has to be kept, in order; where two kinds overlap, the first of `ALL` counts.

    Names are guessed with caution: words with capital letters that begin no sentence.
    """
    found: list[Span] = []
    taken = bytearray(len(text))
    for kind in ALL:
        for start, end, wanted in _spans(kind, text, terms, glossary or {}) if kind in kinds else ():
            if end > start and not any(taken[start:end]):
                taken[start:end] = b"\1" * (end - start)
                found.append(Span(kind, start, end, text[start:end], wanted or text[start:end]))
    return sorted(found, key=lambda span: span.start)


def missing(spans: Sequence[Span], result: str, *, translated: bool = False) -> list[Problem]:
    """What of these is not in the result: a problem each, with `start` and `end` as the spans have them.

    Numbers are compared by their value: 1,000 is 1000, is 1.000 in other languages, and may be written
    as a word up to twelve. A unit must not become another. `translated`: the result is in another language,
    where months may have become words.
    """
    numbers = list(_numbers(result)) if any(span.kind == "number" for span in spans) else []
    words = {value for word in _SMALL_WORD.findall(result.casefold()) for value in _WORDS[word]}
    folded = " ".join(result.casefold().split())
    lost: list[Problem] = []
    for span in spans:
        if span.kind == "number":
            kept = _number_kept(span.text, numbers, words, translated)
        elif span.kind in ("code", "link"):
            kept = span.text in result
        else:
            kept = " ".join(span.wanted.casefold().split()) in folded
        if not kept:
            code, template = _SENTENCES[span.kind]
            params = {"text": span.text, "wanted": span.wanted, "start": span.start, "end": span.end}
            lost.append(Problem(code, template, params))
    return lost


_SENTENCES: dict[Kind, tuple[str, str]] = {
    "code": ("lost_code", sentence("The code “{text}” is not in the result as it was.")),
    "link": ("lost_link", sentence("The link “{text}” is not in the result.")),
    "glossary": ("lost_glossary", sentence("“{text}” was not translated as “{wanted}”.")),
    "term": ("lost_term", sentence("The protected term “{text}” is not in the result.")),
    "number": ("lost_number", sentence("The number “{text}” is not in the result.")),
    "name": ("lost_name", sentence("The name “{text}” is not in the result.")),
}

# ---------------------------------------------------------------- where they are

_CODE = re.compile(r"(?<!`)(`+)(?!`).+?(?<!`)\1(?!`)", re.DOTALL)
_LINK = re.compile(
    r"(?:https?|ftp)://[^\s<>\"'“”，。；、（）]+|www\.[^\s<>\"'“”，。；、（）]+"
    r"|(?<![\w.+-])[\w.+-]{1,64}@[\w-]+(?:\.[\w-]+)+|(?<=\]\()[^()\s]+(?=\))",
    re.ASCII,
)
_LINK_TAIL = ".,;:!?)]}*_"


def _spans(
    kind: Kind, text: str, terms: Sequence[str], glossary: Mapping[str, str]
) -> Iterator[tuple[int, int, str]]:
    """Where there is something of this kind, and what has to stand for it; empty for the same."""
    if kind == "code":
        yield from ((*match.span(), "") for match in _CODE.finditer(text))
    elif kind == "link":
        for match in _LINK.finditer(text):
            yield match.start(), match.start() + len(_bare_link(match[0])), ""
    elif kind == "glossary":
        for term in sorted(glossary, key=len, reverse=True):
            yield from ((*match.span(), glossary[term]) for match in _term(term, text))
    elif kind == "term":
        for term in sorted(terms, key=len, reverse=True):
            yield from ((*match.span(), "") for match in _term(term, text))
    elif kind == "number":
        yield from ((number.start, number.end, "") for number in _numbers(text))
    else:
        yield from ((*span, "") for span in _names(text))


def _bare_link(link: str) -> str:
    """Without the marks of the sentence that it stands in."""
    while link[-1:] in _LINK_TAIL and link:
        if link[-1] == ")" and link.count("(") >= link.count(")"):
            break
        link = link[:-1]
    return link


def _term(term: str, text: str) -> Iterator[re.Match[str]]:
    """Where a term stands as a word, or anywhere if it is of a script without spaces."""
    term = term.strip()
    if not term:
        return iter(())
    first = r"(?<!\w)" if term[0].isascii() and term[0].isalnum() else ""
    last = r"(?!\w)" if term[-1].isascii() and term[-1].isalnum() else ""
    ascii_ = re.ASCII if term.isascii() else 0  # then a Chinese character next to it is no part of the word
    words = r"\s+".join(map(re.escape, term.split()))
    return re.compile(first + words + last, re.IGNORECASE | ascii_).finditer(text)


_NAME_WORD = r"[A-ZÀ-ÖØ-ÞŁŚŠŽČĐĞİА-Я][\w'’-]*"
_NAME = re.compile(rf"(?<![\w'’-]){_NAME_WORD}(?:[ \t]+{_NAME_WORD})*")
_NEAR = 8  # characters in which a mark before a word is looked for
_NO_NAMES = {"i", "i'm", "i've", "i'd", "i'll", "i’m", "i’ve", "i’d", "i’ll"}


def _names(text: str) -> Iterator[tuple[int, int]]:
    if language.detect(text) == "de":  # writes every noun so
        return
    for match in _NAME.finditer(text):
        start, words = match.start(), match[0]
        before = text[max(0, start - _NEAR) : start].rstrip(" \t\"'“‘«„([*_")
        if not before or before[-1] in ".!?:;…\n。！？-–—•>#|":  # the first word would be large anyway
            words = words.partition(" ")[2].lstrip()
            start = match.end() - len(words)
        if len(words) > 1 and words.casefold() not in _NO_NAMES:
            yield start, match.end()


# ---------------------------------------------------------------- numbers

_GAP = "\u00a0\u202f\u2009 "
_NUMBER = re.compile(  # of a date, a time or a version each number alone
    rf"(?<!\d)(?<![^\W\d_])(?:(?<!\d[.,/:])(?:"
    rf"\d{{1,3}}(?P<mark>[,.'’{_GAP}])\d{{3}}(?:(?P=mark)\d{{3}})*(?:[.,]\d+)?(?![.,/:]?\d)"
    r"|\d+[.,]\d+(?![.,/:]?\d))"
    r"|\d+)",
    re.ASCII,
)
_SCALES = {
    "thousand": 10**3, "million": 10**6, "millionen": 10**6, "mio": 10**6, "millions": 10**6,
    "billion": 10**9, "billions": 10**9, "milliarden": 10**9, "milliarde": 10**9, "mrd": 10**9,
    "milliards": 10**9, "millones": 10**6, "mil": 10**3, "mille": 10**3, "tausend": 10**3,
    "千": 10**3, "万": 10**4, "萬": 10**4, "百万": 10**6, "千万": 10**7, "亿": 10**8, "億": 10**8,
}  # fmt: skip
_SCALE = re.compile(r"[ \u00a0\u202f-]?(" + "|".join(sorted(_SCALES, key=len, reverse=True)) + r")(?![a-z])")
_UNIT = re.compile(
    r"[ \u00a0\u202f]?(mm|cm|dm|km|m|mg|kg|g|ml|cl|dl|l|kb|mb|gb|tb|hz|khz|mhz|ghz|kw|mw|ms"
    r"|%|‰|°c|°f|[$€£¥]|usd|eur|gbp|cny|rmb)(?!\w)",
    re.IGNORECASE | re.ASCII,
)
_CURRENCY = re.compile(r"([$€£¥])[ \u00a0]?$")
_MONTHS = range(1, 13)
_WORDS_OF = {
    "en": "zero one two three four five six seven eight nine ten eleven twelve",
    "de": "null ein zwei drei vier fünf sechs sieben acht neun zehn elf zwölf",
    "fr": "zéro un deux trois quatre cinq six sept huit neuf dix onze douze",
    "es": "cero un dos tres cuatro cinco seis siete ocho nueve diez once doce",
    "zh": "零 一 二 三 四 五 六 七 八 九 十 十一 十二",
}
_MORE_WORDS = {"两": 2, "eins": 1, "eine": 1, "einen": 1, "einer": 1, "une": 1, "una": 1, "uno": 1}
_MORE_WORDS |= {"first": 1, "second": 2, "third": 3, "once": 1, "twice": 2, "both": 2, "dozen": 12}


def _number_words() -> dict[str, set[int]]:
    words: dict[str, set[int]] = {}
    for line in _WORDS_OF.values():
        for value, word in enumerate(line.split()):
            words.setdefault(word, set()).add(value)
    for word, value in _MORE_WORDS.items():
        words.setdefault(word, set()).add(value)
    return words


_WORDS = _number_words()
_SPACED_WORDS = "|".join(word for word in _WORDS if word < "\u3000")
_SMALL_WORD = re.compile(rf"(?<![^\W\d_])(?:{_SPACED_WORDS})(?![^\W\d_])|十[一二]|[零一二三四五六七八九十两]")


@dataclass(frozen=True)
class _Number:
    start: int
    end: int
    values: frozenset[Decimal]
    unit: str
    scaled: bool


def _numbers(text: str) -> Iterator[_Number]:
    """The numbers of a text with all that each may mean, and the unit that stands with it."""
    for match in _NUMBER.finditer(text):
        values = set(_values(match[0]))
        end = match.end()
        scale = _SCALE.match(text[end : end + 16].casefold())
        if scale:
            values |= {value * _SCALES[scale[1]] for value in values}
            end += scale.end()
        unit = _UNIT.match(text, end)
        sign = _CURRENCY.search(text[max(0, match.start() - 2) : match.start()])
        if unit:
            end = unit.end()
        start = match.start() - (len(sign[0]) if sign else 0)
        name = unit[1].casefold() if unit else sign[1] if sign else ""
        yield _Number(start, end, frozenset(values), name, bool(scale))


def _values(digits: str) -> Iterator[Decimal]:
    """What a number may mean: 1.000 is a thousand, 3.141 may be more than three, 1,5 is 1.5."""
    bare = re.sub(rf"['’{_GAP}]", "", digits)
    marks = re.sub(r"\d", "", bare)
    if not marks:
        yield Decimal(bare)
        return
    last = marks[-1]
    head, _, tail = bare.rpartition(last)
    if marks.count(last) > 1 or (len(tail) == 3 and len(marks) == 1 and not head.startswith("0")):
        yield Decimal(re.sub(r"[.,]", "", bare))
    if marks.count(last) == 1:
        value = Decimal(re.sub(r"[.,]", "", head) + "." + tail)
        if len(tail) != 3 or len(marks) > 1 or value != value.to_integral_value():
            yield value


def _number_kept(text: str, numbers: Sequence[_Number], words: set[int], translated: bool) -> bool:
    wanted = next(_numbers(text), None)
    if wanted is None:
        return text in "".join(str(number) for number in numbers)
    for number in numbers:
        if number.values & wanted.values and _same_unit(wanted.unit, number.unit):
            return True
    small = {int(value) for value in wanted.values if value == value.to_integral_value() and value <= 12}
    if small & words:
        return True
    return translated and not wanted.unit and any(value in _MONTHS for value in small)


_SAME_UNITS = ({"$", "usd"}, {"€", "eur"}, {"£", "gbp"}, {"¥", "cny", "rmb"})


def _same_unit(one: str, other: str) -> bool:
    """Whether two units may be the same; one that is written as a word is not known here, and may be."""
    return not one or not other or one == other or any({one, other} <= group for group in _SAME_UNITS)
