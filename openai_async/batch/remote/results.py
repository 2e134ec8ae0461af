"""Write the results of remote batches into OUT: all of them, or none.

The lines go to a copy of OUT. It is put in the order of IN, and then replaces OUT atomically. A line keeps its form,
with another id that tells a later run (remote or not) which row is finished.
"""

from __future__ import annotations

import os
import shutil
import stat
from collections.abc import Callable, Mapping
from contextlib import suppress
from io import BytesIO
from typing import BinaryIO

import attrs

from openai_async.batch.input.rows import Row
from openai_async.batch.local.row_sender import Bill
from openai_async.batch.output import disk
from openai_async.batch.output.ordering import put_in_order
from openai_async.batch.output.output_lines import Kind, Outcome
from openai_async.batch.remote.result_lines import find_row, outcome_of
from openai_async.batch.report import Tally
from openai_async.batch.spent import NOTHING, Spent

_BOM = b"\xef\xbb\xbf"


class Results:
    """OUT as it is going to be. Use it under the lock of OUT, and close it in every case.

    Raises:
        BatchOutputError: from every method, if the system refuses something.
    """

    def __init__(self, out: str) -> None:
        self._out = out
        self._path = f"{out}.remote.tmp"
        with disk.refusals(self._path):
            disk.remove(self._path)  # of a run that was killed
            with open(disk.open_regular(out), "rb") as before:
                descriptor = disk.create(self._path, stat.S_IMODE(os.fstat(before.fileno()).st_mode))
                self._file = open(descriptor, "r+b", buffering=1 << 20)  # noqa: SIM115 (it is kept)
                shutil.copyfileobj(before, self._file, 1 << 20)

    def part(self, rows: Mapping[str, Row], tally: Tally, bill: Bill) -> PartResults:
        """Take in the results of one batch with these rows, by custom_id."""
        return PartResults(self._path, self._file, rows, tally, bill)

    def publish(self, checkpoint: Callable[[], object]) -> None:
        """Put it in OUT's place, on the disk."""
        with disk.refusals(self._out):
            self._file.flush()
            put_in_order(self._out, self._file.fileno(), checkpoint)

    def close(self) -> None:
        """Remove what is beside OUT."""
        with suppress(OSError):  # a full disk refuses the last write, which nobody needs any more
            self._file.close()
        with suppress(OSError):
            disk.remove(self._path)


class PartResults:
    """The results of one batch: `add` its files, then `end`.

    Each line stands for itself: one that cannot be read costs its own row. Of several lines of a row the first answer
    counts, or else the first failure.
    """

    def __init__(self, path: str, file: BinaryIO, rows: Mapping[str, Row], tally: Tally, bill: Bill) -> None:
        self._path = path
        self._file = file
        self._rows = rows
        self._tally = tally
        self._bill = bill
        self._answered: set[str] = set()
        self._failed: dict[str, Outcome] = {}

    def add(self, content: bytes, checkpoint: Callable[[], object]) -> None:
        """Add one file of results; count and bill its answers."""
        with disk.refusals(self._path):
            for number, line in enumerate(BytesIO(content.removeprefix(_BOM))):
                if not number % 1024:
                    checkpoint()
                if line := line.strip():
                    self._take(line)

    def _take(self, line: bytes) -> None:
        result = find_row(line, self._rows)
        if result is None:
            self._tally.unmatch(line)
            return
        custom_id = result.row.custom_id
        if custom_id in self._answered:
            return
        outcome = outcome_of(result, self._bill)
        if outcome.kind is not Kind.OK:
            self._failed.setdefault(custom_id, outcome)
            return
        self._answered.add(custom_id)
        self._put(outcome)

    def end(self) -> None:
        """Write the failures of rows that have no answer."""
        with disk.refusals(self._path):
            for custom_id, outcome in self._failed.items():
                if custom_id not in self._answered:
                    self._put(outcome)

    def _put(self, outcome: Outcome) -> None:
        self._file.write(outcome.line)
        self._tally.count(outcome)


def light(row: Row, spent: Mapping[int, Spent]) -> Row:
    """The row with the model as its whole body, to save memory until its answer comes.

    `spent`: in earlier runs, by number.
    """
    return attrs.evolve(row, body={"model": row.body.get("model")}, spent=spent.get(row.index, NOTHING))
