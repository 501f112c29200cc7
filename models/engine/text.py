"""The bytes of sampled tokens -> text as it is shown: whole characters, stop strings, thinking apart."""

from __future__ import annotations

import codecs
import re
from collections.abc import Sequence
from typing import Literal

from models.engine.protocol import ThinkingTags
from models.templates import answer_marks

Part = tuple[Literal["text", "thinking"], str]

MARGIN = 8
"""Most white space before the thinking tag; after more it is an answer."""


class _Finder:
    """Finds the first of several strings in a text that comes in parts.

    What could be the beginning of one is held back. The first to be complete is found; of two that
    are complete at the same character, the longer. Each character is looked at once for each string
    (Knuth, Morris and Pratt), and not at all while nothing that could begin one is in sight.
    """

    def __init__(self, strings: Sequence[str]) -> None:
        self._strings = [string for string in dict.fromkeys(strings) if string]
        self._failures = [_failures(string) for string in self._strings]
        self._states = [0] * len(self._strings)
        firsts = "".join(re.escape(string[0]) for string in self._strings)
        self._first = re.compile(f"[{firsts}]") if firsts else None
        self.held = ""

    def feed(self, text: str) -> tuple[str, str | None]:
        """Add text; returns what surely stands before any of the strings, and what follows one found."""
        if self._first is None:
            return text, None
        whole = self.held + text
        at = len(self.held)
        longest = at
        while at < len(whole):
            if not longest:
                found = self._first.search(whole, at)
                if found is None:
                    break
                at = found.start()
            longest, complete = self._step(whole[at])
            at += 1
            if complete:
                self.held = ""
                return whole[: at - complete], whole[at:]
        self.held = whole[len(whole) - longest :]
        return whole[: len(whole) - longest], None

    def flush(self) -> str:
        """What is held back, at the end."""
        held, self.held = self.held, ""
        return held

    def _step(self, character: str) -> tuple[int, int]:
        """Longest beginning of a string that the text ends with now; length of one that is complete."""
        longest = complete = 0
        for index, string in enumerate(self._strings):
            state = self._states[index]
            while state and string[state] != character:
                state = self._failures[index][state - 1]
            if string[state] == character:
                state += 1
            if state == len(string):
                complete = max(complete, state)
                state = 0
            self._states[index] = state
            longest = max(longest, state)
        return longest, complete


def _failures(string: str) -> list[int]:
    """For each beginning of the string, the length of its longest proper border."""
    borders = [0] * len(string)
    length = 0
    for at in range(1, len(string)):
        while length and string[at] != string[length]:
            length = borders[length - 1]
        if string[at] == string[length]:
            length += 1
        borders[at] = length
    return borders


class TokenText:
    """Turns the bytes of one answer's tokens into parts of text and thinking.

    A character that is spread over tokens comes once and whole; bytes that are no UTF-8 become
    U+FFFD, as `bytes.decode(errors="replace")` would have it. Thinking is one block before the answer,
    without its tags and the line breaks after them; tags later in the answer are text. Stop strings end
    the answer and do not count inside thinking.

    Attributes:
        stopped: a stop string was found; nothing comes after it.
    """

    def __init__(self, stop: Sequence[str] = (), thinking: ThinkingTags | None = None) -> None:
        self.stopped = False
        self._decoder = codecs.getincrementaldecoder("utf-8")(errors="replace")
        self._stop = _Finder(stop)
        self._tags = thinking
        self._marks = answer_marks(thinking) if thinking else ()
        self._end = _Finder((thinking.end,) if thinking else ())
        # Where in the output we are; "before" and "between" hold back what a mark may still come from.
        self._state: Literal["before", "thinking", "between", "answer"] = "answer"
        self._held = ""
        self._fresh = False  # thinking has begun, and its first line breaks are to be left out
        if thinking:
            self._state = "thinking" if thinking.open_at_start else "before"
            self._fresh = thinking.open_at_start

    def push(self, data: bytes) -> list[Part]:
        """The parts that the bytes of one more token complete; adjacent parts of a kind are one."""
        if self.stopped:
            return []
        text = self._decoder.decode(data)
        return self._take(text) if text else []

    def finish(self) -> list[Part]:
        """What was held back, once no more tokens come."""
        if self.stopped:
            return []
        parts = self._take(self._decoder.decode(b"", final=True))
        if self._state == "thinking":
            parts += _part("thinking", self._end.flush())
        else:
            held, self._held = self._held, ""
            parts += self._answer(held)
            parts += _part("text", "" if self.stopped else self._stop.flush())
        return _joined(parts)

    def _take(self, text: str) -> list[Part]:
        parts: list[Part] = []
        rest: str | None = text
        while rest is not None and not self.stopped:
            text = rest
            if self._state == "before":
                rest = self._before(text)
            elif self._state == "thinking":
                thought, rest = self._end.feed(text)
                if self._fresh:
                    thought = thought.lstrip("\n")
                    self._fresh = not thought
                parts += _part("thinking", thought)
                if rest is not None:
                    self._state = "between"
            elif self._state == "between":
                rest = self._between(text)
            else:
                parts += self._answer(text)
                rest = None
        return _joined(parts)

    def _before(self, text: str) -> str | None:
        """At the start of the output: thinking, the mark of an answer, or the answer itself?"""
        assert self._tags is not None
        self._held += text
        inner = self._held.lstrip()
        margin = len(self._held) - len(inner)
        if margin <= MARGIN:
            if inner.startswith(self._tags.start):
                self._state, self._fresh, self._held = "thinking", True, ""
                return inner[len(self._tags.start) :]
            for mark in self._marks:
                if inner.startswith(mark):
                    self._state, self._held = "answer", ""
                    return inner[len(mark) :]
            if any(mark.startswith(inner) for mark in (self._tags.start, *self._marks)):
                return None
        self._state = "answer"
        held, self._held = self._held, ""
        return held

    def _between(self, text: str) -> str | None:
        """After thinking: line breaks and the mark of an answer are left out."""
        self._held = (self._held + text).lstrip("\n")
        for mark in self._marks:
            if self._held.startswith(mark):
                self._held = self._held[len(mark) :]
                break
        else:
            if not self._held or any(mark.startswith(self._held) for mark in self._marks):
                return None
        self._state = "answer"
        held, self._held = self._held, ""
        return held

    def _answer(self, text: str) -> list[Part]:
        released, rest = self._stop.feed(text)
        self.stopped = rest is not None
        return _part("text", released)


def _part(kind: Literal["text", "thinking"], text: str) -> list[Part]:
    return [(kind, text)] if text else []


def _joined(parts: list[Part]) -> list[Part]:
    joined: list[Part] = []
    for kind, text in parts:
        if joined and joined[-1][0] == kind:
            joined[-1] = (kind, joined[-1][1] + text)
        else:
            joined.append((kind, text))
    return joined
