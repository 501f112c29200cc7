"""What is evaluated: the sequences of a context, what a prompt can reuse of them, and what gives way.

A finished sequence stays as a prefix for later prompts. When its cells are needed, or would slow others
down, its state moves to ordinary memory, from where it comes back in a fraction of the time that
evaluating it again would take.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from itertools import count

import psutil

from models.engine import prefix
from models.engine.llama import AdapterSet, Model, State
from models.engine.protocol import Adapter

CHECKPOINTS = 4
"""Saved states kept for a sequence whose past cannot be cut."""

CHECKPOINT_BYTES = 512 << 20
"""Memory for the checkpoints of all sequences together."""

STORED_BYTES = 1 << 30
"""Memory for sequences that were moved out, or an eighth of what is free when that is less."""

STORED_MOST = 64
"""Sequences moved out that are kept; each is compared with each new prompt."""

WORTH_STORING = 32
"""Tokens of a sequence that are worth moving; fewer are evaluated again as quickly."""

QUICKLY_STORED = 64 << 20
"""Bytes moved at once to give an answer the context to itself; more stays until its cells are needed."""


@dataclass
class Checkpoint:
    """A saved state: what `Model.restore` needs to go back to `length` tokens; `made` orders them."""

    length: int
    state: State
    made: int


@dataclass(eq=False)
class Sequence:
    """One row of the context's memory.

    Attributes:
        id: llama.cpp's sequence id. tokens: what is evaluated. busy: whether a task writes to it.
        used: time of last use, on the cache's own clock.
    """

    id: int
    tokens: list[int] = field(default_factory=list)
    busy: bool = False
    used: int = 0
    checkpoints: list[Checkpoint] = field(default_factory=list)


@dataclass(eq=False)
class Stored:
    """A sequence that was moved out of the context: its whole state, and the adapters it was made with."""

    adapters: AdapterSet
    tokens: list[int]
    state: State
    checkpoints: list[Checkpoint]

    @property
    def size(self) -> int:
        """Bytes."""
        return len(self.state) + sum(len(checkpoint.state) for checkpoint in self.checkpoints)


class Cache:
    """The sequences of one context, those that are written to and those that wait to be reused.

    Attributes:
        needs_checkpoints: whether the past of a sequence cannot simply be cut, so that states have
            to be saved on the way.
    """

    def __init__(self, model: Model) -> None:
        self.needs_checkpoints = not model.can_cut or model.window > 0
        self._model = model
        self._sequences = [Sequence(i) for i in range(model.sequences)]
        self._stored: list[Stored] = []  # the least recently used first
        self._ticks = count(1)

    # ------------------------------------------------------------ what can be reused

    def match(self, prompt: list[int]) -> int:
        """How many of the first tokens of a prompt are evaluated already."""
        return max(self._best_idle_or_busy(prompt)[1], self._best_stored(prompt)[1])

    def spell(self, tokens: list[int]) -> list[int]:
        """The prompt as the cache spells it, where the text is the same; see `prefix.respell`."""
        vocab, best, length = self._model.vocab, tokens, self.match(tokens)
        for cached in self._all_tokens():
            spelled = prefix.respell(tokens, cached, vocab.piece, vocab.control)
            n = prefix.common(spelled, cached)
            if n > length:
                best, length = spelled, n
        return best

    def _all_tokens(self) -> Iterator[list[int]]:
        yield from (sequence.tokens for sequence in self._sequences)
        yield from (stored.tokens for stored in self._of_use())

    def _of_use(self) -> Iterator[Stored]:
        """The stored sequences that were made with the adapters of now."""
        return (stored for stored in self._stored if stored.adapters == self._model.adapters)

    def _best_idle_or_busy(self, prompt: list[int]) -> tuple[Sequence | None, int]:
        """The sequence whose evaluated tokens share the longest prefix with `prompt`."""
        best, length = None, 0
        for sequence in self._sequences:
            n = prefix.common(sequence.tokens, prompt)
            if n > length:
                best, length = sequence, n
        return best, length

    def _best_stored(self, prompt: list[int]) -> tuple[Stored | None, int]:
        best, length = None, 0
        for stored in self._of_use():
            n = self._usable(stored, prefix.common(stored.tokens, prompt))
            if n > length:
                best, length = stored, n
        return best, length

    def _usable(self, stored: Stored, length: int) -> int:
        """How many of the first `length` tokens can be had of a sequence when it comes back."""
        whole = length == len(stored.tokens)
        kept = self._model.can_cut and len(stored.tokens) <= (self._model.window or len(stored.tokens))
        if whole or kept:
            return length
        return max((c.length for c in stored.checkpoints if c.length <= length), default=0)

    # ------------------------------------------------------------ to write and to let go

    def claim(self, prompt: list[int], most: int, *, alone: bool) -> tuple[Sequence, int]:
        """A sequence to go on with, and how many tokens of the prompt it has, `most` at the most.

        With `alone` no other sequence is busy. Then this one gets the context to itself as far as that
        is done quickly: attention passes over the cells of others at each step, which a small model
        feels.
        """
        wanted = prompt[:most]
        source, length = self._best_idle_or_busy(wanted)
        stored, longer = self._best_stored(wanted)
        restore = stored is not None and longer >= length + WORTH_STORING and self._fits(stored)
        if alone:
            self._move_quickly(None if restore else source)
        if restore and stored is not None and (sequence := self._restore(stored)) is not None:
            length = self._cut(sequence, longer)
        else:
            sequence, length = self._take(source, length, alone=alone)
        sequence.busy = True
        return sequence, length

    def _fits(self, stored: Stored) -> bool:
        """Whether the context may have room for it; what is busy takes the longest one's cells at least."""
        busy = max((len(sequence.tokens) for sequence in self._sequences if sequence.busy), default=0)
        return busy + len(stored.tokens) <= self._model.context_size

    def _move_quickly(self, sparing: Sequence | None) -> None:
        """Move out what is idle, the least recently used first, as much as is done quickly."""
        left = QUICKLY_STORED
        for idle in self._idle():
            size = self._model.state_size(idle.id)
            if idle is not sparing and size <= left:
                left -= size
                self._move_out(idle)

    def claim_first(self) -> Sequence:
        """The first sequence of an emptied context, whose layout is the same each time.

        No sequence may be busy; what is cached moves out.
        """
        for sequence in self._idle():
            self._move_out(sequence)
        self.clear()
        self._sequences[0].busy = True
        return self._sequences[0]

    def grow(self, sequence: Sequence, tokens: list[int]) -> None:
        """Tokens were evaluated."""
        sequence.tokens.extend(tokens)
        sequence.used = next(self._ticks)

    def cut(self, sequence: Sequence, length: int) -> bool:
        """Take back what was evaluated after `length` tokens; False when even fewer are left."""
        return self._cut(sequence, length) == length

    def release(self, sequence: Sequence) -> None:
        """Nobody writes to it any more; it stays as a cached prefix."""
        sequence.busy = False

    def discard(self, sequence: Sequence) -> None:
        """Nobody writes to it any more, and nothing of it is kept."""
        sequence.busy = False
        self._forget(sequence)

    def set_aside(self, sequence: Sequence) -> None:
        """Nobody writes to it for now; its cells are free, its state is kept."""
        sequence.busy = False
        self._move_out(sequence)

    def _take(self, source: Sequence | None, length: int, *, alone: bool) -> tuple[Sequence, int]:
        """A sequence that holds the first `length` tokens of `source`, or as many as can be had."""
        empty = self._empty()
        if source is None or length == 0:
            return empty or self._evict(), 0
        whole = length == len(source.tokens)
        if not source.busy and (whole or empty is None or (alone and self._moves_quickly(source))):
            return source, self._go_back(source, length)
        target = empty or self._evict(sparing=source)
        copied = self._copy(source, target, length)
        if copied == 0 and not source.busy and any(c.length <= length for c in source.checkpoints):
            return source, self._go_back(source, length)
        return target, copied

    def _go_back(self, sequence: Sequence, length: int) -> int:
        """Cut an idle sequence; what is cut off can be had again."""
        if length < len(sequence.tokens) - 1:  # not for the one token whose logits are wanted again
            self._store(sequence)
        return self._cut(sequence, length)

    def _cut(self, sequence: Sequence, length: int) -> int:
        """Cut a sequence back to `length` tokens; returns how many it has afterwards."""
        if length == len(sequence.tokens):
            return length
        if not (self._model.keep(sequence.id, length) and self._past_complete(sequence.id, length)):
            length = self._rewind(sequence, length)
        del sequence.tokens[length:]
        sequence.checkpoints = [c for c in sequence.checkpoints if c.length <= length]
        return length

    def _past_complete(self, id: int, length: int) -> bool:
        """Whether the memory still holds all that the token at `length` attends to."""
        if self._model.last_position(id) != length - 1:
            return False
        if not self._model.can_cut:
            return True  # the state is the whole past
        window = self._model.window or length
        return 0 <= self._model.first_position(id) <= max(0, length - window)

    def _rewind(self, sequence: Sequence, length: int) -> int:
        """Go back to the latest checkpoint that is not after `length`, or to nothing."""
        for checkpoint in reversed(sequence.checkpoints):
            if (
                checkpoint.length <= length
                and self._model.restore(sequence.id, checkpoint.state)
                and self._model.keep(sequence.id, checkpoint.length)
                and self._past_complete(sequence.id, checkpoint.length)
            ):
                return checkpoint.length
        self._model.drop(sequence.id)
        return 0

    def _copy(self, source: Sequence, target: Sequence, length: int) -> int:
        """Share a prefix with another sequence; returns how many tokens could be shared."""
        if not self._model.can_cut and length != len(source.tokens):
            return 0
        self._model.copy(source.id, target.id, length)
        if not self._past_complete(target.id, length):
            self._model.drop(target.id)
            return 0
        target.tokens = source.tokens[:length]
        source.used = next(self._ticks)
        return length

    # ------------------------------------------------------------ room

    def make_room(self) -> bool:
        """Free the cells of the least recently used idle sequence; False when there is none."""
        idle = self._idle()
        if idle:
            self._move_out(idle[0])
        return bool(idle)

    def clear(self) -> None:
        """Empty the context."""
        self._model.drop_all()
        for sequence in self._sequences:
            self._forget(sequence)

    def set_adapters(self, adapters: Iterable[Adapter]) -> None:
        """Put other adapters on the model; what was evaluated with the old ones waits for their return.

        No sequence may be busy. Raises UserError when the model does not take them.
        """
        for sequence in self._idle():
            self._move_out(sequence)
        self._model.set_adapters(tuple(adapters))

    def undo(self, sequence: Sequence) -> bool:
        """Bring the memory back to what the sequence says, after a decode was broken off."""
        length = len(sequence.tokens)
        kept = self._model.keep(sequence.id, length)
        return kept and (not length or self._past_complete(sequence.id, length))

    def _idle(self) -> list[Sequence]:
        """Sequences that nobody writes to, the least recently used first."""
        return sorted((s for s in self._sequences if not s.busy and s.tokens), key=lambda s: s.used)

    def _empty(self) -> Sequence | None:
        return next((s for s in self._sequences if not s.busy and not s.tokens), None)

    def _evict(self, sparing: Sequence | None = None) -> Sequence:
        """Empty the least recently used idle sequence; there is one: not all can be busy."""
        return self._move_out(next(s for s in self._idle() if s is not sparing))

    def _moves_quickly(self, sequence: Sequence) -> bool:
        return self._model.state_size(sequence.id) <= QUICKLY_STORED

    def _forget(self, sequence: Sequence) -> Sequence:
        self._model.drop(sequence.id)
        sequence.tokens, sequence.checkpoints = [], []
        return sequence

    # ------------------------------------------------------------ out of the context and back

    def _move_out(self, sequence: Sequence) -> Sequence:
        """Empty an idle sequence; its state is kept."""
        self._store(sequence)
        return self._forget(sequence)

    def _store(self, sequence: Sequence) -> None:
        """Keep the state of a sequence, when that is worth it and there is memory for it."""
        tokens = sequence.tokens
        known = any(other.tokens[: len(tokens)] == tokens for other in self._of_use())
        if len(tokens) < WORTH_STORING or known:
            return
        checkpoints = sum(len(checkpoint.state) for checkpoint in sequence.checkpoints)
        size = self._model.state_size(sequence.id) + checkpoints
        with suppress(MemoryError, psutil.Error, OSError):  # it is only a convenience
            used = sum(stored.size for stored in self._stored)
            most = min(STORED_BYTES, (psutil.virtual_memory().available + used) // 8)
            if size > most:
                return
            contained = [other for other in self._of_use() if tokens[: len(other.tokens)] == other.tokens]
            self._stored = [other for other in self._stored if other not in contained]
            self._let_go(most - size)
            state = self._model.save(sequence.id, whole=True)
            if len(state):
                kept = list(sequence.checkpoints)
                self._stored.append(Stored(self._model.adapters, list(tokens), state, kept))

    def _let_go(self, most: int) -> None:
        """Drop the least recently used stored sequences until `most` bytes are left and one can be added."""
        used = sum(stored.size for stored in self._stored)
        while self._stored and (used > most or len(self._stored) >= STORED_MOST):
            used -= self._stored.pop(0).size

    def _restore(self, stored: Stored) -> Sequence | None:
        """Bring a sequence back; None when the context has no room for it beside what is busy."""
        target = self._empty() or self._evict()
        while not self._model.restore(target.id, stored.state, whole=True):
            if not self.make_room():
                self._forget(target)
                if not any(sequence.busy for sequence in self._sequences):  # then it never will be
                    self._stored = [other for other in self._stored if other is not stored]
                return None
        target.tokens, target.checkpoints = list(stored.tokens), list(stored.checkpoints)
        target.used = next(self._ticks)
        if stored in self._stored:  # used just now, unless it had to give way to what it pushed out
            self._stored.remove(stored)
            self._stored.append(stored)
        return target

    # ------------------------------------------------------------ checkpoints

    def checkpoint(self, sequence: Sequence) -> None:
        """Save where a sequence is; the oldest of all give way when they take too much memory."""
        try:
            state = self._model.save(sequence.id)
        except MemoryError:
            return
        made = Checkpoint(len(sequence.tokens), state, next(self._ticks))
        sequence.checkpoints = [*sequence.checkpoints[-(CHECKPOINTS - 1) :], made]
        kept = sorted((c for s in self._sequences for c in s.checkpoints), key=lambda c: -c.made)
        size, fitting = 0, set()
        for checkpoint in kept:
            size += len(checkpoint.state)
            if size <= CHECKPOINT_BYTES:
                fitting.add(checkpoint.made)
        for other in self._sequences:
            other.checkpoints = [c for c in other.checkpoints if c.made in fitting]
