"""From the arguments of a method to a `Call`."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from openai_async import _runtime
from openai_async._layers.call import Call
from openai_async._layers.pipeline import Pipeline
from openai_async._line import PRIORITIES, Priority, place
from openai_async._policy.estimates import size_of_request
from openai_async._wire import json, paths
from openai_async._wire.headers import check_headers
from openai_async.errors import InvalidParameterError, frameless
from openai_async.types.settings import Timeout, check_seconds


class Resource:
    """A noun of the API, bound to a client's pipeline."""

    __slots__ = ("_pipeline",)

    def __init__(self, pipeline: Pipeline) -> None:
        self._pipeline = pipeline


def prepare(
    pipeline: Pipeline,
    method: str,
    path: str,
    decode: Callable[[bytes], Any],
    params: dict[str, Any],
    *,
    check: Callable[[Mapping[str, Any]], None] | None = None,
    stream: bool = False,
    repeatable: bool = False,
) -> Call:
    """Check the arguments of a method and encode them, once.

    `params` is consumed: emptied whatever happens, so that no frame of a traceback still shows the prompt.

    Raises:
        InvalidParameterError: names the argument; nothing was sent.
    """
    try:
        return _prepare(pipeline, method, path, decode, params, check, stream, repeatable)
    except InvalidParameterError as error:
        raise frameless(error) from None
    finally:
        params.clear()


def _prepare(
    pipeline: Pipeline,
    method: str,
    path: str,
    decode: Callable[[bytes], Any],
    params: dict[str, Any],
    check: Callable[[Mapping[str, Any]], None] | None,
    stream: bool,
    repeatable: bool,
) -> Call:
    defaults = pipeline.defaults
    take = params.pop
    headers: Mapping[str, str] | None = take("extra_headers", None)
    query = check_mapping("extra_query", take("extra_query", None))
    extra_body = check_mapping("extra_body", take("extra_body", None))
    timeout = take("timeout", None)
    deadline = take("deadline", None)
    max_retries = take("max_retries", None)
    here = place.get()
    priority = take("priority", None) or here.priority

    if check is not None:
        check(params)
    body = {name: value for name, value in params.items() if value is not None}
    if extra_body:
        body.update(extra_body)
    if query or defaults.query:
        query_text = paths.query({**defaults.query, **(query or {})})
        path = f"{path}?{query_text}" if query_text else path
    if deadline is None:
        deadline = defaults.deadline
    else:
        check_seconds("deadline", deadline)
    encoded = json.dumps(body) if body else b""
    if b"null" in encoded:  # meant, or a number that JSON cannot carry
        json.check_finite(body)
    return Call(
        method,
        path,
        decode,
        defaults.timeout if timeout is None else Timeout.of(timeout),
        defaults.max_retries if max_retries is None else check_retries(max_retries),
        deadline=None if deadline is None else _runtime.now() + deadline,
        body=encoded,
        headers=check_headers("extra_headers", headers) if headers else [],
        stream=stream,
        repeatable=repeatable,
        family=f"{path.partition('?')[0]} {body.get('model', '')}",
        size=size_of_request(path, body),
        priority=check_priority(priority),
        job=here.job,
    )


def check_mapping(field: str, value: Any) -> Mapping[str, Any] | None:
    """A mapping, or None."""
    if value is not None and not isinstance(value, Mapping):
        raise InvalidParameterError(field, "must be a mapping of names to values")
    return value  # pyright: ignore[reportUnknownVariableType]


def check_priority(value: Any) -> Priority:
    """One of the three classes."""
    if value not in PRIORITIES:
        raise InvalidParameterError("priority", f"must be one of {', '.join(PRIORITIES)}")
    return value  # type: ignore[no-any-return]


def check_retries(value: object) -> int:
    """Retries after the first attempt: an integer of 0 or more."""
    if isinstance(value, bool) or not isinstance(value, int) or value < 0:
        raise InvalidParameterError("max_retries", "must be an integer of 0 or more")
    return value
