"""The protocol between the endpoints and the emulator: its settings, its stores, and its checks of a call.

`server.Emulator` implements it. The other modules import this protocol alone, so that each can be read without the
server.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from starlette.applications import Starlette

    from openai_async.emulator.assistants.store import ThreadStore
    from openai_async.emulator.batches.store import BatchLimits, BatchStore
    from openai_async.emulator.call import Call
    from openai_async.emulator.catalog import Catalog
    from openai_async.emulator.chat_store import ChatStore
    from openai_async.emulator.conditions import Latency
    from openai_async.emulator.files.store import FileStore
    from openai_async.emulator.files.upload_store import UploadStore
    from openai_async.emulator.fine_tuning.store import Tuning
    from openai_async.emulator.request_log import Ledger
    from openai_async.emulator.responses.store import ConversationStore, ResponseStore
    from openai_async.emulator.vector_stores.store import VectorStores

__all__ = ["Backend"]


class Backend(Protocol):
    """A service that speaks the OpenAI API. Its settings are those of `Emulator`, and may change while it runs."""

    refuse_unknown: bool
    batch_delay: float
    batch_limits: BatchLimits
    latency: Latency
    max_body: int
    max_upload: int
    organization: str
    tuning_step: float
    #: Seconds that never step back.
    clock: Callable[[], float]

    app: Starlette
    ledger: Ledger

    batches: BatchStore
    catalog: Catalog
    chats: ChatStore
    conversations: ConversationStore
    files: FileStore
    responses: ResponseStore
    threads: ThreadStore
    tuning: Tuning
    uploads: UploadStore
    vector_stores: VectorStores

    def identify(self, call: Call) -> None:
        """Identify the caller by its key. Raises the API's 401 if the key is missing or unknown."""
        ...

    def deploy(self, call: Call, deployment: str) -> None:
        """Use a deployment of Azure as the model of a request. Raises Azure's 404 if there is none."""
        ...

    def inject(self, call: Call, *, carried_out: bool = False) -> None:
        """Raise the injected fault of this call, if there is one: before it is carried out, or after that."""
        ...

    def admit(self, call: Call, model: str, tokens: int) -> None:
        """Charge the call `tokens` against its key's quota and limits for `model`, or raise the API's 429.

        In both cases the call's `limit_headers` give the state of its limits. A row of a batch needs a quota, but has
        no rate limit.
        """
        ...
