"""Whatever is reused, moved out and brought back, answers are those of a fresh evaluation."""

from __future__ import annotations

import math
import random
from collections.abc import Iterator
from itertools import count, pairwise
from pathlib import Path

import pytest
import tiny_models

from models.engine import cache
from models.engine.cache import Cache
from models.engine.client import InProcessEngine, Stream
from models.engine.llama import Batch
from models.engine.protocol import Finished, LoadOptions, Request, Sampling, TextDelta

GREEDY = Sampling(temperature=0)
ids = (f"r{n}" for n in count())
MAKERS = {
    "recurrent": tiny_models.tiny_mamba,
    "hybrid": tiny_models.tiny_hybrid,
    "window": tiny_models.tiny_gemma3,
    "plain": tiny_models.tiny_llama,
}


@pytest.fixture(params=MAKERS)
def kind(request: pytest.FixtureRequest) -> str:
    return str(request.param)


def started(path: Path, kind: str, **options: object) -> InProcessEngine:
    MAKERS[kind](path)
    options = {"context_size": 2048, "parallel": 3, "batch_size": 64, **options}
    return InProcessEngine.start(LoadOptions(path=str(path), **options))  # type: ignore[arg-type]


@pytest.fixture
def engine(tmp_path: Path, kind: str) -> Iterator[InProcessEngine]:
    engine = started(tmp_path / "tiny.gguf", kind)
    yield engine
    engine.close()


@pytest.fixture
def narrow(tmp_path: Path, kind: str) -> Iterator[InProcessEngine]:
    """An engine whose context holds one of the conversations below, and no second one beside it."""
    engine = started(tmp_path / "tiny.gguf", kind, context_size=512)
    yield engine
    engine.close()


def cache_of(engine: InProcessEngine) -> Cache:
    return engine._worker._scheduler._cache


def conversation(number: int, length: int = 400) -> list[int]:
    return [random.Random(number).randrange(60, 400) for _ in range(length)]


def first_token(
    engine: InProcessEngine, tokens: list[int], mode: str = "fast"
) -> tuple[dict[int, float], int]:
    """Log-probabilities of the most likely next tokens, and how much of the prompt was cached."""
    request = Request(
        id=next(ids), tokens=tuple(tokens), sampling=GREEDY, max_tokens=1, logprobs=20,
        mode=mode,  # type: ignore[arg-type]
    )  # fmt: skip
    events = list(engine.submit(request))
    end = events[-1]
    assert isinstance(end, Finished)
    chosen = next(t for e in events if isinstance(e, TextDelta) for t in e.tokens)
    return {token: p for token, _, p in chosen.top}, end.usage.cached_tokens


def distance(a: dict[int, float], b: dict[int, float]) -> float:
    """The largest difference of probability over tokens that both name; 1 when they name few in common."""
    shared = a.keys() & b.keys()
    return max(abs(a[t] - b[t]) for t in shared) if len(shared) >= 15 else 1.0


def test_answers_do_not_depend_on_what_was_cached(engine: InProcessEngine) -> None:
    rng = random.Random(5)
    size = engine.info.vocab_size
    words = [t for t in range(size) if t not in engine._worker._model.vocab.control]
    prompt = [rng.choice(words) for _ in range(600)]
    prompts = []
    for _ in range(14):
        action = rng.choice(["extend", "edit", "again", "cut"])
        if action == "extend":
            prompt = prompt + [rng.choice(words) for _ in range(rng.randint(1, 60))]
        elif action == "edit":
            at = rng.randrange(1, len(prompt))
            prompt = prompt[:at] + [rng.choice(words) for _ in range(rng.randint(1, 40))]
        elif action == "cut" and len(prompt) > 20:
            prompt = prompt[: rng.randrange(10, len(prompt))]
        prompts.append(prompt)
    reused = [first_token(engine, p) for p in prompts]
    fresh = [first_token(engine, p, "exact") for p in prompts]
    differences = [distance(a, b) for (a, _), (b, _) in zip(reused, fresh, strict=True)]
    assert max(differences) < 0.02
    assert sum(cached for _, cached in reused) > 0
    assert all(cached == 0 for _, cached in fresh)
    # The measure can tell answers apart: other prompts give other probabilities.
    assert max(distance(a, b) for (a, _), (b, _) in pairwise(fresh)) > 0.02


def test_a_conversation_that_only_grows_is_never_evaluated_twice(engine: InProcessEngine) -> None:
    tokens, known = list(range(60, 120)), 0
    for turn in range(4):
        request = Request(id=next(ids), tokens=tuple(tokens), max_tokens=8, sampling=Sampling(seed=turn))
        sequence = engine.submit(request)
        end = list(sequence)[-1]
        assert isinstance(end, Finished)
        assert end.usage.cached_tokens >= known
        known = len(tokens) - 1
        tokens = [*tokens, *range(130 + turn * 10, 140 + turn * 10)]


def test_siblings_batched_together_answer_as_alone(engine: InProcessEngine) -> None:
    shared = list(range(60, 160))
    prompts = [[*shared, 170 + n] for n in range(3)]
    streams = [
        engine.submit(Request(id=next(ids), tokens=tuple(p), max_tokens=1, logprobs=20, sampling=GREEDY))
        for p in prompts
    ]
    together = []
    for stream in streams:
        chosen = next(t for e in stream if isinstance(e, TextDelta) for t in e.tokens)
        list(stream)
        together.append({token: p for token, _, p in chosen.top})
    for prompt, found in zip(prompts, together, strict=True):
        assert distance(found, first_token(engine, prompt, "exact")[0]) < 0.02


@pytest.mark.parametrize(("kind", "size", "length"), [("plain", 512, 200), ("window", 2048, 470)])
def test_siblings_that_fill_the_cache_all_end(tmp_path: Path, kind: str, size: int, length: int) -> None:
    path = tmp_path / "tiny.gguf"
    MAKERS[kind](path)
    options = LoadOptions(path=str(path), context_size=size, parallel=4, batch_size=64)
    engine = InProcessEngine.start(options)
    vocab = engine._worker._model.vocab
    endless = {t: -math.inf for t in range(vocab.size) if vocab.ends_generation(t)}
    shared = tuple(60 + i % 400 for i in range(length))

    def ask(*more: int, n: int) -> Stream:
        request = Request(
            id=next(ids), tokens=(*shared, *more), max_tokens=n, logit_bias=endless, sampling=GREEDY
        )
        return engine.submit(request)

    list(ask(n=5))
    for stream in [ask(300 + n, n=150) for n in range(4)]:
        end = list(stream)[-1]
        assert isinstance(end, Finished)
        assert end.usage.completion_tokens == 150
    engine.close()


def test_conversations_larger_than_the_context_together_are_each_evaluated_once(
    narrow: InProcessEngine,
) -> None:
    before = {n: conversation(n) for n in range(3)}
    first = {n: first_token(narrow, tokens) for n, tokens in before.items()}
    assert all(cached == 0 for _, cached in first.values())
    for tokens in before.values():
        longer = [*tokens, *range(100, 120)]
        found, cached = first_token(narrow, longer)
        assert cached >= len(tokens) - 1
        assert distance(found, first_token(narrow, longer, "exact")[0]) < 0.02


def test_an_edit_of_what_was_moved_out_is_answered_as_afresh(narrow: InProcessEngine) -> None:
    old = conversation(1)
    first_token(narrow, old)
    first_token(narrow, conversation(2))
    edited = [*old[:350], *range(70, 110)]
    found, cached = first_token(narrow, edited)
    # No checkpoint lies before the edit where a past cannot be cut.
    assert cached == (0 if cache_of(narrow).needs_checkpoints else 350)
    assert distance(found, first_token(narrow, edited, "exact")[0]) < 0.02
    again, cached = first_token(narrow, old)
    assert cached > 0
    assert distance(again, first_token(narrow, old, "exact")[0]) < 0.02


def test_what_runs_alone_leaves_the_cache_as_it_was(engine: InProcessEngine) -> None:
    tokens = conversation(1)
    first_token(engine, tokens)
    first_token(engine, conversation(2), "exact")
    assert first_token(engine, [*tokens, 99])[1] >= len(tokens) - 1
    assert first_token(engine, [*conversation(2), 99])[1] == 0


def test_nothing_is_kept_where_there_is_no_memory_for_it(
    narrow: InProcessEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cache, "STORED_BYTES", 0)
    first_token(narrow, conversation(1))
    first_token(narrow, conversation(2))
    assert cache_of(narrow)._stored == []
    found, _ = first_token(narrow, conversation(1))
    assert distance(found, first_token(narrow, conversation(1), "exact")[0]) < 0.02


def test_what_is_kept_stays_within_its_bytes_the_latest_last(
    narrow: InProcessEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    first_token(narrow, conversation(0))
    first_token(narrow, conversation(1))
    store = cache_of(narrow)
    if not store._stored:  # a recurrent state takes no cells
        first_token(narrow, conversation(2), "exact")
    most = int(2.5 * store._stored[0].size)
    monkeypatch.setattr(cache, "STORED_BYTES", most)
    for n in range(2, 9):
        first_token(narrow, conversation(n), "fast")
        first_token(narrow, conversation(90), "exact")
        assert sum(stored.size for stored in store._stored) <= most
    assert store._stored[-1].tokens == conversation(8)


def test_a_conversation_is_kept_once_however_often_it_is_moved_out(narrow: InProcessEngine) -> None:
    tokens = conversation(1, 300)
    for n in range(4):
        tokens = [*tokens, *range(60, 70 + n)]
        first_token(narrow, tokens)
        first_token(narrow, conversation(2))
        first_token(narrow, conversation(3), "exact")
    kept = [stored.tokens for stored in cache_of(narrow)._stored]
    assert sorted(map(len, kept)) == sorted([400, len(tokens)])


def test_of_many_the_ones_used_last_are_kept(
    narrow: InProcessEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cache, "STORED_MOST", 2)

    def move_out(tokens: list[int]) -> None:
        first_token(narrow, tokens)
        first_token(narrow, conversation(90), "exact")

    move_out(conversation(1))
    move_out(conversation(2))
    move_out(conversation(3, cache.WORTH_STORING - 1))  # too short to be kept
    move_out(conversation(1))  # comes back, and goes out again
    move_out(conversation(4))
    assert [stored.tokens for stored in cache_of(narrow)._stored] == [conversation(1), conversation(4)]


def test_checkpoints_stay_within_their_bytes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cache, "QUICKLY_STORED", 0)  # so that they stay beside each other
    engine = started(tmp_path / "tiny.gguf", "recurrent")
    sequences = cache_of(engine)._sequences
    first_token(engine, conversation(0))
    size = next(len(c.state) for s in sequences for c in s.checkpoints)
    monkeypatch.setattr(cache, "CHECKPOINT_BYTES", 3 * size)
    for n in range(1, 6):
        first_token(engine, conversation(n))
    first_token(engine, [*conversation(5), *range(60, 80)])
    assert sum(len(c.state) for s in sequences for c in s.checkpoints) <= 3 * size
    assert first_token(engine, [*conversation(5), *range(60, 80), 99])[1] >= 400
    engine.close()


def endless(engine: InProcessEngine, prompt: list[int], n: int) -> Stream:
    """An answer of exactly `n` tokens."""
    vocab = engine._worker._model.vocab
    bias = {t: -math.inf for t in range(vocab.size) if vocab.ends_generation(t)}
    request = Request(id=next(ids), tokens=tuple(prompt), max_tokens=n, sampling=GREEDY, logit_bias=bias)
    return engine.submit(request)


def test_a_batch_that_is_broken_off_spoils_nothing(
    engine: InProcessEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Neither what was in that batch nor what was only kept beside it."""
    monkeypatch.setattr(cache, "QUICKLY_STORED", 0)  # so that it stays there
    running = iter(endless(engine, conversation(1, 50), 99)) if engine.info.can_cut else iter(())
    next((event for event in running if isinstance(event, TextDelta)), None)
    kept = [conversation(n, 200) for n in (4, 5, 6, 2)]
    for tokens in kept if not engine.info.can_cut else kept[-1:]:
        first_token(engine, tokens)
    asked = iter([True])
    engine._worker._scheduler._interrupted = lambda: next(asked, False)
    found, _ = first_token(engine, conversation(3, 200))
    assert next(asked, None) is None  # it was broken off
    again = [first_token(engine, [*tokens, 99])[0] for tokens in kept]
    for end in [e for e in running if isinstance(e, Finished)]:
        assert end.usage.completion_tokens == 99
    assert distance(found, first_token(engine, conversation(3, 200), "exact")[0]) < 0.02
    for tokens, probabilities in zip(kept, again, strict=True):
        assert distance(probabilities, first_token(engine, [*tokens, 99], "exact")[0]) < 0.02


def test_who_gives_way_for_want_of_room_goes_on_where_it_was(
    tmp_path: Path, kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    engine = started(tmp_path / "tiny.gguf", kind, context_size=512)
    model = engine._worker._model
    decode, evaluated = model.decode, [0]

    def counting(batch: Batch) -> int:
        status = decode(batch)
        evaluated[0] += batch.size if status == 0 else 0
        return status

    monkeypatch.setattr(model, "decode", counting)
    for stream in [endless(engine, conversation(n, 200), 130) for n in range(2)]:
        end = list(stream)[-1]
        assert isinstance(end, Finished)
        assert end.usage.completion_tokens == 130
        assert end.usage.cached_tokens == 0
    assert evaluated[0] <= 2 * (200 + 130)
    engine.close()


def test_want_of_memory_costs_only_what_would_have_been_kept(
    narrow: InProcessEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_args: object, **_options: object) -> None:
        raise MemoryError

    monkeypatch.setattr(narrow._worker._model, "save", refuse)
    for n in range(3):
        first_token(narrow, conversation(n))
    found, cached = first_token(narrow, conversation(0))
    assert cached == 0
    assert distance(found, first_token(narrow, conversation(0), "exact")[0]) < 0.02


def test_what_cannot_be_kept_in_its_longer_form_stays_in_the_shorter(
    narrow: InProcessEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    first_token(narrow, conversation(0, 200))
    first_token(narrow, conversation(1), "exact")
    short = cache_of(narrow)._stored[0]
    first_token(narrow, [*conversation(0, 200), *conversation(2, 200)])
    monkeypatch.setattr(cache, "STORED_BYTES", short.size)
    first_token(narrow, conversation(1), "exact")
    assert [stored.size <= short.size for stored in cache_of(narrow)._stored] == [True]
    assert cache_of(narrow)._stored[0].tokens[:200] == conversation(0, 200)


def test_a_lone_answer_has_the_context_to_itself(tmp_path: Path) -> None:
    engine = started(tmp_path / "tiny.gguf", "plain")
    for prompt in (conversation(0, 300), conversation(1, 300), [*conversation(1, 200), 99]):
        first_token(engine, prompt)
        assert [s.tokens for s in cache_of(engine)._sequences if s.tokens] == [prompt]
    # Nothing was lost by it.
    assert first_token(engine, [*conversation(0, 300), 99])[1] == 300
    assert first_token(engine, [*conversation(1, 300), 99])[1] == 300
    engine.close()


def test_what_takes_long_to_move_stays_until_its_cells_are_needed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cache, "QUICKLY_STORED", 0)
    engine = started(tmp_path / "tiny.gguf", "plain", context_size=1024)
    for n in range(3):
        first_token(engine, conversation(n, 300))
    assert cache_of(engine)._stored == []
    for n in range(3, 5):
        first_token(engine, conversation(n, 300))
    assert [stored.tokens for stored in cache_of(engine)._stored] == [conversation(n, 300) for n in range(2)]
    engine.close()


def test_siblings_of_a_conversation_that_was_moved_out_share_what_comes_back(tmp_path: Path) -> None:
    engine = started(tmp_path / "tiny.gguf", "plain", context_size=512)
    shared = conversation(1, 300)
    first_token(engine, shared)
    first_token(engine, conversation(2))
    streams = [
        engine.submit(Request(id=next(ids), tokens=(*shared, 60 + n), max_tokens=8, sampling=GREEDY))
        for n in range(3)
    ]
    for stream in streams:
        end = list(stream)[-1]
        assert isinstance(end, Finished)
        assert end.usage.cached_tokens == 300
    engine.close()
