"""Pydantic schemas of our values: how pydantic validates, serializes and describes them. Imported only by pydantic's
hooks.

An instance is valid as it is. A mapping is read into one, as leniently as a reply: unknown fields are kept.
"""

from __future__ import annotations

import functools
from collections.abc import Mapping
from importlib import import_module
from types import NoneType, UnionType
from typing import Any, Final, Union, cast, get_args, get_origin, get_type_hints

import attrs

_META: Final = ("extra", "meta")
_NAMES: Final[Mapping[Any, str]] = {str: "string", int: "integer", float: "number", bool: "boolean", dict: "object"}
#: What a field of a type may hold: numbers are one kind, as in JSON.
_ACCEPTED: Final[Mapping[Any, tuple[type, ...]]] = {str: (str,), int: (int, float), float: (int, float), bool: (bool,)}


@attrs.frozen
class Schemas:
    """Builds the schemas of classes. Subclasses of `root` are ours, and handled field by field."""

    root: type[Any]

    def core_schema(self, cls: type[Any]) -> Any:
        """The schema by which pydantic validates and serializes a class."""
        core: Any = import_module("pydantic_core.core_schema")
        return core.no_info_plain_validator_function(
            functools.partial(self._read, cls),
            ref=f"{cls.__module__}.{cls.__qualname__}",
            serialization=core.plain_serializer_function_ser_schema(self._written, info_arg=True),
        )

    def _written(self, value: Any, info: Any) -> Any:
        if not isinstance(value, self.root):
            return value  # such as an instance of another class, in a field that was not validated
        return value.model_dump(
            include=info.include,
            exclude=info.exclude,
            exclude_none=info.exclude_none,
            exclude_unset=info.exclude_unset,
            exclude_defaults=info.exclude_defaults,
        )

    def json_schema(self, cls: type[Any], above: tuple[type, ...] = ()) -> dict[str, Any]:
        """The JSON schema of a class, with those of its parts inlined."""
        if cls in above or not attrs.has(cls):
            return {"title": cls.__name__, "type": "object"}
        hints = _hints(cls)
        fields = [field for field in attrs.fields(cls) if _is_stated(field.name)]
        required = [field.name for field in fields if field.default is attrs.NOTHING]
        schema: dict[str, Any] = {
            "title": cls.__name__,
            "type": "object",
            "properties": {field.name: self._described(hints.get(field.name), (*above, cls)) for field in fields},
            "additionalProperties": True,
        }
        return schema | {"required": required} if required else schema

    def _described(self, kind: Any, above: tuple[type, ...]) -> dict[str, Any]:
        origin, inside = get_origin(kind), get_args(kind)
        if origin in (Union, UnionType):
            parts = [{"type": "null"} if part is NoneType else self._described(part, above) for part in inside]
            return {"anyOf": parts}
        if origin in (list, tuple):
            return {"type": "array", "items": self._described(inside[0], above) if inside else {}}
        if isinstance(kind, type) and issubclass(kind, self.root):
            return self.json_schema(kind, above)
        named = _NAMES.get(origin or kind)
        return {"type": named} if named else {}

    def _read(self, cls: type[Any], data: Any) -> Any:
        """An instance as it is; one of a mapping. Pydantic makes its own error of a ValueError."""
        if isinstance(data, cls):
            return data
        if not isinstance(data, Mapping):
            raise ValueError(f"must be a {cls.__name__}, or a mapping of its fields")
        mapping = cast("Mapping[str, Any]", data)
        hints = _hints(cls)  # type: ignore[arg-type]  # classes hash; their values do not
        known = {field.name: field for field in attrs.fields(cls) if _is_stated(field.name)}
        read = {
            field.alias or name: self._read_as(hints.get(name), mapping[name], name)
            for name, field in known.items()
            if mapping.get(name) is not None or (name in mapping and field.default is attrs.NOTHING)
        }
        extra = {name: part for name, part in mapping.items() if name not in known}
        if extra and any(field.name == "extra" for field in attrs.fields(cls)):
            read["extra"] = extra
        try:
            return cls(**read)
        except TypeError:
            missing = [name for name, field in known.items() if field.default is attrs.NOTHING and name not in mapping]
            raise ValueError(f"a {cls.__name__} needs {', '.join(missing)}") from None

    def _read_as(self, kind: Any, value: Any, name: str) -> Any:
        origin, inside = get_origin(kind), get_args(kind)
        if value is None or kind is Any:
            return value
        if origin in (Union, UnionType):
            kinds = [part for part in inside if part is not NoneType]
            return self._read_as(kinds[0], value, name) if len(kinds) == 1 else value
        if origin is list:
            if not isinstance(value, (list, tuple)):
                raise ValueError(f"{name} must be a list")
            return [self._read_as(inside[0], item, name) for item in cast("list[Any]", value)]
        if isinstance(kind, type) and issubclass(kind, self.root):
            return self._read(kind, value)
        accepted = _ACCEPTED.get(kind)
        if accepted is not None and not (isinstance(value, accepted) and (kind is bool or not isinstance(value, bool))):
            raise ValueError(f"{name} must be a {_NAMES[kind]}")
        return value


@functools.cache
def serializer(root: type[Any], cls: type[Any]) -> Any:
    """The serializer of a class for fields where pydantic does not know the class."""
    return import_module("pydantic_core").SchemaSerializer(Schemas(root).core_schema(cls))


def _is_stated(name: str) -> bool:
    return name not in _META and not name.startswith("_")


@functools.cache
def _hints(cls: type[Any]) -> dict[str, Any]:
    try:
        return get_type_hints(cls)
    except NameError:  # a name that only a type checker imports
        return {}
