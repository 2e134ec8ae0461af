"""`AsyncClient`: configuration and wiring."""

from __future__ import annotations

from collections.abc import AsyncIterable, Awaitable, Callable, Iterable, Mapping, Sequence
from functools import cached_property
from types import TracebackType
from typing import TYPE_CHECKING, Any, Literal, Self, TypeVar

from openai_async import _config
from openai_async._client_resources import GenericResources
from openai_async._limits.levels import Reason
from openai_async._limits.queue import Priority
from openai_async._pipeline.billing import Billing
from openai_async._pipeline.pipeline import Pipeline
from openai_async._pipeline.service import OPENAI, Service
from openai_async._policy.prices import PriceLike
from openai_async._policy.totals import CostTotals
from openai_async.errors import ConfigurationError, frameless
from openai_async.types._base import Reply
from openai_async.types.call_event import CallEvent
from openai_async.types.limits import RateLimit
from openai_async.types.settings import Timeout

R = TypeVar("R", bound=Reply)

if TYPE_CHECKING:
    from openai_async._map.calls import AsyncMap
    from openai_async.batch.api import AsyncBatch
    from openai_async.resources._raw_requests import AsyncRead, AsyncWrite
    from openai_async.resources.audio import AsyncAudio
    from openai_async.resources.batches import AsyncBatches
    from openai_async.resources.beta import AsyncBeta
    from openai_async.resources.chat import AsyncChat
    from openai_async.resources.completions import AsyncTextCompletions
    from openai_async.resources.conversations import AsyncConversations
    from openai_async.resources.embeddings import AsyncEmbeddings
    from openai_async.resources.files import AsyncFiles
    from openai_async.resources.fine_tunes import AsyncFineTunes
    from openai_async.resources.fine_tuning import AsyncFineTuning
    from openai_async.resources.images import AsyncImages
    from openai_async.resources.models import AsyncModels
    from openai_async.resources.moderations import AsyncModerations
    from openai_async.resources.responses import AsyncResponses
    from openai_async.resources.uploads import AsyncUploads
    from openai_async.resources.vector_stores import AsyncVectorStores
    from openai_async.resources.webhooks import AsyncWebhooks
    from openai_async.types.progress import Progress


class AsyncClient(GenericResources):
    """The asynchronous client for the OpenAI API and compatible servers, on asyncio and trio.

    Use it as a context manager, or call `aclose()`. One client serves any number of tasks, and several event loops.
    Connections are opened on first use and belong to the loop that opened them. Call options override client settings,
    which override the environment, which overrides defaults.

    Args:
        api_key: None or "ENV" for OPENAI_API_KEY; a string; a list of strings, used in turn for each attempt; or a sync
            or async callable, called before each attempt. Servers without keys accept any string.
        organization: sent as OpenAI-Organization; a list is used in turn. None for OPENAI_ORG_ID, if set.
        project: sent as OpenAI-Project. None for OPENAI_PROJECT_ID, if set.
        base_url: https URL up to and including the version. None for OPENAI_BASE_URL, then https://api.openai.com/v1.
            Plain http is accepted for this machine.
        timeout: timeout of one attempt in seconds, or a `Timeout` with one per phase.
        deadline: seconds for a complete call, including waiting, retries and reading; None for no bound.
        max_retries: most attempts after the first one, 0 or more. Only errors that a retry can cure safely are retried.
        rate_limit: the account's limits: a `RateLimit`; a mapping of one per model (prefixes of names, "*" for the
            rest); a number a second; or "auto" to learn them from responses. None for no limit. Calls wait in order;
            every attempt and every stream counts. Each key has its own limits.
        max_concurrency: most attempts and open streams at a time; further ones wait in order. None for no bound.
        max_waiting: most calls that wait for a limit or a slot; the next one is refused with QueueFullError. Calls of
            maps and batches are neither counted nor refused. None for no bound.
        prices: US dollars per million tokens by model, as (input, output), (input, cached, output) or a `Price`. They
            override the built-in table.
        default_headers, default_query: sent with every request.
        proxy: URL of a proxy, or one per scheme ("http", "https", "all").
        trust_env: also use HTTP_PROXY, HTTPS_PROXY, ALL_PROXY and NO_PROXY of the environment.
        allow_http: accept a plain http base_url on other machines, although others can then read key and prompts.
        http_client, transport: an httpx.AsyncClient or httpx.AsyncBaseTransport (or httpx2's) to send with. The caller
            closes it. `transport="httpx"` always uses httpx (by default only under trio and for proxies).
        max_response_bytes, max_event_bytes: bounds on a decoded body, and on one event of a stream.
        webhook_secret: the secret with which `webhooks` verifies signatures. None for OPENAI_WEBHOOK_SECRET.
        admin_api_key: key for `client.admin` only. None for OPENAI_ADMIN_KEY, then `api_key`.
        hooks: called with a `CallEvent` when a call begins, waits and ends, and after each attempt; they must not wait.

    Raises:
        ConfigurationError: names the argument or variable that cannot be used; never shows a key.
    """

    #: How the server differs from the API's own: what a subclass is about.
    _service: Service = OPENAI

    def __init__(
        self,
        *,
        api_key: str | Sequence[str] | Callable[[], str | Awaitable[str]] | None = None,
        organization: str | Sequence[str] | None = None,
        project: str | None = None,
        base_url: str | None = None,
        timeout: float | Timeout | None = Timeout(),  # noqa: B008 (frozen)
        deadline: float | None = None,
        max_retries: int = 2,
        rate_limit: RateLimit | Mapping[str, RateLimit] | float | Literal["auto"] | None = "auto",
        max_concurrency: int | None = 1_000,
        max_waiting: int | None = None,
        prices: Mapping[str, PriceLike] | None = None,
        default_headers: Mapping[str, str] | None = None,
        default_query: Mapping[str, object] | None = None,
        proxy: str | Mapping[str, str] | None = None,
        trust_env: bool = True,
        allow_http: bool = False,
        http_client: Any = None,
        transport: Any = None,
        max_response_bytes: int = 1 << 30,
        max_event_bytes: int = 128 << 20,
        webhook_secret: str | None = None,
        admin_api_key: str | None = None,
        hooks: Sequence[Callable[[CallEvent], None]] = (),
    ) -> None:
        try:
            self.base_url: str = _config.base_url(base_url, allow_http=allow_http)
            self.max_retries: int = _config.retries(max_retries)
            keys, admin = _config.key_rings(
                api_key, admin_api_key, organization, project, default_headers, self._service
            )
            self._pipeline = Pipeline(
                transport=_config.transport(http_client, transport, proxy, base_url=self.base_url, trust_env=trust_env),
                limiter=_config.limiter(max_concurrency, rate_limit, len(keys), self._service, max_waiting),
                defaults=_config.defaults(timeout, deadline, self.max_retries, default_query, max_event_bytes),
                base_url=self.base_url,
                keys=keys,
                admin=None if admin is None else (admin, _config.limiter(max_concurrency, rate_limit and "auto", 1)),
                billing=Billing(prices),
                max_response_bytes=_config.positive("max_response_bytes", max_response_bytes),
                service=self._service,
                hooks=tuple(hooks),
            )
            self._webhook_secret = _config.webhook_secret(webhook_secret)
        except ConfigurationError as error:
            # What may hold a key must not stand in a traceback that is shown with local variables.
            del api_key, admin_api_key, base_url, default_headers, default_query, webhook_secret
            del proxy, http_client, transport
            raise frameless(error) from None

    @cached_property
    def audio(self) -> AsyncAudio:
        """Speech, transcription and translation endpoints."""
        from openai_async.resources.audio import AsyncAudio

        return AsyncAudio(self._pipeline)

    @cached_property
    def beta(self) -> AsyncBeta:
        """Beta endpoints, including assistants and threads."""
        from openai_async.resources.beta import AsyncBeta

        return AsyncBeta(self._pipeline)

    @cached_property
    def chat(self) -> AsyncChat:
        """Chat completion endpoints."""
        from openai_async.resources.chat import AsyncChat

        return AsyncChat(self._pipeline)

    @cached_property
    def batch(self) -> AsyncBatch:
        """Run files of requests into files of results; a killed run can be resumed."""
        from openai_async.batch.api import AsyncBatch

        return AsyncBatch(self._pipeline)

    @cached_property
    def responses(self) -> AsyncResponses:
        """Response endpoints: complete, streamed, or in the background."""
        from openai_async.resources.responses import AsyncResponses

        return AsyncResponses(self._pipeline)

    @cached_property
    def conversations(self) -> AsyncConversations:
        """Conversation endpoints. The server keeps a conversation's items from response to response."""
        from openai_async.resources.conversations import AsyncConversations

        return AsyncConversations(self._pipeline)

    @cached_property
    def images(self) -> AsyncImages:
        """Image generation and editing endpoints."""
        from openai_async.resources.images import AsyncImages

        return AsyncImages(self._pipeline)

    @cached_property
    def completions(self) -> AsyncTextCompletions:
        """Text completion endpoints (legacy)."""
        from openai_async.resources.completions import AsyncTextCompletions

        return AsyncTextCompletions(self._pipeline)

    @cached_property
    def embeddings(self) -> AsyncEmbeddings:
        """Embedding endpoints."""
        from openai_async.resources.embeddings import AsyncEmbeddings

        return AsyncEmbeddings(self._pipeline)

    @cached_property
    def fine_tunes(self) -> AsyncFineTunes:
        """Endpoints of the first fine-tuning API, for servers that still have it."""
        from openai_async.resources.fine_tunes import AsyncFineTunes

        return AsyncFineTunes(self._pipeline)

    @cached_property
    def fine_tuning(self) -> AsyncFineTuning:
        """Fine-tuning endpoints: jobs, checkpoints and graders."""
        from openai_async.resources.fine_tuning import AsyncFineTuning

        return AsyncFineTuning(self._pipeline)

    @cached_property
    def moderations(self) -> AsyncModerations:
        """Moderation endpoints, which classify harmful content."""
        from openai_async.resources.moderations import AsyncModerations

        return AsyncModerations(self._pipeline)

    @cached_property
    def models(self) -> AsyncModels:
        """Model endpoints."""
        from openai_async.resources.models import AsyncModels

        return AsyncModels(self._pipeline)

    @cached_property
    def vector_stores(self) -> AsyncVectorStores:
        """Vector store endpoints: searchable stores of files."""
        from openai_async.resources.vector_stores import AsyncVectorStores

        return AsyncVectorStores(self._pipeline)

    @cached_property
    def webhooks(self) -> AsyncWebhooks:
        """Webhook endpoints and verification."""
        from openai_async.resources.webhooks import AsyncWebhooks

        return AsyncWebhooks(self._pipeline, self._webhook_secret)

    @cached_property
    def batches(self) -> AsyncBatches:
        """The endpoints of the Batch API."""
        from openai_async.resources.batches import AsyncBatches

        return AsyncBatches(self._pipeline)

    @cached_property
    def files(self) -> AsyncFiles:
        """File endpoints."""
        from openai_async.resources.files import AsyncFiles

        return AsyncFiles(self._pipeline)

    @cached_property
    def uploads(self) -> AsyncUploads:
        """Multipart upload endpoints."""
        from openai_async.resources.uploads import AsyncUploads

        return AsyncUploads(self._pipeline)

    @cached_property
    def get(self) -> AsyncRead:
        """Send GET to any path below the base URL."""
        from openai_async.resources._raw_requests import AsyncRead

        return AsyncRead(self._pipeline, "GET")

    @cached_property
    def post(self) -> AsyncWrite:
        """Send POST to any path below the base URL."""
        from openai_async.resources._raw_requests import AsyncWrite

        return AsyncWrite(self._pipeline, "POST")

    @cached_property
    def put(self) -> AsyncWrite:
        """Send PUT to any path below the base URL."""
        from openai_async.resources._raw_requests import AsyncWrite

        return AsyncWrite(self._pipeline, "PUT")

    @cached_property
    def patch(self) -> AsyncWrite:
        """Send PATCH to any path below the base URL."""
        from openai_async.resources._raw_requests import AsyncWrite

        return AsyncWrite(self._pipeline, "PATCH")

    @cached_property
    def delete(self) -> AsyncRead:
        """Send DELETE to any path below the base URL."""
        from openai_async.resources._raw_requests import AsyncRead

        return AsyncRead(self._pipeline, "DELETE")

    def map(
        self,
        method: Callable[..., Awaitable[R]],
        requests: Iterable[Mapping[str, Any]] | AsyncIterable[Mapping[str, Any]],
        *,
        ordered: bool = True,
        max_in_flight: int | None = None,
        priority: Priority = "default",
        max_total_tokens: int | None = None,
        max_cost: float | None = None,
        give_up_after: int | None = 20,
        total: int | None = None,
        on_progress: Callable[[Progress], None] | None = None,
        **shared: Any,
    ) -> AsyncMap[R]:
        """Make many calls of one method at once: `client.map(client.chat.completions.create, requests)`.

        Args:
            method: an asynchronous method of this client.
            requests: a mapping of arguments for each call. They are read as there is room, so a huge or endless source
                needs no more memory than the calls in flight.
            ordered: yield results in the order of the requests (True), or as they finish (False).
            max_in_flight: most calls of this map at a time; by default the client's `max_concurrency`, at most 1,000.
            priority: "interactive" goes before "default", and "default" before "batch", which still gets every tenth
                turn. Maps of equal priority alternate.
            max_total_tokens, max_cost: start no further call once so many tokens, or US dollars, are spent. Calls in
                flight count as the mean; unanswered attempts count by estimate. `stopped` of the map names the bound.
            give_up_after: raise `MapHaltedError` if this many first calls all fail with the same lasting error, such as
                a wrong key. Until one call succeeds, no more than these are in flight. None never gives up.
            total: the number of requests, for the progress of a source without a length, such as a generator.
            on_progress: called with a `Progress` after each call, and every second while no call ends, such as
                `show_progress()`. An exception from it ends the map.
            shared: arguments of every call, such as `model=`. Those of a request override them.

        Returns an asynchronous iterator of `Result`. The error of a single call is a value. A failing source and
        cancelling end the map and its calls in flight. To leave early, use the map as a context manager.
        """
        from openai_async._map.calls import map_calls
        from openai_async.resources._argument_names import check_shared

        check_shared(shared)
        return map_calls(
            self._pipeline.limiter,
            method,
            requests,
            shared,
            ordered=ordered,
            max_in_flight=max_in_flight,
            priority=priority,
            max_total_tokens=max_total_tokens,
            max_cost=max_cost,
            give_up_after=give_up_after,
            total=total,
            on_progress=on_progress,
        )

    @property
    def waiting_for(self) -> Mapping[Reason, int]:
        """The number of waiting calls by reason: "requests", "tokens", "retry-after", "slot" or "limits" (unknown)."""
        return self._pipeline.limiter.waiting_for()

    @property
    def costs(self) -> CostTotals:
        """Calls, tokens and US dollars so far, in total and per model."""
        return self._pipeline.billing.totals

    @property
    def keys_set_aside(self) -> frozenset[int]:
        """The indices of keys that are not used because their account has no credit."""
        return self._pipeline.limiter.drained

    def enable_keys(self) -> None:
        """Use all keys again, after their accounts were topped up."""
        self._pipeline.limiter.enable()

    async def aclose(self) -> None:
        """Close the connections of the running event loop. Open streams are interrupted.

        The client can be used again; it opens new connections. The caller's `http_client` or `transport` stays open.
        Cancelling ends the wait; connections still close.
        """
        await self._pipeline.transport.aclose()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.aclose()

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {getattr(self, 'base_url', 'not built')}>"  # a traceback may show it half built
