"""WAV files whose length follows the text, and the reading of uploaded audio.

A second is 24,000 samples of 16 bits in one channel, with a tone for each word. The text itself is in a comment of the
file, so that speech of the emulator can be transcribed. Of other formats only the kind is known, and the length is
estimated from the size.
"""

from __future__ import annotations

import math
import struct
from collections.abc import Iterator

from attrs import frozen

from openai_async.emulator.text import digest

__all__ = ["RATE", "Heard", "hear", "pcm", "wav"]

RATE = 24_000  # samples a second
_SECONDS = 0.05  # of a character
_PERIODS = tuple(range(60, 180, 10))  # samples of one swing: 133 to 400 Hz
_LOUDNESS = 6_000
_BYTES_PER_SECOND = 16_000  # of compressed sound: a guess
_OTHERS = (
    (0, b"ID3"),
    (0, b"\xff\xfb"),
    (0, b"\xff\xf3"),
    (0, b"OggS"),
    (0, b"fLaC"),
    (0, b"\x1aE\xdf\xa3"),
    (4, b"ftyp"),
)


@frozen
class Heard:
    """The content of an upload: its length in seconds, and its text if the emulator made it."""

    seconds: float
    words: str | None = None


def pcm(text: str, voice: str, speed: float = 1.0) -> bytes:
    """Speak a text. Gives samples of 16 bits, little-endian."""
    return b"".join(_tones(text, voice, speed))


def _tones(text: str, voice: str, speed: float) -> Iterator[bytes]:
    for word in text.split():
        period = _PERIODS[digest([voice, word]) % len(_PERIODS)]
        swing = struct.pack(
            f"<{period}h", *(int(_LOUDNESS * math.sin(2 * math.pi * at / period)) for at in range(period))
        )
        samples = max(1, int(RATE * _SECONDS * (len(word) + 1) / speed))
        yield (swing * (samples // period + 1))[: 2 * samples]


def wav(samples: bytes, comment: str = "") -> bytes:
    """Put samples into a WAV file."""
    note = comment.encode()
    note += b"\0" * (2 - len(note) % 2)  # at least one, and an even length
    info = b"LIST" + struct.pack("<I", 12 + len(note)) + b"INFOICMT" + struct.pack("<I", len(note)) + note
    form = b"fmt " + struct.pack("<IHHIIHH", 16, 1, 1, RATE, 2 * RATE, 2, 16)
    body = b"WAVE" + form + info + b"data" + struct.pack("<I", len(samples)) + samples
    return b"RIFF" + struct.pack("<I", len(body)) + body


def hear(content: bytes) -> Heard | None:
    """Read an upload. None if it is no audio."""
    if content[:4] == b"RIFF" and content[8:12] == b"WAVE":
        return _read(content)
    if any(content.startswith(mark, at) for at, mark in _OTHERS):
        return Heard(len(content) / _BYTES_PER_SECOND)
    return None


def _read(content: bytes) -> Heard | None:
    at, per_second, seconds, words = 12, 0, None, None
    while at + 8 <= len(content):
        kind, size = content[at : at + 4], int.from_bytes(content[at + 4 : at + 8], "little")
        at += 8
        if kind == b"fmt " and at + 12 <= len(content):
            per_second = int.from_bytes(content[at + 8 : at + 12], "little")
        elif kind == b"LIST" and content[at : at + 8] == b"INFOICMT":
            words = content[at + 12 : at + size].rstrip(b"\0").decode("utf-8", "replace")
        elif kind == b"data" and per_second:
            seconds = min(size, len(content) - at) / per_second
        at += size + size % 2
    return None if seconds is None else Heard(seconds, words)
