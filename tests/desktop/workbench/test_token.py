"""The token for the hub: kept in the system's safe and nowhere else."""

from __future__ import annotations

from pathlib import Path

import keyring
import pytest
from hub_server import HubServer
from keyring.backend import KeyringBackend
from keyring.backends import fail
from keyring.errors import KeyringLocked

from desktop.workbench.token import ACCOUNT, SERVICE, Token
from desktop.workbench.workbench import Workbench
from models.errors import UserError
from tests.desktop.conftest import Safe

SECRET = "hf_aBcDeFgHiJkLmNoPqRsTuVwXyZ"


def test_a_token_is_kept_in_the_safe(safe: Safe) -> None:
    assert Token().get() == ""
    assert Token().set(f"  {SECRET}\n") is True
    assert safe.kept == {(SERVICE, ACCOUNT): SECRET}
    assert Token().get() == SECRET


def test_it_can_be_forgotten_also_twice(safe: Safe) -> None:
    token = Token()
    token.set(SECRET)
    assert token.set("") is True
    assert (token.get(), safe.kept) == ("", {})
    assert token.set(" ") is True


def test_the_safe_is_asked_once(safe: Safe) -> None:
    token = Token()
    assert token.get() == ""
    safe.set_password(SERVICE, ACCOUNT, SECRET)
    assert token.get() == ""
    assert Token().get() == SECRET


@pytest.mark.parametrize("text", ["two words", "hf_\nabc", "hf_é", "x" * 501, "hf_\u2028abc"])
def test_what_cannot_be_a_token_is_refused_and_not_repeated(safe: Safe, text: str) -> None:
    token = Token()
    token.set(SECRET)
    with pytest.raises(UserError) as caught:
        token.set(text)
    assert caught.value.code == "bad_token"
    assert text not in caught.value.text + caught.value.hint_text
    assert token.get() == safe.kept[SERVICE, ACCOUNT] == SECRET


class Locked(KeyringBackend):
    """A safe whose owner does not open it."""

    priority = 0.5  # type: ignore[assignment]

    def get_password(self, service: str, username: str) -> str | None:
        raise KeyringLocked("It was not opened.")

    def set_password(self, service: str, username: str, password: str) -> None:
        raise KeyringLocked("It was not opened.")

    def delete_password(self, service: str, username: str) -> None:
        raise KeyringLocked("It was not opened.")


@pytest.mark.parametrize("backend", [fail.Keyring, Locked])
def test_without_a_safe_it_lives_until_the_end(backend: type[KeyringBackend]) -> None:
    keyring.set_keyring(backend())
    token = Token()
    assert token.get() == ""
    assert token.set(SECRET) is False
    assert token.get() == SECRET
    assert Token().get() == ""
    assert token.set("") is False
    assert token.get() == ""


def test_it_goes_to_the_hub_alone_and_into_no_file(hub: HubServer, tmp_path: Path) -> None:
    hub.add("acme/Gated-GGUF", {"Gated-Q8_0.gguf": b"eight bits"}, gated="manual")
    with Workbench.open(tmp_path / "data") as workbench:
        workbench.token.set(hub.token)
        workbench.settings.set("hub_endpoint", hub.url)
        item = workbench.finder.download_named("acme/Gated-GGUF")
        *_, last = workbench.downloads.run(item.id)
        assert last.status == "done"
    sent = {seen.headers["host"].partition(":")[0]: seen.headers.get("authorization") for seen in hub.seen}
    assert sent == {"127.0.0.1": f"Bearer {hub.token}", "localhost": None}
    files = [path for path in tmp_path.rglob("*") if path.is_file()]
    assert files
    assert not [path for path in files if hub.token.encode() in path.read_bytes()]
