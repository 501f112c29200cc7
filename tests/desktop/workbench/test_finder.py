"""Finding other models: the catalogue, and the real client against a hub on loopback."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from gguf import GGUFWriter
from hub_server import Fault, HubServer, Seen
from tiny_models import tiny_llama

from desktop.workbench.finder import Finder
from desktop.workbench.workbench import Workbench
from models.catalogue import catalogue
from models.downloads import Item
from models.engine.scripted import ScriptedEngine
from models.errors import UserError
from models.hub import Found
from models.network import Connection
from tests.desktop.conftest import Computer

REPO = "acme/Tiny-GGUF"
GIB = 1 << 30


@pytest.fixture(scope="session")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    """The bytes of a small model."""
    return tiny_llama(tmp_path_factory.mktemp("tiny") / "tiny.gguf").read_bytes()


@pytest.fixture
def workbench(tmp_path: Path, hub: HubServer, computer: Computer) -> Iterator[Workbench]:
    with Workbench.open(tmp_path / "data", start_engine=ScriptedEngine.starter(())) as workbench:
        workbench.settings.set("hub_endpoint", hub.url)
        yield workbench


@pytest.fixture
def finder(workbench: Workbench) -> Finder:
    return workbench.finder


def fetched(workbench: Workbench, item: Item) -> Item:
    """A download at its end."""
    *_, last = workbench.downloads.run(item.id)
    return last


def refused(work: Callable[[], object]) -> UserError:
    with pytest.raises(UserError) as caught:
        work()
    return caught.value


# ---------------------------------------------------------------- the catalogue


def test_recommendations_suit_the_computer_and_ask_nobody(
    workbench: Workbench, hub: HubServer, computer: Computer, tmp_path: Path
) -> None:
    small = workbench.finder.recommendations()
    assert (small[0].verdict, small[-1].verdict) == ("fits", "too_big")
    assert {one.entry for one in small} <= set(catalogue())
    assert all("embedding" in one.entry.capabilities for one in workbench.finder.recommendations("embedding"))
    assert (hub.seen, workbench.network.connections()) == ([], [])
    computer.total = 256 * GIB
    computer.add_card(80 * GIB)
    with Workbench.open(tmp_path / "other") as elsewhere:
        large = elsewhere.finder.recommendations()
    assert (large[0].verdict, large[-1].verdict) == ("fits", "fits")
    assert large[0].entry.size_bytes > small[0].entry.size_bytes


# ---------------------------------------------------------------- searching


def test_words_are_searched_and_the_shield_is_told(
    workbench: Workbench, finder: Finder, hub: HubServer
) -> None:
    hub.add(REPO, {"Tiny-Q8_0.gguf": b"x"}, downloads=3, likes=1, gguf={"total": 1_000_000})
    hub.add("acme/Large-GGUF", {"Large-Q8_0.gguf": b"x"}, downloads=7, likes=9, gguf={"total": 9_000_000_000})
    hub.add("acme/Other", {"model.safetensors": b"x"})
    found = finder.search("gguf")
    assert isinstance(found, list)
    assert [one.repo for one in found] == ["acme/Large-GGUF", REPO]
    assert names(finder.search("gguf", max_parameters=1_000_000_000)) == [REPO]
    assert names(finder.search("tiny gguf", sort="likes")) == [REPO]
    assert finder.search("nothing like it") == []
    assert workbench.network.connections() == [Connection("127.0.0.1", "Searching models", 4)]


def names(found: list[Found] | str) -> list[str]:
    assert isinstance(found, list)
    return [one.repo for one in found]


@pytest.mark.parametrize(
    "text", ["{}", "https://huggingface.co/{}", " {}/Tiny-Q8_0.gguf", "hf.co/{}:Q8_0", "{hub}/{}"]
)
def test_the_address_of_a_repository_is_understood(finder: Finder, hub: HubServer, text: str) -> None:
    assert finder.search(text.format(REPO, hub=hub.url)) == REPO
    assert hub.seen == []


def test_words_with_a_slash_are_words(finder: Finder, hub: HubServer) -> None:
    assert finder.search("input/output models") == []
    assert len(hub.seen) == 1


def test_a_page_of_something_else_is_told(finder: Finder, hub: HubServer) -> None:
    assert refused(lambda: finder.search("https://example.com/acme/Tiny")).code == "bad_address"
    assert hub.seen == []


def test_offline_nothing_goes_out(workbench: Workbench, finder: Finder, hub: HubServer) -> None:
    workbench.settings.set("offline", True)
    for work in (
        lambda: finder.search("tiny"),
        lambda: finder.repository(REPO),
        lambda: finder.download_named(REPO),
        lambda: finder.download_entry(catalogue()[0]),
    ):
        assert refused(work).code == "offline"
    assert (hub.seen, workbench.network.connections(), workbench.downloads.items()) == ([], [], [])


# ---------------------------------------------------------------- a repository


def offered(hub: HubServer, tiny: bytes, *, parameters: int = 7_000_000_000, **facts: Any) -> None:
    """Three sizes of a model; the smallest can be read, so the others are never asked for."""
    files = {
        "Tiny-Q2_K.gguf": tiny,
        "Tiny-Q4_K_M.gguf": bytes(len(tiny) + (16 << 20)),
        "Tiny-Q8_0.gguf": bytes(len(tiny) + (32 << 20)),
    }
    hub.add(REPO, files, gguf={"total": parameters}, **facts)


def memory_for(finder: Finder, computer: Computer, hub: HubServer, path: str) -> None:
    """Leave just enough memory for one of the files, to the MiB."""

    def fits(mebibytes: int) -> bool:
        computer.free = mebibytes << 20
        return finder.repository(REPO).verdicts[path] == "fits"

    computer.free = bisect_left(range(1024), True, key=fits) << 20
    hub.seen.clear()


def test_a_repository_tells_what_fits_by_one_header(
    finder: Finder, hub: HubServer, tiny: bytes, computer: Computer
) -> None:
    offered(hub, tiny)
    memory_for(finder, computer, hub, "Tiny-Q4_K_M.gguf")
    facts = finder.repository(REPO)
    assert facts.verdicts == {
        "Tiny-Q2_K.gguf": "fits",
        "Tiny-Q4_K_M.gguf": "fits",
        "Tiny-Q8_0.gguf": "too_big",
    }
    assert [seen.file for seen in hub.seen if seen.file] == [f"{REPO}/Tiny-Q2_K.gguf"]
    assert star(facts.repository.offers) == "Q4_K_M"
    assert facts.here == frozenset()


def test_a_repository_asks_for_the_devices_once(
    finder: Finder, hub: HubServer, tiny: bytes, computer: Computer
) -> None:
    computer.add_card(8 * GIB)
    hub.add(REPO, {f"Tiny-{kind}.gguf": tiny for kind in ("Q2_K", "Q3_K_M", "Q4_K_M", "Q5_K_M", "Q8_0")})
    assert set(finder.repository(REPO).verdicts.values()) == {"fits"}
    assert computer.asked <= 2  # what there is, and what of it is free


def star(offers: Any) -> str:
    (best,) = [offer.quantization for offer in offers if offer.recommended]
    return str(best)


def test_the_star_moves_to_the_largest_that_fits(
    finder: Finder, hub: HubServer, tiny: bytes, computer: Computer
) -> None:
    offered(hub, tiny, parameters=500_000_000)
    assert star(finder.repository(REPO).repository.offers) == "Q8_0"
    memory_for(finder, computer, hub, "Tiny-Q4_K_M.gguf")
    assert star(finder.repository(REPO).repository.offers) == "Q4_K_M"
    memory_for(finder, computer, hub, "Tiny-Q2_K.gguf")
    assert star(finder.repository(REPO).repository.offers) == "Q2_K"
    computer.free = 0
    facts = finder.repository(REPO)
    assert set(facts.verdicts.values()) == {"too_big"}
    assert star(facts.repository.offers) == "Q8_0"


def odd(folder: Path) -> bytes:
    """A sound GGUF file of something that has no layers, as those that make pictures."""
    writer = GGUFWriter(folder / "odd.gguf", "flux")
    writer.add_tensor("img_in.weight", np.ones((32, 32), np.float32))
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    return (folder / "odd.gguf").read_bytes()


@pytest.mark.parametrize("kind", ["no header", "no layers", "cut", "refused"])
def test_a_header_that_says_nothing_leaves_the_page_as_it_is(
    finder: Finder, hub: HubServer, tiny: bytes, tmp_path: Path, kind: str
) -> None:
    data = {"no header": b"text", "no layers": odd(tmp_path)}.get(kind, tiny)
    hub.add(REPO, {"Tiny-Q8_0.gguf": data})
    if kind in ("cut", "refused"):
        fault = Fault(cut=100) if kind == "cut" else Fault(status=503)
        hub.fault = lambda seen: fault if seen.file else None
    facts = finder.repository(REPO)
    assert [offer.quantization for offer in facts.repository.offers] == ["Q8_0"]
    assert facts.verdicts == {}


def test_a_gated_repository_can_be_looked_at(finder: Finder, hub: HubServer, tiny: bytes) -> None:
    hub.add(REPO, {"Tiny-Q8_0.gguf": tiny}, gated="manual")
    facts = finder.repository(REPO)
    assert (facts.repository.gated, len(facts.repository.offers), facts.verdicts) == ("manual", 1, {})


def test_a_repository_without_models(finder: Finder, hub: HubServer) -> None:
    hub.add(REPO, {"model.safetensors": b"x"})
    facts = finder.repository(REPO)
    assert (facts.repository.offers, facts.verdicts, facts.here) == ((), {}, frozenset())
    assert refused(lambda: finder.download_named(REPO)).code == "no_model"
    assert refused(lambda: finder.repository("acme/Missing")).code == "needs_token"


def test_the_card_and_the_page(finder: Finder, hub: HubServer) -> None:
    hub.add(REPO, {"Tiny-Q8_0.gguf": b"x"}, card="# Tiny\nSmall.")
    assert finder.card(finder.repository(REPO).repository) == "# Tiny\nSmall."
    assert finder.page_of(REPO) == f"{hub.url}/{REPO}"


# ---------------------------------------------------------------- downloading


def test_a_download_ends_in_the_library(
    workbench: Workbench, finder: Finder, hub: HubServer, tiny: bytes
) -> None:
    hub.add(REPO, {"Q8/Tiny-Q8_0.gguf": tiny, "Tiny-Q4_K_M.gguf": b"other"}, gguf={"total": 7_000_000_000})
    repository = finder.repository(REPO).repository
    offer = repository.choose("Q8_0")
    item = finder.download(repository, offer)
    assert (item.title, item.status, item.repo) == ("Tiny Q8_0", "waiting", REPO)
    assert fetched(workbench, item).status == "done"
    facts = finder.repository(REPO)
    assert facts.here == {"Q8/Tiny-Q8_0.gguf"}
    (model,) = [entry.model for entry in workbench.collection.scan() if entry.model.place == "rolltop"]
    assert (model.path.read_bytes(), model.publisher) == (tiny, "acme")
    assert workbench.downloads.target(item) == model.path
    assert finder.download(repository, offer).id == item.id


def test_shards_and_their_image_part_come_along(workbench: Workbench, finder: Finder, hub: HubServer) -> None:
    files = {f"Big-Q4_K_M-{n:05d}-of-00002.gguf": bytes(1000 + n) for n in (1, 2)}
    hub.add(REPO, files | {"mmproj-F16.gguf": bytes(500), "mmproj-F32.gguf": bytes(900)})
    item = finder.download_named(REPO)
    assert [file.path for file in item.files] == [*files, "mmproj-F16.gguf"]
    assert fetched(workbench, item).done == sum(map(len, files.values())) + 500


@pytest.mark.parametrize(
    ("text", "wanted", "path"),
    [
        (REPO, "", "Tiny-Q4_K_M.gguf"),
        (REPO, "q8_0", "Tiny-Q8_0.gguf"),
        (REPO, "Tiny-Q8_0.gguf", "Tiny-Q8_0.gguf"),
        (f"https://huggingface.co/{REPO}/blob/main/Tiny-Q8_0.gguf", "", "Tiny-Q8_0.gguf"),
        (f"{REPO}:Q8_0", "", "Tiny-Q8_0.gguf"),
        (f"{REPO}:Q8_0", "Q4_K_M", "Tiny-Q4_K_M.gguf"),
    ],
)
def test_what_an_address_names_is_downloaded(
    finder: Finder, hub: HubServer, text: str, wanted: str, path: str
) -> None:
    hub.add(REPO, {"Tiny-Q4_K_M.gguf": b"four", "Tiny-Q8_0.gguf": b"eight"}, gguf={"total": 7_000_000_000})
    assert [file.path for file in finder.download_named(text, wanted).files] == [path]


@pytest.mark.parametrize("text", ["tiny", "two words", "", "../../etc", "acme/Tiny/../x"])
def test_what_is_no_address_is_refused(workbench: Workbench, hub: HubServer, text: str) -> None:
    assert refused(lambda: workbench.finder.download_named(text)).code == "bad_address"
    assert (hub.seen, workbench.downloads.items()) == ([], [])


def test_an_unknown_choice_lists_what_there_is(finder: Finder, hub: HubServer) -> None:
    hub.add(REPO, {"Tiny-Q4_K_M.gguf": b"four", "Tiny-Q8_0.gguf": b"eight"})
    error = refused(lambda: finder.download_named(REPO, "Q9_K"))
    assert (error.code, error.hint_text) == ("not_found", "Choose one of these: Q4_K_M, Q8_0.")


def test_every_model_of_the_catalogue_is_asked_for_by_its_own_file(
    workbench: Workbench, finder: Finder, hub: HubServer
) -> None:
    for entry in catalogue():
        files = {path: path.encode() for path in (*entry.files, "other-Q2_K.gguf")}
        hub.add(entry.repo, files | ({entry.mmproj: b"image"} if entry.mmproj else {}))
        item = finder.download_entry(entry)
        assert item.title == f"{entry.name} {entry.quantization}"
        wanted = [*entry.files, *([entry.mmproj] if entry.mmproj else [])]
        assert [file.path for file in item.files] == wanted
    assert len(workbench.downloads.items()) == len(catalogue())


def test_a_wrong_file_is_told_and_never_listed(
    workbench: Workbench, finder: Finder, hub: HubServer, tiny: bytes
) -> None:
    hub.add(REPO, {"Tiny-Q8_0.gguf": tiny})
    repository = finder.repository(REPO).repository

    def wrong(seen: Seen) -> Fault | None:
        return Fault(flip=len(tiny) // 2) if seen.file else None

    hub.fault = wrong
    last = fetched(workbench, finder.download(repository, repository.choose()))
    assert last.status == "failed"
    assert last.error is not None
    assert last.error.code == "corrupt"
    assert [entry.model.place for entry in workbench.collection.scan()] == ["starter"]
    assert workbench.collection.problems() == []
    assert finder.repository(REPO).here == frozenset()
