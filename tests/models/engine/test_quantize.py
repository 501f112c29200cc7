"""Models written again in other types, by llama.cpp in its own process."""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import psutil
import pytest
from tiny_models import tiny_bert, tiny_gemma3, tiny_llama, tiny_lora, tiny_mamba

from models.engine import child, quantize
from models.engine.client import ProcessEngine, result_of
from models.engine.protocol import LoadOptions
from models.engine.quantize import PART, TYPES, quantizing
from models.errors import EngineDied, RolltopError, UserError
from models.gguf import FILE_TYPES, read_header


@pytest.fixture
def source(tmp_path: Path) -> Path:
    return tiny_llama(tmp_path / "source.gguf")


def left_in(folder: Path) -> set[str]:
    return {path.name for path in folder.iterdir()}


def test_a_model_becomes_smaller_and_still_answers(tmp_path: Path, source: Path) -> None:
    target = tmp_path / "small.gguf"
    work, seen = quantizing(source, target, "Q8_0"), list[float]()
    with pytest.raises(StopIteration) as end:  # noqa: PT012  the loop is what raises
        while True:
            seen.append(next(work))
            assert not target.exists()
    assert end.value.value == target
    assert left_in(tmp_path) == {"source.gguf", "small.gguf"}
    assert seen == sorted(seen)
    assert 0 <= seen[0] < seen[-1] <= 1
    before, after = read_header(source), read_header(target)
    assert after.quantization == "Q8_0"
    assert after.parameters == before.parameters
    assert after.size_bytes < before.size_bytes / 2
    answers = []
    for path in (source, target):
        engine = ProcessEngine.start(LoadOptions(path=str(path), context_size=256, threads=1))
        tokens = engine.tokenize("the light house keeper could see the sea")
        answers.append(np.array(engine.score(tokens[:4], tokens[4:])))
        engine.close()
    assert not np.array_equal(*answers)
    assert np.allclose(*answers, atol=0.5)


@pytest.mark.parametrize("offered", [offered.name for offered in TYPES])
def test_every_type_that_is_offered_can_be_written(tmp_path: Path, source: Path, offered: str) -> None:
    target = result_of(quantizing(source, tmp_path / "small.gguf", offered))
    assert read_header(target).quantization == offered


def test_the_types_are_named_as_files_name_them_and_get_smaller() -> None:
    assert {offered.file_type: offered.name for offered in TYPES}.items() <= FILE_TYPES.items()
    bits = [offered.bits for offered in TYPES]
    assert bits == sorted(bits, reverse=True)


def test_other_kinds_of_models_can_be_written(tmp_path: Path) -> None:
    for make in (tiny_gemma3, tiny_mamba, tiny_bert):
        path = make(tmp_path / f"{make.__name__}.gguf")
        target = result_of(quantizing(path, tmp_path / f"{make.__name__}-small.gguf", "Q8_0"))
        assert read_header(target).quantization == "Q8_0"


def test_only_q8_0_may_be_made_smaller_once_more(tmp_path: Path, source: Path, starter: Path) -> None:
    half = result_of(quantizing(source, tmp_path / "half.gguf", "Q8_0"))
    assert result_of(quantizing(half, tmp_path / "quarter.gguf", "Q4_K_M"))
    small = tmp_path / "small.gguf"
    for path, offered in ((tmp_path / "quarter.gguf", "Q2_K"), (starter, "Q2_K"), (half, "Q8_0")):
        with pytest.raises(UserError) as caught:
            next(quantizing(path, small, offered))
        assert caught.value.code == "quantized"
    assert not small.exists()


def test_what_is_no_model_is_refused(tmp_path: Path, source: Path) -> None:
    small = tmp_path / "small.gguf"
    (tmp_path / "text.gguf").write_text("no model")
    (tmp_path / "cut.gguf").write_bytes(source.read_bytes()[:-1000])
    lora = tiny_lora(tmp_path / "lora.gguf", source)
    for path in (tmp_path / "text.gguf", tmp_path / "cut.gguf", lora, tmp_path / "missing.gguf", tmp_path):
        with pytest.raises(UserError):
            next(quantizing(path, small, "Q8_0"))
    with pytest.raises(UserError):
        next(quantizing(source, small, "Q9"))
    assert not {"small.gguf", "small.gguf" + PART} & left_in(tmp_path)


def test_a_file_that_is_there_is_never_overwritten(tmp_path: Path, source: Path) -> None:
    target = tmp_path / "small.gguf"
    target.write_text("mine")
    with pytest.raises(UserError) as caught:
        next(quantizing(source, target, "Q8_0"))
    assert caught.value.code == "exists"
    with pytest.raises(UserError):
        next(quantizing(source, source, "Q8_0"))
    assert target.read_text() == "mine"


def test_room_on_the_disk_is_checked_before_a_byte_is_written(
    tmp_path: Path, source: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    room = SimpleNamespace(free=quantize.SPARE + 100_000)
    monkeypatch.setattr("models.engine.quantize.shutil.disk_usage", lambda _path: room)
    with pytest.raises(UserError) as caught:
        result_of(quantizing(source, tmp_path / "small.gguf", "Q8_0"))
    assert caught.value.code == "no_space"
    size = caught.value.params["bytes"]
    assert left_in(tmp_path) == {"source.gguf"}
    room.free = quantize.SPARE + int(str(size))
    made = result_of(quantizing(source, tmp_path / "small.gguf", "Q8_0"))
    assert sum(tensor.size_bytes for tensor in read_header(made).tensors) == pytest.approx(size, rel=0.05)


def test_a_folder_that_cannot_be_written_to_is_told(tmp_path: Path, source: Path) -> None:
    with pytest.raises(UserError) as caught:
        result_of(quantizing(source, tmp_path / "missing" / "small.gguf", "Q8_0"))
    assert caught.value.code == "not_written"


def large(path: Path) -> Path:
    """A model that takes a while to be written."""
    return tiny_llama(path, feed_forward=1 << 14)


def being_written(target: Path) -> bool:
    part = target.with_name(target.name + PART)
    return part.exists() and part.stat().st_size > 1 << 16


def test_closing_it_ends_the_process_and_leaves_nothing_behind(tmp_path: Path) -> None:
    source = large(tmp_path / "source.gguf")
    work = quantizing(source, tmp_path / "small.gguf", "IQ4_NL")
    while not being_written(tmp_path / "small.gguf"):
        next(work)
    work.close()
    assert left_in(tmp_path) == {"source.gguf"}
    assert not psutil.Process().children()


def test_a_process_that_dies_leaves_nothing_behind(tmp_path: Path) -> None:
    source = large(tmp_path / "source.gguf")
    with pytest.raises(EngineDied):  # noqa: PT012  the loop is what raises
        for _ in quantizing(source, tmp_path / "small.gguf", "IQ4_NL"):
            if being_written(tmp_path / "small.gguf"):
                for process in psutil.Process().children():
                    process.send_signal(signal.SIGKILL)
    assert left_in(tmp_path) == {"source.gguf"}


def test_the_process_ends_with_the_app_and_the_next_one_starts_anew(tmp_path: Path) -> None:
    source, target = large(tmp_path / "source.gguf"), tmp_path / "small.gguf"
    script = (
        "from pathlib import Path\n"
        "from models.engine.quantize import quantizing\n"
        f"for _ in quantizing(Path({str(source)!r}), Path({str(target)!r}), 'IQ4_NL'):\n"
        "    pass\n"
    )
    app = subprocess.Popen([sys.executable, "-c", script])
    while not being_written(target):
        assert app.poll() is None
        time.sleep(0.01)
    children = psutil.Process(app.pid).children()
    app.kill()
    app.wait()
    assert not psutil.wait_procs(children, timeout=20)[1]
    target.with_name(target.name + PART).write_bytes(b"what an app that was killed may leave")
    assert result_of(quantizing(source, target, "Q8_0")) == target
    assert left_in(tmp_path) == {"source.gguf", "small.gguf"}


def test_what_does_not_load_is_not_kept(
    tmp_path: Path, source: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    broken = (
        "import os, sys\n"
        "from models.engine import llama, process, quantize\n"
        "make = llama.quantize\n"
        "def spoil(source, target, *rest, **options):\n"
        "    size = make(source, target, *rest, **options)\n"
        "    if not options.get('dry_run'):\n"
        "        os.truncate(target, os.path.getsize(target) // 2)\n"
        "    return size\n"
        "llama.quantize = spoil\n"
        "process.run(quantize.serve, int(sys.argv[1]))\n"
    )
    monkeypatch.setattr(child, "command", lambda role: [sys.executable, "-c", broken])
    with pytest.raises(RolltopError):
        result_of(quantizing(source, tmp_path / "small.gguf", "Q8_0"))
    assert left_in(tmp_path) == {"source.gguf"}
