"""Fetches one file from the hub: resumed after any break, checked, and there under its name only when whole.

The bytes go to `target.part`, beside it `target.part.json` says what they are. What is asked for again is
what is missing (HTTP Range); what the server says about sizes is not believed, the hash decides.
"""

from __future__ import annotations

import errno
import hashlib
import os
import random
import re
import shutil
import socket
import threading
import time
import unicodedata
from collections.abc import Generator, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from io import FileIO
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal
from urllib.parse import quote

import msgspec

from models.errors import RolltopError, UserError, sentence
from models.gguf import printable, shown
from models.network import Network

if TYPE_CHECKING:
    import httpx2

SPARE_BYTES = 128 << 20
"""Bytes that must stay free on the disk."""
LONGEST_WAIT_S = 300.0
"""Seconds to wait at most when the hub asks for more time."""
MAX_RESTARTS = 3
"""How often a file that changes on the hub while it comes is begun again."""
GAIN_BYTES = 64 << 10
"""New bytes that make an attempt a success, however it ended; with fewer it counts as a failed one."""
TELL_S = 0.1
"""Seconds between two tellings of progress."""
BLOCK = 1 << 20
"""Bytes read at a time when what is here already is hashed."""

MAX_NAME_BYTES = 255
MAX_PARTS = 8
"""Folders and file name of a file inside its repository; real ones have up to three."""
_DEVICES = {"CON", "PRN", "AUX", "NUL", "CONIN$", "CONOUT$", "CLOCK$"}
_DEVICES |= {name + digit for name in ("COM", "LPT") for digit in "0123456789¹²³"}
_INVISIBLE = set("\u034f\u115f\u1160\u17b4\u17b5\u2800\u3164\uffa0") | {chr(c) for c in range(0xFE00, 0xFE10)}
"""Characters that count as printable and are not seen."""
_PART, _SLIP = ".part", ".part.json"


@dataclass(frozen=True)
class RemoteFile:
    """A file on the hub.

    Attributes:
        repo: "publisher/name". revision: a branch or, better, a commit. path: inside the repository.
        size: in bytes. sha256: "" when the hub does not tell.
    """

    repo: str
    revision: str
    path: str
    size: int
    sha256: str = ""


@dataclass(frozen=True)
class Progress:
    """How far a download is.

    Attributes:
        done, total: bytes; `done` falls when something has to be fetched again.
        state: checking reads what is here already; waiting is the time before the next attempt.
        problem: why it waits. wait_s: seconds until the next attempt.
    """

    done: int
    total: int
    state: Literal["connecting", "downloading", "checking", "waiting"]
    problem: UserError | None = None
    wait_s: float = 0.0


@dataclass(frozen=True)
class Retries:
    """How a broken line is tried again.

    Attributes:
        most: attempts in a row that bring nothing before giving up. first_s, longest_s: the waits between
            them double from the first to the longest, in seconds.
    """

    most: int = 10
    first_s: float = 0.5
    longest_s: float = 60.0


USUAL = Retries()


class Stopped(RolltopError):
    """The download was stopped from another thread; its part is kept."""

    code = "stopped"


class Line:
    """The connections of one download; cut by another thread, a read that waits ends at once."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._cut = threading.Event()
        self._sockets: list[socket.socket] = []

    def cut(self) -> None:
        """Stop the download, from any thread and for good."""
        self._cut.set()
        with self._lock:
            for connection in self._sockets:
                with suppress(OSError):
                    connection.shutdown(socket.SHUT_RDWR)

    def check(self, wait_s: float = 0.0) -> None:
        """Wait for so many seconds; raises Stopped as soon as the line was cut."""
        if self._cut.wait(wait_s) if wait_s else self._cut.is_set():
            raise Stopped("The download was stopped.")

    def trace(self, event: str, info: Mapping[str, Any]) -> None:
        """Take note of a connection that was made; the client calls this with all it does."""
        if not event.endswith("connect_tcp.complete"):
            return
        with suppress(OSError):
            # A second handle of the same connection: it stays good when the first is wrapped in TLS.
            connection = info["return_value"].get_extra_info("socket").dup()
            with self._lock:
                self._sockets.append(connection)
            if self._cut.is_set():
                connection.shutdown(socket.SHUT_RDWR)

    def close(self) -> None:
        """Let go of the connections."""
        with self._lock:
            for connection in self._sockets:
                connection.close()
            self._sockets.clear()


def fetch(
    network: Network,
    file: RemoteFile,
    target: Path,
    *,
    reason: str,
    retries: Retries = USUAL,
    line: Line | None = None,
) -> Generator[Progress, None, Path]:
    """Fetch a file to `target`; progress comes as it goes on, the result is `target`.

    Going on later with the same file and target fetches only what is missing; so closing the generator,
    or cutting its `line` (raises Stopped), is a pause. Raises UserError when the hub or the disk refuses
    (codes: needs_token, bad_token, gated, not_found, refused, no_network, broken_line, timeout, rate_limited,
    hub_down, bad_answer, bad_redirect, changed, corrupt, exists, in_use, disk_full, too_large, not_writable),
    Offline when the network is switched off. What is already there under the name is never replaced.
    """
    line = line or Line()
    try:
        with _disk_errors(target):
            if os.path.lexists(target):
                yield from _check_existing(file, target)
                discard(target)
                return target
            target.parent.mkdir(parents=True, exist_ok=True)
            with _locked(_beside(target, _PART)) as stream:
                part = _Part(file, target, stream)
                yield from _Fetching(network, file, part, reason, retries, line).run()
            return target
    finally:
        line.close()


def kept_bytes(target: Path) -> int:
    """Bytes of `target` that are here already, whole or in its part."""
    for path in (target, _beside(target, _PART)):
        with suppress(OSError):
            return path.stat().st_size
    return 0


def discard(target: Path) -> None:
    """Delete what is here of an unfinished download; raises UserError (in_use) while it goes on."""
    with _disk_errors(target), suppress(FileNotFoundError), _locked(_beside(target, _PART)) as stream:
        _remove_parts(target, stream)


def check_room(folder: Path, size: int) -> None:
    """Raise UserError (disk_full) unless so many bytes, and some to spare, are free for `folder`."""
    while not folder.exists() and folder != folder.parent:
        folder = folder.parent
    try:
        free = shutil.disk_usage(folder).free
    except OSError:
        return  # some network drives do not tell
    if size + SPARE_BYTES > free:
        raise UserError(
            "The disk has too little room: {needed} are needed, {free} are free.",
            hint="Free some space, or choose a folder on another disk in the settings.",
            code="disk_full",
            needed=_gigabytes(size + SPARE_BYTES),
            free=_gigabytes(free),
        )


# ---------------------------------------------------------------- names


def target_path(folder: Path, repo: str, path: str) -> Path:
    """Where a file of a repository belongs: `folder/publisher/repo/path`.

    Raises UserError (bad_name) for a name that could lead elsewhere, that some system cannot hold, or
    that looks like another one.
    """
    of_repo, of_file = repo.split("/"), path.split("/")
    if len(of_repo) != 2 or len(of_file) > MAX_PARTS:
        raise _bad_name(repo if len(of_repo) != 2 else path)
    for part in (*of_repo, *of_file):
        if not _is_sound(part):
            raise _bad_name(part)
    name = of_file[-1]
    if name.lower().endswith((_PART, _SLIP)) or len(os.fsencode(name + _SLIP)) > MAX_NAME_BYTES:
        raise _bad_name(name)
    target = folder.joinpath(*of_repo, *of_file)
    if not _leads_into(target.parent, folder):
        raise UserError(
            "The folder {place} leads out of the models folder.",
            hint="Remove the link, or choose another folder in the settings.",
            code="bad_name",
            place=printable(str(target.parent)),
        )
    return target


def _leads_into(place: Path, folder: Path) -> bool:
    """Whether a place is inside the folder; a link that someone put there may lead out of it."""
    try:
        return place.resolve().is_relative_to(folder.resolve())
    except (OSError, RuntimeError):  # links that lead in a circle
        return False


def _is_sound(part: str) -> bool:
    """Whether a name is safe as a part of a path on every system, and honest to read."""
    return (
        part.strip(" .") != ""
        and part == part.strip(" ").rstrip(".")
        and not set(part) & set('<>:"|?*\\/')
        and part.isprintable()  # no control characters, bidi marks, zero widths, surrogates
        and not set(part) & _INVISIBLE
        and unicodedata.is_normalized("NFC", part)
        and part.split(".")[0].rstrip(" ").upper() not in _DEVICES
        and len(part.encode()) <= MAX_NAME_BYTES
    )


def _bad_name(name: str) -> UserError:
    return UserError(
        "The file cannot be stored, because of a name on the hub that is not safe here: {name}.",
        hint="Choose another model.",
        code="bad_name",
        name=printable(name[:80]),
    )


# ---------------------------------------------------------------- the part on the disk


class _Slip(msgspec.Struct):
    """What a part belongs to; `digest` is a hash that the hub told in its answer, `etag` that answer's."""

    repo: str
    revision: str
    path: str
    size: int
    sha256: str
    etag: str = ""
    digest: str = ""

    def belongs_to(self, file: RemoteFile) -> bool:
        if self.sha256 and self.sha256 == file.sha256.lower():
            return self.size == file.size  # whatever it is called by now, these are the same bytes
        told = (self.repo, self.revision, self.path, self.size, self.sha256)
        return told == (file.repo, file.revision, file.path, file.size, file.sha256.lower())


# Made here: msgspec works a type out when it is first asked for, and two threads at once crash it.
_decode_slip = msgspec.json.Decoder(_Slip).decode


class _Part:
    """The bytes of a file so far, on the disk and hashed.

    Attributes:
        target: its final name. have: bytes so far. etag: of the answer that they came from.
        pieces: answers, or earlier downloads, that they came from.
        restarts: how often they were thrown away.
    """

    def __init__(self, file: RemoteFile, target: Path, stream: FileIO) -> None:
        self.file, self.size = file, file.size
        self.have = self.pieces = self.restarts = 0
        self.etag = self.digest = ""
        self.target, self._stream = target, stream
        slip, length = _read_slip(target), os.fstat(stream.fileno()).st_size
        if slip is not None and slip.belongs_to(file) and length <= self.size:
            self.have, self.pieces, self.etag, self.digest = length, 1, slip.etag, slip.digest
        self._set_length(self.have)

    @property
    def expected(self) -> str:
        """The hash it must have, as hexadecimal digits; "" while nobody told."""
        return self.file.sha256.lower() or self.digest

    @property
    def is_right(self) -> bool:
        """Whether what is here is the file; without a hash its size must do."""
        if self.have != self.size or not self.expected:
            return self.have == self.size
        kind = self._hashes.get(len(self.expected))
        return kind is not None and kind.hexdigest() == self.expected

    def hash_again(self) -> Iterator[int]:
        """Hash what an earlier download left; yields the bytes done."""
        done = 0
        self._stream.seek(0)
        while done < self.have and (block := self._stream.read(min(BLOCK, self.have - done))):
            self._hash(block)
            done += len(block)
            yield done
        self.have = done

    def begin(self, etag: str, digest: str) -> None:
        """An answer begins, whose bytes belong at the end of what is here."""
        self.pieces += 1
        if not self.have or (etag, digest) != (self.etag, self.digest):
            self.etag, self.digest = etag, digest
            _write_slip(self.target, self.file, etag, digest)

    def write(self, data: bytes) -> None:
        """Append to the file."""
        _write(self._stream, data)
        self._hash(data)
        self.have += len(data)

    def restart(self) -> None:
        """Throw away what is here."""
        self.have = self.pieces = 0
        self.etag = self.digest = ""
        self.restarts += 1
        self._set_length(0)

    def finish(self) -> None:
        """Give it its final name, once it is safely on the disk."""
        os.fsync(self._stream.fileno())
        if os.path.lexists(self.target):
            raise _exists(self.target)
        if os.name == "nt":  # an open file cannot be renamed there
            self._stream.close()
        _beside(self.target, _PART).rename(self.target)
        _beside(self.target, _SLIP).unlink(missing_ok=True)
        if os.name != "nt":
            folder = os.open(self.target.parent, os.O_RDONLY)
            try:
                os.fsync(folder)
            finally:
                os.close(folder)

    def remove(self) -> None:
        """Delete it."""
        _remove_parts(self.target, self._stream)

    def _set_length(self, length: int) -> None:
        self._stream.truncate(length)
        self._stream.seek(length)
        # Which of the two kinds is needed is known when the hub has answered, unless it told before.
        self._hashes: dict[int, Any] = {64: hashlib.sha256()}
        if not self.file.sha256:
            self._hashes[40] = hashlib.sha1(b"blob %d\0" % self.size, usedforsecurity=False)

    def _hash(self, data: bytes) -> None:
        for kind in self._hashes.values():
            kind.update(data)


def _beside(target: Path, ending: str) -> Path:
    return target.with_name(target.name + ending)


def _write(stream: FileIO, data: bytes) -> None:
    """Write all of it; a disk that is nearly full takes less at first."""
    view = memoryview(data)
    while view:
        view = view[stream.write(view) :]


def _read_slip(target: Path) -> _Slip | None:
    with suppress(OSError, msgspec.DecodeError):
        return _decode_slip(_beside(target, _SLIP).read_bytes())
    return None


def _write_slip(target: Path, file: RemoteFile, etag: str, digest: str) -> None:
    slip = _Slip(file.repo, file.revision, file.path, file.size, file.sha256.lower(), etag, digest)
    new = _beside(target, _SLIP + ".new")
    new.write_bytes(msgspec.json.encode(slip))
    new.replace(_beside(target, _SLIP))


def _remove_parts(target: Path, stream: FileIO) -> None:
    if os.name == "nt":  # an open file cannot be deleted there
        stream.close()
    for ending in (_PART, _SLIP, _SLIP + ".new"):
        _beside(target, ending).unlink(missing_ok=True)


@contextmanager
def _locked(path: Path) -> Iterator[FileIO]:
    """The file, made when it is not there, for this download alone; the system frees it after a kill."""
    while True:
        flags = os.O_RDWR | os.O_CREAT | getattr(os, "O_BINARY", 0) | getattr(os, "O_NOFOLLOW", 0)
        with FileIO(os.open(path, flags, 0o666), "r+") as stream:
            _lock(stream, path)
            # Whoever held it until now may have given it its final name, or deleted it.
            if os.path.lexists(path) and os.path.samestat(os.fstat(stream.fileno()), path.lstat()):
                yield stream
                return


def _lock(stream: FileIO, path: Path) -> None:
    try:
        if os.name == "nt":
            import msvcrt

            stream.seek(1 << 60)  # the lock forbids others to read and write there as well
            msvcrt.locking(stream.fileno(), msvcrt.LK_NBLCK, 1)  # type: ignore[attr-defined, unused-ignore]
        else:
            import fcntl

            fcntl.flock(stream, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        if error.errno in (errno.ENOLCK, errno.ENOTSUP, errno.ENOSYS):
            return  # some network drives know no locks
        raise UserError(
            "{file} is being downloaded already.",
            hint="Wait until the other download has ended, or stop it.",
            code="in_use",
            file=shown(path.with_suffix("")),
        ) from error


def _check_existing(file: RemoteFile, target: Path) -> Iterator[Progress]:
    """Hash the file that has the name already; raises UserError (exists) when it is another one."""
    if not target.is_file() or target.stat().st_size != file.size:
        raise _exists(target)
    digest, done = hashlib.sha256(), 0
    with target.open("rb") as stream:
        while file.sha256 and (block := stream.read(BLOCK)):
            digest.update(block)
            done += len(block)
            yield Progress(done, file.size, "checking")
    if file.sha256 and digest.hexdigest() != file.sha256.lower():
        raise _exists(target)


def _exists(target: Path) -> UserError:
    return UserError(
        "There is another file {file} in the folder already.",
        hint="Rename or delete that file in {folder}, then try again.",
        code="exists",
        file=shown(target),
        folder=printable(str(target.parent)),
    )


@contextmanager
def _disk_errors(target: Path) -> Iterator[None]:
    """Tell what the disk refuses in plain words."""
    try:
        yield
    except OSError as error:
        if error.errno in (errno.ENOSPC, getattr(errno, "EDQUOT", errno.ENOSPC)):
            raise UserError(
                "The disk is full; what was fetched of {file} is kept.",
                hint="Free some space, then go on with the download.",
                code="disk_full",
                file=shown(target),
            ) from error
        if error.errno == errno.EFBIG:
            raise UserError(
                "This disk cannot hold a file as large as {file}.",
                hint="Choose a folder on another disk in the settings; FAT32 disks hold files up to 4 GB.",
                code="too_large",
                file=shown(target),
            ) from error
        raise UserError(
            "{file} cannot be written: {reason}.",
            hint="Check the folder {folder}, or choose another one in the settings.",
            code="not_writable",
            file=shown(target),
            folder=printable(str(target.parent)),
            reason=error.strerror or error,
        ) from error


# ---------------------------------------------------------------- the network


class _Broken(Exception):
    """An attempt failed in a way that may be better next time. after_s: the hub's own wish, seconds."""

    def __init__(self, told: UserError, after_s: float = 0.0) -> None:
        super().__init__(told.text)
        self.told, self.after_s = told, after_s


class _Fetching:
    """One download of one file, over as many answers as it takes."""

    def __init__(
        self, network: Network, file: RemoteFile, part: _Part, reason: str, retries: Retries, line: Line
    ) -> None:
        self._network, self._file, self._part = network, file, part
        self._reason, self._retries, self._line = reason, retries, line
        self._told_at = 0.0

    def run(self) -> Iterator[Progress]:
        """Fetch what is missing, check it, and give it its name."""
        part, target = self._part, self._part.target
        for done in part.hash_again():
            self._line.check()
            yield Progress(done, part.size, "checking")
        check_room(target.parent, part.size - part.have)
        yield from self._fill()
        if not part.is_right and part.pieces > 1:
            # One of the pieces was bad, and nobody knows which.
            part.restart()
            yield from self._fill()
        if not part.is_right:
            part.remove()
            raise _corrupt(self._file)
        part.finish()

    def _fill(self) -> Iterator[Progress]:
        """Ask until everything is here."""
        part, failed = self._part, 0
        if part.have == part.size:
            return
        with self._network.errand(self._reason) as client:
            while part.have < part.size:
                had = part.have
                try:
                    yield from self._ask(client)
                except _Broken as broken:
                    failed = 1 if part.have >= had + GAIN_BYTES else failed + 1
                    if failed >= self._retries.most or part.restarts > MAX_RESTARTS:
                        raise broken.told from broken
                    yield from self._wait(failed, broken)

    def _ask(self, client: httpx2.Client) -> Iterator[Progress]:
        """Ask once for what is missing; raises _Broken when not all of it came."""
        import httpx2  # here, since most starts of the app never go out

        self._line.check()
        yield self._progress("connecting")
        trace = {"trace": self._line.trace}
        try:
            with client.stream("GET", self._url, headers=self._headers(), extensions=trace) as answer:
                yield from self._take(answer, self._admit(answer))
        except (httpx2.TooManyRedirects, httpx2.UnsupportedProtocol) as error:
            raise UserError(
                "The hub sent the app from one address to the next, without an end.",
                hint="Try again later, or use another mirror.",
                code="bad_redirect",
            ) from error
        except (httpx2.ConnectError, httpx2.ConnectTimeout, httpx2.ProxyError) as error:
            self._line.check()
            raise _Broken(_unreachable(error)) from error
        except httpx2.TransportError as error:
            self._line.check()
            raise _Broken(_broken_line(silent=isinstance(error, httpx2.TimeoutException))) from error

    def _take(self, answer: httpx2.Response, skip: int) -> Iterator[Progress]:
        """Write what comes, but for the first `skip` bytes, which are here already."""
        part = self._part
        for chunk in answer.iter_raw():
            self._line.check()
            known, skip = min(skip, len(chunk)), max(0, skip - len(chunk))
            chunk = chunk[known:]
            missing = part.size - part.have
            if len(chunk) > missing and not part.expected:
                raise _changed(self._file)
            if chunk and missing:
                part.write(chunk[:missing])
            if part.have == part.size and part.expected:
                return  # whatever else it sends
            if time.monotonic() - self._told_at >= TELL_S:
                yield self._progress("downloading")
        if part.have < part.size:
            raise _Broken(_broken_line())

    def _admit(self, answer: httpx2.Response) -> int:
        """Check what an answer says and prepare the part for it; returns the bytes to skip."""
        part, chain = self._part, [*answer.history, answer]
        if answer.status_code not in (200, 206):
            raise self._refusal(answer)
        self._check_identity(answer, chain)
        etag, digest = answer.headers.get("ETag", ""), _told_digest(chain)
        if part.have and etag and part.etag and etag != part.etag:
            self._restart()
            if answer.status_code == 206:
                raise _Broken(_changed(self._file))
        start = _range_start(answer)
        if start not in (0, part.have) or (start == 0 and answer.status_code == 206 and part.have):
            raise _Broken(
                _strange_answer(sentence("The hub sent another part of the file than was asked for."))
            )
        part.begin(etag, "" if self._file.sha256 else digest)
        return part.have - start

    def _check_identity(self, answer: httpx2.Response, chain: list[httpx2.Response]) -> None:
        """Raise UserError when the answer says that it is about another file than ours."""
        size, sha256 = self._file.size, self._file.sha256.lower()
        digest, linked = _told_digest(chain), _header(chain, "X-Linked-Size")
        if sha256 and len(digest) == 64 and digest != sha256:
            raise _changed(self._file)
        total = answer.headers.get("Content-Range", "").rpartition("/")[2]
        if any(told.isdecimal() and int(told) != size for told in (linked, total)):
            raise _changed(self._file)
        length = answer.headers.get("Content-Length", "")
        if answer.status_code == 200 and length.isdecimal() and int(length) != size:
            if answer.headers.get("Content-Type", "").startswith("text/html"):
                raise _Broken(_strange_answer(sentence("A web page came instead of the file.")))
            if not sha256 and not digest:
                raise _changed(self._file)

    def _restart(self) -> None:
        self._part.restart()
        if self._part.restarts > MAX_RESTARTS:
            raise _changed(self._file)

    def _refusal(self, answer: httpx2.Response) -> Exception:
        """The error for a status that brings no bytes."""
        status, after_s = answer.status_code, _retry_after(answer.headers)
        elsewhere = bool(answer.history) and answer.url.host != answer.history[0].url.host
        if status == 416:
            self._restart()
            return _Broken(_changed(self._file))
        if status == 429:
            return _Broken(
                UserError(
                    "The hub has had too many requests and asks for a pause.",
                    hint="Try again in some minutes; with a token in the settings the hub allows more.",
                    code="rate_limited",
                ),
                after_s,
            )
        # The address of the bytes themselves is signed and soon runs out; the next attempt gets a new one.
        if status in (408, 425) or status >= 500 or (elsewhere and status in (401, 403)):
            told = UserError(
                "The hub cannot answer at the moment (status {status}).",
                hint="Try again later, or use another mirror; what has come is kept.",
                code="hub_down",
                status=status,
            )
            return _Broken(told, after_s)
        return _refused(
            status,
            answer.headers.get("X-Error-Code", ""),
            repo=self._file.repo,
            path=self._file.path,
            page=f"{self._network.endpoint}/{self._file.repo}",
            token=bool(self._network.token),
        )

    def _wait(self, failed: int, broken: _Broken) -> Iterator[Progress]:
        """Let some time pass before the next attempt: longer each time, and never all at once."""
        retries = self._retries
        wait_s = min(retries.first_s * 2 ** (failed - 1), retries.longest_s) * random.uniform(0.5, 1)
        ends = time.monotonic() + max(wait_s, min(broken.after_s, LONGEST_WAIT_S))
        while (left := ends - time.monotonic()) > 0:
            yield Progress(self._part.have, self._part.size, "waiting", broken.told, left)
            self._line.check(min(left, TELL_S))

    def _progress(self, state: Literal["connecting", "downloading"]) -> Progress:
        self._told_at = time.monotonic()
        return Progress(self._part.have, self._part.size, state)

    @property
    def _url(self) -> str:
        file = self._file
        revision = quote(file.revision, safe="")
        return f"{self._network.endpoint}/{quote(file.repo)}/resolve/{revision}/{quote(file.path)}"

    def _headers(self) -> dict[str, str]:
        headers = {"Accept-Encoding": "identity"}
        if token := self._network.token:
            headers["Authorization"] = f"Bearer {token}"
        if self._part.have:
            headers["Range"] = f"bytes={self._part.have}-"
            if self._part.etag and not self._part.etag.startswith("W/"):
                headers["If-Range"] = self._part.etag
        return headers


def _refused(status: int, error_code: str, *, repo: str, path: str, page: str, token: bool) -> UserError:
    """What a refusal of the hub means for the user.

    `error_code`: its X-Error-Code. `page`: address of the model's page. `token`: whether one was sent.
    """
    facts = {"repo": printable(repo), "path": printable(path), "page": page, "status": status}
    if error_code == "GatedRepo" and not token:
        return UserError(
            "{repo} is for people who have agreed to its terms, and no token of an account is known.",
            hint="Accept the terms at {page}, make a token in your account, and enter it in the settings.",
            code="needs_token",
            **facts,
        )
    if error_code == "GatedRepo":
        return UserError(
            "Your account has no access to {repo} yet.",
            hint="Accept the terms at {page} with the account of your token, then try again.",
            code="gated",
            **facts,
        )
    if status == 401 and token and error_code != "RepoNotFound":
        return UserError(
            "The hub does not accept your token.",
            hint="Make a new token in your account there, and enter it in the settings.",
            code="bad_token",
            **facts,
        )
    if error_code in ("EntryNotFound", "RevisionNotFound"):
        return UserError(
            "{repo} has no file {path} any more.",
            hint="Open the model's page again and choose another file.",
            code="not_found",
            **facts,
        )
    if status in (401, 404, 410):
        return UserError(
            "There is no model {repo} on the hub, or it is private.",
            hint="Check the name; for a private model, enter a token of your account in the settings.",
            code="not_found",
            **facts,
        )
    return UserError(
        "The hub refuses to give {path} of {repo} (status {status}).",
        hint="Look at {page} for the reason, or choose another model.",
        code="refused",
        **facts,
    )


def _unreachable(error: Exception) -> UserError:
    return UserError(
        "The hub cannot be reached: {reason}.",
        hint="Check the network, then go on with the download; what has come is kept.",
        code="no_network",
        reason=printable(str(error)[:200]).rstrip("."),
    )


def _broken_line(*, silent: bool = False) -> UserError:
    fell_silent = sentence("The hub has fallen silent.")
    return UserError(
        fell_silent if silent else sentence("The connection to the hub broke before everything had come."),
        hint="Check the network, then go on with the download; what has come is kept.",
        code="timeout" if silent else "broken_line",
    )


def _strange_answer(template: str) -> UserError:
    return UserError(
        template,
        hint="Try again later; what has come is kept. Some networks ask for a sign-in in the browser first.",
        code="bad_answer",
    )


def _changed(file: RemoteFile) -> UserError:
    return UserError(
        "{path} has changed on the hub since its page was opened.",
        hint="Open the model's page again and choose the file anew.",
        code="changed",
        path=printable(file.path),
    )


def _corrupt(file: RemoteFile) -> UserError:
    return UserError(
        "{path} arrived damaged, so it was deleted.",
        hint="Try again; when it happens again, use another mirror or another network.",
        code="corrupt",
        path=printable(file.path),
    )


def _header(chain: list[httpx2.Response], name: str) -> str:
    """A header of the first answer that has it."""
    return next((answer.headers[name] for answer in chain if name in answer.headers), "")


def _told_digest(chain: list[httpx2.Response]) -> str:
    """The hash that the hub tells in its answers: SHA-256 of a large file, git's blob id of a small one."""
    linked = _header(chain, "X-Linked-ETag").removeprefix("W/").strip('"').lower()
    if re.fullmatch(r"[0-9a-f]{64}|[0-9a-f]{40}", linked):
        return linked
    # Only the hub's own ETag is a hash of the content; those of its stores are something else.
    own = [answer for answer in chain if answer.url.host == chain[0].url.host]
    etag = own[-1].headers.get("ETag", "").removeprefix("W/").strip('"').lower()
    return etag if re.fullmatch(r"[0-9a-f]{40}", etag) else ""


def _range_start(answer: httpx2.Response) -> int:
    """Where the bytes of an answer start in the file; -1 when it does not say so."""
    if answer.status_code == 200:
        return 0
    found = re.fullmatch(r"bytes (\d{1,18})-\d+/(?:\d+|\*)", answer.headers.get("Content-Range", ""))
    return int(found[1]) if found else -1


def _retry_after(headers: Mapping[str, str]) -> float:
    """Seconds that the hub asks to wait: Retry-After (seconds or a date), or its RateLimit; 0 for none.

    RateLimit: https://datatracker.ietf.org/doc/draft-ietf-httpapi-ratelimit-headers/
    """
    told = headers.get("Retry-After", "").strip()
    if re.fullmatch(r"\d{1,9}(\.\d+)?", told):
        return float(told)
    with suppress(ValueError, TypeError, OverflowError):
        return max(0.0, parsedate_to_datetime(told).timestamp() - time.time())
    spent = re.search(r"\br=0\b.*?\bt=(\d{1,9})", headers.get("RateLimit", ""))
    return float(spent[1]) if spent else 0.0


def _gigabytes(size: int) -> str:
    return f"{size / 1e9:.1f} GB"
