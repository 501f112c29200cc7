"""Taking models into the app's folder and throwing them away: real files, links and a real trash."""

from __future__ import annotations

import errno
import os
import shutil
import sys
import time
from collections.abc import Generator
from pathlib import Path

import pytest
import send2trash.plat_other as trash
from hypothesis import given
from hypothesis import strategies as st
from tiny_models import tiny_llama, tiny_mamba

from models import model_files
from models.errors import UserError
from models.library import Library, Model
from models.model_files import freed_by, importing, remove, safe_name
from models.places import Place, PlaceKind

pytestmark = pytest.mark.skipif(
    sys.platform != "linux", reason="the trash of other systems is the user's own"
)


@pytest.fixture
def own(tmp_path: Path) -> Path:
    """The app's own folder."""
    folder = tmp_path / "own"
    folder.mkdir()
    return folder


@pytest.fixture
def bin_(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The files in a trash of the tests' own."""
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setattr(trash, "XDG_DATA_HOME", os.fsencode(tmp_path / "data"))
    monkeypatch.setattr(trash, "HOMETRASH_B", os.fsencode(tmp_path / "data" / "Trash"))
    return tmp_path / "data" / "Trash" / "files"


def image_part(path: Path) -> Path:
    """A small file that passes for an mmproj."""
    from gguf import GGUFWriter

    writer = GGUFWriter(path, "clip")
    writer.add_uint32("clip.vision.projection_dim", 64)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    return path


def shards(folder: Path, count: int = 3) -> list[Path]:
    """A model in parts that only have headers."""
    from gguf import GGUFWriter
    from numpy import full

    folder.mkdir(parents=True, exist_ok=True)
    paths = [folder / f"Split-Q8_0-{n:05d}-of-{count:05d}.gguf" for n in range(1, count + 1)]
    for number, path in enumerate(paths):
        writer = GGUFWriter(path, "llama")
        writer.add_tokenizer_model("gpt2")
        writer.add_embedding_length(64)
        writer.add_uint16("split.count", count)
        writer.add_tensor(f"t{number}", full(1000 * (number + 1), number, "float32"))
        writer.write_header_to_file()
        writer.write_kv_data_to_file()
        writer.write_tensors_to_file()
        writer.close()
    return paths


def done(work: Generator[float, None, Path]) -> Path:
    """The end of an import whose progress only grows, from 0 to 1."""
    told = [0.0]
    while True:
        try:
            told.append(next(work))
        except StopIteration as end:
            assert told == sorted(told)
            assert told[-1] == 1.0
            path: Path = end.value
            return path


def files(folder: Path) -> list[str]:
    return sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*"))


def models(*folders: Path, place: PlaceKind | None = None) -> list[Model]:
    if place is None:
        return Library(folders, with_starter=False).scan()
    return Library([], with_starter=False, places=lambda: [Place(place, folders[0])]).scan()


# ---------------------------------------------------------------- names


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("Qwen2.5 7B Instruct", "Qwen2.5-7B-Instruct"), ("../../etc", "etc"), ("", "other"), ("...", "other"),
        ("a/b\\c:d", "a-b-c-d"), ("CON", "_CON"), ("nul.txt", "_nul.txt"), ("通义千问", "通义千问"),
        ("x" * 500, "x" * 100), ("好" * 50, "好" * 33), ("a\u202eb\0c", "a-b-c"), (" - a. ", "a"),
    ],
)  # fmt: skip
def test_safe_names(text: str, name: str) -> None:
    assert safe_name(text, "other") == name


@given(st.text())
def test_any_text_gives_a_safe_name(text: str) -> None:
    name = safe_name(text, "other")
    assert 0 < len(name.encode()) <= 101
    assert Path("/top", name).parent == Path("/top")
    assert name.isprintable()
    assert not set(name) & set('<>:"/\\|?* ')
    assert name.strip(". ") == name
    assert safe_name(name, "other") == name


# ---------------------------------------------------------------- taking in


def test_copy(tmp_path: Path, own: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(model_files, "CHUNK", 100_000)
    source = tiny_llama(tmp_path / "My-Model-Q8_0.gguf")
    os.utime(source, (1, 1_700_000_000))
    path = done(importing(source, own, "copy"))
    assert files(own) == ["local", "local/My-Model", "local/My-Model/My-Model-Q8_0.gguf"]
    assert path == own / "local" / "My-Model" / "My-Model-Q8_0.gguf"
    assert path.read_bytes() == source.read_bytes()
    assert not path.is_symlink()
    [model] = models(own)
    assert (model.path, model.modified) == (path, 1_700_000_000)


def test_link(tmp_path: Path, own: Path) -> None:
    source = tiny_llama(tmp_path / "My-Model-Q8_0.gguf")
    path = done(importing(source, own, "link"))
    assert path.readlink() == source
    [model] = models(own)
    assert model.size_bytes == source.stat().st_size


def test_move(tmp_path: Path, own: Path) -> None:
    source = tiny_llama(tmp_path / "My-Model-Q8_0.gguf")
    data = source.read_bytes()
    path = done(importing(source, own, "move"))
    assert path.read_bytes() == data
    assert not source.exists()


def test_move_to_another_disk(tmp_path: Path, own: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    parts = shards(tmp_path / "from")
    rename = Path.rename

    def between_disks(self: Path, target: Path) -> Path:
        if self.parent != target.parent and "00001" in self.name:
            raise OSError(errno.EXDEV, "Invalid cross-device link")
        return rename(self, target)

    monkeypatch.setattr(Path, "rename", between_disks)
    path = done(importing(parts[0], own, "move"))
    assert files(tmp_path / "from") == []
    assert [p.name for p in models(own)[0].shards] == [p.name for p in parts]
    assert path == own / "local" / "Split" / parts[0].name


@pytest.mark.parametrize("how", ["link", "copy", "move"])
def test_shards_and_image_part_come_along(tmp_path: Path, own: Path, how: model_files.How) -> None:
    parts = shards(tmp_path / "from")
    image_part(tmp_path / "from" / "mmproj-F16.gguf")
    done(importing(parts[1], own, how))
    [model] = models(own)
    assert [path.name for path in model.shards] == [path.name for path in parts]
    assert model.mmproj == own / "local" / "Split" / "mmproj-F16.gguf"
    stayed = [*(path.name for path in parts), "mmproj-F16.gguf"]
    assert files(tmp_path / "from") == ([] if how == "move" else stayed)


def test_an_image_part_that_others_use_is_not_moved_away(tmp_path: Path, own: Path) -> None:
    (tmp_path / "from").mkdir()
    one = tiny_llama(tmp_path / "from" / "See-Q4_0.gguf")
    shutil.copyfile(one, tmp_path / "from" / "See-Q8_0.gguf")
    image_part(tmp_path / "from" / "mmproj-F16.gguf")
    done(importing(one, own, "move"))
    assert files(tmp_path / "from") == ["See-Q8_0.gguf", "mmproj-F16.gguf"]
    assert models(own)[0].mmproj is not None
    done(importing(tmp_path / "from" / "See-Q8_0.gguf", own, "copy"))  # the mmproj is there already
    assert len(models(own)) == 2


@pytest.mark.parametrize("how", ["link", "copy", "move"])
def test_what_is_there_already_is_found(tmp_path: Path, own: Path, how: model_files.How) -> None:
    source = tiny_llama(tmp_path / "My-Model.gguf")
    path = done(importing(source, own, "copy"))
    before = path.stat()
    assert done(importing(source, own, how)) == path
    assert done(importing(path, own, how)) == path
    assert source.exists()
    assert path.stat().st_ino == before.st_ino
    assert not path.is_symlink()


def test_a_link_is_found_again_and_its_file_never_lost(tmp_path: Path, own: Path) -> None:
    source = tiny_llama(tmp_path / "My-Model.gguf")
    path = done(importing(source, own, "link"))
    assert done(importing(source, own, "move")) == path
    assert source.exists()
    assert path.readlink() == source


def test_another_file_of_the_name(tmp_path: Path, own: Path) -> None:
    path = done(importing(tiny_llama(tmp_path / "My-Model.gguf"), own, "copy"))
    before = path.read_bytes()
    for other in (
        tiny_llama(tmp_path / "My-Model.gguf", name="Tiny Llamb"),
        tiny_mamba(tmp_path / "My-Model.gguf"),
    ):
        for how in ("link", "copy", "move"):
            with pytest.raises(UserError) as caught:
                done(importing(other, own, how))
            assert caught.value.code == "exists"
    assert path.read_bytes() == before
    assert (tmp_path / "My-Model.gguf").exists()


def test_a_folder_or_dead_link_of_the_name(tmp_path: Path, own: Path) -> None:
    source = tiny_llama(tmp_path / "My-Model.gguf")
    target = own / "local" / "My-Model" / "My-Model.gguf"
    target.mkdir(parents=True)
    with pytest.raises(UserError, match="another file"):
        done(importing(source, own, "copy"))
    target.rmdir()
    target.symlink_to(tmp_path / "nowhere")
    with pytest.raises(UserError, match="another file"):
        done(importing(source, own, "move"))


@pytest.mark.parametrize("after", range(1, 12))
def test_closed_half_way_nothing_is_left(
    tmp_path: Path, own: Path, after: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(model_files, "CHUNK", 2500)
    parts = shards(tmp_path / "from")
    before = {path: path.read_bytes() for path in parts}
    work = importing(parts[0], own, "copy")
    for _ in range(after):
        assert next(work) < 1
        assert models(own) == []
    work.close()
    assert files(own) == []
    assert {path: path.read_bytes() for path in parts} == before


def test_too_little_room(tmp_path: Path, own: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    source = tiny_llama(tmp_path / "My-Model.gguf")
    monkeypatch.setattr(shutil, "disk_usage", lambda path: shutil._ntuple_diskusage(10**12, 10**12, 1000))
    with pytest.raises(UserError) as caught:
        done(importing(source, own, "copy"))
    assert caught.value.code == "disk_full"
    assert files(own) == []
    done(importing(source, own, "link"))


def test_a_disk_that_fills_meanwhile(tmp_path: Path, own: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    parts = shards(tmp_path / "from")

    def full(descriptor: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(UserError) as caught:
        done(importing(parts[0], own, "copy"))
    assert caught.value.code == "disk_full"
    assert files(own) == []


def test_two_imports_of_one_file(tmp_path: Path, own: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(model_files, "CHUNK", 100_000)
    source = tiny_llama(tmp_path / "My-Model.gguf")
    work = importing(source, own, "copy")
    next(work)
    with pytest.raises(UserError) as caught:
        done(importing(source, own, "copy"))
    assert caught.value.code == "in_use"
    done(work)
    assert len(models(own)) == 1


def test_what_a_kill_left_behind_is_replaced(tmp_path: Path, own: Path) -> None:
    source = tiny_llama(tmp_path / "My-Model.gguf")
    left = own / "local" / "My-Model" / f"My-Model.gguf{model_files.PART}"
    left.parent.mkdir(parents=True)
    left.write_bytes(b"half")
    long_ago = time.time() - 2 * model_files.STALE_S
    os.utime(left, (long_ago, long_ago))
    assert models(own) == []
    done(importing(source, own, "copy"))
    assert not left.exists()


def test_a_file_that_grows_while_it_is_copied(
    tmp_path: Path, own: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(model_files, "CHUNK", 100_000)
    source = tiny_llama(tmp_path / "My-Model.gguf")
    work = importing(source, own, "copy")
    next(work)
    with source.open("ab") as stream:
        stream.write(b"more")
    with pytest.raises(UserError) as caught:
        done(work)
    assert caught.value.code == "changed"
    assert files(own) == []


def test_no_right_to_links(tmp_path: Path, own: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    parts = shards(tmp_path / "from")

    def refused(*args: object, **more: object) -> None:
        raise OSError(errno.EPERM, "A required privilege is not held by the client")

    monkeypatch.setattr(Path, "symlink_to", refused)
    path = done(importing(parts[0], own, "link"))
    assert path.stat().st_ino == parts[0].stat().st_ino
    remove(models(own)[0], [], for_good=True)
    hard, left = os.link, [2]

    def few(source: Path, target: Path) -> None:
        left[0] -= 1
        if left[0] < 0:
            raise OSError(errno.EMLINK, "Too many links")
        hard(source, target)

    monkeypatch.setattr(os, "link", few)
    with pytest.raises(UserError) as caught:
        done(importing(parts[0], own, "link"))
    assert caught.value.code == "no_link"
    assert files(own) == []


def test_a_link_cannot_be_moved(tmp_path: Path, own: Path) -> None:
    source = tiny_llama(tmp_path / "blob")
    (tmp_path / "My-Model.gguf").symlink_to(source)
    with pytest.raises(UserError) as caught:
        done(importing(tmp_path / "My-Model.gguf", own, "move"))
    assert caught.value.code == "is_link"
    path = done(importing(tmp_path / "My-Model.gguf", own, "copy"))
    assert not path.is_symlink()


def test_a_file_named_after_its_content(tmp_path: Path, own: Path) -> None:
    source = tiny_llama(tmp_path / ("sha256-" + "0a" * 32), name="../Evil\0 Name")
    path = done(importing(source, own, "copy"))
    assert path.relative_to(own).as_posix() == "local/Evil-Name/evil-name-f32.gguf"


def test_strange_names(tmp_path: Path, own: Path) -> None:
    source = tiny_llama(tmp_path / "a\nb\x1b:c ?.gguf")
    path = done(importing(source, own, "copy"))
    assert path.name.isprintable()
    assert [model.path for model in models(own)] == [path]


@pytest.mark.parametrize("name", ["text.gguf", "mmproj.gguf", "gone.gguf", "pipe.gguf"])
def test_what_is_no_model_is_refused(tmp_path: Path, own: Path, name: str) -> None:
    (tmp_path / "text.gguf").write_text("hello")
    image_part(tmp_path / "mmproj.gguf")
    os.mkfifo(tmp_path / "pipe.gguf")
    with pytest.raises(UserError):
        done(importing(tmp_path / name, own, "copy"))
    assert files(own) == []


# ---------------------------------------------------------------- throwing away


def test_remove(tmp_path: Path, own: Path, bin_: Path) -> None:
    done(importing(shards(tmp_path / "from")[0], own, "copy"))
    (tmp_path / "from" / "keep").write_text("")
    [model] = models(own)
    assert freed_by(model, [model]) == model.size_bytes
    assert remove(model, [model]) == model.size_bytes
    assert files(bin_) == [path.name for path in model.shards]
    assert files(own) == []
    assert own.exists()


def test_for_good(own: Path, bin_: Path) -> None:
    tiny_llama(own / "one.gguf")
    [model] = models(own)
    assert remove(model, [], for_good=True) == model.size_bytes
    assert files(own) == []
    assert not bin_.exists()


def test_an_image_part_stays_while_another_model_uses_it(own: Path, bin_: Path) -> None:
    (own / "pub" / "repo").mkdir(parents=True)
    for kind in ("Q4_0", "Q8_0"):
        tiny_llama(own / "pub" / "repo" / f"See-{kind}.gguf")
    mmproj = image_part(own / "pub" / "repo" / "mmproj-F16.gguf")
    both = models(own)
    size = mmproj.stat().st_size
    assert freed_by(both[0], both) == both[0].size_bytes
    assert remove(both[0], both) == both[0].size_bytes
    assert mmproj.exists()
    [left] = models(own)
    assert remove(left, [left]) == left.size_bytes + size
    assert files(bin_) == ["See-Q4_0.gguf", "See-Q8_0.gguf", "mmproj-F16.gguf"]
    assert files(own) == []


def test_of_a_link_only_the_link_is_removed(tmp_path: Path, own: Path, bin_: Path) -> None:
    source = tiny_llama(tmp_path / "My-Model.gguf")
    source.chmod(0o444)
    done(importing(source, own, "link"))
    [model] = models(own)
    assert freed_by(model, [model]) == 0
    assert remove(model, [model]) == 0
    assert files(own) == []
    assert source.exists()
    assert not bin_.exists()


def test_a_hard_link_frees_nothing(tmp_path: Path, own: Path, bin_: Path) -> None:
    source = tiny_llama(tmp_path / "My-Model.gguf")
    os.link(source, own / "My-Model.gguf")
    [model] = models(own)
    assert freed_by(model, [model]) == remove(model, [model]) == 0
    assert source.exists()
    assert files(own) == []


def test_folders_of_the_users_own_stay(tmp_path: Path, own: Path, bin_: Path) -> None:
    (tmp_path / "mine" / "sorted").mkdir(parents=True)
    tiny_llama(tmp_path / "mine" / "sorted" / "one.gguf")
    [model] = models(own, tmp_path / "mine")
    remove(model, [model])
    assert files(tmp_path / "mine") == ["sorted"]


@pytest.mark.parametrize("kind", ["lm_studio", "hugging_face", "ollama", "jan", "gpt4all"])
def test_files_of_other_apps_are_refused(tmp_path: Path, own: Path, kind: PlaceKind) -> None:
    path = tiny_llama(own / "one.gguf")
    [model] = models(own)
    theirs = Library([], with_starter=False, places=lambda: [Place(kind, own)]).get(str(path))
    assert theirs.place == kind
    for for_good in (False, True):
        with pytest.raises(UserError) as caught:
            remove(theirs, [model], for_good=for_good)
        assert caught.value.code == "other_app"
        caught.value.hint_text.encode()
    assert path.exists()


def test_the_starter_is_refused() -> None:
    starter = Library([]).starter()
    with pytest.raises(UserError) as caught:
        remove(starter, [], for_good=True)
    assert caught.value.code == "starter"
    assert starter.path.exists()


def test_without_a_trash_it_can_be_deleted_for_good(own: Path, bin_: Path) -> None:
    tiny_llama(own / "one.gguf")
    bin_.parent.parent.mkdir(parents=True)
    bin_.parent.write_text("in the way")
    [model] = models(own)
    with pytest.raises(UserError) as caught:
        remove(model, [])
    assert caught.value.code == "no_trash"
    assert model.path.exists()
    assert remove(model, [], for_good=True) > 0


def test_a_folder_that_may_not_be_written(own: Path, bin_: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    tiny_llama(own / "one.gguf")
    [model] = models(own)
    monkeypatch.setattr(os, "access", lambda path, mode: False)  # root may write everywhere
    with pytest.raises(UserError) as caught:
        remove(model, [])
    assert caught.value.code == "protected"
    assert model.path.exists()


def test_files_that_are_gone_already(own: Path, bin_: Path) -> None:
    parts = shards(own / "pub" / "repo")
    [model] = models(own)
    parts[1].unlink()
    assert (
        remove(model, []) == model.size_bytes - 8000 - (model.size_bytes - 24000) // 3
        or not parts[0].exists()
    )
    assert files(own) == []
    assert remove(model, []) == freed_by(model, []) == 0
