"""What every command of the terminal shares: options, tables, and streams that no text can break."""

from __future__ import annotations

import json
import os
import signal
import sys
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING, Any, Protocol, TextIO, TypeVar

import click

if TYPE_CHECKING:
    from desktop.workbench.workbench import Workbench
    from models.engine.pool import Starter

F = TypeVar("F", bound=Callable[..., Any])

BAR = 24
"""Width of a progress bar in characters."""


@dataclass
class Options:
    """What holds for every command. `start_engine`: how engines are started; tests put their own here."""

    data_dir: Path | None = None
    debug: bool = False
    start_engine: Starter | None = None

    def open(self) -> Workbench:
        """Open the workbench, and say what has to be said about its store."""
        from desktop.workbench.workbench import Workbench

        workbench = Workbench.open(self.data_dir, start_engine=self.start_engine)
        if workbench.store.notice:
            say(workbench.store.notice)
        return workbench


def data_dir_option(command: F) -> F:
    """The option that is allowed before and after the command's name."""

    def keep(context: click.Context, _: click.Parameter, value: Path | None) -> None:
        if value is not None:
            context.find_object(Options).data_dir = value  # type: ignore[union-attr]

    return click.option(
        "--data-dir",
        type=click.Path(path_type=Path),
        metavar="DIR",
        expose_value=False,
        callback=keep,
        help="Keep everything in this folder. Also: the variable ROLLTOP_DATA_DIR.",
    )(command)


# ---------------------------------------------------------------- tables


def print_table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    """Print rows under their heads, columns as wide as they need to be."""
    table = [list(head), *map(list, rows)]
    widths = [max(map(len, column)) for column in zip(*table, strict=True)]
    for row in table:
        cells = (cell.ljust(width) for cell, width in zip(row, widths, strict=True))
        click.echo("  ".join(cells).rstrip())


def size_text(size: int) -> str:
    """Bytes as people read them."""
    return f"{size / 1e9:.1f} GB" if size >= 1e9 else f"{size / 1e6:.0f} MB"


# ---------------------------------------------------------------- work


class Bar:
    """A progress bar on stderr, for a person only. `quiet`: show nothing."""

    def __init__(self, *, quiet: bool = False) -> None:
        self._on = not quiet and sys.stderr.isatty()
        self._shown = False

    def show(self, done: float, total: float, words: str = "") -> None:
        """Show how far it is."""
        if self._on:
            part = done / total if total else 0.0
            full = round(BAR * part)
            write(sys.stderr, f"\r\x1b[K{'█' * full}{'░' * (BAR - full)} {part:4.0%}  {words}")
            self._shown = True

    def end(self) -> None:
        """End the line."""
        if self._shown:
            write(sys.stderr, "\n")


class Stoppable(Protocol):
    """Work that can be asked to stop. `cancelled`: whether it was."""

    cancelled: bool

    def cancel_soon(self) -> None:
        """Ask for a stop; takes no lock, so a signal handler may call it."""


@contextmanager
def stopped_by_ctrl_c(work: Stoppable) -> Iterator[None]:
    """Let the first Ctrl+C stop the work in good order; a second one ends the program."""

    def stop(_: int, __: FrameType | None) -> None:
        if work.cancelled:
            raise KeyboardInterrupt
        work.cancel_soon()

    if threading.current_thread() is not threading.main_thread():
        yield  # only the main thread hears signals
        return
    before = signal.signal(signal.SIGINT, stop)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)


# ---------------------------------------------------------------- streams


def say(line: str, *, after: str = "") -> None:
    """One line on stderr, whatever the text has in it."""
    if after and not after.endswith("\n") and sys.stdout.isatty():
        write(sys.stdout, "\n")
    with suppress(OSError):
        write(sys.stderr, f"rolltop: {plain(' '.join(line.split()))}\n")


def sentences(*texts: str) -> str:
    """Texts in a row, each with a mark at its end."""
    ends = (text if text.endswith((".", "!", "?")) else f"{text}." for text in texts if text)
    return " ".join(ends)


def plain(text: str) -> str:
    """Text that cannot steer a terminal: control characters but line ends and tabs become U+FFFD."""
    return "".join(c if c in "\n\t" or not (c < " " or "\x7f" <= c < "\xa0") else "\ufffd" for c in text)


def write(stream: TextIO, text: str) -> None:
    """Write at once."""
    stream.write(text)
    stream.flush()


def print_json(value: object) -> None:
    """Print one JSON value on a line."""
    utf8 = (sys.stdout.encoding or "").replace("-", "").lower() == "utf8"
    write(sys.stdout, json.dumps(value, ensure_ascii=not utf8) + "\n")


def prepare_streams() -> None:
    """Give every program its streams, and let no character stop the output."""
    for name, mode in (("stdout", "w"), ("stderr", "w")):
        if getattr(sys, name) is None:  # closed by the caller, or a windowed build
            setattr(sys, name, open(os.devnull, mode, encoding="utf-8"))  # noqa: SIM115
        reconfigure = getattr(getattr(sys, name), "reconfigure", None)
        if reconfigure is not None:
            reconfigure(errors="replace")


def silence_stdout() -> None:
    """The reader is gone: drop what is still buffered, so that Python does not complain at its end."""
    with suppress(OSError, ValueError):
        sink = os.open(os.devnull, os.O_WRONLY)
        os.dup2(sink, sys.stdout.fileno())
        os.close(sink)
