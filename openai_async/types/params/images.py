"""Parameters of images, as the API names them. Parameters not listed here are sent unchanged.

Models differ in their parameters. GPT image models always return base64, accept any size that is a multiple of 16, and
can stream; `response_format` and `style` belong to older models. A form has no null, so `NULL` omits a parameter there,
like None.
"""

from __future__ import annotations

from typing import Literal, Required, TypeAlias, TypedDict

from openai_async.types.files import FileInput
from openai_async.types.params.options import Nullable, RequestOptions, UploadOptions

#: WIDTHxHEIGHT in pixels, or "auto".
ImageSize: TypeAlias = Literal["auto", "256x256", "512x512", "1024x1024", "1536x1024", "1024x1536"] | str
ImageQuality: TypeAlias = Literal["auto", "low", "medium", "high", "standard", "hd"] | str


class ImageParams(TypedDict, total=False):
    """Parameters shared by image generation and editing."""

    model: Nullable[str]
    #: 1 to 10 pictures.
    n: Nullable[int]
    size: Nullable[ImageSize]
    quality: Nullable[ImageQuality]
    response_format: Nullable[Literal["url", "b64_json"] | str]
    output_format: Nullable[Literal["png", "jpeg", "webp"] | str]
    #: Percent, for jpeg and webp.
    output_compression: Nullable[int]
    background: Nullable[Literal["auto", "opaque", "transparent"] | str]
    #: Unfinished pictures in a stream, 0 to 3; the whole one may come before all of them.
    partial_images: Nullable[int]
    user: str | None


class ImageGenerateParams(ImageParams, RequestOptions, total=False):
    """Parameters of `client.images.generate`."""

    prompt: Required[str]
    moderation: Nullable[Literal["auto", "low"] | str]
    style: Nullable[Literal["vivid", "natural"] | str]


class ImageEditParams(ImageParams, UploadOptions, total=False):
    """Parameters of `client.images.edit`."""

    #: A picture, or a list of up to 16 of them.
    image: Required[FileInput | list[FileInput]]
    prompt: Required[str]
    #: Where it is transparent, the (first) picture is edited.
    mask: FileInput | None
    #: A transparent picture that lies over the first one, and shows what to change.
    markup: FileInput | None
    input_fidelity: Nullable[Literal["low", "high"] | str]


class ImageVariationParams(UploadOptions, total=False):
    """Parameters of `client.images.create_variation`."""

    image: Required[FileInput]
    model: Nullable[str]
    n: Nullable[int]
    size: Nullable[ImageSize]
    response_format: Nullable[Literal["url", "b64_json"] | str]
    user: str | None
