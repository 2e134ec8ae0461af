"""What was sent, and when: sums of charges after a moment, with single charges taken back.

Two Fenwick trees over the sequence of sends. Appending, taking back and summing are O(log n); the log is cut back to
its horizon whenever it has doubled, which keeps both memory and the amortised cost small.
"""

from __future__ import annotations

import bisect


class ChargeLog:
    """Charges in order of their send time. A charge is (requests, tokens)."""

    __slots__ = ("_base", "_cut_at", "_horizon", "_requests", "_times", "_tokens")

    def __init__(self, horizon: float) -> None:
        self._horizon = horizon  # seconds; older charges are never asked for
        self._base = 0  # sequence number of the first charge that is kept
        self._times: list[float] = []
        self._requests: list[float] = [0.0]
        self._tokens: list[float] = [0.0]
        self._cut_at = 4096

    def append(self, time: float, requests: float, tokens: float) -> int:
        """Record a charge made at `time`, not before the last one; returns its sequence number."""
        if len(self._times) >= self._cut_at:
            self._cut(time - self._horizon)
        self._times.append(time)
        _append(self._requests, requests)
        _append(self._tokens, tokens)
        return self._base + len(self._times) - 1

    def take_back(self, number: int, requests: float, tokens: float) -> None:
        """Lower a charge. One that is older than the horizon is gone already."""
        index = number - self._base
        if index >= 0:
            _add(self._requests, index, -requests)
            _add(self._tokens, index, -tokens)

    def after(self, time: float) -> tuple[float, float]:
        """Requests and tokens charged strictly after a moment."""
        index = bisect.bisect_right(self._times, time)
        size = len(self._times)
        return (
            _prefix(self._requests, size) - _prefix(self._requests, index),
            _prefix(self._tokens, size) - _prefix(self._tokens, index),
        )

    def _cut(self, before: float) -> None:
        index = bisect.bisect_left(self._times, before)
        requests = [_single(self._requests, i) for i in range(index, len(self._times))]
        tokens = [_single(self._tokens, i) for i in range(index, len(self._times))]
        self._times = self._times[index:]
        self._base += index
        self._requests, self._tokens = [0.0], [0.0]
        for one, other in zip(requests, tokens, strict=True):
            _append(self._requests, one)
            _append(self._tokens, other)
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


def _single(tree: list[float], index: int) -> float:
    return _prefix(tree, index + 1) - _prefix(tree, index)
