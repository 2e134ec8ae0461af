"""Accumulate the chunks of tool calls, in linear time.

Pieces are matched by their index. Where a server numbers calls in another way, or not at all, what a piece has tells: a
call begins with a name, mostly with an id, and what has neither belongs to the call that is open.
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterator, Mapping
from typing import Any, Final

from openai_async._wire import json
from openai_async.errors import DecodeError
from openai_async.types._base import EMPTY
from openai_async.types.chat import CustomCall, FunctionCall, ToolCall

#: What matters for where a JSON value ends: brackets, quotes, and whatever is escaped.
_MARKS: Final = re.compile(r'\\.|["{}\[\]]', re.DOTALL)


class ToolCallAccumulator:
    """Pieces of one tool call."""

    __slots__ = ("balance", "custom", "extra", "id", "inner", "name", "pieces", "type")

    def __init__(self) -> None:
        self.id: str | None = None
        self.type: str | None = None
        self.name: list[str] = []
        self.pieces: list[str] = []
        self.custom = False
        self.extra: dict[str, Any] = {}
        self.inner: dict[str, Any] = {}  # unknown fields of `function` or `custom`
        self.balance = _JsonBalance()

    def add(self, call: ToolCall) -> None:
        self.id = self.id or call.id
        self.type = self.type or call.type
        if call.extra:
            self.extra.update(call.extra)
        if call.custom is not None:
            self.custom = True
            self._add(call.custom.name, call.custom.input, call.custom.extra)
        if call.function is not None:
            self._add(call.function.name, call.function.arguments, call.function.extra)

    def _add(self, name: str | None, piece: str | None, extra: Mapping[str, Any]) -> None:
        # Some servers send the whole name again with every piece; the API sends it once.
        if name and self.name != [name]:
            self.name.append(name)
        if piece:
            self.pieces.append(piece)
        if extra:
            self.inner.update(extra)

    def ends_before(self, call: ToolCall) -> bool:
        """Whether a piece with the same index begins another call."""
        name, text = _name_and_text(call)
        if not name:
            return False
        if self.id and call.id:
            return self.id != call.id
        if not self.name or not self.pieces:
            return False
        if name != "".join(self.name):
            return True  # a name is over when the arguments begin
        return bool(text) and self.balance.after(self.pieces) and [text] != self.pieces

    def result(self) -> ToolCall:
        name, inner = "".join(self.name) or None, dict(self.inner) or EMPTY
        return ToolCall(
            id=self.id,
            type=self.type or ("custom" if self.custom else "function"),
            function=None if self.custom else FunctionCall(name=name, arguments=_arguments(self.pieces), extra=inner),
            custom=CustomCall(name=name, input="".join(self.pieces), extra=inner) if self.custom else None,
            extra=dict(self.extra) or EMPTY,
        )


class ToolCallsAccumulator:
    """The calls of one message."""

    __slots__ = ("_calls", "_index_of_id", "_last", "_open", "_renumbered")

    def __init__(self) -> None:
        self._calls: dict[int, ToolCallAccumulator] = {}
        self._index_of_id: dict[str, int] = {}  # of calls that came without an index
        self._renumbered: dict[int, int] = {}  # from the index of a piece to that of its call, where it is another one
        self._last = -1  # the highest index so far
        self._open = -1  # that of the last piece

    def add(self, call: ToolCall) -> None:
        """A piece of one of them."""
        index = self._unstated_index(call) if call.index is None else self._stated_index(call, call.index)
        self._open, self._last = index, max(self._last, index)
        known = self._calls.get(index)
        if known is None:
            known = self._calls[index] = ToolCallAccumulator()
        known.add(call)

    def _stated_index(self, call: ToolCall, index_sent: int) -> int:
        """Some servers number all calls 0, others every piece."""
        index = self._renumbered.get(index_sent, index_sent)
        known = self._calls.get(index)
        if known is None:
            if self._calls and not call.id and not _name_and_text(call)[0]:
                index = self._renumbered[index_sent] = self._open
        elif known.ends_before(call):
            index = self._renumbered[index_sent] = self._last + 1
        return index

    def _unstated_index(self, call: ToolCall) -> int:
        """A server that numbers nothing sends each call whole, or the rest of one without id and name."""
        if call.id:
            return self._index_of_id.setdefault(call.id, self._last + 1)
        return self._last + 1 if _name_and_text(call)[0] or self._last < 0 else self._last

    def results(self) -> list[ToolCall] | None:
        """The calls in their order; None if there are none."""
        return [self._calls[index].result() for index in sorted(self._calls)] or None


class _JsonBalance:
    """Whether pieces so far are whole JSON objects or arrays. Looks at each character once."""

    __slots__ = ("_depth", "_in_text", "_seen")

    def __init__(self) -> None:
        self._seen = self._depth = 0
        self._in_text = False

    def after(self, pieces: list[str]) -> bool:
        """Whether nothing is open after these; they are the ones of before, and more."""
        for mark in self._marks("".join(pieces[self._seen :])):
            if mark == '"':
                self._in_text = not self._in_text
            elif not self._in_text and mark[0] != "\\":
                self._depth += 1 if mark in "{[" else -1
        self._seen = len(pieces)
        return self._depth == 0 and not self._in_text and pieces[-1].rstrip()[-1:] in ("}", "]")

    @staticmethod
    def _marks(text: str) -> Iterator[str]:
        return (match[0] for match in _MARKS.finditer(text))


def _name_and_text(call: ToolCall) -> tuple[str | None, str | None]:
    if call.function is not None:
        return call.function.name, call.function.arguments
    return (call.custom.name, call.custom.input) if call.custom is not None else (None, None)


def _arguments(pieces: list[str]) -> str:
    """The pieces put together; or the last one, if that is all of them again and together they are no JSON.

    Some servers send the arguments so far with every piece, or all of them once more at the end.
    """
    text = "".join(pieces)
    if len(pieces) < 2 or _is_json(text):
        return text
    last = pieces[-1]
    grown = all(later.startswith(earlier) for earlier, later in itertools.pairwise(pieces))
    return last if (grown or text == last + last) and _is_json(last) else text


def _is_json(text: str) -> bool:
    try:
        json.loads(text.encode("utf-8", "surrogatepass"))
    except DecodeError:
        return False
    return True
