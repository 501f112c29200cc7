"""Links: each sentence of a result, and the place in the source that it comes from."""

from __future__ import annotations

import random
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from desktop.workbench.links import Link, leaves, link, said, terms
from desktop.workbench.passages import split, units
from desktop.workbench.reading.document import Document
from desktop.workbench.reading.reader import from_text
from desktop.workbench.store.records import PartRow

TEXT = """\
# The harbour

The harbour of Skagen was built in 1907. It cost 2.4 million crowns, and the king opened it himself.

# The lighthouse

The grey lighthouse is 46 metres high. Its lamp can be seen 20 miles away. Anna Lindqvist keeps it today.

| year | visitors |
|------|----------|
| 2022 | 31,000   |
| 2023 | 45,500   |

# Birds

- In spring, eagles and falcons cross the cape.
- The bird station counts them every morning.
"""


def leaf(number: int, document: Document, start: int, end: int, text: str = "") -> PartRow:
    return PartRow(number, 0, 0, start, end, status="done", text=text)


def whole(text: str) -> tuple[Document, PartRow]:
    document = from_text(text, "x.md", markdown=True)
    return document, leaf(0, document, 0, len(document.text))


def found(document: Document, one: Link) -> str:
    return document.text[one.from_ : one.to]


@pytest.mark.parametrize(
    ("sentence", "expected"),
    [
        ("Skagen got its harbour in 1907.", "The harbour of Skagen was built in 1907."),
        ("The tower has a height of 46 metres.", "The grey lighthouse is 46 metres high."),
        ("Today, Lindqvist is its keeper.", "Anna Lindqvist keeps it today."),
        ("45,500 people came in 2023.", "| 2023 | 45,500   |"),
        ("Falcons and eagles pass in spring.", "In spring, eagles and falcons cross the cape."),
    ],
)
def test_a_sentence_is_linked_to_the_one_it_says_again(sentence: str, expected: str) -> None:
    document, part = whole(TEXT)
    (one,) = link(sentence, part, [part], [document])
    assert found(document, one) == expected
    assert one.part == one.source == 0
    assert 0.2 <= one.score < 1


def test_what_was_copied_has_the_highest_score() -> None:
    document, part = whole(TEXT)
    (one,) = link("Its lamp can be seen 20 miles away.", part, [part], [document])
    assert found(document, one) == "Its lamp can be seen 20 miles away."
    assert one.score == pytest.approx(1.0)


@pytest.mark.parametrize(
    "sentence", ["Photosynthesis needs chlorophyll.", "Das Museum zeigt Gemälde.", "这座博物馆很有名。", "—"]
)
def test_what_is_nowhere_has_no_score_and_all_it_was_made_from(sentence: str) -> None:
    document, part = whole(TEXT)
    for one in link(sentence, part, [part], [document]):
        assert (one.score, one.from_, one.to) == (0, 0, len(document.text))


def test_chinese_is_found_by_its_characters() -> None:
    document, part = whole("港口建于1907年。灯塔高46米。春天有很多老鹰飞过海角。")
    (one,) = link("春天，老鹰会飞过这个海角。", part, [part], [document], language="zh")
    assert found(document, one) == "春天有很多老鹰飞过海角。"


def test_of_equal_sentences_the_first_is_taken() -> None:
    document, part = whole("The lamp is lit at six. Nothing else. The lamp is lit at six.")
    (one,) = link("The lamp is lit at six.", part, [part], [document])
    assert one.from_ == 0


def test_the_way_down_the_tree_decides_between_equal_sentences() -> None:
    half = "The committee agreed to the plan."
    document = from_text(f"{half}\n\nRoofs were repaired.\n\n{half}\n\nBridges were painted.", markdown=True)
    middle = document.text.index(half, 5)
    parts = [
        leaf(0, document, 0, middle - 2, "Roof repairs."),
        leaf(1, document, middle, len(document.text), "The bridges: the committee agreed to paint them."),
    ]
    top = PartRow(2, 1, 0, 0, len(document.text), inputs=(0, 1), status="done")
    (one,) = link("The committee agreed to paint bridges.", top, [*parts, top], [document])
    assert (one.part, one.from_) == (1, middle)


def test_what_no_sentence_says_is_linked_to_the_part_whose_summary_does() -> None:
    document = from_text("Slates fell off in May.\n\nThe river rose by a metre.\n\nPaint came late.")
    starts = [document.text.index(word) for word in ("Slates", "The river", "Paint")]
    ends = [*(start - 2 for start in starts[1:]), len(document.text)]
    said = ("The roofing suffered.", "Flooding threatened the village school.", "Decorators were delayed.")
    parts = [leaf(n, document, starts[n], ends[n], said[n]) for n in range(3)]
    top = PartRow(3, 1, 0, 0, len(document.text), inputs=(0, 1, 2), status="done")
    (one,) = link("The school was threatened by flooding.", top, [*parts, top], [document])
    assert (one.score, one.part, one.from_, one.to) == (0, 1, starts[1], ends[1])
    (other,) = link("Photosynthesis needs chlorophyll.", top, [*parts, top], [document])
    assert (other.score, other.part) == (0, 3)


def test_only_the_parts_that_it_was_made_of_are_looked_at() -> None:
    document, _ = whole(TEXT)
    middle = document.text.index("# The lighthouse")
    parts = [leaf(0, document, 0, middle), leaf(1, document, middle, len(document.text))]
    (one,) = link("The harbour was built in 1907.", parts[1], parts, [document])
    assert one.score == 0
    assert (one.part, one.from_, one.to) == (1, middle, len(document.text))


def test_a_result_over_several_documents_says_which() -> None:
    documents = [from_text("Cats sleep all day.", "a"), from_text("Dogs bark at night.", "b")]
    parts = [PartRow(n, 0, n, 0, len(d.text), status="done") for n, d in enumerate(documents)]
    top = PartRow(2, 1, -1, 0, 0, inputs=(0, 1), status="done")
    links = link("Dogs bark. Cats sleep. Fish swim.", top, [*parts, top], documents)
    assert [one.source for one in links] == [1, 0, -1]


def test_a_result_is_sentences_items_and_rows() -> None:
    result = (
        "## a.txt\n\nOne. Two!\n\n- First item. Still it.\n  - Second\n1. Third\n\n"
        "| Topic | Text |\n|---|---|\n| x | y |\n\n**Why?**\nBecause.\n"
    )
    assert [result[a:b] for a, b in said(result)] == [
        *("One.", "Two!", "First item. Still it.", "Second", "Third", "| x | y |", "**Why?**", "Because."),
    ]


def test_links_count_from_where_the_text_begins_in_the_result() -> None:
    document, part = whole(TEXT)
    links = link("Eagles cross the cape. The lamp.", part, [part], [document], offset=100)
    assert [(one.start, one.end) for one in links] == [(100, 122), (123, 132)]


def test_numbers_and_names_weigh_more() -> None:
    weights = terms("the Old man saw 12 boats")
    assert weights["12"] > weights["old"] > weights["man"]


SENTENCE = st.lists(st.sampled_from(["Lamp", "sea", "12", "灯塔高", "keeps", "harbour,"]), min_size=1).map(
    lambda words: " ".join(words) + ". "
)


@given(st.lists(st.lists(SENTENCE, min_size=1, max_size=6), min_size=1, max_size=6), st.lists(SENTENCE))
@settings(max_examples=100, deadline=None)
def test_every_place_is_one_of_a_part_of_the_text(texts: list[list[str]], result: list[str]) -> None:
    document = from_text("\n\n".join(map("".join, texts)), markdown=True)
    passages = split(document, lambda text: len(text.split()), 12)
    parts = [leaf(n, document, p.start, p.end) for n, p in enumerate(passages)]
    top = PartRow(len(parts), 1, 0, 0, len(document.text), inputs=tuple(range(len(parts))), status="done")
    text = "".join(result)
    links = link(text, top, [*parts, top], [document])
    spans = {span for block in document.blocks for span in units(document, block)}
    assert all(before.end <= after.start for before, after in pairwise(links))
    for one in links:
        part = [*parts, top][one.part]
        assert part.start <= one.from_ < one.to <= part.end
        if one.score:
            assert any(a <= one.from_ and one.to <= b for a, b in spans)
        else:
            assert one.part == top.number


def test_leaves_are_in_order_with_the_way_to_them() -> None:
    rows = [PartRow(n, 0, 0, n, n + 1) for n in range(3)]
    rows += [PartRow(3, 1, 0, 0, 2, inputs=(0, 1)), PartRow(4, 2, 0, 0, 3, inputs=(3, 2))]
    found = [(part.number, [node.number for node in path]) for part, path in leaves(rows[4], rows)]
    assert found == [(0, [3, 0]), (1, [3, 1]), (2, [2])]


def test_sentences_of_a_long_text_are_found_again() -> None:
    random.seed(4)
    words = [f"{a}{b}{c}" for a in ("ka", "lo", "mi") for b in ("ter", "ban", "su") for c in "xyzuvw"]
    source = [" ".join(random.choices(words, k=12)).capitalize() + f" {n}." for n in range(2500)]
    document, part = whole("\n\n".join(" ".join(source[n : n + 5]) for n in range(0, 2500, 5)))
    wanted = random.sample(source, 30)
    links = link("\n".join(f"- {sentence}" for sentence in wanted), part, [part], [document])
    assert [found(document, one) for one in links] == wanted
