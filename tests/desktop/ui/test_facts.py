"""Facts about models in words."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest
from PySide6.QtCore import QLocale

from desktop.ui.widgets.facts import (
    capability_words,
    count_text,
    day_text,
    duration_text,
    parameters_text,
    place_word,
    size_text,
    speed_text,
)


@pytest.fixture(autouse=True)
def english() -> None:
    QLocale.setDefault(QLocale(QLocale.Language.English))


@pytest.mark.parametrize(
    ("size", "text"), [(0, ""), (94_000_000, "94 MB"), (4_700_000_000, "4.7 GB"), (999, "999 bytes")]
)
def test_sizes(size: int, text: str) -> None:
    assert size_text(size) == text


@pytest.mark.parametrize(
    ("count", "text"),
    [
        (0, ""),
        (134_515_008, "135M"),
        (999_400_000, "999M"),
        (999_600_000, "1.0B"),
        (7_615_616_512, "7.6B"),
        (120_000_000_000, "120B"),
    ],
)
def test_parameters(count: int, text: str) -> None:
    assert parameters_text(count) == text


def test_counts_and_times() -> None:
    assert [count_text(n) for n in (7, 1_200, 45_678, 3_400_000)] == ["7", "1.2k", "46k", "3.4M"]
    assert [duration_text(s) for s in (0.2, 59, 600, 7200)] == ["1 s", "59 s", "10 min", "2.0 h"]
    assert speed_text(2_500_000) == "2 MB a second" or speed_text(2_500_000) == "3 MB a second"
    assert speed_text(0) == ""


def test_days() -> None:
    now = datetime.now()
    assert day_text(now.timestamp()) == "today"
    assert day_text(now - timedelta(days=1)) == "yesterday"
    assert day_text(datetime(2024, 5, 17)) == "5/17/24"
    assert day_text(0.0) == day_text(None) == ""


def test_capabilities_have_one_order_and_places_a_name() -> None:
    assert capability_words({"tools", "chat", "thinking", "unheard-of"}) == ["chat", "thinking", "tools"]
    assert place_word("lm_studio") == "LM Studio"
    assert place_word("starter") == "comes with Rolltop"
