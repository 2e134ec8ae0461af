"""`openai-async demo`: what the library does, in ten seconds, without a key and without a network.

The emulator runs in its own process, so that client and server do not share an interpreter. It never outlives the demo:
it is stopped at the end, and it ends by itself when its standard input is closed.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Generator, Iterator, Mapping
from contextlib import contextmanager
from functools import partial
from typing import IO, TYPE_CHECKING, Any, Final

import click

from openai_async import AsyncClient, OpenAIError, RateLimit
from openai_async.cli.failures import OK, REFUSED, Misused, explained
from openai_async.cli.loop import run
from openai_async.cli.tally import Tally
from openai_async.cli.transcript import Transcript

if TYPE_CHECKING:
    from rich.console import Console

_MODEL: Final = "emulated-mini"
#: Together with the rest, below the 256 files that some systems let a process open.
_CONCURRENCY: Final = 200
_STOP_SECONDS: Final = 5.0
_NEXT: Final = """
Next, keep such a server running:
  openai-async emulator

Or ask a real one, with the key in OPENAI_API_KEY:
  openai-async chat --model gpt-6-luna Hello"""
#: US dollars per million tokens, of prompts and replies: invented, and as much as a small model costs.
_PRICE: Final = (0.40, 1.60)


@click.command(short_help="Make hundreds of calls at once: no key, no network.")
@click.option(
    "--calls", type=click.IntRange(min=1), default=1000, show_default=True, metavar="N", help="Chat calls to make."
)
@click.option(
    "--concurrency",
    type=click.IntRange(min=1),
    default=_CONCURRENCY,
    metavar="N",
    show_default=True,
    help="Most calls in flight at a time.",
)
@click.option(
    "--first-token",
    type=click.FloatRange(min=0),
    default=0.05,
    metavar="S",
    show_default=True,
    help="Seconds until an emulated reply begins.",
)
@click.option(
    "--tokens-per-second",
    type=click.FloatRange(min=0, min_open=True),
    default=300.0,
    metavar="N",
    show_default=True,
    help="Speed of an emulated reply.",
)
@click.option(
    "--limit",
    type=click.IntRange(min=1),
    default=100,
    metavar="N",
    show_default=True,
    help="Requests per second that the emulated API allows; more are refused with a 429.",
)
def demo(calls: int, concurrency: int, first_token: float, tokens_per_second: float, limit: int) -> int:
    """Make hundreds of calls against an emulated API with a rate limit: no key, no network.

    The limiter uses all of the limit, and is never refused. Then one reply is streamed, and a table says what the calls
    came to, beside the least time that the limit allows. The exit status is 0 if every call succeeded.
    Example:

    \b
      openai-async demo --calls 2000 --concurrency 500
    """
    from rich.console import Console

    console = Console(highlight=False)
    with _emulator(first_token, tokens_per_second, limit) as base_url:
        console.print(f"An emulated API runs on {base_url}: no key, no network.", soft_wrap=True)
        return run(partial(show, console, base_url, calls, concurrency, limit))


async def show(console: Console, base_url: str, calls: int, concurrency: int, limit: int) -> int:
    """Make the calls, stream one reply, draw the table. Gives the exit status.

    Raises `click.ClickException` if the stream fails. Failed calls are only counted. Cancelling cancels all of them.
    """
    from openai_async.cli.display import summary

    # Nothing of the user's environment reaches the emulator: no key, no organization, no proxy.
    client = AsyncClient(
        api_key="any",
        organization=[],
        base_url=base_url,
        rate_limit=RateLimit(requests_per_second=limit),
        max_concurrency=concurrency,
        prices={_MODEL: _PRICE},
        trust_env=False,
    )
    async with client:
        console.print(f"\n[bold]{calls:,} chat calls, up to {concurrency:,} in flight, {limit:,} a second[/bold]")
        tally = await _many(client, console, calls, concurrency, limit)
        console.print("\n[bold]One reply, streamed[/bold]")
        await _one(client)
    console.print()
    console.print(summary(tally))
    console.print(_NEXT, style="dim", soft_wrap=True)
    return REFUSED if tally.failed else OK


async def _many(client: AsyncClient, console: Console, calls: int, concurrency: int, limit: int) -> Tally:
    from openai_async.cli.display import progress

    tally = Tally(calls, most_in_flight=concurrency, limit=limit)
    began = time.monotonic()
    results = client.chat.completions.map(_requests(tally), model=_MODEL, ordered=False, max_in_flight=concurrency)
    with progress(console, tally) as refresh:
        async with results:
            async for result in results:
                tally.seconds = time.monotonic() - began
                tally.add(result)
                refresh()
    return tally


def _requests(tally: Tally) -> Iterator[Mapping[str, Any]]:
    for number in range(tally.planned):
        tally.started += 1
        yield {"messages": [{"role": "user", "content": f"Tell me something about the number {number}."}]}


async def _one(client: AsyncClient) -> None:
    transcript = Transcript()
    messages = [{"role": "user", "content": "How do you answer so fast?"}]
    try:
        async with client.chat.completions.stream(model=_MODEL, messages=messages) as stream:
            async for piece in stream.text:
                transcript.write(piece)
    except OpenAIError as error:
        raise explained(error, base_url=client.base_url, incomplete=transcript.begun) from None
    finally:
        transcript.end()


@contextmanager
def _emulator(first_token: float, tokens_per_second: float, limit: int) -> Generator[str, None, None]:
    """Run an emulator in its own process during the block. Gives its base URL."""
    command = [
        sys.executable,
        # A console script imports nothing from the working directory, and neither may its child.
        *([] if os.getcwd() in sys.path else ["-P"]),
        *("-m", "openai_async.emulator", "--port", "0", "--exit-with-parent"),
        *("--rpm", str(60 * limit), "--window", "1"),
        *("--first-token", str(first_token), "--tokens-per-second", str(tokens_per_second)),
    ]
    with (
        tempfile.TemporaryFile() as complaints,
        subprocess.Popen(
            command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=complaints,
            start_new_session=True,  # Ctrl-C is for the demo, which then stops it; not for both at once
        ) as process,
    ):
        try:
            yield _base_url(process, complaints)
        finally:
            stop(process)


def _base_url(process: subprocess.Popen[bytes], complaints: IO[bytes]) -> str:
    assert process.stdout is not None
    line = process.stdout.readline()
    if not line:
        process.wait()
        complaints.seek(0)
        last = complaints.read().decode("utf-8", "replace").strip().rpartition("\n")[2]
        raise Misused(f"the emulator did not start: {last}")
    base_url: str = json.loads(line)["base_url"]
    return base_url


def stop(process: subprocess.Popen[bytes], patience: float = _STOP_SECONDS) -> None:
    """End a child that watches its standard input. It is killed if it does not end within `patience` seconds."""
    assert process.stdin is not None
    try:
        process.stdin.close()  # it waits for this, see --exit-with-parent
        process.wait(patience)
    except subprocess.TimeoutExpired:
        pass
    finally:
        process.kill()  # too slow, or a second Ctrl-C; does nothing to a process that has ended
