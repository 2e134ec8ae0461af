"""A chat request: checked, with its defaults, and with its tool choice resolved.

`ChatRequest.read` either returns a request that can be answered or raises the API's 400. Nothing after it needs to
check again.
"""

from __future__ import annotations

from typing import Any, Literal

import orjson
from attrs import frozen

from openai_async.emulator.chat.messages import check_messages, prompt_tokens
from openai_async.emulator.error_responses import ErrorResponse, invalid, not_emulated
from openai_async.emulator.fields import Fields, JSONObject, is_object, wrong_type
from openai_async.emulator.json_schema import strict_fault
from openai_async.emulator.sampling import read_stop
from openai_async.emulator.text import count

__all__ = ["ChatRequest", "Function", "FunctionKind", "custom_tool", "unusable_function", "unusable_schema"]

ToolMode = Literal["none", "auto", "required"]
FunctionKind = Literal["function", "custom", "deprecated"]


@frozen
class Function:
    """A tool that the model may call. `parameters` is the JSON Schema of its arguments.

    A custom tool takes any text. A deprecated one came in `functions`.
    """

    name: str
    parameters: JSONObject
    kind: FunctionKind = "function"


@frozen
class ChatRequest:
    """A checked request. `functions` are those that `tool_choice` allows, `mode` is whether one must be called.

    `sent_params` names the parameters that were sent and not null.
    """

    model: str
    messages: list[JSONObject]
    n: int
    stop: tuple[str, ...]
    max_tokens: int | None
    seed: int | None
    stream: bool
    include_usage: bool
    logprobs: bool
    top_logprobs: int
    functions: tuple[Function, ...]
    mode: ToolMode
    parallel: bool
    format: Literal["text", "json_object", "json_schema"]
    schema: JSONObject | None
    prompt_tokens: int
    sent_params: frozenset[str]

    @classmethod
    def read(cls, body: JSONObject) -> ChatRequest:
        """Read and check a request's body."""
        fields = Fields(body)
        model = fields.text("model")
        if not model:
            raise invalid("you must provide a model parameter")
        messages = check_messages(fields)
        _refuse_unemulated(fields)
        for name, low, high in (
            ("temperature", 0, 2),
            ("top_p", 0, 1),
            ("presence_penalty", -2, 2),
            ("frequency_penalty", -2, 2),
        ):
            fields.number(name, low, high)
        fields.mapping("logit_bias")
        stream = fields.flag("stream")
        logprobs = fields.flag("logprobs")
        deprecated = fields.get("functions") is not None or fields.get("function_call") is not None
        functions, mode = _deprecated(fields) if deprecated else _tools(fields)
        parallel = fields.get("parallel_tool_calls") is None or fields.flag("parallel_tool_calls")
        kind, schema = _response_format(fields, messages)
        return cls(
            model=model,
            messages=messages,
            n=fields.integer("n", 1, 128) or 1,
            stop=read_stop(fields),
            max_tokens=_max_tokens(fields),
            seed=fields.integer("seed"),
            stream=stream,
            include_usage=_include_usage(fields, stream),
            logprobs=logprobs,
            top_logprobs=_top_logprobs(fields, logprobs),
            functions=functions,
            mode=mode,
            parallel=parallel and not deprecated,
            format=kind,
            schema=schema,
            prompt_tokens=prompt_tokens(messages) + _weight(body.get("tools")),
            sent_params=frozenset(name for name, value in body.items() if value is not None),
        )


def _refuse_unemulated(fields: Fields) -> None:
    """Refuse by name what would change the answer and is not emulated."""
    if "audio" in (fields.array("modalities") or ()):
        raise not_emulated("modalities", "Audio output")
    for name in ("audio", "web_search_options", "moderation"):
        if fields.get(name) is not None:
            raise not_emulated(name, f"'{name}'")


def _weight(tools: Any) -> int:
    return count(orjson.dumps(tools).decode()) if tools else 0


def _max_tokens(fields: Fields) -> int | None:
    old, new = fields.integer("max_tokens", 1), fields.integer("max_completion_tokens", 1)
    if old is not None and new is not None:
        raise invalid(
            "Setting 'max_tokens' and 'max_completion_tokens' at the same time is not supported.",
            param="max_tokens",
            code="invalid_parameter_combination",
        )
    return new if old is None else old


def _include_usage(fields: Fields, stream: bool) -> bool:
    options = fields.fields("stream_options")
    if options is None:
        return False
    if not stream:
        raise invalid(
            "The 'stream_options' parameter is only allowed when 'stream' is enabled.", param="stream_options"
        )
    return options.flag("include_usage")


def _top_logprobs(fields: Fields, logprobs: bool) -> int:
    top = fields.integer("top_logprobs", 0, 20)
    if top is not None and not logprobs:
        raise invalid("The 'top_logprobs' parameter is only allowed when 'logprobs' is enabled.", param="top_logprobs")
    return top or 0


# -- tools ---------------------------------------------------------------------------------------------------


def _tools(fields: Fields) -> tuple[tuple[Function, ...], ToolMode]:
    tools = fields.array("tools", most=128)
    functions = tuple(_function(tool, f"tools[{index}]") for index, tool in enumerate(tools or ()))
    choice: Any = fields.get("tool_choice")
    if choice is None:
        return functions, "auto" if functions else "none"
    if tools is None:
        raise invalid("'tool_choice' is only allowed when 'tools' are specified.", param="tool_choice")
    if isinstance(choice, str):
        return functions, _mode(fields, "tool_choice")
    if not is_object(choice):
        raise wrong_type("tool_choice", "one of a string or an object", choice)
    if choice.get("type") != "allowed_tools":
        return (_named(functions, choice),), "required"
    allowed = Fields(choice, "tool_choice").fields("allowed_tools") or Fields({}, "tool_choice.allowed_tools")
    listed = allowed.array("tools") or []
    return tuple(_named(functions, tool) for tool in listed), _mode(allowed, "mode")


def _deprecated(fields: Fields) -> tuple[tuple[Function, ...], ToolMode]:
    """Read `functions` and `function_call`, which tools have replaced."""
    if fields.get("tools") is not None:
        raise invalid("'functions' and 'tools' cannot be given together.", param="functions")
    listed = fields.array("functions", most=128)
    functions = tuple(_deprecated_function(each, f"functions[{index}]") for index, each in enumerate(listed or ()))
    choice: Any = fields.get("function_call")
    if choice is None:
        return functions, "auto"
    if not functions:
        raise invalid("'function_call' is only allowed when 'functions' are specified.", param="function_call")
    if isinstance(choice, str):
        return functions, "none" if fields.choice("function_call", ("none", "auto")) == "none" else "auto"
    choice_fields = fields.fields("function_call") or fields
    choice_fields.required("name")
    chosen = tuple(function for function in functions if function.name == choice["name"])
    if not chosen:
        raise invalid(f"Function '{choice['name']}' was not found in the 'functions' parameter.", param="function_call")
    return chosen, "required"


def _deprecated_function(value: Any, at: str) -> Function:
    if not is_object(value):
        raise wrong_type(at, "an object", value)
    fields = Fields(value, at)
    fields.required("name")
    return Function(fields.text("name") or "", fields.mapping("parameters") or {}, "deprecated")


def custom_tool(fields: Fields) -> Function:
    """Read a custom tool, which takes any text. One with a grammar is refused by name."""
    fields.required("name")
    form = fields.fields("format")
    if form is not None and form.choice("type", ("text", "grammar")) == "grammar":
        raise not_emulated(form.param("type"), "A custom tool with a grammar")
    return Function(fields.text("name") or "", {}, "custom")


def _mode(fields: Fields, name: str) -> ToolMode:
    modes: dict[str | None, ToolMode] = {"none": "none", "auto": "auto", "required": "required"}
    return modes[fields.choice(name, ("none", "auto", "required"))]


def _function(tool: Any, at: str) -> Function:
    """Read one tool."""
    if not is_object(tool):
        raise wrong_type(at, "an object", tool)
    fields = Fields(tool, at)
    fields.required("type")
    if fields.choice("type", ("function", "custom")) == "custom":
        fields.required("custom")
        return custom_tool(fields.fields("custom") or fields)
    fields.required("function")
    inner = fields.fields("function") or fields
    inner.required("name")
    name = inner.text("name") or ""
    parameters = inner.mapping("parameters") or {}
    if inner.flag("strict") and (fault := strict_fault(parameters)):
        raise unusable_function(name, fault)
    return Function(name, parameters)


def unusable_function(name: str, fault: object) -> ErrorResponse:
    return invalid(f"Invalid schema for function '{name}': {fault}", param="tools", code="invalid_function_parameters")


def _named(functions: tuple[Function, ...], choice: Any) -> Function:
    kind = "custom" if is_object(choice) and choice.get("type") == "custom" else "function"
    function: Any = choice.get(kind) if is_object(choice) else None
    name = function.get("name") if is_object(function) else None
    for candidate in functions:
        if candidate.name == name:
            return candidate
    raise invalid(f"Tool choice '{name}' was not found in the 'tools' parameter.", param="tool_choice")


# -- response_format -----------------------------------------------------------------------------------------


def _response_format(
    fields: Fields, messages: list[JSONObject]
) -> tuple[Literal["text", "json_object", "json_schema"], JSONObject | None]:
    wanted = fields.fields("response_format")
    if wanted is None:
        return "text", None
    wanted.required("type")
    kind = wanted.choice("type", ("json_object", "json_schema", "text"))
    if kind == "json_object":
        if "json" not in str(messages).lower():
            raise invalid(
                "'messages' must contain the word 'json' in some form, to use 'response_format' of type 'json_object'.",
                param="messages",
            )
        return "json_object", None
    if kind != "json_schema":
        return "text", None
    wanted.required("json_schema")
    inner = wanted.fields("json_schema") or wanted
    inner.required("name")
    inner.required("schema")
    schema = inner.mapping("schema") or {}
    if inner.flag("strict") and (fault := strict_fault(schema)):
        raise unusable_schema(fault)
    return "json_schema", schema


def unusable_schema(fault: object) -> ErrorResponse:
    return invalid(f"Invalid schema for response_format: {fault}", param="response_format")
