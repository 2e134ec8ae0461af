"""Deletions that a server answers with nothing: done is done."""

from __future__ import annotations

from functools import reduce
from typing import Any

import pytest

from openai_async import AsyncClient, Client, DecodeError
from openai_async.resources._operations import endpoints
from openai_async.testing import FaultServer, respond
from openai_async.types.api_object import APIObject

DELETIONS = sorted(name for name, endpoint in endpoints().items() if endpoint.operation.verb == "DELETE")


def places_of(name: str) -> dict[str, str]:
    return {place: f"{place}-1" for place in endpoints()[name].path_names}


def check(name: str, reply: Any) -> None:
    if name == "conversations.items.delete":  # which gives the conversation
        assert reply.id == "conversation_id-1"
    elif not isinstance(reply, APIObject):
        assert (reply.id, reply.deleted) == ([*places_of(name).values()][-1], True)
    assert reply.request_id == "req_1"


@pytest.mark.parametrize("name", DELETIONS)
async def test_a_deletion_without_a_body_is_done(name: str) -> None:
    """204, or 200 with nothing: every operation that deletes gives a reply, of what was deleted."""
    nothing = {"x-request-id": "req_1"}
    with FaultServer([respond(204, b"", nothing), respond(200, b"", nothing)]) as server:
        async with AsyncClient(api_key="k", base_url=server.base_url, trust_env=False) as client:
            for _ in range(2):
                delete: Any = reduce(getattr, name.split("."), client)
                check(name, await delete(**places_of(name)))


def test_threads_delete_without_a_body_too() -> None:
    """The same, without asyncio."""
    with (
        FaultServer([respond(204, b"", {"x-request-id": "req_1"})]) as server,
        Client(api_key="k", base_url=server.base_url, trust_env=False) as client,
    ):
        check("files.delete", client.files.delete("file_id-1"))


async def test_nothing_else_is_done_without_a_body() -> None:
    """A reply that should say something and says nothing is an error, and so is a deletion answered with a page."""
    with FaultServer([respond(200, b""), respond(200, b"<html>")]) as server:
        async with AsyncClient(api_key="k", base_url=server.base_url, trust_env=False, max_retries=0) as client:
            with pytest.raises(DecodeError):
                await client.files.retrieve("f")
            with pytest.raises(DecodeError):
                await client.files.delete("f")
