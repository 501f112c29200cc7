from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from models.engine.prefix import common, respell

CONTROL = {9}
# Several spellings of the same bytes, as in a BPE vocabulary.
PIECES = {0: b"a", 1: b"b", 2: b"ab", 3: b"ba", 4: b"aba", 5: b" ", 6: b" a", 9: b"<e>"}
PIECES |= {7: b"<", 8: b"e>", 10: b"a<"}  # a control string that somebody typed

tokens = st.lists(st.sampled_from(sorted(PIECES)), max_size=30)


def spell(ids: list[int]) -> bytes:
    return b"".join(PIECES[i] for i in ids)


short = st.lists(st.integers(0, 2), max_size=40)


@given(st.integers(0, 300), short, short)
def test_common_is_the_longest_common_prefix(shared: int, a: list[int], b: list[int]) -> None:
    a, b = [*range(shared), *a], [*range(shared), *b]
    n = common(a, b)
    assert a[:n] == b[:n]
    assert n in (len(a), len(b)) or a[n] != b[n]


@given(tokens, tokens)
def test_respelling_never_changes_the_text(canonical: list[int], cached: list[int]) -> None:
    assert spell(respell(canonical, cached, PIECES.__getitem__, CONTROL)) == spell(canonical)


@given(tokens, tokens)
def test_a_continued_conversation_takes_over_the_whole_cache(cached: list[int], rest: list[int]) -> None:
    canonical = [*retokenize(cached), 9, *rest]
    assert respell(canonical, cached, PIECES.__getitem__, CONTROL)[: len(cached)] == cached


@given(tokens, tokens)
def test_the_rest_keeps_its_canonical_spelling(canonical: list[int], cached: list[int]) -> None:
    spelled = respell(canonical, cached, PIECES.__getitem__, CONTROL)
    n = common(spelled, cached)
    rest = spelled[n:]
    assert rest == canonical[len(canonical) - len(rest) :]


def retokenize(ids: list[int]) -> list[int]:
    """The same bytes in one-byte tokens where there are such, control tokens kept."""
    single = {2: [0, 1], 3: [1, 0], 4: [0, 1, 0], 6: [5, 0], 10: [0, 7]}
    return [token for i in ids for token in single.get(i, [i])]


@given(tokens, tokens)
def test_no_control_token_appears_or_goes(canonical: list[int], cached: list[int]) -> None:
    spelled = respell(canonical, cached, PIECES.__getitem__, CONTROL)
    assert marks(spelled) == marks(canonical)


def marks(ids: list[int]) -> list[int]:
    """At which bytes control tokens stand."""
    return [len(spell(ids[:n])) for n, token in enumerate(ids) if token in CONTROL]


def test_an_edit_keeps_the_turns_before_it() -> None:
    cached = [9, 2, 0, 9, 2, 2, 9, 1]  # turn, turn, turn
    canonical = [9, 4, 9, 0, 1, 0, 1, 9, 5, 5]
    assert respell(canonical, cached, PIECES.__getitem__, CONTROL) == [9, 2, 0, 9, 2, 2, 9, 5, 5]


def test_a_spelling_is_not_taken_over_inside_a_turn() -> None:
    # "ab" + "a..." is cached as one turn; the prompt goes on differently in the same turn.
    assert respell([0, 1, 1], [2, 0], PIECES.__getitem__, CONTROL) == [0, 1, 1]
