"""The rules of the architecture, each kept by the source as it is: who may know whom, and what nobody may do.

The rules are in `tests/architecture/rules.py`, the floors and what a room may use from outside in `floors.py`, and
where the source does not keep them yet in `exceptions.py`. Nothing of the package is imported here.
"""

from __future__ import annotations

import pytest

from tests.architecture import rules
from tests.architecture.source import ROOT, Source


@pytest.mark.parametrize("rule", rules.RULES)
def test_the_source_keeps_the_rule(rule: str) -> None:
    """A change that breaks a rule is refused, and told where."""
    source = Source.read(ROOT)
    assert {"openai_async.errors", "openai_async._wire.json", "openai_async.client"} <= source.modules.keys()
    violations = rules.broken(rule, source)
    assert not violations, "\n".join(["", *map(str, violations)])


def test_nothing_is_allowed_that_nobody_uses() -> None:
    """A permission goes with the last import that needed it, an exception with the last line that broke the rule."""
    assert [*rules.unused_permissions(Source.read(ROOT))] == []
