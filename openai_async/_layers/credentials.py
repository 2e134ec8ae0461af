"""Which key and which organisation an attempt is made with.

Keys are used in turn, from the first, one per attempt: a retry takes the next one. Organisations turn independently.
A callable is asked before every attempt, so that a short-lived token is never stale.
"""

from __future__ import annotations

import inspect
from collections.abc import Awaitable, Callable, Sequence
from typing import TypeAlias

from openai_async._layers.call import Answer, Call, Credentials, Handler
from openai_async._wire.headers import check_token
from openai_async.errors import ConfigurationError, frameless
from openai_async.types.settings import Secret

KeySource: TypeAlias = Sequence[Secret] | Callable[[], str | Awaitable[str]]


class Authorize:
    """Puts credentials on each attempt.

    Args:
        keys: secrets to take in turn, or a callable that gives the key, now or when awaited.
        organizations: taken in turn; empty to send none.
        project: sent with every attempt, or None.
    """

    def __init__(self, keys: KeySource, organizations: Sequence[str], project: str | None, next_: Handler) -> None:
        self._keys = keys
        self._organizations = [[(b"openai-organization", name.encode("ascii"))] for name in organizations] or [[]]
        self._project = [(b"openai-project", project.encode("ascii"))] if project else []
        self._turn = 0
        self._next = next_

    async def __call__(self, call: Call) -> Answer:
        # Read and advance without an await in between: concurrent attempts never share a turn.
        turn, self._turn = self._turn, self._turn + 1
        if callable(self._keys):
            secret = await self._ask(self._keys)
        else:
            secret = self._keys[turn % len(self._keys)]
        organization = self._organizations[turn % len(self._organizations)]
        call.credentials = Credentials(
            secret,
            [(b"authorization", b"Bearer " + secret.reveal().encode("ascii")), *organization, *self._project],
        )
        return await self._next(call)

    async def _ask(self, source: Callable[[], str | Awaitable[str]]) -> Secret:
        key = source()
        if inspect.isawaitable(key):
            key = await key
        try:
            return Secret(check_token("api_key", key))
        except ConfigurationError as error:
            del key  # a traceback with local variables must not show it
            raise frameless(error) from None
