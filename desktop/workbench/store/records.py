"""What the store gives out, and the small conversions between Python values and columns."""

from __future__ import annotations

import json
import secrets
import threading
import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

ROLES = frozenset({"system", "user", "assistant"})
STATUSES = frozenset({"done", "streaming", "stopped", "interrupted", "failed"})
TASKS = frozenset({"summarize", "rewrite"})
RUN_STATUSES = frozenset({"running", "done", "stopped", "interrupted", "failed"})
PART_STATUSES = frozenset({"waiting", "done", "failed"})


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
class RunRow:
    """A run as it is stored: one task on one or more documents, with its result.

    Attributes:
        task: "summarize" or "rewrite".
        created, updated: unix seconds.
        status: one of running, done, stopped, interrupted, failed.
        model: library id or path.
        options: what was asked for, as a plain dict.
        data: what the task keeps beside its result (links, coverage, choices), as a plain dict.
        problems: plain dicts of `Problem`.
        usage: tokens; timings: seconds.
    """

    id: str
    task: str
    title: str
    created: float
    updated: float
    status: str
    model: str
    options: dict[str, Any]
    result: str
    data: dict[str, Any]
    problems: list[dict[str, Any]]
    usage: dict[str, Any]
    timings: dict[str, Any]
    error: str


@dataclass(frozen=True, slots=True)
class PartRow:
    """A part of a run: one request to the model and what came of it.

    Attributes:
        number: its place in the run, from 0.
        level: 0 for parts of a document, above that for what is made of other parts.
        source: which document of the run, from 0; -1 for all of them together.
        start, end: of the characters of that document it covers.
        inputs: numbers of the parts it is made of.
        variant: which of several alternatives, from 0.
        title: where it is, in the document's own words, such as its heading.
        status: one of waiting, done, failed.
        attempts: requests that were made for it.
        problems: plain dicts of `Problem`.
        data: what the task keeps with it, as a plain dict.
        usage: tokens.
    """

    number: int
    level: int
    source: int
    start: int
    end: int
    inputs: tuple[int, ...] = ()
    variant: int = 0
    title: str = ""
    status: str = "waiting"
    text: str = ""
    attempts: int = 0
    problems: tuple[dict[str, Any], ...] = ()
    data: dict[str, Any] = field(default_factory=dict)
    usage: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class OwnPrompt:
    """A task of the person's own.

    Attributes:
        task: "summarize" or "rewrite". name: as the person calls it. instruction: what the model is told.
    """

    id: str
    task: str
    name: str
    instruction: str


@dataclass(frozen=True, slots=True)
class TrashRow:
    """Something deleted that can still be restored.

    Attributes:
        id: of the conversation, the topmost deleted message, or the run: what `restore...` takes.
        conversation: whose message; empty for a run.
        text: the title of the conversation or the run, or how the message begins.
        deleted: when, unix seconds.
        messages: how many messages come back with it.
    """

    kind: Literal["conversation", "message", "run"]
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


def run_row(row: tuple[Any, ...]) -> RunRow:
    """Make a record of columns in the order of the record's fields."""
    values: list[Any] = list(row)
    for place in (7, 9, 11, 12):  # options, data, usage, timings
        values[place] = from_json(values[place])
    values[10] = from_json_list(values[10])
    return RunRow(*values)


def part_row(row: tuple[Any, ...]) -> PartRow:
    """Make a record of columns in the order of the record's fields."""
    values: list[Any] = list(row)
    values[5] = tuple(from_json_list(values[5]))  # inputs
    values[11] = tuple(from_json_list(values[11]))  # problems
    for place in (12, 13):  # data, usage
        values[place] = from_json(values[place])
    return PartRow(*values)


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


def from_json_list(text: str) -> list[Any]:
    """The stored list; anything that is none, such as after damage, is an empty one."""
    if text == "[]":
        return []
    try:
        value = json.loads(text)
    except ValueError:
        return []
    return value if isinstance(value, list) else []


def checked_list(value: Iterable[Any]) -> str:
    """JSON text of a list column."""
    return to_json(list(value))


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
