"""What a file really is, whatever its name says."""

from __future__ import annotations

import re
import zipfile
from typing import BinaryIO

from desktop.workbench.problems import Problem
from desktop.workbench.reading.encoding import is_binary
from models.errors import UserError, sentence

FORMATS: dict[str, tuple[str, ...]] = {
    "txt": (".txt", ".text", ".log"),
    "md": (".md", ".markdown", ".mkd"),
    "html": (".html", ".htm", ".xhtml"),
    "pdf": (".pdf",),
    "docx": (".docx", ".docm", ".dotx"),
    "pptx": (".pptx", ".pptm", ".ppsx"),
    "xlsx": (".xlsx", ".xlsm", ".xltx"),
    "csv": (".csv", ".tsv"),
    "epub": (".epub",),
}
"""The formats that can be read, with the ends of their files' names."""

HEAD = 4096
"""Bytes that a kind of file is told by."""

_HTML = re.compile(rb"\s*(?:<\?xml[^>]*>\s*)?(?:<!--.*?-->\s*)*<(?:!doctype\s+html|html[\s>])", re.I | re.S)
_TAG = re.compile(rb"<(?:[a-z][a-z0-9]*[\s/>]|!--|!doctype)", re.I)
_PICTURES = (b"\x89PNG", b"\xff\xd8\xff", b"GIF8", b"BM", b"II*\0", b"MM\0*", b"\0\0\1\0")
_ARCHIVES = (b"\x1f\x8b", b"BZh", b"\xfd7zXZ", b"7z\xbc\xaf\x27\x1c", b"Rar!", b"\x28\xb5\x2f\xfd", b"MSCF")
_MEDIA = (b"ID3", b"OggS", b"fLaC", b"\x1a\x45\xdf\xa3", b"FLV")
_OLE = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"
_PACKED = {"word/": "docx", "ppt/": "pptx", "xl/": "xlsx"}


def tell(file: BinaryIO, suffix: str) -> tuple[str, tuple[Problem, ...]]:
    """The format of a file, and a remark when its name says another.

    `suffix`: the end of its name, such as ".txt". Raises UserError (codes "not_text", "picture",
    "archive", "old_format", "encrypted", "damaged", "empty") when it is none that can be read.
    """
    head = file.read(HEAD)
    file.seek(0)
    if not head:
        raise UserError("The file is empty.", hint="Choose another file.", code="empty")
    named = next((name for name, ends in FORMATS.items() if suffix.lower() in ends), "")
    format = _by_content(file, head, named)
    if named in ("", format):
        return format, ()
    remark = sentence("By its name this is a {named} file, but it is a {format} file and was read as that.")
    return format, (Problem("wrong_extension", remark, {"named": named, "format": format}),)


def _by_content(file: BinaryIO, head: bytes, named: str) -> str:
    if b"%PDF-" in head[:1024]:
        return "pdf"
    if head.startswith((b"PK\x03\x04", b"PK\x05\x06")):
        return _packed(file)
    if head.startswith(_OLE):
        _refuse_ole(file)
    for marks, refuse in ((_PICTURES, _picture), (_ARCHIVES, _archive), (_MEDIA, _no_text)):
        if head.startswith(marks) and is_binary(head):
            raise refuse()
    if head.startswith(b"{\\rtf"):
        raise _old("RTF")
    if is_binary(head):
        raise _damaged() if named in ("pdf", *_PACKED.values(), "epub") else _no_text()
    if _HTML.match(head) and named != "md":
        return "html"
    if named == "html":
        return "html" if _TAG.search(head) else "txt"
    return named if named in ("txt", "md", "csv") else "txt"


def _packed(file: BinaryIO) -> str:
    """The format of what is a zip archive."""
    try:
        with zipfile.ZipFile(file) as archive:
            names = set(archive.namelist())
            kind = archive.read("mimetype")[:100] if "mimetype" in names and _small(archive) else b""
    except (zipfile.BadZipFile, ValueError, NotImplementedError, RuntimeError, EOFError, OSError) as error:
        raise _damaged() from error
    finally:
        file.seek(0)
    if b"epub" in kind or "META-INF/container.xml" in names:
        return "epub"
    if b"opendocument" in kind:
        raise _old("OpenDocument")
    if "[Content_Types].xml" in names:
        if "xl/workbook.bin" in names:
            raise _old("XLSB")
        for start, format in _PACKED.items():
            if any(name.startswith(start) for name in names):
                return format
    if not names:
        raise _damaged()
    raise _archive()


def _small(archive: zipfile.ZipFile) -> bool:
    return archive.getinfo("mimetype").file_size < HEAD


def _refuse_ole(file: BinaryIO) -> None:
    """Old Office files, and new ones with a password, have the same container."""
    start = file.read(1 << 20)
    file.seek(0)
    if "EncryptedPackage".encode("utf-16-le") in start:
        raise UserError(
            "This file is protected by a password.",
            hint="Open it in the program it was made with, save a copy without a password, and open that.",
            code="encrypted",
        )
    raise _old("Word, Excel or PowerPoint 97")


def _old(kind: str) -> UserError:
    return UserError(
        "This is a file of a kind that cannot be read ({kind}).",
        hint="Open it in the program it was made with and save it as docx, xlsx, pptx or PDF.",
        code="old_format",
        kind=kind,
    )


def _picture() -> UserError:
    return UserError(
        "This file is a picture, not a text.",
        hint="Let a program for text recognition (OCR) make a text of it.",
        code="picture",
    )


def _archive() -> UserError:
    return UserError(
        "This file is an archive of other files.", hint="Unpack it and open what is in it.", code="archive"
    )


def _no_text() -> UserError:
    return UserError(
        "This file is not a text.",
        hint="Open a text, a web page, a PDF, or a file of Word, PowerPoint or Excel.",
        code="not_text",
    )


def _damaged() -> UserError:
    return UserError(
        "The file is damaged and cannot be opened.",
        hint="Get it once more from where it came from.",
        code="damaged",
    )
