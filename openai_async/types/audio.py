"""Audio values: transcripts, transcript events and speech events.

Enumerations of the API are plain strings. Times are seconds from the start of the audio.
"""

from __future__ import annotations

from typing import Any

import attrs

from openai_async.errors import DecodeError
from openai_async.types._base import Reply, Value
from openai_async.types._base64 import decoded
from openai_async.types.chat import CompletionUsage, Counted, PromptTokensDetails


@attrs.define(repr=False)
class AudioTokensDetails(Value):
    """Input tokens of audio by kind."""

    text_tokens: int | None = None
    audio_tokens: int | None = None


@attrs.define(repr=False)
class AudioUsage(Counted):
    """Usage as the server counted it: tokens, or (`type` "duration") `seconds` of audio."""

    type: str | None = None
    input_tokens: int = 0
    output_tokens: int = 0
    total_tokens: int = 0
    input_token_details: AudioTokensDetails | None = None
    seconds: float | None = None

    def as_completion_usage(self) -> CompletionUsage:
        """The usage in the terms of chat completions. Input audio is separate, because its price is."""
        read = self.input_token_details
        return CompletionUsage(
            prompt_tokens=self.input_tokens,
            completion_tokens=self.output_tokens,
            total_tokens=self.total_tokens,
            prompt_tokens_details=None
            if read is None
            else PromptTokensDetails(text_tokens=read.text_tokens, audio_tokens=read.audio_tokens),
        ).as_completion_usage()


@attrs.define(repr=False)
class TranscriptionWord(Value):
    """A word with its start and end time."""

    word: str = ""
    start: float | None = None
    end: float | None = None


@attrs.define(repr=False)
class TranscriptionSegment(Value):
    """A segment of a transcript: `diarized_json` has the speaker, `verbose_json` the confidence."""

    #: A number, or a text where speakers are told apart.
    id: Any = None
    start: float | None = None
    end: float | None = None
    text: str = ""
    type: str | None = None
    speaker: str | None = None
    seek: int | None = None
    tokens: list[int] | None = None
    temperature: float | None = None
    avg_logprob: float | None = None
    compression_ratio: float | None = None
    no_speech_prob: float | None = None


@attrs.define(repr=False)
class TranscriptionLogprob(Value):
    """A token of a transcript with its log probability."""

    token: str | None = None
    logprob: float | None = None
    bytes: list[float] | None = None


@attrs.define(repr=False)
class TranscriptionLanguage(Value):
    """A detected language."""

    code: str | None = None


@attrs.define(repr=False)
class Transcription(Reply):
    """A transcript in any format. Beyond `text`, each format has only some of the fields.

    For formats other than JSON ("text", "srt", "vtt"), `text` is the complete reply.
    """

    text: str
    task: str | None = None
    language: str | None = None
    languages: list[TranscriptionLanguage] | None = None
    duration: float | None = None
    segments: list[TranscriptionSegment] | None = None
    words: list[TranscriptionWord] | None = None
    logprobs: list[TranscriptionLogprob] | None = None
    usage: AudioUsage | None = None


@attrs.define(repr=False)
class TranscriptionStreamEvent(Value):
    """One event of a streamed transcript, by its `type`.

    A `transcript.text.delta` has a `delta`. A `transcript.text.segment` has one segment with its `speaker`. The last
    event, `transcript.text.done`, has the complete `text` and the `usage`.
    """

    type: str
    delta: str | None = None
    text: str | None = None
    id: str | None = None
    segment_id: str | None = None
    speaker: str | None = None
    start: float | None = None
    end: float | None = None
    languages: list[TranscriptionLanguage] | None = None
    logprobs: list[TranscriptionLogprob] | None = None
    usage: AudioUsage | None = None

    @property
    def piece(self) -> str:
        """The text that the event adds; `text` of the stream yields these."""
        return self.delta or ""


@attrs.define(repr=False)
class SpeechStreamEvent(Value):
    """One event of streamed speech: `speech.audio.delta` with `audio`, or `speech.audio.done` with `usage`."""

    type: str
    #: Base64.
    audio: str | None = attrs.field(default=None, repr=False)
    usage: AudioUsage | None = None

    @property
    def content(self) -> bytes:
        """The audio of this event; empty if it has none.

        Raises:
            DecodeError: its base64 is damaged.
        """
        try:
            return decoded(self.audio) if self.audio else b""
        except ValueError:
            raise DecodeError("the sound's base64 is damaged", path="$.audio") from None
