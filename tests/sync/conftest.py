"""What the tests of the synchronous client get: one event loop, and clients that pass for asynchronous ones."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from openai_async._policy import retry

from .both import awaited_client


@pytest.fixture
def anyio_backend() -> str:
    """The portal's loop is asyncio whatever its callers run."""
    return "asyncio"


@pytest.fixture
def stack(request: pytest.FixtureRequest) -> str:
    """What the portal has; tests of one transport say so themselves."""
    name: str = getattr(request, "param", "asyncio-direct")
    return name


@pytest.fixture
def transport(stack: str) -> str:
    """The name of the transport under test."""
    return stack.partition("-")[2]


@pytest.fixture
def make_client(transport: str) -> Callable[..., Any]:
    """As the fixture of the fault tests: no retries unless told otherwise."""

    def make(base_url: str, **settings: Any) -> Any:
        defaults: dict[str, Any] = {"api_key": "test", "max_retries": 0, "trust_env": False}
        if transport == "httpx":
            defaults["transport"] = "httpx"
        return awaited_client(base_url=base_url, **{**defaults, **settings})

    return make


@pytest.fixture
def no_backoff(monkeypatch: pytest.MonkeyPatch) -> None:
    """Retries follow at once, unless the server asks for a delay."""
    monkeypatch.setattr(retry, "BACKOFF_BASE", 0.0)
