"""However a stream of events is cut, it means what the WHATWG rules say, and nothing else."""

from __future__ import annotations

import re

from hypothesis import given, strategies as st

from openai_async._wire.sse import Event, SSEDecoder
from openai_async.errors import ResponseTooLargeError
from tests.properties.strategies import pieces

BOM = b"\xef\xbb\xbf"
LINE_END = re.compile(rb"\r\n|\r|\n")

line_ends = st.sampled_from([b"\n", b"\r", b"\r\n"])
contents = st.binary(max_size=12).map(lambda some: LINE_END.sub(b"", some)) | st.sampled_from(
    [b"data: x", b"[DONE]", b'{"a":"\\n\\n"}', b": x", "añ😀".encode(), BOM, b" ", b""]
)
fields = st.sampled_from([b"data", b"data", b"data", b"event", b"id", b"retry", b"", b"dat", b"database", b"Data"])
lines = (
    st.builds(lambda field, colon, content: field + colon + content, fields, st.sampled_from([b": ", b":"]), contents)
    | st.sampled_from([b"", b"", b"", b"data", b"event", b":"])
    | contents
).filter(lambda line: line[:1] not in (b" ", b"\t", b"{", b"}", b"[", b"]", b'"'))  # laid-out JSON has tests of its own


@st.composite
def streams(draw: st.DrawFn) -> bytes:
    """Lines of every kind, ended in one way throughout or in all ways at once."""
    ends = draw(st.sampled_from([line_ends, *map(st.just, (b"\n", b"\r", b"\r\n"))]))
    start = draw(st.sampled_from([b"", b"", BOM]))
    last = draw(st.sampled_from([b"", b"data: [DONE]"]))
    return start + b"".join(line + draw(ends) for line in draw(st.lists(lines, max_size=20))) + last


def reference(wire: bytes) -> list[Event]:
    """The events of a stream that has ended with a blank line, by the text of the WHATWG rules."""
    events: list[Event] = []
    data: list[bytes] = []
    name = b""
    for line in LINE_END.split(wire.removeprefix(BOM)):
        if line == b"":
            if data:
                events.append((name or None, b"\n".join(data)))
            data, name = [], b""
            continue
        field, _, value = line.partition(b":")
        value = value.removeprefix(b" ")
        if field == b"data":
            data.append(value)
        elif field == b"event":
            name = value
    return events


def read(cut: list[bytes], bound: int = 1 << 20) -> list[Event | str]:
    """The events, and "too large" where an event was, which ends the reading."""
    decoder = SSEDecoder(bound)
    events: list[Event | str] = []
    try:
        for piece in cut:
            events += decoder.feed(piece)
            decoder.check()
    except ResponseTooLargeError:
        return [*events, "too large"]
    last = decoder.end()
    return [*events, last] if last is not None else events


@given(data=st.data(), wire=streams())
def test_any_split_means_what_the_rules_say(data: st.DataObject, wire: bytes) -> None:
    """Events of any content and line end, cut anywhere, are those of a decoder that reads the whole."""
    assert read(data.draw(pieces(wire))) == reference(wire + b"\n\n")


@given(data=st.data(), wire=st.binary(max_size=200) | st.text('dat:ev \r\n{}[]"x\ufeff', max_size=200).map(str.encode))
def test_any_bytes_mean_the_same_in_any_split(data: st.DataObject, wire: bytes) -> None:
    """Nonsense is read without an error, and cutting it elsewhere changes nothing."""
    assert read(data.draw(pieces(wire))) == read([wire])


@given(data=st.data(), wire=streams(), bound=st.integers(1, 40))
def test_the_bound_falls_alike_in_any_split(data: st.DataObject, wire: bytes, bound: int) -> None:
    """An event is over the bound or it is not, however it arrives; those before it are read in any case."""
    assert read(data.draw(pieces(wire)), bound) == read([wire], bound)


@given(data=st.data(), whole=st.lists(st.text(), max_size=6))
def test_text_arrives_as_it_was_sent(data: st.DataObject, whole: list[str]) -> None:
    """What a server writes line by line, the client reads back, whatever characters the cuts go through."""
    sent = [text.replace("\r", "") for text in whole]
    wire = "".join("".join(f"data: {line}\n" for line in text.split("\n")) + "\n" for text in sent).encode()
    assert read(data.draw(pieces(wire))) == [(None, text.encode()) for text in sent]
