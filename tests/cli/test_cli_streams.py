"""Standard input, output and errors that are closed, full or gone: a display costs no work, and lost output is told."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from pathlib import Path

import pytest

import openai_async
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


CLOSED = ("<&-", ">&-", "2>&-", "<&- >&- 2>&-")


def free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        port: int = listener.getsockname()[1]
        return port


def module(redirections: str, *arguments: str) -> list[str]:
    """The command line of `python -m`, with its streams as a shell redirects them."""
    return ["sh", "-c", f'exec "$@" {redirections}', "sh", sys.executable, "-m", *arguments]


@pytest.mark.parametrize(
    ("arguments", "redirections"),
    [*((["openai_async.emulator"], closed) for closed in CLOSED), (["openai_async", "emulator"], CLOSED[-1])],
    ids=str,
)
def test_an_emulator_with_closed_streams_serves(arguments: list[str], redirections: str) -> None:
    """Started by a daemon it answers, and ends with status 0 when it is told to."""
    port = free_port()
    command = module(redirections, *arguments, "--port", str(port))
    env = {**os.environ, **ENVIRONMENT}
    process = subprocess.Popen(command, env=env, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    try:
        request = urllib.request.Request(f"http://127.0.0.1:{port}/v1/models", headers={"authorization": "Bearer k"})
        assert answered(request, process) == 200
    finally:
        process.terminate()
        _, complaints = process.communicate()
    assert (process.returncode, b"Traceback" in complaints) == (0, False)


def answered(request: urllib.request.Request, process: subprocess.Popen[bytes]) -> int:
    """The status of an answer; asked again while the server is starting."""
    until = time.monotonic() + 60
    while process.poll() is None and time.monotonic() < until:
        try:
            with urllib.request.urlopen(request) as reply:
                status: int = reply.status
                return status
        except urllib.error.URLError:
            time.sleep(0.02)
    return 0


def test_an_emulator_without_input_ends_with_its_parent() -> None:
    """Standard input that is closed has ended."""
    command = module("<&-", "openai_async.emulator", "--exit-with-parent")
    ran = subprocess.run(command, env={**os.environ, **ENVIRONMENT}, capture_output=True, text=True, timeout=60)
    assert (ran.returncode, ran.stderr) == (0, "")
    assert json.loads(ran.stdout)["port"]


@needs_full
def test_an_emulator_that_cannot_say_where_it_is_ends() -> None:
    """In one line, as a command does."""
    command = ["sh", "-c", 'exec "$@" >/dev/full', "sh", sys.executable, "-m", "openai_async.emulator"]
    ran = subprocess.run(command, env={**os.environ, **ENVIRONMENT}, capture_output=True, text=True, timeout=60)
    assert (ran.returncode, ran.stderr) == (
        1,
        "emulator: the output cannot be written: [Errno 28] No space left on device\n",
    )


def test_every_module_that_is_run_opens_what_is_closed() -> None:
    """`python -m` of whatever can be run: it begins by that, or by the command line's beginning."""
    package = Path(openai_async.__file__).parent
    runnable = [path for path in package.rglob("*.py") if '__name__ == "__main__"' in path.read_text("utf-8")]
    assert {path.relative_to(package).as_posix() for path in runnable} >= {"__main__.py", "emulator/__main__.py"}
    for path in runnable:
        source = path.read_text("utf-8")
        assert "open_closed()" in source or "from openai_async.cli import main" in source, path


def test_a_generator_with_closed_streams_runs() -> None:
    """What it says goes nowhere, and its status is true."""
    command = [
        "sh",
        "-c",
        'exec "$@" <&- >&- 2>&-',
        "sh",
        sys.executable,
        "-m",
        "openai_async._codegen.sync",
        "--check",
    ]
    assert subprocess.run(command, env={**os.environ, **ENVIRONMENT}).returncode == 0
