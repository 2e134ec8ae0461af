"""Assistants, threads and messages: objects that are kept as the API shows them.

A thread stands alone, and its messages are in the order in which they were added: nothing is put between them, and of
one that is there only the metadata may change. Nothing here runs an assistant.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING
from uuid import uuid4

from attrs import define, field

from .fields import JSONObject
from .problems import Problem

if TYPE_CHECKING:
    from .run_work import Run

__all__ = ["Record", "Thread", "ThreadStore", "now"]


def now() -> int:
    return int(time.time())


@define(eq=False)
class Record:
    """An object as the API shows it."""

    values: JSONObject

    @classmethod
    def made(cls, prefix: str, object: str, **values: object) -> Record:
        """A new one, with an id of its own."""
        return cls({"id": f"{prefix}_{uuid4().hex[:24]}", "object": object, "created_at": now(), **values})

    @property
    def id(self) -> str:
        return str(self.values["id"])

    def described(self) -> JSONObject:
        """Give the API's object."""
        return dict(self.values)


@define(eq=False)
class Thread(Record):
    """A thread with its messages and runs, oldest first."""

    messages: dict[str, Record] = field(factory=dict[str, Record])
    runs: dict[str, Run] = field(factory=dict[str, "Run"])

    def say(self, role: str, content: list[JSONObject], **values: object) -> Record:
        """Add a message at the end."""
        unless_told: JSONObject = {
            "status": "completed",
            "completed_at": now(),
            **dict.fromkeys(("incomplete_at", "incomplete_details", "assistant_id", "run_id")),
            "attachments": [],
            "metadata": {},
        }
        own = {"thread_id": self.id, "role": role, "content": content}
        message = Record.made("msg", "thread.message", **{**unless_told, **own, **values})
        self.messages[message.id] = message
        return message

    @property
    def active(self) -> Run | None:
        """The run that is at work on it: nothing can be added meanwhile."""
        return next((run for run in self.runs.values() if not run.ended), None)

    def message(self, id: str) -> Record:
        """Give the message of this id; raises the API's 404 when there is none."""
        if id not in self.messages:
            raise _missing("message", id)
        return self.messages[id]

    def run(self, id: str) -> Run:
        """Give the run of this id; raises the API's 404 when there is none."""
        if id not in self.runs:
            raise _missing("run", id)
        return self.runs[id]


class ThreadStore:
    """The assistants and threads of one emulator, oldest first."""

    def __init__(self) -> None:
        self.assistants: dict[str, Record] = {}
        self.threads: dict[str, Thread] = {}

    def assistant(self, id: str) -> Record:
        """Give the assistant of this id; raises the API's 404 when there is none."""
        if id not in self.assistants:
            raise _missing("assistant", id)
        return self.assistants[id]

    def thread(self, id: str) -> Thread:
        """Give the thread of this id; raises the API's 404 when there is none."""
        if id not in self.threads:
            raise _missing("thread", id)
        return self.threads[id]

    def clear(self) -> None:
        """Forget everything."""
        self.assistants.clear()
        self.threads.clear()


def _missing(what: str, id: str) -> Problem:
    return Problem(404, f"No {what} found with id '{id}'.")
