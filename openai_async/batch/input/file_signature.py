"""Detect unsupported files by their first bytes: compressed files, spreadsheets, text that is not UTF-8, JSON arrays.

Each has a remedy in its message. Nothing is unpacked here, because a resumed run reads IN again, from any offset.
"""

from __future__ import annotations

import re
from typing import Final

#: Bytes that are looked at.
LOOKED_AT: Final = 4096

_AS_CSV: Final = "save the sheet as CSV in UTF-8"
#: First bytes -> what such a file is, and what to do. The longer of two that begin alike stands first.
_SIGNATURES: Final[tuple[tuple[bytes, str, str], ...]] = (
    (b"\x1f\x8b", "compressed by gzip", "unpack it first: gunzip"),
    (b"BZh", "compressed by bzip2", "unpack it first: bunzip2"),
    (b"\xfd7zXZ\x00", "compressed by xz", "unpack it first: unxz"),
    (b"\x28\xb5\x2f\xfd", "compressed by zstd", "unpack it first: unzstd"),
    (b"PK\x03\x04", "a zip archive, or a sheet of Excel (.xlsx)", f"unpack it, or {_AS_CSV}"),
    (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", "a document of Excel or Word", _AS_CSV),
    (b"PAR1", "a Parquet file", "write it as CSV or as JSON lines"),
    (b"ARROW1", "an Arrow file", "write it as CSV or as JSON lines"),
    (b"SQLite format 3\x00", "a SQLite database", "write the table as CSV"),
    (b"%PDF-", "a PDF", "IN holds JSON lines or a table"),
    (b"\xff\xfe\x00\x00", "text in UTF-32", "convert it: iconv -f UTF-32 -t UTF-8"),
    (b"\x00\x00\xfe\xff", "text in UTF-32", "convert it: iconv -f UTF-32 -t UTF-8"),
    (b"\xff\xfe", "text in UTF-16", "convert it: iconv -f UTF-16 -t UTF-8"),
    (b"\xfe\xff", "text in UTF-16", "convert it: iconv -f UTF-16 -t UTF-8"),
)
#: Two characters of ASCII in UTF-16 without a byte order mark.
_UTF16: Final = re.compile(rb"[\t -~]\x00[\t\r\n -~]\x00")
_UTF16_BIG: Final = re.compile(rb"\x00[\t -~]\x00[\t\r\n -~]")
_ARRAY: Final = re.compile(rb"\[\s*\{|\[\s*\n")
_LONG_OBJECT: Final = re.compile(rb'\{[ \t]*\r?\n\s*["}]')


def unsupported_format(head: bytes, *, table: bool) -> str | None:
    """The format of an unsupported file and the remedy, as a text; None for a file that may be an IN.

    Args:
        head: its first bytes.
        table: whether it is a CSV file by its name, or was said to be one; then its header may begin with a bracket.
    """
    for signature, name, remedy in _SIGNATURES:
        if head.startswith(signature):
            return f"is {name}; {remedy}"
    for form, name in ((_UTF16, "UTF-16LE"), (_UTF16_BIG, "UTF-16BE")):
        if form.match(head):
            return f"is text in UTF-16; convert it: iconv -f {name} -t UTF-8"
    text = head.removeprefix(b"\xef\xbb\xbf").lstrip()
    if table:
        return None
    if _ARRAY.match(text):
        return "is one JSON array; write each of its objects on a line of its own: jq -c '.[]'"
    if _LONG_OBJECT.match(text):
        return "holds JSON objects over several lines; write each of them on one line: jq -c ."
    return None
