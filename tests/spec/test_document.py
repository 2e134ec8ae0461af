"""The document that the package is held to: which one it is, what was left out of it, and what is drawn from it."""

from __future__ import annotations

from typing import Any

from hypothesis import given, settings, strategies as st

from tests.spec.document import HERE, OPERATIONS, check, document, published
from tests.spec.drawn import Drawing
from tests.spec.examples import few
from tests.spec.strip import stripped


def test_it_is_the_one_that_is_noted() -> None:
    """Its version and month are stated in it; most of the methods have their place there, and it stays small."""
    info = document()["info"]
    assert (info["title"], info["version"], info["date"]) == ("OpenAI API", "2.3.0", "2026-08")
    assert (len(OPERATIONS), len(published())) == (388, 287)
    assert (HERE / "openapi.json.xz").stat().st_size < 150_000


def test_stripping_leaves_what_is_checked() -> None:
    """Prose goes, and only prose: a property may be called `description`. Older words are said in newer ones."""
    schema = {
        "type": "object",
        "description": "prose",
        "x-of-a-tool": {},
        "properties": {
            "description": {"type": "string", "nullable": True, "format": "uri", "example": "prose"},
            "kind": {"type": "string", "enum": ["a"], "nullable": True},
            "one": {"oneOf": [{"type": "string", "title": "prose"}, {"$recursiveRef": "#"}], "discriminator": {}},
            "sized": {"type": "number", "minimum": 0, "exclusiveMinimum": True, "default": 1},
            "maybe": {"allOf": [{"$ref": "#/components/schemas/Other"}, {"nullable": True}]},
            "file": {"type": "string", "format": "binary"},
        },
    }
    whole: dict[str, Any] = {
        "openapi": "3.1.0",
        "info": {"title": "T", "version": "1", "description": "prose"},
        "paths": {"/x": {"get": {"summary": "prose", "responses": {"200": {"description": "prose"}, "404": {}}}}},
        "webhooks": {},
        "components": {"schemas": {"Some": schema}},
    }
    assert stripped(whole, "2026-08") == {
        "openapi": "3.1.0",
        "info": {"title": "T", "version": "1", "date": "2026-08"},
        "paths": {"/x": {"get": {"responses": {"200": {"content": {}}}}}},
        "webhooks": {},
        "components": {
            "schemas": {
                "Some": {
                    "type": "object",
                    "properties": {
                        "description": {"type": ["string", "null"]},
                        "kind": {"type": ["string", "null"], "enum": ["a", None]},
                        "one": {"anyOf": [{"type": "string"}, {"$ref": "#/components/schemas/Some"}]},
                        "sized": {"type": "number", "exclusiveMinimum": 0},
                        "maybe": {"anyOf": [{"allOf": [{"$ref": "#/components/schemas/Other"}]}, {"type": "null"}]},
                        "file": {"type": "string", "format": "binary"},
                    },
                }
            }
        },
    }


@settings(few, max_examples=300)
@given(st.data())
def test_what_is_drawn_is_what_the_schema_says(data: st.DataObject) -> None:
    """Values of all the document's schemas, by another hand's validator."""
    name = data.draw(st.sampled_from(sorted(document()["components"]["schemas"])))
    schema = {"$ref": f"#/components/schemas/{name}"}
    check(schema, data.draw(st.composite(lambda draw: Drawing(draw).value(schema))()))
