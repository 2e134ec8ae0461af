"""The delay that a server asks for: in header fields, fields of error bodies, or words of error messages.

A delay is a hint. One that cannot be read counts as absent, and so does one that no server can mean: see
`types._durations`. The first place that can be read wins, in the order of this module.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any, Final, Literal, TypeAlias, cast

from openai_async.types._durations import LONGEST, epoch, number, seconds_until, sent_at
from openai_async.types.meta import Meta

#: Seconds of one unit of a bare number, or "moment" where a number is one since 1970.
Unit: TypeAlias = float | Literal["moment"]

#: Header fields by precedence. A value may also be a duration with units, or a date.
HEADERS: Final[tuple[tuple[str, Unit], ...]] = (
    ("retry-after-ms", 1e-3),  # OpenAI, Azure
    ("x-ms-retry-after-ms", 1e-3),  # Azure, other services
    ("retry-after", 1.0),  # RFC 9110, section 10.2.3
    ("x-retry-after-ms", 1e-3),  # gateways
    ("x-retry-after", 1.0),
    ("x-ratelimit-retry-after", 1.0),
    ("x-ratelimit-retry-after-seconds", 1.0),
    ("x-rate-limit-retry-after-seconds", 1.0),  # Bucket4j
    ("x-ratelimit-reset-after", 1.0),  # Discord's, copied by gateways
    ("ratelimit-reset-after", 1.0),
)

#: Fields of an error body, in any of its objects; their names without case, "_" and "-".
FIELDS: Final[Mapping[str, Unit]] = {
    "retryaftermilliseconds": 1e-3,
    "retryafterms": 1e-3,
    "retryinms": 1e-3,
    "retrydelayms": 1e-3,
    "retrydelay": 1.0,  # google.rpc.RetryInfo: "34.07s"
    "retryafter": 1.0,
    "retryafterseconds": 1.0,
    "retryaftersecs": 1.0,
    "retryaftersec": 1.0,
    "retryin": 1.0,
    "retryinseconds": 1.0,
    "resetsinseconds": 1.0,  # the API's usage limits
    "resetinseconds": 1.0,
    "resetafter": 1.0,
    "resetafterseconds": 1.0,
    "resetinms": 1e-3,
    "retryat": "moment",
    "nextallowedat": "moment",
    "resetsat": "moment",  # the API's usage limits
    "resetat": "moment",
    "resettime": "moment",
    "xratelimitreset": "moment",  # OpenRouter: error.metadata.headers, in milliseconds
    "ratelimitreset": "moment",
}

_UNITS: Final = "milliseconds?|msecs?|ms|seconds?|secs?|s|minutes?|mins?|m|hours?|hrs?|h|days?|d"
#: "Please try again in 1m2s", "Please retry after 6 seconds", "Please retry in 12.5s", "wait 20 s", "resets in 6h3m".
_WORDS: Final = re.compile(
    r"\b(?:again|retry(?:ing)?|wait(?:ing)?|resets?|available)(?: again)?(?:[ -](?:in|after|for))?"
    r"(?: about| approximately| at least)?[ :~]{1,3}"
    rf"((?:\d{{1,9}}(?:\.\d{{1,9}})? ?(?:{_UNITS})(?![a-z])(?:,| and)? ?){{1,5}})",
    re.IGNORECASE,
)
_AMOUNT: Final = re.compile(r"(\d{1,9}(?:\.\d{1,9})?) ?(ms|milli|d|h|m|s)", re.IGNORECASE)
_SECONDS: Final = {"ms": 1e-3, "milli": 1e-3, "d": 86_400.0, "h": 3_600.0, "m": 60.0, "s": 1.0}
#: "Retry after 2026-01-02T03:04:05Z", "resets at 1767225600".
_MOMENT: Final = re.compile(
    r"\b(?:again|retry|resets?)(?: after| at| on)[ :]{1,2}"
    r"(\d{4}-\d\d-\d\dT[\d:.]{5,18}(?:Z|[+-]\d\d:?\d\d)?|\d{10,13}\b)",
    re.IGNORECASE,
)
#: Characters of a message that are looked at, at its begin and at its end; and objects of a body.
_LOOKED_AT: Final = 4_096
_OBJECTS: Final = 64
_NO_HEADERS: Final[Mapping[str, str]] = {}
#: Statuses whose messages are read for a delay: those that pass with time.
_PASSING: Final = frozenset({408, 409, 425, 429})


def from_headers(headers: Mapping[str, str], received: float | None) -> float | None:
    """Seconds that the header asks to wait. A date counts from the reply's own Date, else from `received`."""
    for name, unit in HEADERS:
        if (text := headers.get(name)) and (seconds := _read(text.strip(), unit, headers, received)) is not None:
            return seconds
    return None


def retry_delay(meta: Meta, error: object, message: str) -> float | None:
    """Seconds that an error answer asks to wait, wherever it says so; None if it does not.

    A window that is used up and names the moment of its end says so, too.
    """
    seconds = from_headers(meta.headers, meta.received)
    if seconds is None:
        seconds = from_error(meta.status, error, message, sent_at(meta.headers, meta.received))
    return _end_of_window(meta) if seconds is None and meta.status in _PASSING else seconds


def from_error(status: int, error: object, message: str, now: float | None) -> float | None:
    """Seconds that an error body asks to wait. `now`: epoch seconds at which it was made, if that is known."""
    for name, value in _fields(error):
        unit = FIELDS.get(name.replace("_", "").replace("-", "").lower())
        if unit is not None and (seconds := _of_field(value, unit, now)) is not None:
            return seconds
    return from_message(message, now) if status in _PASSING or status >= 500 else None


def from_message(message: str, now: float | None) -> float | None:
    """Seconds that words ask to wait."""
    if len(message) > 2 * _LOOKED_AT:
        message = f"{message[:_LOOKED_AT]} {message[-_LOOKED_AT:]}"
    if match := _WORDS.search(message):
        seconds = sum(float(amount) * _SECONDS[unit.lower()] for amount, unit in _AMOUNT.findall(match[1]))
        return seconds if seconds <= LONGEST else None
    match = _MOMENT.search(message)
    until = seconds_until(match[1], _NO_HEADERS, now) if match else None
    return until[0] if until else None


def _read(text: str, unit: Unit, headers: Mapping[str, str], received: float | None) -> float | None:
    plain = number(text)
    if plain is not None and epoch(plain) is None:
        scale = 1.0 if unit == "moment" else unit
        return plain * scale if 0 <= plain * scale <= LONGEST else None
    until = seconds_until(text, headers, received)
    return until[0] if until else None


def _of_field(value: object, unit: Unit, now: float | None) -> float | None:
    if isinstance(value, dict):  # a protobuf duration that was not written as text
        parts = cast("dict[str, object]", value)
        value = parts.get("seconds", 0)
    if isinstance(value, bool) or not isinstance(value, (int, float, str)):
        return None
    if isinstance(value, str):
        if (plain := number(value)) is None:
            until = seconds_until(value.strip(), _NO_HEADERS, now)
            return until[0] if until else None
        value = plain
    if not 0 <= value < 1e20:
        return None
    if (then := epoch(float(value))) is not None:
        return max(0.0, then - now) if now is not None and then - now <= LONGEST else None
    seconds = float(value) * (1.0 if unit == "moment" else unit)
    return seconds if seconds <= LONGEST else None


def _fields(error: object) -> Iterator[tuple[str, Any]]:
    """The fields of an error body and of what it holds, the outer ones first."""
    ahead, seen = [error], 0
    while seen < len(ahead) and seen < _OBJECTS:
        part = ahead[seen]
        seen += 1
        if isinstance(part, dict):
            fields = cast("dict[str, object]", part)
            yield from fields.items()
            ahead += [value for value in fields.values() if isinstance(value, (dict, list))]
        elif isinstance(part, list):
            ahead += [item for item in cast("list[object]", part)[:_OBJECTS] if isinstance(item, (dict, list))]


def _end_of_window(meta: Meta) -> float | None:
    """The longest time until a window that is used up ends, if one is."""
    limits = meta.rate_limits
    buckets = (limits.requests, limits.tokens, *(bucket for _, bucket in limits.others))
    used_up = [b.reset for b in buckets if b.at_once and b.remaining == 0 and b.reset is not None]
    return max(used_up, default=None)
