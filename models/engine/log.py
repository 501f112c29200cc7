"""What llama.cpp says while it works, and what can be read out of it."""

from __future__ import annotations

import re
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from models.engine.protocol import Buffer

INFO, WARNING, ERROR = 2, 3, 4  # ggml_log_level
LAST_MESSAGES = 40
MIB = 1 << 20

_BUFFER = re.compile(r":\s+(\S+)\s+(\S.*?)\s+buffer size\s+=\s+([\d.]+) MiB")
_OFFLOADED = re.compile(r"offloaded (\d+)/\d+ layers to GPU")
_SHORTAGE = re.compile(
    r"(failed|unable) to allocate|insufficient memory|out of memory|OutOf(Device|Host)Memory|bad_alloc"
    r"|cannot allocate memory|not enough memory|vm_allocate failed",
    re.IGNORECASE,
)
_ASKED = re.compile(r"failed to allocate (\S+) buffer of size (\d+)")


@dataclass(frozen=True)
class Shortage:
    """Memory that was not to be had. `device`: whose, "" when unknown; `bytes`: how much, 0 when unknown."""

    device: str = ""
    bytes: int = 0

    def params(self, part: str) -> dict[str, Any]:
        """What an error tells of it; `part`: what the memory was for."""
        return {"part": part, "device": self.device, "bytes": self.bytes}


class Log:
    """The last warnings and errors since `clear`, and what was said of memory and layers.

    Attributes:
        listener: is told every line from INFO on; None for nobody.
    """

    def __init__(self) -> None:
        self.listener: Callable[[str], None] | None = None
        self._problems: deque[str] = deque(maxlen=LAST_MESSAGES)
        self._facts: list[str] = []

    def hear(self, level: int, text: str) -> None:
        """One line, or a part of one, at a ggml_log_level."""
        line = text.strip()
        if self.listener is not None and level >= INFO:
            self.listener(line)
        if level in (WARNING, ERROR):
            self._problems.append(line)
        elif level == INFO and (_BUFFER.search(line) or _OFFLOADED.search(line)):
            self._facts.append(line)

    def clear(self) -> None:
        """Forget what was said before."""
        self._problems.clear()
        self._facts.clear()

    def reason(self) -> str:
        """The most telling of the last lines: the first error after the load began."""
        for line in self._problems:
            if "error" in line.lower() or "failed" in line.lower() or "invalid" in line.lower():
                return line
        return self._problems[-1] if self._problems else "llama.cpp gave no reason"

    def shortage(self) -> Shortage | None:
        """What was missing when the last thing that failed did so for want of memory; else None."""
        if not any(_SHORTAGE.search(line) for line in self._problems):
            return None
        asked = next(filter(None, map(_ASKED.search, self._problems)), None)
        return Shortage(asked[1], int(asked[2])) if asked else Shortage()

    def buffers(self) -> tuple[Buffer, ...]:
        """The memory that was taken, of each kind on each device."""
        sizes: dict[tuple[str, str], int] = {}
        for found in filter(None, map(_BUFFER.search, self._facts)):
            device, kind, mebibytes = found.groups()
            sizes[kind, device] = sizes.get((kind, device), 0) + round(float(mebibytes) * MIB)
        return tuple(Buffer(kind, device, size) for (kind, device), size in sizes.items())

    def gpu_layers(self) -> int:
        """How many layers were put on graphics cards, the output counted as one."""
        found = [int(match[1]) for match in map(_OFFLOADED.search, self._facts) if match]
        return found[-1] if found else 0
