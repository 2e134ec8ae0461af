"""`APIObject`: objects of the API without a class of their own. Every field is an attribute."""

from __future__ import annotations

from collections.abc import Iterator, KeysView
from typing import TYPE_CHECKING, Any, ClassVar, cast

import attrs

from openai_async.types._base import Reply


@attrs.define(repr=False)
class APIObject(Reply):
    """A JSON object whose fields are attributes, at every depth. `to_dict()` returns the original object.

    Read a field whose name is an attribute of this class (`meta`, `extra`, `cost`, ...) as `obj["meta"]`.
    """

    _may_be_background: ClassVar[bool] = True

    def __getitem__(self, name: str) -> Any:
        return _opened(self.extra[name])

    def __contains__(self, name: object) -> bool:
        return name in self.extra

    def __iter__(self) -> Iterator[str]:
        return iter(self.extra)

    def keys(self) -> KeysView[str]:
        """The names of the fields. With them, `dict(obj)` is an ordinary dict."""
        return self.extra.keys()

    def __len__(self) -> int:
        return len(self.extra)

    def __repr__(self) -> str:
        return f"APIObject({', '.join(self.extra)})"  # names only: what the fields hold may be long, or secret

    def __rich_repr__(self) -> Iterator[Any]:
        yield from self.extra

    def _repr_pretty_(self, printer: Any, cycle: bool) -> None:
        printer.text(repr(self))

    if not TYPE_CHECKING:

        def __getattr__(self, name):
            if not name.startswith("__") and name in (extra := object.__getattribute__(self, "extra")):
                return _opened(extra[name])
            raise AttributeError(f"the object has no field {name!r}")

    else:

        def __getattr__(self, name: str) -> Any: ...


def _opened(value: Any) -> Any:
    if isinstance(value, dict):
        return APIObject(extra=cast("dict[str, Any]", value))
    if isinstance(value, list):
        return [_opened(item) for item in value]  # pyright: ignore[reportUnknownVariableType]
    return value


#: The name of `APIObject` before 0.2.
Thing = APIObject
