"""Whatever ends a call from outside shows neither key nor prompt: not in any frame that its traceback leads through.

A user's `asyncio.timeout`, `wait_for`, a cancelled task or scope: the exception travels through the frames that were
waiting, and crash reporters show the local variables of each. So each call is ended at each of its awaits, and all
frames of this package and of the HTTP libraries are searched.
"""

from __future__ import annotations

import asyncio
import io
import os
import traceback
from collections.abc import AsyncGenerator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager
from typing import Any

import httpx
import pytest

from openai_async import AsyncClient
from openai_async.testing import FaultServer, Request, Script, json_reply, sse
from openai_async.testing.sweep import _Run

from .test_canaries import CANARIES, CHUNK, COMPLETION, HEADER, KEY, MESSAGES, PASSWORD, PROMPT, chain

CONTENT = PROMPT.encode() * 20_000  # more than a socket takes at once
QUERY = {"token": HEADER}


async def create(client: AsyncClient) -> None:
    await client.chat.completions.create(model="m", messages=MESSAGES, extra_query=QUERY)


async def create_large(client: AsyncClient) -> None:
    await client.chat.completions.create(model="m", messages=[{"role": "user", "content": CONTENT.decode()}])


async def stream(client: AsyncClient) -> None:
    async with client.chat.completions.stream(model="m", messages=MESSAGES) as chunks:
        await chunks.final()


async def upload(client: AsyncClient) -> None:
    await client.files.create(file=io.BytesIO(CONTENT), purpose="batch")


async def embeddings(client: AsyncClient) -> None:
    await client.embeddings.create(model="m", input=[PROMPT, PROMPT])


async def post(client: AsyncClient) -> None:
    await client.post("/anything", body={"text": PROMPT}, query=QUERY)


USES: dict[str, Callable[[AsyncClient], Awaitable[None]]] = {
    "create": create,
    "create large": create_large,
    "stream": stream,
    "upload": upload,
    "embeddings": embeddings,
    "post": post,
}


def answer(request: Request) -> Script:
    """In pieces, so that there are awaits between them."""
    path = request.target.partition("?")[0]
    if path.endswith("/files"):
        return json_reply(
            {"id": "f", "object": "file", "bytes": 1, "created_at": 1, "filename": "f", "purpose": "batch"}
        )
    if path.endswith("/embeddings"):
        item = {"object": "embedding", "index": 0, "embedding": [0.5]}
        return json_reply({"object": "list", "model": "m", "data": [item, {**item, "index": 1}]})
    if b'"stream":true' in request.body:
        return sse([CHUNK, CHUNK, "[DONE]"])
    return json_reply(COMPLETION)


@pytest.fixture(params=["built-in", "httpx", "httpx.AsyncClient", "proxy"])
def wiring(request: pytest.FixtureRequest) -> str:
    name: str = request.param
    return name


@asynccontextmanager
async def client_for(server: FaultServer, wiring: str) -> AsyncGenerator[AsyncClient]:
    settings: dict[str, Any] = {"api_key": KEY, "default_headers": {"x-secret": HEADER}, "max_retries": 0}
    if wiring == "proxy":
        settings["proxy"] = f"http://user:{PASSWORD}@127.0.0.1:{server.port}"
    elif wiring == "httpx":
        settings["transport"] = "httpx"
    elif wiring != "built-in":
        async with (
            httpx.AsyncClient(trust_env=False) as own,
            AsyncClient(base_url=server.base_url, http_client=own, trust_env=False, **settings) as client,
        ):
            yield client
        return
    async with AsyncClient(base_url=server.base_url, trust_env=False, **settings) as client:
        yield client


def leaks(error: BaseException) -> Iterator[str]:
    """Places in the frames of an exception, its causes and contexts, where a canary stands."""
    for link in chain(error):
        for frame, line in traceback.walk_tb(link.__traceback__):
            where = frame.f_code.co_filename
            if where == _Run.__await__.__code__.co_filename or os.path.dirname(where) == os.path.dirname(__file__):
                continue  # the caller's own frames hold what it sent
            for name, value in frame.f_locals.items():
                shown = repr(value)
                for canary in CANARIES:
                    if canary in shown:
                        yield f"{canary} in {name!r} of {frame.f_code.co_qualname} ({frame.f_code.co_filename}:{line})"
        for canary in CANARIES:
            if canary in f"{link!r} {link} {vars(link)!r}":
                yield f"{canary} in {type(link).__name__}"


async def ended_at(point: int, use: Callable[[], Awaitable[None]], *, by_timeout: bool) -> BaseException | None:
    """What the user sees when a call is ended at its n-th await; None if it has fewer."""
    loop = asyncio.get_running_loop()
    run = _Run(use, point)
    try:
        if by_timeout:
            async with asyncio.timeout(None) as limit:
                run.cancel = lambda: limit.reschedule(loop.time())
                await run
        else:
            task = asyncio.ensure_future(_plainly(run))
            run.cancel = lambda: loop.call_soon(task.cancel)
            await asyncio.wait_for(task, 60)
    except BaseException as error:
        return error
    return asyncio.CancelledError() if run.reached else None


async def _plainly(run: _Run) -> None:
    await run


@pytest.mark.parametrize("anyio_backend", ["asyncio"])
@pytest.mark.parametrize("use", USES)
async def test_no_frame_of_a_call_that_was_ended_shows_a_secret(use: str, wiring: str) -> None:
    """Ended at every await, on a new connection and on a kept one: no local variable has a canary."""
    found: set[str] = set()
    points = 0
    for kept in (False, True):
        with FaultServer(answer) as server:
            while points < 200:
                points += 1
                async with client_for(server, wiring) as client:
                    if kept:
                        await USES[use](client)
                    error = await ended_at(points, lambda: USES[use](client), by_timeout=not kept)
                    if error is None:
                        break
                    found |= set(leaks(error))
        assert points > 1
        points = 0
    assert not found, "\n".join(sorted(found))
