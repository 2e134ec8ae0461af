"""Vector store values: stores, their files, file batches and search results.

`status` is a plain string: "in_progress", "completed", "failed", "cancelled", "expired", or a newer value.
"""

from __future__ import annotations

from typing import Any

import attrs

from openai_async.types._base import Polled, Reply, Value
from openai_async.types.api_object import APIObject


@attrs.define(repr=False)
class FileCounts(Value):
    """The number of files by state."""

    in_progress: int = 0
    completed: int = 0
    failed: int = 0
    cancelled: int = 0
    total: int = 0


@attrs.define(repr=False)
class VectorStore(Polled):
    """A vector store. Times are epoch seconds."""

    id: str
    created_at: int | None = None
    name: str | None = None
    description: str | None = None
    status: str | None = None
    usage_bytes: int | None = None
    file_counts: FileCounts | None = None
    expires_after: APIObject | None = None
    expires_at: int | None = None
    last_active_at: int | None = None
    metadata: dict[str, Any] | None = None
    object: str = "vector_store"


@attrs.define(repr=False)
class VectorStoreFileError(Value):
    """Why a file could not be processed."""

    code: str | None = None
    message: str | None = None


@attrs.define(repr=False)
class VectorStoreFile(Polled):
    """A file of a vector store; its `id` is that of the uploaded file."""

    id: str
    created_at: int | None = None
    vector_store_id: str | None = None
    status: str | None = None
    last_error: VectorStoreFileError | None = None
    usage_bytes: int | None = None
    chunking_strategy: APIObject | None = None
    attributes: dict[str, Any] | None = None
    object: str = "vector_store.file"


@attrs.define(repr=False)
class VectorStoreFileBatch(Polled):
    """A file batch: files that were attached together."""

    id: str
    created_at: int | None = None
    vector_store_id: str | None = None
    status: str | None = None
    file_counts: FileCounts | None = None
    object: str = "vector_store.files_batch"


@attrs.define(repr=False)
class VectorStoreDeleted(Reply):
    """A deleted vector store, or a removed file."""

    id: str
    deleted: bool = True
    object: str = "vector_store.deleted"


@attrs.define(repr=False)
class VectorStoreText(Value):
    """A chunk of a file's text."""

    type: str | None = None
    text: str | None = None


@attrs.define(repr=False)
class VectorStoreSearchResult(Value):
    """A search result: a part of a file. `score` is from 0 to 1."""

    file_id: str | None = None
    filename: str | None = None
    score: float | None = None
    attributes: dict[str, Any] | None = None
    content: list[VectorStoreText] = attrs.Factory(list[VectorStoreText])

    @property
    def text(self) -> str:
        """The joined text of the result."""
        return "\n".join(piece.text for piece in self.content if piece.text)
