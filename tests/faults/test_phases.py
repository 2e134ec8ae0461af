"""An error says how far a request had come. The transport states it: what was never sent is never "perhaps billed"."""

from __future__ import annotations

import contextlib
import socket
import ssl
import threading
from collections.abc import Iterator
from typing import Any

import httpx
import httpx2
import pytest
import trustme

from openai_async import AsyncClient
from openai_async._transport import tls
from openai_async.errors import (
    APIConnectionError,
    APIStatusError,
    APITimeoutError,
    ConnectTimeoutError,
    DeadlineExceededError,
)
from openai_async.testing import FaultServer, Fin, Rst, Script, Send, Stall, respond
from openai_async.types.settings import Timeout

from .conftest import MakeClient
from .replies import CALL, TEXT, ok

#: Seconds.
SHORT = 0.1

BOUNDS: dict[str, dict[str, Any]] = {
    "connect": {"timeout": Timeout(connect=SHORT)},
    "attempt": {"timeout": Timeout(attempt=SHORT, connect=None)},
    "deadline": {"deadline": SHORT, "timeout": Timeout(connect=None)},
}
ERRORS = {"connect": ConnectTimeoutError, "attempt": APITimeoutError, "deadline": DeadlineExceededError}


@contextlib.contextmanager
def stalled(where: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[tuple[str, dict[str, Any]]]:
    """A base URL, and settings, of a connect that never ends."""
    if where == "look-up":
        asked = threading.Event()

        def silent(host: str, port: int, family: int = 0, type: int = 0, proto: int = 0, flags: int = 0) -> Any:
            if not flags & socket.AI_NUMERICHOST:  # which trio asks about by itself, in the loop
                asked.wait(30)
            raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

        monkeypatch.setattr(socket, "getaddrinfo", silent)
        try:
            yield "http://api.example/v1", {"allow_http": True}
        finally:
            asked.set()
    else:
        with FaultServer([(Stall(),)], on_accept=[(Stall(),) if where == "tls" else ()]) as server:
            if where == "tls":
                yield server.base_url.replace("http:", "https:"), {}
            else:
                yield "https://127.0.0.1:9/v1", {"proxy": f"http://127.0.0.1:{server.port}"}


@pytest.mark.parametrize("bound", BOUNDS)
@pytest.mark.parametrize("where", ["look-up", "tls", "proxy"])
async def test_a_bound_that_ends_in_a_connect_says_so(
    where: str, bound: str, make_client: MakeClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A name look-up, a TLS handshake and a proxy's CONNECT are all before the first byte: nothing can be billed."""
    with stalled(where, monkeypatch) as (base_url, settings):
        async with make_client(base_url, **settings) as client:
            with pytest.raises(APITimeoutError) as caught:
                await client.chat.completions.create(**CALL, **BOUNDS[bound])
            assert client.statistics().open_connections == 0
    assert type(caught.value) is ERRORS[bound]
    assert (caught.value.phase, caught.value.outcome) == ("connect", "not_sent")
    assert not caught.value.possibly_billed


@pytest.mark.parametrize("library", [httpx, httpx2])
@pytest.mark.parametrize("where", ["tls", "proxy"])
@pytest.mark.parametrize("stack", ["asyncio-httpx", "trio-httpx"], indirect=True)
async def test_a_client_of_the_users_own_tells_phases_too(
    where: str, library: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What httpx reports while it sends is listened to, whoever made the client."""
    with stalled(where, monkeypatch) as (base_url, settings):
        async with library.AsyncClient(trust_env=False, **settings) as own:
            for bound, options in BOUNDS.items():
                client = AsyncClient(api_key="test", base_url=base_url, http_client=own, max_retries=0)
                with pytest.raises(ERRORS[bound]) as caught:
                    await client.chat.completions.create(**CALL, **options)
                assert (caught.value.phase, caught.value.outcome) == ("connect", "not_sent")


PROXIES: dict[str, Script] = {
    "closes": (Fin(),),
    "resets": (Rst(),),
    "speaks something else": (Send(b"220 mail.example ESMTP\r\n"), Fin()),
    "407": respond(407, b"who are you?"),
    "403": respond(403, b"not there"),
    "502": respond(502, b"no route"),
}


@pytest.mark.parametrize("answer", PROXIES)
async def test_a_proxy_that_fails_before_the_tunnel_was_sent_nothing(
    answer: str, make_client: MakeClient, no_backoff: None
) -> None:
    """The request stays here until the tunnel is up; the error names the proxy, and its status as the proxy's."""
    with FaultServer([PROXIES[answer]]) as proxy:
        url = f"http://user:secret@127.0.0.1:{proxy.port}"
        async with make_client("https://127.0.0.1:9/v1", proxy=url, max_retries=1) as client:
            with pytest.raises(APIConnectionError) as caught:
                await client.files.create(file=b"x", purpose="batch")  # which is not repeated after it was sent
    assert [attempt.outcome for attempt in caught.value.attempts] == ["not_sent"] * 2
    assert caught.value.phase == "connect"
    assert f"the proxy at 127.0.0.1:{proxy.port}" in str(caught.value)
    assert "secret" not in str(caught.value)
    if answer.isdigit():
        assert f"refused: {answer}" in str(caught.value)


@pytest.mark.parametrize("status", [401, 403, 407])
async def test_a_status_of_the_proxy_itself_says_so(status: int, make_client: MakeClient) -> None:
    """Where http:// goes through a proxy, what it refuses looks like an answer of the server; its challenge tells."""
    answer = respond(status, b"who are you?", {"proxy-authenticate": "Basic"})
    with FaultServer([answer]) as proxy:
        async with make_client("http://127.0.0.1:9/v1", proxy=f"http://127.0.0.1:{proxy.port}") as client:
            with pytest.raises(APIStatusError, match=r"the proxy refused the request: .*who are you") as caught:
                await client.chat.completions.create(**CALL)
    assert caught.value.status_code == status


async def test_a_reset_on_a_connection_that_was_reused_may_have_been_billed(make_client: MakeClient) -> None:
    """A request that was handed over whole is ambiguous, whether its connection is new or not."""
    with FaultServer([ok(), (Rst(),)]) as server:
        async with make_client(server.base_url) as client:
            await client.chat.completions.create(**CALL)
            with pytest.raises(APIConnectionError) as caught:
                await client.chat.completions.create(**CALL)
    assert (caught.value.phase, caught.value.outcome) == ("response", "ambiguous")


async def test_what_fails_to_connect_names_the_last_hop(make_client: MakeClient) -> None:
    """The host and port that were tried, and the system's own words, on every transport."""
    with FaultServer([()]) as gone:
        pass
    async with make_client(gone.base_url) as client:
        with pytest.raises(APIConnectionError, match=rf"the server at 127\.0\.0\.1:{gone.port}: \[Errno 111\]"):
            await client.chat.completions.create(**CALL)
    async with make_client("https://127.0.0.1:9/v1", proxy=f"http://127.0.0.1:{gone.port}") as client:
        with pytest.raises(APIConnectionError, match=rf"the proxy at 127\.0\.0\.1:{gone.port}: \[Errno 111\]"):
            await client.chat.completions.create(**CALL)


async def test_a_scheme_that_does_not_fit_the_port_is_named(make_client: MakeClient) -> None:
    """https:// where plain HTTP is spoken, and http:// where TLS is: both are a matter of the URL, and not sent."""
    plain: Script = (Send(b"HTTP/1.1 400 Bad Request\r\ncontent-length: 0\r\n\r\n"), Stall())
    alert: Script = (Send(b"\x15\x03\x01\x00\x02\x02\x46"), Fin())
    with FaultServer([()], on_accept=[plain]) as server:
        async with make_client(server.base_url.replace("http:", "https:")) as client:
            with pytest.raises(APIConnectionError, match="begin with http://") as caught:
                await client.chat.completions.create(**CALL)
            assert caught.value.outcome == "not_sent"
    with FaultServer([alert]) as server:
        async with make_client(server.base_url) as client:
            with pytest.raises(APIConnectionError, match="begin with https://") as caught:
                await client.chat.completions.create(**CALL)
            assert caught.value.outcome == "not_sent"


# ---- certificates


@pytest.fixture
def fresh_context(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    for name in ("SSL_CERT_FILE", "SSL_CERT_DIR", "REQUESTS_CA_BUNDLE"):
        monkeypatch.delenv(name, raising=False)
    tls.shared_context.cache_clear()
    yield
    tls.shared_context.cache_clear()


@pytest.mark.parametrize("variable", ["SSL_CERT_FILE", "SSL_CERT_DIR", "REQUESTS_CA_BUNDLE"])
@pytest.mark.usefixtures("fresh_context")
async def test_certificates_that_cannot_be_read_are_named(
    variable: str, make_client: MakeClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A variable left over from another image is an error of ours that names it, on every transport."""
    monkeypatch.setenv(variable, "/nowhere/ca.pem")
    async with make_client("https://127.0.0.1:9/v1") as client:
        with pytest.raises(APIConnectionError, match=f"{variable} names /nowhere/ca.pem") as caught:
            await client.chat.completions.create(**CALL)
    assert caught.value.phase == "connect"


@pytest.mark.usefixtures("fresh_context")
async def test_the_bundle_of_other_programs_is_trusted_and_http_1_1_is_offered(
    make_client: MakeClient, monkeypatch: pytest.MonkeyPatch, tmp_path: Any
) -> None:
    """REQUESTS_CA_BUNDLE counts where nothing else is stated; the handshake names the protocol, for strict gateways."""
    authority, offered = trustme.CA(), ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    authority.cert_pem.write_to_path(tmp_path / "ca.pem")
    authority.issue_cert("127.0.0.1").configure_cert(offered)
    offered.set_alpn_protocols(["http/1.1"])
    chosen: list[str | None] = []
    offered.sni_callback = lambda connection, *_: chosen.append(connection.selected_alpn_protocol())
    with FaultServer([ok()], tls=offered) as server:
        async with make_client(server.base_url) as client:
            with pytest.raises(APIConnectionError, match=r"trusted are the certificates of the certifi package"):
                await client.chat.completions.create(**CALL)
        tls.shared_context.cache_clear()
        monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(tmp_path / "ca.pem"))
        async with make_client(server.base_url) as client:
            assert (await client.chat.completions.create(**CALL)).text == TEXT
    assert tls.shared_context().get_ca_certs()


# ---- raw exceptions


async def test_a_url_that_no_library_carries_is_refused(make_client: MakeClient) -> None:
    """An id of 70,000 characters is an error of the call, the same on every transport."""
    from openai_async import InvalidParameterError

    async with make_client("http://127.0.0.1:9/v1") as client:
        with pytest.raises(InvalidParameterError, match="65536"):
            await client.models.retrieve("m" * 70_000)


@pytest.mark.parametrize("stack", ["asyncio-httpx"], indirect=True)
async def test_a_closed_client_of_the_users_own_is_an_error_of_ours() -> None:
    """httpx raises a RuntimeError there."""
    own = httpx.AsyncClient()
    await own.aclose()
    client = AsyncClient(api_key="test", base_url="http://127.0.0.1:9/v1", http_client=own, max_retries=0)
    with pytest.raises(APIConnectionError, match="has been closed") as caught:
        await client.chat.completions.create(**CALL)
    assert caught.value.outcome == "not_sent"
