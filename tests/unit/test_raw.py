"""Endpoints without a method: any path below the base URL, and no other; replies as objects, bytes, or with headers."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Iterator
from typing import Any

import pytest

from openai_async import APIObject, AsyncClient, Binary, Client, InvalidParameterError, NotFoundError
from openai_async._policy import retry
from openai_async.emulator import Emulator
from openai_async.testing import FaultServer, Request, Script, json_reply, respond
from openai_async.types.models import Model, ModelList

VERBS = ("get", "post", "put", "patch", "delete")


@pytest.fixture
def server() -> Iterator[FaultServer]:
    def answer(request: Request) -> Script:
        return json_reply({"id": "x", "verb": request.method}, headers={"x-word": "said"})

    with FaultServer(answer) as server:
        yield server


@pytest.fixture
async def client(server: FaultServer) -> AsyncIterator[AsyncClient]:
    async with AsyncClient(api_key="secret", base_url=server.base_url, trust_env=False) as client:
        yield client


@pytest.mark.parametrize("verb", VERBS)
async def test_every_verb_reaches_every_path(client: AsyncClient, server: FaultServer, verb: str) -> None:
    """With the key, and as an object whose fields are attributes unless asked otherwise."""
    call = getattr(client, verb)
    thing = await call("/new/thing%20one?beta=true", extra_query={"a": [1]}, extra_headers={"x-mine": "1"})
    assert isinstance(thing, APIObject)
    assert (thing.verb, thing.meta.headers["x-word"]) == (verb.upper(), "said")
    request = server.requests[-1]
    assert (request.method, request.target) == (verb.upper(), "/v1/new/thing%20one?beta=true&a%5B%5D=1")
    assert (request.header("authorization"), request.header("x-mine")) == ("Bearer secret", "1")
    assert request.body == b""


async def test_a_reply_is_read_as_asked(client: AsyncClient) -> None:
    """Bytes alone, bytes with their headers, or a class of the package."""
    body = json.dumps({"id": "x", "verb": "GET"}).encode()
    assert await client.get("/models/x", cast_to=bytes) == body
    binary = await client.get("models/x", cast_to=Binary)
    assert (binary.content, binary.meta.headers["x-word"], binary.meta.status) == (body, "said", 200)
    model = await client.get("/models/x", cast_to=Model)
    assert (type(model), model.id) == (Model, "x")


async def test_a_body_is_sent_as_what_it_is(client: AsyncClient, server: FaultServer) -> None:
    """JSON from mappings and lists, bytes as they are, and a form where there are files."""
    await client.post("/x", body={"a": None, "b": [1], "timeout": 3, "deadline": 4}, extra_body={"c": 2}, timeout=9)
    assert server.requests[-1].json() == {"a": None, "b": [1], "timeout": 3, "deadline": 4, "c": 2}
    assert server.requests[-1].header("content-type") == "application/json"
    await client.put("/x", body=[{"a": 1}])
    assert server.requests[-1].json() == [{"a": 1}]
    await client.patch("/x", body=b"\x00raw", extra_headers={"content-type": "application/octet-stream"})
    assert server.requests[-1].body == b"\x00raw"
    assert server.requests[-1].header("content-type") == "application/octet-stream"
    seen: list[int] = []
    await client.post(
        "/x", body={"n": 1}, files={"file": ("a.txt", b"abc")}, on_upload=lambda sent, total: seen.append(sent)
    )
    assert (server.requests[-1].header("content-type") or "").startswith("multipart/form-data; boundary=")
    assert b'name="n"\r\n\r\n1\r\n' in server.requests[-1].body
    assert b'filename="a.txt"' in server.requests[-1].body
    assert seen[-1] == len(server.requests[-1].body)


@pytest.mark.parametrize(
    "path",
    [
        "https://elsewhere.example/v1/models",
        "http:models",
        "//elsewhere.example/models",
        "/\\elsewhere.example",
        "..",
        "/models/../../x",
        "/models/%2e%2e/x",
        "/models/%2E./x",
        "/models/%252e%252e/x",
        "/models%2f..%2fx",
        "/models/./x",
        "",
        "/",
        "?a=b#c",
        "/models#x",
        "/models x",
        "/models\r\nx-header: 1",
        "/models/ü",
        "/{id}",
        None,
        7,
    ],
)
async def test_the_key_goes_to_the_base_url_only(client: AsyncClient, server: FaultServer, path: Any) -> None:
    """A path that names a host, climbs, or could change the request is refused by every verb."""
    for verb in VERBS:
        with pytest.raises(InvalidParameterError) as caught:
            await getattr(client, verb)(path)
        assert caught.value.field == "path"
    assert not server.requests


@pytest.mark.parametrize(
    ("given", "field"),
    [
        ({"body": "text"}, "body"),
        ({"body": 3}, "body"),
        ({"body": [float("nan")]}, "body"),
        ({"body": [1], "extra_body": {"a": 1}}, "extra_body"),
        ({"body": [1], "files": {"file": b"a"}}, "body"),
        ({"cast_to": dict}, "cast_to"),
        ({"cast_to": "APIObject"}, "cast_to"),
        ({"files": {"file": 3}}, "file"),
        ({"extra_body": 3}, "extra_body"),
    ],
)
async def test_what_cannot_be_sent_is_refused(
    client: AsyncClient, server: FaultServer, given: dict[str, Any], field: str
) -> None:
    """Before a byte of it is."""
    with pytest.raises(InvalidParameterError) as caught:
        await client.post("/x", **given)
    assert caught.value.field.startswith(field) or field == "body"
    assert not server.requests


async def test_an_empty_reply_is_an_empty_thing() -> None:
    """Some endpoints only say that it was done."""
    with FaultServer([respond(204, b"")]) as server:
        async with AsyncClient(api_key="k", base_url=server.base_url, trust_env=False) as client:
            assert len(await client.delete("/x")) == 0
            assert await client.post("/x", cast_to=bytes) == b""


async def test_only_what_is_harmless_is_repeated(monkeypatch: pytest.MonkeyPatch) -> None:
    """A failure midway is retried where it only reads or deletes."""
    monkeypatch.setattr(retry, "BACKOFF_BASE", 0.0)
    for verb, attempts in (("get", 3), ("delete", 3), ("post", 1), ("patch", 1)):
        with FaultServer([json_reply({"error": {}}, 500)]) as server:
            async with AsyncClient(api_key="k", base_url=server.base_url, trust_env=False) as client:
                with pytest.raises(Exception) as caught:
                    await getattr(client, verb)("/x")
            assert len(caught.value.attempts) == len(server.requests) == attempts  # type: ignore[attr-defined]


def test_threads_reach_every_path() -> None:
    """The same verbs without asyncio, against a server with an API."""
    with Emulator().run() as server, Client(api_key="k", base_url=server.base_url, trust_env=False) as client:
        assert client.get("/models").object == "list"
        models = client.get("/models", cast_to=ModelList)
        assert client.get(f"/models/{models.data[0].id}", cast_to=Binary).content_type == "application/json"
        file = client.post("/files", body={"purpose": "user_data"}, files={"file": ("a", b"abc")})
        assert client.get(f"/files/{file.id}/content", cast_to=bytes) == b"abc"
        assert client.delete(f"/files/{file.id}").deleted is True
        with pytest.raises(NotFoundError):
            client.put("/nothing/here", body={})
        with pytest.raises(InvalidParameterError):
            client.get("https://elsewhere.example/")


async def test_what_has_no_parameter_is_an_empty_object_unless_it_is_an_action(
    client: AsyncClient, server: FaultServer
) -> None:
    """The API creates things from `{}`, and takes nothing at all to cancel one; raw requests send what is given."""
    sent: list[bytes] = []
    for call in (
        client.conversations.create(),
        client.batches.cancel("b"),
        client.post("/x", body={}),
        client.post("/x"),
    ):
        await call
        sent.append(server.requests[-1].body)
    assert sent == [b"{}", b"", b"{}", b""]
