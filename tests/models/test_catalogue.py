from __future__ import annotations

import json
import re
from collections.abc import Iterator
from importlib.resources import files
from pathlib import Path
from typing import Any, get_args

import msgspec
import pytest

from models import catalogue as module
from models.catalogue import CONTEXT, Entry, Purpose, Recommendation, catalogue, recommend, texts
from models.errors import UserError
from models.gguf import FILE_TYPES

GB = 1 << 30
BY_ID = {entry.id: entry for entry in catalogue()}


def best(ram: float, vram: float = 0, purpose: Purpose | None = None) -> Recommendation:
    return recommend(catalogue(), int(ram * GB), int(vram * GB), purpose)[0]


def raw() -> list[dict[str, Any]]:
    data: list[dict[str, Any]] = json.loads(files("resources").joinpath("catalogue.json").read_text("utf-8"))
    return data


# ---------------------------------------------------------------- the file


def test_about_twenty_models_small_to_large() -> None:
    assert 20 <= len(catalogue()) <= 30
    assert len(BY_ID) == len(catalogue())
    assert len({(entry.repo, entry.files) for entry in catalogue()}) == len(catalogue())
    sizes = sorted(entry.size_bytes for entry in catalogue())
    assert sizes[0] < GB / 2
    assert sizes[-1] > 20 * GB


@pytest.mark.parametrize("purpose", get_args(Purpose))
def test_every_purpose_is_served(purpose: Purpose) -> None:
    found = recommend(catalogue(), 64 * GB, purpose=purpose)
    assert len(found) >= 2
    assert all(purpose in entry.capabilities for entry in (one.entry for one in found))
    generates = purpose not in ("embedding", "rerank")
    assert all(one.entry.can_generate == generates for one in found)


def test_several_speak_chinese() -> None:
    assert sum("zh" in entry.languages and "chat" in entry.capabilities for entry in catalogue()) >= 5


@pytest.mark.parametrize("entry", catalogue(), ids=lambda entry: entry.id)
def test_an_entry_makes_sense(entry: Entry) -> None:
    assert all(".." not in part for part in (entry.repo, *entry.files, entry.mmproj))
    assert bool(entry.mmproj) == bool(entry.mmproj_bytes) == ("vision" in entry.capabilities)
    assert entry.quantization in FILE_TYPES.values()
    loose = entry.quantization.replace("_", "[-_]?")
    assert re.search(loose, entry.files[0], re.IGNORECASE)
    assert entry.active_parameters < entry.parameters
    bits = entry.size_bytes * 8 / entry.parameters
    assert 4 < bits < 9, "its size does not agree with its parameters"
    assert bool(entry.kv_bytes_per_token) or not entry.can_generate
    assert entry.context_length >= 2048
    assert len(set(entry.languages)) == len(entry.languages)
    assert entry.needed_bytes > entry.size_bytes


def test_the_sentences_are_there_to_be_translated() -> None:
    assert len(set(texts())) == len(catalogue())
    assert all(text.isprintable() and "{" not in text and text.count(".") >= 1 for text in texts())


def changes() -> Iterator[tuple[str, object]]:
    yield from (("repo", name) for name in ("model", "../x", "a/b/c", "/a/b", "a/..", "a b/c", "a/b\0", ""))
    yield from (("files", name) for name in ([], ["../x.gguf"], ["/x.gguf"], ["x.bin"], ["a\\b.gguf"], "x"))
    yield from (("mmproj", "../x.gguf"), ("id", "A b"), ("released", "2025-13"), ("quality", 0))
    yield from (("size_bytes", 0), ("size_bytes", "4 GB"), ("parameters", -1), ("languages", ["english"]))
    yield from (("capabilities", ["magic"]), ("capabilities", []), ("description", "no sentence"))
    yield ("unknown", 1)


@pytest.mark.parametrize(("key", "value"), list(changes()))
def test_a_wrong_entry_is_refused(key: str, value: object) -> None:
    sound = raw()[0]
    msgspec.convert(sound, Entry)
    with pytest.raises(msgspec.ValidationError):
        msgspec.convert({**sound, key: value}, Entry)


def test_a_broken_catalogue_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "files", lambda _: tmp_path)
    for content in (None, "", "[{}]", "{", "\0"):
        if content is not None:
            (tmp_path / "catalogue.json").write_text(content)
        module.catalogue.cache_clear()
        with pytest.raises(UserError, match="cannot be read") as caught:
            catalogue()
        assert caught.value.code == "catalogue"
    monkeypatch.undo()
    module.catalogue.cache_clear()
    assert catalogue()


# ---------------------------------------------------------------- memory


def test_the_memory_of_a_model() -> None:
    coder = BY_ID["qwen3-coder-30b-a3b-instruct"]
    assert coder.kv_bytes_per_token == 48 * 4 * 128 * 2 * 2  # layers, kv heads, their width, k and v, f16
    assert coder.needed_bytes == coder.size_bytes + coder.kv_bytes_per_token * CONTEXT + module.OVERHEAD_BYTES
    assert coder.bytes_per_token < coder.size_bytes / 9
    dense = BY_ID["qwen3.5-9b"]
    assert dense.bytes_per_token == dense.size_bytes
    assert dense.needed_bytes > dense.size_bytes + dense.mmproj_bytes
    short = BY_ID["nomic-embed-text-v1.5"]
    assert short.needed_bytes == short.size_bytes + module.OVERHEAD_BYTES


# ---------------------------------------------------------------- recommendations

MACHINES = {
    "an old laptop": (4, 0, "qwen3.5-2b"),
    "a small laptop": (8, 0, "qwen3.5-4b"),
    "a laptop": (16, 0, "qwen3.5-9b"),
    "a laptop with a small card": (16, 4, "qwen3.5-9b"),
    "a laptop with a card": (16, 8, "qwen3.5-9b"),
    "a good laptop": (32, 0, "gemma-4-26b-a4b-it"),
    "a desktop with a large card": (32, 24, "qwen3.8-27b"),
    "much memory": (64, 0, "qwen3.6-35b-a3b"),
    "everything": (128, 48, "qwen3.8-27b"),
}


@pytest.mark.parametrize(("ram", "vram", "expected"), MACHINES.values(), ids=MACHINES.keys())
def test_the_best_for_a_machine(ram: int, vram: int, expected: str) -> None:
    found = best(ram, vram)
    assert (found.entry.id, found.verdict) == (expected, "fits")


def test_the_best_for_a_purpose() -> None:
    assert best(4, purpose="code").entry.id == "qwen2.5-coder-1.5b-instruct"
    assert best(8, purpose="code").entry.id == "qwen3.5-4b"
    assert best(32, purpose="code").entry.id == "qwen3-coder-30b-a3b-instruct"
    assert best(16, purpose="vision").entry.mmproj
    assert best(4, purpose="embedding").entry.id == "qwen3-embedding-0.6b"
    assert best(2, purpose="embedding").entry.id == "bge-m3"
    assert best(8, purpose="rerank").verdict == "fits"


def test_the_verdicts() -> None:
    entry = BY_ID["qwen3.5-9b"]
    needed = entry.needed_bytes

    def verdict(ram: float, vram: float = 0) -> tuple[str, str]:
        (found,) = recommend([entry], int(ram), int(vram))
        return found.verdict, found.why

    assert verdict(needed / 0.59) == ("fits", "It fits into memory and leaves room for other programs.")
    assert verdict(needed / 0.61) == ("partly", "It fits only when few other programs are open.")
    assert verdict(needed / 0.81) == ("too_big", "It needs more memory than this computer has.")
    assert verdict(0, needed / 0.89) == ("fits", "It runs on the graphics card and is fast there.")
    assert verdict(needed, needed / 2)[0] == "partly"
    assert verdict(0, needed / 0.91)[0] == "too_big"
    assert verdict(needed / 3, needed / 3)[0] == "too_big"


def test_what_would_crawl_comes_after_what_is_quick() -> None:
    found = recommend(catalogue(), 64 * GB)
    slow = [one for one in found if one.verdict == "fits" and "slowly" in one.why]
    quick = [one for one in found if one.verdict == "fits" and "slowly" not in one.why]
    assert {"qwen3.8-27b", "gemma-4-12b-it"} <= {one.entry.id for one in slow}
    assert found == [*quick, *slow]
    assert max(one.entry.quality for one in slow) > quick[0].entry.quality


@pytest.mark.parametrize("vram", [0, 4, 12])
@pytest.mark.parametrize("ram", [0, 1, 2, 4, 8, 16, 24, 32, 64, 128])
def test_the_list_is_whole_and_in_order(ram: int, vram: int) -> None:
    found = recommend(catalogue(), ram * GB, vram * GB)
    assert {one.entry.id for one in found} == {e.id for e in catalogue() if "chat" in e.capabilities}
    verdicts = [one.verdict for one in found]
    assert verdicts == sorted(verdicts, key=["fits", "partly", "too_big"].index)
    too_big = [one.entry.size_bytes for one in found if one.verdict == "too_big"]
    assert too_big == sorted(too_big)


def test_more_memory_never_makes_it_worse() -> None:
    ranks = {"too_big": 0, "partly": 1, "fits": 2}
    before = dict.fromkeys(BY_ID, 0)
    for ram in range(1, 130):
        for found in recommend(catalogue(), ram * GB):
            now = ranks[found.verdict]
            assert now >= before[found.entry.id]
            before[found.entry.id] = now
