"""What replies cost: looked up for each, and summed per model.

What is not known is told as such: a call without usage, or of a model without a price, is counted as unpriced.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from typing import Final

import attrs

from openai_async._limits.accounting import log_failure, try_accounting
from openai_async._pipeline.answer import Response
from openai_async._pipeline.request import Request
from openai_async._policy.estimates import tokens_of_reply
from openai_async._policy.prices import PriceLike, Prices, cost
from openai_async._policy.totals import CostTotals
from openai_async.types.attempt import Attempt
from openai_async.types.usage import CompletionUsage, ReplyUsage

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
        self._adding = threading.RLock()  # a stream may be collected, and billed, in the midst of an addition
        self._background: dict[str, bool] = {}  # whether a response is billed, by its id

    def of_reply(self, request: Request, response: Response) -> tuple[float | None, int | None]:
        """Look up what a whole reply cost, and add it to the totals if it is spent now. Raises nothing.

        Returns US dollars, None if they are not known; and the tokens of the call as estimated, where the server
        counted none.
        """
        try:
            if response.usage is not None or request.is_paid:
                return self._of_reply(request, response)
        except Exception as error:
            log_failure("the cost of a reply", error)
        return None, None

    def _of_reply(self, request: Request, response: Response) -> tuple[float | None, int | None]:
        value, usage = response.value, response.usage
        background: str | None = None
        if getattr(value, "_may_be_background", False) and getattr(value, "background", None) is True:
            background = value.id
        dollars = self._bill(
            getattr(value, "model", None),
            getattr(value, "created", None) or getattr(value, "created_at", None),
            getattr(value, "service_tier", None),
            usage,
            background,
            getattr(getattr(value, "usage", None), "_is_text", True),
            spent=request.method != "GET",
            asked=request.model,
        )
        if (usage is not None and usage.is_stated) or background is not None:
            return dollars, None
        return dollars, _estimated(request, value)

    def bill(
        self,
        model: str | None,
        created: float | None,
        tier: str | None,
        usage: CompletionUsage | None,
        asked: str | None = None,
    ) -> float | None:
        """US dollars for a usage that is spent now, added to the totals; None if that fails, or is not known."""
        return try_accounting("the cost of a reply", self._bill, *ReplyUsage(model, created, tier, usage), asked=asked)

    def of_stream(self, request: Request, billed: Callable[[], ReplyUsage | None]) -> float | None:
        """`bill` for what `billed` tells of a call, which may fail. What it tells nothing of is not billed."""
        known = try_accounting("the usage of a reply", billed)
        if known is None:
            return None
        return try_accounting(
            "the cost of a reply", self._bill, *known, spent=request.method != "GET", asked=request.model
        )

    def of_lost(self, request: Request, attempt: Attempt) -> Attempt:
        """Count an attempt that was sent and has no answer: it may have been billed.

        Returns it with its tokens and US dollars as estimated: its prompt, and the longest reply that it allows. The
        attempt stays as it is if it asks for nothing that is paid.
        """
        if not request.is_paid:
            return attempt
        with self._adding:
            self.totals.doubt(request.model or _NO_NAME)
        size = request.size
        usage = CompletionUsage(size.prompt, size.completion, size.prompt + size.completion)
        price = self._prices.of("", asked=request.model, when=None, service_tier=None)
        return attrs.evolve(attempt, estimated_tokens=usage.total_tokens, estimated_cost=cost(usage, price))

    def expect(self, response_id: str) -> None:
        """A response in the background is waited for: it is billed when its usage is seen, unless it was before."""
        self._remember(response_id, billed=False)

    def _bill(
        self,
        model: str | None,
        created: float | None,
        service_tier: str | None,
        usage: CompletionUsage | None,
        background: str | None,
        is_text: bool,
        *,
        spent: bool = True,
        asked: str | None = None,
    ) -> float | None:
        """Arguments: the fields of `ReplyUsage`; whether it is spent now; the model that was asked for."""
        if usage is not None and not usage.is_stated:
            usage = None
        price = self._prices.of(model or "", asked=asked, when=created, service_tier=service_tier)
        dollars = cost(usage, price) if is_text else None
        if background is not None:
            spent = self._settles(background, usage is not None, made=spent)
        if spent:
            with self._adding:
                self.totals.add(model or asked or _NO_NAME, usage, dollars)
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


def _estimated(request: Request, value: object) -> int | None:
    return try_accounting("the estimate of a reply", lambda: request.size.prompt + tokens_of_reply(value))
