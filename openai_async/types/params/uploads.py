"""Parameters of uploads. Parameters not listed here are sent unchanged."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Required

from openai_async.types.files import FileInput
from openai_async.types.params.files import ExpiresAfter, FilePurpose
from openai_async.types.params.options import RequestOptions, UploadOptions


class UploadCreateParams(RequestOptions, total=False):
    """Parameters of `client.uploads.create`."""

    #: Size of the whole file.
    bytes: Required[int]
    filename: Required[str]
    #: Media type, such as "text/jsonl"; it must suit the purpose.
    mime_type: Required[str]
    purpose: Required[FilePurpose]
    expires_after: ExpiresAfter | None


class UploadCompleteParams(RequestOptions, total=False):
    """Parameters of `client.uploads.complete`."""

    #: In the order in which the parts make up the file.
    part_ids: Required[Sequence[str]]
    #: Of the whole file, in hexadecimal: the API compares it with what has arrived.
    md5: str | None


class PartCreateParams(UploadOptions, total=False):
    """Parameters of `client.uploads.parts.create`."""

    #: At most 64 MB.
    data: Required[FileInput]
