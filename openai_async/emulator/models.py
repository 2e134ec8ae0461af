"""`/v1/models`: which models there are, and the end of those that were made by fine-tuning."""

from __future__ import annotations

from typing import TYPE_CHECKING

import orjson
from starlette.routing import Route

from openai_async.emulator.call import Answer, Call
from openai_async.emulator.catalogue import described
from openai_async.emulator.endpoint import Endpoint
from openai_async.emulator.error_responses import Problem

if TYPE_CHECKING:
    from openai_async.emulator.backend import Backend

__all__ = ["routes"]


def routes(emulator: Backend) -> list[Route]:
    """`/v1/models`, and `/v1/models/{id}`, which deletes what was made by fine-tuning."""

    def listing(call: Call) -> Answer:
        return Answer(orjson.dumps({"object": "list", "data": emulator.catalogue.listed()}))

    def retrieve(call: Call) -> Answer:
        name = call.path_params["id"]
        return Answer(orjson.dumps(described(name, emulator.catalogue.find(name, param="model"))))

    def delete(call: Call) -> Answer:
        name = call.path_params["id"]
        if not emulator.tuning.delete_model(name):
            emulator.catalogue.find(name, param="model")
            raise Problem(403, "You can only delete models that were fine-tuned by your organization.", param="model")
        return Answer(orjson.dumps({"id": name, "object": "model", "deleted": True}))

    return [
        Route("/v1/models", Endpoint(emulator, GET=listing)),
        Route("/v1/models/{id:path}", Endpoint(emulator, GET=retrieve, DELETE=delete)),
    ]
