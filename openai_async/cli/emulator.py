"""`openai-async emulator`: the emulator in the foreground, with example commands to copy.

It listens on loopback by default, calls no other host, and ends on Ctrl-C or SIGTERM with status 0.
"""

from __future__ import annotations

import math
import os
import signal
import threading
import time
from collections.abc import Generator
from contextlib import ExitStack, contextmanager
from types import FrameType
from typing import TYPE_CHECKING, Final

import click

from openai_async.cli.failures import OK, Misused

if TYPE_CHECKING:
    from openai_async.emulator import Emulator, Entry, Serving

_RATE = click.FloatRange(min=0, min_open=True)


@click.command()
@click.option("--host", default="127.0.0.1", show_default=True, help="Address to listen on.")
@click.option(
    "--port",
    type=click.IntRange(0, 65535),
    default=8080,
    show_default=True,
    help="Port to listen on; 0 for a free one.",
)
@click.option("--rpm", type=_RATE, metavar="N", help="Requests per minute of each key and model [default: no limit].")
@click.option("--tpm", type=_RATE, metavar="N", help="Tokens per minute of each key and model [default: no limit].")
@click.option(
    "--first-token", type=click.FloatRange(min=0), default=0.0, metavar="S", help="Seconds until a reply begins."
)
@click.option(
    "--tokens-per-second", type=_RATE, default=math.inf, metavar="N", help="Speed of a reply [default: at once]."
)
@click.option(
    "--key",
    "keys",
    multiple=True,
    metavar="KEY",
    help="A key to accept; repeatable [default: any]. Invent one: arguments are seen by all users of the machine.",
)
@click.option(
    "--any-model/--no-any-model",
    default=True,
    help="Serve every model name, or only the listed ones.",
    show_default=True,
)
@click.option(
    "--fail-rate",
    type=click.FloatRange(0, 1),
    default=0.0,
    metavar="X",
    help="Share of requests, from 0 to 1, that fail with 500 or 503.",
)
@click.option(
    "--latency-jitter",
    type=click.FloatRange(0, 1),
    default=0.0,
    metavar="X",
    help="How far the latency varies, a share from 0 to 1.",
)
@click.option("--allow-unknown", is_flag=True, help="Ignore unknown fields of requests, which are refused else.")
@click.option("--log", is_flag=True, help="Write a line for each request.")
@click.option(
    "--allow-host",
    "hosts",
    multiple=True,
    metavar="NAME",
    help="A name to accept in `Host`, beside localhost and --host; repeatable; * for any.",
)
def emulator(
    host: str,
    port: int,
    rpm: float | None,
    tpm: float | None,
    first_token: float,
    tokens_per_second: float,
    keys: tuple[str, ...],
    any_model: bool,
    fail_rate: float,
    latency_jitter: float,
    allow_unknown: bool,
    log: bool,
    hosts: tuple[str, ...],
) -> int:
    """Serve an emulated OpenAI API until Ctrl-C.

    It needs no account and no network; replies are invented sentences, the same for the same request. Example:

    \b
      openai-async emulator --port 8080 --rpm 500 --first-token 0.3 --tokens-per-second 50
    """
    try:
        from openai_async.emulator import CATALOG, Emulator, Faults, Latency, RateLimits, is_loopback
    except ImportError as error:  # its own words say what to install
        raise Misused(str(error)) from None
    emulated = Emulator(
        any_model=any_model,
        refuse_unknown=not allow_unknown,
        keys=keys or None,
        limits=RateLimits(rpm, tpm) if rpm or tpm else None,
        latency=Latency(first_token, tokens_per_second, latency_jitter),
        faults=Faults(fail_rate),
        on_request=_Log().write if log else None,
    )
    if not is_loopback(host):
        warning = f"warning: {host} may be reached from other machines: who reaches it may use it"
        click.echo(warning + ("" if keys else "; --key bounds that to those with a key"), err=True)
    with _until_told() as stop, _listening(emulated, host, port, hosts) as server:
        models = [model.id for model in CATALOG]
        click.echo(_greeting(server.base_url, models, any_model=any_model, any_key=not keys))
        while not stop.wait(1.0):  # bounded, because Windows cannot interrupt a wait without end
            pass
    stats = emulated.stats
    click.echo(f"ended; requests: {stats.requests:,}, tokens: {stats.tokens:,}")
    return OK


class _Log:
    """One line for each finished request, until the output cannot be written."""

    def __init__(self) -> None:
        self._broken = False

    def write(self, entry: Entry) -> None:
        if self._broken:
            return
        try:
            click.echo(_line(entry))
        except (OSError, ValueError):
            self._broken = True  # requests go on without a log


def _line(entry: Entry) -> str:
    """Make the log line of a request. It has only its method, path and model, with control characters replaced."""
    parts = [time.strftime("%H:%M:%S"), entry.method, entry.path, str(entry.status)]
    parts += [part for part in (entry.model, entry.code, entry.custom_id) if part]
    if entry.prompt_tokens or entry.completion_tokens:
        parts.append(f"{entry.prompt_tokens}+{entry.completion_tokens} tokens")
    if entry.batch_id is None:
        parts.append(f"{entry.lasted * 1000:.0f} ms")
    if entry.aborted:
        parts.append("aborted")
    return " ".join(part if part.isprintable() else ascii(part) for part in (part[:200] for part in parts))


_GREETING: Final = """\
The emulated API listens on {base_url}   (Ctrl-C ends it)
  models: {models}
  keys:   {keys}

# in a shell
curl {base_url}/chat/completions \\
  -H "Authorization: Bearer {shell_key}" -H "Content-Type: application/json" \\
  -d '{{"model": "{model}", "messages": [{{"role": "user", "content": "Hello!"}}]}}'

# in Python
import asyncio
from openai_async import AsyncClient

async def main():
    async with AsyncClient({python_key}base_url="{base_url}") as client:
        reply = await client.chat.completions.create(
            model="{model}", messages=[{{"role": "user", "content": "Hello!"}}]
        )
        print(reply.text)

asyncio.run(main())
# end of the examples
"""


def _greeting(base_url: str, models: list[str], *, any_model: bool, any_key: bool) -> str:
    """Make the greeting: the server's address, and examples to copy. It repeats no key, because a log may keep it."""
    return _GREETING.format(
        base_url=base_url,
        models=", ".join(models) + (", and any other name" if any_model else ""),
        keys="any" if any_key else "those given with --key; put one into OPENAI_API_KEY for the examples",
        model=models[0],
        shell_key="any" if any_key else "$OPENAI_API_KEY",
        python_key='api_key="any", ' if any_key else "",
    )


@contextmanager
def _until_told() -> Generator[threading.Event, None, None]:
    """Make an event that SIGINT and SIGTERM set. The previous handlers are restored at the end."""
    stop = threading.Event()

    def end(number: int, frame: FrameType | None) -> None:
        stop.set()

    before = {number: signal.signal(number, end) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield stop
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


@contextmanager
def _listening(emulated: Emulator, host: str, port: int, hosts: tuple[str, ...]) -> Generator[Serving, None, None]:
    with ExitStack() as stack:
        try:
            server = stack.enter_context(emulated.run(host=host, port=port, hosts=None if "*" in hosts else hosts))
        except OSError as error:
            reason = os.strerror(error.errno) if error.errno else str(error)
            raise Misused(
                f"cannot listen on {host}:{port}: {reason} - choose another --port, or 0 for a free one"
            ) from None
        yield server
