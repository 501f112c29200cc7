"""What is done to the files of models: taken into the app's folder, and thrown away.

Files in other apps' folders are never changed. What is taken in appears under its name only when it
is whole; what is thrown away goes to the system's trash unless the caller says otherwise.
"""

from __future__ import annotations

import errno
import os
import re
import stat
import time
import unicodedata
from collections.abc import Collection, Generator, Mapping, Sequence
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, Literal

from models.errors import UserError
from models.gguf import printable, shown
from models.library import Library, Model
from models.places import APP_NAMES

How = Literal["link", "copy", "move"]

CHUNK = 4 << 20
"""Bytes copied at a time."""
STALE_S = 60.0
"""Seconds after which a half copy that nobody writes to was left behind."""
PART = ".import.part"
LONGEST_NAME = 100
"""Bytes of a folder's name that is made from a model's; file systems allow 255."""

_FORBIDDEN = re.compile(r'[\x00-\x1f\x7f<>:"/\\|?*\s]+')
_DEVICES = re.compile(r"(con|prn|aux|nul|com\d|lpt\d)(\..*)?", re.IGNORECASE)


def safe_name(text: str, otherwise: str) -> str:
    """Text from a model as the name of a file or folder on any system; `otherwise` when nothing is left."""
    plain = "".join(c if c.isprintable() else " " for c in unicodedata.normalize("NFC", text))
    name = _FORBIDDEN.sub("-", plain.strip()).strip("-. ")
    name = name.encode()[:LONGEST_NAME].decode(errors="ignore").rstrip("-. ")
    return f"_{name}" if _DEVICES.fullmatch(name) else name or otherwise


# ---------------------------------------------------------------- taking in


def importing(path: Path, folder: Path, how: How) -> Generator[float, None, Path]:
    """Take a model with its shards and its mmproj into `folder`/publisher/repo; yields from 0 to 1.

    "link" leaves the files where they are, "copy" copies them, "move" takes them away from there.
    Returns the path of its first file; a model that is there already is only found. Closed or failed
    half-way, everything is as before. Raises UserError, such as with the code exists, in_use,
    disk_full or no_link.
    """
    model = Library([folder], with_starter=False).get(os.path.abspath(path))
    if model.place == "rolltop":
        yield 1.0
        return model.path
    home = folder / safe_name(model.publisher, "local") / safe_name(model.name, "model")
    # The first shard comes last: until it is there, nothing of the model is listed.
    files = [*([model.mmproj] if model.mmproj else []), *reversed(model.shards)]
    targets = {source: home / _file_name(source, model) for source in files}
    try:
        there = yield from _already_there(targets)
        todo = [_Transfer(source, target) for source, target in targets.items() if source not in there]
        with ExitStack() as undo:
            undo.callback(clear, home, folder)
            home.mkdir(parents=True, exist_ok=True)
            if how == "link":
                _link(todo, undo)
            elif how == "copy":
                yield from _copy(todo, undo)
            else:
                yield from _move(todo, model, undo)
            undo.pop_all()
    except OSError as error:
        raise _cannot_import(model.path, error) from error
    yield 1.0
    return targets[model.path]


@dataclass(frozen=True)
class _Transfer:
    """A file that is taken in, and where it gets."""

    source: Path
    target: Path


def _file_name(source: Path, model: Model) -> str:
    """A source's name in the app's folder; a file that is named after its content gets the model's."""
    if not source.name.lower().endswith(".gguf"):
        return f"{safe_name(model.id, 'model')}.gguf" if source == model.path else "mmproj.gguf"
    # It is not cut: the numbers of shards stand at its end.
    name = _FORBIDDEN.sub("-", printable(source.name)).lstrip("-.")
    return f"_{name}" if _DEVICES.fullmatch(name) else name


def _already_there(targets: Mapping[Path, Path]) -> Generator[float, None, set[Path]]:
    """The sources that are at their target already; raises UserError when another file is."""
    there: set[Path] = set()
    for source, target in targets.items():
        if not os.path.lexists(target):
            continue
        if not (yield from _same(source, target)):
            raise _exists(target)
        there.add(source)
    return there


def _exists(target: Path) -> UserError:
    return UserError(
        "There is another file {file} in the folder already.",
        hint="Rename or delete that file in {folder}, then try again.",
        code="exists",
        file=shown(target),
        folder=printable(str(target.parent)),
    )


def _same(source: Path, target: Path) -> Generator[float, None, bool]:
    """Whether two files are one, or have the same bytes."""
    if not target.is_file():
        return False
    if source.samefile(target):
        return True
    if source.stat().st_size != target.stat().st_size:
        return False
    with source.open("rb") as one, target.open("rb") as other:
        while chunk := one.read(CHUNK):
            if other.read(len(chunk)) != chunk:
                return False
            yield 0.0
    return True


def _link(todo: Sequence[_Transfer], undo: ExitStack) -> None:
    """Symbolic links, or hard links where the system or its user has no right to the others."""
    for file in todo:
        try:
            file.target.symlink_to(file.source)
        except OSError as error:
            try:
                os.link(file.source, file.target)
            except OSError:
                raise UserError(
                    "{file} cannot be linked: {reason}.",
                    hint="Copy it instead.",
                    code="no_link",
                    file=shown(file.source),
                    reason=error.strerror or error,
                ) from error
        undo.callback(file.target.unlink, missing_ok=True)


def _copy(todo: Sequence[_Transfer], undo: ExitStack) -> Generator[float, None, None]:
    """Copies, which get their names when all are whole and safely on the disk."""
    if not todo:
        return
    from models.download import check_room  # here, since it brings the network along

    total = sum(file.source.stat().st_size for file in todo)
    check_room(todo[0].target.parent, total)
    done = 0
    for file in todo:
        with _new_part(_part(file.target), undo) as part, file.source.open("rb") as source:
            while chunk := source.read(CHUNK):
                part.write(chunk)
                done += len(chunk)
                yield min(0.99, done / total)
            part.flush()
            os.fsync(part.fileno())
        status = file.source.stat()
        os.utime(_part(file.target), ns=(status.st_atime_ns, status.st_mtime_ns))
    if done != total:
        raise UserError(
            "{file} was changed while it was copied.",
            hint="Wait until the other program has written it, then try again.",
            code="changed",
            file=shown(todo[-1].source),
        )
    for file in todo:
        if os.path.lexists(file.target):  # a rename would replace it
            raise _exists(file.target)
        _part(file.target).rename(file.target)
        undo.callback(file.target.unlink, missing_ok=True)


def _part(target: Path) -> Path:
    return target.with_name(target.name + PART)


def _new_part(path: Path, undo: ExitStack) -> BinaryIO:
    """An empty file for this import alone; one that was left behind by a kill is replaced."""
    with suppress(FileNotFoundError):
        if time.time() - path.stat().st_mtime < STALE_S:
            raise UserError(
                "{file} is being taken in already.",
                hint="Wait until that is done. If it was stopped just now, try again in a minute.",
                code="in_use",
                file=path.name.removesuffix(PART),
            )
        path.unlink()
    stream = path.open("xb")
    undo.callback(path.unlink, missing_ok=True)
    return stream


def _move(todo: Sequence[_Transfer], model: Model, undo: ExitStack) -> Generator[float, None, None]:
    """Renames, or on another disk copies whose sources are deleted at the end.

    An mmproj stays when other models lie beside it.
    """
    if any(file.source.is_symlink() for file in todo):
        raise UserError(
            "{file} is a link, which cannot be moved.",
            hint="Link or copy it instead.",
            code="is_link",
            file=shown(model.path),
        )
    shared = [file for file in todo if file.source == model.mmproj and _has_others(model)]
    yield from _copy(shared, undo)
    moved = [file for file in todo if file not in shared]
    try:
        with ExitStack() as back:
            for file in moved:
                file.source.rename(file.target)
                back.callback(file.target.rename, file.source)
            back.pop_all()
    except OSError as error:
        if error.errno != errno.EXDEV:
            raise
        yield from _copy(moved, undo)
        for file in moved:
            with suppress(OSError):  # then it is a copy
                file.source.unlink()


def _has_others(model: Model) -> bool:
    """Whether another model's file lies beside the mmproj of this one."""
    assert model.mmproj is not None
    mine = {path.name for path in (*model.shards, model.mmproj)}
    names = (name for name in os.listdir(model.mmproj.parent) if name.lower().endswith(".gguf"))
    return any(name not in mine and "mmproj" not in name.lower() for name in names)


def _cannot_import(path: Path, error: OSError) -> UserError:
    if error.errno in (errno.ENOSPC, getattr(errno, "EDQUOT", errno.ENOSPC)):
        return UserError(
            "The disk is full; {file} was not taken in.",
            hint="Free some space, or link the file instead.",
            code="disk_full",
            file=shown(path),
        )
    return UserError(
        "{file} cannot be taken into the models folder: {reason}.",
        hint="Check the permissions and the disk of both folders.",
        code="not_writable",
        file=shown(path),
        reason=error.strerror or error,
    )


# ---------------------------------------------------------------- throwing away


def freed_by(model: Model, others: Collection[Model]) -> int:
    """Bytes that `remove` frees; a link frees none, nor does a file that has another name elsewhere.

    others: the models of the library, which may use the same mmproj.
    """
    return sum(_freed(path) for path in _files(model, others))


def remove(model: Model, others: Collection[Model], *, for_good: bool = False) -> int:
    """Move a model with its shards and its mmproj to the system's trash; returns the bytes freed.

    They are freed when the trash is emptied. Of a link only the link is deleted, and an mmproj that
    one of `others`, the models of the library, uses stays. for_good: delete without a trash.
    Raises UserError: code other_app or starter for what is not the user's, no_trash when there is
    none and `for_good` can be offered.
    """
    check_removable(model)
    freed = 0
    for path in _files(model, others):
        bytes_of_file = _freed(path)
        with suppress(FileNotFoundError):
            if for_good or path.is_symlink():
                _delete(path)
            else:
                _throw_away(path)
            freed += bytes_of_file
        if model.place == "rolltop":
            clear(path.parent, model.folder)
    return freed


def _files(model: Model, others: Collection[Model]) -> list[Path]:
    """All that goes with a model; its first shard last, so that a failure half-way stays visible."""
    used = {other.mmproj for other in others if other.path != model.path}
    mmproj = [model.mmproj] if model.mmproj is not None and model.mmproj not in used else []
    return [*mmproj, *reversed(model.shards)]


def _freed(path: Path) -> int:
    try:
        status = path.lstat()
    except (OSError, ValueError):
        return 0
    return status.st_size if stat.S_ISREG(status.st_mode) and status.st_nlink == 1 else 0


def check_removable(model: Model) -> None:
    """Raise UserError (other_app, starter) for a model that is not the user's to throw away."""
    if model.place == "starter":
        raise UserError(
            "{model} is a part of Rolltop and cannot be deleted.",
            hint="It takes little room. Any other model can be chosen for new chats.",
            code="starter",
            model=model.name,
        )
    if app := APP_NAMES.get(model.place):
        raise UserError(
            "{model} lies in a folder of {app}, which Rolltop only reads.",
            hint="Delete it in {app}.",
            code="other_app",
            model=model.name,
            app=app,
        )


def _throw_away(path: Path) -> None:
    # Here, since it asks the system what trash there is.
    from send2trash import send2trash  # type: ignore[import-untyped, unused-ignore]

    path.lstat()
    try:
        send2trash(path)
    except OSError as error:
        if not os.access(path.parent, os.W_OK) or not path.exists():
            raise _cannot_delete(path, error) from error
        raise UserError(
            "{file} cannot be moved to the trash: {reason}.",
            hint="Delete it for good, or close the programs that use it.",
            code="no_trash",
            file=shown(path),
            reason=error.strerror or error,
        ) from error


def _delete(path: Path) -> None:
    try:
        path.unlink()
    except FileNotFoundError:
        raise
    except OSError as error:
        raise _cannot_delete(path, error) from error


def _cannot_delete(path: Path, error: OSError) -> UserError:
    return UserError(
        "{file} cannot be deleted: {reason}.",
        hint="Check the permissions of its folder, and close the programs that use it.",
        code="protected",
        file=shown(path),
        reason=error.strerror or error,
    )


def clear(folder: Path, top: Path) -> None:
    """Remove empty folders from here upward, below `top`."""
    with suppress(OSError):  # the first that is not empty ends it
        while folder != top and folder.is_relative_to(top):
            folder.rmdir()
            folder = folder.parent
