"""The await-point sweep: run a coroutine again and again, cancelled at the first suspension, then the next.

A suspension is one moment at which the coroutine hands control to the event loop. `sweep` counts them in an
undisturbed run, then repeats the run once for each suspension and each kind of cancellation, and asks `check`
after every run whether something leaked. Suspensions of tasks which the coroutine starts are not counted;
those of its clean-up are not either, but "twice" cancels again at the first of them.

The harness never looks inside the coroutine: it stands between `await` and the loop and passes everything on.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Coroutine, Generator, Sequence
from dataclasses import dataclass
from typing import Literal, TypeAlias, cast

import anyio

from openai_async.testing._backend import on_asyncio

Kind: TypeAlias = Literal["native", "twice", "timeout", "scope"]
Ending: TypeAlias = Literal["cancelled", "finished", "raised"]
KINDS: tuple[Kind, ...] = ("native", "twice", "timeout", "scope")


@dataclass(frozen=True, slots=True)
class Outcome:
    """How one cancelled run ended: by the cancellation, with a result in spite of it, or by another error."""

    kind: Kind
    point: int
    ending: Ending
    error: str = ""
    """`repr` of the other error: the error itself would keep its frames, and all they hold, alive."""


@dataclass(frozen=True, slots=True)
class SweepReport:
    """`points`: suspensions of the undisturbed run; `outcomes`: one for each cancelled run, in order."""

    points: int
    outcomes: tuple[Outcome, ...]

    def ended(self, ending: Ending) -> tuple[Outcome, ...]:
        """The runs that ended in this way."""
        return tuple(outcome for outcome in self.outcomes if outcome.ending == ending)


async def sweep(
    make: Callable[[], Awaitable[object]],
    check: Callable[[], Awaitable[None]],
    *,
    kinds: Sequence[Kind] = KINDS,
    max_points: int = 500,
) -> SweepReport:
    """Cancel what `make` returns at each of its suspensions, in each way, and await `check` after every run.

    Kinds: "native" is `task.cancel()` from outside the task, "twice" repeats it at the next suspension,
    "timeout" is an `asyncio.timeout` that runs out, "scope" a cancelled `anyio.CancelScope`. On trio only
    "scope" exists and the others are left out. A kind ends at the first run that finishes before it is
    cancelled. So a coroutine whose suspensions vary with real I/O is swept as far as it goes.

    Raises what the undisturbed run raises; what `check` raises, with a note of kind and point; `RuntimeError`
    if the undisturbed run suspends more than `max_points` times. Cancelling the sweep cancels the run under
    way and waits for its clean-up.
    """
    clean = _Run(make, max_points + 1)
    await _isolated("scope", clean)
    if clean.reached:
        raise RuntimeError(f"more than {max_points} suspensions: raise max_points or sweep something smaller")
    await check()
    outcomes: list[Outcome] = []
    for kind in kinds:
        if kind != "scope" and not on_asyncio():
            continue
        for point in range(1, max_points + 1):
            run = _Run(make, point, again=kind == "twice")
            outcome = await _conduct(kind, run, point)
            try:
                await check()
            except Exception as error:
                error.add_note(f"after cancellation ({kind}) at suspension {point} of {clean.suspensions}")
                raise
            if not run.reached:
                break
            outcomes.append(outcome)
    return SweepReport(clean.suspensions, tuple(outcomes))


class _Run:
    """Awaits what `make` returns and calls `cancel` at the chosen suspension, before the loop sees it."""

    def __init__(self, make: Callable[[], Awaitable[object]], point: int, *, again: bool = False) -> None:
        self._make = make
        self._points = (point, point + 1) if again else (point,)
        self.suspensions = 0
        self.reached = False
        self.cancel: Callable[[], object]

    def __await__(self) -> Generator[object, object, None]:
        # A coroutine around the awaitable leaves all kinds of awaitables to Python's own `await`, and it has
        # send and throw, which an iterator from somebody's __await__ may lack.
        inner = cast("Coroutine[object, object, None]", _plain(self._make()))
        value: object = None
        error: BaseException | None = None
        while True:
            try:
                yielded = inner.send(value) if error is None else inner.throw(error)
            except StopIteration:
                return
            finally:
                error = None  # kept, it would refer to itself through this frame and outlive the run
            self.suspensions += 1
            if self.suspensions in self._points:
                self.reached = True
                self.cancel()
            try:
                value = yield yielded
            except BaseException as thrown:  # cancellation, GeneratorExit: every one belongs inside
                error = thrown


async def _conduct(kind: Kind, run: _Run, point: int) -> Outcome:
    try:
        cancelled = await _isolated(kind, run)
    except Exception as error:
        return Outcome(kind, point, "raised", repr(error))
    return Outcome(kind, point, "cancelled" if cancelled else "finished")


async def _isolated(kind: Kind, run: _Run) -> bool:
    """Whether the cancellation ended the run.

    On asyncio each run has a task of its own: native cancellation marks a task (`Task.cancelling`) for good.
    """
    drive = {"native": _natively, "twice": _natively, "timeout": _under_timeout, "scope": _under_scope}[kind]
    if not on_asyncio():
        return await drive(run)
    task = asyncio.create_task(drive(run))
    try:
        await asyncio.wait({task})
    finally:
        if not task.done():
            task.cancel()
            with anyio.CancelScope(shield=True):
                await asyncio.wait({task})
    return True if task.cancelled() else task.result()


async def _natively(run: _Run) -> bool:
    run.cancel = _cancel_from_outside
    await run
    return False


def _cancel_from_outside() -> None:
    # Soon, when the task is suspended, yet ahead of whatever would wake it. The task is found, not kept: in a frame of
    # its own traceback it would refer to itself and outlive the run.
    task = asyncio.current_task()
    assert task is not None
    asyncio.get_running_loop().call_soon(task.cancel)


async def _under_timeout(run: _Run) -> bool:
    limit = asyncio.timeout(None)
    run.cancel = lambda: limit.reschedule(asyncio.get_running_loop().time())
    cancelled = False
    try:
        async with limit:
            try:
                await run
            except asyncio.CancelledError:
                cancelled = True
                raise
    except TimeoutError:
        if not cancelled:  # then it is the coroutine's own
            raise
    return cancelled


async def _under_scope(run: _Run) -> bool:
    with anyio.CancelScope() as scope:
        run.cancel = scope.cancel
        await run
    return scope.cancelled_caught


async def _plain(awaitable: Awaitable[object]) -> None:
    await awaitable
