"""What the store gives out, and the small conversions between Python values and columns."""

from __future__ import annotations

import json
import secrets
import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

ROLES = frozenset({"system", "user", "assistant"})
STATUSES = frozenset({"done", "streaming", "stopped", "interrupted", "failed"})


@dataclass(frozen=True, slots=True)
class ConversationRow:
    """A conversation as it is stored.

    Attributes:
        created, updated: unix seconds. `updated` moves with messages, not with a new title.
        model: library id or path; empty for the default model.
        settings: the chat settings as a plain dict.
        leaf: id of the message the conversation currently ends with; None when it has none.
        messages: how many messages there are in all branches, deleted ones left out.
    """

    id: str
    title: str
    created: float
    updated: float
    system: str
    model: str
    settings: dict[str, Any]
    leaf: str | None
    messages: int


@dataclass(frozen=True, slots=True)
class MessageRow:
    """A message as it is stored, with what it was made with.

    Attributes:
        status: one of done, streaming, stopped, interrupted, failed.
        sibling, siblings: 0-based place among the messages with the same parent, and their number.
    """

    id: str
    conversation: str
    parent: str | None
    role: str
    content: str
    thinking: str
    status: str
    created: float
    model: str
    system: str
    settings: dict[str, Any]
    finish_reason: str
    usage: dict[str, Any]
    timings: dict[str, Any]
    error: str
    sibling: int
    siblings: int


@dataclass(frozen=True, slots=True)
class ModelRow:
    """What the user keeps about a model.

    Attributes:
        id: of the library.
        settings: what this model is loaded and answers with, where it differs from the app's settings.
        used: when it last answered, unix seconds; 0.0 for never.
    """

    id: str
    note: str = ""
    settings: dict[str, Any] = field(default_factory=dict)
    used: float = 0.0


@dataclass(frozen=True, slots=True)
class TrashRow:
    """Something deleted that can still be restored.

    Attributes:
        id: of the conversation or the topmost deleted message: what `restore_...` takes.
        text: the conversation's title, or how the message begins.
        deleted: when, unix seconds.
        messages: how many messages come back with it.
    """

    kind: Literal["conversation", "message"]
    id: str
    conversation: str
    text: str
    deleted: float
    messages: int


def conversation_row(row: tuple[Any, ...]) -> ConversationRow:
    """Make a record of columns in the order of the record's fields."""
    values: list[Any] = list(row)
    values[6] = from_json(values[6])
    return ConversationRow(*values)


def message_row(row: tuple[Any, ...]) -> MessageRow:
    """Make a record of columns in the order of the record's fields."""
    values: list[Any] = list(row)
    for place in (10, 12, 13):  # settings, usage, timings
        values[place] = from_json(values[place])
    return MessageRow(*values)


def model_row(row: tuple[Any, ...]) -> ModelRow:
    """Make a record of columns in the order of the record's fields."""
    id, note, settings, used = row
    return ModelRow(id, note, from_json(settings), used)


def clean(text: str) -> str:
    """Text that UTF-8 can hold: surrogate pairs joined, lone surrogates as U+FFFD."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    return text


def to_json(value: object) -> str:
    """JSON text that can be stored."""
    return clean(json.dumps(value, ensure_ascii=False))


def from_json(text: str) -> dict[str, Any]:
    """The stored dict; anything that is none, such as after damage, is an empty one."""
    if text == "{}":
        return {}
    try:
        value = json.loads(text)
    except ValueError:
        return {}
    return value if isinstance(value, dict) else {}


def checked_json(value: Mapping[str, Any] | None) -> str:
    """JSON text of a dict column."""
    return to_json(dict(value)) if value else "{}"


_last = 0
_last_lock = threading.Lock()


def new_id() -> str:
    """A fresh id of 32 hex digits: nanoseconds, then chance; later ones sort after earlier ones."""
    global _last
    with _last_lock:
        _last = max(time.time_ns(), _last + 1)
        return f"{_last:016x}{secrets.token_hex(8)}"
