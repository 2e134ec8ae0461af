"""Divide IN into the input files of remote batches.

A batch has one endpoint and one model, so rows are grouped by these, in the order of IN, and divided at the limits. The
same rows always make the same parts, so that a resumed run recognizes its batches. Memory holds 8 bytes a row and one
file at a time; IN is read again for each file.
"""

from __future__ import annotations

import hashlib
from array import array
from collections.abc import Callable, Iterator
from typing import cast

import attrs
import orjson

from openai_async._policy.estimates import estimate_request
from openai_async.batch.errors import BatchInputError
from openai_async.batch.input.pending_rows import PendingRows
from openai_async.batch.input.rows import BadRow, Row
from openai_async.batch.input.source import InputFile
from openai_async.errors import InvalidParameterError
from openai_async.types._plain import Record


@attrs.frozen
class RemoteLimits(Record):
    """The limits of one batch: rows, bytes, inputs and tokens.

    Attributes:
        rows, bytes: the API's limits.
        inputs: texts to embed, over all rows of a batch of embeddings (the API's limit, `POST /batches`).
        tokens: estimated, prompts and the most that replies may have; None for no bound. An account may have so many
            tokens enqueued per model: a batch with more of them is refused, whatever else is enqueued.
    """

    rows: int = 50_000
    bytes: int = 200_000_000
    tokens: int | None = None
    inputs: int = 50_000

    def __attrs_post_init__(self) -> None:
        for name in ("rows", "bytes", "tokens", "inputs"):
            value: object = getattr(self, name)
            if value is None and name == "tokens":
                continue
            if isinstance(value, bool) or not isinstance(value, int) or value < 1:
                raise InvalidParameterError(f"limits.{name}", "must be a positive integer")


@attrs.define(eq=False)
class Part:
    """One file, without its bytes. `endpoint` is the path of all its rows, below the base URL; `model` theirs, too."""

    endpoint: str
    model: str = ""
    #: Numbers of its rows in IN, ascending.
    rows: array[int] = attrs.field(factory=lambda: array("Q"), repr=False)
    size: int = 0
    #: As estimated; 0 where no limit asks for it.
    tokens: int = 0
    #: Texts to embed; 0 at every other endpoint.
    inputs: int = 0
    _hash: hashlib._Hash = attrs.field(factory=hashlib.sha256, repr=False)

    @property
    def digest(self) -> str:
        """SHA-256 of the bytes: the name under which the file and the batch are found again."""
        return self._hash.hexdigest()

    def add(self, row: Row, line: bytes) -> None:
        """Add the next row of this part."""
        self.rows.append(row.index)
        self.size += len(line)
        self._hash.update(line)


def line_of(row: Row) -> bytes:
    """The line of a row in the format of the Batch API."""
    line = {"custom_id": row.custom_id, "method": "POST", "url": f"/v1{row.path}", "body": row.body}
    return orjson.dumps(line, option=orjson.OPT_APPEND_NEWLINE)


def divide(pending: PendingRows, limits: RemoteLimits, checkpoint: Callable[[], object]) -> list[Part]:
    """Divide the pending rows into parts. A row over a limit is alone in its part, and the API decides about it.

    Takes all rows of `pending`, which counts the bad lines.
    """
    parts: list[Part] = []
    filling: dict[tuple[str, object], Part] = {}
    while rows := pending.take(checkpoint):
        for row in rows:
            line, kind = line_of(row), (row.path, str(row.body.get("model")))
            tokens = estimate_request(row.path, row.body) if limits.tokens is not None else 0
            inputs = _inputs_of(row)
            part = filling.get(kind)
            if part is None or not _fits(part, len(line), tokens, inputs, limits):
                part = filling[kind] = Part(*kind)
                parts.append(part)
            part.tokens += tokens
            part.inputs += inputs
            part.add(row, line)
    return parts


def _inputs_of(row: Row) -> int:
    """The number of texts to embed. A list of numbers is one text, as tokens."""
    if row.path != "/embeddings":
        return 0
    value: object = row.body.get("input")
    inputs = cast("list[object]", value) if isinstance(value, list) else [value]
    return 1 if inputs and isinstance(inputs[0], int) else len(inputs)


def _fits(part: Part, size: int, tokens: int, inputs: int, limits: RemoteLimits) -> bool:
    if len(part.rows) >= limits.rows or part.size + size > limits.bytes or part.inputs + inputs > limits.inputs:
        return False
    return limits.tokens is None or part.tokens + tokens <= limits.tokens


def rows_of(part: Part, source: InputFile, checkpoint: Callable[[], object]) -> Iterator[Row]:
    """Read the rows of a part again.

    Raises:
        BatchInputError: they have changed.
    """
    again = Part(part.endpoint)
    wanted = iter(part.rows)
    index = next(wanted, None)
    for record in source.records(checkpoint):
        if record.index != index:
            continue
        try:
            row = source.row(record)
        except BadRow:
            break
        again.add(row, line_of(row))
        yield row
        if (index := next(wanted, None)) is None:
            break
    if again.digest != part.digest:
        raise BatchInputError(f"{source.path} was changed while the batch ran; restore it, and run the same again")
