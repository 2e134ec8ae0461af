"""The nouns around text completions and fine-tuning, for threads: the same names and replies."""

from __future__ import annotations

import json
import math

from openai_async import Client
from openai_async.emulator import Emulator


def test_completions_and_embeddings_for_threads() -> None:
    """Whole and streamed text, vectors as floats, many calls at once."""
    with Emulator().run() as server, Client(api_key="k", base_url=server.base_url) as client:
        whole = client.completions.create(model="emulated-mini", prompt="1,2,", max_tokens=6)
        with client.completions.stream(model="emulated-mini", prompt="1,2,", max_tokens=6) as stream:
            assert "".join(stream.text) == whole.text == "3,4,5,"
            assert stream.final().usage == whole.usage
        requests = [{"input": f"text {number}"} for number in range(20)]
        with client.map(client.embeddings.create, requests, model="emulated-mini", dimensions=16) as results:
            replies = [result.unwrap() for result in results]
        assert all(math.hypot(*reply.data[0].embedding) > 0.99 for reply in replies)
        assert client.moderations.create(input="I will kill you").results[0].flagged


def test_fine_tuning_for_threads() -> None:
    """Events are followed and the job is waited for without an event loop in sight."""
    examples = b"\n".join(json.dumps({"messages": [{"role": "user", "content": f"{n}"}]}).encode() for n in range(10))
    with Emulator(tuning_step=0.005).run() as server, Client(api_key="k", base_url=server.base_url) as client:
        file = client.files.create(file=("train.jsonl", examples), purpose="fine-tune")
        jobs = client.fine_tuning.jobs
        job = jobs.create(model="emulated-mini", training_file=file.id)
        messages = [event.message for event in jobs.events(job.id, poll_interval=0.01)]
        assert messages[-1] == "The job has successfully completed"
        assert jobs.wait(job.id).fine_tuned_model
        assert [each.id for each in jobs.list()] == [job.id]
        assert len(list(jobs.checkpoints.list(job.id))) == 3
        tune = client.fine_tunes.create(training_file=file.id)
        assert client.fine_tunes.wait(tune.id, poll_interval=0.01).ended
