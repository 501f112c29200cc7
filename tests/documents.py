"""Makes documents of every format for tests, and checks what was read of them."""

from __future__ import annotations

import hashlib
import io
import zipfile
import zlib
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from desktop.workbench.reading.document import Document

LINE_CHARACTERS = 85
WIDE_CHARACTERS = 43
"""A prime, so that repeated sentences do not make the same line twice: pdfium takes that for a shadow."""

PAGE_LINES = 48


def check(document: Document) -> Document:
    """Assert what holds for every document: blocks in order, apart, and nothing but white space outside."""
    end = 0
    page = 0
    for block in document.blocks:
        assert end <= block.start < block.end <= len(document.text), block
        assert not document.text[end : block.start].strip(), document.text[end : block.start]
        assert document.text[block.start : block.end].strip(), block
        assert block.page >= page, block
        assert bool(block.page) == bool(document.pages), block
        end, page = block.end, block.page
    assert not document.text[end:].strip(), document.text[end:]
    assert page <= document.pages
    assert bool(document.unit) == bool(document.pages)
    assert "\r" not in document.text
    assert "\0" not in document.text
    for problem in document.problems:
        assert problem.text
    document.text.encode()
    return document


def outline(document: Document) -> list[tuple[str, str]]:
    """Kind and text of each block."""
    return [(block.kind, document.text[block.start : block.end]) for block in document.blocks]


# ---------------------------------------------------------------- PDF

Line = str | tuple[str, float]
"""A line of text, or one with its size in points."""


def make_pdf(
    path: Path,
    pages: Sequence[str | Sequence[Line] | None],
    *,
    title: str = "",
    header: str = "",
    numbers: bool = False,
    password: str = "",
) -> Path:
    """Write a PDF: a page is text (wrapped to lines, paragraphs divided by empty lines), or lines as
    they are, or None for a picture without text.

    `header` stands above each page, `numbers` puts page numbers below; `password` encrypts it (RC4).
    """
    objects: list[bytes] = []

    def add(content: bytes) -> int:
        objects.append(content)
        return len(objects)

    catalog, tree, latin, wide = add(b""), add(b""), add(_LATIN), add(b"")
    unicode, child = add(_stream(b"", _TO_UNICODE)), add(_CHILD)
    objects[wide - 1] = (
        b"<< /Type /Font /Subtype /Type0 /BaseFont /Wide /Encoding /Identity-H /DescendantFonts [%d 0 R]"
        b" /ToUnicode %d 0 R >>" % (child, unicode)
    )
    image = add(_stream(b"/Type /XObject /Subtype /Image /Width 1 /Height 1 /ColorSpace /DeviceGray"
                        b" /BitsPerComponent 8", b"\x80"))  # fmt: skip
    kids = []
    for number, page in enumerate(pages, 1):
        content = _page(page, header, str(number) if numbers else "")
        stream = add(_stream(b"", content))
        resources = b"<< /Font << /L %d 0 R /W %d 0 R >> /XObject << /I %d 0 R >> >>" % (latin, wide, image)
        kids.append(
            add(
                b"<< /Type /Page /Parent %d 0 R /MediaBox [0 0 595 842] /Resources %s /Contents %d 0 R >>"
                % (tree, resources, stream)
            )
        )
    objects[catalog - 1] = b"<< /Type /Catalog /Pages %d 0 R >>" % tree
    listed = b" ".join(b"%d 0 R" % kid for kid in kids)
    objects[tree - 1] = b"<< /Type /Pages /Count %d /Kids [%s] >>" % (len(kids), listed)
    info = add(b"<< /Title <FEFF%s> >>" % title.encode("utf-16-be").hex().encode()) if title else 0
    path.write_bytes(pdf_file(objects, root=catalog, info=info, password=password))
    return path


def pdf_file(objects: Sequence[bytes], *, root: int = 1, info: int = 0, password: str = "") -> bytes:
    """The bytes of a PDF with these objects, numbered from 1."""
    extra = b""
    if password:
        objects, extra = _encrypted(objects, password)
    out = io.BytesIO()
    out.write(b"%PDF-1.5\n%\xe2\xe3\xcf\xd3\n")
    places = []
    for number, content in enumerate(objects, 1):
        places.append(out.tell())
        out.write(b"%d 0 obj\n%s\nendobj\n" % (number, content))
    start = out.tell()
    out.write(b"xref\n0 %d\n0000000000 65535 f \n" % (len(objects) + 1))
    out.writelines(b"%010d 00000 n \n" % place for place in places)
    if info:
        extra += b" /Info %d 0 R" % info
    out.write(b"trailer\n<< /Size %d /Root %d 0 R%s >>\n" % (len(objects) + 1, root, extra))
    out.write(b"startxref\n%d\n%%%%EOF\n" % start)
    return out.getvalue()


_LATIN = b"<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica /Encoding /WinAnsiEncoding >>"
_CHILD = (
    b"<< /Type /Font /Subtype /CIDFontType2 /BaseFont /Wide /DW 1000"
    b" /CIDSystemInfo << /Registry (Adobe) /Ordering (Identity) /Supplement 0 >>"
    b" /FontDescriptor << /Type /FontDescriptor /FontName /Wide /Flags 4 /FontBBox [0 -120 1000 880]"
    b" /Ascent 880 /Descent -120 /CapHeight 700 /ItalicAngle 0 /StemV 80 >> >>"
)
_TO_UNICODE = (
    b"/CIDInit /ProcSet findresource begin 12 dict begin begincmap /CMapType 2 def\n"
    b"1 begincodespacerange <0000> <FFFF> endcodespacerange\n"
    b"1 beginbfrange <0000> <FFFF> <0000> endbfrange\nendcmap end end\n"
)


def _stream(entries: bytes, data: bytes) -> bytes:
    packed = zlib.compress(data)
    return b"<< %s /Filter /FlateDecode /Length %d >>\nstream\n%s\nendstream" % (entries, len(packed), packed)


def _page(page: str | Sequence[Line] | None, header: str, number: str) -> bytes:
    if page is None:
        return b"q 500 0 0 700 50 70 cm /I Do Q"
    out = []
    if header:
        out.append(_shown(header, 9, 50, 810))
    if number:
        out.append(_shown(number, 9, 290, 30))
    y = 760.0
    for line in _lines(page) if isinstance(page, str) else page:
        text, size = (line, 11.0) if isinstance(line, str) else line
        y -= size * 1.25
        if text.strip():
            out.append(_shown(text, size, 50, y))
    return b"\n".join(out)


def _shown(text: str, size: float, x: float, y: float) -> bytes:
    try:
        coded, font = text.encode("cp1252"), b"L"
    except UnicodeEncodeError:
        coded, font = text.encode("utf-16-be"), b"W"
    return b"BT /%s %g Tf %g %g Td <%s> Tj ET" % (font, size, x, y, coded.hex().encode())


def _lines(text: str) -> Iterable[str]:
    """Text broken into lines as a typesetter would."""
    for paragraph in text.split("\n"):
        line = ""
        wide = any(ord(character) > 0x2E80 for character in paragraph)
        pieces = list(paragraph) if wide else [f"{word} " for word in paragraph.split()]
        for piece in pieces:
            if len(line) + len(piece.rstrip()) > (WIDE_CHARACTERS if wide else LINE_CHARACTERS):
                yield line.rstrip()
                line = ""
            line += piece
        yield line.rstrip()


_PADDING = bytes.fromhex("28BF4E5E4E758A4164004E56FFFA01082E2E00B6D0683E802F0CA9FE6453697A")


def _encrypted(objects: Sequence[bytes], password: str) -> tuple[list[bytes], bytes]:
    """The streams of the objects encrypted with 40 bits, and what the trailer says about it."""
    padded = (password.encode() + _PADDING)[:32]
    owner = _rc4(hashlib.md5(padded).digest()[:5], padded)
    identity, permissions = b"0123456789abcdef", b"\xfc\xff\xff\xff"
    key = hashlib.md5(padded + owner + permissions + identity).digest()[:5]
    user = _rc4(key, _PADDING)
    done = []
    for number, content in enumerate(objects, 1):
        head, mark, rest = content.partition(b"\nstream\n")
        if mark:
            own = hashlib.md5(key + number.to_bytes(3, "little") + b"\0\0").digest()[:10]
            content = head + mark + _rc4(own, rest.removesuffix(b"\nendstream")) + b"\nendstream"
        done.append(content)
    done.append(
        b"<< /Filter /Standard /V 1 /R 2 /O <%s> /U <%s> /P -4 >>"
        % (owner.hex().encode(), user.hex().encode())
    )
    name = identity.hex().encode()
    return done, b" /Encrypt %d 0 R /ID [<%s> <%s>]" % (len(done), name, name)


def _rc4(key: bytes, data: bytes) -> bytes:
    state = list(range(256))
    j = 0
    for i in range(256):
        j = (j + state[i] + key[i % len(key)]) % 256
        state[i], state[j] = state[j], state[i]
    out = bytearray()
    i = j = 0
    for byte in data:
        i = (i + 1) % 256
        j = (j + state[i]) % 256
        state[i], state[j] = state[j], state[i]
        out.append(byte ^ state[(state[i] + state[j]) % 256])
    return bytes(out)


# ---------------------------------------------------------------- zipped


def make_zip(path: Path, files: Mapping[str, str | bytes]) -> Path:
    """Write a zip archive."""
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    return path


def make_epub(
    path: Path, chapters: Sequence[str], *, title: str = "A book", more: Mapping[str, str] = {}
) -> Path:
    """Write an EPUB of chapters in XHTML (what stands in the body); its files' names are out of order."""
    names = [f"text/{len(chapters) - number:03}.xhtml" for number in range(len(chapters))]
    items = "".join(
        f'<item id="c{number}" href="{name}" media-type="application/xhtml+xml"/>'
        for number, name in sorted(enumerate(names), key=lambda entry: entry[1])
    )
    spine = "".join(f'<itemref idref="c{number}"/>' for number in range(len(chapters)))
    package = (
        '<?xml version="1.0"?><package xmlns="http://www.idpf.org/2007/opf" version="3.0"><metadata '
        f'xmlns:dc="http://purl.org/dc/elements/1.1/"><dc:title>{title}</dc:title></metadata><manifest>'
        f'<item id="nav" href="nav.xhtml" properties="nav" media-type="application/xhtml+xml"/>{items}'
        f'</manifest><spine><itemref idref="nav"/>{spine}</spine></package>'
    )
    container = (
        '<?xml version="1.0"?><container xmlns="urn:oasis:names:tc:opendocument:xmlns:container">'
        '<rootfiles><rootfile full-path="OEBPS/book.opf" media-type="application/oebps-package+xml"/>'
        "</rootfiles></container>"
    )
    files = {
        "mimetype": "application/epub+zip",
        "META-INF/container.xml": container,
        "OEBPS/book.opf": package,
    }
    files["OEBPS/nav.xhtml"] = "<html><body><nav><ol><li>Contents</li></ol></nav></body></html>"
    for name, chapter in zip(names, chapters, strict=True):
        files[f"OEBPS/{name}"] = (
            '<?xml version="1.0" encoding="utf-8"?><html xmlns="http://www.w3.org/1999/xhtml">'
            f"<head><title/></head><body>{chapter}</body></html>"
        )
    return make_zip(path, files | dict(more))


def make_docx(path: Path, blocks: Sequence[Any] = (), *, title: str = "") -> Path:
    """Write a Word file: a block is (style, text), such as ("Heading 1", "On desks"), or rows of a table."""
    import docx

    document = docx.Document()
    document.core_properties.title = title
    for block in blocks:
        if isinstance(block, tuple):
            style, text = block
            document.add_paragraph(text, style=style or None)
        else:
            table = document.add_table(len(block), len(block[0]))
            for row, cells in zip(table.rows, block, strict=True):
                for cell, text in zip(row.cells, cells, strict=True):
                    cell.text = text
    document.save(str(path))
    return path


def make_pptx(path: Path, slides: Sequence[tuple[str, Sequence[str], str]]) -> Path:
    """Write a presentation: a slide is a title, its points (a tab in front for each level), and notes."""
    import pptx

    deck = pptx.Presentation()
    for title, points, notes in slides:
        slide = deck.slides.add_slide(deck.slide_layouts[1])
        slide.shapes.title.text = title
        frame = slide.placeholders[1].text_frame
        for number, point in enumerate(points):
            paragraph = frame.add_paragraph() if number else frame.paragraphs[0]
            paragraph.text = point.lstrip("\t")
            paragraph.level = len(point) - len(point.lstrip("\t"))
        if notes:
            slide.notes_slide.notes_text_frame.text = notes
    deck.save(str(path))
    return path


def make_xlsx(path: Path, sheets: Mapping[str, Iterable[Sequence[Any]]]) -> Path:
    """Write a workbook: rows of values by the name of the sheet; "=A1" is a formula without a value."""
    import openpyxl

    book = openpyxl.Workbook(write_only=True)
    for name, rows in sheets.items():
        sheet = book.create_sheet(name)
        for row in rows:
            sheet.append(list(row))
    book.save(path)
    return path
