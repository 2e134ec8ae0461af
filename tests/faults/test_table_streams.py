"""Events of operations without a class of their own: each is there, and what breaks off never passes for the end."""

from __future__ import annotations

from typing import Any

import pytest

from openai_async import AsyncClient, Client
from openai_async.errors import APIConnectionError, RateLimitError, StreamInterrupted
from openai_async.testing import FaultServer, Fin, Script, every_offset, json_reply, no_leaks, sse, wire
from openai_async.types.responses import Response

from .conftest import MakeClient

EVENTS: tuple[dict[str, Any], ...] = (
    {"type": "agent.session.turn.created", "turn": {"id": "t_1"}},
    {"type": "agent.session.message.delta", "delta": "Grüße"},
    {"type": "agent.session.turn.completed", "turn": {"id": "t_1", "status": "completed"}},
)
TYPES = [event["type"] for event in EVENTS]
RESPONSE: dict[str, Any] = {"id": "resp_1", "object": "response", "created_at": 5, "model": "m", "output": []}
RESPONDED: tuple[dict[str, Any], ...] = (
    {"type": "response.created", "response": {**RESPONSE, "status": "in_progress"}},
    {"type": "response.output_text.delta", "delta": "Grüße", "output_index": 0, "content_index": 0},
    {"type": "response.completed", "response": {**RESPONSE, "status": "completed"}},
)


async def test_a_feed_gives_its_events_and_ends_with_its_body(make_client: MakeClient) -> None:
    """Fields are attributes; the permit is back, and the connection goes on."""
    with FaultServer([sse(EVENTS)]) as server:
        async with no_leaks(), make_client(server.base_url) as client:
            for _ in range(2):
                stream = await client.beta.agents.sessions.events.stream("s_1")
                events = [event async for event in stream]
                assert [event.type for event in events] == TYPES
                assert events[2].turn.status == "completed"
                assert (await stream.final()) == events[2]
            assert client.statistics().in_flight == 0
        request = server.requests[0]
        assert server.accepted_connections == 1
    assert (request.method, request.target) == ("GET", "/v1/agents/sessions/s_1/events")
    assert "text/event-stream" in (request.header("accept") or "")


async def test_whatever_is_asked_for_events_gives_them(make_client: MakeClient) -> None:
    """`stream=True` is sent, and what comes is read as events."""
    with FaultServer([sse(EVENTS)]) as server:
        async with make_client(server.base_url) as client:
            stream = await client.beta.agents.sessions.create(environment={"type": "x"}, stream=True)
            assert [event.type async for event in stream] == TYPES
    assert server.requests[0].json() == {"environment": {"type": "x"}, "stream": True}


async def test_a_whole_object_is_the_only_event(make_client: MakeClient) -> None:
    """Of a server that does not stream, nothing is lost."""
    with FaultServer([json_reply({"id": "s_1", "status": "idle"})]) as server:
        async with make_client(server.base_url) as client:
            stream = await client.beta.agents.sessions.create(stream=True)
            assert [event.id async for event in stream] == ["s_1"]


async def read(client: AsyncClient, found: list[str]) -> None:
    """Note each event as it comes."""
    async for event in await client.beta.agents.sessions.events.stream("s_1"):
        found.append(event.type)  # noqa: PERF401 (what came before an error counts)


async def test_a_feed_that_is_cut_is_an_error_wherever_it_is_cut(make_client: MakeClient) -> None:
    """What came before is delivered, and the rest is never passed over in silence."""
    cuts = [cut.script for cut in every_offset(wire(sse(EVENTS, framing="chunked")), end=Fin(), step=5)]
    with FaultServer([*cuts]) as server:
        async with make_client(server.base_url, max_retries=0) as client:
            for _ in cuts:
                found: list[str] = []
                with pytest.raises((APIConnectionError, StreamInterrupted)):
                    await read(client, found)
                assert found == TYPES[: len(found)]


@pytest.mark.parametrize(
    ("end", "kind"),
    [
        (b'data: {"type": "agent', StreamInterrupted),
        (b'data: {"error": {"message": "slow down", "type": "rate_limit_error"}}', RateLimitError),
        (b'event: error\ndata: {"error": {"message": "slow down", "type": "rate_limit_error"}}\n\n', RateLimitError),
    ],
    ids=["half an event", "an error without its blank line", "an error"],
)
async def test_a_feed_that_ends_badly_says_so(end: bytes, kind: type[Exception], make_client: MakeClient) -> None:
    """An event that is not whole is no end, and an error is one."""
    script: Script = sse([*EVENTS[:1], end])
    with FaultServer([script]) as server:
        async with make_client(server.base_url) as client:
            stream = await client.beta.agents.sessions.events.stream("s_1")
            assert (await anext(stream)).type == TYPES[0]
            with pytest.raises(kind):
                await anext(stream)


@pytest.mark.parametrize("name", ["create", "retrieve"])
async def test_the_preview_of_responses_streams_as_responses_do(name: str, make_client: MakeClient) -> None:
    """Its events have a terminal one, and amount to a response."""
    with FaultServer([sse(RESPONDED), sse(RESPONDED[:2], framing="chunked")]) as server:
        async with make_client(server.base_url) as client:
            given: dict[str, Any] = {"model": "m", "input": "Hi"} if name == "create" else {"response_id": "resp_1"}
            method = getattr(client.beta.responses, name)
            stream = await method(**given, betas=["responses_multi_agent=v1"], stream=True)
            assert "".join([piece async for piece in stream.text]) == "Grüße"
            whole = await stream.final()
            assert isinstance(whole, Response)
            assert whole.status == "completed"
            with pytest.raises(StreamInterrupted):
                async for _ in await method(**given, stream=True):
                    pass
    assert server.requests[0].header("openai-beta") == "responses_multi_agent=v1"
    assert "beta=true" in server.requests[0].target


def test_threads_get_events_too() -> None:
    """The same, without asyncio; one that is left is closed."""
    with FaultServer([sse(EVENTS)]) as server, Client(api_key="k", base_url=server.base_url, trust_env=False) as client:
        with client.beta.agents.sessions.events.stream("s_1") as stream:
            assert [event.type for event in stream] == TYPES
        with client.beta.agents.sessions.events.stream("s_1") as left:
            assert next(left).type == TYPES[0]
        assert client.statistics().in_flight == 0
