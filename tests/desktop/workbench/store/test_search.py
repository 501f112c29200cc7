"""Full-text search: words, prefixes, Chinese, and any input."""

from __future__ import annotations

import sqlite3
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from desktop.workbench.store import Store, search


def conversation(store: Store, text: str, title: str = "") -> str:
    row = store.create_conversation(title=title)
    store.add_message(row.id, None, "user", text)
    return row.id


@pytest.mark.parametrize(
    ("typed", "text", "found"),
    [
        ("light", "The lighthouse keeper", True),
        ("keeper the", "The lighthouse keeper", True),
        ("light keeper", "The lighthouse keeper", False),  # only the last word is a prefix
        ("LIGHTHOUSE", "The lighthouse keeper", True),
        ("cafe", "Un café noir", True),
        ("世", "你好世界", True),
        ("世界", "你好世界", True),
        ("好世界", "你好世界", True),
        ("界世", "你好世界", False),
        ("你好 世界", "你好,世界", True),
        ("iPhone手机", "新的iPhone手机壳", True),
        ("とう", "ありがとう", True),
        ("안녕", "안녕하세요", True),
        ("𠮷野", "𠮷野家", True),
        ("🙂", "a smile 🙂", True),
        ("🙃", "a smile 🙂", False),
        ('"keeper', 'the "keeper" said', True),
        ("c++", "I like C++ best", True),
        ("foo.bar", "call foo.bar now", True),
    ],
)
def test_finds(store: Store, typed: str, text: str, found: bool) -> None:
    in_message = conversation(store, text)
    in_title = conversation(store, "nothing", title=text)
    conversation(store, "unrelated")
    expected = {in_message, in_title} if found else set()
    assert {row.id for row in store.conversations(search=typed)} == expected


def test_the_index_follows_every_change(store: Store) -> None:
    id = conversation(store, "first words", title="old title")
    leaf = store.conversation(id).leaf or ""
    assert len(store.conversations(search="old")) == 1
    store.update_conversation(id, title="new title")
    assert store.conversations(search="old") == []
    assert len(store.conversations(search="new")) == 1
    store.update_message(leaf, content="second words")
    assert store.conversations(search="first") == []
    assert len(store.conversations(search="second")) == 1
    store.delete_message(leaf)
    assert store.conversations(search="second") == []
    store.restore_message(leaf)
    assert len(store.conversations(search="second")) == 1
    store.delete_conversation(id)
    assert store.conversations(search="title") == []


NASTY = [
    "AND",
    "OR NOT",
    "NEAR(a b)",
    "text:x",
    "*",
    "^a",
    '"',
    '""',
    "a\"b'c",
    "(",
    "-a",
    "\0",
    "\ud800",
    "{}",
]


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(st.one_of(st.sampled_from(NASTY), st.text(st.characters(exclude_categories=()), max_size=20)))
def test_any_input_is_safe(store: Store, typed: str) -> None:
    store.conversations(search=typed)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None, max_examples=50)
@given(st.text(st.characters(categories=["Lo", "Lu", "Nd"], codec="utf-8"), min_size=1, max_size=8))
def test_a_word_finds_itself(store: Store, word: str) -> None:
    id = conversation(store, f"before {word} after")
    assert id in {row.id for row in store.conversations(search=word)}


def test_a_damaged_index_is_made_again(file: Path) -> None:
    store = Store.open(file)
    id = conversation(store, "marmalade")
    store.close()
    with sqlite3.connect(file) as conn:
        conn.execute("UPDATE message_search_data SET block = x'ffffffff' WHERE id > 10")
    conn.close()
    store = Store.open(file)
    assert [row.id for row in store.conversations(search="marmalade")] == [id]
    second = conversation(store, "marmalade again")
    assert [row.id for row in store.conversations(search="marmalade")] == [second, id]
    store.close()


def test_a_query_is_made_of_phrases() -> None:
    assert search.query('say "hi" 世界') == '"say" """hi""" "世 界"*'
    assert search.query(" -- ! ") == ""
