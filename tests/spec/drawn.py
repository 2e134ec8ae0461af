"""Values that a schema allows, drawn by hypothesis.

One recursive function draws as it goes, instead of a strategy built for every schema: the document has 1,400 of them,
and many hold one another. Beyond a depth only what is required is drawn, by the shallowest alternative, so every draw
ends.
"""

from __future__ import annotations

import functools
import json
from typing import Any, Final

import attrs
from hypothesis import strategies as st

from tests.spec.document import Schema, flat, types_of

_DEEPEST: Final = 6
_ENDLESS: Final = 1000
_ROWS: Final = {"boolean", "number", "array"}
#: Of the few properties that are required and described nowhere: all of them are the ids of something.
_ID: Final = {"type": "string"}
_flag: Final = st.booleans()
_letters: Final = 'ab zé\N{SNOWMAN}\N{GRINNING FACE}"\\/&=+%#?[]\n'
_any: Final = st.one_of(
    st.none(), st.booleans(), st.integers(-(2**40), 2**40), st.just(0.5), st.text(_letters, max_size=3)
)


@attrs.frozen
class Drawing:
    """How values are drawn.

    Attributes:
        draw: of hypothesis.
        nulls: null may be drawn where the schema allows it; a form and a query cannot say it.
        empty: lists and objects may be empty; a form and a query cannot say those either, and methods refuse some.
        blank: a text may be empty, where no least length is stated; most are refused by a method.
        unknown: objects get fields, and enumerations strings, that the schema does not know.
        optional: what may be missing is there sometimes.
    """

    draw: st.DrawFn
    nulls: bool = True
    empty: bool = True
    blank: bool = True
    unknown: bool = False
    optional: bool = True

    def flag(self) -> bool:
        return self.draw(_flag)

    def rarely(self) -> bool:
        return self.draw(st.integers(0, 7)) == 7

    def value(self, schema: Schema, depth: int = 0) -> Any:
        """A value of the schema."""
        schema = flat(schema)
        if "const" in schema:
            return schema["const"]
        if "anyOf" in schema:
            return self._alternative(schema, depth)
        if "enum" in schema:
            return self._enumerated(schema["enum"])
        kinds = types_of(schema)
        if not self.nulls and len(kinds) > 1:
            kinds = [kind for kind in kinds if kind != "null"]
        kind = kinds[0] if len(kinds) == 1 else self.draw(st.sampled_from(kinds)) if kinds else ""
        match kind:
            case "null":
                return None
            case "boolean":
                return self.flag()
            case "integer":
                return self.draw(_integers(*_bounds(schema)))
            case "number":
                return self._number(schema)
            case "string":
                return self._string(schema)
            case "array":
                return self._array(schema, depth)
            case "object":
                return self._object(schema, depth)
            case _:
                return self.draw(_any) if self.nulls else self.draw(st.integers(0, 9))

    def _alternative(self, schema: Schema, depth: int) -> Any:
        rest = {word: value for word, value in schema.items() if word != "anyOf"}
        parts = [{"allOf": [rest, part]} if rest else part for part in schema["anyOf"]]
        # An alternative may be ruled out by what stands beside it: no type is left to it.
        parts = [part for part in parts if not rest or flat(part).get("type") != []]
        parts = [part for part in parts if self.nulls or types_of(flat(part)) != ["null"]]
        if depth >= _DEEPEST or not self.optional:
            parts = [min(parts, key=lambda part: _height(json.dumps(part)))]
        return self.value(parts[0] if len(parts) == 1 else self.draw(st.sampled_from(parts)), depth)

    def _enumerated(self, values: list[Any]) -> Any:
        drawn = self.draw(st.sampled_from([value for value in values if self.nulls or value is not None]))
        return "of tomorrow" if self.unknown and isinstance(drawn, str) and self.rarely() else drawn

    def _number(self, schema: Schema) -> float:
        low, high = _bounds(schema)
        whole = self.draw(_integers(low, high))
        half = whole + 0.5
        return half if (high is None or half <= high) and self.flag() else whole

    def _string(self, schema: Schema) -> Any:
        if schema.get("format") == "binary":
            return self.draw(st.binary(max_size=20))
        if "pattern" in schema:
            return self.draw(st.from_regex(schema["pattern"], fullmatch=True).filter(lambda text: "\n" not in text))
        low = schema.get("minLength", 0 if self.blank else 1)
        high = min(schema.get("maxLength", 8), low + 8)
        return self.draw(_texts(low, high))

    def _array(self, schema: Schema, depth: int) -> list[Any]:
        low = schema.get("minItems", 0 if self.empty else 1)
        high = min(schema.get("maxItems", low + 2), low + 2) if self.optional and depth < _DEEPEST else low
        return [self.value(schema.get("items", {}), depth + 1) for _ in range(self.draw(_integers(low, high)))]

    def _object(self, schema: Schema, depth: int) -> dict[str, Any]:
        properties, required = schema.get("properties", {}), schema.get("required", ())
        if properties.get("metadata") == {}:  # described as an object in prose alone
            properties = {**properties, "metadata": {"type": "object"}}
        drawn: dict[str, Any] = {name: self.value(properties.get(name, _ID), depth + 1) for name in required}
        if self.optional and depth < _DEEPEST:
            for name in self._chosen([name for name in properties if name not in drawn], depth):
                drawn[name] = self.value(properties[name], depth + 1)
        others = schema.get("additionalProperties", not properties)
        more = not self.empty or (self.optional and depth < _DEEPEST and self.flag())
        if others is not False and more and ("additionalProperties" in schema or not drawn):
            drawn |= self._others(schema, {} if others is True else others, depth)
        if "not" in schema:  # never both of what only one may be given of
            for name in schema["not"].get("required", ())[1:]:
                drawn.pop(name, None)
        if self.unknown and not isinstance(schema.get("additionalProperties"), dict) and self.flag():
            drawn["x_unknown"] = self._unknown(list(properties.values()))
        return drawn

    def _unknown(self, beside: list[Schema]) -> Any:
        """A field that the schema does not have; a table of flags, scores or lists gets another one of those."""
        kinds = {kind for schema in beside for kind in types_of(flat(schema)) if kind != "null"}
        if len(beside) > 2 and len(kinds) == 1 and kinds < _ROWS:
            return self.value(beside[0], _DEEPEST)
        return self.draw(_any)

    def _chosen(self, names: list[str], depth: int) -> list[str]:
        """Some of the optional fields: all, none, or a few; fewer the deeper it goes."""
        if not names:
            return names
        share = self.draw(st.integers(0, max(2, 4 - depth)))
        if share == 0:
            return []
        if share > 2:
            return names
        return self.draw(st.lists(st.sampled_from(names), max_size=3, unique=True))

    def _others(self, schema: Schema, others: Schema, depth: int) -> dict[str, Any]:
        names = [name for name in ("one", "two") if name not in schema.get("properties", {})]
        return {name: self.value(others, depth + 1) for name in names[: self.draw(_integers(1, 2))]}


@functools.cache
def _texts(low: int, high: int) -> st.SearchStrategy[str]:
    return st.text(_letters, min_size=low, max_size=high)


@functools.cache
def _integers(low: int | None, high: int | None) -> st.SearchStrategy[int]:
    low = min(0, high) if low is None and high is not None else 0 if low is None else low
    return st.integers(low, low + 1000 if high is None else min(high, low + 1_000_000))


def _bounds(schema: Schema) -> tuple[int | None, int | None]:
    """The whole numbers between which a number may lie."""
    low, high = schema.get("minimum"), schema.get("maximum")
    if "exclusiveMinimum" in schema:
        low = int(schema["exclusiveMinimum"]) + 1
    if "exclusiveMaximum" in schema:
        high = int(schema["exclusiveMaximum"]) - 1
    # Bounds of 64 bits were rounded on their way into the document.
    return (
        None if low is None else max(-int(-low // 1), -(2**63)),
        None if high is None else min(int(high // 1), 2**63 - 1),
    )


@functools.cache
def _height(text: str) -> int:
    """How many levels the smallest value of a schema (as text) has."""
    return _height_of(json.loads(text), ())


def _height_of(schema: Any, above: tuple[str, ...]) -> int:
    """Levels of the smallest value; references that stand above it are never ended by themselves."""
    reference = schema.get("$ref") if isinstance(schema, dict) else None
    if reference in above:
        return _ENDLESS
    if reference is not None:
        above = (*above, reference)
    schema = flat(schema)
    if "anyOf" in schema:
        return min(_height_of(part, above) for part in schema["anyOf"])
    kinds = types_of(schema)
    if "object" in kinds and len(kinds) == 1:
        parts = [_height_of(schema.get("properties", {}).get(name, {}), above) for name in schema.get("required", ())]
        return 1 + max(parts, default=0)
    if kinds == ["array"] and schema.get("minItems"):
        return 1 + _height_of(schema.get("items", {}), above)
    return 0
