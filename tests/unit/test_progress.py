"""Progress for people: what a line says, and where which kind of it is drawn."""

from __future__ import annotations

import io

import pytest

from openai_async import AsyncClient, Progress
from openai_async.emulator import Emulator, RateLimits
from openai_async.integrations.progress import describe, duration, show_progress

HALF = Progress(
    total=100,
    done=50,
    failed=2,
    in_flight=10,
    tokens=6_000,
    cost=0.5,
    seconds=30.0,
    waiting_for={"tokens": 8},
    limit_requests_per_minute=120.0,
    limit_tokens_per_minute=20_000.0,
    least_seconds=50.0,
)


def test_a_line_says_all_that_one_wants_to_know() -> None:
    """Done, failed, in flight, rates beside the limits, what is waited for, time left and at best, cost."""
    assert describe(HALF) == (
        "50/100 done, 2 failed, 10 in flight, 100 calls/min of 120, 12,000 tokens/min of 20,000,"
        " waits for tokens, 30s left, 30s so far, 50s at best, $0.50"
    )


@pytest.mark.parametrize(("seconds", "text"), [(0, "0s"), (59.4, "59s"), (190, "3m10s"), (7_500, "2h05m")])
def test_durations_are_said_as_people_say_them(seconds: float, text: str) -> None:
    """Seconds, then minutes, then hours."""
    assert duration(seconds) == text


@pytest.mark.parametrize("style", ["plain", "rich", "tqdm"])
def test_every_style_ends_with_all_done(style: str) -> None:
    """Each kind of display shows the last state, whatever it left out before."""
    out = io.StringIO()
    show = show_progress(style, file=out)  # type: ignore[arg-type]
    for done in range(1, 101):
        show(Progress(total=100, done=done, failed=0, in_flight=0, tokens=done, cost=None, seconds=1.0))
    assert "100/100" in out.getvalue()


def test_a_log_gets_few_lines() -> None:
    """A thousand calls within a moment make a first line and a last one."""
    out = io.StringIO()
    show = show_progress(file=out)
    for done in range(1, 1_001):
        show(Progress(total=1_000, done=done, failed=0, in_flight=0, tokens=done, cost=None, seconds=1.0))
    assert len(out.getvalue().splitlines()) == 2


def test_an_unknown_style_is_refused() -> None:
    """A misspelt style is an error, not silence."""
    with pytest.raises(ValueError, match="style"):
        show_progress("fancy")  # type: ignore[arg-type]


async def test_a_map_reports_after_each_call_with_limits_and_best_time() -> None:
    """`on_progress` of a map sees every call end, and knows the limits that the server stated."""
    seen: list[Progress] = []
    requests = [{"messages": [{"role": "user", "content": f"Hello {n}"}]} for n in range(20)]
    with Emulator(limits=RateLimits(requests_per_minute=6_000, tokens_per_minute=1_000_000)).run() as server:
        async with AsyncClient(api_key="k", base_url=server.base_url) as client:
            async for result in client.chat.completions.map(
                requests, model="emulated-mini", max_completion_tokens=5, on_progress=seen.append
            ):
                result.unwrap()
    assert [progress.done for progress in seen] == list(range(1, 21))
    assert (seen[-1].total, seen[-1].failed, seen[-1].in_flight) == (20, 0, 0)
    assert seen[-1].limit_requests_per_minute == 6_000
    assert seen[-1].least_seconds == 0
    assert seen[-1].tokens > 0
