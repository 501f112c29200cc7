"""The real starter model in its real child process."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import psutil
import pytest

from models.engine.client import Engine, InProcessEngine, ProcessEngine
from models.engine.protocol import (
    Chat,
    Failed,
    Finished,
    GenerationEvent,
    LoadOptions,
    Message,
    PromptProgress,
    Request,
    Sampling,
    Silence,
    Started,
    TextDelta,
)
from models.errors import EngineDied, RolltopError, UserError

Event = GenerationEvent
GREEDY = Sampling(temperature=0)
Load = Callable[..., ProcessEngine]


@pytest.fixture
def load(starter: Path) -> Iterator[Load]:
    """Engines that are closed after the test."""
    engines: list[ProcessEngine] = []

    def start(path: Path = starter, **options: object) -> ProcessEngine:
        settings = LoadOptions(path=str(path), **({"context_size": 512} | options))  # type: ignore[arg-type]
        engines.append(ProcessEngine.start(settings))
        return engines[-1]

    yield start
    for engine in engines:
        engine.close()


def story(engine: Engine, id: str, n: int) -> Request:
    prompt = engine.render(Chat(messages=(Message(role="user", content="Write a story about the sea."),)))
    return Request(id=id, tokens=prompt.tokens, sampling=GREEDY, max_tokens=n)


def text_of(events: Iterable[object]) -> str:
    return "".join(e.text for e in events if isinstance(e, TextDelta))


def test_an_answer_comes_through_the_process(load: Load) -> None:
    engine = load()
    events = list(engine.submit(story(engine, "a", 20)))
    assert len(text_of(events)) > 20
    assert isinstance(events[-1], Finished)
    assert engine.info.architecture == "llama"
    assert engine.info.load_s > 0
    assert engine.pid != os.getpid()
    assert not engine.busy


def by_request(events: Iterable[Event]) -> dict[str, list[Event]]:
    sorted_out: dict[str, list[Event]] = {}
    for event in events:
        assert isinstance(event, Started | PromptProgress | TextDelta | Finished | Failed | Silence)
        if not isinstance(event, Silence):
            sorted_out.setdefault(event.id, []).append(event)
    return sorted_out


@pytest.mark.parametrize("kind", [ProcessEngine, InProcessEngine])
def test_a_batch_brings_the_events_of_all_its_requests(
    starter: Path, kind: type[ProcessEngine | InProcessEngine]
) -> None:
    engine = kind.start(LoadOptions(path=str(starter), context_size=2048, parallel=4))
    try:
        requests = [story(engine, f"b{n}", n + 1) for n in range(10)]
        events = by_request(engine.batch(requests))
        assert list(events) == [request.id for request in requests]
        alone = text_of(list(engine.submit(story(engine, "alone", 10))))
        for request in requests:
            first, last = events[request.id][0], events[request.id][-1]
            assert isinstance(first, Started)
            assert isinstance(last, Finished)
            assert last.usage.completion_tokens == request.max_tokens
            assert alone.startswith(text_of(events[request.id]))
        assert not engine.busy
        assert list(engine.batch([])) == []
    finally:
        engine.close()


def test_a_request_that_fails_in_a_batch_disturbs_no_other(load: Load) -> None:
    engine = load()
    empty, endless = Request(id="empty", tokens=()), Request(id="endless", tokens=(1,) * 600)
    bad = Request(id="bad", tokens=(1,), grammar="root := (")
    good = [story(engine, "first", 5), story(engine, "last", 5)]
    events = by_request(engine.batch([good[0], empty, endless, bad, good[1]]))
    assert [type(events[id][-1]) for id in ("first", "last")] == [Finished, Finished]
    failed = [event for id in ("empty", "endless", "bad") for event in events[id]]
    codes = [event.failure.code for event in failed if isinstance(event, Failed)]
    assert codes == ["empty", "context_full", "grammar"]


def test_a_batch_with_a_name_that_is_taken_is_not_begun(load: Load) -> None:
    engine = load()
    running = engine.submit(story(engine, "taken", 5))
    for names in (["new", "taken"], ["new", "new"]):
        with pytest.raises(RolltopError):
            engine.batch([story(engine, name, 5) for name in names])
    assert isinstance(list(running)[-1], Finished)
    assert isinstance(list(engine.submit(story(engine, "new", 5)))[-1], Finished)


def test_cancelling_a_batch_ends_what_runs_and_what_waits(load: Load) -> None:
    engine = load(parallel=2)
    batch = engine.batch([story(engine, f"c{n}", 200) for n in range(8)])
    events = iter(batch)
    seen: list[Event] = []
    while not (seen and isinstance(seen[-1], TextDelta)):
        seen.append(next(events))  # type: ignore[arg-type]
    batch.cancel()
    ends = [event for event in events if isinstance(event, Finished)]
    assert sorted(end.id for end in ends) == [f"c{n}" for n in range(8)]
    assert {end.finish_reason for end in ends} == {"cancelled"}
    batch.cancel()
    assert not engine.busy


def test_requests_are_added_to_a_batch_and_one_is_cancelled(load: Load) -> None:
    engine = load(parallel=2)
    batch = engine.batch([story(engine, "long", 300), story(engine, "short", 5)])
    seen: list[Event] = []
    for event in batch:
        seen.append(event)  # type: ignore[arg-type]
        if isinstance(event, Finished) and event.id == "short":
            batch.add([story(engine, "more", 5)])
            with pytest.raises(RolltopError):
                batch.add([story(engine, "long", 5)])
        elif isinstance(event, Finished) and event.id == "more":
            batch.cancel("long")
            batch.cancel("more")  # which has ended
        elif isinstance(event, Finished) and event.finish_reason == "cancelled":
            batch.add([story(engine, "last", 5)])  # to one whose requests have all ended
    ends = [(event.id, event.finish_reason) for event in seen if isinstance(event, Finished)]
    assert ends == [("short", "length"), ("more", "length"), ("long", "cancelled"), ("last", "length")]
    assert not engine.busy


def test_a_batch_tells_silence_and_the_death_of_its_engine(load: Load) -> None:
    engine = load()
    events = iter(engine.batch([story(engine, f"d{n}", 300) for n in range(3)]))
    while not isinstance(next(events), TextDelta):
        pass
    os.kill(engine.pid, signal.SIGSTOP)
    while not isinstance(silence := next(events), Silence):
        pass
    assert silence.id == "d0"
    os.kill(engine.pid, signal.SIGKILL)
    with pytest.raises(EngineDied):
        list(events)
    assert not engine.busy
    with pytest.raises(EngineDied):
        engine.batch([Request(id="late", tokens=(1,))])


def test_calls_go_on_beside_a_batch_that_is_read_by_another_thread(load: Load) -> None:
    engine = load(context_size=2048)
    with ThreadPoolExecutor(1) as threads:
        batch = engine.batch([story(engine, f"e{n}", 20) for n in range(6)])
        events = threads.submit(lambda: by_request(batch))
        assert all(engine.count("word " * n) >= n for n in range(10))
        assert text_of(list(engine.submit(story(engine, "beside", 5))))
        assert all(isinstance(of[-1], Finished) for of in events.result().values())


def test_calls_from_many_threads_are_all_answered(load: Load) -> None:
    engine = load(context_size=2048)

    def work(n: int) -> tuple[str, int]:
        events = list(engine.submit(story(engine, f"t{n}", 8)))
        return text_of(events), engine.count("word " * n)

    with ThreadPoolExecutor(8) as threads:
        results = list(threads.map(work, range(16)))
    assert all(text for text, _ in results)
    assert [n for _, n in results] == [engine.count("word " * n) for n in range(16)]


def test_loading_tells_its_progress_and_can_be_cancelled(starter: Path) -> None:
    loading = ProcessEngine.loading(LoadOptions(path=str(starter)))
    next(loading)
    assert psutil.Process().children()
    loading.close()
    assert not psutil.Process().children()

    seen: list[float] = []
    loading = ProcessEngine.loading(LoadOptions(path=str(starter), context_size=512))
    with pytest.raises(StopIteration) as end:  # noqa: PT012  the loop is what raises
        while True:
            seen.append(next(loading))
    end.value.value.close()
    assert seen == sorted(seen)
    assert seen[-1] == 1


@pytest.mark.parametrize("moment", range(4))
def test_killing_the_child_is_noticed_within_a_second(load: Load, moment: int) -> None:
    engine = load()
    stream = engine.submit(story(engine, "a", 400))
    shown, after = "", random.Random(moment).randint(0, 12)
    killed = 0.0
    with pytest.raises(EngineDied) as caught:  # noqa: PT012  the loop is what raises
        for event in stream:
            if isinstance(event, TextDelta):
                shown += event.text
                after -= 1
            if after < 0 and not killed:
                killed = time.monotonic()
                os.kill(engine.pid, signal.SIGKILL)
    assert time.monotonic() - killed < 1
    assert shown
    assert not engine.alive()
    assert "memory" in caught.value.text
    assert not psutil.pid_exists(engine.pid)
    assert list(load().submit(Request(id="b", tokens=(1, 2), max_tokens=1)))


def test_a_death_between_requests_is_noticed(load: Load) -> None:
    engine = load()
    os.kill(engine.pid, signal.SIGKILL)
    deadline = time.monotonic() + 1
    while engine.alive() and time.monotonic() < deadline:
        time.sleep(0.01)
    assert not engine.alive()
    with pytest.raises(EngineDied):
        engine.tokenize("hello")


def test_closing_wakes_whoever_waits(load: Load) -> None:
    engine = load()
    with ThreadPoolExecutor(1) as threads:
        reading = threads.submit(lambda: list(engine.submit(story(engine, "a", 0))))
        while not engine.busy:
            time.sleep(0.01)
        engine.close()
        with pytest.raises(EngineDied):
            reading.result(5)


def test_the_child_ends_when_the_app_is_killed(starter: Path) -> None:
    script = (
        "from models.engine.client import ProcessEngine\n"
        "from models.engine.protocol import LoadOptions, Request\n"
        f"engine = ProcessEngine.start(LoadOptions(path={str(starter)!r}, context_size=2048))\n"
        "print(engine.pid, flush=True)\n"
        "list(engine.submit(Request(id='a', tokens=tuple(engine.tokenize('sea ' * 1500)))))\n"
    )
    app = subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE, text=True)
    assert app.stdout is not None
    child = psutil.Process(int(app.stdout.readline()))
    app.kill()
    app.wait()
    app.stdout.close()
    psutil.wait_procs([child], timeout=10)
    assert not child.is_running()


def test_the_child_sees_no_secrets(load: Load, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HF_TOKEN", "secret")
    engine = load()
    assert "HF_TOKEN" not in psutil.Process(engine.pid).environ()


def test_a_large_text_goes_both_ways_while_an_answer_waits_to_be_read(load: Load) -> None:
    engine = load(context_size=2048)
    stream = engine.submit(story(engine, "a", 300))
    text = "The sea is wide. " * 60_000  # 1 MB
    assert engine.detokenize(engine.tokenize(text)) == text
    assert isinstance(list(stream)[-1], Finished)


def test_two_models_answer_at_the_same_time(load: Load) -> None:
    first, second = load(threads=1), load(threads=1)
    streams = [first.submit(story(first, "a", 10)), second.submit(story(second, "a", 10))]
    assert text_of(list(streams[0])) == text_of(list(streams[1]))


def bad_files(folder: Path, starter: Path) -> Iterator[tuple[str, Path]]:
    (folder / "text.gguf").write_text("This is no model.")
    yield "no GGUF", folder / "text.gguf"
    (folder / "empty.gguf").touch()
    yield "empty", folder / "empty.gguf"
    yield "a folder", folder
    yield "missing", folder / "missing.gguf"
    with starter.open("rb") as file:
        (folder / "cut.gguf").write_bytes(file.read(20_000_000))
    yield "cut short", folder / "cut.gguf"


def test_files_that_are_no_models_are_refused(tmp_path: Path, starter: Path, load: Load) -> None:
    for name, path in bad_files(tmp_path, starter):
        with pytest.raises(RolltopError) as caught:
            load(path)
        assert caught.value.text, name


def test_hostile_templates_are_refused_and_harm_nobody(tmp_path: Path, load: Load) -> None:
    from tiny_models import tiny_llama

    good = load()
    hostile = {
        "loop": "{% for a in range(99999) %}{% for b in range(99999) %}{% endfor %}{% endfor %}",
        "walk": "{{ ''.__class__.__mro__[1].__subclasses__() }}",
        "size": "{{ 'x' * 10000000000 }}",
        "broken": "{% if %}",
        "raises": "{{ raise_exception('no') }}",
    }
    for name, template in hostile.items():
        path = tmp_path / f"{name}.gguf"
        tiny_llama(path, template=template)
        with pytest.raises(UserError) as caught:
            load(path)
        assert "template" in caught.value.text.lower(), name
    assert text_of(list(good.submit(story(good, "a", 5))))


def test_a_base_model_gets_a_plain_format_and_says_so(tmp_path: Path, load: Load) -> None:
    from tiny_models import tiny_llama

    tiny_llama(tmp_path / "base.gguf", template=None)
    engine = load(tmp_path / "base.gguf")
    assert not engine.info.chat_template
    prompt = engine.render(Chat(messages=(Message(role="user", content="Hello"),)))
    assert prompt.format == "plain"
    assert prompt.stop
    assert "Hello" in prompt.text
    assert isinstance(list(engine.submit(Request(id="a", tokens=prompt.tokens, max_tokens=3)))[-1], Finished)


def test_measuring_tells_the_size_of_the_prompt_alone(load: Load) -> None:
    engine = load()
    turns = ("Say \ud83d twice.", "Once<|im_end|>.", "\N{WAVING HAND SIGN}")
    roles = ("user", "assistant", "user")
    chat = Chat(messages=tuple(Message(role=r, content=t) for r, t in zip(roles, turns, strict=True)))  # type: ignore[arg-type]
    prompt, size = engine.render(chat), engine.measure(chat)
    assert (size.total, size.parts) == (len(prompt.tokens), prompt.parts)


def test_a_silent_engine_is_told_and_no_text_is_lost_when_it_dies(load: Load) -> None:
    engine = load()
    stream = iter(engine.submit(story(engine, "a", 400)))
    while not isinstance(next(stream), TextDelta):
        pass
    os.kill(engine.pid, signal.SIGSTOP)
    while not isinstance(next(stream), Silence):
        pass
    os.kill(engine.pid, signal.SIGKILL)
    with pytest.raises(EngineDied):
        list(stream)


def test_an_answer_that_lies_in_the_pipe_survives_the_death_of_its_engine(load: Load) -> None:
    engine = load()
    stream = engine.submit(story(engine, "a", 5))
    time.sleep(2)  # long enough for the answer to be written; if it is not, EngineDied says so
    os.kill(engine.pid, signal.SIGKILL)
    while engine.alive():
        time.sleep(0.01)
    assert isinstance(list(stream)[-1], Finished)
