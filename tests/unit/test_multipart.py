"""Forms are read by another parser as they were meant, and nothing in them can pretend to be a part."""

from __future__ import annotations

import email
import email.policy
import tracemalloc
from email.message import Message
from itertools import cycle

import pytest
from hypothesis import example, given, strategies as st

from openai_async._wire.multipart import Part, encode
from openai_async.errors import InvalidParameterError


def parsed(content_type: str, body: bytes) -> list[Message]:
    """The parts as the standard library reads them, which shares no code with the encoder."""
    head = f"MIME-Version: 1.0\r\nContent-Type: {content_type}\r\n\r\n".encode()
    message = email.message_from_bytes(head + body, policy=email.policy.HTTP)
    assert message.is_multipart()
    assert not message.defects
    return message.get_payload()  # type: ignore[return-value]


def read(content_type: str, body: bytes) -> list[tuple[dict[str, str], bytes]]:
    """Headers (in lower case) and content of each part, split by hand: the lines of content are not touched."""
    boundary = content_type.rpartition("=")[2].encode()
    first, *parts = (b"\r\n" + body).split(b"\r\n--" + boundary)
    assert first == b""
    assert parts.pop() == b"--\r\n"
    found: list[tuple[dict[str, str], bytes]] = []
    for part in parts:
        head, _, content = part.removeprefix(b"\r\n").partition(b"\r\n\r\n")
        pairs = [line.split(": ", 1) for line in head.decode().split("\r\n")]
        found.append(({name.lower(): value for name, value in pairs}, content))
    return found


names = st.text(st.characters(codec="utf-8", exclude_categories=["Cc", "Cs"]), min_size=1, max_size=40)
contents = st.binary(max_size=200) | st.sampled_from([b"\r\n--", b"--\r\n", b"\r\n\r\n", b"--0--", b"\n"])
media_types = st.sampled_from([None, "application/jsonl", "text/plain; charset=utf-8", 'a/b;c="d e"'])
forms = st.lists(st.builds(Part, names, contents, st.none() | names, media_types), min_size=1, max_size=5)


@given(forms)
@example([Part('a"; filename="evil', b"x", 'b"\\', "text/plain")])
def test_another_parser_finds_what_was_given(parts: list[Part]) -> None:
    """As many parts as were given, each with exactly its own headers and its content, byte for byte."""
    content_type, body = encode(parts)
    messages = parsed(content_type, body)
    split = read(content_type, body)
    assert len(messages) == len(split) == len(parts)
    for part, message, (headers, content) in zip(parts, messages, split, strict=True):
        assert content == part.content
        assert [name.lower() for name in message] == list(headers)
        assert list(headers) == ["content-disposition"] + ["content-type"] * (part.content_type is not None)
        assert headers.get("content-type") == part.content_type
        named = f'form-data; name="{written(part.name)}"'
        filed = f'; filename="{written(part.filename)}"' if part.filename is not None else ""
        assert headers["content-disposition"] == named + filed


def written(text: str) -> str:
    return text.replace('"', "%22").replace("\\", "%5C")


def test_plain_names_are_parameters_of_the_header() -> None:
    """The standard library reads name, file name, media type and content of an everyday upload."""
    purpose, file = parsed(*encode([Part("purpose", b"batch"), Part("file", b"{}\n", "in.jsonl", "application/jsonl")]))
    assert purpose.get_param("name", header="content-disposition") == "purpose"
    assert purpose.get_payload(decode=True) == b"batch"
    assert file.get_param("name", header="content-disposition") == "file"
    assert (file.get_filename(), file.get_content_type()) == ("in.jsonl", "application/jsonl")
    assert file.get_payload(decode=True) == b"{}\n"


@given(st.sampled_from(["name", "filename", "content_type"]), st.sampled_from("\r\n\0\x1f\x7f\t"), st.booleans())
def test_no_header_can_be_ended_early(field: str, character: str, inside: bool) -> None:
    """A control character anywhere in what becomes a header is refused, and the error names the field only."""
    text = f"a/b{character}X-Evil: 1" if inside else f"a/b{character}"
    fields = {"name": "file", "filename": "in", "content_type": "a/b", field: text}
    with pytest.raises(InvalidParameterError) as caught:
        encode([Part(content=b"", **fields)])
    assert caught.value.field == field
    assert "Evil" not in str(caught.value)


@pytest.mark.parametrize(
    "media_type", ["", "text", "text/", "/x", "text/plain;", "text/plain é", 'a/b; c="d', "a/b\r\n"]
)
def test_media_types_have_a_form(media_type: str) -> None:
    """What is no media type is refused."""
    with pytest.raises(InvalidParameterError, match="media type"):
        encode([Part("file", b"", "in", media_type)])


@pytest.mark.parametrize("name", ["", "\ud800", "n" * 1025])
def test_names_that_no_header_can_carry(name: str) -> None:
    """Empty, unencodable and endless names are refused."""
    with pytest.raises(InvalidParameterError):
        encode([Part(name, b"")])


def test_a_boundary_that_stands_in_the_content_is_drawn_again() -> None:
    """Whoever guesses the boundary gains nothing."""
    drawn = cycle(["aaaa", "bbbb", "cccc"])
    parts = [Part("one", b"\r\n--aaaa\r\n"), Part("two", [b"\r\n--bb", b"bb--\r\n"])]
    content_type, body = encode(parts, boundary=lambda: next(drawn))
    assert content_type == "multipart/form-data; boundary=cccc"
    assert [content for _, content in read(content_type, body)] == [b"\r\n--aaaa\r\n", b"\r\n--bbbb--\r\n"]


def test_boundaries_are_random() -> None:
    """Two forms never share a boundary."""
    assert encode([Part("a", b"")])[0] != encode([Part("a", b"")])[0]


def test_pieces_are_copied_once() -> None:
    """A file that comes in pieces takes its own size of memory, not twice as much."""
    piece, count = b"x" * 65_536, 256
    tracemalloc.start()
    try:
        _, body = encode([Part("file", (piece for _ in range(count)), "in")])
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert len(body) > len(piece) * count
    assert peak < 1.5 * len(body)
