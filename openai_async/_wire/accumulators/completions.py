"""Accumulate the chunks of a text completion, in linear time.

Pieces of several choices may interleave: they are matched by their index, kept as lists and joined when asked for. A
reply that was asked for midway is the caller's: later pieces do not change it.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from openai_async.types._base import EMPTY
from openai_async.types.chat import CompletionUsage
from openai_async.types.completions import Completion, CompletionChoice, CompletionLogprobs
from openai_async.types.meta import NO_META, Meta
from openai_async.types.usage import ReplyUsage

_LISTS: Final = ("tokens", "token_logprobs", "top_logprobs", "text_offset")


class _Choice:
    """Pieces of one text."""

    __slots__ = ("_extra", "_logprobs", "_logprobs_extra", "_text", "finish_reason")

    def __init__(self) -> None:
        self._text: list[str] = []
        self.finish_reason: str | None = None
        self._logprobs: dict[str, list[Any]] | None = None
        self._extra: dict[str, Any] = {}
        self._logprobs_extra: dict[str, Any] = {}  # unknown fields of `logprobs`

    def add(self, piece: CompletionChoice) -> None:
        self._text.append(piece.text)
        if piece.finish_reason is not None:
            self.finish_reason = piece.finish_reason
        if piece.logprobs is not None:
            self._logprobs = self._logprobs or {}
            for name in _LISTS:
                if (values := getattr(piece.logprobs, name)) is not None:
                    self._logprobs.setdefault(name, []).extend(values)
            _grow(self._logprobs_extra, piece.logprobs.extra)
        if piece.extra:
            self._extra.update(piece.extra)

    def result(self, index: int) -> CompletionChoice:
        logprobs = None
        if self._logprobs is not None:
            lists: dict[str, list[Any]] = {name: list(values) for name, values in self._logprobs.items()}
            logprobs_extra: dict[str, Any] = {name: _copied(value) for name, value in self._logprobs_extra.items()}
            logprobs = CompletionLogprobs(**lists, extra=logprobs_extra or EMPTY)
        return CompletionChoice(
            text="".join(self._text),
            index=index,
            finish_reason=self.finish_reason,
            logprobs=logprobs,
            extra=dict(self._extra) or EMPTY,
        )


def _copied(value: Any) -> Any:
    return list(value) if isinstance(value, list) else value  # pyright: ignore[reportUnknownArgumentType, reportUnknownVariableType]


def _grow(known: dict[str, Any], added: Mapping[str, Any]) -> None:
    """Lists grow (some servers have the figures of chat here), anything else is replaced."""
    for name, value in added.items():
        if isinstance(value, list) and isinstance(known.setdefault(name, []), list):
            known[name] += value
        else:
            known[name] = value


class CompletionAccumulator:
    """The accumulator of one text completion. `result` may be called at any time, and changes nothing.

    Args:
        expected: how many texts are to come.
    """

    __slots__ = ("_choices", "_expected", "_extra", "_first", "_usage")

    over: bool = False  # never: `[DONE]` ends it

    def __init__(self, expected: int = 1) -> None:
        self._expected = expected
        self._choices: dict[int, _Choice] = {}
        self._first: Completion | None = None
        self._usage: CompletionUsage | None = None
        self._extra: dict[str, Any] = {}

    def add(self, chunk: Completion) -> None:
        if self._first is None:
            self._first = chunk
        if chunk.usage is not None:
            self._usage = chunk.usage
        if chunk.extra:
            self._extra.update(chunk.extra)
        for piece in chunk.choices:
            known = self._choices.get(piece.index)
            if known is None:
                known = self._choices[piece.index] = _Choice()
            known.add(piece)

    def is_complete(self) -> bool:
        """Whether every requested text has a finish reason."""
        ended = [choice.finish_reason is not None for choice in self._choices.values()]
        return len(ended) >= self._expected and all(ended)

    def reply_usage(self) -> ReplyUsage:
        """The usage so far, with what its price depends on; there is no service tier."""
        first = self._first
        return ReplyUsage() if first is None else ReplyUsage(first.model, first.created, None, self._usage)

    def result(self, meta: Meta = NO_META) -> Completion | None:
        """The reply so far; None before the first chunk."""
        first = self._first
        if first is None:
            return None
        return Completion(
            id=first.id,
            choices=[self._choices[index].result(index) for index in sorted(self._choices)],
            created=first.created,
            model=first.model,
            object=first.object,
            usage=self._usage,
            system_fingerprint=first.system_fingerprint,
            extra=dict(self._extra) or EMPTY,
            meta=meta,
        )
