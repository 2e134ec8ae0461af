"""What is known of one call while it runs. The retry layer makes it and is the only one that writes it."""

from __future__ import annotations

from collections.abc import Callable

import attrs

from openai_async.types.attempt import Attempt


@attrs.define
class CallState:
    """The state of one call. The layers below read it and answer with values."""

    #: The clock of the loop that the call runs on.
    now: Callable[[], float]
    #: Loop time at which it began.
    began: float
    attempts: list[Attempt] = attrs.field(factory=list[Attempt])
    #: Attempts after the first one, without those that only found that a key cannot be used.
    retries: int = 0
    #: Keys that were refused since the last retry.
    keys_refused: int = 0
    #: Seconds that the call has waited for a server that fails every call.
    outage_wait: float = 0.0
