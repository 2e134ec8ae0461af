"""Model values."""

from __future__ import annotations

import datetime
from collections.abc import Iterator

import attrs

from openai_async.types._base import Reply


@attrs.define(repr=False)
class Model(Reply):
    """A model. `shutdown_date` is the day (YYYY-MM-DD) of its shutdown, if known."""

    id: str
    created: int | None = None
    object: str = "model"
    owned_by: str | None = None
    shutdown_date: str | None = None

    def shuts_down_on(self) -> datetime.date | None:
        """`shutdown_date` as a date; None if it is absent or not a date."""
        try:
            return datetime.date.fromisoformat(self.shutdown_date) if self.shutdown_date else None
        except ValueError:
            return None


@attrs.define(repr=False)
class ModelDeleted(Reply):
    """A deleted model."""

    id: str
    deleted: bool = True
    object: str = "model"


@attrs.define(repr=False)
class ModelList(Reply):
    """The models that the key may use. Iterate over it for the models."""

    data: list[Model]
    object: str = "list"

    def __iter__(self) -> Iterator[Model]:
        return iter(self.data)

    def __len__(self) -> int:
        return len(self.data)
