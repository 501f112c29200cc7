"""Summaries of long texts with the real model, killed on their way; shared by a test and a benchmark."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import psutil

from desktop.workbench.reading.document import Document
from desktop.workbench.store.records import PartRow, RunRow
from desktop.workbench.summarize import SummaryOptions
from desktop.workbench.workbench import Workbench

TESTS = Path(__file__).resolve().parent.parent


@dataclass(frozen=True)
class Killed:
    """A run as its killed worker left it: the parts that it had stored, with their texts."""

    id: str
    done: dict[int, str]


def begin_and_kill(
    folder: Path, document: Document, options: SummaryOptions, *, after: int, context_size: int = 0
) -> Killed:
    """Begin to summarize a document in another process, and kill it once `after` parts are stored."""
    with Workbench.open(folder) as workbench:
        workbench.settings.set("context_size", context_size)
        id = workbench.tasks.summarize([document], options).id
    command = [sys.executable, "-m", "flows.worker", str(folder), id]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join([str(TESTS), str(TESTS.parent)])}
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environment) as worker:
        saved = 0
        assert worker.stdout is not None
        while saved < after:
            line = worker.stdout.readline()
            assert line, "the worker ended before it was killed"
            saved += line.startswith("saved") and line.split()[2] != "waiting"
        engines = psutil.Process(worker.pid).children(recursive=True)
        os.kill(worker.pid, signal.SIGKILL)
    psutil.wait_procs(engines, timeout=10)
    with Workbench.open(folder) as workbench:
        assert workbench.tasks.run(id).status == "interrupted"
        parts = workbench.tasks.parts(id)
    return Killed(id, {part.number: part.text for part in parts if part.status == "done"})


def resume(folder: Path, killed: Killed) -> tuple[RunRow, list[PartRow], set[int]]:
    """Go on with a killed run to its end; returns it, its parts, and which of them were asked for now."""
    from desktop.workbench.task import PartText

    with Workbench.open(folder) as workbench:
        asked = {event.number for event in workbench.tasks.work(killed.id) if isinstance(event, PartText)}
        return workbench.tasks.run(killed.id), workbench.tasks.parts(killed.id), asked


def check_links(run: RunRow, parts: list[PartRow], documents: list[Document]) -> int:
    """Check that every sentence of a result has a link, and every link points at a place of its part.

    Returns how many links found a sentence that is like theirs.
    """
    links = run.data["links"]
    assert links, "a summary has links"
    for link in links:
        assert 0 <= link["start"] < link["end"] <= len(run.result)
        document, part = documents[link["source"]], parts[link["part"]]
        assert 0 <= link["from"] < link["to"] <= len(document.text)
        if link["score"] > 0:
            assert part.level == 0
            assert part.start <= link["from"] < link["to"] <= part.end
            passage = document.text[link["from"] : link["to"]]
            assert passage == passage.strip()
            assert alike(passage, run.result[link["start"] : link["end"]])
    return sum(link["score"] > 0 for link in links)


def alike(one: str, other: str) -> bool:
    """Whether two texts have a word, or two Chinese characters in a row, in common."""
    return bool(_words(one) & _words(other))


def _words(text: str) -> set[str]:
    pairs = {text[n : n + 2] for n in range(len(text) - 1) if text[n] > "\u2e80" and text[n + 1] > "\u2e80"}
    return pairs | set(re.findall(r"[^\W_]+", text.lower()))
