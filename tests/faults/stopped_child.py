"""A program that is stopped while its calls are answered. Run as `python stopped_child.py FACE BASE_URL [CA_FILE]`.

Prints "asked" when all requests are under way, and each call's text or error when it has ended.
"""

from __future__ import annotations

import sys
import threading
from collections.abc import Awaitable, Callable
from typing import Any

import anyio

from openai_async import AsyncClient, Client, Timeout

#: Seconds. Shorter than the process is stopped, longer than a loaded machine takes to get as far as that.
BOUND = 1.5
CALL: dict[str, Any] = {"model": "m", "messages": [{"role": "user", "content": "Hi"}]}


def bounds() -> dict[str, dict[str, Any]]:
    return {
        "attempt": {"timeout": BOUND},
        "deadline": {"deadline": BOUND},
        "first token": {"timeout": Timeout(first_token=BOUND)},
        "idle": {"timeout": Timeout(idle=BOUND)},
    }


async def call(client: AsyncClient, name: str) -> str:
    options = bounds()[name]
    if name in ("attempt", "deadline"):
        return (await client.chat.completions.create(**CALL, **options)).text or ""
    async with client.chat.completions.stream(**CALL, **options) as stream:
        return (await stream.final()).text or ""


async def main(transport: str, base_url: str) -> None:
    async with AsyncClient(api_key="test", base_url=base_url, transport=transport, max_retries=0) as client:
        await client.models.list()  # the transport is loaded and the loop is warm

        async def report(name: str) -> None:
            print(name, await told(lambda: call(client, name)), flush=True)

        async with anyio.create_task_group() as group:
            for name in bounds():
                group.start_soon(report, name)


async def told(work: Callable[[], Awaitable[str]]) -> str:
    try:
        return await work()
    except Exception as error:
        return f"{type(error).__name__}: {error}"


def synchronous(base_url: str) -> None:
    with Client(api_key="test", base_url=base_url, max_retries=0) as client:
        client.models.list()

        def report(name: str) -> None:
            try:
                text = client.chat.completions.create(**CALL, **bounds()[name]).text
            except Exception as error:
                text = f"{type(error).__name__}: {error}"
            print(name, text, flush=True)

        threads = [threading.Thread(target=report, args=(name,)) for name in ("attempt", "deadline")]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()


if __name__ == "__main__":
    face, base_url = sys.argv[1:]
    if face == "sync":
        synchronous(base_url)
    elif face == "trio":
        anyio.run(main, "auto", base_url, backend="trio")
    elif face == "uvloop":
        anyio.run(main, "auto", base_url, backend_options={"use_uvloop": True})
    else:
        anyio.run(main, face, base_url)
