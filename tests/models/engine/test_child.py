"""The life of a child process, and what becomes of a load that finds no memory."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from tiny_models import tiny_gemma3, tiny_llama

from models.engine import child
from models.engine.child import Child, backend_facts, devices, may_use_gpu
from models.engine.client import ProcessEngine
from models.engine.protocol import NO_GPU_BACKENDS, BackendFacts, LoadOptions, Tokenize
from models.errors import EngineDied, EngineError, RolltopError

LOAD_WITH_LITTLE_MEMORY = """
import json, resource, sys
from models.engine.client import ProcessEngine
from models.engine.protocol import LoadOptions
from models.errors import RolltopError

resource.setrlimit(resource.RLIMIT_AS, (int(sys.argv[1]) << 20,) * 2)
try:
    ProcessEngine.start(LoadOptions(path=sys.argv[2], context_size=int(sys.argv[3]), threads=1)).close()
except RolltopError as error:
    print(json.dumps([type(error).__name__, error.code, error.params.get("part"), error.text]))
"""


def load_with(mebibytes: int, path: Path, context_size: int) -> list[Any]:
    """The class, code, part and text of the error of a load in so much address space."""
    arguments = [str(mebibytes), str(path), str(context_size)]
    command = [sys.executable, "-c", LOAD_WITH_LITTLE_MEMORY, *arguments]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60)
    return list(json.loads(done.stdout)) if done.stdout else [done.stderr]


@pytest.mark.skipif(sys.platform != "linux", reason="limits the address space as only Linux does")
def test_a_load_that_finds_no_memory_says_what_for(tmp_path: Path) -> None:
    absurd = tiny_llama(tmp_path / "absurd.gguf", context_length=1 << 26)
    kind, code, part, text = load_with(2000, absurd, 1 << 22)
    assert (kind, code, part) == ("UserError", "no_memory", "context")
    assert "4194304" in text

    large = tiny_llama(tmp_path / "large.gguf")
    with large.open("rb+") as file:
        file.truncate(4 << 30)  # all of a file is mapped, and this one takes no room on the disk
    kind, code, part, _ = load_with(2000, large, 512)
    assert (kind, code, part) == ("UserError", "no_memory", "weights")


def test_settings_that_cannot_be_used_are_not_called_a_lack_of_memory(tmp_path: Path) -> None:
    options = LoadOptions(
        path=str(tiny_llama(tmp_path / "model.gguf")), context_size=512, kv_type="q4_0", flash_attention=False
    )
    with pytest.raises(RolltopError, match="settings") as caught:
        ProcessEngine.start(options)
    assert caught.value.code == "load_failed"


def test_what_a_model_takes_is_told_by_kind(tmp_path: Path) -> None:
    options = LoadOptions(path=str(tiny_gemma3(tmp_path / "model.gguf")), context_size=4096, threads=1)
    engine = ProcessEngine.start(options)
    try:
        sizes = {kind: 0 for kind in ("model", "KV", "compute", "output")}
        for buffer in engine.info.buffers:
            sizes[buffer.kind] += buffer.bytes
        assert sizes["model"] == pytest.approx(engine.info.size_bytes, rel=0.02)
        # two layers of everything and two of a window, keys and values of 16 numbers of 2 bytes
        assert 2 * 4096 * 64 < sizes["KV"] < 4 * 4096 * 64
        assert engine.info.memory_bytes == sum(sizes.values())
        assert engine.info.gpu_layers == 0 or engine.info.device != "CPU"
    finally:
        engine.close()


def test_devices_are_listed_without_loading_anything_here() -> None:
    assert any(device["kind"] == "CPU" and device["memory_total"] > 0 for device in devices())


def test_the_facts_tell_versions_backends_and_why_there_is_no_gpu() -> None:
    facts = backend_facts()
    assert facts.bindings
    assert facts.llama_version
    assert facts.ggml_version
    assert "CPU" in facts.backends
    assert "cpu" in facts.built
    assert [device["name"] for device in facts.devices] == [device["name"] for device in devices()]
    assert bool(facts.why_no_gpu) == (not any(device["kind"] in ("GPU", "IGPU") for device in facts.devices))


def facts_with(built: tuple[str, ...], backends: tuple[str, ...], kinds: tuple[str, ...]) -> BackendFacts:
    return BackendFacts(
        bindings="1",
        llama_version="1",
        ggml_version="1",
        features=(),
        built=built,
        backends=backends,
        devices=tuple({"name": kind, "kind": kind} for kind in kinds),
    )


def test_a_missing_backend_is_told_from_a_missing_card() -> None:
    alone = facts_with(("cpu", "blas"), ("CPU", "BLAS"), ("CPU", "ACCEL"))
    no_card = facts_with(("cpu", "vulkan"), ("CPU",), ("CPU",))
    no_driver = facts_with(("cpu",), ("CPU", "CUDA"), ("CPU",))
    assert facts_with(("cpu", "cuda"), ("CPU", "CUDA"), ("GPU", "CPU")).why_no_gpu == ""
    assert no_card.why_no_gpu == no_driver.why_no_gpu != alone.why_no_gpu
    assert alone.why_no_gpu


def run_instead(monkeypatch: pytest.MonkeyPatch, code: str) -> None:
    """Let children run this Python code."""
    monkeypatch.setattr(child, "command", lambda role: [sys.executable, "-c", code])


def test_a_driver_that_speaks_for_itself_is_heard(monkeypatch: pytest.MonkeyPatch) -> None:
    answer = '{"bindings":"1","llama_version":"1","ggml_version":"1","features":[],"built":[],"backends":[],'
    answer += '"devices":[],"messages":["first"]}'
    run_instead(monkeypatch, f"import sys; print({answer!r}); sys.stderr.write('\\nno card\\n' * 1000)")
    messages = backend_facts().messages
    assert messages[:2] == ("first", "no card")
    assert len(messages) == child.MESSAGES


def test_a_llama_cpp_that_does_not_start_says_why(monkeypatch: pytest.MonkeyPatch) -> None:
    run_instead(monkeypatch, "raise OSError('libcuda.so.1: cannot open shared object file')")
    with pytest.raises(EngineError, match=r"libcuda\.so\.1"):
        devices()


@pytest.mark.parametrize(
    ("code", "expected"),
    [
        ("raise MemoryError", "no_memory"),
        ("import os; os.kill(os.getpid(), 9)", "killed"),
        ("import os; os.kill(os.getpid(), 11)", "died"),
        ("import sys; sys.exit(3)", "died"),
    ],
)
def test_a_death_is_explained(monkeypatch: pytest.MonkeyPatch, code: str, expected: str) -> None:
    run_instead(monkeypatch, code)
    process = Child("worker")
    try:
        with pytest.raises(EngineDied) as caught:
            for _ in process.asking(Tokenize(id="1", text="")):
                pass
        assert caught.value.code == expected
        assert caught.value.hint
        assert not process.alive()
    finally:
        process.close()


def test_whether_a_graphics_card_can_be_used_is_told_by_the_libraries(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    facts = backend_facts()
    assert may_use_gpu() is not ({*facts.built} <= NO_GPU_BACKENDS)
    package = SimpleNamespace(submodule_search_locations=[str(tmp_path)])
    monkeypatch.setattr("models.engine.child.importlib.util.find_spec", lambda _name: package)
    (tmp_path / "lib").mkdir()
    assert may_use_gpu()  # nothing is known
    for name in ("libggml-base.so.0", "libggml-cpu-haswell.so", "libllama.so"):
        (tmp_path / "lib" / name).touch()
    assert not may_use_gpu()
    (tmp_path / "lib" / "ggml-cuda.dll").touch()
    assert may_use_gpu()
