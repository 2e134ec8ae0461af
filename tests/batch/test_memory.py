"""A million rows in the memory of ten thousand: nothing but a few bytes a row grows with the input."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.batch.files import ids, request


def written(path: Path, rows: int) -> Path:
    with path.open("w") as file:
        for number in range(rows):
            file.write(f"{json.dumps(request(f'request-{number}', f'number {number}'))}\n")
    return path


def run(directory: Path, rows: int) -> dict[str, Any]:
    """A batch of so many rows in a process of its own: its summary, and its peak memory in KiB."""
    source = directory / f"{rows}.jsonl"
    if not source.exists():
        written(source, rows)
    command = [sys.executable, "-m", "tests.batch.stub", str(source), str(directory / f"{rows}.out")]
    done = subprocess.run(command, stdout=subprocess.PIPE, check=True)
    found: dict[str, Any] = json.loads(done.stdout)
    assert found["ok"]
    return found


@pytest.mark.timeout(300)
def test_memory_does_not_grow_with_the_rows(tmp_path: Path) -> None:
    """20,000 rows, and resuming after them, need less than 1.1 times the memory of 2,000."""
    few, many, again = run(tmp_path, 2_000), run(tmp_path, 20_000), run(tmp_path, 20_000)
    assert (few["done"], many["done"], again["done"]) == (2_000, 20_000, 0)
    assert max(many["peak"], again["peak"]) <= 1.1 * few["peak"]
    assert ids(tmp_path / "20000.out") == [f"request-{number}" for number in range(20_000)]


@pytest.mark.long
@pytest.mark.timeout(3_600)
def test_memory_of_a_million_rows(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """1,000,000 rows, and resuming after them, need less than 1.5 times the memory of 10,000."""
    few, many, again = run(tmp_path, 10_000), run(tmp_path, 1_000_000), run(tmp_path, 1_000_000)
    assert (few["done"], many["done"], again["done"]) == (10_000, 1_000_000, 0)
    with capsys.disabled():
        print(
            f"\npeak memory: {few['peak'] / 1024:.1f} MiB for 10,000 rows, {many['peak'] / 1024:.1f} MiB for 1,000,000"
            f" ({many['seconds']:.0f} s), {again['peak'] / 1024:.1f} MiB when resumed ({again['seconds']:.0f} s)"
        )
    assert max(many["peak"], again["peak"]) <= 1.5 * few["peak"]
