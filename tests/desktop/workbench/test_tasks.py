"""Runs on a real store: what is kept, what is asked again, and what goes on after a stop or a crash."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import pytest

from desktop.workbench.chat import estimate_tokens
from desktop.workbench.problems import Problem
from desktop.workbench.reading.document import Block, Document
from desktop.workbench.store.records import PartRow, RunRow
from desktop.workbench.task import (
    AT_ONCE,
    LOOKED_AT,
    Ask,
    Desk,
    Outcome,
    PartSaved,
    PartsPlanned,
    PartText,
    Progress,
    RunEvent,
    RunSaved,
    Verdict,
)
from desktop.workbench.tasks import Tasks
from desktop.workbench.workbench import Workbench
from models.engine.client import Loading
from models.engine.protocol import Chat, LoadOptions, Message, Request
from models.engine.scripted import Answer, ScriptedEngine
from models.errors import EngineDied, EngineError, UserError

WORDS = ("one", "two", "three", "four")
TEXT = "\n\n".join(WORDS)


def document(text: str = TEXT) -> Document:
    """A document with a block for each paragraph."""
    blocks, at = [], 0
    for paragraph in text.split("\n\n"):
        blocks.append(Block("paragraph", at, at + len(paragraph)))
        at += len(paragraph) + 2
    return Document("words.txt", "txt", text, tuple(blocks))


class Shouting:
    """A recipe: each paragraph in other words, then all of them in one part."""

    def plan(self, desk: Desk) -> Sequence[PartRow]:
        blocks = enumerate(desk.documents[0].blocks)
        return [PartRow(number, 0, 0, block.start, block.end) for number, block in blocks]

    def grow(self, desk: Desk, parts: Sequence[PartRow]) -> Sequence[PartRow]:
        if parts[-1].level:
            return []
        return [PartRow(len(parts), 1, 0, 0, 0, inputs=tuple(part.number for part in parts))]

    def ask(self, desk: Desk, part: PartRow, parts: Sequence[PartRow]) -> Ask:
        said = desk.documents[0].text[part.start : part.end] or " ".join(parts[n].text for n in part.inputs)
        word = "sternly" if part.attempts else "kindly"
        return Ask(Chat(messages=(Message("user", f"{word}: {said}"),)), max_tokens=400)

    def judge(self, desk: Desk, part: PartRow, text: str, *, cut: bool) -> Verdict:
        bad = "chatter" in text
        problems = (Problem("chatter", "This has chatter."),) if bad else ()
        return Verdict(text.strip(), problems, again=bad, failed="refuse" in text)

    def hopeless(self, desk: Desk, part: PartRow, text: str) -> bool:
        return "blah" in text

    def finish(self, desk: Desk, parts: Sequence[PartRow]) -> Outcome:
        done = [part for part in parts if part.status == "done"]
        return Outcome(done[-1].text if done else "", {"done": len(done)})


class Script:
    """A model that answers each part as `tell` says, by default in capitals.

    Attributes:
        asked: what it was asked, in order.
    """

    def __init__(self, tell: Callable[[str], Answer | None] = lambda asked: None) -> None:
        self.asked: list[str] = []
        self._tell = tell

    def start(self, options: LoadOptions) -> Loading[ScriptedEngine]:
        """Start an engine, for `Workbench.open`."""

        def answer(request: Request) -> Answer:
            question = engine.detokenize(request.tokens).split("user\n")[-1].split("<|im_end|>")[0]
            self.asked.append(question)
            return self._tell(question) or Answer(question.split(": ")[1].upper())

        engine = ScriptedEngine(answer, options=options)
        yield 1.0
        return engine


Make = Callable[[Script], Tasks]


@pytest.fixture
def make(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Make]:
    """Tasks on one store, opened again each time; their models are scripted."""
    monkeypatch.setattr(Tasks, "recipe", lambda self, run: Shouting())
    benches: list[Workbench] = []

    def open_tasks(script: Script) -> Tasks:
        while benches:
            benches.pop().close()
        benches.append(Workbench.open(tmp_path / "data", start_engine=script.start))
        return benches[0].tasks

    yield open_tasks
    for bench in benches:
        bench.close()


def new_run(tasks: Tasks, text: str = TEXT) -> str:
    model = tasks.library.starter().id
    runs = tasks.store.runs
    return runs.create("summarize", title="W", model=model, options={}, documents=[document(text)]).id


def saved(events: Sequence[RunEvent]) -> RunRow:
    assert isinstance(events[-1], RunSaved)
    return events[-1].run


def test_every_part_is_asked_and_kept(make: Make) -> None:
    script = Script()
    tasks = make(script)
    id = new_run(tasks)
    events = list(tasks.work(id))
    run = saved(events)
    assert (run.status, run.result, run.data) == ("done", "ONE TWO THREE FOUR", {"done": 5})
    assert [part.text for part in tasks.parts(id)] == ["ONE", "TWO", "THREE", "FOUR", run.result]
    assert sorted(script.asked[:4]) == sorted(f"kindly: {word}" for word in WORDS)
    planned = [event.parts for event in events if isinstance(event, PartsPlanned)]
    assert [len(parts) for parts in planned] == [4, 1]
    assert run.usage["completion_tokens"] > 0
    assert "".join(event.text for event in events if isinstance(event, PartText) and event.number == 4)


def test_progress_grows_to_the_end(make: Make) -> None:
    tasks = make(Script())
    told = [event.fraction for event in tasks.work(new_run(tasks)) if isinstance(event, Progress)]
    assert told == sorted(told)
    assert told[0] == 0


def test_a_bad_answer_is_asked_for_once_more_in_a_stricter_form(make: Make) -> None:
    script = Script(lambda asked: Answer("some chatter") if asked.startswith("kindly: two") else None)
    tasks = make(script)
    id = new_run(tasks)
    run = saved(list(tasks.work(id)))
    assert script.asked.count("kindly: two") == script.asked.count("sternly: two") == 1
    part = tasks.parts(id)[1]
    assert (part.text, part.attempts, part.problems) == ("TWO", 2, ())
    assert run.status == "done"


def test_what_stays_bad_is_told(make: Make) -> None:
    tasks = make(Script(lambda asked: Answer("chatter") if "two" in asked.split(": ")[1].split() else None))
    id = new_run(tasks)
    list(tasks.work(id))
    part = tasks.parts(id)[1]
    assert (part.status, part.attempts) == ("done", 2)
    assert [problem["code"] for problem in part.problems] == ["chatter"]


def test_a_run_of_which_nothing_came_has_failed(make: Make) -> None:
    tasks = make(Script(lambda asked: Answer("refuse")))
    run = saved(list(tasks.work(new_run(tasks))))
    assert (run.status, run.result) == ("failed", "")
    assert run.error


def test_an_error_of_one_part_costs_only_that_part(make: Make) -> None:
    broken = Answer("", error=EngineError("It broke at {place}.", place="two"))
    tasks = make(Script(lambda asked: broken if asked == "kindly: two" else None))
    id = new_run(tasks)
    run = saved(list(tasks.work(id)))
    assert run.status == "done"
    part = tasks.parts(id)[1]
    assert part.status == "failed"
    assert Problem(**part.problems[0]).text == "It broke at two."


def test_an_answer_without_hope_is_ended_and_asked_for_again(make: Make) -> None:
    loop = Answer(pieces=["blah ", *["chatter "] * 399])
    script = Script(lambda asked: loop if asked == "kindly: two" else None)
    tasks = make(script)
    id = new_run(tasks)
    said = [event.text for event in tasks.work(id) if isinstance(event, PartText)]
    heard = estimate_tokens("".join(text for text in said if text in loop.pieces))
    assert LOOKED_AT <= heard <= LOOKED_AT + 2  # to the piece
    assert script.asked.count("sternly: two") == 1
    assert [part.text for part in tasks.parts(id)][:4] == [word.upper() for word in WORDS]


def test_a_stopped_run_goes_on_with_what_is_left(make: Make) -> None:
    hold = threading.Event()
    first = Script(lambda asked: Answer("never", hold=hold) if asked == "kindly: four" else None)
    tasks = make(first)
    id = new_run(tasks)
    work = tasks.work(id)
    events = []
    for event in work:
        events.append(event)
        if sum(isinstance(one, PartSaved) for one in events) == 3:
            work.cancel()
    run = saved(events)
    assert run.status == "stopped"
    assert [part.status for part in tasks.parts(id)] == ["done", "done", "done", "waiting"]
    second = Script()
    run = saved(list(make(second).work(id)))
    assert (run.status, run.result) == ("done", "ONE TWO THREE FOUR")
    assert second.asked == ["kindly: four", "kindly: ONE TWO THREE FOUR"]


def test_a_dead_engine_leaves_a_run_that_goes_on(make: Make) -> None:
    dying = Script(lambda asked: Answer("", die=True) if asked == "kindly: four" else None)
    tasks = make(dying)
    id = new_run(tasks)
    with pytest.raises(EngineDied):
        list(tasks.work(id))
    assert tasks.run(id).status == "interrupted"
    done = [part.number for part in tasks.parts(id) if part.status == "done"]
    second = Script()
    run = saved(list(make(second).work(id)))
    assert run.result == "ONE TWO THREE FOUR"
    assert not {f"kindly: {WORDS[number]}" for number in done} & set(second.asked)


def test_leaving_the_events_stops_the_run(make: Make) -> None:
    tasks = make(Script())
    id = new_run(tasks)
    events = iter(tasks.work(id))
    while not isinstance(next(events), PartSaved):
        pass
    events.close()  # type: ignore[attr-defined]
    assert tasks.run(id).status == "stopped"
    assert saved(list(tasks.work(id))).status == "done"


def test_a_run_is_worked_on_once_at_a_time(make: Make) -> None:
    tasks = make(Script())
    id = new_run(tasks)
    events = iter(tasks.work(id))
    next(events)
    with pytest.raises(UserError, match="already"):
        next(iter(tasks.work(id)))
    events.close()  # type: ignore[attr-defined]


def test_a_part_too_long_for_the_context_is_told(make: Make) -> None:
    tasks = make(Script())
    id = new_run(tasks, "one\n\n" + "word " * 9000)
    run = saved(list(tasks.work(id)))
    part = tasks.parts(id)[1]
    assert (part.status, part.problems[0]["code"]) == ("failed", "too_long")
    assert run.status == "done"


def test_many_parts_are_asked_in_turns(make: Make) -> None:
    words = [f"w{number}" for number in range(100)]
    tasks = make(Script())
    id = new_run(tasks, "\n\n".join(words))
    run = saved(list(tasks.work(id)))
    assert run.result == " ".join(words).upper()


def test_the_engine_always_has_so_many_requests(make: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    words = [f"w{number}" for number in range(2 * AT_ONCE)]
    hold, first = threading.Event(), f"kindly: {words[0]}"
    script = Script(lambda asked: Answer(pieces="late", hold=hold, hold_at=0) if asked == first else None)
    tasks = make(script)
    run = tasks.work(new_run(tasks, "\n\n".join(words)))
    done = 0
    for event in run:
        done += isinstance(event, PartSaved)
        if done == len(words) - 1:  # all others were asked and answered beside the one that is held
            hold.set()
    assert tasks.run(run.id).status == "done"
    assert done == len(words) + 1


def test_an_empty_text_is_refused(make: Make) -> None:
    from desktop.workbench.summarize import SummaryOptions

    with pytest.raises(UserError, match="no text"):
        make(Script()).summarize([document(" ")], SummaryOptions())


def test_a_conversation_about_a_text_has_it_as_its_context(make: Make) -> None:
    tasks = make(Script())
    id = new_run(tasks)
    list(tasks.work(id))
    conversation = tasks.store.conversation(tasks.chat_about(id))
    assert TEXT in conversation.system
    assert conversation.title == "W"


def test_a_long_text_is_told_by_the_summaries_of_its_parts(make: Make) -> None:
    tasks = make(Script(lambda asked: Answer("short") if "zzz" in asked else None))
    id = new_run(tasks, "\n\n".join("zzz " * 1500 for _ in range(4)))
    list(tasks.work(id))
    system = tasks.store.conversation(tasks.chat_about(id)).system
    assert "zzz" not in system
    assert system.count("short") == 4
