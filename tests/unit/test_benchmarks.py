"""The benchmarks' short form: fewer rounds and calls, and still a figure for every row of README's table."""

from __future__ import annotations

import pytest

from benchmarks.__main__ import PARTS
from benchmarks.readme import ROWS


@pytest.mark.parametrize("name", PARTS)
def test_quick_narrows_no_condition(name: str) -> None:
    """What decides which rows there are is the same in both forms; only rounds, calls and peers are fewer."""
    whole, quick = (vars(PARTS[name].chosen(quick=quick)) for quick in (False, True))
    narrowed = {option for option in whole if whole[option] != quick[option]}
    assert narrowed <= {"rounds", "calls", "peers"}
    assert quick["rounds"] < whole["rounds"]


def test_quick_measures_the_peers_that_readme_names() -> None:
    """A column of README's table is the ratio of two peers: both must be measured."""
    for part in (name for _, name, _ in ROWS):
        whole, quick = (PARTS[part].chosen(quick=quick).peers for quick in (False, True))
        assert {"openai_async", "openai", "aiohttp", "raw"}.intersection(whole) <= set(quick)
