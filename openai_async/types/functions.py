"""Convert the deprecated `functions` and `function_call` to `tools` and `tool_choice`, and back.

    params = with_tools({"model": ..., "messages": [...], "functions": [...], "function_call": "auto"})
    reply = with_function_call(await client.chat.completions.create(**params))

An old-style request then gets an old-style reply. Nothing here sends or changes its arguments: converted values are new
objects. What the old form cannot express (a second call in a message, a tool that is not a function) is refused in
requests and omitted from replies.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, cast

import attrs

from openai_async.errors import InvalidParameterError
from openai_async.types.chat import ChatCompletion, ChatCompletionMessage, Choice, ToolCall


def with_tools(params: Mapping[str, Any]) -> dict[str, Any]:
    """Convert the parameters of an old-style request to those of a new-style one.

    Functions become tools; the choice and the messages are converted. Parallel tool calls are turned off, as in the old
    form, unless `parallel_tool_calls` is passed. New-style parameters stay.

    Raises:
        InvalidParameterError: a parameter is in both forms, or in neither.
    """
    new = dict(params)
    for old, name, convert in (
        ("functions", "tools", tools_from_functions),
        ("function_call", "tool_choice", tool_choice_from_function_call),
    ):
        value = new.pop(old, None)
        if value is None:
            continue
        if new.get(name) is not None:
            raise InvalidParameterError(old, f"is the old form of {name}, which is given, too")
        new[name] = convert(value)
        if name == "tools" and new.get("parallel_tool_calls") is None:
            new["parallel_tool_calls"] = False
    if isinstance(new.get("messages"), (list, tuple)):
        new["messages"] = tool_messages(new["messages"])
    return new


def with_functions(params: Mapping[str, Any]) -> dict[str, Any]:
    """Convert the parameters of a new-style request to old ones, for a server without tools.

    Raises:
        InvalidParameterError: the old form cannot express it.
    """
    old = dict(params)
    old.pop("parallel_tool_calls", None)
    if (tools := old.pop("tools", None)) is not None:
        old["functions"] = functions_from_tools(tools)
    if (choice := old.pop("tool_choice", None)) is not None:
        old["function_call"] = function_call_from_tool_choice(choice)
    if isinstance(old.get("messages"), (list, tuple)):
        old["messages"] = function_messages(old["messages"])
    return old


# ---- parameters


def tools_from_functions(functions: Iterable[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Convert functions to tools."""
    return [{"type": "function", "function": dict(function)} for function in functions]


def functions_from_tools(tools: Iterable[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Convert tools to functions, without `strict`, which is newer.

    Raises:
        InvalidParameterError: a tool is not a function.
    """
    functions: list[dict[str, Any]] = []
    for index, tool in enumerate(tools):
        if tool.get("type") != "function":
            raise InvalidParameterError(f"tools[{index}]", "is no function, which is all that the old form has")
        functions.append({name: value for name, value in tool["function"].items() if name != "strict"})
    return functions


def tool_choice_from_function_call(choice: str | Mapping[str, Any]) -> str | dict[str, Any]:
    """ "none" and "auto" stay, `{"name": ...}` becomes `{"type": "function", "function": {"name": ...}}`."""
    return choice if isinstance(choice, str) else {"type": "function", "function": dict(choice)}


def function_call_from_tool_choice(choice: str | Mapping[str, Any]) -> str | dict[str, Any]:
    """Convert a `tool_choice` to a `function_call`.

    Raises:
        InvalidParameterError: it is "required" or allows several tools; the old form has neither.
    """
    if isinstance(choice, str):
        if choice == "required":
            raise InvalidParameterError("tool_choice", "'required' has no old form: name the function")
        return choice
    if choice.get("type") != "function":
        raise InvalidParameterError("tool_choice", "chooses no single function, which is all that the old form can")
    return {"name": choice["function"]["name"]}


# ---- messages


def tool_messages(messages: Iterable[Any]) -> list[Any]:
    """Convert messages with `function_call` and the role "function" to `tool_calls` and the role "tool".

    The old form has no IDs: calls get `call_0`, `call_1`, ... by position. A result belongs to the last call of the
    same name before it.
    """
    converted: list[Any] = []
    waiting: dict[str, str] = {}  # name -> id of its last call
    for position, message in enumerate(messages):
        plain = _plain(message)
        call = plain.get("function_call")
        if call is not None:
            identity = f"call_{position}"
            waiting[call["name"]] = identity
            kept = {name: value for name, value in plain.items() if name != "function_call"}
            converted.append({**kept, "tool_calls": [{"id": identity, "type": "function", "function": dict(call)}]})
        elif plain.get("role") == "function":
            name = plain.get("name")
            if name not in waiting:
                raise InvalidParameterError(f"messages[{position}]", "is the result of a function that was not called")
            converted.append({"role": "tool", "tool_call_id": waiting.pop(name), "content": plain.get("content")})
        else:
            converted.append(message)
    return converted


def function_messages(messages: Iterable[Any]) -> list[Any]:
    """Convert messages with `tool_calls` and the role "tool" to `function_call` and the role "function".

    Raises:
        InvalidParameterError: a message has several calls, or a result has no call.
    """
    converted: list[Any] = []
    names: dict[str, str] = {}  # id -> name
    for position, message in enumerate(messages):
        plain = _plain(message)
        calls: Any = plain.get("tool_calls")
        if calls:
            if len(calls) > 1 or "function" not in calls[0]:
                raise InvalidParameterError(
                    f"messages[{position}].tool_calls", "the old form has one function per message"
                )
            names[calls[0]["id"]] = calls[0]["function"]["name"]
            kept = {name: value for name, value in plain.items() if name != "tool_calls"}
            converted.append({"content": None, **kept, "function_call": dict(calls[0]["function"])})
        elif plain.get("role") == "tool":
            name = names.get(plain.get("tool_call_id", ""))
            if name is None:
                raise InvalidParameterError(f"messages[{position}]", "is the result of a call that was not made")
            converted.append({"role": "function", "name": name, "content": plain.get("content")})
        else:
            converted.append(message)
    return converted


def _plain(message: Any) -> Mapping[str, Any]:
    return message.to_dict() if isinstance(message, ChatCompletionMessage) else cast("Mapping[str, Any]", message)


# ---- replies


def with_function_call(reply: ChatCompletion) -> ChatCompletion:
    """Convert a reply with `tool_calls` to one with `function_call`: the first of several calls."""
    return attrs.evolve(reply, choices=[_old_choice(choice) for choice in reply.choices])


def with_tool_calls(reply: ChatCompletion) -> ChatCompletion:
    """Convert a reply of an old server with `function_call` to one with `tool_calls`."""
    return attrs.evolve(reply, choices=[_new_choice(choice, reply.id) for choice in reply.choices])


def _old_choice(choice: Choice) -> Choice:
    calls = choice.message.tool_calls or []
    function = next((call.function for call in calls if call.function is not None), None)
    if function is None:
        return choice
    return attrs.evolve(
        choice,
        message=attrs.evolve(choice.message, tool_calls=None, function_call=function),
        finish_reason="function_call" if choice.finish_reason == "tool_calls" else choice.finish_reason,
    )


def _new_choice(choice: Choice, reply: str) -> Choice:
    function = choice.message.function_call
    if function is None:
        return choice
    call = ToolCall(id=f"call_{reply}_{choice.index}", type="function", function=function)
    return attrs.evolve(
        choice,
        message=attrs.evolve(choice.message, tool_calls=[call], function_call=None),
        finish_reason="tool_calls" if choice.finish_reason == "function_call" else choice.finish_reason,
    )
