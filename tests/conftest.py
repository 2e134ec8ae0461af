"""What every test gets: both event loops, and an environment that is not the machine's."""

from __future__ import annotations

import os
import signal
from pathlib import Path

import pytest
from hypothesis import settings

#: Folders of the fast tests (`-m fast`), beside the files right here. The tests of the others start processes, break
#: connections, or run the official client.
FAST = frozenset({"architecture", "properties", "public_api", "spec", "unit"})
#: What a test that is not fast is marked with.
NOT_FAST = ("slow", "long", "proxies", "foreign")

# A change must not fail by luck: tests try the same examples each time, and remember none; the fast tests try fewer of
# them. The long form (`-m long`) looks for new ones; what it finds stays as an `@example`. No clock of a busy machine
# decides.
settings.register_profile("fixed", derandomize=True, database=None, deadline=None)
settings.register_profile("few", settings.get_profile("fixed"), max_examples=10)
settings.register_profile("search", derandomize=False, max_examples=1_000, deadline=None)
settings.load_profile("fixed")


def pytest_configure(config: pytest.Config) -> None:
    profiles = {"fast": "few", "long": "search"}
    if profile := profiles.get(config.option.markexpr):
        settings.load_profile(profile)


def pytest_ignore_collect(collection_path: Path, config: pytest.Config) -> bool | None:
    """Do not even import the other tests where the fast ones are asked for: that takes a good part of their time."""
    in_a_folder = collection_path.is_dir() and collection_path.parent == Path(__file__).parent
    return True if config.option.markexpr == "fast" and in_a_folder and collection_path.name not in FAST else None


@pytest.hookimpl(tryfirst=True)  # before tests are selected by their marks
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Mark the fast tests; where long tests are asked for, every test of a property is one, too."""
    for item in items:
        test = getattr(item, "obj", None)
        of_a_property = hasattr(test, "hypothesis") or getattr(test, "is_hypothesis_test", False)
        if config.option.markexpr == "long" and of_a_property:
            item.add_marker(pytest.mark.long)
        if _is_fast(item):
            item.add_marker(pytest.mark.fast)


def _is_fast(item: pytest.Item) -> bool:
    folder, *below = item.path.relative_to(Path(__file__).parent).parts
    return (not below or folder in FAST) and not any(map(item.get_closest_marker, NOT_FAST))


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
