"""Which key and which organisation an attempt is made with.

Which key is the limiter's choice (the one that can send earliest; among equals in turn, from the first); a retry takes
the next one. Organisations turn independently. A callable is asked before every attempt, so that a short-lived token is
never stale.
"""

from __future__ import annotations

import inspect
import itertools
from collections.abc import Awaitable, Callable, Sequence
from typing import ClassVar, TypeAlias

import attrs

from openai_async._pipeline.request import Headers
from openai_async._pipeline.service import OPENAI, Service
from openai_async._wire.headers import check_token
from openai_async.errors import ConfigurationError, frameless
from openai_async.types.settings import Secret


@attrs.frozen
class Credentials:
    """Whose key and organization an attempt carries. The repr shows nothing."""

    secret: Secret
    headers: Headers = attrs.field(repr=False)


KeySource: TypeAlias = Sequence[Secret] | Callable[[], str | Awaitable[str]]


class KeyRing:
    """Credentials by key index, with the headers that every request has.

    Args:
        keys: secrets, or a callable that gives the key, now or when awaited (which counts as one key).
        organizations: taken in turn; empty to send none.
        project: sent with every attempt, or None.
        headers: sent with every request. Those of a key, an organisation or a project win over our own.
        service: how it wants to be told the key.
    """

    def __init__(
        self,
        keys: KeySource,
        organizations: Sequence[str],
        project: str | None,
        headers: Headers | None = None,
        service: Service = OPENAI,
    ) -> None:
        self._keys = keys
        #: The key comes from a callable, so that `credentials` must be awaited.
        self.is_asked_for: bool = callable(keys)
        self._service = service
        self._organizations = [[(b"openai-organization", name.encode("ascii"))] for name in organizations] or [[]]
        self._project = [(b"openai-project", project.encode("ascii"))] if project else []
        self._headers = headers or []
        self._stated = {name for name, _ in self._headers}
        self._made: dict[tuple[int, int], Credentials] = {}  # by key and organisation
        self._turns = itertools.count()

    def __len__(self) -> int:
        return 1 if callable(self._keys) else len(self._keys)

    async def credentials(self, key: int) -> Credentials:
        """What an attempt with this key sends, with the organization whose turn it is."""
        if callable(self._keys):
            turn = next(self._turns) % len(self._organizations)
            return self._of(await _ask(self._keys, self._service.credential), turn)
        return self.stored(key)

    def stored(self, key: int) -> Credentials:
        """`credentials` where no key `is_asked_for`: a coroutine would cost more than all the rest of this."""
        turn = next(self._turns) % len(self._organizations)  # also of several threads none shares a turn
        made = self._made.get((key, turn))
        if made is None:
            assert not callable(self._keys)
            made = self._made[key, turn] = self._of(self._keys[key], turn)
        return made

    def _of(self, secret: Secret, turn: int) -> Credentials:
        service = self._service
        key = (service.key_header, service.key_prefix + secret.reveal().encode("ascii"))
        own = [key, *self._organizations[turn], *self._project]
        return Credentials(secret, self._headers + [pair for pair in own if pair[0] not in self._stated])


class NoKeys:
    """In place of a `KeyRing`, for hosts that are not the API's: nothing tells them who asks."""

    def __len__(self) -> int:
        return 1

    is_asked_for: ClassVar[bool] = False

    async def credentials(self, key: int) -> None:
        """None at all. It does not wait: there is nothing to cancel."""

    def stored(self, key: int) -> None:
        """None at all."""


async def _ask(source: Callable[[], str | Awaitable[str]], name: str) -> Secret:
    key = source()
    if inspect.isawaitable(key):
        key = await key
    try:
        return Secret(check_token(name, key))
    except ConfigurationError as error:
        key = ""  # what may be a key must not stand in a traceback that is shown with local variables
        raise frameless(error) from None
