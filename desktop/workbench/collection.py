"""The person's models: what the library finds, with a note, settings and the last use of each."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Generator, Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec

from desktop.workbench.settings import BY_KEY, Settings
from desktop.workbench.store import ModelRow, Store
from models.engine.child import devices, may_use_gpu
from models.engine.client import Engine
from models.engine.pool import EnginePool, memory_of
from models.engine.protocol import GPU_KINDS, Adapter, LoadOptions
from models.errors import EngineError, UserError
from models.gguf import GGUFHeader, printable, read_header
from models.library import Library, Model, ScanProgress

if TYPE_CHECKING:
    from models.fit import Corrections, Machine, Plan, Retry, Verdict
    from models.model_files import How
    from models.shape import Shape

# models.fit, models.model_files and models.engine.quantize are imported where they are used: they would
# delay the first window.

SYSTEM = "system"
MODEL_SETTINGS = (
    *("context_size", "gpu_layers", "kv_type", "flash_attention", "threads"),
    *("temperature", "top_p", "min_p", "top_k", "repeat_penalty", "max_tokens"),
    SYSTEM,
)
"""What a model can have for itself: settings of the app, and a system prompt."""
LOADING = ("context_size", "gpu_layers", "kv_type", "flash_attention", "threads")
"""Those of them that a model is loaded with."""
FOLDERS = "model_folders"
LONGEST_NOTE = 100_000
MOST_PLANS = 64
"""Plans that are remembered, the last made ones."""


@dataclass(frozen=True)
class ModelEntry:
    """A model of the library with what the person keeps about it.

    Attributes:
        settings: keys of `MODEL_SETTINGS` that it has for itself.
        used: when it last answered, unix seconds; 0.0 for never.
        loaded: whether it runs now.
    """

    model: Model
    note: str = ""
    settings: Mapping[str, Any] = field(default_factory=dict)
    used: float = 0.0
    loaded: bool = False


class Collection:
    """What can be done with the models on this computer. Every method may be called from any thread."""

    def __init__(
        self,
        own_folder: Path,
        state: Path,
        store: Store,
        library: Library,
        engines: EnginePool,
        settings: Settings,
    ) -> None:
        self.own_folder = own_folder
        self._devices: list[dict[str, Any]] | None = None
        self._shapes: dict[tuple[str, float, int], Shape] = {}
        # By what was asked for and what was chosen, both without adapters; the last ones made.
        self._plans: dict[tuple[LoadOptions, LoadOptions], Plan] = {}
        self._measured: set[int] = set()
        self._state = state
        self._lock = threading.Lock()
        self._store, self._library, self._engines, self._settings = store, library, engines, settings
        self.use_folders()

    # ------------------------------------------------------------ listing

    def scan(self) -> list[ModelEntry]:
        """Look through all folders; returns the models by name."""
        return self._entries(self._library.scan())

    def scanning(self) -> Generator[ScanProgress, None, list[ModelEntry]]:
        """As `scan`, telling how far it is."""
        models = yield from self._library.scanning()
        return self._entries(models)

    def entry(self, id: str) -> ModelEntry:
        """One model, checked now; raises UserError when it is gone."""
        return self._entries([self._library.get(id)])[0]

    def _entries(self, models: Iterable[Model]) -> list[ModelEntry]:
        rows = self._store.models()
        loaded = {engine.path for engine in self._engines.loaded()}
        return [
            ModelEntry(
                model,
                note=(row := rows.get(model.id, ModelRow(model.id))).note,
                settings=_known(row.settings),
                used=row.used,
                loaded=str(model.path) in loaded,
            )
            for model in models
        ]

    def problems(self) -> list[tuple[Path, UserError]]:
        """Files and folders that could not be used in the last scan."""
        return list(self._library.problems)

    def watched(self) -> list[Path]:
        """Folders in which a change means that another scan is due."""
        return self._library.watched()

    def details(self, model: Model) -> GGUFHeader:
        """All that a model says about itself; raises UserError when it can no longer be read."""
        return self._library.details(model)

    # ------------------------------------------------------------ taking in, throwing away

    def importing(self, files: Sequence[Path], how: How) -> Generator[float, None, Model]:
        """Take GGUF files into the library one after the other; returns the last model."""
        from models.model_files import importing

        path = self.own_folder
        for number, file in enumerate(files):
            work = importing(file, self.own_folder, how)
            path = yield from _shared(work, number, len(files))
        return self._library.get(str(path))

    def freed_by(self, model: Model) -> int:
        """Bytes that `remove` would free once the trash is emptied; 0 for a mere link."""
        from models.model_files import freed_by

        return freed_by(model, self._library.scan())

    def remove(self, model: Model, *, for_good: bool = False) -> int:
        """Unload a model and move its files to the system's trash; returns the bytes freed.

        Raises UserError: "no_trash" where `for_good` would do, "other_app" for another app's model.
        """
        from models.model_files import check_removable, remove

        check_removable(model)
        others = self._library.scan()
        self._engines.unload(str(model.path))
        return remove(model, others, for_good=for_good)

    def quantizations(self) -> list[tuple[str, float]]:
        """The types that a model can be written in, with their bits for each weight."""
        from models.engine.quantize import TYPES

        return [(kind.name, kind.bits) for kind in TYPES]

    def quantizing(self, model: Model, type: str) -> Generator[float, None, Model]:
        """Write a model in another type into the app's folder; returns the new one."""
        from models.engine.quantize import quantizing
        from models.model_files import clear, safe_name

        folder = self.own_folder / safe_name(model.publisher, "local") / safe_name(model.name, "model")
        target = folder / f"{safe_name(model.name, 'model')}-{safe_name(type, 'type')}.gguf"
        try:
            with suppress(OSError):  # then it is told that the file cannot be written
                folder.mkdir(parents=True, exist_ok=True)
            path = yield from quantizing(model.path, target, type)
        finally:
            clear(folder, self.own_folder)  # when nothing came of it
        return self._library.get(str(path))

    # ------------------------------------------------------------ what is kept

    def settings_of(self, model: Model) -> dict[str, Any]:
        """What a model has for itself, checked."""
        return _known(self._store.model(model.id).settings)

    def set_settings(self, id: str, values: Mapping[str, Any]) -> None:
        """Give a model settings of its own; raises UserError for a value that cannot be."""
        for key, value in values.items():
            if key not in MODEL_SETTINGS or (key == SYSTEM and not isinstance(value, str)):
                raise UserError("This setting cannot have that value: {key}.", key=key, code="bad_setting")
            if key != SYSTEM:
                BY_KEY[key].check(value)
        self._store.update_model(id, settings=dict(values))

    def mark_used(self, model: Model) -> None:
        """Remember that a model answers now."""
        self._store.update_model(model.id, used=time.time())

    def set_setting(self, model: Model, key: str, value: object) -> None:
        """Give a model one more setting of its own."""
        self.set_settings(model.id, {**self.settings_of(model), key: value})

    def set_note(self, id: str, text: str) -> None:
        """Keep a note about a model."""
        self._store.update_model(id, note=text[:LONGEST_NOTE])

    # ------------------------------------------------------------ memory

    @cached_property
    def _corrections(self) -> Corrections:
        from models.fit import Corrections

        return Corrections(self._state)

    def memory(self) -> tuple[int, int]:
        """Bytes of memory that this computer has, and those of its graphics cards beside it."""
        import psutil  # here, since it would delay the first window

        cards = [device for device in self._devices_here() if device["kind"] == "GPU"]
        return int(psutil.virtual_memory().total), sum(int(card["memory_total"]) for card in cards)

    def _devices_here(self) -> list[dict[str, Any]]:
        """ggml's list of devices, asked once: what is free on them changes, what they are does not."""
        with self._lock:
            if self._devices is None:
                self._devices = _devices()
            return self._devices

    def plan(self, model: Model, wish: Mapping[str, Any] | None = None) -> Plan:
        """The memory that a model needs with its settings and a `wish` for some of them; what is
        automatic is chosen by what is free now, the running models counted."""
        return self._planned(model, self._asked_options(model, wish or {}))

    def _planned(self, model: Model, options: LoadOptions) -> Plan:
        from models.fit import automatic

        return automatic(
            self.shape(model),
            self._machine(options.path),
            options,
            context_size=options.context_size or None,
            correction=self._corrections.of(model.id),
        )

    def largest_context(self, model: Model) -> int:
        """The largest usual context that fits now with a model's settings; 0 when none does."""
        from models.fit import largest_context

        options = self._asked_options(model, {})
        correction = self._corrections.of(model.id)
        return largest_context(self.shape(model), self._machine(options.path), options, correction=correction)

    def lighter(self, model: Model, options: LoadOptions, device: str = "") -> list[Retry]:
        """What else may be tried when a model ran out of memory with these options; `device`: of whose."""
        from models.fit import retries

        failed = self._plan_of(options) or self._planned(model, options)
        return retries(self.shape(model), self._machine(options.path), failed, device=device)

    def learn(self, model: Model, engine: Engine) -> None:
        """Compare what a model took when it was loaded with its plan, for the next plan."""
        running = self._engines.options_of(str(model.path))
        plan = self._plan_of(running) if running is not None else None
        if plan is None or engine.pid == os.getpid() or engine.pid in self._measured:
            return
        self._measured.add(engine.pid)  # later it has evaluated prompts
        if (held := memory_of(engine.pid)) > 0:
            self._corrections.learn(model.id, plan, host_bytes=held, buffers=engine.info.buffers)

    def verdicts(self, header: GGUFHeader, sizes: Sequence[int]) -> list[Verdict]:
        """Whether models that are not here would fit; `sizes` are those of their files, `header` of one
        like them."""
        from models.fit import automatic
        from models.shape import shape_of

        shape, here = shape_of([header]), self._machine()
        options = self._settings.load_options("")
        context_size = options.context_size or None
        return [
            automatic(shape.resized(size), here, options, context_size=context_size).verdict for size in sizes
        ]

    def shape(self, model: Model) -> Shape:
        """What matters of a model for its memory, read once for each state of its file."""
        from models.shape import shape_of

        key = (str(model.path), model.modified, model.size_bytes)
        if key not in self._shapes:
            # The part for images is not counted: the engine does not load it yet.
            self._shapes[key] = shape_of([read_header(shard) for shard in model.shards])
        return self._shapes[key]

    def _machine(self, path: str = "") -> Machine:
        """The memory that is free for the model at `path`: what it has now is given back first."""
        from models.fit import machine

        running = [self._engines.options_of(engine.path) for engine in self._engines.loaded()]
        plans = [plan for options in running if options and (plan := self._plan_of(options))]
        return machine(
            self._devices_now(),
            staying=[plan for plan in plans if plan.options.path != path],
            leaving=[plan for plan in plans if plan.options.path == path],
        )

    def _plan_of(self, options: LoadOptions) -> Plan | None:
        """The plan by which a model is, or was to be, loaded with these options."""
        bare = msgspec.structs.replace(options, adapters=())
        return next(
            (plan for (_, chosen), plan in reversed(list(self._plans.items())) if chosen == bare), None
        )

    def _devices_now(self) -> list[dict[str, Any]]:
        """The devices with what is free now; where there is no GPU, nobody has to be asked again."""
        known = self._devices_here()
        return _devices() if any(device["kind"] in GPU_KINDS for device in known) else known

    # ------------------------------------------------------------ loading

    def loading_settings(self, entry: ModelEntry) -> dict[str, Any]:
        """The settings that a model is loaded with: its own, else those of the app."""
        return {key: entry.settings.get(key, self._settings.get(key)) for key in LOADING}

    def load_options(
        self,
        model: Model,
        wish: Mapping[str, Any],
        adapters: tuple[Adapter, ...] = (),
        *,
        fresh: bool = True,
    ) -> LoadOptions:
        """How to load a model with a `wish` for some of its settings, and what is automatic filled in.

        Never a longer context than the model was made for. A running model that was asked for like this
        stays as it is. Not `fresh`: what was planned before will do, for a look that loads nothing.
        """
        from models.fit import COMFORTABLE

        asked = self._asked_options(model, wish)
        plan = self._known_plan(asked, fresh)
        if plan is None:
            with suppress(UserError):  # a file that cannot be planned for says why when it is loaded
                plan = self._planned(model, asked)
                self._remember(asked, plan)
        if plan is None:
            asked = msgspec.structs.replace(asked, context_size=asked.context_size or COMFORTABLE)
        return msgspec.structs.replace(plan.options if plan else asked, adapters=adapters)

    def _known_plan(self, asked: LoadOptions, fresh: bool) -> Plan | None:
        """The plan of a running model that was asked for like this; what is free now may choose another."""
        running = self._engines.options_of(asked.path)
        if running is not None:
            bare = msgspec.structs.replace(running, adapters=())
            if (plan := self._plans.get((asked, bare))) is not None:
                return plan
        if fresh:
            return None
        return next((plan for (like, _), plan in reversed(list(self._plans.items())) if like == asked), None)

    def _remember(self, asked: LoadOptions, plan: Plan) -> None:
        with self._lock:
            self._plans.pop((asked, plan.options), None)
            self._plans[asked, plan.options] = plan
            for old in list(self._plans)[:-MOST_PLANS]:
                del self._plans[old]

    def _asked_options(self, model: Model, wish: Mapping[str, Any]) -> LoadOptions:
        """How to load a model as it was asked for, -1 layers left to be chosen."""
        own = ModelEntry(model, settings=self.settings_of(model))
        chosen = {**self.loading_settings(own), **wish}
        longest = model.context_length or chosen["context_size"]
        return LoadOptions(
            path=str(model.path),
            context_size=min(chosen["context_size"], longest),  # 0 is still to be chosen
            gpu_layers=chosen["gpu_layers"],
            threads=chosen["threads"],
            flash_attention={"on": True, "off": False}.get(chosen["flash_attention"]),
            kv_type=chosen["kv_type"],
        )

    # ------------------------------------------------------------ folders

    def folders(self) -> list[Path]:
        """The user's own folders, in the order in which they were added."""
        kept = self._store.get_setting(FOLDERS, [])
        return [Path(text) for text in kept if isinstance(text, str)] if isinstance(kept, list) else []

    def add_folder(self, folder: Path) -> None:
        """Let the library look into a folder as well; raises UserError when it is none."""
        folder = _absolute(folder)
        if not folder.is_dir():
            raise UserError(
                "There is no folder {folder}.",
                hint="Choose a folder that holds GGUF files.",
                code="no_folder",
                folder=printable(str(folder)),
            )
        kept = self.folders()
        if folder not in kept:
            self._store.set_setting(FOLDERS, [str(path) for path in (*kept, folder)])
            self.use_folders()

    def remove_folder(self, folder: Path) -> None:
        """Look into a folder no more; its files stay. Raises UserError when it is not one of them."""
        folder, kept = _absolute(folder), self.folders()
        if folder not in kept:
            raise UserError(
                "{folder} is not one of your folders.",
                hint="Name it as the list of folders has it.",
                code="no_folder",
                folder=printable(str(folder)),
            )
        self._store.set_setting(FOLDERS, [str(path) for path in kept if path != folder])
        self.use_folders()

    def all_folders(self) -> list[tuple[str, Path]]:
        """Every folder that is looked into, with the word for whose it is."""
        return [(place.kind, place.folder) for place in self._library.places()]

    def use_folders(self) -> None:
        """Tell the library where to look, as the folders and the settings say now."""
        self._library.set_folders(
            [self.own_folder, *self.folders()], other_apps=bool(self._settings.get("other_apps"))
        )


def _devices() -> list[dict[str, Any]]:
    """ggml's list; where there is none to be had, models are planned for the processor alone."""
    try:
        return devices() if may_use_gpu() else []
    except EngineError:
        return []


def _absolute(folder: Path) -> Path:
    return Path(os.path.abspath(os.path.expanduser(folder)))


def _shared(work: Generator[float, None, Path], number: int, count: int) -> Generator[float, None, Path]:
    """One of several pieces of work as its share of them all."""
    try:
        while True:
            yield (number + next(work)) / count
    except StopIteration as end:
        path: Path = end.value
        return path
    finally:
        work.close()


def _known(values: Mapping[str, Any]) -> dict[str, Any]:
    """The stored values that are still good, in the order of `MODEL_SETTINGS`."""
    return {
        key: values[key]
        for key in MODEL_SETTINGS
        if key in values
        and (isinstance(values[key], str) if key == SYSTEM else BY_KEY[key].allows(values[key]))
    }
