"""The stacks that keep the promises: an event loop with a transport of the package on it.

Every asynchronous test of this directory runs on each entry of `STACKS`; one that is about a single backend
parametrises `stack` itself, indirectly.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeAlias

import pytest

# Imported here because a client imports its transport on first use: that takes longer than the shortest timeouts here.
import openai_async._transport.direct
import openai_async._transport.httpx_transport  # noqa: F401
from openai_async import AsyncClient
from openai_async._policy import retry

MakeClient: TypeAlias = Callable[..., AsyncClient]

#: backend-transport. The direct transport is asyncio's; trio has httpx whatever is asked for.
STACKS = ("asyncio-direct", "asyncio-httpx", "trio-httpx")
_SETTINGS: dict[str, dict[str, Any]] = {"direct": {}, "httpx": {"transport": "httpx"}}


@pytest.fixture(params=STACKS)
def stack(request: pytest.FixtureRequest) -> str:
    name: str = request.param
    return name


@pytest.fixture
def anyio_backend(stack: str) -> str:
    return stack.partition("-")[0]


@pytest.fixture
def transport(stack: str) -> str:
    """The name of the transport under test."""
    return stack.partition("-")[2]


@pytest.fixture
def make_client(transport: str) -> MakeClient:
    """Make a client on the transport under test. Unless told otherwise it has no retries: one call, one request."""

    def make(base_url: str, **settings: Any) -> AsyncClient:
        defaults: dict[str, Any] = {"api_key": "test", "max_retries": 0, "trust_env": False}
        return AsyncClient(base_url=base_url, **{**defaults, **_SETTINGS[transport], **settings})

    return make


@pytest.fixture
def no_backoff(monkeypatch: pytest.MonkeyPatch) -> None:
    """Retries follow at once, unless the server asks for a delay."""
    monkeypatch.setattr(retry, "BACKOFF_BASE", 0.0)
