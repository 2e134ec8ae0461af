"""What replies cost: looked up for each, and summed per model.

What is not known is told as such: a call without usage, or of a model without a price, is counted as unpriced.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Final

from openai_async._beside import beside
from openai_async._exclusion import Exclusion
from openai_async._layers.call import Answer, Call
from openai_async._policy.estimates import tokens_of_reply
from openai_async._policy.prices import PriceLike, Prices, cost
from openai_async._policy.totals import CostTotals
from openai_async.types.thing import Thing
from openai_async.types.usage import Billed, CompletionUsage, Counted

#: Responses in the background that are remembered, so that each is billed once.
_REMEMBERED: Final = 10_000
#: What calls are counted under if neither the request nor the reply names a model.
_NO_NAME: Final = "unknown"


class Billing:
    """One per client.

    Args:
        own: prices that win over the table, by model.
    """

    def __init__(self, own: Mapping[str, PriceLike] | None) -> None:
        self._prices = Prices(own)
        self.totals: CostTotals = CostTotals()
        self._adding = Exclusion()
        self._background: dict[str, bool] = {}  # whether a response is billed, by its id

    def book(self, answer: Answer, call: Call) -> None:
        """Note what a whole reply cost in its `meta`, and add it to the totals if it is spent now. Raises nothing."""
        beside("the cost of a reply", self._book, answer, call)

    def _book(self, answer: Answer, call: Call) -> None:
        value = answer.value
        usage: object = getattr(value, "usage", None)
        counted = usage.as_completion_usage() if isinstance(usage, Counted) else None
        if isinstance(value, Thing) and call.is_paid:
            from openai_async._wire.usage import usage_of  # loaded with the pipeline

            counted = usage_of(value.extra)
        if counted is None and not call.is_paid:
            return
        background = value.id if getattr(value, "background", None) is True else None
        answer.meta.cost = self._bill(
            Billed(
                getattr(value, "model", None),
                getattr(value, "created", None) or getattr(value, "created_at", None),
                getattr(value, "service_tier", None),
                counted,
                background,
                is_text=not isinstance(usage, Counted) or usage._is_text,
            ),
            spent=call.method != "GET",
            asked=call.model,
        )
        if (counted is None or not counted.is_stated) and background is None:
            answer.meta.estimated_tokens = call.size.prompt + tokens_of_reply(value)

    def bill(
        self,
        model: str | None,
        created: float | None,
        tier: str | None,
        usage: CompletionUsage | None,
        asked: str | None = None,
    ) -> float | None:
        """US dollars for a usage that is spent now, added to the totals; None if that fails, or is not known."""
        return beside("the cost of a reply", self._bill, Billed(model, created, tier, usage), asked=asked)

    def bill_of(self, billed: Callable[[], Billed | None], call: Call) -> float | None:
        """`bill` for what `billed` tells of a call, which may fail. What it tells nothing of is not billed."""
        known = beside("the usage of a reply", billed)
        if known is None:
            return None
        return beside("the cost of a reply", self._bill, known, call.method != "GET", call.model)

    def expect(self, response_id: str) -> None:
        """A response in the background is waited for: it is billed when its usage is seen, unless it was before."""
        self._remember(response_id, billed=False)

    def _bill(self, billed: Billed, spent: bool = True, asked: str | None = None) -> float | None:
        usage = billed.usage if billed.usage is not None and billed.usage.is_stated else None
        model = billed.model or asked or _NO_NAME
        price = self._prices.of(
            billed.model or "",
            asked=asked,
            when=billed.created,
            service_tier=billed.service_tier,
        )
        dollars = cost(usage, price) if billed.is_text else None
        if billed.background is not None:
            spent = self._settles(billed.background, usage is not None, made=spent)
        if spent:
            self._adding.run(self.totals.add, model, usage, dollars)
        return dollars

    def _settles(self, response_id: str, known: bool, *, made: bool) -> bool:
        """Whether a response in the background is spent now: once, when its usage is known."""
        if not known:
            if made:
                self._remember(response_id, billed=False)
            return False
        if self._background.get(response_id, not made):
            return False
        self._remember(response_id, billed=True)
        return True

    def _remember(self, response_id: str, *, billed: bool) -> None:
        self._background[response_id] = billed or self._background.get(response_id, False)
        while len(self._background) > _REMEMBERED:
            self._background.pop(next(iter(self._background)), None)
