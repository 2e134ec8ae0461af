"""Where httpx (httpcore and h11) does not do what the corpus says. The direct transport has no such list.

A difference holds for the answers that stand under it and says what httpx does with each. It must be there: an entry
that is no longer true fails its test, as does a difference that is not listed.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Difference:
    """What httpx does instead (in the words of `Outcome.unlike`), why the direct transport does not, and where."""

    httpx: str
    why: str
    answers: tuple[str, ...]


def _bytes(place: str, values: Iterable[int]) -> tuple[str, ...]:
    return tuple(f"byte {place}: {value:#04x}" for value in values)


#: Control characters that h11 lets pass: all but NUL and white space.
_CONTROLS = (*range(0x01, 0x09), *range(0x0E, 0x20), 0x7F)

DIFFERENCES = (
    Difference(
        "reads it",
        "RFC 9112, 6.3 lets a client read an answer with both framings, or with one length said twice, but calls it an"
        " attempt at smuggling; no server of this API sends one, so nothing is lost by refusing it.",
        (
            "smuggling: the same length twice",
            "smuggling: list of equal lengths",
            "smuggling: length, then chunked",
            "smuggling: chunked, then length",
            "smuggling: chunked, and the length of the chunks",
            "smuggling: chunked, and length of zero",
            "smuggling: 204, chunked, and length",
        ),
    ),
    Difference(
        "reads it",
        "RFC 9112, 6.1: chunked does not exist in HTTP/1.0, so such a framing is faulty, and another reader on the way"
        " may have taken the body to end elsewhere.",
        ("smuggling: chunked of HTTP/1.0", "smuggling: chunked of HTTP/1.0 with keep-alive"),
    ),
    Difference(
        "reads it",
        "RFC 9112, 2.2 allows LF alone to end a line of a head; the direct transport wants CR LF everywhere, because"
        " readers who disagree about ends of lines disagree about fields.",
        (
            "heads: status line ended by LF",
            "heads: status line without reason ended by LF",
            "heads: LF ends every line",
            "heads: LF ends a field",
            "heads: LF ends the last field",
            "heads: LF ends the head",
            "smuggling: length behind LF",
            "smuggling: chunked behind LF",
            "smuggling: end of the trailers by LF",
            "smuggling: trailer ended by LF",
            *_bytes("first of a name", [0x0A]),
            *_bytes("behind a value", [0x0A]),
            *_bytes("behind a length", [0x0A]),
            *_bytes("behind the trailers", [0x0A]),
        ),
    ),
    Difference(
        "refuses it elsewhere",
        "For h11 the LF behind the coding ends the head; what follows is then no chunk.",
        _bytes("behind chunked", [0x0A]),
    ),
    Difference(
        "reads it",
        "RFC 9112, 5.2 lets a client unfold a field; folding has been obsolete since 2014, and readers who do not"
        " unfold see another field in the second line.",
        (
            "heads: folded value",
            "heads: value folded with a tab",
            "heads: value that begins with a fold",
            "heads: fold of nothing",
            "smuggling: length folded",
            "smuggling: chunked folded",
            "smuggling: trailer folded",
        ),
    ),
    Difference(
        "waits for more",
        "httpx unfolds, and so misses the length that is in the second line; it waits for the end of the connection.",
        ("smuggling: length behind a fold of another field",),
    ),
    Difference(
        "reads it",
        "h11 takes any digit for a version, and treats each as HTTP/1.1; a server that answers in another version"
        " than 1.0 and 1.1 did not understand the request.",
        (
            "heads: version 0.9",
            "heads: version 1.2",
            "heads: version 2.0",
            "heads: version 3.0",
            "heads: version 9.9",
            *_bytes("major version", b"023456789"),
            *_bytes("minor version", b"23456789"),
        ),
    ),
    Difference(
        "reads it",
        "An interim answer that closes the connection, or whose HTTP/1.0 does, says that no final one will come:"
        " the server and something before it speak past each other.",
        ("framing: 103 of HTTP/1.0", "framing: 103 with close"),
    ),
    Difference(
        "reads it",
        "h11 lets control characters stand in values, as some cookies have them; RFC 9110, 5.5 calls them invalid, and"
        " values of this API have none.",
        (*_bytes("in a value", _CONTROLS), *_bytes("behind a value", _CONTROLS)),
    ),
    Difference(
        "refuses it",
        "h11 refuses NUL and odd white space in the reason; nobody looks at the reason, so nobody is misled.",
        ("heads: reason with NUL", *_bytes("in the reason", [0x00, 0x0B, 0x0C])),
    ),
    Difference(
        "reads it",
        "h11 skips white space behind a chunk size, and anything in an extension; RFC 9112, 7.1 has neither white"
        " space there nor control characters, and readers who skip different things end the line at different places.",
        (
            "smuggling: space behind the chunk size",
            "smuggling: spaces behind the chunk size",
            "smuggling: tab behind the chunk size",
            "smuggling: CR in an extension",
            "smuggling: NUL in an extension",
            *_bytes("behind a chunk size", b"\t "),
            *_bytes("in a chunk extension", [*range(0x09), *range(0x0B, 0x20), 0x7F]),
        ),
    ),
    Difference(
        "gives what is none of the body",
        "h11 ends a chunk's line at the CR LF inside the quotes, and reads the rest of the extension for data.",
        ("smuggling: CR LF in a quoted extension",),
    ),
    Difference(
        "waits for more",
        "Python's numbers have no bound, so h11 believes in a body of more than 2**64 bytes and waits for it.",
        (
            "smuggling: length over 64 bits",
            "smuggling: length over 64 bits, by five",
            "smuggling: chunk size over 64 bits",
            "smuggling: chunk size of 17 digits",
        ),
    ),
    Difference(
        "waits for more",
        "h11 looks at a line once its end has come, and waits for it where the byte that is there already cannot be"
        " part of one.",
        (
            "heads: CR ends the head",
            "smuggling: chunks ended by LF throughout",
            "smuggling: end of the trailers by CR",
        ),
    ),
    Difference(
        "refuses it",
        "llhttp skips line ends between an interim answer and the next; they can become part of neither.",
        ("framing: line ends between",),
    ),
    Difference(
        "refuses it",
        "h11 reads at most 20 digits of a chunk size; leading zeros mean nothing, however many there are.",
        ("framing: chunk size of 40 digits",),
    ),
    Difference(
        "refuses it",
        "h11 applies the rules of heads to trailers and so refuses a coding there, where it can mean nothing.",
        ("framing: trailer that states a coding is not heard",),
    ),
    Difference(
        "reads it",
        "RFC 9112, 5 allows a tab behind a value; llhttp does not see the coding before one, so where the body ends"
        " would be a guess.",
        ("smuggling: chunked and a tab", *_bytes("behind chunked", b"\t")),
    ),
    Difference(
        "reads it",
        "h11 drops a length in a trailer; whoever sends it after the body had been framed otherwise is not believed.",
        ("smuggling: trailer that states a length",),
    ),
    Difference(
        "refuses it",
        "httpcore's bound of a head is 100 KiB where it comes in several reads; that of the direct transport 256 KiB.",
        ("heads: head of 150,000 bytes",),
    ),
    Difference(
        "reads other fields",
        "h11 puts the coding it knows into lower case; fields are handed on as they came.",
        ("framing: chunked in upper case",),
    ),
    Difference(
        "closes the connection",
        "h11 does not know the keep-alive of HTTP/1.0; old proxies speak it, and it has one meaning.",
        ("framing: HTTP/1.0 with length and keep-alive",),
    ),
    Difference(
        "keeps the connection",
        "llhttp takes Proxy-Connection for Connection, as browsers did; the worst that comes of it is one connection"
        " more.",
        ("heads: close in the field of old proxies",),
    ),
)

#: By answer: what httpx does instead of what the corpus says.
HTTPX = {name: difference.httpx for difference in DIFFERENCES for name in difference.answers}
