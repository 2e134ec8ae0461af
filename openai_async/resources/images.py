"""`client.images`: image generation and editing endpoints."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import Any, Final, Literal, TypeAlias, Unpack, cast, overload

from openai_async._pipeline.request import Request
from openai_async._streams.reader import StreamReader
from openai_async._streams.stream import AsyncStream, AsyncStreamManager
from openai_async._wire import codec
from openai_async._wire.accumulators import synthesize
from openai_async._wire.accumulators.media import ImageAccumulator
from openai_async.errors import InvalidParameterError, frameless
from openai_async.resources._base import Resource, prepare
from openai_async.resources._foreign_urls import fetching
from openai_async.resources._operation import Operation
from openai_async.resources._url_checks import check_address
from openai_async.types.files import Binary
from openai_async.types.images import Image, ImagesResponse, ImageStreamEvent
from openai_async.types.meta import NO_META
from openai_async.types.params.images import ImageEditParams, ImageGenerateParams, ImageVariationParams
from openai_async.types.settings import NULL, Timeout

ImageStream: TypeAlias = AsyncStream[ImageStreamEvent, ImagesResponse]

_GENERATE = Operation("POST", "/images/generations", repeatable=True)
_EDIT = Operation("POST", "/images/edits", form=True, repeatable=True)
_VARY = Operation("POST", "/images/variations", form=True, repeatable=True)


class AsyncImages(Resource):
    """Image generation and editing endpoints (https://platform.openai.com/docs/api-reference/images)."""

    __slots__ = ()

    @overload
    async def generate(
        self, *, stream: Literal[False] | None = None, **params: Unpack[ImageGenerateParams]
    ) -> ImagesResponse: ...
    @overload
    async def generate(self, *, stream: Literal[True], **params: Unpack[ImageGenerateParams]) -> ImageStream: ...
    @overload
    async def generate(
        self, *, stream: bool | None, **params: Unpack[ImageGenerateParams]
    ) -> ImagesResponse | ImageStream: ...
    async def generate(
        self, *, stream: bool | None = None, **params: Unpack[ImageGenerateParams]
    ) -> ImagesResponse | ImageStream:
        """Generate images from a prompt.

        Args:
            stream: True returns a stream of images, partial ones included (`partial_images`), which the caller iterates
                and closes. `stream()` closes itself.
            params: API parameters and call options; see `ImageGenerateParams`.

        Raises:
            InvalidParameterError: a parameter is invalid; nothing was sent.
            APIError: see `openai_async.errors`.

        Cancelling drops the connection and releases the permit. The server may still finish the work.
        """
        return await self._images(_GENERATE, cast("dict[str, Any]", params), stream)

    def stream(self, **params: Unpack[ImageGenerateParams]) -> AsyncStreamManager[ImageStreamEvent, ImagesResponse]:
        """Open `generate(stream=True)` as a context manager that closes the stream on exit.

        Arguments and errors as for `generate`. The request is sent on entry.
        """
        return self._streamed(_GENERATE, cast("dict[str, Any]", params))

    @overload
    async def edit(
        self, *, stream: Literal[False] | None = None, **params: Unpack[ImageEditParams]
    ) -> ImagesResponse: ...
    @overload
    async def edit(self, *, stream: Literal[True], **params: Unpack[ImageEditParams]) -> ImageStream: ...
    @overload
    async def edit(self, *, stream: bool | None, **params: Unpack[ImageEditParams]) -> ImagesResponse | ImageStream: ...
    async def edit(
        self, *, stream: bool | None = None, **params: Unpack[ImageEditParams]
    ) -> ImagesResponse | ImageStream:
        """Edit images by a prompt, or combine several into one.

        Args:
            stream: as for `generate`. `stream_edit()` closes itself.
            params: API parameters and call options; see `ImageEditParams`. `image` is a file or a list of files, which
                are read while they are sent.

        Raises:
            InvalidParameterError: a parameter is invalid; nothing was sent.
            APIError: see `openai_async.errors`.

        Cancelling drops the connection and releases the permit. The server may still finish the work.
        """
        return await self._images(_EDIT, cast("dict[str, Any]", params), stream)

    def stream_edit(self, **params: Unpack[ImageEditParams]) -> AsyncStreamManager[ImageStreamEvent, ImagesResponse]:
        """Open `edit(stream=True)` as a context manager that closes the stream on exit.

        Arguments and errors as for `edit`. The request is sent on entry.
        """
        return self._streamed(_EDIT, cast("dict[str, Any]", params))

    async def create_variation(self, **params: Unpack[ImageVariationParams]) -> ImagesResponse:
        """Create variations of an image. Current models of OpenAI do not support this: use `edit`.

        Args:
            params: API parameters and call options; see `ImageVariationParams`.

        Raises:
            InvalidParameterError: a parameter is invalid; nothing was sent.
            APIError: see `openai_async.errors`.

        Cancelling drops the connection and releases the permit. The server may still finish the work.
        """
        result = await self._images(_VARY, cast("dict[str, Any]", params), None)
        assert isinstance(result, ImagesResponse)
        return result

    async def content(
        self,
        image: Image,
        *,
        timeout: float | Timeout | None = None,
        max_retries: int | None = None,
        deadline: float | None = None,
    ) -> Binary:
        """Get the bytes of an image of a reply: decoded from its base64, or downloaded from its `url`.

        A download counts toward `max_concurrency` and is retried like any call. The rate limits of the API do not apply
        to other hosts. No key is sent to the URL, and no redirect is followed. The URL must be https, or on the API
        server. Private, loopback and link-local addresses are refused, unless the client's base URL is there, too.

        Args:
            image: an image of a reply.
            timeout, max_retries, deadline: as for every call; by default the client's.

        Raises:
            InvalidParameterError: the image has neither, its base64 is damaged, or its URL is refused.
            APIError: see `openai_async.errors`.

        Cancelling drops the connection.
        """
        if image.url is None:
            try:
                return Binary(image.bytes(), meta=NO_META)
            except ValueError as error:
                raise frameless(InvalidParameterError("image", str(error))) from None
        call = fetching(self._pipeline, image.url, timeout, max_retries, deadline)
        await check_address("image.url", image.url, self._pipeline.base_url)
        content, meta = await self._pipeline.fetch_elsewhere(call)
        return Binary(content, meta=meta)

    async def _images(
        self, operation: Operation, params: dict[str, Any], stream: bool | None
    ) -> ImagesResponse | ImageStream:
        params["stream"] = stream
        call = self._call(operation, params, bool(stream))
        if stream:
            return await self._open(call, operation)
        return await self._pipeline.fetch(call)  # type: ignore[no-any-return]

    def _streamed(
        self, operation: Operation, params: dict[str, Any]
    ) -> AsyncStreamManager[ImageStreamEvent, ImagesResponse]:
        return AsyncStreamManager(partial(self._open, self._call(operation, params, True), operation))

    def _call(self, operation: Operation, params: dict[str, Any], stream: bool) -> Request:
        if stream:
            params["stream"] = True
        count = params.get("n")
        decode = codec.decoder(ImageStreamEvent if stream else ImagesResponse, event=stream)
        check = _CHECKS[operation.path]
        choices = count if isinstance(count, int) else 1
        return prepare(self._pipeline, operation, decode, params, check=check, stream=stream, choices=choices)

    async def _open(self, call: Request, operation: Operation) -> ImageStream:
        answer = await self._pipeline.open(call)
        synthesizer = synthesize.generated if operation is _GENERATE else synthesize.edited
        bound = self._pipeline.defaults.max_event_bytes
        reader = StreamReader(call, answer, call.decode, ImageAccumulator(call.choices), bound, synthesize=synthesizer)
        return AsyncStream(reader)


def _check_prompt(params: Mapping[str, Any]) -> None:
    prompt = params.get("prompt")
    if not isinstance(prompt, str) or not prompt:
        raise InvalidParameterError("prompt", "must be a description of the picture")
    count = params.get("n")
    if count not in (None, NULL) and (isinstance(count, bool) or not isinstance(count, int) or count < 1):
        raise InvalidParameterError("n", "must be an integer of 1 or more")


def _check_image(params: Mapping[str, Any]) -> None:
    if params.get("image") in (None, []):
        raise InvalidParameterError("image", "must be a picture, or a list of at least one")


def _check_edit(params: Mapping[str, Any]) -> None:
    _check_image(params)
    _check_prompt(params)


_CHECKS: Final = {_GENERATE.path: _check_prompt, _EDIT.path: _check_edit, _VARY.path: _check_image}
