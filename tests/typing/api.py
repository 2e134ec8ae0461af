"""What type checkers say of the public surface. Never run: mypy and pyright, both strict, read it.

A line that must be an error carries a `type: ignore`, which both obey, and which both report when one of them finds
nothing to ignore.
"""

# pyright: reportUnnecessaryTypeIgnoreComment=true

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator, Mapping
from threading import Event
from typing import Any, Literal, assert_type

import openai_async as api
from openai_async import (
    NULL,
    AsyncClient,
    AsyncMap,
    AsyncStream,
    AsyncStreamManager,
    Attempt,
    BatchSummary,
    Client,
    Map,
    Result,
    Stream,
    StreamManager,
    Timeout,
)
from openai_async.types.chat import (
    ChatCompletion,
    ChatCompletionChunk,
    ChatCompletionMessage,
    Choice,
    ChoiceDelta,
    ChoiceLogprobs,
    ChunkChoice,
    CompletionUsage,
    FunctionCall,
    ToolCall,
)
from openai_async.types.meta import Bucket, Meta, RateLimits
from openai_async.types.models import Model, ModelList

MESSAGES = [{"role": "user", "content": "Hello!"}]


async def create_has_three_overloads(client: AsyncClient, unknown: bool, maybe: bool | None) -> None:
    create = client.chat.completions.create
    assert_type(await create(model="m", messages=MESSAGES), ChatCompletion)
    assert_type(await create(model="m", messages=MESSAGES, stream=False), ChatCompletion)
    assert_type(await create(model="m", messages=MESSAGES, stream=None), ChatCompletion)
    assert_type(
        await create(model="m", messages=MESSAGES, stream=True), AsyncStream[ChatCompletionChunk, ChatCompletion]
    )
    assert_type(
        await create(model="m", messages=MESSAGES, stream=unknown),
        ChatCompletion | AsyncStream[ChatCompletionChunk, ChatCompletion],
    )
    assert_type(
        await create(model="m", messages=MESSAGES, stream=maybe),
        ChatCompletion | AsyncStream[ChatCompletionChunk, ChatCompletion],
    )
    await create(model="m", messages=MESSAGES, stream="yes")  # type: ignore[call-overload]
    await create(model="m")  # type: ignore[call-overload]
    await create("m", MESSAGES)  # type: ignore[call-overload]


async def a_reply(client: AsyncClient) -> None:
    reply = await client.chat.completions.create(model="m", messages=MESSAGES)
    assert_type(reply.id, str)
    assert_type(reply.text, str)
    assert_type(reply.choices, list[Choice])
    assert_type(reply.choices[0].message, ChatCompletionMessage)
    assert_type(reply.choices[0].message.content, str | None)
    assert_type(reply.choices[0].message.tool_calls, list[ToolCall] | None)
    assert_type(reply.choices[0].finish_reason, str | None)
    assert_type(reply.choices[0].logprobs, ChoiceLogprobs | None)
    assert_type(reply.usage, CompletionUsage | None)
    if reply.usage is not None:
        assert_type(reply.usage.total_tokens, int)
    assert_type(reply.extra, Mapping[str, Any])
    assert_type(reply.to_dict(), dict[str, Any])
    print(reply.chioces)  # type: ignore[attr-defined]


async def what_comes_beside_a_reply(reply: ChatCompletion, model: Model) -> None:
    for each in (reply, model):
        assert_type(each.meta, Meta)
        assert_type(each.request_id, str | None)
        assert_type(each.processing_ms, float | None)
        assert_type(each.rate_limits, RateLimits)
        assert_type(each.rate_limits.requests, Bucket)
        assert_type(each.rate_limits.tokens.remaining, float | None)
        assert_type(each.attempts, tuple[Attempt, ...])
    assert_type(reply.meta.headers, Mapping[str, str])
    assert_type(reply.attempts[0].seconds, float)
    assert_type(reply.attempts[0].outcome, Literal["not_sent", "rejected", "ambiguous", "completed"])


async def a_stream(client: AsyncClient) -> None:
    manager = client.chat.completions.stream(model="m", messages=MESSAGES)
    assert_type(manager, AsyncStreamManager[ChatCompletionChunk, ChatCompletion])
    async with manager as stream:
        assert_type(stream, AsyncStream[ChatCompletionChunk, ChatCompletion])
        assert_type(stream.request_id, str | None)
        assert_type(stream.rate_limits, RateLimits)
        assert_type(stream.partial, ChatCompletion | None)
        assert_type(stream.text, AsyncIterator[str])
        async for chunk in stream:
            assert_type(chunk, ChatCompletionChunk)
        async for piece in stream.text:
            assert_type(piece, str)
        assert_type(await stream.final(), ChatCompletion)
    async for chunk in await client.chat.completions.create(model="m", messages=MESSAGES, stream=True):
        assert_type(chunk, ChatCompletionChunk)


def a_chunk(chunk: ChatCompletionChunk) -> None:
    assert_type(chunk.text, str)
    assert_type(chunk.choices, list[ChunkChoice])
    assert_type(chunk.choices[0].delta, ChoiceDelta)
    assert_type(chunk.choices[0].delta.content, str | None)
    assert_type(chunk.choices[0].finish_reason, str | None)
    assert_type(chunk.usage, CompletionUsage | None)
    for call in chunk.choices[0].delta.tool_calls or ():
        assert_type(call, ToolCall)
        assert_type(call.index, int | None)
        assert_type(call.function, FunctionCall | None)


async def a_map(client: AsyncClient, rows: list[dict[str, Any]], source: AsyncIterator[Mapping[str, Any]]) -> None:
    results = client.chat.completions.map(rows, model="m", ordered=False, max_in_flight=10)
    assert_type(results, AsyncMap[ChatCompletion])
    async for result in results:
        assert_type(result, Result[ChatCompletion])
        assert_type(result.index, int)
        assert_type(result.value, ChatCompletion | None)
        assert_type(result.error, Exception | None)
        assert_type(result.attempts, tuple[Attempt, ...])
        assert_type(result.unwrap(), ChatCompletion)
    async with client.chat.completions.map(source) as opened:
        assert_type(opened, AsyncMap[ChatCompletion])
        assert_type(await anext(opened), Result[ChatCompletion])
    client.chat.completions.map("rows")  # type: ignore[arg-type]


async def models(client: AsyncClient) -> None:
    listed = await client.models.list(timeout=5)
    assert_type(listed, ModelList)
    assert_type(listed.data, list[Model])
    for model in listed:
        assert_type(model, Model)
    found = await client.models.retrieve("m", extra_headers={"x-a": "1"}, max_retries=0)
    assert_type(found, Model)
    assert_type(found.shutdown_date, str | None)
    await client.models.retrieve(7)  # type: ignore[arg-type]
    await client.models.list(model="m")  # type: ignore[call-arg]


async def a_client_is_configured() -> None:
    async def token() -> str:
        return "k"

    AsyncClient()
    AsyncClient(api_key="k", organization="o", project="p", base_url="https://example.com/v1")
    AsyncClient(api_key=["a", "b"], organization=("o", "p"))
    AsyncClient(api_key=token, timeout=30, deadline=60.0, max_retries=0, max_concurrency=None)
    AsyncClient(api_key=lambda: "k", timeout=Timeout(attempt=30, idle=None), default_query={"a": 1})
    AsyncClient(timeout=None, default_headers={"x-a": "1"}, proxy={"https": "http://proxy"}, trust_env=False)
    AsyncClient(api_key=7)  # type: ignore[arg-type]
    AsyncClient(timeout="30")  # type: ignore[arg-type]
    AsyncClient("k")  # type: ignore[call-arg]
    AsyncClient(apikey="k")  # type: ignore[call-arg]
    async with AsyncClient() as client:
        assert_type(client, AsyncClient)
        assert_type(client.base_url, str)
        assert_type(client.max_retries, int)


def errors_have_attributes(error: api.APIError, status: api.APIStatusError, broken: api.APIConnectionError) -> None:
    assert_type(error.message, str)
    assert_type(error.code, str | None)
    assert_type(error.type, str | None)
    assert_type(error.param, str | None)
    assert_type(error.request_id, str | None)
    assert_type(error.retry_after, float | None)
    assert_type(error.should_retry, bool | None)
    assert_type(error.attempts, tuple[Attempt, ...])
    assert_type(error.possibly_billed, bool)
    assert_type(error.outcome, Literal["not_sent", "rejected", "ambiguous", "completed"])
    assert_type(status.status_code, int)
    assert_type(broken.phase, Literal["connect", "send", "response", "body"])
    print(error.status_code)  # type: ignore[attr-defined]
    print(status.phase)  # type: ignore[attr-defined]


async def errors_are_told_apart(client: AsyncClient) -> None:
    try:
        await client.chat.completions.create(model="m", messages=MESSAGES, temperature=NULL)
    except api.RateLimitError as error:
        assert_type(error.retry_after, float | None)
    except (api.InvalidParameterError, api.ConfigurationError) as error:
        assert_type(error.field, str)
    except api.DecodeError as error:
        assert_type(error.path, str)
        assert_type(error.status_code, int | None)
    except api.DeadlineExceededError as error:
        assert_type(error.phase, Literal["connect", "send", "response", "body"])
    except api.OpenAIError as error:
        print(error)


# ---- the synchronous client


def sync_create_has_three_overloads(client: Client, unknown: bool, maybe: bool | None) -> None:
    create = client.chat.completions.create
    assert_type(create(model="m", messages=MESSAGES), ChatCompletion)
    assert_type(create(model="m", messages=MESSAGES, stream=False), ChatCompletion)
    assert_type(create(model="m", messages=MESSAGES, stream=None), ChatCompletion)
    assert_type(create(model="m", messages=MESSAGES, stream=True), Stream[ChatCompletionChunk, ChatCompletion])
    assert_type(
        create(model="m", messages=MESSAGES, stream=maybe),
        ChatCompletion | Stream[ChatCompletionChunk, ChatCompletion],
    )
    create(model="m", messages=MESSAGES, stream="yes")  # type: ignore[call-overload]
    create(model="m")  # type: ignore[call-overload]
    create("m", MESSAGES)  # type: ignore[call-overload]


def a_sync_stream(client: Client) -> None:
    manager = client.chat.completions.stream(model="m", messages=MESSAGES)
    assert_type(manager, StreamManager[ChatCompletionChunk, ChatCompletion])
    with manager as stream:
        assert_type(stream, Stream[ChatCompletionChunk, ChatCompletion])
        assert_type(stream.meta, Meta)
        assert_type(stream.request_id, str | None)
        assert_type(stream.partial, ChatCompletion | None)
        assert_type(stream.text, Iterator[str])
        for chunk in stream:
            assert_type(chunk, ChatCompletionChunk)
        assert_type(stream.final(), ChatCompletion)
    for chunk in client.chat.completions.create(model="m", messages=MESSAGES, stream=True):
        assert_type(chunk, ChatCompletionChunk)


def a_sync_map(client: Client, rows: list[dict[str, Any]], source: AsyncIterator[Mapping[str, Any]]) -> None:
    results = client.chat.completions.map(rows, model="m", ordered=False, max_in_flight=10)
    assert_type(results, Map[ChatCompletion])
    for result in results:
        assert_type(result, Result[ChatCompletion])
    with client.map(client.models.retrieve, rows) as opened:
        assert_type(next(opened), Result[Model])
    client.chat.completions.map(source)  # type: ignore[arg-type]


def a_sync_batch(client: Client) -> None:
    assert_type(client.batch.run("in.jsonl", "out.jsonl", stop=Event()), BatchSummary)
    assert_type(client.batch.remote("in.jsonl", "out.jsonl"), BatchSummary)


def a_sync_client_is_configured() -> None:
    async def token() -> str:
        return "k"

    Client(api_key=token, timeout=30, deadline=60.0, max_retries=0, max_concurrency=None)
    Client(api_key=lambda: "k", timeout=Timeout(attempt=30, idle=None), default_query={"a": 1})
    Client(api_key=7)  # type: ignore[arg-type]
    Client("k")  # type: ignore[call-arg]
    with Client() as client:
        assert_type(client, Client)
        assert_type(client.base_url, str)
        assert_type(client.models.list(timeout=5), ModelList)
        client.models.retrieve(7)  # type: ignore[arg-type]
