"""Generic resources: every operation of the API under its official name, without a class of its own.

`client.files.list()`, `client.beta.threads.runs.create(thread_id, assistant_id=...)`: names, parameters, verbs and
paths are those of the API, read from the operation catalog (`_operations.py`). The last path parameter is passed by
position or by name, everything else by name: `client.beta.threads.runs.retrieve(run_id, thread_id=...)`. Replies are
`APIObject`s: their fields are attributes. Resources with a class of their own, such as `client.files`,
extend `CatalogResource`, which looks up in the catalog what the class does not define.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Final, cast

from openai_async._pipeline.pipeline import Pipeline
from openai_async._streams.stream import AsyncStream
from openai_async._wire import codec
from openai_async.errors import InvalidParameterError, frameless
from openai_async.resources._base import Resource, check_mapping, prepare
from openai_async.resources._generic_stream import event_of, opened
from openai_async.resources._operations import Endpoint, endpoints, resource_names
from openai_async.resources._pagination import after_any
from openai_async.types.api_object import APIObject


class CatalogResource(Resource):
    """A resource that has the methods and resources of the catalog, besides its own."""

    __slots__ = ()

    #: Dotted name of the resource in the catalog.
    _catalog_name: str

    if not TYPE_CHECKING:  # a checker knows what a class has, and flags a misspelling

        def __getattr__(self, name):
            if name.startswith("_"):
                raise AttributeError(f"{type(self).__name__!r} object has no attribute {name!r}")
            return lookup(self._pipeline, self._catalog_name, name)

    def __dir__(self) -> list[str]:
        return sorted({*super().__dir__(), *below(self._catalog_name)})


class GenericResource(CatalogResource):
    """A resource without a class of its own: its methods, and the resources below it, are those of the catalog.

    Methods raise InvalidParameterError before anything is sent, and APIError (see `openai_async.errors`). Cancelling
    one drops the connection.
    """

    __slots__ = ("_catalog_name",)

    def __init__(self, pipeline: Pipeline, name: str) -> None:
        super().__init__(pipeline)
        self._catalog_name = name

    if TYPE_CHECKING:

        def __getattr__(self, name: str) -> Any: ...

    def __repr__(self) -> str:
        return f"<client.{self._catalog_name}>"


def lookup(pipeline: Pipeline, resource: str, name: str) -> Any:
    """Look up a method or a resource by its name below a resource ("" is the client).

    Raises:
        AttributeError: there is none.
    """
    dotted = f"{resource}.{name}" if resource else name
    if dotted.partition(".")[0] == "admin":
        pipeline = pipeline.admin
    endpoint = endpoints().get(dotted)
    if endpoint is not None:
        return Method(pipeline, endpoint)
    if dotted in resource_names():
        return GenericResource(pipeline, dotted)
    raise AttributeError(f"client.{resource} has no {name!r}" if resource else f"the client has no {name!r}")


def below(resource: str) -> list[str]:
    """The names of the methods and resources directly below a resource."""
    beginning = f"{resource}." if resource else ""
    names = {*endpoints(), *resource_names()}
    return sorted(
        name.removeprefix(beginning)
        for name in names
        if name.startswith(beginning) and "." not in name.removeprefix(beginning)
    )


class Method(Resource):
    """An operation, to be called."""

    __slots__ = ("_endpoint",)

    def __init__(self, pipeline: Pipeline, endpoint: Endpoint) -> None:
        super().__init__(pipeline)
        self._endpoint = endpoint

    def __call__(self, *path_params: object, **params: Any) -> Any:
        """Await it for the reply, or with `stream=True` for its events; iterate it, where it is a list."""
        endpoint = self._endpoint
        try:
            path_values: dict[str, Any] = endpoint.take_path_params(path_params, params)
            if endpoint.keywords:
                params.update(endpoint.with_keywords(params))
            if endpoint.betas and (betas := params.pop("betas", None)):
                _add_header(params, "openai-beta", _joined(betas))
            if endpoint.key and (key := params.pop("idempotency_key", None)):
                _add_header(params, "idempotency-key", key)
        except InvalidParameterError as error:
            params.clear()
            raise frameless(error) from None
        if endpoint.reply == "events" or params.get("stream"):
            return self._stream(params, path_values)
        if endpoint.reply == "page":
            return self._list(endpoint.operation, APIObject, params, after_any, **path_values)
        if endpoint.reply == "binary":
            return self._fetch_binary(endpoint.operation, params, **path_values)
        return self._object(params, path_values)

    async def _object(self, params: dict[str, Any], path_params: Mapping[str, object]) -> APIObject:
        endpoint = self._endpoint
        call = prepare(self._pipeline, endpoint.operation, api_object_of, params, path_params=path_params)
        return await self._pipeline.fetch(call)  # type: ignore[no-any-return]

    async def _stream(self, params: dict[str, Any], path_params: Mapping[str, object]) -> AsyncStream[Any, Any]:
        endpoint = self._endpoint
        if endpoint.name.startswith("beta.responses."):
            from openai_async.resources.responses import AsyncResponses, response_event

            call = prepare(
                self._pipeline, endpoint.operation, response_event, params, path_params=path_params, stream=True
            )
            return await AsyncResponses(self._pipeline)._open(call, str(path_params.get("response_id", "")))
        call = prepare(self._pipeline, endpoint.operation, event_of, params, path_params=path_params, stream=True)
        return await opened(self._pipeline, call)

    def __repr__(self) -> str:
        return f"<client.{self._endpoint.name}: {self._endpoint.operation.verb} {self._endpoint.operation.path}>"


def _add_header(params: dict[str, Any], name: str, value: object) -> None:
    params["extra_headers"] = {name: value, **(check_mapping("extra_headers", params.get("extra_headers")) or {})}


def _joined(betas: object) -> str:
    names = [betas] if isinstance(betas, str) else cast("list[object]", betas)
    if not isinstance(names, (list, tuple)) or not all(isinstance(name, str) for name in names):  # pyright: ignore[reportUnnecessaryIsInstance]
        raise InvalidParameterError("betas", "must be a list of names")
    return ",".join(map(str, names))


_read: Final = codec.decoder(APIObject)


def api_object_of(body: bytes) -> APIObject:
    """Reads a reply that is any object."""
    return _read(body) if body.strip() else APIObject()  # some only say that it was done
