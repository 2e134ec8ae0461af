"""What every test gets: both event loops, and a gate for leaks."""

from __future__ import annotations

import os

import pytest

for _name in [name for name in os.environ if name.startswith("OPENAI_") or name.lower().endswith("_proxy")]:
    del os.environ[_name]  # the machine's settings are nobody's test


@pytest.fixture(params=["asyncio", "trio"])
def anyio_backend(request: pytest.FixtureRequest) -> str:
    """The core's promises hold under asyncio and under trio."""
    name: str = request.param
    return name
