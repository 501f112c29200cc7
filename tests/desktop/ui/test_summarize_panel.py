"""The Summarize panel with a real store, real files and the real jobs; only the engine is scripted."""

from __future__ import annotations

import re
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from PySide6.QtCore import Qt
from PySide6.QtGui import QGuiApplication
from PySide6.QtWidgets import QApplication, QFileDialog, QLabel, QPushButton
from pytestqt.qtbot import QtBot

from desktop.ui.bridge import Bridge
from desktop.ui.jobs import Jobs
from desktop.ui.panels.summarize import OPTIONS, SummarizePanel
from desktop.ui.theme import Theme
from desktop.ui.widgets.name_dialog import NameDialog
from desktop.ui.widgets.run_list import run_title
from desktop.workbench.summarize import SummaryOptions
from desktop.workbench.workbench import Workbench
from models.engine.client import Loading
from models.engine.protocol import LoadOptions, Request
from models.engine.scripted import Answer, ScriptedEngine
from models.errors import EngineDied, EngineError

WAIT = 20_000
CONTROL = Qt.KeyboardModifier.ControlModifier
LEFT = Qt.MouseButton.LeftButton
CITIES = ("Oban", "Mallaig", "Tobermory", "Ullapool", "Portree", "Lochinver", "Crinan", "Arisaig")


def long_text() -> str:
    """A text with headings that is too long for a small context."""
    blocks = ["# Harbours"]
    for number, city in enumerate(CITIES):
        blocks.append(f"## {city}")
        for year in range(1850, 1856):
            blocks.append(
                f"In {year} the harbour of {city} had {year % 7 + number} boats and a new wall. "
                f"The master of {city} wrote {year - 1800} letters about herring and rope."
            )
    return "\n\n".join(blocks)


@dataclass
class Script:
    """What the model says: the first sentences of the text it is given.

    Attributes:
        prompts: what it was asked. hold: waited for before an answer ends, when it is set.
        special: what it says instead, by what the prompt contains.
    """

    prompts: list[str] = field(default_factory=list)
    hold: threading.Event | None = None
    special: Callable[[str], Answer | None] = lambda _prompt: None
    error: Exception | None = None

    def start(self, options: LoadOptions) -> Loading[ScriptedEngine]:
        """Starts an engine, as EnginePool wants it."""
        yield 0.5
        if self.error is not None:
            raise self.error
        yield 1.0
        engine: ScriptedEngine

        def answer(request: Request) -> Answer:
            return self.answer(engine.detokenize(request.tokens), request)

        engine = ScriptedEngine(answer, options=options)
        return engine

    def answer(self, prompt: str, request: Request) -> Answer:
        self.prompts.append(prompt)
        if (special := self.special(prompt)) is not None:
            return special
        chosen = re.search(r"root ::= s-1-(\d+)", request.grammar or "")
        if chosen is not None:
            return Answer(", ".join(str(number) for number in range(1, int(chosen[1]) + 1)))
        text = re.findall(r"<text[^>]*>\n(.*?)\n</text>", prompt, re.S)[-1]
        sentences = [line for line in re.split(r"(?<=\.)\s+|\n+", text) if line.endswith(".")]
        return Answer(" ".join(sentences[:2]), hold=self.hold, hold_at=3)


@dataclass
class Desk:
    """A panel with everything behind it, and the words a test needs."""

    workbench: Workbench
    panel: SummarizePanel
    bridge: Bridge
    script: Script
    qtbot: QtBot
    folder: Path

    def until(self, condition: Callable[[], bool]) -> None:
        self.qtbot.waitUntil(condition, timeout=WAIT)

    def paste(self, text: str) -> None:
        QGuiApplication.clipboard().setText(text)
        self.panel.source.paste()
        self.until(lambda: not self.panel.source.busy)

    def start(self) -> None:
        """Press Ctrl+Enter in the field."""
        self.panel.source.edit.setFocus()
        self.qtbot.keyClick(self.panel.source.edit, Qt.Key.Key_Return, CONTROL)

    def settle(self) -> None:
        """Wait until the shown run has ended."""
        panel = self.panel
        self.until(
            lambda: panel._run is not None and not panel.runner.busy and panel._run.status != "running"
        )

    def summarize(self, text: str) -> None:
        self.paste(text)
        self.start()
        self.settle()

    def shown(self) -> str:
        """What is shown as the result."""
        self.panel.result.prose.finish()
        return "\n".join(box.document.toPlainText() for box in self.panel.result.prose.boxes)

    def stored(self) -> Any:
        return self.workbench.tasks.run(self.panel.current)

    def marked(self) -> str:
        (selection,) = self.panel.source.edit.extraSelections()
        return selection.cursor.selectedText()

    def press(self, label: str) -> None:
        """Press a button of the notice."""
        buttons = self.panel.notice.findChildren(QPushButton)
        (button,) = [b for b in buttons if b.text() == label and b.isVisible()]
        self.qtbot.mouseClick(button, LEFT)

    def labels(self) -> list[str]:
        """The labels of the notice's buttons."""
        return [b.text() for b in self.panel.notice.findChildren(QPushButton) if not b.isHidden()]


Make = Callable[..., Desk]


@pytest.fixture
def make(qtbot: QtBot, qapp: QApplication, tmp_path: Path) -> Iterator[Make]:
    """Makes panels; several in one test share their folder when the one before was closed."""
    theme = Theme()
    theme.apply(qapp)
    desks: list[tuple[Desk, Jobs]] = []

    def build(*, context: int = 1024, width: int = 1282) -> Desk:
        script = Script()
        workbench = Workbench.open(tmp_path / "data", start_engine=script.start)
        workbench.settings.set("context_size", context)
        jobs, bridge = Jobs(), Bridge()
        workbench.settings.on_change.append(bridge.setting_was_set)
        panel = SummarizePanel(workbench, jobs, bridge, theme)
        qtbot.addWidget(panel)
        panel.resize(width, 738)
        panel.show()
        qtbot.waitExposed(panel)
        desk = Desk(workbench, panel, bridge, script, qtbot, tmp_path)
        desks.append((desk, jobs))
        desk.until(lambda: panel.picker.model is not None)
        return desk

    def finish() -> None:
        desk, jobs = desks.pop()
        if desk.script.hold is not None:
            desk.script.hold.set()
        desk.panel.about_to_close()
        jobs.close()
        desk.workbench.close()
        desk.panel.hide()

    build.finish = finish  # type: ignore[attr-defined]
    yield build
    while desks:
        finish()


def finish(make: Make) -> None:
    """Close the panel and everything behind it."""
    make.finish()  # type: ignore[attr-defined]


# ---------------------------------------------------------------- a summary


def test_an_empty_panel_says_what_to_do(make: Make) -> None:
    desk = make()
    assert desk.panel.title.title() == "New summary"
    assert desk.panel.source.empty.isVisible()
    assert desk.panel.result.empty.text() == "The summary will be here."
    assert not desk.panel.choices.start.isEnabled()
    desk.start()
    assert desk.workbench.tasks.runs("summarize") == []
    desk.panel.focus()
    assert desk.panel.source.edit.hasFocus()


def test_a_short_text_is_summarized_and_kept(make: Make) -> None:
    desk = make()
    desk.summarize("The mill burned in May. It was rebuilt in June. Nobody was hurt.")
    assert desk.shown() == "The mill burned in May. It was rebuilt in June."
    assert desk.stored().status == "done"
    assert desk.panel.title.title() == run_title(desk.stored())
    assert "100 % of the text was read" in desk.panel.result.facts.text()
    desk.until(lambda: desk.panel.list.items.ids() == [desk.panel.current])
    assert not desk.panel.bar.isVisible()
    assert desk.panel.source.edit.isReadOnly()


def test_a_sentence_leads_to_its_place_in_a_long_text(make: Make) -> None:
    desk = make()
    desk.summarize(long_text())
    tree = desk.panel.result.tree
    assert len(tree.parts()) > 3
    assert tree.topLevelItemCount() == 1
    prose = desk.panel.result.prose
    assert len(prose.sentences) == 2
    desk.qtbot.mouseClick(prose, LEFT, pos=next(prose._rects(1)).center().toPoint())
    assert desk.marked() == "The master of Oban wrote 50 letters about herring and rope."
    assert desk.panel.source.edit.toPlainText()[: desk.panel.source.edit.position()].endswith("a new wall. ")
    assert tree.currentItem().text(0).startswith("Part 1")


def test_a_part_is_opened_from_the_tree(make: Make) -> None:
    desk = make()
    desk.summarize(long_text())
    tree = desk.panel.result.tree
    whole = tree.topLevelItem(0)
    while whole.child(0).childCount():
        whole = whole.child(0)
    part = tree.part(whole.child(1).data(0, Qt.ItemDataRole.UserRole))
    assert part is not None
    tree.setFocus()
    tree.setCurrentItem(whole.child(1))
    assert desk.shown() == part.text
    assert desk.marked().startswith(long_text()[part.start : part.start + 20].replace("\n", "\u2029"))
    assert desk.panel.result.back.isVisible()


def test_what_was_chosen_is_asked_and_remembered(make: Make) -> None:
    desk = make()
    choices = desk.panel.choices
    choices.kind.setCurrentIndex(choices.kind.findData("key_points"))
    choices.length.setCurrentIndex(choices.length.findData("long"))
    choices.language.setCurrentIndex(choices.language.findData("de"))
    choices.reader.setEditText("my aunt")
    desk.summarize("The mill burned in May. It was rebuilt in June.")
    wanted = SummaryOptions(kind="key_points", length="long", language="de", audience="my aunt")
    assert SummaryOptions.from_dict(desk.stored().options) == wanted
    assert "my aunt" in desk.script.prompts[0]
    assert "German" in desk.script.prompts[0]
    desk.until(lambda: desk.workbench.store.get_setting(OPTIONS, None) == wanted.to_dict())
    finish(make)
    again = make()
    assert again.panel.choices.options() == wanted


def test_sentences_of_the_text_are_quoted(make: Make) -> None:
    desk = make(context=4096)
    choices = desk.panel.choices
    choices.wording.setCurrentIndex(1)
    choices.wording.activated.emit(1)
    assert choices.kind.isHidden()
    assert choices.language.isHidden()
    desk.summarize(long_text())
    run = desk.stored()
    assert run.options["extractive"]
    for link in run.data["links"]:
        assert run.result[link["start"] : link["end"]] == long_text()[link["from"] : link["to"]]
    assert desk.panel.result.legend.isHidden()


def test_several_files_give_one_summary_each_or_one_over_all(make: Make) -> None:
    desk = make(context=4096)
    files = []
    for name in ("north.txt", "south.txt"):
        files.append(desk.folder / name)
        files[-1].write_text(f"The {name[:5]} mill burned in May. It was rebuilt in June.")
    choices = desk.panel.choices
    assert choices.together.isHidden()
    desk.panel.source.add_files(files)
    desk.until(lambda: not choices.together.isHidden() and not desk.panel.source.busy)
    desk.start()
    desk.settle()
    assert desk.shown().startswith("north.txt\nThe north mill burned in May.")
    first = desk.panel.current
    prose = desk.panel.result.prose
    desk.panel.result._sentence_chosen(len(prose.sentences) - 1)
    assert desk.panel.source.current == 1
    choices.together.setCurrentIndex(1)
    desk.qtbot.mouseClick(desk.panel.result.buttons["again"], LEFT)
    desk.until(lambda: desk.panel.current not in ("", first))
    desk.settle()
    assert desk.stored().options["together"] is True


def test_an_own_instruction_is_saved_used_and_forgotten(make: Make) -> None:
    desk = make()
    choices = desk.panel.choices
    choices.kind.setCurrentIndex(choices.kind.findData("custom"))
    choices.kind.activated.emit(choices.kind.currentIndex())
    assert choices.instruction.isVisible()
    desk.paste("The mill burned in May. It cost 300 pounds.")
    desk.start()  # nothing was said yet
    assert desk.panel.current == ""
    assert choices.instruction.hasFocus()
    desk.qtbot.keyClicks(choices.instruction, "Name all amounts")
    desk.qtbot.mouseClick(choices.save, LEFT)
    (dialog,) = choices.findChildren(NameDialog)
    dialog.field.setText("Amounts")
    desk.qtbot.mouseClick(dialog.save, LEFT)
    desk.until(lambda: choices.kind.currentText() == "Amounts")
    desk.qtbot.keyClick(choices.instruction, Qt.Key.Key_Return)
    desk.settle()
    assert "Name all amounts" in desk.script.prompts[0]
    assert [prompt.name for prompt in desk.workbench.tasks.own_prompts("summarize")] == ["Amounts"]
    desk.qtbot.mouseClick(choices.forget, LEFT)
    desk.until(lambda: choices.kind.findText("Amounts") < 0)
    assert choices.kind.currentData() == "custom"
    assert choices.instruction.text() == "Name all amounts"


# ---------------------------------------------------------------- stop, resume, open


def test_stop_keeps_what_is_finished_and_resume_goes_on(make: Make) -> None:
    desk = make()
    desk.script.hold = threading.Event()
    held: list[str] = []

    def special(prompt: str) -> Answer | None:
        held.append(prompt)
        return Answer("The first part is done.") if len(held) <= 2 else None

    desk.script.special = special
    desk.paste(long_text())
    desk.start()
    panel, tree = desk.panel, desk.panel.result.tree
    desk.until(lambda: tree.progress()[0] == 2 and panel.busy)
    assert panel.choices.start.text() == "Stop"
    assert "2 of" in panel.bar.label.text()
    assert panel.result.unfolded()
    desk.qtbot.mouseClick(panel.choices.start, LEFT)
    desk.settle()
    assert desk.stored().status == "stopped"
    assert panel.bar.label.text().startswith("Stopped. 2 of")
    asked = len(desk.script.prompts)
    desk.script.hold.set()
    desk.qtbot.mouseClick(panel.bar.resume, LEFT)
    desk.until(lambda: panel.busy)
    desk.settle()
    assert desk.stored().status == "done"
    later = desk.script.prompts[asked:]
    assert len(later) == len(tree.parts()) - 2
    assert not any("# Harbours" in prompt for prompt in later)
    assert not panel.bar.isVisible()


def test_what_a_crash_interrupted_is_offered_to_go_on(make: Make) -> None:
    desk = make()
    desk.script.hold = threading.Event()
    desk.paste(long_text())
    desk.start()
    desk.until(lambda: desk.panel.busy and bool(desk.panel.result.tree.parts()))
    run = desk.panel.current
    finish(make)
    again = make()
    runs = again.workbench.store.runs
    runs.update(run, status="interrupted", result="")
    again.panel.open_run(run)
    again.until(lambda: again.panel.current == run)
    assert again.panel.bar.label.text().startswith("Interrupted.")
    again.qtbot.mouseClick(again.panel.bar.resume, LEFT)
    again.until(lambda: again.panel.busy)
    again.settle()
    assert again.stored().status == "done"


def test_a_run_is_opened_with_all_that_belongs_to_it(make: Make) -> None:
    desk = make()
    choices = desk.panel.choices
    choices.kind.setCurrentIndex(choices.kind.findData("one_line"))
    desk.summarize(long_text())
    run, result = desk.panel.current, desk.shown()
    desk.panel.new_run()
    assert desk.panel.source.is_empty()
    assert desk.panel.result.empty.isVisible()
    choices.kind.setCurrentIndex(0)
    desk.until(lambda: desk.panel.list.items.ids() == [run])
    desk.panel.list.view.setFocus()
    desk.qtbot.keyClick(desk.panel.list.view, Qt.Key.Key_Down)
    desk.qtbot.keyClick(desk.panel.list.view, Qt.Key.Key_Return)
    desk.until(lambda: desk.panel.current == run and not desk.panel.source.busy)
    assert desk.shown() == result
    assert desk.panel.source.documents()[0].text == long_text()
    assert choices.kind.currentData() == "one_line"
    assert len(desk.panel.result.tree.parts()) > 3
    desk.panel.result._sentence_chosen(0)
    assert desk.marked().startswith("In 1850 the harbour of Oban")


def test_another_run_can_be_looked_at_while_one_works(make: Make) -> None:
    desk = make()
    desk.summarize("The mill burned in May. It was rebuilt in June.")
    done, result = desk.panel.current, desk.shown()
    desk.script.hold = threading.Event()
    desk.panel.new_run()
    desk.paste(long_text())
    desk.start()
    desk.until(lambda: desk.panel.busy and desk.panel.current != done)
    working = desk.panel.current
    desk.panel.open_run(done)
    desk.until(lambda: desk.panel.current == done and not desk.panel.source.busy)
    assert desk.shown() == result
    assert not desk.panel.busy
    assert not desk.panel.choices.start.isEnabled()
    assert desk.panel.bar.isVisible()
    assert desk.panel.bar.stop.isVisible()
    desk.panel.open_run(working)
    desk.until(lambda: desk.panel.busy)
    assert desk.panel.choices.start.text() == "Stop"
    desk.script.hold.set()
    desk.settle()
    assert desk.stored().status == "done"


@pytest.mark.parametrize("leave", ["new", "open", "text"])
def test_a_start_that_was_left_while_its_files_were_read_is_forgotten(
    make: Make, monkeypatch: pytest.MonkeyPatch, leave: str
) -> None:
    desk = make()
    desk.summarize("The mill burned in May. It was rebuilt in June.")
    done = desk.panel.current
    panel, hold = desk.panel, threading.Event()
    read = type(panel._tasks).read
    slow = lambda tasks, path: hold.wait(WAIT / 1000) and read(tasks, path)  # noqa: E731
    monkeypatch.setattr(type(panel._tasks), "read", slow)
    file = desk.folder / "slow.txt"
    file.write_text(long_text(), "utf-8")
    panel.source.add_files([file])
    panel.start()
    assert panel.bar.isVisible()
    if leave == "new":
        panel.new_run()
    elif leave == "open":
        panel.open_run(done)
        desk.until(lambda: panel.current == done)
    else:
        panel.source.clear()
    hold.set()
    if leave != "open":
        desk.paste("The well was dug in March. It was deep.")
    assert panel.choices.start.isEnabled()
    desk.start()
    desk.until(lambda: panel.current not in ("", done))
    desk.settle()
    assert len(desk.workbench.tasks.runs("summarize")) == 2


def test_a_run_that_was_left_while_it_was_kept_works_in_the_background(
    make: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    desk = make()
    desk.summarize("The mill burned in May. It was rebuilt in June.")
    done, result = desk.panel.current, desk.shown()
    panel, hold = desk.panel, threading.Event()
    panel.new_run()
    desk.paste(long_text())
    keep = type(panel._tasks).summarize
    slow = lambda *values: hold.wait(WAIT / 1000) and keep(*values)  # noqa: E731
    monkeypatch.setattr(type(panel._tasks), "summarize", slow)
    desk.start()
    assert panel.source.edit.isReadOnly()
    panel.open_run(done)
    desk.until(lambda: panel.current == done)
    hold.set()
    desk.until(lambda: panel.runner.busy)
    assert panel.runner.run_id != done
    assert (panel.current, desk.shown()) == (done, result)
    assert panel.source.documents()[0].text == "The mill burned in May. It was rebuilt in June."
    desk.until(lambda: not panel.runner.busy)
    assert {run.status for run in desk.workbench.tasks.runs("summarize")} == {"done"}
    assert panel.current == done


def test_what_is_heard_while_a_run_is_opened_is_shown(make: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    desk = make()
    desk.summarize("The mill burned in May. It was rebuilt in June.")
    done, panel = desk.panel.current, desk.panel
    desk.script.hold = threading.Event()
    panel.new_run()
    desk.paste(long_text())
    desk.start()
    desk.until(lambda: panel.busy and bool(panel.result._texts))
    working = panel.current
    panel.open_run(done)
    desk.until(lambda: panel.current == done)
    read, shown = panel._reread, threading.Event()

    def late(id: str) -> Any:
        found = read(id)
        if id == working:
            shown.wait(WAIT / 1000)
        return found

    monkeypatch.setattr(panel, "_reread", late)
    with desk.qtbot.waitSignal(panel.runner.part_saved):
        panel.open_run(working)
        desk.script.hold.set()
    desk.until(lambda: not panel.runner.busy)
    shown.set()
    desk.settle()
    desk.until(lambda: panel.current == working)
    parts = panel.result.tree.parts()
    assert {part.status for part in parts} == {"done"}
    assert [part.text for part in parts] == [part.text for part in desk.workbench.tasks.parts(working)]
    assert desk.stored().status == "done"
    assert panel._run is not None
    assert panel._run.status == "done"


def test_a_deleted_run_leaves_the_panel_and_comes_back(make: Make) -> None:
    desk = make()
    desk.summarize("The mill burned in May. It was rebuilt in June.")
    run = desk.panel.current
    desk.panel.delete_shown()
    desk.until(lambda: desk.panel.current == "" and desk.panel.list.items.ids() == [])
    desk.panel.undo_delete()
    desk.until(lambda: desk.panel.current == run)


def test_a_changed_text_is_another_run(make: Make) -> None:
    desk = make()
    desk.summarize("The mill burned in May. It was rebuilt in June.")
    first = desk.panel.current
    desk.qtbot.mouseClick(desk.panel.source.edit_button, LEFT)
    assert desk.panel.current == first
    desk.qtbot.keyClick(desk.panel.source.edit, Qt.Key.Key_Home, CONTROL)
    desk.qtbot.keyClicks(desk.panel.source.edit, "First. ")
    assert desk.panel.current == ""
    assert desk.panel.result.empty.isVisible()
    desk.start()
    desk.settle()
    assert desk.panel.current not in ("", first)
    assert desk.panel.source.documents()[0].text.startswith("First. The mill")


# ---------------------------------------------------------------- trouble


def test_a_dead_engine_is_restarted_and_the_rest_is_done(make: Make) -> None:
    desk = make()
    died: list[str] = []

    def special(prompt: str) -> Answer | None:
        died.append(prompt)
        return Answer("Half of", die=True) if len(died) == 2 else None

    desk.script.special = special
    states: list[str] = []
    desk.panel.engine_state.connect(lambda state, _name, _fraction: states.append(state))
    desk.paste(long_text())
    desk.start()
    desk.settle()
    assert desk.stored().status == "interrupted"
    assert desk.labels() == ["Restart"]
    assert not desk.panel.bar.isVisible()
    assert states[-1] == "dead"
    desk.press("Restart")
    desk.until(lambda: desk.panel.busy)
    desk.settle()
    assert desk.stored().status == "done"
    assert not desk.panel.notice.isVisible()


def test_short_memory_offers_lighter_settings(make: Make) -> None:
    desk = make(context=8192)
    desk.script.error = EngineDied("There is not enough memory for this model.", code="no_memory")
    desk.paste("The mill burned in May. It was rebuilt in June.")
    desk.start()
    desk.until(lambda: desk.panel.notice.isVisible())
    desk.settle()
    sizes = [label for label in desk.labels() if label.startswith("Use a context of")]
    assert sizes
    assert "Choose a model" in desk.labels()
    desk.script.error = None
    desk.press(sizes[0])
    desk.until(lambda: desk.panel.busy)
    desk.settle()
    assert desk.stored().status == "done"


def test_an_error_can_be_tried_again(make: Make) -> None:
    desk = make()
    desk.script.error = EngineError("The model could not be started.")
    desk.paste("The mill burned in May. It was rebuilt in June.")
    desk.start()
    desk.until(lambda: desk.panel.notice.isVisible())
    desk.settle()
    assert desk.panel.notice.text == "The model could not be started."
    desk.script.error = None
    desk.press("Try again")
    desk.until(lambda: desk.panel.busy)
    desk.settle()
    assert desk.stored().status == "done"


def test_a_failed_part_is_told_with_its_reason(make: Make) -> None:
    desk = make()
    desk.script.special = lambda prompt: (
        Answer("No", error=EngineError("The model gave up."))
        if "1853 the harbour of Ullapool" in prompt
        else None
    )
    desk.summarize(long_text())
    run = desk.stored()
    assert run.status == "done"
    assert run.data["coverage"] < 1
    assert any("could not be summarized" in line for line in desk.panel.result.problems.lines)
    assert "100 %" not in desk.panel.result.facts.text()
    tree = desk.panel.result.tree
    (failed,) = [part for part in tree.parts() if part.status == "failed"]
    assert "The model gave up." in tree.status_of(failed)
    tree.opened.emit(failed.number)
    assert "The model gave up." in desk.panel.result.error.text()


# ---------------------------------------------------------------- what comes after


def test_the_result_is_copied_saved_and_sent_on(make: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    desk = make(context=4096)
    desk.summarize("The mill burned in May. It was rebuilt in June.")
    buttons, result = desk.panel.result.buttons, "The mill burned in May. It was rebuilt in June."
    desk.qtbot.mouseClick(buttons["copy"], LEFT)
    assert QGuiApplication.clipboard().text() == result
    target = desk.folder / "out.md"
    monkeypatch.setattr(QFileDialog, "getSaveFileName", lambda *_: (str(target), ""))
    desk.qtbot.mouseClick(buttons["save"], LEFT)
    desk.until(lambda: "out.md" in desk.panel.notice.text)
    assert result in target.read_text("utf-8")
    with desk.qtbot.waitSignal(desk.panel.rewrite_requested) as told:
        desk.qtbot.mouseClick(buttons["rewrite"], LEFT)
    assert told.args[0] == result
    with desk.qtbot.waitSignal(desk.panel.conversation_requested, timeout=WAIT) as told:
        desk.qtbot.mouseClick(buttons["chat"], LEFT)
    assert "The mill burned" in desk.workbench.store.conversation(told.args[0]).system
    missing = desk.folder / "nowhere" / "out.md"
    monkeypatch.setattr(QFileDialog, "getSaveFileName", lambda *_: (str(missing), ""))
    desk.qtbot.mouseClick(buttons["save"], LEFT)
    desk.until(lambda: "could not be written" in desk.panel.notice.text)


def test_nothing_of_several_texts_is_no_result(make: Make) -> None:
    desk = make()
    desk.script.hold = threading.Event()
    files = [desk.folder / "one.txt", desk.folder / "two.txt"]
    for file in files:
        file.write_text("The mill burned in May. It was rebuilt in June.", "utf-8")
    desk.panel.source.add_files(files)
    desk.until(lambda: not desk.panel.source.busy)
    desk.start()
    desk.until(lambda: desk.panel.busy and bool(desk.panel.runner.texts))
    desk.panel.stop()
    desk.settle()
    assert desk.stored().status == "stopped"
    assert desk.stored().result == ""
    assert desk.panel.result.action_row.isHidden()


def test_a_title_is_changed(make: Make) -> None:
    desk = make()
    desk.summarize("The mill burned in May. It was rebuilt in June.")
    desk.panel.title.start()
    desk.panel.title.field.setText("The mill")
    desk.qtbot.keyClick(desk.panel.title.field, Qt.Key.Key_Return)
    desk.until(lambda: desk.stored().title == "The mill")


# ---------------------------------------------------------------- room


def test_where_there_is_little_room_text_and_summary_take_turns(make: Make) -> None:
    desk = make(width=796)
    panel = desk.panel
    assert panel.list.isHidden()
    assert panel.tabs.isVisible()
    assert panel.source.isVisible()
    assert not panel.result.isVisible()
    desk.summarize("The mill burned in May. It was rebuilt in June.")
    assert panel.result.isVisible()
    assert not panel.source.isVisible()
    panel.result._sentence_chosen(1)
    assert panel.source.isVisible()
    assert desk.marked() == "It was rebuilt in June."
    desk.qtbot.mouseClick(panel._tab_buttons[1], LEFT)
    assert panel.result.isVisible()
    panel.toggle_list()
    assert panel.list.isVisible()
    assert desk.workbench.settings.get("show_list")
    panel.resize(1282, 700)
    assert panel.source.isVisible()
    assert panel.result.isVisible()
    assert not panel.tabs.isVisible()
    assert panel.minimumSizeHint().width() <= 796
    assert panel.minimumSizeHint().height() <= 530


def test_the_list_is_folded_for_all_panels(make: Make) -> None:
    desk = make()
    desk.qtbot.mouseClick(desk.panel.list_button, LEFT)
    desk.until(lambda: not desk.workbench.settings.get("show_list"))
    assert desk.panel.list.isHidden()
    desk.workbench.settings.set("show_list", True)
    desk.until(lambda: desk.panel.list.isVisible())


def test_every_control_says_what_it_is(make: Make) -> None:
    desk = make()
    desk.summarize(long_text())
    for button in desk.panel.findChildren(QPushButton):
        assert button.accessibleName() or button.text(), button
    for chooser in (desk.panel.choices.kind, desk.panel.choices.reader, desk.panel.choices.together):
        assert chooser.accessibleName()
    for label in desk.panel.findChildren(QLabel):
        assert label.textFormat() != Qt.TextFormat.RichText
