"""Sound where events were asked for, and events where sound was: nothing that was paid for is lost.

OpenAI's own tts-1 answers with bare sound whatever `stream_format` says, and whisper-1 with bare text whatever `stream`
says; servers of others do the reverse, too.
"""

from __future__ import annotations

import base64
import itertools
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import example, given, strategies as st

from openai_async import (
    APIConnectionError,
    APIError,
    AsyncClient,
    Client,
    DecodeError,
    RateLimitError,
    StreamInterrupted,
)
from openai_async._wire.media_bodies import AudioToEvents, EventsToAudio, TextToEvents
from openai_async._wire.sse import SSEDecoder
from openai_async.testing import FaultServer, Fin, Script, every_offset, json_reply, no_leaks, respond, sse, wire
from openai_async.types.meta import Meta

from .conftest import MakeClient

pytestmark = pytest.mark.usefixtures("no_backoff")

CALL: dict[str, Any] = {"model": "m", "input": "Hello", "voice": "alloy"}
MP3 = b"\xff\xf3\x44\xc4" + bytes(range(256)) * 40
WAV = b"RIFF\x00\x00\x00\x00WAVE" + bytes(range(255, -1, -1)) * 40
PCM = b"\x00\x00\x01\x00" * 5_000
KINDS = [
    ("audio/mpeg", MP3),
    ("audio/wav", WAV),
    ("audio/pcm", PCM),
    ("audio/pcm", b"d" + PCM),
    ("audio/pcm", b"{" + PCM),
    ("application/octet-stream", PCM),
    ("", MP3),
    ("text/event-stream", MP3),
    ("text/plain", WAV),
]
USAGE = {"input_tokens": 1, "output_tokens": 2, "total_tokens": 3}


def spoken(sound: bytes, pieces: int = 3) -> list[str]:
    """The events of a sound."""
    size = -(-len(sound) // pieces)
    parts = [sound[at : at + size] for at in range(0, len(sound), size)]
    deltas = [{"type": "speech.audio.delta", "audio": base64.b64encode(part).decode()} for part in parts]
    return [json.dumps(event) for event in (*deltas, {"type": "speech.audio.done", "usage": USAGE})]


def bare(kind: str, sound: bytes, **settings: Any) -> Script:
    return respond(200, sound, {"content-type": kind} if kind else {}, **settings)


async def in_events(client: AsyncClient) -> tuple[list[str], bytes]:
    """The kinds of the events, and the sound of the whole."""
    async with await client.audio.speech.create(**CALL, stream_format="sse") as stream:
        kinds = [event.type async for event in stream]
        return kinds, (await stream.final()).content


async def whole(client: AsyncClient) -> bytes:
    return (await client.audio.speech.create(**CALL)).content


async def in_pieces(client: AsyncClient) -> bytes:
    async with client.audio.speech.stream(**CALL) as sound:
        return await sound.read()


@pytest.mark.parametrize(("kind", "sound"), KINDS, ids=[f"{kind}-{sound[:4]!r}" for kind, sound in KINDS])
async def test_bare_sound_is_the_events_that_it_would_have_been(
    kind: str, sound: bytes, make_client: MakeClient
) -> None:
    """Every byte of it, as it arrives, ended by the last event; the connection is used again."""
    scripts = [bare(kind, sound), bare(kind, sound, framing="chunked"), sse(spoken(sound))]
    with FaultServer(scripts) as server:
        async with no_leaks(), make_client(server.base_url) as client:
            found = [await in_events(client) for _ in scripts]
            assert client.statistics().in_flight == 0
    assert server.accepted_connections == 1
    for kinds, content in found:
        assert kinds == [*["speech.audio.delta"] * (len(kinds) - 1), "speech.audio.done"]
        assert content == sound


@pytest.mark.parametrize("kind", ["text/event-stream; charset=utf-8", "audio/mpeg", "application/octet-stream", ""])
@pytest.mark.parametrize("read", [whole, in_pieces])
async def test_events_are_the_sound_that_they_are_of(
    kind: str, read: Callable[[AsyncClient], Any], make_client: MakeClient, tmp_path: Path
) -> None:
    """Whole or as it arrives, whatever the media type says; and sound stays what it is."""
    events = b"".join(f"data: {event}\n\n".encode() for event in spoken(MP3))
    named = b": hello\n\n" if kind.startswith("text") else b""
    with FaultServer([bare(kind, named + events), bare("audio/mpeg", MP3), bare("audio/pcm", b":" + PCM)]) as server:
        async with no_leaks(), make_client(server.base_url) as client:
            assert await read(client) == MP3
            assert await read(client) == MP3
            assert await read(client) == b":" + PCM
            assert client.statistics().in_flight == 0


async def test_a_server_that_speaks_in_events_is_told_what_is_wanted(make_client: MakeClient) -> None:
    """After the first answer. What the caller says stays."""
    with FaultServer([sse(spoken(MP3))]) as server:
        async with make_client(server.base_url) as client:
            await whole(client)
            await whole(client)
            await in_events(client)
    assert [request.json().get("stream_format") for request in server.requests] == [None, "audio", "sse"]


async def test_sound_that_was_cut_is_no_whole(make_client: MakeClient) -> None:
    """At whatever byte: what had come is in the error, or was given before."""
    reply = bare("audio/mpeg", MP3[:300])
    head = wire(reply).index(b"\r\n\r\n") + 4
    cuts = [cut.script for cut in every_offset(wire(reply), end=Fin(), step=41) if cut.offset > head]
    with FaultServer([*cuts, bare("audio/mpeg", MP3, framing="close")]) as server:
        async with no_leaks(), make_client(server.base_url, max_retries=0) as client:
            for _ in cuts:
                with pytest.raises(APIConnectionError) as broken:
                    await in_events(client)
                assert MP3.startswith(broken.value.partial.content if broken.value.partial else b"")
            with pytest.raises(StreamInterrupted) as caught:  # it may be whole, and nobody knows
                await in_events(client)
    assert caught.value.partial.content == MP3


@pytest.mark.parametrize("read", [whole, in_pieces])
async def test_events_that_were_cut_are_no_whole(read: Callable[[AsyncClient], Any], make_client: MakeClient) -> None:
    """Without the last event, with an error in it, or damaged."""
    *deltas, _ = spoken(MP3)
    problem = json.dumps({"error": {"message": "slow down", "type": "rate_limit_error"}})
    damaged = deltas[1][:-5] + '!"}'
    bodies: dict[type[APIError], Script] = {
        APIConnectionError: sse(deltas),
        RateLimitError: sse([*deltas, problem]),
        DecodeError: sse([deltas[0], damaged]),
    }
    with FaultServer(list(bodies.values())) as server:
        async with no_leaks(), make_client(server.base_url, max_retries=0) as client:
            for kind in bodies:
                with pytest.raises(kind) as caught:
                    await read(client)
                if read is whole:
                    assert MP3.startswith(caught.value.partial.content)


async def test_an_object_is_an_error_in_either_form(make_client: MakeClient) -> None:
    """Also where it is called sound."""
    problem = {"error": {"message": "slow down", "type": "rate_limit_error"}}
    with FaultServer([json_reply(problem), bare("audio/mpeg", json.dumps(problem).encode())]) as server:
        async with make_client(server.base_url, max_retries=0) as client:
            for _ in range(2):
                with pytest.raises(RateLimitError):
                    await in_events(client)
            with pytest.raises(RateLimitError):
                await in_pieces(client)


def test_threads_get_the_other_form_too() -> None:
    """The same, without asyncio."""
    with (
        FaultServer([bare("audio/mpeg", MP3), sse(spoken(MP3)), sse(spoken(MP3))]) as server,
        Client(api_key="k", base_url=server.base_url, trust_env=False) as client,
    ):
        with client.audio.speech.create(**CALL, stream_format="sse") as stream:
            assert b"".join(event.content for event in stream) == MP3
        with client.audio.speech.stream(**CALL) as sound:
            assert sound.read() == MP3
        assert client.audio.speech.create(**CALL).content == MP3


# ---- transcripts


@pytest.mark.parametrize("form", ["text", "srt", "vtt"])
async def test_bare_text_is_the_events_that_it_would_have_been(form: Any, make_client: MakeClient) -> None:
    """As it came; a stream and an object stay what they are, and a page is none."""
    text = "WEBVTT\n\n00:00 --> 00:02\nGrüße\n"
    done = [json.dumps({"type": "transcript.text.done", "text": text})]
    scripts: list[Script] = [
        respond(200, text.encode(), {"content-type": "text/plain; charset=utf-8"}),
        sse(done),
        json_reply({"text": text}),
        respond(200, text.encode(), {"content-type": "text/plain"}, framing="close"),
        respond(200, b"<!DOCTYPE html>", {"content-type": "text/plain"}),
    ]
    with FaultServer(scripts) as server:
        async with no_leaks(), make_client(server.base_url, max_retries=0) as client:
            create = client.audio.transcriptions.stream
            for _ in range(3):
                async with create(model="m", file=b"RIFF", response_format=form) as stream:
                    assert (await stream.final()).text == text
            for partial in (text, None):
                async with create(model="m", file=b"RIFF", response_format=form) as stream:
                    with pytest.raises(APIError) as caught:
                        await stream.final()
                    assert getattr(caught.value.partial, "text", None) == partial


# ---- in any pieces

CHUNKED = Meta(200, {"content-type": "audio/pcm", "transfer-encoding": "chunked"})
SPLITS = st.lists(st.integers(0, 200), max_size=8)


def fed(rewriter: Any, body: bytes, cuts: list[int]) -> bytes:
    """What a body becomes that arrives in these pieces."""
    ends = sorted({min(cut, len(body)) for cut in cuts} | {0, len(body)})
    pieces = [body[start:end] for start, end in itertools.pairwise(ends)]
    return b"".join(rewriter.feed(piece) for piece in pieces) + rewriter.end()


@example(sound=b"data", cuts=[])
@example(sound=b"d", cuts=[])
@example(sound=b"", cuts=[])
@example(sound=b"event", cuts=[1, 2, 3])
@given(sound=st.binary(max_size=200), cuts=SPLITS)
def test_sound_in_any_pieces_is_the_same_sound(sound: bytes, cuts: list[int]) -> None:
    """There and back: sound that becomes events, and they sound again, is what it was."""
    if sound.startswith((b"data:", b"event:", b'{"')):
        return
    events = fed(AudioToEvents(CHUNKED, 100), sound, cuts)
    assert max((len(data) for _, data in SSEDecoder().feed(events)), default=0) <= 200
    back = EventsToAudio(Meta(200, {"content-type": "text/event-stream"}), 10_000, ())
    assert fed(back, events, cuts) == sound
    assert back.over
    assert fed(EventsToAudio(CHUNKED, 10_000, ()), sound, cuts) == sound


@given(text=st.text(max_size=100), cuts=SPLITS)
def test_text_in_any_pieces_is_the_same_text(text: str, cuts: list[int]) -> None:
    """What does not begin as something else."""
    body = text.encode()
    if body.lstrip().lower().startswith((b"data:", b"event:", b"id:", b"retry:", b":", b"{", b"<html", b"<!doctype")):
        assert fed(TextToEvents(CHUNKED, 1_000), body, cuts) == body
        return
    events = [json.loads(data) for _, data in SSEDecoder().feed(fed(TextToEvents(CHUNKED, 1_000), body, cuts))]
    assert [event["type"].rpartition(".")[2] for event in events] == (["delta", "done"] if body else [])
    assert all(event.get("delta", event.get("text")) == text for event in events)
