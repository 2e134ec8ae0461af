"""How examples are tried: the same few each time, or many and always others in the long form."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

import pytest
from hypothesis import HealthCheck, Phase, settings

from tests.spec.document import published

_SAME: Final = settings(deadline=None, database=None, suppress_health_check=list(HealthCheck))

few: Final = settings(_SAME, max_examples=6, derandomize=True, phases=[Phase.generate])  # the first is the least
many: Final = settings(_SAME, max_examples=200)


def each(names: Callable[[str], bool] = lambda name: True) -> pytest.MarkDecorator:
    """Parametrises a test by the names of the operations that the document has."""
    return pytest.mark.parametrize("name", sorted(name for name in published() if names(name)))
