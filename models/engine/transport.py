"""A pipe of whole messages between the app and a child process, with its end passed by handle."""

from __future__ import annotations

import os
import select
import subprocess
import sys
from collections.abc import Sequence
from typing import IO, Any

MAX_MESSAGE = 1 << 28
"""Bytes; a larger message is a defect or an attack, never work."""


class Link:
    """One end of the pipe. `send` and `receive` are each used by one thread at a time."""

    def __init__(self, end: Any) -> None:
        self._end = end
        # Connection.poll makes a new selector each time, too dear for what is asked with every token.
        self._poller = select.poll() if hasattr(select, "poll") else None
        if self._poller is not None:
            self._poller.register(end.fileno(), select.POLLIN)

    def send(self, message: bytes) -> None:
        """Send a whole message; blocks while the pipe is full."""
        self._end.send_bytes(message)

    def receive(self) -> bytes:
        """The next whole message; raises EOFError or OSError when the other end is closed."""
        return bytes(self._end.recv_bytes(MAX_MESSAGE))

    def poll(self, timeout: float | None = 0) -> bool:
        """Whether `receive` would answer at once; waits up to `timeout` seconds, None without end."""
        if self._poller is None:
            return bool(self._end.poll(timeout))
        return bool(self._poller.poll(None if timeout is None else 1000 * timeout))

    def close(self) -> None:
        """Close this end; the other end sees EOF."""
        self._end.close()


def link_from_handle(handle: int) -> Link:
    """The child's end, from the handle it was started with."""
    from multiprocessing import connection

    if sys.platform == "win32":
        return Link(connection.PipeConnection(handle))
    return Link(connection.Connection(handle))


def start_child(
    command: Sequence[str], *, cwd: str, env: dict[str, str], stderr: IO[bytes]
) -> tuple[subprocess.Popen[bytes], Link]:
    """Start a process with the other end of a new pipe; its handle is appended to `command`.

    The process closes when its parent does, since the parent's end of the pipe is inherited by nobody.
    """
    from multiprocessing import connection  # here, since it would delay the first window

    ours, theirs = connection.Pipe()
    handle = theirs.fileno()
    options: dict[str, Any] = {"cwd": cwd, "env": env, "stdin": subprocess.DEVNULL, "stderr": stderr}
    if sys.platform == "win32":
        os.set_handle_inheritable(handle, True)
        startup = subprocess.STARTUPINFO(lpAttributeList={"handle_list": [handle]})
        alone = subprocess.CREATE_NO_WINDOW | subprocess.CREATE_NEW_PROCESS_GROUP
        options |= {"startupinfo": startup, "creationflags": alone}
    else:
        # A Ctrl+C in the terminal is for the parent, which then tells the child what to do.
        options |= {"pass_fds": (handle,), "start_new_session": True}
    try:
        process = subprocess.Popen([*command, str(handle)], stdout=stderr, **options)
    except BaseException:
        ours.close()
        raise
    finally:
        theirs.close()
    return process, Link(ours)
