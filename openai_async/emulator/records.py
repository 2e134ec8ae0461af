"""Objects that are stored as the API shows them: assistants, threads, messages, runs and their steps."""

from __future__ import annotations

import time
from uuid import uuid4

from attrs import define

from openai_async.emulator.error_responses import ErrorResponse
from openai_async.emulator.fields import JSONObject

__all__ = ["Record", "missing", "now"]


def now() -> int:
    return int(time.time())


@define(eq=False)
class Record:
    """An object as the API shows it."""

    values: JSONObject

    @classmethod
    def new(cls, prefix: str, object: str, **values: object) -> Record:
        """Make a new object, with an id of its own."""
        return cls({"id": f"{prefix}_{uuid4().hex[:24]}", "object": object, "created_at": now(), **values})

    @property
    def id(self) -> str:
        return str(self.values["id"])

    def described(self) -> JSONObject:
        """Get the API's object."""
        return dict(self.values)


def missing(what: str, id: str) -> ErrorResponse:
    """The API's 404 for an object that does not exist."""
    return ErrorResponse(404, f"No {what} found with id '{id}'.")
