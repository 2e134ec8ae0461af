"""What a call costs, in US dollars, from the tokens that the server counted.

Prices are per 1M tokens, and come from the caller, or from a packaged table of OpenAI's (`price_data.json`, written by
`_codegen/prices.py`; `table_date` says how old it is). Arithmetic in floats, no clock: the table is read once, on
first use.

An unknown price is None, and so is everything computed from it: never 0, never a guess from a similar name. Cached and
written tokens are parts of the prompt, reasoning tokens a part of the completion; nothing is counted twice. Fees of
hosted tools (searches, containers) are not tokens, and not included.
"""

from __future__ import annotations

import datetime
import functools
import math
import re
from collections.abc import Iterable, Mapping
from typing import Any, Final, Generic, TypeAlias, TypeVar

import attrs
import orjson

from openai_async.errors import InvalidParameterError
from openai_async.types._plain import Record
from openai_async.types.chat import CompletionTokensDetails, CompletionUsage, PromptTokensDetails

_T = TypeVar("_T")

#: A model's price; or USD per 1M tokens of (input, output) or (input, cached input, output); one number is both.
PriceLike: TypeAlias = "Price | float | tuple[float, float] | tuple[float, float, float]"

_PER = 1_000_000
#: What a reply calls the tier without a surcharge or discount.
_STANDARD_TIERS = frozenset({None, "", "default", "auto"})
_DATED = re.compile(r"-\d{4}-\d{2}-\d{2}$")
_LAST_SECOND = 253_402_300_799  # of the year 9999


@attrs.frozen
class LongContext(Record):
    """The price of a whole request whose prompt has more than `above` tokens."""

    above: int
    price: Price


@attrs.frozen
class Price(Record):
    """What the tokens of a model cost, in USD per 1M tokens.

    Attributes:
        input: prompt tokens that no other price claims.
        output: completion tokens, reasoning included.
        cached_input: prompt tokens read from the server's cache; None: as `input`.
        cache_write: prompt tokens written to the server's cache; None: as `input`.
        audio_input, audio_output: tokens of sound; None: not known, so that a call with sound has no known cost.
        long_context: another price, for the whole of any request with a longer prompt.
        tiers: prices of service tiers by their names ("flex", "priority"; a batch counts as a tier, "batch"); other
            tiers are then unknown. None: this price holds for every tier.

    Raises:
        InvalidParameterError: a price is negative or not a number.
    """

    input: float
    output: float
    cached_input: float | None = None
    cache_write: float | None = None
    audio_input: float | None = None
    audio_output: float | None = None
    long_context: LongContext | None = attrs.field(default=None, kw_only=True)
    tiers: Mapping[str, Price] | None = attrs.field(default=None, kw_only=True, hash=False)

    def __attrs_post_init__(self) -> None:
        for name in _RATES:
            value = getattr(self, name)
            optional = name not in ("input", "output")
            if not (value is None and optional) and not _is_rate(value):
                raise InvalidParameterError(
                    f"price.{name}", "must be a number of US dollars per 1M tokens, not below 0"
                )

    @classmethod
    def of(cls, value: PriceLike) -> Price:
        """The price that a shorter form stands for."""
        if isinstance(value, Price):
            return value
        if isinstance(value, (tuple, list)) and len(value) in (2, 3):
            return cls(value[0], value[-1], value[1] if len(value) == 3 else None)
        if isinstance(value, (int, float)):
            return cls(value, value)
        raise InvalidParameterError("price", "must be a Price, (input, output), (input, cached, output) or one number")

    def at(self, service_tier: str | None) -> Price | None:
        """The price of a tier, as replies name it; None if it is not known."""
        if self.tiers is None or service_tier in _STANDARD_TIERS:
            return self
        if service_tier == "fast" and "fast" not in self.tiers:
            service_tier = "priority"  # requests say one, replies the other
        return self.tiers.get(str(service_tier))

    def times(self, factor: float) -> Price:
        """Every rate multiplied; `tiers` stay behind."""
        rates = {name: rate * factor for name in _RATES if (rate := getattr(self, name)) is not None}
        long = self.long_context
        if long is not None:
            long = LongContext(long.above, long.price.times(factor))
        return attrs.evolve(self, **rates, long_context=long, tiers=None)


_RATES: Final = ("input", "output", "cached_input", "cache_write", "audio_input", "audio_output")


def _is_rate(value: object) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool) and math.isfinite(value) and value >= 0


def cost(usage: CompletionUsage | None, price: Price | None, *, service_tier: str | None = None) -> float | None:
    """What a call cost, in US dollars.

    Args:
        usage: as the server counted it.
        price: of the model, see `price_of`.
        service_tier: as the reply states it; "batch" for a reply of the Batch API.

    Returns:
        None if the usage, the price or the tier is not known, or if sound was used that has no known price.
    """
    price = None if price is None else price.at(service_tier)
    if price is None or usage is None:
        return None
    prompt = max(0, usage.prompt_tokens)
    if price.long_context is not None and prompt > price.long_context.above:
        price = price.long_context.price
    parts = usage.prompt_tokens_details or _NOTHING_READ
    # The parts are cut to what is left of the whole: a server's sums do not always add up.
    cached = _part(parts.cached_tokens, prompt) if parts.cached_tokens else 0
    written = _part(parts.cache_write_tokens, prompt - cached) if parts.cache_write_tokens else 0
    heard = _part(parts.audio_tokens, prompt - cached - written) if parts.audio_tokens else 0
    completion = max(0, usage.completion_tokens)
    said = usage.completion_tokens_details or _NOTHING_SAID
    spoken = _part(said.audio_tokens, completion) if said.audio_tokens else 0
    if (heard and price.audio_input is None) or (spoken and price.audio_output is None):
        return None
    return (
        (prompt - cached - written - heard) * price.input
        + cached * (price.input if price.cached_input is None else price.cached_input)
        + written * (price.input if price.cache_write is None else price.cache_write)
        + heard * (price.audio_input or 0.0)
        + (completion - spoken) * price.output
        + spoken * (price.audio_output or 0.0)
    ) / _PER


_NOTHING_READ: Final = PromptTokensDetails()
_NOTHING_SAID: Final = CompletionTokensDetails()


def _part(tokens: int, most: int) -> int:
    return min(max(0, tokens), most)


# ---- which price


class Prices:
    """The caller's prices over the packaged table.

    Args:
        own: price by model. An id also stands for its dated snapshots (`gpt-6-luna` for `gpt-6-luna-2026-09-01`), and
            one with a trailing `*` for every id that begins like it (`ft:gpt-6-luna:*`). An exact id comes first, then
            its undated form, then the longest beginning.

    Raises:
        InvalidParameterError: a price is not one.
    """

    __slots__ = ("_own",)

    def __init__(self, own: Mapping[str, PriceLike] | None = None) -> None:
        self._own = _ByModel((name, Price.of(value)) for name, value in (own or {}).items())

    def of(
        self,
        model: str,
        *,
        asked: str | None = None,
        when: datetime.date | float | None = None,
        service_tier: str | None = None,
    ) -> Price | None:
        """The price of a model; None if it is not known.

        Args:
            model: its id, best as the reply states it; empty if that states none.
            asked: the id in the request. The caller's own price of it holds whatever the reply names; the packaged one
                only where the reply names no model.
            when: the day, or the epoch second (a reply's `created`), of the call; None: the date of the table. The
                caller's own prices hold at any time.
            service_tier: asks for the price of that tier alone.
        """
        price = self._own.find(model, asked)
        if price is None:
            price = _packaged(model or asked or "", _day(when))
        return None if price is None else price.at(service_tier)


def price_of(model: str, *, when: datetime.date | float | None = None, service_tier: str | None = None) -> Price | None:
    """The price of a model by the packaged table alone; None if it is not known. Arguments as of `Prices.of`."""
    return _PACKAGED.of(model, when=when, service_tier=service_tier)


def table_date() -> datetime.date:
    """The newest day on which the packaged prices were verified."""
    return datetime.date.fromisoformat(_file()["date"])


class _ByModel(Generic[_T]):
    """Values by model id; see `Prices` for how an id is matched. O(1), and O(beginnings) for an id unknown so far."""

    __slots__ = ("_beginnings", "_exact")

    def __init__(self, items: Iterable[tuple[str, _T]]) -> None:
        self._exact = dict(items)
        starred = [(name[:-1], value) for name, value in self._exact.items() if name.endswith("*")]
        self._beginnings = sorted(starred, key=lambda item: len(item[0]), reverse=True)

    def find(self, *models: str | None) -> _T | None:
        """The value of the first of these that has one by its own name, or else by the longest beginning."""
        if not self._exact:
            return None
        named = [model for model in models if model]
        for model in named:
            for name in (model, _DATED.sub("", model)):
                if name in self._exact:
                    return self._exact[name]
        matching = (value for name in named for beginning, value in self._beginnings if name.startswith(beginning))
        return next(matching, None)


# ---- the packaged table


def load() -> None:
    """Read the packaged table now. Raises OSError if it is not there."""
    _table()


@functools.cache
def _file() -> dict[str, Any]:
    # What has loaded the module finds its data, too, in a directory as in an archive. Nothing else is to be imported.
    loader: Any = __spec__.loader
    found: dict[str, Any] = orjson.loads(loader.get_data(f"{__file__.rpartition('prices')[0]}price_data.json"))
    return found


@functools.cache
def _table() -> _ByModel[dict[str, Any]]:
    items: list[tuple[str, dict[str, Any]]] = []
    for model, entry in _file()["models"].items():
        items += [(name, entry) for name in entry.get("names", [model])]
        items += [(f"{beginning}*", entry) for beginning in entry.get("prefixes", [])]
    return _ByModel(items)


@functools.lru_cache(maxsize=1024)
def _packaged(model: str, day: str) -> Price | None:
    """A model's price on a day (ISO), or on the day of the table if that is empty."""
    entry = _table().find(model)
    if entry is None:
        return None
    day = day or _file()["date"]
    price = _valid(entry["prices"], day)
    if price is None:
        return None
    tiers = {name: _valid(entries, day, price) for name, entries in entry.get("tiers", {}).items()}
    return attrs.evolve(price, tiers={name: tier for name, tier in tiers.items() if tier is not None})


def _valid(entries: list[list[Any]], day: str, standard: Price | None = None) -> Price | None:
    """The price of the newest of the dated entries that had begun by that day. A factor multiplies `standard`."""
    written = next((entry[1:] for entry in reversed(entries) if entry[0] <= day), None)
    if written is None:
        return None
    if standard is not None and isinstance(written[0], (int, float)):
        return standard.times(written[0])
    long = LongContext(written[1], Price(*written[2])) if len(written) > 1 else None
    return Price(*written[0], long_context=long)


def _day(when: datetime.date | float | None) -> str:
    if when is None:
        return ""
    if isinstance(when, datetime.date):
        return when.isoformat()[:10]
    # Some servers state milliseconds: a day in the far future, which has the newest price.
    return _written_out(min(max(0.0, when), _LAST_SECOND) // 86_400)


@functools.lru_cache(maxsize=64)
def _written_out(day: float) -> str:
    return datetime.datetime.fromtimestamp(day * 86_400, datetime.UTC).date().isoformat()


_PACKAGED: Final = Prices()
