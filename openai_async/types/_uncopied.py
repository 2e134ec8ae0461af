"""What a client is made of is neither copied nor pickled."""

from __future__ import annotations

from typing import NoReturn

from openai_async.errors import NotCopiedError


class Uncopied:
    """What is neither copied nor pickled: `copy`, `deepcopy` and `pickle` all ask the same method."""

    __slots__ = ()

    def __reduce_ex__(self, protocol: object) -> NoReturn:
        raise NotCopiedError(
            f"{type(self).__name__} cannot be copied or pickled: it belongs to a client, with its connections and its"
            " key. Use the same client everywhere in a process; build one in each process, from the same settings"
        )
