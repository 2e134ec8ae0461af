"""The store of assistants and threads of one emulator. It runs no assistant."""

from __future__ import annotations

from openai_async.emulator.assistants.run_work import Thread
from openai_async.emulator.records import Record, missing

__all__ = ["ThreadStore"]


class ThreadStore:
    """The assistants and threads of one emulator, oldest first."""

    def __init__(self) -> None:
        self.assistants: dict[str, Record] = {}
        self.threads: dict[str, Thread] = {}

    def assistant(self, id: str) -> Record:
        """Get the assistant of this id. Raises the API's 404 if there is none."""
        if id not in self.assistants:
            raise missing("assistant", id)
        return self.assistants[id]

    def thread(self, id: str) -> Thread:
        """Get the thread of this id. Raises the API's 404 if there is none."""
        if id not in self.threads:
            raise missing("thread", id)
        return self.threads[id]

    def clear(self) -> None:
        """Delete everything."""
        self.assistants.clear()
        self.threads.clear()
