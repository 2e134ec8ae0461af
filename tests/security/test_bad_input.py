"""Nonsense is refused before a byte is sent, in words that name the field and never show the value."""

from __future__ import annotations

import importlib
import math
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import httpx
import pytest

from openai_async import AsyncClient, ConfigurationError, InvalidParameterError, OpenAIError, Timeout
from openai_async.testing import FaultServer, json_reply

MESSAGES = [{"role": "user", "content": "Hello!"}]
COMPLETION = {"id": "chatcmpl-1", "choices": [{"index": 0, "message": {"role": "assistant", "content": "Hello!"}}]}
#: Stands in values that are wrong, and must not stand in errors.
VALUE = "TheWrongValue"
HALF = f"{VALUE}\ud800"  # of a surrogate pair


class Unencodable:
    """Something that is no JSON, and would tell its value."""

    def __repr__(self) -> str:
        return VALUE


@pytest.fixture
def server() -> Iterator[FaultServer]:
    """A server that would answer, and must not be asked."""
    with FaultServer([json_reply(COMPLETION)]) as running:
        yield running
        assert running.accepted_connections == 0
        assert running.requests == ()


def assert_names(error: OpenAIError, field: str) -> None:
    assert isinstance(error, (ConfigurationError, InvalidParameterError))
    assert error.field == field
    assert str(error).startswith(f"{field}: ")
    assert VALUE not in str(error) + repr(error)
    assert str(error).isprintable()


def nested(depth: int) -> dict[str, Any]:
    value: dict[str, Any] = {}
    for _ in range(depth):
        value = {"a": value}
    return value


#: Arguments of a chat call, and the field that the error names.
CALLS: Mapping[str, tuple[dict[str, Any], str]] = {
    "no model": ({"model": None}, "model"),
    "an empty model": ({"model": ""}, "model"),
    "a model of a wrong type": ({"model": [VALUE]}, "model"),
    "a model in bytes": ({"model": VALUE.encode()}, "model"),
    "no messages": ({"messages": None}, "messages"),
    "empty messages": ({"messages": []}, "messages"),
    "an empty tuple of messages": ({"messages": ()}, "messages"),
    "messages as text": ({"messages": VALUE}, "messages"),
    "messages as bytes": ({"messages": VALUE.encode()}, "messages"),
    "one message without its list": ({"messages": {"role": "user", "content": VALUE}}, "messages"),
    "messages to be read once": ({"messages": iter(MESSAGES)}, "messages"),
    "messages as a number": ({"messages": 7}, "messages"),
    "a message as text": ({"messages": [*MESSAGES, VALUE]}, "messages[1]"),
    "a message that is none": ({"messages": [None]}, "messages[0]"),
    "a message in a list": ({"messages": [MESSAGES]}, "messages[0]"),
    "a message without a role": ({"messages": [{"content": VALUE}]}, "messages[0].role"),
    "an unknown role": ({"messages": [*MESSAGES, {"role": VALUE, "content": "x"}]}, "messages[1].role"),
    "an empty role": ({"messages": [{"role": "", "content": "x"}]}, "messages[0].role"),
    "a role of another case": ({"messages": [{"role": "User", "content": "x"}]}, "messages[0].role"),
    "a role in a list": ({"messages": [{"role": ["user", VALUE], "content": "x"}]}, "messages[0].role"),
    "a role as a number": ({"messages": [{"role": 1, "content": "x"}]}, "messages[0].role"),
    "a role that is none": ({"messages": [{"role": None, "content": "x"}]}, "messages[0].role"),
    "half a character in a text": ({"messages": [{"role": "user", "content": HALF}]}, "messages[0].content"),
    "half a character in a part": (
        {"messages": [*MESSAGES, {"role": "user", "content": [{"type": "text", "text": HALF}]}]},
        "messages[1].content[0].text",
    ),
    "half a character in the model": ({"model": HALF}, "model"),
    "no number": ({"temperature": math.nan}, "temperature"),
    "an endless number": ({"top_p": math.inf}, "top_p"),
    "a negative endless number": ({"presence_penalty": -math.inf}, "presence_penalty"),
    "no number in the extra body": ({"extra_body": {"top_k": math.nan}}, "top_k"),
    "a number of 70 bits": ({"seed": 2**70}, "seed"),
    "a complex number": ({"temperature": 1j}, "temperature"),
    "an object": ({"metadata": Unencodable()}, "metadata"),
    "an object inside": ({"metadata": {"a": [1, Unencodable()]}}, "metadata.a[1]"),
    "an object under a wrong key": ({"metadata": {VALUE.encode(): 1}}, "metadata"),
    "a set": ({"stop": {VALUE}}, "stop"),
    "bytes": ({"user": VALUE.encode()}, "user"),
    "a function": ({"tools": [{"type": "function", "function": nested}]}, "tools[0].function"),
    "an object in the extra body": ({"extra_body": {"a": Unencodable()}}, "a"),
    "an unknown parameter without JSON": ({"unknown": Unencodable()}, "unknown"),
    "a negative timeout": ({"timeout": -1}, "timeout"),
    "no time": ({"timeout": 0}, "timeout"),
    "no time in a float": ({"timeout": -0.0}, "timeout"),
    "a timeout that is no number": ({"timeout": math.nan}, "timeout"),
    "a timeout as text": ({"timeout": VALUE}, "timeout"),
    "a timeout as a truth": ({"timeout": True}, "timeout"),
    "a timeout in a tuple": ({"timeout": (1, VALUE)}, "timeout"),
    "a timeout beyond counting": ({"timeout": 10**400}, "timeout"),
    "a negative deadline": ({"deadline": -1}, "deadline"),
    "no time for the call": ({"deadline": 0}, "deadline"),
    "a deadline that is no number": ({"deadline": math.nan}, "deadline"),
    "a deadline as text": ({"deadline": VALUE}, "deadline"),
    "a deadline beyond counting": ({"deadline": 10**400}, "deadline"),
    "negative retries": ({"max_retries": -1}, "max_retries"),
    "retries as text": ({"max_retries": VALUE}, "max_retries"),
    "half a retry": ({"max_retries": 0.5}, "max_retries"),
    "retries as a truth": ({"max_retries": True}, "max_retries"),
    "headers as text": ({"extra_headers": VALUE}, "extra_headers"),
    "headers as pairs": ({"extra_headers": [("x", VALUE)]}, "extra_headers"),
    "a header with a line break": ({"extra_headers": {"x-a": f"{VALUE}\r\nx-b: 1"}}, "extra_headers['x-a']"),
    "a header of the transport": ({"extra_headers": {"Host": VALUE}}, "extra_headers['Host']"),
    "a header name with a line break": ({"extra_headers": {f"{VALUE}\n": "1"}}, "extra_headers"),
    "a query as text": ({"extra_query": VALUE}, "extra_query"),
    "a query as pairs": ({"extra_query": [("x", VALUE)]}, "extra_query"),
    "an object in the query": ({"extra_query": {"a": Unencodable()}}, "a"),
    "half a character in the query": ({"extra_query": {"a": HALF}}, "a"),
    "a body as text": ({"extra_body": VALUE}, "extra_body"),
    "a body as pairs": ({"extra_body": [("x", VALUE)]}, "extra_body"),
}


@pytest.mark.parametrize("way", ["create", "create a stream", "stream", "map"])
@pytest.mark.parametrize("case", CALLS)
async def test_a_wrong_argument_is_refused_before_anything_is_sent(case: str, way: str, server: FaultServer) -> None:
    """However the call is made, the error is the same, and no connection is opened."""
    arguments, field = CALLS[case]
    arguments = {"model": "m", "messages": MESSAGES, **arguments}
    if "read once" in case:
        arguments["messages"] = iter(MESSAGES)  # each run needs its own
    async with AsyncClient(api_key="k", base_url=server.base_url) as client:
        completions = client.chat.completions
        if way == "create":
            with pytest.raises(InvalidParameterError) as caught:
                await completions.create(**arguments)
        elif way == "create a stream":
            with pytest.raises(InvalidParameterError) as caught:
                await completions.create(stream=True, **arguments)
        elif way == "stream":
            with pytest.raises(InvalidParameterError) as caught:
                completions.stream(**arguments)
        else:
            async with completions.map([arguments]) as results:
                result = await anext(results)
            assert result.attempts == ()
            with pytest.raises(InvalidParameterError) as caught:
                result.unwrap()
    assert_names(caught.value, field)


@pytest.mark.parametrize("holds_itself", [True, False])
async def test_endless_and_very_deep_values_are_refused(holds_itself: bool, server: FaultServer) -> None:
    """A value that holds itself ends in an error of a readable length, not in an exhausted stack."""
    value: dict[str, Any] = {}
    value["a"] = value if holds_itself else nested(5000)
    async with AsyncClient(api_key="k", base_url=server.base_url) as client:
        with pytest.raises(InvalidParameterError) as caught:
            await client.chat.completions.create(model="m", messages=MESSAGES, metadata=value)
    assert caught.value.field.startswith("metadata")
    assert len(str(caught.value)) < 200


@pytest.mark.parametrize("request_", ["text", 7, None, [("model", "m")]])
async def test_a_map_over_something_else_than_mappings(request_: Any, server: FaultServer) -> None:
    """An item that is no mapping of parameters is the error of that item; the others are not touched by it."""
    async with AsyncClient(api_key="k", base_url=server.base_url) as client:
        found = [result.error async for result in client.chat.completions.map([request_, {}], model="m")]
    assert [type(error) for error in found] == [InvalidParameterError] * 2
    assert "requests" in str(found[0])


@pytest.mark.parametrize("window", [0, -1, True, 1.5, "2"])
async def test_a_map_without_a_window_is_refused(window: Any, server: FaultServer) -> None:
    """`max_in_flight` is a positive integer."""
    async with AsyncClient(api_key="k", base_url=server.base_url) as client:
        with pytest.raises(InvalidParameterError) as caught:
            client.chat.completions.map([], max_in_flight=window)
    assert_names(caught.value, "max_in_flight")


@pytest.mark.parametrize("id_", ["", "..", "../files", "a/../b", "%2e%2e", f"{VALUE}\n", 7, None])
async def test_an_id_that_is_a_path_is_refused(id_: Any, server: FaultServer) -> None:
    """`models.retrieve` retrieves models, and nothing beside them."""
    async with AsyncClient(api_key="k", base_url=server.base_url) as client:
        with pytest.raises(InvalidParameterError) as caught:
            await client.models.retrieve(id_)
    assert_names(caught.value, "model")


@pytest.mark.parametrize("case", [case for case in CALLS if {"timeout", "deadline"} & CALLS[case][0].keys()])
async def test_options_are_checked_by_every_method(case: str, server: FaultServer) -> None:
    """The options of a call mean the same everywhere."""
    options, field = CALLS[case]
    async with AsyncClient(api_key="k", base_url=server.base_url) as client:
        for method in (client.models.list, lambda **options: client.models.retrieve("m", **options)):
            with pytest.raises(InvalidParameterError) as caught:
                await method(**options)
            assert_names(caught.value, field)


@pytest.mark.parametrize("phase", ["attempt", "connect", "first_token", "idle"])
@pytest.mark.parametrize("value", [0, -1, math.nan, "1", True, 10**400])
def test_each_phase_of_a_timeout_is_checked(phase: str, value: Any) -> None:
    """The error of a `Timeout` names the phase."""
    with pytest.raises(InvalidParameterError) as caught:
        Timeout(**{phase: value})
    assert_names(caught.value, f"timeout.{phase}")


#: Settings of a client, and the field that the error names.
SETTINGS: Mapping[str, tuple[dict[str, Any], str]] = {
    "no key": ({"api_key": None}, "api_key"),
    "an empty key": ({"api_key": ""}, "api_key"),
    "no key in the list": ({"api_key": []}, "api_key"),
    "a key with a newline": ({"api_key": f"{VALUE}\n"}, "api_key"),
    "a second key with a space": ({"api_key": ["k", f"{VALUE} "]}, "api_key[1]"),
    "a key as a number": ({"api_key": 7}, "api_key"),
    "a key in bytes": ({"api_key": VALUE.encode()}, "api_key[0]"),
    "keys in a set": ({"api_key": {VALUE}}, "api_key"),
    "an organisation with a newline": ({"organization": f"{VALUE}\n"}, "organization"),
    "an organisation as a number": ({"organization": 7}, "organization"),
    "a project with a newline": ({"project": f"{VALUE}\n"}, "project"),
    "a base_url without a scheme": ({"base_url": f"{VALUE}.example/v1"}, "base_url"),
    "a base_url of another scheme": ({"base_url": f"ftp://{VALUE}/v1"}, "base_url"),
    "a base_url with a password": ({"base_url": f"https://u:{VALUE}@h/v1"}, "base_url"),
    "a base_url with a query": ({"base_url": f"https://h/v1?key={VALUE}"}, "base_url"),
    "a base_url without encryption": ({"base_url": f"http://{VALUE}.example/v1"}, "base_url"),
    "a base_url as a number": ({"base_url": 7}, "base_url"),
    "a negative timeout": ({"timeout": -1}, "timeout"),
    "no time": ({"timeout": 0}, "timeout"),
    "a timeout as text": ({"timeout": VALUE}, "timeout"),
    "a timeout of httpx": ({"timeout": httpx.Timeout(5)}, "timeout"),
    "a deadline that is no number": ({"deadline": math.nan}, "deadline"),
    "no time for calls": ({"deadline": 0}, "deadline"),
    "negative retries": ({"max_retries": -1}, "max_retries"),
    "retries as text": ({"max_retries": VALUE}, "max_retries"),
    "retries that are none": ({"max_retries": None}, "max_retries"),
    "no concurrency": ({"max_concurrency": 0}, "max_concurrency"),
    "concurrency as text": ({"max_concurrency": VALUE}, "max_concurrency"),
    "headers as text": ({"default_headers": VALUE}, "default_headers"),
    "a header with a line break": ({"default_headers": {"x-a": f"{VALUE}\n"}}, "default_headers['x-a']"),
    "a query as text": ({"default_query": VALUE}, "default_query"),
    "an object in the query": ({"default_query": {"a": Unencodable()}}, "default_query[a]"),
    "a proxy of another scheme": ({"proxy": f"gopher://{VALUE}"}, "proxy['all']"),
    "a proxy as a number": ({"proxy": 7}, "proxy"),
    "a proxy for another scheme": ({"proxy": {VALUE: "http://127.0.0.1:9"}}, "proxy"),
    "a client of another kind": ({"http_client": Unencodable()}, "http_client"),
    "a transport of another kind": ({"transport": Unencodable()}, "transport"),
    "a transport of another name": ({"transport": VALUE}, "transport"),
    "a client and a transport": ({"http_client": Unencodable(), "transport": Unencodable()}, "transport"),
    "a client and a proxy": ({"http_client": Unencodable(), "proxy": f"http://{VALUE}"}, "proxy"),
    "no room for a reply": ({"max_response_bytes": 0}, "max_response_bytes"),
    "room as text": ({"max_response_bytes": VALUE}, "max_response_bytes"),
    "no room for an event": ({"max_event_bytes": -1}, "max_event_bytes"),
}


@pytest.mark.parametrize("case", SETTINGS)
def test_a_wrong_setting_is_found_when_the_client_is_built(case: str) -> None:
    """Not at the first call, perhaps hours later."""
    settings, field = SETTINGS[case]
    with pytest.raises(ConfigurationError) as caught:
        AsyncClient(**{"api_key": "k", **settings})
    assert_names(caught.value, field)


@pytest.mark.parametrize("library", ["httpx", "httpx2"])
@pytest.mark.parametrize("field", ["http_client", "transport"])
def test_a_synchronous_httpx_object_is_refused(library: str, field: str) -> None:
    """It would block the loop; the error says what to pass instead."""
    module = importlib.import_module(library)
    blocking = module.Client() if field == "http_client" else module.HTTPTransport()
    with blocking, pytest.raises(ConfigurationError, match=r"AsyncClient.*AsyncBaseTransport") as caught:
        AsyncClient(api_key="k", **{field: blocking})
    assert_names(caught.value, field)


VARIABLES: Mapping[str, str] = {
    "OPENAI_API_KEY": f"{VALUE}\n",
    "OPENAI_ORG_ID": f"{VALUE} {VALUE}",
    "OPENAI_ORGANIZATION": f"{VALUE}\t",
    "OPENAI_PROJECT_ID": f" {VALUE}",
    "OPENAI_BASE_URL": f"ftp://{VALUE}",
    "OPENAI_API_BASE": f"http://{VALUE}.example",
    "OPENAI_API_KEY_PATH": f"/nowhere/{VALUE}",
}


@pytest.mark.parametrize("variable", VARIABLES)
def test_a_wrong_variable_of_the_environment_is_named(variable: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """The error says which variable is wrong: there are several for some settings."""
    monkeypatch.setenv(variable, VARIABLES[variable])
    if not variable.startswith("OPENAI_API_KEY"):
        monkeypatch.setenv("OPENAI_API_KEY", "k")
    with pytest.raises(ConfigurationError) as caught:
        AsyncClient()
    assert_names(caught.value, variable)


async def test_a_client_that_refused_a_call_still_works() -> None:
    """A refused call takes no permit, no retry and no connection with it."""
    refused: list[Callable[[AsyncClient], Any]] = [
        lambda client: client.chat.completions.create(model="m", messages=[]),
        lambda client: client.chat.completions.create(model="m", messages=MESSAGES, timeout=-1),
    ]
    with FaultServer([json_reply(COMPLETION)]) as server:
        async with AsyncClient(api_key="k", base_url=server.base_url, max_concurrency=1) as client:
            for call in refused * 3:
                with pytest.raises(InvalidParameterError):
                    await call(client)
            reply = await client.chat.completions.create(model="m", messages=MESSAGES)
    assert reply.text == "Hello!"
    assert len(server.requests) == 1
