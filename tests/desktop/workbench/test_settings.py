"""Settings: declared once, checked, kept in the store."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from desktop.workbench.settings import BY_KEY, SETTINGS, Settings
from desktop.workbench.store import Store
from models.errors import UserError


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    with closing(Store.open(tmp_path / "rolltop.db")) as opened:
        yield opened


def test_every_setting_is_declared_well() -> None:
    assert len(BY_KEY) == len(SETTINGS)
    for setting in SETTINGS:
        assert setting.check(setting.default) == setting.default
        assert type(setting.default) is setting.type
        assert setting.label
        assert setting.help.endswith(".")
        assert all(setting.allows(choice) for choice in setting.choices)


def test_a_setting_survives_a_restart(tmp_path: Path) -> None:
    with closing(Store.open(tmp_path / "rolltop.db")) as store:
        settings = Settings(store)
        assert settings.get("theme") == "system"
        settings.set("theme", "dark")
        settings.set("temperature", 1)
        settings.set("send_on_enter", False)
    with closing(Store.open(tmp_path / "rolltop.db")) as store:
        settings = Settings(store)
        assert settings.get("theme") == "dark"
        assert settings.get("temperature") == 1.0
        assert isinstance(settings.get("temperature"), float)
        assert settings.get("send_on_enter") is False


@pytest.mark.parametrize(
    ("key", "value", "words"),
    [
        ("theme", "pink", "one of: system, light, dark"),
        ("theme", 3, "another kind"),
        ("send_on_enter", 1, "another kind"),
        ("context_size", True, "another kind"),
        ("context_size", 12.5, "another kind"),
        ("context_size", -1, "at least 0"),
        ("temperature", -0.1, "at least 0"),
        ("temperature", 99, "at most 10"),
        ("top_p", float("nan"), "another kind"),
        ("threads", "4", "another kind"),
        ("default_model", None, "another kind"),
    ],
)
def test_a_bad_value_is_refused_in_plain_words(store: Store, key: str, value: object, words: str) -> None:
    settings = Settings(store)
    with pytest.raises(UserError, match=words) as caught:
        settings.set(key, value)
    assert caught.value.params["key"] == key
    assert settings.get(key) == BY_KEY[key].default


def test_a_stored_value_that_is_no_longer_valid_counts_as_never_set(store: Store) -> None:
    store.set_setting("theme", "plaid")
    store.set_setting("threads", {"odd": 1})
    settings = Settings(store)
    assert settings.get("theme") == "system"
    assert settings.get("threads") == 0


def test_listeners_hear_of_changes_only(store: Store) -> None:
    settings = Settings(store)
    heard: list[str] = []
    settings.on_change.append(heard.append)
    settings.set("theme", "dark")
    settings.set("theme", "dark")
    with pytest.raises(UserError):
        settings.set("theme", "plaid")
    assert heard == ["theme"]


def test_an_unknown_key_is_a_mistake_in_the_program(store: Store) -> None:
    with pytest.raises(KeyError):
        Settings(store).get("colour")


def test_load_options_and_sampling_follow_the_settings(store: Store) -> None:
    settings = Settings(store)
    assert settings.load_options("/m").flash_attention is None
    for key, value in {"threads": 3, "kv_type": "q8_0", "flash_attention": "off", "top_k": 7}.items():
        settings.set(key, value)
    options = settings.load_options("/m")
    assert (options.path, options.threads, options.kv_type) == ("/m", 3, "q8_0")
    assert options.flash_attention is False
    assert settings.sampling().top_k == 7
