"""The emulator's pictures and sounds: real files, the same for the same request; and the API's errors."""

from __future__ import annotations

import base64
import json
import math
import wave
from collections.abc import Iterator
from io import BytesIO
from typing import Any

import httpx
import pytest

from openai_async.emulator import Emulator, Faults, Model, RateLimits
from openai_async.emulator.audio.wav import hear, pcm, wav
from openai_async.emulator.images.png import draw, media_type

AUTH = {"authorization": "Bearer sk-secret"}
NEW: dict[str, Any] = {"model": "emulated-image", "prompt": "A cat"}
OLD: dict[str, Any] = {"model": "emulated-image-classic", "prompt": "A cat", "size": "256x256"}
SPEECH: dict[str, Any] = {"model": "emulated-speech", "input": "Hello there.", "voice": "alloy"}
PNG = draw(1, 32, 32)
WAV = wav(pcm("Hello there.", "alloy"), "Hello there.")


@pytest.fixture(scope="module")
def http() -> Iterator[httpx.Client]:
    emulator = Emulator(any_model=False)
    with emulator.run() as server, httpx.Client(base_url=server.base_url, headers=AUTH, timeout=30) as client:
        yield client


def refused(reply: httpx.Response) -> tuple[int, str | None, str | None]:
    error = reply.json()["error"]
    assert error["type"] == "invalid_request_error"
    assert error["message"]
    return reply.status_code, error["param"], error["code"]


# ---- pictures


def test_a_picture_is_the_same_for_the_same_request(http: httpx.Client) -> None:
    """By address or in base64, streamed or not; another prompt gives another one."""
    replies = [http.post("/images/generations", json={**OLD, **form}).json() for form in ({}, {}, {"prompt": "A dog"})]
    first, again, other = (http.get(reply["data"][0]["url"]).content for reply in replies)
    assert first == again != other
    embedded = http.post("/images/generations", json={**OLD, "response_format": "b64_json"}).json()
    assert base64.b64decode(embedded["data"][0]["b64_json"]) == first
    assert media_type(first) == "image/png"


def test_an_address_needs_no_key_and_leads_nowhere_else(http: httpx.Client) -> None:
    """What is drawn is bounded; an address that the emulator did not give is a 404."""
    url = http.post("/images/generations", json=OLD).json()["data"][0]["url"]
    found = httpx.get(url)
    assert (found.status_code, found.headers["content-type"]) == (200, "image/png")
    for wrong in (url.replace("256x256", "9999x9999"), url.replace("256x256", "00x00"), url.replace("-", "+")):
        assert httpx.get(wrong).status_code == 404


def test_transparency_is_in_the_file() -> None:
    """A transparent picture has a transparent colour, another one has not."""
    assert b"tRNS" in draw(1, 16, 16, transparent=True)
    assert b"tRNS" not in draw(1, 16, 16)


def test_streamed_pictures_are_events_with_names(http: httpx.Client) -> None:
    """Each event has a name and its fields, and the last one the usage; there is no [DONE]."""
    form = {"stream": True, "partial_images": 1, "size": "32x32"}
    reply = http.post("/images/generations", json={**NEW, **form})
    events = [block.split("\n") for block in reply.text.strip().split("\n\n")]
    names = ["image_generation.partial_image", "image_generation.completed"]
    assert [event[0] for event in events] == [f"event: {name}" for name in names]
    last = json.loads(events[-1][1].removeprefix("data: "))
    assert (last["type"], last["size"], last["output_format"]) == (names[-1], "32x32", "png")
    assert last["usage"]["output_tokens"] >= 1


@pytest.mark.parametrize(
    ("change", "param", "code"),
    [
        ({"prompt": None}, "prompt", "missing_required_parameter"),
        ({"prompt": 7}, "prompt", "invalid_type"),
        ({"prompt": "x" * 32_001}, "prompt", "string_above_max_length"),
        ({"n": 11}, "n", "integer_above_max_value"),
        ({"n": "2"}, "n", "invalid_type"),
        ({"size": "100x100"}, "size", "invalid_value"),
        ({"size": "64x256"}, "size", "invalid_value"),
        ({"size": "3840x3840"}, "size", "invalid_value"),
        ({"size": "huge"}, "size", "invalid_value"),
        ({"quality": "best"}, "quality", "invalid_value"),
        ({"output_format": "tiff"}, "output_format", "invalid_value"),
        ({"background": "blue"}, "background", "invalid_value"),
        ({"response_format": "url"}, "response_format", "unsupported_parameter"),
        ({"partial_images": 4, "stream": True}, "partial_images", "integer_above_max_value"),
        ({**OLD, "stream": True}, "stream", "unsupported_parameter"),
        ({**OLD, "size": "512x256"}, "size", "invalid_value"),
        ({**OLD, "response_format": "file"}, "response_format", "invalid_value"),
        ({"model": "emulated-mini"}, "model", "invalid_value"),
    ],
)
def test_wrong_requests_for_pictures(http: httpx.Client, change: dict[str, Any], param: str, code: str) -> None:
    """Sizes, formats, counts and models that there are not are refused by the name of the parameter."""
    assert refused(http.post("/images/generations", json={**NEW, **change})) == (400, param, code)


def test_a_model_that_is_not_there(http: httpx.Client) -> None:
    """An unknown name is a 404, whatever it was to make."""
    assert refused(http.post("/images/generations", json={**NEW, "model": "x"})) == (404, "model", "model_not_found")
    assert refused(http.post("/audio/speech", json={**SPEECH, "model": "x"})) == (404, "model", "model_not_found")


@pytest.mark.parametrize(
    ("path", "files", "fields", "param", "code"),
    [
        ("edits", [], {"prompt": "x"}, "image", "missing_required_parameter"),
        ("edits", [("image", ("a.png", PNG, "text/plain"))], {"prompt": "x"}, "image", "unsupported_file_mimetype"),
        ("edits", [("image", ("a.png", b"no", "image/png"))], {"prompt": "x"}, "image", "invalid_image_file"),
        ("edits", [("image", ("a.png", PNG, "image/png"))], {}, "prompt", "missing_required_parameter"),
        (
            "edits",
            [("image[]", ("a.png", PNG, "image/png")), ("mask", ("a", b"", "image/png"))],
            {"prompt": "x"},
            "mask",
            "invalid_image_file",
        ),
        ("edits", [("image[]", ("a.png", PNG, "image/png"))] * 2, OLD, "image", "invalid_value"),
        ("edits", [("image", ("a.png", PNG, "image/png"))], {"prompt": "x", "n": "0"}, "n", "integer_below_min_value"),
        ("edits", [("image", ("a.png", PNG, "image/png"))], {"prompt": "x", "stream": "yes"}, "stream", "invalid_type"),
        ("variations", [], {"n": "1"}, "image", "missing_required_parameter"),
        ("variations", [("image", ("a", PNG, "image/webp"))], {}, "image", "unsupported_file_mimetype"),
    ],
)
def test_wrong_uploads_of_pictures(
    http: httpx.Client, path: str, files: list[Any], fields: dict[str, str], param: str, code: str
) -> None:
    """An upload must be a picture, by its media type and by its first bytes."""
    parts = [*files, *((name, (None, value)) for name, value in fields.items())]
    assert refused(http.post(f"/images/{path}", files=parts)) == (400, param, code)


def test_seventeen_pictures_are_too_many(http: httpx.Client) -> None:
    """Sixteen and a mask are read; more is no form of this endpoint."""
    files = [("image[]", ("a.png", PNG, "image/png"))] * 16
    prompt = [("prompt", (None, "x")), ("size", (None, "32x32"))]
    assert http.post("/images/edits", files=[*files, *prompt]).status_code == 200
    assert http.post("/images/edits", files=[*files, *files, *prompt]).status_code == 400


def test_limits_faults_and_the_ledger_know_pictures() -> None:
    """Tokens are charged, faults hit, any model serves everything where that was asked for."""
    emulator = Emulator(any_model=True, limits=RateLimits(requests_per_minute=2), models=[Model("own", kind="image")])
    with emulator.run() as server, httpx.Client(base_url=server.base_url, headers=AUTH) as http:
        body = {"model": "own", "prompt": "A cat", "size": "32x32"}
        assert [http.post("/images/generations", json=body).status_code for _ in range(3)] == [200, 200, 429]
        tomorrow = {"model": "of-tomorrow", "prompt": "A cat", "response_format": "url"}
        assert "url" in http.post("/images/generations", json=tomorrow).json()["data"][0]
        assert http.post("/audio/speech", json={**SPEECH, "model": "of-tomorrow"}).status_code == 200
        emulator.faults = Faults(rate=1, statuses=(503,))
        assert http.post("/images/generations", json=body).status_code == 503
        emulator.ledger.wait_idle()
    first, *_ = emulator.ledger.entries()
    assert (first.model, first.status, first.prompt_tokens, first.completion_tokens) == ("own", 200, 2, 1)


# ---- sounds


def test_speech_is_a_real_wav_that_follows_the_text(http: httpx.Client) -> None:
    """The standard library reads it; twice the words take twice the time, and it is no silence."""
    lengths: list[int] = []
    for text in ("Hello there.", "Hello there. Hello there."):
        reply = http.post("/audio/speech", json={**SPEECH, "input": text})
        assert reply.headers["content-type"] == "audio/wav"
        with wave.open(BytesIO(reply.content)) as file:
            assert (file.getnchannels(), file.getsampwidth(), file.getframerate()) == (1, 2, 24_000)
            lengths.append(file.getnframes())
            assert len(set(file.readframes(1_000))) > 16
    assert math.isclose(lengths[1], 2 * lengths[0], rel_tol=0.01)
    assert (
        http.post("/audio/speech", json=SPEECH).content
        != http.post("/audio/speech", json={**SPEECH, "voice": "echo"}).content
    )


@pytest.mark.parametrize(
    ("change", "param", "code"),
    [
        ({"input": None}, "input", "missing_required_parameter"),
        ({"voice": None}, "voice", "missing_required_parameter"),
        ({"voice": "robot"}, "voice", "invalid_value"),
        ({"voice": 5}, "voice", "invalid_type"),
        ({"input": "x" * 4_097}, "input", "string_above_max_length"),
        ({"response_format": "midi"}, "response_format", "invalid_value"),
        ({"speed": 5}, "speed", "decimal_above_max_value"),
        ({"stream_format": "ws"}, "stream_format", "invalid_value"),
        ({"model": "emulated-image"}, "model", "invalid_value"),
    ],
)
def test_wrong_requests_for_speech(http: httpx.Client, change: dict[str, Any], param: str, code: str) -> None:
    """Voices, formats, speeds and models that there are not are refused by the name of the parameter."""
    assert refused(http.post("/audio/speech", json={**SPEECH, **change})) == (400, param, code)


@pytest.mark.parametrize(
    ("path", "change", "param", "code"),
    [
        ("transcriptions", {"file": None}, "file", "missing_required_parameter"),
        ("transcriptions", {"file": (None, "text")}, "file", "invalid_type"),
        ("transcriptions", {"file": ("a.wav", b"no sound")}, "file", "invalid_value"),
        ("transcriptions", {"file": ("a.wav", WAV[:40])}, "file", "invalid_value"),
        ("transcriptions", {"file": ("a.wav", wav(b"\0\0" * 10))}, "file", "audio_too_short"),
        ("transcriptions", {"model": None}, "model", "missing_required_parameter"),
        ("transcriptions", {"model": (None, "emulated-mini")}, "model", "invalid_value"),
        ("transcriptions", {"response_format": (None, "xml")}, "response_format", "invalid_value"),
        (
            "transcriptions",
            {"timestamp_granularities[]": (None, "word")},
            "timestamp_granularities",
            "invalid_value",
        ),
        (
            "transcriptions",
            {"timestamp_granularities[]": (None, "day"), "response_format": (None, "verbose_json")},
            "timestamp_granularities",
            "invalid_value",
        ),
        ("translations", {"response_format": (None, "diarized_json")}, "response_format", "invalid_value"),
        ("translations", {"file": ("a.mp3", b"mp3?")}, "file", "invalid_value"),
    ],
)
def test_wrong_uploads_of_sound(http: httpx.Client, path: str, change: dict[str, Any], param: str, code: str) -> None:
    """An upload must be sound, and a format one that there is."""
    right: dict[str, Any] = {"file": ("a.wav", WAV), "model": (None, "emulated-transcriber")}
    parts = {name: part for name, part in {**right, **change}.items() if part is not None}
    assert refused(http.post(f"/audio/{path}", files=parts)) == (400, param, code)


def test_foreign_sound_gets_sentences_that_fit_its_length(http: httpx.Client) -> None:
    """Longer sound has more words; the same sound has the same ones; other formats are known by their first bytes."""
    texts: list[str] = []
    for content in (wav(b"\1\0" * 24_000), wav(b"\1\0" * 24_000), wav(b"\1\0" * 24_000 * 60), b"ID3" + b"x" * 64_000):
        parts: dict[str, Any] = {"file": ("a", content), "model": (None, "emulated-transcriber")}
        reply = http.post("/audio/transcriptions", files=parts).json()
        texts.append(reply["text"])
    assert texts[0] == texts[1]
    assert len(texts[2]) > 3 * len(texts[0])
    assert texts[3]


@pytest.mark.parametrize("cut", range(0, 120, 7))
def test_a_wav_that_is_cut_is_read_as_far_as_it_goes(cut: int) -> None:
    """Any beginning of a file is sound of a shorter length, or no sound; it never fails otherwise."""
    heard = hear(WAV[:cut])
    assert heard is None or heard.seconds < 1
