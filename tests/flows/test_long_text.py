"""Long texts with the real model, end to end: all is read, links are right, a kill costs no finished part."""

from __future__ import annotations

from pathlib import Path

import pytest
from flows.long_text import begin_and_kill, check_links, resume
from texts import chinese, report

from desktop.workbench.reading.reader import from_text, read
from desktop.workbench.summarize import SummaryOptions

SHORT = SummaryOptions(kind="abstract", length="short")


@pytest.mark.timeout(400)
def test_a_killed_summary_goes_on_without_repeating_finished_parts(tmp_path: Path) -> None:
    file = tmp_path / "report.md"
    file.write_text(report(1500, seed=1), encoding="utf-8")
    document = read(file)
    killed = begin_and_kill(tmp_path / "data", document, SHORT, after=2, context_size=2048)
    assert len(killed.done) >= 2
    run, parts, asked = resume(tmp_path / "data", killed)
    assert run.status == "done"
    assert not set(killed.done) & asked
    assert {number: parts[number].text for number in killed.done} == killed.done
    assert run.data["coverage"] == 1.0
    assert check_links(run, parts, [document]) > 0


@pytest.mark.timeout(300)
def test_extracts_of_a_chinese_text_are_in_it(tmp_path: Path) -> None:
    from desktop.workbench.workbench import Workbench

    document = from_text(chinese(2500, seed=2), "年报")
    with Workbench.open(tmp_path / "data") as workbench:
        tasks = workbench.tasks
        run = tasks.summarize([document], SummaryOptions(length="short", extractive=True))
        list(tasks.work(run.id))
        run, parts = tasks.run(run.id), tasks.parts(run.id)
    assert run.status == "done"
    assert run.data["coverage"] == 1.0
    assert check_links(run, parts, [document]) == len(run.data["links"]) > 0
    for link in run.data["links"]:
        assert document.text[link["from"] : link["to"]] == run.result[link["start"] : link["end"]]
