"""Operations that OpenAI has removed from its API and other servers still have.

The one place that knows which base URLs are OpenAI's own. It sends nothing and looks nothing up.
"""

from __future__ import annotations

from typing import Final
from urllib.parse import urlsplit

from openai_async._pipeline.pipeline import Pipeline
from openai_async.errors import RemovedEndpointError

_HOST: Final = "api.openai.com"


def is_openai(base_url: str) -> bool:
    """Whether a base URL is OpenAI's own API: its host, or a regional one (`eu.api.openai.com`)."""
    host = (urlsplit(base_url).hostname or "").rstrip(".")
    return host == _HOST or host.endswith(f".{_HOST}")


def refuse_on_openai(pipeline: Pipeline, operation: str, replacement: str) -> None:
    """Refuse an operation that OpenAI's own API no longer has. Other servers are called.

    Args:
        pipeline: of the client.
        operation: dotted name, as on the client.
        replacement: what to use instead.

    Raises:
        RemovedEndpointError: the base URL is OpenAI's own; nothing was sent.
    """
    if is_openai(pipeline.base_url):
        raise RemovedEndpointError(operation, replacement)
