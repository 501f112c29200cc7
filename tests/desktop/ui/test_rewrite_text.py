"""What the panel makes of a run: whole lines, their states, and what a person does with them."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from desktop.ui.panels.rewrite_text import RewrittenText
from desktop.workbench.reading.document import Block, Document
from desktop.workbench.store.records import PartRow, RunRow

TEXT = "# Head 😀\n\n- one\n- two\n\n---\n\n| a | b |\n\nLong one. Long two."
RUN = RunRow("id", "rewrite", "Title", 0, 0, "done", "model", {}, "", {}, [], {}, {}, "")
DOCUMENT = Document("", "md", TEXT, (Block("heading", 0, 8, 1),))


def part(number: int, words: str, made: str, **fields: Any) -> PartRow:
    """A part about these words of the text."""
    start = TEXT.index(words)
    fields = {"status": "done", "attempts": 1, **fields}
    return PartRow(number, 0, 0, start, start + len(words), text=made, **fields)


PARTS = [
    part(0, "Head 😀", "HEAD"),
    part(1, "one", "ONE"),
    part(2, "two", "two", status="failed", problems=({"code": "x", "template": "No.", "params": {}},)),
    part(3, "a |"[:1], "A"),
    part(4, "b |"[:1], "B", attempts=0),
    part(5, "Long one.", "LONG 1."),
    part(6, "Long two.", "LONG 2."),
]
PARTS[3] = replace(PARTS[3], start=TEXT.index("| a") + 2, end=TEXT.index("| a") + 3)
PARTS[4] = replace(PARTS[4], start=TEXT.index("b |"), end=TEXT.index("b |") + 1)
RESULT = "# HEAD\n\n- ONE\n- two\n\n---\n\n| A | B |\n\nLONG 1. LONG 2."


def test_lines_are_whole_and_nothing_is_lost() -> None:
    text = RewrittenText(RUN, DOCUMENT, PARTS)
    assert [TEXT[p.start : p.end] for p in text.paragraphs] == [
        "# Head 😀", "- one", "- two", "---", "| a | b |", "Long one. Long two.",
    ]  # fmt: skip
    assert [p.text for p in text.paragraphs] == [
        "# HEAD",
        "- ONE",
        "- two",
        "---",
        "| A | B |",
        "LONG 1. LONG 2.",
    ]
    assert [p.state for p in text.paragraphs] == ["done", "done", "failed", "kept", "done", "done"]
    assert [p.look for p in text.paragraphs] == ["bold"] + ["plain"] * 5
    assert text.result() == RESULT
    assert text.worth_a_look() == [2]
    assert text.progress() == (6, 6)


def test_what_streams_is_put_in_its_place() -> None:
    waiting = [replace(one, status="waiting", text="", attempts=0, problems=()) for one in PARTS]
    text = RewrittenText(replace(RUN, status="running"), DOCUMENT, waiting)
    assert {p.text for p in text.paragraphs} == {"", "---"}
    assert text.hear_text(6, "LONG") == 5
    assert text.paragraphs[5].text == " LONG"
    assert text.hear_part(replace(waiting[6], text="", attempts=1)) == 5  # it is asked once more
    assert text.paragraphs[5].text == ""
    for one in PARTS:
        text.hear_part(one)
    assert text.result() == RESULT
    assert text.hear_text(99, "unknown") == -1
    stopped = RewrittenText(replace(RUN, status="stopped"), DOCUMENT, waiting)
    assert stopped.result() == TEXT
    assert stopped.unfinished


def test_what_a_person_does_comes_back_from_the_store() -> None:
    parts = [*PARTS, replace(PARTS[1], number=7, variant=1, text="EINS")]
    text = RewrittenText(RUN, DOCUMENT, parts)
    text.edit(0, "# Mine 😀")
    text.choose(1)
    assert text.result() == RESULT.replace("ONE", "EINS")
    text.edit(2, "- zwei")
    text.paragraphs[1].text = "- one"  # its change was rejected
    fields = text.fields(["rejected", "pending"])
    assert fields["result"] == RESULT.replace("- ONE\n- two", "- one\n- zwei")
    assert fields["data"]["decisions"] == ["rejected", "pending"]
    for row in fields["data"]["paragraphs"]:
        assert fields["result"][row["from"] : row["to"]] in {p.text for p in text.paragraphs}
    again = RewrittenText(replace(RUN, **fields), DOCUMENT, parts)
    assert (again.chosen, again.result()) == (1, fields["result"])
    assert again.paragraphs[1].made == ["- ONE", "- EINS"]
    assert again.paragraphs[2].state == "done"
    assert again.worth_a_look() == []
    again.choose(0)
    assert again.result() == RESULT.replace("# HEAD", "# Mine 😀")


def test_damaged_data_is_left_out() -> None:
    for rows in (
        None,
        3,
        [None],
        [{"start": 0}],
        [{"start": 0, "end": 8, "text": 3, "by_hand": {"9": "x", "a": 1}}],
    ):
        run = replace(RUN, data={"paragraphs": rows, "chosen": "x"})
        assert RewrittenText(run, DOCUMENT, PARTS).result() == RESULT


@given(st.lists(st.text(alphabet="ab 😀我", min_size=1, max_size=8), min_size=1, max_size=8), st.data())
def test_any_text_with_nothing_made_is_as_it_was(lines: list[str], data: st.DataObject) -> None:
    text = "\n".join(lines)
    cuts = sorted(data.draw(st.sets(st.integers(0, len(text)), max_size=8)))
    spans = [(a, b) for a, b in zip(cuts[::2], cuts[1::2], strict=False) if "\n" not in text[a:b]]
    parts = [PartRow(n, 0, 0, a, b, status="failed", attempts=1) for n, (a, b) in enumerate(spans)]
    rewritten = RewrittenText(RUN, Document("", "txt", text, ()), parts)
    assert rewritten.result() == text
    ends = [0, *(edge for p in rewritten.paragraphs for edge in (p.start, p.end)), len(text)]
    assert ends == sorted(ends)
