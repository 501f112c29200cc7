"""A killed engine takes nothing with it; a killed app loses at most the last second of an answer."""

from __future__ import annotations

import random
from pathlib import Path

import psutil
import pytest
from flows.conftest import Open
from flows.kills import AppKiller, kill_engine


@pytest.mark.timeout(600)
def test_the_app_is_killed_while_it_streams(open_app: Open, tmp_path: Path) -> None:
    """Twenty times in one folder, some while the engine is silent; then the window goes on with it."""
    killer = AppKiller(tmp_path / "data", seed=7)
    kills = [killer.kill(stall=n % 5 == 4) for n in range(20)]
    assert sum(kill.streaming for kill in kills) >= 5
    broken = killer.broken
    story = open_app()
    assert all(story.workbench.store.message(id).status == "interrupted" for id in broken)
    assert len(story.conversations()) >= 1


def test_a_killed_engine_is_said_so_and_restarts(open_app: Open) -> None:
    """At random tokens; what was shown stays, marked, and Restart goes on with it."""
    story = open_app()
    rng = random.Random(3)
    for _ in range(3):
        kill_engine(story, rng)
        story.do("new_chat")
        story.until(lambda: story.panel.is_new, "a new chat")
    (pid,) = story.engine_pids()
    story.close()
    assert not psutil.pid_exists(pid) or psutil.Process(pid).status() == psutil.STATUS_ZOMBIE
