"""What the properties draw: JSON, text that is hard to carry, cuts, and objects of the API."""

from __future__ import annotations

import typing
from collections.abc import Callable
from typing import Any

import attrs
from hypothesis import strategies as st

from openai_async.types._base import Value
from openai_async.types.chat import ChatCompletion, ChatCompletionChunk
from openai_async.types.conversations import Conversation
from openai_async.types.models import Model, ModelList
from openai_async.types.responses import Response, ResponseStreamEvent

#: Any text, half surrogate pairs included.
any_text = st.text(st.characters(exclude_categories=()))
#: Text that UTF-8 can carry.
text = st.text()
numbers = st.integers(-(2**63), 2**64 - 1) | st.floats(allow_nan=False, allow_infinity=False)
#: Anything that JSON can say.
json_values: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | numbers | text,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(text, inner, max_size=4),
    max_leaves=12,
)
#: The replies that are decoded from a body of their own.
BODIES: tuple[type[Value], ...] = (
    ChatCompletion,
    ChatCompletionChunk,
    Conversation,
    Model,
    ModelList,
    Response,
    ResponseStreamEvent,
)


@st.composite
def pieces(draw: st.DrawFn, whole: bytes) -> list[bytes]:
    """`whole`, cut anywhere: as it is, in some pieces, or byte by byte."""
    if draw(st.integers(0, 3)) == 0:
        return [whole[index : index + 1] for index in range(len(whole))]
    cuts = sorted(draw(st.lists(st.integers(0, len(whole)), max_size=8)))
    return [whole[start:end] for start, end in zip([0, *cuts], [*cuts, len(whole)], strict=True)]


def fields_of(cls: type[Value]) -> dict[str, attrs.Attribute[Any]]:
    """The fields of the JSON object: what is kept beside it left out."""
    resolved = attrs.resolve_types(cls)
    return {field.name: field for field in attrs.fields(resolved) if field.name not in ("extra", "meta")}


def is_value(kind: Any) -> bool:
    return isinstance(kind, type) and issubclass(kind, Value)


def unwrapped(kind: Any) -> Any:
    """The type of a field without its `| None`."""
    return next((part for part in typing.get_args(kind) if part is not type(None)), kind) if is_optional(kind) else kind


def is_optional(kind: Any) -> bool:
    return type(None) in typing.get_args(kind)


def objects(cls: type[Value], *, unknown: bool = True) -> st.SearchStrategy[dict[str, Any]]:
    """JSON objects that are right for `cls`: optional fields may be missing or null, unknown ones there."""
    required: dict[str, st.SearchStrategy[Any]] = {}
    optional: dict[str, st.SearchStrategy[Any]] = {}
    for name, field in fields_of(cls).items():
        drawn = contents(field.type, unknown=unknown)
        if field.default is attrs.NOTHING:
            required[name] = drawn
        else:
            optional[name] = st.none() | drawn
    known = st.fixed_dictionaries(required, optional=optional)
    if not unknown:
        return known
    names = text.filter(lambda name: name not in required and name not in optional)
    return st.builds(lambda a, b: {**a, **b}, st.dictionaries(names, json_values, max_size=2), known)


def contents(kind: Any, *, unknown: bool) -> st.SearchStrategy[Any]:
    """JSON values that are right for the type of a field."""
    kind = unwrapped(kind)
    if is_value(kind):
        return st.deferred(lambda: objects(kind, unknown=unknown))
    if typing.get_origin(kind) is list:
        return st.lists(contents(typing.get_args(kind)[0], unknown=unknown), max_size=2)
    simple: dict[Any, Callable[[], st.SearchStrategy[Any]]] = {
        str: lambda: text,
        int: lambda: st.integers(-(2**63), 2**64 - 1),
        float: lambda: numbers,
        bool: st.booleans,
        Any: lambda: json_values,
        dict[str, Any]: lambda: st.dictionaries(text, json_values, max_size=2),
    }
    return simple[kind]()


def as_read(cls: type[Value], data: dict[str, Any]) -> dict[str, Any]:
    """What `to_dict` gives back for `data`: nulls of known fields are absent, defaults are there, the rest is kept."""
    fields = fields_of(cls)
    out = {name: part for name, part in data.items() if name not in fields}
    for name, field in fields.items():
        part = data.get(name)
        if part is None:
            default = field.default.factory() if isinstance(field.default, attrs.Factory) else field.default  # type: ignore[arg-type]
            if default is not None:
                out[name] = default.to_dict() if isinstance(default, Value) else default
        else:
            out[name] = part_as_read(unwrapped(field.type), part)
    return out


def part_as_read(kind: Any, part: Any) -> Any:
    if is_value(kind):
        return as_read(kind, part)
    if typing.get_origin(kind) is list:
        return [part_as_read(typing.get_args(kind)[0], item) for item in part]
    return part
