"""What every test gets: both event loops, and an environment that is not the machine's."""

from __future__ import annotations

import os
import signal

import pytest
from hypothesis import settings

# A change must not fail by luck: the fast tests try the same examples each time, and remember none. The long form
# (`-m long`) looks for new ones; what it finds stays as an `@example`. No clock of a busy machine decides.
settings.register_profile("fixed", derandomize=True, database=None, deadline=None)
settings.register_profile("search", derandomize=False, max_examples=1_000, deadline=None)
settings.load_profile("fixed")


def _searches(config: pytest.Config) -> bool:
    return config.option.markexpr == "long"


def pytest_configure(config: pytest.Config) -> None:
    if _searches(config):
        settings.load_profile("search")


@pytest.hookimpl(tryfirst=True)  # before tests are selected by their marks
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Every test of a property is a long test, too."""
    if _searches(config):
        for item in items:
            test = getattr(item, "obj", None)
            if hasattr(test, "hypothesis") or getattr(test, "is_hypothesis_test", False):
                item.add_marker(pytest.mark.long)


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
