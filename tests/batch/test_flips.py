"""Flipped bits: whatever of OUT or of its journal is damaged, the run says so, or it does not matter."""

from __future__ import annotations

import json
import os
import random
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import anyio
import httpx
import pytest

from openai_async import AsyncClient
from openai_async.batch import BatchError, BatchSummary
from openai_async.batch.output.output_file import Journal
from tests.batch.files import journal_of, read_lines, request, write_lines

ROWS = 14
#: What the first run gets for some rows; the second run gets an answer for all but the last of these.
FAILURES = {"row-3": 500, "row-5": 500, "row-7": 400}
IN_FLIGHT = (8, 9, 11)


class Ended(NamedTuple):
    """What a run came to, as its user sees it."""

    lines: list[dict[str, Any]]
    sent: list[str]
    ambiguous: tuple[str, ...]


def without_ids(lines: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [{**line, "id": ""} for line in lines]


class Killed:
    """OUT and the journal of a run that was killed: answers out of order, failures, failures that were made good, and
    rows in flight, in slots beside stale ones."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._out = directory / "out"
        self._statuses: dict[str, int] = {}
        self._sent: list[str] = []

    async def make(self) -> None:
        """Make these files, and learn what the next run makes of them where nothing is damaged."""
        write_lines(self._directory / "in", [request(f"row-{number}", f"row-{number}") for number in range(8)])
        self._statuses = dict(FAILURES)
        await self.run(ordered=False)
        self._statuses = {"row-5": 500, "row-7": 400}
        await self.run(ordered=False)
        lines = self._out.read_bytes().splitlines(keepends=True)
        self._out.write_bytes(b"".join([*lines[2::-1], *lines[3:]]))
        write_lines(self._directory / "in", [request(f"row-{number}", f"row-{number}") for number in range(ROWS)])
        journal = Journal.open(str(self._out), os.stat(self._directory / "in"))
        journal.replay(100, int)
        for index in (*IN_FLIGHT, 2):  # the last one is answered: its slot is stale
            journal.inflight.record(index, 0, journal.size if index != 2 else 0)
        journal.close()
        self._statuses = {"row-7": 400}
        self.files = [self._out.read_bytes(), journal_of(self._out).read_bytes()]
        self.expected, summary = await self.end()
        assert summary.damaged_notes == 0
        assert len(self.expected.lines) == ROWS
        assert set(self.expected.ambiguous) == {f"row-{index}" for index in IN_FLIGHT}

    async def answer(self, asked: httpx.Request) -> httpx.Response:
        name = json.loads(asked.content)["messages"][0]["content"]
        self._sent.append(name)
        if (status := self._statuses.get(name)) is not None:
            return httpx.Response(status, json={"error": {"message": f"No {name}.", "code": "no"}})
        text = f"An answer to {name} with é, \U0001f600 and 1.5e3."
        choice = {"index": 0, "message": {"role": "assistant", "content": text}, "logprobs": -1.25e-7}
        return httpx.Response(200, json={"id": name, "choices": [choice], "usage": {"total_tokens": 7}})

    async def run(self, **options: Any) -> BatchSummary:
        server: Any = {"base_url": "http://127.0.0.1:1/v1", "transport": httpx.MockTransport(self.answer)}
        async with AsyncClient(api_key="k", max_retries=0, **server) as client:
            return await client.batch.run(self._directory / "in", self._out, **options)

    async def end(self) -> tuple[Ended, BatchSummary]:
        """Run it to its end."""
        self._sent.clear()
        summary = await self.run()
        return Ended(read_lines(self._out), sorted(self._sent), tuple(sorted(summary.ambiguous_ids))), summary

    async def end_with(self, out: bytes, journal: bytes) -> None:
        """Run it to its end with these files, and make sure that no damage was silent."""
        self._out.write_bytes(out)
        journal_of(self._out).write_bytes(journal)
        try:
            ended, summary = await self.end()
        except BatchError:
            assert self._sent == [], "it was found too late"
            assert (self._out.read_bytes(), journal_of(self._out).read_bytes()) == (out, journal)
            return
        if summary.damaged_notes:  # it is told that some row was in flight, and so may have cost something
            assert (without_ids(ended.lines), ended.sent) == (without_ids(self.expected.lines), self.expected.sent)
        else:
            assert ended == self.expected


def flips(files: list[bytes], count: int, seed: int) -> Iterator[tuple[bytes, bytes]]:
    """OUT and the journal with one flipped bit in one of them, so many times: half of them in the journal."""
    chosen = random.Random(seed)
    for number in range(count):
        found = [bytearray(content) for content in files]
        damaged = found[number % 2]
        damaged[chosen.randrange(len(damaged))] ^= 1 << chosen.randrange(8)
        yield bytes(found[0]), bytes(found[1])


async def check(directory: Path, count: int, seed: int) -> int:
    """How many flips were tried."""
    killed = Killed(directory)
    await killed.make()
    tried = 0
    for number, (out, journal) in enumerate(flips(killed.files, count, seed)):
        try:
            await killed.end_with(out, journal)
        except AssertionError as error:
            raise AssertionError(f"flip {number} of seed {seed}") from error
        tried += 1
    return tried


async def test_no_flipped_bit_is_silent(tmp_path: Path) -> None:
    """A flipped bit of OUT or of the journal is an error before a row is sent, a damaged note that is counted, or it
    changes no value of OUT, no row that is sent, and no row that is ambiguous."""
    await check(tmp_path, 60, seed=1)


@pytest.mark.long
@pytest.mark.timeout(1_800)
def test_none_of_1500_flipped_bits_is_silent(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The same for 1,500 bits all over both files."""
    tried = anyio.run(check, tmp_path, 1_500, 20)
    with capsys.disabled():
        print(f"\n{tried} flipped bits of OUT and its journal: 0 silent")
