"""The tokens of a whole reply, read once: for the limiter, for the bounds on tokens, and for prices."""

from __future__ import annotations

from openai_async._limits.accounting import log_failure
from openai_async._pipeline.request import Request
from openai_async.types.api_object import APIObject
from openai_async.types.usage import CompletionUsage, Counted


def usage_of_reply(value: object, request: Request) -> CompletionUsage | None:
    """What the server counted, in the words of chat completions; None if it does not say. Raises nothing."""
    try:
        usage: object = getattr(value, "usage", None)
        if isinstance(usage, Counted):
            return usage.as_completion_usage()
        if isinstance(value, APIObject) and request.is_paid:
            from openai_async._wire.usage import usage_of  # loaded with the pipeline

            return usage_of(value.extra)
    except Exception as error:
        log_failure("the usage of a reply", error)
    return None
