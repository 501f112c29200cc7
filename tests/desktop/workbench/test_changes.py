"""Differences between texts: as people read them, and true to the letter in any order."""

from __future__ import annotations

import random
import re
from collections.abc import Iterator
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from desktop.workbench import changes
from desktop.workbench.changes import Review, apply, diff, keep_breaks, rebase


def pairs(before: str, after: str) -> list[tuple[str, str]]:
    return [(before[one.start : one.end], one.text) for one in diff(before, after)]


# ---------------------------------------------------------------- as people read them


@pytest.mark.parametrize(
    ("before", "after", "expected"),
    [
        ("same", "same", []),
        ("", "new text", [("", "new text")]),
        ("gone", "", [("gone", "")]),
        ("He went to teh store.", "He went to the store.", [("teh", "the")]),
        ("He dont knows it.", "He doesn't know it.", [("dont knows", "doesn't know")]),
        ("a well known man", "a well-known man", [(" ", "-")]),
        ("one two", "one  two", [("", " ")]),
        ("It costs 1,000 now.", "It costs 1,200 now.", [("1,000", "1,200")]),
        ("We met. Then left.", "We meet. Now left.", [("met", "meet"), ("Then", "Now")]),
        (
            "The quick brown fox jumps over the lazy dog.",
            "A fast brown animal leaps over a sleepy dog.",
            [("The quick", "A fast"), ("fox jumps", "animal leaps"), ("the lazy", "a sleepy")],
        ),
        (
            "We would like to inform you about the changes",
            "Please be informed of the changes",
            [("We would like to inform you about", "Please be informed of")],
        ),
        ("我昨天去了商店。", "我今天去了商店。", [("昨", "今")]),
        ("First line\nsecond", "First line second", [("\n", " ")]),
    ],
)
def test_differences_are_words(before: str, after: str, expected: list[tuple[str, str]]) -> None:
    assert pairs(before, after) == expected


def test_a_word_between_two_large_changes_belongs_to_them() -> None:
    before = "nobody could ever have said the reason why they never came home"
    after = "it was not known to anyone the cause for which all had remained away"
    assert len(diff(before, after)) == 1


def test_no_change_crosses_paragraphs_that_correspond() -> None:
    before = "One two three.\n\nFour five six.\n\nSeven eight."
    after = "Four five six one.\n\nOne two three four.\n\nSeven nine."
    gaps = [match.span() for match in re.finditer("\n\n", before)]
    for change in diff(before, after):
        assert all(change.end <= start or change.start >= end for start, end in gaps)
    assert apply(before, diff(before, after)) == after


def test_a_paragraph_put_in_is_one_change() -> None:
    before = "One two three.\n\nFour five six."
    assert len(diff(before, "Something new.\n\n" + before)) == 1


# ---------------------------------------------------------------- laws

WORDS = st.lists(
    st.sampled_from(
        ["the", "The", "cat", "sat", "don't", "1,000", "3", ".", ",", " ", "\n", "\n\n", "猫", "狗", "é", "-"]
    ),
    max_size=40,
)
TEXTS = WORDS.map("".join) | WORDS.map(" ".join) | st.text(max_size=40)


@given(TEXTS, TEXTS)
def test_all_changes_give_the_other_text(before: str, after: str) -> None:
    found = diff(before, after)
    assert apply(before, found) == after
    assert all(0 <= one.start <= one.end <= len(before) for one in found)
    assert all(one.end < other.start for one, other in pairwise(found))
    assert all(before[one.start : one.end] != one.text for one in found)


@given(TEXTS, TEXTS, st.randoms(use_true_random=False))
def test_any_order_gives_the_text_of_the_chosen_ones(before: str, after: str, chance: random.Random) -> None:
    """Each change is made on the text as it then is, with the places of the others moved along."""
    found = diff(before, after)
    chosen = [one for one in found if chance.random() < 0.6]
    left, text = list(found), before
    order = list(chosen)
    chance.shuffle(order)
    places = {one: one for one in found}
    for one in order:
        now = places[one]
        text = text[: now.start] + now.text + text[now.end :]
        others = [other for other in left if other != one]
        moved = rebase([places[other] for other in left], now)
        places.update(zip(others, moved, strict=True))
        left = others
    assert text == apply(before, chosen)


@given(TEXTS, TEXTS, st.randoms(use_true_random=False))
def test_a_review_shows_what_was_decided(before: str, after: str, chance: random.Random) -> None:
    review = Review(before, after)
    assert review.text() == after
    numbers = list(range(len(review.changes)))
    chance.shuffle(numbers)
    for number in numbers:
        chance.choice([review.accept, review.reject, review.reset])(number)
    made = [c for c, s in zip(review.changes, review.states, strict=True) if s != "rejected"]
    assert review.text() == apply(before, made)
    for (start, end), change, state in zip(review.spans(), review.changes, review.states, strict=True):
        old = before[change.start : change.end]
        assert review.text()[start:end] == (old if state == "rejected" else change.text)


@given(TEXTS, TEXTS)
def test_all_accepted_or_all_rejected(before: str, after: str) -> None:
    one, other = Review(before, after), Review(before, after)
    one.accept_all()
    other.reject_all()
    assert (one.text(), other.text()) == (after, before)
    assert one.pending == other.pending == 0


def test_decisions_outlive_all() -> None:
    review = Review("a b c d e", "a x c y e")
    review.reject(0)
    review.accept_all()
    assert review.text() == "a b c y e"


# ---------------------------------------------------------------- long texts


def text_of(words: int, chance: random.Random) -> list[str]:
    return [f"w{chance.randrange(3000)}" + ("." if chance.random() < 0.1 else "") for _ in range(words)]


@pytest.mark.parametrize("words", [5_000, 50_000])
def test_long_texts(words: int) -> None:
    chance = random.Random(7)
    before = text_of(words, chance)
    after = [word if chance.random() > 0.1 else f"x{chance.randrange(3000)}" for word in before]
    found = diff(" ".join(before), " ".join(after))
    assert apply(" ".join(before), found) == " ".join(after)
    changed = sum(one != other for one, other in zip(before, after, strict=True))
    assert changed * 0.7 < len(found) <= changed  # each where it is, some beside each other


def test_long_texts_without_anything_in_common_are_not_compared_in_full(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    compared: list[int] = []
    real = changes._compared

    def count(a: list[int], b: list[int], *within: int) -> Iterator[tuple[int, int, int]]:
        compared.append((within[1] - within[0]) * (within[3] - within[2]))
        return real(a, b, *within)

    monkeypatch.setattr(changes, "_compared", count)
    chance = random.Random(3)
    before, after = " ".join(text_of(20_000, chance)), " ".join(text_of(20_000, chance))
    assert apply(before, diff(before, after)) == after
    assert sum(compared) <= changes._SQUARE


# ---------------------------------------------------------------- line breaks


def test_line_breaks_are_kept_where_the_words_are() -> None:
    before = "The quick brwn fox\njumps over the\nlazy dog."
    assert keep_breaks(before, "The quick brown fox jumps over the lazy dog.") == (
        "The quick brown fox\njumps over the\nlazy dog."
    )
    assert keep_breaks("他昨天去了\n商店。", "他今天去了商店。") == "他今天去了\n商店。"
    assert keep_breaks("one line", "another line") == "another line"


@given(TEXTS, TEXTS)
def test_line_breaks_change_nothing_else(before: str, after: str) -> None:
    assert "".join(keep_breaks(before, after).split()) == "".join(after.split())
