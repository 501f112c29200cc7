"""Titles made from the first message."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from desktop.workbench.store import title_from
from desktop.workbench.store.titles import WIDTH, _fitting


@pytest.mark.parametrize(
    ("text", "title"),
    [
        ("Hello", "Hello"),
        ("\n\n  Write a story  \nabout a lighthouse", "Write a story"),
        ("# Contract *questions*", "Contract questions"),
        ("> - [ ] **Buy** `milk` and [bread](http://x.y)", "Buy milk and bread"),
        ("1. First point", "First point"),
        ("```python\nprint('hi')\n```", "print('hi')"),
        ("---\nTitle", "Title"),
        ("snake_case_name and 2 * 3 * 4", "snake_case_name and 2 * 3 * 4"),
        (
            "Explain this to me. It is a long contract about renting a flat in a big city.",
            "Explain this to me",
        ),
        (
            "Please explain in detail how the process of photosynthesis works in all the plants of the world",
            "Please explain in detail how the process of photosynthesis…",
        ),
        (
            "请帮我写一封信。内容是关于我们公司下个月的会议安排以及所有参加人员的名单和联系方式",
            "请帮我写一封信",
        ),
        ("漢" * 100, "漢" * 30 + "…"),
        ("x" * 200, "x" * 60 + "…"),
        ("tab\there\0nul\u202etrick", "tab herenultrick"),
        ("🙂", "🙂"),
        ("", ""),
        (" \n***\n", ""),
        ("...", ""),
    ],
)
def test_title(text: str, title: str) -> None:
    assert title_from(text) == title


@given(st.text(st.characters(exclude_categories=()), max_size=300))
def test_a_title_is_one_short_line(text: str) -> None:
    title = title_from(text)
    assert _fitting(title.removesuffix("…"), WIDTH) == len(title.removesuffix("…"))
    assert len(title.splitlines()) <= 1
    title.encode()
    assert title == title.strip()
