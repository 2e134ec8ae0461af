"""The errors of a batch as a whole. An error of one row is not raised: it is a line of OUT.

OpenAIError
└── BatchError
    ├── BatchInputError        IN cannot be read, or is not in a form that is known
    ├── BatchMismatchError     OUT holds answers to other requests than those of IN; nothing was sent
    ├── BatchLockedError       another run writes the same OUT; nothing was sent
    ├── BatchOutputError       OUT or its journal cannot be written: disk full, read-only, a directory, a link, ...
    │   └── DamagedOutputError a line in the middle of OUT is not one of a batch; it is left as it is
    ├── BatchHaltedError       no further row can succeed: a refused key, a drained account, a server that is gone
    ├── RemoteBatchError       a remote batch has failed, expired or was cancelled
    └── RemoteWaitError        remote batches have not ended within `max_wait`; they go on

After each of them the rows that are in OUT stay there, and the same run can be started again.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from openai_async.errors import OpenAIError

if TYPE_CHECKING:
    from openai_async.batch.report import BatchSummary
    from openai_async.types.progress import RemoteProgress


class BatchError(OpenAIError):
    """The base class of the errors of a batch."""


class BatchInputError(BatchError):
    """The input cannot be read as a batch; nothing was sent. Single bad lines are reported, not raised."""


class BatchMismatchError(BatchError):
    """OUT was made from other requests than those of IN; nothing was sent.

    `line` is the first line of IN that differs, from 1; None if IN ends before it.
    """

    def __init__(self, message: str, *, line: int | None = None) -> None:
        super().__init__(message)
        self.line = line


class BatchLockedError(BatchError):
    """Another run has OUT open; nothing was sent."""


class BatchOutputError(BatchError):
    """OUT, or the journal beside it, cannot be written. `errno` is the system's number for it, if it has one."""

    def __init__(self, message: str, *, errno: int | None = None) -> None:
        super().__init__(message)
        self.errno = errno


class DamagedOutputError(BatchOutputError):
    """OUT holds something that no batch wrote, at `offset` bytes. It was not changed, and nothing was sent."""

    def __init__(self, message: str, *, offset: int) -> None:
        super().__init__(message)
        self.offset = offset


class BatchHaltedError(BatchError):
    """The run ended early because no further row could have succeeded; the cause is `__cause__`.

    `summary` says how far it came. Rows that failed for this cause are sent again by the next run.
    """

    def __init__(self, message: str, *, summary: BatchSummary) -> None:
        super().__init__(message)
        self.summary = summary


class RemoteBatchError(BatchError):
    """A remote batch failed, expired or was cancelled. Its answers are in OUT, and the next run sends the rest.

    Attributes:
        reason: why it ended, as the API says it or in the server's own word. "failed": it did not run, because its
            file or the account was refused. "expired" and "cancelled": it ran in part. "lost": it has ended, and its
            results are not kept any more.
        batch_id: the first batch that ended so; empty if its file was refused before it was created.
        code: the API's code of a failure, such as "token_limit_exceeded"; None without one.
        summary: how far the run came; None if OUT was left as it was.
    """

    def __init__(
        self, message: str, *, reason: str, batch_id: str, code: str | None = None, summary: BatchSummary | None = None
    ) -> None:
        super().__init__(message)
        self.reason = reason
        self.batch_id = batch_id
        self.code = code
        self.summary = summary


class RemoteWaitError(BatchError):
    """Remote batches are still running after `max_wait`. OUT is unchanged; the same run collects them later.

    `progress` says how far they are.
    """

    def __init__(self, message: str, *, progress: RemoteProgress) -> None:
        super().__init__(message)
        self.progress = progress
