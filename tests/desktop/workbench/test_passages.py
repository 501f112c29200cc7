"""Passages and sentences: nothing is lost, nothing comes twice, and cuts are where a person would cut."""

from __future__ import annotations

import re
from collections.abc import Callable
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from desktop.workbench.passages import Passage, sentences, split, title_at, units
from desktop.workbench.reading.document import Block, BlockKind, Document
from desktop.workbench.reading.reader import from_text

WORDS = st.text(st.sampled_from("abcdefgh .!?。今天，é\n\t-“”()😀"), max_size=120)
KINDS: list[BlockKind] = ["heading", "paragraph", "item", "quote", "code", "table"]


def count(text: str) -> int:
    """Tokens of a made-up model: words in pieces of five letters, CJK characters and punctuation."""
    return len(re.findall(r"[a-z]{1,5}|\d|[^\sa-z]", text, re.IGNORECASE))


@st.composite
def documents(draw: st.DrawFn) -> Document:
    text, blocks = "", []
    for body in draw(st.lists(WORDS, max_size=20)):
        if not body.strip():
            text += body
            continue
        kind = draw(st.sampled_from(KINDS))
        start = len(text) + len(body) - len(body.lstrip())
        text += body
        blocks.append(Block(kind, start, len(text.rstrip()), level=1 if kind == "heading" else 0))
        text += draw(st.sampled_from(["\n", "\n\n", " "]))
    return Document("x", "md", text, tuple(blocks))


def covered(passages: list[Passage], block: Block) -> int:
    return sum(max(0, min(p.end, block.end) - max(p.start, block.start)) for p in passages)


@given(documents(), st.integers(1, 80))
@settings(max_examples=200, deadline=None)
def test_every_character_of_every_block_is_in_one_passage(document: Document, capacity: int) -> None:
    passages = split(document, count, capacity)
    assert all(p.start < p.end for p in passages)
    assert all(before.end <= after.start for before, after in pairwise(passages))
    assert all(covered(passages, block) == block.end - block.start for block in document.blocks)


@given(documents(), st.integers(1, 80))
@settings(max_examples=200, deadline=None)
def test_a_passage_has_no_more_tokens_than_it_may(document: Document, capacity: int) -> None:
    for passage in split(document, count, capacity):
        text = document.text[passage.start : passage.end]
        assert count(text) <= capacity or len(text) == 1


@given(st.text(st.sampled_from("Ab c. D!? 。今天。“”\n\r\u2028-1)😀"), max_size=300))
@settings(max_examples=300, deadline=None)
def test_sentences_are_all_of_the_text_but_white_space(text: str) -> None:
    spans = sentences(text)
    assert all(before[1] <= after[0] for before, after in pairwise(spans))
    assert "".join("".join(text[a:b].split()) for a, b in spans) == "".join(text.split())
    assert all(text[a:b] == text[a:b].strip() != "" for a, b in spans)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Dr. Smith left at 5 p.m. on Friday. He was tired!", 2),
        ("今天天气很好。我们去公园吧！你来吗？", 3),
        ("Das ist z. B. neu. Wirklich?", 2),
        ("It cost 3.14 dollars. See example.com for more.", 2),
        ("A line that was\nwrapped. Another one.", 2),
        ("**Why?** Because.", 2),
        ("no punctuation at all", 1),
        ("", 0),
    ],
)
def test_sentences_of_some_texts(text: str, expected: int) -> None:
    assert len(sentences(text)) == expected


def test_an_endless_sentence_is_taken_line_by_line() -> None:
    text = "\n".join(f"line number {n} without any mark at its end" for n in range(30))
    assert [text[a:b] for a, b in sentences(text)] == text.split("\n")


def test_long_texts_of_short_sentences_take_time_in_proportion() -> None:
    """The library alone takes the square of it; 60,000 sentences would take minutes."""
    assert len(sentences("今天天气很好。" * 60_000)) == 60_000


def test_a_text_that_fits_is_one_passage() -> None:
    document = from_text("# One\n\nA few words.\n\n# Two\n\nMore words.\n", markdown=True)
    assert split(document, count, 100) == [Passage(0, len(document.text.rstrip()), "One")]
    assert split(Document("x", "txt", " \n ", ()), count, 100) == []


def paragraphs(number: int) -> str:
    sentence = "The keeper of the lighthouse writes down the weather every evening. "
    return "\n\n".join(sentence * 4 for _ in range(number))


def test_it_is_cut_at_headings_when_that_does() -> None:
    chapters = "\n\n".join(f"# Chapter {n}\n\n{paragraphs(4)}" for n in range(6))
    document = from_text(chapters, markdown=True)
    passages = split(document, count, 300)
    assert [p.title for p in passages] == [f"Chapter {n}" for n in range(6)]
    assert all(document.text.startswith("# Chapter", p.start) for p in passages)


def test_passages_are_about_equally_long() -> None:
    document = from_text(paragraphs(23), markdown=True)
    sizes = [count(document.text[p.start : p.end]) for p in split(document, count, 300)]
    assert len(sizes) > 3
    assert min(sizes) > 0.7 * max(sizes)


def test_a_heading_is_never_the_end_of_a_passage() -> None:
    sections = "\n\n".join(f"## Section {n}\n\n{paragraphs(1)}" for n in range(40))
    document = from_text(sections, markdown=True)
    starts = {block.start for block in document.blocks if block.kind == "heading"}
    for capacity in range(80, 600, 37):
        for passage in split(document, count, capacity):
            last = max(b.start for b in document.blocks if b.start < passage.end)
            assert last not in starts


def test_a_long_paragraph_is_cut_between_sentences() -> None:
    text = "The keeper of the lighthouse writes down the weather every evening. " * 60
    document = from_text(text, markdown=False)
    passages = split(document, count, 200)
    assert len(passages) > 3
    assert all(document.text[p.start : p.end].rstrip().endswith("evening.") for p in passages)


@pytest.mark.parametrize("text", ["word " * 40_000, "x" * 200_000, "今天天气很好" * 20_000])
def test_one_endless_line_is_cut_with_few_counts(text: str) -> None:
    document = Document("x", "txt", text, (Block("paragraph", 0, len(text.rstrip())),))
    asked: list[int] = []

    def counted(piece: str) -> int:
        asked.append(len(piece))
        return count(piece)

    passages = split(document, counted, 500)
    assert covered(passages, document.blocks[0]) == len(text.rstrip())
    assert max(asked) <= 8000
    assert sum(asked) < 4 * len(text)
    if " " in text:
        assert all(text[p.end - 1] == " " or p.end == len(text.rstrip()) for p in passages)


def test_counting_many_short_blocks_takes_few_calls() -> None:
    document = from_text("\n\n".join(f"Line {n}." for n in range(2000)), markdown=False)
    asked: list[str] = []
    recording: Callable[[str], int] = lambda text: asked.append(text) or count(text)  # noqa: E731
    split(document, recording, 500)
    assert len(asked) < 100


def test_the_title_is_the_heading_above() -> None:
    document = from_text("Before.\n\n# First *part* #\n\nText.\n\n## Second\n\nMore.", markdown=True)
    assert title_at(document, 0) == ""
    assert title_at(document, document.text.index("Text")) == "First part"
    assert title_at(document, document.text.index("More")) == "Second"


def test_units_leave_marks_out() -> None:
    text = "# Head\n\n- [ ] Buy milk. Soon.\n- 1 kg\n\n| a | b |\n|---|---|\n| 1 | 2 |\n\n> Said he. Twice.\n"
    document = from_text(text, markdown=True)
    found = [document.text[a:b] for block in document.blocks for a, b in units(document, block)]
    assert found == [
        *("Head", "Buy milk.", "Soon.", "1 kg", "| a | b |", "| 1 | 2 |", "Said he.", "Twice."),
    ]
