"""Blocks cover a text: in order, apart, and all of it."""

from __future__ import annotations

import pytest
from documents import check, outline
from hypothesis import given
from hypothesis import strategies as st

from desktop.workbench.reading import blocks, limits
from desktop.workbench.reading.reader import from_text

MARKS = st.sampled_from(
    [
        "# ",
        "## ",
        "- ",
        "  - ",
        "    ",
        "1. ",
        "> ",
        "```",
        "~~~",
        "|",
        "| a | b |",
        "|---|---|",
        "---",
        "***",
        "===",
        "[a]: /b",
        "<div>",
        "</div>",
        "*x*",
        "word",
        "词",
        "\u3000",
        "\t",
        "\x0b",
        "\x85",
        "\u2028",
        "\xa0",
        "title: x",
        "\n",
        "\n\n",
        " ",
        "\r\n",
    ]
)
TEXTS = st.one_of(st.text(), st.lists(MARKS, max_size=40).map("".join))


@given(TEXTS.filter(str.strip), st.sampled_from([True, False, None]))
def test_every_text_is_covered(text: str, markdown: bool | None) -> None:
    document = check(from_text(text, markdown=markdown))
    assert document.text == text.replace("\r\n", "\n").replace("\r", "\n").replace("\0", "\ufffd")


@given(TEXTS, st.integers(1, 60))
def test_blocks_follow_whatever_the_parser_says(text: str, limit: int) -> None:
    """The quick division of long Markdown covers the same characters."""
    text = text.replace("\r\n", "\n").replace("\r", "\n")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(blocks, "MARKDOWN_LIMIT", limit)
        quick = blocks.markdown_blocks(text)
    for found in (quick, blocks.markdown_blocks(text)):
        covered = {place for block in found for place in range(block.start, block.end)}
        assert {place for place, character in enumerate(text) if not character.isspace()} <= covered


def test_markdown_has_its_structure() -> None:
    text = (
        "# One\n\nSome *words*\nin two lines.\n\n- a\n  - b\n    goes on\n- c\n\n  more of c\n\n3. d\n\n"
        "> q\n>\n> r\n\n| x | y |\n|---|---|\n| 1 | 2 |\n\n```py\n# no heading\n\n- no item\n```\n\n"
        "    indented\n\nSet\n===\n\n[l]: http://example.org\n\n***\n"
    )
    document = check(from_text(text, markdown=True))
    assert outline(document) == [
        ("heading", "# One"),
        ("paragraph", "Some *words*\nin two lines."),
        ("item", "- a"),
        ("item", "- b\n    goes on"),
        ("item", "- c"),
        ("paragraph", "more of c"),
        ("item", "3. d"),
        ("quote", "> q\n>\n> r"),
        ("table", "| x | y |\n|---|---|\n| 1 | 2 |"),
        ("code", "```py\n# no heading\n\n- no item\n```"),
        ("code", "    indented"),
        ("heading", "Set\n==="),
        ("paragraph", "[l]: http://example.org"),
        ("paragraph", "***"),
    ]
    assert [block.level for block in document.blocks if block.kind == "item"] == [0, 1, 0, 0]
    assert [block.level for block in document.blocks if block.kind == "heading"] == [1, 1]
    assert document.title == "One"
    assert document.format == "md"


def test_front_matter_is_no_heading_and_names_the_text() -> None:
    document = check(
        from_text('---\ntitle: "A contract"\ntags: [a]\n---\n\n# Part\n\nText.\n', markdown=True)
    )
    assert outline(document)[0] == ("code", '---\ntitle: "A contract"\ntags: [a]\n---')
    assert [kind for kind, _ in outline(document)] == ["code", "heading", "paragraph"]
    assert document.title == "A contract"
    rule = check(from_text("---\n\nNo matter\n\n---\n", markdown=True))
    assert [kind for kind, _ in outline(rule)] == ["paragraph"] * 3


def test_plain_text_is_divided_as_people_write_it() -> None:
    wrapped = "These lines were broken by hand at\nsome column and belong together.\n\nThis is another.\n"
    assert [kind for kind, _ in outline(from_text(wrapped))] == ["paragraph", "paragraph"]
    long = "\n".join(["This paragraph is one line however long it becomes, as word processors do. " * 3] * 4)
    assert len(from_text(long).blocks) == 4
    chinese = "\u3000\u3000他走了。\n\u3000\u3000她留下。\n"
    assert [text for _, text in outline(check(from_text(chinese)))] == ["他走了。", "她留下。"]
    listed = "You need:\n- bread\n  and butter\n- milk\n1) first\n\n第三章 春天\n\nChapter IV. The desk\n"
    assert [kind for kind, _ in outline(check(from_text(listed)))] == [
        *("paragraph", "item", "item", "item", "heading", "heading"),
    ]


@pytest.mark.parametrize(
    ("text", "markdown"),
    [
        ("# A\n\nb\n\n## C\n\nd", True),
        ("Text with **bold** words:\n\n- a\n- b", True),
        ("```\ncode\n```\n", True),
        ("| a | b |\n|---|---|\n| 1 | 2 |", True),
        ("Just words. And more words.", False),
        ("- a\n- b\n- c", False),
        ("#!/bin/sh\n# a comment\necho 1\n# another\n", False),
        ("Dear Ms. Roe,\n\n1. first\n2. second\n\n---\nJ. Doe", False),
    ],
)
def test_markdown_is_told_from_plain_text(text: str, markdown: bool) -> None:
    document = check(from_text(text))
    assert document.format == ("md" if markdown else "paste")
    assert document.markdown is markdown


def test_a_text_beyond_the_limit_is_cut_and_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "CHARACTERS", 10)
    document = check(from_text("word " * 10))
    assert document.text == "word word "
    assert [problem.code for problem in document.problems] == ["cut"]
