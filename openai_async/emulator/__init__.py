"""A stateful server on loopback that speaks the OpenAI API: for demos, for tests, for the newcomer without a
key.

    from openai_async.emulator import Emulator, RateLimits

    with Emulator(limits=RateLimits(requests_per_minute=500)).run() as server:
        ...  # point any client at server.base_url

Promises: the API's shapes, error bodies, headers and rate-limit arithmetic; the same request always gets the
same words; it listens where it is told and nowhere else. Never: it calls no other host, stores no key (only a
digest) and keeps no prompt once it is answered, but those that it is asked to store; and of these, as of uploaded
files and jobs, none once the server stops.
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
from openai_async.emulator.catalogue import CATALOGUE, Model
from openai_async.emulator.conditions import Faults, Latency
from openai_async.emulator.guard import is_loopback
from openai_async.emulator.rate_limits import RateLimits
from openai_async.emulator.request_log import Entry, Ledger, Stats
from openai_async.emulator.server import Emulator
from openai_async.emulator.serving import Serving

del _multipart, _starlette, _uvicorn

__all__ = [
    # the server and what `run` yields
    "Emulator",
    "Serving",
    "is_loopback",
    # how it behaves
    "BatchLimits",
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
