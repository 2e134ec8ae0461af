"""Remote batches: one for each part whatever happens, and OUT as `run` would have written it."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import anyio
import pytest

from openai_async import APIConnectionError, AsyncClient, InvalidParameterError, NotFoundError, Price
from openai_async.batch import (
    BatchInputError,
    BatchLockedError,
    BatchOutputError,
    BatchSummary,
    RemoteBatchError,
    RemoteLimits,
    RemoteProgress,
    RemoteWaitError,
)
from openai_async.batch.remote import results as results_module, run as module
from openai_async.batch.remote.enqueue_backoff import EnqueueBackoff
from openai_async.emulator import BatchLimits, Emulator, Faults, Serving
from openai_async.emulator.batches.store import Batch
from tests.batch.conftest import Place
from tests.batch.files import ids, journal_of, read_lines, request, requests, write_lines
from tests.inside import pipeline_of

HELD = 3600.0  # seconds for each row: a batch that does not get on
FAST = (0.005, 0.05)


class Remote:
    """Remote runs between IN and OUT of a place, each with a client of its own, as processes have them."""

    def __init__(self, place: Place, server: Serving) -> None:
        self.source, self.out = place.source, place.out
        self._url = server.base_url

    async def run(self, wire: Wire | None = None, **options: Any) -> BatchSummary:
        async with AsyncClient(api_key="sk-invented", base_url=self._url, max_retries=0) as client:
            if wire is not None:
                wire.tap(client)
            return await client.batch.remote(self.source, self.out, **{"poll": FAST, **options})


class Killed(Exception):
    """The end of a process, as far as the server can see."""


class Wire:
    """Counts the requests of a client, and has something happen at one of them.

    `answer_lost`: it happens when the server has acted, else before it has heard of the request.
    """

    def __init__(self, at: Callable[[int, str], bool], error: Exception, *, answer_lost: bool) -> None:
        self.requests: list[str] = []
        self._at = at
        self._error = error
        self._answer_lost = answer_lost

    def tap(self, client: AsyncClient) -> None:
        pipeline: Any = pipeline_of(client)
        send: Callable[[Any], Awaitable[Any]] = pipeline._handler

        async def tapped(call: Any) -> Any:
            name = f"{call.method} {call.path.partition('?')[0]}"
            due = self._at(len(self.requests), name)
            self.requests.append(name)
            if due and not self._answer_lost:
                raise self._error
            answer = await send(call)
            if due:
                raise self._error
            return answer

        pipeline._handler = tapped


def lost() -> APIConnectionError:
    """Nobody knows whether the server has acted."""
    return APIConnectionError("reset by the peer", phase="response")


def first(wanted: str) -> Callable[[int, str], bool]:
    met: list[str] = []

    def is_first(_: int, name: str) -> bool:
        met.append(name)
        return name == wanted and met.count(wanted) == 1

    return is_first


@pytest.fixture
def remote(place: Place, server: Serving) -> Remote:
    return Remote(place, server)


def digests(emulator: Emulator) -> list[str]:
    return [(batch.metadata or {})["openai_async_run"] for batch in emulator.batches.listed()]


# ---- a whole run


async def test_several_parts_come_back_in_the_order_of_the_input(remote: Remote, emulator: Emulator) -> None:
    """Every row is answered once, and OUT has the lines of the Batch API in the order of IN."""
    rows = requests(25)
    write_lines(remote.source, rows)
    seen: list[RemoteProgress] = []
    summary = await remote.run(limits=RemoteLimits(rows=10), metadata={"team": "red"}, on_progress=seen.append)
    assert (summary.total, summary.done, summary.failed, summary.ok) == (25, 25, 0, True)
    assert summary.tokens == emulator.stats.prompt_tokens + emulator.stats.completion_tokens > 0
    assert ids(remote.out) == [row["custom_id"] for row in rows]
    for line in read_lines(remote.out):
        assert list(line) == ["id", "custom_id", "response", "error"]
        assert line["error"] is None
        assert line["response"]["status_code"] == 200
        assert line["response"]["body"]["choices"]
    metadata = [batch.metadata or {} for batch in reversed(emulator.batches.listed())]
    assert [(pairs["team"], pairs["part"]) for pairs in metadata] == [("red", "1/3"), ("red", "2/3"), ("red", "3/3")]
    assert [batch.total for batch in reversed(emulator.batches.listed())] == [10, 10, 5]
    assert [part.status for part in seen[0].parts] == ["waiting"] * 3
    assert [part.status for part in seen[-1].parts] == ["completed"] * 3
    assert (seen[-1].done, seen[-1].failed, seen[-1].total) == (25, 0, 25)
    assert sorted(path.name for path in remote.out.parent.iterdir()) == ["in.jsonl", "out.jsonl"]


async def test_the_limits_count_bytes_too(remote: Remote, emulator: Emulator) -> None:
    """No file is over the limit, and none is sent that could have been saved."""
    write_lines(remote.source, requests(9))
    line = len(json.dumps(requests(1)[0], separators=(",", ":"))) + 1
    await remote.run(limits=RemoteLimits(bytes=4 * line))
    sizes = [file.size for file in emulator.files.listed() if file.purpose == "batch"]
    assert [size // line for size in sizes] == [4, 4, 1]
    assert max(sizes) <= 4 * line


async def test_models_have_batches_of_their_own(remote: Remote, emulator: Emulator) -> None:
    """Rows of several models, mixed, become batches that the API accepts, and OUT is in order all the same."""
    models = ["emulated-mini", "emulated-large"] * 3
    write_lines(remote.source, [request(f"row-{n}", model=model) for n, model in enumerate(models)])
    assert (await remote.run()).ok
    assert ids(remote.out) == [f"row-{n}" for n in range(6)]
    assert len(emulator.batches.listed()) == 2


async def test_rows_that_fail_and_lines_that_are_bad(remote: Remote) -> None:
    """Failed rows stand in their place with the server's answer; bad lines are reported, and the rest runs."""
    rows: list[object] = [*requests(2), "no json", request("wrong", temperature=99), request("last")]
    write_lines(remote.source, rows)
    summary = await remote.run()
    assert (summary.total, summary.done, summary.failed, summary.retryable, summary.ok) == (5, 4, 1, 0, False)
    assert [line.number for line in summary.bad_lines] == [3]
    assert sum(summary.failures.values()) == 1
    lines = read_lines(remote.out)
    assert [line["custom_id"] for line in lines] == ["row-0", "row-1", "wrong", "last"]
    assert lines[2]["response"]["status_code"] == 400
    assert lines[2]["response"]["body"]["error"]["message"]


async def test_a_table_of_prompts(remote: Remote) -> None:
    """What `run` takes, `remote` takes: here a CSV file and a template."""
    remote.source = remote.source.with_suffix(".csv")
    remote.source.write_text("text,custom_id\ncat,one\ndog,two\n")
    summary = await remote.run(model="emulated-mini", prompt_template="Into French: {text}")
    assert summary.ok
    assert ids(remote.out) == ["one", "two"]


async def test_the_body_of_an_answer_is_not_rewritten(remote: Remote, emulator: Emulator) -> None:
    """But for its id, a line of OUT is the server's, byte for byte."""
    write_lines(remote.source, requests(3))
    await remote.run()
    (output,) = [file for file in emulator.files.listed() if file.purpose == "batch_output"]
    theirs = b"".join(output.pieces()).splitlines()
    ours = remote.out.read_bytes().splitlines()
    assert sorted(line.partition(b",")[2] for line in ours) == sorted(line.partition(b",")[2] for line in theirs)


# ---- once


async def test_the_same_command_again_sends_nothing(remote: Remote, emulator: Emulator) -> None:
    """A finished OUT needs no call at all."""
    write_lines(remote.source, requests(3))
    await remote.run()
    before, asked = remote.out.read_bytes(), emulator.stats.requests
    summary = await remote.run()
    assert (summary.skipped, summary.done, summary.ok) == (3, 0, True)
    assert (remote.out.read_bytes(), emulator.stats.requests) == (before, asked)


async def test_a_lost_output_is_collected_again(remote: Remote, emulator: Emulator) -> None:
    """Without OUT the batches are found by their content, and nothing is paid twice; other metadata asks anew."""
    write_lines(remote.source, requests(3))
    await remote.run()
    before = remote.out.read_bytes()
    remote.out.unlink()
    assert (await remote.run()).ok
    assert remote.out.read_bytes() == before
    assert len(emulator.batches.listed()) == 1
    remote.out.unlink()
    assert (await remote.run(metadata={"sample": "2"})).ok
    assert len(emulator.batches.listed()) == 2


@pytest.mark.parametrize("answer_lost", [False, True], ids=["before", "after"])
async def test_killed_at_any_request(remote: Remote, emulator: Emulator, answer_lost: bool) -> None:
    """Wherever a run is killed, the next one finds what there is: one file and one batch for each part, ever."""
    number = 0
    while True:
        write_lines(remote.source, requests(4, prefix=f"{number}"))
        wire = Wire(lambda place, _, number=number: place == number, Killed(), answer_lost=answer_lost)  # type: ignore[misc]
        remote.out.unlink(missing_ok=True)
        try:
            await remote.run(wire, limits=RemoteLimits(rows=2))
            break  # it makes fewer requests than that
        except Killed:
            assert not remote.out.read_bytes()
        assert (await remote.run(limits=RemoteLimits(rows=2))).ok
        assert len(ids(remote.out)) == 4
        number += 1
    assert number > 8
    made = digests(emulator)
    assert len(made) == len(set(made)) == 2 * (number + 1)
    names = [file.filename for file in emulator.files.listed() if file.purpose == "batch"]
    assert len(names) == len(set(names)) == len(made)
    assert sum(entry.batch_id is not None for entry in emulator.ledger.entries()) == 4 * (number + 1)


async def test_killed_while_out_is_written(remote: Remote, emulator: Emulator, monkeypatch: pytest.MonkeyPatch) -> None:
    """OUT has all the answers or none, and the next run collects them."""
    write_lines(remote.source, requests(3))

    def die(*_: object) -> None:
        raise Killed

    with monkeypatch.context() as patch:
        patch.setattr(results_module, "put_in_order", die)
        with pytest.raises(Killed):
            await remote.run()
    assert not remote.out.read_bytes()
    remote.out.with_name("out.jsonl.remote.tmp").write_text("left by a real kill")
    assert (await remote.run()).ok
    assert len(emulator.batches.listed()) == 1
    assert sorted(path.name for path in remote.out.parent.iterdir()) == ["in.jsonl", "out.jsonl"]


@pytest.mark.parametrize("path", ["POST /files", "POST /batches"])
@pytest.mark.parametrize("answer_lost", [False, True], ids=["not-carried-out", "carried-out"])
async def test_an_answer_that_is_lost_is_looked_for(
    remote: Remote, emulator: Emulator, path: str, answer_lost: bool
) -> None:
    """Who does not know whether a request was carried out looks first, and sends it again only if it was not."""
    write_lines(remote.source, requests(3))
    wire = Wire(first(path), lost(), answer_lost=answer_lost)
    assert (await remote.run(wire)).ok
    assert wire.requests.count(path) == 2 - answer_lost
    after = wire.requests[wire.requests.index(path) + 1 :]
    assert after[0] == path.replace("POST", "GET")
    assert len(emulator.batches.listed()) == 1
    assert len([file for file in emulator.files.listed() if file.purpose == "batch"]) == 1


async def test_who_cannot_look_does_not_send_again(remote: Remote, emulator: Emulator) -> None:
    """With an answer lost and no list to look at, the run ends; the next one finds the batch."""
    write_lines(remote.source, requests(3))
    created: list[int] = []

    def down(place: int, name: str) -> bool:
        if name == "POST /batches":
            created.append(place)
        return bool(created)

    wire = Wire(down, lost(), answer_lost=True)
    with pytest.raises(APIConnectionError):
        await remote.run(wire)
    assert wire.requests.count("POST /batches") == 1
    assert (await remote.run()).ok
    assert len(emulator.batches.listed()) == 1


async def test_a_refused_upload_is_not_repeated(remote: Remote) -> None:
    """A clear no is raised at once."""
    write_lines(remote.source, requests(1))
    refusal = NotFoundError("no such path", status_code=404)
    wire = Wire(first("POST /files"), refusal, answer_lost=False)
    with pytest.raises(NotFoundError):
        await remote.run(wire)
    assert wire.requests[-1] == "POST /files"


async def test_polls_that_fail_are_made_again(remote: Remote, monkeypatch: pytest.MonkeyPatch) -> None:
    """A server that is gone for a while ends no wait; one that stays away does."""
    write_lines(remote.source, requests(3))

    def polls(name: str) -> bool:
        return name.startswith("GET /batches/")

    failed: list[int] = []
    wire = Wire(
        lambda place, name: polls(name) and len(failed) < 3 and not failed.append(place), lost(), answer_lost=True
    )
    assert (await remote.run(wire)).ok
    assert len(failed) == 3
    monkeypatch.setattr(module, "_FAILED_POLLS", 4)
    write_lines(remote.source, requests(3, prefix="other"))
    remote.out.unlink()
    wire = Wire(lambda _, name: polls(name), lost(), answer_lost=False)
    with pytest.raises(APIConnectionError):
        await remote.run(wire)
    assert sum(map(polls, wire.requests)) == 4


async def test_a_batch_is_found_behind_others(remote: Remote, emulator: Emulator) -> None:
    """The list is read to its end, however many batches of others came since."""
    write_lines(remote.source, requests(2))
    await remote.run()
    remote.out.unlink()
    (ours,) = emulator.batches.listed()
    for _ in range(230):
        emulator.batches.add(Batch("/v1/chat/completions", "file-x", None, None, None, 0.0, 0, 0))
    wire = Wire(lambda *_: False, lost(), answer_lost=False)
    assert (await remote.run(wire)).ok
    assert wire.requests[:3] == ["GET /batches"] * 3
    assert "POST /batches" not in wire.requests
    assert ours.output_file_id is not None


async def test_a_failed_batch_is_not_taken_for_a_new_one(remote: Remote, emulator: Emulator) -> None:
    """With the answer to a new batch lost, only a batch that was not there before is the new one."""
    write_lines(remote.source, [request("one", model="not-there-yet")])
    with pytest.raises(RemoteBatchError):
        await remote.run()
    wire = Wire(first("POST /batches"), lost(), answer_lost=False)
    with pytest.raises(RemoteBatchError) as caught:
        await remote.run(wire)
    assert wire.requests.count("POST /batches") == 2
    assert emulator.batches.listed()[0].id == caught.value.batch_id
    assert len(emulator.batches.listed()) == 2


async def test_an_input_that_is_changed_meanwhile(remote: Remote, emulator: Emulator) -> None:
    """Answers are never put beside requests that they do not belong to."""
    emulator.batch_delay = HELD
    write_lines(remote.source, requests(3))

    def change(progress: RemoteProgress) -> None:
        if progress.parts[0].status == "in_progress":
            write_lines(remote.source, requests(2))
            emulator.batch_delay = 0.0

    with pytest.raises(BatchInputError, match="changed"):
        await remote.run(on_progress=change)
    assert not remote.out.read_bytes()
    write_lines(remote.source, requests(3))
    assert (await remote.run()).ok
    assert len(emulator.batches.listed()) == 1


# ---- batches that take their time, or do not complete


async def test_max_wait(remote: Remote, emulator: Emulator) -> None:
    """The wait ends, the batch does not; OUT is left alone, and the next run collects."""
    emulator.batch_delay = HELD
    write_lines(remote.source, requests(3))
    with pytest.raises(RemoteWaitError, match="go on") as caught:
        await remote.run(max_wait=0)
    assert (caught.value.progress.total, caught.value.progress.done) == (3, 0)
    assert not remote.out.read_bytes()
    emulator.batch_delay = 0.0
    assert (await remote.run()).ok
    assert len(emulator.batches.listed()) == 1


async def test_cancelling_the_wait_leaves_the_batch(remote: Remote, emulator: Emulator) -> None:
    """Cancelling gives OUT back and nothing else: the batch goes on, and is found again."""
    emulator.batch_delay = HELD
    write_lines(remote.source, requests(3))

    def under_way(progress: RemoteProgress) -> None:
        if progress.parts[0].status == "in_progress":
            scope.cancel()

    with anyio.CancelScope() as scope:
        await remote.run(on_progress=under_way)
    assert scope.cancelled_caught
    assert not journal_of(remote.out).exists()
    emulator.batch_delay = 0.0
    assert (await remote.run()).ok
    assert len(emulator.batches.listed()) == 1


@pytest.mark.parametrize("reason", ["cancelled", "expired"])
async def test_a_batch_that_ends_early_keeps_its_answers(remote: Remote, emulator: Emulator, reason: str) -> None:
    """The error names the reason, what was answered is in OUT, and the next run sends the rest alone."""
    write_lines(remote.source, requests(4))
    answered: list[int] = []

    def end_it(progress: RemoteProgress) -> None:
        (part,) = progress.parts
        if not answered and part.status == "in_progress" and part.done:
            answered.append(part.done)
            (batch,) = emulator.batches.listed()
            if reason == "cancelled":
                batch.cancel()
            else:
                batch.deadline = 0.0
        emulator.batch_delay = HELD if answered else 0.05

    emulator.batch_delay = 0.05
    with pytest.raises(RemoteBatchError, match=reason) as caught:
        await remote.run(on_progress=end_it)
    assert (caught.value.reason, caught.value.batch_id) == (reason, emulator.batches.listed()[0].id)
    kept = {line["id"]: line for line in read_lines(remote.out) if line["response"]}
    summary = caught.value.summary
    assert summary is not None
    assert 0 < len(kept) == summary.done - summary.failed < 4
    emulator.batch_delay = 0.0
    again = await remote.run()
    assert again.ok
    assert (again.skipped, again.done) == (len(kept), 4 - len(kept))
    assert ids(remote.out) == [f"row-{n}" for n in range(4)]
    assert kept.items() <= {line["id"]: line for line in read_lines(remote.out)}.items()
    assert emulator.batches.listed()[0].total == 4 - len(kept)


async def test_a_batch_that_failed_is_made_anew_by_the_next_run(remote: Remote, emulator: Emulator) -> None:
    """A failed batch ran nothing: the error says why and where, other parts keep their answers, and another run may."""
    rows = [*requests(2), request("other", model="not-there-yet")]
    write_lines(remote.source, rows)
    with pytest.raises(RemoteBatchError, match="not-there-yet") as caught:
        await remote.run()
    assert (caught.value.reason, caught.value.code) == ("failed", "model_not_found")
    assert "row 2 of the input" in str(caught.value)
    assert ids(remote.out) == ["row-0", "row-1"]
    with pytest.raises(RemoteBatchError):
        await remote.run()
    assert len(emulator.batches.listed()) == 3
    assert len([file for file in emulator.files.listed() if file.purpose == "batch"]) == 2


async def test_results_that_are_gone(remote: Remote, emulator: Emulator) -> None:
    """A batch whose results were deleted is an error that says what to do; nothing is paid for unasked."""
    write_lines(remote.source, requests(2))
    await remote.run()
    remote.out.unlink()
    for file in emulator.files.listed():
        emulator.files.delete(file.id)
    with pytest.raises(RemoteBatchError, match="metadata") as caught:
        await remote.run()
    assert caught.value.reason == "lost"
    assert len(emulator.batches.listed()) == 1


# ---- beside `run`


async def test_local_and_remote_runs_take_turns(remote: Remote, place: Place, emulator: Emulator) -> None:
    """What either has answered, the other does not send."""
    write_lines(remote.source, requests(2))
    await place.run()
    write_lines(remote.source, requests(5))
    assert (await remote.run()).done == 3
    write_lines(remote.source, requests(6))
    assert (await place.run()).done == 1
    assert ids(remote.out) == [f"row-{n}" for n in range(6)]
    assert [batch.total for batch in emulator.batches.listed()] == [3]


async def test_one_writer(remote: Remote, emulator: Emulator, place: Place) -> None:
    """While a remote run waits, no other run may have its OUT."""
    emulator.batch_delay = HELD
    write_lines(remote.source, requests(2))
    async with anyio.create_task_group() as group:
        waiting = anyio.Event()
        group.start_soon(lambda: remote.run(on_progress=lambda progress: progress.parts[0].batch_id and waiting.set()))
        await waiting.wait()
        with pytest.raises(BatchLockedError):
            await place.run()
        group.cancel_scope.cancel()


async def test_an_out_that_cannot_be_written(remote: Remote, emulator: Emulator, tmp_path: Path) -> None:
    """It is refused before anything is sent."""
    write_lines(remote.source, requests(2))
    remote.out = tmp_path / "missing" / "out.jsonl"
    with pytest.raises(BatchOutputError):
        await remote.run()
    assert not emulator.stats.requests


@pytest.mark.parametrize(
    "options",
    [
        {"metadata": {"part": "1"}},
        {"metadata": {"openai_async_run": "x"}},
        {"metadata": {"name": 1}},
        {"metadata": {"n" * 65: ""}},
        {"metadata": {"name": "v" * 513}},
        {"metadata": {str(n): "" for n in range(15)}},
        {"poll": (0.0, 1.0)},
        {"poll": (2.0, 1.0)},
        {"max_wait": -1},
        {"endpoint": "/v1/nothing"},
        {"extra_body": {"a": 1}},
        {"timeout": -1},
    ],
)
async def test_arguments_are_checked_before_anything_is_sent(
    remote: Remote, emulator: Emulator, options: dict[str, Any]
) -> None:
    """A wrong argument costs nothing."""
    write_lines(remote.source, requests(1))
    with pytest.raises(InvalidParameterError):
        await remote.run(**options)
    assert not emulator.stats.requests
    assert not remote.out.exists()


@pytest.mark.parametrize("value", [0, -1, True, 1.5])
def test_limits_are_positive_integers(value: Any) -> None:
    """A limit that no row fits is refused where it is made."""
    with pytest.raises(InvalidParameterError):
        RemoteLimits(rows=value)


# ---- an account whose queue of tokens is full


async def test_parts_wait_for_room_in_the_queue(remote: Remote, emulator: Emulator) -> None:
    """A part that the queue has no room for is handed in again when one of ours has ended, in the same run."""
    emulator.batch_limits = BatchLimits(enqueued_tokens=150)
    emulator.batch_delay = HELD
    write_lines(remote.source, requests(8))
    states: list[tuple[str, ...]] = []

    def look(progress: RemoteProgress) -> None:
        states.append(tuple(part.status for part in progress.parts))
        if "queue full" in states[-1]:
            emulator.batch_delay = 0.0  # there was no room: now there is going to be

    summary = await remote.run(limits=RemoteLimits(rows=2), on_progress=look)
    assert summary.ok
    assert ids(remote.out) == [f"row-{number}" for number in range(8)]
    batches = emulator.batches.listed()
    assert Counter(batch.status for batch in batches)["completed"] == 4
    assert sum(batch.completed for batch in batches) == 8
    assert len([file for file in emulator.files.listed() if file.purpose == "batch"]) == 4  # uploaded once
    assert any("queue full" in state for state in states)
    assert states[-1] == ("completed",) * 4


async def test_others_may_hold_the_queue(remote: Remote, emulator: Emulator) -> None:
    """While any batch of the account is under way, there is something to wait for, however often there is no room."""
    emulator.batch_limits = BatchLimits(enqueued_tokens=150)
    emulator.batch_delay = HELD
    other = Batch("/v1/chat/completions", "file-x", None, None, None, 1e9, 0, 0)
    other.model, other.enqueued = emulator.catalog.find("emulated-mini").snapshot, 100
    other.reach("in_progress")
    emulator.batches.add(other)
    write_lines(remote.source, requests(2))
    tries: set[str] = set()

    def look(progress: RemoteProgress) -> None:
        tries.update(batch.id for batch in emulator.batches.listed() if batch.status == "failed")
        if len(tries) == 8 and other.status == "in_progress":
            other.reach("completed")
            emulator.batch_delay = 0.0

    assert (await remote.run(on_progress=look, poll=(0.001, 0.002))).ok
    assert len(tries) >= 8


async def test_a_part_that_is_too_large_for_the_queue(remote: Remote, emulator: Emulator) -> None:
    """With nothing else enqueued, waiting helps nobody: the error says to make parts smaller, and then it works."""
    emulator.batch_limits = BatchLimits(enqueued_tokens=150)
    write_lines(remote.source, requests(8))
    with pytest.raises(RemoteBatchError, match="parts smaller") as caught:
        await remote.run()
    assert (caught.value.reason, caught.value.code) == ("failed", "token_limit_exceeded")
    assert (await remote.run(limits=RemoteLimits(tokens=22))).ok
    assert [batch.total for batch in emulator.batches.listed() if batch.status == "completed"] == [2, 3, 3]


async def test_models_have_queues_of_their_own(remote: Remote, emulator: Emulator) -> None:
    """A part that waits for room does not hold up those of another model."""
    emulator.batch_limits = BatchLimits(enqueued_tokens=150)
    emulator.batch_delay = HELD
    write_lines(remote.source, [*requests(4), *(request(f"large-{n}", model="emulated-large") for n in range(2))])

    def look(progress: RemoteProgress) -> None:
        if [part.status for part in progress.parts] == ["in_progress", "queue full", "in_progress"]:
            emulator.batch_delay = 0.0

    assert (await remote.run(limits=RemoteLimits(rows=2), on_progress=look)).ok


async def test_progress_of_each_part(remote: Remote, emulator: Emulator) -> None:
    """Completed, failed and total of each part, the time so far, and the time left at the pace of this run."""
    emulator.batch_delay = 0.02
    write_lines(remote.source, [*requests(5), request("bad", max_completion_tokens=10**9)])
    seen: list[RemoteProgress] = []
    await remote.run(limits=RemoteLimits(rows=3), on_progress=seen.append)
    assert [part.total for part in seen[0].parts] == [3, 3]
    assert (seen[0].done, seen[0].seconds_left) == (0, None)
    assert [(part.completed, part.failed) for part in seen[-1].parts] == [(3, 0), (2, 1)]
    assert (seen[-1].completed, seen[-1].failed, seen[-1].total, seen[-1].seconds_left) == (5, 1, 6, 0)
    for progress in seen:
        if 0 < progress.done < 6:
            assert progress.seconds_left == pytest.approx(progress.seconds * (6 - progress.done) / progress.done)
    remote.out.unlink()
    again: list[RemoteProgress] = []
    await remote.run(limits=RemoteLimits(rows=3), on_progress=again.append)
    assert (again[-1].done, again[-1].done_before) == (6, 6)


async def test_costs_of_a_remote_run(remote: Remote, place: Place, server: Serving) -> None:
    """The price of the tier "batch" is summed and booked; without one, the cost is unknown."""
    write_lines(remote.source, requests(3))
    price = Price(2.0, 4.0, tiers={"batch": Price(1.0, 2.0)})
    async with AsyncClient(api_key="k", base_url=server.base_url, prices={"emulated-mini": price}) as client:
        summary = await client.batch.remote(remote.source, remote.out, poll=FAST)
        total = client.costs.total
    assert summary.cost == pytest.approx((total.prompt_tokens * 1.0 + total.completion_tokens * 2.0) / 1e6)
    assert (total.calls, total.cost) == (3, pytest.approx(summary.cost))
    assert summary.tokens == total.prompt_tokens + total.completion_tokens > 0
    remote.out.unlink()
    assert (await remote.run()).cost is None


def test_a_queue_that_has_room_again_is_tried_at_once() -> None:
    """Pauses double while it has none, end when a batch of ours does, and too many refusals alone are enough."""
    backoff = EnqueueBackoff((1.0, 4.0))
    assert not backoff.is_full
    waits: list[float] = []
    for now in (10.0, 20.0, 30.0, 40.0):
        assert backoff.refused(now, alone=False)
        waits.append(backoff.wait(now))
    assert waits == [1.0, 2.0, 4.0, 4.0]
    backoff.ended()
    assert backoff.is_full
    assert backoff.wait(41.0) == 0.0
    assert [backoff.refused(50.0, alone=True) for _ in range(5)] == [True] * 4 + [False]


# ---- a server that does what it is asked for, and says that it failed


@pytest.mark.parametrize("status", [500, 502, 503, 504])
@pytest.mark.parametrize(
    "failing", [("POST /v1/batches",), ("POST /v1/files",), ("POST /v1/batches", "POST /v1/files")]
)
async def test_what_was_made_and_called_a_failure_is_found(
    remote: Remote, emulator: Emulator, server: Serving, status: int, failing: tuple[str, ...]
) -> None:
    """Every create is carried out and answered with an error: one batch, one file, no row paid twice."""
    emulator.faults = Faults(1.0, (status,), only=failing, carried_out=True)
    write_lines(remote.source, requests(6))
    async with AsyncClient(api_key="sk-invented", base_url=server.base_url) as client:  # with its retries
        summary = await client.batch.remote(remote.source, remote.out, poll=FAST)
    assert (summary.done, summary.ok) == (6, True)
    [batch] = emulator.batches.listed()
    assert batch.total == 6
    entries = Counter(entry.path for entry in emulator.ledger.entries() if entry.method == "POST")
    assert (entries["/v1/batches"], entries["/v1/files"]) == (1, 1)
    assert sum(entry.batch_id is not None for entry in emulator.ledger.entries()) == 6
