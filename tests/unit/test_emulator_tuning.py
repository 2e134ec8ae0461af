"""The emulator's fine-tuning jobs walk by its clock, refuse what the API refuses, and are gone with it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from openai_async.emulator import Emulator

Body = dict[str, Any]

AUTH = {"authorization": "Bearer sk-test"}
EXAMPLES = b"\n".join(json.dumps({"prompt": f"{n} ->", "completion": " x"}).encode() for n in range(12))


class Clock:
    """A clock that stands still until it is set."""

    now = 0.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def client(clock: Clock) -> Iterator[httpx.Client]:
    emulator = Emulator(clock=clock, tuning_step=10, any_model=False)
    with emulator.run() as server, httpx.Client(base_url=server.base_url, headers=AUTH) as client:
        yield client


def uploaded(client: httpx.Client, purpose: str = "fine-tune") -> str:
    reply = client.post("/files", files={"file": ("a.jsonl", EXAMPLES)}, data={"purpose": purpose})
    return str(reply.json()["id"])


def test_a_job_stands_where_the_clock_says(client: httpx.Client, clock: Clock) -> None:
    """Each thing takes one step, whether or not somebody looks; what has happened stays as it was."""
    file = uploaded(client)
    body = {"model": "emulated-mini", "training_file": file, "method": {"type": "supervised", "supervised": {
        "hyperparameters": {"n_epochs": 1}}}}  # fmt: skip
    job = client.post("/fine_tuning/jobs", json=body).json()
    path, seen = f"/fine_tuning/jobs/{job['id']}", []
    for clock.now in (0, 9.9, 10, 19, 20, 30, 39, 40, 1_000):
        seen.append(client.get(path).json()["status"])
    assert seen == ["validating_files", "validating_files", "queued", "queued", *["running"] * 3, *["succeeded"] * 2]
    events = client.get(f"{path}/events").json()["data"]
    assert [event["type"] for event in events] == [*["message"] * 2, "metrics", *["message"] * 4]
    assert client.get(f"{path}/events").json()["data"] == events


def test_two_jobs_do_not_share_their_time(client: httpx.Client, clock: Clock) -> None:
    """A job that begins later ends later."""
    body = {"model": "emulated-mini", "training_file": uploaded(client)}
    first = client.post("/fine_tuning/jobs", json=body).json()["id"]
    clock.now = 30
    client.post("/fine_tuning/jobs", json=body)
    clock.now = 65
    listed = client.get("/fine_tuning/jobs").json()["data"]
    assert [job["status"] for job in listed] == ["running", "succeeded"]
    assert listed[1]["id"] == first


@pytest.mark.parametrize(
    ("change", "status", "param"),
    [
        ({"model": None}, 400, "model"),
        ({"model": "unheard-of"}, 404, "model"),
        ({"training_file": None}, 400, "training_file"),
        ({"training_file": "file-none"}, 400, "training_file"),
        ({"validation_file": "file-none"}, 400, "validation_file"),
        ({"suffix": "x" * 65}, 400, "suffix"),
        ({"method": {"type": "magic"}}, 400, "method.type"),
        ({"hyperparameters": {"n_epochs": 0}}, 400, "hyperparameters.n_epochs"),
        ({"seed": "x"}, 400, "seed"),
        ({"metadata": {"a": 1}}, 400, "metadata.a"),
    ],
    ids=str,
)
def test_jobs_refuse_what_the_api_refuses(client: httpx.Client, change: Body, status: int, param: str) -> None:
    """The API's own error shape, naming the parameter; no job is left behind."""
    body = {"model": "emulated-mini", "training_file": uploaded(client), **change}
    reply = client.post("/fine_tuning/jobs", json=body)
    assert (reply.status_code, reply.json()["error"]["param"]) == (status, param)
    assert client.get("/fine_tuning/jobs").json()["data"] == []


def test_a_file_for_another_purpose_is_no_training_file(client: httpx.Client) -> None:
    """It must have been uploaded for fine-tuning."""
    body = {"model": "emulated-mini", "training_file": uploaded(client, "user_data")}
    assert client.post("/fine_tuning/jobs", json=body).json()["error"]["code"] == "invalid_file"


def test_only_models_that_were_made_can_be_deleted(client: httpx.Client) -> None:
    """A model of the service is refused, one that there is not is not found."""
    assert client.delete("/models/emulated-mini").status_code == 403
    assert client.delete("/models/unheard-of").status_code == 404


def test_what_is_not_there_is_not_found(client: httpx.Client) -> None:
    """Jobs, fine-tunes and checkpoints of unknown ids."""
    for path in ("/fine_tuning/jobs/x", "/fine_tuning/jobs/x/events", "/fine-tunes/x", "/fine-tunes/x/events"):
        assert client.get(path).status_code == 404
    assert client.get("/fine_tuning/checkpoints/x/permissions").status_code == 404
    assert client.post("/fine_tuning/jobs/x/cancel").status_code == 404


def test_graders_that_need_a_model_are_only_checked(client: httpx.Client) -> None:
    """Similarity is a share; a grader that needs a model or runs code is valid, and refused when run."""
    similar = {
        "type": "text_similarity",
        "input": "{{sample.output_text}}",
        "reference": "abcd",
        "evaluation_metric": "m",
    }
    body = {"grader": similar, "model_sample": "abxx"}
    assert client.post("/fine_tuning/alpha/graders/run", json=body).json()["reward"] == 0.5
    code = {"type": "python", "name": "x", "source": "def grade(sample, item): return 1.0"}
    assert client.post("/fine_tuning/alpha/graders/validate", json={"grader": code}).json() == {"grader": code}
    reply = client.post("/fine_tuning/alpha/graders/run", json={"grader": code, "model_sample": "x"})
    assert reply.status_code == 400


def test_old_events_can_be_streamed(client: httpx.Client, clock: Clock) -> None:
    """`?stream=true` gives what has happened so far as events, and ends."""
    tune = client.post("/fine-tunes", json={"training_file": uploaded(client)}).json()
    clock.now = 100
    text = client.get(f"/fine-tunes/{tune['id']}/events", params={"stream": "true"}).text
    *events, done = [part.removeprefix("data: ") for part in text.split("\n\n") if part]
    assert done == "[DONE]"
    assert [json.loads(event)["object"] for event in events] == ["fine-tune-event"] * 10


def test_jobs_models_and_stored_chats_are_forgotten_with_the_last_server() -> None:
    """Nothing is left for the next one."""
    clock = Clock()
    emulator = Emulator(clock=clock, tuning_step=1)
    with emulator.run() as server, httpx.Client(base_url=server.base_url, headers=AUTH) as client:
        client.post("/fine_tuning/jobs", json={"model": "emulated-mini", "training_file": uploaded(client)})
        chat = {"model": "emulated-mini", "messages": [{"role": "user", "content": "x"}], "store": True}
        client.post("/chat/completions", json=chat)
        clock.now = 100
        assert any(model["id"].startswith("ft:") for model in client.get("/models").json()["data"])
    with emulator.run() as server, httpx.Client(base_url=server.base_url, headers=AUTH) as client:
        assert not any(model["id"].startswith("ft:") for model in client.get("/models").json()["data"])
        assert client.get("/fine_tuning/jobs").json()["data"] == []
        assert client.get("/chat/completions").json()["data"] == []
