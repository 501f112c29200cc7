"""A small hub on loopback: speaks Hugging Face's API as the real client asks, and misbehaves on request.

    with HubServer() as hub:
        hub.add("acme/Tiny-GGUF", {"tiny-Q4_K_M.gguf": data}, downloads=3)
        hub.fault = lambda seen: Fault(cut=1000) if seen.file and seen.start == 0 else None

Large files (everything but text) are kept as LFS and served behind a redirect from another host (the same
server as `localhost`), like the real hub does it; text comes at once, with its git blob's id as the ETag.
"""

from __future__ import annotations

import hashlib
import json
import re
import socket
import struct
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, quote, unquote, urlencode, urlsplit

_TEXT = (".md", ".txt", ".json", ".yaml", ".gitattributes")
_BLOCK = 256 << 10
_SEND_BUFFER = 64 << 10  # small, so that what is counted as sent was nearly all received
_RESOLVE = re.compile(r"/(?P<repo>[^/]+/[^/]+)/(?:resolve|raw)/(?P<revision>[^/]+)/(?P<file>.+)")
_CDN = re.compile(r"/cdn/(?P<repo>[^/]+/[^/]+)/(?P<file>.+)")
_API = re.compile(
    r"/api/models/(?P<repo>[^/]+/[^/]+)(?:/(?P<verb>revision|tree|paths-info|auth-check)(?:/(?P<revision>[^/]+))?.*)?"
)


@dataclass
class Seen:
    """A request that came.

    Attributes:
        path: with its query. headers: names in lower case. body: of a POST.
        file: "publisher/repo/path" when the bytes of a file are the answer, else "".
        start: where the asked range starts, in bytes; 0 without one.
        sent: bytes of the body that were really written.
    """

    method: str
    path: str
    headers: dict[str, str]
    body: bytes = b""
    file: str = ""
    start: int = 0
    sent: int = 0


@dataclass(frozen=True)
class Fault:
    """How to misbehave in one answer; all but `status`, `headers` and `redirect` are for the bytes of files.

    Attributes:
        status: this answer instead, with `headers` (which else are added) and an empty body.
        redirect: send the client there instead.
        cut: body bytes after which the line is closed; `reset` does it the hard way (RST),
            `stall` stays silent for so many seconds before.
        ignore_range: everything from the start, with 200.
        claim: the Content-Length to tell, -1 for none at all. `extra`: bytes sent after the content.
        etag, content: others than the file's. flip: offset in the file of a byte that arrives wrong.
        rate: bytes a second. chunk: bytes written at once.
    """

    status: int = 0
    headers: Mapping[str, str] = field(default_factory=dict)
    redirect: str = ""
    cut: int | None = None
    reset: bool = False
    stall: float = 0.0
    ignore_range: bool = False
    claim: int | None = None
    extra: bytes = b""
    etag: str = ""
    content: bytes | None = None
    flip: int | None = None
    rate: float = 0.0
    chunk: int = _BLOCK


class _File:
    """One file of a repository: its bytes (in memory or on disk), hashes and what the API says of it."""

    def __init__(self, path: str, source: bytes | Path) -> None:
        self.path, self._source = path, source
        self.size = len(source) if isinstance(source, bytes) else source.stat().st_size
        sha256, blob = hashlib.sha256(), hashlib.sha1(b"blob %d\0" % self.size)
        for block in self.read(0):
            sha256.update(block)
            blob.update(block)
        self.sha256, self.blob_id = sha256.hexdigest(), blob.hexdigest()
        self.lfs = not path.endswith(_TEXT)
        # The real store's ETag of a large file is not its SHA-256 either.
        self.etag = f'"{self.sha256[::-1] if self.lfs else self.blob_id}"'

    def read(self, start: int, chunk: int = _BLOCK) -> Iterator[bytes | memoryview]:
        if isinstance(self._source, bytes):
            view = memoryview(self._source)
            yield from (view[at : at + chunk] for at in range(start, self.size, chunk))
            return
        with self._source.open("rb") as stream:
            stream.seek(start)
            while block := stream.read(chunk):
                yield block

    def in_tree(self) -> dict[str, Any]:
        lfs = {
            "lfs": {"oid": self.sha256, "size": self.size, "pointerSize": 134},
            "xetHash": self.sha256[::-1],
        }
        return {"type": "file", "oid": self.blob_id, "size": self.size, "path": self.path} | (
            lfs if self.lfs else {}
        )

    def as_sibling(self, blobs: bool) -> dict[str, Any]:
        told: dict[str, Any] = {"rfilename": self.path}
        if blobs:
            told |= {"size": self.size, "blobId": self.blob_id}
            if self.lfs:
                told["lfs"] = {"sha256": self.sha256, "size": self.size, "pointerSize": 134}
        return told


@dataclass
class _Repo:
    """One repository: `info` is what the API tells of it."""

    files: dict[str, _File]
    info: dict[str, Any]

    @property
    def sha(self) -> str:
        return str(self.info["sha"])

    def tree(self) -> list[dict[str, Any]]:
        folders = {
            "/".join(path.split("/")[:n]) for path in self.files for n in range(1, path.count("/") + 1)
        }
        rows = [{"type": "directory", "oid": _sha1(folder), "size": 0, "path": folder} for folder in folders]
        return sorted([*rows, *(file.in_tree() for file in self.files.values())], key=lambda row: row["path"])


class HubServer:
    """The hub; a context manager.

    Attributes:
        url, cdn: its address, and where large files come from.
        token: opens everything. stranger: a valid token that opens nothing gated.
        fault: asked for each request before it is answered.
        seen: the requests so far. page: rows in one answer of a list.
    """

    def __init__(self) -> None:
        self.token, self.stranger = "hf_aBcDeFgHiJkLmNoPqRsTuVwXyZ", "hf_zYxWvUtSrQpOnMlKjIhGfEdCbA"
        self.fault: Callable[[Seen], Fault | None] = lambda seen: None
        self.seen: list[Seen] = []
        self.page = 1000
        self.repos: dict[str, _Repo] = {}
        self.closing = threading.Event()
        self._server = _Server(self)
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.02,), name="hub")
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}"
        self.cdn = f"http://localhost:{self._server.server_address[1]}"

    def __enter__(self) -> HubServer:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.closing.set()
        self._server.shutdown()
        self._server.break_lines()
        self._server.server_close()  # waits for its threads
        self._thread.join()

    def add(
        self,
        repo: str,
        files: Mapping[str, bytes | Path],
        *,
        gated: str = "",
        private: bool = False,
        license: str = "apache-2.0",
        downloads: int = 0,
        likes: int = 0,
        last_modified: str = "2026-01-01T00:00:00.000Z",
        card: str = "",
        gguf: dict[str, Any] | None = None,
        tags: Sequence[str] = (),
        pipeline_tag: str = "text-generation",
    ) -> None:
        """Add a repository, or replace the one of this name by a new commit.

        gated: "", "auto" or "manual". gguf: total, architecture, context_length, chat_template.
        A README.md with `license` and `card` is added when `files` has none.
        """
        readme = f"---\nlicense: {license}\n---\n{card}".encode()
        kept = {path: _File(path, source) for path, source in ({"README.md": readme} | dict(files)).items()}
        is_gguf = any(path.endswith(".gguf") for path in kept)
        self.repos[repo] = _Repo(
            kept,
            {
                "_id": _sha1(repo)[:24],
                "id": repo,
                "modelId": repo,
                "author": repo.split("/")[0],
                "sha": _sha1(repo, *(file.path + file.sha256 for file in kept.values())),
                "createdAt": "2025-01-01T00:00:00.000Z",
                "lastModified": last_modified,
                "private": private,
                "gated": gated or False,
                "disabled": False,
                "downloads": downloads,
                "likes": likes,
                "trendingScore": likes,
                "tags": [*(["gguf"] if is_gguf else []), *tags, f"license:{license}", "region:us"],
                "pipeline_tag": pipeline_tag,
                "library_name": "gguf" if is_gguf else "transformers",
                "cardData": {"license": license, "tags": list(tags)},
                "usedStorage": sum(file.size for file in kept.values()),
            }
            | ({"gguf": gguf} if gguf is not None else {}),
        )

    def sha256(self, repo: str, path: str) -> str:
        """The SHA-256 of a file, as the hub tells it."""
        return self.repos[repo].files[path].sha256

    def sent(self, file: str) -> int:
        """Bytes of "publisher/repo/path" that were written in all answers together."""
        return sum(seen.sent for seen in self.seen if seen.file == file)


class _Server(ThreadingHTTPServer):
    daemon_threads = False
    request_queue_size = 128

    def __init__(self, hub: HubServer) -> None:
        self.hub = hub
        self.lines: set[socket.socket] = set()
        self.resets: set[socket.socket] = set()
        super().__init__(("127.0.0.1", 0), _Handler)

    def process_request(self, request: Any, client_address: Any) -> None:
        request.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, _SEND_BUFFER)
        self.lines.add(request)
        super().process_request(request, client_address)

    def shutdown_request(self, request: Any) -> None:
        self.lines.discard(request)
        if request in self.resets:
            self.resets.discard(request)
            request.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            request.close()
        else:
            super().shutdown_request(request)

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Clients go away as they like: that is what the tests do."""

    def break_lines(self) -> None:
        for line in list(self.lines):
            with suppress(OSError):
                line.shutdown(socket.SHUT_RDWR)


class _Refused(Exception):
    """The hub says no: status, X-Error-Code and X-Error-Message."""

    def __init__(self, status: int, code: str, message: str) -> None:
        super().__init__(message)
        self.status, self.code, self.message = status, code, message


class _Handler(BaseHTTPRequestHandler):
    server: _Server
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True

    def do_GET(self) -> None:
        self.hub = self.server.hub
        url = urlsplit(self.path)
        self.query = parse_qs(url.query)
        self.seen = Seen(self.command, self.path, {k.lower(): v for k, v in self.headers.items()})
        self.seen.body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        serve = self._route(unquote(url.path))
        self.hub.seen.append(self.seen)
        fault = self.hub.fault(self.seen) or Fault()
        if fault.status or fault.redirect:
            headers = {"Location": fault.redirect} if fault.redirect else {}
            self._answer(fault.status or 302, headers | dict(fault.headers))
            return
        try:
            serve(fault)
        except _Refused as no:
            headers = {"X-Error-Message": no.message} | ({"X-Error-Code": no.code} if no.code else {})
            self._json({"error": no.message}, status=no.status, headers=headers)

    do_HEAD = do_POST = do_GET

    def log_message(self, format: str, *args: Any) -> None:
        pass

    def _route(self, path: str) -> Callable[[Fault], None]:
        """What answers this request."""
        raw = urlsplit(self.path).path  # parts are told apart before they are unquoted
        if path == "/api/whoami-v2":
            return self._whoami
        if path in ("/api/models", "/api/models/"):
            return self._search
        if (api := _API.fullmatch(raw)) is not None:
            name, verb, revision = api["repo"], api["verb"] or "", unquote(api["revision"] or "main")
            return lambda fault: self._about(name, verb, revision)
        if (found := _CDN.fullmatch(raw) or _RESOLVE.fullmatch(raw)) is not None:
            return self._file(
                found["repo"], unquote(found["file"]), unquote(found.groupdict().get("revision", ""))
            )
        return self._nothing

    def _nothing(self, fault: Fault) -> None:
        raise _Refused(404, "", "Sorry, we can't find the page you are looking for.")

    def _file(self, name: str, path: str, revision: str) -> Callable[[Fault], None]:
        repo = self.hub.repos.get(name)
        file = repo.files.get(path) if repo else None
        if file is not None and not (file.lfs and revision):
            self.seen.file = f"{name}/{path}"
            if asked := re.fullmatch(r"bytes=(\d+)-\d*", self.headers.get("Range", "")):
                self.seen.start = int(asked[1])
        if file is not None and not revision:
            return lambda fault: self._bytes(file, fault, {})
        return lambda fault: self._resolve(name, revision, path, fault)

    # ------------------------------------------------------------ who may see what

    @property
    def _bearer(self) -> str:
        kind, _, token = self.headers.get("Authorization", "").partition(" ")
        if not token:
            return ""
        if kind.lower() != "bearer" or token not in (self.hub.token, self.hub.stranger):
            raise _Refused(401, "", "Invalid credentials in Authorization header")
        return token

    def _repo(self, name: str, revision: str = "main", *, content: bool = False) -> _Repo:
        repo, bearer = self.hub.repos.get(name), self._bearer
        if repo is None or (repo.info["private"] and bearer != self.hub.token):
            if not bearer:
                raise _Refused(401, "", "Invalid username or password.")
            raise _Refused(404, "RepoNotFound", "Repository not found")
        if content and repo.info["gated"] and bearer != self.hub.token:
            if not bearer:
                raise _Refused(
                    401,
                    "GatedRepo",
                    f"Access to model {name} is restricted. You must have access to it and be authenticated "
                    "to access it. Please log in.",
                )
            raise _Refused(
                403,
                "GatedRepo",
                f"Access to model {name} is restricted and you are not in the authorized list. "
                f"Visit {self.hub.url}/{name} to ask for access.",
            )
        if revision not in ("main", "refs/heads/main", repo.sha):
            raise _Refused(404, "RevisionNotFound", f"Invalid rev id: {revision}")
        return repo

    def _whoami(self, fault: Fault) -> None:
        if not self._bearer:
            raise _Refused(401, "", "Invalid username or password.")
        name = "tester" if self._bearer == self.hub.token else "stranger"
        token = {"displayName": "test", "role": "read", "createdAt": "2026-01-01T00:00:00.000Z"}
        about = {"type": "user", "id": _sha1(name)[:24], "name": name, "fullname": name.title(), "orgs": []}
        self._json(about | {"isPro": False, "auth": {"type": "access_token", "accessToken": token}})

    # ------------------------------------------------------------ lists and pages

    def _search(self, fault: Fault) -> None:
        found = [repo for repo in self.hub.repos.values() if self._wanted(repo.info)]
        sort = self._one("sort", "trendingScore")
        found.sort(key=lambda repo: repo.info.get(sort, 0), reverse=self._one("direction", "-1") != "1")
        usual = {
            "_id",
            "id",
            "modelId",
            "likes",
            "private",
            "downloads",
            "tags",
            "pipeline_tag",
            "library_name",
        }
        usual |= {"createdAt", "trendingScore", "gated"}
        if "full" in self.query:
            usual |= {"author", "sha", "lastModified", "siblings", "disabled"}
        self._paged([self._told(repo, usual) for repo in found], int(self._one("limit", "1000")))

    def _wanted(self, info: dict[str, Any]) -> bool:
        if info["private"] and self._bearer != self.hub.token:
            return False
        words = self._one("search").lower().split()
        if not all(word in info["id"].lower() for word in words):
            return False
        if not set(self.query.get("filter", [])) <= set(info["tags"]):
            return False
        if (author := self._one("author")) and author != info["author"]:
            return False
        if (gated := self._one("gated")) and (gated == "true") != bool(info["gated"]):
            return False
        if (task := self._one("pipeline_tag")) and task != info["pipeline_tag"]:
            return False
        limits = dict(limit.split(":") for limit in self._one("num_parameters").split(",") if limit)
        total = float(info.get("gguf", {}).get("total", 0))
        return _number(limits.get("min", "0")) <= total <= _number(limits.get("max", "1e30"))

    def _about(self, name: str, verb: str, revision: str) -> None:
        repo = self._repo(name, revision, content=verb == "auth-check")
        if verb == "tree":
            rows = repo.tree()
            if self._one("recursive").lower() != "true":
                rows = [row for row in rows if "/" not in row["path"]]
            self._paged(rows, self.hub.page)
        elif verb == "paths-info":
            wanted = parse_qs(self.seen.body.decode()).get("paths", [])
            self._json([row for row in repo.tree() if row["path"] in wanted])
        elif verb == "auth-check":
            self._json({})
        else:
            self._json(self._told(repo, {*repo.info, "siblings"}))

    def _told(self, repo: _Repo, usual: set[str]) -> dict[str, Any]:
        """What is told of a repository: the usual fields, or those that were asked for with `expand`."""
        fields = {"_id", "id", *self.query["expand"]} if "expand" in self.query else usual
        told = {name: value for name, value in repo.info.items() if name in fields}
        if "siblings" in fields:
            blobs = self._one("blobs").lower() == "true"
            told["siblings"] = [file.as_sibling(blobs) for file in repo.files.values()]
        return told

    def _paged(self, rows: list[dict[str, Any]], most: int) -> None:
        start, size = int(self._one("cursor", "0")), max(1, min(most, self.hub.page))
        headers = {}
        if start + size < len(rows):
            query = urlencode(self.query | {"cursor": [str(start + size)]}, doseq=True)
            headers["Link"] = f'<{self.hub.url}{urlsplit(self.path).path}?{query}>; rel="next"'
        self._json(rows[start : start + size], headers=headers)

    def _one(self, name: str, default: str = "") -> str:
        return self.query.get(name, [default])[0]

    # ------------------------------------------------------------ files

    def _resolve(self, name: str, revision: str, path: str, fault: Fault) -> None:
        repo = self._repo(name, revision, content=True)
        if (file := repo.files.get(path)) is None:
            raise _Refused(404, "EntryNotFound", "Entry not found")
        headers = {"X-Repo-Commit": repo.sha, "Accept-Ranges": "bytes"}
        if not file.lfs:
            self._bytes(file, fault, headers)
            return
        headers |= {
            "X-Linked-Size": str(file.size),
            "X-Linked-ETag": f'"{file.sha256}"',
            "ETag": f'"{file.sha256}"',
        }
        headers["Location"] = f"{self.hub.cdn}/cdn/{name}/{quote(path)}?Expires=1&Signature=abc"
        self._answer(302, headers | dict(fault.headers))

    def _bytes(self, file: _File, fault: Fault, headers: dict[str, str]) -> None:
        """Answer with a file or the range of it that was asked for, as well as the fault allows."""
        if fault.content is not None:
            file = _File(file.path, fault.content)
        etag = fault.etag or file.etag
        headers = headers | {
            "ETag": etag,
            "Accept-Ranges": "bytes",
            "Content-Type": "application/octet-stream",
        }
        start, end, status = 0, file.size, 200
        asked = re.fullmatch(r"bytes=(\d+)-(\d*)", self.headers.get("Range", ""))
        if asked and not fault.ignore_range and self.headers.get("If-Range", etag) == etag:
            start, end, status = (
                int(asked[1]),
                min(file.size, int(asked[2] or file.size) + bool(asked[2])),
                206,
            )
            if start >= end:
                self._answer(416, {"Content-Range": f"bytes */{file.size}"})
                return
            headers["Content-Range"] = f"bytes {start}-{end - 1}/{file.size}"
        claim = end - start if fault.claim is None else fault.claim
        self._head(
            status, headers | ({"Content-Length": str(claim)} if claim >= 0 else {}) | dict(fault.headers)
        )
        if self.command == "HEAD":
            return
        self.close_connection |= claim != end - start or bool(fault.extra)
        self._pour(_cut(file.read(start, fault.chunk), end - start), fault, start)

    def _pour(self, blocks: Iterator[bytes | memoryview], fault: Fault, at: int) -> None:
        left = fault.cut if fault.cut is not None else 1 << 62
        for block in [*blocks, fault.extra] if fault.extra else blocks:
            if fault.flip is not None and at <= fault.flip < at + len(block):
                flipped = bytearray(block)
                flipped[fault.flip - at] ^= 0x10
                block = bytes(flipped)
            part = block[:left]
            self.wfile.write(part)
            self.seen.sent += len(part)
            at, left = at + len(part), left - len(part)
            if left <= 0:
                self._break_line(fault)
                return
            if fault.rate and self.hub.closing.wait(len(part) / fault.rate):
                return
        if fault.cut is not None and fault.stall:
            self._break_line(fault)

    def _break_line(self, fault: Fault) -> None:
        self.hub.closing.wait(fault.stall)
        self.close_connection = True
        if fault.reset:
            self.server.resets.add(self.connection)

    # ------------------------------------------------------------ answers

    def _json(self, value: object, *, status: int = 200, headers: Mapping[str, str] | None = None) -> None:
        body = json.dumps(value).encode()
        kind = {"Content-Type": "application/json; charset=utf-8", "Content-Length": str(len(body))}
        self._head(status, kind | dict(headers or {}))
        if self.command != "HEAD":
            self.wfile.write(body)
            self.seen.sent = len(body)

    def _answer(self, status: int, headers: Mapping[str, str]) -> None:
        self._head(status, {"Content-Length": "0"} | dict(headers))

    def _head(self, status: int, headers: Mapping[str, str]) -> None:
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        if "Content-Length" not in headers:
            self.send_header("Connection", "close")
        self.end_headers()


def _cut(blocks: Iterator[bytes | memoryview], size: int) -> Iterator[bytes | memoryview]:
    """The blocks up to `size` bytes."""
    for block in blocks:
        if size <= 0:
            return
        yield block[:size]
        size -= len(block)


def _sha1(*parts: str) -> str:
    return hashlib.sha1("\0".join(parts).encode()).hexdigest()


def _number(text: str) -> float:
    """A number of parameters, such as "6B" or "500M"."""
    units = {"K": 1e3, "M": 1e6, "B": 1e9, "T": 1e12}
    return float(text.rstrip("KMBTkmbt") or 0) * units.get(text[-1:].upper(), 1)
