"""The emulator's state: accepted keys, quotas and limits, the stores, and the request log.

One `Emulator` is one service. Several servers may run it, and it may be used and changed from any thread. It keeps
digests of keys, never keys. It has no clock of its own: rate limits follow its argument `clock`.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Collection, Generator, Iterable, Mapping
from contextlib import contextmanager
from hashlib import blake2b
from typing import TYPE_CHECKING

from openai_async.emulator import azure_paths, error_responses
from openai_async.emulator.app import application
from openai_async.emulator.assistants.store import ThreadStore
from openai_async.emulator.batches.store import BatchLimits, BatchStore
from openai_async.emulator.catalog import CATALOG, Catalog, Model
from openai_async.emulator.chat_store import ChatStore
from openai_async.emulator.conditions import Faults, Latency
from openai_async.emulator.error_responses import ErrorResponse
from openai_async.emulator.files.store import FileStore
from openai_async.emulator.files.upload_store import UploadStore
from openai_async.emulator.fine_tuning.store import Tuning
from openai_async.emulator.guard import checked_host
from openai_async.emulator.rate_limits import Allowance, RateLimits
from openai_async.emulator.request_log import Entry, Ledger, Stats
from openai_async.emulator.responses.store import ConversationStore, ResponseStore
from openai_async.emulator.serving import Serving, serve
from openai_async.emulator.vector_stores.store import VectorStores

if TYPE_CHECKING:
    from starlette.applications import Starlette

    from openai_async.emulator.call import Call

__all__ = ["Emulator"]


class Emulator:
    """A service that speaks the OpenAI API.

    `models`: the models that it serves. `any_model`: serve every other name, too (`None`: unless `models` are given).
    `keys`: the accepted keys. `None` accepts any key that is not empty.

    `refuse_unknown`: unknown fields of a body get the API's 400; else they are ignored. May be changed while it runs.

    `limits`: rate limits of each key for each model, one for all models or by model alias. Without, there is no limit
    and no `x-ratelimit-*` header. `latency`, `faults`: its speed, and the failures to inject. Both may be changed while
    it runs.

    `batch_delay`: seconds that each row of a batch takes. May be changed while it runs. Rows use no rate limits and
    ignore `latency`. `batch_limits`: the limits of the Batch API. `tuning_step`: seconds that each event of a
    fine-tuning job takes. May be changed while it runs, for later jobs.

    `organization`: named in headers and messages. `max_body`: most bytes of a request. `max_upload`: most bytes of a
    request that uploads a file. `history`: how many entries the request log keeps. `on_request`: called with each entry
    when its request has ended. `clock`: seconds that never step back, for rate limits and the request log.
    """

    def __init__(
        self,
        *,
        models: Iterable[Model] = CATALOG,
        any_model: bool | None = None,
        refuse_unknown: bool = True,
        keys: Iterable[str] | None = None,
        limits: RateLimits | Mapping[str, RateLimits] | None = None,
        latency: Latency | None = None,
        faults: Faults | None = None,
        batch_delay: float = 0.0,
        batch_limits: BatchLimits | None = None,
        tuning_step: float = 0.05,
        organization: str = "org-emulated",
        max_body: int = 64 * 1024 * 1024,
        max_upload: int = 512_000_000,
        history: int = 1_000_000,
        on_request: Callable[[Entry], object] | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.latency: Latency = latency or Latency()
        self.faults: Faults = faults or Faults()
        self.refuse_unknown = refuse_unknown
        self.batch_delay = batch_delay
        self.batch_limits: BatchLimits = batch_limits or BatchLimits()
        self.organization = organization
        self.max_body = max_body
        self.max_upload = max_upload
        self.clock = clock
        self.ledger: Ledger = Ledger(history, on_request)
        self.files: FileStore = FileStore(clock)
        self.tuning: Tuning = Tuning(clock, self.files)
        self.tuning_step = tuning_step
        self.catalog: Catalog = Catalog(
            models, any_model=models is CATALOG if any_model is None else any_model, tuned=self.tuning.models
        )
        self.batches: BatchStore = BatchStore()
        self.chats: ChatStore = ChatStore()
        self.responses: ResponseStore = ResponseStore()
        self.conversations: ConversationStore = ConversationStore(clock)
        self.uploads: UploadStore = UploadStore(clock)
        self.threads: ThreadStore = ThreadStore()
        self.vector_stores: VectorStores = VectorStores()
        self._keys = None if keys is None else frozenset(map(_digest, keys))
        self._limits = limits
        self._allowances: dict[tuple[str, str], Allowance] = {}
        self._drained: dict[str, str] = {}
        self._lock = threading.Lock()
        self._servers = 0
        self.app: Starlette = application(self)

    @property
    def stats(self) -> Stats:
        """The running totals of the request log."""
        return self.ledger.stats

    @contextmanager
    def run(
        self,
        *,
        host: str = "127.0.0.1",
        port: int = 0,
        hosts: Collection[str] | None = (),
        head_timeout: float = 30.0,
    ) -> Generator[Serving, None, None]:
        """Serve on `host` and `port` (0: a free one) until the block ends, in a thread with its own event loop.

        `hosts`: names, besides loopback names and `host`, that requests may have in their `Host` header; `None` accepts
        any. `head_timeout`: seconds after which a connection is closed that has not sent the headers of its request.

        Works the same under asyncio, trio and no event loop. At the end, every open connection is closed and every
        running batch is cancelled. When the last server ends, everything stored is deleted. Raises `OSError` if the
        port is in use.
        """
        with self._lock:
            self._servers += 1
        try:
            app = self.app if hosts is None else checked_host(self.app, host, hosts)
            with serve(app, host, port, head_timeout=head_timeout) as serving:
                yield serving
        finally:
            with self._lock:
                self._servers -= 1
                last = self._servers == 0
            if last:
                self.files.clear()
                self.batches.clear()
                self.chats.clear()
                self.tuning.clear()
                self.responses.clear()
                self.conversations.clear()
                self.uploads.clear()
                self.threads.clear()
                self.vector_stores.clear()

    def drain(self, key: str, code: str = "insufficient_quota") -> None:
        """Exhaust the quota of `key`: until `refill`, it gets 429 with type `insufficient_quota` and `code`."""
        self._drained[_digest(key)] = code

    def refill(self, key: str) -> None:
        """Restore the quota of `key`. Has no effect if it was not drained."""
        self._drained.pop(_digest(key), None)

    # -- what endpoints ask ----------------------------------------------------------------------------------

    def identify(self, call: Call) -> None:
        """Identify the caller by its key. Raises the API's 401 if the key is missing or unknown."""
        entry, headers = call.entry, call.headers
        entry.client_request_id = _text(headers.get(b"x-client-request-id"))
        entry.idempotency_key = _text(headers.get(b"idempotency-key"))
        of_azure = call.address is not None
        scheme, _, key = headers.get(b"authorization", b"").decode("latin-1").partition(" ")
        key = key.strip() if scheme.lower() == "bearer" else ""
        if of_azure:
            key = headers.get(b"api-key", b"").decode("latin-1").strip() or key
        if not key:
            raise azure_paths.key_missing() if of_azure else error_responses.key_missing()
        entry.key = _digest(key)
        if self._keys is not None and entry.key not in self._keys:
            raise azure_paths.key_unknown() if of_azure else error_responses.key_unknown(key)

    def deploy(self, call: Call, deployment: str) -> None:
        """Use a deployment of Azure as the model of a request. Raises Azure's 404 if there is none."""
        try:
            self.catalog.find(deployment)
        except ErrorResponse:
            raise azure_paths.unknown_deployment() from None
        call.use_model(deployment)

    def inject(self, call: Call, *, carried_out: bool = False) -> None:
        """Raise the injected fault of this call, if there is one: before it is carried out, or after that."""
        faults, entry = self.faults, call.entry
        if faults.carried_out is not carried_out or not faults.concerns(f"{entry.method} {entry.path}"):
            return
        if (status := faults.status(entry.sequence)) is not None:
            raise error_responses.fault(status)

    def admit(self, call: Call, model: str, tokens: int) -> None:
        """Charge the call `tokens` against its key's quota and limits for `model`, or raise the API's 429.

        In both cases the call's `limit_headers` give the state of its limits. A row of a batch needs a quota, but has
        no rate limit.
        """
        key = call.entry.key or ""
        if (code := self._drained.get(key)) is not None:
            raise error_responses.quota_exhausted(code)
        limits = self._limits.get(model) if isinstance(self._limits, Mapping) else self._limits
        if limits is None or call.entry.batch_id is not None:
            return
        now = self.clock()
        with self._lock:
            allowance = self._allowances.get((key, model))
            if allowance is None:
                allowance = self._allowances[key, model] = Allowance(limits, now)
            refusal = allowance.admit(now, tokens)
            call.limit_headers = allowance.headers(now)
        if refusal is not None:
            raise error_responses.rate_limited(model, self.organization, refusal)
        call.entry.charged = tokens


def _digest(key: str) -> str:
    return blake2b(key.encode(), digest_size=8).hexdigest()


def _text(value: bytes | None) -> str | None:
    return None if value is None else value.decode("latin-1")
