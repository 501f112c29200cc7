"""What a model needs of memory, worked out before it is loaded: what fits, and how much goes on the GPU.

The sums follow llama.cpp as the engine uses it: which layers lie where (`llama_model::load_tensors`), what
a token leaves behind (`llama_kv_cache`, `llama_memory_recurrent`), and what computing takes (the sizes it
logs for its compute buffers, which a few terms meet within some percent). Nothing is loaded or asked, a
plan takes microseconds, and headers are believed as little as anywhere: absurd ones are too big.

What no sum knows, the process itself and its drivers, is a constant that `Corrections` learns to correct.
"""

from __future__ import annotations

import sys
import threading
from bisect import bisect_right
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from itertools import accumulate
from pathlib import Path
from typing import Any, Literal

import msgspec

from models.engine.protocol import GPU_KINDS, Buffer, LoadOptions
from models.errors import UserError
from models.gguf import TENSOR_TYPES
from models.shape import Layer, Shape, Weights

Verdict = Literal["fits", "partly", "too_big"]
"""fits: all of it. partly: it runs, with a part of its layers on the processor. too_big: it does not run."""

MIB = 1 << 20
COMFORTABLE = 8192
"""Tokens of context that are enough when nobody asks for more."""
SHORTEST = 512
"""Tokens of context below which a model is of no use."""

PROCESS = 50 * MIB
"""An engine's process before it holds a model: Python, its libraries, llama.cpp."""
STORED_BYTES = 1 << 30
"""What the engine keeps of conversations that left the context, at most; see `models.engine.cache`."""

_BLOCKS = {name.lower(): (block, size) for name, block, size in TENSOR_TYPES.values()}
KV_TYPES = ("f32", "f16", "q8_0", "q4_0")
SMALLER_KV: Mapping[str, tuple[str, ...]] = {
    "f32": ("f16", "q8_0", "q4_0"),
    "f16": ("q8_0", "q4_0"),
    "q8_0": ("q4_0",),
}
_PAD = 256
"""llama.cpp rounds a context up to a multiple of this."""
_COPIES = 4
"""Copies of a batch's inputs while several GPUs work one behind the other (GGML_SCHED_MAX_COPIES)."""


# ---------------------------------------------------------------- the computer


@dataclass(frozen=True)
class Device:
    """A device of ggml's list that models can run on. `free`, `total`: bytes of its memory."""

    name: str
    description: str
    kind: str
    free: int
    total: int

    @property
    def shares_ram(self) -> bool:
        """Whether its memory is a part of the computer's (integrated ones, and all that Metal drives)."""
        return self.kind == "IGPU" or self.name.startswith(("MTL", "Metal"))

    @property
    def available(self) -> int:
        """Bytes that models may take: the rest is left for the driver's own use and for the screen."""
        return self.free if self.shares_ram else max(0, self.free - _reserve(self.total, 128 * MIB, 1 << 30))

    @property
    def driver(self) -> tuple[int, int]:
        """Bytes that its driver takes for each process, on the device and in the computer's memory."""
        if self.name.startswith(("CUDA", "ROCm", "HIP")):
            return 400 * MIB, 200 * MIB
        return (64 * MIB, 64 * MIB) if self.shares_ram else (160 * MIB, 128 * MIB)


@dataclass(frozen=True)
class Machine:
    """The memory of a computer in bytes, and those of its GPUs that llama.cpp uses."""

    ram_free: int
    ram_total: int
    gpus: tuple[Device, ...] = ()

    @property
    def available(self) -> int:
        """Bytes of RAM that models may take: something is left for the system and for other programs."""
        return max(0, self.ram_free - _reserve(self.ram_total, 512 * MIB, 2 << 30))


def _reserve(total: int, least: int, most: int) -> int:
    return min(max(total // 20, least), most)


def machine(
    devices: Iterable[Mapping[str, Any]], *, staying: Iterable[Plan] = (), leaving: Iterable[Plan] = ()
) -> Machine:
    """The computer as it is now, with `devices` from `models.engine.child.devices`.

    Models that run now and stay loaded keep what they have, and those that are leaving give it back.
    """
    import psutil  # here, since it would delay the first window

    memory = psutil.virtual_memory()
    free, gpus = int(memory.available), _used_by_llama(devices)
    if sys.platform == "linux":  # counts the pages of mapped files as available, whoever uses them
        free -= sum(plan.host.mapped for plan in staying)
        free += sum(plan.host.needed - plan.host.mapped for plan in leaving)
    else:
        free += sum(plan.host.needed for plan in leaving)
    for need in (need for plan in leaving for need in plan.gpus):
        gpus = [replace(d, free=d.free + need.needed) if d.name == need.device else d for d in gpus]
        free += sum(need.needed for d in gpus if d.name == need.device and d.shares_ram)
    total = int(memory.total)
    return Machine(
        ram_free=min(max(free, 0), total),
        ram_total=total,
        gpus=tuple(replace(device, free=min(device.free, device.total)) for device in gpus),
    )


def _used_by_llama(devices: Iterable[Mapping[str, Any]]) -> list[Device]:
    """The GPUs as `llama_prepare_model_devices` chooses: integrated ones only where there are no others."""
    found = [
        Device(
            name=str(device["name"]),
            description=str(device["description"]),
            kind=str(device["kind"]),
            free=max(0, int(device["memory_free"])),
            total=max(0, int(device["memory_total"])),
        )
        for device in devices
        if device["kind"] in GPU_KINDS
    ]
    own = [device for device in found if device.kind == "GPU"]
    # One card under two drivers is used under the first.
    kept: dict[str, str] = {}
    backends = [device.name.rstrip("0123456789") for device in own]
    for device, backend in zip(own, backends, strict=True):
        kept.setdefault(device.description, backend)
    own = [d for d, backend in zip(own, backends, strict=True) if kept[d.description] == backend]
    first = found[0].name.rstrip("0123456789") if found else ""
    return own or [device for device in found if device.name.rstrip("0123456789") == first]


# ---------------------------------------------------------------- the plan


@dataclass(frozen=True)
class Need:
    """What a model needs of one memory, in bytes.

    Attributes:
        device: whose memory, as ggml names it; "" for the computer's own.
        available: what may be taken.
        kv: keys and values of the context, and recurrent states.
        compute: what is worked in while a batch is evaluated. In RAM it is what is really touched; on a
            GPU all that is set aside.
        mmproj: the part for images.
        process: the process itself, the vocabulary, the logits, the driver.
        mapped: of the weights, what is the file itself, mapped into memory.
        passing: file pages of weights that were copied; the system takes them back at will.
    """

    device: str = ""
    available: int = 0
    weights: int = 0
    kv: int = 0
    compute: int = 0
    mmproj: int = 0
    process: int = 0
    mapped: int = 0
    passing: int = 0

    @property
    def needed(self) -> int:
        """All that has to be there at the same time."""
        return sum(size for _, size in self.parts)

    @property
    def parts(self) -> tuple[tuple[str, int], ...]:
        """Name and bytes of each part, the largest matters first."""
        names = ("weights", "kv", "compute", "mmproj", "process")
        return tuple((name, getattr(self, name)) for name in names)

    @property
    def fits(self) -> bool:
        """Whether it is available."""
        return self.needed <= self.available


@dataclass(frozen=True)
class Correction:
    """Bytes by which earlier loads differed from their plans, in RAM and on each GPU they used."""

    host: int = 0
    gpu: int = 0


@dataclass(frozen=True)
class Plan:
    """What a model needs with some settings, and whether that fits.

    Attributes:
        options: the settings, ready for the engine; context and layers as planned.
        context_size: tokens of context that are allocated.
        gpu_layers: layers on the GPU, 0 to `layers`; the output counts as one.
        host: what it needs of RAM. gpus: what it needs of each GPU that llama.cpp uses.
        shared: bytes that GPUs take of RAM because they have none of their own.
        moved: bytes of the file that pass through RAM on their way to a GPU while loading.
        states: bytes of RAM that conversations which left the context may take later, at most; they
            give way and are not counted.
    """

    options: LoadOptions
    context_size: int
    gpu_layers: int
    layers: int
    verdict: Verdict
    host: Need
    gpus: tuple[Need, ...] = ()
    shared: int = 0
    moved: int = 0
    states: int = 0
    correction: Correction = field(default=Correction(), repr=False)

    @property
    def peak(self) -> int:
        """Bytes that the process holds in RAM at its height: while it loads, or once the context is full."""
        return self.loaded + max(self.host.compute, self.moved)

    @property
    def loaded(self) -> int:
        """Bytes that the process holds in RAM when the model is loaded and nothing is evaluated yet."""
        return self.host.needed + self.shared + self.host.passing - self.host.compute

    @property
    def needed(self) -> int:
        """Bytes of all memories together."""
        return self.host.needed + sum(need.needed for need in self.gpus)

    @property
    def problem(self) -> UserError | None:
        """Why it does not fit, to be raised or shown; None when it does."""
        if self.verdict != "too_big":
            return None
        short = max((self.ram, *self.gpus), key=lambda need: need.needed - need.available)
        values = {"needed": _gigabytes(short.needed), "available": _gigabytes(short.available)}
        if short.device:
            return UserError(
                "The model needs {needed} of the memory of {device}, and {available} is free.",
                hint="Put fewer of its layers on the graphics card, or choose a smaller context.",
                code="too_big",
                device=short.device,
                **values,
            )
        return UserError(
            "The model needs {needed} of memory, and {available} is free.",
            hint="Close other programs, or choose a smaller context or a smaller model.",
            code="too_big",
            device="",
            **values,
        )

    @property
    def ram(self) -> Need:
        """What is needed of RAM, by GPUs that have no memory of their own too."""
        return replace(self.host, process=self.host.process + self.shared)


def _gigabytes(size: int) -> str:
    return f"{size / 1e9:.1f} GB"


def plan(
    shape: Shape, machine: Machine, options: LoadOptions, *, correction: Correction = Correction()
) -> Plan:
    """What a model needs with these settings, all the layers on the GPU that they ask for."""
    return _Planning(shape, machine, options, correction).plan()


class _Planning:
    """Works out one plan.

    Attributes:
        places: of each layer, and last of the output, the number of its GPU, or -1 for RAM.
        rows: tokens of a batch. cells, window: tokens that the cache holds of a layer's whole past, and
            of a windowed one's. sequences: how many the context is made for.
    """

    def __init__(self, shape: Shape, machine: Machine, options: LoadOptions, correction: Correction) -> None:
        self.shape, self.machine, self.correction = shape, machine, correction
        trained = shape.context_length
        size = max(1, min(options.context_size, trained) if trained else options.context_size)
        self.layers = len(shape.layers) + 1
        wanted = self.layers if options.gpu_layers < 0 else min(options.gpu_layers, self.layers)
        self.gpu_layers = wanted if machine.gpus else 0
        gpu_layers = self.gpu_layers if machine.gpus else options.gpu_layers
        self.options = msgspec.structs.replace(options, context_size=size, gpu_layers=gpu_layers)
        self.sequences = options.parallel + (2 if shape.recurrent else 8)
        self.cells = _padded(size)
        self.rows = min(max(min(options.batch_size, size), self.sequences), size)
        if not shape.generates:  # the context is made for the texts when they come
            self.cells = self.rows = SHORTEST
        self.window = _padded(min(self.cells, shape.window * self.sequences + self.rows))
        if options.swa_full:
            self.window = self.cells
        # Left the choice, llama.cpp takes it; a compressed cache cannot do without.
        self.flash = options.flash_attention is not False or options.kv_type in ("q8_0", "q4_0")
        self.places = _places(self.layers, self.gpu_layers, machine)
        self.used = [device for n, device in enumerate(machine.gpus) if n in self.places]

    def plan(self) -> Plan:
        """All of it."""
        host = self._host()
        gpus = tuple(self._gpu(n, device) for n, device in enumerate(self.machine.gpus))
        shared = sum(
            need.needed for need, d in zip(gpus, self.machine.gpus, strict=True) if d.shares_ram
        )  # fmt: skip
        fits = host.needed + shared <= host.available and all(need.fits for need in gpus)
        part = 0 < self.gpu_layers < self.layers
        return Plan(
            options=self.options,
            context_size=self.cells if self.shape.generates else self.shape.context_length,
            gpu_layers=self.gpu_layers,
            layers=self.layers,
            verdict="too_big" if not fits else "partly" if part else "fits",
            host=host,
            gpus=gpus,
            shared=shared,
            moved=self._moved(),
            states=min(STORED_BYTES, max(0, self.machine.ram_free - host.needed - shared) // 8),
            correction=self.correction,
        )

    # ------------------------------------------------------------ the memories

    def _host(self) -> Need:
        shape, own = self.shape, self._weights_at(-1)
        # The input is looked up in the file; a table that the output shares is laid out anew beside that.
        kept = shape.input.size + own.size - own.repacked
        copied = own.repacked + (shape.table.repacked if self.places[-1] < 0 else 0)
        mapped = not any(device.kind == "IGPU" for device in self.machine.gpus)
        process = PROCESS + shape.tables + sum(device.driver[1] for device in self.used)
        if shape.generates:
            process += 4 * shape.vocabulary * self.sequences
        return Need(
            available=self.machine.available,
            weights=kept + copied,
            kv=self._kv(-1),
            compute=self._compute(-1),
            mmproj=0 if self.used else shape.projector,
            process=max(0, process + self.correction.host),
            mapped=kept if mapped else 0,
            passing=own.repacked if mapped else 0,
        )

    def _moved(self) -> int:
        gpus = [n for n, device in enumerate(self.machine.gpus) if not device.shares_ram]
        return sum(self._weights_at(n).size for n in gpus)

    def _gpu(self, n: int, device: Device) -> Need:
        available = device.available if device.total else self.machine.available
        if device not in self.used:
            return Need(device=device.name, available=available)
        table = self.shape.table.size if self.places[-1] == n else 0
        return Need(
            device=device.name,
            available=available,
            weights=self._weights_at(n).size + table,
            kv=self._kv(n),
            compute=self._compute(n),
            mmproj=self.shape.projector if device == self.used[0] else 0,
            process=max(0, device.driver[0] + self.correction.gpu),
        )

    def _at(self, place: int) -> list[Layer]:
        return [layer for layer, at in zip(self.shape.layers, self.places, strict=False) if at == place]

    def _weights_at(self, place: int) -> Weights:
        """Of the layers in a place, and of the output when it is there; without a table that it shares."""
        found = [layer.weights for layer in self._at(place)]
        if self.places[-1] == place:
            found.append(self.shape.output)
        return Weights(
            sum(weights.size for weights in found),
            sum(weights.repacked for weights in found),
            max((weights.largest for weights in found), default=0),
        )

    def _kv(self, place: int) -> int:
        """The cache of keys and values of the layers in a place, and their recurrent states."""
        block, size = _BLOCKS[self.options.kv_type if self.options.kv_type in KV_TYPES else "f16"]
        # Without flash attention the values lie transposed, each layer's as wide as the widest.
        widest = 0 if self.flash else max(layer.values for layer in self.shape.layers)
        total = 0
        for layer in self._at(place):
            values = max(layer.values, widest) if layer.values else 0
            row = (-(-layer.keys // block) + -(-values // block)) * size
            total += row * (self.window if layer.windowed else self.cells) + layer.state * self.sequences
        return total

    def _compute(self, place: int) -> int:
        """What is worked in while a batch is evaluated; the terms are fitted to what llama.cpp logs."""
        shape, number = self.shape, 4 * self.rows  # bytes of one float32 for each token
        attends = not shape.generates or any(layer.keys for layer in shape.layers)
        cells = self.cells + (self.window if any(layer.windowed for layer in shape.layers) else 0)
        masks = (2 if self.flash else 4) * self.rows * cells if attends else 0
        if place >= 0 and len(self.used) > 1 and self.gpu_layers == self.layers:
            masks *= _COPIES
        largest = number * shape.width  # what goes from layer to layer
        if self._at(place):
            feeding = 3 * shape.feed_forward + 4 * shape.width
            mixing = (2 * shape.experts + 6) * shape.width if shape.experts else 0
            attending = 4 * shape.width + 4 * shape.queries
            # The processor copies what it multiplies by weights, or by values, in their precision.
            copied = (shape.feed_forward // 4, shape.heads * self.cells // 2) if place < 0 else (0, 0)
            largest = number * (max(feeding, mixing, attending, 7 * shape.inner) + copied[0])
            if attends and not self.flash:
                beside = 2 * shape.width + 3 * shape.queries + 2 * shape.keys
                largest = max(largest, number * (shape.heads * self.cells + beside + copied[1]))
        if place == self.places[-1] and shape.generates:
            # The buffer is made for the logits of all tokens; of RAM only those asked for are touched.
            asked = 4 * self.options.parallel if place < 0 else number
            largest = max(largest, asked * shape.vocabulary + number * 2 * shape.width)
        if place >= 0 and self.machine.gpus[place] == self.used[0] and not self.used[0].shares_ram:
            # Large batches bring the weights of the layers in RAM over, one tensor at a time.
            largest += self._weights_at(-1).largest
        return masks + largest


def _padded(size: int) -> int:
    return -(-size // _PAD) * _PAD


def _places(layers: int, gpu_layers: int, machine: Machine) -> list[int]:
    """Where each layer and the output go: the last `gpu_layers` of them to the GPUs, by their free memory."""
    free = [device.free if device.total else machine.ram_free for device in machine.gpus]
    if not gpu_layers or not sum(free):
        return [-1] * (layers - gpu_layers) + [0] * gpu_layers
    borders = [part / sum(free) for part in accumulate(free)]
    first = layers - gpu_layers
    last = len(free) - 1
    return [-1] * first + [min(last, bisect_right(borders, n / gpu_layers)) for n in range(gpu_layers)]


# ---------------------------------------------------------------- choosing


def automatic(
    shape: Shape,
    machine: Machine,
    options: LoadOptions,
    *,
    context_size: int | None = None,
    correction: Correction = Correction(),
) -> Plan:
    """The best plan: as many layers on the GPU as fit there, and a context that leaves room for them.

    `context_size` is the context to have, whatever it costs; with None it is chosen, up to `COMFORTABLE`.
    A choice of layers in `options` is kept. When nothing fits, the plan is the smallest, and too big.
    """

    def with_(**settings: int) -> Plan:
        asked = msgspec.structs.replace(options, **settings)
        return plan(shape, machine, asked, correction=correction)

    longest = min(COMFORTABLE, shape.context_length or COMFORTABLE)
    sizes = [longest, *_shorter(longest)] if context_size is None else [context_size]
    for size in sizes:
        found = with_(context_size=size)
        if found.verdict == "fits" or (options.gpu_layers >= 0 and found.verdict == "partly"):
            return found
    if options.gpu_layers >= 0 or not machine.gpus:
        return found
    # With layers on the processor a long context is slow: half of what is comfortable will do.
    for size in (size for size in sizes if size <= COMFORTABLE // 2 or size in (context_size, sizes[-1])):
        low, high = 0, found.layers - 1  # more layers take more of the GPU, and less of the RAM
        while low < high:
            middle = (low + high + 1) // 2
            fits = all(need.fits for need in with_(context_size=size, gpu_layers=middle).gpus)
            low, high = (middle, high) if fits else (low, middle - 1)
        found = with_(context_size=size, gpu_layers=low)
        if found.verdict != "too_big":
            return replace(found, verdict="partly")
    return found


def largest_context(
    shape: Shape, machine: Machine, options: LoadOptions, *, correction: Correction = Correction()
) -> int:
    """The largest usual context that fits with otherwise these settings, in tokens; 0 when none does."""
    longest = shape.context_length or 1 << 20
    for size in (longest, *_shorter(longest)):
        asked = msgspec.structs.replace(options, context_size=size)
        if plan(shape, machine, asked, correction=correction).verdict != "too_big":
            return size
    return 0


def _shorter(size: int) -> list[int]:
    """The usual contexts below `size`, the longest first."""
    return [1 << power for power in range(20, 8, -1) if SHORTEST <= 1 << power < size]


Change = Literal["context_size", "kv_type", "gpu_layers", "cpu"]


@dataclass(frozen=True)
class Retry:
    """A way to load a model that ran out of memory. `change`: the setting that differs."""

    change: Change
    plan: Plan


def retries(shape: Shape, machine: Machine, failed: Plan, *, device: str = "") -> list[Retry]:
    """What else may be tried after `failed` ran out of memory: the changes of one setting that would fit.

    `device`: whose memory ran out, in ggml's words, where that is known; of that, each needs less. As the
    failed plan may have fitted on paper, each changes enough to matter.
    """
    options, found = failed.options, []
    short = _short(failed, device)
    less = next((size for size in _shorter(failed.context_size) if size <= failed.context_size // 2), 0)
    offers: list[tuple[Change, list[dict[str, Any]]]] = [
        ("context_size", [{"context_size": size} for size in _shorter(failed.context_size) if size <= less]),
        ("kv_type", [{"kv_type": kind} for kind in _smaller_kv(shape, options)]),
        ("gpu_layers", [{"gpu_layers": n} for n in range(failed.gpu_layers * 3 // 4, 0, -1)]),
        ("cpu", [{"gpu_layers": 0}] if failed.gpu_layers else []),
    ]
    for change, settings in offers:
        for setting in settings:
            asked = msgspec.structs.replace(options, **setting)
            other = plan(shape, machine, asked, correction=failed.correction)
            if other.verdict != "too_big" and _use_of(other, short) < _use_of(failed, short):
                found.append(Retry(change, other))
                break
    return found


def _smaller_kv(shape: Shape, options: LoadOptions) -> Sequence[str]:
    """Types of the cache that take less; those with blocks need flash attention and heads of whole blocks."""
    blocks = options.flash_attention is not False and shape.head and shape.head % 32 == 0
    return [kind for kind in SMALLER_KV.get(options.kv_type, ()) if blocks or kind == "f16"]


def _short(plan: Plan, device: str) -> str:
    """The memory that ran out: the one that is known to, or that is planned to, or else a GPU's."""
    used = [need.device for need in plan.gpus if need.needed]
    if device in used or device.startswith("CPU"):
        return device if device in used else ""
    over = [need.device for need in (plan.ram, *plan.gpus) if not need.fits]
    return (over or used or [""])[0]


def _use_of(plan: Plan, device: str) -> int:
    """Bytes of one memory."""
    return next((need.needed for need in plan.gpus if need.device == device), plan.ram.needed)


# ---------------------------------------------------------------- what loads have taught


class Corrections:
    """Remembers how far loads were from their plans, each model's own difference and what is usual.

    Every method may be called from any thread. `folder`: where it is kept, in a small file; None keeps
    it here alone.
    """

    MOST = 256
    """Models that are remembered, the last loaded ones."""

    def __init__(self, folder: Path | None) -> None:
        self._file = folder / "fit.json" if folder else None
        self._lock = threading.Lock()
        self._known: dict[str, Correction] = {}
        if self._file is not None:
            with suppress(OSError, msgspec.DecodeError):  # it is only a convenience
                self._known = msgspec.json.decode(self._file.read_bytes(), type=dict[str, Correction])

    def of(self, model: str) -> Correction:
        """What to correct the next plan of a model by: its own difference, else the middle of the others'."""
        with self._lock:
            known = self._known.get(model)
            if known is not None or not self._known:
                return known or Correction()
            differences = self._known.values()
            return Correction(
                round(_middle(known.host for known in differences)),
                round(_middle(known.gpu for known in differences)),
            )

    def learn(self, model: str, plan: Plan, *, host_bytes: int, buffers: Iterable[Buffer] = ()) -> None:
        """A model was loaded by `plan` and holds `host_bytes` of RAM, before anything is evaluated.

        `buffers`: what llama.cpp said it took (`ModelInfo.buffers`), for what lies on GPUs. Where the system
        reads the file only as it is used, RAM tells nothing and nothing is learned of it. No difference
        counts for more than half of the plan.
        """
        host, old = host_bytes - plan.loaded, plan.correction
        if host < -plan.host.process:
            host = 0
        kept = [buffer for buffer in buffers if buffer.kind in ("model", "KV", "RS", "compute")]
        apart = [
            sum(buffer.bytes for buffer in kept if buffer.device == need.device)
            - (need.weights + need.kv + need.compute)
            for need in plan.gpus
            if need.needed
        ]
        seen = Correction(
            min(host, plan.loaded // 2) + old.host,
            min(round(_middle(apart)), plan.needed // 2) + old.gpu if kept and apart else old.gpu,
        )
        with self._lock:
            before = self._known.pop(model, seen)
            self._known[model] = Correction((before.host + seen.host) // 2, (before.gpu + seen.gpu) // 2)
            for name in list(self._known)[: -self.MOST]:
                del self._known[name]
            self._save()

    def _save(self) -> None:
        if self._file is None:
            return
        with suppress(OSError):  # a full disk must not keep a model from loading
            new = self._file.with_suffix(".new")
            new.write_bytes(msgspec.json.encode(self._known))
            new.replace(self._file)


def _middle(numbers: Iterable[float]) -> float:
    """The median; the module that has one takes as long to import as the rest of this file."""
    found = sorted(numbers)
    half = len(found) // 2
    return found[half] if len(found) % 2 else (found[half - 1] + found[half]) / 2
