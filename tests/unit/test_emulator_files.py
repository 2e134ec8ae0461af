"""The emulator's files: whole whatever their size, listed in pages, and gone with the emulator."""

from __future__ import annotations

import gc
import socket
import tracemalloc
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import httpx
import pytest

from openai_async.emulator import BatchLimits, Emulator

Body = dict[str, Any]

AUTH = {"authorization": "Bearer sk-secret"}
MEGABYTE = 1024 * 1024
HOUR = {"expires_after[anchor]": "created_at", "expires_after[seconds]": "3600"}


@contextmanager
def running(emulator: Emulator) -> Iterator[httpx.Client]:
    with emulator.run() as server, httpx.Client(base_url=server.base_url, headers=AUTH, timeout=30) as client:
        yield client


def send(client: httpx.Client, content: Any = b"{}\n", name: str = "a.jsonl", **fields: str) -> httpx.Response:
    return client.post("/files", files={"file": (name, content)}, data={"purpose": "user_data", **fields})


def uploaded(client: httpx.Client, content: Any = b"{}\n", name: str = "a.jsonl", **fields: str) -> Body:
    reply = send(client, content, name, **fields)
    assert reply.status_code == 200, reply.text
    found: Body = reply.json()
    return found


def check(reply: httpx.Response, status: int, words: str, param: str | None = None, code: str | None = None) -> None:
    assert reply.status_code == status, reply.text
    error = reply.json()["error"]
    assert error.keys() == {"message", "type", "param", "code"}
    assert words in error["message"]
    assert (error["type"], error["param"], error["code"]) == ("invalid_request_error", param, code)


class Clock:
    """A clock that stands still until it is set."""

    now = 0.0

    def __call__(self) -> float:
        return self.now


# -- one file ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("size", [0, 10, 3 * MEGABYTE])
def test_files_come_back_whole(size: int) -> None:
    """A file is described, downloaded byte for byte, and deleted; in memory or, being large, on disk."""
    content = (bytes(range(256)) * (size // 256 + 1))[:size]
    with running(Emulator()) as client:
        file = uploaded(client, content, "data.bin")
        assert file["id"].startswith("file-")
        described = (file["object"], file["bytes"], file["filename"], file["purpose"], file["status"])
        assert described == ("file", size, "data.bin", "user_data", "processed")
        assert client.get(f"/files/{file['id']}").json() == file

        download = client.get(f"/files/{file['id']}/content")
        assert download.content == content
        assert download.headers["content-type"] == "application/octet-stream"
        assert download.headers["content-length"] == str(size)

        gone = client.delete(f"/files/{file['id']}")
        assert gone.json() == {"id": file["id"], "object": "file", "deleted": True}
        for reply in (
            client.get(f"/files/{file['id']}"),
            client.get(f"/files/{file['id']}/content"),
            client.delete(f"/files/{file['id']}"),
        ):
            check(reply, 404, f"No such File object: {file['id']}", "id")


def test_names_cannot_break_the_reply() -> None:
    """A name with quotes, line breaks and letters of any alphabet comes back in a header that holds only itself."""
    name = 'a "ü"; x\r\ny: z.txt'
    with running(Emulator()) as client:
        file = uploaded(client, b"x", name)
        headers = client.get(f"/files/{file['id']}/content").headers
        start, _, quoted = headers["content-disposition"].partition("''")
        assert (start, unquote(quoted)) == ("attachment; filename*=utf-8", file["filename"])
        assert "y" not in headers


def test_expiry() -> None:
    """A file is gone once its time is over: its own, or a month for a batch's; others stay."""
    clock = Clock()
    with running(Emulator(clock=clock)) as client:
        short = uploaded(client, **HOUR)
        month = uploaded(client, purpose="batch")
        always = uploaded(client)
        assert short["expires_at"] - short["created_at"] == 3600
        assert month["expires_at"] - month["created_at"] == 30 * 24 * 3600
        assert always["expires_at"] is None
        for clock.now, left in ((3599, 3), (3600, 2), (30 * 24 * 3600, 1)):
            assert len(client.get("/files").json()["data"]) == left
        check(client.get(f"/files/{short['id']}"), 404, "No such File object", "id")


# -- lists -------------------------------------------------------------------------------------------------------


def test_pages() -> None:
    """Files are listed newest first, or oldest first, in pages that join to the whole list."""
    with running(Emulator()) as client:
        empty = client.get("/files").json()
        assert empty == {"object": "list", "data": [], "first_id": None, "last_id": None, "has_more": False}
        ids = [uploaded(client, name=f"{number}.jsonl")["id"] for number in range(5)]
        for order, expected in (("asc", ids), ("desc", ids[::-1]), (None, ids[::-1])):
            query: Body = {"limit": 2} | ({"order": order} if order else {})
            listed: list[str] = []
            more = True
            while more:
                page = client.get("/files", params=query).json()
                found = [file["id"] for file in page["data"]]
                assert (page["first_id"], page["last_id"]) == (found[0], found[-1])
                listed += found
                query["after"], more = found[-1], page["has_more"]
            assert listed == expected
        assert [client.get("/files", params={"limit": limit}).json()["has_more"] for limit in (4, 5)] == [True, False]


def test_pages_do_not_shift() -> None:
    """A file that comes between two pages neither repeats nor hides another."""
    with running(Emulator()) as client:
        ids = [uploaded(client)["id"] for _ in range(3)]
        first = client.get("/files", params={"limit": 2}).json()
        uploaded(client)
        rest = client.get("/files", params={"limit": 2, "after": first["last_id"]}).json()
        assert [file["id"] for file in first["data"] + rest["data"]] == ids[::-1]


def test_list_by_purpose() -> None:
    """The list can be of one purpose."""
    with running(Emulator()) as client:
        uploaded(client)
        batch = uploaded(client, purpose="batch")
        assert client.get("/files", params={"purpose": "batch"}).json()["data"] == [batch]


@pytest.mark.parametrize(
    ("query", "param", "code"),
    [
        ({"limit": 0}, "limit", "integer_below_min_value"),
        ({"limit": 10_001}, "limit", "integer_above_max_value"),
        ({"limit": "few"}, "limit", "invalid_type"),
        ({"order": "up"}, "order", "invalid_value"),
        ({"after": "file-nowhere"}, "after", None),
    ],
)
def test_bad_lists_are_refused(query: Body, param: str, code: str | None) -> None:
    """A list that cannot be given is refused with the parameter's name."""
    with running(Emulator()) as client:
        check(client.get("/files", params=query), 400, "", param, code)


# -- refusals ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("fields", "name", "content", "words", "param", "code"),
    [
        ({"purpose": ""}, "a", b"x", "Invalid value: ''", "purpose", "invalid_value"),
        ({"purpose": "fun"}, "a", b"x", "Invalid value: 'fun'", "purpose", "invalid_value"),
        ({"purpose": "batch"}, "a.txt", b"{}", "Must be .jsonl", None, None),
        ({"purpose": "batch"}, "a.jsonl", b"", "Must be .jsonl", None, None),
        ({"purpose": "batch"}, "a.jsonl", b"{oops\n{}", "Must be .jsonl", None, None),
        ({"purpose": "batch"}, "a.jsonl", b"[]", "Must be .jsonl", None, None),
        ({"purpose": "batch"}, "a.jsonl", b"{}\n" * 50, "File is too large.", None, None),
        ({**HOUR, "expires_after[anchor]": "now"}, "a", b"x", "'now'", "expires_after.anchor", "invalid_value"),
        ({**HOUR, "expires_after[seconds]": "x"}, "a", b"x", "", "expires_after.seconds", "invalid_type"),
        (
            {**HOUR, "expires_after[seconds]": "3599"},
            "a",
            b"x",
            ">= 3600",
            "expires_after.seconds",
            "integer_below_min_value",
        ),
        (
            {"expires_after[anchor]": "created_at"},
            "a",
            b"x",
            "Missing",
            "expires_after.seconds",
            "missing_required_parameter",
        ),
    ],
)
def test_bad_uploads_are_refused(
    fields: dict[str, str], name: str, content: bytes, words: str, param: str | None, code: str | None
) -> None:
    """An upload that the API would refuse is refused in its words, and not kept."""
    with running(Emulator(batch_limits=BatchLimits(bytes=100))) as client:
        check(send(client, content, name, **fields), 400, words, param, code)
        assert client.get("/files").json()["data"] == []


PURPOSE = b'--B\r\ncontent-disposition: form-data; name="purpose"\r\n\r\nuser_data\r\n'
LARGE = b'--B\r\ncontent-disposition: form-data; name="%b"; filename="x"\r\n\r\n' + b"x" * 2 * MEGABYTE


@pytest.mark.slow
@pytest.mark.parametrize(
    ("body", "words"),
    [
        (b"garbage", "Invalid multipart data."),
        (PURPOSE + LARGE % b"file", "breaks off"),
        (PURPOSE + b'--B\r\ncontent-disposition: form-data; name="file"\r\n\r\nx\r\n--B--\r\n', "expected a file"),
        (PURPOSE + LARGE % b"other" + b"\r\n--B--\r\n", "Missing required parameter: 'file'"),
        (LARGE % b"file" + b"\r\n--B--\r\n", "Missing required parameter: 'purpose'"),
        (PURPOSE + LARGE % b"file" + b"\r\n" + LARGE % b"file" + b"\r\n--B--\r\n", "Too many files"),
        (PURPOSE * 20 + b"--B--\r\n", "Too many fields"),
    ],
)
def test_broken_forms_are_refused(body: bytes, words: str) -> None:
    """A form that is none gets a 400 and leaves no open file; the connection goes on."""
    with running(Emulator()) as client:
        reply = client.post("/files", content=body, headers={"content-type": "multipart/form-data; boundary=B"})
        assert reply.status_code == 400
        assert words in reply.json()["error"]["message"]
        gc.collect()  # a temporary file that is still open warns when it is collected
        assert client.get("/files").json()["data"] == []


async def test_broken_forms_are_read_to_their_end() -> None:
    """The refusal of a broken form waits until all of it is sent: who is still sending hears no answer."""
    parts, statuses = [b"garbage", b"more", b"end"], list[int]()

    async def receive() -> Body:
        part = parts.pop(0)
        return {"type": "http.request", "body": part, "more_body": bool(parts)}

    async def send(message: Any) -> None:
        assert parts == []
        statuses.append(message.get("status", 0))

    headers = [(b"authorization", b"Bearer k"), (b"content-type", b"multipart/form-data; boundary=B")]
    scope = {"type": "http", "method": "POST", "path": "/v1/files", "query_string": b"", "headers": headers}
    await Emulator().app(scope, receive, send)
    assert statuses == [400, 0]


@pytest.mark.parametrize("kind", ["application/json", "multipart/form-data"])
def test_other_bodies_are_refused(kind: str) -> None:
    """A body that is not a form, or has no boundary, gets a 400."""
    with running(Emulator()) as client:
        reply = client.post("/files", content=b"{}", headers={"content-type": kind})
        assert reply.status_code == 400


@pytest.mark.slow
def test_upload_that_is_too_large() -> None:
    """An upload above the limit is read to its end, and then refused with 413."""
    with running(Emulator(max_upload=2 * MEGABYTE)) as client:
        uploaded(client, b"x" * MEGABYTE)
        check(send(client, b"x" * 3 * MEGABYTE), 413, "Maximum content size", None, "request_too_large")
        gc.collect()
        assert len(client.get("/files").json()["data"]) == 1


# -- in the midst of it ------------------------------------------------------------------------------------------


def test_large_files_are_not_in_memory(tmp_path: Path) -> None:
    """A large file goes in and out in pieces: neither way is more than a fraction of it in memory."""
    size = 32 * MEGABYTE
    path = tmp_path / "large.bin"
    with path.open("wb") as file:
        file.truncate(size)
    with running(Emulator()) as client, path.open("rb") as content:
        uploaded(client, b"warm up")
        tracemalloc.start()
        try:
            file_id = uploaded(client, content)["id"]
            with client.stream("GET", f"/files/{file_id}/content") as reply:
                assert sum(map(len, reply.iter_raw())) == size
            assert tracemalloc.get_traced_memory()[1] < size / 4
        finally:
            tracemalloc.stop()


def test_deleted_while_it_is_read() -> None:
    """Who reads a file when it is deleted reads it to its end."""
    content = bytes(range(256)) * 4096 * 32
    with running(Emulator()) as client:
        file_id = uploaded(client, content)["id"]
        with client.stream("GET", f"/files/{file_id}/content") as reply:
            pieces = reply.iter_raw()
            first = next(pieces)
            assert client.delete(f"/files/{file_id}").status_code == 200
            assert first + b"".join(pieces) == content


def test_hanging_up_inside_a_download() -> None:
    """A client that leaves a download is noted as aborted."""
    emulator = Emulator()
    with running(emulator) as client:
        file_id = uploaded(client, b"x" * 32 * MEGABYTE)["id"]
        with client.stream("GET", f"/files/{file_id}/content") as reply:
            next(reply.iter_raw())
        emulator.ledger.wait_idle()
        entry = emulator.ledger.entries()[-1]
        assert (entry.status, entry.aborted) == (200, True)


@pytest.mark.slow
def test_hanging_up_inside_an_upload() -> None:
    """A client that leaves an upload is noted as aborted, and nothing of the file is kept or open."""
    emulator = Emulator()
    head = b"POST /v1/files HTTP/1.1\r\nhost: localhost\r\nauthorization: Bearer k\r\nexpect: 100-continue\r\n"
    head += b"content-type: multipart/form-data; boundary=B\r\ncontent-length: 9000000\r\n\r\n"
    with emulator.run() as server:
        with socket.create_connection((server.host, server.port)) as client:
            client.sendall(head)
            assert client.recv(1_000).startswith(b"HTTP/1.1 100")  # now it waits for the body
            client.sendall(PURPOSE + LARGE % b"file")
        emulator.ledger.wait_idle()
        gc.collect()
        assert [(entry.status, entry.aborted) for entry in emulator.ledger.entries()] == [(499, True)]
        assert emulator.files.listed() == []


@pytest.mark.slow
def test_files_end_with_the_last_server() -> None:
    """Servers of one emulator share its files; when the last of them stops, the files are gone."""
    emulator = Emulator()
    with running(emulator) as one:
        with running(emulator) as other:
            file = uploaded(other, b"x" * 2 * MEGABYTE)
        assert one.get("/files").json()["data"] == [file]
    gc.collect()
    with running(emulator) as client:
        check(client.get(f"/files/{file['id']}"), 404, file["id"], "id")


def test_files_are_in_the_ledger() -> None:
    """Each request about files is in the ledger, like every other."""
    emulator = Emulator()
    with running(emulator) as client:
        file_id = uploaded(client)["id"]
        client.get(f"/files/{file_id}/content")
        client.get("/files/none")
    found = [(entry.method, entry.path, entry.status) for entry in emulator.ledger.entries()]
    assert found == [
        ("POST", "/v1/files", 200),
        ("GET", f"/v1/files/{file_id}/content", 200),
        ("GET", "/v1/files/none", 404),
    ]


@pytest.mark.slow
async def test_files_without_a_socket() -> None:
    """In any ASGI host, on asyncio and on trio, files come in and out; dropped with the emulator, they are closed."""
    content = b"x" * 2 * MEGABYTE
    emulator = Emulator()
    transport = httpx.ASGITransport(app=emulator.app)
    async with httpx.AsyncClient(transport=transport, base_url="http://emulator/v1", headers=AUTH) as client:
        file = (await client.post("/files", files={"file": content}, data={"purpose": "evals"})).json()
        assert (await client.get(f"/files/{file['id']}/content")).content == content
    del emulator, transport, client
    gc.collect()
