"""Rewriting: structure, order and count stay whatever the model says, and nothing is passed off as done."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from desktop.workbench import guard
from desktop.workbench.problems import Problem
from desktop.workbench.reading.document import Document
from desktop.workbench.reading.reader import from_text
from desktop.workbench.rewrite import LARGE, TASKS, RewriteOptions, Rewriter
from desktop.workbench.store.records import PartRow
from desktop.workbench.task import EngineDesk, Outcome
from models.engine.client import Engine, ProcessEngine
from models.engine.protocol import Finished, LoadOptions, Request, TextDelta
from models.engine.scripted import Answer, ScriptedEngine
from models.errors import UserError

Say = Callable[[str, int], str]
"""What the model says to a text, in its first or second attempt."""


class Run:
    """A document on its way through a recipe and an engine, as a run does it.

    Attributes:
        prompts: as the model saw them. asked: the requests.
    """

    def __init__(
        self, engine: Engine, document: Document, options: RewriteOptions, parameters: int = 0
    ) -> None:
        self.document, self.engine = document, engine
        self.desk: Any = EngineDesk(engine, [document])
        self.desk.parameters = parameters
        self.recipe = Rewriter(options)
        self.parts = list(self.recipe.plan(self.desk))
        self.asked: list[Request] = []
        self.prompts: list[str] = []

    def work(self) -> Outcome:
        """All parts, until none waits."""
        while waiting := [part for part in self.parts if part.status == "waiting"]:
            for part in waiting:
                self.parts[part.number] = self._done(part)
        assert not self.recipe.grow(self.desk, self.parts)
        return self.recipe.finish(self.desk, self.parts)

    def _done(self, part: PartRow) -> PartRow:
        ask = self.recipe.ask(self.desk, part, self.parts)
        prompt = self.engine.render(ask.chat)
        assert len(prompt.tokens) + ask.max_tokens <= self.desk.context_size
        id = f"{part.number}-{part.attempts}"
        request = Request(
            id, prompt.tokens, ask.sampling, ask.max_tokens, stop=prompt.stop, lookup=ask.lookup
        )
        self.asked.append(request)
        self.prompts.append(prompt.text)
        text, reason = "", "cancelled"
        for event in self.engine.submit(request):
            match event:
                case TextDelta():
                    text += event.text
                case Finished():
                    reason = event.finish_reason
        verdict = self.recipe.judge(self.desk, part, text, cut=reason != "stop")
        again = verdict.again and part.attempts == 0
        return replace(
            part,
            status="waiting" if again else "failed" if verdict.failed else "done",
            text="" if again else verdict.text,
            attempts=part.attempts + 1,
            problems=() if again else tuple(msgspec.to_builtins(one) for one in verdict.problems),
            data=msgspec.json.decode(msgspec.json.encode(verdict.data)),
        )


def scripted(say: Say, *, context_size: int = 8192) -> ScriptedEngine:
    """An engine that says something to the text between the tags."""

    def answer(request: Request) -> Answer:
        prompt = engine.detokenize(request.tokens)
        text = re.findall(r"<text>\n(.*?)\n</text>", prompt, re.DOTALL)[-1]
        return Answer(say(text, int(request.id.rpartition("-")[2])))

    engine = ScriptedEngine(answer, options=LoadOptions(path="/s.gguf", context_size=context_size))
    return engine


def rewritten(text: str, say: Say, *, markdown: bool | None = None, **options: Any) -> tuple[Run, Outcome]:
    run = Run(scripted(say), from_text(text, markdown=markdown), RewriteOptions(**options))
    return run, run.work()


def codes(problems: Sequence[Any]) -> list[str]:
    return [one["code"] if isinstance(one, dict) else one.code for one in problems]


LETTER = """\
# A lettr to the office

Dear Sir, I has a qestion about the 250 euros that you took from my acount. Please see https://a.b/c.

- The first pont is long enough to be looked at.
- [ ] The second pont.

> They said that it was al right
> and that nothing was to pay.

```
teh code = 1
```

| what | how mch |
|------|---------|
| tea  | 3 cups  |

***

Bye
"""


# ---------------------------------------------------------------- structure


def test_headings_and_cells_are_not_ended_as_sentences_are() -> None:
    table = "| the place | the year |\n|---|---|\n| the pier | about 1907. |\n"
    text = f"# The old harbor\n\nIt was built early.\n\n{table}"
    _, outcome = rewritten(text, lambda text, _: f"{text.rstrip('.')}.", markdown=True, task="correct")
    assert outcome.text == text


def test_what_is_outside_of_the_words_stays() -> None:
    _, outcome = rewritten(LETTER, lambda text, _: text.upper(), markdown=True, task="correct")
    assert (
        outcome.text
        == """\
# A LETTR TO THE OFFICE

DEAR SIR, I HAS A QESTION ABOUT THE 250 EUROS THAT YOU TOOK FROM MY ACOUNT. PLEASE SEE https://a.b/c.

- THE FIRST PONT IS LONG ENOUGH TO BE LOOKED AT.
- [ ] THE SECOND PONT.

> THEY SAID THAT IT WAS AL RIGHT
> AND THAT NOTHING WAS TO PAY.

```
teh code = 1
```

| WHAT | HOW MCH |
|------|---------|
| TEA  | 3 CUPS  |

***

BYE
""".replace("https://a.b/c", "HTTPS://A.B/C")
    )


def test_paragraphs_say_where_they_are() -> None:
    run, outcome = rewritten(LETTER, lambda text, _: text + " indeed", markdown=True, task="correct")
    rows = outcome.data["paragraphs"]
    assert [row["part"] for row in rows] == [part.number for part in run.parts]
    assert all(a["end"] <= b["start"] and a["to"] <= b["from"] for a, b in pairwise(rows))
    for row, part in zip(rows, run.parts, strict=True):
        assert run.document.text[row["start"] : row["end"]] == run.document.text[part.start : part.end]
        assert outcome.text[row["from"] : row["to"]] == part.text
    assert msgspec.json.decode(msgspec.json.encode(outcome.data)) == outcome.data


def test_code_is_not_asked_for() -> None:
    run, _ = rewritten(LETTER, lambda text, _: text, markdown=True, task="correct")
    passed = {run.document.text[p.start : p.end]: p.data["passed"] for p in run.parts if p.data["passed"]}
    assert passed == {"```\nteh code = 1\n```": "code", "***": "words"}
    assert not any("teh code" in prompt for prompt in run.prompts)


def test_bullet_points_have_lines_of_their_own() -> None:
    source = "Title\n\n" + "It rained the whole day and so we stayed at home and played with the cat. " * 2
    _, outcome = rewritten(source, lambda _, __: "- It rained.\n\n- We stayed at home.", task="bullets")
    assert outcome.text.strip() == "Title\n\n- It rained.\n- We stayed at home."


def test_lines_of_a_poem_are_kept_or_the_poem_is() -> None:
    poem = "The wind blew hard\nand the sea was cold,\nthe ship went down,\nor so I was told."
    run, outcome = rewritten(poem, lambda text, _: text.replace("hard", "strong"), task="improve")
    assert outcome.text == poem.replace("hard", "strong")
    assert "exactly 4 lines" in run.prompts[0]
    _, outcome = rewritten(poem, lambda text, _: text.replace("\n", " "), task="improve")
    assert outcome.text == poem
    assert codes(outcome.data["paragraphs"][0]["problems"]) == ["left", "lines"]


# ---------------------------------------------------------------- hostile answers


def good(text: str) -> str:
    return f"Well, {text}"


HOSTILE: list[Say] = [
    lambda text, attempt: good(text),
    lambda text, attempt: f"Sure, here is the improved text:\n\n{good(text)}\n\nLet me know if you like it!",
    lambda text, attempt: "" if not attempt else good(text),
    lambda text, attempt: "",
    lambda text, attempt: "I'm sorry, but I can't assist with that.",
    lambda text, attempt: "The same thing over and over again, and then " * 60,
    lambda text, attempt: f"{good(text)}\n\n{text}\n\n{text}",
    lambda text, attempt: good(text).replace(" ", "\n"),
    lambda text, attempt: "Das ist so, und daran wird sich in Zukunft nichts ändern, wie man hier weiß. " * 2,
    lambda text, attempt: f"# {good(text)}",
    lambda text, attempt: f"<text>\n{good(text)}\n</text>",
    lambda text, attempt: "\n\n\n",
    lambda text, attempt: "Improve the writing of the text: make it clear, fluent and well worded.",
]


def story(words: int) -> str:
    sentence = "On day {n} the old keeper of house {n} went up the stairs and lit the lamp for all ships. "
    paragraphs = [(sentence.format(n=n) * (1 + n % 4)).strip() for n in range(words // 42)]
    paragraphs[::9] = [f"## Part {n}" for n in range(len(paragraphs[::9]))]
    paragraphs[4::9] = [f"- {text}" for text in paragraphs[4::9]]
    paragraphs[7::9] = [f"> {text}" for text in paragraphs[7::9]]
    return "\n\n".join(paragraphs) + "\n"


def test_5000_words_keep_count_and_order_of_paragraphs() -> None:
    source = story(5000)
    assert guard.size(source) > 5000
    turn = iter(range(10_000))
    by_text: dict[str, Say] = {}

    def say(text: str, attempt: int) -> str:
        if text not in by_text:
            by_text[text] = HOSTILE[next(turn) % len(HOSTILE)]
        return by_text[text](text, attempt)

    run, outcome = rewritten(source, say, markdown=True, task="improve")
    before, after = source.split("\n\n"), outcome.text.split("\n\n")
    assert len(after) == len(before)
    left = 0
    for one, other in zip(before, after, strict=True):
        day = re.search(r"\d+", one)
        assert day is not None
        assert day[0] in other
        bare = one.strip().removeprefix("- ").removeprefix("> ")
        assert other.strip() in (one.strip(), one.strip().replace(bare, good(bare)))
        left += other == one and not one.startswith("#")
    failed = [part for part in run.parts if part.status == "failed"]
    assert 0 < len(failed) == left < len(run.parts) / 2
    assert all(codes(part.problems)[0] == "left" and len(part.problems) > 1 for part in failed)
    asked = sum(not part.data["passed"] for part in run.parts)
    assert outcome.problems[0].text == (
        f"{left} of {asked} paragraphs could not be rewritten and were left as they were."
    )
    assert all(part.attempts == 2 for part in failed)


ANSWERS = st.text(max_size=80) | st.sampled_from(
    ["a\n\nb", "- x", "# y", "|", "```\ncode\n```", "> z", "Sure, here is the text:\n\nok", "1. a\n2. b"]
)


@settings(max_examples=60, deadline=None)
@given(st.sampled_from(list(TASKS)), st.lists(ANSWERS, min_size=1, max_size=12), st.data())
def test_any_answers_leave_the_structure(task: str, answers: list[str], data: st.DataObject) -> None:
    turn = iter(range(10_000))
    _, outcome = rewritten(
        LETTER,
        lambda text, _: answers[next(turn) % len(answers)],
        markdown=True,
        task=task,
        instruction="Be kind.",
        language="de",
    )
    free = TASKS[task].free
    lines, source = outcome.text.split("\n"), LETTER.split("\n")
    assert free or len(lines) >= len(source) - 1  # the two lines of the quotation may have become one
    assert outcome.text.count("```\nteh code = 1\n```") == 1
    assert free or [line for line in lines if not line.strip()] == [x for x in source if not x.strip()]
    text, at = outcome.text, 0
    for mark in ("# ", "\n- ", "\n- [ ] ", "\n> ", "\n| ", "\n|------|", "\n***\n"):
        assert mark in text[at:]
        at += text[at:].index(mark) + 1


# ---------------------------------------------------------------- again, and what is told


THREE = "The frist paragraph is here.\n\nAnd this is the second one.\n\nThe last one is there."


def test_a_second_attempt_is_stricter_and_alone() -> None:
    run = Run(scripted(lambda t, n: good(t) if n else ""), from_text(THREE), RewriteOptions("improve"), LARGE)
    outcome = run.work()
    first, second = run.prompts[1], run.prompts[4]
    assert "The frist paragraph is here." in first
    assert "The last one is there." in first
    assert "The frist paragraph" not in second
    assert TASKS["improve"].strict in second
    assert outcome.problems == ()


def test_an_example_is_shown_in_the_language_of_the_text_alone() -> None:
    text, result = TASKS["formal"].examples["en"]
    run, _ = rewritten("We can't do it until Friday, sorry.", lambda t, _: t, task="formal")
    assert text in run.prompts[0]
    run, _ = rewritten("Wir schaffen das leider nicht bis Freitag.", lambda t, _: t, task="formal")
    assert text not in run.prompts[0]
    run, _ = rewritten("We can't do it until Friday, sorry.", lambda t, _: result, task="formal")
    assert "echo" in codes(run.parts[0].problems)
    assert run.parts[0].status == "failed"


def test_small_models_do_not_see_the_neighbours() -> None:
    run, _ = rewritten(THREE, lambda t, _: t, task="improve")
    assert "The frist paragraph is here." not in run.prompts[1]


def test_a_neighbour_in_place_of_the_paragraph_is_found() -> None:
    source = "The keeper lights the lamp each evening.\n\nNobody visited during winter months."
    keeper = "Each evening the keeper is lighting a lamp."
    engine = scripted(lambda t, n: t if n or "keeper" in t else keeper)
    run = Run(engine, from_text(source), RewriteOptions("friendly"), LARGE)
    assert run.work().text.endswith("Nobody visited during winter months.")
    assert run.parts[1].attempts == 2
    run, _ = rewritten(source, lambda t, _: keeper, task="correct")
    assert codes(run.parts[1].problems) == ["left", "strayed"]


def test_prompts_begin_alike() -> None:
    run, _ = rewritten(LETTER, lambda text, _: text, markdown=True, task="correct")
    shared = run.prompts[0][: run.prompts[0].index("<text>\n")]
    assert all(prompt.startswith(shared) for prompt in run.prompts)


def test_what_had_to_stay_is_asked_for_again_then_marked() -> None:
    source = "Start.\n\nThe price of the Rolltop desk is 250 euros in the shop."
    run, outcome = rewritten(
        source,
        lambda text, n: text.replace("250", "300").replace("Rolltop", "wooden" if not n else "Rolltop"),
        task="formal",
        protected=("Rolltop",),
    )
    assert "Keep exactly as they are: Rolltop." in run.prompts[1]
    assert outcome.text.endswith("The price of the Rolltop desk is 300 euros in the shop.")
    (problem,) = [Problem(**one) for one in outcome.data["paragraphs"][1]["problems"]]
    assert problem.code == "lost_number"
    assert source[problem.params["start"] : problem.params["end"]] == "250"
    assert "lost" in codes(outcome.problems)


@pytest.mark.parametrize("second", ["", "Nothing at all about that desk, which is a pity."])
def test_the_better_of_two_attempts_is_kept(second: str) -> None:
    source = "The desk costs 250 euros and has 4 legs, as everybody knows."
    run, _ = rewritten(source, lambda text, n: second if n else text.replace("250", "300"), task="correct")
    assert run.parts[0].text == source.replace("250", "300")
    assert codes(run.parts[0].problems) == ["lost_number"]
    assert "first" not in run.parts[0].data


def test_an_unchanged_paragraph_is_told() -> None:
    _, outcome = rewritten("We can't do it until Friday, sorry about that.", lambda t, _: t, task="formal")
    assert codes(outcome.problems) == ["unchanged"]
    _, outcome = rewritten("All is correct here already.", lambda t, _: t, task="correct")
    assert outcome.problems == ()


def test_a_stopped_run_has_the_source_where_nothing_is_yet() -> None:
    run = Run(scripted(lambda t, _: t), from_text("One is here.\n\nTwo is there."), RewriteOptions())
    run.parts[0] = replace(run.parts[0], status="done", text="One was here.")
    outcome = run.recipe.finish(run.desk, run.parts)
    assert outcome.text == "One was here.\n\nTwo is there."
    assert codes(outcome.problems) == ["not_reached"]
    assert codes(outcome.data["paragraphs"][1]["problems"]) == ["not_reached"]


# ---------------------------------------------------------------- translation, alternatives, long paragraphs


def test_translation() -> None:
    source = "The cat sat on the mat.\n\nDie Katze schläft schon seit heute Morgen im Garten."
    run, outcome = rewritten(
        source,
        lambda text, n: "Le chat dort." if n else "The cat sleeps on the mat.",
        task="translate",
        language="fr",
        glossary=(("cat", "chat"),),
    )
    assert "from English into French" in run.prompts[0]
    assert "from German into French" in run.prompts[1]
    assert "Write “cat” as “chat”." in run.prompts[0]
    assert outcome.text == "Le chat dort.\n\nLe chat dort."
    run, outcome = rewritten(source, lambda text, n: text, task="translate", language="de")
    assert codes(run.parts[0].problems) == ["left", "language"]
    assert run.parts[1].data["passed"] == "kind"


def test_directions_are_swapped() -> None:
    options = RewriteOptions(task="translate", language="de", glossary=(("cat", "Katze"),))
    back = options.swapped("en")
    assert (back.source_language, back.language, back.glossary) == ("de", "en", (("Katze", "cat"),))
    assert back.swapped() == replace(options, source_language="en")


def test_three_alternatives() -> None:
    numbers = iter(range(100))
    run, outcome = rewritten(
        "First thing here.\n\n```\ncode\n```\n\nLast thing here.",
        lambda text, _: f"{text[:-1]} {'abc'[next(numbers) % 3]}.",
        markdown=True,
        task="improve",
        alternatives=3,
    )
    assert outcome.data["alternatives"] == [
        f"First thing here {x}.\n\n```\ncode\n```\n\nLast thing here {x}." for x in "abc"
    ]
    assert outcome.text == outcome.data["alternatives"][0]
    samplings = [request.sampling for request in run.asked[:3]]
    assert samplings[0].temperature == 0
    assert len({sampling.seed for sampling in samplings}) == 3
    assert all(sampling.temperature > 0 for sampling in samplings[1:])


def test_only_what_copies_looks_up() -> None:
    for task in ("correct", "translate"):
        run, _ = rewritten("One thing is here.", lambda t, _: t, task=task, language="de")
        assert run.asked[0].lookup is TASKS[task].copies


@pytest.mark.parametrize("glue", [" ", "\n", ""])
def test_a_paragraph_that_is_too_long_is_divided_at_sentences(glue: str) -> None:
    sentence = "The keeper of the light went up the stairs and lit the lamp." if glue else "守灯人上楼点灯。"
    source = glue.join([sentence] * (120 if glue else 900))
    engine = scripted(lambda text, _: text, context_size=1024)
    run = Run(engine, from_text(source), RewriteOptions(task="improve"))
    outcome = run.work()
    assert outcome.text == source
    assert len(run.parts) > 3
    assert all(part.text.startswith(sentence[:3]) for part in run.parts)


def test_a_word_without_end_is_divided_anywhere() -> None:
    source = "x" * 20_000
    run = Run(scripted(lambda t, _: t, context_size=1024), from_text(source), RewriteOptions())
    assert run.work().text == source


# ---------------------------------------------------------------- options and tasks


def test_options_come_back() -> None:
    options = RewriteOptions(
        task="custom",
        instruction="Rhyme {it}.",
        language="de",
        glossary=(("a", "b"),),
        protected=("c",),
        alternatives=3,
        source_language="en",
    )
    kept = msgspec.json.decode(msgspec.json.encode(options.to_dict()))
    assert RewriteOptions.from_dict(kept) == options
    bad = {"task": "fly", "alternatives": 99, "glossary": [["a"]], "protected": "x", "other": 1}
    assert RewriteOptions.from_dict(bad) == RewriteOptions(alternatives=3)


def test_a_persons_own_words_reach_the_model() -> None:
    run, _ = rewritten("One thing is here.", lambda t, _: t, task="custom", instruction="Say {to} in rhyme.")
    assert "Say {to} in rhyme." in run.prompts[0]


@pytest.mark.parametrize(
    ("options", "code"),
    [
        ({"task": "translate"}, "no_language"),
        ({"task": "custom", "instruction": " "}, "no_instruction"),
        ({"task": "bullets"}, "nothing_to_do"),
    ],
)
def test_what_cannot_be_done_is_said(options: dict[str, Any], code: str) -> None:
    with pytest.raises(UserError) as raised:
        rewritten("# Too short", lambda t, _: t, **options)
    assert raised.value.code == code


@pytest.mark.parametrize("task", TASKS.values(), ids=lambda task: task.id)
def test_tasks(task: Any) -> None:
    assert task.label
    assert task.help.endswith(".")
    assert set(task.kinds) <= {"heading", "paragraph", "item", "quote", "table"}
    assert task.length[0] < task.length[1]
    assert not re.findall(r"\{(?!to\}|from\}|wish\})", task.instruction + task.strict + task.reminder)


# ---------------------------------------------------------------- the real model


@pytest.fixture(scope="module")
def engine(starter: Path) -> Iterator[ProcessEngine]:
    engine = ProcessEngine.start(LoadOptions(path=str(starter), context_size=2048, threads=2))
    yield engine
    engine.close()


def test_the_real_model_keeps_the_structure(engine: ProcessEngine) -> None:
    """The starter is small and does most of this badly; what it does has the form of the source."""
    source = "I has a qestion.\n\n```\nteh code\n```\n\n- [ ] The frist point.\n"
    run = Run(engine, from_text(source, markdown=True), RewriteOptions(task="correct"))
    outcome = run.work()
    form = r"[^\n]+\n\n```\nteh code\n```\n\n- \[ \] [^\n]+\n"
    assert re.fullmatch(form, outcome.text)
    assert all(part.status in ("done", "failed") for part in run.parts)
