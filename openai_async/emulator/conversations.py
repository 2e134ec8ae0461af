"""The endpoints of `/v1/conversations`: conversations and their items, to which responses add their turns."""

from __future__ import annotations

from typing import TYPE_CHECKING

import orjson
from starlette.routing import Route

from openai_async.emulator.call import Answer, Call
from openai_async.emulator.endpoint import Endpoint
from openai_async.emulator.error_responses import ErrorResponse
from openai_async.emulator.fields import Fields, JSONObject
from openai_async.emulator.listing import listing
from openai_async.emulator.metadata import read_metadata
from openai_async.emulator.responses.items import listed, read_items
from openai_async.emulator.responses.store import Conversation

if TYPE_CHECKING:
    from openai_async.emulator.backend import Backend

__all__ = ["routes"]

_MOST = 20  # items that may be added at a time


def routes(emulator: Backend) -> list[Route]:
    """`/v1/conversations`, `/v1/conversations/{id}`, and their items."""

    def find(call: Call) -> Conversation:
        return emulator.conversations.find(call.path_params["id"])

    def read(fields: Fields) -> list[JSONObject]:
        return read_items(fields.array("items", most=_MOST) or [], "items", known)

    def known(id: str) -> JSONObject | None:
        return emulator.responses.item(id) or emulator.conversations.item(id)

    def items_of(call: Call) -> dict[str, JSONObject]:
        return find(call).items(emulator.clock())

    def item_of(call: Call) -> JSONObject:
        wanted = call.path_params["item"]
        item = items_of(call).get(wanted)
        if item is None:
            raise ErrorResponse(404, f"Item with id '{wanted}' not found in conversation.")
        return item

    def create(call: Call) -> Answer:
        fields = Fields(call.json() if call.body.strip() else {})
        conversation = Conversation(read_metadata(fields) or {})
        conversation.add(read(fields))
        emulator.conversations.add(conversation)
        return _answer(conversation.described())

    def retrieve(call: Call) -> Answer:
        return _answer(find(call).described())

    def update(call: Call) -> Answer:
        conversation, fields = find(call), Fields(call.json())
        fields.required("metadata")
        conversation.metadata = read_metadata(fields) or {}
        return _answer(conversation.described())

    def delete(call: Call) -> Answer:
        gone = call.path_params["id"]
        emulator.conversations.delete(gone)
        return _answer({"id": gone, "object": "conversation.deleted", "deleted": True})

    def list_items(call: Call) -> Answer:
        return listing(call, listed(list(items_of(call).values())))

    def add(call: Call) -> Answer:
        conversation, fields = find(call), Fields(call.json())
        fields.required("items")
        items = read(fields)
        conversation.items(emulator.clock())  # turns that have ended come before
        conversation.add(items)
        ids = [item["id"] for item in items] or [None]
        return _answer({"object": "list", "data": items, "first_id": ids[0], "last_id": ids[-1], "has_more": False})

    def retrieve_item(call: Call) -> Answer:
        return _answer(item_of(call))

    def delete_item(call: Call) -> Answer:
        del items_of(call)[item_of(call)["id"]]
        return _answer(find(call).described())

    return [
        Route("/v1/conversations", Endpoint(emulator, POST=create)),
        Route("/v1/conversations/{id}", Endpoint(emulator, GET=retrieve, POST=update, DELETE=delete)),
        Route("/v1/conversations/{id}/items", Endpoint(emulator, GET=list_items, POST=add)),
        Route("/v1/conversations/{id}/items/{item}", Endpoint(emulator, GET=retrieve_item, DELETE=delete_item)),
    ]


def _answer(value: JSONObject) -> Answer:
    return Answer(orjson.dumps(value))
