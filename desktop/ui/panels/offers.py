"""What is offered after an answer that failed or was stopped."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any, Protocol

from PySide6.QtCore import QCoreApplication

from desktop.ui.notices import Action, Notice, error_notice
from desktop.ui.panels.exchange import Exchange
from desktop.workbench.loading import OutOfMemory
from desktop.workbench.store import MessageRow
from desktop.workbench.turn import ContextFull
from models.errors import EngineDied, EngineError, UserError

if TYPE_CHECKING:
    from models.fit import Retry

CONTEXT_STEPS = tuple(1 << power for power in range(11, 21))


class Ways(Protocol):
    """Ways out of trouble."""

    def begin(self, start: Callable[[], Iterable[Any] | None]) -> None: ...
    def regenerate(self, message: str) -> None: ...
    def restart(self, message: str) -> None: ...
    def choose_model(self) -> None: ...
    def use(self, question: MessageRow, change: str, value: int | str) -> None: ...
    def start_over(self, text: str) -> None: ...
    def withdraw(self, question: MessageRow) -> None: ...


def larger_contexts(needed: int, present: int, longest: int) -> list[int]:
    """Context sizes that hold `needed` tokens where `present` does not: the next one and the longest."""
    sizes = [size for size in (*CONTEXT_STEPS, longest) if max(present + 1, needed) <= size <= longest]
    return sorted({min(sizes), max(sizes)}) if sizes else []


def question_of(exchange: Exchange, rows: Sequence[MessageRow]) -> MessageRow | None:
    """What is being answered; `rows` are the conversation's messages, when it is shown."""
    return exchange.question or next((row for row in reversed(rows) if row.role == "user"), None)


def after_stop(exchange: Exchange, rows: Sequence[MessageRow], ways: Ways) -> Notice | None:
    """What to say when it was stopped before there was an answer; nothing where one stands already."""
    question = question_of(exchange, rows)
    if question is None or (exchange.question is None and rows[-1] is not question):
        return None
    label = QCoreApplication.translate("Chat", "Answer it now")
    sentence = QCoreApplication.translate("Chat", "Stopped. Your message is kept, without an answer.")
    return Notice(sentence, actions=((label, partial(ways.regenerate, question.id)),), kind="info")


def after_failure(
    exchange: Exchange, error: Exception, rows: Sequence[MessageRow], longest: int, ways: Ways
) -> Notice:
    """What to say about an error, with the ways out that fit; `longest`: the model's longest context."""
    last = exchange.answer or exchange.question
    if isinstance(error, ContextFull):
        return error_notice(error, _context_actions(exchange, error, rows, longest, ways))
    if last is None and exchange.sent:
        return error_notice(error)  # the text is back in the composer
    retry = partial(ways.begin, exchange.start) if last is None else partial(ways.regenerate, last.id)
    if isinstance(error, EngineDied):
        label = QCoreApplication.translate("Chat", "Restart")
        return error_notice(error, [(label, retry if last is None else partial(ways.restart, last.id))])
    again = (QCoreApplication.translate("Chat", "Try again"), retry)
    if isinstance(error, EngineError) or not isinstance(error, UserError):
        return error_notice(error, [again])
    choose = (QCoreApplication.translate("Chat", "Choose a model"), ways.choose_model)
    question = question_of(exchange, rows)
    if question is not None and (found := lighter(error, partial(ways.use, question))):
        return error_notice(error, [*found, choose])
    return error_notice(error, [choose, again])


def lighter(error: Exception, use: Callable[[str, int | str], object]) -> list[Action]:
    """Settings that need less memory, for an error that says it ran out; `use` is given key and value."""
    return [
        (_lighter_words(way), partial(use, *_lighter_setting(way)))
        for way in (error.ways if isinstance(error, OutOfMemory) else ())
    ]


def _lighter_setting(way: Retry) -> tuple[str, int | str]:
    key = "gpu_layers" if way.change == "cpu" else way.change
    return key, getattr(way.plan.options, key)


def _lighter_words(way: Retry) -> str:
    options = way.plan.options
    if way.change == "context_size":
        text = QCoreApplication.translate("Chat", "Use a context of {size}")
        return text.format(size=options.context_size)
    if way.change == "kv_type":
        text = QCoreApplication.translate("Chat", "Keep the context as {type}")
        return text.format(type=options.kv_type)
    if way.change == "gpu_layers":
        text = QCoreApplication.translate("Chat", "Put {n} layers on the graphics card")
        return text.format(n=options.gpu_layers)
    return QCoreApplication.translate("Chat", "Use the processor only")


def _context_actions(
    exchange: Exchange, error: ContextFull, rows: Sequence[MessageRow], longest: int, ways: Ways
) -> list[Action]:
    """More context, a new chat, or another message."""
    question = question_of(exchange, rows)
    if question is None:
        return []
    actions: list[Action] = []
    tokens, present = int(str(error.params["tokens"])), int(str(error.params["context_size"]))
    # The answer's share grows with the context, up to 256 tokens.
    for size in larger_contexts(tokens + 256, present, longest):
        label = QCoreApplication.translate("Chat", "Use a context of {size}").format(size=size)
        actions.append((label, partial(ways.use, question, "context_size", size)))
    if exchange.question is None and rows[-1].id != question.id:
        return actions  # it has an answer already, which stays
    if question.parent is not None:
        label = QCoreApplication.translate("Chat", "Start a new chat with this message")
        actions.append((label, partial(ways.start_over, question.content)))
    label = QCoreApplication.translate("Chat", "Edit message")
    actions.append((label, partial(ways.withdraw, question)))
    return actions
