"""The endpoints that a row may name: those of the Batch API that take JSON when they are called directly."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

import attrs


@attrs.frozen
class Endpoint:
    """The properties of an endpoint that a batch needs."""

    #: The parameter that a prompt goes to.
    prompt: str
    #: The field without which an answer is not one of this endpoint.
    reply: str
    #: Parameters without which it refuses everything.
    needs: tuple[str, ...] = ()


ENDPOINTS: Final[Mapping[str, Endpoint]] = {
    "/v1/chat/completions": Endpoint("messages", "choices", ("model", "messages")),
    "/v1/responses": Endpoint("input", "output"),
    "/v1/embeddings": Endpoint("input", "data", ("model", "input")),
    "/v1/completions": Endpoint("prompt", "choices", ("model", "prompt")),
    "/v1/moderations": Endpoint("input", "results", ("input",)),
    "/v1/images/generations": Endpoint("prompt", "data", ("prompt",)),
}


def named(url: object) -> str | None:
    """The name of the endpoint that a row means, with or without the version before it; None if it is not served."""
    if not isinstance(url, str):
        return None
    name = url if url.startswith("/v1/") else f"/v1{url}"
    return name if name in ENDPOINTS else None


def path_of(name: str) -> str:
    """The path of an endpoint below the base URL, which ends with the version itself."""
    return name.removeprefix("/v1")
