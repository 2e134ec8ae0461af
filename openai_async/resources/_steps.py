"""Methods of several calls: what each of these takes. What is handed on is kept in no frame on the way.

Nothing here makes a call.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final, cast

from openai_async.types.options import RequestOptions

#: Options that every step takes.
_STEERING: Final = ("extra_headers", "timeout", "max_retries", "priority", "deadline")


def steering(params: Mapping[str, Any]) -> RequestOptions:
    """The options among the parameters that are those of each step, too."""
    return cast("RequestOptions", {name: params[name] for name in _STEERING if name in params})


def moved(params: Mapping[str, Any]) -> dict[str, Any]:
    """A copy; the parameters themselves are emptied."""
    copy = dict(params)
    cast("dict[str, Any]", params).clear()
    return copy
