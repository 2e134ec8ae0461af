"""The store of chat completions that were created with `store: true`, with the messages of their requests.

They are kept until they are deleted or the last server stops. May be used from any thread.
"""

from __future__ import annotations

from typing import Any

from attrs import define, frozen

from openai_async.emulator.error_responses import ErrorResponse
from openai_async.emulator.fields import JSONObject, is_list

__all__ = ["ChatStore", "StoredChat"]

_PARAMETERS = ("temperature", "top_p", "seed", "tools", "tool_choice", "response_format", "service_tier")


@define(eq=False)
class StoredChat:
    """One completion: its reply, the messages of its request, and its metadata."""

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
    """The stored completions of one emulator, in order of creation."""

    def __init__(self) -> None:
        self._chats: dict[str, StoredChat] = {}

    def add(self, reply: JSONObject, request: JSONObject) -> None:
        """Store a reply with its request."""
        kept = {name: request[name] for name in _PARAMETERS if request.get(name) is not None}
        messages = [_Message(f"{reply['id']}-{at}", message) for at, message in enumerate(request["messages"])]
        self._chats[reply["id"]] = StoredChat({**kept, **reply}, messages, request.get("metadata"))

    def find(self, id: str) -> StoredChat:
        """Get the completion of this id. Raises the API's 404 if there is none."""
        chat = self._chats.get(id)
        if chat is None:
            raise ErrorResponse(404, f"Chat completion '{id}' not found.", param="completion_id", code="not_found")
        return chat

    def listed(self) -> list[StoredChat]:
        """Get all completions, oldest first."""
        return list(self._chats.values())

    def delete(self, id: str) -> None:
        """Delete a completion. Raises the API's 404 if there is none."""
        self._chats.pop(self.find(id).id, None)

    def clear(self) -> None:
        """Delete every completion."""
        self._chats.clear()
