"""Where models lie on this computer: the app's own folder, the user's, and those of other apps.

Other apps' folders are read in place and never written, not even a lock. What their settings and
manifests say is bounded when read and decides only which headers are looked at.
"""

from __future__ import annotations

import os
import re
import stat
import sys
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Literal

import msgspec

from models.errors import UserError
from models.gguf import printable, shown

MAX_DEPTH = 12
MAX_ENTRIES = 200_000
"""Files and folders looked at in one look through one folder."""
MAX_SETTINGS = 1 << 20
"""Bytes of a settings file or manifest that are read; longer ones are ignored."""
OLLAMA_SERVICE = Path("/usr/share/ollama/.ollama/models")
"""Where Ollama keeps models when it runs as a service on Linux (docs/faq.md of ollama/ollama)."""

PlaceKind = Literal[
    "starter", "rolltop", "folder", "lm_studio", "hugging_face", "ollama", "jan", "gpt4all"
]  # fmt: skip
APP_NAMES: Mapping[PlaceKind, str] = {
    "lm_studio": "LM Studio", "hugging_face": "Hugging Face", "ollama": "Ollama", "jan": "Jan",
    "gpt4all": "GPT4All",
}  # fmt: skip
"""The other apps, by the places they own."""

_REGISTRIES = ("huggingface.co", "cortex.so")  # Jan's older folders start with where a model is from
_DIGEST = re.compile(r"sha256[-:](?P<hex>[0-9a-f]{64})")
_HEX = re.compile(r"[0-9a-f]{64}")
_YAML_LINE = re.compile(r"(?P<key>\w+):[ \t]+(?P<value>\S.*)")
_INI_CHARACTER = re.compile(r"\\x(?P<code>[0-9a-fA-F]{1,4})|\\(?P<plain>[\\\"])")


@dataclass(frozen=True)
class Place:
    """A folder with models. `kind`: whose it is, and so how it is laid out."""

    kind: PlaceKind
    folder: Path


@dataclass(frozen=True)
class Found:
    """A file that may be a model, and what its place says about it.

    Attributes:
        home: the folder that holds all files of its publication, an mmproj among them.
        name: what its place calls it; empty where only the file has a name.
        publisher: from the path; may be empty.
        sha256: the file's content by its place's own account; may be empty.
        mmproj: the image part that its place names.
    """

    path: Path
    place: Place
    home: Path
    name: str = ""
    publisher: str = ""
    sha256: str = ""
    mmproj: Path | None = None


@dataclass
class Survey:
    """What a look through places brings to light beside files.

    Attributes:
        problems: (path, error) of each folder or manifest that cannot be used.
        folders: every folder that was looked into.
    """

    problems: list[tuple[Path, UserError]] = field(default_factory=list)
    folders: list[Path] = field(default_factory=list)


def find(place: Place, survey: Survey) -> Iterator[Found | None]:
    """The GGUF files of a place; None comes after each folder, so that a look can be given up."""
    match place.kind:
        case "hugging_face":
            return _hugging_face(place, survey)
        case "ollama":
            return _ollama(place, survey)
        case "jan":
            return _jan(place, survey)
        case _:
            return _folder(place, survey)


def located(path: Path, place: Place) -> Found:
    """A file of a place that is laid out as publisher/repo/file, in so far as it is."""
    parts = path.relative_to(place.folder).parts
    if len(parts) > 3 and parts[0] in _REGISTRIES:
        parts = parts[1:]
    if len(parts) < 3:
        return Found(path, place, home=path.parent)
    home = path.parents[len(parts) - 3]
    # A folder of the user's own may be sorted in any way.
    published = place.kind in ("rolltop", "lm_studio", "jan") or "gguf" in home.name.lower()
    return Found(path, place, home=home, publisher=_words(parts[0]) if published else "")


# ---------------------------------------------------------------- which folders there are


def other_apps(home: Path, environment: Mapping[str, str], platform: str = sys.platform) -> tuple[Place, ...]:
    """The folders of other apps that are here.

    home: the user's home folder. environment: variables such as HF_HOME. platform: as `sys.platform`.
    """
    system = _System(home, environment, platform)
    wanted: list[tuple[PlaceKind, Iterable[Path | None]]] = [
        ("lm_studio", _lm_studio_folders(system)),
        ("hugging_face", _hugging_face_folders(system)),
        ("ollama", _ollama_folders(system)),
        ("jan", _jan_folders(system)),
        ("gpt4all", _gpt4all_folders(system)),
    ]
    places: dict[str, Place] = {}
    for kind, folders in wanted:
        for folder in folders:
            if folder is not None and _is_folder(folder):
                places.setdefault(os.path.realpath(folder), Place(kind, folder))
    return tuple(places.values())


@dataclass(frozen=True)
class _System:
    """The home folder, variables and platform in which apps look for their folders."""

    home: Path
    environment: Mapping[str, str]
    platform: str

    def path(self, text: object) -> Path | None:
        """A path from a variable or a settings file; None when it leads nowhere certain."""
        if not isinstance(text, str) or "\0" in text:
            return None
        plain = text.strip().strip("\"'")
        if plain == "~" or plain.startswith(("~/", "~\\")):
            return self.home / plain[2:]
        return Path(plain) if os.path.isabs(plain) else None

    def variable(self, name: str) -> Path | None:
        return self.path(self.environment.get(name))

    @property
    def data(self) -> Path:
        """Where apps keep data that may follow the user to another computer."""
        if self.platform == "win32":
            return self.variable("APPDATA") or self.home / "AppData" / "Roaming"
        if self.platform == "darwin":
            return self.home / "Library" / "Application Support"
        return self.variable("XDG_DATA_HOME") or self.home / ".local" / "share"

    @property
    def local_data(self) -> Path:
        """Where apps keep data that stays on this computer."""
        if self.platform == "win32":
            return self.variable("LOCALAPPDATA") or self.home / "AppData" / "Local"
        return self.data

    @property
    def config(self) -> Path:
        """Where Qt and Unix programs keep settings."""
        if self.platform == "win32":
            return self.data
        return self.variable("XDG_CONFIG_HOME") or self.home / ".config"


def _lm_studio_folders(system: _System) -> Iterator[Path | None]:
    """LM Studio's models, laid out as publisher/repo/file.gguf (https://lmstudio.ai/docs/basics/import-model).

    ~/.lmstudio-home-pointer holds the path of its data folder when that was moved
    (https://github.com/lmstudio-ai/lmstudio-bug-tracker/issues/553); older versions have
    ~/.cache/lm-studio. `downloadsFolder` in its settings.json is the models folder the user chose.
    """
    pointer = _read(system.home / ".lmstudio-home-pointer").strip()
    homes = [system.path(pointer), system.home / ".lmstudio", system.home / ".cache" / "lm-studio"]
    application = system.data if system.platform == "darwin" else system.config
    for folder in [*filter(None, homes), application / "LM Studio"]:
        yield system.path(_json(folder / "settings.json").get("downloadsFolder"))
        yield folder / "models"


def _hugging_face_folders(system: _System) -> Iterator[Path | None]:
    """The cache of huggingface_hub (https://huggingface.co/docs/huggingface_hub/package_reference/environment_variables)."""
    cache = system.variable("XDG_CACHE_HOME") or system.home / ".cache"
    yield system.variable("HF_HUB_CACHE")
    yield system.variable("HUGGINGFACE_HUB_CACHE")
    yield (system.variable("HF_HOME") or cache / "huggingface") / "hub"


def _ollama_folders(system: _System) -> Iterator[Path | None]:
    """Ollama's models (https://github.com/ollama/ollama/blob/main/docs/faq.md, `envconfig.Models`)."""
    yield system.variable("OLLAMA_MODELS")
    yield system.home / ".ollama" / "models"
    if system.platform == "linux":
        yield OLLAMA_SERVICE


def _jan_folders(system: _System) -> Iterator[Path | None]:
    """Jan's models: llamacpp/models in its data folder, models in older ones.

    `data_folder` in Jan/settings.json says where it was moved to; ~/jan is from before 0.5
    (src-tauri/src/core/app/commands.rs of https://github.com/janhq/jan).
    """
    bases = [system.data / "Jan", system.config / "Jan"]
    chosen = [system.path(_json(base / "settings.json").get("data_folder")) for base in bases]
    homes = [system.variable("JAN_DATA_FOLDER"), *chosen, *(base / "data" for base in bases)]
    for home in filter(None, [*homes, system.home / "jan"]):
        yield home / "llamacpp" / "models"
        yield home / "models"


def _gpt4all_folders(system: _System) -> Iterator[Path | None]:
    """GPT4All's models: its data folder, or `modelPath` in its settings.

    gpt4all-chat/src/mysettings.cpp and main.cpp of https://github.com/nomic-ai/gpt4all: Qt's
    AppLocalDataLocation of organization nomic.ai, and settings in Qt's ini format on all platforms.
    """
    settings = _read(system.config / "nomic.ai" / "GPT4All.ini")
    yield system.path(_ini_value(settings, "modelPath"))
    yield system.local_data / "nomic.ai" / "GPT4All"


# ---------------------------------------------------------------- how each is laid out


def _folder(place: Place, survey: Survey) -> Iterator[Found | None]:
    """Files at any depth."""
    for path in _walk(place.folder, survey):
        if path is None:
            yield None
        elif place.kind != "gpt4all" or not path.name.startswith("incomplete-"):
            yield located(path, place)


def _hugging_face(place: Place, survey: Survey) -> Iterator[Found | None]:
    """models--publisher--repo/snapshots/<revision>/file, each file from the newest snapshot that has it.

    The files are links to blobs/<sha256>
    (https://huggingface.co/docs/huggingface_hub/guides/manage-cache).
    """
    for repository in _subfolders(place.folder, survey):
        kind, *names = repository.name.split("--")
        if kind != "models" or not names:
            continue
        publisher = _words(names[0]) if len(names) > 1 else ""
        seen: set[Path] = set()
        for snapshot in _snapshots(repository, survey):
            for path in _walk(snapshot, survey):
                if path is None:
                    yield None
                elif (inside := path.relative_to(snapshot)) not in seen:
                    seen.add(inside)
                    yield Found(path, place, snapshot, publisher=publisher, sha256=_blob_digest(path))


def _snapshots(repository: Path, survey: Survey) -> list[Path]:
    """The snapshots of a repository in the Hugging Face cache, the one that is current first."""
    current = _read(repository / "refs" / "main").strip()
    folders = _subfolders(repository / "snapshots", survey)
    return sorted(folders, key=lambda folder: (folder.name == current, _modified(folder)), reverse=True)


def _blob_digest(path: Path) -> str:
    """The SHA-256 in the name of the blob that a file is a link to; large files have one."""
    with suppress(OSError):
        target = os.path.basename(os.readlink(path))
        return target if _HEX.fullmatch(target) else ""
    return ""


class _Layer(msgspec.Struct, rename="camel"):
    """One part of a model in an Ollama manifest."""

    media_type: str = ""
    digest: str = ""


class _Manifest(msgspec.Struct):
    """An Ollama manifest; what else it says is passed over."""

    layers: list[_Layer] | None = None


# Made here: msgspec works a type out when it is first asked for, and two threads at once crash it.
_decode_manifest = msgspec.json.Decoder(_Manifest).decode


def _ollama(place: Place, survey: Survey) -> Iterator[Found | None]:
    """manifests/<registry>/<namespace>/<model>/<tag>, JSON that names files in blobs/.

    A model is called as Ollama calls it, "llama3.2:3b" (server/modelpath.go and
    types/model/name.go of https://github.com/ollama/ollama). Models without weights here, and such
    as are made with an adapter, are left out: the weights alone are another model.
    """
    manifests = place.folder / "manifests"
    paths: list[Path] = []
    for path in _walk(manifests, survey, suffix=""):
        yield None
        if path is not None and len(path.relative_to(manifests).parts) == 4:
            paths.append(path)
    for path in sorted(paths, key=lambda path: path.name == "latest"):  # the speaking tags first
        yield _from_manifest(path, place, survey)


def _from_manifest(path: Path, place: Place, survey: Survey) -> Found | None:
    _, namespace, model, tag = path.parts[-4:]
    name = _words(f"{model}:{tag}")
    try:
        layers = _decode_manifest(_read(path)).layers or []
    except (msgspec.MsgspecError, ValueError, RecursionError):
        survey.problems.append((path, _bad_manifest(name)))
        return None
    parts = {layer.media_type.removeprefix("application/vnd.ollama.image."): layer for layer in layers}
    weights = _blob(place.folder, parts.get("model"))
    if weights is None or "adapter" in parts:
        return None
    return Found(
        weights,
        place,
        home=weights.parent,
        name=name,
        publisher=_words(namespace) if namespace != "library" else "",
        sha256=weights.name[-64:],
        mmproj=_blob(place.folder, parts.get("projector")),
    )


def _blob(folder: Path, layer: _Layer | None) -> Path | None:
    """The file of a layer; its digest never becomes a path unchecked."""
    digest = _DIGEST.fullmatch(layer.digest) if layer else None
    if digest is None:
        return None
    older = folder / "blobs" / f"sha256:{digest['hex']}"
    return older if os.path.exists(older) else folder / "blobs" / f"sha256-{digest['hex']}"


def _jan(place: Place, survey: Survey) -> Iterator[Found | None]:
    """Folders of GGUF files, each with a model.yml that says more.

    Its `model_path` is inside Jan's data folder, or the full path of a file that was imported in
    place; `mmproj_path` likewise (extensions/llamacpp-extension of https://github.com/janhq/jan).
    """
    facts: dict[Path, dict[str, str]] = {}
    seen: set[Path] = set()
    for path in _walk(place.folder, survey, suffix=("model.yml", ".gguf")):
        if path is None:
            yield None
        elif path.name == "model.yml":
            facts[path.parent] = _yaml(_read(path))
        elif not path.name.endswith("model.yml"):
            seen.add(path)
    named: dict[Path, dict[str, str]] = {}
    for said in facts.values():
        weights = _jan_path(place.folder, said.get("model_path", ""))
        if weights is not None:
            named[weights] = said
    for path in sorted(seen | named.keys()):
        said = named.get(path) or facts.get(path.parent, {})
        inside = path.is_relative_to(place.folder)
        found = located(path, place) if inside else Found(path, place, home=path.parent)
        mmproj = _jan_path(place.folder, said.get("mmproj_path", ""))
        yield replace(found, name=_words(said.get("name", "")), mmproj=mmproj)


def _jan_path(folder: Path, text: str) -> Path | None:
    """A path from a model.yml; relative ones start in the data folder, two above llamacpp/models."""
    if not text.lower().endswith(".gguf") or "\0" in text:
        return None
    base = folder.parents[1] if folder.parent.name == "llamacpp" else folder.parent
    return Path(os.path.normpath(base / text))


# ---------------------------------------------------------------- looking into folders


def _walk(folder: Path, survey: Survey, suffix: str | tuple[str, ...] = ".gguf") -> Iterator[Path | None]:
    """Files in a folder and below whose names end so, sorted, after a None for each folder.

    Links are followed, but no folder is entered twice; hidden files and folders are left out.
    """
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
                        survey.problems.append((folder, _too_many(folder)))
                        waiting.clear()
                        break
                    if entry.name.startswith("."):
                        continue
                    wanted = entry.name.lower().endswith(suffix)
                    if _entry_is_folder(entry):
                        if depth < MAX_DEPTH:
                            waiting.append((Path(entry.path), depth + 1))
                    elif wanted:
                        files.append(Path(entry.path))
            survey.folders.append(current)
        except (FileNotFoundError, ValueError):
            continue
        except OSError as error:
            survey.problems.append((current, _unreadable_folder(current, error)))
        yield None
    yield from sorted(files)


def _subfolders(folder: Path, survey: Survey) -> list[Path]:
    """The folders right in a folder, sorted."""
    try:
        with os.scandir(folder) as entries:
            found = [Path(entry.path) for entry in entries if _entry_is_folder(entry)]
    except (FileNotFoundError, NotADirectoryError, ValueError):
        return []
    except OSError as error:
        survey.problems.append((folder, _unreadable_folder(folder, error)))
        return []
    survey.folders.append(folder)
    return sorted(found)[:MAX_ENTRIES]


def _entry_is_folder(entry: os.DirEntry[str]) -> bool:
    try:
        return entry.is_dir()
    except OSError:
        return False


def _is_folder(path: Path) -> bool:
    try:
        return path.is_dir()
    except (OSError, ValueError):
        return False


def _modified(path: Path) -> float:
    try:
        return path.stat().st_mtime
    except OSError:
        return 0.0


# ---------------------------------------------------------------- small files of other apps


def _read(path: Path) -> str:
    """A small text file; "" when there is none, or none that can be read."""
    try:
        if not stat.S_ISREG(path.stat().st_mode):  # opening a pipe would wait for ever
            return ""
        with path.open("rb") as stream:
            data = stream.read(MAX_SETTINGS + 1)
    except (OSError, ValueError):
        return ""
    return data.decode("utf-8-sig", "replace") if len(data) <= MAX_SETTINGS else ""


def _json(path: Path) -> Mapping[str, Any]:
    """The settings in a JSON file; empty when there are none."""
    try:
        return msgspec.json.decode(_read(path), type=dict[str, Any])
    except (msgspec.MsgspecError, ValueError, RecursionError):
        return {}


def _yaml(text: str) -> dict[str, str]:
    """The texts at the top of a YAML file; what is nested is passed over."""
    lines = (_YAML_LINE.fullmatch(line.rstrip()) for line in text.splitlines())
    return {line["key"]: line["value"].strip("\"'") for line in lines if line}


def _ini_value(text: str, key: str) -> str:
    """A text in the general part of one of Qt's ini files, its escapes undone."""
    section = "General"
    for line in map(str.strip, text.splitlines()):
        if line.startswith("["):
            section = line.strip("[]")
        elif section == "General" and line.startswith(f"{key}="):
            value = line.removeprefix(f"{key}=").strip('"')
            return _INI_CHARACTER.sub(lambda m: m["plain"] or chr(int(m["code"], 16)), value)
    return ""


def _words(text: str) -> str:
    """A name from a path or manifest, in a form that can be shown."""
    return printable(text)[:120]


# ---------------------------------------------------------------- what goes wrong


def _bad_manifest(name: str) -> UserError:
    return UserError(
        "Ollama's list of the parts of {model} is damaged.",
        hint="Pull the model again in Ollama.",
        code="manifest",
        model=name,
    )


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
