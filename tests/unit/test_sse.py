"""Bytes in any pieces become the events that the WHATWG rules say, in linear time and bounded memory."""

from __future__ import annotations

import itertools
import re
import tracemalloc
from collections.abc import Iterable

import pytest

from openai_async._wire.sse import Event, SSEDecoder
from openai_async.errors import ResponseTooLargeError

BLANK_LINE = re.compile(rb"(?:^|\r\n|\r|\n)(?:\r\n|\r|\n)\Z")

#: What is on the wire, and the events it means. Every one ends with a blank line.
READINGS: dict[str, tuple[bytes, list[Event]]] = {
    "one event": (b"data: a\n\n", [(None, b"a")]),
    "two events": (b"data: a\n\ndata: b\n\n", [(None, b"a"), (None, b"b")]),
    "carriage returns": (b"data: a\r\rdata: b\r\r", [(None, b"a"), (None, b"b")]),
    "both characters": (b"data: a\r\n\r\ndata: b\r\n\r\n", [(None, b"a"), (None, b"b")]),
    "mixed line ends": (b"data: a\r\ndata: b\rdata: c\n\r\n", [(None, b"a\nb\nc")]),
    "several blank lines": (b"\n\n\ndata: a\n\n\n\ndata: b\n\n", [(None, b"a"), (None, b"b")]),
    "several lines of data": (b"data: a\ndata:\ndata: b\n\n", [(None, b"a\n\nb")]),
    "no space after the colon": (b"data:a\n\n", [(None, b"a")]),
    "only one space is taken off": (b"data:  a \n\n", [(None, b" a ")]),
    "a field without a colon": (b"data\n\n", [(None, b"")]),
    "empty data": (b"data:\n\ndata: \n\n", [(None, b""), (None, b"")]),
    "a named event": (b"event: error\ndata: a\n\ndata: b\n\n", [(b"error", b"a"), (None, b"b")]),
    "the name after the data": (b"data: a\nevent: error\n\n", [(b"error", b"a")]),
    "the last name counts": (b"event: a\nevent: b\ndata: c\n\n", [(b"b", b"c")]),
    "an empty name is none": (b"event: a\nevent\ndata: b\n\n", [(None, b"b")]),
    "a name without data": (b"event: a\n\ndata: b\n\n", [(None, b"b")]),
    "comments": (b": hi\n\n:\ndata: a\n: data: b\n\n:ping\n\n", [(None, b"a")]),
    "ids and delays": (b"id: 7\nretry: 1000\n\nid: 8\ndata: a\nretry: 1\n\n", [(None, b"a")]),
    "unknown fields": (b"dat: x\ndatax: x\nevents: x\nDATA: x\ndata: a\n\n", [(None, b"a")]),
    "data that looks like the protocol": (
        b'data: {"t": "data: [DONE]\\n\\n: x"}\n\n',
        [(None, b'{"t": "data: [DONE]\\n\\n: x"}')],
    ),
    "a byte order mark": (b"\xef\xbb\xbfdata: a\n\n", [(None, b"a")]),
    "a later byte order mark is data": (b"data: \xef\xbb\xbf\n\n", [(None, b"\xef\xbb\xbf")]),
    "two byte order marks": (b"\xef\xbb\xbf\xef\xbb\xbfdata: a\n\ndata: b\n\n", [(None, b"b")]),
    "characters of several bytes": ("data: añ😀\n\n".encode(), [(None, "añ😀".encode())]),
    "the end of the API's streams": (b'data: {"a":1}\n\ndata: [DONE]\n\n', [(None, b'{"a":1}'), (None, b"[DONE]")]),
    "laid-out JSON": (
        b'{\n  "error": {\n    "message": "no"\n  }\n}\n\n',
        [(None, b'{\n  "error": {\n    "message": "no"\n  }\n}')],
    ),
    "laid-out JSON after data:": (
        b'data: {\ndata:   "error": [\ndata:   ]\ndata: }\n\n',
        [(None, b'{\n  "error": [\n  ]\n}')],
    ),
    "laid-out JSON, data: before its first line": (
        b'event: error\ndata: {\n\t"error": [\n"no"\n]\n}\n\n',
        [(b"error", b'{\n\t"error": [\n"no"\n]\n}')],
    ),
}
readings = pytest.mark.parametrize(("wire", "events"), READINGS.values(), ids=READINGS.keys())


def fed(pieces: Iterable[bytes], bound: int = 1 << 20) -> tuple[list[Event], SSEDecoder]:
    decoder = SSEDecoder(bound)
    events = [event for piece in pieces for event in decoder.feed(piece)]
    decoder.check()
    return events, decoder


def single_bytes(wire: bytes) -> list[bytes]:
    return [wire[index : index + 1] for index in range(len(wire))]


# ---- the three-way reader test


@readings
def test_read_whole(wire: bytes, events: list[Event]) -> None:
    """All events of a piece are there at once, and nothing stays behind."""
    found, decoder = fed([wire])
    assert found == events
    assert decoder.end() is None


@readings
def test_read_byte_by_byte(wire: bytes, events: list[Event]) -> None:
    """Each event appears with the byte that completes its blank line: not one earlier, not one later."""
    decoder = SSEDecoder()
    found: list[Event] = []
    for index, byte in enumerate(single_bytes(wire)):
        new = decoder.feed(byte)
        if new:
            assert len(new) == 1
            assert BLANK_LINE.search(wire[: index + 1])
        found += new
        assert found == fed([wire[: index + 1]])[0]
    assert found == events
    assert decoder.end() is None


@readings
def test_read_with_bytes_after_it(wire: bytes, events: list[Event]) -> None:
    """The beginning of a further event changes nothing, and is there at the end."""
    found, decoder = fed([wire + b"event: last\ndata: unfinis"])
    assert found == events
    assert decoder.end() == (b"last", b"unfinis")


# ---- cuts


@pytest.mark.parametrize("cut", range(1, 15))
def test_a_byte_order_mark_and_characters_may_be_cut_anywhere(cut: int) -> None:
    """Neither the mark at the start nor a character of several bytes needs to arrive in one piece."""
    wire = "\ufeffdata: 😀\n\n".encode()
    assert fed([wire[:cut], b"", wire[cut:]])[0] == [(None, "😀".encode())]


def test_the_two_characters_of_a_line_end_may_come_apart() -> None:
    """CR, then LF in the next piece, end one line, not two."""
    assert fed([b"data: a\r", b"\ndata: b\r", b"", b"\n\r", b"\ndata: c\r\n\r\n"])[0] == [(None, b"a\nb"), (None, b"c")]


# ---- the end of the input


@pytest.mark.parametrize(
    ("wire", "last"),
    [
        (b"", None),
        (b"\n", None),
        (b"\xef\xbb", None),
        (b": a comment", None),
        (b"event: error", None),
        (b"id: 1\n", None),
        (b"data: a\n\n", None),
        (b"data: [DONE]", (None, b"[DONE]")),
        (b"data: [DONE]\n", (None, b"[DONE]")),
        (b"data: [DONE]\r", (None, b"[DONE]")),
        (b"data: a\n\nevent: error\r\ndata: b\r\n", (b"error", b"b")),
        (b'{"error": "no"}', (None, b'{"error": "no"}')),
        (b'{\n  "error": "no"\n}\n', (None, b'{\n  "error": "no"\n}')),
    ],
)
def test_what_stands_without_its_blank_line_is_given_at_the_end(wire: bytes, last: Event | None) -> None:
    """The end of the input is read as the blank line that is missing, and once only."""
    for pieces in ([wire], single_bytes(wire)):
        _, decoder = fed(pieces)
        assert decoder.end() == last
        assert decoder.end() is None


# ---- bounds


@pytest.mark.parametrize("one_by_one", [False, True])
def test_the_bound_is_on_one_event_and_exact(one_by_one: bool) -> None:
    """Any number of events of the largest size pass; one byte more in one of them does not, however it is cut."""

    def read(wire: bytes) -> list[Event]:
        return fed(single_bytes(wire) if one_by_one else [wire], bound=12)[0]

    assert read(b"data: 123456\n\n" * 50) == [(None, b"123456")] * 50
    assert read(b"event\n\n\ndata: 123456\n\n") == [(None, b"123456")]
    assert read(b"data:1\ndata:\n\n") == [(None, b"1\n")]
    for wire in (
        b"data: 1234567\n\n",
        b"data: 1234567\n",
        b"data: 1234567",
        b"data:1\ndata:2\n\n",
        b"{\n\n[" + b" " * 12,
    ):
        with pytest.raises(ResponseTooLargeError, match="bound of 12 bytes"):
            read(wire)
        if not wire.startswith(b"{"):  # at once, where no event comes before it
            with pytest.raises(ResponseTooLargeError):
                SSEDecoder(12).feed(wire)


@pytest.mark.parametrize("behind", [b"data: 1234567\n\n", b"data: 1234567", b"data: 1234567\n\ndata: c\n\n"])
def test_events_before_one_that_is_too_large_come_first(behind: bytes) -> None:
    """What arrived whole is given, although it came in one piece with what is refused; nothing follows the refusal."""
    decoder = SSEDecoder(12)
    assert decoder.feed(b"data: a\n\ndata: b\n\n" + behind) == [(None, b"a"), (None, b"b")]
    for refuse in (decoder.check, lambda: decoder.feed(b"data: d\n\n"), decoder.check):
        with pytest.raises(ResponseTooLargeError):
            refuse()


@pytest.mark.parametrize("one_by_one", [False, True])
def test_comments_and_ids_do_not_count_against_the_bound(one_by_one: bool) -> None:
    """A server may keep a connection alive for as long as it likes in the middle of an event."""
    comments = b": " + b"x" * 100 + b"\n:\nid: 123456789\nretry: 1\n"
    wire = b"data: 123456\n" + comments * 20 + b"\n"
    assert fed(single_bytes(wire) if one_by_one else [wire], bound=12)[0] == [(None, b"123456")]


@pytest.mark.slow
@pytest.mark.parametrize("flood", [b": keep-alive\n", b":\n\n", b"id: 1\n", b"\r\n", b":" * 13])
def test_a_flood_of_what_does_not_matter_takes_no_memory(flood: bytes) -> None:
    """Half a million comments, blank lines or ids, or one comment without an end, leave nothing in memory."""
    piece = flood * 1_000
    decoder = SSEDecoder(4096)
    tracemalloc.start()
    try:
        for _ in range(500):
            assert decoder.feed(piece) == []
        kept, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert kept < 16 * 1024
    assert peak < 512 * 1024
    assert decoder.feed(b"\n\ndata: a\n\n") == [(None, b"a")]


def test_an_endless_event_takes_no_more_memory_than_its_bound() -> None:
    """Data without a blank line is refused once it is over the bound, not once memory is full."""
    bound = 1 << 20
    line = b"data: " + b"x" * 1017 + b"\n"
    tracemalloc.start()
    try:
        with pytest.raises(ResponseTooLargeError):
            fed(itertools.repeat(line), bound)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < 2 * bound


# ---- linear time: work that grew with the square would take hours here, not seconds


@pytest.mark.slow
def test_single_bytes_take_linear_time() -> None:
    """One event of a million bytes, fed byte by byte, copies each of them a few times and not a million times."""
    wire = b"data: " + b"x" * 1_000_000 + b"\n\n"
    assert fed(single_bytes(wire))[0] == [(None, wire[6:-2])]


@pytest.mark.slow
def test_a_drip_of_comments_behind_a_large_event_takes_linear_time() -> None:
    """What was kept of an event is not gone through again for every comment that follows."""
    body = b"x" * ((1 << 20) - 6)
    decoder = SSEDecoder(1 << 20)
    decoder.feed(b"data: " + body + b"\n")
    for _ in range(300_000):
        decoder.feed(b":\n")
    assert decoder.feed(b"\n") == [(None, body)]
