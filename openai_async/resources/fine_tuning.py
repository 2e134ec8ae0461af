"""`client.fine_tuning`: fine-tuning endpoints: jobs, checkpoints and graders."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cached_property
from typing import Any, Unpack, cast

from openai_async._pipeline.pipeline import Pipeline
from openai_async.resources import _polling
from openai_async.resources._compound import KeptOptions
from openai_async.resources._generic import CatalogResource
from openai_async.resources._job_events import AsyncJobEvents
from openai_async.resources._operation import Operation
from openai_async.resources._pagination import AsyncPage, AsyncPaginator
from openai_async.types._uncopied import Uncopied
from openai_async.types.fine_tuning import (
    CheckpointPermission,
    CheckpointPermissionDeleted,
    CheckpointPermissionList,
    FineTuningJob,
    FineTuningJobCheckpoint,
    FineTuningJobEvent,
    GraderRun,
    GraderValidation,
)
from openai_async.types.params.fine_tuning import (
    GraderRunParams,
    GraderValidateParams,
    JobCreateParams,
    JobListParams,
    JobPagesParams,
    PermissionCreateParams,
    PermissionListParams,
)
from openai_async.types.params.options import RequestOptions
from openai_async.types.settings import NULL

_JOB = "/fine_tuning/jobs/{fine_tuning_job_id}"
_CREATE = Operation("POST", "/fine_tuning/jobs")
_RETRIEVE = Operation("GET", _JOB)
_LIST = Operation("GET", "/fine_tuning/jobs")
_CANCEL = Operation("POST", f"{_JOB}/cancel")
_PAUSE = Operation("POST", f"{_JOB}/pause")
_RESUME = Operation("POST", f"{_JOB}/resume")
_EVENTS = Operation("GET", f"{_JOB}/events")
_CHECKPOINTS = Operation("GET", f"{_JOB}/checkpoints")

_PERMISSIONS = "/fine_tuning/checkpoints/{fine_tuned_model_checkpoint}/permissions"
_GRANT = Operation("POST", _PERMISSIONS)
_GRANTED = Operation("GET", _PERMISSIONS)
_REVOKE = Operation("DELETE", f"{_PERMISSIONS}/{{permission_id}}")

_RUN = Operation("POST", "/fine_tuning/alpha/graders/run")
_VALIDATE = Operation("POST", "/fine_tuning/alpha/graders/validate")


class AsyncFineTuning(Uncopied):
    """Fine-tuning endpoints (https://platform.openai.com/docs/api-reference/fine-tuning)."""

    def __init__(self, pipeline: Pipeline) -> None:
        self._pipeline = pipeline

    @cached_property
    def jobs(self) -> AsyncJobs:
        """Fine-tuning job endpoints."""
        return AsyncJobs(self._pipeline)

    @cached_property
    def checkpoints(self) -> AsyncTuningCheckpoints:
        """Endpoints for the permissions of checkpoints."""
        return AsyncTuningCheckpoints(self._pipeline)

    @cached_property
    def alpha(self) -> AsyncAlpha:
        """Alpha endpoints, which the API may still change: graders."""
        return AsyncAlpha(self._pipeline)


class AsyncJobs(CatalogResource):
    """Fine-tuning job endpoints. Every method raises APIError (see `openai_async.errors`)."""

    __slots__ = ()
    _catalog_name = "fine_tuning.jobs"

    @property
    def checkpoints(self) -> AsyncJobCheckpoints:
        """Endpoints for the checkpoints of a job."""
        return AsyncJobCheckpoints(self._pipeline)

    async def create(self, **params: Unpack[JobCreateParams]) -> FineTuningJob:
        """Create a fine-tuning job. `params`: see `JobCreateParams`.

        Raises:
            InvalidParameterError: a parameter is invalid; nothing was sent.
            APIError: see `openai_async.errors`. It is not retried if the first attempt may have been carried out.

        Cancelling drops the connection; the job may have been started.
        """
        return await self._fetch(_CREATE, FineTuningJob, cast("dict[str, Any]", params))

    async def retrieve(self, fine_tuning_job_id: str, **options: Unpack[RequestOptions]) -> FineTuningJob:
        """Retrieve a job. Raises NotFoundError if it does not exist. Cancelling drops the connection."""
        return await self._fetch(_RETRIEVE, FineTuningJob, options, fine_tuning_job_id=fine_tuning_job_id)

    def list(self, **params: Unpack[JobListParams]) -> AsyncPaginator[FineTuningJob]:
        """List jobs, newest first. `params`: see `JobListParams`."""
        arguments = cast("dict[str, Any]", params)
        if arguments.get("metadata") is NULL:  # which no other query can say
            arguments["metadata"] = "null"
        return self._list(_LIST, FineTuningJob, arguments)

    async def cancel(self, fine_tuning_job_id: str, **options: Unpack[RequestOptions]) -> FineTuningJob:
        """Cancel a job. Cancelling the call drops the connection; the job may still be canceled."""
        return await self._fetch(_CANCEL, FineTuningJob, options, fine_tuning_job_id=fine_tuning_job_id)

    async def pause(self, fine_tuning_job_id: str, **options: Unpack[RequestOptions]) -> FineTuningJob:
        """Pause a job. Cancelling drops the connection; the job may still be paused."""
        return await self._fetch(_PAUSE, FineTuningJob, options, fine_tuning_job_id=fine_tuning_job_id)

    async def resume(self, fine_tuning_job_id: str, **options: Unpack[RequestOptions]) -> FineTuningJob:
        """Resume a paused job. Cancelling drops the connection; the job may still be resumed."""
        return await self._fetch(_RESUME, FineTuningJob, options, fine_tuning_job_id=fine_tuning_job_id)

    def list_events(
        self, fine_tuning_job_id: str, **params: Unpack[JobPagesParams]
    ) -> AsyncPaginator[FineTuningJobEvent]:
        """List the events of a job so far, newest first. `params`: see `JobPagesParams`."""
        options = cast("dict[str, Any]", params)
        return self._list(_EVENTS, FineTuningJobEvent, options, fine_tuning_job_id=fine_tuning_job_id)

    def events(
        self, fine_tuning_job_id: str, *, poll_interval: float | None = None, **options: Unpack[RequestOptions]
    ) -> AsyncJobEvents[FineTuningJobEvent]:
        """Iterate over the events of a job, oldest first, until it has ended.

        Args:
            fine_tuning_job_id: ID of the job.
            poll_interval: seconds between two polls. None polls every 0.5 seconds at first; while nothing happens, the
                interval grows to 10 seconds.
            options: call options of each poll.

        Iterating raises APIError (see `openai_async.errors`). Cancelling drops the connection; the job continues.
        """

        kept = KeptOptions(options)
        ask = kept.calling(self.retrieve, fine_tuning_job_id)

        async def ended() -> bool:
            return (await ask()).ended

        new = _Unseen(kept.calling(self.list_events, fine_tuning_job_id, limit=100))
        return AsyncJobEvents(ended, new.read, poll_interval)

    async def wait(
        self,
        fine_tuning_job_id: str,
        *,
        max_wait: float | None = None,
        poll_interval: float | None = None,
        on_poll: Callable[[FineTuningJob], None] | None = None,
        **options: Unpack[RequestOptions],
    ) -> FineTuningJob:
        """Wait until a job has ended; returns its final state, which may be "failed" or "cancelled".

        Args:
            fine_tuning_job_id: ID of the job.
            max_wait: most seconds to wait in total; None for no bound.
            poll_interval: seconds between two polls. None follows the server's advice, or polls at growing intervals.
            on_poll: called with each state. An exception from it ends the wait.
            options: call options of each poll.

        Raises:
            WaitTimeoutError: it did not end in time. It continues on the server.
            APIError: see `openai_async.errors`.

        Cancelling ends the wait, not the job.
        """
        return await _polling.until(
            KeptOptions(options).calling(self.retrieve, fine_tuning_job_id),
            _ended,
            what=f"fine-tuning job {fine_tuning_job_id}",
            max_wait=max_wait,
            poll_interval=poll_interval,
            on_poll=on_poll,
        )


def _ended(job: FineTuningJob) -> bool:
    return job.ended


class _Unseen:
    """Reads a list, newest first, down to the items read before."""

    def __init__(self, newest_first: Callable[[], AsyncPaginator[FineTuningJobEvent]]) -> None:
        self._newest_first = newest_first
        self._seen: set[object] = set()

    async def read(self) -> Sequence[FineTuningJobEvent]:
        """Read the new items, oldest first. A failed or canceled read has read nothing."""
        page, new = await self._newest_first(), dict[object, FineTuningJobEvent]()
        while not self._take(page, new) and page.has_next_page():
            page = await page.next_page()
        self._seen.update(new)
        return [*reversed(new.values())]

    def _take(self, page: AsyncPage[FineTuningJobEvent], new: dict[object, FineTuningJobEvent]) -> bool:
        """Collect the new items of a page; returns whether it reached a known one."""
        for event in page:
            identity = event.id or (event.created_at, event.level, event.message)
            if identity in self._seen or identity in new:
                return True
            new[identity] = event
        return False


class AsyncJobCheckpoints(CatalogResource):
    """Endpoints for the checkpoints of a job."""

    __slots__ = ()
    _catalog_name = "fine_tuning.jobs.checkpoints"

    def list(
        self, fine_tuning_job_id: str, **params: Unpack[JobPagesParams]
    ) -> AsyncPaginator[FineTuningJobCheckpoint]:
        """List the checkpoints of a job, newest first. `params`: see `JobPagesParams`."""
        options = cast("dict[str, Any]", params)
        return self._list(_CHECKPOINTS, FineTuningJobCheckpoint, options, fine_tuning_job_id=fine_tuning_job_id)


class AsyncTuningCheckpoints(CatalogResource):
    """Endpoints for the checkpoints of all jobs."""

    __slots__ = ()
    _catalog_name = "fine_tuning.checkpoints"

    @property
    def permissions(self) -> AsyncPermissions:
        """Endpoints for the projects that may use a checkpoint."""
        return AsyncPermissions(self._pipeline)


class AsyncPermissions(CatalogResource):
    """Endpoints for the projects that may use a checkpoint. They require an admin key of the owning organization."""

    __slots__ = ()
    _catalog_name = "fine_tuning.checkpoints.permissions"

    async def create(
        self, fine_tuned_model_checkpoint: str, **params: Unpack[PermissionCreateParams]
    ) -> CheckpointPermissionList:
        """Grant projects (`project_ids`) the use of a checkpoint.

        Raises:
            APIError: see `openai_async.errors`.

        Cancelling drops the connection; the permission may still be given.
        """
        arguments = cast("dict[str, Any]", params)
        return await self._fetch(
            _GRANT, CheckpointPermissionList, arguments, fine_tuned_model_checkpoint=fine_tuned_model_checkpoint
        )

    def list(
        self, fine_tuned_model_checkpoint: str, **params: Unpack[PermissionListParams]
    ) -> AsyncPaginator[CheckpointPermission]:
        """List the granted permissions. `params`: see `PermissionListParams`."""
        arguments = cast("dict[str, Any]", params)
        return self._list(
            _GRANTED, CheckpointPermission, arguments, fine_tuned_model_checkpoint=fine_tuned_model_checkpoint
        )

    def retrieve(
        self, fine_tuned_model_checkpoint: str, **params: Unpack[PermissionListParams]
    ) -> AsyncPaginator[CheckpointPermission]:
        """List the granted permissions: the older name of `list`."""
        return self.list(fine_tuned_model_checkpoint, **params)

    async def delete(
        self, permission_id: str, *, fine_tuned_model_checkpoint: str, **options: Unpack[RequestOptions]
    ) -> CheckpointPermissionDeleted:
        """Revoke a permission.

        Raises:
            NotFoundError: there is no such permission.
            APIError: see `openai_async.errors`.

        Cancelling drops the connection; the permission may still be revoked.
        """
        return await self._fetch(
            _REVOKE,
            CheckpointPermissionDeleted,
            options,
            fine_tuned_model_checkpoint=fine_tuned_model_checkpoint,
            permission_id=permission_id,
        )


class AsyncAlpha(CatalogResource):
    """Alpha endpoints, which the API may still change."""

    __slots__ = ()
    _catalog_name = "fine_tuning.alpha"

    @property
    def graders(self) -> AsyncGraders:
        """Grader endpoints, for reinforcement fine-tuning."""
        return AsyncGraders(self._pipeline)


class AsyncGraders(CatalogResource):
    """Grader endpoints, for reinforcement fine-tuning."""

    __slots__ = ()
    _catalog_name = "fine_tuning.alpha.graders"

    async def run(self, **params: Unpack[GraderRunParams]) -> GraderRun:
        """Run a grader on one sample. `params`: see `GraderRunParams`. Raises APIError. Cancelling drops the
        connection.
        """
        return await self._fetch(_RUN, GraderRun, cast("dict[str, Any]", params))

    async def validate(self, **params: Unpack[GraderValidateParams]) -> GraderValidation:
        """Validate a grader. `params`: see `GraderValidateParams`. Raises APIError. Cancelling drops the connection."""
        return await self._fetch(_VALIDATE, GraderValidation, cast("dict[str, Any]", params))
