"""What the table uploads and downloads: forms with files, and replies that are no JSON."""

from __future__ import annotations

import json
from typing import Any

import pytest

from openai_async import AsyncClient
from openai_async.testing import FaultServer, Request, Script, respond
from openai_async.types.api_object import APIObject
from openai_async.types.files import Binary

PNG = b"\x89PNG\r\n\x1a\nIHDR"
ZIP = ("tools.zip", b"PK\x03\x04")

#: Method, what stands in its path, its parameters, and what must stand in the form.
UPLOADS: list[tuple[str, list[str], dict[str, Any], list[str]]] = [
    (
        "videos.create",
        [],
        {"prompt": "Grüße", "input_reference": PNG, "seconds": "4"},
        ['name="input_reference"; filename="upload.png"\r\nContent-Type: image/png', "Grüße", 'name="seconds"'],
    ),
    ("videos.create", [], {"prompt": "no file"}, ['name="prompt"']),
    (
        "videos.create_character",
        [],
        {"name": "x", "video": ("a.mp4", b"film")},
        ['name="video"; filename="a.mp4"\r\nContent-Type: video/mp4', 'name="name"'],
    ),
    ("videos.edit", [], {"prompt": "x", "video": ("a.mp4", b"film")}, ['name="video"; filename="a.mp4"']),
    ("videos.edit", [], {"prompt": "x", "video": {"id": "video_1"}}, ['name="video[id]"\r\n\r\nvideo_1']),
    ("videos.extend", [], {"prompt": "x", "seconds": "4", "video": b"film"}, ['name="video"; filename="upload"']),
    ("containers.files.create", ["cntr_1"], {"file": ("a.csv", b"1,2")}, ['name="file"; filename="a.csv"', "1,2"]),
    ("containers.files.create", ["cntr_1"], {"file_id": "file-1"}, ['name="file_id"\r\n\r\nfile-1']),
    ("skills.create", [], {"files": ZIP}, ['name="files"; filename="tools.zip"\r\nContent-Type: application/zip']),
    ("skills.create", [], {"files": [ZIP, ("SKILL.md", b"# x")]}, ['name="files[]"; filename="SKILL.md"', "# x"]),
    ("skills.versions.create", ["skill_1"], {"files": [ZIP], "default": True}, ['name="files[]"', "true"]),
    ("audio.voices.create", [], {"name": "x", "audio_sample": b"ID3"}, ['name="audio_sample"; filename="upload.mp3"']),
    ("realtime.calls.create", [], {"sdp": "v=0", "session": {"type": "x"}}, ['name="sdp"', "v=0", '{"type":"x"}']),
]
DOWNLOADS = [
    ("videos.download_content", ["video_1"], {"variant": "thumbnail"}),
    ("containers.files.content.retrieve", ["cfile_1"], {"container_id": "cntr_1"}),
    ("skills.content.retrieve", ["skill_1"], {}),
    ("skills.versions.content.retrieve", ["2"], {"skill_id": "skill_1"}),
]


def answer(request: Request) -> Script:
    if request.method == "GET" or request.target.endswith("/calls"):
        return respond(200, b"\0\xff", {"content-type": "application/octet-stream"})
    return respond(200, json.dumps({"id": "x_1"}).encode(), {"content-type": "application/json"})


def method_of(client: Any, name: str) -> Any:
    for part in name.split("."):
        client = getattr(client, part)
    return client


@pytest.mark.parametrize(("name", "places", "params", "parts"), UPLOADS)
async def test_files_and_fields_stand_in_one_form(
    name: str, places: list[str], params: dict[str, Any], parts: list[str]
) -> None:
    """A file goes with its name and its media type, a reference in its place as a field."""
    with FaultServer(answer) as server:
        async with AsyncClient(api_key="k", base_url=server.base_url, trust_env=False) as client:
            reply = await method_of(client, name)(*places, **params)
    request = server.requests[0]
    assert (request.header("content-type") or "").startswith("multipart/form-data; boundary=")
    for part in parts:
        assert part.encode() in request.body
    assert isinstance(reply, Binary) if name == "realtime.calls.create" else isinstance(reply, APIObject)


@pytest.mark.parametrize(("name", "places", "params"), DOWNLOADS)
async def test_what_is_no_json_is_given_as_it_is(name: str, places: list[str], params: dict[str, Any]) -> None:
    """Every byte, and the media type that the server states."""
    with FaultServer(answer) as server:
        async with AsyncClient(api_key="k", base_url=server.base_url, trust_env=False) as client:
            reply = await method_of(client, name)(*places, **params)
    assert (reply.content, reply.content_type) == (b"\0\xff", "application/octet-stream")
    assert server.requests[0].target.endswith("variant=thumbnail" if "variant" in params else "/content")
