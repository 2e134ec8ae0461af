"""Read a stream that was not requested as the complete reply. The reverse of `accumulators.synthesize`. No I/O.

Some servers stream if `stream` is absent, some stream always, and some put a complete reply into one event. The user
paid for what they send, so it is read to its end.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any, Final, TypeAlias

import attrs

from openai_async._wire import codec, json
from openai_async._wire.accumulators import synthesize
from openai_async._wire.error_responses import error_in
from openai_async._wire.sse import SSEDecoder, is_keepalive
from openai_async._wire.surrogates import CharacterJoiner
from openai_async.errors import DecodeError
from openai_async.types.files import Binary

#: A line of a stream, perhaps behind comments.
_STREAM: Final = re.compile(rb"(?:\xef\xbb\xbf)?\s*(?::[^\r\n]*[\r\n]\s*)*(?:data|event|id|retry):")


@attrs.frozen
class CollectedStream:
    """The result of a stream: `reply` or `partial`; neither if the stream is empty.

    Attributes:
        reply: the complete reply, as JSON (of speech, the audio).
        partial: the reply so far, of a stream that did not get to its end.
        fault: data of the event that ended the stream, because it is an error or damaged.
    """

    reply: bytes | None = attrs.field(default=None, repr=False)
    partial: Any = attrs.field(default=None, repr=False)
    fault: bytes | None = attrs.field(default=None, repr=False)


@attrs.frozen
class _Kind:
    """How the streams of an endpoint are read."""

    decode: Callable[[bytes], Any]
    accumulator: Any
    #: Of an event that holds the whole reply.
    synthesize_events: synthesize.EventSynthesizer = lambda body: []
    #: Whether nothing is missing although no event says that it is the last one.
    is_complete: Callable[[], bool] = lambda: False


def is_stream(body: bytes) -> bool:
    """Whether a body is a stream of events, whatever its media type says."""
    return _STREAM.match(body) is not None


def collect_stream(path: str, body: bytes, *, choices: int, states_end: bool) -> CollectedStream | None:
    """Read a stream; None if the body is no stream, or the endpoint has no known streams.

    Args:
        path: template of the endpoint.
        body: the complete body.
        choices: how many replies were asked for.
        states_end: whether the framing shows that the body is complete.
    """
    make = next((make for end, make in _KINDS if path.endswith(end)), None)
    if make is None or not (is_stream(body) or body.rstrip().endswith(b"[DONE]")):
        return None
    kind, over = make(choices), False
    for number, (name, data) in enumerate(_events(body)):
        if data.strip() == b"[DONE]":
            over = True
            break
        if number == 0 and kind.synthesize_events(data):
            return CollectedStream(data)
        if not _added(kind, name, data):
            return CollectedStream(partial=kind.accumulator.result(), fault=data)
        if kind.accumulator.over:
            over = True
            break
    result = kind.accumulator.result()
    if result is None or not (over or (states_end and kind.is_complete())):
        return CollectedStream(partial=result)
    return CollectedStream(result.content if isinstance(result, Binary) else json.dumps_lenient(result.to_dict()))


def _events(body: bytes) -> list[tuple[bytes | None, bytes]]:
    decoder = SSEDecoder(len(body))
    events = decoder.feed(body)
    if (last := decoder.end()) is not None:
        events.append(last)
    joined = CharacterJoiner(json.loads_surrogates).feed(events)
    return [event for event in joined if not is_keepalive(event)]


def _added(kind: _Kind, name: bytes | None, data: bytes) -> bool:
    """Add an event to the accumulator. False if it is an error, or damaged."""
    try:
        event = kind.decode(data)
    except DecodeError:
        return False
    if name == b"error" or getattr(event, "type", None) == "error" or (event.extra and error_in(event.extra)):
        return False
    kind.accumulator.add(event)
    return True


# ---- one for each endpoint, loaded when it is needed

_Make: TypeAlias = Callable[[int], _Kind]


def _chat(choices: int) -> _Kind:
    from openai_async._wire.accumulators.chat import ChatAccumulator
    from openai_async.types.chat import ChatCompletionChunk

    accumulator = ChatAccumulator(choices)
    return _Kind(codec.decoder(ChatCompletionChunk, event=True), accumulator, synthesize.chat, accumulator.is_complete)


def _completion(choices: int) -> _Kind:
    from openai_async._wire.accumulators.completions import CompletionAccumulator
    from openai_async.types.completions import Completion

    accumulator = CompletionAccumulator(choices)  # a whole reply has the form of a piece, and is added as one
    return _Kind(codec.decoder(Completion, event=True), accumulator, is_complete=accumulator.is_complete)


def _response(choices: int) -> _Kind:
    from openai_async._wire.accumulators.responses import ResponseAccumulator
    from openai_async.types.responses import ResponseStreamEvent

    return _Kind(codec.decoder(ResponseStreamEvent, event=True), ResponseAccumulator(), synthesize.response)


def _transcript(choices: int) -> _Kind:
    from openai_async._wire.accumulators.media import TranscriptAccumulator
    from openai_async.types.audio import TranscriptionStreamEvent

    return _Kind(codec.decoder(TranscriptionStreamEvent, event=True), TranscriptAccumulator(), synthesize.transcript)


def _images(choices: int) -> _Kind:
    from openai_async._wire.accumulators.media import ImageAccumulator
    from openai_async.types.images import ImageStreamEvent

    return _Kind(codec.decoder(ImageStreamEvent, event=True), ImageAccumulator(choices), synthesize.generated)


def _speech(choices: int) -> _Kind:
    from openai_async._wire.accumulators.media import SpeechAccumulator, decode_speech_event

    return _Kind(decode_speech_event, SpeechAccumulator())


#: By the ends of paths, the longer ones first.
_KINDS: Final[tuple[tuple[str, _Make], ...]] = (
    ("/chat/completions", _chat),
    ("/completions", _completion),
    ("/responses", _response),
    ("/audio/speech", _speech),
    ("/audio/transcriptions", _transcript),
    ("/audio/translations", _transcript),
    ("/images/generations", _images),
    ("/images/edits", _images),
)
