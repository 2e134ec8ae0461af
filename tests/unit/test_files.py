"""Files: to the API and back, listed, described, waited for and deleted."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator
from io import BytesIO
from pathlib import Path
from typing import Any

import anyio
import anyio.lowlevel
import pytest

from openai_async import (
    APIConnectionError,
    AsyncClient,
    BadRequestError,
    Client,
    DecodeError,
    InvalidParameterError,
    NotFoundError,
    ResponseTooLargeError,
    WaitTimeoutError,
)
from openai_async.emulator import Emulator
from openai_async.testing import FaultServer, Fin, Gate, Rst, Send, every_offset, json_reply, no_leaks, respond, wire
from openai_async.types.files import FileObject

CONTENT = bytes(range(256)) * 4_000  # about a megabyte


@pytest.fixture
def emulator() -> Emulator:
    return Emulator()


@pytest.fixture
async def client(emulator: Emulator) -> AsyncIterator[AsyncClient]:
    with emulator.run() as server:
        async with AsyncClient(api_key="k", base_url=server.base_url, trust_env=False) as client:
            yield client


def client_of(server: FaultServer, **settings: Any) -> AsyncClient:
    return AsyncClient(api_key="k", base_url=server.base_url, trust_env=False, **settings)


def names(directory: Path) -> list[str]:
    return [path.name for path in directory.iterdir()]


async def test_a_file_goes_there_and_comes_back(client: AsyncClient, tmp_path: Path) -> None:
    """Uploaded, described, listed, read in each of the three ways, and deleted."""
    source, target = tmp_path / "data.bin", tmp_path / "copy.bin"
    source.write_bytes(CONTENT)
    file = await client.files.create(
        file=source, purpose="user_data", expires_after={"anchor": "created_at", "seconds": 3600}
    )
    assert isinstance(file, FileObject)
    assert (file.filename, file.bytes, file.purpose, file.status) == (
        "data.bin",
        len(CONTENT),
        "user_data",
        "processed",
    )
    assert file.expires_at == (file.created_at or 0) + 3600
    assert file.request_id
    assert await client.files.retrieve(file.id) == file
    assert [found async for found in client.files.list(purpose="user_data")] == [file]
    assert [found async for found in client.files.list(purpose="vision")] == []

    whole = await client.files.content(file.id)
    assert whole.content == CONTENT
    assert whole.content_type == "application/octet-stream"
    async with client.files.stream_content(file.id) as content:
        assert int(content.meta.headers["content-length"]) == len(CONTENT)
        assert b"".join([piece async for piece in content]) == CONTENT
    target.write_bytes(b"what was there")
    assert await client.files.download(file.id, target) == len(CONTENT)
    assert target.read_bytes() == CONTENT

    gone = await client.files.delete(file.id)
    assert (gone.id, gone.deleted) == (file.id, True)
    for call in (client.files.retrieve, client.files.delete, client.files.content, client.files.retrieve_content):
        with pytest.raises(NotFoundError):
            await call(file.id)
    with pytest.raises(NotFoundError):
        await client.files.download(file.id, target)
    assert target.read_bytes() == CONTENT


def test_threads_do_the_same(emulator: Emulator, tmp_path: Path) -> None:
    """The synchronous client has the same methods, with the same results."""
    seen: list[FileObject] = []
    with emulator.run() as server, Client(api_key="k", base_url=server.base_url, trust_env=False) as client:
        file = client.files.create(file=("a.txt", iter([b"one", b"two"])), purpose="user_data")
        assert client.files.content(file.id).text == "onetwo"
        with client.files.stream_content(file.id) as content:
            assert content.read() == b"onetwo"
        assert client.files.download(file.id, tmp_path / "a") == 6
        assert (tmp_path / "a").read_bytes() == b"onetwo"
        assert client.files.wait_for_processing(file.id, on_poll=seen.append) == file == seen[0]
        assert [found.id for found in client.files.list()] == [file.id]
        assert client.files.list().first_page().data == [file]
        assert client.files.delete(file.id).deleted


async def test_the_api_refuses_in_its_own_words(client: AsyncClient) -> None:
    """A purpose that is none, or none at all, is the API's error; half a surrogate pair never leaves."""
    with pytest.raises(BadRequestError) as caught:
        await client.files.create(file=b"x", purpose="nonsense")
    assert caught.value.param == "purpose"
    with pytest.raises(BadRequestError):
        await client.files.create(file=b"x")  # type: ignore[call-arg]
    with pytest.raises(InvalidParameterError):
        await client.files.create(file=b"x", purpose="\ud800")
    for file_id in ("", "..", "a\n", "%2e%2e"):
        with pytest.raises(InvalidParameterError):
            await client.files.retrieve(file_id)
        with pytest.raises(InvalidParameterError):
            await client.files.download(file_id, "/nowhere")


async def test_a_file_of_tomorrow_is_a_file() -> None:
    """Unknown purposes and states, fields more and fewer, and nulls are read and kept."""
    odd = {"id": "file-1", "purpose": "search", "status": "dreaming", "bytes": None, "mood": {"a": [1]}}
    with FaultServer([json_reply(odd)]) as server:
        async with client_of(server) as client:
            file = await client.files.retrieve("file-1")
    assert (file.purpose, file.status, file.bytes, file.filename) == ("search", "dreaming", None, None)
    assert file.to_dict() == {"object": "file", **{name: value for name, value in odd.items() if value is not None}}
    assert file.mood == {"a": [1]}  # type: ignore[attr-defined]


# ---- waiting


async def test_a_file_is_waited_for_until_it_is_processed() -> None:
    """It is asked for until its state is a final one; each state is shown."""
    states = ["uploaded", "uploaded", "processed"]
    with FaultServer([json_reply({"id": "f", "status": status}) for status in states]) as server:
        async with client_of(server) as client:
            seen: list[str | None] = []
            file = await client.files.wait_for_processing(
                "f", poll_interval=0.001, on_poll=lambda file: seen.append(file.status)
            )
    assert (file.status, seen) == ("processed", states)


async def test_a_wait_ends_in_time() -> None:
    """A file that stays unprocessed is an error that holds its last state."""
    with FaultServer([json_reply({"id": "f", "status": "uploaded"})]) as server:
        async with client_of(server) as client:
            with pytest.raises(WaitTimeoutError, match="file f") as caught:
                await client.files.wait_for_processing("f", max_wait=0.01, poll_interval=0.001)
    assert caught.value.last.status == "uploaded"


# ---- downloads


@pytest.mark.parametrize("framing", ["length", "chunked"])
@pytest.mark.parametrize("end", [Fin(), Rst()], ids=["closed", "reset"])
async def test_a_cut_download_is_an_error_and_leaves_no_file(tmp_path: Path, framing: Any, end: Fin | Rst) -> None:
    """Wherever the connection breaks, in the head or in the body; what was there before stays."""
    target = tmp_path / "copy"
    target.write_bytes(b"before")
    reply = wire(respond(200, b"0123456789" * 20, framing=framing))
    cuts = [*every_offset(reply, end=end, start=1, step=17), *every_offset(reply, end=end, start=len(reply) - 3)]
    with FaultServer([cut.script for cut in cuts]) as server:
        async with no_leaks(), client_of(server, max_retries=0) as client:
            for _ in cuts:
                with pytest.raises(APIConnectionError):
                    await client.files.download("f", target)
                assert names(tmp_path) == ["copy"]
    assert target.read_bytes() == b"before"


async def test_a_page_is_no_content(tmp_path: Path) -> None:
    """What a network that wants a login answers is refused before a file is made; a page that was stored is a file."""
    page = {"content-type": "text/html; charset=utf-8"}
    stored = page | {"content-disposition": "attachment; filename=report.html"}
    with FaultServer([*[respond(200, b"<html>", page)] * 2, respond(200, b"<html>", stored)]) as server:
        async with no_leaks(), client_of(server, max_retries=0) as client:
            for ask in (client.files.content("f"), client.files.download("f", tmp_path / "copy")):
                with pytest.raises(DecodeError, match="text/html"):
                    await ask
            assert names(tmp_path) == []
            assert await client.files.download("f", tmp_path / "copy") == 6


async def test_a_large_download_is_cut_late(tmp_path: Path) -> None:
    """Also after pieces have been written to the disk nothing of them stays."""
    head, body = wire(respond(200, b"", {"content-length": str(1 << 20)})), b"x" * 700_000
    with FaultServer([(Send(head + body), Rst())]) as server:
        async with client_of(server, max_retries=0) as client:
            with pytest.raises(APIConnectionError) as caught:
                await client.files.download("f", tmp_path / "copy")
    assert caught.value.phase == "body"
    assert names(tmp_path) == []


async def test_a_cancelled_download_leaves_no_file(tmp_path: Path) -> None:
    """Neither a half of it, nor a connection."""
    head, body = wire(respond(200, b"", {"content-length": str(1 << 20)})), b"x" * 300_000
    with FaultServer([(Send(head + body), Gate("half"), Send(body))]) as server:
        async with no_leaks(), client_of(server) as client, anyio.create_task_group() as group:
            group.start_soon(client.files.download, "f", tmp_path / "copy")
            await server.until(lambda server: server.marks.get("half", 0) == 1)
            await until_written(tmp_path)
            group.cancel_scope.cancel()
    assert names(tmp_path) == []


async def test_a_download_that_a_task_gives_up_at_once_leaves_no_file(
    anyio_backend_name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """asyncio can cancel a task in the midst of work in a thread: what that makes afterwards is not left behind."""
    slow, opened = threading.Event(), open

    def slowly(file: Any, *rest: Any, **named: Any) -> Any:
        if threading.current_thread() is not threading.main_thread() and str(file).endswith(".part"):
            slow.wait(10)
        return opened(file, *rest, **named)

    monkeypatch.setattr("builtins.open", slowly)
    with FaultServer([(Send(wire(respond(200, b"", {"content-length": "10"}))), Gate("head"))]) as server:
        async with client_of(server) as client:
            if anyio_backend_name == "asyncio":
                task = asyncio.create_task(client.files.download("f", tmp_path / "copy"))
                await server.until(lambda server: server.marks.get("head", 0) == 1)
                for _ in range(100):
                    await asyncio.sleep(0)
                task.cancel()
                slow_end = asyncio.gather(task, return_exceptions=True)
                slow.set()
                await slow_end
            await anyio.to_thread.run_sync(slow.is_set)  # behind whatever the thread was at
    assert names(tmp_path) == []


async def until_written(directory: Path) -> None:
    """Until a download has begun to write."""
    while not names(directory):
        await anyio.lowlevel.checkpoint()


async def test_a_download_that_is_left_early_closes_its_connection() -> None:
    """Nothing stays behind, neither a socket nor a permit."""
    with FaultServer([respond(200, CONTENT)]) as server:
        async with no_leaks(), client_of(server, max_concurrency=1) as client:
            for _ in range(3):
                async with client.files.stream_content("f") as content:
                    async for piece in content:
                        assert piece
                        break


async def test_content_is_bounded_and_a_download_is_not(tmp_path: Path) -> None:
    """What would be whole in memory has a bound; what goes to the disk needs none."""
    with FaultServer([respond(200, CONTENT)]) as server:
        async with client_of(server, max_response_bytes=1000) as client:
            with pytest.raises(ResponseTooLargeError):
                await client.files.content("f")
            assert await client.files.download("f", tmp_path / "copy") == len(CONTENT)


async def test_a_path_that_cannot_be_written_is_an_os_error(client: AsyncClient, tmp_path: Path) -> None:
    """A directory that is not there, or a directory where the file should be."""
    file = await client.files.create(file=b"x", purpose="user_data")
    (tmp_path / "taken").mkdir()
    for path in (tmp_path / "nowhere" / "copy", tmp_path / "taken"):
        with pytest.raises(OSError, match="director"):
            await client.files.download(file.id, path)
    assert names(tmp_path) == ["taken"]


# ---- many


@pytest.mark.slow
async def test_ten_thousand_files_are_listed_completely(emulator: Emulator, client: AsyncClient) -> None:
    """Every item once and in order, over a hundred pages."""
    expected = [emulator.files.add(BytesIO(), f"{number}", "user_data").id for number in range(10_000)]
    assert [file.id async for file in client.files.list(limit=100, order="asc")] == expected
    sizes = [len(page) async for page in client.files.list(limit=3_000).pages()]
    assert sizes == [3_000, 3_000, 3_000, 1_000]


@pytest.mark.slow
def test_threads_list_ten_thousand_files(emulator: Emulator) -> None:
    """The same without asyncio."""
    expected = [emulator.files.add(BytesIO(), f"{number}", "user_data").id for number in range(10_000)]
    with emulator.run() as server, Client(api_key="k", base_url=server.base_url, trust_env=False) as client:
        assert [file.id for file in client.files.list(limit=100, order="asc")] == expected
        assert len(client.files.list(limit=2_500).collect()) == 10_000
