"""What runs beside the chat panel: answers in the making, and small writes to the store."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field, replace
from threading import Lock
from typing import Any

from desktop.ui.jobs import Job, Jobs
from desktop.workbench.store import MessageRow


class Saver:
    """Small writes off the GUI thread: in order, the newest of a key only, and all of them at the end."""

    def __init__(self, jobs: Jobs, failed: Callable[[Exception], None]) -> None:
        self._jobs, self._failed = jobs, failed
        self._waiting: dict[str, Callable[[], object]] = {}
        self._errors: list[Exception] = []
        self._pending = Lock()
        self._writing = Lock()

    def put(self, key: str, write: Callable[[], object]) -> None:
        """Do `write` soon; one with the same key that has not begun yet is dropped."""
        with self._pending:
            self._waiting.pop(key, None)
            self._waiting[key] = write
        self._jobs.run(self._work, failed=self._failed)

    def flush(self) -> None:
        """Do everything that is waiting, on this thread; what fails is told by the jobs of `put`."""
        with self._writing:
            while (write := self._take()) is not None:
                try:
                    write()
                except Exception as error:
                    self._errors.append(error)

    def _work(self) -> None:
        self.flush()
        with self._writing:
            errors, self._errors = self._errors, []
        if errors:
            raise errors[-1]

    def _take(self) -> Callable[[], object] | None:
        with self._pending:
            return self._waiting.pop(next(iter(self._waiting))) if self._waiting else None


@dataclass(eq=False)
class Exchange:
    """One answer in the making: the source of a stream, and what has been heard of it.

    Attributes:
        start: makes the turn; called on the worker. None from it means that nothing is generated.
        sent: the text that was written, to be given back when it could not be stored.
        question, answer: the rows as they were added; `text` and `thinking` came since then.
        loading: the part of the model that is loaded, None when it is not being loaded.
        progress: what stands under an answer that has no text yet.
    """

    conversation: str
    start: Callable[[], Iterable[Any] | None]
    sent: str = ""
    question: MessageRow | None = None
    answer: MessageRow | None = None
    text: list[str] = field(default_factory=list)
    thinking: list[str] = field(default_factory=list)
    loading: float | None = None
    progress: str = ""
    prompt_tokens: int = 0
    context_size: int = 0
    tokens: int = 0
    first: float = 0.0
    stopped: bool = False
    job: Job | None = None
    _turn: Any = None
    _lock: Lock = field(default_factory=Lock)

    def __iter__(self) -> Iterator[Any]:
        turn = self.start()
        with self._lock:
            self._turn = turn
            stopped = self.stopped
        if turn is None:
            return
        if stopped:
            turn.cancel()  # type: ignore[attr-defined]
        yield from turn

    def cancel(self) -> None:
        """Stop at whatever stage it is; what there is stays. Any thread."""
        with self._lock:
            self.stopped = True
            turn = self._turn
        if turn is not None:
            turn.cancel()

    def row(self) -> MessageRow | None:
        """The answer as far as it has been heard."""
        if self.answer is None:
            return None
        return replace(
            self.answer,
            content=self.answer.content + "".join(self.text),
            thinking=self.answer.thinking + "".join(self.thinking),
        )
