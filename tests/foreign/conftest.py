"""Programs of others, each in an environment of its own, against `openai-async emulator` as it starts by default.

The environments are made by pip below `.venv-foreign` at the root of the repository, or below FOREIGN_ENVIRONMENTS, and
are used again by the next run.
"""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.cli.commands import Commands, lines_until

ROOT = Path(__file__).parents[2]
PLACE = Path(os.environ.get("FOREIGN_ENVIRONMENTS") or ROOT / ".venv-foreign")


@pytest.fixture(scope="session")
def base_url() -> Iterator[str]:
    commands = Commands()
    try:
        yield lines_until(commands.start("emulator", "--port", "0"), "# end of the examples")[0].split()[5]
    finally:
        commands.close()


@pytest.fixture(scope="session")
def environment() -> Callable[..., Path]:
    """Gives the programs' directory of the environment with these requirements; makes it the first time."""

    def made(name: str, *requirements: str) -> Path:
        programs, done = PLACE / name / "bin", PLACE / name / "done"
        if not done.exists() or done.read_text() != str(requirements):
            subprocess.run([sys.executable, "-m", "venv", "--clear", PLACE / name], check=True)
            subprocess.run([programs / "python", "-m", "pip", "install", "-q", *requirements], check=True)
            done.write_text(str(requirements))
        return programs

    return made
