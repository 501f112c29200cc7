"""Where texts come in: the field that keeps positions, and the view with real files, store and jobs."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PySide6.QtCore import QMimeData, QPointF, Qt, QUrl
from PySide6.QtGui import QDropEvent, QGuiApplication
from PySide6.QtWidgets import QApplication, QFileDialog
from pytestqt.qtbot import QtBot

from desktop.ui.bridge import Bridge
from desktop.ui.jobs import Jobs
from desktop.ui.theme import Theme
from desktop.ui.widgets.document_edit import SLICE_LINES, DocumentEdit, Shown
from desktop.ui.widgets.source_view import Elided, EntryRow, SourceView, page_text, word_count
from desktop.workbench.reading.document import Block, Document
from desktop.workbench.workbench import Workbench
from models.engine.scripted import ScriptedEngine

WAIT = 20_000


@pytest.fixture(scope="module")
def look(qapp: QApplication) -> Theme:
    theme = Theme()
    theme.apply(qapp)
    return theme


# ---------------------------------------------------------------- positions

PIECES = st.sampled_from(
    ["a", "b", " ", "\n", "\r\n", "\r", "😀", "中", "\u2028", "\u2029", "\x00", "\ud800"]
)
READABLE = set("ab 中😀")


def marked(edit: DocumentEdit) -> str:
    """The text that is marked."""
    (selection,) = edit.extraSelections()
    return selection.cursor.selectedText()


def units(text: str) -> bytes:
    return text.encode("utf-16-le", "surrogatepass")


@given(text=st.lists(PIECES, max_size=60).map("".join), longest=st.integers(3, 30))
@settings(max_examples=150, deadline=None)
def test_every_character_is_found_where_it_is_shown(text: str, longest: int) -> None:
    shown = Shown(text, longest)
    whole = units(shown.text)
    for position, character in enumerate(text):
        if character in READABLE:
            place = shown.place(position)
            assert whole[2 * place :].startswith(units(character))
            assert shown.position(place) == position
    assert all(len(line) <= longest for line in shown.text.replace("\u2028", "\n").split("\n"))


def test_qt_counts_as_shown(qtbot: QtBot, look: Theme) -> None:
    edit = DocumentEdit(look)
    qtbot.addWidget(edit)

    @given(text=st.lists(PIECES, max_size=60).map("".join))
    @settings(max_examples=50, deadline=None)
    def check(text: str) -> None:
        edit.show_text(text)
        assert len(units(edit.document().toRawText())) // 2 == Shown(text).place(len(text))

    check()


def test_a_mark_covers_just_its_range(qtbot: QtBot, look: Theme) -> None:
    edit = DocumentEdit(look)
    qtbot.addWidget(edit)
    text = "😀 first line\r\n" * 40 + "the wanted words" + "\nlast" * 40
    edit.show_text(text)
    start = text.index("wanted")
    edit.mark(start, start + len("wanted"))
    assert marked(edit) == "wanted"
    assert edit.position() == start
    edit.mark(3, 3)
    assert edit.extraSelections() == []


def test_a_mark_beyond_what_is_filled_in_is_reached_at_once(qtbot: QtBot, look: Theme) -> None:
    edit = DocumentEdit(look)
    qtbot.addWidget(edit)
    text = "".join(f"line {number}\n" for number in range(4 * SLICE_LINES))
    edit.show_text(text)
    assert not edit.complete
    start = text.index(f"line {3 * SLICE_LINES}\n")
    edit.mark(start, start + 4)
    assert marked(edit) == "line"
    qtbot.waitUntil(lambda: edit.complete, timeout=WAIT)
    assert edit.text() == text


def test_an_endless_word_is_shown_in_pieces_and_cannot_be_changed(qtbot: QtBot, look: Theme) -> None:
    edit = DocumentEdit(look)
    qtbot.addWidget(edit)
    text = "x" * 1_000_000 + " end"
    edit.show_text(text, editable=True)
    assert edit.isReadOnly()
    edit.mark(1_000_001, 1_000_004)
    assert marked(edit) == "end"


@pytest.mark.parametrize(
    ("text", "count"), [("", 0), ("one two, three.", 3), ("l'été 3,5 kg", 3), ("我们去", 3), ("A 中文 b", 4)]
)
def test_words_are_counted_in_every_script(text: str, count: int) -> None:
    assert word_count(text) == count


def test_a_place_is_told_by_its_page() -> None:
    blocks = (Block("paragraph", 0, 3, page=1), Block("paragraph", 4, 7, page=2))
    paged = Document("a.pdf", "pdf", "abc def", blocks, unit="page", pages=2)
    assert page_text(paged, 5) == "page 2"
    assert page_text(Document("a.txt", "txt", "abc def", (Block("paragraph", 0, 7),)), 5) == ""


# ---------------------------------------------------------------- the view


@dataclass
class Desk:
    """A view with everything behind it."""

    workbench: Workbench
    view: SourceView
    qtbot: QtBot
    folder: Path

    def until(self, condition: Callable[[], bool]) -> None:
        self.qtbot.waitUntil(condition, timeout=WAIT)

    def settle(self) -> None:
        self.until(lambda: not self.view.busy)

    def file(self, name: str, text: str) -> Path:
        path = self.folder / name
        path.write_text(text, "utf-8")
        return path

    def texts(self) -> list[str]:
        return [document.text for document in self.view.documents()]

    def rows(self) -> list[EntryRow]:
        view = self.view.list
        widgets = [view.itemWidget(view.item(row)) for row in range(view.count())]
        return [widget for widget in widgets if isinstance(widget, EntryRow)]

    def taken(self) -> list[Document]:
        got: list[list[Document]] = []
        self.view.take(got.append)
        self.until(lambda: bool(got))
        return got[0]


Make = Callable[..., Desk]


@pytest.fixture
def make(qtbot: QtBot, look: Theme, tmp_path: Path) -> Iterator[Make]:
    made: list[tuple[Workbench, Jobs, SourceView]] = []

    def build(**options: bool) -> Desk:
        workbench = Workbench.open(tmp_path / "data", start_engine=ScriptedEngine.starter(()))
        jobs = Jobs()
        view = SourceView(workbench, jobs, Bridge(), look, **options)
        qtbot.addWidget(view)
        view.resize(500, 600)
        view.show()
        made.append((workbench, jobs, view))
        return Desk(workbench, view, qtbot, tmp_path)

    yield build
    for workbench, jobs, view in made:
        jobs.close()
        workbench.close()
        view.hide()


def test_nothing_is_told_what_to_do_about(make: Make) -> None:
    desk = make()
    assert desk.view.empty.isVisible()
    assert "drop files" in desk.view.empty.sentence.text()
    assert desk.view.is_empty()
    assert desk.taken() == []


def test_what_is_typed_is_the_text(make: Make) -> None:
    desk = make()
    desk.qtbot.keyClicks(desk.view.edit, "Hello there, you two.")
    assert not desk.view.empty.isVisible()
    assert [document.text for document in desk.taken()] == ["Hello there, you two."]
    assert "4 words" in desk.view.facts.full_text()
    assert not desk.view.edit.isReadOnly()
    desk.qtbot.keyClicks(desk.view.edit, " More.")
    assert [document.text for document in desk.taken()] == ["Hello there, you two. More."]
    desk.view.edit.selectAll()
    desk.qtbot.keyClick(desk.view.edit, Qt.Key.Key_Delete)
    assert desk.view.is_empty()
    assert desk.view.empty.isVisible()


def test_a_blank_that_was_typed_first_is_no_error(make: Make) -> None:
    desk = make()
    desk.view.edit.setFocus()
    desk.qtbot.keyClicks(desk.view.edit, " ")
    desk.settle()
    assert desk.view.is_empty()
    assert desk.view.list.isHidden()
    assert not desk.view.edit.isReadOnly()
    desk.qtbot.keyClicks(desk.view.edit, "The mill burned.")
    assert not desk.view.is_empty()
    assert [document.text for document in desk.taken()] == [" The mill burned."]
    desk.view.edit.selectAll()
    desk.qtbot.keyClicks(desk.view.edit, " ")
    assert desk.taken() == []
    assert desk.view.edit.text() == " "


def test_a_locked_text_cannot_be_typed_on(make: Make) -> None:
    desk = make()
    desk.view.edit.setFocus()
    desk.qtbot.keyClicks(desk.view.edit, "The mill burned")
    desk.taken()
    desk.view.set_locked(True)
    desk.qtbot.keyClicks(desk.view.edit, " down")
    assert desk.view.edit.text() == "The mill burned"
    desk.view.set_locked(False)
    desk.qtbot.keyClicks(desk.view.edit, " down")
    assert desk.view.edit.text() == "The mill burned down"


def test_files_are_read_in_order_and_can_be_taken_out(make: Make) -> None:
    desk = make()
    desk.view.add_files([desk.file("one.txt", "First text."), desk.file("two.md", "# Second\n\ntext")])
    desk.settle()
    assert [document.name for document in desk.view.documents()] == ["one.txt", "two.md"]
    assert [row.name.full_text() for row in desk.rows()] == ["one.txt", "two.md"]
    assert "2 words" in desk.rows()[0].facts.full_text()
    assert desk.view.edit.toPlainText() == "First text."
    assert desk.view.edit.isReadOnly()
    desk.view.list.setFocus()
    desk.qtbot.keyClick(desk.view.list, Qt.Key.Key_Down)
    assert desk.view.edit.toPlainText().startswith("# Second")
    desk.qtbot.keyClick(desk.view.list, Qt.Key.Key_Delete)
    assert desk.texts() == ["First text."]
    assert not desk.view.list.isVisible()
    assert desk.view.facts.full_text().startswith("one.txt · ")


def test_a_file_that_cannot_be_read_says_why_where_it_was_dropped(make: Make) -> None:
    desk = make()
    bad = desk.folder / "bad.pdf"
    bad.write_bytes(b"%PDF-1.4 nothing")
    desk.view.add_files([bad, desk.file("good.txt", "A good text.")])
    desk.settle()
    assert desk.texts() == ["A good text."]
    assert desk.rows()[0].facts.full_text().startswith("not read: ")
    assert desk.rows()[0].facts.property("role") == "bad"
    assert desk.view.edit.toPlainText() == "A good text."
    desk.qtbot.mouseClick(desk.rows()[0].remove, Qt.MouseButton.LeftButton)
    assert not desk.view.list.isVisible()


def test_what_was_not_read_is_not_counted(make: Make) -> None:
    desk = make()
    good = [desk.file("a.txt", "One two."), desk.file("b.txt", "Three.")]
    desk.view.add_files([good[0], desk.folder / "missing.txt", good[1]])
    desk.settle()
    assert desk.view.facts.full_text() == "2 texts · 3 words"


def test_only_what_changed_is_shown_anew_in_a_long_list(make: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    desk = make()
    laid_out: list[str] = []
    set_text = Elided.setText

    def listen(label: Elided, text: str) -> None:
        laid_out.append(text)
        set_text(label, text)

    monkeypatch.setattr(Elided, "setText", listen)
    files = [desk.file(f"{number}.txt", f"Text {number}.") for number in range(12)]
    desk.view.add_files(files)
    desk.settle()
    assert desk.texts() == [f"Text {number}." for number in range(12)]
    assert laid_out.count("0.txt") <= 3


def test_dropping_files_reads_them(make: Make) -> None:
    desk = make()
    data = QMimeData()
    data.setUrls([QUrl.fromLocalFile(str(desk.file("dropped.txt", "Dropped here.")))])
    buttons, none = Qt.MouseButton.LeftButton, Qt.KeyboardModifier.NoModifier
    drop = QDropEvent(QPointF(20, 200), Qt.DropAction.CopyAction, data, buttons, none)
    desk.view.dropEvent(drop)
    desk.settle()
    assert desk.texts() == ["Dropped here."]


@pytest.mark.parametrize("where", ["field", "list"])
def test_ctrl_v_pastes_anywhere(make: Make, where: str) -> None:
    desk = make()
    desk.view.activateWindow()
    desk.view.add_files([desk.file("a.txt", "One."), desk.file("b.txt", "Two.")])
    desk.settle()
    QGuiApplication.clipboard().setText("Three, pasted.")
    target = desk.view.edit if where == "field" else desk.view.list
    target.setFocus()
    desk.qtbot.keyClick(target, Qt.Key.Key_V, Qt.KeyboardModifier.ControlModifier)
    desk.until(lambda: len(desk.view.documents()) == 3)
    assert desk.texts()[-1] == "Three, pasted."


def test_a_paste_into_what_is_being_written_goes_to_the_cursor(make: Make) -> None:
    desk = make()
    desk.qtbot.keyClicks(desk.view.edit, "ab")
    desk.qtbot.keyClick(desk.view.edit, Qt.Key.Key_Left)
    QGuiApplication.clipboard().setText("-")
    desk.view.paste()
    assert [document.text for document in desk.taken()] == ["a-b"]


def test_an_enormous_paste_is_a_text_that_cannot_be_changed(make: Make) -> None:
    desk = make()
    QGuiApplication.clipboard().setText("y" * 1_000_000)
    desk.view.paste()
    desk.settle()
    assert desk.texts() == ["y" * 1_000_000]
    assert desk.view.edit.isReadOnly()


def test_a_conversation_can_be_the_text(make: Make) -> None:
    desk = make()
    store = desk.workbench.store
    row = desk.workbench.chats.new()
    store.add_message(row.id, None, "user", "Why is the sky blue?")
    desk.view.choose_conversation()
    chooser = desk.view.chooser
    assert chooser is not None
    desk.until(lambda: bool(chooser.list.items.ids()))
    chooser.list.search.setFocus()
    desk.qtbot.keyClick(chooser.list.search, Qt.Key.Key_Down)
    desk.qtbot.keyClick(chooser.list.view, Qt.Key.Key_Return)
    desk.until(lambda: len(desk.view.documents()) == 1)
    assert "Why is the sky blue?" in desk.texts()[0]
    assert not chooser.isVisible()


def test_files_are_opened_by_a_dialog_that_knows_the_formats(
    make: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    desk = make()
    asked: list[str] = []

    def ask(_parent: object, _title: str, _folder: str, kinds: str) -> tuple[list[str], str]:
        asked.append(kinds)
        return [str(desk.file("chosen.txt", "Chosen."))], ""

    monkeypatch.setattr(QFileDialog, "getOpenFileNames", ask)
    desk.qtbot.mouseClick(desk.view.empty.open, Qt.MouseButton.LeftButton)
    desk.settle()
    assert desk.texts() == ["Chosen."]
    assert "*.pdf" in asked[0]
    assert "*.epub" in asked[0]


def test_one_text_replaces_the_other_where_there_can_be_one_only(make: Make) -> None:
    desk = make(many=False)
    desk.view.add_text("First.")
    desk.settle()
    desk.view.add_files([desk.file("b.txt", "Second.")])
    desk.settle()
    assert desk.texts() == ["Second."]


def test_a_text_that_was_sent_has_a_name_and_can_be_edited(make: Make) -> None:
    desk = make()
    desk.view.add_text("# Boats\n\n- They **left**.", "A talk\nabout v1.2")
    desk.settle()
    (document,) = desk.view.documents()
    assert (document.name, document.format) == ("A talk about v1.2", "md")
    assert desk.view.facts.full_text().startswith("A talk about v1.2")
    desk.view.set_documents([document])  # as when its run is opened again
    desk.settle()
    desk.qtbot.mouseClick(desk.view.edit_button, Qt.MouseButton.LeftButton)
    desk.qtbot.keyClicks(desk.view.edit, "x")
    desk.settle()
    (document,) = desk.view.documents()
    assert document.name == "A talk about v1.2"
    assert document.text == "x# Boats\n\n- They **left**."


def test_what_belongs_to_a_run_stays_until_something_else_comes(make: Make) -> None:
    desk = make()
    desk.view.add_text("Of the run.")
    desk.settle()
    desk.view.set_kept()
    assert desk.view.edit.isReadOnly()
    desk.qtbot.mouseClick(desk.view.edit_button, Qt.MouseButton.LeftButton)
    assert not desk.view.kept
    assert not desk.view.edit.isReadOnly()
    desk.view.set_kept()
    desk.view.add_text("Another.")
    desk.settle()
    assert desk.texts() == ["Another."]
    desk.view.set_locked(True)
    desk.view.add_text("Not now.")
    desk.view.clear_button.click()
    assert desk.texts() == ["Another."]


def test_a_mark_turns_to_its_text(make: Make) -> None:
    desk = make()
    first = Document("a.txt", "txt", "Nothing here.", (Block("paragraph", 0, 13),))
    second = Document("b.txt", "txt", "It is here.", (Block("paragraph", 0, 11),))
    desk.view.set_documents([first, second])
    desk.settle()
    with desk.qtbot.waitSignal(desk.view.shown):
        desk.view.mark(1, 6, 10)
    assert desk.view.current == 1
    assert marked(desk.view.edit) == "here"
    desk.view.mark(7, 0, 1)  # a place that is nowhere
    assert desk.view.current == 1
