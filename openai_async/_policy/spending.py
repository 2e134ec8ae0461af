"""What may be spent: a bound on tokens or on US dollars, kept while many calls are in flight.

What a call costs is known when it has ended, and what is in flight will cost something, too. So each call in flight
counts as the mean of those that have ended, and until one has, only a few are started. An attempt that may have been
charged without an answer counts by its estimate, or as much as that mean where there is none. A run ends at its bound,
give or take a call, however many may be in flight at a time. Arithmetic only: no clock, no I/O.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final, Literal, NamedTuple, TypeAlias

from openai_async.errors import InvalidParameterError
from openai_async.types.attempt import Attempt

#: Which bound it was.
Bound: TypeAlias = Literal["max_total_tokens", "max_cost"]

#: Calls in flight while nobody knows yet what one costs.
_UNKNOWN: Final = 8


class Doubted(NamedTuple):
    """What attempts may have been charged for that brought no answer that can be used.

    Attributes:
        attempts: how many there were.
        tokens, cost: as estimated; US dollars, as far as prices are known.
        unpriced: those whose price is not known.
    """

    attempts: int
    tokens: int
    cost: float
    unpriced: int

    @classmethod
    def of(cls, attempts: Iterable[Attempt]) -> Doubted:
        """The sum of those of a call."""
        count = tokens = unpriced = 0
        cost = 0.0
        for attempt in attempts:
            if attempt.estimated_tokens is not None:
                count += 1
                tokens += attempt.estimated_tokens
                cost += attempt.estimated_cost or 0.0
                unpriced += attempt.estimated_cost is None
        return cls(count, tokens, cost, unpriced)


class Spending:
    """What was spent, and whether more may be.

    Args:
        max_total_tokens, max_cost: the bounds, in tokens and US dollars; None for none.

    Raises:
        InvalidParameterError: a bound is not a positive number.
    """

    __slots__ = (
        "_answered",
        "_max_cost",
        "_max_tokens",
        "_unanswered",
        "_unpriced",
        "cost",
        "cost_estimated",
        "estimated",
        "tokens",
    )

    def __init__(self, max_total_tokens: int | None = None, max_cost: float | None = None) -> None:
        _check("max_total_tokens", max_total_tokens)
        _check("max_cost", max_cost)
        self._max_tokens = max_total_tokens
        self._max_cost = max_cost
        self._answered = 0
        self._unanswered = self._unpriced = 0
        self.tokens: int = 0
        #: Those of them that are estimated, because the server counted none, or did not answer.
        self.estimated: int = 0
        #: US dollars; None once a price was not known.
        self.cost: float | None = 0.0
        #: What attempts without an answer may have cost beside that.
        self.cost_estimated: float = 0.0

    def add(
        self,
        tokens: int,
        cost: float | None,
        *,
        estimated: int = 0,
        cost_estimated: float = 0.0,
        answered: int = 1,
        unanswered: int = 0,
        unpriced: int = 0,
    ) -> None:
        """Calls have ended.

        Args:
            tokens, cost: of all of them; a cost of None is not known.
            estimated: those of the tokens that the server did not count.
            cost_estimated: what attempts without an answer may have cost beside `cost`.
            answered: how many of the calls have used these tokens.
            unanswered: how many attempts may have been charged, and are not estimated.
            unpriced: how many are estimated in tokens alone.
        """
        self._answered += answered
        self._unanswered += unanswered
        self._unpriced += unpriced
        self.tokens += tokens
        self.estimated += estimated
        self.cost = None if cost is None or self.cost is None else self.cost + cost
        self.cost_estimated += cost_estimated

    @property
    def stopped(self) -> Bound | None:
        """The bound that is reached: no further call is to be started. An unknown price cannot be kept under one."""
        if self._reaches(self.tokens, self._max_tokens, self._unanswered):
            return "max_total_tokens"
        if self._max_cost is not None and (self.cost is None or self._costs_too_much(0)):
            return "max_cost"
        return None

    def has_room(self, in_flight: int) -> bool:
        """Whether one more call may be started now, beside so many others."""
        if not in_flight or (self._max_tokens is None and self._max_cost is None):
            return True
        if not self._answered:
            return in_flight < _UNKNOWN
        tokens = self._reaches(self.tokens, self._max_tokens, self._unanswered + in_flight)
        return not tokens and not self._costs_too_much(in_flight)

    def _costs_too_much(self, in_flight: int) -> bool:
        more = self._unanswered + self._unpriced + in_flight
        return self._reaches((self.cost or 0.0) + self.cost_estimated, self._max_cost, more)

    def _reaches(self, spent: float, bound: float | None, more: int) -> bool:
        """Whether what was spent on the answered calls, and as much again on each of some more, reaches a bound."""
        if bound is None:
            return False
        if not self._answered:
            return spent >= bound
        return spent * (self._answered + more) >= bound * self._answered  # in whole numbers where it can be


def _check(name: str, bound: object) -> None:
    if bound is not None and (isinstance(bound, bool) or not isinstance(bound, (int, float)) or not bound > 0):
        raise InvalidParameterError(name, "must be a positive number, or None for no bound")
