"""What requests for assistants, threads and runs have in common: the beta header, and shared parameters."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import orjson
from starlette.routing import Route

from openai_async.emulator.call import Answer, Call, Handler, Reply
from openai_async.emulator.endpoint import Endpoint
from openai_async.emulator.error_responses import invalid
from openai_async.emulator.fields import Fields, JSONObject, is_list, is_object, wrong_type
from openai_async.emulator.metadata import read_metadata
from openai_async.emulator.records import Record

if TYPE_CHECKING:
    from openai_async.emulator.backend import Backend

__all__ = [
    "answer",
    "change_metadata",
    "deleted",
    "present",
    "only",
    "read_message",
    "read_messages",
    "read_settings",
    "read_text",
    "route",
]

_TOOLS = ("code_interpreter", "file_search", "function")
_LONGEST = {"name": 256, "description": 512, "instructions": 256_000}
_PARTS = ("text", "image_file", "image_url")


def route(emulator: Backend, path: str, **handlers: Handler) -> Route:
    """Make the route of a path. Calls without the beta header are refused."""
    return Route(path, Endpoint(emulator, **{method: _beta(handler) for method, handler in handlers.items()}))


def _beta(handler: Handler) -> Handler:
    """Wrap a handler to refuse calls without the beta header."""

    def checked(call: Call) -> Reply:
        if b"assistants=v2" not in call.headers.get(b"openai-beta", b""):
            raise invalid(
                "You must provide the 'OpenAI-Beta' header to access the Assistants API. Please try again by setting "
                "the header 'OpenAI-Beta: assistants=v2'.",
                code="invalid_beta",
            )
        return handler(call)

    return checked


def answer(record: Record) -> Answer:
    """Make a reply of an object."""
    return Answer(orjson.dumps(record.described()))


def deleted(kept: dict[str, Any], record: Record) -> Answer:
    """Delete an object, and make the reply that says so."""
    del kept[record.id]
    return Answer(orjson.dumps({"id": record.id, "object": f"{record.values['object']}.deleted", "deleted": True}))


def only(body: JSONObject, names: Sequence[str]) -> None:
    """Refuse every other parameter: the parameters not named here cannot be changed."""
    for name in body:
        if name not in names:
            raise invalid(f"Unknown parameter: '{name}'.", param=name, code="unknown_parameter")


def change_metadata(record: Record, body: JSONObject) -> Record:
    """Change the metadata of a message or a run, the only field that may change."""
    only(body, ("metadata",))
    record.values["metadata"] = read_metadata(Fields(body)) or {}
    return record


def present(body: JSONObject, values: JSONObject) -> JSONObject:
    """Keep the values whose parameters the body has."""
    return {name: value for name, value in values.items() if name in body}


def read_settings(emulator: Backend, body: JSONObject) -> JSONObject:
    """Read model, instructions, tools and sampling. Parameters that the body lacks are left out."""
    fields = Fields(body)
    model = fields.text("model")
    if model is not None:
        emulator.catalog.find(model, param="model")
    shape: Any = fields.get("response_format")
    if shape is not None and shape != "auto" and not is_object(shape):
        raise wrong_type("response_format", "one of 'auto' or an object", shape)
    read: JSONObject = {
        "model": model,
        "instructions": read_text(fields, "instructions"),
        "tools": _tools(fields),
        "metadata": read_metadata(fields),
        "temperature": fields.number("temperature", 0, 2),
        "top_p": fields.number("top_p", 0, 1),
        "response_format": shape,
    }
    return {name: value for name, value in read.items() if value is not None}


def read_text(fields: Fields, name: str) -> str | None:
    """Read a name, a description or instructions."""
    text = fields.text(name)
    if text is not None and len(text) > _LONGEST[name]:
        raise invalid(
            f"Invalid '{name}': string too long. Expected a string with maximum length {_LONGEST[name]}, but got a "
            f"string with length {len(text)} instead.",
            param=name,
            code="string_above_max_length",
        )
    return text


def _tools(fields: Fields) -> list[JSONObject] | None:
    tools = fields.array("tools", most=128)
    for index, tool in enumerate(tools or ()):
        at = f"tools[{index}]"
        if not is_object(tool):
            raise wrong_type(at, "an object", tool)
        own = Fields(tool, at)
        own.required("type")
        if own.choice("type", _TOOLS) == "function":
            own.required("function")
            (own.fields("function") or own).required("name")
    return tools


def read_messages(fields: Fields, name: str) -> list[JSONObject]:
    """Read a list of messages to add."""
    return [read_message(one, f"{name}[{index}]") for index, one in enumerate(fields.array(name) or ())]


def read_message(value: Any, at: str = "") -> JSONObject:
    """Read a message to add."""
    if not is_object(value):
        raise wrong_type(at, "an object", value)
    fields = Fields(value, at)
    fields.required("role")
    role = fields.choice("role", ("user", "assistant"))
    return {
        "role": role,
        "content": _content(fields),
        "attachments": fields.array("attachments") or [],
        "metadata": read_metadata(fields) or {},
    }


def _content(fields: Fields) -> list[JSONObject]:
    content, at = fields.required("content"), fields.param("content")
    if isinstance(content, str):
        content = [{"type": "text", "text": content}]
    if not is_list(content):
        raise wrong_type(at, "one of a string or array of objects", content)
    parts: list[JSONObject] = []
    for index, part in enumerate(content):
        if not is_object(part):
            raise wrong_type(f"{at}[{index}]", "an object", part)
        own = Fields(part, f"{at}[{index}]")
        own.required("type")
        if own.choice("type", _PARTS) == "text":
            own.required("text")
            parts.append({"type": "text", "text": {"value": own.text("text"), "annotations": []}})
        else:
            parts.append(part)
    if not parts or parts[0].get("text", {}).get("value") == "":
        raise invalid("Message content must be non-empty.", param=at)
    return parts
