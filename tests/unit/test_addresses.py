"""What a reply names is fetched from public addresses, or from where the client talks to anyway."""

from __future__ import annotations

import socket
from typing import Any

import anyio
import pytest

from openai_async import InvalidParameterError
from openai_async.resources._url_checks import check_address

API = "https://api.example/v1"
KNOWN = {
    "api.example": ["93.184.216.34"],
    "public.example": ["93.184.216.35", "2606:2800:220:1:248:1893:25c8:1946"],
    "inside.example": ["10.0.0.7"],
    "rebound.example": ["93.184.216.35", "127.0.0.1"],
    "metadata.example": ["169.254.169.254"],
    "box.lan": ["192.168.1.5"],
    "localhost": ["127.0.0.1", "::1"],
}


@pytest.fixture(autouse=True)
def names(monkeypatch: pytest.MonkeyPatch) -> None:
    """Names are looked up in `KNOWN`; addresses are their own."""

    async def look_up(host: str, port: int, **options: Any) -> list[Any]:
        try:
            found = KNOWN.get(host) or [e[4][0] for e in socket.getaddrinfo(host, port, flags=socket.AI_NUMERICHOST)]
        except OSError:
            raise socket.gaierror from None
        return [(None, None, None, "", (address, port)) for address in found]

    monkeypatch.setattr(anyio, "getaddrinfo", look_up)


@pytest.mark.parametrize(
    ("url", "base_url"),
    [
        ("https://public.example/1.png", API),
        ("https://93.184.216.35:8443/1.png", API),
        ("https://unknown.example/1.png", API),  # left to who sends it: a proxy may know it
        ("http://127.0.0.1:8000/1.png", "http://127.0.0.1:8000/v1"),
        ("https://localhost:1/1.png", "http://127.0.0.1:8000/v1"),
        ("https://10.1.2.3/1.png", "https://inside.example/v1"),
    ],
)
async def test_what_may_be_fetched(url: str, base_url: str) -> None:
    """Public addresses, the server itself, and its own network."""
    await check_address("image.url", url, base_url)


@pytest.mark.parametrize(
    "host",
    [
        "127.0.0.1",
        "127.1",
        "2130706433",
        "0x7f.0.0.1",
        "0.0.0.0",
        "localhost",
        "[::1]",
        "[::ffff:127.0.0.1]",
        "[::ffff:a9fe:a9fe]",
        "[64:ff9b::a9fe:a9fe]",
        "[2002:7f00:1::]",
        "[fe80::1]",
        "[fd00::1]",
        "10.0.0.1",
        "172.16.0.1",
        "192.168.0.1",
        "100.100.100.200",
        "168.63.129.16",
        "169.254.169.254",
        "224.0.0.1",
        "inside.example",
        "rebound.example",
        "metadata.example",
        "box.lan",
    ],
)
@pytest.mark.parametrize("anyio_backend", ["asyncio"])
async def test_what_is_inside_is_not_fetched_for_a_reply(host: str) -> None:
    """In every spelling, also behind a name one of whose addresses is inside; the refusal does not show it."""
    with pytest.raises(InvalidParameterError, match="is not fetched") as caught:
        await check_address("image.url", f"https://{host}/1.png?key=canary", API)
    assert "canary" not in str(caught.value)


@pytest.mark.parametrize("anyio_backend", ["asyncio"])
async def test_a_server_inside_opens_its_own_kind_of_network_only() -> None:
    """A model server on this machine is no reason to fetch the metadata of its provider."""
    for url in ("https://169.254.169.254/", "https://10.0.0.1/"):
        with pytest.raises(InvalidParameterError, match="is not fetched"):
            await check_address("image.url", url, "http://127.0.0.1:8000/v1")
