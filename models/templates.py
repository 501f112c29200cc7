"""Messages -> prompt: a model's own chat template, run as the untrusted program that it is.

A template comes with a model file from anywhere, and messages come from people and documents. So
the template runs in a sandbox that bounds its time, its memory and what it can reach, and control
strings inside messages are cut out of the rendered prompt as plain text. Nothing here needs the
model: `ChatTemplate` works on strings, its `Rendered` is tokenized piece by piece by the engine.
"""

from __future__ import annotations

import re
import threading
import time
from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import pairwise
from typing import Any, Literal

from models.engine.protocol import Chat, Message, Role, ThinkingTags
from models.errors import UserError
from models.sandbox import TIME_LIMIT_S, Program, TemplateError, TemplateLimit

# ---------------------------------------------------------------- thinking


@dataclass(frozen=True)
class ThinkingStyle:
    """How a family of models marks its thinking.

    Attributes:
        start, end: the marks around it.
        inner: what stands between a mark and the thinking. outer: between `end` and the answer.
        answer: opens an answer that was not thought about; stands before it and is no part of it.
        stop: closes the answer, where the model's own end of turn does not.
        sign: what gives the style away in a template's source; `end` where empty.
    """

    start: str
    end: str
    inner: str = ""
    outer: str = ""
    answer: str = ""
    stop: tuple[str, ...] = ()
    sign: str = ""


THINKING_STYLES = (
    ThinkingStyle(
        "<|channel|>analysis<|message|>",
        "<|end|><|start|>assistant<|channel|>final<|message|>",
        answer="<|channel|>final<|message|>",
        sign="<|channel|>analysis<|message|>",
    ),
    ThinkingStyle("<|channel>thought\n", "<channel|>", outer="", sign="<|channel>thought"),
    ThinkingStyle(
        "<|START_THINKING|>",
        "<|END_THINKING|>",
        outer="<|START_RESPONSE|>",
        answer="<|START_RESPONSE|>",
        stop=("<|END_RESPONSE|>",),
        sign="<|START_RESPONSE|>",
    ),
    ThinkingStyle(
        "<|START_THINKING|>",
        "<|END_THINKING|>",
        outer="<|START_TEXT|>",
        answer="<|START_TEXT|>",
        stop=("<|END_TEXT|>",),
        sign="<|START_TEXT|>",
    ),
    ThinkingStyle("<|START_THINKING|>", "<|END_THINKING|>"),
    ThinkingStyle(
        "<|think|>",
        "<|end|><|begin|>assistant<|content|>",
        answer="<|content|>",
        sign="<|begin|>assistant<|think|>",
    ),
    ThinkingStyle("[THINK]", "[/THINK]"),
    ThinkingStyle("<seed:think>", "</seed:think>"),
    ThinkingStyle("<mm:think>", "</mm:think>"),
    ThinkingStyle("<think>", "</think>", inner="\n", outer="\n\n"),
    ThinkingStyle("<thinking>", "</thinking>", inner="\n", outer="\n\n"),
)
"""The known styles; the first whose sign is in a template's source is the template's."""


def thinking_style(source: str) -> ThinkingStyle | None:
    """The style a template uses, None when it knows no thinking."""
    return next((style for style in THINKING_STYLES if (style.sign or style.end) in source), None)


def answer_marks(tags: ThinkingTags) -> tuple[str, ...]:
    """What a model with these tags may write before an answer, and what is no part of it."""
    return tuple(style.answer for style in THINKING_STYLES if style.start == tags.start and style.answer)


# ---------------------------------------------------------------- text that must stay text


class _Control:
    """The control strings of a vocabulary, found in texts at every place, overlapping ones too."""

    def __init__(self, texts: Iterable[str]) -> None:
        self._texts = frozenset(filter(None, texts))
        self._lengths: dict[str, list[int]] = {}
        for text in self._texts:
            self._lengths.setdefault(text[0], []).append(len(text))
        for first, lengths in self._lengths.items():
            self._lengths[first] = sorted(set(lengths), reverse=True)
        firsts = "".join(map(re.escape, self._lengths))
        self._first = re.compile(f"[{firsts}]" if firsts else r"(?!)")

    def length_at(self, text: str, start: int) -> int:
        """The length of the longest control string that begins at `start`, 0 for none."""
        for length in self._lengths.get(text[start : start + 1], ()):
            if text[start : start + length] in self._texts:
                return length
        return 0

    def broken(self, text: str, mark: str) -> str:
        """The text with `mark` after the first character of every control string in it."""
        cuts = [at.end() for at in self._first.finditer(text) if self.length_at(text, at.start())]
        return mark.join(text[a:b] for a, b in pairwise([0, *cuts, len(text)]))

    def pieces(self, text: str, mark: str) -> tuple[Piece, ...]:
        """Undo `broken` in a rendered prompt, control strings that were broken as plain pieces."""
        whole = text.replace(mark, "")
        plain: list[tuple[int, int]] = []
        at = 0
        for segment in text.split(mark)[:-1]:
            at += len(segment)
            start = at - 1
            end = start + self.length_at(whole, start) if at else 0
            if end <= start:
                continue  # the template cut the control string: nothing is left that could be one
            if plain and start <= plain[-1][1]:
                plain[-1] = (plain[-1][0], max(end, plain[-1][1]))
            else:
                plain.append((start, end))
        pieces: list[Piece] = []
        done = 0
        for start, end in plain:
            pieces += (Piece(whole[done:start], True), Piece(whole[start:end], False))
            done = end
        pieces.append(Piece(whole[done:], True))
        return tuple(piece for piece in pieces if piece.text)


def _unused_character(texts: Sequence[str]) -> str:
    """A private-use character that none of the texts has."""
    for first, last in ((0xE000, 0xF8FF), (0xF0000, 0x10FFFD)):
        for code in range(first, last):
            if not any(chr(code) in text for text in texts):
                return chr(code)
    raise TemplateError("the messages leave no character free")


_SURROGATE = re.compile("[\ud800-\udfff]")


def _clean(text: str) -> str:
    """Lone surrogates become U+FFFD: no tokenizer and no store can take them."""
    return _SURROGATE.sub("\ufffd", text)


# ---------------------------------------------------------------- messages in the shape a template takes

Shape = Callable[[Sequence[Message]], list[Message]]


def _fold_system(messages: Sequence[Message]) -> list[Message]:
    """System texts put at the head of the next user turn."""
    folded: list[Message] = []
    waiting: list[str] = []
    for message in messages:
        if message.role == "system":
            waiting.append(message.content)
        elif message.role == "user":
            folded.append(
                Message(role="user", content="\n\n".join(filter(None, [*waiting, message.content])))
            )
            waiting = []
        else:
            folded.append(message)
    if waiting:
        folded.append(Message(role="user", content="\n\n".join(waiting)))
    return folded


def _merge_turns(messages: Sequence[Message]) -> list[Message]:
    """Consecutive turns of one role made one."""
    merged: list[Message] = []
    for message in messages:
        if merged and merged[-1].role == message.role:
            last = merged.pop()
            message = Message(
                role=message.role,
                content=f"{last.content}\n\n{message.content}",
                thinking="\n\n".join(filter(None, (last.thinking, message.thinking))),
            )
        merged.append(message)
    return merged


_SHAPES: tuple[tuple[Shape, ...], ...] = ((), (_fold_system,), (_merge_turns,), (_fold_system, _merge_turns))


def _shaped(messages: Sequence[Message], shapes: Sequence[Shape]) -> list[Message]:
    result = list(messages)
    for shape in shapes:
        result = shape(result)
    return result


# ---------------------------------------------------------------- the template


@dataclass(frozen=True)
class Piece:
    """A part of a prompt. `special`: its control strings are control tokens; else it is all text."""

    text: str
    special: bool


@dataclass(frozen=True)
class Rendered:
    """A chat as the model shall see it.

    Attributes:
        pieces: the prompt in order, to be tokenized one by one.
        stop: strings that end the answer besides the model's own end of turn.
        thinking: how this model marks thinking, None when its template knows none.
        format: "plain" for a model without a template.
    """

    pieces: tuple[Piece, ...]
    stop: tuple[str, ...] = ()
    thinking: ThinkingTags | None = None
    format: Literal["template", "plain"] = "template"

    @property
    def text(self) -> str:
        """The whole prompt."""
        return "".join(piece.text for piece in self.pieces)


class ChatTemplate:
    """A model's chat template, or the plain format for a model that has none.

    Where a template does not take a chat as it is, the chat is put into a shape that it takes: the
    system text goes into the first user turn, consecutive turns of one role become one. Which
    shape is found with probe texts, so it depends on the roles and never on what was written.
    """

    def __init__(
        self,
        source: str | None,
        *,
        bos: str = "",
        eos: str = "",
        control: Collection[str] = (),
        time_limit_s: float = TIME_LIMIT_S,
    ) -> None:
        """Compile `source`; raises TemplateError when it is no template.

        `bos` and `eos` are what the template may print; `control` are the texts of the vocabulary's
        control and unknown tokens.
        """
        source = _clean(source) if source is not None else None
        self.source = source
        self._bos = bos
        self._eos = eos
        self._control = _Control({*control, bos, eos})
        self._time_limit_s = time_limit_s
        self._style = thinking_style(source) if source is not None else None
        self._shapes: dict[tuple[tuple[Role, ...], bool | None], tuple[Shape, ...]] = {}
        self._lock = threading.RLock()  # the sandbox holds the budget of one render
        self._program = None if source is None else Program(source, self._ends())

    def check(self) -> None:
        """Render trial chats; raises TemplateError with the reason when the template is of no use."""
        for roles in (
            ("user",),
            ("system", "user"),
            ("system", "user", "assistant", "user", "assistant", "user"),
        ):
            probes = _probes(roles)
            text = self.render(Chat(messages=tuple(probes))).text.casefold()
            if probes[-1].content not in text:
                raise TemplateError("it leaves out the message")

    def render(self, chat: Chat, *, now: Callable[[], datetime] = datetime.now) -> Rendered:
        """The prompt for a chat, open for the model's answer.

        With `chat.continue_last` it ends with the last message's own text instead. Raises
        TemplateError when the template cannot render these messages.
        """
        messages = [
            Message(role=m.role, content=_clean(m.content), thinking=_clean(m.thinking))
            for m in chat.messages
        ]
        if not messages:
            raise UserError("There is no message to answer.", code="empty_chat")
        last = None
        if chat.continue_last:
            last = messages.pop()
            if last.role != "assistant":
                raise UserError("Only an answer can be continued.", code="not_an_answer")
        if self._program is None:
            return self._plain(messages, last)
        return self._templated(messages, last, chat.thinking, now)

    def _ends(self) -> float:
        return time.monotonic() + self._time_limit_s

    def _templated(
        self,
        messages: list[Message],
        last: Message | None,
        thinking: bool | None,
        now: Callable[[], datetime],
    ) -> Rendered:
        written = [*messages, last] if last is not None else messages
        mark = _unused_character([self.source or "", *(m.content + m.thinking for m in written)])
        ends = self._ends()
        with self._lock:
            shapes = self._shapes_for(tuple(message.role for message in messages), thinking, now, ends)
            broken = [self._broken(message, mark) for message in _shaped(messages, shapes)]
            text = self._run(broken, thinking, now, ends)
        opened = self._ends_with(text, "start")
        if last is not None:
            text, opened = self._reopened(text, self._broken(last, mark), opened)
        style = self._style
        return Rendered(
            pieces=self._control.pieces(text, mark),
            stop=style.stop if style else (),
            thinking=ThinkingTags(start=style.start, end=style.end, open_at_start=opened) if style else None,
        )

    def _broken(self, message: Message, mark: str) -> Message:
        return Message(
            role=message.role,
            content=self._control.broken(message.content, mark),
            thinking=self._control.broken(message.thinking, mark),
        )

    def _run(
        self, messages: Sequence[Message], thinking: bool | None, now: Callable[[], datetime], ends: float
    ) -> str:
        assert self._program is not None
        variables: dict[str, Any] = {
            "messages": [_as_dict(message) for message in messages],
            "add_generation_prompt": True,
            "bos_token": self._bos,
            "eos_token": self._eos,
            "tools": None,
            "documents": None,
            "strftime_now": lambda form: now().strftime(str(form)[:200]),
        }
        if thinking is not None:
            variables["enable_thinking"] = variables["thinking"] = thinking  # the two names in use
        size = sum(len(m.content) + len(m.thinking) + 100 for m in messages)
        return self._program.run(variables, size=size, ends=ends)

    def _shapes_for(
        self, roles: tuple[Role, ...], thinking: bool | None, now: Callable[[], datetime], ends: float
    ) -> tuple[Shape, ...]:
        """How chats with these roles must be shaped: the first way in which no system text is lost."""
        key = (roles, thinking)
        if key not in self._shapes:
            if len(self._shapes) >= 64:
                self._shapes.clear()
            self._shapes[key] = self._find_shapes(_probes(roles), thinking, now, ends)
        return self._shapes[key]

    def _find_shapes(
        self, probes: list[Message], thinking: bool | None, now: Callable[[], datetime], ends: float
    ) -> tuple[Shape, ...]:
        tried: list[list[Message]] = []
        usable: tuple[Shape, ...] | None = None
        refusal: TemplateError | None = None
        for shapes in _SHAPES:
            shaped = _shaped(probes, shapes)
            if shaped in tried:
                continue
            tried.append(shaped)
            try:
                text = self._run(shaped, thinking, now, ends).casefold()
            except TemplateLimit:
                raise
            except TemplateError as error:
                refusal = refusal or error
                continue
            if all(probe.content in text for probe in probes if probe.role == "system"):
                return shapes
            usable = shapes
        if usable is None:
            assert refusal is not None
            raise refusal
        return usable

    def _ends_with(self, prompt: str, which: Literal["start", "end"]) -> bool:
        return self._style is not None and prompt.rstrip().endswith(getattr(self._style, which).rstrip())

    def _reopened(self, prompt: str, last: Message, opened: bool) -> tuple[str, bool]:
        """The prompt with an answer begun, and whether its thinking is still going on."""
        style = self._style
        if style is None:
            return prompt + last.content, False
        closed = self._ends_with(prompt, "end")
        if not (opened or (last.thinking and not closed)):
            return prompt + (style.answer if last.content else "") + last.content, False
        if not opened:
            prompt += style.start
        if not prompt.endswith("\n"):
            prompt += style.inner
        if not last.content:
            return prompt + last.thinking, True
        thought = last.thinking.strip("\n") + style.inner + style.end + style.outer
        return prompt + thought + last.content, False

    def _plain(self, messages: Sequence[Message], last: Message | None) -> Rendered:
        """A transcript with names, for models that were never taught a chat format."""
        lines = []
        for message in messages:
            lines.append(
                f"{message.content}\n\n"
                if message.role == "system"
                else f"{_NAMES[message.role]}:{_spaced(message.content)}\n"
            )
        lines.append(f"{_NAMES['assistant']}:")
        if last is not None and last.content:
            lines.append(_spaced(last.content))
        return Rendered(
            pieces=(Piece("".join(lines), False),),
            stop=(f"\n{_NAMES['user']}:",),
            format="plain",
        )


_NAMES: dict[Role, str] = {"user": "User", "assistant": "Assistant"}


def _spaced(content: str) -> str:
    # A model's answer already begins with its space; a second one would spoil the cached prefix.
    return content if content[:1].isspace() else f" {content}"


def _as_dict(message: Message) -> dict[str, str]:
    values = {"role": message.role, "content": message.content}
    if message.thinking:
        values["reasoning_content"] = message.thinking
    return values


def _probes(roles: Sequence[Role]) -> list[Message]:
    return [Message(role=role, content=f"probe{number}text") for number, role in enumerate(roles)]
