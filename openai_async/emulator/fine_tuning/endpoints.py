"""The endpoints of `/v1/fine_tuning`: jobs, their events and checkpoints, permissions, and graders."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TYPE_CHECKING
from uuid import uuid4

import orjson
from attrs import frozen
from starlette.routing import Route

from openai_async.emulator.call import Answer, Call
from openai_async.emulator.chat.stored import read_metadata
from openai_async.emulator.endpoint import Endpoint
from openai_async.emulator.error_responses import ErrorResponse, invalid
from openai_async.emulator.fields import Fields, JSONObject
from openai_async.emulator.fine_tuning.graders import check_grader, run_grader
from openai_async.emulator.fine_tuning.request import plan_of_job
from openai_async.emulator.fine_tuning.store import Checkpoint, Event, Job
from openai_async.emulator.pagination import page

if TYPE_CHECKING:
    from openai_async.emulator.backend import Backend

__all__ = ["routes"]

_AUTO = {"batch_size": "auto", "learning_rate_multiplier": "auto", "n_epochs": "auto"}


@frozen
class _Item:
    """An object in a paginated list."""

    values: JSONObject

    @property
    def id(self) -> str:
        return str(self.values["id"])

    def described(self) -> JSONObject:
        return self.values


def routes(emulator: Backend) -> list[Route]:
    """Everything below `/v1/fine_tuning`."""
    tuning = emulator.tuning

    def create(call: Call) -> Answer:
        body = call.json()
        fields = Fields(body)
        read_metadata(fields)
        plan = plan_of_job(emulator, fields)
        job = tuning.start(plan, body, emulator.tuning_step)
        return _answer(_job(emulator, job))

    def listing(call: Call) -> Answer:
        wanted = {name[9:-1]: value for name, value in call.query.items() if name.startswith("metadata[")}
        jobs = [
            _Item(_job(emulator, job))
            for job in reversed(tuning.listed())
            if wanted.items() <= (job.request.get("metadata") or {}).items()
            and not (call.query.get("metadata") == "null" and job.request.get("metadata"))
        ]
        return page(call, jobs, default=20, most=100)

    def retrieve(call: Call) -> Answer:
        return _answer(_job(emulator, tuning.find(call.path_params["id"])))

    def changing(how: str) -> Callable[[Call], Answer]:
        def change(call: Call) -> Answer:
            job = tuning.find(call.path_params["id"])
            tuning.change(job, how)
            return _answer(_job(emulator, job))

        return change

    def events(call: Call) -> Answer:
        job = tuning.find(call.path_params["id"])
        return page(call, [_Item(_event(event)) for event in reversed(job.events)], default=20, most=100)

    def checkpoints(call: Call) -> Answer:
        job = tuning.find(call.path_params["id"])
        items = [_Item(_checkpoint(job, each)) for each in reversed(job.checkpoints)]
        return page(call, items, default=10, most=100)

    def grant(call: Call) -> Answer:
        permissions = tuning.permissions(call.path_params["checkpoint"])
        fields = Fields(call.json())
        fields.required("project_ids")
        new = [_permission(project) for project in fields.array("project_ids") or ()]
        permissions.update((each["id"], each) for each in new)
        return _answer({"object": "list", "data": new, "has_more": False})

    def permitted(call: Call) -> Answer:
        project = call.query.get("project_id")
        order = Fields({**call.query}).choice("order", ("ascending", "descending"))
        items = [
            _Item(each)
            for each in tuning.permissions(call.path_params["checkpoint"]).values()
            if project in (None, each["project_id"])
        ]
        return page(call, items if order == "ascending" else items[::-1], default=10, most=100)

    def revoke(call: Call) -> Answer:
        gone = call.path_params["id"]
        if tuning.permissions(call.path_params["checkpoint"]).pop(gone, None) is None:
            raise ErrorResponse(404, f"Permission '{gone}' not found.", param="permission_id")
        return _answer({"id": gone, "object": "checkpoint.permission", "deleted": True})

    def run(call: Call) -> Answer:
        return _answer(run_grader(Fields(call.json())))

    def validate(call: Call) -> Answer:
        fields = Fields(call.json())
        check_grader(fields)
        return _answer({"grader": fields.get("grader")})

    jobs, ckpt = "/v1/fine_tuning/jobs", "/v1/fine_tuning/checkpoints/{checkpoint}/permissions"
    return [
        Route(jobs, Endpoint(emulator, GET=listing, POST=create)),
        Route(f"{jobs}/{{id}}", Endpoint(emulator, GET=retrieve)),
        *(
            Route(f"{jobs}/{{id}}/{how}", Endpoint(emulator, POST=changing(how)))
            for how in ("cancel", "pause", "resume")
        ),
        Route(f"{jobs}/{{id}}/events", Endpoint(emulator, GET=events)),
        Route(f"{jobs}/{{id}}/checkpoints", Endpoint(emulator, GET=checkpoints)),
        Route(ckpt, Endpoint(emulator, GET=permitted, POST=grant)),
        Route(f"{ckpt}/{{id}}", Endpoint(emulator, DELETE=revoke)),
        Route("/v1/fine_tuning/alpha/graders/run", Endpoint(emulator, POST=run)),
        Route("/v1/fine_tuning/alpha/graders/validate", Endpoint(emulator, POST=validate)),
    ]


def _answer(value: JSONObject) -> Answer:
    return Answer(orjson.dumps(value))


def _job(emulator: Backend, job: Job) -> JSONObject:
    plan, request = job.plan, job.request
    method: JSONObject = request.get("method") or {"type": "supervised", "supervised": {"hyperparameters": _AUTO}}
    inner: JSONObject = method.get(method["type"]) or {}
    figures: JSONObject = request.get("hyperparameters") or inner.get("hyperparameters") or _AUTO
    error = dict(zip(("code", "message", "param"), plan.fault, strict=True)) if plan.fault else None
    return {
        "id": job.id,
        "object": "fine_tuning.job",
        "created_at": job.created_at,
        "finished_at": job.finished_at,
        "estimated_finish": None,
        "status": job.status,
        "model": plan.base,
        "fine_tuned_model": job.fine_tuned_model,
        "error": error if job.status == "failed" else None,
        "training_file": request["training_file"],
        "validation_file": request.get("validation_file"),
        "result_files": list(job.result_files),
        "trained_tokens": plan.tokens if job.status == "succeeded" else None,
        "hyperparameters": {**_AUTO, **figures},
        "method": method,
        "integrations": request.get("integrations") or [],
        "metadata": request.get("metadata"),
        "seed": request.get("seed") or 0,
        "organization_id": emulator.organization,
    }


def _event(event: Event) -> JSONObject:
    return {
        "object": "fine_tuning.job.event",
        "id": event.id,
        "created_at": event.created_at,
        "level": event.level,
        "message": event.message,
        "type": "message" if event.data is None else "metrics",
        "data": event.data or {},
    }


def _checkpoint(job: Job, each: Checkpoint) -> JSONObject:
    return {
        "object": "fine_tuning.job.checkpoint",
        "id": each.id,
        "created_at": each.created_at,
        "fine_tuned_model_checkpoint": each.model,
        "fine_tuning_job_id": job.id,
        "metrics": {name: value for name, value in each.metrics.items() if name != "total_steps"},
        "step_number": each.step,
    }


def _permission(project: object) -> JSONObject:
    if not isinstance(project, str):
        raise invalid("Invalid 'project_ids': expected an array of strings.", param="project_ids", code="invalid_type")
    return {
        "id": f"cp_{uuid4().hex[:24]}",
        "object": "checkpoint.permission",
        "created_at": int(time.time()),
        "project_id": project,
    }
