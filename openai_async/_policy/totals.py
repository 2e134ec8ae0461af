"""What the calls of a client came to, by model. What is not known is counted, and told as such: never as 0."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import attrs

from openai_async.types._plain import Record, table
from openai_async.types.usage import CompletionUsage


def cost_text(cost: float | None, *, in_part: bool) -> str:
    """US dollars as a text that says what they are: "$1.5000", ">= $1.5000" of what is known in part, or "unknown"."""
    return "unknown" if cost is None else f"{'>= ' if in_part else ''}${cost:.4f}"


@attrs.define(repr=False)
class ModelTotals(Record):
    """What the calls to one model, or to all of them, came to.

    Attributes:
        calls: all calls, those of unknown cost included.
        unpriced: calls whose cost is not known.
        prompt_tokens, completion_tokens: as the server counted them.
        possibly_billed: attempts that were sent and have no answer that can be used; neither calls nor cost hold them.
    """

    calls: int = 0
    unpriced: int = 0
    prompt_tokens: int = 0
    completion_tokens: int = 0
    _cost: float = 0.0
    possibly_billed: int = attrs.field(default=0, kw_only=True)

    @property
    def cost(self) -> float | None:
        """US dollars of the calls whose cost is known: what was spent at least, if some are unpriced or in doubt.

        None if there were calls, and the cost of none of them is known.
        """
        return None if self.calls and self.unpriced >= self.calls else self._cost

    @property
    def spent(self) -> str:
        """The cost as a text that says what it is: "$1.5000", ">= $1.5000", or "unknown"."""
        return cost_text(self.cost, in_part=self.unpriced > 0 or self.possibly_billed > 0)

    def _items(self) -> Iterator[tuple[str, Any]]:
        for name in ("calls", "unpriced", "prompt_tokens", "completion_tokens", "cost", "possibly_billed"):
            yield name, getattr(self, name)

    def _shown(self) -> Iterator[tuple[str, object]]:
        for name, value in self._items():
            if value or name != "possibly_billed":
                yield name, self.spent if name == "cost" and (self.unpriced or self.possibly_billed) else value

    def add(self, other: ModelTotals) -> None:
        """Count the calls of other totals in."""
        self.calls += other.calls
        self.unpriced += other.unpriced
        self.prompt_tokens += other.prompt_tokens
        self.completion_tokens += other.completion_tokens
        self._cost += other._cost
        self.possibly_billed += other.possibly_billed


@attrs.define
class CostTotals(Record):
    """Running totals by model. One thread at a time may change them."""

    models: dict[str, ModelTotals] = attrs.field(factory=dict[str, ModelTotals])

    @property
    def total(self) -> ModelTotals:
        """All models together."""
        whole = ModelTotals()
        for totals in self.models.values():
            whole.add(totals)
        return whole

    def _repr_html_(self) -> str:
        rows = [*self.models.items(), *([("all", self.total)] if len(self.models) > 1 else [])]
        heads = ("model", "calls", "unpriced", "prompt_tokens", "completion_tokens", "cost")
        return table([(name, *[part for _, part in all_._items()][:4], all_.spent) for name, all_ in rows], heads)

    def add(self, model: str, usage: CompletionUsage | None, cost: float | None) -> None:
        """Count one call.

        Args:
            model: its id.
            usage: as the server counted it; None if it did not say.
            cost: US dollars; None if that is not known.
        """
        totals = self._of(model)
        totals.calls += 1
        if cost is None:
            totals.unpriced += 1
        else:
            totals._cost += cost
        if usage is not None:
            totals.prompt_tokens += usage.prompt_tokens
            totals.completion_tokens += usage.completion_tokens

    def doubt(self, model: str) -> None:
        """Count an attempt that may have been billed, and has no answer."""
        self._of(model).possibly_billed += 1

    def merge(self, other: CostTotals) -> None:
        """Count the calls of other totals in, such as those of another client."""
        for model, totals in list(other.models.items()):
            self._of(model).add(totals)

    def _of(self, model: str) -> ModelTotals:
        totals = self.models.get(model)
        if totals is None:
            totals = self.models.setdefault(model, ModelTotals())
        return totals
