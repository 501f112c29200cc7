"""The tests of the app have a computer for themselves: no models, safe or trash of whoever runs them."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import keyring
import psutil
import pytest
from hub_server import HubServer
from keyring.backend import KeyringBackend
from keyring.errors import PasswordDeleteError

from models import places

FOLDERS = {
    "HOME": "", "USERPROFILE": "", "APPDATA": "data", "LOCALAPPDATA": "data",
    "XDG_DATA_HOME": "data", "XDG_CONFIG_HOME": "config", "XDG_CACHE_HOME": "cache",
}  # fmt: skip
"""Variables that name a person's own folders, and where these are in the empty home."""
ELSEWHERE = (
    *("HF_HOME", "HF_HUB_CACHE", "HUGGINGFACE_HUB_CACHE", "OLLAMA_MODELS", "JAN_DATA_FOLDER"),
    *("ROLLTOP_DATA_DIR", "HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "http_proxy", "https_proxy", "all_proxy"),
)
"""Variables that would lead out of it."""


@pytest.fixture(autouse=True)
def home(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty home folder, for this process and its children; its trash is in data/Trash."""
    folder = tmp_path_factory.mktemp("home")
    for name, inside in FOLDERS.items():
        monkeypatch.setenv(name, str(folder / inside))
    for name in ELSEWHERE:
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(places, "OLLAMA_SERVICE", folder / "no-service")
    if sys.platform == "linux":
        import send2trash.plat_other as trash  # looks for the home when it is imported

        monkeypatch.setattr(trash, "XDG_DATA_HOME", bytes(folder / "data"))
        monkeypatch.setattr(trash, "HOMETRASH_B", bytes(folder / "data" / "Trash"))
    return folder


class Safe(KeyringBackend):
    """A safe in memory. `kept`: passwords by service and account."""

    priority = 1.0  # type: ignore[assignment]

    def __init__(self) -> None:
        super().__init__()
        self.kept: dict[tuple[str, str], str] = {}

    def get_password(self, service: str, username: str) -> str | None:
        return self.kept.get((service, username))

    def set_password(self, service: str, username: str, password: str) -> None:
        self.kept[service, username] = password

    def delete_password(self, service: str, username: str) -> None:
        if self.kept.pop((service, username), None) is None:
            raise PasswordDeleteError("There is none.")


@pytest.fixture(autouse=True)
def safe(monkeypatch: pytest.MonkeyPatch) -> Safe:
    """The system's safe for one test; child processes have none."""
    empty = Safe()
    keyring.set_keyring(empty)
    monkeypatch.setenv("PYTHON_KEYRING_BACKEND", "keyring.backends.null.Keyring")
    return empty


@pytest.fixture
def hub() -> Iterator[HubServer]:
    """A hub on loopback, to be named in the settings as `hub_endpoint`."""
    with HubServer() as server:
        yield server


@dataclass
class Computer:
    """What a computer has, as far as plans ask for it.

    Attributes:
        total, free: bytes of RAM. cards: graphics cards, as ggml lists them. asked: how often that was.
    """

    total: int = 16 << 30
    free: int = 12 << 30
    cards: list[dict[str, Any]] = field(default_factory=list)
    asked: int = 0

    def add_card(self, free: int, total: int = 0) -> None:
        """Put in a graphics card with so many bytes."""
        self.cards.append(
            {
                "name": f"CUDA{len(self.cards)}",
                "description": "A card",
                "kind": "GPU",
                "memory_free": free,
                "memory_total": total or free,
            }
        )

    def devices(self) -> list[dict[str, Any]]:
        """As `models.engine.child.devices`."""
        self.asked += 1
        cpu = {"name": "CPU", "description": "A processor", "kind": "CPU"}
        return [*self.cards, cpu | {"memory_free": self.total, "memory_total": self.total}]


@pytest.fixture
def computer(monkeypatch: pytest.MonkeyPatch) -> Computer:
    """A computer with 16 GiB and no graphics card, until the test says otherwise."""
    computer = Computer()
    monkeypatch.setattr("desktop.workbench.collection.may_use_gpu", lambda: True)
    monkeypatch.setattr("desktop.workbench.collection.devices", computer.devices)
    monkeypatch.setattr(
        psutil, "virtual_memory", lambda: SimpleNamespace(total=computer.total, available=computer.free)
    )
    return computer
