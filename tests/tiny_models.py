"""Writes small GGUF models with random weights that llama.cpp really loads and runs.

They speak nonsense, quickly, and always the same nonsense: the weights come from a fixed seed.
Queries and keys are large, so that an answer depends on every earlier token and a wrong cache
shows at once. The rows of control tokens in the output are zero: greedy or top-k sampling never
ends an answer by itself (forbid the others with a logit bias, or bias the end token, to see an end).
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from gguf import GGUFValueType, GGUFWriter, TokenType

from models.gguf import read_header

CHATML = (
    "{% for message in messages %}{{'<|im_start|>' + message['role'] + '\n' + message['content'] "
    "+ '<|im_end|>' + '\n'}}{% endfor %}"
    "{% if add_generation_prompt %}{{ '<|im_start|>assistant\n' }}{% endif %}"
)
GEMMA = (
    "{{ bos_token }}{% if messages[0]['role'] == 'system' %}"
    "{{ raise_exception('System role not supported') }}{% endif %}{% for message in messages %}"
    "{% set role = 'model' if message['role'] == 'assistant' else message['role'] %}"
    "{{ '<start_of_turn>' + role + '\n' + message['content'] | trim + '<end_of_turn>\n' }}{% endfor %}"
    "{% if add_generation_prompt %}{{ '<start_of_turn>model\n' }}{% endif %}"
)
_TEXT = """
    the and you that was for are with his they this have from one had word but not what all were when
    your can said there use each which she how their will other about out many then them these some her
    would make like him into time has look two more write see number way could people than first water
    been call who oil its now find long down day did get come made may part hello user assistant system
    story light house keeper sea
"""
WORDS = _TEXT.split()

WIDTH = 64
HEADS = 4
HEAD_WIDTH = WIDTH // HEADS
FEED_FORWARD = 128
LAYERS = 4
SLIDING_WINDOW = 32
"""The window of `tiny_gemma3`, in tokens."""


def tiny_llama(
    path: Path,
    *,
    template: str | None = CHATML,
    name: str = "Tiny Llama",
    context_length: int = 4096,
    feed_forward: int = FEED_FORWARD,
) -> Path:
    """Write a llama (full attention, byte-level BPE vocabulary, ChatML) and return its path."""
    model = _TinyModel(path, "llama", name, context_length)
    model.hidden = feed_forward
    controls = model.byte_pair_vocabulary(template)
    model.attention_settings(kv_heads=2)
    model.tensor("token_embd.weight", (model.vocabulary, WIDTH), scale=1.0)
    for layer in range(LAYERS):
        block = f"blk.{layer}"
        model.ones(f"{block}.attn_norm.weight", WIDTH)
        model.attention(block, kv_heads=2)
        model.feed_forward(block)
    model.output(controls)
    return model.write()


def tiny_mamba(path: Path, *, template: str | None = CHATML, context_length: int = 4096) -> Path:
    """Write a mamba (recurrent: its past cannot be cut) and return its path."""
    inner, state, conv, rank = 2 * WIDTH, 16, 4, 4
    model = _TinyModel(path, "mamba", "Tiny Mamba", context_length)
    controls = model.byte_pair_vocabulary(template)
    writer = model.writer
    writer.add_feed_forward_length(0)
    writer.add_head_count(0)
    writer.add_ssm_conv_kernel(conv)
    writer.add_ssm_inner_size(inner)
    writer.add_ssm_state_size(state)
    writer.add_ssm_time_step_rank(rank)
    model.tensor("token_embd.weight", (model.vocabulary, WIDTH), scale=1.0)
    for layer in range(LAYERS):
        block = f"blk.{layer}"
        model.ones(f"{block}.attn_norm.weight", WIDTH)
        model.tensor(f"{block}.ssm_in.weight", (2 * inner, WIDTH))
        model.tensor(f"{block}.ssm_conv1d.weight", (inner, conv))
        model.tensor(f"{block}.ssm_conv1d.bias", (inner,), scale=0.1)
        model.tensor(f"{block}.ssm_x.weight", (rank + 2 * state, inner))
        model.tensor(f"{block}.ssm_dt.weight", (inner, rank))
        # softplus(-3) is 0.05 and the slowest decay is -0.25: tokens far back still count.
        model.put(f"{block}.ssm_dt.bias", np.full(inner, -3.0, np.float32))
        decay = -0.25 * np.arange(1, state + 1, dtype=np.float32)
        model.put(f"{block}.ssm_a", np.tile(decay, (inner, 1)))
        model.ones(f"{block}.ssm_d", inner)
        model.tensor(f"{block}.ssm_out.weight", (WIDTH, inner), scale=0.3)
    model.output(controls)
    return model.write()


def tiny_gemma3(path: Path, *, template: str | None = GEMMA, context_length: int = 4096) -> Path:
    """Write a gemma3 (every other layer sees `SLIDING_WINDOW` tokens; SPM vocabulary, no system role)."""
    model = _TinyModel(path, "gemma3", "Tiny Gemma3", context_length)
    controls = model.sentencepiece_vocabulary(template)
    model.attention_settings(kv_heads=1)
    model.writer.add_key_length(HEAD_WIDTH)
    model.writer.add_value_length(HEAD_WIDTH)
    model.writer.add_sliding_window(SLIDING_WINDOW)
    model.writer.add_sliding_window_pattern(2)
    # gemma multiplies embeddings by the root of their width
    model.tensor("token_embd.weight", (model.vocabulary, WIDTH), scale=WIDTH**-0.5)
    for layer in range(LAYERS):
        block = f"blk.{layer}"
        for norm in ("attn_norm", "post_attention_norm", "post_ffw_norm"):
            model.ones(f"{block}.{norm}.weight", WIDTH)
        model.attention(block, kv_heads=1, norms=True)
        model.feed_forward(block)
    model.output(controls)
    return model.write()


def tiny_hybrid(path: Path, *, template: str | None = CHATML, context_length: int = 4096) -> Path:
    """Write an lfm2 (short convolutions and attention in turn: its past cannot be cut)."""
    model = _TinyModel(path, "lfm2", "Tiny LFM2", context_length)
    controls = model.byte_pair_vocabulary(template)
    kv_heads = [0, 2] * (LAYERS // 2)
    model.attention_settings(kv_heads=kv_heads)
    model.writer.add_shortconv_l_cache(3)
    model.tensor("token_embd.weight", (model.vocabulary, WIDTH), scale=1.0)
    for layer, heads in enumerate(kv_heads):
        block = f"blk.{layer}"
        model.ones(f"{block}.attn_norm.weight", WIDTH)
        if heads:
            model.attention(block, kv_heads=heads, norms=True)
        else:
            model.tensor(f"{block}.shortconv.conv.weight", (WIDTH, 3))
            model.tensor(f"{block}.shortconv.in_proj.weight", (3 * WIDTH, WIDTH))
            model.tensor(f"{block}.shortconv.out_proj.weight", (WIDTH, WIDTH))
        model.feed_forward(block)
    model.output(controls, norm="token_embd_norm.weight")
    return model.write()


def tiny_bert(path: Path, *, context_length: int = 256) -> Path:
    """Write a bert (embeddings only, mean pooling, WordPiece vocabulary)."""
    model = _TinyModel(path, "bert", "Tiny Bert", context_length)
    model.wordpiece_vocabulary()
    writer = model.writer
    writer.add_feed_forward_length(FEED_FORWARD)
    writer.add_head_count(HEADS)
    writer.add_layer_norm_eps(1e-6)
    writer.add_causal_attention(False)
    writer.add_uint32("bert.pooling_type", 1)
    model.tensor("token_embd.weight", (model.vocabulary, WIDTH), scale=1.0)
    model.tensor("position_embd.weight", (context_length, WIDTH), scale=0.1)
    model.tensor("token_types.weight", (2, WIDTH), scale=0.1)
    model.normalization("token_embd_norm")
    for layer in range(LAYERS):
        block = f"blk.{layer}"
        model.attention(block, kv_heads=HEADS, bias=True)
        model.normalization(f"{block}.attn_output_norm")
        model.tensor(f"{block}.ffn_up.weight", (FEED_FORWARD, WIDTH))
        model.tensor(f"{block}.ffn_up.bias", (FEED_FORWARD,), scale=0.1)
        model.tensor(f"{block}.ffn_down.weight", (WIDTH, FEED_FORWARD))
        model.tensor(f"{block}.ffn_down.bias", (WIDTH,), scale=0.1)
        model.normalization(f"{block}.layer_output_norm")
    return model.write()


def tiny_lora(
    path: Path, model: Path, *, changes: Sequence[str] = ("attn_q", "attn_v"), rank: int = 4, seed: int = 0
) -> Path:
    """Write a LoRA adapter that changes these tensors of every layer at random; return its path."""
    header, random = read_header(model), np.random.default_rng(seed)
    sides: dict[str, np.ndarray[Any, Any]] = {}
    for tensor in header.tensors:
        name = tensor.name
        if name.removesuffix(".weight").split(".")[-1] not in changes:
            continue
        wide, high = tensor.shape
        a, b = random.standard_normal((rank, wide)), random.standard_normal((high, rank))
        if name == "token_embd.weight":  # the other way round, and looked up by row
            a, b = b, a.T
        sides |= {f"{name}.lora_a": a * wide**-0.5, f"{name}.lora_b": b * rank**-0.5}
    return lora_file(path, header.architecture, sides, alpha=float(rank))


def lora_file(
    path: Path,
    architecture: str,
    sides: dict[str, np.ndarray[Any, Any]],
    *,
    alpha: float | int = 1.0,
    invocation: Sequence[int] = (),
) -> Path:
    """Write a LoRA adapter of these tensors, whole numbers as they are, others as float32."""
    writer = GGUFWriter(path, architecture)
    writer.add_type("adapter")
    writer.add_string("adapter.type", "lora")
    writer.add_key_value(
        "adapter.lora.alpha",
        alpha,
        GGUFValueType.FLOAT32 if isinstance(alpha, float) else GGUFValueType.UINT32,
    )
    if invocation:
        writer.add_array("adapter.alora.invocation_tokens", invocation)
    for name, values in sides.items():
        writer.add_tensor(name, values if values.dtype == np.int32 else values.astype(np.float32))
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    return path


class _TinyModel:
    """One file being written: metadata, vocabulary and random tensors."""

    def __init__(self, path: Path, architecture: str, name: str, context_length: int) -> None:
        self.path = Path(path)
        self.writer = GGUFWriter(self.path, architecture)
        self.random = np.random.default_rng(7)
        self.vocabulary = 0
        self.hidden = FEED_FORWARD
        self.writer.add_name(name)
        self.writer.add_license("apache-2.0")
        self.writer.add_file_type(0)
        self.writer.add_context_length(context_length)
        self.writer.add_embedding_length(WIDTH)
        self.writer.add_block_count(LAYERS)
        self.writer.add_layer_norm_rms_eps(1e-5)

    # ------------------------------------------------------------ vocabularies

    def byte_pair_vocabulary(self, template: str | None) -> list[int]:
        """Bytes, merges for a few words, and ChatML's marks; returns the control tokens' ids."""
        merges: dict[str, None] = {}
        for word in (mark + word for mark in ("", "Ġ") for word in WORDS):
            for end in range(1, len(word)):
                merges.setdefault(f"{word[:end]} {word[end]}")
        pieces = list(_byte_alphabet()) + [merge.replace(" ", "") for merge in merges]
        controls = ["<|endoftext|>", "<|im_start|>", "<|im_end|>"]
        self._vocabulary("gpt2", [*pieces, *controls], [TokenType.NORMAL] * len(pieces), template)
        self.writer.add_tokenizer_pre("gpt-2")
        self.writer.add_token_merges(list(merges))
        first = len(pieces)
        self.writer.add_bos_token_id(first + 1)
        self.writer.add_eos_token_id(first + 2)
        self.writer.add_bool("tokenizer.ggml.add_bos_token", False)
        return list(range(first, first + 3))

    def sentencepiece_vocabulary(self, template: str | None) -> list[int]:
        """Byte tokens, pieces of a few words, and Gemma's marks; returns the control tokens' ids."""
        pieces = ["<unk>", *(f"<0x{byte:02X}>" for byte in range(256))]
        types = [TokenType.UNKNOWN] + [TokenType.BYTE] * 256
        words = dict.fromkeys(
            mark + word[:end] for mark in ("▁", "") for word in WORDS for end in range(1, len(word) + 1)
        )
        letters = [*words, "▁"]
        pieces += letters
        types += [TokenType.NORMAL] * len(letters)
        controls = ["<bos>", "<eos>", "<start_of_turn>", "<end_of_turn>"]
        self._vocabulary("llama", [*pieces, *controls], types, template)
        # longer pieces are merged first
        self.writer.add_token_scores(
            [float(len(piece)) if piece in letters else 0.0 for piece in (*pieces, *controls)]
        )
        first = len(pieces)
        self.writer.add_bos_token_id(first)
        self.writer.add_eos_token_id(first + 3)
        self.writer.add_unk_token_id(0)
        self.writer.add_bool("tokenizer.ggml.add_bos_token", True)
        self.writer.add_bool("tokenizer.ggml.add_space_prefix", False)
        return list(range(first, first + 4))

    def wordpiece_vocabulary(self) -> None:
        """Letters and a few words as bert's tokenizer has them (a word's start is marked)."""
        alphabet = "abcdefghijklmnopqrstuvwxyz0123456789.,!?"
        starts = [f"▁{start}" for start in (*alphabet, *WORDS)]
        pieces = list(dict.fromkeys([*starts, *alphabet]))
        controls = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
        self._vocabulary("bert", [*pieces, *controls], [TokenType.NORMAL] * len(pieces), None)
        self.writer.add_token_type_count(2)
        first = len(pieces)
        self.writer.add_pad_token_id(first)
        self.writer.add_unk_token_id(first + 1)
        self.writer.add_bos_token_id(first + 2)
        self.writer.add_sep_token_id(first + 3)
        self.writer.add_mask_token_id(first + 4)

    def _vocabulary(
        self, kind: str, tokens: Sequence[str], types: Iterable[int], template: str | None
    ) -> None:
        """Write tokens; those beyond `types` are control tokens."""
        kinds = [int(kind) for kind in types]
        kinds += [int(TokenType.CONTROL)] * (len(tokens) - len(kinds))
        self.vocabulary = len(tokens)
        self.writer.add_vocab_size(len(tokens))
        self.writer.add_tokenizer_model(kind)
        self.writer.add_token_list(tokens)
        self.writer.add_token_types(kinds)
        if template is not None:
            self.writer.add_chat_template(template)

    # ------------------------------------------------------------ tensors

    def attention_settings(self, kv_heads: int | list[int]) -> None:
        """Heads, widths and rope."""
        self.writer.add_feed_forward_length(self.hidden)
        self.writer.add_head_count(HEADS)
        self.writer.add_head_count_kv(kv_heads)
        self.writer.add_rope_dimension_count(HEAD_WIDTH)
        self.writer.add_rope_freq_base(10000.0)

    def attention(self, block: str, *, kv_heads: int, norms: bool = False, bias: bool = False) -> None:
        """Queries, keys, values and output of one layer, with sharp attention."""
        sharp = 2.0
        shapes = {"attn_q": HEADS, "attn_k": kv_heads, "attn_v": kv_heads}
        for part, heads in shapes.items():
            gain = 1.0 if part == "attn_v" or norms else sharp
            self.tensor(f"{block}.{part}.weight", (heads * HEAD_WIDTH, WIDTH), scale=gain * WIDTH**-0.5)
            if bias:
                self.tensor(f"{block}.{part}.bias", (heads * HEAD_WIDTH,), scale=0.1)
        self.tensor(f"{block}.attn_output.weight", (WIDTH, HEADS * HEAD_WIDTH))
        if bias:
            self.tensor(f"{block}.attn_output.bias", (WIDTH,), scale=0.1)
        if norms:
            self.put(f"{block}.attn_q_norm.weight", np.full(HEAD_WIDTH, sharp, np.float32))
            self.put(f"{block}.attn_k_norm.weight", np.full(HEAD_WIDTH, sharp, np.float32))

    def feed_forward(self, block: str) -> None:
        """A gated feed-forward layer."""
        self.ones(f"{block}.ffn_norm.weight", WIDTH)
        self.tensor(f"{block}.ffn_gate.weight", (self.hidden, WIDTH))
        self.tensor(f"{block}.ffn_up.weight", (self.hidden, WIDTH))
        self.tensor(f"{block}.ffn_down.weight", (WIDTH, self.hidden))

    def output(self, controls: Sequence[int], norm: str = "output_norm.weight") -> None:
        """The last norm and the projection to logits, with nothing for the control tokens."""
        self.ones(norm, WIDTH)
        rows = self._normal((self.vocabulary, WIDTH), 2.0 * WIDTH**-0.5)
        rows[list(controls)] = 0.0
        self.put("output.weight", rows)

    def normalization(self, name: str) -> None:
        """A layer norm with weight one and a small bias."""
        self.ones(f"{name}.weight", WIDTH)
        self.tensor(f"{name}.bias", (WIDTH,), scale=0.1)

    def tensor(self, name: str, shape: tuple[int, ...], scale: float | None = None) -> None:
        """Random normal numbers; their size keeps the size of what flows through, unless given."""
        self.put(name, self._normal(shape, shape[-1] ** -0.5 if scale is None else scale))

    def ones(self, name: str, size: int) -> None:
        """A vector of ones."""
        self.put(name, np.ones(size, np.float32))

    def put(self, name: str, values: np.ndarray[Any, Any]) -> None:
        """Add one tensor as float32."""
        self.writer.add_tensor(name, values)

    def _normal(self, shape: tuple[int, ...], scale: float) -> np.ndarray[Any, Any]:
        return (self.random.standard_normal(shape) * scale).astype(np.float32)

    def write(self) -> Path:
        """Write the file and return its path."""
        self.writer.write_header_to_file()
        self.writer.write_kv_data_to_file()
        self.writer.write_tensors_to_file()
        self.writer.close()
        return self.path


def _byte_alphabet() -> list[str]:
    """GPT-2's printable character for each of the 256 bytes."""
    printable = [*range(33, 127), *range(161, 173), *range(174, 256)]
    spare = iter(range(256, 512))
    return [chr(byte) if byte in printable else chr(next(spare)) for byte in range(256)]
