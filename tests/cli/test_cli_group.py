"""`openai-async` itself: its help, its version, and what it needs to run."""

from __future__ import annotations

import json
import subprocess
import sys
from importlib.metadata import version
from pathlib import Path

import pytest

from openai_async.emulator import Emulator
from openai_async.testing import FaultServer, json_reply, sse
from tests.cli.commands import Commands

CHUNK = {"id": "chatcmpl-1", "choices": [{"index": 0, "delta": {"content": "Hello!"}}]}


def test_alone_it_shows_its_help(commands: Commands) -> None:
    """Without a command it prints its help, with an example of each command, the statuses and where the key is from."""
    ended = commands.run()
    assert (ended.status, ended.err) == (0, "")
    assert ended == commands.run("--help")
    for command in ("chat", "demo", "emulator"):
        assert f"  openai-async {command}" in ended.out
        assert commands.run(command, "--help").status == 0
    for status in ("0 ", "1 ", "2 ", "3 ", "130 "):
        assert f"\n    {status}" in ended.out
    assert "OPENAI_API_KEY, never from an argument" in ended.out


def test_version(commands: Commands) -> None:
    """--version tells that of the installed distribution."""
    assert commands.run("--version") == (0, f"openai-async {version('openai-async-sdk')}\n", "")


def test_as_a_module(commands: Commands) -> None:
    """`python -m openai_async` is the same command."""
    ran = subprocess.run([sys.executable, "-m", "openai_async", "--version"], capture_output=True, text=True)
    assert (ran.returncode, ran.stdout) == commands.run("--version")[:2]


def test_models_of_the_server(commands: Commands) -> None:
    """One id a line, or one JSON object a line; a server that refuses is one line and its status."""
    with Emulator().run() as server:
        env = {"OPENAI_BASE_URL": server.base_url}
        plain = commands.run("models", env=env)
        printed = commands.run("models", "--json", env=env)
    assert (plain.status, plain.err) == (printed.status, printed.err) == (0, "")
    assert "emulated-mini" in plain.out.splitlines() == sorted(plain.out.splitlines())
    assert [json.loads(line)["id"] for line in printed.out.splitlines()] == plain.out.splitlines()
    with FaultServer([json_reply({"error": {"message": "No."}}, 401)]) as refusing:
        ended = commands.run("models", env={"OPENAI_BASE_URL": refusing.base_url})
    assert (ended.status, ended.out, ended.err.count("\n")) == (1, "", 1)


def test_a_command_that_does_not_exist(commands: Commands) -> None:
    """An unknown command is one line and status 2."""
    ended = commands.run("chatt")
    assert (ended.status, ended.out) == (2, "")
    assert ended.err.count("\n") == 1
    assert "'chatt'" in ended.err
    assert ended.err.endswith("Try: openai-async --help\n")


@pytest.mark.parametrize("missing", ["click", "rich"])
def test_without_its_libraries(missing: str) -> None:
    """Without click or rich it says in one line what to install; importing it needs neither."""
    code = f"import sys; sys.modules[{missing!r}] = None; from openai_async.cli import main; sys.exit(main())"
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert (ran.returncode, ran.stdout) == (2, "")
    assert ran.stderr == "openai-async needs click and rich: pip install 'openai-async-sdk[cli]'\n"


@pytest.mark.parametrize(
    ("uvloop", "noted"),
    [
        (
            "import asyncio, sys\n"
            "class Loop(asyncio.SelectorEventLoop):\n"
            "    def __init__(self):\n"
            "        super().__init__()\n"
            "        sys.stderr.write('a loop of uvloop')\n",
            "a loop of uvloop",
        ),
        ("raise ImportError('not installed')\n", ""),
    ],
    ids=["installed", "missing"],
)
def test_uvloop_is_used_and_not_needed(commands: Commands, tmp_path: Path, uvloop: str, noted: str) -> None:
    """A command runs on uvloop's loop where there is one, and on asyncio's where there is none."""
    (tmp_path / "uvloop.py").write_text(uvloop)
    with FaultServer([sse([CHUNK, "[DONE]"])]) as server:
        env = {"PYTHONPATH": str(tmp_path), "OPENAI_BASE_URL": server.base_url}
        assert commands.run("chat", "--model", "any", "Hello!", env=env) == (0, "Hello!\n", noted)
