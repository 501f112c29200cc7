"""The road off the GUI thread: order, grouping, cancelling, errors, nothing left."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator

import pytest
from PySide6.QtCore import QThread
from PySide6.QtWidgets import QApplication
from pytestqt.qtbot import QtBot

from desktop.ui.jobs import GROUP_MS, Jobs


@pytest.fixture
def jobs(qapp: QApplication) -> Iterator[Jobs]:
    jobs = Jobs()
    yield jobs
    assert jobs.close()
    assert jobs.threads == 0


def on_gui() -> bool:
    return QThread.currentThread() is QApplication.instance().thread()


class Turn:
    """A source that blocks until it is cancelled, then puts its things in order."""

    def __init__(self) -> None:
        self.asked = threading.Event()
        self.finished = threading.Event()

    def __iter__(self) -> Iterator[str]:
        yield "first"
        self.asked.wait(20)
        yield "last"
        self.finished.set()

    def cancel(self) -> None:
        self.asked.set()


def test_a_result_comes_back_on_the_gui_thread(qtbot: QtBot, jobs: Jobs) -> None:
    seen: list[object] = []
    job = jobs.run(lambda: threading.current_thread(), lambda worker: seen.extend([worker, on_gui()]))
    assert job.active
    qtbot.waitUntil(lambda: bool(seen))
    assert seen[0] is not threading.current_thread()
    assert seen[1] is True
    assert not job.active


def test_events_keep_their_order_and_done_comes_last(qtbot: QtBot, jobs: Jobs) -> None:
    seen: list[object] = []
    jobs.stream(lambda: iter(range(5000)), seen.extend, lambda: seen.append("done"))
    qtbot.waitUntil(lambda: seen[-1:] == ["done"])
    assert seen == [*range(5000), "done"]


def test_events_are_grouped(qtbot: QtBot, jobs: Jobs) -> None:
    groups: list[list[int]] = []
    over: list[bool] = []

    def source() -> Iterator[int]:
        for number in range(300):
            yield number
            time.sleep(0.002)

    started = time.monotonic()
    jobs.stream(source, groups.append, lambda: over.append(True))
    qtbot.waitUntil(lambda: bool(over), timeout=20_000)
    elapsed_ms = (time.monotonic() - started) * 1000
    assert [number for group in groups for number in group] == list(range(300))
    assert 1 < len(groups) <= elapsed_ms / GROUP_MS + 2


def test_the_first_event_does_not_wait_for_a_group(qtbot: QtBot, qapp: QApplication) -> None:
    jobs = Jobs(group_ms=60_000)
    seen: list[str] = []
    turn = Turn()
    jobs.stream(lambda: turn, seen.extend)
    qtbot.waitUntil(lambda: seen == ["first"], timeout=10_000)
    assert jobs.close()


def test_a_cancelled_job_says_nothing_more(qtbot: QtBot, jobs: Jobs) -> None:
    seen: list[str] = []
    turn = Turn()
    job = jobs.stream(lambda: turn, seen.extend, lambda: seen.append("done"))
    qtbot.waitUntil(lambda: seen == ["first"])
    job.cancel()
    assert not job.active
    assert turn.finished.wait(10), "a source that can be cancelled is read to its end"
    qtbot.wait(3 * GROUP_MS)
    assert seen == ["first"]


def test_what_was_produced_but_not_delivered_is_dropped(qtbot: QtBot, jobs: Jobs) -> None:
    seen: list[object] = []
    made = threading.Event()
    job = jobs.run(lambda: made.set() or 1, seen.append, seen.append)
    assert made.wait(10)
    job.cancel()
    qtbot.wait(3 * GROUP_MS)
    assert seen == []


def test_a_plain_generator_is_closed_at_its_next_event(qtbot: QtBot, jobs: Jobs) -> None:
    closed = threading.Event()
    go_on = threading.Event()

    def source() -> Iterator[int]:
        try:
            yield 1
            go_on.wait(20)
            yield 2
            yield 3
        finally:
            closed.set()

    seen: list[int] = []
    job = jobs.stream(source, seen.extend)
    qtbot.waitUntil(lambda: seen == [1])
    job.cancel()
    go_on.set()
    assert closed.wait(10)
    assert seen == [1]


def test_errors_reach_failed_after_the_events_before_them(qtbot: QtBot, jobs: Jobs) -> None:
    seen: list[object] = []

    def source() -> Iterator[int]:
        yield 1
        raise ValueError("no more")

    jobs.stream(source, seen.extend, lambda: seen.append("done"), lambda error: seen.append(str(error)))
    qtbot.waitUntil(lambda: len(seen) == 2)
    assert seen == [1, "no more"]


def test_an_error_nobody_asked_for_is_signalled(qtbot: QtBot, jobs: Jobs) -> None:
    with qtbot.waitSignal(jobs.unhandled) as caught:
        jobs.run(lambda: 1 // 0)
    assert isinstance(caught.args[0], ZeroDivisionError)


def test_a_failing_listener_does_not_cost_the_others(
    qtbot: QtBot, jobs: Jobs, monkeypatch: pytest.MonkeyPatch
) -> None:
    hooked: list[type[BaseException]] = []
    monkeypatch.setattr("sys.excepthook", lambda kind, error, trace: hooked.append(kind))
    seen: list[int] = []
    jobs.run(lambda: 0, lambda zero: 1 // zero)
    jobs.run(lambda: 2, seen.append)
    qtbot.waitUntil(lambda: seen == [2] and hooked == [ZeroDivisionError])


def test_many_blocked_streams_do_not_hold_up_a_short_job(qtbot: QtBot, jobs: Jobs) -> None:
    turns = [Turn() for _ in range(24)]
    first: list[str] = []
    for turn in turns:
        jobs.stream(lambda turn=turn: turn, first.extend)
    seen: list[str] = []
    jobs.run(lambda: "short", seen.append)
    qtbot.waitUntil(lambda: seen == ["short"] and len(first) == 24)


def test_close_while_running_leaves_nothing(qtbot: QtBot, qapp: QApplication) -> None:
    jobs = Jobs()
    turns = [Turn() for _ in range(8)]
    seen: list[str] = []
    for turn in turns:
        jobs.stream(lambda turn=turn: turn, seen.extend)
    qtbot.waitUntil(lambda: len(seen) == 8)
    assert jobs.close()
    assert jobs.threads == 0
    assert all(turn.finished.is_set() for turn in turns)
    qtbot.wait(3 * GROUP_MS)
    assert len(seen) == 8
    assert not jobs.run(lambda: seen.append("late")).active
    assert jobs.close()


def test_close_says_when_something_is_stuck(qtbot: QtBot, qapp: QApplication) -> None:
    jobs = Jobs()
    release = threading.Event()
    started = threading.Event()
    jobs.run(lambda: (started.set(), release.wait(20)))
    assert started.wait(10)
    assert not jobs.close(timeout_s=0.1)
    release.set()
    assert jobs.close()


def test_a_dialog_inside_a_listener_does_not_stop_the_streams(qtbot: QtBot, jobs: Jobs) -> None:
    seen: list[int] = []

    def numbers() -> Iterator[int]:
        for number in range(50):
            yield number
            time.sleep(0.005)

    def nested(_: object) -> None:
        qtbot.waitUntil(lambda: len(seen) == 50, timeout=10_000)
        seen.append(-1)

    jobs.stream(numbers, seen.extend)
    jobs.run(lambda: None, nested)
    qtbot.waitUntil(lambda: seen[-1:] == [-1], timeout=15_000)
    assert seen == [*range(50), -1]


def test_held_jobs_begin_when_they_are_released(qtbot: QtBot, jobs: Jobs) -> None:
    seen: list[int] = []
    jobs.hold()
    for number in range(5):
        jobs.run(lambda number=number: number, seen.append)
    qtbot.wait(100)
    assert seen == []
    assert jobs.threads == 0
    jobs.release()
    qtbot.waitUntil(lambda: sorted(seen) == [0, 1, 2, 3, 4])


def test_held_jobs_can_be_closed(qtbot: QtBot, jobs: Jobs) -> None:
    jobs.hold()
    job = jobs.run(lambda: 1)
    assert jobs.close()
    assert not job.active
