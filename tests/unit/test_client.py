"""How a client is configured, as the server sees it: call > client > environment > default."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path
from typing import Any

import anyio
import httpx
import httpx2
import pytest

from openai_async import (
    NULL,
    APIStatusError,
    APITimeoutError,
    AsyncClient,
    AuthenticationError,
    ConfigurationError,
    DeadlineExceededError,
    InternalServerError,
    NotFoundError,
    Timeout,
)
from openai_async.emulator import Emulator, RateLimits
from openai_async.testing import FaultServer, Request, Stall, json_reply, no_leaks, sse

MESSAGES = [{"role": "user", "content": "Hello!"}]
COMPLETION = {"id": "chatcmpl-1", "choices": [{"index": 0, "message": {"role": "assistant", "content": "Hello!"}}]}
CHUNK = {"id": "chatcmpl-1", "choices": [{"index": 0, "delta": {"content": "Hello!"}}]}
BUSY = json_reply({"error": {"message": "busy"}}, 503, {"retry-after-ms": "1"})


@pytest.fixture
def server() -> Iterator[FaultServer]:
    """A server that always gives the same reply."""
    with FaultServer([json_reply(COMPLETION)]) as running:
        yield running


async def ask(client: AsyncClient, **options: Any) -> Any:
    return await client.chat.completions.create(model="m", messages=MESSAGES, **options)


async def asked(base_url: str, options: dict[str, Any] | None = None, **settings: Any) -> Any:
    """The reply to one call of a client with these settings."""
    async with AsyncClient(**{"api_key": "k", "base_url": base_url, **settings}) as client:
        return await ask(client, **options or {})


def sent_by(server: FaultServer) -> Request:
    """The only request that arrived."""
    (request,) = server.requests
    return request


def header_values(request: Request, name: str) -> list[str]:
    return [value.decode() for key, value in request.headers if key.decode().lower() == name]


# ---- keys, organisations, projects, addresses


async def test_the_key_comes_from_the_argument_the_environment_or_a_file(
    server: FaultServer, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Each wins over the next one; "ENV" asks the environment in so many words."""
    (tmp_path / "key").write_text("of-file\n")
    monkeypatch.setenv("OPENAI_API_KEY_PATH", str(tmp_path / "key"))
    await asked(server.base_url, api_key=None)
    monkeypatch.setenv("OPENAI_API_KEY", "of-environment")
    await asked(server.base_url, api_key=None)
    await asked(server.base_url, api_key="ENV")
    await asked(server.base_url, api_key="of-argument")
    keys = [request.header("authorization") for request in server.requests]
    assert keys == [f"Bearer {key}" for key in ("of-file", "of-environment", "of-environment", "of-argument")]


def test_no_key_anywhere_is_an_error_that_says_where_to_put_one() -> None:
    """The first thing a newcomer meets."""
    with pytest.raises(ConfigurationError, match=r"api_key=.*OPENAI_API_KEY"):
        AsyncClient()


@pytest.mark.parametrize(
    ("environment", "settings", "organization", "project"),
    [
        ({}, {}, None, None),
        ({"OPENAI_ORGANIZATION": "old"}, {}, "old", None),
        ({"OPENAI_ORGANIZATION": "old", "OPENAI_ORG_ID": "new"}, {}, "new", None),
        ({"OPENAI_ORG_ID": "new"}, {"organization": "own"}, "own", None),
        ({"OPENAI_ORG_ID": "", "OPENAI_ORGANIZATION": "old"}, {}, "old", None),
        ({"OPENAI_ORG_ID": "new"}, {"organization": []}, None, None),
        ({"OPENAI_PROJECT_ID": "env"}, {}, None, "env"),
        ({"OPENAI_PROJECT_ID": "env"}, {"project": "own"}, None, "own"),
    ],
)
async def test_organisation_and_project(
    environment: dict[str, str],
    settings: dict[str, Any],
    organization: str | None,
    project: str | None,
    server: FaultServer,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Argument before environment, new names before old ones; without any, the header is absent."""
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    await asked(server.base_url, **settings)
    request = sent_by(server)
    assert request.header("openai-organization") == organization
    assert request.header("openai-project") == project


@pytest.mark.parametrize(
    ("environment", "given", "base_url"),
    [
        ({}, None, "https://api.openai.com/v1"),
        ({"OPENAI_API_BASE": "https://old/v1"}, None, "https://old/v1"),
        ({"OPENAI_API_BASE": "https://old/v1", "OPENAI_BASE_URL": "https://new/v1/"}, None, "https://new/v1"),
        ({"OPENAI_BASE_URL": ""}, None, "https://api.openai.com/v1"),
        ({"OPENAI_BASE_URL": "https://new/v1"}, "https://own/v1", "https://own/v1"),
    ],
)
def test_the_base_url(
    environment: dict[str, str], given: str | None, base_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Argument before environment, the new name before the old one, the API itself last."""
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    client = AsyncClient(api_key="k", base_url=given)
    assert client.base_url == base_url
    assert repr(client) == f"<AsyncClient {base_url}>"


# ---- rotation


async def test_a_list_of_keys_is_used_in_turn_from_the_first(server: FaultServer) -> None:
    """One call after the other: first key, second, third, first again."""
    async with AsyncClient(api_key=["a", "b", "c"], base_url=server.base_url) as client:
        for _ in range(4):
            await ask(client)
    assert [request.header("authorization") for request in server.requests] == [f"Bearer {key}" for key in "abca"]


async def test_concurrent_calls_share_the_keys_evenly(server: FaultServer) -> None:
    """Nine calls at once with three keys: three calls each, no turn taken twice."""
    client = AsyncClient(api_key=["a", "b", "c"], base_url=server.base_url)
    async with client, anyio.create_task_group() as group:
        for _ in range(9):
            group.start_soon(ask, client)
    used = Counter(request.header("authorization") for request in server.requests)
    assert used == {"Bearer a": 3, "Bearer b": 3, "Bearer c": 3}


async def test_organisations_turn_independently_of_keys(server: FaultServer) -> None:
    """Three keys and two organisations: six calls use all six pairs."""
    settings: dict[str, Any] = {"api_key": ["a", "b", "c"], "organization": ["o", "p"]}
    async with AsyncClient(base_url=server.base_url, **settings) as client, anyio.create_task_group() as group:
        for _ in range(6):
            group.start_soon(ask, client)
    pairs = {(request.header("authorization"), request.header("openai-organization")) for request in server.requests}
    assert len(pairs) == 6


async def test_a_retry_takes_the_next_key() -> None:
    """A key that is refused for now is not asked again first."""
    with FaultServer([BUSY, BUSY, json_reply(COMPLETION)]) as server:
        await asked(server.base_url, api_key=["a", "b", "c"])
    assert [request.header("authorization") for request in server.requests] == ["Bearer a", "Bearer b", "Bearer c"]


@pytest.mark.parametrize("asynchronous", [False, True])
async def test_a_callable_key_is_asked_before_each_attempt(asynchronous: bool) -> None:
    """A token that lives for minutes is fresh on every retry, whether it comes at once or is awaited."""
    made: list[str] = []

    def make() -> str:
        made.append(f"token-{len(made) + 1}")
        return made[-1]

    async def make_later() -> str:
        await anyio.lowlevel.checkpoint()
        return make()

    with FaultServer([BUSY, json_reply(COMPLETION)]) as server:
        await asked(server.base_url, api_key=make_later if asynchronous else make)
    assert [request.header("authorization") for request in server.requests] == ["Bearer token-1", "Bearer token-2"]
    assert len(made) == 2


async def test_an_error_of_a_callable_key_is_the_callers_own(server: FaultServer) -> None:
    """What the user's code raises passes as it is; nothing is sent and nothing is retried."""

    def fail() -> str:
        raise LookupError("no token")

    with pytest.raises(LookupError, match="no token"):
        await asked(server.base_url, api_key=fail)
    assert server.requests == ()


# ---- headers and query


async def test_headers_of_a_call_win_over_those_of_the_client(server: FaultServer) -> None:
    """By name, in any case; each is sent once."""
    settings: dict[str, Any] = {
        "default_headers": {"X-A": "client", "x-b": "client", "User-Agent": "mine/1"},
        "organization": "client",
    }
    await asked(server.base_url, {"extra_headers": {"x-a": "call", "openai-ORGANIZATION": "call"}}, **settings)
    request = sent_by(server)
    assert header_values(request, "x-a") == ["call"]
    assert header_values(request, "x-b") == ["client"]
    assert header_values(request, "user-agent") == ["mine/1"]
    assert header_values(request, "openai-organization") == ["call"]


@pytest.mark.parametrize("level", ["client", "call"])
async def test_a_stated_header_replaces_the_credentials_own(level: str, server: FaultServer) -> None:
    """Whoever writes `Authorization` means it: there is never a second one."""
    headers = {"Authorization": "Basic own", "OpenAI-Project": "own"}
    options = {"extra_headers": headers} if level == "call" else {}
    settings = {"default_headers": headers} if level == "client" else {}
    await asked(server.base_url, options, project="client", **settings)
    request = sent_by(server)
    assert header_values(request, "authorization") == ["Basic own"]
    assert header_values(request, "openai-project") == ["own"]


async def test_queries_of_call_and_client_are_merged(server: FaultServer) -> None:
    """The call's wins by name; lists and mappings are spelt as the API spells them, None is left out."""
    query = {"b": 2, "c": [1, "x y"], "d": {"e": True}, "f": None}
    await asked(server.base_url, {"extra_query": query}, default_query={"a": "client", "b": "client"})
    path, _, encoded = sent_by(server).target.partition("?")
    assert path == "/v1/chat/completions"
    assert httpx.QueryParams(encoded).multi_items() == [
        ("a", "client"),
        ("b", "2"),
        ("c[]", "1"),
        ("c[]", "x y"),
        ("d[e]", "true"),
    ]


async def test_settings_of_one_call_do_not_stay(server: FaultServer) -> None:
    """The next call is as if the one before had not been."""
    async with AsyncClient(api_key="k", base_url=server.base_url, default_query={"a": "1"}) as client:
        await ask(client, extra_headers={"x-a": "1"}, extra_query={"b": "2"}, extra_body={"c": 3})
        await ask(client)
    _, second = server.requests
    assert second.target == "/v1/chat/completions?a=1"
    assert second.header("x-a") is None
    assert second.json() == {"model": "m", "messages": MESSAGES}


# ---- the body


async def test_none_is_left_out_and_null_is_sent(server: FaultServer) -> None:
    """None means "not given"; an explicit null has a name of its own."""
    await asked(server.base_url, {"temperature": None, "stop": NULL, "metadata": {"a": None}, "n": 0, "store": False})
    body = sent_by(server).json()
    assert body == {"model": "m", "messages": MESSAGES, "stop": None, "metadata": {"a": None}, "n": 0, "store": False}


async def test_unknown_parameters_pass_through(server: FaultServer) -> None:
    """A parameter of tomorrow needs no new version of the client."""
    await asked(server.base_url, {"parameter_of_tomorrow": {"deep": [1, 2.5, "x"]}})
    assert sent_by(server).json()["parameter_of_tomorrow"] == {"deep": [1, 2.5, "x"]}


async def test_the_extra_body_wins(server: FaultServer) -> None:
    """`extra_body` replaces parameters of the same name, and may send a null."""
    await asked(server.base_url, {"temperature": 1, "extra_body": {"temperature": 0, "top_k": 40, "stop": None}})
    assert sent_by(server).json() == {
        "model": "m",
        "messages": MESSAGES,
        "temperature": 0,
        "top_k": 40,
        "stop": None,
    }


async def test_options_never_reach_the_body(server: FaultServer) -> None:
    """What steers the call is not part of the request."""
    options: dict[str, Any] = {"timeout": 30, "deadline": 30, "max_retries": 1, "extra_headers": {"x-a": "1"}}
    await asked(server.base_url, {**options, "extra_query": {"a": "1"}, "extra_body": {"b": 1}})
    assert sent_by(server).json() == {"model": "m", "messages": MESSAGES, "b": 1}


async def test_the_callers_values_are_not_changed(server: FaultServer) -> None:
    """Arguments can be used again for the next call."""
    request: dict[str, Any] = {"model": "m", "messages": [*MESSAGES], "extra_headers": {"x-a": "1"}, "timeout": 30}
    before = json.dumps(request)
    async with AsyncClient(api_key="k", base_url=server.base_url) as client:
        await client.chat.completions.create(**request)
        assert [result.error async for result in client.chat.completions.map([request, request])] == [None, None]
    assert json.dumps(request) == before
    assert len({sent.body for sent in server.requests}) == 1


# ---- time and retries


@pytest.mark.parametrize(
    ("settings", "options", "seconds"),
    [
        ({"timeout": 0.02}, {}, "0.02 s"),
        ({"timeout": Timeout(attempt=0.02)}, {}, "0.02 s"),
        ({"timeout": 60}, {"timeout": 0.03}, "0.03 s"),
        ({"timeout": None}, {"timeout": Timeout(attempt=0.03)}, "0.03 s"),
        ({"timeout": 0.02}, {"timeout": None}, "0.02 s"),
    ],
)
async def test_the_timeout_of_a_call_wins(settings: dict[str, Any], options: dict[str, Any], seconds: str) -> None:
    """Call before client; None of a call means "as the client"."""
    with FaultServer([(Stall(),)]) as server, pytest.raises(APITimeoutError, match=seconds):
        await asked(server.base_url, options, max_retries=0, **settings)


@pytest.mark.parametrize(("settings", "options"), [({"deadline": 0.02}, {}), ({"deadline": 60}, {"deadline": 0.02})])
async def test_the_deadline_of_a_call_wins(settings: dict[str, Any], options: dict[str, Any]) -> None:
    """A deadline is the call's own, or else the client's, and is not the timeout of one attempt."""
    with FaultServer([(Stall(),)]) as server, pytest.raises(DeadlineExceededError):
        await asked(server.base_url, options, **settings)
    assert len(server.requests) <= 1  # none, where the machine was too slow to send it in that time


@pytest.mark.parametrize(
    ("settings", "options", "requests"),
    [
        ({}, {}, 3),
        ({"max_retries": 1}, {}, 2),
        ({"max_retries": 0}, {}, 1),
        ({"max_retries": 1}, {"max_retries": 0}, 1),
        ({"max_retries": 0}, {"max_retries": 3}, 4),
        ({"max_retries": 1}, {"max_retries": None}, 2),
    ],
)
async def test_the_retries_of_a_call_win(settings: dict[str, Any], options: dict[str, Any], requests: int) -> None:
    """Two by default; the client's setting before that, the call's before all."""
    with FaultServer([BUSY]) as server, pytest.raises(InternalServerError) as caught:
        await asked(server.base_url, options, **settings)
    assert len(server.requests) == requests
    assert [attempt.number for attempt in caught.value.attempts] == [*range(1, requests + 1)]
    assert len({request.body for request in server.requests}) == 1


async def test_no_more_calls_than_max_concurrency_are_in_flight() -> None:
    """The others wait in the client, and all are answered."""
    emulator = Emulator()
    with emulator.run() as running:
        client = AsyncClient(api_key="k", base_url=running.base_url, max_concurrency=3)
        async with client, anyio.create_task_group() as group:
            for _ in range(20):
                group.start_soon(_ask_emulator, client)
    assert emulator.stats.ok == 20
    assert emulator.stats.max_in_flight <= 3


async def _ask_emulator(client: AsyncClient) -> None:
    await client.chat.completions.create(model="emulated-mini", messages=MESSAGES)


# ---- a client or transport of the user's own

Make = Callable[[], Any]
CLIENTS: dict[str, Make] = {"httpx": lambda: httpx.AsyncClient(), "httpx2": lambda: httpx2.AsyncClient()}
TRANSPORTS: dict[str, Make] = {
    "httpx": lambda: httpx.AsyncHTTPTransport(),
    "httpx2": lambda: httpx2.AsyncHTTPTransport(),
}


@pytest.mark.parametrize("library", CLIENTS)
@pytest.mark.parametrize("field", ["http_client", "transport"])
async def test_an_httpx_object_of_the_users_own_carries_the_calls(library: str, field: str) -> None:
    """Whole and streamed; it is left open when the client is closed, and serves another one."""
    own = (CLIENTS if field == "http_client" else TRANSPORTS)[library]()
    streamed = sse([CHUNK, "[DONE]"])
    with FaultServer([json_reply(COMPLETION), streamed, json_reply(COMPLETION)]) as server:
        settings: dict[str, Any] = {"api_key": "k", "base_url": server.base_url, field: own}
        async with own:
            async with AsyncClient(**settings) as client:
                assert (await ask(client)).text == "Hello!"
                async with client.chat.completions.stream(model="m", messages=MESSAGES) as chunks:
                    assert (await chunks.final()).text == "Hello!"
            assert not getattr(own, "is_closed", False)
            async with AsyncClient(**settings) as another:
                assert (await ask(another)).text == "Hello!"
    assert {request.connection for request in server.requests} == {1}


@pytest.mark.parametrize("library", [httpx, httpx2])
@pytest.mark.parametrize("field", ["http_client", "transport"])
async def test_a_mock_transport_takes_the_place_of_a_server(library: Any, field: str) -> None:
    """A test of the user's own needs no socket; it sees the request that a server would see."""
    seen: list[Any] = []

    async def answer(request: Any) -> Any:
        await request.aread()
        seen.append(request)
        if json.loads(request.content).get("stream"):
            return library.Response(200, text=f"data: {json.dumps(CHUNK)}\n\ndata: [DONE]\n\n")
        return library.Response(200, json=COMPLETION, headers={"x-request-id": "req_1"})

    transport = library.MockTransport(answer)
    settings = {field: transport if field == "transport" else library.AsyncClient(transport=transport)}
    async with AsyncClient(api_key="k", base_url="https://api.example.com/v1", **settings) as client:
        reply = await ask(client)
        async with client.chat.completions.stream(model="m", messages=MESSAGES) as chunks:
            assert (await chunks.final()).text == "Hello!"
    assert (reply.text, reply.request_id) == ("Hello!", "req_1")
    assert str(seen[0].url) == "https://api.example.com/v1/chat/completions"
    assert seen[0].headers["authorization"] == "Bearer k"
    assert seen[0].headers["host"] == "api.example.com"


@pytest.mark.parametrize("library", [httpx, httpx2])
async def test_hooks_of_an_own_client_run(library: Any, server: FaultServer) -> None:
    """Who brings a client brings its event hooks along."""
    seen: list[str] = []

    async def on_request(request: Any) -> None:
        seen.append(request.method)

    async def on_response(response: Any) -> None:
        seen.append(str(response.status_code))

    async with library.AsyncClient(event_hooks={"request": [on_request], "response": [on_response]}) as own:
        await asked(server.base_url, http_client=own)
    assert seen == ["POST", "200"]


# ---- closing


async def test_a_closed_client_leaves_nothing_open_and_can_be_used_again(server: FaultServer) -> None:
    """`aclose` closes the connections; the next call opens new ones."""
    async with no_leaks():
        client = AsyncClient(api_key="k", base_url=server.base_url)
        await ask(client)
        await ask(client)
        await client.aclose()
        await client.aclose()
        await ask(client)
        await client.aclose()
    assert [request.connection for request in server.requests] == [1, 1, 2]


async def test_a_client_that_never_called_closes_at_once() -> None:
    """Nothing was opened, so there is nothing to do."""
    async with no_leaks(), AsyncClient(api_key="k"):
        pass


# ---- what comes beside a reply

SEEN_HEADERS = {
    "x-request-id": "req_1",
    "openai-processing-ms": "865",
    "openai-organization": "org-1",
    "openai-version": "2020-10-01",
    "openai-model": "m-2026-01-01",
    "x-ratelimit-limit-requests": "200",
    "x-ratelimit-limit-tokens": "40000",
    "x-ratelimit-remaining-requests": "21",
    "x-ratelimit-remaining-tokens": "39973",
    "x-ratelimit-reset-requests": "21h26m17.041s",
    "x-ratelimit-reset-tokens": "40ms",
}


async def test_replies_carry_what_the_headers_say() -> None:
    """Request id, time, rate limits and attempts are on the reply, and all headers are on its `meta`."""
    with FaultServer([BUSY, json_reply(COMPLETION, headers=SEEN_HEADERS)]) as server:
        reply = await asked(server.base_url)
    assert (reply.request_id, reply.processing_ms) == ("req_1", 865)
    assert (reply.meta.organization, reply.meta.version, reply.meta.model) == ("org-1", "2020-10-01", "m-2026-01-01")
    limits = reply.rate_limits
    assert (limits.requests.limit, limits.requests.remaining) == (200, 21)
    assert (limits.tokens.limit, limits.tokens.remaining) == (40000, 39973)
    assert (limits.requests.reset, limits.tokens.reset) == (pytest.approx(77177.041), 0.04)
    assert [(attempt.outcome, attempt.status) for attempt in reply.attempts] == [("rejected", 503), ("completed", 200)]
    assert reply.attempts[0].error == "InternalServerError"
    assert reply.meta.headers["x-request-id"] == "req_1"
    assert "meta" not in reply.to_dict()


async def test_streams_carry_what_the_headers_say() -> None:
    """A stream knows its request from the start, and so does the reply it amounts to."""
    with FaultServer([sse([CHUNK, "[DONE]"], headers=SEEN_HEADERS)]) as server:
        client = AsyncClient(api_key="k", base_url=server.base_url)
        async with client, client.chat.completions.stream(model="m", messages=MESSAGES) as chunks:
            assert (chunks.request_id, chunks.rate_limits.tokens.remaining) == ("req_1", 39973)
            whole = await chunks.final()
    assert (whole.request_id, whole.processing_ms, len(whole.attempts)) == ("req_1", 865, 1)


async def test_errors_carry_what_the_headers_say() -> None:
    """The id of the failed request, for those who can look it up."""
    refused = json_reply({"error": {"message": "no", "code": "c", "type": "t", "param": "p"}}, 401, SEEN_HEADERS)
    with FaultServer([refused]) as server, pytest.raises(AuthenticationError) as caught:
        await asked(server.base_url)
    error = caught.value
    assert (error.request_id, error.code, error.type, error.param) == ("req_1", "c", "t", "p")
    assert (error.status_code, len(error.attempts), error.possibly_billed) == (401, 1, False)


async def test_rate_limits_of_a_real_conversation() -> None:
    """Every reply says what is left, less after each call."""
    emulator = Emulator(limits=RateLimits(requests_per_minute=10), clock=lambda: 0.0)
    with emulator.run() as running:
        async with AsyncClient(api_key="k", base_url=running.base_url) as client:
            left = [
                (await client.chat.completions.create(model="emulated-mini", messages=MESSAGES)).rate_limits.requests
                for _ in range(3)
            ]
    assert [bucket.limit for bucket in left] == [10, 10, 10]
    assert [bucket.remaining for bucket in left] == [9, 8, 7]


# ---- models


@pytest.fixture(scope="module")
def emulated() -> Iterator[str]:
    """Base URL of a running emulator."""
    with Emulator(any_model=False).run() as running:
        yield running.base_url


async def test_models_are_listed_and_retrieved(emulated: str) -> None:
    """The list can be iterated and counted; each of its ids can be asked for."""
    async with AsyncClient(api_key="k", base_url=emulated) as client:
        models = await client.models.list()
        assert len(models) == len([*models]) == len(models.data) > 1
        assert models.request_id
        for model in models:
            found = await client.models.retrieve(model.id)
            assert found == model
            assert found.request_id != models.request_id


async def test_an_unknown_model_is_not_found(emulated: str) -> None:
    """404 has a class of its own, and is not tried again."""
    async with AsyncClient(api_key="k", base_url=emulated) as client:
        with pytest.raises(NotFoundError) as caught:
            await client.models.retrieve("no-such-model")
        with pytest.raises(APIStatusError):
            await client.chat.completions.create(model="no-such-model", messages=MESSAGES)
    assert len(caught.value.attempts) == 1
    assert caught.value.code == "model_not_found"


@pytest.mark.parametrize("options", [{"extra_headers": {"x-a": "1"}}, {"extra_query": {"a": "1"}}, {"max_retries": 0}])
async def test_models_take_the_options_of_every_call(options: dict[str, Any]) -> None:
    """Headers and query are sent, and a GET has no body."""
    with FaultServer([json_reply({"object": "list", "data": []})]) as server:
        async with AsyncClient(api_key="k", base_url=server.base_url) as client:
            await client.models.list(**options)
    request = sent_by(server)
    assert (request.method, request.body) == ("GET", b"")
    assert request.target == "/v1/models" + ("?a=1" if "extra_query" in options else "")
    assert request.header("x-a") == ("1" if "extra_headers" in options else None)


# ---- conversations


async def test_the_message_of_a_reply_goes_back_as_it_is(emulated: str) -> None:
    """A conversation is a list that replies are appended to."""
    messages: list[Any] = [*MESSAGES]
    async with AsyncClient(api_key="k", base_url=emulated) as client:
        for _ in range(3):
            reply = await client.chat.completions.create(model="emulated-mini", messages=messages)
            messages += [reply.choices[0].message, {"role": "user", "content": "And then?"}]
    assert reply.usage is not None
    assert reply.text


async def test_a_message_keeps_its_tool_calls_and_unknown_fields_on_the_way_back() -> None:
    """What the model said is sent back word for word, also what this version has no name for."""
    message = {
        "role": "assistant",
        "content": None,
        "tool_calls": [{"id": "call_1", "type": "function", "function": {"name": "f", "arguments": '{"a": 1}'}}],
        "reasoning_content": "Hm.",
    }
    reply = {"id": "chatcmpl-1", "choices": [{"index": 0, "message": message, "finish_reason": "tool_calls"}]}
    with FaultServer([json_reply(reply), json_reply(COMPLETION)]) as server:
        async with AsyncClient(api_key="k", base_url=server.base_url) as client:
            first = await ask(client)
            answer = {"role": "tool", "tool_call_id": "call_1", "content": "2"}
            said = first.choices[0].message
            await client.chat.completions.create(model="m", messages=[*MESSAGES, said, answer])
    assert server.requests[1].json()["messages"] == [
        *MESSAGES,
        {name: value for name, value in message.items() if value is not None},
        answer,
    ]


async def test_a_streamed_reply_goes_back_like_a_whole_one(emulated: str) -> None:
    """`final()` has the shape of a reply that was not streamed."""
    async with AsyncClient(api_key="k", base_url=emulated) as client:

        async def streamed() -> Any:
            async with client.chat.completions.stream(model="emulated-mini", messages=MESSAGES) as chunks:
                return await chunks.final()

        async def whole() -> Any:
            return await client.chat.completions.create(model="emulated-mini", messages=MESSAGES)

        ways: list[Callable[[], Awaitable[Any]]] = [streamed, whole]
        first, second = [await way() for way in ways]
        assert first.text == second.text
        assert first.choices[0].finish_reason == second.choices[0].finish_reason
        again = await client.chat.completions.create(
            model="emulated-mini", messages=[*MESSAGES, first.choices[0].message, *MESSAGES]
        )
    assert again.usage.prompt_tokens > first.usage.prompt_tokens == second.usage.prompt_tokens
