"""Objects of Python and of other libraries among the parameters: by their own serializers, or refused by their path."""

from __future__ import annotations

import array
import collections
import dataclasses
import datetime
import decimal
import enum
import fractions
import io
import itertools
import json as stdlib
import mmap
import pathlib
import sys
import types
import uuid
import xml.etree.ElementTree as ET  # (nothing is parsed)
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import attrs
import numpy as np
import openai.types.chat as official
import pydantic
import pytest

from openai_async import AsyncClient
from openai_async._policy.estimates import size_of_request
from openai_async._wire import json
from openai_async.errors import InvalidParameterError
from openai_async.testing import FaultServer, json_reply

SECRET = "canary-4711"
CHAT = {
    "id": "c",
    "object": "chat.completion",
    "created": 1,
    "model": "m",
    "choices": [{"index": 0, "message": {"role": "assistant", "content": "Hello"}, "finish_reason": "stop"}],
}


class Part(pydantic.BaseModel):
    """A part as programs declare it: its type is a default, and one field has another name when it is sent."""

    type: str = "text"
    text: str
    detail: str | None = None
    when: datetime.date | None = None
    of: str | None = pydantic.Field(None, serialization_alias="from")


class Nested(pydantic.BaseModel):
    parts: list[Part]


class Root(pydantic.RootModel[list[int]]):
    """A model that is a list."""


class Failing(pydantic.BaseModel):
    """A model whose serializer fails, and says too much."""

    text: str

    @pydantic.field_serializer("text")
    def _of_text(self, text: str) -> str:
        raise ValueError(SECRET)


@attrs.define
class Point:
    x: int
    label: object


@dataclasses.dataclass(slots=True)
class Slotted:
    part: Part
    _hidden: int = 1


class Kind(str, enum.Enum):  # noqa: UP042 (its str() is another text)
    FAST = "fast"


class Role(enum.Enum):
    USER = "user"


class Cold(float):
    """A float of somebody's own."""


class Told(str):
    """A text of somebody's own, which prints as another one."""

    __slots__ = ()

    def __str__(self) -> str:
        return SECRET


class Pair(NamedTuple):
    role: str
    content: str


TOOL_CALLS = [{"id": "c1", "type": "function", "function": {"name": "f", "arguments": "{}"}}]
TURN = {"role": "assistant", "content": None, "tool_calls": TOOL_CALLS, "reasoning_content": "hm"}
REPLY = official.ChatCompletion.model_validate(
    {
        "id": "c",
        "object": "chat.completion",
        "created": 1,
        "model": "m",
        "choices": [{"index": 0, "finish_reason": "tool_calls", "message": TURN}],
    }
)


def written(params: dict[Any, Any]) -> Any:
    return stdlib.loads(json.dumps(params))


def refused(params: dict[Any, Any]) -> InvalidParameterError:
    """The refusal to encode `params`; it shows no value."""
    with pytest.raises(InvalidParameterError) as caught:
        json.dumps(params)
    assert SECRET not in str(caught.value)
    assert caught.value.__cause__ is None
    return caught.value


@pytest.mark.parametrize(
    ("value", "sent"),
    [
        (Part(text="a"), {"type": "text", "text": "a"}),
        (Part(text="a", detail=None), {"type": "text", "text": "a", "detail": None}),
        (
            Part(text="a", of="b", when=datetime.date(2026, 8, 1)),
            {"type": "text", "text": "a", "when": "2026-08-01", "from": "b"},
        ),
        (Nested(parts=[Part(text="a"), Part(text="b")]), {"parts": [{"type": "text", "text": t} for t in "ab"]}),
        (Root([1, 2]), [1, 2]),
        (REPLY.choices[0].message, TURN),
        (REPLY.choices[0].message.tool_calls, TOOL_CALLS),
        (Slotted(Part(text="a")), {"part": {"type": "text", "text": "a"}, "_hidden": 1}),
        (Point(1, Part(text="a")), {"x": 1, "label": {"type": "text", "text": "a"}}),
        (collections.UserDict(a=Part(text="a")), {"a": {"type": "text", "text": "a"}}),
        (collections.ChainMap({"a": 1}, {"b": 2}), {"a": 1, "b": 2}),
        (types.MappingProxyType({"a": 1}), {"a": 1}),
        (collections.UserList([1]), [1]),
        (collections.UserString("a"), "a"),
        ({"a": 1}.keys(), ["a"]),
        ({"a": 1}.items(), [["a", 1]]),
        (array.array("d", [0.5]), [0.5]),
        (Cold(0.25), 0.25),
        (Told("a"), "a"),
        (Kind.FAST, "fast"),
        (uuid.UUID(int=1), str(uuid.UUID(int=1))),
        (np.float64(0.25), 0.25),
        (np.float32(0.25), 0.25),
        (np.int64(3), 3),
        (np.bool_(True), True),
        (np.str_("a"), "a"),
        (np.array([[1, 2], [3, 4]]), [[1, 2], [3, 4]]),
        (np.array([{"a": 1}]), [{"a": 1}]),
        (
            {np.int64(3): 1, Kind.FAST: 2, Told("t"): 3, uuid.UUID(int=1): 4, None: 5, True: 6, 0.5: 7},
            {"3": 1, "fast": 2, "t": 3, str(uuid.UUID(int=1)): 4, "null": 5, "true": 6, "0.5": 7},
        ),
    ],
    ids=lambda value: type(value).__name__,
)
@pytest.mark.parametrize("beside", [{}, {"logit_bias": {1: 2}}], ids=["fast", "slow"])
def test_objects_are_written_by_their_own_serializers(value: object, sent: object, beside: dict[str, Any]) -> None:
    """Models by alias, with defaults; the official SDK's replies as they came; lists' kin; numpy's numbers."""
    assert written({"it": value, **beside})["it"] == sent


def test_models_of_the_first_pydantic_are_written_as_those_of_the_second() -> None:
    """Defaults are sent, names are aliases, and a None that nobody set is left out."""
    if sys.version_info >= (3, 14):
        pytest.skip("the first version of pydantic does not run there")
    from pydantic import v1

    class OldPart(v1.BaseModel):
        type: str = "text"
        text: str
        detail: str | None = None
        of: str | None = v1.Field(None, alias="from")

    old = OldPart(**{"text": "a", "from": "b"})
    assert written({"it": [old]})["it"] == [{"type": "text", "text": "a", "from": "b"}]


@pytest.mark.parametrize("make", [lambda: map(str, [1]), lambda: itertools.chain(["1"]), lambda: iter(["1"])])
def test_built_in_iterators_are_lists(make: Callable[[], Iterator[str]]) -> None:
    """They are read once, and whole."""
    assert written({"it": make()}) == {"it": ["1"]}


@pytest.mark.parametrize(
    ("make", "reason"),
    [
        (lambda: io.BytesIO(b"canary-4711"), "an open file"),
        (lambda: io.StringIO(SECRET), "an open file"),
        (lambda: pathlib.Path(__file__).open("rb"), "an open file"),  # noqa: SIM115 (the test closes it)
        (lambda: mmap.mmap(-1, 1), "an open file"),
        (lambda: Pair("user", SECRET), "named tuple"),
        (lambda: Part, "the class Part"),
        (lambda: Failing(text=SECRET), "the serializer of Failing failed"),
        (lambda: types.SimpleNamespace(role="user"), "type SimpleNamespace"),
        (lambda: decimal.Decimal("0.5"), "type Decimal"),
        (lambda: fractions.Fraction(1, 2), "type Fraction"),
        (lambda: pathlib.PurePosixPath("a"), "type PurePosixPath"),
        (lambda: datetime.timedelta(1), "type timedelta"),
        (lambda: datetime.time(tzinfo=datetime.UTC), "type time"),
        (lambda: np.datetime64("2026-08-01"), "type datetime64"),
        (lambda: np.complex64(1), "type complex64"),
        (lambda: np.array([b"a"]), "type ndarray"),
        (lambda: ET.Element("a"), "type Element"),
        (lambda: UserWarning(SECRET), "type UserWarning"),
    ],
)
def test_what_is_no_list_by_type_is_refused_by_its_path(make: Callable[[], Any], reason: str) -> None:
    """That it can be iterated makes nothing a list: a file would be sent as its lines, a model as pairs."""
    value = make()
    error = refused({"messages": [{"content": [value]}]})
    assert error.field == "messages[0].content[0]"
    assert reason in str(error)
    if hasattr(value, "close"):
        value.close()


def test_an_iterator_of_anybodys_own_is_no_list() -> None:
    """It may be a stream, a cursor, a file: only generators and the built-in ones are read."""

    class Cursor:
        def __iter__(self) -> Iterator[int]:
            return self

        def __next__(self) -> int:
            raise AssertionError("it was read")

    assert "type Cursor" in str(refused({"input": Cursor()}))


def test_keys_that_are_written_alike_are_refused() -> None:
    """One of them would be lost."""
    assert refused({"logit_bias": {1: 2, "1": 3}}).field == "logit_bias"


@pytest.mark.parametrize("number", [float("nan"), float("inf"), -float("inf"), Cold("nan"), np.float32("inf")])
@pytest.mark.parametrize(
    ("around", "field"),
    [
        (lambda number: {"temperature": number}, "temperature"),
        (lambda number: {"logit_bias": {1: number}}, "logit_bias[1]"),
        (lambda number: {"messages": [{"content": "a"}, {"x": (1.0, number)}]}, "messages[1].x[1]"),
        (lambda number: {"messages": [Point(1, number)]}, "messages[0].label"),
        (lambda number: {"input": (part for part in [1, number])}, "input[1]"),
    ],
)
def test_numbers_that_are_none_are_refused(number: Any, around: Callable[[Any], Any], field: str) -> None:
    """The codec would write null for them, and null means the server's default."""
    error = refused(around(number))
    assert error.field == field
    assert "finite" in str(error)


async def test_turns_of_other_libraries_are_history() -> None:
    """A model of pydantic, a data class and a reply of the official SDK are messages, and count as their text does."""

    @dataclasses.dataclass
    class Message:
        role: Role | str
        content: list[Part]

    sent: list[Any] = [
        {"role": "user", "content": [{"type": "text", "text": "Hi"}]},
        {"role": "user", "content": []},
        TURN,
    ]
    turns = [Message("user", [Part(text="Hi")]), Message(Role.USER, []), REPLY.choices[0].message]
    with FaultServer([json_reply(CHAT)] * 2) as server:
        async with AsyncClient(api_key="k", base_url=server.base_url) as client:
            await client.chat.completions.create(model="m", messages=turns)  # type: ignore[arg-type]
            await client.chat.completions.create(model="m", messages=sent)
            with pytest.raises(InvalidParameterError, match=r"messages\[0\].role"):
                await client.chat.completions.create(model="m", messages=[Part(text="Hi")])  # type: ignore[list-item]
        assert [stdlib.loads(request.body)["messages"] for request in server.requests] == [sent, sent]
    sizes = [size_of_request("/chat/completions", {"messages": some[::2]}) for some in (turns, sent)]
    assert sizes[0] == sizes[1]
