"""What reading one file may take: the app and the child that reads keep to the same numbers."""

from __future__ import annotations

import time

WALL_S = 30.0
"""Then the child is ended."""

ENOUGH_S = 20.0
"""Then a reader hands over what it has so far."""

SPARE_S = 5.0
"""So long after its parent would have ended a child, the system does."""

MEMORY = 512 << 20
"""Bytes that the child may have."""

CHARACTERS = 20_000_000
"""Of a document; what is beyond is left out, and that is said."""

ANSWER = 64 << 20
"""Bytes of a document on its way from the child."""

PLAIN_FILE = 100 << 20
"""Bytes of a file that is read into memory: a text, a web page, a table."""

_began: float | None = None


def begin() -> None:
    """Start to count the time: a child does, when its parent has just begun to."""
    global _began
    _began = time.monotonic()


def enough() -> float:
    """When a reader has to hand over what it has, on the clock of `time.monotonic`."""
    return (time.monotonic() if _began is None else _began) + ENOUGH_S
