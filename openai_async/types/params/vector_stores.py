"""Parameters of vector store endpoints.

Names are those of the API. None omits a parameter; `NULL` sends a null. Nothing here is checked at run time.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Literal, NotRequired, Required, TypeAlias, TypedDict

from openai_async.types.params.options import Nullable, RequestOptions
from openai_async.types.settings import Null

#: At most 16 pairs; keys up to 64 characters, values up to 512.
Metadata: TypeAlias = Mapping[str, str]
#: At most 16 pairs; texts up to 512 characters, numbers and booleans. Searches and lists of files filter by them.
Attributes: TypeAlias = Mapping[str, str | float | bool]


class StaticChunking(TypedDict):
    """The sizes of chunks in tokens: 100 to 4096, with an overlap of at most half of that."""

    max_chunk_size_tokens: int
    chunk_overlap_tokens: int


class ChunkingStrategy(TypedDict, total=False):
    """How files are chunked: {"type": "auto"}, or {"type": "static", "static": {...}}."""

    type: Required[Literal["auto", "static"] | str]
    static: StaticChunking


class ExpiresAfter(TypedDict):
    """The lifetime of a vector store: days (1 to 365) after its last use."""

    anchor: Literal["last_active_at"] | str
    days: int


class ComparisonFilter(TypedDict):
    """A filter that compares an attribute with a value."""

    type: Literal["eq", "ne", "gt", "gte", "lt", "lte", "in", "nin"] | str
    key: str
    value: str | float | bool | Sequence[str | float]


class CompoundFilter(TypedDict):
    """Several filters, all ("and") or any ("or") of which must hold."""

    type: Literal["and", "or"] | str
    filters: Sequence[ComparisonFilter | CompoundFilter]


class RankingOptions(TypedDict, total=False):
    """How results are ranked, and their minimum score (0 to 1)."""

    ranker: Literal["none", "auto", "default-2024-11-15"] | str
    score_threshold: float


class ListParams(RequestOptions, total=False):
    """Parameters of a list."""

    #: Items a page: 1 to 100, 20 by default.
    limit: int | None
    #: By time of creation; the newest first by default.
    order: Literal["asc", "desc"] | None
    #: Id of the item after which, or before which, the page stands.
    after: str | None
    before: str | None


class FileListParams(ListParams, total=False):
    """Parameters of a list of files."""

    #: Only files in this state.
    filter: Literal["in_progress", "completed", "failed", "cancelled"] | str | None


class VectorStoreUpdateParams(RequestOptions, total=False):
    """Parameters that update a vector store."""

    name: Nullable[str]
    #: `NULL`: it does not expire any more.
    expires_after: Nullable[ExpiresAfter]
    metadata: Nullable[Metadata]


class VectorStoreCreateParams(RequestOptions, total=False):
    """Parameters of a new vector store."""

    name: str | None
    expires_after: ExpiresAfter | None
    metadata: Nullable[Metadata]
    description: str | None
    file_ids: Sequence[str] | None
    #: Of the files named here; "auto" by default.
    chunking_strategy: ChunkingStrategy | None


class VectorStoreSearchParams(RequestOptions, total=False):
    """Parameters of a search."""

    query: Required[str | Sequence[str]]
    filters: ComparisonFilter | CompoundFilter | None
    #: 1 to 50, 10 by default.
    max_num_results: int | None
    ranking_options: RankingOptions | None
    rewrite_query: bool | None


class FileParams(RequestOptions, total=False):
    """The attributes and the chunking strategy of a file."""

    attributes: Nullable[Attributes]
    chunking_strategy: ChunkingStrategy | None


class FileUpdateParams(RequestOptions, total=False):
    """Parameters that update a file: its attributes, all of them at once."""

    attributes: Required[Attributes | Null]


class FileCreateParams(FileParams, total=False):
    """Parameters of a file to attach."""

    file_id: Required[str]


class BatchFile(TypedDict):
    """One file of a batch, with its own attributes and chunks."""

    file_id: str
    attributes: NotRequired[Attributes]
    chunking_strategy: NotRequired[ChunkingStrategy]


class FileBatchCreateParams(FileParams, total=False):
    """Files to attach together: `file_ids`, or `files` if each has its own settings."""

    file_ids: Sequence[str] | None
    files: Sequence[BatchFile] | None
