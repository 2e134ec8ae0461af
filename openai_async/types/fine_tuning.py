"""Fine-tuning values: jobs, their events and checkpoints, and graders."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

import attrs

from openai_async.types._base import Polled, Reply, Value

#: States that a job does not leave.
ENDED: Final = frozenset({"succeeded", "failed", "cancelled"})


@attrs.define(repr=False)
class JobError(Value):
    """Why a job failed; `param` is the invalid parameter, such as "training_file"."""

    code: str | None = None
    message: str | None = None
    param: str | None = None


@attrs.define(repr=False)
class FineTuningJob(Polled):
    """A job. `status` is "validating_files", "queued", "running", "paused", "succeeded", "failed" or "cancelled".

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
    """An event of a job. `type` is "message" or "metrics"; metrics are in `data`."""

    id: str = ""
    created_at: int | None = None
    level: str | None = None
    message: str | None = None
    type: str | None = None
    data: dict[str, Any] | None = None
    object: str = "fine_tuning.job.event"


@attrs.define(repr=False)
class FineTuningJobCheckpoint(Value):
    """A checkpoint: the model at one step of a job, usable by its name."""

    id: str
    fine_tuned_model_checkpoint: str | None = None
    step_number: int | None = None
    metrics: dict[str, Any] | None = None
    fine_tuning_job_id: str | None = None
    created_at: int | None = None
    object: str = "fine_tuning.job.checkpoint"


@attrs.define(repr=False)
class CheckpointPermission(Value):
    """A project's permission to use a checkpoint."""

    id: str
    project_id: str | None = None
    created_at: int | None = None
    object: str = "checkpoint.permission"


@attrs.define(repr=False)
class CheckpointPermissionList(Reply):
    """The granted permissions. Iterate over it for the items."""

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
    """A revoked permission."""

    id: str
    deleted: bool = True
    object: str = "checkpoint.permission"


@attrs.define(repr=False)
class GraderRun(Reply):
    """A grader's result for one sample. `metadata` has the errors, if any."""

    reward: float | None = None
    metadata: dict[str, Any] | None = None
    sub_rewards: dict[str, Any] | None = None
    model_grader_token_usage_per_model: dict[str, Any] | None = None


@attrs.define(repr=False)
class GraderValidation(Reply):
    """A valid grader, as the API reads it."""

    grader: dict[str, Any] | None = None
