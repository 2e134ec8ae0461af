"""How fast to send to a server that refuses requests and does not say what its limit is. No clock, no I/O.

Time passes in cycles. A cycle begins when the server accepts a request again and ends with the next refusal:

1. shut: nothing is sent until the hold ends.
2. probe: one request is sent. The next follows when it is answered, or when it was not refused for `_PROBE_SECONDS`.
3. paced: requests are spaced evenly. The rate rises slowly while it is what holds requests back.

A limit lets as many requests through per cycle as it refills in that time. So what was accepted from one probe to the
next, over the seconds in between, is the server's rate: the next cycle starts below it. This is as true of a token
bucket of any burst as of a window that starts anew each minute.
"""

from __future__ import annotations

import math
from typing import Final

from openai_async._limits.hold import RetryAfterHold

#: Seconds after which a probe that was not refused counts as accepted. A refusal is fast, an answer may take minutes.
_PROBE_SECONDS: Final = 0.25
#: Requests per second: the rate is never lower.
_LEAST_RATE: Final = 0.05
#: The rate after a refusal, as a part of the rate that was refused: at most, and at least.
_CUT_LEAST: Final = 0.85
_CUT_MOST: Final = 0.5
#: The rate after a refusal, as a part of the rate that was measured.
_BELOW_MEASURED: Final = 0.92
#: Part of the highest measured rate that is believed a cycle later.
_REMEMBERED: Final = 0.9
#: What the rate gains, as parts of the server's rate: per second, and per request; the lower of both counts.
_GAIN_PER_SECOND: Final = 0.03
_GAIN_PER_REQUEST: Final = 0.007
#: A rate below `_LOW` of the server's may gain this part of itself per request instead: others may have let go.
_LOW: Final = 0.5
_LOW_GAIN: Final = 0.25
#: What a success adds to the rate in the first cycle, as parts of it, where it was measured over a few requests.
_RAMP_PER_REQUEST: Final = 0.5
_RAMP_PER_SECOND: Final = 0.7
#: Requests per second: the first rate is not lower if it was measured over a few requests.
_FIRST_RATE: Final = 5.0
#: So many accepted requests tell the rate within a factor of two.
_MEASURED_WELL: Final = 10
#: Seconds: several requests that are due within them may be sent together, as timers are no finer.
_TICK: Final = 0.01
#: A last attempt is made in this part of a cycle, measured in requests that the last cycle accepted.
_EARLY: Final = 0.5
#: Distance that a last attempt keeps, in requests, beside that of every other: in that part of a cycle, and after it.
_DISTANCE_EARLY: Final = 1.0
_DISTANCE_LATE: Final = 4.0


class Pace:
    """One per scope, from its first refusal on.

    Args:
        hold: until when nothing is sent.
        now: time of the refusal, in seconds.
        since: time from which requests were counted before the first refusal, in seconds.
        sent: how many were sent since then, refused ones included.
    """

    __slots__ = (
        "_accepted", "_accepted_before", "_hold", "_next", "_probe", "_probing", "_ramps_to", "_server",
        "_shut", "_since", "_was_shut", "rate",
    )  # fmt: skip

    def __init__(self, hold: RetryAfterHold, now: float, since: float, sent: float) -> None:
        self._hold = hold
        #: Requests per second; infinite until the server has accepted some and refused others.
        self.rate = math.inf
        self._ramps_to = math.inf  # the rate to which successes raise it fast
        self._server = 0.0  # the server's rate, as measured when most was accepted
        self._next = -math.inf  # when the next request is due
        self._probing = True
        self._probe: float | None = None  # when it was sent
        self._since = since  # start of the cycle
        self._accepted = sent  # requests that were sent since, and not refused
        self._accepted_before = 0.0  # the same of the cycle before
        self._shut = now  # when the cycle was ended by a refusal
        self._was_shut = 0.0  # seconds from such a refusal to the next acceptance, the time before

    @property
    def is_early(self) -> bool:
        """Whether a request is now as sure to be accepted as it can be."""
        return not self._probing and self._accepted <= _EARLY * self._accepted_before

    def is_shut(self, now: float) -> bool:
        """Whether nothing at all is sent now."""
        return now < self._hold.ends

    def wait(self, now: float, *, last_attempt: bool = False) -> float:
        """Seconds until a request may be sent.

        `last_attempt`: its caller fails if it is refused once more. It keeps a distance, and rarely is a probe.
        """
        ends = self._hold.ends
        if self._probing:
            due = ends if self._probe is None else self._probe + _PROBE_SECONDS
            if last_attempt:  # at least as long as the scope was shut the time before
                due = max(due + self._hold.seconds, self._shut + self._was_shut)
            return max(0.0, ends - now, due - now)
        distance = (_DISTANCE_EARLY if self.is_early else _DISTANCE_LATE) / self.rate if last_attempt else 0.0
        return max(0.0, ends - now, self._next + distance - now)

    def sent(self, now: float, *, last_attempt: bool = False) -> None:
        """A request is sent now. Whether it may be is `wait`'s to say."""
        if self._probing and self._probe is None:
            self._probe = now
            return
        if self._probing:
            self._begin_cycle()
        self._accepted += 1.0
        spacing = 1.0 / self.rate
        if not last_attempt and now < self._next + spacing:  # it was the pace that held it back
            self.rate += self._gain(spacing)
        self._next = max(self._next, now - max(0.0, _TICK - spacing)) + spacing

    def _gain(self, seconds: float) -> float:
        """What a request adds to the rate that came so many seconds after the last one."""
        most = _LOW_GAIN * self.rate if self.rate < _LOW * self._server else _GAIN_PER_REQUEST * self._server
        return min(most, _GAIN_PER_SECOND * self._server * seconds)

    def unsent(self, sent: float) -> None:
        """The request that was sent at `sent` never left."""
        if self._probing and self._probe is not None and sent >= self._probe:
            self._probe = None
        else:
            self._accepted = max(0.0, self._accepted - 1.0)

    def accepted(self, sent: float) -> None:
        """The answer to a request sent at `sent` is no refusal."""
        if self._probing:
            if self._probe is not None and sent >= self._probe:
                self._begin_cycle()
        elif self.rate < self._ramps_to and sent >= self._since:
            self.rate *= 1.0 + min(_RAMP_PER_REQUEST, _RAMP_PER_SECOND / self.rate)
            self._server = max(self._server, self.rate)

    def refused(self, now: float, sent: float) -> None:
        """A request sent at `sent` was refused; the hold knows."""
        if not self._probing:
            if sent < self._since:
                return  # it belongs to an earlier cycle
            self._shut = now
        if self._probing and self._probe is not None and sent >= self._probe:
            self._probe = None
        else:
            self._accepted = max(0.0, self._accepted - 1.0)
        self._probing = True

    def _begin_cycle(self) -> None:
        """The probe was accepted: what came between it and the one before tells the rate."""
        assert self._probe is not None
        measured = max(1.0, self._accepted) / max(self._probe - self._since, 1e-3)
        if math.isinf(self.rate) and self._accepted < 1.0:
            measured = 0.0  # it refused all, which says nothing of a rate
        elif math.isinf(self.rate):
            well = (
                self._accepted >= _MEASURED_WELL
            )  # else it may tell how little was asked for, not how little is allowed
            self.rate = max(_LEAST_RATE if well else _FIRST_RATE, measured)
            self._ramps_to = 2.0 * self.rate if well else math.inf
        else:
            cut = min(_CUT_LEAST * self.rate, max(_CUT_MOST * self.rate, _BELOW_MEASURED * measured))
            self.rate = max(_LEAST_RATE, cut)
            self._ramps_to = 0.0
        self._server = max(measured, _REMEMBERED * self._server)
        self._was_shut = self._probe - self._shut
        self._accepted_before, self._accepted, self._since = self._accepted, 1.0, self._probe
        self._next = self._probe + 1.0 / self.rate
        self._probing, self._probe = False, None
