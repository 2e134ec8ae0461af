"""The known fields of request bodies. The API refuses any other field by name.

The table, `known_fields.txt`, is taken from OpenAI's published document: one line for each object of a body with known
fields. It goes one level deep, and into arrays. Objects with arbitrary fields have no line.
"""

from __future__ import annotations

import functools
import re
from collections.abc import Iterator, Mapping
from importlib import resources
from typing import Any

from openai_async.emulator.error_responses import invalid
from openai_async.emulator.fields import JSONObject, is_list, is_object

__all__ = ["KnownFields", "check_fields", "known_fields"]

#: The names in each object of a body, by where it stands: "" the body, "tools[]" every object of that array.
KnownFields = Mapping[str, frozenset[str]]


def known_fields(path: str) -> KnownFields | None:
    """Get the known fields of a route's body, such as "/v1/threads/{id}". None if it may have any."""
    return _table().get(_template(path.removeprefix("/v1")))


def check_fields(body: JSONObject, known: KnownFields) -> None:
    """Raise the API's 400 for an unknown field."""
    for location, names in known.items():
        for at, value in _objects(body, location):
            for name in value:
                if name not in names:
                    param = f"{at}.{name}" if at else name
                    raise invalid(f"Unknown parameter: '{param}'.", param=param, code="unknown_parameter")


def _objects(body: JSONObject, location: str) -> Iterator[tuple[str, JSONObject]]:
    name = location.removesuffix("[]")
    value: Any = body.get(name) if name else body
    if location == name:
        values = [(name, value)]
    else:
        values = [(f"{name}[{index}]", item) for index, item in enumerate(value)] if is_list(value) else []
    return ((at, item) for at, item in values if is_object(item))


def _template(path: str) -> str:
    return re.sub(r"{[^}]*}", "{}", path)


@functools.cache
def _table() -> dict[str, dict[str, frozenset[str]]]:
    table: dict[str, dict[str, frozenset[str]]] = {}
    for line in resources.files("openai_async.emulator").joinpath("known_fields.txt").read_text("utf-8").splitlines():
        if line.startswith("#"):
            continue
        path, location, *names = line.split(" ")
        table.setdefault(path, {})[location.removeprefix(".")] = frozenset(names)
    return table
