"""Fine-tuning jobs, new and old, which advance by themselves, and the models that they produce.

A job needs no thread: its state follows from the emulator's clock, one `step` for each event, and is computed when it
is retrieved. Past events never change. May be used from any thread.
"""

from __future__ import annotations

import csv
import io
import math
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import count
from typing import Any
from uuid import uuid4

from attrs import define, field, frozen

from openai_async.emulator.catalog import Model
from openai_async.emulator.error_responses import ErrorResponse
from openai_async.emulator.fields import JSONObject
from openai_async.emulator.files.store import FileStore, spool

__all__ = ["Checkpoint", "Event", "Job", "Plan", "Tuning"]

_CSV_HEAD = ("step", "train_loss", "train_accuracy")
_UNSURE = ("validating_files", "queued", "running", "paused")


@frozen
class Plan:
    """The plan of a job. `fault`: why it fails, as (code, message, param). `tokens`: the trained tokens."""

    base: str
    name: str
    epochs: int
    tokens: int
    fault: tuple[str, str, str] | None = None


@frozen
class Event:
    """An event, `at` seconds on the emulator's clock after the job was created."""

    at: float
    created_at: int
    message: str
    level: str = "info"
    data: JSONObject | None = None
    id: str = field(factory=lambda: f"ftevent-{uuid4().hex[:24]}")


@frozen
class Checkpoint:
    """A model as it was after an epoch."""

    model: str
    step: int
    created_at: int
    metrics: JSONObject
    id: str = field(factory=lambda: f"ftckpt_{uuid4().hex[:24]}")


@define(eq=False)
class Job:
    """One job. `request` is the body of its request, `step` is the seconds that each event takes.

    `since` is when it was last started or resumed, `worked` is the seconds before that.
    """

    plan: Plan
    request: JSONObject
    step: float
    since: float
    legacy: bool = False
    created_at: int = field(factory=lambda: int(time.time()))
    id: str = field(factory=lambda: f"ftjob-{uuid4().hex[:24]}")
    status: str = "validating_files"
    worked: float = 0.0
    finished_at: int | None = None
    result_files: list[str] = field(factory=list[str])
    events: list[Event] = field(factory=list[Event])
    checkpoints: list[Checkpoint] = field(factory=list[Checkpoint])
    _script: Iterator[tuple[float, str, Event | Checkpoint | None]] = field(init=False)
    _next: tuple[float, str, Event | Checkpoint | None] | None = field(init=False, default=None)

    def __attrs_post_init__(self) -> None:
        if self.legacy:
            self.id = self.id.replace("ftjob", "ft")
        self._say(0.0, f"Created fine-tuning job: {self.id}")
        self._script = self._acts()
        self._next = next(self._script, None)

    @property
    def ended(self) -> bool:
        return self.status not in _UNSURE

    @property
    def fine_tuned_model(self) -> str | None:
        return self.plan.name if self.status == "succeeded" else None

    def walk(self, now: float) -> None:
        """Do everything that is due."""
        if self.ended or self.status == "paused":
            return
        worked = self.worked + (now - self.since)
        while self._next is not None and self._next[0] <= worked and self.status in _UNSURE:
            _, self.status, what = self._next
            if isinstance(what, Event):
                self.events.append(what)
            elif what is not None:
                self.checkpoints.append(what)
            self._next = next(self._script, None)
        if self.status not in _UNSURE:
            self.finished_at = int(time.time())

    def _say(self, at: float, message: str, level: str = "info", data: JSONObject | None = None) -> None:
        self.events.append(Event(at, int(time.time()), message, level, data))

    def _acts(self) -> Iterator[tuple[float, str, Event | Checkpoint | None]]:
        """Iterate over the events: when each is due, and the state after it. An event is made when the one before is
        done.
        """
        plan, number = self.plan, count()

        def due() -> float:
            return next(number) * self.step

        def event(at: float, message: str, level: str = "info", data: JSONObject | None = None) -> Event:
            return Event(at, int(time.time()), message, level, data)

        at = due()
        yield at, "validating_files", event(at, f"Validating training file: {self.request['training_file']}")
        at = due()
        if plan.fault is not None:
            yield at, "failed", event(at, plan.fault[1], "error")
            return
        yield at, "queued", event(at, "Files validated, moving job to queued state")
        at = due()
        yield at, "running", event(at, "Fine-tuning job started")
        for epoch in range(1, plan.epochs + 1):
            figures = self.figures(epoch)
            at = due()
            yield (
                at,
                "running",
                event(at, f"Step {epoch}/{plan.epochs}: training loss={figures['train_loss']}", data=figures),
            )
            name = plan.name if epoch == plan.epochs else f"{plan.name}:ckpt-step-{epoch}"
            yield at, "running", Checkpoint(name, epoch, int(time.time()), figures)
        at = due()
        yield at, "running", event(at, f"New fine-tuned model created: {plan.name}")
        yield at, "succeeded", event(at, "The job has successfully completed")

    def figures(self, epoch: int) -> JSONObject:
        """Get the figures of an epoch: they get better."""
        loss = round(2.0 * math.exp(-0.6 * epoch), 4)
        return {
            "step": epoch,
            "total_steps": self.plan.epochs,
            "train_loss": loss,
            "train_mean_token_accuracy": round(1 - loss / 4, 4),
        }

    # -- what a client asks for ------------------------------------------------------------------------------

    def cancel(self) -> None:
        """Stop for good. Raises the API's 400 if it is too late."""
        if self.ended:
            raise ErrorResponse(400, f"Job has already completed: {self.id}", param="fine_tuning_job_id")
        self.status = "cancelled"
        self.finished_at = int(time.time())
        self._say(math.inf, "Fine-tuning job cancelled")

    def pause(self, now: float) -> None:
        """Stop for now. Raises the API's 400 if the job is not running."""
        if self.status not in ("queued", "running"):
            raise ErrorResponse(400, f"Cannot pause a job with status '{self.status}'.", param="fine_tuning_job_id")
        self.worked += now - self.since
        self.status = "paused"
        self._say(self.worked, "Fine-tuning job paused")

    def resume(self, now: float) -> None:
        """Continue. Raises the API's 400 if the job is not paused."""
        if self.status != "paused":
            raise ErrorResponse(400, f"Cannot resume a job with status '{self.status}'.", param="fine_tuning_job_id")
        self.since = now
        self.status = "running" if self.checkpoints or any(event.data for event in self.events) else "queued"
        self._say(self.worked, "Fine-tuning job resumed")


class Tuning:
    """The jobs of one emulator, in order of creation, and the models that they produced."""

    def __init__(self, clock: Callable[[], float], files: FileStore) -> None:
        self._clock = clock
        self._files = files
        self._jobs: dict[str, Job] = {}
        self._models: dict[str, Model] = {}
        self._permissions: dict[str, dict[str, JSONObject]] = {}
        self._lock = threading.Lock()

    def start(self, plan: Plan, request: JSONObject, step: float, *, legacy: bool = False) -> Job:
        """Begin a job, each event of which takes `step` seconds."""
        job = Job(plan, request, step, self._clock(), legacy=legacy)
        self._jobs[job.id] = job
        self._walk()
        return job

    def find(self, id: str, *, legacy: bool = False) -> Job:
        """Get the job of this id in its present state. Raises the API's 404 if there is none."""
        self._walk()
        job = self._jobs.get(id)
        if job is None or job.legacy is not legacy:
            raise ErrorResponse(
                404, f"Could not find fine tune: {id}", param="fine_tuning_job_id", code="fine_tune_not_found"
            )
        return job

    def listed(self, *, legacy: bool = False) -> list[Job]:
        """Get all jobs in their present state, oldest first."""
        self._walk()
        return [job for job in list(self._jobs.values()) if job.legacy is legacy]

    def change(self, job: Job, how: str) -> None:
        """`cancel`, `pause` or `resume` a job. Raises the API's 400 if its state does not allow that."""
        with self._lock:
            if how == "cancel":
                job.cancel()
            elif how == "pause":
                job.pause(self._clock())
            else:
                job.resume(self._clock())

    def models(self) -> Mapping[str, Model]:
        """Get the finished models, by name."""
        if self._jobs:
            self._walk()
        return self._models

    def delete_model(self, name: str) -> bool:
        """Delete a model. False if there is none of this name."""
        self._walk()
        return self._models.pop(name, None) is not None

    def clear(self) -> None:
        """Delete every job, model and permission."""
        with self._lock:
            self._jobs.clear()
            self._models.clear()
            self._permissions.clear()

    def permissions(self, checkpoint: str) -> dict[str, JSONObject]:
        """Get the permissions of a checkpoint, by id. Raises the API's 404 if there is no such checkpoint."""
        if checkpoint not in self.models():
            raise ErrorResponse(404, f"Checkpoint '{checkpoint}' not found.", param="fine_tuned_model_checkpoint")
        return self._permissions.setdefault(checkpoint, {})

    def _walk(self) -> None:
        with self._lock:
            now = self._clock()
            for job in self._jobs.values():
                if job.ended:
                    continue
                job.walk(now)
                if job.status == "succeeded":
                    self._finish(job)

    def _finish(self, job: Job) -> None:
        for checkpoint in job.checkpoints[-3:]:
            self._models[checkpoint.model] = Model(
                checkpoint.model, snapshot=checkpoint.model, created=checkpoint.created_at, owned_by="user-emulated"
            )
        file = self._files.add(_results(job), "step_metrics.csv", "fine-tune-results")
        job.result_files.append(file.id)


def _results(job: Job) -> Any:
    text = io.StringIO()
    rows: Sequence[JSONObject] = [job.figures(epoch) for epoch in range(1, job.plan.epochs + 1)]
    writer = csv.writer(text)
    writer.writerow(_CSV_HEAD)
    writer.writerows((row["step"], row["train_loss"], row["train_mean_token_accuracy"]) for row in rows)
    content = spool()
    content.write(text.getvalue().encode())
    return content
