"""The parameters of the fine-tuning endpoints. None omits one; `NULL` sends a null."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Literal, TypedDict

from openai_async.types.params.chat import Metadata
from openai_async.types.params.options import Nullable, RequestOptions


class Hyperparameters(TypedDict, total=False):
    """How a model is tuned. "auto" leaves it to the server."""

    batch_size: Literal["auto"] | int
    learning_rate_multiplier: Literal["auto"] | float
    n_epochs: Literal["auto"] | int


class _Job(TypedDict):
    model: str
    #: Id of a file that was uploaded for the purpose "fine-tune".
    training_file: str


class JobCreateParams(_Job, RequestOptions, total=False):
    """The keyword arguments of `fine_tuning.jobs.create`. `model` and `training_file` are required."""

    validation_file: Nullable[str]
    #: Up to 64 characters for the name of the new model.
    suffix: Nullable[str]
    #: `{"type": "supervised", "supervised": {"hyperparameters": {...}}}`; "dpo" and "reinforcement" likewise.
    method: Mapping[str, object] | None
    #: Deprecated: `method`.
    hyperparameters: Hyperparameters | Mapping[str, object] | None
    integrations: Nullable[Sequence[Mapping[str, object]]]
    seed: Nullable[int]
    metadata: Nullable[Metadata]


class JobPagesParams(RequestOptions, total=False):
    """The keyword arguments of lists of events and checkpoints."""

    #: Id of the item that the page begins after.
    after: str | None
    #: Items per page.
    limit: int | None


class JobListParams(JobPagesParams, total=False):
    """The keyword arguments of `fine_tuning.jobs.list`."""

    #: Only jobs that have all of these pairs. `NULL`: only jobs without any.
    metadata: Nullable[Metadata]


class _Permission(TypedDict):
    project_ids: Sequence[str]


class PermissionCreateParams(_Permission, RequestOptions):
    """The keyword arguments of `fine_tuning.checkpoints.permissions.create`."""


class PermissionListParams(JobPagesParams, total=False):
    """The keyword arguments of `fine_tuning.checkpoints.permissions.list`."""

    project_id: str | None
    order: Literal["ascending", "descending"] | str | None


class _Grader(TypedDict):
    #: `{"type": "string_check", "name": ..., "input": ..., "reference": ..., "operation": "eq"}`, or of another type.
    grader: Mapping[str, object]


class GraderValidateParams(_Grader, RequestOptions):
    """The keyword arguments of `fine_tuning.alpha.graders.validate`."""


class _Sample(_Grader):
    #: What the model said: `{{sample.output_text}}` of the grader's templates.
    model_sample: str


class GraderRunParams(_Sample, RequestOptions, total=False):
    """The keyword arguments of `fine_tuning.alpha.graders.run`."""

    #: The row of the dataset: `{{item.NAME}}` of the grader's templates.
    item: Mapping[str, object] | None
