"""The endpoints of stored chat completions (`store: true`): list, retrieve, update and delete."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import orjson
from starlette.routing import Route

from openai_async.emulator.call import Answer, Call
from openai_async.emulator.endpoint import Endpoint
from openai_async.emulator.error_responses import invalid
from openai_async.emulator.fields import Fields, JSONObject
from openai_async.emulator.pagination import page

if TYPE_CHECKING:
    from openai_async.emulator.backend import Backend

__all__ = ["listing", "read_metadata", "routes"]


def read_metadata(fields: Fields) -> JSONObject | None:
    """Read `metadata`: at most 16 pairs of texts, of up to 64 and 512 characters."""
    pairs = fields.mapping("metadata")
    if pairs is None:
        return None
    if len(pairs) > 16:
        raise invalid("Invalid 'metadata': too many properties. Expected at most 16.", param="metadata")
    for name, value in pairs.items():
        if not isinstance(value, str) or len(name) > 64 or len(value) > 512:
            raise invalid(
                f"Invalid 'metadata.{name[:64]}': expected a string of at most 512 characters.",
                param=f"metadata.{name[:64]}",
            )
    return pairs


def listing(emulator: Backend) -> Callable[[Call], Answer]:
    """Make the handler of `GET /v1/chat/completions`."""

    def handle(call: Call) -> Answer:
        query = call.query
        wanted = {name[9:-1]: value for name, value in query.items() if name.startswith("metadata[")}
        model = emulator.catalog.find(query["model"], param="model").snapshot if query.get("model") else None
        matches = [
            chat
            for chat in emulator.chats.listed()
            if model in (None, chat.reply["model"]) and wanted.items() <= (chat.metadata or {}).items()
        ]
        return page(call, _ordered(call, matches), default=20, most=100)

    return handle


def routes(emulator: Backend) -> list[Route]:
    """`/v1/chat/completions/{id}` and `/v1/chat/completions/{id}/messages`."""

    def retrieve(call: Call) -> Answer:
        return _answer(emulator.chats.find(call.path_params["id"]).described())

    def update(call: Call) -> Answer:
        chat = emulator.chats.find(call.path_params["id"])
        body = call.json()
        if "metadata" not in body:
            raise invalid(
                "Missing required parameter: 'metadata'.", param="metadata", code="missing_required_parameter"
            )
        chat.metadata = read_metadata(Fields(body))
        return _answer(chat.described())

    def delete(call: Call) -> Answer:
        gone = call.path_params["id"]
        emulator.chats.delete(gone)
        return _answer({"id": gone, "object": "chat.completion.deleted", "deleted": True})

    def messages(call: Call) -> Answer:
        chat = emulator.chats.find(call.path_params["id"])
        return page(call, _ordered(call, chat.messages), default=20, most=100)

    return [
        Route("/v1/chat/completions/{id}", Endpoint(emulator, GET=retrieve, POST=update, DELETE=delete)),
        Route("/v1/chat/completions/{id}/messages", Endpoint(emulator, GET=messages)),
    ]


def _ordered(call: Call, items: list[Any]) -> list[Any]:
    order = Fields({**call.query}).choice("order", ("asc", "desc"))
    return items[::-1] if order == "desc" else items


def _answer(value: JSONObject) -> Answer:
    return Answer(orjson.dumps(value))
