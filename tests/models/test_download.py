"""Downloads of one file, against a real server that misbehaves."""

from __future__ import annotations

import errno
import hashlib
import itertools
import os
import random
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from email.utils import formatdate
from pathlib import Path

import pytest
from benchmarks.downloads import QUICK, Cutter, drain
from hub_server import Fault, HubServer, Seen

from models import download
from models.download import (
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
from models.network import Network, NetworkOptions, Offline

REPO, NAME = "acme/Tiny-GGUF", "tiny-Q4_K_M.gguf"
DATA = random.Random(1).randbytes(700_000)
FILE = f"{REPO}/{NAME}"


class Case:
    """One file on a hub, and where it goes."""

    def __init__(self, hub: HubServer, folder: Path) -> None:
        self.hub, self.folder, self.token = hub, folder, ""
        self.options = NetworkOptions(endpoint=hub.url)
        self.network = Network(lambda: self.options, lambda: self.token)
        hub.add(REPO, {NAME: DATA})
        self.file = RemoteFile(REPO, "main", NAME, len(DATA), hashlib.sha256(DATA).hexdigest())
        self.target = target_path(folder, REPO, NAME)

    def fetch(self, retries: Retries = QUICK, line: Line | None = None) -> list[Progress]:
        """Fetch to the end; returns what was told meanwhile."""
        told = []
        steps = fetch(self.network, self.file, self.target, reason="test", retries=retries, line=line)
        for progress in steps:
            assert not self.target.exists() or progress.state == "checking"
            told.append(progress)
        return told

    def refused(self, retries: Retries = QUICK) -> UserError:
        """Fetch and return the error in which it ended."""
        with pytest.raises(UserError) as caught:
            self.fetch(retries)
        assert caught.value.hint_text
        return caught.value

    def fault(self, *faults: Fault | None, then: Fault | None = None) -> None:
        """What the answers with the file's bytes are like, in turn."""
        upcoming = itertools.chain(faults, itertools.repeat(then))
        self.hub.fault = lambda seen: next(upcoming) if seen.file else None

    def is_there(self) -> bool:
        """Whether the file is there, right and with nothing beside it."""
        return self.target.read_bytes() == DATA and self.beside() == {NAME}

    def beside(self) -> set[str]:
        return {path.name for path in self.target.parent.iterdir()}

    def half(self) -> None:
        """Leave half of the file as its part."""
        self.fault(Fault(cut=len(DATA) // 2), then=Fault(status=503))
        self.refused(Retries(most=1))
        assert kept_bytes(self.target) == len(DATA) // 2
        self.hub.fault = lambda seen: None
        self.hub.seen.clear()


@pytest.fixture
def case(tmp_path: Path) -> Iterator[Case]:
    with HubServer() as hub:
        yield Case(hub, tmp_path)


# ---------------------------------------------------------------- the promise


@pytest.mark.parametrize("seed", range(6))
def test_downloads_cut_at_random_bytes_finish(tmp_path: Path, seed: int) -> None:
    with HubServer() as hub:
        cutter = Cutter(hub, tmp_path, seed=seed, size=1_500_000)
        done = [cutter.cut_line() for _ in range(30)]
    assert sum(cut.cuts for cut in done) >= 30


@pytest.mark.parametrize("seed", range(4))
def test_downloads_killed_at_random_bytes_go_on(tmp_path: Path, seed: int) -> None:
    with HubServer() as hub:
        cutter = Cutter(hub, tmp_path, seed=seed, size=1_500_000)
        assert sum(cutter.kill().kills for _ in range(5)) == 5


def test_corrupted_downloads_never_have_their_name(tmp_path: Path) -> None:
    with HubServer() as hub:
        cutter = Cutter(hub, tmp_path, seed=7, size=300_000)
        for _ in range(50):
            cutter.corrupt()


# ---------------------------------------------------------------- a good line


def test_a_file_comes_whole_and_says_how_far_it_is(case: Case) -> None:
    case.hub.fault = lambda seen: Fault(rate=2e6, chunk=20_000) if seen.file else None
    told = case.fetch()
    assert case.is_there()
    assert {progress.state for progress in told} == {"connecting", "downloading"}
    assert [p.done for p in told] == sorted(p.done for p in told)
    assert all(p.total == len(DATA) for p in told)
    assert [(c.host, c.reason) for c in case.network.connections()] == [
        ("127.0.0.1", "test"),
        ("localhost", "test"),
    ]


def test_a_file_that_is_there_is_checked_and_not_fetched(case: Case) -> None:
    case.fetch()
    case.hub.seen.clear()
    assert {progress.state for progress in case.fetch()} == {"checking"}
    assert not case.hub.seen


def test_another_file_of_that_name_is_never_replaced(case: Case) -> None:
    case.target.parent.mkdir(parents=True)
    for content in (b"mine", DATA[:-1] + b"x"):
        case.target.write_bytes(content)
        assert case.refused().code == "exists"
        assert case.target.read_bytes() == content


def test_a_file_that_appears_meanwhile_is_not_replaced(case: Case) -> None:
    steps = fetch(case.network, case.file, case.target, reason="test")
    next(steps)
    case.target.write_bytes(b"mine")
    with pytest.raises(UserError) as caught:
        drain(steps)
    assert caught.value.code == "exists"
    assert case.target.read_bytes() == b"mine"


def test_an_empty_file_needs_no_connection(case: Case) -> None:
    case.file = RemoteFile(REPO, "main", NAME, 0, hashlib.sha256(b"").hexdigest())
    case.fetch()
    assert case.target.read_bytes() == b""
    assert not case.hub.seen


def test_names_with_spaces_and_other_scripts_are_asked_for_as_they_are(case: Case) -> None:
    for name in ("a b#c%20?.gguf", "模型 Q4.gguf", "Größe/é+&.gguf"):
        case.hub.add(REPO, {name: DATA})
        target = case.folder / "x.gguf"
        drain(fetch(case.network, RemoteFile(REPO, "main", name, len(DATA)), target, reason="test"))
        assert target.read_bytes() == DATA
        target.unlink()


def test_offline_nothing_is_asked_for(case: Case) -> None:
    case.options = NetworkOptions(endpoint=case.hub.url, offline=True)
    with pytest.raises(Offline):
        case.fetch()
    assert not case.hub.seen


def test_the_token_goes_to_the_hub_alone(case: Case) -> None:
    case.token = case.hub.token
    case.hub.add(REPO, {NAME: DATA}, gated="manual")
    case.fetch()
    first, second = case.hub.seen
    assert first.headers["authorization"] == f"Bearer {case.hub.token}"
    assert "authorization" not in second.headers
    assert second.path.startswith("/cdn/")


# ---------------------------------------------------------------- going on


def test_it_goes_on_where_it_stopped(case: Case) -> None:
    case.half()
    told = case.fetch()
    assert case.is_there()
    assert told[0].state == "checking"
    assert case.hub.sent(FILE) == len(DATA) - len(DATA) // 2
    assert [seen.start for seen in case.hub.seen if seen.file] == [len(DATA) // 2]
    assert case.hub.seen[-1].headers["if-range"]


def test_the_same_bytes_under_another_revision_go_on(case: Case) -> None:
    case.half()
    case.file = RemoteFile(REPO, case.hub.repos[REPO].sha, NAME, len(DATA), case.file.sha256)
    case.fetch()
    assert case.hub.sent(FILE) == len(DATA) - len(DATA) // 2


def test_a_part_of_another_file_is_not_taken(case: Case) -> None:
    case.half()
    other = random.Random(2).randbytes(len(DATA))
    case.hub.add(REPO, {NAME: other})
    case.file = RemoteFile(REPO, "main", NAME, len(DATA), hashlib.sha256(other).hexdigest())
    case.fetch()
    assert case.target.read_bytes() == other
    assert case.hub.sent(FILE) == len(DATA)


@pytest.mark.parametrize("slip", [b"", b"{", b'{"repo": 1}', b"null", None])
def test_a_part_whose_slip_is_damaged_is_begun_again(case: Case, slip: bytes | None) -> None:
    case.half()
    path = case.target.with_name(NAME + ".part.json")
    path.unlink() if slip is None else path.write_bytes(slip)
    case.fetch()
    assert case.is_there()
    assert case.hub.sent(FILE) == len(DATA)


def test_a_part_that_was_spoiled_on_the_disk_costs_one_fresh_download(case: Case) -> None:
    case.half()
    part = case.target.with_name(NAME + ".part")
    part.write_bytes(b"\0" * (len(DATA) // 2))
    case.fetch()
    assert case.is_there()
    assert case.hub.sent(FILE) == len(DATA) // 2 + len(DATA)


def test_a_part_that_is_too_long_is_begun_again(case: Case) -> None:
    case.half()
    case.target.with_name(NAME + ".part").write_bytes(DATA + b"more")
    case.fetch()
    assert case.is_there()


def test_a_crash_before_the_rename_needs_no_connection(case: Case) -> None:
    case.half()
    case.target.with_name(NAME + ".part").write_bytes(DATA)
    case.fetch()
    assert case.is_there()
    assert not case.hub.seen


def test_a_crash_after_the_rename_leaves_nothing(case: Case) -> None:
    case.half()
    case.target.write_bytes(DATA)
    case.fetch()
    assert case.is_there()


def test_closing_the_generator_keeps_the_part(case: Case) -> None:
    case.fault(then=Fault(rate=1e6, chunk=20_000))
    steps = fetch(case.network, case.file, case.target, reason="test")
    while next(steps).done < 100_000:
        pass
    steps.close()
    kept = kept_bytes(case.target)
    assert kept >= 100_000
    case.hub.fault = lambda seen: None
    case.hub.seen.clear()
    case.fetch()
    assert case.is_there()
    assert case.hub.sent(FILE) == len(DATA) - kept


def test_discarding_leaves_nothing(case: Case) -> None:
    case.half()
    discard(case.target)
    assert not case.beside()
    discard(case.folder / "not" / "there")


# ---------------------------------------------------------------- stopping


@pytest.mark.parametrize("moment", ["headers", "body", "waiting"])
def test_cutting_the_line_ends_every_wait(case: Case, moment: str) -> None:
    """A hub that says nothing more is waited for no longer; the hub itself would take a minute."""
    line = Line()
    if moment == "headers":
        case.hub.fault = lambda seen: case.hub.closing.wait(60) and None
    elif moment == "body":
        case.fault(then=Fault(cut=100_000, stall=60))
    else:
        case.fault(then=Fault(status=503, headers={"Retry-After": "60"}))
    cutter = threading.Thread(target=lambda: (time.sleep(0.3), line.cut()))
    cutter.start()
    began = time.monotonic()
    with pytest.raises(Stopped):
        case.fetch(line=line)
    assert time.monotonic() - began < 20
    cutter.join()
    assert not case.target.exists()
    assert kept_bytes(case.target) == (100_000 if moment == "body" else 0)


def test_a_line_that_is_cut_already_asks_for_nothing(case: Case) -> None:
    line = Line()
    line.cut()
    with pytest.raises(Stopped):
        case.fetch(line=line)
    assert not case.hub.seen


# ---------------------------------------------------------------- bad lines and bad servers


@pytest.mark.parametrize(
    "fault",
    [
        Fault(status=500),
        Fault(status=502),
        Fault(status=503),
        Fault(status=429),
        Fault(status=408),
        Fault(status=403),  # a signed address that has run out
        Fault(cut=0),
        Fault(cut=0, reset=True),
        Fault(cut=300_000),
        Fault(cut=300_000, reset=True),
        Fault(claim=300_000),
        Fault(claim=900_000),
        Fault(claim=900_000, extra=b"x" * 200_000),
        Fault(claim=-1),
        Fault(claim=-1, extra=b"x" * 200_000),
        Fault(cut=300_000, claim=-1),
        Fault(ignore_range=True),
        Fault(cut=300_000, flip=5),
        Fault(content=b"<html>Sign in</html>", headers={"Content-Type": "text/html"}),
        Fault(content=b"short"),
        Fault(rate=5e6, chunk=1000),
    ],
    ids=str,
)
def test_what_goes_wrong_once_does_no_harm(case: Case, fault: Fault) -> None:
    case.fault(fault)
    case.fetch()
    assert case.is_there()


def test_a_server_that_ignores_ranges_costs_no_more_than_it_must(case: Case) -> None:
    case.half()
    case.fault(
        then=Fault(ignore_range=True, cut=len(DATA) * 3 // 4),
    )
    case.refused(Retries(most=3, first_s=0.001))
    assert kept_bytes(case.target) == len(DATA) * 3 // 4
    case.fault(then=Fault(ignore_range=True))
    case.fetch()
    assert case.is_there()


def test_other_content_midway_is_begun_again(case: Case) -> None:
    other = random.Random(3).randbytes(len(DATA))
    case.fault(Fault(content=other, cut=300_000, etag='"other"'))
    case.fetch()
    assert case.is_there()
    assert [seen.start for seen in case.hub.seen if seen.file] == [0, 300_000]
    assert case.hub.sent(FILE) == 300_000 + len(DATA)


def test_a_range_of_other_content_is_not_appended(case: Case) -> None:
    """A server that sends a range although the ETag is another one."""
    case.half()
    case.fault(Fault(headers={"ETag": '"other"'}))
    case.fetch()
    assert case.is_there()


def test_content_that_never_stays_the_same_ends(case: Case) -> None:
    count = itertools.count()
    case.hub.fault = lambda seen: Fault(cut=200_000, etag=f'"{next(count)}"') if seen.file else None
    assert case.refused().code == "changed"
    assert next(count) < 10


def test_a_range_that_was_not_asked_for_is_not_taken(case: Case) -> None:
    case.half()
    wrong = f"bytes 5-{len(DATA) - 1}/{len(DATA)}"
    case.fault(then=Fault(headers={"Content-Range": wrong}))
    assert case.refused(Retries(most=2, first_s=0.001)).code == "bad_answer"
    case.fault()
    case.fetch()
    assert case.is_there()


def test_a_file_that_was_replaced_on_the_hub_is_told_before_it_is_fetched(case: Case) -> None:
    case.hub.add(REPO, {NAME: random.Random(4).randbytes(len(DATA))})
    assert case.refused().code == "changed"
    case.hub.add(REPO, {NAME: DATA + b"more"})
    assert case.refused().code == "changed"
    assert sum(seen.sent for seen in case.hub.seen) < len(DATA)


def test_too_much_is_not_read_to_its_end(case: Case) -> None:
    case.fault(then=Fault(claim=-1, extra=bytes(50_000_000)))
    case.fetch()
    assert case.is_there()
    assert case.hub.sent(FILE) < 20_000_000


def test_a_server_that_sends_a_trickle_and_hangs_up_is_given_up(case: Case) -> None:
    case.fault(then=Fault(cut=100))
    assert case.refused().code == "broken_line"
    assert len([seen for seen in case.hub.seen if seen.file]) == QUICK.most


def test_a_line_that_breaks_often_but_brings_something_is_not_given_up(case: Case) -> None:
    case.fault(then=Fault(cut=70_000))
    case.fetch(Retries(most=2, first_s=0.001))
    assert case.is_there()


def test_redirects_elsewhere(case: Case) -> None:
    case.hub.fault = lambda seen: Fault(redirect="/loop") if seen.method == "GET" else None
    assert case.refused().code == "bad_redirect"
    case.hub.fault = lambda seen: Fault(redirect="ftp://127.0.0.1/x")
    assert case.refused().code == "bad_redirect"
    with HubServer() as other:
        other.add("evil/Other", {"x.gguf": bytes(len(DATA))})
        case.hub.fault = lambda seen: Fault(redirect=f"{other.cdn}/cdn/evil/Other/x.gguf")
        assert case.refused().code == "corrupt"
        assert "authorization" not in other.seen[0].headers
    assert not case.beside()


def test_nobody_at_the_address(case: Case) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        case.options = NetworkOptions(endpoint=f"http://127.0.0.1:{free.getsockname()[1]}")
        assert case.refused(Retries(most=2, first_s=0.001)).code == "no_network"


def test_a_silent_hub_is_a_broken_line(case: Case, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("models.network.READ_S", 0.2)
    case.fault(Fault(cut=100_000, stall=30))
    told = case.fetch()
    assert case.is_there()
    assert [p.problem.code for p in told if p.problem] == ["timeout"]


@pytest.mark.parametrize("status", [500, 502, 503, 504])
def test_a_hub_in_trouble_is_given_up_in_the_end(case: Case, status: int) -> None:
    case.hub.fault = lambda seen: Fault(status=status)
    error = case.refused()
    assert error.code == "hub_down"
    assert str(status) in error.text
    assert len(case.hub.seen) == QUICK.most


def test_the_waits_grow_and_say_why(case: Case) -> None:
    case.hub.fault = lambda seen: Fault(status=500)
    steps = fetch(case.network, case.file, case.target, reason="test", retries=Retries(5, 0.02, 0.1))
    told: list[Progress] = []
    with pytest.raises(UserError):
        told.extend(steps)
    pairs = itertools.pairwise(told)
    waits = [now.wait_s for before, now in pairs if now.state == "waiting" != before.state]
    assert all(now.problem for now in told if now.state == "waiting")
    for wait_s, most in zip(waits, (0.02, 0.04, 0.08, 0.1), strict=True):
        assert wait_s <= most
    assert waits[3] > waits[0]


@pytest.mark.parametrize(
    ("headers", "least", "most"),
    [
        ({"Retry-After": "7"}, 6.5, 7),
        ({"Retry-After": formatdate(time.time() + 3600, usegmt=True)}, 299, 300),
        ({"Retry-After": "99999999"}, 299, 300),
        ({"RateLimit": '"resolvers";r=0;t=42'}, 41, 42),
        ({"RateLimit": '"resolvers";r=7;t=42'}, 0, 1),
        ({"Retry-After": "soon"}, 0, 1),
        ({"Retry-After": "-5"}, 0, 1),
        ({"Retry-After": formatdate(0, usegmt=True)}, 0, 1),
    ],
)
def test_the_hub_may_ask_for_time(case: Case, headers: dict[str, str], least: float, most: float) -> None:
    case.hub.fault = lambda seen: Fault(status=429, headers=headers)
    steps = fetch(case.network, case.file, case.target, reason="test", retries=Retries(first_s=0.2))
    waiting = next(progress for progress in steps if progress.state == "waiting")
    steps.close()
    assert waiting.problem is not None
    assert waiting.problem.code == "rate_limited"
    assert least <= waiting.wait_s <= most


def test_the_hub_is_left_alone_while_it_asks_for_time(case: Case) -> None:
    asked: list[float] = []

    def fault(seen: Seen) -> Fault | None:
        if seen.file:
            return None
        asked.append(time.monotonic())
        return Fault(status=429, headers={"Retry-After": "1"}) if len(asked) == 1 else None

    case.hub.fault = fault
    case.fetch()
    assert case.is_there()
    assert asked[1] - asked[0] >= 1


# ---------------------------------------------------------------- refusals


def test_gated_and_private_models_say_what_is_needed(case: Case) -> None:
    case.hub.add(REPO, {NAME: DATA}, gated="manual")
    error = case.refused()
    assert error.code == "needs_token"
    assert f"{case.hub.url}/{REPO}" in error.hint_text
    case.token = case.hub.stranger
    assert case.refused().code == "gated"
    case.token = "hf_wrong"
    assert case.refused().code == "bad_token"
    case.hub.add(REPO, {NAME: DATA}, private=True)
    case.token = ""
    assert case.refused().code == "not_found"
    case.token = case.hub.token
    case.fetch()
    assert case.is_there()
    assert all("hf_" not in str(error) for error in (case.network.connections(), error))


def test_what_is_not_there_is_not_asked_for_again(case: Case) -> None:
    for repo, revision, path in [("no/one", "main", NAME), (REPO, "v9", NAME), (REPO, "main", "no.gguf")]:
        case.hub.seen.clear()
        case.file = RemoteFile(repo, revision, path, 5, "0" * 64)
        assert case.refused().code == "not_found"
        assert len(case.hub.seen) == 1
    case.hub.fault = lambda seen: Fault(status=451)
    assert case.refused().code == "refused"


# ---------------------------------------------------------------- files without a SHA-256


def test_a_small_file_is_checked_by_its_git_id(case: Case) -> None:
    text = b'{"a": 1}' * 5000
    case.hub.add(REPO, {"config.json": text})
    case.file = RemoteFile(REPO, "main", "config.json", len(text))
    case.target = target_path(case.folder, REPO, "config.json")
    case.hub.fault = lambda seen: Fault(flip=7)
    assert case.refused().code == "corrupt"
    case.hub.fault = lambda seen: None
    case.fetch()
    assert case.target.read_bytes() == text


def test_a_large_file_whose_hash_nobody_knew_is_checked_by_what_the_hub_says(case: Case) -> None:
    case.file = RemoteFile(REPO, "main", NAME, len(DATA))
    case.fault(then=Fault(flip=7))
    assert case.refused().code == "corrupt"
    case.fault(Fault(cut=400_000))
    case.fetch()
    assert case.is_there()


def test_without_any_hash_the_size_must_be_right(case: Case) -> None:
    case.file = RemoteFile(REPO, "main", "config.json", 8)
    case.target = target_path(case.folder, REPO, "config.json")
    case.hub.add(REPO, {"config.json": b'{"a": 1}'})
    for fault in (Fault(content=b"12345678 and more"), Fault(claim=-1, extra=b"more")):
        case.hub.fault = lambda seen, fault=fault: Fault(
            content=fault.content, claim=fault.claim, extra=fault.extra, etag='"opaque"'
        )
        assert case.refused().code == "changed"
        assert not case.target.exists()
    case.hub.fault = lambda seen: Fault(etag='"opaque"')
    case.fetch()
    assert case.target.read_bytes() == b'{"a": 1}'


# ---------------------------------------------------------------- the disk


def test_too_little_room_is_told_before_anything_is_fetched(case: Case) -> None:
    case.file = RemoteFile(REPO, "main", NAME, 1 << 60, "0" * 64)
    error = case.refused()
    assert error.code == "disk_full"
    assert not case.hub.seen
    with pytest.raises(UserError):
        check_room(case.folder / "not" / "there" / "yet", 1 << 60)
    check_room(case.folder, 0)


def test_a_full_disk_keeps_what_has_come(case: Case, monkeypatch: pytest.MonkeyPatch) -> None:
    write, room = download._write, 300_000

    def nearly_full(stream: download.FileIO, data: bytes) -> None:
        fits = room - stream.tell()
        write(stream, data[:fits])
        if len(data) > fits:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(download, "_write", nearly_full)
    assert case.refused().code == "disk_full"
    assert kept_bytes(case.target) == room
    monkeypatch.undo()
    case.hub.seen.clear()
    case.fetch()
    assert case.is_there()
    assert case.hub.sent(FILE) == len(DATA) - room


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs /dev/full")
def test_every_byte_is_written_or_told() -> None:
    with download.FileIO("/dev/full", "w") as full, pytest.raises(OSError, match="space"):
        download._write(full, b"x")


@pytest.mark.skipif(sys.platform == "win32", reason="needs RLIMIT_FSIZE")
def test_a_disk_that_holds_no_such_large_files(case: Case) -> None:
    import resource

    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (250_000, hard))
    try:
        assert case.refused().code == "too_large"
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert kept_bytes(case.target) == 250_000
    case.fetch()
    assert case.is_there()


def test_a_folder_that_cannot_be_written(case: Case) -> None:
    (case.folder / "acme").write_text("a file where a folder should be")
    error = case.refused()
    assert error.code == "not_writable"


def test_a_link_in_place_of_the_part_is_not_written_through(case: Case) -> None:
    precious = case.folder / "precious"
    precious.write_bytes(b"mine")
    case.target.parent.mkdir(parents=True)
    case.target.with_name(NAME + ".part").symlink_to(precious)
    assert case.refused().code == "not_writable"
    assert precious.read_bytes() == b"mine"


def test_two_downloads_of_one_file_do_not_mix(case: Case) -> None:
    case.fault(then=Fault(rate=1e6, chunk=20_000))
    first = fetch(case.network, case.file, case.target, reason="test")
    while next(first).done < 50_000:
        pass
    assert case.refused().code == "in_use"
    with pytest.raises(UserError):
        discard(case.target)
    case.hub.fault = lambda seen: None
    drain(first)
    assert case.is_there()


def test_another_process_that_was_killed_holds_nothing(case: Case) -> None:
    hold = """
import sys, time
from pathlib import Path
from models.download import _locked
with _locked(Path(sys.argv[1])):
    print("held", flush=True)
    time.sleep(60)
"""
    case.target.parent.mkdir(parents=True)
    part = case.target.with_name(NAME + ".part")
    root = Path(download.__file__).parents[1]
    command = [sys.executable, "-c", hold, str(part)]
    with subprocess.Popen(command, cwd=root, stdout=subprocess.PIPE) as child:
        assert child.stdout is not None
        assert child.stdout.readline()
        assert case.refused().code == "in_use"
        child.kill()
    case.fetch()
    assert case.is_there()


# ---------------------------------------------------------------- names


def test_a_file_belongs_into_the_folder_of_its_repository(tmp_path: Path) -> None:
    assert target_path(tmp_path, REPO, "a/b.gguf") == tmp_path / "acme" / "Tiny-GGUF" / "a" / "b.gguf"
    for name in (
        "model-Q4_K_M-00001-of-00002.gguf",
        "模型.gguf",
        "a b.gguf",
        "CONTEXT.gguf",
        "x" * 200,
        ".x",
    ):
        assert target_path(tmp_path, REPO, name).name == name


@pytest.mark.parametrize(
    "name",
    [
        "",
        ".",
        "..",
        "../x.gguf",
        "a/../../x.gguf",
        "a/./x.gguf",
        "a//x.gguf",
        "/etc/x.gguf",
        "C:/x.gguf",
        "C:x.gguf",
        "a\\..\\x.gguf",
        "\\\\server\\x.gguf",
        "x.gguf\0.txt",
        "x\n.gguf",
        "x\x1b[2J.gguf",
        "x\x7f.gguf",
        "x\u202efugg.exe",
        "x\u200b.gguf",
        "x\u2066.gguf",
        "x\ufeff.gguf",
        "x\u00a0.gguf",
        "x\ufe0f.gguf",
        "x\u3164.gguf",
        "x\ud800.gguf",
        "x\u2028.gguf",
        "e\u0301.gguf",
        "CON",
        "con.gguf",
        "NUL.tar.gguf",
        "nul .gguf",
        "COM1.gguf",
        "LPT¹.gguf",
        "CONIN$",
        "aux/x.gguf",
        "x.gguf.",
        "x.gguf ",
        " x.gguf",
        "a./x.gguf",
        "...",
        "x?.gguf",
        "x*.gguf",
        "x|y.gguf",
        'x".gguf',
        "<x>.gguf",
        "x:stream",
        "x" * 256,
        "x" * 250,
        "模" * 90,
        "x.gguf.part",
        "x.gguf.PART.json",
        "/".join("abcdefghij"),
    ],
    ids=ascii,
)
def test_hostile_names_are_refused(tmp_path: Path, name: str) -> None:
    with pytest.raises(UserError) as caught:
        target_path(tmp_path, REPO, name)
    assert caught.value.code == "bad_name"
    assert caught.value.text.isprintable()
    if "/" not in name and len(name) < 200 and "part" not in name.lower():
        with pytest.raises(UserError):
            target_path(tmp_path, f"acme/{name}", "x.gguf")
        with pytest.raises(UserError):
            target_path(tmp_path, f"{name}/Tiny", "x.gguf")


@pytest.mark.parametrize("repo", ["", "acme", "a/b/c", "/b", "a/", "../..", "a/.."])
def test_hostile_repositories_are_refused(tmp_path: Path, repo: str) -> None:
    with pytest.raises(UserError):
        target_path(tmp_path, repo, "x.gguf")


def test_links_do_not_lead_out_of_the_folder(tmp_path: Path) -> None:
    folder, outside = tmp_path / "models", tmp_path / "outside"
    (folder / "acme").mkdir(parents=True)
    outside.mkdir()
    (folder / "acme" / "Tiny-GGUF").symlink_to(outside)
    with pytest.raises(UserError) as caught:
        target_path(folder, REPO, NAME)
    assert caught.value.code == "bad_name"
    (folder / "circle").symlink_to(folder / "circle")
    with pytest.raises(UserError):
        target_path(folder, "circle/Tiny", NAME)
    linked = tmp_path / "linked"
    linked.symlink_to(folder)  # the folder itself may be a link
    assert target_path(linked, "acme/Other", NAME)
