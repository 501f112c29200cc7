"""The app as `kills` ends it: the real window, sending messages one after another and telling what it shows.

Run as `python -m flows.driver FOLDER SEED`. Lines on stdout, each written at once:
`ack ID DIGEST` when a user's message is committed; `shown TIME ID LENGTH DIGEST` when more of an answer
stands in the window (time of the monotonic clock); `state ID STATUS` for each message of a conversation
that it opened again.
"""

from __future__ import annotations

import os
import random
import sys
import time
from pathlib import Path
from typing import Any

from flows.story import Story

REOPEN = 0.5
MOST_ROWS = 8
SUBJECTS = ("a lighthouse", "the night train", "a lost letter", "an old clock", "rain", "the last island")
LENGTHS = (0, 0, 30, 120)
"""Tokens an answer may have, 0 for no limit: some kills hit a long answer, some the time between two."""


def digest(text: str) -> str:
    """A short name for a text."""
    import hashlib

    return hashlib.blake2b(text.encode(), digest_size=8).hexdigest()


def tell(*words: object) -> None:
    """One line, written in one piece."""
    os.write(1, (" ".join(map(str, words)) + "\n").encode())


def listen(story: Story) -> None:
    """Tell of each message that is committed and of each text that is shown."""
    chats, transcript = story.workbench.chats, story.panel.transcript
    send, append = chats.send, transcript.append_text

    def sent(conversation: str, text: str) -> Any:
        turn = send(conversation, text)
        question = turn.plan.question
        assert question is not None
        tell("ack", question.id, digest(question.content))
        return turn

    def appended(message: str, text: str) -> None:
        append(message, text)
        view = transcript.view(message)
        if view is not None:
            content = view.entry.content
            tell("shown", time.monotonic(), message, len(content), digest(content))

    chats.send = sent  # type: ignore[method-assign]
    transcript.append_text = appended  # type: ignore[method-assign]


def begin(story: Story, rng: random.Random) -> None:
    """Go on in the conversation that was broken off, or in a new one."""
    story.workbench.settings.set("max_tokens", rng.choice(LENGTHS))
    known = story.workbench.store.conversations(limit=1)
    if known and known[0].messages < MOST_ROWS and rng.random() < REOPEN:
        story.panel.open_conversation(known[0].id)
        story.until(lambda: story.panel.current == known[0].id, "the conversation is open")
        for row in story.rows():
            tell("state", row.id, row.status)


def main() -> None:
    """Send messages until killed."""
    rng = random.Random(int(sys.argv[2]))
    story = Story(Path(sys.argv[1]))
    listen(story)
    begin(story, rng)
    while True:
        before = len(story.rows())
        story.send(f"{rng.randrange(1000)}: write a long story about {rng.choice(SUBJECTS)}.")
        story.until(lambda n=before: len(story.rows()) > n, "the message is shown")
        story.settle()
        if len(story.rows()) > MOST_ROWS or story.notice():
            story.do("new_chat")
            story.until(lambda: story.panel.is_new, "a new chat")


if __name__ == "__main__":
    main()
