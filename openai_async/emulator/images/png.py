"""PNG images drawn from a seed, and the media type of uploaded images.

The same seed, size and detail give the same bytes everywhere. An image is a mirrored pattern of `detail` cells a side
in eight colors. With fewer cells it is an unfinished, paler form of the same image. No image is ever decoded.
"""

from __future__ import annotations

import struct
import zlib
from random import Random

__all__ = ["DETAIL", "draw", "media_type"]

DETAIL = 8
_COLORS = 8
_SIGNATURE = b"\x89PNG\r\n\x1a\n"


def draw(seed: int, width: int, height: int, *, detail: int = DETAIL, transparent: bool = False) -> bytes:
    """Make a PNG of `width` times `height` pixels. `transparent` leaves its first color clear."""
    rng = Random(seed)
    # `random()` is the one method whose sequence Python promises to keep for a seed.
    bright = detail / DETAIL
    palette = bytes(int(128 + (rng.random() * 256 - 128) * bright) for _ in range(3 * _COLORS))
    cells = [[int(rng.random() * _COLORS) for _ in range(DETAIL)] for _ in range(DETAIL)]
    step = DETAIL // detail
    rows: list[bytes] = []
    for y in range(detail):
        half = [cells[y * step][x * step] for x in range((detail + 1) // 2)]
        colors = half + half[: detail // 2][::-1]
        row = b"".join(bytes((color,)) * _share(width, x, detail) for x, color in enumerate(colors))
        rows.append((b"\0" + row) * _share(height, y, detail))
    return b"".join(
        (
            _SIGNATURE,
            _chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 3, 0, 0, 0)),
            _chunk(b"PLTE", palette),
            _chunk(b"tRNS", b"\0") if transparent else b"",
            _chunk(b"IDAT", zlib.compress(b"".join(rows), 1)),
            _chunk(b"IEND", b""),
        )
    )


def media_type(start: bytes) -> str | None:
    """Get the media type of an image that begins like this: one of the API's three types, or `None`."""
    if start.startswith(_SIGNATURE) and start[12:16] == b"IHDR":
        return "image/png"
    if start.startswith(b"\xff\xd8\xff"):
        return "image/jpeg"
    return "image/webp" if start[:4] == b"RIFF" and start[8:12] == b"WEBP" else None


def _share(pixels: int, part: int, parts: int) -> int:
    return (part + 1) * pixels // parts - part * pixels // parts


def _chunk(kind: bytes, content: bytes) -> bytes:
    return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))
