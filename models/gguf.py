"""Reads what a GGUF file says about itself, and believes none of it unchecked.

Every length is compared with the bytes that are left before anything is read, the counts are
capped, and what is kept stays small: long arrays (the vocabulary) are passed over. However the
bytes are arranged, reading costs at most `MAX_HEADER` bytes and `MAX_ITEMS` walked array items.

The format: https://github.com/ggml-org/ggml/blob/master/docs/gguf.md
"""

from __future__ import annotations

import hashlib
import io
import os
import stat
import struct
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from math import prod
from pathlib import Path
from typing import BinaryIO, Literal

from models.errors import UserError, sentence

MAX_HEADER = 128 << 20
"""Bytes a header may take; the largest real ones (vocabulary and merges) are near 30 MB."""
MAX_ITEMS = 2 << 20
"""Strings in arrays that are walked before a header is called damaged; real ones have up to 800,000."""
MAX_NESTED = 1 << 14
"""Arrays inside arrays that are walked; no known model has any."""
MAX_KEYS = 1 << 16
MAX_TENSORS = 1 << 16
MAX_KEY_BYTES = 1 << 16
MAX_TENSOR_NAME_BYTES = 1 << 10
MAX_DIMENSIONS = 4
MAX_NESTING = 4
KEPT_STRING_BYTES = 1 << 20
"""Longer strings are summed up, not kept."""
KEPT_ARRAY_LENGTH = 1024
"""Longer arrays are summed up, not kept."""
KEPT_BYTES = 8 << 20
"""Strings and array items kept of one header; the rest is summed up."""
BLOCK = 256 << 10
"""Bytes read at a time."""

KNOWN_FROM = 4096
"""Strings in an array from which on it pays to recognize the whole: most models share a few vocabularies."""
KNOWN_BYTES = 16 << 20
MOST_KNOWN = 64

LARGEST_SIZE = 1 << 60
"""No file is this large: a size beyond it is damage, not truncation."""
LARGEST_NUMBER = (1 << 32) - 1
"""The largest number that llama.cpp reads from metadata (context, layers, heads): a larger one is damage."""
LEAST_BYTES = 1 / 16
"""Bytes that one number takes at the least in any type; those in use take more than a bit."""

_SCALARS = {0: "B", 1: "b", 2: "H", 3: "h", 4: "I", 5: "i", 6: "f", 7: "?", 10: "Q", 11: "q", 12: "d"}
_STRING, _ARRAY = 8, 9
_VALUE_TYPES = {
    0: "uint8", 1: "int8", 2: "uint16", 3: "int16", 4: "uint32", 5: "int32", 6: "float32", 7: "bool",
    8: "string", 9: "array", 10: "uint64", 11: "int64", 12: "float64",
}  # fmt: skip

TENSOR_TYPES: Mapping[int, tuple[str, int, int]] = {
    0: ("F32", 1, 4), 1: ("F16", 1, 2), 2: ("Q4_0", 32, 18), 3: ("Q4_1", 32, 20), 6: ("Q5_0", 32, 22),
    7: ("Q5_1", 32, 24), 8: ("Q8_0", 32, 34), 9: ("Q8_1", 32, 36), 10: ("Q2_K", 256, 84),
    11: ("Q3_K", 256, 110), 12: ("Q4_K", 256, 144), 13: ("Q5_K", 256, 176), 14: ("Q6_K", 256, 210),
    15: ("Q8_K", 256, 292), 16: ("IQ2_XXS", 256, 66), 17: ("IQ2_XS", 256, 74), 18: ("IQ3_XXS", 256, 98),
    19: ("IQ1_S", 256, 50), 20: ("IQ4_NL", 32, 18), 21: ("IQ3_S", 256, 110), 22: ("IQ2_S", 256, 82),
    23: ("IQ4_XS", 256, 136), 24: ("I8", 1, 1), 25: ("I16", 1, 2), 26: ("I32", 1, 4), 27: ("I64", 1, 8),
    28: ("F64", 1, 8), 29: ("IQ1_M", 256, 56), 30: ("BF16", 1, 2), 34: ("TQ1_0", 256, 54),
    35: ("TQ2_0", 256, 66), 39: ("MXFP4", 32, 17), 40: ("NVFP4", 64, 36), 41: ("Q1_0", 128, 18),
    42: ("Q2_0", 64, 18),
}  # fmt: skip
"""ggml's tensor types: number -> name, elements in a block, bytes in a block."""
_TYPES_BY_NAME = {facts[0]: facts for facts in TENSOR_TYPES.values()}

FILE_TYPES: Mapping[int, str] = {
    0: "F32", 1: "F16", 2: "Q4_0", 3: "Q4_1", 7: "Q8_0", 8: "Q5_0", 9: "Q5_1", 10: "Q2_K", 11: "Q3_K_S",
    12: "Q3_K_M", 13: "Q3_K_L", 14: "Q4_K_S", 15: "Q4_K_M", 16: "Q5_K_S", 17: "Q5_K_M", 18: "Q6_K",
    19: "IQ2_XXS", 20: "IQ2_XS", 21: "Q2_K_S", 22: "IQ3_XS", 23: "IQ3_XXS", 24: "IQ1_S", 25: "IQ4_NL",
    26: "IQ3_S", 27: "IQ3_M", 28: "IQ2_S", 29: "IQ2_M", 30: "IQ4_XS", 31: "IQ1_M", 32: "BF16", 36: "TQ1_0",
    37: "TQ2_0", 38: "MXFP4", 39: "NVFP4", 40: "Q1_0", 41: "Q2_0",
}  # fmt: skip
"""`general.file_type` -> the name people know."""

_GUESSED = 1024  # a flag that llama.cpp adds to a file type it worked out itself


_known_strings: dict[tuple[str, int, bytes], tuple[int, bytes]] = {}
"""By byte order, number and first bytes of the strings of an array: their bytes together, and the SHA-256."""


class GGUFError(UserError):
    """A file that cannot be read as a GGUF model, with the reason."""

    code = "gguf"


@dataclass(frozen=True)
class ArraySummary:
    """A value that was too long to keep: the type of its items ("char" for a string), their number."""

    type: str
    length: int


Scalar = bool | int | float | str
Value = Scalar | tuple[Scalar, ...] | ArraySummary


@dataclass(frozen=True, slots=True)
class TensorInfo:
    """One tensor: its shape (fastest dimension first), ggml type, and offset after `data_offset`."""

    name: str
    shape: tuple[int, ...]
    type: str
    offset: int

    @property
    def elements(self) -> int:
        """How many numbers it holds."""
        return prod(self.shape)

    @property
    def size_bytes(self) -> int:
        """Bytes of its data; 0 for a type that is not known."""
        _, block, block_bytes = _TYPES_BY_NAME.get(self.type, ("", 1, 0))
        return -(-self.elements // block) * block_bytes


@dataclass(frozen=True)
class GGUFHeader:
    """What a GGUF file says about itself.

    Attributes:
        data_offset: bytes from the start of the file to the first tensor.
        size_bytes: size of the file.
    """

    version: int
    byte_order: Literal["little", "big"]
    metadata: Mapping[str, Value]
    tensors: tuple[TensorInfo, ...]
    data_offset: int
    size_bytes: int

    def text(self, key: str) -> str:
        """The string under `key`, "" when there is none."""
        value = self.metadata.get(key)
        return value if isinstance(value, str) else ""

    def number(self, key: str) -> int:
        """The whole number under `key`, 0 when there is none that makes sense."""
        value = self.metadata.get(key)
        if not isinstance(value, int) or isinstance(value, bool) or not 0 < value <= LARGEST_NUMBER:
            return 0
        return value

    @property
    def name(self) -> str:
        """The name its makers gave it; may be empty."""
        return self.text("general.name")

    @property
    def architecture(self) -> str:
        """Its architecture, such as "llama"; may be empty."""
        return self.text("general.architecture")

    @cached_property
    def parameters(self) -> int:
        """How many numbers its tensors hold together."""
        return sum(tensor.elements for tensor in self.tensors)

    @property
    def quantization(self) -> str:
        """The file's type, such as "Q4_K_M"; else the type that most of its numbers have."""
        file_type = self.metadata.get("general.file_type")
        if isinstance(file_type, int) and (name := FILE_TYPES.get(file_type & ~_GUESSED)):
            return name
        elements: Counter[str] = Counter()
        for tensor in self.tensors:
            elements[tensor.type] += tensor.elements
        return elements.most_common(1)[0][0] if elements else ""

    @property
    def context_length(self) -> int:
        """Tokens it was trained to read; 0 when unknown."""
        return self.number(f"{self.architecture}.context_length")

    @property
    def layers(self) -> int:
        """How many layers it has; 0 when unknown, or more than any file has tensors."""
        layers = self.number(f"{self.architecture}.block_count")
        return layers if layers <= MAX_TENSORS else 0

    @property
    def embedding_size(self) -> int:
        """The width of its embeddings; 0 when unknown."""
        return self.number(f"{self.architecture}.embedding_length")

    @property
    def chat_template(self) -> str | None:
        """Its chat template (Jinja), None for a base model."""
        return self.text("tokenizer.chat_template") or None


def read_header(source: Path | BinaryIO) -> GGUFHeader:
    """Read a header from a file, or from a seekable binary stream; raises GGUFError, nothing else."""
    if isinstance(source, (str, os.PathLike)):
        path = Path(source)
        with _open(path) as stream:
            return _Reader(stream, shown(path)).header()
    return _Reader(source, "The file").header()


def shown(path: Path) -> str:
    """The name of a file in a form that can be printed anywhere."""
    return printable(path.name or str(path))


def printable(text: str) -> str:
    """Text without control characters and lone surrogates."""
    return "".join(c if c.isprintable() else "\ufffd" for c in text)


@contextmanager
def _open(path: Path) -> Iterator[BinaryIO]:
    file = shown(path)
    try:
        mode = path.stat().st_mode
        if stat.S_ISDIR(mode):
            raise GGUFError(
                "{file} is a folder, not a GGUF model.",
                hint="Choose a file whose name ends with .gguf.",
                code="directory",
                file=file,
            )
        if not stat.S_ISREG(mode):  # opening a pipe would wait for ever
            raise _not_gguf(file)
        stream = path.open("rb", buffering=0)
    except (FileNotFoundError, NotADirectoryError, ValueError) as error:
        raise GGUFError(
            "There is no file {path}.", hint="Check the path.", code="missing", path=printable(str(path))
        ) from error
    except PermissionError as error:
        raise GGUFError(
            "{file} may not be read.",
            hint="Check the permissions of the file and of its folder.",
            code="unreadable",
            file=file,
        ) from error
    except OSError as error:
        raise _unreadable(file, error) from error
    with stream:
        yield stream


def _unreadable(file: str, error: Exception) -> GGUFError:
    reason = getattr(error, "strerror", None) or str(error)
    return GGUFError(
        "{file} cannot be read: {reason}.",
        hint="Check the disk, or download the model again.",
        code="unreadable",
        file=file,
        reason=reason,
    )


def _not_gguf(file: str) -> GGUFError:
    return GGUFError(
        "{file} is not a GGUF model.",
        hint="Choose a file in the GGUF format.",
        code="not_gguf",
        file=file,
    )


def _damaged(file: str, detail: str) -> GGUFError:
    # The detail is for bug reports, not for the sentence.
    return GGUFError(
        "{file} is damaged: its header makes no sense.",
        hint="Download it again.",
        code="damaged",
        file=file,
        detail=detail,
    )


class _Reader:
    """Walks a header. Positions are absolute; `buffer[at:]` starts at position `base + at`."""

    def __init__(self, source: BinaryIO, file: str) -> None:
        self.source = source
        self.file = file
        self.size = self._seek(0, io.SEEK_END)
        self.limit = min(self.size, MAX_HEADER)
        self.base = 0
        self.buffer = b""
        self.at = 0
        self.order: Literal["<", ">"] = "<"
        self.items = 0
        self.nested = 0
        self.kept = 0

    # ------------------------------------------------------------ the header's parts

    def header(self) -> GGUFHeader:
        """Read all of it."""
        version = self._version()
        tensor_count, key_count = self._number("Q"), self._number("Q")
        # No key takes less than 14 bytes and no tensor less than 24, so the file bounds both.
        self._check_count(key_count, MAX_KEYS, 14, "keys")
        self._check_count(tensor_count, MAX_TENSORS, 24, "tensors")
        metadata = self._metadata(key_count)
        tensors, sizes = self._tensors(tensor_count)
        alignment = self._alignment(metadata)
        data_offset = -(-self._position // alignment) * alignment
        self._check_data(tensors, sizes, data_offset, alignment)
        return GGUFHeader(
            version=version,
            byte_order="little" if self.order == "<" else "big",
            metadata=metadata,
            tensors=tensors,
            data_offset=data_offset,
            size_bytes=self.size,
        )

    def _version(self) -> int:
        """Check the magic, find out the byte order, and return the version."""
        if self.size == 0:
            raise GGUFError("{file} is empty.", hint="Download it again.", code="empty", file=self.file)
        start = self._read(0, min(self.size, 64))
        if start[:4] != b"GGUF":
            raise self._stranger(start)
        self.at = 4
        version = self._number("I")
        if version and version & 0xFFFF == 0:  # a small number read the wrong way round
            version = int.from_bytes(version.to_bytes(4, "little"), "big")
            self.order = ">"
        if version in (2, 3):
            return version
        if version == 1:
            template = sentence("{file} is in the first version of GGUF, which no longer runs.")
            hint = sentence("Look for a newer file of the same model.")
        elif 3 < version < 1000:
            template = sentence("{file} is in version {version} of GGUF, which is newer than this app.")
            hint = sentence("Update the app, or choose another file of the same model.")
        else:
            raise _damaged(self.file, f"version {version}")
        raise GGUFError(template, hint=hint, code="gguf_version", file=self.file, version=version)

    def _stranger(self, start: bytes) -> GGUFError:
        """The error for a file that starts like something else that people end up with."""
        text = start.lstrip().lower()
        if text.startswith((b"<!doctype", b"<html", b"version https://git-lfs")):
            return GGUFError(
                "{file} is a small text file that was saved in place of the model.",
                hint="Download the model again, from the link of the file itself.",
                code="not_gguf",
                file=self.file,
            )
        if start[:4] in (b"lmgg", b"fmgg", b"tjgg"):
            return GGUFError(
                "{file} is in an older format than GGUF, which no longer runs.",
                hint="Look for a GGUF file of the same model.",
                code="not_gguf",
                file=self.file,
            )
        return _not_gguf(self.file)

    def _metadata(self, count: int) -> dict[str, Value]:
        metadata: dict[str, Value] = {}
        for _ in range(count):
            key = self._name(MAX_KEY_BYTES, "a key")
            if not key or key in metadata:
                raise _damaged(self.file, "an empty or repeated key")
            metadata[key] = self._value(self._number("I"))
        return metadata

    def _tensors(self, count: int) -> tuple[tuple[TensorInfo, ...], list[int]]:
        """The tensors, and the bytes that the data of each takes at the least."""
        tensors: dict[str, TensorInfo] = {}
        sizes: list[int] = []
        for _ in range(count):
            name = self._name(MAX_TENSOR_NAME_BYTES, "a tensor's name")
            if name in tensors:
                raise _damaged(self.file, "a repeated tensor")
            dimensions = self._number("I")
            if dimensions > MAX_DIMENSIONS:
                raise _damaged(self.file, f"a tensor of {dimensions} dimensions")
            shape = tuple(self._number("Q") for _ in range(dimensions))
            number, offset = self._number("I"), self._number("Q")
            type_name, block, block_bytes = TENSOR_TYPES.get(number, (f"type {number}", 1, LEAST_BYTES))
            elements = prod(shape)
            if elements > LARGEST_SIZE or offset > LARGEST_SIZE:
                raise _damaged(self.file, "a tensor larger than any file")
            if shape and shape[0] % block:
                raise _damaged(self.file, "a tensor of half a block")
            tensors[name] = TensorInfo(name, shape, type_name, offset)
            sizes.append(int(-(-elements // block) * block_bytes))
        return tuple(tensors.values()), sizes

    def _alignment(self, metadata: Mapping[str, Value]) -> int:
        alignment = metadata.get("general.alignment", 32)
        if not isinstance(alignment, int) or not 0 < alignment <= 1 << 20 or alignment & (alignment - 1):
            raise _damaged(self.file, "its alignment")
        return alignment

    def _check_data(
        self, tensors: tuple[TensorInfo, ...], sizes: list[int], data_offset: int, alignment: int
    ) -> None:
        """Every tensor starts where it may, ends inside the file, and has room of its own there."""
        if any(tensor.offset % alignment for tensor in tensors):
            raise _damaged(self.file, "a tensor out of line")
        ends = [tensor.offset + size for tensor, size in zip(tensors, sizes, strict=True)]
        if ends and data_offset + max(ends) > self.size:
            raise self._too_short(data_offset + max(ends))
        if ends and data_offset + sum(sizes) > self.size:
            raise _damaged(self.file, "tensors that overlap")

    # ------------------------------------------------------------ values

    def _value(self, kind: int) -> Value:
        if kind == _STRING:
            return self._string()
        if kind == _ARRAY:
            return self._array(nesting=1)
        if kind in _SCALARS:
            return self._scalars(kind, 1)[0]
        raise _damaged(self.file, f"a value of type {kind}")

    def _string(self) -> str | ArraySummary:
        length = self._number("Q")
        if length > KEPT_STRING_BYTES or not self._keep(length):
            self._skip(length)
            return ArraySummary("char", length)
        return self._take(length).decode("utf-8", "replace")

    def _name(self, longest: int, what: str) -> str:
        length = self._number("Q")
        if length > longest or not self._keep(length):
            raise _damaged(self.file, f"{what} of {length} bytes")
        return self._take(length).decode("utf-8", "replace")

    def _array(self, nesting: int) -> tuple[Scalar, ...] | ArraySummary:
        kind, length = self._number("I"), self._number("Q")
        summary = ArraySummary(_VALUE_TYPES.get(kind, str(kind)), length)
        if kind in _SCALARS:
            width = struct.calcsize("<" + _SCALARS[kind])
            if nesting == 1 and length <= KEPT_ARRAY_LENGTH and self._keep(length * 32):
                return self._scalars(kind, length)
            self._skip(length * width)
            return summary
        if kind == _STRING:
            self._walk_strings(length)
            if nesting == 1 and length <= KEPT_ARRAY_LENGTH:
                strings = self._strings(length)
                return summary if strings is None else strings
            self._skip_strings(length)
            return summary
        if kind == _ARRAY and nesting < MAX_NESTING:
            self._walk_arrays(length)
            for _ in range(length):
                self._array(nesting + 1)
            return summary
        raise _damaged(self.file, "an array of an unknown kind")

    def _strings(self, length: int) -> tuple[Scalar, ...] | None:
        """A short array of strings; None when one of them is too long to keep."""
        values = [self._string() for _ in range(length)]
        texts = tuple(value for value in values if isinstance(value, str))
        return texts if len(texts) == length else None

    def _skip_strings(self, count: int) -> None:
        """Pass over strings; those of a vocabulary that was walked before are told by their hash."""
        if count < KNOWN_FROM:
            self._step_over(count)
            return
        start = self._position
        self._need(min(64, max(0, self.limit - start)))
        key = (self.order, count, self.buffer[self.at : self.at + 64])
        length, digest = _known_strings.get(key, (0, b""))
        if length and start + length <= self.limit and self._digest(start, length) == digest:
            self.base, self.at, self.buffer = start + length, 0, b""
            return
        self._step_over(count)
        length = self._position - start
        if 64 <= length <= KNOWN_BYTES:
            if len(_known_strings) >= MOST_KNOWN:
                _known_strings.clear()
            _known_strings[key] = (length, self._digest(start, length))

    def _digest(self, position: int, length: int) -> bytes:
        digest = hashlib.sha256()
        for at in range(position, position + length, BLOCK):
            digest.update(self._read(at, min(BLOCK, position + length - at)))
        return digest.digest()

    def _step_over(self, count: int) -> None:
        """Pass over strings one by one: the loop that a vocabulary of 256,000 tokens spends its time in."""
        unpack = struct.Struct(self.order + "Q").unpack_from
        while count:
            self._need(8)
            buffer, at = self.buffer, self.at
            last = len(buffer) - 8
            while count and at <= last:
                at += 8 + unpack(buffer, at)[0]
                count -= 1
            self.at = at
            self._check_end(self._position)

    def _scalars(self, kind: int, count: int) -> tuple[Scalar, ...]:
        layout = struct.Struct(f"{self.order}{count}{_SCALARS[kind]}")
        return layout.unpack(self._take(layout.size))

    def _number(self, letter: Literal["I", "Q"]) -> int:
        layout = struct.Struct(self.order + letter)
        value: int = layout.unpack(self._take(layout.size))[0]
        return value

    # ------------------------------------------------------------ bytes and bounds

    @property
    def _position(self) -> int:
        return self.base + self.at

    def _take(self, count: int) -> bytes:
        self._need(count)
        start = self.at
        self.at += count
        return self.buffer[start : self.at]

    def _skip(self, count: int) -> None:
        self._check_end(self._position + count)
        self.at += count

    def _need(self, count: int) -> None:
        """Have at least `count` bytes in the buffer."""
        if len(self.buffer) - self.at >= count:
            return
        position = self._position
        self._check_end(position + count)
        self.buffer = self._read(position, min(max(count, BLOCK), self.limit - position))
        self.base, self.at = position, 0
        if len(self.buffer) < count:  # the file shrank meanwhile
            raise self._too_short(position + count)

    def _check_end(self, end: int) -> None:
        if end <= self.limit:
            return
        if end > MAX_HEADER:
            raise _damaged(self.file, f"a header of more than {MAX_HEADER >> 20} MB")
        raise self._too_short(end)

    def _check_count(self, count: int, most: int, least_bytes: int, what: str) -> None:
        if count > most:
            raise _damaged(self.file, f"{count} {what}")
        self._check_end(self._position + count * least_bytes)

    def _walk_strings(self, count: int) -> None:
        """Count strings that have to be looked at one by one."""
        self.items += count
        if self.items > MAX_ITEMS:
            raise _damaged(self.file, f"{self.items} strings")
        self._check_end(self._position + count * 8)

    def _walk_arrays(self, count: int) -> None:
        """Count arrays that have to be looked at one by one."""
        self.nested += count
        if self.nested > MAX_NESTED:
            raise _damaged(self.file, f"{self.nested} nested arrays")
        self._check_end(self._position + count * 12)

    def _keep(self, count: int) -> bool:
        """Whether `count` more bytes, and an object for them, may be kept."""
        if self.kept + count > KEPT_BYTES:
            return False
        self.kept += count + 64
        return True

    def _too_short(self, promised: int) -> GGUFError:
        return GGUFError(
            "{file} is cut short: its header promises {promised} bytes, the file has {size}.",
            hint="Download it again.",
            code="cut_short",
            file=self.file,
            promised=promised,
            size=self.size,
        )

    def _seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        try:
            return self.source.seek(offset, whence)
        except (OSError, ValueError) as error:
            raise _unreadable(self.file, error) from error

    def _read(self, position: int, count: int) -> bytes:
        """Up to `count` bytes from `position` on; fewer only at the end of the file."""
        self._seek(position)
        blocks: list[bytes] = []
        try:
            while count > 0 and (block := self.source.read(count)):
                blocks.append(block)
                count -= len(block)
        except (OSError, ValueError) as error:
            raise _unreadable(self.file, error) from error
        return b"".join(blocks)
