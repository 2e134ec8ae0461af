"""What a call sends, and how: one value, built by `resources` and carried unchanged through every layer."""

from __future__ import annotations

from collections.abc import Callable, Collection
from typing import TYPE_CHECKING, Any, Final, TypeAlias

import attrs

from openai_async._limits.queue import Priority
from openai_async._policy.estimates import RequestSize
from openai_async._transport.request_body import Body
from openai_async.types.settings import Timeout

if TYPE_CHECKING:
    from attrs import frozen as value
else:
    # A frozen class with slots costs 2 % of a typed call, because each field goes through `object.__setattr__`.
    from attrs import define as value

#: Ends of the paths of work that is charged by tokens.
_PAID: Final = (
    *("/completions", "/responses", "/responses/compact", "/embeddings"),
    *("/images/generations", "/images/edits", "/images/variations"),
    *("/audio/speech", "/audio/transcriptions", "/audio/translations"),
)
Headers: TypeAlias = list[tuple[bytes, bytes]]


@value
class Request:
    """One request. Nobody assigns to a field: a changed request is a copy, made with `attrs.evolve`.

    Type checkers see a frozen class, and an architecture test refuses assignments that they cannot see.
    The repr shows the method and the path, because the rest may hold the prompt.
    """

    method: str
    #: Rendered path below the base URL, with its query (which the repr leaves out: some servers take a key there).
    path: str = attrs.field(repr=lambda path: repr(path.partition("?")[0]))
    decode: Callable[[bytes], Any] = attrs.field(repr=False)
    timeout: Timeout = attrs.field(repr=False)
    max_retries: int = attrs.field(repr=False)
    #: Loop time at which the whole call must have ended, also when it is made of several requests; None for no bound.
    deadline: float | None = attrs.field(default=None, repr=False)
    body: bytes | Body = attrs.field(default=b"", repr=False)
    #: Headers of this request; they replace the client's of the same name.
    headers: Headers = attrs.field(factory=list[tuple[bytes, bytes]], repr=False)
    #: The reply comes in server-sent events.
    stream: bool = attrs.field(default=False, repr=False)
    #: Replies that a stream is to have.
    choices: int = attrs.field(default=1, repr=False)
    #: The body is handed on as it arrives, whatever it is.
    download: bool = attrs.field(default=False, repr=False)
    #: Media types that are refused as a reply, unless the response says that it is a file.
    rejected_media_types: Collection[str] = attrs.field(default=(), repr=False)
    #: Sending it twice does no harm beyond its price.
    repeatable: bool = attrs.field(default=False, repr=False)
    #: Sending it twice would create two things at the server.
    makes: bool = attrs.field(default=False, repr=False)
    #: The model that it names.
    model: str | None = attrs.field(default=None, repr=False)
    #: The rate-limit scope: endpoint and model.
    scope: str = attrs.field(default="", repr=False)
    #: Its size as the limiter counts it.
    size: RequestSize = attrs.field(default=RequestSize(0, 0), repr=False)
    priority: Priority = attrs.field(default="default", repr=False)
    #: The map or batch that it belongs to: jobs of one priority take turns.
    job: object = attrs.field(default=None, repr=False)
    #: Called when an attempt holds its permit, just before it is sent; what it raises ends the call.
    on_send: Callable[[], None] | None = attrs.field(default=None, repr=False)

    @property
    def is_paid(self) -> bool:
        """Whether it asks for work that servers charge by tokens. A GET reads what was paid for before."""
        return self.method == "POST" and self.scope.partition(" ")[0].endswith(_PAID)

    @property
    def shown_path(self) -> str:
        """The path without its query, which may hold a key."""
        return self.path.partition("?")[0]
