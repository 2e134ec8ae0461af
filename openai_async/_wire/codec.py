"""Structure plain JSON values into typed values, with compiled cattrs hooks.

Lenient forward, strict backward: unknown fields are kept in `extra`, unknown strings are values; but a missing
required field or a value of the wrong JSON type is a `DecodeError` that names the path, never the value.

Hooks are compiled on first use of a class. One stream chunk costs about 4 us.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Hashable, Mapping
from types import NoneType, UnionType
from typing import Any, Final, TypeVar, Union, get_args, get_origin

import attrs
import cattrs
from cattrs.cols import list_structure_factory
from cattrs.gen import make_dict_structure_fn, override
from cattrs.v import transform_error

from openai_async._wire import dialects, json
from openai_async.errors import DecodeError
from openai_async.types._base import Polled, Value

#: Types of Python -> those that JSON has for them.
_PRIMITIVES: Final[Mapping[Any, tuple[type, ...]]] = {
    str: (str,),
    int: (int, float),
    float: (int, float),
    bool: (bool,),
}

T = TypeVar("T")
V = TypeVar("V", bound=Value)


def decode(cls: type[V], body: bytes) -> V:
    """JSON text -> value.

    Raises:
        DecodeError: not JSON, or not an object of this shape.
    """
    return structure(cls, json.loads(body))


def structure(cls: type[V], data: object) -> V:
    """Plain value -> typed value; raises `DecodeError`."""
    try:
        return _hook(cls)(data, cls)  # type: ignore[no-any-return, arg-type]  # classes hash; their values do not
    except (KeyError, TypeError, ValueError, AttributeError, RecursionError):
        raise _explain(cls, data) from None


def decoder(cls: type[V], *, event: bool = False) -> Callable[[bytes], V]:
    """`decode` for one class, with its hook looked up once: the hot path.

    `event`: what is decoded are the events of a stream, where a character may be cut in two; see `json.loads_event`.
    """
    return _decoder(cls, event)  # type: ignore[arg-type]  # classes hash; their values do not


@functools.cache
def _decoder(cls: Any, event: bool) -> Callable[[bytes], Any]:
    hook = _hook(cls)
    loads = json.loads_event if event else json.loads

    def decode_one(body: bytes) -> Any:
        data = loads(body)
        try:
            return hook(data, cls)
        except (KeyError, TypeError, ValueError, AttributeError, RecursionError):
            raise _explain(cls, data) from None

    return decode_one


def _explain(cls: type[Value], data: object) -> DecodeError:
    """Structure again with full checking, to name the path. Runs only once decoding has failed."""
    try:
        _explaining().structure(data, cls)
    except RecursionError:
        return DecodeError(f"the body nests too deeply to be a {cls.__name__}")
    except Exception as error:
        problem = transform_error(error, path="$", format_exception=_without_value)[0]
        reason, _, path = problem.rpartition(" @ ")
        return DecodeError(f"the body is not a {cls.__name__}: {reason} at {path}", path=path)
    return DecodeError(f"the body is not a {cls.__name__}")


def _without_value(error: BaseException, wanted: type | None) -> str:
    if isinstance(error, KeyError):
        return f"field {error.args[0]!r} is missing"
    expected = f", expected {getattr(wanted, '__name__', wanted)}" if wanted is not None else ""
    return f"wrong type of value{expected}"


@functools.cache
def _hook(cls: Hashable) -> Callable[[Any, Any], Any]:
    return _converter().get_structure_hook(cls)


@functools.cache
def _converter() -> cattrs.Converter:
    return _build(detailed=False)


@functools.cache
def _explaining() -> cattrs.Converter:
    return _build(detailed=True)


def _build(*, detailed: bool) -> cattrs.Converter:
    converter = cattrs.Converter(detailed_validation=detailed)
    for primitive, accepted in _PRIMITIVES.items():
        converter.register_structure_hook(primitive, _checked(*accepted))
    converter.register_structure_hook_func(lambda cls: cls == dict[str, Any], _checked(dict))
    converter.register_structure_hook_factory(
        _is_optional,
        lambda cls: _structure_optional(cls, converter),  # pyright: ignore[reportUnknownLambdaType, reportUnknownArgumentType]
    )
    converter.register_structure_hook_factory(
        _is_list,
        lambda cls: _structure_list(cls, converter),  # pyright: ignore[reportUnknownLambdaType, reportUnknownArgumentType]
    )
    converter.register_structure_hook_factory(
        _is_value,
        lambda cls: _structure_value(cls, converter),  # pyright: ignore[reportUnknownLambdaType, reportUnknownArgumentType]
    )
    return converter


def _is_value(cls: Any) -> bool:
    return isinstance(cls, type) and issubclass(cls, Value)


def _is_list(cls: Any) -> bool:
    return get_origin(cls) is list


def _checked(*accepted: type) -> Callable[[Any, Any], Any]:
    """Pass a value of the accepted JSON types through as it is: no copy, no coercion, and true is not 1."""

    only = accepted[0]

    def check_one(value: Any, _: Any) -> Any:
        if value.__class__ is only:
            return value
        raise TypeError("wrong JSON type")

    def check(value: Any, _: Any) -> Any:
        if value.__class__ in accepted:
            return value
        raise TypeError("wrong JSON type")

    return check_one if len(accepted) == 1 else check


def _is_optional(cls: Any) -> bool:
    return get_origin(cls) in (Union, UnionType) and len(get_args(cls)) == 2 and NoneType in get_args(cls)


def _structure_optional(cls: Any, converter: cattrs.Converter) -> Callable[[Any, Any], Any]:
    """The library's hook looks its inner one up for every value."""
    inner = next(part for part in get_args(cls) if part is not NoneType)
    if inner in _PRIMITIVES:
        return _checked(NoneType, *_PRIMITIVES[inner])
    hook: Callable[[Any, Any], Any] | None = None  # not yet: a class may hold itself

    def structure_optional(value: Any, _: Any) -> Any:
        nonlocal hook
        if value is None:
            return None
        if hook is None:
            hook = converter.get_structure_hook(inner)
        return hook(value, inner)

    return structure_optional


def _structure_list(cls: Any, converter: cattrs.Converter) -> Callable[[Any, Any], Any]:
    """The library's hook takes anything that can be iterated: `{}` and `""` would read as empty lists."""
    fill = list_structure_factory(cls, converter)

    def structure_list(data: Any, _: Any) -> Any:
        if data.__class__ is not list:
            raise TypeError("not a JSON array")
        return fill(data, cls)

    return structure_list


_EMPTY: Final[tuple[Any, ...]] = ("", [], {})


def _without_empty(data: dict[str, Any], optional: frozenset[str]) -> dict[str, Any]:
    return {name: part for name, part in data.items() if part not in _EMPTY or name not in optional}


def _structure_value(cls: type[Value], converter: cattrs.Converter) -> Callable[[Any, Any], Any]:
    """The compiled hook for the fields we know; what is left over goes into `extra`."""
    fields = {field.name: field for field in attrs.fields(cls)}
    omitted: dict[str, Any] = {name: override(omit=True) for name in ("extra", "meta") if name in fields}
    fill = make_dict_structure_fn(cls, converter, _cattrs_detailed_validation=converter.detailed_validation, **omitted)
    known = frozenset(fields.keys() - omitted.keys())
    optional = frozenset(name for name in known if fields[name].default is None)
    is_list = "data" in known and _is_list(fields["data"].type)
    reads_nothing = issubclass(cls, Polled)
    required_lists = [name for name in known if fields[name].default is attrs.NOTHING and _is_list(fields[name].type)]

    def structure_value(data: Any, _: Any) -> Any:
        if data.__class__ is not dict:
            if data.__class__ is not list or not is_list:
                raise TypeError("not a JSON object")
            data = {"data": data}  # some servers write the items of a list alone
        original = data
        if reads_nothing:
            data = _without_empty(data, optional)
        try:
            value = fill(data, cls)
        except (TypeError, KeyError, cattrs.BaseValidationError):
            readable, kept = dialects.read(cls, data)
            # Servers write null for "nothing here": it reads as absent, and as an empty list where one must be.
            # So are "", [] and {} where they do not fit.
            empty = {name for name in optional & readable.keys() if readable[name] in _EMPTY}
            if readable is data and None not in data.values() and not empty:
                raise
            present = {name: part for name, part in readable.items() if part is not None}
            present |= {name: [] for name in required_lists if name in data and data[name] is None}
            try:
                value = fill(present, cls)
            except (TypeError, KeyError, cattrs.BaseValidationError):
                if not empty:
                    raise
                value = fill(_without_empty(present, optional), cls)
                kept = {name: readable[name] for name in empty} | kept
            if kept:
                value.extra = {name: part for name, part in data.items() if name not in known} | kept
                return value
        if (reads_nothing and len(original) > len(data)) or not known.issuperset(data):
            # What was read as nothing is kept as it came: `to_dict()` gives it back.
            value.extra = {name: part for name, part in original.items() if name not in known or name not in data}
        return value

    return structure_value
