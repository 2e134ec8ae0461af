"""What all runs of one OUT came to, read from OUT, so that nothing that ends a run loses it; and bounds on it."""

from __future__ import annotations

import json
import os
import re
from functools import partial
from pathlib import Path
from typing import Any

import anyio
import pytest
from hypothesis import given, strategies as st

from openai_async import APITimeoutError, AsyncClient, InvalidParameterError
from openai_async.batch import BatchSummary, BatchTotals
from openai_async.batch.input.rows import Row
from openai_async.batch.output.output_file import Journal
from openai_async.batch.output.output_lines import Outcome, failure, parse, success
from openai_async.batch.spent import NOTHING, SPENT, Spent
from openai_async.emulator import Emulator, Latency, Serving
from openai_async.testing import FaultServer, Gate, Request, Script, json_reply
from openai_async.types.meta import Meta
from tests.batch.files import ids, read_lines, request, sent, until, write_lines

PRICES = {"emulated-mini": (1.0, 1.0), "m": (1.0, 2.0)}
#: Dollars of one row of the emulator at these prices, and its tokens.
EACH, TOKENS = 12e-6, 12
CHOICE = {"index": 0, "message": {"role": "assistant", "content": "Hi."}}
USAGE = {"prompt_tokens": 10, "completion_tokens": 5, "total_tokens": 15}
#: An answer, and its cost.
ANSWER, COST = json_reply({"model": "m", "choices": [CHOICE], "usage": USAGE}), 20e-6
#: One that was paid for, and has nothing in it.
EMPTY = json_reply({"model": "m", "choices": None, "usage": USAGE})


def rows(count: int) -> list[dict[str, Any]]:
    return [request(f"row-{number}") for number in range(count)]


async def run(base_url: str, directory: Path, **options: Any) -> BatchSummary:
    """One run in a client of its own."""
    prices = options.pop("prices", PRICES)
    async with AsyncClient(api_key="k", base_url=base_url, prices=prices, max_retries=0) as client:
        return await client.batch.run(directory / "in", directory / "out", **options)


def are(found: BatchTotals, done: int, tokens: int, cost: float, **counts: int) -> bool:
    """Whether totals are these, and all other counts are 0."""
    expected = BatchTotals(done, 0, tokens, 0, found.cost, **counts)
    return found == expected and found.cost == pytest.approx(cost)


# ---- totals


async def test_runs_add_up(tmp_path: Path, server: Serving) -> None:
    """Rows, tokens and cost of all runs stand beside those of this one; a first run is all runs."""
    write_lines(tmp_path / "in", rows(30))
    first = await run(server.base_url, tmp_path, max_total_tokens=10 * TOKENS)
    assert first.all_runs == first.this_run
    assert (first.done, first.tokens, first.cost) == (10, 10 * TOKENS, pytest.approx(10 * EACH))
    second = await run(server.base_url, tmp_path)
    assert (second.done, second.tokens, second.cost) == (20, 20 * TOKENS, pytest.approx(20 * EACH))
    assert are(second.all_runs, 30, 30 * TOKENS, 30 * EACH)
    third = await run(server.base_url, tmp_path)  # nothing to do, and OUT was put in order
    assert third.this_run == BatchTotals()
    assert are(third.all_runs, 30, 30 * TOKENS, 30 * EACH)
    assert "all_runs=" in repr(third)
    assert third.to_dict()["all_runs"]["tokens"] == 30 * TOKENS


async def test_what_a_killed_run_had_in_flight_may_have_been_charged(
    emulator: Emulator, server: Serving, tmp_path: Path
) -> None:
    """Rows that were in flight are in no sum, and so the cost is told as a part of it, also long after they were
    sent again and OUT was put in order."""
    write_lines(tmp_path / "in", rows(20))
    await run(server.base_url, tmp_path, max_total_tokens=5 * TOKENS, max_in_flight=1)
    emulator.latency = Latency(first_token=60.0)
    async with anyio.create_task_group() as group:
        group.start_soon(partial(run, server.base_url, tmp_path, max_in_flight=4))
        await until(lambda: emulator.stats.in_flight == 4)
        group.cancel_scope.cancel()
    emulator.latency = Latency()
    looked = await run(server.base_url, tmp_path, max_total_tokens=1, bounds="all_runs")
    assert (looked.done, looked.all_runs.unanswered) == (0, 4)
    for _ in range(2):
        summary = await run(server.base_url, tmp_path)
        assert are(summary.all_runs, 20, 20 * TOKENS, 20 * EACH, unanswered=4)
        assert summary.all_runs.spent == ">= $0.0002"
    assert ids(tmp_path / "out") == [f"row-{number}" for number in range(20)]


async def test_failures_that_were_paid_for_are_counted(tmp_path: Path) -> None:
    """An answer without content has cost what it says, also when the row is answered later and that line is gone."""
    write_lines(tmp_path / "in", [request("a", model="m")])
    replies = iter([EMPTY, ANSWER])
    with FaultServer(lambda _: next(replies)) as server:
        first = await run(server.base_url, tmp_path)
        assert (first.failed, first.tokens, first.cost) == (1, 15, pytest.approx(COST))
        summary = await run(server.base_url, tmp_path)
    assert (summary.ok, summary.tokens, summary.cost) == (True, 15, pytest.approx(COST))
    assert are(summary.all_runs, 1, 30, 2 * COST)
    assert len(read_lines(tmp_path / "out")) == 1


async def test_unpriced_answers_are_never_free(tmp_path: Path) -> None:
    """A price that is not known makes the cost unknown, or a part of it where other answers had one."""
    write_lines(tmp_path / "in", [request("a", model="m"), request("b", model="unknown")])
    unknown = json_reply({"model": "unknown", "choices": [CHOICE], "usage": USAGE})
    with FaultServer(lambda it: unknown if b"unknown" in it.body else ANSWER) as server:
        nothing = await run(server.base_url, tmp_path, prices={})
        assert (nothing.cost, nothing.this_run.cost, nothing.this_run.unpriced) == (None, None, 2)
        assert nothing.this_run.spent == "unknown"
        (tmp_path / "out").unlink()
        part = await run(server.base_url, tmp_path)
    assert (part.cost, part.this_run.cost, part.this_run.unpriced) == (None, pytest.approx(COST), 1)
    assert part.this_run.spent == ">= $0.0000"


async def test_a_row_without_an_answer_is_not_free(tmp_path: Path) -> None:
    """A timeout after the request was sent may have been charged; a refusal, or no connection, has not."""
    refused = json_reply({"error": {"message": "No.", "code": "bad"}}, 400)
    failed = json_reply({"error": {"message": "Oops."}}, 500)

    def answer(it: Request) -> Script:
        name = json.loads(it.body)["messages"][0]["content"]
        return {"late": (Gate("never"), *ANSWER), "refused": refused, "failed": failed}.get(name, ANSWER)

    write_lines(tmp_path / "in", [request(name, name, model="m") for name in ("late", "refused", "failed", "good")])
    with FaultServer(answer) as server:
        summary = await run(server.base_url, tmp_path, timeout=0.5)
        gone = server.base_url
    assert (summary.failed, summary.this_run.unanswered, summary.this_run.cost) == (3, 2, pytest.approx(COST))
    summary = await run(gone, tmp_path)
    assert (summary.this_run.unanswered, summary.all_runs.unanswered) == (0, 2)


async def test_local_and_remote_runs_add_up(tmp_path: Path, server: Serving) -> None:
    """`run` and `remote` share the totals of one OUT."""
    write_lines(tmp_path / "in", rows(6))
    first = await run(server.base_url, tmp_path, max_total_tokens=2 * TOKENS, max_in_flight=1)
    async with AsyncClient(api_key="k", base_url=server.base_url, prices=PRICES) as client:
        second = await client.batch.remote(tmp_path / "in", tmp_path / "out", poll=(0.01, 0.05))
    assert (first.done, second.done) == (2, 4)
    assert second.all_runs.tokens == first.tokens + second.tokens == 6 * TOKENS
    assert second.all_runs.cost == pytest.approx((first.cost or 0) + (second.cost or 0))
    third = await run(server.base_url, tmp_path)
    assert (third.all_runs.tokens, third.all_runs.cost) == (6 * TOKENS, pytest.approx(second.all_runs.cost))


def test_an_output_of_an_earlier_version_tells_its_tokens() -> None:
    """A line that does not say what it cost counts as one whose cost is not known."""
    line = json.loads(success(row(3), Meta(), json.dumps({"choices": [], "usage": USAGE}).encode()).line)
    line["id"] = "batch_req_000000003_00000001"
    assert parse(json.dumps(line).encode()).spent == Spent(15, unpriced=1)
    failed = json.loads(failure(row(3), APITimeoutError("late", phase="response")).line)
    failed["id"] = "batch_req_000000003_00000001"
    assert parse(json.dumps(failed).encode()).spent == Spent(unanswered=1)


# ---- bounds


async def test_a_bound_on_this_run_is_one_for_each(tmp_path: Path, server: Serving) -> None:
    """By default each run may spend as much again."""
    write_lines(tmp_path / "in", rows(40))
    for number in range(1, 4):
        summary = await run(server.base_url, tmp_path, max_cost=9.5 * EACH)
        assert (summary.stopped, summary.done) == ("max_cost", 10)
        assert summary.all_runs.cost == pytest.approx(10 * number * EACH)


async def test_a_bound_on_all_runs_is_one_for_all(tmp_path: Path, server: Serving, emulator: Emulator) -> None:
    """Three runs with one bound spend it once; when it is reached nothing is sent, and a higher one goes on."""
    write_lines(tmp_path / "in", rows(60))
    assert (await run(server.base_url, tmp_path, max_total_tokens=10 * TOKENS)).done == 10
    second = await run(server.base_url, tmp_path, max_cost=19.5 * EACH, bounds="all_runs", max_in_flight=32)
    assert (second.stopped, second.done, second.all_runs.done) == ("max_cost", 10, 20)
    before = emulator.stats.requests
    third = await run(server.base_url, tmp_path, max_cost=19.5 * EACH, bounds="all_runs")
    assert (third.stopped, third.done, third.left, third.complete) == ("max_cost", 0, 40, False)
    fourth = await run(server.base_url, tmp_path, max_total_tokens=20 * TOKENS, bounds="all_runs")
    assert (fourth.stopped, fourth.done) == ("max_total_tokens", 0)
    assert emulator.stats.requests == before
    fifth = await run(server.base_url, tmp_path, max_cost=29.5 * EACH, bounds="all_runs", max_in_flight=32)
    assert (fifth.done, fifth.all_runs.done) == (10, 30)
    assert (await run(server.base_url, tmp_path)).ok
    done = await run(server.base_url, tmp_path, max_cost=EACH, bounds="all_runs")
    assert (done.stopped, done.complete) == (None, True)  # there is nothing left to spend on
    assert set(sent(emulator).values()) == {1}


async def test_a_bound_on_all_runs_counts_what_a_kill_has_cost(
    tmp_path: Path, server: Serving, emulator: Emulator
) -> None:
    """Rows that were in flight at a kill count as the mean, so that kills are not a way past the bound."""
    write_lines(tmp_path / "in", rows(40))
    await run(server.base_url, tmp_path, max_total_tokens=10 * TOKENS)
    out = tmp_path / "out"
    journal = Journal.open(str(out), os.stat(tmp_path / "in"))
    journal.replay(100, int)
    for index in range(20, 26):
        journal.inflight.record(index, 0, journal.size)
    journal.close()
    summary = await run(server.base_url, tmp_path, max_cost=19.5 * EACH, bounds="all_runs", max_in_flight=8)
    assert (summary.stopped, summary.done, summary.all_runs.unanswered) == ("max_cost", 4, 6)


async def test_a_bound_of_nothing_known_is_refused_or_stops(tmp_path: Path, server: Serving) -> None:
    """What is to be bounded must be one of two; costs of earlier runs that are not known cannot be bounded."""
    write_lines(tmp_path / "in", rows(20))
    with pytest.raises(InvalidParameterError, match="bounds: must be"):
        await run(server.base_url, tmp_path, bounds="all")
    await run(server.base_url, tmp_path, max_total_tokens=5 * TOKENS, prices={}, max_in_flight=1)
    summary = await run(server.base_url, tmp_path, max_cost=1e6, bounds="all_runs")
    assert (summary.stopped, summary.done, summary.all_runs.unpriced) == ("max_cost", 0, 5)
    assert (await run(server.base_url, tmp_path, max_cost=1e6)).ok


# ---- arithmetic

COUNTS = st.integers(0, 10**12)
SPENDINGS = st.builds(Spent, COUNTS, COUNTS, st.floats(0, 1e9, allow_subnormal=True), COUNTS, COUNTS)


def row(index: int, spent: Spent = NOTHING) -> Row:
    return Row(index, 0xABC, 0xDEF, f"id-{index}", "/chat/completions", {}, spent)


@given(SPENDINGS)
def test_what_was_spent_is_read_as_it_was_written(spent: Spent) -> None:
    """To the last bit, in a form that fits an id."""
    assert re.fullmatch(SPENT, str(spent))
    assert Spent.read(str(spent)) == spent
    assert parse(success(row(1), Meta(), b"{}", spent).line).spent == spent


@given(st.lists(st.tuples(st.integers(0, 5), st.booleans(), SPENDINGS), max_size=30), st.sets(st.integers(0, 5)))
def test_the_last_lines_tell_the_total(
    tmp_path_factory: pytest.TempPathFactory, ends: list[tuple[int, bool, Spent]], doubtful: set[int]
) -> None:
    """However often rows fail before they are answered, before and after OUT was put in order, the total is the sum."""
    out = tmp_path_factory.mktemp("totals") / "out"
    journal = Journal.open(str(out), os.stat(__file__))
    known: dict[int, Spent] = {}
    answered: set[int] = set()
    total = NOTHING
    journal.replay(10, int)
    for index, ok, spent in ends:
        if index in answered:
            continue
        outcome = ended(row(index, known.get(index, NOTHING)), ok, spent)
        known[index] = known.get(index, NOTHING) + outcome.spent
        total += outcome.spent
        answered |= {index} if ok else set()
        journal.append([(index, outcome.line)], sync=False)
    in_flight = doubtful - answered
    for index in in_flight:
        journal.inflight.record(index, 0, journal.size)
    journal.close()
    assert_total(out, total + Spent(unanswered=len(in_flight)))
    journal = Journal.open(str(out), os.stat(__file__))
    journal.replay(10, int)
    journal.finish(int, ordered=True)
    journal.close()
    assert_total(out, total)


def ended(row: Row, ok: bool, spent: Spent) -> Outcome:
    if ok:
        return success(row, Meta(), b"{}", spent)
    return failure(row, APITimeoutError("late", phase="response"), spent)


def assert_total(out: Path, expected: Spent) -> None:
    journal = Journal.open(str(out), os.stat(__file__))
    found = journal.replay(10, int).total
    journal.close()
    counts = ("tokens", "tokens_estimated", "unpriced", "unanswered")
    assert [getattr(found, name) for name in counts] == [getattr(expected, name) for name in counts]
    assert found.cost == pytest.approx(expected.cost)
