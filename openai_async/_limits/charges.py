"""What was sent, and when: sums of charges after a moment, with single charges taken back.

Charges of the same few milliseconds share an entry, and entries older than the horizon are dropped whenever their
number has doubled; so memory is bounded by the horizon, whatever the traffic. The entries form a Fenwick tree:
appending is O(1) on average, taking back and summing are O(log n).
"""

from __future__ import annotations

import bisect
from typing import Final

#: Seconds of charges that share an entry: far less than the order of sending is trusted to say.
GRAIN: Final = 0.005


class ChargeLog:
    """Charges of one kind in order of their send time."""

    __slots__ = ("_base", "_cut_at", "_horizon", "_sums", "_times", "_total", "since")

    def __init__(self, horizon: float) -> None:
        self._horizon = horizon  # seconds
        self.since = float("-inf")  # sums after a moment before this one are not known
        self._base = 0  # number of the first entry that is kept
        self._times: list[float] = []
        self._sums: list[float] = [0.0]
        self._total = 0.0
        self._cut_at = 4096

    def keep(self, horizon: float) -> None:
        """From now on, entries are kept for so many seconds at least."""
        self._horizon = max(self._horizon, horizon)

    @property
    def last(self) -> float:
        """The time of the last entry."""
        return self._times[-1] if self._times else float("-inf")

    def append(self, time: float, charge: float) -> int:
        """Record a charge made at `time`, not before the last one; returns the number of its entry."""
        times = self._times
        if times and time - times[-1] < GRAIN:
            self._sums[-1] += charge  # the last node of the tree covers the last entry, and no node covers it
        else:
            if len(times) >= self._cut_at:
                self._cut(time - self._horizon)
            self._times.append(time)
            _append(self._sums, charge)
        self._total += charge
        return self._base + len(self._times) - 1

    def take_back(self, number: int, charge: float) -> None:
        """Lower an entry. One that is older than the horizon is gone already."""
        index = number - self._base
        if index >= 0:
            self._total -= charge
            _add(self._sums, index, -charge)

    def after(self, time: float) -> float:
        """The sum of what was charged strictly after a moment."""
        times = self._times
        if not times or times[-1] <= time:
            return 0.0
        return self._total - _prefix(self._sums, bisect.bisect_right(times, time))

    def _cut(self, before: float) -> None:
        index = bisect.bisect_left(self._times, before)
        charges = [_prefix(self._sums, at + 1) - _prefix(self._sums, at) for at in range(index, len(self._times))]
        self.since = before
        self._base += index
        self._times = self._times[index:]
        self._sums = [0.0]
        self._total = sum(charges)
        for charge in charges:
            _append(self._sums, charge)
        self._cut_at = max(4096, 2 * len(self._times))


def _append(tree: list[float], value: float) -> None:
    index = len(tree)
    low = index - (index & -index)
    position = index - 1
    while position > low:
        value += tree[position]
        position -= position & -position
    tree.append(value)


def _add(tree: list[float], index: int, value: float) -> None:
    position = index + 1
    while position < len(tree):
        tree[position] += value
        position += position & -position


def _prefix(tree: list[float], count: int) -> float:
    total = 0.0
    while count > 0:
        total += tree[count]
        count -= count & -count
    return total
