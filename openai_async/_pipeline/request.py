"""The value that travels: a call on its way down, an answer on its way up."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Collection
from typing import Any, Final, TypeAlias

import attrs

from openai_async import _concurrency
from openai_async._limits.queue import Priority
from openai_async._policy.estimates import RequestSize
from openai_async._transport.exchange import Exchange
from openai_async._transport.request_body import Body
from openai_async.types.attempt import Attempt
from openai_async.types.meta import Meta
from openai_async.types.settings import Secret, Timeout
from openai_async.types.usage import CompletionUsage, ReplyUsage

#: Ends of the paths of work that is charged by tokens.
_PAID: Final = (
    *("/completions", "/responses", "/responses/compact", "/embeddings"),
    *("/images/generations", "/images/edits", "/images/variations"),
    *("/audio/speech", "/audio/transcriptions", "/audio/translations"),
)
Headers: TypeAlias = list[tuple[bytes, bytes]]


@attrs.frozen
class Credentials:
    """Who an attempt is made for. The repr shows nothing."""

    secret: Secret
    headers: Headers = attrs.field(repr=False)


@attrs.define
class Request:
    """One call. A resource fills it in; `credentials` and `attempts` are added on the way.

    The repr shows the method and the path: the rest may hold the key or the prompt.
    """

    method: str
    #: Rendered path below the base URL, with its query (which the repr leaves out: some servers take a key there).
    path: str = attrs.field(repr=lambda path: repr(path.partition("?")[0]))
    decode: Callable[[bytes], Any] = attrs.field(repr=False)
    timeout: Timeout = attrs.field(repr=False)
    max_retries: int = attrs.field(repr=False)
    #: Loop time at which the whole call must have ended; None for no bound.
    deadline: float | None = attrs.field(default=None, repr=False)
    body: bytes | Body = attrs.field(default=b"", repr=False)
    #: Headers of this call; they replace the client's of the same name.
    headers: Headers = attrs.field(factory=list[tuple[bytes, bytes]], repr=False)
    stream: bool = attrs.field(default=False, repr=False)
    #: Replies that a stream is to have.
    choices: int = attrs.field(default=1, repr=False)
    #: The body is handed up as it arrives, whatever it is.
    download: bool = attrs.field(default=False, repr=False)
    #: Media types that the body cannot be of, unless the answer says that it is a file.
    rejected_media_types: Collection[str] = attrs.field(default=(), repr=False)
    #: Sending it twice does no harm beyond its price.
    repeatable: bool = attrs.field(default=False, repr=False)
    #: Sending it twice would double what it makes at the server.
    makes: bool = attrs.field(default=False, repr=False)
    #: The model that it asks for.
    model: str | None = attrs.field(default=None, repr=False)
    #: What shares a rate limit (endpoint and model), and how large the request is for it.
    scope: str = attrs.field(default="", repr=False)
    size: RequestSize = attrs.field(default=RequestSize(0, 0), repr=False)
    #: Its place in line: see `_line`.
    priority: Priority = attrs.field(default="default", repr=False)
    job: object = attrs.field(default=None, repr=False)
    #: Seconds for which the limiter holds the call back after a refusal; None if it does not.
    held: float | None = attrs.field(default=None, repr=False)
    #: Seconds for which it has waited for a server that was out of order.
    waited: float = attrs.field(default=0.0, repr=False)
    #: Attempts after the first one, without those that only found out that a key is of no use.
    retries: int = attrs.field(default=0, repr=False)
    #: Called when an attempt holds its permit, just before it is sent; what it raises ends the call.
    on_send: Callable[[], None] | None = attrs.field(default=None, repr=False)
    credentials: Credentials | None = attrs.field(default=None, repr=False)
    #: The clock of the loop that the call runs on.
    now: Callable[[], float] = attrs.field(default=_concurrency.now, repr=False)
    #: Loop time at which the attempt under way got its permit.
    began: float = attrs.field(default=0.0, repr=False)
    attempts: list[Attempt] = attrs.field(factory=list[Attempt], repr=False)

    @property
    def is_paid(self) -> bool:
        """Whether it asks for work that servers charge by tokens. What is read again was paid for when it was made."""
        return self.method == "POST" and self.scope.partition(" ")[0].endswith(_PAID)


#: From what tells the usage of a stream, None if it is not known, to US dollars. Raises nothing.
Bill: TypeAlias = Callable[[Callable[[], ReplyUsage | None]], float | None]


@attrs.define
class Answer:
    """What came back: a decoded value, or a stream whose head has arrived."""

    meta: Meta
    value: Any = None
    #: What the server counted for the value, if it says.
    usage: CompletionUsage | None = None
    exchange: Exchange | None = None
    #: Called once when the stream is over, however it ends.
    release: Callable[..., None] | None = None
    #: Books the usage of a stream that has ended.
    bill: Bill | None = None


Handler: TypeAlias = Callable[[Request], Awaitable[Answer]]
