"""The synchronous client: the asynchronous one, for threads and scripts.

    with Client() as client:
        reply = client.chat.completions.create(model="...", messages=[...])

    client, _stream, _map, batch, resources     generated: typed pass-throughs, one module for each of the core's
    _facade                                     what a pass-through is made of
    _iterator                                    asynchronous iterators and context managers, held open for a thread
    _arguments                                  what a thread gives and a task takes: iterables, callables, events
    _portal                                     the event loop behind it all, in a thread of its own

After a change of the core: python -m openai_async._codegen.sync
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from openai_async.sync.client import Client as Client

__all__ = ["Client"]


def __getattr__(name: str) -> Any:
    if name != "Client":
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from openai_async.sync.client import Client

    return Client
