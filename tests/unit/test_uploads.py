"""Uploads in parts: in parallel, with progress, checked, and gone on with after an interruption."""

from __future__ import annotations

import hashlib
import json
import os
import re
import threading
from collections.abc import AsyncIterator, Callable
from io import BytesIO
from pathlib import Path
from typing import Any

import anyio
import anyio.lowlevel
import attrs
import pytest

from openai_async import (
    AsyncClient,
    BadRequestError,
    Client,
    InternalServerError,
    InvalidParameterError,
    NotFoundError,
)
from openai_async.emulator import Emulator
from openai_async.testing import FaultServer, Gate, Request, Script, json_reply, no_leaks
from openai_async.types.uploads import UploadState

CONTENT = os.urandom(100_003)
STATED: dict[str, Any] = {"mime_type": "application/octet-stream", "purpose": "user_data"}


@pytest.fixture
def emulator() -> Emulator:
    return Emulator()


@pytest.fixture
async def client(emulator: Emulator) -> AsyncIterator[AsyncClient]:
    with emulator.run() as server:
        async with AsyncClient(api_key="k", base_url=server.base_url, trust_env=False) as client:
            yield client


@pytest.fixture
def path(tmp_path: Path) -> Path:
    path = tmp_path / "data.bin"
    path.write_bytes(CONTENT)
    return path


# ---- call by call


async def test_an_upload_is_made_of_its_parts_in_the_stated_order(client: AsyncClient) -> None:
    """Parts are bytes or files, sent in any order; the file is what `part_ids` says."""
    upload = await client.uploads.create(bytes=9, filename="a.txt", **STATED)
    assert (upload.status, upload.bytes, upload.file) == ("pending", 9, None)
    parts = [
        await client.uploads.parts.create(upload.id, data=data) for data in (b"three", BytesIO(b"two"), b"x", b"o")
    ]
    assert {part.upload_id for part in parts} == {upload.id}
    order = [parts[3].id, parts[1].id, parts[0].id]
    done = await client.uploads.complete(upload.id, part_ids=order, md5=hashlib.md5(b"otwothree").hexdigest())
    assert (done.id, done.status) == (upload.id, "completed")
    assert done.file is not None
    assert (done.file.filename, done.file.bytes, done.file.purpose) == ("a.txt", 9, "user_data")
    assert (await client.files.content(done.file.id)).content == b"otwothree"


async def test_an_upload_is_given_up(client: AsyncClient) -> None:
    """After that it takes no part, and becomes no file."""
    upload = await client.uploads.create(bytes=3, filename="a.txt", **STATED)
    assert (await client.uploads.cancel(upload.id)).status == "cancelled"
    for call in (
        client.uploads.parts.create(upload.id, data=b"abc"),
        client.uploads.complete(upload.id, part_ids=[]),
        client.uploads.cancel(upload.id),
    ):
        with pytest.raises(BadRequestError, match="cancelled"):
            await call
    with pytest.raises(NotFoundError):
        await client.uploads.cancel("upload_none")
    with pytest.raises(InvalidParameterError):
        await client.uploads.parts.create("../files", data=b"abc")


# ---- in parts


@pytest.mark.parametrize("part_size", [None, 100_003, 100_002, 7_001, 50_000])
async def test_a_file_arrives_in_parts(client: AsyncClient, path: Path, part_size: int | None) -> None:
    """Whatever the size of the parts; progress ends at the size of the file, and the states grow by a part."""
    seen: list[tuple[int, int | None]] = []
    states: list[UploadState] = []
    upload = await client.uploads.upload_file_chunked(
        file=path, part_size=part_size, on_upload=lambda *at: seen.append(at), on_part=states.append, **STATED
    )
    assert upload.file is not None
    assert (await client.files.content(upload.file.id)).content == CONTENT
    assert upload.file.filename == "data.bin"
    assert seen[-1] == (len(CONTENT), len(CONTENT))
    assert all(sent <= len(CONTENT) for sent, _ in seen)
    parts = -(-len(CONTENT) // (part_size or len(CONTENT)))
    assert [len(state.missing) for state in states] == list(range(parts))[::-1]
    assert states[-1].arrived == len(CONTENT)


async def test_bytes_arrive_in_parts(client: AsyncClient) -> None:
    """They need a name, and are otherwise a file."""
    upload = await client.uploads.upload_file_chunked(file=CONTENT, filename="b", part_size=9_999, **STATED)
    assert upload.file is not None
    assert upload.file.filename == "b"
    assert (await client.files.content(upload.file.id)).content == CONTENT


def test_threads_upload_in_parts(emulator: Emulator, path: Path) -> None:
    """The synchronous client does the same."""
    with emulator.run() as server, Client(api_key="k", base_url=server.base_url, trust_env=False) as client:
        upload = client.uploads.upload_file_chunked(file=path, part_size=9_999, **STATED)
        assert upload.file is not None
        assert client.files.content(upload.file.id).content == CONTENT
        upload = client.uploads.create(bytes=3, filename="a.txt", **STATED)
        part = client.uploads.parts.create(upload.id, data=b"abc")
        assert client.uploads.complete(upload.id, part_ids=[part.id]).status == "completed"


async def test_no_more_parts_are_sent_at_a_time_than_asked(path: Path) -> None:
    """The bound is reached, and holds while none of them is answered."""

    def answer(request: Request) -> Script:
        reply = json_reply({"id": "x", "status": "completed"})
        return (Gate("part"), *reply) if request.target.endswith("/parts") else reply

    with FaultServer(answer) as server:
        async with (
            AsyncClient(api_key="k", base_url=server.base_url, trust_env=False) as client,
            anyio.create_task_group() as group,
        ):
            group.start_soon(
                lambda: client.uploads.upload_file_chunked(file=path, part_size=12_000, max_in_flight=3, **STATED)
            )
            await server.until(lambda server: server.marks.get("part", 0) == 3)
            for _ in range(200):
                await anyio.lowlevel.checkpoint()
            assert len([request for request in server.requests if request.target.endswith("/parts")]) == 3
            server.open_gate("part")
        assert len(server.requests) == 1 + 9 + 1


async def test_the_checksum_is_that_of_the_whole_file(path: Path) -> None:
    """It is reckoned from the file, unless it was given."""

    def answer(request: Request) -> Script:
        return json_reply({"id": "x"})

    given = "0" * 32
    with FaultServer(answer) as server:
        async with AsyncClient(api_key="k", base_url=server.base_url, trust_env=False) as client:
            await client.uploads.upload_file_chunked(file=path, part_size=40_000, **STATED)
            assert server.requests[-1].json()["md5"] == hashlib.md5(CONTENT).hexdigest()
            await client.uploads.upload_file_chunked(file=CONTENT, filename="a", part_size=40_000, **STATED)
            assert server.requests[-1].json()["md5"] == hashlib.md5(CONTENT).hexdigest()
            await client.uploads.upload_file_chunked(file=path, md5=given, **STATED)
            assert server.requests[-1].json()["md5"] == given


async def test_a_file_that_changes_meanwhile_is_no_success(client: AsyncClient, path: Path) -> None:
    """The API compares the checksum with what has arrived."""

    def change(state: UploadState) -> None:
        if len(state.missing) == 1:
            path.write_bytes(CONTENT[::-1])

    with pytest.raises(BadRequestError, match="MD5") as caught:
        await client.uploads.upload_file_chunked(
            file=path,
            part_size=50_002,
            max_in_flight=1,
            md5=hashlib.md5(CONTENT).hexdigest(),
            on_part=change,
            **STATED,
        )
    assert caught.value.param == "md5"


# ---- interruptions


def failing_at(fails: Callable[[int], bool]) -> Any:
    """A plan that answers like the API; the parts that `fails` names, counted from 1, get a 400."""
    count = 0
    lock = threading.Lock()

    def answer(request: Request) -> Script:
        nonlocal count
        if request.target.endswith("/parts"):
            with lock:
                count += 1
                number = count
            if fails(number):
                return json_reply({"error": {"message": "no"}}, 400)
            start = re.search(rb"\r\n\r\n(\d+)\r\n", request.body)
            assert start is not None
            return json_reply({"id": f"part_{int(start[1])}"})
        return json_reply({"id": "upload_1", "status": "completed", "echo": json.loads(request.body or b"{}")})

    return answer


async def test_an_interrupted_upload_is_gone_on_with(tmp_path: Path) -> None:
    """The error holds the state; only the parts that are missing are sent, and all are named in their order."""
    path = tmp_path / "numbers"
    path.write_bytes(b"".join(b"%04d" % number for number in range(20)))
    with FaultServer(failing_at(lambda number: number == 8)) as server:
        async with no_leaks(), AsyncClient(api_key="k", base_url=server.base_url, trust_env=False) as client:
            with pytest.raises(BadRequestError) as caught:
                await client.uploads.upload_file_chunked(file=path, part_size=4, max_in_flight=3, **STATED)
    state = caught.value.partial
    assert isinstance(state, UploadState)
    assert 5 <= 20 - len(state.missing) <= 19
    kept = UploadState(**json.loads(json.dumps(attrs.asdict(state))))
    assert kept == state

    with FaultServer(failing_at(lambda number: False)) as server:
        async with no_leaks(), AsyncClient(api_key="k", base_url=server.base_url, trust_env=False) as client:
            upload = await client.uploads.upload_file_chunked(file=path, resume=kept, **STATED)
        targets = [request.target for request in server.requests]
    parts, complete = "/v1/uploads/upload_1/parts", "/v1/uploads/upload_1/complete"
    assert targets == [*[parts] * len(state.missing), complete]
    assert upload.echo["part_ids"] == [f"part_{number}" for number in range(20)]  # type: ignore[attr-defined]


async def test_a_failed_completion_is_gone_on_with(client: AsyncClient, path: Path) -> None:
    """All parts are there: none is sent again."""
    with pytest.raises(BadRequestError, match="MD5") as caught:
        await client.uploads.upload_file_chunked(file=path, part_size=9_999, md5="0" * 32, **STATED)
    seen: list[object] = []
    upload = await client.uploads.upload_file_chunked(
        file=path, resume=caught.value.partial, on_upload=lambda *at: seen.append(at), on_part=seen.append, **STATED
    )
    assert (upload.status, seen) == ("completed", [])


async def test_the_state_after_a_crash_is_that_of_the_last_part(client: AsyncClient, path: Path) -> None:
    """What `on_part` was given is enough to go on with, whatever ended the call."""

    class Crash(Exception):
        pass

    states: list[UploadState] = []

    def crash(state: UploadState) -> None:
        states.append(state)
        if len(states) == 4:
            raise Crash

    with pytest.raises(Crash):
        await client.uploads.upload_file_chunked(file=path, part_size=9_999, max_in_flight=1, on_part=crash, **STATED)
    assert [len(state.missing) for state in states] == [10, 9, 8, 7]
    upload = await client.uploads.upload_file_chunked(file=path, resume=states[-1], **STATED)
    assert upload.file is not None
    assert (await client.files.content(upload.file.id)).content == CONTENT


async def test_a_failure_ends_the_other_parts(path: Path) -> None:
    """Parts that are under way when one fails are dropped, and leave nothing behind."""
    held = False

    def answer(request: Request) -> Script:
        nonlocal held
        if not request.target.endswith("/parts"):
            return json_reply({"id": "upload_1"})
        if not held:
            held = True
            return (Gate("never"), *json_reply({"id": "late"}))
        return json_reply({"error": {"message": "no"}}, 500)

    with FaultServer(answer) as server:
        async with no_leaks(), AsyncClient(api_key="k", base_url=server.base_url, trust_env=False) as client:
            with pytest.raises(InternalServerError) as caught:
                await client.uploads.upload_file_chunked(
                    file=path, part_size=10_000, max_in_flight=2, max_retries=0, **STATED
                )
    assert caught.value.partial.part_ids == [None] * 11


async def test_a_cancelled_upload_leaves_nothing_open(path: Path) -> None:
    """All parts that are under way are dropped; the state so far goes on with it."""
    states: list[UploadState] = []

    def answer(request: Request) -> Script:
        if b"\r\n\r\n" + CONTENT[:10] in request.body or not request.target.endswith("/parts"):
            return json_reply({"id": "x"})
        return (Gate("held"), *json_reply({"id": "late"}))

    with FaultServer(answer) as server:
        async with (
            no_leaks(),
            AsyncClient(api_key="k", base_url=server.base_url, trust_env=False) as client,
            anyio.create_task_group() as group,
        ):
            group.start_soon(
                lambda: client.uploads.upload_file_chunked(
                    file=path, part_size=10_000, max_in_flight=3, on_part=states.append, **STATED
                )
            )
            await server.until(lambda server: server.marks.get("held", 0) == 3)
            group.cancel_scope.cancel()
    assert [state.missing for state in states] == [list(range(1, 11))]


# ---- refusals


@pytest.mark.parametrize(
    ("given", "field"),
    [
        ({"file": Path("/nowhere")}, "file"),
        ({"file": b""}, "filename"),
        ({"file": b"", "filename": "a"}, "file"),
        ({"file": "text"}, "file"),
        ({"part_size": 0}, "part_size"),
        ({"part_size": (64 << 20) + 1}, "part_size"),
        ({"part_size": True}, "part_size"),
        ({"max_in_flight": 0}, "max_in_flight"),
        ({"max_in_flight": "4"}, "max_in_flight"),
        ({"resume": UploadState("u", 100_002, 100, [None])}, "resume"),
        ({"resume": UploadState("u", 100_003, 100, [None])}, "resume"),
        ({"resume": UploadState("u", 100_003, 0, [])}, "resume"),
        ({"resume": UploadState("u", 100_003, 100_003, [None]), "part_size": 100}, "part_size"),
    ],
)
async def test_what_cannot_be_uploaded_is_refused(path: Path, given: dict[str, Any], field: str) -> None:
    """Before anything is sent, by the name of the argument."""
    with FaultServer([json_reply({"id": "u"})]) as server:
        async with AsyncClient(api_key="k", base_url=server.base_url, trust_env=False) as client:
            with pytest.raises(InvalidParameterError) as caught:
                await client.uploads.upload_file_chunked(**{"file": path, **STATED, **given})
        assert caught.value.field == field
        assert not server.requests


async def test_an_upload_of_tomorrow_is_an_upload() -> None:
    """Unknown states, fields more and fewer, and nulls are read and kept."""
    with FaultServer([json_reply({"id": "u", "status": "resting", "file": None, "mood": 1})]) as server:
        async with AsyncClient(api_key="k", base_url=server.base_url, trust_env=False) as client:
            upload = await client.uploads.cancel("u")
    assert (upload.status, upload.file, upload.extra) == ("resting", None, {"mood": 1})
