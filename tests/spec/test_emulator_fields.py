"""What the emulator refuses as unknown is what the published document does not have.

`python -m tests.spec.test_emulator_fields` writes the emulator's table anew.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import httpx
import pytest
from starlette.routing import Route

import openai_async.emulator
from openai_async.emulator import Emulator
from tests.spec.document import check, document, flat

TABLE = Path(openai_async.emulator.__file__).with_name("known_fields.txt")
HEAD = "# Path of a POST, where an object stands in its body, its fields. Written by tests.spec.test_emulator_fields."
_ITEM = {"async", "background", "output_format", "quality", "reasoning", "revised_prompt", "size", "svg_usage", "text"}
_TOOL = {"async", "complexity", "frame_count", "frame_duration_ms", "svg"}
#: Fields that the official client 3.57 states and the document, which is older, does not.
NEWER = {
    ("/conversations", "items[]"): _ITEM,
    ("/conversations/{}/items", "items[]"): _ITEM,
    ("/images/edits", ""): _TOOL - {"async"} | {"image", "markup", "response_format", "safety_identifier"},
    ("/images/generations", ""): _TOOL - {"async"} | {"safety_identifier"},
    ("/responses", ""): {"access_programs", "background_options", "image"},
    ("/responses", "input[]"): _ITEM,
    ("/responses", "prompt_cache_options"): {"comparison_response_id", "prewarm"},
    ("/responses", "tools[]"): _TOOL,
    ("/responses/compact", ""): {"image"},
    ("/responses/compact", "input[]"): _ITEM,
    ("/responses/compact", "prompt_cache_options"): {"comparison_response_id", "prewarm"},
    ("/responses/input_tokens", "input[]"): _ITEM,
    ("/responses/input_tokens", "tools[]"): _TOOL,
    ("/threads/{}/runs", ""): {"include"},
}
#: Where the API ignores unknown fields: clients send messages of replies back with fields of their own.
LENIENT = {("/chat/completions", "messages[]")}


def template(path: str) -> str:
    return re.sub(r"{[^}]*}", "{}", path)


def alternatives(schema: Any) -> list[Mapping[str, Any]]:
    schema = flat(schema)
    if "anyOf" not in schema:
        return [schema]
    found = [part for choice in schema["anyOf"] for part in alternatives(choice)]
    return [*found, schema] if schema.get("properties") else found


def properties(schema: Any) -> dict[str, list[Any]] | None:
    """The fields of all alternatives that are objects; None if one of them may hold anything."""
    found: dict[str, list[Any]] = {}
    for choice in alternatives(schema):
        if choice.get("type") != "object" and "properties" not in choice:
            continue
        if not choice.get("properties") or choice.get("additionalProperties"):
            return None
        for name, value in choice["properties"].items():
            found.setdefault(name, []).append(value)
    return found or None


def places(schema: Any) -> Iterator[tuple[str, list[str]]]:
    """Where objects stand in a body, and their fields."""
    body = properties(schema)
    if body is None:
        return
    yield "", sorted(body)
    for name, values in sorted(body.items()):
        if (inner := properties({"anyOf": values})) is not None:
            yield name, sorted(inner)
        items = [choice["items"] for choice in alternatives({"anyOf": values}) if "items" in choice]
        if items and (inner := properties({"anyOf": items})) is not None:
            yield f"{name}[]", sorted(inner)


def lines() -> Iterator[str]:
    """The lines of the table, for each body that the emulator reads."""
    posts = {template(path): item["post"] for path, item in document()["paths"].items() if "post" in item}
    for route in Emulator().app.routes:
        assert isinstance(route, Route)
        path = template(route.path.removeprefix("/v1"))
        body = posts.get(path, {}).get("requestBody", {}).get("content", {}).get("application/json")
        for place, names in places(body["schema"]) if body else ():
            if (path, place) not in LENIENT:
                yield " ".join([path, f".{place}", *sorted({*names, *NEWER.get((path, place), ())})])


def whole() -> str:
    return "\n".join([HEAD, *sorted(set(lines()))]) + "\n"


def test_the_table_is_that_of_the_document() -> None:
    """Nothing that the document has is refused; what it does not have is let through only if it is listed here."""
    assert TABLE.read_text("utf-8") == whole()


USER = {"role": "user", "content": "Hi"}
TOOL = {"type": "function", "function": {"name": "look"}}


@pytest.mark.parametrize(
    ("path", "body", "param"),
    [
        ("/chat/completions", {"messages": [USER], "temprature": 1}, "temprature"),
        ("/chat/completions", {"messages": [USER], "x": None}, "x"),
        ("/chat/completions", {"messages": [{**USER, "x": 1}], "tools": [{**TOOL, "x": 1}]}, "tools[0].x"),
        ("/responses", {"input": [USER, {**USER, "x": 1}]}, "input[1].x"),
        ("/chat/completions", {"messages": [USER], "stream": True, "stream_options": {"x": 1}}, "stream_options.x"),
        ("/responses", {"input": "Hi", "max_tokens": 5}, "max_tokens"),
        ("/embeddings", {"input": "Hi", "dimension": 5}, "dimension"),
        ("/moderations", {"input": "Hi", "x": 5}, "x"),
        ("/images/generations", {"prompt": "Hi", "x": 5}, "x"),
        ("/vector_stores", {"x": 5}, "x"),
        ("/threads", {"messages": [], "x": 5}, "x"),
    ],
)
def test_unknown_fields_are_refused(path: str, body: dict[str, Any], param: str) -> None:
    """By their place, before anything is done; with `refuse_unknown=False` they are ignored; metadata are free."""
    sent = {**({} if path in ("/vector_stores", "/threads") else {"model": "gpt-x"}), **body}
    for emulator in (Emulator(), Emulator(refuse_unknown=False)):
        with emulator.run() as server:
            headers = {"authorization": "Bearer k", "openai-beta": "assistants=v2"}
            reply = httpx.post(f"{server.base_url}{path}", json=sent, headers=headers)
        if emulator.refuse_unknown:
            error = reply.json()["error"]
            assert (reply.status_code, error["code"], error["param"]) == (400, "unknown_parameter", param)
            assert error["message"] == f"Unknown parameter: '{param}'."
        else:
            assert reply.status_code == 200


def test_replies_are_whole() -> None:
    """A grader's reply and a stored message have all that the document requires of them."""
    grader = {
        "type": "string_check",
        "name": "g",
        "input": "{{sample.output_text}}",
        "reference": "a",
        "operation": "eq",
    }
    asked = {"model": "gpt-x", "messages": [USER], "store": True}
    with (
        Emulator().run() as server,
        httpx.Client(base_url=server.base_url, headers={"authorization": "Bearer k"}) as http,
    ):
        graded = http.post("/fine_tuning/alpha/graders/run", json={"grader": grader, "model_sample": "a"}).json()
        stored = http.post("/chat/completions", json=asked).json()["id"]
        messages = http.get(f"/chat/completions/{stored}/messages").json()
    schemas = document()["components"]["schemas"]
    check(schemas["RunGraderResponse"], graded)
    # The document has every stored message said by the assistant, so only the names are compared.
    message = flat(schemas["ChatCompletionMessageList"]["properties"]["data"]["items"])
    assert set(message["required"]) <= messages["data"][0].keys()


if __name__ == "__main__":
    TABLE.write_text(whole(), "utf-8")
