"""Where a body ends: stated lengths, chunks, the end of the connection, statuses that have none (RFC 9112, 6)."""

from __future__ import annotations

from tests.conformance.answers import IN_BODY, Answer, Bad, Good

LENGTH: dict[str, Answer] = {
    "length": Good(b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello", b"hello"),
    "length of zero": Good(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"),
    "length with leading zeros": Good(b"HTTP/1.1 200 OK\r\nContent-Length: 0005\r\n\r\nhello", b"hello"),
    "length without space": Good(b"HTTP/1.1 200 OK\r\nContent-Length:5\r\n\r\nhello", b"hello"),
    "length between spaces and tabs": Good(b"HTTP/1.1 200 OK\r\nContent-Length: \t 5 \t\r\n\r\nhello", b"hello"),
    "length in lower case": Good(b"HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\nhello", b"hello"),
    "length in upper case": Good(b"HTTP/1.1 200 OK\r\nCONTENT-LENGTH: 5\r\n\r\nhello", b"hello"),
    "length of a large body": Good(
        b"HTTP/1.1 200 OK\r\nContent-Length: 1000000\r\n\r\n" + b"x" * 1_000_000, b"x" * 1_000_000
    ),
    "length, and the server closes": Good(
        b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello", b"hello", kept=False, ends=True
    ),
    "length, body of zeros": Good(b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\n\0\0\0", b"\0\0\0"),
    "length, body like a head": Good(
        b"HTTP/1.1 200 OK\r\nContent-Length: 19\r\n\r\nHTTP/1.1 500 No\r\n\r\n", b"HTTP/1.1 500 No\r\n\r\n"
    ),
    "length, error status": Good(b"HTTP/1.1 500 No\r\nContent-Length: 4\r\n\r\noops", b"oops", status=500),
    "length, unassigned status": Good(b"HTTP/1.1 299 Odd\r\nContent-Length: 2\r\n\r\nok", b"ok", status=299),
    "length, status 999": Good(b"HTTP/1.1 999 Odd\r\nContent-Length: 2\r\n\r\nok", b"ok", status=999),
    "length cut in the body": Bad(b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhell", IN_BODY, b"hell", ends=True),
    "length cut before the body": Bad(b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n", IN_BODY, ends=True),
    "length that nobody could send": Bad(
        b"HTTP/1.1 200 OK\r\nContent-Length: 9223372036854775807\r\n\r\nhello", IN_BODY, b"hello", ends=True
    ),
}

CHUNKED: dict[str, Answer] = {
    "chunked": Good(
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n6\r\n world\r\n0\r\n\r\n", b"hello world"
    ),
    "chunked, empty": Good(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"),
    "chunked, many zeros end it": Good(
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0000\r\n\r\n", b"hello"
    ),
    "chunked in upper case": Good(
        b"HTTP/1.1 200 OK\r\nTRANSFER-ENCODING: CHUNKED\r\n\r\n5\r\nhello\r\n0\r\n\r\n",
        b"hello",
        headers=[(b"Transfer-Encoding", b"CHUNKED")],
    ),
    "chunked between spaces": Good(
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding:  \tchunked  \r\n\r\n5\r\nhello\r\n0\r\n\r\n", b"hello"
    ),
    "chunk size in upper case": Good(
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nB\r\nhello world\r\n0\r\n\r\n", b"hello world"
    ),
    "chunk size in lower case": Good(
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nb\r\nhello world\r\n0\r\n\r\n", b"hello world"
    ),
    "chunk size with leading zeros": Good(
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0005\r\nhello\r\n0\r\n\r\n", b"hello"
    ),
    "chunk size of 40 digits": Good(
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n%b5\r\nhello\r\n0\r\n\r\n" % (b"0" * 39), b"hello"
    ),
    "chunks with extensions": Good(
        b'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5;a\r\nhello\r\n1;b=c;d="e f"\r\n!\r\n0;last=1\r\n\r\n',
        b"hello!",
    ),
    "chunk data like chunks": Good(
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\n0\r\n\r\n\r\n0\r\n\r\n", b"0\r\n\r\n"
    ),
    "chunks of one byte": Good(
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\na\r\n1\r\nb\r\n1\r\nc\r\n0\r\n\r\n", b"abc"
    ),
    "large chunk": Good(
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nF4240\r\n" + b"x" * 1_000_000 + b"\r\n0\r\n\r\n",
        b"x" * 1_000_000,
    ),
    "trailers": Good(
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nTrailer: X-Sum\r\n\r\n"
        b"5\r\nhello\r\n0\r\nX-Sum: 1\r\nX-More: 2\r\n\r\n",
        b"hello",
        headers=[(b"Transfer-Encoding", b"chunked"), (b"Trailer", b"X-Sum")],
    ),
    "trailer that looks like framing": Good(
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\nX-Content-Length: 9\r\n\r\n", b"hello"
    ),
    "trailer that states a coding is not heard": Good(
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\nTransfer-Encoding: gzip\r\n\r\n",
        b"hello",
        kept=False,
    ),
    "chunked, and the server closes": Good(
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n", b"hello", kept=False, ends=True
    ),
    "chunked without last chunk": Bad(
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n", IN_BODY, b"hello", ends=True
    ),
    "chunked without last line": Bad(
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n", IN_BODY, b"hello", ends=True
    ),
    "chunked cut in a size": Bad(
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n1", IN_BODY, b"hello", ends=True
    ),
    "chunked cut in data": Bad(
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhell", IN_BODY, b"hell", ends=True
    ),
    "chunked cut in a trailer": Bad(
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\nX-Sum: 1",
        IN_BODY,
        b"hello",
        ends=True,
    ),
    "chunked cut behind the trailers": Bad(
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\nX-Sum: 1\r\n",
        IN_BODY,
        b"hello",
        ends=True,
    ),
}

TO_THE_END: dict[str, Answer] = {
    "no framing": Good(b"HTTP/1.1 200 OK\r\n\r\nhello", b"hello", kept=False, ends=True),
    "no framing, no body": Good(b"HTTP/1.1 200 OK\r\n\r\n", kept=False, ends=True),
    "no framing, close announced": Good(
        b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\nhello", b"hello", kept=False, ends=True
    ),
    "no framing, keep-alive announced": Good(
        b"HTTP/1.1 200 OK\r\nConnection: keep-alive\r\n\r\nhello", b"hello", kept=False, ends=True
    ),
    "no framing, body like an answer": Good(
        b"HTTP/1.1 200 OK\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\n!",
        b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\n!",
        kept=False,
        ends=True,
    ),
    "no framing, names like those of framing": Good(
        b"HTTP/1.1 200 OK\r\nContent_Length: 2\r\nTransfer_Encoding: chunked\r\nXContent-Length: 2\r\n\r\nhello",
        b"hello",
        kept=False,
        ends=True,
    ),
    "HTTP/1.0, no framing": Good(b"HTTP/1.0 200 OK\r\n\r\nhello", b"hello", kept=False, ends=True),
}

PERSISTENCE: dict[str, Answer] = {
    "close": Good(b"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 5\r\n\r\nhello", b"hello", kept=False),
    "Close": Good(b"HTTP/1.1 200 OK\r\nCONNECTION: CLOSE\r\nContent-Length: 5\r\n\r\nhello", b"hello", kept=False),
    "close among options": Good(
        b"HTTP/1.1 200 OK\r\nConnection: x-hop, close\r\nContent-Length: 5\r\n\r\nhello", b"hello", kept=False
    ),
    "close in a second field": Good(
        b"HTTP/1.1 200 OK\r\nConnection: x-hop\r\nConnection: close\r\nContent-Length: 5\r\n\r\nhello",
        b"hello",
        kept=False,
    ),
    "close and keep-alive": Good(
        b"HTTP/1.1 200 OK\r\nConnection: keep-alive, close\r\nContent-Length: 5\r\n\r\nhello", b"hello", kept=False
    ),
    "close, chunked": Good(
        b"HTTP/1.1 200 OK\r\nConnection: close\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n",
        b"hello",
        kept=False,
    ),
    "close, and it does": Good(
        b"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 5\r\n\r\nhello", b"hello", kept=False, ends=True
    ),
    "keep-alive": Good(b"HTTP/1.1 200 OK\r\nConnection: keep-alive\r\nContent-Length: 5\r\n\r\nhello", b"hello"),
    "keep-alive with a timeout": Good(
        b"HTTP/1.1 200 OK\r\nConnection: Keep-Alive\r\nKeep-Alive: timeout=5, max=99\r\nContent-Length: 5\r\n\r\nhello",
        b"hello",
    ),
    "no word that means close": Good(
        b"HTTP/1.1 200 OK\r\nConnection: closed\r\nContent-Length: 5\r\n\r\nhello", b"hello"
    ),
    "HTTP/1.0 with length": Good(b"HTTP/1.0 200 OK\r\nContent-Length: 5\r\n\r\nhello", b"hello", kept=False),
    "HTTP/1.0 with length and keep-alive": Good(
        b"HTTP/1.0 200 OK\r\nConnection: keep-alive\r\nContent-Length: 5\r\n\r\nhello", b"hello"
    ),
}

NO_BODY: dict[str, Answer] = {
    "204": Good(b"HTTP/1.1 204 No Content\r\n\r\n", status=204, headers=[]),
    "204 with length of zero": Good(b"HTTP/1.1 204 No Content\r\nContent-Length: 0\r\n\r\n", status=204),
    "204 with close": Good(b"HTTP/1.1 204 No Content\r\nConnection: close\r\n\r\n", status=204, kept=False),
    "204 with length": Good(b"HTTP/1.1 204 No Content\r\nContent-Length: 5\r\n\r\n", status=204),
    "304": Good(b"HTTP/1.1 304 Not Modified\r\nETag: x\r\n\r\n", status=304),
    "304 with the length of what is not sent": Good(
        b"HTTP/1.1 304 Not Modified\r\nContent-Length: 5\r\n\r\n", status=304
    ),
    "304 with the coding of what is not sent": Good(
        b"HTTP/1.1 304 Not Modified\r\nTransfer-Encoding: chunked\r\n\r\n", status=304
    ),
    "205 with length of zero": Good(b"HTTP/1.1 205 Reset Content\r\nContent-Length: 0\r\n\r\n", status=205),
}

INTERIM: dict[str, Answer] = {
    "100": Good(b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello", b"hello"),
    "100 without reason": Good(b"HTTP/1.1 100 \r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello", b"hello"),
    "102": Good(b"HTTP/1.1 102 Processing\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello", b"hello"),
    "line ends between": Good(
        b"HTTP/1.1 100 Continue\r\n\r\n\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello", b"hello"
    ),
    "103 with fields": Good(
        b"HTTP/1.1 103 Early Hints\r\nLink: </a>\r\nLink: </b>\r\n\r\n"
        b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello",
        b"hello",
        headers=[(b"Content-Length", b"5")],
    ),
    "199": Good(b"HTTP/1.1 199 Odd\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello", b"hello"),
    "several": Good(
        b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Hints\r\nLink: </a>\r\n\r\nHTTP/1.1 103 Hints\r\n\r\n"
        b"HTTP/1.1 201 Created\r\nContent-Length: 5\r\n\r\nhello",
        b"hello",
        status=201,
    ),
    "100, then chunks": Good(
        b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n",
        b"hello",
    ),
    "100, then the end of the connection": Good(
        b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\n\r\nhello", b"hello", kept=False, ends=True
    ),
    "100, then 204": Good(b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 204 No Content\r\n\r\n", status=204),
    # The server says that this was all; a connection that goes on is not the one it speaks of.
    "103 of HTTP/1.0": Bad(b"HTTP/1.0 103 Hints\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello"),
    "100 with length of zero": Good(
        b"HTTP/1.1 100 Continue\r\nContent-Length: 0\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello", b"hello"
    ),
    "103 with close": Bad(
        b"HTTP/1.1 103 Hints\r\nConnection: close\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello"
    ),
    "101 unasked": Bad(b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\nConnection: upgrade\r\n\r\n"),
    "101 unasked, and more": Bad(
        b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\nConnection: upgrade\r\n\r\n"
        b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello"
    ),
    "101 without upgrade": Bad(
        b"HTTP/1.1 101 Switching Protocols\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello"
    ),
    "101 behind 100": Bad(
        b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\nConnection: upgrade\r\n\r\n"
    ),
    "only 100": Bad(b"HTTP/1.1 100 Continue\r\n\r\n", ends=True),
    "100 with a body": Bad(
        b"HTTP/1.1 100 Continue\r\nContent-Length: 5\r\n\r\nhelloHTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello"
    ),
    "interim answers without end": Bad(b"HTTP/1.1 103 Hints\r\nLink: </abcdefgh>\r\n\r\n" * 10_000, ends=True),
}

FRAMING = LENGTH | CHUNKED | TO_THE_END | PERSISTENCE | NO_BODY | INTERIM
