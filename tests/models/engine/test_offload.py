"""The starter model on a graphics card, where llama.cpp has a backend for one and finds one."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from tiny_models import tiny_llama

from models.engine.child import backend_facts, devices
from models.engine.client import ProcessEngine
from models.engine.protocol import GPU_KINDS, Finished, LoadOptions, Request, Sampling, TextDelta
from models.errors import UserError

PROMPT = "The lighthouse keeper looked out over the sea, and then she"
ANSWER = 128
START = 40
"""Characters of the answer that must be the same; further on, other kernels may round another way."""


@pytest.fixture(scope="module")
def graphics_card() -> str:
    """The name of the first graphics card; skips where there is none."""
    facts = backend_facts()
    if facts.why_no_gpu:
        pytest.skip(" ".join((facts.why_no_gpu, *facts.messages)))
    return next(str(device["name"]) for device in facts.devices if device["kind"] in GPU_KINDS)


@pytest.fixture
def card(graphics_card: str, starter: Path) -> Iterator[ProcessEngine]:
    engine = ProcessEngine.start(LoadOptions(path=str(starter), context_size=1024))
    yield engine
    engine.close()


@pytest.fixture
def processor(graphics_card: str, starter: Path) -> Iterator[ProcessEngine]:
    engine = ProcessEngine.start(LoadOptions(path=str(starter), context_size=1024, gpu_layers=0))
    yield engine
    engine.close()


def free(name: str) -> int:
    """Bytes that are free on a device."""
    return next(int(device["memory_free"]) for device in devices() if device["name"] == name)


def answer(engine: ProcessEngine, id: str) -> tuple[str, Finished]:
    tokens = tuple(engine.tokenize(PROMPT))
    request = Request(id=id, tokens=tokens, sampling=Sampling(temperature=0), max_tokens=ANSWER)
    events = list(engine.submit(request))
    end = events[-1]
    assert isinstance(end, Finished)
    return "".join(event.text for event in events if isinstance(event, TextDelta)), end


def test_all_layers_are_put_on_the_card_and_it_holds_them(graphics_card: str, starter: Path) -> None:
    before = free(graphics_card)
    engine = ProcessEngine.start(LoadOptions(path=str(starter), context_size=1024))
    try:
        held = before - free(graphics_card)
        info = engine.info
        assert info.gpu_layers == info.layers + 1
        assert info.device.startswith(graphics_card)
        kinds = {buffer.kind for buffer in info.buffers if buffer.device == graphics_card}
        assert {"model", "KV", "compute"} <= kinds
        weights = sum(b.bytes for b in info.buffers if (b.kind, b.device) == ("model", graphics_card))
        assert weights > info.size_bytes / 2  # the table of the words' embeddings stays with the processor
        assert held > weights
        print(f"\n{info.device} holds {held >> 20} MiB, {weights >> 20} MiB of them weights")  # noqa: T201
    finally:
        engine.close()


def test_the_card_says_the_same_and_how_much_faster(card: ProcessEngine, processor: ProcessEngine) -> None:
    assert processor.info.gpu_layers == 0
    answer(card, "warm")
    answer(processor, "warm")
    (fast, on_card), (slow, on_processor) = answer(card, "a"), answer(processor, "a")
    assert fast[:START] == slow[:START]
    speeds = [end.timings.tokens_per_second for end in (on_card, on_processor)]
    assert all(speeds)
    print(  # noqa: T201
        f"\n{card.info.device}: {speeds[0]:.0f} tokens per second, the processor {speeds[1]:.0f}: "
        f"{speeds[0] / speeds[1]:.1f} times as fast"
    )


def test_some_layers_may_stay_with_the_processor(graphics_card: str, starter: Path) -> None:
    engine = ProcessEngine.start(LoadOptions(path=str(starter), context_size=1024, gpu_layers=10))
    try:
        assert engine.info.gpu_layers == 10
        places = {buffer.device for buffer in engine.info.buffers if buffer.kind == "KV"}
        assert {"CPU", graphics_card} <= places
    finally:
        engine.close()


def test_a_context_that_the_card_has_no_room_for_says_so(graphics_card: str, tmp_path: Path) -> None:
    path = tiny_llama(tmp_path / "absurd.gguf", context_length=1 << 30)
    with pytest.raises(UserError) as caught:
        ProcessEngine.start(LoadOptions(path=str(path), context_size=1 << 29))
    assert caught.value.code == "no_memory"
    assert caught.value.params["part"] == "context"
