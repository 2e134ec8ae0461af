"""The synchronous client: the asynchronous one, for threads and scripts.

    with Client() as client:
        reply = client.chat.completions.create(model="...", messages=[...])

    client, azure, batch, resources     generated: typed pass-throughs, one module for each of the core's
    _stream, _map                       generated, too: the iterators
    _bridge                             by hand: the event loop in a thread, and the bases of the proxies

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
