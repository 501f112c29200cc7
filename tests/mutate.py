"""Damages GGUF files in every way that a bad disk, a bad line or a bad mind could, the same way each time.

A mutant is made from one of a few sound models and the number that seeds it. `survey` reads many in
child processes that are watched: a crash, a hang or a want of memory is caught and told with its seed.
"""

from __future__ import annotations

import itertools
import os
import random
import resource
import struct
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import msgspec
import psutil
from tiny_models import tiny_bert, tiny_gemma3, tiny_hybrid, tiny_llama, tiny_mamba

from models import gguf
from models.engine.client import ProcessEngine
from models.engine.protocol import Chat, LoadOptions, Message, Request, Sampling
from models.errors import RolltopError, UserError
from models.gguf import GGUFError, read_header
from models.library import Library, Model

U8, U32, STRING, ARRAY = 0, 4, 8, 9
_WIDTHS = {0: 1, 1: 1, 2: 2, 3: 2, 4: 4, 5: 4, 6: 4, 7: 1, 10: 8, 11: 8, 12: 8}
ABSURD = (
    *(0, 1, 2, 3, 0xFF, 0xFFFF, 1 << 20, 1 << 30, 1 << 31, (1 << 31) - 1, (1 << 32) - 1, 1 << 32, 1 << 40),
    *((1 << 60) + 1, (1 << 62) + 1, (1 << 63) - 1, 1 << 63, (1 << 64) - 32, (1 << 64) - 1),
)
UNREADABLE = (
    *(b"\xff\xfe", b"\xed\xa0\x80", b"\xc0\x80", b"\xf5\x80\x80\x80", b"\0", b"\x1b[2J", b"\xe2\x80\xae"),
)
"""Text that is not UTF-8, or that should not reach a terminal."""

# ---------------------------------------------------------------- what there is to damage


class Field(NamedTuple):
    """Numbers in a header: `count` of them, each `width` bytes, from `at` on; or text of `count` bytes."""

    at: int
    width: int
    kind: str
    count: int = 1


class Record(NamedTuple):
    """One key with its value, or one tensor."""

    start: int
    end: int


@dataclass(frozen=True)
class Source:
    """A sound model: its header and where the parts of it are, what follows, and the size of the file."""

    name: str
    head: bytes
    data: bytes
    size: int
    fields: dict[str, list[Field]]
    keys: list[Record]
    tensors: list[Record]

    def __repr__(self) -> str:
        return self.name


def source(path: Path, *, with_data: bool = True) -> Source:
    """The sound model in a file, of which only the header is kept unless `with_data`."""
    with path.open("rb") as stream:
        head = stream.read(read_header(path).data_offset)
        data = stream.read() if with_data else b""
    walk = _Walk(head)
    return Source(path.stem, head, data, path.stat().st_size, walk.fields, walk.keys, walk.tensors)


class _Walk:
    """Finds the parts of a sound header."""

    def __init__(self, head: bytes) -> None:
        self.head, self.at = head, 4
        self.fields: dict[str, list[Field]] = {}
        self.number("I", "version")
        tensors, keys = self.number("Q", "tensor count"), self.number("Q", "key count")
        self.keys = [self.record(self.key) for _ in range(keys)]
        self.tensors = [self.record(self.tensor) for _ in range(tensors)]

    def record(self, walk: Callable[[], None]) -> Record:
        start = self.at
        walk()
        return Record(start, self.at)

    def key(self) -> None:
        name = self.text("key length", "key")
        self.value(self.number("I", "value type"), "alignment" if name == b"general.alignment" else "value")

    def tensor(self) -> None:
        self.text("tensor name length", "tensor name")
        for _ in range(self.number("I", "dimensions")):
            self.number("Q", "dimension")
        self.number("I", "tensor type")
        self.number("Q", "offset")

    def value(self, kind: int, what: str, count: int = 1) -> None:
        if kind == ARRAY:
            item = self.number("I", "array type")
            self.value(item, "item", self.number("Q", "array length"))
        elif kind == STRING:
            for _ in range(count):
                self.text(f"{what} length", what)
        elif count:
            self.found(_WIDTHS[kind], what, count)

    def text(self, length_kind: str, kind: str) -> bytes:
        length = self.number("Q", length_kind)
        self.found(1, f"{kind} text", length)
        return self.head[self.at - length : self.at]

    def number(self, letter: str, kind: str) -> int:
        width = self.found(struct.calcsize("<" + letter), kind)
        return int.from_bytes(self.head[self.at - width : self.at], "little")

    def found(self, width: int, kind: str, count: int = 1) -> int:
        if count:
            self.fields.setdefault(kind, []).append(Field(self.at, width, kind, count))
        self.at += width * count
        return width


def write_sources(folder: Path) -> None:
    """Write the sound models that mutants are made of, the starter model apart."""
    from gguf import GGUFWriter

    for make in (tiny_llama, tiny_mamba, tiny_gemma3, tiny_hybrid, tiny_bert):
        make(folder / f"{make.__name__}.gguf")
    image_part = GGUFWriter(folder / "mmproj.gguf", "clip")
    image_part.add_type("mmproj")
    image_part.add_uint32("general.alignment", 64)
    image_part.data_alignment = 64
    image_part.add_bool("clip.has_vision_encoder", True)
    image_part.add_array("clip.vision.image_mean", [0.5, 0.5, 0.5])
    shard = GGUFWriter(folder / "shard.gguf", "llama")
    shard.add_uint16("split.no", 0)
    shard.add_uint16("split.count", 3)
    shard.add_int32("split.tensors.count", 12)
    shard.add_tokenizer_model("gpt2")
    for writer in (image_part, shard):
        for number in range(4):
            writer.add_tensor(f"v.blk.{number}.weight", _zeros(64 + number, 32))
        writer.write_header_to_file()
        writer.write_kv_data_to_file()
        writer.write_tensors_to_file()
        writer.close()


def _zeros(*shape: int) -> Any:
    import numpy

    return numpy.zeros(shape, numpy.float32)


def sources(folder: Path, *, runnable: bool = False) -> list[Source]:
    """The models of `write_sources`, and the starter's header unless they are to be `runnable`."""
    paths = sorted(folder.glob("tiny_*.gguf") if runnable else folder.glob("*.gguf"))
    own = [source(path) for path in paths]
    return own if runnable else [*own, source(Library([]).starter().path, with_data=False)]


# ---------------------------------------------------------------- mutants


@dataclass(frozen=True)
class Mutant:
    """A damaged file: a header, what follows it, and zeros up to its size."""

    name: str
    head: bytes
    data: bytes
    size: int

    def __repr__(self) -> str:
        return self.name

    def write(self, path: Path) -> None:
        """Write it, with a hole for the zeros."""
        with path.open("wb") as stream:
            stream.write(self.head[: self.size])
            stream.write(self.data[: max(0, self.size - len(self.head))])
            stream.truncate(self.size)


@dataclass
class _Draft:
    """A mutant being made. Later damage goes by where things were in the sound file."""

    random: random.Random
    source: Source
    others: Sequence[Source]
    head: bytearray
    data: bytes
    size: int

    def place(self) -> int:
        """Somewhere in the header, half of the time where something starts."""
        if self.random.random() < 0.5:
            return self.random.randrange(len(self.head) + 1)
        return min(self.field().at, len(self.head))

    def field(self, *parts: str) -> Field:
        """A field, each kind as likely as the others; only those with one of `parts` in their kind."""
        kinds = [kind for kind in self.source.fields if not parts or any(part in kind for part in parts)]
        return self.random.choice(self.source.fields[self.random.choice(kinds)])

    def put(self, at: int, value: bytes) -> None:
        """Write over what is there, never beyond the header's end."""
        value = value[: max(0, len(self.head) - at)]
        self.head[at : at + len(value)] = value

    def replace(self, start: int, end: int, value: bytes) -> None:
        """Put `value` in the place of a stretch of any length; the file grows or shrinks with it."""
        before = len(self.head)
        self.head[start:end] = value
        self.size = max(0, self.size + len(self.head) - before)

    def add_key(self, kind: int, value: bytes) -> None:
        """A key more, before the others; its name is as long as keeps the data in line."""
        name = b"k" * (1 + -(8 + 1 + 4 + len(value)) % 64)
        self.replace(24, 24, struct.pack("<Q", len(name)) + name + struct.pack("<I", kind) + value)
        self.raise_count(16)

    def raise_count(self, at: int) -> None:
        """One more key (at 16) or tensor (at 8)."""
        count = int.from_bytes(self.head[at : at + 8], "little") + 1
        self.put(at, (count % (1 << 64)).to_bytes(8, "little"))


def flip(draft: _Draft) -> None:
    """Some bits."""
    for _ in range(draft.random.randint(1, 8) if draft.head else 0):
        draft.head[draft.random.randrange(len(draft.head))] ^= 1 << draft.random.randrange(8)


def overwrite(draft: _Draft) -> None:
    """A stretch of noise."""
    draft.put(draft.place(), draft.random.randbytes(draft.random.choice((1, 4, 8, 64, 1000))))


def absurd(draft: _Draft) -> None:
    """Counts, lengths, types, dimensions, offsets that cannot be."""
    for _ in range(draft.random.randint(1, 3)):
        at, width, kind, count = draft.field()
        if not kind.endswith("text"):
            own = (draft.size, draft.size + 1, draft.random.randrange(1 << 16))
            value = draft.random.choice((*ABSURD, *own))
            item = at + width * draft.random.randrange(count)
            draft.put(item, (value % (1 << 8 * width)).to_bytes(width, "little"))


def retype(draft: _Draft) -> None:
    """Another type for a value, an array or a tensor."""
    draft.put(draft.field("type").at, struct.pack("<I", draft.random.randrange(48)))


def cut(draft: _Draft) -> None:
    """The file ends early."""
    draft.size = draft.random.choice((draft.place(), draft.random.randrange(draft.size + 1)))


def insert(draft: _Draft) -> None:
    """A stretch of noise, or of one byte, that moves the rest along."""
    length = draft.random.choice((1, 2, 8, 100, 1 << 16))
    noise = draft.random.randbytes(length) if draft.random.random() < 0.5 else bytes(length)
    at = draft.place()
    draft.replace(at, at, noise)


def remove(draft: _Draft) -> None:
    """A stretch is gone."""
    at = draft.place()
    draft.replace(at, at + draft.random.choice((1, 2, 8, 100, 5000)), b"")


def splice(draft: _Draft) -> None:
    """The start of one file and the end of another."""
    other = draft.random.choice(draft.others)
    at = draft.place()
    start = draft.random.choice(other.fields[draft.random.choice(list(other.fields))]).at
    draft.head[at:] = other.head[start:]
    draft.data = other.data
    draft.size = len(draft.head) + other.size - len(other.head)


def double(draft: _Draft) -> None:
    """A key or a tensor comes twice."""
    records, count_at = draft.random.choice(((draft.source.keys, 16), (draft.source.tensors, 8)))
    record = draft.random.choice(records)
    draft.replace(record.end, record.end, bytes(draft.head[record.start : record.end]))
    if draft.random.random() < 0.7:
        draft.raise_count(count_at)


def exchange(draft: _Draft) -> None:
    """Two keys or tensors change places."""
    records = draft.random.choice((draft.source.keys, draft.source.tensors))
    first, second = sorted(draft.random.sample(records, 2))
    one, other = draft.head[first.start : first.end], draft.head[second.start : second.end]
    draft.replace(second.start, second.end, bytes(one))
    draft.replace(first.start, first.end, bytes(other))


def nest(draft: _Draft) -> None:
    """Arrays in arrays in arrays, or very many side by side."""
    inner = struct.pack("<IQ", U8, 1) + b"x"
    if draft.random.random() < 0.5:
        value = struct.pack("<IQ", ARRAY, 1) * draft.random.choice((1, 2, 3, 4, 5, 100, 10_000)) + inner
    else:
        count = draft.random.choice((10, 1000, 20_000))
        value = struct.pack("<IQ", ARRAY, count) + inner * count
    draft.add_key(ARRAY, value)


def enlarge(draft: _Draft) -> None:
    """A vocabulary of up to a few million words."""
    counts = {1000: 50, 30_000: 44, 300_000: 4, 1_000_000: 1, 3_000_000: 1}
    count = draft.random.choices(list(counts), list(counts.values()))[0]
    draft.add_key(ARRAY, struct.pack("<IQ", STRING, count) + bytes(8 * count))


def swell(draft: _Draft) -> None:
    """A string or an array of gigabytes, in a file that has them."""
    length = draft.random.choice((1 << 20, 130 << 20, 1 << 30, 5 << 30))
    start = draft.random.choice((struct.pack("<I", STRING), struct.pack("<IIQ", ARRAY, U32, length // 4)))
    name = struct.pack("<Q", 1) + b"k"
    draft.head[24:] = name + start + (struct.pack("<Q", length) if len(start) == 4 else b"")
    draft.data, draft.size = b"", len(draft.head) + length + draft.size


def garble(draft: _Draft) -> None:
    """Text that is not UTF-8, or full of control characters."""
    for _ in range(draft.random.randint(1, 4)):
        text = draft.field("text")
        at = text.at + draft.random.randrange(text.count)
        draft.put(at, draft.random.choice(UNREADABLE)[: text.at + text.count - at])


def reverse(draft: _Draft) -> None:
    """Numbers the other way round: all of them, as other computers store them, or one kind."""
    kinds = [kind for kind in draft.source.fields if not kind.endswith("text")]
    if draft.random.random() < 0.5:
        kinds = [draft.random.choice(kinds)]
    for kind in kinds:
        for at, width, _, count in draft.source.fields[kind] if width_of(draft.source, kind) > 1 else ():
            for item in range(at, at + width * count, width):
                draft.put(item, bytes(reversed(draft.head[item : item + width])))


def width_of(source: Source, kind: str) -> int:
    """The largest width of a kind of field."""
    return max(part.width for part in source.fields[kind])


DAMAGE = (
    *(flip, overwrite, absurd, retype, cut, insert, remove, splice, double, exchange, nest, enlarge),
    *(swell, garble, reverse),
)


def mutant(sound: Sequence[Source], seed: int) -> Mutant:
    """One to three kinds of damage to one of the sound models; the same for the same models and seed."""
    rng = random.Random(seed)
    # The starter's header is large; the small ones teach as much in a tenth of the time.
    chosen = rng.choices(sound, [1.0 if len(one.head) < 1 << 20 else 0.1 for one in sound])[0]
    draft = _Draft(rng, chosen, sound, bytearray(chosen.head), chosen.data, chosen.size)
    damage = rng.choices(DAMAGE, k=rng.choice((1, 1, 1, 1, 2, 2, 3)))
    for harm in damage:
        harm(draft)
    name = f"seed {seed}: {chosen.name}, {' and '.join(harm.__name__ for harm in damage)}"
    return Mutant(name, bytes(draft.head), draft.data, draft.size)


# ---------------------------------------------------------------- reading many

CHUNK = 5000
"""Mutants that one child process reads at the most."""
HANG_S = 20.0
"""A mutant that takes longer to read hangs."""
START_S = 60.0
"""A child that takes longer to start hangs."""
SPARE_BYTES = 256 << 20
"""Address space a child gets beyond what it has with all sound models loaded."""


class Tally(msgspec.Struct):
    """What became of mutants.

    Attributes:
        outcomes: error codes, or "read", with how often each came.
        library: the same for Library.get, which looks at every fourth.
        faults: mutants that broke the promise, with how.
        slowest_s, slowest: the longest time that reading one took, and which.
        peak_bytes: memory that reading one took at the most.
    """

    outcomes: dict[str, int] = {}
    library: dict[str, int] = {}
    faults: list[str] = []
    slowest_s: float = 0.0
    slowest: str = ""
    peak_bytes: int = 0

    def add(self, other: Tally) -> None:
        """Count in what another child found."""
        self.outcomes = dict(Counter(self.outcomes) + Counter(other.outcomes))
        self.library = dict(Counter(self.library) + Counter(other.library))
        self.faults += other.faults
        self.peak_bytes = max(self.peak_bytes, other.peak_bytes)
        if other.slowest_s > self.slowest_s:
            self.slowest_s, self.slowest = other.slowest_s, other.slowest


def read_outcome(path: Path) -> str:
    """Read a header and all that is made of it: "read", or the code of the refusal."""
    try:
        header = read_header(path)
    except GGUFError as error:
        return _told(error)
    facts = (header.name, header.architecture, header.quantization, header.chat_template or "")
    assert all(isinstance(fact, str) for fact in facts)
    assert all(tensor.size_bytes >= 0 for tensor in header.tensors)
    # What is counted with later has to stay within reason: no more numbers than the file has room for.
    assert 0 <= header.parameters <= 16 * header.size_bytes
    assert 0 <= header.layers <= gguf.MAX_TENSORS
    assert all(0 <= number < 1 << 32 for number in (header.context_length, header.embedding_size))
    assert sum(len(value) for value in header.metadata.values() if isinstance(value, str)) < 64 << 20
    return "read"


def library_outcome(path: Path) -> str:
    """Look a file up in a library: "model", or the code of the refusal."""
    try:
        model = Library([], with_starter=False).get(str(path))
    except UserError as error:
        return _told(error)
    assert isinstance(model, Model)
    assert model.name.isprintable()
    assert model.license.isprintable()
    return "model"


def _told(error: RolltopError) -> str:
    """The code of an error that can be shown."""
    assert error.text
    assert error.text.isprintable()
    assert error.hint_text.isprintable()
    return error.code


def survey(
    count: int, first: int = 0, *, script: Path = Path(__file__), hang_s: float = HANG_S
) -> Iterator[tuple[int, Tally]]:
    """Read `count` mutants in as many child processes as there are cores; yields how many are done.

    A child runs `script`, which calls `read_some`.
    """
    with tempfile.TemporaryDirectory(prefix="rolltop-mutants-") as place:
        folder = Path(place)
        write_sources(folder)
        cores = os.cpu_count() or 1
        chunk = min(CHUNK, -(-count // cores))
        waiting = [(at, min(chunk, first + count - at)) for at in range(first, first + count, chunk)]
        waiting.reverse()
        running: list[_Child] = []
        total = Tally()
        try:
            while waiting or running:
                while waiting and len(running) < cores:
                    running.append(_Child(script, folder, *waiting.pop()))
                time.sleep(0.05)
                for child in [child for child in running if child.ended(hang_s)]:
                    running.remove(child)
                    tally, rest = child.result()
                    total.add(tally)
                    if rest[1]:
                        waiting.append(rest)
                yield count - sum(number for _, number in waiting) - sum(c.count for c in running), total
        finally:
            for child in running:
                child.process.kill()
                child.process.wait()


class _Child:
    """A process that reads some mutants, and writes down each before it starts with it."""

    def __init__(self, script: Path, folder: Path, first: int, count: int) -> None:
        self.first, self.count = first, count
        self.at = folder / f"at-{first}"
        self.at.write_text("")
        self.faults = folder / f"faults-{first}"
        self.faults.write_text("")
        self.out = folder / f"out-{first}"
        command = [sys.executable, str(script), str(folder), str(first), str(count)]
        with self.out.open("wb") as out:
            self.process = subprocess.Popen(command, stdout=out, stderr=subprocess.STDOUT)
        self.seen, self.since = "", time.monotonic()

    def ended(self, hang_s: float) -> bool:
        """Whether it is done, or said nothing for `hang_s` seconds and was killed."""
        now = self.at.read_text()
        if now != self.seen:
            self.seen, self.since = now, time.monotonic()
        patience = hang_s if now else START_S
        if self.process.poll() is None and time.monotonic() - self.since > patience:
            self.process.kill()
            self.process.wait()
        return self.process.poll() is not None

    def result(self) -> tuple[Tally, tuple[int, int]]:
        """What it found, and what is left to do (first seed and number) when it did not get through."""
        output, faults = self.out.read_bytes(), self.faults.read_text().splitlines()
        if self.process.returncode == 0:
            tally = msgspec.json.decode(output, type=Tally)
            tally.faults = faults
            return tally, (0, 0)
        seed = int(self.at.read_text() or self.first)
        fault = f"seed {seed}: the process ended with {self.process.returncode}: {output[-300:]!r}"
        return Tally(faults=[*faults, fault]), (seed + 1, self.first + self.count - seed - 1)


def read_some(arguments: Sequence[str]) -> None:
    """The work of a child: read some mutants and print the Tally as JSON."""
    folder, first, count = Path(arguments[0]), int(arguments[1]), int(arguments[2])
    sound = sources(folder)
    path = folder / f"at-{first}.d" / "mutant.gguf"
    path.parent.mkdir()
    at = os.open(folder / f"at-{first}", os.O_WRONLY)
    tally = Tally()
    outcomes: Counter[str] = Counter()
    library: Counter[str] = Counter()
    limit = psutil.Process().memory_info().vms + SPARE_BYTES
    resource.setrlimit(resource.RLIMIT_AS, (limit, resource.RLIM_INFINITY))
    for seed in range(first, first + count):
        os.pwrite(at, f"{seed:09}".encode(), 0)
        try:
            made = mutant(sound, seed)
            made.write(path)
            before = _peak(reset=True)
            start = time.perf_counter()
            outcome = read_outcome(path)
            seconds = time.perf_counter() - start
            tally.peak_bytes = max(tally.peak_bytes, _peak() - before)
            outcomes[outcome] += 1
            if seconds > tally.slowest_s:
                tally.slowest_s, tally.slowest = seconds, made.name
            if seed % 4 == 0:
                library[library_outcome(path)] += 1
        except Exception as error:
            with (folder / f"faults-{first}").open("a") as faults:
                print(f"seed {seed}: {error!r}", file=faults)
    tally.outcomes, tally.library = dict(outcomes), dict(library)
    sys.stdout.buffer.write(msgspec.json.encode(tally))


def _peak(*, reset: bool = False) -> int:
    """Most memory this process has had in bytes, since the last reset; 0 where the system does not say."""
    if not sys.platform.startswith("linux"):
        return 0
    if reset:
        Path("/proc/self/clear_refs").write_text("5")
    status = Path("/proc/self/status").read_text()
    return int(status.partition("VmHWM:")[2].split()[0]) << 10


# ---------------------------------------------------------------- running some

LOAD_S = 60.0
"""A model that takes longer to load or to answer hangs."""
ENGINE_BYTES = 6 << 30
"""Address space an engine gets: a header that asks for more has to fail, not to fill the machine."""
LARGEST_RUN = 64 << 20
"""Larger files are not run: llama.cpp takes a minute to read a string of gigabytes before it refuses it."""


def runnable_mutants(sound: Sequence[Source], count: int, path: Path) -> Iterator[Mutant]:
    """Mutants written to `path` one by one, half of them such as `read_header` takes for sound."""
    wanted = {True: count - count // 2, False: count // 2}
    for seed in itertools.count():
        made = mutant(sound, seed)
        if made.size > LARGEST_RUN:
            continue
        made.write(path)
        looks_sound = read_outcome(path) == "read"
        if wanted[looks_sound]:
            wanted[looks_sound] -= 1
            yield made
        if not any(wanted.values()):
            return


def engine_outcome(path: Path) -> str:
    """Load a file with the real engine and say a little: "ran", the code of the error, or "HANG"."""
    end = time.monotonic() + LOAD_S
    before = set(psutil.Process().children())
    loading = ProcessEngine.loading(LoadOptions(path=str(path), context_size=128))
    try:
        next(loading)
        if sys.platform.startswith("linux"):
            for child in set(psutil.Process().children()) - before:
                resource.prlimit(child.pid, resource.RLIMIT_AS, (ENGINE_BYTES, ENGINE_BYTES))
        while time.monotonic() < end:
            next(loading)
        loading.close()
        return "HANG"
    except StopIteration as ready:
        return _generate(ready.value)
    except RolltopError as error:
        return _named(error)


def _generate(engine: ProcessEngine) -> str:
    """Render a chat and answer it with a few tokens; the engine is closed after that."""
    hung = threading.Event()
    watch = threading.Timer(LOAD_S, lambda: (hung.set(), psutil.Process(engine.pid).kill()))
    watch.start()
    try:
        prompt = engine.render(Chat(messages=(Message(role="user", content="light the house"),)))
        request = Request(id="mutant", tokens=prompt.tokens[:64], max_tokens=4, sampling=Sampling(seed=1))
        list(engine.submit(request))
        return "ran"
    except RolltopError as error:
        return "HANG" if hung.is_set() else _named(error)
    finally:
        watch.cancel()
        watch.join()
        engine.close()


def _named(error: RolltopError) -> str:
    assert error.text
    return f"{type(error).__name__} {error.code}"


if __name__ == "__main__":
    read_some(sys.argv[1:])
