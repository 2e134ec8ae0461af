"""Image values: complete replies, and the events of a stream.

An image is base64 or a URL. `bytes()` and `save()` read base64; `client.images.content()` reads both. Enumerations of
the API are plain strings.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import ClassVar, TypeAlias

import attrs

from openai_async.types._base import Reply, Value
from openai_async.types._base64 import decoded
from openai_async.types.chat import CompletionTokensDetails, CompletionUsage, Counted, PromptTokensDetails

_Bytes: TypeAlias = bytes  # in the classes below, `bytes` is a method


@attrs.define(repr=False)
class ImageTokensDetails(Value):
    """Input tokens of images by kind."""

    text_tokens: int | None = None
    image_tokens: int | None = None


@attrs.define(repr=False)
class ImagesUsage(Counted):
    """Tokens as the server counted them. Details are included in the totals."""

    _is_text: ClassVar[bool] = False

    input_tokens: int = 0
    output_tokens: int = 0
    total_tokens: int = 0
    input_tokens_details: ImageTokensDetails | None = None
    output_tokens_details: ImageTokensDetails | None = None

    def as_completion_usage(self) -> CompletionUsage:
        """The usage in the terms of chat completions. Limits use it; image prices are not known."""
        read, output = self.input_tokens_details, self.output_tokens_details
        return CompletionUsage(
            prompt_tokens=self.input_tokens,
            completion_tokens=self.output_tokens,
            total_tokens=self.total_tokens,
            prompt_tokens_details=None
            if read is None
            else PromptTokensDetails(text_tokens=read.text_tokens, image_tokens=read.image_tokens),
            completion_tokens_details=None
            if output is None
            else CompletionTokensDetails(text_tokens=output.text_tokens),
        ).as_completion_usage()


@attrs.define(repr=False)
class Image(Value):
    """An image: `b64_json`, or a `url` that is valid for about an hour."""

    b64_json: str | None = attrs.field(default=None, repr=False)
    url: str | None = None
    revised_prompt: str | None = None

    def bytes(self) -> _Bytes:
        """Decode the image from its base64.

        Raises:
            ValueError: it has a `url` instead (use `client.images.content(image)`), or its base64 is damaged.
        """
        return _decoded(self.b64_json)

    def save(self, path: str | os.PathLike[str]) -> Path:
        """Decode the image from its base64 and write it to a file; returns the path. It blocks for the disk.

        Raises:
            ValueError: as for `bytes()`; no file is written.
            OSError: it cannot be written.
        """
        return _saved(self.bytes(), path)


@attrs.define(repr=False)
class ImagesResponse(Reply):
    """Generated images. Iterate over it for the images."""

    created: int | None = None
    data: list[Image] = attrs.field(factory=list[Image])
    background: str | None = None
    output_format: str | None = None
    quality: str | None = None
    size: str | None = None
    usage: ImagesUsage | None = None

    def __iter__(self) -> Iterator[Image]:
        return iter(self.data)

    def __len__(self) -> int:
        return len(self.data)


@attrs.define(repr=False)
class ImageStreamEvent(Value):
    """One event of an image stream. `type` says whether it is partial (`*.partial_image`) or complete
    (`*.completed`).
    """

    type: str
    b64_json: str | None = attrs.field(default=None, repr=False)
    created_at: int | None = None
    background: str | None = None
    output_format: str | None = None
    quality: str | None = None
    size: str | None = None
    partial_image_index: int | None = None
    usage: ImagesUsage | None = None

    @property
    def completed(self) -> bool:
        """Whether the image is complete."""
        return self.type.endswith(".completed")

    @property
    def image(self) -> Image:
        """The image. A partial one keeps its `partial_image_index`."""
        if not self.completed:
            return Image(b64_json=self.b64_json, extra={"partial_image_index": self.partial_image_index})
        # Events have neither; pictures of a server that answers whole where a stream was asked for may.
        return Image(self.b64_json, self.extra.get("url"), self.extra.get("revised_prompt"))

    def bytes(self) -> _Bytes:
        """Decode the image of this event. Raises ValueError if it is damaged or missing."""
        return _decoded(self.b64_json)

    def save(self, path: str | os.PathLike[str]) -> Path:
        """Write the image of this event to a file, like `Image.save`."""
        return _saved(self.bytes(), path)


def _decoded(text: str | None) -> bytes:
    if text is None:
        raise ValueError("there is no base64 here; client.images.content() fetches what is at a url")
    try:
        return decoded(text)
    except ValueError:
        raise ValueError("the picture's base64 is damaged") from None


def _saved(content: bytes, path: str | os.PathLike[str]) -> Path:
    file = Path(path)
    file.write_bytes(content)
    return file
