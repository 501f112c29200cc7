"""The queue of downloads, against a real server."""

from __future__ import annotations

import json
import random
import shutil
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from benchmarks.downloads import QUICK, ROOT
from hub_server import Fault, HubServer

from models.download import RemoteFile
from models.downloads import Downloads, Item, _Speed
from models.errors import UserError
from models.network import Network, NetworkOptions

REPO = "acme/Split-GGUF"
FILES = {f"Q4/split-{n:05}-of-00003.gguf": random.Random(n).randbytes(300_000 + n) for n in (1, 2, 3)} | {
    "mmproj-F16.gguf": random.Random(9).randbytes(200_000)
}
TOTAL = sum(map(len, FILES.values()))


class Case:
    """A hub, a queue, and a model of four files."""

    def __init__(self, hub: HubServer, place: Path) -> None:
        self.hub, self.place, self.folder = hub, place, place / "models"
        self.now = 0.0
        hub.add(REPO, FILES)
        self.network = Network(lambda: NetworkOptions(endpoint=hub.url))
        self.downloads = self.restarted()

    def restarted(self) -> Downloads:
        """The queue as the next start of the app finds it."""
        state = self.place / "state"
        return Downloads(self.folder, state, self.network, retries=QUICK, clock=lambda: self.now)

    def add(self, *names: str, title: str = "Split") -> Item:
        told = [
            RemoteFile(REPO, "main", name, len(FILES[name]), self.hub.sha256(REPO, name))
            for name in names or FILES
        ]
        return self.downloads.add(REPO, "main", told, title)

    def run(self, item: Item) -> list[Item]:
        return list(self.downloads.run(item.id))

    def status(self, item: Item) -> str:
        return self.downloads.get(item.id).status

    def here(self) -> set[str]:
        """All files in the folder of models."""
        return {path.name for path in self.folder.rglob("*") if path.is_file()}

    def slow(self) -> None:
        self.hub.fault = lambda seen: Fault(rate=1e6, chunk=10_000) if seen.file else None

    def quick(self) -> None:
        self.hub.fault = lambda seen: None
        self.hub.seen.clear()

    def on_thread(self, item: Item, until: int = 50_000) -> Background:
        """Run it on a thread, as the window does; returns when some bytes have come."""
        self.slow()
        running = Background(lambda: self.run(item))
        wait_until(lambda: self.downloads.get(item.id).done >= until)
        return running


class Background:
    """Something that runs on a thread."""

    def __init__(self, work: Callable[[], list[Item]]) -> None:
        self._work = work
        self.result: list[Item] = []
        self._thread = threading.Thread(target=self._run)
        self._thread.start()

    def _run(self) -> None:
        self.result = self._work()

    def join(self) -> list[Item]:
        self._thread.join(30)
        assert not self._thread.is_alive()
        return self.result


def wait_until(true: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 30
    while not true():
        assert time.monotonic() < deadline
        time.sleep(0.005)


@pytest.fixture
def case(tmp_path: Path) -> Iterator[Case]:
    with HubServer() as hub:
        yield Case(hub, tmp_path)


def test_shards_and_their_projector_come_together(case: Case) -> None:
    item = case.add()
    assert (item.status, item.done, item.total, item.title) == ("waiting", 0, TOTAL, "Split")
    told = case.run(item)
    assert {step.status for step in told} == {"running", "done"}
    assert (told[-1].status, told[-1].done, told[-1].error) == ("done", TOTAL, None)
    assert [step.done for step in told] == sorted(step.done for step in told)
    for name, data in FILES.items():
        assert (case.folder / REPO / name).read_bytes() == data
    assert len(case.here()) == len(FILES)
    assert case.downloads.target(item) == case.folder / REPO / "Q4" / "split-00001-of-00003.gguf"
    assert case.network.connections()[0].reason == "Downloading a model"


def test_the_same_files_twice_are_one_item(case: Case) -> None:
    assert case.add().id == case.add().id
    assert case.add("mmproj-F16.gguf").id != case.add().id
    assert len(case.downloads.items()) == 2


def test_a_done_one_that_is_added_again_fetches_what_is_missing(case: Case) -> None:
    item = case.add()
    case.run(item)
    (case.folder / REPO / "mmproj-F16.gguf").unlink()
    case.hub.seen.clear()
    assert case.add().status == "waiting"
    assert case.run(item)[-1].status == "done"
    assert sum(seen.sent for seen in case.hub.seen) == len(FILES["mmproj-F16.gguf"])


def test_so_many_at_once(case: Case) -> None:
    items = [case.add(name) for name in FILES]
    started = [case.downloads.next() for _ in range(3)]
    assert [item and item.id for item in started] == [items[0].id, items[1].id, None]
    case.run(items[0])
    third = case.downloads.next()
    assert third is not None
    assert third.id == items[2].id
    assert third.status == "running"
    case.downloads.parallel = 3
    assert case.downloads.next() is not None
    assert case.downloads.next() is None


def test_several_run_on_several_threads(case: Case) -> None:
    running = []
    for name in FILES:
        item = case.add(name)
        running.append(Background(lambda item=item: case.run(item)))
    assert [run.join()[-1].status for run in running] == ["done"] * len(FILES)
    assert len(case.here()) == len(FILES)


def test_pause_and_resume(case: Case) -> None:
    item = case.add()
    running = case.on_thread(item)
    case.downloads.pause(item.id)
    assert case.status(item) == "paused"
    assert case.downloads.next() is None
    assert running.join()[-1].status == "paused"
    kept = case.downloads.get(item.id).done
    assert 50_000 <= kept < TOTAL
    case.quick()
    assert case.run(item) == []  # a paused one does not start by itself
    case.downloads.resume(item.id)
    assert case.run(item)[-1].status == "done"
    assert sum(seen.sent for seen in case.hub.seen) == TOTAL - kept


def test_resumed_before_it_has_stopped_it_waits_for_that(case: Case) -> None:
    item = case.add()
    case.slow()
    steps = iter(case.downloads.run(item.id))
    next(steps)
    case.downloads.pause(item.id)
    case.downloads.resume(item.id)
    assert case.downloads.next() is None
    assert case.run(item) == []
    assert list(steps)[-1].status == "waiting"
    case.quick()
    again = case.downloads.next()
    assert again is not None
    assert case.run(again)[-1].status == "done"


def test_paused_between_its_claim_and_its_start_it_does_not_start(case: Case) -> None:
    item = case.add()
    assert case.downloads.next() is not None
    case.downloads.pause(item.id)
    assert case.run(item) == []
    assert case.status(item) == "paused"
    assert not case.hub.seen


@pytest.mark.parametrize("way", ["cancel", "close"])
def test_a_run_that_is_left_waits_for_its_next_turn(case: Case, way: str) -> None:
    item = case.add()
    case.slow()
    run = case.downloads.run(item.id)
    steps = iter(run)
    next(steps)
    if way == "cancel":
        run.cancel()
        assert list(steps)[-1].status == "waiting"
    else:
        steps.close()
    assert case.status(item) == "waiting"
    case.quick()
    assert case.run(item)[-1].status == "done"


def test_cancel_deletes_what_it_has_brought(case: Case) -> None:
    precious = case.folder / REPO / "mine.txt"
    precious.parent.mkdir(parents=True)
    precious.write_text("mine")
    item = case.add()
    running = case.on_thread(item, until=400_000)
    assert len(case.here()) >= 3  # a whole shard, and a part with its slip
    case.downloads.cancel(item.id)
    assert not case.downloads.items()
    running.join()
    assert case.here() == {"mine.txt"}
    assert not (case.folder / REPO / "Q4").exists()
    with pytest.raises(UserError) as caught:
        case.downloads.resume(item.id)
    assert caught.value.code == "not_found"


def test_added_again_before_the_cancelled_one_has_ended_it_waits_for_that(case: Case) -> None:
    item = case.add()
    case.slow()
    steps = iter(case.downloads.run(item.id))
    next(steps)
    case.downloads.cancel(item.id)
    assert case.add().status == "waiting"
    assert case.downloads.next() is None
    assert list(steps) == []
    assert not case.here()
    case.quick()
    again = case.downloads.next()
    assert again is not None
    assert case.run(again)[-1].status == "done"


def test_cancel_of_one_that_does_not_run(case: Case) -> None:
    item = case.add()
    running = case.on_thread(item)
    case.downloads.pause(item.id)
    running.join()
    case.downloads.cancel(item.id)
    assert not case.here()
    assert not (case.folder / "acme").exists()


def test_cancel_keeps_what_was_there_before(case: Case) -> None:
    name = "Q4/split-00001-of-00003.gguf"
    mine = case.folder / REPO / name
    mine.parent.mkdir(parents=True)
    mine.write_bytes(FILES[name])
    item = case.add()
    case.hub.fault = lambda seen: Fault(status=404)
    assert case.run(item)[-1].status == "failed"
    case.downloads.cancel(item.id)
    assert case.here() == {mine.name}


def test_done_ones_leave_the_list_and_stay_on_the_disk(case: Case) -> None:
    done, waiting = case.add("mmproj-F16.gguf"), case.add()
    case.run(done)
    case.downloads.clear_done()
    assert [item.id for item in case.downloads.items()] == [waiting.id]
    case.run(waiting)
    case.downloads.cancel(waiting.id)
    assert not case.downloads.items()
    assert len(case.here()) == len(FILES)


def test_a_failure_is_kept_with_its_reason_over_a_restart(case: Case) -> None:
    case.hub.add(REPO, FILES, gated="manual")
    item = case.add()
    assert case.run(item)[-1].status == "failed"
    for downloads in (case.downloads, case.restarted()):
        error = downloads.get(item.id).error
        assert error is not None
        assert error.code == "needs_token"
        assert error.template.startswith("{repo} is for people")
        assert REPO in error.text
        assert case.hub.url in error.hint_text
    assert case.downloads.next() is None
    case.hub.add(REPO, FILES)
    case.downloads.resume(item.id)
    assert case.run(item)[-1].error is None


def test_a_mistake_of_the_app_is_not_tried_for_ever(case: Case, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: object, **__: object) -> None:
        raise ZeroDivisionError

    item = case.add()
    monkeypatch.setattr("models.downloads.fetch", broken)
    with pytest.raises(ZeroDivisionError):
        case.run(item)
    assert case.status(item) == "failed"
    assert case.downloads.next() is None


def test_a_wait_says_why(case: Case) -> None:
    item = case.add()
    answers = iter([Fault(status=503)])
    case.hub.fault = lambda seen: next(answers, None)
    reasons = {step.error.code for step in case.run(item) if step.state == "waiting" and step.error}
    assert reasons == {"hub_down"}


def test_after_a_restart_it_goes_on(case: Case) -> None:
    first, second = case.add("mmproj-F16.gguf"), case.add()
    case.run(first)
    steps = iter(case.downloads.run(second.id))
    while next(steps).done < 100_000:
        pass
    case.downloads = case.restarted()  # as after a kill: nothing was told to the first one
    assert [(i.id, i.status) for i in case.downloads.items()] == [(first.id, "done"), (second.id, "waiting")]
    assert case.downloads.get(second.id).done >= 100_000
    steps.close()
    again = case.downloads.next()
    assert again is not None
    assert case.run(again)[-1].status == "done"


_CHILD = """
import sys
from pathlib import Path
from models.downloads import Downloads
from models.network import Network, NetworkOptions
url, place = sys.argv[1:]
network = Network(lambda: NetworkOptions(endpoint=url))
downloads = Downloads(Path(place) / "models", Path(place) / "state", network)
while (item := downloads.next()) is not None:
    for _ in downloads.run(item.id):
        pass
"""


def test_after_kills_everything_that_ran_goes_on(case: Case) -> None:
    """Killed again and again, the next start goes on with the next byte of the next file."""
    item = case.add()
    case.slow()
    command = [sys.executable, "-c", _CHILD, case.hub.url, str(case.place)]
    sent = 0
    for _ in range(3):
        sent += 250_000
        with subprocess.Popen(command, cwd=ROOT) as child:
            wait_until(lambda at=sent: sum(s.sent for s in case.hub.seen) >= at or child.poll() is not None)
            child.kill()
    case.hub.fault = lambda seen: None
    case.downloads = case.restarted()
    assert case.downloads.get(item.id).status == "waiting"
    assert case.run(item)[-1].status == "done"
    assert sum(seen.sent for seen in case.hub.seen) - TOTAL < 3 << 20
    assert len([seen for seen in case.hub.seen if seen.file]) <= len(FILES) + 3


def test_whole_shards_are_not_read_again_after_a_restart(case: Case) -> None:
    item = case.add()
    count = iter(range(100))
    case.hub.fault = lambda seen: Fault(status=404) if seen.file and next(count) == 2 else None
    assert case.run(item)[-1].status == "failed"
    case.quick()
    case.downloads = case.restarted()
    case.downloads.resume(item.id)
    told = case.run(item)
    assert told[-1].status == "done"
    assert "checking" not in {step.state for step in told}
    assert told[0].done == 600_003


@pytest.mark.parametrize("content", [b"", b"[{", b"{}", b'[{"folder": 1}]', b"\xff\xfe"])
def test_a_damaged_queue_is_set_aside(case: Case, content: bytes) -> None:
    case.add()
    file = case.place / "state" / "downloads.json"
    file.write_bytes(content)
    downloads = case.restarted()
    assert downloads.items() == []
    aside = [path for path in file.parent.iterdir() if "damaged" in path.name]
    assert [path.read_bytes() for path in aside] == [content]
    case.downloads = downloads
    case.add()
    assert len(case.restarted().items()) == 1


def test_names_in_the_queues_file_are_not_trusted(case: Case) -> None:
    case.add()
    file = case.place / "state" / "downloads.json"
    queue = json.loads(file.read_bytes())
    queue[0]["files"][0]["path"] = "../../../evil.gguf"
    queue.append(
        queue[0] | {"files": [], "error": {"template": "{x.y}", "hint": "{", "code": "", "params": {}}}
    )
    file.write_text(json.dumps(queue))
    assert [item.error for item in case.restarted().items()] == [None]


def test_hostile_names_and_too_little_room_are_refused_at_once(case: Case) -> None:
    for file, code in [
        (RemoteFile(REPO, "main", "../x.gguf", 5), "bad_name"),
        (RemoteFile(REPO, "main", "x.gguf", 1 << 60), "disk_full"),
    ]:
        with pytest.raises(UserError) as caught:
            case.downloads.add(REPO, "main", [file], "x")
        assert caught.value.code == code
    twice = [RemoteFile(REPO, "main", name, 5) for name in ("x.gguf", "X.gguf")]
    for files in ([], twice):
        with pytest.raises(UserError):
            case.downloads.add(REPO, "main", files, "x")
    assert case.downloads.items() == []


def test_what_waits_already_counts_as_used(case: Case, monkeypatch: pytest.MonkeyPatch) -> None:
    usage = shutil.disk_usage(case.place)
    room = (200 << 20) + TOTAL
    monkeypatch.setattr(shutil, "disk_usage", lambda _: usage._replace(free=room))
    case.downloads.add(REPO, "main", [RemoteFile(REPO, "main", "big.gguf", 70 << 20)], "Big")
    with pytest.raises(UserError):
        case.downloads.add(REPO, "main", [RemoteFile(REPO, "main", "big2.gguf", 70 << 20)], "Big too")
    case.add()


def test_each_goes_on_in_the_folder_where_it_began(case: Case) -> None:
    item = case.add()
    case.downloads.folder = case.place / "elsewhere"
    assert case.run(item)[-1].status == "done"
    assert not case.downloads.folder.exists()


def test_speed_is_measured_over_the_last_seconds() -> None:
    now = 0.0
    speed = _Speed(lambda: now)
    assert speed.now == 0
    for second in range(20):
        now = float(second)
        speed.saw(100 * min(second, 10) + 50 * max(0, second - 10))  # half as fast from then on
    assert speed.now == pytest.approx(50)
    now += 8  # nothing comes
    assert speed.now == pytest.approx(25)
    speed.saw(10)  # begun again
    assert speed.now == 0
    now += 2
    speed.saw(30)
    assert speed.now == pytest.approx(10)


def test_a_running_one_tells_its_speed_and_the_time_left(case: Case) -> None:
    item = case.add()
    case.slow()
    some = 0
    for step in case.downloads.run(item.id):
        case.now += 0.5
        some += step.speed > 0
        if step.speed:
            assert step.remaining_s == pytest.approx((step.total - step.done) / step.speed)
        else:
            assert step.remaining_s is None
    assert some >= 3
    assert (step.speed, step.remaining_s) == (0, None)


def test_changes_are_told(case: Case) -> None:
    seen: list[list[str]] = []
    case.downloads.on_change.append(lambda: seen.append([item.status for item in case.downloads.items()]))
    item = case.add("mmproj-F16.gguf")
    case.downloads.pause(item.id)
    case.downloads.resume(item.id)
    case.run(item)
    case.downloads.clear_done()
    assert seen == [["waiting"], ["paused"], ["waiting"], ["running"], ["done"], []]


def test_a_queue_that_cannot_be_saved_still_runs(case: Case) -> None:
    (case.place / "state").write_text("a file where the folder should be")
    item = case.add()
    assert case.run(item)[-1].status == "done"
