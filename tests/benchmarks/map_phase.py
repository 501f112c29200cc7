"""The map phase of a long summary: `uv run python tests/benchmarks/map_phase.py [--model FILE]`.

N parts of a text, each after the same instruction, with an answer of fixed length to each. Compared are
seconds for all of them, in turn:

- one by one, each alone in an emptied context (mode "exact"): instruction, part and answer N times;
- one by one, where the instruction's tokens are reused from the one before;
- in one `Engine.batch` of patient requests: the instruction is evaluated once, answers are decoded together.
"""

from __future__ import annotations

import argparse
import math
import statistics
import time
from itertools import count

from models.engine.client import Engine, ProcessEngine
from models.engine.protocol import Failed, Finished, LoadOptions, Request, Sampling, TextDelta
from models.library import Library

ids = (f"bench-{n}" for n in count())

INSTRUCTION = (
    "Summarize the part of the text below for a reader in a hurry. Keep names, numbers and dates. "
    "Say only what the text says. Write plain sentences, without a heading and without a list. "
)
SENTENCES = (
    "The keeper of station {n} walked down to the sea at {n} o'clock and listened. ",
    "He heard {n} bells from the east, and wrote them into a green book. ",
    "The weather of day {n} was clear, with wind from the north and a low tide. ",
    "A ship named Aurora {n} passed the cape and asked for the time. ",
)


def prompts(engine: Engine, parts: int, instruction: int, length: int, again: int) -> list[tuple[int, ...]]:
    """The prompts of one round; nothing of them is in the cache from a round before."""
    head = engine.tokenize(f"Round {again}. " + INSTRUCTION * 8)[:instruction]
    made = []
    for part in range(parts):
        text = "".join(SENTENCES[n % 4].format(n=100 * part + n) for n in range(length // 8))
        made.append((*head, *engine.tokenize(f"\n\nPart {part}. {text}")[:length]))
    return made


def requests(engine: Engine, made: list[tuple[int, ...]], n: int, **options: object) -> list[Request]:
    ends = engine.tokenize("<|im_end|><|endoftext|>", special=True)
    bias = dict.fromkeys(ends, -math.inf)
    greedy = Sampling(temperature=0)
    return [
        Request(id=next(ids), tokens=tokens, max_tokens=n, sampling=greedy, logit_bias=bias, **options)  # type: ignore[arg-type]
        for tokens in made
    ]


def run(engine: Engine, batches: list[list[Request]]) -> tuple[float, list[str]]:
    """Seconds for these batches, one after the other, and the answers."""
    texts: dict[str, str] = {}
    start = time.perf_counter()
    for batch in batches:
        for event in engine.batch(batch):
            assert not isinstance(event, Failed), event
            if isinstance(event, TextDelta):
                texts[event.id] = texts.get(event.id, "") + event.text
            elif isinstance(event, Finished):
                assert event.usage.completion_tokens == batch[0].max_tokens
    return time.perf_counter() - start, list(texts.values())


def main() -> None:
    """Run the rounds and print the ratios."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--model", default=str(Library([]).starter().path))
    parser.add_argument("--parts", type=int, default=12)
    parser.add_argument("--instruction", type=int, default=150)
    parser.add_argument("--length", type=int, default=400)
    parser.add_argument("--tokens", type=int, default=48)
    parser.add_argument("--parallel", type=int, default=LoadOptions(path="").parallel)
    parser.add_argument("--rounds", type=int, default=3)
    o = parser.parse_args()
    engine = ProcessEngine.start(LoadOptions(path=o.model, context_size=8192, parallel=o.parallel))
    print(
        f"{engine.info.name} {engine.info.quantization}: {o.parts} parts of {o.length} tokens after an "
        f"instruction of {o.instruction}, {o.tokens} tokens of answer each"
    )
    rows, same = [], 0
    for again in range(o.rounds):
        made = prompts(engine, o.parts, o.instruction, o.length, again)
        exact, texts = run(engine, [[r] for r in requests(engine, made, o.tokens, mode="exact")])

        together, batched = run(engine, [requests(engine, made, o.tokens, patient=True)])
        # A round of its own, since all of the one before is in the cache now.
        other = prompts(engine, o.parts, o.instruction, o.length, again + 1000)
        reused, _ = run(engine, [[r] for r in requests(engine, other, o.tokens)])
        rows.append((exact, reused, together))
        same += sum(a == b for a, b in zip(texts, batched, strict=True))
        print(f"  one by one {exact:.1f} s, prefix reused {reused:.1f} s, in one batch {together:.1f} s")
    engine.close()
    for column, what in enumerate(("one by one, each from an empty context", "one by one, prefix reused")):
        ratios = [row[column] / row[2] for row in rows]
        print(f"  {what} / in one batch: {statistics.median(ratios):.2f}")
    print(f"  {same} of {o.parts * o.rounds} answers in the batch are those of one by one, to the letter")


if __name__ == "__main__":
    main()
