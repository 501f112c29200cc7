"""The one door to the network: nothing goes out unless somebody asked for it and said why."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from ssl import SSLContext
from typing import TYPE_CHECKING

from models.errors import UserError

if TYPE_CHECKING:
    import httpx2

HUB = "https://huggingface.co"
CONNECT_S = 15.0
READ_S = 30.0
"""Seconds without a single byte after which a line counts as broken."""


class Offline(UserError):
    """The user has switched the network off."""

    code = "offline"


@dataclass(frozen=True)
class NetworkOptions:
    """How to reach the hub.

    Attributes:
        endpoint: address of the hub or of a mirror of it, without a path.
        proxy: address of a proxy; empty for what the system says.
        offline: refuse every connection.
    """

    endpoint: str = HUB
    proxy: str = ""
    offline: bool = False


@dataclass(frozen=True)
class Connection:
    """Requests that went to one host for one reason. `count`: how many."""

    host: str
    reason: str
    count: int


class Network:
    """Makes the clients that go out, and keeps the list of where they went and why.

    Args:
        options: asked anew for each errand. token: the user's token for the hub, "" for none.

    Attributes:
        on_connect: called after a connection was counted, on the thread that makes it.
    """

    def __init__(
        self,
        options: Callable[[], NetworkOptions] = NetworkOptions,
        token: Callable[[], str] = lambda: "",
    ) -> None:
        self._options, self._token = options, token
        self._counts: dict[tuple[str, str], int] = {}
        self._lock = threading.Lock()
        self.on_connect: list[Callable[[], None]] = []

    @property
    def endpoint(self) -> str:
        """The hub's address, without a slash at its end; raises UserError when it is none."""
        import httpx2  # here, since most starts of the app never go out

        endpoint = self._options().endpoint.strip().rstrip("/") or HUB
        try:
            url = httpx2.URL(endpoint)
        except (httpx2.InvalidURL, ValueError):
            url = httpx2.URL("")
        if url.scheme not in ("http", "https") or not url.host:
            raise UserError(
                "The address of the hub is not a web address: {endpoint}.",
                hint="Correct it in the settings, or empty it for Hugging Face's own.",
                code="bad_endpoint",
                endpoint=endpoint,
            )
        return endpoint

    @property
    def token(self) -> str:
        """The user's token for the hub; "" when there is none, or one that no header can carry."""
        token = self._token().strip()
        return token if token.isascii() and token.isprintable() and " " not in token else ""

    @contextmanager
    def errand(self, reason: str) -> Iterator[httpx2.Client]:
        """A client for one errand that the user asked for; `reason` is told by the offline shield.

        It follows redirects, but never from https to http, and takes what is in its headers to the
        host that was asked alone. Raises Offline when the network is switched off.
        """
        self._check_allowed()
        with self._client(reason) as client:
            yield client

    def _client(self, reason: str) -> httpx2.Client:
        import httpx2

        def goes_out(request: httpx2.Request) -> None:
            self._goes_out(request, reason)

        def comes_in(response: httpx2.Response) -> None:
            if response.has_redirect_location:  # else all of its body would be read, however long it is
                response.stream.close()  # type: ignore[union-attr]  # of a client that is not async
                response.stream = httpx2.ByteStream(b"")

        try:
            return httpx2.Client(
                verify=_certificates(),
                proxy=self._options().proxy.strip() or None,
                follow_redirects=True,
                timeout=httpx2.Timeout(READ_S, connect=CONNECT_S),
                headers={"User-Agent": f"rolltop/{_version()}"},
                event_hooks={"request": [goes_out], "response": [comes_in]},
            )
        except (ValueError, httpx2.InvalidURL, ImportError) as error:
            raise UserError(
                "The proxy cannot be used: {reason}.",
                hint="Correct its address in the settings, such as http://localhost:3128.",
                code="bad_proxy",
                reason=error,
            ) from error

    def connections(self) -> list[Connection]:
        """Where requests went since the app was started, and why; in the order of the first."""
        with self._lock:
            return [Connection(host, reason, count) for (host, reason), count in self._counts.items()]

    def _goes_out(self, request: httpx2.Request, reason: str) -> None:
        """Count a request, or stop it; called for each hop of a redirect as well."""
        self._check_allowed()
        if request.url.scheme != "https" and self.endpoint.startswith("https:"):
            raise UserError(
                "The hub sent the app on to an address without encryption: {host}.",
                hint="Try again later, or use another mirror.",
                code="bad_redirect",
                host=request.url.host,
            )
        with self._lock:
            key = (request.url.host, reason)
            self._counts[key] = self._counts.get(key, 0) + 1
        for callback in list(self.on_connect):
            callback()

    def _check_allowed(self) -> None:
        if self._options().offline:
            raise Offline(
                "Rolltop is offline.",
                hint="Switch offline mode off in the settings to use the network.",
            )


@cache
def _certificates() -> SSLContext:
    """Those that this computer trusts; reading them anew for each client would take 30 ms."""
    import httpx2

    return httpx2.create_ssl_context()


@cache
def _version() -> str:
    from importlib import metadata

    try:
        return metadata.version("rolltop")
    except metadata.PackageNotFoundError:
        return "0"
