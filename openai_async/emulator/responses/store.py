"""The store of responses and conversations.

A background response has no task of its own. Its state follows from the clock, from its pace, and from whether it was
cancelled. A conversation adds the turns that have ended when it is retrieved. Nothing here generates a response.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from uuid import uuid4

from attrs import define, field

from openai_async.emulator.chat.reply import Choice
from openai_async.emulator.conditions import Pace
from openai_async.emulator.error_responses import ErrorResponse, invalid
from openai_async.emulator.fields import JSONObject

__all__ = ["Conversation", "ConversationStore", "ResponseStore", "StoredResponse"]


@define(eq=False)
class StoredResponse:
    """One response: the request's fields that it repeats, and its output.

    `history` are the items before its `input`. `started` is seconds on the emulator's clock.
    """

    settings: JSONObject
    history: list[JSONObject]
    input: list[JSONObject]
    output: list[JSONObject]
    choice: Choice
    usage: JSONObject
    background: bool
    pace: Pace
    started: float
    cancelled: bool = False
    created_at: int = field(factory=lambda: int(time.time()))
    # By chance, not by number: the id of a response that is gone must never name another one.
    id: str = field(factory=lambda: f"resp_{uuid4().hex}")

    @property
    def context(self) -> list[JSONObject]:
        """The items from which a response to this one continues."""
        return [*self.history, *self.input, *self.output]

    @property
    def final(self) -> str:
        """The state in which it ends, unless it is cancelled."""
        return "incomplete" if self.choice.finish == "length" else "completed"

    def status(self, now: float) -> str:
        """The present state."""
        if self.cancelled:
            return "cancelled"
        if not self.background:
            return self.final
        since = now - self.started
        if since < self.pace.due(0):
            return "queued"
        return "in_progress" if since < self.pace.due(self.choice.tokens) else self.final

    def described(self, status: str) -> JSONObject:
        """Get the API's response object of a state."""
        over = status == self.final
        return {
            "id": self.id,
            "object": "response",
            "created_at": self.created_at,
            "completed_at": self.created_at + int(self.pace.due(self.choice.tokens)) if status == "completed" else None,
            "status": status,
            "background": self.background,
            "error": None,
            "incomplete_details": {"reason": "max_output_tokens"} if status == "incomplete" else None,
            "output": self.output if over else [],
            "usage": self.usage if over else None,
            "service_tier": "default" if over else "auto",
            **self.settings,
        }


class ResponseStore:
    """The responses of one emulator. May be used from any thread."""

    def __init__(self) -> None:
        self._responses: dict[str, StoredResponse] = {}
        self._items: dict[str, JSONObject] = {}

    def add(self, response: StoredResponse) -> None:
        self._responses[response.id] = response
        self._items |= {item["id"]: item for item in (*response.input, *response.output)}

    def find(self, id: str) -> StoredResponse:
        """Get the response of this id. Raises the API's 404 if there is none."""
        response = self._responses.get(id)
        if response is None:
            raise ErrorResponse(404, f"Response with id '{id}' not found.")
        return response

    def previous(self, id: str, now: float) -> StoredResponse:
        """Get the response that a request continues. Raises the API's 400 if that is not possible."""
        response = self._responses.get(id)
        if response is None:
            raise invalid(
                f"Previous response with id '{id}' not found.",
                param="previous_response_id",
                code="previous_response_not_found",
            )
        if response.status(now) not in ("completed", "incomplete"):
            raise invalid(f"Previous response with id '{id}' has not been completed.", param="previous_response_id")
        return response

    def item(self, id: str) -> JSONObject | None:
        """Get an item of a response."""
        return self._items.get(id)

    def delete(self, id: str) -> None:
        """Delete a response and its items. Raises the API's 404 if there is none."""
        gone = self._responses.pop(self.find(id).id)
        for item in (*gone.input, *gone.output):
            self._items.pop(item["id"], None)

    def clear(self) -> None:
        """Delete every response."""
        self._responses.clear()
        self._items.clear()


@define(eq=False)
class Conversation:
    """One conversation. Unfinished turns wait outside of it, in order of creation."""

    metadata: JSONObject
    _items: dict[str, JSONObject] = field(factory=dict[str, JSONObject])
    _turns: list[StoredResponse] = field(factory=list[StoredResponse])
    created_at: int = field(factory=lambda: int(time.time()))
    id: str = field(factory=lambda: f"conv_{uuid4().hex}")

    def items(self, now: float) -> dict[str, JSONObject]:
        """Get the items by id, oldest first."""
        for turn in list(self._turns):
            status = turn.status(now)
            if status not in ("queued", "in_progress"):
                self._turns.remove(turn)
                if status != "cancelled":
                    self.add([*turn.input, *turn.output])
        return self._items

    def add(self, items: list[JSONObject]) -> None:
        self._items |= {item["id"]: item for item in items}

    def follow(self, turn: StoredResponse) -> None:
        """Add a turn as soon as it has ended."""
        self._turns.append(turn)

    def described(self) -> JSONObject:
        """Get the API's conversation object."""
        return {
            "id": self.id,
            "object": "conversation",
            "created_at": self.created_at,
            "metadata": self.metadata,
        }


class ConversationStore:
    """The conversations of one emulator. `clock` decides which turns have ended. May be used from any thread."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._conversations: dict[str, Conversation] = {}

    def add(self, conversation: Conversation) -> None:
        self._conversations[conversation.id] = conversation

    def find(self, id: str) -> Conversation:
        """Get the conversation of this id. Raises the API's 404 if there is none."""
        conversation = self._conversations.get(id)
        if conversation is None:
            raise ErrorResponse(404, f"Conversation with id '{id}' not found.")
        return conversation

    def item(self, id: str) -> JSONObject | None:
        """Get an item of any conversation."""
        held = (conversation.items(self._clock()) for conversation in list(self._conversations.values()))
        return next((items[id] for items in held if id in items), None)

    def delete(self, id: str) -> None:
        """Delete a conversation. Raises the API's 404 if there is none."""
        self._conversations.pop(self.find(id).id, None)

    def clear(self) -> None:
        """Delete every conversation."""
        self._conversations.clear()
