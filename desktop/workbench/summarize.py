"""Summaries: a text that fits is given whole, a longer one in parts whose summaries are merged upward.

The parts and what was made of them form a tree: parts of the documents at its leaves, above them what
several of them were merged into, one root for each document or for all of them together. `Writing` has the
model write in its own words, `Quoting` has it choose sentences of the text.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, fields, replace
from functools import cache
from typing import Any, Literal, Protocol, get_args

import msgspec

from desktop.workbench import extract, guard, language, prompts
from desktop.workbench.extract import Quoting, Samplings
from desktop.workbench.links import Link, link
from desktop.workbench.merging import (
    ALL,
    MARGIN,
    MOST_MERGED,
    checked_room,
    coverage,
    grouped,
    material,
    merged_row,
    most_common,
    name_of,
    part_size,
    roots,
)
from desktop.workbench.passages import Passage, heading, sentences, split
from desktop.workbench.problems import Problem
from desktop.workbench.prompts import fill
from desktop.workbench.reading.document import Document
from desktop.workbench.store.records import PartRow
from desktop.workbench.task import Ask, Desk, Outcome, Verdict
from models.engine.protocol import Chat, Message
from models.errors import UserError, sentence

Length = Literal["short", "medium", "long"]
Form = Literal["prose", "list", "line", "table", "outline", "qa", "free"]

LENGTHS: tuple[Length, ...] = get_args(Length)

_DENSE = 0.25  # tokens of an English character, about
_CJK_WORTH = 3.3  # English characters that say what one Chinese character says
_SAMPLE = 4000
_LEAST_ANSWER = 96
_TELLING = 12  # words from which on a text tells its language: a shorter one may be names


# ---------------------------------------------------------------- kinds and options


class Kind(msgspec.Struct, frozen=True, kw_only=True):
    """A kind of summary; see resources/prompts/summarize.toml for what its fields mean."""

    id: str
    label: str
    help: str
    form: Form
    task: str
    part: str
    merge: str
    reminder: str
    part_length: str
    part_tokens: int
    part_most: int
    length: dict[Length, str]
    most: dict[Length, int]
    tokens: dict[Length, int]
    part_form: Form | None = None
    nothing: str = ""


class _Prompts(msgspec.Struct, frozen=True):
    system: str
    whole: str
    part: str
    titled: str
    merge: str
    named: str
    audience: str
    wish: str
    language: str
    same_language: str
    strict: str
    sampling: Samplings
    grammars: dict[str, str]
    columns: dict[str, tuple[str, str]]
    kinds: tuple[Kind, ...]


PROMPTS = prompts.load("summarize", _Prompts)
KINDS: Mapping[str, Kind] = {kind.id: kind for kind in PROMPTS.kinds}
"""The kinds of summaries by id, in the order they are offered in."""


@dataclass(frozen=True)
class SummaryOptions:
    """What is wanted of a summary.

    Attributes:
        kind: one of `KINDS`. language: code of the result's; empty for that of the text.
        audience: for whom it is, in the person's words. instruction: what the kind "custom" does; for
            the others a further wish. extractive: sentences of the text, whatever the kind.
        together: one result for all documents instead of one for each.
    """

    kind: str = "abstract"
    length: Length = "medium"
    language: str = ""
    audience: str = ""
    instruction: str = ""
    extractive: bool = False
    together: bool = False

    def to_dict(self) -> dict[str, Any]:
        """Plain values, for the store."""
        return asdict(self)

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> SummaryOptions:
        """The options that were stored; what is unknown or damaged counts as not given."""
        known = {f.name: values[f.name] for f in fields(cls) if f.name in values}
        right = {name: value for name, value in known.items() if type(value) is type(getattr(cls, name))}
        if right.get("kind") not in KINDS:
            right.pop("kind", None)
        if right.get("length") not in LENGTHS:
            right.pop("length", None)
        return cls(**right)


# ---------------------------------------------------------------- the recipe


def _source(desk: Desk, part: PartRow) -> str:
    """The text that a part is made of; "" for one that is made of parts."""
    return "" if part.level else desk.documents[part.source].text[part.start : part.end]


class Way(Protocol):
    """How parts are made and merged: in new words, or by choosing sentences."""

    def leaves(self, desk: Desk, source: int, code: str, *, alone: bool) -> list[PartRow]:
        """The parts of a document, not numbered yet; `alone`: its result is the result of the run."""

    def unmerged(self, nodes: Sequence[PartRow]) -> bool:
        """Whether these have to be merged before they are a result."""

    def merges(self, desk: Desk, nodes: Sequence[PartRow], code: str) -> list[tuple[PartRow, ...]]:
        """Which of these are merged next, in order; empty when no two of them find room."""

    def merged(self, desk: Desk, nodes: Sequence[PartRow], code: str) -> PartRow:
        """A part that merges these."""

    def ask(self, desk: Desk, part: PartRow, parts: Sequence[PartRow]) -> Ask:
        """See Recipe."""

    def judge(self, desk: Desk, part: PartRow, text: str, *, cut: bool) -> Verdict:
        """See Recipe."""

    def section(
        self, desk: Desk, nodes: Sequence[PartRow], parts: Sequence[PartRow]
    ) -> tuple[str, list[Link]]:
        """The text that these are in the result, and where it comes from."""


class Summarizer:
    """The recipe of a summary."""

    def __init__(self, options: SummaryOptions) -> None:
        self.options = options
        self._way: Way = Quoting(options.length) if options.extractive else Writing(options)

    def plan(self, desk: Desk) -> Sequence[PartRow]:
        """See Recipe."""
        parts: list[PartRow] = []
        alone = len(desk.documents) == 1 or not self.options.together
        for source, document in enumerate(desk.documents):
            if document.text.strip():
                parts += self._way.leaves(desk, source, language.detect(document.text), alone=alone)
        if not parts:
            raise UserError("There is no text to summarize.", code="empty_text")
        return [replace(part, number=number) for number, part in enumerate(parts)]

    def grow(self, desk: Desk, parts: Sequence[PartRow]) -> Sequence[PartRow]:
        """See Recipe."""
        if any(part.level and part.status == "failed" for part in parts):
            return ()  # what is there is told as it is
        grown: list[PartRow] = []
        for source in range(len(desk.documents)):
            grown += self._merged(desk, roots(parts, source))
        if not grown and self.options.together:
            grown += self._merged(desk, roots(parts))
        return [replace(part, number=len(parts) + place) for place, part in enumerate(grown)]

    def _merged(self, desk: Desk, nodes: Sequence[PartRow]) -> Iterator[PartRow]:
        if self._way.unmerged(nodes):
            code = most_common([str(node.data.get("language", "")) for node in nodes])
            for group in self._way.merges(desk, nodes, code):
                yield self._way.merged(desk, group, code)

    def ask(self, desk: Desk, part: PartRow, parts: Sequence[PartRow]) -> Ask:
        """See Recipe."""
        return self._way.ask(desk, part, parts)

    def judge(self, desk: Desk, part: PartRow, text: str, *, cut: bool) -> Verdict:
        """See Recipe."""
        return self._way.judge(desk, part, text, cut=cut)

    def hopeless(self, desk: Desk, part: PartRow, text: str) -> bool:
        """See Recipe."""
        return guard.endless(text, _source(desk, part))

    def finish(self, desk: Desk, parts: Sequence[PartRow]) -> Outcome:
        """See Recipe."""
        text, links = self._result(desk, parts)
        leaves = [part for part in parts if part.level == 0]
        covered = coverage(desk.documents, parts)
        data = {
            "coverage": covered,
            "parts_done": sum(part.status == "done" for part in leaves),
            "parts": len(leaves),
            "links": [one.to_dict() for one in links],
        }
        return Outcome(text, data, tuple(self._problems(desk, parts, covered)))

    def _result(self, desk: Desk, parts: Sequence[PartRow]) -> tuple[str, list[Link]]:
        if len(desk.documents) == 1 or self.options.together:
            return self._way.section(desk, roots(parts), parts)
        text, links = "", list[Link]()
        for source, document in enumerate(desk.documents):
            nodes = roots(parts, source)
            body, found = self._way.section(desk, nodes, parts)
            text += "\n\n" if text else ""
            text += f"## {name_of(document, source)}\n\n"
            links += [replace(one, start=one.start + len(text), end=one.end + len(text)) for one in found]
            text += body or "–"
        return (text, links) if links or any(part.status == "done" for part in parts) else ("", [])

    def _problems(self, desk: Desk, parts: Sequence[PartRow], covered: float) -> Iterator[Problem]:
        """What is to be known about the result, each once."""
        leaves = [part for part in parts if part.level == 0]
        failed = sum(part.status == "failed" for part in leaves)
        if failed:
            yield Problem("parts_failed", _FAILED, {"failed": failed, "parts": len(leaves)})
        if any(part.data.get("unread") for part in leaves):
            yield Problem("nothing_to_quote", _NOTHING_TO_QUOTE)
        if covered < 1:
            yield Problem("coverage", _COVERED, {"percent": int(covered * 100)})
        whole = len(desk.documents) == 1 or self.options.together
        trees = [roots(parts)] if whole else [roots(parts, n) for n in range(len(desk.documents))]
        ended = all(part.status != "waiting" for part in parts)
        if ended and any(self._way.unmerged(nodes) for nodes in trees):
            yield Problem("not_merged", _NOT_MERGED)
        if any(part.data.get("nothing") for part in parts) and not roots(parts):
            yield Problem("nothing_found", _NOTHING_FOUND)
        told: set[str] = set()
        for part in parts:
            for value in part.problems:
                problem = msgspec.convert(value, Problem)
                if problem.code not in told:
                    told.add(problem.code)
                    yield problem


_FAILED = sentence(
    "{failed} of {parts} parts of the text could not be summarized and are missing from the result."
)
_NOTHING_TO_QUOTE = sentence(
    "Some parts have no sentences that could be quoted, such as tables, code or text without punctuation."
)
_COVERED = sentence("Only {percent} % of the text was used.")
_NOT_MERGED = sentence("The results for some parts could not be merged; they stand one after another.")
_NOTHING_FOUND = sentence("The text has nothing of this kind.")
_CUT = sentence("An answer got too long; its end was left out.")


# ---------------------------------------------------------------- in new words


class Writing:
    """Summaries in the model's own words."""

    def __init__(self, options: SummaryOptions) -> None:
        self._options = options
        self._kind = KINDS.get(options.kind) or KINDS["abstract"]
        if self._kind.form == "free" and not options.instruction.strip():
            raise UserError(
                "There is no instruction yet.",
                hint="Write what is to be done with the text.",
                code="no_instruction",
            )

    # ------------------------------------------------------------ parts

    def leaves(self, desk: Desk, source: int, code: str, *, alone: bool) -> list[PartRow]:
        """See Way."""
        document = desk.documents[source]
        count = cache(desk.count)
        stretch = _stretch(document.text, count)
        titles = [heading(document, block) for block in document.blocks if block.kind == "heading"]
        longest = max(titles, key=len, default="")
        role = "whole" if alone else "part"
        answer = self._answer(desk, role, code, stretch)
        room = desk.context_size - self._instructions(desk, role, code, longest) - answer - MARGIN
        passages = split(document, count, checked_room(desk, room))
        if len(passages) > 1:
            role = "part"
            answer = self._answer(desk, role, code, stretch)
            instructions = self._instructions(desk, role, code, longest)
            passages = split(document, count, part_size(desk, instructions, answer))
        return [
            PartRow(
                number=0,
                level=0,
                source=source,
                start=passage.start,
                end=passage.end,
                title=passage.title,
                data={
                    "role": role,
                    "language": code,
                    "tokens": min(answer, max(_LEAST_ANSWER, count(_text(document, passage)))),
                    "stretch": stretch,
                },
            )
            for passage in passages
        ]

    def unmerged(self, nodes: Sequence[PartRow]) -> bool:
        """See Way."""
        return len(nodes) > 1

    def merges(self, desk: Desk, nodes: Sequence[PartRow], code: str) -> list[tuple[PartRow, ...]]:
        """See Way."""
        answer = self._answer(desk, "merge", code, _stretch_of(nodes))
        room = desk.context_size - self._instructions(desk, "merge", code) - answer - MARGIN
        sizes = [desk.count(self._said(desk, node, named=True)) + 4 for node in nodes]
        return [tuple(nodes[n] for n in group) for group in grouped(sizes, min(room, MOST_MERGED))]

    def merged(self, desk: Desk, nodes: Sequence[PartRow], code: str) -> PartRow:
        """See Way."""
        stretch = _stretch_of(nodes)
        tokens = self._answer(desk, "merge", code, stretch)
        return merged_row(nodes, {"role": "merge", "language": code, "tokens": tokens, "stretch": stretch})

    def _answer(self, desk: Desk, role: str, code: str, stretch: float) -> int:
        """Tokens of an answer, such that at least two of them can be merged into one."""
        kind = self._kind
        tokens = kind.part_tokens if role == "part" else kind.tokens[self._options.length]
        return min(int(tokens * stretch), self._most(desk, code))

    def _most(self, desk: Desk, code: str) -> int:
        return max(1, (desk.context_size - self._instructions(desk, "merge", code) - MARGIN) // 4)

    def _instructions(self, desk: Desk, role: str, code: str, title: str = "") -> int:
        """Tokens of a prompt without its text."""
        return desk.measure(self._chat(role, code, "", title=title, strict=True))

    # ------------------------------------------------------------ the prompt

    def ask(self, desk: Desk, part: PartRow, parts: Sequence[PartRow]) -> Ask:
        """See Recipe."""
        role, code = str(part.data.get("role")), str(part.data.get("language", ""))
        strict = part.attempts > 0
        if part.level:
            nodes = [parts[number] for number in part.inputs]
            named = len({node.source for node in nodes}) > 1
            text = "\n\n".join(self._said(desk, node, named=named) for node in nodes)
        else:
            text = _source(desk, part)
        title = part.title if role == "part" else ""
        return Ask(
            chat=self._chat(role, code, text, title=title, strict=strict),
            max_tokens=int(part.data.get("tokens") or self._kind.part_tokens),
            sampling=PROMPTS.sampling.second if strict else PROMPTS.sampling.first,
            grammar=self._grammar(role, code),
        )

    def _chat(self, role: str, code: str, text: str, *, title: str = "", strict: bool = False) -> Chat:
        form = {"whole": PROMPTS.whole, "merge": PROMPTS.merge}.get(role, PROMPTS.part)
        form = PROMPTS.titled if title and role == "part" else form
        reminder = self._reminder(role, code, strict=strict)
        user = fill(form, text=material(text), title=title.replace('"', "'"), reminder=reminder)
        return Chat((Message("system", self._system(role)), Message("user", user)), thinking=False)

    def _system(self, role: str) -> str:
        kind, instruction = self._kind, self._options.instruction.strip()
        audience = " ".join(self._options.audience.split())
        task = {"whole": kind.task, "merge": kind.merge}.get(role, kind.part)
        wish = instruction if kind.form != "free" else ""
        return fill(
            PROMPTS.system,
            task=fill(task, instruction=instruction),
            audience=fill(PROMPTS.audience, audience=audience) if audience else "",
            wish=fill(PROMPTS.wish, instruction=wish) if wish else "",
        ).strip()

    def _reminder(self, role: str, code: str, *, strict: bool) -> str:
        kind, wanted = self._kind, self._wanted(code)
        named = fill(PROMPTS.language, language=self._named(code)) if wanted else PROMPTS.same_language
        reminder = fill(
            kind.reminder,
            instruction=self._options.instruction.strip(),
            length=kind.part_length if role == "part" else kind.length[self._options.length],
            language=named,
        )
        return " ".join((reminder, PROMPTS.strict)) if strict else reminder

    def _wanted(self, code: str) -> str:
        """Code of the language that the result should be in; empty when it is not known."""
        return self._options.language or code

    def _named(self, code: str) -> str:
        wanted = self._options.language
        return language.name(wanted) if wanted else _called(code)

    def _grammar(self, role: str, code: str) -> str | None:
        kind = self._kind
        form = (kind.part_form or kind.form) if role == "part" else kind.form
        if form not in PROMPTS.grammars:
            return None
        most = kind.part_most if role == "part" else kind.most[self._options.length]
        columns = PROMPTS.columns.get(self._wanted(code))
        head = f'"| {columns[0]} | {columns[1]} |"' if columns else '"|" cell "|" cell "|"'
        text = fill(PROMPTS.grammars[form], more=str(most - 1), head=head)
        nothing = f'root ::= "{kind.nothing}" | '
        return text.replace("root ::= ", nothing, 1) if kind.nothing and role != "merge" else text

    def _said(self, desk: Desk, node: PartRow, *, named: bool) -> str:
        """What a part says, in the prompt of a merge."""
        if not named or node.source == ALL or len(desk.documents) == 1:
            return node.text
        name = name_of(desk.documents[node.source], node.source)
        return fill(PROMPTS.named, name=name, text=node.text)

    # ------------------------------------------------------------ the answer

    def judge(self, desk: Desk, part: PartRow, text: str, *, cut: bool) -> Verdict:
        """See Recipe."""
        kind, code = self._kind, str(part.data.get("language", ""))
        if kind.nothing and text.strip(" .-–*\n") == kind.nothing:
            if part.level == 0:
                return Verdict("", data={**part.data, "nothing": True})
            text = ""  # something was merged
        source = _source(desk, part)
        told = self._told(str(part.data.get("role")), code)
        checked = guard.check(text, source, wanted=self._wanted(code), prompt=told)
        kept, problems = checked.text, list(checked.problems)
        faults = [one for one in checked.faults if one.code != "language" or guard.size(kept) > _TELLING]
        codes = {fault.code for fault in faults}
        if "loop" in codes:
            kept = _once(kept, guard.loops(kept, source))
        elif cut:
            kept = whole_end(kept, kind.form)
            problems.append(Problem("cut", _CUT))
        kept = kept.strip()
        return Verdict(
            kept,
            problems=(*problems, *faults),
            again=bool(codes) or not kept,
            failed=bool(codes & {"refusal", "empty"}) or not kept,
            data=part.data,
        )

    def _told(self, role: str, code: str) -> list[str]:
        """What of a prompt is no part of any result; sentence by sentence what is not the person's own."""
        whole = [message.content for message in self._chat(role, code, "").messages]
        if self._kind.form == "free":
            return [*whole, *(PROMPTS.system[a:b] for a, b in sentences(PROMPTS.system))]
        return [*whole, *(text[a:b] for text in whole for a, b in sentences(text))]

    def section(
        self, desk: Desk, nodes: Sequence[PartRow], parts: Sequence[PartRow]
    ) -> tuple[str, list[Link]]:
        """See Way."""
        text, links = "", list[Link]()
        for node in nodes:
            text += ("\n" if self._kind.form in ("list", "outline") else "\n\n") if text else ""
            code = str(node.data.get("language", "")) or "en"
            links += link(node.text, node, parts, desk.documents, offset=len(text), language=code)
            text += node.text
        return text, links


def _once(text: str, place: int | None) -> str:
    """A text up to where its repetitions begin, with the mark that ends its last sentence."""
    end = len(text) if place is None else place
    while end < len(text) and text[end] in _ENDS:
        end += 1
    return text[:end]


def whole_end(text: str, form: Form) -> str:
    """A text that was cut off, without its last half sentence, item, row or pair; as it is if that is all."""
    if form in ("list", "outline", "table"):
        kept = text.rpartition("\n")[0]
        return kept if kept.strip("|- \n") else text
    if form == "qa":
        return text.rpartition("\n\n")[0] or text
    found = sentences(text)
    if len(found) < 2 or text.rstrip()[-1:] in _ENDS:
        return text
    return text[: found[-2][1]]


_ENDS = tuple(".!?。！？…\"”」')）")


def _text(document: Document, passage: Passage) -> str:
    return document.text[passage.start : passage.end]


def _called(code: str) -> str:
    """The name of a detected language, for a prompt; its script is that of the text."""
    return "Chinese" if code == "zh" else language.name(code)


def _stretch(text: str, count: Any) -> float:
    """How many times the tokens of English this model needs to say the same in the text's language."""
    sample = text[:_SAMPLE]
    cjk = extract.cjk(sample)
    worth = len(sample) - cjk + cjk * _CJK_WORTH
    density = count(sample) / worth / _DENSE if worth else 1.0
    return round(min(4.0, max(1.0, density)), 2)


def _stretch_of(nodes: Sequence[PartRow]) -> float:
    return max(float(node.data.get("stretch") or 1.0) for node in nodes)
