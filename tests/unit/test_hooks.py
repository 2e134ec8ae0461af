"""Hooks are told of every call, and change nothing."""

from __future__ import annotations

import logging
from typing import Any

import pytest

from openai_async import AsyncClient, BadRequestError, CallEvent
from openai_async._limits import accounting
from openai_async.testing import FaultServer, json_reply, sse

SECRET = "canary-4711"
CALL: Any = {"model": "m", "messages": [{"role": "user", "content": SECRET}]}
USAGE = {"prompt_tokens": 5, "completion_tokens": 2, "total_tokens": 7}
REPLY = {
    "id": "c1",
    "object": "chat.completion",
    "created": 1,
    "model": "m",
    "choices": [{"index": 0, "message": {"role": "assistant", "content": SECRET}, "finish_reason": "stop"}],
    "usage": USAGE,
}
CHUNK = {"id": "c1", "model": "m", "choices": [{"index": 0, "delta": {"content": SECRET}, "finish_reason": "stop"}]}
ERROR = {"error": {"message": "no"}}


def client_of(server: FaultServer, hook: Any, **settings: Any) -> AsyncClient:
    return AsyncClient(api_key=SECRET, base_url=server.base_url, hooks=[hook], prices={"m": (1.0, 1.0)}, **settings)


async def test_a_call_with_a_retry_tells_each_attempt() -> None:
    """Begun, each attempt, ended with tokens and cost; nothing shows the key, the prompt or the reply."""
    events: list[CallEvent] = []
    replies = [json_reply(ERROR, status=503), json_reply(REPLY)]
    with FaultServer(lambda request: replies.pop(0)) as server:
        async with client_of(server, events.append) as client:
            await client.chat.completions.create(**CALL)
    assert [event.kind for event in events] == ["request_begun", "attempt_ended", "attempt_ended", "call_ended"]
    assert [event.status for event in events] == [None, 503, 200, 200]
    assert events[1].error == "InternalServerError"
    assert (events[-1].tokens, events[-1].cost, events[-1].model) == (7, 7e-6, "m")
    assert len(events[-1].attempts) == 2
    assert events[-1].waited > 0.0
    assert SECRET not in repr(events)


async def test_a_call_that_fails_ends_with_its_error() -> None:
    """The last event names the class of the error that the caller gets."""
    events: list[CallEvent] = []
    with FaultServer([json_reply(ERROR, status=400)]) as server:
        async with client_of(server, events.append, max_retries=0) as client:
            with pytest.raises(BadRequestError):
                await client.chat.completions.create(**CALL)
    assert [(event.kind, event.error) for event in events[1:]] == [
        ("attempt_ended", "BadRequestError"),
        ("call_ended", "BadRequestError"),
    ]


async def test_a_stream_ends_once_with_its_usage() -> None:
    """The call of a stream is over when the stream is."""
    events: list[CallEvent] = []
    usage = {"id": "c1", "model": "m", "choices": [], "usage": USAGE}
    with FaultServer([sse([CHUNK, usage, "[DONE]"])]) as server:
        async with client_of(server, events.append) as client, client.chat.completions.stream(**CALL) as stream:
            assert [event.kind for event in events] == ["request_begun", "attempt_ended"]
            await stream.final()
    assert [event.kind for event in events[2:]] == ["stream_ended", "call_ended"]
    assert (events[-1].tokens, events[-1].cost) == (7, 7e-6)


async def test_a_hook_that_raises_changes_nothing(
    caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each call is answered; the failure is logged once, without its text."""

    monkeypatch.setattr(accounting, "_logged", set[tuple[str, str]]())

    def fail(event: CallEvent) -> None:
        raise LookupError(SECRET)

    with FaultServer([json_reply(REPLY)]) as server, caplog.at_level(logging.WARNING, "openai_async"):
        async with client_of(server, fail) as client:
            for _ in range(3):
                assert (await client.chat.completions.create(**CALL)).text == SECRET
    assert len(caplog.records) == 1
    assert SECRET not in caplog.text
