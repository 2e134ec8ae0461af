"""`kill -9` at any moment: no row that is on the disk is lost or sent again, and the server's ledger agrees.

A job is one batch, killed again and again until it is complete. After each kill the parent reads OUT and the journal
by itself, and the emulator's ledger says which rows arrived how often.
"""

from __future__ import annotations

import json
import random
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from openai_async.emulator import Emulator, Latency
from tests.batch.files import ids, journal_of, notes, requests, sent, whole_lines, write_lines

WINDOW = 6
#: Answers that are being written while the window is full again.
WRITING = 64


class Job:
    """One batch and everything that is known of it from outside."""

    def __init__(self, directory: Path, rows: int, *, seconds: float) -> None:
        directory.mkdir()
        self.names = [f"row-{number}" for number in range(rows)]
        self.source = write_lines(directory / "in.jsonl", requests(rows))
        self.out = directory / "out.jsonl"
        self.emulator = Emulator(latency=Latency(first_token=seconds, jitter=0.5))
        self.kills = 0
        self.lost = 0
        self.most_in_doubt = 0
        #: Whole lines seen in OUT, and how often their row had been sent when they were.
        self._finished: dict[str, bytes] = {}
        self._sent_by_then: dict[str, int] = {}
        #: How often each row was in flight at a kill.
        self._in_doubt: Counter[str] = Counter()

    def start(self, base_url: str, *how_to_die: str) -> subprocess.Popen[bytes]:
        command = [sys.executable, "-m", "tests.batch.child", base_url, str(self.source), str(self.out), str(WINDOW)]
        return subprocess.Popen([*command, *how_to_die], stdout=subprocess.PIPE)

    def sent(self) -> Counter[str]:
        return sent(self.emulator)

    def doubtful(self) -> set[str]:
        """Rows that the journal says were in flight."""
        finished = whole_lines(self.out)
        return {self.names[note.index] for note in notes(self.out)} - finished.keys()

    def look(self) -> None:
        """Take note of what a run left behind."""
        lines, arrived = whole_lines(self.out), self.sent()
        self.lost += sum(lines.get(name) != line for name, line in self._finished.items())
        for name in lines.keys() - self._finished.keys():
            self._finished[name] = lines[name]
            self._sent_by_then[name] = arrived[name]

    def killed(self) -> None:
        self.kills += 1
        self.look()
        doubtful = self.doubtful()
        self._in_doubt.update(doubtful)
        self.most_in_doubt = max(self.most_in_doubt, len(doubtful))

    def complete(self, base_url: str) -> dict[str, Any]:
        """The last run, which nobody kills."""
        doubtful = self.doubtful()
        with self.start(base_url) as process:
            out, _ = process.communicate()
        assert process.returncode == 0
        summary: dict[str, Any] = json.loads(out)
        assert set(summary["ambiguous_ids"]) == doubtful
        self.look()
        lines = [json.loads(line) for line in whole_lines(self.out).values()]
        assert summary["all_runs"]["tokens"] == sum(line["response"]["body"]["usage"]["total_tokens"] for line in lines)
        assert summary["all_runs"]["unanswered"] >= len(doubtful)
        return summary

    def check(self) -> None:
        """Every row is there once, none was lost, and only rows in doubt were sent more than once."""
        arrived = self.sent()
        again = {name: arrived[name] - count for name, count in self._sent_by_then.items() if arrived[name] > count}
        assert self.lost == 0
        assert again == {}, "finished rows were sent again"
        assert ids(self.out) == self.names
        assert not journal_of(self.out).exists()
        assert all(count - 1 <= self._in_doubt[name] for name, count in arrived.items())
        assert sorted(arrived) == sorted(self.names)
        assert self.most_in_doubt <= WINDOW + WRITING


def wait_for(process: subprocess.Popen[bytes], reached: Callable[[], bool]) -> None:
    """Return at that moment, or when the process has ended."""
    while process.poll() is None and not reached():
        time.sleep(0.0002)


def moments(job: Job, chance: random.Random) -> list[Callable[[], bool]]:
    """One moment of each kind: a time, a number of lines in OUT, a number of requests at the server."""
    end = time.monotonic() + chance.uniform(0.2, 1.0)
    size = job.out.stat().st_size if job.out.exists() else 0
    lines = size + chance.randint(1, 8_000)
    requests = job.emulator.stats.requests + chance.randint(1, 25)
    return [
        lambda: time.monotonic() >= end,
        lambda: job.out.exists() and job.out.stat().st_size >= lines,
        lambda: job.emulator.stats.requests >= requests,
    ]


def kill_at_random(job: Job, kills: int, chance: random.Random) -> None:
    """Kill runs of a job at random moments, so often or until it is complete, and let the last one end."""
    with job.emulator.run() as server:
        ended = False
        for _ in range(kills):
            moment = chance.choice(moments(job, chance))
            with job.start(server.base_url) as process:
                wait_for(process, moment)
                process.kill()
                process.communicate()
            if ended := process.returncode == 0:
                job.look()
                break
            job.killed()
        if not ended:
            job.complete(server.base_url)
        job.check()


def kill_at_call(job: Job, moment: str, number: int) -> bool:
    """Kill a run at one call of the system that changes a file; whether it came so far."""
    with job.emulator.run() as server:
        with job.start(server.base_url, moment, str(number)) as process:
            process.communicate()
        if process.returncode != 0:
            job.killed()
        job.complete(server.base_url)
        job.check()
    return process.returncode != 0


@pytest.mark.timeout(120)
def test_killed_at_random(tmp_path: Path) -> None:
    """A batch that is killed eight times loses nothing, and sends again only what it lists as ambiguous."""
    job = Job(tmp_path / "job", 120, seconds=0.02)
    kill_at_random(job, 8, random.Random(1))
    assert job.kills >= 4


@pytest.mark.timeout(120)
@pytest.mark.parametrize(("moment", "number"), [("before", 3), ("half", 1), ("half", 14), ("after", 7), ("half", 9)])
def test_killed_at_a_write(tmp_path: Path, moment: str, number: int) -> None:
    """A kill before, amid or after a write to OUT or the journal leaves nothing that the next run cannot mend."""
    assert kill_at_call(Job(tmp_path / "job", 12, seconds=0.01), moment, number)


@pytest.mark.long
@pytest.mark.timeout(3_600)
def test_killed_at_every_write(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The same for every single call that changes a file, until runs are over before their death is due."""
    kills = 0
    for moment in ("before", "half", "after"):
        number = 0
        while kill_at_call(Job(tmp_path / f"{moment}-{number}", 24, seconds=0.005), moment, number):
            kills += 1
            number += 1
    with capsys.disabled():
        print(f"\n{kills} kills at writes: rows lost 0, finished rows sent again 0")
    assert kills > 100


@pytest.mark.long
@pytest.mark.timeout(3_600)
def test_killed_five_hundred_times(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """500 kills at random moments: rows lost 0, finished rows sent again 0, ambiguous ones bounded and listed."""
    chance = random.Random(20)
    kills = jobs = most = again = 0
    while kills < 500:
        job = Job(tmp_path / f"job-{jobs}", 200, seconds=0.02)
        kill_at_random(job, min(12, 500 - kills), chance)
        kills, jobs, most = kills + job.kills, jobs + 1, max(most, job.most_in_doubt)
        again += job.sent().total() - len(job.names)
    with capsys.disabled():
        print(
            f"\n{kills} kills of {jobs} batches: rows lost 0, finished rows sent again 0,"
            f" {again} ambiguous rows sent again, at most {most} in doubt at a time (window {WINDOW})"
        )
