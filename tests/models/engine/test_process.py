from __future__ import annotations

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


class Pipe:
    """The receiving end of a pipe with messages in it; closed when they are read."""

    def __init__(self, *messages: bytes) -> None:
        self.messages = list(messages)

    def poll(self, _timeout: float | None) -> bool:
        return True

    def recv_bytes(self, _limit: int) -> bytes:
        if not self.messages:
            raise EOFError
        return self.messages.pop(0)


def test_a_cancellation_interrupts_and_keeps_its_place_in_the_queue() -> None:
    first, cancel = Tokenize(id="1", text="x"), Cancel(id="a")
    inbox = Inbox(Link(Pipe(encode(first), encode(cancel))))
    assert inbox.interrupting()
    assert [inbox.take(), inbox.take(), inbox.take()] == [first, cancel, None]


def test_the_end_of_the_app_interrupts() -> None:
    inbox = Inbox(Link(Pipe()))
    assert inbox.interrupting()
    assert inbox.closed
