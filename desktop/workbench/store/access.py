"""The one connection to the store's file, behind one lock, and what every query of it shares."""

from __future__ import annotations

import functools
import sqlite3
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Protocol, TypeVar, cast

from desktop.workbench.store.failures import plain_errors
from desktop.workbench.store.records import checked_json, checked_list, clean
from models.errors import UserError

F = TypeVar("F", bound=Callable[..., Any])

_DICTS = frozenset({"settings", "usage", "timings", "options", "data"})
_LISTS = frozenset({"problems", "inputs"})


class Access:
    """A connection that any thread may use, one at a time.

    Attributes:
        file: where it leads. conn: the connection, used only while `lock` is held.
        read_only: True for a file of a newer version; every write then raises UserError.
    """

    def __init__(self, conn: sqlite3.Connection, file: Path, *, read_only: bool) -> None:
        self.conn = conn
        self.file = file
        self.read_only = read_only
        self.lock = threading.RLock()
        self._durable = True

    @contextmanager
    def write(self, *, durable: bool = True) -> Iterator[sqlite3.Connection]:
        """A transaction. `durable` waits for the disk; otherwise a power cut may undo the newest ones."""
        if self.read_only:
            raise newer(self.file)
        if durable != self._durable:
            self.conn.execute(f"PRAGMA synchronous = {'FULL' if durable else 'NORMAL'}")
            self._durable = durable
        self.conn.execute("BEGIN IMMEDIATE")
        try:
            yield self.conn
            self.conn.execute("COMMIT")
        except BaseException:
            if self.conn.in_transaction:
                self.conn.execute("ROLLBACK")
            raise


class _HasAccess(Protocol):
    _db: Access


def locked(method: F) -> F:
    """Run a method alone, and tell what goes wrong in plain words."""

    @functools.wraps(method)
    def run(self: _HasAccess, *args: Any, **kwargs: Any) -> Any:
        with self._db.lock, plain_errors(self._db.file):
            return method(self, *args, **kwargs)

    return cast(F, run)


def newer(path: Path) -> UserError:
    """The file can be read, not written."""
    return UserError(
        "The history in {path} was made by a newer version of Rolltop. It can be read but not changed.",
        hint="Install the newer version, or choose another data folder.",
        code="read_only",
        path=path,
    )


def gone(what: str) -> UserError:
    """What was asked for does not exist, or no longer."""
    return UserError(what, hint="It may have been deleted: look in the trash.", code="gone")


def check_fields(fields: Mapping[str, Any], known: frozenset[str]) -> None:
    """Raise TypeError for a field that cannot be changed."""
    if unknown := fields.keys() - known:
        raise TypeError(f"unknown fields: {sorted(unknown)}")


def check_choice(name: str, value: str, choices: frozenset[str]) -> None:
    """Raise ValueError for a value that is none of these."""
    if value not in choices:
        raise ValueError(f"{name} is one of {sorted(choices)}, not {value!r}")


def assignments(fields: Mapping[str, Any]) -> str:
    """What stands after SET."""
    return ", ".join(f"{name} = ?" for name in fields)


def values(fields: Mapping[str, Any]) -> list[Any]:
    """The values of the same fields as columns hold them."""
    return [_value(name, value) for name, value in fields.items()]


def _value(name: str, value: Any) -> Any:
    if name in _DICTS:
        return checked_json(value)
    if name in _LISTS:
        return checked_list(value)
    return clean(value) if isinstance(value, str) else value
