"""The stations in their order, and what all calls of a client share."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cached_property
from importlib import import_module
from typing import Any, Final

import anyio
import attrs

from openai_async._limits.accounting import try_accounting
from openai_async._limits.limiter import Limiter
from openai_async._pipeline.admission import Admission
from openai_async._pipeline.answer import Answer, Handler, Layer
from openai_async._pipeline.billing import Billing
from openai_async._pipeline.credentials import KeyRing, NoKeys
from openai_async._pipeline.events import Hooks
from openai_async._pipeline.outages import Outages
from openai_async._pipeline.request import Request
from openai_async._pipeline.retry import Retry
from openai_async._pipeline.send import Send
from openai_async._pipeline.service import OPENAI, Service
from openai_async._pipeline.stated_stream import StatedStream
from openai_async._pipeline.stream_options import StreamOptions
from openai_async._policy.prices import load as load_prices
from openai_async._transport.exchange import Transport
from openai_async.types._uncopied import Uncopied
from openai_async.types.meta import Meta
from openai_async.types.settings import Timeout

#: Bytes of a body from another host.
LARGEST_ELSEWHERE: Final = 256 << 20


@attrs.frozen
class Defaults:
    """What a call takes from its client where it says nothing itself."""

    timeout: Timeout
    #: Seconds for a whole call, or None.
    deadline: float | None
    max_retries: int
    query: Mapping[str, Any] = attrs.field(repr=False)
    #: Bound on one event of a stream, in bytes.
    max_event_bytes: int


class Pipeline(Uncopied):
    """Carries calls. One per client; holds no state of a single call."""

    def __init__(
        self,
        *,
        transport: Transport,
        limiter: Limiter,
        defaults: Defaults,
        base_url: str,
        keys: KeyRing,
        billing: Billing,
        max_response_bytes: int,
        service: Service = OPENAI,
        admin: tuple[KeyRing, Limiter] | None = None,
        layers: Sequence[Layer] = (),
        hooks: Hooks = (),
    ) -> None:
        self.service = service
        self.base_url = base_url
        self.defaults = defaults
        self.limiter = limiter
        self.transport = transport
        self.billing = billing
        self.stream_options: StreamOptions = StreamOptions()
        self._loaded = False
        self.outages: Outages = Outages()
        #: What requests for whole replies have to say of `stream`.
        self.stated_stream: StatedStream = StatedStream()
        send = Send(transport, base_url, max_response_bytes, self.stated_stream.streamed)
        #: Carries the calls of `client.admin`: with a key, and so with limits, of their own if there is one.
        self.admin: Pipeline = self
        if admin is not None:
            self.admin = Pipeline(
                transport=transport,
                limiter=admin[1],
                defaults=defaults,
                base_url=base_url,
                keys=admin[0],
                billing=billing,
                max_response_bytes=max_response_bytes,
                service=service,
                layers=layers,
                hooks=hooks,
            )
        attempt = Admission(limiter, keys, self.outages, send, hooks)
        core = Retry(attempt, self.outages, billing, self.stated_stream, hooks)
        self._handler: Handler = composed(layers, core)

    async def fetch(self, request: Request) -> Any:
        """Carry a request to its decoded reply, with its `meta`. Cancelling drops the connection."""
        if not self._loaded:
            self._load()
        answer = await self._handler(request)
        value = answer.value
        value.meta = answer.meta  # the one write to a reply: what decoded it did not know what came beside it
        return value

    async def fetch_bytes(self, request: Request) -> tuple[bytes, Meta]:
        """Carry a request whose `decode` is `bytes` to its body as it came, and what came beside it.

        Cancelling drops the connection.
        """
        self._load()
        answer = await self._handler(request)
        return answer.value, answer.meta

    async def fetch_elsewhere(self, request: Request) -> tuple[bytes, Meta]:
        """Carry a request whose `path` is a whole URL to its body: without the key, prices or limits of the API.

        Its `scope` is the origin of the URL. Cancelling drops the connection.
        """
        answer = await self._elsewhere(request)
        return answer.value, answer.meta

    @cached_property
    def _elsewhere(self) -> Handler:
        send = Send(self.transport, "", LARGEST_ELSEWHERE)
        return Retry(Admission(self.limiter, NoKeys(), self.outages, send), self.outages)

    async def open(self, request: Request) -> Answer:
        """Carry a request for a stream or a download to the header section of its response.

        Cancelling drops the connection.
        """
        self._load()
        return await self._handler(request)

    def _load(self) -> None:
        """Load what the path of an answer needs, before the first request: an answer must not wait, or fail, for it.

        A program may have no descriptor left when an answer arrives, or may be frozen without the data of the package.
        """
        if not self._loaded:
            self._loaded = True
            anyio.get_cancelled_exc_class()  # has anyio import what it needs of the running loop
            try_accounting("the table of prices", load_prices)
            try_accounting("the dates of headers", import_module, "email.utils")  # slow to load, and rarely needed
            try_accounting("the usage of replies", import_module, "openai_async._wire.usage")
            try_accounting("streams that nobody asked for", import_module, "openai_async._wire.unexpected_stream")


def composed(layers: Sequence[Layer], core: Handler) -> Handler:
    """Put layers around the core, the first one outermost. Without layers no call has a frame more."""
    handler = core
    for layer in reversed(layers):
        handler = layer(handler)
    return handler
