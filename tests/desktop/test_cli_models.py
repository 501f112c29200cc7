"""`rolltop models`: the library, the hub, downloads and memory plans from a terminal."""

from __future__ import annotations

import json
import os
import signal
import socket
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from gguf import GGUFWriter
from hub_server import Fault, HubServer, Seen
from tiny_models import CHATML, tiny_llama, tiny_mamba

from desktop.workbench.workbench import Workbench
from models.engine.protocol import Request
from models.engine.scripted import Answer
from models.gguf import read_header
from tests.desktop.conftest import Computer, Safe
from tests.desktop.test_cli import STARTER, Run, rolltop, rows, run

__all__ = ["run"]

REPO = "acme/Tiny-GGUF"
Q4, Q8 = "Tiny-Q4_K_M.gguf", "Tiny-Q8_0.gguf"
MODEL_KEYS = [
    *("id", "name", "publisher", "architecture", "parameters", "quantization"),
    *("size_bytes", "context_length", "chat_template", "license", "place"),
    *("path", "capabilities", "mmproj"),
]
FOUND_KEYS = [
    *("repo", "parameters", "downloads", "likes", "updated", "license", "gated", "capabilities"),
]


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """The data folder of `run`."""
    return tmp_path / "data"


@contextmanager
def at(data: Path) -> Iterator[Workbench]:
    """The workbench on the data folder, between two commands."""
    with Workbench.open(data) as workbench:
        yield workbench


def prefer(data: Path, **values: object) -> None:
    """Change settings of the app."""
    with at(data) as workbench:
        for key, value in values.items():
            workbench.settings.set(key, value)


@pytest.fixture(scope="session")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    """The bytes of a small model."""
    return tiny_llama(tmp_path_factory.mktemp("tiny") / "tiny.gguf").read_bytes()


@pytest.fixture
def offers(hub: HubServer, data: Path, tiny: bytes) -> HubServer:
    """The hub that the settings name, with one repository."""
    hub.add(REPO, {Q4: b"four bits", Q8: tiny}, downloads=1234, likes=5, gguf={"total": 500_000_000})
    prefer(data, hub_endpoint=hub.url)
    return hub


def listed(run: Run) -> list[dict[str, Any]]:
    """The models that are listed, but the starter."""
    rows: list[dict[str, Any]] = json.loads(run("models", "list", "--json").out)
    return [row for row in rows if row["place"] != "starter"]


def strict(text: str) -> Any:
    """JSON as the standard has it, on one line."""

    def refuse(word: str) -> None:
        raise AssertionError(f"{word} is not JSON")

    assert text.count("\n") == 1
    return json.loads(text, parse_constant=refuse)


# ---------------------------------------------------------------- list, show


def test_list_is_what_models_does_without_a_command(run: Run, data: Path, tmp_path: Path) -> None:
    assert run("models", "import", str(tiny_llama(tmp_path / "My Model-F32.gguf"))).code == 0
    assert run("models", "--json").out == run("models", "list", "--json").out
    assert run("models").out == run("models", "list").out
    (row,) = listed(run)
    assert list(row) == MODEL_KEYS
    assert (row["id"], row["name"], row["place"]) == ("my-model-f32", "My Model", "rolltop")
    head, *lines = run("models").out.splitlines()
    assert head.split() == ["id", "name", "parameters", "quantization", "size", "context", "can", "place"]
    assert [line.split()[0] for line in lines] == ["my-model-f32", STARTER]


def test_show_tells_all_that_a_model_says(run: Run, starter: Path) -> None:
    text = run("models", "show", STARTER).out
    header = read_header(starter)
    assert f"path            {starter}\n" in text
    assert all(f"\n{key}: " in text for key in header.metadata)
    value = strict(run("models", "show", STARTER, "--json").out)
    assert list(value) == [*MODEL_KEYS, "metadata"]
    assert value["metadata"]["general.architecture"] == "llama"
    assert value["metadata"]["tokenizer.ggml.tokens"] == {"type": "string", "length": 49152}
    assert run("models", "show", STARTER, "--template").out == f"{header.chat_template}\n"


def test_what_a_file_says_cannot_break_the_output(run: Run, tmp_path: Path) -> None:
    path = tiny_llama(tmp_path / "Odd-F32.gguf", template=f"{CHATML}\x1b[2J")
    told = run("models", "show", str(path))
    assert (told.code, "\x1b" in told.out) == (0, False)
    assert "\x1b" not in run("models", "show", str(path), "--template").out
    value = strict(run("models", "show", str(path), "--json").out)
    assert "\x1b[2J" in value["metadata"]["tokenizer.chat_template"]


def test_numbers_that_are_none_are_still_json(run: Run, tmp_path: Path) -> None:
    path = tmp_path / "Odd-F32.gguf"
    writer = GGUFWriter(path, "llama")
    writer.add_tokenizer_model("gpt2")
    writer.add_float32("odd.number", float("nan"))
    writer.add_float32("odd.other", float("-inf"))
    writer.add_tensor("output.weight", np.ones((32, 32), np.float32))
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    metadata = strict(run("models", "show", str(path), "--json").out)["metadata"]
    assert {"odd.number", "odd.other"} <= metadata.keys()


def test_show_tells_what_a_repository_offers(run: Run, offers: HubServer, computer: Computer) -> None:
    value = strict(run("models", "show", REPO, "--json").out)
    assert list(value) == [*FOUND_KEYS, "revision", "offers"]
    assert value["revision"] == offers.repos[REPO].sha
    assert [offer["quantization"] for offer in value["offers"]] == ["Q4_K_M", "Q8_0"]
    assert value["offers"][1] == {
        "quantization": "Q8_0",
        "files": [Q8],
        "projector": None,
        "size_bytes": offers.repos[REPO].files[Q8].size,
        "quality": "tiny_loss",
        "verdict": "",  # the smallest of them has no header, so nothing is known
        "recommended": True,
    }
    text = run("models", "show", f"https://huggingface.co/{REPO}").out
    assert text.splitlines()[0].split() == [REPO, "apache-2.0", value["revision"][:12]]
    assert [line.split()[0] for line in text.splitlines()[1:]] == ["quantization", "Q4_K_M", "Q8_0"]
    assert "Q8_0 *" in text


@pytest.mark.parametrize("name", ["no-such", "acme/Missing", "/no/such.gguf", "no\x1b[2Jsuch"])
def test_what_there_is_not_cannot_be_shown(run: Run, offers: HubServer, name: str) -> None:
    run("models", "show", name).failed(1, "no")


# ---------------------------------------------------------------- search


def test_search_lists_what_the_hub_has(run: Run, offers: HubServer) -> None:
    offers.add("acme/Large-GGUF", {"Large-Q8_0.gguf": b"x"}, downloads=9, gguf={"total": 9_000_000_000})
    (large, small) = strict(run("models", "search", "gguf", "--sort", "likes", "--json").out)[::-1]
    assert list(small) == FOUND_KEYS
    assert (small["repo"], small["parameters"], small["downloads"]) == (REPO, 500_000_000, 1234)
    assert (small["updated"], large["repo"]) == ("2026-01-01T00:00:00+00:00", "acme/Large-GGUF")
    table = run("models", "search", "tiny", "gguf").out.splitlines()
    assert table[0].split() == ["repository", "parameters", "downloads", "likes", "changed"]
    assert [line.split() for line in table[1:]] == [[REPO, "500M", "1,234", "5", "2026-01-01"]]
    assert len(strict(run("models", "search", "gguf", "--limit", "1", "--json").out)) == 1
    assert strict(run("models", "search", "nothing", "--json").out) == []


@pytest.mark.parametrize("most", ["8B", "8b", "600M", "0.5B", "500000k", "500000000"])
def test_search_keeps_to_a_size(run: Run, offers: HubServer, most: str) -> None:
    offers.add("acme/Large-GGUF", {"Large-Q8_0.gguf": b"x"}, downloads=9, gguf={"total": 9_000_000_000})
    found = strict(run("models", "search", "gguf", "--max-parameters", most, "--json").out)
    assert [one["repo"] for one in found] == [REPO]


@pytest.mark.parametrize("most", ["many", "B", "8BB", "nan", "inf", "1e999", "-1B"])
def test_a_size_that_is_none_is_told(run: Run, offers: HubServer, most: str) -> None:
    run("models", "search", "gguf", "--max-parameters", most).failed(2, "--help")
    assert offers.seen == []


@pytest.mark.parametrize(
    "args", [["search", "tiny"], ["show", REPO], ["download", REPO], ["download", REPO, "Q8_0", "--json"]]
)
def test_offline_is_one_sentence_and_no_request(
    run: Run, offers: HubServer, data: Path, args: list[str]
) -> None:
    prefer(data, offline=True)
    run("models", *args).failed(1, "Rolltop is offline.")
    assert offers.seen == []


def test_a_hub_that_is_not_there_is_told(run: Run, data: Path) -> None:
    with socket.socket() as nobody:
        nobody.bind(("127.0.0.1", 0))
        prefer(data, hub_endpoint=f"http://127.0.0.1:{nobody.getsockname()[1]}")
        run("models", "search", "tiny").failed(1, "127.0.0.1 cannot be reached")
    prefer(data, hub_endpoint="not an address")
    run("models", "search", "tiny").failed(1, "not a web address")


# ---------------------------------------------------------------- download


def test_a_download_ends_in_the_library(run: Run, offers: HubServer, data: Path, tiny: bytes) -> None:
    done = run("models", "download", REPO, "q8_0")
    assert done.code == 0
    path = data / "models" / REPO / Q8
    assert (done.out, done.err) == (f"tiny-q8_0  {path}\n", "")
    assert path.read_bytes() == tiny
    assert [row["path"] for row in listed(run)] == [str(path)]
    sent = offers.sent(f"{REPO}/{Q8}")
    again = strict(run("models", "download", f"https://huggingface.co/{REPO}/blob/main/{Q8}", "--json").out)
    assert (list(again), again["path"]) == (MODEL_KEYS, str(path))
    assert offers.sent(f"{REPO}/{Q8}") == sent == len(tiny)


def test_a_broken_download_goes_on_where_it_was(run: Run, offers: HubServer, data: Path, tiny: bytes) -> None:
    half = len(tiny) // 2

    def breaks(seen: Seen) -> Fault | None:
        if any(earlier.file for earlier in offers.seen[:-1]):
            return Fault(status=403)
        return Fault(cut=half) if seen.file else None

    offers.fault = breaks
    run("models", "download", REPO, Q8).failed(1, REPO)
    assert listed(run) == []
    offers.fault = lambda seen: None
    done = run("models", "download", REPO, Q8)
    assert (done.code, done.err) == (0, "")
    assert (data / "models" / REPO / Q8).read_bytes() == tiny
    first, last = [seen for seen in offers.seen if seen.file and seen.sent]
    assert (first.start, last.start) == (0, half)
    assert first.sent + last.sent == len(tiny)


@pytest.mark.skipif(os.name == "nt", reason="signals")
def test_ctrl_c_keeps_what_has_come(run: Run, offers: HubServer, data: Path, tiny: bytes) -> None:
    offers.fault = lambda seen: Fault(rate=400_000, chunk=20_000) if seen.file else None
    process = rolltop("models", "download", REPO, Q8, folder=data, start_new_session=True)
    deadline = time.monotonic() + 60
    while offers.sent(f"{REPO}/{Q8}") < 100_000:
        assert time.monotonic() < deadline
        time.sleep(0.01)
    os.killpg(process.pid, signal.SIGINT)
    out, err = process.communicate(timeout=60)
    assert (process.returncode, out) == (130, b"")
    assert err == b"rolltop: stopped; the same command goes on where it was.\n"
    offers.fault = lambda seen: None
    assert run("models", "download", REPO, Q8).code == 0
    assert (data / "models" / REPO / Q8).read_bytes() == tiny
    assert [seen.start for seen in offers.seen if seen.file][-1] > 0


def test_a_wrong_file_is_told_and_not_listed(run: Run, offers: HubServer, data: Path, tiny: bytes) -> None:
    offers.fault = lambda seen: Fault(flip=len(tiny) // 3) if seen.file else None
    run("models", "download", REPO, Q8).failed(1, Q8)
    assert listed(run) == []
    assert not list(data.rglob(Q8))
    offers.fault = lambda seen: None
    assert run("models", "download", REPO, Q8).code == 0
    assert len(listed(run)) == 1


def test_a_gated_model_wants_a_token(run: Run, offers: HubServer, tiny: bytes, safe: Safe) -> None:
    offers.add("acme/Gated-GGUF", {"Gated-Q8_0.gguf": tiny}, gated="manual")
    asked = run("models", "download", "acme/Gated-GGUF")
    asked.failed(1, "/acme/Gated-GGUF")
    assert "token" in asked.err
    safe.set_password("Rolltop", "hub-token", offers.stranger)
    run("models", "download", "acme/Gated-GGUF").failed(1, "acme/Gated-GGUF")
    safe.set_password("Rolltop", "hub-token", offers.token)
    assert run("models", "download", "acme/Gated-GGUF").code == 0
    assert [row["id"] for row in listed(run)] == ["gated-q8_0"]


@pytest.mark.parametrize(
    ("args", "words"),
    [
        ([REPO, "Q9_K"], "Choose one of these: Q4_K_M, Q8_0."),
        ([REPO, "../x.gguf"], "Choose one of these: Q4_K_M, Q8_0."),
        (["acme/Missing"], "There is no acme/Missing"),
        (["tiny"], "publisher/repository"),
        (["https://example.com/a/b"], "no page of a model"),
        (["acme/\x1b[2J"], "is not a repository"),
    ],
)
def test_what_cannot_be_downloaded_is_told(
    run: Run, offers: HubServer, data: Path, args: list[str], words: str
) -> None:
    run("models", "download", *args).failed(1, words)
    assert list((data / "models").iterdir()) == []


def test_what_is_downloaded_and_is_no_model_is_told(run: Run, offers: HubServer) -> None:
    run("models", "download", REPO, "Q4_K_M").failed(1, Q4)
    assert listed(run) == []


# ---------------------------------------------------------------- import, remove, folders


@pytest.mark.parametrize("copy", [False, True])
def test_import_links_or_copies(
    run: Run, data: Path, tmp_path: Path, copy: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tiny_llama(tmp_path / "Tiny-F32.gguf")
    monkeypatch.chdir(tmp_path)
    done = run("models", "import", file.name, *(["--copy"] if copy else []))
    (row,) = listed(run)
    assert (done.code, done.out, done.err) == (0, f"tiny-f32  {row['path']}\n", "")
    assert Path(row["path"]).is_relative_to(data / "models")
    assert Path(row["path"]).is_symlink() != copy
    assert Path(row["path"]).read_bytes() == file.read_bytes()
    assert strict(run("models", "import", str(file), "--json").out) == row


@pytest.mark.parametrize("name", ["missing.gguf", "text.gguf", "", "folder"])
def test_what_is_no_model_is_not_taken_in(run: Run, tmp_path: Path, data: Path, name: str) -> None:
    (tmp_path / "text.gguf").write_text("no model")
    (tmp_path / "folder").mkdir()
    done = run("models", "import", str(tmp_path / name))
    done.failed(1, name)
    assert listed(run) == []


def test_remove_for_good(run: Run, tmp_path: Path, data: Path) -> None:
    run("models", "import", str(tiny_llama(tmp_path / "Tiny-F32.gguf")), "--copy")
    done = run("models", "remove", "tiny-f32", "--yes", "--for-good")
    assert (done.code, done.out) == (0, "")
    assert done.err == "rolltop: removed tiny-f32, 1 MB.\n"
    assert listed(run) == []
    assert list((data / "models").iterdir()) == []


@pytest.mark.skipif(sys.platform != "linux", reason="the trash of other systems is the user's own")
@pytest.mark.parametrize("answer", [b"y\n", b"n\n", b""])
def test_remove_asks_and_uses_the_trash(run: Run, tmp_path: Path, home: Path, answer: bytes) -> None:
    run("models", "import", str(tiny_llama(tmp_path / "Tiny-F32.gguf")), "--copy")
    done = run("models", "remove", "tiny-f32", stdin=answer)
    assert "Remove Tiny and free 1 MB?" in done.err
    removed = answer == b"y\n"
    assert (done.code == 0, listed(run) == []) == (removed, removed)
    trash = home / "data" / "Trash" / "files"
    assert [path.name for path in trash.glob("*")] == (["Tiny-F32.gguf"] if removed else [])


@pytest.mark.parametrize("options", [[], ["--for-good"]])
def test_the_starter_stays(run: Run, starter: Path, options: list[str]) -> None:
    run("models", "remove", STARTER, "--yes", *options).failed(1, "SmolLM2 135M Instruct")
    assert starter.exists()
    run("models", "remove", "no-such", "--yes", *options).failed(1, "no-such")


def test_the_models_of_other_apps_stay(run: Run, home: Path) -> None:
    folder = home / ".lmstudio" / "models" / "acme" / "Tiny-GGUF"
    folder.mkdir(parents=True)
    path = tiny_llama(folder / "Tiny-F32.gguf")
    (row,) = listed(run)
    assert (row["place"], row["publisher"]) == ("lm_studio", "acme")
    run("models", "remove", row["id"], "--yes", "--for-good").failed(1, "Delete it in LM Studio.")
    assert path.exists()


def test_folders_are_listed_added_and_taken_away(
    run: Run, data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    own = {"place": "rolltop", "folder": str(data / "models")}
    assert strict(run("models", "folders", "--json").out) == [own]
    folder = tmp_path / "mine"
    folder.mkdir()
    tiny_llama(folder / "Tiny-F32.gguf")
    added = run("models", "folders", "--add", str(folder), "--json")
    assert strict(added.out) == [own, {"place": "folder", "folder": str(folder)}]
    assert [row["place"] for row in listed(run)] == ["folder"]
    lines = run("models", "folders").out.splitlines()
    assert [line.split() for line in lines[1:]] == [["rolltop", own["folder"]], ["folder", str(folder)]]
    monkeypatch.chdir(tmp_path)
    assert strict(run("models", "folders", "--remove", "mine", "--json").out) == [own]
    assert (listed(run), len(list(folder.iterdir()))) == ([], 1)


def test_a_folder_that_is_none_is_told(run: Run, tmp_path: Path) -> None:
    run("models", "folders", "--add", str(tmp_path / "missing")).failed(1, "missing")
    run("models", "folders", "--remove", str(tmp_path / "missing")).failed(1, "missing")


# ---------------------------------------------------------------- quantize


def test_quantize_writes_a_smaller_model(run: Run, data: Path, tmp_path: Path) -> None:
    file = tiny_llama(tmp_path / "Tiny-F32.gguf")
    done = run("models", "quantize", str(file), "Q8_0", "--json")
    assert (done.code, done.err) == (0, "")
    made = strict(done.out)
    assert (list(made), made["quantization"], made["place"]) == (MODEL_KEYS, "Q8_0", "rolltop")
    assert made["size_bytes"] < file.stat().st_size / 2
    assert listed(run) == [made]
    run("models", "quantize", str(file), "Q8_0").failed(1, "already")
    run("models", "quantize", made["id"], "Q8_0").failed(1, "quantized already")


def test_a_type_that_cannot_be_written_is_told_with_those_that_can(run: Run, data: Path) -> None:
    run("models", "quantize", STARTER, "Q4_K_M").failed(1, "quantized already (Q4_1)")
    done = run("models", "quantize", STARTER, "Q9_Z")
    assert (done.code in (1, 2), done.err.count("\n"), "Q4_K_M" in done.err) == (True, 1, True)
    assert list((data / "models").iterdir()) == []


# ---------------------------------------------------------------- plan


def check_sums(plan: dict[str, Any]) -> None:
    """Parts add up to what a memory needs, and these to the whole."""
    keys = ["verdict", "context_size", "kv_type", "gpu_layers", "layers", "total_bytes", "memories"]
    assert list(plan) == keys
    for memory in plan["memories"]:
        assert list(memory) == ["name", "parts", "needed_bytes", "available_bytes"]
        assert list(memory["parts"]) == ["weights", "kv", "compute", "mmproj", "process"]
        assert sum(memory["parts"].values()) == memory["needed_bytes"]
    assert sum(memory["needed_bytes"] for memory in plan["memories"]) == plan["total_bytes"] > 0


def test_a_plan_adds_up(run: Run, computer: Computer) -> None:
    plan = strict(run("models", "plan", STARTER, "--context", "2048", "--json").out)
    check_sums(plan)
    assert (plan["verdict"], plan["context_size"], plan["kv_type"]) == ("fits", 2048, "f16")
    assert [memory["name"] for memory in plan["memories"]] == ["RAM"]
    smaller = strict(run("models", "plan", STARTER, "--context", "2048", "--kv", "q8_0", "--json").out)
    check_sums(smaller)
    assert smaller["total_bytes"] < plan["total_bytes"]
    assert strict(run("models", "plan", STARTER, "--json").out)["context_size"] == 8192


def test_a_plan_tells_what_goes_on_the_card(run: Run, computer: Computer) -> None:
    computer.add_card(8 << 30)
    plan = strict(run("models", "plan", STARTER, "--json").out)
    check_sums(plan)
    assert [memory["name"] for memory in plan["memories"]] == ["RAM", "CUDA0"]
    assert (plan["gpu_layers"], plan["layers"]) == (31, 31)
    fewer = strict(run("models", "plan", STARTER, "--gpu-layers", "4", "--json").out)
    check_sums(fewer)
    assert (fewer["gpu_layers"], fewer["verdict"]) == (4, "partly")
    text = run("models", "plan", STARTER, "--gpu-layers", "4").out
    assert text.startswith("partly: context 8192, f16, 4 of 31 layers on the GPU\n")


def test_a_plan_in_words(run: Run, computer: Computer) -> None:
    head, columns, *rows = run("models", "plan", STARTER, "--context", "512").out.splitlines()
    assert head == "fits: context 512, f16"
    assert columns.split() == ["memory", "part", "size"]
    assert [row.split()[:2] for row in rows] == [
        ["RAM", part] for part in ("weights", "kv", "compute", "mmproj", "process", "needed", "available")
    ]
    computer.free = 100 << 20
    done = run("models", "plan", STARTER, "--context", "512")
    assert (done.code, done.out.splitlines()[0]) == (0, "too big: context 512, f16")
    assert "Close other programs" in done.out.splitlines()[-1]


def test_a_plan_by_what_this_computer_really_has(run: Run) -> None:
    check_sums(strict(run("models", "plan", STARTER, "--context", "512", "--json").out))


@pytest.mark.parametrize(
    "args",
    [
        ["search"],
        ["search", "x", "--sort", "size"],
        ["search", "x", "--limit", "0"],
        ["download"],
        ["download", "a/b", "Q8_0", "more"],
        ["import"],
        ["remove"],
        ["quantize", "x"],
        ["plan"],
        ["plan", "x", "--context", "1"],
        ["plan", "x", "--kv", "q2"],
        ["plan", "x", "--gpu-layers", "-2"],
        ["paint"],
    ],
)
def test_wrong_usage_is_one_line_and_2(run: Run, args: list[str], data: Path) -> None:
    run("models", *args).failed(2, "--help")
    assert not data.exists()


# ---------------------------------------------------------------- a model's own settings


@pytest.fixture
def own(run: Run, data: Path, tmp_path: Path) -> tuple[str, str]:
    """Two models that have settings of their own."""
    run("models", "import", str(tiny_llama(tmp_path / "One-F32.gguf")))
    run("models", "import", str(tiny_mamba(tmp_path / "Two-F32.gguf")))
    with at(data) as workbench:
        workbench.collection.set_settings("one-f32", {"temperature": 0.125, "system": "You are one."})
        workbench.collection.set_settings("two-f32", {"temperature": 0.25, "max_tokens": 7})
    return "one-f32", "two-f32"


@pytest.fixture
def asked() -> list[Request]:
    """What the models were asked."""
    return []


@pytest.fixture
def script(asked: list[Request]) -> Callable[[Request], Answer]:
    def answer(request: Request) -> Answer:
        asked.append(request)
        return Answer("ok")

    return answer


def test_chat_follows_what_a_model_has_for_itself(
    run: Run, own: tuple[str, str], asked: list[Request], script: Callable[[Request], Answer], data: Path
) -> None:
    done = run("chat", "Hi", "--model", own[0], "--json", script=script).json()
    assert asked[-1].sampling.temperature == 0.125
    with at(data) as workbench:
        assert workbench.store.conversation(str(done["conversation_id"])).system == "You are one."
    run("chat", "Hi", "--model", own[0], "--temperature", "1.5", script=script)
    assert asked[-1].sampling.temperature == 1.5
    prefer(data, default_model=own[1])
    run("chat", "Hi", script=script)
    assert (asked[-1].sampling.temperature, asked[-1].max_tokens) == (0.25, 7)


def test_a_saved_chat_takes_what_its_new_model_has(
    run: Run, own: tuple[str, str], asked: list[Request], script: Callable[[Request], Answer]
) -> None:
    id = str(run("chat", "Hi", "--model", own[0], "--json", script=script).json()["conversation_id"])
    run("chat", "Go on", "--conversation", id, "--model", own[1], script=script)
    assert (asked[-1].sampling.temperature, asked[-1].max_tokens) == (0.25, 7)


@pytest.mark.parametrize(
    ("given", "scale"), [("{}", 1.0), ("{}:0.5", 0.5), ("{}:-2", -2.0), ("./ad:apter", 1.0)]
)
def test_adapters_are_given_by_file_and_strength(
    run: Run, data: Path, tmp_path: Path, given: str, scale: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    path = tmp_path / ("ad:apter" if "apter" in given else "lora.gguf")
    args = ["--adapter", given.format(path), "--adapter", "other.gguf:2"]
    assert run("chat", "Hi", *args, script=[Answer("ok")]).code == 0
    assert rows(data)[-1].settings["adapters"] == [
        {"path": str(path), "scale": scale},
        {"path": str(tmp_path / "other.gguf"), "scale": 2.0},
    ]


@pytest.mark.parametrize("strength", ["nan", "inf", "1e9"])
def test_a_strength_that_cannot_be_is_told(run: Run, data: Path, strength: str) -> None:
    run("chat", "Hi", "--adapter", f"lora.gguf:{strength}").failed(1, "adapters")
    assert rows(data) == []
