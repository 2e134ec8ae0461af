"""Heads: status lines, fields, line ends; what may stand before a head and behind an answer (RFC 9112, 2 to 5)."""

from __future__ import annotations

from tests.conformance.answers import Answer, Bad, Good

STATUS_LINES: dict[str, Answer] = {
    "reason of several words": Good(b"HTTP/1.1 200 All is well, then\r\nContent-Length: 2\r\n\r\nok", b"ok"),
    "empty reason": Good(b"HTTP/1.1 200 \r\nContent-Length: 2\r\n\r\nok", b"ok"),
    "no reason, no space": Good(b"HTTP/1.1 200\r\nContent-Length: 2\r\n\r\nok", b"ok"),
    "reason of Latin-1": Good(b"HTTP/1.1 200 Tr\xe8s bien\r\nContent-Length: 2\r\n\r\nok", b"ok"),
    "reason of UTF-8": Good("HTTP/1.1 200 好\r\nContent-Length: 2\r\n\r\nok".encode(), b"ok"),
    "reason with NUL": Good(b"HTTP/1.1 200 O\0K\r\nContent-Length: 2\r\n\r\nok", b"ok"),
    "reason with a tab": Good(b"HTTP/1.1 200 O\tK\r\nContent-Length: 2\r\n\r\nok", b"ok"),
    "reason of 1,000 bytes": Good(b"HTTP/1.1 200 %b\r\nContent-Length: 2\r\n\r\nok" % (b"r" * 1_000), b"ok"),
    "nothing": Bad(b"", ends=True),
    "one line end": Bad(b"\r\n", ends=True),
    "two line ends": Bad(b"\r\n\r\n", ends=True),
    "one NUL": Bad(b"\0", ends=True),
    "HTTP/0.9": Bad(b"<html>Hello</html>\r\n", ends=True),
    "SSH": Bad(b"SSH-2.0-OpenSSH_9.6\r\n\r\n"),
    "SMTP": Bad(b"220 mail.test ESMTP\r\n\r\n"),
    "TLS alert": Bad(b"\x15\x03\x01\x00\x02\x02\x46", "APIConnectionError in connect", ends=True),
    "frames of HTTP/2": Bad(b"\0\0\x12\x04\0\0\0\0\0\0\x03\0\0\0\x80\0\x04\0\x01\0\0\0\x05\0\xff\xff", ends=True),
    "a request": Bad(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n"),
    "version 0.9": Bad(b"HTTP/0.9 200 OK\r\nContent-Length: 2\r\n\r\nok"),
    "version 1.2": Bad(b"HTTP/1.2 200 OK\r\nContent-Length: 2\r\n\r\nok"),
    "version 2": Bad(b"HTTP/2 200 OK\r\nContent-Length: 2\r\n\r\nok"),
    "version 2.0": Bad(b"HTTP/2.0 200 OK\r\nContent-Length: 2\r\n\r\nok"),
    "version 3.0": Bad(b"HTTP/3.0 200 OK\r\nContent-Length: 2\r\n\r\nok"),
    "version 9.9": Bad(b"HTTP/9.9 200 OK\r\nContent-Length: 2\r\n\r\nok"),
    "version 1": Bad(b"HTTP/1 200 OK\r\nContent-Length: 2\r\n\r\nok"),
    "version 1.": Bad(b"HTTP/1. 200 OK\r\nContent-Length: 2\r\n\r\nok"),
    "version 1.10": Bad(b"HTTP/1.10 200 OK\r\nContent-Length: 2\r\n\r\nok"),
    "version 01.1": Bad(b"HTTP/01.1 200 OK\r\nContent-Length: 2\r\n\r\nok"),
    "version 1,1": Bad(b"HTTP/1,1 200 OK\r\nContent-Length: 2\r\n\r\nok"),
    "version with a sign": Bad(b"HTTP/+1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"),
    "no version": Bad(b"HTTP 200 OK\r\nContent-Length: 2\r\n\r\nok"),
    "protocol in lower case": Bad(b"http/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"),
    "protocol in mixed case": Bad(b"Http/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"),
    "another protocol": Bad(b"RTSP/1.0 200 OK\r\nContent-Length: 2\r\n\r\nok"),
    "a radio's protocol": Bad(b"ICY 200 OK\r\nContent-Length: 2\r\n\r\nok"),
    "HTTPS for HTTP": Bad(b"HTTPS/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"),
    "no status": Bad(b"HTTP/1.1\r\nContent-Length: 2\r\n\r\nok"),
    "no status behind a space": Bad(b"HTTP/1.1 \r\nContent-Length: 2\r\n\r\nok"),
    "status of letters": Bad(b"HTTP/1.1 OK\r\nContent-Length: 2\r\n\r\nok"),
    "status of two digits": Bad(b"HTTP/1.1 20 OK\r\nContent-Length: 2\r\n\r\nok"),
    "status of four digits": Bad(b"HTTP/1.1 2000 OK\r\nContent-Length: 2\r\n\r\nok"),
    "status of zero": Bad(b"HTTP/1.1 000 OK\r\nContent-Length: 2\r\n\r\nok"),
    "status below 100": Bad(b"HTTP/1.1 099 OK\r\nContent-Length: 2\r\n\r\nok"),
    "negative status": Bad(b"HTTP/1.1 -200 OK\r\nContent-Length: 2\r\n\r\nok"),
    "status with a sign": Bad(b"HTTP/1.1 +20 OK\r\nContent-Length: 2\r\n\r\nok"),
    "status with a fraction": Bad(b"HTTP/1.1 200.0 OK\r\nContent-Length: 2\r\n\r\nok"),
    "status and reason without space": Bad(b"HTTP/1.1 200OK\r\nContent-Length: 2\r\n\r\nok"),
    "two spaces before the status": Bad(b"HTTP/1.1  200 OK\r\nContent-Length: 2\r\n\r\nok"),
    "tab before the status": Bad(b"HTTP/1.1\t200 OK\r\nContent-Length: 2\r\n\r\nok"),
    "tab behind the status": Bad(b"HTTP/1.1 200\tOK\r\nContent-Length: 2\r\n\r\nok"),
    "space in the version": Bad(b"HTTP/ 1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"),
    "NUL in the status": Bad(b"HTTP/1.1 2\x000 OK\r\nContent-Length: 2\r\n\r\nok"),
    "CR in the reason": Bad(b"HTTP/1.1 200 O\rK\r\nContent-Length: 2\r\n\r\nok"),
    "status line ended by LF": Bad(b"HTTP/1.1 200 OK\nContent-Length: 2\r\n\r\nok"),
    "status line ended by CR": Bad(b"HTTP/1.1 200 OK\rContent-Length: 2\r\n\r\nok"),
    "status line ended by CR CR LF": Bad(b"HTTP/1.1 200 OK\r\r\nContent-Length: 2\r\n\r\nok"),
    "status line without reason ended by LF": Bad(b"HTTP/1.1 200\nContent-Length: 2\r\n\r\nok"),
    "two status lines": Bad(b"HTTP/1.1 200 OK\r\nHTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"),
    "status line without end": Bad(b"HTTP/1.1 200 " + b"r" * 600_000, ends=True),
}

AROUND: dict[str, Answer] = {
    "line end before": Bad(b"\r\nHTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"),
    "line ends before": Bad(b"\r\n\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"),
    "LF before": Bad(b"\nHTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"),
    "CR before": Bad(b"\rHTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"),
    "space before": Bad(b" HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"),
    "tab before": Bad(b"\tHTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"),
    "NUL before": Bad(b"\0HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"),
    "byte order mark before": Bad(b"\xef\xbb\xbfHTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"),
    "junk before": Bad(b"junkHTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"),
    "line of junk before": Bad(b"junk\r\nHTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"),
    "NUL behind": Good(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok\0", b"ok", kept=False),
    "junk behind": Good(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nokjunk", b"ok", kept=False),
    "junk behind chunks": Good(
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\njunk", b"ok", kept=False
    ),
    "junk behind an answer without body": Good(b"HTTP/1.1 204 No Content\r\n\r\njunk", status=204, kept=False),
    "body behind 204": Good(b"HTTP/1.1 204 No Content\r\nContent-Length: 5\r\n\r\nhello", status=204, kept=False),
    "second answer behind": Good(
        b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nokHTTP/1.1 200 OK\r\nContent-Length: 8\r\n\r\npoisoned",
        b"ok",
        kept=False,
    ),
    "part of a second answer behind": Good(
        b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nokHTTP/1.1 200 OK\r\nContent-Le", b"ok", kept=False
    ),
    "interim answer behind": Good(
        b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nokHTTP/1.1 103 Hints\r\n\r\n", b"ok", kept=False
    ),
    "second answer behind close": Good(
        b"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 2\r\n\r\n"
        b"okHTTP/1.1 200 OK\r\nContent-Length: 8\r\n\r\npoisoned",
        b"ok",
        kept=False,
    ),
}

FIELDS: dict[str, Answer] = {
    "names in every case": Good(
        b"HTTP/1.1 204 No\r\nX-Request-ID: Ab\r\nx-lower: 1\r\nX-UPPER: 2\r\n\r\n",
        status=204,
        headers=[(b"X-Request-ID", b"Ab"), (b"x-lower", b"1"), (b"X-UPPER", b"2")],
    ),
    "every character of a name": Good(
        b"HTTP/1.1 204 No\r\n!#$%&'*+-.^_`|~0aZ: 1\r\n\r\n", status=204, headers=[(b"!#$%&'*+-.^_`|~0aZ", b"1")]
    ),
    "empty value": Good(
        b"HTTP/1.1 204 No\r\nX-Empty:\r\nX: 1\r\n\r\n", status=204, headers=[(b"X-Empty", b""), (b"X", b"1")]
    ),
    "value of spaces": Good(b"HTTP/1.1 204 No\r\nX-Empty: \t \r\n\r\n", status=204, headers=[(b"X-Empty", b"")]),
    "no space before the value": Good(b"HTTP/1.1 204 No\r\nX:1\r\n\r\n", status=204, headers=[(b"X", b"1")]),
    "space around the value": Good(b"HTTP/1.1 204 No\r\nX: \t 1 2 \t \r\n\r\n", status=204, headers=[(b"X", b"1 2")]),
    "space and tab in the value": Good(
        b"HTTP/1.1 204 No\r\nX: a \t b\r\n\r\n", status=204, headers=[(b"X", b"a \t b")]
    ),
    "colons in the value": Good(b"HTTP/1.1 204 No\r\nX: a:b::c\r\n\r\n", status=204, headers=[(b"X", b"a:b::c")]),
    "value that begins with a colon": Good(b"HTTP/1.1 204 No\r\nX::1\r\n\r\n", status=204, headers=[(b"X", b":1")]),
    "same field three times": Good(
        b"HTTP/1.1 204 No\r\nX: 1\r\nY: 2\r\nx: 3\r\nX: 1\r\n\r\n",
        status=204,
        headers=[(b"X", b"1"), (b"Y", b"2"), (b"x", b"3"), (b"X", b"1")],
    ),
    "two cookies": Good(
        b"HTTP/1.1 204 No\r\nSet-Cookie: a=1\r\nSet-Cookie: b=2, c\r\n\r\n",
        status=204,
        headers=[(b"Set-Cookie", b"a=1"), (b"Set-Cookie", b"b=2, c")],
    ),
    "value of Latin-1": Good(b"HTTP/1.1 204 No\r\nX: caf\xe9\r\n\r\n", status=204, headers=[(b"X", b"caf\xe9")]),
    "value of UTF-8": Good("HTTP/1.1 204 No\r\nX: 好\r\n\r\n".encode(), status=204, headers=[(b"X", "好".encode())]),
    "value of 50,000 bytes": Good(
        b"HTTP/1.1 204 No\r\nX: %b\r\n\r\n" % (b"v" * 50_000), status=204, headers=[(b"X", b"v" * 50_000)]
    ),
    "name of 5,000 bytes": Good(
        b"HTTP/1.1 204 No\r\n%b: 1\r\n\r\n" % (b"n" * 5_000), status=204, headers=[(b"n" * 5_000, b"1")]
    ),
    "1,000 fields": Good(
        b"HTTP/1.1 204 No\r\n%b\r\n" % (b"X-Many: 1\r\n" * 1_000), status=204, headers=[(b"X-Many", b"1")] * 1_000
    ),
    "head of 150,000 bytes": Good(
        b"HTTP/1.1 204 No\r\nX: %b\r\n\r\n" % (b"v" * 150_000), status=204, headers=[(b"X", b"v" * 150_000)]
    ),
    "upgrade offered": Good(
        b"HTTP/1.1 200 OK\r\nUpgrade: h2c\r\nConnection: upgrade\r\nContent-Length: 2\r\n\r\nok", b"ok"
    ),
    "close in the field of old proxies": Good(
        b"HTTP/1.1 200 OK\r\nProxy-Connection: close\r\nContent-Length: 2\r\n\r\nok", b"ok", kept=False
    ),
    "folded value": Bad(b"HTTP/1.1 204 No\r\nX: a\r\n b\r\n\r\n"),
    "value folded with a tab": Bad(b"HTTP/1.1 204 No\r\nX: a\r\n\tb\r\n\r\n"),
    "value that begins with a fold": Bad(b"HTTP/1.1 204 No\r\nX:\r\n a\r\n\r\n"),
    "fold of nothing": Bad(b"HTTP/1.1 204 No\r\nX: a\r\n \r\n\r\n"),
    "fold before any field": Bad(b"HTTP/1.1 204 No\r\n X: a\r\n\r\n"),
    "space before the colon": Bad(b"HTTP/1.1 204 No\r\nX : 1\r\n\r\n"),
    "tab before the colon": Bad(b"HTTP/1.1 204 No\r\nX\t: 1\r\n\r\n"),
    "space in the name": Bad(b"HTTP/1.1 204 No\r\nX Y: 1\r\n\r\n"),
    "no name": Bad(b"HTTP/1.1 204 No\r\n: 1\r\n\r\n"),
    "no colon": Bad(b"HTTP/1.1 204 No\r\nX\r\n\r\n"),
    "no colon, value behind a space": Bad(b"HTTP/1.1 204 No\r\nX 1\r\n\r\n"),
    "Latin-1 in the name": Bad(b"HTTP/1.1 204 No\r\ncaf\xe9: 1\r\n\r\n"),
    "quotes in the name": Bad(b'HTTP/1.1 204 No\r\n"X": 1\r\n\r\n'),
    "NUL in the name": Bad(b"HTTP/1.1 204 No\r\nX\0Y: 1\r\n\r\n"),
    "NUL in the value": Bad(b"HTTP/1.1 204 No\r\nX: a\0b\r\n\r\n"),
    "CR in the value": Bad(b"HTTP/1.1 204 No\r\nX: a\rb\r\n\r\n"),
    "CR CR LF behind the value": Bad(b"HTTP/1.1 204 No\r\nX: a\r\r\n\r\n"),
    "CR in the name": Bad(b"HTTP/1.1 204 No\r\nX\rY: 1\r\n\r\n"),
    "CR before the name": Bad(b"HTTP/1.1 204 No\r\n\rX: 1\r\n\r\n"),
    "LF ends every line": Bad(b"HTTP/1.1 200 OK\nContent-Length: 2\n\nok"),
    "LF ends a field": Bad(b"HTTP/1.1 200 OK\r\nX: 1\nContent-Length: 2\r\n\r\nok"),
    "LF ends the last field": Bad(b"HTTP/1.1 200 OK\r\nContent-Length: 2\n\r\nok"),
    "LF ends the head": Bad(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\nok"),
    "CR ends every line": Bad(b"HTTP/1.1 200 OK\rContent-Length: 2\r\rok", ends=True),
    "CR ends the head": Bad(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\rok"),
    "head without end": Bad(b"HTTP/1.1 200 OK\r\n" + b"X-Flood: 1\r\n" * 60_000, ends=True),
    "value without end": Bad(b"HTTP/1.1 200 OK\r\nX-Flood: " + b"1" * 700_000, ends=True),
    "name without end": Bad(b"HTTP/1.1 200 OK\r\n" + b"X" * 700_000, ends=True),
    "head of 400,000 bytes": Bad(b"HTTP/1.1 204 No\r\nX: %b\r\n\r\n" % (b"v" * 400_000)),
    "head of 600,000 bytes": Bad(b"HTTP/1.1 204 No\r\nX: %b\r\n\r\n" % (b"v" * 600_000)),
}

HEADS = STATUS_LINES | AROUND | FIELDS
