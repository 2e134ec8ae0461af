"""Parameters of audio endpoints. Parameters not listed here are sent unchanged."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Literal, Required, TypeAlias, TypedDict

from openai_async.types.files import FileInput
from openai_async.types.params.options import Nullable, RequestOptions, UploadOptions

#: Of speech. The last two can be played as they arrive without any decoder; pcm is 24,000 samples of 16 bits a second.
SpeechFormat: TypeAlias = Literal["mp3", "opus", "aac", "flac", "wav", "pcm"] | str
#: Of transcripts. Not every model takes every one.
TranscriptionFormat: TypeAlias = Literal["json", "text", "srt", "verbose_json", "vtt", "diarized_json"] | str


class CustomVoice(TypedDict):
    """A custom voice of the account."""

    id: str


class ServerVAD(TypedDict, total=False):
    """Voice activity detection on the server: audio is split at silence."""

    type: Required[Literal["server_vad"]]
    prefix_padding_ms: int
    silence_duration_ms: int
    #: 0 to 1: how loud speech is.
    threshold: float


class SpeechParams(RequestOptions, total=False):
    """Parameters of `client.audio.speech.create` and `stream`."""

    model: Required[str]
    #: Up to 4,096 characters.
    input: Required[str]
    voice: Required[str | CustomVoice]
    #: How it is to be said.
    instructions: str | None
    response_format: SpeechFormat | None
    #: 0.25 to 4.
    speed: float | None


class TranslationParams(UploadOptions, total=False):
    """Parameters of `client.audio.translations.create`."""

    #: Its name, or for plain bytes their beginning, must say what kind of sound it is.
    file: Required[FileInput]
    model: Required[str]
    #: Says style and spelling, or what came before.
    prompt: str | None
    response_format: TranscriptionFormat | None
    #: 0 to 1.
    temperature: float | None


class TranscriptionParams(TranslationParams, total=False):
    """Parameters of `client.audio.transcriptions.create` and `stream`."""

    #: ISO 639-1.
    language: str | None
    languages: Sequence[str] | None
    keywords: Sequence[str] | None
    include: Sequence[Literal["logprobs"] | str] | None
    #: Of `verbose_json`.
    timestamp_granularities: Sequence[Literal["word", "segment"] | str] | None
    chunking_strategy: Nullable[Literal["auto"] | ServerVAD | Mapping[str, object]]
    known_speaker_names: Sequence[str] | None
    #: Two to ten seconds of each speaker, as data URLs.
    known_speaker_references: Sequence[str] | None
