"""The messages of a chat request: their check, and their number of tokens.

Checks roles, contents, and that every tool call is answered. Counts tokens by the published rule of three tokens a
message. Reads only text: images and audio count as a fixed number of tokens and are never decoded.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from openai_async.emulator.error_responses import invalid
from openai_async.emulator.fields import Fields, JSONObject, is_list, is_object, wrong_type
from openai_async.emulator.text import count

__all__ = ["characters", "check_messages", "prompt_tokens", "text_of"]

_ROLES = ("system", "assistant", "user", "function", "tool", "developer")
_PARTS = ("text", "image_url", "input_audio", "refusal", "file")
_MEDIA_TOKENS = 85


def check_messages(fields: Fields) -> list[JSONObject]:
    """Get the request's messages, or refuse them as the API does."""
    messages = fields.required("messages")
    if not is_list(messages):
        raise wrong_type("messages", "an array of objects", messages)
    if not messages:
        raise invalid(
            "Invalid 'messages': empty array. Expected an array with minimum length 1, but got an empty array instead.",
            param="messages",
            code="empty_array",
        )
    for index, message in enumerate(messages):
        _check_message(message, f"messages[{index}]")
    _check_answers(messages)
    return messages


def _check_message(message: Any, at: str) -> None:
    if not is_object(message):
        raise wrong_type(at, "an object", message)
    fields = Fields(message, at)
    fields.required("role")
    role = fields.choice("role", _ROLES)
    fields.text("name")
    content = fields.get("content")
    if content is None:
        if role not in ("assistant", "function") or not _may_be_silent(message):
            raise invalid("Invalid value for 'content': expected a string, got null.", param=fields.param("content"))
    elif is_list(content):
        for index, part in enumerate(content):
            _check_part(part, f"{at}.content[{index}]")
    elif not isinstance(content, str):
        raise wrong_type(fields.param("content"), "one of a string or array of objects", content)
    if role == "tool":
        fields.required_text("tool_call_id")
    for index, call in enumerate(fields.array("tool_calls") or ()):
        if not is_object(call):
            raise wrong_type(f"{at}.tool_calls[{index}]", "an object", call)
        Fields(call, f"{at}.tool_calls[{index}]").required_text("id")


def _may_be_silent(message: JSONObject) -> bool:
    return any(message.get(name) for name in ("tool_calls", "function_call", "refusal", "audio"))


def _check_part(part: Any, at: str) -> None:
    if not is_object(part):
        raise wrong_type(at, "an object", part)
    fields = Fields(part, at)
    fields.required("type")
    kind = fields.choice("type", _PARTS)
    if kind in ("text", "refusal"):
        fields.required(kind)
        fields.text(kind)


def _check_answers(messages: list[JSONObject]) -> None:
    """Check that every tool call is answered by one of the messages directly after it."""
    open_calls: list[str] = []
    for index, message in enumerate([*messages, {"role": "end"}]):
        if message["role"] == "tool":
            if message["tool_call_id"] not in open_calls:
                raise invalid(
                    "Invalid parameter: messages with role 'tool' must be a response to a preceding message "
                    "with 'tool_calls'.",
                    param=f"messages.[{index}].role",
                )
            open_calls.remove(message["tool_call_id"])
            continue
        if open_calls:
            raise invalid(
                "An assistant message with 'tool_calls' must be followed by tool messages responding to each "
                "'tool_call_id'. The following tool_call_ids did not have response messages: "
                f"{', '.join(open_calls)}",
                param=f"messages.[{index - 1}].role",
            )
        open_calls = [call["id"] for call in Fields(message).array("tool_calls") or ()]


def text_of(message: JSONObject) -> str:
    """Get the text of a message, whether its content is a string or parts."""
    content = message.get("content")
    if not is_list(content):
        return content or ""
    return "".join(part.get("text") or part.get("refusal") or "" for part in content)


def _strings(value: Any) -> Iterator[str]:
    """Iterate over the strings that cost tokens. The URL of an image is not one of them."""
    if isinstance(value, str):
        yield value
    elif is_list(value):
        for item in value:
            yield from _strings(item)
    elif is_object(value):
        for name, item in value.items():
            if name not in ("image_url", "input_audio", "file"):
                yield from _strings(item)


def characters(prompt: Any) -> int:
    """Count the characters of all strings of a prompt. A quarter of it is the first estimate of its tokens."""
    return sum(map(len, _strings(prompt)))


def prompt_tokens(messages: list[JSONObject]) -> int:
    """Count the tokens of messages: three each, those of every string, one for a name, three for the reply."""
    total = 3
    for message in messages:
        total += 3 + sum(count(text) for text in _strings(message)) + ("name" in message)
        content = message.get("content")
        if is_list(content):
            total += _MEDIA_TOKENS * sum(part["type"] not in ("text", "refusal") for part in content)
    return total
