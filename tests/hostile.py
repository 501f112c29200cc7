"""Files that are damaged, in disguise, or made to do harm: what a reader of documents has to survive."""

from __future__ import annotations

import io
import os
import random
import struct
import zipfile
import zlib
from collections.abc import Callable
from pathlib import Path

from documents import make_docx, make_epub, make_pdf, make_pptx, make_xlsx, make_zip, pdf_file

OLE = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(504)
TEXT = "The desk stands by the window. "
WORD = 'xmlns:w="http://schemas.openxmlformats.org/wordprocessingml/2006/main"'
ENTITIES = (
    '<?xml version="1.0"?><!DOCTYPE x [<!ENTITY a "ha">'
    + "".join(f'<!ENTITY {chr(98 + n)} "{f"&{chr(97 + n)};" * 10}">' for n in range(12))
    + "]>"
)
FILE_ENTITY = '<?xml version="1.0"?><!DOCTYPE x [<!ENTITY m SYSTEM "file:///etc/passwd">]>'


def make(folder: Path) -> dict[str, str | None]:
    """Write the files; returns by name with which code each is refused, None where it is read."""
    expected: dict[str, str | None] = {}
    for maker in (_places, _disguises, _encodings, _texts, _web, _pdfs, _packages, _office, _sheets, _books):
        expected |= maker(folder)
    return expected


def _places(folder: Path) -> dict[str, str | None]:
    """What is no file, or one that cannot be opened."""
    expected: dict[str, str | None] = {"missing.txt": "missing", "folder.txt": "folder"}
    (folder / "folder.txt").mkdir()
    if hasattr(os, "mkfifo"):
        os.mkfifo(folder / "pipe.txt")
        (folder / "device.txt").symlink_to("/dev/zero")
        (folder / "loop.txt").symlink_to(folder / "loop.txt")
        expected |= {"pipe.txt": "not_a_file", "device.txt": "not_a_file", "loop.txt": "link_loop"}
        if os.geteuid() != 0:  # who may read everything
            (folder / "secret.txt").write_text(TEXT)
            (folder / "secret.txt").chmod(0)
            expected["secret.txt"] = "no_permission"
    return expected


def _disguises(folder: Path) -> dict[str, str | None]:
    """Files whose names say something else."""
    picture = b"\x89PNG\r\n\x1a\n" + bytes(100)
    (folder / "picture.pdf").write_bytes(picture)
    (folder / "program.txt").write_bytes(b"\x7fELF" + bytes(range(256)) * 20)
    (folder / "noise.txt").write_bytes(random.Random(1).randbytes(50_000))
    (folder / "noise.docx").write_bytes(random.Random(2).randbytes(50_000))
    (folder / "page.pdf").write_text(f"<!DOCTYPE html><p>{TEXT}</p>")
    (folder / "text.docx").write_text(TEXT * 9)
    (folder / "text.html").write_text(f"{TEXT}\n\n{TEXT}")
    (folder / "old.doc").write_bytes(OLE)
    (folder / "old.rtf").write_text(r"{\rtf1 Hello}")
    make_pdf(folder / "paper.txt", [TEXT])
    make_zip(folder / "archive.docx", {"a.txt": TEXT, "b.zip": b"PK"})
    (folder / "zipped.txt").write_bytes(b"\x1f\x8b\x08" + zlib.compress(TEXT.encode() * 99))
    return {
        "picture.pdf": "picture",
        "program.txt": "not_text",
        "noise.txt": "not_text",
        "noise.docx": "damaged",
        "page.pdf": None,
        "text.docx": None,
        "text.html": None,
        "old.doc": "old_format",
        "old.rtf": "old_format",
        "paper.txt": None,
        "archive.docx": "archive",
        "zipped.txt": "archive",
    }


def _encodings(folder: Path) -> dict[str, str | None]:
    """Texts in other encodings, and in none."""
    chinese = "桌子在窗边。我们每天早上在这里喝茶，看书，写信。\n" * 20
    japanese = "机は窓のそばにあります。毎朝ここでお茶を飲みます。\n" * 20
    french = "Le bureau est près de la fenêtre. L'été dernier, nous y écrivions à côté du poêle.\n" * 20
    for name, text, encoding in (
        ("utf16.txt", chinese, "utf-16"),
        ("utf16be.txt", french, "utf-16-be"),
        ("gb18030.txt", chinese, "gb18030"),
        ("sjis.txt", japanese, "cp932"),
        ("latin1.txt", french, "latin-1"),
    ):
        (folder / name).write_bytes(text.encode(encoding))
    (folder / "broken.txt").write_bytes((chinese * 3).encode()[:-1] + b"\xff\xfe\xfd")
    (folder / "zeros.txt").write_bytes((TEXT * 50).encode() + b"\0\0" + TEXT.encode())
    return dict.fromkeys(
        ("utf16.txt", "utf16be.txt", "gb18030.txt", "sjis.txt", "latin1.txt", "broken.txt", "zeros.txt")
    )


def _texts(folder: Path) -> dict[str, str | None]:
    """Texts that are empty, endless, or all marks."""
    (folder / "empty.txt").write_bytes(b"")
    (folder / "blank.txt").write_text(" \n\t\n" * 100)
    (folder / "word.txt").write_text("x" * 1_000_000)
    (folder / "quotes.md").write_text(">" * 100_000 + " deep")
    (folder / "brackets.md").write_text("[" * 100_000 + "\n\n" + "- " * 50_000 + "deep")
    (folder / "open.csv").write_text('a,b\n"' + "x,y\n" * 500_000)
    (folder / "wide.csv").write_text(",".join(map(str, range(100_000))) + "\n1,2\n")
    with open(folder / "huge.txt", "wb") as file:
        file.write(TEXT.encode() * 1000)
        file.truncate(3 << 30)
    return {
        "empty.txt": "empty",
        "blank.txt": "empty",
        "word.txt": None,
        "quotes.md": None,
        "brackets.md": None,
        "open.csv": None,
        "wide.csv": None,
        "huge.txt": "too_large",
    }


def _web(folder: Path) -> dict[str, str | None]:
    """Pages that are deep, or reach out."""
    (folder / "deep.html").write_text("<!DOCTYPE html>" + "<div><b>" * 50_000 + TEXT)
    (folder / "tables.html").write_text("<!DOCTYPE html>" + "<table><tr><td>" * 20_000 + TEXT)
    (folder / "entities.html").write_text("<!DOCTYPE html><p>" + "&lt;&#0;&bogus;" * 100_000)
    (folder / "outside.html").write_text(
        f'<html><link rel=stylesheet href="http://127.0.0.1:9/a.css"><iframe src="file:///etc/passwd"></iframe>'
        f'<script src="http://127.0.0.1:9/a.js">while(1);</script><img src=/dev/zero><p>{TEXT}'
    )
    (folder / "script.html").write_text("<!DOCTYPE html><script>let nothing</script>")
    return {
        "deep.html": None,
        "tables.html": None,
        "entities.html": None,
        "outside.html": None,
        "script.html": "empty",
    }


def _stream(data: bytes, entries: bytes = b"/Filter /FlateDecode") -> bytes:
    return b"<< %s /Length %d >>\nstream\n%s\nendstream" % (entries, len(data), data)


def _one_page(contents: bytes, extra: bytes = b"", kids: bytes = b"[3 0 R]", count: int = 1) -> list[bytes]:
    return [
        b"<< /Type /Catalog /Pages 2 0 R %s >>" % extra,
        b"<< /Type /Pages /Kids %s /Count %d >>" % (kids, count),
        b"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 500 500] /Contents 4 0 R /Resources << /Font <<"
        b" /F << /Type /Font /Subtype /Type1 /BaseFont /Helvetica >> >> /XObject << /X 5 0 R >> >> >>",
        contents,
        _stream(
            b"/X Do /X Do",
            b"/Type /XObject /Subtype /Form /BBox [0 0 9 9] /Resources << /XObject << /X 5 0 R >> >>",
        ),
    ]


def _pdfs(folder: Path) -> dict[str, str | None]:
    """PDF files."""
    words = zlib.compress(b"BT /F 12 Tf 50 400 Td (The desk stands by the window.) Tj ET")
    zeros = zlib.compressobj(1)
    packed = b"".join(zeros.compress(bytes(1 << 20)) for _ in range(600)) + zeros.flush()
    whole = make_pdf(folder / "whole.pdf", [TEXT * 30] * 9).read_bytes()
    make_pdf(folder / "locked.pdf", [TEXT], password="secret")
    make_pdf(folder / "scanned.pdf", [None] * 3)
    make_pdf(folder / "partly.pdf", [TEXT, None, None, TEXT, None])
    action = b"/OpenAction << /S /Launch /F (/bin/sh) >> /AA << /WC << /S /JavaScript /JS (while(1);) >> >>"
    for name, data in {
        "noise.pdf": b"%PDF-1.7\n" + random.Random(3).randbytes(20_000),
        "head.pdf": b"%PDF-1.7\n",
        "cut.pdf": whole[: len(whole) // 2],
        "moved.pdf": whole.replace(b"%PDF-1.5\n", b"%PDF-1.5\n" + b"%" * 99 + b"\n", 1),
        "no_table.pdf": whole[: whole.rindex(b"xref\n0")],
        "zeros.pdf": pdf_file(_one_page(_stream(packed))),
        "nested.pdf": pdf_file(
            _one_page(
                _stream(zlib.compress(zlib.compress(packed)), b"/Filter [" + b"/FlateDecode " * 3 + b"]")
            )
        ),
        "filters.pdf": pdf_file(_one_page(_stream(words, b"/Filter [" + b"/FlateDecode " * 9999 + b"]"))),
        "forms.pdf": pdf_file(_one_page(_stream(zlib.compress(b"/X Do")))),
        "tree.pdf": pdf_file(_one_page(_stream(words), kids=b"[2 0 R 2 0 R]", count=2)),
        "count.pdf": pdf_file(_one_page(_stream(words), count=2_000_000_000)),
        "launch.pdf": pdf_file(_one_page(_stream(words), extra=action)),
        "deep.pdf": pdf_file(_one_page(_stream(words), extra=b"/X " + b"[" * 200_000)),
    }.items():
        (folder / name).write_bytes(data)
    return {
        "whole.pdf": None,
        "locked.pdf": "encrypted",
        "scanned.pdf": "scanned",
        "partly.pdf": None,
        "noise.pdf": "damaged",
        "head.pdf": "damaged",
        "cut.pdf": "damaged",
        "no_table.pdf": "damaged",
        "moved.pdf": None,
        "zeros.pdf": "too_large",
        "nested.pdf": "too_large",
        "filters.pdf": "empty",
        "forms.pdf": "too_large",
        "tree.pdf": "damaged",
        "count.pdf": None,
        "launch.pdf": None,
        "deep.pdf": None,
    }


def _packages(folder: Path) -> dict[str, str | None]:
    """What zip archives can do, whatever is in them."""
    good = make_docx(folder / "good.docx", [("", TEXT)] * 200).read_bytes()
    (folder / "cut.docx").write_bytes(good[: len(good) // 2])
    (folder / "flipped.docx").write_bytes(_flipped(good))
    (folder / "locked.docx").write_bytes(OLE + "EncryptedPackage".encode("utf-16-le") + bytes(400))
    (folder / "nothing.docx").write_bytes(b"PK\x05\x06" + bytes(18))
    with zipfile.ZipFile(folder / "many.docx", "w") as archive:
        archive.writestr("[Content_Types].xml", "<x/>")
        for number in range(10_001):
            archive.writestr(f"word/{number}", "")
    blank = b" " * (40 << 20)
    _replaced(good, folder / "bomb.docx", lambda text: text.replace(b"</w:body>", blank + b"</w:body>"))
    data = (folder / "bomb.docx").read_bytes()
    (folder / "liar.docx").write_bytes(_with_size(data, "word/document.xml", 1000))
    _replaced(good, folder / "stored.docx", lambda text: text, method=0xFFFF)
    return {
        "good.docx": None,
        "cut.docx": "damaged",
        "flipped.docx": "damaged",
        "locked.docx": "encrypted",
        "nothing.docx": "damaged",
        "many.docx": "bomb",
        "bomb.docx": "bomb",
        "liar.docx": "damaged",
        "stored.docx": "damaged",
    }


def _flipped(data: bytes) -> bytes:
    """Some bytes in the middle of the main part changed."""
    place = data.index(b"word/document.xml") + 200
    return data[:place] + bytes(byte ^ 0x55 for byte in data[place : place + 50]) + data[place + 50 :]


def _replaced(
    data: bytes,
    path: Path,
    change: Callable[[bytes], bytes],
    name: str = "word/document.xml",
    method: int = 0,
) -> None:
    """A copy of a package with one part changed; `method` is then claimed to be how it is packed."""
    with zipfile.ZipFile(io.BytesIO(data)) as old, zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as new:
        for entry in old.infolist():
            part = old.read(entry)
            new.writestr(entry.filename, change(part) if entry.filename == name else part)
    if method:
        packed = bytearray(path.read_bytes())
        for mark, place in ((b"PK\x03\x04", 8), (b"PK\x01\x02", 10)):
            at = packed.index(mark)
            packed[at + place : at + place + 2] = struct.pack("<H", method)
        path.write_bytes(packed)


def _with_size(data: bytes, name: str, size: int) -> bytes:
    """A package that says that one of its parts is smaller than it is."""
    packed = bytearray(data)
    at = data.rindex(name.encode()) - 46  # its place in the table at the end
    packed[at + 24 : at + 28] = struct.pack("<I", size)
    return bytes(packed)


def _office(folder: Path) -> dict[str, str | None]:
    """Word and PowerPoint files."""
    good = (folder / "good.docx").read_bytes()
    body = f"<w:document {WORD}><w:body>"
    end = "</w:body></w:document>"
    para = "<w:p><w:r><w:t>{}</w:t></w:r></w:p>"
    for name, text in {
        "laughs.docx": f"{ENTITIES}{body}{para.format('&m;')}{end}",
        "outside.docx": f"{FILE_ENTITY}{body}{para.format('&m;')}{end}",
        "wide.docx": f"{ENTITIES}{body}{end}".encode("utf-16").decode("latin-1"),
        "deep.docx": f"{body}{'<w:sdt><w:sdtContent>' * 100_000}",
        "broken.docx": f"{body}{para.format(TEXT)}<w:p>",
        "hollow.docx": f"{body}{end}",
        "tables.docx": f"{body}{'<w:tbl><w:tr><w:tc>' * 60}{para.format(TEXT)}"
        f"{'</w:tc></w:tr></w:tbl>' * 60}{end}",
    }.items():
        _replaced(good, folder / name, lambda _, text=text: text.encode("latin-1"))  # type: ignore[misc]
    deck = make_pptx(folder / "good.pptx", [("Title", [TEXT], "Note")]).read_bytes()
    _replaced(deck, folder / "laughs.pptx", lambda text: ENTITIES.encode() + text, "ppt/slides/slide1.xml")
    _replaced(deck, folder / "lost.pptx", lambda _: b"<a/>", "ppt/_rels/presentation.xml.rels")
    return {
        "laughs.docx": "bomb",
        "outside.docx": "bomb",
        "wide.docx": "bomb",
        "deep.docx": "damaged",
        "broken.docx": "damaged",
        "hollow.docx": "empty",
        "tables.docx": None,
        "good.pptx": None,
        "laughs.pptx": "bomb",
        "lost.pptx": "damaged",
    }


def _sheets(folder: Path) -> dict[str, str | None]:
    """Excel files."""
    good = make_xlsx(folder / "formulas.xlsx", {"One": [["a", "b"], [1, "=A2*2"]]}).read_bytes()
    sheet = "xl/worksheets/sheet1.xml"
    start, end = b"<sheetData>", b"</sheetData>"
    head = b'<worksheet xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main">'
    cell = b'<row r="%d"><c r="%s%d"><v>7</v></c></row>'
    far = start + cell % (1, b"A", 1) + cell % (1_048_576, b"XFD", 1_048_576) + end
    claim = b'<dimension ref="A1:XFD1048576"/>'
    for name, text in {
        "far.xlsx": head + claim + far + b"</worksheet>",
        "strings.xlsx": head + start + b'<row><c t="s"><v>99999999</v></c></row>' + end + b"</worksheet>",
        "blank.xlsx": head + start + b" " * (40 << 20) + end + b"</worksheet>",
        "laughs.xlsx": ENTITIES.encode() + head + start + end + b"</worksheet>",
        "broken.xlsx": head + start + cell % (1, b"A", 1) + b"<row>",
    }.items():
        _replaced(good, folder / name, lambda _, text=text: text, sheet)  # type: ignore[misc]
    return {
        "formulas.xlsx": None,
        "far.xlsx": None,
        "strings.xlsx": "damaged",
        "blank.xlsx": "bomb",
        "laughs.xlsx": "bomb",
        "broken.xlsx": "damaged",
    }


def _books(folder: Path) -> dict[str, str | None]:
    """E-books."""
    chapter = f"<h1>One</h1><p>{TEXT}</p>"
    package, first = "OEBPS/book.opf", "OEBPS/text/001.xhtml"
    good = make_epub(folder / "good.epub", [chapter]).read_bytes()
    locked = f'<encryption><CipherReference URI="{first}"/></encryption>'
    make_epub(folder / "locked.epub", [chapter], more={"META-INF/encryption.xml": locked})
    make_epub(
        folder / "fonts.epub", [chapter], more={"META-INF/encryption.xml": locked.replace(first, "a.otf")}
    )
    for name, change, part in (
        ("laughs.epub", lambda text: ENTITIES.encode() + text[text.index(b"?>") + 2 :], package),
        ("escape.epub", lambda text: text.replace(b"text/001.xhtml", b"../../../../etc/passwd"), package),
        ("broken.epub", lambda text: text[:-30], package),
        ("lost.epub", lambda text: b"<x/>", package),
        ("deep.epub", lambda text: text.replace(b"<h1>", b"<div>" * 100_000 + b"<h1>"), first),
    ):
        _replaced(good, folder / name, change, part)
    return {
        "good.epub": None,
        "locked.epub": "encrypted",
        "fonts.epub": None,
        "laughs.epub": "bomb",
        "escape.epub": "damaged",
        "broken.epub": "damaged",
        "lost.epub": "empty",
        "deep.epub": None,
    }
