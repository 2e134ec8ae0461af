"""Encode parameters as JSON text with orjson (measured: 0.06x of the standard module's time).

The only error is `InvalidParameterError`, which names the part by its path and never shows a value. Nothing is changed
silently: NaN does not become null, a file not its lines, and a lone surrogate not another character.

Plain values are written by orjson alone, other objects through `types._objects`. Only what orjson refuses, and what may
hold NaN (it writes null), is walked through here.
"""

from __future__ import annotations

import datetime
import enum
import math
import re
import uuid
from collections.abc import Iterator
from typing import Any, Final, cast

import orjson

from openai_async.errors import InvalidParameterError
from openai_async.types._objects import NoJSONFormError, is_iterator, unfolded

#: Levels of nesting that orjson writes.
_DEEPEST: Final = 254
_LONGEST_PATH: Final = 128
#: Data classes are written here, so that both ways write the same.
_OPTIONS: Final = orjson.OPT_PASSTHROUGH_DATACLASS
_NULL: Final = re.compile(rb"[:,\[]null")  # none inside of most texts
_LEAVES: Final = (datetime.datetime, datetime.date, datetime.time, uuid.UUID)


def dumps(value: Any, field: str = "") -> bytes:
    """Encode the parameters of a call. Replies, `NULL` and objects of other libraries may stand anywhere in them.

    Args:
        value: the parameters.
        field: what an error calls them; empty if they have names themselves.

    Raises:
        InvalidParameterError: a part cannot be sent; names the part.
    """
    try:
        encoded = orjson.dumps(value, default=unfolded, option=_OPTIONS)
    except (TypeError, RecursionError):
        pass
    else:
        if b"null" in encoded and _NULL.search(encoded):  # meant, or a number that JSON cannot carry
            plain(value, field)
        return encoded
    # Keys that are not texts, as in logit_bias={50256: -100}, generators, and whatever cannot be written.
    return orjson.dumps(plain(value, field))


def plain(value: Any, field: str = "") -> Any:
    """The same in dicts, lists, texts, numbers, booleans and None. Generators in it are used up.

    Args:
        value: anything.
        field: what an error calls it.

    Raises:
        InvalidParameterError: a part has no such form; names the part.
    """
    try:
        return _plain(value, set())
    except _Fault as fault:
        path, reason = (field + "".join(reversed(fault.labels))).lstrip("."), fault.reason
    except RecursionError:
        path, reason = field, "nests too deeply"
    raise InvalidParameterError(path[:_LONGEST_PATH] or "parameters", reason)


class _Fault(Exception):
    """A part that cannot be written. Each level that it passes adds its label."""

    def __init__(self, reason: str) -> None:
        super().__init__()
        self.reason = reason
        self.labels: list[str] = []


def _plain(value: Any, inside: set[int]) -> Any:
    """One value. `inside` are the ids of the objects around it."""
    if value is None or value.__class__ is bool:
        return value
    if isinstance(value, enum.Enum):
        return _plain(value.value, inside)
    if isinstance(value, str):
        return _text(value)
    if isinstance(value, int):
        if -(2**63) <= value < 2**64:
            return int(value)
        raise _Fault("is an integer of more than 64 bits")
    if isinstance(value, float):
        if math.isfinite(value):
            return float(value)
        raise _Fault("must be a finite number")
    if id(value) in inside:
        raise _Fault("holds itself")
    if len(inside) >= _DEEPEST:
        raise _Fault("nests too deeply")
    inside.add(id(value))
    try:
        return _composed(value, inside)
    finally:
        inside.remove(id(value))


def _text(value: str) -> str:
    if not value.isascii():
        try:
            value.encode()
        except UnicodeEncodeError:
            raise _Fault("holds half of a surrogate pair, which UTF-8 cannot carry") from None
    return str.__str__(value)  # of a class of its own, the plain text


def _composed(value: Any, inside: set[int]) -> Any:
    if isinstance(value, dict):
        return _object(value, inside)  # pyright: ignore[reportUnknownArgumentType]
    if isinstance(value, list) or type(value) is tuple:
        return _list(cast("list[Any]", value), inside)
    if isinstance(value, _LEAVES):
        return _written(value)
    if is_iterator(value):
        return _plain(_drawn(value), inside)
    try:
        converted = unfolded(value)
    except NoJSONFormError as error:
        reason = str(error)
    except Exception as error:  # of a serializer of somebody's own, whose message may show anything
        reason = f"the serializer of {type(value).__name__} failed with {type(error).__name__}"
    else:
        return _plain(converted, inside)
    raise _Fault(reason)


def _list(value: list[Any], inside: set[int]) -> list[Any]:
    converted: list[Any] = []
    try:
        for part in value:
            converted.append(_plain(part, inside))  # noqa: PERF401 (how many there are is the label of one that fails)
    except _Fault as fault:
        fault.labels.append(f"[{len(converted)}]")
        raise
    return converted


def _object(value: dict[Any, Any], inside: set[int]) -> dict[str, Any]:
    converted: dict[str, Any] = {}
    for key, part in value.items():
        name = _key(key)
        if name in converted:
            raise _Fault("has two keys that are written alike")
        try:
            converted[name] = _plain(part, inside)
        except _Fault as fault:
            fault.labels.append(_label(key))
            raise
    return converted


def _key(key: Any) -> str:
    """A key as JSON has it."""
    if not isinstance(key, str) or isinstance(key, enum.Enum):
        try:
            pair = orjson.dumps({_scalar(key): None}, option=orjson.OPT_NON_STR_KEYS)
        except (TypeError, ValueError):
            raise _Fault("has a key that cannot be sent") from None
        (key,) = cast("dict[str, None]", orjson.loads(pair))
    try:
        return _text(key)
    except _Fault as fault:
        fault.reason = "has a key that cannot be sent"
        raise


def _scalar(key: Any) -> Any:
    """What a key of numpy, or a float of a class of its own, is."""
    if isinstance(key, (bool, int, enum.Enum, *_LEAVES)) or key is None:
        return key
    converted = unfolded(key)
    if isinstance(converted, float) and not math.isfinite(converted):
        raise NoJSONFormError
    return converted


def _label(key: object) -> str:
    # Anything but a plain name is shown escaped, so that the message can always be printed.
    return f".{key}" if isinstance(key, str) and key.isidentifier() else f"[{key!r:.40}]"


def _written(value: object) -> str:
    """A date, a time or a UUID as orjson writes it."""
    try:
        return str(orjson.loads(orjson.dumps(value)))
    except TypeError:
        raise _Fault(f"a value of type {type(value).__name__} cannot be sent") from None


def _drawn(value: Iterator[Any]) -> list[Any]:
    try:
        return list(value)
    except Exception as error:
        reason = f"is an iterator that fails with {type(error).__name__}"
    raise _Fault(reason)
