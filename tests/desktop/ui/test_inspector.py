"""The inspector and the view of the exact prompt."""

from __future__ import annotations

import pytest
from PySide6.QtCore import Qt
from PySide6.QtGui import QGuiApplication
from PySide6.QtWidgets import QApplication, QDoubleSpinBox, QScrollArea, QToolButton
from pytestqt.qtbot import QtBot

from desktop.ui.theme import Theme
from desktop.ui.widgets.inspector import Inspector
from desktop.ui.widgets.prompt_view import PromptView, broken_lines, segments
from desktop.workbench.chat import ContextUse
from desktop.workbench.chat_settings import ChatSettings
from models.engine.protocol import Adapter, Prompt, Sampling


@pytest.fixture
def theme(qapp: QApplication) -> Theme:
    """The real look."""
    theme = Theme()
    theme.apply(qapp)
    return theme


@pytest.fixture
def inspector(qtbot: QtBot, theme: Theme) -> Inspector:
    """An inspector on the screen."""
    inspector = Inspector(theme)
    qtbot.addWidget(inspector)
    inspector.resize(264, 740)
    inspector.show()
    return inspector


def type_into(qtbot: QtBot, box: object, text: str) -> None:
    """Replace what a box shows by typing."""
    box.setFocus()  # type: ignore[attr-defined]
    box.selectAll()  # type: ignore[attr-defined]
    qtbot.keyClicks(box, text)
    qtbot.keyClick(box, Qt.Key.Key_Return)


def test_showing_a_conversation_reports_nothing(qtbot: QtBot, inspector: Inspector) -> None:
    settings = ChatSettings(Sampling(temperature=0.333, seed=7, min_p=0.2), max_tokens=50, mode="exact")
    reported: list[object] = []
    inspector.settings_changed.connect(reported.append)
    inspector.system_changed.connect(reported.append)
    inspector.set_conversation("Be brief.", settings)
    inspector.flush()
    assert reported == []
    assert inspector.settings() == settings, "a value with more decimals than are shown is kept"
    assert inspector.system.toPlainText() == "Be brief."


def test_values_can_be_typed(qtbot: QtBot, inspector: Inspector) -> None:
    inspector.set_conversation("", ChatSettings())
    with qtbot.waitSignal(inspector.settings_changed) as changed:
        type_into(qtbot, inspector.dials["temperature"].box, "1.25")
        type_into(qtbot, inspector.seed, "42")
        type_into(qtbot, inspector.max_tokens, "128")
        type_into(qtbot, inspector.top_k, "0")
    settings = changed.args[0]
    assert settings.sampling.temperature == 1.25
    assert settings.sampling.seed == 42
    assert settings.sampling.top_k == 0
    assert settings.max_tokens == 128
    assert inspector.dials["temperature"].slider.value() == 25


def test_the_slider_moves_by_keyboard(qtbot: QtBot, inspector: Inspector) -> None:
    inspector.set_conversation("", ChatSettings(Sampling(top_p=0.9)))
    slider = inspector.dials["top_p"].slider
    with qtbot.waitSignal(inspector.settings_changed) as changed:
        qtbot.keyClick(slider, Qt.Key.Key_Right)
    assert changed.args[0].sampling.top_p == 0.91


def test_a_value_beyond_the_slider_stays_exact(inspector: Inspector) -> None:
    inspector.set_conversation("", ChatSettings(Sampling(temperature=5.0)))
    assert inspector.settings().sampling.temperature == 5.0


@pytest.mark.parametrize("text", ["random", "", "RAN"])
def test_the_seed_can_be_random_again(qtbot: QtBot, inspector: Inspector, text: str) -> None:
    inspector.set_conversation("", ChatSettings(Sampling(seed=9)))
    assert inspector.seed.text() == "9"
    inspector.seed.setFocus()
    inspector.seed.selectAll()
    qtbot.keyClick(inspector.seed, Qt.Key.Key_Backspace)
    qtbot.keyClicks(inspector.seed, text)
    qtbot.keyClick(inspector.seed, Qt.Key.Key_Return)
    assert inspector.settings().sampling.seed is None
    assert inspector.seed.text() == "random"


def test_the_system_prompt_is_reported_once_typing_paused(qtbot: QtBot, inspector: Inspector) -> None:
    reported: list[str] = []
    inspector.system_changed.connect(reported.append)
    qtbot.keyClicks(inspector.system, "Be kind.")
    qtbot.waitUntil(lambda: bool(reported))
    assert reported == ["Be kind."]


def test_context_and_layers_wait_for_apply(qtbot: QtBot, inspector: Inspector) -> None:
    inspector.set_conversation("", ChatSettings(context_size=4096))
    inspector.set_limits(8192, 30)
    assert not inspector.reload.isVisible()
    reported: list[ChatSettings] = []
    inspector.settings_changed.connect(reported.append)
    type_into(qtbot, inspector.context, "8192")
    assert inspector.reload.isVisible()
    inspector.flush()
    assert reported == []
    assert inspector.settings().context_size == 4096
    with qtbot.waitSignal(inspector.reload_requested) as asked:
        qtbot.mouseClick(inspector.reload, Qt.MouseButton.LeftButton)
    assert asked.args[0].context_size == 8192
    assert not inspector.reload.isVisible()


def test_the_context_is_no_larger_than_the_model_allows(qtbot: QtBot, inspector: Inspector) -> None:
    inspector.set_conversation("", ChatSettings(context_size=2048))
    inspector.set_limits(8192)
    assert inspector.context.maximum() == 8192


def test_rarer_values_are_folded_and_opened_by_keyboard(qtbot: QtBot, inspector: Inspector) -> None:
    inspector.set_conversation("", ChatSettings())
    presence = inspector.penalties["presence_penalty"]
    assert not presence.isVisible()
    inspector.more.setFocus()
    qtbot.keyClick(inspector.more, Qt.Key.Key_Space)
    assert presence.isVisible()
    with qtbot.waitSignal(inspector.settings_changed) as changed:
        type_into(qtbot, presence, "0.75")
        type_into(qtbot, inspector.penalties["frequency_penalty"], "-0.5")
        type_into(qtbot, inspector.penalties["repeat_penalty"], "1.1")
    sampling = changed.args[0].sampling
    assert (sampling.presence_penalty, sampling.frequency_penalty) == (0.75, -0.5)
    assert sampling.repeat_penalty == 1.1
    inspector.set_conversation("", ChatSettings())
    assert not presence.isVisible()
    inspector.set_conversation("", ChatSettings(Sampling(frequency_penalty=0.2)))
    assert presence.isVisible(), "what has an effect is not hidden"


def test_thinking_is_offered_for_a_model_that_thinks(qtbot: QtBot, inspector: Inspector) -> None:
    inspector.set_conversation("", ChatSettings(thinking=False))
    inspector.set_limits(8192, 30)
    assert not inspector.thinking.isVisible()
    assert inspector.settings().thinking is False
    inspector.set_limits(8192, 30, thinks=True)
    assert inspector.thinking.isVisible()
    assert inspector.thinking.currentText() == "off"
    for keys, value in ((Qt.Key.Key_Up, True), (Qt.Key.Key_Up, None)):
        with qtbot.waitSignal(inspector.settings_changed) as changed:
            qtbot.keyClick(inspector.thinking, keys)
        assert changed.args[0].thinking is value


def test_it_fits_a_small_screen_without_scrolling(inspector: Inspector) -> None:
    inspector.set_limits(8192, 30, thinks=True)
    inspector.resize(264, 768 - 30)
    area = inspector.findChild(QScrollArea)
    assert area.widget().sizeHint().height() <= 768 - 30


def test_an_endless_word_in_the_system_prompt_does_not_stop_it(inspector: Inspector) -> None:
    inspector.system.insertPlainText("x" * 300_000)
    inspector.flush()
    assert inspector.system.toPlainText() == "x" * 300_000


def test_what_the_model_saw(inspector: Inspector) -> None:
    inspector.set_use(ContextUse(9, 803, 1, 24, 837, 4096, exact=True))
    assert inspector.system_tokens.text() == "9 tokens"
    assert inspector.conversation_tokens.text() == "803 tokens"
    assert inspector.draft_tokens.text() == "1 token"
    assert inspector.marks_tokens.text() == "24 tokens"
    inspector.set_use(ContextUse(9, 803, 1, 24, 837, 4096, exact=False))
    assert inspector.conversation_tokens.text() == "about 803 tokens"


# ---------------------------------------------------------------- the exact prompt

RENDERED = "<|im_start|>user\nSay <|im_end|> twice<|im_end|>\n<|im_start|>assistant\n"


def test_only_the_templates_own_marks_are_marks() -> None:
    pieces = list(segments(RENDERED, ["", "Say <|im_end|> twice"]))
    assert "".join(text for text, _ in pieces) == RENDERED
    assert [text for text, mark in pieces if not mark] == ["Say <|im_end|> twice"]


def test_a_message_that_was_stripped_or_left_out_is_no_trouble() -> None:
    pieces = list(segments("<s>hello</s><s>bye</s>", ["  hello\n", "never there", "bye"]))
    assert [text for text, mark in pieces if not mark] == ["hello", "bye"]
    assert "".join(text for text, _ in pieces) == "<s>hello</s><s>bye</s>"


def test_enormous_lines_are_broken_for_showing() -> None:
    assert broken_lines("short\nlines") == "short\nlines"
    assert broken_lines("a" * 9 + "\nb", width=4) == "aaaa\naaaa\na\nb"


def test_the_prompt_view_shows_and_copies_exactly(qtbot: QtBot, theme: Theme) -> None:
    prompt = Prompt(text=RENDERED, tokens=tuple(range(12)), parts=(5,))
    view = PromptView(prompt, ["Say <|im_end|> twice"], theme)
    qtbot.addWidget(view)
    view.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose, False)
    view.show()
    assert view.view.toPlainText() == RENDERED
    assert view.facts.text().startswith("12 tokens, 7 of them")
    marked = []
    block = view.view.document().begin()
    while block.isValid():
        for fragment in (part.fragment() for part in block):
            if fragment.charFormat().background().style() != Qt.BrushStyle.NoBrush:
                marked.append(fragment.text())
        block = block.next()
    assert "Say <|im_end|> twice" not in marked
    assert "<|im_start|>user" in marked
    qtbot.mouseClick(view.copy_button, Qt.MouseButton.LeftButton)
    assert QGuiApplication.clipboard().text() == RENDERED


def test_adapters_are_added_weighed_and_taken_away(qtbot: QtBot, inspector: Inspector) -> None:
    with qtbot.waitSignal(inspector.settings_changed) as changed:
        inspector.adapters.add_file("/adapters/poet.gguf")
    assert changed.args[0].adapters == (Adapter("/adapters/poet.gguf", 1.0),)
    box = next(b for b in inspector.findChildren(QDoubleSpinBox) if "poet.gguf" in b.accessibleName())
    box.setFocus()
    with qtbot.waitSignal(inspector.settings_changed) as changed:
        qtbot.keyClick(box, Qt.Key.Key_Down)
    assert changed.args[0].adapters == (Adapter("/adapters/poet.gguf", 0.9),)
    gone = next(b for b in inspector.findChildren(QToolButton) if "poet.gguf" in b.accessibleName())
    with qtbot.waitSignal(inspector.settings_changed) as changed:
        gone.click()
    assert changed.args[0].adapters == ()
