"""`openai-async demo`: it needs nothing, shows what happened, and leaves no process behind."""

from __future__ import annotations

import io
import os
import re
import shlex
import signal
import socket
import subprocess
import sys
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from rich.console import Console

from openai_async.cli.demo import show, stop
from openai_async.testing import FaultServer, Request, Script, json_reply, sse
from tests.cli.commands import Commands, lines_until

#: What would break the demo if it used the environment: a server, a proxy and an organisation that cannot be.
HOSTILE = {
    "OPENAI_API_KEY": None,
    "OPENAI_BASE_URL": "http://127.0.0.1:1/v1",
    "OPENAI_ORG_ID": "not\na header",
    "HTTP_PROXY": "http://127.0.0.1:1",
    "http_proxy": "http://127.0.0.1:1",
}


def address_in(line: str) -> tuple[str, int]:
    """Where the emulator of a demo listens, by the demo's first line."""
    found = re.search(r"http://\S+/v1", line)
    assert found, line
    parts = urlsplit(found[0])
    assert parts.hostname is not None
    assert parts.port is not None
    return parts.hostname, parts.port


def assert_ends(emulator: socket.socket) -> None:
    """The emulator cuts its connections when it ends; then nobody listens where it was."""
    try:
        assert emulator.recv(1) == b""
    except ConnectionResetError:
        pass
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(emulator.getpeername())


def started(commands: Commands) -> tuple[subprocess.Popen[bytes], socket.socket]:
    """A demo amid calls that take for ever, and a connection to its emulator."""
    process = commands.start("demo", "--calls", "40", "--tokens-per-second", "0.001", start_new_session=True)
    lines = lines_until(process, "chat calls, up to")
    return process, socket.create_connection(address_in(lines[0]))


# ---- what it shows


def test_every_call_succeeds(commands: Commands) -> None:
    """Without a key and whatever the environment says, all calls succeed; a log gets lines, a reply and the table."""
    ended = commands.run("demo", "--calls", "40", "--concurrency", "8", env=HOSTILE)
    assert (ended.status, ended.err) == (0, "")
    assert "\x1b" not in ended.out
    figures = dict(re.findall(r"│ (\S.*?) +│ +(\S.*?) +│", ended.out))
    assert (figures["calls"], figures["errors"]) == ("40", "0")
    assert int(figures["prompt tokens"]) > 0
    assert int(figures["completion tokens"].replace(",", "")) > 40
    assert re.fullmatch(r"\$0\.\d+", figures["cost, at an invented price"])
    assert re.fullmatch(r"[\d.]+ s", figures["time"])
    for line in re.findall(r"^  (openai-async .*)$", ended.out, re.MULTILINE):
        assert commands.run(*shlex.split(line)[1:], "--help").status == 0  # it can be copied as it is
    assert int(figures["calls per second"].replace(",", "")) > 0
    assert figures["429s"] == "0"
    assert re.fullmatch(r"[\d.]+ s", figures["least time at this limit"])
    for share in ("p50", "p99"):
        assert re.fullmatch(r"[\d,]+ ms", figures[f"latency, {share}"])
    progress = re.findall(r"^(\d+)/40 done, 0 failed, (\d+) in flight, \d+ calls/s$", ended.out, re.MULTILINE)
    assert [done for done, _ in progress] == ["8", "16", "24", "32", "40"]
    assert all(int(in_flight) <= 8 for _, in_flight in progress)
    assert progress[-1][1] == "0"
    assert re.search(r"One reply, streamed\n\S.{60,}\.\n", ended.out)
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(address_in(ended.out))


def test_a_terminal_gets_a_line_that_moves(commands: Commands) -> None:
    """On a terminal one line is drawn again and again, the cursor comes back, and the table stands under it."""
    ended = commands.run_on_terminal("demo", "--calls", "40", "--concurrency", "8")
    assert ended.status == 0
    assert "40/40 done" in ended.out
    assert "\r\x1b[2K" in ended.out  # redrawn in place
    assert ended.out.rindex("\x1b[?25h") > ended.out.rindex("\x1b[?25l")  # the cursor is shown again
    assert ended.out.index("40/40 done") < ended.out.index("latency, p99")
    assert not re.search(r"done, 0 failed", ended.out)


async def test_a_failed_call_fails_the_demo() -> None:
    """Calls that fail are counted by their error, the others go on, and the status is not 0."""

    def answer(request: Request) -> Script:
        body = request.json()
        if body.get("stream"):
            return sse([{"id": "1", "choices": [{"index": 0, "delta": {"content": "Hello!"}}]}, "[DONE]"])
        if body["messages"][0]["content"].endswith("number 1."):
            return json_reply({"error": {"message": "No."}}, 400)
        return json_reply({"id": "1", "choices": [{"index": 0, "message": {"role": "assistant", "content": "Hello!"}}]})

    console = Console(file=io.StringIO(), width=80)
    with FaultServer(answer) as server:
        assert await show(console, server.base_url, 3, 2, 100) == 1
    assert isinstance(console.file, io.StringIO)
    assert "3/3 done, 1 failed, 0 in flight" in console.file.getvalue()
    assert re.search(r"errors +│ +1 \(BadRequestError 1\) │", console.file.getvalue())


# ---- what it leaves behind


@pytest.mark.parametrize("whole_group", [True, False], ids=["from-the-terminal", "by-kill"])
def test_ctrl_c_ends_both_processes(commands: Commands, whole_group: bool) -> None:
    """Ctrl-C amid the calls gives 130 without a word, and the emulator is gone."""
    process, emulator = started(commands)
    with emulator:
        if whole_group:  # as a terminal does
            os.killpg(process.pid, signal.SIGINT)
        else:
            process.send_signal(signal.SIGINT)
        ended = commands.end_of(process)
        assert (ended.status, ended.err) == (130, "")
        assert_ends(emulator)


def test_the_emulator_does_not_outlive_a_killed_demo(commands: Commands) -> None:
    """A demo that dies without a chance to clean up takes its emulator with it."""
    process, emulator = started(commands)
    with emulator:
        process.kill()
        assert_ends(emulator)


def test_an_emulator_that_does_not_listen_is_killed() -> None:
    """A child that stays although its standard input has ended does not hold the demo up."""
    code = "import signal; print('up', flush=True); signal.pause()"
    command = [sys.executable, "-c", code]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == b"up\n"
        stop(process, patience=0.01)
    assert process.returncode == -signal.SIGKILL


def test_an_emulator_that_cannot_start(commands: Commands, tmp_path: Path) -> None:
    """Where the emulator's libraries are missing, one line says what to install."""
    (tmp_path / "uvicorn.py").write_text("raise ImportError('missing')\n")
    ended = commands.run("demo", env={"PYTHONPATH": str(tmp_path)})
    assert (ended.status, ended.out) == (2, "")
    assert ended.err.count("\n") == 1
    assert "pip install 'openai-async-sdk[emulator]'" in ended.err
