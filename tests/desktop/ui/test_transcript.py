from __future__ import annotations

import random
import threading
import time
from itertools import pairwise
from types import SimpleNamespace
from typing import Any

import pytest
from PySide6.QtCore import QEvent, QPoint, QPointF, Qt, QUrl
from PySide6.QtGui import QColor, QEnterEvent, QGuiApplication, QTextDocument
from PySide6.QtTest import QTest
from PySide6.QtWidgets import (
    QApplication,
    QLabel,
    QLineEdit,
    QPlainTextEdit,
    QPushButton,
    QVBoxLayout,
    QWidget,
)

from desktop.ui.jobs import Jobs
from desktop.ui.theme import Theme
from desktop.ui.widgets import formula
from desktop.ui.widgets import transcript as module
from desktop.ui.widgets.formula import Drawing, Formulas, draw
from desktop.ui.widgets.markdown import parse
from desktop.ui.widgets.message import MessageView
from desktop.ui.widgets.prose import MAX_SHOWN, Prose
from desktop.ui.widgets.transcript import COLUMN, Transcript

TEXT = "Every evening, before he lit the lamp, **Anselm** walked the rocks.\n\n- *fog*\n- *gale*\n"
CODE = "```python\n" + "\n".join(f"value_{i} = {i}  # {'x' * 120}" for i in range(200)) + "\n```\n"


def row(id: str, role: str = "assistant", content: str = "", **more: Any) -> Any:
    """A look-alike of the store's row."""
    fields = {
        "id": id, "conversation": "c", "parent": None, "role": role, "content": content, "thinking": "",
        "status": "done", "created": 0.0, "model": "/models/tiny.gguf", "system": "", "settings": {},
        "finish_reason": "stop", "usage": {}, "timings": {}, "error": "", "sibling": 0, "siblings": 1,
    }  # fmt: skip
    return SimpleNamespace(**{**fields, **more})


def conversation(count: int) -> list[Any]:
    rng = random.Random(5)
    return [
        row(f"m{i}", "user", f"Question {i}")
        if i % 2 == 0
        else row(f"m{i}", content=TEXT * rng.randint(1, 6))
        for i in range(count)
    ]


@pytest.fixture
def theme(qapp: QApplication) -> Theme:
    theme = Theme()
    theme.set_scheme("light")
    theme.apply(qapp)
    return theme


@pytest.fixture
def transcript(qtbot: Any, theme: Theme) -> Transcript:
    widget = Transcript(theme)
    qtbot.addWidget(widget)
    widget.resize(768, 600)
    widget.show()
    return widget


def settle(milliseconds: int = 30) -> None:
    QTest.qWait(milliseconds)


def view(transcript: Transcript, message_id: str) -> MessageView:
    found = transcript.view(message_id)
    assert found is not None
    return found


def button(widget: QWidget, text: str) -> QPushButton:
    return next(b for b in widget.findChildren(QPushButton) if b.text() == text and b.isVisible())


def words(widget: QWidget) -> list[str]:
    return [label.text() for label in widget.findChildren(QLabel) if label.isVisible()]


def hover(widget: QWidget, inside: bool = True) -> None:
    point = QPointF(5, 5)
    event = QEnterEvent(point, point, point) if inside else QEvent(QEvent.Type.Leave)
    QApplication.sendEvent(widget, event)


# ---------------------------------------------------------------- text


def structure(prose: Prose) -> list[tuple[str, float, float, str]]:
    return [(box.block.kind, box.y, box.height, box.text(0, box.length)) for box in prose.boxes]


@pytest.mark.parametrize("seed", range(6))
def test_streamed_text_is_drawn_as_at_once(qtbot: Any, theme: Theme, seed: int) -> None:
    rng = random.Random(seed)
    text = (
        "# Head\n\n"
        + TEXT
        + CODE
        + "| a | b |\n|---|---|\n| 1 | **2** |\n\n> quote\n\n1. one\n2. two\n"
        + TEXT
    )
    formulas = Formulas()
    whole, grown = Prose(theme, formulas), Prose(theme, formulas)
    qtbot.addWidget(whole)
    qtbot.addWidget(grown)
    whole.set_text(text)
    whole.lay_out(600)
    grown.lay_out(600)
    at = 0
    while at < len(text):
        size = rng.choice([1, 3, 14, 200])
        grown.append(text[at : at + size])
        at += size
    grown.finish()
    qtbot.waitUntil(whole.shows_everything)
    assert [box.block for box in grown.boxes] == parse(text)
    assert structure(grown) == structure(whole)
    assert grown.lay_out(600) == whole.lay_out(600)


def test_finished_blocks_are_not_drawn_again(qtbot: Any, theme: Theme) -> None:
    prose = Prose(theme, Formulas())
    qtbot.addWidget(prose)
    prose.lay_out(600)
    prose.append(TEXT * 20)
    before = list(prose.boxes[:-2])
    prose.append("more\n\nand more")
    prose.finish()
    assert prose.boxes[: len(before)] == before


def test_selection_runs_through_blocks_and_copies(qtbot: Any, theme: Theme) -> None:
    prose = Prose(theme, Formulas())
    qtbot.addWidget(prose)
    prose.set_text("First **bold**.\n\n- one\n- two\n\n```\ncode\n```")
    prose.resize(600, prose.lay_out(600))
    prose.show()
    prose.select_all()
    assert prose.selected_text() == "First bold.\n\n- one\n- two\n\ncode"
    first, last = prose.boxes[0], prose.boxes[2]
    QTest.mousePress(prose, Qt.MouseButton.LeftButton, pos=QPoint(0, int(first.y) + 12))
    event_pos = QPoint(int(last.x) + 400, int(last.y) + 12)
    QTest.mouseMove(prose, event_pos)
    QTest.mouseRelease(prose, Qt.MouseButton.LeftButton, pos=event_pos)
    assert prose.copy()
    assert QGuiApplication.clipboard().text() == "First bold.\n\n- one\n- two"


def test_links_are_told_and_not_opened(qtbot: Any, theme: Theme) -> None:
    prose = Prose(theme, Formulas())
    qtbot.addWidget(prose)
    prose.set_text("[here](https://example.org/a?b=1) and [there](file:///etc/passwd)")
    prose.resize(600, prose.lay_out(600))
    with qtbot.waitSignal(prose.link_activated) as signal:
        QTest.mouseClick(prose, Qt.MouseButton.LeftButton, pos=QPoint(10, 12))
    assert signal.args == ["https://example.org/a?b=1"]
    assert prose.links() == ["https://example.org/a?b=1"]


def test_nothing_is_loaded(qtbot: Any, theme: Theme) -> None:
    prose = Prose(theme, Formulas())
    qtbot.addWidget(prose)
    prose.set_text("![a picture](/dev/zero) <img src='/dev/zero'>")
    assert prose.boxes[0].text(0, 100) == "[image: a picture] <img src='/dev/zero'>"
    image = prose.boxes[0].document.loadResource(
        QTextDocument.ResourceType.ImageResource.value, QUrl("/dev/zero")
    )
    assert (image.width(), image.height()) == (1, 1)


def test_code_has_colours_a_label_and_is_copied_whole(qtbot: Any, theme: Theme) -> None:
    prose = Prose(theme, Formulas())
    qtbot.addWidget(prose)
    prose.set_text(CODE)
    qtbot.waitUntil(prose.shows_everything)
    prose.resize(600, prose.lay_out(600))
    prose.show()
    assert len(prose.boxes) > 2
    assert all(box.overflow > 0 for box in prose.boxes)
    formats = prose.boxes[0].document.begin().layout().formats()
    assert {QColor(f.format.foreground().color()).name() for f in formats} >= {"#96501b", "#6e685f"}
    button(prose, "Copy").click()
    assert QGuiApplication.clipboard().text() == CODE.removeprefix("```python\n").removesuffix("\n```\n")


def test_formulas_are_drawn_or_shown_as_source(qtbot: Any, theme: Theme) -> None:
    formulas = Formulas()
    prose = Prose(theme, formulas)
    qtbot.addWidget(prose)
    prose.set_text("Let $x^2$ be.\n\n$$\\frac{a}{b}$$\n\n$$\\frac{$$\n\n$\\left($ end")
    prose.lay_out(600)
    assert "x^2" in prose.boxes[0].text(0, 100)  # as source, until it is drawn
    qtbot.waitUntil(lambda: not any(box.missing for box in prose.boxes), timeout=20_000)
    assert [len(box.drawings) for box in prose.boxes] == [1, 1, 0, 0]
    prose.select_all()
    text = prose.selected_text()
    assert text.startswith("Let $x^2$ be.\n\n$$\\frac{a}{b}$$")
    assert "\\frac{" in text


def test_formulas_are_made_off_the_gui_thread(qtbot: Any, theme: Theme, monkeypatch: Any) -> None:
    threads = []

    def watched(source: str, display: bool, size: float) -> Drawing | None:
        threads.append(threading.current_thread())
        return draw(source, display, size)

    monkeypatch.setattr(formula, "draw", watched)
    jobs = Jobs()
    try:
        transcript = Transcript(theme, jobs=jobs)
        qtbot.addWidget(transcript)
        transcript.resize(768, 600)
        transcript.show()
        transcript.set_messages([row("a", content="Let $x^2$ be $y$.")])
        prose = view(transcript, "a").prose
        qtbot.waitUntil(lambda: len(prose.boxes[0].drawings) == 2, timeout=20_000)
    finally:
        jobs.close()
    assert threads
    assert threading.main_thread() not in threads


def test_hostile_formulas_are_refused_quickly() -> None:
    start = time.monotonic()
    for source in [
        "{" * 1500,
        "\\frac" * 300,
        "x" * 5000,
        "\\left(" * 200,
        "^" * 1000,
        "\\begin{matrix}" * 50,
        "",
    ]:
        draw(source, True, 16.0)
    assert time.monotonic() - start < 20


@pytest.mark.parametrize("role", ["user", "assistant"])
@pytest.mark.parametrize(
    "text",
    ["w" * 1_000_000, TEXT * 12_000, "> " * 500_000, "|a|b|\n|-|-|\n" + "|1|2|\n" * 160_000, "[" * 1_000_000],
)
def test_a_huge_message_is_shown_in_parts(transcript: Transcript, role: str, text: str) -> None:
    longest = 0.0
    start = time.perf_counter()
    transcript.set_messages([row("big", role, text)])
    longest = time.perf_counter() - start
    prose = view(transcript, "big").prose
    for _ in range(300):
        start = time.perf_counter()
        QApplication.processEvents()
        longest = max(longest, time.perf_counter() - start)
        if prose._shown >= prose._limit:
            break
    # Far below what one layout of it would take, and far above what a busy machine adds.
    assert longest < 2
    assert 0 < prose._shown <= MAX_SHOWN
    shown = prose._shown
    more = prose.stops()[-1]
    assert isinstance(more, QPushButton)
    more.click()
    settle(200)
    assert prose._shown > shown


# ---------------------------------------------------------------- the column


def test_heights_are_guessed_once_for_a_width_of_the_column(
    transcript: Transcript, monkeypatch: pytest.MonkeyPatch
) -> None:
    guesses: list[float] = []
    estimate = module._estimate
    monkeypatch.setattr(module, "_estimate", lambda *a: guesses.append(a[1]) or estimate(*a))
    transcript.set_messages(conversation(3_000))
    settle()
    transcript.resize(1000, 600)
    settle()
    assert len(guesses) == 3_000
    built = len(transcript._views)
    before = transcript.verticalScrollBar().maximum()
    transcript.resize(400, 600)
    settle()
    assert 5_900 < len(guesses) <= 6_000 - min(built, 1)
    assert transcript.verticalScrollBar().maximum() > before
    assert transcript.following


def test_only_what_is_in_view_is_built(transcript: Transcript) -> None:
    transcript.set_messages(conversation(10_000))
    settle()
    assert transcript.row_count() == 10_000
    assert transcript.view("m9999") is not None  # opens at its end
    assert transcript.view("m0") is None
    bar = transcript.verticalScrollBar()
    rng = random.Random(1)
    for _ in range(20):
        bar.setValue(rng.randrange(bar.maximum()))
        QApplication.processEvents()
        assert len(transcript._views) < 40
    bar.setValue(0)
    settle()
    assert transcript.view("m0") is not None
    assert transcript.view("m9999") is None


def test_what_is_read_does_not_jump(transcript: Transcript) -> None:
    transcript.set_messages(conversation(400))
    settle()
    bar = transcript.verticalScrollBar()
    bar.setValue(bar.maximum() // 2)
    settle()
    for _ in range(60):
        seen = {id: v.y() for id, v in transcript._views.items() if 0 <= v.y() < 500}
        bar.setValue(bar.value() - 50)
        QApplication.processEvents()
        for message_id, y in seen.items():
            found = transcript.view(message_id)
            assert found is None or found.y() == y + 50
    seen = {id: v.y() for id, v in transcript._views.items() if 0 <= v.y() < 500}
    transcript.append_text("m399", TEXT * 10)
    transcript.add_message(row("new", content=TEXT))
    settle()
    assert {id: view(transcript, id).y() for id in seen} == seen


def test_follows_the_end_until_the_user_scrolls_up(transcript: Transcript) -> None:
    transcript.set_messages(conversation(20))
    transcript.add_message(row("u", "user", "go"))
    transcript.add_message(row("a", status="streaming"))
    bar = transcript.verticalScrollBar()
    for _ in range(30):
        transcript.append_text("a", TEXT)
        assert bar.value() == bar.maximum()
    bar.setValue(bar.value() - 200)
    assert not transcript.following
    settle()
    y = view(transcript, "a").y()
    transcript.append_text("a", TEXT * 5)
    settle()
    assert view(transcript, "a").y() == y
    jump = button(transcript, "Jump to latest")
    jump.click()
    assert transcript.following
    assert bar.value() == bar.maximum()
    assert not jump.isVisible()


def test_messages_do_not_overlap_and_stay_in_the_column(transcript: Transcript) -> None:
    transcript.resize(1200, 700)
    transcript.set_messages(conversation(30))
    settle()
    views = sorted(transcript._views.values(), key=lambda v: v.y())
    assert len(views) > 2
    for above, below in pairwise(views):
        assert above.geometry().bottom() < below.y()
    assert {v.width() for v in views} == {COLUMN + 16}
    assert {v.x() for v in views} == {(1200 - COLUMN) // 2 - 8}
    transcript.resize(500, 700)
    settle()
    assert all(v.geometry().right() < 500 for v in transcript._views.values())


def test_a_changed_branch_keeps_the_shared_messages(transcript: Transcript) -> None:
    rows = [row("u", "user", "Q"), row("a1", content="one", siblings=2)]
    transcript.set_messages(rows)
    kept = view(transcript, "u")
    transcript.set_messages([rows[0], row("a2", content="two", sibling=1, siblings=2)])
    settle()
    assert view(transcript, "u") is kept
    assert transcript.view("a1") is None
    assert "2 / 2" in words(view(transcript, "a2"))
    transcript.clear()
    assert transcript.row_count() == 0
    assert not transcript._views


# ---------------------------------------------------------------- one message


def test_states_are_said_in_words(transcript: Transcript) -> None:
    more = {"usage": {"completion_tokens": 128}, "timings": {"tokens_per_second": 74.2, "decode_s": 1.75}}
    transcript.resize(768, 1400)
    transcript.set_messages(
        [
            row("interrupted", content="Half", status="interrupted"),
            row("stopped", content="Half", status="stopped"),
            row("failed", status="failed", error="Not enough <b>memory</b>."),
            row("length", content="Long", finish_reason="length", **more),
        ]
    )
    settle()
    assert "The model stopped working here." in words(view(transcript, "interrupted"))
    assert "Stopped" in words(view(transcript, "stopped"))
    assert "Not enough <b>memory</b>." in words(view(transcript, "failed"))
    assert "Reached the token limit" in words(view(transcript, "length"))
    assert "74 tok/s · 128 tokens · 1.8 s" in words(view(transcript, "length"))
    assert "tiny" in words(view(transcript, "length"))
    heard: list[tuple[str, str]] = []
    transcript.restart_requested.connect(lambda id: heard.append(("restart", id)))
    transcript.continue_requested.connect(lambda id: heard.append(("continue", id)))
    button(view(transcript, "interrupted"), "Restart").click()
    button(view(transcript, "length"), "Continue").click()
    assert heard == [("restart", "interrupted"), ("continue", "length")]


def test_actions_appear_on_hover_without_moving_anything(transcript: Transcript) -> None:
    transcript.set_messages([row("u", "user", "Q"), row("a", content="A", sibling=1, siblings=3)])
    settle()
    answer = view(transcript, "a")
    hover(answer, False)
    before = answer.geometry()
    assert not [b for b in answer.findChildren(QPushButton) if b.text() == "copy" and b.isVisible()]
    hover(answer)
    assert answer.geometry() == before
    heard: list[tuple[object, ...]] = []
    for name in ("copy", "regenerate", "continue", "delete", "saw", "rewrite"):
        signal = getattr(transcript, f"{name}_requested")
        signal.connect(lambda id, name=name: heard.append((name, id)))
    transcript.branch_requested.connect(lambda id, step: heard.append(("branch", id, step)))
    for text in ("copy", "regenerate", "continue", "what it saw", "rewrite", "delete", "‹", "›"):
        button(answer, text).click()
    assert heard == [
        *[(name, "a") for name in ("copy", "regenerate", "continue", "saw", "rewrite", "delete")],
        ("branch", "a", -1),
        ("branch", "a", 1),
    ]
    assert all(b.accessibleName() for b in answer.findChildren(QPushButton))
    transcript.set_busy("a")
    shown = {b.text() for b in answer.findChildren(QPushButton) if b.isVisible() and b.isEnabled()}
    assert shown == {"copy", "what it saw"}


def test_editing_in_place(transcript: Transcript, qtbot: Any) -> None:
    transcript.set_messages([row("u", "user", "Old text"), row("a", content="A")])
    settle()
    mine = view(transcript, "u")
    hover(mine)
    button(mine, "edit").click()
    field = mine.findChildren(QPlainTextEdit)[0]
    assert field.toPlainText() == "Old text"
    QTest.keyClick(field, Qt.Key.Key_Escape)
    assert not mine.editing
    hover(mine)
    button(mine, "edit").click()
    field = mine.findChildren(QPlainTextEdit)[-1]
    field.setPlainText("New text\n" * 12)
    assert field.height() > 150
    with qtbot.waitSignal(transcript.edit_submitted) as signal:
        QTest.keyClick(field, Qt.Key.Key_Return, Qt.KeyboardModifier.ControlModifier)
    assert signal.args == ["u", "New text\n" * 12]
    assert not mine.editing


def test_an_endless_line_is_not_put_into_a_field(transcript: Transcript) -> None:
    transcript.set_messages([row("u", "user", "w" * 1_000_000), row("v", "user", TEXT * 7_000)])
    settle()
    transcript.start_edit("u")
    assert not view(transcript, "u").editing
    transcript.start_edit("v")
    assert view(transcript, "v").editing


def test_an_open_edit_survives_scrolling_away(transcript: Transcript) -> None:
    transcript.set_messages(conversation(200))
    settle()
    view(transcript, "m198").start_edit("half written")
    transcript.verticalScrollBar().setValue(0)
    settle()
    transcript.jump_to_latest()
    settle()
    field = view(transcript, "m198").findChildren(QPlainTextEdit)[0]
    assert field.toPlainText() == "half written"


def test_thinking_streams_open_and_folds_away(transcript: Transcript) -> None:
    transcript.add_message(row("u", "user", "Q"))
    transcript.add_message(row("a", status="streaming"))
    transcript.set_progress("a", "Reading the prompt 43%")
    answer = view(transcript, "a")
    assert "Reading the prompt 43%" in words(answer)
    transcript.append_thinking("a", "Let me see. ")
    transcript.append_thinking("a", "Yes.")
    assert "Reading the prompt 43%" not in words(answer)
    assert answer._thinking_prose is not None
    assert answer._thinking_prose.boxes[0].text(0, 100) == "Let me see. Yes."
    button(answer, "Thinking…")
    transcript.append_text("a", "The answer.")
    assert answer._thinking_prose is None
    folded = answer.height()
    button(answer, "Thought for 1 s").click()
    settle()
    assert answer._thinking_prose is not None
    assert answer.height() > folded
    done = row("a", content="The answer.", thinking="Let me see. Yes.")
    transcript.update_message(done)
    assert answer._thinking_prose is not None


def test_the_final_row_replaces_what_was_streamed(transcript: Transcript) -> None:
    transcript.add_message(row("a", status="streaming"))
    transcript.append_text("a", "One\n\nTwo")
    prose = view(transcript, "a").prose
    boxes = list(prose.boxes)
    transcript.update_message(row("a", content="One\n\nTwo"))
    assert prose.boxes == boxes
    transcript.update_message(row("a", content="Another"))
    assert [box.text(0, 100) for box in prose.boxes] == ["Another"]


# ---------------------------------------------------------------- keyboard and theme


def test_keyboard_reaches_everything(qtbot: Any, theme: Theme) -> None:
    window = QWidget()
    layout = QVBoxLayout(window)
    before, transcript, after = QLineEdit(), Transcript(theme), QLineEdit()
    for widget in (before, transcript, after):
        layout.addWidget(widget)
    qtbot.addWidget(window)
    window.resize(768, 600)
    window.show()
    window.activateWindow()
    transcript.set_messages([row("u", "user", "Q"), row("a", content="Answer with\n\n```\ncode\n```")])
    settle()
    before.setFocus()

    def tab(key: Qt.Key = Qt.Key.Key_Tab) -> QWidget:
        QTest.keyClick(QApplication.focusWidget(), key)
        focus = QApplication.focusWidget()
        assert focus is not None
        return focus

    answer = view(transcript, "a")
    assert tab() is answer
    assert answer.accessibleName() == "Answer: Answer with ``` code ```"
    reached = []
    while (focus := tab()) is not after:
        assert isinstance(focus, QPushButton)
        reached.append(focus.text())
        assert len(reached) < 20
    assert reached == ["Copy", "copy", "edit", "regenerate", "continue", "what it saw", "rewrite", "delete"]
    assert tab(Qt.Key.Key_Backtab) is answer
    assert tab(Qt.Key.Key_Backtab) is view(transcript, "u")
    assert tab(Qt.Key.Key_Backtab) is before


def test_keys_scroll_and_select(transcript: Transcript) -> None:
    transcript.window().activateWindow()
    transcript.set_messages(conversation(100))
    settle()
    bar = transcript.verticalScrollBar()
    QTest.keyClick(transcript, Qt.Key.Key_Tab)
    focus = QApplication.focusWidget()
    assert isinstance(focus, MessageView)
    value = bar.value()
    for key, sign in (
        (Qt.Key.Key_Up, -1),
        (Qt.Key.Key_PageUp, -1),
        (Qt.Key.Key_Down, 1),
        (Qt.Key.Key_PageDown, 1),
    ):
        QTest.keyClick(QApplication.focusWidget(), key)
        assert (bar.value() - value) * sign > 0
        value = bar.value()
    QTest.keyClick(QApplication.focusWidget(), Qt.Key.Key_Home)
    assert bar.value() == 0
    QTest.keyClick(QApplication.focusWidget(), Qt.Key.Key_End)
    assert bar.value() == bar.maximum()
    QTest.keyClick(focus, Qt.Key.Key_Right, Qt.KeyboardModifier.ShiftModifier)
    QTest.keyClick(focus, Qt.Key.Key_Right, Qt.KeyboardModifier.ShiftModifier)
    assert focus.prose.selected_text() == "Ev"
    QTest.keyClick(focus, Qt.Key.Key_C, Qt.KeyboardModifier.ControlModifier)
    assert QGuiApplication.clipboard().text() == "Ev"


def test_the_theme_changes_while_it_is_shown(transcript: Transcript, theme: Theme) -> None:
    transcript.set_messages([row("u", "user", "Q"), row("a", content=TEXT + "\n```python\nx = 1\n```\n$x$")])
    settle()
    colours = {}
    for scheme in ("light", "dark"):
        theme.set_scheme(scheme)
        settle()
        image = transcript.grab().toImage()
        bubble = view(transcript, "u")
        point = bubble.pos() + QPoint(int(bubble._bubble.right()) - 6, int(bubble._bubble.center().y()))
        colours[scheme] = QColor(image.pixel(point)).name().upper()
        assert colours[scheme] == theme.tokens.tint
        assert {box.style.color for box in view(transcript, "a").prose.boxes} == {theme.tokens.text}
