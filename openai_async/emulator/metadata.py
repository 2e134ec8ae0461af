"""Metadata and attributes: the pairs that clients attach to objects of the API.

At most 16 pairs, with names of at most 64 characters and texts of at most 512. Metadata values are texts. Attributes
may also be numbers and booleans.
"""

from __future__ import annotations

from openai_async.emulator.error_responses import ErrorResponse, invalid
from openai_async.emulator.fields import Fields, JSONObject, wrong_type

__all__ = ["read_attributes", "read_metadata"]

_PAIRS, _NAME, _VALUE = 16, 64, 512


def read_metadata(fields: Fields, name: str = "metadata") -> JSONObject | None:
    """Read pairs of texts, or refuse them as the API does."""
    return _pairs(fields, name, (str,), "a string")


def read_attributes(fields: Fields, name: str = "attributes") -> JSONObject | None:
    """Read pairs of texts, numbers and booleans, or refuse them as the API does."""
    return _pairs(fields, name, (str, int, float, bool), "one of a string, number or boolean")


def _pairs(fields: Fields, name: str, types: tuple[type, ...], expected: str) -> JSONObject | None:
    pairs, at = fields.mapping(name), fields.param(name)
    if pairs is None:
        return None
    if len(pairs) > _PAIRS:
        raise _too_long(at, "an object", "properties", _PAIRS, len(pairs))
    for key, value in pairs.items():
        if len(key) > _NAME:
            raise _too_long(at, "keys", "length", _NAME, len(key))
        if not isinstance(value, types):
            raise wrong_type(f"{at}.{key}", expected, value)
        if isinstance(value, str) and len(value) > _VALUE:
            raise _too_long(f"{at}.{key}", "a string", "length", _VALUE, len(value))
    return pairs


def _too_long(param: str, what: str, unit: str, most: int, got: int) -> ErrorResponse:
    code = "object_above_max_properties" if unit == "properties" else "string_above_max_length"
    message = f"Invalid '{param}': expected {what} with at most {most} {unit}, but got {got} instead."
    return invalid(message, param=param, code=code)
