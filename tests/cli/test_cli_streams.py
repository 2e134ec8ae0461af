"""Standard input, output and errors that are closed, full or gone: a display costs no work, and lost output is told."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from openai_async.emulator import Emulator, Latency, Serving
from tests.batch.files import ids, requests, write_lines
from tests.cli.commands import ENVIRONMENT, Commands, Ended

FULL = Path("/dev/full")
needs_full = pytest.mark.skipif(not FULL.exists(), reason="this system has no /dev/full")
ASK = ("chat", "--model", "emulated-mini", "Hello!")


def run_in_shell(server: Serving, redirections: str, *arguments: str) -> Ended:
    """Run a command with its streams as a shell redirects them."""
    command = ["sh", "-c", f'exec "$@" {redirections}', "sh", sys.executable, "-m", "openai_async.cli", *arguments]
    env = {**os.environ, **ENVIRONMENT, "OPENAI_BASE_URL": server.base_url}
    ran = subprocess.run(command, env=env, capture_output=True, text=True)
    return Ended(ran.returncode, ran.stdout, ran.stderr)


@pytest.mark.parametrize("redirections", ["<&-", ">&-", "2>&-", "<&- >&-", ">&- 2>&-", "<&- >&- 2>&-"])
def test_closed_streams(tmp_path: Path, redirections: str) -> None:
    """What a daemon has closed is the null device to a command: calls and batches run, and their status is true."""
    with Emulator().run() as server:
        write_lines(tmp_path / "in", requests(5))
        batch = run_in_shell(server, redirections, "batch", str(tmp_path / "in"), str(tmp_path / "out"))
        chat = run_in_shell(server, redirections, *ASK)
    assert (batch.status, batch.out) == (0, "")
    assert ids(tmp_path / "out") == [f"row-{number}" for number in range(5)]
    assert (chat.status, chat.err) == (0, "")
    assert bool(chat.out) == (">&- " not in redirections + " " or redirections == "2>&-")


@needs_full
@pytest.mark.parametrize("redirections", ["2>/dev/full", "2>&1 >/dev/full", "2>/dev/full >&-"])
def test_a_full_disk_under_the_display(tmp_path: Path, redirections: str) -> None:
    """A batch does not need its display: every row is answered, and the status is that of the rows."""
    with Emulator().run() as server:
        write_lines(tmp_path / "in", [*requests(5), "bad"])
        ended = run_in_shell(server, redirections, "batch", str(tmp_path / "in"), str(tmp_path / "out"))
    assert ended.status == 1  # for the bad line
    assert ids(tmp_path / "out") == [f"row-{number}" for number in range(5)]


def test_nobody_reads_the_display(commands: Commands, tmp_path: Path) -> None:
    """`batch ... 2>&1 | true`: the lines of progress go nowhere, and the rows go on."""
    with Emulator(latency=Latency(first_token=0.05, tokens_per_second=10_000)).run() as server:
        write_lines(tmp_path / "in", requests(20))
        ours, its = os.pipe()
        os.close(ours)
        arguments = ("batch", "--max-in-flight", "4", str(tmp_path / "in"), str(tmp_path / "out"))
        process = commands.start(*arguments, env={"OPENAI_BASE_URL": server.base_url}, stdout=its, stderr=its)
        os.close(its)
        assert process.wait() == 0
    assert ids(tmp_path / "out") == [f"row-{number}" for number in range(20)]


@needs_full
@pytest.mark.parametrize("arguments", [ASK, (*ASK, "--json"), ("--help",), ("--version",), ("batch", "--help")])
def test_output_that_cannot_be_written(arguments: tuple[str, ...]) -> None:
    """It is one line and a status of its own; without standard error, too, it is the status."""
    with Emulator().run() as server:
        ended = run_in_shell(server, ">/dev/full", *arguments)
        assert ended == (4, "", "Error: the output cannot be written: No space left on device\n")
        assert run_in_shell(server, ">/dev/full 2>&1", *arguments).status == 4
