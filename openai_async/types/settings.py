"""Settings shared by calls and clients: timeouts, explicit null, secrets."""

from __future__ import annotations

import enum
import math
import sys
from typing import Final, NoReturn

import attrs

from openai_async.errors import InvalidParameterError
from openai_async.types._plain import Record


class Null(enum.Enum):
    """The type of `NULL`, an explicit JSON null."""

    NULL = None  # the JSON codec writes an enumeration's member as its value

    def __repr__(self) -> str:
        return "NULL"


#: Sends an explicit JSON null. (None leaves a parameter out.)
NULL: Final = Null.NULL


def check_seconds(field: str, value: object) -> None:
    """Refuse a duration that is not None or a positive number of seconds. `field` is its name in the error."""
    if value is None:
        return
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        raise InvalidParameterError(field, "must be a number of seconds or None")
    if not value > 0:  # also refuses nan
        raise InvalidParameterError(field, "must be more than 0 seconds, or None for no bound")
    if value > sys.float_info.max and value != math.inf:  # an integer that no clock can be added to
        raise InvalidParameterError(field, "is more seconds than can be counted; None is no bound")


@attrs.frozen
class Timeout(Record):
    """Timeouts of the phases of one attempt, in seconds; None means no bound.

    The bound of the complete call, including waiting and retries, is `deadline`.

    Attributes:
        attempt: from sending the request to the last byte of the reply (for a stream: to its headers).
        connect: to open a connection, TLS included.
        first_token: from sending the request to the first event of a stream.
        idle: between two events of a stream. Comments and keep-alives do not count as events.
    """

    attempt: float | None = 600.0
    connect: float | None = 10.0
    first_token: float | None = 600.0
    idle: float | None = 300.0

    def __attrs_post_init__(self) -> None:
        for name in ("attempt", "connect", "first_token", "idle"):
            check_seconds(f"timeout.{name}", getattr(self, name))

    @classmethod
    def of(cls, value: float | Timeout | None) -> Timeout:
        """Convert: a number of seconds bounds every phase; None bounds none."""
        if isinstance(value, Timeout):
            return value
        check_seconds("timeout", value)
        if value is None:
            return cls(attempt=None, connect=None, first_token=None, idle=None)
        return cls(attempt=value, connect=min(value, 10.0), first_token=value, idle=value)


class Secret:
    """A string that no repr, log, traceback or pickle shows. Call `reveal()` where it is sent."""

    __slots__ = ("_value",)

    def __init__(self, value: str) -> None:
        self._value = value

    def reveal(self) -> str:
        """Return the string itself, for sending."""
        return self._value

    def __repr__(self) -> str:
        return "Secret('***')"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Secret) and other._value == self._value

    def __hash__(self) -> int:
        return hash(self._value)

    def __reduce__(self) -> NoReturn:
        raise TypeError("a Secret cannot be pickled")
