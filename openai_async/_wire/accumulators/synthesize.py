"""Whole replies as the events that they would have been. No I/O.

Some models and servers ignore `stream=True` and answer with one JSON body: what was asked for, complete and paid for.
It becomes the events of a stream with the same content, so that whoever iterates misses nothing and the end is the
reply. What is not clearly a whole reply gives none: what was cut must not pass for one.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, Final, TypeAlias, cast

from openai_async._wire import json
from openai_async.errors import DecodeError

#: From a reply to the events that it would have been; empty if it is none.
EventSynthesizer: TypeAlias = Callable[[bytes], list[bytes]]
_Object: TypeAlias = dict[str, Any]


def _unfolding(events_of: Callable[[_Object], Iterator[_Object]]) -> EventSynthesizer:
    def unfold(body: bytes) -> list[bytes]:
        try:
            reply: Any = json.loads(body)
        except DecodeError:
            return []
        if not isinstance(reply, dict):
            return []
        return [json.dumps_lenient(event) for event in events_of(cast("_Object", reply))]

    return unfold


def _chat(reply: _Object) -> Iterator[_Object]:
    choices = _objects(reply, "choices")
    if choices and all(isinstance(choice.get("message"), dict) for choice in choices):
        whole = [{**choice, "delta": choice["message"]} for choice in choices]
        for choice in whole:
            del choice["message"]
        yield {**reply, "object": "chat.completion.chunk", "choices": whole}


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
                place = {"output_index": number, "content_index": index, "item_id": item.get("id")}
                yield {"type": "response.output_text.delta", "delta": part.get("text"), **place}
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
        beside = {name: value for name, value in reply.items() if name not in ("data", "created")}
        beside["created_at"] = reply.get("created")
        for number, picture in enumerate(pictures, 1):
            if number == len(pictures):
                yield {**beside, **picture, "type": f"{kind}.completed"}
            else:  # the tokens are those of all pictures, and told once
                yield {**beside, "usage": None, **picture, "type": f"{kind}.completed"}

    return events


def _objects(of: _Object, name: str) -> list[_Object]:
    """A list of objects; empty if it is none."""
    value: Any = of.get(name)
    items = cast("list[_Object]", value) if isinstance(value, list) else []
    return items if all(isinstance(item, dict) for item in items) else []  # pyright: ignore[reportUnnecessaryIsInstance]


chat: Final = _unfolding(_chat)
completion: Final = _unfolding(_completion)
response: Final = _unfolding(_response)
transcript: Final = _unfolding(_transcript)
generated: Final = _unfolding(_images("image_generation"))
edited: Final = _unfolding(_images("image_edit"))
