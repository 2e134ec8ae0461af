"""What hooks are told of a call."""

from __future__ import annotations

from typing import Literal, TypeAlias

import attrs

from openai_async.types._plain import Record
from openai_async.types.attempt import Attempt

#: - request_begun: a call begins;
#: - waiting: it waits for a limit, for a slot, or for a server that fails every call;
#: - attempt_ended: an attempt has ended, with an answer or an error;
#: - stream_ended: a stream or download is over, however it ended;
#: - call_ended: the call is over, and nothing follows.
EventKind: TypeAlias = Literal["request_begun", "waiting", "attempt_ended", "stream_ended", "call_ended"]


@attrs.frozen(kw_only=True)
class CallEvent(Record):
    """One event in the life of a call. It never holds a key, a prompt or a reply.

    Attributes:
        kind: what happened.
        model: the model that the request names.
        scope: the rate-limit scope: endpoint and model.
        waited: seconds that the call has waited so far, for its turn and between attempts.
        attempts: the attempts so far, the last one last.
        status: the HTTP status of the last response; None if there was none.
        tokens: the tokens that the server counted; None before they are known.
        cost: US dollars; None if they are not known.
        error: the class name of the error that ended the attempt or the call; None without one.
        phase: where in the exchange the error came: "connect", "send", "response" or "body"; None elsewhere.
    """

    kind: EventKind
    model: str | None
    scope: str
    waited: float = 0.0
    attempts: tuple[Attempt, ...] = ()
    status: int | None = None
    tokens: int | None = None
    cost: float | None = None
    error: str | None = None
    phase: str | None = None
