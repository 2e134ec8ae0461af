"""Server-sent events: bytes in any pieces -> events. No I/O.

Follows the WHATWG rules (https://html.spec.whatwg.org/multipage/server-sent-events.html): lines end by CR, LF or CRLF,
several `data` lines join with LF, a BOM at the start and comments are skipped, an event ends at a blank line. UTF-8 is
not decoded here, so a character may be cut anywhere.

Beyond those rules, because servers do it: JSON laid out over several lines, with or without `data:` before it, is kept
together as one event (an error frame, or a bare JSON error body).

Complexity: linear in the bytes fed, whatever their split; memory is bounded by one event. Comments are not kept.
"""

from __future__ import annotations

from typing import TypeAlias

from openai_async.errors import ResponseTooLargeError

#: (name of the event or None, its data)
Event: TypeAlias = tuple[bytes | None, bytes]

_BOM = b"\xef\xbb\xbf"
#: What a line of laid-out JSON begins with, and no SSE field does.
_JSON_START = b' \t{}[]"'


class SSEDecoder:
    """Feed bytes, take events.

    Args:
        max_event_bytes: bound on one event; more raises `ResponseTooLargeError`.
    """

    __slots__ = ("_bom", "_compact_at", "_cr", "_last", "_max", "_parts", "_size")

    def __init__(self, max_event_bytes: int = 128 * 1024 * 1024) -> None:
        self._max = max_event_bytes
        self._parts: list[bytes] = []  # the unfinished event; no part holds a blank line
        self._size = 0
        self._last = b""  # last byte of the unfinished event: a blank line may be split after it
        self._cr = False  # the last byte fed was a CR, already taken as a line end; a LF after it belongs to it
        self._bom: bytes | None = b""  # what may be the start of a BOM; None once that is settled
        self._compact_at = 64 * 1024

    def feed(self, data: bytes) -> list[Event]:
        """Take the next bytes; return the events they complete."""
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
        if self._parts:
            self._parts.append(data)
            data = b"".join(self._parts)
        *blocks, rest = data.split(b"\n\n")
        self._parts, self._size, self._last = [], 0, b""
        events: list[Event] = []
        for block in blocks:
            if len(block) > self._max:
                raise _too_large(self._max)
            if block[:6] == b"data: " and b"\n" not in block:  # nearly every event of this API
                events.append((None, block[6:]))
            elif (event := _parse(block)) is not None:
                events.append(event)
        if rest:
            self._keep(rest)
        return events

    def end(self) -> Event | None:
        """The input is over: what stands in the buffer, read as if its blank line had come; None if nothing."""
        block = b"".join(self._parts)
        self._parts, self._size, self._last = [], 0, b""
        return _parse(block) if block else None

    def _keep(self, data: bytes) -> None:
        self._parts.append(data)
        self._size += len(data)
        self._last = data[-1:]
        if self._size > self._compact_at or self._size > self._max:
            self._compact()

    def _compact(self) -> None:
        """Drop whole lines that will not matter (comments, ids), so that a flood of them takes no memory.

        The threshold doubles with what remains, which keeps the total work linear.
        """
        lines, cut, tail = b"".join(self._parts).rpartition(b"\n")
        kept = b"\n".join(line for line in lines.split(b"\n") if _matters(line))
        block = (kept + b"\n" if kept else b"") + tail if cut else tail
        if len(block) > self._max:
            raise _too_large(self._max)
        self._parts, self._size = [block], len(block)
        self._compact_at = max(64 * 1024, 2 * self._size)

    def _skip_bom(self, data: bytes) -> bytes:
        data = (self._bom or b"") + data
        if len(data) < len(_BOM) and _BOM.startswith(data):
            self._bom = data
            return b""
        self._bom = None
        return data.removeprefix(_BOM)


def _matters(line: bytes) -> bool:
    return line[:4] == b"data" or line[:5] == b"event" or (line[:1] != b"" and line[:1] in _JSON_START)


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
    return (name, b"\n".join(data)) if data else None


def _too_large(bound: int) -> ResponseTooLargeError:
    return ResponseTooLargeError(f"one event of the stream is over the bound of {bound} bytes")
