"""Ctrl-C at any phase of a call: the process ends by it, and ends in order.

The program under test is a child process with all warnings on; it gets SIGINT once it has come to the phase.
"""

from __future__ import annotations

import signal
import subprocess
import sys
from collections.abc import Sequence

import pytest

from openai_async.testing import FaultServer, Gate, Script, Stall, sse

from .replies import CHUNKS, error_reply, ok

PROGRAM = """
import logging
import sys
import anyio
from openai_async import AsyncClient

CALL = {"model": "m", "messages": [{"role": "user", "content": "Hi"}]}

async def create(client):
    await client.chat.completions.create(**CALL)

async def stream(client):
    async with client.chat.completions.stream(**CALL) as stream:
        await stream.final()

async def map(client):
    async for result in client.chat.completions.map([CALL] * 100, max_in_flight=4):
        result.unwrap()

async def main(backend, transport, work, base_url):
    settings = {"transport": "httpx"} if transport == "httpx" else {}
    async with AsyncClient(api_key="test", base_url=base_url, trust_env=False, max_retries=9, **settings) as client:
        await globals()[work](client)

logging.basicConfig(stream=sys.stdout, level="INFO", format="%(message)s")
anyio.run(main, *sys.argv[1:], backend=sys.argv[1])
"""
_REACHED = Gate("reached")

PHASES: dict[str, tuple[str, Sequence[Script]]] = {
    "waiting for an answer": ("create", [(_REACHED, Stall())]),
    "waiting for a retry": ("create", [error_reply(503, {"retry-after": "100"})]),
    "reading a stream": ("stream", [sse([CHUNKS[0], _REACHED, Stall()])]),
    "in a map": ("map", [*[ok()] * 10, (_REACHED, Stall())]),
}


@pytest.mark.parametrize("phase", PHASES)
def test_ctrl_c_ends_the_process_in_order(phase: str, stack: str) -> None:
    """The child dies of KeyboardInterrupt; no task is destroyed, no socket left open, nothing goes wrong unseen."""
    work, scripts = PHASES[phase]
    with FaultServer(scripts) as server:
        child = subprocess.Popen(
            [sys.executable, "-W", "always", "-c", PROGRAM, *stack.split("-"), work, server.base_url],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        try:
            if phase == "waiting for a retry":
                assert child.stdout is not None
                assert "retry 1" in child.stdout.readline()
            else:
                server.wait_mark("reached", timeout=20.0)
            child.send_signal(signal.SIGINT)
            _, complaints = child.communicate(timeout=20.0)
        finally:
            child.kill()
            child.wait()
        server.wait_for(lambda server: server.open_connections == 0)
    assert complaints.rstrip().endswith("KeyboardInterrupt")
    for sign in ("Warning", "never retrieved", "was destroyed", "Exception ignored", "unclosed"):
        assert sign not in complaints
    assert child.returncode in (-signal.SIGINT, 130, 1)
