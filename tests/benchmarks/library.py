"""How long a scan of many models takes: `uv run python tests/benchmarks/library.py [N]`.

N (500) files with headers like real ones: vocabularies of 32,000 to 256,000 tokens with their merges,
and the tensors of a model of 32 layers. Cold reads every header; warm asks each file for its size
and time alone, in the same program and after a restart.
"""

from __future__ import annotations

import os
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import numpy as np
from gguf import GGUFWriter
from tiny_models import CHATML

from models.library import Library

VOCABULARIES = (32_000, 128_256, 151_936, 256_000)
LAYERS = 32
ROUNDS = 5
AT_MOST = 15.0
"""A warm scan / looking at each file with os.walk and os.stat."""


def header(path: Path, tokens: int) -> None:
    """Write the header of a model with that many tokens; its weights are a hole."""
    writer = GGUFWriter(path, "llama")
    writer.add_name(path.stem)
    writer.add_context_length(131_072)
    writer.add_embedding_length(4096)
    writer.add_block_count(LAYERS)
    writer.add_file_type(15)
    writer.add_tokenizer_model("gpt2")
    words = [f"Ġtoken{number:x}" for number in range(tokens)]
    writer.add_token_list(words)
    writer.add_token_types([1] * tokens)
    writer.add_token_merges([f"Ġtok {word[4:]}" for word in words])
    writer.add_chat_template(CHATML * 20)
    for layer in range(LAYERS):
        for part in (
            "attn_q",
            "attn_k",
            "attn_v",
            "attn_output",
            "ffn_up",
            "ffn_down",
            "ffn_gate",
            "attn_norm",
            "ffn_norm",
        ):
            writer.add_tensor_info(f"blk.{layer}.{part}.weight", (64, 64), np.dtype(np.float16), 64 * 64 * 2)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_ti_data_to_file()
    writer.close()
    os.truncate(path, path.stat().st_size + LAYERS * 9 * 64 * 64 * 2 + 4096)


def fill(folder: Path, count: int) -> None:
    """Lay out `count` models as publisher/repo/file."""
    made: dict[int, bytes] = {}
    for tokens in VOCABULARIES:
        header(folder / "made", tokens)
        made[tokens] = (folder / "made").read_bytes()
        (folder / "made").unlink()
    for number in range(count):
        repo = folder / f"publisher-{number % 20}" / f"Model-{number // 4}-GGUF"
        repo.mkdir(parents=True, exist_ok=True)
        data = made[VOCABULARIES[number % len(VOCABULARIES)]]
        # Other weights, so that none is a copy of another.
        (repo / f"Model-{number // 4}-Q{number % 4 + 4}_K_M.gguf").write_bytes(
            data[:-8] + number.to_bytes(8, "little")
        )


def walk(folder: Path) -> int:
    """Look at every file, as plainly as can be."""
    return sum(os.stat(os.path.join(at, name)).st_size for at, _, names in os.walk(folder) for name in names)


def median(what: Callable[[], object]) -> float:
    """Seconds that something takes."""
    times = []
    for _ in range(ROUNDS):
        began = time.perf_counter()
        what()
        times.append(time.perf_counter() - began)
    return statistics.median(times)


def main(count: int) -> None:
    """Print the figures."""
    with tempfile.TemporaryDirectory() as name:
        folder, cache = Path(name, "models"), Path(name, "headers.bin")
        folder.mkdir()
        fill(folder, count)
        library = Library([folder], with_starter=False, cache=cache)
        began = time.perf_counter()
        models = library.scan()
        cold = time.perf_counter() - began
        assert len(models) == count, (len(models), library.problems[:3])
        plain = median(lambda: walk(folder))
        warm = median(library.scan)
        restarted = median(lambda: Library([folder], with_starter=False, cache=cache).scan())
        tokens = sum(VOCABULARIES) / len(VOCABULARIES)
        print(f"  {count} models, {tokens:,.0f} tokens on average; cache {cache.stat().st_size / 1e6:.1f} MB")
        print(f"  cold: {cold:.2f} s, {cold / count * 1e3:.1f} ms a model")
        print(f"  os.walk and os.stat: {plain * 1e3:.1f} ms")
        for what, took in (("warm", warm), ("after a restart", restarted)):
            print(f"  {what}: {took * 1e3:.1f} ms, {took / plain:.1f} times that (at most {AT_MOST})")


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 500)
