"""Which key and which organisation an attempt is made with.

Which key is the limiter's choice (the one that can send earliest; among equals in turn, from the first); a retry takes
the next one. Organisations turn independently. A callable is asked before every attempt, so that a short-lived token is
never stale.
"""

from __future__ import annotations

import inspect
from collections.abc import Awaitable, Callable, Sequence
from typing import TypeAlias

from openai_async._layers.call import Credentials
from openai_async._wire.headers import check_token
from openai_async.errors import ConfigurationError, frameless
from openai_async.types.settings import Secret

KeySource: TypeAlias = Sequence[Secret] | Callable[[], str | Awaitable[str]]


class KeyRing:
    """Credentials by key index.

    Args:
        keys: secrets, or a callable that gives the key, now or when awaited (which counts as one key).
        organizations: taken in turn; empty to send none.
        project: sent with every attempt, or None.
    """

    def __init__(self, keys: KeySource, organizations: Sequence[str], project: str | None) -> None:
        self._keys = keys
        self._organizations = [[(b"openai-organization", name.encode("ascii"))] for name in organizations] or [[]]
        self._project = [(b"openai-project", project.encode("ascii"))] if project else []
        self._turn = 0

    def __len__(self) -> int:
        return 1 if callable(self._keys) else len(self._keys)

    async def credentials(self, key: int) -> Credentials:
        """What an attempt with this key sends, with the organisation whose turn it is."""
        # Read and advance without an await in between: concurrent attempts never share a turn.
        turn, self._turn = self._turn, self._turn + 1
        secret = await _ask(self._keys) if callable(self._keys) else self._keys[key]
        organization = self._organizations[turn % len(self._organizations)]
        return Credentials(
            secret,
            [(b"authorization", b"Bearer " + secret.reveal().encode("ascii")), *organization, *self._project],
        )


async def _ask(source: Callable[[], str | Awaitable[str]]) -> Secret:
    key = source()
    if inspect.isawaitable(key):
        key = await key
    try:
        return Secret(check_token("api_key", key))
    except ConfigurationError as error:
        key = ""  # what may be a key must not stand in a traceback that is shown with local variables
        raise frameless(error) from None
