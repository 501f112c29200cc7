"""The queue of downloads, remembered over restarts: what waits, what runs, how fast, and what went wrong.

It has no threads: whoever has some asks for the `next` one and iterates its `run`. The files on the disk are
the truth about how far a download is; the queue's own file only remembers what was asked for.
"""

from __future__ import annotations

import hashlib
import os
import threading
import time
from collections import deque
from collections.abc import Callable, Generator, Iterator, Sequence
from contextlib import closing, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import msgspec

from models.download import (
    USUAL,
    Line,
    Progress,
    RemoteFile,
    Retries,
    Stopped,
    check_room,
    discard,
    fetch,
    kept_bytes,
    target_path,
)
from models.errors import UserError
from models.network import Network

SPEED_S = 8.0
"""Seconds over which the speed is measured."""

Status = Literal["waiting", "running", "paused", "failed", "done"]
State = Literal["", "connecting", "downloading", "checking", "waiting"]


@dataclass(frozen=True)
class Item:
    """One model that is, was or will be downloaded, as it stood when this was asked for.

    Attributes:
        id: stable. files: all of it, shards and mmproj together.
        state: what a running one does just now; "waiting" is the time before the next attempt.
        done, total: bytes of all files. speed: bytes a second, 0.0 when nothing comes.
        remaining_s: seconds it will still take, None when unknown.
        error: why it failed; of a running one, why it has to try again.
    """

    id: str
    title: str
    repo: str
    revision: str
    files: tuple[RemoteFile, ...]
    status: Status
    state: State
    done: int
    total: int
    speed: float
    remaining_s: float | None
    error: UserError | None


class _Error(msgspec.Struct):
    """An error as it is kept: what the window needs to translate it."""

    template: str
    hint: str
    code: str
    params: dict[str, str]


class _Saved(msgspec.Struct):
    """A download as it is kept. `fetched`: paths of the files that it has brought."""

    folder: str
    title: str
    repo: str
    revision: str
    files: tuple[RemoteFile, ...]
    status: Status = "waiting"
    fetched: list[str] = msgspec.field(default_factory=list)
    error: _Error | None = None


class _Speed:
    """Bytes a second over the last seconds."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._seen: deque[tuple[float, int]] = deque()

    def saw(self, done: int) -> None:
        now = self._clock()
        if self._seen and done < self._seen[-1][1]:
            self._seen.clear()  # it was begun again
        self._seen.append((now, done))
        while self._seen[0][0] < now - SPEED_S:
            self._seen.popleft()

    def forget(self) -> None:
        self._seen.clear()

    @property
    def now(self) -> float:
        if len(self._seen) < 2:
            return 0.0
        (began, first), last = self._seen[0], self._seen[-1][1]
        seconds = self._clock() - began  # to now: a line that has fallen silent becomes slow
        return (last - first) / seconds if seconds > 0 else 0.0


@dataclass
class _Entry:
    """A download in the queue. `line`: of the run that is at work, until that has really ended."""

    id: str
    saved: _Saved
    speed: _Speed
    done: int = 0
    state: State = ""
    problem: UserError | None = None
    line: Line | None = None
    gone: bool = False

    @property
    def total(self) -> int:
        return sum(file.size for file in self.saved.files)

    def target(self, file: RemoteFile) -> Path:
        return target_path(Path(self.saved.folder), file.repo, file.path)

    def kept(self) -> int:
        """Bytes of its files that are here."""
        return sum(min(kept_bytes(self.target(file)), file.size) for file in self.saved.files)

    def has(self, file: RemoteFile) -> bool:
        """Whether it has brought this file, whole and checked, and it is still there."""
        with suppress(OSError):
            return file.path in self.saved.fetched and self.target(file).stat().st_size == file.size
        return False


class Run:
    """One download at work: iterate it for its Items as it goes on; the last one tells how it ended."""

    def __init__(self, events: Callable[[Line], Generator[Item, None, None]]) -> None:
        self._events, self._line = events, Line()

    def __iter__(self) -> Generator[Item, None, None]:
        return self._events(self._line)

    def cancel(self) -> None:
        """End it soon, from any thread; it waits for its next turn then, with what has come kept."""
        self._line.cut()


class Downloads:
    """The queue. Every method may be called from any thread.

    Args:
        folder: the app's own folder of models; each download goes on where it was begun.
        state: a folder for the queue's file; what was running when the app died waits again.
        clock: seconds on a clock that only goes forward.

    Attributes:
        folder: where new downloads go. parallel: how many `next` lets run at once.
        on_change: called after the queue or a status changed, on the thread that did it.
    """

    def __init__(
        self,
        folder: Path,
        state: Path,
        network: Network,
        *,
        parallel: int = 2,
        retries: Retries = USUAL,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.folder, self.parallel = Path(folder), parallel
        self.on_change: list[Callable[[], None]] = []
        self._file = Path(state) / "downloads.json"
        self._network, self._retries, self._clock = network, retries, clock
        self._lock = threading.RLock()
        self._entries: dict[str, _Entry] = {}
        self._leaving: set[str] = set()  # cancelled, but their runs have not ended yet
        for saved in _load(self._file):
            if saved.status == "running":
                saved.status = "waiting"
            entry = _Entry(_id(saved), saved, _Speed(clock))
            with suppress(UserError):  # names that somebody wrote into the file
                entry.done = entry.kept()
                self._entries[entry.id] = entry

    def items(self) -> list[Item]:
        """All downloads, in the order in which they were added."""
        with self._lock:
            return [self._item(entry) for entry in self._entries.values()]

    def get(self, id: str) -> Item:
        """One download; raises UserError (not_found) when it is not in the queue."""
        with self._lock:
            return self._item(self._known(id))

    def target(self, item: Item) -> Path:
        """Where the first file of a download is, or will be: the one to load."""
        with self._lock:
            return self._known(item.id).target(item.files[0])

    def add(self, repo: str, revision: str, files: Sequence[RemoteFile], title: str) -> Item:
        """Put a model into the queue; the same files again are the same item, which waits anew.

        Raises UserError for names that cannot be stored (bad_name) and too little room (disk_full).
        """
        saved = _Saved(str(self.folder), title, repo, revision, tuple(files))
        id = _id(saved)
        with self._lock:
            known = self._entries.get(id)
            if known is not None and known.saved.status in ("waiting", "running"):
                return self._item(known)
            targets = [target_path(self.folder, file.repo, file.path) for file in files]
            if not files or len({str(target).casefold() for target in targets}) < len(files):
                raise UserError("{repo} has no files that can be stored.", code="bad_name", repo=repo)
            entry = known or _Entry(id, saved, _Speed(self._clock))
            entry.done = entry.kept()
            check_room(Path(entry.saved.folder), self._promised() + entry.total - entry.done)
            self._entries[id] = entry
            self._set(entry, "waiting")
            item = self._item(entry)
        self._tell()
        return item

    def next(self) -> Item | None:
        """Claim the download that should start now, for the caller to `run`; None when none should."""
        with self._lock:
            if sum(entry.saved.status == "running" for entry in self._entries.values()) >= self.parallel:
                return None
            for entry in self._entries.values():
                if entry.saved.status == "waiting" and entry.line is None and entry.id not in self._leaving:
                    self._set(entry, "running")
                    return self._item(entry)
        return None

    def run(self, id: str) -> Run:
        """The work of one download; what the hub or the disk refuses leaves it failed, raising nothing."""
        return Run(lambda line: self._run(id, line))

    def pause(self, id: str) -> None:
        """Stop a download for now; what has come is kept."""
        with self._lock:
            entry = self._known(id)
            if entry.saved.status not in ("waiting", "running"):
                return
            self._set(entry, "paused")
            line = entry.line
        if line is not None:
            line.cut()
        self._tell()

    def resume(self, id: str) -> None:
        """Let a paused or failed download wait for its turn again."""
        with self._lock:
            entry = self._known(id)
            if entry.saved.status not in ("paused", "failed"):
                return
            self._set(entry, "waiting")
        self._tell()

    def cancel(self, id: str) -> None:
        """Take a download from the queue and delete what it has brought, unless it is done.

        What is at work just now stops first, and deletes it on its own thread then.
        """
        with self._lock:
            entry = self._known(id)
            entry.gone = True
            del self._entries[id]
            self._save()
            line = entry.line
            if line is not None:
                self._leaving.add(id)
        if line is not None:
            line.cut()
        elif entry.saved.status != "done":
            _delete(entry)
        self._tell()

    def clear_done(self) -> None:
        """Take finished downloads off the list; their files stay."""
        with self._lock:
            self._entries = {id: e for id, e in self._entries.items() if e.saved.status != "done"}
            self._save()
        self._tell()

    # ------------------------------------------------------------ at work

    def _run(self, id: str, line: Line) -> Generator[Item, None, None]:
        with self._lock:
            entry = self._entries.get(id)
            if entry is None or entry.saved.status not in ("waiting", "running"):
                return  # cancelled or paused before its turn came
            if entry.line is not None or id in self._leaving:
                return  # at work already, or still
            entry.line = line
            self._set(entry, "running")
        self._tell()
        ended: Status = "waiting"
        error: UserError | None = None
        try:
            yield from self._fetch(entry, line)
            ended = "done"
        except Stopped:
            pass
        except UserError as refusal:
            ended, error = "failed", refusal
        except Exception as bug:
            ended, error = "failed", UserError("The download failed: {reason}.", reason=repr(bug))
            raise
        finally:
            self._ended(entry, ended, error)
        if not entry.gone:
            with self._lock:
                last = self._item(entry)
            yield last

    def _fetch(self, entry: _Entry, line: Line) -> Iterator[Item]:
        """Fetch its files, one after the other."""
        for file in entry.saved.files:
            if entry.has(file):
                continue
            target = entry.target(file)
            was_there = os.path.lexists(target)
            others = entry.kept() - min(kept_bytes(target), file.size)
            steps = fetch(
                self._network, file, target, reason="Downloading a model", retries=self._retries, line=line
            )
            with closing(steps):
                for progress in steps:
                    with self._lock:
                        self._progress(entry, others + progress.done, progress)
                        item = self._item(entry)
                    yield item
            with self._lock:
                if not was_there:
                    entry.saved.fetched.append(file.path)
                entry.done = others + file.size
                self._save()

    def _progress(self, entry: _Entry, done: int, progress: Progress) -> None:
        entry.done, entry.state, entry.problem = done, progress.state, progress.problem
        if progress.state == "downloading":
            entry.speed.saw(done)
        elif progress.state == "checking":
            entry.speed.forget()

    def _ended(self, entry: _Entry, status: Status, error: UserError | None) -> None:
        if entry.gone:
            with suppress(UserError):
                _delete(entry)
        with self._lock:
            entry.line, entry.state, entry.problem = None, "", None
            entry.done = entry.kept()
            entry.speed.forget()
            if entry.gone:
                self._leaving.discard(entry.id)
            elif status == "done" or entry.saved.status == "running":  # else the user said what it is now
                self._set(entry, status, error)
        self._tell()

    # ------------------------------------------------------------ under the lock

    def _known(self, id: str) -> _Entry:
        if (entry := self._entries.get(id)) is None:
            raise UserError("This download is not in the queue any more.", code="not_found")
        return entry

    def _item(self, entry: _Entry) -> Item:
        saved, speed = entry.saved, entry.speed.now
        running = saved.status == "running"
        return Item(
            id=entry.id,
            title=saved.title,
            repo=saved.repo,
            revision=saved.revision,
            files=saved.files,
            status=saved.status,
            state=entry.state if running else "",
            done=entry.total if saved.status == "done" else min(entry.done, entry.total),
            total=entry.total,
            speed=speed if running else 0.0,
            remaining_s=(entry.total - entry.done) / speed if running and speed > 0 else None,
            error=entry.problem if running else _error(saved.error),
        )

    def _promised(self) -> int:
        """Bytes that those before it in the queue will still take."""
        waiting = (e for e in self._entries.values() if e.saved.status in ("waiting", "running"))
        return sum(max(0, entry.total - entry.done) for entry in waiting)

    def _set(self, entry: _Entry, status: Status, error: UserError | None = None) -> None:
        entry.saved.status = status
        entry.saved.error = None
        if error is not None:
            params = {name: str(value) for name, value in error.params.items()}
            entry.saved.error = _Error(error.template, error.hint, error.code, params)
        self._save()

    def _save(self) -> None:
        data = msgspec.json.format(msgspec.json.encode([entry.saved for entry in self._entries.values()]))
        with suppress(OSError):  # a full disk must not stop what runs; the queue is known here still
            self._file.parent.mkdir(parents=True, exist_ok=True)
            new = self._file.with_suffix(".new")
            with new.open("wb") as stream:
                stream.write(data)
                stream.flush()
                os.fsync(stream.fileno())
            new.replace(self._file)

    def _tell(self) -> None:
        for callback in list(self.on_change):
            callback()


def _load(file: Path) -> list[_Saved]:
    """The queue as it was saved; a damaged file is set aside."""
    try:
        return msgspec.json.decode(file.read_bytes(), type=list[_Saved])
    except OSError:
        return []
    except msgspec.DecodeError:
        with suppress(OSError):
            file.replace(file.with_name(f"{file.stem}.damaged-{time.strftime('%Y%m%d-%H%M%S')}{file.suffix}"))
        return []


def _id(saved: _Saved) -> str:
    told = [saved.repo, *(f"{file.path} {file.size} {file.sha256}" for file in saved.files)]
    return hashlib.sha256("\n".join(told).encode()).hexdigest()[:12]


def _error(kept: _Error | None) -> UserError | None:
    if kept is None:
        return None
    with suppress(LookupError, ValueError, AttributeError):
        error = UserError(kept.template, hint=kept.hint, code=kept.code, **kept.params)
        return error if error.hint_text is not None else None
    return None


def _delete(entry: _Entry) -> None:
    """Delete what a download has brought, and its folders when nothing else is in them."""
    for file in entry.saved.files:
        target = entry.target(file)
        if entry.has(file):
            with suppress(OSError):
                target.unlink()
        discard(target)
        for folder in list(target.parents)[: 1 + file.path.count("/") + 1]:
            with suppress(OSError):
                folder.rmdir()
