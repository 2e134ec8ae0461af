"""What a statement loads into a new interpreter: our modules and libraries, which a user pays for at each start."""

from __future__ import annotations

import subprocess
import sys
from typing import Final

#: What a program does before its first call, from little to much.
STATEMENTS: Final = (
    "import openai_async",
    "from openai_async import RateLimitError",
    "from openai_async import show_progress",
    "from openai_async import AsyncClient; AsyncClient(api_key='k')",
    "from openai_async import AsyncClient; AsyncClient(api_key='k').chat.completions",
    "from openai_async import Client; Client(api_key='k')",
    "from openai_async.types.chat import ChatCompletion",
    "from openai_async.testing import FaultServer",
)
_ASK: Final = "import sys; before = {{*sys.modules}}\n{}\nprint(*({{*sys.modules}} - before))"


def loaded_by(statement: str) -> set[str]:
    """The modules that a statement loads."""
    command = [sys.executable, "-c", _ASK.format(statement)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=50, check=False)
    assert done.returncode == 0, done.stderr
    return {*done.stdout.split()}


def text() -> str:
    """For each statement the modules of the package, and the libraries. The standard library differs by version."""
    return "".join(f"\n# {statement}\n{_described(loaded_by(statement))}" for statement in STATEMENTS)


def _described(modules: set[str]) -> str:
    roots = {name.partition(".")[0] for name in modules}
    ours = sorted(name for name in modules if name.partition(".")[0] == "openai_async")
    libraries = sorted(roots - {"openai_async"} - sys.stdlib_module_names)
    lines = [f"{len(ours)} of the package", *ours, f"{len(libraries)} libraries", *libraries]
    return "".join(f"{line}\n" for line in lines)
