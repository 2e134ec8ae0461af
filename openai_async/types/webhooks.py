"""Webhook events: one class for all kinds, by `type`."""

from __future__ import annotations

import attrs

from openai_async.types._base import Value
from openai_async.types.api_object import APIObject


@attrs.define(repr=False)
class WebhookEvent(Value):
    """A webhook event: `type` is, for example, "response.completed" or "batch.failed".

    Attributes:
        id: ID of the event; the same when it is delivered again.
        created_at: epoch seconds of the event.
        data: the object of the event; for most types only its `data.id`, with which to retrieve it.
    """

    type: str
    id: str = ""
    created_at: float | None = None
    data: APIObject = attrs.field(factory=APIObject)
    object: str = "event"
