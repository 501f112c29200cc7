"""Errors of SQLite, said in plain words; none of them leaves the store as it is."""

from __future__ import annotations

import errno
import shutil
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from models.errors import UserError

CORRUPT = 11
NOT_A_DATABASE = 26
_CANNOT_OPEN = 14
_BUSY = (5, 6)
_READ_ONLY = 8
_IO_ERROR = 10
_FULL = 13
_IO_ERROR_WRITE = 778
_IO_ERROR_SHM_SIZE = 4874
_DISK_FULL = (_FULL, _IO_ERROR_WRITE, _IO_ERROR_SHM_SIZE)
_NO_ROOM = 1 << 18  # bytes free below which other write errors are taken for a full disk too


@contextmanager
def plain_errors(path: Path) -> Iterator[None]:
    """Raise what goes wrong with the file at `path` as a UserError."""
    try:
        yield
    except sqlite3.Error as error:
        raise explain(error, path) from error


def primary(error: sqlite3.Error) -> int:
    """SQLite's primary result code; 0 for errors raised by Python's own layer."""
    return getattr(error, "sqlite_errorcode", 0) & 0xFF


def is_damage(error: sqlite3.Error) -> bool:
    """Whether the error says that the file is damaged or no database at all."""
    return primary(error) in (CORRUPT, NOT_A_DATABASE)


def explain(error: sqlite3.Error, path: Path) -> UserError:
    """The same error for the user, with a way out."""
    code = getattr(error, "sqlite_errorcode", 0)
    kind = code & 0xFF
    if code in _DISK_FULL or (kind in (_IO_ERROR, _CANNOT_OPEN) and _no_room(path.parent)):
        return disk_full(path.parent)
    if kind in (_CANNOT_OPEN, _READ_ONLY):
        return folder_error(path.parent, str(error))
    if kind in _BUSY:
        return UserError(
            "The history is in use by another program.",
            hint="Close other windows of Rolltop and programs that read {path}, then try again.",
            code="store",
            path=path,
        )
    if kind in (CORRUPT, NOT_A_DATABASE):
        return UserError(
            "The history file is damaged: {reason}",
            hint="Start Rolltop again: it sets the file aside and saves what can be read.",
            code="store",
            reason=error,
        )
    return UserError(
        "The history could not be read or written: {reason}",
        hint="Try again. If it stays so, start Rolltop again.",
        code="store",
        reason=error,
    )


def disk_full(folder: Path) -> UserError:
    """There is no room left for the history."""
    return UserError(
        "The disk is full: nothing more can be saved in {folder}.",
        hint="Free some space and try again. What was saved before is safe.",
        code="disk_full",
        folder=folder,
    )


def folder_error(folder: Path, reason: str) -> UserError:
    """The data folder cannot be used."""
    return UserError(
        "The data folder {folder} cannot be written: {reason}",
        hint="Allow writing there, or choose another folder with --data-dir or ROLLTOP_DATA_DIR.",
        code="data_folder",
        folder=folder,
        reason=reason,
    )


def os_error(error: OSError, folder: Path) -> UserError:
    """What the system said about a file in the data folder."""
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        return disk_full(folder)
    return folder_error(folder, error.strerror or str(error))


def _no_room(folder: Path) -> bool:
    try:
        return shutil.disk_usage(folder).free < _NO_ROOM
    except OSError:
        return False
