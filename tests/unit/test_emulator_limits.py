"""Rate limits, quota and faults: the arithmetic over any sequence of calls, and the replies word for word."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import httpx
import pytest
from hypothesis import given, strategies as st

from openai_async.emulator import Emulator, Faults, Latency, Model, RateLimits
from openai_async.emulator.conditions import Pace
from openai_async.emulator.error_responses import rate_limited
from openai_async.emulator.rate_limits import Allowance, Bucket, go_duration

BIG = Model("emulated-mini", context_window=10_000_000)
SLACK = 1e-3


class Clock:
    """A clock that only moves when told to."""

    def __init__(self) -> None:
        self.now = 1_000.0

    def __call__(self) -> float:
        return self.now


@contextmanager
def running(emulator: Emulator) -> Iterator[httpx.Client]:
    with (
        emulator.run() as server,
        httpx.Client(base_url=server.base_url, headers={"authorization": "Bearer sk-one"}) as client,
    ):
        yield client


def call(client: httpx.Client, key: str = "sk-one", **settings: Any) -> httpx.Response:
    """A call that is charged 100 tokens and its max_tokens."""
    body = {
        "model": "emulated-mini",
        "messages": [{"role": "user", "content": "x" * 396}],  # with the role, 400 characters
        **settings,
    }
    return client.post("/chat/completions", json=body, headers={"authorization": f"Bearer {key}"})


# -- arithmetic --------------------------------------------------------------------------------------------------

steps = st.lists(st.tuples(st.floats(0, 30), st.floats(0.1, 100)), min_size=1, max_size=40)
windows = st.sampled_from([0.5, 1.0, 10.0, 60.0])


def within_budget(taken: list[tuple[float, float]], capacity: float, rate: float) -> None:
    """No stretch of time may have admitted more than a full bucket and what that stretch refills."""
    for first in range(len(taken)):
        total = 0.0
        for time, amount in taken[first:]:
            total += amount
            assert total <= capacity + rate * (time - taken[first][0]) + SLACK


@given(steps, st.floats(100, 10_000), windows)
def test_bucket_is_never_above_budget(calls: list[tuple[float, float]], limit: float, window: float) -> None:
    """Whatever arrives when, no window of any length admits more than its budget."""
    now = 0.0
    bucket = Bucket(limit, window, now)
    taken: list[tuple[float, float]] = []
    for pause, amount in calls:
        now += pause
        amount = min(amount, bucket.capacity)
        if bucket.wait(now, amount) == 0:
            bucket.take(now, amount)
            taken.append((now, amount))
        else:
            bucket.penalize(now, amount)
        assert -SLACK <= bucket.level(now) <= bucket.capacity
    within_budget(taken, bucket.capacity, bucket.rate)


@given(steps, st.floats(100, 10_000), windows)
def test_waiting_as_told_is_enough(calls: list[tuple[float, float]], limit: float, window: float) -> None:
    """Whoever waits exactly as long as the bucket says gets in, and a hair earlier would not have."""
    now = 0.0
    bucket = Bucket(limit, window, now)
    for pause, amount in calls:
        now += pause
        wait = bucket.wait(now, amount)
        assert wait < math.inf
        if wait > 0.01:
            assert bucket.wait(now + wait - 0.001, amount) > 0
        now += wait
        assert bucket.wait(now, amount) == 0
        bucket.take(now, amount)


@given(
    st.lists(st.tuples(st.floats(0, 20), st.integers(1, 1_500)), min_size=1, max_size=60),
    st.integers(10, 100),
    st.integers(500, 5_000),
)
def test_allowance_keeps_both_budgets(calls: list[tuple[float, int]], rpm: int, tpm: int) -> None:
    """Requests and tokens stay within budget together; a refused call costs a request and never a token."""
    now = 0.0
    allowance = Allowance(RateLimits(rpm, tpm), now)
    requests: list[tuple[float, float]] = []
    tokens: list[tuple[float, float]] = []
    for pause, amount in calls:
        now += pause
        before = dict(allowance.headers(now))
        refusal = allowance.admit(now, amount)
        after = dict(allowance.headers(now))
        if refusal is None:
            requests.append((now, 1))
            tokens.append((now, amount))
        else:
            name = b"x-ratelimit-remaining-tokens"
            assert before[name] == after[name]
            assert (refusal.wait == math.inf) == (amount > tpm)
            name = b"x-ratelimit-remaining-requests"
            assert int(after[name]) == max(0, int(before[name]) - 1)
    within_budget(requests, rpm, rpm / 60)
    within_budget(tokens, tpm, tpm / 60)


def test_clock_that_steps_back_refills_nothing() -> None:
    """Time that runs backwards neither refills nor breaks a bucket."""
    bucket = Bucket(60, 60, 100.0)
    bucket.take(100.0, 60)
    assert bucket.level(50.0) == 0
    assert bucket.level(101.0) == 1


def test_small_window_lets_a_large_call_in_once_it_is_full() -> None:
    """A call larger than the burst but within the minute's limit is admitted by a full bucket, which then owes."""
    bucket = Bucket(6_000, 1.0, 0.0)
    assert bucket.wait(0.0, 1_000) == 0
    bucket.take(0.0, 1_000)
    assert bucket.wait(0.0, 1) == pytest.approx(9.01)
    assert bucket.wait(0.0, 6_001) == math.inf


@pytest.mark.parametrize(
    ("seconds", "written"),
    [
        (0, "0s"),
        (-1, "0s"),
        (0.006, "6ms"),
        (0.0061, "7ms"),
        (0.12, "120ms"),
        (1, "1s"),
        (1.731, "1.731s"),
        (7.66, "7.66s"),
        (60, "1m0s"),
        (360, "6m0s"),
        (77_177.041, "21h26m17.041s"),
    ],
)
def test_durations_are_written_as_go_writes_them(seconds: float, written: str) -> None:
    """Durations look like those of the API, and are never shorter than the truth."""
    assert go_duration(seconds) == written


def test_refusal_of_requests_in_words() -> None:
    """An empty request bucket of 500 a minute asks for 120 ms, in the API's words."""
    allowance = Allowance(RateLimits(requests_per_minute=500), 0.0)
    assert not any(allowance.admit(0.0, 1) for _ in range(500))
    refusal = allowance.admit(0.0, 1)
    assert refusal is not None
    problem = rate_limited("m", "org-x", refusal)
    assert problem.message == (
        "Rate limit reached for m in organization org-x on requests per min (RPM): Limit 500, Used 500, Requested 1. "
        "Please try again in 120ms."
    )
    assert problem.type == "requests"


@given(st.integers(0, 2**64 - 1), st.floats(0, 5), st.floats(1, 1_000), st.floats(0, 1))
def test_jitter_stays_within_its_share(seed: int, first: float, speed: float, jitter: float) -> None:
    """A pace varies by at most the jitter, is the same for the same request, and without jitter is exact."""
    latency = Latency(first, speed, jitter)
    pace = latency.pace(seed)
    assert pace == latency.pace(seed)
    assert abs(pace.first - first) <= first * jitter + 1e-9
    assert abs(pace.gap - 1 / speed) <= jitter / speed + 1e-9
    assert Latency(first, speed).pace(seed) == Pace(first, 1 / speed)
    assert Pace(1.0, 0.5).due(4) == 3.0


# -- on the wire -------------------------------------------------------------------------------------------------


def test_headers_of_an_admitted_call() -> None:
    """Every reply to an admitted call says how the limits stand, and every reply says who answered."""
    with running(Emulator(models=[BIG], limits=RateLimits(500, 200_000), clock=Clock())) as client:
        headers = call(client, max_tokens=900).headers
        assert headers["x-ratelimit-limit-requests"] == "500"
        assert headers["x-ratelimit-remaining-requests"] == "499"
        assert headers["x-ratelimit-reset-requests"] == "120ms"
        assert headers["x-ratelimit-limit-tokens"] == "200000"
        assert headers["x-ratelimit-remaining-tokens"] == "199000"
        assert headers["x-ratelimit-reset-tokens"] == "300ms"
        for reply in (headers, client.get("/models").headers, client.get("/nothing").headers):
            assert re.fullmatch(r"req_[0-9a-f]{32}", reply["x-request-id"])
            assert reply["openai-processing-ms"].isdigit()
            assert reply["openai-organization"] == "org-emulated"
            assert reply["openai-version"] == "2020-10-01"


def test_charge_of_a_call() -> None:
    """A call is charged a quarter of its characters and n times its maximum, 16 when it states none."""
    with running(Emulator(models=[BIG], limits=RateLimits(tokens_per_minute=10_000), clock=Clock())) as client:
        remaining = 10_000
        for settings, charged in (
            ({}, 116),
            ({"max_tokens": 500}, 600),
            ({"n": 3, "max_completion_tokens": 500}, 1_600),
            ({"stream": True}, 116),
        ):
            remaining -= charged
            reply = call(client, **settings)
            assert reply.headers["x-ratelimit-remaining-tokens"] == str(remaining)
            assert "x-ratelimit-limit-requests" not in reply.headers


def test_rate_limit_of_tokens() -> None:
    """A call beyond the tokens left is refused in the API's words, costs no tokens, and succeeds when told to."""
    clock = Clock()
    with running(Emulator(models=[BIG], limits=RateLimits(500, 200_000), clock=clock)) as client:
        assert call(client, max_tokens=199_900).status_code == 200
        reply = call(client, max_tokens=5_670)
        assert reply.status_code == 429
        assert reply.json()["error"] == {
            "message": "Rate limit reached for emulated-mini in organization org-emulated on tokens per min (TPM): "
            "Limit 200000, Used 200000, Requested 5770. Please try again in 1.731s.",
            "type": "tokens",
            "param": None,
            "code": "rate_limit_exceeded",
        }
        assert reply.headers["retry-after"] == "2"
        assert reply.headers["retry-after-ms"] == "1731"
        assert reply.headers["x-ratelimit-remaining-tokens"] == "0"
        assert reply.headers["x-ratelimit-reset-tokens"] == "1m0s"
        assert reply.headers["x-ratelimit-remaining-requests"] == "498"
        clock.now += 1.730
        assert call(client, max_tokens=5_670).status_code == 429
        clock.now += 0.001
        assert call(client, max_tokens=5_670).status_code == 200


def test_request_that_can_never_fit() -> None:
    """A call larger than the limit is a 429 without advice on when to try again."""
    with running(Emulator(models=[BIG], limits=RateLimits(tokens_per_minute=30_000))) as client:
        reply = call(client, max_tokens=46_145)
        assert reply.status_code == 429
        error = reply.json()["error"]
        assert error["message"].startswith(
            "Request too large for emulated-mini in organization org-emulated on tokens per min (TPM): Limit 30000, "
            "Requested 46245."
        )
        assert (error["type"], error["code"]) == ("tokens", "rate_limit_exceeded")
        assert "retry-after" not in reply.headers


def test_limits_are_per_key_and_model() -> None:
    """Each key has its own limit for each model, and a model's two names share one."""
    limits = RateLimits(requests_per_minute=1)
    with running(Emulator(models=[BIG, Model("other")], limits=limits, clock=Clock())) as client:
        assert call(client).status_code == 200
        assert call(client, model="emulated-mini-2026-11-01").status_code == 429
        assert call(client, model="other").status_code == 200
        assert call(client, key="sk-two").status_code == 200


def test_limits_by_model() -> None:
    """A mapping limits the models that it names and no other."""
    limits = {"other": RateLimits(requests_per_minute=1)}
    with running(Emulator(models=[BIG, Model("other")], limits=limits, clock=Clock())) as client:
        assert [call(client).status_code for _ in range(3)] == [200] * 3
        assert [call(client, model="other").status_code for _ in range(2)] == [200, 429]


@pytest.mark.parametrize("code", ["insufficient_quota", "credit_balance_exhausted"])
def test_drained_key(code: str) -> None:
    """A drained key gets 429 insufficient_quota with the chosen code until it is refilled; others go on."""
    emulator = Emulator(models=[BIG])
    with running(emulator) as client:
        emulator.drain("sk-one", code)
        reply = call(client)
        assert reply.status_code == 429
        error = reply.json()["error"]
        assert (error["type"], error["code"]) == ("insufficient_quota", code)
        assert "retry-after" not in reply.headers
        assert call(client, key="sk-two").status_code == 200
        emulator.refill("sk-one")
        assert call(client).status_code == 200


def test_faults_follow_the_number_of_the_request() -> None:
    """Injected failures are the same in every run, come at about their rate, and can be switched off."""
    faults = Faults(rate=0.2, statuses=(500, 503, 429), seed=7)
    emulator = Emulator(models=[BIG], faults=faults)
    with running(emulator) as client:
        seen = [client.get("/models").status_code for _ in range(100)]
        assert seen == [faults.status(number) or 200 for number in range(1, 101)]
        assert set(seen) == {200, 500, 503, 429}
        emulator.faults = Faults(rate=1, statuses=(503,))
        assert client.get("/models").json()["error"]["code"] == "server_is_overloaded"
        emulator.faults = Faults()
        assert client.get("/models").status_code == 200
    share = sum(faults.status(number) is not None for number in range(10_000)) / 10_000
    assert 0.17 < share < 0.23
