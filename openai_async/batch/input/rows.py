"""Rows: the requests of IN, one a line. Lines that are not requests are `BadLine` with the reason."""

from __future__ import annotations

from array import array
from bisect import bisect_left
from typing import Any

import attrs

from openai_async.batch.spent import NOTHING, Spent
from openai_async.types._plain import Record


@attrs.frozen
class BadLine(Record):
    """A line that cannot be used: its number, from 1, and what is wrong with it. A batch does not send it."""

    number: int
    reason: str


@attrs.frozen
class Row:
    """One request. The repr shows nothing that could be a prompt."""

    #: Its number in IN, from 0: of the line, or of the record of a CSV file.
    index: int
    #: Checksum of the request: its custom_id, path and body.
    digest: int
    #: Checksum of what stands in IN, whatever the options of the run make of it.
    source_digest: int
    custom_id: str
    #: Path below the base URL.
    path: str
    body: dict[str, Any] = attrs.field(repr=False)
    #: In earlier runs.
    spent: Spent = NOTHING


class BadRow(Exception):
    """Raised while a line is read as a request; its text is the reason."""


class SeenIds:
    """The custom_ids so far, in 9 bytes each: 64 bits of a hash, in sorted buckets that grow without being copied.

    A new id is taken for a known one in about one of 4 * 10^7 runs of a million rows; a known id is never missed.

    Args:
        expected: about how many there will be.
    """

    #: Ids in a bucket: a new one moves half a bucket on average, 3 us; and so large a piece of memory goes back to the
    #: system when it is freed.
    _IN_BUCKET = 16_384

    def __init__(self, expected: int) -> None:
        self._buckets = [array("Q") for _ in range(max(16, expected // self._IN_BUCKET))]

    def add(self, custom_id: str) -> bool:
        """Add an id, and return whether it is new."""
        key = hash(custom_id) & 0xFFFF_FFFF_FFFF_FFFF
        bucket = self._buckets[key % len(self._buckets)]
        position = bisect_left(bucket, key)
        if position < len(bucket) and bucket[position] == key:
            return False
        bucket.insert(position, key)
        return True
