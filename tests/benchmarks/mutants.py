"""Damaged GGUF files by the thousand: `uv run python tests/benchmarks/mutants.py [N] [FIRST SEED]`.

Reads N (100,000 when not given) mutated headers in watched child processes, and loads a thousandth of
that many mutants, at least 20, with the real engine. It ends with 1 when a promise was broken, and
names the seeds; `tests/models/test_gguf_mutants.py` runs the same code on fewer.
"""

from __future__ import annotations

import sys
import tempfile
import time
from collections import Counter
from pathlib import Path

import psutil

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from mutate import Tally, engine_outcome, runnable_mutants, sources, survey, write_sources


def read_many(count: int, first: int) -> list[str]:
    """Read mutated headers and print what became of them; gives the faults."""
    tally = Tally()
    began = time.monotonic()
    for done, tally in survey(count, first):  # noqa: B007  the last is printed
        print(f"\r  {done:,} of {count:,}", end="", flush=True)
    print(f"\r  {count:,} mutated headers in {time.monotonic() - began:.0f} s")
    table("read_header", tally.outcomes)
    table("Library.get, every fourth", tally.library)
    print(f"  slowest to read: {tally.slowest_s:.2f} s ({tally.slowest})")
    print(f"  most memory to read one: {tally.peak_bytes / (1 << 20):.1f} MiB")
    print(f"  crashes, hangs and unnamed errors: {len(tally.faults)}")
    return tally.faults


def run_some(count: int) -> list[str]:
    """Load mutants with the real engine and print what became of them; gives the faults."""
    outcomes: Counter[str] = Counter()
    faults = []
    began = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="rolltop-mutants-") as place:
        folder = Path(place)
        write_sources(folder)
        sound = sources(folder, runnable=True)
        path = folder / "mutant.gguf"
        for n, made in enumerate(runnable_mutants(sound, count, path)):
            outcome = engine_outcome(path)
            outcomes[outcome] += 1
            if outcome == "HANG" or psutil.Process().children():
                faults.append(f"{made}: {outcome}, left {psutil.Process().children()}")
            print(f"\r  {n + 1} of {count}", end="", flush=True)
    print(f"\r  {count} mutants loaded by the engine in {time.monotonic() - began:.0f} s")
    table("half of them pass read_header", outcomes)
    print(f"  hangs, processes left: {len(faults)}")
    return faults


def table(title: str, outcomes: dict[str, int]) -> None:
    """Print how often each came, the most frequent first."""
    print(f"  {title}:")
    for outcome, count in Counter(outcomes).most_common():
        print(f"    {count:8,}  {outcome}")


if __name__ == "__main__":
    number = int(sys.argv[1]) if len(sys.argv) > 1 else 100_000
    found = read_many(number, int(sys.argv[2]) if len(sys.argv) > 2 else 0)
    found += run_some(max(20, number // 1000))
    for fault in found:
        print(f"  FAULT {fault}")
    sys.exit(1 if found else 0)
