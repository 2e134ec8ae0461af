"""The event loop of a command: uvloop if it is installed, and an exit status for Ctrl-C instead of a traceback."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from importlib import import_module
from typing import Any

from openai_async.cli.failures import INTERRUPTED


def run(main: Callable[[], Coroutine[Any, Any, int]]) -> int:
    """Run `main()` and return its exit status. Ctrl-C cancels it, waits for its cleanup, and gives 130."""
    try:
        with asyncio.Runner(loop_factory=_loop_factory()) as runner:
            return runner.run(main())
    except KeyboardInterrupt:
        return INTERRUPTED


def _loop_factory() -> Callable[[], asyncio.AbstractEventLoop] | None:
    try:
        factory: Callable[[], asyncio.AbstractEventLoop] = import_module("uvloop").Loop
    except ImportError:
        return None
    return factory
