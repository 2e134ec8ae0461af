"""The emulator's uploads: their states, what they refuse in the API's words, and that nothing of them stays."""

from __future__ import annotations

import gc
import hashlib
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import httpx
import pytest

from openai_async.emulator import Emulator

Body = dict[str, Any]
STATED: Body = {"filename": "a.txt", "purpose": "assistants", "bytes": 6, "mime_type": "text/plain"}


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


@contextmanager
def running(emulator: Emulator | None = None) -> Iterator[httpx.Client]:
    headers = {"authorization": "Bearer sk-secret"}
    with (emulator or Emulator()).run() as server, httpx.Client(headers=headers, timeout=30) as client:
        client.base_url = httpx.URL(server.base_url)
        yield client


def begun(client: httpx.Client, **stated: Any) -> str:
    reply = client.post("/uploads", json={**STATED, **stated})
    assert reply.status_code == 200, reply.text
    return str(reply.json()["id"])


def add(client: httpx.Client, upload: str, content: bytes) -> str:
    reply = client.post(f"/uploads/{upload}/parts", files={"data": ("blob", content)})
    assert reply.status_code == 200, reply.text
    return str(reply.json()["id"])


def check(reply: httpx.Response, status: int, words: str, param: str | None = None, code: str | None = None) -> None:
    error = reply.json()["error"]
    assert error.keys() == {"message", "type", "param", "code"}
    assert words in error["message"]
    assert (reply.status_code, error["param"], error["code"]) == (status, param, code)


def test_an_upload_walks_from_pending_to_completed() -> None:
    """It says so at each step, and holds the file at the end, which is one like any other."""
    with running() as client:
        upload = client.post("/uploads", json=STATED).json()
        assert upload["id"].startswith("upload_")
        assert (upload["object"], upload["status"], upload["file"]) == ("upload", "pending", None)
        assert upload["expires_at"] == upload["created_at"] + 3600
        parts = [add(client, upload["id"], content) for content in (b"def", b"abc")]
        md5 = hashlib.md5(b"abcdef").hexdigest().upper()
        done = client.post(f"/uploads/{upload['id']}/complete", json={"part_ids": parts[::-1], "md5": md5}).json()
        assert done["status"] == "completed"
        assert {**done, "status": "pending", "file": None} == upload
        file = client.get(f"/files/{done['file']['id']}").json()
        assert file == done["file"]
        assert (file["bytes"], file["filename"], file["status"]) == (6, "a.txt", "processed")


@pytest.mark.parametrize(
    ("stated", "words", "param", "code"),
    [
        ({"filename": None}, "'filename'", "filename", "missing_required_parameter"),
        ({"mime_type": None}, "'mime_type'", "mime_type", "missing_required_parameter"),
        ({"purpose": "search"}, "Supported values", "purpose", "invalid_value"),
        ({"bytes": "6"}, "an integer", "bytes", "invalid_type"),
        ({"bytes": 0}, "below minimum", "bytes", "integer_below_min_value"),
        ({"bytes": 8 * 1024**3 + 1}, "above maximum", "bytes", "integer_above_max_value"),
        ({"expires_after": {"anchor": "created_at"}}, "seconds", "expires_after.seconds", "missing_required_parameter"),
    ],
)
def test_an_upload_is_refused_in_the_words_of_the_api(stated: Body, words: str, param: str, code: str) -> None:
    """What is missing, of another type, or out of bounds is named."""
    with running() as client:
        check(client.post("/uploads", json={**STATED, **stated}), 400, words, param, code)


def test_a_completion_is_refused_unless_it_is_what_was_announced() -> None:
    """Another size, another checksum, a part of another upload: the upload stays pending, and can be put right."""
    with running() as client:
        upload, other = begun(client), begun(client)
        part, foreign = add(client, upload, b"abcdef"), add(client, other, b"abcdef")
        for body, words, param, code in (
            ({}, "part_ids", "part_ids", "missing_required_parameter"),
            ({"part_ids": part}, "an array", "part_ids", "invalid_type"),
            ({"part_ids": [1]}, "a string", "part_ids[0]", "invalid_type"),
            ({"part_ids": [foreign]}, "no part", "part_ids", None),
            ({"part_ids": []}, "0 bytes", "part_ids", None),
            ({"part_ids": [part, part]}, "12 bytes", "part_ids", None),
            ({"part_ids": [part], "md5": "0" * 32}, "MD5", "md5", None),
        ):
            check(client.post(f"/uploads/{upload}/complete", json=body), 400, words, param, code)
        assert client.post(f"/uploads/{upload}/complete", json={"part_ids": [part]}).json()["status"] == "completed"
        check(client.post(f"/uploads/{upload}/complete", json={"part_ids": [part]}), 400, "completed")
        check(client.post(f"/uploads/{upload}/cancel"), 400, "completed")


@pytest.mark.slow
def test_a_part_must_be_a_file_of_an_upload_that_is_pending() -> None:
    """No file, a text in its place, or an upload that is not there: nothing is kept of it."""
    with running() as client:
        upload = begun(client)
        check(
            client.post(f"/uploads/{upload}/parts", data={"data": "x"}),
            400,
            "data",
            "data",
            "missing_required_parameter",
        )
        check(
            client.post(f"/uploads/{upload}/parts", data={"data": "x"}, files={"other": b"x"}),
            400,
            "a file",
            "data",
            "invalid_type",
        )
        check(client.post("/uploads/upload_none/parts", files={"data": b"x" * 2_000_000}), 404, "No such Upload", "id")
        assert client.post(f"/uploads/{upload}/cancel").json()["status"] == "cancelled"
        check(client.post(f"/uploads/{upload}/parts", files={"data": b"x" * 2_000_000}), 400, "cancelled")
        gc.collect()  # what was not closed would warn


def test_an_upload_expires_after_an_hour() -> None:
    """On the emulator's clock; it takes nothing more then."""
    clock = Clock()
    with running(Emulator(clock=clock)) as client:
        upload = begun(client)
        clock.now = 3599.0
        part = add(client, upload, b"abcdef")
        clock.now = 3600.0
        check(client.post(f"/uploads/{upload}/complete", json={"part_ids": [part]}), 400, "expired")


@pytest.mark.slow
def test_uploads_are_forgotten_with_the_last_server() -> None:
    """State is that of a running emulator; parts on the disk are closed."""
    emulator = Emulator()
    with running(emulator) as client:
        upload = begun(client)
        add(client, upload, b"x" * 2_000_000)
    with running(emulator) as client:
        check(client.post(f"/uploads/{upload}/cancel"), 404, "No such Upload", "id")
    gc.collect()
