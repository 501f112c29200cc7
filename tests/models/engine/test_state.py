"""Models whose past cannot be cut, or is only partly kept, answer as after a fresh evaluation."""

from __future__ import annotations

import math
import random
from collections.abc import Iterator
from itertools import count, pairwise
from pathlib import Path

import pytest
import tiny_models

from models.engine.client import InProcessEngine, Stream
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
def engine(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[InProcessEngine]:
    path = tmp_path / "tiny.gguf"
    MAKERS[request.param](path)
    engine = InProcessEngine.start(LoadOptions(path=str(path), context_size=2048, parallel=3, batch_size=64))
    yield engine
    engine.close()


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
