"""Is it the API that calls? Signatures of webhooks, checked without a client and without a network.

    event = unwrap(await request.body(), request.headers, secret="whsec_...")

The scheme is that of Standard Webhooks: an HMAC-SHA256 over id, time and body, as "v1,BASE64" in a header that may
hold several, so that a secret can be exchanged. Signatures are compared in constant time, and old or future times are
refused, so that nobody can send a call again later. (Within the tolerance a call may come twice: its id is the same.)
No error, and no frame of its traceback, holds the secret.
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
    """The event of a call that was signed with the secret not more than five minutes ago.

    Args:
        payload: the body as it was received, not as it was parsed.
        headers: those of the request, in any case.
        secret: of the webhook, such as "whsec_..."; None for OPENAI_WEBHOOK_SECRET.

    Raises:
        InvalidWebhookSignatureError: it is not signed, not with this secret, or too long ago.
        DecodeError: it is signed, and no event.
        ConfigurationError: there is no secret, or it is not base64.
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
    """Return if the call was signed with the secret, not more than `tolerance` seconds ago (or ahead: clocks differ).

    Args:
        payload: the body as it was received, not as it was parsed.
        headers: those of the request, in any case.
        secret: of the webhook, such as "whsec_..."; None for OPENAI_WEBHOOK_SECRET.
        tolerance: seconds.

    Raises:
        InvalidWebhookSignatureError: it is not signed, not with this secret, or not at this time.
        InvalidParameterError: the tolerance, the headers or the payload cannot be used.
        ConfigurationError: there is no secret, or it is not base64.
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
    """The bytes that sign.

    Raises:
        ConfigurationError: there are none; names `field`, or the variable.
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
    """What is wrong with a call; None if nothing is."""
    for name in (_ID, _TIME, _SIGNATURES):
        if not headers.get(name):
            return f"the header {name} is missing"
    stated = headers[_TIME]
    if not _SECONDS.match(stated):
        return f"the header {_TIME} is no time in epoch seconds"
    age = time.time() - int(stated)
    if age > tolerance:
        return f"the call was signed more than {tolerance:g} s ago"
    if age < -tolerance:
        return f"the call was signed more than {tolerance:g} s in the future"
    try:
        signed = f"{headers[_ID]}.{stated}.".encode() + payload
    except UnicodeEncodeError:
        return f"the header {_ID} is no text"
    expected = base64.b64encode(hmac.digest(key, signed, hashlib.sha256))
    given = [part.removeprefix(_VERSION) for part in headers[_SIGNATURES].split() if part.startswith(_VERSION)]
    # All of them are compared, so that the time it takes tells nothing.
    matches = [hmac.compare_digest(expected, each.encode("utf-8", "replace")) for each in given]
    return None if any(matches) else "no signature of the call is one of this secret and this payload"


def _lowered(headers: Any) -> dict[str, str]:
    """Header fields by their name in lower case; of a repeated one the first."""
    pairs = headers.items() if hasattr(headers, "items") else headers
    found: dict[str, str] = {}
    try:
        for name, value in pairs:
            found.setdefault(_text(name).lower(), _text(value))
    except (TypeError, ValueError):
        raise InvalidParameterError("headers", "must be a mapping of names to values, or pairs of them") from None
    return found


def _text(value: object) -> str:
    return value.decode("latin-1") if isinstance(value, bytes) else str(value)


def _bytes(payload: object) -> bytes:
    if isinstance(payload, str):
        return payload.encode("utf-8", "surrogatepass")  # half a pair is nobody's text, and no signature fits it
    if isinstance(payload, (bytes, bytearray, memoryview)):
        return bytes(payload)  # pyright: ignore[reportUnknownArgumentType]
    raise InvalidParameterError("payload", "must be the body as it was received, in bytes or text")


def held(secret: object) -> Secret:
    """A secret that no frame shows. What is none is empty: an error raised here would show it."""
    return secret if isinstance(secret, Secret) else Secret(secret if isinstance(secret, str) else "")
