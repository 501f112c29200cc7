"""The one road off the GUI thread.

Work runs on threads of this file; whatever it says is delivered on the GUI thread, in order, and
grouped so that a fast stream costs one delivery about every 30 ms.
"""

from __future__ import annotations

import sys
import time
from collections import deque
from collections.abc import Callable, Generator, Iterable
from threading import Condition, Lock, Thread, current_thread
from typing import Any, Generic, TypeVar

from PySide6.QtCore import QObject, Qt, QTimer, Signal

T = TypeVar("T")
E = TypeVar("E")

GROUP_MS = 30
MOST_THREADS = 64
IDLE_S = 10.0
SWITCH_S = 0.0002
"""How long a busy worker may keep the interpreter from the GUI thread.

Painting takes the interpreter some hundred times a frame, and Python lets it wait 5 ms for each
while a worker computes: a job of 100 ms in Python was a stall of 100 ms.
"""

Deliver = Callable[[], None]


class Job:
    """One piece of work; made by `Jobs.run` and `Jobs.stream`.

    Attributes:
        active: True until its last callback was called or it was cancelled.
    """

    def __init__(self, jobs: Jobs, work: Callable[[Job], None]) -> None:
        self.active = True
        self._jobs = jobs
        self._work = work
        self._lock = Lock()
        self._source: object = None
        self._cancelled = False
        self._events: list[Any] = []
        self._on_events: Callable[[list[Any]], None] | None = None
        self._last: Deliver | None = None

    @property
    def cancelled(self) -> bool:
        """Whether `cancel` was called."""
        return self._cancelled

    def cancel(self) -> None:
        """Drop everything that has not been delivered yet and ask the work to end.

        A stream whose source has a `cancel()` (a Turn) gets that called and is read to its end,
        so that it can put its things in order; any other stream is left at its next event.
        """
        with self._lock:
            if self._cancelled or not self.active:
                return
            self._cancelled, self.active = True, False
            source = self._source
        _cancel_source(source)

    # The rest is for `Jobs`.

    def _put(self, event: object) -> None:
        with self._lock:
            if self._cancelled:
                return
            self._events.append(event)
        self._jobs._ready(self)

    def _end(self, last: Deliver) -> None:
        with self._lock:
            self._last = last
        self._jobs._ready(self)

    def _deliver(self) -> None:
        with self._lock:
            events, self._events = self._events, []
            last, self._last = self._last, None
        if events and self.active and self._on_events is not None:
            self._on_events(events)
        if last is not None and self.active:
            self.active = False
            last()

    def _opened(self, source: object) -> bool:
        """Remember the source; False when the job was cancelled meanwhile."""
        with self._lock:
            self._source = source
            return not self._cancelled


class Work(Generic[E, T]):
    """An iterable over a generator that keeps what it returns, for `Jobs.stream`.

    Attributes:
        result: what the generator returned; None before it ended.
    """

    def __init__(self, generator: Generator[E, None, T]) -> None:
        self._generator = generator
        self.result: T | None = None

    def __iter__(self) -> Generator[E]:
        self.result = yield from self._generator


def _cancel_source(source: object) -> None:
    cancel = getattr(source, "cancel", None)
    if callable(cancel):
        cancel()


class Jobs(QObject):
    """Runs work on other threads and brings the results back to the GUI thread.

    Threads are started when all are busy and end after some idle seconds, so that many blocked
    streams at once never hold up a short job.

    Signals:
        unhandled: an Exception of a job that gave no `failed`.
    """

    unhandled = Signal(object)
    _wake = Signal()

    def __init__(self, parent: QObject | None = None, *, group_ms: int = GROUP_MS) -> None:
        super().__init__(parent)
        sys.setswitchinterval(SWITCH_S)
        self._waiting: deque[Job] = deque()
        self._jobs: set[Job] = set()
        self._threads: set[Thread] = set()
        self._idle = 0
        self._closed = False
        self._held = False
        self._changed = Condition()
        # Jobs with something to deliver, in the order in which they spoke.
        self._dirty: dict[Job, None] = {}
        self._woken = False
        self._wake.connect(self._woke, Qt.ConnectionType.QueuedConnection)
        self._timer = QTimer(self)
        self._timer.setSingleShot(True)
        self._timer.setTimerType(Qt.TimerType.PreciseTimer)
        self._timer.setInterval(group_ms)
        self._timer.timeout.connect(self._tick)

    def run(
        self,
        fn: Callable[[], T],
        done: Callable[[T], None] | None = None,
        failed: Callable[[Exception], None] | None = None,
    ) -> Job:
        """Call `fn` on a worker, then `done` with its result or `failed` with its exception."""

        def work(job: Job) -> None:
            result = fn()
            job._end(lambda: done(result) if done is not None else None)

        return self._start(work, failed)

    def stream(
        self,
        make: Callable[[], Iterable[E]],
        events: Callable[[list[E]], None],
        done: Callable[[], None] | None = None,
        failed: Callable[[Exception], None] | None = None,
    ) -> Job:
        """Call `make` and iterate its result on a worker.

        `events` gets what came since the last time, in order; then `done`, or `failed`.
        """

        def work(job: Job) -> None:
            source = make()
            if not job._opened(source):
                _cancel_source(source)
            obliging = callable(getattr(source, "cancel", None))
            iterator = iter(source)
            try:
                for event in iterator:
                    job._put(event)
                    if job.cancelled and not obliging:
                        break
            finally:
                close = getattr(iterator, "close", None)
                if callable(close):
                    close()
            job._end(done if done is not None else lambda: None)

        return self._start(work, failed, events)

    def hold(self) -> None:
        """Begin nothing until `release`: while the window is being built, workers only slow it down."""
        with self._changed:
            self._held = True

    def release(self) -> None:
        """Begin what has been waiting since `hold`."""
        with self._changed:
            self._held = False
            self._add_threads()

    def close(self, timeout_s: float = 10.0) -> bool:
        """Cancel everything and wait for the threads to end; False if one is still stuck.

        Threads that do not end in time are daemons and end with the process.
        """
        self._timer.stop()
        with self._changed:
            self._closed = True
            self._waiting.clear()
            jobs, threads = list(self._jobs), list(self._threads)
            self._dirty.clear()
            self._changed.notify_all()
        for job in jobs:
            job.cancel()
        deadline = time.monotonic() + timeout_s
        for thread in threads:
            thread.join(max(0.0, deadline - time.monotonic()))
        return not any(thread.is_alive() for thread in threads)

    @property
    def threads(self) -> int:
        """How many threads there are at this moment."""
        with self._changed:
            return len(self._threads)

    # ------------------------------------------------------------ workers

    def _start(
        self,
        work: Callable[[Job], None],
        failed: Callable[[Exception], None] | None,
        events: Callable[[list[Any]], None] | None = None,
    ) -> Job:
        report = failed if failed is not None else self.unhandled.emit

        def guarded(job: Job) -> None:
            try:
                work(job)
            except Exception as error:
                # `error` is unbound when the except block ends; the closure needs its own name.
                problem = error
                job._end(lambda: report(problem))

        job = Job(self, guarded)
        job._on_events = events
        with self._changed:
            if self._closed:
                job.cancel()
                return job
            self._waiting.append(job)
            self._jobs.add(job)
            if not self._held:
                self._add_threads()
        return job

    def _add_threads(self) -> None:
        """Wake idle threads for what is waiting, and start the ones that are missing."""
        self._changed.notify(len(self._waiting))
        missing = len(self._waiting) - self._idle
        for _ in range(min(missing, MOST_THREADS - len(self._threads))):
            thread = Thread(target=self._worker, name="job", daemon=True)
            self._threads.add(thread)
            thread.start()

    def _worker(self) -> None:
        while (job := self._next()) is not None:
            if not job.cancelled:
                job._work(job)
            with self._changed:
                self._jobs.discard(job)
            del job

    def _next(self) -> Job | None:
        """The next job for a worker, or None when its thread should end."""
        with self._changed:
            self._idle += 1
            self._changed.wait_for(lambda: (self._waiting and not self._held) or self._closed, IDLE_S)
            self._idle -= 1
            if self._waiting and not self._held and not self._closed:
                return self._waiting.popleft()
            self._threads.discard(current_thread())
            return None

    def _ready(self, job: Job) -> None:
        """A worker has something to deliver; wake the GUI thread unless it will look anyway."""
        with self._changed:
            if self._closed:
                return
            self._dirty[job] = None
            wake, self._woken = not self._woken, True
        if wake:
            self._wake.emit()

    # ------------------------------------------------------------ GUI thread

    def _woke(self) -> None:
        if not self._timer.isActive():
            self._tick()

    def _tick(self) -> None:
        """Deliver what has gathered, then rest for one group's time before looking again."""
        with self._changed:
            dirty, self._dirty = list(self._dirty), {}
            self._woken = bool(dirty)
        if dirty:
            # Before the callbacks: one of them may run a dialog, and streams go on meanwhile.
            self._timer.start()
        for job in dirty:
            try:
                job._deliver()
            except Exception:
                # One listener's mistake must not cost the others their results.
                sys.excepthook(*sys.exc_info())
