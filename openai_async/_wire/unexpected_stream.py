"""A stream as the whole reply that it amounts to, where no stream was asked for: the reverse of `whole`. No I/O.

Some servers stream where `stream` is left out, and some stream whatever it says; some put a whole reply into one event.
What they send was paid for, and is read to its end here.
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
    """What became of a stream: one of `reply` and `partial`, or neither of an empty one.

    Attributes:
        reply: the whole reply, as JSON (of speech, the sound).
        partial: what had come of one that did not get to its end.
        fault: data of the event that ended it, and is an error or damaged.
    """

    reply: bytes | None = attrs.field(default=None, repr=False)
    partial: Any = attrs.field(default=None, repr=False)
    fault: bytes | None = attrs.field(default=None, repr=False)


@attrs.frozen
class _Kind:
    """How the streams of an endpoint are read."""

    decode: Callable[[bytes], Any]
    fold: Any
    #: Of an event that holds the whole reply.
    unfold: synthesize.EventSynthesizer = lambda body: []
    #: Whether nothing is missing although no event says that it is the last one.
    is_complete: Callable[[], bool] = lambda: False


def is_stream(body: bytes) -> bool:
    """Whether a body is a stream of events, whatever its media type says."""
    return _STREAM.match(body) is not None


def collect_stream(path: str, body: bytes, *, choices: int, states_end: bool) -> CollectedStream | None:
    """Read a stream; None if it is none, or of an endpoint whose streams are not known.

    Args:
        path: template of the endpoint.
        body: all of it.
        choices: how many replies were asked for.
        states_end: the body is known to be synthesize.
    """
    make = next((make for end, make in _KINDS if path.endswith(end)), None)
    if make is None or not (is_stream(body) or body.rstrip().endswith(b"[DONE]")):
        return None
    kind, over = make(choices), False
    for number, (name, data) in enumerate(_events(body)):
        if data.strip() == b"[DONE]":
            over = True
            break
        if number == 0 and kind.unfold(data):
            return CollectedStream(data)
        if not _added(kind, name, data):
            return CollectedStream(partial=kind.fold.result(), fault=data)
        if kind.fold.over:
            over = True
            break
    result = kind.fold.result()
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
    """Add an event to what has come; False if it is an error, or damaged."""
    try:
        event = kind.decode(data)
    except DecodeError:
        return False
    if name == b"error" or getattr(event, "type", None) == "error" or (event.extra and error_in(event.extra)):
        return False
    kind.fold.add(event)
    return True


# ---- one for each endpoint, loaded when it is needed

_Make: TypeAlias = Callable[[int], _Kind]


def _chat(choices: int) -> _Kind:
    from openai_async._wire.accumulators.chat import ChatAccumulator
    from openai_async.types.chat import ChatCompletionChunk

    fold = ChatAccumulator(choices)
    return _Kind(codec.decoder(ChatCompletionChunk, event=True), fold, synthesize.chat, fold.is_complete)


def _completion(choices: int) -> _Kind:
    from openai_async._wire.accumulators.completions import CompletionAccumulator
    from openai_async.types.completions import Completion

    fold = CompletionAccumulator(choices)  # a whole reply has the form of a piece, and is added as one
    return _Kind(codec.decoder(Completion, event=True), fold, is_complete=fold.is_complete)


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
