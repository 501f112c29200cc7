"""The door to the network: what goes out, why, and what is stopped."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import tracemalloc
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import replace

import httpx2
import pytest
from hub_server import Fault, HubServer

from models.errors import UserError
from models.network import HUB, Connection, Network, NetworkOptions, Offline


@pytest.fixture
def server() -> Iterator[HubServer]:
    with HubServer() as server:
        server.add("acme/Tiny", {"note.txt": b"hello", "big.bin": b"x" * 1000})
        yield server


def network(endpoint: str = "", **options: object) -> Network:
    return Network(lambda: replace(NetworkOptions(endpoint=endpoint), **options))  # type: ignore[arg-type]


# ---------------------------------------------------------------- the hub's address


@pytest.mark.parametrize(
    ("endpoint", "address"),
    [
        ("", HUB),
        ("  ", HUB),
        ("/", HUB),
        (" https://mirror.example/ ", "https://mirror.example"),
        ("http://localhost:8080//", "http://localhost:8080"),
        ("https://镜像.example", "https://镜像.example"),
    ],
)
def test_the_address_of_the_hub(endpoint: str, address: str) -> None:
    assert network(endpoint).endpoint == address


@pytest.mark.parametrize(
    "endpoint",
    ["mirror.example", "ftp://mirror.example", "https://", "http://:80", "javascript:x", "http://a:b:c"],
)
def test_an_address_that_is_none(endpoint: str) -> None:
    with pytest.raises(UserError, match="is not a web address") as caught:
        _ = network(endpoint).endpoint
    assert caught.value.code == "bad_endpoint"
    assert caught.value.hint_text


def test_the_options_are_asked_anew() -> None:
    options = [NetworkOptions()]
    tokens = ["", "hf_token"]
    asked = Network(lambda: options[0], lambda: tokens[-1])
    assert (asked.endpoint, asked.token) == (HUB, "hf_token")
    options[0] = NetworkOptions(endpoint="https://other.example")
    tokens.append("")
    assert (asked.endpoint, asked.token) == ("https://other.example", "")


# ---------------------------------------------------------------- counting


def test_each_request_is_counted_with_its_reason(server: HubServer) -> None:
    asked = network(server.url)
    told: list[int] = []
    asked.on_connect.append(lambda: told.append(sum(each.count for each in asked.connections())))
    with asked.errand("Reading a note") as client:
        assert client.get(f"{server.url}/acme/Tiny/resolve/main/note.txt").text == "hello"
        assert client.get(f"{server.url}/acme/Tiny/resolve/main/big.bin").status_code == 200
    with asked.errand("Looking around") as client:
        client.get(f"{server.url}/api/models")
    assert asked.connections() == [
        Connection("127.0.0.1", "Reading a note", 2),
        Connection("localhost", "Reading a note", 1),  # a redirect is a request as well
        Connection("127.0.0.1", "Looking around", 1),
    ]
    assert told == [1, 2, 3, 4]
    assert len(server.seen) == 4
    assert all(seen.headers["user-agent"].startswith("rolltop/") for seen in server.seen)


def test_requests_that_fail_are_counted() -> None:
    asked = network("http://127.0.0.1:1")
    with asked.errand("Trying") as client, pytest.raises(httpx2.ConnectError):
        client.get("http://127.0.0.1:1/")
    assert asked.connections() == [Connection("127.0.0.1", "Trying", 1)]


def test_counting_from_many_threads(server: HubServer) -> None:
    asked = network(server.url)

    def ask(number: int) -> None:
        with asked.errand(f"reason {number % 2}") as client:
            client.get(f"{server.url}/api/models")

    with ThreadPoolExecutor(4) as threads:
        list(threads.map(ask, range(20)))
    counts = {each.reason: each.count for each in asked.connections()}
    assert counts == {"reason 0": 10, "reason 1": 10}


# ---------------------------------------------------------------- offline


def test_offline_nothing_goes_out(server: HubServer) -> None:
    asked = network(server.url, offline=True)
    with pytest.raises(Offline, match=r"^Rolltop is offline\.$") as caught, asked.errand("Reading"):
        pytest.fail("an errand while offline")
    assert (caught.value.code, bool(caught.value.hint_text)) == ("offline", True)
    assert server.seen == []
    assert asked.connections() == []


def test_going_offline_stops_what_is_under_way(server: HubServer) -> None:
    options = [NetworkOptions(endpoint=server.url)]
    asked = Network(lambda: options[0])
    asked.on_connect.append(lambda: options.__setitem__(0, replace(options[0], offline=True)))
    with asked.errand("Reading") as client:
        with pytest.raises(Offline):  # at the redirect
            client.get(f"{server.url}/acme/Tiny/resolve/main/big.bin")
        with pytest.raises(Offline):
            client.get(f"{server.url}/api/models")
    assert len(server.seen) == 1


# ---------------------------------------------------------------- where a hub may send the app


def test_no_way_from_https_to_http(server: HubServer) -> None:
    asked = network("https://hub.example")
    with asked.errand("Reading") as client, pytest.raises(UserError, match="without encryption") as caught:
        client.get(f"{server.url}/api/models")
    assert caught.value.code == "bad_redirect"
    assert server.seen == []


def test_a_token_does_not_follow_to_another_host(server: HubServer) -> None:
    with network(server.url).errand("Reading") as client:
        address = f"{server.url}/acme/Tiny/resolve/main/big.bin"
        assert client.get(address, headers={"Authorization": f"Bearer {server.token}"}).content == b"x" * 1000
    first, second = server.seen
    assert first.headers["authorization"] == f"Bearer {server.token}"
    assert "authorization" not in second.headers


def test_redirects_in_a_circle(server: HubServer) -> None:
    server.fault = lambda seen: Fault(redirect=f"{server.url}/again")
    with network(server.url).errand("Reading") as client, pytest.raises(httpx2.TooManyRedirects):
        client.get(server.url)
    assert len(server.seen) <= 21


def _serve_once(answer: Callable[[socket.socket], None]) -> tuple[str, Callable[[], None]]:
    """The address of a server that answers one connection, and what waits for it to be done."""
    listener = socket.create_server(("127.0.0.1", 0))

    def serve() -> None:
        with listener, listener.accept()[0] as line:
            line.recv(65536)
            with suppress(OSError):
                answer(line)

    threads = ThreadPoolExecutor(1)
    threads.submit(serve)
    return f"http://127.0.0.1:{listener.getsockname()[1]}", threads.shutdown


def test_the_body_of_a_redirect_is_not_read(server: HubServer) -> None:
    sent = [0]

    def answer(line: socket.socket) -> None:
        line.sendall(f"HTTP/1.1 302 Found\r\nLocation: {server.url}/api/models\r\n\r\n".encode())
        while sent[0] < 64 << 20:
            line.sendall(b"x" * (1 << 20))
            sent[0] += 1 << 20

    address, done = _serve_once(answer)
    tracemalloc.start()
    try:
        with network(address).errand("Reading") as client:
            assert client.get(address).status_code == 200
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
        done()
    assert sent[0] < 32 << 20
    assert peak < 32 << 20


# ---------------------------------------------------------------- proxies


def test_a_proxy(server: HubServer) -> None:
    asked = network("http://hub.invalid", proxy=f" {server.url} ")
    with asked.errand("Reading") as client:
        assert client.get("http://hub.invalid/acme/Tiny/resolve/main/note.txt").text == "hello"
    assert server.seen[0].headers["host"] == "hub.invalid"
    assert asked.connections() == [Connection("hub.invalid", "Reading", 1)]


@pytest.mark.parametrize(
    "proxy", ["localhost:3128", "ftp://proxy", "http://a:b", "socks9://x", "socks5://localhost"]
)
def test_a_proxy_that_cannot_be(proxy: str) -> None:
    with (
        pytest.raises(UserError, match="The proxy cannot be used") as caught,
        network(HUB, proxy=proxy).errand("x"),
    ):
        pytest.fail("an errand through a bad proxy")
    assert caught.value.code == "bad_proxy"
    assert "\n" not in caught.value.text


def test_the_proxy_of_the_system_is_used(server: HubServer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("http_proxy", server.url)
    monkeypatch.delenv("no_proxy", raising=False)
    with network("http://hub.invalid").errand("Reading") as client:
        assert client.get("http://hub.invalid/acme/Tiny/resolve/main/note.txt").text == "hello"


# ---------------------------------------------------------------- starting


def test_the_http_client_is_imported_when_it_is_needed() -> None:
    code = "import sys; from models.network import Network; Network(); print('httpx2' in sys.modules)"
    command = [sys.executable, "-c", code]
    done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=60, env=os.environ)
    assert done.stdout.strip() == "False"
