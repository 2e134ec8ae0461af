"""Models as the API lists them."""

from __future__ import annotations

import datetime
from collections.abc import Iterator

import attrs

from openai_async.types._base import Reply


@attrs.define(repr=False)
class Model(Reply):
    """One model. `shutdown_date` is the day (YYYY-MM-DD) it is switched off, if that is known."""

    id: str
    created: int | None = None
    object: str = "model"
    owned_by: str | None = None
    shutdown_date: str | None = None

    def shuts_down_on(self) -> datetime.date | None:
        """`shutdown_date` as a date; None if there is none or it is not a date."""
        try:
            return datetime.date.fromisoformat(self.shutdown_date) if self.shutdown_date else None
        except ValueError:
            return None


@attrs.define(repr=False)
class ModelDeleted(Reply):
    """A model that was deleted."""

    id: str
    deleted: bool = True
    object: str = "model"


@attrs.define(repr=False)
class ModelList(Reply):
    """Every model that the key may use. Iterating it gives the models."""

    data: list[Model]
    object: str = "list"

    def __iter__(self) -> Iterator[Model]:
        return iter(self.data)

    def __len__(self) -> int:
        return len(self.data)
