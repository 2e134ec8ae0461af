"""The endpoints of `/v1/uploads`: begin an upload, add its parts in any order, and complete or cancel it.

The result is a file like any other. A part has at most 64 MB, and all parts together at most 8 GB.
"""

from __future__ import annotations

from typing import IO, TYPE_CHECKING, Any

import orjson
from starlette.datastructures import FormData, UploadFile
from starlette.routing import Route

from openai_async.emulator.call import Answer, Call
from openai_async.emulator.endpoint import Endpoint
from openai_async.emulator.error_responses import invalid
from openai_async.emulator.fields import Fields, JSONObject, wrong_type
from openai_async.emulator.files.endpoints import PURPOSES
from openai_async.emulator.files.store import read_expiry
from openai_async.emulator.multipart_form import close, form

if TYPE_CHECKING:
    from openai_async.emulator.backend import Backend

__all__ = ["routes"]

_PART = 64 * 1024 * 1024
_MOST_BYTES = 8 * 1024**3


def routes(emulator: Backend) -> list[Route]:
    """`/v1/uploads`, `/v1/uploads/{id}/parts`, `/v1/uploads/{id}/complete` and `/v1/uploads/{id}/cancel`."""

    def create(call: Call) -> Answer:
        fields = Fields(call.json())
        for name in ("filename", "purpose", "bytes", "mime_type"):
            fields.required(name)
        fields.text("mime_type")
        upload = emulator.uploads.begin(
            fields.text("filename") or "",
            fields.choice("purpose", PURPOSES) or "",
            fields.integer("bytes", 1, _MOST_BYTES) or 0,
            read_expiry(fields, "expires_after"),
        )
        return _answer(upload.described())

    def add(call: Call) -> Answer:
        form = call.form or FormData()
        try:
            upload = emulator.uploads.find(call.path_params["id"])
            upload.check_pending()
            return _answer(upload.add(_data(form)))
        except BaseException:
            close(form)
            raise

    def complete(call: Call) -> Answer:
        upload = emulator.uploads.find(call.path_params["id"])
        fields = Fields(call.json())
        fields.required("part_ids")
        part_ids: list[Any] = fields.array("part_ids") or []
        for index, part_id in enumerate(part_ids):
            if not isinstance(part_id, str):
                raise wrong_type(f"part_ids[{index}]", "a string", part_id)
        upload.check_pending()
        upload.complete(part_ids, fields.text("md5"), emulator.files)
        return _answer(upload.described())

    def cancel(call: Call) -> Answer:
        upload = emulator.uploads.find(call.path_params["id"])
        upload.check_pending()
        upload.end("cancelled")
        return _answer(upload.described())

    return [
        Route("/v1/uploads", Endpoint(emulator, POST=create)),
        Route("/v1/uploads/{id}/parts", Endpoint(emulator, form, POST=add)),
        Route("/v1/uploads/{id}/complete", Endpoint(emulator, POST=complete)),
        Route("/v1/uploads/{id}/cancel", Endpoint(emulator, POST=cancel)),
    ]


def _answer(value: JSONObject) -> Answer:
    return Answer(orjson.dumps(value))


def _data(form: FormData) -> IO[bytes]:
    data = Fields({"data": form.get("data")}).required("data")
    if not isinstance(data, UploadFile):
        raise wrong_type("data", "a file", data)
    if (data.size or 0) > _PART:
        raise invalid(f"A part is at most {_PART} bytes.", param="data")
    return data.file
