"""The two bases of everything the API says.

`Value` keeps what this version does not know: unknown fields are in `extra`, and readable as attributes.
`Reply` adds what travelled beside the body: request id, rate limits, attempts.
Values are compared by their content; nothing in this package changes one after it was built.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any, ClassVar, Final

import attrs

from openai_async.types._plain import Plain
from openai_async.types.attempt import Attempt
from openai_async.types.meta import NO_META, Meta, RateLimits


class _Empty(Mapping[str, Any]):
    """The mapping without a field, shared by all values: most have no unknown field."""

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
    """A JSON object of the API. Fields that this version does not know are kept in `extra`."""

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
        """The JSON object as the API takes it back: unknown fields included, absent ones left out.

        Args:
            exclude_unset: False has the known fields that are absent as None, unless `exclude_none`.
            exclude_defaults: leave out what has its default.
            mode, use_api_names, warnings: accepted for the official client's sake, and without effect.
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
    """A whole reply of the API: its body, and `meta` from beside it. `meta` does not count in comparisons."""

    #: Whether it has a field `background`, which says that its usage is known only later.
    _may_be_background: ClassVar[bool] = False

    meta: Meta = attrs.field(default=NO_META, kw_only=True, repr=False, eq=False)

    @property
    def request_id(self) -> str | None:
        """The server's id of the request, for its support."""
        return self.meta.request_id

    @property
    def rate_limits(self) -> RateLimits:
        """The rate limits that the reply's headers stated."""
        return self.meta.rate_limits

    @property
    def processing_ms(self) -> float | None:
        """Milliseconds that the server says it worked."""
        return self.meta.processing_ms

    @property
    def cost(self) -> float | None:
        """What the reply cost, in US dollars; None if the price of the model is not known."""
        return self.meta.cost

    @property
    def attempts(self) -> tuple[Attempt, ...]:
        """One record per attempt, the successful one last."""
        return self.meta.attempts


@attrs.define(repr=False)
class Polled(Reply):
    """A reply that is asked for again until it changes no more, such as a batch or a fine-tuning job.

    Servers write "nothing" in many ways. In these replies null, "", [], {} and an absent field read alike, as None.
    """
