"""Azure OpenAI: how a client for it is set up, what is refused, and what its servers say differently."""

from __future__ import annotations

import inspect
import traceback
from collections.abc import Callable
from typing import Any

import anyio.to_thread
import pytest

from openai_async import (
    AsyncAzureClient,
    AsyncClient,
    AuthenticationError,
    AzureClient,
    ConfigurationError,
    ContentFilterError,
    DeadlineExceededError,
    InvalidParameterError,
    NotFoundError,
    OpenAIError,
    RateLimit,
    RateLimitError,
)
from openai_async._limits.pool import Pool
from openai_async.azure import ClientSettings
from openai_async.testing import FaultServer, Request, json_reply, sse

MESSAGES: Any = [{"role": "user", "content": "Hello!"}]
DATED = "2024-10-21"
SAFE = {"filtered": False, "severity": "safe"}
FILTERS = {"hate": SAFE, "jailbreak": {"detected": False, "filtered": False}}
COMPLETION: dict[str, Any] = {
    "id": "chatcmpl-1",
    "object": "chat.completion",
    "created": 1,
    "model": "gpt-4.1-2025-04-14",
    "prompt_filter_results": [{"prompt_index": 0, "content_filter_results": FILTERS}],
    "choices": [
        {
            "index": 0,
            "message": {"role": "assistant", "content": "Hi."},
            "finish_reason": "stop",
            "content_filter_results": FILTERS,
        }
    ],
    "usage": {"prompt_tokens": 9, "completion_tokens": 3, "total_tokens": 12},
}


def root(server: FaultServer) -> str:
    return server.base_url.removesuffix("/v1")


def azure(server: FaultServer, **settings: Any) -> AsyncAzureClient:
    return AsyncAzureClient(**{"azure_endpoint": root(server), "api_version": DATED, "api_key": "k", **settings})


async def ask(client: AsyncClient, **options: Any) -> Any:
    return await client.chat.completions.create(**{"model": "gpt-4.1", "messages": MESSAGES, **options})


def targets(server: FaultServer) -> list[str]:
    return [request.target for request in server.requests]


# ---- setting it up

ENDPOINT = "https://mine.openai.azure.com"
RIGHT: list[tuple[dict[str, Any], str]] = [
    ({}, f"{ENDPOINT}/openai/v1"),
    ({"api_version": "v1"}, f"{ENDPOINT}/openai/v1"),
    ({"api_version": "preview"}, f"{ENDPOINT}/openai/v1"),
    ({"api_version": "latest"}, f"{ENDPOINT}/openai/v1"),
    ({"api_version": DATED}, f"{ENDPOINT}/openai"),
    ({"api_version": "2025-04-01-preview"}, f"{ENDPOINT}/openai"),
    ({"api_version": DATED, "azure_deployment": "d"}, f"{ENDPOINT}/openai"),
]


@pytest.mark.parametrize(("settings", "base_url"), RIGHT)
def test_the_version_chooses_the_form(settings: dict[str, Any], base_url: str) -> None:
    """A date stands for the older form; nothing, or a word, for the v1 form."""
    for kind in (AsyncAzureClient, AzureClient):
        client = kind(azure_endpoint=ENDPOINT + "/", api_key="k", **settings)
        assert client.base_url == base_url
        assert repr(client) == f"<{kind.__name__} {base_url}>"


WRONG: list[tuple[dict[str, Any], str, str]] = [
    ({"azure_endpoint": None}, "azure_endpoint", "AZURE_OPENAI_ENDPOINT"),
    ({"azure_endpoint": ""}, "azure_endpoint", "AZURE_OPENAI_ENDPOINT"),
    ({"api_key": None}, "api_key", "azure_ad_token=.*AZURE_OPENAI_API_KEY"),
    ({"azure_deployment": "d"}, "api_version", "OPENAI_API_VERSION"),
    ({"azure_deployment": "d", "api_version": "preview"}, "api_version", "OPENAI_API_VERSION"),
    ({"azure_deployment": "..", "api_version": DATED}, "azure_deployment", "path segments"),
    ({"azure_deployment": "", "api_version": DATED}, "azure_deployment", "non-empty"),
    ({"azure_endpoint": "mine.openai.azure.com"}, "azure_endpoint", "https"),
    ({"azure_endpoint": "http://mine.openai.azure.com"}, "azure_endpoint", "plain http"),
    ({"azure_endpoint": ENDPOINT + "/openai/v1/"}, "azure_endpoint", "base_url"),
    ({"azure_endpoint": ENDPOINT + "/openai/deployments/d"}, "azure_endpoint", "base_url"),
    ({"base_url": ENDPOINT}, "azure_endpoint and base_url", "one of them"),
    ({"azure_ad_token": "canary"}, "api_key and azure_ad_token", "one of them"),
    ({"azure_ad_token_provider": str}, "api_key and azure_ad_token_provider", "one of them"),
    ({"api_key": None, "azure_ad_token": "canary\n"}, "azure_ad_token", "newline"),
    ({"api_key": None, "azure_ad_token_provider": "canary"}, "azure_ad_token_provider", "callable"),
    ({"api_key": ["canary", ""]}, "api_key[1]", "non-empty"),
    ({"max_retries": -1}, "max_retries", "0 or more"),
    ({"default_query": 5}, "default_query", "mapping"),
]


@pytest.mark.parametrize("kind", [AsyncAzureClient, AzureClient])
@pytest.mark.parametrize(("settings", "field", "says"), WRONG)
def test_what_is_missing_or_wrong_is_named(settings: dict[str, Any], field: str, says: str, kind: Any) -> None:
    """The argument is named, and the variable that would do as well; a key is never shown, in no frame either."""
    with pytest.raises(ConfigurationError, match=f"(?s){says}") as caught:
        kind(**{"azure_endpoint": ENDPOINT, "api_key": "canary", **settings})
    assert caught.value.field == field
    shown = traceback.TracebackException.from_exception(caught.value, capture_locals=True)
    frames = [frame for frame in shown.stack if "/openai_async/" in frame.filename]
    assert "canary" not in str(caught.value) + str([frame.locals for frame in frames])


@pytest.mark.parametrize(
    ("name", "value"),
    [("AZURE_OPENAI_ENDPOINT", "nonsense"), ("AZURE_OPENAI_API_KEY", "a b"), ("AZURE_OPENAI_AD_TOKEN", "a\n")],
)
def test_a_variable_that_is_wrong_is_named(name: str, value: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """And not the argument, which nobody has given."""
    monkeypatch.setenv("AZURE_OPENAI_ENDPOINT", ENDPOINT)
    monkeypatch.setenv("AZURE_OPENAI_API_KEY", "k")
    monkeypatch.setenv(name, value)
    with pytest.raises(ConfigurationError) as caught:
        AsyncAzureClient()
    assert caught.value.field == name


async def test_env_asks_for_the_key_of_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """As everywhere else; a token that lies there, too, is passed over then."""
    monkeypatch.setenv("AZURE_OPENAI_API_KEY", "of-environment")
    monkeypatch.setenv("AZURE_OPENAI_AD_TOKEN", "token")
    with FaultServer([json_reply(COMPLETION)]) as server:
        async with azure(server, api_key="ENV") as client:
            await ask(client)
    assert server.requests[0].header("api-key") == "of-environment"


def test_it_takes_whatever_any_client_takes() -> None:
    """Nothing of `AsyncClient` is missing, and nothing has another type."""
    ours = inspect.signature(AsyncClient).parameters
    shared = ClientSettings.__annotations__
    stated = inspect.signature(AsyncAzureClient).parameters
    assert {*shared} == {*ours} - {"api_key", "base_url"}
    assert {*stated} & {*ours} == {"api_key", "base_url"}
    for name, annotation in shared.items():
        assert annotation.__forward_arg__ == ours[name].annotation


# ---- where requests go


@pytest.mark.parametrize(
    "name", ["..", ".", "", "a/../b", "%2e%2e", "..\\x", "a\x00b", "%2e%2e%2fadmin", 5, None, "\ud800"]
)
async def test_a_deployment_cannot_climb_out_of_its_path(name: Any) -> None:
    """A model that would is refused before a byte is sent; so is one that is missing."""
    with FaultServer([json_reply(COMPLETION)]) as server:
        async with azure(server) as client:
            with pytest.raises(InvalidParameterError) as caught:
                await client.embeddings.create(model=name, input="x")
            with pytest.raises(InvalidParameterError):
                await ask(client, model="m", extra_body={"model": name})
        assert caught.value.field == "model"
        assert not server.requests


async def test_a_fixed_deployment_is_where_every_model_is() -> None:
    """The request's own model goes along in the body; what belongs to no deployment stands beside it."""
    with FaultServer([json_reply({**COMPLETION, "data": []})]) as server:
        async with azure(server, azure_deployment="my one") as client:
            await ask(client, extra_query={"x": 1})
            await client.models.list()
        chat, models = server.requests
    assert chat.target == f"/openai/deployments/my%20one/chat/completions?api-version={DATED}&x=1"
    assert chat.json()["model"] == "gpt-4.1"
    assert models.target == f"/openai/models?api-version={DATED}"


async def test_the_v1_form_has_no_version_unless_asked_for() -> None:
    """The deployment is the model there. A query of the client is kept."""
    with FaultServer([json_reply(COMPLETION)]) as server:
        async with azure(server, api_version=None, default_query={"a": "b"}) as client:
            await ask(client)
        async with azure(server, api_version="preview") as client:
            await ask(client)
        async with azure(server, azure_endpoint=None, base_url=root(server) + "/openai/v1", api_version=None) as client:
            await ask(client)
    assert targets(server) == [
        "/openai/v1/chat/completions?a=b",
        "/openai/v1/chat/completions?api-version=preview",
        "/openai/v1/chat/completions",
    ]


def test_threads_have_it_too() -> None:
    """The synchronous client sends the same."""
    with FaultServer([json_reply(COMPLETION)]) as server:
        with AzureClient(azure_endpoint=root(server), api_version=DATED, azure_ad_token_provider=lambda: "t") as client:
            assert client.chat.completions.create(model="m", messages=MESSAGES).text == "Hi."
        (request,) = server.requests
    assert request.target == f"/openai/deployments/m/chat/completions?api-version={DATED}"
    assert (request.header("authorization"), request.header("api-key")) == ("Bearer t", None)


# ---- credentials


async def _token() -> str:
    await anyio.to_thread.run_sync(lambda: None)
    return "fresh"


@pytest.mark.parametrize("provider", [lambda: "fresh", _token])
async def test_a_token_is_asked_for_before_each_attempt(provider: Callable[[], Any]) -> None:
    """A callable, sync or async: the token of a retry is not the one that has just run out."""
    asked = 0

    def counted() -> Any:
        nonlocal asked
        asked += 1
        return provider()

    busy = json_reply({"error": {"message": "busy"}}, 503, {"retry-after-ms": "1"})
    with FaultServer([busy, json_reply(COMPLETION)]) as server:
        async with azure(server, api_key=None, azure_ad_token_provider=counted) as client:
            await ask(client)
    assert asked == 2
    assert [request.header("authorization") for request in server.requests] == ["Bearer fresh"] * 2


async def test_keys_are_used_in_turn() -> None:
    """A list of keys is as good here as anywhere."""
    with FaultServer([json_reply(COMPLETION)]) as server:
        async with azure(server, api_key=["one", "two"]) as client:
            for _ in range(4):
                await ask(client)
    assert [request.header("api-key") for request in server.requests] == ["one", "two"] * 2


async def test_a_token_that_cannot_be_sent_is_the_providers_fault() -> None:
    """The error names the argument, and shows nothing."""
    with FaultServer([json_reply(COMPLETION)]) as server:
        async with azure(server, api_key=None, azure_ad_token_provider=lambda: "canary\n") as client:
            with pytest.raises(ConfigurationError) as caught:
                await ask(client)
        assert caught.value.field == "azure_ad_token_provider"
        assert "canary" not in str(caught.value)
        assert not server.requests


async def test_a_key_that_the_server_quotes_is_masked() -> None:
    """Also where it looks like no key of the API."""
    refusal = json_reply(
        {"error": {"code": "401", "message": "Access denied due to invalid key 0123456789abcdef."}}, 401
    )
    with FaultServer([refusal]) as server:
        async with azure(server, api_key="0123456789abcdef") as client:
            with pytest.raises(AuthenticationError) as caught:
                await ask(client)
    assert "0123" not in str(caught.value) + str(caught.value.body)


# ---- limits


async def test_tokens_count_as_they_are_used() -> None:
    """A reply that is shorter than its bound gives the rest back; OpenAI's limits do not."""
    limits = RateLimit(tokens_per_minute=1_200)
    options = {"max_completion_tokens": 1_000, "deadline": 0.2}
    with FaultServer([json_reply(COMPLETION)]) as server:
        async with azure(server, rate_limit=limits) as client:
            for _ in range(3):
                await ask(client, **options)
        others: list[AsyncClient] = [
            AsyncClient(api_key="k", base_url=server.base_url, rate_limit=limits),
            azure(server, rate_limit=RateLimit(tokens_per_minute=1_200, accounting="admission")),
        ]
        for other in others:
            async with other:
                await ask(other, **options)
                with pytest.raises(DeadlineExceededError):
                    await ask(other, **options)


def test_limits_that_are_learned_count_in_the_same_way() -> None:
    """What is learned from headers says nothing of how tokens are counted: the service does."""
    assert Pool(None, 0.0).accounting == "admission"
    assert Pool(None, 0.0, "settle").accounting == "settle"
    assert Pool(RateLimit(accounting="realtime"), 0.0, "settle").accounting == "realtime"


HEADERS = [
    (("250", "249", "10"), (250.0, 249.0, 10.0)),
    (("250", "0", "0"), (250.0, 0.0, 0.0)),
    (("-1", "-1", "0"), (None, None, None)),
    (("0", "0", "-1"), (None, None, None)),
    (("250", "-1", "6s"), (250.0, None, 6.0)),
    (("", "", ""), (None, None, None)),
]


@pytest.mark.parametrize(("sent", "read"), HEADERS)
async def test_limits_in_plain_numbers_are_read(sent: tuple[str, ...], read: tuple[float | None, ...]) -> None:
    """Durations without a unit are seconds; 0 and -1 say that nothing is known."""
    names = ("limit", "remaining", "reset")
    headers = {f"x-ratelimit-{name}-tokens": value for name, value in zip(names, sent, strict=True) if value}
    headers["apim-request-id"] = "r-1"
    with FaultServer([json_reply(COMPLETION, 200, headers)]) as server:
        async with azure(server) as client:
            for _ in range(3):  # none of it stops the next call
                reply = await ask(client)
    tokens = reply.rate_limits.tokens
    assert (tokens.limit, tokens.remaining, tokens.reset) == read
    assert reply.request_id == "r-1"


async def test_milliseconds_to_wait_are_obeyed_before_seconds() -> None:
    """`retry-after-ms` is the finer word of the two."""
    body = {"error": {"code": "429", "message": "Requests to the API have exceeded the call rate limit."}}
    busy = json_reply(body, 429, {"retry-after-ms": "2", "retry-after": "60"})
    with FaultServer([busy, json_reply(COMPLETION)]) as server:
        async with azure(server) as client:
            assert (await ask(client, deadline=20)).text == "Hi."
    with FaultServer([busy]) as server:
        async with azure(server, max_retries=0) as client:
            with pytest.raises(RateLimitError) as caught:
                await ask(client)
    assert (caught.value.retry_after, caught.value.code) == (0.002, "429")


# ---- content filters and other errors

REFUSED = {
    "error": {
        "message": "The response was filtered due to the prompt triggering the content management policy.",
        "type": None,
        "param": "prompt",
        "code": "content_filter",
        "status": 400,
        "innererror": {"code": "ResponsibleAIPolicyViolation", "content_filter_result": FILTERS},
    }
}
ERRORS: list[tuple[int, dict[str, Any], type[OpenAIError], str]] = [
    (400, REFUSED, ContentFilterError, "content management policy"),
    (404, {"error": {"code": "DeploymentNotFound", "message": "No such deployment."}}, NotFoundError, "deployment"),
    (401, {"statusCode": 401, "message": "Access denied."}, AuthenticationError, "Access denied"),
    (429, {"statusCode": 429, "message": "Rate limit is exceeded."}, RateLimitError, "exceeded"),
]


@pytest.mark.parametrize(("status", "body", "kind", "says"), ERRORS)
async def test_its_errors_are_ours(status: int, body: dict[str, Any], kind: type[OpenAIError], says: str) -> None:
    """Those of the models and those of the gateway before them."""
    with FaultServer([json_reply(body, status)]) as server:
        async with azure(server, max_retries=0) as client:
            with pytest.raises(kind, match=says):
                await ask(client)


async def test_what_the_filter_found_is_in_the_error_and_in_the_reply() -> None:
    """Category by category, as it was sent."""
    with FaultServer([json_reply(REFUSED, 400), json_reply(COMPLETION)]) as server:
        async with azure(server) as client:
            with pytest.raises(ContentFilterError) as caught:
                await ask(client)
            reply = await ask(client)
    body: Any = caught.value.body
    assert body["innererror"]["content_filter_result"] == FILTERS
    assert (caught.value.code, caught.value.param) == ("content_filter", "prompt")
    assert reply.prompt_filter_results[0]["content_filter_results"] == FILTERS
    assert reply.choices[0].content_filter_results == FILTERS
    assert reply.to_dict() == COMPLETION


HEAD = {"id": "c-1", "object": "chat.completion.chunk", "created": 7, "model": "gpt-4.1"}
STREAM: list[dict[str, Any]] = [
    {
        "choices": [],
        "created": 0,
        "id": "",
        "model": "",
        "object": "",
        "prompt_filter_results": COMPLETION["prompt_filter_results"],
    },
    {**HEAD, "choices": [{"index": 0, "delta": {"role": "assistant", "content": ""}, "finish_reason": None}]},
    {**HEAD, "choices": [{"index": 0, "delta": {"content": "Hi"}, "content_filter_results": FILTERS}]},
    {**HEAD, "choices": [{"index": 0, "delta": {"content": "."}, "finish_reason": "stop"}]},
    {
        "choices": [{"index": 0, "content_filter_offsets": {"end_offset": 2}, "content_filter_results": FILTERS}],
        "id": "",
        "model": "",
        "object": "",
    },
    {**HEAD, "choices": [], "usage": COMPLETION["usage"]},
]


async def test_streams_begin_with_the_filter_and_end_as_any_other() -> None:
    """The first event has no choice, some have no delta and no id: the whole is as if they were not there."""
    with FaultServer([sse([*STREAM, "[DONE]"])]) as server:
        async with (
            azure(server) as client,
            client.chat.completions.stream(model="gpt-4.1", messages=MESSAGES) as stream,
        ):
            texts = [chunk.text async for chunk in stream]
            whole = await stream.final()
    assert texts == ["", "", "Hi", ".", "", ""]
    assert (whole.id, whole.created, whole.model, whole.text) == ("c-1", 7, "gpt-4.1", "Hi.")
    assert (whole.choices[0].finish_reason, whole.usage.total_tokens if whole.usage else 0) == ("stop", 12)
    assert whole.prompt_filter_results == COMPLETION["prompt_filter_results"]  # type: ignore[attr-defined]
    assert whole.choices[0].content_filter_results == FILTERS  # type: ignore[attr-defined]


async def test_a_filter_that_strikes_midway_is_a_finish_reason_or_an_error() -> None:
    """Both ways are in use; what had arrived is kept in the error."""
    first = {**HEAD, "choices": [{"index": 0, "delta": {"content": "Hi"}}]}
    stopped = {**HEAD, "choices": [{"index": 0, "delta": {}, "finish_reason": "content_filter"}]}
    with FaultServer([sse([first, stopped, "[DONE]"]), sse([first, REFUSED])]) as server:
        async with azure(server) as client:
            async with client.chat.completions.stream(model="m", messages=MESSAGES) as stream:
                whole = await stream.final()
            assert whole.choices[0].finish_reason == "content_filter"
            async with client.chat.completions.stream(model="m", messages=MESSAGES) as stream:
                with pytest.raises(ContentFilterError) as caught:
                    await stream.final()
    assert caught.value.partial.text == "Hi"


def _seen(request: Request) -> set[str]:
    return {name.decode().lower() for name, _ in request.headers}


async def test_nothing_else_is_sent() -> None:
    """One credential, and no other header than to the API itself."""
    with FaultServer([json_reply(COMPLETION)]) as server:
        async with azure(server) as client:
            await ask(client)
        async with AsyncClient(api_key="k", base_url=server.base_url) as plain:
            await ask(plain)
        mine, official = server.requests
    assert _seen(mine) - {"api-key"} == _seen(official) - {"authorization"}
