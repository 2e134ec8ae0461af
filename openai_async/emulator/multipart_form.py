"""Reading a multipart body: its fields into memory, its file into a spooled temporary file.

An upload of any size uses no more memory than its spool. A refused or aborted upload leaves no open file. Starlette
parses the form. Nothing here depends on the endpoint.
"""

from __future__ import annotations

import logging
from collections.abc import AsyncGenerator
from contextlib import aclosing
from typing import TYPE_CHECKING

from starlette.datastructures import FormData, Headers, UploadFile
from starlette.formparsers import MultiPartException, MultiPartParser
from starlette.types import Receive

from openai_async.emulator.call import Call
from openai_async.emulator.endpoint import Loader, body_parts
from openai_async.emulator.error_responses import invalid

if TYPE_CHECKING:
    from openai_async.emulator.backend import Backend

__all__ = ["form", "form_of"]

_FIELDS = 16  # a form has no more fields than this
_FIELD_SIZE = 64 * 1024  # bytes

# The parser warns of every bad form; without a handler the words would end on standard error.
logging.getLogger("python_multipart").addHandler(logging.NullHandler())


async def form(call: Call, receive: Receive, emulator: Backend) -> None:
    """Read a multipart body into `call.form`. A body of another type is read and dropped, and `form` stays `None`.

    Raises the API's 400 for a body that is malformed or ends early, and its 413 for one that is too large.
    """
    await _load(call, receive, emulator, 1, _FIELDS, _FIELD_SIZE)


def form_of(*, files: int = 1, fields: int = _FIELDS, field_size: int = _FIELD_SIZE) -> Loader:
    """Make a loader like `form`, for so many files and fields, with so many bytes in a field."""

    async def load(call: Call, receive: Receive, emulator: Backend) -> None:
        await _load(call, receive, emulator, files, fields, field_size)

    return load


async def _load(call: Call, receive: Receive, emulator: Backend, files: int, fields: int, field_size: int) -> None:
    async with aclosing(body_parts(receive, emulator.max_upload)) as parts:
        refused = None
        if call.headers.get(b"content-type", b"").lower().startswith(b"multipart/form-data"):
            try:
                await _parse(call, parts, files, fields, field_size)
            except MultiPartException as error:
                refused = invalid(error.message)
        async for _ in parts:
            pass  # who is still sending hears no answer
    if refused is not None:
        raise refused


def close(form: FormData) -> None:
    """Close the files of a refused form."""
    for value in form.values():
        if isinstance(value, UploadFile):
            value.file.close()


class _Parser(MultiPartParser):
    """Starlette's parser, which accepts a form that ends early; this one records whether the end was seen."""

    ended = False

    def on_end(self) -> None:
        self.ended = True


async def _parse(call: Call, parts: AsyncGenerator[bytes, None], files: int, fields: int, field_size: int) -> None:
    async def to_the_end() -> AsyncGenerator[bytes, None]:
        async for part in parts:
            yield part
        if not parser.ended:  # raised in here, it makes the parser close what it has opened
            raise MultiPartException("The form breaks off before its end.")

    async with aclosing(to_the_end()) as stream:
        headers = Headers(raw=list(call.headers.items()))
        parser = _Parser(headers, stream, max_files=files, max_fields=fields, max_part_size=field_size)
        call.form = await parser.parse()
