"""A good file of every format becomes a document with its structure."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path

import pytest
from documents import check, make_docx, make_epub, make_pdf, make_pptx, make_xlsx, outline

from desktop.workbench.reading.document import Document
from desktop.workbench.reading.reader import FORMATS, read

WORDS = (
    "the",
    "lease",
    "ends",
    "in",
    "May",
    "unless",
    "the",
    "tenant",
    "renews",
    "it",
    "by",
    "letter",
    "before",
)


def read_text(path: Path, text: str | bytes) -> Document:
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return check(read(path))


def words(count: int, start: int = 0) -> str:
    """A paragraph of so many words; different ones for different starts."""
    return " ".join(WORDS[(start + place) % len(WORDS)] + str(start) for place in range(count)) + "."


def pages(document: Document) -> list[int]:
    return [block.page for block in document.blocks]


def test_there_is_a_file_name_for_every_format() -> None:
    assert set(FORMATS) == {"txt", "md", "html", "pdf", "docx", "pptx", "xlsx", "csv", "epub"}
    assert all(suffix.startswith(".") for suffixes in FORMATS.values() for suffix in suffixes)


def test_txt_and_md_stay_as_they_are(tmp_path: Path) -> None:
    text = "One.\n\n  Two  \n\n\n* three\n"
    document = read_text(tmp_path / "Notes.TXT", text.replace("\n", "\r\n"))
    assert (document.name, document.format, document.text) == ("Notes.TXT", "txt", text)
    assert not document.markdown
    document = read_text(tmp_path / "a.md", f"# Head\n\n{text}")
    assert (document.format, document.title, document.text) == ("md", "Head", f"# Head\n\n{text}")
    assert [kind for kind, _ in outline(document)] == ["heading", "paragraph", "paragraph", "item"]


def test_pdf_lines_become_paragraphs_on_their_pages(tmp_path: Path) -> None:
    first, second = words(120, 1), words(90, 2)
    path = make_pdf(
        tmp_path / "a.pdf",
        [
            f"{first}\n\n{second}",
            [("A heading", 18), "and a line."],
            "合同自签字之日起生效。" * 20 + "\n\n完。",
        ],
        title="Übung",
    )
    document = check(read(path))
    assert outline(document) == [
        ("paragraph", first),
        ("paragraph", second),
        ("heading", "A heading"),
        ("paragraph", "and a line."),
        ("paragraph", "合同自签字之日起生效。" * 20),
        ("paragraph", "完。"),
    ]
    assert pages(document) == [1, 1, 2, 2, 3, 3]
    assert (document.title, document.unit, document.pages) == ("Übung", "page", 3)
    assert document.page_at(document.text.index("heading")) == 2
    assert not document.problems


def test_pdf_hyphens_at_line_ends_are_undone(tmp_path: Path) -> None:
    lines = [
        "The tenant may ter-",
        "minate this well-",
        "known lease at any time, and a well-known",
        "one, too.",
    ]
    document = check(read(make_pdf(tmp_path / "a.pdf", [lines])))
    assert document.text == (
        "The tenant may terminate this well-known lease at any time, and a well-known one, too."
    )


def test_pdf_paragraphs_go_on_over_pages_and_running_titles_do_not(tmp_path: Path) -> None:
    whole = [words(400, page) for page in range(6)]
    sentence = "This sentence begins here and"
    text = [f"{sentence}", "goes on over there."]
    path = make_pdf(tmp_path / "a.pdf", [*whole, *text], header="My contract", numbers=True)
    document = check(read(path))
    assert document.text.count("My contract") == 1
    assert [text for kind, text in outline(document)][1:] == [*whole, f"{sentence} goes on over there."]
    assert pages(document)[1:] == [*range(1, 8)]


def test_pdf_pages_without_text_are_told(tmp_path: Path) -> None:
    document = check(read(make_pdf(tmp_path / "a.pdf", ["One.", None, None, "Four.", None])))
    assert pages(document) == [1, 4]
    (problem,) = document.problems
    assert problem.code == "scanned_pages"
    assert problem.text == "Pages that are pictures without text were left out: 2-3, 5."


def test_a_long_pdf_is_read_to_its_end(tmp_path: Path) -> None:
    path = make_pdf(tmp_path / "a.pdf", [words(500, page) for page in range(100)], header="Top", numbers=True)
    document = check(read(path))
    assert len(document.text.split()) == 50_000 + 1
    assert pages(document)[1:] == [*range(1, 101)]
    assert [text for _, text in outline(document)][1:] == [words(500, page) for page in range(100)]


def test_docx_has_headings_lists_and_tables(tmp_path: Path) -> None:
    path = make_docx(
        tmp_path / "a.docx",
        [
            ("Title", "The lease"),
            ("Heading 1", "Parties"),
            ("", "One and\nthe other."),
            ("List Bullet", "a"),
            ("List Bullet 2", "b"),
            ("List Number", "c"),
            ("List Number", "d"),
            ("Quote", "said"),
            [["x", "y"], ["1|2", "3"]],
            ("Heading 2", "End"),
        ],
        title="Lease",
    )
    document = check(read(path))
    assert outline(document) == [
        ("heading", "# The lease"),
        ("heading", "# Parties"),
        ("paragraph", "One and\nthe other."),
        ("item", "- a"),
        ("item", "- b"),
        ("item", "1. c"),
        ("item", "2. d"),
        ("quote", "> said"),
        ("table", "| x | y |\n| --- | --- |\n| 1\\|2 | 3 |"),
        ("heading", "## End"),
    ]
    assert [block.level for block in document.blocks] == [1, 1, 0, 0, 1, 0, 0, 0, 0, 2]
    assert (document.title, document.format, document.markdown) == ("Lease", "docx", True)


def test_docx_words_outside_of_plain_paragraphs_are_read(tmp_path: Path) -> None:
    """Links, insertions, content controls, text boxes and nested tables; what was deleted is not."""
    import docx
    from docx.oxml import parse_xml

    space = 'xmlns:w="http://schemas.openxmlformats.org/wordprocessingml/2006/main"'
    run = "<w:r><w:t>{}</w:t></w:r>"
    document = docx.Document()
    for xml in (
        f"<w:p {space}><w:hyperlink>{run.format('link')}</w:hyperlink><w:ins>{run.format(' new')}</w:ins>"
        "<w:del><w:r><w:delText> gone</w:delText></w:r></w:del></w:p>",
        f"<w:sdt {space}><w:sdtContent><w:p>{run.format('field')}</w:p></w:sdtContent></w:sdt>",
        f"<w:p {space}>{run.format('around')}<w:r><w:pict><w:txbxContent><w:p>{run.format('boxed')}</w:p>"
        "</w:txbxContent></w:pict></w:r></w:p>",
        f"<w:tbl {space}><w:tr><w:tc><w:p>{run.format('left')}</w:p></w:tc><w:tc><w:tbl><w:tr><w:tc><w:p>"
        f"{run.format('inner')}</w:p></w:tc></w:tr></w:tbl></w:tc></w:tr></w:tbl>",
    ):
        document.element.body.insert(-1, parse_xml(xml))
    document.save(str(tmp_path / "a.docx"))
    read_back = check(read(tmp_path / "a.docx"))
    assert [text for _, text in outline(read_back)] == [
        "link new",
        "field",
        "around",
        "boxed",
        "left",
        "inner",
    ]


def test_docx_footnotes_follow_the_text(tmp_path: Path) -> None:
    import docx
    from docx.opc.packuri import PackURI
    from docx.opc.part import Part
    from docx.oxml import parse_xml

    space = 'xmlns:w="http://schemas.openxmlformats.org/wordprocessingml/2006/main"'
    document = docx.Document()
    paragraph = document.add_paragraph("Rent is due monthly")
    paragraph._p.append(parse_xml(f'<w:r {space}><w:footnoteReference w:id="7"/></w:r>'))
    notes = (
        f'<w:footnotes {space}><w:footnote w:id="7"><w:p><w:r><w:t>In advance.</w:t></w:r></w:p></w:footnote>'
    )
    kind = "application/vnd.openxmlformats-officedocument.wordprocessingml.footnotes+xml"
    part = Part(
        PackURI("/word/footnotes.xml"), kind, f"{notes}</w:footnotes>".encode(), document.part.package
    )
    relation = "http://schemas.openxmlformats.org/officeDocument/2006/relationships/footnotes"
    document.part.relate_to(part, relation)
    document.save(str(tmp_path / "a.docx"))
    assert check(read(tmp_path / "a.docx")).text == "Rent is due monthly[^1]\n\n[^1]: In advance."


def test_pptx_has_a_page_for_every_slide(tmp_path: Path) -> None:
    slides = [("Plan", ["first", "\tdetail", "second"], "Say hello.\nSmile."), ("End", ["thanks"], "")]
    document = check(read(make_pptx(tmp_path / "a.pptx", slides)))
    assert list(zip(pages(document), outline(document), strict=True)) == [
        (1, ("heading", "## Plan")),
        (1, ("item", "- first")),
        (1, ("item", "- detail")),
        (1, ("item", "- second")),
        (1, ("quote", "> Say hello.\n> Smile.")),
        (2, ("heading", "## End")),
        (2, ("item", "- thanks")),
    ]
    assert (document.unit, document.pages) == ("slide", 2)


def test_pptx_tables_charts_groups_and_pictures(tmp_path: Path) -> None:
    import pptx
    from PIL import Image
    from pptx.chart.data import CategoryChartData
    from pptx.enum.chart import XL_CHART_TYPE
    from pptx.util import Inches

    deck = pptx.Presentation()
    inch = Inches(1)
    slide = deck.slides.add_slide(deck.slide_layouts[6])
    table = slide.shapes.add_table(2, 2, inch, inch, inch, inch).table
    for place, cell in enumerate(table.iter_cells()):
        cell.text = str(place)
    numbers = CategoryChartData()
    numbers.categories = ["May", "June"]
    numbers.add_series("Rent", (1.5, 2))
    slide.shapes.add_chart(XL_CHART_TYPE.PIE, inch, inch, inch, inch, numbers)
    slide.shapes.add_group_shape().shapes.add_textbox(inch, inch, inch, inch).text_frame.text = "grouped"
    Image.new("L", (9, 9)).save(tmp_path / "a.png")
    deck.slides.add_slide(deck.slide_layouts[6]).shapes.add_picture(str(tmp_path / "a.png"), inch, inch)
    deck.save(str(tmp_path / "a.pptx"))
    document = check(read(tmp_path / "a.pptx"))
    texts = [text for _, text in outline(document)]
    assert texts[0] == "| 0 | 1 |\n| --- | --- |\n| 2 | 3 |"
    assert "|  | Rent |\n| --- | --- |\n| May | 1.5 |\n| June | 2 |" in texts
    assert texts[-1] == "grouped"
    assert [(problem.code, problem.params["pages"]) for problem in document.problems] == [
        ("picture_slides", "2")
    ]


def test_xlsx_has_a_page_for_every_sheet(tmp_path: Path) -> None:
    rows = [
        ["item", "price"],
        ["desk", 12.5],
        [None, None],
        ["on", datetime(2024, 5, 1)],
        ["ok", True],
        [0.1, 3.0],
    ]
    document = check(read(make_xlsx(tmp_path / "a.xlsx", {"Rent": rows, "None": [], "Sum": [["=A1*2", 1]]})))
    assert outline(document) == [
        ("heading", "## Rent"),
        (
            "table",
            "| item | price |\n| --- | --- |\n| desk | 12.5 |\n"
            "| on | 2024-05-01 |\n| ok | TRUE |\n| 0.1 | 3 |",
        ),
        ("heading", "## Sum"),
        ("table", "| =A1*2 | 1 |\n| --- | --- |"),
    ]
    assert pages(document) == [1, 1, 3, 3]
    assert (document.unit, document.pages) == ("sheet", 3)
    assert [(problem.code, problem.params["count"]) for problem in document.problems] == [("formulas", 1)]


@pytest.mark.parametrize(
    "text",
    [
        'a,b,c\n1,"x, y",3\n"4\n5",6,\n',
        "a;b;c\n1;x, y;3\n4 5;6;\n",
        "a\tb\tc\n1\tx, y\t3\n4 5\t6\t\n",
        "sep=|\na|b|c\n1|x, y|3\n4 5|6|\n",
    ],
)
def test_csv_of_any_dialect_is_a_table(tmp_path: Path, text: str) -> None:
    document = read_text(tmp_path / "a.csv", text.replace("\n", "\r\n"))
    assert outline(document) == [
        ("table", "| a | b | c |\n| --- | --- | --- |\n| 1 | x, y | 3 |\n| 4 5 | 6 |  |")
    ]
    assert document.format == "csv"


PAGE = """<!DOCTYPE html><html><head><meta charset="gb2312"><title>A &amp; B</title><style>p {}</style></head>
<body><nav>Home</nav><h1>Lease</h1><p>Some <b>bold</b> <a href="x">words</a>,<br>two lines &amp; more 桌</p>
<ul><li>a<ul><li>b</li></ul></li><li><p>c</p><p>d</p></li></ul><ol><li>e<li>f</ol>
<blockquote><p>said</p></blockquote><pre>  code
    more</pre><table><tr><th>x<th>y</tr><tr><td colspan=2>1</table>
<table><tr><td><h2>Layout</h2></td></tr></table><div hidden>no</div><p style="display: none">no</p>
<script>no()</script><div>loose <span>end</span></div></body></html>"""


def test_html_keeps_its_structure(tmp_path: Path) -> None:
    document = read_text(tmp_path / "a.html", PAGE.encode("gb2312"))
    assert outline(document) == [
        ("heading", "# Lease"),
        ("paragraph", "Some bold words,\ntwo lines & more 桌"),
        ("item", "- a"),
        ("item", "- b"),
        ("item", "- c"),
        ("paragraph", "d"),
        ("item", "1. e"),
        ("item", "2. f"),
        ("quote", "> said"),
        ("code", "```\n  code\n    more\n```"),
        ("table", "| x | y |\n| --- | --- |\n| 1 |  |"),
        ("heading", "## Layout"),
        ("paragraph", "loose end"),
    ]
    assert [block.level for block in document.blocks if block.kind == "item"] == [0, 1, 0, 0, 0]
    assert document.title == "A & B"
    assert not document.problems


def test_epub_follows_the_spine(tmp_path: Path) -> None:
    chapters = [
        f"<h1>Chapter {number}</h1><p>Text <a id='x'/>{number} &amp; more.</p>" for number in (1, 2, 3)
    ]
    document = check(read(make_epub(tmp_path / "a.epub", chapters, title="The desk")))
    assert outline(document) == [
        entry
        for number in (1, 2, 3)
        for entry in (("heading", f"# Chapter {number}"), ("paragraph", f"Text {number} & more."))
    ]
    assert pages(document) == [1, 1, 2, 2, 3, 3]
    assert (document.title, document.unit, document.pages) == ("The desk", "chapter", 3)
