"""Clients and frameworks of others run against the emulator: `pytest -m foreign -n 0 tests/foreign`."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

pytestmark = [pytest.mark.foreign, pytest.mark.timeout(600)]

HERE = Path(__file__).parent / "clients"
CLIENTS = {
    "official": ("openai==3.57.0",),
    "azure": ("openai==3.57.0",),
    "agents": ("openai-agents==0.24.0",),
    "pydantic_ai": ("pydantic-ai-slim[openai]==2.68.0",),
    "langchain": ("langchain-openai==1.7.4",),
    "litellm": ("litellm==1.110.2",),
    "instructor": ("instructor==1.17.0",),
}


@pytest.mark.parametrize("client", CLIENTS)
def test_a_client_runs(client: str, base_url: str, environment: Callable[..., Path], tmp_path: Path) -> None:
    """Its program, which checks the answers, runs to its end."""
    requirements = CLIENTS[client]
    python = environment(requirements[0].partition("=")[0].partition("[")[0], *requirements) / "python"
    settings = {"OPENAI_BASE_URL": base_url, "OPENAI_API_KEY": "sk-invented", "PYTHONPATH": ""}
    script = HERE / f"run_{client}.py"
    ended = subprocess.run(
        [python, script], cwd=tmp_path, env={**os.environ, **settings}, capture_output=True, text=True, timeout=300
    )
    assert ended.returncode == 0, ended.stderr[-4_000:]
    assert ended.stdout.rstrip().endswith("ran")
