"""Both transports are compared on asyncio: the direct transport lives nowhere else."""

from __future__ import annotations

import pytest


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"
