"""Media types of files, from their names and their first bytes. No I/O.

Only types that the API needs: images, audio, video, documents. Any other file is sent as `application/octet-stream`.
The system's table of types is not read, so an upload is the same everywhere.
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
    (b"RF64", b"WAVE", ".wav"),
    (b"fLaC", b"", ".flac"),
    (b"OggS", b"", ".ogg"),
    (b"ID3", b"", ".mp3"),
    (b"\x1a\x45\xdf\xa3", b"", ".webm"),
    (b"%PDF-", b"", ".pdf"),
    (b"\x00\x00\x01\xba", b"", ".mpeg"),
)
#: What the second box of an MPEG-4 file calls itself; anything else is a film.
_BY_BRAND: Final[Mapping[bytes, str]] = {b"M4A ": ".m4a", b"M4B ": ".m4a", b"M4P ": ".m4a", b"qt  ": ".mov"}


def type_of(name: str) -> str | None:
    """The media type that a file's name stands for; None if it stands for none."""
    return _BY_SUFFIX.get(os.path.splitext(name)[1].lower())


def suffix_of(content: bytes) -> str:
    """What the name of a file ends with that begins like this; empty if that is not known."""
    for start, further, suffix in _SIGNATURES:
        if content.startswith(start) and (not further or content.startswith(further, 8)):
            return suffix
    if content.startswith(b"ftyp", 4):
        return _BY_BRAND.get(content[8:12], ".mp4")
    return ".mp3" if _is_mpeg_frame(content) else ""


def _is_mpeg_frame(content: bytes) -> bool:
    """Whether it begins with a frame of MPEG audio, layer III, of any version: eleven bits that are set, then these."""
    if len(content) < 4 or content[0] != 0xFF:
        return False
    version, layer, rate = content[1] >> 3 & 3, content[1] >> 1 & 3, content[2]
    return content[1] >= 0xE0 and version != 1 and layer == 1 and 0x10 <= rate < 0xF0 and rate >> 2 & 3 != 3
