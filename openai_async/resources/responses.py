"""`client.responses`: response endpoints: complete, streamed, or in the background."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from functools import cached_property, partial
from typing import Any, Literal, TypeAlias, Unpack, cast, overload

from openai_async._streams.reader import StreamReader
from openai_async._streams.stream import AsyncStream, AsyncStreamManager
from openai_async._wire import codec
from openai_async._wire.accumulators import synthesize
from openai_async._wire.accumulators.responses import ResponseAccumulator
from openai_async.errors import DecodeError, InvalidParameterError
from openai_async.resources._base import Resource, prepare
from openai_async.resources._compound import KeptOptions
from openai_async.resources._operation import Operation
from openai_async.resources._pagination import AsyncPaginator
from openai_async.resources._polling import until
from openai_async.types._objects import has_fields
from openai_async.types.params.options import RequestOptions
from openai_async.types.params.responses import (
    InputTokenCountParams,
    ItemListParams,
    ResponseCompactParams,
    ResponseCreateParams,
    ResponseRetrieveParams,
)
from openai_async.types.responses import (
    CompactedResponse,
    InputTokenCount,
    Response,
    ResponseDeleted,
    ResponseItem,
    ResponseStreamEvent,
)
from openai_async.types.settings import Null

ResponseStream: TypeAlias = AsyncStream[ResponseStreamEvent, Response]

_CREATE = Operation("POST", "/responses", repeatable=True)
_CONTINUE = Operation("POST", "/responses", makes=True)  # sent twice, a conversation would hold the turn twice
_RETRIEVE = Operation("GET", "/responses/{response_id}")
_DELETE = Operation("DELETE", "/responses/{response_id}")
_CANCEL = Operation("POST", "/responses/{response_id}/cancel", repeatable=True)
_COMPACT = Operation("POST", "/responses/compact", repeatable=True)
_INPUT_ITEMS = Operation("GET", "/responses/{response_id}/input_items")
_INPUT_TOKENS = Operation("POST", "/responses/input_tokens", repeatable=True)


class AsyncResponses(Resource):
    """Response endpoints (https://platform.openai.com/docs/api-reference/responses)."""

    @cached_property
    def input_items(self) -> AsyncInputItems:
        """Endpoints for the input items of a response."""
        return AsyncInputItems(self._pipeline)

    @cached_property
    def input_tokens(self) -> AsyncInputTokens:
        """Count the input tokens of a request."""
        return AsyncInputTokens(self._pipeline)

    @overload
    async def create(
        self, *, stream: Literal[False] | None = None, **params: Unpack[ResponseCreateParams]
    ) -> Response: ...
    @overload
    async def create(self, *, stream: Literal[True], **params: Unpack[ResponseCreateParams]) -> ResponseStream: ...
    @overload
    async def create(
        self, *, stream: bool | None, **params: Unpack[ResponseCreateParams]
    ) -> Response | ResponseStream: ...
    async def create(
        self, *, stream: bool | None = None, **params: Unpack[ResponseCreateParams]
    ) -> Response | ResponseStream:
        """Create a response.

        Args:
            stream: True returns a stream of events, which the caller iterates and closes. `stream()` closes itself.
            params: API parameters and call options; see `ResponseCreateParams`. None omits a parameter; `NULL` sends a
                null. Unknown parameters are sent unchanged.

        Raises:
            InvalidParameterError: a parameter is invalid; nothing was sent.
            APIError: see `openai_async.errors`. A failed or incomplete response is not an error: see its `status`.

        Cancelling drops the connection and releases the permit. The server may still finish the work. A background
        response continues: see `wait` and `cancel`.
        """
        arguments = cast("dict[str, Any]", params)
        arguments["stream"] = stream
        call = self._call(arguments, stream=bool(stream))
        if stream:
            return await self._open(call)
        return await self._pipeline.fetch(call)  # type: ignore[no-any-return]

    def stream(self, **params: Unpack[ResponseCreateParams]) -> AsyncStreamManager[ResponseStreamEvent, Response]:
        """Open `create(stream=True)` as a context manager that closes the stream on exit.

        Arguments and errors as for `create`. The request is sent on entry. `final()` is the response of the last event:
        completed, incomplete or failed, as its `status` says.
        """
        call = self._call(cast("dict[str, Any]", params), stream=True)
        return AsyncStreamManager(partial(self._open, call))

    @overload
    async def retrieve(
        self, response_id: str, *, stream: Literal[False] | None = None, **params: Unpack[ResponseRetrieveParams]
    ) -> Response: ...
    @overload
    async def retrieve(
        self,
        response_id: str,
        *,
        stream: Literal[True],
        starting_after: int | None = None,
        **params: Unpack[ResponseRetrieveParams],
    ) -> ResponseStream: ...
    @overload
    async def retrieve(
        self,
        response_id: str,
        *,
        stream: bool | None,
        starting_after: int | None = None,
        **params: Unpack[ResponseRetrieveParams],
    ) -> Response | ResponseStream: ...
    async def retrieve(
        self,
        response_id: str,
        *,
        stream: bool | None = None,
        starting_after: int | None = None,
        **params: Unpack[ResponseRetrieveParams],
    ) -> Response | ResponseStream:
        """Retrieve a stored response.

        Args:
            response_id: ID of the response.
            stream: True resumes the stream of a background response.
            starting_after: with `stream`, the `sequence_number` of the last received event.
            params: API parameters and call options; see `ResponseRetrieveParams`.

        Raises:
            InvalidParameterError: the ID is empty or not a valid path segment; nothing was sent.
            NotFoundError: there is no such response. A response created with `store=False` is not stored.
            APIError: see `openai_async.errors`.

        Cancelling drops the connection; nothing is left behind.
        """
        arguments = cast("dict[str, Any]", params)
        arguments["starting_after"], arguments["stream"] = starting_after, stream
        if not stream:
            return await self._fetch(_RETRIEVE, Response, arguments, response_id=response_id)
        call = prepare(
            self._pipeline, _RETRIEVE, response_event, arguments, path_params={"response_id": response_id}, stream=True
        )
        return await self._open(call, response_id)

    async def wait(
        self,
        response_id: str,
        *,
        max_wait: float | None = None,
        poll_interval: float | None = None,
        on_poll: Callable[[Response], None] | None = None,
        **options: Unpack[RequestOptions],
    ) -> Response:
        """Wait until a background response has ended, and return it: completed, failed, cancelled, ...

        Its cost is added to the client's totals once, by the first `wait` or `retrieve` that sees its end.

        Args:
            response_id: ID of the response.
            max_wait: most seconds to wait in total; None for no bound.
            poll_interval: seconds between two polls. None follows the server's advice. Without advice, the interval
                grows from 0.5 to 30 seconds.
            on_poll: called with each state, including the final one. An exception from it ends the wait.
            options: call options of each poll.

        Raises:
            WaitTimeoutError: it did not end in time. It continues on the server.
            NotFoundError: there is no such response.
            APIError: see `openai_async.errors`. A failed poll is retried like any call.

        Cancelling ends the wait, not the response.
        """

        self._pipeline.billing.expect(response_id)
        ask: Callable[[], Awaitable[Response]] = KeptOptions(options).calling(self.retrieve, response_id)
        return await until(
            ask,
            _has_ended,
            what=f"response {response_id}",
            max_wait=max_wait,
            poll_interval=poll_interval,
            on_poll=on_poll,
        )

    async def cancel(self, response_id: str, **options: Unpack[RequestOptions]) -> Response:
        """Cancel a background response.

        Raises:
            InvalidParameterError: the ID is empty or not a valid path segment; nothing was sent.
            BadRequestError: it is not a background response.
            NotFoundError: there is no such response.
            APIError: see `openai_async.errors`.

        Cancelling drops the connection; the response may still be canceled.
        """
        return await self._fetch(_CANCEL, Response, options, response_id=response_id)

    async def delete(self, response_id: str, **options: Unpack[RequestOptions]) -> ResponseDeleted:
        """Delete a stored response.

        Raises:
            InvalidParameterError: the ID is empty or not a valid path segment; nothing was sent.
            NotFoundError: there is no such response.
            APIError: see `openai_async.errors`.

        Cancelling drops the connection; the response may still be deleted.
        """
        return await self._fetch(_DELETE, ResponseDeleted, options, response_id=response_id)

    async def compact(self, **params: Unpack[ResponseCompactParams]) -> CompactedResponse:
        """Compact a long context: `output` is the `input` of the next request.

        Args:
            params: API parameters and call options; see `ResponseCompactParams`.

        Raises:
            InvalidParameterError: a parameter is invalid; nothing was sent.
            APIError: see `openai_async.errors`.

        Cancelling drops the connection; nothing is left behind.
        """
        arguments = cast("dict[str, Any]", params)
        call = prepare(self._pipeline, _COMPACT, codec.decoder(CompactedResponse), arguments, check=check_context)
        return await self._pipeline.fetch(call)  # type: ignore[no-any-return]

    def _call(self, params: dict[str, Any], *, stream: bool) -> Any:
        # Not a copy of `params`: they are emptied, so that no frame of the caller still shows the prompt.
        if stream:
            params["stream"] = True
        operation = _CREATE if params.get("conversation") is None else _CONTINUE
        decode = response_event if stream else codec.decoder(Response)
        return prepare(self._pipeline, operation, decode, params, check=check_context, stream=stream)

    async def _open(self, call: Any, id: str = "") -> ResponseStream:
        answer = await self._pipeline.open(call)
        bound = self._pipeline.defaults.max_event_bytes
        reader = StreamReader(call, answer, call.decode, ResponseAccumulator(id), bound, synthesize=synthesize.response)
        return AsyncStream(reader)


class AsyncInputItems(Resource):
    """Endpoints for the input items of a response."""

    __slots__ = ()

    def list(self, response_id: str, **params: Unpack[ItemListParams]) -> AsyncPaginator[ResponseItem]:
        """List the input items of a response, newest first unless `order="asc"`.

        Raises, when it is asked for:
            InvalidParameterError: the ID is empty or not a valid path segment; nothing was sent.
            NotFoundError: there is no such response.
            APIError: see `openai_async.errors`.
        """
        return self._list(_INPUT_ITEMS, ResponseItem, {**params}, response_id=response_id)


class AsyncInputTokens(Resource):
    """Count the input tokens of a request."""

    __slots__ = ()

    async def count(self, **params: Unpack[InputTokenCountParams]) -> InputTokenCount:
        """Count the tokens that the input of a response would have.

        Args:
            params: API parameters and call options; see `InputTokenCountParams`.

        Raises:
            InvalidParameterError: a parameter is invalid; nothing was sent.
            APIError: see `openai_async.errors`.

        Cancelling drops the connection; nothing is left behind.
        """
        arguments = cast("dict[str, Any]", params)
        call = prepare(self._pipeline, _INPUT_TOKENS, codec.decoder(InputTokenCount), arguments, check=check_context)
        return await self._pipeline.fetch(call)  # type: ignore[no-any-return]


def check_context(params: Mapping[str, Any]) -> None:
    """Refuse an invalid input, or both `conversation` and `previous_response_id`.

    Raises:
        InvalidParameterError: names the field.
    """
    model = params.get("model")
    if model is not None and not _null(model) and (not isinstance(model, str) or not model):
        raise InvalidParameterError("model", "must be the id of a model")
    arguments = params.get("input")
    if arguments is not None and not isinstance(arguments, str) and not _null(arguments):
        check_items("input", arguments)
    contexts = [params.get(name) for name in ("conversation", "previous_response_id")]
    if not any(context is None or _null(context) for context in contexts):
        raise InvalidParameterError("previous_response_id", "cannot be used together with conversation")


def check_items(field: str, items: Any) -> None:
    """Refuse a value that is not a list of items.

    Raises:
        InvalidParameterError: names the field.
    """
    if not isinstance(items, (list, tuple)):
        single_use = hasattr(items, "__iter__") and not isinstance(items, (bytes, str, Mapping))
        reason = "or a tuple: it is read more than once" if single_use else "of items"
        raise InvalidParameterError(field, f"must be a list {reason}")
    for index, item in enumerate(cast("list[object]", items)):
        if not has_fields(item):
            raise InvalidParameterError(f"{field}[{index}]", "must be a mapping, or an item of a reply")


def _null(value: object) -> bool:
    return isinstance(value, Null)


def _has_ended(response: Response) -> bool:
    return response.ended


def response_event(body: bytes) -> ResponseStreamEvent:
    """Decode one event of a response.

    Raises:
        DecodeError: it is not an event, or it is an error.
    """
    event = codec.decoder(ResponseStreamEvent, event=True)(body)
    if event.type == "error":  # the stream raises what stands in it
        raise DecodeError("the event is an error")
    return event
