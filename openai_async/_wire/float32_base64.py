"""Embeddings as base64 of little-endian 32-bit floats, on every platform. No I/O."""

from __future__ import annotations

import sys
from array import array

from openai_async.errors import DecodeError
from openai_async.types._base64 import decoded


def unpack(text: str) -> list[float]:
    """base64 -> floats. Linear: 3 million numbers take a tenth of a second.

    Raises:
        DecodeError: not base64, or not of whole floats.
    """
    numbers = array("f")
    try:
        numbers.frombytes(decoded(text))
    except ValueError:
        raise DecodeError("an embedding is not base64 of 32-bit floats") from None
    if sys.byteorder == "big":
        numbers.byteswap()
    return numbers.tolist()


def check(numbers: list[float]) -> list[float]:
    """The list itself, if it holds numbers alone.

    Raises:
        DecodeError: it holds something else.
    """
    try:
        array("d", numbers)  # looks at each without a step of the interpreter
    except TypeError:
        raise DecodeError("an embedding holds something that is not a number") from None
    return numbers
