"""What endpoints and resources ask of the emulator: its settings, its stores, and leave to answer a call.

`server.Emulator` is one. The other modules know this protocol alone, so that each can be read, and changed, without it.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from starlette.applications import Starlette

    from openai_async.emulator.assistants.store import ThreadStore
    from openai_async.emulator.batches.store import BatchLimits, BatchStore
    from openai_async.emulator.call import Call
    from openai_async.emulator.catalogue import Catalogue
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
    """A service that speaks the OpenAI API. Settings are those of `Emulator`, and may change while it runs."""

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
    catalogue: Catalogue
    chats: ChatStore
    conversations: ConversationStore
    files: FileStore
    responses: ResponseStore
    threads: ThreadStore
    tuning: Tuning
    uploads: UploadStore
    vector_stores: VectorStores

    def identify(self, call: Call) -> None:
        """Find out whose call it is; raises the API's 401 for a key that is missing or unknown."""
        ...

    def deploy(self, call: Call, deployment: str) -> None:
        """Make a deployment of Azure the model of a request; raises Azure's 404 when there is none."""
        ...

    def inject(self, call: Call, *, carried_out: bool = False) -> None:
        """Raise the fault that is due for this call, if one is: before it is carried out, or after that."""
        ...

    def admit(self, call: Call, model: str, tokens: int) -> None:
        """Charge the call `tokens` against its key's quota and limits for `model`, or raise the API's 429.

        Either way the call's `limit_headers` say how its limits stand. A row of a batch needs a quota, and is
        subject to no rate limit.
        """
        ...
