"""What a rate limit is here: a level, what was granted against it, and what the server says of it. Values only."""

from __future__ import annotations

import math
from typing import Final, Literal

import attrs

#: Seconds by which a request may be admitted after one that was sent later.
_REORDER_WINDOW_MOST: Final = 0.75
SAFETY_FACTOR_MOST: Final = 0.75
SAFETY_FACTOR_LEAST: Final = 0.05
#: Share of capacity that is left untouched.
MARGIN: Final = 0.002
#: Seconds by which the order of admission may differ from that of sending: at first and at most.
REORDERING_BOUND_MOST: Final = 0.125

#: Seconds that are added to the end of a window, at least and at most, and per second of the window: a request must
#: not arrive before it, and servers round.
_AFTER_LEAST: Final = 0.02
_AFTER_MOST: Final = 1.0
_AFTER_SHARE: Final = 0.05
#: Seconds: whole seconds that are left of a window as long as this may have been rounded down.
_ROUNDED_FROM: Final = 2.0
#: Seconds until another try where a window should be over, and is not.
_NOT_YET: Final = 0.5

Kind = Literal["requests", "tokens"]
#: What a request waits for: its turn at a limit, the end of a Retry-After, a free slot, or for limits to become known.
Reason = Literal["requests", "tokens", "retry-after", "slot", "limits"]


def end_of(time: float, reset: float, length: float) -> float:
    """When a window is over for sure, of which a request sent at `time` heard that it ends in `reset` seconds."""
    rounded = 1.0 if length >= _ROUNDED_FROM and reset == int(reset) else 0.0  # 4.9 s are 4 to some
    return time + reset + max(rounded, min(_AFTER_MOST, max(_AFTER_LEAST, _AFTER_SHARE * length)))


@attrs.define(eq=False)
class Window:
    """A limit that becomes full all at once: when `ends` comes. The next one is taken to be as long as any was."""

    ends: float = math.inf
    #: The longest time that was left of one.
    length: float = 0.0
    #: Whether `ends` is what a server said, not our guess.
    said: bool = False

    def hear(self, time: float, reset: float, now: float, *, refused: bool = False) -> None:
        """A request sent at `time` heard that the window ends in `reset` seconds, or that it has not ended yet."""
        self.length = max(self.length, reset)
        ends = end_of(time, reset, self.length)
        if refused:
            ends = max(ends, now + _NOT_YET)
        if self.ends == math.inf:
            self.ends, self.said = ends, True  # perhaps it has ended since
        elif ends > now and (not self.said or abs(ends - self.ends) > max(1.0, 0.1 * self.length)):
            self.ends, self.said = ends, True
        elif ends > now:
            self.ends = max(self.ends, ends)  # servers round; who comes later has not missed anything

    def passes(self, now: float) -> bool:
        """Whether it has ended; then it is the next one."""
        if now < self.ends:
            return False
        self.ends = (
            math.inf
            if self.length == 0.0
            else self.ends + self.length * math.ceil(max(1e-9, now - self.ends) / self.length)
        )
        self.said = False
        return True


@attrs.define(eq=False)
class RateBucket:
    """One limit: `rate` per second, `capacity` at most. `level` may be negative after a correction."""

    kind: Kind
    rate: float
    capacity: float
    #: The most that a single request may cost; it may be more than what the bucket holds.
    limit: float = attrs.field(default=attrs.Factory(lambda self: self.capacity, takes_self=True))
    #: The most that `capacity` may become: what was stated, or as much as the server says.
    most: float = attrs.field(default=attrs.Factory(lambda self: self.capacity, takes_self=True), init=False)
    #: It is known from the server alone: it delays requests, and forbids none.
    is_learned: bool = attrs.field(default=False, kw_only=True)
    #: What it becomes full by, if that is not the rate.
    fixed: Window | None = attrs.field(default=None, kw_only=True)
    #: Until when a server's own window holds nothing more, whatever was stated.
    held: float = attrs.field(default=-math.inf, init=False)
    #: The last sample of its filling: send time, what was used, seconds until it is full.
    filling: tuple[float, float, float] | None = attrs.field(default=None, init=False)
    level: float = attrs.field(init=False)
    #: Part of `rate` that is ours, as observed.
    share: float = attrs.field(default=1.0, init=False)
    margin: float = attrs.field(init=False)
    #: Seconds by which requests were last found to be admitted in another order than sent.
    reordering_bound: float = attrs.field(default=REORDERING_BOUND_MOST, init=False)
    #: Part of our unconfirmed charges that is held back.
    safety_factor: float = attrs.field(init=False)
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
        self.safety_factor = self.most_safety_factor

    @property
    def window(self) -> float:
        """Seconds in which an empty level fills."""
        return self.capacity / self.rate

    @property
    def reorder_window(self) -> float:
        return min(_REORDER_WINDOW_MOST, self.window / 8) * self.reordering_bound / REORDERING_BOUND_MOST

    @property
    def most_safety_factor(self) -> float:
        """A request is always one, and what was taken of a short window before we came is soon back."""
        if self.kind == "tokens":
            return SAFETY_FACTOR_MOST
        return max(SAFETY_FACTOR_LEAST, SAFETY_FACTOR_MOST * min(1.0, self.window / 10))

    def roll(self, now: float) -> None:
        """It becomes full if its window has ended."""
        if self.fixed is not None and self.fixed.passes(now):
            self.level, self.full = self.capacity, now

    def seconds_for(self, lacking: float, now: float) -> float:
        """Seconds until it has risen by so much."""
        return lacking / (self.rate * self.share) if self.fixed is None else max(0.0, self.fixed.ends - now)

    def become(self, limit: float) -> None:
        """The server says another limit than before."""
        factor = limit / self.most
        self.most = limit
        self.rate *= factor
        self.capacity = max(1.0, self.capacity * factor)
        self.level = min(self.level, self.capacity)
        self.margin = min(self.margin, self.least_margin)
        self.reference = self.filling = None

    @property
    def least_margin(self) -> float:
        if self.kind == "tokens":
            return MARGIN * self.capacity
        return min(self.capacity / 4, self.rate * self.reordering_bound)


@attrs.define(eq=False)
class Reservation:
    """Leave to send one request; handed back to the `Buckets` that gave it."""

    number: int
    time: float
    tokens: float
    #: An answer to it was seen, or none will come.
    answered: bool = False
    #: Its tokens were given back.
    returned: bool = False
    #: All that was sent before it had been answered when it was sent.
    alone: bool = False


@attrs.frozen
class HeaderSample:
    """What a reply's headers said of one kind of limit, sanitised: None where they said nothing of use."""

    limit: float | None = None
    remaining: float | None = None
    #: Seconds until it is full again.
    reset: float | None = None
    #: Seconds that the limit is for, if that was said.
    window: float | None = None
    #: It is full at once then, not bit by bit until then.
    at_once: bool = False

    @property
    def capacity(self) -> float | None:
        """What the bucket holds when it is full: the rest comes at the rate of the limit, which is one per minute."""
        if self.limit is None or self.remaining is None or self.reset is None or self.at_once:
            return None
        return min(self.limit, self.remaining + self.reset * self.limit / 60)
