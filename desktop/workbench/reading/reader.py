"""Reads documents: files in a short-lived child process, pasted text and conversations right here."""

from __future__ import annotations

import errno
import os
import select
import signal
import stat
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any

import msgspec

from desktop.workbench.reading import answer, limits, text
from desktop.workbench.reading.blocks import looks_like_markdown, markdown_blocks
from desktop.workbench.reading.child import DETAILS, damaged, too_large
from desktop.workbench.reading.document import Block, Document
from desktop.workbench.reading.sniff import FORMATS as FORMATS
from desktop.workbench.store.records import MessageRow, clean
from models.engine.protocol import error_from
from models.errors import UserError

ARGUMENT = "--read-document"
"""What a built app starts itself with to read a file."""

LOOK_S = 0.05
"""How often a child is looked after."""

NEARLY = 0.7
"""A child that crashes with this share of the memory it may have has crashed for want of more."""

SPEAKERS = {"user": "User", "assistant": "Assistant", "system": "System"}
ENVIRONMENT = ("SYSTEMROOT", "WINDIR", "TEMP", "TMP", "LD_LIBRARY_PATH", "DYLD_LIBRARY_PATH")
"""What the child sees of the environment: enough to find libraries."""

_HERE = Path(__file__).resolve().parent
_CHUNK = 1 << 16


def read(path: Path, *, cancelled: Callable[[], bool] = lambda: False) -> Document:
    """Read a file in a child process; blocks for at most `limits.WALL_S` seconds.

    Raises UserError with what is wrong with the file; with code "cancelled" soon after `cancelled`
    says so.
    """
    path = Path(os.path.abspath(path))
    with _opened(path) as file:
        data = _ask(file, path.suffix, cancelled)
    try:
        said = answer.decode(data)
    except msgspec.DecodeError as error:
        raise damaged("its answer was garbled") from error
    if isinstance(said, answer.Refused):
        raise error_from(said.failure)
    return msgspec.structs.replace(said.document, name=clean(path.name))


def from_text(words: str, name: str = "", *, markdown: bool | None = None) -> Document:
    """Pasted text as a document; `markdown`: whether it is that, None to find out.

    Raises UserError (code "empty") when there is nothing but white space.
    """
    words = _plain(words)
    if not words.strip():
        raise UserError("There is no text.", hint="Paste or type a text.", code="empty")
    if markdown is None:
        markdown = looks_like_markdown(words)
    return text.document(words, name, "md" if markdown else "paste")


def from_messages(rows: Sequence[MessageRow], title: str) -> Document:
    """A conversation as a document: under a heading for each message what it says, thinking left out.

    Headings within a message rank below those of the messages. Raises UserError (code "empty").
    """
    pieces: list[str] = []
    blocks: list[Block] = []
    length = 0
    for row in rows:
        words = _plain(row.content).strip("\n")
        if not words.strip():
            continue
        head = f"## {SPEAKERS.get(row.role, row.role)}"
        start = length + (2 if pieces else 0)
        inside = start + len(head) + 2
        blocks.append(Block("heading", start, start + len(head), 2))
        blocks += (_below(block, inside) for block in markdown_blocks(words))
        pieces.append(f"{head}\n\n{words}")
        length = inside + len(words)
    if not pieces:
        raise UserError("There is no text in this conversation.", hint="Choose another one.", code="empty")
    title = clean(title)
    return Document(title, "chat", "\n\n".join(pieces), tuple(blocks), title=title)


def _plain(words: str) -> str:
    return clean(words).replace("\r\n", "\n").replace("\r", "\n").replace("\0", "\ufffd")


def _below(block: Block, offset: int) -> Block:
    level = min(block.level + 2, 6) if block.kind == "heading" else block.level
    return msgspec.structs.replace(block, start=block.start + offset, end=block.end + offset, level=level)


# ---------------------------------------------------------------- the file


@contextmanager
def _opened(path: Path) -> Iterator[IO[bytes]]:
    """The file, opened for reading; only regular files are, since opening others can block or do things."""
    try:
        kind = os.stat(path).st_mode
        if not stat.S_ISREG(kind):
            raise _not_a_file(kind)
        descriptor = os.open(path, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0))
    except OSError as error:
        raise _cannot_open(error) from error
    except ValueError as error:  # a zero in the name
        raise _cannot_open(FileNotFoundError()) from error
    with os.fdopen(descriptor, "rb", buffering=0) as file:
        kind = os.fstat(descriptor).st_mode
        if not stat.S_ISREG(kind):
            raise _not_a_file(kind)
        yield file


def _not_a_file(kind: int) -> UserError:
    if stat.S_ISDIR(kind):
        return UserError("This is a folder.", hint="Choose the files in it.", code="folder")
    return UserError("This is not a file but a device or a pipe.", hint="Choose a file.", code="not_a_file")


def _cannot_open(error: OSError) -> UserError:
    if isinstance(error, FileNotFoundError | NotADirectoryError):
        return UserError("The file is not there.", hint="Perhaps it was moved or renamed.", code="missing")
    if isinstance(error, PermissionError):
        return UserError(
            "You may not read this file.",
            hint="Change its permissions, or copy it to a folder of yours.",
            code="no_permission",
        )
    if error.errno == errno.ELOOP:
        return UserError(
            "This is a link that leads to itself.", hint="Choose the file itself.", code="link_loop"
        )
    return UserError(
        "The file cannot be opened: {reason}.",
        hint="Check the disk or the network folder it is on.",
        code="cannot_open",
        reason=error.strerror or str(error),
    )


# ---------------------------------------------------------------- the child


def _ask(file: IO[bytes], suffix: str, cancelled: Callable[[], bool]) -> bytes:
    """What a child says about the file; it has ended afterwards, one way or another."""
    with tempfile.TemporaryFile() as said, _started(file, suffix, said) as process:
        data, memory = _listen(process, cancelled)
        try:
            code = process.wait(1.0)
        except subprocess.TimeoutExpired:
            code = 0  # it has said everything
        if code:
            said.seek(0)
            raise _explain(code, said.read(1 << 20), memory)
        return data


@contextmanager
def _started(file: IO[bytes], suffix: str, said: IO[bytes]) -> Iterator[subprocess.Popen[bytes]]:
    options: dict[str, Any] = {"start_new_session": True}
    if sys.platform == "win32":
        options = {"creationflags": subprocess.CREATE_NO_WINDOW | subprocess.CREATE_NEW_PROCESS_GROUP}
    environment = {name: os.environ[name] for name in ENVIRONMENT if name in os.environ}
    try:
        process = subprocess.Popen(
            [*_command(), suffix if any(suffix.lower() in ends for ends in FORMATS.values()) else ""],
            stdin=file,
            stdout=subprocess.PIPE,
            stderr=said,
            cwd=_HERE,
            env=environment,
            **options,
        )
    except OSError as error:
        raise UserError(
            "The program that reads files could not be started: {reason}.",
            hint="Close other programs and try again.",
            code="no_child",
            reason=error.strerror or str(error),
        ) from error
    try:
        yield process
    finally:
        process.kill()
        process.wait()
        if process.stdout is not None:
            process.stdout.close()


def _command() -> list[str]:
    if getattr(sys, "frozen", False):
        return [sys.executable, ARGUMENT]
    return [sys.executable, "-I", "-m", "desktop.workbench.reading"]


def _listen(process: subprocess.Popen[bytes], cancelled: Callable[[], bool]) -> tuple[bytes, int]:
    """All that the child writes, within the limits of time, memory and length; and its most memory."""
    import psutil

    assert process.stdout is not None
    pipe = process.stdout.fileno()
    end = time.monotonic() + limits.WALL_S
    chunks: list[bytes] = []
    length = most = 0
    try:
        watched = psutil.Process(process.pid)
    except psutil.NoSuchProcess:
        watched = None
    while True:
        if cancelled():
            raise UserError("Reading was stopped.", code="cancelled")
        if time.monotonic() > end:
            raise _too_slow()
        if not _readable(pipe, LOOK_S):
            most = max(most, _memory(watched) if watched is not None else 0)
            if most > limits.MEMORY:
                raise too_large()
            continue
        chunk = os.read(pipe, _CHUNK)
        if not chunk:
            return b"".join(chunks), most
        chunks.append(chunk)
        length += len(chunk)
        if length > limits.ANSWER:
            raise too_large()


def _readable(pipe: int, timeout: float) -> bool:
    """Whether something can be read, or the other end is closed; waits up to `timeout` seconds."""
    if sys.platform == "win32":
        import _winapi
        import msvcrt

        end = time.monotonic() + timeout
        while time.monotonic() < end:
            try:
                if _winapi.PeekNamedPipe(msvcrt.get_osfhandle(pipe), 0)[0]:
                    return True
            except OSError:
                return True  # closed
            time.sleep(0.005)
        return False
    poller = select.poll()
    poller.register(pipe, select.POLLIN)
    return bool(poller.poll(1000 * timeout))


def _memory(process: Any) -> int:
    import psutil

    try:
        return int(process.memory_info().rss)
    except psutil.Error:
        return 0


def _explain(code: int, said: bytes, memory: int) -> UserError:
    """Why a child has ended without a word; `memory`: the most it was seen to have."""
    cpu = getattr(signal, "SIGXCPU", None)
    if cpu is not None and code in (-cpu, -signal.SIGALRM):
        return _too_slow()
    starved = b"MemoryError" in said or b"out of memory" in said or b"bad_alloc" in said
    if starved or memory > NEARLY * limits.MEMORY:
        return too_large()
    return damaged(said.decode("utf-8", "replace")[-DETAILS:])


def _too_slow() -> UserError:
    return UserError(
        "Reading this file took longer than {seconds} seconds.",
        hint="Divide it into smaller files, or save it as plain text.",
        code="too_slow",
        seconds=int(limits.WALL_S),
    )
