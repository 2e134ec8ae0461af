"""One event loop for one command: uvloop where it is installed, and Ctrl-C as an exit status instead of a traceback."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from importlib import import_module
from typing import Any

from openai_async.cli.failures import INTERRUPTED


def run(main: Callable[[], Coroutine[Any, Any, int]]) -> int:
    """Run `main()` to its exit status. Ctrl-C cancels it, waits until it has cleaned up, and gives 130."""
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
