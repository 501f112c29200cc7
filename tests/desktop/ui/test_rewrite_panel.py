"""The Rewrite panel with a real store and the real jobs; only the engine is scripted."""

from __future__ import annotations

import re
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from PySide6.QtCore import Qt
from PySide6.QtGui import QGuiApplication
from PySide6.QtWidgets import QAbstractButton, QApplication, QComboBox, QFileDialog, QLineEdit, QPlainTextEdit
from pytestqt.qtbot import QtBot

from desktop.ui.bridge import Bridge
from desktop.ui.jobs import Jobs
from desktop.ui.panels.rewrite import RewritePanel
from desktop.ui.theme import Theme
from desktop.ui.widgets.name_dialog import NameDialog
from desktop.ui.widgets.word_list import WordList
from desktop.workbench import language
from desktop.workbench.store.records import RunRow
from desktop.workbench.workbench import Workbench
from models.engine.protocol import LoadOptions, Request
from models.engine.scripted import Answer, ScriptedEngine

WAIT = 15_000
SOURCE = """# The keeper 😀

Every evening, befor he lit the lamp, he walked the rocks with a jar.

- The sea gave back what it took, and befor noon it took it again.
- He wrote it down befor he slept.

Nothing was lost, he said to the last of the visitors befor they left."""
RESULT = SOURCE.replace("befor ", "before ")
_TEXT = re.compile(r"<text>\n(.*?)\n</text>", re.DOTALL)


def corrected(source: str) -> Answer:
    """The answer of a model that knows one mistake."""
    return Answer(pieces=[source.replace("befor ", "before ")])


class Engine(ScriptedEngine):
    """Answers by what it is asked; the last one that was started can be asked for the text of a prompt."""

    last: Engine

    def __init__(
        self, answers: Callable[[Request], Answer], *, options: LoadOptions, chat_template: bool
    ) -> None:
        super().__init__(answers, options=options, chat_template=chat_template)
        Engine.last = self


@dataclass
class Desk:
    """A panel with everything behind it, and the words a test needs."""

    workbench: Workbench
    jobs: Jobs
    bridge: Bridge
    panel: RewritePanel
    qtbot: QtBot
    asked: list[str]

    def until(self, condition: Callable[[], bool]) -> None:
        """Wait for something to become true."""
        self.qtbot.waitUntil(condition, timeout=WAIT)

    def paste(self, text: str = SOURCE) -> None:
        """Bring a text in."""
        self.panel.source.add_text(text)
        self.until(lambda: not self.panel.source.busy)

    def start(self) -> None:
        """Press Ctrl+Enter and wait until the run is there."""
        before = self.panel.current
        self.panel.activateWindow()  # a dialog may have been in front
        self.until(self.panel.isActiveWindow)
        self.qtbot.keyClick(self.panel.source.edit, Qt.Key.Key_Return, Qt.KeyboardModifier.ControlModifier)
        self.until(lambda: self.panel.current not in ("", before))

    def settle(self) -> None:
        """Wait until nothing is made and what is shown is what is stored."""
        self.until(lambda: not self.panel.runner.busy and not self.panel._starting)
        self.until(lambda: self.panel._run is None or self.panel._run.status != "running")

    def rewrite(self, text: str = SOURCE) -> None:
        """Bring a text in and have it rewritten."""
        self.paste(text)
        self.start()
        self.settle()

    @property
    def run(self) -> RunRow:
        """The shown run as it is stored."""
        self.panel._saver.flush()
        return self.workbench.tasks.run(self.panel.current)

    @property
    def shown(self) -> list[str]:
        """The paragraphs at the right."""
        return [pair.result for pair in self.panel.views.side.pairs]

    def reopen(self) -> None:
        """Leave the shown run and open it again from the list."""
        id = self.panel.current
        self.panel.new_run()
        self.panel.open_run(id)
        self.until(lambda: self.panel.current == id and self.panel._opening is None)

    def changes(self) -> None:
        """Turn to the changes and wait for them."""
        self.qtbot.mouseClick(self.panel.views.tabs["changes"], Qt.MouseButton.LeftButton)
        self.until(lambda: self.panel.views._comparing is None)


Make = Callable[..., Desk]


@pytest.fixture
def make(qtbot: QtBot, qapp: QApplication, tmp_path: Path) -> Iterator[Make]:
    """Makes panels; several in one test share their folder when the one before was finished."""
    desks: list[Desk] = []
    theme = Theme()
    theme.apply(qapp)

    def build(answer: Callable[[str], Answer] = corrected) -> Desk:
        asked: list[str] = []

        def script(request: Request) -> Answer:
            found = _TEXT.search(Engine.last.detokenize(request.tokens))
            assert found is not None
            asked.append(found[1])
            return answer(found[1])

        workbench = Workbench.open(tmp_path / "data", start_engine=Engine.starter(script))
        jobs, bridge = Jobs(), Bridge()
        panel = RewritePanel(workbench, jobs, bridge, theme)
        qtbot.addWidget(panel)
        panel.resize(1282, 738)
        panel.show()
        qtbot.waitExposed(panel)
        desk = Desk(workbench, jobs, bridge, panel, qtbot, asked)
        desks.append(desk)
        desk.until(lambda: panel.picker.model is not None)
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


# ---------------------------------------------------------------- rewriting


def test_a_text_is_rewritten_and_shown_beside_its_source(make: Make) -> None:
    desk = make()
    assert not desk.panel.choices.start.isEnabled()
    desk.rewrite()
    assert desk.run.status == "done"
    assert desk.run.result == RESULT
    assert desk.panel.views.view == "side"
    assert "\n".join(desk.shown) == RESULT.replace("\n\n", "\n")
    assert [pair.source for pair in desk.panel.views.side.pairs][2].startswith("- The sea")
    assert desk.panel.bar.isHidden()
    desk.qtbot.mouseClick(desk.panel.views.copy, Qt.MouseButton.LeftButton)
    assert QGuiApplication.clipboard().text() == RESULT
    desk.until(lambda: desk.panel.list.items.ids() == [desk.panel.current])


def test_paragraphs_appear_in_place_and_a_stopped_run_goes_on(make: Make) -> None:
    hold = threading.Event()

    def answer(source: str) -> Answer:
        text = source.replace("befor ", "before ")
        held = "visitors" in source and not hold.is_set()
        return Answer(pieces=[text[:10], text[10:]], hold=hold if held else None, hold_at=1)

    desk = make(answer)
    busy: list[bool] = []
    desk.panel.busy_changed.connect(busy.append)
    desk.paste()
    desk.start()
    desk.until(lambda: desk.shown[1:2] == [RESULT.split("\n")[2]] and desk.shown[-1] == "Nothing wa")
    desk.until(lambda: desk.panel.views.text is not None and desk.panel.views.text.progress() == (4, 5))
    assert desk.panel.choices.start.text() == "Stop"
    assert not desk.panel.views.tabs["changes"].isEnabled()
    desk.qtbot.mouseClick(desk.panel.choices.start, Qt.MouseButton.LeftButton)
    desk.settle()
    assert desk.run.status == "stopped"
    assert busy[-1] is False
    assert desk.panel.bar.label.text() == "Stopped. 4 of 5 paragraphs are done and kept."
    assert desk.panel.views.side.pairs[-1].note == "Not reached yet."
    hold.set()
    asked = len(desk.asked)
    desk.qtbot.mouseClick(desk.panel.bar.resume, Qt.MouseButton.LeftButton)
    desk.until(lambda: desk.panel.runner.busy)
    desk.settle()
    assert desk.asked[asked:] == [SOURCE.split("\n")[-1]]
    assert desk.run.result == RESULT


def test_what_a_person_did_to_a_stopped_run_outlives_its_end(make: Make) -> None:
    hold = threading.Event()

    def answer(source: str) -> Answer:
        text = source.replace("befor ", "before ")
        held = "visitors" in source and not hold.is_set()
        return Answer(pieces=[text[:10], text[10:]], hold=hold if held else None, hold_at=1)

    desk = make(answer)
    desk.paste()
    desk.start()
    desk.until(lambda: desk.panel.views.text is not None and desk.panel.views.text.progress() == (4, 5))
    desk.panel.stop()
    desk.settle()
    desk.panel.views._edited(0, "# Mine 😀")
    desk.changes()
    desk.panel.views.diff.next()
    desk.panel.views.diff.next()
    desk.panel.views.diff.reject()
    wanted = RESULT.replace("# The keeper", "# Mine").replace("before he lit", "befor he lit")
    assert desk.run.result == wanted.replace("before they", "befor they")
    hold.set()
    desk.panel.resume()
    desk.until(lambda: desk.panel.runner.busy)
    desk.settle()
    run = desk.run
    assert (run.status, run.result) == ("done", wanted)
    assert run.data["decisions"].count("rejected") == 1
    assert desk.shown[0] == "# Mine 😀"
    desk.changes()
    assert desk.panel.views.diff.states() == run.data["decisions"]
    desk.reopen()
    assert desk.shown[:2] == wanted.split("\n")[:3:2]


def test_what_could_not_be_done_is_told_with_a_way_to_it(make: Make) -> None:
    desk = make(
        lambda s: Answer(pieces="I'm sorry, but I can't help with that.") if "visitors" in s else corrected(s)
    )
    desk.rewrite()
    views = desk.panel.views
    assert desk.shown[-1] == SOURCE.split("\n")[-1]
    assert views.side.pairs[-1].state == "failed"
    assert "The model refused" in views.side.pairs[-1].note
    assert views.check.text().strip() == "1 to check"
    assert "1 of 5" in views.problems.lines[0]
    actions = views.check_menu().actions()
    assert [action.text()[:13] for action in actions] == ["Paragraph 5: "]
    views.show_view("source")
    actions[0].trigger()
    assert (views.view, views.side.current) == ("side", 4)
    views.side.edit(4)  # a person can do what the model could not
    field = QApplication.focusWidget()
    assert field is not None
    desk.qtbot.keyClicks(field, "!")
    desk.qtbot.keyClick(field, Qt.Key.Key_Return, Qt.KeyboardModifier.ControlModifier)
    assert views.check.isHidden()
    assert desk.run.result.endswith("befor they left.!")


def test_rejected_changes_are_kept_with_the_run(make: Make) -> None:
    desk = make()
    desk.rewrite()
    desk.changes()
    text = desk.panel.views.diff.view
    assert desk.panel.views.diff.facts.text() == "4 changes"
    for key in ("N", "A", "R"):
        desk.qtbot.keyClick(text, key)
    wanted = RESULT.replace("and before noon", "and befor noon")
    assert desk.run.result == wanted
    assert desk.shown[2] == wanted.split("\n")[4]
    desk.reopen()
    assert desk.panel.views.text is not None
    assert desk.panel.views.text.result() == wanted
    desk.changes()
    assert desk.panel.views.diff.states() == ["accepted", "rejected", "pending", "pending"]
    desk.panel.views.diff.previous()
    desk.panel.views.diff.reject()
    assert desk.run.result == wanted.replace("before they", "befor they")


def test_an_edit_by_hand_is_kept_and_compared(make: Make) -> None:
    desk = make()
    desk.rewrite()
    desk.changes()
    desk.panel.views.diff.next()
    desk.panel.views.diff.reject()
    desk.panel.views.show_view("side")
    desk.panel.views.side.edit(4)
    field = QApplication.focusWidget()
    assert isinstance(field, QPlainTextEdit)
    field.insertPlainText(" 😀")
    desk.panel.list.search.setFocus()  # leaving keeps it
    wanted = RESULT.replace("before he lit", "befor he lit") + " 😀"
    assert desk.run.result == wanted
    desk.reopen()
    assert desk.shown[-1].endswith("😀")
    desk.changes()
    assert desk.panel.views.diff.text(4).endswith("😀")


def test_one_of_three_alternatives_becomes_the_result(make: Make) -> None:
    count = threading.Lock()
    numbers: dict[str, int] = {}

    def answer(source: str) -> Answer:
        with count:
            numbers[source] = numbers.get(source, 0) + 1
        return Answer(pieces=source.replace("befor ", "before " * numbers[source]))

    desk = make(answer)
    desk.panel.choices.alternatives.setCurrentIndex(1)
    desk.rewrite()
    views = desk.panel.views
    desk.until(lambda: views.view == "alternatives")
    assert len(views.alternatives.buttons) == 3
    desk.qtbot.keyClick(views.alternatives.view, "3")
    assert desk.run.result == SOURCE.replace("befor ", "before before before ")
    assert desk.shown[1].startswith("Every evening, before before before he")
    desk.reopen()
    assert views.alternatives.chosen == 2
    assert views.text is not None
    assert views.text.result() == desk.run.result


def test_a_model_that_dies_can_be_restarted(make: Make) -> None:
    alive = threading.Event()

    def answer(source: str) -> Answer:
        return corrected(source) if alive.is_set() else Answer(pieces="Every", die=True)

    desk = make(answer)
    states: list[str] = []
    desk.panel.engine_state.connect(lambda state, *_: states.append(state))
    desk.paste()
    desk.start()
    desk.settle()
    assert "dead" in states
    assert desk.panel.notice.text
    assert desk.panel.bar.label.text().startswith("Interrupted.")
    alive.set()
    button = next(b for b in desk.panel.notice.findChildren(QAbstractButton) if b.text() == "Restart")
    desk.qtbot.mouseClick(button, Qt.MouseButton.LeftButton)
    desk.until(lambda: desk.panel.runner.busy)
    desk.settle()
    assert desk.run.result == RESULT


# ---------------------------------------------------------------- what is asked for


def test_an_own_instruction_is_needed_kept_and_offered_again(make: Make) -> None:
    desk = make()
    choices = desk.panel.choices
    choices.choose("custom")
    desk.paste()
    desk.panel.start()
    assert desk.panel.current == ""  # nothing was said yet
    assert choices.instruction.hasFocus()
    desk.qtbot.keyClicks(choices.instruction, "Make it sound like a speech")
    desk.qtbot.mouseClick(choices.save, Qt.MouseButton.LeftButton)
    dialog = choices.findChild(NameDialog)
    assert dialog is not None
    dialog.field.setText("Speech")
    desk.qtbot.mouseClick(dialog.save, Qt.MouseButton.LeftButton)
    desk.until(lambda: choices.task.currentText() == "Speech")
    assert choices.options().instruction == "Make it sound like a speech"
    desk.start()
    desk.settle()
    assert desk.run.options["task"] == "custom"
    make.finish(desk)  # type: ignore[attr-defined]
    again = make()
    again.until(lambda: again.panel.choices.task.findText("Speech") >= 0)
    assert again.panel.choices.options().instruction == "Make it sound like a speech"
    again.panel.choices.choose(again.panel.choices.task.itemData(again.panel.choices.task.findText("Speech")))
    desk.qtbot.mouseClick(again.panel.choices.forget, Qt.MouseButton.LeftButton)
    again.until(lambda: again.panel.choices.task.findText("Speech") < 0)


def test_words_to_keep_go_with_the_run(make: Make) -> None:
    desk = make()
    desk.panel.choices.edit_words()
    words = desk.panel.choices.findChild(WordList)
    assert words is not None
    desk.qtbot.keyClicks(words._lines[0].word, "keeper")
    desk.qtbot.keyClicks(words._lines[1].word, "lamp")
    desk.qtbot.keyClicks(words._lines[1].wanted, "lantern")
    desk.qtbot.mouseClick(words.save, Qt.MouseButton.LeftButton)
    assert desk.panel.choices.words.text() == "Words: 2"
    desk.rewrite()
    assert desk.run.options["protected"] == ["keeper"]
    assert desk.run.options["glossary"] == [["lamp", "lantern"]]


def test_a_translation_is_turned_round(make: Make) -> None:
    german = "Jeden Abend ging er mit einem Glas über die Felsen und wartete auf das Meer."
    english = "Every evening he walked the rocks with a jar and waited for the sea."
    desk = make(lambda source: Answer(pieces=german if source == english else english))
    choices = desk.panel.choices
    choices.choose("translate")
    choices.set_target("de")
    desk.paste(english)
    desk.until(lambda: choices.detected == "en")
    assert choices.origin.itemText(0) == "English (found)"
    desk.start()
    desk.settle()
    assert (desk.run.error, desk.run.status, desk.run.result) == ("", "done", german)
    desk.qtbot.mouseClick(choices.swap, Qt.MouseButton.LeftButton)
    desk.until(lambda: not desk.panel.source.busy)
    assert desk.panel.source.documents()[0].text == german
    assert (choices.origin.currentData(), choices.target.currentData()) == ("de", "en")
    desk.start()
    desk.settle()
    assert (desk.run.error, desk.run.status, desk.run.result) == ("", "done", english)


def test_a_corrected_text_is_not_translated_into_its_own_language(make: Make) -> None:
    desk = make()
    desk.panel.choices.set_target("en")
    desk.rewrite()
    desk.panel.choices.choose("translate")
    desk.until(lambda: desk.panel.choices.target.currentData() == "zh")
    assert desk.panel.choices.detected == "en"


def test_a_language_that_is_found_late_is_not_taken_for_that_of_another_text(
    make: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    desk = make()
    choices, hold, asked = desk.panel.choices, threading.Event(), list[str]()
    choices.choose("translate")
    choices.set_target("en")

    def detect(text: str) -> str:
        asked.append(text)
        if len(asked) == 1:
            hold.wait(WAIT / 1000)
            return "en"
        return "de"

    monkeypatch.setattr(language, "detect", detect)
    desk.paste("Every evening he walked the rocks.")
    desk.until(lambda: bool(asked))
    desk.panel.new_run()
    desk.paste("Jeden Abend ging er zum Meer.")
    hold.set()
    desk.until(lambda: choices.detected != "")
    assert (choices.detected, choices.target.currentData()) == ("de", "en")


# ---------------------------------------------------------------- what is done with it


def test_the_result_replaces_the_text(make: Make) -> None:
    desk = make()
    desk.rewrite()
    desk.qtbot.mouseClick(desk.panel.views.replace, Qt.MouseButton.LeftButton)
    desk.until(lambda: not desk.panel.source.busy)
    assert (desk.panel.current, desk.panel.views.view) == ("", "source")
    assert desk.panel.source.documents()[0].text == RESULT
    assert desk.panel.views.copy.isHidden()


def test_the_result_is_saved_and_sent_on(make: Make, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    desk = make()
    desk.rewrite()
    target = tmp_path / "result.md"
    monkeypatch.setattr(QFileDialog, "getSaveFileName", lambda *_: (str(target), ""))
    desk.qtbot.mouseClick(desk.panel.views.save, Qt.MouseButton.LeftButton)
    desk.until(lambda: desk.panel.notice.text == "Saved as result.md.")
    assert target.read_text("utf-8") == RESULT
    summarize, chat = desk.panel.views.send_menu().actions()
    with desk.qtbot.waitSignal(desk.panel.summarize_requested) as heard:
        summarize.trigger()
    assert heard.args[0] == RESULT
    with desk.qtbot.waitSignal(desk.panel.conversation_requested, timeout=WAIT) as heard:
        chat.trigger()
    assert "befor he lit the lamp" in desk.workbench.store.conversation(heard.args[0]).system
    target.unlink()
    target.mkdir()
    desk.qtbot.mouseClick(desk.panel.views.save, Qt.MouseButton.LeftButton)
    desk.until(lambda: "could not be written" in desk.panel.notice.text)


def test_a_run_is_deleted_and_taken_back(make: Make) -> None:
    desk = make()
    desk.rewrite()
    id = desk.panel.current
    desk.panel.delete_shown()
    desk.until(lambda: desk.panel.current == "")
    assert desk.panel.source.is_empty()
    desk.panel.undo_delete()
    desk.until(lambda: desk.panel.current == id)
    assert desk.panel.views.text is not None
    assert desk.panel.views.text.result() == RESULT
    assert desk.panel.choices.options().task == "correct"


def test_another_text_is_another_run(make: Make) -> None:
    desk = make()
    desk.rewrite()
    first = desk.panel.current
    desk.panel.take_text("It was befor my time.", "A visit")
    desk.until(lambda: not desk.panel.source.busy)
    assert desk.panel.current == ""
    desk.start()
    desk.settle()
    assert desk.run.result == "It was before my time."
    assert desk.run.title == "A visit"
    desk.panel.show_next()
    desk.until(lambda: desk.panel.current == first)
    assert desk.shown[0] == "# The keeper 😀"


def test_a_long_text_is_shown_by_what_is_in_view(make: Make) -> None:
    desk = make()
    sentence = "He counted the jars again befor the lamp was lit, number {n} of them."
    paragraphs = [" ".join(sentence.format(n=n) for _ in range(5)) for n in range(80)]
    text = "\n\n".join(paragraphs)  # 5,200 words
    desk.rewrite(text)
    assert len(desk.shown) == 80
    assert desk.run.result == text.replace("befor ", "before ")
    assert len(desk.panel.views.side.view._laid) < 30
    desk.changes()
    assert desk.panel.views.diff.counts()[0] == 400
    assert len(desk.panel.views.diff.view._laid) < 30


def test_there_is_room_in_a_small_window(make: Make) -> None:
    desk = make()
    desk.rewrite()
    desk.panel.resize(796, 530)
    assert desk.panel.minimumSizeHint().width() <= 796
    assert desk.panel.list.isHidden()
    desk.panel.toggle_list()
    assert desk.panel.list.isVisible()
    assert desk.panel.minimumSizeHint().width() <= 796


def test_everything_has_a_name(make: Make) -> None:
    desk = make()
    desk.panel.choices.choose("custom")
    desk.panel.choices.instruction.setText("Improve it")
    desk.rewrite()
    for kind in (QAbstractButton, QComboBox, QLineEdit):
        for widget in desk.panel.findChildren(kind):
            if widget.isVisible() and widget.focusPolicy() != Qt.FocusPolicy.NoFocus:
                assert widget.accessibleName() or getattr(widget, "text", str)(), widget
