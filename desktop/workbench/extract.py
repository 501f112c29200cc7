"""The most telling sentences of a text, chosen by their numbers, so that each is really in it."""

from __future__ import annotations

import re
from bisect import bisect_left
from collections.abc import Sequence
from dataclasses import replace
from functools import cache
from typing import Any

import msgspec

from desktop.workbench import prompts
from desktop.workbench.links import Link
from desktop.workbench.merging import MARGIN, grouped, material, merged_row, name_of, part_size
from desktop.workbench.passages import Passage, Span, sentences, split, units
from desktop.workbench.problems import Problem
from desktop.workbench.prompts import fill
from desktop.workbench.reading.document import Document
from desktop.workbench.store.records import PartRow
from desktop.workbench.task import Ask, Desk, Verdict
from models.engine.protocol import Chat, Message, Sampling
from models.errors import sentence

MOST = 24
"""Sentences to choose from, at most: of a long list small models take the first or the last ones."""
MOST_MERGED = 40
"""The same for sentences that were chosen once already."""
PER_SENTENCE = 5
"""Tokens that the number of a sentence takes, about."""

_LONGEST = 400  # characters of a sentence that is worth quoting
_LEAST_WORDS = 4
_LEAST_CJK = 6
_KINDS = ("paragraph", "item", "quote")

_CJK = re.compile(r"[\u3040-\u30ff\u3400-\u9fff\uf900-\ufaff\u0e00-\u0eff]")
_WORD = re.compile(r"[^\W_]+")
_NUMBER = re.compile(r"\d+")


class Samplings(msgspec.Struct, frozen=True):
    """How an answer is sampled at the first and at the second attempt."""

    first: Sampling
    second: Sampling


class _Extract(msgspec.Struct, frozen=True):
    """How the model is asked; `count`: how many sentences a result has, by its length."""

    system: str
    reminder: str
    count: dict[str, int]


class _Prompts(msgspec.Struct, frozen=True):
    whole: str
    sampling: Samplings
    extract: _Extract


def share(wanted: int, parts: int) -> int:
    """How many sentences to choose in each of several parts, so that there is a choice among them."""
    return wanted if parts == 1 else max(1, -(-3 * wanted // (2 * parts)))


def quotable(document: Document, language: str = "en") -> list[Span]:
    """The sentences of a document that may be quoted: no headings, tables, code, nor endless ones."""
    return [
        (start, end)
        for block in document.blocks
        if block.kind in _KINDS
        for start, end in units(document, block, language)
        if _quotable(document.text[start:end])
    ]


def candidates(document: Document, spans: Sequence[Span], passage: Passage) -> list[Span]:
    """Those of these sentences that lie in a passage; very short ones only if there are no others."""
    first = bisect_left(spans, (passage.start, 0))
    last = bisect_left(spans, (passage.end, 0))
    inside = [span for span in spans[first:last] if span[1] <= passage.end]
    return [span for span in inside if _telling(document.text[slice(*span)])] or inside


def _quotable(text: str) -> bool:
    return len(text) <= _LONGEST and bool(_WORD.search(text)) and "\n>" not in text


def cjk(text: str) -> int:
    """How many characters of a text are of scripts that write no spaces."""
    return len(_CJK.findall(text))


def _telling(text: str) -> bool:
    return cjk(text) >= _LEAST_CJK or len(_WORD.findall(text)) >= _LEAST_WORDS


def grammar(sentences: int, chosen: int) -> str:
    """GBNF that allows just `chosen` distinct numbers from 1 to `sentences`, ascending, with commas.

    The rule "s-i-k" has k more numbers to come, all of them from i on.
    """
    rules = [f"root ::= s-1-{chosen}"]
    for left in range(chosen, 0, -1):
        for number in range(chosen - left + 1, sentences - left + 2):
            rest = f' ", " s-{number + 1}-{left - 1}' if left > 1 else ""
            later = f" | s-{number + 1}-{left}" if number < sentences - left + 1 else ""
            rules.append(f's-{number}-{left} ::= "{number}"{rest}{later}')
    return "\n".join(rules) + "\n"


def numbers(answer: str, sentences: int, most: int) -> list[int]:
    """The numbers from 1 to `sentences` in an answer, each once, ascending, at most so many."""
    found = {int(word) for word in _NUMBER.findall(answer)[:most] if len(word) < 9}
    return sorted(number for number in found if 1 <= number <= sentences)


def numbered(document: Document, passage: Passage, spans: Sequence[Span]) -> str:
    """The text of a passage with a number before each sentence that may be chosen.

    What stands between them (headings, tables) is there without a number.
    """
    lines: list[str] = []
    at = passage.start
    for number, (start, end) in enumerate(spans, 1):
        lines.append(document.text[at:start])
        lines.append(f"[{number}] {_flat(document.text[start:end])}")
        at = end
    lines.append(document.text[at : passage.end])
    return "\n".join(line.strip() for line in lines if _WORD.search(line))


def listed(texts: Sequence[str]) -> str:
    """Sentences with their numbers, one a line."""
    return "\n".join(f"[{number}] {_flat(text)}" for number, text in enumerate(texts, 1))


def _flat(text: str) -> str:
    return " ".join(text.split())


# ---------------------------------------------------------------- in the text's own words


class Quoting:
    """Sentences of the text, chosen by the model.

    `data` of a part: "sentences", among which it chooses, and "chosen", each [document, start, end].
    """

    def __init__(self, length: str) -> None:
        self._prompts = prompts.load("summarize", _Prompts)
        self._wanted = self._prompts.extract.count[length]

    # ------------------------------------------------------------ parts

    def leaves(self, desk: Desk, source: int, code: str, *, alone: bool) -> list[PartRow]:
        """See Way."""
        document = desk.documents[source]
        capacity = part_size(desk, self._instructions(desk), self._answer(self._wanted))

        @cache
        def count(text: str) -> int:
            """Tokens with the numbers; no part may have more sentences than can be chosen from."""
            number = len(sentences(text, code))
            return max(desk.count(text) + number * PER_SENTENCE, number * capacity // MOST)

        passages = split(document, count, capacity)
        spans = quotable(document, code)
        wanted = share(self._wanted, len(passages))
        rows = []
        for passage in passages:
            found = candidates(document, spans, passage)
            quotes = [[source, start, end] for start, end in found]
            row = PartRow(0, 0, source, passage.start, passage.end, title=passage.title)
            rows.append(self._row(desk, row, quotes, wanted, code))
        return rows

    def unmerged(self, nodes: Sequence[PartRow]) -> bool:
        """See Way."""
        return sum(len(_chosen(node)) for node in nodes) > self._wanted

    def merges(self, desk: Desk, nodes: Sequence[PartRow], code: str) -> list[tuple[PartRow, ...]]:
        """See Way."""
        room = desk.context_size - self._instructions(desk) - self._answer(self._wanted) - MARGIN
        most = max(MOST_MERGED, 3 * self._wanted)
        numbers = [len(_chosen(node)) for node in nodes]
        sizes = [
            max(desk.count(node.text) + number * PER_SENTENCE, number * room / most)
            for node, number in zip(nodes, numbers, strict=True)
        ]
        return [tuple(nodes[n] for n in group) for group in grouped(sizes, room)]

    def merged(self, desk: Desk, nodes: Sequence[PartRow], code: str) -> PartRow:
        """See Way."""
        quotes = [quote for node in nodes for quote in _chosen(node)]
        return self._row(desk, merged_row(nodes, {}), quotes, self._wanted, code)

    def _row(self, desk: Desk, row: PartRow, quotes: list[Quote], wanted: int, code: str) -> PartRow:
        """The part with what is to be chosen from; done when there is no choice."""
        data: dict[str, Any] = {"language": code, "sentences": quotes, "count": min(wanted, len(quotes))}
        if not quotes:
            return replace(row, status="done", data={**data, "chosen": [], "unread": True})
        if len(quotes) <= wanted:
            return replace(row, status="done", text=_quoted(desk, quotes), data={**data, "chosen": quotes})
        return replace(row, data=data)

    def _answer(self, number: int) -> int:
        return 8 + number * PER_SENTENCE

    def _instructions(self, desk: Desk) -> int:
        return desk.measure(self._chat("", self._wanted))

    # ------------------------------------------------------------ choosing

    def ask(self, desk: Desk, part: PartRow, parts: Sequence[PartRow]) -> Ask:
        """See Recipe."""
        quotes, number = _sentences(part), int(part.data["count"])
        if part.level:
            text = listed([_quote(desk, quote) for quote in quotes])
        else:
            document = desk.documents[part.source]
            spans = [(start, end) for _, start, end in quotes]
            text = numbered(document, Passage(part.start, part.end), spans)
        return Ask(
            chat=self._chat(text, number),
            max_tokens=self._answer(number),
            sampling=self._prompts.sampling.second if part.attempts else Sampling(temperature=0.0),
            grammar=grammar(len(quotes), number),
        )

    def _chat(self, text: str, number: int) -> Chat:
        data = self._prompts.extract
        system = fill(data.system, count=str(number)).strip()
        reminder = fill(data.reminder, count=str(number))
        user = fill(self._prompts.whole, text=material(text), reminder=reminder)
        return Chat((Message("system", system), Message("user", user)), thinking=False)

    def judge(self, desk: Desk, part: PartRow, text: str, *, cut: bool) -> Verdict:
        """See Recipe."""
        quotes = _sentences(part)
        chosen = [quotes[n - 1] for n in numbers(text, len(quotes), int(part.data["count"]))]
        problems = () if chosen else (Problem("no_choice", _NO_CHOICE),)
        return Verdict(
            _quoted(desk, chosen),
            problems=problems,
            again=not chosen,
            failed=not chosen,
            data={**part.data, "chosen": chosen},
        )

    def section(
        self, desk: Desk, nodes: Sequence[PartRow], parts: Sequence[PartRow]
    ) -> tuple[str, list[Link]]:
        """See Way."""
        text, links, before = "", list[Link](), -1
        leaves = [part for part in parts if part.level == 0]
        for source, start, end in (quote for node in nodes for quote in _chosen(node)):
            if len({quote[0] for node in nodes for quote in _chosen(node)}) > 1 and source != before:
                text += "\n\n" if text else ""
                text += f"## {name_of(desk.documents[source], source)}\n"
            text += "\n- " if text else "- "
            number = next(p.number for p in leaves if p.source == source and p.start <= start < p.end)
            begin = len(text)
            text += desk.documents[source].text[start:end]
            links.append(Link(begin, len(text), number, source, start, end, 1.0))
            before = source
        return text, links


Quote = list[int]
"""A sentence: [document, start, end]."""

_NO_CHOICE = sentence("The model chose no sentence.")


def _sentences(part: PartRow) -> list[Quote]:
    return [list(map(int, quote)) for quote in part.data.get("sentences", ())]


def _chosen(part: PartRow) -> list[Quote]:
    return [list(map(int, quote)) for quote in part.data.get("chosen", ())]


def _quote(desk: Desk, quote: Quote) -> str:
    source, start, end = quote
    return desk.documents[source].text[start:end]


def _quoted(desk: Desk, quotes: Sequence[Quote]) -> str:
    return "\n".join(f"- {_quote(desk, quote)}" for quote in quotes)
