"""The endpoints of `/v1/images`: generate, edit and vary images, in one reply, as events, or as URLs of the emulator.

Images are valid PNGs of the requested size, drawn from the request: the same request gives the same bytes. A URL
contains all that its image is drawn from, so nothing is stored. Uploads must be images by media type and first bytes.
Otherwise they only change the seed of the result.
"""

from __future__ import annotations

import base64
import re
import time
from collections.abc import Iterator, Sequence
from hashlib import blake2b
from typing import TYPE_CHECKING, Any

import orjson
from attrs import frozen
from starlette.datastructures import FormData, UploadFile
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from openai_async.emulator.call import Answer, Call, EventStream
from openai_async.emulator.endpoint import Endpoint
from openai_async.emulator.error_responses import invalid, url_unknown
from openai_async.emulator.fields import Fields, JSONObject, wrong_type
from openai_async.emulator.images.png import DETAIL, draw, media_type
from openai_async.emulator.multipart_form import form_of
from openai_async.emulator.pagination import integer
from openai_async.emulator.text import count, digest

if TYPE_CHECKING:
    from openai_async.emulator.backend import Backend
    from openai_async.emulator.catalog import Model
    from openai_async.emulator.conditions import Pace

__all__ = ["routes"]

_MOST_IMAGES = 16
_LONGEST_PROMPT = 32_000
_LARGEST = (3840, 2160)
_CLASSIC_SIZES = ("256x256", "512x512", "1024x1024")
_TYPES = ("image/jpeg", "image/png", "image/webp")
_TOKENS_OF_IMAGE = 256
_FLAGS = {"true": True, "false": False}
# However a picture is handed over, it is the same one.
_NOT_DRAWN = ("model", "partial_images", "response_format", "stream", "user")
_NUMBERS = ("n", "partial_images", "output_compression")
_DRAWN = re.compile(r"([0-9a-f]{16})-(\d{2,4})x(\d{2,4})\Z")


@frozen
class _Order:
    """A checked request: its prompt, and a digest of its uploads."""

    model: Model
    prompt: str
    n: int
    width: int
    height: int
    by_url: bool
    partial: int | None  # unfinished pictures in the stream; None: no stream
    common: JSONObject
    uploads: int = 0
    seed: int = 0

    def drawing(self, number: int, detail: int = DETAIL) -> bytes:
        clear = self.common["background"] == "transparent"
        return draw(self.seed + number, self.width, self.height, detail=detail, transparent=clear)

    @property
    def tokens(self) -> int:
        """The tokens of one image."""
        return max(1, self.width * self.height // _TOKENS_OF_IMAGE // 4)

    def usage(self, n: int) -> JSONObject:
        words, seen = count(self.prompt), self.uploads * _TOKENS_OF_IMAGE
        return {
            "input_tokens": words + seen,
            "output_tokens": n * self.tokens,
            "total_tokens": words + seen + n * self.tokens,
            "input_tokens_details": {"text_tokens": words, "image_tokens": seen},
        }


def routes(emulator: Backend) -> list[Route]:
    """`/v1/images/generations`, `/v1/images/edits`, `/v1/images/variations`, and the URLs of images."""

    def generate(call: Call) -> Answer | EventStream:
        body = call.json()
        order = _read(emulator, body, "emulated-image-classic", _prompt(Fields(body)))
        return _reply(emulator, call, order, "image_generation")

    def edit(call: Call) -> Answer | EventStream:
        with _Upload(call) as upload:
            images = upload.images("image")
            if not images:
                raise _missing("image")
            more = upload.images("mask")
            prompt = _prompt(Fields(upload.fields))
            order = _read(emulator, upload.fields, "emulated-image", prompt, images + more)
            if len(images) > 1 and "stream" in order.model.unsupported:
                raise invalid("This model takes one image.", param="image", code="invalid_value")
        return _reply(emulator, call, order, "image_edit")

    def vary(call: Call) -> Answer | EventStream:
        with _Upload(call) as upload:
            images = upload.images("image", kinds=("image/png",))
            if not images:
                raise _missing("image")
            order = _read(emulator, upload.fields, "emulated-image-classic", "", images)
        if "stream" not in order.model.unsupported:
            raise invalid("Invalid value: variations are made by classic models.", param="model", code="invalid_value")
        return _reply(emulator, call, order, "image_variation")

    async def drawn(request: Request) -> Response:
        match = _DRAWN.match(request.path_params["name"])
        size = (int(match[2]), int(match[3])) if match else (0, 0)
        if match is None or not 16 <= max(size) <= max(_LARGEST):
            error_response = url_unknown("GET", request.url.path)
            return Response(error_response.body(), error_response.status, media_type="application/json")
        return Response(draw(int(match[1], 16), *size), media_type="image/png")

    load = form_of(files=_MOST_IMAGES + 1)
    return [
        Route("/v1/images/generations", Endpoint(emulator, POST=generate)),
        Route("/v1/images/edits", Endpoint(emulator, load, POST=edit)),
        Route("/v1/images/variations", Endpoint(emulator, load, POST=vary)),
        Route("/emulator/images/{name}.png", drawn),
    ]


# -- what is asked for ---------------------------------------------------------------------------------------


def _prompt(fields: Fields) -> str:
    fields.required("prompt")
    prompt = fields.text("prompt") or ""
    if len(prompt) > _LONGEST_PROMPT:
        raise invalid(
            f"Invalid 'prompt': string too long. Expected a string with maximum length {_LONGEST_PROMPT}, but got a "
            f"string with length {len(prompt)} instead.",
            param="prompt",
            code="string_above_max_length",
        )
    return prompt


def _read(emulator: Backend, values: JSONObject, default: str, prompt: str, uploads: Sequence[str] = ()) -> _Order:
    fields = Fields(values)
    model = emulator.catalog.of_kind("image", fields.text("model") or default)
    for name in sorted(model.unsupported & {name for name, value in values.items() if value is not None}):
        raise invalid(
            f"Unsupported parameter: '{name}' is not supported with this model.",
            param=name,
            code="unsupported_parameter",
        )
    classic = "stream" in model.unsupported
    width, height = _size(fields, classic=classic)
    form = fields.choice("response_format", ("url", "b64_json"))
    stream = fields.flag("stream")
    partial = fields.integer("partial_images", 0, 3) or 0
    return _Order(
        model=model,
        prompt=prompt,
        n=fields.integer("n", 1, 10) or 1,
        width=width,
        height=height,
        by_url=form == "url" or (form is None and classic),
        partial=partial if stream else None,
        common={
            "background": fields.choice("background", ("auto", "opaque", "transparent")) or "opaque",
            "output_format": fields.choice("output_format", ("png",)) or "png",
            "quality": fields.choice("quality", ("auto", "low", "medium", "high", "standard", "hd")) or "high",
            "size": f"{width}x{height}",
        },
        uploads=len(uploads),
        seed=digest([model.id, uploads, {name: value for name, value in values.items() if name not in _NOT_DRAWN}]),
    )


def _size(fields: Fields, *, classic: bool) -> tuple[int, int]:
    if classic:
        size = fields.choice("size", _CLASSIC_SIZES) or "1024x1024"
    else:
        size = fields.text("size") or "auto"
        size = "1024x1024" if size == "auto" else size
    match = re.fullmatch(r"(\d{1,4})x(\d{1,4})", size, re.ASCII)
    width, height = (int(match[1]), int(match[2])) if match else (0, 0)
    if classic or (
        width * height > 0
        and width % 16 == height % 16 == 0
        and max(width, height) <= 3 * min(width, height)
        and max(width, height) <= _LARGEST[0]
        and width * height <= _LARGEST[0] * _LARGEST[1]
    ):
        return width, height
    raise invalid(
        f"Invalid size '{size}'. Width and height must both be divisible by 16, the aspect ratio between 1:3 and 3:1, "
        f"and the resolution at most {_LARGEST[0]}x{_LARGEST[1]}.",
        param="size",
        code="invalid_value",
    )


def _missing(name: str) -> Exception:
    return invalid(f"Missing required parameter: '{name}'.", param=name, code="missing_required_parameter")


class _Upload:
    """A form with images. Its files are closed at the end."""

    def __init__(self, call: Call) -> None:
        self._form = call.form or FormData()
        self.fields: JSONObject = {
            name: _FLAGS.get(value, value) if name == "stream" else integer(value) if name in _NUMBERS else value
            for name, value in self._form.items()
            if isinstance(value, str)
        }

    def images(self, name: str, kinds: tuple[str, ...] = _TYPES) -> list[str]:
        """Get the digests of the uploads of this name, each checked. `name[]` is accepted, too."""
        digests: list[str] = []
        for number, value in enumerate((*self._form.getlist(name), *self._form.getlist(f"{name}[]")), 1):
            if not isinstance(value, UploadFile):
                raise wrong_type(name, "a file", value)
            if value.content_type not in kinds:
                *most, last = (f"'{kind}'" for kind in kinds)
                listed = f"{', '.join(most)}, and {last}" if most else last
                raise invalid(
                    f"Invalid file '{name}': unsupported mimetype ('{value.content_type}'). Supported file formats are "
                    f"{listed}.",
                    param=name,
                    code="unsupported_file_mimetype",
                )
            content = value.file.read()
            if media_type(content) not in kinds:
                raise invalid(
                    f"Invalid image file or mode for image {number}, please check your image file.",
                    param=name,
                    code="invalid_image_file",
                )
            digests.append(blake2b(content, digest_size=8).hexdigest())
        return digests

    def __enter__(self) -> _Upload:
        return self

    def __exit__(self, *error: object) -> None:
        for _, value in self._form.multi_items():
            if isinstance(value, UploadFile):
                value.file.close()


# -- what is given -------------------------------------------------------------------------------------------


def _reply(emulator: Backend, call: Call, order: _Order, kind: str) -> Answer | EventStream:
    usage = order.usage(order.n)
    call.entry.model = order.model.id
    emulator.admit(call, order.model.id, usage["total_tokens"])
    call.entry.prompt_tokens, call.entry.completion_tokens = usage["input_tokens"], usage["output_tokens"]
    pace = emulator.latency.pace(order.seed)
    if order.partial is not None:
        return EventStream(_events(order, kind, pace))
    reply: JSONObject = {
        "created": int(time.time()),
        "data": [_image_object(order, number, call) for number in range(order.n)],
    }
    if "stream" not in order.model.unsupported:
        reply |= {**order.common, "usage": usage}
    return Answer(orjson.dumps(reply), after=pace.due(order.n * order.tokens))


def _image_object(order: _Order, number: int, call: Call) -> JSONObject:
    if not order.by_url:
        return {"b64_json": _base64(order.drawing(number))}
    host = call.headers.get(b"host", b"").decode("latin-1")
    seed = (order.seed + number) % (1 << 64)
    return {"url": f"http://{host}/emulator/images/{seed:016x}-{order.width}x{order.height}.png"}


def _events(order: _Order, kind: str, pace: Pace) -> Iterator[tuple[float, bytes]]:
    partial = order.partial or 0
    for number in range(order.n):
        begun = number * order.tokens
        for index in range(partial):
            due = pace.due(begun + order.tokens * (index + 1) // (partial + 1))
            picture = order.drawing(number, 1 << (3 - partial + index))
            yield due, _event(f"{kind}.partial_image", order, picture, partial_image_index=index)
        due = pace.due(begun + order.tokens)
        yield due, _event(f"{kind}.completed", order, order.drawing(number), usage=order.usage(number + 1))


def _event(kind: str, order: _Order, picture: bytes, **rest: Any) -> bytes:
    data = {"type": kind, "b64_json": _base64(picture), "created_at": int(time.time()), **order.common, **rest}
    return b"event: " + kind.encode() + b"\ndata: " + orjson.dumps(data) + b"\n\n"


def _base64(content: bytes) -> str:
    return base64.b64encode(content).decode()
