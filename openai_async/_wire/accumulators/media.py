"""Accumulate the events of images, speech and transcripts.

Each kind of stream ends with an event of its own, and is over then. What was asked for midway is the caller's: later
events do not change it.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import attrs

from openai_async._wire import codec
from openai_async.errors import DecodeError
from openai_async.types._base import EMPTY
from openai_async.types.audio import (
    AudioUsage,
    SpeechStreamEvent,
    Transcription,
    TranscriptionLanguage,
    TranscriptionLogprob,
    TranscriptionSegment,
    TranscriptionStreamEvent,
)
from openai_async.types.files import Binary
from openai_async.types.images import Image, ImagesResponse, ImageStreamEvent
from openai_async.types.meta import NO_META, Meta
from openai_async.types.usage import ReplyUsage


class ImageAccumulator:
    """Images: the complete ones, then the latest partial one.

    Args:
        wanted: how many complete images end the stream.
    """

    def __init__(self, wanted: int = 1) -> None:
        self._wanted = wanted
        self._completed: list[Image] = []
        self._unfinished: Image | None = None
        self._last: ImageStreamEvent | None = None

    @property
    def over(self) -> bool:
        """Whether every requested image is complete."""
        return len(self._completed) >= self._wanted

    def add(self, chunk: ImageStreamEvent) -> None:
        self._last = chunk
        if chunk.completed:
            self._completed.append(chunk.image)
            self._unfinished = None
        elif chunk.b64_json is not None:
            self._unfinished = chunk.image

    def reply_usage(self) -> ReplyUsage:
        """Its usage. Tokens of pictures have prices of their own."""
        last = self._last
        usage = None if last is None or last.usage is None else last.usage.as_completion_usage()
        return ReplyUsage(usage=usage, is_text=False)

    def result(self, meta: Meta = NO_META) -> ImagesResponse | None:
        last = self._last
        if last is None:
            return None
        return ImagesResponse(
            created=last.created_at,
            data=[*self._completed, self._unfinished] if self._unfinished is not None else list(self._completed),
            background=last.background,
            output_format=last.output_format,
            quality=last.quality,
            size=last.size,
            usage=last.usage,
            meta=meta,
        )


class SpeechAccumulator:
    """Audio chunks. `model`: the requested model."""

    def __init__(self, model: str | None = None) -> None:
        self._model = model
        self._pieces: list[bytes] = []
        self._usage: AudioUsage | None = None
        self._begun = self.over = False

    def add(self, chunk: SpeechStreamEvent) -> None:
        self._begun = True
        if piece := chunk.content:
            self._pieces.append(piece)
        self._usage = chunk.usage or self._usage
        self.over = chunk.type == "speech.audio.done"

    def reply_usage(self) -> ReplyUsage:
        """Model, and the usage once it is known."""
        return _billed(self._model, self._usage)

    def result(self, meta: Meta = NO_META) -> Binary | None:
        return Binary(b"".join(self._pieces), meta=meta) if self._begun else None


class TranscriptAccumulator:
    """Text chunks of a transcript. `model`: the requested model."""

    def __init__(self, model: str | None = None) -> None:
        self._model = model
        self._pieces: list[str] = []
        self._segments: list[TranscriptionSegment] = []
        self._logprobs: list[TranscriptionLogprob] = []
        self._languages: list[TranscriptionLanguage] | None = None
        self._usage: AudioUsage | None = None
        self._done_fields: Mapping[str, Any] = EMPTY  # what else the last event states
        self._begun = self.over = False

    def add(self, chunk: TranscriptionStreamEvent) -> None:
        self._begun = True
        self._languages = chunk.languages or self._languages
        self._usage = chunk.usage or self._usage
        self.over = chunk.type == "transcript.text.done"
        if self.over:  # the pieces again, whole
            self._pieces = [chunk.text or "".join(self._pieces)]
            self._logprobs = chunk.logprobs or self._logprobs
            self._done_fields = chunk.extra
        elif chunk.type == "transcript.text.segment":
            self._segments.append(_segment(chunk))
        elif chunk.delta:
            self._pieces.append(chunk.delta)
            self._logprobs.extend(chunk.logprobs or ())

    def reply_usage(self) -> ReplyUsage:
        """Model, and the usage once it is known."""
        return _billed(self._model, self._usage)

    def result(self, meta: Meta = NO_META) -> Transcription | None:
        if not self._begun:
            return None
        text = "".join(self._pieces)
        try:
            transcription = codec.structure(Transcription, {**self._done_fields, "text": text})
        except DecodeError:
            transcription = Transcription(text, extra=self._done_fields)
        return attrs.evolve(
            transcription,
            languages=self._languages,
            segments=list(self._segments) or transcription.segments,
            logprobs=list(self._logprobs) or None,
            usage=self._usage,
            meta=meta,
        )


def _segment(chunk: TranscriptionStreamEvent) -> TranscriptionSegment:
    return TranscriptionSegment(
        id=chunk.id,
        type=chunk.type,
        start=chunk.start,
        end=chunk.end,
        text=chunk.text or "",
        speaker=chunk.speaker,
        extra=chunk.extra,
    )


def _billed(model: str | None, usage: AudioUsage | None) -> ReplyUsage:
    """What is counted in seconds has no price in tokens."""
    counts = usage is not None and usage.type != "duration"
    return ReplyUsage(model, usage=usage.as_completion_usage() if counts and usage is not None else None)


_read_speech = codec.decoder(SpeechStreamEvent, event=True)


def decode_speech_event(body: bytes) -> SpeechStreamEvent:
    """Decode one event of speech. Its audio is decoded here, so that a stream ends at a damaged event.

    Raises:
        DecodeError: it is no event, or damaged.
    """
    event = _read_speech(body)
    _ = event.content
    return event
