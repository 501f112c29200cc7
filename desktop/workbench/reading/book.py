"""EPUB: the chapters in the order of the spine, each a web page."""

from __future__ import annotations

import posixpath
import zipfile
from typing import Any, BinaryIO
from urllib.parse import unquote

from desktop.workbench.problems import Problem
from desktop.workbench.reading import archive, web
from desktop.workbench.reading.document import Document
from desktop.workbench.reading.writer import Full, Writer
from models.errors import UserError, sentence

_CONTAINER = "META-INF/container.xml"
_ENCRYPTION = "META-INF/encryption.xml"


def read(file: BinaryIO, name: str, format: str = "epub") -> Document:
    """An e-book; raises UserError (codes "encrypted", "damaged", "bomb", "empty")."""
    writer = Writer(name, "epub", "chapter")
    with archive.opened(file) as zipped:
        package = _package(zipped)
        root = _parsed(archive.read(zipped, package))
        writer.title = _text(root, "title")
        chapters = _spine(root, posixpath.dirname(package))
        _refuse_locked(zipped, chapters)
        writer.pages = len(chapters)
        missing: list[str] = []
        try:
            for writer.page, chapter in enumerate(chapters, 1):
                try:
                    words, _ = web.decode_html(archive.read(zipped, chapter))
                except (KeyError, UserError):
                    missing.append(posixpath.basename(chapter))
                    continue
                web.write(writer, words if words.lstrip().startswith("<?xml") else f"<?xml?>{words}")
        except Full:
            writer.cut()
    if missing:
        remark = sentence("Chapters that are missing or damaged were left out: {names}.")
        writer.problems.append(Problem("missing_chapters", remark, {"names": ", ".join(missing[:10])}))
    if writer.empty and missing:
        raise archive.damaged()
    return writer.document()


def _package(zipped: zipfile.ZipFile) -> str:
    """The name of the file that lists what the book has."""
    try:
        container = _parsed(archive.read(zipped, _CONTAINER))
        return next(_path(entry.get("full-path") or "") for entry in _all(container, "rootfile"))
    except (KeyError, StopIteration):
        found = [name for name in zipped.namelist() if name.lower().endswith(".opf")]
        if not found:
            raise archive.damaged() from None
        return found[0]


def _spine(root: Any, folder: str) -> list[str]:
    """The names of the chapters' files, in reading order; tables of contents are left out."""
    files = {
        entry.get("id"): entry
        for entry in _all(root, "item")
        if "nav" not in (entry.get("properties") or "").split()
    }
    listed = [files.get(entry.get("idref")) for entry in _all(root, "itemref")]
    return [
        _path(posixpath.join(folder, unquote(entry.get("href") or "").partition("#")[0]))
        for entry in listed
        if entry is not None
    ]


def _refuse_locked(zipped: zipfile.ZipFile, chapters: list[str]) -> None:
    """Encrypted fonts are common and do not matter; encrypted chapters are copy protection."""
    if _ENCRYPTION not in zipped.namelist():
        return
    listed = _all(_parsed(archive.read(zipped, _ENCRYPTION)), "CipherReference")
    locked = {_path(unquote(entry.get("URI") or "")) for entry in listed}
    if locked & set(chapters):
        raise UserError(
            "This e-book is copy-protected.",
            hint="Only the program of the shop it comes from can open it.",
            code="encrypted",
        )


def _parsed(data: bytes) -> Any:
    from xml.etree.ElementTree import ParseError

    from defusedxml import DefusedXmlException
    from defusedxml.ElementTree import fromstring

    try:
        return fromstring(data)
    except (ParseError, DefusedXmlException, ValueError, LookupError) as error:
        raise archive.damaged() from error


def _all(root: Any, name: str) -> list[Any]:
    return [entry for entry in root.iter() if str(entry.tag).rpartition("}")[2] == name]


def _text(root: Any, name: str) -> str:
    return next((entry.text for entry in _all(root, name) if entry.text), "")


def _path(name: str) -> str:
    return posixpath.normpath(name).lstrip("/")
