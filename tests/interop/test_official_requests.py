"""Every operation is sent as the official client sends it."""

from __future__ import annotations

import contextlib
import inspect
import json
from collections.abc import Iterator
from functools import reduce
from typing import Any
from urllib.parse import parse_qsl

import openai
import pytest

from openai_async import Client
from openai_async.resources._operations import Endpoint, endpoints
from openai_async.sync._bridge.generic import OperationProxy
from openai_async.testing import FaultServer, Request, json_reply

#: Options of a call, and what the official client makes of arguments by itself.
NOT_SENT = {"extra_headers", "extra_query", "extra_body", "timeout", "stream", "output_type", "tool_handlers"}
#: What the official client looks into.
LOOKED_INTO: dict[str, Any] = {"betas": ["a", "b"], "environment": {"type": "x"}, "session": {"type": "x"}}
ALWAYS_TEXT = ("sdp", "idempotency_key")
#: What everything else is, in turn.
VALUES: tuple[Any, ...] = ("ü &=+/", ["a", "b"], {"gt": 1, "in": [{"a": 2.5}]}, True, [], {})
#: What our classes check.
CHECKED: dict[str, Any] = {
    "bytes": 5,
    "data": b"content",
    "file": ("a.wav", b"RIFF"),
    "file_ids": ["file-1"],
    "grader": {"type": "string_check", "name": "a", "input": "a", "reference": "b", "operation": "eq"},
    "image": ("a.png", b"content"),
    "include": ["a"],
    "input": "x",
    "items": [{"type": "message", "role": "user", "content": "x"}],
    "limit": 2,
    "mask": ("a.png", b"content"),
    "max_completion_tokens": 5,
    "messages": [{"role": "user", "content": "x"}],
    "metadata": {"a": "b"},
    "n": 1,
    "part_ids": ["part_1"],
    "project_ids": ["proj_1"],
    "stop": ["a"],
    "temperature": 0.5,
    "timestamp_granularities": ["word"],
    "tool_outputs": [{"tool_call_id": "a", "output": "b"}],
    "tools": [],
}


@pytest.fixture(scope="module")
def server() -> Iterator[FaultServer]:
    """It answers everything with a list of nothing."""
    with FaultServer([json_reply({"object": "list", "data": [], "has_more": False})]) as running:
        yield running


@pytest.fixture(scope="module")
def ours(server: FaultServer) -> Iterator[Client]:
    with Client(api_key="k", base_url=server.base_url, trust_env=False, max_retries=0) as client:
        yield client


@pytest.fixture(scope="module")
def theirs(server: FaultServer) -> Iterator[openai.OpenAI]:
    with openai.OpenAI(api_key="k", admin_api_key="k", base_url=server.base_url, max_retries=0) as client:
        yield client


def method_of(client: Any, name: str) -> Any:
    return reduce(getattr, name.split("."), client)


def of_the_table(method: Any, endpoint: Endpoint, value: Any) -> dict[str, Any]:
    """Something for everything that the official method takes."""
    names = [name for name in inspect.signature(method).parameters if name not in NOT_SENT]
    given = {name: b"content" if name in endpoint.files else LOOKED_INTO.get(name, value) for name in names}
    return {**given, **dict.fromkeys(endpoint.path_names, "x"), **dict.fromkeys({*ALWAYS_TEXT} & {*names}, "x")}


def of_a_class(method: Any) -> dict[str, Any]:
    """Something for what must be given, and for all that is known here."""
    parameters = inspect.signature(method).parameters.values()
    names = [each.name for each in parameters if each.name in CHECKED or each.default is each.empty]
    if "previous_response_id" in inspect.signature(method).parameters:
        names = [name for name in names if name != "image"]  # of responses, which is no file
    return {name: CHECKED.get(name, "x") for name in names}


def said(request: Request) -> tuple[Any, ...]:
    """What a request says, however it is laid out."""
    path, _, query = request.target.partition("?")
    kind = (request.header("content-type") or "").partition(";")[0]
    if request.method == "DELETE" and not request.body:
        kind = ""  # the official client names a type of no content there
    body: Any = (
        json.loads(request.body)
        if kind == "application/json" and request.body
        else sorted(parts_of(request.body))
        if kind == "multipart/form-data"
        else request.body
    )
    headers = (request.header("openai-beta"), request.header("idempotency-key"))
    return request.method, path, sorted(parse_qsl(query)), headers, kind, body


def parts_of(form: bytes) -> Iterator[tuple[bytes, bytes]]:
    """Name and content of each part."""
    boundary = form.partition(b"\r\n")[0]
    for part in form.split(boundary)[1:-1] if form else ():
        head, _, content = part.partition(b"\r\n\r\n")
        yield head.partition(b'name="')[2].partition(b'"')[0], content


def requests_of(server: FaultServer, methods: tuple[Any, Any], given: dict[str, Any]) -> list[tuple[Any, ...]]:
    """What the official client sends for these arguments, and what we do."""
    before = len(server.requests)
    for call in methods:
        with contextlib.suppress(Exception):  # of an answer that is none to this request
            for _ in call(**given):
                pass
    return [said(request) for request in server.requests[before:]]


@pytest.mark.filterwarnings("ignore::DeprecationWarning")  # the official client's, of what is to be removed
@pytest.mark.parametrize("name", sorted(endpoints()))
def test_a_request_is_the_one_that_the_official_client_sends(
    name: str, ours: Client, theirs: openai.OpenAI, server: FaultServer
) -> None:
    """Verb, path, query, body, and the headers that say which of the API's previews is meant; however values look."""
    methods = method_of(theirs, name), method_of(ours, name)
    if isinstance(methods[1], OperationProxy):
        given = [of_the_table(methods[0], endpoints()[name], value) for value in VALUES]
    else:
        given = [of_a_class(methods[0])]
    for each in given:
        expected, sent = requests_of(server, methods, each)
        assert sent == expected


PNG = ("a.png", b"\x89PNG\r\n\x1a\n", "image/png")
CHAT: dict[str, Any] = {"model": "m", "messages": [{"role": "user", "content": "x"}]}


@pytest.mark.parametrize(
    ("name", "given"),
    [
        ("realtime.calls.create", {"sdp": "v=0"}),
        ("realtime.calls.create", {"sdp": "v=0", "session": {"type": "realtime"}}),
        ("beta.agents.create", {"model": "m", "compaction": {"async_": True}, "metadata": {"async_": "kept"}}),
        ("beta.agents.update", {"agent_id": "a", "compaction": {"async_": False}}),
        ("images.edit", {"image": PNG, "prompt": "x", "markup": PNG}),
        ("chat.completions.create", {**CHAT, "stream": False}),
        ("completions.create", {"model": "m", "prompt": "x", "stream": False}),
        ("responses.create", {"model": "m", "input": "x", "stream": False}),
        ("images.generate", {"model": "m", "prompt": "x", "stream": False}),
        ("images.edit", {"image": PNG, "prompt": "x", "stream": False}),
        ("audio.transcriptions.create", {"model": "m", "file": PNG, "stream": False}),
        ("responses.retrieve", {"response_id": "resp_1", "stream": False}),
        ("beta.threads.runs.create", {"thread_id": "t", "assistant_id": "a", "stream": False}),
        ("beta.threads.create_and_run", {"assistant_id": "a", "stream": False}),
        ("models.retrieve", {"model": "ft:gpt-4o:org::id"}),
        ("models.retrieve", {"model": "a/b c$&'()*+,;=:@é%2F"}),
    ],
)
@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_odd_arguments_are_sent_as_the_official_client_sends_them(
    name: str, given: dict[str, Any], ours: Client, theirs: openai.OpenAI, server: FaultServer
) -> None:
    """A field as the body, names that are keywords, files that the description does not know, `stream=False`, paths."""
    expected, sent = requests_of(server, (method_of(theirs, name), method_of(ours, name)), given)
    assert sent == expected
