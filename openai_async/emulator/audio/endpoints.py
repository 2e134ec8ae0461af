"""The endpoints of `/v1/audio`: speech, transcriptions and translations.

Speech is a valid WAV file, or its raw samples ("pcm"), whose length follows the text. Other formats are answered as
WAV, with the content type of WAV. Speech of the emulator is transcribed to its original text. For other audio, it
generates sentences that fit the length. An upload that is no audio is refused.
"""

from __future__ import annotations

import base64
from collections.abc import Iterator
from typing import TYPE_CHECKING
from zlib import crc32

import orjson
from starlette.datastructures import FormData, UploadFile
from starlette.routing import Route

from openai_async.emulator.audio.transcripts import Transcript
from openai_async.emulator.audio.wav import RATE, Heard, hear, pcm, wav
from openai_async.emulator.call import Answer, Call, Download, EventStream
from openai_async.emulator.endpoint import Endpoint
from openai_async.emulator.error_responses import invalid
from openai_async.emulator.fields import Fields, JSONObject, is_object, wrong_type
from openai_async.emulator.multipart_form import form_of
from openai_async.emulator.text import count, digest

if TYPE_CHECKING:
    from openai_async.emulator.backend import Backend

__all__ = ["routes"]

_LONGEST = 4096  # characters
_PIECE = 16 * 1024
_FORMATS = ("mp3", "opus", "aac", "flac", "wav", "pcm")
_VOICES = (
    *("alloy", "ash", "ballad", "cedar", "coral", "echo", "fable"),
    *("marin", "nova", "onyx", "sage", "shimmer", "verse"),
)
_WRITTEN = ("json", "text", "srt", "verbose_json", "vtt", "diarized_json")
_SUPPORTED = ["flac", "m4a", "mp3", "mp4", "mpeg", "mpga", "oga", "ogg", "wav", "webm"]
_SHORTEST = 0.1  # seconds
_TOKENS_PER_SECOND = 10  # of sound
_PLAIN = {"text": b"text/plain; charset=utf-8", "srt": b"text/plain; charset=utf-8", "vtt": b"text/vtt; charset=utf-8"}


def routes(emulator: Backend) -> list[Route]:
    """`/v1/audio/speech`, `/v1/audio/transcriptions` and `/v1/audio/translations`."""

    def transcribe(call: Call) -> Answer | EventStream:
        return _write_down(emulator, call, "transcribe", _WRITTEN)

    def translate(call: Call) -> Answer | EventStream:
        return _write_down(emulator, call, "translate", _WRITTEN[:-1])

    def speak(call: Call) -> Download | EventStream:
        return _speak(emulator, call)

    load = form_of(fields=64, field_size=1 << 20)
    return [
        Route("/v1/audio/speech", Endpoint(emulator, POST=speak)),
        Route("/v1/audio/transcriptions", Endpoint(emulator, load, POST=transcribe)),
        Route("/v1/audio/translations", Endpoint(emulator, load, POST=translate)),
    ]


# -- speech --------------------------------------------------------------------------------------------------


def _speak(emulator: Backend, call: Call) -> Download | EventStream:
    body = call.json()
    fields = Fields(body)
    for name in ("model", "input", "voice"):
        fields.required(name)
    model = emulator.catalog.of_kind("speech", fields.text("model") or "")
    text = fields.text("input") or ""
    if len(text) > _LONGEST:
        raise invalid(
            f"Invalid 'input': string too long. Expected a string with maximum length {_LONGEST}, but got a string "
            f"with length {len(text)} instead.",
            param="input",
            code="string_above_max_length",
        )
    own = body["voice"]
    is_own = is_object(own) and "id" in own
    voice = Fields(own, "voice").required_text("id") if is_own else fields.choice("voice", _VOICES)
    form = fields.choice("response_format", _FORMATS) or "mp3"
    events = fields.choice("stream_format", ("sse", "audio")) == "sse"
    samples = pcm(text, str(voice), fields.number("speed", 0.25, 4.0) or 1.0)
    usage = _usage(count(text), len(samples) // (2 * RATE // _TOKENS_PER_SECOND))
    call.entry.model = model.id
    emulator.admit(call, model.id, usage["total_tokens"])
    call.entry.prompt_tokens, call.entry.completion_tokens = usage["input_tokens"], usage["output_tokens"]
    sound = samples if form == "pcm" else wav(samples, text)
    pieces = (sound[at : at + _PIECE] for at in range(0, len(sound), _PIECE))
    if not events:
        return Download(pieces, len(sound), b"audio/pcm" if form == "pcm" else b"audio/wav")
    pace = emulator.latency.pace(digest(body))
    return EventStream((pace.due(0), event) for event in _spoken(pieces, usage))


def _spoken(pieces: Iterator[bytes], usage: JSONObject) -> Iterator[bytes]:
    for piece in pieces:
        yield _event({"type": "speech.audio.delta", "audio": base64.b64encode(piece).decode()})
    yield _event({"type": "speech.audio.done", "usage": usage})


def _usage(read: int, written: int) -> JSONObject:
    return {"input_tokens": read, "output_tokens": written, "total_tokens": read + written}


def _event(data: JSONObject) -> bytes:
    return b"data: " + orjson.dumps(data) + b"\n\n"


# -- writing down --------------------------------------------------------------------------------------------


def _write_down(emulator: Backend, call: Call, task: str, formats: tuple[str, ...]) -> Answer | EventStream:
    form = call.form or FormData()
    try:
        fields, lists = _read(form)
        file = fields.required("file")
        if not isinstance(file, UploadFile):
            raise wrong_type("file", "a file", file)
        fields.required("model")
        content = file.file.read()
    finally:
        for _, value in form.multi_items():
            if isinstance(value, UploadFile):
                value.file.close()
    model = emulator.catalog.of_kind("transcript", fields.text("model") or "")
    wanted = fields.choice("response_format", formats) or "json"
    _check_granularities(lists, wanted)
    transcript = _heard(content, task, fields.text("language") or "english")
    tokens = transcript.usage["total_tokens"]
    call.entry.model = model.id
    emulator.admit(call, model.id, tokens)
    call.entry.prompt_tokens = transcript.usage["input_tokens"]
    call.entry.completion_tokens = transcript.usage["output_tokens"]
    pace = emulator.latency.pace(digest(transcript.text))
    if fields.flag("stream") and task == "transcribe":
        events = transcript.events(diarized=wanted == "diarized_json", logprobs="logprobs" in lists["include"])
        return EventStream((pace.due(at), _event(event)) for at, event in enumerate(events))
    due = pace.due(transcript.usage["output_tokens"])
    if wanted in _PLAIN:
        return Answer(transcript.plain(wanted).encode(), content_type=_PLAIN[wanted], after=due)
    words = "word" in lists["timestamp_granularities"]
    segments = not words or "segment" in lists["timestamp_granularities"]
    reply = transcript.described(wanted, words=words, segments=segments, logprobs="logprobs" in lists["include"])
    return Answer(orjson.dumps(reply), after=due)


def _read(form: FormData) -> tuple[Fields, dict[str, list[str]]]:
    values: JSONObject = {name: form.get(name) for name in ("file", "model", "response_format", "language")}
    stream = form.get("stream")
    values["stream"] = {"true": True, "false": False}.get(stream, stream) if isinstance(stream, str) else None
    lists = {
        name: [value for value in (*form.getlist(name), *form.getlist(f"{name}[]")) if isinstance(value, str)]
        for name in ("include", "timestamp_granularities")
    }
    return Fields(values), lists


def _check_granularities(lists: dict[str, list[str]], wanted: str) -> None:
    granularities = lists["timestamp_granularities"]
    for value in granularities:
        Fields({"timestamp_granularities": value}).choice("timestamp_granularities", ("word", "segment"))
    if granularities and wanted != "verbose_json":
        raise invalid(
            "Timestamp granularities are only supported with response_format 'verbose_json'.",
            param="timestamp_granularities",
            code="invalid_value",
        )


def _heard(content: bytes, task: str, language: str) -> Transcript:
    heard: Heard | None = hear(content)
    if heard is None:
        raise invalid(f"Invalid file format. Supported formats: {_SUPPORTED}", param="file", code="invalid_value")
    if heard.seconds < _SHORTEST:
        raise invalid(
            f"Audio file is too short. Minimum audio length is {_SHORTEST} seconds.",
            param="file",
            code="audio_too_short",
        )
    return Transcript.of(heard, crc32(content), task, language)
