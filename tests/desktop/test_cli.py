"""The command line: its output, its exit codes, and that an error is one line."""

from __future__ import annotations

import io
import json
import os
import signal
import sqlite3
import subprocess
import sys
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest

from desktop import cli
from desktop.workbench.store import MessageRow, Store
from models.engine.protocol import Request
from models.engine.scripted import Answer, Script, ScriptedEngine
from models.errors import EngineError

Run = Callable[..., "Result"]
STARTER = "smollm2-135m-instruct-q4_1"


class Result:
    """What one run of the command line left behind."""

    def __init__(self, code: int, out: str, err: str) -> None:
        self.code, self.out, self.err = code, out, err

    def json(self) -> dict[str, object]:
        value = json.loads(self.out)
        assert isinstance(value, dict)
        return value

    def failed(self, code: int, words: str) -> None:
        """It failed as every failure should: one line, no answer, no traceback."""
        assert (self.code, self.out) == (code, "")
        assert self.err.startswith("rolltop: ")
        assert self.err.count("\n") == 1
        assert "Traceback" not in self.err
        assert words in self.err


@pytest.fixture
def run(tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Run:
    """Run a command in this process, with engines that answer from a script."""
    monkeypatch.setenv("ROLLTOP_DATA_DIR", str(tmp_path / "data"))

    def run_command(*args: str, script: Script = (), stdin: bytes | None = None, **start: object) -> Result:
        if stdin is not None:
            monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(stdin)))
        code = cli.main(args, start_engine=ScriptedEngine.starter(script, **start))  # type: ignore[arg-type]
        out, err = capsys.readouterr()
        return Result(code, out, err)

    return run_command


def rows(folder: Path) -> list[MessageRow]:
    """Every message of the only conversation."""
    with closing(Store.open(folder / "rolltop.db")) as store:
        found = store.conversations()
        return store.path(found[0].id) if found else []


def rolltop(*args: str, folder: Path, **options: object) -> subprocess.Popen[bytes]:
    """Start the real command."""
    return subprocess.Popen(
        [sys.executable, "-m", "desktop", *args],
        env={**os.environ, "ROLLTOP_DATA_DIR": str(folder)},
        **{"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, **options},  # type: ignore[call-overload]
    )


# ---------------------------------------------------------------- chat


def test_chat_prints_the_answer_and_keeps_it(run: Run, tmp_path: Path) -> None:
    done = run("chat", "Say hi", script=[Answer("Hi there!", thinking="hm")])
    assert (done.code, done.out, done.err) == (0, "Hi there!\n", "")
    assert [row.content for row in rows(tmp_path / "data")] == ["Say hi", "Hi there!"]


def test_the_answer_is_printed_as_it_comes(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    written: list[str] = []

    class Pipe(io.StringIO):
        def flush(self) -> None:
            if self.getvalue() not in written:
                written.append(self.getvalue())

    monkeypatch.setattr(sys, "stdout", Pipe())
    run("chat", "Say hi", script=[Answer(["one ", "two ", "three"])])
    assert written == ["one ", "one two ", "one two three", "one two three\n"]


def test_json_is_one_object_with_just_these_keys(run: Run, tmp_path: Path) -> None:
    done = run("chat", "Say hi", "--json", script=[Answer("Hi\nthere 😀")])
    assert done.code == 0
    assert done.out.count("\n") == 1
    value = done.json()
    assert list(value) == ["text", "finish_reason", "model", "usage", "timings", "conversation_id"]
    assert (value["text"], value["finish_reason"], value["model"]) == ("Hi\nthere 😀", "stop", STARTER)
    usage, timings = value["usage"], value["timings"]
    assert isinstance(usage, dict)
    assert isinstance(timings, dict)
    assert list(usage) == ["prompt_tokens", "cached_tokens", "completion_tokens"]
    assert usage["completion_tokens"] == 3
    assert list(timings) == ["load_s", "prompt_s", "first_token_s", "decode_s", "tokens_per_second"]
    assert all(isinstance(number, float) for number in timings.values())
    assert value["conversation_id"] == rows(tmp_path / "data")[0].conversation


def test_the_options_reach_the_model(run: Run, tmp_path: Path) -> None:
    seen: list[Request] = []

    def script(request: Request) -> Answer:
        seen.append(request)
        return Answer("ok")

    sampling = ["--seed", "7", "--temperature", "0.25", "--max-tokens", "9"]
    given = ["--system", "Be brief.", *sampling, "--context", "512"]
    assert run("chat", "Say hi", *given, script=script).code == 0
    (request,) = seen
    assert (request.sampling.seed, request.sampling.temperature, request.max_tokens) == (7, 0.25, 9)
    question, answer = rows(tmp_path / "data")
    assert question.system == answer.system == "Be brief."
    assert answer.settings["context_size"] == 512


def test_text_comes_from_stdin_for_a_dash(run: Run, tmp_path: Path) -> None:
    done = run("chat", "-", script=[Answer("ok")], stdin="two\nlines é\n".encode() + b"\xff\n")
    assert done.code == 0
    assert rows(tmp_path / "data")[0].content == "two\nlines é\n\ufffd"


def test_a_saved_conversation_goes_on(run: Run, tmp_path: Path) -> None:
    first = run("chat", "one", "--seed", "5", "--json", script=[Answer("two")]).json()
    id = str(first["conversation_id"])
    second = run("chat", "three", "--conversation", id, "--system", "New", "--json", script=[Answer("four")])
    assert second.json()["conversation_id"] == id
    found = rows(tmp_path / "data")
    assert [row.content for row in found] == ["one", "two", "three", "four"]
    assert [row.system for row in found] == ["", "", "New", "New"]
    assert found[-1].settings["seed"] == 5


def test_no_save_leaves_nothing(run: Run, tmp_path: Path) -> None:
    done = run("chat", "a secret", "--no-save", "--json", script=[Answer("whispered")])
    assert (done.code, done.json()["text"], done.json()["conversation_id"]) == (0, "whispered", None)
    assert rows(tmp_path / "data") == []
    files = [file for file in (tmp_path / "data").rglob("*") if file.is_file()]
    assert not any(b"secret" in file.read_bytes() for file in files)


def test_a_base_model_is_said_so(run: Run) -> None:
    done = run("chat", "Once", script=[Answer("upon a time")], chat_template=False)
    assert (done.code, done.out) == (0, "upon a time\n")
    assert "no chat template" in done.err
    assert done.err.count("\n") == 1


def test_an_answer_cut_by_the_context_is_said_so(run: Run) -> None:
    done = run("chat", "count", "--context", "64", script=[Answer("word " * 100)])
    assert done.code == 0
    assert "context is full" in done.err


# ---------------------------------------------------------------- errors


@pytest.mark.parametrize(
    ("args", "words"),
    [
        (["chat", ""], "nothing to send"),
        (["chat", "hi", "--model", "no-such"], "no-such"),
        (["chat", "hi", "--model", "/no/such/file.gguf"], "file.gguf"),
        (["chat", "hi", "--conversation", "no-such"], "no longer there"),
        (["chat", "word " * 200, "--context", "64"], "does not fit"),
        (["models", "--data-dir", "/dev/null/x"], "data folder"),
    ],
)
def test_a_failure_is_one_line_and_1(run: Run, args: list[str], words: str) -> None:
    run(*args).failed(1, words)


@pytest.mark.parametrize(
    "args",
    [
        ["chat"],
        ["chat", "hi", "there"],
        ["chat", "hi", "--seed", "-1"],
        ["chat", "hi", "--temperature", "warm"],
        ["chat", "hi", "--max-tokens"],
        ["chat", "hi", "--context", "1"],
        ["chat", "hi", "--no-save", "--conversation", "x"],
        ["paint"],
        ["--paint"],
        ["models", "extra"],
    ],
)
def test_wrong_usage_is_one_line_and_2(run: Run, args: list[str], tmp_path: Path) -> None:
    run(*args).failed(2, "--help")
    assert not (tmp_path / "data").exists()


def test_failures_leave_no_empty_conversation(run: Run, tmp_path: Path) -> None:
    run("chat", "")
    run("chat", "hi", "--model", "no-such")
    with closing(sqlite3.connect(tmp_path / "data" / "rolltop.db")) as conn:
        assert conn.execute("SELECT count(*) FROM conversations").fetchone()[0] == 0


@pytest.mark.parametrize(
    "answer", [Answer("half an", die=True), Answer("half an", error=EngineError("The grammar is wrong."))]
)
def test_a_dying_answer_is_kept_and_the_error_is_one_line(run: Run, tmp_path: Path, answer: Answer) -> None:
    done = run("chat", "talk", script=[answer])
    assert (done.code, done.out) == (1, "half an\n")
    assert done.err.startswith("rolltop: ")
    assert done.err.count("\n") == 1
    assert rows(tmp_path / "data")[-1].content == "half an"


def test_a_bug_is_one_line_too(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: object) -> Answer:
        raise ZeroDivisionError("two\nlines")

    run("chat", "hi", script=broken).failed(1, "bug in Rolltop: ZeroDivisionError: two lines")
    shown = run("--debug", "chat", "hi", script=broken)
    assert shown.code == 1
    assert "Traceback" in shown.err


def test_a_full_output_is_an_error_and_not_a_traceback(tmp_path: Path) -> None:
    if not Path("/dev/full").exists():
        pytest.skip("needs /dev/full")
    with open("/dev/full", "w") as full:
        process = rolltop("models", folder=tmp_path, stdout=full)
        _, err = process.communicate(timeout=60)
    assert process.returncode == 1
    assert err.decode().startswith("rolltop: ")
    assert err.count(b"\n") == 1


def test_a_broken_pipe_is_quiet(tmp_path: Path) -> None:
    process = rolltop("models", folder=tmp_path)
    assert process.stdout is not None
    process.stdout.close()
    assert process.stderr is not None
    assert process.stderr.read() == b""
    process.stderr.close()
    assert process.wait(60) == 141


def test_what_a_model_says_cannot_steer_the_terminal() -> None:
    assert cli.plain("a\x1b[2Jb\x07\x9b\nc\td é😀") == "a\ufffd[2Jb\ufffd\ufffd\nc\td é😀"


# ---------------------------------------------------------------- models, info, version


def test_models_lists_the_library(run: Run) -> None:
    done = run("models", "--json")
    (starter,) = json.loads(done.out)
    assert list(starter) == [
        *("id", "name", "publisher", "architecture", "parameters", "quantization"),
        *("size_bytes", "context_length", "chat_template", "license", "place"),
        *("path", "capabilities", "mmproj"),
    ]
    assert (starter["place"], starter["capabilities"]) == ("starter", ["chat"])
    assert (starter["id"], starter["chat_template"]) == (STARTER, True)
    assert Path(starter["path"]).stat().st_size == starter["size_bytes"]
    table = run("models")
    assert table.code == 0
    assert STARTER in table.out


def test_files_that_are_no_models_are_named_and_left_out(run: Run, tmp_path: Path) -> None:
    (tmp_path / "data" / "models").mkdir(parents=True)
    (tmp_path / "data" / "models" / "broken.gguf").write_bytes(b"not a model")
    done = run("models", "--json")
    assert done.code == 0
    assert len(json.loads(done.out)) == 1
    assert "broken.gguf" in done.err


def test_info_tells_versions_devices_and_folders(run: Run, tmp_path: Path) -> None:
    facts = run("info", "--json").json()
    assert list(facts) == ["versions", "devices", "folders"]
    folders = facts["folders"]
    assert isinstance(folders, dict)
    assert folders["data"] == str(tmp_path / "data")
    assert str(tmp_path / "data") in run("info").out


@pytest.mark.parametrize("place", ["before", "after"])
def test_the_data_folder_is_taken_before_or_after_the_command(run: Run, tmp_path: Path, place: str) -> None:
    option = ["--data-dir", str(tmp_path / "other")]
    args = [*option, "models"] if place == "before" else ["models", *option]
    assert run(*args).code == 0
    assert (tmp_path / "other" / "rolltop.db").is_file()
    assert not (tmp_path / "data").exists()


def test_version_and_help(run: Run) -> None:
    version = run("--version")
    assert (version.code, version.out) == (0, f"rolltop {cli._version()}\n")
    help_text = run("chat", "--help").out
    options = ["model", "system", "seed", "temperature", "max-tokens", "context", "conversation"]
    options += ["no-save", "json", "data-dir"]
    assert all(f"--{option}" in help_text for option in options)


def test_without_a_command_the_window_opens(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import desktop.ui.app

    opened: list[Path | None] = []
    monkeypatch.setattr(desktop.ui.app, "main", lambda folder=None: opened.append(folder) or 0)
    assert run().code == 0
    assert run("--data-dir", str(tmp_path / "other")).code == 0
    assert opened == [None, tmp_path / "other"]


def test_listing_models_imports_neither_the_window_nor_the_engine(tmp_path: Path) -> None:
    code = (
        "import sys\nfrom desktop.cli import main\n"
        f"code = main(['models', '--data-dir', {str(tmp_path)!r}])\n"
        "print(code, [name for name in ('PySide6', 'llama_cpp') if name in sys.modules])"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60
    )
    assert done.stdout.splitlines()[-1] == "0 []"


# ---------------------------------------------------------------- the real model


def test_the_starter_model_answers(tmp_path: Path) -> None:
    process = rolltop("chat", "Say hi", "--max-tokens", "8", "--json", folder=tmp_path)
    out, err = process.communicate(timeout=120)
    assert (process.returncode, err) == (0, b"")
    value = json.loads(out)
    assert value["text"].strip()
    assert value["model"] == STARTER
    assert 0 < value["usage"]["completion_tokens"] <= 8
    assert value["timings"]["load_s"] > 0
    assert rows(tmp_path)[-1].content == value["text"]


@pytest.mark.skipif(os.name == "nt", reason="signals")
def test_ctrl_c_keeps_the_answer_so_far(tmp_path: Path) -> None:
    process = rolltop(
        *("chat", "Write a very long story about the sea.", "--temperature", "0"),
        folder=tmp_path,
        start_new_session=True,
    )
    assert process.stdout is not None
    assert process.stderr is not None
    begun = process.stdout.read(1)
    os.killpg(process.pid, signal.SIGINT)  # as a terminal does: to the engine, too
    rest = process.stdout.read()
    assert process.stderr.read() == b""
    assert process.wait(60) == 130
    process.stdout.close()
    process.stderr.close()
    answer = rows(tmp_path)[-1]
    assert (answer.role, answer.status) == ("assistant", "stopped")
    shown = (begun + rest).decode()
    assert answer.content.strip()
    assert shown.strip() == answer.content.strip()


@pytest.mark.skipif(os.name == "nt", reason="signals")
def test_a_reader_that_leaves_stops_the_answer(tmp_path: Path) -> None:
    process = rolltop("chat", "Write a very long story about the sea.", "--temperature", "0", folder=tmp_path)
    assert process.stdout is not None
    assert process.stderr is not None
    process.stdout.read(1)
    process.stdout.close()
    assert process.stderr.read() == b""
    process.stderr.close()
    assert process.wait(60) == 141
    answer = rows(tmp_path)[-1]
    assert (answer.role, answer.status) == ("assistant", "stopped")
    assert answer.content
