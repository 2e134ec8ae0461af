"""Reading a multipart body: its fields into memory, its file into a spooled temporary file.

Promises: whatever the size of the upload, no more than its spool is in memory; an upload that is refused or cut
off leaves no open file. The parsing is Starlette's; nothing here knows what the form is for.
"""

from __future__ import annotations

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


async def form(call: Call, receive: Receive, emulator: Emulator) -> None:
    """Read a multipart body into `call.form`; a body of another kind is read and dropped, as a form without fields.

    Raises the API's 400 for a body that breaks off or that is no form, and its 413 for one that is too large.
    """
    async with aclosing(body_parts(receive, emulator.max_upload)) as parts:
        if call.headers.get(b"content-type", b"").lower().startswith(b"multipart/form-data"):
            parser = MultiPartParser(
                Headers(raw=list(call.headers.items())),
                parts,
                max_files=1,
                max_fields=_FIELDS,
                max_part_size=_FIELD_SIZE,
            )
            try:
                call.form = await parser.parse()
            except MultiPartException as error:
                refused = invalid(error.message)
            else:
                return
        else:
            refused = None
        async for _ in parts:
            pass  # who is still sending hears no answer
    if refused is not None:
        raise refused
