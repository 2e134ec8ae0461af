"""The endpoints of `/v1/fine-tunes`, which jobs have replaced. The API removed them; compatible servers have them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import orjson
from starlette.routing import Route

from openai_async.emulator.call import Answer, Call, EventStream
from openai_async.emulator.endpoint import Endpoint
from openai_async.emulator.fields import Fields, JSONObject
from openai_async.emulator.fine_tuning.request import plan_of_fine_tune
from openai_async.emulator.fine_tuning.store import Job

if TYPE_CHECKING:
    from openai_async.emulator.backend import Backend

__all__ = ["routes"]

_STATES = {"validating_files": "pending", "queued": "pending"}
_LEGACY = (
    "compute_classification_metrics",
    "classification_n_classes",
    "classification_positive_class",
    "classification_betas",
)


def routes(emulator: Backend) -> list[Route]:
    """`/v1/fine-tunes`, `/v1/fine-tunes/{id}`, its events, and its cancellation."""
    tuning = emulator.tuning

    def create(call: Call) -> Answer:
        body = call.json()
        plan = plan_of_fine_tune(emulator, Fields(body))
        return _answer(_with_events(emulator, tuning.start(plan, body, emulator.tuning_step, legacy=True)))

    def listing(call: Call) -> Answer:
        return _answer({"object": "list", "data": [_with_events(emulator, job) for job in tuning.listed(legacy=True)]})

    def retrieve(call: Call) -> Answer:
        return _answer(_with_events(emulator, tuning.find(call.path_params["id"], legacy=True)))

    def cancel(call: Call) -> Answer:
        job = tuning.find(call.path_params["id"], legacy=True)
        tuning.change(job, "cancel")
        return _answer(_with_events(emulator, job))

    def events(call: Call) -> Answer | EventStream:
        job = tuning.find(call.path_params["id"], legacy=True)
        if call.query.get("stream") == "true":
            return EventStream(_streamed(_events(job)))
        return _answer({"object": "list", "data": _events(job)})

    return [
        Route("/v1/fine-tunes", Endpoint(emulator, GET=listing, POST=create)),
        Route("/v1/fine-tunes/{id}", Endpoint(emulator, GET=retrieve)),
        Route("/v1/fine-tunes/{id}/cancel", Endpoint(emulator, POST=cancel)),
        Route("/v1/fine-tunes/{id}/events", Endpoint(emulator, GET=events)),
    ]


def _answer(value: JSONObject) -> Answer:
    return Answer(orjson.dumps(value))


def _streamed(events: list[JSONObject]) -> Iterator[tuple[float, bytes]]:
    """Stream the events so far. For later ones, the client asks again."""
    for event in events:
        yield 0.0, b"data: " + orjson.dumps(event) + b"\n\n"
    yield 0.0, b"data: [DONE]\n\n"


def _with_events(emulator: Backend, job: Job) -> JSONObject:
    return {**_described(emulator, job), "events": _events(job)}


def _events(job: Job) -> list[JSONObject]:
    return [
        {
            "object": "fine-tune-event",
            "created_at": event.created_at,
            "level": event.level,
            "message": event.message,
        }
        for event in job.events
    ]


def _described(emulator: Backend, job: Job) -> JSONObject:
    request = job.request
    files = {
        name: [file.described() for each in those if (file := emulator.files.get(each)) is not None]
        for name, those in (
            ("training_files", [request["training_file"]]),
            ("validation_files", [request["validation_file"]] if request.get("validation_file") else []),
            ("result_files", job.result_files),
        )
    }
    return {
        "id": job.id,
        "object": "fine-tune",
        "model": job.plan.base,
        "created_at": job.created_at,
        "updated_at": job.events[-1].created_at,
        "fine_tuned_model": job.fine_tuned_model,
        "organization_id": emulator.organization,
        "hyperparams": {
            "n_epochs": job.plan.epochs,
            "batch_size": request.get("batch_size"),
            "learning_rate_multiplier": request.get("learning_rate_multiplier"),
            "prompt_loss_weight": request.get("prompt_loss_weight") or 0.01,
            "compute_classification_metrics": False,
            **{name: request[name] for name in _LEGACY if request.get(name) is not None},
        },
        "status": _STATES.get(job.status, job.status),
        **files,
    }
