"""The model picker over a real library, a real store and scripted engines."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from PySide6.QtCore import Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QAbstractButton, QApplication
from pytestqt.qtbot import QtBot

from desktop.ui.bridge import Bridge
from desktop.ui.jobs import Jobs
from desktop.ui.theme import Theme
from desktop.ui.widgets.model_picker import LOADED, ModelPicker, model_facts
from desktop.workbench.workbench import Workbench
from models.engine.scripted import Answer, ScriptedEngine
from models.library import Model


@pytest.fixture
def workbench(tmp_path: Path) -> Iterator[Workbench]:
    start = ScriptedEngine.starter(lambda _request: Answer("Yes."))
    with Workbench.open(tmp_path / "data", start_engine=start) as workbench:
        yield workbench


@pytest.fixture
def picker(qtbot: QtBot, workbench: Workbench) -> Iterator[ModelPicker]:
    jobs = Jobs()
    theme = Theme()
    theme.apply(QApplication.instance())  # type: ignore[arg-type]
    picker = ModelPicker(workbench, jobs, Bridge(), theme)
    qtbot.addWidget(picker)
    picker.show()
    yield picker
    picker.popup.hide()
    assert jobs.close()


@pytest.fixture
def other(workbench: Workbench, starter: Path) -> str:
    """The id of a second model in the library."""
    # A link would be recognized as the same file.
    shutil.copyfile(starter, workbench.data_dir / "models" / "Another-135M.gguf")
    return next(m.id for m in workbench.library.scan() if m.path.name == "Another-135M.gguf")


def opened(qtbot: QtBot, picker: ModelPicker, rows: int = 1) -> None:
    picker.open()
    qtbot.waitUntil(lambda: len(picker.popup.items.models) == rows)


def test_the_default_is_the_starter_model(qtbot: QtBot, picker: ModelPicker) -> None:
    picker.set_model("")
    qtbot.waitUntil(lambda: "SmolLM2" in picker.text())
    assert "Q4_1" in picker.text()
    assert picker.accessibleName().startswith("Model: ")


def test_the_popup_lists_name_size_quantization_and_context(qtbot: QtBot, picker: ModelPicker) -> None:
    opened(qtbot, picker)
    model: Model = picker.popup.items.models[0]
    facts = model_facts(model, loaded=True)
    for part in ("Q4_1", "MB", "tokens of context", "loaded"):
        assert part in facts
    assert "loaded" not in model_facts(model, loaded=False)


def test_the_keyboard_alone_chooses(qtbot: QtBot, picker: ModelPicker, other: str) -> None:
    picker.set_model("")
    qtbot.waitUntil(lambda: picker.model is not None)
    opened(qtbot, picker, 2)
    before = picker.popup.selected()
    step = Qt.Key.Key_Down if picker.popup.list.currentIndex().row() == 0 else Qt.Key.Key_Up
    QTest.keyClick(picker.popup.list, step)
    with qtbot.waitSignal(picker.chosen) as chosen:
        QTest.keyClick(picker.popup.list, Qt.Key.Key_Return)
    assert before is not None
    assert chosen.args == [other]
    assert picker.key == other != before.id
    assert not picker.popup.isVisible()


def test_the_list_has_the_keyboard_the_first_time_too(qtbot: QtBot, picker: ModelPicker) -> None:
    opened(qtbot, picker)
    assert picker.popup.focusWidget() is picker.popup.list


def test_a_loaded_model_is_marked_and_unloaded_by_hand(
    qtbot: QtBot, picker: ModelPicker, workbench: Workbench, starter: Path
) -> None:
    opened(qtbot, picker)
    assert not picker.popup.unload.isEnabled()
    workbench.engines.acquire(workbench.settings.load_options(str(starter)))
    picker.refresh()
    qtbot.waitUntil(picker.popup.unload.isEnabled)
    assert picker.popup.list.currentIndex().data(LOADED)
    QTest.keyClick(picker.popup.list, Qt.Key.Key_Delete)
    qtbot.waitUntil(lambda: workbench.engines.loaded() == [])
    qtbot.waitUntil(lambda: not picker.popup.unload.isEnabled())


def test_loading_shows_progress_and_can_be_cancelled(qtbot: QtBot, picker: ModelPicker) -> None:
    picker.set_model("")
    qtbot.waitUntil(lambda: picker.model is not None)
    opened(qtbot, picker)
    assert not picker.popup.cancel.isVisible()
    picker.set_loading(0.43)
    assert "loading 43%" in picker.text()
    with qtbot.waitSignal(picker.cancel_requested):
        picker.popup.cancel.click()
    picker.set_loading(None)
    assert "loading" not in picker.text()
    assert not picker.popup.cancel.isVisible()


def test_nothing_is_said_of_a_model_that_is_not_known_yet(qtbot: QtBot, picker: ModelPicker) -> None:
    picker.set_model("")
    picker.set_loading(0.0)
    assert picker.text() == ""
    assert picker.accessibleName()
    qtbot.waitUntil(lambda: "SmolLM2" in picker.text() and "loading 0%" in picker.text())


def test_loading_again_is_no_choice(qtbot: QtBot, picker: ModelPicker) -> None:
    picker.set_model("")
    with qtbot.assertNotEmitted(picker.chosen), qtbot.waitSignal(picker.load_requested) as asked:
        picker.load()
    assert asked.args == [""]


def test_a_file_from_elsewhere_is_chosen_by_its_path(
    qtbot: QtBot, picker: ModelPicker, starter: Path, tmp_path: Path
) -> None:
    path = tmp_path / "Elsewhere.gguf"
    shutil.copyfile(starter, path)
    with qtbot.waitSignal(picker.chosen) as chosen:
        picker.open_path(str(path))
    assert chosen.args == [str(path)]
    opened(qtbot, picker, 2)


@pytest.mark.parametrize("content", [b"", b"no model at all", b"GGUF"])
def test_a_bad_file_is_refused_in_the_popup(
    qtbot: QtBot, picker: ModelPicker, tmp_path: Path, content: bytes
) -> None:
    path = tmp_path / "bad.gguf"
    path.write_bytes(content)
    picker.set_model("")
    qtbot.waitUntil(lambda: picker.model is not None)
    before = picker.text()
    with qtbot.assertNotEmitted(picker.chosen):
        picker.open_path(str(path))
        qtbot.waitUntil(lambda: bool(picker.popup.error.text()))
    assert picker.popup.isVisible()
    assert picker.text() == before


def test_a_model_that_is_gone_is_said_so(qtbot: QtBot, picker: ModelPicker) -> None:
    picker.set_model("/nowhere/lost.gguf")
    qtbot.waitUntil(lambda: "lost.gguf" in picker.text())
    assert picker.model is None


def test_the_popup_is_drawn_in_both_themes(qtbot: QtBot, picker: ModelPicker) -> None:
    opened(qtbot, picker)
    images = []
    for scheme in ("light", "dark"):
        picker.popup._delegate._theme.set_scheme(scheme)
        images.append(picker.popup.grab().toImage())
    assert images[0] != images[1]


def test_every_control_has_a_name_and_the_keyboard(qtbot: QtBot, picker: ModelPicker) -> None:
    opened(qtbot, picker)
    for control in [*picker.popup.findChildren(QAbstractButton), picker.popup.list, picker]:
        assert control.accessibleName(), control
        assert control.focusPolicy().value & 1
