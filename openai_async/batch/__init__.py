"""Batches: send a file of requests, and write a file of answers. A run can be killed and resumed at any point.

    summary = await client.batch.run("requests.jsonl", "answers.jsonl")

The one rule: a row whose answer is in OUT is never lost, and never sent again. Both files have the format of the Batch
API. IN is the file of requests, OUT the file of answers; OUT.journal says which rows are in flight.

    api         `client.batch`: `run` and `remote`
    input       read IN, build requests from its records, and decide which rows are pending
    local       send the rows through the client: `row_sender` one of them, `run` all of them
    output      OUT and OUT.journal: formats, group commit, order, and the calls that change a file
    remote      the same through the Batch API: input files, submissions, polling, results
    spent       what rows have cost, as text in OUT
    report      progress and the summary
    errors      what stops a whole run

To add an endpoint, add it to `input.endpoints`. To add a format of IN, see `input`.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from openai_async.batch.api import AsyncBatch as AsyncBatch
    from openai_async.batch.errors import (
        BatchError as BatchError,
        BatchHaltedError as BatchHaltedError,
        BatchInputError as BatchInputError,
        BatchLockedError as BatchLockedError,
        BatchMismatchError as BatchMismatchError,
        BatchOutputError as BatchOutputError,
        DamagedOutputError as DamagedOutputError,
        RemoteBatchError as RemoteBatchError,
        RemoteWaitError as RemoteWaitError,
    )
    from openai_async.batch.input.request_builder import InputFormat as InputFormat
    from openai_async.batch.input.rows import BadLine as BadLine
    from openai_async.batch.local.run import Stop as Stop
    from openai_async.batch.remote.input_files import RemoteLimits as RemoteLimits
    from openai_async.batch.report import (
        BatchSummary as BatchSummary,
        BatchTotals as BatchTotals,
        FailureKind as FailureKind,
    )
    from openai_async.types.progress import (
        BatchProgress as BatchProgress,
        RemotePart as RemotePart,
        RemoteProgress as RemoteProgress,
    )

#: Each name is loaded when it is used: who catches an error does not pay for the rest.
_HOMES = {
    "AsyncBatch": "openai_async.batch.api",
    "BatchProgress": "openai_async.types.progress",
    "BatchSummary": "openai_async.batch.report",
    "BatchTotals": "openai_async.batch.report",
    "BadLine": "openai_async.batch.input.rows",
    "FailureKind": "openai_async.batch.report",
    "RemoteProgress": "openai_async.types.progress",
    "RemotePart": "openai_async.types.progress",
    "InputFormat": "openai_async.batch.input.request_builder",
    "Stop": "openai_async.batch.local.run",
    "RemoteLimits": "openai_async.batch.remote.input_files",
    "BatchError": "openai_async.batch.errors",
    "BatchInputError": "openai_async.batch.errors",
    "BatchMismatchError": "openai_async.batch.errors",
    "BatchLockedError": "openai_async.batch.errors",
    "BatchOutputError": "openai_async.batch.errors",
    "DamagedOutputError": "openai_async.batch.errors",
    "BatchHaltedError": "openai_async.batch.errors",
    "RemoteBatchError": "openai_async.batch.errors",
    "RemoteWaitError": "openai_async.batch.errors",
}

__all__ = [
    "AsyncBatch",
    # what it gives
    "BatchProgress",
    "BatchSummary",
    "BatchTotals",
    "BadLine",
    "FailureKind",
    "RemoteProgress",
    "RemotePart",
    # what it takes
    "InputFormat",
    "Stop",
    "RemoteLimits",
    # what it raises
    "BatchError",
    "BatchInputError",
    "BatchMismatchError",
    "BatchLockedError",
    "BatchOutputError",
    "DamagedOutputError",
    "BatchHaltedError",
    "RemoteBatchError",
    "RemoteWaitError",
]


def __getattr__(name: str) -> Any:
    home = _HOMES.get(name)
    if home is None:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = globals()[name] = getattr(import_module(home), name)
    return value


def __dir__() -> list[str]:
    return sorted(__all__)
