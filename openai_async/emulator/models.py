"""The endpoints of `/v1/models`: list models, and delete fine-tuned ones."""

from __future__ import annotations

from typing import TYPE_CHECKING

import orjson
from starlette.routing import Route

from openai_async.emulator.call import Answer, Call
from openai_async.emulator.catalog import described
from openai_async.emulator.endpoint import Endpoint
from openai_async.emulator.error_responses import ErrorResponse

if TYPE_CHECKING:
    from openai_async.emulator.backend import Backend

__all__ = ["routes"]


def routes(emulator: Backend) -> list[Route]:
    """`/v1/models`, and `/v1/models/{id}`, which can delete a fine-tuned model."""

    def listing(call: Call) -> Answer:
        return Answer(orjson.dumps({"object": "list", "data": emulator.catalog.listed()}))

    def retrieve(call: Call) -> Answer:
        name = call.path_params["id"]
        return Answer(orjson.dumps(described(name, emulator.catalog.find(name, param="model"))))

    def delete(call: Call) -> Answer:
        name = call.path_params["id"]
        if not emulator.tuning.delete_model(name):
            emulator.catalog.find(name, param="model")
            raise ErrorResponse(
                403, "You can only delete models that were fine-tuned by your organization.", param="model"
            )
        return Answer(orjson.dumps({"id": name, "object": "model", "deleted": True}))

    return [
        Route("/v1/models", Endpoint(emulator, GET=listing)),
        Route("/v1/models/{id:path}", Endpoint(emulator, GET=retrieve, DELETE=delete)),
    ]
