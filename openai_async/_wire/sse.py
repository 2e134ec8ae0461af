"""Decode server-sent events from bytes in any chunks. No I/O.

Follows the WHATWG rules (https://html.spec.whatwg.org/multipage/server-sent-events.html): lines end by CR, LF or CRLF,
several `data` lines join with LF, a BOM at the start and comments are skipped, an event ends at a blank line. UTF-8 is
not decoded here, so a character may be cut anywhere.

Beyond those rules, because servers do it: JSON laid out over several lines, with or without `data:` before it, is kept
together as one event (an error frame, or a bare JSON error body); and a line `error: {...}` is an event of that name.

Complexity: linear in the bytes fed, whatever their split; memory is bounded by one event. Comments are not kept, and
do not count against the bound.
"""

from __future__ import annotations

from typing import TypeAlias

from openai_async.errors import ResponseTooLargeError

#: (name of the event or None, its data)
Event: TypeAlias = tuple[bytes | None, bytes]

_BOM = b"\xef\xbb\xbf"
#: What a line of laid-out JSON begins with, and no SSE field does.
_JSON_START = b' \t{}[]"'
#: ... and what `data` and `event` begin with.
_RELEVANT = _JSON_START + b"de"


class SSEDecoder:
    """The decoder of one stream. Feed bytes, take events.

    Args:
        max_event_bytes: bound on one event; more raises `ResponseTooLargeError`.
    """

    __slots__ = ("_bom", "_cr", "_last", "_line", "_max", "_open", "_overflow")

    def __init__(self, max_event_bytes: int = 128 * 1024 * 1024) -> None:
        self._max = max_event_bytes
        self._open = bytearray()  # the unfinished event: whole lines that matter, then the unfinished line
        self._line = 0  # where the unfinished line begins
        self._last = b""  # the last byte taken: a blank line may be split after it
        self._cr = False  # the last byte fed was a CR, already taken as a line end; a LF after it belongs to it
        self._overflow: ResponseTooLargeError | None = None  # raised once the events before it are taken
        self._bom: bytes | None = b""  # what may be the start of a BOM; None once that is settled

    def feed(self, data: bytes) -> list[Event]:
        """Take the next bytes; return the events they complete.

        Raises:
            ResponseTooLargeError: an event is over the bound. Events before it come first: see `check`.
        """
        self.check()
        if self._bom is not None:
            data = self._skip_bom(data)
        if self._cr and data:
            self._cr = False
            if data[:1] == b"\n":
                data = data[1:]
        if b"\r" in data:
            self._cr = data[-1:] == b"\r"
            data = data.replace(b"\r\n", b"\n").replace(b"\r", b"\n")
        if not data:
            return []
        # From here on lines end by LF alone.
        if b"\n\n" not in data and not (self._last == b"\n" and data[:1] == b"\n"):
            self._keep(data)
            return []
        if self._open:
            data = self._take() + data
        *blocks, rest = data.split(b"\n\n")
        self._last = b""
        events: list[Event] = []
        for block in blocks:
            if len(block) > self._max and len(_relevant(block)) > self._max:
                self._overflow = _too_large(self._max)
                break
            if block[:6] == b"data: " and b"\n" not in block:  # nearly every event of this API
                events.append((None, block[6:]))
            elif (event := _parse(block)) is not None:
                events.append(event)
        if rest and self._overflow is None:
            try:
                self._keep(rest)
            except ResponseTooLargeError as error:
                self._overflow = error
        if not events:
            self.check()
        return events

    def check(self) -> None:
        """Raise what the last `feed` found behind the events it returned."""
        if self._overflow is not None:
            raise self._overflow

    def end(self) -> Event | None:
        """The input is over: what stands in the buffer, read as if its blank line had come; None if nothing."""
        self._last = b""
        return _parse(self._take()) if self._open else None

    def _take(self) -> bytes:
        block = bytes(self._open)
        self._open, self._line = bytearray(), 0
        return block

    def _keep(self, data: bytes) -> None:
        """Add to the unfinished event. Every line is looked at once, when its end comes: comments and ids go."""
        self._last = data[-1:]
        self._open += data
        if (newline := data.rfind(b"\n")) >= 0:
            end = len(self._open) - len(data) + newline + 1
            lines = _relevant(bytes(self._open[self._line : end - 1]))
            self._open[self._line : end] = lines + b"\n" if lines else b""
            self._line += len(lines) + 1 if lines else 0
        unfinished = len(self._open) > self._line
        if unfinished and self._open[self._line] not in _RELEVANT:
            del self._open[self._line + 1 :]  # a comment may be endless; its first byte tells it apart
            unfinished = False
        if (len(self._open) if unfinished else self._line - 1) > self._max:
            raise _too_large(self._max)

    def _skip_bom(self, data: bytes) -> bytes:
        data = (self._bom or b"") + data
        if len(data) < len(_BOM) and _BOM.startswith(data):
            self._bom = data
            return b""
        self._bom = None
        return data.removeprefix(_BOM)


def _relevant(lines: bytes) -> bytes:
    """The lines that can matter to an event: no comments, ids or delays."""
    return b"\n".join([line for line in lines.split(b"\n") if line[:1] in _RELEVANT and line[:1]])


def _parse(block: bytes) -> Event | None:
    """One event from its lines; None if it has no data."""
    name: bytes | None = None
    data: list[bytes] = []
    for line in block.split(b"\n"):
        if line[:1] and line[:1] in _JSON_START:
            data.append(line)
            continue
        field, _, value = line.partition(b":")
        value = value.removeprefix(b" ")
        if field == b"data":
            data.append(value)
        elif field == b"event":
            name = value
        elif field == b"error":
            name, data = field, [value]
    return (name or None, b"\n".join(data)) if data else None


def _too_large(bound: int) -> ResponseTooLargeError:
    return ResponseTooLargeError(f"one event of the stream is over the bound of {bound} bytes")


def is_keepalive(event: Event) -> bool:
    """Whether an event is a keep-alive: without data, with a comment as data, or a ping."""
    name, data = event
    return name == b"ping" or (data[:1] in b" :" and (not data.strip() or data[:1] == b":"))
