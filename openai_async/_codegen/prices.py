"""Writes `_policy/price_data.json` from the installed `genai-prices`: python -m openai_async._codegen.prices

The file is a function of that package alone: its version and its records of OpenAI's prices. Its date is the newest day
on which the package says that it verified a price. Whatever cannot be expressed exactly is left out and reported,
because an unknown price is better than a wrong one.

A row of the file holds prices in USD per 1M tokens, in the order of `FIELDS`; an entry is `[first day, row]`, with
`above` and a second row where longer prompts cost more. An entry of a tier may be a factor instead of a row.
"""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Iterator
from datetime import UTC, datetime
from decimal import Decimal
from importlib import import_module, metadata
from pathlib import Path
from typing import Any, NamedTuple, Protocol

from openai_async._standard_streams import open_closed

TARGET = Path(__file__).parents[1] / "_policy" / "price_data.json"

#: The units that a usage tells apart, in the order of a row.
FIELDS = (
    "input_mtok",
    "output_mtok",
    "cache_read_mtok",
    "cache_write_mtok",
    "input_audio_mtok",
    "output_audio_mtok",
)
#: Fees of hosted tools: they are no tokens, and nobody's token price is wrong without them.
_FEES = frozenset({"web_searches_kcount", "storage_searches_kcount"})
#: Open weights: many sell them, each at its own price.
_RESOLD = "gpt-oss-"
#: Binary floats multiply by these exactly.
_FACTORS = (Decimal("0.5"), Decimal(2))
_DATED = r"-\d{4}-\d{2}-\d{2}"
_LICENSE = "MIT, Copyright Pydantic Services Inc. 2025 to present"
_BEGINNING = ""  # sorts before every day


class Inexpressible(Exception):
    """A record that the file has no exact form for; says why."""


class Conditional(Protocol):
    """A price of the package that holds under a condition; None: always."""

    constraint: Any


class Variant(Conditional, Protocol):
    """A price of the package for a tier."""

    when: dict[str, str]


class Unconditional(Protocol):
    """A price of the package that always holds."""

    input_mtok: Any


class Model(Protocol):
    """A record of the package."""

    id: str
    match: Any
    price_comments: str | None
    prices: list[Conditional] | Unconditional
    price_variants: list[Variant] | None

    def get_prices(self, request_timestamp: datetime, price_context: dict[str, str] | None = None) -> Any: ...


class Rates(NamedTuple):
    """A row, and the row of prompts with more than `above` tokens."""

    row: list[Decimal | None]
    above: int | None = None
    longer: list[Decimal | None] | None = None

    def times(self, factor: Decimal) -> Rates:
        def scaled(row: list[Decimal | None]) -> list[Decimal | None]:
            return [value if value is None else value * factor for value in row]

        return Rates(scaled(self.row), self.above, None if self.longer is None else scaled(self.longer))

    def plain(self) -> list[Any]:
        """As the file has it."""
        row = [_number(value) for value in self.row]
        return [row] if self.longer is None else [row, self.above, [_number(value) for value in self.longer]]


def main() -> int:
    source = import_module("genai_prices.data")
    models: list[Model] = next(one.models for one in source.providers if one.id == "openai")
    table, left_out = tabulate(models)
    text = render(table, f"genai-prices {metadata.version('genai-prices')}", verified(models))
    TARGET.write_text(text, "utf-8")
    sys.stdout.writelines(f"left out {model}: {reason}\n" for model, reason in left_out.items())
    sys.stdout.write(f"{TARGET}: {len(table)} models, {len(text):,} bytes\n")
    return 0


def render(table: dict[str, Any], source: str, date: str) -> str:
    """The file's text: JSON with one model to a line, so that a diff shows whose price changed."""
    head = json.dumps({"source": source, "date": date, "license": _LICENSE, "currency": "USD", "per": 1_000_000})
    rows = [f"{json.dumps(model)}: {json.dumps(entry)}" for model, entry in sorted(table.items())]
    return head[:-1] + ', "models": {\n' + ",\n".join(rows) + "\n}}\n"


def verified(models: list[Model]) -> str:
    """The newest day on which a price was verified."""
    days: list[str] = re.findall(
        r"verified on (\d{4}-\d{2}-\d{2})", " ".join(model.price_comments or "" for model in models)
    )
    if not days:
        raise SystemExit("genai-prices no longer says when prices were verified")
    return max(days)


def tabulate(models: list[Model]) -> tuple[dict[str, Any], dict[str, str]]:
    """The table by model, and the reasons of those that are not in it."""
    table: dict[str, Any] = {}
    left_out: dict[str, str] = {}
    for model in models:
        try:
            table[model.id] = _entry(model)
        except Inexpressible as reason:
            left_out[model.id] = str(reason)
    return table, left_out


def _entry(model: Model) -> dict[str, Any]:
    if model.id.startswith(_RESOLD):
        raise Inexpressible("open weights, sold by many")
    names, prefixes = _rules(model.match)
    entry: dict[str, Any] = {}
    if names != [model.id]:
        entry["names"] = names
    if prefixes:
        entry["prefixes"] = prefixes
    variants = model.price_variants or []
    listed = model.prices if isinstance(model.prices, list) else []
    days = sorted({_BEGINNING, *map(_day, [*listed, *variants])})
    standard = {day: _rates(model, day, {}) for day in days}
    entry["prices"] = _written(standard)
    tiers: dict[str, Any] = {}
    for variant in variants:
        tier = _tier(variant)
        known_from = min(_day(one) for one in variants if one.when == variant.when)
        rates = {day: _rates(model, day, variant.when) for day in days if day >= known_from}
        if tier != "default":
            tiers[tier] = _written(rates, standard)
        elif rates != standard:
            raise Inexpressible("its default tier is not its standard price")
    if tiers.get("fast") == tiers.get("priority"):  # two names of one tier; replies say "priority"
        tiers.pop("fast", None)
    if tiers:
        entry["tiers"] = tiers
    return entry


# ---- which models


def _rules(match: Any) -> tuple[list[str], list[str]]:
    """The names and prefixes that a rule accepts. Dated snapshots of a name are implied, and not listed."""
    names: list[str] = []
    prefixes: list[str] = []
    patterns: list[str] = []
    for rule in _alternatives(match):
        for kind, matches in (("equals", names), ("starts_with", prefixes), ("regex", patterns)):
            if hasattr(rule, kind):
                matches.append(getattr(rule, kind))
                break
        else:
            raise Inexpressible(f"matched by a {type(rule).__name__}")
    implied = {f"^{name.replace('.', dot)}{_DATED}$" for name in names for dot in (".", r"\.")}
    if not implied.issuperset(patterns):
        raise Inexpressible(f"matched by a pattern: {patterns}")
    return [name for name in names if re.sub(f"{_DATED}$", "", name) not in {*names} - {name}], prefixes


def _alternatives(match: Any) -> Iterator[Any]:
    for rule in getattr(match, "or_", ()):
        yield from _alternatives(rule)
    if not hasattr(match, "or_"):
        yield match


# ---- what they cost


def _day(price: Conditional) -> str:
    if price.constraint is None:
        return _BEGINNING
    start = getattr(price.constraint, "start_date", None)
    if start is None:
        raise Inexpressible("its price depends on the time of day")
    return str(start.isoformat())


def _tier(variant: Variant) -> str:
    """The tier that a variant is for. A batch counts as one."""
    if len(variant.when) != 1 or not variant.when.keys() <= {"service_tier", "processing"}:
        raise Inexpressible(f"its price depends on {', '.join(variant.when)}")
    return next(iter(variant.when.values()))


def _rates(model: Model, day: str, context: dict[str, str]) -> Rates:
    """The prices on a day, by the package's own rules of precedence."""
    moment = datetime.fromisoformat(day or "1970-01-01").replace(tzinfo=UTC)
    prices: dict[str, Any] = model.get_prices(moment, context or None).__dict__
    cells = {name: _cell(value) for name, value in prices.items() if value is not None and name not in _FEES}
    if not cells.keys() <= {*FIELDS} or "input_mtok" not in cells:
        raise Inexpressible(f"priced by {', '.join(sorted(cells.keys() - {*FIELDS})) or 'nothing'}")
    cells.setdefault("output_mtok", (Decimal(0), None, Decimal(0)))  # an embedding has no output
    above = {cell[1] for cell in cells.values()} - {None}
    if len(above) > 1:
        raise Inexpressible("more than one threshold for long prompts")
    used = FIELDS[: 1 + max(FIELDS.index(name) for name in cells)]
    row = [cells[name][0] if name in cells else None for name in used]
    if not above:
        return Rates(row)
    return Rates(row, above.pop(), [cells[name][2] if name in cells else None for name in used])


def _cell(value: Any) -> tuple[Decimal, int | None, Decimal]:
    """A price, and the one that takes its place in longer prompts."""
    if isinstance(value, Decimal):
        return value, None, value
    if len(value.tiers) != 1:
        raise Inexpressible("more than one threshold for long prompts")
    return value.base, value.tiers[0].start, value.tiers[0].price


def _written(rates: dict[str, Rates], standard: dict[str, Rates] | None = None) -> list[list[Any]]:
    """Entries in order of their first day, repetitions left out; of a tier, factors of the standard price."""
    entries: list[list[Any]] = []
    for day, one in rates.items():
        factor = next((f for f in _FACTORS if standard and one == standard[day].times(f)), None)
        written = one.plain() if factor is None else [_number(factor)]
        if not entries or entries[-1][1:] != written:
            entries.append([day, *written])
    return entries


def _number(value: Decimal | None) -> float | int | None:
    return None if value is None else int(value) if value == int(value) else float(value)


if __name__ == "__main__":
    open_closed()
    raise SystemExit(main())
