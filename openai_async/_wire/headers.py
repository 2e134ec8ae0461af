"""Header fields (RFC 9110): check those that are sent, and read `x-should-retry`.

Names and values are checked here, because the error of an HTTP library would show the value, which may be a key.
`retry_delays` reads the delays, `types.meta` the rest.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

from openai_async.errors import ConfigurationError, InvalidParameterError

_NAME = re.compile(r"[!#$%&'*+\-.^_`|~0-9A-Za-z]+\Z")  # RFC 9110, token
_VALUE = re.compile(r"[\x21-\x7e\x80-\xff](?:[\x20-\x7e\x80-\xff\t]*[\x21-\x7e\x80-\xff])?\Z")
_VISIBLE = re.compile(r"[\x21-\x7e]+\Z")
#: The transport sets the framing. A second framing would allow request smuggling (RFC 9112, section 11.2).
_RESERVED = frozenset({"content-length", "transfer-encoding", "host", "connection"})


def check_token(field: str, value: object) -> str:
    """A key, organization or project: visible ASCII without spaces. The error never shows the value.

    Raises:
        ConfigurationError: anything else, such as a stray newline.
    """
    if not isinstance(value, str) or not value:
        raise ConfigurationError(field, "must be a non-empty string")
    if not _VISIBLE.match(value) or len(value) > 8192:
        if value.strip() != value:
            raise ConfigurationError(field, "begins or ends with white space (a stray newline?)")
        raise ConfigurationError(field, "must be visible ASCII characters without spaces, at most 8192 of them")
    return value


def check_headers(field: str, headers: Mapping[str, str]) -> list[tuple[bytes, bytes]]:
    """Encode header fields with lower-case names.

    Raises:
        InvalidParameterError: a name or value that cannot stand in a header, or a name the transport owns.
    """
    if not isinstance(headers, Mapping):  # pyright: ignore[reportUnnecessaryIsInstance]
        raise InvalidParameterError(field, "must be a mapping of names to values")
    encoded: list[tuple[bytes, bytes]] = []
    for name, value in headers.items():
        if not isinstance(name, str) or not _NAME.match(name):  # pyright: ignore[reportUnnecessaryIsInstance]
            raise InvalidParameterError(field, "a header name must be a token of RFC 9110")
        if not isinstance(value, str) or not _VALUE.match(value):  # pyright: ignore[reportUnnecessaryIsInstance]
            raise InvalidParameterError(
                f"{field}[{name!r}]", "must be a non-empty line of Latin-1 text without outer spaces"
            )
        if name.lower() in _RESERVED:
            raise InvalidParameterError(f"{field}[{name!r}]", "is set by the transport")
        encoded.append((name.lower().encode("ascii"), value.encode("latin-1")))
    return encoded


def should_retry(headers: Mapping[str, str]) -> bool | None:
    """The server's own word on retrying (`x-should-retry`); None if it has none."""
    return {"true": True, "false": False}.get(headers.get("x-should-retry", "").lower())
