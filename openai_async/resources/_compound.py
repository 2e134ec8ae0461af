"""Options of methods that make several calls. No frame keeps the values that are passed on.

Nothing here makes a call.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final, TypeVar, cast

from openai_async.types.params.options import RequestOptions

T = TypeVar("T")

#: Options that every step takes.
_SHARED: Final = ("extra_headers", "timeout", "max_retries", "priority", "deadline")


def shared_options(params: Mapping[str, Any]) -> RequestOptions:
    """The options among the parameters that are those of each step, too."""
    return cast("RequestOptions", {name: params[name] for name in _SHARED if name in params})


class KeptOptions:
    """Options for repeated calls. The repr, which tracebacks may show, contains none of them.

    Args:
        given: the method's own; they are emptied.
    """

    __slots__ = ("_options",)

    def __init__(self, options: Mapping[str, Any]) -> None:
        self._options = moved_out(options)

    def calling(self, method: Callable[..., T], *args: object, **named: object) -> Callable[[], T]:
        """Return a function that calls a method with these arguments and a fresh copy of the options."""
        return lambda: method(*args, **named, **self._options)


def moved_out(params: Mapping[str, Any]) -> dict[str, Any]:
    """A copy; the parameters themselves are emptied."""
    copy = dict(params)
    cast("dict[str, Any]", params).clear()
    return copy
