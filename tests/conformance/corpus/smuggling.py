"""Answers whose end two readers may see in different places: the list of response smuggling (RFC 9112, 6 and 11).

A client that reads any of these in its own way can be made to take one caller's answer for another's. Each is refused,
although a client would often be allowed to guess.
"""

from __future__ import annotations

from tests.conformance.answers import IN_BODY, Answer, Bad


def length(*values: bytes) -> bytes:
    """An answer with these lengths and the body `hello`."""
    fields = b"".join(b"Content-Length:%b\r\n" % value for value in values)
    return b"HTTP/1.1 200 OK\r\n%b\r\nhello" % fields


def coding(*values: bytes, name: bytes = b"Transfer-Encoding:") -> bytes:
    """An answer with these transfer codings and the body `hello` in a chunk."""
    fields = b"".join(b"%b%b\r\n" % (name, value) for value in values)
    return b"HTTP/1.1 200 OK\r\n%b\r\n5\r\nhello\r\n0\r\n\r\n" % fields


def chunks(body: bytes) -> bytes:
    """A chunked answer with this for a body."""
    return b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" + body


LENGTHS: dict[str, Answer] = {
    "two lengths": Bad(length(b" 5", b" 6")),
    "two lengths, the first longer": Bad(length(b" 6", b" 5")),
    "the same length twice": Bad(length(b" 5", b" 5")),
    "two lengths, in different cases": Bad(b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\ncontent-length: 6\r\n\r\nhello!"),
    "list of lengths": Bad(length(b" 5, 6")),
    "list of equal lengths": Bad(length(b" 5, 5")),
    "list with an empty length": Bad(length(b" 5,")),
    "empty length": Bad(length(b"")),
    "blank length": Bad(length(b"  ")),
    "negative length": Bad(length(b" -5")),
    "length of minus zero": Bad(length(b" -0")),
    "length with a sign": Bad(length(b" +5")),
    "hexadecimal length": Bad(length(b" 0x5")),
    "length of hexadecimal digits": Bad(length(b" a")),
    "length with a fraction": Bad(length(b" 5.0")),
    "length with an exponent": Bad(length(b" 5e0")),
    "length with an underscore": Bad(length(b" 0_5")),
    "length with a space inside": Bad(length(b" 0 5")),
    "length with a tab inside": Bad(length(b" 0\t5")),
    "length and a word": Bad(length(b" 5 bytes")),
    "length and a semicolon": Bad(length(b" 5;")),
    "length in quotes": Bad(length(b' "5"')),
    "length with NUL": Bad(length(b" 5\0")),
    "length with CR": Bad(length(b" 5\r")),
    "length with a vertical tab": Bad(length(b" \x0b5")),
    "length with a form feed": Bad(length(b" 5\x0c")),
    "length with a no-break space": Bad(length(b" \xa05")),
    "length in Arabic digits": Bad(length(" ٥".encode())),
    "length behind NUL in another field": Bad(b"HTTP/1.1 200 OK\r\nX: a\0Content-Length: 5\r\n\r\nhello"),
    "length in a name with NUL": Bad(b"HTTP/1.1 200 OK\r\nContent-Length\0: 5\r\n\r\nhello"),
    "length in superscript": Bad(length(b" \xb2")),
    "length over 64 bits": Bad(length(b" 18446744073709551616")),
    "length over 64 bits, by five": Bad(length(b" 18446744073709551621")),
    "length of 400 digits": Bad(length(b" " + b"9" * 400)),
    "length folded": Bad(length(b"\r\n 5")),
    "length folded inside": Bad(length(b" 0\r\n 5")),
    "length, space before the colon": Bad(b"HTTP/1.1 200 OK\r\nContent-Length : 5\r\n\r\nhello"),
    "length, tab before the colon": Bad(b"HTTP/1.1 200 OK\r\nContent-Length\t: 5\r\n\r\nhello"),
    "length, space before the name": Bad(b"HTTP/1.1 200 OK\r\n Content-Length: 5\r\n\r\nhello"),
    "length behind a fold of another field": Bad(b"HTTP/1.1 200 OK\r\nX: a\r\n Content-Length: 5\r\n\r\nhello"),
    "length behind CR": Bad(b"HTTP/1.1 200 OK\r\nX: a\rContent-Length: 5\r\n\r\nhello"),
    "length behind LF": Bad(b"HTTP/1.1 200 OK\r\nX: a\nContent-Length: 5\r\n\r\nhello"),
    "two lengths of a 204": Bad(b"HTTP/1.1 204 No Content\r\nContent-Length: 0\r\nContent-Length: 5\r\n\r\nhello"),
    "two lengths of a 304": Bad(b"HTTP/1.1 304 Not Modified\r\nContent-Length: 0\r\nContent-Length: 5\r\n\r\nhello"),
    "two lengths of an interim answer": Bad(
        b"HTTP/1.1 100 Continue\r\nContent-Length: 0\r\nContent-Length: 5\r\n\r\nHTTP/1.1 204 No Content\r\n\r\n"
    ),
}

BOTH: dict[str, Answer] = {
    "length, then chunked": Bad(
        b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n"
    ),
    "chunked, then length": Bad(
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nContent-Length: 5\r\n\r\n5\r\nhello\r\n0\r\n\r\n"
    ),
    "chunked, and the length of the chunks": Bad(
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nContent-Length: 15\r\n\r\n5\r\nhello\r\n0\r\n\r\n"
    ),
    "chunked, and length of zero": Bad(
        b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n"
    ),
    "identity, and length": Bad(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: identity\r\nContent-Length: 5\r\n\r\nhello"),
    "length, and identity": Bad(b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\nTransfer-Encoding: identity\r\n\r\nhello"),
    "gzip coding, and length": Bad(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip\r\nContent-Length: 5\r\n\r\nhello"),
    "204, chunked, and length": Bad(
        b"HTTP/1.1 204 No Content\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n"
    ),
}

CODINGS: dict[str, Answer] = {
    "identity": Bad(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: identity\r\n\r\nhello"),
    "gzip coding": Bad(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip\r\n\r\nhello"),
    "unknown coding": Bad(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: x\r\n\r\nhello"),
    "empty coding": Bad(b"HTTP/1.1 200 OK\r\nTransfer-Encoding:\r\n\r\nhello"),
    "gzip, chunked": Bad(coding(b" gzip, chunked")),
    "identity, chunked": Bad(coding(b" identity, chunked")),
    "x, chunked": Bad(coding(b" x, chunked")),
    "chunked, gzip": Bad(coding(b" chunked, gzip")),
    "chunked, identity": Bad(coding(b" chunked, identity")),
    "chunked, chunked": Bad(coding(b" chunked, chunked")),
    "chunked twice": Bad(coding(b" chunked", b" chunked")),
    "gzip field, chunked field": Bad(coding(b" gzip", b" chunked")),
    "chunked field, gzip field": Bad(coding(b" chunked", b" gzip")),
    "chunked field, identity field": Bad(coding(b" chunked", b" identity")),
    "identity field, chunked field": Bad(coding(b" identity", b" chunked")),
    "empty field, chunked field": Bad(coding(b"", b" chunked")),
    "chunked field, empty field": Bad(coding(b" chunked", b"")),
    "comma, chunked": Bad(coding(b" , chunked")),
    "chunked and a comma": Bad(coding(b" chunked,")),
    "chunked with a parameter": Bad(coding(b" chunked;a=b")),
    "chunked and a semicolon": Bad(coding(b" chunked;")),
    "chunked in quotes": Bad(coding(b' "chunked"')),
    "chunked and a tab": Bad(coding(b" chunked\t")),
    "xchunked": Bad(coding(b" xchunked")),
    "chunkedx": Bad(coding(b" chunkedx")),
    "chunke": Bad(coding(b" chunke")),
    "two words": Bad(coding(b" chunked chunked")),
    "chunked with NUL": Bad(coding(b" chunked\0")),
    "chunked with a vertical tab": Bad(coding(b" \x0bchunked")),
    "chunked with a form feed": Bad(coding(b" chunked\x0c")),
    "chunked with a no-break space": Bad(coding(b" \xa0chunked")),
    "chunked with a Kelvin sign": Bad(coding(" chun\N{KELVIN SIGN}ed".encode())),
    "chunked folded": Bad(coding(b"\r\n chunked")),
    "chunked folded inside": Bad(coding(b" chun\r\n ked")),
    "chunked, space before the colon": Bad(coding(b" chunked", name=b"Transfer-Encoding :")),
    "chunked, tab before the colon": Bad(coding(b" chunked", name=b"Transfer-Encoding\t:")),
    "chunked, space before the name": Bad(coding(b" chunked", name=b" Transfer-Encoding:")),
    "chunked, no colon": Bad(coding(b" chunked", name=b"Transfer-Encoding")),
    "chunked behind CR": Bad(b"HTTP/1.1 200 OK\r\nX: a\rTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n"),
    "chunked behind LF": Bad(b"HTTP/1.1 200 OK\r\nX: a\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n"),
    "chunked of HTTP/1.0": Bad(b"HTTP/1.0 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n"),
    "chunked of HTTP/1.0 with keep-alive": Bad(
        b"HTTP/1.0 200 OK\r\nConnection: keep-alive\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n"
    ),
}

CHUNKS: dict[str, Answer] = {
    "empty chunk size": Bad(chunks(b"\r\nhello\r\n0\r\n\r\n"), IN_BODY),
    "negative chunk size": Bad(chunks(b"-5\r\nhello\r\n0\r\n\r\n"), IN_BODY),
    "chunk size with a sign": Bad(chunks(b"+5\r\nhello\r\n0\r\n\r\n"), IN_BODY),
    "chunk size with 0x": Bad(chunks(b"0x5\r\nhello\r\n0\r\n\r\n"), IN_BODY),
    "chunk size of letters": Bad(chunks(b"zz\r\nhello\r\n0\r\n\r\n"), IN_BODY),
    "chunk size with an underscore": Bad(chunks(b"0_5\r\nhello\r\n0\r\n\r\n"), IN_BODY),
    "chunk size with a fraction": Bad(chunks(b"5.0\r\nhello\r\n0\r\n\r\n"), IN_BODY),
    "chunk size with a comma": Bad(chunks(b"5,\r\nhello\r\n0\r\n\r\n"), IN_BODY),
    "chunk size in quotes": Bad(chunks(b'"5"\r\nhello\r\n0\r\n\r\n'), IN_BODY),
    "chunk size in Arabic digits": Bad(chunks("٥\r\nhello\r\n0\r\n\r\n".encode()), IN_BODY),
    "chunk size over 64 bits": Bad(chunks(b"10000000000000005\r\nhello\r\n0\r\n\r\n"), IN_BODY),
    "chunk size of 17 digits": Bad(chunks(b"fffffffffffffffff\r\nhello\r\n0\r\n\r\n"), IN_BODY),
    "chunk size without end": Bad(chunks(b"0" * 700_000), IN_BODY, ends=True),
    "space before the chunk size": Bad(chunks(b" 5\r\nhello\r\n0\r\n\r\n"), IN_BODY),
    "tab before the chunk size": Bad(chunks(b"\t5\r\nhello\r\n0\r\n\r\n"), IN_BODY),
    "space behind the chunk size": Bad(chunks(b"5 \r\nhello\r\n0\r\n\r\n"), IN_BODY),
    "spaces behind the chunk size": Bad(chunks(b"5  \r\nhello\r\n0\r\n\r\n"), IN_BODY),
    "tab behind the chunk size": Bad(chunks(b"5\t\r\nhello\r\n0\r\n\r\n"), IN_BODY),
    "space in the chunk size": Bad(chunks(b"0 5\r\nhello\r\n0\r\n\r\n"), IN_BODY),
    "NUL in the chunk size": Bad(chunks(b"5\0\r\nhello\r\n0\r\n\r\n"), IN_BODY),
    "chunk size ended by LF": Bad(chunks(b"5\nhello\r\n0\r\n\r\n"), IN_BODY),
    "chunk size ended by CR": Bad(chunks(b"5\rhello\r\n0\r\n\r\n"), IN_BODY),
    "chunk size ended by CR CR LF": Bad(chunks(b"5\r\r\nhello\r\n0\r\n\r\n"), IN_BODY),
    "line end before the chunk size": Bad(chunks(b"\r\n5\r\nhello\r\n0\r\n\r\n"), IN_BODY),
    "chunk ended by nothing": Bad(chunks(b"5\r\nhello0\r\n\r\n"), IN_BODY, b"hello"),
    "chunk ended by LF": Bad(chunks(b"5\r\nhello\n0\r\n\r\n"), IN_BODY, b"hello"),
    "chunk ended by CR": Bad(chunks(b"5\r\nhello\r0\r\n\r\n"), IN_BODY, b"hello"),
    "chunk ended by other bytes": Bad(chunks(b"5\r\nhelloXX0\r\n\r\n"), IN_BODY, b"hello"),
    "chunk ended by two line ends": Bad(chunks(b"5\r\nhello\r\n\r\n0\r\n\r\n"), IN_BODY, b"hello"),
    "chunk longer than its size": Bad(chunks(b"5\r\nhello!\r\n0\r\n\r\n"), IN_BODY, b"hello"),
    "chunk shorter than its size": Bad(chunks(b"6\r\nhello\r\n0\r\n\r\n"), IN_BODY, b"hello\r"),
    "chunks ended by LF throughout": Bad(chunks(b"5\nhello\n0\n\n"), IN_BODY),
    "last chunk ended by LF": Bad(chunks(b"5\r\nhello\r\n0\n\r\n"), IN_BODY, b"hello"),
    "last chunk and nothing behind": Bad(chunks(b"5\r\nhello\r\n0"), IN_BODY, b"hello", ends=True),
    "end of the trailers by LF": Bad(chunks(b"5\r\nhello\r\n0\r\n\n"), IN_BODY, b"hello"),
    "end of the trailers by CR": Bad(chunks(b"5\r\nhello\r\n0\r\n\rX"), IN_BODY, b"hello"),
    "LF in an extension": Bad(chunks(b"5;a\nhello\r\n0\r\n\r\n"), IN_BODY),
    "CR in an extension": Bad(chunks(b"5;a\rb\r\nhello\r\n0\r\n\r\n"), IN_BODY),
    "NUL in an extension": Bad(chunks(b"5;a\0b\r\nhello\r\n0\r\n\r\n"), IN_BODY),
    "LF in a quoted extension": Bad(chunks(b'5;a="\n"\r\nhello\r\n0\r\n\r\n'), IN_BODY),
    "CR LF in a quoted extension": Bad(chunks(b'5;a="\r\n"\r\nhello\r\n0\r\n\r\n'), IN_BODY),
    "extension without semicolon": Bad(chunks(b"5 a\r\nhello\r\n0\r\n\r\n"), IN_BODY),
    "extension without end": Bad(chunks(b"5;" + b"a" * 700_000), IN_BODY, ends=True),
    "trailer without colon": Bad(chunks(b"5\r\nhello\r\n0\r\nX\r\n\r\n"), IN_BODY, b"hello"),
    "trailer with a space before the colon": Bad(chunks(b"5\r\nhello\r\n0\r\nX : 1\r\n\r\n"), IN_BODY, b"hello"),
    "trailer folded": Bad(chunks(b"5\r\nhello\r\n0\r\nX: 1\r\n 2\r\n\r\n"), IN_BODY, b"hello"),
    "trailer with NUL": Bad(chunks(b"5\r\nhello\r\n0\r\nX: \0\r\n\r\n"), IN_BODY, b"hello"),
    "trailer ended by LF": Bad(chunks(b"5\r\nhello\r\n0\r\nX: 1\n\r\n"), IN_BODY, b"hello"),
    "trailer that states a length": Bad(chunks(b"5\r\nhello\r\n0\r\nContent-Length: 3\r\n\r\n"), IN_BODY, b"hello"),
    "trailers without end": Bad(
        chunks(b"5\r\nhello\r\n0\r\n" + b"X-Flood: 1\r\n" * 60_000), IN_BODY, b"hello", ends=True
    ),
    "trailer without end": Bad(chunks(b"5\r\nhello\r\n0\r\nX: " + b"1" * 700_000), IN_BODY, b"hello", ends=True),
    "second answer for a chunk": Bad(
        chunks(b"5\r\nhello\r\nHTTP/1.1 200 OK\r\nContent-Length: 8\r\n\r\npoisoned"), IN_BODY, b"hello"
    ),
}

SMUGGLING = LENGTHS | BOTH | CODINGS | CHUNKS
