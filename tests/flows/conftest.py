"""The app on a data folder, for each story; closed at its end, and anything unexpected fails it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from flows.story import Story

from tests.desktop.conftest import home, safe

__all__ = ["home", "safe"]  # every story is told on a computer of its own

Open = Callable[..., Story]


@pytest.fixture
def open_app(qapp: object, tmp_path: Path) -> Iterator[Open]:
    """Opens the app, by default on one folder of the test; a story that closed it may open it again."""
    stories: list[Story] = []

    def build(folder: Path | None = None, *, start_engine: Any = None) -> Story:
        stories.append(Story(folder or tmp_path / "data", start_engine=start_engine))
        return stories[-1]

    yield build
    for story in stories:
        if not story.closed:
            story.close()
