"""Base64 as servers write it: also with line ends (RFC 2045), and without padding."""

from __future__ import annotations

import base64


def decoded(text: str) -> bytes:
    """The bytes. Linear.

    Raises:
        ValueError: it is no base64, or not whole.
    """
    try:
        return base64.b64decode(text, validate=True)
    except ValueError:
        bare = "".join(text.split()).rstrip("=")
        return base64.b64decode(bare + "=" * (-len(bare) % 4), validate=True)
