"""Whatever comes in or goes out, JSON raises one error of ours, which names the place and never the value."""

from __future__ import annotations

import collections
import dataclasses
import datetime
import enum
import json as stdlib
import math
import sys
import types
from collections.abc import Iterator
from typing import Any

import attrs
import orjson
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
        (b'{"id": -NaN}', "truncated or damaged"),
        (b"[1,]", "truncated or damaged"),
        (b'{"a": "\xff"}', "truncated or damaged"),
        (b'{"a": "\\ud8"}', "truncated or damaged"),
        (b'{"a": NaN, "b": "\xff"}', "truncated or damaged"),
        (b'{"a": NaN, "b": canary-4711}', "truncated or damaged"),
        (b"\xef\xbb\xbf", "is empty"),
        (b"\xef\xbb\xbf<html>canary-4711</html>", "HTML"),
        (b"[" * 100_000, "truncated or damaged, 100000 bytes"),
        (b"[" * 5_000 + b"]" * 5_000, "truncated or damaged"),
        (b'{"a":' * 5_000 + b"1" + b"}" * 5_000, "truncated or damaged"),
        (b"canary-4711", "is not JSON, 11 bytes"),
        (b"Infinit", "is not JSON"),
        (b'"canary-4711', "is not JSON"),
        (b"\x00", "is not JSON"),
        (b"\xff\xfe{\x00{\x00", "is not JSON"),
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
    """A thousand levels are read; where it takes the standard decoder, as many as the interpreter has room for."""
    assert stdlib.dumps(json.loads(b"[" * 900 + b"]" * 900)) == "[" * 900 + "]" * 900
    assert stdlib.dumps(json.loads(b"[" * 200 + b"NaN" + b"]" * 200)) == "[" * 200 + "NaN" + "]" * 200


def test_no_recursion_limit_is_high_enough_to_crash_the_decoder(monkeypatch: pytest.MonkeyPatch) -> None:
    """A program may allow itself any depth: what a server nests is bounded all the same. Brackets in texts are none."""
    limit = sys.getrecursionlimit()
    sys.setrecursionlimit(10_000_000)
    try:
        for body in (b"[NaN," + b"[" * 500_000, b'{"a":' * 300_000 + b"NaN" + b"}" * 300_000):
            with pytest.raises(DecodeError, match="truncated or damaged"):
                json.loads(body)
    finally:
        sys.setrecursionlimit(limit)
    brackets = "[{" * 5_000
    assert json.loads(stdlib.dumps([brackets + '"\\', float("inf"), [[]] * 2_000]).encode())[0] == brackets + '"\\'


@pytest.mark.parametrize(
    ("body", "value"),
    [
        (b"[Infinity, -Infinity, 1e999, -1e999]", [math.inf, -math.inf, math.inf, -math.inf]),
        (b"[%b, NaN]" % (b"9" * 5_000), [math.inf]),
        (b"[Infinity, 18446744073709551616, -9223372036854775808]", [math.inf, 2.0**64, -(2**63)]),
        (b"\xef\xbb\xbf[1]", [1]),
        (b'\xef\xbb\xbf["\\ud83d", NaN]', ["\ufffd"]),
        ('[1, "é"]'.encode("utf-16"), [1, "é"]),
        ('[1, "é"]'.encode("utf-32-be"), [1, "é"]),
        (rb'["\ud83d"]', ["\ufffd"]),
        (rb'["a\ude00b", "\ude00\ud83d"]', ["a\ufffdb", "\ufffd\ufffd"]),
        (rb'{"\ud83d": {"\ud83d\ude00": ["\ud83d\ud83d\ude00"]}}', {"\ufffd": {"😀": ["\ufffd😀"]}}),
        (b'["\xed\xa0\xbd\xed\xb8\x80 \xed\xa0\xbd"]', ["😀 \ufffd"]),
    ],
)
def test_what_python_reads_is_read(body: bytes, value: Any) -> None:
    """Many servers are Python programs. What they write is read, and every text of it can be printed and sent again."""
    found = json.loads(body)
    if isinstance(found, list) and isinstance(found[-1], float) and math.isnan(found[-1]):
        del found[-1]
    assert found == value
    stdlib.dumps(found, ensure_ascii=False).encode("utf-8")
    again, text = json.loads_and_normalize(body)
    assert again == json.loads(body) or b"NaN" in body
    orjson.loads(text)


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
