"""Keeps the queue of downloads moving: starts what is next, tells how far each is, says when one is there."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import TYPE_CHECKING

from PySide6.QtCore import QCoreApplication, QObject, Signal

from desktop.ui.bridge import Bridge
from desktop.ui.jobs import Job, Jobs
from desktop.ui.notices import Notice

if TYPE_CHECKING:
    from models.downloads import Downloads, Item


class DownloadRunner(QObject):
    """Runs what waits in the queue, a few at a time, for as long as the window is open.

    Signals:
        changed: items were added, taken away, or have another status.
        progressed(Item): one is further along.
        chat_requested(str path): the user wants to talk to a model that has just come.
    """

    changed = Signal()
    progressed = Signal(object)
    chat_requested = Signal(str)

    def __init__(
        self, downloads: Downloads, jobs: Jobs, bridge: Bridge, parent: QObject | None = None
    ) -> None:
        super().__init__(parent)
        self.downloads = downloads
        self._jobs, self._bridge = jobs, bridge
        self._running: dict[str, Job] = {}

    def start(self) -> None:
        """Start as many of the waiting downloads as may run at once; claiming one waits for the disk."""
        self._jobs.run(
            lambda: list(iter(self.downloads.next, None)), self._run_all, self._bridge.notice_error
        )

    def pause(self, id: str) -> None:
        """Stop one for now; what has come stays."""
        self._jobs.run(lambda: self.downloads.pause(id), lambda _: self.start())

    def resume(self, id: str) -> None:
        """Go on with a paused or failed one."""
        self._jobs.run(lambda: self.downloads.resume(id), lambda _: self.start())

    def cancel(self, id: str) -> None:
        """Give one up; what has come is deleted."""
        self._jobs.run(lambda: self.downloads.cancel(id), lambda _: self.start())

    def clear_done(self) -> None:
        """Take the finished ones off the list."""
        self._jobs.run(self.downloads.clear_done, lambda _: self.changed.emit())

    def _run_all(self, items: Sequence[Item]) -> None:
        for item in items:
            self._run(item)
        self.changed.emit()

    def _run(self, item: Item) -> None:
        self._running[item.id] = self._jobs.stream(
            lambda: self.downloads.run(item.id),
            self._progress,
            partial(self._ended, item.id),
            partial(self._broke, item.id),
        )

    def _progress(self, items: Sequence[Item]) -> None:
        self.progressed.emit(items[-1])

    def _broke(self, id: str, error: Exception) -> None:
        self._bridge.notice_error(error)
        self._ended(id)

    def _ended(self, id: str) -> None:
        self._running.pop(id, None)
        item = next((item for item in self.downloads.items() if item.id == id), None)
        if item is not None and item.status == "done":
            self._bridge.models_changed.emit()
            self._tell_done(item)
        self.start()

    def _tell_done(self, item: Item) -> None:
        words = QCoreApplication.translate("Downloads", "{model} is on this computer now.")
        chat = QCoreApplication.translate("Downloads", "Chat with it")
        path = str(self.downloads.target(item))
        self._bridge.notice.emit(
            Notice(
                words.format(model=item.title),
                actions=((chat, lambda: self.chat_requested.emit(path)),),
                kind="info",
            )
        )
