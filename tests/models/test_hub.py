"""The hub as the real client meets it, over a loopback server that speaks its API and lies when told to."""

from __future__ import annotations

import gzip
import json
import os
import subprocess
import sys
import traceback
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from hub_server import Fault, HubServer, Seen
from hypothesis import given
from hypothesis import strategies as st
from tiny_models import tiny_llama

from models import hub as hub_module
from models import network as network_module
from models.errors import UserError
from models.gguf import GGUFError, read_header
from models.hub import BITS, Address, Hub, Offer, Repository, bits_per_weight, quality, quantization
from models.network import Connection, Network, NetworkOptions, Offline

ONE = "acme/Tiny-GGUF"
FACTS = {
    "total": 134_515_008,
    "architecture": "llama",
    "context_length": 8192,
    "chat_template": "{{ tools }}",
}


@pytest.fixture
def server() -> Iterator[HubServer]:
    with HubServer() as server:
        server.add(
            ONE, {"Tiny-Q4_K_M.gguf": b"four", "Tiny-Q8_0.gguf": b"eight bits"}, downloads=7, gguf=FACTS
        )
        yield server


def hub_at(url: str, token: str = "", offline: bool = False) -> Hub:
    return Hub(Network(lambda: NetworkOptions(endpoint=url, offline=offline), lambda: token))


@pytest.fixture
def hub(server: HubServer) -> Hub:
    return hub_at(server.url)


def answer(server: HubServer, body: bytes, headers: dict[str, str] | None = None) -> None:
    """Let the API answer everything with this from now on."""
    server.add("lies/answer", {"answer.json": body})
    address = f"{server.url}/lies/answer/resolve/main/answer.json"

    def fault(seen: Seen) -> Fault:
        return Fault(redirect=address) if seen.path.startswith("/api/") else Fault(headers=headers or {})

    server.fault = fault


def with_status(server: HubServer, status: int, headers: dict[str, str] | None = None) -> None:
    server.fault = lambda seen: Fault(status=status, headers=headers or {})


def offered(server: HubServer, hub: Hub, *paths: str, **facts: Any) -> Repository:
    """The repository with these files, each one byte longer than the one before."""
    server.add(ONE, {path: b"x" * size for size, path in enumerate(paths, 1)}, **facts)
    return hub.repository(ONE)


def paths(offer: Offer) -> list[str]:
    return [file.path for file in offer.files]


# ---------------------------------------------------------------- searching


def test_a_search_tells_what_is_known(server: HubServer, hub: Hub) -> None:
    server.add(
        ONE, {"a.gguf": b"x"}, gguf=FACTS, downloads=12, likes=3, gated="manual", license="mit",
        tags=["conversational"], last_modified="2026-05-04T03:02:01.000Z",
    )  # fmt: skip
    server.add("acme/Tiny", {"model.safetensors": b"x"})
    [found] = hub.search("tiny")
    assert (found.repo, found.publisher, found.name) == (ONE, "acme", "Tiny-GGUF")
    assert (found.downloads, found.likes, found.license, found.gated) == (12, 3, "mit", "manual")
    assert found.updated == datetime(2026, 5, 4, 3, 2, 1, tzinfo=UTC)
    assert (found.parameters, found.architecture, found.context_length) == (134_515_008, "llama", 8192)
    assert found.capabilities == ("chat", "tools")
    assert found.page == "https://huggingface.co/acme/Tiny-GGUF"


def test_a_search_of_nothing_known(server: HubServer, hub: Hub) -> None:
    server.add(ONE, {"a.gguf": b"x"}, license="")
    [found] = hub.search("tiny")
    assert (found.parameters, found.architecture, found.license, found.gated) == (0, "", "", "")
    assert found.capabilities == ()
    assert hub.search("nothing of this name") == []


@pytest.mark.parametrize(
    ("sort", "first"),
    [("downloads", "acme/a"), ("likes", "acme/b"), ("date", "acme/c"), ("trending", "acme/b")],
)
def test_a_search_is_sorted(server: HubServer, hub: Hub, sort: Any, first: str) -> None:
    dates = ["2026-01-01T00:00:00.000Z", "2026-01-02T00:00:00.000Z", "2026-01-03T00:00:00.000Z"]
    for name, downloads, likes, date in zip("abc", (9, 5, 1), (1, 9, 5), dates, strict=True):
        files = {"x.gguf": b"x"}
        server.add(f"acme/{name}", files, downloads=downloads, likes=likes, last_modified=date)
    assert [found.repo for found in hub.search("", sort=sort)].index(first) == 0


def test_a_search_has_limits(server: HubServer, hub: Hub) -> None:
    for billions in (1, 4, 8):
        server.add(f"acme/Big-{billions}B", {"x.gguf": b"x"}, gguf={"total": billions * 10**9})
    server.add("acme/Big-unknown", {"x.gguf": b"x"})
    found = hub.search("big", min_parameters=2_000_000_000, max_parameters=5_000_000_000)
    assert [one.repo for one in found] == ["acme/Big-4B"]
    assert "num_parameters=min%3A2.000000B%2Cmax%3A5.000000B" in server.seen[-1].path
    assert len(hub.search("big", limit=2)) == 2
    # what the hub passes on in spite of the limit
    answer(server, json.dumps([{"id": "acme/a", "gguf": {"total": 9}}, {"id": "acme/b"}]).encode())
    assert [one.repo for one in hub.search("", max_parameters=8)] == ["acme/b"]


def test_a_search_turns_pages(server: HubServer, hub: Hub) -> None:
    for number in range(7):
        server.add(f"many/m{number}", {"x.gguf": b"x"}, downloads=number)
    server.page = 2
    assert [found.name for found in hub.search("many", limit=5)] == ["m6", "m5", "m4", "m3", "m2"]
    assert len(server.seen) == 3


@pytest.mark.parametrize(
    ("facts", "capabilities"),
    [
        ({"gguf": {"chat_template": "x"}}, ("chat",)),
        ({"gguf": {"total": 5}}, ("base",)),
        ({"gguf": {"chat_template": "pitools"}, "tags": ["conversational"]}, ("chat",)),
        ({"tags": ["conversational"]}, ("chat",)),
        ({"gguf": {"chat_template": "<think></think>{{ tools }}"}}, ("chat", "tools", "thinking")),
        ({"pipeline_tag": "feature-extraction", "gguf": {"chat_template": "x"}}, ("embedding",)),
        ({"pipeline_tag": "text-ranking"}, ("rerank",)),
        ({"pipeline_tag": "image-text-to-text", "tags": ["conversational"]}, ("chat", "vision")),
    ],
)
def test_capabilities(server: HubServer, hub: Hub, facts: Any, capabilities: tuple[str, ...]) -> None:
    server.add(ONE, {"x.gguf": b"x"}, **facts)
    assert hub.search("tiny")[0].capabilities == capabilities


# ---------------------------------------------------------------- repositories


def test_a_repository_tells_what_is_known(server: HubServer, hub: Hub) -> None:
    server.add(
        ONE, {"Tiny-Q4_K_M.gguf": b"four"}, downloads=7, likes=2, license="mit", gguf=FACTS, gated="auto"
    )
    known = hub.repository(ONE)
    assert (known.repo, known.downloads, known.likes, known.license) == (ONE, 7, 2, "mit")
    assert (known.gated, known.parameters, known.capabilities) == ("auto", 134_515_008, ("chat", "tools"))
    assert known.revision == server.repos[ONE].sha
    [offer] = known.offers
    [file] = offer.files
    assert (file.repo, file.revision, file.path, file.size) == (ONE, known.revision, "Tiny-Q4_K_M.gguf", 4)
    assert file.sha256 == server.sha256(ONE, "Tiny-Q4_K_M.gguf")
    assert (offer.name, offer.quantization, offer.size, offer.quality) == ("Tiny", "Q4_K_M", 4, "small_loss")
    assert hub.repository(ONE, known.revision) == known


def test_a_license_of_their_own_has_a_name(server: HubServer, hub: Hub) -> None:
    server.add(ONE, {"x.gguf": b"x"}, license="other")
    assert hub.repository(ONE).license == "other"
    server.repos[ONE].info["cardData"]["license_name"] = "acme-research"
    assert hub.repository(ONE).license == "acme-research"


def test_shards_are_one_offer(server: HubServer, hub: Hub) -> None:
    found = offered(
        server, hub,
        "Q8_0/Big-Q8_0-00002-of-00002.gguf", "Q8_0/Big-Q8_0-00001-of-00002.gguf",
        "UD-Q4_K_XL/big-00001-of-00001.gguf", "Big-IQ1_S.gguf",
    )  # fmt: skip
    assert [(o.name, o.quantization, o.size) for o in found.offers] == [
        ("Big", "Q8_0", 3), ("big", "UD-Q4_K_XL", 3), ("Big", "IQ1_S", 4),
    ]  # fmt: skip
    assert paths(found.offers[0]) == [
        "Q8_0/Big-Q8_0-00001-of-00002.gguf",
        "Q8_0/Big-Q8_0-00002-of-00002.gguf",
    ]
    assert found.left_out == 0


@pytest.mark.parametrize(
    "parts",
    [
        ["a-00001-of-00002.gguf"],
        ["a-00002-of-00002.gguf", "a-00003-of-00002.gguf"],
        ["a-00001-of-00002.gguf", "b/a-00002-of-00002.gguf"],
        ["a-00001-of-00002.gguf", "a-00001-of-00002.GGUF"],
        ["a-00001-of-00000.gguf"],
    ],
)
def test_shards_without_the_others_are_left_out(server: HubServer, hub: Hub, parts: list[str]) -> None:
    found = offered(server, hub, *parts, "whole.gguf")
    assert [paths(offer) for offer in found.offers] == [["whole.gguf"]]
    assert found.left_out == len(parts)


def test_what_belongs_to_a_model(server: HubServer, hub: Hub) -> None:
    found = offered(
        server, hub,
        "eyes-Q4_K_M.gguf", "mmproj-F32.gguf", "mmproj-BF16.gguf", "eyes-mmproj-f16.gguf", "imatrix.gguf",
        "eyes-lora-F16.gguf", "eyes.imatrix", "old/eyes-Q8_0.gguf", "old/mmproj-x.gguf", "colora-Q4_0.gguf",
    )  # fmt: skip
    assert [paths(offer)[0] for offer in found.offers] == [
        "eyes-Q4_K_M.gguf", "old/eyes-Q8_0.gguf", "colora-Q4_0.gguf"
    ]  # fmt: skip
    assert [file.path for file in found.projectors] == [
        "eyes-mmproj-f16.gguf", "mmproj-BF16.gguf", "mmproj-F32.gguf", "old/mmproj-x.gguf"
    ]  # fmt: skip
    assert [offer.projector.path for offer in found.offers if offer.projector] == [
        "eyes-mmproj-f16.gguf", "old/mmproj-x.gguf", "eyes-mmproj-f16.gguf"
    ]  # fmt: skip
    assert [file.path for file in found.offers[0].with_projector] == [
        "eyes-Q4_K_M.gguf",
        "eyes-mmproj-f16.gguf",
    ]
    assert found.left_out == 2
    assert "vision" in found.capabilities


@pytest.mark.parametrize(
    ("kinds", "parameters", "recommended"),
    [
        (["Q2_K", "Q4_K_S", "Q4_K_M", "Q5_K_M", "F16"], 7_000_000_000, "Q4_K_M"),
        (["Q2_K", "UD-Q4_K_XL", "Q8_0"], 0, "UD-Q4_K_XL"),
        (["Q4_K_M", "Q8_0", "F16"], 600_000_000, "Q8_0"),
        (["Q4_0", "Q8_0"], 7_000_000_000, "Q4_0"),
        (["MXFP4"], 20_000_000_000, "MXFP4"),
        (["BF16", "something"], 0, "BF16"),
    ],
)
def test_one_offer_is_recommended(
    server: HubServer, hub: Hub, kinds: list[str], parameters: int, recommended: str
) -> None:
    found = offered(server, hub, *(f"model-{kind}.gguf" for kind in kinds), gguf={"total": parameters})
    assert [offer.quantization for offer in found.offers if offer.recommended] == [recommended]
    assert found.choose().quantization == recommended


def test_a_repository_without_models(server: HubServer, hub: Hub) -> None:
    found = offered(server, hub, "model.safetensors")
    assert found.offers == ()
    with pytest.raises(UserError, match="has no GGUF model"):
        found.choose()


def test_choosing(server: HubServer, hub: Hub) -> None:
    found = offered(
        server, hub,
        "Big-Q4_K_M.gguf", "Big-UD-Q4_K_XL.gguf", "Q8_0/Big-Q8_0-00001-of-00002.gguf",
        "Q8_0/Big-Q8_0-00002-of-00002.gguf", "small-F16.gguf", "large-F16.gguf",
    )  # fmt: skip
    for wanted, path in {
        "Q4_K_M": "Big-Q4_K_M.gguf",
        " q4_k_m ": "Big-Q4_K_M.gguf",
        "big-q4_k_m.GGUF": "Big-Q4_K_M.gguf",
        "Big-Q4_K_M": "Big-Q4_K_M.gguf",
        "q4_k_xl": "Big-UD-Q4_K_XL.gguf",
        "ud-q4_k_xl": "Big-UD-Q4_K_XL.gguf",
        "q8_0": "Q8_0/Big-Q8_0-00001-of-00002.gguf",
        "Q8_0/Big-Q8_0-00002-of-00002.gguf": "Q8_0/Big-Q8_0-00001-of-00002.gguf",
        "Big-Q8_0": "Q8_0/Big-Q8_0-00001-of-00002.gguf",
        "large-F16": "large-F16.gguf",
        "": "Big-Q4_K_M.gguf",
    }.items():
        assert paths(found.choose(wanted))[0] == path, wanted
    with pytest.raises(UserError, match="has no Q6_K") as caught:
        found.choose("Q6_K")
    assert caught.value.code == "not_found"
    assert caught.value.hint_text == (
        "Choose one of these: Q4_K_M, UD-Q4_K_XL, small-F16.gguf, large-F16.gguf, Q8_0."
    )
    with pytest.raises(UserError, match="more than one f16") as caught:
        found.choose("f16")
    assert caught.value.code == "several"
    assert caught.value.hint_text == "Choose one of these: small-F16.gguf, large-F16.gguf."


@pytest.mark.parametrize(
    ("path", "name"),
    [
        ("Qwen2.5-7B-Instruct-Q4_K_M.gguf", "Q4_K_M"),
        ("llama-2-7b.Q3_K_S.gguf", "Q3_K_S"),
        ("gemma-3-4b-it-q4_0.gguf", "Q4_0"),
        ("Phi-3-mini-4k-instruct-fp16.gguf", "F16"),
        ("gpt-oss-20b-mxfp4.gguf", "MXFP4"),
        ("Qwen3-30B-A3B-MXFP4_MOE.gguf", "MXFP4_MOE"),
        ("Qwen3-4B-UD-Q4_K_XL.gguf", "UD-Q4_K_XL"),
        ("Llama-3.2-1B.i1-IQ3_XXS.gguf", "IQ3_XXS"),
        ("model-BF16-00001-of-00003.gguf", "BF16"),
        ("Q4_K_M/model-00001-of-00002.gguf", "Q4_K_M"),
        ("UD-IQ1_S/DeepSeek-R1-UD-IQ1_S-00001-of-00003.gguf", "UD-IQ1_S"),
        ("bitnet-TQ2_0.gguf", "TQ2_0"),
        ("Llama-Q4_0_4_8.gguf", "Q4_0_4_8"),
        ("requantized-f16-to-Q6_K.gguf", "Q6_K"),
        ("old/Q8_0/x.gguf", "Q8_0"),
        ("Kimi-IQ4_KSS.gguf", "IQ4_KSS"),
        ("acq4_0x.gguf", ""),
        ("model.gguf", ""),
    ],
)
def test_quantizations_from_names(path: str, name: str) -> None:
    assert quantization(path) == name


@pytest.mark.parametrize(
    ("name", "word"),
    [
        ("F32", "lossless"), ("F16", "lossless"), ("BF16", "lossless"), ("Q8_0", "tiny_loss"),
        ("UD-Q8_K_XL", "tiny_loss"), ("Q6_K_L", "tiny_loss"), ("MXFP4_MOE", "tiny_loss"),
        ("Q5_K_S", "small_loss"), ("Q4_K_M", "small_loss"), ("Q4_K", "small_loss"),
        ("Q4_0_4_8", "small_loss"), ("iq4_xs", "small_loss"), ("UD-Q4_K_XL", "small_loss"),
        ("Q3_K_L", "noticeable_loss"), ("Q3_K_M", "noticeable_loss"), ("IQ3_M", "noticeable_loss"),
        ("IQ3_XXS", "large_loss"), ("Q2_K_L", "large_loss"), ("UD-IQ1_M", "large_loss"),
        ("TQ1_0", "large_loss"), ("IQ4_KSS", ""), ("", ""),
    ],
)  # fmt: skip
def test_what_a_quantization_costs(name: str, word: str) -> None:
    assert quality(name) == word


def test_bits_per_weight() -> None:
    assert bits_per_weight("Q4_K_M") == bits_per_weight("UD-q4_k_xl") == BITS["Q4_K_M"]
    assert bits_per_weight("MXFP4_MOE") == 4.25
    assert bits_per_weight("Q2_K_L") == BITS["Q2_K"]
    assert bits_per_weight("BF16") == 16
    assert bits_per_weight("nonsense") == 0


# ---------------------------------------------------------------- cards


@pytest.mark.parametrize(
    ("readme", "card"),
    [
        ("---\nlicense: mit\n---\n# Tiny\n---\nmore\n", "# Tiny\n---\nmore\n"),
        ("\ufeff---\r\nlicense: mit\r\n---\r\n\r\n# Tiny\r\n", "# Tiny\n"),
        ("---\n---\ntext", "text"),
        ("---\nlicense: mit\n---", ""),
        ("---\nnever closed", "---\nnever closed"),
        ("# Tiny\n\n---\nrule\n---\n", "# Tiny\n\n---\nrule\n---\n"),
        ("", ""),
    ],
)
def test_the_card(server: HubServer, hub: Hub, readme: str, card: str) -> None:
    server.add(ONE, {"README.md": readme.encode()})
    assert hub.card(ONE) == card


def test_a_card_that_is_not_there(server: HubServer, hub: Hub) -> None:
    del server.repos[ONE].files["README.md"]
    assert hub.card(ONE) == ""


def test_a_card_that_is_no_text_or_too_long(server: HubServer, hub: Hub) -> None:
    server.add(ONE, {"README.md": b"\xff\xfe" + b"x" * (2 << 20)})
    card = hub.card(ONE)
    assert card.startswith("\ufffd\ufffdxxx")
    assert len(card) == hub_module.MAX_CARD


# ---------------------------------------------------------------- headers


@pytest.fixture
def model(server: HubServer, tmp_path: Path) -> Path:
    """A model of 32 MiB with a header of 20 KB, on the hub as well."""
    path = tiny_llama(tmp_path / "tiny.gguf")
    os.truncate(path, 32 << 20)
    server.add(ONE, {"Tiny-F32.gguf": path})
    return path


@pytest.mark.parametrize("ignore_range", [False, True])
def test_a_header_costs_little(server: HubServer, hub: Hub, model: Path, ignore_range: bool) -> None:
    [file] = hub.repository(ONE).choose().files
    server.fault = lambda seen: Fault(ignore_range=ignore_range)
    asked = len(server.seen)
    assert hub.header(file) == read_header(model)
    assert len(server.seen) - asked == 2  # and the redirect
    assert 0 < server.sent(f"{ONE}/Tiny-F32.gguf") < 8 << 20


def test_a_header_behind_a_long_vocabulary(server: HubServer, hub: Hub, tmp_path: Path) -> None:
    path = tiny_llama(tmp_path / "long.gguf", template="x" * 900_000, name="y" * 900_000)
    server.add(ONE, {"long.gguf": path})
    [file] = hub.repository(ONE).choose().files
    assert hub.header(file) == read_header(path)


@pytest.mark.parametrize(
    ("fault", "code"),
    [
        (Fault(cut=1000), "broken_line"),
        (Fault(cut=1000, reset=True), "broken_line"),
        (Fault(claim=1 << 20), "bad_answer"),
        (Fault(status=206), "bad_answer"),
        (Fault(status=416), "bad_answer"),
        (Fault(headers={"Content-Range": "bytes 5-10/33554432"}), "bad_answer"),
        (Fault(redirect="http://127.0.0.1:1/x"), "no_network"),
        (Fault(redirect="file:///etc/passwd"), "bad_answer"),
        (Fault(status=503), "hub_down"),
        (Fault(status=403), "refused"),
    ],
)
def test_a_header_that_does_not_come(
    server: HubServer, hub: Hub, model: Path, fault: Fault, code: str
) -> None:
    [file] = hub.repository(ONE).choose().files
    server.fault = lambda seen: replace(fault, ignore_range=fault.claim is not None)
    with pytest.raises(UserError) as caught:
        hub.header(file)
    assert caught.value.code == code


def test_a_header_of_something_else(server: HubServer, hub: Hub) -> None:
    server.add(ONE, {"a.gguf": b"<!doctype html>" * 10, "b.gguf": b"GGUF\3\0\0\0" + b"\xff" * 100})
    codes = {}
    for file in (hub.repository(ONE).choose(name).files[0] for name in ("a", "b")):
        with pytest.raises(GGUFError, match=file.path) as caught:
            hub.header(file)
        codes[file.path] = caught.value.code
    assert codes == {"a.gguf": "not_gguf", "b.gguf": "damaged"}


def test_a_header_without_end(
    server: HubServer, hub: Hub, model: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(hub_module, "MAX_REMOTE_HEADER", 10_000)
    [file] = hub.repository(ONE).choose().files
    with pytest.raises(UserError) as caught:
        hub.header(file)
    assert caught.value.code == "bad_answer"


def test_a_silent_hub(server: HubServer, hub: Hub, model: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(network_module, "READ_S", 0.2)
    [file] = hub.repository(ONE).choose().files
    server.fault = lambda seen: Fault(cut=1000, stall=30)
    with pytest.raises(UserError) as caught:
        hub.header(file)
    assert caught.value.code == "timeout"


def test_a_hub_that_drips(server: HubServer, hub: Hub, model: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    [file] = hub.repository(ONE).choose().files
    monkeypatch.setattr(hub_module, "ERRAND_S", 0.3)
    server.fault = lambda seen: Fault(chunk=10, rate=200)
    with pytest.raises(UserError) as caught:
        hub.header(file)
    assert caught.value.code == "timeout"


# ---------------------------------------------------------------- who may see what


def test_a_gated_repository(server: HubServer, model: Path) -> None:
    server.add(ONE, {"Tiny-F32.gguf": model}, gated="manual")
    for token, way_out in [("", "then enter your token"), (server.stranger, "when it is granted")]:
        guest = hub_at(server.url, token)
        [file] = guest.repository(ONE).choose().files
        with pytest.raises(UserError, match="has given access") as caught:
            guest.header(file)
        assert caught.value.code == "gated"
        assert way_out in caught.value.hint_text
        assert "https://huggingface.co/acme/Tiny-GGUF" in caught.value.hint_text
    assert hub_at(server.url, server.token).header(file).name == "Tiny Llama"


def test_a_private_repository(server: HubServer) -> None:
    server.add(ONE, {"Tiny-F32.gguf": b"x"}, private=True)
    for token, code in [("", "needs_token"), (server.stranger, "not_found")]:
        with pytest.raises(UserError, match="There is no acme/Tiny-GGUF") as caught:
            hub_at(server.url, token).repository(ONE)
        assert caught.value.code == code
    owner = hub_at(server.url, server.token)
    assert owner.repository(ONE).repo == ONE
    assert [found.repo for found in owner.search("tiny")] == [ONE]
    assert hub_at(server.url).search("tiny") == []


def test_what_is_not_there(server: HubServer) -> None:
    guest = hub_at(server.url, server.stranger)
    with pytest.raises(UserError, match="There is no acme/nothing on the hub") as caught:
        guest.repository("acme/nothing")
    assert caught.value.code == "not_found"
    [file] = guest.repository(ONE).choose().files
    for missing in (replace(file, path="gone.gguf"), replace(file, revision="gone")):
        with pytest.raises(UserError, match="does not have this file") as caught:
            guest.header(missing)
        assert caught.value.code == "not_found"


def test_whoami(server: HubServer) -> None:
    assert hub_at(server.url, f" {server.token}\n").whoami() == "tester"
    with pytest.raises(UserError, match="does not accept your token") as caught:
        hub_at(server.url, "hf_wrong").whoami()
    assert caught.value.code == "needs_token"
    asked = len(server.seen)
    for token in ("", "two words", "naïve", "a\r\nb"):
        with pytest.raises(UserError) as caught:
            hub_at(server.url, token).whoami()
        assert caught.value.code == "needs_token"
    assert len(server.seen) == asked


def test_the_token_goes_to_the_hub_alone(server: HubServer, model: Path) -> None:
    hub = hub_at(server.url, server.token)
    [file] = hub.repository(ONE).choose().files
    hub.header(file)
    hub.card(ONE)
    hub.search("tiny")
    for seen in server.seen:
        at_hub = seen.headers["host"].startswith("127.0.0.1")
        assert seen.headers.get("authorization") == (f"Bearer {server.token}" if at_hub else None)
    assert {seen.headers["host"].split(":")[0] for seen in server.seen} == {"127.0.0.1", "localhost"}


@pytest.mark.parametrize("status", [302, 400, 401, 403, 404, 429, 500])
def test_the_token_is_in_no_error(server: HubServer, status: int) -> None:
    with_status(server, status, {"X-Error-Message": f"Bearer {server.token}", "Location": "http://x.invalid"})
    hub = hub_at(server.url, server.token)
    for ask in (hub.whoami, lambda: hub.search("x"), lambda: hub.repository(ONE)):
        with pytest.raises(UserError) as caught:
            ask()
        told = "".join(traceback.format_exception(caught.value)) + caught.value.hint_text
        assert server.token not in told


# ---------------------------------------------------------------- a hub in trouble


@pytest.mark.parametrize(
    ("status", "headers", "code", "words"),
    [
        (429, {"Retry-After": "17"}, "rate_limited", "17 seconds"),
        (429, {"RateLimit": '"api";r=0;t=55'}, "rate_limited", "55 seconds"),
        (429, {"Retry-After": "999999999999"}, "rate_limited", "60 seconds"),
        (429, {"Retry-After": "999999"}, "rate_limited", "86400 seconds"),
        (429, {}, "rate_limited", "60 seconds"),
        (500, {}, "hub_down", "500"),
        (503, {"Retry-After": "600"}, "hub_down", "503"),
        (401, {}, "needs_token", "or it is private"),
        (403, {}, "refused", "refuses to give acme/Tiny-GGUF"),
        (404, {"X-Error-Code": "RepoNotFound"}, "not_found", "There is no acme/Tiny-GGUF"),
        (404, {"X-Error-Code": "RevisionNotFound"}, "not_found", "not in this version"),
        (403, {"X-Error-Code": "GatedRepo"}, "gated", "has given access"),
        (418, {}, "refused", "418"),
        (304, {}, "bad_answer", "makes no sense"),
        (204, {}, "bad_answer", "makes no sense"),
    ],
)
def test_refusals_are_explained_at_once(
    server: HubServer, hub: Hub, status: int, headers: dict[str, str], code: str, words: str
) -> None:
    with_status(server, status, headers)
    with pytest.raises(UserError, match=words) as caught:
        hub.repository(ONE)
    assert (caught.value.code, bool(caught.value.hint_text)) == (code, True)
    assert len(server.seen) == 1
    # the client alone would ask six times for a list, with waits of 23 seconds or those that it is told
    with pytest.raises(UserError):
        hub.search("tiny")
    assert len(server.seen) == 2


def test_what_a_server_says_is_not_printed(
    server: HubServer, hub: Hub, capfd: pytest.CaptureFixture[str]
) -> None:
    with_status(server, 500, {"X-HF-Warning": "evil; \x1b[31mred", "X-Error-Message": "evil"})
    with pytest.raises(UserError) as caught:
        hub.search("tiny")
    answer(server, b"[]", {"X-HF-Warning": "evil; \x1b[31mred"})
    assert hub.search("tiny") == []
    assert capfd.readouterr() == ("", "")
    assert "evil" not in caught.value.text


def test_nobody_there() -> None:
    for url in ("http://127.0.0.1:1", "http://no-such-host.invalid"):
        with pytest.raises(UserError, match="cannot be reached") as caught:
            hub_at(url).search("tiny")
        assert caught.value.code == "no_network"


def test_no_hub_there(server: HubServer) -> None:
    with pytest.raises(UserError, match="makes no sense"):
        hub_at(f"{server.url}/deeper").search("tiny")
    with pytest.raises(UserError) as caught:
        hub_at(server.url.replace("http:", "https:")).search("tiny")
    assert caught.value.code == "no_network"


@pytest.mark.parametrize(
    "body",
    [
        b"", b"{", b"null", b"5", b'"text"', b"<!doctype html>", b"\xff\xfe\x00", b"[" * 100_000, b"1" * 5000,
        b"[[]]", b"[5]", b"[null]", b'[{"id": {}}, {"no": "id"}]', b'[{"id": "a/b", "self": 1}]',
        b'[{"id": "a/b", "lastModified": "yesterday"}]', b'[{"id": "a/b", "lastModified": 7}]',
        b'[{"id": "a/b", "siblings": [{}]}]', b'[{"id": "a/b", "cardData": {"ignore_metadata_errors": 1}}]',
        b'[{"id": "a/b", "safetensors": {"x": 1}}]', b'[{"id": "a/b", "inferenceProviderMapping": 5}]',
        b'{"id": "a/b"}', b'{"id": "a/b", "sha": "main"}', b'{"id": "../b", "sha": "%s"}' % (b"a" * 40),
        b'{"sha": "%s"}' % (b"a" * 40), b"[]" + b" " * (9 << 20),
    ],
)  # fmt: skip
def test_answers_that_make_no_sense(server: HubServer, hub: Hub, body: bytes) -> None:
    answer(server, body)
    asks: list[Callable[[], object]] = [lambda: hub.repository(ONE)]
    if body[:1] != b"{" or body == b"{":
        asks.append(lambda: hub.search("tiny"))
    for ask in asks:
        with pytest.raises(UserError, match=r"The answer of 127.0.0.1 makes no sense\.") as caught:
            ask()
        assert caught.value.code == "bad_answer"


def test_values_that_lie_are_not_believed(server: HubServer, hub: Hub) -> None:
    info = server.repos[ONE].info
    info |= {"downloads": "many", "likes": -5, "gated": ["x"], "pipeline_tag": {}, "lastModified": None}
    info |= {"tags": ["license:\x1b[31mevil\n" + "x" * 9999, 5, None], "gguf": {"total": 1 << 80}}
    info["gguf"] |= {"architecture": ["llama"], "context_length": True, "chat_template": 5}
    known = hub.repository(ONE)
    assert (known.downloads, known.likes, known.gated, known.updated) == (0, 0, "", None)
    assert (known.parameters, known.architecture, known.context_length) == (0, "", 0)
    assert known.capabilities == ()
    assert known.license.startswith("\ufffd[31mevil xxx")
    assert known.license.isprintable()
    assert len(known.license) == 200
    info |= {"gguf": [1], "tags": "gguf", "likes": 1.5, "downloads": True}
    info["lastModified"] = "0001-01-01T00:00:00.000Z"  # no time zone west of here could show it
    known = hub.repository(ONE)
    assert (known.downloads, known.likes, known.license, known.updated) == (0, 0, "", None)
    answer(server, b'[{"id": "../../etc"}, {"id": "a/b/c"}, {"id": "a/b\\n"}, {"id": 7}, {"id": "fine/one"}]')
    assert [found.repo for found in hub.search("")] == ["fine/one"]


def test_files_that_cannot_be_are_left_out(server: HubServer, hub: Hub) -> None:
    good = {"rfilename": "fine.gguf", "size": 5, "lfs": {"size": 5, "sha256": "ab" * 32, "pointerSize": 1}}
    names: list[object] = [
        "../up.gguf", "/abs.gguf", "a/../../b.gguf", "a//b.gguf", "./a.gguf", "a\\b.gguf", "nul\0.gguf",
        "\u202efugg.gguf", "line\nbreak.gguf", "x" * 600 + ".gguf", "", None, 5, ["a.gguf"], "notes.txt",
    ]  # fmt: skip
    siblings: list[dict[str, object]] = [good, good, *(good | {"rfilename": name} for name in names)]
    siblings += [
        {"rfilename": f"{n}.gguf", "size": size} for n, size in enumerate([0, -1, None, "5", 1 << 60])
    ]
    siblings.append({"rfilename": "no-hash.gguf", "size": 9, "lfs": None})
    siblings.append(
        good | {"rfilename": "bad-hash.gguf", "lfs": {"size": 9, "sha256": "x", "pointerSize": 1}}
    )
    answer(server, json.dumps({"id": ONE, "sha": "0a" * 20, "siblings": siblings}).encode())
    known = hub.repository(ONE)
    files = {file.path: file for offer in known.offers for file in offer.files}
    assert set(files) == {"fine.gguf", "no-hash.gguf", "bad-hash.gguf"}
    assert files["fine.gguf"].sha256 == "ab" * 32
    assert files["no-hash.gguf"].sha256 == files["bad-hash.gguf"].sha256 == ""


@pytest.mark.parametrize(
    "next_page", ["{url}/api/models?x=1", "{url}/api/models?x={n}", "/api/models", "http://["]
)
def test_pages_without_end(server: HubServer, hub: Hub, next_page: str) -> None:
    """Empty pages that each name another one."""
    server.add("lies/answer", {"answer.json": b"[]"})

    def fault(seen: Seen) -> Fault:
        if seen.path.startswith("/api/"):
            return Fault(redirect=f"{server.url}/lies/answer/resolve/main/answer.json")
        link = next_page.format(url=server.url, n=len(server.seen))
        return Fault(headers={"Link": f'<{link}>; rel="next"'})

    server.fault = fault
    with pytest.raises(UserError) as caught:
        hub.search("tiny")
    assert caught.value.code == "bad_answer"
    assert len(server.seen) <= 2 * hub_module.MAX_REQUESTS


def test_a_next_page_elsewhere_is_not_asked_for(server: HubServer) -> None:
    server.add("acme/Other-GGUF", {"x.gguf": b"x"})
    hub, server.page = hub_at(server.url, server.token), 1
    server.url = server.cdn  # what it says of itself in links
    with pytest.raises(UserError) as caught:
        hub.search("")
    assert caught.value.code == "bad_answer"
    assert {seen.headers["host"] for seen in server.seen} == {hub.network.endpoint.removeprefix("http://")}


def test_a_mirror_that_passes_on_links_to_the_hub(server: HubServer, hub: Hub) -> None:
    server.add("acme/Other-GGUF", {"x.gguf": b"x"})
    server.page = 1
    server.url = "https://huggingface.co"
    assert len(hub.search("")) == 2
    assert len(server.seen) == 2


def test_compressed_answers(server: HubServer, hub: Hub) -> None:
    answer(server, gzip.compress(b"[]"), {"Content-Encoding": "gzip"})
    assert hub.search("") == []
    assert server.seen[0].headers["accept-encoding"] == "gzip"
    for body, encoding in [
        (gzip.compress(b"[]" + b" " * (64 << 20)), "gzip"), (b"no gzip", "gzip"), (b"[]", "zstd"),
        (b"[]", "gzip, gzip"),
    ]:  # fmt: skip
        answer(server, body, {"Content-Encoding": encoding})
        with pytest.raises(UserError) as caught:
            hub.search("")
        assert caught.value.code == "bad_answer"


# ---------------------------------------------------------------- the door to the network


def test_offline(server: HubServer) -> None:
    [file] = hub_at(server.url).repository(ONE).choose().files
    asked = len(server.seen)
    hub = hub_at(server.url, server.token, offline=True)
    for ask in (
        lambda: hub.search("x"), lambda: hub.repository(ONE), lambda: hub.card(ONE), lambda: hub.header(file),
        hub.whoami,
    ):  # fmt: skip
        with pytest.raises(Offline, match=r"^Rolltop is offline\.$"):
            ask()
    assert hub.resolve(ONE) == Address(ONE)
    assert len(server.seen) == asked
    assert hub.network.connections() == []


def test_each_request_is_counted_with_its_reason(server: HubServer, model: Path) -> None:
    hub = hub_at(server.url, server.token)
    [file] = hub.repository(ONE).choose().files
    hub.search("x")
    hub.header(file)
    hub.card(ONE)
    hub.whoami()
    assert hub.network.connections() == [
        Connection("127.0.0.1", "Looking at a model", 1),
        Connection("127.0.0.1", "Searching models", 1),
        Connection("127.0.0.1", "Reading the header of a model", 1),
        Connection("localhost", "Reading the header of a model", 1),
        Connection("127.0.0.1", "Reading a model card", 1),
        Connection("127.0.0.1", "Checking the token", 1),
    ]
    assert len(server.seen) == 6
    assert {seen.headers["user-agent"].split("/")[0] for seen in server.seen} == {"rolltop"}


def test_the_client_on_no_errand_goes_nowhere(server: HubServer, hub: Hub) -> None:
    hub.search("")
    from huggingface_hub import HfApi

    asked = len(server.seen)
    with pytest.raises(RuntimeError, match="on no errand"):
        HfApi(endpoint=server.url).model_info(ONE)
    assert len(server.seen) == asked


def test_hubs_at_once_do_not_mix() -> None:
    with HubServer() as one, HubServer() as other, ThreadPoolExecutor(8) as threads:
        servers = [one, other]
        for number, server in enumerate(servers):
            server.add(f"acme/model-{number}", {"x.gguf": b"x"})
        hubs = [hub_at(server.url, server.token) for server in servers]
        found = list(threads.map(lambda n: hubs[n % 2].search("model")[0].repo, range(40)))
    assert found == [f"acme/model-{n % 2}" for n in range(40)]
    assert [len(server.seen) for server in servers] == [20, 20]


def test_the_settings_count_at_once(server: HubServer) -> None:
    options = [NetworkOptions(endpoint="http://127.0.0.1:1")]
    hub = Hub(Network(lambda: options[0]))
    with pytest.raises(UserError):
        hub.search("")
    options[0] = NetworkOptions(endpoint=server.url)
    assert len(hub.search("")) == 1


def test_the_environment_does_not_leak_in(server: HubServer, tmp_path: Path) -> None:
    """Nor does the import of this module import the client."""
    (tmp_path / "token").write_text("hf_from_a_file")
    code = (
        "import sys; from models.hub import Hub; from models.network import Network, NetworkOptions\n"
        "print('huggingface_hub' in sys.modules)\n"
        "hub = Hub(Network(lambda: NetworkOptions(endpoint=sys.argv[1])))\n"
        "print(len(hub.search('')), hub.repository('acme/Tiny-GGUF').repo)"
    )
    leaks = {
        "HF_ENDPOINT": "http://127.0.0.1:1", "HF_TOKEN": "hf_from_the_environment", "HF_HOME": str(tmp_path),
        "HF_DEBUG": "1", "HF_HUB_OFFLINE": "1", "HF_HUB_USER_AGENT_ORIGIN": "leak",
        "HF_HUB_ETAG_TIMEOUT": "x", "HF_HUB_VERBOSITY": "debug", "HF_HUB_DISABLE_TELEMETRY": "0",
        "HF_HUB_DISABLE_IMPLICIT_TOKEN": "0", "HF_HUB_ENABLE_HF_TRANSFER": "1", "PYTHONWARNINGS": "error",
    }  # fmt: skip
    command = [sys.executable, "-c", code, server.url]
    done = subprocess.run(command, env=os.environ | leaks, capture_output=True, text=True, timeout=60)
    assert (done.stdout.split(), done.stderr) == (["False", "1", ONE], "")
    for seen in server.seen:
        assert "authorization" not in seen.headers
        assert "leak" not in str(seen.headers)
    assert len(server.seen) == 2
    assert sorted(path.name for path in tmp_path.iterdir()) == ["token"]


# ---------------------------------------------------------------- addresses


@pytest.mark.parametrize(
    ("text", "address"),
    [
        ("acme/Tiny-GGUF", Address(ONE)),
        ("  acme/Tiny-GGUF\n", Address(ONE)),
        ("acme/Tiny-GGUF:Q4_K_M", Address(ONE, quantization="Q4_K_M")),
        ("acme/Tiny-GGUF/Tiny-Q4_K_M.gguf", Address(ONE, path="Tiny-Q4_K_M.gguf")),
        ("acme/Tiny-GGUF/Q8_0/Tiny-00001-of-00002.gguf", Address(ONE, path="Q8_0/Tiny-00001-of-00002.gguf")),
        ("hf.co/acme/Tiny-GGUF:UD-Q4_K_XL", Address(ONE, quantization="UD-Q4_K_XL")),
        ("hf.co/acme/Tiny-GGUF:latest", Address(ONE)),
        ("huggingface.co/acme/Tiny-GGUF", Address(ONE)),
        ("https://huggingface.co/acme/Tiny-GGUF/", Address(ONE)),
        ("https://www.huggingface.co/acme/Tiny-GGUF?library=x#files", Address(ONE)),
        ("https://HuggingFace.co/acme/Tiny-GGUF/tree/main", Address(ONE)),
        ("https://huggingface.co/acme/Tiny-GGUF/tree/main/Q8_0", Address(ONE, quantization="Q8_0")),
        ("https://huggingface.co/acme/Tiny-GGUF/blob/v2/a%20b.gguf", Address(ONE, "v2", "a b.gguf")),
        (
            "https://huggingface.co/acme/Tiny-GGUF/resolve/main/x/y.gguf?download=true",
            Address(ONE, path="x/y.gguf"),
        ),
        (
            "https://huggingface.co/acme/Tiny-GGUF/blob/refs%2Fpr%2F1/x.gguf",
            Address(ONE, "refs/pr/1", "x.gguf"),
        ),
        (
            "https://huggingface.co/acme/Tiny-GGUF?show_file_info=x-Q8_0.gguf",
            Address(ONE, path="x-Q8_0.gguf"),
        ),
        ("https://huggingface.co/acme/Tiny-GGUF/discussions/3", Address(ONE)),
        ("http://mirror.example:8080/acme/Tiny-GGUF", Address(ONE)),
        ("mirror.example:8080/acme/Tiny-GGUF", Address(ONE)),
        ("small chat model", None),
        ("llama", None),
        ("", None),
        ("/", None),
        ("a/b/c", None),
        ("and/or maybe", None),
        ("../../etc/passwd", None),
        ("acme/../x.gguf", None),
        ("acme/Tiny-GGUF/../../x.gguf", None),
        ("acme/Tiny\0", None),
        ("a/" * 5000, None),
        ("//huggingface.co/acme", None),
        ("models/my model.gguf", None),
        ("C:\\models\\x.gguf", None),
    ],
)
def test_pasted_text(text: str, address: Address | None) -> None:
    assert hub_at("http://mirror.example:8080").resolve(text) == address


@pytest.mark.parametrize(
    "text",
    [
        "https://example.com/acme/Tiny-GGUF",
        "https://huggingface.co.evil.example/acme/Tiny",
        "https://user:secret@huggingface.co/acme/Tiny-GGUF",
        "file:///acme/Tiny-GGUF",
        "hf://acme/Tiny-GGUF",
        "https://huggingface.co",
        "https://huggingface.co/acme",
        "https://huggingface.co/datasets/acme/texts",
        "https://huggingface.co/spaces/acme/demo",
        "https://huggingface.co/acme/Tiny-GGUF/blob/main/..%2F..%2Fx.gguf",
        "https://huggingface.co/acme/..%2Fx",
    ],
)
def test_pasted_addresses_of_something_else(text: str) -> None:
    with pytest.raises(UserError, match="no page of a model on the hub") as caught:
        hub_at("http://mirror.example:8080").resolve(text)
    assert caught.value.code == "bad_address"


_parts = st.sampled_from(
    ["https://", "http://", "hf.co", "huggingface.co", "/", "//", ":", "@", "?", "#", "%", "%2F", "%00", "..",
     "[", "]", "acme", "Tiny-GGUF", "tree", "resolve", "main", "Q4_K_M", ".gguf", "show_file_info=", " "]
)  # fmt: skip


@given(st.one_of(st.text(), st.lists(_parts | st.text(max_size=3), max_size=12).map("".join)))
def test_pasted_text_of_any_kind(text: str) -> None:
    try:
        address = hub_at("").resolve(text)
    except UserError as error:
        (error.text + error.hint_text).encode()
        return
    if address is not None:
        hub_module._check_address(address.repo, address.revision, address.path)
        assert address.repo.count("/") == 1
        assert address.wanted.isprintable()


@pytest.mark.parametrize(
    "repo", ["", "x", "a/b/c", "../x", "a/..", "a/b?c", "a/b#c", "a b/c", "a/b\n", "é/x", "-a/b"]
)
def test_names_that_no_repository_has(server: HubServer, hub: Hub, repo: str) -> None:
    for ask in (hub.repository, hub.card):
        with pytest.raises(UserError, match="no address of a model") as caught:
            ask(repo)
        assert caught.value.code == "bad_address"
    assert server.seen == []


def test_strange_revisions_and_paths_stay_inside(server: HubServer, hub: Hub) -> None:
    [file] = hub.repository(ONE).choose().files
    for strange in (replace(file, path="a?b#c%2e%2e.gguf"), replace(file, revision="x?y/z")):
        with pytest.raises(UserError) as caught:
            hub.header(strange)
        assert caught.value.code == "not_found"
    assert server.seen[-2].path.endswith("/a%3Fb%23c%252e%252e.gguf")
    assert server.seen[-1].path.endswith("/resolve/x%3Fy%2Fz/Tiny-Q8_0.gguf")
    for bad in (replace(file, path="../x"), replace(file, revision="..")):
        with pytest.raises(UserError) as caught:
            hub.header(bad)
        assert caught.value.code == "bad_address"
