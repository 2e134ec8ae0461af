"""The official client's way through emulated images and audio: made, edited, spoken, written down, streamed."""

from __future__ import annotations

import base64
import wave
from collections.abc import Iterator
from io import BytesIO
from pathlib import Path
from typing import Any

import httpx
import openai
import pytest

from openai_async.emulator import Emulator

pytestmark = pytest.mark.filterwarnings("ignore:deprecated:DeprecationWarning")

SAID = "The quiet river carries the sound of rain."


@pytest.fixture(scope="module")
def client() -> Iterator[openai.OpenAI]:
    with (
        Emulator().run() as server,
        openai.OpenAI(api_key="k", base_url=server.base_url, max_retries=0) as client,
    ):
        yield client


@pytest.fixture(scope="module")
def sound(client: openai.OpenAI) -> bytes:
    return client.audio.speech.create(model="emulated-speech", voice="alloy", input=SAID).read()


def valid(value: Any) -> Any:
    """The official model accepts what the emulator said, down to its enumerations."""
    type(value).model_validate(value.to_dict())
    return value


def test_pictures_by_address_and_in_base64(client: openai.OpenAI) -> None:
    """A prompt of any script gives one picture at an address; newer models answer in base64, with a usage."""
    old: Any = client.images.generate(prompt="小猫喝啤酒", n=1, size="1024x1024")
    assert httpx.get(valid(old).data[0].url).content.startswith(b"\x89PNG")
    new: Any = client.images.generate(model="emulated-image", prompt="A cat", n=2, size="1024x1536")
    assert [bool(image.b64_json) for image in valid(new).data] == [True, True]
    assert new.usage.total_tokens == new.usage.input_tokens + new.usage.output_tokens


def test_pictures_are_streamed(client: openai.OpenAI) -> None:
    """Its events are read as its own: unfinished ones, and the whole one last."""
    with client.images.generate(
        model="emulated-image", prompt="A cat", stream=True, partial_images=2, size="1024x1024"
    ) as stream:
        events = [valid(event) for event in stream]
    assert [event.type for event in events] == ["image_generation.partial_image"] * 2 + ["image_generation.completed"]


def test_pictures_are_edited_and_varied(client: openai.OpenAI, tmp_path: Path) -> None:
    """One picture or several, from files, with a mask; streamed, too."""
    path = tmp_path / "cat.png"
    made: Any = client.images.generate(prompt="A cat", response_format="b64_json", size="256x256")
    path.write_bytes(base64.b64decode(made.data[0].b64_json))
    with path.open("rb") as one, path.open("rb") as two:
        edited: Any = client.images.edit(image=[one, two], mask=path, prompt="Add a hat", size="1024x1024")
    assert len(valid(edited).data) == 1
    with client.images.edit(image=path, prompt="Add a hat", stream=True, size="1024x1024") as stream:
        assert [valid(event).type for event in stream] == ["image_edit.completed"]
    varied: Any = client.images.create_variation(image=path, n=2, size="256x256")
    assert len(valid(varied).data) == 2
    with pytest.raises(openai.BadRequestError) as caught:
        client.images.edit(image=("cat.png", b"no picture"), prompt="x")
    assert (caught.value.param, caught.value.code) == ("image", "invalid_image_file")


def test_speech_is_read_and_streamed(client: openai.OpenAI, sound: bytes, tmp_path: Path) -> None:
    """Whole, written to a path as it comes, and in events."""
    with wave.open(BytesIO(sound)) as file:
        assert file.getnframes() > 24_000
    create = client.audio.speech.with_streaming_response.create
    with create(model="emulated-speech", voice="alloy", input=SAID, response_format="wav") as reply:
        reply.stream_to_file(tmp_path / "said.wav")
    assert (tmp_path / "said.wav").read_bytes() == sound
    with create(model="emulated-speech", voice="alloy", input=SAID, stream_format="sse") as reply:
        lines = [line for line in reply.iter_lines() if line]
    assert '"speech.audio.done"' in lines[-1]
    assert all('"speech.audio.delta"' in line for line in lines[:-1])


def test_what_was_spoken_is_written_down(client: openai.OpenAI, sound: bytes) -> None:
    """Every format as the official client reads it: three objects, three texts."""
    create: Any = client.audio.transcriptions.create
    ask: dict[str, Any] = {"model": "emulated-transcriber", "file": ("said.wav", sound)}
    assert valid(create(**ask, include=["logprobs"])).text == SAID
    verbose = create(**ask, response_format="verbose_json", timestamp_granularities=["word", "segment"])
    assert [word.word for word in valid(verbose).words] == SAID.split()
    assert verbose.segments[0].text == SAID
    diarized = create(**ask, response_format="diarized_json")
    assert valid(diarized).segments[0].speaker == "A"
    assert create(**ask, response_format="text") == f"{SAID}\n"
    assert "-->" in create(**ask, response_format="srt")
    assert create(**ask, response_format="vtt").startswith("WEBVTT")
    assert valid(client.audio.translations.create(**ask)).text == SAID
    with pytest.raises(openai.BadRequestError, match="Supported formats"):
        create(**{**ask, "file": ("said.wav", b"no sound")})


def test_a_transcript_is_streamed(client: openai.OpenAI, sound: bytes) -> None:
    """Deltas, segments by speaker, and the whole in the end."""
    create: Any = client.audio.transcriptions.create
    ask: dict[str, Any] = {"model": "emulated-transcriber", "file": ("said.wav", sound), "stream": True}
    with create(**ask) as stream:
        *deltas, done = [valid(event) for event in stream]
    assert "".join(event.delta for event in deltas) == done.text == SAID
    with create(**ask, response_format="diarized_json", chunking_strategy="auto") as stream:
        assert [valid(event).type for event in stream] == ["transcript.text.segment", "transcript.text.done"]
