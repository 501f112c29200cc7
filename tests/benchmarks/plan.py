"""The memory plan beside what was really used: `uv run python tests/benchmarks/plan.py [NAME...]`.

Each row is a fresh engine whose context is filled to the last tokens, so that every page it will ever
touch has been touched; measured is the peak of its process as the system counts it. The starter comes
first, then made-up models of half a gigabyte and more, with random weights.
"""

from __future__ import annotations

import random
import sys
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from typing import Any

import numpy as np
from gguf import GGMLQuantizationType as Type
from gguf import GGUFWriter, TokenType

from models.engine.client import ProcessEngine
from models.engine.protocol import Finished, LoadOptions, Request, Sampling
from models.fit import Machine, Plan, plan
from models.gguf import read_header
from models.library import Library
from models.shape import shape_of

ROOMY = Machine(ram_free=1 << 40, ram_total=1 << 40)
"""What fits is not the question here."""
MIB = 1 << 20
ASKED = 0.1
LEFT = 16
"""Tokens of the context that the prompt leaves for an answer."""
ids = (f"plan-{n}" for n in count())


@dataclass(frozen=True)
class Measured:
    """What a process held in RAM, in bytes: at its peak, and when the model was loaded."""

    peak: int
    loaded: int


def measure(options: LoadOptions) -> Measured:
    """Load a model, fill its context, and see what that took."""
    engine = ProcessEngine.start(options)
    try:
        loaded = _status(engine.pid, "VmRSS")
        size = min(options.context_size, engine.info.context_length) - LEFT
        tokens = random.Random(7).choices(range(300, min(engine.info.vocab_size, 30_000)), k=size)
        greedy = Sampling(temperature=0)
        request = Request(id=next(ids), tokens=tuple(tokens), max_tokens=LEFT // 2, sampling=greedy)
        end = list(engine.submit(request))[-1]
        assert isinstance(end, Finished)
        assert end.usage.prompt_tokens == size
        return Measured(peak=_status(engine.pid, "VmHWM"), loaded=loaded)
    finally:
        engine.close()


def planned(options: LoadOptions) -> Plan:
    """The plan of the same, from the file's header."""
    return plan(shape_of(read_header(Path(options.path))), ROOMY, options)


def _status(pid: int, key: str) -> int:
    """One value of a process's status in bytes (Linux alone tells the peak of another process)."""
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith(f"{key}:"):
            return int(line.split()[1]) * 1024
    raise KeyError(key)


# ---------------------------------------------------------------- made-up models


@dataclass(frozen=True)
class MadeUp:
    """A model with random weights. `window`: tokens of a sliding window, for gemma3."""

    name: str
    architecture: str
    type: Type
    layers: int
    width: int
    feed_forward: int
    heads: int
    kv_heads: int
    head: int
    vocabulary: int
    tied: bool = False
    window: int = 0
    context_length: int = 8192

    def write(self, folder: Path) -> Path:
        """Write it and return its path."""
        path = folder / f"{self.name}.gguf"
        writer = GGUFWriter(path, self.architecture)
        writer.add_context_length(self.context_length)
        writer.add_embedding_length(self.width)
        writer.add_block_count(self.layers)
        writer.add_feed_forward_length(self.feed_forward)
        writer.add_head_count(self.heads)
        writer.add_head_count_kv(self.kv_heads)
        writer.add_key_length(self.head)
        writer.add_value_length(self.head)
        writer.add_rope_dimension_count(self.head)
        writer.add_layer_norm_rms_eps(1e-5)
        if self.window:
            writer.add_sliding_window(self.window)
        self._write_vocabulary(writer)
        for name, shape in self._tensors():
            if len(shape) == 1:
                writer.add_tensor(name, np.ones(shape, np.float32))
            else:
                writer.add_tensor(name, _random(self.type, *shape), raw_dtype=self.type)
        writer.write_header_to_file()
        writer.write_kv_data_to_file()
        writer.write_tensors_to_file()
        writer.close()
        return path

    def _write_vocabulary(self, writer: GGUFWriter) -> None:
        tokens = ["<unk>", *(f"<0x{byte:02X}>" for byte in range(256))]
        tokens += [f"▁w{n}" for n in range(self.vocabulary - len(tokens))]
        kinds = [TokenType.UNKNOWN] + [TokenType.BYTE] * 256
        kinds += [TokenType.NORMAL] * (self.vocabulary - len(kinds))
        writer.add_tokenizer_model("llama")
        writer.add_token_list(tokens)
        writer.add_token_types([int(kind) for kind in kinds])
        writer.add_token_scores([0.0] * self.vocabulary)
        writer.add_bos_token_id(1)
        writer.add_eos_token_id(2)

    def _tensors(self) -> Iterator[tuple[str, tuple[int, ...]]]:
        wide, narrow = self.heads * self.head, self.kv_heads * self.head
        yield "token_embd.weight", (self.vocabulary, self.width)
        yield "output_norm.weight", (self.width,)
        if not self.tied:
            yield "output.weight", (self.vocabulary, self.width)
        for n in range(self.layers):
            norms = ["attn_norm", "ffn_norm"]
            norms += ["post_attention_norm", "post_ffw_norm"] if self.architecture == "gemma3" else []
            for norm in norms:
                yield f"blk.{n}.{norm}.weight", (self.width,)
            if self.architecture == "gemma3":
                yield f"blk.{n}.attn_q_norm.weight", (self.head,)
                yield f"blk.{n}.attn_k_norm.weight", (self.head,)
            if self.architecture == "qwen2":
                yield f"blk.{n}.attn_q.bias", (wide,)
                yield f"blk.{n}.attn_k.bias", (narrow,)
                yield f"blk.{n}.attn_v.bias", (narrow,)
            yield f"blk.{n}.attn_q.weight", (wide, self.width)
            yield f"blk.{n}.attn_k.weight", (narrow, self.width)
            yield f"blk.{n}.attn_v.weight", (narrow, self.width)
            yield f"blk.{n}.attn_output.weight", (self.width, wide)
            yield f"blk.{n}.ffn_gate.weight", (self.feed_forward, self.width)
            yield f"blk.{n}.ffn_up.weight", (self.feed_forward, self.width)
            yield f"blk.{n}.ffn_down.weight", (self.width, self.feed_forward)


def _random(kind: Type, rows: int, columns: int) -> np.ndarray[Any, Any]:
    """Weights near zero in the file's own form."""
    numbers = np.random.default_rng(rows + columns)
    if kind == Type.F16:
        return (numbers.standard_normal((rows, columns), np.float32) * columns**-0.5).astype(np.float16)
    data = {Type.Q4_0: 16, Type.Q8_0: 32}[kind]  # bytes of a block of 32 weights, after its scale
    blocks = np.empty((rows, columns // 32), [("scale", np.float16), ("data", np.uint8, (data,))])
    blocks["scale"] = columns**-0.5 / 8
    blocks["data"] = numbers.integers(0, 256, blocks["data"].shape, np.uint8)
    return blocks.view(np.uint8)


LLAMA = MadeUp("llama-0.7B-Q4_0", "llama", Type.Q4_0, 18, 1536, 6144, 24, 8, 64, 32_000)
QWEN = MadeUp("qwen2-0.4B-F16-tied", "qwen2", Type.F16, 16, 896, 4864, 14, 2, 64, 152_064, tied=True)
GEMMA = MadeUp("gemma3-0.6B-Q8_0", "gemma3", Type.Q8_0, 18, 1152, 4608, 4, 1, 256, 262_144, True, 256)
MODELS = (LLAMA, QWEN, GEMMA)


# ---------------------------------------------------------------- the table


def rows(path: Path, settings: Sequence[tuple[int, str, bool | None]]) -> None:
    """Print a row for each context, type of the cache and choice of flash attention."""
    for context_size, kv_type, flash in settings:
        options = LoadOptions(
            path=str(path), context_size=context_size, kv_type=kv_type, flash_attention=flash
        )
        expected, seen = planned(options), measure(options)
        parts = [size / MIB for part, size in expected.host.parts if part != "mmproj"]
        ratio, at_load = expected.peak / seen.peak, expected.loaded / seen.loaded
        met = "met" if abs(ratio - 1) <= ASKED else "NOT MET"
        name = path.stem.replace(".Q4_1", "")[:24]
        attention = {None: "auto", True: "on", False: "off"}[flash]
        print(f"{name:24} {context_size:6} {kv_type:5} {attention:4}", end="")
        print("".join(f"{part:9.1f}" for part in (*parts, expected.host.passing / MIB)), end="")
        print(f"{expected.peak / MIB:10.1f}{seen.peak / MIB:10.1f}{ratio:7.3f} {met:8}{at_load:6.3f}")


def head() -> None:
    """Print what the columns are, in MiB."""
    print(f"{'model':24} {'context':>6} {'kv':4} {'flash':4}", end="")
    print("".join(f"{part:>9}" for part in ("weights", "cache", "compute", "process", "passing")), end="")
    print(f"{'planned':>10}{'measured':>10}{'ratio':>7} {'(±10%)':8}{'loaded':>6}")


if __name__ == "__main__":
    wanted = sys.argv[1:]
    head()
    if not wanted or "starter" in wanted:
        every = [(size, kind, None) for kind in ("f16", "q8_0") for size in (512, 2048, 8192)]
        rows(Library([]).starter().path, [*every, (2048, "q4_0", True), (2048, "f16", False)])
    for model in MODELS:
        if not wanted or model.name in wanted:
            with tempfile.TemporaryDirectory(prefix="rolltop-plan-") as folder:
                rows(model.write(Path(folder)), [(512, "f16", None), (2048, "q8_0", None)])
    for path in (Path(name) for name in wanted if name.endswith(".gguf")):
        rows(path.resolve(), [(512, "f16", None), (2048, "q8_0", None)])
