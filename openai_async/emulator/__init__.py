"""The emulator: a stateful OpenAI API server on loopback, for demos and tests without a key.

    from openai_async.emulator import Emulator, RateLimits

    with Emulator(limits=RateLimits(requests_per_minute=500)).run() as server:
        ...  # point any client at server.base_url

It has the API's shapes, error bodies, headers and rate-limit arithmetic. The same request always gets the same reply.
It listens only on the given address, and calls no other host. It stores a digest of each key, never the key. It keeps a
prompt only if the request asks for that. Stored objects, files and jobs are gone when the last server stops.

To add an endpoint, write a handler in the module of its resource, and add a `Route` to that module's `routes`. To add a
resource, write a module or a package with `routes(emulator)` and name it in `app`; its state is a store in `server` and
`backend`. Handlers are synchronous functions from a `Call` to a reply: `endpoint` does all the waiting.
"""

from __future__ import annotations

try:
    import python_multipart as _multipart
    import starlette as _starlette
    import uvicorn as _uvicorn
except ImportError as _error:
    raise ImportError(
        "the emulator needs Starlette, uvicorn and python-multipart: pip install 'openai-async-sdk[emulator]'"
    ) from _error

from openai_async.emulator.batches.store import BatchLimits
from openai_async.emulator.catalog import CATALOG, Model
from openai_async.emulator.conditions import Faults, Latency
from openai_async.emulator.guard import is_loopback
from openai_async.emulator.rate_limits import RateLimits
from openai_async.emulator.request_log import Entry, Ledger, Stats
from openai_async.emulator.server import Emulator
from openai_async.emulator.serving import Serving

#: The old spelling of `CATALOG`.
CATALOGUE = CATALOG

del _multipart, _starlette, _uvicorn

__all__ = [
    # the server and what `run` yields
    "Emulator",
    "Serving",
    "is_loopback",
    # how it behaves
    "BatchLimits",
    "CATALOG",
    "CATALOGUE",
    "Faults",
    "Latency",
    "Model",
    "RateLimits",
    # what it saw
    "Entry",
    "Ledger",
    "Stats",
]
