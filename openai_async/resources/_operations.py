"""The operation catalog: `endpoints.txt`, read on first use."""

from __future__ import annotations

import functools
import re
from collections.abc import Mapping
from importlib import resources
from typing import Any, Final, Literal, TypeAlias, cast

import attrs

from openai_async.errors import InvalidParameterError
from openai_async.resources._operation import Operation, Verb

Reading: TypeAlias = Literal["object", "page", "binary", "events"]

_SPECIAL_REPLIES: Final[tuple[Reading, ...]] = ("page", "binary", "events")
_PATH_NAME: Final = re.compile(r"{(\w+)}")


@attrs.frozen
class Endpoint:
    """One operation of the catalog.

    Attributes:
        name: dotted name, as on the client.
        operation: what is sent.
        path_names: names of the path parameters, in order.
        reply: "object", "page", "binary" or "events".
        files: form fields that are files.
        betas: it accepts `betas`, the names of beta features.
        key: it accepts `idempotency_key`, by which the server recognizes a repeated call.
        keywords: fields named like a Python keyword; "compaction.async" is `async_` in a `compaction`.
    """

    name: str
    operation: Operation
    path_names: tuple[str, ...]
    reply: Reading
    files: tuple[str, ...] = ()
    betas: bool = False
    key: bool = False
    keywords: tuple[str, ...] = ()

    @classmethod
    def read(cls, line: str) -> Endpoint:
        """Read one line of the catalog."""
        name, verb, path, *specials = line.split()
        flags: dict[str, str] = {}
        for special in specials:
            what, _, which = special.partition("=")
            flags[what] = which
        operation = Operation(
            cast("Verb", verb),
            path,
            frozenset(_listed(flags, "query")),
            form="form" in flags,
            parts=tuple((name, kind) for name, _, kind in (part.partition(":") for part in _listed(flags, "parts"))),
            alone=flags.get("alone"),
            beta=flags.get("beta"),
            repeatable=verb in ("GET", "DELETE") or "again" in flags,
        )
        reply: Reading = "object"
        for special in _SPECIAL_REPLIES:
            if special in flags:
                reply = special
        path_names = tuple(_PATH_NAME.findall(path))
        files, keywords = _listed(flags, "form"), _listed(flags, "keywords")
        return cls(name, operation, path_names, reply, files, "betas" in flags, "key" in flags, keywords)

    def take_path_params(self, positional: tuple[object, ...], params: dict[str, Any]) -> dict[str, object]:
        """Take the path parameters out of the positional and the named arguments.

        Raises:
            InvalidParameterError: something is missing, given twice, or too much.
        """
        alone = self.path_names[-1:]
        if len(positional) > len(alone):
            expected = "".join(alone) or "nothing"
            raise InvalidParameterError(self.name, f"takes {expected} by position, and everything else by name")
        path_params: dict[str, object] = dict(zip(alone, positional, strict=False))
        for name in self.path_names:
            if name in params:
                if name in path_params:
                    raise InvalidParameterError(name, "was given by position and by name")
                path_params[name] = params.pop(name)
            elif name not in path_params:
                raise InvalidParameterError(name, "is missing: it stands in the path")
        return path_params

    def with_keywords(self, value: Any, owner: str = "") -> Any:
        """A value whose fields have their API names where Python reserves them (`async_` for `async`)."""
        if isinstance(value, dict):
            fields = cast("dict[str, Any]", value)
            return {self._keyword(name, owner): self.with_keywords(part, name) for name, part in fields.items()}
        if isinstance(value, list):
            return [self.with_keywords(part, owner) for part in value]  # pyright: ignore[reportUnknownVariableType]
        return value

    def _keyword(self, name: str, owner: str) -> str:
        return name[:-1] if name[-1:] == "_" and f"{owner}.{name[:-1]}" in self.keywords else name


def _listed(flags: Mapping[str, str], name: str) -> tuple[str, ...]:
    return tuple(part for part in flags.get(name, "").split(",") if part)


@functools.cache
def endpoints() -> Mapping[str, Endpoint]:
    """All operations by their dotted names."""
    text = resources.files("openai_async.resources").joinpath("endpoints.txt").read_text("utf-8")
    operations = (Endpoint.read(line) for line in text.splitlines() if line and not line.startswith("#"))
    return {endpoint.name: endpoint for endpoint in operations}


@functools.cache
def resource_names() -> frozenset[str]:
    """The dotted names of all resources: what has operations, or other resources, below it."""
    names: set[str] = set()
    for name in endpoints():
        parts = name.split(".")
        names.update(".".join(parts[:count]) for count in range(1, len(parts)))
    return frozenset(names)


@functools.cache
def _files() -> Mapping[tuple[str, str], tuple[str, ...]]:
    return {(each.operation.verb, each.operation.path): each.files for each in endpoints().values() if each.files}


def files_of(operation: Operation) -> tuple[str, ...]:
    """The file parameters of an operation."""
    return _files().get((operation.verb, operation.path), ())
