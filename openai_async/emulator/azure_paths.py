"""The paths of Azure OpenAI: requests below `/openai` are answered by the endpoints below `/v1`.

Azure has two forms. `/openai/v1/...` is the API itself. The older form needs `?api-version=`, and names the model in
the path: `/openai/deployments/NAME/chat/completions`. Resources without a model are directly below `/openai`. Both
forms accept `api-key` in place of a bearer token. A deployment is a model of the same name.
"""

from __future__ import annotations

from urllib.parse import parse_qs

from attrs import frozen
from starlette.types import ASGIApp, Receive, Scope, Send

from openai_async.emulator.error_responses import ErrorResponse

__all__ = [
    "Addressed",
    "address_of",
    "at_v1",
    "key_missing",
    "key_unknown",
    "resource_unknown",
    "unknown_deployment",
]

_OF_A_DEPLOYMENT = frozenset(
    {
        "/audio/speech",
        "/audio/transcriptions",
        "/audio/translations",
        "/chat/completions",
        "/completions",
        "/embeddings",
        "/images/edits",
        "/images/generations",
    }
)
_KEY = "openai_async.addressed"


@frozen
class Addressed:
    """The path of an Azure request, and the deployment that the path names."""

    path: str
    deployment: str | None = None


def address_of(scope: Scope) -> Addressed | None:
    """Get what `at_v1` found in the path of a request. None for a path of OpenAI's own API."""
    addressed: Addressed | None = scope.get(_KEY)
    return addressed


def at_v1(app: ASGIApp) -> ASGIApp:
    """Wrap `app`, which knows only the paths below `/v1`."""

    async def translate(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http" and scope["path"].startswith("/openai/"):
            scope = _translated(scope)
        await app(scope, receive, send)

    return translate


def _translated(scope: Scope) -> Scope:
    path: str = scope["path"]
    below = path.removeprefix("/openai")
    deployment = None
    if not below.startswith("/v1/"):
        if below.startswith("/deployments/"):
            deployment, slash, rest = below.removeprefix("/deployments/").partition("/")
            below = slash + rest if slash + rest in _OF_A_DEPLOYMENT else ""
        dated = bool(parse_qs(scope["query_string"].decode("latin-1")).get("api-version"))
        # A path that nobody serves is answered with a 404 by whoever answers those.
        below = f"/v1{below}" if dated and below else path
    return {**scope, "path": below, "raw_path": below.encode(), _KEY: Addressed(path, deployment)}


def unknown_deployment() -> ErrorResponse:
    return ErrorResponse(
        404,
        "The API deployment for this resource does not exist. If you created the deployment within the last 5 minutes,"
        " please wait a moment and try again.",
        code="DeploymentNotFound",
    )


def resource_unknown() -> ErrorResponse:
    """The 404 for an unknown path, or for a path of the older form without `api-version`."""
    return ErrorResponse(404, "Resource not found", code="404")


def key_missing() -> ErrorResponse:
    return ErrorResponse(
        401,
        "Access denied due to missing subscription key. Make sure to include subscription key when making requests to"
        " an API.",
        code="401",
    )


def key_unknown() -> ErrorResponse:
    return ErrorResponse(
        401,
        "Access denied due to invalid subscription key or wrong API endpoint. Make sure to provide a valid key for an"
        " active subscription and use a correct regional API endpoint for your resource.",
        code="401",
    )
