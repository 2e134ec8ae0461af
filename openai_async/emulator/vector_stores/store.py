"""Vector stores: their files, the states of these, and search.

    file:  in_progress -> completed, or failed, or cancelled (with its batch)

A file is processed when it has been retrieved twice, by itself or with its batch or store. A poller therefore sees it
in progress, and no test waits for a clock. A store expires on the emulator's clock. Only text is understood, and only
the first megabyte of a file.
"""

from __future__ import annotations

import codecs
import time
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from uuid import uuid4

from attrs import define, field

from openai_async.emulator.error_responses import ErrorResponse, invalid
from openai_async.emulator.fields import JSONObject
from openai_async.emulator.files.store import StoredFile
from openai_async.emulator.vector_stores.search import chunks, matches, scores

__all__ = ["CHUNKING", "FileBatch", "StoreFile", "VectorStore", "VectorStores"]

CHUNKING: JSONObject = {
    "type": "static",
    "static": {"max_chunk_size_tokens": 800, "chunk_overlap_tokens": 400},
}
_LOOKS = 2
_READ = 1024 * 1024  # bytes of a file
_DAY = 24 * 3600
_STATES = ("in_progress", "completed", "failed", "cancelled")


@define(eq=False)
class StoreFile:
    """A file of a store."""

    file: StoredFile
    store_id: str
    attributes: JSONObject | None
    chunking: JSONObject
    created_at: int = field(factory=lambda: int(time.time()))
    status: str = "in_progress"
    error: JSONObject | None = None
    text: str = ""
    chunks: list[str] = field(factory=list[str])
    _looks: int = 0

    @property
    def id(self) -> str:
        return self.file.id

    def look(self) -> None:
        """Count a retrieval, which advances the state."""
        self._looks += 1
        if self.status == "in_progress" and self._looks >= _LOOKS:
            self._process()

    def _process(self) -> None:
        content = b""
        for piece in self.file.pieces():
            content += piece
            if len(content) >= _READ:
                break
        try:
            self.text = codecs.getincrementaldecoder("utf-8")().decode(content, final=len(content) == self.file.size)
        except UnicodeDecodeError:
            return self._fail("unsupported_file", "The file type is not supported.")
        if not self.text.strip():
            return self._fail("invalid_file", "The file holds no text.")
        sizes = self.chunking["static"]
        self.chunks = chunks(self.text, sizes["max_chunk_size_tokens"], sizes["chunk_overlap_tokens"])
        self.status = "completed"
        return None

    def _fail(self, code: str, message: str) -> None:
        self.status, self.error, self.text = "failed", {"code": code, "message": message}, ""

    def described(self) -> JSONObject:
        """Get the API's object."""
        return {
            "id": self.id,
            "object": "vector_store.file",
            "created_at": self.created_at,
            "vector_store_id": self.store_id,
            "status": self.status,
            "last_error": self.error,
            "usage_bytes": len(self.text.encode()),
            "chunking_strategy": self.chunking,
            "attributes": self.attributes or {},
        }


@define(eq=False)
class FileBatch:
    """Files that were attached together."""

    store_id: str
    files: list[StoreFile]
    created_at: int = field(factory=lambda: int(time.time()))
    id: str = field(factory=lambda: f"vsfb_{uuid4().hex}")
    cancelled: bool = False

    @property
    def status(self) -> str:
        if self.cancelled:
            return "cancelled"
        return "in_progress" if any(file.status == "in_progress" for file in self.files) else "completed"

    def look(self) -> None:
        """Count a retrieval, which advances the files."""
        for file in self.files:
            file.look()

    def cancel(self) -> None:
        """Process no more files. Raises the API's 400 if none are left."""
        if self.status != "in_progress":
            raise invalid(f"Cannot cancel a file batch with status '{self.status}'.")
        self.cancelled = True
        for file in self.files:
            if file.status == "in_progress":
                file.status = "cancelled"

    def described(self) -> JSONObject:
        """Get the API's object."""
        return {
            "id": self.id,
            "object": "vector_store.files_batch",
            "created_at": self.created_at,
            "vector_store_id": self.store_id,
            "status": self.status,
            "file_counts": _counts(self.files),
        }


def _counts(files: Iterable[StoreFile]) -> JSONObject:
    counts = Counter(file.status for file in files)
    return {**{state: counts[state] for state in _STATES}, "total": counts.total()}


@define(eq=False)
class VectorStore:
    """One store. `days` is how long it is kept after its last use."""

    clock: Callable[[], float]
    name: str
    description: str | None
    metadata: JSONObject | None
    days: int | None
    created_at: int = field(factory=lambda: int(time.time()))
    id: str = field(factory=lambda: f"vs_{uuid4().hex}")
    files: dict[str, StoreFile] = field(factory=dict[str, StoreFile])
    batches: dict[str, FileBatch] = field(factory=dict[str, FileBatch])
    _used_at: int = 0
    _used: float = 0.0

    def __attrs_post_init__(self) -> None:
        self.use()

    def use(self) -> None:
        """Record a use, now."""
        self._used_at, self._used = int(time.time()), self.clock()

    @property
    def status(self) -> str:
        if self.days is not None and self.clock() >= self._used + self.days * _DAY:
            return "expired"
        return "in_progress" if any(file.status == "in_progress" for file in self.files.values()) else "completed"

    def alive(self) -> VectorStore:
        """Get the store itself. Raises the API's 400 if it has expired."""
        if self.status == "expired":
            raise invalid(f"Vector store {self.id} is expired.", code="vector_store_expired")
        return self

    def look(self) -> None:
        """Count a retrieval, which advances the files."""
        for file in self.files.values():
            file.look()

    def attach(self, files: list[StoreFile]) -> None:
        """Add files. A file that the store already has is processed again."""
        self.use()
        self.files.update({file.id: file for file in files})

    def find(self, id: str) -> StoreFile:
        """Get the file of this id. Raises the API's 404 if it is not in the store."""
        if id not in self.files:
            raise ErrorResponse(404, f"No file found with id '{id}' in vector store '{self.id}'.", param="file_id")
        return self.files[id]

    def batch(self, id: str) -> FileBatch:
        """Get the batch of this id. Raises the API's 404 if there is none."""
        if id not in self.batches:
            raise ErrorResponse(
                404, f"No file batch found with id '{id}' in vector store '{self.id}'.", param="batch_id"
            )
        return self.batches[id]

    def search(self, query: str, wanted: Mapping[str, object] | None, most: int, least: float) -> list[JSONObject]:
        """Get the chunks that match a query best, as the API's results."""
        self.use()
        candidates = [
            (file, chunk)
            for file in self.files.values()
            if file.status == "completed" and (wanted is None or matches({**wanted}, file.attributes or {}))
            for chunk in file.chunks
        ]
        rated = zip(scores(query, [chunk for _, chunk in candidates]), candidates, strict=True)
        best = sorted((pair for pair in rated if pair[0] > 0 and pair[0] >= least), key=lambda pair: -pair[0])
        return [
            {
                "file_id": file.id,
                "filename": file.file.filename,
                "score": score,
                "attributes": file.attributes or {},
                "content": [{"type": "text", "text": chunk}],
            }
            for score, (file, chunk) in best[:most]
        ]

    def described(self) -> JSONObject:
        """Get the API's object."""
        return {
            "id": self.id,
            "object": "vector_store",
            "created_at": self.created_at,
            "name": self.name,
            "description": self.description,
            "usage_bytes": sum(len(file.text.encode()) for file in self.files.values()),
            "file_counts": _counts(self.files.values()),
            "status": self.status,
            "expires_after": None if self.days is None else {"anchor": "last_active_at", "days": self.days},
            "expires_at": None if self.days is None else self._used_at + self.days * _DAY,
            "last_active_at": self._used_at,
            "metadata": self.metadata or {},
        }


class VectorStores:
    """The vector stores of one emulator, in order of creation."""

    def __init__(self) -> None:
        self._stores: dict[str, VectorStore] = {}

    def add(self, store: VectorStore) -> None:
        self._stores[store.id] = store

    def find(self, id: str) -> VectorStore:
        """Get the store of this id. Raises the API's 404 if there is none."""
        store = self._stores.get(id)
        if store is None:
            raise ErrorResponse(404, f"Vector store with id '{id}' not found.", param="vector_store_id")
        return store

    def listed(self) -> list[VectorStore]:
        """Get all stores, oldest first."""
        return list(self._stores.values())

    def delete(self, id: str) -> None:
        """Delete a store. Raises the API's 404 if there is none."""
        del self._stores[self.find(id).id]

    def clear(self) -> None:
        """Delete every store."""
        self._stores.clear()
