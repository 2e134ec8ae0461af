"""Settings, options and their misspellings are refused before anything is sent; whatever else is new is sent."""

from __future__ import annotations

import inspect
import json
from collections.abc import Callable, Iterator
from functools import reduce
from typing import Any

import openai
import pytest
from hypothesis import given, strategies as st

from openai_async import AsyncAzureClient, AsyncClient, Client
from openai_async.errors import InvalidParameterError
from openai_async.resources import _argument_names
from openai_async.resources._operations import endpoints
from openai_async.testing import FaultServer, json_reply
from openai_async.types.params.options import RequestOptions, UploadOptions
from tests.spec.document import properties_of, published

SECRET = "sk-canary-4711"
CHAT = {"model": "m", "messages": [{"role": "user", "content": "Hi"}]}
REPLY = {"id": "c", "object": "chat.completion", "created": 1, "model": "m", "choices": [], "data": []}


@pytest.fixture
def server() -> Iterator[FaultServer]:
    with FaultServer(lambda request: json_reply(REPLY)) as server:
        yield server


def keywords(function: Callable[..., Any]) -> set[str]:
    parameters = inspect.signature(function).parameters.values()
    return {parameter.name for parameter in parameters if parameter.kind is parameter.KEYWORD_ONLY}


def test_the_words_are_those_of_the_signatures() -> None:
    """What a client, a call or a map takes is known here: a new argument of one of them is guarded, too."""
    settings = keywords(AsyncClient.__init__) | keywords(AsyncAzureClient.__init__)
    assert settings <= _argument_names.SETTINGS | _argument_names.OPTIONS
    assert {*RequestOptions.__annotations__, *UploadOptions.__annotations__} <= _argument_names.OPTIONS
    assert keywords(AsyncClient.map) - {"priority"} == _argument_names.MAP_ARGUMENTS


@pytest.mark.slow
def test_no_parameter_of_the_api_is_refused() -> None:
    """Neither one of the published document, nor one that the official client names."""
    for operation in published().values():
        names = {name.removesuffix("[]") for name in operation.parameters("query")}
        if operation.body is not None:
            names |= {*properties_of(operation.body)}
        _argument_names.check_names(dict.fromkeys(names).keys(), operation.path)
    theirs = openai.OpenAI(api_key="k", admin_api_key="k")
    for name in endpoints():
        names = keywords(reduce(getattr, name.split("."), theirs)) - _argument_names.OPTIONS
        _argument_names.check_names(dict.fromkeys(names).keys(), endpoints()[name].operation.path)


@given(
    word=st.sampled_from(sorted(_argument_names.SETTINGS | _argument_names.OPTIONS | _argument_names.MAP_ARGUMENTS)),
    place=st.integers(0, 40),
    letter=st.sampled_from("abcdefghijklmnopqrstuvwxyz_"),
    slip=st.sampled_from(["left out", "put in", "replaced", "swapped", "other case", "no underscores", "hyphens"]),
)
def test_one_slip_is_noticed(word: str, place: int, letter: str, slip: str) -> None:
    """A letter left out, added, exchanged or swapped, another way to join words: the right word is named."""
    place %= len(word) - 1
    name = {
        "left out": word[:place] + word[place + 1 :],
        "put in": word[:place] + letter + word[place:],
        "replaced": word[:place] + letter + word[place + 1 :],
        "swapped": word[:place] + word[place + 1] + word[place] + word[place + 2 :],
        "other case": "".join(part.title() for part in word.split("_")),
        "no underscores": word.replace("_", ""),
        "hyphens": word.replace("_", "-"),
    }[slip]
    with pytest.raises(InvalidParameterError) as caught:
        _argument_names.check_names({name: 1}.keys())
    assert "extra_body" in str(caught.value)
    assert caught.value.field == name


@pytest.mark.parametrize("name", ["reasoning_v2", "top_a", "min_p", "guided_json", "order", "user", "x", "é\ud800"])
def test_new_fields_pass(name: str) -> None:
    """What is like none of the words may be a parameter of tomorrow, or of another server."""
    _argument_names.check_names({name: 1}.keys())
    _argument_names.check_shared({name: 1})


WAYS: dict[str, Callable[[AsyncClient, dict[str, Any]], Any]] = {
    "create": lambda client, odd: client.chat.completions.create(**CHAT, **odd),
    "create a stream": lambda client, odd: client.chat.completions.create(**CHAT, **odd, stream=True),
    "respond": lambda client, odd: client.responses.create(model="m", input="x", **odd),
    "a typed read": lambda client, odd: client.models.retrieve("m", **odd),
    "a typed list": lambda client, odd: client.files.list(**odd),
    "a form": lambda client, odd: client.files.create(file=b"x", purpose="batch", **odd),
    "a call of the table": lambda client, odd: client.evals.create(name="x", **odd),
    "a list of the table": lambda client, odd: client.evals.list(**odd),
    "a raw path": lambda client, odd: client.post("/x", body={"api_key": 1}, **odd),
    "a batch": lambda client, odd: client.batch.run("in.jsonl", "out.jsonl", params=odd),
}


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("anyio_backend", ["asyncio"])
async def test_such_a_name_is_refused_before_anything_is_sent(way: str, server: FaultServer) -> None:
    """By every way into the client; the value, which may be a key, is not shown."""
    async with AsyncClient(api_key="k", base_url=server.base_url, trust_env=False) as client:
        for name in ("api_key", "base_url", "organization", "project", "timout", "max_retires", "max_in_flght"):
            with pytest.raises(InvalidParameterError) as caught:
                await WAYS[way](client, {name: SECRET})
            assert (caught.value.field, SECRET in str(caught.value), server.requests) == (name, False, ())


@pytest.mark.parametrize("anyio_backend", ["asyncio"])
async def test_a_map_refuses_them_at_once(server: FaultServer) -> None:
    """What all calls share is refused when the map is made; what one request has is that request's error."""
    async with AsyncClient(api_key="k", base_url=server.base_url, trust_env=False) as client:
        for name in ("max_in_flght", "api_key", "timout"):
            with pytest.raises(InvalidParameterError):
                client.map(client.chat.completions.create, [CHAT], **{name: SECRET})
            with pytest.raises(InvalidParameterError):
                client.chat.completions.map([CHAT], **{name: SECRET})
        requests = [CHAT, {**CHAT, "api_key": 1}]
        results = [result async for result in client.map(client.chat.completions.create, requests, timeout=9)]
    assert [type(result.error) for result in results] == [type(None), InvalidParameterError]
    assert len(server.requests) == 1


def test_the_sync_client_refuses_them(server: FaultServer) -> None:
    """It is the same door."""
    with Client(api_key="k", base_url=server.base_url, trust_env=False) as client:
        for refused in (
            lambda: client.chat.completions.create(**CHAT, api_key=SECRET),  # type: ignore[call-overload]
            lambda: client.map(client.chat.completions.create, [CHAT], max_in_flght=2),
        ):
            with pytest.raises(InvalidParameterError):
                refused()
    assert server.requests == ()


@pytest.mark.parametrize("anyio_backend", ["asyncio"])
async def test_a_field_of_any_name_is_sent_on_purpose(server: FaultServer) -> None:
    """In `extra_body`; and a setting that is None is not given."""
    async with AsyncClient(api_key="k", base_url=server.base_url, trust_env=False) as client:
        odd: dict[str, Any] = {"organization": None, "api_key": None}
        await client.chat.completions.create(**CHAT, **odd, extra_body={"api_key": "x", "timout": 3})
    body = json.loads(server.requests[0].body)
    assert {name: body[name] for name in body if name not in CHAT} == {"api_key": "x", "timout": 3}


@pytest.mark.slow
def test_what_was_looked_at_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    """A program that makes names up does not fill the memory."""
    monkeypatch.setattr(_argument_names, "_passed", set[str]())
    for number in range(_argument_names._MOST_PASSED + 100):
        _argument_names.check_names({f"made up {number}": 1}.keys())
    assert len(_argument_names._passed) == _argument_names._MOST_PASSED
