"""What a rate limit is here: a level, what was granted against it, and what the server says of it. Values only."""

from __future__ import annotations

import math
from typing import Final, Literal

import attrs

#: Seconds by which a request may be admitted after one that was sent later.
_LATE: Final = 0.75
DOUBT_MOST: Final = 0.75
DOUBT_LEAST: Final = 0.05
#: Share of capacity that is left untouched.
MARGIN: Final = 0.002
#: Seconds by which the order of admission may differ from that of sending: at first and at most.
DISORDER_MOST: Final = 0.125

Kind = Literal["requests", "tokens"]
#: What a request waits for: its turn at a limit, the end of a Retry-After, a free slot, or for limits to become known.
Reason = Literal["requests", "tokens", "retry-after", "slot", "limits"]


@attrs.define(eq=False)
class Level:
    """One limit: `rate` per second, `capacity` at most. `level` may be negative after a correction."""

    kind: Kind
    rate: float
    capacity: float
    #: The most that a single request may cost; it may be more than what the bucket holds.
    limit: float = attrs.field(default=attrs.Factory(lambda self: self.capacity, takes_self=True))
    #: The most that `capacity` may become: what was stated, or as much as the server says.
    most: float = attrs.field(default=attrs.Factory(lambda self: self.capacity, takes_self=True), init=False)
    level: float = attrs.field(init=False)
    #: Part of `rate` that is ours, as observed.
    share: float = attrs.field(default=1.0, init=False)
    margin: float = attrs.field(init=False)
    #: Seconds by which requests were last found to be admitted in another order than sent.
    disorder: float = attrs.field(default=DISORDER_MOST, init=False)
    #: Part of our unconfirmed charges that is held back.
    doubt: float = attrs.field(init=False)
    #: When it was last full, and what came flowed over.
    full: float = attrs.field(default=-math.inf, init=False)
    #: What was sent until then is in the samples seen, for sure.
    confirmed: float = attrs.field(default=-math.inf, init=False)
    #: Send time of the newest sample.
    synced: float = attrs.field(default=-math.inf, init=False)
    #: The sample that `share` was last measured from: send time, level at the server, its own cost.
    reference: tuple[float, float, float] | None = attrs.field(default=None, init=False)

    def __attrs_post_init__(self) -> None:
        self.level = self.capacity
        self.margin = self.least_margin
        self.doubt = self.most_doubt

    @property
    def window(self) -> float:
        """Seconds in which an empty level fills."""
        return self.capacity / self.rate

    @property
    def late(self) -> float:
        return min(_LATE, self.window / 8) * self.disorder / DISORDER_MOST

    @property
    def most_doubt(self) -> float:
        """A request is always one, and what was taken of a short window before we came is soon back."""
        if self.kind == "tokens":
            return DOUBT_MOST
        return max(DOUBT_LEAST, DOUBT_MOST * min(1.0, self.window / 10))

    @property
    def least_margin(self) -> float:
        if self.kind == "tokens":
            return MARGIN * self.capacity
        return min(self.capacity / 4, self.rate * self.disorder)


@attrs.define(eq=False)
class Grant:
    """Leave to send one request; handed back to the `Buckets` that gave it."""

    number: int
    time: float
    tokens: float
    #: An answer to it was seen, or none will come.
    answered: bool = False
    #: Its tokens were given back.
    returned: bool = False


@attrs.frozen
class Stated:
    """What a reply's headers said of one kind of limit, sanitised: None where they said nothing of use."""

    limit: float | None = None
    remaining: float | None = None
    #: Seconds until it is full again.
    reset: float | None = None

    @property
    def capacity(self) -> float | None:
        """What the bucket holds when it is full: the rest comes at the rate of the limit, which is one per minute."""
        if self.limit is None or self.remaining is None or self.reset is None:
            return None
        return min(self.limit, self.remaining + self.reset * self.limit / 60)
