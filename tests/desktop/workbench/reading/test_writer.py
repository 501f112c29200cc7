"""A document in the making keeps what it has when there is no room or no time for more."""

from __future__ import annotations

import time
from itertools import count

import pytest
from documents import check, outline

from desktop.workbench.reading import limits
from desktop.workbench.reading.writer import Full, Writer


def test_blocks_are_put_together() -> None:
    writer = Writer("a", "html")
    writer.paragraph(" \n ")
    writer.heading(9, " Title\nin two \x00 lines ")
    writer.item("one\nmore", 1, "2. ")
    writer.item("two")
    writer.quote("a\n\nb")
    writer.code("\n x``` \n\ty\n")
    writer.table([["a", "b|c", ""], ["", ""], ["1"], ["1", "2", "3\n4"]])
    document = check(writer.document())
    assert outline(document) == [
        ("heading", "###### Title in two \ufffd lines"),
        ("item", "2. one\n       more"),
        ("item", "- two"),
        ("quote", "> a\n> b"),
        ("code", "````\n x``` \n\ty\n````"),
        ("table", "| a | b\\|c |  |\n| --- | --- | --- |\n| 1 |  |  |\n| 1 | 2 | 3 4 |"),
    ]
    assert "    2. one\n       more\n- two\n\n> a" in document.text


def test_a_document_without_room_is_cut(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "CHARACTERS", 30)
    writer = Writer("a", "csv")
    writer.paragraph("0123456789")
    with pytest.raises(Full):
        writer.table([str(number)] for number in count())
    document = check(writer.document())
    assert [kind for kind, _ in outline(document)] == ["paragraph", "table"]
    assert len(document.text) <= 30
    with pytest.raises(Full):
        writer.paragraph("more" * 10)


def test_when_time_is_up_the_rows_so_far_stay(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "enough", time.monotonic)
    writer = Writer("a", "csv")
    with pytest.raises(Full):
        writer.paragraph("late")
    with pytest.raises(Full):
        writer.table([["1"], ["2"]])
    writer.paragraph("the end")
    writer.cut()
    document = check(writer.document())
    assert [text for _, text in outline(document)] == ["| 1 |\n| --- |", "the end"]
    assert [problem.code for problem in document.problems] == ["cut"]
