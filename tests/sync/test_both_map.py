"""`tests.unit.test_map`, over the synchronous client."""

from __future__ import annotations

from .both import over_the_client

globals().update(over_the_client("tests.unit.test_map"))
