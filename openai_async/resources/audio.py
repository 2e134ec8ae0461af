"""`client.audio`: speech, transcription and translation endpoints."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cached_property, partial
from typing import TYPE_CHECKING, Any, Final, Literal, TypeAlias, Unpack, cast, overload

from openai_async._pipeline.answer import Answer
from openai_async._pipeline.request import Request
from openai_async._streams.reader import StreamReader
from openai_async._streams.stream import AsyncStream, AsyncStreamManager
from openai_async._wire import codec
from openai_async._wire.accumulators import synthesize
from openai_async._wire.accumulators.media import SpeechAccumulator, TranscriptAccumulator, decode_speech_event
from openai_async._wire.media_bodies import AudioToEvents, EventsToAudio, TextToEvents
from openai_async._wire.unexpected_stream import is_stream
from openai_async.errors import DecodeError, InvalidParameterError
from openai_async.resources._base import NO_MEDIA, PAGES, Resource, prepare
from openai_async.resources._download import AsyncDownloadManager
from openai_async.resources._generic import CatalogResource, GenericResource
from openai_async.resources._operation import Operation
from openai_async.resources._rewritten import rewritten
from openai_async.types.audio import SpeechStreamEvent, Transcription, TranscriptionStreamEvent
from openai_async.types.files import Binary
from openai_async.types.params.audio import SpeechParams, TranscriptionParams, TranslationParams

SpeechStream: TypeAlias = AsyncStream[SpeechStreamEvent, Binary]
TranscriptionStream: TypeAlias = AsyncStream[TranscriptionStreamEvent, Transcription]

_SPEAK = Operation("POST", "/audio/speech", repeatable=True)
_TRANSCRIBE = Operation("POST", "/audio/transcriptions", form=True, repeatable=True)
_TRANSLATE = Operation("POST", "/audio/translations", form=True, repeatable=True)
_NO_JSON: Final = ("text", "srt", "vtt")


class AsyncAudio(CatalogResource):
    """Speech, transcription and translation endpoints (https://platform.openai.com/docs/api-reference/audio)."""

    _catalog_name = "audio"

    if TYPE_CHECKING:
        voices: GenericResource
        voice_consents: GenericResource

    @cached_property
    def speech(self) -> AsyncSpeech:
        """Text-to-speech endpoints."""
        return AsyncSpeech(self._pipeline)

    @cached_property
    def transcriptions(self) -> AsyncTranscriptions:
        """Speech-to-text endpoints: transcription in the language spoken."""
        return AsyncTranscriptions(self._pipeline)

    @cached_property
    def translations(self) -> AsyncTranslations:
        """Speech-to-text endpoints: translation into English."""
        return AsyncTranslations(self._pipeline)


class AsyncSpeech(Resource):
    """Text-to-speech endpoints (https://platform.openai.com/docs/api-reference/audio/createSpeech)."""

    __slots__ = ()

    @overload
    async def create(
        self, *, stream_format: Literal["audio"] | None = None, **params: Unpack[SpeechParams]
    ) -> Binary: ...
    @overload
    async def create(self, *, stream_format: Literal["sse"], **params: Unpack[SpeechParams]) -> SpeechStream: ...
    async def create(
        self, *, stream_format: Literal["audio", "sse"] | None = None, **params: Unpack[SpeechParams]
    ) -> Binary | SpeechStream:
        """Generate speech from a text; returns the complete audio.

        Some models and servers answer in the other format: tts-1, for example, has no events. The reply is then
        converted to the requested format. Events that are made from plain audio have no usage.

        Args:
            stream_format: "sse" returns a stream of events, which the caller iterates and closes; the last event has
                the usage. For plain audio as it arrives, see `stream()`.
            params: API parameters and call options; see `SpeechParams`.

        Raises:
            InvalidParameterError: a parameter is invalid; nothing was sent.
            DecodeError: the server answered with a web page or an object instead of audio.
            APIError: see `openai_async.errors`.

        Cancelling drops the connection and releases the permit. The server may still finish the work.
        """
        arguments = cast("dict[str, Any]", params)
        if stream_format is not None:
            arguments["stream_format"] = stream_format
        if stream_format == "sse":
            model = arguments.get("model")
            call = prepare(
                self._pipeline,
                _SPEAK,
                decode_speech_event,
                arguments,
                check=_check_speech,
                rejected=PAGES,
                download=True,
            )
            answer = await self._pipeline.open(call)
            bound = self._pipeline.defaults.max_event_bytes
            answer = rewritten(answer, AudioToEvents(answer.meta, bound))
            reader = StreamReader(call, answer, call.decode, SpeechAccumulator(model), bound)
            return AsyncStream(reader)
        call = prepare(self._pipeline, _SPEAK, _sound, arguments, check=_check_speech, accept=b"*/*", rejected=NO_MEDIA)
        return await self._pipeline.fetch(call)  # type: ignore[no-any-return]

    def stream(self, **params: Unpack[SpeechParams]) -> AsyncDownloadManager:
        """Generate speech as a download: a context manager whose value is iterated, or written to a path, as audio
        arrives.

        Arguments and errors as for `create`. The request is sent on entry.
        """
        arguments = cast("dict[str, Any]", params)
        if arguments.get("stream_format") not in (None, "audio"):
            arguments.clear()
            raise InvalidParameterError("stream_format", "of events is what `create` takes")
        return self._download(_SPEAK, arguments, rejected=NO_MEDIA, check=_check_speech, rewriter=self._as_sound)

    def _as_sound(self, call: Request, answer: Answer) -> EventsToAudio:
        return EventsToAudio(answer.meta, self._pipeline.defaults.max_event_bytes, answer.secrets)


class AsyncTranscriptions(Resource):
    """Transcription endpoints (https://platform.openai.com/docs/api-reference/audio/createTranscription)."""

    __slots__ = ()

    @overload
    async def create(
        self, *, stream: Literal[False] | None = None, **params: Unpack[TranscriptionParams]
    ) -> Transcription: ...
    @overload
    async def create(self, *, stream: Literal[True], **params: Unpack[TranscriptionParams]) -> TranscriptionStream: ...
    @overload
    async def create(
        self, *, stream: bool | None, **params: Unpack[TranscriptionParams]
    ) -> Transcription | TranscriptionStream: ...
    async def create(
        self, *, stream: bool | None = None, **params: Unpack[TranscriptionParams]
    ) -> Transcription | TranscriptionStream:
        """Transcribe an audio file.

        Args:
            stream: True returns a stream of events, which the caller iterates and closes. `stream()` closes itself.
            params: API parameters and call options; see `TranscriptionParams`. The file is read while it is sent.

        Returns the text and the other fields of its format. For "text", "srt" and "vtt", `text` is the unchanged reply.

        Raises:
            InvalidParameterError: a parameter is invalid; nothing was sent.
            APIError: see `openai_async.errors`.

        Cancelling drops the connection and releases the permit. The server may still finish the work.
        """
        arguments = cast("dict[str, Any]", params)
        model, is_text = arguments.get("model"), arguments.get("response_format") in _NO_JSON
        arguments["stream"] = stream
        if not stream:
            return await _written(self, _TRANSCRIBE, arguments)
        return await self._open(self._call(arguments), model, is_text)

    def stream(
        self, **params: Unpack[TranscriptionParams]
    ) -> AsyncStreamManager[TranscriptionStreamEvent, Transcription]:
        """Open `create(stream=True)` as a context manager that closes the stream on exit.

        Arguments and errors as for `create`. The request is sent on entry.
        """
        arguments = cast("dict[str, Any]", params)
        model, is_text = arguments.get("model"), arguments.get("response_format") in _NO_JSON
        return AsyncStreamManager(partial(self._open, self._call(arguments), model, is_text))

    def _call(self, params: dict[str, Any]) -> Request:
        params["stream"] = True
        decode = codec.decoder(TranscriptionStreamEvent, event=True)
        return prepare(self._pipeline, _TRANSCRIBE, decode, params, check=_check_file, stream=True)

    async def _open(self, call: Request, model: str | None, is_text: bool) -> TranscriptionStream:
        """Open the stream. `is_text`: a server that does not stream answers with plain text."""
        answer = await self._pipeline.open(call)
        bound = self._pipeline.defaults.max_event_bytes
        if is_text:
            answer = rewritten(answer, TextToEvents(answer.meta, bound))
        reader = StreamReader(
            call, answer, call.decode, TranscriptAccumulator(model), bound, synthesize=synthesize.transcript
        )
        return AsyncStream(reader)


class AsyncTranslations(Resource):
    """Translation endpoints (https://platform.openai.com/docs/api-reference/audio/createTranslation)."""

    __slots__ = ()

    async def create(self, **params: Unpack[TranslationParams]) -> Transcription:
        """Transcribe an audio file into English.

        Args:
            params: API parameters and call options; see `TranslationParams`. The file is read while it is sent.

        Returns the text, as `client.audio.transcriptions.create` does.

        Raises:
            InvalidParameterError: a parameter is invalid; nothing was sent.
            APIError: see `openai_async.errors`.

        Cancelling drops the connection and releases the permit. The server may still finish the work.
        """
        return await _written(self, _TRANSLATE, cast("dict[str, Any]", params))


async def _written(resource: Resource, operation: Operation, params: dict[str, Any]) -> Transcription:
    """Create a transcript in any format."""
    pipeline = resource._pipeline
    decode = _text if params.get("response_format") in _NO_JSON else codec.decoder(Transcription)
    call = prepare(pipeline, operation, decode, params, check=_check_file, accept=b"*/*")
    return await pipeline.fetch(call)  # type: ignore[no-any-return]


def _sound(body: bytes) -> Binary:
    """Decode a reply that is audio."""
    if is_stream(body):
        raise DecodeError("the server answered with a stream")  # which may be read as the sound that it amounts to
    return Binary(body)


def _text(body: bytes) -> Transcription:
    """Decode a reply that is text. Some servers answer in JSON whatever format is requested."""
    if is_stream(body):
        raise DecodeError("the server answered with a stream")  # which may be read as the text that it amounts to
    start = body.lstrip()[:15].lower()
    if start.startswith(b"{"):
        return codec.decode(Transcription, body)
    if start.startswith((b"<!doctype", b"<html")):
        raise DecodeError("the server answered with a page where text was expected")
    try:
        return Transcription(text=body.decode("utf-8"))
    except UnicodeDecodeError:
        raise DecodeError("the reply is not UTF-8 text") from None


def _check_speech(params: Mapping[str, Any]) -> None:
    for name in ("model", "input"):
        if not isinstance(params.get(name), str) or not params[name]:
            raise InvalidParameterError(name, "must be a text that is not empty")
    if not params.get("voice"):
        raise InvalidParameterError("voice", "must be the name of a voice, or {'id': ...} of one's own")


def _check_file(params: Mapping[str, Any]) -> None:
    if not isinstance(params.get("model"), str) or not params["model"]:
        raise InvalidParameterError("model", "must be the id of a model")
    if params.get("file") is None:
        raise InvalidParameterError("file", "must be a file of sound")
