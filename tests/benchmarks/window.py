"""How quick and how small the window is: `uv run python tests/benchmarks/window.py [NAME...]`.

Stalls are gaps between the beats of a 5 ms timer on the window's thread: for so long nothing could be
clicked or painted. Start and memory stand beside those of a bare PySide6 window of the same run.
Nothing here is a test: these numbers are for a person on a quiet machine.
"""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from itertools import pairwise
from pathlib import Path
from typing import Any

os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")
sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import hostile
import psutil
from flows.story import Story
from PySide6.QtCore import QEventLoop, Qt, QTimer
from PySide6.QtGui import QGuiApplication
from texts import report

from desktop.workbench.store import Store
from desktop.workbench.workbench import STORE_FILE
from models.engine.scripted import Answer, ScriptedEngine

BEAT_MS = 5
STALL_MS = 100
ROUNDS = 7
LONGEST_S = 300
MESSAGES = 10_000

APP = """
import os, sys, time
from desktop.ui.app import Desk
start = Desk.start
def told(desk):
    def painted():
        print(time.monotonic(), flush=True)
        {then}
    desk.window.painted.connect(painted)
    start(desk)
Desk.start = told
from desktop.__main__ import main
os.environ["ROLLTOP_DATA_DIR"] = sys.argv[1]
sys.argv = ["rolltop"]
sys.exit(main())
"""
BARE = """
import time
from PySide6.QtCore import QTimer
from PySide6.QtWidgets import QApplication, QLabel, QMainWindow
app = QApplication([])
class Window(QMainWindow):
    told = False
    def paintEvent(self, event):
        super().paintEvent(event)
        if not self.told:
            self.told = True
            QTimer.singleShot(0, painted)
def painted():
    print(time.monotonic(), flush=True)
    {then}
window = Window()
window.resize(1366, 768)
window.setCentralWidget(QLabel("Hello"))
window.show()
app.exec()
"""
LEAVE = "from PySide6.QtWidgets import QApplication; QApplication.quit()"

MARKDOWN = """## Part {n}

Some **bold** words, some *soft* ones, `code`, and a formula $e^{{i\\pi}} + 1 = 0$ in the middle of it.

- first the lamp, then the lens
- then the long stair down

| hour | sound | far |
|---|---|---|
| {n} | bell | 3 |
| {n} | gull | 4 |

```python
def keep(sounds: list[str]) -> dict[str, int]:
    return {{sound: len(sound) for sound in sounds if sound != "{n}"}}
```

"""


# ---------------------------------------------------------------- stalls


class Heart:
    """Beats on the window's thread; `gaps` are the milliseconds between its beats."""

    def __init__(self) -> None:
        self.beats: list[float] = []
        self._timer = QTimer()
        self._timer.setTimerType(Qt.TimerType.PreciseTimer)
        self._timer.setInterval(BEAT_MS)
        self._timer.timeout.connect(lambda: self.beats.append(time.perf_counter()))

    @contextmanager
    def watched(self, what: str) -> Iterator[None]:
        """Beat meanwhile, then print the longest gap."""
        self.beats = [time.perf_counter()]
        self._timer.start()
        cpu = time.process_time()
        yield
        cpu = time.process_time() - cpu
        self.beats.append(time.perf_counter())
        self._timer.stop()
        gaps = sorted(1000 * (b - a) for a, b in pairwise(self.beats))
        late = gaps[int(0.99 * len(gaps))]
        met = "met" if gaps[-1] <= STALL_MS else "NOT MET"
        seconds = self.beats[-1] - self.beats[0]
        print(
            f"  {what}: longest {gaps[-1]:.0f} ms (at most {STALL_MS}: {met}), 99th percentile {late:.0f} ms,"
            f" {len(gaps)} beats in {seconds:.1f} s, {100 * cpu / seconds:.0f} % of a core"
        )


def rest(seconds: float) -> None:
    """Let the window run for a while, without pauses of ours."""
    loop = QEventLoop()
    QTimer.singleShot(int(1000 * seconds), loop.quit)
    loop.exec()


def run(condition: Callable[[], object]) -> None:
    """Let the window run until something is true."""
    end = time.monotonic() + LONGEST_S
    while not condition():
        assert time.monotonic() < end, "waited in vain"
        rest(0.02)


@contextmanager
def opened(start_engine: Any = None, folder: Path | None = None) -> Iterator[tuple[Story, Heart]]:
    """The app on a folder of its own."""
    with tempfile.TemporaryDirectory(prefix="rolltop-bench-") as fresh:
        story = Story(folder or Path(fresh) / "data", start_engine=start_engine)
        yield story, Heart()
        story.close()


def stalls_streaming() -> None:
    """Stalls while the real model streams into the window."""
    with opened() as (story, heart):
        story.workbench.settings.set("max_tokens", 700)
        run(lambda: story.engine_pids())
        with heart.watched("at rest"):
            rest(2)
        for text in ("Write a long story about a lighthouse.", "Write a long Python program, explained."):
            expected = len(story.rows()) + 2
            with heart.watched("answer of the starter model"):
                story.panel.composer.set_text(text)
                story.key("Return")
                run(lambda n=expected: len(story.rows()) == n)
                run(lambda: not story.panel.busy)
            print(f"    {len(story.shown())} characters shown")


def stalls_markdown() -> None:
    """Stalls while a long answer full of code, tables and formulas streams in, 200 pieces a second."""
    text = "".join(MARKDOWN.format(n=n) for n in range(30))
    pieces = [text[at : at + 5] for at in range(0, len(text), 5)]
    with opened(ScriptedEngine.starter([Answer(pieces=pieces, delay_s=0.005)])) as (story, heart):
        story.panel.composer.set_text("Go")
        with heart.watched(f"{len(text)} characters of Markdown"):
            story.key("Return")
            run(lambda: len(story.rows()) == 2)
            run(lambda: not story.panel.busy)


def stalls_opening() -> None:
    """Stalls while a conversation of 10,000 messages is opened and scrolled."""
    with tempfile.TemporaryDirectory(prefix="rolltop-bench-") as fresh:
        folder = Path(fresh) / "data"
        conversation = fill(folder)
        with opened(folder=folder) as (story, heart):
            run(lambda: story.engine_pids())
            rest(2)
            with heart.watched(f"opening {MESSAGES} messages"):
                story.panel.open_conversation(conversation)
                run(lambda: len(story.rows()) == MESSAGES and story.shown() != "")
                rest(1)
            story.panel.transcript.setFocus()
            bar = story.panel.transcript.verticalScrollBar()
            with heart.watched("paging up through it"):
                for _ in range(200):
                    bar.setValue(bar.value() - bar.pageStep())
                    rest(0.02)
            with heart.watched("jumping through it"):
                for place in (0.0, 0.5, 0.1, 0.9, 1.0) * 4:
                    bar.setValue(int(place * bar.maximum()))
                    rest(0.05)


def fill(folder: Path) -> str:
    """A store with one long conversation; gives its id."""
    folder.mkdir()
    store = Store.open(folder / STORE_FILE)
    row = store.create_conversation(title="Long")
    parent = None
    for n in range(MESSAGES):
        role, text = ("assistant", MARKDOWN.format(n=n)) if n % 2 else ("user", f"Tell me about part {n}.")
        # Without a wait for the disk at each of them; only the last one has to be there.
        parent = store.add_message(row.id, parent, role, text, status="streaming").id
    store.mark_interrupted()
    store.close()
    return row.id


def stalls_paste() -> None:
    """Stalls while 1 MB is pasted and sent: as lines, and as one unbroken word."""
    lines = "All the sounds of the sea, kept in jars. " * 24 + "\n"
    for name, text in {"lines": lines * 1020, "one word": "x" * 1_000_000}.items():
        with opened() as (story, heart):
            run(lambda: story.engine_pids())
            story.do("focus_composer")
            QGuiApplication.clipboard().setText(text)
            with heart.watched(f"pasting 1 MB ({name})"):
                story.key("Ctrl+V")
                rest(2)
            with heart.watched(f"sending it ({name})"):
                story.key("Return")
                run(lambda: story.notice() != "")
                rest(2)
            print(f"    {story.notice()}")


def stalls_reading() -> None:
    """Stalls while a folder of hostile and damaged files is dropped in, and looked through."""
    with tempfile.TemporaryDirectory(prefix="rolltop-bench-") as folder, opened() as (story, heart):
        expected = hostile.make(Path(folder))
        story.window.show_panel("summarize")
        source = story.window.panels["summarize"].source
        with heart.watched(f"reading {len(expected)} hostile files"):
            source.add_files([Path(folder) / name for name in expected])
            run(lambda: not source.busy)
        told = [entry for entry in source._entries if entry.error is not None]
        print(f"    {len(told)} refused with a reason, {len(source.documents())} read")
        with heart.watched("looking through what could be read of them"):
            for row in range(source.list.count()):
                source.list.setCurrentRow(row)
                rest(0.05)


def stalls_summarizing() -> None:
    """Stalls while 5,000 words are summarized by the starter model, and then looked through."""
    with opened() as (story, heart):
        story.window.show_panel("summarize")
        panel = story.window.panels["summarize"]
        with heart.watched("pasting 5,000 words"):
            panel.source.add_text(report(5_000, seed=1))
            run(lambda: not panel.source.busy)
        with heart.watched("summarizing them"):
            panel.start()
            run(lambda: panel.current != "")
            run(lambda: not panel.runner.busy)
            rest(1)
        prose = panel.result.prose
        with heart.watched("choosing sentences"):
            for number in range(len(prose.sentences)):
                prose.sentence_chosen.emit(number)
                rest(0.2)


# ---------------------------------------------------------------- start and memory


@contextmanager
def started(code: str, *arguments: str) -> Iterator[tuple[float, subprocess.Popen[str]]]:
    """A process; gives the seconds from its start to its first paint."""
    begun = time.monotonic()
    process = subprocess.Popen([sys.executable, "-c", code, *arguments], stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    try:
        yield float(process.stdout.readline()) - begun, process
    finally:
        process.terminate()
        process.wait()
        process.stdout.close()


def start() -> None:
    """From the start of the process to a painted window, against a bare PySide6 window."""
    ratios, ours, bares = [], [], []
    with tempfile.TemporaryDirectory(prefix="rolltop-bench-") as fresh:
        folder = str(Path(fresh) / "data")
        for n in range(ROUNDS + 1):
            with started(BARE.format(then="app.quit()")) as (bare, process):
                process.wait()
            with started(APP.format(then=LEAVE), folder) as (app, process):
                process.wait()
            if n:  # the first round only fills the caches
                ratios.append(app / bare)
                ours.append(app)
                bares.append(bare)
    print(f"  painted after {statistics.median(ours):.2f} s, bare {statistics.median(bares):.2f} s")
    value = statistics.median(ratios)
    rounds = " ".join(f"{r:.2f}" for r in ratios)
    met = "met" if value <= 3 else "NOT MET"
    print(f"  start / bare window: {value:.2f} (at most 3: {met}; rounds {rounds})")


def memory() -> None:
    """Memory of the window's process at rest, the model's process apart."""
    with tempfile.TemporaryDirectory(prefix="rolltop-bench-") as fresh:
        with started(BARE.format(then="pass")) as (_, process):
            time.sleep(1)
            bare = psutil.Process(process.pid).memory_full_info()
        with started(APP.format(then="pass"), str(Path(fresh) / "data")) as (_, process):
            app = psutil.Process(process.pid)
            deadline = time.monotonic() + 60
            while not app.children() and time.monotonic() < deadline:
                time.sleep(0.1)
            time.sleep(5)
            ours, children = app.memory_full_info(), [c.memory_full_info() for c in app.children()]
    for name, use in (("window", ours), ("bare window", bare), *(("model's process", c) for c in children)):
        print(f"  {name}: {use.rss / 1e6:.0f} MB resident, {use.uss / 1e6:.0f} MB its own")
    print(f"  window / bare window, its own memory: {ours.uss / bare.uss:.2f}")


BENCHMARKS: dict[str, Callable[[], None]] = {
    f.__name__: f
    for f in (
        *(
            stalls_streaming,
            stalls_markdown,
            stalls_opening,
            stalls_paste,
            stalls_reading,
            stalls_summarizing,
        ),
        *(start, memory),
    )
}

if __name__ == "__main__":
    for name in sys.argv[1:] or BENCHMARKS:
        print(f"{name}: {BENCHMARKS[name].__doc__}", flush=True)
        BENCHMARKS[name]()
