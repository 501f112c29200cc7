"""A child process that works for the app: how it is started, asked, ended, and its death explained."""

from __future__ import annotations

import importlib.util
import os
import re
import subprocess
import sys
import tempfile
from collections.abc import Generator
from pathlib import Path
from typing import Any, Literal

import msgspec

from models.engine.protocol import (
    GGML_LIBRARY,
    NO_GPU_BACKENDS,
    BackendFacts,
    Command,
    Event,
    LoadFailed,
    LoadProgress,
    decode_event,
    decode_facts,
    encode,
    error_from,
)
from models.engine.transport import start_child
from models.errors import EngineDied, EngineError

Role = Literal["worker", "quantizer", "devices", "facts"]
"""What a child is started for; see `models.engine.__main__`."""

STDERR_TAIL = 4000
END_S = 2.0
LOOK_S = 0.05
ASK_S = 30.0
MESSAGES = 20
"""Lines of what a driver said that are worth showing."""

ENVIRONMENT = (
    *("PATH", "HOME", "USER", "LANG", "LC_ALL", "TMPDIR", "TEMP", "TMP", "SYSTEMROOT", "WINDIR"),
    *("LD_LIBRARY_PATH", "DYLD_LIBRARY_PATH", "XDG_CACHE_HOME", "LOCALAPPDATA"),
    *("CUDA_VISIBLE_DEVICES", "HIP_VISIBLE_DEVICES", "GGML_VK_VISIBLE_DEVICES"),
    *("GOMP_SPINCOUNT", "OMP_WAIT_POLICY"),
)
"""What a child sees of the environment: enough to find libraries, and no secrets."""

SPINS = 2500
"""Turns a thread waits in a loop for the others before it sleeps, some 0.05 to 0.15 ms.

GCC's OpenMP waits for milliseconds, several hundred times a token. When another program needs a core,
the waiting threads keep it from the one they wait for, and an answer all but stands still.
"""

_HERE = Path(__file__).resolve().parent
_OUT_OF_MEMORY = re.compile(r"bad_alloc|MemoryError|out of memory|Cannot allocate memory|failed to allocate")


class Child:
    """A process with a pipe of messages to it.

    Attributes:
        link: the app's end of the pipe. pid: the process.
    """

    def __init__(self, role: Role) -> None:
        """Start it; raises EngineDied when that cannot be done."""
        self._stderr = tempfile.TemporaryFile()  # noqa: SIM115  it lives as long as the process
        try:
            self._process, self.link = start_child(
                command(role), cwd=str(_HERE), env=_environment(), stderr=self._stderr
            )
        except OSError as error:
            self._stderr.close()
            raise EngineDied("The model's process could not be started: {reason}", reason=error) from error
        self.pid = self._process.pid

    def alive(self) -> bool:
        """Whether the process runs."""
        return self._process.poll() is None

    def asking(self, command: Command) -> Generator[float, None, Event]:
        """Send the first command and wait for its answer; yields how much is done, 0 to 1, meanwhile.

        Raises what the child answers with instead, and EngineDied when it ends without a word.
        """
        try:
            self.link.send(encode(command))
            fraction = 0.0
            while True:
                yield fraction
                if not self.link.poll(LOOK_S):
                    continue
                match decode_event(self.link.receive()):
                    case LoadProgress(fraction=fraction):
                        pass
                    case LoadFailed(failure=failure):
                        raise error_from(failure)
                    case event:
                        return event
        except (EOFError, OSError):
            raise self.explain() from None

    def explain(self) -> EngineDied:
        """Why it has ended, once its end of the pipe is closed."""
        try:
            self._process.wait(END_S)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        return _explain(self._process.returncode, _tail(self._stderr))

    def end(self) -> None:
        """End the process; it keeps nothing that could be lost. Who reads from the pipe sees its end."""
        self._process.terminate()
        try:
            self._process.wait(END_S)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()

    def close(self) -> None:
        """End the process and close the pipe; nobody may be reading from it."""
        self.end()
        self.link.close()
        self._stderr.close()


def may_use_gpu() -> bool:
    """Whether llama.cpp was built with anything that uses a graphics card.

    Told by the names of its libraries, in a millisecond, where asking a child takes a second. True where
    that cannot be told.
    """
    try:
        found = importlib.util.find_spec("llama_cpp")
        folders = (found.submodule_search_locations if found else None) or ()
        names = [path.name for folder in folders for path in (Path(folder) / "lib").iterdir()]
    except (ImportError, ValueError, OSError):
        return True
    backends = {match[1] for name in names if (match := GGML_LIBRARY.match(name))}
    return not backends or not backends <= NO_GPU_BACKENDS


def devices() -> list[dict[str, Any]]:
    """ggml's list of devices, asked in a short-lived child: name, kind, description, memory in bytes."""
    return msgspec.json.decode(_ask("devices")[0], type=list[dict[str, Any]])


def backend_facts() -> BackendFacts:
    """What llama.cpp can use here and why it uses no GPU, asked in a short-lived child.

    Raises EngineError when llama.cpp does not even start, for want of a library for instance.
    """
    answer, said = _ask("facts")
    facts = decode_facts(answer)
    # Some drivers are heard through llama.cpp's log, some print for themselves.
    messages = (*facts.messages, *filter(None, map(str.strip, said.splitlines())))
    return msgspec.structs.replace(facts, messages=messages[:MESSAGES])


def command(role: Role) -> list[str]:
    """How a child is started; a handle of a pipe is appended where it has one."""
    if getattr(sys, "frozen", False):
        return [sys.executable, f"--engine-{role}"]
    return [sys.executable, "-I", "-m", "models.engine", role]


def _ask(role: Role) -> tuple[bytes, str]:
    """The last line that a child prints, and what it says on stderr."""
    said = ""
    try:
        done = subprocess.run(
            command(role), cwd=_HERE, env=_environment(), capture_output=True, timeout=ASK_S
        )
        said = done.stderr.decode("utf-8", "replace")
        if done.returncode == 0 and done.stdout:
            return done.stdout.splitlines()[-1], said
    except (OSError, subprocess.SubprocessError) as error:
        said = str(error)
    last = next((line for line in reversed(said.splitlines()) if line.strip()), "it gave no reason")
    raise EngineError(
        "llama.cpp could not be asked about this computer: {reason}",
        hint="Check that the graphics driver is installed, or install Rolltop again.",
        code="no_facts",
        reason=last.strip(),
        details=said[-STDERR_TAIL:],
    )


def _environment() -> dict[str, str]:
    # A failed assertion would start a debugger and let the user wait for it.
    own = {"GGML_NO_BACKTRACE": "1", "GOMP_SPINCOUNT": str(SPINS)}
    return own | {name: os.environ[name] for name in ENVIRONMENT if name in os.environ}


def _explain(returncode: int | None, tail: str) -> EngineDied:
    code = returncode or 0
    if "sandbox.py" in tail and "Timeout" in tail:
        return EngineDied(
            "The chat template of this model did not finish.",
            hint="Choose another model, or another file of this one.",
            code="template_timeout",
            details=tail,
        )
    if _OUT_OF_MEMORY.search(tail):
        return EngineDied(
            "The model stopped working because memory ran out.",
            hint="Choose a smaller context or a smaller model.",
            code="no_memory",
            details=tail,
        )
    assertion = next((line for line in tail.splitlines() if "GGML_ASSERT" in line), "")
    if code == -9:
        reason = "the system ended it, perhaps because memory ran out"
    elif assertion:
        reason = assertion
    elif code < 0:
        reason = f"signal {-code}"
    else:
        reason = f"exit code {code}"
    return EngineDied(
        "The model stopped working ({reason}).",
        hint="Restart it, or choose a smaller context or another model.",
        code="killed" if code == -9 else "",
        reason=reason,
        details=tail,
    )


def _tail(stderr: Any) -> str:
    try:
        size = stderr.seek(0, os.SEEK_END)
        stderr.seek(max(0, size - STDERR_TAIL))
        return str(stderr.read().decode("utf-8", "replace"))
    except (OSError, ValueError):
        return ""
