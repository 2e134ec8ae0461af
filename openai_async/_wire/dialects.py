"""The dialects of other servers: a table of the forms that they use in place of the API's, field by field.

The table is read only if a value does not fit, so the API's own form costs nothing. Each form was seen at a server.
Nothing is invented: a truncated body, or one that is no reply, stays an error.

Where reading loses something (a content in parts, of which the text is taken), the original is kept in the value's
`extra` under the field's own name: `to_dict()` gives it back as it came, and so the next request does.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime
from typing import Any, Final, TypeAlias, cast

import attrs

from openai_async._wire import json
from openai_async.types.chat import (
    ChatCompletion,
    ChatCompletionChunk,
    ChatCompletionMessage,
    Choice,
    ChoiceDelta,
    FunctionCall,
)

#: From what a server wrote to what the field takes; anything that it does not know as it is.
Reading: TypeAlias = Callable[[Any], Any]

_NUMBERS: Final = (int, float, int | None, float | None)
_WORDS: Final = (str, str | None)
_NOTHING: Final[Mapping[str, Reading]] = {}
_TEXT_PARTS: Final = (None, "text", "output_text")


def _number(value: Any) -> Any:
    """A number that was written as text."""
    if not isinstance(value, str) or len(value) > 32:
        return value
    try:
        return int(value)
    except ValueError:
        pass
    try:
        return float(value)
    except ValueError:
        return value


def _moment(value: Any) -> Any:
    """A number that was written as text, or a date in place of its seconds since 1970."""
    read = _number(value)
    if not isinstance(read, str) or len(read) > 40:
        return read
    try:
        date = datetime.fromisoformat(read)
        return int((date if date.tzinfo is not None else date.replace(tzinfo=UTC)).timestamp())
    except (ValueError, OverflowError):
        return value


def _word(value: Any) -> Any:
    """An id that was written as a number."""
    return str(value) if value.__class__ is int else value


def _object(value: Any) -> Any:
    """null where an object belongs: it is there, and empty."""
    return {} if value is None else value


def _calls(value: Any) -> Any:
    """A single call where an array of them belongs."""
    return [value] if value.__class__ is dict and ("function" in value or "custom" in value) else value


def _json_text(value: Any) -> Any:
    """A JSON value where its text belongs."""
    return json.dumps(cast("Any", value)).decode() if isinstance(value, (dict, list)) else value


def _text_of_parts(value: Any) -> Any:
    """The text of a content in parts; None if no part is text."""
    parts = cast("list[dict[str, Any]]", [value] if value.__class__ is dict and "type" in value else value)
    if parts.__class__ is not list or any(part.__class__ is not dict for part in parts):
        return value
    texts = [part.get("text") for part in parts if part.get("type") in _TEXT_PARTS]
    return "".join([text for text in texts if isinstance(text, str)]) if texts else None


_MESSAGE: Final[Mapping[str, Reading]] = {"content": _text_of_parts, "tool_calls": _calls}
_READINGS: Final[Mapping[type, Mapping[str, Reading]]] = {
    Choice: {"message": _object},
    ChatCompletionMessage: _MESSAGE,
    ChoiceDelta: _MESSAGE,
    FunctionCall: {"arguments": _json_text},
}


def read(cls: type, data: dict[str, Any]) -> tuple[dict[str, Any], dict[str, Any]]:
    """An object in the API's form, and what is to be kept of the original. The object itself if there is no other form.

    It is not checked any further: what still does not fit is an error.
    """
    changed: dict[str, Any] = {}
    kept: dict[str, Any] = {}
    known = next((base for base in cls.__mro__ if base in _READINGS), None)
    for name, reading in _readings(cls, known):
        if name in data and (value := reading(data[name])) is not data[name]:
            changed[name] = value
            if reading is _text_of_parts:
                kept[name] = data[name]
    if issubclass(cls, ChatCompletionChunk) and "choices" not in data and _is_chunk(data):
        changed["choices"] = []
    if issubclass(cls, ChatCompletion) and data.get("id") is None and (data.get("choices") or data.get("object")):
        changed["id"] = ""
    return ({**data, **changed}, kept) if changed else (data, kept)


def _readings(cls: type, known: type | None) -> Iterator[tuple[str, Reading]]:
    """By field: what the table has, and for all objects numbers and dates as text, and ids as numbers."""
    for field in attrs.fields(cls):
        if field.type in _NUMBERS:
            yield field.name, _moment
        elif field.type in _WORDS and (field.name == "id" or field.name.endswith("_id")):
            yield field.name, _word
    yield from (_READINGS[known] if known is not None else _NOTHING).items()


def _is_chunk(data: Mapping[str, Any]) -> bool:
    """Whether an event without choices is one all the same: it says so, or states the usage."""
    return data.get("object") == "chat.completion.chunk" or isinstance(data.get("usage"), dict)
