"""Sections of code that threads enter one at a time, without a lock while there is only one thread.

The first thread that comes owns the sections: it marks itself inside, and looks again whether it is still the owner.
When a second thread comes it takes the ownership away, waits until the owner is outside, and from then on everybody
takes a lock. The order of these stores and loads is what excludes: each side writes before it reads.

A section must be short and must not wait. A finalizer or a signal handler may run in the midst of one; what it asks
for is done right after that section.
"""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable
from typing import Any, Protocol, TypeVar, TypeVarTuple, cast

T = TypeVar("T")
Ts = TypeVarTuple("Ts")


class Run(Protocol):
    """Runs a section, which no other thread is in meanwhile."""

    def __call__(self, section: Callable[[*Ts], T], /, *args: *Ts) -> T: ...


class Exclusion:
    """See the module. `on_shared` is called once, in a section, when a second thread has come."""

    __slots__ = ("_inside", "_late", "_lock", "_on_shared", "_owner", "_owner_inside")

    def __init__(self, on_shared: Callable[[], None] | None = None) -> None:
        self._owner: int | None = None  # the only thread so far; 0 once there are several
        self._owner_inside = 0  # the owner, while it is in a section; nobody else writes it
        self._inside = 0  # the thread that is in a section with the lock
        self._lock = threading.RLock()
        self._late: deque[tuple[Callable[..., Any], tuple[Any, ...]]] = deque()
        self._on_shared = on_shared

    def run(self, section: Callable[[*Ts], T], *args: *Ts) -> T:
        """Call a section and return its result.

        Inside of another section of the same thread it is only noted, and None is returned.
        """
        me = threading.get_ident()
        if self._owner != me:
            return self._run_locked(me, section, args)
        if self._owner_inside:
            return self._note(section, args)
        self._owner_inside = me
        try:
            if self._owner == me:
                return section(*args)
        finally:
            self._owner_inside = 0
            if self._late:
                self._catch_up()
        return self._run_locked(me, section, args)

    def _run_locked(self, me: int, section: Callable[..., T], args: tuple[Any, ...]) -> T:
        if me in (self._inside, self._owner_inside):
            return self._note(section, args)
        with self._lock:
            if self._owner is not None:
                self._share(me)
                self._inside = me
                try:
                    return section(*args)
                finally:
                    self._inside = 0
                    if self._late:
                        self._catch_up()
            self._owner = me
        return self.run(section, *args)

    def _share(self, me: int) -> None:
        """Take the sections away from their owner, if there is one. With the lock."""
        if self._owner not in (0, me):
            self._owner = 0
            while self._owner_inside:  # it is on its way out, and enters no more without the lock
                time.sleep(0)
            if self._on_shared is not None:
                self._on_shared()

    def _note(self, section: Callable[..., T], args: tuple[Any, ...]) -> T:
        self._late.append((section, args))
        return cast("T", None)

    def _catch_up(self) -> None:
        while self._late:
            try:
                section, args = self._late.popleft()
            except IndexError:  # another thread has done it
                return
            self.run(section, *args)
