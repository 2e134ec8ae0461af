"""Whether many calls fail for one cause that they share, such as a wrong key. Arithmetic only: no clock, no I/O.

The first calls of a run are probes. As long as none has succeeded, only so many may be started. When all of them end
with the same error, and it is one that does not pass by itself, no further call can do better: the run is halted. One
success, or two different errors of that kind, end the probing. A failure that may pass says nothing of the others: two
more probes take its place.

Only the end of a probe lets more be started, and no time does: a server may take seconds to refuse a call, and nobody
knows how many. So a run of slow calls has only its probes in flight until the first of them has ended.
"""

from __future__ import annotations

from typing import Final

from openai_async import errors

#: Probes, unless the user states another number.
PROBES: Final = 20


class Probing:
    """The probing of one run.

    Args:
        probes: how many equal failures halt the run; None never halts it.
    """

    __slots__ = ("_cause", "_failed", "_most", "_probes", "halted_by")

    def __init__(self, probes: int | None) -> None:
        self._probes = probes
        self._most = probes  # calls that may be started; None once the probing is over
        self._cause: tuple[object, ...] | None = None
        self._failed = 0
        #: The error that all probes ended with; None as long as the run may go on.
        self.halted_by: Exception | None = None

    def may_start(self, started: int) -> bool:
        """Whether another call may be started after so many."""
        return self.halted_by is None and (self._most is None or started < self._most)

    def ended(self, error: Exception | None) -> None:
        """A call has ended, with an error or well (None)."""
        if self._probes is None or self._most is None or self.halted_by is not None:
            return
        cause = None if error is None else cause_of(error)
        if error is not None and cause is None:
            self._most += 2
        elif cause is None or self._cause not in (None, cause):
            self._most = None
        else:
            self._cause = cause
            self._failed += 1
            if self._failed >= self._probes:
                self.halted_by = error


def cause_of(error: Exception) -> tuple[object, ...] | None:
    """What two failures must share to have one cause; None for a failure that may pass by itself."""
    if isinstance(error, errors.APIStatusError):
        passes = error.status_code in _PASSING or not 300 <= error.status_code < 500
        drained = isinstance(error, errors.QuotaExhaustedError)
        return None if passes and not drained else (type(error), error.status_code, error.code, error.param)
    if isinstance(error, errors.APIConnectionError):
        return (errors.APIConnectionError,) if error.outcome == "not_sent" else None
    if isinstance(error, (errors.DecodeError, errors.UnexpectedRedirectError, errors.InvalidParameterError)):
        return (type(error), getattr(error, "field", None))
    return None


_PASSING: Final = frozenset({408, 409, 425, 429})
