"""The one way of tests into a client, for what `statistics()` and public methods cannot do: faults from inside."""

from __future__ import annotations

from typing import Any

from openai_async import AsyncClient


def pipeline_of(client: AsyncClient) -> Any:
    """What carries the calls of a client. To replace a part of it, or to break one; not to read what it holds."""
    return client._pipeline
