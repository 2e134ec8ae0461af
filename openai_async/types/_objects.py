"""Objects of other libraries as JSON: one level at a time, by their own serializer if they have one.

Nothing is imported that the program has not imported itself: an object of a library that is not loaded does not exist.
"""

from __future__ import annotations

import collections
import dataclasses
import itertools
import json as stdlib
import sys
from collections.abc import ItemsView, KeysView, Mapping, Sequence, ValuesView
from typing import Any, Final, cast

import attrs

from openai_async.types._base import Value

#: Generators, `map`, `zip`, `iter([...])` and their kin. A class of anybody's own that can be iterated is no list.
_ITERATORS_OF: Final = ("builtins", "itertools")
#: Kinds of numpy's types that JSON has: booleans, integers, floats, texts; and objects, which are looked at one by one.
_NUMPY_KINDS: Final = "biufUO"


class NoJSONFormError(TypeError):
    """An object has no form in JSON. The message is the reason, and shows nothing of the object."""


def has_fields(value: object) -> bool:
    """Whether an object becomes a JSON object when it is sent: a mapping, a reply, a model, a data class."""
    return (
        isinstance(value, (Mapping, Value))
        or _is_pydantic(value)
        or (not isinstance(value, type) and (attrs.has(type(value)) or dataclasses.is_dataclass(value)))
        or _is_msgspec(value)
    )


def is_iterator(value: object) -> bool:
    """Whether it is a generator or a built-in iterator, which can be read only once."""
    return type(value).__module__ in _ITERATORS_OF and hasattr(value, "__next__")


def unfolded(value: object) -> Any:
    """Convert one object to a dict, a list, a number or a string. Its parts may still be objects.

    Raises:
        NoJSONFormError: it has no such form, or none that is certain to be meant.
    """
    if isinstance(value, Value):
        return value.to_dict()
    if isinstance(value, type):
        raise NoJSONFormError(f"the class {value.__name__} was given where a value is expected")
    if isinstance(value, Mapping):
        return dict(value)  # pyright: ignore[reportUnknownVariableType, reportUnknownArgumentType]
    if has_fields(value):
        return _fields_of(value)
    if isinstance(value, float):
        return float(value)
    if type(value).__module__.partition(".")[0] == "numpy":
        return _of_numpy(value)
    if isinstance(value, collections.UserString):
        return str(value)
    if _is_list(value):
        return list(cast("Sequence[object]", value))
    raise NoJSONFormError(_reason(value))


def _is_list(value: object) -> bool:
    """Whether it is a list by its type. Iterability is not enough: files yield lines, models yield pairs."""
    kind: Any = type(value)
    if issubclass(kind, tuple) and hasattr(kind, "_fields"):  # pyright: ignore[reportUnknownArgumentType]
        raise NoJSONFormError(f"{kind.__name__} is a named tuple: give its _asdict(), or a list")
    kin = isinstance(value, (Sequence, collections.deque, KeysView, ValuesView, ItemsView))
    return kin and not isinstance(value, (str, bytes, bytearray, memoryview))


def _reason(value: object) -> str:
    if hasattr(value, "read"):
        return "an open file cannot be sent: read it"
    return f"a value of type {type(value).__name__} cannot be sent"


def _fields_of(value: Any) -> Any:
    if _is_pydantic(value):
        return _of_pydantic(value)
    if attrs.has(type(value)):  # pyright: ignore[reportUnknownArgumentType]
        return attrs.asdict(value, recurse=False)
    if dataclasses.is_dataclass(value):
        return {field.name: getattr(value, field.name) for field in dataclasses.fields(value)}
    return sys.modules["msgspec"].to_builtins(value)


def _is_pydantic(value: object) -> bool:
    """Whether it is a model of pydantic 2, pydantic 1 or `pydantic.v1`."""
    return any(
        (module := sys.modules.get(name)) is not None
        and isinstance(base := getattr(module, "BaseModel", None), type)
        and isinstance(value, base)
        for name in ("pydantic", "pydantic.v1")
    )


def _is_msgspec(value: object) -> bool:
    module = sys.modules.get("msgspec")
    return module is not None and isinstance(value, module.Struct)


def _of_pydantic(model: Any) -> Any:
    """Convert a model by its own serializer, with its aliases.

    Defaults are sent, as a part's `type` usually is one. A field that nobody set and that is None is left out: so are
    the fields that a reply of the official SDK did not come with.
    """
    if hasattr(model, "model_dump"):
        complete = model.model_dump(mode="json", by_alias=True, warnings=False)
        set_fields = model.model_dump(mode="json", by_alias=True, warnings=False, exclude_unset=True)
    else:
        complete = stdlib.loads(model.json(by_alias=True))
        set_fields = stdlib.loads(model.json(by_alias=True, exclude_unset=True))
    return _without_unset(complete, set_fields)


def _without_unset(complete: Any, set_fields: Any) -> Any:
    if isinstance(complete, dict):
        set_here: dict[str, Any] = set_fields if isinstance(set_fields, dict) else {}  # pyright: ignore[reportUnknownVariableType]
        return {
            name: _without_unset(part, set_here.get(name))
            for name, part in cast("dict[str, Any]", complete).items()
            if part is not None or name in set_here
        }
    if isinstance(complete, list):
        set_items: list[Any] = set_fields if isinstance(set_fields, list) else []  # pyright: ignore[reportUnknownVariableType]
        return list(itertools.starmap(_without_unset, itertools.zip_longest(complete, set_items)))  # pyright: ignore[reportUnknownArgumentType]
    return complete


def _of_numpy(value: Any) -> Any:
    kind = getattr(getattr(value, "dtype", None), "kind", None)
    if kind is None or kind not in _NUMPY_KINDS:
        raise NoJSONFormError(f"a value of type {type(value).__name__} cannot be sent")
    return value.tolist()
