"""Batches of the Batch API: many requests in a file, answered within a day."""

from __future__ import annotations

from typing import Any, Final

import attrs

from openai_async.types._base import Polled, Value

#: States in which a batch goes on by itself, other servers' words included. In every other one it has ended.
_UNDER_WAY: Final = frozenset(
    {"validating", "in_progress", "finalizing", "cancelling"}
    | {"created", "pending", "processing", "queued", "running", "started", "submitted", "uploading"}
)


@attrs.define(repr=False)
class BatchError(Value):
    """Why a batch failed; `line` is the line of its input file, from 1."""

    code: str | None = None
    message: str | None = None
    param: str | None = None
    line: int | None = None


@attrs.define(repr=False)
class BatchErrors(Value):
    """The errors of a batch."""

    data: list[BatchError] | None = None
    object: str = "list"


@attrs.define(repr=False)
class BatchRequestCounts(Value):
    """The request counts of a batch."""

    total: int = 0
    completed: int = 0
    failed: int = 0


@attrs.define(repr=False)
class Batch(Polled):
    """A batch. Times are seconds since 1970."""

    id: str
    #: "validating", "in_progress", "finalizing", "completed", "failed", "expired", "cancelling" or "cancelled".
    status: str | None = None
    endpoint: str | None = None
    model: str | None = None
    input_file_id: str | None = None
    #: Files with the answers, and with the requests that failed.
    output_file_id: str | None = None
    error_file_id: str | None = None
    errors: BatchErrors | None = None
    request_counts: BatchRequestCounts | None = None
    usage: dict[str, Any] | None = None
    metadata: dict[str, Any] | None = None
    completion_window: str | None = None
    created_at: int | None = None
    in_progress_at: int | None = None
    finalizing_at: int | None = None
    completed_at: int | None = None
    failed_at: int | None = None
    expires_at: int | None = None
    expired_at: int | None = None
    cancelling_at: int | None = None
    cancelled_at: int | None = None
    object: str = "batch"

    @property
    def ended(self) -> bool:
        """Whether the batch has ended and no longer changes."""
        return self.status is not None and self.status.lower() not in _UNDER_WAY
