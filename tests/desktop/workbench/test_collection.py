"""The person's models: a real store, real files, and engines from a script where real ones are slow."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from gguf import GGUFWriter
from tiny_models import tiny_llama, tiny_lora, tiny_mamba

from desktop.workbench.chat_settings import ChatSettings
from desktop.workbench.collection import LONGEST_NOTE, MODEL_SETTINGS, Collection
from desktop.workbench.loading import OutOfMemory
from desktop.workbench.workbench import Workbench
from models.engine.client import Engine, Loading, ProcessEngine, result_of
from models.engine.pool import memory_of
from models.engine.protocol import Adapter, LoadOptions, Sampling
from models.engine.scripted import Answer, ScriptedEngine
from models.errors import EngineDied, RolltopError, UserError
from models.fit import COMFORTABLE, Plan
from models.library import Model
from tests.desktop.conftest import Computer

Open = Callable[..., Workbench]
SPEAKS = ScriptedEngine.starter(lambda _request: Answer("Yes."))
GIB = 1 << 30


@pytest.fixture
def open_(tmp_path: Path) -> Iterator[Open]:
    """Opens the workbench on the folder of the test; its engines answer from a script."""
    opened: list[Workbench] = []

    def build(start: Any = SPEAKS) -> Workbench:
        opened.append(Workbench.open(tmp_path / "data", start_engine=start))
        return opened[-1]

    yield build
    for workbench in opened:
        workbench.close()


@pytest.fixture
def workbench(open_: Open, computer: Computer) -> Workbench:
    return open_()


@pytest.fixture
def collection(workbench: Workbench) -> Collection:
    return workbench.collection


@pytest.fixture
def starter_model(workbench: Workbench) -> Model:
    return workbench.library.starter()


def take_in(collection: Collection, *files: Path, how: Any = "copy") -> Model:
    return result_of(collection.importing(files, how))


def load(workbench: Workbench, conversation: str) -> None:
    for _ in workbench.chats.load(conversation):
        pass


def send(workbench: Workbench, conversation: str, text: str = "Hello") -> None:
    for _ in workbench.chats.send(conversation, text):
        pass


def refused(work: Callable[[], object]) -> UserError:
    with pytest.raises(UserError) as caught:
        work()
    return caught.value


# ---------------------------------------------------------------- listing


def test_the_list_tells_what_is_kept_of_each_model(open_: Open, computer: Computer, tmp_path: Path) -> None:
    workbench = open_()
    tiny = take_in(workbench.collection, tiny_llama(tmp_path / "Tiny-F32.gguf"))
    workbench.collection.set_note(tiny.id, "Speaks nonsense.\nQuickly.")
    workbench.collection.set_settings(tiny.id, {"temperature": 0.25, "system": "Be brief."})
    conversation = workbench.chats.new()
    send(workbench, conversation.id)

    entries = {entry.model.id: entry for entry in workbench.collection.scan()}
    starter = entries.pop(workbench.library.starter().id)
    assert (starter.note, starter.settings, starter.loaded) == ("", {}, True)
    assert starter.used > 1_700_000_000
    entry = entries.pop(tiny.id)
    assert not entries
    assert (entry.note, entry.used, entry.loaded) == ("Speaks nonsense.\nQuickly.", 0.0, False)
    assert entry.settings == {"temperature": 0.25, "system": "Be brief."}
    assert workbench.collection.entry(tiny.id) == entry

    workbench.close()
    again = {entry.model.id: entry for entry in open_().collection.scan()}
    assert again[tiny.id] == entry
    assert again[starter.model.id] == replace(starter, loaded=False)


def test_a_model_that_is_gone_is_told(collection: Collection, tmp_path: Path) -> None:
    model = take_in(collection, tiny_llama(tmp_path / "Tiny-F32.gguf"))
    assert len(collection.scan()) == 2
    model.path.unlink()
    assert "Tiny-F32.gguf" in refused(lambda: collection.entry(model.id)).text
    assert refused(lambda: collection.entry("no-such")).code == "unknown_model"
    assert [entry.model.place for entry in collection.scan()] == ["starter"]


def test_files_that_cannot_be_used_are_named(collection: Collection) -> None:
    broken = collection.own_folder / "broken.gguf"
    broken.write_bytes(b"no model")
    collection.scan()
    ((path, error),) = collection.problems()
    assert (path, "broken.gguf" in error.text) == (broken, True)
    assert collection.own_folder in collection.watched()


def test_a_scan_tells_how_far_it_is(collection: Collection, tmp_path: Path) -> None:
    take_in(collection, tiny_llama(tmp_path / "Tiny-F32.gguf"))
    work, seen = collection.scanning(), list[tuple[int, int]]()
    with pytest.raises(StopIteration) as end:  # noqa: PT012  the loop is what raises
        while True:
            progress = next(work)
            seen.append((progress.done, progress.found))
    assert seen[-2:] == [(1, 2), (2, 2)]
    assert end.value.value == collection.scan()


def test_details_are_all_that_the_file_says(collection: Collection, starter_model: Model) -> None:
    header = collection.details(starter_model)
    assert header.metadata["general.architecture"] == "llama"
    assert len(header.tensors) == 272


def test_a_note_has_an_end(collection: Collection, starter_model: Model) -> None:
    collection.set_note(starter_model.id, "x" * (LONGEST_NOTE + 1))
    assert len(collection.entry(starter_model.id).note) == LONGEST_NOTE


# ---------------------------------------------------------------- taking in, throwing away


@pytest.mark.parametrize("how", ["link", "copy"])
def test_several_files_are_taken_in_one_after_the_other(
    collection: Collection, tmp_path: Path, how: str
) -> None:
    files = [tiny_llama(tmp_path / "One-F32.gguf"), tiny_mamba(tmp_path / "Two-F32.gguf")]
    work, seen = collection.importing(files, how), list[float]()  # type: ignore[arg-type]
    with pytest.raises(StopIteration) as end:  # noqa: PT012  the loop is what raises
        while True:
            seen.append(next(work))
    assert seen == sorted(seen)
    assert (seen[-1], 0.5 in seen) == (1.0, True)
    assert end.value.value.name == "Two"
    found = {entry.model.name: entry.model for entry in collection.scan()}
    assert {name: model.place for name, model in found.items()} == {
        "One": "rolltop", "Two": "rolltop", "SmolLM2 135M Instruct": "starter",
    }  # fmt: skip
    for file, model in zip(files, (found["One"], found["Two"]), strict=True):
        assert model.path.is_symlink() == (how == "link")
        assert model.path.is_relative_to(collection.own_folder)
        assert file.read_bytes() == model.path.read_bytes()


def test_an_import_that_is_stopped_leaves_what_was_whole(collection: Collection, tmp_path: Path) -> None:
    files = [tiny_llama(tmp_path / "One-F32.gguf"), tiny_mamba(tmp_path / "Two-F32.gguf")]
    work = collection.importing(files, "copy")
    while next(work) <= 0.5:
        pass
    work.close()
    assert [entry.model.name for entry in collection.scan()] == ["One", "SmolLM2 135M Instruct"]
    assert len([path for path in collection.own_folder.rglob("*") if path.is_file()]) == 1


def test_models_of_other_apps_are_listed_in_place_and_left_alone(
    workbench: Workbench, collection: Collection, home: Path
) -> None:
    folder = home / "cache" / "huggingface" / "hub" / "models--acme--Tiny-GGUF" / "snapshots" / "abc"
    folder.mkdir(parents=True)
    path = tiny_llama(folder / "Tiny-F32.gguf")
    (theirs,) = [entry.model for entry in collection.scan() if entry.model.place != "starter"]
    assert (theirs.path, theirs.place, theirs.publisher) == (path, "hugging_face", "acme")
    assert ("hugging_face", home / "cache" / "huggingface" / "hub") in collection.all_folders()
    assert refused(lambda: collection.remove(theirs, for_good=True)).code == "other_app"
    assert path.exists()

    workbench.settings.set("other_apps", False)
    collection.use_folders()
    assert [entry.model.place for entry in collection.scan()] == ["starter"]
    assert [kind for kind, _ in collection.all_folders()] == ["rolltop"]


@pytest.mark.skipif(sys.platform != "linux", reason="the trash of other systems is the user's own")
def test_a_removed_model_is_unloaded_and_lies_in_the_trash(
    workbench: Workbench, collection: Collection, tmp_path: Path, home: Path
) -> None:
    model = take_in(collection, tiny_llama(tmp_path / "Tiny-F32.gguf"))
    conversation = workbench.chats.new(model=model.id)
    load(workbench, conversation.id)
    engine = workbench.engines.get(str(model.path))
    assert engine is not None
    size = model.path.stat().st_size
    assert collection.freed_by(model) == size
    assert collection.remove(model) == size
    assert not engine.alive()
    assert [path.name for path in (home / "data" / "Trash" / "files").iterdir()] == ["Tiny-F32.gguf"]
    assert [entry.model.place for entry in collection.scan()] == ["starter"]
    assert list(collection.own_folder.iterdir()) == []


def test_a_link_frees_nothing_and_its_file_stays(collection: Collection, tmp_path: Path) -> None:
    file = tiny_llama(tmp_path / "Tiny-F32.gguf")
    model = take_in(collection, file, how="link")
    assert collection.freed_by(model) == 0
    assert collection.remove(model, for_good=True) == 0
    assert file.exists()
    assert not os.path.lexists(model.path)


def test_what_may_not_be_removed_is_not_unloaded_either(
    workbench: Workbench, collection: Collection, starter_model: Model
) -> None:
    conversation = workbench.chats.new()
    load(workbench, conversation.id)
    engine = workbench.engines.get(str(starter_model.path))
    assert engine is not None
    assert refused(lambda: collection.remove(starter_model, for_good=True)).code == "starter"
    assert starter_model.path.exists()
    assert engine.alive()


# ---------------------------------------------------------------- quantizing


def test_a_model_written_smaller_is_a_new_model(collection: Collection, tmp_path: Path) -> None:
    model = take_in(collection, tiny_llama(tmp_path / "Tiny-F32.gguf", name="../../Tiny: Llama"))
    assert ("Q4_K_M", 4.89) in collection.quantizations()
    work, seen = collection.quantizing(model, "Q8_0"), list[float]()
    with pytest.raises(StopIteration) as end:  # noqa: PT012  the loop is what raises
        while True:
            seen.append(next(work))
    small = end.value.value
    assert (min(seen) >= 0.0, max(seen) <= 1.0, seen == sorted(seen)) == (True, True, True)
    assert (small.quantization, small.place, small.parameters) == ("Q8_0", "rolltop", model.parameters)
    assert small.path.is_relative_to(collection.own_folder)
    assert small.size_bytes < model.size_bytes / 2
    listed = {entry.model.id for entry in collection.scan()}
    assert {model.id, small.id} <= listed
    assert small.id != model.id
    assert refused(lambda: result_of(collection.quantizing(model, "Q8_0"))).code == "exists"
    assert small.path.exists()


def test_quantizing_that_is_refused_leaves_nothing(collection: Collection, starter_model: Model) -> None:
    assert refused(lambda: result_of(collection.quantizing(starter_model, "Q2_K"))).code == "quantized"
    assert list(collection.own_folder.iterdir()) == []


# ---------------------------------------------------------------- folders


def test_folders_of_the_users_own(open_: Open, computer: Computer, tmp_path: Path) -> None:
    workbench = open_()
    folder = tmp_path / "mine" / "deep"
    folder.mkdir(parents=True)
    tiny_llama(folder / "Tiny-F32.gguf")
    workbench.collection.add_folder(folder.parent)
    workbench.collection.add_folder(folder.parent)
    assert workbench.collection.folders() == [folder.parent]
    assert ("folder", folder.parent) in workbench.collection.all_folders()
    assert {entry.model.place for entry in workbench.collection.scan()} == {"starter", "folder"}

    workbench.close()
    collection = open_().collection
    assert {entry.model.place for entry in collection.scan()} == {"starter", "folder"}
    collection.remove_folder(folder.parent)
    assert collection.folders() == []
    assert {entry.model.place for entry in collection.scan()} == {"starter"}
    assert (folder / "Tiny-F32.gguf").exists()


def test_a_folder_is_one_however_it_is_written(
    collection: Collection, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, home: Path
) -> None:
    (tmp_path / "mine").mkdir()
    (home / "models").mkdir()
    monkeypatch.chdir(tmp_path)
    for text in ("mine", "mine/../mine", str(tmp_path / "mine")):
        collection.add_folder(Path(text))
    collection.add_folder(Path("~/models"))
    assert collection.folders() == [tmp_path / "mine", home / "models"]
    collection.remove_folder(Path("mine"))
    collection.remove_folder(Path("~/models"))
    assert collection.folders() == []


@pytest.mark.parametrize("name", ["missing", "file", "nul\0", "\x1b[2Jodd"])
def test_what_is_no_folder_is_refused(collection: Collection, tmp_path: Path, name: str) -> None:
    (tmp_path / "file").write_text("a file")
    error = refused(lambda: collection.add_folder(tmp_path / name))
    assert (error.code, error.text.isprintable()) == ("no_folder", True)
    assert refused(lambda: collection.add_folder(Path("~no-such-user") / name)).code == "no_folder"
    assert collection.folders() == []


@pytest.mark.parametrize("kept", [7, "text", {"a": 1}, [1, None, ["x"]]])
def test_damaged_folders_are_none(workbench: Workbench, kept: object) -> None:
    workbench.store.set_setting("model_folders", kept)
    assert workbench.collection.folders() == []
    workbench.collection.use_folders()
    assert [kind for kind, _ in workbench.collection.all_folders()] == ["rolltop"]


# ---------------------------------------------------------------- what a model has for itself


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("temperature", "warm"),
        ("context_size", -1),
        ("kv_type", "q3"),
        ("system", 7),
        ("theme", "dark"),
        ("no_such", 1),
    ],
)
def test_a_value_that_cannot_be_is_refused(
    collection: Collection, starter_model: Model, key: str, value: object
) -> None:
    collection.set_settings(starter_model.id, {"top_k": 7})
    error = refused(lambda: collection.set_settings(starter_model.id, {"top_p": 0.5, key: value}))
    assert (error.code, error.params["key"]) == ("bad_setting", key)
    assert collection.settings_of(starter_model) == {"top_k": 7}


def test_one_more_setting_leaves_the_others(collection: Collection, starter_model: Model) -> None:
    collection.set_settings(starter_model.id, {"top_k": 7, "system": "Be kind."})
    collection.set_setting(starter_model, "context_size", 1024)
    collection.set_setting(starter_model, "top_k", 9)
    settings = collection.settings_of(starter_model)
    assert settings == {"context_size": 1024, "top_k": 9, "system": "Be kind."}
    assert list(settings) == [key for key in MODEL_SETTINGS if key in settings]


def test_values_that_are_no_longer_good_are_dropped(workbench: Workbench, starter_model: Model) -> None:
    stored = {"temperature": 0.5, "context_size": "many", "kv_type": "q1", "paint": 1, "system": ["x"]}
    workbench.store.update_model(starter_model.id, settings=stored)
    assert workbench.collection.settings_of(starter_model) == {"temperature": 0.5}


def test_loading_follows_the_wish_then_the_model_then_the_app(
    workbench: Workbench, collection: Collection, starter_model: Model
) -> None:
    for key, value in {"threads": 3, "kv_type": "q8_0", "flash_attention": "on"}.items():
        workbench.settings.set(key, value)
    collection.set_settings(starter_model.id, {"context_size": 2048, "kv_type": "f16", "temperature": 0.1})
    options = collection.load_options(starter_model, {})
    assert (options.context_size, options.kv_type, options.threads) == (2048, "f16", 3)
    assert (options.flash_attention, options.path) == (True, str(starter_model.path))
    assert collection.load_options(starter_model, {"context_size": 512}).context_size == 512
    collection.set_setting(starter_model, "flash_attention", "off")
    assert collection.load_options(starter_model, {}).flash_attention is False


def test_no_context_is_longer_than_the_model_was_made_for(
    collection: Collection, starter_model: Model
) -> None:
    assert collection.load_options(starter_model, {"context_size": 1 << 20}).context_size == 8192
    assert collection.plan(starter_model, {"context_size": 1 << 20}).context_size == 8192


# ---------------------------------------------------------------- chats follow their model


@pytest.fixture
def two(workbench: Workbench, tmp_path: Path) -> tuple[Model, Model]:
    """Two models that have settings of their own."""
    models = (
        take_in(workbench.collection, tiny_llama(tmp_path / "One-F32.gguf")),
        take_in(workbench.collection, tiny_mamba(tmp_path / "Two-F32.gguf")),
    )
    own: list[dict[str, Any]] = [
        {"temperature": 0.1, "context_size": 1024, "system": "You are one."},
        {"temperature": 0.2, "top_k": 5, "gpu_layers": 0, "max_tokens": 50, "system": "You are two."},
    ]
    for model, values in zip(models, own, strict=True):
        workbench.collection.set_settings(model.id, values)
    return models


def test_a_new_chat_begins_as_its_model_says(workbench: Workbench, two: tuple[Model, Model]) -> None:
    chats = workbench.chats
    row = chats.new(model=two[0].id)
    settings = chats.settings_of(row.id)
    assert (row.system, settings.sampling.temperature, settings.context_size) == ("You are one.", 0.1, 1024)
    assert settings.sampling.top_k == Sampling().top_k
    assert chats.new(model=two[0].id, system="Mine.").system == "Mine."
    own = ChatSettings(sampling=Sampling(temperature=1.5))
    assert chats.settings_of(chats.new(model=two[0].id, settings=own).id) == own
    workbench.settings.set("default_model", two[1].id)
    row = chats.new()
    assert (row.model, row.system) == ("", "You are two.")
    assert chats.settings_of(row.id).max_tokens == 50


def test_what_was_left_to_the_model_changes_with_it(workbench: Workbench, two: tuple[Model, Model]) -> None:
    chats = workbench.chats
    id = chats.new(model=two[0].id).id
    chats.set_model(id, two[1].id)
    settings = chats.settings_of(id)
    assert chats.store.conversation(id).system == "You are two."
    assert (settings.sampling.temperature, settings.sampling.top_k, settings.max_tokens) == (0.2, 5, 50)
    assert (settings.context_size, settings.gpu_layers) == (0, 0)
    chats.set_model(id, "")  # the starter, which has nothing for itself
    assert chats.settings_of(id) == chats.defaults()
    assert chats.store.conversation(id).system == ""
    chats.set_model(id, two[0].id)
    assert chats.settings_of(id) == chats.defaults(two[0])


def test_what_the_person_chose_stays(workbench: Workbench, two: tuple[Model, Model]) -> None:
    chats = workbench.chats
    id = chats.new(model=two[0].id, system="Mine.").id
    chosen = chats.settings_of(id)
    chosen = replace(chosen, context_size=512, sampling=Sampling(temperature=1.5, seed=7))
    chats.set_settings(id, chosen)
    chats.set_model(id, two[1].id)
    settings = chats.settings_of(id)
    assert chats.store.conversation(id).system == "Mine."
    assert (settings.context_size, settings.sampling.temperature, settings.sampling.seed) == (512, 1.5, 7)
    assert (settings.sampling.top_k, settings.max_tokens) == (5, 50)


def test_a_model_that_is_gone_can_be_left(workbench: Workbench, two: tuple[Model, Model]) -> None:
    chats = workbench.chats
    id = chats.new(model=two[0].id).id
    two[0].path.unlink()
    assert "One-F32.gguf" in refused(lambda: chats.model_of(id)).text
    chats.set_model(id, two[1].id)
    assert chats.model_of(id).id == two[1].id
    assert refused(lambda: chats.set_model(id, "no-such")).code == "unknown_model"
    assert chats.model_of(id).id == two[1].id


# ---------------------------------------------------------------- memory plans


def parts_of(plan: Plan) -> int:
    return sum(size for need in (plan.host, *plan.gpus) for _, size in need.parts)


def test_a_plan_says_what_is_needed_of_what_there_is(
    collection: Collection, computer: Computer, starter_model: Model
) -> None:
    plan = collection.plan(starter_model)
    assert (plan.verdict, plan.context_size, plan.gpu_layers, plan.gpus) == ("fits", 8192, 0, ())
    assert plan.needed == parts_of(plan)
    assert plan.host.weights > starter_model.size_bytes * 0.9
    assert 0 < plan.host.available < computer.free
    assert collection.plan(starter_model, {"context_size": 512}).needed < plan.needed
    small = collection.plan(starter_model, {"context_size": 512, "kv_type": "q8_0"})
    assert small.host.kv < plan.host.kv / 16
    assert collection.largest_context(starter_model) == 8192
    assert computer.asked == 1  # without a graphics card nothing changes


def test_less_memory_means_a_smaller_context_by_itself(
    collection: Collection, computer: Computer, starter_model: Model
) -> None:
    needs = [collection.plan(starter_model, {"context_size": n}) for n in (512, 2048, 4096, COMFORTABLE)]
    reserve = computer.free - needs[0].host.available
    for plan in needs:
        computer.free = plan.needed + reserve
        chosen = collection.plan(starter_model)
        assert (chosen.verdict, chosen.options, chosen.needed) == ("fits", plan.options, plan.needed)
        assert collection.load_options(starter_model, {}).context_size == plan.context_size
        assert collection.largest_context(starter_model) == plan.context_size
    computer.free = needs[0].needed + reserve - 1
    plan = collection.plan(starter_model)
    assert (plan.verdict, plan.context_size) == ("too_big", 512)
    assert plan.problem is not None
    assert collection.largest_context(starter_model) == 0
    # what a person asks for is done all the same, and what is too big is left to the attempt
    assert collection.load_options(starter_model, {"context_size": 4096}).context_size == 4096


def test_as_many_layers_as_fit_go_on_the_card(
    collection: Collection, computer: Computer, starter_model: Model
) -> None:
    computer.add_card(8 * GIB)
    whole = collection.plan(starter_model)
    assert (whole.verdict, whole.gpu_layers, whole.layers) == ("fits", 31, 31)
    assert [need.device for need in whole.gpus] == ["CUDA0"]
    assert whole.needed == parts_of(whole)
    asked = computer.asked
    computer.cards[0]["memory_free"] = whole.gpus[0].needed + GIB // 8 - (40 << 20)
    computer.cards[0]["memory_total"] = 2 * GIB
    part = collection.plan(starter_model, {"context_size": 8192})
    assert computer.asked == asked + 1  # what is free on a card changes
    assert part.verdict == "partly"
    assert 0 < part.gpu_layers < part.layers
    assert part.gpus[0].needed <= part.gpus[0].available
    assert collection.plan(starter_model, {"gpu_layers": 3}).gpu_layers == 3
    assert collection.load_options(starter_model, {"gpu_layers": 0}).gpu_layers == 0
    collection.set_setting(starter_model, "gpu_layers", 2)
    assert collection.load_options(starter_model, {}).gpu_layers == 2


def test_the_memory_of_the_computer_and_of_its_cards(collection: Collection, computer: Computer) -> None:
    computer.add_card(3 * GIB, total=4 * GIB)
    computer.add_card(8 * GIB)
    computer.cards.append(computer.cards[0] | {"name": "Vulkan0", "kind": "IGPU"})
    assert collection.memory() == (16 * GIB, 12 * GIB)


def test_the_devices_here_are_asked_of_llama_itself(open_: Open) -> None:
    collection = open_().collection
    ram, cards = collection.memory()
    assert ram > GIB
    assert cards >= 0
    plan = collection.plan(collection.scan()[0].model)
    assert plan.needed == parts_of(plan) > 0


def test_a_file_that_changes_is_planned_anew(collection: Collection, tmp_path: Path) -> None:
    folder = tmp_path / "mine"
    folder.mkdir()
    collection.add_folder(folder)
    path = tiny_llama(folder / "Tiny-F32.gguf")
    before = collection.plan(collection.entry(str(path)).model)
    tiny_llama(path, feed_forward=1024)
    after = collection.plan(collection.entry(str(path)).model)
    assert after.host.weights > before.host.weights


def test_what_cannot_be_planned_is_left_to_the_attempt(collection: Collection, tmp_path: Path) -> None:
    path = tmp_path / "Odd-F32.gguf"
    writer = GGUFWriter(path, "llama")  # it does not say how many layers it has
    writer.add_tokenizer_model("gpt2")
    writer.add_tensor("output.weight", np.ones((32, 32), np.float32))
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    model = take_in(collection, path)
    assert refused(lambda: collection.plan(model)).code == "bad_shape"
    assert collection.load_options(model, {}).context_size == COMFORTABLE
    assert collection.load_options(model, {"context_size": 512}).context_size == 512


# ---------------------------------------------------------------- what is automatic stays as it was loaded


class Loads:
    """Starts scripted engines, and notes their options. `takes`: bytes that are no longer free after each."""

    def __init__(self, computer: Computer, takes: int = 0) -> None:
        self.options: list[LoadOptions] = []
        self._start = ScriptedEngine.starter(lambda _request: Answer("Yes."))
        self._computer, self._takes = computer, takes

    def __call__(self, options: LoadOptions) -> Loading[Engine]:
        self.options.append(options)
        self._computer.free -= self._takes
        return (yield from self._start(options))


def test_memory_that_gets_scarce_does_not_load_a_model_anew(open_: Open, computer: Computer) -> None:
    loads = Loads(computer, takes=11 * GIB)
    workbench = open_(loads)
    id = workbench.chats.new().id
    send(workbench, id)
    send(workbench, id)
    send(workbench, workbench.chats.new().id)
    assert [options.context_size for options in loads.options] == [8192]
    assert workbench.chats.measure(id, "more").context_size == 8192
    model = workbench.library.starter()
    assert workbench.chats.load_options(id, model) == workbench.chats.load_options(id, model)
    workbench.engines.unload(str(model.path))
    assert workbench.chats.load_options(id, model).context_size < 8192


def test_looking_at_a_chat_does_not_change_how_another_is_loaded(open_: Open, computer: Computer) -> None:
    loads = Loads(computer, takes=11 * GIB)
    workbench = open_(loads)
    chats = workbench.chats
    first = chats.new().id
    send(workbench, first)
    second = chats.new(settings=ChatSettings(context_size=512)).id
    chats.measure(second, "a draft")
    chats.measure(first, "another")
    send(workbench, first)
    assert [options.context_size for options in loads.options] == [8192]


def test_looking_while_it_loads_does_not_load_it_twice(open_: Open, computer: Computer) -> None:
    loads = Loads(computer, takes=11 * GIB)
    workbench = open_(loads)
    id = workbench.chats.new().id
    loading = iter(workbench.chats.load(id))
    next(loading)
    workbench.chats.measure(id, "typed meanwhile")
    for _ in loading:
        pass
    send(workbench, id)
    assert [options.context_size for options in loads.options] == [8192]


def test_typing_does_not_ask_for_the_devices_each_time(open_: Open, computer: Computer) -> None:
    computer.add_card(8 * GIB)
    workbench = open_()
    id = workbench.chats.new().id
    workbench.chats.measure(id, "a")
    asked = computer.asked
    for draft in ("a d", "a dr", "a dra", "a draf", "a draft"):
        assert workbench.chats.measure(id, draft).context_size == 8192
    assert computer.asked <= asked + 1  # a process each time


def test_what_a_running_model_has_counts_for_its_own_next_plan_alone(
    open_: Open, computer: Computer, tmp_path: Path
) -> None:
    computer.add_card(GIB)
    workbench = open_()
    collection, chats = workbench.collection, workbench.chats
    id = chats.new().id
    load(workbench, id)
    model = workbench.library.starter()
    before = collection.plan(model)
    assert before.gpu_layers == before.layers
    computer.cards[0]["memory_free"] -= before.gpus[0].needed
    after = collection.plan(model)
    assert (after.verdict, after.gpu_layers, after.gpus) == (before.verdict, before.gpu_layers, before.gpus)
    other = collection.plan(take_in(collection, tiny_llama(tmp_path / "Tiny-F32.gguf")))
    assert other.gpus[0].available == before.gpus[0].available - before.gpus[0].needed


# ---------------------------------------------------------------- what a load teaches


def test_the_next_plan_is_what_was_really_used(
    open_: Open, computer: Computer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    workbench = open_(ProcessEngine.loading)
    collection = workbench.collection
    model = take_in(collection, tiny_llama(tmp_path / "Tiny-F32.gguf"))
    held: list[int] = []

    def measured(pid: int) -> int:
        held.append(memory_of(pid))
        return held[-1]

    monkeypatch.setattr("desktop.workbench.collection.memory_of", measured)
    before = collection.plan(model, {"context_size": 512})
    id = workbench.chats.new(model=model.id, settings=ChatSettings(context_size=512)).id
    load(workbench, id)
    after = collection.plan(model, {"context_size": 512})
    assert after.loaded == held[0] != before.loaded
    load(workbench, id)
    assert len(held) == 1  # by now it may have evaluated a prompt
    workbench.close()
    assert open_().collection.plan(model, {"context_size": 512}).loaded == held[0]


class Apart(ScriptedEngine):
    """A scripted engine that looks as if it had a process of its own."""

    pid = os.getppid()


@pytest.fixture
def learner(open_: Open, computer: Computer, monkeypatch: pytest.MonkeyPatch) -> Callable[[int], Plan]:
    """Loads the starter model as if it took so many bytes more than was planned; returns that plan."""

    def learn(more: int) -> Plan:
        workbench = open_(Apart.starter(lambda _request: Answer("Yes.")))
        plan = workbench.collection.plan(workbench.library.starter())
        monkeypatch.setattr("desktop.workbench.collection.memory_of", lambda _pid: plan.loaded + more)
        load(workbench, workbench.chats.new().id)
        return plan

    return learn


@pytest.mark.parametrize("more", [-(1 << 50), -(100 << 20), 0, 1 << 20, 1 << 50])
def test_nothing_is_learned_beyond_bounds(open_: Open, learner: Callable[[int], Plan], more: int) -> None:
    before = learner(more)
    collection = open_().collection
    after = collection.plan(collection.scan()[0].model)
    assert after.loaded - before.loaded == max(0, min(more, before.loaded // 2))


def test_the_largest_context_is_one_that_the_plan_allows(
    open_: Open, learner: Callable[[int], Plan], computer: Computer
) -> None:
    plan = learner(100 << 20)
    computer.free -= plan.host.available - plan.needed
    collection = open_().collection
    model = collection.scan()[0].model
    largest = collection.largest_context(model)
    assert 0 < largest < 8192
    assert collection.plan(model, {"context_size": largest}).verdict == "fits"


def test_an_engine_without_a_process_teaches_nothing(open_: Open, computer: Computer) -> None:
    workbench = open_()
    load(workbench, workbench.chats.new().id)
    assert not (workbench.data_dir / "state" / "fit.json").exists()


# ---------------------------------------------------------------- out of memory


def died(code: str) -> EngineDied:
    return EngineDied("The model stopped working because of {what}.", code=code, what="this")


class Poor:
    """Starts engines that fail with `error` until they are asked for what is `enough`."""

    def __init__(self, enough: Callable[[LoadOptions], bool], error: RolltopError) -> None:
        self.enough, self.error = enough, error
        self._start = ScriptedEngine.starter(lambda _request: Answer("Yes."))

    def __call__(self, options: LoadOptions) -> Loading[Engine]:
        yield 0.1
        if not self.enough(options):
            raise self.error
        return (yield from self._start(options))


def out_of_memory(workbench: Workbench, conversation: str) -> OutOfMemory:
    with pytest.raises(OutOfMemory) as caught:
        send(workbench, conversation)
    return caught.value


@pytest.mark.parametrize("code", ["no_memory", "killed"])
def test_when_memory_runs_out_lighter_ways_are_offered(open_: Open, computer: Computer, code: str) -> None:
    workbench = open_(Poor(lambda options: options.context_size <= 4096, died(code)))
    chats = workbench.chats
    id = chats.new().id
    error = out_of_memory(workbench, id)
    assert (error.code, error.text) == ("no_memory", "The model stopped working because of this.")
    ways = {way.change: way.plan.options for way in error.ways}
    assert [way.change for way in error.ways] == ["context_size", "kv_type"]
    assert (ways["context_size"].context_size, ways["kv_type"].kv_type) == (4096, "q8_0")
    assert not chats.busy(id)

    (question,) = chats.store.path(id)
    chats.set_settings(id, replace(chats.settings_of(id), context_size=4096))
    for _ in chats.regenerate(question.id):
        pass
    assert [row.content for row in chats.store.path(id)] == ["Hello", "Yes."]


def test_with_a_card_there_are_more_ways(open_: Open, computer: Computer) -> None:
    computer.add_card(8 * GIB)
    workbench = open_(Poor(lambda options: options.gpu_layers == 0, died("no_memory")))
    id = workbench.chats.new(settings=ChatSettings(context_size=2048)).id
    error = out_of_memory(workbench, id)
    assert [way.change for way in error.ways] == ["context_size", "kv_type", "gpu_layers", "cpu"]
    layers = {way.change: way.plan.gpu_layers for way in error.ways}
    assert (0 < layers["gpu_layers"] < 31, layers["cpu"]) == (True, 0)
    workbench.chats.set_settings(id, ChatSettings(context_size=2048, gpu_layers=0))
    send(workbench, id)


def test_the_ways_are_for_the_memory_that_ran_out(open_: Open, computer: Computer) -> None:
    computer.add_card(8 * GIB)
    short = UserError("There is not enough memory.", code="no_memory", part="context", device="CPU", bytes=1)
    workbench = open_(Poor(lambda _options: False, short))
    failed = workbench.collection.plan(workbench.library.starter(), {"gpu_layers": 10})
    error = out_of_memory(workbench, workbench.chats.new(settings=ChatSettings(gpu_layers=10)).id)
    assert {"context_size", "kv_type"} <= {way.change for way in error.ways}
    # what leaves the card would come into the memory that is full already
    assert "gpu_layers" not in {way.change for way in error.ways}
    assert all(way.plan.ram.needed < failed.ram.needed for way in error.ways)


def test_another_death_is_no_lack_of_memory(open_: Open, computer: Computer) -> None:
    workbench = open_(Poor(lambda _options: False, died("template_timeout")))
    with pytest.raises(EngineDied) as caught:
        send(workbench, workbench.chats.new().id)
    assert caught.value.code == "template_timeout"


def test_memory_that_runs_out_in_an_answer_is_told_with_ways_out_too(open_: Open, computer: Computer) -> None:
    workbench = open_(ScriptedEngine.starter([Answer("half an", error=died("no_memory"))]))
    id = workbench.chats.new().id
    error = out_of_memory(workbench, id)
    assert [way.change for way in error.ways] == ["context_size", "kv_type"]
    assert [(row.content, row.status) for row in workbench.chats.store.path(id)] == [
        ("Hello", "done"),
        ("half an", "interrupted"),
    ]


# ---------------------------------------------------------------- adapters


def test_adapters_are_put_on_the_running_model(open_: Open, computer: Computer, tmp_path: Path) -> None:
    workbench = open_(None)
    path = tiny_llama(tmp_path / "Tiny-F32.gguf")
    model = take_in(workbench.collection, path)
    adapters = [
        Adapter(path=str(tiny_lora(tmp_path / f"{n}.gguf", path, seed=n)), scale=scale)
        for n, scale in enumerate((1.0, -0.5))
    ]
    chats = workbench.chats
    settings = ChatSettings(context_size=512, max_tokens=8, sampling=Sampling(temperature=0.0))
    answers, pids = [], set()
    for chosen in ((), (adapters[0],), tuple(adapters), ()):
        id = chats.new(model=model.id, settings=replace(settings, adapters=chosen)).id
        assert chats.settings_of(id).adapters == chosen
        send(workbench, id, "the light house")
        engine = workbench.engines.get(str(model.path))
        assert engine is not None
        assert engine.info.adapters == chosen
        pids.add(engine.pid)
        row = chats.store.path(id)[-1]
        answers.append(row.content)
        assert row.settings["adapters"] == [{"path": one.path, "scale": one.scale} for one in chosen]
    assert len(pids) == 1
    assert answers[0] == answers[3]
    assert len(set(answers)) == 3

    other = take_in(workbench.collection, tiny_mamba(tmp_path / "Other-F32.gguf"))
    wrong = chats.new(model=other.id, settings=replace(settings, adapters=(adapters[0],))).id
    error = refused(lambda: send(workbench, wrong))
    assert (error.code, "llama" in error.text) == ("adapter", True)
    assert [row.role for row in chats.store.path(wrong)] == ["user"]
