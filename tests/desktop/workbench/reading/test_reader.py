"""A file is read by a child that can do nothing else, and that ends whatever happens."""

from __future__ import annotations

import subprocess
import sys
import textwrap
from pathlib import Path

import psutil
import pytest
from documents import check, make_pdf, outline

from desktop.workbench.reading import limits, reader
from desktop.workbench.store.records import MessageRow
from models.errors import UserError


def refused(path: Path) -> UserError:
    with pytest.raises(UserError) as error:
        reader.read(path)
    return error.value


@pytest.fixture
def paper(tmp_path: Path) -> Path:
    path = tmp_path / "a.txt"
    path.write_text("The desk stands by the window.")
    return path


def child_runs(monkeypatch: pytest.MonkeyPatch, code: str) -> None:
    """Let this be run in place of the real child."""
    monkeypatch.setattr(reader, "_command", lambda: [sys.executable, "-I", "-c", textwrap.dedent(code)])


# ---------------------------------------------------------------- a child that fails


def test_a_child_that_does_not_finish_is_ended(paper: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    child_runs(monkeypatch, "import time; time.sleep(60)")
    monkeypatch.setattr(limits, "WALL_S", 0.3)
    assert refused(paper).code == "too_slow"
    assert not psutil.Process().children()


def test_a_child_that_takes_much_memory_is_ended(paper: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    child_runs(monkeypatch, "import time; a = bytearray(80 << 20); time.sleep(60)")
    monkeypatch.setattr(limits, "MEMORY", 64 << 20)
    assert refused(paper).code == "too_large"


def test_a_child_that_says_too_much_is_ended(paper: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    child_runs(monkeypatch, "import os\nwhile True: os.write(1, bytes(65536))")
    monkeypatch.setattr(limits, "ANSWER", 1 << 20)
    assert refused(paper).code == "too_large"


def test_a_child_that_half_speaks_is_ended(paper: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    child_runs(monkeypatch, "import os, time; os.write(1, b'\\x82\\xa4'); time.sleep(60)")
    monkeypatch.setattr(limits, "WALL_S", 0.3)
    assert refused(paper).code == "too_slow"


@pytest.mark.parametrize(
    "code", ["import os; os.write(1, b'garbage')", "import os; os.abort()", "raise SystemExit(3)", "pass"]
)
def test_a_child_that_crashes_or_talks_nonsense(
    paper: Path, monkeypatch: pytest.MonkeyPatch, code: str
) -> None:
    child_runs(monkeypatch, code)
    error = refused(paper)
    assert error.code == "damaged"
    assert error.hint


def test_a_child_that_runs_out_of_memory_says_so(paper: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    child_runs(monkeypatch, "raise MemoryError")
    assert refused(paper).code == "too_large"


def test_a_child_that_cannot_start(paper: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reader, "_command", lambda: [str(paper.parent / "nothing")])
    assert refused(paper).code == "no_child"


def test_reading_can_be_stopped(paper: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    child_runs(monkeypatch, "import time; time.sleep(60)")
    asked: list[int] = []

    def cancelled() -> bool:
        asked.append(len(psutil.Process().children()))
        return len(asked) > 3

    with pytest.raises(UserError) as error:
        reader.read(paper, cancelled=cancelled)
    assert error.value.code == "cancelled"
    assert asked[-1] == 1
    assert not psutil.Process().children()


# ---------------------------------------------------------------- what the real child may do

PROBE = """
import os, resource, signal, socket, subprocess, sys
sys.stdout.flush()
from desktop.workbench.reading import child
child._limit()
child._lock()

def tries(what):
    try:
        what()
    except OSError:
        return
    print("could", what.__code__.co_firstlineno)

tries(lambda: socket.socket().connect(("127.0.0.1", 9)))
tries(lambda: socket.getaddrinfo("localhost", 80))
tries(lambda: open("/etc/passwd"))
tries(lambda: open(sys.argv[1], "w"))
tries(lambda: os.open(sys.argv[1], os.O_RDONLY))
tries(lambda: os.remove(sys.argv[1]))
tries(lambda: os.rename(sys.argv[1], sys.argv[1] + "2"))
tries(lambda: os.mkdir(sys.argv[1] + "3"))
tries(lambda: subprocess.run([sys.executable, "-V"]))
tries(lambda: os.system("true"))
tries(lambda: os.fork() or os._exit(0))
tries(lambda: os.execv("/bin/true", ["true"]))
import xml.dom.minidom  # its own modules still load
if resource.getrlimit(resource.RLIMIT_CORE) != (0, 0): print("dumps core")
if resource.getrlimit(resource.RLIMIT_FSIZE)[0] > 1 << 20: print("writes files")
if not signal.getitimer(signal.ITIMER_REAL)[0]: print("lives on")
print("done")
"""


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no resource limits")
def test_the_child_can_do_nothing_else(paper: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-I", "-c", PROBE, str(paper)],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert (done.stdout, done.stderr) == ("done\n", "")
    assert paper.read_text() == "The desk stands by the window."


@pytest.mark.skipif(sys.platform != "linux", reason="enforced by Linux only")
def test_the_child_has_so_much_memory_and_no_more() -> None:
    code = "from desktop.workbench.reading import child; child._limit(); bytearray(600 << 20)"
    done = subprocess.run([sys.executable, "-I", "-c", code], capture_output=True, timeout=60, check=False)
    assert b"MemoryError" in done.stderr


def test_the_child_sees_no_secrets(paper: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HF_TOKEN", "secret")
    child_runs(
        monkeypatch, "import os, sys; sys.exit(3 if 'HF_TOKEN' in os.environ or 'HOME' in os.environ else 4)"
    )
    with pytest.raises(UserError):
        reader.read(paper)
    monkeypatch.setattr(reader, "_explain", lambda code, *_: UserError(str(code)))
    assert refused(paper).text == "4"


def test_a_built_app_starts_itself(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "frozen", True, raising=False)
    assert reader._command() == [sys.executable, "--read-document"]


# ---------------------------------------------------------------- names, pasted text, conversations


@pytest.mark.parametrize("name", ["a b.pdf", "桌子.pdf", "-x.pdf", "no suffix", "..pdf"])
def test_any_name_will_do(tmp_path: Path, name: str) -> None:
    document = check(reader.read(make_pdf(tmp_path / name, ["Text."])))
    assert (document.name, document.text, document.problems) == (name, "Text.", ())


def test_a_zero_in_a_name_is_no_file(tmp_path: Path) -> None:
    assert refused(tmp_path / "a\0b.txt").code == "missing"


@pytest.mark.parametrize("text", ["", " \n\t "])
def test_pasting_nothing(text: str) -> None:
    with pytest.raises(UserError) as error:
        reader.from_text(text)
    assert error.value.code == "empty"


def test_pasted_halves_of_characters_can_be_stored() -> None:
    assert reader.from_text("a\ud83d\ude00b\ud800").text == "a\U0001f600b\ufffd"


def message(role: str, content: str) -> MessageRow:
    return MessageRow(
        *(
            "id",
            "conversation",
            None,
            role,
            content,
            "thinking",
            "done",
            0.0,
            "",
            "",
            {},
            "",
            {},
            {},
            "",
            0,
            1,
        )
    )


def test_a_conversation_has_a_heading_for_every_message() -> None:
    rows = [
        message("user", "# Why?\r\n\r\n- a\n- b"),
        message("assistant", "\nBecause."),
        message("user", " "),
    ]
    document = check(reader.from_messages(rows, "Questions"))
    assert outline(document) == [
        ("heading", "## User"),
        ("heading", "# Why?"),
        ("item", "- a"),
        ("item", "- b"),
        ("heading", "## Assistant"),
        ("paragraph", "Because."),
    ]
    assert [block.level for block in document.blocks if block.kind == "heading"] == [2, 3, 2]
    assert (document.format, document.title, document.markdown) == ("chat", "Questions", True)
    with pytest.raises(UserError):
        reader.from_messages([message("user", "")], "Empty")
