"""The store's files: private folder and file, backups beside it, names for what is set aside."""

from __future__ import annotations

import os
import sqlite3
import tempfile
import time
from contextlib import closing
from pathlib import Path

from desktop.workbench.store.failures import os_error

PARTS = ("", "-wal", "-shm")
"""What SQLite appends to the name of its file."""


def prepare_folder(folder: Path) -> None:
    """Make the folder (0700) when it is not there; raises UserError when it cannot be written."""
    try:
        existed = folder.is_dir()
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        # A folder that holds other things was chosen by the user and keeps the modes they gave it.
        if not existed or not any(folder.iterdir()):
            folder.chmod(0o700)
        handle, probe = tempfile.mkstemp(prefix=".rolltop-", dir=folder)
        os.close(handle)
        os.unlink(probe)
    except OSError as error:
        raise os_error(error, folder) from error


def make_private(path: Path) -> None:
    """Create the file when it is not there, and let only its owner read it and its companions.

    SQLite gives the write-ahead log the modes of its file, so those are set before it is opened.
    """
    try:
        os.close(os.open(path, os.O_RDWR | os.O_CREAT, 0o600))
        for part in PARTS:
            companion = path.with_name(path.name + part)
            if companion.exists():
                companion.chmod(0o600)
    except OSError as error:
        raise os_error(error, path.parent) from error


def set_aside(path: Path) -> Path:
    """Rename the file and its companions to a name that is free; returns the new name of the file."""
    stamp = time.strftime("%Y%m%d-%H%M%S")
    number = 1
    while True:
        name = f"{path.stem}.damaged-{stamp}{f'-{number}' if number > 1 else ''}{path.suffix}"
        aside = path.with_name(name)
        if not any(aside.with_name(aside.name + part).exists() for part in PARTS):
            break
        number += 1
    for part in PARTS:
        companion = path.with_name(path.name + part)
        if companion.exists():
            companion.rename(aside.with_name(aside.name + part))
    return aside


def remove(path: Path) -> None:
    """Delete a file of ours with its companions; absent ones are fine."""
    for part in (*PARTS, "-journal"):
        path.with_name(path.name + part).unlink(missing_ok=True)


def sync(path: Path) -> None:
    """Wait until the file or folder is on the disk."""
    if path.is_dir() and os.name == "nt":
        return
    handle = os.open(path, os.O_RDONLY if path.is_dir() else os.O_RDWR)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def connect_read_only(path: Path) -> sqlite3.Connection:
    """A connection that changes nothing: not even the write-ahead log is merged when it closes."""
    uri = f"{path.absolute().as_uri()}?mode=ro"
    return sqlite3.connect(uri, uri=True, isolation_level=None, check_same_thread=False, timeout=10)


def read_only(path: Path) -> closing[sqlite3.Connection]:
    """The same for a `with` block, closed at its end."""
    return closing(connect_read_only(path))


def backups(path: Path) -> list[Path]:
    """The backups of the store at `path`, newest first."""
    return sorted(_backup_folder(path).glob(f"{path.stem}-*{path.suffix}"), reverse=True)


def backup(path: Path) -> Path:
    """Write a complete copy of the store; it appears under its name only when it is on the disk.

    Reads through its own connection, so that the app goes on reading and writing meanwhile.
    """
    folder = _backup_folder(path)
    folder.mkdir(mode=0o700, exist_ok=True)
    part = folder / f"{path.name}.part"
    try:
        part.unlink(missing_ok=True)
        os.close(os.open(part, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600))
        with read_only(path) as conn:
            conn.execute("VACUUM INTO ?", (str(part),))
        sync(part)
        newest = backups(path)
        stamp = time.strftime("%Y%m%d-%H%M%S") + f"-{time.time_ns() % 10**9:09d}"
        target = folder / f"{path.stem}-{stamp}{path.suffix}"
        if newest and target.name <= newest[0].name:  # the clock went back; names order the backups
            target = folder / f"{newest[0].stem}a{path.suffix}"
        part.rename(target)
        sync(folder)
        return target
    finally:
        remove(part)


def _backup_folder(path: Path) -> Path:
    return path.parent / "backups"
