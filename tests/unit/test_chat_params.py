"""The chat parameters are the API's: none missing, none invented, nulls where the API takes nulls."""

from __future__ import annotations

import typing

import pytest

from openai_async.types.chat import ChatCompletionMessage
from openai_async.types.params import chat
from openai_async.types.params.chat import ChatCreateParams, ChatParams
from openai_async.types.params.options import RequestOptions
from openai_async.types.settings import Null

# The request properties of POST /chat/completions in the API's published description, August 2026;
# `stream`, the argument that decides the type of the result, left out.
REQUIRED = ["messages", "model"]
NULLABLE = [
    "audio",
    "frequency_penalty",
    "logit_bias",
    "logprobs",
    "max_completion_tokens",
    "max_tokens",
    "metadata",
    "modalities",
    "moderation",
    "n",
    "prediction",
    "presence_penalty",
    "prompt_cache_key",
    "prompt_cache_retention",
    "reasoning_effort",
    "safety_identifier",
    "seed",
    "service_tier",
    "stop",
    "store",
    "stream_options",
    "temperature",
    "top_logprobs",
    "top_p",
    "verbosity",
]
NOT_NULLABLE = [
    "function_call",
    "functions",
    "parallel_tool_calls",
    "prompt_cache_options",
    "response_format",
    "tool_choice",
    "tools",
    "user",
    "web_search_options",
]


@pytest.fixture(scope="module")
def members() -> dict[str, set[object]]:
    """Each parameter's name, with the members of the union that is its type."""
    # Type checkers alone import the message of a reply; the other names are found in the module itself.
    names = {**vars(chat), "ChatCompletionMessage": ChatCompletionMessage}
    hints = typing.get_type_hints(ChatParams, localns=names)
    return {name: set(typing.get_args(hint)) for name, hint in hints.items()}


def test_parameters_are_those_of_the_api(members: dict[str, set[object]]) -> None:
    """Every parameter of the API is there under its own name, and nothing else is."""
    assert sorted(members) == sorted(REQUIRED + NULLABLE + NOT_NULLABLE)


def test_required_parameters_are_known_at_run_time() -> None:
    """`__required_keys__` tells code that reads request dictionaries what none may lack."""
    assert ChatParams.__required_keys__ == frozenset(REQUIRED)
    assert ChatCreateParams.__required_keys__ == frozenset(REQUIRED)


def test_null_is_accepted_exactly_where_the_api_takes_it(members: dict[str, set[object]]) -> None:
    """The type of a parameter has `NULL` in it if, and only if, the API lets that parameter be null."""
    assert sorted(name for name, union in members.items() if Null in union) == NULLABLE


def test_none_leaves_out_whatever_is_optional(members: dict[str, set[object]]) -> None:
    """Every parameter but the required ones may be None, so that a caller can pass on what it has not got."""
    assert sorted(name for name, union in members.items() if type(None) not in union) == REQUIRED


def test_options_are_apart_from_parameters() -> None:
    """No option has the name of a parameter, none is required, and `create` takes both."""
    options = RequestOptions.__optional_keys__
    assert options == {"extra_body", "extra_headers", "extra_query", "timeout", "max_retries", "deadline", "priority"}
    assert not RequestOptions.__required_keys__
    assert options.isdisjoint(ChatParams.__annotations__)
    assert set(ChatCreateParams.__annotations__) == options | set(ChatParams.__annotations__)
