"""The official Azure client beside ours: the same addresses, the same queries, the same credentials."""

from __future__ import annotations

import json
import warnings
from collections.abc import Awaitable, Callable
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import openai
import pytest

from openai_async import AsyncAzureClient, AsyncClient
from openai_async.testing import FaultServer, Request, Script, json_reply, respond, sse

MESSAGES: Any = [{"role": "user", "content": "Hello!"}]
VERSION = "2024-10-21"
REPLY = {
    "id": "x",
    "object": "list",
    "created": 1,
    "created_at": 1,
    "model": "m",
    "status": "completed",
    "filename": "f",
    "bytes": 1,
    "purpose": "batch",
    "endpoint": "/v1/x",
    "input_file_id": "f",
    "completion_window": "24h",
    "text": "x",
    "output": [],
    "data": [],
    "results": [],
    "choices": [{"index": 0, "text": "x", "message": {"role": "assistant", "content": "Hi"}, "finish_reason": "stop"}],
    "usage": {"prompt_tokens": 1, "total_tokens": 1},
}
CHUNK = json.dumps({"id": "x", "choices": []})

#: The same call of both clients: names and parameters are the same.
Call = Callable[[Any], Any]
CALLS: dict[str, Call] = {
    "chat": lambda client: client.chat.completions.create(model="gpt-4.1", messages=MESSAGES),
    "completions": lambda client: client.completions.create(model="instruct", prompt="x"),
    "embeddings": lambda client: client.embeddings.create(model="small", input="x", encoding_format="float"),
    "images": lambda client: client.images.generate(model="picture", prompt="x"),
    "edits": lambda client: client.images.edit(model="picture", prompt="x", image=("a.png", b"a", "image/png")),
    "speech": lambda client: client.audio.speech.create(model="voice", voice="alloy", input="x"),
    "transcriptions": lambda client: client.audio.transcriptions.create(model="ear", file=("a.wav", b"a")),
    "translations": lambda client: client.audio.translations.create(model="ear", file=("a.wav", b"a")),
    "a strange name": lambda client: client.chat.completions.create(model="my model/ö?#.", messages=MESSAGES),
    "responses": lambda client: client.responses.create(model="gpt-4.1", input="x"),
    "a response": lambda client: client.responses.retrieve("resp 1"),
    "moderations": lambda client: client.moderations.create(model="m", input="x"),
    "models": lambda client: client.models.list(),
    "a model": lambda client: client.models.retrieve("gpt-4.1"),
    "files": lambda client: client.files.create(file=("a.jsonl", b"{}"), purpose="batch"),
    "a file": lambda client: client.files.delete("file-1"),
    "batches": lambda client: client.batches.create(
        endpoint="/v1/chat/completions", input_file_id="f", completion_window="24h"
    ),
    "a list": lambda client: client.fine_tuning.jobs.list(limit=3),
}


def answer(request: Request) -> Script:
    if b'"stream":true' in request.body.replace(b" ", b""):
        return sse([CHUNK, "[DONE]"])
    if "/audio/speech" in request.target:
        return respond(200, b"sound", {"content-type": "audio/mpeg"})
    if "/responses" in request.target:
        return json_reply({**REPLY, "text": None})
    return json_reply(REPLY)


def seen(request: Request) -> dict[str, object]:
    """What a server goes by."""
    target = urlsplit(request.target)
    return {
        "verb": request.method,
        "path": target.path,
        "query": sorted(parse_qsl(target.query)),
        "key": request.header("api-key"),
        "token": request.header("authorization"),
        "organization": request.header("openai-organization"),
    }


async def both(call: Call, ours: AsyncClient, theirs: openai.OpenAI, server: FaultServer) -> tuple[Any, Any]:
    """What the server saw of a call of ours, and of the same one of theirs."""
    async with ours:
        result = call(ours)
        if isinstance(result, Awaitable):
            await result
    with theirs, warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # theirs warns of what the API will drop
        call(theirs)
    mine, official = server.requests
    return seen(mine), seen(official)


def root(server: FaultServer) -> str:
    return server.base_url.removesuffix("/v1")


@pytest.mark.parametrize("deployment", [None, "fixed"])
@pytest.mark.parametrize("name", CALLS)
async def test_every_operation_stands_where_the_official_client_has_it(name: str, deployment: str | None) -> None:
    """With a deployment by request and with a fixed one: path, query, verb and key are the same."""
    with FaultServer(answer) as server:
        settings: Any = {
            "azure_endpoint": root(server) + "/",
            "api_version": VERSION,
            "api_key": "canary",
            "azure_deployment": deployment,
            "organization": "org",
            "max_retries": 0,
        }
        ours, theirs = await both(CALLS[name], AsyncAzureClient(**settings), openai.AzureOpenAI(**settings), server)
    if name == "a strange name" and deployment is None:
        assert ours["path"] == "/openai/deployments/my%20model%2F%C3%B6%3F%23./chat/completions"
    assert ours == theirs
    assert ours["key"] == "canary"
    assert ours["token"] is None


@pytest.mark.parametrize("way", ["endpoint", "base_url", "base_url with a deployment", "path before"])
async def test_every_way_to_name_the_resource(way: str) -> None:
    """By its endpoint, by a whole base, by one that ends in a deployment, behind a gateway's path."""
    with FaultServer(answer) as server:
        where = {
            "endpoint": {"azure_endpoint": root(server)},
            "base_url": {"base_url": root(server) + "/openai"},
            "base_url with a deployment": {"base_url": root(server) + "/openai/deployments/mine"},
            "path before": {"azure_endpoint": root(server) + "/gateway/one/"},
        }[way]
        settings: Any = {**where, "api_version": VERSION, "api_key": "k", "max_retries": 0}
        ours, theirs = await both(CALLS["chat"], AsyncAzureClient(**settings), openai.AzureOpenAI(**settings), server)
    assert ours == theirs


@pytest.mark.parametrize(
    "credential",
    [
        {"api_key": "k"},
        {"azure_ad_token": "t"},
        {"azure_ad_token_provider": lambda: "p"},
        {"api_key": lambda: "called"},
    ],
)
async def test_every_credential_is_sent_in_the_same_header(credential: Any) -> None:
    """A key as `api-key`, a token of Entra ID as bearer token."""
    with FaultServer(answer) as server:
        settings = {**credential, "azure_endpoint": root(server), "api_version": VERSION, "max_retries": 0}
        ours, theirs = await both(CALLS["chat"], AsyncAzureClient(**settings), openai.AzureOpenAI(**settings), server)
    assert ours == theirs
    assert (ours["key"] is None) != (ours["token"] is None)


@pytest.mark.parametrize(
    "environment",
    [
        {"AZURE_OPENAI_API_KEY": "k"},
        {"AZURE_OPENAI_AD_TOKEN": "t"},
        {"AZURE_OPENAI_API_KEY": "k", "AZURE_OPENAI_AD_TOKEN": "t"},
        {"AZURE_OPENAI_API_KEY": "k", "OPENAI_API_KEY": "not this one", "OPENAI_ORG_ID": "org"},
    ],
)
async def test_the_environment_is_read_in_the_same_way(
    environment: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Endpoint, version and credential; of two credentials the same one wins."""
    with FaultServer(answer) as server:
        monkeypatch.setenv("AZURE_OPENAI_ENDPOINT", root(server))
        monkeypatch.setenv("OPENAI_API_VERSION", VERSION)
        for name, value in environment.items():
            monkeypatch.setenv(name, value)
        ours, theirs = await both(
            CALLS["chat"], AsyncAzureClient(max_retries=0), openai.AzureOpenAI(max_retries=0), server
        )
    assert ours == theirs


async def test_the_v1_form_is_that_of_the_official_client_for_the_api_itself() -> None:
    """There the base is `/openai/v1`, and nothing else is different; a preview is asked for in the query."""
    with FaultServer(answer) as server:
        for query in ({}, {"api-version": "preview"}):
            ours = AsyncAzureClient(
                azure_endpoint=root(server), api_version=query.get("api-version"), azure_ad_token="t"
            )
            theirs = openai.OpenAI(base_url=root(server) + "/openai/v1", default_query=query, api_key="t")
            async with ours:
                await CALLS["chat"](ours)
            with theirs:
                CALLS["chat"](theirs)
            mine, official = server.requests[-2:]
            assert seen(mine) == seen(official)


async def test_streams_stand_there_too() -> None:
    """A streamed call goes to the same place as a whole one."""
    with FaultServer(answer) as server:
        settings: Any = {"azure_endpoint": root(server), "api_version": VERSION, "api_key": "k"}
        async with (
            AsyncAzureClient(**settings) as client,
            client.chat.completions.stream(model="gpt-4.1", messages=MESSAGES) as stream,
        ):
            async for _ in stream:
                pass
        with openai.AzureOpenAI(**settings) as official:
            for _ in official.chat.completions.create(model="gpt-4.1", messages=MESSAGES, stream=True):
                pass
        mine, theirs = server.requests
    assert seen(mine) == seen(theirs)
