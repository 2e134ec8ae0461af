"""Progress as text: one line for a log, and the pieces of every display.

Changing figures keep their width, so that a redrawn line does not jump. Arithmetic and text only: no clock, no drawing.
"""

from __future__ import annotations

from collections import Counter
from typing import Final

from openai_async.types.progress import BatchProgress, Progress, RemoteProgress

#: Parts of a remote batch that a line lists one by one.
_LISTED: Final = 4
#: Seconds that a rate needs to mean something: at first a full limit goes at once.
_PACE_AFTER: Final = 5.0


def describe(progress: Progress | RemoteProgress) -> str:
    """Describe the progress in one line."""
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
    if len(progress.parts) > _LISTED:
        return [*parts, f"batches: {states(progress)}"]
    count = len(progress.parts)
    return parts + [
        f"part {number} of {count}: {part.status} {part.completed:,} + {part.failed:,} failed / {part.total:,}"
        for number, part in enumerate(progress.parts, 1)
    ]


def states(progress: RemoteProgress) -> str:
    """Count the parts in each state."""
    counts = Counter(part.status for part in progress.parts)
    return ", ".join(f"{count:,} {status}" for status, count in counts.items())


def extras(progress: BatchProgress) -> list[str]:
    """List the rows of a batch that are counted separately, if there are any."""
    counts = (
        (progress.skipped, "done before"),
        (progress.bad, "bad lines"),
        (progress.ambiguous, "ambiguous"),
    )
    return [f"{count:,} {what}" for count, what in counts if count]


def waits(progress: Progress) -> str:
    """Describe what the client's calls wait for. Empty if none waits."""
    return "waits for " + ", ".join(sorted(progress.waiting_for)) if progress.waiting_for else ""


def is_over(progress: Progress | RemoteProgress) -> bool:
    """Whether nothing is left to show. A remote run continues after its last row, until its parts end."""
    if isinstance(progress, RemoteProgress):
        return progress.done >= progress.total and all(part.status == "completed" for part in progress.parts)
    return progress.total is not None and progress.done >= progress.total


def is_idle(progress: Progress) -> bool:
    """Whether there never was anything to do."""
    return progress.total == 0 and not progress.done


def duration(seconds: float) -> str:
    """Format seconds: 42s, 3m10s, 2h05m. At most six characters below 100 hours."""
    total = round(seconds)
    if total < 60:
        return f"{total}s"
    if total < 3600:
        return f"{total // 60}m{total % 60:02}s"
    return f"{total // 3600}h{total % 3600 // 60:02}m"


def money(dollars: float) -> str:
    """Format US dollars: two decimals, or four below ten cents."""
    return f"${dollars:,.4f}" if 0 < dollars < 0.1 else f"${dollars:,.2f}"


def at_best(progress: Progress) -> str:
    """Format the least time from start to end, which is not the time left."""
    return "" if progress.least_seconds is None else f"at best {duration(progress.least_seconds)} in all"


def calls(progress: Progress, width: int = 1) -> str:
    """Format calls per minute with their limit, right-aligned."""
    return _rate(progress, progress.calls_per_minute, progress.limit_requests_per_minute, width)


def tokens(progress: Progress, width: int = 1) -> str:
    """Format tokens per minute with their limit, right-aligned."""
    return _rate(progress, progress.tokens_per_minute, progress.limit_tokens_per_minute, width)


def _rate(progress: Progress, now: float, limit: float | None, width: int) -> str:
    figure = f"{now:,.0f}" if progress.seconds >= _PACE_AFTER else "-"
    return f"{figure:>{width}}" + (f" of {limit:,.0f}" if limit is not None else "")
