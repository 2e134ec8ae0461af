"""Batches: their states, and the API's batch object.

    validating -> in_progress -> finalizing -> completed
         |             |-> cancelling -> cancelled
         |             `-> expired
         `-> failed, or cancelling -> cancelled

A batch records when it reached each state. Metadata is kept as it was sent, so that a client can find its batch in the
list without the id. `run` runs the batches.
"""

from __future__ import annotations

import time
from uuid import uuid4

from attrs import define, field, frozen
from attrs.validators import ge, gt, optional

from openai_async.emulator.error_responses import ErrorResponse
from openai_async.emulator.fields import JSONObject

__all__ = ["ENDED", "Batch", "BatchLimits", "BatchStore", "Usage"]

ENDED = frozenset({"completed", "failed", "expired", "cancelled"})
_DATED = ("in_progress", "finalizing", "completed", "failed", "expired", "cancelling", "cancelled")


@frozen
class BatchLimits:
    """The limits of the Batch API: at most `requests` lines and `bytes` in a file.

    `enqueued_tokens`: most tokens of all unfinished batches of one model, estimated from the size of their lines
    (`None`: no such limit). `window`: seconds after which a batch expires.
    """

    requests: int = field(default=50_000, validator=gt(0))
    bytes: int = field(default=200_000_000, validator=gt(0))
    enqueued_tokens: int | None = field(default=None, validator=optional(ge(0)))
    window: float = field(default=24 * 3600, validator=gt(0))


@define
class Usage:
    """The sum of the tokens of several rows."""

    input: int = 0
    cached: int = 0
    output: int = 0
    reasoning: int = 0

    def add(self, usage: JSONObject) -> None:
        """Add the `usage` of one reply. Missing figures count as zero."""
        prompt: JSONObject = usage.get("prompt_tokens_details") or {}
        completion: JSONObject = usage.get("completion_tokens_details") or {}
        self.input += usage.get("prompt_tokens", 0)
        self.cached += prompt.get("cached_tokens", 0)
        self.output += usage.get("completion_tokens", 0)
        self.reasoning += completion.get("reasoning_tokens", 0)

    def described(self) -> JSONObject:
        return {
            "input_tokens": self.input,
            "input_tokens_details": {"cached_tokens": self.cached},
            "output_tokens": self.output,
            "output_tokens_details": {"reasoning_tokens": self.reasoning},
            "total_tokens": self.input + self.output,
        }


@define(eq=False)
class Batch:
    """One batch. `key` is the digest of the key that created it.

    `deadline` is seconds on the emulator's clock. `output_seconds` is how long its files are kept. `enqueued` is its
    share of the queue, in tokens. `of_azure`: rows and batch may leave out the version in an endpoint.
    """

    endpoint: str
    input_file_id: str
    metadata: JSONObject | None
    output_seconds: int | None
    key: str | None
    deadline: float
    created_at: int
    expires_at: int
    of_azure: bool = False
    # By chance, not by number: the id of a batch that is gone must never name another one.
    id: str = field(factory=lambda: f"batch_{uuid4().hex}")
    status: str = "validating"
    model: str | None = None
    errors: list[JSONObject] | None = None
    output_file_id: str | None = None
    error_file_id: str | None = None
    total: int = 0
    completed: int = 0
    failed: int = 0
    enqueued: int = 0
    usage: Usage = field(factory=Usage)
    _reached: dict[str, int] = field(factory=dict[str, int])

    def path_of(self, url: str) -> str:
        """The path, with the version, of what a row or the batch calls `url`."""
        return f"/v1{url}" if self.of_azure and not url.startswith("/v1/") else url

    @property
    def path(self) -> str:
        """The path of its endpoint, with the version."""
        return self.path_of(self.endpoint)

    def reach(self, status: str) -> None:
        """Enter a state, now."""
        self._reached[status] = int(time.time())
        self.status = status

    def cancel(self) -> None:
        """Start to cancel the batch; a second call has no effect. Raises the API's 409 if it is too late."""
        if self.status in ("validating", "in_progress"):
            self.reach("cancelling")
        elif self.status not in ("cancelling", "cancelled"):
            raise ErrorResponse(409, f"Cannot cancel a batch with status '{self.status}'.")

    def described(self) -> JSONObject:
        """Get the API's batch object."""
        return {
            "id": self.id,
            "object": "batch",
            "endpoint": self.endpoint,
            "model": self.model,
            "errors": None if self.errors is None else {"object": "list", "data": self.errors},
            "input_file_id": self.input_file_id,
            "completion_window": "24h",
            "status": self.status,
            "output_file_id": self.output_file_id,
            "error_file_id": self.error_file_id,
            "created_at": self.created_at,
            "expires_at": self.expires_at,
            **{f"{status}_at": self._reached.get(status) for status in _DATED},
            "request_counts": {"total": self.total, "completed": self.completed, "failed": self.failed},
            "usage": self.usage.described(),
            "metadata": self.metadata,
        }


class BatchStore:
    """The batches of one emulator. May be used from any thread."""

    def __init__(self) -> None:
        self._batches: dict[str, Batch] = {}

    def add(self, batch: Batch) -> None:
        self._batches[batch.id] = batch

    def find(self, id: str) -> Batch:
        """Get the batch of this id. Raises the API's 404 if there is none."""
        batch = self._batches.get(id)
        if batch is None:
            raise ErrorResponse(404, f"No batch found with id '{id}'.")
        return batch

    def listed(self) -> list[Batch]:
        """Get all batches, newest first."""
        return list(reversed(list(self._batches.values())))

    def enqueued(self, model: str) -> int:
        """Sum the tokens of the unfinished batches of a model."""
        waiting = (batch for batch in self.listed() if batch.status not in ENDED and batch.model == model)
        return sum(batch.enqueued for batch in waiting)

    def clear(self) -> None:
        """Delete every batch."""
        self._batches.clear()
