"""`client.webhooks`: what the API sends to your server, checked and read; endpoints are kept by the table."""

from __future__ import annotations

from typing import TYPE_CHECKING

from openai_async import webhooks
from openai_async._pipeline.pipeline import Pipeline
from openai_async.resources._generic import CatalogResource, GenericResource
from openai_async.types.settings import Secret
from openai_async.types.webhooks import WebhookEvent
from openai_async.webhooks import WebhookHeaders

if TYPE_CHECKING:
    from openai_async.resources._generic import GenericResource, Method


class AsyncWebhooks(CatalogResource):
    """Webhooks (https://platform.openai.com/docs/guides/webhooks).

    `unwrap` and `verify_signature` send nothing, and are in `openai_async.webhooks`, too, for use without a client.
    """

    __slots__ = ("_secret",)
    _catalog_name = "webhooks"

    if TYPE_CHECKING:  # endpoints of webhooks, by the table
        create: Method
        retrieve: Method
        update: Method
        list: Method
        delete: Method
        rotate_secret: Method
        test: Method
        event_types: GenericResource

    def __init__(self, pipeline: Pipeline, secret: Secret | None) -> None:
        super().__init__(pipeline)
        self._secret = secret

    def unwrap(
        self, payload: bytes | str, headers: WebhookHeaders, *, secret: str | Secret | None = None
    ) -> WebhookEvent:
        """The event of a call that was signed with the secret not more than five minutes ago.

        Args:
            payload: the body as it was received, not as it was parsed.
            headers: those of the request, in any case.
            secret: of the webhook; None for the client's `webhook_secret`, or OPENAI_WEBHOOK_SECRET.

        Raises:
            InvalidWebhookSignatureError: it is not signed, not with this secret, or too long ago.
            DecodeError: it is signed, and no event.
            ConfigurationError: there is no secret, or it is not base64.
        """
        secret = self._secret if secret is None else webhooks.held(secret)
        return webhooks.unwrap(payload, headers, secret=secret)

    def verify_signature(
        self,
        payload: bytes | str,
        headers: WebhookHeaders,
        *,
        secret: str | Secret | None = None,
        tolerance: float = 300,
    ) -> None:
        """Return if a call was signed with the secret, not more than `tolerance` seconds ago (or ahead).

        Args:
            payload: the body as it was received, not as it was parsed.
            headers: those of the request, in any case.
            secret: of the webhook; None for the client's `webhook_secret`, or OPENAI_WEBHOOK_SECRET.
            tolerance: seconds.

        Raises:
            InvalidWebhookSignatureError: it is not signed, not with this secret, or not at this time.
            ConfigurationError: there is no secret, or it is not base64.
        """
        secret = self._secret if secret is None else webhooks.held(secret)
        webhooks.verify_signature(payload, headers, secret=secret, tolerance=tolerance)
