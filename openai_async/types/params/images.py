"""Parameters of images, as the API names them. What is not named here is sent as it is given.

Models differ in what they take: those of the GPT line always give base64, draw any size of a multiple of 16 and stream;
`response_format` and `style` are of the ones before them. A form cannot say null: there, `NULL` leaves a parameter out,
as None does.
"""

from __future__ import annotations

from typing import Literal, Required, TypeAlias, TypedDict

from openai_async.types.files import FileInput
from openai_async.types.params.options import Nullable, RequestOptions, UploadOptions

#: WIDTHxHEIGHT in pixels, or "auto".
ImageSize: TypeAlias = Literal["auto", "256x256", "512x512", "1024x1024", "1536x1024", "1024x1536"] | str
ImageQuality: TypeAlias = Literal["auto", "low", "medium", "high", "standard", "hd"] | str


class ImageParams(TypedDict, total=False):
    """What pictures are made with, new ones and edited ones."""

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
