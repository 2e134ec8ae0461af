"""What shares a rate limit: operations, not ids; and what nobody uses any more is forgotten."""

from __future__ import annotations

import asyncio

import pytest

from openai_async import AsyncClient, RateLimit
from openai_async._limits.limiter import AcquireRequest, Limiter
from openai_async.resources._raw_scopes import scope_of
from openai_async.testing import FaultServer, json_reply, run_virtual
from openai_async.types.meta import Bucket, RateLimits


@pytest.mark.parametrize(
    ("path", "scope"),
    [
        ("/files", "/files"),
        ("/files/abc", "/files/{file_id}"),
        ("/files/file-123/content?x=/a", "/files/{file_id}/content"),
        ("/chat/completions", "/chat/completions"),
        ("/chat/completions/c1/messages", "/chat/completions/{completion_id}/messages"),
        ("/threads/t1/runs/r1/steps/s1", "/threads/{thread_id}/runs/{run_id}/steps/{step_id}"),
        ("/models/org%2Fname", "/models/{model}"),
        ("/rerank", "/rerank"),
        ("/rerank/9f/content", "/rerank/{}/content"),
        ("/v2/anything/else", "/v2/{}/{}"),
        ("/files/", "/files"),
    ],
)
def test_a_path_of_the_callers_own_has_the_scope_of_its_operation(path: str, scope: str) -> None:
    """The one that the method of that operation has, whatever ids stand in the path."""
    assert scope_of(path) == scope


async def test_ids_in_paths_share_one_limit() -> None:
    """Twenty files, asked for by path and by method, are one scope of the limiter."""
    reply = {"id": "f", "object": "file", "bytes": 1, "created_at": 1, "filename": "a", "purpose": "batch"}
    with FaultServer([json_reply({**reply, "status": "processed"})] * 21) as server:
        async with AsyncClient(api_key="k", base_url=server.base_url) as client:
            for number in range(20):
                await client.get(f"/files/file-{number}")
            await client.files.retrieve("file-0")
            assert [*client.statistics().scopes] == ["/files/{file_id} "]


async def use(limiter: Limiter, scope: str, limits: RateLimits | None = None) -> None:
    permit = await limiter.acquire(AcquireRequest(scope, 10.0))
    permit.answered(limits or RateLimits())
    permit.end()


@pytest.mark.slow
@pytest.mark.parametrize("stated", ["auto", RateLimit(requests_per_second=5)])
@pytest.mark.parametrize("pause", [0.0, 1.0])
def test_scopes_that_nobody_uses_are_forgotten(stated: object, pause: float) -> None:
    """Ten thousand names of models, at once or over hours, leave some hundreds at most."""

    async def main() -> int:
        limiter = Limiter(None, stated)  # type: ignore[arg-type]
        for number in range(10_000):
            await use(limiter, f"chat {number}")
            if pause or number % 10 == 0:
                await asyncio.sleep(pause or 0.01)
        return len(limiter._key_pools._pools)

    assert run_virtual(main) <= 1_024


def test_what_is_in_flight_or_charged_is_not_forgotten() -> None:
    """A thousand other names later, a permit still counts, a used-up minute still holds, and so does a Retry-After."""

    async def main() -> None:
        limiter = Limiter(None, RateLimit(requests_per_minute=2))
        held = await limiter.acquire(AcquireRequest("held"))
        for _ in range(2):
            await use(limiter, "used up")
        refused = await limiter.acquire(AcquireRequest("refused"))
        refused.refused(RateLimits(), 50.0)
        refused.end()
        pool = limiter.pools("held")[0]
        for number in range(2_000):
            await use(limiter, f"other {number}")
            await asyncio.sleep(0.001)
        assert limiter.pools("held")[0] is pool
        assert limiter.pools("used up")[0].wait(limiter.now(), 1.0)[0] > 20
        assert limiter.pools("refused")[0].wait(limiter.now(), 1.0)[0] > 40
        held.end()
        assert limiter.in_flight == 0

    run_virtual(main)


def test_those_used_last_are_kept() -> None:
    """What was learned of a scope in use is not lost to a crowd of others."""

    async def main() -> None:
        limiter = Limiter(None, "auto")
        limits = RateLimits(Bucket(6_000, 5_999, 0.01))
        for number in range(5_000):
            await use(limiter, f"other {number}")
            if number % 50 == 0:
                await use(limiter, "ours", limits)
                await asyncio.sleep(0.1)
        assert [level.capacity for level in limiter.pools("ours")[0].levels] == [6_000]

    run_virtual(main)
