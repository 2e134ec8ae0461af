"""A transport that answers at once, without a network: for batches of a million rows.

Run as a script it carries out one batch, and writes its summary and the peak of its memory as one line of JSON:

    python -m tests.batch.stub IN OUT
"""

from __future__ import annotations

import json
import resource
import sys
from pathlib import Path

import anyio
import anyio.lowlevel

from openai_async import AsyncClient, _config
from openai_async._transport.exchange import Exchange, WireRequest
from openai_async.batch import BatchSummary

BODY = b'{"id":"x","choices":[],"usage":{"total_tokens":3}}'
HEADERS = [(b"content-type", b"application/json"), (b"x-request-id", b"req_1")]


class Answered:
    """An `Exchange` whose whole body is there."""

    status = 200
    header = HEADERS

    def __init__(self) -> None:
        self._left = [b"", BODY]

    def read_arrived(self) -> bytes | None:
        return None

    async def read(self, deadline: float) -> bytes:
        return self._left.pop()

    def abandon(self) -> None:
        pass


class Stub:
    """A `Transport` that sends nothing."""

    open_connections = 0

    def ready(self) -> Stub:
        return self

    async def send(self, request: WireRequest, *, connect_timeout: float | None, deadline: float) -> Exchange:
        await anyio.lowlevel.checkpoint()
        return Answered()

    async def aclose(self) -> None:
        pass


def stubbed_client() -> AsyncClient:
    """A client that answers itself."""
    kept = _config.transport
    _config.transport = lambda *_, **__: Stub()  # type: ignore[assignment, return-value]
    try:
        return AsyncClient(api_key="any", base_url="http://127.0.0.1:1/v1")
    finally:
        _config.transport = kept


async def carry_out(source: str, target: str) -> BatchSummary:
    async with stubbed_client() as client:
        return await client.batch.run(source, target, max_in_flight=64)


def peak_memory() -> int:
    """Of this program, in KiB. (What `getrusage` says includes the process that it was forked from.)"""
    try:
        status = Path("/proc/self/status").read_text()
    except OSError:
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return int(status.partition("VmHWM:")[2].split()[0])


if __name__ == "__main__":
    summary = anyio.run(carry_out, *sys.argv[1:])
    found = {"done": summary.done, "ok": summary.ok, "seconds": summary.seconds, "peak": peak_memory()}
    print(json.dumps(found))
