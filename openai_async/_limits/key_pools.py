"""The keys of a client, and what each may still send to each scope. Arithmetic only.

Every key has limits of its own. Of several keys the one that can send earliest is taken; among equals, in turn.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Final

from openai_async._limits.levels import Reason
from openai_async._limits.pool import limits_of
from openai_async.errors import OpenAIError, QuotaExhaustedError, RequestExceedsLimitError
from openai_async.types.limits import Accounting, StatedLimits

if TYPE_CHECKING:
    from openai_async._limits.backend import LimitBackend, LimitPool, Reservation

#: Families that are kept at least, and at most while nothing is in flight and no limit remembers anything.
_FEW: Final = 64
_MANY: Final = 256
#: Seconds after which a scope is forgotten that nobody has used.
_UNUSED: Final = 600.0


class KeyPools:
    """See the module.

    Args:
        stated: the rate limits.
        keys: how many keys there are.
        accounting: how the server counts tokens, if the limits do not say it.
        backend: where limits are kept.
        wake: makes the limiter look at its queues again, from any thread.
    """

    def __init__(
        self,
        stated: StatedLimits,
        keys: int,
        accounting: Accounting,
        backend: LimitBackend,
        wake: Callable[[], object],
    ) -> None:
        self._accounting: Accounting = accounting
        self._stated: StatedLimits = stated
        self._backend = backend
        self._wake = wake
        self._keys = keys
        self._turn = 0
        self._drained: set[int] = set()
        self._pools: dict[str, dict[int, LimitPool]] = {}  # by scope and key
        self._look_at = _FEW  # so many scopes are too many to keep without a look at them

    # -- which key -------------------------------------------------------------------------------------

    def earliest(
        self, scope: str, tokens: float, now: float, *, last_attempt: bool = False
    ) -> tuple[float, Reason | None, int]:
        """The key that can send first: seconds until then, what for, and its number (-1 if every key is set aside).

        `last_attempt`: see `AcquireRequest`.
        """
        if (self._keys == 1 and not self._drained) or is_elsewhere(scope):
            only = self._pool(scope, 0, now)
            return (*only.wait(now, tokens, last_attempt=last_attempt), 0) if only is not None else (0.0, None, 0)
        best, reason, key = math.inf, None, -1
        for step in range(self._keys):
            candidate = (self._turn + step) % self._keys
            if candidate in self._drained:
                continue
            pool = self._pool(scope, candidate, now)
            seconds, why = pool.wait(now, tokens, last_attempt=last_attempt) if pool is not None else (0.0, None)
            if key < 0 or seconds < best:
                best, reason, key = seconds, why, candidate
            if seconds <= 0.0:
                break
        return best, reason, key

    def least_wait(self, scope: str, tokens: float, now: float) -> tuple[float, Reason | None]:
        """Seconds that a request waits for certain, whichever key it takes, and what for; see `Buckets.least_wait`."""
        pools = [self._pool(scope, key, now) for key in self._usable(scope)]
        waits = [(0.0, None) if pool is None else pool.least_wait(now, tokens) for pool in pools]
        return min(waits, key=lambda wait: wait[0], default=(0.0, None))

    def charge(
        self, scope: str, tokens: float, now: float, key: int, *, last_attempt: bool = False
    ) -> tuple[LimitPool | None, Reservation]:
        """Count a request against the limits of a key that can send it now."""
        self._turn = (key + 1) % self._keys
        pool = self._pools[scope].get(key)  # `earliest` has looked
        return pool, pool.reserve(now, tokens, last_attempt=last_attempt) if pool is not None else None

    def held(self, scope: str, now: float) -> float:
        """Seconds until the first of the keys sends again that were refused; 0 if one was not."""
        pools = self.pools(scope)
        return min((pools[key].held(now) if key in pools else 0.0 for key in self._usable(scope)), default=0.0)

    def is_settled(self, scope: str) -> bool:
        """Whether what is sent now is as sure to be accepted as it can be, with any key."""
        pools = self.pools(scope)
        return not pools or any(pool.settled for pool in pools.values())

    def never(self, scope: str, tokens: float, now: float) -> OpenAIError | None:
        """Why a request can never be sent; None if it can."""
        usable = self._usable(scope)
        if not usable:
            return all_drained()
        pools = [self._pool(scope, key, now) for key in usable]
        exceeded = [pool.fits(tokens) if pool is not None else None for pool in pools]
        if all(level is not None for level in exceeded):
            capacity = max(level.limit for level in exceeded if level is not None)
            return RequestExceedsLimitError(
                f"the request needs about {tokens:.0f} tokens, and the limit is {capacity:.0f}:"
                " it can never be sent; shorten it, or lower max_completion_tokens",
                status_code=429,
            )
        return None

    def _pool(self, scope: str, key: int, now: float) -> LimitPool | None:
        pools = self._pools.get(scope)
        if pools is None:
            if len(self._pools) >= self._look_at:
                self._forget(now)
            pools = self._pools[scope] = {}
        pool = pools.get(key)
        if pool is None and self._stated is not None:
            stated = None if is_elsewhere(scope) else limits_of(scope, self._stated)
            pool = pools[key] = self._backend.pool(scope, key, stated, now, self._accounting, self._wake)
        return pool

    def _usable(self, scope: str) -> Sequence[int]:
        """The keys that are not set aside. What goes elsewhere has none, and counts as one of its own."""
        if is_elsewhere(scope):
            return (0,)
        return [key for key in range(self._keys) if key not in self._drained]

    def _forget(self, now: float) -> None:
        """Drop the scopes that nobody has used for a while; of too many, those that were used least recently.

        Whatever is in flight, or has still to refill, is kept. O(n log n), for each time that n has doubled.
        """
        at_rest = [
            (max((pool.used for pool in pools.values()), default=-math.inf), scope)
            for scope, pools in self._pools.items()
            if all(pool.at_rest(now) for pool in pools.values())
        ]
        spare = len(self._pools) - _MANY
        for number, (used, scope) in enumerate(sorted(at_rest)):
            if number < spare or now - used > _UNUSED:
                del self._pools[scope]
        self._look_at = max(_FEW, 2 * len(self._pools))

    # -- keys that are set aside -----------------------------------------------------------------------

    @property
    def drained(self) -> frozenset[int]:
        """Keys that are set aside."""
        return frozenset(self._drained)

    def set_aside(self, key: int) -> bool:
        """Use a key no more, because its account is drained. False if it was the last one."""
        self._drained.add(key)
        return len(self._drained) < self._keys

    def enable(self, key: int | None) -> None:
        """Use a key (None: all of them) again."""
        if key is None:
            self._drained.clear()
        else:
            self._drained.discard(key)

    # -- what is known ---------------------------------------------------------------------------------

    def pools(self, scope: str) -> Mapping[int, LimitPool]:
        """The pools of a scope by key, as far as they were used."""
        return self._pools.get(scope, {})

    def items(self) -> Iterable[tuple[str, Mapping[int, LimitPool]]]:
        """All scopes that are kept, each with its pools by key."""
        return self._pools.items()

    def best(self, calls: int | None, tokens: float, scopes: Iterable[str]) -> dict[str, float | None]:
        """The limits of these scopes together, and the least seconds for so many calls of so many tokens each.

        A full level goes at once, the rest at its rate; the slower of requests and tokens decides.
        """
        rates: dict[str, float] = {}
        burst: dict[str, float] = {}
        for pool in (pool for scope in scopes for pool in self.pools(scope).values()):
            # Of two limits on one thing, such as a second's and a minute's, the lower one counts.
            slowest = {level.kind: level for level in sorted(pool.levels, key=lambda level: -level.rate)}
            for kind, level in slowest.items():
                rates[kind] = rates.get(kind, 0.0) + level.rate
                burst[kind] = burst.get(kind, 0.0) + level.capacity
        least = None
        if calls is not None and rates:
            need = {"requests": float(calls), "tokens": calls * tokens}
            least = max(max(0.0, need[kind] - burst[kind]) / rates[kind] for kind in rates)
        return {
            "limit_requests_per_minute": 60.0 * rates["requests"] if "requests" in rates else None,
            "limit_tokens_per_minute": 60.0 * rates["tokens"] if "tokens" in rates else None,
            "least_seconds": least,
        }

    def after_fork(self) -> None:
        """Begin anew, in a child process: what is in flight is the parent's."""
        self._pools = {}


def is_elsewhere(scope: str) -> bool:
    """Whether a scope is a host that is not the API's: it is named by its origin, those of the API by their paths.

    Neither the keys nor the stated limits are of such a host, and what it says of its limits is of it alone.
    """
    return scope.startswith(("https://", "http://"))


def all_drained() -> QuotaExhaustedError:
    """No key is left."""
    return QuotaExhaustedError(
        "the quota of every key is exhausted: add credit or raise the spend limit, then call enable_keys()",
        status_code=429,
        code="insufficient_quota",
    )
