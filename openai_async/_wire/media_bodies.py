"""Convert audio and text into events, and events into audio, where the server answers in the other form. No I/O.

OpenAI's tts-1 sends audio whatever `stream_format` says, and whisper-1 text whatever `stream` says. The user paid for
it. Feed the chunks of a body, and take chunks of the requested form. A body in the requested form passes unchanged.
"""

from __future__ import annotations

import base64
from collections.abc import Collection
from typing import Final

import orjson

from openai_async._wire import error_responses
from openai_async._wire.accumulators.media import SpeechAccumulator, decode_speech_event
from openai_async._wire.sse import Event, SSEDecoder, is_keepalive
from openai_async.errors import APIConnectionError, APIError, DecodeError, ResponseTooLargeError
from openai_async.types.meta import Meta
from openai_async.types.settings import Secret

#: Media types of events and of JSON. Whatever else is said may be sound.
_TEXTS: Final = ("text/", "application/json", "application/x-ndjson")
#: First bytes of sound in its usual containers. No line of a stream, and no JSON, begins with one.
_SOUNDS: Final = b"\xff\x00\x1aRfOI"
#: What events begin with, and JSON; sound may begin with a byte of them, but hardly with all.
_EVENTS: Final = (b"data:", b"event:", b'{"')
#: Bytes of a body that begins like JSON, and may be an error.
_LONGEST_ERROR: Final = 1024 * 1024
#: Bytes of sound in an event, at most.
_PIECE: Final = 48 * 1024


def is_audio(kind: str, start: bytes, *, ended: bool = False) -> bool | None:
    """Whether a body is sound, by its media type and how it begins; None if it takes more of it to tell."""
    if kind.startswith(_TEXTS):
        return start[0] in _SOUNDS if start else None
    if start.startswith(_EVENTS):
        return False
    return None if not ended and any(each.startswith(start) for each in _EVENTS) else True


class AudioToEvents:
    """Bare sound as `speech.audio.delta`, piece by piece as it arrives, and `speech.audio.done`.

    Args:
        meta: of the reply. A body whose framing does not state its end may have been cut: it gets no last event.
        max_event_bytes: bound on an event.
    """

    over: bool = False

    def __init__(self, meta: Meta, max_event_bytes: int) -> None:
        self._meta = meta
        self._piece = max(1, min(_PIECE, max_event_bytes // 2))
        self._start: bytes | None = b""  # of a body that is not known yet
        self._sound = False

    def feed(self, data: bytes) -> bytes:
        return self._fed(data, ended=False)

    def end(self) -> bytes:
        rest = self._fed(b"", ended=True)
        return rest + _event({"type": "speech.audio.done"}) if self._sound and self._meta.states_end else rest

    def _fed(self, data: bytes, *, ended: bool) -> bytes:
        if self._start is not None:
            data = self._start + data
            sound = is_audio(self._meta.media_type, data, ended=ended)
            if sound is None:
                self._start = data
                return b""
            self._start, self._sound = None, sound
        if not self._sound:
            return data
        return b"".join(_delta(data[at : at + self._piece]) for at in range(0, len(data), self._piece))


class EventsToAudio:
    """The sound of a stream of speech.

    Args:
        meta: of the reply.
        max_event_bytes: bound on an event.
        secrets: what no error shows.

    Feeding and ending raise:
        APIStatusError, DecodeError: an event is an error, or damaged.
        ResponseTooLargeError: it is over the bound.
        APIConnectionError: the stream ended without its last event.
    """

    def __init__(self, meta: Meta, max_event_bytes: int, secrets: Collection[Secret]) -> None:
        self.over: bool = False
        self._meta = meta
        self._secrets = secrets
        self._start: bytes | None = b""
        self._decoder: SSEDecoder | None = None  # None: it is sound
        self._bound = max_event_bytes

    def feed(self, data: bytes) -> bytes:
        if self._start is not None:
            data = self._start + data
            sound = is_audio(self._meta.media_type, data)
            if sound is None or (not sound and data[:1] == b"{" and len(data) < _LONGEST_ERROR):
                self._start = data
                return b""
            self._begin(sound=sound or data[:1] == b"{")
        return data if self._decoder is None else self._sound_of(self._decoder.feed(data))

    def end(self) -> bytes:
        if self._start is not None:
            if (error := self._error_in(self._start)) is not None:
                raise error
            return self._start
        if self._decoder is None:
            return b""
        last = self._decoder.end()
        sound = self._sound_of([] if last is None else [last])
        if not self.over:
            raise APIConnectionError("the stream of speech ended without its last event", phase="body")
        return sound

    def _begin(self, *, sound: bool) -> None:
        self._start, self._decoder = None, None if sound else SSEDecoder(self._bound)

    def _sound_of(self, events: list[Event]) -> bytes:
        accumulator = SpeechAccumulator()
        for event in events:
            if self.over or is_keepalive(event):
                continue
            name, data = event
            if data.strip() == b"[DONE]":
                self.over = True
                break
            try:
                piece = decode_speech_event(data)
            except DecodeError:
                raise self._fault(data) from None
            if name == b"error" or (piece.extra and error_responses.error_in(piece.extra)):
                raise self._fault(data)
            accumulator.add(piece)
            self.over = accumulator.over
        audio = accumulator.result()
        return b"" if audio is None else audio.content

    def _fault(self, data: bytes) -> APIError:
        return self._error_in(data) or DecodeError(
            "the server answered with a stream of speech; an event of it is damaged"
        )

    def _error_in(self, data: bytes) -> APIError | None:
        return error_responses.from_event_data(data, request_id=self._meta.request_id, secrets=self._secrets)


class TextToEvents:
    """A transcript that is bare text as `transcript.text.delta` and `transcript.text.done`.

    Args: see `AudioToEvents`.
    """

    over: bool = False

    def __init__(self, meta: Meta, max_event_bytes: int) -> None:
        self._meta = meta
        self._bound = max_event_bytes
        self._text = bytearray()
        self._passes = True if meta.media_type == "text/event-stream" else None

    def feed(self, data: bytes) -> bytes:
        if self._passes:
            return data
        self._text += data
        if self._passes is None and len(self._text.lstrip()) >= len(_PAGE):
            self._passes = _is_no_text(self._text)
        if len(self._text) > self._bound:
            raise ResponseTooLargeError(f"the text is over the bound of {self._bound} bytes (max_event_bytes)")
        return bytes(self._text) if self._passes else b""

    def end(self) -> bytes:
        if self._passes or not self._text:
            return b""
        if self._passes is None and _is_no_text(self._text):
            return bytes(self._text)
        try:
            text = self._text.decode("utf-8")
        except UnicodeDecodeError:
            raise DecodeError("the reply is not UTF-8 text") from None
        delta = _event({"type": "transcript.text.delta", "delta": text})
        return delta + _event({"type": "transcript.text.done", "text": text}) if self._meta.states_end else delta


_PAGE: Final = b"<!doctype"


def _is_no_text(body: bytearray) -> bool:
    """Whether it begins as events, JSON or a page do."""
    start = bytes(body.lstrip()[: len(_PAGE)]).lower()
    return start.startswith((b"data:", b"event:", b"id:", b"retry:", b":", b"{", b"<html", _PAGE))


def _delta(sound: bytes) -> bytes:
    return _event({"type": "speech.audio.delta", "audio": base64.b64encode(sound).decode("ascii")})


def _event(fields: dict[str, str]) -> bytes:
    return b"data: " + orjson.dumps(fields) + b"\n\n"
