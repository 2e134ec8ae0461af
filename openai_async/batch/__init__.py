"""Batches: a file of requests in, a file of answers out, over any interruption.

    summary = await client.batch.run("requests.jsonl", "answers.jsonl")

Kill it anywhere and run it again: no row that is on the disk is lost or sent again. Both files are those of the Batch
API, so that the same ones work here and there.

    source      IN as records;  recipe, template, endpoints, rows: from a record to a request
    intake      which rows are left to do
    sending     one row through the client's pipeline;  outputs: how it ended, as a line
    commits     group commit;  journal: OUT, sidecar: what is in flight, ordering: OUT in the order of IN
    disk        the calls that change a file;  threads: where they are made
    run         one run of all these;  report: what it came to
    remote      the same at the Batch API;  parts: IN as its files, service: its calls, results: its answers in OUT
"""

from __future__ import annotations

from openai_async.batch.api import AsyncBatch
from openai_async.batch.errors import (
    BatchError,
    BatchHaltedError,
    BatchInputError,
    BatchLockedError,
    BatchMismatchError,
    BatchOutputError,
    DamagedOutputError,
    RemoteBatchError,
    RemoteWaitError,
)
from openai_async.batch.parts import RemoteLimits
from openai_async.batch.recipe import InputFormat
from openai_async.batch.report import BatchProgress, BatchSummary, RemotePart, RemoteProgress
from openai_async.batch.rows import BadLine
from openai_async.batch.run import Stop

__all__ = [
    "AsyncBatch",
    # what it gives
    "BatchProgress",
    "BatchSummary",
    "BadLine",
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
