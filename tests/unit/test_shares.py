"""Several processes on one key: each takes its share of the limits, and nobody is refused. On real sockets."""

from __future__ import annotations

import json
import subprocess
import sys
from typing import Any

import pytest

from openai_async.emulator import Emulator, RateLimits

PROCESSES = 3
CALLS = 40
#: A second's worth for all of them; without shares the first burst alone would be far above it.
LIMITS = RateLimits(requests_per_minute=60 * 60, tokens_per_minute=60 * 60_000, window=1)

#: One process of several: BASE_URL, SHARE, CALLS. It writes how many calls were answered, and how many refusals it saw.
CHILD = """
import json, sys
import anyio
from openai_async import AsyncClient, RateLimit

async def main(base_url, share, calls):
    limit = RateLimit(requests_per_second=60, tokens_per_second=60_000, share=float(share))
    requests = [{"messages": [{"role": "user", "content": f"Hello {n}"}]} for n in range(int(calls))]
    answered = refused = 0
    async with AsyncClient(api_key="one-key", base_url=base_url, rate_limit=limit) as client:
        async for result in client.chat.completions.map(requests, model="emulated-mini", max_completion_tokens=2):
            answered += result.error is None
            refused += sum(attempt.status == 429 for attempt in result.attempts)
    print(json.dumps([answered, refused]))

sys.stdin.readline()  # all begin together
anyio.run(main, *sys.argv[1:])
"""


def run_together(base_url: str, share: float) -> list[Any]:
    """What each process wrote."""
    command = [sys.executable, "-c", CHILD, base_url, str(share), str(CALLS)]
    pipe = subprocess.PIPE
    processes = [subprocess.Popen(command, stdin=pipe, stdout=pipe, text=True) for _ in range(PROCESSES)]
    try:
        for process in processes:
            assert process.stdin is not None
            process.stdin.write("go\n")
            process.stdin.flush()
        return [json.loads(process.communicate()[0]) for process in processes]
    finally:
        for process in processes:
            process.kill()
            process.wait()


@pytest.mark.slow
@pytest.mark.parametrize("share", [1 / PROCESSES, 1 / (2 * PROCESSES)])
def test_processes_that_share_a_limit_are_never_refused(share: float) -> None:
    """With a share of 1/P for each of P processes, or less, all calls of all of them succeed without a single 429."""
    emulator = Emulator(limits=LIMITS)
    with emulator.run() as server:
        found = run_together(server.base_url, share)
    assert found == [[CALLS, 0]] * PROCESSES
    stats = emulator.stats
    assert (stats.ok, stats.rate_limited, stats.failed) == (PROCESSES * CALLS, 0, 0)


@pytest.mark.slow
def test_processes_that_do_not_share_are_refused() -> None:
    """Without shares the same processes ask for more than there is, so that the test above says something."""
    emulator = Emulator(limits=LIMITS)
    with emulator.run() as server:
        found = run_together(server.base_url, 1.0)
    assert emulator.stats.rate_limited > 0
    assert [answered for answered, _ in found] == [CALLS] * PROCESSES
