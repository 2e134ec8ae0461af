"""`tests.unit.test_client`, over the synchronous client."""

from __future__ import annotations

from .both import over_the_client

#: The user closes what is the user's on the loop that used it, which is not the test's here.
OWN_LOOP = {"test_an_httpx_object_of_the_users_own_carries_the_calls", "test_hooks_of_an_own_client_run"}

globals().update(over_the_client("tests.unit.test_client", without=OWN_LOOP))
