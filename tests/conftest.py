"""What every test shares: the offscreen window, the starter model, and a look for what was left behind."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Iterator
from pathlib import Path

os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")

import psutil
import pytest


@pytest.fixture(scope="session")
def starter() -> Path:
    """The path of the real starter model."""
    from models.library import Library

    return Library([]).starter().path


@pytest.fixture(autouse=True)
def nothing_left_behind() -> Iterator[None]:
    """Fail a test that leaves a thread or a child process running."""
    me = psutil.Process()
    threads = set(threading.enumerate())
    children = {child.pid for child in me.children(recursive=True)}
    yield
    deadline = time.monotonic() + 5
    while True:
        left: list[object] = [t for t in threading.enumerate() if t not in threads]
        left += [
            child
            for child in me.children(recursive=True)
            if child.pid not in children and child.status() != psutil.STATUS_ZOMBIE
        ]
        if not left:
            return
        if time.monotonic() > deadline:
            pytest.fail(f"left running: {left}")
        time.sleep(0.05)
