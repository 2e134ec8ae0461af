"""What comes beside a reply's body: its status, and what its headers say.

Nothing a server says makes this module raise; nonsense reads as absent. Headers are decoded and parsed when they are
looked at: of most replies nobody asks for them, and of thousands a second it would be a fifth of the work.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Final, TypeAlias

import attrs

from openai_async.types.attempt import Attempt

#: 21h26m17.041s, 6m0s, 40ms: durations as Go prints them. (Its µ comes as UTF-8, headers are read as Latin-1.)
_DURATION = re.compile(r"(\d+(?:\.\d+)?)(ms|us|Â?µs|ns|d|h|m|s)")
_UNIT = {"d": 86400.0, "h": 3600.0, "m": 60.0, "s": 1.0, "ms": 1e-3, "us": 1e-6, "µs": 1e-6, "Âµs": 1e-6, "ns": 1e-9}


@attrs.frozen
class Bucket:
    """One rate limit as the server stated it."""

    limit: float | None = None
    remaining: float | None = None
    #: Seconds until the bucket is full again.
    reset: float | None = None


@attrs.frozen
class RateLimits:
    """The rate limits stated by the headers of one reply; what was absent or nonsense is None."""

    requests: Bucket = Bucket()
    tokens: Bucket = Bucket()


#: The header of an answer: the bytes of its head, from the status line on, or its fields.
Header: TypeAlias = bytes | list[tuple[bytes, bytes]]


def fields_of(header: Header) -> list[tuple[bytes, bytes]]:
    """The fields of a header, names in lower case. A head has been checked by a parser: each line is a field."""
    if not isinstance(header, bytes):
        return [(name.lower(), value) for name, value in header]
    lines = (line.partition(b":") for line in header.split(b"\r\n")[1:])
    return [(name.lower(), value.strip(b" \t")) for name, _, value in lines]


class ReplyHeaders(Mapping[str, str]):
    """Header fields by their name in lower case, as Latin-1 text; of a repeated one the last."""

    __slots__ = ("_decoded", "_raw")

    def __init__(self, raw: Header | Iterable[tuple[bytes, bytes]] = ()) -> None:
        self._raw: Header = raw if isinstance(raw, (bytes, list)) else list(raw)
        self._decoded: dict[str, str] | None = None

    def _fields(self) -> dict[str, str]:
        if self._decoded is None:
            self._decoded = {name.decode("latin-1"): value.decode("latin-1") for name, value in fields_of(self._raw)}
        return self._decoded

    def __getitem__(self, name: str) -> str:
        return self._fields()[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._fields())

    def __len__(self) -> int:
        return len(self._fields())

    def __repr__(self) -> str:
        return f"<{len(self)} header fields>"


NO_HEADERS: Final = ReplyHeaders()


@attrs.define
class Meta:
    """What came beside a reply's body. The repr shows no header."""

    status: int = 200
    headers: Mapping[str, str] = attrs.field(default=NO_HEADERS, repr=False)
    #: One record per attempt, the successful one last.
    attempts: tuple[Attempt, ...] = ()
    #: US dollars; None if the price of the model is not known.
    cost: float | None = None
    _rate_limits: RateLimits | None = attrs.field(default=None, init=False, repr=False, eq=False)

    @property
    def request_id(self) -> str | None:
        """The server's id of the request, for its support."""
        return self.headers.get("x-request-id") or self.headers.get("apim-request-id")

    @property
    def media_type(self) -> str:
        """What the server says the body is, in lower case and without parameters; empty if it says nothing."""
        return self.headers.get("content-type", "").partition(";")[0].strip().lower()

    @property
    def processing_ms(self) -> float | None:
        """Milliseconds that the server says it worked."""
        return number(self.headers.get("openai-processing-ms"))

    @property
    def organization(self) -> str | None:
        """The organisation that was charged."""
        return self.headers.get("openai-organization")

    @property
    def version(self) -> str | None:
        """The version of the API."""
        return self.headers.get("openai-version")

    @property
    def model(self) -> str | None:
        """The snapshot of the model that answered."""
        return self.headers.get("openai-model")

    @property
    def rate_limits(self) -> RateLimits:
        """The rate limits as they stood when the request was admitted."""
        if self._rate_limits is None:
            self._rate_limits = RateLimits(_bucket(self.headers, "requests"), _bucket(self.headers, "tokens"))
        return self._rate_limits


NO_META: Final = Meta()
_NOTHING_STATED: Final = Bucket()


def _bucket(headers: Mapping[str, str], kind: str) -> Bucket:
    """One limit; servers send -1, 0 or blanks for "unknown", and such a limit binds nobody."""
    limit = number(headers.get(f"x-ratelimit-limit-{kind}"))
    remaining = number(headers.get(f"x-ratelimit-remaining-{kind}"))
    if limit is None and remaining is None:
        return _NOTHING_STATED
    reset = duration(headers.get(f"x-ratelimit-reset-{kind}"))
    if limit is not None and limit <= 0:
        limit = remaining = None
    if remaining is not None and (remaining < 0 or (limit is not None and remaining > limit)):
        remaining = None
    return Bucket(limit=limit, remaining=remaining, reset=reset)


def duration(text: str | None) -> float | None:
    """Seconds of a duration such as `6m0s`, `40ms` or a bare number of seconds; None for anything else."""
    if not text or len(text) > 64:
        return None
    seconds, end = 0.0, 0
    for match in _DURATION.finditer(text):
        if match.start() != end:
            return None
        seconds += float(match[1]) * _UNIT[match[2]]
        end = match.end()
    if end == len(text):
        return seconds
    plain = number(text)
    return plain if plain is not None and plain >= 0 else None


def number(text: str | None) -> float | None:
    """A finite number, or None."""
    if not text or len(text) > 64:
        return None
    try:
        value = float(text)
    except ValueError:
        return None
    return value if math.isfinite(value) else None
