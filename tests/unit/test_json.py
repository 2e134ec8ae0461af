"""Whatever comes in or goes out, JSON raises one error of ours, which names the place and never the value."""

from __future__ import annotations

import collections
import dataclasses
import datetime
import enum
import json as stdlib
import types
from collections.abc import Iterator
from typing import Any

import attrs
import pytest

from openai_async import NULL
from openai_async._wire import json
from openai_async.errors import DecodeError, InvalidParameterError
from openai_async.types.chat import ChatCompletionMessage, FunctionCall, ToolCall

SECRET = "canary-4711"


def refused(params: dict[Any, Any]) -> InvalidParameterError:
    """The refusal to encode `params`; it shows no value, and every terminal can print it."""
    with pytest.raises(InvalidParameterError) as caught:
        json.dumps(params)
    assert SECRET not in str(caught.value)
    assert caught.value.__cause__ is None
    str(caught.value).encode("utf-8")
    return caught.value


# ---- decoding


@pytest.mark.parametrize(
    ("body", "meaning"),
    [
        (b"", "is empty"),
        (b" \r\n\t ", "is empty"),
        (b"<html>canary-4711</html>", "HTML"),
        (b"\n<?xml version='1.0'?>", "HTML or XML"),
        (b'{"id": "canary-4711', "truncated or damaged, 19 bytes"),
        (b'{"id": NaN}', "truncated or damaged"),
        (b"[1,]", "truncated or damaged"),
        (b'{"a": "\xff"}', "truncated or damaged"),
        (b'{"a": "\\ud800"}', "truncated or damaged"),
        (b'{"a": 1e999}', "truncated or damaged"),
        (b"[" * 100_000, "truncated or damaged, 100000 bytes"),
        (b"[" * 5_000 + b"]" * 5_000, "truncated or damaged"),
        (b'{"a":' * 5_000 + b"1" + b"}" * 5_000, "truncated or damaged"),
        (b"canary-4711", "is not JSON, 11 bytes"),
        (b"Infinity", "is not JSON"),
        (b'"canary-4711', "is not JSON"),
        (b"\x00", "is not JSON"),
        (b"\xff\xfe{\x00}\x00", "is not JSON"),
    ],
    ids=lambda value: ascii(value)[:24],
)
def test_what_is_not_json_is_described_not_quoted(body: bytes, meaning: str) -> None:
    """A body that cannot be read is told apart from HTML, from nothing and from a cut one, without a word of it."""
    with pytest.raises(DecodeError, match=meaning) as caught:
        json.loads(body)
    assert SECRET not in str(caught.value)
    assert caught.value.__cause__ is None
    assert caught.value.__suppress_context__
    assert caught.value.path == "$"


def test_deep_nesting_is_read_up_to_a_bound() -> None:
    """A thousand levels are read."""
    assert stdlib.dumps(json.loads(b"[" * 900 + b"]" * 900)) == "[" * 900 + "]" * 900


def test_numbers_keep_their_value() -> None:
    """Integers of 64 bits are exact; larger ones and fractions are floats."""
    assert json.loads(b"[18446744073709551615, -9223372036854775808, 0.5]") == [2**64 - 1, -(2**63), 0.5]
    assert json.loads(b"100000000000000000000") == 1e20


# ---- encoding


@attrs.define
class Point:
    x: int
    label: object


@dataclasses.dataclass
class Plain:
    x: int


class Role(enum.Enum):
    USER = "user"


MESSAGE = ChatCompletionMessage(
    tool_calls=[ToolCall(id="c", type="function", function=FunctionCall(name="f", arguments="{}", extra={"v": 1}))],
    extra={"reasoning": None},
)
MESSAGE_WRITTEN = {
    "role": "assistant",
    "tool_calls": [{"id": "c", "type": "function", "function": {"name": "f", "arguments": "{}", "v": 1}}],
    "reasoning": None,
}


@pytest.mark.parametrize(
    ("value", "written"),
    [
        ("añ😀\x00\n", "añ😀\x00\n"),
        ([1, -0.5, True, None], [1, -0.5, True, None]),
        (2**64 - 1, 2**64 - 1),
        (-(2**63), -(2**63)),
        (NULL, None),
        ([NULL, {"stop": NULL}], [None, {"stop": None}]),
        (MESSAGE, MESSAGE_WRITTEN),
        ([MESSAGE, {"inner": MESSAGE}], [MESSAGE_WRITTEN, {"inner": MESSAGE_WRITTEN}]),
        (Point(1, MESSAGE), {"x": 1, "label": MESSAGE_WRITTEN}),
        (Plain(1), {"x": 1}),
        (Role.USER, "user"),
        ((1, 2), [1, 2]),
        (collections.deque([1, 2]), [1, 2]),
        (range(2), [0, 1]),
        ({"a": 1}.values(), [1]),
        (types.MappingProxyType({"a": 1}), {"a": 1}),
        (collections.OrderedDict(a=1), {"a": 1}),
        ({50256: -100, True: 0, None: 1}, {"50256": -100, "true": 0, "null": 1}),
        (datetime.date(2026, 8, 1), "2026-08-01"),
    ],
)
def test_values_of_the_package_and_of_python_are_written(value: object, written: object) -> None:
    """Replies, `NULL`, integer keys and the usual containers may stand anywhere among the parameters."""
    assert stdlib.loads(json.dumps({"model": "m", "it": value})) == {"model": "m", "it": written}


def test_text_is_written_as_utf8() -> None:
    """No character is escaped that need not be: what is counted and billed is what was written."""
    assert json.dumps({"a": "ñ😀"}) == '{"a":"ñ😀"}'.encode()


@pytest.mark.parametrize("beside", [{}, {"logit_bias": {1: 2}}])
def test_a_generator_is_read_once_and_whole(beside: dict[str, Any]) -> None:
    """What can be read only once is written whole, also when the first way of encoding fails halfway."""
    written = stdlib.loads(json.dumps({"tools": ({"n": n} for n in range(3)), "kinds": map(str, [1]), **beside}))
    assert written["tools"] == [{"n": 0}, {"n": 1}, {"n": 2}]
    assert written["kinds"] == ["1"]


# ---- refusing


@pytest.mark.parametrize(
    ("params", "field", "reason"),
    [
        ({"stop": {SECRET}}, "stop", "type set"),
        ({"stop": frozenset()}, "stop", "type frozenset"),
        ({"messages": [{}, {"content": [{"text": {SECRET}}]}]}, "messages[1].content[0].text", "type set"),
        ({"logit_bias": {1: {SECRET}}}, "logit_bias[1]", "type set"),
        ({"metadata": {"a b": {SECRET}}}, "metadata['a b']", "type set"),
        ({"metadata": {"\ud800": {SECRET}}}, "metadata", "has a key"),
        ({"user": b"canary-4711"}, "user", "type bytes"),
        ({"user": [bytearray(b"canary-4711")]}, "user[0]", "type bytearray"),
        ({"user": memoryview(b"canary-4711")}, "user", "type memoryview"),
        ({"user": object()}, "user", "type object"),
        ({"user": 1j}, "user", "type complex"),
        ({"user": Point}, "user", "the class Point"),
        ({"user": print}, "user", "type builtin_function_or_method"),
        ({"user": SECRET + "\ud800"}, "user", "half of a surrogate pair"),
        ({"messages": [{"content": "\udfff" + SECRET}]}, "messages[0].content", "half of a surrogate pair"),
        ({"messages": (MESSAGE, ChatCompletionMessage(content="\ud800"))}, "messages[1].content", "surrogate"),
        ({"seed": 2**64}, "seed", "more than 64 bits"),
        ({"logit_bias": {"a": [-(2**63) - 1]}}, "logit_bias.a[0]", "more than 64 bits"),
        ({"metadata": {"\ud800": SECRET}}, "metadata", "has a key"),
        ({"metadata": {(1, 2): SECRET}}, "metadata", "has a key"),
        ({(1, 2): SECRET}, "parameters", "has a key"),
    ],
)
def test_what_json_cannot_carry_is_refused_by_its_path(params: dict[Any, Any], field: str, reason: str) -> None:
    """The error names the part at fault and what is wrong with it, and does not show it."""
    error = refused(params)
    assert error.field == field
    assert reason in str(error)


def test_the_part_at_fault_is_found_among_generators() -> None:
    """A generator before the part at fault is not taken for it."""
    error = refused({"tools": (n for n in range(3)), "stop": {SECRET}})
    assert error.field == "stop"


def test_a_generator_that_fails_is_refused() -> None:
    """Not the values before the failure, and no empty list, are sent in its place."""

    def failing() -> Iterator[int]:
        yield 1
        raise RuntimeError(SECRET)

    error = refused({"tools": failing()})
    assert "iterator" in str(error)


def test_a_value_that_holds_itself_is_refused() -> None:
    """A circle is named by where it closes."""
    circle: list[Any] = []
    circle.append({"again": circle})
    error = refused({"messages": circle})
    assert error.field == "messages[0].again"
    assert "holds itself" in str(error)


def test_what_stands_in_two_places_is_no_circle() -> None:
    """One part may be used twice, and beside what only the slower way can write."""
    part = {"type": "text"}
    assert stdlib.loads(json.dumps({"a": [part, part], "b": {1: part}})) == {"a": [part, part], "b": {"1": part}}


def test_nesting_without_end_is_refused() -> None:
    """Depth is bounded in both directions."""
    deep: dict[str, Any] = {"secret": SECRET}
    for _ in range(10_000):
        deep = {"deep": deep}
    assert refused(deep).field.startswith("deep.deep.deep")
