"""Fixtures of the command line's tests."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.cli.commands import Commands


@pytest.fixture
def commands() -> Iterator[Commands]:
    """Runs commands, and leaves none of them behind."""
    commands = Commands()
    yield commands
    commands.close()
