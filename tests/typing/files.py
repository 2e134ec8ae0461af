"""What type checkers say of files, uploads, batches and raw access. Never run: both checkers read it, strictly."""

# pyright: reportUnnecessaryTypeIgnoreComment=true

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from typing import assert_type

from openai_async import (
    APIObject,
    AsyncClient,
    AsyncPage,
    AsyncPaginator,
    Binary,
    Client,
    Page,
    Paginator,
    validate_jsonl,
)
from openai_async.batch import BadLine
from openai_async.types.batches import Batch
from openai_async.types.files import FileDeleted, FileObject
from openai_async.types.models import Model
from openai_async.types.uploads import Upload, UploadPart, UploadState


async def files(client: AsyncClient, pieces: AsyncIterator[bytes], path: Path) -> None:
    create = client.files.create
    assert_type(await create(file=path, purpose="batch"), FileObject)
    await create(file=("a", pieces, "text/plain"), purpose="of tomorrow", on_upload=lambda sent, total: None)
    await create(file=path)  # type: ignore[call-arg]
    await create(file=3, purpose="batch")  # type: ignore[arg-type]
    assert_type(client.files.list(limit=3), AsyncPaginator[FileObject])
    assert_type(await client.files.list(), AsyncPage[FileObject])
    assert_type(await client.files.delete("f"), FileDeleted)
    assert_type(await client.files.content("f"), Binary)
    assert_type(await client.files.download("f", path), int)
    async with client.files.stream_content("f") as content:
        assert_type([piece async for piece in content], list[bytes])


async def uploads(client: AsyncClient, path: Path, state: UploadState) -> None:
    await client.uploads.create(bytes=3, filename="a", mime_type="text/plain")  # type: ignore[call-arg]
    assert_type(await client.uploads.parts.create("u", data=b""), UploadPart)
    done = await client.uploads.upload_file_chunked(file=path, mime_type="a/b", purpose="batch", resume=state)
    assert_type(done, Upload)
    assert_type(done.file, FileObject | None)


async def batches(client: AsyncClient) -> None:
    assert_type(await client.batches.create(input_file_id="f", endpoint="/v1/responses"), Batch)
    assert_type(await client.batches.wait("b", max_wait=3, on_poll=lambda batch: None), Batch)


async def raw(client: AsyncClient) -> None:
    assert_type(await client.get("/x"), APIObject)
    assert_type(await client.get("/x", cast_to=Model), Model)
    assert_type(await client.post("/x", body={}, cast_to=Binary), Binary)
    assert_type(await client.put("/x", body=[1], cast_to=bytes), bytes)


def threads(client: Client, path: Path) -> None:
    assert_type(client.files.create(file=path, purpose="batch"), FileObject)
    assert_type(client.files.list(), Paginator[FileObject])
    assert_type(client.files.list().first_page(), Page[FileObject])
    assert_type(client.uploads.parts.create("u", data=b""), UploadPart)
    assert_type(client.batches.retrieve("b"), Batch)
    assert_type(client.get("/x"), APIObject)
    assert_type(client.delete("/x", cast_to=bytes), bytes)
    for problem in validate_jsonl(path, "chat"):
        assert_type(problem, BadLine)
