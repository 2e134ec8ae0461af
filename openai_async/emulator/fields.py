"""Typed readers of a request's JSON. Each returns a value or refuses it in the API's own words.

A parameter that is `null` counts as absent, as it does for the API. `known_fields` refuses unknown parameters. Nothing
here depends on the endpoint.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, TypeGuard

from openai_async.emulator.error_responses import ErrorResponse, invalid

__all__ = ["Fields", "JSONObject", "is_list", "is_object", "one_of_these", "wrong_type"]

JSONObject = dict[str, Any]

_TYPES: dict[type, str] = {
    type(None): "null",
    bool: "a boolean",
    int: "an integer",
    float: "a decimal number",
    str: "a string",
    list: "an array",
    dict: "an object",
}


def is_object(value: object) -> TypeGuard[JSONObject]:
    return isinstance(value, dict)


def is_list(value: object) -> TypeGuard[list[Any]]:
    return isinstance(value, list)


def wrong_type(param: str, expected: str, value: object) -> ErrorResponse:
    got = _TYPES.get(type(value), "something else")
    return invalid(
        f"Invalid type for '{param}': expected {expected}, but got {got} instead.",
        param=param,
        code="invalid_type",
    )


def one_of_these(param: str, value: object, allowed: Sequence[str]) -> ErrorResponse:
    *most, last = (f"'{name}'" for name in allowed)
    listed = f"{', '.join(most)}, and {last}" if most else last
    return invalid(f"Invalid value: '{value}'. Supported values are: {listed}.", param=param, code="invalid_value")


class Fields:
    """The parameters of one JSON object. `at` is its path in the request, for `param` in error responses."""

    def __init__(self, values: JSONObject, at: str = "") -> None:
        self._values = values
        self._at = f"{at}." if at else ""

    def get(self, name: str) -> Any:
        """Get the raw value. `None` if absent."""
        return self._values.get(name)

    def param(self, name: str) -> str:
        """Get the path of a parameter in the request."""
        return self._at + name

    def required(self, name: str) -> Any:
        """Get the raw value, which must be present."""
        value = self._values.get(name)
        if value is None:
            param = self.param(name)
            raise invalid(f"Missing required parameter: '{param}'.", param=param, code="missing_required_parameter")
        return value

    def text(self, name: str) -> str | None:
        value = self._values.get(name)
        if value is not None and not isinstance(value, str):
            raise wrong_type(self.param(name), "a string", value)
        return value

    def required_text(self, name: str) -> str:
        """Get a text, which must be present."""
        self.required(name)
        return self.text(name) or ""

    def flag(self, name: str) -> bool:
        value = self._values.get(name)
        if value is not None and not isinstance(value, bool):
            raise wrong_type(self.param(name), "a boolean", value)
        return bool(value)

    def integer(self, name: str, low: int | None = None, high: int | None = None) -> int | None:
        value = self._values.get(name)
        if value is None:
            return None
        if not isinstance(value, int) or isinstance(value, bool):
            raise wrong_type(self.param(name), "an integer", value)
        self._bounded("integer", name, value, low, high)
        return value

    def number(self, name: str, low: float | None = None, high: float | None = None) -> float | None:
        value = self._values.get(name)
        if value is None:
            return None
        if not isinstance(value, int | float) or isinstance(value, bool):
            raise wrong_type(self.param(name), "a decimal number", value)
        self._bounded("decimal", name, value, low, high)
        return value

    def _bounded(self, kind: str, name: str, value: float, low: float | None, high: float | None) -> None:
        if high is not None and value > high:
            side, bound = "above maximum", f"<= {high}"
        elif low is not None and value < low:
            side, bound = "below minimum", f">= {low}"
        else:
            return
        raise invalid(
            f"Invalid '{self.param(name)}': {kind} {side} value. Expected a value {bound}, but got {value} instead.",
            param=self.param(name),
            code=f"{kind}_{side.replace(' ', '_').replace('minimum', 'min').replace('maximum', 'max')}_value",
        )

    def array(self, name: str, most: int | None = None) -> list[Any] | None:
        value = self._values.get(name)
        if value is None:
            return None
        if not is_list(value):
            raise wrong_type(self.param(name), "an array", value)
        if most is not None and len(value) > most:
            raise invalid(
                f"Invalid '{self.param(name)}': array too long. Expected an array with maximum length "
                f"{most}, but got an array with length {len(value)} instead.",
                param=self.param(name),
                code="array_above_max_length",
            )
        return value

    def fields(self, name: str) -> Fields | None:
        """Read a parameter that is itself an object."""
        value = self._values.get(name)
        if value is None:
            return None
        if not is_object(value):
            raise wrong_type(self.param(name), "an object", value)
        return Fields(value, self.param(name))

    def mapping(self, name: str) -> JSONObject | None:
        """Get a parameter that is an object, unchanged."""
        inner = self.fields(name)
        return None if inner is None else inner._values

    def choice(self, name: str, allowed: Sequence[str]) -> str | None:
        value = self.text(name)
        if value is not None and value not in allowed:
            raise one_of_these(self.param(name), value, allowed)
        return value
