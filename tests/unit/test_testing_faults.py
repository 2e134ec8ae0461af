"""The scripted fault server does on the wire exactly what its script says, and stops without a trace."""

from __future__ import annotations

import contextlib
import errno
import socket
import ssl
import sys
import threading
import warnings
from collections.abc import Callable, Sequence

import anyio
import httpx
import pytest
import trustme

from openai_async.testing import (
    Chunk,
    FaultServer,
    Fin,
    Gate,
    LastChunk,
    Mark,
    ReadRequest,
    Request,
    Rst,
    Script,
    Send,
    Sleep,
    Stall,
    Step,
    every_offset,
    json_reply,
    respond,
    sse,
    wire,
)

GET = b"GET /v1/models HTTP/1.1\r\nhost: test\r\n\r\n"
UPLOAD_HEAD = b"POST /v1/files HTTP/1.1\r\ncontent-length: 99999999\r\n\r\n"


@pytest.fixture(params=["asyncio", "trio"])
def anyio_backend(request: pytest.FixtureRequest) -> str:
    return request.param


def dial(server: FaultServer) -> socket.socket:
    return socket.create_connection(("127.0.0.1", server.port), timeout=10)


def read_to_end(client: socket.socket) -> tuple[bytes, str]:
    """All bytes, and how they ended: "fin" or "rst"."""
    received = bytearray()
    try:
        while data := client.recv(65_536):
            received += data
    except ConnectionResetError:
        return bytes(received), "rst"
    return bytes(received), "fin"


def exchange(server: FaultServer, request: bytes = GET) -> tuple[bytes, str]:
    with dial(server) as client:
        client.sendall(request)
        return read_to_end(client)


def read_exactly(client: socket.socket, size: int) -> bytes:
    received = bytearray()
    while len(received) < size:
        received += client.recv(size - len(received))
    return bytes(received)


# The steps --------------------------------------------------------------------------------------


def test_send_puts_the_very_bytes_on_the_wire() -> None:
    """`Send` adds and changes nothing, valid HTTP or not."""
    raw = b"\x00\xffnot http\r\n"
    with FaultServer([[Send(raw[:3]), Send(raw[3:]), Fin()]]) as server:
        assert exchange(server) == (raw, "fin")


def test_chunks_are_framed_and_the_last_one_ends_the_body() -> None:
    """`Chunk` and `LastChunk` write chunked framing, byte for byte."""
    assert wire([Chunk(b"x" * 26), Chunk(b"y"), LastChunk()]) == (b"1a\r\n" + b"x" * 26 + b"\r\n1\r\ny\r\n0\r\n\r\n")


def test_an_empty_chunk_is_refused() -> None:
    """`Chunk(b"")` would silently end the body, so it is an error."""
    with pytest.raises(ValueError, match="LastChunk"):
        Chunk(b"")


def test_fin_ends_the_response_with_a_clean_end_of_stream() -> None:
    """After `Fin` the client reads what was sent and then end of file, and the server has closed."""
    with FaultServer([[Send(b"half a respon"), Fin()]]) as server:
        assert exchange(server) == (b"half a respon", "fin")
        server.wait_for(lambda s: s.open_connections == 0)


def test_a_close_over_bytes_nobody_read_loses_nothing() -> None:
    """Whatever the client sent ahead, `Fin` delivers all: a close over unread bytes would drop what is queued."""
    body = b"z" * 200_000
    with FaultServer([[Gate("sent"), Send(body), Fin()]]) as server, socket.socket() as client:
        client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 8_192)  # so that much is queued at the close
        client.connect(("127.0.0.1", server.port))
        client.sendall(GET)
        server.wait_mark("sent")
        client.sendall(b"x" * 1_000)
        server.open_gate("sent")
        with contextlib.suppress(TimeoutError):  # where the server's own buffer holds less than the body
            server.wait_for(lambda s: s.open_connections == 0, timeout=1)
        assert read_to_end(client) == (body, "fin")


def test_fin_then_stall_stays_half_closed() -> None:
    """`Fin(), Stall()` ends the stream but keeps the connection until the client closes it."""
    with FaultServer([[Send(b"bye"), Fin(), Mark("half-closed"), Stall()]]) as server:
        with dial(server) as client:
            client.sendall(GET)
            assert read_to_end(client) == (b"bye", "fin")
            server.wait_mark("half-closed")
            assert server.open_connections == 1
        server.wait_for(lambda s: s.open_connections == 0)


@pytest.mark.parametrize("sent", [b"", b"HTTP/1.1 200 OK\r\n", b"z" * 3_000_000], ids=["none", "head", "much"])
def test_rst_is_seen_as_a_reset_after_every_byte_sent_before_it(sent: bytes) -> None:
    """The client gets all bytes sent before `Rst`, and then `ConnectionResetError`."""
    with FaultServer([[*([Send(sent)] if sent else []), Rst()]]) as server:
        assert exchange(server) == (sent, "rst")


def test_stall_holds_until_the_client_goes() -> None:
    """A stalled connection stays open and silent; the server notices when the client leaves."""
    with FaultServer([[Send(b"partial"), Mark("stalled"), Stall()]]) as server:
        with dial(server) as client:
            client.sendall(GET)
            server.wait_mark("stalled")
            assert read_exactly(client, 7) == b"partial"
            client.setblocking(False)
            with pytest.raises(BlockingIOError):
                client.recv(1)
            assert server.open_connections == 1
        server.wait_for(lambda s: s.open_connections == 0)


def test_a_stalled_upload_is_not_read() -> None:
    """`ReadRequest(body=0), Stall()` leaves the upload where it is, so the client's socket fills up."""
    with FaultServer([[ReadRequest(body=0), Stall()]]) as server, dial(server) as client:
        client.sendall(UPLOAD_HEAD)
        client.setblocking(False)
        sent = 0
        with contextlib.suppress(BlockingIOError):
            while sent < 99_999_999:
                sent += client.send(b"x" * 99_999)
        assert sent < 99_999_999
        server.wait_for(lambda s: len(s.requests) == 1)
        assert (server.requests[0].body, server.requests[0].complete) == (b"", False)


def test_a_client_is_seen_to_leave_behind_unread_bytes() -> None:
    """A stalled server notices the client's end although bytes it never read come before it."""
    with FaultServer([[ReadRequest(body=0), Mark("stalled"), Stall()]]) as server:
        with dial(server) as client:
            client.sendall(UPLOAD_HEAD + b"x" * 9_999)
            server.wait_mark("stalled")
        server.wait_for(lambda s: s.open_connections == 0)


def test_sleep_passes_and_the_script_goes_on() -> None:
    """`Sleep` delays the next step and nothing more."""
    with FaultServer([[Send(b"a"), Sleep(0.01), Send(b"b"), Fin()]]) as server:
        assert exchange(server) == (b"ab", "fin")


def test_sleep_ends_early_when_the_client_goes() -> None:
    """A long `Sleep` does not keep a dead connection open."""
    with FaultServer([[Mark("asleep"), Sleep(3_600)]]) as server:
        with dial(server) as client:
            client.sendall(GET)
            server.wait_mark("asleep")
        server.wait_for(lambda s: s.open_connections == 0)


def test_a_gate_holds_the_script_until_the_test_opens_it() -> None:
    """What stands behind a `Gate` is sent only after `open_gate`; reaching the gate counts as a mark."""
    with (
        FaultServer([[Send(b"before"), Gate("middle"), Send(b"after"), Fin()]]) as server,
        dial(server) as client,
    ):
        client.sendall(GET)
        server.wait_mark("middle")
        assert read_exactly(client, 6) == b"before"
        client.setblocking(False)
        with pytest.raises(BlockingIOError):
            client.recv(1)
        client.settimeout(10)
        server.open_gate("middle")
        assert read_to_end(client) == (b"after", "fin")


def test_marks_are_counted() -> None:
    """`marks` tells how often each was reached, `wait_mark(times=)` waits for a count."""
    with FaultServer([[Mark("a"), Mark("b"), Mark("a"), *respond()]]) as server:
        httpx.get(server.base_url)
        httpx.get(server.base_url)
        server.wait_mark("a", times=4)
        assert server.marks == {"a": 4, "b": 2}


def test_read_request_in_a_script_waits_for_the_next_one() -> None:
    """`(*respond(), ReadRequest(), Rst())` answers once and resets the connection when it is used again."""
    with FaultServer([(*respond(body=b"one"), ReadRequest(), Rst())]) as server, dial(server) as client:
        client.sendall(GET)
        assert read_exactly(client, len(wire(respond(body=b"one")))) == wire(respond(body=b"one"))
        client.sendall(GET)
        assert read_to_end(client) == (b"", "rst")
        assert [request.connection for request in server.requests] == [1, 1]


def test_one_script_may_answer_several_requests() -> None:
    """Only the last response of a script decides whether the connection lives on."""
    script = (*respond(body=b"a", framing="chunked"), ReadRequest(), *respond(body=b"b"))
    with FaultServer([script]) as server, httpx.Client() as client:
        assert [client.get(server.base_url).text for _ in range(4)] == ["a", "b", "a", "b"]
        assert server.accepted_connections == 1
    with FaultServer([script]) as server, dial(server) as client:
        client.sendall(GET + b"GET / HTTP/1.1\r\nConnection: close\r\n\r\n")
        assert read_to_end(client) == (wire(script), "fin")


def test_read_request_can_stop_inside_a_chunked_upload() -> None:
    """`ReadRequest(body=N)` takes N bytes of the body, across chunks, and the script goes on."""
    upload = b"POST / HTTP/1.1\r\ntransfer-encoding: chunked\r\n\r\n3\r\nabc\r\n5\r\ndefgh\r\n"
    with FaultServer([[ReadRequest(body=4), *respond(413, b"too large")]]) as server:
        response, _ = exchange(server, upload)
        assert response.startswith(b"HTTP/1.1 413 ")
        assert server.requests[0].body == b"abcd"


# Whole responses --------------------------------------------------------------------------------


@pytest.mark.parametrize("framing", ["length", "chunked", "close"])
def test_each_framing_delivers_the_same_response(framing: str) -> None:
    """Status, headers and body arrive alike, whichever way the body's end is told."""
    script = respond(418, b"short and stout", {"x-kind": "teapot"}, framing=framing)  # type: ignore[arg-type]
    with FaultServer([script]) as server:
        response = httpx.get(server.base_url)
    assert (response.status_code, response.reason_phrase) == (418, "I'm a Teapot")
    assert (response.headers["x-kind"], response.content) == ("teapot", b"short and stout")
    assert ("content-length" in response.headers) == (framing == "length")
    assert ("transfer-encoding" in response.headers) == (framing == "chunked")


def test_a_given_header_replaces_the_computed_one() -> None:
    """A response can lie about its length: the client waits for bytes that never come."""
    with FaultServer([respond(body=b"four", headers=[("Content-Length", "9")])]) as server:
        response, end = exchange(server)
        assert (response, end) == (b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nfour", "fin")


def test_json_reply_is_typed_json() -> None:
    """`json_reply` encodes the value and says so; an unregistered status has a reason all the same."""
    with FaultServer([json_reply({"é": [1, None]}, 599)]) as server:
        response = httpx.get(server.base_url)
    assert response.json() == {"é": [1, None]}
    assert (response.status_code, response.headers["content-type"]) == (599, "application/json")


@pytest.mark.parametrize("framing", ["length", "chunked", "close"])
def test_sse_writes_dicts_strings_and_bytes(framing: str) -> None:
    """A dict is one JSON data line, a str its data lines, bytes go out as they are; in every framing."""
    events = [{"n": 1}, b": comment\n\n", "two\nlines", "[DONE]"]
    with FaultServer([sse(events, framing=framing)]) as server:  # type: ignore[arg-type]
        response = httpx.get(server.base_url)
    assert response.headers["content-type"] == "text/event-stream; charset=utf-8"
    assert response.text == ('data: {"n": 1}\n\n: comment\n\ndata: two\ndata: lines\n\ndata: [DONE]\n\n')


def test_sse_plays_steps_between_events() -> None:
    """A step among the events stands where it is written."""
    script = sse([{"n": 1}, Mark("between"), "[DONE]"])
    assert script[1:] == (
        Chunk(b'data: {"n": 1}\n\n'),
        Mark("between"),
        Chunk(b"data: [DONE]\n\n"),
        LastChunk(),
    )


# Connections and requests -----------------------------------------------------------------------


@pytest.mark.parametrize(
    "script",
    [respond(body=b"x"), respond(body=b"x", framing="chunked"), respond(204), sse(["[DONE]"])],
    ids=["length", "chunked", "no content", "sse"],
)
def test_a_self_delimited_response_keeps_the_connection(script: Script) -> None:
    """Two requests after one another use one connection, and the server knows which."""
    with FaultServer([script]) as server, httpx.Client() as client:
        client.get(f"{server.base_url}/a")
        client.get(f"{server.base_url}/b")
        assert server.accepted_connections == 1
        assert [(r.target, r.connection) for r in server.requests] == [("/v1/a", 1), ("/v1/b", 1)]


@pytest.mark.parametrize(
    "script",
    [
        respond(body=b"x", framing="close"),
        [Send(b"HTTP/1.1 200 OK\r\n\r\nno length")],
        [Send(b"HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\nfour")],
        [*respond(body=b"x", framing="chunked")[:-1]],
        respond(body=b"x", headers={"connection": "close"}),
        [Send(b"HTTP/1.1 200 OK\r\nconte")],
        [],
    ],
    ids=["close", "no length", "short", "no last chunk", "announced", "in the head", "nothing"],
)
def test_any_other_response_is_ended_by_closing(script: Script) -> None:
    """A response that does not tell its own end, or does not reach it, is followed by FIN."""
    with FaultServer([script]) as server:
        assert exchange(server) == (wire(script), "fin")


def test_a_client_that_announces_close_is_closed() -> None:
    """`Connection: close` in the request ends the connection after the response."""
    with FaultServer([respond(body=b"x")]) as server:
        assert exchange(server, b"GET / HTTP/1.1\r\nConnection: close\r\n\r\n") == (
            wire(respond(body=b"x")),
            "fin",
        )


def test_an_interim_response_does_not_count_as_the_response() -> None:
    """After `103 Early Hints` the connection lives on only if the real response is self-delimited."""
    hints = Send(b"HTTP/1.1 103 Early Hints\r\nlink: </a>\r\n\r\n")
    with FaultServer([[hints, *respond(body=b"x")]]) as server, httpx.Client() as client:
        assert [client.get(server.base_url).text for _ in range(2)] == ["x", "x"]
        assert server.accepted_connections == 1


def test_requests_are_recorded_as_they_arrived() -> None:
    """Method, target, header bytes in order and case, and the body of either framing."""
    plain = b"POST /v1/x?y=1 HTTP/1.1\r\nX-Two:  b \r\nx-two: c\r\nContent-Length: 8\r\n\r\n" + b'{"a": 1}'
    chunked = b"PUT / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n3;ext\r\nabc\r\n1\r\nd\r\n0\r\nTrailer: t\r\n\r\n"
    with FaultServer([respond()]) as server, dial(server) as client:
        client.sendall(plain + chunked)
        server.wait_for(lambda s: len(s.requests) == 2)
        first, second = server.requests
    assert first == Request(
        "POST",
        "/v1/x?y=1",
        ((b"X-Two", b"b"), (b"x-two", b"c"), (b"Content-Length", b"8")),
        b'{"a": 1}',
        1,
    )
    assert (first.header("X-TWO"), first.header("absent"), first.json()) == ("b", None, {"a": 1})
    assert (second.method, second.body, second.complete) == ("PUT", b"abcd", True)


def test_requests_read_byte_by_byte_are_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    """Framing does not depend on how the request was cut into segments."""
    monkeypatch.setattr("openai_async.testing.connection._READ_SIZE", 1)
    request = b"PUT / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n"
    with FaultServer([respond()]) as server, dial(server) as client:
        client.sendall(request)
        server.wait_for(lambda s: len(s.requests) == 1)
        assert server.requests[0].body == b"abc"


def test_scripts_are_played_in_order_and_the_last_one_repeats() -> None:
    """A list of scripts is a plan over requests, whatever connection they come on."""
    with FaultServer([respond(500), respond(429, framing="close"), respond(200)]) as server:
        assert [httpx.get(server.base_url).status_code for _ in range(4)] == [500, 429, 200, 200]


def test_a_callable_chooses_the_script_for_each_request() -> None:
    """A plan may look at the whole request; a leading `ReadRequest` in its script is the one it was given."""

    def plan(request: Request) -> Script:
        return [ReadRequest(), *json_reply({"echo": request.body.decode(), "target": request.target})]

    with FaultServer(plan) as server, httpx.Client() as client:
        for text in ("a", "b"):
            assert client.post(f"{server.base_url}/{text}", content=text).json() == {
                "echo": text,
                "target": f"/v1/{text}",
            }


def test_a_plan_that_raises_fails_the_test() -> None:
    """An error in the plan is raised when the server is left, and at once from a wait."""

    def plan(request: Request) -> Script:
        raise LookupError("no script for this")

    def use(server: FaultServer) -> None:
        with server:
            assert exchange(server) == (b"", "fin")
            with pytest.raises(LookupError):
                server.wait_for(lambda _: False)

    with pytest.raises(LookupError):
        use(FaultServer(plan))


def test_what_is_not_http_fails_the_test() -> None:
    """A client that sends something else than HTTP/1.1 is a broken test, reported by its first line."""
    with pytest.raises(ValueError, match="hello"), FaultServer([respond()]) as server:
        exchange(server, b"hello\r\n\r\n")


def test_the_error_of_the_block_is_not_replaced() -> None:
    """If the block raises, the server's own complaint does not hide it."""

    def use(server: FaultServer) -> None:
        with server:
            exchange(server, b"hello\r\n\r\n")
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        use(FaultServer([respond()]))


def test_scripts_can_be_played_on_accept() -> None:
    """`on_accept` ends connections before any request: here the first only."""

    def knock(server: FaultServer) -> None:
        with dial(server) as client:  # a quick reset is raised here already
            client.recv(1)

    with FaultServer([respond(body=b"ok")], on_accept=[[Rst()], []]) as server:
        with pytest.raises(ConnectionResetError):
            knock(server)
        with dial(server) as client:
            client.sendall(GET)
            assert read_exactly(client, 15) == b"HTTP/1.1 200 OK"
        assert len(server.requests) == 1


def test_misuse_is_refused() -> None:
    """An empty plan, one script for a list of scripts, a second life, an address before the first: all errors."""
    with pytest.raises(ValueError, match="at least one"):
        FaultServer([])
    with pytest.raises(TypeError, match="list of scripts"):
        FaultServer(respond())  # type: ignore[arg-type]
    server = FaultServer([respond()])
    for attribute in ("base_url", "port"):
        with pytest.raises(RuntimeError, match="address"):
            getattr(server, attribute)
    with server:
        pass
    with pytest.raises(RuntimeError, match="once"), server:
        pass


# Truncations ------------------------------------------------------------------------------------


@pytest.mark.parametrize(("end", "seen"), [(Fin(), "fin"), (Rst(), "rst")])
def test_every_offset_delivers_exactly_that_many_bytes(end: Fin | Rst, seen: str) -> None:
    """Each cut delivers the first `offset` bytes of the response, head included, and then ends as told."""
    response = wire(sse([{"n": 1}, "[DONE]"]))
    cuts = list(every_offset(response, end=end))
    assert [cut.offset for cut in cuts] == list(range(len(response)))
    with FaultServer([cut.script for cut in cuts]) as server:
        for cut in cuts:
            assert exchange(server) == (response[: cut.offset], seen)


def test_every_offset_can_be_thinned_out() -> None:
    """`start` and `step` choose the offsets; the whole response is never among them."""
    assert [cut.offset for cut in every_offset(b"123456789", end=Fin(), start=3, step=3)] == [3, 6]
    for wrong in ({"step": 0}, {"start": -1}):
        with pytest.raises(ValueError, match="every_offset"):
            every_offset(b"x", end=Fin(), **wrong)


# Life and death ---------------------------------------------------------------------------------


class Endless(Sequence[Step]):
    """A script that never ends and never waits."""

    def __getitem__(self, index: int) -> Step:
        return Mark("playing")

    def __len__(self) -> int:
        return sys.maxsize


@pytest.mark.parametrize(
    "script",
    [
        [Mark("playing"), Stall()],
        [Mark("playing"), Sleep(3_600)],
        [Mark("playing"), Gate("never")],
        [Mark("playing"), ReadRequest()],
        [Mark("playing"), Send(b"x" * 50_000_000)],
        Endless(),
    ],
    ids=["stall", "sleep", "gate", "read", "send", "busy"],
)
def test_the_server_stops_whatever_its_connections_do(script: Script) -> None:
    """Leaving the block ends every thread (it raises if one outlives a second) and disconnects the client."""
    before = set(threading.enumerate())  # another module's server may be running
    with FaultServer([script]) as server:
        client = dial(server)
        client.sendall(GET)
        server.wait_mark("playing")
    assert set(threading.enumerate()) <= before
    assert server.open_connections == 0
    with client:
        read_to_end(client)
    with pytest.raises(httpx.ConnectError):
        httpx.get(server.base_url)


def test_a_plan_that_blocks_is_reported_when_the_server_stops() -> None:
    """The one thing that can hold a thread is a blocking plan, and then leaving says so instead of hanging."""
    release = threading.Event()

    def plan(request: Request) -> Script:
        release.wait(30)
        return respond()

    def use(server: FaultServer) -> None:
        with server, dial(server) as client:
            client.sendall(GET)
            server.wait_for(lambda s: len(s.requests) == 1)

    server = FaultServer(plan)
    with pytest.raises(RuntimeError, match="block"):
        use(server)
    release.set()
    server.wait_for(lambda s: s.open_connections == 0)
    server.__exit__(None, None, None)


def test_waiting_has_a_limit_and_says_what_was_seen() -> None:
    """A wait whose condition never holds raises `TimeoutError` with the state of the server."""
    with FaultServer([respond()]) as server:
        httpx.get(server.base_url)
        server.wait_for(lambda s: s.open_connections == 0)
        with pytest.raises(TimeoutError, match="1 connections accepted, 0 open, 1 requests"):
            server.wait_mark("never", timeout=0.01)


def test_no_socket_is_left_to_the_garbage_collector() -> None:
    """A server used in every way leaves no unclosed socket behind."""
    with warnings.catch_warnings():
        warnings.simplefilter("error", ResourceWarning)
        for script in (respond(), [Rst()], [Fin()], [Stall()]):
            with FaultServer([script]) as server, dial(server) as client:
                client.sendall(GET)
                server.wait_for(lambda s: len(s.requests) == 1)


# Clients of every kind --------------------------------------------------------------------------


async def test_async_clients_on_both_backends() -> None:
    """The server answers clients on asyncio and trio alike, many at once."""
    with FaultServer([sse([{"n": n} for n in range(50)])]) as server:
        async with httpx.AsyncClient(timeout=30) as client, anyio.create_task_group() as tasks:
            bodies: list[int] = []

            async def fetch() -> None:
                bodies.append(len((await client.post(server.base_url, json={})).text))

            for _ in range(20):
                tasks.start_soon(fetch)
        assert bodies == [len(wire(sse([{"n": n} for n in range(50)], framing="close")).partition(b"\r\n\r\n")[2])] * 20
        assert len(server.requests) == 20


async def test_coroutines_wait_without_blocking_the_loop() -> None:
    """`until` and `until_mark` let the client's own tasks run meanwhile."""
    with FaultServer([sse([{"n": 1}, Gate("on"), {"n": 2}])]) as server:
        async with httpx.AsyncClient(timeout=30) as client, anyio.create_task_group() as tasks:
            tasks.start_soon(client.get, server.base_url)
            await server.until_mark("on")
            server.open_gate("on")
        await server.until(lambda s: s.open_connections == 0)


async def test_a_cancelled_wait_is_given_up() -> None:
    """Cancelling `until` returns at once and leaves the server usable."""
    with FaultServer([respond(body=b"ok")]) as server:
        with anyio.move_on_after(0.01) as scope:
            await server.until(lambda _: False, timeout=3_600)
        assert scope.cancelled_caught
        async with httpx.AsyncClient() as client:
            assert (await client.get(server.base_url)).text == "ok"


# TLS --------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def authority() -> trustme.CA:
    return trustme.CA()


@pytest.fixture(scope="module")
def server_tls(authority: trustme.CA) -> ssl.SSLContext:
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    authority.issue_cert("127.0.0.1").configure_cert(context)
    return context


@pytest.fixture(scope="module")
def client_tls(authority: trustme.CA) -> ssl.SSLContext:
    context = ssl.create_default_context()
    authority.configure_trust(context)
    return context


def test_tls_serves_and_keeps_connections(server_tls: ssl.SSLContext, client_tls: ssl.SSLContext) -> None:
    """With `tls=` the same scripts are served over https, large bodies and keep-alive included."""
    body = b"0123456789" * 300_000
    with FaultServer([respond(body=body, framing="chunked")], tls=server_tls) as server:
        assert server.base_url.startswith("https://127.0.0.1:")
        with httpx.Client(verify=client_tls, timeout=30) as client:
            for _ in range(2):
                assert client.post(server.base_url, content=body).content == body
        assert (server.accepted_connections, server.requests[1].body) == (1, body)


@pytest.mark.parametrize(("end", "error"), [(Fin(), 0), (Rst(), errno.ECONNRESET)])
def test_tls_connections_end_as_told(
    server_tls: ssl.SSLContext, client_tls: ssl.SSLContext, end: Fin | Rst, error: int
) -> None:
    """Under TLS `Fin` is a clean end (close_notify), which a ragged one is not, and `Rst` a TCP reset."""
    with FaultServer([[Send(b"part"), end]], tls=server_tls) as server, dial(server) as plain:
        client = client_tls.wrap_socket(plain, server_hostname="127.0.0.1", suppress_ragged_eofs=False)
        with client:
            client.sendall(GET)
            assert read_exactly(client, 4) == b"part"
            server.wait_for(lambda s: s.open_connections == 0)
            assert client.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR) == error
            if isinstance(end, Fin):
                assert client.recv(1) == b""


def test_a_client_that_refuses_the_certificate_has_gone(server_tls: ssl.SSLContext) -> None:
    """A failed handshake is the client's business: the server stays up and does not fail the test."""
    with FaultServer([respond()], tls=server_tls) as server:
        with pytest.raises(httpx.ConnectError, match="CERTIFICATE_VERIFY_FAILED"):
            httpx.get(server.base_url)
        server.wait_for(lambda s: s.accepted_connections == 1 and s.open_connections == 0)
        assert server.requests == ()


@pytest.mark.parametrize("step", [Rst, Fin])
def test_a_connection_may_end_before_the_handshake(
    step: Callable[[], Rst | Fin], server_tls: ssl.SSLContext, client_tls: ssl.SSLContext
) -> None:
    """`on_accept` comes before TLS, so a handshake can be cut off."""
    with FaultServer([respond()], on_accept=[[step()]], tls=server_tls) as server:
        with pytest.raises((httpx.ConnectError, httpx.ReadError)):
            httpx.get(server.base_url, verify=client_tls)
        server.wait_for(lambda s: s.open_connections == 0)
