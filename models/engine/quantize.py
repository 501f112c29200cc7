"""A model written again in a smaller type, by llama.cpp itself in a process of its own."""

from __future__ import annotations

import os
import shutil
from collections.abc import Generator
from contextlib import closing, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar, cast

from models.engine.child import Child
from models.engine.client import ProcessEngine
from models.engine.protocol import (
    VERSION,
    LoadFailed,
    LoadOptions,
    LoadProgress,
    Quantize,
    Reply,
    decode_command,
    encode,
    failure,
)
from models.engine.transport import Link
from models.errors import EngineError, RolltopError, UserError
from models.gguf import GGUFHeader, printable, read_header, shown

T = TypeVar("T")

PART = ".part"
"""What the name of a file ends with that is not finished."""

SOURCES = {"F32", "F16", "BF16"}
AGAIN = "Q8_0"
"""The one type of a source that is quantized already and still good enough."""

WRITTEN = 0.95
"""Part of the work that is done once the file is written; the rest is the check that it loads."""

SPARE = 64 << 20
"""Bytes of the disk that are left free."""

CHECK_CONTEXT = 256


@dataclass(frozen=True)
class QuantType:
    """A type that a model can be written in.

    Attributes:
        file_type: llama.cpp's number for it. bits: for each weight on average, of a usual model.
    """

    name: str
    file_type: int
    bits: float


TYPES = (
    QuantType("Q8_0", 7, 8.50),
    QuantType("Q6_K", 18, 6.56),
    QuantType("Q5_K_M", 17, 5.70),
    QuantType("Q5_K_S", 16, 5.57),
    QuantType("Q4_K_M", 15, 4.89),
    QuantType("IQ4_NL", 25, 4.68),
    QuantType("Q4_K_S", 14, 4.67),
    QuantType("IQ4_XS", 30, 4.46),
    QuantType("Q3_K_L", 13, 4.30),
    QuantType("Q3_K_M", 12, 4.00),
    QuantType("Q3_K_S", 11, 3.64),
    QuantType("Q2_K", 10, 3.16),
)
"""Those that need no importance matrix, the best first. The bits are of Llama 3.1 8B, from llama.cpp's
tools/quantize/README.md; a model whose rows do not divide by 256 comes out larger."""


def quantizing(source: Path, target: Path, type: str) -> Generator[float, None, Path]:
    """Write the model `source` in another type to `target`, which must not exist; return its path.

    Yields the part that is done, 0 to 1, many times a second. Nothing is at `target` before it has
    been loaded once; closing the generator, or an error, leaves nothing behind. `source` is the first
    file of a model in several, the target is always one. Raises UserError when it cannot be done,
    EngineDied when llama.cpp crashed over it.
    """
    chosen = next((offered for offered in TYPES if offered.name == type), None)
    if chosen is None:
        raise UserError(
            "Rolltop cannot write models in {type}.",
            hint="Choose one of these types: {types}.",
            type=printable(type)[:40],
            types=", ".join(offered.name for offered in TYPES),
        )
    header = read_header(source)
    again = _check_source(header, shown(source), chosen)
    if os.path.lexists(target):
        raise UserError(
            "There is a file {file} already.",
            hint="Choose another name, or remove that file first.",
            code="exists",
            file=shown(target),
        )
    part = target.with_name(target.name + PART)
    try:
        yield from _writing(source, part, chosen, again)
        yield from _checking(part, header)
        part.rename(target)
    except OSError as error:
        raise _not_written(target, error) from error
    finally:
        with suppress(OSError):
            part.unlink(missing_ok=True)
    return target


def _check_source(header: GGUFHeader, file: str, chosen: QuantType) -> bool:
    """Whether the source is quantized already; raises UserError when it cannot be the source."""
    if header.text("general.type") not in ("", "model") or header.architecture in ("", "clip"):
        raise UserError(
            "{file} is not a language model.", hint="Choose a model's own file.", code="not_model", file=file
        )
    types = {tensor.type for tensor in header.tensors} - SOURCES
    if types - {AGAIN} or (types and chosen.name == AGAIN):
        raise UserError(
            "{file} is quantized already ({quantization}); made smaller again it would lose too much.",
            hint="Start from the same model in F16, BF16 or Q8_0.",
            code="quantized",
            file=file,
            quantization=header.quantization,
        )
    return bool(types)


def _writing(source: Path, part: Path, chosen: QuantType, again: bool) -> Generator[float, None, None]:
    room = shutil.disk_usage(part.parent).free - SPARE
    part.unlink(missing_ok=True)
    part.touch()  # llama.cpp does not say why it could not
    command = Quantize(
        source=os.path.abspath(source),
        target=os.path.abspath(part),
        file_type=chosen.file_type,
        again=again,
        room=max(0, room),
    )
    child = Child("quantizer")
    try:
        yield from _scaled(child.asking(command), 0.0, WRITTEN)
    finally:
        child.close()
    with part.open("rb+") as file:
        os.fsync(file.fileno())


def _checking(part: Path, source: GGUFHeader) -> Generator[float, None, None]:
    """Read the header of what was written, and load it once."""
    header = read_header(part)
    if header.architecture != source.architecture:
        raise EngineError("The written model is not the same as its source.")
    options = LoadOptions(path=os.path.abspath(part), context_size=CHECK_CONTEXT, gpu_layers=0, parallel=1)
    loading = ProcessEngine.loading(options)
    engine = yield from _scaled(loading, WRITTEN, 1.0)
    engine.close()


def _scaled(work: Generator[float, None, T], start: float, end: float) -> Generator[float, None, T]:
    """The same work as a part of a larger one."""
    with closing(work):
        while True:
            try:
                fraction = next(work)
            except StopIteration as done:
                return cast(T, done.value)
            yield start + (end - start) * fraction


def _not_written(target: Path, error: OSError) -> UserError:
    return UserError(
        "{file} cannot be written: {reason}.",
        hint="Check the permissions of its folder and the room on the disk.",
        code="not_written",
        file=shown(target),
        reason=error.strerror or str(error),
    )


# ---------------------------------------------------------------- in the child


def serve(link: Link) -> None:
    """Do what the one command says, telling how far it is."""
    command = decode_command(link.receive())
    try:
        if not isinstance(command, Quantize) or command.version != VERSION:
            raise EngineError("The engine and the app are of different versions.")
        size = _write(command, link)
    except RolltopError as error:
        link.send(encode(LoadFailed(failure=failure(error))))
    else:
        link.send(encode(Reply(id="", value=size)))


def _write(command: Quantize, link: Link) -> int:
    from models.engine import llama

    def progress(fraction: float) -> None:
        try:
            link.send(encode(LoadProgress(fraction=fraction)))
        except OSError:  # the app is gone; an exception would not get past the C code
            with suppress(OSError):
                os.unlink(command.target)
            os._exit(0)

    arguments = (command.source, command.target, command.file_type)
    size = llama.quantize(*arguments, again=command.again, dry_run=True)
    try:
        if size <= command.room:
            return llama.quantize(*arguments, again=command.again, progress=progress)
    except UserError:
        if shutil.disk_usage(os.path.dirname(command.target)).free >= SPARE:
            raise
    raise UserError(
        "The disk has too little room for the new model, which takes {size}.",
        hint="Free some room, or choose another folder.",
        code="no_space",
        size=f"{size / 1e9:.2f} GB",
        bytes=size,
    )
