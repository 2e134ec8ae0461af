"""`python -m openai_async.emulator`: the emulator as a separate process.

Prints one line to standard output when it is ready: `{"base_url": "http://127.0.0.1:8080/v1", "port": 8080}`. Ends on
SIGINT and SIGTERM with status 0. With `--exit-with-parent` it also ends when its standard input ends, so that it does
not outlive the process that started it through a pipe.
"""

from __future__ import annotations

import argparse
import contextlib
import math
import os
import signal
import sys
import threading
from collections.abc import Sequence
from types import FrameType

import orjson

from openai_async._standard_streams import abandon_output, open_closed
from openai_async.emulator import Emulator, Faults, Latency, RateLimits, Serving, is_loopback

__all__ = ["main"]


def main(argv: Sequence[str] | None = None) -> int:
    """Serve until told to end. Gives the exit status: 0, or 1 if the address cannot be bound or printed."""
    open_closed()
    options = _parser().parse_args(argv)
    stop = threading.Event()

    def end(number: int, frame: FrameType | None) -> None:
        stop.set()

    signal.signal(signal.SIGINT, end)
    signal.signal(signal.SIGTERM, end)
    if options.exit_with_parent:
        threading.Thread(target=_until_end_of_input, args=(stop,), daemon=True).start()
    if not is_loopback(options.host):
        _complain(f"warning: {options.host} may be reached from other machines")
    try:
        with _emulator(options).run(host=options.host, port=options.port) as server:
            if not _announce(server):
                return 1
            while not stop.wait(1.0):  # bounded, because Windows cannot interrupt a wait without end
                pass
    except OSError as error:
        _complain(f"cannot listen on {options.host}:{options.port}: {error}")
        return 1
    return 0


def _announce(server: Serving) -> bool:
    """Print the address. False if it cannot be written."""
    line = orjson.dumps({"base_url": server.base_url, "port": server.port})
    try:
        sys.stdout.write(line.decode() + "\n")
        sys.stdout.flush()
    except OSError as error:
        abandon_output()
        _complain(f"the output cannot be written: {error}")
        return False
    return True


def _complain(text: str) -> None:
    with contextlib.suppress(OSError):
        sys.stderr.write(f"emulator: {text}\n")


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m openai_async.emulator", description="A stateful OpenAI API server on loopback."
    )
    add = parser.add_argument
    add("--host", default="127.0.0.1", help="address to listen on (default: %(default)s)")
    add("--port", type=int, default=0, help="port to listen on (default: a free one)")
    add("--rpm", type=float, metavar="N", help="requests per minute of each key and model (default: no limit)")
    add("--tpm", type=float, metavar="N", help="tokens per minute of each key and model (default: no limit)")
    add("--window", type=float, default=60.0, metavar="S", help="seconds of burst (default: %(default)s)")
    add("--first-token", type=float, default=0.0, metavar="S", help="seconds until a reply begins")
    add("--tokens-per-second", type=float, default=math.inf, metavar="N", help="speed of each choice")
    add("--jitter", type=float, default=0.0, metavar="X", help="variation of both, a share from 0 to 1")
    add("--fault-rate", type=float, default=0.0, metavar="X", help="share of calls that fail with 500 or 503")
    add("--batch-delay", type=float, default=0.0, metavar="S", help="seconds that each row of a batch takes")
    add("--key", action="append", metavar="KEY", help="a key to accept; repeatable (default: any)")
    add(
        "--any-model",
        action=argparse.BooleanOptionalAction,
        default=True,
        help="serve every model name, or only the listed ones",
    )
    add("--allow-unknown", action="store_true", help="ignore unknown fields of requests, which are refused else")
    add("--exit-with-parent", action="store_true", help="end when standard input ends")
    return parser


def _emulator(options: argparse.Namespace) -> Emulator:
    return Emulator(
        any_model=options.any_model,
        refuse_unknown=not options.allow_unknown,
        keys=options.key,
        limits=RateLimits(options.rpm, options.tpm, options.window) if options.rpm or options.tpm else None,
        latency=Latency(options.first_token, options.tokens_per_second, options.jitter),
        faults=Faults(options.fault_rate),
        batch_delay=options.batch_delay,
    )


def _until_end_of_input(stop: threading.Event) -> None:
    # Reads the descriptor: a thread inside `sys.stdin` would hold its lock and abort the interpreter's exit.
    while os.read(0, 4096):
        pass
    stop.set()


if __name__ == "__main__":
    sys.exit(main())
