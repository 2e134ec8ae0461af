"""`openai-async batch --remote`: what it says, and with which status it ends."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from openai_async.emulator import Emulator, Serving
from openai_async.errors import NotFoundError
from tests.batch.files import ids, request, requests, write_lines
from tests.batch.test_batch_command import Batches
from tests.cli.commands import Commands


@pytest.fixture
def batches(server: Serving, tmp_path: Path) -> Iterator[Batches]:
    commands = Commands()
    yield Batches(commands, server, tmp_path)
    commands.close()


def test_all_rows_answered(batches: Batches, emulator: Emulator) -> None:
    """Status 0, one sentence, answers in order; the same command again has nothing to do."""
    write_lines(batches.source, requests(5))
    status, said = batches.run("--remote")
    assert (status, said.count("\n")) == (0, 1), said
    assert said.startswith("5 of 5 rows answered, 0 failed; ")
    assert ids(batches.out) == [f"row-{number}" for number in range(5)]
    assert len(emulator.batches.listed()) == 1
    status, said = batches.run("--remote")
    assert status == 0
    assert said.startswith("Nothing to do: all 5 rows are in OUT.\nAll runs of OUT: 5 rows answered; ")


def test_the_size_of_parts(batches: Batches, emulator: Emulator) -> None:
    """--part-rows and --part-tokens make smaller batches; OUT is the same."""
    write_lines(batches.source, requests(6))
    assert batches.run("--remote", "--part-rows", "2")[0] == 0
    assert [batch.total for batch in emulator.batches.listed()] == [2, 2, 2]
    batches.out = batches.out.with_name("other.jsonl")
    assert batches.run("--remote", "--part-tokens", "22")[0] == 0
    assert [batch.total for batch in emulator.batches.listed()[:2]] == [3, 3]
    assert ids(batches.out) == [f"row-{number}" for number in range(6)]


def test_the_wait_can_be_bounded_and_ended(batches: Batches, emulator: Emulator) -> None:
    """Status 3 after --max-wait and after one Ctrl-C; the same command finds the batch and collects it."""
    emulator.batch_delay = 3600.0
    write_lines(batches.source, requests(3))
    status, said = batches.run("--remote", "--max-wait", "0")
    assert status == 3
    assert "the batches go on" in said
    process = batches.start("--remote")
    (batch,) = emulator.batches.listed()
    while not any(entry.path == f"/v1/batches/{batch.id}" for entry in emulator.ledger.entries()):
        assert process.poll() is None
    process.send_signal(signal.SIGINT)
    status, said = batches.end_of(process)
    assert status == 3
    assert "same command collects them" in said
    emulator.batch_delay = 0.0
    assert batches.run("--remote")[0] == 0
    assert len(emulator.batches.listed()) == 1


def test_a_batch_that_failed(batches: Batches) -> None:
    """Status 3 and the server's reason."""
    write_lines(batches.source, [request("one", model="no-such-model")])
    status, said = batches.run("--remote")
    assert status == 3
    assert "no-such-model" in said


def test_a_server_without_the_batch_api(batches: Batches) -> None:
    """Status 3 and the refusal, as one line."""
    write_lines(batches.source, requests(1))
    status, said = batches.run("--remote", "--base-url", f"{batches.server.base_url}/nothing")
    assert status == 3
    assert said.startswith("Error: ")
    assert said.count("\n") == 1
    assert NotFoundError.__name__ not in said


@pytest.mark.parametrize(
    "options",
    [
        ("--remote", "--unordered"),
        ("--remote", "--max-in-flight", "2"),
        ("--remote", "--ambiguous", "skip"),
        ("--remote", "--max-cost", "1"),
        ("--remote", "--max-tokens", "1"),
        ("--max-wait", "1"),
        ("--part-rows", "1"),
        ("--part-tokens", "1"),
    ],
)
def test_options_that_have_no_meaning(batches: Batches, options: tuple[str, ...]) -> None:
    """Status 2; nothing is sent."""
    write_lines(batches.source, requests(1))
    status, said = batches.run(*options)
    assert status == 2
    assert "no meaning" in said
    assert not batches.out.exists()
