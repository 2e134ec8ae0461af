"""The order of those who wait: classes, jobs, first come first served.

Classes are interactive, default and batch. A higher class goes first, but every tenth turn belongs to the lower ones,
by turns, so that none starves. Inside a class the jobs (a map, a batch; single calls are one job together) take turns,
and inside a job the order is that of arrival. The one whose turn it is holds the turn until it can go: a large request
is not overtaken by small ones for ever.

Last attempts stand apart. They go before all others while the limits are settled, and after them while they are not:
then the others find out what the server accepts.
"""

from __future__ import annotations

from collections import OrderedDict
from contextvars import ContextVar
from typing import Final, Generic, Literal, NamedTuple, TypeVar

Priority = Literal["interactive", "default", "batch"]
PRIORITIES: Final[tuple[Priority, ...]] = ("interactive", "default", "batch")
#: One turn in so many goes to a lower class than the highest that waits.
_FLOOR: Final = 10

W = TypeVar("W")


class QueuePosition(NamedTuple):
    """Where the calls of the current task stand in line."""

    priority: Priority
    job: object
    #: Gets the scopes of what the job asks for; None if nobody wants to know.
    scopes: set[str] | None = None


_SINGLE_CALLS: Final = QueuePosition("default", None)

#: Set by maps and batches for the calls they make, whatever method they make them through.
queue_position: ContextVar[QueuePosition] = ContextVar("queue_position", default=_SINGLE_CALLS)


class WaitQueue(Generic[W]):
    """Waiters in order. Joining, leaving from anywhere and taking the head are O(1).

    Attributes:
        settled: whether a request that is sent now is sure to be accepted. Whoever serves the line says so.
    """

    __slots__ = ("_classes", "_head", "_last", "_size", "_turns", "settled")

    def __init__(self) -> None:
        self._classes: dict[Priority, OrderedDict[object, OrderedDict[W, None]]] = {
            priority: OrderedDict() for priority in PRIORITIES
        }
        self._last: OrderedDict[W, None] = OrderedDict()
        self.settled = True
        self._turns = 0
        self._size = 0  # without those of `_last`
        self._head: tuple[Priority, object, W] | None = None

    def __len__(self) -> int:
        return self._size + len(self._last)

    def count(self, job: object) -> int:
        """How many wait for one job."""
        return sum(len(jobs.get(job, ())) for jobs in self._classes.values())

    def enqueue(
        self, waiter: W, priority: Priority, job: object, *, first: bool = False, last_attempt: bool = False
    ) -> None:
        """Stand at the end of one's job, or before all others of it (`first`: a retry); or apart (see the module)."""
        if last_attempt:
            self._last[waiter] = None
            return
        jobs = self._classes[priority]
        waiters = jobs.get(job)
        if waiters is None:
            waiters = jobs[job] = OrderedDict()
        waiters[waiter] = None
        if first:
            waiters.move_to_end(waiter, last=False)
        self._size += 1
        if self._head is not None and (first or PRIORITIES.index(priority) < PRIORITIES.index(self._head[0])):
            self._head = None  # somebody came who goes before; the head has not been promised anything

    def cancel(self, waiter: W, priority: Priority, job: object) -> None:
        """Go away unserved."""
        if waiter in self._last:
            del self._last[waiter]
            return
        self._remove(waiter, priority, job)
        if self._head is not None and self._head[2] is waiter:
            self._head = None

    def head(self) -> W | None:
        """Whose turn it is. The same one until it is taken, leaves, or somebody who goes before it joins."""
        if self._last and (self.settled or not self._size):
            return next(iter(self._last))
        if self._head is None and self._size:
            upwards = self._turns % _FLOOR == _FLOOR - 1
            waiting: list[Priority] = [priority for priority in PRIORITIES if self._classes[priority]]
            lower = waiting[1:] or waiting
            priority = lower[self._turns // _FLOOR % len(lower)] if upwards else waiting[0]
            job, waiters = next(iter(self._classes[priority].items()))
            self._head = (priority, job, next(iter(waiters)))
        return self._head[2] if self._head else None

    def dequeue(self) -> W:
        """Serve the head; its job goes to the end of its class."""
        waiter = self.head()
        assert waiter is not None
        if waiter in self._last:
            del self._last[waiter]
            return waiter
        assert self._head is not None
        priority, job, _ = self._head
        self._head = None
        self._turns += 1
        self._remove(waiter, priority, job)
        jobs = self._classes[priority]
        if job in jobs:
            jobs.move_to_end(job)
        return waiter

    def _remove(self, waiter: W, priority: Priority, job: object) -> None:
        jobs = self._classes[priority]
        waiters = jobs[job]
        del waiters[waiter]
        if not waiters:
            del jobs[job]
        self._size -= 1
