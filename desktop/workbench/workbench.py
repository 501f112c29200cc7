"""Workbench: everything the app can do, opened and closed as one."""

from __future__ import annotations

import os
import platform
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager, suppress
from functools import cached_property
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import IO, TYPE_CHECKING, Any

from desktop.workbench.chat import Chats
from desktop.workbench.collection import Collection
from desktop.workbench.settings import Settings
from desktop.workbench.store import Store
from desktop.workbench.token import Token
from models.engine import child
from models.engine.pool import EnginePool, Starter
from models.errors import EngineError, UserError
from models.library import Library
from models.places import Place, other_apps

if TYPE_CHECKING:
    from desktop.workbench.finder import Finder
    from desktop.workbench.tasks import Tasks
    from models.downloads import Downloads
    from models.network import Network

APP_NAME = "Rolltop"
STORE_FILE = "rolltop.db"
MODELS, STATE = "models", "state"
DATA_DIR_VARIABLE = "ROLLTOP_DATA_DIR"
PACKAGES = {"rolltop": "rolltop", "llama_cpp_python": "llama-cpp-python", "qt": "pyside6-essentials"}


class Workbench:
    """The library, the engines, the store and the settings, and what is done with them.

    Attributes:
        data_dir: where everything of the app is kept.
        store, settings, library, engines, chats, collection, finder, downloads, network, token, tasks: its
            parts.
        owner: True when no other Rolltop uses the same folder.
    """

    def __init__(
        self, data_dir: Path, store: Store, library: Library, engines: EnginePool, lock: FolderLock
    ) -> None:
        self.data_dir = data_dir
        self.store = store
        self.settings = Settings(store)
        self.library = library
        self.engines = engines
        self.token = Token()
        models, state = data_dir / MODELS, data_dir / STATE
        self.collection = Collection(models, state, store, library, engines, self.settings)
        self.chats = Chats(store, library, engines, self.settings, self.collection)
        self._lock = lock
        self.settings.on_change.append(self._setting_changed)

    @classmethod
    def open(cls, data_dir: Path | None = None, *, start_engine: Starter | None = None) -> Workbench:
        """Open everything; nothing is loaded yet.

        `data_dir`: None for $ROLLTOP_DATA_DIR, or else the platform's own place.
        `start_engine`: how engines are started; tests put a scripted one here.
        Raises UserError when the folder or the store cannot be used.
        """
        folder = Path(os.path.abspath(data_dir or default_data_dir()))
        with ExitStack() as undo:
            store = Store.open(folder / STORE_FILE)
            undo.callback(store.close)
            lock = FolderLock(folder / "rolltop.lock")
            undo.callback(lock.close)
            models, state = folder / MODELS, folder / STATE
            for inner in (models, state):
                with suppress(OSError):  # a folder that is not there is empty, and says so where it matters
                    inner.mkdir(mode=0o700, exist_ok=True)
            if lock.held:
                # Otherwise another Rolltop may be writing the answers that look interrupted.
                store.mark_interrupted()
            if start_engine is None:
                engines = EnginePool(state_dir=state)
            else:
                engines = EnginePool(start=start_engine, state_dir=state)
            library = Library([models], places=_other_apps, cache=state / "headers.bin")
            workbench = cls(folder, store, library, engines, lock)
            undo.pop_all()
        return workbench

    def _setting_changed(self, key: str) -> None:
        """Let the parts that were made with a setting follow it."""
        if key == "other_apps":
            self.collection.use_folders()
        elif key == "parallel_downloads":
            self.downloads.parallel = int(self.settings.get(key))

    # What goes out is made when it is first asked for: the first window does not need it.

    @cached_property
    def network(self) -> Network:
        """The one door to the network."""
        from models.network import Network

        return Network(self.settings.network_options, self.token.get)

    @cached_property
    def downloads(self) -> Downloads:
        """The queue of downloads."""
        from models.downloads import Downloads

        parallel = int(self.settings.get("parallel_downloads"))
        return Downloads(self.data_dir / MODELS, self.data_dir / STATE, self.network, parallel=parallel)

    @cached_property
    def finder(self) -> Finder:
        """Other models than those on this computer."""
        from desktop.workbench.finder import Finder
        from models.hub import Hub

        return Finder(Hub(self.network), self.collection, self.downloads)

    @cached_property
    def tasks(self) -> Tasks:
        """Summaries and rewrites."""
        from desktop.workbench.tasks import Tasks

        return Tasks(self.chats, self.store, self.library, self.engines, self.collection)

    @property
    def owner(self) -> bool:
        """Whether no other Rolltop uses the same folder."""
        return self._lock.held

    @contextmanager
    def unsaved_chats(self) -> Iterator[Chats]:
        """Chats with the same library, engines and settings that leave nothing in the store."""
        with TemporaryDirectory(prefix="rolltop-") as folder:
            store = Store.open(Path(folder) / STORE_FILE)
            with closing(store):
                yield Chats(store, self.library, self.engines, self.settings, self.collection)

    @contextmanager
    def unsaved_tasks(self) -> Iterator[Tasks]:
        """Tasks with the same library, engines and settings that leave nothing in the store."""
        from desktop.workbench.tasks import Tasks

        with self.unsaved_chats() as chats:
            yield Tasks(chats, chats.store, self.library, self.engines, self.collection)

    def hardware(self) -> dict[str, Any]:
        """What models run on here, as plain values: devices, why no graphics card is used, versions.

        Asks a short-lived child. Raises EngineError when it has no answer.
        """
        import psutil  # here, since it would delay the first window

        facts = child.backend_facts()
        memory = psutil.virtual_memory()
        ram = {"memory_total": int(memory.total), "memory_free": int(memory.available)}
        return {
            # To ggml all of the computer's memory is free for the processor.
            "devices": [device | (ram if device["kind"] == "CPU" else {}) for device in facts.devices],
            "no_gpu": facts.why_no_gpu,
            "messages": list(facts.messages),
            "llama_cpp": facts.llama_version,
            "ggml": facts.ggml_version,
            "bindings": facts.bindings,
            "backends": list(facts.backends),
            "features": list(facts.features),
        }

    def info(self) -> dict[str, Any]:
        """Versions, devices and folders, as plain values. Asks a short-lived child for the devices."""
        return {"versions": versions(), "devices": _devices(), "folders": self.folders()}

    def folders(self) -> dict[str, str]:
        """Where things are kept."""
        return {
            "data": str(self.data_dir),
            "store": str(self.data_dir / STORE_FILE),
            "models": str(self.data_dir / MODELS),
        }

    def close(self) -> None:
        """End the engines, then close the store."""
        with ExitStack() as closing:
            closing.callback(self._lock.close)
            closing.callback(self.store.close)
            closing.callback(self.engines.close)

    def __enter__(self) -> Workbench:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


class FolderLock:
    """Tells whether this process is the only one that uses a folder; the system frees it at any end.

    Attributes:
        held: True when nobody else held it.
    """

    def __init__(self, path: Path) -> None:
        self.held = False
        self._file: IO[bytes] | None = None
        with suppress(OSError):  # no lock where none can be made: then nothing can be marked either
            self._file = path.open("ab")
            _lock(self._file)
            self.held = True

    def close(self) -> None:
        """Give it free."""
        self.held = False
        if self._file is not None:
            self._file.close()


def _lock(file: IO[bytes]) -> None:
    """Lock a file or raise OSError at once."""
    if os.name == "nt":
        import msvcrt

        msvcrt.locking(file.fileno(), msvcrt.LK_NBLCK, 1)  # type: ignore[attr-defined, unused-ignore]
    else:
        import fcntl

        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)


def default_data_dir() -> Path:
    """$ROLLTOP_DATA_DIR, or else the platform's place for an app's data."""
    if chosen := os.environ.get(DATA_DIR_VARIABLE, ""):
        return Path(chosen)
    import platformdirs

    return platformdirs.user_data_path(APP_NAME, appauthor=False)


def versions() -> dict[str, str]:
    """Versions of the app and of what it stands on; empty for what is not installed."""
    found = {name: _version(package) for name, package in PACKAGES.items()}
    return {
        "rolltop": found.pop("rolltop"),
        "python": platform.python_version(),
        **found,
        "system": platform.platform(),
    }


def _version(package: str) -> str:
    from importlib import metadata  # slow to import, and only `info` needs it

    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return ""


def _other_apps() -> tuple[Place, ...]:
    """Where other apps keep models on this computer."""
    return other_apps(Path.home(), os.environ)


def _devices() -> list[dict[str, Any]]:
    try:
        return child.devices()
    except (EngineError, UserError):
        return []
