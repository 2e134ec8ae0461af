"""Images: made, edited, streamed and saved, against the emulator and against servers that are odd."""

from __future__ import annotations

import base64
import json
import struct
import zlib
from collections.abc import AsyncIterator, Iterator
from io import BytesIO
from pathlib import Path
from typing import Any

import pytest

from openai_async import AsyncClient, BadRequestError, Client, InvalidParameterError, StreamInterrupted
from openai_async.emulator import Emulator
from openai_async.testing import FaultServer, Fin, every_offset, json_reply, respond, sse, wire
from openai_async.types.images import Image, ImagesResponse, ImageStreamEvent

PNG = base64.b64decode(
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="
)
B64 = base64.b64encode(PNG).decode()
SMALL: dict[str, Any] = {"model": "emulated-image", "prompt": "A quiet river", "size": "64x32"}


@pytest.fixture(scope="module")
def emulator() -> Iterator[str]:
    with Emulator().run() as server:
        yield server.base_url


@pytest.fixture
async def client(emulator: str) -> AsyncIterator[AsyncClient]:
    async with connect(emulator) as client:
        yield client


def connect(base_url: str, **settings: Any) -> AsyncClient:
    return AsyncClient(api_key="k", base_url=base_url, trust_env=False, max_retries=0, **settings)


def pixels(png: bytes) -> tuple[int, int]:
    """Width and height of a PNG whose every chunk and row is as it should be."""
    at, content, header = 8, b"", (0, 0)
    while at < len(png):
        size, kind = struct.unpack(">I4s", png[at : at + 8])
        body = png[at + 8 : at + 8 + size]
        assert png[at + 8 + size : at + 12 + size] == struct.pack(">I", zlib.crc32(kind + body))
        if kind == b"IHDR":
            header = struct.unpack(">II", body[:8])
        content += body if kind == b"IDAT" else b""
        at += 12 + size
    assert len(zlib.decompress(content)) == header[1] * (header[0] + 1)
    return header


# ---- made and saved


async def test_a_prompt_of_any_script_arrives_as_utf8() -> None:
    """E3: a Chinese prompt is sent as UTF-8, and the one picture of the reply has an address."""
    reply = {"created": 1589478378, "data": [{"url": "https://images.example/1.png"}]}
    with FaultServer([json_reply(reply)]) as server:
        async with connect(server.base_url) as client:
            made = await client.images.generate(prompt="小猫喝啤酒", n=1, size="1024x1024")
    assert "小猫喝啤酒".encode() in server.requests[0].body
    assert server.requests[0].json() == {"prompt": "小猫喝啤酒", "n": 1, "size": "1024x1024"}
    assert ([image.url for image in made], made.to_dict()) == (["https://images.example/1.png"], reply)


async def test_base64_becomes_a_file(client: AsyncClient, tmp_path: Path) -> None:
    """The picture of a reply has the size asked for; `save` writes what `bytes` gives."""
    reply = await client.images.generate(**SMALL, n=2)
    assert [pixels(image.bytes()) for image in reply] == [(64, 32)] * 2
    assert reply.data[0].bytes() != reply.data[1].bytes()
    path = reply.data[0].save(tmp_path / "river.png")
    assert path.read_bytes() == reply.data[0].bytes()
    assert (await client.images.content(reply.data[0])).content == reply.data[0].bytes()
    assert (reply.size, reply.output_format, len(reply)) == ("64x32", "png", 2)
    assert reply.usage is not None
    assert reply.usage.total_tokens == reply.usage.input_tokens + reply.usage.output_tokens > 0


async def test_a_picture_at_an_address_is_fetched_without_the_key() -> None:
    """`content` follows the address that the server gave, and tells it nothing of the account."""
    with FaultServer(lambda request: respond(200, PNG, {"content-type": "image/png"})) as server:
        async with connect(server.base_url) as client:
            image = Image(url=f"{server.base_url}/pictures/1.png?sig=a%2Fb")
            found = await client.images.content(image)
    assert (found.content, found.content_type) == (PNG, "image/png")
    assert server.requests[0].target.endswith("/pictures/1.png?sig=a%2Fb")
    assert server.requests[0].header("authorization") is None


@pytest.mark.parametrize(
    "image",
    [
        Image(),
        Image(b64_json="no base64!"),
        Image(url="http://127.0.0.1:9/1.png"),
        Image(url="http://elsewhere.example/1.png"),
        Image(url="file:///etc/passwd"),
        Image(url="https://user:word@host.example/1.png"),
        Image(url="https://host.example/a b"),
        Image(url="https://host.example\\@other.example/"),
        Image(url="https://host.example:port/"),
    ],
    ids=repr,
)
async def test_other_addresses_are_not_followed(client: AsyncClient, image: Image) -> None:
    """Neither plain http elsewhere nor a file of this machine is read because a server names it."""
    with pytest.raises(InvalidParameterError):
        await client.images.content(image)


def test_what_is_no_base64_is_not_written(tmp_path: Path) -> None:
    """A picture that is damaged or elsewhere leaves no file."""
    for image in (Image(url="https://host.example/1.png"), Image(b64_json="a"), ImageStreamEvent(type="x")):
        with pytest.raises(ValueError, match=r"base64"):
            image.save(tmp_path / "none.png")
    assert list(tmp_path.iterdir()) == []


async def test_no_price_is_made_up() -> None:
    """Tokens of pictures have prices of their own: what they cost is not known, even where the model has a price."""
    usage = {"input_tokens": 5, "output_tokens": 7, "total_tokens": 12}
    with FaultServer([json_reply({"created": 1, "data": [], "usage": usage})]) as server:
        async with connect(server.base_url, prices={"m": (1, 2)}) as client:
            reply = await client.images.generate(prompt="x", model="m")
    assert reply.cost is None
    assert reply.usage is not None
    assert reply.usage.total_tokens == 12


def test_threads_have_pictures_too(emulator: str) -> None:
    """The same names without an event loop."""
    with Client(api_key="k", base_url=emulator, trust_env=False) as client:
        made = client.images.generate(prompt="x", model="emulated-image-classic", size="256x256")
        assert pixels(client.images.content(made.data[0]).content) == (256, 256)
        with client.images.stream(**SMALL, partial_images=1) as stream:
            assert [event.completed for event in stream] == [False, True]
        edited = client.images.edit(image=PNG, prompt="x", size="32x32")
        assert pixels(edited.data[0].bytes()) == (32, 32)


# ---- edited


async def test_several_pictures_are_sent_and_named(tmp_path: Path) -> None:
    """Paths, open files, bytes and named ones go together, each with the media type that the API insists on."""
    path = tmp_path / "one.webp"
    path.write_bytes(b"RIFF0000WEBP")
    opened = BytesIO(PNG)
    opened.name = "open.jpg"
    with FaultServer([json_reply({"created": 1, "data": []})]) as server:
        async with connect(server.base_url) as client:
            images: Any = [path, opened, PNG, ("named.png", PNG), ("odd", PNG, "image/x-odd")]
            await client.images.edit(image=images, mask=PNG, prompt="Grüße", n=2)
    body = server.requests[0].body
    assert body.count(b'name="image[]"') == 5
    assert b'name="mask"; filename="upload.png"\r\nContent-Type: image/png' in body
    for name, kind in (("one.webp", "webp"), ("open.jpg", "jpeg"), ("upload.png", "png"), ("odd", "x-odd")):
        assert f'filename="{name}"\r\nContent-Type: image/{kind}\r\n'.encode() in body
    assert 'name="prompt"\r\n\r\nGrüße\r\n'.encode() in body
    assert b'name="n"\r\n\r\n2\r\n' in body


async def test_edits_and_variations_depend_on_what_is_uploaded(client: AsyncClient) -> None:
    """The emulator reads the pictures; a variation comes from a classic model alone."""
    other = (await client.images.generate(**SMALL)).data[0].bytes()
    one = await client.images.edit(image=PNG, prompt="Add a watercolor effect", size="64x64")
    two = await client.images.edit(image=other, prompt="Add a watercolor effect", size="64x64")
    again = await client.images.edit(image=[PNG], prompt="Add a watercolor effect", size="64x64")
    assert one.data != two.data
    assert one.data == again.data
    varied = await client.images.create_variation(image=PNG, n=2, size="256x256", response_format="b64_json")
    assert [pixels(image.bytes()) for image in varied] == [(256, 256)] * 2
    with pytest.raises(BadRequestError) as caught:
        await client.images.create_variation(image=PNG, model="emulated-image")
    assert caught.value.param == "model"


@pytest.mark.parametrize(
    ("method", "params", "field"),
    [
        ("generate", {}, "prompt"),
        ("generate", {"prompt": ""}, "prompt"),
        ("generate", {"prompt": 1}, "prompt"),
        ("generate", {"prompt": "x", "n": 0}, "n"),
        ("generate", {"prompt": "x", "n": True}, "n"),
        ("generate", {"prompt": "x", "n": "2", "stream": True}, "n"),
        ("edit", {"prompt": "x"}, "image"),
        ("edit", {"prompt": "x", "image": []}, "image"),
        ("edit", {"prompt": "x", "image": "a path as text"}, "image"),
        ("edit", {"prompt": "x", "image": [b"", Path("/nowhere/at/all.png")]}, "image[1]"),
        ("edit", {"image": b"x"}, "prompt"),
        ("create_variation", {}, "image"),
    ],
)
async def test_what_cannot_be_right_is_not_sent(method: str, params: dict[str, Any], field: str) -> None:
    """Refused before a byte is sent, by the name of the field."""
    with FaultServer([json_reply({})]) as server:
        async with connect(server.base_url) as client:
            with pytest.raises(InvalidParameterError) as caught:
                await getattr(client.images, method)(**params)
    assert caught.value.field == field
    assert not server.requests


# ---- streamed


async def test_unfinished_pictures_come_before_the_whole_one(client: AsyncClient) -> None:
    """Every event is a picture; the last is the one that comes without streaming, and so is `final()`."""
    whole = await client.images.generate(**SMALL)
    async with client.images.stream(**SMALL, partial_images=3) as stream:
        events = [event async for event in stream]
        final = await stream.final()
    assert [event.type.rpartition(".")[2] for event in events] == ["partial_image"] * 3 + ["completed"]
    assert [event.partial_image_index for event in events] == [0, 1, 2, None]
    assert {pixels(event.bytes()) for event in events} == {(64, 32)}
    assert len({event.bytes() for event in events}) == 4
    assert pixels(final.data[0].bytes()) == (64, 32)
    assert final.data == [events[-1].image] == whole.data
    assert (final.usage, final.size) == (whole.usage, whole.size)
    assert stream.meta.cost is None


async def test_a_stream_of_several_ends_with_the_last(client: AsyncClient) -> None:
    """With `n`, as many pictures are completed; both forms of a stream give them, of edits, too."""
    async with client.images.stream(**SMALL, n=3) as stream:
        assert len(await stream.final()) == 3
    stream = await client.images.edit(image=PNG, prompt="x", size="32x32", partial_images=1, stream=True)
    async with stream:
        kinds = [event.type async for event in stream]
    assert kinds == ["image_edit.partial_image", "image_edit.completed"]
    async with client.images.stream_edit(image=[PNG, PNG], prompt="x", size="32x32") as stream:
        assert (await stream.final()).usage is not None


PARTIAL = {"type": "image_generation.partial_image", "b64_json": B64, "partial_image_index": 0, "created_at": 1}
COMPLETED = {"type": "image_generation.completed", "b64_json": B64, "created_at": 1, "usage": {"total_tokens": 3}}


@pytest.mark.slow
async def test_a_stream_cut_anywhere_is_interrupted() -> None:
    """Cut at every byte, a stream is an error that holds what had come, or whole; never a shorter one."""
    script = sse([PARTIAL, COMPLETED])
    cuts = [cut.script for cut in every_offset(wire(script), end=Fin())]
    seen: dict[str, int] = {"whole": 0, "partial": 0, "nothing": 0}
    with FaultServer(cuts) as server:
        async with connect(server.base_url) as client:
            for _ in cuts:
                came: list[ImageStreamEvent] = []
                try:
                    async with client.images.stream(prompt="x") as stream:
                        async for event in stream:
                            came.append(event)  # noqa: PERF401 (kept when it breaks off)
                except Exception as error:
                    partial: ImagesResponse | None = getattr(error, "partial", None)
                    assert len(came) < 2
                    assert (partial.data if partial else []) == [event.image for event in came]
                    if partial:
                        assert partial.data[0].extra == {"partial_image_index": 0}
                    seen["partial" if partial else "nothing"] += 1
                else:
                    assert [event.type for event in came] == [PARTIAL["type"], COMPLETED["type"]]
                    seen["whole"] += 1
    assert 0 < seen["whole"] <= len(b"\r\n0\r\n\r\n")
    assert seen["partial"] > 0
    assert seen["nothing"] > 0


async def test_a_stream_without_its_last_picture_is_interrupted() -> None:
    """A body that ends properly, but before every picture is whole, is no success."""
    with FaultServer([sse([PARTIAL]), sse([COMPLETED])]) as server:
        async with connect(server.base_url) as client:
            for n, had in ((1, 1), (2, 1)):
                with pytest.raises(StreamInterrupted) as caught:
                    async with client.images.stream(prompt="x", n=n) as stream:
                        await stream.final()
                assert len(caught.value.partial.data) == had


# ---- odd servers


async def test_fields_of_tomorrow_are_kept() -> None:
    """Unknown values, unknown fields, nulls and missing ones never fail, in replies and in events."""
    reply = {
        "created": None,
        "data": [{"b64_json": None, "url": "https://x.example/1", "rating": {"a": 1}}],
        "quality": "galactic",
        "usage": {"input_tokens": 1, "seen": 2},
        "more": [1],
    }
    event = {"type": "image_generation.thinking", "thought": "a cat"}
    with FaultServer([json_reply(reply), json_reply({}), sse([event, COMPLETED])]) as server:
        async with connect(server.base_url) as client:
            made = await client.images.generate(prompt="x")
            assert made.data[0].extra == {"rating": {"a": 1}}
            assert made.extra == {"more": [1]}
            assert made.usage is not None
            assert made.usage.extra == {"seen": 2}
            assert len(await client.images.generate(prompt="x")) == 0
            async with client.images.stream(prompt="x") as stream:
                first = await anext(stream)
                assert (first.type, first.extra, first.completed) == (event["type"], {"thought": "a cat"}, False)
                assert len(await stream.final()) == 1


async def test_parameters_of_tomorrow_are_sent() -> None:
    """What this version does not name goes as it is, in JSON and in forms."""
    with FaultServer([json_reply({})]) as server:
        async with connect(server.base_url) as client:
            params: dict[str, Any] = {"prompt": "x", "sharpness": 3}
            await client.images.generate(**params)
            await client.images.edit(**params, image=PNG)
    assert json.loads(server.requests[0].body)["sharpness"] == 3
    assert b'name="sharpness"\r\n\r\n3' in server.requests[1].body
