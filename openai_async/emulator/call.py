"""A request as its handler sees it, and the replies that a handler can return."""

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
    """A complete reply. `after` is the number of seconds from now until it is ready.

    `background` is work that the request has started. It runs when the reply is sent or the client has disconnected,
    and is cancelled when the server stops.
    """

    body: bytes
    status: int = 200
    content_type: bytes = b"application/json"
    headers: Headers = ()
    after: float = 0.0
    background: Callable[[], Awaitable[None]] | None = None


@frozen
class EventStream:
    """A reply of server-sent events: for each, the seconds from now at which it is due, and its bytes."""

    events: Iterator[tuple[float, bytes]]


@frozen
class Download:
    """A reply sent in pieces, none of them empty. `size` is their sum, in bytes."""

    pieces: Iterator[bytes]
    size: int
    content_type: bytes = b"application/octet-stream"
    headers: Headers = ()


Reply = Answer | Download | EventStream
Handler = Callable[["Call"], Reply]


@define
class Call:
    """A request as its handler sees it, and its `entry` in the request log, which the handler completes.

    `address`: the Azure path; None for a path of OpenAI's own API. `known`: the fields that the body may have; None if
    any.
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
        """Read the body as a JSON object. Raises the API's 400 if it is none, or has unknown fields."""
        try:
            body = orjson.loads(self.body)
        except orjson.JSONDecodeError:
            raise error_responses.not_json() from None
        if not isinstance(body, dict):
            raise error_responses.not_json()
        if self.known is not None:
            check_fields(body, self.known)  # pyright: ignore[reportUnknownArgumentType]
        return body  # pyright: ignore[reportUnknownVariableType]

    def use_model(self, name: str) -> None:
        """Replace the model of the body by this one."""
        if self.form is not None:
            pairs = [(key, value) for key, value in self.form.multi_items() if key != "model"]
            self.form = FormData([*pairs, ("model", name)])
        else:
            self.body = orjson.dumps({**self.json(), "model": name})
