"""Fine-tuning as a client sees it: jobs from their creation to the model they make, and what is around them."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from typing import Any

import anyio
import pytest

from openai_async import NULL, AsyncClient, BadRequestError, InvalidParameterError, NotFoundError, WaitTimeoutError
from openai_async.emulator import Emulator
from openai_async.testing import FaultServer, Request, Script, json_reply, no_leaks

EXAMPLES = b"\n".join(json.dumps({"messages": [{"role": "user", "content": f"{n}"}]}).encode() for n in range(10))
FAST = 0.001


class Clock:
    """A clock that stands still until it is set."""

    now = 0.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
async def client(clock: Clock) -> AsyncIterator[AsyncClient]:
    with Emulator(clock=clock, tuning_step=10).run() as server:
        async with AsyncClient(api_key="k", base_url=server.base_url) as client:
            yield client


async def started(client: AsyncClient, examples: bytes = EXAMPLES, **params: Any) -> Any:
    file = await client.files.create(file=("train.jsonl", examples), purpose="fine-tune")
    return await client.fine_tuning.jobs.create(**{"model": "emulated-mini", "training_file": file.id, **params})


async def test_a_job_walks_its_states_and_makes_a_model(client: AsyncClient, clock: Clock) -> None:
    """From validating to succeeded; the model can then be asked, is listed, and can be deleted."""
    job = await started(client, suffix="mine", metadata={"team": "a"}, seed=7, hyperparameters={"n_epochs": 2})
    assert (job.status, job.ended, job.fine_tuned_model, job.seed) == ("validating_files", False, None, 7)
    seen: list[str | None] = []

    def look(state: Any) -> None:
        seen.append(state.status)
        clock.now += 10

    done = await client.fine_tuning.jobs.wait(job.id, poll_interval=FAST, on_poll=look)
    assert list(dict.fromkeys(seen)) == ["validating_files", "queued", "running", "succeeded"]
    assert done.ended
    assert done.trained_tokens
    assert done.hyperparameters is not None
    assert done.hyperparameters["n_epochs"] == 2
    model = done.fine_tuned_model
    assert model is not None
    assert model.startswith("ft:emulated-mini-2026-11-01:org-emulated:mine:")
    assert (await client.files.content(done.result_files[0])).content.startswith(b"step,")
    reply = await client.chat.completions.create(model=model, messages=[{"role": "user", "content": "x"}])
    assert reply.model == model
    assert model in [each.id for each in await client.models.list()]
    assert (await client.models.delete(model)).deleted
    with pytest.raises(NotFoundError):
        await client.models.retrieve(model)


async def test_events_follow_a_job_to_its_end(client: AsyncClient, clock: Clock) -> None:
    """Each event once, oldest first, those of the end included, although the list is paged and newest first."""
    job = await started(client)
    messages: list[str] = []
    async for event in client.fine_tuning.jobs.events(job.id, poll_interval=FAST):
        messages.append(event.message or "")
        if event.type == "metrics":
            assert event.data is not None
            assert event.data["train_loss"] > 0
        clock.now += 10
    listed = [event.message async for event in client.fine_tuning.jobs.list_events(job.id, limit=2)]
    assert messages == listed[::-1]
    assert len(messages) == len(set(messages)) == 9
    assert messages[-1] == "The job has successfully completed"


async def test_events_that_could_not_be_read_are_not_lost() -> None:
    """A page fails after another was read: iterating again gives all events, each once."""
    pages = {
        "": {"data": [{"id": "e3"}, {"id": "e2"}], "has_more": True},
        "e2": {"data": [{"id": "e1"}], "has_more": False},
    }
    broken = True

    def answer(request: Request) -> Script:
        nonlocal broken
        if "events" not in request.target:
            return json_reply({"id": "ftjob-1", "status": "succeeded"})
        after = request.target.partition("after=")[2]
        if after and broken:
            broken = False
            return json_reply({"error": {"message": "no"}}, 400)
        return json_reply({"object": "list", **pages[after]})

    with FaultServer(answer) as server:
        async with AsyncClient(api_key="k", base_url=server.base_url) as client:
            events = client.fine_tuning.jobs.events("ftjob-1", poll_interval=FAST)
            with pytest.raises(BadRequestError):
                await anext(events)
            assert [event.id async for event in events] == ["e1", "e2", "e3"]


async def test_leaving_events_early_leaves_nothing_behind(client: AsyncClient) -> None:
    """Cancelled while it waits for what happens next: no task, no permit, no connection in use."""
    job = await started(client)
    async with no_leaks():
        events = client.fine_tuning.jobs.events(job.id, poll_interval=60)
        await anext(events)
        await anext(events)
        with anyio.move_on_after(0.05) as scope:
            await anext(events)
        assert scope.cancelled_caught
        await client.aclose()


async def test_a_job_is_paused_resumed_and_cancelled(client: AsyncClient, clock: Clock) -> None:
    """A paused job stays where it is however long, a resumed one goes on from there, a cancelled one is over."""
    jobs = client.fine_tuning.jobs
    job = await started(client)
    clock.now = 20
    assert (await jobs.pause(job.id)).status == "paused"
    clock.now = 1_000
    assert (await jobs.retrieve(job.id)).status == "paused"
    with pytest.raises(BadRequestError):
        await jobs.pause(job.id)
    assert (await jobs.resume(job.id)).status in ("queued", "running")
    clock.now = 1_010
    assert len(await jobs.checkpoints.list(job.id)) == 1
    assert (await jobs.cancel(job.id)).status == "cancelled"
    assert (await jobs.wait(job.id)).status == "cancelled"
    with pytest.raises(BadRequestError):
        await jobs.cancel(job.id)


async def test_waiting_has_an_end(client: AsyncClient) -> None:
    """A job that has not ended in time is a WaitTimeoutError with its last state."""
    job = await started(client)
    with pytest.raises(WaitTimeoutError) as caught:
        await client.fine_tuning.jobs.wait(job.id, max_wait=0.01, poll_interval=FAST)
    assert caught.value.last.id == job.id


async def test_bad_examples_fail_the_job_and_say_where(client: AsyncClient, clock: Clock) -> None:
    """A line that is no example, and too few of them: the job fails, and its error names the file."""
    for examples, code, words in (
        (EXAMPLES + b"\n{}\n", "invalid_training_file", "Line 11"),
        (EXAMPLES[:200], "invalid_training_file", "Line"),
        (EXAMPLES.partition(b"\n")[0], "invalid_n_examples", "has 1 example(s)"),
    ):
        job = await started(client, examples)
        clock.now += 100
        job = await client.fine_tuning.jobs.wait(job.id)
        assert job.status == "failed"
        assert (job.error.code, job.error.param) == (code, "training_file")
        assert words in job.error.message
    with pytest.raises(BadRequestError):
        await client.fine_tuning.jobs.create(model="emulated-mini", training_file="file-none")


async def test_jobs_are_listed_in_pages_and_by_metadata(client: AsyncClient) -> None:
    """Newest first, page after page; filtered by metadata, or by having none."""
    jobs = [await started(client, metadata={"number": str(number % 2)}) for number in range(5)]
    assert [job.id async for job in client.fine_tuning.jobs.list(limit=2)] == [job.id for job in reversed(jobs)]
    odd = await client.fine_tuning.jobs.list(metadata={"number": "1"}).collect()
    assert [job.id for job in odd] == [jobs[3].id, jobs[1].id]
    plain = await started(client)
    assert [job.id async for job in client.fine_tuning.jobs.list(metadata=NULL)] == [plain.id]


async def test_checkpoints_can_be_used_and_shared(client: AsyncClient, clock: Clock) -> None:
    """Checkpoints are models; permissions are given, listed and taken back."""
    job = await started(client)
    clock.now = 100
    checkpoints = await client.fine_tuning.jobs.checkpoints.list(job.id)
    assert [each.step_number for each in checkpoints] == [3, 2, 1]
    name = checkpoints.data[1].fine_tuned_model_checkpoint
    assert name is not None
    assert (await client.models.retrieve(name)).id == name
    permissions = client.fine_tuning.checkpoints.permissions
    given = await permissions.create(name, project_ids=["proj_a", "proj_b"])
    assert [each.project_id for each in given] == ["proj_a", "proj_b"]
    assert len(given) == 2
    assert {each.id async for each in permissions.list(name, limit=1)} == {each.id for each in given}
    (found,) = await permissions.retrieve(name, project_id="proj_b")
    assert (await permissions.delete(found.id, fine_tuned_model_checkpoint=name)).deleted
    assert len(await permissions.list(name)) == 1
    with pytest.raises(NotFoundError):
        await permissions.delete(found.id, fine_tuned_model_checkpoint=name)


async def test_graders_are_checked_and_run(client: AsyncClient) -> None:
    """A grader that compares texts fills its templates and gives a reward; one that is none is refused."""
    graders = client.fine_tuning.alpha.graders
    grader = {
        "type": "string_check", "name": "same", "operation": "eq",
        "input": "{{ sample.output_text }}", "reference": "{{item.answer}}",
    }  # fmt: skip
    assert (await graders.validate(grader=grader)).grader == grader
    right = await graders.run(grader=grader, model_sample="42", item={"answer": 42})
    wrong = await graders.run(grader=grader, model_sample="41", item={"answer": 42})
    assert (right.reward, wrong.reward) == (1.0, 0.0)
    assert right.metadata is not None
    assert right.metadata["name"] == "same"
    for bad in ({"type": "string_check"}, {"type": "unheard of"}):
        with pytest.raises(BadRequestError):
            await graders.validate(grader=bad)
    with pytest.raises(BadRequestError):
        await graders.run(grader=grader, model_sample="42", item={})


async def test_states_and_fields_of_tomorrow_are_read() -> None:
    """Unknown states, nulls and unknown fields; events without ids are told apart all the same."""
    job = {"id": "ftjob-1", "status": "dreaming", "result_files": None, "error": None, "mood": "good"}
    asked = 0

    def answer(request: Request) -> Script:
        nonlocal asked
        if "events" not in request.target:
            return json_reply(job)
        asked += 1
        job["status"] = "succeeded" if asked == 2 else "dreaming"
        events = [{"id": "", "message": f"event {number}", "created_at": number} for number in range(2 * asked)]
        return json_reply({"object": "list", "data": events[::-1], "has_more": False})

    with FaultServer(answer) as server:
        async with AsyncClient(api_key="k", base_url=server.base_url) as client:
            found = await client.fine_tuning.jobs.retrieve("ftjob-1")
            assert (found.status, found.ended, found.result_files, found.extra) == (
                "dreaming",
                False,
                [],
                {"mood": "good"},
            )
            events = client.fine_tuning.jobs.events("ftjob-1", poll_interval=FAST)
            assert [event.created_at async for event in events] == [0, 1, 2, 3, 4, 5]
            with pytest.raises(InvalidParameterError):
                client.fine_tuning.jobs.events("ftjob-1", poll_interval=0)
            with pytest.raises(InvalidParameterError):
                await client.fine_tuning.jobs.retrieve("../files")
