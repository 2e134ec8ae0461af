"""What comes back: the `Response` or the `Failure` of one attempt, and the `Answer` of a call."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from typing import Any, TypeAlias

import attrs

from openai_async._pipeline.request import Request
from openai_async._transport.exchange import Exchange
from openai_async.errors import APIError
from openai_async.types._rate_limit_headers import read
from openai_async.types.meta import Meta, RateLimits, ReplyHeaders
from openai_async.types.settings import Secret
from openai_async.types.usage import CompletionUsage, ReplyUsage

#: Books the usage of a stream, None if it is not known, and returns its US dollars. Raises nothing.
Bill: TypeAlias = Callable[[Callable[[], ReplyUsage | None]], float | None]


@attrs.define
class Response:
    """The response to one attempt: a decoded value, or an exchange whose header section has arrived."""

    status: int
    headers: ReplyHeaders
    #: Epoch seconds.
    received: float
    #: Loop time at which the attempt got its permit.
    began: float
    value: Any = None
    #: What the server counted for the value, if it says.
    usage: CompletionUsage | None = None
    exchange: Exchange | None = None
    #: The key that it was made with, to be masked in errors.
    secrets: Sequence[Secret] = ()
    #: Ends the permit of a stream or download. Called once, however it ends.
    release: Callable[..., None] | None = None

    @property
    def rate_limits(self) -> RateLimits:
        """What its headers say of the rate limits."""
        return read(self.headers.fields(), self.received)


@attrs.define
class Failure:
    """An attempt that ended with an error."""

    error: APIError
    #: Loop time at which the attempt got its permit, or began to wait if it never got one.
    began: float
    #: Seconds for which the limiter holds the call back; None if it does not.
    held: float | None = None
    #: Seconds that it waited for a server that fails every call.
    outage_wait: float = 0.0
    #: The key cannot be used, and another one is left.
    another_key: bool = False


@attrs.define
class Answer:
    """What a call brought, complete: a value with its `meta`, or a body that is still to be read."""

    meta: Meta
    value: Any = None
    usage: CompletionUsage | None = None
    exchange: Exchange | None = None
    #: Ends the permit of a stream or download. Called once, however it ends.
    release: Callable[..., None] | None = None
    #: Books the usage of a stream that has ended.
    bill: Bill | None = None
    #: Keys to be masked in errors that the body may hold.
    secrets: Sequence[Secret] = attrs.field(default=(), repr=False)


Handler: TypeAlias = Callable[[Request], Awaitable[Answer]]
#: Puts itself around the layers below.
Layer: TypeAlias = Callable[[Handler], Handler]
