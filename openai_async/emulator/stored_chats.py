"""Chat completions that were asked for with `store: true`: `/v1/chat/completions`, listed, read, filed and deleted.

Kept with the messages they were asked with, until they are deleted or the last server stops. May be used from any
thread.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import orjson
from attrs import define, frozen
from starlette.routing import Route

from .endpoint import Answer, Call, Endpoint
from .fields import Fields, JSONObject, is_list
from .pages import page
from .problems import Problem, invalid

if TYPE_CHECKING:
    from .server import Emulator

__all__ = ["ChatStore", "StoredChat", "listing", "read_metadata", "routes"]

_PARAMETERS = ("temperature", "top_p", "seed", "tools", "tool_choice", "response_format", "service_tier")


@define(eq=False)
class StoredChat:
    """One completion: the reply as it was given, the messages of its request, and what it is filed under."""

    reply: JSONObject
    messages: list[_Message]
    metadata: JSONObject | None

    @property
    def id(self) -> str:
        return str(self.reply["id"])

    def described(self) -> JSONObject:
        return {**self.reply, "metadata": self.metadata or {}}


@frozen
class _Message:
    id: str
    message: JSONObject

    def described(self) -> JSONObject:
        content: Any = self.message.get("content")
        parts = content if is_list(content) else None
        return {
            "refusal": None,
            **self.message,
            "id": self.id,
            "content": None if parts else content,
            "content_parts": parts,
        }


class ChatStore:
    """The stored completions of one emulator, in the order in which they came."""

    def __init__(self) -> None:
        self._chats: dict[str, StoredChat] = {}

    def add(self, reply: JSONObject, request: JSONObject) -> None:
        """Keep a reply and what it was asked with."""
        kept = {name: request[name] for name in _PARAMETERS if request.get(name) is not None}
        messages = [_Message(f"{reply['id']}-{at}", message) for at, message in enumerate(request["messages"])]
        self._chats[reply["id"]] = StoredChat({**kept, **reply}, messages, request.get("metadata"))

    def find(self, id: str) -> StoredChat:
        """Give the completion of this id; raises the API's 404 when there is none."""
        chat = self._chats.get(id)
        if chat is None:
            raise Problem(404, f"Chat completion '{id}' not found.", param="completion_id", code="not_found")
        return chat

    def listed(self) -> list[StoredChat]:
        """Give all completions, oldest first."""
        return list(self._chats.values())

    def delete(self, id: str) -> None:
        """Forget a completion; raises the API's 404 when there is none."""
        self._chats.pop(self.find(id).id, None)

    def clear(self) -> None:
        """Forget every completion."""
        self._chats.clear()


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


def listing(emulator: Emulator) -> Callable[[Call], Answer]:
    """Give the handler of `GET /v1/chat/completions`."""

    def handle(call: Call) -> Answer:
        query = call.query
        wanted = {name[9:-1]: value for name, value in query.items() if name.startswith("metadata[")}
        model = emulator.catalogue.find(query["model"], param="model").snapshot if query.get("model") else None
        found = [
            chat
            for chat in emulator.chats.listed()
            if model in (None, chat.reply["model"]) and wanted.items() <= (chat.metadata or {}).items()
        ]
        return page(call, _ordered(call, found), default=20, most=100)

    return handle


def routes(emulator: Emulator) -> list[Route]:
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
