"""`client.completions`: text completions, the API before chat, which compatible servers still have."""

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
    """Text completions (https://platform.openai.com/docs/api-reference/completions)."""

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
        """Ask a model to go on with a text, or with each of several.

        Args:
            stream: give the texts in pieces as they are written: the result is a stream to iterate (and to close; see
                `stream()` for a form that closes itself).
            params: the API's parameters and the call's options, see `CompletionCreateParams`. None leaves a parameter
                out, `NULL` sends a null. Parameters that this version does not know are sent as they are.

        Raises:
            InvalidParameterError: a parameter was refused before anything was sent.
            APIError: see `openai_async.errors`.

        Cancelling drops the connection and gives the permit back; the server may still finish the work.
        """
        given = cast("dict[str, Any]", params)
        given["stream"] = stream
        call = self._call(given, stream=bool(stream))
        if stream:
            return await self._open(call)
        return await self._pipeline.fetch(call)  # type: ignore[no-any-return]

    def stream(self, **params: Unpack[CompletionCreateParams]) -> AsyncStreamManager[Completion, Completion]:
        """`create(stream=True)` as a context manager that closes the stream on leaving.

        Token usage is asked for (`stream_options={"include_usage": True}`) unless `stream_options` says otherwise, so
        that `final()` is the same reply as one that was not streamed. A server that refuses the question is asked once
        more without it, and no more by this client.

        Args and raises: as `create`. The request is sent on entering.
        """
        given = cast("dict[str, Any]", params)
        asked = ask_for_usage(self._pipeline, given)
        call = self._call(given, stream=True)
        return AsyncStreamManager(partial(self._open, call, asked=asked))

    def _call(self, params: dict[str, Any], *, stream: bool) -> Any:
        # Not a copy of `params`: they are emptied, so that no frame of the caller still shows the prompt.
        if stream:
            params["stream"] = True
        decode = codec.decoder(Completion, event=stream)
        texts = _texts(params)
        call = prepare(self._pipeline, _CREATE, decode, params, check=check_model, stream=stream)
        call.choices = texts
        return call

    async def _open(self, call: Any, *, asked: bool = False) -> CompletionStream:
        answer = await open_asking(self._pipeline, call, asked=asked)
        bound = self._pipeline.defaults.max_event_bytes
        fold = CompletionAccumulator(call.choices)
        reader = StreamReader(
            call, answer, call.decode, fold, bound, synthesize=synthesize.completion, is_complete=fold.is_complete
        )
        return AsyncStream(reader)


def _texts(params: Mapping[str, Any]) -> int:
    """How many texts are asked for: `n` of each prompt. A list of numbers is one prompt, in tokens."""
    prompt, count = params.get("prompt"), params.get("n")
    texts = cast("list[object]", prompt) if isinstance(prompt, (list, tuple)) else []
    several = len(texts) if texts and not isinstance(texts[0], int) else 1
    return several * (count if isinstance(count, int) else 1)


def check_model(params: Mapping[str, Any]) -> None:
    """Refuse a model that is none. A server with a single model may be asked without.

    Raises:
        InvalidParameterError: names the field.
    """
    model = params.get("model")
    if model is not None and (not isinstance(model, str) or not model):
        raise InvalidParameterError("model", "must be the id of a model")
