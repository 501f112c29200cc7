"""Taking a document apart into what is rewritten, and putting it together again."""

from __future__ import annotations

import textwrap
from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from desktop.workbench.pieces import Layout, has_words, pieces
from desktop.workbench.reading.reader import from_text

ALL = ("heading", "paragraph", "item", "quote", "table")

MARKDOWN = """\
---
title: A file
---

# First part #

A paragraph that is
broken into lines.

Setext heading
==============

- one item
  with a second line
- [ ] a task
  1. deeper item

> A quotation of
> two lines.
>
> - an item in it
> Second paragraph.

```python
print("code")
```

    indented code

| name | what it is |
|------|------------|
| `x`  | the place  |
| 3    |            |

***

![a picture](x.png)

<div>some html</div>

[link]: https://example.org

[^1]: A footnote.

Last one.\\
Hard break.
"""


def of(text: str, *, markdown: bool = True, kinds: tuple[str, ...] = ALL) -> list[tuple[str, str, str]]:
    document = from_text(text, markdown=markdown)
    return [(p.kind, document.text[p.start : p.end], p.passed) for p in pieces(document, kinds)]


def test_marks_are_outside() -> None:
    worked_on = [(kind, text) for kind, text, passed in of(MARKDOWN) if not passed]
    assert worked_on == [
        ("heading", "First part"),
        ("paragraph", "A paragraph that is\nbroken into lines."),
        ("heading", "Setext heading"),
        ("item", "one item\n  with a second line"),
        ("item", "a task"),
        ("item", "deeper item"),
        ("quote", "A quotation of\n> two lines."),
        ("quote", "an item in it\n> Second paragraph."),
        ("cell", "name"),
        ("cell", "what it is"),
        ("cell", "the place"),
        ("paragraph", "A footnote."),
        ("paragraph", "Last one.\\\nHard break."),
    ]


def test_what_is_no_text_is_passed() -> None:
    passed = {text: why for _, text, why in of(MARKDOWN) if why}
    assert passed['```python\nprint("code")\n```'] == "code"
    assert passed["<div>some html</div>"] == "code"
    assert passed["***"] == "words"
    assert passed["![a picture](x.png)"] == "words"


def test_blocks_that_a_task_is_not_for_are_passed() -> None:
    kinds = [(kind, why) for kind, _, why in of("# Head\n\nText here.", kinds=("paragraph",))]
    assert kinds == [("heading", "kind"), ("paragraph", "")]


def test_marks_of_a_text_that_is_no_markdown_are_outside_as_well() -> None:
    text = "# Head\n\n1. First thing\n2. Second thing\n   goes on\n\n> A text."
    assert [text for _, text, _ in of(text, markdown=False)] == [
        "Head",
        "First thing",
        "Second thing\n   goes on",
        "A text.",
    ]


def test_a_large_table_is_passed() -> None:
    table = "| a name | a thing |\n|---|---|\n" + "| some | words |\n" * 50
    assert [(kind, why) for kind, _, why in of(table)] == [("table", "table")]


def test_titles() -> None:
    document = from_text("Before.\n\n# One\n\nText.\n\n## Two\n\nMore.", markdown=True)
    assert [piece.title for piece in pieces(document, ALL)] == ["", "One", "One", "Two", "Two"]


LINES = st.sampled_from(
    ["# Head", "text", "two words", "- item", "  - deeper", "> quote", "> - x y", "```", "| a | bb |",
     "|---|---|", "", "", "1. one", "    four", "***", "===", "text  ", "end\\", "> ", "中文段落。", "<p>",
     "[^1]: note"]
)  # fmt: skip


@given(st.lists(LINES, max_size=25).map("\n".join), st.booleans())
def test_pieces_are_in_order_and_miss_no_words(text: str, markdown: bool) -> None:
    document = from_text(f"x\n{text}", markdown=markdown)
    found = list(pieces(document, ALL))
    assert all(piece.start < piece.end for piece in found)
    assert all(one.end <= other.start for one, other in pairwise(found))
    outside, at = "", 0
    for piece in found:
        outside += document.text[at : piece.start]
        at = piece.end
    outside += document.text[at:]
    tables = any(piece.kind == "cell" for piece in found)
    assert tables or not has_words(outside.replace("[^1]:", ""))


# ---------------------------------------------------------------- lines


def test_lines_broken_to_fit_are_one() -> None:
    raw = textwrap.fill("This paragraph was broken into lines at sixty columns, as in mails. " * 3, 60)
    layout = Layout.of(raw)
    assert layout.text == raw.replace("\n", " ")
    assert layout.put(layout.text) == raw
    assert layout.put("Something else,\n\nin two lines.") == "Something else, in two lines."


def test_lines_of_a_poem_stay() -> None:
    raw = "Roses are red,\nviolets are blue,\nsugar is sweet."
    layout = Layout.of(raw)
    assert layout.text == raw
    assert layout.put("Red are roses,\n\nblue are violets,\nsweet is sugar.\n") == (
        "Red are roses,\nblue are violets,\nsweet is sugar."
    )
    assert layout.put("Red are roses, blue are violets.") is None


def test_hard_breaks_of_markdown_stay() -> None:
    raw = "Jane Doe  \nMain Street 5 in the old part of the town of Springfield\\\nSpringfield"
    layout = Layout.of(raw)
    assert len(layout.lines) == 3
    assert layout.put(layout.text.upper()) == (
        "JANE DOE  \nMAIN STREET 5 IN THE OLD PART OF THE TOWN OF SPRINGFIELD\\\nSPRINGFIELD"
    )


def test_the_marks_of_further_lines_come_back() -> None:
    raw = "A quotation that is long enough to be broken\n> into two lines."
    assert Layout.of(raw).text == "A quotation that is long enough to be broken into two lines."
    assert Layout.of(raw).put(Layout.of(raw).text) == raw
    assert Layout.of("short\n  lines").put("Other\nwords") == "Other\n  words"
    assert Layout.of("short\n  lines").put_freely("- a\n\n- b") == "- a\n  - b"


def test_chinese_lines_are_joined_without_a_space() -> None:
    raw = "他昨天去了商店，买了很多东西，然后坐公共汽车回到了他在城\n市另一边的家。"
    layout = Layout.of(raw)
    assert "\n" not in layout.text
    assert " " not in layout.text
    assert layout.put(layout.text) == raw


def test_marks_that_an_answer_adds_are_taken_off() -> None:
    assert Layout.of("A plan").put("# A good plan") == "A good plan"
    assert Layout.of("buy milk").put("- Buy milk.") == "Buy milk."


SOME_WORDS = st.lists(LINES.map(str.strip).filter(has_words), min_size=1, max_size=8)


@given(SOME_WORDS, st.sampled_from(["", "> ", "  "]))
def test_what_is_put_back_unchanged_is_unchanged(lines: list[str], prefix: str) -> None:
    raw = f"\n{prefix}".join(lines)
    put = Layout.of(raw).put(Layout.of(raw).text)
    assert put is not None
    assert "".join(put.split()) == "".join(raw.split())
