"""What is sent again, how often and after how long, against a real server.

Nothing here waits for a backoff: it is set to zero, and delays that servers ask for are a few milliseconds, or so long
that waiting for them would end the test by its timeout.
"""

from __future__ import annotations

import email.utils
import pickle
import time
from typing import Any

import pytest

from openai_async.errors import (
    APIError,
    APIStatusError,
    AuthenticationError,
    BadRequestError,
    DeadlineExceededError,
    DecodeError,
    InternalServerError,
    NotFoundError,
    PermissionDeniedError,
    QuotaExhaustedError,
    RateLimitError,
    RequestExceedsLimitError,
    RequestTooLargeError,
    UnprocessableEntityError,
)
from openai_async.testing import FaultServer, Rst, Script, Send, Stall, respond

from .conftest import MakeClient
from .replies import CALL, TEXT, error_reply, ok

pytestmark = pytest.mark.usefixtures("no_backoff")


def outcomes(holder: Any) -> list[str]:
    return [attempt.outcome for attempt in holder.attempts]


# What is tried again --------------------------------------------------------------------------------


@pytest.mark.parametrize("status", [408, 409, 425, 429, 500, 502, 503, 504, 529, 599])
async def test_a_passing_failure_is_tried_again(status: int, make_client: MakeClient) -> None:
    """A status that may pass is followed by another attempt; the reply records both."""
    with FaultServer([error_reply(status), ok()]) as server:
        async with make_client(server.base_url, max_retries=2) as client:
            reply = await client.chat.completions.create(**CALL)
    first, second = reply.attempts
    assert reply.text == TEXT
    assert len(server.requests) == 2
    assert server.requests[0].body == server.requests[1].body
    assert (first.number, first.status, second.number, second.status) == (1, status, 2, 200)
    assert first.retry_delay == 0.0
    assert first.error is not None
    assert (second.outcome, second.error, second.retry_delay) == ("completed", None, None)
    assert first.outcome == ("ambiguous" if status in (500, 502, 504, 599) else "rejected")


@pytest.mark.parametrize(
    ("status", "wanted"),
    [
        (400, BadRequestError),
        (401, AuthenticationError),
        (403, PermissionDeniedError),
        (404, NotFoundError),
        (405, APIStatusError),
        (413, RequestTooLargeError),
        (422, UnprocessableEntityError),
        (451, APIStatusError),
    ],
)
async def test_a_lasting_failure_is_not_tried_again(
    status: int, wanted: type[APIStatusError], make_client: MakeClient
) -> None:
    """What would end the same way is sent once."""
    with FaultServer([error_reply(status, {"x-request-id": "r9"}), ok()]) as server:
        async with make_client(server.base_url, max_retries=2) as client:
            with pytest.raises(wanted) as caught:
                await client.chat.completions.create(**CALL)
    error = caught.value
    assert type(error) is wanted
    assert len(server.requests) == 1
    assert (error.status_code, error.request_id, error.possibly_billed) == (status, "r9", False)
    assert [(a.outcome, a.status, a.error, a.retry_delay) for a in error.attempts] == [
        ("rejected", status, wanted.__name__, None)
    ]


@pytest.mark.parametrize("field", ["code", "type"])
@pytest.mark.parametrize(
    "spelling",
    [
        "insufficient_quota",
        "credit_balance_exhausted",
        "organization_spend_limit_exceeded",
        "project_spend_limit_exceeded",
        "organization_usage_limit_exceeded",
    ],
)
async def test_a_drained_account_is_asked_once(spelling: str, field: str, make_client: MakeClient) -> None:
    """A 429 that waiting does not cure is no RateLimitError and is not tried again, in any of its spellings."""
    with FaultServer([error_reply(429, {"retry-after-ms": "1"}, **{field: spelling})]) as server:
        async with make_client(server.base_url, max_retries=5) as client:
            with pytest.raises(QuotaExhaustedError) as caught:
                await client.chat.completions.create(**CALL)
    assert not isinstance(caught.value, RateLimitError)
    assert len(server.requests) == len(caught.value.attempts) == 1


async def test_a_request_over_the_limit_itself_is_sent_once(make_client: MakeClient) -> None:
    """A request that is larger than the rate limit can never pass: no second attempt."""
    message = "Request too large for m in organization o on tokens per min (TPM): Limit 10, Requested 20."
    script = error_reply(429, message=message, type="tokens", code="rate_limit_exceeded")
    with FaultServer([script]) as server:
        async with make_client(server.base_url, max_retries=5) as client:
            with pytest.raises(RequestExceedsLimitError):
                await client.chat.completions.create(**CALL)
    assert len(server.requests) == 1


@pytest.mark.parametrize(
    ("status", "word", "requests"),
    [(500, "false", 1), (429, "False", 1), (400, "true", 3), (422, "TRUE", 3), (500, "perhaps", 3), (400, "", 1)],
)
async def test_the_servers_own_word_on_retrying_wins(
    status: int, word: str, requests: int, make_client: MakeClient
) -> None:
    """`x-should-retry` decides over the status, if it says true or false."""
    with FaultServer([error_reply(status, {"x-should-retry": word})]) as server:
        async with make_client(server.base_url, max_retries=2) as client:
            with pytest.raises(APIStatusError):
                await client.chat.completions.create(**CALL)
    assert len(server.requests) == requests


async def test_the_servers_word_does_not_revive_a_drained_account(make_client: MakeClient) -> None:
    """`x-should-retry: true` beside a drained account is not believed."""
    with FaultServer([error_reply(429, {"x-should-retry": "true"}, code="insufficient_quota")]) as server:
        async with make_client(server.base_url, max_retries=2) as client:
            with pytest.raises(QuotaExhaustedError):
                await client.chat.completions.create(**CALL)
    assert len(server.requests) == 1


# How often ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("max_retries", [0, 1, 4])
async def test_attempts_are_bounded_and_recorded(max_retries: int, make_client: MakeClient) -> None:
    """`max_retries` more attempts after the first, each of them on the error; the call's setting wins."""
    with FaultServer([error_reply(500)]) as server:
        async with make_client(server.base_url, max_retries=7) as client:
            with pytest.raises(InternalServerError) as caught:
                await client.chat.completions.create(**CALL, max_retries=max_retries)
    attempts = caught.value.attempts
    assert [attempt.number for attempt in attempts] == list(range(1, max_retries + 2))
    assert [attempt.retry_delay for attempt in attempts] == [0.0] * max_retries + [None]
    assert len(server.requests) == max_retries + 1
    assert caught.value.possibly_billed


@pytest.mark.parametrize("body", [b"{", b"<html>", b"null", b"", b'{"id": "c1"}'])
@pytest.mark.parametrize("framing", ["length", "chunked"])
async def test_a_whole_body_that_cannot_be_read_is_not_paid_for_again(
    body: bytes, framing: Any, make_client: MakeClient
) -> None:
    """A 200 whose body has come to its stated end was paid for: to ask again would be to pay again."""
    with FaultServer([respond(body=body, framing=framing), *[error_reply(500)] * 2]) as server:
        async with make_client(server.base_url, max_retries=2) as client:
            with pytest.raises(DecodeError) as caught:
                await client.chat.completions.create(**CALL)
    assert outcomes(caught.value) == ["completed"]
    assert caught.value.complete
    assert caught.value.possibly_billed
    assert len(server.requests) == 1


@pytest.mark.parametrize("body", [b"{", b"<html>", b"null", b""])
async def test_a_bad_body_that_may_have_been_cut_is_asked_for_again_within_the_bound(
    body: bytes, make_client: MakeClient
) -> None:
    """A body that ends with the connection may lack its rest: it is tried again, and counted as possibly billed."""
    with FaultServer([respond(body=body, framing="close")]) as server:
        async with make_client(server.base_url, max_retries=2) as client:
            with pytest.raises(DecodeError) as caught:
                await client.chat.completions.create(**CALL)
    assert outcomes(caught.value) == ["ambiguous"] * 3
    assert caught.value.possibly_billed
    assert len(server.requests) == 3


MIXES: dict[str, list[Script]] = {
    "429 that state nothing": [error_reply(429)],
    "429 with Retry-After: 0": [error_reply(429, {"retry-after": "0"})],
    "429 that state limits": [error_reply(429, {"x-ratelimit-limit-requests": "600", "retry-after-ms": "1"})],
    "429, 503, reset": [error_reply(429), error_reply(503), (Rst(),)],
    "reset, 429, 500": [(Rst(),), error_reply(429), error_reply(500)],
    "408, 409, 529": [error_reply(408), error_reply(409), error_reply(529)],
}


@pytest.mark.parametrize("settings", [{}, {"rate_limit": 1_000}, {"rate_limit": None}], ids=["auto", "stated", "none"])
@pytest.mark.parametrize("mix", MIXES)
async def test_max_retries_binds_in_every_mix(mix: str, settings: dict[str, Any], make_client: MakeClient) -> None:
    """One more attempt than `max_retries`, whatever the errors are and whoever holds the call back meanwhile."""
    scripts = MIXES[mix]
    with FaultServer([scripts[number % len(scripts)] for number in range(60)]) as server:
        async with make_client(server.base_url, max_retries=3, **settings) as client:
            with pytest.raises(APIError) as caught:
                await client.chat.completions.create(**CALL)
            assert len(server.requests) == len(caught.value.attempts) == 4
            assert caught.value.retries_ended == "max_retries"
            with pytest.raises(APIError) as caught:
                await client.chat.completions.create(**CALL, max_retries=1)
            assert len(server.requests) == 6


async def test_a_key_that_is_set_aside_costs_no_retry(make_client: MakeClient) -> None:
    """Each key is found to be of no use at most once: so many more attempts than `max_retries` allows."""
    drained = error_reply(429, code="insufficient_quota")
    with FaultServer([drained, error_reply(500), drained, error_reply(500), ok()]) as server:
        async with make_client(server.base_url, max_retries=1, api_key=["k1", "k2", "k3"]) as client:
            with pytest.raises(InternalServerError) as caught:
                await client.chat.completions.create(**CALL)
    assert [attempt.status for attempt in caught.value.attempts] == [429, 500, 429, 500]
    assert caught.value.retries_ended == "max_retries"


@pytest.mark.parametrize(
    ("script", "settings", "why", "words"),
    [
        (error_reply(503), {"max_retries": 2}, "max_retries", "3 attempts, no further attempt: max_retries"),
        (error_reply(503), {"max_retries": 0}, "max_retries", "no further attempt: max_retries"),
        (error_reply(503, {"retry-after": "9"}), {"max_retries": 2, "deadline": 5.0}, "deadline", "the deadline"),
        (error_reply(429, {"retry-after": "9"}), {"max_retries": 2, "deadline": 5.0}, "deadline", "the deadline"),
        (error_reply(429, {"retry-after": "121"}), {"max_retries": 2}, "retry_after", "to wait too long"),
        (error_reply(500, {"x-should-retry": "false"}), {"max_retries": 2}, "should_retry", "does not help"),
        (error_reply(404), {"max_retries": 2}, "lasting", None),
        (error_reply(429, code="insufficient_quota"), {"max_retries": 2}, "lasting", None),
    ],
)
async def test_an_error_says_why_it_was_not_followed_by_another_attempt(
    script: Script, settings: dict[str, Any], why: str, words: str | None, make_client: MakeClient
) -> None:
    """As a field, and in its text where there is something to say; also after pickling."""
    with FaultServer([script]) as server:
        async with make_client(server.base_url, **settings) as client:
            with pytest.raises(APIError) as caught:
                await client.chat.completions.create(**CALL)
    for error in (caught.value, pickle.loads(pickle.dumps(caught.value))):
        assert error.retries_ended == why
        assert words in str(error) if words else "no further attempt" not in str(error)


async def test_work_that_may_have_been_done_ends_the_retries_of_a_call_that_may_not_be_repeated(
    make_client: MakeClient,
) -> None:
    """A reset after a job was asked for: not sent again, and the error says that this is why."""
    with FaultServer([(Rst(),)]) as server:
        async with make_client(server.base_url, max_retries=2) as client:
            with pytest.raises(APIError) as caught:
                await client.batches.create(
                    input_file_id="file-1", endpoint="/v1/chat/completions", completion_window="24h"
                )
    assert (len(server.requests), caught.value.retries_ended) == (1, "ambiguous")


# After how long -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("headers", "delay"),
    [
        ({"retry-after-ms": "20"}, 0.02),
        ({"retry-after-ms": "20", "retry-after": "60"}, 0.02),
        ({"retry-after": "0.02"}, 0.02),
        ({"retry-after": "0"}, 0.0),
        ({"retry-after": "Wed, 21 Oct 2015 07:28:00 GMT"}, 0.0),
        ({"retry-after": "Wednesday, 21-Oct-15 07:28:00 GMT"}, 0.0),
        ({"retry-after-ms": "-5", "retry-after": "0.02"}, 0.02),
        ({"retry-after-ms": "nan", "retry-after": "0.02"}, 0.02),
    ],
)
async def test_the_servers_delay_is_kept(headers: dict[str, str], delay: float, make_client: MakeClient) -> None:
    """`retry-after-ms`, `retry-after` in seconds, or a date: never less than asked for, at most a tenth more."""
    with FaultServer([error_reply(429, headers), ok()]) as server:
        async with make_client(server.base_url, max_retries=1) as client:
            reply = await client.chat.completions.create(**CALL)
    waited = reply.attempts[0].retry_delay
    assert waited is not None
    assert delay <= waited <= 1.1 * delay


@pytest.mark.parametrize(
    "text",
    ["inf", "-inf", "nan", "-1", "1e999", "9" * 400, "soon", "", "0x10", "1;2", "Wed, 99 Foo 2015", "\xff", "٣"],
)
@pytest.mark.parametrize("name", ["retry-after", "retry-after-ms"])
async def test_a_nonsense_delay_is_no_delay(name: str, text: str, make_client: MakeClient) -> None:
    """What is no duration is ignored: the retry follows by the client's own backoff."""
    head = f"HTTP/1.1 503 No\r\n{name}: {text}\r\ncontent-length: 0\r\n\r\n".encode()
    with FaultServer([(Send(head),), ok()]) as server:
        async with make_client(server.base_url, max_retries=1) as client:
            reply = await client.chat.completions.create(**CALL)
    assert reply.attempts[0].retry_delay == 0.0


@pytest.mark.parametrize("headers", [{"retry-after": "121"}, {"retry-after-ms": "3600000"}, {"retry-after": "@later"}])
async def test_a_delay_over_the_bound_is_not_waited_for(headers: dict[str, str], make_client: MakeClient) -> None:
    """More than 120 s is for the caller to decide: the error comes at once and says how long to wait."""
    later = email.utils.formatdate(time.time() + 3_600, usegmt=True)
    headers = {name: later if value == "@later" else value for name, value in headers.items()}
    with FaultServer([error_reply(429, headers), ok()]) as server:
        async with make_client(server.base_url, max_retries=2) as client:
            with pytest.raises(RateLimitError) as caught:
                await client.chat.completions.create(**CALL)
    assert len(server.requests) == 1
    assert caught.value.retry_after is not None
    assert caught.value.retry_after > 120


async def test_a_wait_past_the_deadline_is_not_begun(make_client: MakeClient) -> None:
    """A retry that could only start after the deadline is not waited for: the last error comes at once."""
    with FaultServer([error_reply(503, {"retry-after": "100"}), ok()]) as server:
        async with make_client(server.base_url, max_retries=2, deadline=50.0) as client:
            with pytest.raises(InternalServerError) as caught:
                await client.chat.completions.create(**CALL)
    assert len(server.requests) == 1
    assert caught.value.retry_after == 100.0


async def test_the_deadline_covers_all_attempts(make_client: MakeClient) -> None:
    """Endless quick failures, and retries without number, end by the deadline of the call."""
    with FaultServer([error_reply(503, {"retry-after-ms": "5"})] * 3 + [(Stall(),)]) as server:
        async with make_client(server.base_url, max_retries=1_000_000, deadline=0.4) as client:
            with pytest.raises(DeadlineExceededError) as caught:
                await client.chat.completions.create(**CALL)
    assert outcomes(caught.value) == ["rejected"] * 3 + ["ambiguous"]
