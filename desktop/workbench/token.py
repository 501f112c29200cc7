"""The user's token for the hub: kept in the system's own safe, never in a file, a log or an argument."""

from __future__ import annotations

import threading

from models.errors import UserError

SERVICE, ACCOUNT = "Rolltop", "hub-token"
LONGEST = 500


class Token:
    """The token, asked of the safe once. Where there is no safe, it is kept until the app ends.

    Every method may be called from any thread, and may wait for the system's safe.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._value: str | None = None

    def get(self) -> str:
        """The token; "" when there is none."""
        with self._lock:
            if self._value is None:
                self._value = _read()
            return self._value

    def set(self, value: str) -> bool:
        """Keep a token, "" forgets it; False when there is no safe and it lives until the app ends.

        Raises UserError for text that cannot be a token.
        """
        value = value.strip()
        if len(value) > LONGEST or not value.isascii() or any(c.isspace() for c in value):
            raise UserError(
                "This is not an access token.",
                hint="A token is one word that begins with hf_. Copy it from the settings of your account.",
                code="bad_token",
            )
        with self._lock:
            self._value = value
            return _write(value)


def _read() -> str:
    import keyring  # slow to import, and most people have no token
    from keyring.errors import KeyringError

    try:
        return keyring.get_password(SERVICE, ACCOUNT) or ""
    except (KeyringError, RuntimeError, OSError):
        return ""


def _write(value: str) -> bool:
    import keyring
    from keyring.errors import KeyringError, PasswordDeleteError

    try:
        if value:
            keyring.set_password(SERVICE, ACCOUNT, value)
        else:
            keyring.delete_password(SERVICE, ACCOUNT)
    except PasswordDeleteError:
        return True  # there was none
    except (KeyringError, RuntimeError, OSError):
        return False
    return True
