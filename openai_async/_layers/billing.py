"""What replies cost: looked up for each, and summed per model."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from openai_async._beside import beside
from openai_async._exclusion import Exclusion
from openai_async._layers.call import Answer, Billed
from openai_async._policy.prices import CostTotals, PriceLike, Prices, cost
from openai_async.types.chat import CompletionUsage, Counted


class Billing:
    """One per client.

    Args:
        own: prices that win over the table, by model.
    """

    def __init__(self, own: Mapping[str, PriceLike] | None) -> None:
        self._prices = Prices(own)
        self.totals: CostTotals = CostTotals()
        self._adding = Exclusion()

    def book(self, answer: Answer, *, spent: bool = True) -> None:
        """Note what a whole reply cost in its `meta`; `spent`: as `bill` has it. Raises nothing."""
        beside("the cost of a reply", self._book, answer, spent)

    def _book(self, answer: Answer, spent: bool) -> None:
        value = answer.value
        usage = getattr(value, "usage", None)
        if isinstance(usage, Counted):
            created = getattr(value, "created", None) or getattr(value, "created_at", None)
            model, tier = getattr(value, "model", None), getattr(value, "service_tier", None)
            answer.meta.cost = self.bill(model, created, tier, usage.as_completion_usage(), spent=spent)

    def bill(
        self,
        model: str | None,
        created: float | None,
        tier: str | None,
        usage: CompletionUsage | None,
        *,
        spent: bool = True,
    ) -> float | None:
        """US dollars for a usage, added to the totals if they are spent now; None if that fails, or is not known."""
        return beside("the cost of a reply", self._bill, model, created, tier, usage, spent)

    def bill_of(self, billed: Callable[[], Billed | None], *, spent: bool = True) -> float | None:
        """`bill` for what `billed` tells, which may fail."""
        known = beside("the usage of a reply", billed)
        return None if known is None else self.bill(*known, spent=spent)

    def _bill(
        self, model: str | None, created: float | None, tier: str | None, usage: CompletionUsage | None, spent: bool
    ) -> float | None:
        if usage is None or model is None:
            return None
        dollars = cost(usage, self._prices.of(model, when=created, service_tier=tier))
        if spent:
            self._adding.run(self.totals.add, model, usage, dollars)
        return dollars
