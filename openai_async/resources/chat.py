"""`client.chat`: chat completion endpoints."""

from __future__ import annotations

import enum
from collections.abc import AsyncIterable, Callable, Iterable, Mapping
from functools import cached_property, partial
from typing import Any, Literal, TypeAlias, Unpack, cast, overload

from openai_async._limits.queue import Priority
from openai_async._map.calls import AsyncMap, map_calls
from openai_async._pipeline.pipeline import Pipeline
from openai_async._streams.reader import StreamReader
from openai_async._streams.stream import AsyncStream, AsyncStreamManager
from openai_async._wire import codec
from openai_async._wire.accumulators import synthesize
from openai_async._wire.accumulators.chat import ChatAccumulator
from openai_async.errors import InvalidParameterError
from openai_async.resources._argument_names import check_shared
from openai_async.resources._base import prepare
from openai_async.resources._generic import CatalogResource
from openai_async.resources._operation import Operation
from openai_async.resources._pagination import AsyncPaginator
from openai_async.resources._stream_usage import ask_for_usage, open_asking
from openai_async.types._objects import has_fields
from openai_async.types._uncopied import Uncopied
from openai_async.types.chat import ChatCompletion, ChatCompletionChunk, ChatCompletionMessage
from openai_async.types.chat_stored import (
    ChatCompletionDeleted,
    ChatCompletionStoreMessage,
    StoredChatCompletion,
    StoredListParams,
    StoredMessagesParams,
    StoredUpdateParams,
)
from openai_async.types.params.chat import ChatCreateParams
from openai_async.types.params.options import RequestOptions
from openai_async.types.progress import Progress

ChatStream: TypeAlias = AsyncStream[ChatCompletionChunk, ChatCompletion]

_CREATE = Operation("POST", "/chat/completions", repeatable=True)
_LIST = Operation("GET", "/chat/completions")
_RETRIEVE = Operation("GET", "/chat/completions/{completion_id}")
_UPDATE = Operation("POST", "/chat/completions/{completion_id}")
_DELETE = Operation("DELETE", "/chat/completions/{completion_id}")
_MESSAGES = Operation("GET", "/chat/completions/{completion_id}/messages")
_ROLES = ("user", "assistant", "system", "developer", "tool", "function")


class AsyncChat(Uncopied):
    """Chat completion endpoints (https://platform.openai.com/docs/api-reference/chat)."""

    def __init__(self, pipeline: Pipeline) -> None:
        self._pipeline = pipeline

    @cached_property
    def completions(self) -> AsyncCompletions:
        """Chat completion endpoints."""
        return AsyncCompletions(self._pipeline)


class AsyncCompletions(CatalogResource):
    """Chat completion endpoints (https://platform.openai.com/docs/api-reference/chat)."""

    __slots__ = ()
    _catalog_name = "chat.completions"

    @property
    def messages(self) -> AsyncStoredMessages:
        """Messages of stored chat completions."""
        return AsyncStoredMessages(self._pipeline)

    @overload
    async def create(
        self, *, stream: Literal[False] | None = None, **params: Unpack[ChatCreateParams]
    ) -> ChatCompletion: ...
    @overload
    async def create(self, *, stream: Literal[True], **params: Unpack[ChatCreateParams]) -> ChatStream: ...
    @overload
    async def create(
        self, *, stream: bool | None, **params: Unpack[ChatCreateParams]
    ) -> ChatCompletion | ChatStream: ...
    async def create(
        self, *, stream: bool | None = None, **params: Unpack[ChatCreateParams]
    ) -> ChatCompletion | ChatStream:
        """Create a chat completion: the model's reply to a conversation.

        Args:
            stream: True returns a stream of chunks, which the caller iterates and closes. `stream()` closes itself.
            params: API parameters and call options; see `ChatCreateParams`. None omits a parameter; `NULL` sends a
                null. Unknown parameters are sent unchanged.

        Raises:
            InvalidParameterError: a parameter is invalid; nothing was sent.
            APIError: see `openai_async.errors`.

        Cancelling drops the connection and releases the permit. The server may still finish the work.
        """
        arguments = cast("dict[str, Any]", params)
        arguments["stream"] = stream
        call = self._call(arguments, stream=bool(stream))
        if stream:
            return await self._open(call)
        return await self._pipeline.fetch(call)  # type: ignore[no-any-return]

    def stream(self, **params: Unpack[ChatCreateParams]) -> AsyncStreamManager[ChatCompletionChunk, ChatCompletion]:
        """Open `create(stream=True)` as a context manager that closes the stream on exit.

        Token usage is requested (`stream_options={"include_usage": True}`) unless `stream_options` is passed, so that
        `final()` equals a reply that was not streamed. If a server refuses the option, the request is repeated without
        it, and this client stops requesting usage.

        Arguments and errors as for `create`. The request is sent on entry.
        """
        arguments = cast("dict[str, Any]", params)
        usage_requested = ask_for_usage(self._pipeline, arguments)
        call = self._call(arguments, stream=True)
        return AsyncStreamManager(partial(self._open, call, usage_requested=usage_requested))

    def map(
        self,
        requests: Iterable[Mapping[str, Any]] | AsyncIterable[Mapping[str, Any]],
        *,
        ordered: bool = True,
        max_in_flight: int | None = None,
        priority: Priority = "default",
        max_total_tokens: int | None = None,
        max_cost: float | None = None,
        give_up_after: int | None = 20,
        total: int | None = None,
        on_progress: Callable[[Progress], None] | None = None,
        **shared: Any,
    ) -> AsyncMap[ChatCompletion]:
        """Make many `create` calls at once. Short for `AsyncClient.map` with this method."""
        check_shared(shared)
        return map_calls(
            self._pipeline.limiter,
            self.create,
            requests,
            shared,
            ordered=ordered,
            max_in_flight=max_in_flight,
            priority=priority,
            max_total_tokens=max_total_tokens,
            max_cost=max_cost,
            give_up_after=give_up_after,
            total=total,
            on_progress=on_progress,
            fixed={"stream": None},
        )

    async def retrieve(self, completion_id: str, **options: Unpack[RequestOptions]) -> StoredChatCompletion:
        """Retrieve a stored completion: one that was created with `store=True`.

        Raises:
            NotFoundError: no completion has this ID.
            APIError: see `openai_async.errors`.

        Cancelling drops the connection; nothing is left behind.
        """
        return await self._fetch(_RETRIEVE, StoredChatCompletion, options, completion_id=completion_id)

    def list(self, **params: Unpack[StoredListParams]) -> AsyncPaginator[StoredChatCompletion]:
        """List stored completions, oldest first. `params`: see `StoredListParams`."""
        return self._list(_LIST, StoredChatCompletion, cast("dict[str, Any]", params))

    async def update(self, completion_id: str, **params: Unpack[StoredUpdateParams]) -> StoredChatCompletion:
        """Update the `metadata` of a stored completion. Nothing else of it can change.

        Raises:
            NotFoundError: no completion has this ID.
            APIError: see `openai_async.errors`.

        Cancelling drops the connection; the metadata may still be changed.
        """
        return await self._fetch(
            _UPDATE, StoredChatCompletion, cast("dict[str, Any]", params), completion_id=completion_id
        )

    async def delete(self, completion_id: str, **options: Unpack[RequestOptions]) -> ChatCompletionDeleted:
        """Delete a stored completion.

        Raises:
            NotFoundError: no completion has this ID.
            APIError: see `openai_async.errors`.

        Cancelling drops the connection; the completion may still be deleted.
        """
        return await self._fetch(_DELETE, ChatCompletionDeleted, options, completion_id=completion_id)

    def _call(self, params: dict[str, Any], *, stream: bool) -> Any:
        # Not a copy of `params`: they are emptied, so that no frame of the caller still shows the prompt.
        if stream:
            params["stream"] = True
        decode = codec.decoder(ChatCompletionChunk if stream else ChatCompletion, event=stream)
        count = params.get("n")
        choices = count if isinstance(count, int) else 1
        return prepare(self._pipeline, _CREATE, decode, params, check=check_chat, stream=stream, choices=choices)

    async def _open(self, call: Any, *, usage_requested: bool = False) -> ChatStream:
        answer = await open_asking(self._pipeline, call, usage_requested=usage_requested)
        bound = self._pipeline.defaults.max_event_bytes
        accumulator = ChatAccumulator(call.choices)
        reader = StreamReader(
            call,
            answer,
            call.decode,
            accumulator,
            bound,
            synthesize=synthesize.chat,
            is_complete=accumulator.is_complete,
        )
        return AsyncStream(reader)


class AsyncStoredMessages(CatalogResource):
    """Messages of stored chat completions."""

    __slots__ = ()
    _catalog_name = "chat.completions.messages"

    def list(
        self, completion_id: str, **params: Unpack[StoredMessagesParams]
    ) -> AsyncPaginator[ChatCompletionStoreMessage]:
        """List the messages of a stored completion, in order. `params`: see `StoredMessagesParams`."""
        options = cast("dict[str, Any]", params)
        return self._list(_MESSAGES, ChatCompletionStoreMessage, options, completion_id=completion_id)


def check_chat(params: Mapping[str, Any]) -> None:
    """Refuse a request without a model, without messages, or with a message without a valid role.

    Raises:
        InvalidParameterError: names the field.
    """
    model = params.get("model")
    if not isinstance(model, str) or not model:
        raise InvalidParameterError("model", "must be the id of a model")
    messages = params.get("messages")
    if not isinstance(messages, (list, tuple)):
        single_use = hasattr(messages, "__iter__") and not isinstance(messages, (str, bytes, Mapping))
        reason = "or a tuple: it is read more than once" if single_use else "of messages"
        raise InvalidParameterError("messages", f"must be a list {reason}")
    if not messages:
        raise InvalidParameterError("messages", "must hold at least one message")
    for index, message in enumerate(cast("list[Any]", messages)):
        # Nearly every message is a plain dictionary; asking abstract types takes longer than the whole check.
        if type(message) is not dict or cast("dict[str, object]", message).get("role") not in _ROLES:
            _check_message(index, message)


def _check_message(index: int, message: Any) -> None:
    if isinstance(message, ChatCompletionMessage):
        return
    if not has_fields(message):
        raise InvalidParameterError(f"messages[{index}]", "must be a mapping, or a message of a reply")
    role = message.get("role") if isinstance(message, Mapping) else getattr(message, "role", None)  # pyright: ignore
    if isinstance(role, enum.Enum):
        role = role.value
    if not isinstance(role, str) or role not in _ROLES:
        raise InvalidParameterError(
            f"messages[{index}].role",
            f"must be one of {', '.join(sorted(_ROLES))}"
            " (a server with roles of its own takes them through extra_body)",
        )
