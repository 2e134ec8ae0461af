"""Accumulate the events of a response, in linear time.

A stream of the Responses API ends with the complete response, which is then the result. The accumulator serves streams
that end before: text, refusals, reasoning, arguments, inputs and code are lists of chunks by output index, joined once
by `result`. An event `....done` repeats a complete text, which replaces its chunks, so a stream that was resumed midway
ends right, too. A result belongs to the caller: later events do not change it.
"""

from __future__ import annotations

from typing import Any, Final, NamedTuple

import attrs

from openai_async.types.chat import TokenLogprob
from openai_async.types.meta import NO_META, Meta
from openai_async.types.responses import Response, ResponseContent, ResponseItem, ResponseStreamEvent
from openai_async.types.usage import ReplyUsage

#: Events that end a stream. The last one is none of the API's, but of servers that say how a cancelled one ends.
TERMINAL: Final = frozenset(
    {"response.completed", "response.incomplete", "response.failed", "response.cancelled"},
)


class _Growth(NamedTuple):
    """What grows by the deltas of one kind: a field of an item, or of a part in one of its lists."""

    item: str
    field: str
    part: str | None = None
    list: str = "content"


_GROWTHS: Final = {
    "response.output_text": _Growth("message", "text", "output_text"),
    "response.refusal": _Growth("message", "refusal", "refusal"),
    "response.reasoning_text": _Growth("reasoning", "text", "reasoning_text"),
    "response.reasoning_summary_text": _Growth("reasoning", "text", "summary_text", "summary"),
    "response.function_call_arguments": _Growth("function_call", "arguments"),
    "response.mcp_call_arguments": _Growth("mcp_call", "arguments"),
    "response.custom_tool_call_input": _Growth("custom_tool_call", "input"),
    "response.code_interpreter_call_code": _Growth("code_interpreter_call", "code"),
}


class _Grown:
    """A value of which text fields grow, piece by piece."""

    __slots__ = ("pieces", "value")

    def __init__(self, value: Any) -> None:
        self.value = value
        self.pieces: dict[str, list[str]] = {}

    def grow(self, field: str, piece: str) -> None:
        known = self.pieces.get(field)
        if known is None:
            start: object = getattr(self.value, field)
            known = self.pieces[field] = [start] if isinstance(start, str) else []
        known.append(piece)

    def texts(self) -> dict[str, Any]:
        return {field: "".join(pieces) for field, pieces in self.pieces.items()}


class _Part(_Grown):
    """A part of an item's content or summary."""

    __slots__ = ("annotations", "logprobs")

    def __init__(self, value: ResponseContent) -> None:
        super().__init__(value)
        self.annotations: list[dict[str, Any]] = list(value.annotations or ())
        self.logprobs: list[TokenLogprob] = list(value.logprobs or ())

    def result(self) -> ResponseContent:
        part: ResponseContent = self.value
        return attrs.evolve(
            part,
            annotations=list(self.annotations) or part.annotations,
            logprobs=list(self.logprobs) or part.logprobs,
            **self.texts(),
        )


class _Item(_Grown):
    """An item of the output."""

    __slots__ = ("parts",)

    def __init__(self, value: ResponseItem) -> None:
        super().__init__(value)
        self.parts: dict[str, dict[int, _Part]] = {}
        for name in ("content", "summary"):
            listed: list[ResponseContent] | None = getattr(value, name)
            if listed:
                self.parts[name] = {index: _Part(part) for index, part in enumerate(listed)}

    def part(self, name: str, index: int, kind: str | None) -> _Part:
        parts = self.parts.setdefault(name, {})
        known = parts.get(index)
        if known is None:
            known = parts[index] = _Part(ResponseContent(type=kind))
        return known

    def result(self) -> ResponseItem:
        lists = {name: [parts[index].result() for index in sorted(parts)] for name, parts in self.parts.items()}
        item: ResponseItem = attrs.evolve(self.value, **self.texts(), **lists)
        return item


class ResponseAccumulator:
    """The accumulator of one response. `result` may be called at any time, and changes nothing.

    `id`: of a response whose stream is resumed midway, because its first events do not come again.
    """

    __slots__ = ("_id", "_items", "_last", "events", "over")

    def __init__(self, id: str = "") -> None:
        self._id = id
        self._last: Response | None = None  # the last one that was stated whole
        self._items: dict[int, _Item] = {}
        self.events = 0
        self.over = False

    def add(self, chunk: ResponseStreamEvent) -> None:
        self.events += 1
        kind = chunk.type
        if chunk.response is not None:
            self._last = chunk.response
            self.over = kind in TERMINAL
            if not self.over:
                self._items.update((index, _Item(item)) for index, item in enumerate(chunk.response.output))
            return
        name, _, step = kind.rpartition(".")
        growth = _GROWTHS.get(name)
        if growth is not None:
            self._grow(chunk, growth, complete=step == "done")
        elif chunk.item is not None:
            self._items[chunk.output_index or 0] = _Item(chunk.item)
        elif chunk.part is not None:
            list_ = "content" if chunk.summary_index is None else "summary"
            item = self._item(chunk, "message" if list_ == "content" else "reasoning")
            parts = item.parts.setdefault(list_, {})
            parts[chunk.content_index or chunk.summary_index or 0] = _Part(chunk.part)
        elif name == "response.output_text.annotation" and chunk.annotation.__class__ is dict:
            part = self._item(chunk, "message").part("content", chunk.content_index or 0, "output_text")
            part.annotations.append(chunk.annotation)

    def _item(self, event: ResponseStreamEvent, kind: str) -> _Item:
        index = event.output_index or 0
        known = self._items.get(index)
        if known is None:
            role = "assistant" if kind == "message" else None
            known = self._items[index] = _Item(ResponseItem(type=kind, id=event.item_id, role=role))
        return known

    def _grow(self, event: ResponseStreamEvent, growth: _Growth, *, complete: bool) -> None:
        text = getattr(event, growth.field) if complete else event.delta
        if not isinstance(text, str):
            return
        item = self._item(event, growth.item)
        grown: _Grown = item
        if growth.part is not None:
            index = event.content_index if growth.list == "content" else event.summary_index
            grown = part = item.part(growth.list, index or 0, growth.part)
            if event.logprobs:
                if complete:
                    part.logprobs.clear()
                part.logprobs.extend(event.logprobs)
        if complete:
            grown.pieces[growth.field] = [text]
        else:
            grown.grow(growth.field, text)

    def reply_usage(self) -> ReplyUsage:
        """The usage, once the response is over, with what its price depends on."""
        last = self._last
        if last is None:
            return ReplyUsage()
        usage = last.usage.as_completion_usage() if self.over and last.usage is not None else None
        job = last.id if last.background else None
        return ReplyUsage(last.model, last.created_at, last.service_tier, usage, job)

    def result(self, meta: Meta = NO_META) -> Response | None:
        """The response so far; None before the first event.

        After the terminal event it is the response of that event. If that has no output, it gets the accumulated one.
        """
        if not self.events:
            return None
        last = self._last or Response(self._id, status="in_progress")
        if self.over and last.output:
            return attrs.evolve(last, meta=meta)
        return attrs.evolve(last, output=[self._items[index].result() for index in sorted(self._items)], meta=meta)
