"""`rolltop summarize` and `rolltop rewrite`: what they print, keep, and take up again."""

from __future__ import annotations

import io
import itertools
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import pytest

from desktop import cli_tasks
from desktop.workbench.problems import Problem
from desktop.workbench.rewrite import TASKS
from desktop.workbench.store import PartRow, RunRow, Store
from desktop.workbench.summarize import KINDS
from desktop.workbench.task import Ask, Desk, Outcome, Verdict
from desktop.workbench.tasks import Tasks
from models.engine.protocol import Chat, Message, Request
from models.engine.scripted import Answer
from models.errors import EngineError
from tests.desktop.test_cli import STARTER, Run, rolltop, run

__all__ = ["run"]

TEXT = "alpha one\n\nbeta two\n\ngamma three\n\ndelta four\n"
KEYS = ["run", "status", "text", "parts", "sources", "coverage", "links"]
LAST_KEYS = ["warnings", "usage", "timings", "model"]


class Shouting:
    """A recipe that is simple enough to tell what comes of it: each paragraph, one part, one answer."""

    def plan(self, desk: Desk) -> Sequence[PartRow]:
        blocks = enumerate(desk.documents[0].blocks)
        return [PartRow(number, 0, 0, block.start, block.end) for number, block in blocks]

    def grow(self, desk: Desk, parts: Sequence[PartRow]) -> Sequence[PartRow]:
        return []

    def ask(self, desk: Desk, part: PartRow, parts: Sequence[PartRow]) -> Ask:
        text = desk.documents[0].text[part.start : part.end]
        return Ask(Chat(messages=(Message("user", text),)), max_tokens=50)

    def judge(self, desk: Desk, part: PartRow, text: str, *, cut: bool) -> Verdict:
        problems = (Problem("loud", "This is {how} loud.", {"how": "too"}),) if "!" in text else ()
        return Verdict(text, problems, failed="refuse" in text)

    def hopeless(self, desk: Desk, part: PartRow, text: str) -> bool:
        return False

    def finish(self, desk: Desk, parts: Sequence[PartRow]) -> Outcome:
        text = "\n\n".join(part.text for part in parts if part.status == "done")
        return Outcome(text, {"coverage": 1.0, "links": []}, (Problem("odd", "An odd result."),))


@pytest.fixture
def shouting(monkeypatch: pytest.MonkeyPatch) -> None:
    """Runs are done by the recipe above."""
    monkeypatch.setattr(Tasks, "recipe", lambda self, run: Shouting())


@pytest.fixture
def letter(tmp_path: Path) -> Path:
    file = tmp_path / "letter.txt"
    file.write_text(TEXT)
    return file


def loud(*pieces: str) -> Callable[[Request], Answer]:
    """A model that says these things in turn, then the same again."""
    turns = itertools.cycle(pieces)
    return lambda _: Answer(next(turns))


@contextmanager
def kept(tmp_path: Path) -> Iterator[Store]:
    """The store, between two commands."""
    with closing(Store.open(tmp_path / "data" / "rolltop.db")) as store:
        yield store


def the_run(tmp_path: Path, task: str = "rewrite") -> RunRow:
    """The only run, whole."""
    with kept(tmp_path) as store:
        (row,) = store.runs.list(task)
        return store.runs.get(row.id)


# ---------------------------------------------------------------- what is printed and kept


@pytest.mark.usefixtures("shouting")
def test_the_result_is_printed_and_kept(run: Run, tmp_path: Path, letter: Path) -> None:
    done = run("rewrite", str(letter), script=loud("ONE", "TWO", "THREE!", "FOUR!"))
    assert (done.code, done.out) == (0, "ONE\n\nTWO\n\nTHREE!\n\nFOUR!\n")
    assert done.err.splitlines() == [
        "rolltop: An odd result.",
        "rolltop: This is too loud. (part 3, part 4)",
    ]
    row = the_run(tmp_path)
    assert (row.status, row.result, row.model) == ("done", done.out.removesuffix("\n"), STARTER)


@pytest.mark.usefixtures("shouting")
def test_json_is_one_object(run: Run, tmp_path: Path, letter: Path) -> None:
    done = run("rewrite", str(letter), "--json", script=loud("ONE", "TWO", "THREE!", "FOUR"))
    assert (done.code, done.err, done.out.count("\n")) == (0, "", 1)
    value = done.json()
    assert list(value) == [*KEYS, *LAST_KEYS]
    row = the_run(tmp_path)
    assert (value["run"], value["status"], value["text"]) == (row.id, "done", row.result)
    assert value["sources"] == [{"name": "letter.txt", "format": "txt", "characters": len(TEXT), "pages": 0}]
    parts: Any = value["parts"]
    assert [TEXT[part["start"] : part["end"]] for part in parts] == TEXT.strip().split("\n\n")
    assert parts[2] == {
        "number": 2, "level": 0, "source": 0, "start": 21, "end": 32, "text": "THREE!", "status": "done",
        "problems": [{"code": "loud", "text": "This is too loud."}],
    }  # fmt: skip
    assert value["warnings"] == ["An odd result.", "This is too loud. (part 3)"]
    assert (value["coverage"], value["links"], value["model"]) == (1.0, [], STARTER)
    assert value["usage"] == row.usage
    assert value["timings"] == row.timings


@pytest.mark.usefixtures("shouting")
def test_text_comes_from_stdin_for_a_dash(run: Run, tmp_path: Path) -> None:
    done = run("rewrite", "-", script=loud("OK"), stdin="gar schön\n\nzwei".encode("utf-16"))
    assert (done.code, done.out) == (0, "OK\n\nOK\n")
    with kept(tmp_path) as store:
        (document,) = store.runs.documents(the_run(tmp_path).id)
    assert document.text == "gar schön\n\nzwei"
    odd = run("rewrite", "-", script=loud("OK"), stdin="caffè\n".encode("cp1252"))
    assert "it was read as" in odd.err


@pytest.mark.usefixtures("shouting")
def test_no_save_leaves_nothing(run: Run, tmp_path: Path) -> None:
    done = run("rewrite", "-", "--no-save", "--json", script=loud("whisper"), stdin=b"a secret")
    assert (done.code, done.json()["text"], done.json()["run"]) == (0, "whisper", None)
    with kept(tmp_path) as store:
        assert store.runs.list("rewrite") == []
    files = [file for file in (tmp_path / "data").rglob("*") if file.is_file()]
    assert not any(b"secret" in file.read_bytes() for file in files)


@pytest.mark.usefixtures("shouting")
def test_the_difference_is_marked(run: Run, tmp_path: Path, letter: Path) -> None:
    answers = loud("alpha one", "beta 2", "gamma three", "the delta four")
    done = run("rewrite", str(letter), "--diff", script=answers)
    assert done.code == 0
    assert "beta [-two-]{+2+}\n" in done.out
    assert "gamma three\n" in done.out
    again = run("rewrite", "--resume", the_run(tmp_path).id, "--diff", "--json").json()
    changes: Any = again["changes"]
    text = TEXT
    for change in reversed(changes):
        text = text[: change["start"]] + change["text"] + text[change["end"] :]
    assert text == again["text"]


class Terminal(io.StringIO):
    """A stream that a person looks at."""

    encoding = "utf-8"  # type: ignore[assignment]

    def isatty(self) -> bool:
        return True


@pytest.mark.usefixtures("shouting")
def test_a_person_sees_progress_and_colours_that_no_text_can_forge(
    run: Run, letter: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("NO_COLOR", raising=False)
    out, err = Terminal(), Terminal()
    monkeypatch.setattr(sys, "stdout", out)
    monkeypatch.setattr(sys, "stderr", err)
    answers = loud("alpha one", "beta \x1b[2Jtwo", "gamma", "delta four")
    assert run("rewrite", str(letter), "--diff", script=answers).code == 0
    assert "\x1b[2J" not in out.getvalue()
    assert "\x1b[31;9m" in out.getvalue()
    assert "\x1b[32m" in out.getvalue()
    shown = err.getvalue()
    assert "loading the model" in shown
    assert "0 of 4 parts" in shown
    assert "100%  4 of 4 parts" in shown
    assert shown.index("100%") < shown.index("An odd result.")
    monkeypatch.setenv("NO_COLOR", "1")
    assert run("rewrite", str(letter), "--diff", script=answers).code == 0
    assert "[-" in out.getvalue()


@pytest.mark.usefixtures("shouting")
def test_many_warnings_are_cut_short(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cli_tasks, "WARNINGS", 1)
    text = "\n\n".join(f"word {number}" for number in range(9)).encode()
    done = run("rewrite", "-", script=loud("LOUD!"), stdin=text)
    assert done.err.splitlines() == [
        "rolltop: An odd result.",
        "rolltop: 1 more warnings; --json prints all of them.",
    ]
    monkeypatch.setattr(cli_tasks, "WARNINGS", 20)
    done = run("rewrite", "-", script=loud("LOUD!"), stdin=text)
    assert "(part 1, part 2, part 3 and 6 more)" in done.err


# ---------------------------------------------------------------- what goes wrong


@pytest.mark.usefixtures("shouting")
def test_a_dead_engine_is_one_line_and_the_way_on_works(run: Run, tmp_path: Path, letter: Path) -> None:
    def dying(request: Request) -> Answer:
        count.append(request)
        return Answer("w " * 9, die=True) if len(count) == 4 else Answer(f"N{len(count)}")

    count: list[Request] = []
    died = run("rewrite", str(letter), script=dying)
    row = the_run(tmp_path)
    died.failed(1, f"rolltop rewrite --resume {row.id} goes on.")
    assert row.status == "interrupted"
    done = run("rewrite", "--resume", row.id, "--json", script=loud("LATER"))
    assert done.code == 0
    assert done.json()["run"] == row.id
    texts = [part["text"] for part in done.json()["parts"]]  # type: ignore[attr-defined]
    finished = [text for text in texts if text != "LATER"]
    assert finished
    assert len(texts) == 4
    assert set(finished) <= {"N1", "N2", "N3"}


@pytest.mark.usefixtures("shouting")
def test_the_latest_run_that_is_left_goes_on(run: Run, tmp_path: Path, letter: Path) -> None:
    run("rewrite", "--resume", "last").failed(1, "no run that could go on")
    assert run("rewrite", str(letter), script=lambda _: Answer("x", die=True)).code == 1
    assert run("rewrite", "-", script=loud("DONE"), stdin=b"newer, and done").code == 0
    done = run("rewrite", "--resume", "last", script=loud("ON"))
    assert (done.code, done.out) == (0, "ON\n\nON\n\nON\n\nON\n")
    run("rewrite", "--resume", "last").failed(1, "no run that could go on")


@pytest.mark.usefixtures("shouting")
def test_a_finished_run_is_printed_without_a_model(run: Run, tmp_path: Path, letter: Path) -> None:
    first = run("rewrite", str(letter), script=loud("ONE"))

    def never(_: Request) -> Answer:
        raise AssertionError("asked again")

    again = run("rewrite", "--resume", the_run(tmp_path).id, script=never)
    assert (again.code, again.out, again.err) == (0, first.out, first.err)


@pytest.mark.usefixtures("shouting")
def test_a_run_that_came_to_nothing_has_failed(run: Run, letter: Path) -> None:
    done = run("rewrite", str(letter), script=loud("I refuse"))
    assert (done.code, done.out) == (1, "")
    assert "nothing that could be used" in done.err
    done = run("rewrite", str(letter), "--json", script=loud("I refuse"))
    assert (done.code, done.json()["status"]) == (1, "failed")


@pytest.mark.usefixtures("shouting")
def test_a_part_that_failed_is_told(run: Run, letter: Path) -> None:
    def broken(_: Request) -> Answer:
        count.append(1)
        return Answer("", error=EngineError("It broke.")) if len(count) == 2 else Answer("FINE")

    count: list[int] = []
    done = run("rewrite", str(letter), script=broken)
    assert (done.code, done.out) == (0, "FINE\n\nFINE\n\nFINE\n")
    assert "rolltop: It broke. (part 2)\n" in done.err


@pytest.mark.parametrize("command", ["summarize", "rewrite"])
@pytest.mark.parametrize(
    ("args", "words"),
    [
        (["{tmp}/none.txt"], "none.txt"),
        (["{tmp}"], "folder"),
        (["{tmp}/letter.txt", "--model", "no-such"], "no-such"),
        (["--resume", "no-such"], "no longer there"),
    ],
)
def test_a_failure_is_one_line_and_1(
    run: Run, tmp_path: Path, letter: Path, command: str, args: list[str], words: str
) -> None:
    run(command, *(arg.format(tmp=tmp_path) for arg in args)).failed(1, words)
    with kept(tmp_path) as store:
        assert store.runs.list(command) == []


def test_of_several_files_the_bad_one_is_named(run: Run, tmp_path: Path, letter: Path) -> None:
    bad = tmp_path / "bad.pdf"
    bad.write_bytes(b"%PDF-1.4 and nothing")
    run("summarize", str(letter), str(bad)).failed(1, "bad.pdf")


def test_nothing_and_noise_on_stdin_are_refused(run: Run) -> None:
    run("rewrite", "-", stdin=b" \n").failed(1, "no text")
    run("rewrite", "-", stdin=bytes(range(256)) * 9).failed(1, "not a text")


@pytest.mark.parametrize(
    "args",
    [
        ["summarize"],
        ["summarize", "-", "-"],
        ["summarize", "x", "--kind", "poem"],
        ["summarize", "x", "--length", "endless"],
        ["summarize", "x", "--language", "Klingonish"],
        ["summarize", "x", "--resume", "y"],
        ["summarize", "--resume", "y", "--kind", "abstract"],
        ["summarize", "--resume", "y", "--model", "m"],
        ["summarize", "--resume", "y", "--no-save"],
        ["rewrite"],
        ["rewrite", "x", "y"],
        ["rewrite", "x", "--task", "paint"],
        ["rewrite", "x", "--to", "Klingonish"],
        ["rewrite", "x", "--glossary", "no pair"],
        ["rewrite", "x", "--glossary", "=b"],
        ["rewrite", "--resume", "y", "--protect", "z"],
    ],
)
def test_wrong_usage_is_one_line_and_2(run: Run, args: list[str], tmp_path: Path) -> None:
    run(*args).failed(2, "--help")
    assert not (tmp_path / "data").exists()


def test_a_run_of_the_other_command_says_which(run: Run, tmp_path: Path, letter: Path) -> None:
    assert run("summarize", str(letter), script=loud("A short text.")).code == 0
    id = the_run(tmp_path, "summarize").id
    run("rewrite", "--resume", id).failed(1, f"rolltop summarize --resume {id}")


def test_the_help_names_every_choice(run: Run) -> None:
    assert all(kind in run("summarize", "--help").out.replace("\n", "") for kind in KINDS)
    assert all(task in run("rewrite", "--help").out.replace("\n", "") for task in TASKS)


# ---------------------------------------------------------------- what is asked for


def test_the_options_of_a_summary_are_kept(run: Run, tmp_path: Path, letter: Path) -> None:
    other = tmp_path / "other.md"
    other.write_text("# Other\n\nAnother text.")
    wishes = ["--kind", "key_points", "--length", "short", "--language", "German", "--for", "children"]
    run("summarize", str(letter), str(other), *wishes, "--together", script=loud("- Ein Punkt."))
    options = the_run(tmp_path, "summarize").options
    assert (options["kind"], options["length"], options["language"]) == ("key_points", "short", "de")
    assert (options["audience"], options["together"], options["extractive"]) == ("children", True, False)
    with kept(tmp_path) as store:
        names = [document.name for document in store.runs.documents(the_run(tmp_path, "summarize").id)]
    assert names == ["letter.txt", "other.md"]


@pytest.mark.parametrize(
    ("args", "expected"),
    [
        (["--to", "French"], {"task": "translate", "language": "fr"}),
        (["--instruction", "Rhyme."], {"task": "custom", "instruction": "Rhyme."}),
        (["--task", "shorten", "--protect", "alpha", "--protect", "beta"], {"task": "shorten"}),
    ],
)
def test_the_options_of_a_rewrite_are_kept(
    run: Run, tmp_path: Path, letter: Path, args: list[str], expected: dict[str, str]
) -> None:
    run("rewrite", str(letter), *args, "--glossary", "one=eins", script=loud("alpha one"))
    options = the_run(tmp_path).options
    assert {key: options[key] for key in expected} == expected
    assert [list(pair) for pair in options["glossary"]] == [["one", "eins"]]
    assert list(options["protected"]) == (["alpha", "beta"] if "--protect" in args else [])


# ---------------------------------------------------------------- stopped half-way

CHILD = """
import sys
from desktop import cli
from models.engine.scripted import Answer, ScriptedEngine

said, fast, args = sys.argv[1], int(sys.argv[2]), sys.argv[3:]

def start(options):
    def answer(request):
        text = engine.detokenize(request.tokens).split("paragraph ")[-1]
        number = int(text.split()[0])
        with open(said, "a") as file:
            print(number, file=file)
        if number < fast:
            return Answer(f"Section {number} is about the sea.")
        return Answer(["slowly "] * 10_000, delay_s=0.01)

    engine = ScriptedEngine(answer, options=options)
    yield 1.0
    return engine

sys.exit(cli.main(args, start_engine=start))
"""
"""The command with a model that rewrites the first paragraphs at once and the others never."""


class Stopping:
    """The command in processes of its own, on one text of nine paragraphs."""

    def __init__(self, tmp_path: Path) -> None:
        self.folder = tmp_path / "data"
        self._said = tmp_path / "said"
        self.text = "\n\n".join(f"This is paragraph {number} about the sea." for number in range(9))

    def start(self, *args: str, fast: int) -> subprocess.Popen[bytes]:
        self._said.write_text("")
        return subprocess.Popen(
            [sys.executable, "-c", CHILD, str(self._said), str(fast), "rewrite", *args],
            env={**os.environ, "ROLLTOP_DATA_DIR": str(self.folder)},
            cwd=Path(__file__).parents[2],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        )

    def asked(self) -> set[int]:
        """Numbers of the paragraphs that the last process asked the model for."""
        return set(map(int, self._said.read_text().split()))

    def parts(self) -> list[PartRow]:
        with closing(Store.open(self.folder / "rolltop.db")) as store:
            runs = store.runs.list("rewrite")
            return store.runs.parts(runs[0].id) if runs else []

    def done(self) -> dict[int, PartRow]:
        return {part.number: part for part in self.parts() if part.status == "done"}

    def wait(self, process: subprocess.Popen[bytes], done: int) -> None:
        """Wait until so many parts are done."""
        deadline = time.monotonic() + 60
        while time.monotonic() < deadline:
            assert process.poll() is None, process.communicate()
            if (self.folder / "rolltop.db").exists() and len(self.done()) >= done:
                return
            time.sleep(0.1)
        raise AssertionError("nothing was finished")


@pytest.mark.skipif(os.name == "nt", reason="signals")
def test_killed_then_stopped_then_finished(tmp_path: Path) -> None:
    """kill -9 half-way, then Ctrl+C half-way, then to the end: what was finished is not asked for again."""
    work = Stopping(tmp_path)
    file = tmp_path / "sea.txt"
    file.write_text(work.text)
    with work.start(str(file), "--task", "improve", fast=3) as process:
        work.wait(process, 3)
        process.kill()
    first = work.done()
    assert set(first) == {0, 1, 2}
    with work.start("--resume", "last", fast=6) as process:
        work.wait(process, 6)
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=60)
    assert (process.returncode, out) == (130, b"")
    assert b"stopped after 6 of 9 parts" in err
    assert not work.asked() & {0, 1, 2}
    second = work.done()
    assert set(second) == set(range(6))
    assert first.items() <= second.items()
    id = err.decode().split("--resume ")[1].split()[0]
    with work.start("--resume", id, "--json", fast=9) as process:
        out, err = process.communicate(timeout=60)
    assert (process.returncode, err) == (0, b"")
    assert work.asked() == {6, 7, 8}
    value = json.loads(out)
    assert (value["run"], value["status"]) == (id, "done")
    assert value["text"] == "\n\n".join(f"Section {number} is about the sea." for number in range(9))


# ---------------------------------------------------------------- the real model


def test_sentences_of_a_text_are_quoted_with_their_places(tmp_path: Path) -> None:
    file = tmp_path / "harbour.md"
    names = ("pilot", "baker", "mayor", "teacher", "doctor", "sailor", "judge", "printer")
    file.write_text(
        "# The harbour\n\n"
        + " ".join(f"The {name} came to the harbour in the year {1890 + n}." for n, name in enumerate(names))
    )
    process = rolltop("summarize", str(file), "--extractive", "--json", folder=tmp_path / "data")
    out, err = process.communicate(timeout=120)
    assert (process.returncode, err) == (0, b"")
    value = json.loads(out)
    text = file.read_text()
    assert value["coverage"] == 1.0
    assert value["sources"] == [{"name": "harbour.md", "format": "md", "characters": len(text), "pages": 0}]
    assert value["links"]
    for link in value["links"]:
        quoted = value["text"][link["start"] : link["end"]]
        assert quoted == text[link["from"] : link["to"]]
        assert quoted.startswith("The ")
