"""One run of a panel, worked on off the GUI thread: what it says is told as signals."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from functools import partial
from itertools import groupby
from threading import Lock
from typing import TYPE_CHECKING, Any

from PySide6.QtCore import QObject, Signal

from desktop.ui.bridge import Bridge
from desktop.ui.jobs import Jobs
from desktop.workbench.loading import ModelLoading
from desktop.workbench.store.records import PartRow, RunRow
from desktop.workbench.task import PartSaved, PartsPlanned, PartText, Progress, RunSaved
from desktop.workbench.workbench import Workbench

if TYPE_CHECKING:
    from desktop.workbench.task import TaskRun
    from desktop.workbench.tasks import Tasks

Keep = Callable[[RunRow], RunRow]
"""Makes of a run, as it was stored at its end, the one that is shown; on the worker."""


class _Work:
    """A run at work; stopped at whatever stage it is, and heard to its end all the same."""

    def __init__(self, tasks: Tasks, id: str, keep: Keep | None) -> None:
        self._tasks, self._id, self._keep = tasks, id, keep
        self._lock = Lock()
        self._run: TaskRun | None = None
        self._stopped = False

    def __iter__(self) -> Iterator[Any]:
        run = self._tasks.work(self._id)
        with self._lock:
            self._run, stopped = run, self._stopped
        if stopped:
            run.cancel()
        for event in run:
            if isinstance(event, RunSaved) and self._keep is not None:
                event = RunSaved(self._keep(event.run))
            yield event

    def cancel(self) -> None:
        """Stop it; what is finished stays. Any thread."""
        with self._lock:
            self._stopped, run = True, self._run
        if run is not None:
            run.cancel()


class TaskRunner(QObject):
    """Works on one run at a time for a panel.

    Attributes:
        run_id: the run it works on; "" when it does not.
        fraction: how far that is, 0 to 1.
        parts: what was said of each part last. texts: the answers that are on their way.
    Signals:
        began(str run_id); ended: however it ended, after everything else.
        loading(float): the part of the model that is loaded.
        planned(tuple of PartRow): parts that are in the store; first all of a run that goes on.
        part_text(int number, str text): the answer for a part goes on.
        part_saved(PartRow), progress(float fraction, float or None left_s), saved(RunRow)
        failed(Exception): it could not go on; what is finished stays.
    """

    began = Signal(str)
    loading = Signal(float)
    planned = Signal(object)
    part_text = Signal(int, str)
    part_saved = Signal(object)
    progress = Signal(float, object)
    saved = Signal(object)
    failed = Signal(object)
    ended = Signal()

    def __init__(
        self, workbench: Workbench, jobs: Jobs, bridge: Bridge, parent: QObject | None = None
    ) -> None:
        super().__init__(parent)
        self._workbench, self._jobs, self._bridge = workbench, jobs, bridge
        self._work: _Work | None = None
        self._loaded = False
        self.run_id = ""
        self.fraction = 0.0
        self.parts: dict[int, PartRow] = {}
        self.texts: dict[int, str] = {}

    @property
    def busy(self) -> bool:
        """Whether it works."""
        return self._work is not None

    def start(self, run_id: str, keep: Keep | None = None) -> None:
        """Work on a run, from its beginning or from where it ended; not while another one is worked on.

        `keep` also sees the run's end when the app closes meanwhile.
        """
        if self._work is not None:
            return
        work = self._work = _Work(self._workbench.tasks, run_id, keep)
        self.run_id, self.fraction, self._loaded = run_id, 0.0, False
        self.parts, self.texts = {}, {}
        self.began.emit(run_id)
        self._jobs.stream(lambda: work, self._hear, partial(self._end, None), self._end)

    def stop(self) -> None:
        """Stop; the run is saved as far as it is, and `ended` tells when that is done."""
        if self._work is not None:
            # Asking the engine may wait for it.
            self._jobs.run(self._work.cancel)

    def stop_now(self) -> None:
        """Stop while the app closes: on this thread, since no job would be begun any more."""
        if self._work is not None:
            self._work.cancel()

    def _hear(self, events: list[Any]) -> None:
        for number, group in groupby(events, lambda e: e.number if isinstance(e, PartText) else None):
            if number is not None:
                text = "".join(event.text for event in group)
                self.texts[number] = self.texts.get(number, "") + text
                self.part_text.emit(number, text)
            else:
                self._take(group)

    def _take(self, events: Iterable[Any]) -> None:
        for event in events:
            match event:
                case ModelLoading(fraction=fraction):
                    self._loaded = True
                    self.loading.emit(fraction)
                case PartsPlanned(parts=parts):
                    self.parts.update((part.number, part) for part in parts)
                    self.planned.emit(parts)
                case PartSaved(part=part):
                    self.parts[part.number] = part
                    self.texts.pop(part.number, None)
                    self.part_saved.emit(part)
                case Progress(fraction=fraction, left_s=left_s):
                    self.fraction = fraction
                    self.progress.emit(fraction, left_s)
                case RunSaved(run=run):
                    self.saved.emit(run)

    def _end(self, error: Exception | None) -> None:
        self._work = None
        if error is not None:
            self.failed.emit(error)  # while it is still known whose error it is
        self.run_id = ""
        self.ended.emit()
        if self._loaded or error is not None:
            self._bridge.engines_changed.emit()
