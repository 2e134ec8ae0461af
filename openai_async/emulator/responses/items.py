"""Items of a response's input and of a conversation: checked, given ids, and converted to chat messages.

`read_items` returns items as the API describes them, or raises its 400. `messages` converts a whole context to the
messages that the emulated models answer. Images, audio and files count as tokens, but are never decoded.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any
from uuid import uuid4

from attrs import frozen

from openai_async.emulator.error_responses import invalid
from openai_async.emulator.fields import Fields, JSONObject, is_list, is_object, wrong_type

__all__ = ["Item", "check_calls", "listed", "messages", "new_id", "read_input", "read_items"]

_ROLES = ("assistant", "system", "developer", "user")
_PARTS = ("input_text", "input_image", "input_file", "input_audio", "output_text", "refusal", "summary_text")
#: What an item of each kind must state.
_REQUIRED = {
    "message": ("role", "content"),
    "function_call": ("call_id", "name", "arguments"),
    "function_call_output": ("call_id", "output"),
    "custom_tool_call": ("call_id", "name", "input"),
    "custom_tool_call_output": ("call_id", "output"),
    "item_reference": ("id",),
    "reasoning": ("summary",),
    "compaction": ("encrypted_content",),
}
_HOSTED = (
    *("apply_patch_call", "apply_patch_call_output", "code_interpreter_call", "computer_call", "computer_call_output"),
    *(
        "file_search_call",
        "image_generation_call",
        "local_shell_call",
        "local_shell_call_output",
        "mcp_approval_request",
    ),
    *("mcp_approval_response", "mcp_call", "mcp_list_tools", "shell_call", "shell_call_output", "tool_search_call"),
    *("tool_search_output", "web_search_call"),
)
_PREFIXES = {
    "message": "msg",
    "function_call": "fc",
    "reasoning": "rs",
    "custom_tool_call": "ctc",
    "compaction": "cmp",
    "file_search_call": "fs",
}
_CALLS = ("function_call", "custom_tool_call")
_OUTPUTS = ("function_call_output", "custom_tool_call_output")


@frozen
class Item:
    """An item in a list."""

    id: str
    value: JSONObject

    def described(self) -> JSONObject:
        return self.value


def listed(items: list[JSONObject]) -> list[Item]:
    """Wrap items for pagination."""
    return [Item(item["id"], item) for item in items]


def new_id(kind: str) -> str:
    """Make an id of the form that items of this kind have."""
    return f"{_PREFIXES.get(kind, 'item')}_{uuid4().hex}"


def read_input(fields: Fields, find: Callable[[str], JSONObject | None]) -> list[JSONObject]:
    """Read `input`. A text is a message of the user. `find` returns the item of a reference."""
    value = fields.get("input")
    if value is None:
        return []
    if isinstance(value, str):
        return [_described({"role": "user", "content": value}, "message")]
    if not is_list(value):
        raise wrong_type("input", "one of a string or array of objects", value)
    return read_items(value, "input", find)


def read_items(items: list[Any], at: str, find: Callable[[str], JSONObject | None]) -> list[JSONObject]:
    """Check items, and return them as the API describes them."""
    return [_read(item, f"{at}[{index}]", find) for index, item in enumerate(items)]


def _read(item: Any, at: str, find: Callable[[str], JSONObject | None]) -> JSONObject:
    if not is_object(item):
        raise wrong_type(at, "an object", item)
    fields = Fields(item, at)
    kind = fields.choice("type", (*_REQUIRED, *_HOSTED)) or ("message" if "role" in item else "item_reference")
    for name in _REQUIRED.get(kind, ()):
        fields.required(name)
    fields.text("id")
    if kind == "item_reference":
        item_of_reference = find(str(item["id"]))
        if item_of_reference is None:
            raise invalid(f"Item with id '{item['id']}' not found.", param=at)
        return item_of_reference
    if kind == "message":
        _check_message(fields)
    for name in ("call_id", "name"):
        if kind in (*_CALLS, *_OUTPUTS):
            fields.text(name)
    return _described(item, kind)


def _check_message(fields: Fields) -> None:
    fields.choice("role", _ROLES)
    content = fields.get("content")
    if isinstance(content, str):
        return
    for index, part in enumerate(fields.array("content") or ()):
        at = f"{fields.param('content')}[{index}]"
        if not is_object(part):
            raise wrong_type(at, "an object", part)
        inner = Fields(part, at)
        inner.required("type")
        kind = inner.choice("type", _PARTS)
        if kind in ("input_text", "output_text"):
            inner.required("text")
            inner.text("text")


def _described(item: JSONObject, kind: str) -> JSONObject:
    """Make the item that the API returns: with an id, and its content in parts."""
    described = {**item, "type": kind, "id": item.get("id") or new_id(kind)}
    if kind == "message":
        content = item["content"]
        if isinstance(content, str):
            mine = item["role"] == "assistant"
            part: JSONObject = {"type": "output_text" if mine else "input_text", "text": content}
            described["content"] = [{**part, "annotations": [], "logprobs": []} if mine else part]
    if kind == "message" or kind in _CALLS or kind in _OUTPUTS:
        described.setdefault("status", "completed")
    return described


# -- the context as a chat -----------------------------------------------------------------------------------


def check_calls(items: list[JSONObject]) -> None:
    """Check that every call has its output in the context, and every output its call."""
    called = {item["call_id"] for item in items if item["type"] in _CALLS}
    answered = {item["call_id"] for item in items if item["type"] in _OUTPUTS}
    for item in items:
        if item["type"] in _OUTPUTS and item["call_id"] not in called:
            raise invalid(f"No tool call found for function call output with call_id {item['call_id']}.", param="input")
        if item["type"] in _CALLS and item["call_id"] not in answered:
            raise invalid(f"No tool output found for function call {item['call_id']}.", param="input")


def messages(items: list[JSONObject], instructions: str | None) -> list[JSONObject]:
    """Convert a context to chat messages. Items without text for the model, such as reasoning, are left out."""
    said: list[JSONObject] = [{"role": "system", "content": instructions}] if instructions else []
    for item in items:
        kind = item["type"]
        if kind == "message":
            said.append({"role": item["role"], "content": [_part(part) for part in item["content"]]})
        elif kind in _CALLS:
            said.append({"role": "assistant", "content": None, "calls": [item["name"], _written(item)]})
        elif kind in _OUTPUTS:
            output = item["output"]
            content = [_part(part) for part in output] if is_list(output) else str(output)
            said.append({"role": "tool", "content": content})
        elif kind == "compaction":
            said.append({"role": "assistant", "content": item["encrypted_content"]})
    return said


def _written(item: JSONObject) -> str:
    return str(item.get("arguments") or item.get("input") or "")


def _part(part: Any) -> JSONObject:
    if not is_object(part):
        return {"type": "text", "text": str(part)}
    text = part.get("text")
    if text is not None:
        return {"type": "text", "text": str(text)}
    kind = part.get("type")
    return {"type": "refusal", "refusal": str(part.get("refusal"))} if kind == "refusal" else {"type": str(kind)}
