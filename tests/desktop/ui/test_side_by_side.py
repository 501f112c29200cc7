"""Texts beside one another: the same height, the same place, reading and editing by mouse and keys."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from PySide6.QtCore import QEvent, QPoint, QPointF, Qt
from PySide6.QtGui import QHelpEvent
from PySide6.QtWidgets import QApplication, QToolTip
from pytestqt.qtbot import QtBot

from desktop.ui.theme import Theme
from desktop.ui.widgets.alternatives_view import AlternativesView
from desktop.ui.widgets.columns_view import LONGEST, Piece, Row, from_qt, split_row, to_qt
from desktop.ui.widgets.side_by_side import Pair, SideBySide
from desktop.ui.widgets.word_list import WordList

LONG = "The sea gave back what people forgot to keep, evening after evening, as others wait for letters. " * 5
ACCEPT = Qt.KeyboardModifier.ControlModifier


@pytest.fixture(scope="module")
def theme(qapp: QApplication) -> Theme:
    theme = Theme()
    theme.apply(qapp)
    return theme


@pytest.fixture
def side(qtbot: QtBot, theme: Theme) -> SideBySide:
    view = SideBySide(theme)
    qtbot.addWidget(view)
    view.resize(900, 420)
    view.show()
    qtbot.waitExposed(view)
    return view


def point(side: SideBySide, row: int, column: int, character: int) -> QPoint:
    """Where a character of a cell is."""
    view = side.view
    rect = view.rects(row, column, character, character + 1)[0]
    where = rect.translated(view.cell_rect(row, column).topLeft())
    return QPointF(where.left() + 1, where.center().y()).toPoint()


def test_paragraphs_of_both_sides_begin_at_the_same_height(side: SideBySide) -> None:
    side.show_pairs([Pair(LONG, "Short."), Pair("Short.", LONG), Pair("End.", "End.")])
    view = side.view
    for row in range(3):
        left, right = view.cell_rect(row, 0), view.cell_rect(row, 1)
        assert left.top() == right.top()
        assert left.right() < right.left()
    assert view.cell_rect(2, 0).top() > view.cell_rect(1, 1).bottom() > view.cell_rect(1, 0).top() + 100


def test_the_place_is_a_paragraph_and_its_fraction(side: SideBySide) -> None:
    side.show_pairs([Pair(LONG, LONG)] * 200)
    side.view.scroll_to_row(120, 0.5)
    assert side.view.top_row() == (120, pytest.approx(0.5, abs=0.02))
    side.resize(700, 420)  # every paragraph is higher now
    assert side.view.top_row() == (120, pytest.approx(0.5, abs=0.02))
    assert len(side.view._laid) < 40


def test_growing_above_does_not_move_what_is_read(side: SideBySide) -> None:
    side.show_pairs([Pair(LONG, "", "waiting") for _ in range(60)])
    side.view.scroll_to_row(30, 0.25)
    top = side.view.cell_rect(31, 0).top()
    side.set_pairs({place: Pair(LONG, LONG * 3) for place in range(30)})
    assert side.view.top_row() == (30, pytest.approx(0.25, abs=0.02))
    assert side.view.cell_rect(31, 0).top() == pytest.approx(top, abs=1)
    assert side.view.rows[30].text(1) == "…"


def test_up_and_down_mark_the_same_paragraph_on_both_sides(side: SideBySide, qtbot: QtBot) -> None:
    side.show_pairs([Pair(f"Source {n}.", f"Result {n}.") for n in range(50)])
    side.view.setFocus()
    with qtbot.waitSignal(side.current_changed):
        qtbot.keyClick(side.view, Qt.Key.Key_Down)
    for _ in range(40):
        qtbot.keyClick(side.view, Qt.Key.Key_Down)
    assert side.current == 40
    assert side.view.accessibleDescription() == "Result 40."
    assert 0 <= side.view.cell_rect(40, 0).top() < side.view.viewport().height()
    qtbot.keyClick(side.view, Qt.Key.Key_C, ACCEPT)
    assert QApplication.clipboard().text() == "Result 40."
    qtbot.mouseClick(side.view.viewport(), Qt.MouseButton.LeftButton, pos=point(side, 38, 0, 2))
    assert side.current == 38


def test_what_is_selected_by_mouse_is_what_is_copied(side: SideBySide, qtbot: QtBot) -> None:
    side.show_pairs([Pair("One 😀😀 two.", "Eins 😀😀 zwei."), Pair("Three 我们 four.", "Drei.", gap=12)])
    port = side.view.viewport()
    qtbot.mousePress(port, Qt.MouseButton.LeftButton, pos=point(side, 0, 0, 5))
    qtbot.mouseMove(port, point(side, 1, 0, 7))
    move = point(side, 1, 0, 7)
    QApplication.sendEvent(port, _move(move, port.mapToGlobal(move)))
    qtbot.mouseRelease(port, Qt.MouseButton.LeftButton, pos=move)
    assert side.view.selected_text() == "😀 two.\n\nThree 我"
    qtbot.keyClick(side.view, Qt.Key.Key_A, ACCEPT)
    assert side.view.selected_text() == "One 😀😀 two.\n\nThree 我们 four."


def _move(at: QPoint, on_screen: QPoint) -> QEvent:
    from PySide6.QtGui import QMouseEvent

    left = Qt.MouseButton.LeftButton
    return QMouseEvent(
        QEvent.Type.MouseMove, at.toPointF(), on_screen.toPointF(), left, left, Qt.KeyboardModifier.NoModifier
    )


def test_a_problem_is_told_in_words_and_at_the_margin(side: SideBySide) -> None:
    side.show_pairs([Pair("a", "a"), Pair("b", "b", "failed", "The model refused.")])
    row = side.view.rows[1]
    assert (row.mark, row.note) == ("bad", "The model refused.")
    assert side.view.rows[0].mark == ""
    assert side.view.cell_rect(1, 1).height() > side.view.cell_rect(0, 1).height()
    at = point(side, 1, 1, 0)
    event = QHelpEvent(QEvent.Type.ToolTip, at, side.view.viewport().mapToGlobal(at))
    QApplication.sendEvent(side.view.viewport(), event)
    assert QToolTip.text() == "The model refused."
    QToolTip.hideText()


@pytest.mark.parametrize("way", ["key", "mouse"])
def test_a_paragraph_of_the_result_is_edited_in_its_place(side: SideBySide, qtbot: QtBot, way: str) -> None:
    side.show_pairs([Pair("a", "a"), Pair("b", "b", "failed", "The model refused.")])
    if way == "key":
        side.set_current(1)
        side.view.setFocus()
        qtbot.keyClick(side.view, Qt.Key.Key_F2)
    else:
        qtbot.mouseDClick(side.view.viewport(), Qt.MouseButton.LeftButton, pos=point(side, 1, 1, 0))
    assert side.editing
    field = QApplication.focusWidget()
    assert field is not None
    qtbot.keyClicks(field, "etter")
    with qtbot.waitSignal(side.edited) as heard:
        qtbot.keyClick(field, Qt.Key.Key_Return, ACCEPT)
    assert heard.args == [1, "better"]
    assert not side.editing
    assert side.view.rows[1].text(1) == "better"
    assert side.view.rows[1].note == ""
    assert side.view.hasFocus()


def test_escape_gives_an_edit_up_and_leaving_keeps_it(side: SideBySide, qtbot: QtBot) -> None:
    side.show_pairs([Pair("a", "a"), Pair("b", "", "waiting")])
    heard: list[tuple[int, str]] = []
    side.edited.connect(lambda place, text: heard.append((place, text)))
    side.edit(1)  # still waited for
    assert not side.editing
    side.edit(0)
    field = QApplication.focusWidget()
    assert field is not None
    qtbot.keyClicks(field, "x")
    qtbot.keyClick(field, Qt.Key.Key_Escape)
    assert (side.editing, heard, side.pairs[0].result) == (False, [], "a")
    side.edit(0)
    qtbot.keyClicks(field, "y")
    side.view.setFocus(Qt.FocusReason.MouseFocusReason)
    assert (side.editing, heard) == (False, [(0, "ay")])
    side.set_editable(False)
    side.edit(0)
    assert not side.editing


def test_a_huge_paragraph_is_shown_in_rows_that_are_laid_out_one_by_one(side: SideBySide) -> None:
    huge = "word " * 40_000
    side.show_pairs([Pair(huge, huge), Pair("end", "end")])
    assert len(side.view.rows) > 30
    assert "".join(row.text(0) for row in side.view.rows[:-1]) == huge
    assert len(side.view._laid) < 5
    assert side.pair_of(len(side.view.rows) - 2) == 0
    side.set_current(1)
    assert side.view.cell_rect(len(side.view.rows) - 1, 0).bottom() <= side.view.viewport().height()


@given(st.text(alphabet=st.sampled_from("aé我😀𝄞\n"), max_size=30), st.integers(0, 30))
def test_positions_are_converted_both_ways(text: str, position: int) -> None:
    position = min(position, len(text))
    assert to_qt(text, position) == len(text[:position].encode("utf-16-le")) // 2
    assert from_qt(text, to_qt(text, position)) == position


@given(st.lists(st.text(alphabet="ab 😀\n", max_size=LONGEST // 2), max_size=6), st.booleans())
def test_cutting_a_row_loses_nothing(texts: list[str], second: bool) -> None:
    cell = tuple(Piece(text * 3, key=number) for number, text in enumerate(texts))
    rows = split_row(Row((cell, cell if second else ()), gap=9, note="why"))
    assert "".join(row.text(0) for row in rows) == "".join(piece.text for piece in cell)
    assert all(len(row.text(0)) <= LONGEST for row in rows)
    assert [row.gap for row in rows] == [9] + [0] * (len(rows) - 1)
    assert [row.note for row in rows] == [""] * (len(rows) - 1) + ["why"]


def test_an_alternative_is_chosen_by_button_and_by_digit(qtbot: QtBot, theme: Theme) -> None:
    view = AlternativesView(theme)
    qtbot.addWidget(view)
    view.resize(900, 400)
    view.show_texts([["a", "b"], ["c", "d"], ["e", ""]], [0, 14], ["bold", "plain"], 0)
    view.show()
    qtbot.waitExposed(view)
    assert [button.isChecked() for button in view.buttons] == [True, False, False]
    assert view.view.rows[1].text(2) == "…"
    with qtbot.waitSignal(view.chosen_changed) as heard:
        qtbot.mouseClick(view.buttons[2], Qt.MouseButton.LeftButton)
    assert heard.args == [2]
    with qtbot.waitSignal(view.chosen_changed) as heard:
        qtbot.keyClick(view.view, "2")
    assert heard.args == [1]
    assert view.buttons[1].accessibleName() == "Alternative 2: The result"
    view.set_enabled(False)
    qtbot.keyClick(view.view, "1")
    assert view.chosen == 1


def test_the_list_of_words(qtbot: QtBot, theme: Theme) -> None:
    dialog = WordList(theme, ["Anselm"], {"lamp": "Lampe"})
    qtbot.addWidget(dialog)
    dialog.show()
    assert dialog.words() == (("Anselm",), {"lamp": "Lampe"})
    last = dialog._lines[-1]
    qtbot.keyClicks(last.word, "sea")
    assert len(dialog._lines) == 4  # there is another empty row
    qtbot.keyClicks(last.wanted, "sea")  # the same form: it is kept as it is
    assert dialog.words() == (("Anselm", "sea"), {"lamp": "Lampe"})
    qtbot.mouseClick(dialog._lines[0].remove, Qt.MouseButton.LeftButton)
    assert dialog.words() == (("sea",), {"lamp": "Lampe"})
    qtbot.mouseClick(dialog.clear, Qt.MouseButton.LeftButton)
    assert dialog.words() == ((), {})
    assert len(dialog._lines) == 1
