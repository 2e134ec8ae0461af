"""The ASGI application of the emulator: the routes of all resources, and two pages about the server itself.

To add a resource, write a module with `routes(emulator)` and name it in `_RESOURCES`. Unknown paths get the API's 404.
`/healthz` and `/emulator/stats` need no key and are not in the request log.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import orjson
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from openai_async.emulator import completions, conversations, embeddings, models, moderations
from openai_async.emulator.assistants import endpoints as assistants, runs, threads
from openai_async.emulator.audio import endpoints as audio
from openai_async.emulator.azure_paths import at_v1
from openai_async.emulator.batches import endpoints as batches
from openai_async.emulator.chat import completions as chat, stored
from openai_async.emulator.endpoint import Endpoint
from openai_async.emulator.files import endpoints as files, uploads
from openai_async.emulator.fine_tuning import endpoints as fine_tuning, legacy
from openai_async.emulator.images import endpoints as images
from openai_async.emulator.known_fields import known_fields
from openai_async.emulator.responses import endpoints as responses
from openai_async.emulator.vector_stores import endpoints as vector_stores

if TYPE_CHECKING:
    from openai_async.emulator.backend import Backend

__all__ = ["application"]

_RESOURCES = (
    assistants,
    audio,
    batches,
    chat,
    completions,
    conversations,
    embeddings,
    files,
    legacy,
    fine_tuning,
    images,
    models,
    moderations,
    responses,
    runs,
    stored,
    threads,
    uploads,
    vector_stores,
)


def application(emulator: Backend) -> Starlette:
    """Build the application of an emulator. It holds no state of its own."""

    async def health(request: Request) -> Response:
        return _json({"status": "ok"})

    async def stats(request: Request) -> Response:
        return _json(emulator.ledger.snapshot())

    routes = [route for resource in _RESOURCES for route in resource.routes(emulator)]
    for route in routes:
        if isinstance(route.endpoint, Endpoint):
            route.endpoint.known = known_fields(route.path)
    routes += [Route("/healthz", health), Route("/emulator/stats", stats)]
    app = Starlette(routes=routes)
    app.router.redirect_slashes = False
    app.router.default = Endpoint(emulator)
    app.add_middleware(at_v1)
    return app


def _json(value: object) -> Response:
    return Response(orjson.dumps(value), media_type="application/json")
