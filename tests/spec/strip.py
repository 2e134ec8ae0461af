"""Writes `openapi.json.xz`: what OpenAI's published document says, without its prose.

    python tests/spec/strip.py SPEC DATE [OUT]

SPEC is the published OpenAPI document as JSON, DATE the month it was taken (YYYY-MM), noted in `info` beside its
version.
Kept are paths, parameters, bodies, the replies of success, webhooks and schemas. Left out are texts, examples, titles,
defaults, `x-` fields, discriminators (the enumerations of `type` say the same) and the replies of failure.

What the document says in older words is said in those of JSON Schema 2020-12, so that any validator takes it:
`nullable` becomes a null among the types, `exclusiveMinimum: true` a number, `$recursiveRef` a reference. `oneOf`
becomes `anyOf`: many of its alternatives are open objects, and true of one another's values.
"""

from __future__ import annotations

import json
import lzma
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

TARGET: Final = Path(__file__).with_name("openapi.json.xz")
_VERBS: Final = ("get", "post", "put", "patch", "delete")
#: What a schema is kept for; everything else in it is prose, or for other tools.
_KEPT: Final = (
    *("$ref", "type", "enum", "const", "format", "anyOf", "allOf", "not"),
    *("properties", "required", "additionalProperties", "propertyNames", "minProperties", "maxProperties"),
    *("items", "minItems", "maxItems", "pattern", "minLength", "maxLength"),
    *("minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum"),
)


def main() -> None:
    if len(sys.argv) not in (3, 4):
        raise SystemExit(__doc__)
    document = json.loads(Path(sys.argv[1]).read_bytes())
    target = Path(sys.argv[3]) if len(sys.argv) == 4 else TARGET
    text = json.dumps(stripped(document, sys.argv[2]), sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    target.write_bytes(lzma.compress(text.encode(), preset=9 | lzma.PRESET_EXTREME))


def stripped(document: Mapping[str, Any], date: str) -> dict[str, Any]:
    """The document as the tests read it."""
    return {
        "openapi": document["openapi"],
        "info": {"title": document["info"]["title"], "version": document["info"]["version"], "date": date},
        "paths": {path: _operations(item) for path, item in document["paths"].items()},
        "webhooks": {name: _operations(item) for name, item in document["webhooks"].items()},
        "components": {
            "schemas": {name: _schema(part, name) for name, part in document["components"]["schemas"].items()}
        },
    }


def _operations(item: Mapping[str, Any]) -> dict[str, Any]:
    return {verb: _operation(item[verb]) for verb in _VERBS if verb in item}


def _operation(operation: Mapping[str, Any]) -> dict[str, Any]:
    kept: dict[str, Any] = {
        "responses": {
            code: {"content": _content(reply.get("content", {}))}
            for code, reply in operation.get("responses", {}).items()
            if code.startswith("2")
        }
    }
    if "parameters" in operation:
        kept["parameters"] = [
            {key: _schema(value, "") if key == "schema" else value for key, value in parameter.items() if key in _PLACE}
            for parameter in operation["parameters"]
        ]
    if "requestBody" in operation:
        body = operation["requestBody"]
        kept["requestBody"] = {"required": body.get("required", False), "content": _content(body["content"])}
    return kept


_PLACE: Final = ("name", "in", "required", "style", "explode", "schema")


def _content(content: Mapping[str, Any]) -> dict[str, Any]:
    return {
        kind: {
            key: _schema(value, "") if key == "schema" else value
            for key, value in media.items()
            if key in ("schema", "encoding")
        }
        for kind, media in content.items()
    }


def _schema(schema: Any, root: str) -> Any:
    """A schema; `root` is the name of the one that it stands in, for references to itself."""
    if not isinstance(schema, Mapping):
        return schema  # true and false
    kept = {key: _part(key, schema[key], root) for key in _KEPT if key in schema}
    if "oneOf" in schema:
        kept["anyOf"] = [_schema(part, root) for part in schema["oneOf"]]
    if "$recursiveRef" in schema:
        kept["$ref"] = f"#/components/schemas/{root}"
    for bound, exclusive in (("minimum", "exclusiveMinimum"), ("maximum", "exclusiveMaximum")):
        if isinstance(kept.get(exclusive), bool) and kept.pop(exclusive):
            kept[exclusive] = kept.pop(bound)
    if kept.get("format") != "binary":  # the others say nothing that is checked
        kept.pop("format", None)
    return _or_null(kept) if _is_nullable(schema) else kept


def _part(key: str, value: Any, root: str) -> Any:
    if key == "properties":
        return {name: _schema(part, root) for name, part in value.items()}
    if key in ("anyOf", "allOf"):
        return [_schema(part, root) for part in value if part != {"nullable": True}]
    if key in ("items", "additionalProperties", "propertyNames", "not"):
        return _schema(value, root)
    return value


def _is_nullable(schema: Mapping[str, Any]) -> bool:
    return bool(schema.get("nullable")) or {"nullable": True} in schema.get("allOf", ())


def _or_null(schema: dict[str, Any]) -> dict[str, Any]:
    if "enum" in schema:
        schema["enum"] = list(dict.fromkeys([*schema["enum"], None]))
    if isinstance(schema.get("type"), str) and not {"anyOf", "allOf"} & schema.keys():
        schema["type"] = [schema["type"], "null"]
        return schema
    return {"anyOf": [schema, {"type": "null"}]}


if __name__ == "__main__":
    main()
