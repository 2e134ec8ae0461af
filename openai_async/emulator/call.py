"""One request as its handler sees it, and the replies that a handler can give."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterator
from typing import TYPE_CHECKING, Any

import orjson
from attrs import define, field, frozen
from starlette.datastructures import FormData

from openai_async.emulator import error_responses
from openai_async.emulator.azure_paths import Addressed
from openai_async.emulator.error_responses import Headers
from openai_async.emulator.known_fields import KnownFields, check_fields

if TYPE_CHECKING:
    from openai_async.emulator.request_log import Entry

__all__ = ["Answer", "Call", "Download", "EventStream", "Handler", "Reply"]


@frozen
class Answer:
    """A whole reply; `after` is how many seconds from now it is ready.

    `background` is work that the request has started: it is done once the reply is sent or its client gone, and
    is cancelled when the server stops.
    """

    body: bytes
    status: int = 200
    content_type: bytes = b"application/json"
    headers: Headers = ()
    after: float = 0.0
    background: Callable[[], Awaitable[None]] | None = None


@frozen
class EventStream:
    """A reply in server-sent events: each is the seconds from now at which it is due, and its bytes."""

    events: Iterator[tuple[float, bytes]]


@frozen
class Download:
    """A reply that is sent in pieces, none of them empty; `size` is what they come to, in bytes."""

    pieces: Iterator[bytes]
    size: int
    content_type: bytes = b"application/octet-stream"
    headers: Headers = ()


Reply = Answer | Download | EventStream
Handler = Callable[["Call"], Reply]


@define
class Call:
    """What a handler sees of a request, and its `entry` in the ledger, which the handler completes.

    `address`: how it came by Azure's addresses; None for the API's own. `known`: the fields that its body may have;
    None if any.
    """

    entry: Entry
    headers: dict[bytes, bytes]
    path_params: dict[str, str] = field(factory=dict[str, str])
    query: dict[str, str] = field(factory=dict[str, str])
    body: bytes = b""
    form: FormData | None = None
    limit_headers: list[tuple[bytes, bytes]] = field(factory=list[tuple[bytes, bytes]])
    address: Addressed | None = None
    known: KnownFields | None = None

    def json(self) -> dict[str, Any]:
        """Read the body as a JSON object; raises the API's 400 when it is not one, or has fields that nobody knows."""
        try:
            found = orjson.loads(self.body)
        except orjson.JSONDecodeError:
            raise error_responses.not_json() from None
        if not isinstance(found, dict):
            raise error_responses.not_json()
        if self.known is not None:
            check_fields(found, self.known)  # pyright: ignore[reportUnknownArgumentType]
        return found  # pyright: ignore[reportUnknownVariableType]

    def use_model(self, name: str) -> None:
        """Make a model the one that is asked for, whatever the body says."""
        if self.form is not None:
            pairs = [(key, value) for key, value in self.form.multi_items() if key != "model"]
            self.form = FormData([*pairs, ("model", name)])
        else:
            self.body = orjson.dumps({**self.json(), "model": name})
