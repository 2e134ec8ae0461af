"""Media types of files, by their names and their first bytes, without I/O.

Only of what the API asks a type or a name for: pictures, sound, films, documents. Anything else has none here, and is
sent as bytes of no kind. The system's own table of types is never read: an upload means the same everywhere.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Final

_BY_SUFFIX: Final[Mapping[str, str]] = {
    ".flac": "audio/flac",
    ".gif": "image/gif",
    ".jpeg": "image/jpeg",
    ".jpg": "image/jpeg",
    ".m4a": "audio/mp4",
    ".mov": "video/quicktime",
    ".mp3": "audio/mpeg",
    ".mp4": "video/mp4",
    ".mpeg": "audio/mpeg",
    ".mpga": "audio/mpeg",
    ".oga": "audio/ogg",
    ".ogg": "audio/ogg",
    ".pdf": "application/pdf",
    ".png": "image/png",
    ".wav": "audio/wav",
    ".webm": "video/webm",
    ".webp": "image/webp",
    ".zip": "application/zip",
}
#: (first bytes, bytes from the eighth on, suffix).
_SIGNATURES: Final = (
    (b"\x89PNG\r\n\x1a\n", b"", ".png"),
    (b"\xff\xd8\xff", b"", ".jpg"),
    (b"GIF8", b"", ".gif"),
    (b"RIFF", b"WEBP", ".webp"),
    (b"RIFF", b"WAVE", ".wav"),
    (b"fLaC", b"", ".flac"),
    (b"OggS", b"", ".ogg"),
    (b"ID3", b"", ".mp3"),
    (b"\xff\xfb", b"", ".mp3"),
    (b"\x1a\x45\xdf\xa3", b"", ".webm"),
    (b"%PDF-", b"", ".pdf"),
)


def type_of(name: str) -> str | None:
    """The media type that a file's name stands for; None if it stands for none."""
    return _BY_SUFFIX.get(os.path.splitext(name)[1].lower())


def suffix_of(content: bytes) -> str:
    """What the name of a file ends with that begins like this; empty if that is not known."""
    for start, further, suffix in _SIGNATURES:
        if content.startswith(start) and (not further or content.startswith(further, 8)):
            return suffix
    if content.startswith(b"ftyp", 4):
        return ".m4a" if content.startswith(b"M4A", 8) else ".mp4"
    return ""
