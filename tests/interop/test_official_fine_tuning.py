"""The official client, its own way, against the emulator: fine-tuning from the file to the model."""

from __future__ import annotations

import json

import openai
import pytest

from openai_async.emulator import Emulator

EXAMPLES = b"\n".join(json.dumps({"messages": [{"role": "user", "content": f"{n}"}]}).encode() for n in range(10))


class Clock:
    """A clock that stands still until it is set."""

    now = 0.0

    def __call__(self) -> float:
        return self.now


def test_fine_tuning_from_the_file_to_the_model() -> None:
    """Jobs: created, listed, paused, resumed, cancelled, followed to the end; checkpoints, permissions, the model."""
    clock = Clock()
    emulator = Emulator(clock=clock, tuning_step=10)
    with emulator.run() as server, openai.OpenAI(api_key="k", base_url=server.base_url, max_retries=0) as client:
        file = client.files.create(file=("train.jsonl", EXAMPLES), purpose="fine-tune")
        jobs = client.fine_tuning.jobs
        job = jobs.create(model="emulated-mini", training_file=file.id, suffix="x", metadata={"a": "b"})
        other = jobs.create(model="emulated-mini", training_file=file.id)
        assert [each.id for each in jobs.list(limit=1)] == [other.id, job.id]
        assert [each.id for each in jobs.list(metadata={"a": "b"})] == [job.id]
        clock.now = 20
        assert jobs.pause(other.id).status == "paused"
        assert jobs.resume(other.id).status in ("queued", "running")
        assert jobs.cancel(other.id).status == "cancelled"
        clock.now = 100
        done = jobs.retrieve(job.id)
        assert done.status == "succeeded"
        assert done.fine_tuned_model is not None
        assert [event.type for event in jobs.list_events(job.id, limit=3)].count("metrics") == 3
        first, *_ = jobs.checkpoints.list(job.id)
        assert first.fine_tuned_model_checkpoint == done.fine_tuned_model
        permissions = client.fine_tuning.checkpoints.permissions
        (given,) = permissions.create(done.fine_tuned_model, project_ids=["proj_a"])
        assert [each.id for each in permissions.list(done.fine_tuned_model)] == [given.id]
        assert permissions.delete(given.id, fine_tuned_model_checkpoint=done.fine_tuned_model).deleted
        assert client.models.retrieve(done.fine_tuned_model).id == done.fine_tuned_model
        assert client.models.delete(done.fine_tuned_model).deleted
        with pytest.raises(openai.NotFoundError):
            client.models.retrieve(done.fine_tuned_model)
        graders = client.fine_tuning.alpha.graders
        run = graders.run(
            grader={"type": "string_check", "name": "x", "operation": "ilike", "input": "{{sample.output_text}}",
                    "reference": "YES"},
            model_sample="oh yes",
        )  # fmt: skip
        assert run.reward == 1.0
