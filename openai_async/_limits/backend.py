"""What the limiter asks of a place where rate limits are kept.

The limiter decides who goes next; a pool decides when one more request may be sent. A pool is what one key may send to
one scope. `Pool` of `_limits.pool` keeps its limits in this process. To share limits over a network, write another
`LimitBackend`: the limiter, the queues and the permits stay as they are.

Rules for an implementation:

- Every method is called in a section of the limiter: one thread at a time, in the midst of a call. None may wait, do
  I/O or raise. What must come over a network, such as a lease, is asked for in the background.
- A pool that has nothing to give answers an infinite wait, and calls `wake` once something has come. `wake` may be
  called from any thread and event loop. It must not be called from a method of a pool.
- `now` is the limiter's clock, in seconds. It does not go back, and means nothing to another process. So ages, and
  never points in time, go over a network.
- Each request is granted once. Then it is answered or refused at most once, and ended or canceled exactly once. A
  process that is forked forgets its pools, and calls nothing for requests of its parent.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Protocol, TypeAlias

from openai_async._limits.levels import RateBucket, Reason
from openai_async.types.limits import Accounting, RateLimit
from openai_async.types.meta import RateLimits

#: What `LimitPool.reserve` returns for one request. Only the pool that made it looks inside.
Reservation: TypeAlias = Any


class LimitPool(Protocol):
    """What one key may send to one scope.

    `wait`, `grant`, `samples`, `answered` and `ended` are on the path of every call: keep them to a few microseconds.
    """

    def wait(self, now: float, tokens: float, *, last_attempt: bool = False) -> tuple[float, Reason | None]:
        """The seconds until a request may be sent, and what it waits for: (0, None) for now.

        Infinite seconds mean: not before `wake` is called, or before a request of this pool ends. Called for each new
        request, and again for the head of the queue after every event.

        Args:
            now: seconds.
            tokens: what the request costs, as estimated.
            last_attempt: whether the call fails if it is refused once more.
        """
        ...

    def reserve(self, now: float, tokens: float, *, last_attempt: bool = False) -> Reservation:
        """Charge a request that is sent now. Called right after `wait` answered 0."""
        ...

    def samples(self, reservation: Reservation) -> bool:
        """Whether the limits that a reply states would tell anything new. If not, they are not read."""
        ...

    def answered(self, now: float, reservation: Reservation, limits: RateLimits | None) -> None:
        """The headers of a reply have arrived; None if they were not read (see `samples`)."""
        ...

    def refused(
        self, now: float, reservation: Reservation, limits: RateLimits, *, retry_after: float | None, jitter: float
    ) -> None:
        """The server refused a request for its rate (429), or for overload.

        Args:
            now: seconds.
            grant: the request.
            limits: what the reply states.
            retry_after: seconds that the server asked to wait; None if it did not say.
            jitter: a random number in [0, 1).
        """
        ...

    def ended(self, now: float, reservation: Reservation, tokens: float | None) -> None:
        """A request that was sent is over. `tokens` is what the server counted, if that is known."""
        ...

    def cancel(self, now: float, reservation: Reservation) -> None:
        """A request was never sent: take its charge back."""
        ...

    def least_wait(self, now: float, tokens: float) -> tuple[float, Reason | None]:
        """The seconds that a request waits for certain, and what for; (0, None) where that is not known.

        Only a call with a deadline asks. It fails at once if its deadline comes earlier, so do not guess.
        """
        ...

    def fits(self, tokens: float) -> RateBucket | None:
        """The limit that a request of this cost exceeds forever; None if it fits. The call fails then."""
        ...

    def held(self, now: float) -> float:
        """The seconds for which nothing is sent because of a refusal."""
        ...

    @property
    def settled(self) -> bool:
        """Whether what is sent now is as sure to be accepted as it can be. Last attempts go first then."""
        ...

    @property
    def used(self) -> float:
        """The time of the last grant; minus infinity before the first."""
        ...

    def at_rest(self, now: float) -> bool:
        """Whether the pool can be dropped: a new one would allow as much. Give back what is held, such as a lease."""
        ...

    @property
    def levels(self) -> Sequence[RateBucket]:
        """The limits that are known, with their levels as of the last call. For progress and `statistics()`."""
        ...


class LimitBackend(Protocol):
    """Where pools come from. One backend may serve several limiters."""

    def pool(
        self,
        scope: str,
        key: int,
        stated: RateLimit | None,
        now: float,
        accounting: Accounting,
        wake: Callable[[], object],
    ) -> LimitPool:
        """Make the pool of a key and a scope, at its first request.

        Args:
            scope: endpoint and model, such as "/chat/completions gpt-5"; or the origin of another host.
            key: the index of the key in the client's list. A key's text is never given.
            stated: the limits that the user stated; None to learn them from headers.
            now: seconds.
            accounting: how the server counts tokens, if the limits do not say it.
            wake: makes the limiter look at its queues again.
        """
        ...
