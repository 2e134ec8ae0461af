"""`client.webhooks`: webhook endpoints, and verification of the calls that the API sends to your server."""

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
    """Webhook endpoints and verification (https://platform.openai.com/docs/guides/webhooks).

    `unwrap` and `verify_signature` send nothing. `openai_async.webhooks` has both for use without a client.
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
        """Verify a webhook call and return its event. The signature must be at most five minutes old.

        Args:
            payload: the raw body as received, not parsed.
            headers: headers of the request; names in any case.
            secret: secret of the webhook. None for the client's `webhook_secret`, or OPENAI_WEBHOOK_SECRET.

        Raises:
            InvalidWebhookSignatureError: the signature is missing, wrong, or outside the tolerance.
            DecodeError: the signature is valid, but the body is not an event.
            ConfigurationError: the secret is missing or not base64.
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
        """Verify the signature of a webhook call. It may be `tolerance` seconds old, or ahead.

        Args:
            payload: the raw body as received, not parsed.
            headers: headers of the request; names in any case.
            secret: secret of the webhook. None for the client's `webhook_secret`, or OPENAI_WEBHOOK_SECRET.
            tolerance: seconds that the signature may be old, or ahead.

        Raises:
            InvalidWebhookSignatureError: the signature is missing, wrong, or outside the tolerance.
            ConfigurationError: the secret is missing or not base64.
        """
        secret = self._secret if secret is None else webhooks.held(secret)
        webhooks.verify_signature(payload, headers, secret=secret, tolerance=tolerance)
