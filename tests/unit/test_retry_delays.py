"""How long to wait is read wherever servers say it, and nowhere else."""

from __future__ import annotations

import email.utils
import json
import math
import re
from typing import Any

import pytest
from hypothesis import given, strategies as st

from openai_async import AsyncClient, RateLimitError, _concurrency
from openai_async._wire import error_responses, retry_delays
from openai_async.testing import FaultServer, json_reply
from openai_async.types.meta import Meta, ReplyHeaders

#: Epoch seconds at which the replies arrive by our clock, and at which they were made by their server's.
OURS = 1_800_000_000.0
THEIRS = OURS - 3_600
DATE = email.utils.formatdate(THEIRS, usegmt=True)
CALL: dict[str, Any] = {"model": "m", "messages": [{"role": "user", "content": "Hi"}]}


def delay(body: object = None, status: int = 429, **headers: str) -> float | None:
    """What an error answer with this body asks to wait; `retry_after="5"` is the header retry-after."""
    raw = [(name.replace("_", "-").encode(), value.encode()) for name, value in headers.items()]
    sent = body.encode() if isinstance(body, str) else b"" if body is None else json.dumps(body).encode()
    return error_responses.from_response(Meta(status, ReplyHeaders(raw), received=OURS), sent, secrets=[]).retry_after


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({"retry_after": "2"}, 2.0),
        ({"retry_after": "1.25"}, 1.25),
        ({"retry_after": "300ms"}, 0.3),
        ({"retry_after": "1.5s"}, 1.5),
        ({"retry_after": "1m30s"}, 90.0),
        ({"retry_after": "2h"}, 7_200.0),
        ({"retry_after": email.utils.formatdate(OURS + 7, usegmt=True)}, 7.0),
        ({"retry_after": email.utils.formatdate(THEIRS + 7, usegmt=True), "date": DATE}, 7.0),
        ({"retry_after": email.utils.formatdate(THEIRS - 7, usegmt=True), "date": DATE}, 0.0),
        ({"retry_after": "2027-01-15T08:00:07Z"}, 7.0),
        ({"retry_after": str(int(THEIRS) + 7), "date": DATE}, 7.0),
        ({"retry_after": str(int(OURS * 1_000) + 7_500)}, 7.5),
        ({"retry_after_ms": "250", "retry_after": "9"}, 0.25),
        ({"x_ms_retry_after_ms": "250"}, 0.25),
        ({"x_retry_after": "4"}, 4.0),
        ({"x_retry_after_ms": "40"}, 0.04),
        ({"x_ratelimit_retry_after": "4"}, 4.0),
        ({"x_rate_limit_retry_after_seconds": "4"}, 4.0),
        ({"x_ratelimit_reset_after": "0.65"}, 0.65),
        ({"retry_after": "soon", "x_retry_after": "4"}, 4.0),
        ({"retry_after": "-3"}, None),
        ({"retry_after": "87600h"}, None),
        ({"retry_after": "99999999999"}, None),
        ({"retry_after": "5e8"}, None),
        ({"retry_after": "nan"}, None),
        ({"retry_after": "99"  * 40}, None),
        ({"x_ratelimit_remaining_requests": "0", "x_ratelimit_reset_requests": "6s"}, None),
        ({"x_ratelimit_limit": "10", "x_ratelimit_remaining": "0", "x_ratelimit_reset": "6"}, 6.0),
        ({"x_ratelimit_limit": "10", "x_ratelimit_remaining": "0", "x_ratelimit_reset": str(int(OURS) + 6)}, 6.0),
        ({"x_ratelimit_limit": "10", "x_ratelimit_remaining": "3", "x_ratelimit_reset": "6"}, None),
        ({"ratelimit": '"default";r=0;t=6', "ratelimit_policy": '"default";q=10;w=60'}, 6.0),
    ],
    ids=str,
)  # fmt: skip
def test_a_header_says_when(headers: dict[str, str], seconds: float | None) -> None:
    """Seconds, durations, dates by the reply's own clock; the end of a used-up window, and no bucket's reset."""
    assert delay(**headers) == (None if seconds is None else pytest.approx(seconds, abs=1e-5))


def google(delay: str) -> dict[str, Any]:
    details = [{"@type": "type.googleapis.com/google.rpc.QuotaFailure", "violations": [{"quotaId": "PerMinute"}]}]
    info = {"@type": "type.googleapis.com/google.rpc.RetryInfo", "retryDelay": delay}
    return {"error": {"code": 429, "message": "Quota exceeded", "status": "EXHAUSTED", "details": [*details, info]}}


@pytest.mark.parametrize(
    ("body", "seconds"),
    [
        (google("34s"), 34.0),
        (google("0.5s"), 0.5),
        ([google("34.074824224s")], 34.074824224),
        ({"error": {"message": "m", "details": [{"retryDelay": {"seconds": 3, "nanos": 0}}]}}, 3.0),
        ({"error": {"message": "m", "retry_after": 2.5}}, 2.5),
        ({"error": {"message": "m", "retry_after": "2.5"}}, 2.5),
        ({"error": {"message": "m", "retryAfterMs": 250}}, 0.25),
        ({"error": {"message": "m"}, "retry_after": 4}, 4.0),
        ({"message": "m", "retry_after_seconds": 4}, 4.0),
        ({"detail": {"message": "m", "retry-after": "4s"}}, 4.0),
        ({"error": {"message": "m", "resets_in_seconds": 12}}, 12.0),
        ({"error": {"message": "m", "resets_at": OURS + 12}}, 12.0),
        ({"error": {"message": "m", "metadata": {"headers": {"X-RateLimit-Reset": "1800000005000"}}}}, 5.0),
        ({"error": {"message": "m", "reset_at": "2027-01-15T08:00:30.000Z"}}, 30.0),
        ({"error": {"message": "m", "retry_after": True}}, None),
        ({"error": {"message": "m", "retry_after": -1}}, None),
        ({"error": {"message": "m", "retry_after": 1e300}}, None),
        ({"error": {"message": "m", "retry_after": "a while"}}, None),
        ({"error": {"message": "m", "retry_after": [5]}}, None),
    ],
    ids=str,
)  # fmt: skip
def test_a_body_says_when(body: object, seconds: float | None) -> None:
    """In the error, beside it or below it; as Google, OpenRouter, gateways and the API itself write it."""
    assert delay(body) == (None if seconds is None else pytest.approx(seconds))
    assert delay(body, retry_after="9") == 9.0


@pytest.mark.parametrize(
    ("message", "seconds"),
    [
        ("Rate limit reached for gpt-4o on tokens per min (TPM): Limit 30000. Please try again in 1.2s. Visit", 1.2),
        ("Please try again in 20ms.", 0.02),
        ("Please try again in 1m2s.", 62.0),
        ("Please try again in 6h3m.", 6 * 3_600 + 180.0),
        ("Please try again in 2m59.56s. Need more tokens?", 179.56),
        ("have exceeded token rate limit of your tier. Please retry after 6 seconds. Please go here", 6.0),
        ("Please retry after 1 second.", 1.0),
        ("Please retry in 12.5s.", 12.5),
        ("Please retry in 12.500338s.", 12.500338),
        ("Too many requests, please wait 10 seconds before retrying", 10.0),
        ("Wait for 3 minutes and 20 seconds", 200.0),
        ("Your limit resets in 1 day, 2 hours", 93_600.0),
        ("try again in about 2 hours", 7_200.0),
        ("Limit exceeded: retry after 2027-01-15T08:00:09Z", 9.0),
        ("your limit resets at 1800000011", 11.0),
        ("try again in a moment", None),
        ("please retry 3 times", None),
        ("Limit 30000, Used 29000, Requested 2000.", None),
        ("try again in 5 months", None),
        ("try again in 999999999 days", None),
    ],
)
def test_words_say_when(message: str, seconds: float | None) -> None:
    """As the API, Azure, Groq and Google word it; in the error's text, in plain text, and in FastAPI's detail."""
    wanted = None if seconds is None else pytest.approx(seconds)
    assert delay({"error": {"message": message}}) == wanted
    assert delay(message) == wanted
    assert delay({"detail": message}, status=503) == wanted
    assert delay({"error": {"message": message}}, status=400) is None
    long = "x" * 100_000 + " " + message
    assert delay({"error": {"message": long}}) == wanted


def test_an_error_inside_a_stream_says_when() -> None:
    """There is no header there; the fields and the words are the same."""
    event = {"code": 429, "message": "slow down, try again in 3s"}
    assert error_responses.from_event(event, request_id=None, secrets=[]).retry_after == 3.0
    event = {"code": 429, "message": "slow down", "retry_after": 2}
    assert error_responses.from_event(event, request_id=None, secrets=[]).retry_after == 2.0


@given(st.text() | st.from_regex(re.compile(r"(try again|retry|wait|resets?)( in| after| at)? [0-9.smhd :-]{0,60}")))
def test_any_words_are_read_or_absent(message: str) -> None:
    """A delay is a finite number of seconds, or nothing."""
    seconds = retry_delays.from_message(message, OURS)
    assert seconds is None or (math.isfinite(seconds) and seconds >= 0)


@pytest.mark.parametrize("piece", ["try again in ", "again in 1 s, and ", "retry after 1m", "wait ", "9" * 9 + "d "])
def test_long_words_take_no_time(piece: str) -> None:
    """A bounded part of a message is looked at, and no part of it again and again."""
    seconds = retry_delays.from_message(piece * 100_000, OURS)
    assert seconds is None or seconds <= 5 * 60


async def test_a_call_waits_as_long_as_the_body_says() -> None:
    """A refusal whose delay stands in its message alone is tried again after that delay, not before."""
    reply = {
        "id": "c",
        "object": "chat.completion",
        "created": 1,
        "model": "m",
        "choices": [{"index": 0, "message": {"role": "assistant", "content": "Hi"}, "finish_reason": "stop"}],
    }
    refusal = {"error": {"message": "Rate limit reached. Please try again in 300ms.", "type": "requests"}}
    with FaultServer([json_reply(refusal, status=429), json_reply(reply)]) as server:
        async with AsyncClient(api_key="k", base_url=server.base_url, max_retries=1) as client:
            begun = _concurrency.now()
            answer = await client.chat.completions.create(**CALL)
    assert _concurrency.now() - begun >= 0.3
    assert [attempt.error for attempt in answer.attempts] == [RateLimitError.__name__, None]
