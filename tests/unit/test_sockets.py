"""What is known of a socket without reading from it, with and without poll(2)."""

from __future__ import annotations

import select
import socket
import subprocess
import sys

import pytest

from openai_async._transport.sockets import readable
from openai_async.testing import FaultServer
from tests.faults.replies import TEXT, ok


@pytest.mark.parametrize("poll", [True, False])
def test_data_and_the_end_of_a_connection_are_seen(poll: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing, then bytes; nothing, then the end: with poll(2), and without it as on Windows."""
    if not poll:
        monkeypatch.delattr(select, "poll")
    ours, theirs = socket.socketpair()
    with ours, theirs:
        look = readable(ours.fileno())
        assert not look()
        theirs.send(b"x")
        assert look()
        ours.recv(1)
        assert not look()
        theirs.close()
        assert look()


def test_a_descriptor_that_is_too_large_for_select_is_taken_for_quiet(monkeypatch: pytest.MonkeyPatch) -> None:
    """select(2) ends at 1024; a connection beyond it is used, and not refused."""
    monkeypatch.delattr(select, "poll")
    assert not readable(1 << 20)()


@pytest.mark.slow
def test_every_call_works_without_poll() -> None:
    """A process without `select.poll`, as on Windows: calls, reuse of a connection, and a stream."""
    program = """
import asyncio, select, sys
del select.poll
from openai_async import AsyncClient, Client
CALL = {"model": "m", "messages": [{"role": "user", "content": "Hi"}]}
with Client(api_key="k", base_url=sys.argv[1], trust_env=False) as client:
    for _ in range(3):
        print(client.chat.completions.create(**CALL).text)
async def main():
    async with AsyncClient(api_key="k", base_url=sys.argv[1], trust_env=False) as client:
        for _ in range(3):
            print((await client.chat.completions.create(**CALL)).text)
asyncio.run(main())
"""
    with FaultServer([ok()]) as server:
        done = subprocess.run(
            [sys.executable, "-W", "error", "-c", program, server.base_url], capture_output=True, text=True, check=False
        )
    assert (done.stdout.split(), done.stderr) == ([TEXT] * 6, "")
    assert server.accepted_connections == 2
