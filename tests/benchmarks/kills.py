"""Many kills of the app and of its engines: `uv run python tests/benchmarks/kills.py [N] [SEED]`.

N (200 when not given) kills of the app while it streams, and a tenth as many of the engine under the
window. It stops at the first broken promise with what was found; the same code runs in `tests/flows`.
"""

from __future__ import annotations

import os
import random
import statistics
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")
sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from flows.kills import PROMISED_S, AppKiller, kill_engine
from flows.story import Story

FOLDERS_OF = 50
"""Kills in one data folder before a fresh one is taken."""
FAULT_S = 1.0


def kill_apps(folder: Path, count: int, seed: int) -> None:
    """Kill the app `count` times and print what was lost."""
    kills = []
    began = time.monotonic()
    for n in range(count):
        if n % FOLDERS_OF == 0:
            killer = AppKiller(folder / f"data-{n}", seed=seed + n)
        kills.append(killer.kill(stall=n % 5 == 4))
        print(f"\r  {n + 1} of {count}", end="", flush=True)
    print(f"\r  {count} kills of the app in {time.monotonic() - began:.0f} s,", end=" ")
    print(f"{sum(kill.streaming for kill in kills)} of them in the middle of an answer;", end=" ")
    print(f"{sum(kill.shown for kill in kills)} texts shown, every acknowledged message kept, no engine left")
    tell("age of the oldest text that was lost", [kill.lost_s for kill in kills], PROMISED_S)
    print(f"  until the engine's process was gone: longest {max(kill.ended_s for kill in kills):.2f} s")


def kill_engines(folder: Path, count: int, seed: int) -> None:
    """Kill the engine under one window `count` times and print how soon the fault was shown."""
    story = Story(folder / "engines")
    rng = random.Random(seed)
    kills = []
    for _ in range(count):
        kills.append(kill_engine(story, rng))
        story.do("new_chat")
        story.until(lambda: story.panel.is_new, "a new chat")
    story.close()
    print(f"  {count} kills of the engine: shown text kept and marked, restarted each time")
    tell("until the fault was shown", [kill.fault_s for kill in kills], FAULT_S)


def tell(what: str, seconds: Sequence[float], at_most: float) -> None:
    """Print the longest of some times with what is asked of it."""
    met = "met" if max(seconds) <= at_most else "NOT MET"
    median = statistics.median(seconds)
    print(f"  {what}: longest {max(seconds):.2f} s (at most {at_most}: {met}), median {median:.2f} s")


if __name__ == "__main__":
    count = int(sys.argv[1]) if len(sys.argv) > 1 else 200
    seed = int(sys.argv[2]) if len(sys.argv) > 2 else random.randrange(1 << 20)
    print(f"kills: seed {seed}")
    with tempfile.TemporaryDirectory(prefix="rolltop-kills-") as place:
        kill_apps(Path(place), count, seed)
        kill_engines(Path(place), max(1, count // 10), seed)
