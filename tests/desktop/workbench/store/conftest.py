"""A fresh store in a folder of its own."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from desktop.workbench.store import Store


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "data" / "rolltop.db"


@pytest.fixture
def store(file: Path) -> Iterator[Store]:
    opened = Store.open(file)
    yield opened
    opened.close()
