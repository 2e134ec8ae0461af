"""What type checkers say of the chat parameters. Never run: mypy and pyright, both strict, read it.

A line that must be an error carries a `type: ignore`, which both obey, and which both report when one of them
finds nothing to ignore. mypy also checks the kind of the error.
"""

# pyright: reportUnnecessaryTypeIgnoreComment=true

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal, Unpack, overload

from openai_async.types.chat import ChatCompletion, ChatCompletionChunk, ChatCompletionMessage
from openai_async.types.chat_messages import (
    ChatCompletionAssistantMessageParam,
    ChatCompletionContentPartParam,
    ChatCompletionMessageParam,
    ChatCompletionToolMessageParam,
    ChatCompletionUserMessageParam,
)
from openai_async.types.params.chat import (
    ChatCompletionToolChoiceOptionParam,
    ChatCompletionToolParam,
    ChatCompletionToolUnionParam,
    ChatCreateParams,
    ChatParams,
    Grammar,
    ResponseFormat,
    ResponseFormatJSONSchema,
)
from openai_async.types.params.options import RequestOptions
from openai_async.types.settings import NULL, Timeout


@overload
def create(*, stream: Literal[False] = False, **params: Unpack[ChatCreateParams]) -> ChatCompletion: ...
@overload
def create(*, stream: Literal[True], **params: Unpack[ChatCreateParams]) -> ChatCompletionChunk: ...
def create(*, stream: bool = False, **params: Unpack[ChatCreateParams]) -> ChatCompletion | ChatCompletionChunk:
    raise NotImplementedError((stream, params))


def every_kind_of_message() -> None:
    # Annotated, so that no message is taken for "any mapping".
    messages: list[ChatCompletionMessageParam] = [
        {"role": "developer", "content": "Be brief.", "name": "editor"},
        {"role": "system", "content": [{"type": "text", "text": "Be kind."}]},
        {"role": "user", "content": "Hello!"},
        {
            "role": "user",
            "name": "ada",
            "content": [
                {"type": "text", "text": "See:", "prompt_cache_breakpoint": {"mode": "explicit"}},
                {"type": "image_url", "image_url": {"url": "data:image/png;base64,AA", "detail": "low"}},
                {"type": "input_audio", "input_audio": {"data": "AA==", "format": "wav"}},
                {"type": "file", "file": {"file_id": "file-1"}},
                {"type": "file", "file": {"file_data": "AA==", "filename": "a.pdf"}},
            ],
        },
        {"role": "assistant", "content": [{"type": "refusal", "refusal": "No."}]},
        {
            "role": "assistant",
            "content": None,
            "tool_calls": [
                {"id": "1", "type": "function", "function": {"name": "f", "arguments": "{}"}},
                {"id": "2", "type": "custom", "custom": {"name": "g", "input": "x"}},
            ],
        },
        {"role": "tool", "tool_call_id": "1", "content": "21"},
        {"role": "assistant", "audio": {"id": "audio-1"}},
        {"role": "function", "name": "f", "content": None},
    ]
    create(model="m", messages=messages)
    create(model="m", messages=[{"role": "system", "content": "Be kind."}, {"role": "user", "content": "Hello!"}])


def messages_from_elsewhere(reply: ChatCompletionMessage, row: Mapping[str, Any], dump: dict[str, Any]) -> None:
    question = {"role": "user", "content": "Hello!"}
    create(model="m", messages=[question])
    create(model="m", messages=({"role": "user", "content": "Hello!"}, reply))
    create(model="m", messages=[question, reply, row, dump, {"role": "user", "content": "And?"}])

    plain = [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "Hello!"}]
    create(model="m", messages=plain)
    rows: list[dict[str, Any]] = [dump]
    create(model="m", messages=rows)

    history: list[ChatCompletionMessageParam | ChatCompletionMessage] = [{"role": "user", "content": "Hello!"}]
    history.append(reply)
    history.append({"role": "user", "content": "And?"})
    create(model="m", messages=history)

    typed: list[ChatCompletionMessageParam] = []
    typed.append({"role": "user", "content": [{"type": "text", "text": "Hello!"}]})
    create(model="m", messages=typed)

    parts: list[ChatCompletionContentPartParam] = [{"type": "text", "text": "Hello!"}]
    create(model="m", messages=[{"role": "user", "content": parts}])
    create(model="m", messages=[{"role": "user", "content": [{"type": "video_url", "video_url": "x"}]}])


def tools_and_tool_choice(schema: dict[str, Any], generated: list[dict[str, Any]]) -> None:
    messages: list[ChatCompletionMessageParam] = [{"role": "user", "content": "Weather?"}]
    weather: ChatCompletionToolParam = {
        "type": "function",
        "function": {"name": "weather", "description": "Now.", "parameters": schema, "strict": True},
    }
    grammar: Grammar = {"definition": "start: WORD", "syntax": "lark"}
    sql: ChatCompletionToolUnionParam = {
        "type": "custom",
        "custom": {"name": "sql", "format": {"type": "grammar", "grammar": grammar}},
    }
    tools: list[ChatCompletionToolUnionParam] = [weather, sql, {"type": "custom", "custom": {"name": "g"}}]
    create(model="m", messages=messages, tools=tools, tool_choice="required")
    create(model="m", messages=messages, tools=generated, parallel_tool_calls=False)
    create(
        model="m",
        messages=messages,
        tools=[
            weather,
            {
                "type": "function",
                "function": {"name": "f", "parameters": {"type": "object", "properties": {}}},
            },
            {"type": "custom", "custom": {"name": "g", "format": {"type": "text"}}},
            {"type": "a tool of another server"},
        ],
        tool_choice={"type": "function", "function": {"name": "f"}},
    )
    choices: list[ChatCompletionToolChoiceOptionParam] = [
        "auto",
        {"type": "function", "function": {"name": "f"}},
        {"type": "custom", "custom": {"name": "g"}},
        {
            "type": "allowed_tools",
            "allowed_tools": {"mode": "auto", "tools": [{"type": "function", "function": {"name": "f"}}]},
        },
    ]
    create(model="m", messages=messages, tool_choice=choices[0])
    create(model="m", messages=messages, functions=[{"name": "f"}], function_call={"name": "f"})


def response_formats(generated: Mapping[str, Any], schema: dict[str, Any]) -> None:
    messages: list[ChatCompletionMessageParam] = [{"role": "user", "content": "JSON, please."}]
    person: ResponseFormatJSONSchema = {
        "type": "json_schema",
        "json_schema": {"name": "person", "schema": schema, "strict": True},
    }
    formats: list[ResponseFormat] = [person, {"type": "text"}, {"type": "json_object"}]
    create(model="m", messages=messages, response_format=formats[0])
    create(model="m", messages=messages, response_format={"type": "json_object"})
    create(model="m", messages=messages, response_format=generated)


def every_other_parameter() -> None:
    everything: ChatParams = {
        "messages": [{"role": "user", "content": "Hello!"}],
        "model": "m",
        "max_completion_tokens": 100,
        "stop": ["\n", "."],
        "verbosity": "low",
        "temperature": 0,
        "top_p": 0.5,
        "frequency_penalty": -2,
        "presence_penalty": 2.0,
        "logit_bias": {"50256": -100},
        "logprobs": True,
        "top_logprobs": 20,
        "n": 2,
        "seed": 7,
        "modalities": ["text", "audio"],
        "audio": {"voice": {"id": "voice_1"}, "format": "mp3"},
        "prediction": {"type": "content", "content": [{"type": "text", "text": "x = 1"}]},
        "stream_options": {"include_usage": True, "include_obfuscation": False},
        "reasoning_effort": "minimal",
        "web_search_options": {
            "user_location": {"type": "approximate", "approximate": {"country": "FR", "city": "Paris"}},
            "search_context_size": "low",
        },
        "service_tier": "flex",
        "store": False,
        "metadata": {"run": "7"},
        "moderation": {
            "model": "omni-moderation-latest",
            "policy": {"input": {"mode": "block"}, "output": None},
        },
        "safety_identifier": "3f1c",
        "prompt_cache_key": "k",
        "prompt_cache_options": {"mode": "explicit", "ttl": "30m"},
        "max_tokens": 100,
        "user": "3f1c",
        "prompt_cache_retention": "24h",
        "function_call": "auto",
        "functions": [{"name": "f", "parameters": {"type": "object"}}],
    }
    create(**everything)


def open_values_none_and_null(effort: str, maximum: int | None, sampling: dict[str, Any]) -> None:
    messages: list[ChatCompletionMessageParam] = [{"role": "user", "content": "Hello!"}]
    create(model="m", messages=messages, reasoning_effort=effort, tool_choice="of tomorrow")
    create(model="m", messages=messages, max_completion_tokens=maximum, tools=None, user=None)
    create(model="m", messages=messages, temperature=NULL, stop=NULL, logit_bias=NULL, service_tier=NULL)
    create(model="m", messages=messages, stop="\n")
    create(model="m", messages=messages, **sampling)


def options_and_streams(options: RequestOptions) -> None:
    messages: list[ChatCompletionMessageParam] = [{"role": "user", "content": "Hello!"}]
    create(
        model="m",
        messages=messages,
        extra_headers={"X-Trace": "1"},
        extra_query={"api-version": "1"},
        extra_body={"top_k": 40},
        timeout=Timeout(attempt=30.0),
        max_retries=0,
        deadline=60.0,
    )
    create(model="m", messages=messages, timeout=30, deadline=None)
    whole: ChatCompletion = create(model="m", messages=messages, **options)
    chunk: ChatCompletionChunk = create(
        model="m", messages=messages, stream=True, stream_options={"include_usage": True}
    )
    del whole, chunk


def misspelt_or_missing_parameters() -> None:
    create(messages=[])  # type: ignore[call-overload]
    create(model="m", messages=[], temprature=1)  # type: ignore[call-overload]
    create(model="m", messages=["Hello!"])  # type: ignore[list-item]
    no_model: ChatParams = {"messages": []}  # type: ignore[typeddict-item]
    misspelt: ChatParams = {
        "model": "m",
        "messages": [],
        "temprature": 1,  # type: ignore[typeddict-unknown-key]
    }
    streamed: ChatParams = {
        "model": "m",
        "messages": [],
        "stream": True,  # type: ignore[typeddict-unknown-key]
    }
    unknown_option: RequestOptions = {
        "retries": 1,  # type: ignore[typeddict-unknown-key]
    }
    del no_model, misspelt, streamed, unknown_option


def wrong_values(request: ChatParams, option: RequestOptions, words: list[str]) -> None:
    request["messages"] = "Hello!"  # type: ignore[typeddict-item]
    request["messages"] = words  # type: ignore[typeddict-item]
    request["temperature"] = "hot"  # type: ignore[typeddict-item]
    request["logit_bias"] = {50256: -100}  # type: ignore[dict-item]
    request["metadata"] = {"run": 7}  # type: ignore[dict-item]
    request["stop"] = [1]  # type: ignore[list-item]
    request["tools"] = ["f"]  # type: ignore[list-item]
    request["tool_choice"] = ["f"]  # type: ignore[typeddict-item]
    request["audio"] = {"voice": "alloy"}  # type: ignore[typeddict-item]
    # The API takes no null here.
    request["user"] = NULL  # type: ignore[typeddict-item]
    request["tools"] = NULL  # type: ignore[typeddict-item]
    option["timeout"] = "30"  # type: ignore[typeddict-item]
    option["deadline"] = NULL  # type: ignore[typeddict-item]


def an_annotated_value_is_checked_key_by_key() -> None:
    role: ChatCompletionUserMessageParam = {
        "role": "usr",  # type: ignore[typeddict-item]
        "content": "Hello!",
    }
    part: ChatCompletionUserMessageParam = {
        "role": "user",
        "content": [{"type": "text"}],  # type: ignore[list-item]
    }
    answer: ChatCompletionToolMessageParam = {"role": "tool", "content": "21"}  # type: ignore[typeddict-item]
    null: ChatCompletionUserMessageParam = {
        "role": "user",
        "content": None,  # type: ignore[typeddict-item]
    }
    spoken: ChatCompletionAssistantMessageParam = {
        "role": "assistant",
        "content": [{"type": "image_url", "image_url": {"url": "x"}}],  # type: ignore[list-item]
    }
    tool: ChatCompletionToolParam = {
        "type": "function",
        "function": {"nmae": "f"},  # type: ignore[typeddict-item, typeddict-unknown-key]
    }
    output: ResponseFormatJSONSchema = {"type": "json_schema"}  # type: ignore[typeddict-item]
    del role, part, answer, null, spoken, tool, output
