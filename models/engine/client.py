"""Engine: the one interface to a running model, in a child process or in this one."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Protocol

from models.engine.protocol import Chat, GenerationEvent, ModelInfo, Prompt, Request


class Stream(Protocol):
    """The events of one request, in order; iterating blocks, the last event ends it.

    Failures are raised: UserError, EngineError, or EngineDied when the process is gone. Leaving
    the loop early does not stop the request: call `cancel` for that, then read on to Finished.
    """

    def __iter__(self) -> Iterator[GenerationEvent]: ...

    def cancel(self) -> None:
        """Ask the engine to stop; a Finished event with reason "cancelled" follows. Any thread."""


class Engine(Protocol):
    """One running model. Every method may be called from any thread; calls block until answered.

    All of them raise UserError for input that cannot be used, EngineError when this one request
    failed, and EngineDied when the process is gone.
    """

    info: ModelInfo

    def submit(self, request: Request) -> Stream:
        """Queue a generation and return its events at once."""

    def render(self, chat: Chat) -> Prompt:
        """Render messages with the model's chat template and tokenize the result."""

    def tokenize(self, text: str, *, special: bool = False) -> list[int]:
        """Token ids of `text`, without a BOS; control strings stay text unless `special`."""

    def detokenize(self, tokens: Sequence[int]) -> str:
        """The text of `tokens`."""

    def count(self, text: str) -> int:
        """How many tokens `text` has."""

    def score(self, prompt: Sequence[int], continuation: Sequence[int]) -> list[float]:
        """Natural-log probability of each token of `continuation` after `prompt`."""

    def embed(self, texts: Sequence[str], *, normalize: bool = True) -> list[list[float]]:
        """One vector of `info.embedding_size` floats for each text."""

    def alive(self) -> bool:
        """False once the process has ended."""

    def close(self) -> None:
        """End the process; running requests fail with EngineDied. May be called twice."""
