"""Parameters of files. Parameters not listed here are sent unchanged."""

from __future__ import annotations

from typing import Literal, Required, TypeAlias, TypedDict

from openai_async.types.files import FileInput
from openai_async.types.params.options import RequestOptions, UploadOptions

#: What a file is for; a purpose of tomorrow is sent as it is.
FilePurpose: TypeAlias = Literal["assistants", "batch", "evals", "fine-tune", "user_data", "vision"] | str


class ExpiresAfter(TypedDict):
    """The lifetime of a file: seconds (an hour to 30 days) after its creation."""

    anchor: Literal["created_at"]
    seconds: int


class FileCreateParams(UploadOptions, total=False):
    """Parameters of `client.files.create`."""

    file: Required[FileInput]
    purpose: Required[FilePurpose]
    expires_after: ExpiresAfter | None


class FileListParams(RequestOptions, total=False):
    """Parameters of `client.files.list`."""

    purpose: FilePurpose | None
    #: Files in one page, 1 to 10,000.
    limit: int | None
    order: Literal["asc", "desc"] | None
    after: str | None
