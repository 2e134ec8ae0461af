"""Which event loop is running, for the few places where asyncio and trio must be told apart."""

from __future__ import annotations

import asyncio


def on_asyncio() -> bool:
    """Whether the caller runs inside an asyncio task (not under trio, also where trio is asyncio's guest)."""
    try:
        return asyncio.current_task() is not None
    except RuntimeError:
        return False
