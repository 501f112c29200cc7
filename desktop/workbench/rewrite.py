"""Rewriting a text paragraph by paragraph: what is asked, what is made of the answers."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass, field, replace
from typing import Any

import msgspec

from desktop.workbench import guard, language, prompts, protect
from desktop.workbench.guard import Checked
from desktop.workbench.pieces import Layout, Passed, Piece, pieces
from desktop.workbench.problems import Problem
from desktop.workbench.reading.document import Document
from desktop.workbench.store.records import PartRow
from desktop.workbench.task import Ask, Desk, Outcome, Verdict
from models.engine.protocol import Chat, Message, Sampling
from models.errors import UserError, sentence

# ---------------------------------------------------------------- tasks as data


class Task(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What can be done with a text; the fields are explained in `resources/prompts/rewrite.toml`."""

    label: str
    help: str
    instruction: str
    strict: str
    reminder: str
    kinds: tuple[str, ...]
    length: tuple[float, float]
    tokens: float
    keeps: tuple[protect.Kind, ...]
    copies: bool = False
    keeps_language: bool = True
    least: int = 0
    neighbours: bool = False
    free: bool = False
    changes: bool = False
    alike: float = 0.0
    rule: str = ""
    examples: dict[str, tuple[str, str]] = {}
    id: str = ""


class _Prompts(msgspec.Struct, frozen=True):
    system: str
    rule: str
    user: str
    around: str
    around_answer: str
    before: str
    after: str
    same_language: str
    language: str
    keep: str
    glossary: str
    lines: str
    alternative: Sampling
    tasks: dict[str, Task]


_PROMPTS = prompts.load("rewrite", _Prompts)
TASKS: Mapping[str, Task] = {id: msgspec.structs.replace(task, id=id) for id, task in _PROMPTS.tasks.items()}
"""The tasks in the order in which they are offered, by their id."""

MOST_ALTERNATIVES = 3


@dataclass(frozen=True)
class RewriteOptions:
    """What is to be done with a text.

    Attributes:
        task: of `TASKS`. instruction: in the person's own words, for "custom".
        language: code of the language to translate to. source_language: and from; empty when detected.
        glossary: terms and how each is to be written in the result. protected: terms that stay as they are.
        alternatives: results to choose from, 1 to 3.
    """

    task: str = "correct"
    instruction: str = ""
    language: str = ""
    glossary: tuple[tuple[str, str], ...] = ()
    protected: tuple[str, ...] = ()
    alternatives: int = 1
    source_language: str = ""

    def to_dict(self) -> dict[str, Any]:
        """Plain values."""
        return {
            **asdict(self),
            "glossary": [list(pair) for pair in self.glossary],
            "protected": list(self.protected),
        }

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> RewriteOptions:
        """Read what `to_dict` wrote; unknown keys are ignored, bad values become the defaults."""
        good: dict[str, Any] = {}
        for name in cls.__dataclass_fields__.keys() & values.keys():
            with suppress(msgspec.ValidationError):
                good[name] = msgspec.convert(values[name], _KINDS.get(name, str))
        options = cls(**good)
        return replace(
            options,
            task=options.task if options.task in TASKS else "correct",
            alternatives=min(max(1, options.alternatives), MOST_ALTERNATIVES),
        )

    def swapped(self, detected: str = "") -> RewriteOptions:
        """The translation back; `detected`: the language of the text, where none was chosen."""
        pairs = tuple((wanted, term) for term, wanted in self.glossary)
        source = self.source_language or detected
        return replace(self, language=source, source_language=self.language, glossary=pairs)


_KINDS: dict[str, Any] = {
    "glossary": tuple[tuple[str, str], ...],
    "protected": tuple[str, ...],
    "alternatives": int,
}

# ---------------------------------------------------------------- the recipe

MOST_TOKENS = 700
"""Tokens of a paragraph from which on it is divided even if more would fit: small models lose their way."""

LARGE = 2_000_000_000
"""Parameters of a model from which on it is shown the paragraphs around; smaller ones rewrite those instead,
in whatever form they are told of them."""

_LEAST_TOKENS = 24  # a piece may have, however small the context is
_SPARE = 64  # tokens of the context that nothing is planned for
_NEIGHBOUR = 200  # characters of the paragraphs around
_LONG_ENOUGH = 60.0  # words: such a paragraph explains itself


class Rewriter:
    """A `Recipe`: every paragraph is a part; what is between them stays as it is.

    Of each part's data, "kind" is the kind of its block, "passed" why no model is asked for it (see
    `pieces.Passed`), "language" the code of its language, and "around" whether the model sees what stands
    around it, too.
    """

    def __init__(self, options: RewriteOptions) -> None:
        self.options = options
        self.task = TASKS[options.task]
        self._glossary = dict(options.glossary)

    # ------------------------------------------------------------ parts

    def plan(self, desk: Desk) -> Sequence[PartRow]:
        """See Recipe."""
        self._check_options()
        document = desk.documents[0]
        whole = self.options.source_language or language.detect(document.text)
        rows: list[PartRow] = []
        for piece in self._pieces(desk, document, whole):
            raw = document.text[piece.start : piece.end]
            passed = piece.passed or self._reason_to_pass(raw)
            row = PartRow(len(rows), 0, 0, piece.start, piece.end, title=piece.title)
            data: dict[str, Any] = {"kind": piece.kind, "passed": passed}
            if passed:
                told = (msgspec.to_builtins(TABLE_KEPT),) if passed == "table" else ()
                rows.append(replace(row, status="done", text=raw, data=data, problems=told))
                continue
            data["language"] = self.options.source_language or language.detect(raw) or whole
            data["around"] = self._sees_neighbours(desk)
            for variant in range(self.options.alternatives):
                rows.append(replace(row, number=len(rows), variant=variant, data=data))
        if not any(row.status == "waiting" for row in rows):
            raise UserError(
                "There is nothing in the text that this task would change.",
                hint="Choose another task or another text.",
                code="nothing_to_do",
            )
        return rows

    def grow(self, desk: Desk, parts: Sequence[PartRow]) -> Sequence[PartRow]:
        """See Recipe; nothing is made of the parts but the result."""
        return ()

    def _check_options(self) -> None:
        if self.task.id == "translate" and not self.options.language:
            raise UserError("Choose the language to translate to.", code="no_language")
        if self.task.id == "custom" and not self.options.instruction.strip():
            raise UserError("Say what is to be done with the text.", code="no_instruction")

    def _reason_to_pass(self, raw: str) -> Passed:
        """Why the task does not change a piece that it could."""
        words = guard.size(raw)
        if words < self.task.least:
            return "kind"
        target = self.options.language if self.task.id == "translate" else ""
        # One form of Chinese may be wanted of the other, which looks the same here.
        already = target and not target.startswith("zh") and language.detect(raw) == target
        return "kind" if already else ""

    def _pieces(self, desk: Desk, document: Document, whole: str) -> Iterator[Piece]:
        """The pieces of the document, those divided that are too long for the model."""
        empty = desk.measure(self._chat(document, replace(_NO_PART, data={"language": whole}), ""))
        room = desk.context_size - empty - 3 * _SPARE - (2 * _NEIGHBOUR if self._sees_neighbours(desk) else 0)
        most = max(_LEAST_TOKENS, min(MOST_TOKENS, int(room / (1 + self.task.tokens))))
        for piece in pieces(document, self.task.kinds):
            raw = document.text[piece.start : piece.end]
            if piece.passed or len(raw.encode()) <= most or desk.count(raw) <= most:
                yield piece
                continue
            for start, end in _divided(desk, raw, most, whole):
                yield replace(piece, start=piece.start + start, end=piece.start + end)

    def _sees_neighbours(self, desk: Desk) -> bool:
        """Whether the model is large enough to tell what it is to rewrite from what stands around it."""
        return self.task.neighbours and desk.parameters >= LARGE

    # ------------------------------------------------------------ what is asked

    def ask(self, desk: Desk, part: PartRow, parts: Sequence[PartRow]) -> Ask:
        """See Recipe."""
        document = desk.documents[0]
        raw = document.text[part.start : part.end]
        sampling = Sampling(temperature=0.0)
        if part.variant:
            sampling = msgspec.structs.replace(_PROMPTS.alternative, seed=1000 * part.variant + part.number)
        return Ask(
            chat=self._chat(document, part, raw),
            max_tokens=int(desk.count(raw) * self.task.tokens) + _SPARE,
            sampling=sampling,
            lookup=self.task.copies,
        )

    def _chat(self, document: Document, part: PartRow, raw: str) -> Chat:
        strict = part.attempts > 0
        layout = Layout.of(raw)
        reminder = f"{self.task.strict} {self.task.reminder}" if strict else self.task.reminder
        user = prompts.fill(
            _PROMPTS.user, text=layout.text, words=self._words(raw, layout), reminder=self._filled(reminder)
        )
        code = str(part.data.get("language", ""))
        turns = [Message("system", self._system(code)), *self._example(code)]
        if part.data.get("around") and not strict and (context := self._context(document, part, layout.text)):
            turns += Message("user", context), Message("assistant", _PROMPTS.around_answer)
        return Chat((*turns, Message("user", user)))

    def _example(self, code: str) -> Iterator[Message]:
        """Earlier turns that show what is wanted, in the language of the text."""
        if code in self.task.examples:
            text, result = self.task.examples[code]
            asked = prompts.fill(
                _PROMPTS.user, text=text, words="", reminder=self._filled(self.task.reminder)
            )
            yield from (Message("user", asked), Message("assistant", result))

    def _system(self, code: str) -> str:
        """The instruction: the same for all parts, but for texts in several languages."""
        own = ""
        if self.task.keeps_language:
            form = _PROMPTS.language if code else _PROMPTS.same_language
            own = prompts.fill(form, language=language.name(code))
        filled = self._filled(self.task.instruction, code)
        rule = self.task.rule or _PROMPTS.rule
        return prompts.fill(_PROMPTS.system, instruction=filled, language=own, rule=rule)

    def _filled(self, template: str, code: str = "") -> str:
        return prompts.fill(
            template,
            wish=self.options.instruction.strip(),
            to=language.name(self.options.language),
            **{"from": f" from {language.name(code)}" if code else ""},
        )

    def _context(self, document: Document, part: PartRow, text: str) -> str:
        """The end of what comes before a short paragraph and the beginning of what comes after."""
        if guard.size(text) >= _LONG_ENOUGH:
            return ""
        before, after = _neighbours(document, part)
        found = prompts.fill(_PROMPTS.before, before=before) if before else ""
        found += prompts.fill(_PROMPTS.after, after=after) if after else ""
        return prompts.fill(_PROMPTS.around, around=found) if found else ""

    def _words(self, raw: str, layout: Layout) -> str:
        """What the model is told about words of this paragraph that have to stay, and about its lines."""
        spans = self._spans(raw)
        terms = dict.fromkeys(span.text for span in spans if span.kind == "term")
        told = prompts.fill(_PROMPTS.keep, terms=", ".join(terms)) if terms else ""
        for term, wanted in dict.fromkeys((s.text, s.wanted) for s in spans if s.kind == "glossary"):
            told += prompts.fill(_PROMPTS.glossary, term=term, wanted=wanted)
        if len(layout.lines) > 1 and not self.task.free:
            told += prompts.fill(_PROMPTS.lines, count=str(len(layout.lines)))
        return told

    def _spans(self, raw: str) -> list[protect.Span]:
        return protect.find(raw, self.options.protected, self._glossary, kinds=self.task.keeps)

    # ------------------------------------------------------------ what is thought of it

    def hopeless(self, desk: Desk, part: PartRow, text: str) -> bool:
        """See Recipe."""
        return guard.endless(text, desk.documents[0].text[part.start : part.end])

    def judge(self, desk: Desk, part: PartRow, text: str, *, cut: bool) -> Verdict:
        """See Recipe. What was good enough in a first attempt is kept if the second is no better."""
        document = desk.documents[0]
        raw = document.text[part.start : part.end]
        made, problems = self._made(document, part, raw, text, cut)
        data = {name: value for name, value in part.data.items() if name != "first"}
        first = _First.of(part.data)
        if made is None:
            if first is not None:
                return Verdict(first.text, first.problems, data=data)
            return Verdict(raw, (LEFT, *problems), again=True, failed=True, data=data)
        lost = self._lost(raw, made, part.start)
        if self.task.changes and _alike(raw, made):
            lost.append(UNCHANGED)
        if first is not None and len(first.problems) <= len(lost):
            return Verdict(first.text, first.problems, data=data)
        # A name may be left out or written differently where the words are new.
        again = part.attempts == 0 and any(self.task.copies or one.code != "lost_name" for one in lost)
        if again:
            data["first"] = _First(made, tuple(lost)).to_dict()
        return Verdict(made, tuple(lost), again=again, data=data)

    def _made(
        self, document: Document, part: PartRow, raw: str, answer: str, cut: bool
    ) -> tuple[str | None, tuple[Problem, ...]]:
        """What an answer makes of a piece, or None and why nothing can be made of it."""
        layout = Layout.of(raw)
        checked = self._checked(document, part, layout, answer, cut)
        faults = [*checked.faults]
        if not faults and self._untranslated(layout.text, checked.text):
            faults.append(UNTRANSLATED)
        if not faults and self._strays(document, part, layout.text, checked.text):
            faults.append(STRAYED)
        if faults:
            return None, tuple(faults)
        if self.task.free:
            return layout.put_freely(checked.text), ()
        answer = checked.text
        if part.data.get("kind") in ("heading", "cell") and not raw.rstrip().endswith((".", "。")):
            answer = answer.rstrip(".。") or answer  # models like to end a heading as they end a sentence
        made = layout.put(answer)
        if made is None or (part.data.get("kind") == "cell" and ("|" in made or "\n" in made)):
            return None, (Problem("lines", sentence("The answer does not have the lines of the text.")),)
        return made, ()

    def _checked(self, document: Document, part: PartRow, layout: Layout, answer: str, cut: bool) -> Checked:
        source = layout.text
        known = [self.task.rule or _PROMPTS.rule]
        known += (text for pair in self.task.examples.values() for text in pair)
        if self.task.id != "custom":  # whose words may well be those that are wanted
            known += map(self._filled, (self.task.instruction, self.task.strict, self.task.reminder))
        if part.data.get("around") and not part.attempts:
            known += (s for near in _neighbours(document, part) for s in _SENTENCE_END.split(near))

        def check(text: str) -> Checked:
            return guard.check(
                text, source, wanted=self._wanted(source), bounds=self.task.length, prompt=known, cut=cut
            )

        checked = check(answer)
        only_long = [fault.code for fault in checked.faults] == ["too_long"]
        if only_long and part.attempts and len(layout.lines) == 1 and "\n\n" in checked.text:
            first = check(checked.text.partition("\n\n")[0])  # what follows is more than was asked for
            return checked if first.faults else first
        return checked

    def _wanted(self, source: str) -> str:
        if self.task.keeps_language:
            return language.detect(source)
        return self.options.language if self.task.id == "translate" else ""

    def _untranslated(self, source: str, answer: str) -> bool:
        if self.task.id != "translate" or guard.size(source) < 3:
            return False
        return _alike(source, answer)

    def _strays(self, document: Document, part: PartRow, source: str, answer: str) -> bool:
        """Whether the answer is about something else, such as the paragraph before."""
        from rapidfuzz.distance import Indel

        if self.task.alike and guard.size(source) > 3:
            return Indel.normalized_similarity(source.casefold(), answer.casefold()) < self.task.alike
        if part.attempts or not part.data.get("around") or not self.task.keeps_language:
            return False
        own, near = _telling(source), _telling(" ".join(_neighbours(document, part)))
        said = _telling(answer)
        return len(said & (near - own)) > max(2, len(said & own))

    def _lost(self, raw: str, made: str, start: int) -> list[Problem]:
        """What had to be kept and is not there, with its place in the document."""
        lost = protect.missing(self._spans(raw), made, translated=self.task.id == "translate")
        return [
            Problem(
                one.code,
                one.template,
                {**one.params, "start": one.params["start"] + start, "end": one.params["end"] + start},
            )
            for one in lost
        ]

    # ------------------------------------------------------------ the result

    def finish(self, desk: Desk, parts: Sequence[PartRow]) -> Outcome:
        """See Recipe. A paragraph for which there is nothing stays as it is in the source."""
        text = desk.documents[0].text
        made = {(part.start, part.end, part.variant): part for part in parts}
        results = []
        for variant in range(self.options.alternatives):
            chosen = [made.get((p.start, p.end, variant), p) for p in parts if p.variant == 0]
            results.append(_laid_out(text, chosen))
        first, paragraphs = results[0]
        data = {
            "paragraphs": paragraphs,
            "alternatives": [result for result, _ in results] if len(results) > 1 else [],
            "language": self.options.source_language or language.detect(text),
        }
        return Outcome(first, data, tuple(_summed_up([p for p in parts if p.variant == 0])))


_NO_PART = PartRow(0, 0, 0, 0, 0)

LEFT = Problem("left", sentence("This paragraph was left as it was."))
TABLE_KEPT = Problem("table_kept", sentence("This table was left as it was: it is too large."))
UNCHANGED = Problem("unchanged", sentence("The model changed nothing in this paragraph."))
STRAYED = Problem("strayed", sentence("The model wrote something else than the text says."))
UNTRANSLATED = Problem("untranslated", sentence("The model repeated the text instead of translating it."))
NOT_REACHED = Problem("not_reached", sentence("This paragraph was not reached."))


@dataclass(frozen=True)
class _First:
    """What a first attempt gave, which is kept if the second one is no better."""

    text: str
    problems: tuple[Problem, ...] = field(default=())

    @classmethod
    def of(cls, data: Mapping[str, Any]) -> _First | None:
        kept = data.get("first")
        return cls(kept["text"], msgspec.convert(kept["problems"], tuple[Problem, ...])) if kept else None

    def to_dict(self) -> dict[str, Any]:
        return {"text": self.text, "problems": msgspec.to_builtins(self.problems)}


def _alike(one: str, other: str) -> bool:
    """Whether two texts differ in white space and capital letters at most."""
    return " ".join(one.split()).casefold() == " ".join(other.split()).casefold()


def _telling(text: str) -> set[str]:
    """The longer words of a text."""
    return {word for word in re.findall(r"\w{4,}|[\u4e00-\u9fff]{2}", text.casefold())}


def _laid_out(text: str, parts: Sequence[PartRow]) -> tuple[str, list[dict[str, Any]]]:
    """The document with the words of these parts, and where each part is in it."""
    pieces_: list[str] = []
    paragraphs: list[dict[str, Any]] = []
    done = length = 0
    for part in parts:
        body = part.text if part.status == "done" else text[part.start : part.end]
        length += part.start - done
        problems = [*part.problems]
        if part.status == "waiting":
            problems.append(msgspec.to_builtins(NOT_REACHED))
        paragraphs.append(
            {
                "start": part.start,
                "end": part.end,
                "from": length,
                "to": length + len(body),
                "part": part.number,
                "problems": problems,
            }
        )
        pieces_ += text[done : part.start], body
        done, length = part.end, length + len(body)
    return "".join([*pieces_, text[done:]]), paragraphs


def _summed_up(parts: Sequence[PartRow]) -> Iterator[Problem]:
    """What the person is told about the whole result."""
    asked = [part for part in parts if not part.data.get("passed")]
    numbers: dict[str, Any] = {"total": len(asked)}
    if count := sum(part.status == "failed" for part in asked):
        form = sentence("{count} of {total} paragraphs could not be rewritten and were left as they were.")
        yield Problem("left", form, {**numbers, "count": count})
    if count := sum(part.status == "waiting" for part in asked):
        form = sentence("{count} of {total} paragraphs were not reached and are as they were.")
        yield Problem("not_reached", form, {**numbers, "count": count})
    codes = [{str(problem["code"]) for problem in part.problems} for part in asked if part.status == "done"]
    if count := sum(any(code.startswith("lost_") for code in of_part) for of_part in codes):
        form = sentence("In {count} of {total} paragraphs something is missing that was to be kept.")
        yield Problem("lost", form, {**numbers, "count": count})
    if count := sum("unchanged" in of_part for of_part in codes):
        form = sentence("In {count} of {total} paragraphs the model changed nothing.")
        yield Problem("unchanged", form, {**numbers, "count": count})
    if count := sum(part.data.get("passed") == "table" for part in parts):
        yield Problem("table_kept", sentence("{count} tables were left as they were."), {"count": count})


def _neighbours(document: Document, part: PartRow) -> tuple[str, str]:
    """The end of what stands before a part and the beginning of what comes after, in whole words."""
    text = document.text
    start, end = max(0, part.start - _NEIGHBOUR), min(len(text), part.end + _NEIGHBOUR)
    before = " ".join(_MARKS.sub("", text[start : part.start]).split())
    after = " ".join(_MARKS.sub("", text[part.end : end]).split())
    if start > 0:
        before = before.partition(" ")[2] or before
    if end < len(text):
        after = after.rpartition(" ")[0] or after
    return before, after


_MARKS = re.compile(r"(?m)^[ \t]*(?:#{1,6}|>|[-*+•]|\d{1,3}[.)])(?:[ \t]+|$)")
_SENTENCE_END = re.compile(r"(?<=[.!?])\s+|(?<=[。！？])")


def _divided(desk: Desk, raw: str, most: int, code: str) -> Iterator[tuple[int, int]]:
    """A long piece in pieces of whole lines or sentences that have at most so many tokens."""
    from desktop.workbench import passages

    by_lines = len(Layout.of(raw).lines) > 1
    spans = _line_spans(raw) if by_lines else passages.sentences(raw, code)
    start = end = -1
    used = 0
    for begin, after in (small for span in spans for small in _small(desk, raw, span, most)):
        size = desk.count(raw[begin:after]) + 1
        if start >= 0 and used + size > most:
            yield start, end
            start = -1
        if start < 0:
            start, used = begin, 0
        end, used = after, used + size
    if start >= 0:
        yield start, end


def _line_spans(raw: str) -> list[tuple[int, int]]:
    spans, at = [], 0
    for line in raw.splitlines(keepends=True):
        if line.strip():
            begin = at + len(line) - len(line.lstrip())
            spans.append((begin, begin + len(line.strip())))
        at += len(line)
    return spans


def _small(desk: Desk, raw: str, span: tuple[int, int], most: int) -> Iterator[tuple[int, int]]:
    """A sentence, divided at spaces, or anywhere, while it is too long."""
    start, end = span
    if end - start < 2 or len(raw[start:end].encode()) <= most or desk.count(raw[start:end]) <= most:
        yield span
        return
    middle = (start + end) // 2
    space = raw.find(" ", middle, end - 1)
    middle = space if space > 0 else middle
    yield from _small(desk, raw, (start, middle), most)
    yield from _small(desk, raw, (middle + (space > 0), end), most)
