"""The emulator as a server: it starts, is asked from anywhere, keeps its ledger, and leaves nothing behind."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import Any

import anyio
import anyio.to_thread
import httpx
import pytest

from openai_async.emulator import Emulator, Latency, Model, RateLimits

AUTH = {"authorization": "Bearer sk-secret"}
BODY: dict[str, Any] = {"model": "emulated-mini", "messages": [{"role": "user", "content": "Hello!"}]}
NEVER = Latency(tokens_per_second=0.0001)  # the first token is due in hours


@contextmanager
def running(emulator: Emulator) -> Iterator[httpx.Client]:
    with emulator.run() as server, httpx.Client(base_url=server.base_url, headers=AUTH) as client:
        yield client


@contextmanager
def opened(client: httpx.Client) -> Iterator[Iterator[str]]:
    """A stream whose first event has arrived."""
    with client.stream("POST", "/chat/completions", json={**BODY, "stream": True}) as reply:
        lines = reply.iter_lines()
        assert next(lines).startswith("data: ")
        yield lines


# -- running -----------------------------------------------------------------------------------------------------


@pytest.mark.slow
async def test_calls_from_any_event_loop() -> None:
    """Hundreds of concurrent calls from asyncio and from trio are all answered, with the same words."""
    emulator = Emulator()
    said: set[str] = set()
    with emulator.run() as server:
        limits = httpx.Limits(max_connections=50)
        async with httpx.AsyncClient(base_url=server.base_url, headers=AUTH, limits=limits, timeout=30) as client:

            async def ask() -> None:
                reply = await client.post("/chat/completions", json=BODY)
                said.add(reply.json()["choices"][0]["message"]["content"])

            async with anyio.create_task_group() as group:
                for _ in range(200):
                    group.start_soon(ask)
    assert len(said) == 1
    assert (emulator.stats.requests, emulator.stats.ok, emulator.stats.in_flight) == (200, 200, 0)


async def test_app_runs_without_a_socket() -> None:
    """The application works in any ASGI host, on asyncio and on trio, with its latency."""
    emulator = Emulator(latency=Latency(first_token=0.001, tokens_per_second=1e6))
    transport = httpx.ASGITransport(app=emulator.app)
    async with httpx.AsyncClient(transport=transport, base_url="http://emulator/v1", headers=AUTH) as client:
        whole = await client.post("/chat/completions", json=BODY)
        stream = await client.post("/chat/completions", json={**BODY, "stream": True})
    assert whole.json()["choices"][0]["finish_reason"] == "stop"
    assert stream.text.endswith("data: [DONE]\n\n")
    assert emulator.stats.ok == 2


def test_models() -> None:
    """The catalog is listed with creation and shutdown dates; each model is found by alias and by snapshot."""
    with running(Emulator()) as client:
        listed = client.get("/models").json()
        assert listed["object"] == "list"
        models = {model["id"]: model for model in listed["data"]}
        assert {"emulated-mini", "emulated-large", "emulated-reasoner"} < models.keys()
        assert models["emulated-mini"]["shutdown_date"] is None
        assert models["emulated-large"]["shutdown_date"] == "2027-11-01"
        for name, model in models.items():
            assert model.keys() == {"id", "object", "created", "owned_by", "shutdown_date"}
            assert model["object"] == "model"
            assert client.get(f"/models/{name}").json() == model


def test_any_model() -> None:
    """With any_model every name is served, and the reply names a dated snapshot of it."""
    with running(Emulator(any_model=True)) as client:
        for name, snapshot in (("org/new", "org/new-2026-11-01"), ("new-2025-01-02", "new-2025-01-02")):
            assert client.get(f"/models/{name}").json()["id"] == name
            assert client.post("/chat/completions", json={**BODY, "model": name}).json()["model"] == snapshot


def test_which_models_are_there_by_default() -> None:
    """Every name is a model unless the models are given or it is switched off; a fine-tuned one is there if made."""
    for emulator, status in (
        (Emulator(), 200),
        (Emulator(any_model=False), 404),
        (Emulator(models=[Model("own")]), 404),
        (Emulator(models=[Model("own")], any_model=True), 200),
    ):
        with running(emulator) as client:
            assert client.post("/embeddings", json={"model": "gpt-x", "input": "a"}).status_code == status
            assert client.get("/models/ft:gpt-x:org::gone").status_code == 404


def test_pages_about_the_server() -> None:
    """Health and totals need no key and are not counted."""
    with Emulator().run() as server:
        assert httpx.get(f"{server.origin}/healthz").json() == {"status": "ok"}
        httpx.post(f"{server.base_url}/chat/completions", json=BODY, headers=AUTH)
        totals = httpx.get(f"{server.origin}/emulator/stats").json()
        assert (totals["requests"], totals["ok"], totals["in_flight"]) == (1, 1, 0)
        assert totals["tokens"] == totals["prompt_tokens"] + totals["completion_tokens"] > 0


def test_one_emulator_on_two_ports() -> None:
    """Two servers of one emulator share its state."""
    emulator = Emulator(limits=RateLimits(requests_per_minute=1))
    with running(emulator) as one, running(emulator) as other:
        assert one.post("/chat/completions", json=BODY).status_code == 200
        assert other.post("/chat/completions", json=BODY).status_code == 429


def test_port_that_is_taken() -> None:
    """A port that is taken raises OSError, at once and without a thread left behind."""
    with Emulator().run() as server, pytest.raises(OSError), Emulator().run(port=server.port):
        pass
    assert not [thread for thread in threading.enumerate() if thread.name.startswith("emulator:")]


def test_stopping_cuts_open_streams() -> None:
    """Stopping cuts streams and calls in progress, and frees thread and port."""
    emulator = Emulator(latency=NEVER)
    with ExitStack() as stack:
        server = ExitStack()
        serving = server.enter_context(emulator.run())
        client = stack.enter_context(httpx.Client(base_url=serving.base_url, headers=AUTH))
        lines = stack.enter_context(opened(client))
        server.close()
        with pytest.raises(httpx.RemoteProtocolError):
            list(lines)
        with pytest.raises(httpx.ConnectError):
            client.get("/models")
    assert not [thread for thread in threading.enumerate() if thread.name.startswith("emulator:")]
    assert [(entry.status, entry.aborted) for entry in emulator.ledger.entries()] == [(200, True)]


@pytest.mark.slow
def test_stopping_does_not_wait_for_a_reader() -> None:
    """A client that asks for much and reads nothing cannot hold the server up."""
    emulator = Emulator()
    body = json.dumps({**BODY, "stream": True, "n": 128, "logprobs": True, "top_logprobs": 20}).encode()
    head = f"POST /v1/chat/completions HTTP/1.1\r\nauthorization: Bearer k\r\ncontent-length: {len(body)}"
    with ExitStack() as stack:
        server = ExitStack()
        serving = server.enter_context(emulator.run())
        client = stack.enter_context(socket.create_connection((serving.host, serving.port)))
        client.sendall(f"{head}\r\n\r\n".encode() + body)
        assert client.recv(15) == b"HTTP/1.1 200 OK"
        server.close()
    (entry,) = emulator.ledger.entries()
    assert entry.aborted


# -- at the door ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("host", "allowed", "status"),
    [
        ("localhost", (), 200),
        ("LOCALHOST.:80", (), 200),
        ("app.localhost", (), 200),
        ("127.0.0.1:9", (), 200),
        ("[::1]:9", (), 200),
        ("192.0.2.7", (), 200),
        ("evil.example", (), 403),
        ("localhost.evil.example:80", (), 403),
        ("127.0.0.1.evil.example", (), 403),
        ("", (), 403),
        ("emulator:80", ("Emulator",), 200),
        ("evil.example", ("emulator",), 403),
        ("evil.example", None, 200),
    ],
)
def test_a_page_cannot_have_its_own_name_lead_here(host: str, allowed: tuple[str, ...] | None, status: int) -> None:
    """A Host that is neither an address nor a name of this server is refused, unless it is allowed; nothing is run."""
    emulator = Emulator()
    with emulator.run(hosts=allowed) as server, httpx.Client(base_url=server.base_url, headers=AUTH) as client:
        reply = client.get("/models", headers={"host": host})
        assert reply.status_code == status
        if status == 403:
            assert reply.json()["error"]["code"] == "host_not_allowed"
    assert emulator.stats.requests == (status == 200)


def whole_reply(connection: socket.socket) -> bytes:
    """A reply whose body is one JSON object; its head and its body may come in two pieces."""
    data = b""
    while not data.endswith(b"}"):
        data += connection.recv(65536)
    return data


@pytest.mark.parametrize("before", [b"", b"GET /healthz HTTP/1.1\r\nhost: localhost\r\n\r\n"])
@pytest.mark.parametrize("sent", [b"", b"GET /healthz HTTP/1.1\r\nhost: loc"])
def test_a_head_that_does_not_end_is_cut(before: bytes, sent: bytes) -> None:
    """A connection that never sends the end of a head is cut, the first head or a later one; idle ones are kept."""
    with (
        Emulator().run(head_timeout=0.05) as server,
        socket.create_connection((server.host, server.port), timeout=30) as slow,
    ):
        if before:
            slow.sendall(before)
            assert whole_reply(slow).startswith(b"HTTP/1.1 200")
        slow.sendall(sent)
        if before and not sent:
            with (
                socket.create_connection((server.host, server.port), timeout=30) as clock,
                contextlib.suppress(ConnectionResetError),
            ):
                assert clock.recv(1) == b""  # by now the time for a head is over
            slow.sendall(before)
            assert whole_reply(slow).startswith(b"HTTP/1.1 200")
            return
        with contextlib.suppress(ConnectionResetError):
            assert slow.recv(1) == b""


def test_a_body_may_take_longer_than_a_head() -> None:
    """The bound is for heads: a body whose end comes after it is read to its end."""
    body = json.dumps(BODY).encode()
    head = b"POST /v1/chat/completions HTTP/1.1\r\nhost: localhost\r\nauthorization: Bearer k\r\n"
    with (
        Emulator().run(head_timeout=0.05) as server,
        socket.create_connection((server.host, server.port), timeout=30) as slow,
        socket.create_connection((server.host, server.port), timeout=30) as clock,
    ):
        slow.sendall(head + b"content-length: %d\r\n\r\n{" % len(body))
        with contextlib.suppress(ConnectionResetError):
            assert clock.recv(1) == b""  # by now the time for a head is over
        slow.sendall(body[1:])
        assert slow.recv(12) == b"HTTP/1.1 200"


# -- ledger ------------------------------------------------------------------------------------------------------


def test_ledger_describes_every_request() -> None:
    """A client that holds its reply finds it in the ledger, with tokens and its own ids, but without its key."""
    emulator = Emulator(limits=RateLimits(tokens_per_minute=200))
    with running(emulator) as client:
        headers = {"x-client-request-id": "mine", "idempotency-key": "once"}
        reply = client.post("/chat/completions", json=BODY, headers=headers)
        (entry,) = emulator.ledger.entries()
        assert (entry.sequence, entry.method, entry.path) == (1, "POST", "/v1/chat/completions")
        assert (entry.model, entry.status, entry.code) == ("emulated-mini", 200, None)
        assert (entry.client_request_id, entry.idempotency_key) == ("mine", "once")
        assert entry.request_id == reply.headers["x-request-id"]
        usage = reply.json()["usage"]
        assert (entry.prompt_tokens, entry.completion_tokens) == (
            usage["prompt_tokens"],
            usage["completion_tokens"],
        )
        assert entry.charged == 3 + 16
        assert "sk-secret" not in repr(entry)

        streamed = client.post("/chat/completions", json={**BODY, "stream": True})
        assert streamed.status_code == 200
        client.post("/chat/completions", json={**BODY, "max_tokens": 190})
        client.get("/models", headers={"authorization": ""})
        _, stream, limited, unknown = emulator.ledger.entries()
        assert stream.completion_tokens == entry.completion_tokens
        assert (limited.status, limited.code, limited.charged) == (429, "rate_limit_exceeded", 0)
        assert (unknown.status, unknown.key) == (401, None)
        assert stream.key == entry.key
    totals = emulator.ledger.snapshot()
    assert (totals["requests"], totals["ok"], totals["rate_limited"], totals["failed"]) == (4, 2, 1, 1)


def test_ledger_is_bounded() -> None:
    """The ledger keeps the last entries only; the totals count all."""
    emulator = Emulator(history=2)
    with running(emulator) as client:
        for _ in range(5):
            client.get("/models")
    assert [entry.sequence for entry in emulator.ledger.entries()] == [4, 5]
    assert emulator.stats.requests == 5


@pytest.mark.parametrize("settings", [{}, {"tools": "both"}, {"n": 3}, {"model": "thinker"}])
def test_streamed_tokens_are_counted_as_sent(settings: dict[str, Any]) -> None:
    """The tokens that the ledger counts while a stream is sent add up to its usage."""
    tools = [{"type": "function", "function": {"name": name}} for name in ("one", "two")]
    if "tools" in settings:
        settings = {"tools": tools, "messages": [{"role": "user", "content": "Call one and two."}]}
    emulator = Emulator(models=[Model("emulated-mini"), Model("thinker", reasoning=True)])
    with running(emulator) as client:
        whole = client.post("/chat/completions", json={**BODY, **settings}).json()
        client.post("/chat/completions", json={**BODY, **settings, "stream": True})
    counted = [entry.completion_tokens for entry in emulator.ledger.entries()]
    assert counted == [whole["usage"]["completion_tokens"]] * 2


def test_hanging_up_stops_a_stream() -> None:
    """A client that leaves a stream ends it: the ledger says aborted and counts only what was sent."""
    emulator = Emulator(latency=NEVER)
    with running(emulator) as client:
        with opened(client):
            assert emulator.stats.in_flight == 1
        emulator.ledger.wait_idle()
        (entry,) = emulator.ledger.entries()
        assert entry.aborted
        assert (entry.status, entry.completion_tokens) == (200, 1)  # the one it was waiting to send
        assert emulator.stats.aborted == 1


def test_hanging_up_stops_a_whole_reply() -> None:
    """A client that gives up waiting for a whole reply is noted as aborted, with status 499."""
    emulator = Emulator(latency=NEVER)
    with running(emulator) as client:
        with pytest.raises(httpx.ReadTimeout):
            client.post("/chat/completions", json=BODY, timeout=0.05)
        emulator.ledger.wait_idle()
        (entry,) = emulator.ledger.entries()
        assert (entry.aborted, entry.status) == (True, 499)


def test_hanging_up_inside_a_request() -> None:
    """A client that leaves before its request is complete is noted as aborted, with status 499."""
    emulator = Emulator()
    head = (
        b"POST /v1/chat/completions HTTP/1.1\r\nhost: localhost\r\nauthorization: Bearer k\r\ncontent-length: 100\r\n"
    )
    with emulator.run() as server:
        with socket.create_connection((server.host, server.port)) as client:
            client.sendall(head + b"expect: 100-continue\r\n\r\n")
            assert client.recv(1_000).startswith(b"HTTP/1.1 100")  # now it waits for the body
            client.sendall(b"{")
        emulator.ledger.wait_idle()
        (entry,) = emulator.ledger.entries()
        assert (entry.aborted, entry.status) == (True, 499)


def test_in_flight_is_counted() -> None:
    """The totals know how many calls are open now and how many were at most."""
    emulator = Emulator(latency=NEVER)
    with running(emulator) as client:
        with ExitStack() as stack:
            for _ in range(5):
                stack.enter_context(opened(client))
            assert emulator.stats.in_flight == 5
        emulator.ledger.wait_idle()
        client.get("/models")
    assert (emulator.stats.in_flight, emulator.stats.max_in_flight) == (0, 5)


def test_waiting_for_idle_gives_up() -> None:
    """Waiting for a call that never ends raises TimeoutError."""
    emulator = Emulator(latency=NEVER)
    with running(emulator) as client, opened(client), pytest.raises(TimeoutError, match="1 requests"):
        emulator.ledger.wait_idle(timeout=0.01)


# -- as a process ------------------------------------------------------------------------------------------------


@contextmanager
def process(*options: str) -> Iterator[tuple[subprocess.Popen[bytes], dict[str, Any]]]:
    """The emulator as a process of its own, and the line that it printed; it cannot outlive the tests."""
    started = subprocess.Popen(
        [sys.executable, "-W", "error", "-m", "openai_async.emulator", "--exit-with-parent", *options],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
    )
    with started:
        try:
            assert started.stdout is not None
            yield started, json.loads(started.stdout.readline())
        finally:
            started.kill()


@pytest.mark.slow
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_process_ends_on_a_signal(number: signal.Signals) -> None:
    """It prints one line, serves, survives rude clients, and on a signal ends with status 0 and not a word more."""
    with process("--tokens-per-second", "0.0001", "--key", "sk-secret") as (started, line):
        assert line == {"base_url": f"http://127.0.0.1:{line['port']}/v1", "port": line["port"]}
        with socket.create_connection(("127.0.0.1", line["port"])) as rude:
            rude.sendall(b"not http at all\r\n\r\n")
            assert rude.recv(1_000).startswith(b"HTTP/1.1 400")
        with httpx.Client(base_url=line["base_url"], headers=AUTH) as client:
            with opened(client):
                pass
            with opened(client):
                started.send_signal(number)
                assert started.wait() == 0
        assert started.stdout is not None
        assert started.stderr is not None
        assert (started.stdout.read(), started.stderr.read()) == (b"", b"")


@pytest.mark.slow
def test_process_ends_with_its_parent() -> None:
    """With --exit-with-parent it ends as soon as its standard input does."""
    with process() as (started, _):
        output, errors = started.communicate()
        assert (started.returncode, output, errors) == (0, b"", b"")


@pytest.mark.slow
def test_process_takes_its_options() -> None:
    """Limits, keys, models and speed of the process are those of its command line."""
    options = ["--rpm", "1", "--tpm", "1000", "--any-model", "--key", "sk-secret", "--key", "sk-other"]
    with (
        process(*options, "--first-token", "0.001", "--tokens-per-second", "100000", "--jitter", "0.1") as (
            _,
            line,
        ),
        httpx.Client(base_url=line["base_url"], headers=AUTH) as client,
    ):
        body = {**BODY, "model": "anything"}
        reply = client.post("/chat/completions", json=body)
        assert reply.status_code == 200
        assert reply.headers["x-ratelimit-limit-requests"] == "1"
        assert reply.headers["x-ratelimit-limit-tokens"] == "1000"
        assert client.post("/chat/completions", json=body).status_code == 429
        other = {"authorization": "Bearer sk-other"}
        assert client.post("/chat/completions", json=body, headers=other).status_code == 200
        unknown = {"authorization": "Bearer sk-unknown"}
        assert client.post("/chat/completions", json=body, headers=unknown).status_code == 401


@pytest.mark.slow
def test_process_says_when_its_port_is_taken() -> None:
    """A port that is taken ends it with status 1 and one line on standard error."""
    with Emulator().run() as server:
        ended = subprocess.run(
            [sys.executable, "-m", "openai_async.emulator", "--port", str(server.port)],
            capture_output=True,
            env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
            check=False,
        )
    assert (ended.returncode, ended.stdout) == (1, b"")
    assert ended.stderr.startswith(b"emulator: cannot listen on 127.0.0.1:")


@pytest.mark.parametrize("missing", ["starlette", "uvicorn", "python_multipart"])
def test_missing_extra_is_explained(missing: str) -> None:
    """Without one of its libraries the import says what to install."""
    program = f"import sys; sys.modules[{missing!r}] = None; import openai_async.emulator"
    ended = subprocess.run(
        [sys.executable, "-c", program],
        capture_output=True,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
        check=False,
    )
    assert b"ImportError" in ended.stderr
    assert b"pip install 'openai-async-sdk[emulator]'" in ended.stderr
