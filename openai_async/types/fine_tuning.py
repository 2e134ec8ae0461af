"""Fine-tuning as the API returns it: jobs, what happens in them, what comes out, and graders."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

import attrs

from openai_async.types._base import Polled, Reply, Value

#: States that a job does not leave.
ENDED: Final = frozenset({"succeeded", "failed", "cancelled"})


@attrs.define(repr=False)
class JobError(Value):
    """Why a job failed; `param` is what was wrong with its request, such as "training_file"."""

    code: str | None = None
    message: str | None = None
    param: str | None = None


@attrs.define(repr=False)
class FineTuningJob(Polled):
    """A job; its states are "validating_files", "queued", "running", "paused", "succeeded", "failed", "cancelled".

    Times are in epoch seconds. `hyperparameters` and `method` are as the API has them: numbers, or "auto".
    """

    id: str
    status: str | None = None
    model: str | None = None
    fine_tuned_model: str | None = None
    created_at: int | None = None
    finished_at: int | None = None
    estimated_finish: int | None = None
    error: JobError | None = None
    training_file: str | None = None
    validation_file: str | None = None
    result_files: list[str] = attrs.field(factory=list[str])
    trained_tokens: int | None = None
    hyperparameters: dict[str, Any] | None = None
    method: dict[str, Any] | None = None
    integrations: list[dict[str, Any]] | None = None
    metadata: dict[str, Any] | None = None
    seed: int | None = None
    organization_id: str | None = None
    object: str = "fine_tuning.job"

    @property
    def ended(self) -> bool:
        """Whether it has succeeded, failed or been cancelled."""
        return self.status in ENDED


@attrs.define(repr=False)
class FineTuningJobEvent(Value):
    """Something that happened. `type` is "message" or "metrics"; the figures of the latter are in `data`."""

    id: str = ""
    created_at: int | None = None
    level: str | None = None
    message: str | None = None
    type: str | None = None
    data: dict[str, Any] | None = None
    object: str = "fine_tuning.job.event"


@attrs.define(repr=False)
class FineTuningJobCheckpoint(Value):
    """A model as it was at some step of a job. It can be used like any other, by its name."""

    id: str
    fine_tuned_model_checkpoint: str | None = None
    step_number: int | None = None
    metrics: dict[str, Any] | None = None
    fine_tuning_job_id: str | None = None
    created_at: int | None = None
    object: str = "fine_tuning.job.checkpoint"


@attrs.define(repr=False)
class CheckpointPermission(Value):
    """A project may use a checkpoint."""

    id: str
    project_id: str | None = None
    created_at: int | None = None
    object: str = "checkpoint.permission"


@attrs.define(repr=False)
class CheckpointPermissionList(Reply):
    """Permissions that were given. Iterating it gives them."""

    data: list[CheckpointPermission]
    has_more: bool | None = None
    first_id: str | None = None
    last_id: str | None = None
    object: str = "list"

    def __iter__(self) -> Iterator[CheckpointPermission]:
        return iter(self.data)

    def __len__(self) -> int:
        return len(self.data)


@attrs.define(repr=False)
class CheckpointPermissionDeleted(Reply):
    """A permission that was taken back."""

    id: str
    deleted: bool = True
    object: str = "checkpoint.permission"


@attrs.define(repr=False)
class GraderRun(Reply):
    """What a grader makes of one sample. `metadata` says what went wrong, if something did."""

    reward: float | None = None
    metadata: dict[str, Any] | None = None
    sub_rewards: dict[str, Any] | None = None
    model_grader_token_usage_per_model: dict[str, Any] | None = None


@attrs.define(repr=False)
class GraderValidation(Reply):
    """A grader that can be used, as the API reads it."""

    grader: dict[str, Any] | None = None
