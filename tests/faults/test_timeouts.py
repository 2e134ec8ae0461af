"""Every bound on time holds against a server that is merely slow, and says which bound it was.

The servers stall for ever or drip without end: only the client's own bound can end these tests. No duration is judged.
"""

from __future__ import annotations

import itertools
import socket
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import Any

import anyio
import pytest

from openai_async import AsyncClient
from openai_async.errors import (
    APITimeoutError,
    ConnectTimeoutError,
    DeadlineExceededError,
    FirstTokenTimeoutError,
    IdleTimeoutError,
)
from openai_async.testing import (
    FaultServer,
    Gate,
    ReadRequest,
    Script,
    Send,
    Sleep,
    Stall,
    json_reply,
    respond,
    sse,
    wire,
)
from openai_async.types.settings import Timeout

from .conftest import MakeClient
from .replies import CALL, CHUNKS, COMPLETION, EVENTS, TEXT, error_reply, ok, without_end

#: Seconds: over before anything has to happen; room for what must happen first; never over.
SHORT = 0.2
ROOM = 1.0
LONG = 30.0


def drip(data: bytes) -> Script:
    """A byte at a time, and no end: the last byte is held back."""
    slowly = ((Send(bytes([byte])), Sleep(0.01)) for byte in data[:-1])
    return (*itertools.chain.from_iterable(slowly), Stall())


REPLY = wire(json_reply(COMPLETION))
HEAD, BODY = (part + b"\r\n\r\n" * first for part, first in zip(REPLY.split(b"\r\n\r\n"), (1, 0), strict=True))

SLOW: dict[str, Script] = {
    "no answer": (Stall(),),
    "half a head": (Send(HEAD[:20]), Stall()),
    "drip of a head": drip(HEAD),
    "a head alone": (Send(HEAD), Stall()),
    "half a body": (Send(REPLY[:-5]), Stall()),
    "drip of a body": (Send(HEAD), *drip(BODY)),
    "interim answers": (Send(b"HTTP/1.1 100 Continue\r\n\r\n"), Sleep(0.005)) * 2_000,
    "upload not read": (ReadRequest(body=10), Stall()),
    "error without its body": (*respond(500, headers={"content-length": "10"}), Stall()),
}


async def still_works(client: AsyncClient, server: FaultServer) -> None:
    """Permit and connection are back, and the next call is answered."""
    assert client.statistics().in_flight == 0
    await server.until(lambda server: server.open_connections == 0)
    reply = await client.chat.completions.create(**CALL, timeout=LONG)
    assert reply.text == TEXT


@pytest.mark.parametrize("name", SLOW)
async def test_the_bound_of_an_attempt_covers_head_and_body(name: str, make_client: MakeClient) -> None:
    """However a server is slow, an attempt ends by its bound and drops its connection.

    It may have been billed, unless the kernel never took the whole request: nobody acts on half of one.
    """
    unsent = name == "upload not read"
    call = {**CALL, "messages": [{"role": "user", "content": "x" * 8_000_000}]} if unsent else CALL
    with FaultServer([SLOW[name], ok()]) as server:
        async with make_client(server.base_url) as client:
            with pytest.raises(APITimeoutError) as caught:
                await client.chat.completions.create(**call, timeout=Timeout(attempt=SHORT))
            if not unsent:  # TCP tells nothing past a full window
                await still_works(client, server)
    assert type(caught.value) is APITimeoutError
    assert [attempt.outcome for attempt in caught.value.attempts] == ["not_sent" if unsent else "ambiguous"]
    assert caught.value.possibly_billed == (not unsent)


async def test_each_attempt_has_the_whole_bound(make_client: MakeClient, no_backoff: None) -> None:
    """An attempt that ran out of time is followed by another one, which has its full time again."""
    with FaultServer([(Stall(),), (Stall(),), ok()]) as server:
        async with make_client(server.base_url, max_retries=2, timeout=Timeout(attempt=ROOM)) as client:
            reply = await client.chat.completions.create(**CALL)
    assert [attempt.error for attempt in reply.attempts] == ["APITimeoutError", "APITimeoutError", None]


@contextmanager
def full_backlog() -> Iterator[str]:
    """A base URL where connections are begun and never accepted."""
    with ExitStack() as open_sockets, socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen(0)
        for _ in range(4):  # what does not fit into the backlog stays in the middle of its handshake
            waiting = open_sockets.enter_context(socket.socket())
            waiting.setblocking(False)
            waiting.connect_ex(listener.getsockname())
        yield f"http://127.0.0.1:{listener.getsockname()[1]}/v1"


@pytest.mark.parametrize("form", ["whole", "stream"])
async def test_connecting_has_a_bound_of_its_own(form: str, make_client: MakeClient, no_backoff: None) -> None:
    """A host that does not complete a connection is given up, tried again, and cannot have billed anything."""
    with full_backlog() as base_url:
        async with make_client(base_url, max_retries=1, timeout=Timeout(connect=SHORT)) as client:
            with pytest.raises(ConnectTimeoutError) as caught:
                await client.chat.completions.create(**CALL, stream=form == "stream")
            assert client.statistics().in_flight == 0
            assert client.statistics().open_connections == 0
    assert [attempt.outcome for attempt in caught.value.attempts] == ["not_sent"] * 2
    assert not caught.value.possibly_billed


async def test_the_deadline_covers_connecting(make_client: MakeClient) -> None:
    """A call whose deadline passes while it connects ends with the deadline, and is not tried again."""
    with full_backlog() as base_url:
        async with make_client(base_url, max_retries=5, deadline=SHORT) as client:
            with pytest.raises(DeadlineExceededError) as caught:
                await client.chat.completions.create(**CALL)
    assert len(caught.value.attempts) == 1


# Streams --------------------------------------------------------------------------------------------


async def read(client: AsyncClient, **options: Any) -> Any:
    async with client.chat.completions.stream(**CALL, **options) as stream:
        return await stream.final()


async def test_a_stream_that_does_not_begin_is_given_up(make_client: MakeClient) -> None:
    """No first event within its bound: an error that names it, without a partial reply."""
    with FaultServer([without_end(sse([Stall()])), ok()]) as server:
        async with make_client(server.base_url) as client:
            told = rf"^no event within {SHORT} s \(timeout.first_token\)"
            with pytest.raises(FirstTokenTimeoutError, match=told) as caught:
                await read(client, timeout=Timeout(first_token=SHORT))
            await still_works(client, server)
    assert caught.value.partial is None
    assert caught.value.possibly_billed


@pytest.mark.parametrize("tail", [(), (b": ping\n\n", Sleep(0.01)) * 2_000], ids=["silence", "comments"])
@pytest.mark.parametrize("events", [1, 3])
async def test_a_stream_that_falls_silent_is_given_up(
    events: int, tail: tuple[Any, ...], make_client: MakeClient
) -> None:
    """No further event within the idle bound: IdleTimeoutError with the text so far. Comments renew nothing."""
    with FaultServer([without_end(sse([*CHUNKS[:events], *tail, Stall()])), ok()]) as server:
        async with make_client(server.base_url) as client:
            told = rf"fell silent: no event within {ROOM} s \(timeout.idle\)"
            with pytest.raises(IdleTimeoutError, match=told) as caught:
                await read(client, timeout=Timeout(first_token=LONG, idle=ROOM))
            await still_works(client, server)
    assert caught.value.partial.text == "".join(chunk["choices"][0]["delta"]["content"] for chunk in CHUNKS[:events])


async def test_a_drip_of_one_event_does_not_renew_the_idle_bound(make_client: MakeClient) -> None:
    """Bytes are not events: an event that comes a byte at a time runs into the idle bound."""
    slowly = [part for _ in range(2_000) for part in (b"x", Sleep(0.005))]
    with FaultServer([without_end(sse([CHUNKS[0], b"data: ", *slowly]))]) as server:
        async with make_client(server.base_url, timeout=Timeout(idle=SHORT)) as client:
            with pytest.raises(IdleTimeoutError):
                await read(client)


async def test_events_renew_the_idle_bound(make_client: MakeClient) -> None:
    """A slow stream of events is not cut off, though it takes several times the idle bound and the attempt's."""
    slow = [part for _ in range(10) for part in ({"choices": [{"delta": {"content": "."}}]}, Sleep(0.1))]
    with FaultServer([sse([*slow, "[DONE]"])]) as server:
        async with make_client(server.base_url, timeout=Timeout(attempt=0.9, first_token=0.9, idle=0.9)) as client:
            whole = await read(client)
    assert whole.text == "." * 10


async def test_the_time_of_a_slow_reader_is_not_counted(make_client: MakeClient) -> None:
    """The idle bound is the server's: a reader that takes longer over an event finds the next one waiting."""
    with FaultServer([sse(EVENTS)]) as server:
        async with (
            make_client(server.base_url, timeout=Timeout(idle=0.2)) as client,
            client.chat.completions.stream(**CALL) as stream,
        ):
            await anext(stream)
            await anyio.sleep(0.25)
            whole = await stream.final()
    assert whole.text == TEXT


# The deadline of the call -----------------------------------------------------------------------------


async def test_the_deadline_covers_the_wait_for_a_permit(make_client: MakeClient) -> None:
    """A call that waits for its turn past its deadline leaves the line; nothing was sent for it."""
    with FaultServer([sse([CHUNKS[0], Gate("end"), *EVENTS[1:]])]) as server:
        async with make_client(server.base_url, max_concurrency=1) as client:
            async with client.chat.completions.stream(**CALL) as holder:
                await anext(holder)
                with pytest.raises(DeadlineExceededError) as caught:
                    await client.chat.completions.create(**CALL, deadline=SHORT)
                assert client.statistics().waiting == 0
                server.open_gate("end")
                await holder.final()
            assert client.statistics().in_flight == 0
    assert not caught.value.possibly_billed
    assert len(server.requests) == 1


@pytest.mark.parametrize("name", SLOW)
async def test_the_deadline_covers_sending_and_reading(name: str, make_client: MakeClient) -> None:
    """A whole reply that is slow anywhere ends by the call's deadline, without another attempt."""
    with FaultServer([SLOW[name], ok()]) as server:
        async with make_client(server.base_url, max_retries=3) as client:
            with pytest.raises(DeadlineExceededError) as caught:
                await client.chat.completions.create(**CALL, deadline=SHORT, timeout=LONG)
            await still_works(client, server)
    assert len(caught.value.attempts) == 1
    assert caught.value.possibly_billed


async def test_the_deadline_covers_the_reading_of_a_stream(make_client: MakeClient) -> None:
    """A stream that goes on and on ends by the call's deadline, with the text so far; it was not silent."""
    endless = [part for _ in range(2_000) for part in (CHUNKS[0], Sleep(0.005))]
    with FaultServer([without_end(sse(endless)), ok()]) as server:
        async with make_client(server.base_url, deadline=ROOM) as client:
            with pytest.raises(DeadlineExceededError, match=r"^the deadline of the call passed before") as caught:
                await read(client)
            await still_works(client, server)
    assert set(caught.value.partial.text) <= set(TEXT)
    assert caught.value.partial.text


async def test_the_deadline_counts_from_the_call(make_client: MakeClient) -> None:
    """Waiting for a retry, the retry itself and its stream share one deadline."""
    scripts = [error_reply(503, {"retry-after-ms": "50"}), without_end(sse([CHUNKS[0], Stall()]))]
    with FaultServer(scripts) as server:
        async with make_client(server.base_url, max_retries=3, deadline=ROOM) as client:
            with pytest.raises(DeadlineExceededError) as caught:
                await read(client)
    assert [attempt.status for attempt in caught.value.attempts] == [503, 200]
    assert caught.value.partial.text == CHUNKS[0]["choices"][0]["delta"]["content"]


async def test_a_users_own_time_limit_passes_through(make_client: MakeClient) -> None:
    """`anyio.fail_after` around a call raises TimeoutError, not an error of ours, and nothing is held after it."""
    with FaultServer([(Stall(),), ok()]) as server:
        async with make_client(server.base_url, max_retries=3) as client:
            with pytest.raises(TimeoutError) as caught:
                with anyio.fail_after(SHORT):
                    await client.chat.completions.create(**CALL)
            await still_works(client, server)
    assert type(caught.value) is TimeoutError
