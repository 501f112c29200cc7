"""The first launch, with the real starter model in its real process, and the day after."""

from __future__ import annotations

from pathlib import Path

from flows.conftest import Open
from flows.story import Story
from PySide6.QtGui import QPalette

QUESTION = "Write two sentences about the sea."


def test_a_question_is_answered_and_still_there_tomorrow(open_app: Open, tmp_path: Path) -> None:
    """A fresh folder: the starter is there, an answer streams in, and a restart shows all of it."""
    story = open_app(tmp_path / "new" / "data")
    # So that it says the same every time, and does not go on for ever.
    story.workbench.settings.set("temperature", 0.0)
    story.workbench.settings.set("max_tokens", 80)
    story.until(lambda: "SmolLM2" in story.panel.picker.text(), "the starter is chosen")
    assert story.conversations() == []
    story.send(QUESTION)
    story.until(lambda: story.panel.busy and story.shown() not in ("", QUESTION), "the answer begins")
    begun = story.shown()
    story.settle()
    answer = story.shown()
    assert "sea" in answer
    assert answer.startswith(begun)
    assert len(answer) > len(begun), "it came piece by piece"
    assert [row.status for row in story.rows()] == ["done", "done"]
    assert story.conversations() == [QUESTION]
    assert len(story.engine_pids()) == 1
    story.write("Name thr")
    story.close()

    later = open_app(tmp_path / "new" / "data")
    assert later.rows() == []
    later.until(lambda: later.conversations() == [QUESTION], "the conversation is listed")
    later.do("next_conversation")
    later.until(lambda: len(later.rows()) == 2, "the conversation is open")
    assert later.shown(0) == QUESTION
    assert later.shown() == answer
    assert later.panel.composer.text() == "Name thr", "the draft of yesterday"
    later.do("focus_composer")
    later.keys("ee colors.")
    later.key("Return")
    later.until(lambda: len(later.rows()) == 4, "the conversation goes on")
    later.settle()
    assert later.rows()[2].content == "Name three colors."
    assert later.rows()[3].content != ""
    assert later.rows()[3].usage["cached_tokens"] == 0
    third = later.ask("Thank you.")
    assert third
    usage = later.rows()[-1].usage
    assert usage["cached_tokens"] > usage["prompt_tokens"] // 2, "only what is new was read"


def test_what_was_set_and_begun_is_still_there(open_app: Open) -> None:
    """Theme, system prompt, folded sides, drafts of the new chat; nothing is loaded for that."""
    story = open_app()
    story.do("theme_dark")
    story.until(lambda: story.workbench.settings.get("theme") == "dark", "the theme is kept")
    story.until(lambda: lightness(story) < 100, "the window is dark")
    story.do("show_list")
    story.until(lambda: story.panel.list.isHidden(), "the list is folded")
    story.panel.inspector.system.setFocus()
    story.keys("Answer like a pirate.")
    story.write("Half a thou")
    conversation = story.panel.current
    story.close()

    later = open_app()
    assert later.panel.current == conversation
    assert lightness(later) < 100
    assert later.panel.list.isHidden()
    assert later.panel.inspector.system.toPlainText() == "Answer like a pirate."
    assert later.panel.composer.text() == "Half a thou"
    later.do("theme_light")
    later.until(lambda: lightness(later) > 200, "the window is light")


def lightness(story: Story) -> int:
    """How light the window is, 0 to 255."""
    return story.app.palette().color(QPalette.ColorRole.Window).lightness()
