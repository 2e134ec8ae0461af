"""A property of a refusal needs the refusal as a value."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")
E = TypeVar("E", bound=Exception)


def outcome(refusal: type[E], do: Callable[[], T]) -> T | E:
    """What `do` returns, or the error of this class that it raises. Any other error passes through."""
    try:
        return do()
    except refusal as error:
        return error
