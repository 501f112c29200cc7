"""Guesses from the prompt: they are right about what repeats, and they change no text."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator, Sequence
from itertools import count
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from models.engine import lookup
from models.engine.client import InProcessEngine
from models.engine.lookup import CHECK_SHARE, SIZES, STAKE, Costs, Guesser, Rates, Speculation
from models.engine.protocol import Finished, LoadOptions, Request, Sampling, TextDelta

MOST = SIZES[-1] - 1
tokens = st.lists(st.integers(0, 5), max_size=60)
ids = (f"l{n}" for n in count())


def guesser(text: Sequence[int]) -> Guesser:
    return Guesser(text, Rates())


# ---------------------------------------------------------------- guessing


@given(text=tokens, more=tokens, most=st.integers(0, 40))
def test_a_guess_is_what_followed_the_last_tokens_before(text: list[int], more: list[int], most: int) -> None:
    guessing = guesser(text)
    for token in more:
        guessing.push(token)
    text = [*text, *more]
    guess, chances = guessing.guess(most)
    assert len(guess) == len(chances) <= most
    assert all(0 < b <= a <= 1 for a, b in zip([1.0, *chances], chances, strict=False))
    pair = text[-2:]
    places = [at for at in range(2, len(text)) if text[at - 2 : at] == pair]
    assert guess or not places or not most
    if guess and places:
        assert any(text[at : at + len(guess)] == guess for at in places)


@given(st.lists(st.integers(), min_size=4, max_size=80, unique=True))
def test_a_copy_is_guessed_to_its_end(text: list[int]) -> None:
    guessing = guesser([*text, -(10**40)])
    for token in text[:2]:
        assert not guessing.push(token)
    for n, token in enumerate(text[2:], 2):
        guess, _ = guessing.guess(len(text) - n)
        assert guess
        assert guess == text[n : n + len(guess)]
        assert guessing.push(token)


@given(
    text=st.lists(st.integers(0, 10**6), min_size=20, max_size=60, unique=True),
    changes=st.lists(st.tuples(st.integers(4, 15), st.integers(0, 2), st.integers(0, 2)), max_size=3),
)
def test_after_a_change_the_copy_is_found_again(text: list[int], changes: list[tuple[int, int, int]]) -> None:
    new = -1
    for step, taken, added in changes:  # in the copy some tokens are taken out there, and new ones put in
        guessing = guesser([*text, -(10**9)])
        copy = [*text[:step], *range(new, new - added, -1), *text[step + taken :]]
        hits = [guessing.push(token) for token in copy]
        again = step + added + 2
        assert all(hits[2:step])
        assert all(hits[again:])


def test_a_copy_goes_on_after_a_token_that_was_changed_or_left_out() -> None:
    text = [*range(100, 130), 0]
    for changed, then in ((7, 111), (112, 113), (113, 114)):
        guessing = guesser(text)
        for token in (*range(100, 110), changed):
            guessing.push(token)
        assert guessing.guess(1)[0] == [then]


def test_a_place_further_on_is_preferred_to_one_before() -> None:
    text = [1, 2, 3, 8, 8, 1, 2, 4, 9, 9, 1, 2, 5, 0]
    guessing = guesser(text)
    for token in text[:8]:
        guessing.push(token)
    for token in (7, 1, 2):  # something else, then what comes three times
        guessing.push(token)
    assert guessing.guess(1)[0] == [5]


def test_chances_are_learned_by_each_answer_and_by_the_model() -> None:
    model = Rates()
    before = model.chance(20)
    good, bad = Rates(model), Rates(model)
    for _ in range(50):
        good.learn(20, hit=True)
        bad.learn(2, hit=False)
    assert good.chance(20) > before > bad.chance(2)
    assert Rates(model).chance(20) > before
    assert Rates(model).chance(2) < 0.2


@given(st.lists(st.tuples(st.integers(1, 40), st.booleans()), max_size=300))
def test_chances_are_never_sure(seen: list[tuple[int, bool]]) -> None:
    rates = Rates(Rates())
    for length, hit in seen:
        rates.learn(length, hit)
        assert 0 < rates.chance(length) < 1


# ---------------------------------------------------------------- deciding


def ready(seconds: Callable[[int], float], most: int = 32) -> Speculation:
    """One that has found all sizes alike, has measured them, and has saved up what a batch can lose."""
    deciding = Speculation(most)
    for size in SIZES:
        if size <= most:
            deciding.checked(size, True, seconds(size), 0.0)
    for rows in (*range(1, 9), *[1] * int(seconds(most) / seconds(1) / STAKE)):
        deciding.learn(rows, seconds(rows))
    return deciding


def test_no_batch_may_lose_more_than_was_saved_up() -> None:
    deciding, sure = Speculation(4), [[0.99**n for n in range(1, MOST + 1)]]
    for size in (3, 4):
        deciding.checked(size, True, 1.0 + 0.2 * size, 0.0)
    waited = 0
    while deciding.lengths(sure, [False]) == [0]:
        deciding.learn(1, 1.0)
        waited += 1
    assert 0.6 / STAKE <= waited <= 0.6 / STAKE + 2  # what three rows take longer than one
    deciding.won([1], 3)
    assert deciding.lengths(sure, [False]) == [0]
    deciding.won([3], 3)
    assert deciding.lengths(sure, [False]) == [3]


@given(
    chances=st.lists(st.lists(st.floats(0.01, 1), max_size=MOST), min_size=1, max_size=8),
    slope=st.floats(0, 1.2),
    most=st.sampled_from(SIZES),
    patient=st.lists(st.booleans(), min_size=8, max_size=8),
)
def test_only_sizes_that_were_checked_are_used_and_only_guesses_that_there_are(
    chances: list[list[float]], slope: float, most: int, patient: list[bool]
) -> None:
    chances = [sorted(row, reverse=True) for row in chances]
    deciding = ready(lambda rows: 1 + slope * (rows - 1), most)
    for _ in range(70):
        lengths = deciding.lengths(chances, patient[: len(chances)])
        assert all(length <= len(row) for length, row in zip(lengths, chances, strict=True))
        total = len(chances) + sum(lengths)
        assert sum(lengths) == 0 or (total in SIZES and total <= most)


def test_cheap_rows_make_long_guesses_and_dear_ones_none() -> None:
    sure = [[0.99**n for n in range(1, MOST + 1)]]
    assert ready(lambda rows: 1.0).lengths(sure, [False]) == [MOST]
    assert ready(lambda rows: rows).lengths(sure, [False]) == [0]
    unsure = [[0.5**n for n in range(1, MOST + 1)]]
    assert 1 <= ready(lambda rows: 1 + 0.1 * rows).lengths(unsure, [False])[0] <= 3


def test_nobody_is_slowed_down_by_the_guesses_of_others_unless_patient() -> None:
    guessed, none = [0.99**n for n in range(1, MOST + 1)], list[float]()
    slower = ready(lambda rows: 1 + 0.1 * rows)
    assert slower.lengths([guessed, none], [True, False]) == [0, 0]
    assert slower.lengths([guessed, none], [True, True])[0] > 0
    assert slower.lengths([guessed, none], [False, True])[0] > 0


@settings(deadline=None, max_examples=50)
@given(slope=st.floats(0, 1.2), chance=st.floats(0, 1), seed=st.integers(0, 99), noise=st.floats(0, 0.3))
def test_guessing_takes_no_longer_than_not_guessing(
    slope: float, chance: float, seed: int, noise: float
) -> None:
    """A whole answer, with batches that take as long as they like, and checks of their own."""
    dice = random.Random(seed)

    def seconds(rows: int) -> float:
        return (1 + slope * (rows - 1)) * dice.uniform(1 - noise, 1 + noise)

    deciding, spent, made = Speculation(512), 0.0, 0
    rates = Rates(deciding.rates)
    while made < 1500:
        if size := deciding.due:
            took = seconds(size)
            deciding.checked(size, True, took, took)
            spent += took
        chances = [rates.chance(20) ** n for n in range(1, MOST + 1)]
        (length,) = deciding.lengths([chances], [False])
        took = seconds(1 + length)
        deciding.learn(1 + length, took)
        spent += took
        before = made
        for n in range(length + 1):
            hit = dice.random() < chance
            rates.learn(20, hit)
            made += 1
            if not hit or n == length:
                break
        if length:
            deciding.won([made - before], 1 + length)
    assert spent <= made * (1 + CHECK_SHARE + STAKE) * 1.04


def test_checks_go_from_few_rows_to_many_and_stop_at_the_first_that_differ() -> None:
    deciding = Speculation(512)
    seen = []
    for _ in range(4000):
        deciding.learn(1, 1.0)
        if size := deciding.due:
            seen.append(size)
            deciding.checked(size, size < 8, 1.0, float(size))
    assert seen == [3, 4, 8]
    assert deciding.longest == 3


def test_a_check_waits_for_its_share_of_the_time() -> None:
    deciding = Speculation(512)
    assert deciding.due == 0
    for _ in range(int(SIZES[0] / CHECK_SHARE) - 1):
        deciding.learn(1, 1.0)
    assert deciding.due == 0
    deciding.learn(1, 2.0)
    assert deciding.due == SIZES[0]
    assert not Speculation(0).possible


def test_costs_are_those_of_late() -> None:
    costs = Costs()
    assert costs.seconds(1) is None
    for seconds in (9.0, 1.0, 1.0, 8.0, 1.0, 1.0):
        costs.learn(1, seconds)
    assert costs.seconds(1) == 1.0


# ---------------------------------------------------------------- with the real model

STORY = (
    "The keeper of the lighthouse walked down to the sea every evening and listened. Some nights he heard "
    "bells, other nights only wind; once, in the autumn of 1911, he heard a choir. He wrote each sound into "
    "a small green book, with the hour, the weather and the direction it came from."
)
SHEET = "1. Apples: 12\n2. Pears: 7\n3. Plums: 30\n4. Figs: 4\n5. Dates: 19\n6. Limes: 22"
ERRORS = "She go to school yesterday. They has two dog and a cat. He dont like the rain, it make him sad."
TASKS = {
    "echo": f"Repeat the text exactly.\n\n{STORY}",
    "list": f"Repeat this list exactly.\n\n{SHEET}",
    "grammar": f"Correct the spelling and grammar. Answer with the text only.\n\n{ERRORS}",
    "nothing": "Write a poem about the colour of the sea in the morning.",
}


@pytest.fixture(scope="module")
def loaded(starter: Path) -> Iterator[InProcessEngine]:
    """The starter, with a type of cache over which all rows come out alike."""
    engine = InProcessEngine.start(LoadOptions(path=str(starter), context_size=2048, kv_type="q8_0"))
    yield engine
    engine.close()


@pytest.fixture
def engine(loaded: InProcessEngine, monkeypatch: pytest.MonkeyPatch) -> InProcessEngine:
    """An engine for which all batches are as quick, and that finds out at once which rows come out alike."""
    ticks = count()
    monkeypatch.setattr(loaded._worker._scheduler, "_clock", lambda: float(next(ticks)))
    monkeypatch.setattr(lookup, "CHECK_SHARE", 100.0)
    return loaded


def prompt(engine: InProcessEngine, text: str) -> tuple[int, ...]:
    turn = f"<|im_start|>user\n{text}<|im_end|>\n<|im_start|>assistant\n"
    return tuple(engine.tokenize(turn, special=True))


def submit(engine: InProcessEngine, text: str, *, lookup: bool, **options: Any) -> Request:
    options.setdefault("sampling", Sampling(temperature=0))
    options.setdefault("max_tokens", 90)
    return Request(id=next(ids), tokens=prompt(engine, text), lookup=lookup, **options)


def answer(
    engine: InProcessEngine, text: str, *, lookup: bool = True, **options: Any
) -> tuple[str, Finished]:
    events = list(engine.submit(submit(engine, text, lookup=lookup, **options)))
    end = events[-1]
    assert isinstance(end, Finished)
    return "".join(event.text for event in events if isinstance(event, TextDelta)), end


def same(engine: InProcessEngine, text: str, **options: Any) -> Finished:
    """The end of an answer with guesses, after a look that it is the answer without them."""
    plain, before = answer(engine, text, lookup=False, **options)
    guessed, after = answer(engine, text, **options)
    assert guessed == plain
    assert after.finish_reason == before.finish_reason
    assert after.usage.completion_tokens == before.usage.completion_tokens
    assert before.usage.guessed == 0
    return after


@pytest.mark.parametrize("task", TASKS)
def test_the_text_is_the_same_with_guesses(engine: InProcessEngine, task: str) -> None:
    usage = same(engine, TASKS[task]).usage
    assert 0 <= usage.accepted <= min(usage.guessed, usage.completion_tokens)
    if task in ("echo", "list"):
        assert usage.accepted > usage.completion_tokens / 2


@pytest.mark.parametrize("max_tokens", [1, 2, 3, 17, 40])
def test_an_answer_is_no_longer_than_it_may_be(engine: InProcessEngine, max_tokens: int) -> None:
    end = same(engine, TASKS["echo"], max_tokens=max_tokens)
    assert (end.finish_reason, end.usage.completion_tokens) == ("length", max_tokens)


@pytest.mark.parametrize("stop", ["1911", "wind", " a small", "Some nights he"])
def test_a_stop_string_among_guesses_ends_the_answer(engine: InProcessEngine, stop: str) -> None:
    assert same(engine, TASKS["echo"], stop=(stop,)).finish_reason == "stop"


def test_penalties_and_biases_hold_among_guesses(engine: InProcessEngine) -> None:
    wind = engine.tokenize(" wind")[0]
    same(engine, TASKS["echo"], logit_bias={wind: -1e9})
    same(engine, TASKS["echo"], sampling=Sampling(temperature=0, repeat_penalty=1.1, frequency_penalty=0.2))


def test_what_follows_reuses_all_that_was_said_and_no_wrong_guess(engine: InProcessEngine) -> None:
    text = TASKS["list"]
    said, end = answer(engine, text)
    assert end.usage.guessed > 0
    more = prompt(engine, text) + tuple(engine.tokenize(said)) + (1,)
    events = list(engine.submit(Request(id=next(ids), tokens=more, max_tokens=1)))
    last = events[-1]
    assert isinstance(last, Finished)
    known = end.usage.prompt_tokens + end.usage.completion_tokens - 1
    assert known - 2 <= last.usage.cached_tokens <= known


def test_several_at_once_say_what_each_says_alone(engine: InProcessEngine) -> None:
    texts = [*TASKS.values(), TASKS["echo"].replace("sea", "shore"), TASKS["list"].replace("12", "14")]
    alone = [answer(engine, text, lookup=False, max_tokens=50)[0] for text in texts]
    requests = [
        submit(engine, text, lookup=True, max_tokens=50, patient=n % 2 == 0) for n, text in enumerate(texts)
    ]
    said = {request.id: "" for request in requests}
    accepted = 0
    for event in engine.batch(requests):
        if isinstance(event, TextDelta):
            said[event.id] += event.text
        elif isinstance(event, Finished):
            accepted += event.usage.accepted
    assert list(said.values()) == alone
    assert accepted > 0


def test_cancelling_among_guesses_keeps_a_beginning_of_the_text(engine: InProcessEngine) -> None:
    whole, _ = answer(engine, TASKS["echo"], lookup=False)
    stream = engine.submit(submit(engine, TASKS["echo"], lookup=True))
    said, end = "", None
    for event in stream:
        if isinstance(event, TextDelta):
            said += event.text
            if len(said) > 60:
                stream.cancel()
        elif isinstance(event, Finished):
            end = event
    assert end is not None
    assert end.finish_reason == "cancelled"
    assert whole.startswith(said)
    same(engine, TASKS["echo"], max_tokens=20)


@pytest.mark.parametrize(
    "options",
    [
        {"sampling": Sampling(temperature=0.5, seed=1)},
        {"mode": "exact"},
        {"logprobs": 1},
        {"grammar": 'root ::= [a-zA-Z ,.]+ "!"'},
    ],
    ids=str,
)
def test_nothing_is_guessed_where_it_could_change_the_answer(
    engine: InProcessEngine, options: dict[str, Any]
) -> None:
    assert answer(engine, TASKS["echo"], max_tokens=50, **options)[1].usage.guessed == 0


@pytest.mark.parametrize("make", [None, "tiny_mamba", "tiny_gemma3"])
def test_nothing_is_guessed_where_rows_cannot_come_out_alike(
    starter: Path, tmp_path: Path, make: str | None
) -> None:
    import tiny_models

    path = getattr(tiny_models, make)(tmp_path / "m.gguf") if make else starter
    engine = InProcessEngine.start(LoadOptions(path=str(path), context_size=512))
    try:
        assert not engine._worker._model.rows_may_agree
        assert answer(engine, TASKS["list"], max_tokens=40)[1].usage.guessed == 0
    finally:
        engine.close()


def test_rows_that_differ_are_found_out_and_leave_no_trace(
    engine: InProcessEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    scheduler = engine._worker._scheduler
    model = scheduler._model
    honest = model.print_of
    monkeypatch.setattr(scheduler, "_speculation", Speculation(512))
    monkeypatch.setattr(
        model, "print_of", lambda row: honest(row) + (b"+" if scheduler._batch.size > 4 else b"")
    )
    assert same(engine, TASKS["echo"]).usage.guessed > 0
    assert scheduler._speculation.longest == 3
    assert not scheduler._speculation._unchecked


def test_other_adapters_are_checked_anew(engine: InProcessEngine) -> None:
    same(engine, TASKS["list"], max_tokens=60)
    speculation = engine._worker._scheduler._speculation
    assert speculation.longest > 0
    engine.set_adapters([])
    assert engine._worker._scheduler._speculation.longest == 0
    same(engine, TASKS["list"], max_tokens=60)
    assert engine._worker._scheduler._speculation.longest > 0


def test_a_full_context_ends_the_answer_at_the_same_token(
    starter: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lookup, "CHECK_SHARE", 100.0)
    engine = InProcessEngine.start(LoadOptions(path=str(starter), context_size=256, kv_type="q8_0"))
    try:
        ticks = count()
        engine._worker._scheduler._clock = lambda: float(next(ticks))
        ends = dict.fromkeys(engine.tokenize("<|im_end|><|endoftext|>", special=True), -1e9)
        end = same(engine, TASKS["echo"], max_tokens=0, logit_bias=ends)
        assert end.finish_reason == "context"
        assert end.usage.accepted > 0
    finally:
        engine.close()
