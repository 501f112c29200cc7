"""Where other apps keep their models: each layout as that app makes it, in a home folder of its own."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
from pathlib import Path

import pytest
from gguf import GGUFWriter
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tiny_models import tiny_bert, tiny_llama, tiny_mamba

from models import places
from models.library import Library, Model
from models.places import Found, Place, Survey, find, other_apps


@pytest.fixture(autouse=True)
def no_service(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """This computer's own Ollama is none of the tests' business."""
    monkeypatch.setattr(places, "OLLAMA_SERVICE", tmp_path / "no-service")


@pytest.fixture(scope="module")
def llama(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny_llama(tmp_path_factory.mktemp("made") / "llama.gguf")


def put(model: Path, *parts: str | Path) -> Path:
    """A copy of a model at a path."""
    path = Path(*parts)
    path.parent.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(model, path)
    return path


def image_part(path: Path) -> Path:
    """A file that says it is an mmproj."""
    writer = GGUFWriter(path, "clip")
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    return path


def write(text: str, *parts: str | Path) -> Path:
    path = Path(*parts)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")
    return path


def kinds(home: Path, platform: str = "linux", **environment: str) -> list[tuple[str, Path]]:
    return [(place.kind, place.folder) for place in other_apps(home, environment, platform)]


def library(home: Path, **environment: str) -> Library:
    return Library([], with_starter=False, places=lambda: other_apps(home, environment, "linux"))


def look(place: Place) -> tuple[list[Found], Survey]:
    survey = Survey()
    return [found for found in find(place, survey) if found], survey


def everything(folder: Path) -> list[tuple[str, int, int]]:
    """Each path below a folder with its size and time of change."""
    paths = sorted(folder.rglob("*"))
    return [(str(path), path.lstat().st_size, path.lstat().st_mtime_ns) for path in paths]


# ---------------------------------------------------------------- which folders there are


def test_no_other_app_is_here(tmp_path: Path) -> None:
    assert other_apps(tmp_path, {}, "linux") == ()
    assert other_apps(tmp_path / "gone", {}, "win32") == ()


def test_the_default_folders_on_each_system(tmp_path: Path) -> None:
    expected = {
        "linux": [".local/share/Jan/data/llamacpp/models", ".local/share/nomic.ai/GPT4All"],
        "darwin": [
            "Library/Application Support/Jan/data/llamacpp/models",
            "Library/Application Support/nomic.ai/GPT4All",
        ],
        "win32": ["AppData/Roaming/Jan/data/llamacpp/models", "AppData/Local/nomic.ai/GPT4All"],
    }
    for platform, own in expected.items():
        home = tmp_path / platform
        folders = [".lmstudio/models", ".cache/huggingface/hub", ".ollama/models", *own]
        for folder in folders:
            (home / folder).mkdir(parents=True)
        found = kinds(home, platform)
        assert [kind for kind, _ in found] == ["lm_studio", "hugging_face", "ollama", "jan", "gpt4all"]
        assert [folder for _, folder in found] == [home / folder for folder in folders]


def test_variables_move_folders(tmp_path: Path) -> None:
    for name in ("hub", "hub2", "home/hub", "ollama", "jan/llamacpp/models", "cache/huggingface/hub"):
        (tmp_path / name).mkdir(parents=True)
    home = tmp_path / "nobody"
    at = str(tmp_path)
    assert kinds(home, HF_HUB_CACHE=f"{at}/hub") == [("hugging_face", tmp_path / "hub")]
    assert kinds(home, HUGGINGFACE_HUB_CACHE=f"{at}/hub2") == [("hugging_face", tmp_path / "hub2")]
    assert kinds(home, HF_HOME=f"{at}/home") == [("hugging_face", tmp_path / "home" / "hub")]
    assert kinds(home, XDG_CACHE_HOME=f"{at}/cache") == [("hugging_face", tmp_path / "cache/huggingface/hub")]
    assert kinds(home, OLLAMA_MODELS=f'"{at}/ollama"') == [("ollama", tmp_path / "ollama")]
    assert ("ollama", tmp_path / "ollama") in kinds(tmp_path, OLLAMA_MODELS="~/ollama")
    assert kinds(home, JAN_DATA_FOLDER=f"{at}/jan") == [("jan", tmp_path / "jan" / "llamacpp" / "models")]
    for nonsense in ("", "relative/hub", "a\0b", "\ud800", "/" + "x" * 5000):
        assert kinds(home, HF_HUB_CACHE=nonsense, OLLAMA_MODELS=nonsense) == []


def test_a_folder_is_named_once(tmp_path: Path) -> None:
    (tmp_path / "hub").mkdir()
    (tmp_path / "link").symlink_to(tmp_path / "hub")
    found = kinds(tmp_path, HF_HUB_CACHE=str(tmp_path / "link"), HUGGINGFACE_HUB_CACHE=str(tmp_path / "hub"))
    assert found == [("hugging_face", tmp_path / "link")]


def test_ollama_as_a_service(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "service").mkdir()
    monkeypatch.setattr(places, "OLLAMA_SERVICE", tmp_path / "service")
    assert kinds(tmp_path) == [("ollama", tmp_path / "service")]
    assert kinds(tmp_path, "darwin") == []


def test_lm_studio_was_moved(tmp_path: Path) -> None:
    (tmp_path / "elsewhere" / "models").mkdir(parents=True)
    (tmp_path / "chosen").mkdir()
    (tmp_path / ".cache" / "lm-studio" / "models").mkdir(parents=True)
    write(f"{tmp_path}/elsewhere\n", tmp_path, ".lmstudio-home-pointer")
    write(json.dumps({"downloadsFolder": f"{tmp_path}/chosen"}), tmp_path, "elsewhere", "settings.json")
    assert [folder.relative_to(tmp_path).as_posix() for _, folder in kinds(tmp_path)] == [
        "chosen", "elsewhere/models", ".cache/lm-studio/models",
    ]  # fmt: skip


@pytest.mark.parametrize(
    "text",
    ["", "{", "[]", "null", '{"downloadsFolder": 3}', '{"downloadsFolder": "a\\u0000b"}', "[" * 100_000],
)
def test_settings_that_make_no_sense(tmp_path: Path, text: str) -> None:
    for path in (".lmstudio/settings.json", ".local/share/Jan/settings.json", ".config/nomic.ai/GPT4All.ini"):
        write(text, tmp_path, path)
    write(text, tmp_path, ".lmstudio-home-pointer")
    assert kinds(tmp_path) == []


def test_settings_that_are_no_files_or_too_long(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / ".lmstudio").mkdir()
    os.mkfifo(tmp_path / ".lmstudio" / "settings.json")
    (tmp_path / ".lmstudio-home-pointer").mkdir()
    (tmp_path / "chosen").mkdir()
    settings = write(
        json.dumps({"data_folder": str(tmp_path / "chosen")}), tmp_path, ".config/Jan/settings.json"
    )
    (tmp_path / "chosen" / "models").mkdir()
    assert kinds(tmp_path) == [("jan", tmp_path / "chosen" / "models")]
    monkeypatch.setattr(places, "MAX_SETTINGS", settings.stat().st_size - 1)
    assert kinds(tmp_path) == []


@pytest.mark.parametrize(
    ("written", "folder"),
    [
        ("{home}/mine/", "mine"),
        ('"{home}/two words, a comma/"', "two words, a comma"),
        ("{home}/\\x4f60\\x597d", "你好"),
        ("{home}/你好", "你好"),
    ],
)
def test_gpt4all_was_moved(tmp_path: Path, written: str, folder: str) -> None:
    (tmp_path / folder).mkdir()
    ini = f"[General]\nchatTheme=Dark\nmodelPath={written.format(home=tmp_path)}\n[network]\nmodelPath=/\n"
    write(ini, tmp_path, ".config/nomic.ai/GPT4All.ini")
    assert kinds(tmp_path) == kinds(tmp_path, "darwin") == [("gpt4all", tmp_path / folder)]


# ---------------------------------------------------------------- what lies in them


def test_lm_studio(tmp_path: Path, llama: Path) -> None:
    folder = tmp_path / ".lmstudio" / "models"
    path = put(llama, folder, "bartowski", "Llama-3.2-3B-GGUF", "Llama-3.2-3B-Q4_K_M.gguf")
    put(llama, folder, "bartowski", "Llama-3.2-3B-GGUF", "downloading_Llama.gguf.part")
    [model] = library(tmp_path).scan()
    assert (model.path, model.name, model.publisher) == (path, "Llama 3.2 3B", "bartowski")
    assert (model.place, model.folder) == ("lm_studio", folder)


def cached(hub: Path, repository: str, revision: str, files: dict[str, Path]) -> Path:
    """A snapshot as huggingface_hub keeps it: links to blobs that are named after their content."""
    folder = hub / f"models--{repository.replace('/', '--')}"
    snapshot = folder / "snapshots" / revision
    for name, source in files.items():
        blob = put(source, folder, "blobs", hashlib.sha256(source.read_bytes()).hexdigest())
        (snapshot / name).parent.mkdir(parents=True, exist_ok=True)
        (snapshot / name).symlink_to(os.path.relpath(blob, (snapshot / name).parent))
    write(revision, folder, "refs", "main")
    return snapshot


def test_the_hugging_face_cache(tmp_path: Path, llama: Path) -> None:
    hub = tmp_path / ".cache" / "huggingface" / "hub"
    other = tiny_mamba(tmp_path / "mamba.gguf")
    old = cached(
        hub, "Qwen/Qwen3-4B-GGUF", "a" * 40, {"Q4_K_M/Qwen3-4B-Q4_K_M.gguf": other, "Old.gguf": other}
    )
    new = cached(hub, "Qwen/Qwen3-4B-GGUF", "b" * 40, {"Q4_K_M/Qwen3-4B-Q4_K_M.gguf": llama})
    cached(hub, "gpt2", "c" * 40, {"gpt2.Q8_0.gguf": tiny_llama(tmp_path / "gpt2.gguf", name="gpt2")})
    put(llama, hub, "datasets--x--y", "snapshots", "d" * 40, "data.gguf")
    write("half", hub, "models--Qwen--Qwen3-4B-GGUF", "blobs", "e" * 64 + ".incomplete")
    everything_here = library(tmp_path)
    models = {model.path.name: model for model in everything_here.scan()}
    assert set(models) == {"Qwen3-4B-Q4_K_M.gguf", "Old.gguf", "gpt2.Q8_0.gguf"}
    assert models["Qwen3-4B-Q4_K_M.gguf"].path.is_relative_to(new)
    assert models["Qwen3-4B-Q4_K_M.gguf"].architecture == "llama"
    assert models["Old.gguf"].path.is_relative_to(old)
    assert [models[name].publisher for name in sorted(models)] == ["Qwen", "Qwen", ""]
    assert everything_here.problems == []


def test_one_blob_under_two_names_is_one_model(tmp_path: Path, llama: Path) -> None:
    hub = tmp_path / ".cache" / "huggingface" / "hub"
    snapshot = cached(hub, "a/b", "a" * 40, {"one.gguf": llama, "two.gguf": llama})
    [model] = library(tmp_path).scan()
    assert (model.path, model.also_at) == (snapshot / "one.gguf", (snapshot / "two.gguf",))


def pulled(models: Path, name: str, tag: str, parts: dict[str, Path | bytes]) -> dict[str, Path]:
    """A model as Ollama keeps it; returns the blob of each part."""
    layers, blobs = [], {}
    for kind, source in parts.items():
        data = source if isinstance(source, bytes) else source.read_bytes()
        digest = hashlib.sha256(data).hexdigest()
        blobs[kind] = models / "blobs" / f"sha256-{digest}"
        blobs[kind].parent.mkdir(parents=True, exist_ok=True)
        blobs[kind].write_bytes(data)
        media = f"application/vnd.ollama.image.{kind}"
        layers.append({"mediaType": media, "digest": f"sha256:{digest}", "size": len(data)})
    config = {"mediaType": "application/vnd.docker.container.image.v1+json", "digest": "sha256:" + "0" * 64}
    manifest = {"schemaVersion": 2, "config": config, "layers": layers}
    write(json.dumps(manifest), models, "manifests", name, tag)
    return blobs


def test_ollama(tmp_path: Path, llama: Path) -> None:
    models = tmp_path / ".ollama" / "models"
    texts: dict[str, Path | bytes] = {"template": b"{{ .Prompt }}", "params": b"{}", "license": b"MIT"}
    blobs = pulled(models, "registry.ollama.ai/library/llama3.2", "3b", {"model": llama, **texts})
    pulled(models, "registry.ollama.ai/library/llama3.2", "latest", {"model": llama})
    mamba = tiny_mamba(tmp_path / "m.gguf")
    pulled(models, "hf.co/bartowski/Some-Model-GGUF", "Q4_K_M", {"model": mamba})
    bert = tiny_bert(tmp_path / "b.gguf")
    pulled(models, "registry.ollama.ai/me/mario", "latest", {"model": bert, "adapter": b"lora"})
    pulled(models, "registry.ollama.ai/library/gpt-oss", "120b-cloud", {"params": b"{}"})
    write("x", models, "manifests", "registry.ollama.ai", "library", ".DS_Store")
    write("{", models, "manifests", "too", "short")
    there = library(tmp_path)
    [one, two] = there.scan()
    assert (one.name, one.id, one.path) == ("llama3.2:3b", "llama3.2-3b", blobs["model"])
    assert (one.publisher, one.place, one.folder) == ("", "ollama", models)
    assert (two.name, two.publisher) == ("Some-Model-GGUF:Q4_K_M", "bartowski")
    assert there.get("llama3.2:3b") == there.get("llama3.2-3b") == one
    assert there.problems == []


def test_ollamas_image_part(tmp_path: Path, llama: Path) -> None:
    models = tmp_path / ".ollama" / "models"
    projector = image_part(tmp_path / "p.gguf")
    blobs = pulled(models, "registry.ollama.ai/library/llava", "7b", {"model": llama, "projector": projector})
    [model] = library(tmp_path).scan()
    assert (model.mmproj, model.mmproj_bytes) == (blobs["projector"], projector.stat().st_size)
    assert "vision" in model.capabilities


def test_ollamas_older_names_of_blobs(tmp_path: Path, llama: Path) -> None:
    models = tmp_path / ".ollama" / "models"
    blob = pulled(models, "registry.ollama.ai/library/old", "7b", {"model": llama})["model"]
    older = blob.rename(blob.with_name(blob.name.replace("-", ":")))
    [model] = library(tmp_path).scan()
    assert (model.path, model.name) == (older, "old:7b")


@pytest.mark.parametrize(
    "digest",
    ["", "sha256:", "sha256:../../../etc/passwd", "sha256:" + "A" * 64, "sha512:" + "a" * 64, "/etc/passwd",
     "sha256-" + "a" * 63, "sha256:" + "a" * 64 + "/..", "sha256:" + "a" * 64 + "\n"],
)  # fmt: skip
def test_a_digest_never_becomes_a_path_unchecked(tmp_path: Path, digest: str) -> None:
    layer = {"mediaType": "application/vnd.ollama.image.model", "digest": digest}
    write(json.dumps({"layers": [layer]}), tmp_path, "manifests/registry.ollama.ai/library/evil/latest")
    assert look(Place("ollama", tmp_path))[0] == []


@pytest.mark.parametrize(
    "text", ["", "null", "[]", '{"layers": 3}', '{"layers": [{"digest": []}]}', "[" * 99_999]
)
def test_a_damaged_manifest_is_told(tmp_path: Path, text: str) -> None:
    path = write(text, tmp_path, "manifests/registry.ollama.ai/library/bad/1b")
    found, survey = look(Place("ollama", tmp_path))
    assert found == []
    assert [(at, error.code) for at, error in survey.problems] == [(path, "manifest")]
    assert "bad:1b" in survey.problems[0][1].text


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(st.sampled_from(["layers", "digest", "mediaType", "x"]), inner, max_size=4)
    ),
    max_leaves=20,
)


@settings(max_examples=150, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(value=JSON | st.binary(max_size=200))
def test_any_manifest_is_read_or_told(tmp_path: Path, value: object) -> None:
    path = tmp_path / "manifests" / "registry.ollama.ai" / "library" / "any" / "1b"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(value if isinstance(value, bytes) else json.dumps(value).encode())
    found, survey = look(Place("ollama", tmp_path))
    assert all(item.path.parent == tmp_path / "blobs" for item in found)
    assert all(at == path for at, _ in survey.problems)


NAMES = (
    st.text(st.characters(), min_size=1, max_size=40) | st.binary(min_size=1, max_size=20).map(os.fsdecode)
).filter(lambda name: name not in (".", "..") and not {"/", "\0"} & {*name})


@settings(max_examples=100, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(parts=st.lists(NAMES, min_size=1, max_size=4))
def test_any_name_is_found_and_can_be_shown(
    tmp_path_factory: pytest.TempPathFactory, parts: list[str]
) -> None:
    folder = tmp_path_factory.mktemp("names")
    try:
        path = folder.joinpath(*parts).with_suffix(".gguf")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"GGUF")
    except (OSError, ValueError):
        return  # a name that this system does not hold
    found, survey = look(Place("lm_studio", folder))
    assert survey.problems == []
    hidden = any(part.startswith(".") for part in path.relative_to(folder).parts)
    assert [item.path for item in found] == ([] if hidden else [path])
    for item in found:
        item.publisher.encode()
        assert item.publisher.isprintable()


def test_jan(tmp_path: Path, llama: Path) -> None:
    data = tmp_path / ".local" / "share" / "Jan" / "data"
    models = data / "llamacpp" / "models"
    inside = put(llama, models, "janhq", "Jan-v3-4B", "model.gguf")
    write(
        "model_path: llamacpp/models/janhq/Jan-v3-4B/model.gguf\nname: janhq/Jan-v3-4B\nsize_bytes: 3\n"
        "embedding: false\nnested:\n  name: no\n",
        inside.parent, "model.yml",
    )  # fmt: skip
    outside = put(tiny_mamba(tmp_path / "m.gguf"), tmp_path, "Downloads", "My-Mamba-Q8_0.gguf")
    write(f'name: "my mamba"\nmodel_path: "{outside}"\n', models, "my-mamba", "model.yml")
    write("model_path: ../../../../../../dev/zero\n", models, "evil", "model.yml")
    write("model_path: /no/such.gguf\n", models, "gone", "model.yml")
    there = library(tmp_path)
    one, two = there.scan()
    assert (one.path, one.name, one.publisher, one.place) == (inside, "janhq/Jan-v3-4B", "janhq", "jan")
    assert (two.path, two.name, two.place) == (outside, "My Mamba", "jan")
    assert there.problems == []


def test_jans_image_part(tmp_path: Path, llama: Path) -> None:
    data = tmp_path / "jan"
    path = put(llama, data, "llamacpp", "models", "see", "model.gguf")
    mmproj = image_part(path.with_name("parts.gguf"))
    write("name: see\nmmproj_path: llamacpp/models/see/parts.gguf\n", path.parent, "model.yml")
    [model] = library(tmp_path, JAN_DATA_FOLDER=str(data)).scan()
    assert (model.name, model.mmproj) == ("see", mmproj)


def test_older_jan(tmp_path: Path, llama: Path) -> None:
    put(llama, tmp_path, "jan", "models", "huggingface.co", "bartowski", "Some-GGUF", "Some-Q4_0.gguf")
    [model] = library(tmp_path).scan()
    assert (model.name, model.publisher, model.place) == ("Some", "bartowski", "jan")


def test_gpt4all(tmp_path: Path, llama: Path) -> None:
    folder = tmp_path / ".local" / "share" / "nomic.ai" / "GPT4All"
    path = put(llama, folder, "Meta-Llama-3-8B-Instruct.Q4_0.gguf")
    put(llama, folder, "incomplete-Phi-3.gguf")
    write("x", folder, "localdocs_v3.db")
    [model] = library(tmp_path).scan()
    assert (model.path, model.place) == (path, "gpt4all")


# ---------------------------------------------------------------- together


@pytest.fixture
def full_home(tmp_path: Path, llama: Path) -> Path:
    """A home folder in which every app has the same model, and Ollama one more."""
    home = tmp_path / "home"
    put(llama, home, ".lmstudio/models/pub/Repo-GGUF/Same-Q8_0.gguf")
    cached(home / ".cache/huggingface/hub", "pub/Repo-GGUF", "a" * 40, {"Same-Q8_0.gguf": llama})
    pulled(home / ".ollama/models", "registry.ollama.ai/library/same", "8b", {"model": llama})
    pulled(
        home / ".ollama/models", "registry.ollama.ai/library/other", "1b",
        {"model": tiny_mamba(tmp_path / "mamba.gguf")},
    )  # fmt: skip
    put(llama, home, ".local/share/Jan/data/llamacpp/models/pub/same/model.gguf")
    put(llama, home, ".local/share/nomic.ai/GPT4All/Same-Q8_0.gguf")
    return home


def test_a_model_that_several_apps_have_is_one(full_home: Path) -> None:
    models = library(full_home).scan()
    places_of: dict[str, Model] = {model.name: model for model in models}
    # Jan's copy has a name of its own, so it may be another one for all that its header says.
    assert set(places_of) == {"Same", "other:1b", "Tiny Llama"}
    assert places_of["Same"].place == "lm_studio"
    assert [path.name[:7] for path in places_of["Same"].also_at] == ["Same-Q8", "sha256-", "Same-Q8"]


def test_nothing_is_written(full_home: Path) -> None:
    before = everything(full_home)
    there = library(full_home)
    there.scan()
    for model in there.scan():
        there.get(model.id)
        there.details(model)
    assert everything(full_home) == before


def test_other_apps_on_and_off(full_home: Path) -> None:
    there = library(full_home)
    assert there.scan()
    there.set_folders([], other_apps=False)
    assert there.scan() == []
    assert there.watched() == []
    there.set_folders([], other_apps=True)
    assert there.scan()


def test_what_an_app_owns_is_the_apps_on_whatever_road_it_is_found(full_home: Path) -> None:
    folder = full_home / ".lmstudio" / "models"
    mine = full_home / "mine"
    mine.mkdir()
    there = Library([mine, folder], with_starter=False, places=lambda: other_apps(full_home, {}, "linux"))
    assert {model.place for model in there.scan()} == {"lm_studio", "ollama", "jan"}
    (mine / "Same-Q8_0.gguf").symlink_to(folder / "pub" / "Repo-GGUF" / "Same-Q8_0.gguf")
    assert {model.place for model in there.scan()} == {"rolltop", "ollama", "jan"}
    there = Library([mine, folder], with_starter=False)
    assert {model.place for model in there.scan()} == {"rolltop"}
    assert there.get(str(folder / "pub" / "Repo-GGUF" / "Same-Q8_0.gguf")).place == "folder"
