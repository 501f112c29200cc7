from __future__ import annotations

import struct
from collections import Counter
from pathlib import Path

import mutate
import pytest
from gguf import GGUFWriter
from mutate import (
    DAMAGE,
    Mutant,
    Source,
    Tally,
    engine_outcome,
    mutant,
    read_outcome,
    runnable_mutants,
    sources,
    survey,
    write_sources,
)

from models.gguf import read_header

READ = 2000
"""Mutants that are read here; `tests/benchmarks/mutants.py` reads as many as it is told."""
RUN = 20
"""Mutants that the real engine loads here."""
PEAK_BYTES = 64 << 20
"""Memory that reading one header may take."""


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    place = tmp_path_factory.mktemp("sound")
    write_sources(place)
    return place


@pytest.fixture(scope="module")
def sound(folder: Path) -> list[Source]:
    return sources(folder)


def test_the_sound_models_are_read(folder: Path) -> None:
    assert {path.stem: read_outcome(path) for path in folder.iterdir()} == dict.fromkeys(
        ("mmproj", "shard", "tiny_bert", "tiny_gemma3", "tiny_hybrid", "tiny_llama", "tiny_mamba"), "read"
    )


def test_the_parts_of_a_header_are_found(sound: list[Source]) -> None:
    for model in sound:
        for field in (field for fields in model.fields.values() for field in fields):
            assert field.at + field.width * field.count <= len(model.head)
        (count,) = struct.unpack_from("<Q", model.head, model.fields["key count"][0].at)
        assert (len(model.keys), len(model.keys)) == (count, len(model.fields["key length"]))
        assert model.keys[0].start == 24
        assert model.tensors[-1].end > len(model.head) - 64


def test_a_mutant_is_the_same_each_time(sound: list[Source]) -> None:
    names = set()
    for seed in range(100):
        made = mutant(sound, seed)
        assert made == mutant(sound, seed)
        assert made != mutant(sound, seed + 1)
        names.update(made.name.split(", ")[1].split(" and "))
    assert names == {harm.__name__ for harm in DAMAGE}


def test_mutants_are_read_or_refused_and_cost_little() -> None:
    tally = Tally()
    for _, tally in survey(READ):  # noqa: B007
        pass
    assert tally.faults == []
    assert sum(tally.outcomes.values()) == READ
    assert set(tally.outcomes) <= {"read", "damaged", "cut_short", "not_gguf", "gguf_version", "empty"}
    assert min(tally.outcomes["read"], tally.outcomes["damaged"], tally.outcomes["cut_short"]) > READ // 50
    assert sum(tally.library.values()) == READ // 4
    assert tally.library["model"] > 0
    assert tally.peak_bytes < PEAK_BYTES


LOUD = {
    "a tensor of a type to come": ([(1 << 59,)], 99, 256, "cut_short"),
    "tensors in one place": ([(1 << 20,)] * 8, 0, 4 << 20, "damaged"),
}


@pytest.mark.parametrize(("shapes", "kind", "data", "code"), LOUD.values(), ids=LOUD.keys())
def test_a_file_has_no_more_numbers_than_room(
    shapes: list[tuple[int]], kind: int, data: int, code: str, tmp_path: Path
) -> None:
    head = b"GGUF" + struct.pack("<IQQ", 3, len(shapes), 0)
    for n, (width,) in enumerate(shapes):
        head += struct.pack("<Q2sIQIQ", 2, f"t{n}".encode(), 1, width, kind, 0)
    path = tmp_path / "loud.gguf"
    Mutant("loud", head + bytes(-len(head) % 32), b"", 1024 + data).write(path)
    assert read_outcome(path) == code


def test_absurd_numbers_are_as_good_as_none(tmp_path: Path) -> None:
    writer = GGUFWriter(tmp_path / "absurd.gguf", "llama")
    writer.add_uint64("llama.context_length", 1 << 63)
    writer.add_uint64("llama.embedding_length", (1 << 32) - 1)
    writer.add_uint32("llama.block_count", 1 << 31)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.close()
    header = read_header(tmp_path / "absurd.gguf")
    assert (header.context_length, header.embedding_size, header.layers) == (0, (1 << 32) - 1, 0)


def test_a_reader_that_breaks_its_promise_is_told_with_the_seed(tmp_path: Path) -> None:
    script = tmp_path / "script.py"
    script.write_text(BROKEN_READER.format(tests=str(Path(mutate.__file__).parent)))
    tally = Tally()
    for _, tally in survey(20, script=script, hang_s=4):  # noqa: B007
        pass
    told = sorted(tally.faults)
    assert [fault.split(":")[0] for fault in told] == ["seed 3", "seed 5", "seed 7", "seed 9"]
    assert "KeyError" in told[0]
    assert "ended with -6" in told[1]
    assert "ended with -9" in told[2]
    assert "MemoryError" in told[3]


BROKEN_READER = """
import os, sys, time
sys.path.insert(0, {tests!r})
import mutate

sound, at = mutate.read_outcome, sys.argv[1] + "/at-" + sys.argv[2]

def read(path):
    seed = int(open(at).read())
    if seed == 3: raise KeyError("three")
    if seed == 5: os.abort()
    if seed == 7: time.sleep(600)
    if seed == 9: bytearray(1 << 30)
    return sound(path)

mutate.read_outcome = read
mutate.read_some(sys.argv[1:])
"""


# ---------------------------------------------------------------- the real engine


@pytest.fixture(scope="module")
def runnable(folder: Path) -> list[Source]:
    return sources(folder, runnable=True)


def test_sound_models_run(folder: Path) -> None:
    assert engine_outcome(folder / "tiny_llama.gguf") == "ran"


def test_an_engine_survives_or_dies_with_a_name(runnable: list[Source], tmp_path: Path) -> None:
    path = tmp_path / "mutant.gguf"
    outcomes: Counter[str] = Counter()
    for made in runnable_mutants(runnable, RUN, path):
        outcome = engine_outcome(path)
        assert outcome != "HANG", made
        outcomes[outcome] += 1
    assert sum(outcomes.values()) == RUN
    assert outcomes["ran"] > 0
    assert outcomes["ran"] < RUN
