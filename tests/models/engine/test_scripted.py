"""The scripted engine behaves as a real one would."""

from __future__ import annotations

import threading
from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.engine.client import Engine
from models.engine.pool import EnginePool
from models.engine.protocol import (
    Adapter,
    Chat,
    Failed,
    Finished,
    GenerationEvent,
    LoadOptions,
    Message,
    Request,
    Sampling,
    Silence,
    Started,
    TextDelta,
    ThinkingDelta,
)
from models.engine.scripted import Answer, ScriptedEngine
from models.errors import EngineDied, EngineError, UserError

HELLO = Chat(
    messages=(Message(role="system", content="Be kind."), Message(role="user", content="Hello there"))
)


def ask(engine: Engine, chat: Chat = HELLO, **options: object) -> list[GenerationEvent]:
    prompt = engine.render(chat)
    return list(engine.submit(Request(id="r", tokens=prompt.tokens, **options)))  # type: ignore[arg-type]


def said(events: Sequence[GenerationEvent]) -> str:
    return "".join(event.text for event in events if isinstance(event, TextDelta))


def end(events: Sequence[GenerationEvent]) -> Finished:
    last = events[-1]
    assert isinstance(last, Finished)
    return last


@given(st.text())
def test_tokens_are_the_text_again(text: str) -> None:
    engine = ScriptedEngine([])
    tokens = engine.tokenize(text)
    assert engine.detokenize(tokens) == text
    assert engine.count(text) == len(tokens)
    assert engine.tokenize(text) == tokens


def test_control_strings_are_text_unless_asked_for() -> None:
    engine = ScriptedEngine([])
    mark = "<|im_end|>"
    (control,) = engine.tokenize(mark, special=True)
    assert control not in engine.tokenize(mark)
    assert engine.detokenize([control]) == engine.detokenize(engine.tokenize(mark)) == mark


def test_a_chat_is_rendered_with_marks_and_parts() -> None:
    prompt = ScriptedEngine([]).render(HELLO)
    assert prompt.text == (
        "<|im_start|>system\nBe kind.<|im_end|>\n"
        "<|im_start|>user\nHello there<|im_end|>\n<|im_start|>assistant\n"
    )
    assert prompt.parts == (2, 2)
    assert prompt.format == "template"
    begun = Chat(messages=(*HELLO.messages, Message(role="assistant", content="Hi")), continue_last=True)
    assert ScriptedEngine([]).render(begun).text.endswith("<|im_start|>assistant\nHi")


def test_measuring_is_rendering_without_the_text() -> None:
    prompt = ScriptedEngine([]).render(HELLO)
    size = ScriptedEngine([]).measure(HELLO)
    assert (size.total, size.parts) == (len(prompt.tokens), prompt.parts)


def test_a_base_model_renders_a_plain_transcript() -> None:
    prompt = ScriptedEngine([], chat_template=False).render(HELLO)
    assert prompt.format == "plain"
    assert prompt.text == "System: Be kind.\nUser: Hello there\nAssistant:"


def test_answers_come_in_order_with_thinking_usage_and_timings() -> None:
    engine = ScriptedEngine([Answer("one two", thinking="hm hm"), Answer(["a", "bc"])])
    events = ask(engine)
    assert isinstance(events[0], Started)
    assert [event.text for event in events if isinstance(event, ThinkingDelta)] == ["hm", " hm"]
    assert said(events) == "one two"
    finished = end(events)
    assert finished.finish_reason == "stop"
    assert finished.usage.completion_tokens == 4
    assert finished.usage.prompt_tokens == len(engine.requests[0].tokens)
    assert finished.timings.first_token_s >= finished.timings.prompt_s >= 0
    assert said(ask(engine)) == "abc"
    with pytest.raises(EngineError, match="no answer left"):
        ask(engine)


def test_a_follow_up_reuses_what_was_said() -> None:
    engine = ScriptedEngine(lambda _: Answer("Hi you"))
    first = end(ask(engine))
    assert first.usage.cached_tokens == 0
    longer = Chat(
        messages=(
            *HELLO.messages,
            Message(role="assistant", content="Hi you"),
            Message(role="user", content="go"),
        )
    )
    usage = end(ask(engine, longer)).usage
    assert usage.cached_tokens == first.usage.prompt_tokens + first.usage.completion_tokens


def test_an_answer_ends_at_its_limit_or_with_the_context() -> None:
    engine = ScriptedEngine(
        lambda _: Answer("a b c d e f g h"), options=LoadOptions(path="/x", context_size=24)
    )
    events = ask(engine, max_tokens=2)
    assert (said(events), end(events).finish_reason) == ("a b", "length")
    events = ask(engine)
    assert end(events).finish_reason == "context"
    usage = end(events).usage
    assert usage.prompt_tokens + usage.completion_tokens == 24


def test_cancelling_ends_even_a_held_answer() -> None:
    never = threading.Event()
    engine = ScriptedEngine([Answer("one two", hold=never, hold_at=1)])
    stream = engine.submit(Request(id="r", tokens=(1, 2)))
    events = []
    for event in stream:
        events.append(event)
        if isinstance(event, TextDelta):
            assert engine.busy
            stream.cancel()
    assert (said(events), end(events).finish_reason) == ("one", "cancelled")
    assert not engine.busy


def test_a_batch_takes_turns_and_tells_failures() -> None:
    engine = ScriptedEngine(
        [Answer("a b"), Answer("c", error=EngineError("broken", code="broken")), Answer("d e")],
        options=LoadOptions(path="/m", parallel=2),
    )
    requests = [Request(id=id, tokens=(1,) if id != "empty" else ()) for id in ("1", "empty", "2", "3", "4")]
    events = list(engine.batch(requests))
    texts = [(event.id, event.text) for event in events if isinstance(event, TextDelta)]
    assert texts == [("1", "a"), ("2", "c"), ("1", " b"), ("3", "d"), ("3", " e")]
    failed = {event.id: event.failure for event in events if isinstance(event, Failed)}
    assert set(failed) == {"empty", "2", "4"}
    assert failed["2"].code == "broken"
    assert [event.id for event in events if isinstance(event, Finished)] == ["1", "3"]
    assert not engine.busy


def test_a_held_answer_of_a_batch_lets_the_others_go_on() -> None:
    never = threading.Event()
    engine = ScriptedEngine([Answer("a b", hold=never, hold_at=1), Answer("c"), Answer("d")])
    batch = engine.batch([Request(id=str(n), tokens=(1,)) for n in range(3)])
    seen: list[GenerationEvent] = []
    for event in batch:
        seen.append(event)
        if isinstance(event, Silence):
            batch.cancel()
    ends = [(event.id, event.finish_reason) for event in seen if isinstance(event, Finished)]
    assert ends == [("1", "stop"), ("2", "stop"), ("0", "cancelled")]
    assert said([event for event in seen if event.id == "0"]) == "a"


def test_requests_are_added_to_a_batch_and_one_is_cancelled() -> None:
    never = threading.Event()
    engine = ScriptedEngine([Answer("a b", hold=never, hold_at=1), Answer("c"), Answer("d")])
    batch = engine.batch([Request(id=id, tokens=(1,)) for id in ("held", "short")])
    seen: list[GenerationEvent] = []
    for event in batch:
        seen.append(event)
        if isinstance(event, Finished) and event.id == "short":
            batch.add([Request(id="bad", tokens=()), Request(id="more", tokens=(1,))])
        elif isinstance(event, Finished) and event.id == "more":
            batch.cancel("short")  # which has ended
            batch.cancel("held")
    ends = [(event.id, event.finish_reason) for event in seen if isinstance(event, Finished)]
    assert ends == [("short", "stop"), ("more", "stop"), ("held", "cancelled")]
    assert [event.id for event in seen if isinstance(event, Failed)] == ["bad"]


def test_a_batch_ends_with_its_engine() -> None:
    engine = ScriptedEngine([Answer("a", die=True), Answer("b c d e")])
    seen: list[GenerationEvent] = []
    with pytest.raises(EngineDied):
        seen.extend(engine.batch([Request(id=id, tokens=(1,)) for id in "xy"]))
    assert said([event for event in seen if event.id == "x"]) == "a"
    assert not any(isinstance(event, Finished) for event in seen)
    assert not engine.busy


def test_errors_come_after_the_pieces() -> None:
    engine = ScriptedEngine(
        [Answer("half", error=EngineError("broken")), Answer("half", die=True), Answer("no")]
    )
    for error in (EngineError, EngineDied):
        stream = iter(engine.submit(Request(id="r", tokens=(1,))))
        assert next(event for event in stream if isinstance(event, TextDelta)).text == "half"
        with pytest.raises(error):
            next(stream)
    assert not engine.alive()
    assert engine.death() is not None
    with pytest.raises(EngineDied):
        engine.render(HELLO)


def test_closing_ends_a_running_answer() -> None:
    engine = ScriptedEngine([Answer("one two three")])
    stream = iter(engine.submit(Request(id="r", tokens=(1,))))
    next(event for event in stream if isinstance(event, TextDelta))
    engine.close()
    engine.close()
    with pytest.raises(EngineDied):
        list(stream)


def test_seeds_are_told() -> None:
    engine = ScriptedEngine(lambda _: Answer("x"))
    assert end(ask(engine, sampling=Sampling(seed=5))).seed == 5
    assert end(ask(engine)).seed is not None


def test_scores_and_vectors_are_always_the_same() -> None:
    engine = ScriptedEngine([])
    tokens = engine.tokenize("some words")
    assert engine.score([], tokens) == engine.score([], tokens)
    assert len(engine.score([], tokens)) == len(tokens)
    one, two, again = engine.embed(["a", "b", "a"])
    assert one == again != two
    assert len(one) == engine.info.embedding_size
    assert sum(x * x for x in one) == pytest.approx(1.0)


def test_odd_tokens_and_prompts_are_refused() -> None:
    engine = ScriptedEngine([Answer("x")])
    with pytest.raises(UserError):
        engine.detokenize([10**6])
    with pytest.raises(UserError):
        engine.submit(Request(id="r", tokens=()))
    with pytest.raises(UserError):
        list(engine.submit(Request(id="r", tokens=(1,) * 5000)))


def test_a_pool_starts_scripted_engines() -> None:
    pool = EnginePool(start=ScriptedEngine.starter([Answer("from the pool")]))
    assert list(pool.loading(LoadOptions(path="/m.gguf", context_size=512))) == [0.25, 0.5, 0.75, 1.0]
    engine = pool.acquire(LoadOptions(path="/m.gguf", context_size=512))
    assert engine.info.context_size == 512
    assert said(ask(engine)) == "from the pool"
    assert [(model.path, model.busy) for model in pool.loaded()] == [("/m.gguf", False)]
    pool.close()
    assert not engine.alive()


def test_adapters_are_noted_and_what_was_cached_is_forgotten() -> None:
    tuned = LoadOptions(path="/m", adapters=(Adapter("/lora"),))
    engine = ScriptedEngine(lambda _request: Answer("yes"), options=tuned)
    assert engine.info.adapters == tuned.adapters
    ask(engine)
    assert end(ask(engine)).usage.cached_tokens > 0
    engine.set_adapters([])
    assert engine.info.adapters == ()
    assert end(ask(engine)).usage.cached_tokens == 0
