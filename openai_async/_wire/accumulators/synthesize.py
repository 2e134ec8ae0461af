"""Synthesize the events of a stream from a complete reply. No I/O.

Some models and servers ignore `stream=True` and answer with one JSON body. It becomes the events of a stream with the
same content, so that a caller who iterates misses nothing. A body that is not clearly a complete reply gives no events,
because a truncated one must not pass for complete.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, Final, TypeAlias, cast

from openai_async._wire import json
from openai_async.errors import DecodeError

#: From the body of a complete reply to events; no events if it is none.
EventSynthesizer: TypeAlias = Callable[[bytes], list[bytes]]
_Object: TypeAlias = dict[str, Any]


def _synthesizer(events_of: Callable[[_Object], Iterator[_Object]]) -> EventSynthesizer:
    def synthesize(body: bytes) -> list[bytes]:
        try:
            reply: Any = json.loads(body)
        except DecodeError:
            return []
        if not isinstance(reply, dict):
            return []
        return [json.dumps_lenient(event) for event in events_of(cast("_Object", reply))]

    return synthesize


def _chat(reply: _Object) -> Iterator[_Object]:
    choices = _objects(reply, "choices")
    if choices and all(isinstance(choice.get("message"), dict) for choice in choices):
        complete_choices = [{**choice, "delta": choice["message"]} for choice in choices]
        for choice in complete_choices:
            del choice["message"]
        yield {**reply, "object": "chat.completion.chunk", "choices": complete_choices}


def _completion(reply: _Object) -> Iterator[_Object]:
    choices = _objects(reply, "choices")
    if choices and all(choice.get("finish_reason") for choice in choices):  # nothing else tells it from a piece
        yield reply


def _response(reply: _Object) -> Iterator[_Object]:
    if not isinstance(reply.get("output"), list) or not isinstance(reply.get("status"), str):
        return
    for number, item in enumerate(_objects(reply, "output")):
        for index, part in enumerate(_objects(item, "content")):
            if part.get("type") == "output_text":
                position = {"output_index": number, "content_index": index, "item_id": item.get("id")}
                yield {"type": "response.output_text.delta", "delta": part.get("text"), **position}
    yield {"type": f"response.{reply['status']}", "response": reply}


def _transcript(reply: _Object) -> Iterator[_Object]:
    if isinstance(reply.get("text"), str) and "type" not in reply:
        yield {"type": "transcript.text.delta", "delta": reply["text"]}
        yield {**reply, "type": "transcript.text.done"}


def _images(kind: str) -> Callable[[_Object], Iterator[_Object]]:
    def events(reply: _Object) -> Iterator[_Object]:
        pictures = _objects(reply, "data")
        if not all(picture.get("b64_json") or picture.get("url") for picture in pictures):
            return
        shared = {name: value for name, value in reply.items() if name not in ("data", "created")}
        shared["created_at"] = reply.get("created")
        for number, picture in enumerate(pictures, 1):
            if number == len(pictures):
                yield {**shared, **picture, "type": f"{kind}.completed"}
            else:  # the tokens are those of all pictures, and told once
                yield {**shared, "usage": None, **picture, "type": f"{kind}.completed"}

    return events


def _objects(of: _Object, name: str) -> list[_Object]:
    """A list of objects; empty if it is none."""
    value: Any = of.get(name)
    items = cast("list[_Object]", value) if isinstance(value, list) else []
    return items if all(isinstance(item, dict) for item in items) else []  # pyright: ignore[reportUnnecessaryIsInstance]


chat: Final = _synthesizer(_chat)
completion: Final = _synthesizer(_completion)
response: Final = _synthesizer(_response)
transcript: Final = _synthesizer(_transcript)
generated: Final = _synthesizer(_images("image_generation"))
edited: Final = _synthesizer(_images("image_edit"))
