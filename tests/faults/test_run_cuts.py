"""A run's stream cut at every byte is a typed error or the whole right run; never a shorter one."""

from __future__ import annotations

import json
from typing import Any

import anyio
import pytest

from openai_async import AsyncClient
from openai_async.errors import APIConnectionError, StreamInterrupted
from openai_async.testing import FaultServer, Fin, Request, Rst, Script, every_offset, sse, wire

from .conftest import MakeClient

RUN = {"id": "r", "object": "thread.run"}
SAID = {"id": "m", "object": "thread.message.delta", "delta": {"content": [{"type": "text", "text": {"value": "Hé"}}]}}
EVENTS = [
    *(
        f"event: {name}\ndata: {json.dumps(data, ensure_ascii=False)}\n\n".encode()
        for name, data in (
            ("thread.run.created", {**RUN, "status": "queued"}),
            ("thread.message.delta", SAID),
            ("thread.run.completed", {**RUN, "status": "completed"}),
        )
    ),
    b"event: done\ndata: [DONE]\n\n",
]


@pytest.mark.parametrize(("framing", "end"), [("length", Rst()), ("chunked", Fin()), ("close", Fin())])
async def test_a_cut_run_never_passes_for_a_whole_one(framing: Any, end: Fin | Rst, make_client: MakeClient) -> None:
    """Before `[DONE]` it is an error that holds the run as it was last stated; past it, it is whole."""
    response = wire(sse(EVENTS, framing=framing))
    cuts = [cut.script for cut in every_offset(response, end=end, start=response.index(b"\r\n\r\n") + 4)]
    offsets = iter(range(len(cuts)))
    whole, wrong = 0, list[str]()

    def choose(request: Request) -> Script:
        return cuts[int(request.header("x-cut") or "")]

    async def read(client: AsyncClient) -> None:
        nonlocal whole
        for offset in offsets:
            stated: list[str] = []
            header = {"x-cut": str(offset)}
            try:
                async with client.beta.threads.runs.stream("t", assistant_id="a", extra_headers=header) as stream:
                    async for event in stream:
                        stated += [event.data.status] if event.event.startswith("thread.run.") else []
                    run = await stream.final()
            except APIConnectionError as error:
                if framing == "close" and not isinstance(error, StreamInterrupted):
                    wrong.append(f"cut at {offset}: {error!r}")
                partial = None if error.partial is None else error.partial.status
                if partial != (stated[-1] if stated else None):
                    wrong.append(f"cut at {offset}: {stated} delivered, but partial is {partial!r}")
            else:
                whole += 1
                if (run.status, len(stated)) != ("completed", 2):
                    wrong.append(f"cut at {offset}: {run!r} passed for the whole run")

    with FaultServer(choose) as server:
        async with make_client(server.base_url) as client, anyio.create_task_group() as readers:
            for _ in range(8):
                readers.start_soon(read, client)
    assert wrong == []
    assert whole <= len(b"\r\n0\r\n\r\n")  # the framing behind the terminal event
