"""OpenAI's published document as the tests read it: operations, parameters, bodies and replies by method name.

The data is what `strip.py` wrote. References are followed and `allOf` is merged here, so that whoever draws values
meets only the types of JSON and `anyOf`.
"""

from __future__ import annotations

import functools
import json
import lzma
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Final, TypeAlias

import attrs
import jsonschema
from referencing import Registry
from referencing.jsonschema import DRAFT202012

Schema: TypeAlias = Mapping[str, Any]

HERE: Final = Path(__file__).parent
#: Verb, path and dotted name of every method, as the official SDK of September 2026 names them.
OPERATIONS: Final = [
    (*request.split(" ", 1), name.removeprefix("client."))
    for request, _, name in (
        line.partition(" | ")
        for line in (HERE.parent / "unit" / "data" / "operations.txt").read_text("utf-8").splitlines()
    )
]
#: A schema of no other words than these is a reference.
_MERGED: Final = ("$ref", "allOf")


@functools.cache
def document() -> dict[str, Any]:
    """The whole of it, read once."""
    return json.loads(lzma.decompress((HERE / "openapi.json.xz").read_bytes()))


@attrs.frozen
class Published:
    """An operation as the document has it.

    Attributes:
        name: dotted, of the method.
        verb: of HTTP.
        path: its template, with a fixed query if it has one.
        stated: the operation itself.
    """

    name: str
    verb: str
    path: str
    stated: Mapping[str, Any] = attrs.field(repr=False, eq=False)

    def parameters(self, place: str) -> dict[str, Schema]:
        """Schemas of the parameters in "path", "query" or "header", by their names in the document."""
        return {part["name"]: part["schema"] for part in self.stated.get("parameters", ()) if part["in"] == place}

    def required(self, place: str) -> set[str]:
        """Names of the parameters there that may not be missing."""
        return {
            part["name"] for part in self.stated.get("parameters", ()) if part["in"] == place and part.get("required")
        }

    @property
    def bodies(self) -> Mapping[str, Mapping[str, Any]]:
        """What the body may be, by media type."""
        return self.stated.get("requestBody", {}).get("content", {})

    @property
    def body(self) -> Schema | None:
        """The schema of the body that a method sends: a form where there may be one, or else JSON."""
        for kind in ("multipart/form-data", "application/json"):
            if kind in self.bodies:
                return self.bodies[kind].get("schema", {})
        return None

    @property
    def replies(self) -> dict[str, Schema]:
        """What a reply may be, by media type."""
        found: dict[str, Schema] = {}
        for reply in self.stated["responses"].values():
            found |= {kind: media.get("schema", {}) for kind, media in reply["content"].items()}
        return found


@functools.cache
def published() -> dict[str, Published]:
    """Operations that have both a method and a place in the document, by the method's name."""
    paths = document()["paths"]
    found: dict[str, Published] = {}
    for verb, path, name in OPERATIONS:
        stated = paths.get(path, {}).get(verb) or paths.get(path.partition("?")[0], {}).get(verb)
        if stated is not None:
            found[name] = Published(name, verb, path, stated)
    return found


def operations() -> Iterator[tuple[str, str]]:
    """Verb and path of every operation of the document."""
    for path, item in document()["paths"].items():
        for verb in item:
            yield verb, path


# ---- schemas


def flat(schema: Schema) -> Schema:
    """The schema without references and `allOf` at its top."""
    if not isinstance(schema, Mapping):
        return {}
    if "$ref" in schema and len(schema) == 1:
        return _named(schema["$ref"])
    if any(word in schema for word in _MERGED):
        parts = [_named(schema["$ref"])] if "$ref" in schema else []
        parts += [flat(part) for part in schema.get("allOf", ())]
        parts.append({word: value for word, value in schema.items() if word not in _MERGED})
        return functools.reduce(_both, parts)
    return schema


@functools.cache
def _named(reference: str) -> Schema:
    return flat(document()["components"]["schemas"][reference.rpartition("/")[2]])


def _both(one: Schema, other: Schema) -> Schema:
    """One schema of two that must both hold."""
    merged = {**one, **other}
    if "properties" in one and "properties" in other:
        merged["properties"] = dict(one["properties"])
        for name, schema in other["properties"].items():
            stated = one["properties"].get(name)
            merged["properties"][name] = schema if stated in (None, schema) else {"allOf": [stated, schema]}
    if "required" in one and "required" in other:
        merged["required"] = sorted({*one["required"], *other["required"]})
    if "enum" in one and "enum" in other:
        merged["enum"] = [value for value in one["enum"] if value in other["enum"]]
    if "type" in one and "type" in other:
        both = [kind for kind in types_of(one) if kind in types_of(other)]
        merged["type"] = both if len(both) != 1 else both[0]
    if "anyOf" in one and "anyOf" in other:  # every pair of alternatives
        pairs = [flat({"allOf": [left, right]}) for left in one["anyOf"] for right in other["anyOf"]]
        merged["anyOf"] = [pair for pair in pairs if pair.get("type") != []]
    return merged


def types_of(schema: Schema) -> list[str]:
    """The types of JSON that a flat schema states; none if it states none."""
    kind = schema.get("type")
    if kind is None:
        return ["object"] if "properties" in schema else ["array"] if "items" in schema else []
    return [kind] if isinstance(kind, str) else list(kind)


def alternatives(schema: Schema) -> Iterator[Schema]:
    """What the schema may be, each flat and without `anyOf`."""
    schema = flat(schema)
    rest = {word: value for word, value in schema.items() if word != "anyOf"}
    for part in schema.get("anyOf", ()):
        yield from alternatives({"allOf": [rest, part]} if rest else part)
    if "anyOf" not in schema:
        yield schema


def properties_of(schema: Schema) -> dict[str, Schema]:
    """The properties of an object, each with what it is in any of the alternatives."""
    found: dict[str, list[Schema]] = {}
    for part in alternatives(schema):
        for name, stated in part.get("properties", {}).items():
            found.setdefault(name, []).append(stated)
    return {name: stated[0] if len(stated) == 1 else {"anyOf": stated} for name, stated in found.items()}


def items_of(schema: Schema) -> Schema:
    """What the items of a list are, in any of the alternatives."""
    found = [part["items"] for part in alternatives(schema) if "items" in part]
    return {"anyOf": found} if found else {}


def required_of(schema: Schema) -> set[str]:
    """Names of the properties that no alternative of an object may lack."""
    found = [set(part.get("required", ())) for part in alternatives(schema) if types_of(part) != ["null"]]
    return set.intersection(*found) if found else set()


@functools.cache
def _registry() -> Registry[Any]:
    return Registry().with_resource("urn:openapi", DRAFT202012.create_resource(document()))


def check(schema: Schema, value: object) -> None:
    """Raises `jsonschema.ValidationError` if the value is not what the schema says. Bytes count as a text of a form."""
    validator = jsonschema.Draft202012Validator(_absolute(schema), registry=_registry())
    for error in validator.iter_errors(_as_text(value)):
        raise error


def _as_text(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _as_text(part) for name, part in value.items()}
    if isinstance(value, list):
        return [_as_text(part) for part in value]
    return "" if isinstance(value, bytes) else value


def _absolute(schema: Any) -> Any:
    """The schema, to be read outside the document."""
    if isinstance(schema, Mapping):
        return {
            word: f"urn:openapi{value}" if word == "$ref" and isinstance(value, str) else _absolute(value)
            for word, value in schema.items()
        }
    if isinstance(schema, list):
        return [_absolute(part) for part in schema]
    return schema
