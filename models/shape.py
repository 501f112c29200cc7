"""What matters of a model for its memory, read from its header: layers, cache, states, widths.

Follows how llama.cpp reads the metadata of each architecture. Headers are believed as little as
anywhere: absurd numbers become a UserError, or a shape that is too big for any computer.
"""

from __future__ import annotations

import platform
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property

from models.errors import UserError
from models.gguf import ArraySummary, GGUFHeader

MAX_LAYERS = 512
"""llama.cpp's own limit."""

TOKEN_BYTES, MERGE_BYTES = 155, 160
"""What an entry of the vocabulary takes in llama.cpp's tables, and what a merge of two takes."""

_INTEL = frozenset({"Q4_0", "Q4_K", "IQ4_NL", "MXFP4"})
_ARM = _INTEL | {"Q5_K", "Q6_K", "Q8_0"}
REPACKED: Mapping[str, frozenset[str]] = {"x86_64": _INTEL, "amd64": _INTEL, "arm64": _ARM, "aarch64": _ARM}
"""Types of weights that the processor's code lays out anew, in a copy (ggml-cpu/repack.cpp), by machine."""


@dataclass(frozen=True)
class Weights:
    """Bytes of some tensors: all of them, those that the processor lays out anew, and the largest."""

    size: int = 0
    repacked: int = 0
    largest: int = 0

    def __add__(self, other: Weights) -> Weights:
        return Weights(
            self.size + other.size, self.repacked + other.repacked, max(self.largest, other.largest)
        )

    def scaled(self, size: int, known: int) -> Weights:
        """As much of `size` as this is of `known`."""
        parts = (self.size, self.repacked, self.largest)
        return Weights(*(part * size // known for part in parts))


@dataclass(frozen=True)
class Layer:
    """What matters of one layer.

    Attributes:
        keys, values: numbers that a token leaves in the cache; 0 for a layer without attention.
        windowed: whether it looks back over the sliding window only.
        state: bytes of a sequence's recurrent state.
    """

    weights: Weights = Weights()
    keys: int = 0
    values: int = 0
    windowed: bool = False
    state: int = 0


@dataclass(frozen=True)
class Shape:
    """What matters of a model for its memory.

    Attributes:
        context_length: tokens it was trained to read, 0 when unknown.
        layers: its layers; those that only predict further tokens ahead are there, and empty.
        input, output: the weights before the first layer and after the last.
        table: the input's table, where the output uses it a second time.
        width, feed_forward, queries, keys: numbers for each token between the parts of a layer, the
            largest of any layer; `feed_forward` of all experts that a token uses.
        experts: how many of them a token uses; 0 for a dense model. inner: the width of state-space layers.
        heads: the most of any layer. head: numbers of a key in one head.
        window: tokens of the sliding window. vocabulary: entries.
        tables: bytes of RAM that the vocabulary's tables take.
        recurrent: whether any layer keeps a state instead of a past. generates: it writes, not only embeds.
        size: bytes of all weights. projector: bytes of the part for images.
    """

    context_length: int
    layers: tuple[Layer, ...]
    input: Weights
    output: Weights
    table: Weights
    width: int
    feed_forward: int
    queries: int
    keys: int
    experts: int
    inner: int
    heads: int
    head: int
    window: int
    vocabulary: int
    tables: int
    recurrent: bool
    generates: bool
    projector: int = 0

    @cached_property
    def size(self) -> int:
        """Bytes of all weights in the file."""
        return sum(layer.weights.size for layer in self.layers) + self.input.size + self.output.size

    def resized(self, size: int) -> Shape:
        """The same model with weights of `size` bytes: in another type, or where a part was not read."""
        if all(layer.weights.size for layer in self.layers):
            parts = (size, self.size)
            layers = tuple(replace(layer, weights=layer.weights.scaled(*parts)) for layer in self.layers)
            others = (self.input, self.output, self.table)
            input, output, table = (weights.scaled(*parts) for weights in others)
            return replace(self, layers=layers, input=input, output=output, table=table)
        each = max(0, size - self.input.size - self.output.size) // len(self.layers)
        some = Weights(each, largest=each // 4)
        return replace(self, layers=tuple(replace(layer, weights=some) for layer in self.layers))


def shape_of(
    headers: GGUFHeader | Sequence[GGUFHeader],
    projector: GGUFHeader | None = None,
    *,
    repacked: frozenset[str] | None = None,
) -> Shape:
    """The shape of a model from its header, or from those of all its shards, the first one first.

    `repacked`: types of weights that the processor lays out anew; this computer's when None. Raises
    UserError when the header describes nothing that could be loaded.
    """
    shards = (headers,) if isinstance(headers, GGUFHeader) else tuple(headers)
    if repacked is None:
        repacked = REPACKED.get(platform.machine().lower(), frozenset())
    images = sum(tensor.size_bytes for tensor in projector.tensors) if projector is not None else 0
    return _Reading(shards, repacked).shape(images)


RECURRENT = frozenset({"mamba", "mamba2", "rwkv6", "rwkv6qwen2", "rwkv7", "arwkv7"})
HYBRID_BY_HEADS = frozenset({
    "jamba", "plamo2", "granitehybrid", "lfm2", "lfm2moe", "nemotron_h", "nemotron_h_moe", "kimi-linear",
    "bailingmoe3", "kimi-k3", "glm5-next",
})  # fmt: skip
"""Their layers without key heads are recurrent."""
HYBRID_BY_TURNS = frozenset({"qwen3next", "qwen35", "qwen35moe", "qwen4exp", "minimax-01"})
"""Every fourth of their layers has attention, unless the file tells otherwise."""
HYBRID = HYBRID_BY_HEADS | HYBRID_BY_TURNS | {"falcon-h1"}
CACHELESS = frozenset({
    "bert", "modern-bert", "nomic-bert", "nomic-bert-moe", "neo-bert", "jina-bert-v2", "jina-bert-v3",
    "eurobert", "gemma-embedding", "dream", "llada", "llada-moe", "rnd1", "t5encoder",
})  # fmt: skip
"""They read a text at once and keep nothing of it."""


@dataclass(frozen=True)
class _Window:
    """How an architecture slides its window: tokens when the file names none, and each how manyth is full."""

    tokens: int = 0
    period: int = 0
    full_first: bool = False
    fixed: bool = False


WINDOWS: Mapping[str, _Window] = {
    "afmoe": _Window(period=4), "cohere2": _Window(period=4),
    "cohere2moe": _Window(period=4, full_first=True), "dots3note": _Window(period=1),
    "exaone-moe": _Window(128, 4), "exaone4": _Window(4096, 4), "gemma2": _Window(4096, 2),
    "gemma3": _Window(period=6), "gemma3n": _Window(period=5), "gemma4": _Window(period=1),
    "gpt-oss": _Window(period=2), "granite_swa": _Window(period=1),
    "laguna": _Window(period=4, full_first=True), "lfm2": _Window(),
    "llama4": _Window(8192, 4, fixed=True), "maple": _Window(period=1), "mellum": _Window(period=4),
    "mimo2": _Window(period=1), "muse-glimmer": _Window(period=4), "olmo2": _Window(period=4),
    "plamo3": _Window(period=8), "smallthinker": _Window(4096, 4, full_first=True, fixed=True),
    "step35": _Window(period=1),
}  # fmt: skip
"""The architectures of which llama.cpp keeps only a part of the past (`load_swa_pattern`)."""


class _Reading:
    """Reads a shape out of headers."""

    def __init__(self, shards: Sequence[GGUFHeader], repacked: frozenset[str]) -> None:
        self.first = shards[0]
        self.architecture = self.first.architecture
        self.tensors = [tensor for shard in shards for tensor in shard.tensors]
        self.repacked = repacked
        self.count = self.first.layers
        if not 0 < self.count <= MAX_LAYERS or not 0 < self.first.embedding_size < 1 << 24:
            raise UserError(
                "This file does not say how large its model is.",
                hint="Choose a model that generates text, or download this one again.",
                code="bad_shape",
            )
        ahead = self.number("nextn_predict_layers")
        self.used = self.count - ahead if ahead < self.count else self.count

    def number(self, key: str, default: int = 0) -> int:
        return self.first.number(f"{self.architecture}.{key}") or default

    def each(self, key: str, default: Sequence[int]) -> list[int]:
        """One number for each layer, where the file has an array or one number for all."""
        value = self.first.metadata.get(f"{self.architecture}.{key}")
        if isinstance(value, tuple):
            numbers = [max(0, int(item)) if isinstance(item, bool | int) else 0 for item in value]
            return [*numbers[: self.count], *default[len(numbers) :]]
        if isinstance(value, int) and not isinstance(value, bool):
            return [max(0, value)] * self.count
        return list(default)

    def shape(self, projector: int) -> Shape:
        """All of it."""
        width = self.first.embedding_size
        heads = self.each("attention.head_count", [0] * self.count)
        kv_heads = self.each("attention.head_count_kv", heads)
        self.wide = self.each("feed_forward_length", [0] * self.count)
        share = width // max(heads) if max(heads) else 0
        head = self.number("attention.key_length", share)
        value = self.number("attention.value_length", share)
        recurrent, attending = self._recurrent(kv_heads), self._attending(kv_heads)
        window, windowed = self._window(recurrent)
        weights, input, output, table = self._weights()
        state = self._state(max(heads))
        layers = [
            Layer(
                weights=weights[n],
                keys=self._keys(n, head, windowed[n]) * kv_heads[n] if attending[n] else 0,
                values=self._values(value, windowed[n]) * kv_heads[n] if attending[n] else 0,
                windowed=windowed[n],
                state=state if recurrent[n] else 0,
            )
            for n in range(self.count)
        ]
        indexer = self.number("attention.indexer.key_length")
        if indexer:  # a second cache of one small key, for layers that look at a part of the past
            layers = [replace(layer, keys=layer.keys + indexer) if layer.keys else layer for layer in layers]
        experts = max(self.each("expert_used_count", [0]))
        expert_width = max(self.each("expert_feed_forward_length", [0]))
        return Shape(
            context_length=self.first.context_length,
            layers=tuple(layers),
            input=input,
            output=output,
            table=table,
            width=width,
            feed_forward=max(*self.wide, expert_width * experts) if expert_width else max(self.wide),
            queries=head * max(heads),
            keys=head * max(kv_heads),
            experts=experts,
            inner=self.number("ssm.inner_size"),
            heads=max(heads),
            head=head,
            window=window,
            vocabulary=self._vocabulary(),
            tables=self._tables(),
            recurrent=self.architecture in RECURRENT | HYBRID,
            generates=self._generates(),
            projector=projector,
        )

    # ------------------------------------------------------------ weights

    def _weights(self) -> tuple[list[Weights], Weights, Weights, Weights]:
        """Of the layers, of the input, of the output, and of the table that the two share, if they do."""
        layers = [Weights()] * self.count
        input = output = table = Weights()
        shared = self._generates()
        for tensor in self.tensors:
            size, name = tensor.size_bytes, tensor.name
            rows = tensor.shape[1] if len(tensor.shape) > 1 else 0
            anew = size if tensor.type in self.repacked and rows and rows % 8 == 0 else 0
            own = Weights(size, anew, size)
            block, _, rest = name.partition(".")
            number = rest.partition(".")[0]
            if block == "blk" and number.isascii() and number.isdecimal() and len(number) < 4:
                if int(number) < self.used:
                    layers[int(number)] += own
            elif block.startswith(("output", "cls")):
                output += own
                shared = shared and block != "output"
            else:
                input += Weights(size)
                table = own if name == "token_embd.weight" else table
        return layers, input, output, table if shared else Weights()

    def _vocabulary(self) -> int:
        for tensor in self.tensors:
            if tensor.name == "token_embd.weight" and len(tensor.shape) > 1:
                return tensor.shape[1]
        return self._length("tokenizer.ggml.tokens")

    def _tables(self) -> int:
        tokens, merges = self._length("tokenizer.ggml.tokens"), self._length("tokenizer.ggml.merges")
        return TOKEN_BYTES * tokens + MERGE_BYTES * merges

    def _length(self, key: str) -> int:
        value = self.first.metadata.get(key)
        if isinstance(value, ArraySummary):
            return value.length
        return len(value) if isinstance(value, tuple) else 0

    # ------------------------------------------------------------ what a token leaves behind

    def _generates(self) -> bool:
        causal = self.first.metadata.get(f"{self.architecture}.attention.causal")
        return self.architecture not in CACHELESS and causal is not False

    def _recurrent(self, kv_heads: Sequence[int]) -> list[bool]:
        if self.architecture in RECURRENT or self.architecture == "falcon-h1":
            return [True] * self.count
        if self.architecture in HYBRID_BY_TURNS:
            turns = self.number("full_attention_interval", 4)
            default = [int((n + 1) % turns != 0) for n in range(self.count)]
            named = self.each("attention.recurrent_layers", default)
            return [bool(named[n]) and n < self.used for n in range(self.count)]
        if self.architecture in HYBRID_BY_HEADS:
            nemotron = self.architecture.startswith("nemotron")
            return [
                kv_heads[n] == 0 and n < self.used and not (nemotron and self.wide[n])
                for n in range(self.count)
            ]
        return [False] * self.count

    def _attending(self, kv_heads: Sequence[int]) -> list[bool]:
        """Whether each layer has keys and values of its own."""
        if self.architecture in RECURRENT or not self._generates():
            return [False] * self.count
        own = self.used
        if self.architecture == "gemma3n":
            own = 20
        elif self.architecture == "gemma4":
            own = self.count - self.number("attention.shared_kv_layers")
        both = self.architecture == "falcon-h1"
        recurrent = self._recurrent(kv_heads)
        return [n < min(own, self.used) and (both or not recurrent[n]) for n in range(self.count)]

    def _window(self, recurrent: Sequence[bool]) -> tuple[int, list[bool]]:
        """Tokens of the sliding window, and which layers have it."""
        none = 0, [False] * self.count
        rule = WINDOWS.get(self.architecture)
        if rule is None or (self.architecture == "exaone4" and self.used != 64):
            return none
        key = f"{self.architecture}.attention.sliding_window"
        if self.first.metadata.get(key) == 0:
            return none
        tokens = rule.tokens if rule.fixed else self.number("attention.sliding_window", rule.tokens)
        pattern = "attention.sliding_window_pattern"
        if isinstance(self.first.metadata.get(f"{key}_pattern"), tuple):
            windowed = [bool(flag) for flag in self.each(pattern, [0] * self.count)]
        else:
            turns = self.number(pattern, rule.period)
            full = 0 if rule.full_first else turns - 1
            windowed = [not turns or n % turns != full for n in range(self.count)]
        if not tokens:
            return none
        return tokens, [windowed[n] and not recurrent[n] and n < self.used for n in range(self.count)]

    def _keys(self, n: int, head: int, windowed: bool) -> int:
        return self.number("attention.key_length_swa", head) if windowed else head

    def _values(self, value: int, windowed: bool) -> int:
        if self.number("attention.key_length_mla") and self.number("attention.value_length_mla"):
            return 0  # they are worked out of the keys
        return self.number("attention.value_length_swa", value) if windowed else value

    def _state(self, heads: int) -> int:
        """Bytes of one sequence's state in one recurrent layer (`n_embd_r`, `n_embd_s`), as float32."""
        width, number = self.first.embedding_size, self.number
        if size := number("wkv.head_size"):
            return 4 * (number("token_shift_count", 2) * width + width * size)
        if length := number("shortconv.l_cache"):
            return 4 * width * (length - 1)
        kernel = number("ssm.conv_kernel")
        if size := number("kda.head_dim"):
            return 4 * heads * size * (3 * (kernel - 1 if kernel else 3) + size)
        inner, state = number("ssm.inner_size"), number("ssm.state_size")
        convolution = max(0, kernel - 1) * (inner + 2 * number("ssm.group_count") * state)
        return 4 * (convolution + inner * state)
