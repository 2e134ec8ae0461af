"""The emulator at Azure's addresses: both forms of them, keys, deployments, and how Azure refuses."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from openai_async import AsyncAzureClient
from openai_async.emulator import Emulator, Model, Serving
from openai_async.emulator.audio.wav import pcm, wav
from openai_async.errors import AuthenticationError, NotFoundError

DATED = "2024-10-21"
MESSAGES: list[Any] = [{"role": "user", "content": "Hello!"}]
WAV = wav(pcm("Hello there.", "alloy"), "Hello there.")
BODY: dict[str, Any] = {"messages": MESSAGES}


@pytest.fixture(scope="module")
def emulator() -> Emulator:
    return Emulator(models=[Model("mine"), Model("voice", kind="transcript")], keys={"secret"})


@pytest.fixture(scope="module")
def server(emulator: Emulator) -> Iterator[Serving]:
    with emulator.run() as serving:
        yield serving


@pytest.fixture
def http(server: Serving) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=server.origin, headers={"api-key": "secret"}) as client:
        yield client


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("POST", f"/openai/deployments/mine/chat/completions?api-version={DATED}"),
        ("POST", f"/openai/deployments/mine/embeddings?api-version={DATED}"),
        ("POST", "/openai/v1/chat/completions"),
        ("POST", "/openai/v1/chat/completions?api-version=preview"),
        ("GET", f"/openai/models?api-version={DATED}"),
        ("GET", f"/openai/files?api-version={DATED}"),
        ("GET", f"/openai/batches?api-version={DATED}"),
        ("GET", "/openai/v1/batches"),
    ],
)
def test_both_forms_of_addresses(emulator: Emulator, http: httpx.Client, method: str, path: str) -> None:
    """What the API has is served there, under an api-key or a token; the ledger says which address was asked for."""
    body = {"model": "mine", **({"input": "x"} if "embeddings" in path else BODY)} if method == "POST" else None
    for headers in ({"api-key": "secret"}, {"api-key": "", "authorization": "Bearer secret"}):
        assert http.request(method, path, json=body, headers=headers).status_code == 200
    assert emulator.ledger.entries()[-1].path == path.partition("?")[0]


@pytest.mark.parametrize(
    ("path", "status", "code"),
    [
        ("/openai/deployments/mine/chat/completions", 404, "404"),
        (f"/openai/deployments/mine/files?api-version={DATED}", 404, "404"),
        (f"/openai/deployments/mine?api-version={DATED}", 404, "404"),
        ("/openai/batches", 404, "404"),
        (f"/openai/nothing?api-version={DATED}", 404, "404"),
        (f"/openai/deployments/other/chat/completions?api-version={DATED}", 404, "DeploymentNotFound"),
    ],
)
def test_what_is_not_there(http: httpx.Client, path: str, status: int, code: str) -> None:
    """The older form wants its api-version, a path that Azure has, and a deployment that is there."""
    reply = http.post(path, json=BODY)
    assert (reply.status_code, reply.json()["error"]["code"]) == (status, code)


def test_keys(server: Serving) -> None:
    """A key that is missing or wrong is refused as Azure does; the API's own addresses know no `api-key`."""
    at_azure, own = f"{server.origin}/openai/v1/models", f"{server.base_url}/models"
    for headers in ({}, {"api-key": "other"}):
        refused = httpx.get(at_azure, headers=headers)
        assert (refused.status_code, refused.json()["error"]["code"]) == (401, "401")
    assert httpx.get(own, headers={"api-key": "secret"}).status_code == 401


@pytest.mark.parametrize("version", [DATED, "v1", "preview"])
async def test_the_client_for_azure(server: Serving, version: str) -> None:
    """Calls, streams, forms and errors of `AsyncAzureClient` go over either form; the deployment is the model."""
    settings: dict[str, Any] = {"azure_endpoint": server.origin, "api_version": version, "max_retries": 0}
    async with AsyncAzureClient(api_key="secret", **settings) as client:
        reply = await client.chat.completions.create(model="mine", messages=MESSAGES)
        async with client.chat.completions.stream(model="mine", messages=MESSAGES) as stream:
            whole = await stream.final()
        assert whole.text == reply.text != ""
        assert reply.model.startswith("mine")
        heard = await client.audio.transcriptions.create(model="voice", file=("a.wav", WAV))
        assert heard.text
        with pytest.raises(NotFoundError):
            await client.chat.completions.create(model="other", messages=MESSAGES)
    async with AsyncAzureClient(api_key="wrong", **settings) as client:
        with pytest.raises(AuthenticationError):
            await client.chat.completions.create(model="mine", messages=MESSAGES)


async def test_the_deployment_of_the_path_wins(server: Serving) -> None:
    """Whatever `model` the body names, JSON or form, the deployment in the path answers."""
    settings: dict[str, Any] = {"azure_endpoint": server.origin, "api_version": DATED}
    async with AsyncAzureClient(api_key="secret", azure_deployment="mine", **settings) as client:
        reply = await client.chat.completions.create(model="gpt-4o", messages=MESSAGES)
        assert reply.model.startswith("mine")
    async with AsyncAzureClient(api_key="secret", azure_deployment="voice", **settings) as client:
        assert (await client.audio.transcriptions.create(model="gpt-4o", file=("a.wav", WAV))).text
