"""The chat panel with a real store and the real jobs; only the engine is scripted."""

from __future__ import annotations

import shutil
import sqlite3
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

import pytest
from PySide6.QtCore import Qt
from PySide6.QtGui import QGuiApplication
from PySide6.QtWidgets import (
    QAbstractButton,
    QApplication,
    QFileDialog,
    QLabel,
    QPlainTextEdit,
    QPushButton,
    QWidget,
)
from pytestqt.qtbot import QtBot

from desktop.ui.bridge import Bridge
from desktop.ui.jobs import Jobs
from desktop.ui.panels.chat import ChatPanel, file_name
from desktop.ui.panels.offers import larger_contexts
from desktop.ui.theme import Theme
from desktop.ui.widgets.prompt_view import PromptView
from desktop.workbench.chat import ContextUse
from desktop.workbench.store import MessageRow
from desktop.workbench.workbench import STORE_FILE, Workbench
from models.engine.scripted import Answer, ScriptedEngine
from models.errors import EngineError, UserError

WAIT = 15_000


@dataclass
class Desk:
    """A panel with everything behind it, and the words a test needs."""

    workbench: Workbench
    jobs: Jobs
    bridge: Bridge
    theme: Theme
    panel: ChatPanel
    qtbot: QtBot

    def until(self, condition: Callable[[], bool]) -> None:
        """Wait for something to become true."""
        self.qtbot.waitUntil(condition, timeout=WAIT)

    def write(self, text: str) -> None:
        """Type a message and press Enter."""
        self.until(lambda: self.panel.current != "")
        self.panel.composer.edit.setFocus()
        self.qtbot.keyClicks(self.panel.composer.edit, text)
        self.qtbot.keyClick(self.panel.composer.edit, Qt.Key.Key_Return)

    def settle(self, messages: int | None = None) -> None:
        """Wait until no answer is being made here (and that many messages are shown)."""
        self.until(lambda: not self.panel.busy and self.panel._opening is None)
        if messages is not None:
            self.until(lambda: len(self.rows) == messages and self.panel.transcript.row_count() == messages)

    def say(self, text: str, messages: int) -> None:
        """Write a message and wait for the answer's end."""
        self.write(text)
        self.until(lambda: len(self.rows) == messages)
        self.settle(messages)

    @property
    def rows(self) -> list[MessageRow]:
        """What the panel shows."""
        return self.panel.view.rows

    @property
    def stored(self) -> list[MessageRow]:
        """What the store has of the shown conversation."""
        return self.workbench.store.path(self.panel.current)

    def texts(self) -> list[str]:
        """The texts in the store."""
        return [row.content for row in self.stored]

    def press(self, label: str, parent: QWidget | None = None) -> None:
        """Press the button with this label in the notice."""
        bar = parent or self.panel.notice

        def found() -> list[QPushButton]:
            buttons = bar.findChildren(QPushButton)
            return [button for button in buttons if button.text() == label and button.isVisible()]

        self.until(lambda: bool(found()))
        self.qtbot.mouseClick(found()[0], Qt.MouseButton.LeftButton)

    def labels(self) -> list[str]:
        """The labels of the notice's buttons."""
        return [b.text() for b in self.panel.notice.findChildren(QPushButton) if not b.isHidden()]

    def running_text(self) -> str:
        """The text heard so far of the shown conversation's answer."""
        exchange = self.panel.exchanges.get(self.panel.current)
        row = exchange.row() if exchange is not None else None
        return row.content if row is not None else ""


Make = Callable[..., Desk]


@pytest.fixture
def make(qtbot: QtBot, qapp: QApplication, tmp_path: Path) -> Iterator[Make]:
    """Makes panels; several in one test share their folder when the one before was closed."""
    desks: list[Desk] = []
    theme = Theme()
    theme.apply(qapp)

    def build(answers: Sequence[Answer] | Callable[[object], Answer] = (), **starting: object) -> Desk:
        start = ScriptedEngine.starter(answers, **starting)  # type: ignore[arg-type]
        workbench = Workbench.open(tmp_path / "data", start_engine=start)
        jobs, bridge = Jobs(), Bridge()
        panel = ChatPanel(workbench, jobs, bridge, theme)
        qtbot.addWidget(panel)
        panel.resize(1282, 738)
        panel.show()
        qtbot.waitExposed(panel)
        desk = Desk(workbench, jobs, bridge, theme, panel, qtbot)
        desks.append(desk)
        desk.until(lambda: panel.current != "" and panel._opening is None)
        return desk

    def finish(desk: Desk) -> None:
        desk.panel.about_to_close()
        desk.jobs.close()
        desk.workbench.close()
        desk.panel.hide()
        desks.remove(desk)

    build.finish = finish  # type: ignore[attr-defined]
    yield build
    for desk in list(desks):
        finish(desk)


# ---------------------------------------------------------------- sending


def test_a_message_is_stored_first_and_its_answer_streams(make: Make) -> None:
    hold = threading.Event()
    desk = make([Answer(pieces=["Hello", " there"], hold=hold, hold_at=1)])
    assert desk.panel.view.pages.currentWidget() is desk.panel.view.empty
    desk.write("Good morning")
    desk.until(lambda: desk.running_text() == "Hello")
    assert [row.status for row in desk.stored] == ["done", "streaming"]
    assert desk.panel.view.pages.currentWidget() is desk.panel.transcript
    assert desk.panel.composer.is_empty()
    assert desk.panel.composer.button.accessibleName() == "Stop"
    hold.set()
    desk.settle(2)
    assert desk.texts() == ["Good morning", "Hello there"]
    assert [row.content for row in desk.rows] == ["Good morning", "Hello there"]
    assert desk.rows[1].status == "done"
    assert desk.panel.composer.button.accessibleName() == "Send"


def test_the_title_is_made_from_the_first_message(make: Make) -> None:
    desk = make([Answer(pieces="Yes.")])
    assert desk.panel.title.title() == "New chat"
    desk.say("Why is the sky blue?", 2)
    desk.until(lambda: desk.panel.title.title() == "Why is the sky blue?")
    desk.until(lambda: desk.panel.list.title_of(desk.panel.current) == "Why is the sky blue?")


def test_one_conversation_goes_on(make: Make) -> None:
    desk = make([Answer(pieces="One."), Answer(pieces="Two.")])
    desk.say("first", 2)
    desk.say("second", 4)
    assert desk.texts() == ["first", "One.", "second", "Two."]


def test_stop_keeps_what_there_is(make: Make) -> None:
    desk = make([Answer(pieces=["Half", " of it"], hold=threading.Event(), hold_at=1)])
    desk.write("Go")
    desk.until(lambda: desk.running_text() == "Half")
    desk.qtbot.keyClick(desk.panel.composer.edit, Qt.Key.Key_Escape)
    desk.settle(2)
    assert (desk.stored[1].content, desk.stored[1].status) == ("Half", "stopped")
    assert desk.rows[1].status == "stopped"
    assert desk.panel.notice.text == ""


def test_a_message_that_could_not_be_stored_is_given_back(
    make: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    desk = make()

    def full(_conversation: str, _text: str) -> None:
        raise UserError("The disk is full.", hint="Free some space.")

    monkeypatch.setattr(desk.workbench.chats, "send", full)
    desk.write("Precious words")
    desk.until(lambda: desk.panel.notice.text == "The disk is full.")
    assert desk.panel.composer.text() == "Precious words"
    assert desk.stored == []


def test_a_model_without_template_says_so_quietly(make: Make) -> None:
    desk = make([Answer(pieces="and so on")], chat_template=False)
    desk.say("Once upon a time", 2)
    assert desk.panel.model.note.isVisible()
    desk.panel.new_chat()
    desk.until(lambda: desk.panel.is_new)
    assert desk.panel.model.note.isVisible(), "before anything is sent there, too"
    desk.workbench.engines.unload(str(desk.workbench.library.starter().path))
    desk.bridge.engines_changed.emit()
    desk.until(lambda: not desk.panel.model.note.isVisible())


def test_a_failed_answer_can_be_tried_again(make: Make) -> None:
    desk = make([Answer(pieces="Oh", error=EngineError("It went wrong.")), Answer(pieces="Fine.")])
    desk.write("Try")
    desk.until(lambda: desk.panel.notice.text == "It went wrong.")
    desk.settle()
    desk.press("Try again")
    desk.until(lambda: desk.texts()[-1] == "Fine.")
    desk.settle(2)
    assert desk.panel.notice.text == ""


def test_the_name_above_an_answer_is_the_models(make: Make) -> None:
    """Also of a model that was unknown when the conversation was opened, and while it streams."""
    hold = threading.Event()
    desk = make([Answer(pieces=["One", "."], hold=hold, hold_at=1)])
    starter = desk.workbench.library.starter()
    desk.panel._names._names.clear()
    desk.write("Hello")
    desk.until(lambda: desk.running_text() == "One")

    def shown() -> list[str]:
        view = desk.panel.transcript.view(desk.rows[-1].id)
        return [label.text() for label in view.findChildren(QLabel)] if view is not None else []

    assert desk.rows[-1].model == starter.id
    assert starter.name in shown()
    assert starter.id not in shown()
    hold.set()
    desk.settle(2)
    assert starter.name in shown()


# ---------------------------------------------------------------- several at once


def test_an_answer_goes_on_while_another_conversation_is_open(make: Make) -> None:
    holds = [threading.Event(), threading.Event()]
    answers = [
        Answer(pieces=["A1", " A2"], hold=holds[0], hold_at=1),
        Answer(pieces=["B1", " B2"], hold=holds[1], hold_at=1),
    ]
    desk = make(answers)
    desk.write("first")
    desk.until(lambda: desk.running_text() == "A1")
    first = desk.panel.current
    desk.panel.new_chat()
    desk.until(lambda: desk.panel.is_new and desk.panel.current != first)
    desk.write("second")
    desk.until(lambda: desk.running_text() == "B1")
    second = desk.panel.current
    assert {first, second} == desk.panel.exchanges.ids()
    desk.panel.open_conversation(first)
    desk.until(lambda: desk.panel.current == first)
    assert desk.rows[1].content == "A1"
    assert desk.panel.composer.button.accessibleName() == "Stop"
    holds[1].set()
    desk.until(lambda: second not in desk.panel.exchanges.ids())
    assert [row.content for row in desk.rows] == ["first", "A1"], "the other's text does not come here"
    holds[0].set()
    desk.settle(2)
    assert desk.texts() == ["first", "A1 A2"]
    assert [row.content for row in desk.workbench.store.path(second)] == ["second", "B1 B2"]


def test_a_second_message_waits_until_the_answer_has_ended(make: Make) -> None:
    hold = threading.Event()
    desk = make([Answer(pieces=["A", "B"], hold=hold, hold_at=1)])
    desk.write("first")
    desk.until(lambda: desk.running_text() == "A")
    desk.write("impatient")
    assert desk.panel.composer.text() == "impatient"
    hold.set()
    desk.settle(2)
    assert desk.panel.composer.text() == "impatient"


# ---------------------------------------------------------------- branches


def test_regenerate_makes_a_branch_and_steps_lead_back(make: Make) -> None:
    desk = make([Answer(pieces="One."), Answer(pieces="Two.")])
    desk.say("Say something", 2)
    desk.panel.regenerate_last()
    desk.until(lambda: desk.texts() == ["Say something", "Two."])
    desk.settle(2)
    assert (desk.rows[1].sibling, desk.rows[1].siblings) == (1, 2)
    desk.panel.previous_branch()
    desk.until(lambda: desk.rows[-1].content == "One.")
    assert desk.texts() == ["Say something", "One."]
    desk.panel.next_branch()
    desk.until(lambda: desk.rows[-1].content == "Two.")
    desk.panel.next_branch()
    desk.settle(2)
    assert desk.rows[-1].content == "Two."


def test_leaving_at_once_after_a_step_is_not_called_off(make: Make) -> None:
    desk = make([Answer(pieces="One."), Answer(pieces="Two.")])
    desk.say("Say something", 2)
    old = desk.panel.current
    desk.panel.regenerate_last()
    desk.until(lambda: desk.texts() == ["Say something", "Two."])
    desk.settle(2)
    desk.panel.previous_branch()
    desk.panel.new_chat()
    desk.until(lambda: desk.panel.is_new and desk.panel.current != old)
    desk.panel.open_conversation(old)
    desk.until(lambda: [row.content for row in desk.rows] == ["Say something", "One."])


def test_editing_a_question_answers_it_anew_and_keeps_the_old_branch(make: Make) -> None:
    desk = make([Answer(pieces="Old."), Answer(pieces="New.")])
    desk.say("question", 2)
    first = desk.rows[0]
    desk.panel.transcript.edit_submitted.emit(first.id, "better question")
    desk.until(lambda: desk.texts() == ["better question", "New."])
    desk.settle(2)
    assert desk.rows[0].siblings == 2
    desk.panel.transcript.branch_requested.emit(desk.rows[0].id, -1)
    desk.until(lambda: [row.content for row in desk.rows] == ["question", "Old."])


def test_the_last_question_is_edited_in_its_place_by_keyboard(make: Make) -> None:
    desk = make([Answer(pieces="Old.\n\n" * 60), Answer(pieces="New.")])
    desk.say("question", 2)
    desk.panel.composer.edit.setFocus()
    desk.qtbot.keyClick(desk.panel.composer.edit, Qt.Key.Key_Up)
    editor = QApplication.focusWidget()
    assert isinstance(editor, QPlainTextEdit)
    assert editor.toPlainText() == "question"
    editor.selectAll()
    desk.qtbot.keyClicks(editor, "better")
    desk.qtbot.keyClick(editor, Qt.Key.Key_Return, Qt.KeyboardModifier.ControlModifier)
    desk.until(lambda: desk.texts() == ["better", "New."])
    desk.settle(2)


def test_editing_an_answer_does_not_ask_the_model(make: Make) -> None:
    desk = make([Answer(pieces="Wrong.")])
    desk.say("question", 2)
    desk.panel.transcript.edit_submitted.emit(desk.rows[1].id, "Right.")
    desk.until(lambda: [row.content for row in desk.rows] == ["question", "Right."])
    desk.settle(2)
    assert desk.rows[1].siblings == 2


def test_continue_lets_the_same_answer_grow(make: Make) -> None:
    desk = make([Answer(pieces="Once upon"), Answer(pieces=" a time.")])
    desk.say("Tell", 2)
    answer = desk.rows[1].id
    desk.panel.continue_last()
    desk.until(lambda: desk.texts() == ["Tell", "Once upon a time."])
    desk.settle(2)
    assert desk.rows[1].id == answer
    assert desk.rows[1].content == "Once upon a time."


def test_copy_gives_the_markdown(make: Make) -> None:
    desk = make([Answer(pieces="Some **bold** words")])
    desk.say("Hi", 2)
    desk.panel.copy_last_answer()
    assert QGuiApplication.clipboard().text() == "Some **bold** words"


# ---------------------------------------------------------------- deleting


def test_a_deleted_conversation_comes_back(make: Make) -> None:
    desk = make([Answer(pieces="A."), Answer(pieces="B.")])
    desk.say("keep", 2)
    kept = desk.panel.current
    desk.panel.new_chat()
    desk.until(lambda: desk.panel.is_new and desk.panel._opening is None)
    desk.say("lose", 2)
    lost = desk.panel.current
    desk.until(lambda: set(desk.panel.list.items.ids()) == {kept, lost})
    desk.panel.delete_conversation()
    desk.until(lambda: desk.panel.current == kept and desk.panel.list.items.ids() == [kept])
    assert "lose" in desk.panel.undo_bar.text
    desk.press("Undo", desk.panel.undo_bar)
    desk.until(lambda: desk.panel.current == lost and len(desk.rows) == 2)
    desk.until(lambda: set(desk.panel.list.items.ids()) == {kept, lost})


def test_what_was_deleted_is_named_before_the_list_was_read_again(
    make: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    desk = make([Answer(pieces="A.")])
    monkeypatch.setattr(desk.panel.list, "title_of", lambda _conversation: "")
    desk.say("the sea", 2)
    desk.until(lambda: desk.panel.title.title() == "the sea")
    desk.panel.delete_conversation()
    desk.until(lambda: "the sea" in desk.panel.undo_bar.text)
    desk.until(lambda: desk.panel.is_new)


def test_the_last_conversation_gives_way_to_a_new_chat(make: Make) -> None:
    desk = make([Answer(pieces="A.")])
    desk.say("only one", 2)
    lost = desk.panel.current
    desk.panel.delete_conversation()
    desk.until(lambda: desk.panel.is_new and desk.panel.current != lost)
    desk.panel.undo_delete()
    desk.until(lambda: desk.panel.current == lost and len(desk.rows) == 2)


def test_a_deleted_message_comes_back_with_what_followed(make: Make) -> None:
    desk = make([Answer(pieces="A."), Answer(pieces="B.")])
    desk.say("one", 2)
    desk.say("two", 4)
    desk.panel.transcript.delete_requested.emit(desk.rows[2].id)
    desk.until(lambda: len(desk.rows) == 2)
    assert desk.texts() == ["one", "A."]
    desk.press("Undo", desk.panel.undo_bar)
    desk.until(lambda: len(desk.rows) == 4)
    assert desk.texts() == ["one", "A.", "two", "B."]


def test_deleting_a_conversation_stops_its_answer(make: Make) -> None:
    desk = make([Answer(pieces=["A", "B"], hold=threading.Event(), hold_at=1)])
    desk.write("go")
    desk.until(lambda: desk.running_text() == "A")
    desk.panel.delete_conversation()
    desk.until(lambda: desk.panel.is_new and not desk.panel.exchanges.ids())


# ---------------------------------------------------------------- drafts and settings


def test_drafts_are_kept_for_each_conversation_and_over_a_restart(make: Make) -> None:
    desk = make([Answer(pieces="A.")])
    desk.say("first", 2)
    conversation = desk.panel.current
    desk.qtbot.keyClicks(desk.panel.composer.edit, "half a thought")
    desk.panel.new_chat()
    desk.until(lambda: desk.panel.is_new)
    assert desk.panel.composer.is_empty()
    desk.qtbot.keyClicks(desk.panel.composer.edit, "another")
    make.finish(desk)  # type: ignore[attr-defined]
    again = make()
    again.until(lambda: again.panel.composer.text() == "another")
    again.panel.open_conversation(conversation)
    again.until(lambda: again.panel.composer.text() == "half a thought")
    assert [row.content for row in again.rows] == ["first", "A."]


def test_a_draft_is_saved_without_leaving(make: Make) -> None:
    desk = make()
    desk.qtbot.keyClicks(desk.panel.composer.edit, "typing")
    desk.until(lambda: desk.workbench.store.draft("") == "typing")


def test_sending_clears_the_draft(make: Make) -> None:
    desk = make([Answer(pieces="A.")])
    desk.qtbot.keyClicks(desk.panel.composer.edit, "typing")
    desk.until(lambda: desk.workbench.store.draft("") == "typing")
    desk.qtbot.keyClick(desk.panel.composer.edit, Qt.Key.Key_Return)
    desk.until(lambda: len(desk.rows) == 2)
    desk.settle(2)
    assert desk.workbench.store.draft("") == ""
    assert desk.workbench.store.draft(desk.panel.current) == ""


def test_settings_and_system_prompt_belong_to_the_conversation(make: Make) -> None:
    seen: list[float] = []

    def answer(request: object) -> Answer:
        seen.append(request.sampling.temperature)  # type: ignore[attr-defined]
        return Answer(pieces="Yes.")

    desk = make(answer)
    desk.panel.inspector.dials["temperature"].set_value(0.2)
    desk.panel.inspector.system.setPlainText("Be brief.")
    desk.say("Hi", 2)
    assert seen == [0.2]
    first = desk.panel.current
    assert desk.workbench.store.conversation(first).system == "Be brief."
    assert desk.rows[1].system == "Be brief."
    desk.panel.new_chat()
    desk.until(lambda: desk.panel.is_new)
    assert desk.panel.inspector.system.toPlainText() == ""
    assert desk.panel.inspector.dials["temperature"].value() == 0.8
    desk.panel.open_conversation(first)
    desk.until(lambda: desk.panel.inspector.system.toPlainText() == "Be brief.")
    assert desk.panel.inspector.dials["temperature"].value() == 0.2


def test_a_new_chat_is_not_listed_and_not_made_twice(make: Make) -> None:
    desk = make()
    first = desk.panel.current
    desk.panel.new_chat()
    desk.until(lambda: desk.panel._opening is None)
    assert desk.panel.current == first
    assert desk.panel.list.items.ids() == []


def test_a_chat_about_a_text_says_what_it_is_about(make: Make) -> None:
    desk = make()
    assert "Ask anything" in desk.panel.view.empty.sentence.text()
    about = desk.workbench.chats.new(system="Answer questions about the text below. ...")
    desk.workbench.store.update_conversation(about.id, title="The lighthouse\nkeeper")
    desk.panel.open_conversation(about.id)
    desk.until(lambda: desk.panel.current == about.id)
    assert "Ask about “The lighthouse keeper”" in desk.panel.view.empty.sentence.text()
    desk.panel.new_chat()
    desk.until(lambda: "Ask anything" in desk.panel.view.empty.sentence.text())


def test_folding_is_kept(make: Make) -> None:
    desk = make()
    desk.panel.toggle_inspector()
    desk.panel.toggle_list()
    assert desk.panel.inspector.isHidden()
    assert desk.panel.list.isHidden()
    make.finish(desk)  # type: ignore[attr-defined]
    again = make()
    assert again.panel.inspector.isHidden()
    assert again.panel.list.isHidden()
    again.panel.focus_search()
    assert not again.panel.list.isHidden()


def test_a_narrow_panel_folds_the_inspector_until_it_is_asked_for(make: Make) -> None:
    desk = make()
    desk.panel.resize(800, 700)
    desk.until(lambda: desk.panel.inspector.isHidden())
    desk.panel.resize(1282, 738)
    desk.until(lambda: not desk.panel.inspector.isHidden())
    desk.panel.resize(800, 700)
    desk.until(lambda: desk.panel.inspector.isHidden())
    desk.panel.toggle_inspector()
    assert not desk.panel.inspector.isHidden()


# ---------------------------------------------------------------- tokens


def test_tokens_are_counted_live_and_by_part(make: Make) -> None:
    desk = make([Answer(pieces="A short answer.")])
    uses: list[ContextUse | None] = []
    desk.panel.context_use.connect(uses.append)
    desk.qtbot.keyClicks(desk.panel.composer.edit, "one two three")
    desk.until(lambda: desk.panel.composer.tokens.text().startswith("about"))
    desk.qtbot.keyClick(desk.panel.composer.edit, Qt.Key.Key_Return)
    desk.until(lambda: len(desk.rows) == 2)
    desk.settle(2)
    desk.qtbot.keyClicks(desk.panel.composer.edit, "four five")
    desk.until(lambda: desk.panel.composer.tokens.text() == "2 tokens")
    assert desk.panel.inspector.conversation_tokens.text() == "6 tokens"
    assert uses[-1] is not None
    assert uses[-1].exact
    assert uses[-1].draft == 2


def test_the_exact_prompt_is_shown(make: Make) -> None:
    desk = make([Answer(pieces="Yes.")])
    desk.say("Is it <|im_end|>?", 2)
    desk.panel.transcript.saw_requested.emit(desk.rows[1].id)
    desk.until(lambda: bool(desk.panel.findChildren(PromptView)))
    view = desk.panel.findChildren(PromptView)[0]
    assert view.view.toPlainText() == (
        "<|im_start|>user\nIs it <|im_end|>?<|im_end|>\n<|im_start|>assistant\n"
    )
    view.close()


# ---------------------------------------------------------------- a full context


def small(desk: Desk, size: int = 64) -> None:
    """Give the shown conversation a small context."""
    chats, current = desk.workbench.chats, desk.panel.current
    settings = chats.settings_of(current)
    chats.set_settings(current, type(settings).from_dict({**settings.to_dict(), "context_size": size}))
    desk.panel.reload()
    desk.settle()


def test_a_full_context_is_told_in_numbers_and_a_larger_one_answers(make: Make) -> None:
    desk = make([Answer(pieces="Now it fits.")])
    small(desk)
    desk.write("word " * 80)
    desk.until(lambda: desk.panel.notice.text != "")
    desk.settle()
    assert "64" in desk.panel.notice.text
    assert [row.role for row in desk.stored] == ["user"]
    assert desk.labels() == ["Use a context of 2048", "Use a context of 8192", "Edit message"]
    desk.press("Use a context of 2048")
    desk.until(lambda: len(desk.rows) == 2)
    desk.settle(2)
    assert desk.stored[1].content == "Now it fits."
    assert desk.workbench.chats.settings_of(desk.panel.current).context_size == 2048
    assert desk.panel.inspector.context.value() == 2048
    assert desk.panel.notice.text == ""


def test_a_full_context_lets_the_message_be_edited(make: Make) -> None:
    desk = make([Answer(pieces="Better.")])
    small(desk)
    desk.write("word " * 80)
    desk.until(lambda: "Edit message" in desk.labels())
    desk.settle()
    desk.press("Edit message")
    desk.until(lambda: desk.panel.composer.text().startswith("word word"))
    desk.until(lambda: desk.rows == [])
    desk.panel.composer.edit.selectAll()
    desk.write("short")
    desk.until(lambda: len(desk.rows) == 2)
    desk.settle(2)
    assert desk.texts() == ["short", "Better."]


def test_a_full_context_lets_the_message_start_a_new_chat(make: Make) -> None:
    desk = make([Answer(pieces="word " * 40), Answer(pieces="Fresh.")])
    small(desk, 96)
    desk.say("tell me", 2)
    old = desk.panel.current
    desk.write("and " * 40)
    desk.until(lambda: "Start a new chat with this message" in desk.labels())
    desk.settle()
    desk.press("Start a new chat with this message")
    desk.until(lambda: desk.panel.current != old and len(desk.rows) == 2)
    desk.settle(2)
    assert desk.texts() == ["and " * 40, "Fresh."]
    assert len(desk.workbench.store.path(old)) == 3, "the old conversation keeps the message, too"


def test_context_sizes_to_offer() -> None:
    assert larger_contexts(300, 64, 8192) == [2048, 8192]
    assert larger_contexts(300, 8192, 8192) == []
    assert larger_contexts(9000, 4096, 8192) == []
    assert larger_contexts(4000, 4096, 6000) == [6000]
    assert larger_contexts(5000, 4096, 40_000) == [8192, 40_000]


# ---------------------------------------------------------------- a dead engine, a model that loads


def test_a_dead_engine_keeps_the_text_and_restart_goes_on(make: Make) -> None:
    desk = make([Answer(pieces="Half a ", die=True), Answer(pieces="sentence.")])
    states: list[str] = []
    desk.panel.engine_state.connect(lambda state, *_: states.append(state))
    desk.write("Go")
    desk.until(lambda: "Restart" in desk.labels())
    desk.settle(2)
    assert (desk.rows[1].content, desk.rows[1].status) == ("Half a ", "interrupted")
    assert "dead" in states
    desk.press("Restart")
    desk.until(lambda: desk.texts() == ["Go", "Half a sentence."])
    desk.settle(2)
    assert desk.rows[1].status == "done"
    assert desk.panel.notice.text == ""


def test_restart_from_the_message_itself(make: Make) -> None:
    desk = make([Answer(pieces="Half a ", die=True), Answer(pieces="sentence.")])
    desk.write("Go")
    desk.until(lambda: "Restart" in desk.labels())
    desk.settle(2)
    desk.panel.transcript.restart_requested.emit(desk.rows[1].id)
    desk.until(lambda: desk.texts() == ["Go", "Half a sentence."])
    desk.settle(2)


def test_loading_shows_progress_and_can_be_cancelled(make: Make) -> None:
    desk = make([Answer(pieces="Later.")], steps=2_000, step_s=0.01)
    desk.write("Hello")
    desk.until(lambda: desk.panel.model.line.isVisible() and desk.panel.model.line.bar.value() > 0)
    assert "Loading" in desk.panel.model.line.label.text()
    desk.qtbot.mouseClick(desk.panel.model.line.button, Qt.MouseButton.LeftButton)
    desk.until(lambda: desk.labels() == ["Answer it now"])
    assert not desk.panel.model.line.isVisible()
    assert desk.texts() == ["Hello"]


def test_a_chosen_model_is_kept_and_loaded(make: Make) -> None:
    desk = make()
    key = desk.workbench.library.starter().id
    desk.panel.picker.chosen.emit(key)
    path = str(desk.workbench.library.starter().path)
    desk.until(lambda: desk.workbench.engines.get(path) is not None)
    desk.until(lambda: not desk.panel.model.loading)
    assert desk.workbench.store.conversation(desk.panel.current).model == key
    assert not desk.panel.model.line.isVisible()


def test_a_chosen_model_becomes_that_of_new_chats_too(make: Make) -> None:
    desk = make()
    library, starter = desk.workbench.library, desk.workbench.library.starter()
    other = desk.workbench.data_dir / "models" / "Another-135M.gguf"
    shutil.copyfile(starter.path, other)
    key = next(model.id for model in library.scan() if model.path == other)
    desk.panel.picker.load()
    desk.until(lambda: desk.workbench.engines.get(str(starter.path)) is not None)
    desk.until(lambda: not desk.panel.model.loading)
    assert desk.workbench.settings.get("default_model") == ""  # loading what there is was no choice
    desk.panel.picker.choose(key)
    desk.until(lambda: desk.workbench.settings.get("default_model") == key)
    desk.until(lambda: desk.workbench.engines.get(str(other)) is not None)
    desk.until(lambda: not desk.panel.model.loading)
    new = desk.workbench.chats.new()
    assert desk.workbench.chats.model_of(new.id).path == other


def test_a_model_that_is_gone_is_told_with_a_way_out(make: Make) -> None:
    desk = make([Answer(pieces="Back.")])
    desk.workbench.store.update_conversation(desk.panel.current, model="no-such-model")
    desk.write("Hello")
    desk.until(lambda: desk.panel.notice.text != "")
    desk.settle()
    assert desk.labels() == ["Choose a model", "Try again"]
    assert desk.texts() == ["Hello"]
    desk.press("Try again")
    desk.until(lambda: desk.labels() == ["Choose a model", "Try again"])
    desk.settle()
    desk.workbench.store.update_conversation(desk.panel.current, model="")
    desk.press("Try again")
    desk.until(lambda: desk.texts() == ["Hello", "Back."])
    desk.settle(2)


def test_apply_and_reload_loads_with_the_new_context(make: Make) -> None:
    desk = make([Answer(pieces="Yes.")])
    desk.say("Hi", 2)
    path = str(desk.workbench.library.starter().path)
    desk.panel.inspector.context.setValue(1024)
    desk.qtbot.mouseClick(desk.panel.inspector.reload, Qt.MouseButton.LeftButton)

    def context() -> int:
        engine = desk.workbench.engines.get(path)
        return engine.info.context_size if engine is not None else 0

    desk.until(lambda: context() == 1024)
    desk.until(lambda: not desk.panel.model.loading)


def test_thinking_can_be_asked_for_once_a_model_that_thinks_is_loaded(make: Make) -> None:
    desk = make([Answer(pieces="Yes.", thinking="Hm."), Answer(pieces="No.")])
    assert desk.panel.inspector.thinking_row.isHidden()
    desk.say("Hi", 2)
    desk.until(lambda: not desk.panel.inspector.thinking_row.isHidden())
    desk.panel.inspector.thinking.setCurrentIndex(2)
    desk.say("Again", 4)
    assert desk.workbench.chats.settings_of(desk.panel.current).thinking is False


# ---------------------------------------------------------------- a history that is not as it was


def test_a_read_only_history_is_shown_and_nothing_can_be_sent(make: Make, tmp_path: Path) -> None:
    desk = make([Answer(pieces="A.")])
    desk.say("kept", 2)
    make.finish(desk)  # type: ignore[attr-defined]
    with closing(sqlite3.connect(tmp_path / "data" / STORE_FILE)) as conn:
        conn.execute("INSERT INTO _sqlite_migrations VALUES (NULL, 'rolltop', '9999_tomorrow', '2099-01-01')")
        conn.commit()
    again = make([Answer(pieces="never")])
    again.until(lambda: [row.content for row in again.rows] == ["kept", "A."])
    assert "newer version" in again.panel.undo_bar.text
    again.write("more")
    again.qtbot.mouseClick(again.panel.composer.button, Qt.MouseButton.LeftButton)
    assert not again.panel.composer.button.isEnabled()
    assert not again.panel.busy
    assert again.panel.composer.text() == "more"
    again.panel.toggle_list()
    again.panel.inspector.dials["temperature"].set_value(0.1)
    again.panel.inspector.flush()
    again.qtbot.wait(300)
    assert "newer version" in again.panel.undo_bar.text, "it stays, and no failure covers it"
    assert len(again.stored) == 2


def test_a_restored_history_says_so_and_goes_on(make: Make, tmp_path: Path) -> None:
    desk = make([Answer(pieces="A.")])
    desk.say("kept", 2)
    desk.workbench.store.backup()
    make.finish(desk)  # type: ignore[attr-defined]
    path = tmp_path / "data" / STORE_FILE
    damaged = bytearray(path.read_bytes())
    damaged[:4096] = b"\xff" * 4096
    path.write_bytes(damaged)
    again = make([Answer(pieces="B.")])
    assert "damaged" in again.panel.undo_bar.text
    again.say("more", 2)
    assert again.texts() == ["more", "B."]
    assert "damaged" in again.panel.undo_bar.text


# ---------------------------------------------------------------- conversations


def test_a_conversation_is_renamed_in_the_header_by_keyboard(make: Make) -> None:
    desk = make([Answer(pieces="Yes.")])
    desk.say("Hi", 2)
    desk.until(lambda: desk.panel.title.title() == "Hi")
    desk.panel.title.label.setFocus()
    desk.qtbot.keyClick(desk.panel.title.label, Qt.Key.Key_F2)
    desk.qtbot.keyClicks(desk.panel.title.field, "Greetings")
    desk.qtbot.keyClick(desk.panel.title.field, Qt.Key.Key_Return)
    desk.until(lambda: desk.workbench.store.conversation(desk.panel.current).title == "Greetings")
    desk.until(lambda: desk.panel.list.title_of(desk.panel.current) == "Greetings")
    desk.qtbot.keyClick(desk.panel.title.label, Qt.Key.Key_F2)
    desk.qtbot.keyClicks(desk.panel.title.field, "Nonsense")
    desk.qtbot.keyClick(desk.panel.title.field, Qt.Key.Key_Escape)
    assert desk.panel.title.title() == "Greetings"


def test_stepping_through_conversations(make: Make) -> None:
    desk = make(lambda _request: Answer(pieces="Yes."))
    made = []
    for text in ("one", "two", "three"):
        desk.say(text, 2)
        made.append(desk.panel.current)
        desk.panel.new_chat()
        desk.until(lambda: desk.panel.is_new and desk.panel._opening is None)
    desk.until(lambda: desk.panel.list.items.ids() == made[::-1])
    desk.panel.show_next()
    desk.until(lambda: desk.panel.current == made[2])
    desk.panel.show_next()
    desk.until(lambda: desk.panel.current == made[1])
    desk.panel.show_previous()
    desk.until(lambda: desk.panel.current == made[2])


def test_export_writes_markdown(make: Make, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    desk = make([Answer(pieces="An **answer**.")])
    desk.say("A question", 2)
    target = tmp_path / "out.md"
    monkeypatch.setattr(QFileDialog, "getSaveFileName", lambda *_: (str(target), ""))
    desk.panel.list.export_requested.emit(desk.panel.current)
    desk.until(lambda: target.exists() and "An **answer**." in target.read_text("utf-8"))
    monkeypatch.setattr(QFileDialog, "getSaveFileName", lambda *_: (str(tmp_path / "no" / "x.md"), ""))
    desk.panel.list.export_requested.emit(desk.panel.current)
    desk.until(lambda: "could not be written" in desk.panel.undo_bar.text)


def test_names_of_files() -> None:
    assert file_name('a/b\\c: "d"?\x00') == "a b c d.md"
    assert file_name("...") == "chat.md"
    assert file_name("") == "chat.md"
    assert len(file_name("x" * 500)) < 100


# ---------------------------------------------------------------- keyboard alone


def test_the_keyboard_alone_is_enough(make: Make) -> None:
    desk = make(lambda _request: Answer(pieces="Yes."))
    panel, qtbot = desk.panel, desk.qtbot
    desk.until(lambda: panel.composer.edit.hasFocus())
    desk.say("first", 2)
    panel.new_chat()
    desk.until(lambda: panel.is_new and panel._opening is None)
    desk.say("second", 2)
    second = panel.current
    desk.until(lambda: len(panel.list.items.ids()) == 2)
    panel.focus_search()
    qtbot.keyClicks(panel.list.search, "first")
    desk.until(lambda: len(panel.list.items.ids()) == 1)
    qtbot.keyClick(panel.list.search, Qt.Key.Key_Down)
    qtbot.keyClick(panel.list.view, Qt.Key.Key_Return)
    desk.until(lambda: panel.current != second and len(desk.rows) == 2)
    qtbot.keyClick(panel.list.view, Qt.Key.Key_Delete)
    desk.until(lambda: panel.undo_bar.text != "")
    panel.undo_delete()
    desk.until(lambda: len(desk.rows) == 2 and desk.rows[0].content == "first")


def test_tab_reaches_every_part_and_every_control_has_a_name(make: Make) -> None:
    desk = make([Answer(pieces="Yes.")])
    desk.say("Hi", 2)
    panel = desk.panel
    panel.list.new_button.setFocus()
    reached: list[QWidget] = []
    for _ in range(80):
        focus = QApplication.focusWidget()
        if focus is None or focus in reached:
            break
        reached.append(focus)
        desk.qtbot.keyClick(focus, Qt.Key.Key_Tab)
    order = [panel.list.search, panel.list.view, panel.picker, panel.composer.edit, panel.inspector.system]
    places = [reached.index(widget) for widget in order]
    assert places == sorted(places)
    assert panel.inspector.prompt in reached
    nameless = [
        widget
        for widget in reached
        if not (widget.accessibleName() or (isinstance(widget, QAbstractButton) and widget.text()))
    ]
    assert nameless == []


def test_every_label_is_plain_text(make: Make) -> None:
    desk = make([Answer(pieces="Yes.")])
    desk.say("Hi", 2)
    rich = [
        label
        for label in desk.panel.findChildren(QLabel)
        if label.textFormat() == Qt.TextFormat.RichText or "<" in label.text()
    ]
    assert rich == []
