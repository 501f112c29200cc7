"""LoRA adapters on real models: what they change, and that nothing of one set is met with another."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from itertools import count
from pathlib import Path

import numpy as np
import pytest
from tiny_models import lora_file, tiny_bert, tiny_gemma3, tiny_hybrid, tiny_llama, tiny_lora

from models.engine.client import Engine, InProcessEngine, ProcessEngine
from models.engine.protocol import Adapter, Finished, LoadOptions, Request, Sampling, TextDelta
from models.errors import RolltopError, UserError

TEXT = "The light house keeper could see the long way down to the sea. " * 4
Load = Callable[..., InProcessEngine]


@pytest.fixture
def load() -> Iterator[Load]:
    """Engines that are closed after the test."""
    engines: list[InProcessEngine] = []

    def start(path: Path, *adapters: Adapter) -> InProcessEngine:
        options = LoadOptions(path=str(path), context_size=512, threads=1, adapters=adapters)
        engines.append(InProcessEngine.start(options))
        return engines[-1]

    yield start
    for engine in engines:
        engine.close()


@pytest.fixture
def model(tmp_path: Path) -> Path:
    return tiny_llama(tmp_path / "model.gguf")


@pytest.fixture
def lora(tmp_path: Path, model: Path) -> str:
    return str(tiny_lora(tmp_path / "lora.gguf", model))


_ids = count()


def request(engine: Engine, text: str = TEXT) -> Request:
    tokens = tuple(engine.tokenize(text))
    return Request(id=f"r{next(_ids)}", tokens=tokens, sampling=Sampling(temperature=0), max_tokens=12)


def text_of(events: list[object]) -> str:
    return "".join(event.text for event in events if isinstance(event, TextDelta))


def answer(engine: Engine, text: str = TEXT) -> tuple[str, int]:
    """What the model says next, and how many tokens of the prompt were cached."""
    events: list[object] = [*engine.submit(request(engine, text))]
    end = events[-1]
    assert isinstance(end, Finished)
    return text_of(events), end.usage.cached_tokens


def test_the_starter_takes_an_adapter_by_its_strength_and_gives_it_back(
    starter: Path, tmp_path: Path
) -> None:
    path = str(tiny_lora(tmp_path / "lora.gguf", starter))
    options = LoadOptions(path=str(starter), context_size=512, adapters=(Adapter(path, 1.0),))
    engine = ProcessEngine.start(options)
    try:
        changed = answer(engine, "The sea is")[0]
        engine.set_adapters([])
        plain = answer(engine, "The sea is")[0]
        engine.set_adapters([Adapter(path, 0.0)])
        assert answer(engine, "The sea is")[0] == plain != changed
        engine.set_adapters([Adapter(path, 1.0)])
        assert answer(engine, "The sea is")[0] == changed
        assert engine.info.adapters == (Adapter(path, 1.0),)
        held = sum(buffer.bytes for buffer in engine.info.buffers if buffer.kind == "LoRA")
        assert held == pytest.approx(Path(path).stat().st_size, rel=0.1)
        assert engine.info.memory_bytes == sum(buffer.bytes for buffer in engine.info.buffers)
    finally:
        engine.close()


def test_an_adapter_that_is_there_from_the_start_does_the_same_as_one_put_on_later(
    load: Load, model: Path, lora: str
) -> None:
    first, later = load(model, Adapter(lora)), load(model)
    plain = answer(later)[0]
    later.set_adapters([Adapter(lora)])
    assert answer(first)[0] == answer(later)[0] != plain


def test_two_adapters_add_up_and_one_named_twice_counts_twice(
    load: Load, model: Path, lora: str, tmp_path: Path
) -> None:
    other = str(tiny_lora(tmp_path / "other.gguf", model, changes=("ffn_down", "token_embd"), seed=1))
    engine = load(model)
    said = {}
    sets = {
        "one": [Adapter(lora)],
        "other": [Adapter(other)],
        "both": [Adapter(lora), Adapter(other)],
        "the other way round": [Adapter(other), Adapter(lora)],
        "halves": [Adapter(lora, 0.5), Adapter(lora, 0.5)],
    }
    for name, adapters in sets.items():
        engine.set_adapters(adapters)
        said[name] = answer(engine)[0]
    assert len({said["one"], said["other"], said["both"]}) == 3
    assert said["both"] == said["the other way round"]
    assert said["one"] == said["halves"]


@pytest.mark.parametrize("make", [tiny_llama, tiny_gemma3, tiny_hybrid])
def test_what_was_cached_is_met_again_only_with_the_same_adapters(
    make: Callable[[Path], Path], load: Load, tmp_path: Path
) -> None:
    path = make(tmp_path / "model.gguf")
    lora = str(tiny_lora(tmp_path / "lora.gguf", path))
    sets: list[list[Adapter]] = [[], [Adapter(lora)], [Adapter(lora, 0.5)]]
    fresh = [answer(load(path, *adapters))[0] for adapters in sets]
    assert len(set(fresh)) == 3
    engine = load(path)
    for visit in range(3):
        for adapters, expected in zip(sets, fresh, strict=True):
            engine.set_adapters(adapters)
            said, cached = answer(engine)
            assert said == expected
            assert bool(cached) == bool(visit)


def test_a_file_that_took_the_place_of_another_is_another_adapter(load: Load, model: Path, lora: str) -> None:
    engine = load(model, Adapter(lora))
    first = answer(engine)[0]
    tiny_lora(Path(lora), model, seed=5)
    engine.set_adapters([Adapter(lora)])
    assert answer(engine) == (answer(load(model, Adapter(lora)))[0], 0)
    assert answer(engine)[0] != first


def test_what_runs_and_waits_is_finished_before_the_change(load: Load, model: Path, lora: str) -> None:
    engine = load(model)
    texts = [TEXT, TEXT + " the end", "Hello world, this is"]
    plain = [answer(engine, text)[0] for text in texts]
    streams = [engine.submit(request(engine, text)) for text in texts]
    with ThreadPoolExecutor(2) as threads:
        change = threads.submit(engine.set_adapters, [Adapter(lora)])
        assert [text_of([*stream]) for stream in streams] == plain
        change.result(20)
        late = threads.submit(answer, engine).result(20)
    assert late[0] == answer(load(model, Adapter(lora)))[0] != plain[0]


def bad_adapters(folder: Path, model: Path) -> Iterator[tuple[str, Path]]:
    good = tiny_lora(folder / "good.gguf", model)
    yield "the model itself", model
    yield "missing", folder / "missing.gguf"
    yield "a folder", folder
    (folder / "cut.gguf").write_bytes(good.read_bytes()[:-5000])
    yield "cut short", folder / "cut.gguf"
    (folder / "text.gguf").write_text("not an adapter")
    yield "text", folder / "text.gguf"
    yield "another kind", tiny_lora(folder / "g.gguf", tiny_gemma3(folder / "gemma.gguf"))
    query = "blk.0.attn_q.weight"
    shapes: dict[str, tuple[tuple[int, ...], tuple[int, ...]]] = {
        "too narrow": ((4, 32), (64, 4)),
        "two ranks": ((4, 64), (64, 8)),
        "three dimensions": ((2, 4, 64), (2, 64, 4)),
        "too high": ((4, 64), (96, 4)),
    }
    for name, (a, b) in shapes.items():
        sides = {f"{query}.lora_a": np.zeros(a), f"{query}.lora_b": np.zeros(b)}
        yield name, lora_file(folder / f"{name}.gguf", "llama", sides)
    right = {f"{query}.lora_a": np.zeros((4, 64)), f"{query}.lora_b": np.zeros((64, 4))}
    yield "no strength", lora_file(folder / "alpha.gguf", "llama", right, alpha=1)
    yield "activated", lora_file(folder / "activated.gguf", "llama", right, invocation=[1, 2, 3])
    whole = {name: values.astype(np.int32) for name, values in right.items()}
    yield "whole numbers", lora_file(folder / "whole.gguf", "llama", whole)
    yield "half", lora_file(folder / "half.gguf", "llama", {f"{query}.lora_a": np.zeros((4, 64))})
    yield "nothing", lora_file(folder / "nothing.gguf", "llama", {})
    unknown = {name.replace("attn_q", "attn_x"): values for name, values in right.items()}
    yield "a tensor that is not there", lora_file(folder / "unknown.gguf", "llama", unknown)


def test_files_that_are_no_adapters_of_this_model_are_refused_and_those_it_has_stay(
    load: Load, model: Path, lora: str, tmp_path: Path
) -> None:
    engine = load(model, Adapter(lora))
    said = answer(engine)[0]
    for name, path in bad_adapters(tmp_path, model):
        with pytest.raises(UserError) as caught:
            engine.set_adapters([Adapter(str(tmp_path / "good.gguf"), 0.5), Adapter(str(path))])
        assert caught.value.text, name
        assert caught.value.hint, name
        assert engine.info.adapters == (Adapter(lora),), name
        assert answer(engine)[0] == said, name
    with pytest.raises(UserError):
        engine.set_adapters([Adapter(lora, float("nan"))])


def test_an_adapter_for_embeddings_that_are_the_output_too_is_refused(
    starter: Path, load: Load, tmp_path: Path
) -> None:
    path = tiny_lora(tmp_path / "lora.gguf", starter, changes=("token_embd",))
    with pytest.raises(UserError, match="second time"):
        load(starter, Adapter(str(path)))


def test_a_model_that_only_embeds_takes_none(load: Load, tmp_path: Path) -> None:
    bert = tiny_bert(tmp_path / "bert.gguf")
    lora = tiny_lora(tmp_path / "lora.gguf", bert)
    with pytest.raises(RolltopError, match="embeddings"):
        load(bert, Adapter(str(lora)))
    load(bert).set_adapters([])
