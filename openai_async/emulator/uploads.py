"""Reading a multipart body: its fields into memory, its file into a spooled temporary file.

Promises: whatever the size of the upload, no more than its spool is in memory; an upload that is refused or
breaks off leaves no open file. The parsing is Starlette's; nothing here knows what the form is for.
"""

from __future__ import annotations

import logging
from collections.abc import AsyncGenerator
from contextlib import aclosing
from typing import TYPE_CHECKING

from starlette.datastructures import Headers
from starlette.formparsers import MultiPartException, MultiPartParser
from starlette.types import Receive

from .endpoint import Call, body_parts
from .problems import invalid

if TYPE_CHECKING:
    from .server import Emulator

__all__ = ["form"]

_FIELDS = 16  # a form has no more fields than this
_FIELD_SIZE = 64 * 1024  # bytes

# The parser warns of every bad form; without a handler the words would end on standard error.
logging.getLogger("python_multipart").addHandler(logging.NullHandler())


async def form(call: Call, receive: Receive, emulator: Emulator) -> None:
    """Read a multipart body into `call.form`; a body of another kind is read and dropped, and `form` stays `None`.

    Raises the API's 400 for a body that is no form or breaks off, and its 413 for one that is too large.
    """
    async with aclosing(body_parts(receive, emulator.max_upload)) as parts:
        refused = None
        if call.headers.get(b"content-type", b"").lower().startswith(b"multipart/form-data"):
            try:
                await _parse(call, parts)
            except MultiPartException as error:
                refused = invalid(error.message)
        async for _ in parts:
            pass  # who is still sending hears no answer
    if refused is not None:
        raise refused


class _Parser(MultiPartParser):
    """Starlette's parser, which takes a form that breaks off for one without its last part, and a note of the end."""

    ended = False

    def on_end(self) -> None:
        self.ended = True


async def _parse(call: Call, parts: AsyncGenerator[bytes, None]) -> None:
    async def to_the_end() -> AsyncGenerator[bytes, None]:
        async for part in parts:
            yield part
        if not parser.ended:  # raised in here, it makes the parser close what it has opened
            raise MultiPartException("The form breaks off before its end.")

    async with aclosing(to_the_end()) as stream:
        headers = Headers(raw=list(call.headers.items()))
        parser = _Parser(headers, stream, max_files=1, max_fields=_FIELDS, max_part_size=_FIELD_SIZE)
        call.form = await parser.parse()
