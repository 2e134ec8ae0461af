"""Running `openai-async` as its users do: as a process, with pipes or a terminal around it."""

from __future__ import annotations

import os
import pty
import subprocess
import sys
from collections.abc import Mapping
from typing import Any, NamedTuple

#: What every command gets: a key for servers on loopback, and no warning that goes unseen.
ENVIRONMENT = {"OPENAI_API_KEY": "sk-invented-for-tests", "PYTHONWARNINGS": "default", "PYTHONIOENCODING": "utf-8"}
#: What no command gets: it would flush where the code should.
_WITHHELD = ("PYTHONUNBUFFERED",)


class Ended(NamedTuple):
    """How a command ended."""

    status: int
    out: str
    err: str


class Commands:
    """Starts commands; whatever is still running at the end of the test is killed by `close`."""

    def __init__(self) -> None:
        self._started: list[subprocess.Popen[bytes]] = []

    def start(
        self, *arguments: str, env: Mapping[str, str | None] | None = None, **streams: Any
    ) -> subprocess.Popen[bytes]:
        """A command that runs: no input, output and errors piped unless `streams` says otherwise."""
        given = {**os.environ, **ENVIRONMENT, **(env or {})}
        process = subprocess.Popen(
            [sys.executable, "-m", "openai_async.cli", *arguments],
            env={name: value for name, value in given.items() if value is not None and name not in _WITHHELD},
            **{"stdin": subprocess.DEVNULL, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE, **streams},
        )
        self._started.append(process)
        return process

    def run(self, *arguments: str, given: bytes | None = None, env: Mapping[str, str | None] | None = None) -> Ended:
        """Run a command to its end, with `given` piped in."""
        process = self.start(*arguments, env=env, **({} if given is None else {"stdin": subprocess.PIPE}))
        return self.end_of(process, given)

    def end_of(self, process: subprocess.Popen[bytes], given: bytes | None = None) -> Ended:
        """Wait for the end, with what was not read yet."""
        out, err = process.communicate(given)
        return Ended(process.returncode, (out or b"").decode(), (err or b"").decode())

    def run_on_terminal(self, *arguments: str, env: Mapping[str, str | None] | None = None) -> Ended:
        """Run a command whose input, output and errors are one terminal of 80 columns; `out` has what it drew."""
        ours, its = pty.openpty()
        terminal = {"TERM": "xterm-256color", "COLUMNS": "80", "LINES": "24", **(env or {})}
        try:
            process = self.start(*arguments, env=terminal, stdin=its, stdout=its, stderr=its)
        finally:
            os.close(its)
        drawn = b""
        try:
            while piece := os.read(ours, 65536):
                drawn += piece
        except OSError:
            pass  # how Linux says that nobody holds the other end any more
        finally:
            os.close(ours)
        return Ended(process.wait(), drawn.decode().replace("\r\n", "\n"), "")

    def close(self) -> None:
        for process in self._started:
            process.kill()
            process.wait()
            for stream in (process.stdin, process.stdout, process.stderr):
                if stream is not None:
                    stream.close()


def lines_until(process: subprocess.Popen[bytes], wanted: str) -> list[str]:
    """The lines of standard output up to the first one that holds `wanted`; fails if the command ends before it."""
    assert process.stdout is not None
    lines: list[str] = []
    while not lines or wanted not in lines[-1]:
        line = process.stdout.readline()
        assert line, f"the command ended after {lines}"
        lines.append(line.decode().rstrip("\n"))
    return lines
