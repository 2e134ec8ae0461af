"""Chunks -> the reply they amount to, in linear time.

Per choice: content, refusal and tool-call arguments are kept as lists of pieces and joined once, when asked for. Tool
calls are matched by their index, so that calls of several choices may interleave.
"""

from __future__ import annotations

from typing import Any

from openai_async.types._base import EMPTY, NO_META, Meta
from openai_async.types.chat import (
    ChatCompletion,
    ChatCompletionChunk,
    ChatCompletionMessage,
    Choice,
    ChoiceLogprobs,
    ChunkChoice,
    CompletionUsage,
    CustomCall,
    FunctionCall,
    ToolCall,
)


class _Call:
    """Pieces of one tool call."""

    __slots__ = ("custom", "extra", "id", "name", "pieces", "type")

    def __init__(self) -> None:
        self.id: str | None = None
        self.type: str | None = None
        self.name: list[str] = []
        self.pieces: list[str] = []
        self.custom = False
        self.extra: dict[str, Any] = {}

    def add(self, call: ToolCall) -> None:
        self.id = self.id or call.id
        self.type = self.type or call.type
        if call.extra:
            self.extra.update(call.extra)
        if call.custom is not None:
            self.custom = True
            self._add(call.custom.name, call.custom.input)
        if call.function is not None:
            self._add(call.function.name, call.function.arguments)

    def _add(self, name: str | None, piece: str | None) -> None:
        # Some servers send the whole name again with every piece; the API sends it once.
        if name and self.name != [name]:
            self.name.append(name)
        if piece:
            self.pieces.append(piece)

    def result(self) -> ToolCall:
        name, text = "".join(self.name) or None, "".join(self.pieces)
        call = ToolCall(id=self.id, type=self.type or ("custom" if self.custom else "function"))
        if self.custom:
            call.custom = CustomCall(name=name, input=text)
        else:
            call.function = FunctionCall(name=name, arguments=text)
        if self.extra:
            call.extra = self.extra
        return call


class _Choice:
    """Pieces of one choice."""

    __slots__ = ("calls", "content", "extra", "finish_reason", "function", "logprobs", "refusal", "role", "texts")

    def __init__(self) -> None:
        self.role = "assistant"
        self.content: list[str] = []
        self.refusal: list[str] = []
        self.calls: dict[int, _Call] = {}
        self.function: _Call | None = None
        self.finish_reason: str | None = None
        self.logprobs: ChoiceLogprobs | None = None
        self.extra: dict[str, Any] = {}
        self.texts: dict[str, list[str]] = {}

    def add(self, choice: ChunkChoice) -> None:
        delta = choice.delta
        if delta.content is not None:
            self.content.append(delta.content)
        if choice.finish_reason is not None:
            self.finish_reason = choice.finish_reason
        if delta.role is not None:
            self.role = delta.role
        if delta.refusal is not None:
            self.refusal.append(delta.refusal)
        for call in delta.tool_calls or ():
            self._call(call).add(call)
        if delta.function_call is not None:
            self.function = self.function or _Call()
            self.function.add(ToolCall(function=delta.function_call))
        if choice.logprobs is not None:
            self._add_logprobs(choice.logprobs)
        for name, value in delta.extra.items():
            self._add_extra(name, value)

    def _call(self, call: ToolCall) -> _Call:
        index = call.index
        if index is None:  # a server that numbers nothing sends each call whole
            index = next((i for i, known in self.calls.items() if call.id and known.id == call.id), len(self.calls))
        return self.calls.setdefault(index, _Call())

    def _add_logprobs(self, piece: ChoiceLogprobs) -> None:
        if self.logprobs is None:
            self.logprobs = ChoiceLogprobs()
        if piece.content:
            self.logprobs.content = self.logprobs.content or []
            self.logprobs.content.extend(piece.content)
        if piece.refusal:
            self.logprobs.refusal = self.logprobs.refusal or []
            self.logprobs.refusal.extend(piece.refusal)

    def _add_extra(self, name: str, value: Any) -> None:
        """Unknown text grows (reasoning_content of several servers), anything else unknown is replaced."""
        if isinstance(value, str):
            self.texts.setdefault(name, []).append(value)
        elif value is not None:
            self.extra[name] = value

    def result(self, index: int) -> Choice:
        message = ChatCompletionMessage(
            role=self.role,
            content="".join(self.content) if self.content else None,
            refusal="".join(self.refusal) if self.refusal else None,
            tool_calls=[self.calls[i].result() for i in sorted(self.calls)] or None,
            function_call=self.function.result().function if self.function else None,
            extra={**self.extra, **{name: "".join(pieces) for name, pieces in self.texts.items()}} or EMPTY,
        )
        return Choice(index=index, message=message, finish_reason=self.finish_reason, logprobs=self.logprobs)


class ChatFold:
    """Add chunks, ask for the reply so far. Asking does not change it."""

    __slots__ = ("_choices", "_extra", "_first", "_usage", "chunks")

    def __init__(self) -> None:
        self._choices: dict[int, _Choice] = {}
        self._first: ChatCompletionChunk | None = None
        self._usage: CompletionUsage | None = None
        self._extra: dict[str, Any] = {}
        self.chunks = 0

    def add(self, chunk: ChatCompletionChunk) -> None:
        self.chunks += 1
        if self._first is None or not self._first.id:
            self._first = chunk
        if chunk.usage is not None:
            self._usage = chunk.usage
        if chunk.extra:
            self._extra.update(chunk.extra)
        for choice in chunk.choices:
            known = self._choices.get(choice.index)
            if known is None:
                known = self._choices[choice.index] = _Choice()
            known.add(choice)

    def result(self, meta: Meta = NO_META) -> ChatCompletion | None:
        """The reply that the chunks so far amount to; None before the first."""
        first = self._first
        if first is None:
            return None
        return ChatCompletion(
            id=first.id,
            created=first.created,
            model=first.model,
            service_tier=first.service_tier,
            system_fingerprint=first.system_fingerprint,
            choices=[self._choices[index].result(index) for index in sorted(self._choices)],
            usage=self._usage,
            extra=self._extra or EMPTY,
            meta=meta,
        )
