from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

import msgspec
import pytest

from models.engine.client import Engine, Loading, result_of
from models.engine.pool import CrashedBefore, EnginePool
from models.engine.protocol import Adapter, LoadOptions, ModelInfo
from models.errors import EngineDied

INFO = ModelInfo(
    name="m", architecture="llama", parameters=1, quantization="F16", size_bytes=1, vocab_size=1,
    embedding_size=1, layers=1, gpu_layers=0, context_length=1, context_size=1, chat_template=True,
)  # fmt: skip


class FakeEngine:
    """As much of an engine as the pool looks at."""

    def __init__(self) -> None:
        self.info, self.pid, self.busy, self.closed = INFO, 0, False, False
        self.dead: EngineDied | None = None
        self.adapters: list[tuple[Adapter, ...]] = []

    def set_adapters(self, adapters: Sequence[Adapter]) -> None:
        self.adapters.append(tuple(adapters))

    def alive(self) -> bool:
        return self.dead is None

    def death(self) -> EngineDied | None:
        return self.dead

    def close(self) -> None:
        self.closed = True


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def started() -> list[FakeEngine]:
    return []


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def pool(started: list[FakeEngine], clock: Clock) -> EnginePool:
    return make(started, clock)


def make(started: list[FakeEngine], clock: Clock, folder: Path | None = None) -> EnginePool:
    def start(options: LoadOptions) -> Loading[Engine]:
        started.append(FakeEngine())
        yield 0.5
        return started[-1]  # type: ignore[return-value]

    return EnginePool(start=start, clock=clock, state_dir=folder)


A, B = LoadOptions(path="/a"), LoadOptions(path="/b")


def test_models_are_loaded_once_and_live_together(pool: EnginePool, started: list[FakeEngine]) -> None:
    assert pool.acquire(A) is pool.acquire(A)
    pool.acquire(B)
    assert [m.path for m in pool.loaded()] == ["/a", "/b"]
    assert len(started) == 2


def test_other_options_replace_the_running_engine(
    pool: EnginePool, started: list[FakeEngine], clock: Clock
) -> None:
    pool.acquire(A)
    clock.now += 2
    pool.acquire(LoadOptions(path="/a", context_size=128))
    assert [e.closed for e in started] == [True, False]


def test_a_busy_engine_is_waited_for_or_shared(
    pool: EnginePool, started: list[FakeEngine], clock: Clock
) -> None:
    engine = pool.acquire(A)
    started[0].busy = True
    assert pool.acquire(LoadOptions(path="/a", context_size=128)) is engine  # its context is the larger
    waiting = pool.loading(LoadOptions(path="/a", context_size=9999))
    assert [next(waiting), next(waiting)] == [0.0, 0.0]
    assert not started[0].closed
    started[0].busy = False
    assert next(waiting) == 0.0  # it was handed out a moment ago and may be about to be used
    clock.now += 2
    assert next(waiting) == 0.5
    assert started[0].closed


def test_a_load_that_is_given_up_is_no_crash(pool: EnginePool) -> None:
    for _ in range(3):
        loading = pool.loading(A)
        next(loading)
        loading.close()
    pool.acquire(A)


def test_idle_models_are_unloaded_and_busy_ones_are_not(
    pool: EnginePool, started: list[FakeEngine], clock: Clock
) -> None:
    pool.acquire(A)
    pool.acquire(B)
    started[1].busy = True
    clock.now = 100
    assert pool.sweep(60) == ["/a"]
    assert [e.closed for e in started] == [True, False]
    started[1].busy = False
    assert pool.sweep(60) == []  # it was used until a moment ago
    clock.now = 200
    assert pool.sweep(60) == ["/b"]


def test_a_death_is_told_once(pool: EnginePool, started: list[FakeEngine]) -> None:
    pool.acquire(A)
    started[0].dead = EngineDied("gone")
    assert [(d.path, d.reason.text) for d in pool.dead()] == [("/a", "gone")]
    assert pool.dead() == []
    assert pool.get("/a") is None


def test_a_model_that_crashed_twice_is_not_loaded_a_third_time(
    started: list[FakeEngine], clock: Clock, tmp_path: Path
) -> None:
    for _ in range(2):
        pool = make(started, clock, tmp_path)  # a new start of the app each time
        pool.acquire(A)
        started[-1].dead = EngineDied("gone")
        pool.dead()
    pool = make(started, clock, tmp_path)
    with pytest.raises(CrashedBefore):
        pool.acquire(A)
    pool.acquire(LoadOptions(path="/a", context_size=512))  # other settings are another matter
    pool.forgive("/a")
    clock.now += 2
    pool.acquire(A)


def test_a_load_that_takes_the_app_down_is_counted(clock: Clock, tmp_path: Path) -> None:
    class Down(BaseException):
        pass

    def start(_: LoadOptions) -> Loading[Engine]:
        yield 0.5

        marked = json.loads((tmp_path / "crashes.json").read_text())
        assert sum(marked["/a"].values()) == 1  # written before the load
        raise Down

    with pytest.raises(Down):
        EnginePool(start=start, clock=clock, state_dir=tmp_path).acquire(A)


def test_close_ends_everything(pool: EnginePool, started: list[FakeEngine]) -> None:
    pool.acquire(A)
    pool.close()
    assert started[0].closed
    with pytest.raises(EngineDied):
        pool.acquire(A)


def test_other_adapters_are_put_on_the_running_engine_once_it_has_no_more_to_do(
    pool: EnginePool, started: list[FakeEngine], clock: Clock
) -> None:
    tuned = LoadOptions(path="/a", adapters=(Adapter("/lora", 0.5),))
    first = pool.acquire(A)
    waiting = pool.loading(tuned)
    assert [next(waiting), next(waiting)] == [0.0, 0.0]
    clock.now += 2
    assert result_of(waiting) is first
    assert pool.acquire(tuned) is first
    clock.now += 2
    assert pool.acquire(A) is first
    assert started[0].adapters == [tuned.adapters, ()]
    clock.now += 2
    assert pool.acquire(msgspec.structs.replace(tuned, context_size=99)) is not first
    assert [e.closed for e in started] == [True, False]
