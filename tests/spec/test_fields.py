"""The fields that a type checker knows of replies and events are those of the published document.

None is made up: nothing is lost of a field with a misspelt name, for what is unknown is kept, but nobody finds it under
its own. None is lacking: what is in `extra` reads as an attribute, too, but no editor knows of it.
"""

from __future__ import annotations

import json
import typing
from collections.abc import Callable, Iterator
from typing import Any, Final

import attrs
import pytest
from hypothesis import given, settings, strategies as st

from openai_async import AsyncClient
from openai_async.resources._pagination import AsyncPage
from openai_async.types._base import Value
from openai_async.types.api_object import APIObject
from openai_async.types.assistants import RunEvent
from tests.spec import test_events as events, test_replies as replies
from tests.spec.calls import Arguments, Wire, finished, is_typed, method_of, reply_of
from tests.spec.document import Schema, items_of, properties_of, published
from tests.spec.drawn import Drawing
from tests.spec.examples import few

_CLIENT: Final = AsyncClient(api_key="k")
_TYPED: Final = sorted(
    name for name, stated in published().items() if is_typed(_CLIENT, name) and reply_of(stated) is not None
)
#: What a class has for another of its uses, or for servers that say more than the document.
_MEANT: Final[dict[str, set[str]]] = {
    "Assistant": {"reasoning_effort"},  # as runs have it
    "ChatCompletionStoreMessage": {"name"},  # of whoever said it
    "AudioUsage": {"seconds", "input_token_details", "type"},  # of a transcription; here, of speech
    "CompletionUsage": {"completion_tokens", "completion_tokens_details", "prompt_tokens_details"},  # of embeddings
    "ImagesUsage": {"output_tokens_details"},  # not while they are streamed
    "MessageContent": {"index"},  # in a delta
    "ResponseContent": {  # of a message, written or read; here, of a thought
        *("annotations", "detail", "file_data", "file_id", "file_url", "filename", "image_url", "logprobs"),
        *("prompt_cache_breakpoint", "refusal"),
    },
    "ToolCall": {"custom", "index"},  # of chat; in a chunk
    "Transcription": {"languages", "logprobs", "task", "usage", "words"},  # of a translation
    "TranscriptionSegment": {"speaker", "type"},  # where speakers are told apart
    "VectorStore": {"description"},  # as it was created
}
#: Properties that are none of a class's fields, on purpose.
_NOT_FIELDS: Final[dict[str, set[str]]] = {
    "Response": {"output_text"},  # which the official clients make of the output, and so does a property of ours
    "RunEvent": {"enabled"},  # an event of a run is sent as a name and data, with no place for anything else
}


def made_up(cls: type[Value], schema: Schema, seen: set[type]) -> Iterator[str]:
    """Fields of a class, and of the classes in it, that the schema does not have."""
    if cls in seen:
        return
    seen.add(cls)
    known = properties_of(schema)
    fields = attrs.fields_dict(attrs.resolve_types(cls))
    for name in fields.keys() - {"extra", "meta"}:
        if name in known:
            for inner, is_item in _classes(fields[name].type):
                yield from made_up(inner, items_of(known[name]) if is_item else known[name], seen)
        elif name not in _MEANT.get(cls.__name__, ()):
            yield f"{cls.__name__}.{name}"


def lacking(cls: type[Value], schema: Schema, seen: set[tuple[type, str]]) -> Iterator[str]:
    """Properties that are no fields of a class, or of the classes in it, wherever these stand."""
    place = (cls, json.dumps(schema, sort_keys=True))
    if place in seen:
        return
    seen.add(place)
    fields = attrs.fields_dict(attrs.resolve_types(cls))
    for name, stated in properties_of(schema).items():
        if name in fields:
            for inner, is_item in _classes(fields[name].type):
                yield from lacking(inner, items_of(stated) if is_item else stated, seen)
        elif name not in _NOT_FIELDS.get(cls.__name__, ()):
            yield f"{cls.__name__}.{name}"


def _classes(kind: Any, is_item: bool = False) -> Iterator[tuple[type[Value], bool]]:
    """The classes in the type of a field, and whether they are those of a list's items."""
    if isinstance(kind, type) and issubclass(kind, Value):
        if kind is not APIObject:
            yield kind, is_item
    elif typing.get_origin(kind) is not dict:
        for part in typing.get_args(kind):
            yield from _classes(part, is_item or typing.get_origin(kind) is list)


def read(name: str, drawn: Callable[[Drawing], Any], work: Callable[[Arguments, Any], Any]) -> Any:
    """What is read of the least that may be drawn, with an item in every list."""
    found: list[Any] = []

    @st.composite
    def answered(draw: st.DrawFn) -> tuple[Arguments, Any]:
        arguments = Arguments.drawn(draw, published()[name], optional=False)
        return arguments, drawn(Drawing(draw, empty=False, optional=False))

    @settings(few, max_examples=1)
    @given(answered())
    def once(example: tuple[Arguments, Any]) -> None:
        found.append(work(*example))

    once()
    return found[-1]


def read_reply(name: str, wire: Wire) -> tuple[type[Value], Schema]:
    """The class that a method gives, or that of its list's items, and its schema."""
    schema = reply_of(published()[name])
    method = method_of(wire.client, name)
    got = read(
        name,
        lambda drawing: drawing.value(schema),
        lambda arguments, sent: wire.run(lambda: finished(arguments.call(method)), replies.script_of(sent)),
    )
    if isinstance(got, AsyncPage):
        got, schema = got.data[0], items_of(properties_of(schema)["data"])
    assert isinstance(got, Value)
    return type(got), schema


def read_event(name: str, kind: str, schema: Schema, wire: Wire) -> Value:
    """What a stream gives for an event of a kind."""
    method = method_of(wire.client, name)
    chunk = read(
        name,
        lambda drawing: events.drawn_event(drawing, name, kind, schema),
        lambda arguments, sent: wire.run(events.work(method, name, arguments), events.script_of(name, sent)),
    )
    assert isinstance(chunk, Value)
    return chunk


@pytest.mark.parametrize("name", _TYPED)
def test_no_field_of_a_reply_is_made_up(name: str, wire: Wire) -> None:
    """What a typed reply, or an item of a typed list, has as a field is a property in the document."""
    assert [*made_up(*read_reply(name, wire), {APIObject})] == []


@pytest.mark.parametrize("name", _TYPED)
def test_no_field_of_a_reply_is_lacking(name: str, wire: Wire) -> None:
    """What the document has as a property of a reply is a field, in the typed classes within it, too."""
    assert [*lacking(*read_reply(name, wire), set())] == []


_STREAMS: Final = [
    pytest.param(name, kind, schema, id=f"{name}-{kind}") for name, kind, schema in events.streams() if kind != "error"
]


@pytest.mark.parametrize(("name", "kind", "schema"), _STREAMS)
def test_no_field_of_an_event_is_made_up(name: str, kind: str, schema: Schema, wire: Wire) -> None:
    """What is typed within an event is a property in the document; one class has the fields of all its stream's."""
    chunk = read_event(name, kind, schema, wire)
    for field in attrs.fields(type(chunk)):
        part = getattr(chunk, field.name)
        if isinstance(part, Value):
            assert [*made_up(type(part), properties_of(schema)[field.name], {APIObject})] == []


@pytest.mark.parametrize(("name", "kind", "schema"), _STREAMS)
def test_no_field_of_an_event_is_lacking(name: str, kind: str, schema: Schema, wire: Wire) -> None:
    """What the document has as a property of an event is a field, in the typed classes within it, too."""
    chunk = read_event(name, kind, schema, wire)
    if isinstance(chunk, RunEvent):  # which class its data is of depends on what it is about
        assert properties_of(schema).keys() - attrs.fields_dict(RunEvent).keys() <= _NOT_FIELDS["RunEvent"]
        assert type(chunk.data) is not APIObject
        assert [*lacking(type(chunk.data), properties_of(schema)["data"], set())] == []
    else:
        assert [*lacking(type(chunk), schema, set())] == []
