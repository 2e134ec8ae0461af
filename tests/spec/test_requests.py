"""What a method sends is what the published document says: for every operation, with arguments drawn from it."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any, Final

import pytest
from hypothesis import given, settings, strategies as st

from openai_async.resources import _base
from openai_async.resources._operation import Operation
from openai_async.resources._operations import endpoints
from openai_async.testing import Request, Script
from tests.spec.calls import (
    Arguments,
    Part,
    Wire,
    filled,
    finished,
    form_of,
    least_reply,
    method_of,
    parts_of,
    path_of,
    query_of,
)
from tests.spec.document import Published, check, flat, published, types_of
from tests.spec.examples import each, few, many

#: What a method sends beyond its arguments, where they do not say it.
_ADDED: Final = {"embeddings.create": {"encoding_format": "base64"}}  # shorter, and read faster


@pytest.fixture(scope="module")
def prepared() -> Iterator[list[Operation]]:
    """The operations that calls were made of, in turn."""
    seen: list[Operation] = []
    inner = _base._prepare

    def noted(pipeline: Any, operation: Operation, *rest: Any) -> Any:
        seen.append(operation)
        return inner(pipeline, operation, *rest)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(_base, "_prepare", noted)
        yield seen


@st.composite
def exchanges(draw: st.DrawFn, operation: Published) -> tuple[Arguments, bool, Script]:
    """Arguments, whether those of the path are given by position, and what is answered."""
    return Arguments.drawn(draw, operation), draw(st.booleans()), least_reply(draw, operation)


def sends_what_is_published(examples: settings, name: str, wire: Wire, prepared: list[Operation]) -> None:
    operation = published()[name]
    method = method_of(wire.client, name)

    @examples
    @given(exchanges(operation))
    def holds(exchange: tuple[Arguments, bool, Script]) -> None:
        arguments, by_position, reply = exchange
        prepared.clear()
        wire.run(lambda: finished(arguments.call(method, by_position=by_position)), reply)
        assert len(wire.caught) == 1
        check_request(wire.caught[0], operation, arguments)
        assert [_stated(made) for made in prepared] == [_stated(endpoints()[name].operation)]

    holds()


def _stated(operation: Operation) -> tuple[Any, ...]:
    """What the table states, too; whether a call may be repeated is for whoever writes its method out to say."""
    query = operation.query if operation.has_body else None  # all parameters of the others stand there
    return operation.verb, operation.path, query, operation.form, operation.beta


def check_request(request: Request, operation: Published, arguments: Arguments) -> None:
    """Verb, path, query, headers and body are what the document says of these arguments."""
    assert (request.method.lower(), path_of(request)) == (operation.verb, filled(operation, arguments))
    assert query_of(request, operation) == parts_of(arguments.query)
    for name, schema in operation.parameters("query").items():
        if name.removesuffix("[]") in arguments.query:
            check(schema, arguments.query[name.removesuffix("[]")])
    betas = [endpoints()[operation.name].operation.beta, *(arguments.betas or ())]
    assert (request.header("openai-beta") or "") == ",".join(beta for beta in betas if beta)
    kind = (request.header("content-type") or "").partition(";")[0]
    if not request.body:
        assert not arguments.body
    elif kind == "multipart/form-data":
        check_form(form_of(request), operation.bodies[kind], arguments.body)
    elif kind == "application/sdp":  # an offer alone, which is the whole body
        assert request.body.decode() == arguments.body["sdp"]
    else:
        assert kind == "application/json"
        assert json.loads(request.body) == {**_ADDED.get(operation.name, {}), **arguments.body}
        check(operation.bodies[kind]["schema"], json.loads(request.body))


def check_form(sent: list[tuple[Part, str]], media: Mapping[str, Any], body: Mapping[str, Any]) -> None:
    """The parts are those of the arguments: files with a media type, texts without, others with the one stated."""
    kinds = {name: part["contentType"] for name, part in media.get("encoding", {}).items()}
    as_json = {name: value for name, value in body.items() if kinds.get(name) == "application/json"}
    rest = {name: value for name, value in body.items() if name not in as_json}
    assert [part for part, _ in sent if part[0] not in as_json] == parts_of(rest)
    assert {name: json.loads(content) for (name, content, _), _ in sent if name in as_json} == as_json
    for (name, _, is_file), kind in sent:
        assert bool(kind) == (is_file or name in kinds)
        assert kind == kinds.get(name, kind)
    check(media["schema"], body)


@each()
def test_a_request_is_what_the_document_says(name: str, wire: Wire, prepared: list[Operation]) -> None:
    """Path, query, headers and body, by position and by name, of every operation and whoever makes its call."""
    sends_what_is_published(few, name, wire, prepared)


def test_a_query_says_lists_and_objects_as_the_document_does() -> None:
    """Item by item and `name[key]`: nowhere does it ask for commas, or for another way that `flattened` has not."""
    ways = {"array": {("form", True)}, "object": {("deepObject", True)}}
    for operation in published().values():
        for part in operation.stated.get("parameters", ()):
            (kind, *_) = types_of(flat(part["schema"])) or [""]
            if part["in"] == "query" and "style" in part:
                assert (part["style"], part.get("explode")) in ways[kind]


@pytest.mark.long
@pytest.mark.timeout(600)
@each()
def test_many_requests_are_what_the_document_says(name: str, wire: Wire, prepared: list[Operation]) -> None:
    """The long form, with other examples each time."""
    sends_what_is_published(many, name, wire, prepared)
