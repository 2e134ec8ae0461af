"""Disks that fail: whatever the system refuses is one typed error, and the rows before it stay as they are."""

from __future__ import annotations

import errno
import json
import os
import subprocess
import sys
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import anyio
import pytest

from openai_async import AsyncClient
from openai_async.batch import BatchOutputError
from openai_async.emulator import Emulator, Latency, Serving
from openai_async.testing import FaultServer, Request, Script, json_reply
from tests.batch.conftest import Place
from tests.batch.files import ids, journal_of, request, requests, sent, whole_lines, write_lines


class Refusals:
    """Lets calls of the system fail for one file, from the n-th on."""

    def __init__(self, patch: pytest.MonkeyPatch, path: Path) -> None:
        self._patch = patch
        self._path = path
        self.calls = 0

    def _is_ours(self, descriptor: int) -> bool:
        return self._path.exists() and os.path.samestat(os.fstat(descriptor), self._path.stat())

    def fail(self, name: str, number: int, *, after: int = 0, partial: int | None = None) -> None:
        """From the `after`-th call on, `os.name` fails with this error; the first time after so many bytes."""
        real: Callable[..., Any] = getattr(os, name)

        def call(descriptor: int, *args: Any) -> Any:
            if not self._is_ours(descriptor):
                return real(descriptor, *args)
            self.calls += 1
            if self.calls <= after:
                return real(descriptor, *args)
            if partial is not None and self.calls == after + 1:
                data, offset = args
                return real(descriptor, data[:partial], offset)
            raise OSError(number, os.strerror(number))

        self._patch.setattr(os, name, call)


@pytest.fixture
def refusals(place: Place, monkeypatch: pytest.MonkeyPatch) -> Refusals:
    return Refusals(monkeypatch, place.out)


@pytest.fixture
def slow_emulator(emulator: Emulator) -> Emulator:
    emulator.latency = Latency(first_token=0.005)
    return emulator


async def finish(place: Place, emulator: Emulator, kept: dict[str, bytes]) -> None:
    """Run the batch to its end on a disk that works; what was kept is neither lost nor sent again."""
    before = sent(emulator)
    summary = await place.run()
    assert summary.ok
    assert summary.skipped == len(kept)
    after = sent(emulator)
    assert {name: after[name] for name in kept} == {name: before[name] for name in kept}
    assert whole_lines(place.out).items() >= kept.items()
    assert ids(place.out) == [f"row-{number}" for number in range(80)]


@pytest.mark.parametrize("partial", [None, 0, 1, 700, 5_000])
async def test_a_full_disk(
    place: Place, slow_emulator: Emulator, refusals: Refusals, monkeypatch: pytest.MonkeyPatch, partial: int | None
) -> None:
    """Where the disk is full, the run ends at once and says so; OUT ends with a whole line; with room it goes on."""
    write_lines(place.source, requests(80))
    refusals.fail("pwrite", errno.ENOSPC, after=1, partial=partial)
    with pytest.raises(BatchOutputError, match=f"{place.out}: the disk is full") as caught:
        await place.run(max_in_flight=8)
    assert caught.value.errno == errno.ENOSPC
    kept = whole_lines(place.out)
    assert 0 < len(kept) < 80
    assert place.out.read_bytes().endswith(b"\n")
    monkeypatch.undo()
    await finish(place, slow_emulator, kept)


async def test_a_disk_that_fails_to_keep(
    place: Place, slow_emulator: Emulator, refusals: Refusals, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Rows whose sync failed are not reported, and no further row is written."""
    write_lines(place.source, requests(80))
    refusals.fail("fsync", errno.EIO)
    done = [0]
    with pytest.raises(BatchOutputError, match="the disk failed"):
        await place.run(max_in_flight=8, on_progress=lambda progress: done.append(progress.done))
    kept = whole_lines(place.out)
    assert max(done) == 0 < len(kept)
    assert refusals.calls == 1  # after a failed sync another one may lie
    monkeypatch.undo()
    await finish(place, slow_emulator, kept)


async def test_a_journal_that_cannot_be_written(
    place: Place, slow_emulator: Emulator, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A row that cannot be noted is not sent; answers that arrive meanwhile are still written."""
    write_lines(place.source, requests(80))
    Refusals(monkeypatch, journal_of(place.out)).fail("pwrite", errno.EDQUOT, after=20)
    with pytest.raises(BatchOutputError, match=r"journal: the disk quota is used up"):
        await place.run(max_in_flight=8)
    slow_emulator.ledger.wait_idle()
    assert slow_emulator.stats.requests <= 19  # one of the writes was the header
    kept = whole_lines(place.out)
    assert len(kept) >= 11
    monkeypatch.undo()
    await finish(place, slow_emulator, kept)


async def test_no_room_for_the_ordered_file(
    place: Place, slow_emulator: Emulator, monkeypatch: pytest.MonkeyPatch
) -> None:
    """When OUT cannot be written anew, it stays as it is, complete; the next run puts it in order."""
    slow_emulator.latency = Latency(first_token=0.01, jitter=1)
    write_lines(place.source, requests(80))
    beside = place.out.with_name("out.jsonl.journal.tmp")
    Refusals(monkeypatch, beside).fail("pwrite", errno.ENOSPC)
    with pytest.raises(BatchOutputError, match="the disk is full"):
        await place.run(max_in_flight=8)
    assert not beside.exists()
    kept = whole_lines(place.out)
    assert len(kept) == 80
    assert ids(place.out) != [f"row-{number}" for number in range(80)]
    monkeypatch.undo()
    await finish(place, slow_emulator, kept)


@pytest.mark.parametrize("number", [errno.EROFS, errno.EACCES])
async def test_a_place_that_cannot_be_written(
    place: Place, emulator: Emulator, monkeypatch: pytest.MonkeyPatch, number: int
) -> None:
    """A read-only file system or directory is named before anything is sent."""
    write_lines(place.source, requests(3))
    real = os.open

    def refuse(path: str, flags: int, *mode: int) -> int:
        if flags & os.O_CREAT and str(path).startswith(str(place.out)):
            raise OSError(number, os.strerror(number))
        return real(path, flags, *mode)

    monkeypatch.setattr(os, "open", refuse)
    words = "the file system is read-only" if number == errno.EROFS else "permission denied"
    with pytest.raises(BatchOutputError, match=words) as caught:
        await place.run()
    assert str(place.out) in str(caught.value)
    assert emulator.stats.requests == 0


async def test_outputs_that_are_no_files(place: Place, emulator: Emulator) -> None:
    """A directory, a FIFO, a device and a missing directory are refused by name, and no journal is left beside them."""
    write_lines(place.source, requests(3))
    directory = place.out.parent
    os.mkfifo(directory / "fifo")
    (directory / "sub").mkdir()
    for path, words in (
        (directory / "sub", "it is a directory"),
        (directory / "fifo", "not a regular file"),
        (Path("/dev/null"), "not a regular file"),
        (directory / "missing" / "out", "directory does not exist"),
        (place.source / "out", "not a directory"),
    ):
        with pytest.raises(BatchOutputError, match=words) as caught:
            await place.batch.run(place.source, path)
        assert str(path) in str(caught.value)
    assert emulator.stats.requests == 0
    assert sorted(path.name for path in directory.iterdir()) == ["fifo", "in.jsonl", "sub"]


# ---- real disks


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """The directory of a file system of 24 KiB; skips where this user may not mount one."""
    directory = tmp_path / "disk"
    directory.mkdir()
    if (refusal := _mount("-t", "tmpfs", "-o", "size=24k", "tmpfs", str(directory))) is not None:
        pytest.skip(f"no file system can be mounted: {refusal}")
    yield directory
    subprocess.run(["umount", "--lazy", directory], check=True)


def _mount(*arguments: str) -> str | None:
    """What the system says against it; None if it was done."""
    try:
        done = subprocess.run(["mount", *arguments], capture_output=True, text=True)
    except FileNotFoundError as error:
        return str(error)
    return None if done.returncode == 0 else done.stderr.strip()


@pytest.mark.long
@pytest.mark.parametrize("window", [1, 8, 64])
@pytest.mark.parametrize("largest", [50, 3_000, 6_000, 9_000, 30_000])
async def test_a_real_disk_of_24_kib(small_disk: Path, tmp_path: Path, window: int, largest: int) -> None:
    """It is full soon, whatever answers it gets: what is lost was in flight, the error says what to do, and with more
    room the same run completes without sending a row of OUT again."""
    received: Counter[str] = Counter()

    def answer(asked: Request) -> Script:
        name = json.loads(asked.body)["messages"][0]["content"]
        received[name] += 1
        text = name + "x" * (largest if received.total() % 3 == 0 else 50)
        return json_reply({"choices": [{"index": 0, "message": {"role": "assistant", "content": text}}]})

    names = [f"row-{number}" for number in range(150)]
    source, out = write_lines(tmp_path / "in", [request(name, name) for name in names]), small_disk / "out"
    with FaultServer(answer) as server:
        async with AsyncClient(api_key="k", base_url=server.base_url, max_retries=0) as client:
            batch = client.batch
            with pytest.raises(BatchOutputError, match="Make room; the same run goes on") as caught:
                await batch.run(source, out, max_in_flight=window)
            assert caught.value.errno == errno.ENOSPC
            kept, before = whole_lines(out), +received
            assert len(kept) <= before.total() <= len(kept) + window
            assert kept or largest > 24 * 1024
            assert out.read_bytes()[-1:] in (b"", b"\n")
            assert _mount("-o", "remount,size=4m", str(small_disk)) is None
            summary = await batch.run(source, out, max_in_flight=window)
    assert (summary.ok, summary.skipped) == (True, len(kept))
    assert before.keys() - kept.keys() <= set(summary.ambiguous_ids)  # some were cancelled on their way out
    assert summary.ambiguous <= window
    assert {name: received[name] for name in kept} == {name: before[name] for name in kept}
    assert ids(out) == names


LIMITED = """
import resource, signal, sys
import anyio
from openai_async import AsyncClient
from openai_async.batch import AsyncBatch, BatchOutputError

async def main(base_url, source, out):
    async with AsyncClient(api_key="k", base_url=base_url) as client:
        try:
            await client.batch.run(source, out, max_in_flight=8)
        except BatchOutputError as error:
            print(error)

resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, 20_000))
anyio.run(main, *sys.argv[1:])
"""


async def test_a_limit_of_the_system(place: Place, slow_emulator: Emulator, server: Serving) -> None:
    """A real refusal in the middle of a write, by the limit on the size of files: whole lines stay, and are kept."""
    write_lines(place.source, requests(80))
    command = [sys.executable, "-c", LIMITED, server.base_url, str(place.source), str(place.out)]
    done = await anyio.run_process(command)
    assert done.stdout.decode() == f"{place.out}: the file is as large as it may be\n"
    content = place.out.read_bytes()
    assert 19_000 < len(content) <= 20_000
    assert all(json.loads(line) for line in content.splitlines())
    assert content.endswith(b"\n")
    await finish(place, slow_emulator, whole_lines(place.out))
