"""One run of a batch in a process of its own, to be killed.

    python -m tests.batch.child BASE_URL IN OUT WINDOW [MOMENT N]

It writes its summary as one line of JSON. With a MOMENT ("before", "after" or "half") it kills itself, as `kill -9`
does, at the N-th call that changes a file, from 0; "half" lets the first half of a write through.
"""

from __future__ import annotations

import json
import os
import signal
import sys
from collections.abc import Callable
from typing import Any

import anyio
import attrs

from openai_async import AsyncClient

CHANGES = ("pwrite", "fsync", "ftruncate", "replace", "unlink")


def die_at(moment: str, number: int) -> None:
    """Put the end of this process before, into or after a call of the system."""
    calls = [0]

    def deadly(real: Callable[..., Any], writes: bool) -> Callable[..., Any]:
        def call(*arguments: Any) -> Any:
            mine, calls[0] = calls[0], calls[0] + 1
            if mine == number:
                if moment == "half" and writes:
                    descriptor, data, offset = arguments
                    real(descriptor, data[: len(data) // 2], offset)
                elif moment == "after":
                    real(*arguments)
                os.kill(os.getpid(), signal.SIGKILL)
            return real(*arguments)

        return call

    for name in CHANGES:
        setattr(os, name, deadly(getattr(os, name), name == "pwrite"))


async def main(base_url: str, source: str, out: str, window: str) -> None:
    async with AsyncClient(api_key="k", base_url=base_url, max_retries=0) as client:
        summary = await client.batch.run(source, out, max_in_flight=int(window))
    print(json.dumps(attrs.asdict(summary)))


if __name__ == "__main__":
    if len(sys.argv) > 5:
        die_at(sys.argv[5], int(sys.argv[6]))
    anyio.run(main, *sys.argv[1:5])
