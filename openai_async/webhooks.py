"""Verify webhook calls, without a client and without a network.

    event = unwrap(await request.body(), request.headers, secret="whsec_...")

The scheme is Standard Webhooks: an HMAC-SHA256 over ID, time and body, as "v1,BASE64" in a header that may hold
several, so that secrets can be rotated. Signatures are compared in constant time. Old and future times are refused to
prevent replays. Within the tolerance a call may arrive twice, with the same ID. No error and no traceback frame holds
the secret.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import os
import re
import time
from collections.abc import Iterable, Mapping
from typing import Any, Final, TypeAlias

from openai_async.errors import ConfigurationError, InvalidParameterError, InvalidWebhookSignatureError, frameless
from openai_async.types.settings import Secret
from openai_async.types.webhooks import WebhookEvent

#: Header fields of any framework: a mapping in any case, or pairs as ASGI has them.
WebhookHeaders: TypeAlias = Mapping[str, str] | Mapping[bytes, bytes] | Iterable[tuple[bytes, bytes]]

_ID: Final = "webhook-id"
_TIME: Final = "webhook-timestamp"
_SIGNATURES: Final = "webhook-signature"
_SECONDS: Final = re.compile(r"[0-9]{1,12}\Z", re.ASCII)
_VERSION: Final = "v1,"
_BASE64: Final = "whsec_"
#: Where a server is told its secret.
VARIABLE: Final = "OPENAI_WEBHOOK_SECRET"


def unwrap(payload: bytes | str, headers: WebhookHeaders, *, secret: str | Secret | None = None) -> WebhookEvent:
    """Verify a webhook call and return its event. The signature must be at most five minutes old.

    Args:
        payload: the raw body as received, not parsed.
        headers: headers of the request; names in any case.
        secret: secret of the webhook, such as "whsec_...". None for OPENAI_WEBHOOK_SECRET.

    Raises:
        InvalidWebhookSignatureError: the signature is missing, wrong, or outside the tolerance.
        DecodeError: the signature is valid, but the body is not an event.
        ConfigurationError: the secret is missing or not base64.
    """
    secret = None if secret is None else held(secret)
    verify_signature(payload, headers, secret=secret)
    from openai_async._wire import codec

    return codec.decode(WebhookEvent, _bytes(payload))


def verify_signature(
    payload: bytes | str,
    headers: WebhookHeaders,
    *,
    secret: str | Secret | None = None,
    tolerance: float = 300,
) -> None:
    """Verify the signature of a webhook call. It may be `tolerance` seconds old, or ahead (clocks differ).

    Args:
        payload: the raw body as received, not parsed.
        headers: headers of the request; names in any case.
        secret: secret of the webhook, such as "whsec_...". None for OPENAI_WEBHOOK_SECRET.
        tolerance: seconds that the signature may be old, or ahead.

    Raises:
        InvalidWebhookSignatureError: the signature is missing, wrong, or outside the tolerance.
        InvalidParameterError: the tolerance, the headers or the payload is invalid.
        ConfigurationError: the secret is missing or not base64.
    """
    secret = None if secret is None else held(secret)
    try:
        if not tolerance >= 0:  # also refuses nan, for which no call would be too old
            raise InvalidParameterError("tolerance", "must be a number of seconds, 0 or more")
        key = signing_key("secret", secret)
        problem = _problem(_bytes(payload), _lowered(headers), key, tolerance)
    except (ConfigurationError, InvalidParameterError) as error:
        del secret  # it must not stand in a traceback that is shown with local variables
        key = b""
        raise frameless(error) from None
    del secret, key
    if problem is not None:
        raise InvalidWebhookSignatureError(problem)


def signing_key(field: str, secret: Secret | None) -> bytes:
    """The bytes of the signing key.

    Raises:
        ConfigurationError: the secret is missing; names `field`, or the variable.
    """
    if secret is None:
        field = VARIABLE
        if not (text := os.environ.get(VARIABLE, "")):
            raise ConfigurationError("webhook_secret", f"no secret given: pass secret=... or set {VARIABLE}")
    else:
        text = secret.reveal()
    try:
        # Without validation a damaged secret would be one of fewer bytes, or of none.
        key = base64.b64decode(text.removeprefix(_BASE64), validate=True) if text.startswith(_BASE64) else text.encode()
    except (binascii.Error, ValueError):
        raise ConfigurationError(field, "is not base64 after whsec_") from None
    if not key:
        raise ConfigurationError(field, "must be a string that is not empty")
    return key


def _problem(payload: bytes, headers: Mapping[str, str], key: bytes, tolerance: float) -> str | None:
    """What is wrong with a call; None if it is valid."""
    for name in (_ID, _TIME, _SIGNATURES):
        if not headers.get(name):
            return f"the header {name} is missing"
    sent_at = headers[_TIME]
    if not _SECONDS.match(sent_at):
        return f"the header {_TIME} is no time in epoch seconds"
    age = time.time() - int(sent_at)
    if age > tolerance:
        return f"the call was signed more than {tolerance:g} s ago"
    if age < -tolerance:
        return f"the call was signed more than {tolerance:g} s in the future"
    try:
        signed = f"{headers[_ID]}.{sent_at}.".encode() + payload
    except UnicodeEncodeError:
        return f"the header {_ID} is no text"
    expected = base64.b64encode(hmac.digest(key, signed, hashlib.sha256))
    signatures = [part.removeprefix(_VERSION) for part in headers[_SIGNATURES].split() if part.startswith(_VERSION)]
    # All of them are compared, so that the time it takes tells nothing.
    matches = [hmac.compare_digest(expected, each.encode("utf-8", "replace")) for each in signatures]
    return None if any(matches) else "no signature of the call is one of this secret and this payload"


def _lowered(headers: Any) -> dict[str, str]:
    """The header fields by lowercase name; the first value of a repeated field."""
    pairs = headers.items() if hasattr(headers, "items") else headers
    lowered: dict[str, str] = {}
    try:
        for name, value in pairs:
            lowered.setdefault(_text(name).lower(), _text(value))
    except (TypeError, ValueError):
        raise InvalidParameterError("headers", "must be a mapping of names to values, or pairs of them") from None
    return lowered


def _text(value: object) -> str:
    return value.decode("latin-1") if isinstance(value, bytes) else str(value)


def _bytes(payload: object) -> bytes:
    if isinstance(payload, str):
        return payload.encode("utf-8", "surrogatepass")  # half a pair is nobody's text, and no signature fits it
    if isinstance(payload, (bytes, bytearray, memoryview)):
        return bytes(payload)  # pyright: ignore[reportUnknownArgumentType]
    raise InvalidParameterError("payload", "must be the body as it was received, in bytes or text")


def held(secret: object) -> Secret:
    """The secret as a `Secret`. A value that is not a string becomes an empty one, because an error raised here would
    show it.
    """
    return secret if isinstance(secret, Secret) else Secret(secret if isinstance(secret, str) else "")
