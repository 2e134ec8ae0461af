"""The endpoints of `/v1/batches`: create, list, retrieve and cancel batches, which run for real.

Creating a batch checks only the request. The running batch checks its file, as the API does. A batch does not depend on
the client that created it, and ends with the server.
"""

from __future__ import annotations

import time
from functools import partial
from typing import TYPE_CHECKING

import orjson
from starlette.routing import Route

from openai_async.emulator.batches.run import endpoint_at, run
from openai_async.emulator.batches.store import Batch
from openai_async.emulator.call import Answer, Call
from openai_async.emulator.endpoint import Endpoint
from openai_async.emulator.fields import Fields
from openai_async.emulator.files.store import read_expiry
from openai_async.emulator.metadata import read_metadata
from openai_async.emulator.pagination import page

if TYPE_CHECKING:
    from openai_async.emulator.backend import Backend

__all__ = ["routes"]

# What the API takes; the emulator takes those of them that it serves.
_ENDPOINTS = (
    "/v1/chat/completions",
    "/v1/completions",
    "/v1/embeddings",
    "/v1/images/edits",
    "/v1/images/generations",
    "/v1/moderations",
    "/v1/responses",
    "/v1/videos",
)


def routes(emulator: Backend) -> list[Route]:
    """`/v1/batches`, `/v1/batches/{id}` and `/v1/batches/{id}/cancel`."""

    def create(call: Call) -> Answer:
        batch = _read(emulator, call)
        emulator.batches.add(batch)
        return Answer(orjson.dumps(batch.described()), background=partial(run, emulator, batch))

    def listing(call: Call) -> Answer:
        return page(call, emulator.batches.listed(), default=20, most=100)

    def retrieve(call: Call) -> Answer:
        return Answer(orjson.dumps(emulator.batches.find(call.path_params["id"]).described()))

    def cancel(call: Call) -> Answer:
        batch = emulator.batches.find(call.path_params["id"])
        batch.cancel()
        return Answer(orjson.dumps(batch.described()))

    return [
        Route("/v1/batches", Endpoint(emulator, GET=listing, POST=create)),
        Route("/v1/batches/{id}", Endpoint(emulator, GET=retrieve)),
        Route("/v1/batches/{id}/cancel", Endpoint(emulator, POST=cancel)),
    ]


def _read(emulator: Backend, call: Call) -> Batch:
    fields = Fields(call.json())
    for name in ("input_file_id", "endpoint", "completion_window"):
        fields.required(name)
    served = [path for path in _ENDPOINTS if endpoint_at(emulator, path)]
    if call.address is not None:  # Azure leaves the version out
        served += [path.removeprefix("/v1") for path in served]
    fields.choice("completion_window", ("24h",))
    window, now = emulator.batch_limits.window, int(time.time())
    return Batch(
        endpoint=fields.choice("endpoint", served) or "",
        input_file_id=fields.text("input_file_id") or "",
        metadata=read_metadata(fields),
        output_seconds=read_expiry(fields, "output_expires_after"),
        key=call.entry.key,
        deadline=emulator.clock() + window,
        created_at=now,
        expires_at=now + int(window),
        of_azure=call.address is not None,
    )
