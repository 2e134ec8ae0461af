"""One batch of the command line: signals, and which exit status which end has."""

from __future__ import annotations

import signal
from collections.abc import Mapping
from typing import Any, Final

import anyio
import click
from rich.console import Console

from openai_async import AsyncClient, errors
from openai_async.batch import AsyncBatch, BatchError, BatchHaltedError, BatchOutputError, BatchSummary
from openai_async.cli.batch_display import Display, describe
from openai_async.cli.failures import OK, REFUSED, Misused, explained

STOPPED: Final = 3
DISK: Final = 4

#: Arguments of the library -> what they are called here.
_OPTIONS: Final[Mapping[str, str]] = {
    "deadline": "--deadline",
    "endpoint": "--endpoint",
    "input_format": "--format",
    "prompt_template": "--template",
    "system": "--system",
    "timeout": "--timeout",
}


class Halted(click.ClickException):
    """Rows are left, and none of them could have succeeded."""

    exit_code = STOPPED


class DiskFailed(click.ClickException):
    """OUT cannot be written."""

    exit_code = DISK


async def carry_out(client: AsyncClient, console: Console, source: str, target: str, options: dict[str, Any]) -> int:
    """Run the batch and say what it came to; the exit status (see `openai-async batch --help`).

    The first SIGINT or SIGTERM finishes what is in flight, the second one drops it. Cancelling drops it, too.
    """
    try:
        async with client:
            summary = await _until_told(client, console, source, target, options)
    except BatchHaltedError as error:
        describe(console, error.summary)
        cause = error.__cause__
        assert isinstance(cause, errors.OpenAIError)
        raise Halted(explained(cause, base_url=client.base_url).message) from None
    except BatchOutputError as error:
        raise DiskFailed(str(error)) from None
    except BatchError as error:
        raise Misused(str(error)) from None
    except errors.InvalidParameterError as error:
        name, _, reason = str(error).partition(": ")
        raise Misused(f"{_OPTIONS.get(name, name)}: {reason}") from None
    if summary is None:
        console.print("Stopped at once; answers that had arrived are in OUT. The same command goes on.")
        return STOPPED
    describe(console, summary)
    if not summary.complete:
        return STOPPED
    return OK if summary.ok else REFUSED


async def _until_told(
    client: AsyncClient, console: Console, source: str, target: str, options: dict[str, Any]
) -> BatchSummary | None:
    """Run the batch; None if it was stopped at once."""
    stop = anyio.Event()
    ended: BatchSummary | errors.OpenAIError | None = None
    with Display(console) as display:
        options |= {"stop": stop, "on_progress": display.show}
        async with anyio.create_task_group() as group:
            group.start_soon(_heed_signals, stop, group.cancel_scope, console)
            try:
                ended = await AsyncBatch(client._pipeline).run(source, target, **options)
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
