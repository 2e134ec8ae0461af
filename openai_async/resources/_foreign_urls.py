"""Calls to URLs that a reply names, on any host."""

from __future__ import annotations

from typing import Final
from urllib.parse import urlsplit

from openai_async import _concurrency
from openai_async._limits.queue import queue_position
from openai_async._pipeline.pipeline import Pipeline
from openai_async._pipeline.request import Request
from openai_async.errors import InvalidParameterError
from openai_async.resources._base import NO_MEDIA, check_retries
from openai_async.types.settings import Timeout, check_seconds

_ACCEPT: Final = (b"accept", b"*/*")


def fetching(
    pipeline: Pipeline, url: str, timeout: float | Timeout | None, max_retries: int | None, deadline: float | None
) -> Request:
    """Build a call for the bytes at a URL, for `Pipeline.fetch_elsewhere`.

    What waits for a host, or is held back by it, is told by its origin.

    Raises:
        InvalidParameterError: an option cannot be used, or the address is none. Nothing was sent.
    """
    defaults, here = pipeline.defaults, queue_position.get()
    check_seconds("deadline", deadline)
    seconds = defaults.deadline if deadline is None else deadline
    try:
        parts = urlsplit(url)
    except ValueError:
        raise InvalidParameterError("image.url", "is not a URL") from None
    scope = f"{parts.scheme}://{parts.netloc}".lower()
    if here.scopes is not None:
        here.scopes.add(scope)
    return Request(
        "GET",
        url,
        bytes,
        defaults.timeout if timeout is None else Timeout.of(timeout),
        defaults.max_retries if max_retries is None else check_retries(max_retries),
        deadline=None if seconds is None else _concurrency.now() + seconds,
        headers=[_ACCEPT],
        rejected_media_types=NO_MEDIA,
        repeatable=True,
        scope=scope,
        priority=here.priority,
        job=here.job,
    )
