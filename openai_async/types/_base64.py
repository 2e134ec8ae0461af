"""Base64 decoding as servers need it: with line breaks (RFC 2045), and without padding."""

from __future__ import annotations

import base64


def decoded(text: str) -> bytes:
    """Decode base64. Linear time.

    Raises:
        ValueError: it is not base64, or is truncated.
    """
    try:
        return base64.b64decode(text, validate=True)
    except ValueError:
        unpadded = "".join(text.split()).rstrip("=")
        return base64.b64decode(unpadded + "=" * (-len(unpadded) % 4), validate=True)
