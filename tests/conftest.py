"""What every test gets: both event loops, and an environment that is not the machine's."""

from __future__ import annotations

import os
import signal

import pytest
from hypothesis import settings

# CI tries the same examples each time; other runs look for new ones. No clock of a busy machine decides.
settings.register_profile("base", derandomize=bool(os.environ.get("CI")), deadline=None)
settings.load_profile("base")

for _name in [
    name for name in os.environ if name.startswith(("OPENAI_", "AZURE_OPENAI_")) or name.lower().endswith("_proxy")
]:
    del os.environ[_name]  # the machine's settings are nobody's test

# A shell that starts something in the background has it ignore Ctrl-C, and its children after it.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture(params=["asyncio", "trio"])
def anyio_backend(request: pytest.FixtureRequest) -> str:
    """The core's promises hold under asyncio and under trio."""
    name: str = request.param
    return name
