"""Import paths of earlier versions."""

from __future__ import annotations

import importlib
import sys

import pytest

from tests.moved import MOVED


@pytest.mark.parametrize("old", MOVED)
def test_a_module_that_has_moved_is_found_under_its_old_name(old: str) -> None:
    """Code that imports the old path gets the same objects, and a DeprecationWarning that names the new path."""
    sys.modules.pop(old, None)
    with pytest.warns(DeprecationWarning, match=MOVED[old].replace(".", r"\.")):
        module = importlib.import_module(old)
    home = importlib.import_module(MOVED[old])
    public = [name for name in vars(home) if not name.startswith("_")]
    assert public
    assert all(getattr(module, name) is getattr(home, name) for name in public)
