"""Progress in words and numbers: one line for a log, and the pieces that a display is put together from.

Figures that change keep their width, so that a line which is drawn again does not dance. Arithmetic and text only: no
clock, no drawing.
"""

from __future__ import annotations

from collections import Counter
from typing import Final

from openai_async.types.progress import BatchProgress, Progress, RemoteProgress

#: Parts of a remote batch that a line tells one by one.
_TOLD: Final = 4
#: Seconds that a rate needs to mean something: at first a full limit goes at once.
_PACE_AFTER: Final = 5.0


def describe(progress: Progress | RemoteProgress) -> str:
    """One line that says how far it is."""
    parts = _of_remote(progress) if isinstance(progress, RemoteProgress) else _of_calls(progress)
    return ", ".join(parts)


def _of_calls(progress: Progress) -> list[str]:
    if is_idle(progress):
        return ["nothing to do", *(extras(progress) if isinstance(progress, BatchProgress) else [])]
    total = f"/{progress.total:,}" if progress.total is not None else ""
    parts = [f"{progress.done:,}{total} done", f"{progress.failed:,} failed", f"{progress.in_flight:,} in flight"]
    if isinstance(progress, BatchProgress):
        parts += extras(progress)
    if progress.seconds >= _PACE_AFTER:
        parts.append(f"{calls(progress)} calls/min")
        parts.append(f"{tokens(progress)} tokens/min")
    if progress.waiting_for:
        parts.append(waits(progress))
    parts.append(f"{duration(progress.seconds)} so far")
    if progress.seconds_left is not None and not is_over(progress):
        parts.append(f"{duration(progress.seconds_left)} left")
    if progress.least_seconds is not None:
        parts.append(at_best(progress))
    parts.append("cost unknown" if progress.cost is None else money(progress.cost))
    return parts


def _of_remote(progress: RemoteProgress) -> list[str]:
    parts = [f"{progress.done:,}/{progress.total:,} done", f"{progress.failed:,} failed"]
    parts.append(f"{duration(progress.seconds)} so far")
    if progress.seconds_left is not None and not is_over(progress):
        parts.append(f"{duration(progress.seconds_left)} left")
    if len(progress.parts) > _TOLD:
        return [*parts, f"batches: {states(progress)}"]
    count = len(progress.parts)
    return parts + [
        f"part {number} of {count}: {part.status} {part.completed:,} + {part.failed:,} failed / {part.total:,}"
        for number, part in enumerate(progress.parts, 1)
    ]


def states(progress: RemoteProgress) -> str:
    """How many parts are in which state."""
    counts = Counter(part.status for part in progress.parts)
    return ", ".join(f"{count:,} {status}" for status, count in counts.items())


def extras(progress: BatchProgress) -> list[str]:
    """What a batch has beside its own rows, where there is any."""
    told = (
        (progress.skipped, "done before"),
        (progress.bad, "bad lines"),
        (progress.ambiguous, "ambiguous"),
    )
    return [f"{count:,} {what}" for count, what in told if count]


def waits(progress: Progress) -> str:
    """What the client's calls wait for; empty if none waits."""
    return "waits for " + ", ".join(sorted(progress.waiting_for)) if progress.waiting_for else ""


def is_over(progress: Progress | RemoteProgress) -> bool:
    """Whether there is nothing left to show. A remote run goes on after its last row: its parts have yet to end."""
    if isinstance(progress, RemoteProgress):
        return progress.done >= progress.total and all(part.status == "completed" for part in progress.parts)
    return progress.total is not None and progress.done >= progress.total


def is_idle(progress: Progress) -> bool:
    """Whether there never was anything to do."""
    return progress.total == 0 and not progress.done


def duration(seconds: float) -> str:
    """Seconds as people say them: 42s, 3m10s, 2h05m; never more than six characters below 100 hours."""
    whole = round(seconds)
    if whole < 60:
        return f"{whole}s"
    if whole < 3600:
        return f"{whole // 60}m{whole % 60:02}s"
    return f"{whole // 3600}h{whole % 3600 // 60:02}m"


def money(dollars: float) -> str:
    """US dollars: two places, or four where it is cents."""
    return f"${dollars:,.4f}" if 0 < dollars < 0.1 else f"${dollars:,.2f}"


def at_best(progress: Progress) -> str:
    """The least time from the start to the end; not what is left of it."""
    return "" if progress.least_seconds is None else f"at best {duration(progress.least_seconds)} in all"


def calls(progress: Progress, width: int = 1) -> str:
    """Calls per minute, right-aligned, beside their limit."""
    return _rate(progress, progress.calls_per_minute, progress.limit_requests_per_minute, width)


def tokens(progress: Progress, width: int = 1) -> str:
    """Tokens per minute, right-aligned, beside their limit."""
    return _rate(progress, progress.tokens_per_minute, progress.limit_tokens_per_minute, width)


def _rate(progress: Progress, now: float, limit: float | None, width: int) -> str:
    told = f"{now:,.0f}" if progress.seconds >= _PACE_AFTER else "-"
    return f"{told:>{width}}" + (f" of {limit:,.0f}" if limit is not None else "")
