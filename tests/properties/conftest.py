"""How many examples hypothesis tries of each property; whether new ones, says `tests/conftest.py`."""

from __future__ import annotations

from hypothesis import HealthCheck, settings

_given = settings()  # of the profile that was chosen
settings.register_profile(
    "properties",
    _given,
    max_examples=min(2 * _given.max_examples, 1_000),
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture],
    print_blob=True,
)
settings.load_profile("properties")
