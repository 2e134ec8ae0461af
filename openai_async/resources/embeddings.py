"""`client.embeddings`: embedding endpoints."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final, Unpack, cast

from openai_async._wire import codec, float32_base64, json
from openai_async.errors import DecodeError, InvalidParameterError
from openai_async.resources._base import prepare
from openai_async.resources._generic import CatalogResource
from openai_async.resources._operation import Operation
from openai_async.resources.completions import check_model
from openai_async.types.embeddings import CreateEmbeddingResponse
from openai_async.types.params.embeddings import EmbeddingCreateParams

_CREATE = Operation("POST", "/embeddings", repeatable=True)


class AsyncEmbeddings(CatalogResource):
    """Embedding endpoints (https://platform.openai.com/docs/api-reference/embeddings)."""

    __slots__ = ()
    _catalog_name = "embeddings"

    async def create(self, **params: Unpack[EmbeddingCreateParams]) -> CreateEmbeddingResponse:
        """Create the embedding of one input, or of each of several.

        Without `encoding_format`, base64 is requested because it is a quarter of the size. It is decoded to floats;
        servers that send floats anyway are understood.

        Args:
            params: API parameters and call options; see `EmbeddingCreateParams`.

        Raises:
            InvalidParameterError: a parameter is invalid; nothing was sent.
            APIError: see `openai_async.errors`.

        Cancelling drops the connection and releases the permit. The server may still finish the work.
        """
        arguments = cast("dict[str, Any]", params)
        decode = _as_it_came
        if arguments.get("encoding_format") is None:
            arguments["encoding_format"] = "base64"
            decode = _unpacked
        call = prepare(self._pipeline, _CREATE, decode, arguments, check=_check)
        return await self._pipeline.fetch(call)  # type: ignore[no-any-return]


def _check(params: Mapping[str, Any]) -> None:
    check_model(params)
    value = params.get("input")
    if isinstance(value, (str, list, tuple)) and not value:
        raise InvalidParameterError("input", "must not be empty")


def _decoder(read: Callable[[Any], Any]) -> Callable[[bytes], CreateEmbeddingResponse]:
    def decode(body: bytes) -> CreateEmbeddingResponse:
        reply = codec.structure(CreateEmbeddingResponse, json.loads(body))
        for item in reply.data:
            item.embedding = read(item.embedding)
        return reply

    return decode


def _vector(value: Any) -> Any:
    if isinstance(value, str):
        return float32_base64.unpack(value)
    if isinstance(value, list):
        return float32_base64.check(cast("list[float]", value))
    raise DecodeError("an embedding is neither a list of numbers nor base64")


def _vector_or_text(value: Any) -> Any:
    return value if isinstance(value, str) else _vector(value)


_unpacked: Final = _decoder(_vector)
_as_it_came: Final = _decoder(_vector_or_text)
