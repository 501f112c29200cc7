"""Killing the app and its engines at random moments, and what has to be true afterwards.

The flows kill some times, `tests/benchmarks/kills.py` many times.
"""

from __future__ import annotations

import os
import random
import shutil
import signal
import sqlite3
import subprocess
import sys
import time
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path

import psutil
from flows.driver import digest
from flows.story import Story

from desktop.workbench.store import Store
from desktop.workbench.workbench import STORE_FILE

TESTS = Path(__file__).resolve().parents[1]
PROMISED_S = 1.0
"""At most so much of an answer may be lost."""
ALLOWANCE_S = 0.5
"""For a machine on which the app could not run just then."""
LONGEST_S = 2.0
"""The latest moment of a kill, after the first text of a run was shown."""
START_S = 120.0


@dataclass
class AppKill:
    """One kill of the app, as far as it can be measured.

    Attributes:
        lost_s: age of the oldest text that was shown and is not saved, 0 when all is.
        shown: texts shown in this run. acknowledged: messages committed so far, in all runs.
        ended_s: time until no process of an engine was left.
        streaming: an answer was being made when it was killed.
    """

    lost_s: float
    shown: int
    acknowledged: int
    ended_s: float
    streaming: bool


@dataclass
class AppKiller:
    """Starts the app on one folder again and again, and kills it at random moments while it streams.

    After each kill the history is read from a copy, so that the next start meets the files as the
    kill left them.
    """

    folder: Path
    seed: int = 0
    _acks: dict[str, str] = field(default_factory=dict)
    _broken: set[str] = field(default_factory=set)
    _runs: int = 0

    def kill(self, *, stall: bool = False) -> AppKill:
        """Start the app, kill it, check the folder; raises AssertionError when a promise is broken.

        `stall`: the engine falls silent in the middle of an answer some time before the kill.
        """
        self._runs += 1
        rng = random.Random(1000 * self.seed + self._runs)
        self.folder.parent.mkdir(parents=True, exist_ok=True)
        out, err = (self.folder.parent / f"{self.folder.name}.{kind}" for kind in ("out", "err"))
        with out.open("wb") as stdout, err.open("wb") as stderr:
            command = [sys.executable, "-m", "flows.driver", str(self.folder), str(rng.randrange(1 << 30))]
            environment = {**os.environ, "PYTHONPATH": str(TESTS), "QT_QPA_PLATFORM": "offscreen"}
            app = subprocess.Popen(command, stdout=stdout, stderr=stderr, env=environment)
            try:
                _await_text(app, out, err)
                time.sleep(rng.uniform(0, LONGEST_S))
                engines = psutil.Process(app.pid).children(recursive=True)
                if stall:
                    _stop(engines)
            finally:
                killed = time.monotonic()
                app.kill()
                app.wait()
        assert engines, "the app has an engine"
        for engine in engines:
            engine.resume()
        deadline = killed + 10
        while any(map(_runs, engines)):
            assert time.monotonic() < deadline, "no engine remains"
            time.sleep(0.005)
        ended = time.monotonic() - killed
        assert "Traceback" not in err.read_text(), err.read_text()
        return self._check(killed, ended, out.read_text())

    @property
    def broken(self) -> set[str]:
        """The answers that the last kill broke off."""
        return self._broken

    def _check(self, killed: float, ended: float, told: str) -> AppKill:
        lines = [line.split() for line in told.splitlines()]
        self._acks |= {words[1]: words[2] for words in lines if words[0] == "ack"}
        for _, id, status in (words for words in lines if words[0] == "state"):
            assert status != "streaming", "a start leaves nothing streaming"
            assert id not in self._broken or status == "interrupted"
        shown = [(float(w[1]), w[2], int(w[3]), w[4]) for w in lines if w[0] == "shown"]
        assert shown
        with _copy(self.folder) as store:
            for id, content in self._acks.items():
                row = store.message(id)
                assert (row.role, digest(row.content)) == ("user", content)
            for id in self._broken:
                assert store.message(id).status == "interrupted", "the next start says so"
            lost = [killed - at for at, id, length, text in shown if not _saved(store, id, length, text)]
            lost_s = max(lost, default=0.0)
            assert lost_s <= PROMISED_S + ALLOWANCE_S, f"{lost_s:.2f} s of the answer are lost"
            answers = {id: store.message(id).status for _, id, _, _ in shown}
        assert list(answers.values())[:-1] == ["done"] * (len(answers) - 1)
        self._broken = {id for id, status in answers.items() if status == "streaming"}
        return AppKill(lost_s, len(shown), len(self._acks), ended, bool(self._broken))


def _await_text(app: subprocess.Popen[bytes], out: Path, err: Path) -> None:
    """Wait until the app shows the first text of an answer."""
    deadline = time.monotonic() + START_S
    while "shown" not in out.read_text():
        assert app.poll() is None, err.read_text()
        assert time.monotonic() < deadline, f"nothing was shown: {out.read_text()} {err.read_text()}"
        time.sleep(0.01)


def _runs(process: psutil.Process) -> bool:
    """Whether a process has not ended; one that waits to be collected by its new parent has."""
    try:
        return process.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


def _stop(engines: list[psutil.Process]) -> None:
    """Silence the engines for longer than an answer may be unsaved."""
    for engine in engines:
        engine.suspend()
    time.sleep(PROMISED_S + 2 * ALLOWANCE_S)


def _copy(folder: Path) -> closing[Store]:
    """The store of a copy of the history, found whole."""
    copy = folder.with_name(folder.name + "-copy")
    shutil.rmtree(copy, ignore_errors=True)
    copy.mkdir()
    for path in folder.glob(f"{STORE_FILE}*"):
        shutil.copy(path, copy)
    store = Store.open(copy / STORE_FILE)
    assert store.warning is None
    with closing(sqlite3.connect(copy / STORE_FILE)) as conn:
        assert conn.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
    return closing(store)


def _saved(store: Store, id: str, length: int, content: str) -> bool:
    """Whether a text that was shown is in the store; what is there has to be what was shown."""
    saved = store.message(id).content
    return len(saved) >= length and digest(saved[:length]) == content


@dataclass
class EngineKill:
    """One kill of an engine. `fault_s`: until the window said so; `shown`: characters that stood there."""

    fault_s: float
    shown: int


def _begin_answer(story: Story, rng: random.Random) -> None:
    """Have an answer in the making, some words long; a model that is done sooner is asked again."""
    for _ in range(10):
        story.send(f"{rng.randrange(1000)}: write a long story about the sea.")
        words = rng.randrange(60)

        def answering() -> bool:
            return [row.role for row in story.rows()[-1:]] == ["assistant"]

        def enough(words: int = words) -> bool:
            return answering() and story.panel.busy and len(story.shown().split()) > words

        story.until(lambda: enough() or (answering() and not story.panel.busy), "text")
        if enough():
            return
        story.settle()
    raise AssertionError("each answer ended after a few words")


def kill_engine(story: Story, rng: random.Random) -> EngineKill:
    """Ask something, kill the engine after some tokens, see the fault, and restart it in the window."""
    _begin_answer(story, rng)
    (pid,) = story.engine_pids()
    before = story.shown()
    killed = time.monotonic()
    os.kill(pid, signal.SIGKILL)
    story.until(lambda: "stopped working" in story.notice(), "the fault is shown")
    fault_s = time.monotonic() - killed
    story.settle()
    row = story.rows()[-1]
    assert row.status == "interrupted"
    assert story.shown() == row.content
    assert row.content.startswith(before), "what was shown stays"
    assert story.workbench.store.message(row.id).content == row.content
    assert "stopped working here" in story.words(story.view())
    assert not psutil.pid_exists(pid), "nothing is left of it"
    # The same two settings are not tried a third time; here it was not their fault.
    story.workbench.engines.forgive(str(story.workbench.library.starter().path))
    story.press("Restart", story.panel.notice)
    story.until(lambda: len(story.shown()) > len(row.content), "the answer goes on")
    story.do("stop")
    story.settle()
    assert story.shown().startswith(row.content)
    assert len(story.engine_pids()) == 1
    return EngineKill(fault_s, len(row.content))
