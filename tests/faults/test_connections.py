"""Connections that fail: refused, unresolved, untrusted, reset, gone while idle, redirected elsewhere.

What cannot have reached the server is `not_sent` and costs nothing; what may have is tried again and counted.
"""

from __future__ import annotations

import datetime
import math
import socket
import ssl
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import anyio
import pytest
import trustme

from openai_async._transport import connect, direct
from openai_async._transport.direct import DirectTransport
from openai_async._transport.dns import Resolver
from openai_async._transport.exchange import WireRequest
from openai_async._transport.httpx_transport import HttpxSettings, HttpxTransport
from openai_async._transport.keep_alive import keep_alive_timeout
from openai_async._transport.pool import MOST_CONNECTS
from openai_async._transport.tls import shared_context
from openai_async.errors import APIConnectionError, RequestTooLargeError, UnexpectedRedirectError
from openai_async.testing import FaultServer, Fin, ReadRequest, Rst, Script, Send, Stall, json_reply, respond, sse
from openai_async.testing.script import Framing
from tests.inside import pipeline_of

from .conftest import MakeClient
from .replies import CALL, CHUNKS, COMPLETION, EVENTS, TEXT, error_reply, ok

pytestmark = pytest.mark.usefixtures("no_backoff")


def outcomes(holder: Any) -> list[str]:
    return [attempt.outcome for attempt in holder.attempts]


async def test_a_refused_connection_is_tried_again_and_costs_nothing(make_client: MakeClient) -> None:
    """Nobody listens: every attempt is not_sent, so none of them can have been billed."""
    with FaultServer([ok()]) as server:
        pass
    async with make_client(server.base_url, max_retries=2) as client:
        with pytest.raises(APIConnectionError) as caught:
            await client.chat.completions.create(**CALL)
    assert caught.value.phase == "connect"
    assert outcomes(caught.value) == ["not_sent"] * 3
    assert not caught.value.possibly_billed


async def test_a_name_without_an_address_is_not_sent(make_client: MakeClient, monkeypatch: pytest.MonkeyPatch) -> None:
    """A host that cannot be resolved is an error of the connect phase."""

    def nobody(*_: Any, **__: Any) -> Any:
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

    monkeypatch.setattr(socket, "getaddrinfo", nobody)
    async with make_client("https://api.example/v1", max_retries=1) as client:
        with pytest.raises(APIConnectionError) as caught:
            await client.chat.completions.create(**CALL)
    assert caught.value.phase == "connect"
    assert outcomes(caught.value) == ["not_sent"] * 2


@pytest.fixture
def authority(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[trustme.CA]:
    """A certificate authority that the client trusts, and no other."""
    authority = trustme.CA()
    file = tmp_path / "authority.pem"
    authority.cert_pem.write_to_path(file)
    monkeypatch.setenv("SSL_CERT_FILE", str(file))
    shared_context.cache_clear()
    yield authority
    shared_context.cache_clear()


def server_tls(authority: trustme.CA, name: str = "127.0.0.1", *, expired: bool = False) -> ssl.SSLContext:
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    expiry = datetime.datetime(2020, 1, 1) if expired else None
    authority.issue_cert(name, not_after=expiry).configure_cert(context)
    return context


async def test_tls_works_where_the_certificate_is_right(authority: trustme.CA, make_client: MakeClient) -> None:
    """A certificate for this host from a trusted authority is accepted; its connection is kept."""
    with FaultServer([ok()], tls=server_tls(authority)) as server:
        async with make_client(server.base_url) as client:
            for _ in range(2):
                reply = await client.chat.completions.create(**CALL)
                assert reply.text == TEXT
    assert server.accepted_connections == 1


@pytest.mark.parametrize("flaw", ["unknown authority", "other host", "expired", "no tls", "hangs up"])
async def test_a_connection_that_cannot_be_trusted_is_not_sent(
    flaw: str, authority: trustme.CA, make_client: MakeClient
) -> None:
    """A certificate that does not hold ends the attempt before a byte of the request: nothing can be billed."""
    tls = {
        "unknown authority": lambda: server_tls(trustme.CA()),
        "other host": lambda: server_tls(authority, "api.example"),
        "expired": lambda: server_tls(authority, expired=True),
    }.get(flaw, lambda: server_tls(authority))()
    on_accept: dict[str, Script] = {"no tls": (Send(b"220 mail.example ESMTP\r\n"), Fin()), "hangs up": (Rst(),)}
    with FaultServer([ok()], tls=tls, on_accept=[on_accept.get(flaw, ())]) as server:
        async with make_client(server.base_url, max_retries=2) as client:
            with pytest.raises(APIConnectionError) as caught:
                await client.chat.completions.create(**CALL)
            assert client.statistics().in_flight == 0
            assert client.statistics().open_connections == 0
    assert caught.value.phase == "connect"
    assert outcomes(caught.value) == ["not_sent"] * 3
    assert not caught.value.possibly_billed
    assert server.requests == ()


RESETS: dict[str, Script] = {
    "before the answer": (Rst(),),
    "in the head": (Send(b"HTTP/1.1 200 OK\r\ncont"), Rst()),
    "in the body": (*ok()[:1], Send(b'{"id"'), Rst()),
}


@pytest.mark.parametrize("name", RESETS)
async def test_a_reset_after_the_request_may_have_been_billed(name: str, make_client: MakeClient) -> None:
    """The answer is lost, the work perhaps not: tried again, and counted on the reply and on the error."""
    with FaultServer([RESETS[name], ok()]) as server:
        async with make_client(server.base_url, max_retries=1) as client:
            reply = await client.chat.completions.create(**CALL)
            assert outcomes(reply) == ["ambiguous", "completed"]
    with FaultServer([RESETS[name]]) as server:
        async with make_client(server.base_url, max_retries=1) as client:
            with pytest.raises(APIConnectionError) as caught:
                await client.chat.completions.create(**CALL)
    assert outcomes(caught.value) == ["ambiguous"] * 2
    assert caught.value.possibly_billed


async def test_a_reset_while_the_request_is_sent_is_retried(make_client: MakeClient) -> None:
    """A server that hangs up during a large upload is asked again; the call never hangs."""
    call = {**CALL, "messages": [{"role": "user", "content": "x" * 8_000_000}]}
    with FaultServer([(ReadRequest(body=1_000), Rst()), ok()]) as server:
        async with make_client(server.base_url, max_retries=1) as client:
            reply = await client.chat.completions.create(**call)
    assert reply.text == TEXT
    assert len(reply.attempts) == 2


async def test_a_server_that_refuses_during_the_upload_costs_one_connection(make_client: MakeClient) -> None:
    """Answered before the request was read, and closed: that answer or a lost one, and the next call works."""
    call = {**CALL, "messages": [{"role": "user", "content": "x" * 8_000_000}]}
    with FaultServer([(ReadRequest(body=1_000), *error_reply(413), Fin()), ok()]) as server:
        async with make_client(server.base_url) as client:
            with pytest.raises((RequestTooLargeError, APIConnectionError)):
                await client.chat.completions.create(**call)
            reply = await client.chat.completions.create(**CALL)
    assert reply.text == TEXT
    assert server.accepted_connections == 2


@pytest.mark.parametrize("end", [Fin(), Stall()], ids=["closes", "stalls"])
async def test_an_answer_before_the_upload_has_ended_is_heard(end: Fin | Stall, make_client: MakeClient) -> None:
    """A server that answers and reads no further is heard at once, and its connection is not used again."""
    call = {**CALL, "messages": [{"role": "user", "content": "x" * 32_000_000}]}  # more than two kernels' buffers take
    with FaultServer([(ReadRequest(body=1_000), *error_reply(413), end)]) as server:
        async with make_client(server.base_url, timeout=5.0) as client:
            with pytest.raises(RequestTooLargeError):
                await client.chat.completions.create(**call)
            assert client.statistics().open_connections == 0  # out of step


@pytest.mark.parametrize(
    ("stated", "seconds"),
    [
        (b"timeout=5", 4.0),
        (b"timeout=5, max=100", 4.0),
        (b'max=3; Timeout = "10"', 9.0),
        (b"timeout=1", 0.5),
        (b"timeout=0", 0.0),
        (b"max=100", math.inf),
        (b"x-timeout=3", math.inf),
        (b"", math.inf),
    ],
)
def test_how_long_a_server_keeps_an_idle_connection_is_read(stated: bytes, seconds: float) -> None:
    """With a margin, so that the next request arrives before the server closes."""
    assert keep_alive_timeout(stated) == seconds


async def test_an_idle_connection_is_used_no_longer_than_the_server_keeps_it(
    make_client: MakeClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    """`Keep-Alive: timeout=` ends the reuse of a connection, whether or not the server's FIN has been seen."""
    with FaultServer([json_reply(COMPLETION, headers={"Keep-Alive": "timeout=30"})]) as server:
        async with make_client(server.base_url) as client:
            for connections, later in ((1, 0.0), (1, 28.0), (2, 60.0)):
                if later:
                    transport = pipeline_of(client).transport.ready()
                    [pool] = transport._pools._loops.values()
                    monkeypatch.setattr(pool, "_now", lambda real=pool._now, more=later: real() + more)
                await client.chat.completions.create(**CALL)
                assert server.accepted_connections == connections
                monkeypatch.undo()


@pytest.mark.parametrize("end", [Rst(), Fin()], ids=["rst", "fin"])
async def test_a_connection_that_died_while_idle_loses_no_call(end: Rst | Fin, make_client: MakeClient) -> None:
    """The server closed a kept connection: the next call notices before it sends, and needs no second attempt."""
    with FaultServer([(*ok(), end)]) as server:
        async with make_client(server.base_url) as client:
            for _ in range(3):
                reply = await client.chat.completions.create(**CALL)
                assert outcomes(reply) == ["completed"]
                # Blocks the loop, which so cannot learn of the end before the next call looks for itself.
                server.wait_for(lambda server: server.open_connections == 0)
    assert server.accepted_connections == len(server.requests) == 3


async def test_a_connection_that_closes_around_its_reuse_loses_no_call(make_client: MakeClient) -> None:
    """The server closes after each reply without saying so, whenever that comes to be noticed: no call fails."""
    with FaultServer([(*ok(), Fin())]) as server:
        async with make_client(server.base_url, max_retries=1) as client:
            for _ in range(40):  # fewer than the retry budget holds: each may have to be tried again
                reply = await client.chat.completions.create(**CALL)
                assert reply.text == TEXT


async def test_a_connection_that_dies_on_reuse_is_replaced(make_client: MakeClient) -> None:
    """The server takes the second request on a kept connection and hangs up: ambiguous, tried again, and counted."""
    with FaultServer([(*ok(), ReadRequest(), Rst()), ok()]) as server:
        async with make_client(server.base_url, max_retries=1) as client:
            await client.chat.completions.create(**CALL)
            reply = await client.chat.completions.create(**CALL)
    assert outcomes(reply) == ["ambiguous", "completed"]
    assert [request.connection for request in server.requests] == [1, 1, 2]


async def test_a_stream_is_opened_again_but_never_resumed(make_client: MakeClient) -> None:
    """Failures before the stream begins are retried; after its first event nothing is sent again."""
    scripts: list[Script] = [error_reply(500), (Rst(),), (*sse(EVENTS[:1])[:-1], Rst())]
    with FaultServer(scripts) as server:
        async with make_client(server.base_url, max_retries=5) as client:
            with pytest.raises(APIConnectionError) as caught:
                async with client.chat.completions.stream(**CALL) as stream:
                    await stream.final()
    assert len(server.requests) == 3
    assert caught.value.partial.text == CHUNKS[0]["choices"][0]["delta"]["content"]
    assert [(a.status, a.outcome) for a in caught.value.attempts] == [
        (500, "ambiguous"),
        (None, "ambiguous"),
        (200, "ambiguous"),
    ]


# Redirects ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
@pytest.mark.parametrize("same_origin", [True, False], ids=["same origin", "other origin"])
async def test_a_redirect_is_never_followed(status: int, same_origin: bool, make_client: MakeClient) -> None:
    """A redirect is an error at once: neither key nor prompt goes anywhere but to the base_url."""
    with FaultServer([ok()]) as elsewhere:

        def redirect(_: Any) -> Script:
            target = server if same_origin else elsewhere
            return respond(status, headers={"location": f"{target.base_url}/chat/completions"})

        with FaultServer(redirect) as server:
            async with make_client(server.base_url, max_retries=2) as client:
                for stream in (False, True):
                    with pytest.raises(UnexpectedRedirectError) as caught:
                        await client.chat.completions.create(**CALL, stream=stream)
                    assert caught.value.status_code == status
        assert len(server.requests) == 2
        assert elsewhere.accepted_connections == 0


@pytest.mark.parametrize("stack", ["asyncio-direct"], indirect=True)  # httpx connects by itself
async def test_connects_that_are_under_way_are_bounded(
    make_client: MakeClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Many calls at once do not overrun the server's queue, and a connection that came back is used instead."""
    under_way = most = opened = 0
    real = connect.connect_tcp

    async def counted(host: str, port: int, names: Resolver) -> socket.socket:
        nonlocal under_way, most, opened
        under_way += 1
        opened += 1
        most = max(most, under_way)
        try:
            await anyio.lowlevel.checkpoint()
            return await real(host, port, names)
        finally:
            under_way -= 1

    monkeypatch.setattr(direct, "connect_tcp", counted)
    with FaultServer([ok()]) as server:
        async with make_client(server.base_url) as client, anyio.create_task_group() as group:
            for _ in range(3 * MOST_CONNECTS):
                group.start_soon(partial(client.chat.completions.create, **CALL))
        assert most <= MOST_CONNECTS
        assert server.accepted_connections == opened < 3 * MOST_CONNECTS


@pytest.mark.parametrize("framing", ["length", "chunked"])
async def test_the_answer_to_a_head_has_no_body(transport: str, framing: Framing) -> None:
    """Whatever its header says of a body: nothing is waited for, and the next request gets its own answer."""
    head = b"".join(step.data for step in respond(200, b"x" * 9, framing=framing)[:1] if isinstance(step, Send))
    head = head[: head.index(b"\r\n\r\n") + 4]
    used = DirectTransport() if transport == "direct" else HttpxTransport(HttpxSettings(trust_env=False))
    with FaultServer([(Send(head), ReadRequest(), *respond(200, b"own")), respond(200, b"own")]) as server:
        exchange = await used.send(
            WireRequest("HEAD", server.base_url, [], b""), connect_timeout=5.0, deadline=math.inf
        )
        assert exchange.status == 200
        assert await exchange.read(math.inf) == b""
        exchange = await used.send(WireRequest("GET", server.base_url, [], b""), connect_timeout=5.0, deadline=math.inf)
        assert await exchange.read(math.inf) == b"own"
        await used.aclose()
