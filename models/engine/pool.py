"""The engines that run now: one for each model, loaded when asked for, unloaded when idle."""

from __future__ import annotations

import hashlib
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import msgspec

from models.engine.child import LOOK_S
from models.engine.client import Engine, Loading, ProcessEngine, result_of
from models.engine.protocol import LoadOptions, ModelInfo
from models.errors import EngineDied, UserError

Starter = Callable[[LoadOptions], Loading[Engine]]

GRACE_S = 1.0
"""Seconds for which an engine counts as busy after it was handed out, until its first request comes."""

MAX_CRASHES = 2
"""A model that crashed this often with the same options is not loaded again with them."""


@dataclass(frozen=True)
class LoadedModel:
    """A model that runs now. `memory_bytes`: what its process holds; `idle_s`: since it was last used."""

    path: str
    info: ModelInfo
    idle_s: float
    busy: bool
    memory_bytes: int


@dataclass(frozen=True)
class DeadEngine:
    """An engine that ended by itself."""

    path: str
    reason: EngineDied


class CrashedBefore(UserError):
    """The model crashed twice with the same options."""

    code = "crashed_before"


@dataclass
class _Entry:
    engine: Engine
    options: LoadOptions
    used: float
    handed: float = float("-inf")


class EnginePool:
    """Loads, keeps and unloads engines. Every method may be called from any thread.

    Args:
        start: how an engine is started; a test puts its own here.
        state_dir: where crashes are remembered over a restart; None remembers them here alone.
        clock: seconds on a clock that only goes forward.
    """

    def __init__(
        self,
        *,
        start: Starter = ProcessEngine.loading,
        state_dir: Path | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._start, self._clock = start, clock
        self._crashes = _Crashes(state_dir)
        self._entries: dict[str, _Entry] = {}
        self._turns: dict[str, threading.Lock] = {}
        self._dead: list[DeadEngine] = []
        self._lock = threading.RLock()
        self._closed = False

    def acquire(self, options: LoadOptions) -> Engine:
        """The engine for these options, loading it when needed; blocks meanwhile. See `loading`."""
        return result_of(self.loading(options))

    def loading(self, options: LoadOptions) -> Loading[Engine]:
        """The engine for these options, loading it step by step when needed.

        The same model with other options replaces the running one, once that has no more to do. A
        busy one is shared when it differs only in having the larger context; when nothing but the
        adapters differ, they are changed on the running one. Raises UserError when the model cannot
        be used, EngineDied when it crashed.
        """
        with self._lock:
            turn = self._turns.setdefault(options.path, threading.Lock())
        while not turn.acquire(timeout=LOOK_S):
            yield 0.0
        try:
            while (engine := self._running(options)) is None and self._busy(options.path):
                yield 0.0
                time.sleep(LOOK_S)
            engine = engine or self._refitted(options)
            if engine is None:
                self.unload(options.path)
                engine = yield from self._load(options)
            with self._lock:
                if (entry := self._entries.get(options.path)) is not None:
                    entry.handed = self._clock()
            return engine
        finally:
            turn.release()

    def get(self, path: str) -> Engine | None:
        """The engine of a model when it is loaded and alive."""
        with self._lock:
            self._notice()
            entry = self._entries.get(path)
            if entry is None:
                return None
            entry.used = self._clock()
            return entry.engine

    def options_of(self, path: str) -> LoadOptions | None:
        """How the engine of a model was loaded, when it is alive; None when there is none."""
        with self._lock:
            self._notice()
            entry = self._entries.get(path)
            return entry.options if entry is not None else None

    def loaded(self) -> list[LoadedModel]:
        """The models that run now."""
        with self._lock:
            self._notice()
            return [
                LoadedModel(
                    path=path,
                    info=entry.engine.info,
                    idle_s=0.0 if entry.engine.busy else self._clock() - entry.used,
                    busy=entry.engine.busy,
                    memory_bytes=memory_of(entry.engine.pid),
                )
                for path, entry in self._entries.items()
            ]

    def unload(self, path: str) -> None:
        """End the engine of a model; running answers end as interrupted."""
        with self._lock:
            entry = self._entries.pop(path, None)
        if entry is not None:
            entry.engine.close()

    def sweep(self, idle_s: float) -> list[str]:
        """Unload what was idle for longer than `idle_s` seconds; returns the paths."""
        with self._lock:
            idle = [m.path for m in self.loaded() if not m.busy and m.idle_s > idle_s]
            engines = [self._entries.pop(path).engine for path in idle]
        for engine in engines:
            engine.close()
        return idle

    def dead(self) -> list[DeadEngine]:
        """Engines that ended by themselves since this was last asked; each is told once."""
        with self._lock:
            self._notice()
            dead, self._dead = self._dead, []
            return dead

    def forgive(self, path: str) -> None:
        """Forget the crashes of a model: it has answered well, or the user wants to try it again."""
        with self._lock:
            self._crashes.forget(path)

    def close(self) -> None:
        """End all engines."""
        with self._lock:
            self._closed = True
            paths = list(self._entries)
        for path in paths:
            self.unload(path)

    # ------------------------------------------------------------

    def _running(self, options: LoadOptions) -> Engine | None:
        """The running engine when it serves these options."""
        with self._lock:
            engine = self.get(options.path)
            if engine is None:
                return None
            have = self._entries[options.path].options
        larger = have.context_size >= options.context_size
        same = msgspec.structs.replace(have, context_size=options.context_size) == options
        return engine if have == options or (same and larger and engine.busy) else None

    def _refitted(self, options: LoadOptions) -> Engine | None:
        """The running engine with these adapters, when it differs in nothing else."""
        with self._lock:
            engine = self.get(options.path)
            entry = self._entries.get(options.path)
        if engine is None or entry is None:
            return None
        if msgspec.structs.replace(entry.options, adapters=options.adapters) != options:
            return None
        engine.set_adapters(options.adapters)
        entry.options = options
        return engine

    def _busy(self, path: str) -> bool:
        with self._lock:
            entry = self._entries.get(path)
            if entry is None or not entry.engine.alive():
                return False
            return entry.engine.busy or self._clock() - entry.handed < GRACE_S

    def _load(self, options: LoadOptions) -> Loading[Engine]:
        if self._crashes.count(options) >= MAX_CRASHES:
            raise CrashedBefore(
                "This model stopped working twice with these settings, so it is not started a third time.",
                hint="Choose a smaller context, run it on the CPU only, or choose another model.",
            )
        # The mark stays when loading takes the whole app down, and is counted at the next start.
        self._count_crash(options, 1)
        try:
            engine = yield from self._start(options)
        except EngineDied:
            raise
        except BaseException:
            self._count_crash(options, -1)
            raise
        self._count_crash(options, -1)
        with self._lock:
            if not self._closed:
                self._entries[options.path] = _Entry(engine, options, self._clock())
                return engine
        engine.close()
        raise EngineDied("The app is closing.", code="closing")

    def _count_crash(self, options: LoadOptions, step: int) -> None:
        with self._lock:
            self._crashes.add(options, step)

    def _notice(self) -> None:
        """Take dead engines out of the list and remember their crashes."""
        for path, entry in list(self._entries.items()):
            if entry.engine.alive():
                if entry.engine.busy:
                    entry.used = self._clock()
                continue
            del self._entries[path]
            self._count_crash(entry.options, 1)
            reason = entry.engine.death()
            self._dead.append(DeadEngine(path, reason or EngineDied("The model stopped working.")))
            entry.engine.close()


class _Crashes:
    """How often a model crashed with the same options; kept in a small file."""

    def __init__(self, folder: Path | None) -> None:
        self._file = folder / "crashes.json" if folder else None
        self._counts: dict[str, dict[str, int]] = {}
        if self._file is not None:
            with suppress(OSError, msgspec.DecodeError, msgspec.ValidationError):
                data = self._file.read_bytes()
                self._counts = msgspec.json.decode(data, type=dict[str, dict[str, int]])

    def count(self, options: LoadOptions) -> int:
        return self._counts.get(options.path, {}).get(_fingerprint(options), 0)

    def add(self, options: LoadOptions, step: int) -> None:
        of_model = self._counts.setdefault(options.path, {})
        key = _fingerprint(options)
        of_model[key] = max(0, of_model.get(key, 0) + step)
        self._save()

    def forget(self, path: str) -> None:
        if self._counts.pop(path, None) is not None:
            self._save()

    def _save(self) -> None:
        if self._file is None:
            return
        kept = {p: {k: n for k, n in c.items() if n} for p, c in self._counts.items()}
        with suppress(OSError):  # a full disk must not keep a model from loading
            new = self._file.with_suffix(".new")
            new.write_bytes(msgspec.json.encode({p: c for p, c in kept.items() if c}))
            new.replace(self._file)


def _fingerprint(options: LoadOptions) -> str:
    return hashlib.sha256(msgspec.json.encode(options)).hexdigest()[:16]


def memory_of(pid: int) -> int:
    """Bytes that a process holds in RAM; 0 when it is gone."""
    import psutil  # here, since it would delay the first window

    try:
        return int(psutil.Process(pid).memory_info().rss)
    except psutil.Error:
        return 0
