"""`Value` and `Reply`: the base classes of everything the API returns.

`Value` keeps unknown fields in `extra`; they are also readable as attributes. `Reply` adds what is not in the body:
request ID, rate limits, attempts. Values are compared by their content; nothing in this package changes one after it
was built.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any, ClassVar, Final

import attrs

from openai_async.types._plain import Plain
from openai_async.types.attempt import Attempt
from openai_async.types.meta import NO_META, Meta, RateLimits


class _Empty(Mapping[str, Any]):
    """The empty mapping that all values without unknown fields share."""

    __slots__ = ()

    def __getitem__(self, key: str) -> Any:
        raise KeyError(key)

    def __iter__(self) -> Iterator[str]:
        return iter(())

    def __len__(self) -> int:
        return 0

    def __contains__(self, key: object) -> bool:
        return False

    def __repr__(self) -> str:
        return "{}"

    def __reduce__(self) -> str:
        return "EMPTY"  # pickles as a reference to the shared instance


EMPTY: Final[Mapping[str, Any]] = _Empty()


@attrs.define(repr=False)
class Value(Plain):
    """A JSON object of the API. Unknown fields are kept in `extra`."""

    _none_is_unset: ClassVar[bool] = True

    extra: Mapping[str, Any] = attrs.field(default=EMPTY, kw_only=True, repr=False)

    if not TYPE_CHECKING:  # unknown fields read like known ones, but a checker still flags a misspelling

        def __getattr__(self, name):
            # Reached only when normal look-up failed; dunder probes (copy, pickle) must not recurse.
            if not name.startswith("__") and name in (extra := object.__getattribute__(self, "extra")):
                return extra[name]
            raise AttributeError(f"{type(self).__name__!r} object has no attribute {name!r}")

    def _items(self) -> Iterator[tuple[str, Any]]:
        for name in _field_names(type(self)):
            if name not in ("extra", "meta"):
                yield name, getattr(self, name)
        yield from self.extra.items()

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
        """The JSON object in the form that the API accepts: with unknown fields, without absent ones.

        Args:
            exclude_unset: False includes absent known fields as None, unless `exclude_none` is set.
            exclude_defaults: omit fields that have their default value.
            mode, use_api_names, warnings: accepted for compatibility with the official client; without effect.
        """
        if exclude_defaults or not exclude_unset:
            return self.model_dump(
                exclude_none=exclude_none, exclude_unset=exclude_unset, exclude_defaults=exclude_defaults
            )
        out: dict[str, Any] = {}
        for name in _field_names(type(self)):
            if name in ("extra", "meta"):
                continue
            value = getattr(self, name)
            if value is not None:
                out[name] = _plain(value)
        out.update(self.extra)
        return out


def _plain(value: Any) -> Any:
    if isinstance(value, Value):
        return value.to_dict()
    if isinstance(value, list):
        return [_plain(item) for item in value]  # pyright: ignore[reportUnknownVariableType]
    return value


def _field_names(cls: type[Value]) -> tuple[str, ...]:
    return tuple(field.name for field in attrs.fields(cls))


@attrs.define(repr=False)
class Reply(Value):
    """A complete reply of the API: its body, and `meta` from its headers. Comparisons ignore `meta`."""

    #: Whether it has a field `background`, which says that its usage is known only later.
    _may_be_background: ClassVar[bool] = False

    meta: Meta = attrs.field(default=NO_META, kw_only=True, repr=False, eq=False)

    def _may_be_error(self) -> bool:
        """Whether unknown fields are all that it has: they may be an error object inside a 200 response."""
        return False

    @property
    def request_id(self) -> str | None:
        """The server's ID of the request, for support requests."""
        return self.meta.request_id

    @property
    def rate_limits(self) -> RateLimits:
        """The rate limits in the reply's headers."""
        return self.meta.rate_limits

    @property
    def processing_ms(self) -> float | None:
        """The processing time in milliseconds, as the server reports it."""
        return self.meta.processing_ms

    @property
    def cost(self) -> float | None:
        """The cost of the reply in US dollars; None if the price of the model is not known."""
        return self.meta.cost

    @property
    def attempts(self) -> tuple[Attempt, ...]:
        """One record per attempt; the successful one is last."""
        return self.meta.attempts


@attrs.define(repr=False)
class Polled(Reply):
    """A reply that is polled until it no longer changes, such as a batch or a fine-tuning job.

    Servers write "nothing" in many ways. In these replies null, "", [], {} and an absent field are all read as None.
    """
