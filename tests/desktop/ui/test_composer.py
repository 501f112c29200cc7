"""The composer: keys, growth, huge pastes, drafts and the token count."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from PySide6.QtCore import QMimeData, QPoint, QPointF, Qt
from PySide6.QtGui import (
    QClipboard,
    QDragEnterEvent,
    QDragMoveEvent,
    QDropEvent,
    QGuiApplication,
    QTextOption,
)
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication
from pytestqt.qtbot import QtBot

from desktop.ui.theme import Theme
from desktop.ui.widgets.composer import (
    PASTE_LIMIT,
    SEPARATOR,
    Composer,
    PasteChip,
    clean,
    is_huge,
    size_text,
)


@pytest.fixture
def composer(qtbot: QtBot, qapp: QApplication) -> Composer:
    """A composer on the screen with the keyboard in it."""
    theme = Theme()
    theme.apply(qapp)
    composer = Composer(theme)
    qtbot.addWidget(composer)
    composer.resize(660, composer.sizeHint().height())
    composer.show()
    qtbot.waitExposed(composer)
    composer.edit.setFocus()
    return composer


def paste(composer: Composer, text: str) -> None:
    """Paste through the field's own road."""
    data = QMimeData()
    data.setText(text)
    composer.edit.insertFromMimeData(data)


def test_enter_sends_and_shift_enter_makes_a_line(qtbot: QtBot, composer: Composer) -> None:
    qtbot.keyClicks(composer.edit, "one")
    qtbot.keyClick(composer.edit, Qt.Key.Key_Return, Qt.KeyboardModifier.ShiftModifier)
    qtbot.keyClicks(composer.edit, "two")
    with qtbot.waitSignal(composer.submitted) as sent:
        qtbot.keyClick(composer.edit, Qt.Key.Key_Return)
    assert sent.args == ["one\ntwo"]


def test_with_the_setting_off_only_ctrl_enter_sends(qtbot: QtBot, composer: Composer) -> None:
    composer.set_send_on_enter(False)
    sent: list[str] = []
    composer.submitted.connect(sent.append)
    qtbot.keyClicks(composer.edit, "one")
    qtbot.keyClick(composer.edit, Qt.Key.Key_Return)
    qtbot.keyClicks(composer.edit, "two")
    assert sent == []
    qtbot.keyClick(composer.edit, Qt.Key.Key_Return, Qt.KeyboardModifier.ControlModifier)
    assert sent == ["one\ntwo"]


def test_nothing_but_blanks_is_not_sent(qtbot: QtBot, composer: Composer) -> None:
    sent: list[str] = []
    composer.submitted.connect(sent.append)
    qtbot.keyClicks(composer.edit, "   ")
    qtbot.keyClick(composer.edit, Qt.Key.Key_Return)
    assert sent == []
    assert not composer.button.isEnabled()
    qtbot.keyClicks(composer.edit, "x")
    assert composer.button.isEnabled()


def test_while_busy_the_button_and_esc_stop_and_enter_does_nothing(qtbot: QtBot, composer: Composer) -> None:
    sent: list[str] = []
    composer.submitted.connect(sent.append)
    composer.set_busy(True)
    assert composer.button.isEnabled()
    assert composer.button.accessibleName() == "Stop"
    with qtbot.waitSignal(composer.stop_requested):
        qtbot.mouseClick(composer.button, Qt.MouseButton.LeftButton)
    with qtbot.waitSignal(composer.stop_requested):
        qtbot.keyClick(composer.edit, Qt.Key.Key_Escape)
    qtbot.keyClicks(composer.edit, "next")
    qtbot.keyClick(composer.edit, Qt.Key.Key_Return)
    assert sent == []
    composer.set_busy(False)
    assert composer.button.accessibleName() == "Send"


def test_it_grows_with_its_text_up_to_a_limit(qtbot: QtBot, composer: Composer) -> None:
    one = composer.edit.height()
    composer.edit.setPlainText("a\nb\nc")
    three = composer.edit.height()
    composer.edit.setPlainText("\n".join("abcdefghijklmnopqrstuvwxyz"))
    most = composer.edit.height()
    composer.edit.setPlainText("x\n" * 500)
    assert one < three < most == composer.edit.height()


def test_a_huge_paste_becomes_a_chip_that_is_sent_with_the_text(qtbot: QtBot, composer: Composer) -> None:
    huge = "word " * 200_000
    qtbot.keyClicks(composer.edit, "Sum this up:")
    paste(composer, huge)
    assert composer.edit.toPlainText() == "Sum this up:"
    chips = composer.findChildren(PasteChip)
    assert [chip.accessibleName() for chip in chips] == ["Pasted text · 1.0 MB"]
    with qtbot.waitSignal(composer.submitted) as sent:
        qtbot.keyClick(composer.edit, Qt.Key.Key_Return)
    assert sent.args == [f"Sum this up:\n\n{huge}"]


def test_a_chip_can_be_removed_or_inserted(qtbot: QtBot, composer: Composer) -> None:
    text = "line\n" * (PASTE_LIMIT // 5 + 1)
    paste(composer, text)
    chip = composer.findChild(PasteChip)
    qtbot.mouseClick(chip.insert_button, Qt.MouseButton.LeftButton)
    assert composer.edit.raw_text() == text
    composer.clear()
    paste(composer, text)
    assert not composer.is_empty()
    qtbot.mouseClick(composer._chips[0].remove_button, Qt.MouseButton.LeftButton)
    assert composer.is_empty()
    assert not composer.button.isEnabled()


def test_one_enormous_word_stays_a_chip(composer: Composer) -> None:
    paste(composer, "x" * 1_000_000)
    chip = composer.findChild(PasteChip)
    assert chip.insert_button.isHidden()
    assert composer.text() == "x" * 1_000_000


def drop(composer: Composer, text: str) -> None:
    """Drag a text over the field and let it fall."""
    data = QMimeData()
    data.setText(text)
    field = composer.edit.viewport()
    place, action = QPoint(10, 5), Qt.DropAction.CopyAction
    keys = (Qt.MouseButton.LeftButton, Qt.KeyboardModifier.NoModifier)
    QApplication.sendEvent(field, QDragEnterEvent(place, action, data, *keys))
    QApplication.sendEvent(field, QDragMoveEvent(place, action, data, *keys))
    QApplication.sendEvent(field, QDropEvent(QPointF(place), action, data, *keys))


def paste_by_key(composer: Composer, text: str) -> None:
    """Paste with Ctrl+V."""
    QGuiApplication.clipboard().setText(text)
    QTest.keyClick(composer.edit, Qt.Key.Key_V, Qt.KeyboardModifier.ControlModifier)


def paste_by_middle_click(composer: Composer, text: str) -> None:
    """Paste what is selected elsewhere, as on X11 and Wayland."""
    clipboard = QGuiApplication.clipboard()
    if not clipboard.supportsSelection():
        pytest.skip("no selection to paste on this platform")
    clipboard.setText(text, QClipboard.Mode.Selection)
    QTest.mouseClick(composer.edit.viewport(), Qt.MouseButton.MiddleButton, pos=QPoint(10, 5))


@pytest.mark.parametrize("give", [paste, paste_by_key, drop, paste_by_middle_click])
def test_an_endless_word_never_reaches_the_field(composer: Composer, give: Callable[..., None]) -> None:
    give(composer, "small")
    assert composer.edit.raw_text() == "small"
    give(composer, "x" * 1_000_000)
    assert composer.edit.raw_text() == "small"
    assert [chip.text for chip in composer.findChildren(PasteChip)] == ["x" * 1_000_000]


def test_pastes_that_would_make_one_endless_word_become_chips(composer: Composer) -> None:
    for _ in range(5):
        paste(composer, "x" * 15_000)
    assert composer.edit.raw_text() == "x" * 15_000
    assert [len(chip.text) for chip in composer.findChildren(PasteChip)] == [15_000] * 4
    assert composer.edit.wordWrapMode() == QTextOption.WrapMode.WrapAnywhere
    composer.clear()
    assert composer.edit.wordWrapMode() == QTextOption.WrapMode.WrapAtWordBoundaryOrAnywhere
    paste(composer, "a long line of small words " * 700)
    paste(composer, "and some more " * 300)
    assert composer._chips == []


def test_a_small_paste_goes_into_the_field(composer: Composer) -> None:
    paste(composer, "small\r\ntext")
    assert composer.text() == "small\ntext"
    assert composer.findChild(PasteChip) is None


def test_a_draft_comes_back_with_its_chips_and_is_not_reported_again(
    qtbot: QtBot, composer: Composer
) -> None:
    composer.edit.setPlainText("look at this")
    composer.attach("A" * 10 + "\n" + "B" * 10)
    draft = composer.draft()
    composer.clear()
    assert composer.is_empty()
    reported: list[str] = []
    composer.draft_changed.connect(reported.append)
    composer.set_draft(draft)
    assert composer.text() == "look at this\n\nAAAAAAAAAA\nBBBBBBBBBB"
    composer.flush()
    assert reported == []


def test_a_change_of_the_draft_is_reported_once_and_flush_reports_at_once(
    qtbot: QtBot, composer: Composer
) -> None:
    reported: list[str] = []
    composer.draft_changed.connect(reported.append)
    qtbot.keyClicks(composer.edit, "hello")
    qtbot.waitUntil(lambda: bool(reported))
    assert reported == ["hello"]
    qtbot.keyClicks(composer.edit, "!")
    composer.flush()
    assert reported == ["hello", "hello!"]


def test_counting_is_asked_for_after_typing_paused(qtbot: QtBot, composer: Composer) -> None:
    asked: list[str] = []
    composer.measure_requested.connect(asked.append)
    qtbot.keyClicks(composer.edit, "hello")
    qtbot.waitUntil(lambda: bool(asked))
    assert asked == ["hello"]


def test_token_words(composer: Composer) -> None:
    composer.edit.setPlainText("hello")
    composer.set_tokens(1)
    assert composer.tokens.text() == "1 token"
    composer.set_tokens(38)
    assert composer.tokens.text() == "38 tokens"
    composer.set_tokens(38, exact=False)
    assert composer.tokens.text() == "about 38 tokens"
    composer.clear()
    assert composer.tokens.text() == ""


def test_up_in_an_empty_field_asks_for_the_last_message(qtbot: QtBot, composer: Composer) -> None:
    with qtbot.waitSignal(composer.edit_last_requested):
        qtbot.keyClick(composer.edit, Qt.Key.Key_Up)
    composer.edit.setPlainText("text")
    with qtbot.assertNotEmitted(composer.edit_last_requested):
        qtbot.keyClick(composer.edit, Qt.Key.Key_Up)


def test_what_cannot_be_stored_is_taken_out() -> None:
    assert clean(f"a\x00b{SEPARATOR}c\r\nd\u2029e") == "abc\nd\ne"
    assert clean("lone \ud800 half") == "lone \ufffd half"
    assert clean("\ud83d\ude00") == "😀"


def test_no_break_spaces_are_kept(composer: Composer) -> None:
    composer.edit.setPlainText("10\u00a0kg")
    assert composer.text() == "10\u00a0kg"


def test_sizes() -> None:
    assert size_text("x" * 150_000) == "150 kB"
    assert size_text("é" * 1_000_000) == "2.0 MB"
    assert is_huge("x" * 30_000)
    assert not is_huge("short line\n" * 5_000)
