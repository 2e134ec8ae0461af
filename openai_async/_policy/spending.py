"""What may be spent: a bound on tokens or on US dollars, kept while many calls are in flight.

What a call costs is known when it has ended, and what is in flight will cost something, too. So each call in flight
counts as the mean of those that have ended, and until one has, only a few are started. A call that may have been
charged without an answer counts as much. A run ends at its bound, give or take a call, however many may be in flight at
a time. Arithmetic only: no clock, no I/O.
"""

from __future__ import annotations

from typing import Final, Literal, TypeAlias

from openai_async.errors import InvalidParameterError

#: Which bound it was.
Bound: TypeAlias = Literal["max_total_tokens", "max_cost"]

#: Calls in flight while nobody knows yet what one costs.
_UNKNOWN: Final = 8


class Spending:
    """What was spent, and whether more may be.

    Args:
        max_total_tokens, max_cost: the bounds, in tokens and US dollars; None for none.

    Raises:
        InvalidParameterError: a bound is not a positive number.
    """

    __slots__ = ("_answered", "_max_cost", "_max_tokens", "_unanswered", "cost", "estimated", "tokens")

    def __init__(self, max_total_tokens: int | None = None, max_cost: float | None = None) -> None:
        _check("max_total_tokens", max_total_tokens)
        _check("max_cost", max_cost)
        self._max_tokens = max_total_tokens
        self._max_cost = max_cost
        self._answered = 0
        self._unanswered = 0
        self.tokens: int = 0
        #: Those of them that are estimated, because the server counted none.
        self.estimated: int = 0
        #: US dollars; None once a price was not known.
        self.cost: float | None = 0.0

    def add(
        self, tokens: int, cost: float | None, *, estimated: bool = False, answered: int = 1, unanswered: int = 0
    ) -> None:
        """Calls have ended.

        Args:
            tokens, cost: of all of them; a cost of None is not known.
            estimated: the server did not count the tokens.
            answered: how many of them were answered.
            unanswered: how many may have been charged, and were not answered.
        """
        self._answered += answered
        self._unanswered += unanswered
        self.tokens += tokens
        self.estimated += tokens if estimated else 0
        self.cost = None if cost is None or self.cost is None else self.cost + cost

    @property
    def stopped(self) -> Bound | None:
        """The bound that is reached: no further call is to be started. An unknown price cannot be kept under one."""
        if self._reaches(self.tokens, self._max_tokens, self._unanswered):
            return "max_total_tokens"
        if self._max_cost is not None and (
            self.cost is None or self._reaches(self.cost, self._max_cost, self._unanswered)
        ):
            return "max_cost"
        return None

    def has_room(self, in_flight: int) -> bool:
        """Whether one more call may be started now, beside so many others."""
        if not in_flight or (self._max_tokens is None and self._max_cost is None):
            return True
        if not self._answered:
            return in_flight < _UNKNOWN
        more = self._unanswered + in_flight
        return not self._reaches(self.tokens, self._max_tokens, more) and not self._reaches(
            self.cost or 0.0, self._max_cost, more
        )

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
