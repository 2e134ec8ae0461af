"""Events that the published document allows are read without losing anything: streams, and calls to webhooks."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import time
from collections.abc import Awaitable, Callable, Iterator
from typing import Any, Final

import pytest
from hypothesis import given, settings, strategies as st

from openai_async import APIError
from openai_async.testing import Script, respond
from openai_async.types._base import Value
from tests.spec.calls import Arguments, Wire, method_of
from tests.spec.document import Schema, document, flat, published
from tests.spec.drawn import Drawing
from tests.spec.examples import few, many
from tests.spec.test_replies import check_object

_RUNS: Final = {"$ref": "#/components/schemas/AssistantStreamEvent"}
#: What makes a method give a stream, if not `stream=True`.
_STREAMING: Final[dict[str, dict[str, Any]]] = {"audio.speech.create": {"stream_format": "sse"}}
#: The table's methods read no events; these speak of the same as the typed methods.
_NOT_READ: Final = {"beta.responses.create"}


def events_of(schema: Schema) -> Iterator[Schema]:
    """The kinds of event that a schema stands for."""
    schema = flat(schema)
    if "anyOf" not in schema:
        yield schema
    for part in schema.get("anyOf", ()):
        yield from events_of(part)


def drawn_event(drawing: Drawing, name: str, kind: str, schema: Schema) -> dict[str, Any]:
    """An event as a method reads it."""
    event = drawing.value(schema)
    if name.startswith("beta.threads"):
        event = {"event": event["event"], "data": event["data"]}  # no object as they are sent
    if kind == "speech.audio.delta":
        event["audio"] = base64.b64encode(event["audio"].encode()).decode()  # as it is described in prose
    return event


def kind_of(event: Schema) -> str:
    """What an event says that it is."""
    properties = event["properties"]
    stated = flat(properties.get("type") or properties.get("event") or {})
    return str(stated["enum"][0]) if "enum" in stated else "chunk"


def streams() -> Iterator[tuple[str, str, Schema]]:
    """Method, kind and schema of every event of every stream."""
    for name, operation in published().items():
        if "text/event-stream" in operation.replies and name not in _NOT_READ:
            for event in events_of(operation.replies["text/event-stream"]):
                yield name, kind_of(event), event
    for name in ("beta.threads.runs.create", "beta.threads.create_and_run", "beta.threads.runs.submit_tool_outputs"):
        for event in events_of(_RUNS):
            if kind_of(event) != "done":  # `[DONE]`
                yield name, kind_of(event), event


def script_of(name: str, event: dict[str, Any]) -> Script:
    """A stream of one event. Those of runs have their name beside the data, the others in it."""
    kind = event.get("event") or event.get("type")
    data = event["data"] if name.startswith("beta.threads") else event
    head = f"event: {kind}\n" if kind else ""
    return respond(200, f"{head}data: {json.dumps(data)}\n\n".encode(), {"content-type": "text/event-stream"})


def work(method: Any, name: str, arguments: Arguments) -> Callable[[], Awaitable[Any]]:
    """Calls the method and gives the first event of its stream."""
    options = _STREAMING.get(name, {"stream": True})

    async def first_event() -> Any:
        async with await method(**arguments.place, **arguments.query, **arguments.body, **options) as stream:
            return await anext(stream)

    return first_event


def loses_nothing(examples: settings, name: str, kind: str, schema: Schema, wire: Wire) -> None:
    operation = published()[name]
    method = method_of(wire.client, name)

    @st.composite
    def streamed(draw: st.DrawFn) -> tuple[Arguments, dict[str, Any]]:
        event = drawn_event(Drawing(draw, unknown=True), name, kind, schema)
        return Arguments.drawn(draw, operation, optional=False), event

    @examples
    @given(streamed())
    def holds(example: tuple[Arguments, dict[str, Any]]) -> None:
        arguments, sent = example
        if sent.get("type", sent.get("event")) == "error":
            with pytest.raises(APIError):
                wire.run(work(method, name, arguments), script_of(name, sent))
        else:
            check_object(wire.run(work(method, name, arguments), script_of(name, sent)), sent)

    holds()


_STREAMS: Final = [pytest.param(*stream, id=f"{stream[0]}-{stream[1]}") for stream in streams()]


@pytest.mark.parametrize(("name", "kind", "schema"), _STREAMS)
def test_an_event_loses_nothing(name: str, kind: str, schema: Schema, wire: Wire) -> None:
    """Every kind of event of every stream, with fields and strings of tomorrow; an error is raised."""
    loses_nothing(few, name, kind, schema, wire)


@pytest.mark.long
@pytest.mark.timeout(600)
@pytest.mark.parametrize(("name", "kind", "schema"), _STREAMS)
def test_many_events_lose_nothing(name: str, kind: str, schema: Schema, wire: Wire) -> None:
    """The long form, with other examples each time."""
    loses_nothing(many, name, kind, schema, wire)


_SECRET: Final = b"of nobody"


def signed(payload: bytes) -> dict[str, str]:
    """The headers of a call to a webhook."""
    stated = f"msg_1.{int(time.time())}."
    code = base64.b64encode(hmac.digest(_SECRET, stated.encode() + payload, hashlib.sha256)).decode()
    return {"webhook-id": "msg_1", "webhook-timestamp": stated.split(".")[1], "webhook-signature": f"v1,{code}"}


@pytest.mark.parametrize("name", sorted(document()["webhooks"]))
def test_a_call_to_a_webhook_loses_nothing(name: str, wire: Wire) -> None:
    """Every kind of event that the API calls about."""
    (operation,) = document()["webhooks"][name].values()
    secret = f"whsec_{base64.b64encode(_SECRET).decode()}"

    @few
    @given(st.composite(lambda draw: Drawing(draw, unknown=True).value(_body_of(operation)))())
    def holds(sent: dict[str, Any]) -> None:
        payload = json.dumps(sent).encode()
        event = wire.client.webhooks.unwrap(payload, signed(payload), secret=secret)
        assert isinstance(event, Value)
        check_object(event, sent)

    holds()


def _body_of(operation: dict[str, Any]) -> Schema:
    schema: Schema = operation["requestBody"]["content"]["application/json"]["schema"]
    return schema
