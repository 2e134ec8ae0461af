"""Every public value can be handed to what takes values: dicts, JSON, pydantic, FastAPI, notebooks."""

from __future__ import annotations

import importlib
import json
import pkgutil
import subprocess
import sys
from collections.abc import AsyncIterable, Iterator
from typing import Annotated, Any

import attrs
import orjson
import pydantic
import pytest
from fastapi import Body, FastAPI
from fastapi.responses import StreamingResponse
from fastapi.testclient import TestClient
from hypothesis import given, strategies as st
from IPython.lib.pretty import pretty
from openai.types.chat import ChatCompletion as Theirs
from rich.pretty import pretty_repr

import openai_async
from openai_async import (
    APIObject,
    AsyncPage,
    Attempt,
    BadLine,
    BatchSummary,
    Binary,
    CostTotals,
    Price,
    RateLimit,
    RateLimitError,
    Result,
    json_default,
)
from openai_async._wire.codec import structure
from openai_async.types._plain import Plain, Record
from openai_async.types.chat import ChatCompletion, ChatCompletionChunk, CompletionUsage
from openai_async.types.meta import Meta, RateLimits, ReplyHeaders
from tests.moved import MOVED

MESSAGE = {"role": "assistant", "content": "Hi", "reasoning_content": "hm"}
REPLY: dict[str, Any] = {
    "id": "c1",
    "object": "chat.completion",
    "created": 1,
    "model": "m",
    "choices": [{"index": 0, "message": MESSAGE, "finish_reason": "stop"}],
    "usage": {"prompt_tokens": 1, "completion_tokens": 2, "total_tokens": 3},
    "of_tomorrow": {"y": None},
}
CHUNK = {"id": "c", "object": "chat.completion.chunk", "choices": [{"index": 0, "delta": {"content": "H\n"}}]}


def reply() -> ChatCompletion:
    found = structure(ChatCompletion, REPLY)
    headers = ReplyHeaders(
        [(b"x-request-id", b"r1"), (b"x-ratelimit-limit-requests", b"60"), (b"set-cookie", b"SECRET")]
    )
    found.meta = Meta(headers=headers, cost=0.5)
    return found


def totals() -> CostTotals:
    found = CostTotals()
    found.add("m", CompletionUsage(1, 2, 3), 0.5)
    return found


def summary(**changed: Any) -> BatchSummary:
    whole: dict[str, Any] = dict.fromkeys((field.name for field in attrs.fields(BatchSummary)), 0)
    lists = {"bad_lines": (), "ambiguous_ids": (), "failures": {}, "complete": True, "stopped": None, "cost": None}
    return BatchSummary(**(whole | {name: value for name, value in lists.items() if name in whole} | changed))


VALUES: dict[str, Any] = {
    "reply": reply(),
    "message": reply().choices[0].message,
    "chunk": structure(ChatCompletionChunk, CHUNK),
    "thing": APIObject(extra={"a": {"b": 1}, "keys": [None]}),
    "page": AsyncPage([reply()], True, {"object": "list", "last_id": "c1"}),
    "result": Result(0, value=reply()),
    "failed": Result(1, error=RateLimitError("slow down", status_code=429)),
    "summary": summary(bad_lines=(BadLine(3, "no JSON"),), failures={"RateLimitError": 1}),
    "totals": totals(),
    "limits": reply().rate_limits,
    "attempt": Attempt(1, "completed", 200, None, 0.1),
    "meta": reply().meta,
    "price": Price(1.0, 2.0, tiers={"flex": Price(0.5, 1.0)}),
    "limit": RateLimit(requests_per_minute=60),
    "binary": Binary(b"\xff\x00"),
}
each = pytest.mark.parametrize("value", VALUES.values(), ids=VALUES.keys())


def modules() -> Iterator[str]:
    for module in pkgutil.walk_packages(openai_async.__path__, "openai_async."):
        left_out = ("openai_async._codegen", "openai_async.emulator", "openai_async.compat")
        if module.name not in MOVED and not module.name.startswith(left_out):
            yield module.name


def test_every_public_value_has_these_methods() -> None:
    """No value that a user can hold is forgotten: each public class of attrs, and what the API says."""
    for name in openai_async.__all__:
        cls = getattr(openai_async, name)
        if isinstance(cls, type) and attrs.has(cls) and not issubclass(cls, BaseException):
            assert issubclass(cls, Plain), cls
    assert issubclass(openai_async.Page, Plain)
    assert issubclass(RateLimits, Record)
    assert issubclass(Meta, Record)


@each
def test_a_value_is_a_dict_and_a_json_text(value: Any) -> None:
    """All four methods agree, their text is strict JSON, and `json.dumps` takes a value where it is told how."""
    whole = value.model_dump()
    assert (
        json.loads(value.model_dump_json())
        == json.loads(json.dumps(whole))
        == json.loads(value.model_dump_json(indent=4))
    )
    shorter = value.to_dict()
    assert json.loads(value.to_json()) == json.loads(value.to_json(indent=2)) == json.loads(json.dumps(shorter))
    assert json.loads(json.dumps([value], default=json_default)) == [json.loads(value.to_json())]
    assert orjson.loads(orjson.dumps([value], default=json_default)) == [json.loads(value.to_json())]
    assert shorter.items() <= whole.items() or value.to_dict(exclude_unset=False) == whole
    assert None not in value.model_dump(exclude_none=True).values() or isinstance(value, APIObject)
    assert "\n" not in value.to_json() + value.model_dump_json()  # fit for a line of JSONL, and for an event
    assert "SECRET" not in value.to_json() + value.model_dump_json()


def test_a_reply_gives_what_the_official_client_gives() -> None:
    """`to_dict` is the object that came; `model_dump` has absent fields, too, and takes pydantic's options."""
    ours, theirs = reply(), Theirs.model_validate(REPLY)
    assert ours.to_dict() == theirs.to_dict() == REPLY
    assert ours.to_dict(exclude_unset=False)["choices"][0]["message"]["refusal"] is None
    assert ours.model_dump()["service_tier"] is theirs.model_dump()["service_tier"] is None
    assert set(theirs.model_dump()) <= set(ours.model_dump())
    for options in (
        {"exclude_none": True},
        {"exclude_unset": True, "by_alias": True},
        {"include": {"id", "choices"}, "exclude_none": True},
        {"exclude": {"usage": True, "choices": {"__all__": {"message": {"role"}}}}, "exclude_none": True},
        {"include": {"choices": {0: {"message": {"content": True}}}}},
        {"exclude": {"choices": {0}}, "exclude_unset": True},
    ):
        assert ours.model_dump(**options) == theirs.model_dump(**options), options  # type: ignore[arg-type]
        assert json.loads(ours.model_dump_json(**options)) == json.loads(theirs.model_dump_json(**options))  # type: ignore[arg-type]
    assert ours.model_dump(mode="json") == ours.model_dump()
    assert "object" not in ours.model_dump(exclude_defaults=True)
    with pytest.raises(TypeError, match="exclude_nothing"):
        ours.model_dump(exclude_nothing=True)  # type: ignore[call-arg]


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(st.characters(codec=None)),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=10,
)


@given(st.dictionaries(st.text(min_size=1, max_size=8), json_values, max_size=4), st.sampled_from([None, 0, 2, 3]))
def test_whatever_a_server_says_becomes_strict_json(extra: dict[str, Any], indent: int | None) -> None:
    """Half surrogates, huge integers, NaN and infinities are written as JSON that any reader takes."""

    def never(name: str) -> None:
        raise AssertionError(name)

    text = APIObject(extra=extra).to_json(indent=indent)
    assert json.loads(text.encode(), parse_constant=never).keys() == extra.keys()


class Holder(pydantic.BaseModel):
    """A model of a user, with values of ours inside."""

    reply: ChatCompletion
    replies: list[ChatCompletion] = []
    maybe: ChatCompletion | None = None
    result: Result[ChatCompletion] | None = None
    anything: dict[str, Any] = {}


def test_values_are_fields_of_pydantic_models() -> None:
    """An instance is kept as it is, a dict is read into one, and what is written is read again."""
    one = reply()
    held = Holder(reply=one, replies=[one], result=Result(0, value=one), anything={"a": one, "b": [one.rate_limits]})
    assert held.reply is one
    written = held.model_dump(exclude_none=True)
    assert written["reply"] == one.model_dump(exclude_none=True)
    assert written["anything"]["a"]["id"] == "c1"
    again = Holder.model_validate_json(held.model_dump_json(exclude={"result"}))
    assert again.reply == again.replies[0] == one
    assert again.reply.extra == one.extra
    with pytest.raises(pydantic.ValidationError, match="needs id, choices"):
        Holder.model_validate({"reply": {"object": "chat.completion"}})
    for damaged in ({"id": 3, "choices": []}, {"id": "a", "choices": {}}, [1], {"id": "a", "choices": [3]}):
        with pytest.raises(pydantic.ValidationError, match="must be a"):
            Holder.model_validate({"reply": damaged})
    schema = Holder.model_json_schema()["$defs"]["ChatCompletion"]
    assert schema["properties"]["id"] == {"type": "string"}
    assert schema["required"] == ["id", "choices"]


def test_every_type_of_reply_has_a_schema_and_can_be_validated() -> None:
    """Each public class can be named by a response model: none has a field that stops pydantic."""
    for name in modules():
        if ".types." in name:
            importlib.import_module(name)
    todo: list[type[Plain]] = [Plain]
    seen = 0
    while todo:
        todo += (cls := todo.pop()).__subclasses__()
        if attrs.has(cls) and attrs.fields(cls):
            seen += 1
            adapter = pydantic.TypeAdapter(cls)
            assert adapter.json_schema()["title"] == cls.__name__
    assert seen > 100


def app() -> FastAPI:
    """One endpoint for each value: as it is, as the response model, in a list, in a dict, as anything."""
    server = FastAPI()

    def add(path: str, found: Any, model: Any) -> None:
        def endpoint() -> Any:
            return found

        server.add_api_route(path, endpoint, response_model=model)

    for name, value in VALUES.items():
        add(f"/{name}/bare", value, None)
        add(f"/{name}/model", value, type(value))
        add(f"/{name}/list", [value], list[type(value)])  # type: ignore[misc]
        add(f"/{name}/dict", {"a": value}, None)
        add(f"/{name}/anything", {"a": value}, dict[str, Any])

    @server.post("/echo")
    def echo(body: Annotated[ChatCompletion, Body()]) -> ChatCompletion:
        return body

    @server.get("/events")
    def events() -> StreamingResponse:
        async def lines() -> AsyncIterable[str]:
            yield f"data: {VALUES['chunk'].to_json()}\n\n"
            yield f"data: {VALUES['chunk'].model_dump_json()}\n\n"

        return StreamingResponse(lines(), media_type="text/event-stream")

    return server


def test_endpoints_of_fastapi_return_values() -> None:
    """Whatever form the endpoint has, the answer is 200 and the value; the documentation describes the model."""
    with TestClient(app()) as client:
        for name, value in VALUES.items():
            whole = json.loads(value.model_dump_json())
            for form in ("bare", "model", "list", "dict", "anything"):
                answer = client.get(f"/{name}/{form}")
                assert answer.status_code == 200, (name, form, answer.text)
                found = answer.json()
                found = found[0] if form == "list" else found["a"] if form in ("dict", "anything") else found
                assert form in ("bare", "dict") or found == whole, (name, form)
                assert found.keys() == whole.keys(), (name, form)
        events = [json.loads(line[6:]) for line in client.get("/events").text.split("\n\n") if line]
        assert [event["choices"][0]["delta"]["content"] for event in events] == ["H\n", "H\n"]
        echoed = client.post("/echo", json=REPLY).json()
        assert {name: part for name, part in echoed.items() if part is not None}.keys() == REPLY.keys()
        assert client.post("/echo", json={"id": 1}).status_code == 422
        assert "ChatCompletion" in client.get("/openapi.json").json()["components"]["schemas"]


def test_pydantic_is_loaded_by_nobody_but_the_user() -> None:
    """Without pydantic the client, its values and their dumps work; asking for its hooks' names raises nothing odd."""
    script = (
        "import sys; sys.modules['pydantic'] = sys.modules['pydantic_core'] = None\n"
        "import openai_async as o, inspect; o.AsyncClient; r = o.Result(0)\n"
        "del sys.modules['pydantic_core']; assert not hasattr(r, '__pydantic_serializer__'); inspect.getmembers(r)\n"
        "assert r.model_dump() == {'index': 0, 'value': None, 'error': None}, r.model_dump()\n"
        "assert not any(name.startswith('pydantic') for name in sys.modules if sys.modules[name])\n"
        "assert 'openai_async.types._pydantic' not in sys.modules\n"
    )
    subprocess.run([sys.executable, "-c", script], check=True, timeout=60)


def test_lists_of_results_are_short() -> None:
    """A result is one line that says which and how: in a shell, a notebook and a terminal with rich."""
    long = structure(ChatCompletion, {"id": "c", "choices": [{"message": {"content": "word " * 500}}]})
    results = [Result(0, value=long), Result(1, error=RateLimitError("slow down " * 100, status_code=429))]
    for show in (repr, pretty, pretty_repr):
        for result in results:
            assert len(show(result)) < 120
    assert "word word" in repr(results[0])
    assert "RateLimitError: slow down" in repr(results[1])


def test_notebooks_show_records_as_tables() -> None:
    """A table is short and escapes what a server said; long lists are cut."""
    long = summary(bad_lines=tuple(BadLine(n, "<script>") for n in range(1_000)), bad=1_000)
    for shown in (repr(long), long._repr_html_(), pretty_repr(long), pretty(long)):
        assert len(shown) < 700
    assert "<script>" not in long._repr_html_()
    assert "skipped" not in repr(summary())  # nothing was
    for value in VALUES.values():
        if isinstance(value, Record):
            assert value._repr_html_().startswith("<table>")


def test_values_that_hold_nothing_of_ours_are_refused() -> None:
    """`json_default` hides no mistake."""
    with pytest.raises(TypeError, match="of type object"):
        json.dumps(object(), default=json_default)
