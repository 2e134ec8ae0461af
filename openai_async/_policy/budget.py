"""A bound on retries as a share of calls, so that an outage is not answered by a storm of our own.

Every call adds `ratio` of a retry, every retry takes one; the store starts full with `reserve` and never exceeds it.
N calls in an outage therefore send at most N * (1 + ratio) + reserve requests. (The idea is Finagle's retry budget.)
"""

from __future__ import annotations


class RetryBudget:
    """Arithmetic without a clock; one per client."""

    __slots__ = ("_balance", "_ratio", "_reserve")

    def __init__(self, *, ratio: float = 0.1, reserve: float = 50.0) -> None:
        self._ratio = ratio
        self._reserve = reserve
        self._balance = reserve

    @property
    def balance(self) -> float:
        """Retries that may be made now."""
        return self._balance

    def deposit(self) -> None:
        """A new call begins."""
        self._balance = min(self._reserve, self._balance + self._ratio)

    def withdraw(self) -> bool:
        """Take one retry; False if none is left."""
        if self._balance < 1.0:
            return False
        self._balance -= 1.0
        return True
