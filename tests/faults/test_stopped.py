"""A process that was stopped, or whose loop was held, for longer than a bound: an answer that is there is not lost.

Ctrl-Z, a paused container, a laptop's lid, a callback that computes. The timer rings late, and the answer lies in the
socket: it is paid.
"""

from __future__ import annotations

import os
import signal
import ssl
import subprocess
import sys
import time
from pathlib import Path

import anyio
import httpx
import pytest
import trustme

from openai_async import AsyncClient
from openai_async._transport import tls
from openai_async._transport.timeouts import LEAST_GRACE, MOST_GRACE, WaitDeadline
from openai_async.errors import APITimeoutError
from openai_async.testing import FaultServer, Gate, Mark, Request, Script, Stall, json_reply, sse
from openai_async.types.settings import Timeout
from tests.inside import pipeline_of

from .conftest import MakeClient
from .replies import CALL, COMPLETION, EVENTS, TEXT, ok
from .stopped_child import BOUND

FACES = {"auto": 4, "uvloop": 4, "httpx": 4, "trio": 4, "sync": 2}  # each with its calls


def answered_while_stopped(request: Request) -> Script:
    """The answer is sent when the gate is open, and the mark says that it was."""
    if request.target.endswith("/models"):
        return json_reply({"object": "list", "data": []})
    reply = sse(EVENTS) if request.json().get("stream") else ok()
    return (Gate("asked"), *reply, Mark("answered"))


@pytest.mark.parametrize(("face", "secure"), [*((face, False) for face in FACES), ("auto", True)])
def test_an_answer_that_came_while_the_process_was_stopped_is_given(face: str, secure: bool, tmp_path: Path) -> None:
    """SIGSTOP, the answers, all bounds pass, SIGCONT: every call has its answer, and none was sent twice."""
    if face == "uvloop":  # the command line's loop, where it is installed
        pytest.importorskip("uvloop")
    authority, served = trustme.CA(), None
    if secure:
        served = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        authority.issue_cert("127.0.0.1").configure_cert(served)
    authority.cert_pem.write_to_path(str(tmp_path / "ca.pem"))
    with FaultServer(answered_while_stopped, tls=served) as server:
        child = subprocess.Popen(
            [sys.executable, str(Path(__file__).with_name("stopped_child.py")), face, server.base_url],
            stdout=subprocess.PIPE,
            env={**os.environ, "SSL_CERT_FILE": str(tmp_path / "ca.pem")},
            text=True,
        )
        try:
            server.wait_mark("asked", FACES[face], timeout=30)
            child.send_signal(signal.SIGSTOP)
            stopped = time.monotonic()
            server.open_gate("asked")
            server.wait_mark("answered", FACES[face])
            time.sleep(max(0.0, stopped + BOUND + 0.2 - time.monotonic()))
            child.send_signal(signal.SIGCONT)
            said, _ = child.communicate(timeout=30)
        finally:
            child.kill()
            child.wait()
        asked = [request for request in server.requests if not request.target.endswith("/models")]
    assert [line.rpartition(" ")[2] for line in said.splitlines()] == [TEXT] * FACES[face], said
    assert len(asked) == FACES[face]


def hold(seconds: float) -> None:
    """What a regular expression or a tokenizer of the program does to its loop."""
    time.sleep(seconds)


async def test_a_large_answer_is_read_to_its_end_though_its_bound_has_passed(make_client: MakeClient) -> None:
    """What does not fit into one read, or into the socket, comes in when the loop runs again."""
    large = {**COMPLETION, "padding": "x" * 1_500_000}
    with FaultServer([ok(), (Gate("asked"), *json_reply(large))]) as server:
        async with make_client(server.base_url) as client:
            await client.chat.completions.create(**CALL)
            async with anyio.create_task_group() as group:

                async def call() -> None:
                    reply = await client.chat.completions.create(**CALL, timeout=0.4)
                    assert reply.text == TEXT
                    assert len(reply.extra["padding"]) == 1_500_000

                group.start_soon(call)
                await server.until_mark("asked")
                server.open_gate("asked")
                hold(1.2)


@pytest.mark.parametrize("own", [False, True], ids=["built-in", "http_client"])
@pytest.mark.parametrize("bound", ["connect", "attempt"])
async def test_a_connect_that_succeeded_while_the_loop_was_held_is_a_success(
    own: bool, bound: str, make_client: MakeClient, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """TCP is accepted by the kernel, the TLS handshake goes on afterwards, and the attempt has its whole time then."""
    timeout = {"connect": Timeout(connect=0.2), "attempt": Timeout(attempt=0.2, connect=None)}[bound]
    context, authority = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH), trustme.CA()
    authority.issue_cert("127.0.0.1").configure_cert(context)
    authority.cert_pem.write_to_path(str(tmp_path / "ca.pem"))
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "ca.pem"))
    tls.shared_context.cache_clear()
    tls.shared_context()  # reading the certificates takes a while
    try:
        with FaultServer([ok()], tls=context) as server:
            client: AsyncClient = (
                AsyncClient(api_key="test", base_url=server.base_url, http_client=httpx.AsyncClient(), max_retries=0)
                if own
                else make_client(server.base_url)
            )
            async with client, anyio.create_task_group() as group:

                async def call() -> None:
                    reply = await client.chat.completions.create(**CALL, timeout=timeout)
                    assert reply.text == TEXT
                    assert len(reply.attempts) == 1

                group.start_soon(call)
                while not server.accepted_connections:
                    await anyio.lowlevel.checkpoint()
                hold(0.5)
            if own:
                await pipeline_of(client).transport._owner.aclose()
    finally:
        tls.shared_context.cache_clear()


async def test_a_server_that_is_silent_is_given_up_after_a_hold(make_client: MakeClient) -> None:
    """Where nothing has come, the call ends: the extra time is bounded by how late the timer was."""

    async def hold_when_asked() -> None:
        await server.until_mark("asked")
        hold(0.2)

    with FaultServer([ok(), (Gate("asked"), Stall())]) as server:
        async with make_client(server.base_url) as client, anyio.create_task_group() as group:
            await client.chat.completions.create(**CALL)
            group.start_soon(hold_when_asked)
            with pytest.raises(APITimeoutError) as caught:
                await client.chat.completions.create(**CALL, timeout=0.15)
    assert caught.value.outcome == "ambiguous"


# ---- the arithmetic


def test_a_bound_that_is_noticed_in_time_gives_one_look() -> None:
    """A timer that rings when it should is followed by one more turn of the loop, and by no other time."""
    bound = WaitDeadline()
    bound.start(10.0)
    assert bound.extends(10.0)
    assert bound.end == 10.0
    assert not bound.extends(10.0)


@pytest.mark.parametrize(("late", "more"), [(0.01, 0.0), (0.06, LEAST_GRACE), (0.5, 1.0), (3600.0, MOST_GRACE)])
def test_a_bound_that_is_noticed_late_gives_as_much_again(late: float, more: float) -> None:
    """What was held up gets its time back, within a bound; it is given once."""
    bound = WaitDeadline()
    bound.start(10.0)
    now = 10.0 + late
    assert bound.extends(now)
    assert bound.end == pytest.approx(now + more)
    assert not bound.extends(bound.end)
    bound.start(20.0)  # the next wait is another matter
    assert bound.extends(20.0)


def test_waits_that_begin_late_look_at_the_socket_within_the_grace() -> None:
    """A body that comes in many reads goes on as long as each look finds something, and not for ever."""
    bound = WaitDeadline()
    bound.start(10.0)
    assert all(bound.reads_again(now) for now in (10.0, 11.0, 11.9))
    assert not bound.reads_again(10.0 + MOST_GRACE)
