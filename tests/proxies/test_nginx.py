"""Behind a real nginx no call is lost: restarts, rate limits, buffering, compression, short keep-alive."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import anyio
import anyio.to_thread
import pytest

from openai_async import AsyncClient, InternalServerError, RequestTooLargeError
from openai_async.emulator import Emulator, Latency, Serving

from .conftest import Nginx

pytestmark = [pytest.mark.proxies, pytest.mark.timeout(120)]
MODEL = "emulated-mini"
MESSAGES: list[Any] = [{"role": "user", "content": "Hello!"}]
CALL: dict[str, Any] = {"model": MODEL, "messages": MESSAGES, "max_completion_tokens": 8}


def client_of(nginx: Nginx, transport: str = "direct", **settings: Any) -> AsyncClient:
    """A client as it is by default."""
    kind = None if transport == "direct" else transport
    return AsyncClient(api_key="k", base_url=nginx.base_url, transport=kind, trust_env=False, **settings)


async def mapped(client: AsyncClient, count: int, **options: Any) -> list[str]:
    """The names of the errors among so many calls."""
    requests: Iterator[dict[str, Any]] = ({"messages": MESSAGES} for _ in range(count))
    results = client.chat.completions.map(requests, model=MODEL, max_completion_tokens=8, **options)
    return [f"{result.error}" async for result in results if result.error is not None]


async def test_a_restart_loses_no_call(nginx: Nginx, transport: str) -> None:
    """nginx is away for 0.7 s under 400 calls: connections break, are refused, and come back."""

    async def restart() -> None:
        await anyio.sleep(0.3)
        await anyio.to_thread.run_sync(nginx.stop)
        await anyio.sleep(0.7)
        await anyio.to_thread.run_sync(nginx.start)

    async with client_of(nginx, transport) as client, anyio.create_task_group() as group:
        group.start_soon(restart)
        lost = await mapped(client, 400, max_in_flight=100)
    assert lost == []


@pytest.mark.parametrize(
    "settings",
    [
        "limit_req zone=calls;",
        "limit_req zone=calls burst=10 nodelay;",
        "limit_req zone=calls; limit_req_status 429;",
        "limit_req zone=calls burst=10 nodelay; limit_req_status 429;",
    ],
)
async def test_a_rate_limit_loses_no_call(nginx: Nginx) -> None:
    """60 calls at 20 a second: those that are refused, with whichever status, go when there is room."""
    async with client_of(nginx) as client:
        assert await mapped(client, 60) == []


@pytest.mark.parametrize("gzip", ["", "gzip on; gzip_proxied any; gzip_min_length 1; gzip_types *;"])
@pytest.mark.parametrize("settings", ["proxy_buffering on;", "proxy_buffering off;"])
async def test_streams_and_replies_pass(
    upstream: Serving, settings: str, gzip: str, transport: str, tmp_path: Any
) -> None:
    """Buffered or not, compressed or not: every text is whole, and both forms say the same."""
    nginx = Nginx(tmp_path, upstream.origin, f"{settings} {gzip}")
    nginx.start()
    try:
        async with client_of(nginx, transport) as client, anyio.create_task_group() as group:

            async def both() -> None:
                whole = await client.chat.completions.create(**CALL, seed=1)
                async with client.chat.completions.stream(**CALL, seed=1) as stream:
                    assert (await stream.final()).text == whole.text != ""

            for _ in range(20):
                group.start_soon(both)
    finally:
        nginx.stop()


@pytest.mark.parametrize("settings", ["keepalive_timeout 1s;"])
async def test_a_short_keep_alive_loses_no_call(nginx: Nginx, transport: str) -> None:
    """Connections that nginx closes while the next request is on its way cost no call."""
    async with client_of(nginx, transport) as client:
        for pause in (0.97, 0.98, 0.99, 0.995, 1.0, 1.005):
            assert await mapped(client, 40, max_in_flight=40) == []
            await anyio.sleep(pause)


@pytest.mark.parametrize("settings", ["client_max_body_size 1k;"])
async def test_an_early_refusal_of_a_large_body_is_told(nginx: Nginx, transport: str) -> None:
    """nginx answers 413 and closes, while the body is being sent."""
    async with client_of(nginx, transport) as client:
        with pytest.raises(RequestTooLargeError) as refused:
            await client.files.create(file=("a.jsonl", b"{}\n" * 2_000_000), purpose="batch")
        assert len(refused.value.attempts) == 1
        with pytest.raises(RequestTooLargeError):
            await client.chat.completions.create(model=MODEL, messages=[{"role": "user", "content": "x" * 3_000_000}])
        small = await client.chat.completions.create(**CALL)
        assert small.text


@pytest.mark.parametrize("settings", ["proxy_read_timeout 100ms;"])
async def test_a_slow_upstream_is_a_504(nginx: Nginx, emulator: Emulator) -> None:
    """nginx's page is an error of ours, with its status; the call may have been carried out."""
    emulator.latency = Latency(first_token=2.0)
    async with client_of(nginx, max_retries=1) as client:
        with pytest.raises(InternalServerError) as failed:
            await client.chat.completions.create(**CALL)
    assert failed.value.status_code == 504
    assert len(failed.value.attempts) == 2
    assert failed.value.possibly_billed


async def test_an_upstream_that_comes_back_loses_no_call(emulator: Emulator, tmp_path: Any) -> None:
    """While the server behind nginx is away, nginx answers 502: those calls are made again."""
    with emulator.run() as gone:
        port = int(gone.origin.rpartition(":")[2])
    nginx = Nginx(tmp_path, gone.origin, "")
    nginx.start()
    try:
        async with client_of(nginx) as client, anyio.create_task_group() as group:
            lost: list[str] = []
            done = anyio.Event()

            async def call() -> None:
                lost.extend(await mapped(client, 40))
                done.set()

            group.start_soon(call)
            await anyio.sleep(0.5)
            with emulator.run(port=port):
                await done.wait()
    finally:
        nginx.stop()
    assert lost == []
