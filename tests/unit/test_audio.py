"""Audio: spoken, streamed, written down in every format, against the emulator and against servers that are odd."""

from __future__ import annotations

import base64
import wave
from collections.abc import AsyncIterator, Iterator
from io import BytesIO
from pathlib import Path
from typing import Any

import pytest

from openai_async import AsyncClient, Client, DecodeError, InvalidParameterError, StreamInterrupted
from openai_async._wire.media import suffix_of, type_of
from openai_async.emulator import Emulator
from openai_async.errors import APIConnectionError, APIStatusError
from openai_async.testing import FaultServer, Fin, every_offset, json_reply, no_leaks, respond, sse, wire
from openai_async.types.audio import Transcription

SAID = "The morning train finds a better way home. Some honest error mends the long argument."
SPEECH: dict[str, Any] = {"model": "emulated-speech", "voice": "coral", "input": SAID}
HEARD: dict[str, Any] = {"model": "emulated-transcriber"}


@pytest.fixture(scope="module")
def emulator() -> Iterator[str]:
    with Emulator().run() as server:
        yield server.base_url


@pytest.fixture
async def client(emulator: str) -> AsyncIterator[AsyncClient]:
    async with connect(emulator) as client:
        yield client


@pytest.fixture(scope="module")
def sound(emulator: str) -> bytes:
    with Client(api_key="k", base_url=emulator, trust_env=False) as client:
        content: bytes = client.audio.speech.create(**SPEECH).content
        return content


def connect(base_url: str, **settings: Any) -> AsyncClient:
    return AsyncClient(api_key="k", base_url=base_url, trust_env=False, max_retries=0, **settings)


def seconds(content: bytes) -> float:
    with wave.open(BytesIO(content)) as file:
        length: float = file.getnframes() / file.getframerate()
        return length


# ---- speech


async def test_speech_comes_whole_in_pieces_and_in_events(client: AsyncClient, tmp_path: Path) -> None:
    """The three forms hold the same sound: a reply, a download to a path or to iterate, and a stream of events."""
    whole = await client.audio.speech.create(**SPEECH)
    assert (whole.content_type, whole.meta.status) == ("audio/wav", 200)
    assert seconds(whole.content) == pytest.approx(len(SAID) * 0.05, rel=0.1)
    async with client.audio.speech.stream(**SPEECH) as download:
        assert await download.write_to(tmp_path / "said.wav") == len(whole)
    assert (tmp_path / "said.wav").read_bytes() == whole.content
    async with client.audio.speech.stream(**SPEECH) as download:
        pieces = [piece async for piece in download]
    assert b"".join(pieces) == whole.content
    async with await client.audio.speech.create(**SPEECH, stream_format="sse") as stream:
        events = [event async for event in stream]
        final = await stream.final()
    assert final.content == whole.content == b"".join(event.content for event in events)
    assert events[-1].type == "speech.audio.done"
    assert events[-1].usage is not None
    assert events[-1].usage.total_tokens > 0


async def test_speed_and_format_count(client: AsyncClient) -> None:
    """Faster speech is shorter; bare samples have no header."""
    whole = await client.audio.speech.create(**SPEECH)
    fast = await client.audio.speech.create(**SPEECH, speed=2)
    bare = await client.audio.speech.create(**SPEECH, response_format="pcm")
    assert seconds(fast.content) == pytest.approx(seconds(whole.content) / 2, rel=0.01)
    assert len(bare) / 48_000 == seconds(whole.content)
    own = await client.audio.speech.create(model="emulated-speech", input="x", voice={"id": "voice_1"})
    assert seconds(own.content) > 0


@pytest.mark.parametrize("kind", ["text/html; charset=utf-8", "Application/JSON"])
async def test_a_page_is_no_speech(kind: str, tmp_path: Path) -> None:
    """A success that holds a page or an object is an error, and says where it came from; no file is made of it."""
    with FaultServer([respond(200, b"<html>", {"content-type": kind, "x-request-id": "req_1"})]) as server:
        async with no_leaks(), connect(server.base_url) as client:
            for ask in (client.audio.speech.create, lambda **said: spoken(client, tmp_path / "said.mp3", **said)):
                with pytest.raises(DecodeError) as caught:
                    await ask(**SPEECH)
                assert (caught.value.request_id, caught.value.status_code) == ("req_1", 200)
                assert len(caught.value.attempts) == 1
            assert client.statistics().in_flight == 0
    assert list(tmp_path.iterdir()) == []  # noqa: ASYNC240


async def spoken(client: AsyncClient, path: Path, **said: Any) -> None:
    async with client.audio.speech.stream(**said) as sound:
        await sound.write_to(path)


SPOKEN: list[dict[str, Any]] = [
    {"type": "speech.audio.delta", "audio": base64.b64encode(b"abc").decode()},
    {"type": "speech.audio.delta", "audio": base64.b64encode(b"de").decode()},
    {"type": "speech.audio.done", "usage": {"input_tokens": 2_000_000, "output_tokens": 1_000_000, "total_tokens": 3}},
]


@pytest.mark.slow
async def test_streamed_speech_cut_anywhere_is_interrupted() -> None:
    """Cut at every byte, it is an error that holds the sound delivered, or whole."""
    cuts = [cut.script for cut in every_offset(wire(sse(SPOKEN)), end=Fin())]
    whole = 0
    with FaultServer(cuts) as server:
        async with connect(server.base_url) as client:
            for _ in cuts:
                came, partial = b"", b""
                try:
                    async with await client.audio.speech.create(**SPEECH, stream_format="sse") as stream:
                        async for event in stream:
                            came += event.content
                except APIConnectionError as error:
                    partial = error.partial.content if error.partial else b""
                else:
                    partial = b"abcde"
                    whole += 1
                assert partial == came
                assert b"abcde".startswith(came)
    assert 0 < whole <= len(b"\r\n0\r\n\r\n")


async def test_damaged_sound_ends_the_stream() -> None:
    """An event whose base64 is damaged is an error with what came before it."""
    with FaultServer([sse([SPOKEN[0], {"type": "speech.audio.delta", "audio": "a"}, SPOKEN[2]])]) as server:
        async with connect(server.base_url) as client:
            with pytest.raises(DecodeError) as caught:
                async with await client.audio.speech.create(**SPEECH, stream_format="sse") as stream:
                    await stream.final()
    assert caught.value.partial.content == b"abc"


async def test_speech_is_billed_by_the_model_that_was_asked_for() -> None:
    """The events name no model: with the price of the one that was asked for the cost is known, without it is None."""
    with FaultServer([sse(SPOKEN)]) as server:
        async with connect(server.base_url, prices={"emulated-speech": (0.5, 2)}) as client:
            async with await client.audio.speech.create(**SPEECH, stream_format="sse") as stream:
                assert (await stream.final()).meta.cost == pytest.approx(3.0)
            params = {**SPEECH, "model": "unknown"}
            async with await client.audio.speech.create(**params, stream_format="sse") as stream:
                assert (await stream.final()).meta.cost is None


# ---- written down


async def test_every_format_is_read(client: AsyncClient, sound: bytes) -> None:
    """Objects with their fields, text as it came; what was spoken comes back word for word."""

    async def heard(form: str, **params: Any) -> Transcription:
        reply: Transcription = await client.audio.transcriptions.create(
            **HEARD, file=sound, response_format=form, **params
        )
        return reply

    plain = await client.audio.transcriptions.create(**HEARD, file=sound, include=["logprobs"])
    assert plain.text == SAID
    assert plain.usage is not None
    assert plain.usage.input_token_details is not None
    assert plain.usage.input_token_details.audio_tokens == plain.usage.input_tokens
    assert plain.logprobs is not None
    assert "".join(entry.token or "" for entry in plain.logprobs) == SAID
    assert (await heard("text")).text == f"{SAID}\n"
    assert "1\n00:00:00,000 --> 00:00:0" in (await heard("srt")).text
    assert (await heard("vtt")).text.startswith("WEBVTT\n\n00:00:00.000 --> ")
    verbose = await heard("verbose_json", timestamp_granularities=["word", "segment"])
    assert verbose.duration == pytest.approx(seconds(sound), abs=0.001)
    assert verbose.words is not None
    assert " ".join(word.word for word in verbose.words) == SAID
    assert verbose.segments is not None
    assert [segment.id for segment in verbose.segments] == [0, 1]
    assert verbose.segments[1].end == verbose.duration
    assert verbose.usage is not None
    assert verbose.usage.type == "duration"
    assert verbose.usage.seconds == verbose.duration
    assert verbose.cost is None
    diarized = await heard("diarized_json")
    assert diarized.segments is not None
    assert [(segment.id, segment.speaker) for segment in diarized.segments] == [("seg_000", "A"), ("seg_001", "B")]


async def test_a_transcript_is_streamed(client: AsyncClient, sound: bytes) -> None:
    """Pieces of text, and a last event with the whole: `final()` is what comes without streaming; so by speaker."""
    whole = await client.audio.transcriptions.create(**HEARD, file=sound)
    async with client.audio.transcriptions.stream(**HEARD, file=sound) as stream:
        assert "".join([piece async for piece in stream.text]) == SAID
        assert await stream.final() == whole
    stream = await client.audio.transcriptions.create(
        **HEARD, file=("said.wav", sound), response_format="diarized_json", chunking_strategy="auto", stream=True
    )
    async with stream:
        kinds = [event.type async for event in stream]
        final = await stream.final()
    assert kinds == ["transcript.text.segment"] * 2 + ["transcript.text.done"]
    assert [segment.speaker for segment in final.segments or []] == ["A", "B"]
    assert final.text == SAID


async def test_a_translation_is_read(client: AsyncClient, sound: bytes) -> None:
    """As a transcription, in English."""
    verbose = await client.audio.translations.create(**HEARD, file=sound, response_format="verbose_json")
    assert (verbose.language, verbose.text, verbose.task) == ("english", SAID, "translate")
    assert (await client.audio.translations.create(**HEARD, file=sound, response_format="text")).text == f"{SAID}\n"


def test_threads_have_sound_too(emulator: str, sound: bytes, tmp_path: Path) -> None:
    """The same names without an event loop: a download to a path, a stream, pieces of text."""
    with Client(api_key="k", base_url=emulator, trust_env=False) as client:
        with client.audio.speech.stream(**SPEECH) as download:
            download.write_to(tmp_path / "said.wav")
        assert (tmp_path / "said.wav").read_bytes() == sound
        with client.audio.speech.create(**SPEECH, stream_format="sse") as events:
            assert events.final().content == sound
        with client.audio.transcriptions.stream(**HEARD, file=tmp_path / "said.wav") as stream:
            assert "".join(stream.text) == SAID
        assert client.audio.translations.create(**HEARD, file=sound).text == SAID


TOLD: list[dict[str, Any]] = [
    {"type": "transcript.text.delta", "delta": "Grü"},
    {"type": "transcript.text.delta", "delta": "ße"},
    {"type": "transcript.text.done", "text": "Grüße", "usage": {"type": "tokens", "total_tokens": 3}},
]


@pytest.mark.slow
async def test_a_streamed_transcript_cut_anywhere_is_interrupted() -> None:
    """A form goes up, events come down; cut at every byte, they are an error with the text delivered, or whole."""
    cuts = [cut.script for cut in every_offset(wire(sse(TOLD)), end=Fin())]
    whole = 0
    with FaultServer(cuts) as server:
        async with connect(server.base_url) as client:
            for _ in cuts:
                came, partial = "", ""
                try:
                    async with client.audio.transcriptions.stream(**HEARD, file=b"RIFF") as stream:
                        async for piece in stream.text:
                            came += piece
                except APIConnectionError as error:
                    partial = error.partial.text if error.partial else ""
                else:
                    partial = "Grüße"
                    whole += 1
                assert partial == came
    assert 0 < whole <= len(b"\r\n0\r\n\r\n")
    body = server.requests[0].body
    assert b'name="stream"\r\n\r\ntrue\r\n' in body
    assert b'name="file"; filename="upload"\r\n' in body


async def test_a_transcript_without_its_last_event_is_interrupted() -> None:
    """A body that ends properly, but before the transcript does, is no success."""
    with FaultServer([sse(TOLD[:2])]) as server:
        async with connect(server.base_url) as client:
            with pytest.raises(StreamInterrupted) as caught:
                async with client.audio.transcriptions.stream(**HEARD, file=b"x") as stream:
                    await stream.final()
    assert caught.value.partial == Transcription(text="Grüße")


async def test_sound_that_was_read_has_its_own_price() -> None:
    """A transcript is billed by the model asked for: tokens of sound at theirs, nothing where there is no price."""
    usage = {
        "type": "tokens",
        "input_tokens": 1_000_000,
        "input_token_details": {"text_tokens": 0, "audio_tokens": 1_000_000},
        "output_tokens": 1_000_000,
        "total_tokens": 2_000_000,
    }
    with FaultServer([json_reply({"text": "x", "usage": usage})]) as server:
        async with connect(server.base_url) as client:
            create = client.audio.transcriptions.create
            known = await create(model="gpt-4o-transcribe", file=b"x")
            unknown = await create(model="gpt-9-transcribe", file=b"x")
    assert known.cost == pytest.approx(16.0)  # 6 to hear, 10 to write
    assert unknown.cost is None
    with FaultServer([json_reply({"text": "x", "usage": {"type": "duration", "seconds": 60}})]) as server:
        async with connect(server.base_url, prices={"whisper-1": 1}) as client:
            assert (await client.audio.transcriptions.create(model="whisper-1", file=b"x")).cost is None


async def test_lists_and_objects_stand_in_the_form() -> None:
    """Every list repeats its name, an object its keys, as the API reads them."""
    with FaultServer([json_reply({"text": "x"})]) as server:
        async with connect(server.base_url) as client:
            await client.audio.transcriptions.create(
                model="m",
                file=("Grüße.mp3", b"ID3"),
                include=["logprobs"],
                timestamp_granularities=("word", "segment"),
                chunking_strategy={"type": "server_vad", "threshold": 0.5},
                known_speaker_names=["agent"],
                temperature=0.0,
            )
    body = server.requests[0].body
    for name, value in (
        ("include[]", "logprobs"),
        ("timestamp_granularities[]", "word"),
        ("timestamp_granularities[]", "segment"),
        ("chunking_strategy[type]", "server_vad"),
        ("chunking_strategy[threshold]", "0.5"),
        ("known_speaker_names[]", "agent"),
        ("temperature", "0.0"),
    ):
        assert f'name="{name}"\r\n\r\n{value}\r\n'.encode() in body
    assert 'filename="Grüße.mp3"\r\nContent-Type: audio/mpeg\r\n'.encode() in body


async def test_odd_replies() -> None:
    """JSON where text was asked for is read; pages, other bytes, errors and objects without text are errors."""
    ask: dict[str, Any] = {"model": "m", "file": b"x", "response_format": "text"}
    tomorrow = {"text": "x", "mood": "calm", "segments": [{"id": None, "text": None, "pitch": 3}], "usage": None}
    bad = (b"<!DOCTYPE html><p>Hello", b"\xff\xfe", b'{"words": []}')
    with FaultServer(
        [
            json_reply(tomorrow),
            respond(200, "Grüße\n".encode()),
            *(respond(200, body) for body in bad),
            json_reply({"error": {"message": "no such model", "code": "model_not_found"}}),
        ]
    ) as server:
        async with connect(server.base_url) as client:
            reply = await client.audio.transcriptions.create(**ask)
            assert (reply.text, reply.extra) == ("x", {"mood": "calm"})
            assert reply.segments is not None
            assert reply.segments[0].extra == {"pitch": 3}
            assert (await client.audio.transcriptions.create(**ask)).text == "Grüße\n"
            for _ in bad:
                with pytest.raises(DecodeError):
                    await client.audio.transcriptions.create(**ask)
            with pytest.raises(APIStatusError, match="no such model"):
                await client.audio.transcriptions.create(**ask)


@pytest.mark.parametrize(
    ("method", "params", "field"),
    [
        ("speech.create", {"input": "x", "voice": "v"}, "model"),
        ("speech.create", {"model": "m", "input": "", "voice": "v"}, "input"),
        ("speech.create", {"model": "m", "input": "x"}, "voice"),
        ("speech.create", {"model": "m", "input": "x", "stream_format": "sse"}, "voice"),
        ("speech.stream", {"model": "m", "input": "x"}, "voice"),
        ("speech.stream", {"model": "m", "input": "x", "voice": "v", "stream_format": "sse"}, "stream_format"),
        ("transcriptions.create", {"model": "m"}, "file"),
        ("transcriptions.create", {"file": b"x"}, "model"),
        ("transcriptions.stream", {"model": "m"}, "file"),
        ("translations.create", {"model": "m", "file": "a path as text"}, "file"),
    ],
)
async def test_what_cannot_be_right_is_not_sent(method: str, params: dict[str, Any], field: str) -> None:
    """Refused before a byte is sent, by the name of the field."""
    noun, _, verb = method.partition(".")
    with FaultServer([json_reply({})]) as server:
        async with connect(server.base_url) as client:
            call = getattr(getattr(client.audio, noun), verb)
            with pytest.raises(InvalidParameterError) as caught:
                await call(**params)
    assert caught.value.field == field
    assert not server.requests


@pytest.mark.parametrize(
    ("start", "suffix"),
    [
        (b"\x89PNG\r\n\x1a\n", ".png"),
        (b"\xff\xd8\xff\xe0", ".jpg"),
        (b"RIFF\0\0\0\0WEBPVP8 ", ".webp"),
        (b"RIFF\0\0\0\0WAVEfmt ", ".wav"),
        (b"RIFF\0\0\0\0AVI ", ""),
        (b"ID3\x04", ".mp3"),
        (b"OggS", ".ogg"),
        (b"\0\0\0\x20ftypM4A ", ".m4a"),
        (b"\0\0\0\x20ftypisom", ".mp4"),
        (b'{"a": 1}', ""),
        (b"", ""),
    ],
)
def test_content_without_a_name_gets_one(start: bytes, suffix: str) -> None:
    """The API tells sound and pictures apart by name and media type; both follow from the first bytes."""
    assert suffix_of(start) == suffix
    assert (type_of(f"x{suffix}") is None) == (suffix == "")
    assert type_of(f"X{suffix.upper()}") == type_of(f"x{suffix}")
