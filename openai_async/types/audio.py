"""Sound as the API reads and speaks it: transcripts whole and in events, and the events of a stream of speech.

What the API treats as enumerations are plain strings. Times are seconds from the beginning of the sound.
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
    """What the tokens were."""

    text_tokens: int | None = None
    audio_tokens: int | None = None


@attrs.define(repr=False)
class AudioUsage(Counted):
    """What was counted by the server: tokens, or (`type` "duration") `seconds` of sound."""

    type: str | None = None
    input_tokens: int = 0
    output_tokens: int = 0
    total_tokens: int = 0
    input_token_details: AudioTokensDetails | None = None
    seconds: float | None = None

    def as_completion_usage(self) -> CompletionUsage:
        """The same in the words of chat completions: sound that was read stands apart, as its price does."""
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
    """A word, and when it is said."""

    word: str = ""
    start: float | None = None
    end: float | None = None


@attrs.define(repr=False)
class TranscriptionSegment(Value):
    """A stretch of a transcript: `diarized_json` says who speaks, `verbose_json` how sure the model is."""

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
    """A token of a transcript, and how likely it was."""

    token: str | None = None
    logprob: float | None = None
    bytes: list[float] | None = None


@attrs.define(repr=False)
class TranscriptionLanguage(Value):
    """A language that was heard."""

    code: str | None = None


@attrs.define(repr=False)
class Transcription(Reply):
    """What was said, in every format there is: beyond `text`, each has only some of the fields.

    Of the formats that are no JSON ("text", "srt", "vtt"), `text` is the whole reply, subtitles and all.
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

    A `transcript.text.delta` has a `delta`; a `transcript.text.segment` one stretch with its `speaker`; the last one,
    `transcript.text.done`, has the whole `text` and the `usage`.
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
        """What the event adds to the text; `text` of the stream gives these."""
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
        """The sound of this event; empty if it has none.

        Raises:
            DecodeError: it is damaged.
        """
        try:
            return decoded(self.audio) if self.audio else b""
        except ValueError:
            raise DecodeError("the sound's base64 is damaged", path="$.audio") from None
