"""Guessing from the prompt: `uv run python tests/benchmarks/speculation.py [--model FILE]`.

The same requests with and without `lookup`, over texts that are mostly copied and one that copies nothing;
prints the shortest time without over the shortest with guesses, and whether the texts were the same. All find
their prompt in the cache, so that the time is that of the answer. Each round has one more without guesses, in
changing order: how far its ratio is from 1 is the noise of the machine. Once for each type of cache: over f16
rows that are evaluated together come out otherwise than alone, so nothing can be gained there.
"""

from __future__ import annotations

import argparse
import time
from itertools import count

from models.engine.client import Engine, ProcessEngine
from models.engine.protocol import Chat, Finished, LoadOptions, Message, Request, Sampling, TextDelta
from models.library import Library

ids = (f"bench-{n}" for n in count())

STORY = (
    "The keeper of the lighthouse walked down to the sea every evening and listened. Some nights he heard "
    "bells, other nights only wind; once, in the autumn of 1911, he heard a choir. He wrote each sound into "
    "a small green book, with the hour, the weather and the direction it came from, and he never told "
    "anyone.\n\nWhen he died the book was sold for two pounds to a man named Arthur Pell, who could not read "
    "music but liked green books. Pell kept it on a shelf beside his tea tins for thirty years, and his "
    "daughter found it there in the winter after the war, between a railway timetable and a Bible with no "
    "cover."
)
ERRORS = (
    "Last summer me and my brother goes to the mountains for two week. We was staying in a small house near "
    "the lake, and every morning we swimmed before breakfast. The water were very cold but we dont mind.\n\n"
    "On the third day it start to rain, so we stay inside and played card. My brother always win, because he "
    "remember every card that have been played. I telled him that it is not fair, but he only laugh.\n\n"
    "In the end the sun come back, and we climbs the highest hill. From there you can sees three countrys."
)

TASKS = {
    "echo": f"Repeat the following text exactly, and nothing else.\n\n{STORY}",
    "grammar": f"Correct the spelling and grammar. Answer with the corrected text only.\n\n{ERRORS}",
    "no copy": "Write a story about a lighthouse keeper who collects lost sounds.",
}


def answer(engine: Engine, tokens: tuple[int, ...], n: int, *, lookup: bool) -> tuple[str, float, Finished]:
    """The text, the seconds it took, and its end."""
    request = Request(
        id=next(ids), tokens=tokens, max_tokens=n, sampling=Sampling(temperature=0), lookup=lookup
    )
    start = time.perf_counter()
    events = list(engine.submit(request))
    seconds = time.perf_counter() - start
    end = events[-1]
    assert isinstance(end, Finished)
    return "".join(event.text for event in events if isinstance(event, TextDelta)), seconds, end


def compare(engine: Engine, name: str, rounds: int, n: int) -> None:
    """Run one task in turn with and without guesses."""
    chat = Chat(messages=(Message(role="user", content=TASKS[name]),), exact=True)
    tokens = engine.render(chat).tokens
    answer(engine, tokens, 1, lookup=False)
    ways = ["plain", "guessed", "control"]
    times: dict[str, list[float]] = {way: [] for way in ways}
    texts, ends = set(), []
    for _ in range(rounds):
        for way in ways:
            text, seconds, end = answer(engine, tokens, n, lookup=way == "guessed")
            times[way].append(seconds)
            texts.add(text)
            if way == "guessed":
                ends.append(end.usage)
        ways = [*ways[1:], ways[0]]
    best = {way: min(times[way]) for way in ways}
    same = "the same text" if len(texts) == 1 else f"{len(texts)} DIFFERENT TEXTS"
    print(
        f"  {name}: {best['plain'] / best['guessed']:.2f} (control {best['plain'] / best['control']:.2f}), "
        f"{same}; {ends[-1].completion_tokens} tokens in {best['plain']:.2f} s, "
        f"{ends[-1].accepted} of {ends[-1].guessed} guesses came true"
    )


def main() -> None:
    """Run all tasks over both types of cache."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--model", default=str(Library([]).starter().path))
    parser.add_argument("--kv", nargs="*", default=["f16", "q8_0"])
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--tokens", type=int, default=220)
    options = parser.parse_args()
    for kv in options.kv:
        engine = ProcessEngine.start(LoadOptions(path=options.model, kv_type=kv, context_size=2048))
        info = engine.info
        print(f"{info.name} {info.quantization}, {info.device}, cache {kv}: seconds without / with guesses")
        for name in TASKS:
            compare(engine, name, options.rounds, options.tokens)
        engine.close()


if __name__ == "__main__":
    main()
