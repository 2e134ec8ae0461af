"""Several keys on a real server: one that is drained midway fails no call; all drained is one clear error."""

from __future__ import annotations

import pytest

from openai_async import AsyncClient, QuotaExhaustedError
from openai_async.emulator import Emulator, Latency

CODES = [
    "insufficient_quota",
    "credit_balance_exhausted",
    "organization_spend_limit_exceeded",
    "project_spend_limit_exceeded",
    "organization_usage_limit_exceeded",
]


def requests(count: int) -> list[dict[str, object]]:
    return [{"messages": [{"role": "user", "content": f"Hello {number}"}]} for number in range(count)]


@pytest.mark.parametrize("code", CODES)
async def test_a_key_that_is_drained_midway_fails_no_call(code: str) -> None:
    """Every call succeeds, the drained key is set aside after it was refused, and can be enabled again."""
    emulator = Emulator(keys={"key-one", "key-two"}, latency=Latency(first_token=0.005))
    with emulator.run() as server:
        async with AsyncClient(api_key=["key-one", "key-two"], base_url=server.base_url) as client:
            results = client.chat.completions.map(
                requests(60), model="emulated-mini", max_completion_tokens=2, max_in_flight=5
            )
            async for result in results:
                result.unwrap()
                if result.index == 20:
                    emulator.drain("key-one", code)
            assert client.keys_set_aside == {0}
            emulator.refill("key-one")
            client.enable_keys()
            assert client.keys_set_aside == set()
            (reply, _) = [
                await client.chat.completions.create(model="emulated-mini", messages=requests(1)[0]["messages"])  # type: ignore[arg-type]
                for _ in range(2)
            ]
    assert reply.text


async def test_all_keys_drained_is_one_clear_error() -> None:
    """Once every key was refused, calls fail at once and say so, without a request."""
    emulator = Emulator(keys={"key-one", "key-two"})
    emulator.drain("key-one")
    emulator.drain("key-two")
    with emulator.run() as server:
        async with AsyncClient(api_key=["key-one", "key-two"], base_url=server.base_url) as client:
            for _ in range(3):
                with pytest.raises(QuotaExhaustedError, match="every key"):
                    await client.chat.completions.create(
                        model="emulated-mini", messages=[{"role": "user", "content": "Hello!"}]
                    )
    assert emulator.stats.requests == 2
