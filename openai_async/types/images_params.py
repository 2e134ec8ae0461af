"""Parameters of images, as the API names them. What is not named here is sent as it is given.

Models differ in what they take: those of the GPT line always give base64, draw any size of a multiple of 16 and stream;
`response_format` and `style` are of the ones before them.
"""

from __future__ import annotations

from typing import Literal, Required, TypeAlias, TypedDict

from openai_async.types.files import FileInput
from openai_async.types.options import RequestOptions, UploadOptions

#: WIDTHxHEIGHT in pixels, or "auto".
ImageSize: TypeAlias = Literal["auto", "256x256", "512x512", "1024x1024", "1536x1024", "1024x1536"] | str
ImageQuality: TypeAlias = Literal["auto", "low", "medium", "high", "standard", "hd"] | str


class ImageParams(TypedDict, total=False):
    """What pictures are made with, new ones and edited ones."""

    model: str | None
    #: 1 to 10 pictures.
    n: int | None
    size: ImageSize | None
    quality: ImageQuality | None
    response_format: Literal["url", "b64_json"] | str | None
    output_format: Literal["png", "jpeg", "webp"] | str | None
    #: Percent, for jpeg and webp.
    output_compression: int | None
    background: Literal["auto", "opaque", "transparent"] | str | None
    #: Unfinished pictures in a stream, 0 to 3; the whole one may come before all of them.
    partial_images: int | None
    user: str | None


class ImageGenerateParams(ImageParams, RequestOptions, total=False):
    """Parameters of `client.images.generate`."""

    prompt: Required[str]
    moderation: Literal["auto", "low"] | str | None
    style: Literal["vivid", "natural"] | str | None


class ImageEditParams(ImageParams, UploadOptions, total=False):
    """Parameters of `client.images.edit`."""

    #: A picture, or a list of up to 16 of them.
    image: Required[FileInput | list[FileInput]]
    prompt: Required[str]
    #: Where it is transparent, the (first) picture is edited.
    mask: FileInput | None
    input_fidelity: Literal["low", "high"] | str | None


class ImageVariationParams(UploadOptions, total=False):
    """Parameters of `client.images.create_variation`."""

    image: Required[FileInput]
    model: str | None
    n: int | None
    size: ImageSize | None
    response_format: Literal["url", "b64_json"] | str | None
    user: str | None
