"""Zip archives from outside: looked over before anything is unpacked, and never unpacked to a folder."""

from __future__ import annotations

import io
import re
import zipfile
import zlib
from typing import BinaryIO

from models.errors import UserError

ENTRIES = 10_000
UNPACKED = 256 << 20
"""Bytes of all that is text in an archive."""

HARMLESS = 16 << 20
"""Bytes that an archive may always have unpacked, however small it is packed."""

RATIO = 150
"""Unpacked to packed; what people write is packed to a tenth, tables of zeros to a fiftieth."""

PROLOG = 1 << 16
"""Bytes in which a document type would have to be declared."""

_TEXTS = (".xml", ".rels", ".xhtml", ".html", ".htm", ".opf", ".ncx")
_ENTITIES = re.compile(rb"<!\s*(?:DOCTYPE[^>\[]*\[|ENTITY)", re.IGNORECASE)
_MACROS = re.compile(rb"vnd\.ms-(word|powerpoint|excel)\.[\w.]*?macroEnabled[\w.]*?\.main\+xml")
_TEMPLATES = re.compile(rb"(openxmlformats-officedocument\.\w+ml\.)(?:template|slideshow)\.main\+xml")
_PLAIN = {
    b"word": b"vnd.openxmlformats-officedocument.wordprocessingml.document.main+xml",
    b"powerpoint": b"vnd.openxmlformats-officedocument.presentationml.presentation.main+xml",
    b"excel": b"vnd.openxmlformats-officedocument.spreadsheetml.sheet.main+xml",
}
_USUAL = {b"wordprocessingml": b"document", b"presentationml": b"presentation", b"spreadsheetml": b"sheet"}


def opened(file: BinaryIO) -> zipfile.ZipFile:
    """The archive; raises UserError (codes "bomb", "encrypted", "damaged") instead of an unsafe one."""
    file.seek(0, io.SEEK_END)
    size = file.tell()
    try:
        archive = zipfile.ZipFile(file)
    except (zipfile.BadZipFile, ValueError, NotImplementedError, OSError) as error:
        raise damaged() from error
    entries = archive.infolist()
    texts = [entry for entry in entries if is_text(entry.filename)]
    unpacked = sum(entry.file_size for entry in texts)
    packed = sum(entry.compress_size for entry in texts)
    if len(entries) > ENTRIES or unpacked > UNPACKED or packed > size:
        raise _bomb()
    if unpacked > HARMLESS and unpacked > RATIO * max(1, packed):
        raise _bomb()
    if any(entry.flag_bits & 1 for entry in texts):
        raise UserError(
            "This file is protected by a password.",
            hint="Save a copy without a password, and open that.",
            code="encrypted",
        )
    for entry in texts:
        _refuse_entities(archive, entry)
    return archive


def is_text(name: str) -> bool:
    """Whether an entry is one of those that are read."""
    return name.lower().endswith(_TEXTS)


def read(archive: zipfile.ZipFile, name: str) -> bytes:
    """One entry; raises UserError when it is damaged, KeyError when there is none."""
    try:
        entry = archive.getinfo(name)
        with archive.open(entry) as stream:
            return stream.read(entry.file_size + 1)  # no more is unpacked, whatever there is
    except (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, RuntimeError, OSError) as error:
        raise damaged() from error


def without_media(file: BinaryIO) -> io.BytesIO:
    """A copy in memory of an Office file that has its texts only; pictures and films are empty.

    Files with macros and templates are made to look like plain ones, which is all that is read of them.
    """
    copy = io.BytesIO()
    with opened(file) as archive, zipfile.ZipFile(copy, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as slim:
        for entry in archive.infolist():
            data = read(archive, entry.filename) if is_text(entry.filename) else b""
            if entry.filename == "[Content_Types].xml":
                data = _MACROS.sub(lambda match: _PLAIN[match[1]], data)
                data = _TEMPLATES.sub(_usual, data)
            slim.writestr(entry.filename, data)
    copy.seek(0)
    return copy


def damaged() -> UserError:
    """What is told of an archive or of XML that is broken."""
    return UserError(
        "The file is damaged and cannot be opened.",
        hint="Get it once more from where it came from, or open and save it in the program it is for.",
        code="damaged",
    )


def _usual(match: re.Match[bytes]) -> bytes:
    family = match[1].split(b".")[1]
    return match[1] + _USUAL.get(family, b"document") + b".main+xml"


def _refuse_entities(archive: zipfile.ZipFile, entry: zipfile.ZipInfo) -> None:
    """XML that defines entities of its own is never written by a program people use."""
    try:
        with archive.open(entry) as stream:
            start = stream.read(PROLOG)
    except (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, RuntimeError, OSError):
        return  # told when it is read
    if start.startswith((b"\xff\xfe", b"\xfe\xff")):
        start = start.replace(b"\0", b"")
    if _ENTITIES.search(start):
        raise _bomb()


def _bomb() -> UserError:
    return UserError(
        "This file would unpack to far more than it seems, or it is built to do harm; it was not opened.",
        hint="Do not open it elsewhere either, unless you know who made it.",
        code="bomb",
    )
