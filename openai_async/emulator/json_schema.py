"""JSON values from a JSON Schema: one deterministic example that satisfies it, and the check of strict mode.

Covers what structured outputs and tool parameters use: types and lists of types, enum, const, anyOf, oneOf, allOf, $ref
in the same document, nullable, bounds, lengths, formats. A recursive schema ends, because below a certain depth only
required parts are written. `pattern` is satisfied if one of some stock strings matches. A remote `$ref` is never
loaded.
"""

from __future__ import annotations

import math
import re
from functools import cached_property
from random import Random
from typing import Any

from openai_async.emulator.fields import is_list, is_object
from openai_async.emulator.text import WORDS, one_of

__all__ = ["SchemaError", "example", "strict_fault"]

Schema = dict[str, Any]

_DEEP = 4  # levels of nesting after which only what the schema demands is written
_MANY = 400  # values after which the same holds


class SchemaError(ValueError):
    """No value for the schema can be written."""


def example(schema: Schema | bool, seed: int) -> Any:
    """Generate a JSON value that satisfies `schema`, the same for the same `seed`.

    Raises `SchemaError` if there is none, or none that the emulator can find.
    """
    if not isinstance(schema, bool) and (fault := _malformed(schema)):
        raise SchemaError(fault)
    try:
        return _Writer(schema, Random(seed)).write(schema, 0)
    except RecursionError:
        raise SchemaError("no finite value satisfies it") from None


def strict_fault(schema: Schema, path: tuple[str, ...] = ()) -> str | None:
    """Get the objection of strict mode, which wants every object closed and all properties required."""
    if not path and (fault := _malformed(schema)):
        return fault
    if not path and schema.get("type") != "object":
        return f"schema must be a JSON Schema of 'type: \"object\"', got 'type: {schema.get('type')!r}'."
    properties: Schema = schema.get("properties", {})
    if properties or "object" in _types(schema):
        if schema.get("additionalProperties") is not False:
            return f"In context={path}, 'additionalProperties' is required to be supplied and to be false."
        for name in properties:
            if name not in schema.get("required", ()):
                return (
                    f"In context={path}, 'required' is required to be supplied and to be an array including "
                    f"every key in properties. Missing '{name}'."
                )
    return next((fault for at, part in _parts(schema) if (fault := strict_fault(part, (*path, *at)))), None)


def _parts(schema: Schema) -> list[tuple[tuple[str, ...], Schema]]:
    """List the schemas directly inside a schema, each with its path."""
    parts: list[tuple[tuple[str, ...], Any]] = []
    for word in ("properties", "$defs", "definitions"):
        parts += [((word, name), part) for name, part in schema.get(word, {}).items()]
    for word in ("anyOf", "oneOf", "allOf", "prefixItems"):
        parts += [((word, str(index)), part) for index, part in enumerate(schema.get(word, ()))]
    parts += [((word,), schema.get(word)) for word in ("items", "additionalProperties")]
    return [(at, part) for at, part in parts if is_object(part)]


def _malformed(schema: Schema) -> str | None:
    """Get the keyword whose value has the wrong type. Everything after this check relies on the types."""
    for word, value in schema.items():
        expected = _SHAPES.get(word)
        if expected is not None and (not isinstance(value, expected) or value == []):
            return f"{word!r} has a value of the wrong type."
    return next((fault for _, part in _parts(schema) if (fault := _malformed(part))), None)


_SHAPES: dict[str, type | tuple[type, ...]] = {
    **dict.fromkeys(("properties", "$defs", "definitions"), dict),
    **dict.fromkeys(("anyOf", "oneOf", "allOf", "enum"), list),
    **dict.fromkeys(("minItems", "maxItems", "minLength", "maxLength", "minProperties"), int),
    **dict.fromkeys(("minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum"), (int, float)),
    **dict.fromkeys(("multipleOf",), (int, float)),
    **dict.fromkeys(("$ref", "pattern", "format"), str),
    "type": (str, list),
}


def _types(schema: Schema) -> list[str]:
    declared = schema.get("type")
    if declared is None:
        declared = next((name for word, name in _HINTS.items() if word in schema), "string")
    types = [declared] if isinstance(declared, str) else list(declared)
    return [*types, "null"] if schema.get("nullable") is True and "null" not in types else types


# A schema that states no type still shows it by what it bounds.
_HINTS = {
    "properties": "object",
    "additionalProperties": "object",
    "items": "array",
    "prefixItems": "array",
    "minimum": "number",
    "maximum": "number",
}


def _merged(first: Schema, second: Schema) -> Schema:
    both = {**first, **second}
    for word in ("properties", "$defs"):
        if word in first and word in second:
            both[word] = {**first[word], **second[word]}
    if "required" in first and "required" in second:
        both["required"] = [*first["required"], *second["required"]]
    return both


class _Writer:
    """Writes one value. Counts the written values, so that a wide recursive schema ends as well as a deep one."""

    def __init__(self, root: Schema | bool, rng: Random) -> None:
        self._root = root
        self._rng = rng
        self._written = 0

    def write(self, schema: Schema | bool, depth: int) -> Any:
        self._written += 1
        if isinstance(schema, bool):
            if not schema:
                raise SchemaError("nothing satisfies `false`")
            return self._word()
        schema = self._flat(schema)
        if "const" in schema:
            return schema["const"]
        if "enum" in schema:
            return one_of(self._rng, schema["enum"])
        for word in ("anyOf", "oneOf"):
            if word in schema:
                rest = {name: value for name, value in schema.items() if name != word}
                branch = self._branch(schema[word], depth)
                return self.write(branch if isinstance(branch, bool) else _merged(rest, branch), depth)
        kind = self._kind(_types(schema), depth)
        if kind == "object":
            return self._object(schema, depth)
        if kind == "array":
            return self._array(schema, depth)
        if kind in ("integer", "number"):
            return self._number(schema, integer=kind == "integer")
        if kind == "boolean":
            return self._rng.random() < 0.5
        return None if kind == "null" else self._string(schema)

    def _terse(self, depth: int) -> bool:
        return depth >= _DEEP or self._written >= _MANY

    def _flat(self, schema: Schema) -> Schema:
        """Follow `$ref` and merge `allOf`, until neither is left."""
        seen: set[str] = set()
        while True:
            if "$ref" in schema:
                reference = str(schema["$ref"])
                if reference in seen:
                    raise SchemaError(f"{reference} refers to itself")
                seen.add(reference)
                target = self._resolve(reference)
                schema = _merged(target, {name: value for name, value in schema.items() if name != "$ref"})
            elif "allOf" in schema:
                parts = schema["allOf"]
                schema = {name: value for name, value in schema.items() if name != "allOf"}
                for part in parts:
                    schema = _merged(schema, part)
            else:
                return schema

    def _resolve(self, reference: str) -> Schema:
        target: Any = self._root
        if not reference.startswith("#"):
            raise SchemaError(f"{reference} is outside of the document")
        for step in reference[1:].split("/")[1:]:
            step = step.replace("~1", "/").replace("~0", "~")
            if is_list(target) and step.isdigit() and int(step) < len(target):
                target = target[int(step)]
            elif is_object(target) and step in target:
                target = target[step]
            else:
                raise SchemaError(f"{reference} does not exist")
        if not is_object(target):
            raise SchemaError(f"{reference} is not a schema")
        return target

    # -- which way to go -------------------------------------------------------------------------------------

    def _branch(self, options: list[Any], depth: int) -> Schema | bool:
        if self._terse(depth):
            shortest: Schema | bool = min(options, key=self._height)
            return shortest
        if self._rng.random() < 0.8:  # null is the exception, not half of the values
            options = [option for option in options if option != {"type": "null"}] or options
        chosen: Schema | bool = one_of(self._rng, options)
        return chosen

    def _kind(self, types: list[str], depth: int) -> str:
        if "null" in types and self._terse(depth):
            return "null"
        if self._rng.random() < 0.8:
            types = [name for name in types if name != "null"] or types
        return one_of(self._rng, types)

    def _height(self, schema: Any) -> float:
        """Levels of nesting that the schema needs at least. Infinite while that is not known."""
        if not is_object(schema):
            return 0 if schema else math.inf
        if "$ref" in schema:
            return self._heights.get(str(schema["$ref"]), math.inf)
        if "const" in schema or "enum" in schema:
            return 0
        for word in ("anyOf", "oneOf"):
            if word in schema:
                return min(self._height(option) for option in schema[word])
        types = _types(schema)
        if "null" in types:
            return 0
        needed = [self._height(part) for part in schema.get("allOf", ())]
        if "object" in types:
            properties: Schema = schema.get("properties", {})
            needed += [1 + self._height(properties.get(name, True)) for name in schema.get("required", ())]
        if "array" in types and schema.get("minItems", 0):
            needed.append(1 + self._height(schema.get("items", True)))
        return max(needed, default=0)

    @cached_property
    def _heights(self) -> dict[str, float]:
        """The height of every reference, from the leaves up, in as many rounds as there are references."""
        heights: dict[str, float] = {}
        waiting: list[Schema] = [] if isinstance(self._root, bool) else [self._root]
        while waiting:
            schema = waiting.pop()
            if "$ref" in schema:
                heights[str(schema["$ref"])] = math.inf
            waiting += [part for _, part in _parts(schema)]
        self.__dict__["_heights"] = heights  # `_height` reads it while it grows
        for _ in range(len(heights)):
            for reference in heights:
                heights[reference] = self._height(self._resolve(reference))
        return heights

    # -- the kinds of value ----------------------------------------------------------------------------------

    def _object(self, schema: Schema, depth: int) -> Schema:
        properties: Schema = schema.get("properties", {})
        required: list[str] = list(schema.get("required", ()))
        names = list(dict.fromkeys([*(() if self._terse(depth) else properties), *required]))
        value = {name: self.write(properties.get(name, True), depth + 1) for name in names}
        others: Schema | bool = schema.get("additionalProperties", True)
        least = schema.get("minProperties", 0)
        if not properties and isinstance(others, dict) and not self._terse(depth):
            least = max(least, 1)
        while len(value) < least:
            value[f"{self._word()}_{len(value)}"] = self.write(others, depth + 1)
        return value

    def _array(self, schema: Schema, depth: int) -> list[Any]:
        head: list[Any] = schema.get("prefixItems", [])
        least: int = schema.get("minItems", 0)
        most: int = min(schema.get("maxItems", least + 2), least + 2)
        length = least if self._terse(depth) else max(least, min(most, len(head) + 1 + int(self._rng.random() * 2)))
        values: list[Any] = []
        for _ in range(length * 20):  # tries, for the sake of `uniqueItems`
            if len(values) == length:
                break
            at = len(values)
            value = self.write(head[at] if at < len(head) else schema.get("items", True), depth + 1)
            if not (schema.get("uniqueItems") and value in values):
                values.append(value)
        if len(values) < least:
            raise SchemaError(f"found no {least} different items")
        return values

    def _number(self, schema: Schema, *, integer: bool) -> float:
        low, high = schema.get("minimum"), schema.get("maximum")
        above, below = schema.get("exclusiveMinimum"), schema.get("exclusiveMaximum")
        floor = max((bound for bound in (low, above) if bound is not None), default=None)
        ceiling = min((bound for bound in (high, below) if bound is not None), default=None)
        floor = floor if floor is not None else min(0, ceiling - 100) if ceiling is not None else 0
        ceiling = ceiling if ceiling is not None else floor + 100
        step = schema.get("multipleOf", 1 if integer else None)
        if step is not None:
            first, last = math.ceil(floor / step), math.floor(ceiling / step)
            first += first * step == above
            last -= last * step == below
            if first > last:
                raise SchemaError(f"there is no multiple of {step} between {floor} and {ceiling}")
            value = (first + int(self._rng.random() * (last - first + 1))) * step
            return int(value) if integer else value
        if floor > ceiling or (floor == ceiling and floor in (above, below)):
            raise SchemaError(f"there is no number between {floor} and {ceiling}")
        exact: float = floor + (ceiling - floor) * (0.1 + 0.8 * self._rng.random())
        rounded = round(exact, 2)
        return rounded if floor < rounded < ceiling else exact

    def _word(self) -> str:
        return one_of(self._rng, WORDS)

    def _string(self, schema: Schema) -> str:
        if "pattern" in schema:
            return self._matching(str(schema["pattern"]), schema)
        if schema.get("format") in _FORMATS:
            return self._stock(_FORMATS[schema["format"]])
        return self._sized(f"{self._word()} {self._word()}", schema)

    def _sized(self, text: str, schema: Schema) -> str:
        while len(text) < schema.get("minLength", 0):
            text += " " + self._word()
        return text[: int(schema.get("maxLength", len(text)))]

    def _stock(self, form: str) -> str:
        """Fill a form in: each # becomes a digit from 1 to 9, each `word` a word."""
        filled = re.sub("#", lambda _: one_of(self._rng, "123456789"), form)
        return filled.replace("word", self._word())

    def _matching(self, pattern: str, schema: Schema) -> str:
        try:
            wanted = re.compile(pattern)
        except re.error as error:
            raise SchemaError(f"the pattern {pattern!r} is not a regular expression: {error}") from None
        word = self._word()
        forms = ("word", "word word", "word-word", "word_word", *("#" * size for size in range(1, 21)))
        stock = [self._stock(form) for form in (*forms, *_FORMATS.values(), "+##########", "###-##-####", "#.##")]
        letters = [(word * 8)[:size] for size in range(1, 33)]
        stock += [
            *letters,
            *(text.upper() for text in letters),
            *(text.title() for text in letters),
            "@" + word,
            "",
        ]
        low, high = schema.get("minLength", 0), schema.get("maxLength", math.inf)
        candidate = next((text for text in stock if wanted.search(text) and low <= len(text) <= high), None)
        if candidate is None:
            raise SchemaError(f"the emulator knows no text of the pattern {pattern!r}")
        return candidate


_FORMATS = {
    "date": "2026-0#-1#",
    "date-time": "2026-0#-1#T0#:1#:2#Z",
    "time": "0#:1#:2#Z",
    "duration": "P#DT#H",
    "email": "word@example.com",
    "hostname": "word.example.com",
    "ipv4": "192.0.2.#",
    "ipv6": "2001:db8::#",
    "uri": "https://example.com/word",
    "uuid": "########-####-4###-8###-############",
}
