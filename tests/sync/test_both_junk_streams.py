"""`tests.faults.test_junk_streams`, over the synchronous client."""

from __future__ import annotations

from .both import over_the_client

globals().update(over_the_client("tests.faults.test_junk_streams"))
