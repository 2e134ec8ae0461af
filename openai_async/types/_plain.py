"""Public values as plain dicts and as JSON, by the method names that frameworks call.

`to_dict()` is the object as the API has it: absent fields are omitted. `model_dump()` is what pydantic's method of that
name returns: every known field is present, absent ones as None. Both exist as JSON text. FastAPI and pydantic models
call `model_dump()`. Pydantic is imported only when it calls a hook here.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Collection, Iterator, Mapping
from enum import Enum
from typing import Any, ClassVar, Final, Literal, TypeAlias, TypedDict, Unpack, cast

import attrs
import orjson

#: Fields by name, or by name with what to take of each; of a list by index, or by "__all__".
Selection: TypeAlias = "Collection[str] | Collection[int] | Mapping[str, Any] | Mapping[int, Any]"


class DumpOptions(TypedDict, total=False):
    """The options of pydantic's `model_dump`.

    Attributes:
        include, exclude: names of fields, or a mapping from names to the same for each part.
        exclude_none, exclude_unset: omit fields that are None. A field that the server omitted is None, too.
        exclude_defaults: omit fields that have their default value.
        mode, by_alias, context, round_trip, warnings, fallback, serialize_as_any, exclude_computed_fields: accepted,
            without effect: a dump always has JSON types, and no field has an alias.
    """

    include: Selection | None
    exclude: Selection | None
    exclude_none: bool
    exclude_unset: bool
    exclude_defaults: bool
    mode: Literal["json", "python"] | str
    by_alias: bool | None
    context: Any
    round_trip: bool
    warnings: bool | Literal["none", "warn", "error"]
    fallback: Any
    serialize_as_any: bool
    exclude_computed_fields: bool


_OPTIONS: Final = frozenset(DumpOptions.__annotations__)
#: Names that say that all of a field is meant.
_ALL: Final = (True, ...)


class Plain:
    """Base class of public values: conversion to dicts and to JSON."""

    __slots__ = ()

    #: Whether None says that a server left the field out.
    _none_is_unset: ClassVar[bool] = False

    def _items(self) -> Iterator[tuple[str, Any]]:
        """The fields, in order."""
        for field in attrs.fields(type(self)):  # type: ignore[arg-type]  # every value is one of attrs
            if not field.name.startswith("_"):
                yield field.name, getattr(self, field.name)

    def _shown(self) -> Iterator[tuple[str, object]]:
        """The present fields that are shown."""
        for field in attrs.fields(type(self)):  # type: ignore[arg-type]
            if field.repr and not field.name.startswith("_") and (value := getattr(self, field.name)) is not None:
                yield field.name, value

    def __iter__(self) -> Iterator[Any]:
        """The fields as pairs of name and value, so that `dict(value)` has them. FastAPI asks for that."""
        return self._items()

    def to_dict(
        self,
        *,
        mode: str = "json",
        use_api_names: bool = True,
        exclude_unset: bool = True,
        exclude_defaults: bool = False,
        exclude_none: bool = False,
        warnings: bool = True,
    ) -> dict[str, Any]:
        """Convert the value to a dict of JSON types.

        Args:
            exclude_unset: omit fields that the server omitted. Values that are not server replies keep all.
            exclude_none: omit every field that is None.
            exclude_defaults: omit fields that have their default value.
            mode, use_api_names, warnings: accepted for compatibility with the official client; without effect.
        """
        return _dumped(self, {"exclude_none": exclude_none, "exclude_defaults": exclude_defaults})

    def to_json(
        self,
        *,
        indent: int | None = None,
        use_api_names: bool = True,
        exclude_unset: bool = True,
        exclude_defaults: bool = False,
        exclude_none: bool = False,
        warnings: bool = True,
    ) -> str:
        """Convert `to_dict()` to JSON text: on one line (valid in SSE and JSONL), unless `indent` is passed."""
        fields = self.to_dict(exclude_unset=exclude_unset, exclude_defaults=exclude_defaults, exclude_none=exclude_none)
        return json_text(fields, indent)

    def model_dump(self, **options: Unpack[DumpOptions]) -> dict[str, Any]:
        """Convert the value to a dict of JSON types with all known fields, like pydantic's `model_dump`.

        Raises:
            TypeError: an option is not one of pydantic's.
        """
        return _dumped(self, _checked(options))

    def model_dump_json(
        self, *, indent: int | None = None, ensure_ascii: bool = False, **options: Unpack[DumpOptions]
    ) -> str:
        """Convert `model_dump()` to JSON text, on one line unless `indent` is passed.

        Raises:
            TypeError: an option is not one of pydantic's.
        """
        return json_text(_dumped(self, _checked(options)), indent, ensure_ascii=ensure_ascii)

    def __repr__(self) -> str:
        return f"{type(self).__name__}({', '.join(f'{name}={value!r}' for name, value in self._shown())})"

    def __rich_repr__(self) -> Iterator[Any]:
        """How terminals show it (https://rich.readthedocs.io/en/stable/pretty.html)."""
        yield from self._shown()

    def _repr_pretty_(self, printer: Any, cycle: bool) -> None:
        """How notebooks show it, in lines (https://ipython.readthedocs.io, `IPython.lib.pretty`)."""
        with printer.group(2, f"{type(self).__name__}(", ")"):
            for number, (name, value) in enumerate(self._shown()):
                if number:
                    printer.text(",")
                    printer.breakable()
                printer.text(f"{name}=")
                printer.pretty(value)

    @property
    def __pydantic_serializer__(self) -> Any:
        """How pydantic writes it where a field may hold anything (`dict[str, Any]`)."""
        if "pydantic_core" not in sys.modules:
            raise AttributeError("pydantic is not loaded")
        from openai_async.types._pydantic import serializer

        return serializer(Plain, type(self))  # type: ignore[arg-type]  # classes hash; their values do not

    @classmethod
    def __get_pydantic_core_schema__(cls, source: Any, handler: Any) -> Any:
        """How pydantic validates and writes it. Called by pydantic alone."""
        from openai_async.types._pydantic import Schemas

        return Schemas(Plain).core_schema(cls)

    @classmethod
    def __get_pydantic_json_schema__(cls, schema: Any, handler: Any) -> dict[str, Any]:
        """How pydantic describes it. Called by pydantic alone."""
        from openai_async.types._pydantic import Schemas

        return Schemas(Plain).json_schema(cls)


class Record(Plain):
    """A value of this package that is not an API object. Notebooks show it as a table."""

    __slots__ = ()

    def _repr_html_(self) -> str:
        return table([(name, value) for name, value in self._shown()])


def json_default(value: object) -> Any:
    """The `default` function of `json.dumps` and `orjson.dumps` for values of this package.

        json.dumps({"reply": reply}, default=json_default)

    Raises:
        TypeError: the value is not one of this package.
    """
    if isinstance(value, Plain):
        return value.to_dict()
    if is_error(value):
        return _error_fields(value)
    raise TypeError(f"a value of type {type(value).__name__} cannot be written as JSON")


def json_text(value: Any, indent: int | None = None, *, ensure_ascii: bool = False) -> str:
    """JSON text of JSON types; numbers that JSON cannot represent become null."""
    if indent in (None, 2) and not ensure_ascii:
        try:
            return orjson.dumps(value, default=json_default, option=orjson.OPT_INDENT_2 if indent else 0).decode()
        except TypeError:
            pass  # half a surrogate pair, an integer of more than 64 bits, keys that are no text
    compact = (",", ":") if indent is None else None
    value = _finite(value)
    text = json.dumps(value, default=json_default, indent=indent, separators=compact, ensure_ascii=ensure_ascii)
    try:
        text.encode()
    except UnicodeEncodeError:
        return json.dumps(value, default=json_default, indent=indent, separators=compact)
    return text


def _finite(value: Any) -> Any:
    if isinstance(value, float):
        return value if value - value == 0 else None
    if isinstance(value, dict):
        return {name: _finite(item) for name, item in value.items()}  # pyright: ignore
    if isinstance(value, list):
        return [_finite(item) for item in value]  # pyright: ignore
    return value


def table(rows: Collection[Collection[object]], heads: Collection[str] = ()) -> str:
    """An HTML table; every cell is escaped and cut to one line."""
    from html import escape  # slow to load

    def cells(row: Collection[object], tag: str) -> str:
        return "".join(f"<{tag}>{escape(short(cell, 200))}</{tag}>" for cell in row)

    lines = [cells(row, "td") for row in rows]
    if heads:
        lines.insert(0, cells(heads, "th"))
    return f"<table>{''.join(f'<tr>{line}</tr>' for line in lines)}</table>"


def short(value: object, most: int = 60) -> str:
    """A value on one line of limited length."""
    text = value if isinstance(value, str) else repr(value)
    line = " ".join(text[: 4 * most].split())
    return line if len(line) <= most and len(text) <= 4 * most else f"{line[: most - 3]}..."


def is_error(value: object) -> bool:
    """Whether a value is an exception."""
    return isinstance(value, BaseException)


# ---- dumping


def _checked(options: DumpOptions) -> Mapping[str, Any]:
    for name in options:
        if name not in _OPTIONS:
            raise TypeError(f"model_dump() has no option {name!r}")
    return cast("Mapping[str, Any]", options)


def _dumped(value: Plain, options: Mapping[str, Any]) -> dict[str, Any]:
    """The fields that the options keep."""
    include, exclude = options.get("include"), options.get("exclude")
    without_none = options.get("exclude_none") or (value._none_is_unset and options.get("exclude_unset"))
    defaults = _defaults(type(value)) if options.get("exclude_defaults") else {}
    fields: dict[str, Any] = {}
    for name, part in value._items():
        if (part is None and without_none) or (name in defaults and defaults[name] == part):
            continue
        if (picked := _picked(name, include, exclude)) is not None:
            fields[name] = _plain(part, options, *picked)
    return fields


def _plain(value: Any, options: Mapping[str, Any], include: Any, exclude: Any) -> Any:
    """The JSON form of a part. Plain dicts and lists are not copied unless something is excluded."""
    if isinstance(value, Plain):
        return _dumped(value, {**options, "include": include, "exclude": exclude})
    if isinstance(value, (list, tuple)):
        items = [(index, item, _picked(index, include, exclude)) for index, item in enumerate(cast("list[Any]", value))]
        return [_plain(item, options, *picked) for _, item, picked in items if picked is not None]
    if isinstance(value, Mapping):
        named: Mapping[Any, Any] = value  # pyright: ignore[reportUnknownVariableType]
        if include is None and exclude is None and not any(isinstance(item, Plain) for item in named.values()):
            return named if isinstance(named, dict) else dict(named)
        chosen = [(name, item, _picked(name, include, exclude)) for name, item in named.items()]
        return {name: _plain(item, options, *picked) for name, item, picked in chosen if picked is not None}
    if isinstance(value, Enum):
        return value.value
    return _error_fields(value) if is_error(value) else value


def _error_fields(error: Any) -> dict[str, Any]:
    """An exception as a dict: its class, its text and the server's fields."""
    fields = {"type": type(error).__name__, "message": str(error)}
    more = {name: getattr(error, name, None) for name in ("status_code", "code", "param", "request_id")}
    return fields | {name: value for name, value in more.items() if isinstance(value, (str, int))}


def _picked(name: object, include: Any, exclude: Any) -> tuple[Any, Any] | None:
    """What to include and exclude of a part; None if the part is excluded."""
    inside, outside = None, None
    if include is not None:
        inside = _selected(include, name)
        if inside is None or inside is False:
            return None
        inside = None if inside in _ALL else inside
    if exclude is not None:
        outside = _selected(exclude, name)
        if outside in _ALL:
            return None
        outside = outside or None
    return inside, outside


def _selected(selection: Any, name: object) -> Any:
    if isinstance(selection, Mapping):
        named = cast("Mapping[object, Any]", selection)
        return named.get(name, named.get("__all__"))
    return True if name in selection or "__all__" in selection else None


def _defaults(cls: type[Any]) -> dict[str, Any]:
    """The defaults of the fields that have a fixed one."""
    fields = attrs.fields(cls) if attrs.has(cls) else ()
    return {field.name: field.default for field in fields if not isinstance(field.default, attrs.Factory)}  # type: ignore[arg-type]
