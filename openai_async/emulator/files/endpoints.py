"""The endpoints of `/v1/files`: upload, list, retrieve, download and delete files.

An upload of any size is spooled to disk, and a download is sent in pieces. A file for a batch must be named `.jsonl`,
and its first line must be a JSON object. The batch checks the other lines. All keys share their files, as the keys of
one project do.
"""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import quote

import orjson
from starlette.datastructures import FormData, UploadFile
from starlette.routing import Route

from openai_async.emulator.call import Answer, Call, Download
from openai_async.emulator.endpoint import Endpoint
from openai_async.emulator.error_responses import invalid
from openai_async.emulator.fields import Fields, JSONObject, is_object, wrong_type
from openai_async.emulator.files.store import StoredFile, read_expiry
from openai_async.emulator.multipart_form import close, form
from openai_async.emulator.pagination import integer, page

if TYPE_CHECKING:
    from openai_async.emulator.backend import Backend

__all__ = ["PURPOSES", "routes"]

# What files may be for.
PURPOSES = ("assistants", "batch", "evals", "fine-tune", "user_data", "vision")
_PAGE = 10_000


def routes(emulator: Backend) -> list[Route]:
    """`/v1/files`, `/v1/files/{id}` and `/v1/files/{id}/content`."""

    def create(call: Call) -> Answer:
        return _answer(_keep(emulator, call.form or FormData()).described())

    def listing(call: Call) -> Answer:
        purpose = call.query.get("purpose")
        files = [file for file in emulator.files.listed() if purpose in (None, file.purpose)]
        if Fields({**call.query}).choice("order", ("asc", "desc")) != "asc":
            files.reverse()
        return page(call, files, default=_PAGE, most=_PAGE)

    def retrieve(call: Call) -> Answer:
        return _answer(emulator.files.find(call.path_params["id"]).described())

    def content(call: Call) -> Download:
        file = emulator.files.find(call.path_params["id"])
        name = f"attachment; filename*=utf-8''{quote(file.filename)}"
        return Download(file.pieces(), file.size, headers=((b"content-disposition", name.encode()),))

    def delete(call: Call) -> Answer:
        gone = call.path_params["id"]
        emulator.files.delete(gone)
        return _answer({"id": gone, "object": "file", "deleted": True})

    return [
        Route("/v1/files", Endpoint(emulator, form, GET=listing, POST=create)),
        Route("/v1/files/{id}", Endpoint(emulator, GET=retrieve, DELETE=delete)),
        Route("/v1/files/{id}/content", Endpoint(emulator, GET=content)),
    ]


def _answer(value: JSONObject) -> Answer:
    return Answer(orjson.dumps(value))


def _keep(emulator: Backend, form: FormData) -> StoredFile:
    """Check an upload and store it. A refused one is closed."""
    try:
        upload, purpose, seconds = _read(form)
        if purpose == "batch":
            _check_batch(upload, emulator.batch_limits.bytes)
        return emulator.files.add(upload.file, upload.filename or "upload", purpose, seconds)
    except BaseException:
        close(form)
        raise


def _read(form: FormData) -> tuple[UploadFile, str, int | None]:
    values: JSONObject = {name: form.get(name) for name in ("file", "purpose")}
    expiry = {name: form.get(f"expires_after[{name}]") for name in ("anchor", "seconds")}
    if any(expiry.values()):
        seconds = expiry["seconds"]
        values["expires_after"] = {**expiry, "seconds": integer(seconds) if isinstance(seconds, str) else seconds}
    fields = Fields(values)
    upload = fields.required("file")
    if not isinstance(upload, UploadFile):
        raise wrong_type("file", "a file", upload)
    fields.required("purpose")
    return upload, fields.choice("purpose", PURPOSES) or "", read_expiry(fields, "expires_after")


def _check_batch(upload: UploadFile, most: int) -> None:
    if (upload.size or 0) > most:
        raise invalid("File is too large.")
    upload.file.seek(0)
    try:
        looks_right = is_object(orjson.loads(upload.file.readline()))
    except orjson.JSONDecodeError:
        looks_right = False
    if not looks_right or not (upload.filename or "").endswith(".jsonl"):
        raise invalid("Invalid file format for Batch API. Must be .jsonl")
