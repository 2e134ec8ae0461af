"""Forms with files: streamed from the disk, whole in every attempt, and refused where they cannot be right."""

from __future__ import annotations

import gzip
import io
import itertools
import json
import mmap
import os
import socket
import subprocess
import sys
import tempfile
import threading
import types
import zipfile
from collections.abc import AsyncIterator, Iterator
from contextlib import aclosing, contextmanager
from pathlib import Path
from typing import Any

import anyio
import anyio.lowlevel
import pytest
from starlette.datastructures import Headers, UploadFile

from openai_async import NULL, AsyncClient, InternalServerError, InvalidParameterError, RateLimitError
from openai_async._policy import retry
from openai_async._wire.media import type_of
from openai_async.resources._multipart_form import FileSlice, FormBody
from openai_async.testing import FaultServer, json_reply, no_leaks

FILE = {"id": "file-1", "object": "file", "bytes": 3, "filename": "a", "purpose": "user_data", "status": "processed"}
MB = 1 << 20


async def read(form: FormBody) -> bytes:
    """Its bytes, read as a transport reads them."""
    pieces: Any = form.open()
    async with aclosing(pieces):
        return b"".join([piece async for piece in pieces])


async def sent(**given: Any) -> bytes:
    """The body of a form with one file."""
    form = FormBody({}, given)
    body = await read(form)
    assert form.length in (None, len(body))
    return body


def client_of(server: FaultServer, **settings: Any) -> AsyncClient:
    return AsyncClient(api_key="k", base_url=server.base_url, trust_env=False, **settings)


@pytest.fixture(autouse=True)
def no_backoff(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(retry, "BACKOFF_BASE", 0.0)


#: What tests have opened.
_opened: list[Any] = []


@pytest.fixture(autouse=True)
def closed_at_the_end() -> Iterator[None]:
    yield
    while _opened:
        _opened.pop().close()


# ---- what a file may be


async def test_an_iterator_is_drawn_from_in_a_thread() -> None:
    """Pieces that are made by a plain generator are a file; empty ones do not end it."""
    makers: set[int] = set()

    def pieces() -> Iterator[bytes]:
        for piece in (b"one", b"", b"two"):
            makers.add(threading.get_ident())
            yield piece

    assert b"\r\n\r\nonetwo\r\n" in await sent(file=pieces())
    assert threading.get_ident() not in makers


async def test_a_slice_of_a_file_is_a_file(tmp_path: Path) -> None:
    """Exactly its bytes are sent, and the length is known."""
    path = tmp_path / "data"
    path.write_bytes(b"0123456789")
    assert b"\r\n\r\n345\r\n" in await sent(file=("part", FileSlice(path, 3, 3)))


async def test_a_file_is_sent_as_long_as_it_was(tmp_path: Path) -> None:
    """What is added meanwhile is not sent; a file that became shorter is an error, and no wait for the server."""
    path = tmp_path / "data"
    for later, fails in ((b"abc and more", False), (b"a", True)):
        path.write_bytes(b"abc")
        form = FormBody({}, {"file": path})
        path.write_bytes(later)
        if fails:
            with pytest.raises(OSError, match="shorter"):
                await read(form)
        else:
            body = await read(form)
            assert len(body) == form.length
            assert b"\r\n\r\nabc\r\n" in body


@pytest.mark.parametrize(
    ("value", "reason"),
    [
        ("half \ud800", "surrogate"),
        ({"deep": ["\udfff"]}, "surrogate"),
        (float("nan"), "finite"),
        (float("inf"), "finite"),
        (object(), "cannot be sent"),
        (io.BytesIO(b"x"), "an open file"),
    ],
)
def test_a_value_that_no_form_can_carry_is_refused(value: object, reason: str) -> None:
    """Half a surrogate pair, a number that is none, an object of Python: named, and never sent."""
    with pytest.raises(InvalidParameterError, match=reason) as caught:
        FormBody({"purpose": value}, {})
    assert caught.value.field.startswith("purpose")


def closed() -> io.BytesIO:
    file = io.BytesIO(b"x")
    file.close()
    return file


@pytest.mark.parametrize(
    ("file", "reason"),
    [
        ((), "in several parts"),
        (("name",), "in several parts"),
        (("name", b"x", "text/plain", {}), "in several parts"),
        ((5, b"x"), "a name"),
        ((b"name", b"x"), "a name"),
        (("name", b"x", 5), "a media type"),
        (closed(), "closed"),
    ],
)
def test_a_file_that_cannot_be_one_is_refused(file: Any, reason: str) -> None:
    """Parts that are too few, too many or no texts, and a file that is closed: named, and never sent."""
    with pytest.raises(InvalidParameterError, match=reason) as caught:
        FormBody({}, {"file": file})
    assert caught.value.field == "file"


@pytest.mark.parametrize("pieces", [["text"], [1], [b"x", None, "text"]])
async def test_pieces_that_are_no_bytes_end_the_call(pieces: list[Any]) -> None:
    """Whoever makes them hears of it, and no half of a file is taken for one."""

    async def made() -> AsyncIterator[Any]:
        for piece in pieces:
            yield piece or b""

    with FaultServer([json_reply({"id": "f"})]) as server:
        async with no_leaks(), client_of(server) as client:
            for file in (iter([piece or b"" for piece in pieces]), made(), Text(b"")):
                with pytest.raises(InvalidParameterError, match="pieces of bytes"):
                    await client.files.create(file=file, purpose="user_data")
            assert client.statistics().in_flight == 0
        assert not server.requests


async def test_parameters_without_a_value_are_left_out() -> None:
    """Neither None nor an explicit null has a word in a form."""
    form = FormBody({"a": None, "b": NULL, "c": True, "d": [1, 2], "e": {"f": 0.5}}, {})
    body = await read(form)
    names = [line.partition(b'name="')[2] for line in body.split(b"\r\n") if b"name=" in line]
    assert names == [b'c"', b'd[]"', b'd[]"', b'e[f]"']


@pytest.mark.parametrize("value", ["text", 3, ("name",), ("name", "text"), io.StringIO("text"), Path("/nowhere")])
async def test_what_is_no_file_is_refused_before_anything_is_sent(value: Any) -> None:
    """A text is no content (and no path), nor is a file that is not there."""
    with FaultServer([json_reply(FILE)]) as server:
        async with client_of(server) as client:
            with pytest.raises(InvalidParameterError) as caught:
                await client.files.create(file=value, purpose="user_data")
        assert caught.value.field == "file"
        assert not server.requests


# ---- names and media types

WAV = b"RIFF\x24\x00\x00\x00WAVEfmt " + b"\x00" * 40
BEGINNINGS = {
    ".wav": WAV,
    ".mp3": b"\xff\xf3\x40\xc0" + bytes(20),
    ".ogg": b"OggS" + bytes(20),
    ".flac": b"fLaC" + bytes(20),
    ".m4a": b"\x00\x00\x00\x20ftypM4A " + bytes(20),
    ".mp4": b"\x00\x00\x00\x20ftypisom" + bytes(20),
    ".mov": b"\x00\x00\x00\x14ftypqt  " + bytes(20),
    ".webm": b"\x1a\x45\xdf\xa3" + bytes(20),
    ".png": b"\x89PNG\r\n\x1a\n" + bytes(20),
    ".jpg": b"\xff\xd8\xff\xe0" + bytes(20),
    ".webp": b"RIFF\x24\x00\x00\x00WEBP" + bytes(20),
    ".gif": b"GIF89a" + bytes(20),
    ".pdf": b"%PDF-1.7" + bytes(20),
    "": b"\xff\xfe\x00\x00a text of UTF-16, or anything",
}


class Reader:
    """A wrapper with `read` alone, as one that counts, or the body of an object store."""

    def __init__(self, content: bytes) -> None:
        self._inner = io.BytesIO(content)

    def read(self, size: int = -1) -> bytes:
        return self._inner.read(size)


class WholeReader(Reader):
    def read(self) -> bytes:  # type: ignore[override]
        return self._inner.read()


class AsyncReader(Reader):
    async def read(self, size: int = -1) -> bytes:  # type: ignore[override]
        await anyio.lowlevel.checkpoint()
        return self._inner.read(size)


class AwaitableReader(Reader):
    """Its `read` is no coroutine function, and gives what is awaited."""

    def read(self, size: int = -1) -> Any:
        async def found() -> bytes:
            return self._inner.read(size)

        return found()


def mapped(content: bytes) -> mmap.mmap:
    found = mmap.mmap(-1, len(content))
    found.write(content)
    found.seek(0)
    return found


def spooled(content: bytes) -> Any:
    file = tempfile.SpooledTemporaryFile()  # noqa: SIM115
    _opened.append(file)
    file.write(content)
    file.seek(0)
    return file


def member(content: bytes) -> Any:
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w", zipfile.ZIP_DEFLATED) as file:
        file.writestr("inside/plain", content)
    return zipfile.ZipFile(archive).open("inside/plain")


def uploaded(content: bytes) -> Any:
    return UploadFile(spooled(content), filename="from a form", headers=Headers({"content-type": "application/x-own"}))


def by_field(content: bytes) -> Any:
    """As some frameworks have it: `name` is the field of the form that it came in."""
    return types.SimpleNamespace(name="file", filename="own.bin", read=io.BytesIO(content).read)


SOURCES: dict[str, Any] = {
    "bytes": bytes,
    "bytearray": bytearray,
    "memoryview": memoryview,
    "BytesIO": io.BytesIO,
    "no name and BytesIO": lambda content: (None, io.BytesIO(content)),
    "spooled": spooled,
    "mapped": mapped,
    "member of an archive": member,
    "gzip": lambda content: gzip.open(io.BytesIO(gzip.compress(content))),  # noqa: SIM115
    "read alone": Reader,
    "read without a size": WholeReader,
    "read is awaited": AsyncReader,
    "read gives what is awaited": AwaitableReader,
    "asynchronous file": lambda content: anyio.wrap_file(spooled(content)),
    "pieces": lambda content: iter([content[:20], content[20:]]),
    "raw": lambda content: io.BufferedReader(io.BytesIO(content)),  # type: ignore[arg-type]
}


async def test_whatever_can_be_read_is_sent_whole_with_a_name_that_says_what_it_is() -> None:
    """The API goes by the ending of the name; what has none is known by its first bytes."""
    for source, (suffix, content) in itertools.product(SOURCES, BEGINNINGS.items()):
        given = SOURCES[source](content)
        body = await sent(file=given)
        name = "plain" if source == "member of an archive" else "upload"
        assert b'filename="%s%s"' % (name.encode(), suffix.encode()) in body
        assert (type_of(f"a{suffix}") or "application/octet-stream").encode() in body
        assert body.count(b"\r\n\r\n" + content + b"\r\n") == 1
        if isinstance(given, io.IOBase):
            _opened.append(given)


async def test_a_name_of_its_own_is_kept(tmp_path: Path) -> None:
    """A stated name as it is; that of a file or an upload with the ending that it lacks; that of a gzip without it."""
    path = tmp_path / "recording"
    path.write_bytes(WAV)
    named = io.BytesIO(WAV)
    named.name = "/in/memory/sound.wav"  # type: ignore[attr-defined]
    with gzip.open(tmp_path / "lines.jsonl.gz", "wb") as file:
        file.write(b"{}\n")
    with path.open("rb") as opened, gzip.open(tmp_path / "lines.jsonl.gz") as unpacked:
        upload = uploaded(WAV)
        for given, name, kind in (
            (("stated", WAV), "stated", "audio/wav"),
            (("stated.mp3", WAV, "audio/own"), "stated.mp3", "audio/own"),
            (("stated", Reader(WAV)), "stated", "audio/wav"),
            (path, "recording.wav", "audio/wav"),
            (opened, "recording.wav", "audio/wav"),
            (named, "sound.wav", "audio/wav"),
            (unpacked, "lines.jsonl", "application/octet-stream"),
            (upload, "from a form.wav", "application/x-own"),
            (by_field(WAV), "own.bin", "audio/wav"),
        ):
            body = await sent(file=given)
            assert b'filename="%s"\r\nContent-Type: %s\r\n' % (name.encode(), kind.encode()) in body


async def test_what_is_in_memory_is_sent_as_it_was() -> None:
    """Two calls may send one buffer at a time, and it may be changed or closed meanwhile."""
    buffer = io.BytesIO(b"abcdef")
    buffer.seek(2)
    forms = [FormBody({}, {"file": buffer}) for _ in range(2)]
    buffer.truncate(0)
    buffer.close()
    for form in forms:
        assert b"\r\n\r\ncdef\r\n" in await read(form)
        assert not form.single_use


class Text(Reader):
    def read(self, size: int = -1) -> str:  # type: ignore[override]
        return "text"


class SeekableText(Text):
    def tell(self) -> int:
        return 0

    def seek(self, position: int, whence: int = 0) -> None:
        return None


def at_its_end() -> io.BytesIO:
    buffer = io.BytesIO()
    buffer.write(b"content")
    return buffer


@pytest.mark.parametrize(
    ("make", "reason"),
    [
        (lambda path: path.open("w"), "binary mode"),
        (lambda path: path.open(), "binary mode"),
        (lambda path: path.open("ab"), "for writing only"),
        (lambda path: tempfile.TemporaryFile("w+"), "binary mode"),  # noqa: SIM115
        (lambda path: tempfile.NamedTemporaryFile("w+"), "binary mode"),  # noqa: SIM115
        (lambda path: SeekableText(b""), "binary mode"),
        (lambda path: at_its_end(), "stands at its end"),
        (lambda path: io.BytesIO, "must be bytes"),
        (lambda path: types.SimpleNamespace(), "must be bytes"),
        (lambda path: [1], "must be bytes"),
        (lambda path: {"a": 1}.keys(), "must be bytes"),
    ],
)
def test_what_would_be_sent_wrongly_or_not_at_all_is_refused(make: Any, reason: str, tmp_path: Path) -> None:
    """Text, what can only be written to, a buffer that nobody set back: named, and never sent."""
    path = tmp_path / "data"
    path.write_bytes(b"content")
    given = make(path)
    with pytest.raises(InvalidParameterError, match=reason) as caught:
        FormBody({}, {"file": (None, given)})
    assert caught.value.field == "file"
    if hasattr(given, "close") and not isinstance(given, type):
        given.close()


# ---- attempts


@pytest.mark.parametrize("status", [429, 500, 503])
async def test_a_retried_upload_sends_the_whole_file_again(tmp_path: Path, status: int) -> None:
    """From a path, from bytes and from where an open file stood; progress begins anew."""
    path = tmp_path / "data.jsonl"
    path.write_bytes(os.urandom(MB))
    with path.open("rb") as file:
        file.seek(1000)
        for content, expected in (
            (path, path.read_bytes()),
            (b"bytes", b"bytes"),
            (io.BytesIO(b"buffer"), b"buffer"),
            (spooled(b"spooled"), b"spooled"),
            (mapped(b"mapped"), b"mapped"),
            (member(b"of an archive"), b"of an archive"),
            (uploaded(b"uploaded"), b"uploaded"),
            (file, path.read_bytes()[1000:]),
        ):
            seen: list[tuple[int, int | None]] = []
            with FaultServer([json_reply({"error": {"message": "no"}}, status), json_reply(FILE)]) as server:
                async with client_of(server, rate_limit=None) as client:
                    reply = await client.files.create(
                        file=content, purpose="user_data", on_upload=lambda *at, seen=seen: seen.append(at)
                    )
                bodies = [request.body for request in server.requests]
            assert (reply.id, len(reply.attempts)) == ("file-1", 2)
            assert len(bodies) == 2
            for body in bodies:
                assert body.count(expected) == 1
            assert [at for at, _ in seen].count(len(bodies[0])) == 2
            assert {total for _, total in seen} in ({len(bodies[0])}, {None})


@pytest.mark.parametrize(("status", "error"), [(429, RateLimitError), (500, InternalServerError)])
async def test_what_can_be_read_once_is_sent_once_and_says_so(status: int, error: type[Exception]) -> None:
    """Pieces that are made while they are sent cannot be sent again: the first failure is the last."""

    async def made() -> AsyncIterator[bytes]:
        yield b"piece"

    def drawn() -> Iterator[bytes]:
        yield b"piece"

    read, write = os.pipe()
    os.write(write, b"piece")
    os.close(write)
    with os.fdopen(read, "rb") as pipe:
        for content in (made(), drawn(), pipe, ("name", made()), Reader(b"piece"), AsyncReader(b"piece")):
            with FaultServer([json_reply({"error": {"message": "no"}}, status), json_reply(FILE)]) as server:
                async with client_of(server) as client:
                    with pytest.raises(error) as caught:
                        await client.files.create(file=content, purpose="user_data", max_retries=5)
                assert len(server.requests) == 1
                assert b"piece" in server.requests[0].body
            assert any("only once" in note for note in caught.value.__notes__)


async def test_what_progress_raises_ends_the_call(tmp_path: Path) -> None:
    """A callback that has had enough stops the sending, and its own error arrives."""
    path = tmp_path / "data"
    path.write_bytes(b"x" * 4 * MB)

    def enough(sent: int, total: int | None) -> None:
        assert total is not None
        if sent > total / 2:
            raise KeyError("enough")

    with FaultServer([json_reply(FILE)]) as server:
        async with client_of(server) as client:
            with pytest.raises(KeyError, match="enough"):
                await client.files.create(file=path, purpose="user_data", on_upload=enough)
        assert not server.requests


# ---- memory


class Counter:
    """A server that counts what it is sent, and keeps none of it. It answers each upload with a file object."""

    def __init__(self) -> None:
        self.counted: list[int] = []
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.base_url = f"http://127.0.0.1:{self._listener.getsockname()[1]}/v1"

    @contextmanager
    def run(self) -> Iterator[Counter]:
        thread = threading.Thread(target=self._serve)
        thread.start()
        try:
            yield self
        finally:
            self._listener.shutdown(socket.SHUT_RDWR)
            thread.join()
            self._listener.close()

    def _serve(self) -> None:
        try:
            while True:
                connection, _ = self._listener.accept()
                with connection:
                    self._answer(connection)
        except OSError:
            return

    def _answer(self, connection: socket.socket) -> None:
        """All requests of one connection."""
        room, body = bytearray(MB), json.dumps(FILE).encode()
        while True:
            head = b""
            while b"\r\n\r\n" not in head:
                if not (piece := connection.recv(65536)):
                    return
                head += piece
            fields, _, begun = head.partition(b"\r\n\r\n")
            length = next(
                int(line[15:]) for line in fields.lower().split(b"\r\n") if line.startswith(b"content-length")
            )
            left = length - len(begun)
            while left > 0:
                left -= connection.recv_into(room)
            self.counted.append(length)
            connection.sendall(b"HTTP/1.1 200 OK\r\ncontent-length: %d\r\n\r\n%b" % (len(body), body))


def sparse(path: Path, size: int) -> Path:
    """A file of so many bytes that takes no room on the disk."""
    with path.open("wb") as file:
        file.truncate(size)
    return path


def memory_of_upload(path: Path, backend: str) -> int:
    """Bytes of memory that the upload of a file takes at its peak, in a process of its own."""
    with Counter().run() as server:
        command = [sys.executable, "-m", "tests.unit.upload_child", server.base_url, str(path), backend]
        done = subprocess.run(command, stdout=subprocess.PIPE, check=True)
    assert server.counted[-1] > path.stat().st_size
    return int(done.stdout)


@pytest.mark.slow
@pytest.mark.parametrize("backend", ["asyncio", "trio"])
def test_an_upload_takes_no_memory_of_its_size(tmp_path: Path, backend: str) -> None:
    """128 MB are sent in a small part of that."""
    assert memory_of_upload(sparse(tmp_path / "data", 128 * MB), backend) < 32 * MB


@pytest.mark.long
@pytest.mark.timeout(600)
def test_two_gigabytes_are_uploaded_in_64_mb(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A sparse file of 2 GB takes less than 64 MB of memory while it is sent."""
    taken = memory_of_upload(sparse(tmp_path / "data", 2 << 30), "asyncio")
    with capsys.disabled():
        print(f"\npeak memory of uploading 2 GB: {taken / MB:.1f} MiB")
    assert taken < 64 * MB
