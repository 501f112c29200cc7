"""The window frames panels: a small panel of the test's own over a real workbench."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from PySide6.QtCore import QSize, Qt, Signal
from PySide6.QtTest import QTest
from PySide6.QtWidgets import (
    QAbstractButton,
    QApplication,
    QLineEdit,
    QSpinBox,
    QToolButton,
    QVBoxLayout,
    QWidget,
)
from pytestqt.qtbot import QtBot

from desktop.ui.actions import ACTIONS
from desktop.ui.bridge import Bridge
from desktop.ui.jobs import Jobs
from desktop.ui.notices import Notice
from desktop.ui.panels.chat import ChatPanel
from desktop.ui.panels.models import ModelsPanel
from desktop.ui.panels.rewrite import RewritePanel
from desktop.ui.panels.settings import GROUPS, SettingsPanel
from desktop.ui.panels.summarize import SummarizePanel
from desktop.ui.theme import Theme
from desktop.ui.widgets.model_picker import ModelPicker
from desktop.ui.widgets.palette import CommandPalette, Entry, best
from desktop.ui.window import Window, device_text
from desktop.workbench.chat import ContextUse
from desktop.workbench.settings import SETTINGS
from desktop.workbench.workbench import Workbench
from models.engine.protocol import ModelInfo
from models.engine.scripted import Answer, ScriptedEngine
from models.errors import UserError


class SmallPanel(QWidget):
    """A panel with an action, a picker and something to say."""

    engine_state = Signal(str, str, float)
    context_use = Signal(object)
    speed = Signal(float)
    busy_changed = Signal(bool)
    summarize_requested = Signal(str, str)
    conversation_requested = Signal(str)
    current = "shown"

    def __init__(self, workbench: Workbench, jobs: Jobs, bridge: Bridge, theme: Theme) -> None:
        super().__init__()
        self.done: list[str] = []
        self.picker = ModelPicker(workbench, jobs, bridge, theme)
        self.picker.chosen.connect(lambda key: self.done.append(f"model {key}"))
        self.picker.load_requested.connect(lambda key: self.done.append(f"load {key}"))
        self.field = QLineEdit()
        column = QVBoxLayout(self)
        column.addWidget(self.picker)
        column.addWidget(self.field)

    def new_chat(self) -> None:
        self.done.append("new chat")

    def stop(self) -> None:
        self.done.append("stop")

    def open_conversation(self, id: str) -> None:
        self.done.append(f"open {id}")

    def take_text(self, text: str, name: str) -> None:
        self.done.append(f"text {text} of {name}")

    def take_conversation(self, id: str) -> None:
        self.done.append(f"conversation {id}")

    def about_to_close(self) -> None:
        self.done.append("closing")


@pytest.fixture
def workbench(tmp_path: Path) -> Iterator[Workbench]:
    start = ScriptedEngine.starter(lambda _request: Answer("Yes."))
    with Workbench.open(tmp_path / "data", start_engine=start) as workbench:
        yield workbench


@pytest.fixture
def jobs(qapp: QApplication) -> Iterator[Jobs]:
    jobs = Jobs()
    yield jobs
    assert jobs.close()


@pytest.fixture
def bridge(workbench: Workbench) -> Bridge:
    bridge = Bridge()
    workbench.settings.on_change.append(bridge.setting_was_set)
    return bridge


@pytest.fixture
def theme(qapp: QApplication) -> Theme:
    theme = Theme()
    theme.apply(qapp)
    return theme


@pytest.fixture
def window(qtbot: QtBot, workbench: Workbench, jobs: Jobs, bridge: Bridge, theme: Theme) -> Window:
    window = Window(workbench, jobs, bridge, theme)
    qtbot.addWidget(window)
    window.add_panel("chat", "Chat", "chat", lambda: SmallPanel(workbench, jobs, bridge, theme))
    window.add_panel(
        "settings", "Settings", "settings", lambda: SettingsPanel(workbench, jobs, bridge, theme), bottom=True
    )
    window.show_panel("chat")
    window.show()
    return window


def small(window: Window) -> SmallPanel:
    panel = window.panels["chat"]
    assert isinstance(panel, SmallPanel)
    return panel


def test_the_panels_can_do_what_the_actions_say() -> None:
    panels = (ChatPanel, ModelsPanel, SummarizePanel, RewritePanel)
    missing = [
        row.id
        for row in ACTIONS
        if row.method and not any(callable(getattr(panel, row.method, None)) for panel in panels)
    ]
    assert missing == []
    for signal in ("engine_state", "context_use", "speed", "busy_changed"):
        assert isinstance(getattr(ChatPanel, signal), Signal)


def test_the_rail_shows_the_panels_that_exist_and_the_menu(window: Window) -> None:
    buttons = sorted(window.rail.findChildren(QToolButton), key=lambda button: button.y())
    assert [button.text() for button in buttons] == ["Chat", "Settings", "Menu"]
    assert [button.isChecked() for button in buttons] == [True, False, False]


def test_a_panel_is_made_when_it_is_first_shown(window: Window) -> None:
    assert list(window.panels) == ["chat"]
    window.actions_.run("panel_settings")
    assert isinstance(window.stack.currentWidget(), SettingsPanel)
    window.actions_.run("panel_chat")
    assert window.stack.currentWidget() is window.panels["chat"]


def test_a_click_in_the_rail_shows_the_panel(qtbot: QtBot, window: Window) -> None:
    for word, kind in (("Settings", SettingsPanel), ("Chat", SmallPanel)):
        button = next(b for b in window.rail.findChildren(QToolButton) if b.text() == word)
        qtbot.mouseClick(button, Qt.MouseButton.LeftButton)
        assert isinstance(window.stack.currentWidget(), kind)


def test_an_action_of_a_panel_shows_it_first(window: Window) -> None:
    window.show_panel("settings")
    window.actions_.run("new_chat")
    assert small(window).done == ["new chat"]
    assert window.stack.currentWidget() is small(window)


def test_actions_nobody_can_do_are_off(window: Window) -> None:
    assert window.actions_["new_chat"].isEnabled()
    assert not window.actions_["regenerate"].isEnabled()


def test_stop_is_on_only_while_something_runs(window: Window) -> None:
    assert not window.actions_["stop"].isEnabled()
    small(window).busy_changed.emit(True)
    window.actions_.run("stop")
    small(window).busy_changed.emit(False)
    window.actions_.run("stop")
    assert small(window).done == ["stop"]
    small(window).engine_state.emit("loading", "M", 0.5)
    assert window.actions_["stop"].isEnabled()


def test_a_panel_feeds_the_status_bar(window: Window) -> None:
    panel = small(window)
    panel.engine_state.emit("loading", "SmolLM2 135M", 0.43)
    assert window.status._model.text() == "SmolLM2 135M loading 43%"
    panel.context_use.emit(ContextUse(9, 800, 3, 0, 812, 4096, True))
    panel.speed.emit(74.0)
    assert window.status._context.text() == "812 / 4096 tokens"
    assert window.status._speed.text() == "74 tok/s"
    panel.context_use.emit(None)
    assert window.status._context.text() == ""


def with_another(window: Window, make: Callable[[], SmallPanel]) -> SmallPanel:
    """The window with a second panel that can do the same, which is shown."""
    window.add_panel("summarize", "Summarize", "summarize", make)
    window.show_panel("summarize")
    panel = window.panels["summarize"]
    assert isinstance(panel, SmallPanel)
    return panel


def test_an_action_is_for_the_panel_that_is_shown(
    window: Window, workbench: Workbench, jobs: Jobs, bridge: Bridge, theme: Theme
) -> None:
    other = with_another(window, lambda: SmallPanel(workbench, jobs, bridge, theme))
    window.actions_.run("new_chat")
    assert (other.done, small(window).done) == (["new chat"], [])
    small(window).busy_changed.emit(True)
    window.actions_.run("stop")
    assert (other.done, small(window).done) == (["new chat"], ["stop"])
    assert window.stack.currentWidget() is small(window)


def test_the_status_bar_shows_the_model_of_the_panel_that_is_shown(
    window: Window, workbench: Workbench, jobs: Jobs, bridge: Bridge, theme: Theme
) -> None:
    small(window).engine_state.emit("ready", "First", 1.0)
    small(window).speed.emit(74.0)
    other = with_another(window, lambda: SmallPanel(workbench, jobs, bridge, theme))
    other.engine_state.emit("ready", "Second", 1.0)
    small(window).engine_state.emit("loading", "First", 0.5)
    assert window.status._model.text() == "Second ready"
    assert window.status._speed.text() == ""
    window.show_panel("settings")  # it has no model of its own
    assert window.status._model.text() == "Second ready"
    window.show_panel("chat")
    assert window.status._model.text() == "First loading 50%"
    assert window.status._speed.text() == "74 tok/s"


def test_texts_and_conversations_are_sent_on(
    window: Window, workbench: Workbench, jobs: Jobs, bridge: Bridge, theme: Theme
) -> None:
    other = with_another(window, lambda: SmallPanel(workbench, jobs, bridge, theme))
    window.show_panel("chat")
    small(window).summarize_requested.emit("Some words", "A title")
    assert window.stack.currentWidget() is other
    window.send_conversation("summarize")
    other.conversation_requested.emit("c")
    assert window.stack.currentWidget() is small(window)
    assert other.done == ["text Some words of A title", "conversation shown"]
    assert small(window).done == ["open c"]


def test_memory_and_device_are_read_beside_the_window(
    qtbot: QtBot, window: Window, workbench: Workbench, starter: Path
) -> None:
    panel = small(window)
    workbench.engines.acquire(workbench.settings.load_options(str(starter)))
    panel.picker.set_model("")
    qtbot.waitUntil(lambda: panel.picker.model is not None)
    panel.engine_state.emit("ready", panel.picker.model.name, 1.0)  # type: ignore[union-attr]
    qtbot.waitUntil(lambda: window.status._memory.text().startswith("RAM "))
    qtbot.waitUntil(lambda: window.status._device.text() == "CPU")


def test_the_device_names_the_layers_on_the_gpu() -> None:
    info: dict[str, Any] = dict(
        name="M", architecture="llama", parameters=1, quantization="F16", size_bytes=1, vocab_size=1,
        embedding_size=1, layers=30, context_length=1, context_size=1, chat_template=True,
    )  # fmt: skip
    assert device_text(ModelInfo(gpu_layers=0, **info)) == "CPU"
    assert device_text(ModelInfo(gpu_layers=24, **info)) == "GPU 24 / 30 layers"


def test_a_dead_model_is_said_so_until_it_is_loaded_again(qtbot: QtBot, window: Window) -> None:
    panel = small(window)
    panel.engine_state.emit("ready", "M", 1.0)
    window.tell_dead("M")
    assert window.status._model.text() == "M stopped working"
    panel.engine_state.emit("none", "M", 0.0)
    assert window.status._model.text() == "M stopped working"
    window.status._restart.click()
    assert panel.done == ["load "]
    panel.engine_state.emit("loading", "M", 0.0)
    panel.engine_state.emit("none", "M", 0.0)
    assert window.status._model.text() == "M not loaded"


def test_a_notice_from_anywhere_is_shown_with_its_way_out(
    qtbot: QtBot, window: Window, bridge: Bridge
) -> None:
    done: list[str] = []
    bridge.notice.emit(Notice("Trouble.", "Do this.", (("Fix", lambda: done.append("fixed")),)))
    assert window.notices.text == "Trouble."
    fix = next(b for b in window.notices.findChildren(QAbstractButton) if b.text() == "Fix")
    fix.click()
    assert done == ["fixed"]
    assert window.notices.text == ""


def test_an_error_of_a_job_is_shown_in_plain_words(qtbot: QtBot, window: Window, jobs: Jobs) -> None:
    def fail() -> None:
        raise UserError("The file {name} is gone.", hint="Choose another.", name="a.gguf")

    jobs.run(fail)
    qtbot.waitUntil(lambda: window.notices.text == "The file a.gguf is gone.")


def test_an_error_nobody_expected_offers_a_report(
    qtbot: QtBot, window: Window, jobs: Jobs, qapp: QApplication
) -> None:
    jobs.run(lambda: 1 // 0)
    qtbot.waitUntil(lambda: "ZeroDivisionError" in window.notices.text)
    button = next(b for b in window.notices.findChildren(QAbstractButton) if b.text() == "Copy report")
    button.click()
    assert "Traceback" in qapp.clipboard().text()


def test_the_theme_is_chosen_by_an_action_and_kept(
    qtbot: QtBot, window: Window, workbench: Workbench, theme: Theme
) -> None:
    window.actions_.run("theme_dark")
    qtbot.waitUntil(lambda: theme.dark)
    assert workbench.settings.get("theme") == "dark"
    assert window.actions_["theme_dark"].isChecked()
    window.actions_.run("theme_light")
    qtbot.waitUntil(lambda: not theme.dark)


def test_geometry_is_remembered_and_panels_are_told(
    qtbot: QtBot, window: Window, workbench: Workbench, jobs: Jobs, bridge: Bridge, theme: Theme
) -> None:
    window.resize(880, 600)  # the offscreen screen is small
    window.close()
    assert small(window).done == ["closing"]
    again = Window(workbench, jobs, bridge, theme)
    qtbot.addWidget(again)
    assert again.size() == QSize(880, 600)
    assert not again.isMaximized()


def test_damaged_geometry_is_no_trouble(
    qtbot: QtBot, workbench: Workbench, jobs: Jobs, bridge: Bridge, theme: Theme
) -> None:
    workbench.store.set_setting("window.geometry", "no base64 at all")
    window = Window(workbench, jobs, bridge, theme)
    qtbot.addWidget(window)
    assert window.width() >= window.minimumWidth()


def test_it_fits_a_small_screen(window: Window) -> None:
    window.resize(1024, 700)
    assert window.size() == QSize(1024, 700)


def test_painted_is_told_once(
    qtbot: QtBot, workbench: Workbench, jobs: Jobs, bridge: Bridge, theme: Theme
) -> None:
    window = Window(workbench, jobs, bridge, theme)
    qtbot.addWidget(window)
    told: list[bool] = []
    window.painted.connect(lambda: told.append(True))
    with qtbot.waitSignal(window.painted):
        window.show()
    window.repaint()
    qtbot.wait(50)
    assert told == [True]


def test_every_control_has_a_name(window: Window) -> None:
    window.show_panel("settings")
    controls = [*window.rail.findChildren(QAbstractButton), *window.status.findChildren(QAbstractButton)]
    assert controls
    for control in controls:
        assert control.accessibleName(), control.text()


# ---------------------------------------------------------------- palette


def test_the_palette_finds_actions_conversations_and_models(
    qtbot: QtBot, window: Window, workbench: Workbench
) -> None:
    row = workbench.store.create_conversation(title="Lighthouse story")
    workbench.store.add_message(row.id, None, "user", "Hello")
    palette = shown_palette(window)
    qtbot.waitUntil(lambda: any(entry.fact == "model" for entry in palette._entries))
    qtbot.waitUntil(lambda: any(entry.fact == "conversation" for entry in palette._entries))
    QTest.keyClicks(palette.field, "lighth")
    assert palette.items.entries[0].text == "Lighthouse story"
    QTest.keyClick(palette.field, Qt.Key.Key_Return)
    assert small(window).done == [f"open {row.id}"]
    assert not palette.isVisible()


def test_the_palette_is_used_with_the_keyboard(qtbot: QtBot, window: Window) -> None:
    palette = shown_palette(window)
    QTest.keyClicks(palette.field, "theme")
    words = [entry.text for entry in palette.items.entries]
    assert len(words) >= 3
    QTest.keyClick(palette.field, Qt.Key.Key_Down)
    assert palette.list.currentIndex().row() == 1
    QTest.keyClick(palette.field, Qt.Key.Key_Up)
    QTest.keyClick(palette.field, Qt.Key.Key_Up)
    assert palette.list.currentIndex().row() == len(words) - 1
    QTest.keyClick(palette.field, Qt.Key.Key_Escape)
    assert not palette.isVisible()


def test_the_palette_chooses_a_model(qtbot: QtBot, window: Window) -> None:
    palette = shown_palette(window)
    qtbot.waitUntil(lambda: any(entry.fact == "model" for entry in palette._entries))
    next(entry for entry in palette._entries if entry.fact == "model").act()
    qtbot.waitUntil(lambda: bool(small(window).done))
    assert small(window).done[0].startswith("model smollm2")


def shown_palette(window: Window) -> CommandPalette:
    window.actions_.run("palette")
    assert window.palette_ is not None
    return window.palette_


def found(query: str, *texts: str) -> list[str]:
    return [entry.text for entry in best(query, [Entry(text, "", "chat", lambda: None) for text in texts])]


def test_the_start_of_a_word_comes_before_its_middle_and_letters_last() -> None:
    texts = ("Reopen", "Unopened", "Open file", "One pen")
    assert (
        found("open", *texts) == ["Open file", "Reopen", "Unopened", "One pen"]
        or found("open", *texts)[0] == "Open file"
    )
    assert found("open", *texts) == ["Open file", "Reopen", "Unopened", "One pen"]
    assert found("zebra", *texts) == []
    assert found("", *texts) == list(texts)
    assert found("file open", *texts) == ["Open file"]


# ---------------------------------------------------------------- settings


def test_every_setting_has_a_place_or_is_set_elsewhere() -> None:
    shown = {key for _, keys in GROUPS for key in keys}
    assert {setting.key for setting in SETTINGS} - shown == {"show_list", "show_inspector"}


def test_a_setting_is_changed_in_its_form_and_follows_changes(
    qtbot: QtBot, window: Window, workbench: Workbench
) -> None:
    window.show_panel("settings")
    panel = window.panels["settings"]
    field = next(w for w in panel.findChildren(QWidget) if w.accessibleName() == "Context size")
    field.setValue(8192)  # type: ignore[attr-defined]
    qtbot.waitUntil(lambda: workbench.settings.get("context_size") == 8192)
    workbench.settings.set("context_size", 2048)
    qtbot.waitUntil(lambda: field.value() == 2048)  # type: ignore[attr-defined]


def test_a_setting_that_is_refused_says_why_and_shows_the_old_value(qtbot: QtBot, window: Window) -> None:
    window.show_panel("settings")
    panel = window.panels["settings"]
    assert isinstance(panel, SettingsPanel)
    panel._set("temperature", 99.0)
    qtbot.waitUntil(lambda: "10" in panel._notice.text)


@pytest.mark.parametrize(
    ("label", "value", "words"),
    [
        ("GPU layers", -1, "automatic"),
        ("Threads", 0, "automatic"),
        ("Unload when idle", 0, "never"),
        ("Longest answer", 0, "no limit"),
    ],
)
def test_a_number_that_means_something_of_its_own_is_shown_in_words(
    window: Window, label: str, value: int, words: str
) -> None:
    window.show_panel("settings")
    panel = window.panels["settings"]
    field = next(w for w in panel.findChildren(QSpinBox) if w.accessibleName() == label)
    field.setValue(value)
    assert field.text() == words
    field.setValue(3)
    assert field.text() == "3"
