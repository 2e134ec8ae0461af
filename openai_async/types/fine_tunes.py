"""Values of the first fine-tuning API (`/fine-tunes`). OpenAI has removed it; other servers may have it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, TypedDict

import attrs

from openai_async.types._base import Polled, Reply, Value
from openai_async.types.fine_tuning import ENDED
from openai_async.types.params.options import Nullable, RequestOptions


@attrs.define(repr=False)
class FineTuneEvent(Value):
    """An event of a fine-tune. On most servers it has no ID."""

    created_at: int | None = None
    level: str | None = None
    message: str | None = None
    object: str = "fine-tune-event"


@attrs.define(repr=False)
class FineTune(Polled):
    """A fine-tune. `status` is "pending", "running", "succeeded", "failed" or "cancelled". Files are complete
    objects.
    """

    id: str
    status: str | None = None
    model: str | None = None
    fine_tuned_model: str | None = None
    created_at: int | None = None
    updated_at: int | None = None
    organization_id: str | None = None
    hyperparams: dict[str, Any] | None = None
    training_files: list[dict[str, Any]] | None = None
    validation_files: list[dict[str, Any]] | None = None
    result_files: list[dict[str, Any]] | None = None
    events: list[FineTuneEvent] | None = None
    object: str = "fine-tune"

    @property
    def ended(self) -> bool:
        """Whether it has succeeded, failed or been cancelled."""
        return self.status in ENDED


@attrs.define(repr=False)
class FineTuneList(Reply):
    """All fine-tunes. Iterate over it for the items."""

    data: list[FineTune]
    object: str = "list"

    def __iter__(self) -> Iterator[FineTune]:
        return iter(self.data)

    def __len__(self) -> int:
        return len(self.data)


@attrs.define(repr=False)
class FineTuneEventList(Reply):
    """The events so far, oldest first. Iterate over it for the events."""

    data: list[FineTuneEvent]
    object: str = "list"

    def __iter__(self) -> Iterator[FineTuneEvent]:
        return iter(self.data)

    def __len__(self) -> int:
        return len(self.data)


class _Required(TypedDict):
    training_file: str


class FineTuneCreateParams(_Required, RequestOptions, total=False):
    """The keyword arguments of `fine_tunes.create`. `training_file` is required."""

    validation_file: Nullable[str]
    #: "curie" by default.
    model: str | None
    #: 4 by default.
    n_epochs: Nullable[int]
    batch_size: Nullable[int]
    learning_rate_multiplier: Nullable[float]
    #: 0.01 by default.
    prompt_loss_weight: Nullable[float]
    compute_classification_metrics: Nullable[bool]
    classification_n_classes: Nullable[int]
    classification_positive_class: Nullable[str]
    classification_betas: Nullable[list[float]]
    #: Up to 40 characters for the name of the new model.
    suffix: Nullable[str]
