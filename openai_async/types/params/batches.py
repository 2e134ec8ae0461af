"""Parameters of batches. Parameters not listed here are sent unchanged."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal, Required

from openai_async.types.params.files import ExpiresAfter
from openai_async.types.params.options import Nullable, RequestOptions


class BatchCreateParams(RequestOptions, total=False):
    """Parameters of `client.batches.create`."""

    #: Of a file that was uploaded with the purpose "batch".
    input_file_id: Required[str]
    #: Of all its rows, such as "/v1/chat/completions".
    endpoint: Required[str]
    #: "24h" unless given: the only one there is.
    completion_window: Literal["24h"] | str | None
    metadata: Nullable[Mapping[str, str]]
    output_expires_after: ExpiresAfter | None


class BatchListParams(RequestOptions, total=False):
    """Parameters of `client.batches.list`."""

    #: Batches in one page, 1 to 100.
    limit: int | None
    after: str | None
