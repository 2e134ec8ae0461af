"""Read the token usage from the body of any endpoint's response."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final, cast

from openai_async._wire import codec
from openai_async.errors import DecodeError
from openai_async.types.usage import CompletionUsage

_AS_IN_CHATS: Final = {
    "input_tokens": "prompt_tokens",
    "output_tokens": "completion_tokens",
    "input_tokens_details": "prompt_tokens_details",
    "output_tokens_details": "completion_tokens_details",
}


def usage_of(body: Mapping[str, Any]) -> CompletionUsage | None:
    """The usage of a response, in the fields of chat completions; None if the body has none."""
    usage_fields = body.get("usage")
    if not isinstance(usage_fields, dict):
        return None
    named = {_AS_IN_CHATS.get(name, name): value for name, value in cast("dict[str, Any]", usage_fields).items()}
    try:
        usage = codec.structure(CompletionUsage, named).as_completion_usage()
    except DecodeError:  # it is only counted
        return None
    return usage if usage.is_stated else None
