"""One call and one stream, made by each peer: ours, the official SDK, and three that are no SDK.

All of them send the same messages, encoded anew for each request, and read the same things from the answer:
the text, the total of tokens and, of a stream, the number of chunks. What they do beyond that is their own
affair, and what is measured: `openai_async` and `openai` return typed objects, map errors, retry and read
limits; `httpx` and `aiohttp` stop at dicts from `json.loads`; `raw` does not even read the headers. `raw`
is thus the floor for a client written in Python on asyncio, not something to use.

A peer is imported when it is opened, so that those that are missing take nobody else down. Each is used as it
comes, except that all may have as many connections as there are calls in flight. (The official SDK keeps no more
than 100 of them open between calls, and pays for that above 100 in flight.)
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass
from importlib.util import find_spec
from typing import Any

MESSAGES: list[Any] = [
    {
        "role": "system",
        "content": "You are a patient colleague. Answer in one paragraph and give the reason.",
    },
    {"role": "user", "content": "When is it worth making a program asynchronous, and what does it cost?"},
]
STREAMED: dict[str, Any] = {"stream": True, "stream_options": {"include_usage": True}}
TIMEOUT = 600.0  # seconds, which is the official SDK's


@dataclass(frozen=True)
class Peer:
    """An open client."""

    call: Callable[[str], Awaitable[tuple[str, int]]]  # model -> text, total tokens
    stream: Callable[[str], Awaitable[tuple[str, int, int]]]  # model -> text, total tokens, chunks


@asynccontextmanager
async def _openai_async(base_url: str, connections: int) -> AsyncIterator[Peer]:
    from openai_async import AsyncClient

    async with AsyncClient(api_key="k", base_url=base_url, max_concurrency=connections) as client:

        async def stream(model: str) -> tuple[str, int, int]:
            options = STREAMED["stream_options"]
            async with client.chat.completions.stream(model=model, messages=MESSAGES, stream_options=options) as chunks:
                return await _read_typed(chunks)

        yield Peer(_typed_call(client), stream)


@asynccontextmanager
async def _openai(base_url: str, connections: int) -> AsyncIterator[Peer]:
    import httpx2
    from openai import AsyncOpenAI, DefaultAsyncHttpxClient

    # Its default is 1,000 connections, 100 of them kept.
    limits = httpx2.Limits(max_connections=connections, max_keepalive_connections=100, keepalive_expiry=5.0)
    http_client = DefaultAsyncHttpxClient(limits=limits) if connections > 1_000 else None
    async with AsyncOpenAI(api_key="k", base_url=base_url, http_client=http_client) as client:

        async def stream(model: str) -> tuple[str, int, int]:
            chunks = await client.chat.completions.create(model=model, messages=MESSAGES, **STREAMED)
            return await _read_typed(chunks)

        yield Peer(_typed_call(client), stream)


def _typed_call(client: Any) -> Callable[[str], Awaitable[tuple[str, int]]]:
    async def call(model: str) -> tuple[str, int]:
        reply = await client.chat.completions.create(model=model, messages=MESSAGES)
        return reply.choices[0].message.content, reply.usage.total_tokens

    return call


async def _read_typed(chunks: Any) -> tuple[str, int, int]:
    texts: list[str] = []
    tokens = count = 0
    async for chunk in chunks:
        count += 1
        if chunk.choices and (text := chunk.choices[0].delta.content):
            texts.append(text)
        if chunk.usage:
            tokens = chunk.usage.total_tokens
    return "".join(texts), tokens, count


@asynccontextmanager
async def _httpx(base_url: str, connections: int) -> AsyncIterator[Peer]:
    import httpx

    limits = httpx.Limits(max_connections=connections, max_keepalive_connections=connections)
    url, headers = f"{base_url}/chat/completions", {"Authorization": "Bearer k"}
    async with httpx.AsyncClient(headers=headers, limits=limits, timeout=TIMEOUT) as client:

        async def call(model: str) -> tuple[str, int]:
            response = await client.post(url, json=_body(model))
            return _read_reply(response.raise_for_status().content)

        async def stream(model: str) -> tuple[str, int, int]:
            async with client.stream("POST", url, json=_body(model) | STREAMED) as response:
                return await _read_lines(response.raise_for_status().aiter_lines(), "data: ", "[DONE]")

        yield Peer(call, stream)


@asynccontextmanager
async def _aiohttp(base_url: str, connections: int) -> AsyncIterator[Peer]:
    import aiohttp

    connector, timeout = aiohttp.TCPConnector(limit=connections), aiohttp.ClientTimeout(TIMEOUT)
    url, headers = f"{base_url}/chat/completions", {"Authorization": "Bearer k"}
    async with aiohttp.ClientSession(connector=connector, headers=headers, timeout=timeout) as session:

        async def call(model: str) -> tuple[str, int]:
            async with session.post(url, json=_body(model), raise_for_status=True) as response:
                return _read_reply(await response.read())

        async def stream(model: str) -> tuple[str, int, int]:
            async with session.post(url, json=_body(model) | STREAMED, raise_for_status=True) as response:
                return await _read_lines(response.content, b"data: ", b"[DONE]")

        yield Peer(call, stream)


@asynccontextmanager
async def _raw(base_url: str, _connections: int) -> AsyncIterator[Peer]:
    from benchmarks.raw_http import Pool

    pool = Pool(f"{base_url}/chat/completions")

    async def call(model: str) -> tuple[str, int]:
        body = json.dumps(_body(model)).encode()
        return _read_reply(b"".join([piece async for piece in pool.post(body)]))

    async def stream(model: str) -> tuple[str, int, int]:
        body = json.dumps(_body(model) | STREAMED).encode()
        return await _read_lines(pool.lines(body), b"data: ", b"[DONE]")

    try:
        yield Peer(call, stream)
    finally:
        pool.close()


def _body(model: str) -> dict[str, Any]:
    return {"model": model, "messages": MESSAGES}


def _read_reply(content: bytes) -> tuple[str, int]:
    reply = json.loads(content)
    return reply["choices"][0]["message"]["content"], reply["usage"]["total_tokens"]


async def _read_lines(lines: Any, prefix: Any, done: Any) -> tuple[str, int, int]:
    texts: list[str] = []
    tokens = count = 0
    async for line in lines:  # past [DONE], to the end: the connection is to be used again
        if not line.startswith(prefix) or line.startswith(done, len(prefix)):
            continue
        count += 1
        chunk = json.loads(line[len(prefix) :])
        if chunk["choices"] and (text := chunk["choices"][0]["delta"].get("content")):
            texts.append(text)
        if chunk["usage"]:
            tokens = chunk["usage"]["total_tokens"]
    return "".join(texts), tokens, count


PEERS: dict[str, Callable[[str, int], AbstractAsyncContextManager[Peer]]] = {
    "openai_async": _openai_async,
    "openai": _openai,
    "httpx": _httpx,
    "aiohttp": _aiohttp,
    "raw": _raw,
}


def opened(
    name: str, base_url: str, authority: str | None, connections: int = 1_000
) -> AbstractAsyncContextManager[Peer]:
    """The client of a peer, which trusts the certificates of `authority` (a path) alone."""
    if authority is not None:
        os.environ["SSL_CERT_FILE"] = authority  # the one way that works for every peer
    return PEERS[name](base_url, connections)


def installed(wanted: Iterable[str]) -> list[str]:
    """Those of `wanted` that can be measured; a line on stderr for each that is not installed."""
    if unknown := set(wanted).difference(PEERS):
        raise SystemExit(f"no such peer: {', '.join(sorted(unknown))}; there are {', '.join(PEERS)}")
    found = [name for name in wanted if name == "raw" or find_spec(name) is not None]
    for name in wanted:
        if name not in found:
            print(f"without {name}: pip install 'openai-async-sdk[bench]'", file=sys.stderr)
    return found
