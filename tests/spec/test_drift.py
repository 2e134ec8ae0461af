"""The package has what the API has: every method on both clients, every operation of the published document."""

from __future__ import annotations

import json
from typing import Any, Final
from urllib.parse import parse_qsl, urlsplit

import pytest

from openai_async import AsyncClient, Client
from openai_async._streams.stream import AsyncStream
from openai_async.resources._operations import endpoints
from openai_async.testing import respond
from tests.spec.calls import Wire, finished, method_of
from tests.spec.document import OPERATIONS, operations, published

#: Operations of the document that no method calls, and why.
_WITHOUT_A_METHOD: Final = {
    ("post", "/evals/{eval_id}/runs/{run_id}"): "a run is cancelled under its `/cancel`, as the official client does",
    ("post", "/realtime/sessions"): "given up for realtime.client_secrets.create",
    ("post", "/realtime/transcription_sessions"): "given up for realtime.client_secrets.create",
}
#: Operations that have a method, and no place in the document yet.
_UNPUBLISHED: Final = sorted(name for _, _, name in OPERATIONS if name not in published())


@pytest.mark.parametrize("kind", [AsyncClient, Client])
def test_every_method_is_on_both_clients(kind: type[Any]) -> None:
    """Under its official dotted name, written out or by the table."""
    client = kind(api_key="k")
    missing = [name for _, _, name in OPERATIONS if not callable(method_of(client, name))]
    assert missing == []


def test_every_operation_of_the_document_has_a_method() -> None:
    """Or is on a short list, with the reason."""
    have = {(operation.verb, operation.path.partition("?")[0]) for operation in published().values()}
    without = {(verb, path) for verb, path in operations() if (verb, path.partition("?")[0]) not in have}
    assert without == _WITHOUT_A_METHOD.keys()


@pytest.mark.parametrize("name", _UNPUBLISHED)
def test_what_is_not_published_yet_goes_where_it_is_listed(name: str, wire: Wire) -> None:
    """Verb, path and header are those of the list; reading puts parameters into the query, the rest into the body."""
    endpoint = endpoints()[name]
    verb, path = endpoint.operation.verb, endpoint.operation.path
    places = {place: f"p {number}" for number, place in enumerate(endpoint.path_names)}
    files = dict.fromkeys(endpoint.files, b"content")
    method = method_of(wire.client, name)
    *named, last = places or {"": ""}
    by_name = {place: places[place] for place in named}
    position = [places[last]] if last else []

    async def called() -> None:
        got = await finished(method(*position, **by_name, **files, limit=3))
        if isinstance(got, AsyncStream):
            await got.aclose()

    wire.run(called, respond(200, b'{"id": "x", "data": []}'))
    (request,) = wire.caught
    sent = urlsplit(request.target)
    expected = path.partition("?")[0]
    for place, value in places.items():
        expected = expected.replace(f"{{{place}}}", value.replace(" ", "%20"))
    assert (request.method, sent.path) == (verb, f"/v1{expected}")
    assert request.header("openai-beta") == endpoint.operation.beta
    query = dict(parse_qsl(sent.query))
    if not endpoint.operation.has_body:
        assert (query, request.body) == ({"limit": "3"}, b"")
    elif endpoint.operation.form:
        assert query == {}
        assert b'name="limit"\r\n\r\n3' in request.body
        assert request.body.count(b"content\r\n") == len(files)
    else:
        assert (query, json.loads(request.body)) == ({}, {"limit": 3})
