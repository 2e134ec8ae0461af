"""JSON written from a JSON Schema: whatever the schema, the value satisfies it."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from datetime import date, datetime, time
from ipaddress import IPv4Address, IPv6Address
from typing import Any
from uuid import UUID

import pytest
from hypothesis import given, strategies as st

from openai_async.emulator.json_schema import SchemaError, example, strict_fault

Schema = dict[str, Any]

KINDS: dict[str, type | tuple[type, ...]] = {
    "object": dict,
    "array": list,
    "string": str,
    "integer": int,
    "number": (int, float),
    "boolean": bool,
    "null": type(None),
}


def is_kind(value: Any, kind: str) -> bool:
    return isinstance(value, KINDS[kind]) and (kind not in ("integer", "number") or not isinstance(value, bool))


def satisfies(value: Any, schema: Any, root: Schema) -> bool:
    """Check what these tests use of JSON Schema."""
    if isinstance(schema, bool):
        return schema
    if "$ref" in schema:
        target: Any = root
        for step in schema["$ref"].split("/")[1:]:
            target = target[step]
        return satisfies(value, target, root)
    if value is None and schema.get("nullable"):
        return True
    kinds = schema.get("type", [])
    kinds = [kinds] if isinstance(kinds, str) else kinds
    checks = [
        not kinds or any(is_kind(value, kind) for kind in kinds),
        "const" not in schema or value == schema["const"],
        "enum" not in schema or value in schema["enum"],
        "anyOf" not in schema or any(satisfies(value, option, root) for option in schema["anyOf"]),
        all(satisfies(value, part, root) for part in schema.get("allOf", ())),
    ]
    if isinstance(value, str):
        checks += [schema.get("minLength", 0) <= len(value) <= schema.get("maxLength", 10**9)]
        checks += [re.search(schema.get("pattern", ""), value) is not None]
    elif is_kind(value, "number"):
        checks += [schema.get("minimum", value) <= value <= schema.get("maximum", value)]
        checks += ["exclusiveMinimum" not in schema or value > schema["exclusiveMinimum"]]
        checks += ["exclusiveMaximum" not in schema or value < schema["exclusiveMaximum"]]
        checks += ["multipleOf" not in schema or value % schema["multipleOf"] == 0]
    elif isinstance(value, list):
        checks += [schema.get("minItems", 0) <= len(value) <= schema.get("maxItems", 10**9)]
        checks += [all(satisfies(item, schema.get("items", True), root) for item in value)]
        checks += [not schema.get("uniqueItems") or len(set(map(json.dumps, value))) == len(value)]
    elif isinstance(value, dict):
        properties = schema.get("properties", {})
        others = schema.get("additionalProperties", True)
        checks += [name in value for name in schema.get("required", ())]
        checks += [satisfies(part, properties.get(name, others), root) for name, part in value.items()]
        checks += [len(value) >= schema.get("minProperties", 0)]
    return all(checks)


@st.composite
def strings(draw: st.DrawFn) -> Schema:
    low = draw(st.integers(0, 40))
    return {"type": "string", "minLength": low, "maxLength": low + draw(st.integers(0, 40))}


@st.composite
def integers(draw: st.DrawFn) -> Schema:
    low = draw(st.integers(-1_000, 1_000))
    high = low + draw(st.integers(4, 1_000))
    bounds = {draw(st.sampled_from(["minimum", "exclusiveMinimum"])): low}
    bounds[draw(st.sampled_from(["maximum", "exclusiveMaximum"]))] = high
    kept = draw(st.sets(st.sampled_from(sorted(bounds))))
    step: Schema = {"multipleOf": draw(st.integers(1, 2))} if draw(st.booleans()) else {}
    return {"type": "integer", **{name: bounds[name] for name in kept}, **step}


@st.composite
def numbers(draw: st.DrawFn) -> Schema:
    low = draw(st.floats(-1_000, 1_000))
    high = low + draw(st.floats(0.001, 1_000))
    bounds = {draw(st.sampled_from(["minimum", "exclusiveMinimum"])): low}
    bounds[draw(st.sampled_from(["maximum", "exclusiveMaximum"]))] = high
    kept = draw(st.sets(st.sampled_from(sorted(bounds))))
    return {"type": "number", **{name: bounds[name] for name in kept}}


leaves: st.SearchStrategy[Schema] = st.one_of(
    strings(),
    integers(),
    numbers(),
    st.sampled_from(
        [
            {"type": "boolean"},
            {"type": "null"},
            {"type": ["integer", "null"]},
            {"type": "string", "nullable": True},
            {"enum": ["red", "green", 3, None]},
            {"const": {"a": [1]}},
            {"$ref": "#/$defs/leaf"},
            {"$ref": "#/$defs/tree"},
        ]
    ),
)


def branches(inner: st.SearchStrategy[Schema]) -> st.SearchStrategy[Schema]:
    @st.composite
    def objects(draw: st.DrawFn) -> Schema:
        properties = draw(st.dictionaries(st.sampled_from("abcd"), inner))
        required = draw(st.sets(st.sampled_from(sorted(properties)))) if properties else set()
        return {"type": "object", "properties": properties, "required": sorted(required)}

    @st.composite
    def arrays(draw: st.DrawFn) -> Schema:
        low = draw(st.integers(0, 3))
        return {
            "type": "array",
            "items": draw(inner),
            "minItems": low,
            "maxItems": low + draw(st.integers(0, 3)),
        }

    return st.one_of(
        objects(),
        arrays(),
        st.lists(inner, min_size=1, max_size=3).map(lambda options: {"anyOf": options}),
        inner.map(lambda values: {"type": "object", "additionalProperties": values, "minProperties": 2}),
    )


DEFINED = {
    "leaf": {"type": "string", "minLength": 3},
    "tree": {
        "type": "object",
        "properties": {
            "name": {"$ref": "#/$defs/leaf"},
            "left": {"anyOf": [{"$ref": "#/$defs/tree"}, {"type": "null"}]},
            "children": {"type": "array", "items": {"$ref": "#/$defs/tree"}},
        },
        "required": ["name", "left", "children"],
        "additionalProperties": False,
    },
}


@given(st.recursive(leaves, branches, max_leaves=12), st.integers(0, 2**64))
def test_example_satisfies_its_schema(schema: Schema, seed: int) -> None:
    """Every example satisfies its schema, can be sent as JSON, and is the same for the same seed."""
    schema = {**schema, "$defs": DEFINED}
    value = example(schema, seed)
    assert satisfies(value, schema, schema)
    assert json.loads(json.dumps(value)) == value
    assert example(schema, seed) == value


@pytest.mark.parametrize(
    "schema",
    [
        {},
        {"properties": {"a": {"type": "integer"}}, "required": ["a", "b"]},
        {
            "allOf": [
                {"type": "object", "properties": {"a": {"const": 1}}, "required": ["a"]},
                {"required": ["b"]},
            ]
        },
        {"anyOf": [{"required": ["a"]}, {"required": ["b"]}], "type": "object", "properties": {"c": True}},
        {"type": "array", "items": {"enum": [1, 2, 3]}, "uniqueItems": True, "minItems": 3},
        {"type": "array", "prefixItems": [{"const": 1}, {"const": "a"}], "minItems": 2},
        {"type": "string", "pattern": "^[A-Z]{3}$"},
        {"type": "string", "pattern": r"^\d{5}$"},
        {"type": "string", "pattern": r"^\S+@\S+\.\w+$"},
        {"type": "number", "multipleOf": 0.5, "minimum": 0.1, "maximum": 0.9},
    ],
)
def test_further_schemas(schema: Schema) -> None:
    """Keywords in unusual company are satisfied, too."""
    for seed in range(50):
        assert satisfies(example(schema, seed), schema, schema)


@pytest.mark.parametrize(
    ("name", "read"),
    [
        ("date", date.fromisoformat),
        ("date-time", datetime.fromisoformat),
        ("time", time.fromisoformat),
        ("duration", re.compile(r"P\dDT\dH").fullmatch),
        ("email", re.compile(r"\w+@example\.com").fullmatch),
        ("hostname", re.compile(r"\w+\.example\.com").fullmatch),
        ("uri", re.compile(r"https://example\.com/\w+").fullmatch),
        ("uuid", UUID),
        ("ipv4", IPv4Address),
        ("ipv6", IPv6Address),
    ],
)
def test_formats(name: str, read: Callable[[str], object]) -> None:
    """A string with a known format can be read as what it says it is."""
    for seed in range(100):
        assert read(example({"type": "string", "format": name}, seed))


@pytest.mark.parametrize(
    ("schema", "words"),
    [
        ({"not": {}, "type": "array", "minItems": 1, "items": False}, "nothing satisfies"),
        ({"$ref": "#/$defs/none"}, "does not exist"),
        ({"$ref": "https://example.com/schema"}, "outside of the document"),
        ({"$ref": "#"}, "refers to itself"),
        ({"type": "object", "properties": {"a": {"$ref": "#"}}, "required": ["a"]}, "no finite value"),
        ({"type": "integer", "minimum": 3, "maximum": 2}, "no multiple of 1"),
        ({"type": "number", "minimum": 3, "maximum": 2}, "no number between"),
        ({"type": "array", "items": {"const": 1}, "minItems": 2, "uniqueItems": True}, "no 2 different"),
        ({"type": "string", "pattern": "("}, "not a regular expression"),
        ({"type": "string", "pattern": "^xyz-[0-9]{3}-(a|b)$"}, "knows no text of the pattern"),
        ({"type": "string", "pattern": "^[A-Z]{3}$", "minLength": 9}, "knows no text of the pattern"),
        ({"properties": []}, "'properties' has a value of the wrong type"),
        ({"anyOf": []}, "'anyOf' has a value of the wrong type"),
        ({"properties": {"a": {"minimum": "x"}}}, "'minimum' has a value of the wrong type"),
    ],
)
def test_impossible_schemas_are_refused(schema: Schema, words: str) -> None:
    """A schema that cannot be met gives an error that says why, and never hangs."""
    with pytest.raises(SchemaError, match=words):
        example(schema, 1)


CLOSED = {"type": "object", "properties": {}, "additionalProperties": False}


@pytest.mark.parametrize(
    ("schema", "words"),
    [
        ({"type": "array"}, "got 'type: 'array''"),
        ({"type": "object"}, "'additionalProperties' is required"),
        ({**CLOSED, "properties": {"a": {"type": "string"}}}, "Missing 'a'"),
        ({**CLOSED, "properties": {"a": {"type": "object"}}, "required": ["a"]}, "('properties', 'a')"),
        ({**CLOSED, "$defs": {"d": {"type": "object"}}}, "('$defs', 'd')"),
    ],
)
def test_strict_mode_objects(schema: Schema, words: str) -> None:
    """Strict mode says where an object is open or leaves a property optional."""
    assert words in (strict_fault(schema) or "")


def test_strict_mode_accepts_closed_objects() -> None:
    """A closed object that requires everything passes the strict check."""
    inner = {**CLOSED, "properties": {"b": {"type": ["string", "null"]}}, "required": ["b"]}
    assert strict_fault({**CLOSED, "properties": {"a": inner}, "required": ["a"]}) is None
