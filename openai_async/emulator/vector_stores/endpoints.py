"""The endpoints of `/v1/vector_stores`: stores, their files and file batches, and search.

Replies about unfinished work advise to poll again soon (`openai-poll-after-ms`).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import orjson
from attrs import frozen
from starlette.routing import Route

from openai_async.emulator.call import Answer, Call
from openai_async.emulator.endpoint import Endpoint
from openai_async.emulator.error_responses import Headers, invalid
from openai_async.emulator.fields import Fields, JSONObject, is_list, is_object, wrong_type
from openai_async.emulator.listing import listing
from openai_async.emulator.metadata import read_attributes, read_metadata
from openai_async.emulator.vector_stores.search import check_filter
from openai_async.emulator.vector_stores.store import CHUNKING, FileBatch, StoreFile, VectorStore

if TYPE_CHECKING:
    from openai_async.emulator.backend import Backend

__all__ = ["SearchSettings", "read_search", "routes"]

_MOST_FILES = 500  # that are attached at a time
_RANKERS = ("none", "auto", "default-2024-11-15")
_STATES = ("in_progress", "completed", "failed", "cancelled")
_POLL = ((b"openai-poll-after-ms", b"10"),)


def routes(emulator: Backend) -> list[Route]:
    """`/v1/vector_stores`, and everything below."""
    stores = emulator.vector_stores

    def store_of(call: Call) -> VectorStore:
        return stores.find(call.path_params["id"])

    def create(call: Call) -> Answer:
        fields = Fields(call.json() if call.body else {})
        store = VectorStore(
            clock=emulator.clock,
            name=fields.text("name") or "",
            description=fields.text("description"),
            metadata=read_metadata(fields),
            days=_days(fields),
        )
        store.attach(_attached(emulator, store, fields, "file_ids"))
        stores.add(store)
        return _answer(store.described())

    def retrieve(call: Call) -> Answer:
        store = store_of(call)
        store.look()
        return _answer(store.described(), headers=_POLL)

    def update(call: Call) -> Answer:
        store, body = store_of(call), call.json()
        fields = Fields(body)
        name, days, metadata = fields.text("name"), _days(fields), read_metadata(fields)
        store.name = store.name if name is None else name
        store.days = days if "expires_after" in body else store.days
        store.metadata = metadata if "metadata" in body else store.metadata
        return _answer(store.described())

    def delete(call: Call) -> Answer:
        stores.delete(call.path_params["id"])
        return _answer({"id": call.path_params["id"], "object": "vector_store.deleted", "deleted": True})

    def search(call: Call) -> Answer:
        return _answer(_search(store_of(call).alive(), Fields(call.json())))

    return [
        Route("/v1/vector_stores", Endpoint(emulator, GET=lambda c: listing(c, stores.listed()), POST=create)),
        Route("/v1/vector_stores/{id}", Endpoint(emulator, GET=retrieve, POST=update, DELETE=delete)),
        Route("/v1/vector_stores/{id}/search", Endpoint(emulator, POST=search)),
        *_file_routes(emulator),
        *_batch_routes(emulator),
    ]


def _file_routes(emulator: Backend) -> list[Route]:
    def store_of(call: Call) -> VectorStore:
        return emulator.vector_stores.find(call.path_params["id"])

    def file_of(call: Call) -> StoreFile:
        return store_of(call).find(call.path_params["file"])

    def attach(call: Call) -> Answer:
        store, fields = store_of(call).alive(), Fields(call.json())
        fields.required("file_id")
        file = _file(emulator, store, fields, fields)
        store.attach([file])
        return _answer(file.described())

    def retrieve(call: Call) -> Answer:
        file = file_of(call)
        file.look()
        return _answer(file.described(), headers=_POLL)

    def update(call: Call) -> Answer:
        file, fields = file_of(call), Fields(call.json())
        fields.required("attributes")
        file.attributes = read_attributes(fields)
        return _answer(file.described())

    def detach(call: Call) -> Answer:
        file = file_of(call)
        del store_of(call).files[file.id]
        return _answer({"id": file.id, "object": "vector_store.file.deleted", "deleted": True})

    def content(call: Call) -> Answer:
        file = file_of(call)
        if file.status != "completed":
            raise invalid(f"The content of a file with status '{file.status}' cannot be read.")
        data = [{"type": "text", "text": file.text}]
        return _answer({"object": "vector_store.file_content.page", "data": data, "has_more": False, "next_page": None})

    files = "/v1/vector_stores/{id}/files"
    return [
        Route(files, Endpoint(emulator, GET=lambda c: _files(c, store_of(c).files.values()), POST=attach)),
        Route(f"{files}/{{file}}", Endpoint(emulator, GET=retrieve, POST=update, DELETE=detach)),
        Route(f"{files}/{{file}}/content", Endpoint(emulator, GET=content)),
    ]


def _batch_routes(emulator: Backend) -> list[Route]:
    def store_of(call: Call) -> VectorStore:
        return emulator.vector_stores.find(call.path_params["id"])

    def batch_of(call: Call) -> FileBatch:
        return store_of(call).batch(call.path_params["batch"])

    def create(call: Call) -> Answer:
        store, fields = store_of(call).alive(), Fields(call.json())
        if (fields.get("files") is None) is (fields.get("file_ids") is None):
            raise invalid("Exactly one of 'file_ids' and 'files' must be given.", param="file_ids")
        batch = FileBatch(store.id, _attached(emulator, store, fields, "file_ids", "files"))
        store.attach(batch.files)
        store.batches[batch.id] = batch
        return _answer(batch.described())

    def retrieve(call: Call) -> Answer:
        batch = batch_of(call)
        batch.look()
        return _answer(batch.described(), headers=_POLL)

    def cancel(call: Call) -> Answer:
        batch = batch_of(call)
        batch.cancel()
        return _answer(batch.described())

    batches = "/v1/vector_stores/{id}/file_batches"
    return [
        Route(batches, Endpoint(emulator, POST=create)),
        Route(f"{batches}/{{batch}}", Endpoint(emulator, GET=retrieve)),
        Route(f"{batches}/{{batch}}/cancel", Endpoint(emulator, POST=cancel)),
        Route(f"{batches}/{{batch}}/files", Endpoint(emulator, GET=lambda c: _files(c, batch_of(c).files))),
    ]


def _answer(value: JSONObject, *, headers: Headers = ()) -> Answer:
    return Answer(orjson.dumps(value), headers=headers)


def _files(call: Call, files: Any) -> Answer:
    state = Fields({**call.query}).choice("filter", _STATES)
    return listing(call, [file for file in files if state in (None, file.status)])


def _attached(emulator: Backend, store: VectorStore, fields: Fields, *names: str) -> list[StoreFile]:
    attached: list[StoreFile] = []
    for name in names:
        for index, one in enumerate(fields.array(name, most=_MOST_FILES) or ()):
            own = one if is_object(one) else {"file_id": one}
            attached.append(_file(emulator, store, Fields(own, f"{name}[{index}]"), fields))
    return attached


def _file(emulator: Backend, store: VectorStore, own: Fields, shared: Fields) -> StoreFile:
    """Make a file of a store. Settings that it lacks are those shared by all files of the request."""
    own.required("file_id")
    file = emulator.files.find(own.text("file_id") or "")
    attributes = read_attributes(own) if own.get("attributes") is not None else read_attributes(shared)
    chunking = _chunking(own if own.get("chunking_strategy") is not None else shared)
    return StoreFile(file, store.id, attributes, chunking)


def _chunking(fields: Fields) -> JSONObject:
    strategy = fields.fields("chunking_strategy")
    if strategy is None:
        return CHUNKING
    strategy.required("type")
    if strategy.choice("type", ("auto", "static")) == "auto":
        return CHUNKING
    strategy.required("static")
    sizes = strategy.fields("static") or strategy
    for name in ("max_chunk_size_tokens", "chunk_overlap_tokens"):
        sizes.required(name)
    most = sizes.integer("max_chunk_size_tokens", 100, 4096) or 0
    overlap = sizes.integer("chunk_overlap_tokens", 0, most // 2) or 0
    return {"type": "static", "static": {"max_chunk_size_tokens": most, "chunk_overlap_tokens": overlap}}


def _days(fields: Fields) -> int | None:
    expiry = fields.fields("expires_after")
    if expiry is None:
        return None
    expiry.required("anchor")
    expiry.choice("anchor", ("last_active_at",))
    expiry.required("days")
    return expiry.integer("days", 1, 365)


@frozen
class SearchSettings:
    """The settings of a search: attribute filters, most results, and their least score."""

    filters: Mapping[str, object] | None
    most: int
    least: float


def read_search(fields: Fields) -> SearchSettings:
    """Read the settings of a search, or of a search tool. Raises the API's 400 if they are invalid."""
    if (wanted := fields.get("filters")) is not None:
        check_filter(wanted, fields.param("filters"))
    most = fields.integer("max_num_results", 1, 50) or 10
    ranking = fields.fields("ranking_options") or Fields({})
    ranking.choice("ranker", _RANKERS)
    return SearchSettings(wanted, most, ranking.number("score_threshold", 0, 1) or 0.0)


def _search(store: VectorStore, fields: Fields) -> JSONObject:
    query = fields.required("query")
    queries: list[Any] = query if is_list(query) else [query]
    if not all(isinstance(one, str) for one in queries):
        raise wrong_type("query", "one of a string or array of strings", query)
    settings = read_search(fields)
    return {
        "object": "vector_store.search_results.page",
        "search_query": queries,
        "data": store.search(" ".join(queries), settings.filters, settings.most, settings.least),
        "has_more": False,
        "next_page": None,
    }
