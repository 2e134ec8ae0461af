"""The emulator's ASGI application: the API's nouns, one file each, and two pages about the server itself.

To add a noun, write a file with `routes(emulator)` and name it in `_NOUNS`. Paths that no noun serves get the
API's 404; `/healthz` and `/emulator/stats` need no key and leave no trace in the ledger.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import orjson
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from . import (
    assistants,
    audio,
    batches,
    chat,
    completions,
    conversations,
    embeddings,
    files,
    fine_tunes,
    fine_tuning,
    images,
    models,
    moderations,
    responses,
    runs,
    stored_chats,
    threads,
    uploads,
    vector_stores,
)
from .azure import at_v1
from .endpoint import Endpoint
from .known_fields import known_fields

if TYPE_CHECKING:
    from .backend import Backend

__all__ = ["application"]

_NOUNS = (
    assistants,
    audio,
    batches,
    chat,
    completions,
    conversations,
    embeddings,
    files,
    fine_tunes,
    fine_tuning,
    images,
    models,
    moderations,
    responses,
    runs,
    stored_chats,
    threads,
    uploads,
    vector_stores,
)


def application(emulator: Backend) -> Starlette:
    """Build the application of one emulator; it holds no state of its own."""

    async def health(request: Request) -> Response:
        return _json({"status": "ok"})

    async def stats(request: Request) -> Response:
        return _json(emulator.ledger.snapshot())

    routes = [route for noun in _NOUNS for route in noun.routes(emulator)]
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
