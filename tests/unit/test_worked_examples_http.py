"""HTTP of the service as it was written down once, replayed: headers (D7), bodies without JSON (D8), errors (D9)."""

from __future__ import annotations

import json
from typing import Any

import pytest

from openai_async import (
    APIError,
    APIStatusError,
    AsyncClient,
    AuthenticationError,
    BadRequestError,
    Binary,
    ConflictError,
    DeadlineExceededError,
    DecodeError,
    InternalServerError,
    NotFoundError,
    PermissionDeniedError,
    RateLimitError,
)
from openai_async.testing import FaultServer, json_reply, respond, sse

MESSAGES: Any = [{"role": "user", "content": "Hello!"}]
COMPLETION = {"id": "c-1", "choices": [{"index": 0, "message": {"role": "assistant", "content": "Hi."}}]}
CHUNK = {"id": "c-1", "choices": [{"index": 0, "delta": {"content": "Hi"}}]}
HEADERS = {
    "openai-model": "gpt-3.5-turbo-0613",
    "openai-organization": "user-1",
    "openai-processing-ms": "865",
    "openai-version": "2020-10-01",
    "x-request-id": "5f0b3ea4",
    "x-ratelimit-limit-requests": "200",
    "x-ratelimit-limit-tokens": "40000",
    "x-ratelimit-remaining-requests": "21",
    "x-ratelimit-remaining-tokens": "39973",
    "x-ratelimit-reset-requests": "21h26m17.041s",
    "x-ratelimit-reset-tokens": "40ms",
}


async def ask(server: FaultServer, **options: Any) -> Any:
    async with AsyncClient(api_key="k", base_url=server.base_url) as client:
        return await client.chat.completions.create(model="m", messages=MESSAGES, **options)


def check_headers(said: Any, limits: Any) -> None:
    """Numbers are numbers, and durations seconds."""
    assert (said.processing_ms, said.organization, said.version) == (865.0, "user-1", "2020-10-01")
    assert (said.model, said.request_id) == ("gpt-3.5-turbo-0613", "5f0b3ea4")
    assert (limits.requests.limit, limits.requests.remaining) == (200, 21)
    assert (limits.tokens.limit, limits.tokens.remaining) == (40_000, 39_973)
    assert limits.requests.reset == pytest.approx(77_177.041)
    assert limits.tokens.reset == pytest.approx(0.04)


async def test_d7_headers_of_a_reply_a_stream_and_an_error() -> None:
    """All of them say what the headers said."""
    refusal = json_reply({"error": {"message": "no"}}, 401, HEADERS)
    with FaultServer([json_reply(COMPLETION, 200, HEADERS), sse([CHUNK, "[DONE]"], 200, HEADERS), refusal]) as server:
        reply = await ask(server)
        check_headers(reply.meta, reply.rate_limits)
        async with AsyncClient(api_key="k", base_url=server.base_url) as client:
            async with client.chat.completions.stream(model="m", messages=MESSAGES) as stream:
                check_headers(stream.meta, stream.rate_limits)
                whole = await stream.final()
            check_headers(whole.meta, whole.rate_limits)
        with pytest.raises(AuthenticationError) as caught:
            await ask(server)
    check_headers(caught.value, caught.value.rate_limits)


async def test_d8_bodies_that_are_no_json() -> None:
    """Nothing, and plain text, are what they are where no JSON belongs, and a typed error where it does."""
    text = respond(200, b"1\n00:00 --> 00:01\nHi.\n", {"content-type": "text/plain"})
    with FaultServer([respond(204, b""), respond(204, b""), text, text, text]) as server:
        async with AsyncClient(api_key="k", base_url=server.base_url) as client:
            assert (await client.delete("/things/1")).to_dict() == {}
            assert await client.delete("/things/1", cast_to=bytes) == b""
            assert (await client.get("/things/1", cast_to=Binary)).content.endswith(b"Hi.\n")
            assert (await client.files.content("file-1")).text.endswith("Hi.\n")
            with pytest.raises(DecodeError, match="not JSON"):
                await client.chat.completions.create(model="m", messages=MESSAGES, max_retries=0)


STATUSES: dict[int, type[APIStatusError]] = {
    400: BadRequestError,
    401: AuthenticationError,
    403: PermissionDeniedError,
    404: NotFoundError,
    409: ConflictError,
    415: APIStatusError,
    418: APIStatusError,
    429: RateLimitError,
    500: InternalServerError,
}


@pytest.mark.parametrize(("status", "kind"), STATUSES.items())
async def test_d9_each_status_has_its_exception(status: int, kind: type[APIStatusError]) -> None:
    """A class of its own for what code tells apart, and the status itself for the rest."""
    refusal = json_reply({"error": {"message": "why"}}, status)
    with FaultServer([refusal]) as server, pytest.raises(APIError, match="why") as caught:
        await ask(server, max_retries=0)
    assert type(caught.value) is kind
    assert caught.value.status_code == status


async def test_d9_a_conflict_is_tried_again_while_there_is_time() -> None:
    """409 passes with time; the deadline ends it, whatever the number of retries."""
    busy = json_reply({"error": {"message": "locked"}}, 409, {"retry-after-ms": "1"})
    with FaultServer([busy, busy, json_reply(COMPLETION)]) as server:
        assert (await ask(server)).text == "Hi."
        assert len(server.requests) == 3
    with FaultServer([json_reply({"error": {"message": "locked"}}, 409, {"retry-after": "30"})]) as server:
        with pytest.raises((ConflictError, DeadlineExceededError)):
            await ask(server, deadline=1, max_retries=100)
        assert len(server.requests) == 1


async def test_d9_an_error_midway_says_that_it_came_inside_a_stream() -> None:
    """The status was 200 then, and the text so far is kept."""
    error = {"error": {"message": "overloaded", "type": "server_error"}}
    laid_out = json.dumps(error, indent=2).encode() + b"\n\n"
    with FaultServer([sse([CHUNK, error]), sse([CHUNK, laid_out])]) as server:
        async with AsyncClient(api_key="k", base_url=server.base_url) as client:
            for _ in range(2):
                async with client.chat.completions.stream(model="m", messages=MESSAGES) as stream:
                    with pytest.raises(InternalServerError, match=r"overloaded \(inside the stream\)") as caught:
                        await stream.final()
                assert caught.value.partial.text == "Hi"
