"""Conversations, messages, drafts, settings and the trash."""

from __future__ import annotations

import random
import threading
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from desktop.workbench.reading.document import Block, Document
from desktop.workbench.store import MessageRow, ModelRow, PartRow, Store
from models.errors import UserError


def talk(store: Store, *texts: str, title: str = "") -> list[MessageRow]:
    """A conversation of these texts, user and assistant in turn."""
    conversation = store.create_conversation(title=title).id
    rows: list[MessageRow] = []
    for number, text in enumerate(texts):
        parent = rows[-1].id if rows else None
        rows.append(store.add_message(conversation, parent, ("user", "assistant")[number % 2], text))
    return rows


def shown(store: Store, conversation: str) -> list[str]:
    return [row.content for row in store.path(conversation)]


def test_what_was_said_is_there_after_a_restart(file: Path) -> None:
    store = Store.open(file)
    made = store.create_conversation(system="Be brief.", model="smol", settings={"sampling": {"top_k": 3}})
    ask = store.add_message(
        made.id, None, "user", "Hello", settings={"seed": 1}, system="Be brief.", model="smol"
    )
    answer = store.add_message(made.id, ask.id, "assistant", "", status="streaming")
    store.update_message(answer.id, content="Hi")
    answer = store.update_message(
        answer.id,
        content="Hi there",
        thinking="greet",
        status="done",
        finish_reason="stop",
        usage={"prompt_tokens": 5},
        timings={"decode_s": 0.5},
    )
    store.update_conversation(made.id, title="Greeting")
    before = store.conversation(made.id), store.path(made.id)
    store.close()
    store = Store.open(file)
    assert (store.conversation(made.id), store.path(made.id)) == before
    assert before[0].title == "Greeting"
    assert before[0].settings == {"sampling": {"top_k": 3}}
    assert before[0].messages == 2
    assert before[0].leaf == answer.id
    assert before[1] == [ask, answer]
    assert answer.usage == {"prompt_tokens": 5}
    assert (answer.thinking, answer.finish_reason, answer.timings) == ("greet", "stop", {"decode_s": 0.5})
    assert (ask.settings, ask.system, ask.model) == ({"seed": 1}, "Be brief.", "smol")
    store.close()


def test_the_list_is_newest_first_and_leaves_out_the_empty_and_the_deleted(store: Store) -> None:
    first, second, third = (talk(store, name)[0] for name in ("one", "two", "three"))
    empty, drafted = store.create_conversation(), store.create_conversation()
    store.set_draft(drafted.id, "unsent")
    store.add_message(first.conversation, first.id, "assistant", "again")
    store.delete_conversation(second.conversation)
    ids = [row.id for row in store.conversations()]
    assert ids == [first.conversation, drafted.id, third.conversation]
    assert [row.messages for row in store.conversations()] == [2, 0, 1]
    assert [row.id for row in store.conversations(limit=1)] == [first.conversation]
    assert store.conversation(empty.id).messages == 0


def test_ids_sort_by_time(store: Store) -> None:
    ids = [row.id for row in talk(store, *"abcdefgh")]
    assert ids == sorted(ids)
    assert len(set(ids)) == len(ids)


def test_an_edit_makes_a_branch_and_stepping_returns_to_the_tail_that_was_last_current(store: Store) -> None:
    a, b, _, d = talk(store, "a", "b", "c", "d")
    conversation = a.conversation
    b2 = store.add_message(conversation, a.id, "assistant", "b2")
    c2 = store.add_message(conversation, b2.id, "user", "c2")
    assert shown(store, conversation) == ["a", "b2", "c2"]
    assert [(row.sibling, row.siblings) for row in store.path(conversation)] == [(0, 1), (1, 2), (0, 1)]
    d2 = store.add_message(conversation, store.path(conversation, d.id)[2].id, "assistant", "d2")
    store.select_sibling(d2.id, -1)  # d is now the last used below c, though d2 is newer
    assert store.select_sibling(b.id, 1) == c2.id
    assert store.select_sibling(b2.id, -1) == d.id
    assert shown(store, conversation) == ["a", "b", "c", "d"]
    assert store.select_sibling(b.id, -5) == d.id
    assert store.select_sibling(b.id, 7) == c2.id


def test_the_first_message_has_siblings_too(store: Store) -> None:
    a, _ = talk(store, "a", "b")
    edited = store.add_message(a.conversation, None, "user", "a2")
    assert shown(store, a.conversation) == ["a2"]
    assert (edited.sibling, edited.siblings) == (1, 2)
    store.select_sibling(edited.id, -1)
    assert shown(store, a.conversation) == ["a", "b"]


def test_a_leaf_that_is_set_goes_down_to_its_tail(store: Store) -> None:
    a, b, c = talk(store, "a", "b", "c")
    store.add_message(a.conversation, a.id, "assistant", "b2")
    assert store.update_conversation(a.conversation, leaf=b.id).leaf == c.id


def test_a_deleted_message_hides_what_is_below_and_undo_brings_it_back(store: Store) -> None:
    a, b, c, d = talk(store, "a", "b", "c", "d")
    assert store.delete_message(c.id) == b.id
    assert shown(store, a.conversation) == ["a", "b"]
    assert store.conversation(a.conversation).messages == 2
    with pytest.raises(UserError) as caught:
        store.path(a.conversation, d.id)
    assert caught.value.code == "gone"
    store.restore_message(c.id)
    assert store.conversation(a.conversation).leaf == d.id
    assert shown(store, a.conversation) == ["a", "b", "c", "d"]


def test_deleting_one_of_several_answers_shows_its_neighbour(store: Store) -> None:
    a, b = talk(store, "a", "b")
    for text in ("b2", "b3"):
        last = store.add_message(a.conversation, a.id, "assistant", text)
    assert store.delete_message(last.id) == store.path(a.conversation)[-1].id
    assert shown(store, a.conversation) == ["a", "b2"]
    assert [row.siblings for row in store.path(a.conversation)] == [1, 2]
    store.select_sibling(b.id, 0)
    store.delete_message(b.id)
    assert shown(store, a.conversation) == ["a", "b2"]


def test_deleting_elsewhere_leaves_the_reader_where_they_are(store: Store) -> None:
    a, b = talk(store, "a", "b")
    other = store.add_message(a.conversation, a.id, "assistant", "b2")
    store.select_sibling(other.id, -1)
    assert store.delete_message(other.id) == b.id
    store.restore_message(other.id)
    assert store.conversation(a.conversation).leaf == b.id


def test_restoring_something_below_a_deleted_message_restores_that_too(store: Store) -> None:
    a, b, c = talk(store, "a", "b", "c")
    store.delete_message(c.id)
    store.delete_message(a.id)
    assert store.conversation(a.conversation).leaf is None
    store.restore_message(c.id)
    assert shown(store, a.conversation) == ["a", "b", "c"]
    assert b.id in [row.id for row in store.path(a.conversation)]
    assert store.trash() == []


def test_an_answer_that_was_deleted_while_it_streamed_is_kept_for_undo(store: Store) -> None:
    (a,) = talk(store, "a")
    b = store.add_message(a.conversation, a.id, "assistant", "", status="streaming")
    store.delete_message(a.id)
    store.update_message(b.id, content="whole answer", status="done")
    store.restore_message(a.id)
    assert shown(store, a.conversation) == ["a", "whole answer"]


def test_what_is_gone_says_so(store: Store) -> None:
    a, b = talk(store, "a", "b")
    other = talk(store, "x")[0]
    store.delete_message(b.id)
    calls: list[Any] = [
        lambda: store.conversation("none"),
        lambda: store.message(b.id),
        lambda: store.update_message("none", content="x"),
        lambda: store.add_message(a.conversation, b.id, "user", "x"),
        lambda: store.add_message(a.conversation, other.id, "user", "x"),
        lambda: store.path(a.conversation, other.id),
        lambda: store.update_conversation(a.conversation, leaf=other.id),
        lambda: store.select_sibling("none", 1),
        lambda: store.delete_message("none"),
        lambda: store.restore_message("none"),
        lambda: store.restore_conversation("none"),
        lambda: store.set_draft("none", "x"),
    ]
    for call in calls:
        with pytest.raises(UserError) as caught:
            call()
        assert caught.value.code == "gone"
    with pytest.raises(TypeError):
        store.update_message(a.id, role="system")
    with pytest.raises(ValueError, match="status"):
        store.update_message(a.id, status="odd")


def test_streaming_answers_become_interrupted_at_the_start(file: Path) -> None:
    store = Store.open(file)
    (a,) = talk(store, "a")
    b = store.add_message(a.conversation, a.id, "assistant", "", status="streaming")
    store.update_message(b.id, content="half a marmalade")
    assert store.conversations(search="marmalade") == []
    store.close()
    store = Store.open(file)
    assert store.mark_interrupted() == 1
    assert store.mark_interrupted() == 0
    assert store.message(b.id) == replace(b, content="half a marmalade", status="interrupted")
    assert len(store.conversations(search="marmalade")) == 1
    store.close()


def test_drafts_and_settings_survive(file: Path) -> None:
    store = Store.open(file)
    (a,) = talk(store, "a")
    store.set_draft("", "new chat")
    store.set_draft(a.conversation, "reply")
    store.set_setting("theme", "dark")
    store.set_setting("sizes", {"list": [1, None, 2.5], "ü": True})
    store.close()
    store = Store.open(file)
    assert (store.draft(""), store.draft(a.conversation)) == ("new chat", "reply")
    assert store.get_setting("theme") == "dark"
    assert store.get_setting("sizes") == {"list": [1, None, 2.5], "ü": True}
    assert store.get_setting("none", 7) == 7
    store.set_draft("", "")
    assert store.draft("") == ""
    store.close()


@pytest.mark.parametrize(
    ("text", "kept"),
    [
        ("a\0b\0", "a\0b\0"),
        ("lone \ud800 and \udfff", "lone \ufffd and \ufffd"),
        ("pair \ud83d\ude00", "pair 😀"),
        ("x" * 1_000_000, "x" * 1_000_000),
        ("漢字" * 200_000, "漢字" * 200_000),
        ("\r\n\u2028\ufeff'\"; DROP TABLE messages; --", "\r\n\u2028\ufeff'\"; DROP TABLE messages; --"),
    ],
    ids=["nul", "lone", "pair", "megabyte", "cjk", "quotes"],
)
def test_strange_text(store: Store, text: str, kept: str) -> None:
    row = store.create_conversation(title=text[:100], system=text, settings={"stop": [text]})
    message = store.add_message(row.id, None, "user", text, system=text)
    store.update_message(message.id, thinking=text, error=text, usage={"note": text})
    store.set_draft(row.id, text)
    store.set_setting("strange", text)
    message = store.message(message.id)
    assert message.content == message.thinking == message.system == message.error == kept
    assert message.usage == {"note": kept}
    row = store.conversation(row.id)
    assert (row.system, row.settings) == (kept, {"stop": [kept]})
    assert store.draft(row.id) == store.get_setting("strange") == kept


def test_the_trash_lists_and_restores(store: Store) -> None:
    a, b, _ = talk(store, "a", "b", "c", title="Kept")
    (x,) = talk(store, "x", title="Thrown")
    store.delete_message(b.id)
    store.delete_conversation(x.conversation)
    found = [(row.kind, row.id, row.text, row.messages) for row in store.trash()]
    assert found == [("conversation", x.conversation, "Thrown", 1), ("message", b.id, "b", 2)]
    store.restore_conversation(x.conversation)
    assert shown(store, x.conversation) == ["x"]
    store.empty_trash()
    assert store.trash() == []
    assert shown(store, a.conversation) == ["a"]
    with pytest.raises(UserError):
        store.restore_message(b.id)


def test_an_emptied_trash_leaves_no_trace_in_any_file(store: Store, file: Path) -> None:
    words = ["xylophonist", "quagmire", "zeppelin", "brouhaha", "鸚鵡螺"]
    more = ["gobbledygook", "hullabaloo", "kerfuffle", "bamboozle", "flummoxed"]
    kept, gone = talk(store, "unforgettable", words[0], "more " + words[0] * 3000)[:2]
    (thrown,) = talk(store, f"{words[1]} {words[4]}", title=words[2])
    store.set_draft(thrown.conversation, words[3])
    (bare,) = talk(store, "quagmire alone", title="quagmire title")
    run = burn_after_reading(store, *more)
    store.backup()
    store.runs.delete(run)
    store.delete_message(gone.id)
    store.delete_message(bare.id)
    store.delete_conversation(thrown.conversation)
    assert holding(file, words[0])
    assert holding(file, words[1])
    assert all(holding(file, word) for word in more)
    store.empty_trash()
    # The index holds words in pieces and CJK one by one; no piece may stay either.
    for word in (*words, *more, "xylopho", "quagmi", "brouha", "鸚", "鵡"):
        assert not holding(file, word), word
    assert holding(file, "unforgettable")
    assert list((file.parent / "backups").iterdir())
    assert store.conversations(search="xylophonist") == []
    assert [row.id for row in store.conversations(search="unforgettable")] == [kept.conversation]


def burn_after_reading(store: Store, title: str, source: str, heading: str, part: str, result: str) -> str:
    """A run with a word in each of its places."""
    text = f"{source} " * 3000
    document = Document(source, "txt", text, (Block("paragraph", 0, len(text)),))
    run = store.runs.create("summarize", title=title, model="", options={}, documents=[document]).id
    store.runs.add_parts(run, [PartRow(0, 0, 0, 0, 9, title=heading)])
    store.runs.update_part(run, 0, text=part * 2000, status="done")
    store.runs.update(run, result=result * 2000, status="done", data={"note": part})
    return run


def holding(file: Path, word: str) -> list[str]:
    """Names of the files in the data folder that contain the word."""
    files = [path for path in file.parent.rglob("*") if path.is_file()]
    return [path.name for path in files if word.encode() in path.read_bytes()]


def test_a_long_conversation_can_be_deleted_for_good(store: Store) -> None:
    conversation = store.create_conversation().id
    parent: str | None = None
    for number in range(1500):  # deeper than a cascade may go; "streaming" ones do not wait for the disk
        parent = store.add_message(conversation, parent, "assistant", str(number), status="streaming").id
    assert shown(store, conversation) == [str(number) for number in range(1500)]
    store.delete_conversation(conversation)
    store.empty_trash()
    with pytest.raises(UserError):
        store.restore_conversation(conversation)


def test_four_threads_at_once(store: Store) -> None:
    start = threading.Barrier(4)

    def work(seed: int) -> str:
        chance = random.Random(seed)
        conversation = store.create_conversation(title=f"thread {seed}").id
        start.wait(10)
        parent: str | None = None
        for number in range(60):
            row = store.add_message(conversation, parent, "user", f"word{seed} {number}")
            store.update_message(row.id, thinking=f"thought {number}")
            if chance.random() < 0.3:
                store.conversations(search=f"word{seed}")
            if chance.random() < 0.3:
                store.set_draft(conversation, str(number))
            if chance.random() < 0.1:
                store.backup()
            parent = row.id
            assert [m.content for m in store.path(conversation)][-1] == f"word{seed} {number}"
        return conversation

    with ThreadPoolExecutor(4) as pool:
        conversations = list(pool.map(work, range(4)))
    for seed, conversation in enumerate(conversations):
        assert shown(store, conversation) == [f"word{seed} {number}" for number in range(60)]
        assert [row.id for row in store.conversations(search=f"word{seed}")] == [conversation]


def test_what_is_kept_about_models(store: Store) -> None:
    assert store.model("qwen3-4b") == ModelRow("qwen3-4b")
    assert store.models() == {}
    store.update_model("qwen3-4b", note="good at Latin", settings={"context_size": 8192})
    row = store.update_model("qwen3-4b", used=12.5)
    assert row == ModelRow("qwen3-4b", "good at Latin", {"context_size": 8192}, 12.5)
    assert store.models() == {"qwen3-4b": row}
    with pytest.raises(TypeError):
        store.update_model("qwen3-4b", name="x")
