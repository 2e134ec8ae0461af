"""A reply that the published document allows is read without losing anything, and whatever it will say tomorrow, too.

Every object gets fields that the document does not know, now and then; strings of an enumeration become others. What
`to_dict()` gives back is what was sent, but for two things, which `as_sent` states: a null in a field that a class
knows reads as its default, and so does the lack of one.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import attrs
import pytest
from hypothesis import given, settings, strategies as st

from openai_async.resources._pagination import AsyncPage
from openai_async.testing import Script, respond
from openai_async.types._base import Value
from openai_async.types.files import Binary
from tests.spec.calls import Arguments, Wire, finished, json_of, method_of, reply_of
from tests.spec.document import Published, published
from tests.spec.drawn import Drawing
from tests.spec.examples import each, few, many

_LAST_PAGE = json_of({"object": "list", "data": [], "has_more": False})


def as_sent(value: Any, sent: Any) -> Any:
    """What `to_dict()` is to give of a value that was read from `sent`."""
    if isinstance(value, Value) and isinstance(sent, dict):
        fields = {**attrs.fields_dict(type(value))}
        for beside in ("extra", "meta"):
            fields.pop(beside, None)
        expected = {name: part for name, part in sent.items() if name not in fields}
        for name, field in fields.items():
            if sent.get(name) is not None:
                expected[name] = as_sent(getattr(value, name), sent[name])
            elif (default := _default_of(field, value)) is not None:
                expected[name] = default
        return expected
    if isinstance(value, list) and isinstance(sent, list) and len(value) == len(sent):
        return [as_sent(part, whole) for part, whole in zip(value, sent, strict=True)]
    return sent


def _default_of(field: attrs.Attribute[Any], value: Value) -> Any:
    """The default of a field, as JSON; an empty list where a list must be and was null."""
    if field.default is attrs.NOTHING:
        return []
    made = field.default.factory() if isinstance(field.default, attrs.Factory) else field.default  # type: ignore[arg-type]
    return made.to_dict() if isinstance(made, Value) else made


def check_object(value: Any, sent: Any) -> None:
    """The value holds all of what was sent, and nothing else but defaults."""
    assert isinstance(value, Value)
    assert value.to_dict() == as_sent(value, sent)
    for name, part in sent.items():  # fields read as attributes, whether the class knows them or not
        if name.isidentifier() and name not in dir(type(value)):
            assert plain(getattr(value, name)) == as_sent(getattr(value, name), part)


def plain(value: Any) -> Any:
    if isinstance(value, Value):
        return value.to_dict()
    return [plain(part) for part in value] if isinstance(value, list) else value


@st.composite
def answered(draw: st.DrawFn, operation: Published) -> tuple[Arguments, Any]:
    """The least arguments of an operation, and an answer to it: an object of JSON, bytes, or nothing."""
    arguments = Arguments.drawn(draw, operation, optional=False)
    schema = reply_of(operation)
    if schema is not None:
        return arguments, Drawing(draw, unknown=True).value(schema)
    return arguments, draw(st.binary(max_size=50)) if operation.replies else b""


def script_of(answer: Any) -> Script:
    if isinstance(answer, bytes):
        return respond(200, answer, {"content-type": "application/octet-stream"})
    return json_of(answer)


async def every_item(listing: Any) -> list[Any]:
    return [item async for item in listing]


def said_by_the_path(got: Any, arguments: Arguments) -> dict[str, Any]:
    """What a reply without a body says all the same: what was deleted, where its class has a place for it."""
    return {"id": [*arguments.place.values()][-1]} if hasattr(type(got), "id") else {}


def loses_nothing(examples: settings, name: str, wire: Wire) -> None:
    operation = published()[name]
    method = method_of(wire.client, name)

    @examples
    @given(answered(operation))
    def holds(example: tuple[Arguments, Any]) -> None:
        arguments, sent = example
        got = wire.run(lambda: finished(arguments.call(method)), script_of(sent))
        if isinstance(got, Binary):
            assert got.content == sent
        elif isinstance(got, AsyncPage):
            check_page(got, sent)
            items = wire.run(lambda: every_item(arguments.call(method)), script_of(sent), _LAST_PAGE)
            assert items == got.data
        else:
            check_object(got, sent or said_by_the_path(got, arguments))

    holds()


def check_page(page: AsyncPage[Any], sent: Mapping[str, Any]) -> None:
    """Every item is there, and whatever stands beside them."""
    assert len(page.data) == len(sent["data"])
    for item, part in zip(page.data, sent["data"], strict=True):
        check_object(item, part)
    assert page.extra == {name: part for name, part in sent.items() if name != "data"}
    assert page.has_more == bool(sent.get("has_more"))


@each()
def test_a_reply_loses_nothing(name: str, wire: Wire) -> None:
    """Objects, pages and binaries of every operation, typed or not, with fields and strings of tomorrow."""
    loses_nothing(few, name, wire)


@pytest.mark.long
@pytest.mark.timeout(600)
@each()
def test_many_replies_lose_nothing(name: str, wire: Wire) -> None:
    """The long form, with other examples each time."""
    loses_nothing(many, name, wire)
