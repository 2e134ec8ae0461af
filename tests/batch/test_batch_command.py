"""`openai-async batch`: what it says, and with which status it ends."""

from __future__ import annotations

import errno
import json
import os
import re
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

from openai_async.cli.batch import batch as batch_command
from openai_async.emulator import Emulator, Latency, RateLimits, Serving
from tests.batch.files import ids, journal_of, read_lines, request, requests, sent, write_lines
from tests.cli.commands import ENVIRONMENT, Commands


class Batches:
    """Runs of the command on IN and OUT in one directory, against an emulator."""

    def __init__(self, commands: Commands, server: Serving, directory: Path) -> None:
        self.source = directory / "in.jsonl"
        self.out = directory / "out.jsonl"
        self._commands = commands
        self.server = server

    def start(self, *options: str) -> subprocess.Popen[bytes]:
        arguments = ("batch", *options, str(self.source), str(self.out))
        return self._commands.start(*arguments, env={"OPENAI_BASE_URL": self.server.base_url})

    def run(self, *options: str) -> tuple[int, str]:
        """The exit status, and standard error; standard output is empty in every case."""
        return self.end_of(self.start(*options))

    def end_of(self, process: subprocess.Popen[bytes]) -> tuple[int, str]:
        ended = self._commands.end_of(process)
        assert ended.out == ""
        return ended.status, ended.err


@pytest.fixture
def commands() -> Iterator[Commands]:
    commands = Commands()
    yield commands
    commands.close()


@pytest.fixture
def batches(commands: Commands, server: Serving, tmp_path: Path) -> Batches:
    return Batches(commands, server, tmp_path)


def test_all_rows_answered(batches: Batches) -> None:
    """Status 0, one sentence, answers in order; the same command again has nothing to do."""
    write_lines(batches.source, requests(20))
    status, said = batches.run()
    assert (status, said.count("\n")) == (0, 1)
    assert said.startswith("20 of 20 rows answered, 0 failed; ")
    assert ids(batches.out) == [f"row-{number}" for number in range(20)]
    status, said = batches.run()
    assert status == 0
    tokens = sum(line["response"]["body"]["usage"]["total_tokens"] for line in read_lines(batches.out))
    totals = f"All runs of OUT: 20 rows answered; {tokens} tokens, cost unknown.\n"
    assert said == f"Nothing to do: all 20 rows are in OUT.\n{totals}"
    assert batches.run("--quiet") == (0, "")


def test_a_table_of_prompts(batches: Batches, emulator: Emulator) -> None:
    """A CSV file, a template, shared parameters and a system message make chats."""
    batches.source = batches.source.with_suffix(".csv")
    batches.source.write_text('text,custom_id\n"cat, big",one\ndog,two\n')
    options = ["--model", "emulated-mini", "--template", "Into French: {text}", "--system", "Be brief."]
    status, said = batches.run(*options, "--param", "max_completion_tokens=3", "--param", "user=me", "--unordered")
    assert status == 0, said
    assert sorted(ids(batches.out)) == ["one", "two"]
    assert {entry.completion_tokens for entry in emulator.ledger.entries()} == {3}


def test_a_column_of_prompts(batches: Batches, emulator: Emulator) -> None:
    """The prompt may stand in a column as it is; a bad record is named by the line that it begins on."""
    batches.source = batches.source.with_suffix(".csv")
    batches.source.write_text('question,kind\n"Why,\nand how?",a\nWho?,b,too many\n,c\nWhen?,d\n')
    status, said = batches.run("--model", "emulated-mini", "--prompt-column", "question", "--param", "max_tokens=3")
    assert status == 1
    assert "line 4: has 3 columns, the header has 2\nline 5: column 'question' is empty\n" in said
    assert "2 of 4 rows answered, 0 failed, 2 bad lines" in said
    assert ids(batches.out) == ["row-0", "row-3"]
    assert {entry.completion_tokens for entry in emulator.ledger.entries()} == {3}


def test_what_a_run_may_spend(batches: Batches, emulator: Emulator) -> None:
    """Status 3 at --max-tokens and --max-cost, with the bound's name; the same command without it goes on."""
    write_lines(batches.source, requests(60))
    status, said = batches.run("--max-tokens", "100")
    assert status == 3
    assert "Stopped at --max-tokens, which" in said
    assert "rows are left; the same command goes on" in said
    done = len(ids(batches.out))
    assert 0 < done < 20
    status, said = batches.run("--max-cost", "0.01")
    assert status == 3
    assert re.search(r"Stopped at --max-cost: the price of \d+ answers is not known\.", said)
    assert batches.run()[0] == 0
    assert set(sent(emulator).values()) == {1}


def test_a_bound_says_what_it_bounds(batches: Batches, emulator: Emulator) -> None:
    """--bounds has a bound hold for all runs of OUT; their totals stand beside those of this run."""
    write_lines(batches.source, requests(60))
    status, said = batches.run("--max-tokens", "200", "--max-in-flight", "1")
    assert (status, "All runs" in said) == (3, False)
    assert "Stopped at --max-tokens, which bounds this run alone: the next one may spend as much again" in said
    before = len(ids(batches.out))
    status, said = batches.run("--max-tokens", "200", "--bounds", "all-runs")
    assert status == 3
    assert f"All runs of OUT: {before} rows answered; " in said
    assert "Stopped at --max-tokens, which bounds all runs of OUT together." in said
    assert f"{60 - before} rows are left; the same command with a higher bound goes on." in said
    assert emulator.stats.requests == before
    status, said = batches.run("--max-tokens", "100000", "--bounds", "all-runs")
    assert status == 0
    assert f"{60 - before} of 60 rows answered, 0 failed, {before} were there before; " in said
    assert "All runs of OUT: 60 rows answered; " in said
    assert batches.run("--max-cost", "1", "--bounds", "all-runs")[0] == 0  # there is nothing left


def test_a_cause_that_all_rows_share_is_told(batches: Batches, emulator: Emulator) -> None:
    """Status 3 after a few rows, the server's reason with the first row and as the error; corrected, it goes on."""
    write_lines(batches.source, requests(300))
    status, said = batches.run("--param", "temprature=1")
    assert status == 3
    assert emulator.stats.requests <= 50
    assert re.search(r"20 x BadRequestError, first row-\d+: 400: .*temprature", said)
    assert "280 rows are left; the same command goes on." in said
    assert re.search(r"\nError: 400: .*temprature", said)
    status, said = batches.run("--param", "temperature=1")
    assert (status, "300 of 300 rows answered, 0 failed; " in said) == (0, True), said


def test_rate_limits_can_be_stated(batches: Batches, emulator: Emulator) -> None:
    """A limit that the command is told is kept: of a server that enforces it, no row is refused."""
    emulator._limits = RateLimits(requests_per_minute=3_000, window=1)  # 50 a second
    write_lines(batches.source, requests(80))
    assert batches.run("--rps", "100", "--share", "0.5")[0] == 0
    assert emulator.stats.rate_limited == 0


def test_rows_that_failed_and_lines_that_are_bad(batches: Batches) -> None:
    """Status 1: bad lines are named by their number, failures by their kind, and the rest is answered."""
    bad = [f"oops {number}" for number in range(12)]
    write_lines(batches.source, [request("a"), request("b", model="unknown"), *bad, request("c")])
    status, said = batches.run()
    assert status == 1
    assert "line 3: not JSON" in said
    assert "line 12: not JSON" in said
    assert "line 13" not in said
    assert "... and 2 more bad lines" in said
    assert "2 of 15 rows answered, 1 failed (NotFoundError 1), 12 bad lines" in said
    status, said = batches.run()
    assert status == 1
    assert "3 were there before (1 of them failures)" in said


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["--endpoint", "/v1/nothing"], "--endpoint: must be one of"),
        (["--template", "{"], "--template: "),
        (["--param", "novalue"], "--param: 'novalue' is not NAME=VALUE"),
        (["--max-in-flight", "0"], "--max-in-flight"),
        (["--prompt-column", "missing", "--format", "csv"], "no column 'missing'"),
        (["--param", "seed=1"], "is not the request that was answered"),
        (["--base-url", "http://example.com/v1"], "--allow-http"),
        (["--share", "0.5"], "--share"),
        (["--bounds", "all-runs"], "--bounds"),
        (["--max-cost", "1", "--bounds", "both"], "--bounds"),
        (["--max-cost", "0"], "--max-cost"),
        (["--max-tokens", "-1"], "--max-tokens"),
    ],
)
def test_what_cannot_be_carried_out(batches: Batches, emulator: Emulator, options: list[str], words: str) -> None:
    """Status 2, one line that says what is wrong, and nothing was sent."""
    write_lines(batches.source, [request("a")])
    if "seed=1" in options:
        assert batches.run()[0] == 0
    before = emulator.stats.requests
    status, said = batches.run(*options)
    assert status == 2
    assert words in said
    assert said.count("\n") == 1
    assert emulator.stats.requests == before


def test_a_missing_input(batches: Batches) -> None:
    """Status 2 and the name of the file."""
    status, said = batches.run()
    assert status == 2
    assert str(batches.source) in said


def test_an_output_that_cannot_be_written(batches: Batches) -> None:
    """Status 4, and the file that was there is as it was."""
    write_lines(batches.source, [request("a")])
    batches.out.write_text("Dear diary,\n")
    status, said = batches.run()
    assert status == 4
    assert "no line of a batch at byte 0" in said
    assert batches.out.read_text() == "Dear diary,\n"


#: Runs the command with a system call that fails: what it is called with, and the number of the error.
FAILING = """
import os, sys
from openai_async.cli import main
name, path, number = sys.argv[1], sys.argv[2], int(sys.argv[3])
del sys.argv[1:4]
real = getattr(os, name)
calls = []
def failing(file, *rest):
    there = os.path.exists(path) and os.stat(path)
    if file == path or (isinstance(file, int) and there and os.path.samestat(os.fstat(file), there)):
        calls.append(file)
        if file == path or len(calls) > 1:
            raise OSError(number, os.strerror(number))
    return real(file, *rest)
setattr(os, name, failing)
sys.exit(main())
"""


def run_failing(batches: Batches, name: str, number: int) -> tuple[int, str]:
    """The command, where `os.name` fails for OUT: from the first call by its path, the second by a descriptor."""
    command = [sys.executable, "-c", FAILING, name, str(batches.out), str(number)]
    command += ["batch", "--max-in-flight", "4", str(batches.source), str(batches.out)]
    environment = {**os.environ, **ENVIRONMENT, "OPENAI_BASE_URL": batches.server.base_url}
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=50, check=False)
    assert done.stdout == ""
    return done.returncode, done.stderr


def test_a_full_disk(batches: Batches, emulator: Emulator) -> None:
    """Status 4 and one line that says so; with room, the same command sends only what is not in OUT."""
    emulator.latency = Latency(first_token=0.01)
    write_lines(batches.source, requests(60))
    status, said = run_failing(batches, "pwrite", errno.ENOSPC)
    assert (status, said) == (4, f"Error: {batches.out}: the disk is full. Make room; the same run goes on\n")
    before = set(ids(batches.out))
    assert 0 < len(before) < 60
    once = sent(emulator)
    assert batches.run()[0] == 0
    again = sent(emulator)
    assert {name: again[name] for name in before} == {name: once[name] for name in before}
    assert ids(batches.out) == [f"row-{number}" for number in range(60)]


def test_a_read_only_file_system(batches: Batches, emulator: Emulator) -> None:
    """Status 4 before anything is sent."""
    write_lines(batches.source, requests(3))
    status, said = run_failing(batches, "open", errno.EROFS)
    assert (status, said) == (4, f"Error: {batches.out}: the file system is read-only\n")
    assert emulator.stats.requests == 0


def test_a_second_writer(batches: Batches, emulator: Emulator) -> None:
    """Status 2 for the second one, which sends nothing; the first one does not notice."""
    emulator.latency = Latency(first_token=3_600)
    write_lines(batches.source, requests(3))
    first = batches.start()
    while emulator.stats.in_flight < 3:
        assert first.poll() is None
        time.sleep(0.001)
    status, said = batches.run()
    assert (status, said) == (2, f"Error: {batches.out}: another run is writing it\n")
    assert emulator.stats.requests == 3
    assert first.poll() is None


def test_a_torn_end_is_mended(batches: Batches, emulator: Emulator) -> None:
    """Of a last line that was cut off, the row is sent again, and no other."""
    write_lines(batches.source, requests(20))
    assert batches.run()[0] == 0
    whole = batches.out.read_bytes()
    batches.out.write_bytes(whole[:-50])
    status, said = batches.run()
    assert status == 0
    assert "1 of 20 rows answered, 0 failed, 19 were there before" in said
    assert ids(batches.out) == [f"row-{number}" for number in range(20)]
    assert sent(emulator) == Counter({**{f"row-{number}": 1 for number in range(19)}, "row-19": 2})


def test_a_drained_account(batches: Batches, emulator: Emulator) -> None:
    """Status 3 and the advice for that error: rows are left, and none of them could have succeeded."""
    emulator.drain("sk-invented-for-tests")
    write_lines(batches.source, requests(30))
    status, said = batches.run("--max-in-flight", "2")
    assert status == 3
    assert "rows are left; the same command goes on" in said
    assert "check the plan and the billing" in said
    emulator.refill("sk-invented-for-tests")
    assert batches.run()[0] == 0


def test_ctrl_c_finishes_what_is_in_flight(batches: Batches, emulator: Emulator) -> None:
    """Status 3: everything that was sent is in OUT, and the same command sends only the rest."""
    emulator.latency = Latency(first_token=0.05)
    write_lines(batches.source, requests(100))
    process = batches.start("--max-in-flight", "4")
    wait_for_lines(process, batches.out, 8)
    process.send_signal(signal.SIGINT)
    status, said = batches.end_of(process)
    assert status == 3
    assert "Finishing what is in flight" in said
    assert "rows are left" in said
    assert sent(emulator) == Counter(ids(batches.out))
    assert not journal_of(batches.out).exists()
    emulator.latency = Latency()
    assert batches.run()[0] == 0
    assert set(sent(emulator).values()) == {1}


def test_a_second_ctrl_c_stops_at_once(batches: Batches, emulator: Emulator) -> None:
    """Status 3 without waiting for the rows in flight; what was answered is in OUT, and the next run names the rest."""
    write_lines(batches.source, [request(f"fast-{n}") for n in range(3)] + [request(f"slow-{n}") for n in range(3)])
    assert batches.run()[0] == 0
    write_lines(batches.source, [*(request(f"fast-{n}") for n in range(3)), *(request(f"slow-{n}") for n in range(6))])
    emulator.latency = Latency(first_token=30)
    process = batches.start()
    while emulator.stats.in_flight < 3:
        time.sleep(0.001)
    process.send_signal(signal.SIGINT)
    assert process.stderr is not None
    assert b"once more to stop at once" in process.stderr.readline()
    process.send_signal(signal.SIGTERM)
    status, said = batches.end_of(process)
    assert status == 3
    assert "Stopped at once" in said
    emulator.latency = Latency()
    status, said = batches.run()
    assert status == 0
    assert "3 rows were in flight when an earlier run was killed: slow-3, slow-4, slow-5" in said


def test_progress_on_a_terminal(commands: Commands, server: Serving, tmp_path: Path) -> None:
    """On a terminal a few lines are drawn again and again, and the sentence stands under them."""
    source = write_lines(tmp_path / "in", requests(30))
    arguments = ["batch", str(source), str(tmp_path / "out")]
    ended = commands.run_on_terminal(*arguments, env={"OPENAI_BASE_URL": server.base_url, "COLUMNS": "120"})
    assert ended.status == 0
    told = re.sub(r"\x1b\[[0-9;?]*[a-zA-Z]", "", ended.out)
    assert re.search(r"100%  30/30 done +0 failed +0 in flight\n +- calls/min +- tokens/min\n +\d+s so far", told)
    assert ended.out.rindex("\x1b[?25h") > ended.out.rindex("\x1b[?25l")  # the cursor is shown again
    assert told.index("30/30 done") < told.index("30 of 30 rows answered")


def test_parameters_from_files(batches: Batches, emulator: Emulator, tmp_path: Path) -> None:
    """`NAME=@FILE` takes JSON or text from a file; one that cannot be read is named before anything is sent."""
    write_lines(batches.source, [{"text": "Hi", "sku": "a1"}])
    (tmp_path / "stop.json").write_text('["zzz"]')
    table = ("--model", "emulated-mini", "--prompt-column", "text", "--id-column", "sku")
    status, said = batches.run(*table, "--param", f"stop=@{tmp_path}/missing")
    assert (status, said.count("\n")) == (2, 1)
    assert f"--param stop: {tmp_path}/missing: No such file" in said
    (tmp_path / "n").write_text("2")
    options = ("--param", f"stop=@{tmp_path}/stop.json", "--param", f"max_tokens=@{tmp_path}/n")
    status, said = batches.run(*table, *options)
    assert (status, ids(batches.out)) == (0, ["a1"]), said
    assert [entry.completion_tokens for entry in emulator.ledger.entries()] == [2]


def test_help_has_every_option_once_in_sections(commands: Commands) -> None:
    """The options stand in groups, and no line is wider than a terminal of 80 columns."""
    said = commands.run("batch", "--help", env={"COLUMNS": "80"}).out
    for heading in ("What IN holds:", "Pace and limits:", "The Batch API:", "Other options:"):
        assert f"\n{heading}\n" in said
    assert max(map(len, said.splitlines())) <= 80
    options = re.findall(r"^  (--[a-z-]+)", said, re.MULTILINE)
    assert len(options) == len(set(options)) == len(batch_command.params) - 2  # IN and OUT


def test_help_names_every_status(commands: Commands) -> None:
    """The exit statuses are a promise to scripts, and stand in the help."""
    said = commands.run("batch", "--help").out
    for status in range(5):
        assert f"  {status}  " in said


def wait_for_lines(process: subprocess.Popen[bytes], out: Path, lines: int) -> None:
    while process.poll() is None and (not out.exists() or out.read_bytes().count(b"\n") < lines):
        time.sleep(0.001)


def test_importing_the_library_does_not_import_the_command() -> None:
    """Only the command line needs click and rich; batches do not."""
    code = "import sys, json, openai_async.batch; print(json.dumps(sorted(sys.modules)))"
    loaded = json.loads(subprocess.run([sys.executable, "-c", code], capture_output=True, check=True).stdout)
    assert not {"click", "rich"} & {name.partition(".")[0] for name in loaded}
