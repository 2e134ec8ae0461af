"""A bound on failures as a share of successes, so that an outage is not answered by a storm of our own.

Every success adds `ratio` of a failure, every failure takes one; the store starts full with `reserve` and never exceeds
it. (The idea is Finagle's retry budget.)
"""

from __future__ import annotations


class RetryBudget:
    """Arithmetic without a clock."""

    __slots__ = ("_balance", "_ratio", "_reserve")

    def __init__(self, *, ratio: float = 0.1, reserve: float = 50.0) -> None:
        self._ratio = ratio
        self._reserve = reserve
        self._balance = reserve

    @property
    def balance(self) -> float:
        """Failures that are still borne."""
        return self._balance

    @property
    def is_full(self) -> bool:
        """Whether nothing was taken that was not given back."""
        return self._balance >= self._reserve

    def deposit(self) -> None:
        """Something succeeded."""
        self._balance = min(self._reserve, self._balance + self._ratio)

    def withdraw(self) -> bool:
        """Something failed; False if that is more than is borne."""
        if self._balance < 1.0:
            return False
        self._balance -= 1.0
        return True
