"""Objects that cannot be copied or pickled, because they hold a client's connections."""

from __future__ import annotations

from typing import NoReturn

from openai_async.errors import NotCopiedError


class Uncopied:
    """Base class that refuses `copy`, `deepcopy` and `pickle`; all three call the same method."""

    __slots__ = ()

    def __reduce_ex__(self, protocol: object) -> NoReturn:
        raise NotCopiedError(
            f"{type(self).__name__} cannot be copied or pickled: it belongs to a client, with its connections and its"
            " key. Use the same client everywhere in a process; build one in each process, from the same settings"
        )
