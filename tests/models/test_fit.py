from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import msgspec
import pytest
from benchmarks.plan import measure, planned
from hypothesis import given, settings
from hypothesis import strategies as st
from tiny_models import tiny_bert, tiny_gemma3, tiny_hybrid, tiny_llama, tiny_mamba

from models.engine import cache
from models.engine.llama import Model
from models.engine.protocol import Buffer, LoadOptions
from models.errors import UserError
from models.fit import (
    COMFORTABLE,
    STORED_BYTES,
    Correction,
    Corrections,
    Device,
    Machine,
    Plan,
    automatic,
    largest_context,
    machine,
    plan,
    retries,
)
from models.gguf import ArraySummary, GGUFHeader, TensorInfo, read_header
from models.library import Library
from models.shape import Shape, Weights, shape_of

KIB, MIB, GIB = 1 << 10, 1 << 20, 1 << 30
ROOMY = Machine(ram_free=1 << 40, ram_total=1 << 40)


# ---------------------------------------------------------------- headers to plan for


def header(
    architecture: str, values: dict[str, Any], tensors: Iterator[TensorInfo] | tuple[()] = ()
) -> GGUFHeader:
    metadata = {"general.architecture": architecture}
    metadata |= {
        key if "." in key and key.startswith("tokenizer") else f"{architecture}.{key}": v
        for key, v in values.items()
    }
    return GGUFHeader(
        version=3,
        byte_order="little",
        metadata=metadata,
        tensors=tuple(tensors),
        data_offset=0,
        size_bytes=1,
    )


def dense(
    architecture: str = "llama",
    *,
    layers: int = 32,
    width: int = 4096,
    wide: int = 14336,
    heads: int = 32,
    kv_heads: int = 8,
    head: int = 128,
    vocabulary: int = 128_256,
    context_length: int = 131_072,
    tied: bool = False,
    kind: str = "Q4_0",
    experts: tuple[int, int, int] | None = None,
    **more: Any,
) -> GGUFHeader:
    """A transformer: Llama 3.1 8B unless told otherwise. `experts`: how many, used, width of each."""
    values: dict[str, Any] = {
        "context_length": context_length,
        "embedding_length": width,
        "block_count": layers,
        "feed_forward_length": wide,
        "attention.head_count": heads,
        "attention.head_count_kv": kv_heads,
        "attention.key_length": head,
        "attention.value_length": head,
    }
    if experts:
        values |= {"expert_count": experts[0], "expert_used_count": experts[1]}
        values["expert_feed_forward_length"] = experts[2]

    def tensors() -> Iterator[TensorInfo]:
        def tensor(name: str, *shape: int, type: str = kind) -> TensorInfo:
            return TensorInfo(f"{name}.weight", shape, type, 0)

        yield tensor("token_embd", width, vocabulary)
        if not tied:
            yield tensor("output", width, vocabulary)
        yield tensor("output_norm", width, type="F32")
        for n in range(layers):
            yield tensor(f"blk.{n}.attn_norm", width, type="F32")
            yield tensor(f"blk.{n}.attn_q", width, heads * head)
            yield tensor(f"blk.{n}.attn_k", width, kv_heads * head)
            yield tensor(f"blk.{n}.attn_v", width, kv_heads * head)
            yield tensor(f"blk.{n}.attn_output", heads * head, width)
            each = (experts[0],) if experts else ()
            inner = experts[2] if experts else wide
            yield tensor(f"blk.{n}.ffn_gate", width, inner, *each)
            yield tensor(f"blk.{n}.ffn_up", width, inner, *each)
            yield tensor(f"blk.{n}.ffn_down", inner, width, *each)

    return header(architecture, values | {key.replace("__", "."): v for key, v in more.items()}, tensors())


SWA = {"attention__sliding_window": 1024}
KNOWN = {
    "llama-8b": dense(),
    "llama-70b": dense(layers=80, width=8192, wide=28672, heads=64),
    "smollm2-135m": dense(
        layers=30, width=576, wide=1536, heads=9, kv_heads=3, head=64, vocabulary=49_152, context_length=8192
    ),
    "qwen2.5-7b": dense("qwen2", layers=28, width=3584, wide=18944, heads=28, kv_heads=4, vocabulary=152_064),
    "qwen3-30b-a3b": dense(
        "qwen3moe", layers=48, width=2048, wide=6144, kv_heads=4, vocabulary=151_936, experts=(128, 8, 768)
    ),
    "mixtral-8x7b": dense(vocabulary=32_000, experts=(8, 2, 14336)),
    "gemma3-4b": dense(
        "gemma3", layers=34, width=2560, wide=10240, heads=8, kv_heads=4, head=256, vocabulary=262_144,
        tied=True, **SWA,
    ),
    "gpt-oss-20b": dense(
        "gpt-oss", layers=24, width=2880, wide=2880, heads=64, head=64, vocabulary=201_088,
        experts=(32, 4, 2880), attention__sliding_window=128,
    ),
    "nemo-12b": dense(layers=40, width=5120, vocabulary=131_072),
}  # fmt: skip


def shape(name: str, *, repacked: frozenset[str] = frozenset()) -> Shape:
    return shape_of(KNOWN[name], repacked=repacked)


def options(**values: Any) -> LoadOptions:
    return LoadOptions(path="", **values)


def card(gigabytes: float, name: str = "CUDA0", kind: str = "GPU") -> Device:
    size = int(gigabytes * GIB)
    return Device(name=name, description=f"Card {name}", kind=kind, free=size, total=size)


def computer(ram: float, *gpus: Device) -> Machine:
    return Machine(ram_free=int(ram * GIB), ram_total=int(ram * GIB), gpus=gpus)


# ---------------------------------------------------------------- what is known of models


@pytest.mark.parametrize(
    ("name", "context_size", "kv_type", "expected"),
    [
        # layers x cells x (keys + values) x bytes
        ("llama-8b", 8192, "f16", GIB),
        ("llama-8b", 8192, "q8_0", GIB * 34 // 64),
        ("llama-8b", 8192, "q4_0", GIB * 18 // 64),
        ("llama-8b", 8000, "f16", 32 * 8192 * 2048 * 2),  # rounded up to a multiple of 256
        ("smollm2-135m", 2048, "f16", 45 * MIB),
        ("smollm2-135m", 100_000, "f16", 180 * MIB),  # no more than it was trained for
        # Every sixth layer keeps all, the others 1024 x 16 sequences + 512 rows where there are so many.
        ("gemma3-4b", 8192, "f16", 34 * 8192 * 2048 * 2),
        ("gemma3-4b", 32_768, "f16", (5 * 32_768 + 29 * 16_896) * 2048 * 2),
        # Every second layer keeps 128 x 16 + 512.
        ("gpt-oss-20b", 8192, "f16", 252 * MIB),
    ],
)
def test_the_cache_of_known_models(name: str, context_size: int, kv_type: str, expected: int) -> None:
    made = plan(shape(name), ROOMY, options(context_size=context_size, kv_type=kv_type))
    assert made.host.kv == expected


def test_a_window_that_is_not_used_keeps_everything() -> None:
    full = plan(shape("gemma3-4b"), ROOMY, options(context_size=32_768, swa_full=True))
    assert full.host.kv == 34 * 32_768 * 2048 * 2


def test_latent_attention_keeps_keys_alone() -> None:
    values = {"attention__key_length_mla": 192, "attention__value_length_mla": 128}
    deepseek = dense("deepseek2", layers=27, width=2048, heads=16, kv_heads=1, head=576, **values)
    made = plan(shape_of(deepseek), ROOMY, options(context_size=8192))
    assert made.host.kv == 243 * MIB  # as llama.cpp logs it for DeepSeek V2 Lite


def test_recurrent_states_are_kept_for_each_sequence() -> None:
    mamba = header(
        "mamba",
        {
            "context_length": 1 << 20, "embedding_length": 2048, "block_count": 48, "attention.head_count": 0,
            "ssm.conv_kernel": 4, "ssm.inner_size": 4096, "ssm.state_size": 16,
        },
    )  # fmt: skip
    made = plan(shape_of(mamba), ROOMY, options(context_size=8192))
    assert made.host.kv == 142.5 * MIB  # as llama.cpp logs it for Mamba 1.4B and ten sequences
    assert plan(shape_of(mamba), ROOMY, options(context_size=512)).host.kv == made.host.kv


def test_hybrids_have_a_cache_in_some_layers_and_a_state_in_the_others() -> None:
    by_turns = dense(
        "qwen3next", layers=48, width=2048, heads=16, kv_heads=2, head=256, ssm__conv_kernel=4,
        ssm__inner_size=4096, ssm__state_size=128, ssm__group_count=16,
    )  # fmt: skip
    by_heads = dense(
        "lfm2", layers=16, width=2048, head=64, shortconv__l_cache=3,
        kv_heads=0, attention__head_count_kv=(0, 0, 8, 0, 0, 8, 0, 0, 8, 0, 8, 0, 8, 0, 8, 0),
    )  # fmt: skip
    assert plan(shape_of(by_turns), ROOMY, options(context_size=8192)).host.kv == 945.75 * MIB
    assert plan(shape_of(by_heads), ROOMY, options(context_size=8192)).host.kv == 97.5625 * MIB


def test_layers_that_share_the_cache_of_others_have_none() -> None:
    pattern = (True, True, True, True, False)
    gemma = dense(
        "gemma4", layers=35, width=1536, heads=8, kv_heads=1, head=512, attention__sliding_window=512,
        attention__sliding_window_pattern=pattern * 7, attention__key_length_swa=256,
        attention__value_length_swa=256, attention__shared_kv_layers=20,
    )  # fmt: skip
    made = plan(shape_of(gemma), ROOMY, options(context_size=32_768))
    assert made.host.kv == (3 * 32_768 * 1024 + 12 * 8704 * 512) * 2


def test_layers_that_only_predict_further_ahead_are_not_loaded() -> None:
    ahead = shape_of(dense(layers=33, nextn_predict_layers=1))
    assert len(ahead.layers) == 33
    assert ahead.layers[-1].weights == Weights()
    assert ahead.size == shape("llama-8b").size
    assert plan(ahead, ROOMY, options(context_size=8192)).host.kv == GIB


# What llama.cpp logs for its compute buffer, in MiB: with 16 rows of logits, as much as answers ask for, and
# with logits for all tokens of a batch; contexts of 16 sequences and batches of 512 tokens.
LOGGED = [
    ("smollm2-135m", 512, None, 14.00, 98.25),
    ("smollm2-135m", 8192, None, 21.51, 98.25),
    ("smollm2-135m", 8192, False, 166.38, 166.38),
    ("llama-8b", 512, None, 116.50, 266.50),
    ("llama-8b", 8192, None, 124.01, 266.50),
    ("llama-8b", 8192, False, 572.01, 572.01),
    ("llama-70b", 8192, None, 240.01, 282.50),
    ("llama-70b", 32_768, False, 4244.0, 4244.0),
    ("qwen2.5-7b", 8192, None, 147.01, 311.00),
    ("qwen3-30b-a3b", 8192, None, 96.01, 304.75),
    ("mixtral-8x7b", 8192, None, 208.01, 208.01),
    ("gemma3-4b", 8192, None, 95.02, 522.00),
    ("gpt-oss-20b", 8192, None, 102.89, 437.02),
    ("nemo-12b", 8192, None, 130.01, 322.01),
]


@pytest.mark.parametrize(("name", "context_size", "flash", "touched", "whole"), LOGGED)
def test_computing_is_planned_as_llama_logs_it(
    name: str, context_size: int, flash: bool | None, touched: float, whole: float
) -> None:
    asked = options(context_size=context_size, flash_attention=flash)
    on_cpu = plan(shape(name), ROOMY, asked)
    on_gpu = plan(shape(name), computer(1024, card(512)), asked)
    heads, wide, cells = shape(name).heads, shape(name).feed_forward, on_cpu.context_size
    copied = wide // 4 if flash is None else heads * cells // 2  # by the processor, beside that buffer
    assert on_cpu.host.compute / MIB == pytest.approx(touched + 2048 * copied / MIB, rel=0.06)
    assert on_gpu.gpus[0].compute / MIB == pytest.approx(whole, rel=0.13)


def test_an_embedding_model_has_no_cache() -> None:
    bert = header(
        "bert",
        {
            "context_length": 512, "embedding_length": 384, "block_count": 12, "attention.head_count": 12,
            "feed_forward_length": 1536, "attention.causal": False,
        },
    )  # fmt: skip
    made = plan(shape_of(bert), ROOMY, options(context_size=8192))
    assert (made.host.kv, made.context_size, made.verdict) == (0, 512, "fits")
    assert made.host.compute > 0


# ---------------------------------------------------------------- weights


def test_weights_are_those_of_the_file() -> None:
    table = 4096 * 128_256 * 18 // 32
    norm = 4096 * 4
    layer = (4096 * 4096 * 2 + 4096 * 1024 * 2 + 4096 * 14336 * 3) * 18 // 32 + norm
    made = plan(shape("llama-8b"), ROOMY, options())
    assert made.host.weights == made.host.mapped == 2 * table + norm + 32 * layer
    assert made.host.passing == 0


def test_a_tied_table_is_there_once_in_ram_and_again_on_the_gpu() -> None:
    table = 2560 * 262_144 * 18 // 32
    tied = shape("gemma3-4b")
    assert tied.table.size == table
    assert plan(tied, ROOMY, options()).host.weights == tied.size
    on_gpu = plan(tied, computer(64, card(64)), options())
    assert on_gpu.host.weights == table
    assert on_gpu.gpus[0].weights == tied.size


def test_weights_laid_out_anew_are_copies_and_the_file_passes_through() -> None:
    made = plan(shape("llama-8b", repacked=frozenset({"Q4_0"})), ROOMY, options())
    plain = plan(shape("llama-8b"), ROOMY, options())
    table = 4096 * 128_256 * 18 // 32
    assert made.host.weights == plain.host.weights
    assert made.host.mapped == table + 33 * 4096 * 4  # the input is only looked up
    assert made.host.passing == made.host.weights - made.host.mapped
    assert made.peak == plain.peak + made.host.passing
    assert made.host.needed == plain.host.needed  # the system takes file pages back at will


def test_a_tied_table_laid_out_anew_is_needed_twice() -> None:
    made = plan(shape("gemma3-4b", repacked=frozenset({"Q4_0"})), ROOMY, options())
    assert made.host.weights == shape("gemma3-4b").size + 2560 * 262_144 * 18 // 32


def test_shards_are_one_model() -> None:
    whole = KNOWN["llama-8b"]
    half = len(whole.tensors) // 2
    first, second = replace(whole, tensors=whole.tensors[:half]), replace(whole, tensors=whole.tensors[half:])
    assert shape_of([first, second]) == shape_of(whole)


def test_another_size_of_the_same_model() -> None:
    whole = shape("llama-8b")
    double = whole.resized(2 * whole.size)
    assert double.size == pytest.approx(2 * whole.size, abs=100)
    assert double.layers[0].weights.size == pytest.approx(2 * whole.layers[0].weights.size, abs=2)
    first = shape_of(replace(KNOWN["llama-8b"], tensors=()))  # many first shards hold no weights
    assert first.resized(4 * GIB).size == pytest.approx(4 * GIB, abs=100)
    assert first.resized(4 * GIB).layers[0].weights.size == pytest.approx(GIB / 8, abs=100)


def test_the_image_part_is_counted() -> None:
    images = header("clip", {}, iter([TensorInfo("v.patch", (1024, 1024), "F16", 0)]))
    with_images = shape_of(KNOWN["llama-8b"], images)
    assert plan(with_images, ROOMY, options()).host.mmproj == 2 * MIB
    on_gpu = plan(with_images, computer(64, card(64)), options())
    assert (on_gpu.host.mmproj, on_gpu.gpus[0].mmproj) == (0, 2 * MIB)


def test_the_vocabulary_takes_memory_in_the_process() -> None:
    merges = ArraySummary("string", 100_000)
    tokens = ArraySummary("string", 128_256)
    plain = plan(shape_of(KNOWN["llama-8b"]), ROOMY, options())
    known = replace(
        KNOWN["llama-8b"],
        metadata={
            **KNOWN["llama-8b"].metadata, "tokenizer.ggml.tokens": tokens, "tokenizer.ggml.merges": merges
        },
    )  # fmt: skip
    made = plan(shape_of(known), ROOMY, options())
    assert made.host.process - plain.host.process == 128_256 * 155 + 100_000 * 160


# ---------------------------------------------------------------- graphics cards


def test_the_output_goes_to_the_gpu_first_and_the_input_never() -> None:
    llama, pc = shape("llama-8b"), computer(64, card(64))
    layer, table = llama.layers[0].weights.size, llama.input.size
    for count in (0, 1, 2, 17, 33, 99):
        made = plan(llama, pc, options(gpu_layers=count, context_size=8192))
        on_gpu = min(count, 33)
        assert (made.gpu_layers, made.layers) == (on_gpu, 33)
        assert made.gpus[0].weights == (llama.output.size + (on_gpu - 1) * layer if on_gpu else 0)
        assert made.host.weights == llama.size - made.gpus[0].weights
        assert made.host.weights >= table
        assert made.gpus[0].kv == max(0, on_gpu - 1) * GIB // 32
        assert made.host.kv == GIB - made.gpus[0].kv
    assert plan(llama, pc, options()).gpu_layers == 33


def test_a_model_on_the_processor_touches_no_gpu() -> None:
    made = plan(shape("llama-8b"), computer(64, card(64)), options(gpu_layers=0))
    assert made.gpus[0].needed == 0
    assert made.host == plan(shape("llama-8b"), computer(64), options()).host


def test_layers_in_ram_pass_their_largest_weights_through_the_gpu() -> None:
    pc = computer(64, card(64))
    some = plan(shape("llama-8b"), pc, options(gpu_layers=32))
    everything = plan(shape("llama-8b"), pc, options())
    assert some.gpus[0].compute - everything.gpus[0].compute == 4096 * 14336 * 18 // 32
    assert everything.host.compute < 16 * MIB < some.host.compute


def test_two_gpus_share_the_layers_by_what_is_free() -> None:
    llama = shape("llama-8b")
    even = plan(llama, computer(64, card(24), card(24, "CUDA1")), options(context_size=8192))
    assert [need.kv * 32 // GIB for need in even.gpus] == [17, 15]  # the output is the second one's
    assert even.gpus[1].weights == 15 * llama.layers[0].weights.size + llama.output.size
    uneven = plan(llama, computer(64, card(24), card(8, "CUDA1")), options(context_size=8192))
    assert [need.kv * 32 // GIB for need in uneven.gpus] == [25, 7]
    assert sum(need.weights for need in even.gpus) == sum(need.weights for need in uneven.gpus)
    # One behind the other, each has four copies of the mask.
    alone = plan(llama, computer(64, card(48)), options(context_size=8192))
    assert even.gpus[1].compute - alone.gpus[0].compute == 3 * 8 * MIB


def test_something_is_left_for_the_driver_and_for_the_screen() -> None:
    assert card(8).available == 8 * GIB - 8 * GIB // 20
    assert card(1).available == GIB - 128 * MIB
    assert card(80).available == 79 * GIB
    made = plan(shape("llama-8b"), computer(64, card(8)), options())
    assert made.gpus[0].process == 400 * MIB
    assert plan(shape("llama-8b"), computer(64, card(8, "Vulkan0")), options()).gpus[0].process == 160 * MIB
    assert computer(4).available == 4 * GIB - 512 * MIB


def test_an_integrated_gpu_takes_from_the_ram() -> None:
    shared = computer(16, card(12, "Vulkan0", "IGPU"))
    made = plan(shape("llama-8b"), shared, options())
    assert made.shared == made.gpus[0].needed
    assert (made.host.mapped, made.host.passing) == (0, 0)  # it cannot use a mapped file
    assert made.verdict == "fits"
    little = replace(shared, ram_free=4 * GIB)
    assert plan(shape("llama-8b"), little, options()).verdict == "too_big"


def test_metal_uses_the_mapped_file_and_keeps_to_its_working_set() -> None:
    made = plan(shape("llama-8b"), computer(16, card(10.6, "MTL0")), options())
    assert made.shared == made.gpus[0].needed
    assert made.host.passing == 0
    assert made.peak == made.host.needed + made.gpus[0].needed
    tight = plan(shape("llama-70b"), computer(128, card(32, "Metal")), options())
    assert tight.verdict == "too_big"
    assert tight.problem is not None
    assert tight.problem.params["device"] == "Metal"


def test_a_card_that_tells_nothing_is_taken_to_have_what_ram_has() -> None:
    silent = Device("Vulkan0", "A card", "GPU", free=0, total=0)
    made = plan(shape("llama-8b"), computer(32, silent), options())
    assert made.gpus[0].available == computer(32).available
    assert made.verdict == "fits"


# ---------------------------------------------------------------- verdicts and choices


def test_verdicts() -> None:
    llama = shape("llama-8b")
    assert plan(llama, computer(16), options()).verdict == "fits"
    assert plan(llama, computer(16, card(12)), options()).verdict == "fits"
    assert plan(llama, computer(16, card(12)), options(gpu_layers=20)).verdict == "partly"
    assert plan(llama, computer(16, card(4)), options()).verdict == "too_big"
    assert plan(llama, computer(4), options()).verdict == "too_big"


def test_what_is_too_big_says_why() -> None:
    ram = plan(shape("llama-8b"), computer(4), options()).problem
    assert isinstance(ram, UserError)
    assert ram.text == "The model needs 5.2 GB of memory, and 3.8 GB is free."
    assert ram.code == "too_big"
    gpu = plan(shape("llama-8b"), computer(64, card(4)), options()).problem
    assert gpu is not None
    assert gpu.text == "The model needs 5.5 GB of the memory of CUDA0, and 4.1 GB is free."
    assert plan(shape("llama-8b"), computer(64), options()).problem is None


def test_choosing_by_itself_takes_a_comfortable_context_and_all_layers_that_fit() -> None:
    llama = shape("llama-8b")
    roomy = automatic(llama, computer(64, card(24)), options())
    assert (roomy.verdict, roomy.gpu_layers, roomy.context_size) == ("fits", 33, COMFORTABLE)
    assert automatic(shape("smollm2-135m"), computer(64), options()).context_size == 8192
    # A shorter context rather than layers in RAM.
    shorter = automatic(llama, computer(64, card(5.8)), options())
    assert (shorter.verdict, shorter.gpu_layers) == ("fits", 33)
    assert 512 <= shorter.context_size < COMFORTABLE


def test_choosing_layers_uses_what_the_gpu_has() -> None:
    llama = shape("llama-8b")
    for size in (1, 2, 3, 4, 5):
        pc = computer(64, card(size))
        chosen = automatic(llama, pc, options(), context_size=4096)
        assert chosen.verdict == "partly"
        assert 0 <= chosen.gpu_layers < 33
        assert chosen.gpus[0].fits
        more = plan(llama, pc, msgspec.structs.replace(chosen.options, gpu_layers=chosen.gpu_layers + 1))
        assert not more.gpus[0].fits
    assert automatic(llama, computer(64, card(24)), options(), context_size=65_536).context_size == 65_536


def test_choosing_keeps_what_the_user_chose() -> None:
    chosen = automatic(shape("llama-8b"), computer(64, card(24)), options(gpu_layers=7, kv_type="q8_0"))
    assert (chosen.gpu_layers, chosen.options.kv_type, chosen.verdict) == (7, "q8_0", "partly")


def test_choosing_where_nothing_fits_gives_the_smallest() -> None:
    chosen = automatic(shape("llama-70b"), computer(8, card(8)), options())
    assert (chosen.verdict, chosen.context_size) == ("too_big", 512)
    assert chosen.problem is not None


def test_a_plan_is_ready_to_be_loaded() -> None:
    chosen = automatic(shape("llama-8b"), computer(64, card(5)), LoadOptions(path="/m.gguf", threads=3))
    assert chosen.options.path == "/m.gguf"
    assert chosen.options.threads == 3
    assert chosen.options.gpu_layers == chosen.gpu_layers
    assert chosen.options.context_size == chosen.context_size


def test_the_largest_context_that_fits() -> None:
    llama = shape("llama-8b")
    assert largest_context(llama, computer(1024), options()) == 131_072
    assert largest_context(llama, computer(7), options()) == 16_384
    assert largest_context(llama, computer(7), options(kv_type="q4_0")) == 32_768
    assert largest_context(llama, computer(4), options()) == 0


def test_conversations_set_aside_are_told_apart() -> None:
    assert STORED_BYTES == cache.STORED_BYTES
    assert plan(shape("llama-8b"), computer(64), options()).states == STORED_BYTES
    small = plan(shape("llama-8b"), computer(8), options())
    assert small.states == (8 * GIB - small.host.needed) // 8


# ---------------------------------------------------------------- other ways


def changes(failed: Plan, pc: Machine, name: str = "llama-8b", device: str = "") -> dict[str, Plan]:
    return {retry.change: retry.plan for retry in retries(shape(name), pc, failed, device=device)}


def test_ways_out_when_the_gpu_is_too_small() -> None:
    pc = computer(64, card(6))
    failed = plan(shape("llama-8b"), pc, options(context_size=32_768))
    found = changes(failed, pc, device="CUDA0")
    assert set(found) == {"context_size", "gpu_layers", "cpu"}  # not even q4_0 saves enough
    assert found["context_size"].context_size == 8192
    assert 0 < found["gpu_layers"].gpu_layers <= 24
    assert found["cpu"].gpu_layers == 0
    assert all(way.verdict != "too_big" and way.gpus[0].fits for way in found.values())


def test_ways_out_when_ram_is_too_small() -> None:
    pc = computer(6)
    failed = plan(shape("llama-8b"), pc, options(context_size=16_384))
    assert failed.verdict == "too_big"
    found = changes(failed, pc)
    assert found["context_size"].context_size == 8192
    assert found["kv_type"].options.kv_type == "q8_0"
    assert set(found) == {"context_size", "kv_type"}


def test_a_plan_that_fitted_on_paper_is_changed_enough_to_matter() -> None:
    pc = computer(64, card(24))
    failed = plan(shape("llama-8b"), pc, options(context_size=16_384))
    found = changes(failed, pc)
    assert found["context_size"].context_size <= 8192
    assert found["gpu_layers"].gpu_layers <= 24
    assert set(found) == {"context_size", "kv_type", "gpu_layers", "cpu"}


def test_no_compressed_cache_without_flash_attention_or_for_odd_heads() -> None:
    pc = computer(64)
    failed = plan(shape("llama-8b"), pc, options(flash_attention=False))
    assert "kv_type" not in changes(failed, pc)
    odd = shape_of(dense(head=80))
    assert all(way.change != "kv_type" for way in retries(odd, pc, plan(odd, pc, options())))


def test_no_ways_out_of_a_model_that_is_far_too_big() -> None:
    pc = computer(4, card(4))
    assert not retries(shape("llama-70b"), pc, plan(shape("llama-70b"), pc, options()))


# ---------------------------------------------------------------- what holds for all


@settings(max_examples=60, deadline=None)
@given(
    name=st.sampled_from(sorted(KNOWN)),
    context=st.integers(1, 200_000),
    more=st.integers(0, 100_000),
    layers=st.integers(-1, 90),
    kv_type=st.sampled_from(["f16", "q8_0", "q4_0"]),
    gpus=st.lists(st.floats(0, 90), max_size=3),
)
def test_more_context_never_takes_less(
    name: str, context: int, more: int, layers: int, kv_type: str, gpus: list[float]
) -> None:
    pc = computer(32, *(card(size, f"CUDA{n}") for n, size in enumerate(gpus)))
    asked = options(context_size=context, gpu_layers=layers, kv_type=kv_type)
    small = plan(shape(name), pc, asked)
    large = plan(shape(name), pc, msgspec.structs.replace(asked, context_size=context + more))
    for one, other in zip((small.host, *small.gpus), (large.host, *large.gpus), strict=True):
        assert all(size >= 0 for _, size in one.parts)
        assert one.kv <= other.kv
        assert one.compute <= other.compute
        assert one.needed <= other.needed
        assert one.weights == other.weights
    assert small.context_size <= large.context_size
    assert small.peak >= small.loaded >= 0
    assert (small.verdict == "too_big") == (small.problem is not None)


@settings(max_examples=40, deadline=None)
@given(name=st.sampled_from(sorted(KNOWN)), layers=st.integers(0, 90))
def test_more_layers_on_the_gpu_take_less_ram(name: str, layers: int) -> None:
    pc = computer(128, card(128))
    few = plan(shape(name), pc, options(gpu_layers=layers))
    more = plan(shape(name), pc, options(gpu_layers=layers + 1))
    assert few.gpus[0].weights <= more.gpus[0].weights
    assert few.gpus[0].kv <= more.gpus[0].kv
    assert few.host.weights >= more.host.weights
    assert few.host.kv >= more.host.kv


absurd = st.one_of(
    st.integers(-(1 << 63), (1 << 64) - 1),
    st.sampled_from([0, 1, 2, 31, 512, 513, 1 << 32]),
    st.booleans(),
    st.floats(),
    st.text(max_size=5),
    st.tuples(absurd_item := st.integers(-5, 1 << 40), absurd_item),
    st.builds(ArraySummary, st.just("uint32"), st.integers(0, 1 << 50)),
)
KEYS = (
    *("context_length", "embedding_length", "block_count", "feed_forward_length", "attention.head_count"),
    *("attention.head_count_kv", "attention.key_length", "attention.value_length", "expert_used_count"),
    *("expert_feed_forward_length", "attention.sliding_window", "attention.sliding_window_pattern"),
    *("ssm.conv_kernel", "ssm.inner_size", "ssm.state_size", "ssm.group_count", "wkv.head_size"),
    *("nextn_predict_layers", "full_attention_interval", "shortconv.l_cache", "kda.head_dim"),
    *("attention.shared_kv_layers", "attention.key_length_mla", "attention.indexer.key_length"),
)


@settings(max_examples=150, deadline=None)
@given(
    architecture=st.sampled_from(
        ["llama", "gemma3", "gemma4", "mamba", "lfm2", "qwen3next", "falcon-h1", "x"]
    ),
    values=st.dictionaries(st.sampled_from(KEYS), absurd),
    sound=st.booleans(),
    names=st.lists(st.sampled_from(["blk.0.a", "blk.511.b", "blk.-1.c", "blk.²", "output.weight", "blk"])),
    sizes=st.tuples(st.integers(0, 1 << 60), st.integers(0, 1 << 30)),
)
def test_hostile_headers_are_too_big_or_refused(
    architecture: str, values: dict[str, Any], sound: bool, names: list[str], sizes: tuple[int, int]
) -> None:
    if sound:
        values |= {"block_count": 3, "embedding_length": 64}
    tensors = iter([TensorInfo(name, sizes, "Q4_0", 0) for name in dict.fromkeys(names)])
    pc = computer(16, card(8), card(4, "CUDA1"))
    try:
        made = shape_of(header(architecture, values, tensors))
    except UserError:
        assert not sound
        return
    for found in (plan(made, pc, options()), automatic(made, pc, options())):
        assert all(size >= 0 for need in (found.host, *found.gpus) for _, size in need.parts)
        assert found.problem is None or found.problem.text
    assert largest_context(made, pc, options()) >= 0
    retries(made, pc, plan(made, pc, options()))


def test_headers_without_a_size_are_refused() -> None:
    for values in ({}, {"block_count": 10**9, "embedding_length": 64}, {"block_count": 2}):
        with pytest.raises(UserError, match="how large") as caught:
            shape_of(header("llama", values))
        assert caught.value.code == "bad_shape"


# ---------------------------------------------------------------- this computer


def described(name: str, kind: str, free: int, total: int, description: str = "") -> dict[str, Any]:
    return {
        "name": name,
        "description": description or name,
        "kind": kind,
        "memory_free": free,
        "memory_total": total,
    }


CPU = described("CPU", "CPU", 8 * GIB, 16 * GIB)


def test_the_computer_as_it_is() -> None:
    pc = machine([CPU])
    assert 0 < pc.available < pc.ram_free <= pc.ram_total
    assert pc.gpus == ()


def test_gpus_are_those_that_llama_uses() -> None:
    own = described("CUDA0", "GPU", 7 * GIB, 8 * GIB, "NVIDIA RTX")
    second = described("CUDA1", "GPU", 7 * GIB, 8 * GIB, "NVIDIA RTX")
    again = described("Vulkan0", "GPU", 7 * GIB, 8 * GIB, "NVIDIA RTX")
    small = described("Vulkan1", "IGPU", 7 * GIB, 8 * GIB, "AMD")

    def names(*devices: dict[str, Any]) -> list[str]:
        return [gpu.name for gpu in machine(devices).gpus]

    assert names(CPU, own, again, small) == ["CUDA0"]
    assert names(CPU, own, second, again) == ["CUDA0", "CUDA1"]
    assert names(CPU, small) == ["Vulkan1"]
    assert names(CPU, small, described("SYCL0", "IGPU", GIB, GIB)) == ["Vulkan1"]


def test_what_is_unloaded_gives_its_memory_back() -> None:
    gpu = described("CUDA0", "GPU", 1 * GIB, 8 * GIB)
    before = plan(shape("smollm2-135m"), machine([CPU, gpu]), options())
    assert machine([CPU, gpu], leaving=[before]).gpus[0].free == GIB + before.gpus[0].needed
    large = plan(shape("llama-70b"), machine([CPU, gpu]), options())
    assert machine([CPU, gpu], leaving=[large]).gpus[0].free == 8 * GIB  # no more than there is


@pytest.mark.skipif(sys.platform != "linux", reason="other systems do not count mapped files as available")
def test_a_model_that_stays_keeps_the_file_it_has_mapped() -> None:
    stays = plan(shape("smollm2-135m"), ROOMY, options())
    huge = replace(stays, host=replace(stays.host, mapped=1 << 50))
    assert machine([CPU], staying=[huge]).ram_free == 0


# ---------------------------------------------------------------- what loads have taught


def test_a_difference_is_remembered_for_the_next_plan(tmp_path: Path) -> None:
    llama = shape("llama-8b")
    first = plan(llama, ROOMY, options())
    Corrections(tmp_path).learn("llama", first, host_bytes=first.loaded + 100 * MIB)
    known = Corrections(tmp_path)
    assert known.of("llama") == Correction(host=100 * MIB)
    second = plan(llama, ROOMY, options(context_size=8192), correction=known.of("llama"))
    assert second.host.process == first.host.process + 100 * MIB
    known.learn("llama", second, host_bytes=second.loaded)
    assert known.of("llama") == Correction(host=100 * MIB)
    known.learn("llama", second, host_bytes=second.loaded - 50 * MIB)
    assert known.of("llama") == Correction(host=75 * MIB)  # half of the way


def test_other_models_are_corrected_by_what_is_usual() -> None:
    known = Corrections(None)
    made = plan(shape("llama-8b"), ROOMY, options())
    assert known.of("new") == Correction()
    for name, apart in (("a", 10), ("b", 20), ("c", 500)):
        known.learn(name, made, host_bytes=made.loaded + apart * MIB)
    assert known.of("new") == Correction(host=20 * MIB)


def test_gpus_are_corrected_by_what_llama_says_it_took() -> None:
    known = Corrections(None)
    made = plan(shape("llama-8b"), computer(64, card(24)), options())
    gpu = made.gpus[0]
    took = [
        Buffer("model", "CUDA0", gpu.weights),
        Buffer("KV", "CUDA0", gpu.kv),
        Buffer("compute", "CUDA0", gpu.compute + 30 * MIB),
        Buffer("compute", "CUDA_Host", 99 * MIB),
        Buffer("LoRA", "CUDA0", 99 * MIB),
    ]
    known.learn("llama", made, host_bytes=made.loaded, buffers=took)
    assert known.of("llama") == Correction(gpu=30 * MIB)
    again = plan(shape("llama-8b"), computer(64, card(24)), options(), correction=known.of("llama"))
    assert again.gpus[0].needed == gpu.needed + 30 * MIB


def test_weights_pass_through_ram_on_their_way_to_the_gpu() -> None:
    llama = shape("llama-8b")
    made = plan(llama, computer(64, card(24)), options())
    assert made.moved == made.gpus[0].weights
    assert made.peak == made.loaded + made.moved
    assert made.loaded < 600 * MIB
    known = Corrections(None)
    known.learn("llama", made, host_bytes=made.loaded + 30 * MIB)
    assert known.of("llama").host == 30 * MIB


def test_pages_that_were_not_read_yet_teach_nothing_and_nothing_is_believed_too_far() -> None:
    known = Corrections(None)
    made = plan(shape("llama-8b"), ROOMY, options())
    known.learn("llama", made, host_bytes=made.host.process)
    assert known.of("llama") == Correction()
    known.learn("odd", made, host_bytes=1 << 60)
    assert known.of("odd").host == made.loaded // 2


@pytest.mark.parametrize("data", [b"", b"{", b"[]", b'{"a": 1}', b'{"a": {"host": "much"}}', b"\xff" * 100])
def test_a_damaged_memory_is_forgotten(tmp_path: Path, data: bytes) -> None:
    (tmp_path / "fit.json").write_bytes(data)
    known = Corrections(tmp_path)
    assert known.of("a") == Correction()
    made = plan(shape("llama-8b"), ROOMY, options())
    known.learn("a", made, host_bytes=made.loaded + MIB)
    assert Corrections(tmp_path).of("a") == Correction(host=MIB)


def test_only_the_last_models_are_remembered(tmp_path: Path) -> None:
    known = Corrections(tmp_path)
    made = plan(shape("llama-8b"), ROOMY, options())
    for n in range(Corrections.MOST + 1):
        known.learn(f"model-{n}", made, host_bytes=made.loaded + n * MIB)
    stored = msgspec.json.decode((tmp_path / "fit.json").read_bytes())
    assert len(stored) == Corrections.MOST
    assert "model-0" not in stored
    assert [path.name for path in tmp_path.iterdir()] == ["fit.json"]


# ---------------------------------------------------------------- against llama.cpp


@pytest.mark.parametrize("write", [tiny_llama, tiny_gemma3, tiny_hybrid, tiny_mamba])
def test_caches_are_as_llama_makes_them(tmp_path: Path, write: Callable[[Path], Path]) -> None:
    path = write(tmp_path / "tiny.gguf")
    for size in (100, 700, 4096):
        asked = LoadOptions(path=str(path), context_size=size)
        model = Model(asked)
        made = plan(shape_of(read_header(path)), ROOMY, asked)
        buffers = {kind: sum(b.bytes for b in model.info.buffers if b.kind == kind) for kind in ("KV", "RS")}
        assert made.context_size == model.context_size
        assert made.host.kv == pytest.approx(sum(buffers.values()), abs=20 * KIB)
        model.close()


def test_an_embedding_model_is_planned_as_it_is_loaded(tmp_path: Path) -> None:
    path = tiny_bert(tmp_path / "bert.gguf")
    model = Model(LoadOptions(path=str(path)))
    made = plan(shape_of(read_header(path)), ROOMY, LoadOptions(path=str(path)))
    assert made.context_size == model.context_size
    assert made.host.kv == 0
    model.close()


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells the peak of another process")
def test_the_plan_of_the_starter_is_within_a_tenth_of_what_it_uses() -> None:
    asked = LoadOptions(path=str(Library([]).starter().path), context_size=512)
    made, seen = planned(asked), measure(asked)
    assert made.peak == pytest.approx(seen.peak, rel=0.1)
    assert made.loaded == pytest.approx(seen.loaded, rel=0.1)
