"""The options of a map: one list of them, for every method that makes one."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypedDict

from openai_async._limits.queue import PRIORITIES, Priority
from openai_async.errors import InvalidParameterError
from openai_async.types.progress import Progress


class MapOptions(TypedDict, total=False):
    """How a map runs. `AsyncClient.map` documents what each option means."""

    ordered: bool
    max_in_flight: int | None
    priority: Priority
    max_total_tokens: int | None
    max_cost: float | None
    give_up_after: int | None
    total: int | None
    on_progress: Callable[[Progress], None] | None


def check_options(options: MapOptions) -> None:
    """Refuse options that cannot be.

    Raises:
        InvalidParameterError: names the option.
    """
    limit = options.get("max_in_flight")
    if limit is not None and (isinstance(limit, bool) or not isinstance(limit, int) or limit < 1):  # pyright: ignore
        raise InvalidParameterError("max_in_flight", "must be a positive integer")
    give_up_after = options.get("give_up_after")
    if give_up_after is not None and (isinstance(give_up_after, bool) or give_up_after < 1):
        raise InvalidParameterError("give_up_after", "must be a positive integer, or None for never")
    total = options.get("total")
    if total is not None and (isinstance(total, bool) or not isinstance(total, int) or total < 0):  # pyright: ignore
        raise InvalidParameterError("total", "must be the number of requests")
    if options.get("priority", "default") not in PRIORITIES:
        raise InvalidParameterError("priority", f"must be one of {', '.join(PRIORITIES)}")
