"""How one call of a map ended, and how a map that is halted ends."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Generic, TypeVar

import attrs

from openai_async.errors import APIError, OpenAIError
from openai_async.types._base import Reply
from openai_async.types._plain import Record, short
from openai_async.types.attempt import Attempt

R = TypeVar("R", bound=Reply)


@attrs.frozen(repr=False)
class Result(Record, Generic[R]):
    """How one call of a map ended: `value` or `error`, one of them None.

    `index` is the position of its request in the source, from 0. `error` is what the call raised, whatever its class:
    an error of this package, or one of an `http_client` or a key provider of yours.
    """

    index: int
    value: R | None = None
    error: Exception | None = None

    @property
    def attempts(self) -> tuple[Attempt, ...]:
        """One record per attempt; empty if the call was refused before it was sent."""
        if self.value is not None:
            return self.value.meta.attempts  # a body that is no JSON has no attempts of its own
        return self.error.attempts if isinstance(self.error, APIError) else ()

    def _shown(self) -> Iterator[tuple[str, object]]:
        """One line of a list of results: which one, and how it ended."""
        yield "index", self.index
        if self.error is not None:
            yield "error", f"{type(self.error).__name__}: {short(str(self.error))}"
        elif isinstance(text := getattr(self.value, "text", None), str):
            yield "text", short(text)
        else:
            yield "value", short(repr(self.value))

    def unwrap(self) -> R:
        """The value; raises the error if there is none."""
        if self.error is not None:
            raise self.error
        assert self.value is not None
        return self.value


class MapHaltedError(OpenAIError):
    """A map was ended early, because its first calls all failed with one error that does not pass by itself.

    That error is the `__cause__`. The results of these calls were given before; no further call was made.
    """
