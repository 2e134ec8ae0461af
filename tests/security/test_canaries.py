"""Keys and prompts stay out of logs, errors, tracebacks, pickles and reprs, whatever happens to a call.

Each canary is a value that no code would make up. It is sent for real, over a real socket, and then looked for in
everything that a log file, a crash reporter with local variables, or a process pool would take with it.
"""

from __future__ import annotations

import gc
import logging
import pickle
import traceback
from collections.abc import AsyncGenerator, Awaitable, Callable, Iterator, Mapping
from contextlib import asynccontextmanager
from typing import Any, TypeAlias

import httpx
import httpx2
import pytest

from openai_async import APIError, AsyncClient, ConfigurationError, InvalidParameterError, OpenAIError, Timeout
from openai_async.testing import FaultServer, Fin, Gate, Request, Rst, Script, Send, Stall, json_reply, respond, sse

#: Not in the form of a key, so that only knowing it can mask it.
KEY = "CanaryKey0123456789"
HEADER = "CanaryHeader0123456789"
PASSWORD = "CanaryPassword0123456789"
PROMPT = "CanaryPrompt 0123456789"
CANARIES = ("CanaryKey", "CanaryHeader", "CanaryPassword", "CanaryPrompt")

MESSAGES = [{"role": "user", "content": PROMPT}]
COMPLETION = {"id": "chatcmpl-1", "choices": [{"index": 0, "message": {"role": "assistant", "content": "Hello!"}}]}
CHUNK = {"id": "chatcmpl-1", "choices": [{"index": 0, "delta": {"content": "Hel"}}]}
ECHO = {"error": {"message": f"Incorrect API key provided: {KEY}.", "type": KEY, "code": KEY, "param": KEY, KEY: [KEY]}}
STATUSES = (400, 401, 402, 403, 404, 408, 409, 413, 422, 429, 500, 502, 503, 504, 529)

Use: TypeAlias = Callable[[AsyncClient], Awaitable[object]]


# ---- the ways to call


async def create(client: AsyncClient) -> object:
    return await client.chat.completions.create(model="m", messages=MESSAGES)


async def stream(client: AsyncClient) -> object:
    async with client.chat.completions.stream(model="m", messages=MESSAGES) as chunks:
        return await chunks.final()


async def stream_of_create(client: AsyncClient) -> object:
    async with await client.chat.completions.create(model="m", messages=MESSAGES, stream=True) as chunks:
        return [chunk async for chunk in chunks]


async def mapped(client: AsyncClient) -> object:
    async with client.chat.completions.map([{"messages": MESSAGES}], model="m") as results:
        return [result.unwrap() async for result in results]


async def retrieve(client: AsyncClient) -> object:
    return await client.models.retrieve("m")


WHOLE: Mapping[str, Use] = {"create": create, "map": mapped, "retrieve": retrieve}
STREAMED: Mapping[str, Use] = {"stream": stream, "stream of create": stream_of_create}
EVERY: Mapping[str, Use] = {**WHOLE, **STREAMED}


@pytest.fixture(params=["built-in", "httpx", "httpx.AsyncClient", "httpx2.AsyncClient"])
def wiring(request: pytest.FixtureRequest) -> str:
    """What carries the calls: each has tracebacks and logs of its own."""
    name: str = request.param
    return name


@asynccontextmanager
async def client_for(base_url: str, wiring: str = "built-in", **settings: Any) -> AsyncGenerator[AsyncClient]:
    """A client full of canaries."""
    settings = {"api_key": KEY, "max_retries": 0, "default_headers": {"api-key": HEADER}, **settings}
    if wiring == "httpx":
        settings["transport"] = "httpx"
    elif wiring != "built-in":
        library = httpx if wiring == "httpx.AsyncClient" else httpx2
        async with (
            library.AsyncClient(trust_env=False) as own,
            AsyncClient(base_url=base_url, http_client=own, **settings) as client,
        ):
            yield client
        return
    async with AsyncClient(base_url=base_url, **settings) as client:
        yield client


# ---- what is taken from a failure


async def failure_of(awaitable: Awaitable[object]) -> OpenAIError:
    """The error, as caught by a user."""
    try:
        await awaitable
    except OpenAIError as error:
        return error
    pytest.fail("nothing was raised")


def chain(error: BaseException) -> Iterator[BaseException]:
    """The error, its causes and its contexts, the suppressed ones included."""
    seen: dict[int, BaseException] = {}
    left = [error]
    while left:
        link = left.pop()
        if id(link) not in seen:
            seen[id(link)] = link
            left += [other for other in (link.__cause__, link.__context__) if other is not None]
            left += getattr(link, "exceptions", ())
    return iter(seen.values())


def told_by(error: BaseException) -> Iterator[tuple[str, str]]:
    """Everything an error tells, each piece with the place it was found in."""
    yield "format_exception", "".join(traceback.format_exception(error))
    for link in chain(error):
        kind = type(link).__name__
        yield f"str of {kind}", str(link)
        yield f"repr of {kind}", repr(link)
        yield f"attributes of {kind}", repr(vars(link))
        request = vars(link).get("_request")  # of an HTTP library, with everything that was sent
        yield f"request of {kind}", f"{request and request.headers.raw} {request and vars(request)}"
        if isinstance(link, OpenAIError):
            yield f"pickle of {kind}", repr(pickle.dumps(link))
    reports = [traceback.TracebackException.from_exception(error, capture_locals=True)]
    while reports:
        report = reports.pop()
        reports += [other for other in (report.__cause__, report.__context__) if other is not None]
        for frame in report.stack:
            if frame.filename != __file__:  # the callers' own frames hold what they sent
                for name, value in (frame.locals or {}).items():
                    yield f"local {name!r} of {frame.name} ({frame.filename}:{frame.lineno})", value


def told_by_logs(caplog: pytest.LogCaptureFixture) -> Iterator[tuple[str, str]]:
    for record in caplog.records:
        yield f"log of {record.name}", record.getMessage()
        yield f"record of {record.name}", repr(vars(record))


def assert_silent(*pieces: tuple[str, str]) -> None:
    """No canary sings in any of the pieces."""
    leaks = [f"{canary} in {place}" for place, text in pieces for canary in CANARIES if canary in text]
    assert not leaks, "\n".join(leaks)


@pytest.fixture(autouse=True)
def every_logger_at_debug(caplog: pytest.LogCaptureFixture) -> None:
    """All loggers tell all they would ever tell, those of httpx and httpcore included."""
    caplog.set_level(logging.DEBUG)
    for name in ("openai_async", "httpx", "httpcore", "httpx2", "httpcore2", "asyncio"):
        caplog.set_level(logging.DEBUG, logger=name)


# ---- calls that succeed


def answers(streamed: Script) -> Callable[[Request], Script]:
    """A stream for those who ask for one, a whole reply for all others."""
    return lambda request: streamed if b'"stream":true' in request.body else json_reply(COMPLETION)


async def test_a_success_is_logged_without_key_and_prompt(wiring: str, caplog: pytest.LogCaptureFixture) -> None:
    """At DEBUG there are log lines of every call, and no secret in them."""
    streamed = sse([CHUNK, "[DONE]"])
    with FaultServer(
        lambda request: streamed if b'"stream":true' in request.body else json_reply(COMPLETION)
    ) as server:
        async with client_for(server.base_url, wiring) as client:
            replies = [await use(client) for use in (create, mapped, stream, stream_of_create)]
            assert KEY in (server.requests[0].header("authorization") or "")
            assert PROMPT.encode() in server.requests[0].body
    ours = [record for record in caplog.records if record.name.startswith("openai_async")]
    assert len(ours) == 4
    assert_silent(*told_by_logs(caplog), ("replies", repr(replies)))


@pytest.mark.parametrize("transport", [None, "httpx"])
async def test_a_key_in_the_query_is_not_logged(transport: str | None, caplog: pytest.LogCaptureFixture) -> None:
    """Some servers take their key there: log lines name the path without it, those of retries included."""
    query = {"key": HEADER}
    with FaultServer([json_reply({}, 503, {"retry-after-ms": "1"}), json_reply(COMPLETION)]) as server:
        async with client_for(server.base_url, max_retries=1, default_query=query, transport=transport) as client:
            await create(client)
            await failure_of(client.models.list(extra_query=query))
    assert all(HEADER in request.target for request in server.requests)
    assert "/chat/completions" in caplog.text
    assert_silent(*told_by_logs(caplog))


async def test_no_repr_of_a_live_object_shows_a_secret() -> None:
    """While a call, a stream and a map are under way, every object of the package may be printed."""
    streamed = sse([CHUNK, Gate("middle of the stream"), "[DONE]"])
    with FaultServer(
        lambda request: streamed if b'"stream":true' in request.body else json_reply(COMPLETION)
    ) as server:
        proxy = f"http://user:{PASSWORD}@127.0.0.1:{server.port}"
        other = AsyncClient(api_key=[KEY, KEY], base_url="https://127.0.0.1/v1", proxy=proxy)
        async with client_for(server.base_url, default_query={"key": HEADER}) as client:
            completions = client.chat.completions
            manager = completions.stream(model="m", messages=MESSAGES)
            async with manager as chunks, completions.map([{"messages": MESSAGES}], model="m") as results:
                await anext(chunks)
                await anext(results)
                alive = [thing for thing in gc.get_objects() if is_of_the_client(thing)]
                kinds = {type(thing).__name__ for thing in alive}
                assert_silent(*((f"repr of {type(thing).__name__}", repr(thing)) for thing in alive))
                assert_silent(*((f"str of {type(thing).__name__}", f"{thing}") for thing in alive))
        assert {"AsyncClient", "AsyncStream", "AsyncMap", "Request", "Credentials", "Secret", "Pipeline"} <= kinds
        assert_silent(("repr of a client with a proxy", repr(other)))


def is_of_the_client(thing: object) -> bool:
    home = str(type(thing).__module__)  # of some types it is no string
    return home.startswith("openai_async") and not home.startswith("openai_async.testing")


# ---- calls that fail


def echoes(status: int) -> dict[str, Script]:
    """Error bodies that quote the key, in the forms that servers have."""
    return {
        "JSON": json_reply(ECHO, status),
        "text": respond(status, f"Bearer {KEY} is not valid".encode()),
        "HTML": respond(status, f"<html>{KEY}</html>".encode(), {"content-type": "text/html"}),
        "a JSON string": json_reply(KEY, status),
        "broken JSON": respond(status, f'{{"error": {{"message": "{KEY}'.encode()),
        "chunked": json_reply(ECHO, status, framing="chunked"),
    }


@pytest.mark.parametrize("status", STATUSES)
async def test_errors_by_status_hide_what_the_server_echoes(status: int, caplog: pytest.LogCaptureFixture) -> None:
    """An answer that quotes the key becomes an error without it, whatever the status and the form of the body."""
    scripts = echoes(status)
    with FaultServer([*scripts.values()]) as server:
        async with client_for(server.base_url) as client:
            for form in scripts:
                error = await failure_of(create(client))
                assert getattr(error, "status_code", None) == status, form
                assert_silent(*told_by(error))
    assert_silent(*told_by_logs(caplog))


@pytest.mark.parametrize("use", EVERY)
async def test_errors_of_every_method_hide_key_and_prompt(
    use: str, wiring: str, caplog: pytest.LogCaptureFixture
) -> None:
    """Neither the way of calling nor what carries the call makes a difference; a retry adds nothing."""
    with FaultServer([json_reply(ECHO, 429, {"retry-after-ms": "1"}), json_reply(ECHO, 401)]) as server:
        async with client_for(server.base_url, wiring, max_retries=1) as client:
            error = await failure_of(EVERY[use](client))
            assert isinstance(error, APIError)
            assert [attempt.status for attempt in error.attempts] == [429, 401]
            assert "***" in str(error)
            assert_silent(*told_by(error))
    assert_silent(*told_by_logs(caplog))


CONNECTIONS: Mapping[str, Script] = {
    "reset": (Rst(),),
    "closed": (Fin(),),
    "not HTTP": (Send(b"220 mail.example.com ESMTP\r\n\r\n"), Fin()),
    "a head cut off": (Send(b"HTTP/1.1 200 OK\r\ncontent-le"), Rst()),
    "a body cut off": (*json_reply(COMPLETION, headers={"content-length": "500"}), Rst()),
    "a chunked body cut off": (*json_reply(COMPLETION, framing="chunked")[:-1], Fin()),
    "compressed junk": respond(200, b"junk", {"content-encoding": "gzip"}),
    "an unknown encoding": respond(200, b"junk", {"content-encoding": "br"}),
    "silence": (Stall(),),
    "silence in the body": (*json_reply(COMPLETION, headers={"content-length": "500"}), Stall()),
    "HTML": respond(200, b"<html>", {"content-type": "text/html"}),
    "another shape": json_reply({"choices": 7}),
    "an error called a success": json_reply(ECHO),
    "a broken error called a success": respond(200, f'{{"error": "{KEY}'.encode()),
    "a redirect": respond(302, b"", {"location": "http://127.0.0.1:9/"}),
}


@pytest.mark.parametrize("fault", CONNECTIONS)
async def test_errors_of_the_connection_hide_key_and_prompt(
    fault: str, wiring: str, caplog: pytest.LogCaptureFixture
) -> None:
    """No frame of ours or of an HTTP library keeps the request where a crash reporter looks."""
    silent = "silence" in fault
    with FaultServer([CONNECTIONS[fault]]) as server:
        async with client_for(server.base_url, wiring, timeout=0.1 if silent else 30) as client:
            error = await failure_of(create(client))
            assert isinstance(error, APIError)
            assert_silent(*told_by(error))
            assert_silent(*told_by(await failure_of(mapped(client))))
    assert_silent(*told_by_logs(caplog))


async def test_errors_of_a_closed_port_hide_key_and_prompt(wiring: str, caplog: pytest.LogCaptureFixture) -> None:
    """A connection that is refused never saw the request, and its error does not either."""
    with FaultServer([()]) as gone:
        pass
    async with client_for(gone.base_url, wiring) as client:
        for use in EVERY.values():
            assert_silent(*told_by(await failure_of(use(client))))
    assert_silent(*told_by_logs(caplog))


async def test_errors_of_a_proxy_hide_its_password(caplog: pytest.LogCaptureFixture) -> None:
    """A proxy that refuses, or is not there, is named without the password it was given with."""
    with FaultServer([respond(407, b"who are you?")]) as proxy:
        url = f"http://user:{PASSWORD}@127.0.0.1:{proxy.port}"
        for base_url in ("https://127.0.0.1:9/v1", "http://127.0.0.1:9/v1"):
            async with client_for(base_url, proxy=url) as client:
                assert_silent(*told_by(await failure_of(create(client))))
    async with client_for("https://127.0.0.1:9/v1", proxy=url) as client:
        assert_silent(*told_by(await failure_of(create(client))))
    assert_silent(*told_by_logs(caplog))


STREAMS: Mapping[str, Script] = {
    "cut": (*sse([CHUNK])[:-1], Fin()),
    "reset": (*sse([CHUNK])[:-1], Rst()),
    "ended early": sse([CHUNK]),
    "an error event": sse([CHUNK, ECHO]),
    "a named error event": sse([CHUNK, f"event: error\ndata: {KEY}\n\n".encode()]),
    "an error as text": sse([CHUNK, {"error": f"{KEY} was revoked"}]),
    "a damaged event": sse([CHUNK, '{"choices": [', "[DONE]"]),
    "an event of another shape": sse([CHUNK, {"choices": 7}, "[DONE]"]),
    "silence": sse([CHUNK, Stall()]),
    "silence from the start": sse([Stall()]),
    "no stream": json_reply(ECHO),
    "an endless event": (*sse([CHUNK, b"data: " + b"x" * 100_000])[:-1], Fin()),
}


@pytest.mark.parametrize("fault", STREAMS)
async def test_errors_inside_a_stream_hide_key_and_prompt(
    fault: str, wiring: str, caplog: pytest.LogCaptureFixture
) -> None:
    """A stream that breaks tells what had arrived, and nothing of what was sent."""
    limits: dict[str, Any] = {"max_event_bytes": 50_000} if "endless" in fault else {}
    timeout = Timeout(first_token=0.1, idle=0.1) if "silence" in fault else Timeout()
    with FaultServer([STREAMS[fault]]) as server:
        async with client_for(server.base_url, wiring, timeout=timeout, **limits) as client:
            for use in STREAMED.values():
                error = await failure_of(use(client))
                assert isinstance(error, APIError)
                assert_silent(*told_by(error))
    assert_silent(*told_by_logs(caplog))


# ---- calls that are refused

HALF = "\ud800"  # of a surrogate pair
REFUSED: Mapping[str, dict[str, Any]] = {
    "a value without JSON": {"metadata": object()},
    "half a character": {"messages": [*MESSAGES, {"role": "user", "content": PROMPT + HALF}]},
    "a wrong role": {"messages": [*MESSAGES, {"role": PROMPT, "content": PROMPT}]},
    "a message as text": {"messages": [*MESSAGES, PROMPT]},
    "messages as text": {"messages": PROMPT},
    "no number": {"temperature": float("nan")},
    "no time": {"timeout": -1},
    "a header with a line break": {"extra_headers": {"api-key": f"{HEADER}\r\nx: y"}},
    "a header of the transport": {"extra_headers": {"host": HEADER}},
    "a query without a form": {"extra_query": {"key": object()}},
    "retries as text": {"max_retries": "2"},
}


@pytest.mark.parametrize("way", ["create", "stream", "map"])
@pytest.mark.parametrize("case", REFUSED)
async def test_errors_of_arguments_hide_them(case: str, way: str, caplog: pytest.LogCaptureFixture) -> None:
    """What was wrong is named by its place, also in a traceback with local variables."""
    arguments: dict[str, Any] = {"model": "m", "messages": MESSAGES, **REFUSED[case]}

    async def call(client: AsyncClient) -> None:
        completions = client.chat.completions
        if way == "create":
            await completions.create(**arguments)
        elif way == "stream":
            async with completions.stream(**arguments) as chunks:
                await chunks.final()
        else:
            async with completions.map([arguments]) as results:
                (await anext(results)).unwrap()

    async with client_for("https://127.0.0.1:9/v1") as client:
        error = await failure_of(call(client))
    assert isinstance(error, InvalidParameterError)
    assert_silent(*told_by(error))
    assert_silent(*told_by_logs(caplog))


SETTINGS: Mapping[str, dict[str, Any]] = {
    "a line break in the key": {"api_key": f"{KEY}\n"},
    "a line break in a list of keys": {"api_key": [KEY, f"{KEY}\r"]},
    "a key of other characters": {"api_key": f"{KEY}é"},
    "a key in bytes": {"api_key": [KEY.encode()]},
    "a key in the URL": {"base_url": f"https://user:{KEY}@127.0.0.1/v1"},
    "a key in the query": {"base_url": f"https://127.0.0.1/v1?key={KEY}"},
    "a wrong URL beside the key": {"base_url": "ftp://127.0.0.1"},
    "a wrong timeout beside the key": {"timeout": -1},
    "a wrong header": {"default_headers": {"api-key": f"{HEADER}\0"}},
    "a wrong proxy": {"proxy": f"gopher://user:{PASSWORD}@127.0.0.1"},
    "a wrong scheme of a proxy": {"proxy": {"ftp": f"http://user:{PASSWORD}@127.0.0.1"}},
    "a wrong bound": {"max_response_bytes": 0},
    "no client of httpx": {"http_client": object()},
    "a wrong concurrency": {"max_concurrency": 0},
}


@pytest.mark.parametrize("case", SETTINGS)
def test_errors_of_settings_hide_them(case: str) -> None:
    """A client that cannot be built says which setting is wrong, and shows none of them."""
    settings: dict[str, Any] = {
        "api_key": KEY,
        "default_headers": {"api-key": HEADER},
        "proxy": f"http://user:{PASSWORD}@127.0.0.1",
        **SETTINGS[case],
    }
    if "http_client" in settings:
        del settings["proxy"]
    with pytest.raises(ConfigurationError) as caught:
        AsyncClient(**settings)
    assert_silent(*told_by(caught.value))


@pytest.mark.parametrize("asynchronous", [False, True])
async def test_a_wrong_key_of_a_callable_is_not_shown(asynchronous: bool) -> None:
    """A key that is made at run time is guarded like one that was given."""

    async def later() -> str:
        return f"{KEY}\n"

    async with client_for("https://127.0.0.1:9/v1", api_key=later if asynchronous else lambda: f"{KEY}\n") as client:
        for use in EVERY.values():
            error = await failure_of(use(client))
            assert isinstance(error, ConfigurationError)
            assert_silent(*told_by(error))


def test_keys_of_the_environment_are_guarded_alike(monkeypatch: pytest.MonkeyPatch) -> None:
    """A variable with a stray newline is named; its value is not."""
    monkeypatch.setenv("OPENAI_API_KEY", f"{KEY}\n")
    with pytest.raises(ConfigurationError, match="OPENAI_API_KEY") as caught:
        AsyncClient()
    assert_silent(*told_by(caught.value))


def test_the_canaries_would_be_heard() -> None:
    """The search finds a secret in each place it looks at: otherwise its silence would prove nothing."""
    places = {place.split()[0] for place, text in told_by(_leaky()) if any(canary in text for canary in CANARIES)}
    assert places == {"format_exception", "str", "repr", "attributes", "pickle", "local"}


def _leaky() -> APIError:
    source = "def leak():\n    secret = KEY\n    raise APIError(KEY)"
    namespace: dict[str, Any] = {"KEY": KEY, "APIError": APIError}
    exec(compile(source, "elsewhere.py", "exec"), namespace)
    try:
        namespace["leak"]()
    except APIError as error:
        return error
    raise AssertionError
