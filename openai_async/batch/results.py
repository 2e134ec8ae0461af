"""What remote batches have answered, put into OUT: all of it, or nothing.

The lines go to a file beside OUT, after those that OUT has; put in the order of IN, it then takes OUT's place in one
step. A line stands there as it came, but for its id, which tells a later run (remote or not) what is finished.
"""

from __future__ import annotations

import os
import re
import shutil
import stat
from array import array
from collections.abc import Callable, Mapping
from contextlib import suppress
from io import BytesIO
from typing import Any, TypeAlias

import attrs
import orjson

from openai_async._wire import json
from openai_async.batch import disk
from openai_async.batch.ordering import put_in_order
from openai_async.batch.outputs import PREFIX, Kind, Outcome, parse
from openai_async.batch.report import Tally
from openai_async.batch.rows import Row
from openai_async.batch.sending import usage_of
from openai_async.errors import DecodeError
from openai_async.types.chat import CompletionUsage

#: From model, time, tier and usage to US dollars; see `Billing.bill`.
Bill: TypeAlias = Callable[[str | None, float | None, str | None, CompletionUsage | None], float | None]

_LEADING_ID = re.compile(rb'\s*\{\s*"id"\s*:\s*"[^"\\]*"')


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
        self._seen = array("Q")

    def add(
        self, content: bytes, rows: Mapping[str, Row], tally: Tally, bill: Bill, checkpoint: Callable[[], object]
    ) -> None:
        """Take in one file of a batch with these rows, by custom_id; count and bill them. A row's first answer counts.

        Raises:
            DecodeError: it holds something else than lines of a batch.
        """
        seen: set[str] = set()
        with disk.refusals(self._path):
            for number, line in enumerate(BytesIO(content), 1):
                if not number % 1024:
                    checkpoint()
                if not line.strip():
                    continue
                outcome, body = _outcome(line, rows, number)
                if outcome is not None and outcome.row.custom_id not in seen:
                    seen.add(outcome.row.custom_id)
                    if outcome.kind is Kind.OK:
                        outcome = _billed(outcome, body, bill)
                    self._file.write(outcome.line)
                    tally.count(outcome)

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


def _outcome(line: bytes, rows: Mapping[str, Row], number: int) -> tuple[Outcome | None, Any]:
    """How a row ended, and the body of its answer; None for a row that is none of ours."""
    try:
        found, line = json.loads_and_text(line.strip())
        row = rows.get(found["custom_id"])
        if row is None:
            return None, None
        line = _with_our_id(line, found, row)
        kind = parse(line).kind
        failure = None if kind is Kind.OK else _failure(found)
        body = found["response"]["body"] if kind is Kind.OK else None
    except (DecodeError, ValueError, KeyError, TypeError, AttributeError):
        raise DecodeError(f"line {number} of a batch's results is not one of the Batch API") from None
    return Outcome(row, kind, line, failure=failure), body


def _billed(outcome: Outcome, body: Any, bill: Bill) -> Outcome:
    if not isinstance(body, dict):
        return attrs.evolve(outcome, cost=None)
    usage = usage_of(body)  # pyright: ignore[reportUnknownArgumentType]
    model, created = body.get("model"), body.get("created")  # pyright: ignore
    dollars = bill(
        model if isinstance(model, str) else None,
        created if isinstance(created, (int, float)) else None,
        "batch",
        usage,
    )
    return attrs.evolve(outcome, tokens=usage.total_tokens if usage is not None else 0, cost=dollars)


def _with_our_id(line: bytes, found: dict[str, Any], row: Row) -> bytes:
    """The line with the id that `outputs` reads; the rest stays byte for byte, if the id comes first."""
    ours = b'%b%09d_%08x"' % (PREFIX, row.index, row.digest)
    if _LEADING_ID.match(line):
        return _LEADING_ID.sub(lambda _: ours, line, count=1) + b"\n"
    found["id"] = ours.removeprefix(b'{"id":').decode().strip('"')
    parts = {name: found[name] for name in ("id", "custom_id", "response", "error")}
    return orjson.dumps(parts, option=orjson.OPT_APPEND_NEWLINE)


def _failure(found: dict[str, Any]) -> str:
    """A name for a failure, for people to count."""
    if found["response"] is None:
        return str(found["error"]["code"])
    body = found["response"].get("body")
    error = body.get("error") if isinstance(body, dict) else None  # pyright: ignore[reportUnknownVariableType, reportUnknownMemberType]
    code: Any = error.get("code") or error.get("type") if isinstance(error, dict) else None  # pyright: ignore
    return str(code or f"status {found['response']['status_code']}")  # pyright: ignore[reportUnknownArgumentType]


def light(row: Row) -> Row:
    """The row without its body: what is kept of it until its answer comes."""
    return attrs.evolve(row, body={})
