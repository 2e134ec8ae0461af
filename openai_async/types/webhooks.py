"""What the API sends to a webhook: one class for every kind of event, told apart by `type`."""

from __future__ import annotations

import attrs

from openai_async.types._base import Value
from openai_async.types.api_object import APIObject


@attrs.define(repr=False)
class WebhookEvent(Value):
    """Something that has happened, such as "response.completed" or "batch.failed" (`type`).

    Attributes:
        id: of the event: the same when it is delivered again.
        created_at: epoch seconds at which it happened.
        data: what it is about; for most types its `data.id`, to be asked for by it.
    """

    type: str
    id: str = ""
    created_at: float | None = None
    data: APIObject = attrs.field(factory=APIObject)
    object: str = "event"
