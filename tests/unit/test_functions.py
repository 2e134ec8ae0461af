"""`functions` and `function_call` become `tools` and `tool_choice`, and the other way round."""

from __future__ import annotations

import copy
from typing import Any

import pytest

from openai_async import AsyncClient, InvalidParameterError
from openai_async.emulator import Emulator
from openai_async.types.chat import ChatCompletion, ChatCompletionMessage, Choice, FunctionCall, ToolCall
from openai_async.types.functions import (
    function_call_from_tool_choice,
    function_messages,
    functions_from_tools,
    tool_choice_from_function_call,
    tool_messages,
    tools_from_functions,
    with_function_call,
    with_functions,
    with_tool_calls,
    with_tools,
)

WEATHER = {
    "name": "get_current_weather",
    "parameters": {"type": "object", "properties": {"location": {"type": "string"}}},
}
CALL = {"name": "get_current_weather", "arguments": '{"location": "Paris"}'}
OLD_MESSAGES: list[dict[str, Any]] = [
    {"role": "user", "content": "What is the weather in Paris?"},
    {"role": "assistant", "content": None, "function_call": CALL},
    {"role": "function", "name": "get_current_weather", "content": "22 C"},
    {"role": "assistant", "content": None, "function_call": CALL},
    {"role": "function", "name": "get_current_weather", "content": "23 C"},
]
OLD: dict[str, Any] = {
    "model": "emulated-mini",
    "messages": OLD_MESSAGES,
    "functions": [WEATHER],
    "function_call": {"name": "get_current_weather"},
    "temperature": 0,
}


def test_an_old_request_becomes_a_new_one_and_back() -> None:
    """Functions, choice and messages; what is neither stays; the request that was given is not changed."""
    before = copy.deepcopy(OLD)
    new = with_tools(OLD)
    assert before == OLD
    assert new["tools"] == [{"type": "function", "function": WEATHER}]
    assert new["tool_choice"] == {"type": "function", "function": {"name": "get_current_weather"}}
    assert new["parallel_tool_calls"] is False
    assert new["temperature"] == 0
    assert not {"functions", "function_call"} & new.keys()
    calls = [(message["role"], message.get("tool_call_id")) for message in new["messages"]]
    assert calls == [("user", None), ("assistant", None), ("tool", "call_1"), ("assistant", None), ("tool", "call_3")]
    assert new["messages"][1]["tool_calls"] == [{"id": "call_1", "type": "function", "function": CALL}]
    assert with_functions(new) == OLD


def test_a_request_without_functions_stays_as_it_is() -> None:
    """Nothing is added to a request that has neither form, and a new one is not touched."""
    plain = {"model": "m", "messages": [{"role": "user", "content": "x"}]}
    new = {**plain, "tools": [{"type": "function", "function": WEATHER}], "parallel_tool_calls": True}
    assert (with_tools(plain), with_tools(new), with_functions(plain)) == (plain, new, plain)
    assert with_tools({**plain, "functions": [WEATHER], "parallel_tool_calls": True})["parallel_tool_calls"] is True


@pytest.mark.parametrize("choice", ["none", "auto", {"name": "f"}])
def test_a_choice_goes_there_and_back(choice: Any) -> None:
    """Each old choice has a new form, and that one the old form again."""
    assert function_call_from_tool_choice(tool_choice_from_function_call(choice)) == choice


def test_what_the_old_form_cannot_say_is_refused() -> None:
    """Custom tools, "required", choices among several, several calls in a message, answers to nothing."""
    custom = {"type": "custom", "custom": {"name": "x"}}
    two: Any = {"role": "assistant", "tool_calls": [{"id": "a", "function": CALL}, {"id": "b", "function": CALL}]}
    refusals: list[tuple[Any, Any, str]] = [
        (functions_from_tools, [{"type": "function", "function": WEATHER}, custom], "tools[1]"),
        (function_call_from_tool_choice, "required", "tool_choice"),
        (function_call_from_tool_choice, {"type": "allowed_tools"}, "tool_choice"),
        (function_messages, [two], "messages[0].tool_calls"),
        (function_messages, [{"role": "tool", "tool_call_id": "a", "content": ""}], "messages[0]"),
        (tool_messages, OLD_MESSAGES[2:], "messages[0]"),
        (with_tools, {**OLD, "tools": []}, "functions"),
    ]
    for convert, value, field in refusals:
        with pytest.raises(InvalidParameterError) as caught:
            convert(value)
        assert caught.value.field == field
    assert functions_from_tools(tools_from_functions([{**WEATHER, "strict": True}])) == [WEATHER]


def test_a_reply_becomes_an_old_one_and_a_new_one_again() -> None:
    """`tool_calls` to `function_call` with its finish reason, and back; everything else is kept."""
    calls = [
        ToolCall(id="call_9", type="function", function=FunctionCall(**CALL)),
        ToolCall(id="call_10", type="custom"),
    ]
    message = ChatCompletionMessage(tool_calls=calls, extra={"reasoning_content": "hm"})
    words = Choice(message=ChatCompletionMessage(content="Hello!"), index=1, finish_reason="stop")
    reply = ChatCompletion(id="c", choices=[Choice(message=message, finish_reason="tool_calls"), words])
    old = with_function_call(reply)
    assert old.choices[0].message.function_call == FunctionCall(**CALL)
    assert old.choices[0].message.tool_calls is None
    assert old.choices[0].message.extra == {"reasoning_content": "hm"}
    assert [choice.finish_reason for choice in old.choices] == ["function_call", "stop"]
    assert old.choices[1] == words
    assert reply.choices[0].message.tool_calls == calls, "what was given is not changed"
    new = with_tool_calls(old)
    assert new.choices[0].finish_reason == "tool_calls"
    assert new.choices[0].message.function_call is None
    assert new.choices[0].message.tool_calls == [
        ToolCall(id="call_c_0", type="function", function=FunctionCall(**CALL))
    ]
    assert with_function_call(new).choices[0].message == old.choices[0].message


async def test_an_old_request_gets_an_old_reply_from_a_server_of_today() -> None:
    """The whole way: old request, new on the wire, old reply, and its message goes into the next old request."""
    with Emulator().run() as server:
        async with AsyncClient(api_key="k", base_url=server.base_url) as client:
            request = {**OLD, "messages": OLD_MESSAGES[:1]}
            reply = with_function_call(await client.chat.completions.create(**with_tools(request)))
            (choice,) = reply.choices
            assert choice.finish_reason in ("function_call", "stop")
            assert choice.message.function_call is not None
            assert choice.message.function_call.name == "get_current_weather"
            answer = {"role": "function", "name": "get_current_weather", "content": "22 C"}
            request = {"model": "emulated-mini", "messages": [*OLD_MESSAGES[:1], choice.message, answer]}
            final = await client.chat.completions.create(**with_tools(request))
            assert "22 C" in final.text
