"""URL paths and query strings, and the flat fields that queries and forms share.

A path is made only from a template of this package and percent-encoded arguments. So no identifier can leave its
segment, start a query, or name another host.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any, cast
from urllib.parse import quote, urlencode, urlsplit

from openai_async._wire.json_encoding import plain
from openai_async.errors import InvalidParameterError

#: What stands for itself in a segment (RFC 3986, `pchar`), besides letters, digits and -._~
_SEGMENT = "!$&'()*+,;=:@"

_ENDPOINTS = ("/chat/completions", "/completions", "/chat", "/responses", "/embeddings", "/models", "/audio/speech")
_VERSION = re.compile(r"/v\d")


def render(template: str, **arguments: object) -> str:
    """Fill the `{name}` fields of a template with percent-encoded path arguments.

    Raises:
        InvalidParameterError: an argument is empty, `.` or `..` (also percent-encoded), or holds a control character.
    """
    return template.format_map({name: segment(name, value) for name, value in arguments.items()})


def segment(name: str, value: object) -> str:
    """One path segment, percent-encoded. It decodes to `value` and to nothing else."""
    if not isinstance(value, str) or not value:
        raise InvalidParameterError(name, "must be a non-empty string")
    if any(ord(char) < 0x20 or ord(char) == 0x7F for char in value):
        raise InvalidParameterError(name, "must not hold control characters")
    if has_dot_segment(value):
        raise InvalidParameterError(name, "must not hold the path segments '.' or '..'")
    try:
        return quote(value, safe=_SEGMENT)
    except UnicodeEncodeError:
        raise InvalidParameterError(name, "holds half of a surrogate pair") from None


def relative(path: object) -> str:
    """Check a path that the caller gave: it must lead below the base URL. It is percent-encoded, and may have a query.

    Raises:
        InvalidParameterError: it is an absolute URL, names a host, has a dot segment, or needs encoding.
    """
    if not isinstance(path, str) or not path.strip("/"):
        raise InvalidParameterError("path", "must be a path below the base URL, such as /models")
    if not path.isascii() or any(char <= " " or char in '\x7f#"<>^`{|}' for char in path):
        raise InvalidParameterError("path", "must be percent-encoded, and without a fragment")
    below = path.partition("?")[0]
    if ":" in below.partition("/")[0] or below.startswith("//") or "\\" in below:
        raise InvalidParameterError("path", "must not name a host: the key is sent to the base URL only")
    if has_dot_segment(below):
        raise InvalidParameterError("path", "must not hold the path segments '.' or '..'")
    return path if path.startswith("/") else f"/{path}"


def has_dot_segment(text: str) -> bool:
    """Whether a path holds a dot segment (RFC 3986, section 5.2.4), percent-encoded or not.

    Servers and proxies may decode %2e before they resolve dot segments, and more than once.
    """
    plain, before = text.lower(), ""
    while plain != before:
        before = plain
        plain = plain.replace("%25", "%").replace("%2e", ".").replace("%2f", "/").replace("%5c", "/").replace("\\", "/")
    return any(part in (".", "..") for part in plain.split("/"))


def base_url_hint(base_url: str) -> str | None:
    """The likely mistake in a base URL that answered 404; None if it looks right."""
    path = urlsplit(base_url).path
    ending = next((end for end in _ENDPOINTS if path.endswith(end)), None)
    if ending is not None:
        return f"the base_url ends with an endpoint: is {base_url.removesuffix(ending)} meant?"
    if path.endswith("/v1/v1"):
        return f"the base_url says /v1 twice: is {base_url.removesuffix('/v1')} meant?"
    if _VERSION.search(path) or "/openai" in path:
        return None
    return f"the base_url has no version: is {base_url}/v1 meant?"


def query(params: Mapping[str, Any]) -> str:
    """Encode query parameters. Lists become `name[]=`, objects `name[key]=`; None is left out.

    Raises:
        InvalidParameterError: a value is neither text, a finite number, a boolean nor made of them.
    """
    return urlencode([pair for name, value in plain(params).items() for pair in flatten(name, value)])


def flatten(name: str, value: Any) -> Iterator[tuple[str, str]]:
    """The flat fields of one nested parameter, which is plain (see `json.plain`): `name[key]` and `name[]`.

    None gives no field.
    """
    if value is None:
        return
    if isinstance(value, dict):
        for key, part in cast("dict[str, Any]", value).items():
            yield from flatten(f"{name}[{key}]", part)
    elif isinstance(value, list):
        for part in value:  # pyright: ignore[reportUnknownVariableType]
            yield from flatten(f"{name}[]", part)
    elif isinstance(value, bool):
        yield name, "true" if value else "false"
    else:
        yield name, str(value)
