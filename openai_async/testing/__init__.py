"""Tools for testing code that calls the API: a scripted fault server, a virtual clock, cancellation sweeps.

    from openai_async import AsyncClient
    from openai_async.testing import FaultServer, Rst, json_reply, no_leaks

    async def test_a_reset_before_the_reply_is_retried():
        with FaultServer([(Rst(),), json_reply(COMPLETION)]) as server:
            async with no_leaks(), AsyncClient(api_key="test", base_url=server.base_url) as client:
                reply = await client.chat.completions.create(model="any", messages=MESSAGES)
        assert reply.choices[0].message.content == "Hello!"
        assert [request.target for request in server.requests] == ["/v1/chat/completions"] * 2

A script is a value, and a server plays it (`script`, `faults`). `clock` makes time virtual. `sweep` cancels a
coroutine at each of its suspensions. `leaks` finds open sockets and tasks that are left behind.
Nothing here imports the rest of the package, and nothing connects to another host than 127.0.0.1.
"""

from __future__ import annotations

from openai_async.testing.clock import VirtualClockLoop, run_virtual
from openai_async.testing.faults import FaultServer, Plan
from openai_async.testing.leaks import no_leaks, open_sockets, pending_tasks
from openai_async.testing.request import Request
from openai_async.testing.script import (
    Chunk,
    Cut,
    Fin,
    Gate,
    LastChunk,
    Mark,
    ReadRequest,
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
from openai_async.testing.sweep import Outcome, SweepReport, sweep

__all__ = [
    # the fault server
    "FaultServer",
    "Plan",
    "Request",
    # scripts: steps that send
    "Send",
    "Chunk",
    "LastChunk",
    # steps that wait
    "ReadRequest",
    "Sleep",
    "Stall",
    "Mark",
    "Gate",
    # steps that end the connection
    "Fin",
    "Rst",
    "Step",
    "Script",
    # whole responses, and their truncations
    "respond",
    "json_reply",
    "sse",
    "wire",
    "every_offset",
    "Cut",
    # virtual time
    "VirtualClockLoop",
    "run_virtual",
    # cancellation
    "sweep",
    "SweepReport",
    "Outcome",
    # what stays behind
    "no_leaks",
    "open_sockets",
    "pending_tasks",
]
