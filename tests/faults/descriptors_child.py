"""Many calls where few files may be open. Run as `python descriptors_child.py LIMIT CALLS TAKEN TRANSPORT BASE_URL`.

TAKEN descriptors of the limit are the program's own from the beginning. Prints what became of the calls, as JSON.
"""

from __future__ import annotations

import json
import os
import resource
import sys
from collections import Counter
from typing import Any

import anyio
import httpx

from openai_async import AsyncClient

CALL: dict[str, Any] = {"model": "m", "messages": [{"role": "user", "content": "Hi"}]}


async def main(calls: int, transport: str, base_url: str) -> None:
    ends: Counter[str] = Counter()
    attempts: Counter[int] = Counter()

    async def call(client: AsyncClient) -> None:
        try:
            reply = await client.chat.completions.create(**CALL)
        except Exception as error:
            ends[f"{type(error).__name__}: {error}"] += 1
        else:
            ends["answered"] += 1
            attempts[len(reply.attempts)] += 1

    settings: dict[str, Any] = {"transport": transport}
    if transport == "own":
        settings = {"http_client": httpx.AsyncClient(limits=httpx.Limits(max_connections=None))}
    async with AsyncClient(
        api_key="test", base_url=base_url, rate_limit=None, max_retries=0, timeout=20, **settings
    ) as client:
        await call(client)  # what is imported on first use is, then
        async with anyio.create_task_group() as group:
            for _ in range(calls - 1):
                group.start_soon(call, client)
    print(json.dumps({"ends": ends, "attempts": attempts}))


if __name__ == "__main__":
    limit, calls, taken, transport, base_url = sys.argv[1:]
    resource.setrlimit(resource.RLIMIT_NOFILE, (int(limit), resource.getrlimit(resource.RLIMIT_NOFILE)[1]))
    held = [os.open(os.devnull, os.O_RDONLY) for _ in range(int(taken))]
    backend = "trio" if transport == "trio" else "asyncio"
    anyio.run(main, int(calls), "auto" if backend == "trio" else transport, base_url, backend=backend)
