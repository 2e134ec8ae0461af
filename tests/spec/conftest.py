"""One server and one client for every operation."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.spec.calls import Wire


@pytest.fixture(scope="session")
def wire() -> Iterator[Wire]:
    """Asyncio alone: what is sent and read does not depend on the loop."""
    with Wire.opened() as wire:
        yield wire
