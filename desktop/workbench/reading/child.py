"""The child that reads one file: standard input is the file, standard output takes the answer.

It is short-lived and trusted with nothing: before it looks at the file it gives up most of what a
process may have and do, so that a file that fools a parser wins nothing by it.
"""

from __future__ import annotations

import importlib
import os
import sys
import traceback
from collections.abc import Sequence
from contextlib import suppress
from typing import Any, BinaryIO, NoReturn

from desktop.workbench.problems import Problem
from desktop.workbench.reading import answer, limits, sniff
from desktop.workbench.reading.document import Document
from models.engine.protocol import failure
from models.errors import UserError

WRITES = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_APPEND
FILE_BYTES = 1 << 20
"""What it may write to a file: Python's compiled modules and its last words, no more."""

DETAILS = 4000
"""Characters of a traceback that are worth telling."""

PARSERS: dict[str, tuple[str, tuple[str, ...]]] = {
    "txt": ("text", ("charset_normalizer", "markdown_it")),
    "md": ("text", ("charset_normalizer", "markdown_it")),
    "html": ("web", ("charset_normalizer", "selectolax.lexbor")),
    "pdf": ("pdf", ("pypdfium2", "pypdfium2.raw")),
    "docx": ("word", ("docx", "lxml.etree")),
    "pptx": ("slides", ("pptx", "lxml.etree")),
    "xlsx": ("tables", ("openpyxl",)),
    "csv": ("tables", ("charset_normalizer",)),
    "epub": ("book", ("defusedxml.ElementTree", "charset_normalizer", "selectolax.lexbor")),
}
"""By format: the module that reads it, and what has to be loaded before nothing can be any more."""

_FORBIDDEN = ("socket.", "subprocess.", "os.", "shutil.", "ctypes.dlopen", "webbrowser.", "urllib.")
_HARMLESS = frozenset({"os.listdir", "os.scandir", "os.putenv", "os.unsetenv", "os.walk", "os.fwalk"})


def main(args: Sequence[str]) -> NoReturn:
    """Read the file at standard input and answer; `args`: the end of the file's name."""
    limits.begin()
    out = os.dup(1)
    os.dup2(2, 1)  # C code prints to standard output
    _limit()
    data = answer.encode(_answer(args[0] if args else ""))
    with suppress(BrokenPipeError), os.fdopen(out, "wb") as stream:
        stream.write(data)
    os._exit(0)


def _answer(suffix: str) -> answer.Answer:
    try:
        with os.fdopen(0, "rb", closefd=False) as file:
            return answer.Read(read(file, suffix))
    except UserError as error:
        return answer.Refused(failure(error))
    except MemoryError:
        return answer.Refused(failure(too_large()))
    except Exception as error:  # whatever a parser may raise
        if "emory" in str(error):
            return answer.Refused(failure(too_large()))
        return answer.Refused(failure(damaged(traceback.format_exc()[-DETAILS:])))


def read(file: BinaryIO, suffix: str) -> Document:
    """The document, whose name is still empty; raises UserError."""
    format, problems = sniff.tell(file, suffix)
    module, needed = PARSERS[format]
    sys.modules["numpy"] = None  # type: ignore[assignment]  # openpyxl would load it for nothing
    for name in needed:
        importlib.import_module(name)
    reader: Any = importlib.import_module(f"desktop.workbench.reading.{module}")
    _lock()
    document: Document = reader.read(file, "", format)
    if not document.blocks:
        raise UserError("There is no text in this file.", hint="Choose another file.", code="empty")
    return _with(document, problems)


def damaged(details: str) -> UserError:
    """What a file is told that a parser cannot make sense of."""
    return UserError(
        "The file is damaged, or of a kind that cannot be read.",
        hint="Open it in the program it was made with, save it once more, and open that.",
        code="damaged",
        details=details,
    )


def too_large() -> UserError:
    """What a file is told that would take too much memory."""
    return UserError(
        "Reading this file would take more than {size} MB of memory.",
        hint="Divide it into smaller files, or save it as plain text.",
        code="too_large",
        size=limits.MEMORY >> 20,
    )


def _with(document: Document, problems: tuple[Problem, ...]) -> Document:
    import msgspec

    return msgspec.structs.replace(document, problems=(*problems, *document.problems))


# ---------------------------------------------------------------- what it gives up


def _limit() -> None:
    """Bounds that the system keeps, where it can."""
    try:
        import resource
        import signal
    except ImportError:
        return  # Windows: the parent watches
    wall = int(limits.WALL_S)
    wanted = {
        "RLIMIT_CORE": (0, 0),
        "RLIMIT_CPU": (wall, wall + int(limits.SPARE_S)),
        "RLIMIT_AS": (limits.MEMORY, limits.MEMORY),
        "RLIMIT_FSIZE": (FILE_BYTES, FILE_BYTES),
        "RLIMIT_NOFILE": (64, 64),
    }
    for name, values in wanted.items():
        with suppress(AttributeError, ValueError, OSError):
            resource.setrlimit(getattr(resource, name), values)
    signal.setitimer(signal.ITIMER_REAL, limits.WALL_S + limits.SPARE_S)  # should the parent be gone by then
    _leave_network()


def _leave_network() -> None:
    """On Linux, move to a network that has no connections, where that is allowed."""
    if sys.platform != "linux":
        return
    import ctypes

    new_user, new_network = 0x10000000, 0x40000000
    with suppress(OSError, AttributeError):
        ctypes.CDLL(None).unshare(new_user | new_network)


def _lock() -> None:
    """From here on Python opens nothing but its own modules, and neither connects nor starts anything."""
    folders = filter(None, (*sys.path, sys.prefix, sys.base_prefix))
    roots = tuple({os.path.realpath(folder) + os.sep for folder in folders})

    def watch(event: str, args: tuple[Any, ...]) -> None:
        if event == "open":
            path, _, flags = args
            if isinstance(path, int):
                return
            if (flags or 0) & WRITES or not os.path.realpath(os.fsdecode(path)).startswith(roots):
                raise PermissionError("A file that is read opens no other.")
        elif event.startswith(_FORBIDDEN) and event not in _HARMLESS:
            raise PermissionError(f"A file that is read does no {event}.")

    sys.addaudithook(watch)
