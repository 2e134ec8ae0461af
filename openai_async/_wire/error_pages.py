"""Error bodies of proxies and gateways: HTML pages, and JSON inside an event of a stream."""

from __future__ import annotations

import html
import re
from typing import Any, Final

from openai_async._wire import json
from openai_async.errors import DecodeError
from openai_async.types.meta import Meta

_PAGE: Final = re.compile(r"<(?:!doctype html|html|head|title|body|center|h1)\b", re.IGNORECASE)
#: What a page calls itself, in the order of trust; the last one is of XML, as stores of objects have it.
_TITLES: Final = tuple(
    re.compile(rf"<{name}\b[^>]*>(.*?)</{name}\s*>", re.IGNORECASE | re.DOTALL)
    for name in ("title", "h1", "h2", "message")
)
_MARKUP: Final = re.compile(r"<(script|style)\b.*?</\1\s*>|<!--.*?-->|<[^>]*(?:>|$)", re.IGNORECASE | re.DOTALL)
_LONGEST: Final = 200
#: Characters of a page that are looked at.
_LOOKED_AT: Final = 8_192


def summary(meta: Meta, text: str) -> str | None:
    """The message and the sender of an HTML or XML page, without markup; None for other text."""
    text = text[:_LOOKED_AT]
    if not text.startswith("<") or not (_PAGE.search(text[:2_000]) or text.startswith("<?xml")):
        return None
    said = (_title(text) or _plain(text)).removeprefix(str(meta.status)).lstrip(" -:|") or "no message"
    sender = _plain(meta.headers.get("server", "")) or _plain(meta.headers.get("via", ""))
    return f"{said[:_LONGEST]} (a page of {sender[:64] or 'a proxy'}, no answer of the API)"


def _title(text: str) -> str:
    for title in _TITLES:
        match = title.search(text)
        if match is not None and (text_of_title := _plain(match[1])):
            return text_of_title
    return ""


def _plain(text: str) -> str:
    return " ".join(html.unescape(_MARKUP.sub(" ", text)).split())


def first_event(body: bytes) -> Any | None:
    """The first error object among the events of a body, else the first object; None if there are no events."""
    if not body.lstrip(b"\xef\xbb\xbf \r\n\t").startswith((b"data:", b"event:", b"id:", b":")):
        return None
    decoded: list[Any] = []
    for event in re.split(rb"\r?\n\r?\n", body):
        lines = [line[5:].removeprefix(b" ") for line in event.splitlines() if line.startswith(b"data:")]
        try:
            decoded.append(json.loads(b"\n".join(lines)))
        except DecodeError:
            continue
    objects: list[Any] = [each for each in decoded if isinstance(each, dict)]
    return next((each for each in objects if "error" in each), objects[0] if objects else None)  # pyright: ignore
