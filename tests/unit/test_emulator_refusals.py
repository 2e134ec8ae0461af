"""How the emulator refuses: every mistake gets the API's status and error object, and none gets a traceback."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from openai_async.emulator import Emulator, Model

Body = dict[str, Any]

KEY = "sk-a-rather-long-secret-key-0123456789"
USER = {"role": "user", "content": "Hello!"}
CALL = {"id": "call_1", "type": "function", "function": {"name": "look", "arguments": "{}"}}
LOOK = {"type": "function", "function": {"name": "look", "parameters": {"type": "object"}}}
LOOSE = {"type": "object", "properties": {"a": {"type": "string"}}, "additionalProperties": False}
MODELS = (
    Model("emulated-mini", context_window=1_000),
    Model("thinker", unsupported=frozenset({"max_tokens"})),
)


@pytest.fixture(scope="module")
def emulator() -> Emulator:
    return Emulator(models=MODELS, keys={KEY}, max_body=20_000)


@pytest.fixture(scope="module")
def client(emulator: Emulator) -> Iterator[httpx.Client]:
    with (
        emulator.run() as server,
        httpx.Client(base_url=server.base_url, headers={"authorization": f"Bearer {KEY}"}) as client,
    ):
        yield client


def check(reply: httpx.Response, status: int, code: str | None, param: str | None) -> str:
    assert reply.status_code == status, reply.text
    assert reply.headers["content-type"] == "application/json"
    assert reply.json().keys() == {"error"}
    error = reply.json()["error"]
    assert error.keys() == {"message", "type", "param", "code"}
    assert (error["code"], error["param"]) == (code, param)
    assert error["type"] == "invalid_request_error"
    message: str = error["message"]
    return message


@pytest.mark.parametrize(
    ("change", "code", "param", "words"),
    [
        ({"model": None}, None, None, "you must provide a model parameter"),
        ({"model": 5}, "invalid_type", "model", "expected a string, but got an integer"),
        ({"messages": None}, "missing_required_parameter", "messages", "Missing required parameter"),
        ({"messages": "hi"}, "invalid_type", "messages", "expected an array of objects"),
        ({"messages": []}, "empty_array", "messages", "minimum length 1"),
        ({"messages": ["hi"]}, "invalid_type", "messages[0]", "expected an object"),
        ({"messages": [{"content": "x"}]}, "missing_required_parameter", "messages[0].role", "role"),
        ({"messages": [{"role": "bard", "content": "x"}]}, "invalid_value", "messages[0].role", "'bard'"),
        ({"messages": [{"role": "user"}]}, None, "messages[0].content", "got null"),
        ({"messages": [{"role": "user", "content": 5}]}, "invalid_type", "messages[0].content", "string"),
        (
            {"messages": [{"role": "user", "content": [{"type": "smell"}]}]},
            "invalid_value",
            "messages[0].content[0].type",
            "'smell'",
        ),
        (
            {"messages": [USER, {"role": "tool", "tool_call_id": "call_1", "content": "x"}]},
            None,
            "messages.[1].role",
            "preceding message with 'tool_calls'",
        ),
        (
            {"messages": [USER, {"role": "assistant", "tool_calls": [CALL]}, USER]},
            None,
            "messages.[1].role",
            "did not have response messages: call_1",
        ),
        ({"n": 0}, "integer_below_min_value", "n", ">= 1"),
        ({"n": 129}, "integer_above_max_value", "n", "<= 128"),
        ({"n": "2"}, "invalid_type", "n", "expected an integer"),
        ({"n": True}, "invalid_type", "n", "got a boolean"),
        ({"temperature": -0.1}, "decimal_below_min_value", "temperature", ">= 0"),
        ({"temperature": 2.1}, "decimal_above_max_value", "temperature", "<= 2"),
        ({"temperature": "hot"}, "invalid_type", "temperature", "decimal number"),
        ({"top_p": 1.5}, "decimal_above_max_value", "top_p", "<= 1"),
        ({"presence_penalty": -3}, "decimal_below_min_value", "presence_penalty", ">= -2"),
        ({"stop": ["a", "b", "c", "d", "e"]}, "array_above_max_length", "stop", "maximum length 4"),
        ({"stop": 5}, "invalid_type", "stop", "string or array"),
        ({"stop": [5]}, "invalid_type", "stop[0]", "expected a string"),
        ({"max_tokens": -1}, "integer_below_min_value", "max_tokens", ">= 1"),
        (
            {"max_tokens": 1, "max_completion_tokens": 1},
            "invalid_parameter_combination",
            "max_tokens",
            "same",
        ),
        ({"model": "thinker", "max_tokens": 1}, "unsupported_parameter", "max_tokens", "not supported"),
        ({"stream": "yes"}, "invalid_type", "stream", "expected a boolean"),
        ({"stream_options": {"include_usage": True}}, None, "stream_options", "'stream' is enabled"),
        ({"top_logprobs": 2}, None, "top_logprobs", "'logprobs' is enabled"),
        ({"tools": {}}, "invalid_type", "tools", "expected an array"),
        ({"tools": [5]}, "invalid_type", "tools[0]", "expected an object"),
        ({"tools": [{"type": "hammer"}]}, "invalid_value", "tools[0].type", "'hammer'"),
        ({"tool_choice": "auto"}, None, "tool_choice", "only allowed when 'tools'"),
        ({"tools": [LOOK], "tool_choice": "maybe"}, "invalid_value", "tool_choice", "'maybe'"),
        (
            {"tools": [LOOK], "tool_choice": {"type": "function", "function": {"name": "smell"}}},
            None,
            "tool_choice",
            "'smell' was not found",
        ),
        (
            {"tools": [{"type": "function", "function": {"name": "f", "strict": True, "parameters": LOOSE}}]},
            "invalid_function_parameters",
            "tools",
            "Missing 'a'",
        ),
        ({"response_format": {"type": "poem"}}, "invalid_value", "response_format.type", "'poem'"),
        ({"response_format": {"type": "json_object"}}, None, "messages", "must contain the word 'json'"),
        (
            {"response_format": {"type": "json_schema", "json_schema": {"schema": {}}}},
            "missing_required_parameter",
            "response_format.json_schema.name",
            "Missing",
        ),
        (
            {
                "response_format": {
                    "type": "json_schema",
                    "json_schema": {"name": "x", "schema": {"$ref": "#"}},
                }
            },
            None,
            "response_format",
            "refers to itself",
        ),
        (
            {
                "response_format": {
                    "type": "json_schema",
                    "json_schema": {"name": "x", "strict": True, "schema": LOOSE},
                }
            },
            None,
            "response_format",
            "Missing 'a'",
        ),
        (
            {"messages": [{"role": "user", "content": "word " * 1_000}]},
            "context_length_exceeded",
            "messages",
            "maximum context length is 1000 tokens",
        ),
        ({"max_tokens": 1_000}, "context_length_exceeded", "messages", "1000 in the completion"),
    ],
)
def test_bad_requests(client: httpx.Client, change: Body, code: str | None, param: str | None, words: str) -> None:
    """A request with one mistake gets a 400 that names it."""
    body = {"model": "emulated-mini", "messages": [USER], **change}
    assert words in check(client.post("/chat/completions", json=body), 400, code, param)


@pytest.mark.parametrize("body", [b"", b"{", b"[]", b'"x"', b'{"a": NaN}', b"\xff", b'{"a":"\\ud800"}'])
def test_body_that_is_no_json_object(client: httpx.Client, body: bytes) -> None:
    """Anything but a JSON object is refused as unreadable."""
    reply = client.post("/chat/completions", content=body)
    assert "could not parse the JSON body" in check(reply, 400, None, None)


@pytest.mark.parametrize("size", [20_001, 3_000_000])
def test_body_over_the_limit(client: httpx.Client, size: int) -> None:
    """A body over the limit gets a 413, after which the connection is still good."""
    assert "20000 bytes" in check(client.post("/chat/completions", content=b"x" * size), 413, "request_too_large", None)
    assert client.get("/models").status_code == 200


def test_unknown_model(client: httpx.Client) -> None:
    """A model that is not in the catalog gets a 404 with code model_not_found."""
    body = {"model": "gpt-0", "messages": [USER]}
    assert "`gpt-0`" in check(client.post("/chat/completions", json=body), 404, "model_not_found", None)
    check(client.get("/models/gpt-0"), 404, "model_not_found", "model")


@pytest.mark.parametrize("path", ["/nothing", "/models/", "/chat/completions/", "/chat"])
def test_unknown_path(client: httpx.Client, path: str) -> None:
    """A path that is not served gets a 404 in the API's shape, never a redirect."""
    reply = client.get(path)
    assert reply.status_code == 404
    assert reply.json()["error"]["type"] == "invalid_request_error"


def test_wrong_method(client: httpx.Client) -> None:
    """A known path with the wrong method gets a 405 that says which methods it has."""
    reply = client.delete("/chat/completions")
    assert "Not allowed to DELETE" in check(reply, 405, "method_not_supported", None)
    assert reply.headers["allow"] == "GET, POST"


@pytest.mark.parametrize("header", [None, "", "Bearer", "Basic abc"])
def test_missing_key(client: httpx.Client, header: str | None) -> None:
    """Without a Bearer key there is a 401."""
    headers = {} if header is None else {"authorization": header}
    reply = httpx.get(client.base_url.join("models"), headers=headers)
    assert "didn't provide an API key" in check(reply, 401, None, None)


@pytest.mark.parametrize("key", ["sk-short", "sk-another-long-secret-key-9876543210", "s\xe9cret"])
def test_unknown_key(client: httpx.Client, key: str) -> None:
    """A key that is not accepted gets a 401 that does not repeat the key."""
    reply = httpx.get(client.base_url.join("models"), headers={"authorization": f"Bearer {key}".encode("latin-1")})
    message = check(reply, 401, "invalid_api_key", None)
    assert not [at for at in range(len(key) - 4) if key[at : at + 5] in message]


def test_any_key_by_default() -> None:
    """Without a set of keys every key is accepted."""
    with Emulator().run() as server:
        for key in ("a", "b"):
            reply = httpx.get(f"{server.base_url}/models", headers={"authorization": f"bearer {key}"})
            assert reply.status_code == 200


def test_defect_of_the_emulator_is_a_500(
    emulator: Emulator, client: httpx.Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A defect in a handler reaches the client as a 500 that names it, and the server goes on."""

    def broken(name: str, **rest: object) -> Model:
        raise ZeroDivisionError("nobody expects it")

    with monkeypatch.context() as patch:
        patch.setattr(emulator.catalog, "find", broken)
        reply = client.get("/models/emulated-mini")
    assert reply.status_code == 500
    assert "ZeroDivisionError" in reply.json()["error"]["message"]
    assert client.get("/models/emulated-mini").status_code == 200
