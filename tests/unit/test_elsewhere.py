"""What a reply names by its address is fetched like any call, and apart from the API: its key, limits and outages."""

from __future__ import annotations

import ssl
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path
from typing import Any, TypeAlias

import anyio
import anyio.lowlevel
import pytest
import trustme

from openai_async import (
    APIError,
    AsyncClient,
    DeadlineExceededError,
    InternalServerError,
    InvalidParameterError,
    RateLimit,
)
from openai_async._transport.tls import shared_context
from openai_async.testing import FaultServer, Gate, Request, Script, json_reply, respond
from openai_async.types.images import Image
from tests.inside import pipeline_of

PNG = b"\x89PNG\r\n\x1a\n"
KEY = "sk-the-key-of-these-tests"
CHAT: dict[str, Any] = {"model": "m", "messages": [{"role": "user", "content": "x"}]}
COMPLETION = {"id": "c", "choices": [{"index": 0, "message": {"role": "assistant", "content": "Hello!"}}]}
PICTURE = respond(200, PNG, {"content-type": "image/png"})
Answer: TypeAlias = "list[Script] | Callable[[Request], Script]"


@pytest.fixture
def tls(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[ssl.SSLContext]:
    """Of a host that the client trusts."""
    authority = trustme.CA()
    authority.cert_pem.write_to_path(tmp_path / "ca.pem")
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "ca.pem"))
    shared_context.cache_clear()
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    authority.issue_cert("127.0.0.1").configure_cert(context)
    yield context
    shared_context.cache_clear()


class Both:
    """A client, the API that it talks to, and another host."""

    def __init__(self, client: AsyncClient, api: FaultServer, host: FaultServer) -> None:
        self.client, self.api, self.host = client, api, host
        self.image = Image(url=f"https://127.0.0.1:{host.port}/pictures/1.png?sig=a%2Fb")


@asynccontextmanager
async def both(tls: ssl.SSLContext, host: Answer, api: Answer | None = None, **settings: Any) -> AsyncIterator[Both]:
    settings = {"api_key": KEY, "trust_env": False, "organization": "org-1", "project": "proj-1", **settings}
    with (
        FaultServer([json_reply(COMPLETION)] if api is None else api) as server,
        FaultServer(host, tls=tls) as other,
    ):
        async with AsyncClient(base_url=server.base_url, default_headers={"x-own": "own"}, **settings) as client:
            yield Both(client, server, other)


async def test_nothing_of_the_account_goes_to_another_host(tls: ssl.SSLContext) -> None:
    """No key, organization or header of the user's, and the address as it was given."""
    async with both(tls, [PICTURE]) as all_:
        assert (await all_.client.images.content(all_.image)).content == PNG
        await all_.client.chat.completions.create(**CHAT)
    (request,) = all_.host.requests
    assert request.target == "/pictures/1.png?sig=a%2Fb"
    assert {name.lower() for name, _ in request.headers} == {b"host", b"accept"}
    assert all_.api.requests[0].header("authorization") == f"Bearer {KEY}"


async def test_it_is_fetched_again_after_what_passes(tls: ssl.SSLContext) -> None:
    """Each attempt is recorded, on the picture as on the error."""
    busy = json_reply({}, 503, {"retry-after-ms": "1"})
    async with both(tls, [busy, PICTURE, busy, busy], max_retries=1) as all_:
        found = await all_.client.images.content(all_.image)
        assert [attempt.outcome for attempt in found.meta.attempts] == ["rejected", "completed"]
        with pytest.raises(InternalServerError) as caught:
            await all_.client.images.content(all_.image)
        assert len(caught.value.attempts) == 2
        assert "sig" not in str(caught.value)


async def test_options_are_those_of_every_call(tls: ssl.SSLContext) -> None:
    """They win over the client's, and are checked before anything is sent."""
    async with both(tls, [json_reply({}, 503), (Gate("never"),)], max_retries=3) as all_:
        with pytest.raises(InternalServerError):
            await all_.client.images.content(all_.image, max_retries=0)
        with pytest.raises(DeadlineExceededError):
            await all_.client.images.content(all_.image, deadline=0.01, timeout=60)
        for wrong in ({"max_retries": -1}, {"deadline": 0}, {"timeout": "x"}):
            with pytest.raises(InvalidParameterError, match=next(iter(wrong))):
                await all_.client.images.content(all_.image, **wrong)  # type: ignore[arg-type]
    assert len(all_.host.requests) <= 2


async def test_it_counts_among_what_is_in_flight(tls: ssl.SSLContext) -> None:
    """`max_concurrency` holds for fetches and calls together."""
    slow = (Gate("fetched"), *PICTURE)
    async with both(tls, [slow], max_concurrency=1) as all_, anyio.create_task_group() as group:
        group.start_soon(all_.client.images.content, all_.image)
        while not all_.host.requests:
            await anyio.lowlevel.checkpoint()
        group.start_soon(partial(all_.client.chat.completions.create, **CHAT))
        await anyio.wait_all_tasks_blocked()
        statistics = all_.client.statistics()
        assert (statistics.in_flight, statistics.waiting, all_.api.requests) == (1, 1, ())
        all_.host.open_gate("fetched")
    assert len(all_.api.requests) == 1


LIMITS = {
    "x-ratelimit-limit-requests": "1",
    "x-ratelimit-remaining-requests": "0",
    "x-ratelimit-reset-requests": "60s",
    "retry-after": "60",
}


@pytest.mark.parametrize("status", [401, 402, 403, 429, 503])
async def test_what_another_host_refuses_says_nothing_of_the_api(status: int, tls: ssl.SSLContext) -> None:
    """Neither its limits nor its outages hold calls back, and no key is set aside."""
    refusal = json_reply({"error": {"code": "insufficient_quota", "message": "Insufficient Balance"}}, status, LIMITS)
    async with both(tls, [refusal], api_key=[KEY, KEY + "2"], max_retries=0) as all_:
        for _ in range(8):
            with pytest.raises(APIError):
                await all_.client.images.content(all_.image, deadline=30)
        for _ in range(4):
            await all_.client.chat.completions.create(**CHAT, deadline=30, max_retries=2)
        assert all_.client.keys_set_aside == frozenset()


@pytest.mark.parametrize("limit", [RateLimit(requests_per_minute=1), {"*": RateLimit(requests_per_minute=1)}])
async def test_the_limits_of_the_api_are_not_those_of_another_host(limit: Any, tls: ssl.SSLContext) -> None:
    """What was stated of the account holds back its calls alone."""
    async with both(tls, [PICTURE], rate_limit=limit) as all_:
        await all_.client.chat.completions.create(**CHAT)
        for _ in range(3):
            await all_.client.images.content(all_.image, deadline=30)
    assert len(all_.host.requests) == 3


@pytest.mark.parametrize("keys", [KEY, [KEY, KEY + "2"]])
async def test_a_drained_account_still_fetches_what_it_has_paid_for(keys: Any, tls: ssl.SSLContext) -> None:
    """Also where a fetch waits for a slot while the last key is set aside."""
    slow = (Gate("fetched"), *PICTURE)
    async with both(tls, [slow, PICTURE, PICTURE], api_key=keys, max_concurrency=1) as all_:
        limiter = pipeline_of(all_.client).limiter
        async with anyio.create_task_group() as group:
            for _ in range(2):
                group.start_soon(all_.client.images.content, all_.image)
            while not all_.host.requests or not all_.client.statistics().waiting:
                await anyio.lowlevel.checkpoint()
            for key in range(2 if isinstance(keys, list) else 1):
                limiter.set_aside(key)
            all_.host.open_gate("fetched")
        assert (await all_.client.images.content(all_.image)).content == PNG


async def test_many_are_fetched_by_a_map(tls: ssl.SSLContext) -> None:
    """Results have their attempts."""
    async with both(tls, [PICTURE]) as all_:
        requests: list[dict[str, Any]] = [{"image": all_.image}] * 5
        method: Any = all_.client.images.content
        results: list[Any] = [result async for result in all_.client.map(method, requests)]
    assert [(result.value.content, len(result.attempts)) for result in results] == [(PNG, 1)] * 5
