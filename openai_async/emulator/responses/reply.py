"""The output of a response, and its events.

An event's data is that of the API, with sequence numbers, and with padding that hides the length of a delta.
"""

from __future__ import annotations

from collections.abc import Iterator
from random import Random

import orjson

from openai_async.emulator.chat.reply import Choice, ToolCall
from openai_async.emulator.fields import JSONObject
from openai_async.emulator.responses.file_search import Search, search_steps
from openai_async.emulator.responses.items import new_id
from openai_async.emulator.responses.store import StoredResponse
from openai_async.emulator.text import sentences, tokens

__all__ = ["events", "output_of", "usage_of"]

_PADDED = 16  # characters that a delta and its padding are a multiple of
_PADDING = "x" * _PADDED
#: What items are announced with.
_NOTHING: dict[str, JSONObject] = {
    "message": {"content": []},
    "reasoning": {"summary": []},
    "function_call": {"arguments": ""},
    "custom_tool_call": {"input": ""},
    "file_search_call": {"results": None},
}
#: How many tokens are out, and the event without its number.
_Step = tuple[int, JSONObject]


def output_of(choice: Choice, seed: int, *, summarized: bool, search: Search | None = None) -> list[JSONObject]:
    """Make the items of a complete output: reasoning and a search if there were any, then a message or calls."""
    output: list[JSONObject] = []
    if choice.reasoning:
        summary = "".join(sentences(Random(seed), 20, 60)) if summarized else ""
        parts = [{"type": "summary_text", "text": summary}] if summary else []
        output.append({"id": new_id("reasoning"), "type": "reasoning", "summary": parts})
    if search is not None:
        output.append(search.item())
    status = "incomplete" if choice.finish == "length" else "completed"
    output += ({**_call(call, "".join(call.pieces)), "status": status} for call in choice.calls)
    if not choice.calls:
        text = "".join(choice.pieces)
        citations = [] if search is None else search.citations(text)
        content = [{**_text(text, choice.logprobs or []), "annotations": citations}]
        output.append({**_message(), "status": status, "content": content})
    return output


def usage_of(prompt: int, choice: Choice) -> JSONObject:
    return {
        "input_tokens": prompt,
        "input_tokens_details": {"cached_tokens": 0, "cache_write_tokens": 0},
        "output_tokens": choice.tokens,
        "output_tokens_details": {"reasoning_tokens": choice.reasoning},
        "total_tokens": prompt + choice.tokens,
    }


def _message() -> JSONObject:
    return {"id": new_id("message"), "type": "message", "status": "in_progress", "role": "assistant", "content": []}


def _call(call: ToolCall, arguments: str) -> JSONObject:
    kind, field = ("custom_tool_call", "input") if call.kind == "custom" else ("function_call", "arguments")
    return {
        "id": new_id(kind),
        "type": kind,
        "status": "in_progress",
        field: arguments,
        "call_id": call.id,
        "name": call.name,
    }


def _text(text: str, logprobs: list[JSONObject]) -> JSONObject:
    return {"type": "output_text", "text": text, "annotations": [], "logprobs": logprobs}


# -- streams -------------------------------------------------------------------------------------------------


def events(response: StoredResponse, *, padded: bool) -> Iterator[tuple[int, bytes]]:
    """Make the stream's events in order, each with the number of tokens sent by then."""
    for number, (position, event) in enumerate(_steps(response)):
        event["sequence_number"] = number
        delta = event.get("delta")
        if padded and isinstance(delta, str):
            event["obfuscation"] = _PADDING[: -len(delta) % _PADDED]
        yield position, b"event: %s\ndata: %s\n\n" % (event["type"].encode(), orjson.dumps(event))


def _steps(response: StoredResponse) -> Iterator[_Step]:
    first = "queued" if response.background else "in_progress"
    yield 0, {"type": "response.created", "response": response.described(first)}
    if response.background:
        yield 0, {"type": "response.queued", "response": response.described("queued")}
    yield 0, {"type": "response.in_progress", "response": response.described("in_progress")}
    position = 0
    calls = iter(response.choice.calls)
    for index, item in enumerate(response.output):
        location = {"item_id": item["id"], "output_index": index}
        if item["type"] == "reasoning":
            position = response.choice.reasoning
            steps = _reasoning(item, location, position)
        elif item["type"] == "file_search_call":
            steps = ((position, step) for step in search_steps(location))
        elif item["type"] in ("function_call", "custom_tool_call"):
            steps = _arguments(item, location, next(calls), position)
        else:
            steps = _message_text(item, location, response.choice, position)
        yield position, {"type": "response.output_item.added", "output_index": index, "item": _begun(item)}
        for position, event in steps:
            yield position, event
        yield position, {"type": "response.output_item.done", "output_index": index, "item": item}
    yield position, {"type": f"response.{response.final}", "response": response.described(response.final)}


def _begun(item: JSONObject) -> JSONObject:
    """Make an item in its state before any of its content was written."""
    nothing: JSONObject = _NOTHING.get(item["type"], {})
    return {**item, **nothing, **({"status": "in_progress"} if "status" in item else {})}


def _reasoning(item: JSONObject, location: JSONObject, position: int) -> Iterator[_Step]:
    for index, part in enumerate(item["summary"]):
        here = {**location, "summary_index": index}
        empty = {**part, "text": ""}
        yield position, {"type": "response.reasoning_summary_part.added", **here, "part": empty}
        for piece in tokens(part["text"]):
            yield position, {"type": "response.reasoning_summary_text.delta", **here, "delta": piece}
        yield position, {"type": "response.reasoning_summary_text.done", **here, "text": part["text"]}
        yield position, {"type": "response.reasoning_summary_part.done", **here, "part": part}


def _arguments(item: JSONObject, location: JSONObject, call: ToolCall, position: int) -> Iterator[_Step]:
    custom = item["type"] == "custom_tool_call"
    name = "response.custom_tool_call_input" if custom else "response.function_call_arguments"
    position += call.tokens - len(call.pieces)
    for piece in call.pieces:
        position += 1
        yield position, {"type": f"{name}.delta", **location, "delta": piece}
    done = {"input": item["input"]} if custom else {"name": item["name"], "arguments": item["arguments"]}
    yield position, {"type": f"{name}.done", **location, **done}


def _message_text(item: JSONObject, location: JSONObject, choice: Choice, position: int) -> Iterator[_Step]:
    here, part = {**location, "content_index": 0}, item["content"][0]
    yield position, {"type": "response.content_part.added", **here, "part": _text("", [])}
    for at, piece in enumerate(choice.pieces):
        position += 1
        logprobs = [] if choice.logprobs is None else choice.logprobs[at : at + 1]
        yield position, {"type": "response.output_text.delta", **here, "delta": piece, "logprobs": logprobs}
    for at, annotation in enumerate(part["annotations"]):
        cited = {**here, "annotation_index": at, "annotation": annotation}
        yield position, {"type": "response.output_text.annotation.added", **cited}
    done = {"text": part["text"], "logprobs": part["logprobs"]}
    yield position, {"type": "response.output_text.done", **here, **done}
    yield position, {"type": "response.content_part.done", **here, "part": part}
