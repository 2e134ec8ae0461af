"""Runs against the emulator: what is sent, what is written, and what a second run does about it."""

from __future__ import annotations

import asyncio
import json
import os
from collections import Counter
from collections.abc import Iterator
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import Any

import anyio
import pytest

from openai_async import APIStatusError, AsyncClient, InvalidParameterError
from openai_async._pipeline.request import Request as CallRequest
from openai_async.batch import (
    BatchHaltedError,
    BatchInputError,
    BatchLockedError,
    BatchMismatchError,
    BatchProgress,
    BatchSummary,
)
from openai_async.batch.output import disk
from openai_async.emulator import Emulator, Faults, Latency, Serving
from openai_async.testing import FaultServer, Request, Rst, Script, json_reply, pending_tasks, respond
from tests.batch.conftest import Place
from tests.batch.files import (
    ids,
    journal_of,
    notes,
    read_lines,
    request,
    requests,
    sent,
    until,
    whole_lines,
    write_lines,
)
from tests.inside import pipeline_of

# ---- what is sent and written


async def test_every_row_is_answered_in_order(place: Place, emulator: Emulator) -> None:
    """Each row is sent once, its answer stands in its place as the Batch API writes it, and the summary counts it."""
    write_lines(place.source, requests(150))
    summary = await place.run(max_in_flight=16)
    names = [f"row-{number}" for number in range(150)]
    assert sent(emulator) == Counter(names)
    assert ids(place.out) == names
    line = read_lines(place.out)[149]
    assert line.keys() == {"id", "custom_id", "response", "error"}
    assert line["id"].startswith("batch_req_000000149_")
    assert line["error"] is None
    assert line["response"]["status_code"] == 200
    assert line["response"]["request_id"].startswith("req_")
    assert line["response"]["body"]["choices"][0]["message"]["content"]
    assert (summary.total, summary.done, summary.failed, summary.skipped, summary.left) == (150, 150, 0, 0, 0)
    assert summary.tokens == emulator.stats.tokens > 0
    assert summary.ok
    assert not journal_of(place.out).exists()


async def test_no_more_rows_are_in_flight_than_asked(place: Place, emulator: Emulator) -> None:
    """`max_in_flight` is a bound, and rows do use it."""
    emulator.latency = Latency(first_token=0.01)
    write_lines(place.source, requests(60))
    await place.run(max_in_flight=7)
    assert emulator.stats.max_in_flight == 7


async def test_a_finished_batch_sends_nothing(place: Place, emulator: Emulator) -> None:
    """Running a batch again that is complete reads two files, and leaves OUT as it is."""
    write_lines(place.source, requests(10))
    await place.run()
    before = place.out.read_bytes()
    summary = await place.run()
    assert (summary.skipped, summary.done, summary.ok) == (10, 0, True)
    assert emulator.stats.requests == 10
    assert place.out.read_bytes() == before


async def test_more_rows_may_follow(place: Place, emulator: Emulator) -> None:
    """Lines that are added to IN later are the only ones that the next run sends."""
    write_lines(place.source, requests(5))
    await place.run()
    write_lines(place.source, requests(9))
    assert (await place.run()).done == 4
    assert sent(emulator) == Counter(ids(place.out)) == Counter(f"row-{number}" for number in range(9))


async def test_without_order_lines_stay_as_they_were_written(place: Place, emulator: Emulator) -> None:
    """`ordered=False` never writes the file anew."""
    emulator.latency = Latency(first_token=0.01, jitter=1)
    write_lines(place.source, requests(40))
    await place.run(ordered=False)
    assert ids(place.out) != sorted(ids(place.out), key=lambda name: int(name[4:]))
    assert len(ids(place.out)) == 40
    inode = place.out.stat().st_ino
    await place.run(ordered=False)
    assert place.out.stat().st_ino == inode


async def test_bad_lines_are_counted_and_the_rest_runs(place: Place, emulator: Emulator) -> None:
    """Bad lines and ids used twice are named by their number; the others are answered; a second run says the same."""
    lines: list[object] = [request("a"), "oops", request("b"), "", request("a"), {**request("c"), "method": "GET"}]
    write_lines(place.source, lines)
    for _ in range(2):
        summary = await place.run()
        assert [(line.number, line.reason) for line in summary.bad_lines] == [
            (2, "not JSON, from column 1"),
            (5, "the custom_id 'a' was used before"),
            (6, "'method' must be POST"),
        ]
        assert (summary.total, summary.bad, summary.left, summary.complete, summary.ok) == (5, 3, 0, True, False)
    assert sent(emulator) == {"a": 1, "b": 1}


async def test_a_body_is_sent_as_it_stands(tmp_path: Path) -> None:
    """Nulls are sent, and fields with the names of call options are fields: a file steers nothing but its body."""
    seen: list[Request] = []

    def answer(request: Request) -> Script:
        seen.append(request)
        return json_reply({"choices": [], "usage": None})

    body = {"stop": None, "timeout": 1e-9, "extra_headers": {"authorization": "x"}, "max_retries": -1, "deadline": 0}
    source = write_lines(tmp_path / "in", [request("é", **body), request("plain", **body), request("x" * 513)])
    with FaultServer(answer) as server:
        async with AsyncClient(api_key="sk-invented", base_url=server.base_url) as client:
            batch = client.batch
            summary = await batch.run(source, tmp_path / "out", params={"seed": 1}, extra_headers={"X-Own": "y"})
    assert summary.ok
    by_id = {request.header("x-client-request-id"): request for request in seen}
    assert by_id.keys() == {None, "plain"}  # only what fits into a header goes along
    assert by_id["plain"].json() == {"seed": 1, **request("plain", **body)["body"]}
    assert by_id["plain"].header("authorization") == "Bearer sk-invented"
    assert by_id["plain"].header("x-own") == "y"
    assert by_id["plain"].target == "/v1/chat/completions"


async def test_an_id_header_of_the_users_own_wins(tmp_path: Path) -> None:
    """`extra_headers` may name the requests itself."""
    source = write_lines(tmp_path / "in", [request("a")])
    with FaultServer([json_reply({"choices": []})]) as server:
        async with AsyncClient(api_key="k", base_url=server.base_url) as client:
            await client.batch.run(source, tmp_path / "out", extra_headers={"X-Client-Request-Id": "mine"})
    assert [value for name, value in server.requests[0].headers if name.lower() == b"x-client-request-id"] == [b"mine"]


async def test_two_batches_at_once(tmp_path: Path, client: AsyncClient, emulator: Emulator) -> None:
    """Batches on one client do not know of each other; on one OUT the second is refused before anything is sent."""
    batch = client.batch
    one = write_lines(tmp_path / "one", requests(30, "one"))
    two = write_lines(tmp_path / "two", requests(30, "two"))

    emulator.latency = Latency(first_token=0.01)
    async with anyio.create_task_group() as group:
        started = anyio.Event()
        group.start_soon(lambda: batch.run(one, tmp_path / "one.out", on_progress=lambda _: started.set()))
        group.start_soon(lambda: batch.run(two, tmp_path / "two.out"))
        await started.wait()
        with pytest.raises(BatchLockedError):
            await batch.run(two, tmp_path / "one.out")
    assert len(ids(tmp_path / "one.out")) == len(ids(tmp_path / "two.out")) == 30
    assert emulator.stats.requests == 60


# ---- failures


async def test_failures_are_lines_too(tmp_path: Path) -> None:
    """A refusal keeps the server's status and body; what never was an answer gets an error; the next run retries what
    may pass, and `retry_failed` the rest; in the end each row has one line."""
    healed = False

    def answer(request: Request) -> Script:
        name = request.header("x-client-request-id")
        ok = json_reply({"choices": []}, headers={"x-request-id": f"req-{name}"})
        if healed or name == "ok":
            return ok
        return {
            "refused": json_reply({"error": {"message": "No.", "code": "bad"}}, 400, headers={"x-request-id": "r1"}),
            "busy": json_reply({"error": {"message": "Later."}}, 503),
            "gone": (Rst(),),
            "html": respond(200, b"<html>", headers={"content-type": "text/html"}),
            "other": json_reply({"object": "list"}),
            "moved": respond(307, headers={"location": "/"}),
        }[name or ""]

    names = ["refused", "ok", "busy", "gone", "html", "other", "moved"]
    source = write_lines(tmp_path / "in", [request(name) for name in names])
    out = tmp_path / "out"
    with FaultServer(answer) as server:
        async with AsyncClient(api_key="k", base_url=server.base_url, max_retries=0) as client:
            batch = client.batch
            first = await batch.run(source, out)
            lines = {line["custom_id"]: line for line in read_lines(out)}
            assert list(lines) == names
            healed = True
            second = await batch.run(source, out)
            third = await batch.run(source, out, retry_failed=True)
    assert (first.done, first.failed, first.complete, first.ok) == (7, 6, True, False)
    assert first.retryable == 5
    assert first.failures == {
        "BadRequestError": 1,
        "InternalServerError": 1,
        "APIConnectionError": 1,
        "DecodeError": 2,
        "UnexpectedRedirectError": 1,
    }
    body = {"error": {"message": "No.", "code": "bad"}}
    assert lines["refused"]["response"] == {"status_code": 400, "request_id": "r1", "body": body}
    assert lines["refused"]["error"] is None
    assert lines["busy"]["response"]["status_code"] == 503
    codes = {name: line["error"]["code"] for name, line in lines.items() if line["error"]}
    assert codes == {
        "gone": "connection_error",
        "html": "invalid_response",
        "other": "invalid_response",
        "moved": "unexpected_redirect",
    }
    assert (second.done, second.skipped, second.failed_before, second.ok) == (5, 2, 1, False)
    assert (third.done, third.skipped, third.ok) == (1, 6, True)
    assert [(line["custom_id"], line["response"]["request_id"]) for line in read_lines(out)] == [
        (name, f"req-{name}") for name in names
    ]


async def test_rows_are_retried_like_any_call(place: Place, emulator: Emulator, client: AsyncClient) -> None:
    """Retries within a run are the client's: `max_retries` reaches the calls, and nothing is written of what passed."""
    emulator.faults = Faults(rate=0.3, statuses=(503,), seed=1)
    write_lines(place.source, requests(30))
    summary = await place.run(max_retries=8)
    assert summary.ok
    assert emulator.stats.requests > 30


@pytest.mark.parametrize("keys", [(), ("sk-another",)])
async def test_a_refused_key_halts_the_run(tmp_path: Path, keys: tuple[str, ...]) -> None:
    """A key that nobody takes fails a handful of rows, not a million; with a good one the next run completes."""
    emulator = Emulator(keys=keys, latency=Latency(first_token=0.001))
    source = write_lines(tmp_path / "in", requests(200))
    with emulator.run() as server:
        async with AsyncClient(api_key="sk-invented", base_url=server.base_url) as client:
            with pytest.raises(BatchHaltedError, match="every further row") as caught:
                await client.batch.run(source, tmp_path / "out", max_in_flight=4)
    assert isinstance(caught.value.__cause__, APIStatusError)
    assert caught.value.summary.failed < 20
    assert caught.value.summary.left + caught.value.summary.done == 200
    with Emulator().run() as server:
        async with AsyncClient(api_key="sk-good", base_url=server.base_url) as client:
            summary = await client.batch.run(source, tmp_path / "out")
    assert (summary.done, summary.ok, summary.ambiguous) == (200, True, 0)


async def test_a_drained_account_halts_the_run(place: Place, emulator: Emulator) -> None:
    """Rows that were refused for want of credit are sent when there is some, and the finished ones are not."""
    write_lines(place.source, requests(10))
    await place.run()
    emulator.drain("sk-invented")
    write_lines(place.source, requests(50))
    with pytest.raises(BatchHaltedError, match="quota") as caught:
        await place.run(max_in_flight=2)
    assert caught.value.summary.failed <= 4
    emulator.refill("sk-invented")
    assert (await place.run()).ok
    counts = sent(emulator)
    assert all(counts[f"row-{number}"] == 1 for number in range(10))
    assert ids(place.out) == [f"row-{number}" for number in range(50)]


async def test_a_server_that_is_gone_halts_the_run(place: Place, emulator: Emulator) -> None:
    """So many failures in a row, which are not the rows' own, end the run; a success in between starts the count
    anew, and None never gives up."""
    emulator.faults = Faults(rate=1, statuses=(500,))
    write_lines(place.source, requests(60))
    with pytest.raises(BatchHaltedError, match="in a row") as caught:
        await place.run(max_in_flight=1, give_up_after=5)
    assert caught.value.summary.failed in (5, 6)
    emulator.faults = Faults(rate=0.5, statuses=(500,), seed=3)
    assert (await place.run(max_in_flight=1, give_up_after=30)).complete
    emulator.faults = Faults(rate=1, statuses=(500,))
    assert (await place.run(give_up_after=None)).complete


# ---- stopping and resuming


async def test_a_stop_finishes_what_is_in_flight(place: Place, emulator: Emulator) -> None:
    """After a stop every row that was sent is on the disk, none is ambiguous, and the next run sends only the rest."""
    emulator.latency = Latency(first_token=0.05)
    write_lines(place.source, requests(100))
    stop = anyio.Event()
    summaries: list[BatchSummary] = []

    async def run() -> None:
        summaries.append(await place.run(max_in_flight=5, stop=stop))

    async with anyio.create_task_group() as group:
        group.start_soon(run)
        await until(lambda: emulator.stats.requests >= 12)
        stop.set()
    (summary,) = summaries
    assert not summary.complete
    assert 12 <= summary.done < 100
    assert summary.left == 100 - summary.done
    assert sent(emulator) == Counter(ids(place.out))
    assert not journal_of(place.out).exists()
    second = await place.run()
    assert (second.skipped, second.ambiguous, second.ok) == (summary.done, 0, True)
    assert set(sent(emulator).values()) == {1}
    assert ids(place.out) == [f"row-{number}" for number in range(100)]


async def test_a_stop_calls_back_rows_that_wait_for_their_turn(
    tmp_path: Path, server: Serving, emulator: Emulator
) -> None:
    """Only what was really sent is waited for, noted and, after a cancellation, ambiguous; the rest never left."""
    source, out = write_lines(tmp_path / "in", requests(10)), tmp_path / "out"
    async with AsyncClient(api_key="k", base_url=server.base_url, max_concurrency=2) as client:
        batch = client.batch
        emulator.latency = Latency(first_token=30)
        async with anyio.create_task_group() as group:
            group.start_soon(partial(batch.run, source, out, max_in_flight=10))
            await until(lambda: emulator.stats.in_flight == 2)
            group.cancel_scope.cancel()
        noted = {f"row-{note.index}" for note in notes(out)}
        assert noted == sent(emulator).keys()
        emulator.latency = Latency(first_token=0.2)
        stop, summaries = anyio.Event(), list[BatchSummary]()

        async def run() -> None:
            summaries.append(await batch.run(source, out, max_in_flight=10, stop=stop))

        before = emulator.stats.requests
        async with anyio.create_task_group() as group:
            group.start_soon(run)
            await until(lambda: emulator.stats.requests == before + 2)
            stop.set()
        (summary,) = summaries
        assert (summary.ambiguous, summary.done, summary.left, summary.complete) == (2, 2, 8, False)
        assert len(ids(out)) == 2
        emulator.latency = Latency()
        assert (await batch.run(source, out)).ok
    assert sent(emulator) == Counter({f"row-{number}": 1 + (f"row-{number}" in noted) for number in range(10)})


async def test_a_stop_that_is_set_already_sends_nothing(place: Place, emulator: Emulator) -> None:
    """The event is looked at before the first row, too."""
    write_lines(place.source, requests(3))
    stop = anyio.Event()
    stop.set()
    summary = await place.run(stop=stop)
    assert (summary.left, summary.complete, emulator.stats.requests) == (3, False, 0)


async def test_cancelling_keeps_every_answer(place: Place, emulator: Emulator) -> None:
    """What had arrived is on the disk, what was in flight is noted, nothing is left running, and the next run goes
    on."""
    emulator.latency = Latency(first_token=0.02)
    write_lines(place.source, requests(100))
    before = len(pending_tasks())
    with anyio.CancelScope() as scope:

        def on_progress(progress: BatchProgress) -> None:
            if progress.done >= 10:
                scope.cancel()

        await place.run(max_in_flight=5, on_progress=on_progress)
    assert scope.cancelled_caught
    assert len(pending_tasks()) == before
    answered = ids(place.out)
    noted = {f"row-{note.index}" for note in notes(place.out)} - set(answered)
    assert len(answered) >= 10
    assert noted >= set(sent(emulator)) - set(answered)
    assert len(noted) <= 5
    summary = await place.run()
    assert set(summary.ambiguous_ids) == noted
    assert (summary.skipped, summary.ok) == (len(answered), True)
    assert {name for name, count in sent(emulator).items() if count > 1} <= noted
    assert ids(place.out) == [f"row-{number}" for number in range(100)]


async def cancelled_amid(place: Place, emulator: Emulator) -> None:
    """Of 20 rows the first 10 are answered; the next 5 were in flight when the run was cancelled."""
    write_lines(place.source, requests(10))
    await place.run()
    write_lines(place.source, requests(20))
    emulator.latency = Latency(first_token=30)
    async with anyio.create_task_group() as group:
        group.start_soon(partial(place.run, max_in_flight=5))
        await until(lambda: emulator.stats.in_flight == 5)
        group.cancel_scope.cancel()
    emulator.latency = Latency()


async def test_rows_that_were_in_flight_are_ambiguous(place: Place, emulator: Emulator) -> None:
    """The next run counts and names them, and sends them again."""
    await cancelled_amid(place, emulator)
    summary = await place.run()
    in_flight = [f"row-{number}" for number in range(10, 15)]
    assert sorted(summary.ambiguous_ids) == in_flight
    assert (summary.ambiguous, summary.skipped, summary.done, summary.ok) == (5, 10, 10, True)
    assert {name for name, count in sent(emulator).items() if count == 2} == set(in_flight)
    assert ids(place.out) == [f"row-{number}" for number in range(20)]
    assert not journal_of(place.out).exists()


async def test_ambiguous_rows_can_be_left_alone(place: Place, emulator: Emulator) -> None:
    """With `ambiguous="skip"` a row is never paid for twice: it is written down as failed, until `retry_failed`."""
    await cancelled_amid(place, emulator)
    summary = await place.run(ambiguous="skip")
    assert summary.complete
    assert summary.failures == {"Ambiguous": 5}
    summary = await place.run(ambiguous="skip")
    assert (summary.failed_before, summary.ok) == (5, False)
    assert set(sent(emulator).values()) == {1}
    lines = read_lines(place.out)
    assert [line["custom_id"] for line in lines] == [f"row-{number}" for number in range(20)]
    assert [line["error"] and line["error"]["code"] for line in lines] == [None] * 10 + ["ambiguous"] * 5 + [None] * 5
    summary = await place.run(retry_failed=True)
    assert (summary.done, summary.ok, summary.ambiguous) == (5, True, 0)


async def test_notes_of_ambiguous_rows_outlive_a_run_that_does_not_reach_them(place: Place, emulator: Emulator) -> None:
    """A row that was in flight in one run is still ambiguous for the third, if the second did not get to it."""
    await cancelled_amid(place, emulator)
    stop = anyio.Event()
    stop.set()
    second = await place.run(stop=stop)
    third = await place.run()
    assert second.ambiguous_ids == third.ambiguous_ids
    assert third.ambiguous == 5
    assert (await place.run()).ambiguous == 0


async def test_cancelling_at_any_moment_leaves_nothing_behind(
    tmp_path: Path, client: AsyncClient, emulator: Emulator, anyio_backend: str
) -> None:
    """Whenever a run is cancelled, also by asyncio's own `Task.cancel`, its files are closed and its lock is given up;
    the next one goes on, and no row that is on the disk is sent again."""
    batch = client.batch
    source, out = write_lines(tmp_path / "in", requests(40)), tmp_path / "out"
    emulator.latency = Latency(first_token=0.002)
    await client.models.list()
    descriptors, tasks = set(_files()), len(pending_tasks())
    sent_when_finished: dict[str, int] = {}
    for pause in range(60):
        if anyio_backend == "asyncio":
            task = asyncio.create_task(batch.run(source, out, max_in_flight=2))
            await asyncio.sleep(pause * 0.0005)
            task.cancel()
            await asyncio.wait({task})
        else:
            with anyio.move_on_after(pause * 0.0005):
                await batch.run(source, out, max_in_flight=2)
        assert len(pending_tasks()) <= tasks
        assert set(_files()) <= descriptors
        counts = sent(emulator)
        for name in whole_lines(out):
            assert sent_when_finished.setdefault(name, counts[name]) == counts[name]
    assert (await batch.run(source, out)).ok
    assert ids(out) == [f"row-{number}" for number in range(40)]


def _files() -> Iterator[str]:
    """What this process has open, sockets left out."""
    for descriptor in os.listdir("/proc/self/fd"):
        with suppress(FileNotFoundError):
            target = os.readlink(f"/proc/self/fd/{descriptor}")
            if not target.startswith(("socket:", "/proc")):
                yield target


async def test_rows_stand_in_line_behind_other_calls(
    place: Place, monkeypatch: pytest.MonkeyPatch, client: AsyncClient
) -> None:
    """Rows are of the class "batch", and of one job, unless `priority` says otherwise."""
    seen: list[CallRequest] = []
    fetch = pipeline_of(client).fetch

    async def watched(call: CallRequest) -> Any:
        seen.append(call)
        return await fetch(call)

    monkeypatch.setattr(pipeline_of(client), "fetch", watched)
    write_lines(place.source, requests(3))
    await place.run()
    assert {call.priority for call in seen} == {"batch"}
    assert len({id(call.job) for call in seen}) == 1
    assert seen[0].job is not None
    write_lines(place.source, requests(4))
    await place.run(priority="interactive")
    assert seen[-1].priority == "interactive"


async def test_costs_are_summed(tmp_path: Path, server: Serving) -> None:
    """Where prices are known, progress and summary say what the run cost, and the client's totals have it, too."""
    source = write_lines(tmp_path / "in", requests(10))
    prices = {"emulated-mini": (1.0, 2.0)}
    async with AsyncClient(api_key="k", base_url=server.base_url, prices=prices) as client:
        summary = await client.batch.run(source, tmp_path / "out")
    assert summary.cost == pytest.approx(client.costs.total.cost)
    assert summary.cost


async def test_tokens_are_bounded(place: Place, emulator: Emulator) -> None:
    """No row is sent that would pass the bound, whatever may be in flight; the summary names it, and a run goes on."""
    emulator.latency = Latency(first_token=0.002)
    write_lines(place.source, [request(f"row-{number}") for number in range(300)])
    first = await place.run(max_total_tokens=1)
    before, each = first.done, first.tokens // first.done
    assert 0 < before <= 8
    summary = await place.run(max_total_tokens=20 * each, max_in_flight=64)
    assert (summary.stopped, summary.complete) == ("max_total_tokens", False)
    assert (summary.done, summary.tokens) == (20, 20 * each)
    assert len(ids(place.out)) == before + 20
    summary = await place.run(max_total_tokens=10**9)
    assert (summary.stopped, summary.complete) == (None, True)
    assert set(sent(emulator).values()) == {1}


#: Dollars of one such row at a dollar per million tokens.
EACH = 12e-6


async def test_dollars_are_bounded(tmp_path: Path, server: Serving, emulator: Emulator) -> None:
    """The same for the cost; where a price is not known, nothing can be bounded, and the run ends."""
    source = write_lines(tmp_path / "in", [request(f"row-{number}") for number in range(300)])
    prices = {"emulated-mini": (1.0, 1.0)}
    async with AsyncClient(api_key="k", base_url=server.base_url, prices=prices) as client:
        summary = await client.batch.run(source, tmp_path / "out", max_cost=19.5 * EACH)
    assert (summary.stopped, summary.done, summary.cost) == ("max_cost", 20, pytest.approx(20 * EACH))
    async with AsyncClient(api_key="k", base_url=server.base_url) as client:
        summary = await client.batch.run(source, tmp_path / "out", max_cost=1e6)
    assert (summary.stopped, summary.cost) == ("max_cost", None)
    assert summary.done <= 8


async def test_a_run_that_waits_says_what_for(place: Place, emulator: Emulator) -> None:
    """While nothing is committed it reports all the same, so that one sees what it waits for."""
    emulator.latency = Latency(first_token=3_600)
    write_lines(place.source, requests(3))

    def look(progress: BatchProgress) -> None:
        if progress.in_flight == 3 and progress.seconds > 0.5:
            scope.cancel()

    with anyio.CancelScope() as scope:
        await place.run(on_progress=look)
    assert scope.cancelled_caught


# ---- what is refused before anything is sent


async def test_another_input_is_refused(place: Place, emulator: Emulator, tmp_path: Path) -> None:
    """OUT never mixes answers to different requests: a changed line, model, order or a shorter IN is an error."""
    write_lines(place.source, requests(20))
    await place.run()
    before = place.out.read_bytes()
    changed = requests(20)
    changed[7]["body"]["messages"][0]["content"] = "Something else."
    swapped = [*requests(20)[1:], requests(20)[0]]
    for lines, line in ((changed, 8), (swapped, 1), (requests(19), None)):
        write_lines(place.source, lines)
        with pytest.raises(BatchMismatchError, match="Nothing was sent") as caught:
            await place.run()
        assert caught.value.line == line
    write_lines(place.source, requests(20))
    with pytest.raises(BatchMismatchError):
        await place.run(params={"seed": 1})
    assert place.out.read_bytes() == before
    assert (await place.run(model="another")).skipped == 20  # each row names its own
    assert emulator.stats.requests == 20


async def test_a_failed_line_may_be_mended(place: Place, emulator: Emulator) -> None:
    """A row that failed and was then corrected in IN is a new row; the others are kept."""
    lines = [request("a"), request("b", model="unknown"), request("c")]
    write_lines(place.source, lines)
    assert (await place.run()).failures == {"NotFoundError": 1}
    assert (await place.run()).failed_before == 1
    lines[1] = request("b")
    write_lines(place.source, lines)
    assert (await place.run()).ok
    assert ids(place.out) == ["a", "b", "c"]
    assert sent(emulator) == {"a": 1, "b": 2, "c": 1}


async def test_another_input_is_refused_while_rows_are_in_flight(place: Place, emulator: Emulator) -> None:
    """Notes of one input are not taken for those of another, even when nothing was answered."""
    emulator.latency = Latency(first_token=30)
    write_lines(place.source, requests(3))
    async with anyio.create_task_group() as group:
        group.start_soon(place.run)
        await until(lambda: emulator.stats.in_flight == 3)
        group.cancel_scope.cancel()
    assert len(notes(place.out)) == 3
    write_lines(place.source, requests(3, "other"))
    with pytest.raises(BatchMismatchError, match="in flight"):
        await place.run()
    write_lines(place.source, requests(2))
    with pytest.raises(BatchMismatchError, match="ends before"):
        await place.run()


@pytest.mark.parametrize(
    "options",
    [
        {"max_in_flight": 0},
        {"ambiguous": "maybe"},
        {"give_up_after": 0},
        {"extra_body": {"a": 1}},
        {"timeout": -1},
        {"max_retries": -1},
        {"extra_headers": {"a": "\n"}},
        {"endpoint": "/v1/nothing"},
    ],
)
async def test_arguments_are_checked_first(place: Place, options: dict[str, Any]) -> None:
    """An argument that cannot be used is refused before a file is touched."""
    write_lines(place.source, requests(1))
    with pytest.raises(InvalidParameterError):
        await place.run(**options)
    assert not place.out.exists()


async def test_a_missing_input_leaves_no_output(place: Place) -> None:
    """A mistyped IN creates nothing."""
    with pytest.raises(BatchInputError, match="No such file"):
        await place.run()
    assert not place.out.exists()


# ---- progress


async def test_progress_counts_what_is_on_the_disk(
    place: Place, emulator: Emulator, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A row is reported when its line was forced to the disk, not before."""
    synced = [0]
    real = disk.sync

    def sync(descriptor: int) -> None:
        lines = place.out.read_bytes().count(b"\n")
        real(descriptor)
        synced[0] = max(synced[0], lines)

    monkeypatch.setattr(disk, "sync", sync)
    emulator.latency = Latency(first_token=0.01, jitter=1)
    write_lines(place.source, [*requests(120), "oops"])
    seen: list[BatchProgress] = []

    def on_progress(progress: BatchProgress) -> None:
        assert progress.done <= synced[0]
        seen.append(progress)

    await place.run(max_in_flight=8, on_progress=on_progress)
    assert seen[0].done == 0
    assert seen[0].total == 121
    assert seen[-1].total == 120
    assert [progress.done for progress in seen] == sorted(progress.done for progress in seen)
    assert max(progress.in_flight for progress in seen) > 0
    last = seen[-1]
    assert (last.done, last.failed, last.bad, last.in_flight, last.cost) == (120, 0, 1, 0, None)
    assert last.tokens == emulator.stats.tokens
    assert last.seconds > 0


async def test_an_error_of_the_callback_ends_the_run_as_it_is(place: Place, emulator: Emulator) -> None:
    """A bug in `on_progress` is raised by itself, not in a group, and costs no answer that had arrived."""
    emulator.latency = Latency(first_token=0.01)
    write_lines(place.source, requests(50))

    def on_progress(progress: BatchProgress) -> None:
        if progress.done:
            raise KeyError("a bug")

    with pytest.raises(KeyError, match="a bug"):
        await place.run(max_in_flight=4, on_progress=on_progress)
    assert len(ids(place.out)) > 0
    assert (await place.run()).ok


async def test_a_summary_of_many_bad_lines_is_bounded(place: Place) -> None:
    """Bad lines are all counted, and the first thousand are kept."""
    write_lines(place.source, [request("a"), *["oops"] * 1_500])
    summary = await place.run()
    assert summary.bad == 1_500
    assert len(summary.bad_lines) == 1_000
    assert json.loads(place.out.read_text())["custom_id"] == "a"
