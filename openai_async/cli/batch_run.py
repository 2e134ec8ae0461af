"""One batch of the command line: its signals, and its exit status."""

from __future__ import annotations

import signal
from collections.abc import Mapping
from contextlib import nullcontext
from functools import partial
from typing import Any, Final

import anyio
import click
from rich.console import Console

from openai_async import AsyncClient, errors
from openai_async.batch import (
    BatchError,
    BatchHaltedError,
    BatchOutputError,
    BatchSummary,
    RemoteBatchError,
    RemoteWaitError,
)
from openai_async.cli.batch_display import describe, display
from openai_async.cli.failures import OK, REFUSED, Misused, explained

STOPPED: Final = 3
DISK: Final = 4

#: Arguments of the library -> what they are called here.
_OPTIONS: Final[Mapping[str, str]] = {
    "deadline": "--deadline",
    "endpoint": "--endpoint",
    "id_column": "--id-column",
    "input_format": "--format",
    "max_cost": "--max-cost",
    "max_total_tokens": "--max-tokens",
    "prompt_template": "--template",
    "system": "--system",
    "timeout": "--timeout",
}


class Halted(click.ClickException):
    """Rows are left, and no further row could succeed."""

    exit_code = STOPPED


class DiskFailed(click.ClickException):
    """OUT cannot be written."""

    exit_code = DISK


class Remote(click.ClickException):
    """Remote batches are running, have failed, or could not be reached."""

    exit_code = STOPPED


async def carry_out(
    client: AsyncClient, console: Console, source: str, target: str, options: dict[str, Any], *, remote: bool = False
) -> int:
    """Run the batch and write its result. Gives the exit status (see `openai-async batch --help`).

    The first SIGINT or SIGTERM finishes what is in flight, the second one drops it. Cancelling drops it, too. A remote
    run stops waiting at the first one.
    """
    try:
        async with client:
            summary = await _until_told(client, console, source, target, options, remote)
    except BatchHaltedError as error:
        describe(console, error.summary, options.get("bounds", "this_run"))
        cause = error.__cause__
        assert isinstance(cause, errors.OpenAIError)
        raise Halted(explained(cause, base_url=client.base_url).message) from None
    except RemoteBatchError as error:
        if error.summary is not None:
            describe(console, error.summary)
        raise Remote(str(error)) from None
    except RemoteWaitError as error:
        raise Remote(str(error)) from None
    except errors.APIError as error:  # of a row it would be its outcome
        raise Remote(explained(error, base_url=client.base_url).message) from None
    except BatchOutputError as error:
        raise DiskFailed(str(error)) from None
    except BatchError as error:
        raise Misused(str(error)) from None
    except errors.InvalidParameterError as error:
        name, _, reason = str(error).partition(": ")
        raise Misused(f"{_OPTIONS.get(name, name)}: {reason}") from None
    if summary is None:
        if remote:
            said = "Not waiting any more; batches go on at the server, and the same command collects them."
            console.print(said, soft_wrap=True)
        else:
            console.print("Stopped at once; answers that had arrived are in OUT. The same command goes on.")
        return STOPPED
    describe(console, summary, options.get("bounds", "this_run"))
    if not summary.complete:
        return STOPPED
    return OK if summary.ok else REFUSED


async def _until_told(
    client: AsyncClient, console: Console, source: str, target: str, options: dict[str, Any], remote: bool
) -> BatchSummary | None:
    """Run the batch. None if it was stopped at once."""
    stop = anyio.Event()
    ended: BatchSummary | errors.OpenAIError | None = None
    shown = display(console)
    with shown or nullcontext():
        if remote:
            stop.set()  # there is nothing to be finished here
            work = partial(client.batch.remote, source, target, on_progress=shown, **options)
        else:
            work = partial(client.batch.run, source, target, stop=stop, on_progress=shown, **options)
        async with anyio.create_task_group() as group:
            group.start_soon(_heed_signals, stop, group.cancel_scope, console)
            try:
                ended = await work()
            except errors.OpenAIError as error:
                ended = error  # out of the group by itself
            group.cancel_scope.cancel()
    if isinstance(ended, errors.OpenAIError):
        raise ended
    return ended


async def _heed_signals(stop: anyio.Event, scope: anyio.CancelScope, console: Console) -> None:
    with anyio.open_signal_receiver(signal.SIGINT, signal.SIGTERM) as signals:
        async for _ in signals:
            if stop.is_set():
                scope.cancel()
                return
            stop.set()
            console.print("Finishing what is in flight; once more to stop at once.")
