"""Speed of the engine as ratios, each from one run: `uv run python tests/benchmarks/engine.py [NAME...]`.

Rounds of the two things alternate, and the median of the rounds' ratios is printed with what is
asked of it. Nothing here is a test: these numbers are for a person on a quiet machine.
"""

from __future__ import annotations

import math
import os
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from itertools import count, pairwise
from unittest.mock import patch

import llama_cpp

from models.engine.client import Engine, ProcessEngine
from models.engine.llama import Batch, Model, has_amx
from models.engine.protocol import (
    Chat,
    Finished,
    LoadOptions,
    Message,
    PromptProgress,
    Request,
    Sampling,
    TextDelta,
)
from models.library import Library

PATH = str(Library([]).starter().path)
GREEDY = Sampling(temperature=0)
TOKENS = 200
ROUNDS = 7
MANY_ROUNDS = 15
ids = (f"bench-{n}" for n in count())


def chat(*turns: str) -> Chat:
    roles = ("user", "assistant")
    return Chat(messages=tuple(Message(role=roles[i % 2], content=t) for i, t in enumerate(turns)))  # type: ignore[arg-type]


STORY = chat("Write a long story about a lighthouse keeper who collects lost sounds.")


def no_end(engine: Engine) -> dict[int, float]:
    """Forbid the end of the text, so that all runs are of one length."""
    ends = engine.tokenize("<|im_end|><|endoftext|>", special=True)
    return dict.fromkeys(ends, -math.inf)


def generate(engine: Engine, tokens: Sequence[int], n: int, **options: object) -> Finished:
    """Read one answer to its end."""
    request = Request(id=next(ids), tokens=tuple(tokens), max_tokens=n, sampling=GREEDY, **options)  # type: ignore[arg-type]
    end = list(engine.submit(request))[-1]
    assert isinstance(end, Finished)
    return end


def bare_loop(model: Model, tokens: Sequence[int], n: int) -> float:
    """Tokens per second of a plain loop over the low-level API, greedy, after the first token."""
    model.drop_all()
    batch = Batch(512)
    sampler = model.sampler(Request(id="bare", tokens=(), sampling=GREEDY), [])
    last = batch.add(tokens, 0, 0) + len(tokens) - 1
    batch.outputs[last] = 1
    model.decode(batch)
    token, _ = sampler.sample(last, model.logits)
    start = time.perf_counter()
    for position in range(len(tokens), len(tokens) + n - 1):
        batch.clear()
        batch.add([token], position, 0)
        batch.outputs[0] = 1
        model.decode(batch)
        token, _ = sampler.sample(0, model.logits)
        model.vocab.piece(token)
    seconds = time.perf_counter() - start
    sampler.close()
    return (n - 1) / seconds


def high_level(llm: llama_cpp.Llama, n: int) -> float:
    """Tokens per second of `create_chat_completion(stream=True)`, greedy, after the first token."""
    messages = [{"role": m.role, "content": m.content} for m in STORY.messages]
    bias = {str(t): -1e9 for t in (llm.token_eos(), 0)}
    stamps = [
        time.perf_counter()
        for chunk in llm.create_chat_completion(
            messages, stream=True, max_tokens=n, temperature=0, top_k=1, repeat_penalty=1.0, logit_bias=bias
        )
        if chunk["choices"][0]["delta"].get("content")
    ]
    return (len(stamps) - 1) / (stamps[-1] - stamps[0])


def high_level_model() -> llama_cpp.Llama:
    """llama-cpp-python's own class, with the weights laid out as the engine's; it has no option for that."""
    defaults = llama_cpp.llama_cpp.llama_model_default_params

    def params() -> llama_cpp.llama_model_params:
        chosen = defaults()
        chosen.use_extra_bufts = not has_amx()
        return chosen

    with patch.object(llama_cpp.llama_cpp, "llama_model_default_params", params):
        return llama_cpp.Llama(PATH, n_ctx=4096, n_batch=512, verbose=False)


def single_stream() -> None:
    """One answer through the child process."""
    engine = ProcessEngine.start(LoadOptions(path=PATH))
    model = Model(LoadOptions(path=PATH))
    llm = high_level_model()
    tokens, bias = engine.render(STORY).tokens, no_end(engine)
    rows = []
    for _ in range(MANY_ROUNDS):
        rows.append(
            (
                generate(engine, tokens, TOKENS, logit_bias=bias).timings.tokens_per_second,
                bare_loop(model, tokens, TOKENS),
                high_level(llm, TOKENS),
            )
        )
    engine.close()
    model.close()
    llm.close()
    child, bare, high = (statistics.median(column) for column in zip(*rows, strict=True))
    print(f"  child {child:.0f}, bare loop {bare:.0f}, create_chat_completion {high:.0f} tokens/s")
    tell("child process / bare loop", [c / b for c, b, _ in rows], at_least=0.96)
    tell("child process / create_chat_completion", [c / h for c, _, h in rows], at_least=1.05)


def beside_others() -> None:
    """An answer while another program keeps one core busy."""
    engine = ProcessEngine.start(LoadOptions(path=PATH))
    tokens, bias = engine.render(STORY).tokens, no_end(engine)
    rows = []
    for _ in range(ROUNDS):
        alone = generate(engine, tokens, 50, logit_bias=bias).timings.tokens_per_second
        with subprocess.Popen([sys.executable, "-c", "while True: pass"]) as other:
            beside = generate(engine, tokens, 50, logit_bias=bias).timings.tokens_per_second
            other.kill()
        rows.append((alone, beside))
    engine.close()
    alone, beside = (statistics.median(column) for column in zip(*rows, strict=True))
    print(f"  alone {alone:.0f}, beside a busy program {beside:.1f} tokens/s, {os.cpu_count()} cores")
    tell("beside a busy program / alone", [b / a for a, b in rows], at_least=0.1)


def follow_up() -> None:
    """Time to the first token of a follow-up in a 3,000-token conversation."""
    engine = ProcessEngine.start(LoadOptions(path=PATH))
    model = Model(LoadOptions(path=PATH))
    turns = ["The keeper walked down to the sea and listened. " * 290, "He heard a bell.", ""]
    before = engine.render(Chat(messages=chat(*turns[:1]).messages))
    base = [*before.tokens, *engine.tokenize(turns[1])]
    ratios = []
    for n in range(ROUNDS):
        turns[2] = f"And what did he do then, at {n} o'clock, when the light went out?"
        end = generate(engine, before.tokens, 1)
        start = time.perf_counter()
        prompt = engine.render(chat(*turns))
        stream = engine.submit(Request(id=next(ids), tokens=prompt.tokens, max_tokens=1, sampling=GREEDY))
        next(e for e in stream if isinstance(e, TextDelta))
        first = time.perf_counter() - start
        end = list(stream)[-1]
        assert isinstance(end, Finished)
        new = len(prompt.tokens) - end.usage.cached_tokens
        ratios.append(first / only_new(model, prompt.tokens, new))
    print(f"  prompt {len(prompt.tokens)} tokens, {new} of them new (conversation {len(base)})")
    engine.close()
    model.close()
    tell("render + submit + first token / evaluating the new tokens", ratios, at_most=1.2)


def only_new(model: Model, tokens: Sequence[int], new: int) -> float:
    """Seconds to evaluate the last `new` tokens and sample, the others being in memory."""
    batch = Batch(512)
    old = len(tokens) - new
    if model.last_position(0) < old - 1 or not model.keep(0, old):
        model.drop_all()
        for at in range(0, old, 512):
            batch.clear()
            batch.add(tokens[at : min(at + 512, old)], at, 0)
            model.decode(batch)
    sampler = model.sampler(Request(id="bare", tokens=(), sampling=GREEDY), [])
    start = time.perf_counter()
    batch.clear()
    batch.add(tokens[old:], old, 0)
    batch.outputs[new - 1] = 1
    model.decode(batch)
    sampler.sample(new - 1, model.logits)
    seconds = time.perf_counter() - start
    sampler.close()
    return seconds


def come_back() -> None:
    """Returning to a conversation after another one took its place in the context."""
    engine = ProcessEngine.start(LoadOptions(path=PATH, context_size=4096))
    ratios = []
    for n in range(3):
        first, second = (
            engine.tokenize(f"{who} {n}: " + "the keeper walked down to the sea and listened " * 300)[:2500]
            for who in ("Anna", "Ben")
        )
        afresh = generate(engine, first, 1).timings.first_token_s
        generate(engine, second, 1)
        end = generate(engine, [*first, *second[:17]], 1)
        ratios.append(end.timings.first_token_s / afresh)
    engine.close()
    print(f"  {end.usage.cached_tokens} of {end.usage.prompt_tokens} tokens were still known")
    print(f"  first token after {1000 * end.timings.first_token_s:.0f} ms, afresh {1000 * afresh:.0f} ms")
    tell("coming back / evaluating it again", ratios, at_most=0.1)


def shared_prefix() -> None:
    """Eight requests over one text of 1,000 tokens, against one by one without reuse."""
    engine = ProcessEngine.start(LoadOptions(path=PATH))
    bias = no_end(engine)
    text = "The keeper walked down to the sea and listened to the wind. " * 80
    ratios = []
    for n in range(3):
        story = f"Night {n}. " + text  # of its own, so that nothing of the round before can be reused
        prompts = [engine.render(chat(story + f"\n{i}. Say what he heard.")).tokens for i in range(8)]
        start = time.perf_counter()
        for prompt in prompts:
            generate(engine, prompt, 64, logit_bias=bias, mode="exact")
        one_by_one = time.perf_counter() - start
        start = time.perf_counter()
        streams = [
            engine.submit(Request(id=next(ids), tokens=p, max_tokens=64, sampling=GREEDY, logit_bias=bias))
            for p in prompts
        ]
        for stream in streams:
            list(stream)
        ratios.append(one_by_one / (time.perf_counter() - start))
    engine.close()
    print(f"  {len(prompts[0])} prompt tokens, 64 new ones each")
    tell("one by one without reuse / together", ratios, at_least=3.5)


def longest_gap() -> None:
    """The longest silence of a running answer while a prompt of 3,000 tokens is admitted."""
    engine = ProcessEngine.start(LoadOptions(path=PATH, context_size=8192))
    bias = no_end(engine)
    ratios, usual, chunks = [], [], []
    for n in range(5):
        long = engine.tokenize(f"{n} " + "the keeper walked down to the sea and listened " * 350)[:3000]
        stream = engine.submit(
            Request(id=next(ids), tokens=engine.render(STORY).tokens, sampling=GREEDY, logit_bias=bias)
        )
        events = iter(stream)
        while not isinstance(next(events), TextDelta):
            pass
        other = engine.submit(Request(id=next(ids), tokens=tuple(long), max_tokens=1, sampling=GREEDY))
        stamps: list[float] = []
        read = [0]  # how far the prompt is, after each of its parts
        for event in events:
            if isinstance(event, TextDelta):
                stamps.append(time.perf_counter())
            arrived = [e for e in other._answers.events if isinstance(e, PromptProgress)]
            read[1:] = [e.done for e in arrived]
            if read[-1] == len(long):
                break
        stream.cancel()
        list(events)
        list(other)
        gap = max(b - a for a, b in pairwise(stamps))
        # With the answer's own token: so many rows were evaluated at once.
        chunks.append(1 + max(b - a for a, b in pairwise(read)))
        alone = chunk_and_step(engine, long, chunks[-1])
        # The longest of many silences is like the longest chunk, noise and all, not like a usual one.
        ratios.append(gap / max(alone))
        usual.append(gap / statistics.median(alone))
    engine.close()
    print(f"  largest batches of {min(chunks)} to {max(chunks)} tokens, longest silence {1000 * gap:.0f} ms")
    tell("longest gap / one prompt chunk and one step, the longest of ten", ratios, at_most=1.0)
    tell("the same / their median", usual, at_most=1.0)


def chunk_and_step(engine: Engine, tokens: Sequence[int], chunk: int) -> list[float]:
    """Seconds for the last chunk of a prompt that is not cached, and for one step, measured alone.

    It is the last one that is timed: attention over what came before costs most there. Ten times,
    as the tokens repeat after ten, and what was evaluated once is cached.
    """
    before, last = [tokens[-1], *tokens[: -chunk - 1]], list(tokens[-chunk:])
    generate(engine, before, 1)
    times = []
    for n in range(10):
        end = generate(engine, [*before, tokens[n], *last[1:]], 2)
        times.append(end.timings.prompt_s + end.timings.decode_s)
    return times


def tell(
    what: str,
    ratios: Sequence[float],
    *,
    at_least: float | None = None,
    at_most: float | None = None,
) -> None:
    """Print a ratio with what is asked of it."""
    value = statistics.median(ratios)
    asked = f"at least {at_least}" if at_least is not None else f"at most {at_most}"
    met = value >= at_least if at_least is not None else value <= (at_most or 0)
    runs = " ".join(f"{r:.2f}" for r in ratios)
    print(f"  {what}: {value:.3f} ({asked}: {'met' if met else 'NOT MET'}; rounds {runs})")


BENCHMARKS: dict[str, Callable[[], None]] = {
    f.__name__: f for f in (single_stream, beside_others, follow_up, come_back, shared_prefix, longest_gap)
}

if __name__ == "__main__":
    for name in sys.argv[1:] or BENCHMARKS:
        print(f"{name}: {BENCHMARKS[name].__doc__}")
        BENCHMARKS[name]()
