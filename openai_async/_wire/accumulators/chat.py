"""Accumulate the chunks of a chat completion, in linear time.

Per choice: content, refusal and speech are kept as lists of pieces and joined once, when asked for. A reply that was
asked for midway is the caller's: later chunks do not change it. Unknown fields of a message grow as the known ones do:
text is joined, lists are put together, anything else is what came last.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from openai_async._wire.accumulators.tool_calls import ToolCallAccumulator, ToolCallsAccumulator
from openai_async.types._base import EMPTY
from openai_async.types.chat import (
    ChatCompletion,
    ChatCompletionAudio,
    ChatCompletionChunk,
    ChatCompletionMessage,
    Choice,
    ChoiceLogprobs,
    ChunkChoice,
    CompletionUsage,
    ToolCall,
)
from openai_async.types.meta import NO_META, Meta
from openai_async.types.usage import ReplyUsage


class _Audio:
    """Pieces of a spoken reply."""

    __slots__ = ("data", "expires_at", "extra", "id", "transcript")

    def __init__(self) -> None:
        self.id: str | None = None
        self.data: list[str] = []
        self.transcript: list[str] = []
        self.expires_at: int | None = None
        self.extra: dict[str, Any] = {}

    def add(self, piece: ChatCompletionAudio) -> None:
        self.id = self.id or piece.id
        if piece.data is not None:
            self.data.append(piece.data)
        if piece.transcript is not None:
            self.transcript.append(piece.transcript)
        if piece.expires_at is not None:
            self.expires_at = piece.expires_at
        if piece.extra:
            self.extra.update(piece.extra)

    def result(self) -> ChatCompletionAudio:
        return ChatCompletionAudio(
            id=self.id,
            data=_joined(self.data),
            transcript=_joined(self.transcript),
            expires_at=self.expires_at,
            extra=_copied(self.extra),
        )


class _Choice:
    """Pieces of one choice."""

    __slots__ = (
        "annotations",
        "audio",
        "calls",
        "choice_extra",
        "content",
        "extra",
        "finish_reason",
        "function",
        "lists",
        "logprobs",
        "parts",
        "refusal",
        "role",
        "texts",
    )

    def __init__(self) -> None:
        self.role = "assistant"
        self.content: list[str] = []
        self.refusal: list[str] = []
        self.calls: ToolCallsAccumulator | None = None
        self.function: ToolCallAccumulator | None = None
        self.audio: _Audio | None = None
        self.annotations: list[dict[str, Any]] | None = None
        self.finish_reason: str | None = None
        self.logprobs: ChoiceLogprobs | None = None
        self.extra: dict[str, Any] = {}
        self.texts: dict[str, list[str]] = {}
        self.lists: dict[str, list[Any]] = {}
        self.parts: list[tuple[int, int, list[Any]]] = []  # of a content in parts: see `_add_parts`
        self.choice_extra: dict[str, Any] = {}  # unknown fields beside the message

    def add(self, choice: ChunkChoice) -> None:
        delta = choice.delta
        if delta.content is not None:
            self.content.append(delta.content)
        if choice.finish_reason is not None:
            self.finish_reason = choice.finish_reason
        if delta.role:  # some servers blank it after the first piece
            self.role = delta.role
        if delta.refusal is not None:
            self.refusal.append(delta.refusal)
        if delta.tool_calls:
            self.calls = self.calls or ToolCallsAccumulator()
            for call in delta.tool_calls:
                self.calls.add(call)
        if delta.function_call is not None:
            self.function = self.function or ToolCallAccumulator()
            self.function.add(ToolCall(function=delta.function_call))
        if delta.audio is not None:
            self.audio = self.audio or _Audio()
            self.audio.add(delta.audio)
        if delta.annotations is not None:
            self.annotations = self.annotations or []
            self.annotations.extend(delta.annotations)
        if choice.logprobs is not None:
            self._add_logprobs(choice.logprobs)
        if delta.extra:
            for name, value in delta.extra.items():
                if name == "content":
                    self._add_parts(value, taken=delta.content is not None)
                else:
                    self._add_extra(name, value)
        if choice.extra:
            self.choice_extra.update(choice.extra)

    def _add_logprobs(self, piece: ChoiceLogprobs) -> None:
        if self.logprobs is None:
            self.logprobs = ChoiceLogprobs()
        if piece.content is not None:
            self.logprobs.content = self.logprobs.content or []
            self.logprobs.content.extend(piece.content)
        if piece.refusal is not None:
            self.logprobs.refusal = self.logprobs.refusal or []
            self.logprobs.refusal.extend(piece.refusal)
        if piece.extra:
            self.logprobs.extra = {**self.logprobs.extra, **piece.extra}

    def _add_parts(self, parts: Any, *, taken: bool) -> None:
        """A piece that came in parts: they, and the texts before and after them, are kept (see `dialects`).

        Noted are the places in `content` where its text begins and ends.
        """
        end = len(self.content)
        listed: list[Any] = parts if isinstance(parts, list) else [parts]  # pyright: ignore[reportUnknownVariableType]
        self.parts.append((end - taken, end, listed))

    def _all_parts(self) -> dict[str, Any]:
        """The whole content in parts, under the name of the field; nothing if it came as text alone."""
        if not self.parts:
            return {}
        content: list[Any] = []
        last = 0
        for begin, end, parts in [*self.parts, (len(self.content), 0, [])]:
            if text := "".join(self.content[last:begin]):
                content.append({"type": "text", "text": text})
            content.extend(parts)
            last = end
        return {"content": content}

    def _all_extra(self) -> dict[str, Any]:
        """Unknown fields of the message."""
        texts = {name: "".join(pieces) for name, pieces in self.texts.items()}
        return {**self.extra, **{name: [*items] for name, items in self.lists.items()}, **self._all_parts(), **texts}

    def _add_extra(self, name: str, value: Any) -> None:
        """Unknown text (reasoning_content of several servers) and unknown lists (reasoning_details) grow."""
        if isinstance(value, str):
            self.texts.setdefault(name, []).append(value)
        elif isinstance(value, list):
            self.lists.setdefault(name, []).extend(value)  # pyright: ignore[reportUnknownArgumentType]
        elif value is not None:
            self.extra[name] = value

    def result(self, index: int) -> Choice:
        message = ChatCompletionMessage(
            role=self.role,
            content=_joined(self.content),
            refusal=_joined(self.refusal),
            tool_calls=self.calls.results() if self.calls is not None else None,
            function_call=self.function.result().function if self.function else None,
            audio=self.audio.result() if self.audio else None,
            annotations=None if self.annotations is None else list(self.annotations),
            extra=self._all_extra() or EMPTY,
        )
        return Choice(
            index=index,
            message=message,
            finish_reason=self.finish_reason,
            logprobs=_copied_logprobs(self.logprobs) if self.logprobs else None,
            extra=_copied(self.choice_extra),
        )


def _joined(pieces: list[str]) -> str | None:
    return "".join(pieces) if pieces else None


def _copied(extra: Mapping[str, Any]) -> Mapping[str, Any]:
    return dict(extra) if extra else EMPTY


def _copied_logprobs(logprobs: ChoiceLogprobs) -> ChoiceLogprobs:
    content, refusal = logprobs.content, logprobs.refusal
    return ChoiceLogprobs(
        content=None if content is None else list(content),
        refusal=None if refusal is None else list(refusal),
        extra=logprobs.extra,
    )


class ChatAccumulator:
    """The accumulator of one chat completion. `result` may be called at any time, and changes nothing."""

    __slots__ = (
        "_choices",
        "_expected",
        "_extra",
        "_fingerprint",
        "_first",
        "_moderation",
        "_tier",
        "_usage",
        "chunks",
    )

    over: bool = False  # never: `[DONE]` ends it

    def __init__(self, choices: int = 1) -> None:
        self._expected = choices
        self._choices: dict[int, _Choice] = {}
        self._first: ChatCompletionChunk | None = None
        self._usage: CompletionUsage | None = None
        self._tier: str | None = None
        self._fingerprint: str | None = None
        self._moderation: dict[str, Any] | None = None
        self._extra: dict[str, Any] = {}
        self.chunks = 0

    def add(self, chunk: ChatCompletionChunk) -> None:
        self.chunks += 1
        if self._first is None or not self._first.id:
            self._first = chunk
        if chunk.usage is not None:
            self._usage = chunk.usage
        if chunk.service_tier is not None:
            self._tier = chunk.service_tier
        if chunk.system_fingerprint is not None:
            self._fingerprint = chunk.system_fingerprint
        if chunk.moderation is not None:
            self._moderation = chunk.moderation
        if chunk.extra:
            self._extra.update(chunk.extra)
        for choice in chunk.choices:
            known = self._choices.get(choice.index)
            if known is None:
                known = self._choices[choice.index] = _Choice()
            known.add(choice)

    def is_complete(self) -> bool:
        """Whether every requested choice has a finish reason."""
        ended = [choice.finish_reason is not None for choice in self._choices.values()]
        return len(ended) >= self._expected and all(ended)

    def reply_usage(self) -> ReplyUsage:
        """The usage so far, with what its price depends on."""
        first = self._first
        if first is None:
            return ReplyUsage()
        return ReplyUsage(first.model, first.created, self._tier or first.service_tier, self._usage)

    def result(self, meta: Meta = NO_META) -> ChatCompletion | None:
        """The reply so far; None before the first chunk."""
        first = self._first
        if first is None:
            return None
        extra = dict(self._extra)
        # No chunk of the API has it, but one of another server may.
        metadata = extra.pop("metadata") if isinstance(extra.get("metadata"), dict) else None
        return ChatCompletion(
            id=first.id,
            created=first.created,
            model=first.model,
            service_tier=self._tier,
            system_fingerprint=self._fingerprint,
            moderation=self._moderation,
            choices=[self._choices[index].result(index) for index in sorted(self._choices)],
            usage=self._usage,
            metadata=metadata,
            extra=extra or EMPTY,
            meta=meta,
        )
