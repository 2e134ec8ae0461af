"""Response metadata: the status, and what the headers say.

No header makes this module raise; invalid values read as absent. Headers are parsed on first access, because most
replies are never asked for them: at thousands of replies a second, parsing would be a fifth of the work.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Final, TypeAlias

import attrs

from openai_async.types._durations import number
from openai_async.types._plain import Record
from openai_async.types._rate_limit_headers import Bucket as Bucket, RateLimits as RateLimits, read
from openai_async.types.attempt import Attempt
from openai_async.types.settings import Secret

#: Characters of a key that is one; shorter ones, such as "EMPTY" for a server of one's own, are ordinary words.
_LEAST_SECRET: Final = 8
#: The header of an answer: the bytes of its head, from the status line on, or its fields.
Header: TypeAlias = bytes | list[tuple[bytes, bytes]]


def fields_of(header: Header) -> list[tuple[bytes, bytes]]:
    """The fields of a header section, with lowercase names. A parser has checked it: each line is a field."""
    if not isinstance(header, bytes):
        return [(name.lower(), value) for name, value in header]
    lines = (line.partition(b":") for line in header.split(b"\r\n")[1:])
    return [(name.lower(), value.strip(b" \t")) for name, _, value in lines]


class ReplyHeaders(Mapping[str, str]):
    """Header fields by lowercase name, as Latin-1 text; the last value of a repeated field.

    Args:
        raw: the fields, or the header section that contains them.
        secret: the key of the request. Some servers echo it; it is never shown.
    """

    __slots__ = ("_decoded", "_raw", "_secret")

    def __init__(self, raw: Header | Iterable[tuple[bytes, bytes]] = (), secret: Secret | None = None) -> None:
        self._secret = secret
        self._raw: Header = raw if isinstance(raw, (bytes, list)) else list(raw)
        self._decoded: dict[str, str] | None = None

    def fields(self) -> dict[str, str]:
        """All fields."""
        if self._decoded is None:
            fields = {name.decode("latin-1"): value.decode("latin-1") for name, value in fields_of(self._raw)}
            key = self._secret.reveal() if self._secret is not None else ""
            if len(key) >= _LEAST_SECRET and any(key in value for value in fields.values()):
                fields = {name: value.replace(key, "***") for name, value in fields.items()}
            self._decoded, self._raw, self._secret = fields, [], None
        return self._decoded

    def __reduce__(self) -> tuple[type[ReplyHeaders], tuple[list[tuple[bytes, bytes]]]]:
        """Pickled and copied as what it shows."""
        fields = [(name.encode("latin-1"), value.encode("latin-1")) for name, value in self.fields().items()]
        return ReplyHeaders, (fields,)

    def __getitem__(self, name: str) -> str:
        return self.fields()[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self.fields())

    def __len__(self) -> int:
        return len(self.fields())

    def __repr__(self) -> str:
        return f"<{len(self)} header fields>"


NO_HEADERS: Final = ReplyHeaders()


@attrs.define
class Meta(Record):
    """Response metadata: status, headers, attempts and cost. The repr shows no header."""

    status: int = 200
    headers: Mapping[str, str] = attrs.field(default=NO_HEADERS, repr=False)
    #: One record per attempt, the successful one last.
    attempts: tuple[Attempt, ...] = ()
    #: Epoch seconds at which the head arrived, by the clock of this machine; None if that is not known.
    received: float | None = attrs.field(default=None, repr=False, eq=False)
    #: US dollars; None if the price of the model is not known.
    cost: float | None = None
    #: The tokens of the call as estimated, where the server counted none; else None.
    estimated_tokens: int | None = None
    _rate_limits: RateLimits | None = attrs.field(default=None, init=False, repr=False, eq=False)

    def _items(self) -> Iterator[tuple[str, Any]]:
        """What the headers say, without the headers, which may contain more than should be stored."""
        for name in (
            "status",
            "request_id",
            "model",
            "processing_ms",
            "cost",
            "estimated_tokens",
            "attempts",
            "rate_limits",
        ):
            yield name, getattr(self, name)

    @property
    def request_id(self) -> str | None:
        """The server's ID of the request, for support requests."""
        return self.headers.get("x-request-id") or self.headers.get("apim-request-id")

    @property
    def media_type(self) -> str:
        """The media type of the body, in lower case and without parameters; empty if absent."""
        return self.headers.get("content-type", "").partition(";")[0].strip().lower()

    @property
    def states_end(self) -> bool:
        """Whether the framing of the body marks its end. A body that ends with its connection may be truncated."""
        codings = self.headers.get("transfer-encoding", "").lower().split(",")
        return codings[-1].strip() == "chunked" or "content-length" in self.headers

    @property
    def processing_ms(self) -> float | None:
        """The processing time in milliseconds, as the server reports it."""
        return number(self.headers.get("openai-processing-ms"))

    @property
    def organization(self) -> str | None:
        """The organization that was billed."""
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
        """The rate limits at the time the request was admitted."""
        if self._rate_limits is None:
            headers = self.headers
            fields = headers.fields() if isinstance(headers, ReplyHeaders) else headers
            self._rate_limits = read(fields, self.received)
        return self._rate_limits


NO_META: Final = Meta()
