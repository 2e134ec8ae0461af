"""A request for a response: checked, and converted to the chat request that its model answers.

`read` either returns a request that can be answered or raises the API's 400. Nothing after it needs to check again.
"""

from __future__ import annotations

import math
from typing import Any, Literal

import orjson
from attrs import frozen

from openai_async.emulator.chat.messages import characters, prompt_tokens
from openai_async.emulator.chat.request import ChatRequest, Function, custom_tool, unusable_function
from openai_async.emulator.error_responses import ErrorResponse, invalid, not_emulated
from openai_async.emulator.fields import Fields, JSONObject, is_object, wrong_type
from openai_async.emulator.json_schema import strict_fault
from openai_async.emulator.metadata import read_metadata
from openai_async.emulator.responses.items import check_calls, messages
from openai_async.emulator.text import count

__all__ = ["ResponseRequest", "read_conversation"]

Mode = Literal["none", "auto", "required"]
Format = Literal["text", "json_object", "json_schema"]

#: Tools that the API runs itself, and the emulator does not.
_HOSTED = (
    *("apply_patch", "code_interpreter", "computer", "computer_use_preview", "image_generation", "local_shell", "mcp"),
    *("namespace", "programmatic_tool_calling", "shell", "tool_search", "web_search", "web_search_2025_08_26"),
    *("web_search_preview", "web_search_preview_2025_03_11"),
)
_GUESSED_COMPLETION = 16  # tokens that the rate limit assumes for a request that states no maximum
_LOGPROBS = "message.output_text.logprobs"


@frozen
class ResponseRequest:
    """A checked request. `items` is the whole context, `charge` the charged tokens, `settings` the repeated fields."""

    chat: ChatRequest
    items: list[JSONObject]
    charge: int
    settings: JSONObject
    background: bool
    store: bool
    padded: bool
    summarized: bool
    truncated: bool

    @classmethod
    def read(cls, body: JSONObject, history: list[JSONObject], input_items: list[JSONObject]) -> ResponseRequest:
        """Read and check a body. `input_items` are the items of its input, `history` those before them."""
        fields = Fields(body)
        model = fields.text("model")
        if not model:
            raise invalid("Missing required parameter: 'model'.", param="model", code="missing_required_parameter")
        items = [*history, *input_items]
        instructions = fields.text("instructions")
        said = messages(items, instructions)
        if not items and body.get("prompt") is None:
            raise invalid(
                "One of \"input\" or \"previous_response_id\" or 'prompt' or 'conversation_id' must be provided.",
                param="input",
                code="missing_required_parameter",
            )
        check_calls(items)
        store = body.get("store") is None or fields.flag("store")
        background = fields.flag("background")
        if background and not store:
            raise invalid("Background mode requires 'store' to be true.", param="background")
        reasoning = fields.fields("reasoning") or Fields({})
        options = fields.fields("stream_options") or Fields({})
        chat = _chat(fields, body, model, said or [{"role": "system", "content": ""}])
        completion = _GUESSED_COMPLETION if chat.max_tokens is None else chat.max_tokens
        return cls(
            chat=chat,
            items=items,
            charge=math.ceil(characters([history, *(body.get(n) for n in ("input", "instructions", "tools"))]) / 4)
            + completion,
            settings=_settings(fields, body),
            background=background,
            store=store,
            padded=options.get("include_obfuscation") is None or options.flag("include_obfuscation"),
            summarized=reasoning.text("summary") is not None,
            truncated=fields.choice("truncation", ("auto", "disabled")) == "auto",
        )


def read_conversation(fields: Fields) -> str | None:
    """Get the id of the conversation of the request."""
    conversation = fields.get("conversation")
    if is_object(conversation):
        inner = Fields(conversation, "conversation")
        inner.required("id")
        conversation = inner.text("id")
    if conversation is not None and not isinstance(conversation, str):
        raise wrong_type("conversation", "one of a string or object", conversation)
    if conversation is not None and fields.text("previous_response_id") is not None:
        raise invalid(
            "Mutually exclusive parameters: 'previous_response_id' and 'conversation'.",
            param="previous_response_id",
            code="mutually_exclusive_parameters",
        )
    return conversation


def _chat(fields: Fields, body: JSONObject, model: str, said: list[JSONObject]) -> ChatRequest:
    fields.number("temperature", 0, 2)
    fields.number("top_p", 0, 1)
    top = fields.integer("top_logprobs", 0, 20) or 0
    functions, mode = _tools(fields)
    kind, schema = _format(fields, said)
    return ChatRequest(
        model=model,
        messages=said,
        n=1,
        stop=(),
        max_tokens=fields.integer("max_output_tokens", 16),
        seed=None,
        stream=fields.flag("stream"),
        include_usage=True,
        logprobs=_LOGPROBS in (fields.array("include") or ()),
        top_logprobs=top,
        functions=functions,
        mode=mode,
        parallel=fields.get("parallel_tool_calls") is None or fields.flag("parallel_tool_calls"),
        format=kind,
        schema=schema,
        prompt_tokens=prompt_tokens(said) + _weight(body.get("tools")),
        sent_params=frozenset(name for name, value in body.items() if value is not None),
    )


def _weight(tools: Any) -> int:
    return count(orjson.dumps(tools).decode()) if tools else 0


def _settings(fields: Fields, body: JSONObject) -> JSONObject:
    text = fields.mapping("text") or {}
    reasoning = fields.mapping("reasoning") or {}
    return {
        "instructions": body.get("instructions"),
        "max_output_tokens": body.get("max_output_tokens"),
        "max_tool_calls": body.get("max_tool_calls"),
        "parallel_tool_calls": body.get("parallel_tool_calls") is not False,
        "previous_response_id": body.get("previous_response_id"),
        "prompt_cache_key": body.get("prompt_cache_key"),
        "reasoning": {"effort": reasoning.get("effort"), "summary": reasoning.get("summary")},
        "safety_identifier": body.get("safety_identifier"),
        "temperature": 1.0 if body.get("temperature") is None else body["temperature"],
        "text": {"format": text.get("format") or {"type": "text"}, "verbosity": text.get("verbosity") or "medium"},
        "tool_choice": body.get("tool_choice") or "auto",
        "tools": body.get("tools") or [],
        "top_logprobs": body.get("top_logprobs") or 0,
        "top_p": 1.0 if body.get("top_p") is None else body["top_p"],
        "truncation": body.get("truncation") or "disabled",
        "user": body.get("user"),
        "metadata": read_metadata(fields) or {},
    }


# -- tools ---------------------------------------------------------------------------------------------------


def _tools(fields: Fields) -> tuple[tuple[Function, ...], Mode]:
    """Read the functions that may be called. Emulated hosted tools are not among them."""
    tools = fields.array("tools", most=128) or []
    candidates = (_function(tool, f"tools[{index}]") for index, tool in enumerate(tools))
    functions = tuple(function for function in candidates if function is not None)
    choice: Any = fields.get("tool_choice")
    if choice is None:
        return functions, "auto" if functions else "none"
    if isinstance(choice, str):
        return functions, _mode(fields, "tool_choice")
    if not is_object(choice):
        raise wrong_type("tool_choice", "one of a string or an object", choice)
    choice_fields = Fields(choice, "tool_choice")
    choice_fields.required("type")
    if choice["type"] == "allowed_tools":
        allowed = [_named(functions, tool) for tool in choice_fields.array("tools") or () if _is_function(tool)]
        return tuple(allowed), _mode(choice_fields, "mode")
    return ((_named(functions, choice),), "required") if _is_function(choice) else ((), "none")


def _is_function(tool: Any) -> bool:
    return is_object(tool) and tool.get("type") in ("function", "custom")


def _mode(fields: Fields, name: str) -> Mode:
    modes: dict[str | None, Mode] = {"none": "none", "auto": "auto", "required": "required", None: "auto"}
    return modes[fields.choice(name, ("none", "auto", "required"))]


def _function(tool: Any, at: str) -> Function | None:
    if not is_object(tool):
        raise wrong_type(at, "an object", tool)
    fields = Fields(tool, at)
    fields.required("type")
    kind = fields.choice("type", ("function", "custom", "file_search", *_HOSTED))
    if kind == "custom":
        return custom_tool(fields)
    if kind == "file_search":
        return None
    if kind != "function":
        raise not_emulated(f"{at}.type", f"A tool of type '{kind}'")
    fields.required("name")
    name = fields.text("name") or ""
    parameters = fields.mapping("parameters") or {}
    if fields.flag("strict") and (fault := strict_fault(parameters)):
        raise unusable_function(name, fault)
    return Function(name, parameters)


def _named(functions: tuple[Function, ...], choice: JSONObject) -> Function:
    for function in functions:
        if function.name == choice.get("name"):
            return function
    raise invalid(f"Tool choice '{choice.get('name')}' not found in 'tools' parameter.", param="tool_choice")


# -- the form of the text ------------------------------------------------------------------------------------


def _format(fields: Fields, said: list[JSONObject]) -> tuple[Format, JSONObject | None]:
    text = fields.fields("text")
    wanted = None if text is None else text.fields("format")
    if wanted is None:
        return "text", None
    wanted.required("type")
    kind = wanted.choice("type", ("json_object", "json_schema", "text"))
    if kind == "json_object":
        if "json" not in str(said).lower():
            raise invalid(
                "Response input messages must contain the word 'json' in some form to use 'text.format' of type "
                "'json_object'.",
                param="input",
            )
        return "json_object", None
    if kind != "json_schema":
        return "text", None
    wanted.required("name")
    wanted.required("schema")
    schema = wanted.mapping("schema") or {}
    if wanted.flag("strict") and (fault := strict_fault(schema)):
        raise _unusable(wanted, fault)
    return "json_schema", schema


def _unusable(wanted: Fields, fault: object) -> ErrorResponse:
    return invalid(
        f"Invalid schema for response_format '{wanted.text('name')}': {fault}",
        param="text.format.schema",
        code="invalid_json_schema",
    )
