"""`client.completions`: text completion endpoints (legacy), which compatible servers still have."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import Any, Literal, TypeAlias, Unpack, cast, overload

from openai_async._streams.reader import StreamReader
from openai_async._streams.stream import AsyncStream, AsyncStreamManager
from openai_async._wire import codec
from openai_async._wire.accumulators import synthesize
from openai_async._wire.accumulators.completions import CompletionAccumulator
from openai_async.errors import InvalidParameterError
from openai_async.resources._base import prepare
from openai_async.resources._generic import CatalogResource
from openai_async.resources._operation import Operation
from openai_async.resources._stream_usage import ask_for_usage, open_asking
from openai_async.types.completions import Completion
from openai_async.types.params.completions import CompletionCreateParams

CompletionStream: TypeAlias = AsyncStream[Completion, Completion]

_CREATE = Operation("POST", "/completions", repeatable=True)


class AsyncTextCompletions(CatalogResource):
    """Text completion endpoints (https://platform.openai.com/docs/api-reference/completions)."""

    __slots__ = ()
    _catalog_name = "completions"

    @overload
    async def create(
        self, *, stream: Literal[False] | None = None, **params: Unpack[CompletionCreateParams]
    ) -> Completion: ...
    @overload
    async def create(self, *, stream: Literal[True], **params: Unpack[CompletionCreateParams]) -> CompletionStream: ...
    @overload
    async def create(
        self, *, stream: bool | None, **params: Unpack[CompletionCreateParams]
    ) -> Completion | CompletionStream: ...
    async def create(
        self, *, stream: bool | None = None, **params: Unpack[CompletionCreateParams]
    ) -> Completion | CompletionStream:
        """Create a text completion for one prompt or for several.

        Args:
            stream: True returns a stream of pieces, which the caller iterates and closes. `stream()` closes itself.
            params: API parameters and call options; see `CompletionCreateParams`. None omits a parameter; `NULL` sends
                a null. Unknown parameters are sent unchanged.

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

    def stream(self, **params: Unpack[CompletionCreateParams]) -> AsyncStreamManager[Completion, Completion]:
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

    def _call(self, params: dict[str, Any], *, stream: bool) -> Any:
        # Not a copy of `params`: they are emptied, so that no frame of the caller still shows the prompt.
        if stream:
            params["stream"] = True
        decode = codec.decoder(Completion, event=stream)
        texts = _texts(params)
        return prepare(self._pipeline, _CREATE, decode, params, check=check_model, stream=stream, choices=texts)

    async def _open(self, call: Any, *, usage_requested: bool = False) -> CompletionStream:
        answer = await open_asking(self._pipeline, call, usage_requested=usage_requested)
        bound = self._pipeline.defaults.max_event_bytes
        accumulator = CompletionAccumulator(call.choices)
        reader = StreamReader(
            call,
            answer,
            call.decode,
            accumulator,
            bound,
            synthesize=synthesize.completion,
            is_complete=accumulator.is_complete,
        )
        return AsyncStream(reader)


def _texts(params: Mapping[str, Any]) -> int:
    """The number of requested texts: `n` of each prompt. A list of numbers is one prompt, in tokens."""
    prompt, count = params.get("prompt"), params.get("n")
    texts = cast("list[object]", prompt) if isinstance(prompt, (list, tuple)) else []
    several = len(texts) if texts and not isinstance(texts[0], int) else 1
    return several * (count if isinstance(count, int) else 1)


def check_model(params: Mapping[str, Any]) -> None:
    """Refuse an invalid model. A missing one is allowed, because some servers have a single model.

    Raises:
        InvalidParameterError: names the field.
    """
    model = params.get("model")
    if model is not None and (not isinstance(model, str) or not model):
        raise InvalidParameterError("model", "must be the id of a model")
