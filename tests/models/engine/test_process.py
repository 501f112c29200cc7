from __future__ import annotations

from multiprocessing import connection

import pytest

from models.engine.process import Inbox, Outbox
from models.engine.protocol import (
    Cancel,
    Event,
    Finished,
    TextDelta,
    ThinkingDelta,
    Timings,
    Tokenize,
    Usage,
    decode_event,
    encode,
)
from models.engine.transport import Link

END = Finished(
    id="a",
    finish_reason="stop",
    usage=Usage(prompt_tokens=1, cached_tokens=0, completion_tokens=3),
    timings=Timings(),
)


def sent_by(events: list[Event], monkeypatch: pytest.MonkeyPatch) -> list[Event]:
    """What goes over the wire when these events come at the same moment, after some silence."""
    monkeypatch.setattr("models.engine.process.time.perf_counter", lambda: 100.0)
    wire: list[bytes] = []
    outbox = Outbox(wire.append)
    for event in events:
        outbox.put(event)
    return [decode_event(data) for data in wire]


def test_text_that_comes_fast_is_joined_and_the_first_piece_is_not_held(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    pieces: list[Event] = [TextDelta(id="a", text=text) for text in ("one", " two", " three")]
    assert sent_by([*pieces, END], monkeypatch) == [
        TextDelta(id="a", text="one"),
        TextDelta(id="a", text=" two three"),
        END,
    ]


def test_the_order_of_thinking_and_text_is_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    events: list[Event] = [
        TextDelta(id="b", text="x"),
        ThinkingDelta(id="a", text="hm"),
        ThinkingDelta(id="a", text="m"),
        TextDelta(id="a", text="yes"),
        TextDelta(id="b", text="y"),
        END,
    ]
    sent = sent_by(events, monkeypatch)
    mine = [e for e in sent if not isinstance(e, Finished) and e.id == "a"]  # type: ignore[union-attr]
    assert mine == [ThinkingDelta(id="a", text="hmm"), TextDelta(id="a", text="yes")]
    assert "".join(e.text for e in sent if isinstance(e, TextDelta) and e.id == "b") == "xy"
    assert sent[-1] == END


def inbox_with(*messages: bytes) -> Inbox:
    """An inbox in which these messages have arrived, from an app that is gone."""
    ours, theirs = connection.Pipe()
    for message in messages:
        theirs.send_bytes(message)
    theirs.close()
    return Inbox(Link(ours))


def test_a_cancellation_interrupts_and_keeps_its_place_in_the_queue() -> None:
    first, cancel = Tokenize(id="1", text="x"), Cancel(id="a")
    inbox = inbox_with(encode(first), encode(cancel))
    assert inbox.interrupting()
    assert [inbox.take(), inbox.take(), inbox.take()] == [first, cancel, None]


def test_the_end_of_the_app_interrupts() -> None:
    inbox = inbox_with()
    assert inbox.interrupting()
    assert inbox.closed
