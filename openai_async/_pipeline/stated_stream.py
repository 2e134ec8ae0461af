"""What `stream` has to say in requests for whole replies, where a server does not take its absence for "no".

Some servers stream where it is left out: their answer is read whole (see `_wire.unexpected_stream`), and from then on
they are told `false`. Some refuse what does not stream: they are told `true`, once more for the same call, and later.
"""

from __future__ import annotations

import re
from collections.abc import MutableMapping
from typing import Any, Final, cast

import attrs

from openai_async._pipeline.request import Request
from openai_async._wire import json
from openai_async.errors import APIStatusError, DecodeError

#: Families that are remembered at most.
_MANY: Final = 1_000
#: "Stream must be set to true", "This model only support stream mode", "non-streaming is not supported", ...
_ONLY_STREAMS: Final = (
    r"stream\W{0,3}\s*(?:must|should|has to|needs? to|can only)\s+be\s+(?:set\s+to\s+)?[\"'`]?(?:true|enabled)"
    r"|expected\s+true\s+at\s+\S*stream\b"
    r"|only\s+supports?\s+(?:the\s+)?stream"
    r"|(?:non|not|without)[- ]?stream\w*\s+(?:\w+\s+){0,3}?(?:is|are)\s+not\s+(?:supported|allowed)"
    r"|stream\W{0,3}(?:=|:|\s)\s*false\W{0,3}\s+(?:is\s+)?not\s+(?:supported|allowed)"
)
#: "stream: Field required", "missing field `stream`", "'stream' is a required property".
_REQUIRES: Final = (
    r"\bstream\W{1,3}\s*(?:field\s+required|is\s+(?:a\s+)?required)|missing\s+(?:required\s+)?\w+\W{1,3}stream\b"
)


class StatedStream:
    """What is said, by scope; one per client, and empty for nearly all servers. Requests for streams say it anyway."""

    __slots__ = ("said",)

    def __init__(self) -> None:
        self.said: dict[str, bool] = {}

    def put(self, scope: str, given: MutableMapping[str, Any]) -> None:
        """Say it in the parameters of a request for a whole reply. What the caller says stays, unless it is refused."""
        said = self.said.get(scope)
        if said is not None and scope.startswith("/audio/speech "):
            given.setdefault("stream_format", "audio")
        elif said or (said is False and "stream" not in given):
            given["stream"] = said

    def streamed(self, request: Request) -> None:
        """The server has streamed a reply that was asked for whole."""
        self._note(request, said=self.said.get(request.scope, False))

    def insisted(self, request: Request, error: APIStatusError) -> Request | None:
        """The call as the server wants it; None if that is not why it refused it, or the call says so already."""
        if (
            request.stream
            or request.download
            or error.status_code not in (400, 422)
            or not isinstance(request.body, bytes)
        ):
            return None
        told = f"{error.message} {error.param or ''}"
        said = True if _finds(_ONLY_STREAMS, told) else False if _finds(_REQUIRES, told) else None
        body = None if said is None else _with(request.body, said)
        if said is None or body is None:
            return None
        self._note(request, said=said)
        return attrs.evolve(request, body=body)

    def _note(self, request: Request, *, said: bool) -> None:
        if len(self.said) >= _MANY:
            self.said.clear()
        self.said[request.scope] = said


def _finds(pattern: str, text: str) -> bool:
    return re.search(pattern, text, re.IGNORECASE) is not None  # compiled when it is first needed


def _with(body: bytes, said: bool) -> bytes | None:
    """A body with another word on `stream`; None if it has this one, or is no object."""
    try:
        fields: Any = json.loads(body)
    except DecodeError:
        return None
    if not isinstance(fields, dict) or cast("dict[str, Any]", fields).get("stream") is said:
        return None
    return json.dumps({**cast("dict[str, Any]", fields), "stream": said})
