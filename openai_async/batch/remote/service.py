"""The API calls of a remote batch: one method for each operation on files and batches.

Reads are retried like any other call. `upload` and `create` are sent once, because the caller has to look for their
effect before sending again. Nothing here decides, waits, or touches the disk.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Mapping
from typing import Any, TypeVar

import attrs

from openai_async._pipeline.billing import Billing
from openai_async._pipeline.pipeline import Pipeline
from openai_async._pipeline.request import Request
from openai_async._policy.totals import CostTotals, ModelTotals
from openai_async._wire import codec, paths
from openai_async.errors import InvalidParameterError
from openai_async.resources._base import prepare
from openai_async.resources._operation import Operation, Verb
from openai_async.types._base import Reply
from openai_async.types.batches import Batch
from openai_async.types.files import FileObject

R = TypeVar("R", bound=Reply)


@attrs.define(repr=False)
class _Files(Reply):
    data: list[FileObject]
    has_more: bool = False


@attrs.define(repr=False)
class _Batches(Reply):
    data: list[Batch]
    has_more: bool = False


class Service:
    """The operations, on a client's pipeline. `options` are the call options of all of them.

    Raises:
        InvalidParameterError: an option cannot be used.
    """

    def __init__(self, pipeline: Pipeline, options: Mapping[str, Any]) -> None:
        if options.get("extra_body"):
            raise InvalidParameterError("extra_body", "has no place here; params= is for what all bodies share")
        self._pipeline = pipeline
        self._options = {name: value for name, value in options.items() if value is not None}
        self._call("GET", "/batches", bytes)  # refuses what any call would be refused for

    async def files(self) -> list[FileObject]:
        """Every file that was uploaded for a batch, the newest first."""
        query: dict[str, Any] = {"purpose": "batch", "limit": 10_000}
        items: list[FileObject] = []
        while True:
            page = await self._fetch(_Files, "GET", "/files", query=query)
            items += page.data
            if not page.has_more or not page.data:
                return items
            query["after"] = items[-1].id

    async def batches(self) -> list[Batch]:
        """Every batch, the newest first."""
        query: dict[str, Any] = {"limit": 100}
        items: list[Batch] = []
        while True:
            page = await self._fetch(_Batches, "GET", "/batches", query=query)
            items += page.data
            if not page.has_more or not page.data:
                return items
            query["after"] = items[-1].id

    async def upload(self, content_type: str, form: bytes) -> FileObject:
        """Upload the file in a form that `_wire.multipart` has made."""
        call = self._call("POST", "/files", codec.decoder(FileObject))
        headers = [pair for pair in call.headers if pair[0] != b"content-type"]
        call = attrs.evolve(call, headers=[*headers, (b"content-type", content_type.encode())], body=form)
        del form  # no frame of a traceback shows it
        file: FileObject = await self._pipeline.fetch(call)
        return file

    async def create(self, file_id: str, endpoint: str, metadata: Mapping[str, str]) -> Batch:
        """Create a batch."""
        body = {
            "input_file_id": file_id,
            "endpoint": endpoint,
            "completion_window": "24h",  # the only one there is
            "metadata": metadata,
        }
        return await self._fetch(Batch, "POST", "/batches", body=body)

    async def batch(self, batch_id: str) -> Batch:
        """Retrieve a batch."""
        return await self._fetch(Batch, "GET", paths.render("/batches/{id}", id=batch_id), scope="/batches/{id}")

    async def file(self, file_id: str) -> FileObject:
        """Retrieve an uploaded file."""
        return await self._fetch(FileObject, "GET", paths.render("/files/{id}", id=file_id), scope="/files/{id}")

    async def content(self, file_id: str) -> bytes:
        """Download a file."""
        path = paths.render("/files/{id}/content", id=file_id)
        content, _ = await self._pipeline.fetch_bytes(self._call("GET", path, bytes, scope="/files/{id}/content"))
        return content

    def separate_bill(self) -> Billing:
        """A bill with the client's prices and totals of its own, for another thread; then see `book`."""
        bill = copy.copy(self._pipeline.billing)
        bill.totals = CostTotals()
        return bill

    def book(self, totals: CostTotals) -> None:
        """Add the totals of a separate bill to the client's."""
        for model, spent in totals.models.items():
            self._pipeline.billing.totals.models.setdefault(model, ModelTotals()).add(spent)

    async def _fetch(self, cls: type[R], method: Verb, path: str, **parts: Any) -> R:
        reply: R = await self._pipeline.fetch(self._call(method, path, codec.decoder(cls), **parts))
        return reply

    def _call(
        self,
        method: Verb,
        path: str,
        decode: Callable[[bytes], Any],
        *,
        query: Mapping[str, Any] | None = None,
        body: Mapping[str, Any] | None = None,
        scope: str | None = None,
    ) -> Request:
        params: dict[str, Any] = {**self._options, "extra_body": body}
        if query:
            params["extra_query"] = {**(self._options.get("extra_query") or {}), **query}
        return prepare(self._pipeline, Operation(method, path), decode, params, scope=scope)
