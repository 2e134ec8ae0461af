"""Lone surrogates: halves of characters that a server has split.

JSON may name half of a pair as an escape, and Python reads it as a character of its own. Such text can neither be
printed nor sent again, because UTF-8 has no place for it. So two halves that stand side by side become the character
they are halves of, and a half that stays alone becomes U+FFFD.

A server that counts in UTF-16 may put the two halves into two events of a stream. `CharacterJoiner` holds a first half
back until the text it belongs to goes on. It works only on streams in which a lone half was seen.
"""

from __future__ import annotations

import json as stdlib
import re
from collections.abc import Callable, Iterable, Iterator
from typing import Any, Final, TypeAlias, cast

import attrs

from openai_async.errors import DecodeError

_HALF = re.compile("[\ud800-\udfff]")
#: What may be a half in JSON text: an escape, or three bytes that UTF-8 does not allow.
_SUSPECT = re.compile(rb"\\u[dD][89a-fA-F]|\xed[\xa0-\xbf]")
REPLACEMENT: Final = "\ufffd"

_Path: TypeAlias = tuple[str | int, ...]
_Object: TypeAlias = dict[str, Any]
_Event: TypeAlias = tuple[bytes | None, bytes]

#: Fields that say which part of a reply an event belongs to.
_POSITION = ("id", "item_id", "output_index", "content_index", "summary_index")
#: Last words of the types of events after which a text does not go on.
_ENDS = (".completed", ".incomplete", ".failed", ".cancelled", ".expired")


def join_surrogates(text: str) -> str:
    """The text with its halves joined, and with U+FFFD for those that stay alone."""
    return text if _HALF.search(text) is None else text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")


def is_well_formed(value: Any) -> bool:
    """Whether no text of a decoded value holds half of a pair."""
    if isinstance(value, str):
        return _HALF.search(value) is None
    if isinstance(value, dict):
        fields = cast("_Object", value)
        return all(is_well_formed(key) and is_well_formed(part) for key, part in fields.items())
    return all(is_well_formed(item) for item in _items(value))


def repair(value: Any) -> Any:
    """A decoded value with every text of it joined."""
    if isinstance(value, str):
        return join_surrogates(value)
    if isinstance(value, dict):
        return {join_surrogates(key): repair(part) for key, part in cast("_Object", value).items()}
    return [repair(item) for item in _items(value)] if isinstance(value, list) else value


def _items(value: Any) -> list[Any]:
    """The items of an array; none of anything else."""
    return value if isinstance(value, list) else []  # pyright: ignore[reportUnknownVariableType]


@attrs.frozen
class _Held:
    """A first half, and the event that gives it alone if the other half does not come."""

    half: str
    alone: _Object


class CharacterJoiner:
    """Feed the events of one stream, take them with every character whole.

    Args:
        read: JSON text -> value with halves as they are; raises `DecodeError`.
    """

    def __init__(self, read: Callable[[bytes], Any]) -> None:
        self._read = read
        self._held: dict[_Path, _Held] = {}

    def feed(self, events: Iterable[_Event]) -> list[_Event]:
        """Pass events on. What was held back comes before the event that ends its text, at the latest."""
        return [passed for name, data in events for passed in self._pass(name, data)]

    def _pass(self, name: bytes | None, data: bytes) -> Iterator[_Event]:
        if data.strip() == b"[DONE]":
            yield from self._given_up(lambda path: True)
        elif self._held or _SUSPECT.search(data):
            try:
                event = self._read(data)
                if isinstance(event, dict):
                    kind = name.decode("utf-8", "replace") if name else event.get("type")  # pyright: ignore
                    text = _Text(cast("_Object", event), kind if isinstance(kind, str) else "", self._held)
                    data = stdlib.dumps(text.passed()).encode()
                    yield from self._given_up(text.ends)
            except (DecodeError, RecursionError):
                pass  # the stream says what is wrong with it
        yield name, data

    def _given_up(self, ends: Callable[[_Path], bool]) -> Iterator[_Event]:
        """The halves whose text has ended, each in an event of its own."""
        for path in [path for path in self._held if ends(path)]:
            yield None, stdlib.dumps(self._held.pop(path).alone).encode()


class _Text:
    """The texts of one event, each found by its path: field names, and the `index` of items where they have one."""

    def __init__(self, event: _Object, kind: str, held: dict[_Path, _Held]) -> None:
        self._event = event
        self._kind = kind
        self._held = held
        stem = kind.rpartition(".")[0]
        self._position: _Path = (stem, *(_named(event.get(name)) for name in _POSITION)) if kind else ("",)
        self._ended: list[_Path] = []
        if kind.endswith(_ENDS):
            self._ended = [()]
        elif kind.endswith(".done"):
            self._ended = [self._position]
        else:
            self._ended = [
                (*self._position, "choices", _label(choice, number))
                for number, choice in enumerate(_items(event.get("choices")))
                if isinstance(choice, dict) and choice.get("finish_reason")  # pyright: ignore[reportUnknownMemberType]
            ]

    def ends(self, path: _Path) -> bool:
        """Whether the text at a path does not go on after this event."""
        return any(path[: len(end)] == end for end in self._ended)

    def passed(self) -> _Object:
        """The event with the halves that were held for it, and without those that are held back now."""
        return self._walk(self._event, self._position, ())  # type: ignore[no-any-return]

    def _walk(self, value: Any, path: _Path, steps: _Path) -> Any:
        if isinstance(value, str):
            return self._text(value, path, steps)
        if isinstance(value, dict):
            fields = cast("_Object", value)
            return {join_surrogates(key): self._walk(part, (*path, key), (*steps, key)) for key, part in fields.items()}
        if isinstance(value, list):
            items = enumerate(_items(value))
            return [self._walk(item, (*path, _label(item, number)), (*steps, number)) for number, item in items]
        return value

    def _text(self, text: str, path: _Path, steps: _Path) -> str:
        if (held := self._held.pop(path, None)) is not None:
            text = held.half + text
        if "\ud800" <= text[-1:] <= "\udbff" and _grows(steps) and not self.ends(path):
            self._held[path] = _Held(text[-1], _alone(self._event, steps))
            text = text[:-1]
        return join_surrogates(text)


def _label(item: Any, number: int) -> int:
    index: Any = item.get("index") if isinstance(item, dict) else None  # pyright: ignore[reportUnknownMemberType, reportUnknownVariableType]
    return index if isinstance(index, int) else number


def _named(value: Any) -> str | int:
    return value if isinstance(value, (str, int)) else ""


def _grows(steps: _Path) -> bool:
    """Whether the events of a stream each give a piece of the text there."""
    return "delta" in steps or (steps[0] == "choices" and steps[-1] == "text")


def _alone(value: Any, steps: _Path, depth: int = 0) -> Any:
    """An event that says of which reply and which part it is, and has U+FFFD as its only text."""
    if not steps:
        return REPLACEMENT
    step = steps[0]
    if isinstance(step, int):
        return [_alone(value[step], steps[1:], depth + 1)]
    kept = {
        join_surrogates(name): repair(part)
        for name, part in cast("_Object", value).items()
        if (name == "index" if depth else not isinstance(part, (dict, list)))
    }
    return {**kept, join_surrogates(step): _alone(value[step], steps[1:], depth + 1)}
