"""Downloads over bad lines: `uv run python tests/benchmarks/downloads.py [N] [SEED]`.

N (1000 when not given) downloads that are cut at random bytes, nine of ten by closing the line and one by
kill -9, a quarter as many corrupted ones, and the speed of one over a good line. It stops at the first broken
promise with what was found; the same code runs in `tests/models/test_download.py`.
"""

from __future__ import annotations

import hashlib
import os
import random
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Generator, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import httpx2
from hub_server import Fault, HubServer, Seen

from models.download import Progress, RemoteFile, Retries, fetch, target_path
from models.errors import UserError
from models.network import Network, NetworkOptions

ROOT = Path(__file__).resolve().parents[2]
REPO = "acme/Cut-GGUF"
SIZE = 1 << 21
TWICE = 1 << 20
"""Bytes that may be fetched twice in one download."""
RATE = 4e6
"""Bytes a second towards a process that will be killed: what is on its way then is lost."""
SPEED_SIZE = 1 << 28
QUICK = Retries(first_s=0.001, longest_s=0.005)

_CHILD = """
import sys
from pathlib import Path
from models.download import RemoteFile, fetch
from models.network import Network, NetworkOptions
url, repo, path, size, sha256, target = sys.argv[1:]
network = Network(lambda: NetworkOptions(endpoint=url))
for _ in fetch(network, RemoteFile(repo, "main", path, int(size), sha256), Path(target), reason="test"):
    pass
"""


@dataclass(frozen=True)
class Cut:
    """How one download went: how often its line broke or its process was killed, bytes that came twice."""

    cuts: int
    kills: int
    twice: int


class Cutter:
    """Downloads that are cut, each a new file from a hub of its own making; raises AssertionError."""

    def __init__(self, hub: HubServer, folder: Path, *, seed: int, size: int = SIZE) -> None:
        self.hub, self.folder, self.size = hub, folder, size
        self.rng = random.Random(seed)
        self.network = Network(lambda: NetworkOptions(endpoint=hub.url))
        self._count = 0

    def cut_line(self) -> Cut:
        """One download whose line is closed at random bytes, one to four times, every other time by RST."""
        file, target = self._file()
        left = self.rng.randint(1, 4)

        def fault(seen: Seen) -> Fault | None:
            nonlocal left
            if not seen.file or not left:
                return None
            left -= 1
            return Fault(cut=self.rng.randrange(file.size - seen.start), reset=bool(left % 2))

        self.hub.fault = fault
        drain(fetch(self.network, file, target, reason="test", retries=QUICK))
        return self._ended(file, target)

    def kill(self) -> Cut:
        """One download whose process is killed at a random byte; another one goes on."""
        file, target = self._file()
        self.hub.fault = lambda seen: Fault(rate=RATE, chunk=16 << 10) if seen.file else None
        at = self.rng.randrange(file.size * 9 // 10)
        told = [self.hub.url, file.repo, file.path, str(file.size), file.sha256, str(target)]
        with subprocess.Popen([sys.executable, "-c", _CHILD, *told], cwd=ROOT) as child:
            while self.hub.sent(f"{REPO}/{file.path}") <= at:
                assert child.poll() is None, "the download ended before it was killed"
                time.sleep(0.001)
            child.kill()
        assert not target.exists()
        self.hub.fault = lambda seen: None
        drain(fetch(self.network, file, target, reason="test", retries=QUICK))
        return self._ended(file, target, kills=1)

    def corrupt(self) -> None:
        """One download that arrives with a wrong byte, or several: nothing ever has its name."""
        file, target = self._file()
        at, cut = self.rng.randrange(file.size), self.rng.randrange(file.size)
        broken = self.rng.random() < 0.5

        def fault(seen: Seen) -> Fault | None:
            if not seen.file:
                return None
            return Fault(flip=at, cut=cut if broken and seen.start == 0 else None)

        self.hub.fault = fault
        caught: UserError | None = None
        try:
            for _ in fetch(self.network, file, target, reason="test", retries=QUICK):
                assert not target.exists()
        except UserError as error:
            caught = error
        assert caught is not None, "a corrupted file was taken for good"
        assert caught.code == "corrupt", caught
        assert not list(target.parent.iterdir()), "a corrupted download left something behind"

    def _file(self) -> tuple[RemoteFile, Path]:
        self._count += 1
        path = f"model-{self._count}.gguf"
        data = self.rng.randbytes(self.size)
        self.hub.add(REPO, {path: data})
        self.hub.seen.clear()
        file = RemoteFile(REPO, "main", path, len(data), hashlib.sha256(data).hexdigest())
        return file, target_path(self.folder, REPO, path)

    def _ended(self, file: RemoteFile, target: Path, kills: int = 0) -> Cut:
        assert hashlib.sha256(target.read_bytes()).hexdigest() == file.sha256
        answers = [seen for seen in self.hub.seen if seen.file]
        twice = sum(seen.sent for seen in answers) - file.size
        assert twice <= TWICE, f"{twice:,} bytes of {file.size:,} were fetched twice"
        target.unlink()
        assert not list(target.parent.iterdir()), "a finished download left something behind"
        return Cut(len(answers) - 1 - kills, kills, twice)


def drain(progress: Generator[Progress, None, Path]) -> Path:
    """Run a download to its end."""
    while True:
        try:
            next(progress)
        except StopIteration as end:
            return Path(end.value)


def cut_all(cutter: Cutter, count: int) -> None:
    """Cut `count` downloads and print what came twice."""
    began = time.monotonic()
    ways: list[Callable[[], Cut]] = [cutter.kill, *[cutter.cut_line] * 9]
    done = []
    for n in range(count):
        done.append(ways[n % len(ways)]())
        print(f"\r  {n + 1} of {count}", end="", flush=True)
    cuts, kills = sum(cut.cuts for cut in done), sum(cut.kills for cut in done)
    print(
        f"\r  {count} downloads of {cutter.size / 1e6:.1f} MB in {time.monotonic() - began:.0f} s:", end=" "
    )
    print(f"{cuts} lines cut, {kills} processes killed, all finished with the right hash")
    twice = [cut.twice for cut in done]
    print(f"  fetched twice: at most {max(twice):,} bytes (asked: {TWICE:,}), ", end="")
    print(f"median {statistics.median(twice):,.0f}")
    for _ in range(count // 4):
        cutter.corrupt()
    print(f"  {count // 4} corrupted downloads: none ever had its final name")


def speed(folder: Path) -> None:
    """Print how long a download takes against the same bytes over a bare client, written and not checked."""
    source = folder / "source.gguf"
    with source.open("wb") as stream:
        for _ in range(SPEED_SIZE >> 20):
            stream.write(random.randbytes(1 << 20))
    with _served(source) as url:
        network = Network(lambda: NetworkOptions(endpoint=url))
        with source.open("rb") as stream:
            sha256 = hashlib.file_digest(stream, "sha256").hexdigest()
        file = RemoteFile(REPO, "main", source.name, SPEED_SIZE, sha256)
        target = target_path(folder, REPO, source.name)
        ours, bare = [], []
        for _ in range(5):
            bare.append(_bare(url, source.name, folder / "bare.gguf"))
            began = time.perf_counter()
            drain(fetch(network, file, target, reason="test"))
            ours.append(time.perf_counter() - began)
            target.unlink()
    a, b = statistics.median(ours), statistics.median(bare)
    print(f"  {SPEED_SIZE / 1e6:.0f} MB over a good line: {SPEED_SIZE / a / 1e6:.0f} MB/s checked,", end=" ")
    print(f"{SPEED_SIZE / b / 1e6:.0f} MB/s bare: {b / a:.2f} of it")


def _bare(url: str, name: str, target: Path) -> float:
    began = time.perf_counter()
    with (
        httpx2.Client(follow_redirects=True) as client,
        client.stream("GET", f"{url}/{REPO}/resolve/main/{name}") as answer,
        target.open("wb", buffering=0) as out,
    ):
        for chunk in answer.iter_raw():
            out.write(chunk)
        os.fsync(out.fileno())
    return time.perf_counter() - began


@contextmanager
def _served(source: Path) -> Iterator[str]:
    """A hub with one file in a process of its own, so that it takes nothing of the client's time."""
    command = [sys.executable, __file__, "serve", str(source)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as child:
        assert child.stdin is not None
        assert child.stdout is not None
        yield child.stdout.readline().strip()
        child.stdin.close()


def serve(source: Path) -> None:
    """Be that hub until the standard input ends."""
    with HubServer() as hub:
        hub.add(REPO, {source.name: source})
        print(hub.url, flush=True)
        sys.stdin.read()


if __name__ == "__main__":
    if sys.argv[1:2] == ["serve"]:
        serve(Path(sys.argv[2]))
        sys.exit()
    count = int(sys.argv[1]) if len(sys.argv) > 1 else 1000
    seed = int(sys.argv[2]) if len(sys.argv) > 2 else random.randrange(1 << 20)
    print(f"downloads: seed {seed}")
    with tempfile.TemporaryDirectory(prefix="rolltop-downloads-") as place, HubServer() as hub:
        cut_all(Cutter(hub, Path(place), seed=seed), count)
        speed(Path(place))
