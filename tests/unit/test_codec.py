"""Lenient forward, strict backward: what is new is kept, what is wrong is an error that names the place."""

from __future__ import annotations

import copy
import json
import pickle
from typing import Any, get_origin

import attrs
import pytest

from openai_async._wire import codec
from openai_async._wire.codec import structure
from openai_async.errors import DecodeError
from openai_async.types._base import Polled, Reply, Value
from openai_async.types.assistants import Run, RunStep
from openai_async.types.batches import Batch
from openai_async.types.chat import ChatCompletion, ChatCompletionChunk, CompletionUsage
from openai_async.types.files import FileObject
from openai_async.types.fine_tunes import FineTune
from openai_async.types.fine_tuning import FineTuningJob
from openai_async.types.meta import Meta
from openai_async.types.models import Model, ModelList
from openai_async.types.uploads import Upload
from openai_async.types.vector_stores import VectorStore, VectorStoreFile

SECRET = "canary-4711"

WHOLE: dict[str, Any] = {
    "id": "chatcmpl-1",
    "object": "chat.completion",
    "created": 1_700_000_000,
    "model": "gpt-4o-2024-08-06",
    "service_tier": "default",
    "system_fingerprint": "fp_1",
    "choices": [
        {
            "index": 0,
            "finish_reason": "tool_calls",
            "message": {
                "role": "assistant",
                "content": "Let me see.",
                "tool_calls": [
                    {"id": "call_1", "type": "function", "function": {"name": "f", "arguments": '{"a": 1}'}},
                    {"id": "call_2", "type": "custom", "custom": {"name": "sql", "input": "SELECT 1"}},
                ],
                "annotations": [{"type": "url_citation", "url_citation": {"url": "https://example.com"}}],
                "audio": {"id": "audio_1", "data": "AAAA", "expires_at": 1, "transcript": "Hi"},
            },
            "logprobs": {
                "content": [
                    {
                        "token": "Let",
                        "logprob": -0.5,
                        "bytes": [76, 101, 116],
                        "top_logprobs": [{"token": "Let", "logprob": -0.5, "bytes": [76]}],
                    }
                ],
            },
        }
    ],
    "usage": {
        "prompt_tokens": 9,
        "completion_tokens": 12,
        "total_tokens": 21,
        "prompt_tokens_details": {"cached_tokens": 3},
        "completion_tokens_details": {"reasoning_tokens": 4},
    },
}


def whole() -> dict[str, Any]:
    return copy.deepcopy(WHOLE)


def decoded(data: object, cls: type[Any] = ChatCompletion) -> Any:
    """The value of `data`, read in each way there is, which must not matter."""
    body = json.dumps(data).encode()
    value = codec.decode(cls, body)
    assert codec.structure(cls, data) == value
    assert codec.decoder(cls)(body) == value
    return value


def refused(data: object, cls: type[Any] = ChatCompletion) -> DecodeError:
    """The error of `data`, which is the same in each way of reading and shows nothing of the data."""
    body = json.dumps(data).encode()
    texts: set[str] = set()
    for read in (lambda: codec.decode(cls, body), lambda: codec.structure(cls, data), lambda: codec.decoder(cls)(body)):
        with pytest.raises(DecodeError) as caught:
            read()
        texts.add(str(caught.value))
        assert caught.value.__cause__ is None
        assert caught.value.__suppress_context__
    assert len(texts) == 1
    assert SECRET not in texts.pop()
    return caught.value


# ---- what is right


def test_a_whole_reply_is_read_and_written_back() -> None:
    """Every documented field is an attribute, and the reply goes back as it came."""
    reply = decoded(whole())
    choice = reply.choices[0]
    assert (reply.id, reply.created, reply.text) == ("chatcmpl-1", 1_700_000_000, "Let me see.")
    assert choice.message.tool_calls[0].function.arguments == '{"a": 1}'
    assert choice.message.tool_calls[1].custom.input == "SELECT 1"
    assert choice.logprobs.content[0].top_logprobs[0].bytes == [76]
    assert reply.usage.completion_tokens_details.reasoning_tokens == 4
    assert reply.to_dict() == WHOLE


def test_unknown_fields_are_kept_at_every_level() -> None:
    """What this version does not know is an attribute all the same, and goes back with the rest."""
    data = whole()
    data["x_top"] = {"a": [1]}
    data["choices"][0]["x_choice"] = None
    data["choices"][0]["message"]["reasoning_content"] = "Hm."
    data["choices"][0]["message"]["tool_calls"][0]["function"]["strict"] = True
    data["choices"][0]["logprobs"]["content"][0]["top_logprobs"][0]["id"] = 5
    data["usage"]["prompt_tokens_details"]["x_tokens"] = 7
    reply = decoded(data)
    message = reply.choices[0].message
    assert reply.x_top == {"a": [1]}
    assert reply.choices[0].x_choice is None
    assert message.reasoning_content == "Hm."
    assert message.tool_calls[0].function.strict is True
    assert reply.choices[0].logprobs.content[0].top_logprobs[0].id == 5
    assert reply.usage.prompt_tokens_details.x_tokens == 7
    assert reply.extra == {"x_top": {"a": [1]}}
    assert reply.to_dict() == data
    with pytest.raises(AttributeError, match="'ChatCompletion' object has no attribute 'x_bottom'"):
        reply.x_bottom  # noqa: B018


def test_fields_that_are_named_like_ours_are_kept() -> None:
    """A server's own `meta`, `extra` or `to_dict` does not displace ours, and is not lost."""
    data = whole() | {"meta": {"a": 1}, "extra": 2, "to_dict": 3, "__class__": 4, "request_id": 5}
    reply = decoded(data)
    assert reply.meta == Meta()
    assert reply.request_id is None
    assert reply.extra["meta"] == {"a": 1}
    assert reply.to_dict() == data


def test_unknown_words_are_values() -> None:
    """A role, a reason or a tier of tomorrow is a string like any other."""
    data = whole()
    data["service_tier"] = "warp"
    data["choices"][0]["finish_reason"] = "enlightenment"
    data["choices"][0]["message"]["role"] = "oracle"
    data["choices"][0]["message"]["tool_calls"][0]["type"] = "telepathy"
    assert decoded(data).to_dict() == data


@pytest.mark.parametrize(
    "place",
    [
        ["created"],
        ["object"],
        ["usage"],
        ["usage", "prompt_tokens"],
        ["usage", "prompt_tokens_details"],
        ["choices", 0, "index"],
        ["choices", 0, "finish_reason"],
        ["choices", 0, "logprobs"],
        ["choices", 0, "logprobs", "content"],
        ["choices", 0, "logprobs", "content", 0, "logprob"],
        ["choices", 0, "logprobs", "content", 0, "bytes"],
        ["choices", 0, "message", "role"],
        ["choices", 0, "message", "content"],
        ["choices", 0, "message", "tool_calls"],
        ["choices", 0, "message", "tool_calls", 0, "function"],
        ["choices", 0, "message", "tool_calls", 0, "function", "arguments"],
    ],
)
def test_null_is_absent_where_a_field_is_optional(place: list[Any]) -> None:
    """A server that writes null for "nothing here" is read as if the field were missing."""
    with_null, without = whole(), whole()
    *way, last = place
    holder_of_null, holder = with_null, without
    for step in way:
        holder_of_null, holder = holder_of_null[step], holder[step]
    holder_of_null[last] = None
    del holder[last]
    assert decoded(with_null) == decoded(without)


@pytest.mark.parametrize(
    ("place", "nothing"),
    [(["usage"], ""), (["usage"], []), (["choices", 0, "logprobs"], []), (["choices", 0, "message", "tool_calls"], {})],
)
def test_an_empty_value_that_does_not_fit_is_absent(place: list[Any], nothing: object) -> None:
    """A server that writes an empty text, array or object for "nothing here" is read like one that writes null."""
    data, without = whole(), whole()
    *way, last = place
    holder, holder_without = data, without
    for step in way:
        holder, holder_without = holder[step], holder_without[step]
    holder[last] = nothing
    del holder_without[last]
    found = decoded(data)
    assert found.to_dict() == data  # what was read as nothing is kept as it came
    assert (found.usage is None) == (place == ["usage"])


#: The states of jobs.
POLLED = (Batch, FileObject, FineTuningJob, FineTune, Run, RunStep, Upload, VectorStore, VectorStoreFile)


@pytest.mark.parametrize("nothing", [None, "", [], {}], ids=repr)
@pytest.mark.parametrize("cls", POLLED, ids=lambda cls: cls.__name__)
def test_nothing_has_many_spellings_in_what_is_polled(cls: type[Polled], nothing: object) -> None:
    """In a job's state null, "", [], {} and an absent field are one thing, for every field that may be absent."""
    fields = attrs.fields(cls)
    required = {
        field.name: [] if get_origin(field.type) is list else "x" for field in fields if field.default is attrs.NOTHING
    }
    optional = {
        field.name: nothing for field in fields if field.default is None and field.name not in ("extra", "meta")
    }
    data = {**required, **optional}
    value = structure(cls, data)
    assert {name: getattr(value, name) for name in optional} == dict.fromkeys(optional)
    assert value.to_dict() == structure(cls, required).to_dict() | ({} if nothing is None else optional)


def test_null_is_an_empty_list_where_a_list_must_be() -> None:
    """`"choices": null` and `"data": null` are lists of nothing; unknown nulls beside them are kept."""
    assert decoded({"id": "x", "choices": None, "new": None}).to_dict() == {
        "id": "x",
        "object": "chat.completion",
        "choices": [],
        "new": None,
    }
    assert decoded({"choices": None}, ChatCompletionChunk).choices == []
    assert [*decoded({"data": None}, ModelList)] == []


def test_numbers_are_numbers() -> None:
    """JSON has one kind of number: a whole one where a fraction is expected, and the other way round, are right."""
    data = whole()
    data["created"] = 1_700_000_000.0
    data["choices"][0]["logprobs"]["content"][0]["logprob"] = 0
    assert decoded(data).to_dict() == data


def test_chunks_may_be_nearly_empty() -> None:
    """A first event without content, and a last one with usage alone, are chunks."""
    assert decoded({"choices": []}, ChatCompletionChunk).text == ""
    chunk = decoded({"choices": [{}], "usage": {}}, ChatCompletionChunk)
    assert (chunk.text, chunk.choices[0].delta.content, chunk.usage) == ("", None, CompletionUsage())


# ---- what is wrong


@pytest.mark.parametrize(
    ("place", "wrong", "path"),
    [
        ([], [], "$"),
        ([], None, "$"),
        ([], SECRET, "$"),
        ([], 5, "$"),
        (["id"], [5], "$.id"),
        (["created"], SECRET, "$.created"),
        (["created"], True, "$.created"),
        (["choices"], {}, "$.choices"),
        (["choices"], "", "$.choices"),
        (["choices"], SECRET, "$.choices"),
        (["choices"], {SECRET: 1}, "$.choices"),
        (["choices"], [None], "$.choices[0]"),
        (["choices"], [SECRET], "$.choices[0]"),
        (["choices"], [{}], "$.choices[0].message"),
        (["choices", 0, "message"], [SECRET], "$.choices[0].message"),
        (["choices", 0, "index"], SECRET, "$.choices[0].index"),
        (["choices", 0, "index"], False, "$.choices[0].index"),
        (["choices", 0, "message", "content"], [SECRET], "$.choices[0].message.content"),
        (["choices", 0, "message", "tool_calls"], {SECRET: 1}, "$.choices[0].message.tool_calls"),
        (["choices", 0, "message", "tool_calls", 1], SECRET, "$.choices[0].message.tool_calls[1]"),
        (
            ["choices", 0, "message", "tool_calls", 0, "function", "arguments"],
            5,
            "$.choices[0].message.tool_calls[0].function.arguments",
        ),
        (["choices", 0, "message", "annotations"], [SECRET], "$.choices[0].message.annotations[0]"),
        (["choices", 0, "logprobs", "content", 0, "bytes"], [SECRET], "$.choices[0].logprobs.content[0].bytes[0]"),
        (["choices", 0, "logprobs", "content", 0, "logprob"], True, "$.choices[0].logprobs.content[0].logprob"),
        (["usage", "total_tokens"], SECRET, "$.usage.total_tokens"),
        (["usage"], SECRET, "$.usage"),
    ],
)
def test_a_wrong_type_is_an_error_with_its_path(place: list[Any], wrong: object, path: str) -> None:
    """The first field that is not what it should be is named, and its value is not shown."""
    data: Any = whole()
    if place:
        *way, last = place
        holder = data
        for step in way:
            holder = holder[step]
        holder[last] = wrong
    else:
        data = wrong
    error = refused(data)
    assert error.path == path
    assert str(error).startswith("the body is not a ChatCompletion: ")
    assert str(error).endswith(f" at {path}")


@pytest.mark.parametrize(
    ("cls", "data", "path"),
    [
        (ChatCompletion, {"choices": []}, "$.id"),
        (ChatCompletion, {"id": "x"}, "$.choices"),
        (ChatCompletionChunk, {"id": "x"}, "$.choices"),
        (ChatCompletionChunk, {"message": SECRET}, "$.choices"),
        (Model, {"object": "model"}, "$.id"),
        (ModelList, {"data": [{"id": "a"}, {}]}, "$.data[1].id"),
    ],
)
def test_a_missing_field_is_an_error_with_its_path(cls: type[Value], data: object, path: str) -> None:
    """A body of some other shape is never a value with holes."""
    error = refused(data, cls)
    assert error.path == path
    assert f"{path.rpartition('.')[2]!r} is missing" in str(error)


def test_what_is_no_json_is_an_error() -> None:
    """Decoding starts from bytes, and bytes that are not JSON are the same kind of error."""
    for read in (lambda: codec.decode(Model, b"<html>"), lambda: codec.decoder(Model)(b"<html>")):
        with pytest.raises(DecodeError, match="HTML"):
            read()


# ---- values


@pytest.mark.parametrize("extra", [{}, {"x": [1]}])
def test_values_are_pickled_and_copied(extra: dict[str, Any]) -> None:
    """A reply crosses process pools and caches whole, with its unknown fields."""
    reply: ChatCompletion = decoded(whole() | extra)
    reply.meta = Meta(headers={"a": "b", "x-request-id": "req_1"})
    copies = [pickle.loads(pickle.dumps(reply, protocol)) for protocol in range(2, pickle.HIGHEST_PROTOCOL + 1)]
    for again in (*copies, copy.copy(reply), copy.deepcopy(reply)):
        assert again is not reply
        assert again == reply
        assert again.meta == reply.meta
        assert again.extra == extra
        assert again.choices[0].message.extra is reply.choices[0].message.extra  # the shared empty mapping
        assert again.to_dict() == reply.to_dict()


def test_a_deep_copy_shares_nothing() -> None:
    """Changing a deep copy leaves the original alone."""
    reply: Reply = decoded(whole() | {"x": [1]})
    again = copy.deepcopy(reply)
    again.extra["x"].append(2)
    assert reply.extra == {"x": [1]}
