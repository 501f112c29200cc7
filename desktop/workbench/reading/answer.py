"""What the child that reads says to the app: one message, a document or why there is none."""

from __future__ import annotations

import msgspec

from desktop.workbench.reading.document import Document
from models.engine.protocol import Failure


class Read(msgspec.Struct, tag=True, frozen=True):
    """The document."""

    document: Document


class Refused(msgspec.Struct, tag=True, frozen=True):
    """Why the file cannot be read, in words for a person."""

    failure: Failure


Answer = Read | Refused

_decoder = msgspec.msgpack.Decoder(Answer)


def encode(answer: Answer) -> bytes:
    """Encode the message."""
    return msgspec.msgpack.encode(answer)


def decode(data: bytes) -> Answer:
    """Decode the message; raises msgspec.DecodeError when it is none."""
    said: Answer = _decoder.decode(data)
    return said
