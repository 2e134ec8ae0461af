"""The log of requests: one entry per request, and the running totals.

An entry is in the log, and no longer in the totals' `in_flight`, before the last byte of its reply is sent. A client
with its reply therefore finds its entry. The log has a digest of the key, never the key, and no text of any prompt or
reply. It may be read from any thread.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable

from attrs import asdict, define

__all__ = ["Entry", "Ledger", "Stats"]


@define
class Entry:
    """One request. A row of a batch is a request, too: `batch_id` and `custom_id` are those of the batch and the row.

    `sequence` counts arrivals from 1. `received` is seconds on the emulator's clock. `key` is a digest. `status` is 499
    for a client that disconnected before the reply began. `code` is that of the error, or its type if it has none.
    `charged` is the tokens taken from the rate limit. `aborted`: the client disconnected before the end. `lasted` is
    the duration in seconds.
    """

    sequence: int
    received: float
    method: str
    path: str
    key: str | None = None
    model: str | None = None
    status: int = 0
    code: str | None = None
    prompt_tokens: int = 0
    completion_tokens: int = 0
    charged: int = 0
    request_id: str = ""
    client_request_id: str | None = None
    idempotency_key: str | None = None
    aborted: bool = False
    batch_id: str | None = None
    custom_id: str | None = None
    lasted: float = 0.0


@define
class Stats:
    """The running totals. Each request ends as exactly one of ok, rate_limited, failed, aborted."""

    requests: int = 0
    ok: int = 0
    rate_limited: int = 0
    failed: int = 0
    aborted: int = 0
    in_flight: int = 0
    max_in_flight: int = 0
    prompt_tokens: int = 0
    completion_tokens: int = 0

    @property
    def tokens(self) -> int:
        """The tokens of prompts and completions together."""
        return self.prompt_tokens + self.completion_tokens


class Ledger:
    """The request log: the last `history` finished requests, oldest first, and the `stats` of all of them."""

    def __init__(self, history: int, on_request: Callable[[Entry], object] | None = None) -> None:
        self._on_request = on_request
        self.stats: Stats = Stats()
        self._entries: deque[Entry] = deque(maxlen=history)
        self._lock = threading.Lock()
        self._idle = threading.Condition(self._lock)

    def entries(self) -> list[Entry]:
        """Copy the finished requests, in the order in which they finished."""
        with self._lock:
            return list(self._entries)

    def snapshot(self) -> dict[str, int]:
        """Copy the totals, all of the same instant."""
        with self._lock:
            return {**asdict(self.stats), "tokens": self.stats.tokens}

    def wait_idle(self, timeout: float = 10.0) -> None:
        """Block until no request is in flight. Raises `TimeoutError` after `timeout` seconds.

        A client that disconnects is logged a moment later. A test can wait for that with this method.
        """
        with self._idle:
            if not self._idle.wait_for(lambda: self.stats.in_flight == 0, timeout):
                raise TimeoutError(f"{self.stats.in_flight} requests are still in flight")

    def __len__(self) -> int:
        return len(self._entries)

    def open(self, received: float, method: str, path: str) -> Entry:
        """Log an arrival."""
        with self._lock:
            stats = self.stats
            stats.requests += 1
            stats.in_flight += 1
            stats.max_in_flight = max(stats.max_in_flight, stats.in_flight)
            return Entry(stats.requests, received, method, path, request_id=f"req_{stats.requests:032x}")

    def close(self, entry: Entry) -> None:
        """Log the end of a request that `open` returned."""
        with self._lock:
            stats = self.stats
            stats.in_flight -= 1
            if entry.aborted:
                stats.aborted += 1
            elif entry.status < 400:
                stats.ok += 1
            elif entry.status == 429 and entry.code == "rate_limit_exceeded":
                stats.rate_limited += 1
            else:
                stats.failed += 1
            stats.prompt_tokens += entry.prompt_tokens
            stats.completion_tokens += entry.completion_tokens
            self._entries.append(entry)
            if stats.in_flight == 0:
                self._idle.notify_all()
        if self._on_request is not None:
            self._on_request(entry)
