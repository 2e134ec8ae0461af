"""Accounting stands beside the answer, never in its way.

Prices, totals, rate limits and progress are read once an answer is there, and that answer was paid for. Whatever fails
while they are read leaves them unknown. It never takes the place of the answer. This is the one place where such
failures end.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Final, ParamSpec, TypeVar

P = ParamSpec("P")
T = TypeVar("T")

log = logging.getLogger("openai_async")
#: What has failed, and how: each is logged once a process, not once a call.
_logged: Final[set[tuple[str, str]]] = set()


def try_accounting(what: str, work: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T | None:
    """Do some accounting. None if it fails; the first failure of its kind is logged.

    Args:
        what: the name of the work, for the log.
        work: must not wait, and must not be a callable of the user's: what that raises is for the user to hear.
    """
    try:
        return work(*args, **kwargs)
    except Exception as error:
        log_failure(what, error)
        return None


def log_failure(what: str, error: Exception) -> None:
    """Log that some accounting failed. Code on the path of every call catches errors itself and calls this.

    Neither text nor frames of the error are logged: they may hold what was sent or answered.
    """
    kind = type(error).__name__
    if (what, kind) in _logged:
        return
    _logged.add((what, kind))
    try:
        log.warning("%s failed (%s at %s); answers are given without it", what, kind, raised_at(error))
    except Exception:  # a filter or a handler of the user's
        pass


def raised_at(error: BaseException) -> str:
    """Where an error was raised: file and line."""
    trace = error.__traceback__
    if trace is None:
        return "an unknown place"
    while trace.tb_next is not None:
        trace = trace.tb_next
    return f"{trace.tb_frame.f_code.co_filename}:{trace.tb_lineno}"
