"""The official client against the emulator: files, uploads in parts, and batches, as it spells them."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from io import BytesIO
from pathlib import Path

import openai
import pytest

from openai_async.emulator import Emulator

CONTENT = os.urandom(100_003)


@pytest.fixture
def emulator() -> Emulator:
    return Emulator(any_model=True)


@pytest.fixture
def client(emulator: Emulator) -> Iterator[openai.OpenAI]:
    with emulator.run() as server, openai.OpenAI(api_key="k", base_url=server.base_url, max_retries=0) as client:
        yield client


def test_a_file_goes_there_and_comes_back(client: openai.OpenAI, tmp_path: Path) -> None:
    """Create, wait, retrieve, list, content whole and streamed, delete."""
    path = tmp_path / "data.bin"
    path.write_bytes(CONTENT)
    file = client.files.create(file=path, purpose="user_data", expires_after={"anchor": "created_at", "seconds": 3600})
    assert (file.filename, file.bytes, file.purpose, file.object) == ("data.bin", len(CONTENT), "user_data", "file")
    assert file.expires_at == file.created_at + 3600
    assert client.files.wait_for_processing(file.id, poll_interval=0.01).status == "processed"
    assert client.files.retrieve(file.id) == file
    assert client.files.content(file.id).read() == CONTENT
    with client.files.with_streaming_response.content(file.id) as response:
        response.stream_to_file(tmp_path / "copy")
    assert (tmp_path / "copy").read_bytes() == CONTENT
    other = client.files.create(file=("a.txt", b"abc", "text/plain"), purpose="assistants")
    assert [found.id for found in client.files.list()] == [other.id, file.id]
    assert [found.id for found in client.files.list(purpose="user_data")] == [file.id]
    assert client.files.delete(file.id).deleted
    with pytest.raises(openai.NotFoundError):
        client.files.retrieve(file.id)
    with pytest.raises(openai.BadRequestError) as caught:
        client.files.create(file=b"abc", purpose="search")  # type: ignore[arg-type]
    assert (caught.value.param, caught.value.code) == ("purpose", "invalid_value")


def test_ten_thousand_files_are_listed_completely(emulator: Emulator, client: openai.OpenAI) -> None:
    """Over pages as the official client asks for them."""
    expected = [emulator.files.add(BytesIO(), f"{number}", "user_data").id for number in range(10_000)]
    assert [file.id for file in client.files.list(limit=1_000, order="asc")] == expected


def test_a_file_is_uploaded_in_parts(client: openai.OpenAI, tmp_path: Path) -> None:
    """By its helper, and call by call; given up, too."""
    path = tmp_path / "data.bin"
    path.write_bytes(CONTENT)
    upload = client.uploads.upload_file_chunked(
        file=path, mime_type="application/octet-stream", purpose="user_data", part_size=9_999
    )
    assert upload.status == "completed"
    assert upload.file is not None
    assert client.files.content(upload.file.id).read() == CONTENT
    upload = client.uploads.create(bytes=6, filename="a.txt", mime_type="text/plain", purpose="assistants")
    parts = [client.uploads.parts.create(upload.id, data=data).id for data in (b"def", b"abc")]
    with pytest.raises(openai.BadRequestError, match="MD5"):
        client.uploads.complete(upload.id, part_ids=parts, md5="0" * 32)
    assert client.uploads.complete(upload.id, part_ids=parts[::-1]).status == "completed"
    upload = client.uploads.create(bytes=6, filename="a.txt", mime_type="text/plain", purpose="assistants")
    assert client.uploads.cancel(upload.id).status == "cancelled"


def test_a_batch_runs_to_its_end(emulator: Emulator, client: openai.OpenAI) -> None:
    """Create, list, retrieve until it has ended, read its answers; cancel another."""
    row = {
        "method": "POST",
        "url": "/v1/chat/completions",
        "body": {"model": "small", "messages": [{"role": "user", "content": "Hello!"}]},
    }
    rows = b"".join(json.dumps({"custom_id": f"r{number}", **row}).encode() + b"\n" for number in range(3))
    file = client.files.create(file=("in.jsonl", rows), purpose="batch")
    batch = client.batches.create(
        input_file_id=file.id, endpoint="/v1/chat/completions", completion_window="24h", metadata={"a": "b"}
    )
    assert batch.metadata == {"a": "b"}
    while batch.status not in ("completed", "failed"):  # each question is a request over a socket
        batch = client.batches.retrieve(batch.id)
    assert batch.status == "completed"
    assert batch.request_counts is not None
    assert (batch.request_counts.total, batch.request_counts.completed) == (3, 3)
    assert batch.output_file_id is not None
    answers = client.files.content(batch.output_file_id).text.splitlines()
    assert {json.loads(answer)["custom_id"] for answer in answers} == {"r0", "r1", "r2"}
    emulator.batch_delay = 60.0
    other = client.batches.create(input_file_id=file.id, endpoint="/v1/chat/completions", completion_window="24h")
    assert [found.id for found in client.batches.list(limit=1)] == [other.id, batch.id]
    assert client.batches.cancel(other.id).status in ("cancelling", "cancelled")
    with pytest.raises(openai.ConflictError):
        client.batches.cancel(batch.id)
