"""Raw requests: any path below the base URL, with the key, limits and retries of a client.

    reply = await client.get("/models")
    reply = await client.post("/new/endpoint", body={"a": 1}, cast_to=Binary)   # its bytes, and its headers in `meta`

The key goes to the base URL and nowhere else: a path that names another host, or climbs out of it, is refused.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeVar, Unpack, cast, overload

import attrs

from openai_async._pipeline.pipeline import Pipeline
from openai_async._pipeline.request import Request
from openai_async._wire import codec, json, paths
from openai_async.errors import InvalidParameterError, frameless
from openai_async.resources._base import Resource, check_mapping, prepare
from openai_async.resources._generic import api_object_of
from openai_async.resources._operation import Operation, Verb
from openai_async.resources._raw_scopes import scope_of
from openai_async.types._base import Reply
from openai_async.types._objects import has_fields
from openai_async.types.api_object import APIObject
from openai_async.types.files import Binary, FileInput
from openai_async.types.params.options import RequestOptions, UploadOptions

T = TypeVar("T")


class AsyncRead(Resource):
    """GET or DELETE of a path. Call it to send the request."""

    __slots__ = ("_verb",)

    def __init__(self, pipeline: Pipeline, verb: Verb) -> None:
        super().__init__(pipeline)
        self._verb: Verb = verb

    @overload
    async def __call__(self, path: str, **options: Unpack[RequestOptions]) -> APIObject: ...
    @overload
    async def __call__(self, path: str, *, cast_to: type[T], **options: Unpack[RequestOptions]) -> T: ...
    async def __call__(self, path: str, *, cast_to: type[Any] = APIObject, **options: Unpack[RequestOptions]) -> Any:
        """Send the request.

        Args:
            path: below the base URL, such as "/models"; the query may stand in it, or in `extra_query`.
            cast_to: what the reply is read as: `APIObject`, a class of `openai_async.types`, `bytes`, or `Binary`,
                which has the headers in its `meta`, too.
            options: call options.

        Raises:
            InvalidParameterError: the path leads out of the base URL, or `cast_to` is none of these; nothing was sent.
            APIError: see `openai_async.errors`.

        Cancelling drops the connection.
        """
        arguments = cast("dict[str, Any]", options)
        try:
            call = _call(self._pipeline, self._verb, path, arguments, cast_to)
        except InvalidParameterError as error:
            raise frameless(error) from None
        finally:
            arguments.clear()
            del path  # its query may hold a key, and tracebacks may be shown with local variables
        return await _read(self._pipeline, call, cast_to)


class AsyncWrite(Resource):
    """POST, PUT or PATCH of a path. Call it to send the request."""

    __slots__ = ("_verb",)

    def __init__(self, pipeline: Pipeline, verb: Verb) -> None:
        super().__init__(pipeline)
        self._verb: Verb = verb

    @overload
    async def __call__(
        self,
        path: str,
        *,
        body: object = None,
        files: Mapping[str, FileInput] | None = None,
        **options: Unpack[UploadOptions],
    ) -> APIObject: ...
    @overload
    async def __call__(
        self,
        path: str,
        *,
        body: object = None,
        files: Mapping[str, FileInput] | None = None,
        cast_to: type[T],
        **options: Unpack[UploadOptions],
    ) -> T: ...
    async def __call__(
        self,
        path: str,
        *,
        body: object = None,
        files: Mapping[str, FileInput] | None = None,
        cast_to: type[Any] = APIObject,
        **options: Unpack[UploadOptions],
    ) -> Any:
        """Send the request. It is retried only if the first attempt cannot have been carried out.

        Args:
            path: below the base URL, such as "/files"; the query may stand in it, or in `extra_query`.
            body: a mapping or a list for JSON, or bytes, which are sent as they are; `extra_headers` names their type.
            files: files by the names of their fields; the body, a mapping then, gives the other fields of the form.
            cast_to: what the reply is read as: `APIObject`, a class of `openai_async.types`, `bytes`, or `Binary`,
                which has the headers in its `meta`, too.
            options: call options.

        Raises:
            InvalidParameterError: the path leads out of the base URL, or the body or `cast_to` cannot be used; nothing
                was sent.
            APIError: see `openai_async.errors`.

        Cancelling drops the connection; the request may be carried out all the same.
        """
        arguments = cast("dict[str, Any]", options)
        try:
            content = _content(arguments, body, files)
            call = _call(self._pipeline, self._verb, path, arguments, cast_to, files, no_body=body is None)
            if content is not None:
                call = attrs.evolve(call, body=content)
        except InvalidParameterError as error:
            raise frameless(error) from None
        finally:
            arguments.clear()
            content = None
            del path, body, files  # tracebacks may be shown with local variables
        return await _read(self._pipeline, call, cast_to)


def _content(arguments: dict[str, Any], body: object, files: Mapping[str, FileInput] | None) -> bytes | None:
    """A body that is no mapping. One that is goes to the parameters."""
    if has_fields(body) and not isinstance(body, Mapping):
        body = json.plain(body, "body")
    if body is None or isinstance(body, Mapping) or files is not None:
        fields = check_mapping("body", body) or {}
        extra = check_mapping("extra_body", arguments.get("extra_body")) or {}
        arguments["extra_body"] = {**(files or {}), **fields, **extra}
        return None
    if arguments.get("extra_body"):
        raise InvalidParameterError("extra_body", "has no place in a body that is no mapping")
    if isinstance(body, (bytes, bytearray, memoryview)):
        return bytes(cast("bytes", body))
    if not isinstance(body, (list, tuple)):
        raise InvalidParameterError("body", "must be a mapping, a list or bytes")
    items = cast("Any", body)  # JSON as any other; only its outermost form is another one
    return json.dumps(items, "body")


def _call(
    pipeline: Pipeline,
    verb: Verb,
    path: str,
    arguments: dict[str, Any],
    cast_to: type[Any],
    files: Mapping[str, FileInput] | None = None,
    *,
    no_body: bool = True,
) -> Request:
    operation = Operation(verb, paths.relative(path), form=files is not None, no_body=no_body)
    scope = scope_of(operation.path.partition("?")[0])  # shared by all of its kind, whatever ids are in their paths
    if cast_to in (bytes, Binary):
        return prepare(pipeline, operation, bytes, arguments, files=tuple(files or ()), accept=b"*/*", scope=scope)
    if not (isinstance(cast_to, type) and issubclass(cast_to, Reply)):  # pyright: ignore[reportUnnecessaryIsInstance]
        raise InvalidParameterError("cast_to", "must be APIObject, a reply of openai_async.types, bytes or Binary")
    decode = api_object_of if cast_to is APIObject else codec.decoder(cast_to)
    return prepare(pipeline, operation, decode, arguments, files=tuple(files or ()), scope=scope)


async def _read(pipeline: Pipeline, call: Request, cast_to: type[Any]) -> Any:
    if cast_to not in (bytes, Binary):
        return await pipeline.fetch(call)
    content, meta = await pipeline.fetch_bytes(call)
    return content if cast_to is bytes else Binary(content, meta=meta)
