"""Call options: what every method takes besides the parameters of its endpoint.

`RequestOptions` control one call and are never fields of the body; only `extra_body` is merged into it. `UploadOptions`
are those of a method that sends files. `Nullable` marks a parameter with a meaningful explicit null. None means "not
passed" everywhere: an option falls back to the client's setting, a parameter is omitted.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Literal, TypeAlias, TypedDict, TypeVar

from openai_async.types.settings import Null, Timeout

T = TypeVar("T")

#: Called with the bytes that were sent so far, and those there are in all (None if that is not known).
OnUpload: TypeAlias = Callable[[int, int | None], None]

#: A parameter that the API lets be null: None leaves it out, `NULL` sends the null.
Nullable: TypeAlias = T | Null | None


class RequestOptions(TypedDict, total=False):
    """Options of one call; each defaults to the client's setting."""

    extra_headers: Mapping[str, str] | None
    extra_query: Mapping[str, object] | None
    #: Fields of the body that this version does not name; they win over parameters of the same name.
    extra_body: Mapping[str, object] | None
    #: Bound on each attempt, in seconds (or phase by phase). The bound on the whole call is `deadline`.
    timeout: float | Timeout | None
    #: Attempts after the first one; 0 sends the request once.
    max_retries: int | None
    #: Place in line: "interactive" before "default" before "batch".
    priority: Literal["interactive", "default", "batch"] | None
    #: Seconds from the call by which everything must be over: waiting, connecting, retries and reading.
    deadline: float | None


class UploadOptions(RequestOptions, total=False):
    """Options of a call that sends files."""

    #: Called as the body is sent; an attempt that is made anew begins at 0. It is called where the sending is done (by
    #: a `Client`, in the thread behind it), which it must not keep; what it raises ends the call.
    on_upload: OnUpload | None
