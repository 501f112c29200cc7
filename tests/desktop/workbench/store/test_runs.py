"""Runs, their documents and parts, and the person's own prompts."""

from __future__ import annotations

import sqlite3
import tempfile
from collections.abc import Callable
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from desktop.workbench.problems import Problem
from desktop.workbench.reading.document import Block, Document
from desktop.workbench.store import PartRow, RunRow, Store
from models.errors import UserError

LETTER = Document(
    "letter.md",
    "md",
    "# Notice\n\nThe roof leaks.",
    (Block("heading", 0, 8, level=1), Block("paragraph", 10, 25, page=2)),
    title="Notice",
    unit="page",
    pages=2,
    problems=(Problem("empty_page", "Page {page} is a picture.", {"page": 1}),),
)
PARTS = [
    PartRow(0, 0, 0, 0, 10, title="Notice"),
    PartRow(1, 0, 0, 10, 25, variant=1, data={"near": [3]}),
    PartRow(2, 1, -1, 0, 25, inputs=(0, 1)),
]


def begin(store: Store, title: str = "Roof", *, task: str = "summarize", parts: int = 3) -> RunRow:
    run = store.runs.create(task, title=title, model="smol", options={"kind": "key"}, documents=[LETTER])
    store.runs.add_parts(run.id, PARTS[:parts])
    return run


def titles(store: Store, task: str = "summarize", **how: Any) -> list[str]:
    return [run.title for run in store.runs.list(task, **how)]


def test_what_was_made_is_there_after_a_restart(file: Path) -> None:
    store = Store.open(file)
    other = Document("b.txt", "txt", "漢字 and 😀", (Block("paragraph", 0, 8),))
    run = store.runs.create(
        "rewrite", title="Two", model="smol", options={"task": "shorten", "glossary": [["a", "b"]]},
        documents=[LETTER, other],
    )  # fmt: skip
    assert (run.status, run.result, run.data, run.problems) == ("running", "", {}, [])
    store.runs.add_parts(run.id, PARTS)
    problem = msgspec.to_builtins(LETTER.problems[0])
    changed = store.runs.update_part(
        run.id, 1, status="done", text="It leaks.", attempts=2, problems=[problem], usage={"tokens": 4}
    )
    done = replace(
        PARTS[1], status="done", text="It leaks.", attempts=2, problems=(problem,), usage={"tokens": 4}
    )
    assert changed == done
    kept = store.runs.update(
        run.id, status="done", result="It leaks.", data={"coverage": 1.0}, problems=[problem],
        usage={"tokens": 4}, timings={"total_s": 1.5}, error="", model="other", title="Both",
    )  # fmt: skip
    store.close()
    store = Store.open(file)
    assert store.runs.get(run.id) == kept
    assert (kept.title, kept.model, kept.options) == ("Both", "other", run.options)
    assert (kept.data, kept.problems, kept.timings) == ({"coverage": 1.0}, [problem], {"total_s": 1.5})
    assert kept.updated > kept.created == run.created
    assert store.runs.documents(run.id) == [LETTER, other]
    assert store.runs.parts(run.id) == [PARTS[0], done, PARTS[2]]
    store.runs.clear_parts(run.id)
    assert store.runs.parts(run.id) == []
    store.close()


SCALARS = st.text(st.characters(codec="utf-8"), max_size=30)
ANY_TEXT = st.text(st.characters() | st.characters(categories=["Cs"]), max_size=40)


@st.composite
def documents(draw: st.DrawFn) -> Document:
    text = draw(SCALARS)
    cuts = sorted(draw(st.lists(st.integers(0, len(text)), max_size=6)))
    kinds = st.sampled_from(["heading", "paragraph", "item", "quote", "code", "table"])
    small = st.integers(0, 9)
    blocks = tuple(
        Block(draw(kinds), start, end, draw(small), draw(small))  # type: ignore[arg-type]
        for start, end in pairwise(cuts)
    )
    problem = st.builds(Problem, SCALARS, SCALARS, st.dictionaries(SCALARS, st.integers() | SCALARS))
    return Document(
        draw(SCALARS), draw(SCALARS), text, blocks, draw(SCALARS),
        draw(st.sampled_from(["", "page", "slide", "sheet", "chapter"])), draw(small),  # type: ignore[arg-type]
        tuple(draw(st.lists(problem, max_size=2))),
    )  # fmt: skip


@settings(max_examples=60, deadline=None)
@given(given_documents=st.lists(documents(), max_size=3), odd=ANY_TEXT)
def test_any_document_comes_back_exactly(given_documents: list[Document], odd: str) -> None:
    with tempfile.TemporaryDirectory() as folder:
        store = Store.open(Path(folder) / "rolltop.db")
        run = store.runs.create(
            "summarize", title=odd, model=odd, options={"x": odd}, documents=given_documents
        )
        assert store.runs.documents(run.id) == given_documents
        # What cannot be stored is replaced, and every position in the text stays what it was.
        strange = Document(odd, "paste", odd, (), problems=(Problem("c", odd, {"a": odd}),))
        run = store.runs.create("summarize", title=odd, model="", options={}, documents=[strange])
        (back,) = store.runs.documents(run.id)
        assert len(back.text) == len(odd)
        assert all(new in (old, "\ufffd") for new, old in zip(back.text, odd, strict=True))
        store.runs.add_parts(run.id, [PartRow(0, 0, 0, 0, 1, title=odd)])
        store.runs.update_part(run.id, 0, text=odd, data={odd: odd}, problems=[{"code": odd}])
        store.runs.update(run.id, result=odd, data={odd: odd}, problems=[{"code": odd}], error=odd)
        store.runs.save_own_prompt("rewrite", odd, odd)
        store.runs.list("summarize", search=odd)
        store.close()


def test_the_list_is_newest_first_by_task(store: Store) -> None:
    one, two, three = (begin(store, name) for name in ("one", "two", "three"))
    begin(store, "other", task="rewrite")
    store.runs.update(one.id, result="changed last, but made first")
    store.runs.delete(two.id)
    assert titles(store) == ["three", "one"]
    assert titles(store, limit=1) == ["three"]
    assert titles(store, "rewrite") == ["other"]
    assert store.runs.list("summarize")[0] == three


def test_the_list_reads_nothing_long(store: Store) -> None:
    run = begin(store)
    whole = store.runs.update(run.id, result="ä" * 100_000, data={"links": [1] * 1000})
    read: set[str | None] = set()

    def note(action: int, table: str | None, column: str | None, *_: str | None) -> int:
        if action == sqlite3.SQLITE_READ and table == "runs":
            read.add(column)
        return sqlite3.SQLITE_OK

    store._conn.set_authorizer(note)
    (row,) = store.runs.list("summarize")
    store._conn.set_authorizer(None)
    assert row == replace(whole, result="ä" * 200, data={})
    assert "beginning" in read
    assert not read & {"result", "data"}


@pytest.mark.parametrize(
    ("wanted", "found"),
    [
        ("", 3), ("   ", 3), ("rent", 1), ("RENT Notice", 1), ("notice roof", 0), ("ÜBER", 1), ("strasse", 1),
        ("水", 1), ("漏水", 1), ("水屋", 0), ("100%", 1), ("_", 1), ("'\"", 0), ("\0", 0), ("\ud800", 0),
        ("*", 0),
    ],
)  # fmt: skip
def test_all_words_are_in_title_or_result(store: Store, wanted: str, found: int) -> None:
    for title, result in (
        ("Rent", "The notice period is 3 months, 100% sure, snake_case."),
        ("Roof", "über die Straße"),
        ("屋顶", "屋顶漏水。"),
    ):
        store.runs.update(begin(store, title).id, result=result)
    assert len(titles(store, search=wanted)) == found


def test_runs_at_work_become_interrupted_at_the_start(file: Path) -> None:
    store = Store.open(file)
    run, done = begin(store), begin(store)
    store.runs.update_part(run.id, 0, status="done", text="half")
    store.runs.update(done.id, status="done")
    store.close()
    store = Store.open(file)
    assert store.mark_interrupted() == 1
    assert store.mark_interrupted() == 0
    assert store.runs.get(run.id).status == "interrupted"
    assert store.runs.get(done.id).status == "done"
    assert [part.text for part in store.runs.parts(run.id)] == ["half", "", ""]
    store.close()


def test_a_deleted_run_comes_back_with_what_was_made_meanwhile(store: Store) -> None:
    run = begin(store)
    store.runs.delete(run.id)
    (thrown,) = store.trash()
    assert (thrown.kind, thrown.id, thrown.conversation, thrown.text) == ("run", run.id, "", "Roof")
    assert titles(store) == []
    store.runs.update_part(run.id, 0, status="done", text="late")
    store.runs.update(run.id, status="done", result="late")
    store.runs.restore(run.id)
    assert store.trash() == []
    assert store.runs.get(run.id).result == "late"
    assert store.runs.parts(run.id)[0].text == "late"


def test_an_emptied_trash_takes_only_what_was_thrown_away(store: Store) -> None:
    kept, thrown = begin(store, "kept"), begin(store, "thrown")
    store.runs.delete(thrown.id)
    store.empty_trash()
    for table in ("runs", "run_documents", "run_parts"):
        column = "id" if table == "runs" else "run"
        assert store._conn.execute(f"SELECT DISTINCT {column} FROM {table}").fetchall() == [(kept.id,)]
    assert store.runs.documents(kept.id) == [LETTER]
    assert store.runs.parts(kept.id) == PARTS


def test_what_is_gone_says_so_and_what_is_wrong_is_refused(store: Store) -> None:
    run, thrown = begin(store), begin(store)
    store.runs.delete(thrown.id)
    calls: list[Callable[[], object]] = [
        lambda: store.runs.get("none"),
        lambda: store.runs.get(thrown.id),
        lambda: store.runs.delete(thrown.id),
        lambda: store.runs.update("none", result="x"),
        lambda: store.runs.restore("none"),
        lambda: store.runs.documents("none"),
        lambda: store.runs.parts("none"),
        lambda: store.runs.add_parts("none", PARTS),
        lambda: store.runs.clear_parts("none"),
        lambda: store.runs.update_part("none", 0, text="x"),
        lambda: store.runs.update_part(run.id, 7, text="x"),
        lambda: store.runs.save_own_prompt("rewrite", "a", "b", id="none"),
    ]
    for call in calls:
        with pytest.raises(UserError) as caught:
            call()
        assert caught.value.code == "gone"
    with pytest.raises(TypeError):
        store.runs.update(run.id, created=1)
    with pytest.raises(TypeError):
        store.runs.update_part(run.id, 0, start=1)
    with pytest.raises(ValueError, match="status"):
        store.runs.update(run.id, status="waiting")
    with pytest.raises(ValueError, match="status"):
        store.runs.update_part(run.id, 0, status="running")
    with pytest.raises(ValueError, match="task"):
        store.runs.create("odd", title="", model="", options={}, documents=[])
    with pytest.raises(UserError):  # all or none: the number 0 is taken
        store.runs.add_parts(run.id, [PartRow(9, 0, 0, 0, 1), PARTS[0]])
    assert store.runs.parts(run.id) == PARTS


def test_the_persons_own_prompts(file: Path) -> None:
    store = Store.open(file)
    pirate = store.runs.save_own_prompt("rewrite", "pirate", "Write like a pirate.")
    store.runs.save_own_prompt("rewrite", "Älter", "Write like a grandparent.")
    legal = store.runs.save_own_prompt("rewrite", "Legal", "Find {braces}.")
    store.runs.save_own_prompt("summarize", "News", "Three lines.")
    changed = store.runs.save_own_prompt("rewrite", "Pirate!", "Arr.", id=pirate.id)
    store.close()
    store = Store.open(file)
    assert changed.id == pirate.id
    assert [prompt.name for prompt in store.runs.own_prompts("rewrite")] == ["Legal", "Pirate!", "Älter"]
    store.runs.delete_own_prompt(legal.id)
    store.runs.delete_own_prompt(legal.id)
    assert [prompt.name for prompt in store.runs.own_prompts("rewrite")] == ["Pirate!", "Älter"]
    assert [prompt.name for prompt in store.runs.own_prompts("summarize")] == ["News"]
    store.close()


CHANCE = st.integers(0, 10**6)


class RunsMachine(RuleBasedStateMachine):
    """Random work on runs, deletions and restarts; the model is a dict of what should be there."""

    def __init__(self) -> None:
        super().__init__()
        self.folder = tempfile.TemporaryDirectory()
        self.runs: dict[str, list[str]] = {}  # id -> texts of its parts, in the order they were made
        self.trash: set[str] = set()
        self.open()

    def open(self) -> None:
        self.store = Store.open(Path(self.folder.name) / "rolltop.db")
        self.store._conn.execute("PRAGMA synchronous = OFF")  # thousands of writes, none worth a wait

    def teardown(self) -> None:
        self.store.close()
        self.folder.cleanup()

    def pick(self, chance: int, among: list[str]) -> str:
        return among[chance % len(among)]

    def visible(self) -> list[str]:
        return [id for id in self.runs if id not in self.trash]

    @rule(parts=st.integers(0, 3))
    def create(self, parts: int) -> None:
        self.runs[begin(self.store, parts=parts).id] = [""] * parts

    @precondition(lambda self: any(self.runs.values()))
    @rule(chance=CHANCE, text=SCALARS)
    def finish_a_part(self, chance: int, text: str) -> None:
        id = self.pick(chance, [id for id, parts in self.runs.items() if parts])
        number = chance % len(self.runs[id])
        self.store.runs.update_part(id, number, text=text, status="done")
        self.runs[id][number] = text

    @precondition(lambda self: self.runs)
    @rule(chance=CHANCE)
    def begin_anew(self, chance: int) -> None:
        id = self.pick(chance, list(self.runs))
        self.store.runs.clear_parts(id)
        self.store.runs.add_parts(id, PARTS)
        self.runs[id] = [""] * 3

    @precondition(lambda self: self.visible())
    @rule(chance=CHANCE)
    def delete(self, chance: int) -> None:
        id = self.pick(chance, self.visible())
        self.store.runs.delete(id)
        self.trash.add(id)

    @precondition(lambda self: self.trash)
    @rule(chance=CHANCE)
    def restore(self, chance: int) -> None:
        id = self.pick(chance, sorted(self.trash))
        self.store.runs.restore(id)
        self.trash.remove(id)

    @rule()
    def empty_the_trash(self) -> None:
        self.store.empty_trash()
        self.runs = {id: parts for id, parts in self.runs.items() if id not in self.trash}
        self.trash.clear()

    @rule()
    def restart(self) -> None:
        self.store.close()
        self.open()

    @invariant()
    def all_is_there(self) -> None:
        assert [run.id for run in self.store.runs.list("summarize")] == self.visible()[::-1]
        assert {row.id for row in self.store.trash()} == self.trash
        for id, texts in self.runs.items():
            assert [part.text for part in self.store.runs.parts(id)] == texts
            assert self.store.runs.documents(id) == [LETTER]


TestRunsMachine = RunsMachine.TestCase
TestRunsMachine.settings = settings(max_examples=20, stateful_step_count=20, deadline=None)
