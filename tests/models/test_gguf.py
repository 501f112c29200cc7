from __future__ import annotations

import io
import os
import struct
import tracemalloc
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tiny_models import tiny_bert, tiny_gemma3, tiny_hybrid, tiny_llama, tiny_mamba

from models import gguf
from models.gguf import ArraySummary, GGUFError, GGUFHeader, read_header
from models.library import Library

U8, I32, U32, F32, BOOL, STRING, ARRAY, U64 = 0, 5, 4, 6, 7, 8, 9, 10


class Packer:
    """Packs headers by hand, so that they can be wrong on purpose."""

    def __init__(self, order: str = "<") -> None:
        self.order = order

    def pack(self, layout: str, *values: Any) -> bytes:
        return struct.pack(self.order + layout, *values)

    def string(self, text: str | bytes) -> bytes:
        data = text.encode() if isinstance(text, str) else text
        return self.pack("Q", len(data)) + data

    def key(self, name: str, kind: int, value: bytes) -> bytes:
        return self.string(name) + self.pack("I", kind) + value

    def array(self, kind: int, count: int, items: bytes = b"") -> bytes:
        return self.pack("IQ", kind, count) + items

    def tensor(self, name: str, shape: tuple[int, ...], kind: int = 0, offset: int = 0) -> bytes:
        dimensions = self.pack(f"I{len(shape)}Q", len(shape), *shape)
        return self.string(name) + dimensions + self.pack("IQ", kind, offset)

    def file(
        self,
        keys: list[bytes] | None = None,
        tensors: list[bytes] | None = None,
        data: int = 0,
        version: int = 3,
        counts: tuple[int, int] | None = None,
    ) -> bytes:
        keys, tensors = keys or [], tensors or []
        tensor_count, key_count = counts or (len(tensors), len(keys))
        start = b"GGUF" + self.pack("IQQ", version, tensor_count, key_count)
        header = start + b"".join(keys) + b"".join(tensors)
        return header + bytes(-len(header) % 32) + bytes(data)


P = Packer()


class CountingFile(io.BytesIO):
    """Counts what is read."""

    bytes_read = 0
    reads = 0

    def read(self, size: int | None = -1, /) -> bytes:
        data = super().read(size)
        self.bytes_read += len(data)
        self.reads += 1
        return data


class EndlessFile(io.RawIOBase):
    """A huge file: a start, and then one number again and again."""

    def __init__(self, start: bytes, number: int, size: int = 1 << 50) -> None:
        self.start = start + bytes(-len(start) % 8)
        self.pattern = struct.pack("<Q", number)
        self.size = size
        self.position = 0
        self.bytes_read = 0

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        self.position = self.size if whence == os.SEEK_END else offset
        return self.position

    def read(self, size: int = -1) -> bytes:
        assert 0 <= size <= gguf.KEPT_STRING_BYTES + gguf.BLOCK, "asked for too much at once"
        at = self.position
        skipped = at % 8
        data = (self.pattern * (size // 8 + 2))[skipped : skipped + size]
        if at < len(self.start):
            data = (self.start[at:] + data)[:size]
        self.position += len(data)
        self.bytes_read += len(data)
        return data


def read(data: bytes) -> GGUFHeader:
    return read_header(io.BytesIO(data))


def code_of(data: bytes) -> str:
    with pytest.raises(GGUFError) as caught:
        read(data)
    assert caught.value.text
    return caught.value.code


# ---------------------------------------------------------------- sound files


def test_the_starter_model() -> None:
    header = read_header(Library([]).starter().path)
    assert header.version == 3
    assert header.byte_order == "little"
    assert header.architecture == "llama"
    assert header.layers == 30
    assert header.embedding_size == 576
    assert header.context_length == 8192
    assert header.quantization == "Q4_1"
    assert header.parameters == 134_515_008
    assert header.chat_template is not None
    assert "<|im_start|>" in header.chat_template
    assert header.metadata["tokenizer.ggml.tokens"] == ArraySummary("string", 49152)
    assert header.metadata["general.languages"] == ("en",)
    assert header.size_bytes == 98_362_432
    assert len(header.tensors) == 272


@pytest.mark.parametrize("make", [tiny_llama, tiny_mamba, tiny_gemma3, tiny_hybrid, tiny_bert])
def test_the_same_facts_as_the_reference_reader(make: Any, tmp_path: Path) -> None:
    from gguf import GGUFReader

    path = make(tmp_path / "model.gguf")
    header, reference = read_header(path), GGUFReader(path)
    assert header.data_offset == reference.data_offset
    assert [(t.name, list(t.shape), t.type, t.offset + header.data_offset) for t in header.tensors] == [
        (t.name, t.shape.tolist(), t.tensor_type.name, t.data_offset) for t in reference.tensors
    ]
    for key, value in header.metadata.items():
        if not isinstance(value, (tuple, ArraySummary)):
            assert value == reference.fields[key].contents(), key


def test_the_tensor_types_are_those_of_the_reference() -> None:
    from gguf.constants import GGML_QUANT_SIZES, LlamaFileType

    for kind, (block, size) in GGML_QUANT_SIZES.items():
        if kind.name != "Q8_1":  # never stored in files; the package counts its sum as four bytes
            assert gguf.TENSOR_TYPES[int(kind)] == (kind.name, block, size)
    for file_type in LlamaFileType:
        if file_type.name != "GUESSED":
            expected = file_type.name.removeprefix("ALL_").removeprefix("MOSTLY_").removesuffix("_MOE")
            assert gguf.FILE_TYPES[int(file_type)] == expected


@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize("version", [2, 3])
def test_versions_and_byte_orders(order: str, version: int) -> None:
    p = Packer(order)
    keys = [
        p.key("general.architecture", STRING, p.string("llama")),
        p.key("llama.context_length", U32, p.pack("I", 2048)),
        p.key("general.file_type", U32, p.pack("I", 15)),
        p.key("some.flags", ARRAY, p.array(BOOL, 2, b"\x01\x00")),
        p.key("some.words", ARRAY, p.array(STRING, 2, p.string("a") + p.string("é"))),
        p.key("nothing", ARRAY, p.array(STRING, 0)),
    ]
    header = read(p.file(keys, [p.tensor("t", (32, 2))], data=256, version=version))
    assert header.version == version
    assert header.byte_order == ("little" if order == "<" else "big")
    assert (header.architecture, header.context_length, header.quantization) == ("llama", 2048, "Q4_K_M")
    assert header.metadata["some.flags"] == (True, False)
    assert header.metadata["some.words"] == ("a", "é")
    assert header.metadata["nothing"] == ()
    assert header.parameters == 64


def test_long_values_are_summed_up() -> None:
    keys = [
        P.key("many", ARRAY, P.array(U32, 2000, bytes(8000))),
        P.key("few", ARRAY, P.array(I32, 3, P.pack("3i", -1, 0, 1))),
        P.key("nested", ARRAY, P.array(ARRAY, 2, P.array(U8, 1, b"x") + P.array(STRING, 1, P.string("y")))),
        P.key("novel", STRING, P.string(b"a" * (gguf.KEPT_STRING_BYTES + 1))),
        P.key("after", STRING, P.string("here")),
    ]
    metadata = read(P.file(keys)).metadata
    assert metadata["many"] == ArraySummary("uint32", 2000)
    assert metadata["few"] == (-1, 0, 1)
    assert metadata["nested"] == ArraySummary("array", 2)
    assert metadata["novel"] == ArraySummary("char", gguf.KEPT_STRING_BYTES + 1)
    assert metadata["after"] == "here"


def test_a_large_vocabulary_is_read_in_large_blocks_and_recognized_again() -> None:
    words = b"".join(P.string(f"word{n}") for n in range(256_000))
    file = CountingFile(P.file([P.key("tokens", ARRAY, P.array(STRING, 256_000, words))]))
    header = read_header(file)
    assert header.metadata["tokens"] == ArraySummary("string", 256_000)
    size = header.size_bytes
    assert file.bytes_read < 2 * size + 64 * (size // gguf.BLOCK + 2)  # once to pass over it, once to know it
    assert file.reads < 2 * (size // gguf.BLOCK + 4)
    again = CountingFile(file.getvalue())
    assert read_header(again) == header
    assert again.bytes_read < size + 2 * gguf.BLOCK


def test_a_vocabulary_that_only_begins_like_a_known_one_is_read_anew() -> None:
    words = b"".join(P.string(f"word{n}") for n in range(5_000))
    end = P.key("z", U64, P.pack("Q", 7))
    known = P.file([P.key("tokens", ARRAY, P.array(STRING, 5_000, words)), end], counts=(0, 2))
    assert read_header(io.BytesIO(known)).metadata["z"] == 7
    longer = words.replace(P.string("word4000"), P.string("word4000 and more"))
    other = P.file([P.key("tokens", ARRAY, P.array(STRING, 5_000, longer)), end], counts=(0, 2))
    assert read_header(io.BytesIO(other)).metadata["z"] == 7
    cut = known.replace(P.string("word4999"), P.pack("Q", 1 << 50) + b"word4999")
    with pytest.raises(GGUFError):
        read_header(io.BytesIO(cut))


def test_a_long_array_of_numbers_is_not_read() -> None:
    file = CountingFile(P.file([P.key("scores", ARRAY, P.array(F32, 4_000_000, bytes(16_000_000)))]))
    assert read_header(file).metadata["scores"] == ArraySummary("float32", 4_000_000)
    assert file.bytes_read <= 2 * gguf.BLOCK


def test_text_that_is_not_utf8_is_replaced() -> None:
    header = read(P.file([P.key("general.name", STRING, P.string(b"caf\xe9 \xed\xa0\x80"))]))
    assert header.name.startswith("caf\ufffd")
    header.name.encode()


def test_values_of_the_wrong_type_are_as_good_as_none() -> None:
    keys = [
        P.key("general.architecture", U32, P.pack("I", 7)),
        P.key("general.name", ARRAY, P.array(U8, 1, b"x")),
        P.key("general.file_type", STRING, P.string("Q4")),
        P.key(".context_length", BOOL, b"\x01"),
        P.key("tokenizer.chat_template", U32, P.pack("I", 7)),
    ]
    header = read(P.file(keys))
    assert (header.architecture, header.name, header.quantization, header.context_length) == ("", "", "", 0)
    assert header.chat_template is None


def test_quantization_of_most_numbers_when_the_file_does_not_say() -> None:
    tensors = [
        P.tensor("norm", (32,), 0, 0), P.tensor("norm2", (32,), 0, 128), P.tensor("big", (256, 4), 12, 256),
    ]  # fmt: skip
    assert read(P.file([], tensors, data=256 + 4 * 144)).quantization == "Q4_K"


# ---------------------------------------------------------------- files that are not sound

BAD = {
    "empty": (b"", "empty"),
    "three bytes": (b"GGU", "not_gguf"),
    "text": (b"Dear all, please find attached", "not_gguf"),
    "a web page": (b"\n<!DOCTYPE html><title>Sign in</title>", "not_gguf"),
    "a git-lfs pointer": (b"version https://git-lfs.github.com/spec/v1\noid sha256:00", "not_gguf"),
    "an older format": (b"tjgg" + bytes(60), "not_gguf"),
    "magic alone": (b"GGUF", "cut_short"),
    "version 1": (b"GGUF" + struct.pack("<III", 1, 0, 0), "gguf_version"),
    "version 9": (P.file(version=9), "gguf_version"),
    "version 0": (P.file(version=0), "damaged"),
    "a nonsense version": (P.file(version=0x12345678), "damaged"),
    "a promise of keys": (P.file(counts=(0, 50)), "cut_short"),
    "a promise of tensors": (P.file(counts=(50, 0)), "cut_short"),
    "too many keys": (P.file(counts=(0, 1 << 40)), "damaged"),
    "too many tensors": (P.file(counts=((1 << 64) - 1, 0)), "damaged"),
    "a repeated key": (P.file([P.key("a", U8, b"1")] * 2), "damaged"),
    "an empty key": (P.file([P.key("", U8, b"1")]), "damaged"),
    "a huge key": (P.file([P.pack("Q", 1 << 62) + bytes(40)]), "damaged"),
    "an unknown value": (P.file([P.key("a", 99, bytes(40))]), "damaged"),
    "an unknown array": (P.file([P.key("a", ARRAY, P.array(99, 1, bytes(40)))]), "damaged"),
    "a huge string": (P.file([P.key("a", STRING, P.pack("Q", (1 << 64) - 1))]), "damaged"),
    "too many strings": (P.file([P.key("a", ARRAY, P.array(STRING, 1 << 22))], data=1 << 25), "damaged"),
    "too many arrays": (P.file([P.key("a", ARRAY, P.array(ARRAY, 1 << 15))], data=1 << 19), "damaged"),
    "a huge array": (P.file([P.key("a", ARRAY, P.array(U64, 1 << 61))]), "damaged"),
    "a huge string array": (P.file([P.key("a", ARRAY, P.array(STRING, 1 << 63))]), "damaged"),
    "a cut string array": (P.file([P.key("a", ARRAY, P.array(STRING, 2000, bytes(64)))]), "cut_short"),
    "a cut last string": (
        P.file([P.key("a", ARRAY, P.array(STRING, 2000, bytes(1999 * 8) + P.pack("Q", 9999)))]),
        "cut_short",
    ),
    "deep nesting": (P.file([P.key("a", ARRAY, P.array(ARRAY, 1) * 500)]), "damaged"),
    "alignment of 3": (P.file([P.key("general.alignment", U32, P.pack("I", 3))]), "damaged"),
    "alignment of 0": (P.file([P.key("general.alignment", U32, P.pack("I", 0))]), "damaged"),
    "alignment as text": (P.file([P.key("general.alignment", STRING, P.string("32"))]), "damaged"),
    "five dimensions": (P.file([], [P.tensor("t", (1, 1, 1, 1, 1))], data=64), "damaged"),
    "a repeated tensor": (P.file([], [P.tensor("t", (1,))] * 2, data=64), "damaged"),
    "a huge tensor": (P.file([], [P.tensor("t", (1 << 63, 1 << 63))], data=64), "damaged"),
    "half a block": (P.file([], [P.tensor("t", (33,), 2)], data=64), "damaged"),
    "a tensor out of line": (P.file([], [P.tensor("t", (1,), 0, 5)], data=64), "damaged"),
    "a tensor beyond the end": (P.file([], [P.tensor("t", (64,))], data=252), "cut_short"),
}


@pytest.mark.parametrize(("data", "code"), BAD.values(), ids=BAD.keys())
def test_bad_files_are_refused_with_the_reason(data: bytes, code: str) -> None:
    assert code_of(data) == code


def test_a_truncated_model_says_how_much_is_missing(tmp_path: Path) -> None:
    path = tiny_llama(tmp_path / "model.gguf")
    size = path.stat().st_size
    promised = max(t.offset + t.elements * 4 for t in read_header(path).tensors)
    promised += read_header(path).data_offset
    os.truncate(path, size - 4096)
    with pytest.raises(GGUFError) as caught:
        read_header(path)
    assert caught.value.text == (
        f"model.gguf is cut short: its header promises {promised} bytes, the file has {size - 4096}."
    )
    assert caught.value.hint_text == "Download it again."


def test_every_truncation_of_a_header_is_refused(tmp_path: Path) -> None:
    data = tiny_llama(tmp_path / "model.gguf").read_bytes()
    end = read(data).data_offset
    for length in [*range(4, 600), *range(600, end, 97)]:
        assert code_of(data[:length]) == "cut_short"


def test_paths_that_are_no_files(tmp_path: Path) -> None:
    (tmp_path / "folder.gguf").mkdir()
    (tmp_path / "link.gguf").symlink_to(tmp_path / "gone")
    (tmp_path / "loop.gguf").symlink_to(tmp_path / "loop.gguf")
    os.mkfifo(tmp_path / "pipe.gguf")
    expected = {
        "folder.gguf": "directory", "link.gguf": "missing", "loop.gguf": "unreadable",
        "pipe.gguf": "not_gguf", "none.gguf": "missing", "a\0b": "missing", "x" * 5000: "unreadable",
    }  # fmt: skip
    for name, code in expected.items():
        with pytest.raises(GGUFError) as caught:
            read_header(tmp_path / name)
        assert caught.value.code == code, name


def test_a_file_that_may_not_be_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tiny_llama(tmp_path / "model.gguf")

    def refuse(*_: object, **__: object) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, "open", refuse)  # a mode of 000 does not stop an administrator
    with pytest.raises(GGUFError, match=r"model\.gguf may not be read"):
        read_header(path)


def test_a_disk_that_fails_while_reading() -> None:
    class Failing(io.BytesIO):
        def read(self, size: int | None = -1, /) -> bytes:
            raise OSError(5, "Input/output error")

    with pytest.raises(GGUFError, match="cannot be read: Input/output error"):
        read_header(Failing(P.file()))


def test_names_that_cannot_be_printed(tmp_path: Path) -> None:
    path = tmp_path / os.fsdecode(b"bad\xff\x1b[31m.gguf")
    path.write_bytes(b"nothing")
    with pytest.raises(GGUFError) as caught:
        read_header(path)
    caught.value.text.encode()
    assert "\x1b" not in caught.value.text


# ---------------------------------------------------------------- hostile files: bounded work and memory


def survive(data: bytes) -> None:
    """Read, and check that it cost no more than the file is worth."""
    file = CountingFile(data)
    header, refusal = None, None
    tracemalloc.start()
    try:
        header = read_header(file)
    except GGUFError as error:
        refusal = error
    finally:
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
    if header is not None:
        assert header.parameters >= 0
        assert isinstance(header.quantization, str)
        header.name.encode()
    if refusal is not None:
        assert refusal.text.isprintable()
        assert refusal.hint_text.isprintable()
    assert peak < (1 << 20) + 40 * len(data)
    assert file.bytes_read <= 2 * len(data) + 256
    assert file.reads <= 16 + len(data) // 8


@settings(max_examples=300, deadline=None)
@given(st.binary(max_size=2000))
def test_random_bytes(data: bytes) -> None:
    survive(data)


@settings(max_examples=500, deadline=None)
@given(st.integers(0, 60), st.integers(0, 60), st.binary(max_size=3000), st.sampled_from("<>"))
def test_random_bytes_after_a_sound_start(tensors: int, keys: int, data: bytes, order: str) -> None:
    survive(b"GGUF" + struct.pack(order + "IQQ", 3, tensors, keys) + data)


@pytest.fixture(scope="module")
def sound(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    """A real file, cut to its header and a little more."""
    path = tiny_bert(tmp_path_factory.mktemp("gguf") / "model.gguf")
    data = path.read_bytes()
    return data[: read(data).data_offset] + bytes(len(data) - read(data).data_offset)


@settings(max_examples=300, deadline=None)
@given(data=st.data())
def test_flipped_bits(sound: bytes, data: st.DataObject) -> None:
    end = read(sound).data_offset
    damaged = bytearray(sound)
    for bit in data.draw(st.lists(st.integers(0, end * 8 - 1), min_size=1, max_size=8)):
        damaged[bit // 8] ^= 1 << bit % 8
    survive(bytes(damaged))


@settings(max_examples=300, deadline=None)
@given(data=st.data())
def test_huge_numbers_anywhere(sound: bytes, data: st.DataObject) -> None:
    end = read(sound).data_offset
    damaged = bytearray(sound)
    at = data.draw(st.integers(4, end - 8))
    number = data.draw(st.one_of(st.integers(0, 1 << 20), st.integers(0, (1 << 64) - 1)))
    damaged[at : at + 8] = struct.pack("<Q", number)
    survive(bytes(damaged))


ENDLESS = {
    "strings": P.file([P.key("a", ARRAY, P.array(STRING, 1 << 20))], counts=(0, 2)),
    "keys": P.file(counts=(0, 1 << 16)),
    "tensors": P.file(counts=(1 << 16, 0)),
    "arrays": P.file([P.key("a", ARRAY, P.array(ARRAY, gguf.MAX_NESTED))], counts=(0, 2)),
    "a string": P.file([P.key("a", STRING, P.pack("Q", 1 << 40))]),
    "numbers": P.file([P.key("a", ARRAY, P.array(U64, 1 << 40))]),
}


@pytest.mark.parametrize("number", [0, 8, 1000, 200 << 10, 1 << 20, 1 << 40])
@pytest.mark.parametrize("start", ENDLESS.values(), ids=ENDLESS.keys())
def test_a_file_without_end_is_given_up(start: bytes, number: int) -> None:
    file = EndlessFile(start.rstrip(b"\0"), number)
    tracemalloc.start()
    try:
        with pytest.raises(GGUFError):
            read_header(file)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert file.bytes_read <= gguf.MAX_HEADER + 2 * gguf.KEPT_BYTES
    assert peak < 48 << 20
