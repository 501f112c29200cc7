"""The view of changes: what is drawn, and deciding by mouse and keys."""

from __future__ import annotations

from collections.abc import Sequence

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PySide6.QtCore import QPoint, Qt
from PySide6.QtWidgets import QApplication
from pytestqt.qtbot import QtBot

from desktop.ui.theme import Theme
from desktop.ui.widgets.columns_view import LONGEST
from desktop.ui.widgets.diff_view import Compared, DiffView, counts_text
from desktop.workbench.changes import Review

BEFORE = "Every evening 😀 befor he lit the lamp, Anselm walked the rocks. The sea gave back what was lost."
AFTER = (
    "Every evening 😀 before he lit the lamp, Anselm walked the rocks. The sea returned what was lost again."
)


@pytest.fixture(scope="module")
def theme(qapp: QApplication) -> Theme:
    theme = Theme()
    theme.apply(qapp)
    return theme


def shown(qtbot: QtBot, theme: Theme, pairs: Sequence[tuple[str, str]]) -> DiffView:
    view = DiffView(theme)
    qtbot.addWidget(view)
    view.resize(700, 400)
    view.show_changes([Compared(Review(before, after)) for before, after in pairs])
    view.show()
    qtbot.waitExposed(view)
    view.view.setFocus()
    return view


def point_of(view: DiffView, number: int) -> QPoint:
    """The middle of a change."""
    row, start, end = view.place_of(number)
    rect = view.view.rects(row, 0, start, end)[0]
    return rect.translated(view.view.cell_rect(row, 0).topLeft()).center().toPoint()


def test_a_change_is_told_by_more_than_its_colour(qtbot: QtBot, theme: Theme) -> None:
    view = shown(qtbot, theme, [(BEFORE, AFTER)])
    looks = {piece.look: piece.text for piece in view.view.rows[0].cells[0] if piece.key == 0}
    assert looks == {"deleted": "befor", "inserted": "before"}
    assert view.view.look("deleted").fontStrikeOut()
    assert view.view.look("inserted").fontUnderline()
    assert view.facts.text() == "3 changes"


def test_keys_go_from_change_to_change_and_decide(qtbot: QtBot, theme: Theme) -> None:
    view = shown(qtbot, theme, [(BEFORE, AFTER), ("Same.", "Same."), ("one two", "one too")])
    text = view.view
    for key, current in (("N", 0), ("N", 1), ("P", 0), ("P", 3), ("N", 0)):
        qtbot.keyClick(text, key)
        assert view.current == current
    qtbot.keyClick(text, Qt.Key.Key_F7)
    qtbot.keyClick(text, Qt.Key.Key_F7, Qt.KeyboardModifier.ShiftModifier)
    assert view.current == 0
    qtbot.keyClick(text, "A")
    assert view.current == 1  # the next one that is open
    qtbot.keyClick(text, "R")
    assert view.states() == ["accepted", "rejected", "pending", "pending"]
    assert view.facts.text() == "4 changes, 1 accepted, 1 rejected"
    assert view.text(0) == AFTER.replace("returned", "gave back")
    qtbot.keyClick(text, "A", Qt.KeyboardModifier.ShiftModifier)
    assert view.states() == ["accepted", "rejected", "accepted", "accepted"]
    assert not view.accept_all_button.isEnabled()
    qtbot.keyClick(text, "Z", Qt.KeyboardModifier.ControlModifier)
    qtbot.keyClick(text, "Z", Qt.KeyboardModifier.ControlModifier)
    assert view.states() == ["accepted", "pending", "pending", "pending"]
    assert view.text(0) == AFTER


def test_the_bar_at_a_change_decides_by_mouse(qtbot: QtBot, theme: Theme) -> None:
    view = shown(qtbot, theme, [(BEFORE, AFTER)])
    assert not view.bar.isVisible()
    qtbot.mouseClick(view.view.viewport(), Qt.MouseButton.LeftButton, pos=point_of(view, 1))
    assert view.current == 1
    assert view.bar.isVisible()
    assert view.bar.geometry().top() > point_of(view, 1).y()
    with qtbot.waitSignal(view.decided) as heard:
        qtbot.mouseClick(view.bar.reject, Qt.MouseButton.LeftButton)
    assert heard.args == [[0]]
    assert view.states() == ["pending", "rejected", "pending"]
    assert view.text(0) == AFTER.replace("returned", "gave back")
    qtbot.mouseClick(view.view.viewport(), Qt.MouseButton.LeftButton, pos=QPoint(640, 380))
    assert view.current in (-1, 2)


def test_every_place_is_where_its_words_are(qtbot: QtBot, theme: Theme) -> None:
    view = shown(qtbot, theme, [("😀😀 a 我们 b", "😀😀 c 我们 d")])
    for number, words in enumerate(("ac", "bd")):
        row, start, end = view.place_of(number)
        assert view.view.rows[row].text(0)[start:end] == words
        assert view.view.place_at(point_of(view, number).toPointF())[2] in range(start, end + 1)


def test_what_a_screen_reader_is_told(qtbot: QtBot, theme: Theme) -> None:
    view = shown(qtbot, theme, [(BEFORE, AFTER)])
    view.next()
    assert view.view.accessibleDescription() == "“befor” becomes “before”, open"
    view.accept()
    view.previous()
    assert view.view.accessibleDescription() == "“befor” becomes “before”, accepted"
    assert view.view.accessibleName() == "3 changes, 1 accepted"


def test_what_is_copied_is_the_new_text(qtbot: QtBot, theme: Theme) -> None:
    view = shown(qtbot, theme, [(BEFORE, AFTER), ("one two", "one too")])
    view.view.select_all()
    view.view.copy()
    assert QApplication.clipboard().text() == f"{AFTER}\n\none too"


def test_a_change_deep_in_a_long_paragraph_is_reached(qtbot: QtBot, theme: Theme) -> None:
    words = "word " * (LONGEST // 3)
    view = shown(qtbot, theme, [(words + "befor the end", words + "before the end")])
    view.next()
    row, start, end = view.place_of(0)
    assert row > 0
    assert view.view.rows[row].text(0)[start:end] == "beforbefore"
    assert view.bar.isVisible()
    view.reject()
    assert view.text(0) == words + "befor the end"


def test_only_what_is_in_view_is_laid_out(qtbot: QtBot, theme: Theme) -> None:
    view = shown(qtbot, theme, [(BEFORE, AFTER)] * 400)
    assert len(view.view._laid) < 40
    view.previous()
    assert view.current == 1199
    assert view.view.cell_rect(399, 0).top() < view.view.viewport().height()
    view.reject_all()
    assert view.text(399) == BEFORE
    assert len(view.view._laid) < 100
    view.undo()
    assert view.counts() == (1200, 0, 0)


def test_nothing_is_decided_while_it_must_not_be(qtbot: QtBot, theme: Theme) -> None:
    view = shown(qtbot, theme, [(BEFORE, AFTER)])
    view.set_enabled(False)
    view.next()
    view.accept()
    view.reject_all()
    assert view.counts() == (3, 0, 0)
    assert not view.bar.isVisible()


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    words=st.lists(
        st.tuples(
            st.sampled_from(["a", "b 😀", "c\n", "我们", ""]), st.sampled_from(["a", "x", "我", "", "c\n"])
        ),
        min_size=1,
        max_size=12,
    ),
    acts=st.lists(
        st.sampled_from(["next", "previous", "accept", "reject", "undo", "reject_all"]), max_size=25
    ),
)
def test_any_way_of_deciding_gives_the_text_that_was_decided(
    theme: Theme, words: list[tuple[str, str]], acts: list[str]
) -> None:
    before, after = (" ".join(word[side] for word in words) for side in (0, 1))
    view = DiffView(theme)
    view.show_changes([Compared(Review(before, after)), Compared(Review("one", "two"))])
    for act in acts:
        getattr(view, act)()
        review = Review(before, after)
        for number, state in enumerate(view.states()[:-1]):
            if state == "rejected":
                review.reject(number)
        assert view.text(0) == review.text()
        kept = "".join(view.view.rows[i].text(0) for i in view._rows_of(0))
        if "pending" not in view.states()[:-1]:
            assert kept == view.text(0)
    while view._undo:
        view.undo()
    assert view.text(0) == after
    view.deleteLater()


def test_the_line_about_changes() -> None:
    assert counts_text(0, 0, 0) == "No changes"
    assert counts_text(1, 0, 0) == "1 change"
    assert counts_text(12, 3, 1) == "12 changes, 3 accepted, 1 rejected"
