"""A conversation at the window with the keyboard alone; the engine answers from a script."""

from __future__ import annotations

import threading
from collections.abc import Sequence

from flows.conftest import Open
from flows.story import Story
from PySide6.QtGui import QGuiApplication
from PySide6.QtWidgets import QApplication, QPushButton

from models.engine.scripted import Answer, ScriptedEngine


def said(story: Story) -> list[str]:
    """The texts that are shown, first to last."""
    return [story.shown(place) for place in range(len(story.rows()))]


def script(*answers: str | Answer, chat_template: bool = True) -> object:
    """How engines are started that give these answers, one after the other."""
    given: Sequence[Answer] = [a if isinstance(a, Answer) else Answer(pieces=a) for a in answers]
    return ScriptedEngine.starter(given, chat_template=chat_template)


def until_said(story: Story, *texts: str) -> None:
    """Wait until just these messages are shown and nothing is under way."""
    story.until(lambda: said(story) == list(texts), f"the messages {texts}, not {said(story)}")
    story.settle()
    stored = story.workbench.store.path(story.panel.current)
    assert [row.content for row in stored] == list(texts), "and just these are kept"


def test_stop_and_continue(open_app: Open) -> None:
    """Esc keeps what there is; the same answer then goes on."""
    half = Answer(pieces=["Once upon", " a time"], hold=threading.Event(), hold_at=1)
    story = open_app(start_engine=script(half, ", there was a keeper."))
    story.send("Tell me a story")
    story.until(lambda: story.shown() == "Once upon", "the first piece")
    story.do("stop")
    until_said(story, "Tell me a story", "Once upon")
    assert story.rows()[1].status == "stopped"
    assert "Stopped" in story.words(story.view())
    story.do("continue")
    until_said(story, "Tell me a story", "Once upon, there was a keeper.")
    assert story.rows()[1].status == "done"
    assert "Stopped" not in story.words(story.view())


def test_regenerate_edit_and_step_through_the_branches(open_app: Open) -> None:
    """No tail is lost: every version of question and answer can be reached again."""
    story = open_app(start_engine=script("One.", "Two.", "Better.", "On."))
    story.ask("question")
    story.do("regenerate")
    until_said(story, "question", "Two.")
    assert "2 / 2" in story.words(story.view()).replace("2/2", "2 / 2")
    story.do("previous_branch")
    until_said(story, "question", "One.")
    story.do("next_branch")
    until_said(story, "question", "Two.")
    story.do("edit_last")
    story.until(lambda: story.view(0).editing, "the message can be edited")
    story.key("Ctrl+A")
    story.keys("better question")
    story.key("Ctrl+Return")
    until_said(story, "better question", "Better.")
    story.ask("go on")
    until_said(story, "better question", "Better.", "go on", "On.")
    story.do("previous_branch")
    until_said(story, "question", "Two.")
    story.do("next_branch")
    until_said(story, "better question", "Better.", "go on", "On.")
    story.close()
    later = open_app(start_engine=script())
    later.do("next_conversation")
    until_said(later, "better question", "Better.", "go on", "On.")
    later.do("previous_branch")
    until_said(later, "question", "Two.")


def test_an_edit_can_be_given_up(open_app: Open) -> None:
    """Esc leaves the message as it was."""
    story = open_app(start_engine=script("Yes."))
    story.ask("question")
    story.do("edit_last")
    story.until(lambda: story.view(0).editing, "the message can be edited")
    story.keys("nonsense")
    story.key("Escape")
    assert not story.view(0).editing
    until_said(story, "question", "Yes.")


def test_copy_gives_the_markdown(open_app: Open) -> None:
    """The clipboard has what the model wrote, not what it looks like."""
    answer = "# Title\n\nSome **bold** words and `code`:\n\n```python\nprint(1)\n```\n"
    story = open_app(start_engine=script(Answer(pieces=answer.splitlines(keepends=True))))
    assert story.ask("Write Markdown") == answer
    QGuiApplication.clipboard().clear()
    story.do("copy_answer")
    assert QGuiApplication.clipboard().text() == answer


def test_a_deleted_message_and_a_deleted_conversation_come_back(open_app: Open) -> None:
    """Tab leads to a message's delete; Ctrl+Z takes deletions back."""
    story = open_app(start_engine=script("A.", "B."))
    story.ask("one")
    story.ask("two")
    _tab_to(story, "delete")
    focus = QApplication.focusWidget()
    deleted = next(row for n, row in enumerate(story.rows()) if story.view(n).isAncestorOf(focus))
    story.key("Space")
    story.until(lambda: deleted.id not in {row.id for row in story.rows()}, "the message is gone")
    story.settle()
    story.do("undo_delete")
    until_said(story, "one", "A.", "two", "B.")
    story.do("delete_conversation")
    story.until(lambda: story.panel.is_new, "the conversation is gone")
    story.until(lambda: story.conversations() == [], "it is not listed any more")
    story.do("undo_delete")
    story.until(lambda: story.conversations() == ["one"], "it is listed again")
    until_said(story, "one", "A.", "two", "B.")


def _tab_to(story: Story, label: str) -> None:
    """Go back to the messages, then on to a button with this label, with Tab alone."""
    for keys in ("Shift+Tab", "Tab"):
        for _ in range(40):
            focus = QApplication.focusWidget()
            assert focus is not None
            if keys == "Shift+Tab" and story.panel.transcript.isAncestorOf(focus):
                break
            if isinstance(focus, QPushButton) and focus.text() == label:
                return
            story.key(keys)
    raise AssertionError(f"the keyboard does not reach {label!r}")


def test_a_message_that_does_not_fit_is_said_so_before_it_is_sent(open_app: Open) -> None:
    """Counted, told with ways out; nothing is cut, and the larger context answers it."""
    story = open_app(start_engine=script("Read all of it."))
    story.workbench.settings.set("context_size", 512)
    text = "A clause that matters. " * 300
    QGuiApplication.clipboard().setText(text)
    story.write("Read: ")
    story.key("Ctrl+V")
    story.key("Return")
    story.until(lambda: "does not fit" in story.notice(), "it is said that this does not fit")
    story.settle()
    assert [row.role for row in story.rows()] == ["user"], "no answer was begun"
    assert story.rows()[0].content.strip() == ("Read: " + text).strip(), "nothing was cut"
    labels = [b.text() for b in story.panel.notice.findChildren(QPushButton) if b.isVisible()]
    assert "Edit message" in labels
    larger = next(label for label in labels if label.startswith("Use a context of"))
    story.press(larger, story.panel.notice)
    story.until(lambda: story.shown() == "Read all of it.", "the answer")
    story.settle()
    assert story.notice() == ""
    assert len(story.rows()) == 2


def test_a_base_model_says_that_it_completes_a_plain_transcript(open_app: Open) -> None:
    """No template: said in the window, and answered all the same."""
    story = open_app(start_engine=script("and so on.", chat_template=False))
    assert story.ask("Once upon a time") == "and so on."
    assert "no chat template" in story.words()


def test_two_conversations_are_answered_at_once(open_app: Open) -> None:
    """Each keeps its own text, whichever is shown meanwhile."""
    holds = [threading.Event(), threading.Event()]
    first = Answer(pieces=["A1", " A2"], hold=holds[0], hold_at=1)
    second = Answer(pieces=["B1", " B2"], hold=holds[1], hold_at=1)
    story = open_app(start_engine=script(first, second))
    story.send("first")
    story.until(lambda: story.shown() == "A1", "the first answer begins")
    story.do("new_chat")
    story.until(lambda: story.panel.is_new, "a new chat")
    story.send("second")
    story.until(lambda: story.shown() == "B1", "the second answer begins")
    story.until(lambda: story.conversations() == ["second", "first"], "both are listed")
    story.do("next_conversation")
    story.until(lambda: said(story) == ["first", "A1"], "the first is shown, still growing")
    assert story.panel.busy
    for hold in holds:
        hold.set()
    until_said(story, "first", "A1 A2")
    story.do("previous_conversation")
    until_said(story, "second", "B1 B2")
