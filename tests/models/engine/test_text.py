"""Tokens to text: every result equals the simple computation on the whole, however it was split."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from models.engine.protocol import ThinkingTags
from models.engine.text import MARGIN, TokenText

THINK = ThinkingTags(start="<think>", end="</think>")
OPEN = ThinkingTags(start="<think>", end="</think>", open_at_start=True)
CHANNELS = ThinkingTags(
    start="<|channel|>analysis<|message|>", end="<|end|><|start|>assistant<|channel|>final<|message|>"
)


def run(stream: TokenText, chunks: list[bytes]) -> tuple[str, str]:
    """Text and thinking of a whole stream."""
    parts = [part for chunk in chunks for part in stream.push(chunk)] + stream.finish()
    assert all(text for _, text in parts)
    kinds = {kind: "".join(text for k, text in parts if k == kind) for kind in ("text", "thinking")}
    return kinds["text"], kinds["thinking"]


def split(data: bytes, cuts: list[int]) -> list[bytes]:
    edges = [0, *sorted(cut % (len(data) + 1) for cut in cuts), len(data)]
    return [data[a:b] for a, b in pairwise(edges)]


def cut_at_stop(text: str, stops: list[str]) -> tuple[str, bool]:
    """The text before the stop string that is complete first; of two, the longer."""
    ends = [(text.index(stop) + len(stop), -len(stop)) for stop in stops if stop and stop in text]
    if not ends:
        return text, False
    end, length = min(ends)
    return text[: end + length], True


CUTS = st.lists(st.integers(0, 10_000), max_size=30)
PIECES = st.lists(
    st.sampled_from([*"ab\n ", "<think>", "</think>", "<thi", "nk>", "</", "é", "漢", "🙂"]), max_size=14
)
STOPS = st.lists(st.text(st.sampled_from("aabc\né"), min_size=1, max_size=4), max_size=3)


@given(data=st.binary(max_size=200), cuts=CUTS)
@example(data="🙂é漢".encode() * 3, cuts=list(range(40)))
@example(data=b"\xf0\x9f\x99", cuts=[1, 2])
@example(data=b"\xe2\x28\xa1\xff\xed\xa0\x80", cuts=[1, 2, 3, 4, 5, 6])
def test_any_bytes_at_any_split_decode_as_one(data: bytes, cuts: list[int]) -> None:
    assert run(TokenText(), split(data, cuts)) == (data.decode(errors="replace"), "")


@given(data=st.binary(max_size=100) | PIECES.map(lambda pieces: "".join(pieces).encode()), cuts=CUTS)
def test_nothing_is_lost_without_a_match(data: bytes, cuts: list[int]) -> None:
    never = "\U0010fffe"
    stream = TokenText([never, "b" + never], ThinkingTags(start=never, end=never))
    assert run(stream, split(data, cuts)) == (data.decode(errors="replace"), "")


@given(text=st.text(st.sampled_from("aaabbc\né🙂"), max_size=40), stops=STOPS, cuts=CUTS)
@example(text="aab", stops=["ab", "aab"], cuts=[1])
@example(text="aaaab", stops=["aaab"], cuts=[1, 2, 3, 4, 5])
@example(text="aabaaabaaac", stops=["aabaaac"], cuts=[3])
@example(text="ababac", stops=["abac"], cuts=[])
def test_stop_strings_at_any_split(text: str, stops: list[str], cuts: list[int]) -> None:
    stream = TokenText(stops)
    wanted, stopped = cut_at_stop(text, stops)
    assert run(stream, split(text.encode(), cuts)) == (wanted, "")
    assert stream.stopped is stopped


def split_thinking(text: str, opened: bool) -> tuple[str, str]:
    """Answer and thinking of a whole output."""
    if not opened:
        inner = text.lstrip()
        if len(text) - len(inner) > MARGIN or not inner.startswith("<think>"):
            return text, ""
        text = inner.removeprefix("<think>")
    thinking, _, answer = text.partition("</think>")
    return answer.lstrip("\n"), thinking.lstrip("\n")


@given(
    lead=st.sampled_from(["", "<think>", "\n<think>\n\n", " " * 8 + "<think>", " " * 9 + "<think>"]),
    pieces=PIECES,
    opened=st.booleans(),
    stops=STOPS,
    cuts=CUTS,
)
def test_thinking_at_any_split(
    lead: str, pieces: list[str], opened: bool, stops: list[str], cuts: list[int]
) -> None:
    output = lead + "".join(pieces)
    stream = TokenText(stops, OPEN if opened else THINK)
    answer, thinking = split_thinking(output, opened)
    answer, stopped = cut_at_stop(answer, stops)
    assert run(stream, split(output.encode(), cuts)) == (answer, thinking)
    assert stream.stopped is stopped


def test_text_comes_as_soon_as_it_can() -> None:
    stream = TokenText(["\nUser:"])
    assert stream.push(b"Hello") == [("text", "Hello")]
    assert stream.push("é".encode()[:1]) == []
    assert stream.push("é".encode()[1:] + b"\nUs") == [("text", "é")]
    assert stream.push(b"ual") == [("text", "\nUsual")]
    assert stream.push(b"\nUser: and more") == []
    assert stream.stopped
    assert stream.push(b"x") == []
    assert stream.finish() == []


def test_what_is_held_back_comes_at_the_end() -> None:
    stream = TokenText(["STOP"], THINK)
    assert stream.push(b" <thi") == []
    assert stream.finish() == [("text", " <thi")]
    stream = TokenText(["STOP"])
    assert stream.push(b"a STO\xf0\x9f") == [("text", "a ")]
    assert stream.finish() == [("text", "STO\ufffd")]


def test_thinking_and_answer_in_one_push() -> None:
    stream = TokenText(["!"], THINK)
    assert stream.push(b"<think>\nHm!\n</think>\n\nYes! No") == [("thinking", "Hm!\n"), ("text", "Yes")]
    assert stream.stopped


def test_thinking_without_an_end_stays_thinking() -> None:
    stream = TokenText([], OPEN)
    assert stream.push(b"\n") == []
    assert stream.push(b"\nHm</th") == [("thinking", "Hm")]
    assert stream.finish() == [("thinking", "</th")]


def test_tags_inside_the_answer_are_text() -> None:
    assert run(TokenText([], THINK), [b"Use <think>", b"x</think> so"]) == ("Use <think>x</think> so", "")


def test_white_space_is_not_held_for_ever() -> None:
    stream = TokenText(["\n" * 3], THINK)
    for _ in range(MARGIN):
        assert not stream.stopped
        assert stream.push(b"\n") == []
    stream.push(b"\n")
    assert stream.stopped


@pytest.mark.parametrize("size", [1, 7, 1000])
def test_channels(size: int) -> None:
    def chunks(text: str) -> list[bytes]:
        return [text[at : at + size].encode() for at in range(0, len(text), size)]

    thought = f"{CHANNELS.start}Hm<|end|>.{CHANNELS.end}Yes"
    assert run(TokenText([], CHANNELS), chunks(thought)) == ("Yes", "Hm<|end|>.")
    direct = "<|channel|>final<|message|>Yes"
    assert run(TokenText([], CHANNELS), chunks(direct)) == ("Yes", "")


def test_a_mark_before_the_answer_is_left_out() -> None:
    tags = ThinkingTags(start="<|START_THINKING|>", end="<|END_THINKING|>", open_at_start=True)
    output = b"Hm<|END_THINKING|><|START_RESPONSE|>Yes"
    for size in (1, 5, 100):
        chunks = [output[at : at + size] for at in range(0, len(output), size)]
        assert run(TokenText([], tags), chunks) == ("Yes", "Hm")


def test_work_grows_with_the_text_and_no_faster() -> None:
    """Counts the characters that are looked at: a long stop string that keeps almost matching."""
    from models.engine import text as module

    looked = 0
    step = module._Finder._step

    def counting(self: object, character: str) -> tuple[int, int]:
        nonlocal looked
        looked += 1
        return step(self, character)  # type: ignore[arg-type]

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(module._Finder, "_step", counting)
        stream = TokenText(["a" * 500 + "b"])
        for _ in range(4000):
            stream.push(b"a")
        assert looked == 4000
        looked = 0
        stream = TokenText(["\nUser:"])
        for _ in range(4000):
            stream.push(b" word")
        assert looked == 0
