"""README's Python runs as it stands, against `openai-async emulator` as it starts by default."""

from __future__ import annotations

import ast
import asyncio
import inspect
import json
import re
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest

from openai_async import AsyncClient
from tests.cli.commands import Commands, lines_until

ROOT = Path(__file__).parents[2]
PACKAGE = ROOT / "openai_async"
README = (ROOT / "README.md").read_text("utf-8")
BLOCKS = re.findall(r"^```python\n(.*?)^```$", README, re.MULTILINE | re.DOTALL)
#: What stands for something of the reader's own, and what a reader could put there.
PLACEHOLDERS = {
    "messages=[...]": 'messages=[{"role": "user", "content": "Hello!"}]',
    '"/something/new", body={"a": 1}': '"/moderations", body={"input": "a"}',
}
QUESTIONS = [{"messages": [{"role": "user", "content": f"What is {n} squared?"}]} for n in range(20)]
EXAMPLE = {"messages": [{"role": "user", "content": "Hi"}, {"role": "assistant", "content": "Hello!"}]}


@pytest.fixture(scope="module")
def base_url() -> Iterator[str]:
    """Of the command, on a free port: its own may be taken."""
    commands = Commands()
    try:
        yield lines_until(commands.start("emulator", "--port", "0"), "# end of the examples")[0].split()[5]
    finally:
        commands.close()


def filled(block: str) -> str:
    for placeholder, value in PLACEHOLDERS.items():
        block = block.replace(placeholder, value)
    return block


@pytest.mark.parametrize("block", BLOCKS, ids=lambda block: block.split("\n")[0][:40])
def test_a_block_runs(
    base_url: str, block: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """A block runs to its end and prints answers, no errors; key and address come from the environment."""
    for name, value in {"OPENAI_BASE_URL": base_url, "OPENAI_API_KEY": "sk-invented"}.items():
        monkeypatch.setenv(name, value)
    monkeypatch.chdir(tmp_path)
    (tmp_path / "train.jsonl").write_text(f"{json.dumps(EXAMPLE)}\n" * 10)
    (tmp_path / "large.jsonl").write_text("{}\n" * 1000)
    namespace: dict[str, Any] = {"__name__": "__main__", "AsyncClient": AsyncClient, "Path": Path}
    namespace |= {"questions": QUESTIONS, "requests": QUESTIONS}
    code = compile(filled(block), "README.md", "exec", ast.PyCF_ALLOW_TOP_LEVEL_AWAIT)
    if code.co_flags & inspect.CO_COROUTINE:

        async def run() -> None:
            async with AsyncClient() as client:
                await eval(code, {**namespace, "client": client})

        asyncio.run(run())
    else:
        exec(code, namespace)
    printed = capsys.readouterr().out
    assert printed
    assert "Error" not in printed


def test_every_placeholder_is_in_readme() -> None:
    """None is left over from a text that has changed, and no other block has an ellipsis for an argument."""
    assert len(BLOCKS) >= 4
    assert [placeholder for placeholder in PLACEHOLDERS if not any(placeholder in block for block in BLOCKS)] == []
    assert not [block for block in BLOCKS if re.search(r"[=(\[]\.\.\.", filled(block))]


def test_the_places_that_a_maintainer_is_sent_to_exist() -> None:
    """Folders, files and modules that "Working on it" names are where it says."""
    section = README.partition("## Working on it")[2].partition("\n## ")[0]
    folders = re.findall(r"`([\w/]+)/`", section)
    files = [*re.findall(r"`(\w+/[\w/]+\.py)`", section), ".ci/run"]
    modules = re.findall(r"python -m ((?:openai_async|tests)[\w.]*)", section)
    assert folders
    assert modules
    assert all(name in section for name in files)
    assert [name for name in folders if not any((base / name).is_dir() for base in (ROOT, PACKAGE))] == []
    assert [name for name in files if not (ROOT / name).is_file()] == []
    assert [name for name in modules if find_spec(name) is None] == []
