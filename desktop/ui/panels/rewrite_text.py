"""A rewritten text as the panel has it: its paragraphs, what became of each, and what the person did."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import islice
from typing import Any, Literal, TypeVar

from desktop.workbench.reading.document import Block, Document
from desktop.workbench.store.records import PartRow, RunRow

T = TypeVar("T")

State = Literal["waiting", "done", "kept", "failed"]
Look = Literal["plain", "bold", "code"]


@dataclass(slots=True)
class Stretch:
    """What the model is asked for at once: characters of the source, with a part for each alternative.

    Attributes:
        numbers: of the parts; a stretch that no model is asked for has one for all alternatives.
        texts: what came of it so far, one for each alternative.
    """

    start: int
    end: int
    numbers: list[int]
    texts: list[str]


@dataclass(slots=True)
class Paragraph:
    """Whole lines of the source and what became of them, the marks before and after included.

    Attributes:
        start, end: of its characters in the document.
        made: what the model or the person wrote, one for each alternative.
        text: what stands in the result: `made` of the chosen one, without what was rejected.
        state: "kept": no model was asked; "failed": something of it is as it was, against the wish.
        problems: plain dicts of `Problem`.
    """

    start: int
    end: int
    stretches: list[Stretch]
    made: list[str] = field(default_factory=list)
    text: str = ""
    state: State = "kept"
    problems: list[dict[str, Any]] = field(default_factory=list)
    look: Look = "plain"


class RewrittenText:
    """What is shown of a run; built from the store, kept up while it runs, changed by the person.

    Attributes:
        run, document: what it is about. paragraphs: in the order of the document.
        chosen: the alternative that is the result, from 0. alternatives: how many there are.
    """

    def __init__(self, run: RunRow, document: Document, parts: Sequence[PartRow]) -> None:
        self.run, self.document = run, document
        self.alternatives = max([1, *(part.variant + 1 for part in parts)])
        chosen = run.data.get("chosen", 0)
        self.chosen = chosen if isinstance(chosen, int) and 0 <= chosen < self.alternatives else 0
        self.paragraphs: list[Paragraph] = []
        self._parts = {part.number: part for part in parts}
        self._place: dict[int, int] = {}  # the paragraph of each part
        self._build()
        self._take_result()

    @property
    def source(self) -> str:
        """The text that is rewritten."""
        return self.document.text

    # ------------------------------------------------------------ building

    def _build(self) -> None:
        looks, at = _looks(self.document.blocks), 0
        for group in self._lines():
            paragraph = self._paragraph(group, at)
            self._keep_between(at, paragraph.start)
            paragraph.look = looks.get(paragraph.start, "plain")
            self.paragraphs.append(paragraph)
            at = paragraph.end
        self._keep_between(at, len(self.source))
        for place, paragraph in enumerate(self.paragraphs):
            for stretch in paragraph.stretches:
                self._place.update(dict.fromkeys(stretch.numbers, place))
            self._refresh(paragraph)

    def _lines(self) -> list[list[Stretch]]:
        """What the parts are about, together where no line ends between them."""
        numbers: dict[tuple[int, int], list[int]] = {}
        for part in self._parts.values():
            if part.level == 0:
                numbers.setdefault((part.start, part.end), []).append(part.number)
        groups: list[list[Stretch]] = []
        for start, end in sorted(numbers):
            found = sorted(numbers[start, end], key=lambda number: self._parts[number].variant)
            stretch = Stretch(start, end, found, [self._part_text(n) for n in found])
            if groups and "\n" not in self.source[groups[-1][-1].end : start]:
                groups[-1].append(stretch)
            else:
                groups.append([stretch])
        return groups

    def _paragraph(self, group: list[Stretch], least: int) -> Paragraph:
        start = max(least, self.source.rfind("\n", 0, group[0].start) + 1)
        end = self.source.find("\n", group[-1].end)
        return Paragraph(start, end if end >= 0 else len(self.source), group)

    def _keep_between(self, start: int, end: int) -> None:
        """What no part is about stays as it is."""
        text = self.source[start:end]
        if text.strip():
            start += len(text) - len(text.lstrip())
            end -= len(text) - len(text.rstrip())
            self.paragraphs.append(Paragraph(start, end, []))

    def _part_text(self, number: int) -> str:
        """What is in the result for a part; what is not made yet is empty only while it is made."""
        part = self._parts[number]
        live = part.status == "waiting" and self.run.status == "running"
        return part.text if part.status == "done" or live else self.source[part.start : part.end]

    def _refresh(self, paragraph: Paragraph) -> None:
        """Take over what came of its parts."""
        parts = [self._parts[_of(stretch.numbers, self.chosen)] for stretch in paragraph.stretches]
        statuses = {part.status for part in parts}
        if "waiting" in statuses:
            paragraph.state = "waiting"
        elif "failed" in statuses:
            paragraph.state = "failed"
        else:
            paragraph.state = "done" if any(part.attempts for part in parts) else "kept"
        paragraph.problems = [dict(problem) for part in parts for problem in part.problems]
        paragraph.made = [self._composed(paragraph, variant) for variant in range(self.alternatives)]
        paragraph.text = paragraph.made[self.chosen]

    def _composed(self, paragraph: Paragraph, variant: int) -> str:
        if paragraph.state == "waiting" and not any(_of(s.texts, variant) for s in paragraph.stretches):
            return ""
        pieces, at = [], paragraph.start
        for stretch in paragraph.stretches:
            pieces += [self.source[at : stretch.start], _of(stretch.texts, variant)]
            at = stretch.end
        return "".join([*pieces, self.source[at : paragraph.end]])

    def _take_result(self) -> None:
        """Take over what the person wrote, chose and decided."""
        rows = self.run.data.get("paragraphs")
        kept = {
            (row.get("start"), row.get("end")): row
            for row in (rows if isinstance(rows, list) else [])
            if isinstance(row, Mapping)
        }
        for paragraph in self.paragraphs:
            row = kept.get((paragraph.start, paragraph.end), {})
            by_hand = row.get("by_hand")
            for key, text in by_hand.items() if isinstance(by_hand, Mapping) else ():
                if str(key).isdigit() and int(key) < self.alternatives:
                    paragraph.made[int(key)] = str(text)
                    if int(key) == self.chosen:
                        paragraph.state, paragraph.problems = "done", []
            text = row.get("text", paragraph.made[self.chosen])
            paragraph.text = text if isinstance(text, str) else paragraph.made[self.chosen]

    # ------------------------------------------------------------ while it runs

    def hear_text(self, number: int, text: str) -> int:
        """More of the answer for a part; its paragraph, -1 when there is none."""
        place = self._place.get(number, -1)
        if place >= 0:
            for stretch in self.paragraphs[place].stretches:
                if number in stretch.numbers:
                    stretch.texts[stretch.numbers.index(number)] += text
            self._refresh(self.paragraphs[place])
        return place

    def hear_part(self, part: PartRow) -> int:
        """A part as it was stored; its paragraph, -1 when there is none."""
        self._parts[part.number] = part
        place = self._place.get(part.number, -1)
        if place >= 0:
            for stretch in self.paragraphs[place].stretches:
                if part.number in stretch.numbers:
                    stretch.texts[stretch.numbers.index(part.number)] = self._part_text(part.number)
            self._refresh(self.paragraphs[place])
        return place

    # ------------------------------------------------------------ what the person does

    def edit(self, place: int, text: str) -> None:
        """The person wrote a paragraph: it has no problems any more."""
        paragraph = self.paragraphs[place]
        paragraph.made[self.chosen] = paragraph.text = text
        paragraph.state, paragraph.problems = "done", []

    def choose(self, variant: int) -> None:
        """Another alternative becomes the result."""
        self.chosen = variant
        for paragraph in self.paragraphs:
            made = paragraph.made
            self._refresh(paragraph)
            if made[variant] != paragraph.made[variant]:
                paragraph.state, paragraph.problems = "done", []
            paragraph.made, paragraph.text = made, made[variant]

    # ------------------------------------------------------------ what comes out

    def gap(self, place: int) -> str:
        """What stands in the source between a paragraph and the one before."""
        end = self.paragraphs[place - 1].end if place else 0
        return self.source[end : self.paragraphs[place].start]

    def result(self) -> str:
        """The result as it is now."""
        pieces, at = [], 0
        for paragraph in self.paragraphs:
            pieces += [self.source[at : paragraph.start], paragraph.text]
            at = paragraph.end
        return "".join([*pieces, self.source[at:]])

    def fields(self, states: Sequence[str] = ()) -> dict[str, Any]:
        """The fields of the run that keep what the person did: its result and its data.

        Paragraphs are stored as the task stores them, whole lines each; besides, "text" is what stands in
        the result where that is not what was made, and "by_hand" what the person wrote, by alternative.
        `states`: of the changes, see `changes.Review`; kept only when one of them is decided.
        """
        rows: list[dict[str, Any]] = []
        length, done = 0, 0
        for paragraph in self.paragraphs:
            length += paragraph.start - done
            rows.append(self._row(paragraph, length))
            length, done = length + len(paragraph.text), paragraph.end
        data = {**self.run.data, "paragraphs": rows, "chosen": self.chosen}
        data.pop("decisions", None)
        if any(state != "pending" for state in states):
            data["decisions"] = list(states)
        return {"result": self.result(), "data": data}

    def carried_over(self, run: RunRow, parts: Sequence[PartRow]) -> dict[str, Any]:
        """The fields of a run that went on from here and was stored anew, with what the person did before.

        Empty when that is nothing. A paragraph that the model made since then has lost its decisions.
        """
        mine: dict[str, Any] = {
            key: self.run.data[key] for key in ("paragraphs", "chosen", "decisions") if key in self.run.data
        }
        after = RewrittenText(replace(run, data={**run.data, **mine}), self.document, parts)
        pairs = list(zip(self.paragraphs, after.paragraphs, strict=False))
        if not self._touched() or any((a.start, a.end) != (b.start, b.end) for a, b in pairs):
            return {}
        for old, new in pairs:
            if new.made[self.chosen] != old.made[self.chosen]:
                new.text = new.made[self.chosen]
        return after.fields(_carried_states(mine.get("decisions"), self, after))

    def _touched(self) -> bool:
        """Whether the person wrote, chose or decided anything."""
        return (
            self.chosen > 0
            or "decisions" in self.run.data
            or any({"text", "by_hand"} & self._row(paragraph, 0).keys() for paragraph in self.paragraphs)
        )

    def changes(self, place: int) -> int:
        """How many changes the model proposes in a paragraph."""
        from desktop.workbench.changes import diff

        paragraph = self.paragraphs[place]
        return len(diff(self.source[paragraph.start : paragraph.end], paragraph.made[self.chosen]))

    def _row(self, paragraph: Paragraph, start: int) -> dict[str, Any]:
        numbers = [_of(stretch.numbers, self.chosen) for stretch in paragraph.stretches]
        row: dict[str, Any] = {
            "start": paragraph.start,
            "end": paragraph.end,
            "from": start,
            "to": start + len(paragraph.text),
            "part": numbers[0] if numbers else None,
            "problems": paragraph.problems,
        }
        if paragraph.text != paragraph.made[self.chosen]:
            row["text"] = paragraph.text
        by_hand = {
            str(variant): text
            for variant, text in enumerate(paragraph.made)
            if text != self._composed(paragraph, variant)
        }
        return {**row, "by_hand": by_hand} if by_hand else row

    def progress(self) -> tuple[int, int]:
        """How many of the parts that a model is asked for are finished, and how many there are."""
        asked = [part for part in self._parts.values() if part.attempts or part.status == "waiting"]
        return sum(part.status != "waiting" for part in asked), len(asked)

    @property
    def planned(self) -> bool:
        """Whether it is known which parts there are."""
        return bool(self._parts)

    @property
    def unfinished(self) -> bool:
        """Whether a model would still be asked for something, were the run taken up again."""
        return not self._parts or any(part.status == "waiting" for part in self._parts.values())

    def worth_a_look(self) -> list[int]:
        """The paragraphs that were left as they were, or have problems."""
        return [
            place
            for place, paragraph in enumerate(self.paragraphs)
            if paragraph.state == "failed" or (paragraph.problems and paragraph.state == "done")
        ]


def _carried_states(decisions: object, before: RewrittenText, after: RewrittenText) -> list[str]:
    """What became of the changes of a text that went on: pending where a paragraph was made since then."""
    if not isinstance(decisions, list):
        return []
    counts = [before.changes(place) for place in range(len(before.paragraphs))]
    if sum(counts) != len(decisions):
        return []
    states: list[str] = []
    rest = iter(decisions)
    for place, count in enumerate(counts):
        old = [str(state) for state in islice(rest, count)]
        same = before.paragraphs[place].made[before.chosen] == after.paragraphs[place].made[before.chosen]
        states += old if same else ["pending"] * after.changes(place)
    return states


def _of(values: Sequence[T], variant: int) -> T:
    """What belongs to an alternative, where there is one for each or one for all."""
    return values[variant] if variant < len(values) else values[0]


def _looks(blocks: Sequence[Block]) -> dict[int, Look]:
    looks: dict[int, Look] = {}
    for block in blocks:
        if block.kind in ("heading", "code"):
            looks[block.start] = "bold" if block.kind == "heading" else "code"
    return looks
